/* hub:join, from the decision to the first live message.
 *
 * Joining is atomic with the room's sequence: the member is seated held, the history up to the last
 * announced number is read, and only then does the seat go live with what came meanwhile. History ends at
 * n, the first live message is n+1. */
#include "hub/join/join.h"

#include <stdlib.h>

#include "hub/access/access.h"
#include "hub/member/member.h"
#include "hub/message/message.h"

struct join {
    struct hub_call *call;
    struct hub_conn *conn; /* reference; it is joining until this ends */
    uint32_t number;       /* of this join among the member's */
    int64_t seq;           /* where history ends */
    bool has_since;
    int64_t since, limit;
};

static void end(struct join *j) {
    struct hub_conn *c = j->conn;
    free(j);
    hub_order_joined(c);
    hub_conn_unref(c);
}

static void fail(struct join *j, enum hub_code code) {
    hub_call_fail(j->call, code, NULL);
    end(j);
}

static const char *recovered_text(const struct join *j, struct hub_str history) {
    if (!j->has_since) return "null";
    return hub_str_ends(history, HUB_STR("\"recovered\":true")) ? "true" : "false";
}

static void add_joined(struct hub_buf *b, struct join *j, const struct hub_member *m, struct hub_str history) {
    struct hub_room *room = m->room;
    struct hub_hub *hub = hub_of(room);
    bool silenced = hub_room_is_silenced(room, hub_cstr(m->user->id), &m->rights, hub->def->default_silenced,
                                         hub_loop_wall(room->loop));
    hub_buf_addz(b, "\"roomId\":");
    hub_json_add_string(b, hub_cstr(room->id));
    hub_buf_addc(b, ',');
    hub_rights_add_json(b, &m->rights, silenced);
    hub_buf_addf(b, ",\"silenced\":%s,\"seq\":%lld,\"epoch\":\"%s\",\"memberCount\":%u,\"recovered\":%s",
                 silenced ? "true" : "false", (long long)j->seq, room->sequence.epoch, room->user_n,
                 recovered_text(j, history));
}

static void emit_history(struct hub_conn *c, struct hub_room *room, struct hub_str history) {
    struct hub_event_json e = hub_event_json(room);
    hub_buf_adds(hub_event_json_more(&e), history);
    hub_event_json_tell_one(&e, &c->outlet, HUB_STR("hub:history"));
}

/* Everything is known: acknowledge, tell, go live. */
static void complete(struct join *j, struct hub_member *m, struct hub_str history) {
    struct hub_call *call = j->call;
    struct hub_conn *c = hub_conn_ref(call->conn);
    struct hub_room *room = hub_room_ref(call->room);
    struct hub_buf fields = {0}, args = {0};
    struct hub_read slot; /* until the state is there too */
    hub_read_move(&slot, &call->read);
    add_joined(&fields, j, m, history);
    hub_buf_addc(&args, '{');
    hub_buf_adds(&args, hub_buf_str(&fields));
    hub_buf_addc(&args, '}');
    hub_call_ok(call, NULL, hub_buf_str(&fields));
    hub_outlet_emit(&c->outlet, HUB_STR("hub:joined"), hub_buf_str(&args), 0);
    if (history.n) emit_history(c, room, history);
    if (m->joins == j->number) {
        bool live = !m->seat.group || !m->seat.held || hub_seat_release(&m->seat);
        /* More than HUB_SEAT_HELD_MAX came while it joined: it must start over, which stock clients do by
         * themselves. */
        if (!live) hub_socket_drop(c->socket, HUB_CLOSE_SERVER, "too much came while it joined");
    }
    if (!c->closed) {
        hub_presence_online(m->user, m);
        if (m->rights.can_read) hub_state_send(room, c, NULL, &slot);
    }
    hub_read_over(&c->hub->engine->reads, &slot);
    hub_buf_free(&fields);
    hub_buf_free(&args);
    hub_room_unref(room);
    hub_conn_unref(c);
    end(j);
}

static void on_history(void *arg, enum hub_code code, struct hub_str fields) {
    struct join *j = arg;
    struct hub_member *m = j->call->conn->closed ? NULL : hub_conn_member(j->call->conn, j->call->room);
    if (!m) {
        fail(j, HUB_NOT_IN_ROOM); /* left or was expelled meanwhile */
        return;
    }
    if (code) {
        if (m->joins == j->number) hub_member_exit(m);
        fail(j, code);
        return;
    }
    complete(j, m, m->rights.can_read ? fields : hub_str(NULL, 0)); /* it may have lost that while it was read */
}

static enum hub_code check_limits(struct hub_conn *c, struct hub_room *room) {
    const struct hub_def *def = c->hub->def;
    const struct hub_room_user *u = hub_room_user(room, hub_cstr(c->identity->user_id));
    if (u && u->member_n) return HUB_OK; /* another connection of a user who is in already */
    if (room->user_n >= def->max_users_per_room) return HUB_ROOM_FULL;
    return c->user->rooms >= def->max_rooms_per_user ? HUB_TOO_MANY_ROOMS : HUB_OK;
}

/* Seated anew and held: a second hub:join of the same socket starts over from where the sequence is now. */
static struct hub_member *take_place(struct hub_conn *c, struct hub_room *room, const struct hub_rights *rights) {
    struct hub_member *m = hub_conn_member(c, room);
    if (!m) {
        m = hub_xmalloc(sizeof *m);
        hub_member_enter(m, c, room, rights);
    } else {
        hub_seat_leave(&m->seat);
        hub_member_forget_skips(m);
        room->judged += !hub_rights_equal(&m->rights, rights);
        m->rights = *rights;
        if (rights->can_read) hub_seat_take(&m->seat, room->readers, &c->outlet, true);
    }
    m->joins++;
    return m;
}

/* A connection that is in and would not be let in again. */
static void end_former(const struct join *j, enum hub_code code) {
    const struct hub_call *call = j->call;
    const struct hub_room *room = hub_room_find(&call->hub->rooms, hub_call_str(call, "roomId"));
    struct hub_member *m = room && !call->conn->closed ? hub_conn_member(call->conn, room) : NULL;
    if (m && code != HUB_STORE_UNAVAILABLE && code != HUB_OVERLOADED) /* these prove nothing */
        hub_member_expel(m, "hub:kicked", hub_cstr(hub_code_name(HUB_NOT_AUTHORIZED)));
}

static void on_decided(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                       struct hub_room *room) {
    struct join *j = arg;
    struct hub_conn *c = j->call->conn;
    (void)layer;
    if (!c->closed && hub_call_renew(j->call)) { /* nobody gets in by a token that another has replaced */
        hub_authorize(j->call->hub, j->call->who, hub_call_str(j->call, "roomId"), false, on_decided, j);
        return;
    }
    if (code) end_former(j, code);
    if (!code && c->closed) code = HUB_INTERNAL; /* nobody is there to read it */
    if (!code) code = check_limits(c, room);
    if (code) {
        fail(j, code);
        return;
    }
    struct hub_member *m = take_place(c, room, rights);
    j->call->room = hub_room_ref(room);
    j->number = m->joins;
    j->seq = room->sequence.number;
    if (!rights->can_read || (!c->hub->def->history_enabled && !j->has_since)) {
        complete(j, m, hub_str(NULL, 0));
        return;
    }
    hub_history_on_join(room, hub_cstr(c->identity->user_id), j->seq, j->limit, j->has_since, j->since,
                        hub_json_get_str(j->call->args, "epoch"), on_history, j);
}

static const struct hub_arg join_args[] = {
    {"roomId", HUB_ARG_ID, HUB_ARG_REQUIRED, .help = "The room."},
    {"since", HUB_ARG_INT, .least = 0, .most = INT64_MAX, .expected = "a whole number, the last seq you have",
     .help = "Catches up from there instead of sending history."},
    {"epoch", HUB_ARG_TEXT, .expected = "a text, the epoch of hub:joined",
     .help = "Of the counter that `since` is of: another one brings history."},
    {"historyLimit", HUB_ARG_INT, .least = 1, .most = INT64_MAX, .help = "Messages of history, instead of the hub's."},
    {0},
};

static void join_room(struct hub_call *call) {
    struct join *j = hub_xcalloc(1, sizeof *j);
    *j = (struct join){.call = call,
                       .conn = hub_conn_ref(call->conn),
                       .has_since = !hub_json_nil(hub_json_get(call->args, "since")),
                       .since = hub_arg_int(join_args, call->args, "since", 0),
                       .limit = hub_arg_int(join_args, call->args, "historyLimit", call->hub->def->history_limit)};
    call->joining = false; /* it is this join that ends it: hub:joined and the history come before what waits */
    hub_authorize(call->hub, call->who, hub_call_str(call, "roomId"), false, on_decided, j);
}

/* ---- the part ---- */

static const struct hub_field joined_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"hubRole", "text", .help = "Null, a role of the hub, or `system`."},
    {"permissions", "permissions", .help = "What the member may do."},
    {"silenced", "boolean", .help = "Whether he is silenced."},
    {"seq", "integer", .help = "The room's counter: history ends there, the first live number is the next one."},
    {"epoch", "text", .help = "The life of that counter."},
    {"memberCount", "integer", .help = "Users in the room."},
    {"recovered", "boolean", .help = "Whether `since` was caught up from; null when it was not given."},
    {0},
};

static const struct hub_command join_commands[] = {
    {.name = "hub:join",
     .help = "Joins a room.",
     .flags = HUB_READS | HUB_PAST | HUB_JOINS,
     .gates = HUB_GATES(&hub_gate_joins, &hub_gate_running, &hub_gate_args),
     .args = join_args,
     .answer = joined_fields,
     .codes = {HUB_ROOM_NOT_FOUND, HUB_ROOM_NOT_ELIGIBLE, HUB_BLOCKED, HUB_ROLE_REQUIRED, HUB_CHECK_FAILED,
               HUB_NOT_AUTHORIZED, HUB_ROOM_FULL, HUB_TOO_MANY_ROOMS, HUB_STORE_UNAVAILABLE},
     .run = join_room},
    {0},
};

static const struct hub_field history_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"messages", "list of messages", .help = "In ascending `seq`."},
    {"changes", "list of {messageId, seq, message or deleted}", .help = "Catching up: what became of older messages.",
     .optional = true},
    {"hasMore", "boolean", .help = "Whether there are older ones."},
    {"recovered", "boolean", .help = "As in `hub:joined`."},
    {0},
};
static const struct hub_field record_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"record", "object", .help = "The row, as it is now."},
    {"changes", "object", .help = "What changed of it.", .optional = true},
    {0},
};
static const struct hub_told_event join_told[] = {
    {"hub:joined", "the connection", "it has joined", joined_fields},
    {"hub:history", "the connection", "right after `hub:joined`", history_fields},
    {"hub:roomUpdated", "those with canRead", "the room's record changed, by whomever", record_fields},
    {"hub:roomClosed", "those with canRead", "the room is gone or no longer eligible: they are out", record_fields},
    {0},
};

static void describe_roles(const struct hub_hub *hub, json_t *out) {
    json_t *all = json_object_get(out, "roles");
    for (size_t i = 0; i < hub->def->role_n; i++) {
        const struct hub_def_role *r = &hub->def->roles[i];
        json_t *role = json_pack("{s:s}", "name", r->name);
        for (size_t right = 0; right < HUB_RIGHT_COUNT; right++)
            json_object_set_new(role, hub_right_rows[right].name, json_boolean(hub_role_has(r, right)));
        json_object_set_new(role, "allowedMessageTypes", hub_strs_json(&r->allowed_message_types));
        json_array_append_new(all, role);
    }
}

const struct hub_part hub_joining_part = {
    .name = "joining",
    .help = "From the decision who may enter to the first live message, and the end of a room.",
    .commands = join_commands,
    .told = join_told,
    .keywords = "roomDataObject roomEligibility absoluteRoles checkRoles checkScript authSources authScripts hubRoles "
                "maxUsersPerRoom maxRoomsPerUser authCacheTTL",
    .describe = describe_roles,
};
