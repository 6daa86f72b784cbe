/* Arguments of commands are checked by their rows, which make the texts of refusals too. */
#include "hub/call/args.h"

#include <string.h>

static bool is_text(const struct hub_arg *row, const json_t *v) {
    struct hub_str s = hub_json_str(v);
    if (!json_is_string(v) || (int64_t)s.n < row->least) return false;
    return !row->most || ((int64_t)s.n <= row->most && !memchr(s.p, 0, s.n));
}

static bool is_int(const struct hub_arg *row, const json_t *args) {
    int64_t n = hub_json_get_int(args, row->name, INT64_MIN);
    return n != INT64_MIN && n >= row->least && (n <= row->most || (row->flags & HUB_ARG_CAPPED));
}

static bool arg_fits(const struct hub_arg *row, const json_t *args, const json_t *v) {
    switch (row->type) {
    case HUB_ARG_ID: return hub_str_is_id(hub_json_str(v));
    case HUB_ARG_TEXT: return is_text(row, v);
    case HUB_ARG_INT: return is_int(row, args);
    case HUB_ARG_BOOL: return json_is_boolean(v);
    case HUB_ARG_OBJECT: return json_is_object(v) && (int64_t)json_object_size(v) >= row->least;
    case HUB_ARG_ANY: break;
    }
    return true;
}

static void add_text_expected(const struct hub_arg *row, struct hub_buf *out) {
    hub_buf_addz(out, "a text");
    if (row->most && row->least)
        hub_buf_addf(out, " of %lld to %lld bytes", (long long)row->least, (long long)row->most);
    else if (row->most)
        hub_buf_addf(out, " of at most %lld bytes", (long long)row->most);
}

static void add_int_expected(const struct hub_arg *row, struct hub_buf *out) {
    if (row->most == INT64_MAX)
        hub_buf_addf(out, "a whole number of %lld or more", (long long)row->least);
    else
        hub_buf_addf(out, "a whole number from %lld to %lld", (long long)row->least, (long long)row->most);
}

void hub_arg_expected(const struct hub_arg *row, struct hub_buf *out) {
    if (row->expected) {
        hub_buf_addz(out, row->expected);
        return;
    }
    switch (row->type) {
    case HUB_ARG_ID: hub_buf_addz(out, HUB_ID_EXPECTED); break;
    case HUB_ARG_TEXT: add_text_expected(row, out); break;
    case HUB_ARG_INT: add_int_expected(row, out); break;
    case HUB_ARG_BOOL: hub_buf_addz(out, "true or false"); break;
    case HUB_ARG_OBJECT: hub_buf_addz(out, "an object"); break;
    case HUB_ARG_ANY: hub_buf_addz(out, "any JSON"); break;
    }
}

static enum hub_code refuse_arg(const struct hub_arg *row, struct hub_err *err) {
    struct hub_buf text = {0};
    hub_arg_expected(row, &text);
    hub_err_set(err, row->code ? row->code : HUB_BAD_REQUEST, "%s: expected %s", row->name, hub_buf_cstr(&text));
    hub_buf_free(&text);
    return err->code;
}

static enum hub_code check_value(const struct hub_arg *row, const json_t *args, const json_t *v, struct hub_err *err) {
    if (hub_json_nil(v) ? !(row->flags & HUB_ARG_REQUIRED) : arg_fits(row, args, v)) return HUB_OK;
    return refuse_arg(row, err);
}

enum hub_code hub_arg_check(const struct hub_arg *row, const json_t *args, struct hub_err *err) {
    return check_value(row, args, hub_json_get(args, row->name), err);
}

/* Nothing is looked for once all that ARGS has was found. */
static enum hub_code check_those(const struct hub_arg *rows, bool later, const json_t *args, struct hub_err *err) {
    enum hub_code code = HUB_OK;
    size_t left = json_object_size(args);
    for (const struct hub_arg *row = rows; row && row->name && !code; row++) {
        if (!(row->flags & HUB_ARG_LATER) != !later) continue;
        const json_t *v = left ? hub_json_get(args, row->name) : NULL;
        if (v) left--;
        code = check_value(row, args, v, err);
    }
    return code;
}

enum hub_code hub_args_check(const struct hub_arg *rows, const json_t *args, struct hub_err *err) {
    return check_those(rows, false, args, err);
}

enum hub_code hub_args_check_later(const struct hub_arg *rows, const json_t *args, struct hub_err *err) {
    return check_those(rows, true, args, err);
}

const struct hub_arg *hub_arg_named(const struct hub_arg *rows, struct hub_str name) {
    for (const struct hub_arg *row = rows; row && row->name; row++)
        if (hub_str_is(name, row->name)) return row;
    return NULL;
}

int64_t hub_arg_int(const struct hub_arg *rows, const json_t *args, const char *name, int64_t fallback) {
    const struct hub_arg *row = hub_arg_named(rows, hub_cstr(name));
    int64_t n = hub_json_get_int(args, name, fallback);
    return row->most && n > row->most ? row->most : n;
}
