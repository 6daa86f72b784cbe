/* What an operation is, and what it makes of its record. Pure functions. */
#include "base/json/json_patch.h"
#include "data/fields.h"
#include "hub/record/record_int.h"

static const struct hub_arg operation_args[] = {
    {"op", HUB_ARG_TEXT, HUB_ARG_REQUIRED, .least = 1, .most = 16, .help = "write, patch, delete or check."},
    {"recordId", HUB_ARG_ID, HUB_ARG_REQUIRED, .help = "The record."},
    {"value", HUB_ARG_ANY, .help = "Of write."},
    {"patch", HUB_ARG_ANY, .help = "Of patch: RFC 6902."},
    {"strategy", HUB_ARG_TEXT, .most = 16, .help = "Of write: replace, merge or deepMerge."},
    {"ifVersion", HUB_ARG_INT, .least = 0, .most = INT64_MAX, .help = "The version that it must have."},
    {0},
};

enum hub_code hub_record_check_strategy(const json_t *op, struct hub_err *err) {
    struct hub_str s = hub_json_get_str(op, "strategy");
    if (!s.n || hub_str_among(s, "replace merge deepMerge")) return HUB_OK;
    return hub_fail(err, HUB_BAD_REQUEST, "strategy: expected replace, merge or deepMerge");
}

enum hub_code hub_record_check_op(const json_t *op, struct hub_err *err) {
    struct hub_str kind = hub_json_get_str(op, "op");
    if (!json_is_object(op)) return hub_fail(err, HUB_BAD_REQUEST, "expected an object");
    enum hub_code code = hub_args_check(operation_args, op, err);
    if (!code) code = hub_record_check_strategy(op, err);
    if (code) return code;
    if (!hub_str_among(kind, "write patch delete check"))
        return hub_fail(err, HUB_BAD_REQUEST, "op: expected write, patch, delete or check");
    if (hub_str_is(kind, "write") && !json_object_get(op, "value"))
        return hub_fail(err, HUB_BAD_REQUEST, "value: required, but missing");
    return HUB_OK;
}

enum hub_code hub_record_check_ops(const json_t *ops, struct hub_err *err) {
    size_t n = json_array_size(ops);
    struct hub_err why;
    if (!n || n > HUB_RECORD_OPS_MAX)
        return hub_fail(err, HUB_BAD_REQUEST, "operations: expected a list of 1 to %d", HUB_RECORD_OPS_MAX);
    for (size_t i = 0; i < n; i++)
        if (hub_record_check_op(json_array_get(ops, i), &why))
            return hub_fail(err, why.code, "operations[%zu].%s", i, why.text);
    return HUB_OK;
}

bool hub_record_op_is(const json_t *op, const char *kind) { return hub_str_is(hub_json_get_str(op, "op"), kind); }

/* ---- the value afterwards ---- */

static void merge_deep(json_t *into, const json_t *from) {
    const char *key;
    size_t n;
    json_t *v;
    json_object_keylen_foreach((json_t *)(uintptr_t)from, key, n, v) {
        json_t *old = json_object_getn(into, key, n);
        if (json_is_object(old) && json_is_object(v))
            merge_deep(old, v);
        else
            json_object_setn_new(into, key, n, json_deep_copy(v));
    }
}

static enum hub_code make_written(const struct hub_record_making *m, json_t **out, struct hub_err *err) {
    json_t *value = json_object_get(m->op, "value");
    struct hub_str strategy = hub_json_get_str(m->op, "strategy");
    bool merge = hub_str_is(strategy, "merge"), deep = hub_str_is(strategy, "deepMerge");
    if (!merge && !deep) {
        *out = json_deep_copy(value);
        return HUB_OK;
    }
    if (!json_is_object(value) || (m->was && !json_is_object(m->was)))
        return hub_fail(err, HUB_BAD_REQUEST, "strategy: only objects can be merged");
    *out = m->was ? json_deep_copy(m->was) : json_object();
    if (deep)
        merge_deep(*out, value);
    else
        json_object_update(*out, value);
    return HUB_OK;
}

static enum hub_code make_patched(const struct hub_record_making *m, json_t **out, struct hub_err *err) {
    size_t most = 8u * (size_t)m->def->limits.record_bytes;
    if (!m->was) return hub_fail(err, HUB_NOT_FOUND, "there is no record \"%s\"", m->id);
    *out = hub_json_patch(m->was, json_object_get(m->op, "patch"), most, err);
    return *out ? HUB_OK : err->code;
}

static enum hub_code check_value(const struct hub_record_making *m, json_t *value, struct hub_err *err) {
    struct hub_buf text = {0};
    bool changed;
    if (json_is_null(value))
        return hub_fail(err, HUB_BAD_REQUEST, "value: expected an object, list, text, number or Boolean; null is none");
    if (hub_json_has_nul(value)) return hub_fail(err, HUB_INVALID_CONTENT, "value: NUL characters cannot be stored");
    hub_json_add(&text, value);
    size_t size = text.n, most = (size_t)m->def->limits.record_bytes;
    hub_buf_free(&text);
    if (size > most)
        return hub_fail(err, HUB_TOO_LARGE, "limits.recordBytes: %zu bytes of JSON, at most %zu are allowed", size,
                        most);
    if (!m->window || !m->window->field_n) return HUB_OK;
    const struct hub_fields_of of = {"value", "record", m->window->pattern.text};
    return hub_fields_check(m->window->fields, m->window->field_n, value, &of, &changed, err);
}

enum hub_code hub_record_make(const struct hub_record_making *m, json_t **out, struct hub_err *err) {
    *out = NULL;
    if (hub_record_op_is(m->op, "delete")) return HUB_OK;
    if (hub_record_op_is(m->op, "check")) {
        *out = json_incref((json_t *)(uintptr_t)m->was);
        return HUB_OK;
    }
    enum hub_code code = hub_record_op_is(m->op, "patch") ? make_patched(m, out, err) : make_written(m, out, err);
    if (!code) code = check_value(m, *out, err);
    return code || !m->row ? code : hub_record_row_shape(m->row, *out, err);
}

bool hub_record_version_fits(const json_t *op, int64_t version) {
    const json_t *wanted = json_object_get(op, "ifVersion");
    return hub_json_nil(wanted) || json_integer_value(wanted) == version;
}
