/* A connection as its calls and memberships hold it. */
#include "hub/call/call.h"

#include <stdlib.h>

#include "base/match/cidr.h"
#include "base/telemetry/log.h"
#include "base/time/clock.h"

/* Strangers are counted by the address that they come from. */
static struct hub_user *user_of(struct hub_hub *hub, const struct hub_socket *s, const struct hub_identity *who) {
    const struct hub_handshake hs = hub_socket_handshake(s);
    char network[HUB_IP_TEXT];
    bool stranger = hub_identity_is_stranger(who) && hs.peer.n;
    return hub_user_get(hub, stranger ? hub_ip_counted(hs.peer, network) : hub_cstr(who->user_id));
}

static bool read_trace(const json_t *object, const char *event, char out[HUB_TRACEPARENT_LEN + 1]) {
    const json_t *v = hub_json_get(object, "traceparent");
    if (hub_json_nil(v)) return false;
    if (json_is_string(v) && hub_traceparent_parse(hub_json_str(v), out)) return true;
    hub_log_kv(HUB_LOG_DEBUG, "hub", "ignored a traceparent that is none", "event", event, NULL);
    return false;
}

static HUB_MUST char *trace_of(struct hub_socket *s) {
    char trace[HUB_TRACEPARENT_LEN + 1];
    return read_trace(hub_socket_auth(s), "connect", trace) ? hub_xstrdup(trace) : NULL;
}

const char *hub_call_traceparent(const struct hub_call *call, char out[HUB_TRACEPARENT_LEN + 1]) {
    bool own = hub_json_get(call->args, "traceparent") && hub_arg_named(call->command->args, HUB_STR("traceparent")) &&
               read_trace(call->args, call->event, out);
    if (own) return out;
    return call->conn ? call->conn->traceparent : NULL;
}

struct hub_conn *hub_conn_new(struct hub_hub *hub, struct hub_socket *s, struct hub_identity *who) {
    struct hub_conn *c = hub_xcalloc(1, sizeof *c);
    *c = (struct hub_conn){.refs = 1,
                           .hub = hub,
                           .socket = hub_socket_ref(s),
                           .identity = hub_identity_ref(who),
                           .since = hub_loop_wall(hub->engine->config.loop),
                           .traceparent = trace_of(s)};
    hub_list_init(&c->members);
    hub_list_init(&c->link);
    hub_outlet_init(&c->outlet, s);
    c->user = user_of(hub, s, who);
    c->user->conns++;
    s->user = c;
    return c;
}

void hub_conn_open_guest(struct hub_conn *c) { c->open = true; }

void hub_conn_open(struct hub_conn *c) {
    c->open = true;
    hub_list_push(&c->hub->conns, &c->link);
    hub_directory_add(c);
}

static void tell_parts(struct hub_conn *c) {
    HUB_PARTS_EACH(c->hub->engine, disconnected, part) {
        if (!c->socket->guest || (*part)->of_guests) (*part)->disconnected(c);
    }
}

/* Parts have heard of it only when it was open. */
void hub_conn_close(struct hub_conn *c, const char *reason) {
    c->closed = true;
    if (!c->reason) c->reason = hub_xstrdup(reason);
    c->socket->user = NULL;
    hub_timer_stop(c->hub->engine->config.loop, &c->idle);
    hub_expiry_stop(&c->expiry);
    hub_reader_close(&c->reader);
    hub_order_drop(c);
    if (c->open) tell_parts(c);
    hub_outlet_deinit(&c->outlet);
    hub_list_remove(&c->link);
    if (c->open && !c->socket->guest) hub_directory_remove(c);
    c->user->conns--;
    hub_user_release(c->user);
    c->user = NULL;
    hub_conn_unref(c);
}

static bool let_in(struct hub_conn *c, enum hub_code code, const struct hub_err *err) {
    if (!code) return true;
    struct hub_socket *s = hub_socket_ref(c->socket);
    hub_conn_close(c, "rejected");
    hub_identity_refuse_socket(s, code, err->text);
    hub_socket_unref(s);
    return false;
}

bool hub_conn_arrives(struct hub_conn *c) {
    struct hub_err err;
    enum hub_code code = HUB_OK;
    HUB_PARTS_EACH(c->hub->engine, arriving, part) {
        if (!code) code = (*part)->arriving(c, &err);
    }
    return let_in(c, code, &err);
}

bool hub_conn_opens(struct hub_conn *c) {
    struct hub_err err;
    enum hub_code code = HUB_OK;
    HUB_PARTS_EACH(c->hub->engine, opening, part) {
        if (!code) code = (*part)->opening(c, &err);
    }
    return let_in(c, code, &err);
}

void hub_conn_opened(struct hub_conn *c) { HUB_PARTS_CALL(c->hub->engine, opened, c); }

void **hub_conn_data(struct hub_conn *c, const struct hub_part *part) {
    const size_t flag = offsetof(struct hub_part, conn_data);
    if (!c->part_data) c->part_data = hub_xcalloc(hub_parts_with(c->hub->engine, flag, NULL), sizeof *c->part_data);
    return &c->part_data[hub_parts_with(c->hub->engine, flag, part)];
}

void *hub_conn_kept(const struct hub_conn *c, const struct hub_part *part) {
    if (!c->part_data) return NULL;
    return c->part_data[hub_parts_with(c->hub->engine, offsetof(struct hub_part, conn_data), part)];
}

/* ---- as scripts see it ---- */

/* Of a name that comes several times the last value counts. */
static HUB_MUST json_t *query_json(struct hub_str query) {
    json_t *o = json_object();
    struct hub_str pair;
    while (hub_str_split(&query, '&', &pair)) {
        struct hub_buf name = {0}, value = {0};
        size_t at = hub_str_find(pair, '=');
        bool good = hub_buf_add_form(&name, hub_str(pair.p, at)) &&
                    hub_buf_add_form(&value, at < pair.n ? hub_str(pair.p + at + 1, pair.n - at - 1) : hub_str("", 0));
        json_t *v = good ? hub_json_string(hub_buf_str(&value)) : NULL;
        if (name.n && json_is_string(v)) json_object_setn(o, name.p, name.n, v);
        json_decref(v);
        hub_buf_free(&name);
        hub_buf_free(&value);
    }
    json_object_del(o, "access_token"); /* the identity's, and no script's */
    return o;
}

static HUB_MUST json_t *handshake_json(const struct hub_handshake *hs, int64_t since) {
    char time[HUB_ISO_LEN + 1];
    json_t *headers = json_object(), *o = json_object();
    hub_iso_format(since, time);
    if (hs->origin.n) hub_json_set_str(headers, "origin", hs->origin);
    if (hs->user_agent.n) hub_json_set_str(headers, "user-agent", hs->user_agent);
    json_object_set_new(o, "query", query_json(hs->query));
    json_object_set_new(o, "headers", headers);
    hub_json_set_str(o, "address", hs->peer);
    json_object_set_new(o, "secure", json_boolean(hs->secure));
    hub_json_set_str(o, "time", hub_cstr(time));
    return o;
}

json_t *hub_conn_handshake_json(const struct hub_conn *c) {
    const struct hub_handshake hs = hub_socket_handshake(c->socket);
    bool open = c->socket->client || c->socket->state == HUB_SOCKET_GUEST;
    return open ? handshake_json(&hs, c->since) : NULL;
}

static HUB_MUST json_t *rooms_json(const struct hub_conn *c) {
    json_t *rooms = json_array();
    HUB_LIST_EACH(&c->members, it)
    json_array_append_new(rooms, hub_json_string(hub_cstr(HUB_CONTAINER(it, struct hub_member, in_conn)->room->id)));
    return rooms;
}

json_t *hub_conn_json(const struct hub_conn *c) {
    json_t *handshake = hub_conn_handshake_json(c);
    char since[HUB_ISO_LEN + 1];
    json_t *o = json_object();
    bool stranger = hub_identity_is_stranger(c->identity);
    hub_iso_format(c->since, since);
    json_object_set_new(o, "id", json_string(c->socket->sid));
    if (c->client_id) json_object_set_new(o, "clientId", hub_json_string(hub_cstr(c->client_id)));
    json_object_set_new(o, "userId", stranger ? json_null() : json_string(c->identity->user_id));
    if (handshake) json_object_set(o, "address", hub_json_get(handshake, "address"));
    if (handshake) json_object_set_new(o, "handshake", handshake);
    hub_json_set_str(o, "connectedAt", hub_cstr(since));
    if (hub_socket_latency(c->socket) >= 0)
        json_object_set_new(o, "latencyMs", json_integer(hub_socket_latency(c->socket)));
    json_object_set_new(o, "metadata", c->metadata ? json_incref(c->metadata) : json_object());
    json_object_set_new(o, "rooms", rooms_json(c));
    return o;
}

static void tell_of(struct hub_conn *c, enum hub_readable what, const char *name, const void *by) {
    struct hub_engine *e = c->hub->engine;
    HUB_PARTS_CALL(e, readable_changed, e, what, NULL, hub_cstr(name), by);
}

static void tell_readers(struct hub_conn *c, const void *by) {
    tell_of(c, HUB_READABLE_CONNECTION, c->socket->sid, by);
    if (c->client_id) tell_of(c, HUB_READABLE_CONNECTION, c->client_id, by);
    tell_of(c, HUB_READABLE_CONNECTIONS, c->identity->user_id, by);
    tell_of(c, HUB_READABLE_CONNECTIONS, "", by);
}

void hub_conn_readable_changed(struct hub_conn *c) { tell_readers(c, NULL); }

void hub_conn_came_or_went(struct hub_conn *c) {
    tell_readers(c, NULL);
    tell_of(c, HUB_READABLE_ONLINE, c->identity->user_id, NULL);
    tell_of(c, HUB_READABLE_ONLINE, "", NULL);
}

void hub_conn_set_metadata(struct hub_conn *c, json_t *metadata, const void *by) {
    json_decref(c->metadata);
    c->metadata = metadata;
    tell_readers(c, by);
}

void hub_conn_disconnect(struct hub_conn *c, struct hub_str reason) {
    if (reason.n && !c->reason) c->reason = hub_str_dup(reason);
    hub_socket_disconnect(c->socket, false);
}

void hub_conn_unref(struct hub_conn *c) {
    if (--c->refs) return;
    hub_identity_unref(c->identity);
    hub_socket_unref(c->socket);
    json_decref(c->metadata);
    free(c->reason);
    free(c->part_data);
    free(c->traceparent);
    free(c->client_id);
    free(c);
}

struct hub_member *hub_conn_member(struct hub_conn *c, const struct hub_room *room) {
    HUB_LIST_EACH(&c->members, it) {
        struct hub_member *m = HUB_CONTAINER(it, struct hub_member, in_conn);
        if (m->room == room) return m;
    }
    return NULL;
}
