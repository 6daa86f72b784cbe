/* Read and delivery receipts: resolved to a message of the room, stored per user, told to the room, never
 * moving backwards. */
#include "hub/event/event.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/time/clock.h"
#include "hub/audience/audience.h"

struct receipt {
    struct hub_hold hold;
    struct hub_write write;
    struct hub_cell cells[HUB_RCP_COLUMNS];
    struct hub_call *call;
    struct hub_list under_way; /* in the room's, on the way to the store */
    bool read;                 /* else delivered */
    struct hub_receipt before;
    bool named; /* by messageId, which must be there */
    bool has_time;
    int64_t time; /* lastReadTimestamp as given */
    int64_t message_seq, message_time;
    char message_id[HUB_MESSAGE_ID_MAX + 1];
    char *sender; /* of the message; NULL: the system's */
    struct hub_audience audience;
};

static void free_receipt(struct receipt *r) {
    hub_audience_free(&r->audience);
    free(r->sender);
    free(r);
}

static void fail_receipt(struct receipt *r, enum hub_code code, const char *why) {
    hub_call_fail(r->call, code, "%s", why ? why : hub_code_text(code));
    free_receipt(r);
}

/* A receipt that names a message is for those that the message is for. */
static void take_audience(struct receipt *r, const struct hub_cell *row) {
    struct hub_cell cells[HUB_MSG_FIXED] = {[HUB_MSG_AUDIENCE] = row[HUB_MSG_AUDIENCE]};
    if (row[HUB_MSG_SENDER_ID].kind == HUB_CELL_TEXT) r->sender = hub_str_dup(row[HUB_MSG_SENDER_ID].s);
    if (r->sender) cells[HUB_MSG_SENDER_ID] = hub_cell_text(hub_cstr(r->sender));
    hub_audience_of(cells, false, &r->audience);
}

static void tell_receipt(struct receipt *r) {
    const struct hub_target all = {.to = HUB_TO_ALL};
    struct hub_event_json e = hub_event_json(r->call->room);
    hub_event_json_text(&e, "userId", hub_cstr(r->call->who->user_id));
    if (r->read) {
        hub_event_json_time(&e, "lastReadTimestamp", r->message_time);
        hub_event_json_int(&e, "lastReadSeq", r->message_seq);
        hub_event_json_tell(&e, &all, HUB_STR("hub:messageRead"), 0);
    } else {
        hub_event_json_text(&e, "messageId", hub_cstr(r->message_id));
        hub_event_json_int(&e, "seq", r->message_seq);
        hub_event_json_tell(&e, &r->audience.target, HUB_STR("hub:messageDelivered"), 0);
    }
}

static void notice_read(const struct receipt *r) {
    struct hub_room *room = r->call->room;
    const struct hub_target reader = {.to = HUB_TO_SENDER, .sender = hub_cstr(r->call->who->user_id)};
    if (r->read && room->changed) room->changed(room, &reader);
}

static bool is_at(const struct receipt *r, const struct hub_receipt *at) {
    return r->read ? at->read_seq == r->message_seq && at->read_time == r->message_time
                   : at->delivered_seq == r->message_seq;
}

static void put_back(const struct receipt *r, struct hub_receipt *at) {
    if (r->read) {
        at->read_seq = r->before.read_seq;
        at->read_time = r->before.read_time;
    } else {
        at->delivered_seq = r->before.delivered_seq;
    }
}

static bool is_behind(const struct receipt *r, const struct receipt *later) {
    return later->read == r->read && !strcmp(later->call->who->user_id, r->call->who->user_id) &&
           is_at(r, &later->before);
}

/* What was not stored must be acceptable when the client tries again, unless a later receipt has gone
 * further meanwhile; should that not be stored either, it goes back to where this one began. */
static void take_back(const struct receipt *r) {
    struct hub_receipt *now = hub_receipt_of(r->call->room, hub_cstr(r->call->who->user_id), true);
    if (is_at(r, now)) put_back(r, now);
    HUB_LIST_EACH(&r->call->room->receiving, it) {
        struct receipt *later = HUB_CONTAINER(it, struct receipt, under_way);
        if (is_behind(r, later)) put_back(r, &later->before);
    }
}

static void on_stored(struct hub_write *w) {
    struct receipt *r = w->arg;
    hub_unhold(&r->hold);
    hub_list_remove(&r->under_way);
    if (w->code) {
        take_back(r);
        fail_receipt(r, w->code, hub_store_words(w->code, w->error));
        return;
    }
    tell_receipt(r);
    notice_read(r);
    hub_call_ok(r->call, NULL, HUB_STR(""));
    free_receipt(r);
}

/* The user's row with the new position; the room's memory of it moves at once, so that a second receipt
 * sees it. */
static void store_receipt(struct receipt *r, struct hub_receipt *now) {
    struct hub_call *c = r->call;
    struct hub_store *st = c->hub->engine->config.store;
    r->before = *now;
    if (r->read) {
        if (r->message_time < now->read_time) r->message_time = now->read_time;
        now->read_seq = r->message_seq;
        now->read_time = r->message_time;
        r->cells[HUB_RCP_LAST_READ_TIMESTAMP] = hub_cell_int(r->message_time);
        r->cells[HUB_RCP_LAST_READ_SEQ] = hub_cell_int(r->message_seq);
    } else {
        now->delivered_seq = r->message_seq;
        r->cells[HUB_RCP_LAST_DELIVERED_SEQ] = hub_cell_int(r->message_seq);
    }
    r->cells[HUB_RCP_ROOM_ID] = hub_cell_text(hub_cstr(c->room->id));
    r->cells[HUB_RCP_USER_ID] = hub_cell_text(hub_cstr(c->who->user_id));
    r->write = (struct hub_write){.table = c->hub->tables->receipt,
                                  .kind = HUB_UPSERT,
                                  .cells = r->cells,
                                  .conflict = HUB_RCP_CONFLICT,
                                  .done = on_stored,
                                  .arg = r};
    hub_hold(&c->hub->engine->holds, &r->hold, "receipt");
    hub_list_push(&c->room->receiving, &r->under_way);
    st->ops->write(st, &r->write);
}

static void on_message(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct receipt *r = arg;
    if (!code && !rows->n && !r->named) { /* no message up to there was for this user: the position does not move */
        hub_call_ok(r->call, NULL, HUB_STR(""));
        free(r);
        return;
    }
    if (code || !rows->n) {
        fail_receipt(r, code ? code : HUB_NOT_FOUND,
                     code ? hub_store_words(code, error) : "there is no such message in this room");
        return;
    }
    const struct hub_cell *row = hub_row(rows, 0);
    take_audience(r, row);
    r->message_seq = row[HUB_MSG_SEQ].i;
    r->message_time = r->has_time ? r->time : row[HUB_MSG_TIMESTAMP].i;
    snprintf(r->message_id, sizeof r->message_id, "%.*s", HUB_FMT(row[HUB_MSG_ID].s));
    struct hub_receipt *now = hub_receipt_of(r->call->room, hub_cstr(r->call->who->user_id), true);
    bool ahead = r->read ? r->message_seq > now->read_seq ||
                               (r->message_seq == now->read_seq && r->message_time > now->read_time)
                         : r->message_seq > now->delivered_seq;
    if (ahead) {
        store_receipt(r, now);
    } else {
        hub_call_ok(r->call, NULL, HUB_STR(""));
        free_receipt(r);
    }
}

/* Which message is meant: by id, by number, or the last one up to a time. */
static bool aim_receipt(struct receipt *r, const json_t *args, const char *seq_key, struct hub_cond *cond) {
    struct hub_str id = hub_json_get_str(args, "messageId"), time = hub_json_get_str(args, "lastReadTimestamp");
    int64_t seq = hub_json_get_int(args, seq_key, -1);
    if (id.n > HUB_MESSAGE_ID_MAX || (id.n && memchr(id.p, 0, id.n))) return false;
    r->named = id.n > 0;
    if (r->named)
        *cond = (struct hub_cond){.column = HUB_MSG_ID, .value = hub_cell_text(id)};
    else if (seq > 0 || (!seq && !time.n)) /* 0: a room without messages, as hub:joined has it */
        *cond = (struct hub_cond){.column = HUB_MSG_SEQ, .cmp = HUB_LE, .value = hub_cell_int(seq)};
    else if (r->read && time.n && hub_datetime_parse(time, &r->time))
        *cond = (struct hub_cond){.column = HUB_MSG_TIMESTAMP, .cmp = HUB_LE, .value = hub_cell_int(r->time)},
        r->has_time = true;
    else
        return false;
    int64_t now = hub_loop_wall(r->call->room->loop);
    if (r->time > now) r->time = now; /* a client whose clock is ahead has not read what is still to come */
    return true;
}

/* By hub:event the position lies in data; the events of their own carry it beside roomId. Both are
 * understood either way. */
static const json_t *read_position(const struct hub_call *c) {
    const json_t *data = hub_json_get(c->args, "data");
    return json_is_object(data) ? data : c->args;
}

static void begin_receipt(struct hub_call *c, bool read) {
    struct hub_store *st = c->hub->engine->config.store;
    struct receipt *r = hub_xcalloc(1, sizeof *r);
    r->call = c;
    r->read = read;
    struct hub_cond where[4] = {{.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(c->room->id))},
                                {.column = HUB_MSG_SEQ, .cmp = HUB_LE, .value = hub_cell_int(c->room->sequence.number)},
                                hub_audience_cond(hub_cstr(c->who->user_id))};
    if (!c->rights.can_read)
        fail_receipt(r, HUB_CANNOT_READ, NULL);
    else if (!aim_receipt(r, read_position(c), read ? "lastReadSeq" : "seq", &where[3]))
        fail_receipt(r, HUB_BAD_REQUEST,
                     read ? "expected lastReadTimestamp (ISO 8601), lastReadSeq or messageId"
                          : "expected messageId or seq");
    else {
        const struct hub_select q = {.table = c->hub->tables->message,
                                     .where = where,
                                     .where_n = 4,
                                     .order_by = HUB_MSG_SEQ,
                                     .descending = true,
                                     .limit = 1,
                                     .with_inactive = true};
        st->ops->select(st, &q, on_message, r);
    }
}

static void receive_read(struct hub_call *c) { begin_receipt(c, true); }
static void receive_delivered(struct hub_call *c) { begin_receipt(c, false); }

/* ---- the part ---- */

static const struct hub_event_row receipt_events[] = {
    {"messageRead", HUB_LIMIT_RECEIPTS, .run = receive_read},
    {"messageDelivered", HUB_LIMIT_RECEIPTS, .run = receive_delivered},
    {0},
};

static const struct hub_field read_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"userId", "id", .help = "Who has read."},
    {"lastReadTimestamp", "time", .help = "Everything up to that time."},
    {"lastReadSeq", "integer", .help = "Everything up to that number."},
    {0},
};
static const struct hub_field delivered_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"userId", "id", .help = "Who has received it."},
    {"messageId", "id", .help = "The message."},
    {"seq", "integer", .help = "Its number: everything up to there."},
    {0},
};
static const struct hub_told_event told_events[] = {
    {"hub:messageRead", "those with canRead", "somebody's reading position moved", read_fields},
    {"hub:messageDelivered", "those the message is for", "a message has reached somebody", delivered_fields},
    {0},
};

const struct hub_part hub_receipts_part = {
    .name = "receipts",
    .help = "What each user has received and read, stored.",
    .events = receipt_events,
    .told = told_events,
    .keywords = "enableReadReceipts enableDeliveryReceipts",
    .tables = "Receipt",
};
