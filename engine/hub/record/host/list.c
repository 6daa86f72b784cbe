/* records.list: the records whose ids fit a pattern, read from the store a stretch at a time. */
#include <stdlib.h>

#include "base/match/pattern.h"
#include "data/where.h"
#include "hub/record/follow/follow.h"
#include "hub/record/host/host.h"
#include "hub/record/record_int.h"

#define PAGE 100
#define PAGE_MAX 1000
#define PAGE_BYTES ((size_t)4 << 20) /* of JSON */
#define STRETCH 500                  /* rows read at once */
#define LOOKED_AT_MAX 10000          /* rows of one call: a page may have fewer items than asked for */

struct listing {
    struct hub_host_call *call;
    struct hub_engine *engine;
    struct hub_hold hold;
    struct hub_pattern *pattern;
    struct hub_str prefix; /* what all ids that fit begin with */
    char *text;            /* of it */
    json_t *where, *items; /* WHERE: borrowed from the call */
    size_t limit, looked_at, bytes;
    char *after; /* the last id that was looked at, or NULL */
};

/* ---- patterns ---- */

static void add_literal(struct hub_buf *b, char c) {
    if (strchr("\\^$.[]|()?*+{}#-", c)) hub_buf_addc(b, '\\');
    hub_buf_addc(b, c);
}

enum hub_code hub_record_glob(struct hub_str text, struct hub_pattern **out, struct hub_str *prefix,
                              struct hub_err *err) {
    struct hub_buf b = {0};
    *prefix = hub_str(text.p, 0);
    while (prefix->n < text.n && text.p[prefix->n] != '*' && text.p[prefix->n] != '{') prefix->n++;
    hub_buf_addc(&b, '^');
    for (size_t at = 0; at < text.n; at++) {
        size_t end = at + hub_str_find(hub_str(text.p + at, text.n - at), '}');
        if (text.p[at] == '{' && end < text.n)
            hub_buf_addz(&b, "[^:/]+"), at = end;
        else if (text.p[at] == '*')
            hub_buf_addz(&b, ".*");
        else
            add_literal(&b, text.p[at]);
    }
    hub_buf_addc(&b, '$');
    enum hub_code code = hub_pattern_new(hub_buf_str(&b), true, out, NULL, err);
    hub_buf_free(&b);
    return code;
}

/* Likewise for whoever asks whether an id fits; NULL: it is none, or takes all of them. */
static struct hub_pattern *pattern_of(const json_t *pattern) {
    struct hub_str text = hub_json_str(pattern), prefix;
    struct hub_pattern *p = NULL;
    struct hub_err err;
    enum hub_code code = text.n ? hub_record_glob(text, &p, &prefix, &err)
                                : hub_pattern_new(hub_json_get_str(pattern, "regex"), true, &p, NULL, &err);
    return code ? NULL : p;
}

static enum hub_code compile_text(struct listing *l, struct hub_str text, struct hub_err *err) {
    enum hub_code code = hub_record_glob(text, &l->pattern, &l->prefix, err);
    l->prefix.p = l->text = hub_str_dup(l->prefix);
    return code;
}

static enum hub_code compile_pattern(struct listing *l, const json_t *pattern, struct hub_err *err) {
    struct hub_str text = hub_json_str(pattern), regex = hub_json_get_str(pattern, "regex");
    if (text.n && text.n <= HUB_PATTERN_MAX) return compile_text(l, text, err);
    if (regex.n) return hub_pattern_new(regex, true, &l->pattern, NULL, err);
    return hub_fail(err, HUB_BAD_REQUEST, "records.list(pattern): expected a text, or {regex = …}");
}

/* ---- reading ---- */

static void free_listing(struct listing *l) {
    if (hub_held(&l->hold)) hub_unhold(&l->hold);
    hub_pattern_free(l->pattern);
    json_decref(l->items);
    free(l->text);
    free(l->after);
    free(l);
}

static void fail_listing(struct listing *l, enum hub_code code, const char *text) {
    struct hub_host_call *c = l->call;
    c->done(c, code, NULL, text ? text : hub_code_text(code));
    free_listing(l);
}

static void answer_listing(struct listing *l, bool more) {
    struct hub_host_call *c = l->call;
    json_t *result = json_pack("{s:O}", "items", l->items);
    if (more && l->after) json_object_set_new(result, "next", json_string(l->after));
    c->done(c, HUB_OK, result, NULL);
    free_listing(l);
}

static enum hub_code add_row(struct listing *l, const struct hub_cell *row, struct hub_err *err) {
    struct hub_str id = row[HUB_REC_ID].s, text = row[HUB_REC_VALUE].s;
    if (row[HUB_REC_VALUE].kind != HUB_CELL_TEXT || hub_pattern_match(l->pattern, id, NULL)) return HUB_OK;
    if (hub_record_is_row(hub_records_of(l->engine), id)) return HUB_OK; /* what is here is how it was */
    json_t *value = hub_json_parse(text, NULL);
    if (!value) return hub_fail(err, HUB_INTERNAL, "the value of \"%.*s\" in the table is no JSON", HUB_FMT(id));
    if (hub_json_nil(l->where) || (json_is_object(value) && hub_where_meets(l->where, value))) {
        json_array_append_new(l->items, json_pack("{s:o, s:I, s:O}", "recordId", hub_json_string(id), "version",
                                                  (json_int_t)row[HUB_REC_VERSION].i, "value", value));
        l->bytes += text.n;
    }
    json_decref(value);
    return HUB_OK;
}

static bool is_full(const struct listing *l) {
    return json_array_size(l->items) == l->limit || l->bytes > PAGE_BYTES || l->looked_at >= LOOKED_AT_MAX;
}

static void read_stretch(struct listing *l);

/* Rows come in the order of their ids: the first one that begins otherwise is behind all that fit. */
static void on_stretch(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct listing *l = arg;
    struct hub_err err;
    size_t i = 0;
    bool beyond = false;
    (void)error;
    if (code) {
        fail_listing(l, code, NULL);
        return;
    }
    for (; !code && i < rows->n && !beyond && !is_full(l); i++) {
        const struct hub_cell *row = hub_row(rows, i);
        beyond = !hub_str_starts(row[HUB_REC_ID].s, l->prefix);
        if (beyond) break;
        code = add_row(l, row, &err);
        free(l->after);
        l->after = hub_str_dup(row[HUB_REC_ID].s);
        l->looked_at++;
    }
    bool last = beyond || (i == rows->n && rows->n < STRETCH && !rows->cut);
    if (code)
        fail_listing(l, code, err.text);
    else if (last || is_full(l))
        answer_listing(l, !last);
    else
        read_stretch(l);
}

static void read_stretch(struct listing *l) {
    const struct hub_engine_config *config = &l->engine->config;
    struct hub_cond where[2] = {{.column = HUB_REC_ID, .cmp = HUB_GE, .value = hub_cell_text(l->prefix)},
                                {.column = HUB_REC_ID, .cmp = HUB_GT}};
    if (l->after) where[1].value = hub_cell_text(hub_cstr(l->after));
    const struct hub_select q = {.table = config->tables->record,
                                 .where = where,
                                 .where_n = l->after ? 2 : 1,
                                 .order_by = -1,
                                 .limit = STRETCH,
                                 .max_bytes = PAGE_BYTES};
    if (q.table)
        config->store->ops->select(config->store, &q, on_stretch, l);
    else
        fail_listing(l, HUB_FEATURE_DISABLED, NULL); /* a reload has taken the last window away */
}

/* {limit, after, where} */
static enum hub_code take_options(struct listing *l, const json_t *options, struct hub_err *err) {
    const json_t *limit = json_object_get(options, "limit"), *after = json_object_get(options, "after");
    l->where = json_object_get(options, "where");
    if (json_is_object(options) && hub_script_keys(options, "limit after where", err)) return err->code;
    if (!hub_json_nil(limit) && (!json_is_integer(limit) || json_integer_value(limit) < 1))
        return hub_fail(err, HUB_BAD_REQUEST, "records.list: limit: expected a whole number from 1 to %d", PAGE_MAX);
    if (!hub_json_nil(after) && !json_is_string(after))
        return hub_fail(err, HUB_BAD_REQUEST, "records.list: after: expected what next was");
    l->limit = hub_json_nil(limit)                    ? PAGE
               : json_integer_value(limit) < PAGE_MAX ? (size_t)json_integer_value(limit)
                                                      : PAGE_MAX;
    if (json_is_string(after)) l->after = hub_xstrdup(json_string_value(after));
    return hub_where_check(l->where, err);
}

static void note_list(const struct listing *l, const struct hub_host_call *c) {
    const struct hub_caller *caller = c->caller;
    if (!caller || !caller->grant) return;
    hub_guard_reads_records(c, json_array_get(c->args, 0), pattern_of);
    hub_follower_note_list(caller->grant, l->pattern);
}

void hub_record_host_list(void *ctx, struct hub_host_call *c) {
    struct hub_engine *e = ctx;
    struct hub_err err;
    struct listing *l = hub_xcalloc(1, sizeof *l);
    *l = (struct listing){.call = c, .engine = e, .prefix = HUB_STR(""), .items = json_array()};
    enum hub_code code = compile_pattern(l, json_array_get(c->args, 0), &err);
    if (!code) code = take_options(l, json_array_get(c->args, 1), &err);
    if (!code && !e->config.tables->record)
        code = hub_fail(&err, HUB_FEATURE_DISABLED, "no hub or namespace of the service declares records");
    if (code) {
        fail_listing(l, code, err.text);
        return;
    }
    note_list(l, c);
    hub_hold(&e->holds, &l->hold, "list of records");
    read_stretch(l);
}
