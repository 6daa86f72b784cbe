/* A message's last steps: its place in the room's order, the commit, the report, the announcement.
 *
 * persist → acknowledge → broadcast: nothing is reported or shown before the store has it (contract:
 * semantics.md). The store takes the number inside the transaction; announcements leave in the order in
 * which submissions were made, whichever of them persist.
 *
 * Where the definition says so (delivery: broadcastThenPersist) the room is shown a plain message before the
 * store is asked, without a number; what is announced in its place then is the number, to those who were
 * shown it, and the message to those who came since. */
#include "hub/message/message.h"

#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/member/member.h"

struct submission {
    struct hub_numbered numbered;
    struct hub_room *room;      /* held by its sequence */
    struct hub_list repeatable; /* in the room's, until it is announced */
    struct hub_cell cells[HUB_MSG_MAX];
    hub_submitted *done;
    void *arg;
    struct hub_backlog_entry *call_waits, waits; /* what the call takes until DONE is called; and after that */
    struct hub_buf json;                         /* the message as the wire shows it, once its number is known */
    bool pending, announce, patient, own_only, provisional;
    uint32_t places; /* PROVISIONAL: of the room, when it was told */
    struct hub_target target;
    json_t *to_ids, *previews;
    struct hub_replies replies;
    char id[HUB_UUID_LEN + 1];
    char text[]; /* backing of the cells */
};

static struct hub_metric messages = HUB_METRIC(HUB_COUNTER, "hubd_messages_total", NULL, "Messages accepted by hubs");

struct hub_str hub_session_name(const json_t *session) {
    struct hub_str s = hub_json_get_str(session, "fullname");
    return s.n ? s : hub_json_get_str(session, "name");
}

struct hub_str hub_session_avatar(const json_t *session) {
    struct hub_str s = hub_json_get_str(session, "avatar");
    return s.n ? s : hub_json_get_str(session, "picture");
}

/* ---- cells ---- */

static HUB_MUST char *put_cell(char *at, struct hub_cell *cell, struct hub_str s) {
    *cell = hub_cell_text(hub_str(at, s.n));
    memcpy(at, s.p, s.n);
    return at + s.n;
}

static struct hub_str put_text(char **at, struct hub_str s) {
    struct hub_cell cell;
    *at = put_cell(*at, &cell, s);
    return cell.s;
}

static HUB_MUST char *put_or_null(char *at, struct hub_cell *cell, struct hub_str s) {
    if (s.n) return put_cell(at, cell, s);
    *cell = (struct hub_cell){.kind = HUB_CELL_NULL};
    return at;
}

static void fill_cells(struct submission *s, const struct hub_room *room, const struct hub_draft *d,
                       struct hub_str reply_to, struct hub_str audience) {
    const struct hub_hub_tables *t = hub_of(room)->tables;
    struct hub_cell *c = s->cells;
    char *at = s->text;
    hub_uuid7(s->id);
    c[HUB_MSG_ID] = hub_cell_text(hub_str(s->id, HUB_UUID_LEN));
    c[HUB_MSG_ROOM_ID] = hub_cell_text(hub_cstr(room->id));
    at = put_or_null(at, &c[HUB_MSG_SENDER_ID], d->sender_id);
    if (d->sender_id.n && s->target.sender.n) s->target.sender = c[HUB_MSG_SENDER_ID].s;
    at = put_or_null(at, &c[HUB_MSG_SENDER_NAME], d->sender_name);
    at = put_or_null(at, &c[HUB_MSG_SENDER_AVATAR], d->sender_avatar);
    c[HUB_MSG_MESSAGE_TYPE] = hub_cell_text(hub_cstr(d->type));
    at = put_cell(at, &c[HUB_MSG_CONTENT], d->content);
    c[HUB_MSG_TIMESTAMP] = hub_cell_int(hub_loop_wall(room->loop));
    c[HUB_MSG_STATUS] = hub_cell_text(d->pending ? HUB_STR("pending") : HUB_STR("approved"));
    c[HUB_MSG_SEQ] = c[HUB_MSG_CHANGE_SEQ] = c[HUB_MSG_EDITED_AT] = (struct hub_cell){.kind = HUB_CELL_NULL};
    at = put_or_null(at, &c[HUB_MSG_CLIENT_MESSAGE_ID], d->client_message_id);
    c[HUB_MSG_IS_ACTIVE] = hub_cell_bool(1);
    if (t->reply_to >= 0) at = put_or_null(at, &c[t->reply_to], reply_to);
    if (t->reaction >= 0) c[t->reaction] = (struct hub_cell){.kind = HUB_CELL_NULL};
    if (t->forwarded >= 0) c[t->forwarded] = hub_cell_bool(d->forwarded);
    c[HUB_MSG_AUDIENCE] = (struct hub_cell){.kind = HUB_CELL_ABSENT}; /* most rows: then nothing is sent of it */
    if (audience.n) at = put_cell(at, &c[HUB_MSG_AUDIENCE], audience);
    if (!d->sender_id.n && s->target.sender.n) s->target.sender = put_text(&at, s->target.sender);
}

static HUB_MUST struct submission *new_submission(struct hub_room *room, const struct hub_draft *d) {
    struct hub_buf reply_to = {0}, audience = {0};
    bool replies = d->reply_id.n && hub_of(room)->tables->reply_to >= 0;
    if (replies)
        hub_buf_addz(&reply_to, "{\"id\":"), hub_json_add_string(&reply_to, d->reply_id), hub_buf_addc(&reply_to, '}');
    if (d->pending || d->to != HUB_TO_ALL) hub_audience_store(d, &audience);
    size_t text = d->sender_id.n + d->sender_name.n + d->sender_avatar.n + d->content.n + d->client_message_id.n +
                  reply_to.n + audience.n + d->led_by.n;
    struct submission *s = hub_xmalloc(sizeof *s + text);
    *s = (struct submission){.pending = d->pending,
                             .announce = d->announce,
                             .provisional = d->provisional,
                             .patient = d->patient,
                             .own_only = d->own_only,
                             .call_waits = d->waits,
                             .target = hub_draft_target(d),
                             .to_ids = json_incref((json_t *)(uintptr_t)d->to_ids),
                             .previews = json_incref((json_t *)(uintptr_t)d->previews)};
    fill_cells(s, room, d, hub_buf_str(&reply_to), hub_buf_str(&audience));
    hub_buf_free(&reply_to);
    hub_buf_free(&audience);
    return s;
}

/* ---- the announcement ---- */

static struct hub_str sender_of(const struct submission *s) {
    return s->cells[HUB_MSG_SENDER_ID].kind == HUB_CELL_TEXT ? s->cells[HUB_MSG_SENDER_ID].s : hub_str(NULL, 0);
}

static void tell_room(struct submission *s) {
    const struct hub_target few = {.to = HUB_TO_MODERATORS, .also = sender_of(s)};
    if (!s->announce && !s->pending) {
        hub_room_emit_numbered(s->room, NULL, hub_str(NULL, 0), hub_str(NULL, 0), s->numbered.write.number, 0);
        return;
    }
    struct hub_event_json e = hub_event_json(s->room);
    int flags = hub_message_flags(hub_of(s->room)->def, hub_buf_str(&s->json));
    hub_event_json_raw(&e, "message", hub_buf_str(&s->json));
    if (s->pending) {
        hub_event_json_tell(&e, &few, HUB_STR("hub:messagePending"), flags);
    } else {
        hub_message_sender_json(&e.text, s->cells);
        hub_event_json_tell_numbered(&e, &s->target, HUB_STR("hub:messageArrived"), s->numbered.write.number, flags);
    }
}

/* ---- told before it is stored ---- */

static struct hub_metric provisional_messages =
    HUB_METRIC(HUB_COUNTER, "hubd_messages_provisional_total", NULL, "Messages told before they were stored");
static struct hub_metric failed_messages =
    HUB_METRIC(HUB_COUNTER, "hubd_messages_failed_total", NULL, "Of these, those that were not stored then");

static void compose_row(struct submission *s, const struct hub_table *table);

/* The message without a number, as a message and as an event that say so. */
static void tell_provisional(struct submission *s) {
    const struct hub_target all = {.to = HUB_TO_ALL};
    struct hub_event_json e = hub_event_json(s->room);
    int flags = hub_message_flags(hub_of(s->room)->def, hub_buf_str(&s->json));
    s->json.n--; /* the closing brace */
    hub_buf_addz(&s->json, ",\"provisional\":true}");
    hub_event_json_raw(&e, "message", hub_buf_str(&s->json));
    hub_message_sender_json(&e.text, s->cells);
    hub_event_json_bool(&e, "provisional", true);
    hub_event_json_tell(&e, &all, HUB_STR("hub:messageArrived"), flags);
    hub_buf_clear(&s->json);
    s->places = s->room->places;
    hub_metric_add(&provisional_messages, 1);
    hub_indicators_message(s->room, sender_of(s));
}

/* Those who came since have not seen it, and get it whole. */
static void tell_stored(struct submission *s) {
    struct hub_event_json stored = hub_event_json(s->room), whole = hub_event_json(s->room);
    int64_t number = s->numbered.write.number;
    bool anew = s->places != s->room->places;
    hub_event_json_text(&stored, "messageId", s->cells[HUB_MSG_ID].s);
    hub_event_json_int(&stored, "seq", number);
    if (anew) hub_event_json_raw(&whole, "message", hub_buf_str(&s->json));
    if (anew) hub_message_sender_json(&whole.text, s->cells);
    hub_room_emit_parted(s->room, s->places, HUB_STR("hub:messageStored"), hub_event_json_end(&stored),
                         HUB_STR("hub:messageArrived"), hub_event_json_end(&whole), number,
                         anew ? hub_message_flags(hub_of(s->room)->def, hub_buf_str(&s->json)) : 0);
    hub_event_json_free(&stored);
    hub_event_json_free(&whole);
}

static void tell_failed(struct submission *s) {
    const struct hub_write *w = &s->numbered.write;
    enum hub_code code = w->duplicate ? HUB_CONFLICT : w->code;
    struct hub_event_json e = hub_event_json(s->room);
    hub_event_json_text(&e, "messageId", s->cells[HUB_MSG_ID].s);
    hub_event_json_text(&e, "code", hub_cstr(hub_code_name(code)));
    hub_room_emit_parted(s->room, s->places, HUB_STR("hub:messageFailed"), hub_event_json_end(&e), hub_str(NULL, 0),
                         hub_str(NULL, 0), 0, 0);
    hub_event_json_free(&e);
    hub_metric_add(&failed_messages, 1);
}

static void announce_message(struct hub_numbered *n) {
    struct submission *s = HUB_CONTAINER(n, struct submission, numbered);
    hub_list_remove(&s->repeatable);
    if (s->done) s->done(s->arg, n->write.code, n->write.error, hub_buf_str(&s->json));
    if (!n->write.code && !n->write.duplicate) {
        hub_metric_add(&messages, 1);
        if (s->cells[HUB_MSG_SENDER_ID].kind == HUB_CELL_TEXT)
            hub_indicators_message(s->room, s->cells[HUB_MSG_SENDER_ID].s);
        s->provisional ? tell_stored(s) : tell_room(s);
    } else if (s->provisional) {
        tell_failed(s);
    }
    hub_backlog_drop(&s->waits);
    hub_buf_free(&s->json);
    hub_replies_free(&s->replies);
    json_decref(s->to_ids);
    json_decref(s->previews);
    free(s);
}

/* ---- the commit ---- */

static void on_message_undecided(struct hub_numbered *n) {
    struct submission *s = HUB_CONTAINER(n, struct submission, numbered);
    if (s->patient || !s->done) return;
    if (s->call_waits) hub_backlog_move(s->call_waits, &s->waits);
    s->done(s->arg, HUB_STORE_UNDECIDED, "", hub_str(NULL, 0));
    s->done = NULL;
}

static void compose_row(struct submission *s, const struct hub_table *table) {
    hub_message_json(&s->json, table, s->cells, &s->replies);
    if (s->replies.n) hub_previews_put(&s->json, &s->replies, s->previews);
}

static void on_message_previews(void *arg) {
    struct submission *s = arg;
    hub_numbered_ready(&s->numbered);
}

static bool on_message_written(struct hub_numbered *n) {
    struct submission *s = HUB_CONTAINER(n, struct submission, numbered);
    const struct hub_write *w = &n->write;
    if (w->code) return true;
    if (w->duplicate) {
        hub_message_json(&s->json, w->row.table, hub_row(&w->row, 0), &s->replies);
        if (!s->replies.n) return true;
        hub_previews_fill(s->room, (struct hub_viewer){sender_of(s), s->own_only}, &s->json, &s->replies,
                          on_message_previews, s);
        return false;
    }
    if (w->number) s->cells[HUB_MSG_SEQ] = s->cells[HUB_MSG_CHANGE_SEQ] = hub_cell_int(w->number);
    compose_row(s, w->table);
    return true;
}

bool hub_room_submitting(const struct hub_room *room, struct hub_str sender_id, struct hub_str client_message_id) {
    HUB_LIST_EACH(&room->repeatable, it) {
        const struct submission *s = HUB_CONTAINER(it, struct submission, repeatable);
        if (hub_str_eq(s->cells[HUB_MSG_CLIENT_MESSAGE_ID].s, client_message_id) &&
            hub_str_eq(s->cells[HUB_MSG_SENDER_ID].s, sender_id))
            return true;
    }
    return false;
}

bool hub_room_provisional(const struct hub_room *room, struct hub_str id) {
    HUB_LIST_EACH(&room->repeatable, it) {
        const struct submission *s = HUB_CONTAINER(it, struct submission, repeatable);
        if (s->provisional && hub_str_eq(s->cells[HUB_MSG_ID].s, id)) return true;
    }
    return false;
}

void hub_room_submit(struct hub_room *room, const struct hub_draft *d, hub_submitted *done, void *arg) {
    struct submission *s = new_submission(room, d);
    s->room = room;
    s->done = done;
    s->arg = arg;
    hub_list_init(&s->repeatable);
    if (d->client_message_id.n || d->provisional) hub_list_push(&room->repeatable, &s->repeatable);
    s->numbered.undecided = on_message_undecided;
    s->numbered.written = on_message_written;
    s->numbered.announce = announce_message;
    if (!d->persist && !d->pending) {
        compose_row(s, hub_of(room)->tables->message);
        hub_room_pass(room, &s->numbered);
        return;
    }
    if (s->provisional) {
        compose_row(s, hub_of(room)->tables->message);
        tell_provisional(s);
    }
    s->numbered.write = (struct hub_write){.table = hub_of(room)->tables->message,
                                           .kind = HUB_INSERT,
                                           .cells = s->cells,
                                           .conflict = d->client_message_id.n ? HUB_MSG_CONFLICT : NULL,
                                           .numbering = d->pending ? HUB_NUMBER_NONE : HUB_NUMBER_NEW};
    hub_room_write(room, &s->numbered);
}
