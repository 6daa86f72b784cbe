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

/* An optional whole number >= LOW; false when it is something else. */
static bool optional_int(const json_t *args, const char *key, int64_t low, bool *given, int64_t *out) {
    const json_t *v = hub_json_get(args, key);
    *given = !hub_json_nil(v);
    if (!*given) return true;
    *out = hub_json_get_int(args, key, INT64_MIN);
    return *out >= low;
}

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

void hub_cmd_join(struct hub_call *call) {
    struct hub_str id = hub_call_str(call, "roomId");
    const json_t *epoch = hub_json_get(call->args, "epoch");
    bool has_limit;
    if (!hub_id_ok(id)) {
        hub_call_fail(call, HUB_BAD_REQUEST, "roomId: expected " HUB_ID_EXPECTED);
        return;
    }
    if (!hub_json_nil(epoch) && !json_is_string(epoch)) {
        hub_call_fail(call, HUB_BAD_REQUEST, "epoch: expected a text, the epoch of hub:joined");
        return;
    }
    if (call->hub->engine->draining) {
        hub_call_fail(call, HUB_SHUTTING_DOWN, NULL);
        return;
    }
    struct join *j = hub_xcalloc(1, sizeof *j);
    *j = (struct join){.call = call, .conn = hub_conn_ref(call->conn), .limit = call->hub->def->history_limit};
    call->joining = false; /* it is this join that ends it: hub:joined and the history come before what waits */
    if (!optional_int(call->args, "since", 0, &j->has_since, &j->since)) {
        hub_call_fail(call, HUB_BAD_REQUEST, "since: expected a whole number, the last seq you have");
        end(j);
    } else if (!optional_int(call->args, "historyLimit", 1, &has_limit, &j->limit)) {
        hub_call_fail(call, HUB_BAD_REQUEST, "historyLimit: expected a whole number of 1 or more");
        end(j);
    } else {
        hub_authorize(call->hub, call->who, id, false, on_decided, j);
    }
}
