/* What handlers of plain namespaces call: the methods of the objects "socket" and "namespace", and of
 * those that stand for some of a namespace's sockets (scripting/host/socket.c). The first argument is the id
 * of the object: a socket's, or the name of a namespace. */
#include <stdlib.h>

#include "hub/namespace/namespace_int.h"

#define AN_EVENT "event is a text of 1 to 256 bytes, or a number"
#define ROOM_NAMES "rooms are texts of 1 to 256 bytes, or lists of such"
#define MAX_AUDIENCE 1000 /* names of rooms for one event */
#define ACK_MS 4000
#define ACK_MAX_MS 600000
#define PAGE 100
#define PAGE_MAX 1000

/* ---- arguments ---- */

/* False: answered with an error. */
static bool answer_call(struct hub_host_call *call, enum hub_code code, const char *text) {
    call->done(call, code, NULL, text);
    return code == HUB_OK;
}

static void answer_json(struct hub_host_call *call, json_t *result) { call->done(call, HUB_OK, result, NULL); }

/* The connection of the socket that a method was called on; NULL: answered. */
static struct hub_namespace_conn *method_conn(void *ctx, struct hub_host_call *call) {
    const struct hub_namespaces *all = hub_ns_all(ctx);
    struct hub_namespace_conn *c = hub_map_get(&all->conns, hub_json_str(json_array_get(call->args, 0)));
    if (!c) answer_call(call, HUB_NOT_FOUND, "the socket is gone");
    return c;
}

static bool room_is_good(struct hub_str name) {
    return name.n && name.n <= HUB_NS_MAX_NAME && !memchr(name.p, 0, name.n);
}

/* Appends to NAMES those that V, a text or a list of texts, stands for; false: something else is among
 * them. */
static bool add_room_names(json_t *names, json_t *v) {
    if (!json_is_array(v)) return room_is_good(hub_json_str(v)) && json_array_append(names, v) == 0;
    for (size_t i = 0; i < json_array_size(v); i++) {
        json_t *one = json_array_get(v, i);
        if (!room_is_good(hub_json_str(one)) || json_array_append(names, one)) return false;
    }
    return true;
}

/* The rooms that the arguments from AT name, a new reference; NULL: answered. */
static HUB_MUST json_t *room_names(struct hub_host_call *call, size_t at, const char *usage) {
    json_t *names = json_array();
    bool good = json_array_size(call->args) > at;
    for (size_t i = at; good && i < json_array_size(call->args); i++)
        good = add_room_names(names, json_array_get(call->args, i));
    if (good) return names;
    json_decref(names);
    answer_call(call, HUB_BAD_REQUEST, usage);
    return NULL;
}

/* An event's name: a text, or a number as Socket.IO allows it. False: answered. */
static bool event_is_good(struct hub_host_call *call, const json_t *name, const char *usage) {
    struct hub_str text = hub_json_str(name);
    if (json_is_number(name)) return true;
    if (!text.n || text.n > HUB_NS_MAX_NAME) return answer_call(call, HUB_BAD_REQUEST, usage);
    return !hub_event_reserved(text) || answer_call(call, HUB_BAD_REQUEST, "that event name is reserved by Socket.IO");
}

static bool binaries_are_few(struct hub_host_call *call) {
    return !call->bins || call->bins->n <= HUB_SIO_MAX_SENT ||
           answer_call(call, HUB_BAD_REQUEST, HUB_NS_TOO_MANY_BINARIES);
}

/* ---- emit ---- */

/* The event whose name is the argument AT. False: answered. */
static bool make_message(struct hub_host_call *call, size_t at, const char *usage, struct hub_binaries *bins,
                         struct hub_ns_message *m) {
    const struct hub_namespace_conn *caller = call->event_arg;
    *m = (struct hub_ns_message){.bins = bins, .values = call->args, .at = at, .unseen = caller && caller->watching};
    if (!event_is_good(call, json_array_get(call->args, at), usage) || !binaries_are_few(call)) return false;
    if (call->bins) *bins = (struct hub_binaries){call->bins->items, call->bins->n};
    hub_json_add(&m->name, json_array_get(call->args, at));
    hub_ns_add_values(&m->args, call->args, at + 1);
    return true;
}

static void socket_emit(void *ctx, struct hub_host_call *call) {
    struct hub_binaries bins = {0};
    struct hub_ns_message m;
    if (!make_message(call, 1, "socket:emit(event, …): " AN_EVENT, &bins, &m)) return;
    struct hub_namespace_conn *c = method_conn(ctx, call);
    if (c && c->member) hub_ns_send(&m, c->member);
    hub_ns_message_deinit(&m);
    if (c) answer_call(call, HUB_OK, NULL);
}

/* Whom the object, the first argument, stands for. False: answered. */
static bool find_audience(void *ctx, struct hub_host_call *call, struct hub_ns_audience *to) {
    struct hub_str id = hub_json_str(json_array_get(call->args, 0));
    const struct hub_namespace_conn *c = id.n && id.p[0] == '/' ? NULL : method_conn(ctx, call);
    to->ns = c ? c->ns : hub_ns_named(hub_ns_all(ctx), id);
    to->from = c ? c->member : NULL;
    if (c || to->ns) return true;
    return id.n && id.p[0] == '/' && answer_call(call, HUB_NOT_FOUND, "the namespace is gone");
}

static bool names_are_good(const json_t *names) {
    for (size_t i = 0; i < json_array_size(names); i++)
        if (!room_is_good(hub_json_str(json_array_get(names, i)))) return false;
    return json_array_size(names) <= MAX_AUDIENCE;
}

/* Other nodes have members of TO's namespace, too, who all are others than who sends. */
static void cast_elsewhere(struct hub_engine *e, const struct hub_ns_audience *to, const struct hub_ns_message *m) {
    struct hub_namespace_cast cast = {.path = hub_cstr(to->ns->name),
                                      .rooms = to->rooms,
                                      .except = to->except,
                                      .values = json_array(),
                                      .unseen = m->unseen};
    if (m->bins) cast.bins = *m->bins;
    for (size_t i = m->at; i < json_array_size(m->values); i++)
        json_array_append(cast.values, json_array_get(m->values, i));
    e->cast_elsewhere(e, &cast);
    json_decref(cast.values);
}

static void cast_emit(void *ctx, struct hub_host_call *call) {
    struct hub_binaries bins = {0};
    struct hub_ns_message m;
    const json_t *spec = json_array_get(call->args, 1);
    struct hub_ns_audience to = {.rooms = json_object_get(spec, "rooms"), .except = json_object_get(spec, "without")};
    if (!names_are_good(to.rooms) || !names_are_good(to.except)) {
        answer_call(call, HUB_BAD_REQUEST, "to(room, …), except(room, …): " ROOM_NAMES ", 1000 of them at most");
        return;
    }
    if (!make_message(call, 2, "emit(event, …): " AN_EVENT, &bins, &m)) return;
    bool found = find_audience(ctx, call, &to);
    const struct hub_engine *e = ctx;
    if (found) hub_ns_cast(&m, &to);
    if (found && e->cast_elsewhere) cast_elsewhere(ctx, &to, &m);
    hub_ns_message_deinit(&m);
    if (found) answer_call(call, HUB_OK, NULL);
}

/* ---- emitWithAck ---- */

/* A script that waits for a client's acknowledgement. */
struct question {
    struct hub_pending_ack ack;
    struct hub_host_call *call;
    struct hub_hold hold;
};

/* The client may answer with several values; the script gets the first, as with a stock server. */
static void give_answer(struct hub_host_call *call, const json_t *args, const struct hub_binaries *bins) {
    const struct hub_hook_bins given = {bins ? bins->items : NULL, bins ? bins->n : 0};
    if (bins) call->answer_bins = &given;
    answer_json(call, json_incref(json_array_get(args, 0)));
}

static void on_acknowledged(struct hub_pending_ack *p, enum hub_ack_result result, json_t *args,
                            const struct hub_binaries *bins) {
    struct question *q = HUB_CONTAINER(p, struct question, ack);
    struct hub_host_call *call = q->call;
    hub_unhold(&q->hold);
    free(q);
    switch (result) {
    case HUB_ACK_RECEIVED: give_answer(call, args, bins); break;
    case HUB_ACK_INVALID:
        answer_call(call, HUB_BAD_REQUEST, "the client's acknowledgement is beyond the limits of JSON here");
        break;
    case HUB_ACK_TIMED_OUT: answer_call(call, HUB_REQUEST_TIMEOUT, NULL); break;
    case HUB_ACK_DISCONNECTED: answer_call(call, HUB_CLIENT_DISCONNECTED, NULL); break;
    }
}

/* Takes {timeoutMs}, if it is there and nothing else is in it, off the end of the arguments; 0: answered. */
static int64_t take_timeout(struct hub_host_call *call) {
    size_t last = json_array_size(call->args) - 1;
    const json_t *options = json_array_get(call->args, last), *ms = json_object_get(options, "timeoutMs");
    if (last < 2 || !ms || json_object_size(options) != 1) return ACK_MS;
    int64_t timeout = hub_json_get_int(options, "timeoutMs", 0);
    if (timeout < 1 || timeout > ACK_MAX_MS) {
        answer_call(call, HUB_BAD_REQUEST,
                    "socket:emitWithAck(event, …, {timeoutMs = n}): n is a whole number from 1 to 600000");
        return 0;
    }
    json_array_remove(call->args, last);
    return timeout;
}

/* What outgoing sees of a question. */
static void show_question(struct hub_namespace_conn *c, struct hub_host_call *call, const struct hub_binaries *bins) {
    const struct hub_namespace_conn *caller = call->event_arg;
    struct hub_ns_message m = {.bins = bins, .values = call->args, .at = 1};
    if (c->ns->def && c->ns->def->outgoing_n && !(caller && caller->watching)) hub_ns_see(c, &m);
    hub_ns_message_deinit(&m);
}

static void ask_client(struct hub_namespace_conn *c, struct hub_host_call *call, int64_t timeout_ms) {
    const struct hub_binaries bins = {call->bins ? call->bins->items : NULL, call->bins ? call->bins->n : 0};
    struct hub_buf args = {0};
    struct question *q = hub_xcalloc(1, sizeof *q);
    q->call = call;
    hub_ns_add_values(&args, call->args, 2);
    hub_outlet_sync(&c->base->outlet);
    if (hub_socket_emit_with_ack(c->socket, hub_json_str(json_array_get(call->args, 1)), hub_buf_str(&args), &bins,
                                 &q->ack, timeout_ms, on_acknowledged)) {
        hub_hold(&c->ns->all->engine->holds, &q->hold, "acknowledgement by a client");
        show_question(c, call, &bins);
    } else {
        bool closed = c->socket->state != HUB_SOCKET_OPEN;
        free(q);
        answer_call(call, closed ? HUB_CLIENT_DISCONNECTED : HUB_TOO_MANY,
                    closed ? NULL : "256 acknowledgements of this client are waited for already");
    }
    hub_buf_free(&args);
}

static void socket_emit_with_ack(void *ctx, struct hub_host_call *call) {
    const json_t *event = json_array_get(call->args, 1);
    if (!event_is_good(call, json_is_string(event) ? event : NULL,
                       "socket:emitWithAck(event, …): event is a text of 1 to 256 bytes"))
        return;
    int64_t timeout_ms = take_timeout(call);
    if (!timeout_ms || !binaries_are_few(call)) return;
    struct hub_namespace_conn *c = method_conn(ctx, call);
    if (c) ask_client(c, call, timeout_ms);
}

/* ---- rooms ---- */

static void socket_join(void *ctx, struct hub_host_call *call) {
    struct hub_err err = {0};
    struct hub_namespace_conn *c = method_conn(ctx, call);
    json_t *names = c ? room_names(call, 1, "socket:join(room, …): " ROOM_NAMES) : NULL;
    if (!names) return;
    for (size_t i = 0; c->member && !err.code && i < json_array_size(names); i++)
        HUB_UNUSED(hub_ns_join(c->member, hub_json_str(json_array_get(names, i)), &err), "ERR has it");
    json_decref(names);
    answer_call(call, err.code, err.text);
}

static void socket_leave(void *ctx, struct hub_host_call *call) {
    struct hub_namespace_conn *c = method_conn(ctx, call);
    json_t *names = c ? room_names(call, 1, "socket:leave(room, …): " ROOM_NAMES) : NULL;
    if (!names) return;
    for (size_t i = 0; c->member && i < json_array_size(names); i++)
        hub_ns_leave(c->member, hub_json_str(json_array_get(names, i)));
    json_decref(names);
    answer_call(call, HUB_OK, NULL);
}

static void socket_rooms(void *ctx, struct hub_host_call *call) {
    struct hub_namespace_conn *c = method_conn(ctx, call);
    if (c) answer_json(call, hub_ns_rooms(c->member));
}

/* ---- the rest of a socket ---- */

static void socket_handshake(void *ctx, struct hub_host_call *call) {
    struct hub_namespace_conn *c = method_conn(ctx, call);
    if (c) answer_json(call, json_incref(hub_ns_handshake(c)));
}

static void socket_disconnect(void *ctx, struct hub_host_call *call) {
    struct hub_namespace_conn *c = method_conn(ctx, call);
    if (!c) return;
    struct hub_str reason = hub_json_str(json_array_get(call->args, 1));
    if (reason.n && !c->reason) c->reason = hub_str_dup(reason);
    hub_socket_disconnect(c->socket, false);
    answer_call(call, HUB_OK, NULL);
}

/* ---- namespace:sockets ---- */

/* A page of members, by their number in the list that they are taken from. */
struct page {
    int64_t limit, after, last;
    json_t *items;
    bool more;
};

static void add_to_page(struct page *p, const struct hub_ns_member *m, uint64_t number) {
    if ((int64_t)number <= p->after || p->more || !m->conn) return;
    p->more = (int64_t)json_array_size(p->items) == p->limit;
    if (p->more) return;
    json_array_append(p->items, m->conn->about);
    p->last = (int64_t)number;
}

static void fill_page(struct page *p, const struct hub_ns *ns, struct hub_str room) {
    const struct hub_ns_room *r = room.n ? hub_map_get(&ns->rooms, room) : NULL;
    if (!room.n) {
        HUB_LIST_EACH(&ns->members, it) {
            const struct hub_ns_member *m = HUB_CONTAINER(it, struct hub_ns_member, link);
            add_to_page(p, m, m->number);
        }
    } else if (r) {
        HUB_LIST_EACH(&r->places, it) {
            const struct hub_ns_place *place = HUB_CONTAINER(it, struct hub_ns_place, in_room);
            add_to_page(p, place->member, place->number);
        }
    }
}

/* Answers at once, which scripting/host/socket.c counts on: sockets are made of the items. */
static void namespace_sockets(void *ctx, struct hub_host_call *call) {
    const json_t *room = json_array_get(call->args, 1), *options = json_array_get(call->args, 2);
    const struct hub_ns *ns = hub_ns_named(hub_ns_all(ctx), hub_json_str(json_array_get(call->args, 0)));
    struct page p = {.limit = hub_json_get_int(options, "limit", PAGE), .after = hub_json_get_int(options, "after", 0)};
    bool good = (hub_json_nil(room) || room_is_good(hub_json_str(room))) && p.limit >= 1 && p.limit <= PAGE_MAX;
    if (!good || !ns) {
        answer_call(call, good ? HUB_NOT_FOUND : HUB_BAD_REQUEST,
                    good ? "the namespace is gone"
                         : "namespace:sockets(room?, {limit, after}?): room is a text, limit is from 1 to 1000");
        return;
    }
    p.items = json_array();
    fill_page(&p, ns, hub_json_str(room));
    json_t *result = json_pack("{s:o}", "items", p.items);
    if (p.more) json_object_set_new(result, "next", json_integer(p.last));
    answer_json(call, result);
}

const struct hub_host_fn hub_ns_host_fns[] = {
    {"socket", "emit", socket_emit},
    {"socket", "castEmit", cast_emit},
    {"socket", "emitWithAck", socket_emit_with_ack},
    {"socket", "join", socket_join},
    {"socket", "leave", socket_leave},
    {"socket", "rooms", socket_rooms},
    {"socket", "handshake", socket_handshake},
    {"socket", "disconnect", socket_disconnect},
    {"socket", "sockets", namespace_sockets},
    {NULL, NULL, NULL},
};
