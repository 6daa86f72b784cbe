/* The types in Python: TypedDict, Literal, NotRequired, of typing since 3.11. A class is made of each object,
 * those inside others under the names of both: ChatContentText. */
#include <ctype.h>

#include "base/memory/mem.h"
#include "describe/describe_int.h"

/* What a schema is called, with the classes that it needs written before. NAME: what a class made of it would
 * be called. */
static void add_py_type(struct hub_buf *out, struct hub_buf *type, const char *name, const json_t *schema);

/* NAME and MEMBER as one name, in which nothing but letters and digits stays. */
static void add_py_name(struct hub_buf *b, const char *name, const char *member, size_t n) {
    bool start = true;
    hub_buf_addz(b, name);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)member[i];
        if (isalnum(c)) hub_buf_addc(b, start ? (char)toupper(c) : (char)c);
        start = !isalnum(c);
    }
}

static void add_py_ref(struct hub_buf *type, struct hub_str ref) {
    struct hub_str rest = hub_str(ref.p + strlen("#/$defs/"), ref.n - strlen("#/$defs/")), piece;
    char name[256] = "";
    if (hub_str_split(&rest, '/', &piece) && piece.n < sizeof name) memcpy(name, piece.p, piece.n);
    struct hub_str member = rest.n ? hub_str(rest.p + strlen("properties/"), rest.n - strlen("properties/")) : rest;
    add_py_name(type, name, member.p, member.n);
}

static void add_py_words(struct hub_buf *type, const json_t *words) {
    size_t i;
    json_t *word;
    hub_buf_addz(type, "Literal[");
    json_array_foreach(words, i, word) {
        hub_buf_addz(type, i ? ", " : "");
        if (json_is_boolean(word))
            hub_buf_addz(type, json_is_true(word) ? "True" : "False");
        else
            hub_json_add(type, word);
    }
    hub_buf_addc(type, ']');
}

static bool is_py_required(const json_t *object, const char *name) {
    size_t i;
    json_t *one;
    json_array_foreach(hub_json_get(object, "required"), i, one) {
        if (hub_str_is(hub_json_str(one), name)) return true;
    }
    return false;
}

/* ---- classes ---- */

/* Contents are referred to one by one, so each has a name of its own. */
static bool is_py_referred(const char *name) {
    return hub_str_ends(hub_cstr(name), HUB_STR("Content")) || hub_str_ends(hub_cstr(name), HUB_STR("Input"));
}

static void add_py_member(struct hub_buf *out, struct hub_buf *members, const char *name, const json_t *object,
                          const char *key, const json_t *schema) {
    struct hub_buf type = {0}, inner = {0};
    add_py_name(&inner, name, key, strlen(key));
    add_py_type(out, &type, hub_buf_cstr(&inner), schema);
    if (is_py_referred(name) && strcmp(hub_buf_cstr(&type), hub_buf_cstr(&inner))) {
        hub_buf_addf(out, "%s = %s\n", hub_buf_cstr(&inner), hub_buf_cstr(&type));
        hub_buf_clear(&type);
        hub_buf_adds(&type, hub_buf_str(&inner));
    }
    hub_buf_addz(members, "    ");
    hub_json_add_string(members, hub_cstr(key));
    hub_buf_addf(members, is_py_required(object, key) ? ": %s,\n" : ": NotRequired[%s],\n", hub_buf_cstr(&type));
    hub_buf_free(&inner);
    hub_buf_free(&type);
}

static void add_py_members(struct hub_buf *out, struct hub_buf *members, const char *name, const json_t *object) {
    const char *key;
    json_t *schema;
    json_object_foreach(hub_json_get(object, "properties"), key, schema)
        add_py_member(out, members, name, object, key, schema);
}

static void add_py_class(struct hub_buf *out, const char *name, const struct hub_buf *members) {
    hub_buf_addf(out, "%s = TypedDict(\"%s\", {\n%.*s})\n", name, name, HUB_FMT(hub_buf_str(members)));
}

/* What a message has in common with others is among its own members. DEFS is where references lead. */
static void add_py_all_of(struct hub_buf *out, struct hub_buf *type, const char *name, const json_t *schemas) {
    struct hub_buf bases = {0}, base = {0}, members = {0};
    size_t i;
    json_t *s;
    json_array_foreach(schemas, i, s) {
        hub_buf_clear(&base);
        if (hub_json_get(s, "$ref")) {
            add_py_type(out, &base, name, s);
            hub_buf_addf(&bases, "%s%s", bases.n ? ", " : "", hub_buf_cstr(&base));
        } else {
            add_py_members(out, &members, name, s);
        }
    }
    hub_buf_addf(out, "class %s(%s):\n", name, hub_buf_cstr(&bases));
    struct hub_str rest = hub_buf_str(&members), line;
    while (rest.n && hub_str_split(&rest, '\n', &line)) { /* "    \"content\": T," */
        if (line.n < 8) continue;
        struct hub_str key = hub_str(line.p + 5, hub_str_find(hub_str(line.p + 5, line.n - 5), '"'));
        struct hub_str value = hub_str(key.p + key.n + 3, line.n - key.n - 9);
        hub_buf_addf(out, "    %.*s: %.*s\n", HUB_FMT(key), HUB_FMT(value));
    }
    hub_buf_addz(type, name);
    hub_buf_free(&bases);
    hub_buf_free(&base);
    hub_buf_free(&members);
}

static void add_py_object(struct hub_buf *out, struct hub_buf *type, const char *name, const json_t *schema) {
    const json_t *others = hub_json_get(schema, "additionalProperties");
    struct hub_buf members = {0};
    if (json_is_object(others)) {
        hub_buf_addz(type, "dict[str, ");
        add_py_type(out, type, name, others);
        hub_buf_addc(type, ']');
    } else if (!hub_json_get(schema, "properties")) {
        hub_buf_addz(type, "dict[str, Json]");
    } else {
        add_py_members(out, &members, name, schema);
        add_py_class(out, name, &members);
        hub_buf_addz(type, name);
    }
    hub_buf_free(&members);
}

/* ---- types ---- */

static void add_py_any_of(struct hub_buf *out, struct hub_buf *type, const char *name, const json_t *schemas) {
    size_t i;
    json_t *s;
    hub_buf_addz(type, "Union[");
    json_array_foreach(schemas, i, s) {
        char number[24];
        struct hub_buf inner = {0};
        snprintf(number, sizeof number, "%zu", i + 1);
        add_py_name(&inner, name, number, strlen(number));
        hub_buf_addz(type, i ? ", " : "");
        add_py_type(out, type, hub_buf_cstr(&inner), s);
        hub_buf_free(&inner);
    }
    hub_buf_addc(type, ']');
}

static const struct simple {
    const char *type, *python;
} simple[] = {
    {"string", "str"}, {"integer", "int"}, {"number", "float"}, {"boolean", "bool"}, {"null", "None"},
};

static void add_py_named(struct hub_buf *out, struct hub_buf *type, const char *name, struct hub_str word,
                         const json_t *schema) {
    for (size_t i = 0; i < HUB_NELEM(simple); i++)
        if (hub_str_is(word, simple[i].type)) hub_buf_addz(type, simple[i].python);
    if (hub_str_is(word, "object")) add_py_object(out, type, name, schema);
    if (hub_str_is(word, "array")) {
        hub_buf_addz(type, "list[");
        add_py_type(out, type, name, hub_json_get(schema, "items"));
        hub_buf_addc(type, ']');
    }
}

static void add_py_several(struct hub_buf *out, struct hub_buf *type, const char *name, const json_t *types) {
    size_t i;
    json_t *word;
    if (hub_str_is(hub_json_str(json_array_get(types, 1)), "array")) {
        hub_buf_addz(type, "Json");
        return;
    }
    hub_buf_addz(type, "Union[");
    json_array_foreach(types, i, word) {
        json_t *one = json_pack("{s:O}", "type", word);
        hub_buf_addz(type, i ? ", " : "");
        add_py_type(out, type, name, one);
        json_decref(one);
    }
    hub_buf_addc(type, ']');
}

static void add_py_type(struct hub_buf *out, struct hub_buf *type, const char *name, const json_t *schema) {
    const json_t *kind = hub_json_get(schema, "type"), *v;
    if ((v = hub_json_get(schema, "$ref"))) {
        add_py_ref(type, hub_json_str(v));
    } else if ((v = hub_json_get(schema, "const"))) {
        json_t *words = json_pack("[O]", v);
        add_py_words(type, words);
        json_decref(words);
    } else if ((v = hub_json_get(schema, "enum"))) {
        add_py_words(type, v);
    } else if ((v = hub_json_get(schema, "anyOf"))) {
        add_py_any_of(out, type, name, v);
    } else if ((v = hub_json_get(schema, "allOf"))) {
        add_py_all_of(out, type, name, v);
    } else if (hub_json_get(schema, "not")) {
        hub_buf_addz(type, "Never");
    } else if (json_is_array(kind)) {
        add_py_several(out, type, name, kind);
    } else if (kind) {
        add_py_named(out, type, name, hub_json_str(kind), schema);
    } else {
        hub_buf_addz(type, hub_json_get(schema, "format") ? "bytes" : "Json");
    }
}

static void add_py_declaration(struct hub_buf *out, const char *name, const json_t *def) {
    struct hub_buf type = {0};
    if (!strcmp(name, "Json"))
        hub_buf_addz(&type, "Union[None, bool, int, float, str, list[\"Json\"], dict[str, \"Json\"]]");
    else
        add_py_type(out, &type, name, def);
    if (strcmp(hub_buf_cstr(&type), name)) hub_buf_addf(out, "%s = %s\n", name, hub_buf_cstr(&type));
    hub_buf_free(&type);
}

void hub_describe_python(const json_t *types, struct hub_buf *out) {
    const char *name;
    json_t *def;
    hub_buf_addf(out,
                 "\"\"\"Types of the service %s, made by hubctl types. Changes are lost.\"\"\"\n\n"
                 "from typing import Literal, Never, NotRequired, TypedDict, Union\n",
                 json_string_value(hub_json_get(types, "title")));
    json_object_foreach(hub_json_get(types, "$defs"), name, def) {
        hub_buf_addc(out, '\n');
        add_py_declaration(out, name, def);
    }
}
