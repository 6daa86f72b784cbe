/* Fields of objects: types, lists, fields within fields, defaults (specification: HubCustomField). */
#include "data/fields.h"

#include <stdio.h>

#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "base/time/clock.h"

#define STRING_MAX 255 /* characters of a String field */

static const char *text_mismatch(const json_t *v, size_t max) {
    if (!json_is_string(v)) return "a text";
    struct hub_str s = hub_json_str(v);
    if (memchr(s.p, 0, s.n)) return "a text without NUL characters";
    return hub_utf8_len(s) > max ? "a text of at most 255 characters" : NULL;
}

static const char *enum_mismatch(const struct hub_def_field *f, const json_t *v) {
    for (size_t i = 0; i < f->enum_values.n; i++)
        if (json_is_string(v) && hub_str_is(hub_json_str(v), f->enum_values.items[i])) return NULL;
    return "one of the listed values";
}

static bool is_integral(const json_t *v) {
    if (json_is_integer(v)) return true;
    double d = json_is_real(v) ? json_real_value(v) : 0.5;
    return d == (double)(int64_t)(d > -9e15 && d < 9e15 ? d : 0) && d > -9e15 && d < 9e15;
}

const char *hub_field_mismatch(const struct hub_def_field *f, const json_t *v) {
    int64_t ms;
    switch (f->type) {
    case HUB_FIELD_STRING: return text_mismatch(v, STRING_MAX);
    case HUB_FIELD_TEXT: return text_mismatch(v, SIZE_MAX);
    case HUB_FIELD_INTEGER: return is_integral(v) ? NULL : "a whole number";
    case HUB_FIELD_DECIMAL: return json_is_number(v) ? NULL : "a number";
    case HUB_FIELD_BOOLEAN: return json_is_boolean(v) ? NULL : "true or false";
    case HUB_FIELD_ID:
        if (json_is_string(v) && hub_def_id_fits(f->id_format, hub_json_str(v))) return NULL;
        return hub_def_id_expected(f->id_format);
    case HUB_FIELD_DATETIME:
        return json_is_string(v) && hub_datetime_parse(hub_json_str(v), &ms) ? NULL : HUB_DATETIME_EXPECTED;
    case HUB_FIELD_ENUM: return enum_mismatch(f, v);
    case HUB_FIELD_JSON:
        if (f->field_n) return json_is_object(v) ? NULL : "an object";
        return json_is_object(v) || json_is_array(v) ? NULL : "an object or array";
    }
    return NULL;
}

/* ---- one check ---- */

/* Where a value stands, for errors: a member NAME of what UP is, or its element INDEX. On the stack, so that
 * a check that finds nothing wrong has written no path. */
struct place {
    const struct place *up; /* NULL: the object itself */
    const char *name;       /* NULL: an element */
    size_t index;
};

/* The fields of one object, and what has them. */
struct shape {
    const char *kind, *name;
    const struct hub_def_field *fields;
    size_t n;
};

struct check {
    bool changed;
    size_t filled; /* below the object's own fields, as hub_json_cost() counts */
    struct hub_err *err;
};

static void add_place(struct hub_buf *out, const struct place *at) {
    if (at->up) add_place(out, at->up);
    if (at->name)
        hub_buf_addf(out, "%s%.*s", at->up ? "." : "", HUB_CUTZ(at->name, 64));
    else
        hub_buf_addf(out, "[%zu]", at->index);
}

/* The end of a path says more than its beginning, and the reason must fit in behind it. */
static enum hub_code refuse_at(struct check *c, enum hub_code code, const struct place *at, const char *why) {
    enum { SHOWN = 240 };
    struct hub_buf path = {0};
    add_place(&path, at);
    const char *text = hub_buf_cstr(&path);
    bool cut = path.n > SHOWN;
    code = hub_fail(c->err, code, "%s%s: %s", cut ? "…" : "", cut ? text + path.n - SHOWN : text, why);
    hub_buf_free(&path);
    return code;
}

static enum hub_code refuse_value(struct check *c, const struct place *at, const char *expected) {
    char why[160];
    snprintf(why, sizeof why, "expected %s", expected);
    return refuse_at(c, HUB_INVALID_CONTENT, at, why);
}

static enum hub_code refuse_enum(struct check *c, const struct place *at, const struct hub_def_field *f) {
    struct hub_buf why = {0};
    hub_buf_addz(&why, "expected one of ");
    for (size_t i = 0; i < f->enum_values.n; i++) hub_buf_addf(&why, "%s%s", i ? ", " : "", f->enum_values.items[i]);
    enum hub_code code = refuse_at(c, HUB_INVALID_CONTENT, at, hub_buf_cstr(&why));
    hub_buf_free(&why);
    return code;
}

static enum hub_code check_unknown(struct check *c, const struct place *at, const struct shape *s, json_t *object) {
    const char *key;
    json_t *v;
    json_object_foreach(object, key, v) {
        size_t i = 0;
        while (i < s->n && strcmp(s->fields[i].name, key)) i++;
        if (i < s->n) continue;
        char why[240];
        snprintf(why, sizeof why, "the %s \"%.128s\" has no such field", s->kind, s->name);
        return refuse_at(c, HUB_INVALID_CONTENT, &(struct place){.up = at, .name = key}, why);
    }
    return HUB_OK;
}

static enum hub_code fill_in(struct check *c, const struct place *at, const struct hub_def_field *f, json_t *object) {
    bool nested = at->up->up;
    if (nested) c->filled += 96 + strlen(f->name) + hub_json_cost(f->default_value);
    if (c->filled > HUB_FIELDS_FILL_MAX) return refuse_at(c, HUB_TOO_LARGE, at, "too many defaults to fill in");
    json_object_set_new(object, f->name, json_deep_copy(f->default_value));
    c->changed = true;
    return HUB_OK;
}

/* Null means the same as absent. */
static enum hub_code check_absent(struct check *c, const struct place *at, const struct hub_def_field *f,
                                  json_t *object, bool is_null) {
    if (is_null) json_object_del(object, f->name), c->changed = true;
    if (f->default_value) return fill_in(c, at, f, object);
    return f->required ? refuse_at(c, HUB_INVALID_CONTENT, at, "required, but missing") : HUB_OK;
}

static enum hub_code check_object(struct check *c, const struct place *at, const struct shape *s, json_t *object);

static enum hub_code check_value(struct check *c, const struct place *at, const struct hub_def_field *f, json_t *v) {
    const char *expected = hub_field_mismatch(f, v);
    if (expected) return f->type == HUB_FIELD_ENUM ? refuse_enum(c, at, f) : refuse_value(c, at, expected);
    if (!f->field_n) return HUB_OK;
    const struct shape own = {"field", f->name, f->fields, f->field_n};
    return check_object(c, at, &own, v);
}

static enum hub_code check_list(struct check *c, const struct place *at, const struct hub_def_field *f, json_t *v) {
    size_t i;
    json_t *item;
    enum hub_code code = HUB_OK;
    if (!json_is_array(v)) return refuse_value(c, at, "a list");
    json_array_foreach(v, i, item) {
        code = check_value(c, &(struct place){.up = at, .index = i}, f, item);
        if (code) break;
    }
    return code;
}

static enum hub_code check_object(struct check *c, const struct place *at, const struct shape *s, json_t *object) {
    enum hub_code code = check_unknown(c, at, s, object);
    for (size_t i = 0; i < s->n && !code; i++) {
        const struct hub_def_field *f = &s->fields[i];
        const struct place member = {.up = at, .name = f->name};
        json_t *v = json_object_get(object, f->name);
        code = hub_json_nil(v) ? check_absent(c, &member, f, object, v != NULL)
               : f->list       ? check_list(c, &member, f, v)
                               : check_value(c, &member, f, v);
    }
    return code;
}

enum hub_code hub_fields_check(const struct hub_def_field *fields, size_t n, json_t *object,
                               const struct hub_fields_of *of, bool *changed, struct hub_err *err) {
    struct check c = {.err = err};
    const struct place root = {.name = of->root};
    const struct shape s = {of->kind, of->name, fields, n};
    enum hub_code code = !json_is_object(object) ? refuse_value(&c, &root, "an object")
                         : n                     ? check_object(&c, &root, &s, object)
                                                 : HUB_OK; /* declares none: any object */
    *changed = c.changed;
    return code;
}

/* ---- for who wants to know ---- */

static HUB_MUST json_t *enum_json(const struct hub_def_field *f) {
    json_t *list = json_array();
    for (size_t i = 0; i < f->enum_values.n; i++) json_array_append_new(list, json_string(f->enum_values.items[i]));
    return list;
}

static HUB_MUST json_t *describe_field(const struct hub_def_field *f) {
    static const char *const types[] = {"String", "Text",     "Integer", "Decimal", "Boolean",
                                        "ID",     "DateTime", "Enum",    "JSON"};
    json_t *o = json_pack("{s:s, s:s, s:b, s:s}", "name", f->name, "type", types[f->type], "required", f->required,
                          "description", f->description ? f->description : "");
    if (f->type == HUB_FIELD_ENUM) json_object_set_new(o, "enumValues", enum_json(f));
    if (f->type == HUB_FIELD_ID)
        json_object_set_new(o, "format", json_string(f->id_format == HUB_ID_ANY ? "any" : "reference"));
    if (f->list) json_object_set_new(o, "list", json_true());
    if (f->field_n) json_object_set_new(o, "fields", hub_fields_describe(f->fields, f->field_n));
    if (f->default_value) json_object_set(o, "defaultValue", f->default_value);
    return o;
}

json_t *hub_fields_describe(const struct hub_def_field *fields, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, describe_field(&fields[i]));
    return list;
}
