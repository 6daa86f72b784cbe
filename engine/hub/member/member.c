/* Entering and leaving rooms, being put out of them, presence, and the list of members. */
#include "hub/member/member.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "base/time/clock.h"

#define OFFLINE_GRACE_MS 5000 /* a reload of the page is no absence (contract: semantics.md "Counting") */

/* Presence is told twice, as the specification's event and as hub:presence: both kinds of clients exist. */
static void tell_presence(struct hub_room_user *u, const char *what) {
    struct hub_room *room = u->room;
    const struct hub_target others = {.to = HUB_TO_OTHERS, .sender = hub_cstr(u->id)};
    char event[24];
    if (!hub_of(room)->def->enable_presence) return;
    struct hub_event_json e = hub_event_json(room);
    hub_event_json_text(&e, "event", hub_cstr(what));
    hub_event_json_user(&e, u);
    snprintf(event, sizeof event, "hub:%s", what);
    hub_room_emit(room, &others, hub_cstr(event), hub_event_json_end(&e), HUB_SEND_EPHEMERAL);
    hub_event_json_tell(&e, &others, HUB_STR("hub:presence"), HUB_SEND_EPHEMERAL);
}

/* M NULL: of all the user's connections. */
static void set_away(struct hub_room_user *u, struct hub_member *m, bool away) {
    if (m) m->away = away;
    HUB_LIST_EACH(&u->members, it)
    if (!m) HUB_CONTAINER(it, struct hub_member, in_user)->away = away;
}

static bool all_away(const struct hub_room_user *u) {
    HUB_LIST_EACH(&u->members, it)
    if (!HUB_CONTAINER(it, struct hub_member, in_user)->away) return false;
    return u->member_n > 0;
}

/* A user is away while all of his connections have said so. */
static void settle_away(struct hub_room_user *u) {
    if (u->away || !u->announced || !all_away(u)) return;
    u->away = true;
    tell_presence(u, "away");
}

void hub_presence_online(struct hub_room_user *u, struct hub_member *m) {
    set_away(u, m, false);
    if (u->announced && !u->away && !u->returned) return;
    bool returned = u->returned;
    u->announced = true;
    u->away = u->returned = false;
    tell_presence(u, "online");
    if (returned) hub_presence_state_again(u);
}

static void say_away(struct hub_room_user *u, struct hub_member *m) {
    set_away(u, m, true);
    settle_away(u);
}

static void on_offline(struct hub_timer *t) {
    struct hub_room_user *u = HUB_CONTAINER(t, struct hub_user_timers, of[HUB_USER_OFFLINE])->user;
    struct hub_room *room = u->room;
    tell_presence(u, "offline");
    hub_room_forget_user(u);
    hub_room_unref(room);
}

static HUB_MUST char *session_text(const json_t *session, const char *a, const char *b) {
    struct hub_str s = hub_json_get_str(session, a);
    if (!s.n) s = hub_json_get_str(session, b);
    return s.n ? hub_str_dup(s) : NULL;
}

/* C has entered or left. */
static void tell_readers(struct hub_room *room, struct hub_conn *c) {
    struct hub_engine *e = hub_of(room)->engine;
    HUB_PARTS_CALL(e, readable_changed, e, HUB_READABLE_MEMBERS, hub_of(room), hub_cstr(room->id), NULL);
    hub_conn_readable_changed(c);
}

void hub_member_enter(struct hub_member *m, struct hub_conn *c, struct hub_room *room,
                      const struct hub_rights *rights) {
    struct hub_room_user *known = hub_room_user(room, hub_cstr(c->identity->user_id));
    /* back within the grace period: the timer's reference is given up */
    if (known && hub_user_timer_runs(known, HUB_USER_OFFLINE)) {
        hub_user_timer_stop(known, HUB_USER_OFFLINE);
        known->returned = true; /* told again: who joined meanwhile does not know of him */
        hub_room_unref(room);
    }
    hub_room_join(room, m, hub_cstr(c->identity->user_id), &c->outlet, rights);
    m->refs = 1;
    m->conn = c;
    hub_list_push(&c->members, &m->in_conn);
    if (m->user->member_n == 1) c->user->rooms++;
    free(m->user->name);
    free(m->user->avatar);
    m->user->name = session_text(hub_identity_session(c->identity), "fullname", "name");
    m->user->avatar = session_text(hub_identity_session(c->identity), "avatar", "picture");
    HUB_PARTS_CALL(hub_of(room)->engine, room_entered, room);
    tell_readers(room, c);
}

/* PUT_OUT: what the sends of M that wait for their turn are refused with; HUB_OK: they are not. */
static void end_membership(struct hub_member *m, enum hub_code put_out, const struct hub_leave *why) {
    struct hub_conn *c = hub_conn_ref(m->conn);
    struct hub_room *room = hub_room_ref(m->room);
    struct hub_room_user *u = m->user;
    if (u->member_n == 1) hub_indicators_stop(u);
    if (hub_room_leave(m)) {
        c->user->rooms--;
        if (u->announced && hub_of(room)->def->enable_presence) {
            hub_room_ref(room);
            hub_timer_await(room->loop, hub_user_timer(u, HUB_USER_OFFLINE), OFFLINE_GRACE_MS, on_offline);
        } else {
            hub_room_forget_user(u);
        }
    } else {
        settle_away(u); /* all of the remaining connections may have said that they are away */
    }
    m->gone = true;
    m->put_out = put_out;
    room->judged += put_out != HUB_OK;
    HUB_PARTS_CALL(hub_of(room)->engine, member_left, m, room, why);
    hub_member_unref(m);
    HUB_PARTS_CALL(hub_of(room)->engine, room_left, room);
    tell_readers(room, c);
    if (put_out) HUB_PARTS_CALL(hub_of(room)->engine, rejudged, c, NULL);
    hub_room_unref(room);
    hub_conn_unref(c);
}

void hub_member_exit(struct hub_member *m, const struct hub_leave *why) { end_membership(m, HUB_OK, why); }

static struct hub_event_json reason_json(struct hub_room *room, struct hub_str reason) {
    struct hub_event_json e = hub_event_json(room);
    if (reason.n) hub_event_json_text(&e, "reason", reason);
    return e;
}

/* Puts out one user's connections, each told EVENT; ONLY_DEAF: only those without canRead are told, since
 * the others have been told already. The last one may free the user. */
static void expel_user(struct hub_room *room, const char *id, const char *event, struct hub_str args, bool only_deaf,
                       enum hub_code code, const struct hub_leave *why) {
    struct hub_room_user *u = hub_room_user(room, hub_cstr(id));
    uint32_t left = u ? u->member_n : 0;
    for (; left && (u = hub_room_user(room, hub_cstr(id))) && u->member_n; left--) {
        struct hub_member *m = HUB_CONTAINER(u->members.next, struct hub_member, in_user);
        if (!only_deaf || !m->rights.can_read) hub_outlet_emit(m->outlet, hub_cstr(event), args, 0);
        end_membership(m, code, why);
    }
}

void hub_member_expel(struct hub_member *m, const char *event, struct hub_str reason) {
    struct hub_event_json e = reason_json(m->room, reason);
    hub_event_json_tell_one(&e, m->outlet, hub_cstr(event));
    end_membership(m, HUB_NOT_IN_ROOM, &(struct hub_leave){"kicked", reason});
}

void hub_room_expel(struct hub_room *room, struct hub_str user_id, const char *event, struct hub_str reason,
                    enum hub_code code) {
    if (!hub_room_user(room, user_id)) return;
    char *id = hub_str_dup(user_id); /* it may be the user's own */
    hub_room_ref(room);
    struct hub_event_json e = reason_json(room, reason);
    const struct hub_leave why = {code == HUB_BLOCKED ? "blocked" : "kicked", reason};
    expel_user(room, id, event, hub_event_json_end(&e), false, code, &why);
    hub_event_json_free(&e);
    hub_room_unref(room);
    free(id);
}

void hub_room_empty(struct hub_room *room, struct hub_str reason) {
    size_t n = 0;
    char **ids = hub_xcalloc(room->user_n + 1, sizeof(char *));
    hub_room_ref(room);
    struct hub_event_json e = reason_json(room, reason);
    const struct hub_leave why = {"closed", room->ended ? hub_cstr(hub_code_name(room->ended)) : reason};
    HUB_ROOM_EACH_USER(room, u)
    if (u->member_n) ids[n++] = hub_xstrdup(u->id);
    for (size_t i = 0; i < n; i++) {
        expel_user(room, ids[i], "hub:kicked", hub_event_json_end(&e), true,
                   room->ended ? room->ended : HUB_NOT_IN_ROOM, &why);
        free(ids[i]);
    }
    free(ids);
    hub_event_json_free(&e);
    hub_room_unref(room);
}

static void leave_room(struct hub_call *call) {
    struct hub_member *m = hub_conn_member(call->conn, call->room);
    struct hub_event_json e = hub_event_json(call->room);
    hub_member_exit(m, &(struct hub_leave){.reason = "left"});
    hub_event_json_tell_one(&e, &call->conn->outlet, HUB_STR("hub:left"));
    hub_call_ok(call, NULL, hub_str(NULL, 0));
}

static void add_receipt(struct hub_buf *b, const struct hub_receipt *r) {
    char iso[HUB_ISO_LEN + 1];
    if (r && r->read_seq) {
        hub_iso_format(r->read_time, iso);
        hub_buf_addf(b, ",\"lastReadTimestamp\":\"%s\",\"lastReadSeq\":%lld", iso, (long long)r->read_seq);
    }
    if (r && r->delivered_seq) hub_buf_addf(b, ",\"lastDeliveredSeq\":%lld", (long long)r->delivered_seq);
}

static void add_member(struct hub_buf *b, const struct hub_room_user *u) {
    const struct hub_member *m = HUB_CONTAINER(u->members.next, struct hub_member, in_user);
    const char *role = hub_rights_name(&m->rights);
    hub_buf_addz(b, "{\"userId\":");
    hub_json_add_string(b, hub_cstr(u->id));
    hub_buf_addz(b, ",\"id\":");
    hub_json_add_string(b, hub_cstr(u->id));
    hub_buf_addz(b, ",\"name\":");
    u->name ? hub_json_add_string(b, hub_cstr(u->name)) : hub_buf_addz(b, "null");
    hub_buf_addz(b, ",\"avatar\":");
    u->avatar ? hub_json_add_string(b, hub_cstr(u->avatar)) : hub_buf_addz(b, "null");
    hub_buf_addz(b, ",\"hubRole\":");
    role ? hub_json_add_string(b, hub_cstr(role)) : hub_buf_addz(b, "null");
    hub_buf_addf(b, ",\"presence\":\"%s\",\"connections\":%u", u->away ? "away" : "online", u->member_n);
    hub_buf_addf(b, ",\"typing\":%s,\"recording\":%s", hub_user_timer_runs(u, HUB_USER_TYPING) ? "true" : "false",
                 hub_user_timer_runs(u, HUB_USER_RECORDING) ? "true" : "false");
    if (u->state) hub_buf_addz(b, ",\"state\":"), hub_buf_add(b, u->state->text, u->state->n);
    add_receipt(b, hub_receipt_of(u->room, hub_cstr(u->id), false));
    hub_buf_addc(b, '}');
}

json_t *hub_member_json(const struct hub_room_user *u) {
    struct hub_buf b = {0};
    add_member(&b, u);
    json_t *o = hub_json_parse(hub_buf_str(&b), NULL);
    hub_buf_free(&b);
    return o;
}

void hub_members_json(struct hub_room *room, struct hub_buf *b) {
    bool first = true;
    hub_buf_addc(b, '[');
    HUB_ROOM_EACH_USER(room, u) {
        if (!u->member_n) continue;
        if (!first) hub_buf_addc(b, ',');
        first = false;
        add_member(b, u);
    }
    hub_buf_addc(b, ']');
}

static void list_members(struct hub_call *call) {
    struct hub_buf b = {0};
    hub_buf_addz(&b, "\"members\":");
    hub_members_json(call->room, &b);
    hub_call_ok(call, "members", hub_buf_str(&b));
    hub_buf_free(&b);
}

/* ---- the parts ---- */

static const struct hub_arg leave_args[] = {HUB_ARG_ROOM, {0}};
static const struct hub_arg members_args[] = {HUB_ARG_ROOM, {0}};
static const struct hub_field members_answer[] = {{"members", "list of member", .help = "Everybody who is there."},
                                                  {0}};

static const struct hub_command member_commands[] = {
    {.name = "hub:leave",
     .help = "Leaves the room.",
     .gates = HUB_GATES(&hub_gate_room),
     .args = leave_args,
     .run = leave_room},
    {.name = "hub:members",
     .help = "Who is in the room, with presence.",
     .flags = HUB_READS,
     .gates = HUB_GATES(&hub_gate_reads, &hub_gate_room, &hub_gate_read),
     .args = members_args,
     .rest = {"GET", "rooms/:roomId/members", 200},
     .answer = members_answer,
     .codes = {HUB_OVERLOADED},
     .run = list_members},
    {0},
};

static const struct hub_field end_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"reason", "text", .help = "A code, or what the moderator said.", .optional = true},
    {0},
};

static bool shows_states(const struct hub_def *def) { return hub_presence_states_part.declared(def); }
static bool has_read(const struct hub_def *def) { return def->enable_read_receipts; }
static bool has_delivered(const struct hub_def *def) { return def->enable_delivery_receipts; }
static const struct hub_field member_fields[] = {
    {"userId", "id", .help = "Who it is."},
    {"id", "id", .help = "The same."},
    {"name", "text or null", .help = "From the session."},
    {"avatar", "text or null", .help = "From the session."},
    {"hubRole", "role or `system` or null", .help = "Null, a role of the hub, or `system`."},
    {"presence", "`online` or `away`", .help = "Away is who has said so on all connections."},
    {"connections", "integer", .help = "How many the user has in the room."},
    {"typing", "boolean", .help = "Whether the user is typing."},
    {"recording", "boolean", .help = "Whether the user is recording."},
    {"state", "presenceState", .help = "What the user says of himself.", .optional = true, .on = shows_states},
    {"lastReadTimestamp", "time", .help = "Up to when he has read.", .optional = true, .on = has_read},
    {"lastReadSeq", "integer", .help = "Up to which number he has read.", .optional = true, .on = has_read},
    {"lastDeliveredSeq", "integer", .help = "What has reached him.", .optional = true, .on = has_delivered},
    {0},
};
static const struct hub_field user_fields[] = {
    {"id", "id", .help = "The user's id."}, {"name", "text or null", .help = "From the session."}, {0}};
static const struct hub_shape member_shapes[] = {
    {"member", "Somebody who is in a room.", member_fields}, {"user", "Who it is.", user_fields}, {0}};

static const struct hub_field permissions_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"hubRole", "role or `system` or null", .help = "Null, a role of the hub, or `system`."},
    {"permissions", "permissions", .help = "What it may do."},
    {"silenced", "boolean", .help = "Whether it is silenced."},
    {0},
};
static const struct hub_told_event member_told[] = {
    {"hub:left", "the connection", "it left by `hub:leave`", end_fields},
    {"hub:kicked", "the user's connections", "he was put out, or his rights have ended", end_fields},
    {"hub:permissions", "the connection", "its rights or its silence have changed while it is in the room",
     permissions_fields},
    {0},
};

static void leave_all(struct hub_conn *c) {
    const struct hub_leave why = {"disconnected", hub_cstr(c->reason)};
    while (!hub_list_empty(&c->members))
        hub_member_exit(HUB_CONTAINER(c->members.next, struct hub_member, in_conn), &why);
}

const struct hub_part hub_members_part = {
    .name = "members",
    .help = "Who is in a room, and the end of being there.",
    .commands = member_commands,
    .told = member_told,
    .shapes = member_shapes,
    .of_guests = true,
    .disconnected = leave_all,
};

static const struct hub_event_row presence_events[] = {
    {"online", HUB_LIMIT_EVENTS, .tell = hub_presence_online},
    {"away", HUB_LIMIT_EVENTS, .tell = say_away},
    {0},
};

static const struct hub_field presence_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"event", "`online` or `away` or `offline`", .help = "`online`, `away` or `offline`."},
    {"user", "user", .help = "Who it is."},
    {0},
};
#define OTHERS "those with canRead, but for the user's own connections"
static const struct hub_told_event presence_told[] = {
    {"hub:online", OTHERS, "the user's first connection came, or he is back", presence_fields},
    {"hub:away", OTHERS, "all of his connections have said so", presence_fields},
    {"hub:offline", OTHERS, "his last connection left 5 s ago", presence_fields},
    {"hub:presence", OTHERS, "each of these, once more", presence_fields},
    {0},
};

const struct hub_part hub_presence_part = {
    .name = "presence",
    .help = "Whether users are there, away or gone.",
    .events = presence_events,
    .told = presence_told,
    .keywords = "enablePresence",
};
