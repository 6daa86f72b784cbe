/* The types of rows, which are written in a small language (part.h), as schemas. */
#include <ctype.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "describe/describe_int.h"

/* Words that mean the same everywhere. */
static const struct word {
    const char *word, *schema;
} words[] = {
    {"id", "{\"type\":\"string\",\"minLength\":1}"},
    {"text", "{\"type\":\"string\"}"},
    {"integer", "{\"type\":\"integer\"}"},
    {"boolean", "{\"type\":\"boolean\"}"},
    {"time", "{\"type\":\"string\",\"format\":\"date-time\"}"},
    {"object", "{\"type\":\"object\"}"},
    {"null", "{\"type\":\"null\"}"},
    {"true", "{\"const\":true}"},
    {"any", "{}"},
    {"JSON", "{}"},
    {"binary", "{\"format\":\"binary\"}"},
    {"code", "{\"$ref\":\"#/$defs/ErrorCode\"}"},
};

const char *hub_describe_name(const struct hub_describing *d, const char *name, struct hub_buf *buf) {
    hub_buf_clear(buf);
    hub_buf_addf(buf, "%s%c%s", d->prefix, toupper((unsigned char)name[0]), name + 1);
    return hub_buf_cstr(buf);
}

json_t *hub_describe_ref(const struct hub_describing *d, const char *name, const char *member) {
    struct hub_buf b = {0};
    json_t *ref = hub_schema_ref(hub_describe_name(d, name, &b), member);
    hub_buf_free(&b);
    return ref;
}

/* ---- words that depend on the hub ---- */

static HUB_MUST json_t *role_schema(struct hub_describing *d) { return hub_describe_ref(d, "role", NULL); }
static HUB_MUST json_t *message_schema(struct hub_describing *d) { return hub_describe_ref(d, "message", NULL); }

static HUB_MUST json_t *type_schema(struct hub_describing *d) {
    json_t *all = json_array();
    for (size_t i = 0; i < d->def->message_type_n; i++)
        json_array_append_new(all, hub_schema_const(d->def->message_types[i].name));
    return hub_schema_any_of(all);
}

static HUB_MUST json_t *each_type(const struct hub_describing *d, const char *of) {
    json_t *all = json_array();
    for (size_t i = 0; i < d->def->message_type_n; i++)
        json_array_append_new(all, hub_describe_ref(d, of, d->def->message_types[i].name));
    return hub_schema_any_of(all);
}

static HUB_MUST json_t *content_schema(struct hub_describing *d) { return each_type(d, "content"); }
static HUB_MUST json_t *input_schema(struct hub_describing *d) { return each_type(d, "input"); }

static HUB_MUST json_t *event_schema(struct hub_describing *d) {
    json_t *all = json_array();
    for (const struct hub_standard_event *e = hub_standard_events; e->name; e++)
        if (e->sent && hub_standard_event_on(d->def, e)) json_array_append_new(all, hub_schema_const(e->name));
    for (size_t i = 0; i < d->def->custom_event_n; i++)
        if (d->def->custom_events[i].direction == HUB_CLIENT_TO_ROOM)
            json_array_append_new(all, hub_schema_const(d->def->custom_events[i].name));
    return hub_schema_any_of(all);
}

static HUB_MUST json_t *presence_state_schema(struct hub_describing *d) {
    const struct hub_def_presence_state *p = &d->def->presence_state;
    return p->field_n ? hub_describe_fields(p->fields, p->field_n, true) : hub_schema_type("object");
}

static const struct hub_word {
    const char *word;
    json_t *(*make)(struct hub_describing *d);
} hub_words[] = {
    {"role", role_schema},
    {"message", message_schema},
    {"type", type_schema},
    {"content", content_schema},
    {"input", input_schema},
    {"event", event_schema},
    {"presenceState", presence_state_schema},
};

/* ---- named shapes ---- */

static const struct hub_shape *find_shape(struct hub_str name, const struct hub_field *fields) {
    HUB_EACH_PART(part) HUB_EACH_ROW(hub_shape, s, (*part)->shapes) {
        if (fields ? s->fields == fields : hub_str_is(name, s->name)) return s;
    }
    return NULL;
}

static HUB_MUST json_t *object_of(struct hub_describing *d, const struct hub_field *fields) {
    json_t *object = hub_schema_object();
    HUB_EACH_ROW(hub_field, f, fields) {
        if (!f->on || f->on(d->def))
            hub_schema_add(object, f->name, hub_describe_shape(d, f->type), !f->optional, f->help);
    }
    return object;
}

/* Those that it refers to come before it. */
static HUB_MUST json_t *named_shape(struct hub_describing *d, const struct hub_shape *s) {
    struct hub_buf name = {0};
    if (!json_object_get(d->defs, hub_describe_name(d, s->name, &name))) {
        json_t *object = object_of(d, s->fields);
        json_object_set_new(object, "description", json_string(s->help));
        json_object_set_new(d->defs, hub_buf_cstr(&name), object);
    }
    hub_buf_free(&name);
    return hub_describe_ref(d, s->name, NULL);
}

json_t *hub_describe_named(struct hub_describing *d, const struct hub_field *fields) {
    const struct hub_shape *s = fields ? find_shape(hub_str(NULL, 0), fields) : NULL;
    return s ? named_shape(d, s) : NULL;
}

json_t *hub_describe_answer(struct hub_describing *d, const struct hub_field *fields) {
    json_t *named = hub_describe_named(d, fields);
    return named ? named : object_of(d, fields);
}

/* ---- the language ---- */

static bool skip_text(struct hub_str *s, const char *text) {
    if (!hub_str_starts(*s, hub_cstr(text))) return false;
    s->p += strlen(text), s->n -= strlen(text);
    return true;
}

static struct hub_str read_until(struct hub_str *s, const char *stops) {
    size_t n = 0;
    while (n < s->n && !strchr(stops, s->p[n])) n++;
    struct hub_str word = hub_str(s->p, n);
    s->p += n, s->n -= n;
    return word;
}

static HUB_MUST json_t *read_type(struct hub_describing *d, struct hub_str *s);

static HUB_MUST json_t *read_object(struct hub_describing *d, struct hub_str *s) {
    json_t *object = hub_schema_object();
    do {
        char *name = hub_str_dup(read_until(s, ":?"));
        bool optional = skip_text(s, "?");
        HUB_BUG_IF(!skip_text(s, ": "));
        hub_schema_add(object, name, read_type(d, s), !optional, NULL);
        free(name);
    } while (skip_text(s, ", "));
    HUB_BUG_IF(!skip_text(s, "}"));
    return object;
}

static HUB_MUST json_t *read_constant(struct hub_str *s) {
    json_t *constant = json_pack("{s:o}", "const", hub_json_string(read_until(s, "`")));
    HUB_BUG_IF(!skip_text(s, "`"));
    return constant;
}

static HUB_MUST json_t *read_word(struct hub_describing *d, struct hub_str word) {
    for (size_t i = 0; i < HUB_NELEM(words); i++)
        if (hub_str_is(word, words[i].word)) return hub_json_parse(hub_cstr(words[i].schema), NULL);
    for (size_t i = 0; i < HUB_NELEM(hub_words); i++)
        if (hub_str_is(word, hub_words[i].word)) return hub_words[i].make(d);
    const struct hub_shape *shape = find_shape(word, NULL);
    HUB_BUG_IF(!shape);
    return named_shape(d, shape);
}

static HUB_MUST json_t *read_one(struct hub_describing *d, struct hub_str *s) {
    if (skip_text(s, "{")) return read_object(d, s);
    if (skip_text(s, "`")) return read_constant(s);
    return read_word(d, read_until(s, " ,}"));
}

static HUB_MUST json_t *read_type(struct hub_describing *d, struct hub_str *s) {
    if (skip_text(s, "list of ")) return hub_schema_list(read_type(d, s));
    if (skip_text(s, "map of "))
        return json_pack("{s:s, s:o}", "type", "object", "additionalProperties", read_type(d, s));
    json_t *all = json_array();
    do json_array_append_new(all, read_one(d, s));
    while (skip_text(s, " or "));
    return hub_schema_any_of(all);
}

json_t *hub_describe_shape(struct hub_describing *d, const char *text) {
    struct hub_str rest = hub_cstr(text);
    json_t *schema = read_type(d, &rest);
    HUB_BUG_IF(rest.n);
    return schema;
}

/* ---- arguments ---- */

static HUB_MUST json_t *integer_schema(const struct hub_arg *arg) {
    json_t *s = hub_schema_type("integer");
    json_object_set_new(s, "minimum", json_integer(arg->least));
    if (arg->most != INT64_MAX && !(arg->flags & HUB_ARG_CAPPED))
        json_object_set_new(s, "maximum", json_integer(arg->most));
    return s;
}

/* The bounds of the row are in bytes: a character is one at least. */
static HUB_MUST json_t *text_schema(int64_t least, int64_t most) {
    json_t *s = hub_schema_type("string");
    if (least > 0) json_object_set_new(s, "minLength", json_integer(1));
    if (most) json_object_set_new(s, "maxLength", json_integer(most));
    return s;
}

json_t *hub_describe_argument(struct hub_describing *d, const struct hub_arg *arg) {
    if (arg->shape) return hub_describe_shape(d, arg->shape);
    switch (arg->type) {
    case HUB_ARG_ID: return text_schema(1, 255);
    case HUB_ARG_TEXT: return text_schema(arg->least, arg->most);
    case HUB_ARG_INT: return integer_schema(arg);
    case HUB_ARG_BOOL: return hub_schema_type("boolean");
    case HUB_ARG_OBJECT: return hub_schema_type("object");
    case HUB_ARG_ANY: return json_object();
    }
    return json_object();
}
