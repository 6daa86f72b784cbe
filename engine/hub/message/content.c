/* The content of a message against its type: required fields, types, limits, defaults (specification:
 * HubCustomField). */
#include "hub/message/message.h"

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
    case HUB_FIELD_JSON: return json_is_object(v) || json_is_array(v) ? NULL : "an object or array";
    }
    return NULL;
}

static const struct hub_def_field *field_named(const struct hub_def_message_type *t, const char *name) {
    for (size_t i = 0; i < t->field_n; i++)
        if (!strcmp(t->fields[i].name, name)) return &t->fields[i];
    return NULL;
}

static enum hub_code check_unknown(const struct hub_def_message_type *t, json_t *content, struct hub_err *err) {
    const char *key;
    json_t *v;
    json_object_foreach(content, key, v) {
        if (!field_named(t, key))
            return hub_fail(err, HUB_INVALID_CONTENT, "content.%.64s: the message type \"%s\" has no such field", key,
                            t->name);
    }
    return HUB_OK;
}

static enum hub_code fail_enum(const struct hub_def_field *f, struct hub_err *err) {
    struct hub_buf values = {0};
    for (size_t i = 0; i < f->enum_values.n; i++) hub_buf_addf(&values, "%s%s", i ? ", " : "", f->enum_values.items[i]);
    enum hub_code code =
        hub_fail(err, HUB_INVALID_CONTENT, "content.%s: expected one of %s", f->name, hub_buf_cstr(&values));
    hub_buf_free(&values);
    return code;
}

static enum hub_code check_field(const struct hub_def_field *f, json_t *content, bool *changed, struct hub_err *err) {
    json_t *v = json_object_get(content, f->name);
    if (hub_json_nil(v)) {
        if (v || f->default_value) *changed = true;
        if (v) json_object_del(content, f->name); /* null means the same as absent */
        if (f->default_value) {
            json_object_set_new(content, f->name, json_deep_copy(f->default_value));
            return HUB_OK;
        }
        return f->required ? hub_fail(err, HUB_INVALID_CONTENT, "content.%s: required, but missing", f->name) : HUB_OK;
    }
    const char *expected = hub_field_mismatch(f, v);
    if (!expected) return HUB_OK;
    if (f->type == HUB_FIELD_ENUM) return fail_enum(f, err);
    return hub_fail(err, HUB_INVALID_CONTENT, "content.%s: expected %s", f->name, expected);
}

enum hub_code hub_content_check(const struct hub_def_message_type *t, json_t *content, bool *changed,
                                struct hub_err *err) {
    *changed = false;
    if (!json_is_object(content)) return hub_fail(err, HUB_INVALID_CONTENT, "content: expected an object");
    if (hub_json_has_nul(content))
        return hub_fail(err, HUB_INVALID_CONTENT, "content: NUL characters cannot be stored");
    if (!t->field_n) return HUB_OK; /* declares none: any object */
    enum hub_code code = check_unknown(t, content, err);
    for (size_t i = 0; i < t->field_n && !code; i++) code = check_field(&t->fields[i], content, changed, err);
    return code;
}
