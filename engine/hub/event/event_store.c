/* Custom events that are kept (ephemeral: false): written to the store when they are emitted, and read from
 * it again with the history of their time. */
#include "hub/event/event.h"

#include <stdlib.h>

#include "base/time/clock.h"

#define KEPT_EVENTS_MAX 1000 /* of one answer: the newest of its span */

struct reading {
    struct hub_room *room; /* reference */
    struct hub_span span;
    struct hub_cond where[3];
    size_t n;
    hub_stored_events_done *done;
    void *arg;
};

static void finish_reading(struct reading *r, enum hub_code code, struct hub_str json) {
    r->done(r->arg, code, json);
    hub_room_unref(r->room);
    free(r);
}

static void add_event(struct hub_buf *b, const struct hub_cell *row) {
    char iso[HUB_ISO_LEN + 1];
    hub_iso_format(row[HUB_EVT_TIMESTAMP].i, iso);
    hub_buf_addz(b, "{\"id\":");
    hub_json_add_string(b, row[HUB_EVT_ID].s);
    hub_buf_addz(b, ",\"roomId\":");
    hub_json_add_string(b, row[HUB_EVT_ROOM_ID].s);
    hub_buf_addz(b, ",\"senderId\":");
    if (row[HUB_EVT_SENDER_ID].kind == HUB_CELL_TEXT)
        hub_json_add_string(b, row[HUB_EVT_SENDER_ID].s);
    else
        hub_buf_addz(b, "null");
    hub_buf_addz(b, ",\"name\":");
    hub_json_add_string(b, row[HUB_EVT_NAME].s);
    hub_buf_addz(b, ",\"data\":");
    if (row[HUB_EVT_DATA].kind == HUB_CELL_TEXT)
        hub_buf_adds(b, row[HUB_EVT_DATA].s);
    else
        hub_buf_addz(b, "null");
    hub_buf_addf(b, ",\"timestamp\":\"%s\"}", iso);
}

static void on_events(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_buf json = {0};
    (void)error;
    hub_buf_addc(&json, '[');
    for (size_t i = code ? 0 : rows->n; i; i--) { /* they come newest first */
        add_event(&json, hub_row(rows, i - 1));
        if (i > 1) hub_buf_addc(&json, ',');
    }
    hub_buf_addc(&json, ']');
    finish_reading(arg, code, hub_buf_str(&json));
    hub_buf_free(&json);
}

static void read_events(struct reading *r) {
    struct hub_store *store = hub_of(r->room)->engine->config.store;
    r->where[r->n++] = (struct hub_cond){.column = HUB_EVT_ROOM_ID, .value = hub_cell_text(hub_cstr(r->room->id))};
    const struct hub_select q = {.table = hub_of(r->room)->tables->event,
                                 .where = r->where,
                                 .where_n = r->n,
                                 .order_by = HUB_EVT_TIMESTAMP,
                                 .descending = true,
                                 .limit = KEPT_EVENTS_MAX,
                                 .max_bytes = HUB_RESULT_MAX};
    store->ops->select(store, &q, on_events, r);
}

/* The time of the message that bounds the span, or of the nearest one inside it. */
static void find_border(struct reading *r, int64_t seq, bool end, hub_rows_cb *found) {
    struct hub_store *store = hub_of(r->room)->engine->config.store;
    const struct hub_cond where[] = {
        {.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(r->room->id))},
        {.column = HUB_MSG_SEQ, .cmp = end ? HUB_GE : HUB_LE, .value = {.kind = HUB_CELL_INT, .i = seq}},
    };
    const struct hub_select q = {.table = hub_of(r->room)->tables->message,
                                 .where = where,
                                 .where_n = 2,
                                 .order_by = HUB_MSG_SEQ,
                                 .descending = !end,
                                 .limit = 1,
                                 .with_inactive = true};
    store->ops->select(store, &q, found, r);
}

/* No such message: the span is open on that side. */
static void take_border(struct reading *r, const struct hub_rows *rows, enum hub_cmp cmp) {
    if (rows->n)
        r->where[r->n++] =
            (struct hub_cond){.column = HUB_EVT_TIMESTAMP, .cmp = cmp, .value = hub_row(rows, 0)[HUB_MSG_TIMESTAMP]};
}

static void on_end(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct reading *r = arg;
    (void)error;
    if (code) {
        finish_reading(r, code, hub_str(NULL, 0));
        return;
    }
    take_border(r, rows, HUB_LT);
    read_events(r);
}

static void find_end(struct reading *r) {
    if (r->span.end)
        find_border(r, r->span.end, true, on_end);
    else
        read_events(r);
}

static void on_start(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct reading *r = arg;
    (void)error;
    if (code) {
        finish_reading(r, code, hub_str(NULL, 0));
        return;
    }
    take_border(r, rows, HUB_GE);
    find_end(r);
}

void hub_stored_events(struct hub_room *room, const struct hub_span *span, hub_stored_events_done *done, void *arg) {
    struct reading *r = hub_xcalloc(1, sizeof *r);
    *r = (struct reading){.room = hub_room_ref(room), .span = *span, .done = done, .arg = arg};
    if (span->start)
        find_border(r, span->start, false, on_start);
    else
        find_end(r);
}

/* An event on its way to the store. */
struct kept_event {
    struct hub_hold hold;
    struct hub_write write;
    struct hub_cell cells[HUB_EVT_COLUMNS];
    struct hub_room *room; /* reference */
    struct hub_buf data;
    char *sender;
    char id[HUB_UUID_LEN + 1];
    hub_event_stored *done; /* NULL once the outcome was reported as unknown */
    void *arg;
};

static void on_written(struct hub_write *w) {
    struct kept_event *k = w->arg;
    struct hub_engine *e = hub_of(k->room)->engine;
    hub_unhold(&k->hold);
    hub_feed_done(e->data.feed, w, true, NULL);
    if (k->done) k->done(k->arg, w->code, w->error, hub_buf_str(&k->data));
    hub_buf_free(&k->data);
    hub_room_unref(k->room);
    free(k->sender);
    free(k);
}

static void on_undecided(struct hub_write *w) {
    struct kept_event *k = w->arg;
    k->done(k->arg, HUB_STORE_UNDECIDED, NULL, hub_buf_str(&k->data));
    k->done = NULL;
}

void hub_event_store(struct hub_room *room, struct hub_str sender, const struct hub_def_custom_event *e,
                     const json_t *data, hub_event_stored *done, void *arg) {
    struct hub_hub *hub = hub_of(room);
    struct hub_store *store = hub->engine->config.store;
    struct kept_event *k = hub_xcalloc(1, sizeof *k);
    *k = (struct kept_event){
        .room = hub_room_ref(room), .sender = sender.n ? hub_str_dup(sender) : NULL, .done = done, .arg = arg};
    hub_uuid7(k->id);
    hub_json_add(&k->data, data);
    k->cells[HUB_EVT_ID] = hub_cell_text(hub_str(k->id, HUB_UUID_LEN));
    k->cells[HUB_EVT_ROOM_ID] = hub_cell_text(hub_cstr(room->id));
    if (k->sender) k->cells[HUB_EVT_SENDER_ID] = hub_cell_text(hub_cstr(k->sender));
    k->cells[HUB_EVT_NAME] = hub_cell_text(hub_cstr(e->name));
    k->cells[HUB_EVT_DATA] = hub_cell_text(hub_buf_str(&k->data));
    k->cells[HUB_EVT_TIMESTAMP] = hub_cell_int(hub_loop_wall(room->loop));
    k->write = (struct hub_write){.table = hub->tables->event,
                                  .kind = HUB_INSERT,
                                  .cells = k->cells,
                                  .done = on_written,
                                  .undecided = on_undecided,
                                  .arg = k};
    hub_hold(&hub->engine->holds, &k->hold, "stored event");
    hub_feed_announce(hub->engine->data.feed, &k->write, true);
    store->ops->write(store, &k->write);
}
