/* A socket's connection to a hub: authenticated on connect, its events turned into calls, everything let
 * go when it closes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/engine_int.h"
#include "hub/event/event.h"
#include "hub/join/join.h"
#include "hub/lifecycle/lifecycle.h"
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
    bool late = hub_timer_late(t) > timeout / 4; /* the process was suspended: it has sent no ping meanwhile */
    if (late || now - hub_socket_last_in(c->socket) < timeout) {
        arm_idle(c, late ? timeout / 2 : 1);
        return;
    }
    hub_log_kv(HUB_LOG_INFO, "hub", "closing an idle connection", "hub", c->hub->def->name, "user",
               c->identity->user_id, NULL);
    hub_socket_drop(c->socket, HUB_CLOSE_PING, "nothing came for connectionTimeout");
}

/* A reload may have taken the hub out of service, also while this waited for its identity; its definition
 * is freed then. False: refused, like a namespace that does not exist. */
static bool is_served(struct hub_socket *s) {
    const struct hub_hub *hub = s->nsp->owner;
    if (hub->gone) hub_socket_refuse(s, "Invalid namespace", hub_str(NULL, 0));
    return !hub->gone;
}

static void open_conn(struct hub_conn *c) {
    if (!hub_conn_opens(c)) return;
    hub_conn_open(c);
    arm_idle(c, 1);
    hub_expiry_set(&c->expiry, c->hub->engine->config.loop, c->socket, c->identity);
    hub_socket_accept(c->socket);
    hub_conn_opened(c);
}

static void on_admitted(void *arg, struct hub_identity *identity) {
    struct hub_socket *s = arg;
    struct hub_hub *hub = s->nsp->owner;
    if (!is_served(s)) return;
    struct hub_conn *c = hub_conn_new(hub, s, identity);
    if (hub_conn_arrives(c)) hub_lifecycle_connect(c, open_conn);
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
    hub_conn_close(c, reason);
}

/* hub:refreshToken */

static void renew_identity(struct hub_conn *c, struct hub_identity *who) {
    hub_identity_unref(c->identity);
    c->identity = hub_identity_ref(who);
    hub_expiry_set(&c->expiry, c->hub->engine->config.loop, c->socket, who);
}

/* Answered once no command can pass with the rights of the old token. */
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
    c->refreshing = false;
    if (code) {
        hub_call_fail(call, code, "%s", reason ? reason : hub_code_text(code));
        return;
    }
    struct refreshing *r = hub_xcalloc(1, sizeof *r);
    *r = (struct refreshing){.rights = {.answer = answer_refresh, .end = end_refresh}, .call = call};
    hub_settling_begin(&r->rights, c->hub->engine->config.loop, "hub:refreshToken");
    if (!c->closed) renew_identity(c, who);
    hub_reauthorize_conn(c, &r->rights.work);
    HUB_PARTS_CALL(c->hub->engine, rejudged, c, &r->rights.work);
    hub_settling_wait(&r->rights);
}

/* One at a time: the token that counts in the end is the one that was sent last. */
static void refresh_token(struct hub_call *call) {
    if (call->conn->refreshing) {
        hub_call_fail(call, HUB_OVERLOADED, "the token before this one is still being looked at");
        return;
    }
    call->conn->refreshing = true;
    hub_identity_refresh(call->hub->engine->config.identity, call->who, hub_call_str(call, "token"), on_refreshed,
                         call);
}

static struct hub_metric messages_in =
    HUB_METRIC(HUB_COUNTER, "hubd_hub_events_in_total", NULL, "Events received by hubs");

static void on_event(struct hub_socket *s, struct hub_str event, json_t *args, const struct hub_binaries *bins,
                     int64_t ack) {
    struct hub_conn *c = s->user;
    hub_metric_add(&messages_in, 1);
    struct hub_call *call = hub_call_of_event(c, event, args, bins, ack);
    if (!call || !hub_call_arrived(call, s->event_bytes)) return;
    hub_order_go(call, c->hub->engine->run_call);
}

static void on_heartbeat(struct hub_socket *s, int64_t ms) {
    struct hub_conn *c = s->user;
    char args[40];
    if (!c || hub_hub_gone(c->hub) || !c->hub->def->report_latency) return;
    int n = snprintf(args, sizeof args, "{\"ms\":%lld}", (long long)ms);
    hub_outlet_emit(&c->outlet, HUB_STR("hub:latency"), hub_str(args, (size_t)n), HUB_SEND_EPHEMERAL);
}

const struct hub_namespace_ops hub_conn_ops = {
    .connect = on_connect, .event = on_event, .heartbeat = on_heartbeat, .closed = on_closed};

/* ---- the part ---- */

static const struct hub_arg refresh_args[] = {
    {"token", HUB_ARG_TEXT, HUB_ARG_REQUIRED, .least = 1, .expected = "a text", .help = "The new token."},
    {0},
};
static const struct hub_arg room_args[] = {HUB_ARG_ROOM, {0}};
static const struct hub_field room_answer[] = {
    {"room", "object", .help = "The room's record."},
    {"hubRole", "role or `system` or null", .help = "Null, a role of the hub, or `system`."},
    {"permissions", "permissions", .help = "What the caller may do."},
    {"silenced", "boolean", .help = "Whether the caller is silenced."},
    {"memberCount", "integer", .help = "Users in the room."},
    {"seq", "integer", .help = "The room's counter."},
    {"epoch", "text", .help = "The epoch (generation) of that counter; with another one numbers have started again."},
    {0},
};

static const struct hub_command connection_commands[] = {
    {.name = "hub:refreshToken",
     .help = "Replaces the connection's token before it expires.",
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
    {"error", "text", .help = "The message, for people."},
    {"code", "code", .help = "The error code, for programs."},
    {"event", "text", .help = "The event or command that failed."},
    {"roomId", "id", .help = "The room.", .optional = true},
    {"retryAfterMs", "integer", .help = "Milliseconds until a retry may succeed.", .optional = true},
    {0},
};
static const struct hub_field draining_fields[] = {
    {"retryAfterMs", "integer", .help = "Milliseconds to wait before connecting again."}, {0}};
static const struct hub_field latency_fields[] = {
    {"ms", "integer", .help = "Milliseconds from the server's ping to the client's pong."}, {0}};
static const struct hub_told_event connection_told[] = {
    {"hub:error", "the connection", "a command without an acknowledgement failed, or the session ended", error_fields},
    {"hub:latency", "the connection", "a heartbeat has come back, with `liveness.reportToClient`", latency_fields},
    {"hub:draining", "everybody", "the process is about to stop", draining_fields},
    {0},
};

static bool tells_connection(const struct hub_def *def, const char *event) {
    return def->report_latency || strcmp(event, "hub:latency") != 0;
}

const struct hub_part hub_connection_part = {
    .name = "connection",
    .help = "A connection's identity, and what it is told of the process.",
    .keywords = "liveness",
    .commands = connection_commands,
    .told = connection_told,
    .tells = tells_connection,
};
