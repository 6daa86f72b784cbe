/* A socket's connection to a hub: authenticated on connect, its events turned into calls, everything let
 * go when it closes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "hub/engine_int.h"
#include "hub/event/event.h"
#include "hub/join/join.h"
#include "hub/member/member.h"

static void on_idle(struct hub_timer *t);

/* connectionTimeout counts any inbound packet, heartbeats included, so the timer only looks whether there
 * was one. Half-way it asks for one: listen.pingInterval may be longer than the timeout, and a client that
 * only listens has nothing else to say. */
static void arm_idle(struct hub_conn *c, int64_t least) {
    struct hub_loop *loop = c->hub->engine->config.loop;
    int64_t timeout = c->hub->def->connection_timeout, silent = hub_loop_now(loop) - hub_socket_last_in(c->socket);
    int64_t left = (silent < timeout / 2 ? timeout / 2 : timeout) - silent;
    if (silent >= timeout / 2) hub_socket_ping(c->socket);
    hub_timer_await(loop, &c->idle, left > least ? left : least, on_idle);
}

static void on_idle(struct hub_timer *t) {
    struct hub_conn *c = HUB_CONTAINER(t, struct hub_conn, idle);
    int64_t now = hub_loop_now(c->hub->engine->config.loop), timeout = c->hub->def->connection_timeout;
    bool late = hub_timer_late(t) > timeout / 4; /* this process stood still: it has not asked meanwhile */
    if (late || now - hub_socket_last_in(c->socket) < timeout) {
        arm_idle(c, late ? timeout / 2 : 1);
        return;
    }
    hub_log_kv(HUB_LOG_INFO, "hub", "closing an idle connection", "hub", c->hub->def->name, "user",
               c->identity->user_id, NULL);
    hub_socket_drop(c->socket, HUB_CLOSE_PING, "nothing came for connectionTimeout");
}

/* A reload may have taken the hub out of service, at once or while this waited for its identity; what it was
 * defined by goes then. False: refused, as any namespace that is not there. */
static bool is_served(struct hub_socket *s) {
    const struct hub_hub *hub = s->nsp->owner;
    if (hub->gone) hub_socket_refuse(s, "Invalid namespace", hub_str(NULL, 0));
    return !hub->gone;
}

static void on_admitted(void *arg, struct hub_identity *identity) {
    struct hub_socket *s = arg;
    struct hub_hub *hub = s->nsp->owner;
    if (!is_served(s)) return;
    struct hub_conn *c = hub_xcalloc(1, sizeof *c);
    *c = (struct hub_conn){.refs = 1, .hub = hub, .socket = hub_socket_ref(s), .identity = hub_identity_ref(identity)};
    hub_list_init(&c->members);
    hub_list_init(&c->waiting);
    hub_list_push(&hub->conns, &c->link);
    hub_outlet_init(&c->outlet, s);
    c->user = hub_user_get(hub, hub_cstr(identity->user_id));
    c->user->conns++;
    s->user = c;
    arm_idle(c, 1);
    hub_lease_set(&c->lease, hub->engine->config.loop, s, identity);
    hub_socket_accept(s);
}

static void on_connect(struct hub_socket *s, json_t *auth) {
    struct hub_hub *hub = s->nsp->owner;
    if (!is_served(s)) return;
    if (hub->engine->draining) {
        hub_socket_refuse(s, hub_code_text(HUB_SHUTTING_DOWN), HUB_STR("{\"code\":\"shutting_down\"}"));
        return;
    }
    hub_identity_admit(hub->engine->config.identity, s, auth, on_admitted, s);
}

static void on_closed(struct hub_socket *s, const char *reason) {
    struct hub_conn *c = s->user;
    if (!c) return; /* never admitted */
    hub_log_kv(HUB_LOG_DEBUG, "hub", "connection closed", "hub", c->hub->def->name, "user", c->identity->user_id,
               "reason", reason, NULL);
    c->closed = true;
    s->user = NULL;
    hub_timer_stop(c->hub->engine->config.loop, &c->idle);
    hub_lease_stop(&c->lease);
    hub_reader_close(&c->reader);
    hub_order_drop(c);
    HUB_PARTS_CALL(c->hub->engine, disconnected, c);
    hub_outlet_deinit(&c->outlet);
    hub_list_remove(&c->link);
    c->user->conns--;
    hub_user_release(c->hub, c->user);
    c->user = NULL;
    hub_conn_unref(c);
}

/* hub:refreshToken */

static void renew_identity(struct hub_conn *c, struct hub_identity *who) {
    hub_identity_unref(c->identity);
    c->identity = hub_identity_ref(who);
    hub_lease_set(&c->lease, c->hub->engine->config.loop, c->socket, who);
}

/* The new token may say something else about what decided. Rooms first: a decision may be there at once
 * and put the connection out. */
static void redecide_rooms(struct hub_conn *c, struct hub_work *work) {
    struct hub_room **rooms = NULL;
    size_t n = 0;
    HUB_LIST_EACH(&c->members, it) {
        rooms = hub_xrealloc(rooms, (n + 1) * sizeof(struct hub_room *));
        rooms[n++] = hub_room_ref(HUB_CONTAINER(it, struct hub_member, in_conn)->room);
    }
    for (size_t i = 0; i < n; i++) {
        hub_reauthorize_user(rooms[i], hub_cstr(c->identity->user_id), work);
        hub_room_unref(rooms[i]);
    }
    free(rooms);
}

/* Answered when no command passes under the rights of the old token any more. */
struct refreshing {
    struct hub_settling rights;
    struct hub_call *call;
};

static void answer_refresh(struct hub_settling *r) {
    hub_call_ok(HUB_CONTAINER(r, struct refreshing, rights)->call, NULL, hub_str(NULL, 0));
}
static void end_refresh(struct hub_settling *r) { free(HUB_CONTAINER(r, struct refreshing, rights)); }

static void on_refreshed(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct hub_call *call = arg;
    struct hub_conn *c = call->conn;
    if (code) {
        hub_call_fail(call, code, "%s", reason ? reason : hub_code_text(code));
        return;
    }
    struct refreshing *r = hub_xcalloc(1, sizeof *r);
    *r = (struct refreshing){.rights = {.answer = answer_refresh, .end = end_refresh}, .call = call};
    hub_settling_begin(&r->rights, c->hub->engine->config.loop, "hub:refreshToken");
    if (!c->closed) renew_identity(c, who);
    redecide_rooms(c, &r->rights.work);
    hub_settling_wait(&r->rights);
}

static void refresh_token(struct hub_call *call) {
    hub_identity_refresh(call->hub->engine->config.identity, call->who, hub_call_str(call, "token"), on_refreshed,
                         call);
}

static struct hub_metric messages_in =
    HUB_METRIC(HUB_COUNTER, "hubd_hub_events_in_total", NULL, "Events received by hubs");

/* Its turn has come. */
static void start(struct hub_read *r) { hub_call_go(hub_call_of(r)); }

static void fail_unknown(struct hub_call *call) {
    hub_call_fail(call, HUB_UNKNOWN_EVENT, "there is no event \"%s\" in this hub", call->event);
}

/* Some events may be emitted under their own name: they are hub:event with that name. */
static const struct hub_dispatch *find_event(const struct hub_call *call, struct hub_str *alias) {
    const struct hub_dispatch *found = hub_dispatch_find(call->hub->engine, hub_cstr(call->event));
    *alias = HUB_STR("");
    if (found) return found;
    return hub_event_alias(call->hub->def, hub_cstr(call->event), alias)
               ? hub_dispatch_find(call->hub->engine, HUB_STR("hub:event"))
               : NULL;
}

static void run_event(struct hub_call *call) {
    struct hub_str alias;
    const struct hub_dispatch *found = find_event(call, &alias);
    if (!found) {
        fail_unknown(call);
    } else if (hub_call_keys(call, found->keys)) {
        call->command = found->command;
        if (alias.n) hub_json_set_str(call->args, "event", alias);
        if (call->command->flags & HUB_JOINS) hub_order_joining(call);
        hub_call_queue(call, hub_str(NULL, 0), start);
    }
}

static void on_event(struct hub_socket *s, struct hub_str event, json_t *args, const struct hub_binaries *bins,
                     int64_t ack) {
    struct hub_conn *c = s->user;
    hub_metric_add(&messages_in, 1);
    json_t *object = json_array_get(args, 0);
    char name[HUB_NAME_MAX + 1];
    bool can_exist = event.n <= HUB_NAME_MAX && !memchr(event.p, 0, event.n);
    size_t n = event.n < sizeof name ? event.n : sizeof name - 1;
    memcpy(name, event.p, n);
    name[n] = 0;
    struct hub_call *call = hub_call_new(c->hub, c, c->identity, name, json_incref(object), ack);
    if (bins && bins->n)
        hub_call_fail(call, HUB_BAD_REQUEST, "binary values are not part of hub events; send JSON");
    else if (object && !json_is_object(object))
        hub_call_fail(call, HUB_BAD_REQUEST, "expected one object as the event's payload");
    else if (!object)
        hub_call_fail(call, HUB_BAD_REQUEST, "expected an object as the event's payload");
    else if (!can_exist)
        fail_unknown(call);
    else if (c->joining)
        hub_order_wait(call, run_event);
    else
        run_event(call);
}

const struct hub_namespace_ops hub_conn_ops = {.connect = on_connect, .event = on_event, .closed = on_closed};

/* ---- the part ---- */

static const struct hub_arg refresh_args[] = {
    {"token", HUB_ARG_TEXT, HUB_ARG_REQUIRED, .least = 1, .expected = "a text", .help = "The new token."},
    {0},
};
static const struct hub_arg room_args[] = {HUB_ARG_ROOM, {0}};
static const struct hub_field room_answer[] = {
    {"room", "object", .help = "The room's record."},
    {"hubRole", "text", .help = "Null, a role of the hub, or `system`."},
    {"permissions", "permissions", .help = "What the caller may do."},
    {"silenced", "boolean", .help = "Whether the caller is silenced."},
    {"memberCount", "integer", .help = "Users in the room."},
    {"seq", "integer", .help = "The room's counter."},
    {"epoch", "text", .help = "The life of that counter."},
    {0},
};

static const struct hub_command connection_commands[] = {
    {.name = "hub:refreshToken",
     .help = "Puts a new token in the place of the connection's, before that expires.",
     .gates = HUB_GATES(&hub_gate_args),
     .args = refresh_args,
     .codes = {HUB_AUTH_REQUIRED, HUB_INVALID_TOKEN, HUB_TOKEN_EXPIRED, HUB_NOT_ALLOWED},
     .run = refresh_token},
    {.name = "hub:room",
     .help = "The room's record, the caller's role and rights, and the room's counters.",
     .flags = HUB_READS | HUB_REST_ONLY,
     .gates = HUB_GATES(&hub_gate_reads, &hub_gate_room),
     .args = room_args,
     .rest = {"GET", "rooms/:roomId", 200},
     .answer = room_answer,
     .codes = {HUB_OVERLOADED},
     .run = hub_show_room},
    {0},
};

static const struct hub_field error_fields[] = {
    {"error", "text", .help = "For people."},
    {"code", "code", .help = "For programs."},
    {"event", "text", .help = "What was asked for."},
    {"roomId", "id", .help = "The room.", .optional = true},
    {"retryAfterMs", "integer", .help = "When it may succeed.", .optional = true},
    {0},
};
static const struct hub_field draining_fields[] = {{"retryAfterMs", "integer", .help = "When to connect again."}, {0}};
static const struct hub_told_event connection_told[] = {
    {"hub:error", "the connection", "a command without an acknowledgement failed, or the session ended", error_fields},
    {"hub:draining", "everybody", "the process is about to stop", draining_fields},
    {0},
};

const struct hub_part hub_connection_part = {
    .name = "connection",
    .help = "A connection's identity, and what it is told of the process.",
    .commands = connection_commands,
    .told = connection_told,
};
