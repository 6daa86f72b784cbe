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

static void on_admitted(void *arg, struct hub_identity *identity) {
    struct hub_socket *s = arg;
    struct hub_hub *hub = s->nsp->owner;
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
    while (!hub_list_empty(&c->members)) hub_member_exit(HUB_CONTAINER(c->members.next, struct hub_member, in_conn));
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

void hub_cmd_refresh_token(struct hub_call *call) {
    struct hub_str token = hub_call_str(call, "token");
    if (!token.n)
        hub_call_fail(call, HUB_BAD_REQUEST, "token: expected a text");
    else
        hub_identity_refresh(call->hub->engine->config.identity, call->who, token, on_refreshed, call);
}

static struct hub_metric messages_in =
    HUB_METRIC(HUB_COUNTER, "hubd_hub_events_in_total", NULL, "Events received by hubs");

/* Whoever waited may be in the room no more. */
static void settle_and_run(void *arg, bool allowed) {
    struct hub_call *call = arg;
    if (!allowed) return; /* and the call is gone */
    hub_call_renew(call);
    const struct hub_command *command = call->command;
    if (!(command->needs & HUB_NEEDS_ROOM) || hub_call_settle(call, command->needs)) command->run(call);
}

/* Its turn has come. */
static void run(struct hub_read *r) { hub_call_count(hub_call_of(r), settle_and_run); }

static void fail_unknown(struct hub_call *call) {
    hub_call_fail(call, HUB_UNKNOWN_EVENT, "there is no event \"%s\" in this hub", call->event);
}

static void run_event(struct hub_call *call) {
    const struct hub_command *command = hub_command_find(hub_cstr(call->event));
    if (!command) {
        if (!hub_event_alias(call)) fail_unknown(call);
    } else if (hub_call_keys(call, command->args)) {
        if (command->needs & HUB_JOINS) hub_order_joining(call);
        hub_call_queue(call, command, hub_str(NULL, 0), run);
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
