/* The relay from the outbox to the bus.
 *
 * A window of rows is held in memory, in the order of their ids, which is that of the changes. Rows of
 * different keys are on their way at once; of those with one key, each waits until the bus has the one
 * before it. What the bus has is deleted, many rows with one write. A row that the bus will never take
 * keeps its place in the table with the reason in its column "error". While bus or store is away,
 * everything waits for the next attempt. */
#include "data/outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/collection/map.h"
#include "base/id/traceparent.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"
#include "data/change_feed.h"

#define WINDOW_ROWS 1024
#define WINDOW_BYTES (8u << 20)
#define READ_MIN \
    16 /* rows of one read: begins small, for they may be large, and doubles while reads stay under READ_BYTES */
#define READ_MAX 256
#define READ_BYTES (1u << 20)
#define DELETE_MAX 512 /* rows of one write, a power of two */
#define PACE_MS 5      /* between reads that did not fill up: rows committed meanwhile are read together */
#define REWIND_MS \
    10000 /* how often to look for rows behind those read: another process may have committed them late \
                         */
#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 10000
#define TRIES_MAX 8 /* of one row, when it fails by itself: some 30 s */
#define TICK_MS 1000
#define LOOK_MS \
    30000 /* how often to look for rows that nobody told of: marked ones that were freed, commits that came out late \
           */

enum state {
    BLOCKED, /* waits for the row before it under the same key */
    READY,
    SENT,
    TAKEN,  /* the bus has it: to be deleted */
    REFUSED /* the bus will never take it: to be marked */
};

struct row {
    struct hub_list link; /* outbox->rows */
    struct hub_outbox *outbox;
    enum state state;
    bool leaving;     /* part of the write under way */
    bool failing;     /* the last try failed */
    bool alone;       /* refused as too large in a batch: to be sent alone */
    int tries;        /* that failed for a reason of the row's own */
    struct row *next; /* of the same key */
    char id[HUB_UUID_LEN + 1];
    char *topic, *key; /* KEY NULL: none */
    char *traceparent; /* NULL: none */
    struct hub_buf value;
    char *error; /* REFUSED: why */
};

struct hub_outbox {
    struct hub_outbox_config c;
    const struct hub_service *service;
    const struct hub_table *table;
    struct hub_list rows;
    size_t row_n, failing_n, alone_n, sent_n, bytes;
    size_t at_once; /* rows that may be under way */
    size_t batch_n; /* rows in flight when one was refused as too large; 0: none was, or the size is settled */
    struct hub_map last_of_key; /* key → the last of its rows */
    char last[HUB_UUID_LEN + 1];
    int64_t read_limit, read_at, rewound_at;
    bool more; /* there may be rows that were not read */
    bool reading, writing, waiting, stopped;
    struct hub_hold read_hold, write_hold, count_hold;
    int64_t retry_ms;
    struct hub_timer retry, pace, tick, look;
    struct hub_task work;
    struct hub_write write; /* the one under way */
    struct hub_cond where;
    struct hub_cell ids[DELETE_MAX], cells[HUB_OUT_COLUMNS];
    struct hub_task told; /* that other loops have committed rows */
    int64_t told_n;       /* atomic: how many; not 0: TOLD is on its way */
    int64_t depth;
    char oldest[HUB_UUID_LEN + 1]; /* id; "": none has been seen */
};

static struct hub_metric depth_metric =
    HUB_METRIC(HUB_GAUGE, "hubd_outbox_rows", NULL, "Outbox events not yet published");
static struct hub_metric age_metric =
    HUB_METRIC(HUB_GAUGE, "hubd_outbox_oldest_seconds", NULL, "Age of the oldest outbox event not yet published");
static struct hub_metric published_metric =
    HUB_METRIC(HUB_COUNTER, "hubd_outbox_published_total", NULL, "Outbox events published");
static struct hub_metric retries_metric = HUB_METRIC(HUB_COUNTER, "hubd_outbox_retries_total", NULL,
                                                     "Failed attempts to publish an outbox event that will be retried");
static struct hub_metric refused_metric = HUB_METRIC(
    HUB_COUNTER, "hubd_outbox_refused_total", NULL,
    "Events that the bus will never take; they stay in the outbox with their error, and are not tried again");

static void work_on(struct hub_outbox *o);

static void defer_work(struct hub_outbox *o) {
    if (!o->stopped) hub_defer(o->c.loop, &o->work);
}

/* ---- what the metrics say ---- */

static void show_depth(struct hub_outbox *o) {
    if (!hub_list_empty(&o->rows))
        memcpy(o->oldest, HUB_CONTAINER(o->rows.next, struct row, link)->id, sizeof o->oldest);
    int64_t age = o->depth && o->oldest[0] ? hub_uuid7_age_ms(o->oldest) / 1000 : 0;
    hub_metric_set(&depth_metric, o->depth);
    hub_metric_set(&age_metric, age);
}

static void on_tick(struct hub_timer *t) {
    struct hub_outbox *o = HUB_CONTAINER(t, struct hub_outbox, tick);
    show_depth(o);
    if (o->depth) hub_timer_start(o->c.loop, t, TICK_MS, on_tick);
}

static void count_depth(struct hub_outbox *o, int64_t depth) {
    o->depth = depth > 0 ? depth : 0;
    hub_metric_set(&depth_metric, o->depth);
    if (!o->depth)
        show_depth(o);
    else if (!hub_timer_running(&o->tick) && !o->stopped)
        hub_timer_start(o->c.loop, &o->tick, TICK_MS, on_tick);
}

/* ---- backoff ---- */

static void on_retry(struct hub_timer *t) {
    struct hub_outbox *o = HUB_CONTAINER(t, struct hub_outbox, retry);
    o->waiting = false;
    work_on(o);
}

/* Exponential backoff for everything: nothing is read or published until the timer fires. */
static void back_off(struct hub_outbox *o, const char *what, const char *error) {
    if (o->waiting || o->stopped) return;
    if (o->retry_ms == RETRY_MIN_MS)
        hub_log_kv(HUB_LOG_WARN, "outbox", what, "error", error && *error ? error : "unknown", NULL);
    o->waiting = true;
    hub_timer_start(o->c.loop, &o->retry, o->retry_ms, on_retry);
    o->retry_ms = o->retry_ms * 2 < RETRY_MAX_MS ? o->retry_ms * 2 : RETRY_MAX_MS;
}

static void reset_backoff(struct hub_outbox *o) {
    if (o->failing_n) return;
    if (o->retry_ms > RETRY_MIN_MS) hub_log_kv(HUB_LOG_INFO, "outbox", "events are published again", NULL);
    o->retry_ms = RETRY_MIN_MS;
}

/* ---- rows in memory ---- */

static void free_row(struct row *r) {
    struct hub_outbox *o = r->outbox;
    hub_list_remove(&r->link);
    o->row_n--;
    o->bytes -= r->value.n;
    free(r->topic);
    free(r->traceparent);
    free(r->key);
    free(r->error);
    hub_buf_free(&r->value);
    free(r);
}

/* It is no longer in the way: the next one of its key may go. */
static void step_aside(struct row *r) {
    struct hub_outbox *o = r->outbox;
    if (r->failing) o->failing_n--;
    if (r->alone) o->alone_n--;
    if (!r->key) return;
    if (r->next)
        r->next->state = READY;
    else
        hub_map_del(&o->last_of_key, hub_cstr(r->key));
}

static void refuse_row(struct row *r, enum hub_code code, const char *why) {
    hub_metric_add(&refused_metric, 1);
    hub_log_kv(HUB_LOG_ERROR, "outbox", "the bus will never take this event; it stays in the outbox with its error",
               "id", r->id, "topic", r->topic ? r->topic : "", "error", why, NULL);
    r->state = REFUSED;
    r->error = hub_xstrdup(why && *why ? why : hub_code_text(code));
}

static HUB_MUST char *copy_text(const struct hub_cell *c) {
    return c->kind == HUB_CELL_TEXT ? hub_str_dup(c->s) : NULL;
}

static HUB_MUST json_t *parse_row(const struct hub_cell *c, struct hub_err *err) {
    json_t *v = hub_json_parse(c->kind == HUB_CELL_TEXT ? c->s : HUB_STR("null"), err);
    if (!v || json_is_object(v)) return v;
    json_decref(v);
    return hub_err_set(err, HUB_BAD_REQUEST, "a row must be an object"), NULL;
}

static enum hub_code compose_updated(struct row *r, const char *object, const struct hub_cell *cells,
                                     struct hub_err *err) {
    json_t *before = parse_row(&cells[HUB_OUT_BEFORE], err);
    json_t *after = before ? parse_row(&cells[HUB_OUT_AFTER], err) : NULL;
    if (after) {
        json_t *record = hub_feed_updated(object, before, after);
        hub_json_add(&r->value, record);
        json_decref(record);
    }
    enum hub_code code = after ? HUB_OK : err->code;
    json_decref(before);
    json_decref(after);
    return code;
}

static enum hub_code compose_change(struct row *r, const struct hub_cell *cells, struct hub_err *err) {
    struct hub_outbox *o = r->outbox;
    struct hub_buf topic = {0};
    char *object = copy_text(&cells[HUB_OUT_OBJECT]), *kind = copy_text(&cells[HUB_OUT_KIND]);
    struct hub_str after = hub_str_trim(cells[HUB_OUT_AFTER].s);
    enum hub_code code = HUB_OK;
    if (object) hub_feed_topic(&topic, o->service, object, kind);
    if (!object)
        code = hub_fail(err, HUB_BAD_REQUEST, "the row names no object");
    else if (!strcmp(kind, "updated"))
        code = compose_updated(r, object, cells, err);
    else if (cells[HUB_OUT_AFTER].kind == HUB_CELL_TEXT && hub_str_starts(after, HUB_STR("{")) &&
             hub_str_ends(after, HUB_STR("}")))
        hub_buf_adds(&r->value, after); /* need not be taken apart */
    else
        code = hub_fail(err, HUB_BAD_REQUEST, "a row must be an object");
    if (!code) hub_feed_mark(o->c.feed, &r->value, r->id);
    r->topic = hub_buf_take(&topic, NULL);
    free(object);
    free(kind);
    return code;
}

static HUB_MUST char *trace_of(const struct hub_cell *headers) {
    char trace[HUB_TRACEPARENT_LEN + 1];
    json_t *o = headers->kind == HUB_CELL_TEXT ? hub_json_parse(headers->s, NULL) : NULL;
    bool has = hub_traceparent_parse(hub_json_get_str(o, "traceparent"), trace);
    json_decref(o);
    return has ? hub_xstrdup(trace) : NULL;
}

/* A script's record goes as it is, but with an id by which those who listen know a repeat. */
static enum hub_code compose_published(struct row *r, const struct hub_cell *cells, struct hub_err *err) {
    json_t *record =
        hub_json_parse(cells[HUB_OUT_AFTER].kind == HUB_CELL_TEXT ? cells[HUB_OUT_AFTER].s : HUB_STR("null"), err);
    if (json_is_object(record) && !json_object_get(record, "_eventId"))
        hub_json_set_str(record, "_eventId", hub_cstr(r->id));
    if (record) hub_json_add(&r->value, record);
    enum hub_code code = record ? HUB_OK : err->code;
    json_decref(record);
    r->topic = copy_text(&cells[HUB_OUT_TOPIC]);
    r->traceparent = trace_of(&cells[HUB_OUT_BEFORE]);
    if (!code && !r->topic) code = hub_fail(err, HUB_BAD_REQUEST, "the row names no topic");
    return code;
}

/* Its place behind the other rows of its key. */
static void queue_up(struct row *r) {
    struct row *before = r->key ? hub_map_put(&r->outbox->last_of_key, hub_cstr(r->key), r) : NULL;
    if (!before) return;
    before->next = r;
    r->state = BLOCKED;
}

static void load_row(struct hub_outbox *o, const struct hub_cell *cells) {
    struct hub_err err;
    struct row *r = hub_xcalloc(1, sizeof *r);
    r->outbox = o;
    r->state = READY;
    snprintf(r->id, sizeof r->id, "%.*s", HUB_FMT(cells[HUB_OUT_ID].s));
    r->key = copy_text(&cells[HUB_OUT_KEY]);
    bool published = hub_str_is(cells[HUB_OUT_KIND].s, "published");
    enum hub_code code = published ? compose_published(r, cells, &err) : compose_change(r, cells, &err);
    hub_list_push(&o->rows, &r->link);
    o->row_n++;
    o->bytes += r->value.n;
    memcpy(o->last, r->id, sizeof o->last);
    if (code) {
        free(r->key);
        r->key = NULL;
        refuse_row(r, code, err.text);
    } else {
        queue_up(r);
    }
}

/* ---- to the bus ---- */

/* Clients of a bus put records together in batches, and a broker may refuse a batch as too large whose
 * records are not: only the refusal of a row that was sent alone is final. */
static void try_alone(struct row *r) {
    struct hub_outbox *o = r->outbox;
    if (!o->alone_n++) o->batch_n = o->sent_n;
    r->alone = true;
}

/* A row that a batch made too large went through alone: fewer at once from now on. */
static void shrink_batches(struct hub_outbox *o) {
    if (!o->batch_n) return;
    o->at_once = o->batch_n > 1 ? o->batch_n / 2 : 1;
    o->batch_n = 0;
    hub_logf(HUB_LOG_WARN, "outbox",
             "the broker takes less at once than was put together; from now on at most %zu events (bus.options "
             "message.max.bytes)",
             o->at_once);
}

/* What failed for a reason of its own is tried a few times, for others have to wait with it; what failed
 * because the bus is away, for ever. */
static bool is_final(struct row *r, enum hub_code code) {
    if (code == HUB_BAD_REQUEST || code == HUB_TOO_LARGE) return true;
    if (!r->failing) r->failing = true, r->outbox->failing_n++;
    if (code != HUB_OVERLOADED && code != HUB_SHUTTING_DOWN) r->tries++;
    return r->tries >= TRIES_MAX;
}

static void on_published(void *arg, enum hub_code code, const char *error) {
    struct row *r = arg;
    struct hub_outbox *o = r->outbox;
    bool together = o->sent_n > 1 || o->batch_n;
    o->sent_n--;
    r->state = READY;
    if (code == HUB_TOO_LARGE && !r->alone && together) {
        try_alone(r);
        hub_metric_add(&retries_metric, 1);
    } else if (code && !is_final(r, code)) {
        hub_metric_add(&retries_metric, 1);
        back_off(o, "the bus did not take an event; trying again", error ? error : hub_code_text(code));
    } else {
        if (code) refuse_row(r, code, error);
        if (!code) r->state = TAKEN, hub_metric_add(&published_metric, 1);
        if (!code && r->alone) shrink_batches(o);
        step_aside(r);
        if (!code) reset_backoff(o);
    }
    defer_work(o);
}

static void send_row(struct row *r) {
    struct hub_outbox *o = r->outbox;
    struct hub_bus *bus = o->c.bus;
    r->state = SENT;
    o->sent_n++;
    const struct hub_bus_header trace = {HUB_STR("traceparent"), hub_cstr(r->traceparent)};
    const struct hub_bus_message m = {.topic = hub_cstr(r->topic),
                                      .key = hub_cstr(r->key),
                                      .value = hub_buf_str(&r->value),
                                      .headers = &trace,
                                      .header_n = r->traceparent != NULL};
    bus->ops->publish(bus, &m, on_published, r);
}

static void send_ready(struct hub_outbox *o) {
    size_t at_once = o->alone_n ? 1 : o->at_once;
    HUB_LIST_EACH(&o->rows, it) {
        struct row *r = HUB_CONTAINER(it, struct row, link);
        if (o->sent_n >= at_once) return;
        if (r->state == READY && r->alone == (o->alone_n > 0)) send_row(r);
    }
}

/* ---- out of the table ---- */

static void on_sent_written(struct hub_write *w) {
    struct hub_outbox *o = w->arg;
    hub_unhold(&o->write_hold);
    o->writing = false;
    bool well = !w->code || w->code == HUB_NOT_FOUND; /* gone already: somebody cleaned up */
    if (!well) back_off(o, "the store did not let go of events that were published; trying again", w->error);
    HUB_LIST_EACH_SAFE(&o->rows, it) {
        struct row *r = HUB_CONTAINER(it, struct row, link);
        if (!r->leaving) continue;
        r->leaving = false;
        if (!well) continue;
        free_row(r);
        count_depth(o, o->depth - 1);
    }
    if (!o->row_n && o->depth) o->more = true; /* a count that is off is set right by a look */
    defer_work(o);
}

static void write_rows(struct hub_outbox *o, enum hub_write_kind kind, size_t id_n) {
    o->where = (struct hub_cond){.column = HUB_OUT_ID, .cmp = HUB_IN, .in = o->ids, .in_n = id_n};
    o->write = (struct hub_write){
        .table = o->table, .kind = kind, .where = &o->where, .where_n = 1, .done = on_sent_written, .arg = o};
    if (kind == HUB_UPDATE) o->write.cells = o->cells;
    o->writing = true;
    hub_hold(o->c.holds, &o->write_hold, "outbox write");
    o->c.store->ops->write(o->c.store, &o->write);
}

static void leave_row(struct hub_outbox *o, struct row *r, size_t at) {
    r->leaving = true;
    o->ids[at] = hub_cell_text(hub_cstr(r->id));
}

/* Rows that the bus has go together; one that it will never take is marked by itself. The list of ids is
 * filled up to a power of two, so that there are few statements. */
static void clear_out(struct hub_outbox *o) {
    size_t n = 0, room = 1;
    struct row *refused = NULL;
    HUB_LIST_EACH(&o->rows, it) {
        struct row *r = HUB_CONTAINER(it, struct row, link);
        if (r->state == TAKEN && n < DELETE_MAX) leave_row(o, r, n++);
        if (r->state == REFUSED && !refused) refused = r;
    }
    while (room < n) room *= 2;
    for (size_t i = n; n && i < room; i++) o->ids[i] = o->ids[0];
    if (n) {
        write_rows(o, HUB_DELETE, room);
    } else if (refused) {
        leave_row(o, refused, 0);
        memset(o->cells, 0, sizeof o->cells);
        o->cells[HUB_OUT_ERROR] = hub_cell_text(hub_cstr(refused->error));
        write_rows(o, HUB_UPDATE, 1);
    }
}

/* ---- into memory ---- */

static void on_pending(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_outbox *o = arg;
    hub_unhold(&o->read_hold);
    o->reading = false;
    if (o->stopped) return;
    if (code) {
        o->more = true;
        back_off(o, "the store does not give the outbox; trying again", error);
        return;
    }
    size_t before = o->bytes;
    for (size_t i = 0; i < rows->n; i++) load_row(o, hub_row(rows, i));
    if ((int64_t)rows->n == o->read_limit) o->more = true, o->read_at -= PACE_MS;
    if (!o->row_n && !o->more)
        count_depth(o, 0);
    else if (o->depth < (int64_t)o->row_n)
        count_depth(o, (int64_t)o->row_n); /* nobody told of some */
    bool large = o->bytes - before > READ_BYTES;
    if (large && o->read_limit > READ_MIN) o->read_limit /= 2;
    if (!large && o->read_limit < READ_MAX) o->read_limit *= 2;
    show_depth(o);
    work_on(o);
}

static void on_pace(struct hub_timer *t) { work_on(HUB_CONTAINER(t, struct hub_outbox, pace)); }

/* Whether it is time to read on. */
static bool may_read(struct hub_outbox *o) {
    int64_t now = hub_loop_now(o->c.loop);
    if (o->reading || !o->more || o->row_n > WINDOW_ROWS / 2 || o->bytes > WINDOW_BYTES) return false;
    if (o->row_n && now - o->rewound_at > REWIND_MS)
        return false; /* from the beginning again, once these are through */
    if (now - o->read_at >= PACE_MS) return true;
    if (!hub_timer_running(&o->pace)) hub_timer_start(o->c.loop, &o->pace, PACE_MS, on_pace);
    return false;
}

static void read_on(struct hub_outbox *o) {
    const struct hub_cond where[] = {
        {.column = HUB_OUT_ERROR, .value = {.kind = HUB_CELL_NULL}},
        {.column = HUB_OUT_ID, .cmp = HUB_GT, .value = {.kind = HUB_CELL_TEXT, .s = hub_cstr(o->last)}}};
    const struct hub_select q = {
        .table = o->table, .where = where, .where_n = o->row_n ? 2 : 1, .order_by = HUB_OUT_ID, .limit = o->read_limit};
    o->read_at = hub_loop_now(o->c.loop);
    if (!o->row_n) o->rewound_at = o->read_at;
    o->more = false;
    o->reading = true;
    hub_hold(o->c.holds, &o->read_hold, "outbox read");
    o->c.store->ops->select(o->c.store, &q, on_pending, o);
}

static void work_on(struct hub_outbox *o) {
    if (o->waiting || o->stopped) return;
    send_ready(o);
    if (!o->writing) clear_out(o);
    if (may_read(o)) read_on(o);
}

static void on_work(struct hub_task *t) { work_on(HUB_CONTAINER(t, struct hub_outbox, work)); }

/* ---- scripts' records ---- */

struct publication {
    struct hub_hold hold;
    struct hub_outbox *outbox;
    struct hub_write write;
    struct hub_cell cells[HUB_OUT_COLUMNS];
    char id[HUB_UUID_LEN + 1];
    struct hub_buf text;
    hub_outbox_stored *done;
    void *arg;
};

static void on_stored(struct hub_write *w) {
    struct publication *p = w->arg;
    hub_unhold(&p->hold);
    if (!w->code) hub_outbox_poke(p->outbox);
    if (p->done) p->done(p->arg, w->code, w->error);
    hub_buf_free(&p->text);
    free(p);
}

static void on_publication_undecided(struct hub_write *w) {
    struct publication *p = w->arg;
    p->done(p->arg, HUB_STORE_UNDECIDED, hub_code_text(HUB_STORE_UNDECIDED));
    p->done = NULL;
}

void hub_outbox_publish(struct hub_outbox *o, struct hub_str topic, struct hub_str key, struct hub_str value,
                        const char *traceparent, hub_outbox_stored *done, void *arg) {
    struct publication *p = hub_xcalloc(1, sizeof *p);
    *p = (struct publication){.outbox = o, .done = done, .arg = arg};
    hub_feed_event_id(o->c.feed, p->id);
    hub_buf_adds(&p->text, topic);
    hub_buf_adds(&p->text, key);
    hub_buf_adds(&p->text, value);
    if (traceparent) hub_buf_addf(&p->text, "{\"traceparent\":\"%s\"}", traceparent);
    size_t rest = topic.n + key.n + value.n;
    if (traceparent) p->cells[HUB_OUT_BEFORE] = hub_cell_text(hub_str(p->text.p + rest, p->text.n - rest));
    p->cells[HUB_OUT_ID] = hub_cell_text(hub_cstr(p->id));
    p->cells[HUB_OUT_KIND] = hub_cell_text(HUB_STR("published"));
    p->cells[HUB_OUT_TOPIC] = hub_cell_text(hub_str(p->text.p, topic.n));
    if (key.n) p->cells[HUB_OUT_KEY] = hub_cell_text(hub_str(p->text.p + topic.n, key.n));
    p->cells[HUB_OUT_AFTER] = hub_cell_text(hub_str(p->text.p + topic.n + key.n, value.n));
    p->write = (struct hub_write){.table = o->table,
                                  .kind = HUB_INSERT,
                                  .cells = p->cells,
                                  .done = on_stored,
                                  .undecided = on_publication_undecided,
                                  .arg = p};
    hub_hold(o->c.holds, &p->hold, "published record");
    o->c.store->ops->write(o->c.store, &p->write);
}

/* ---- life ---- */

static void take_rows(struct hub_outbox *o, int64_t n) {
    o->more = true;
    count_depth(o, o->depth + n);
    defer_work(o);
}

static void on_told(struct hub_task *t) {
    struct hub_outbox *o = HUB_CONTAINER(t, struct hub_outbox, told);
    int64_t n = __atomic_exchange_n(&o->told_n, 0, __ATOMIC_ACQ_REL);
    if (!o->stopped) take_rows(o, n);
}

struct hub_outbox *hub_outbox_new(const struct hub_outbox_config *config) {
    struct hub_outbox *o = hub_xcalloc(1, sizeof *o);
    o->c = *config;
    o->read_limit = READ_MIN;
    o->retry_ms = RETRY_MIN_MS;
    o->at_once = WINDOW_ROWS * 2; /* all */
    o->work.run = on_work;
    o->told.run = on_told;
    hub_list_init(&o->rows);
    return o;
}

void hub_outbox_configure(struct hub_outbox *o, const struct hub_service *service, const struct hub_table *table) {
    o->service = service;
    o->table = table;
}

static void on_counted(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_outbox *o = arg;
    (void)error;
    hub_unhold(&o->count_hold);
    if (!code && !o->stopped) count_depth(o, hub_json_get_int(json_array_get(result, 0), "n", 0));
}

static void on_look(struct hub_timer *t) {
    struct hub_outbox *o = HUB_CONTAINER(t, struct hub_outbox, look);
    hub_timer_start(o->c.loop, t, LOOK_MS, on_look);
    o->more = true;
    work_on(o);
}

void hub_outbox_start(struct hub_outbox *o) {
    if (o->c.publisher) return;
    struct hub_buf sql = {0};
    json_t *none = json_array();
    hub_buf_addf(&sql, "SELECT count(*) AS n FROM \"%s\" WHERE \"%s\" IS NULL", o->table->table,
                 o->table->columns[HUB_OUT_ERROR].column);
    hub_hold(o->c.holds, &o->count_hold, "outbox count");
    o->c.store->ops->sql(o->c.store, hub_buf_str(&sql), none, NULL, on_counted, o);
    json_decref(none);
    hub_buf_free(&sql);
    o->more = true;
    o->read_at = hub_loop_now(o->c.loop) - PACE_MS;
    hub_timer_start(o->c.loop, &o->look, LOOK_MS, on_look);
    work_on(o);
}

void hub_outbox_poke(struct hub_outbox *o) {
    struct hub_outbox *p = o->c.publisher;
    if (!p)
        take_rows(o, 1);
    else if (!__atomic_fetch_add(&p->told_n, 1, __ATOMIC_ACQ_REL))
        hub_post(p->c.loop, &p->told);
}

bool hub_outbox_busy(const struct hub_outbox *o) {
    struct hub_buf why_not = {0};
    if (o->waiting || o->stopped) return false;
    bool there = o->c.bus->ops->ready(o->c.bus, &why_not);
    hub_buf_free(&why_not);
    return o->writing || (there && (o->row_n || o->more || o->reading));
}

void hub_outbox_stop(struct hub_outbox *o) {
    o->stopped = true;
    hub_defer_cancel(&o->work);
    hub_timer_stop(o->c.loop, &o->retry);
    hub_timer_stop(o->c.loop, &o->pace);
    hub_timer_stop(o->c.loop, &o->tick);
    hub_timer_stop(o->c.loop, &o->look);
}

void hub_outbox_delete(struct hub_outbox *o) {
    hub_outbox_stop(o);
    while (!hub_list_empty(&o->rows)) free_row(HUB_CONTAINER(o->rows.next, struct row, link));
    hub_map_clear(&o->last_of_key);
    hub_metric_set(&depth_metric, 0);
    hub_metric_set(&age_metric, 0);
    free(o);
}
