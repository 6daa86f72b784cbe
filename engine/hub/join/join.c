/* hub:join, from the decision to the first live message.
 *
 * Joining is atomic with the room's sequence: the member is seated held, the history up to the last
 * announced number is read, and only then does the seat go live with what came meanwhile. History ends at
 * n, the first live message is n+1. */
#include "hub/join/join.h"

#include <stdlib.h>

#include "hub/access/access.h"
#include "hub/lifecycle/lifecycle.h"
#include "hub/member/member.h"
#include "hub/message/message.h"
#include "hub/shared_state/shared_state.h"

struct join {
    struct hub_call *call;
    struct hub_conn *conn;   /* reference; it is joining until this ends */
    struct hub_entry *entry; /* since onJoin has let it in, until it is seated; else NULL */
    uint32_t number;         /* of this join among the member's */
    int64_t seq;             /* where history ends */
    bool has_since, members; /* MEMBERS: those who are there are wanted, too */
    int64_t since, limit;
    struct hub_room *reading;      /* reference: its state is read, or was, so that it stays in memory; or NULL */
    struct hub_state_shown *state; /* as it was when the seat was taken; NULL: there is none to show */
};

static void end_join(struct join *j) {
    struct hub_conn *c = j->conn;
    hub_state_shown_unref(j->state);
    if (j->reading) hub_room_unref(j->reading);
    free(j);
    hub_order_joined(c);
    hub_conn_unref(c);
}

static void fail_join(struct join *j, enum hub_code code) {
    hub_call_fail(j->call, code, NULL);
    if (j->entry) hub_lifecycle_not_entered(j->entry, code);
    end_join(j);
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
    hub_buf_addz(b, silenced ? ",\"silenced\":true,\"seq\":" : ",\"silenced\":false,\"seq\":");
    hub_buf_addi(b, j->seq);
    hub_buf_addz(b, ",\"epoch\":\""), hub_buf_addz(b, room->sequence.epoch);
    hub_buf_addz(b, "\",\"memberCount\":"), hub_buf_addu(b, room->user_n);
    hub_buf_addz(b, ",\"recovered\":"), hub_buf_addz(b, recovered_text(j, history));
    if (!j->members || !m->rights.can_read) return;
    hub_buf_addz(b, ",\"members\":");
    hub_members_json(room, b);
}

static void emit_history(struct hub_conn *c, struct hub_room *room, struct hub_str history) {
    struct hub_event_json e = hub_event_json(room);
    hub_buf_adds(hub_event_json_more(&e), history);
    hub_event_json_tell_one(&e, &c->outlet, HUB_STR("hub:history"));
}

/* The state as it was when the seat was taken: changes since then wait in it. By rights that changed
 * meanwhile the seat may be another one. */
static void show_state(struct join *j, struct hub_conn *c, const struct hub_member *m) {
    if (m->joins != j->number || !m->rights.can_read) return;
    if (!m->seat.held) {
        hub_state_shown_unref(j->state);
        j->state = hub_shared_state_now(m->room);
    }
    hub_shared_state_show(m->room, c, j->state);
}

/* Everything is known: acknowledge, tell, go live. */
static void complete_join(struct join *j, struct hub_member *m, struct hub_str history) {
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
    show_state(j, c, m);
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
    end_join(j);
}

static void on_history(void *arg, enum hub_code code, struct hub_str fields) {
    struct join *j = arg;
    struct hub_member *m = j->call->conn->closed ? NULL : hub_conn_member(j->call->conn, j->call->room);
    if (!m) {
        fail_join(j, HUB_NOT_IN_ROOM); /* left or was expelled meanwhile */
        return;
    }
    if (code) {
        if (m->joins == j->number) hub_member_exit(m, &(struct hub_leave){"kicked", hub_cstr(hub_code_name(code))});
        fail_join(j, code);
        return;
    }
    /* the right may have been lost while the history was read */
    complete_join(j, m, m->rights.can_read ? fields : hub_str(NULL, 0));
}

static enum hub_code check_limits(struct hub_conn *c, struct hub_room *room) {
    const struct hub_def *def = c->hub->def;
    const struct hub_room_user *u = hub_room_user(room, hub_cstr(c->identity->user_id));
    if (u && u->member_n) return HUB_OK; /* another connection of a user who is in already */
    if (room->user_n >= def->max_users_per_room) return HUB_ROOM_FULL;
    return c->user->rooms >= def->max_rooms_per_user ? HUB_TOO_MANY_ROOMS : HUB_OK;
}

/* Seated anew and held: a second hub:join of the same socket starts over from where the sequence is now. */
static HUB_MUST struct hub_member *take_place(struct hub_conn *c, struct hub_room *room,
                                              const struct hub_rights *rights) {
    struct hub_member *m = hub_conn_member(c, room);
    if (!m) {
        m = hub_xmalloc(sizeof *m);
        hub_member_enter(m, c, room, rights);
    } else {
        hub_seat_leave(&m->seat);
        hub_member_forget_skips(m);
        room->judged += !hub_rights_equal(&m->rights, rights);
        m->rights = *rights;
        if (rights->can_read) hub_member_take_seat(m, true);
    }
    m->joins++;
    return m;
}

/* A connection that is a member and would not be admitted again. */
static void end_former(const struct join *j, enum hub_code code) {
    const struct hub_call *call = j->call;
    const struct hub_room *room = hub_room_find(&call->hub->rooms, hub_call_str(call, "roomId"));
    struct hub_member *m = room && !call->conn->closed ? hub_conn_member(call->conn, room) : NULL;
    /* these outcomes do not show that the right was lost */
    if (m && code != HUB_STORE_UNAVAILABLE && code != HUB_OVERLOADED)
        hub_member_expel(m, "hub:kicked", hub_cstr(hub_code_name(HUB_NOT_AUTHORIZED)));
}

static void decide_join(struct join *j);

/* What was decided before it waited may hold no more. */
static void on_usable(void *arg, enum hub_code code) {
    struct join *j = arg;
    if (!code && j->call->conn->closed) code = HUB_INTERNAL; /* nobody is there to read it */
    if (!code && j->call->hub->engine->draining) code = HUB_SHUTTING_DOWN;
    if (code)
        fail_join(j, code);
    else
        decide_join(j);
}

/* A reload may have taken the state away: there is nothing to show then. */
static void on_state_read(void *arg, enum hub_code code) {
    on_usable(arg, code == HUB_FEATURE_DISABLED ? HUB_OK : code);
}

/* False: the join goes on when the room's state has been read; J may be gone. */
static bool has_state_to_show(struct join *j, struct hub_room *room, const struct hub_rights *rights) {
    if (!rights->can_read) return true;
    if (!j->reading) j->reading = hub_room_ref(room);
    return hub_shared_state_ready(room, on_state_read, j);
}

static void on_join_asked(void *arg, const struct hub_verdict *v, struct hub_entry *entry) {
    struct join *j = arg;
    j->entry = entry;
    if (!v->code) {
        on_usable(j, HUB_OK);
    } else if (v->code == HUB_REJECTED) {
        hub_call_refuse(j->call, v->own_code.n ? v->own_code : hub_cstr(hub_code_name(HUB_REJECTED)), v->message,
                        v->data);
        end_join(j);
    } else {
        fail_join(j, v->code);
    }
}

/* Whether somebody who may enter may do so now, and onJoin has been asked, if there is one, and if the
 * connection is not in the room already. False: the join goes on later. */
static bool is_admitted(struct join *j, struct hub_room *room, const struct hub_rights *rights) {
    struct hub_conn *c = j->call->conn;
    if (!hub_lifecycle_use(room, on_usable, j)) {
        struct hub_entry *former = j->entry; /* into the room's use that is ending, and waits for it */
        j->entry = NULL;
        if (former) hub_lifecycle_not_entered(former, HUB_ROOM_NOT_FOUND); /* J may be gone */
        return false;
    }
    if (j->entry || !hub_lifecycle_asks_to_join(c->hub->def) || hub_conn_member(c, room)) return true;
    hub_lifecycle_join(c, room, rights, on_join_asked, j);
    return false;
}

static void on_decided(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                       struct hub_room *room) {
    struct join *j = arg;
    struct hub_conn *c = j->call->conn;
    (void)layer;
    if (!c->closed && hub_call_renew(j->call)) { /* a token that was replaced meanwhile admits nobody */
        decide_join(j);
        return;
    }
    if (code) end_former(j, code);
    if (!code && c->closed) code = HUB_INTERNAL; /* nobody is there to read it */
    if (!code) code = check_limits(c, room);
    if (!code && hub_lifecycle_full(c)) code = HUB_OVERLOADED;
    if (code) {
        fail_join(j, code);
        return;
    }
    if (!is_admitted(j, room, rights) || !has_state_to_show(j, room, rights)) return; /* J may be gone */
    struct hub_member *m = take_place(c, room, rights);
    if (j->entry) hub_lifecycle_entered(j->entry);
    j->entry = NULL;
    j->state = rights->can_read ? hub_shared_state_now(room) : NULL;
    j->call->room = hub_room_ref(room);
    j->number = m->joins;
    j->seq = room->sequence.number;
    if (!rights->can_read || (!c->hub->def->history_enabled && !j->has_since)) {
        complete_join(j, m, hub_str(NULL, 0));
        return;
    }
    hub_history_on_join(room, hub_cstr(c->identity->user_id), j->seq, j->limit, j->has_since, j->since,
                        hub_json_get_str(j->call->args, "epoch"), on_history, j);
}

static void decide_join(struct join *j) {
    hub_authorize(j->call->hub, j->call->who, hub_call_str(j->call, "roomId"), false, on_decided, j);
}

static const struct hub_arg join_args[] = {
    {"roomId", HUB_ARG_ID, HUB_ARG_REQUIRED, .help = "The room."},
    {"since", HUB_ARG_INT, .least = 0, .most = INT64_MAX, .expected = "a whole number, the last seq you have",
     .help = "Catches up from there instead of sending history."},
    {"epoch", HUB_ARG_TEXT, .expected = "a text, the epoch of hub:joined",
     .help = "The epoch that `since` belongs to; when the room has another one, history is sent instead."},
    {"historyLimit", HUB_ARG_INT, .least = 1, .most = INT64_MAX, .help = "Messages of history, instead of the hub's."},
    {"members", HUB_ARG_BOOL, .help = "True: the answer has those who are there, as `hub:members` does."},
    {0},
};

static void join_room(struct hub_call *call) {
    struct join *j = hub_xcalloc(1, sizeof *j);
    *j = (struct join){.call = call,
                       .conn = hub_conn_ref(call->conn),
                       .has_since = !hub_json_nil(hub_json_get(call->args, "since")),
                       .members = hub_json_get_bool(call->args, "members", false),
                       .since = hub_arg_int(join_args, call->args, "since", 0),
                       .limit = hub_arg_int(join_args, call->args, "historyLimit", call->hub->def->history_limit)};
    call->joining = false; /* it is this join that ends it: hub:joined and the history come before what waits */
    decide_join(j);
}

/* ---- the part ---- */

static const struct hub_field joined_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"hubRole", "role or `system` or null", .help = "Null, a role of the hub, or `system`."},
    {"permissions", "permissions", .help = "What the member may do."},
    {"silenced", "boolean", .help = "Whether the member is silenced."},
    {"seq", "integer", .help = "The room's counter: history ends there, the first live number is the next one."},
    {"epoch", "text", .help = "The epoch (generation) of that counter; with another one numbers have started again."},
    {"memberCount", "integer", .help = "Users in the room."},
    {"recovered", "boolean or null", .help = "Whether `since` was caught up from; null when it was not given."},
    {"members", "list of member", .help = "With `members`, and canRead: everybody who is there.", .optional = true},
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
               HUB_NOT_AUTHORIZED, HUB_ROOM_FULL, HUB_TOO_MANY_ROOMS, HUB_NOT_IN_ROOM, HUB_STORE_UNAVAILABLE,
               HUB_REJECTED, HUB_HANDLER_FAILED},
     .run = join_room},
    {0},
};

static const struct hub_field history_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"messages", "list of message", .help = "In ascending `seq`."},
    {"changes",
     "list of {messageId: id, seq: integer, message: message} or {messageId: id, seq: integer, deleted: true}",
     .help = "Catching up: what became of older messages.", .optional = true},
    {"hasMore", "boolean", .help = "Whether there are older ones."},
    {"recovered", "boolean or null", .help = "As in `hub:joined`."},
    {0},
};
static const struct hub_field record_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"record", "object", .help = "The row, as it is now."},
    {"changes", "object", .help = "What changed of it.", .optional = true},
    {0},
};
#define RIGHT_FIELD(ID, FIELD, NAME, FALLBACK, SYSTEM, REFUSAL, HELP) {NAME, "boolean", .help = HELP},
static const struct hub_field permission_fields[] = {
    HUB_RIGHTS(RIGHT_FIELD) /* one each */
    {"allowedMessageTypes", "list of type", .help = "Types that may be sent; empty: all."},
    {0},
};
static const struct hub_shape join_shapes[] = {
    {"permissions", "What somebody may do in a room.", permission_fields},
    {"joined", "How a room was entered.", joined_fields},
    {"history", "A part of a room's past.", history_fields},
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
    .shapes = join_shapes,
    .keywords = "roomDataObject roomEligibility absoluteRoles checkRoles checkScript authSources authScripts hubRoles "
                "maxUsersPerRoom maxRoomsPerUser authCacheTTL",
    .describe = describe_roles,
};
