/* Rows of the hub's message table changed behind its back, by a script's objects.update or whoever else
 * writes to it: when the bus tells of it, the change takes its number and the room hears of it, as of a
 * change by hub:edit or hub:delete (contract: semantics.md "Bridged events"). Rows of rooms and members that
 * change in this way are in data_events.c. */
#include "hub/bridge/bridge.h"

#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/access/access.h"
#include "hub/message/message.h"

struct behind {
    struct hub_hold hold;
    struct hub_retry retry;
    struct hub_numbered numbered;
    struct hub_room_op op;
    struct hub_room *room; /* reference */
    bool deleted;
    bool was_seen; /* a record says that it was deleted, and that it had been told: its row may be gone */
    char *id;
    struct hub_work *work;
    struct hub_cell cells[HUB_MSG_MAX];
    struct hub_cond where[4];
    struct hub_buf message;
    struct hub_replies replies;
    char *sender; /* NULL: the system's */
    struct hub_audience audience;
};

static void free_behind(struct behind *b) {
    hub_unhold(&b->hold);
    hub_room_unref(b->room);
    hub_work_release(b->work);
    hub_buf_free(&b->message);
    hub_replies_free(&b->replies);
    hub_audience_free(&b->audience);
    free(b->sender);
    free(b->id);
    free(b);
}

static void on_previews(void *arg) {
    struct behind *b = arg;
    hub_numbered_ready(&b->numbered);
}

/* ROW goes before the change is told. */
static void take_audience(struct behind *b, const struct hub_cell *row) {
    struct hub_cell cells[HUB_MSG_FIXED] = {[HUB_MSG_AUDIENCE] = row[HUB_MSG_AUDIENCE]};
    hub_audience_free(&b->audience); /* of an earlier attempt */
    free(b->sender);
    b->sender = row[HUB_MSG_SENDER_ID].kind == HUB_CELL_TEXT ? hub_str_dup(row[HUB_MSG_SENDER_ID].s) : NULL;
    if (b->sender) cells[HUB_MSG_SENDER_ID] = hub_cell_text(hub_cstr(b->sender));
    hub_audience_of(cells, false, &b->audience);
}

static bool on_written(struct hub_numbered *n) {
    struct behind *b = HUB_CONTAINER(n, struct behind, numbered);
    if (n->write.code || !n->write.row.n) return true;
    const struct hub_cell *row = hub_row(&n->write.row, 0);
    take_audience(b, row);
    hub_message_json(&b->message, n->write.row.table, row, &b->replies);
    if (!b->replies.n) return true;
    hub_previews_fill(b->room, (struct hub_viewer){0}, &b->message, &b->replies, on_previews, b);
    return false;
}

static void tell_edit(const struct behind *b) {
    struct hub_event_json e = hub_event_json(b->room);
    if (b->deleted)
        hub_event_json_text(&e, "messageId", hub_cstr(b->id));
    else
        hub_event_json_raw(&e, "message", hub_buf_str(&b->message));
    hub_event_json_seq(&e, b->numbered.write.number);
    hub_event_json_tell_numbered(
        &e, &b->audience.target, b->deleted ? HUB_STR("hub:messageDeleted") : HUB_STR("hub:messageEdited"),
        b->numbered.write.number, hub_message_flags(hub_of(b->room)->def, hub_buf_str(&b->message)));
}

/* Ends the change, or schedules another attempt. */
static void fail_edit(struct behind *b, enum hub_code code, const char *error) {
    if (hub_retry_later(&hub_of(b->room)->engine->retries, &b->retry, b->work, code)) return;
    hub_log_kv(HUB_LOG_WARN, "bus", "a changed message could not be announced", "room", b->room->id, "message", b->id,
               "error", error, NULL);
    free_behind(b);
}

/* The room's next operation may go on. */
static void on_undecided(struct hub_numbered *n) {
    struct behind *b = HUB_CONTAINER(n, struct behind, numbered);
    hub_room_op_done(b->room, &b->op);
    b->op.run = NULL;
}

static void tell_all(const struct behind *b) {
    json_t *data = json_object();
    json_object_set_new(data, "messageId", json_string(b->id));
    tell_edit(b);
    hub_system_message(b->room, &b->audience.target, b->deleted ? "messageDeleted" : "messageEdited", data, b->work);
    json_decref(data);
}

static void on_looked(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct behind *b = arg;
    if (code) {
        fail_edit(b, code, error);
        return;
    }
    if (!rows->n) tell_all(b);
    free_behind(b);
}

/* Where the row itself is gone there is nothing left to number: the room hears of it all the same. */
static void look_whether_gone(struct behind *b) {
    struct hub_store *store = hub_of(b->room)->engine->config.store;
    const struct hub_cond where = {.column = HUB_MSG_ID, .value = hub_cell_text(hub_cstr(b->id))};
    const struct hub_select q = {.table = hub_of(b->room)->tables->message,
                                 .where = &where,
                                 .where_n = 1,
                                 .order_by = -1,
                                 .limit = 1,
                                 .with_inactive = true};
    store->ops->select(store, &q, on_looked, b);
}

static void announce_edit(struct hub_numbered *n) {
    struct behind *b = HUB_CONTAINER(n, struct behind, numbered);
    struct hub_room *room = hub_room_ref(b->room);
    if (!n->write.code) tell_all(b);
    if (b->op.run) hub_room_op_done(room, &b->op);
    if (n->write.code == HUB_NOT_FOUND && b->was_seen)
        look_whether_gone(b);
    else if (!n->write.code ||
             n->write.code == HUB_NOT_FOUND) /* pending, rejected, or deleted meanwhile; nobody is to hear of it */
        free_behind(b);
    else
        fail_edit(b, n->write.code, n->write.error);
    hub_room_unref(room);
}

static void run_op(struct hub_room_op *op) {
    struct behind *b = HUB_CONTAINER(op, struct behind, op);
    struct hub_write *w = &b->numbered.write;
    size_t n = 0;
    b->numbered = (struct hub_numbered){
        .undecided = on_undecided, .written = on_written, .announce = announce_edit, .quiet = true};
    b->where[n++] = (struct hub_cond){.column = HUB_MSG_ID, .value = hub_cell_text(hub_cstr(b->id))};
    b->where[n++] = (struct hub_cond){.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(b->room->id))};
    b->where[n++] = (struct hub_cond){.column = HUB_MSG_SEQ, .cmp = HUB_GT, .value = {.kind = HUB_CELL_INT, .i = 0}};
    if (b->deleted)
        b->where[n++] = (struct hub_cond){.column = HUB_MSG_IS_ACTIVE, .value = {.kind = HUB_CELL_BOOL, .i = 0}};
    else
        b->cells[HUB_MSG_EDITED_AT] = hub_cell_int(hub_loop_wall(b->room->loop));
    *w = (struct hub_write){.table = hub_of(b->room)->tables->message,
                            .kind = HUB_UPDATE,
                            .cells = b->cells,
                            .where = b->where,
                            .where_n = n,
                            .numbering = HUB_NUMBER_CHANGE,
                            .return_row = true};
    hub_room_write(b->room, &b->numbered);
}

static void on_open(void *arg, enum hub_code code) {
    struct behind *b = arg;
    if (code || hub_room_full_of_ops(b->room)) {
        if (!code) code = HUB_OVERLOADED;
        fail_edit(b, code, hub_code_text(code));
    } else {
        b->op.run = run_op;
        hub_room_enqueue(b->room, &b->op);
    }
}

static void on_again(struct hub_retry *r, bool give_up) {
    struct behind *b = HUB_CONTAINER(r, struct behind, retry);
    if (give_up)
        free_behind(b);
    else
        hub_room_load(b->room, on_open, b);
}

/* Used when the row itself was deleted. */
static void take_audience_of_record(struct behind *b, const json_t *record) {
    struct hub_cell cells[HUB_MSG_FIXED] = {{.kind = HUB_CELL_ABSENT}};
    const json_t *to = hub_json_get(record, "broadcastTo"), *sender = hub_json_get(record, "senderId");
    struct hub_buf text_of_to = {0};
    if (!hub_json_nil(to)) {
        hub_json_add(&text_of_to, to);
        cells[HUB_MSG_AUDIENCE] = hub_cell_text(hub_buf_str(&text_of_to));
    }
    if (json_is_string(sender)) cells[HUB_MSG_SENDER_ID] = hub_cell_text(hub_cstr(json_string_value(sender)));
    take_audience(b, cells);
    hub_buf_free(&text_of_to);
}

void hub_external_message_edit(struct hub_hub *hub, const json_t *row, bool deleted, struct hub_work *work) {
    struct hub_str id = hub_json_get_str(row, "id"), room = hub_json_get_str(row, "roomId");
    const json_t *active = hub_json_get(row, "isActive");
    if (!hub_id_ok(id) || !hub_id_ok(room)) return;
    struct behind *b = hub_xcalloc(1, sizeof *b);
    b->room = hub_room_of(hub, room);
    b->id = hub_str_dup(id);
    b->work = hub_work_hold(work);
    b->retry.again = on_again;
    b->deleted = deleted || json_is_false(active);
    b->was_seen = deleted && hub_json_get_int(row, "seq", 0) > 0;
    take_audience_of_record(b, row);
    hub_hold(&hub->engine->holds, &b->hold, "external edit");
    hub_room_load(b->room, on_open, b);
}
