/* The types in TypeScript, for the stock socket.io-client and for @hubd/client. */
#include <ctype.h>

#include "base/memory/mem.h"
#include "describe/describe_int.h"

static void add_ts_type(struct hub_buf *b, const json_t *schema);

/* ---- names and words ---- */

static bool is_ts_identifier(const char *s) {
    if (!isalpha((unsigned char)*s) && *s != '_' && *s != '$') return false;
    while (isalnum((unsigned char)*s) || *s == '_' || *s == '$') s++;
    return !*s;
}

static void add_ts_key(struct hub_buf *b, const char *key) {
    if (is_ts_identifier(key))
        hub_buf_addz(b, key);
    else
        hub_json_add_string(b, hub_cstr(key));
}

/* What people are told of it, on a line of its own. */
static void add_ts_comment(struct hub_buf *b, const json_t *schema, const char *indent) {
    struct hub_str text = hub_json_get_str(schema, "description");
    if (!text.n) return;
    hub_buf_addf(b, "%s/** ", indent);
    for (size_t i = 0; i < text.n; i++) {
        bool ends = text.p[i] == '/' && i && text.p[i - 1] == '*';
        hub_buf_addc(b, text.p[i] == '\n' || text.p[i] == '\r' ? ' ' : text.p[i]);
        if (ends) b->p[b->n - 1] = ' ';
    }
    hub_buf_addz(b, " */\n");
}

/* ---- types ---- */

/* "#/$defs/ChatContent/properties/text" is ChatContent["text"]. */
static void add_ts_ref(struct hub_buf *b, struct hub_str ref) {
    struct hub_str piece, rest = hub_str(ref.p + strlen("#/$defs/"), ref.n - strlen("#/$defs/"));
    if (hub_str_split(&rest, '/', &piece)) hub_buf_adds(b, piece);
    if (!rest.n) return;
    hub_buf_addc(b, '[');
    hub_json_add_string(b, hub_str(rest.p + strlen("properties/"), rest.n - strlen("properties/")));
    hub_buf_addc(b, ']');
}

static void add_ts_joined(struct hub_buf *b, const json_t *schemas, const char *glue) {
    size_t i;
    json_t *s;
    json_array_foreach(schemas, i, s) {
        hub_buf_addz(b, i ? glue : "");
        add_ts_type(b, s);
    }
}

static void add_ts_words(struct hub_buf *b, const json_t *words) {
    size_t i;
    json_t *word;
    json_array_foreach(words, i, word) {
        hub_buf_addz(b, i ? " | " : "");
        hub_json_add(b, word);
    }
}

static bool is_ts_required(const json_t *object, const char *name) {
    size_t i;
    json_t *one;
    json_array_foreach(hub_json_get(object, "required"), i, one) {
        if (hub_str_is(hub_json_str(one), name)) return true;
    }
    return false;
}

static void add_ts_members(struct hub_buf *b, const json_t *object, const char *glue) {
    const char *name, *between = "";
    json_t *schema;
    json_object_foreach(hub_json_get(object, "properties"), name, schema) {
        hub_buf_addz(b, between);
        add_ts_key(b, name);
        hub_buf_addz(b, is_ts_required(object, name) ? ": " : "?: ");
        add_ts_type(b, schema);
        between = glue;
    }
}

static void add_ts_object(struct hub_buf *b, const json_t *schema) {
    const json_t *properties = hub_json_get(schema, "properties"),
                 *others = hub_json_get(schema, "additionalProperties");
    if (json_is_object(others)) {
        hub_buf_addz(b, "{ [key: string]: ");
        add_ts_type(b, others);
        hub_buf_addz(b, " }");
    } else if (!properties) {
        hub_buf_addz(b, "{ [key: string]: Json }");
    } else if (!json_object_size(properties)) {
        hub_buf_addz(b, "{}");
    } else {
        hub_buf_addz(b, "{ ");
        add_ts_members(b, schema, "; ");
        hub_buf_addz(b, " }");
    }
}

static void add_ts_list(struct hub_buf *b, const json_t *items) {
    struct hub_buf item = {0};
    add_ts_type(&item, items);
    bool simple =
        !hub_json_get(items, "anyOf") && !hub_json_get(items, "enum") && !json_is_array(hub_json_get(items, "type"));
    hub_buf_addf(b, simple ? "%s[]" : "(%s)[]", hub_buf_cstr(&item));
    hub_buf_free(&item);
}

static void add_ts_named(struct hub_buf *b, struct hub_str type, const json_t *schema) {
    if (hub_str_is(type, "array"))
        add_ts_list(b, hub_json_get(schema, "items"));
    else if (hub_str_is(type, "object"))
        add_ts_object(b, schema);
    else if (hub_str_is(type, "integer"))
        hub_buf_addz(b, "number");
    else
        hub_buf_adds(b, type);
}

/* An object or array of any kind is any JSON to the compiler. */
static void add_ts_several(struct hub_buf *b, const json_t *types) {
    size_t i;
    json_t *type;
    if (hub_str_is(hub_json_str(json_array_get(types, 1)), "array")) {
        hub_buf_addz(b, "Json");
        return;
    }
    json_array_foreach(types, i, type) {
        hub_buf_addz(b, i ? " | " : "");
        json_t *one = json_pack("{s:O}", "type", type);
        add_ts_type(b, one);
        json_decref(one);
    }
}

static void add_ts_type(struct hub_buf *b, const json_t *schema) {
    const json_t *type = hub_json_get(schema, "type"), *v;
    if ((v = hub_json_get(schema, "$ref")))
        add_ts_ref(b, hub_json_str(v));
    else if ((v = hub_json_get(schema, "const")))
        hub_json_add(b, v);
    else if ((v = hub_json_get(schema, "enum")))
        add_ts_words(b, v);
    else if ((v = hub_json_get(schema, "anyOf")))
        add_ts_joined(b, v, " | ");
    else if ((v = hub_json_get(schema, "allOf")))
        hub_buf_addc(b, '('), add_ts_joined(b, v, " & "), hub_buf_addc(b, ')');
    else if (hub_json_get(schema, "not"))
        hub_buf_addz(b, "never");
    else if (json_is_array(type))
        add_ts_several(b, type);
    else if (type)
        add_ts_named(b, hub_json_str(type), schema);
    else
        hub_buf_addz(b, hub_json_get(schema, "format") ? "ArrayBuffer | Uint8Array" : "Json");
}

/* ---- declarations ---- */

/* What plain namespaces handle takes anything. */
static bool is_ts_open(const json_t *request) {
    const json_t *both = hub_json_get(request, "properties");
    return !json_object_size(hub_json_get(both, "payload")) && !json_object_size(hub_json_get(both, "answer"));
}

static void add_ts_request(struct hub_buf *b, const char *name, const json_t *request) {
    const json_t *both = hub_json_get(request, "properties");
    add_ts_comment(b, request, "  ");
    hub_buf_addz(b, "  ");
    add_ts_key(b, name);
    if (is_ts_open(request)) {
        hub_buf_addz(b, ": (...args: any[]) => void;\n");
        return;
    }
    hub_buf_addz(b, is_ts_required(request, "payload") ? ": (p: " : ": (p?: ");
    add_ts_type(b, hub_json_get(both, "payload"));
    hub_buf_addz(b, ", ack?: Ack<");
    add_ts_type(b, hub_json_get(both, "answer"));
    hub_buf_addz(b, ">) => void;\n");
}

static void add_ts_told(struct hub_buf *b, const char *name, const json_t *payload) {
    add_ts_comment(b, payload, "  ");
    hub_buf_addz(b, "  ");
    add_ts_key(b, name);
    hub_buf_addz(b, ": (p: ");
    add_ts_type(b, payload);
    hub_buf_addz(b,
                 hub_json_get(payload, "x-acknowledged")
                     ? ", ack: (answer: { ok: true; result?: Json } | { ok: false; error: Json }) => void) => void;\n"
                     : ") => void;\n");
}

static void add_ts_member(struct hub_buf *b, const json_t *object, const char *name, const json_t *schema) {
    add_ts_comment(b, schema, "  ");
    hub_buf_addz(b, "  ");
    add_ts_key(b, name);
    hub_buf_addz(b, is_ts_required(object, name) ? ": " : "?: ");
    add_ts_type(b, schema);
    hub_buf_addz(b, ";\n");
}

static void add_ts_interface(struct hub_buf *b, const char *name, const json_t *def) {
    bool requests = hub_str_ends(hub_cstr(name), HUB_STR("ClientToServer"));
    bool told = hub_str_ends(hub_cstr(name), HUB_STR("ServerToClient"));
    const char *member;
    json_t *schema;
    hub_buf_addf(b, "export interface %s {\n", name);
    json_object_foreach(hub_json_get(def, "properties"), member, schema) {
        if (requests)
            add_ts_request(b, member, schema);
        else if (told)
            add_ts_told(b, member, schema);
        else
            add_ts_member(b, def, member, schema);
    }
    hub_buf_addz(b, "}\n");
}

static void add_ts_declaration(struct hub_buf *b, const char *name, const json_t *def) {
    add_ts_comment(b, def, "");
    if (hub_json_get(def, "properties")) {
        add_ts_interface(b, name, def);
        return;
    }
    hub_buf_addf(b, "export type %s = ", name);
    if (strcmp(name, "Json"))
        add_ts_type(b, def);
    else
        hub_buf_addz(b, "null | boolean | number | string | Json[] | { [key: string]: Json }");
    hub_buf_addz(b, ";\n");
}

void hub_describe_ts_type(const json_t *schema, struct hub_buf *out) { add_ts_type(out, schema); }

void hub_describe_typescript(const json_t *types, struct hub_buf *out) {
    const char *name;
    json_t *def;
    hub_buf_addf(out, "// Types of the service %s, made by hubctl types. Changes are lost.\n",
                 json_string_value(hub_json_get(types, "title")));
    json_object_foreach(hub_json_get(types, "$defs"), name, def) {
        hub_buf_addc(out, '\n');
        add_ts_declaration(out, name, def);
        if (!strcmp(name, "Failure"))
            hub_buf_addz(out, "/** An acknowledgement: T is what it adds to `ok: true`. */\n"
                              "export type Ack<T> = (answer: ({ ok: true } & T) | Failure) => void;\n");
    }
}
