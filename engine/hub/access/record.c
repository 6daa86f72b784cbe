/* The record of a room in use is the room object's row as it is: what this process writes is known at its
 * commit, what others write when the bus tells of it (bridge.c) or when a decision reads it. A handler
 * sees it as it is when its turn comes (contract: semantics.md "Order"). */
#include "hub/access/access.h"

#include <stdlib.h>

bool hub_cond_of_text(struct hub_cond *cond, const struct hub_table *t, int column, const char *text,
                      struct hub_buf *hold) {
    json_t *v = json_string(text);
    *cond = (struct hub_cond){.column = column, .cmp = HUB_EQ};
    enum hub_code code = v ? hub_cell_from_json(&t->columns[column], v, &cond->value, hold, NULL) : HUB_BAD_REQUEST;
    json_decref(v);
    return code == HUB_OK;
}

const struct hub_table *hub_record_table(const struct hub_hub *hub) {
    return hub_tables_find(hub->engine->config.tables, hub_cstr(hub->def->room_object->name));
}

bool hub_record_read(struct hub_hub *hub, const char *room_id, struct hub_buf *hold, hub_rows_cb *done, void *arg) {
    struct hub_store *store = hub->engine->config.store;
    const struct hub_table *t = hub_record_table(hub);
    struct hub_cond where;
    hub_buf_clear(hold);
    if (!t) return false; /* a reload has taken the hub out of service, and its object away */
    if (!hub_cond_of_text(&where, t, (int)t->id, room_id, hold)) return false;
    const struct hub_select q = {.table = t, .where = &where, .where_n = 1, .order_by = -1, .limit = 1};
    store->ops->select(store, &q, done, arg);
    return true;
}

/* ---- own writes ---- */

/* The row's id as text, which is what identifies a room. */
static void add_id(struct hub_buf *b, const struct hub_cell *id) {
    if (id->kind == HUB_CELL_TEXT)
        hub_buf_adds(b, id->s);
    else if (id->kind == HUB_CELL_INT)
        hub_buf_addi(b, id->i);
}

static void renew_record(struct hub_room *room, const struct hub_table *t, const struct hub_cell *row, bool gone) {
    room->record_no++;
    room->judged++;
    if (gone)
        hub_room_end(room, HUB_ROOM_NOT_FOUND);
    else if (room->ended == HUB_ROOM_NOT_FOUND)
        hub_room_reopen(room); /* a new row of the same id */
    if (gone) return;
    json_decref(room->record);
    room->record = hub_row_json(t, row);
    hub_room_record_changed(room);
}

void hub_record_written(void *ctx, const struct hub_write *w) {
    struct hub_engine *e = ctx;
    const struct hub_table *t = w->table;
    const struct hub_cell *row = w->row.n ? hub_row(&w->row, 0) : w->cells;
    struct hub_buf id = {0};
    if (w->code || w->duplicate || t->id == HUB_NO_ID) return;
    add_id(&id, &row[t->id]);
    for (size_t i = 0; i < e->hub_n && id.n; i++) {
        struct hub_hub *hub = e->hubs[i];
        if (strcmp(hub->def->room_object->name, t->name)) continue;
        hub_authorize_record_changed(hub, hub_buf_str(&id));
        struct hub_room *room = hub_room_find(&hub->rooms, hub_buf_str(&id));
        if (room) renew_record(room, t, row, w->kind == HUB_DELETE);
    }
    hub_buf_free(&id);
}

/* ---- those of other nodes ---- */

struct rereading {
    struct hub_room *room; /* reference */
    struct hub_hold hold;
    struct hub_buf text;
    uint32_t record_no;
};

static void on_reread(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct rereading *r = arg;
    struct hub_room *room = r->room;
    (void)error; /* what is in memory stays until the store is there */
    if (!code && room->record_no == r->record_no)
        renew_record(room, rows->table, rows->n ? hub_row(rows, 0) : NULL, !rows->n);
    hub_unhold(&r->hold);
    hub_room_unref(room);
    hub_buf_free(&r->text);
    free(r);
}

static void reread_room(struct hub_room *room) {
    struct rereading *r = hub_xcalloc(1, sizeof *r);
    *r = (struct rereading){.room = hub_room_ref(room), .record_no = room->record_no};
    room->judged++;
    hub_hold(&hub_of(room)->engine->holds, &r->hold, "row of a room");
    if (!hub_record_read(hub_of(room), room->id, &r->text, on_reread, r)) on_reread(r, HUB_NOT_FOUND, NULL, NULL);
}

void hub_record_written_elsewhere(struct hub_engine *e, const struct hub_table *t, const json_t *row) {
    const json_t *given = json_object_get(row, t->columns[t->id].property);
    struct hub_buf id = {0};
    if (json_is_string(given))
        hub_buf_adds(&id, hub_json_str(given));
    else if (given)
        hub_json_add(&id, given);
    for (size_t i = 0; i < e->hub_n && id.n; i++) {
        struct hub_hub *hub = e->hubs[i];
        if (strcmp(hub->def->room_object->name, t->name)) continue;
        hub_authorize_record_changed(hub, hub_buf_str(&id));
        struct hub_room *room = hub_room_find(&hub->rooms, hub_buf_str(&id));
        if (room) reread_room(room);
    }
    hub_buf_free(&id);
}
