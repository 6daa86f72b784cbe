/* What is kept of a channel in the store: a row for each message, numbered in the transaction that writes
 * it. What is over is taken out later; who reads does not see it. */
#include <stdlib.h>

#include "hub/channel/channel_int.h"

#define TRIM_EVERY 16  /* messages of a channel between two deletions */
#define TRIM_MOST 1000 /* rows in one statement: who writes meanwhile does not wait long */

static struct hub_str text_or_none(const struct hub_cell *c) {
    return c->kind == HUB_CELL_TEXT ? c->s : hub_str(NULL, 0);
}

static const struct hub_table *table_of(const struct hub_channel *c) { return c->all->engine->config.tables->channel; }

static struct hub_store *store_of(const struct hub_channel *c) { return c->all->engine->config.store; }

/* ---- loading ---- */

struct loading {
    struct hub_hold hold;
    struct hub_channel *channel; /* held by who loads it */
    hub_channel_loaded *done;
};

static void on_counter(void *arg, enum hub_code code, int64_t seq, const char *epoch) {
    struct loading *l = arg;
    struct hub_channel *c = l->channel;
    if (!code) {
        c->sequence.number = seq;
        snprintf(c->sequence.epoch, sizeof c->sequence.epoch, "%s", epoch);
    }
    hub_unhold(&l->hold);
    l->done(c, code);
    free(l);
}

static void load_store(struct hub_channel *c, hub_channel_loaded *done) {
    struct loading *l = hub_xcalloc(1, sizeof *l);
    l->channel = c;
    l->done = done;
    hub_hold(&c->all->engine->holds, &l->hold, "channel being loaded");
    store_of(c)->ops->counter(store_of(c), c->all->scope, hub_channel_name(c), on_counter, l);
}

/* ---- taking out what is over ---- */

struct trimming {
    struct hub_hold hold;
    struct hub_write write;
    struct hub_cond where[2];
    struct hub_take take;
    struct hub_engine *engine;
    char *channel; /* NULL: all */
};

static void on_trimmed(struct hub_write *w) {
    struct trimming *t = w->arg;
    struct hub_store *store = t->engine->config.store;
    if (!w->code && w->changes == t->take.limit && !t->engine->draining) {
        store->ops->write(store, w);
        return;
    }
    hub_unhold(&t->hold);
    free(t->channel);
    free(t);
}

static void trim_rows(struct trimming *t, enum hub_channel_column order) {
    struct hub_engine *e = t->engine;
    t->take = (struct hub_take){.order_by = (int)order, .limit = TRIM_MOST, .raised = {-1, -1}};
    t->write = (struct hub_write){.table = e->config.tables->channel,
                                  .kind = HUB_DELETE,
                                  .where = t->where,
                                  .where_n = t->channel ? 2 : 1,
                                  .take = &t->take,
                                  .done = on_trimmed,
                                  .arg = t};
    hub_hold(&e->holds, &t->hold, "removal of old channel messages");
    e->config.store->ops->write(e->config.store, &t->write);
}

static HUB_MUST struct trimming *trimming_new(struct hub_engine *e) {
    struct trimming *t = hub_xcalloc(1, sizeof *t);
    t->engine = e;
    return t;
}

/* A failure is made good by the next one. */
void hub_channel_store_sweep(struct hub_engine *e) {
    if (!e->config.tables->channel || e->draining) return;
    struct trimming *t = trimming_new(e);
    t->where[0] = (struct hub_cond){
        .column = HUB_CHN_EXPIRES_AT, .cmp = HUB_LT, .value = hub_cell_int(hub_loop_wall(e->config.loop))};
    trim_rows(t, HUB_CHN_EXPIRES_AT);
}

static void trim_store(struct hub_channel *c, int64_t number) {
    int64_t upto = number - c->keep.history;
    if (upto <= 0 || number % TRIM_EVERY) return;
    struct trimming *t = trimming_new(c->all->engine);
    t->channel = hub_str_dup(hub_channel_name(c));
    t->where[0] = (struct hub_cond){.column = HUB_CHN_CHANNEL, .value = hub_cell_text(hub_cstr(t->channel))};
    t->where[1] = (struct hub_cond){.column = HUB_CHN_SEQ, .cmp = HUB_LE, .value = hub_cell_int(upto)};
    trim_rows(t, HUB_CHN_SEQ);
}

/* ---- appending ---- */

struct row {
    struct hub_cell cells[HUB_CHN_COLUMNS];
    char id[HUB_UUID_LEN + 1];
};

static struct hub_post *post_of(struct hub_numbered *n) { return HUB_CONTAINER(n, struct hub_post, numbered); }

static struct hub_cell text_or_null(const char *s) {
    return s ? hub_cell_text(hub_cstr(s)) : (struct hub_cell){.kind = HUB_CELL_NULL};
}

static void on_undecided(struct hub_numbered *n) {
    struct hub_post *post = post_of(n);
    if (post->done) post->done(post->arg, HUB_STORE_UNDECIDED, NULL, 0);
    post->done = NULL;
}

static bool on_written(struct hub_numbered *n) {
    (void)n;
    return true;
}

static void on_store_turn(struct hub_numbered *n) {
    struct hub_post *post = post_of(n);
    enum hub_code code = n->write.code;
    char error[sizeof n->write.error];
    memcpy(error, n->write.error, sizeof error);
    post->number = n->write.number;
    if (!code && !hub_channel_has_moved(post->channel, &hub_channel_in_store)) {
        hub_post_tell(post);
        trim_store(post->channel, post->number);
    }
    free(post->log);
    hub_post_end(post, code, error);
}

static void fill_row(struct row *r, const struct hub_post *post) {
    hub_uuid7(r->id);
    r->cells[HUB_CHN_ID] = hub_cell_text(hub_str(r->id, HUB_UUID_LEN));
    r->cells[HUB_CHN_CHANNEL] = hub_cell_text(hub_channel_name(post->channel));
    r->cells[HUB_CHN_SEQ] = r->cells[HUB_CHN_CHANGE_SEQ] = (struct hub_cell){.kind = HUB_CELL_NULL};
    r->cells[HUB_CHN_TIMESTAMP] = hub_cell_int(post->at);
    r->cells[HUB_CHN_DATA] = hub_cell_text(hub_buf_str(&post->data));
    r->cells[HUB_CHN_PUBLISHER_ID] = text_or_null(post->user);
    r->cells[HUB_CHN_PUBLISHER_NAME] = text_or_null(post->name);
    r->cells[HUB_CHN_EXPIRES_AT] = hub_cell_int(post->at + post->channel->keep.seconds * 1000);
}

static void append_store(struct hub_post *post) {
    struct hub_channel *c = post->channel;
    struct hub_engine *e = c->all->engine;
    struct row *row = post->log = hub_xcalloc(1, sizeof *row);
    const struct hub_sequence_place place = {.store = store_of(c),
                                             .feed = e->data.feed,
                                             .holds = &e->holds,
                                             .scope = c->all->scope,
                                             .key = hub_channel_name(c)};
    fill_row(row, post);
    post->numbered = (struct hub_numbered){
        .write = {.table = table_of(c), .kind = HUB_INSERT, .cells = row->cells, .numbering = HUB_NUMBER_NEW},
        .undecided = on_undecided,
        .written = on_written,
        .announce = on_store_turn,
        .quiet = true};
    hub_sequence_write(&c->sequence, &place, &post->numbered);
}

/* ---- reading ---- */

struct store_reading {
    struct hub_hold hold;
    struct hub_result result;
    struct hub_channel *channel;   /* reference */
    const struct hub_table *table; /* as it was asked for; HOLD keeps it */
    struct hub_channel_span span;
    hub_channel_read_done *done;
    void *arg;
};

static void add_rows(struct hub_channel_page *page, const struct hub_rows *rows) {
    struct hub_buf rest = {0};
    for (size_t i = rows->n; i--;) { /* they come newest first */
        const struct hub_cell *row = hub_row(rows, i);
        hub_buf_clear(&rest);
        hub_channel_add_rest(&rest, row[HUB_CHN_DATA].s, text_or_none(&row[HUB_CHN_PUBLISHER_ID]),
                             text_or_none(&row[HUB_CHN_PUBLISHER_NAME]));
        hub_channel_page_add(page, row[HUB_CHN_SEQ].i, row[HUB_CHN_TIMESTAMP].i, hub_buf_str(&rest));
    }
    page->cut = rows->cut;
    hub_buf_free(&rest);
}

static void on_rows(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct store_reading *r = arg;
    struct hub_channel *c = r->channel;
    struct hub_engine *e = c->all->engine;
    struct hub_channel_page page = {0};
    (void)error;
    if (!code) add_rows(&page, rows);
    hub_unhold(&r->hold);
    hub_result_over(&e->reads, &r->result);
    r->done(r->arg, code, &page);
    hub_buf_free(&page.json);
    hub_channel_unref(c);
    free(r);
}

static void start_select(struct hub_result *result) {
    struct store_reading *r = HUB_CONTAINER(result, struct store_reading, result);
    const struct hub_channel *c = r->channel;
    const struct hub_cond where[] = {
        {.column = HUB_CHN_CHANNEL, .value = hub_cell_text(hub_channel_name(c))},
        {.column = HUB_CHN_SEQ, .cmp = HUB_GT, .value = hub_cell_int(r->span.after)},
        {.column = HUB_CHN_SEQ, .cmp = HUB_LE, .value = hub_cell_int(r->span.upto)},
        {.column = HUB_CHN_TIMESTAMP, .cmp = HUB_GE, .value = hub_cell_int(r->span.oldest)},
    };
    const struct hub_select q = {.table = r->table,
                                 .where = where,
                                 .where_n = HUB_NELEM(where),
                                 .order_by = HUB_CHN_SEQ,
                                 .descending = true,
                                 .limit = r->span.limit,
                                 .max_bytes = HUB_RESULT_MAX};
    store_of(c)->ops->select(store_of(c), &q, on_rows, r);
}

static void read_store(struct hub_channel *c, const struct hub_channel_span *span, hub_channel_read_done *done,
                       void *arg) {
    struct hub_engine *e = c->all->engine;
    struct store_reading *r = hub_xcalloc(1, sizeof *r);
    hub_channel_ref(c);
    *r = (struct store_reading){
        .result.start = start_select, .channel = c, .table = table_of(c), .span = *span, .done = done, .arg = arg};
    hub_hold(&e->holds, &r->hold, "channel history");
    hub_result_ask(&e->reads, &r->result, hub_channel_name(c), (size_t)span->limit * HUB_ROW_BYTES);
}

static void forget_store(struct hub_channel *c) { (void)c; }

const struct hub_channel_log hub_channel_in_store = {
    .load = load_store, .append = append_store, .read = read_store, .forget = forget_store};
