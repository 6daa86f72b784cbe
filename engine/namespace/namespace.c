/* Plain namespaces: the queue of each socket's handlers, rooms, and the methods of the socket object. */
#include "namespace/namespace.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#define MAX_QUEUE 1000
#define MAX_QUEUE_COST (4 << 20)
#define MAX_ALL_COST (64 << 20) /* of all queues; events of SMALL_COST wait all the same */
#define SMALL_COST (64 << 10)
#define MAX_ROOMS 1000 /* of one socket */
#define MAX_NAME 256
#define TOO_MANY_BINARIES "clients take at most 10 binary values in an event or an acknowledgement"

struct namespace {
    struct hub_namespaces *all;
    struct hub_list link;                /* in all->list */
    const struct hub_def_namespace *def; /* NULL: no longer defined */
    struct hub_list conns;
    struct hub_map rooms; /* name → room */
};

struct hub_namespaces {
    struct hub_namespaces_config config;
    struct hub_list list;
    struct hub_map conns; /* socket id → conn */
    size_t queue_cost;    /* of all queues */
    bool draining;
};

struct room {
    struct namespace *ns;
    struct hub_list places;
    char *name;
};

/* A socket in a room. */
struct place {
    struct hub_list in_room, in_conn;
    struct room *room;
    struct conn *conn;
};

enum item_kind { ITEM_CONNECT, ITEM_EVENT, ITEM_DISCONNECT };

/* A handler's turn that has not come yet. */
struct item {
    struct hub_list link;
    struct hub_hold hold; /* while it is queued */
    enum item_kind kind;
    size_t cost;
    int64_t ack;
    char *event;    /* the rest for ITEM_EVENT only */
    bool is_number; /* the event's name */
    json_t *args;
    struct hub_hook_bins bins; /* one allocation */
};

/* One accepted socket. Lives until it is closed and its last handler is done. */
struct conn {
    struct namespace *ns;
    struct hub_list link;      /* in ns->conns */
    struct hub_socket *socket; /* reference */
    struct hub_identity *who;  /* NULL without auth */
    struct hub_lease lease;
    json_t *about; /* what scripts see of it: {"id","userId","session","auth"} */
    struct hub_list places;
    size_t place_n;
    struct hub_list queue;
    size_t queue_n, queue_cost;
    struct hub_task again;
    char *reason; /* why it closed */
    int64_t ack;  /* of the running handler, or -1 */
    bool running; /* a handler */
    struct hub_hold handler;
    bool refreshing; /* a new token is being looked at */
    bool closed;
};

static struct hub_metric events_in =
    HUB_METRIC(HUB_COUNTER, "hubd_namespace_events_total", NULL, "Events received by plain namespaces");
static struct hub_metric failures =
    HUB_METRIC(HUB_COUNTER, "hubd_namespace_failures_total", NULL, "Handlers of plain namespaces that failed");
static struct hub_metric overloads =
    HUB_METRIC(HUB_COUNTER, "hubd_namespace_overloads_total", NULL, "Events refused because a socket's queue was full");

/* ---- rooms ---- */

static void place_free(struct place *p) {
    struct room *room = p->room;
    hub_list_remove(&p->in_room);
    hub_list_remove(&p->in_conn);
    p->conn->place_n--;
    free(p);
    if (!hub_list_empty(&room->places)) return;
    hub_map_del(&room->ns->rooms, hub_cstr(room->name));
    free(room->name);
    free(room);
}

static struct place *place_find(struct conn *c, struct hub_str name) {
    HUB_LIST_EACH(&c->places, it) {
        struct place *p = HUB_CONTAINER(it, struct place, in_conn);
        if (hub_str_is(name, p->room->name)) return p;
    }
    return NULL;
}

static void place_new(struct conn *c, struct hub_str name) {
    struct room *room = hub_map_get(&c->ns->rooms, name);
    if (!room) {
        room = hub_xcalloc(1, sizeof *room);
        room->ns = c->ns;
        room->name = hub_str_dup(name);
        hub_list_init(&room->places);
        hub_map_put(&c->ns->rooms, name, room);
    }
    struct place *p = hub_xcalloc(1, sizeof *p);
    p->room = room, p->conn = c;
    hub_list_push(&room->places, &p->in_room);
    hub_list_push(&c->places, &p->in_conn);
    c->place_n++;
}

/* ---- connections ---- */

static json_t *about(const struct hub_socket *s, const struct hub_identity *who, json_t *auth) {
    json_t *o = json_object();
    json_object_set_new(o, "id", json_string(s->sid));
    json_object_set_new(o, "userId", who ? json_string(who->user_id) : json_null());
    json_object_set_new(o, "session", who ? json_incref(who->session) : json_object());
    json_object_set_new(o, "auth", auth ? json_incref(auth) : json_object());
    return o;
}

static void run_again(struct hub_task *t);

static struct conn *conn_new(struct namespace *ns, struct hub_socket *s, struct hub_identity *who) {
    struct conn *c = hub_xcalloc(1, sizeof *c);
    c->ns = ns;
    c->socket = hub_socket_ref(s);
    c->who = who ? hub_identity_ref(who) : NULL;
    c->about = about(s, who, hub_socket_auth(s));
    c->again.run = run_again;
    c->ack = -1;
    hub_list_init(&c->places);
    hub_list_init(&c->queue);
    hub_list_push(&ns->conns, &c->link);
    hub_map_put(&ns->all->conns, hub_cstr(s->sid), c);
    s->user = c;
    return c;
}

static void item_free(struct item *i) {
    if (hub_held(&i->hold)) hub_unhold(&i->hold);
    free(i->event);
    json_decref(i->args);
    free(i->bins.items);
    free(i);
}

static void conn_free(struct conn *c) {
    struct hub_namespaces *n = c->ns->all;
    if (n->config.scripts) n->config.hooks->forget_socket(n->config.scripts, c->socket->sid);
    hub_map_del(&n->conns, hub_cstr(c->socket->sid));
    hub_list_remove(&c->link);
    hub_defer_cancel(&c->again);
    hub_identity_unref(c->who);
    json_decref(c->about);
    hub_socket_unref(c->socket);
    free(c->reason);
    free(c);
}

/* ---- running handlers ---- */

/* JSON texts of VALUES[FROM…] with commas between. */
static void add_values(struct hub_buf *b, const json_t *values, size_t from) {
    for (size_t i = from; i < json_array_size(values); i++) {
        if (i > from) hub_buf_addc(b, ',');
        hub_json_add(b, json_array_get(values, i));
    }
}

static void on_handled(void *arg, enum hub_code code, json_t *results, const struct hub_hook_bins *bins,
                       const char *error) {
    struct conn *c = arg;
    c->running = false;
    hub_unhold(&c->handler);
    if (code == HUB_OK && c->ack >= 0 && bins && bins->n > HUB_SIO_MAX_SENT)
        code = HUB_HANDLER_FAILED, error = TOO_MANY_BINARIES;
    if (code != HUB_OK) {
        hub_metric_add(&failures, 1);
        hub_log_kv(HUB_LOG_ERROR, "namespace", "a handler failed", "namespace", c->ns->def ? c->ns->def->path : NULL,
                   "code", hub_code_name(code), "error", error, NULL);
        if (c->ack >= 0) hub_socket_fail(c->socket, HUB_STR(""), c->ack, code, NULL);
    } else if (c->ack >= 0) {
        struct hub_buf b = {0};
        add_values(&b, results, 0);
        hub_socket_ack(c->socket, c->ack, hub_buf_str(&b), bins ? &(struct hub_binaries){bins->items, bins->n} : NULL);
        hub_buf_free(&b);
    }
    /* Not from here: the caller may be in the midst of resuming a script. */
    if (c->closed || c->queue_n) hub_defer(c->ns->all->config.loop, &c->again);
}

static const struct hub_script *event_script(const struct namespace *ns, struct hub_str event) {
    const struct hub_script *any = NULL;
    for (size_t i = 0; ns->def && i < ns->def->event_n; i++) {
        const struct hub_def_namespace_event *e = &ns->def->events[i];
        if (hub_str_is(event, e->name)) return &e->script;
        if (!strcmp(e->name, "*")) any = &e->script;
    }
    return any;
}

static void start(struct conn *c, const struct hub_script *script, json_t *args, const struct hub_hook_bins *bins,
                  const struct hub_hook_arg *extra, int64_t ack) {
    struct hub_namespaces *n = c->ns->all;
    if (!n->config.scripts || !script || script->kind == HUB_SCRIPT_NONE) return;
    json_t *none = args ? NULL : json_array();
    c->running = true;
    c->ack = ack;
    hub_hold(n->config.holds, &c->handler, "namespace handler");
    n->config.hooks->event(n->config.scripts, script, c->about, args ? args : none, bins && bins->n ? bins : NULL,
                           extra, extra ? 1 : 0, on_handled, c);
    json_decref(none);
}

static void start_event(struct conn *c, struct hub_str event, bool is_number, json_t *args,
                        const struct hub_hook_bins *bins, int64_t ack) {
    const struct hub_hook_arg extra = {"event", is_number ? hub_json_parse(event, NULL) : hub_json_string(event)};
    start(c, event_script(c->ns, event), args, bins, &extra, ack);
    json_decref(extra.value);
}

static void start_item(struct conn *c, struct item *i) {
    const struct hub_def_namespace *def = c->ns->def;
    if (!def) return;
    if (i->kind == ITEM_CONNECT) {
        start(c, &def->on_connect, NULL, NULL, NULL, -1);
    } else if (i->kind == ITEM_EVENT) {
        start_event(c, hub_cstr(i->event), i->is_number, i->args, &i->bins, i->ack);
    } else {
        const struct hub_hook_arg extra = {"reason", json_string(c->reason)};
        start(c, &def->on_disconnect, NULL, NULL, &extra, -1);
        json_decref(extra.value);
    }
}

/* One handler, then others have their turn. Frees the connection when that was the last it had to do. */
static void run_queue(struct conn *c) {
    if (c->running) return;
    if (c->queue_n) {
        struct item *i = HUB_CONTAINER(hub_list_pop(&c->queue), struct item, link);
        c->queue_n--;
        c->queue_cost -= i->cost;
        c->ns->all->queue_cost -= i->cost;
        hub_unhold(&i->hold);
        start_item(c, i);
        item_free(i);
    }
    if (c->running) return;
    if (c->queue_n)
        hub_defer(c->ns->all->config.loop, &c->again);
    else if (c->closed)
        conn_free(c);
}

static void run_again(struct hub_task *t) { run_queue(HUB_CONTAINER(t, struct conn, again)); }

/* ---- waiting events ---- */

static struct item *item_new(enum item_kind kind) {
    struct item *i = hub_xcalloc(1, sizeof *i);
    i->kind = kind;
    i->ack = -1;
    return i;
}

static void push(struct conn *c, struct item *i) {
    hub_list_push(&c->queue, &i->link);
    c->queue_n++;
    c->queue_cost += i->cost;
    c->ns->all->queue_cost += i->cost;
    hub_hold(c->ns->all->config.holds, &i->hold, "namespace event");
}

/* Attachments behind their table of views, in one allocation. */
static struct hub_hook_bins copy_bins(const struct hub_binaries *bins, size_t *bytes) {
    *bytes = 0;
    for (size_t i = 0; bins && i < bins->n; i++) *bytes += bins->items[i].n;
    if (!bins || !bins->n) return (struct hub_hook_bins){NULL, 0};
    struct hub_str *items = hub_xmalloc(bins->n * sizeof *items + *bytes);
    char *at = (char *)(items + bins->n);
    for (size_t i = 0; i < bins->n; i++) {
        if (bins->items[i].n) memcpy(at, bins->items[i].p, bins->items[i].n);
        items[i] = hub_str(at, bins->items[i].n);
        at += bins->items[i].n;
    }
    return (struct hub_hook_bins){items, bins->n};
}

static bool has_room(const struct conn *c, size_t cost) {
    if (c->queue_n >= MAX_QUEUE || (c->queue_n && c->queue_cost + cost > MAX_QUEUE_COST)) return false;
    return cost <= SMALL_COST || c->ns->all->queue_cost + cost <= MAX_ALL_COST;
}

static void push_event(struct conn *c, struct hub_str event, json_t *args, const struct hub_binaries *bins,
                       int64_t ack) {
    struct item *i = item_new(ITEM_EVENT);
    size_t bytes;
    i->event = hub_str_dup(event);
    i->is_number = c->socket->event_is_number;
    i->args = json_incref(args);
    i->bins = copy_bins(bins, &bytes);
    i->ack = ack;
    i->cost = sizeof *i + event.n + bytes + hub_json_cost(args);
    if (!has_room(c, i->cost)) {
        hub_metric_add(&overloads, 1);
        hub_socket_fail(c->socket, event, ack, HUB_OVERLOADED,
                        "too many events wait for this connection's handlers; send more slowly");
        item_free(i);
        return;
    }
    push(c, i);
}

/* ---- hub:refreshToken ---- */

struct refresh {
    struct hub_socket *socket; /* reference */
    int64_t ack;
};

static void on_refreshed(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct refresh *r = arg;
    struct conn *c = r->socket->user;
    if (c) c->refreshing = false;
    if (c && code == HUB_OK) {
        hub_identity_unref(c->who);
        c->who = hub_identity_ref(who);
        json_object_set(c->about, "session", who->session);
        hub_lease_set(&c->lease, c->ns->all->config.loop, c->socket, who);
        hub_socket_ack(c->socket, r->ack, HUB_STR("{\"ok\":true}"), NULL);
    } else if (c) {
        hub_socket_fail(c->socket, HUB_STR("hub:refreshToken"), r->ack, code, reason);
    }
    hub_socket_unref(r->socket);
    free(r);
}

static void refresh_token(struct conn *c, const json_t *args, int64_t ack) {
    struct hub_str token = hub_json_get_str(json_array_get(args, 0), "token");
    if (!token.n) {
        hub_socket_fail(c->socket, HUB_STR("hub:refreshToken"), ack, HUB_BAD_REQUEST,
                        "token: expected the new token as text");
        return;
    }
    if (c->refreshing) {
        hub_socket_fail(c->socket, HUB_STR("hub:refreshToken"), ack, HUB_OVERLOADED,
                        "the token before this one is still being looked at");
        return;
    }
    c->refreshing = true;
    struct refresh *r = hub_xmalloc(sizeof *r);
    *r = (struct refresh){hub_socket_ref(c->socket), ack};
    hub_identity_refresh(c->ns->all->config.identity, c->who, token, on_refreshed, r);
}

/* ---- what the session layer calls ---- */

static void admit(struct hub_socket *s, struct hub_identity *who) {
    struct namespace *ns = s->nsp->owner;
    if (!ns->def) {
        hub_socket_refuse(s, "Invalid namespace", HUB_STR(""));
        return;
    }
    struct conn *c = conn_new(ns, s, who);
    if (who) hub_lease_set(&c->lease, ns->all->config.loop, s, who);
    hub_socket_accept(s);
    if (ns->def->on_connect.kind == HUB_SCRIPT_NONE) return;
    push(c, item_new(ITEM_CONNECT));
    run_queue(c);
}

static void on_admitted(void *arg, struct hub_identity *who) { admit(arg, who); }

static void on_connect(struct hub_socket *s, json_t *auth) {
    struct namespace *ns = s->nsp->owner;
    if (ns->all->draining)
        hub_socket_refuse(s, hub_code_text(HUB_SHUTTING_DOWN), HUB_STR("{\"code\":\"shutting_down\"}"));
    else if (ns->def && ns->def->auth)
        hub_identity_admit(ns->all->config.identity, s, auth, on_admitted, s);
    else
        admit(s, NULL);
}

static void on_event(struct hub_socket *s, struct hub_str event, json_t *args, const struct hub_binaries *bins,
                     int64_t ack) {
    struct conn *c = s->user;
    hub_metric_add(&events_in, 1);
    if (c->who && hub_str_is(event, "hub:refreshToken")) {
        refresh_token(c, args, ack);
    } else if (!event_script(c->ns, event)) {
        if (ack >= 0)
            hub_socket_fail(s, event, ack, HUB_UNKNOWN_EVENT, NULL); /* Socket.IO drops what nobody listens to */
    } else if (c->running || c->queue_n) {
        push_event(c, event, args, bins, ack);
    } else {
        start_event(c, event, s->event_is_number, args, bins ? &(struct hub_hook_bins){bins->items, bins->n} : NULL,
                    ack);
    }
}

static void on_closed(struct hub_socket *s, const char *reason) {
    struct conn *c = s->user;
    if (!c) return; /* never admitted */
    s->user = NULL;
    c->closed = true;
    if (!c->reason) c->reason = hub_xstrdup(reason);
    hub_lease_stop(&c->lease);
    while (!hub_list_empty(&c->places)) place_free(HUB_CONTAINER(c->places.next, struct place, in_conn));
    if (c->ns->def && c->ns->def->on_disconnect.kind != HUB_SCRIPT_NONE) push(c, item_new(ITEM_DISCONNECT));
    hub_defer(c->ns->all->config.loop, &c->again); /* not now: a handler may be on the stack */
}

static const struct hub_namespace_ops namespace_ops = {.connect = on_connect, .event = on_event, .closed = on_closed};

/* ---- methods of the socket object ---- */

static bool reply(struct hub_host_call *call, enum hub_code code, const char *text) {
    call->done(call, code, NULL, text);
    return code == HUB_OK;
}

/* The socket a method was called on; NULL: answered. ROOM, when it is asked for, is the first argument. */
static struct conn *method(void *ctx, struct hub_host_call *call, struct hub_str *room, const char *usage) {
    struct hub_namespaces *all = ctx;
    struct conn *c = hub_map_get(&all->conns, hub_json_str(json_array_get(call->args, 0)));
    if (room) {
        *room = hub_json_str(json_array_get(call->args, 1));
        if (!room->n || room->n > MAX_NAME) return reply(call, HUB_BAD_REQUEST, usage), NULL;
    }
    if (!c) reply(call, HUB_NOT_FOUND, "the socket is gone");
    return c;
}

/* An event on its way to several sockets: encoded once per namespace name, of which there are one or two
 * (basePath). */
struct message {
    struct hub_buf name, args; /* JSON */
    const struct hub_binaries *bins;
    const struct hub_nsp *nsp[2];
    struct hub_chunk *chunk[2];
};

static void message_to(struct message *m, struct hub_socket *s) {
    size_t i = m->nsp[0] && m->nsp[0] != s->nsp;
    if (m->nsp[i] != s->nsp) {
        hub_chunk_unref(m->chunk[i]);
        m->nsp[i] = s->nsp;
        m->chunk[i] = hub_nsp_event_chunk(s->nsp, hub_buf_str(&m->name), hub_buf_str(&m->args), m->bins);
    }
    hub_socket_send_chunk(s, m->chunk[i], 0, m->chunk[i]->n, 0);
}

/* An event's name: a text, or a number as Socket.IO allows it. False: answered. */
static bool name_is_good(struct hub_host_call *call, const json_t *name, const char *usage) {
    struct hub_str text = hub_json_str(name);
    if (json_is_number(name)) return true;
    if (!text.n || text.n > MAX_NAME) return reply(call, HUB_BAD_REQUEST, usage);
    return !hub_event_reserved(text) || reply(call, HUB_BAD_REQUEST, "that event name is reserved by Socket.IO");
}

/* Sends the event whose name is the argument AT to FROM itself, or to everybody but FROM in ROOM, or in
 * the whole namespace when ROOM is NULL. */
static void send_event(struct hub_host_call *call, struct conn *from, size_t at, bool to_self,
                       const struct room *room) {
    const struct hub_binaries bins = {call->bins ? call->bins->items : NULL, call->bins ? call->bins->n : 0};
    if (bins.n > HUB_SIO_MAX_SENT) {
        reply(call, HUB_BAD_REQUEST, TOO_MANY_BINARIES);
        return;
    }
    struct message m = {.bins = &bins};
    hub_json_add(&m.name, json_array_get(call->args, at));
    add_values(&m.args, call->args, at + 1);
    if (to_self) {
        message_to(&m, from->socket);
    } else if (room) {
        HUB_LIST_EACH(&room->places, it) {
            struct conn *c = HUB_CONTAINER(it, struct place, in_room)->conn;
            if (c != from) message_to(&m, c->socket);
        }
    } else {
        HUB_LIST_EACH(&from->ns->conns, it) {
            struct conn *c = HUB_CONTAINER(it, struct conn, link);
            if (c != from) message_to(&m, c->socket);
        }
    }
    hub_chunk_unref(m.chunk[0]);
    hub_chunk_unref(m.chunk[1]);
    hub_buf_free(&m.name);
    hub_buf_free(&m.args);
    reply(call, HUB_OK, NULL);
}

#define AN_EVENT "event is a text of 1 to 256 bytes, or a number"

static void socket_emit(void *ctx, struct hub_host_call *call) {
    if (!name_is_good(call, json_array_get(call->args, 1), "socket:emit(event, …): " AN_EVENT)) return;
    struct conn *c = method(ctx, call, NULL, NULL);
    if (c) send_event(call, c, 1, true, NULL);
}

static void socket_broadcast(void *ctx, struct hub_host_call *call) {
    if (!name_is_good(call, json_array_get(call->args, 1), "socket.broadcast:emit(event, …): " AN_EVENT)) return;
    struct conn *c = method(ctx, call, NULL, NULL);
    if (c) send_event(call, c, 1, false, NULL);
}

static void socket_to(void *ctx, struct hub_host_call *call) {
    struct hub_str name;
    if (!name_is_good(call, json_array_get(call->args, 2), "socket:to(room):emit(event, …): " AN_EVENT)) return;
    struct conn *c = method(ctx, call, &name, "socket:to(room):emit(event, …): room is a text of 1 to 256 bytes");
    if (!c) return;
    const struct room *room = hub_map_get(&c->ns->rooms, name);
    if (room)
        send_event(call, c, 2, false, room);
    else
        reply(call, HUB_OK, NULL);
}

static void socket_join(void *ctx, struct hub_host_call *call) {
    struct hub_str name;
    struct conn *c = method(ctx, call, &name, "socket:join(room): room is a text of 1 to 256 bytes");
    if (!c) return;
    if (memchr(name.p, 0, name.n)) {
        reply(call, HUB_BAD_REQUEST, "socket:join(room): room holds a NUL");
    } else if (c->closed || place_find(c, name)) {
        reply(call, HUB_OK, NULL);
    } else if (c->place_n >= MAX_ROOMS) {
        reply(call, HUB_TOO_MANY_ROOMS, "a socket may be in 1000 rooms at most");
    } else {
        place_new(c, name);
        reply(call, HUB_OK, NULL);
    }
}

static void socket_leave(void *ctx, struct hub_host_call *call) {
    struct hub_str name;
    struct conn *c = method(ctx, call, &name, "socket:leave(room): room is a text of 1 to 256 bytes");
    if (!c) return;
    struct place *p = place_find(c, name);
    if (p) place_free(p);
    reply(call, HUB_OK, NULL);
}

static void socket_disconnect(void *ctx, struct hub_host_call *call) {
    struct conn *c = method(ctx, call, NULL, NULL);
    if (!c) return;
    struct hub_str reason = hub_json_str(json_array_get(call->args, 1));
    if (reason.n && !c->reason) c->reason = hub_str_dup(reason);
    hub_socket_disconnect(c->socket, false);
    reply(call, HUB_OK, NULL);
}

const struct hub_host_fn hub_namespaces_host_fns[] = {
    {"socket", "emit", socket_emit},
    {"socket", "broadcastEmit", socket_broadcast},
    {"socket", "toEmit", socket_to},
    {"socket", "join", socket_join},
    {"socket", "leave", socket_leave},
    {"socket", "disconnect", socket_disconnect},
    {NULL, NULL, NULL},
};

/* ---- all of them ---- */

static struct namespace *by_path(const struct hub_namespaces *n, struct hub_str path) {
    HUB_LIST_EACH(&n->list, it) {
        struct namespace *ns = HUB_CONTAINER(it, struct namespace, link);
        if (ns->def && hub_str_is(path, ns->def->path)) return ns;
    }
    return NULL;
}

static void disconnect_all(struct namespace *ns) {
    struct hub_list closing;
    hub_list_init(&closing);
    hub_list_splice(
        &closing,
        &ns->conns); /* closing may add nothing to NS, but frees nothing either: conns wait for their last turn */
    while (!hub_list_empty(&closing)) {
        struct conn *c = HUB_CONTAINER(hub_list_pop(&closing), struct conn, link);
        hub_list_push(&ns->conns, &c->link);
        hub_socket_disconnect(c->socket, false);
    }
}

/* Those who would not be admitted any more. */
static void end_strangers(struct namespace *ns) {
    const struct hub_identity_ctx *identity = ns->all->config.identity;
    HUB_LIST_EACH_SAFE(&ns->conns, it) {
        struct conn *c = HUB_CONTAINER(it, struct conn, link);
        bool stands = c->who ? hub_identity_stands(identity, c->who) : !ns->def->auth;
        if (!c->closed && !stands) hub_identity_end_socket(c->socket, c->who);
    }
}

void hub_namespaces_configure(struct hub_namespaces *n, const struct hub_namespaces_config *config) {
    const struct hub_service *service = config->service;
    struct hub_list old;
    hub_list_init(&old);
    hub_list_splice(&old, &n->list);
    for (size_t i = 0; i < service->namespace_n; i++) {
        struct namespace *ns = NULL;
        HUB_LIST_EACH(&old, it) {
            struct namespace *o = HUB_CONTAINER(it, struct namespace, link);
            if (o->def && !strcmp(o->def->path, service->namespaces[i].path)) ns = o;
        }
        if (ns) {
            hub_list_remove(&ns->link);
        } else {
            ns = hub_xcalloc(1, sizeof *ns);
            ns->all = n;
            hub_list_init(&ns->conns);
        }
        ns->def = &service->namespaces[i];
        hub_list_push(&n->list, &ns->link);
    }
    n->config = *config;
    HUB_LIST_EACH(&n->list, it) end_strangers(HUB_CONTAINER(it, struct namespace, link));
    HUB_LIST_EACH(&old, it) { HUB_CONTAINER(it, struct namespace, link)->def = NULL; }
    HUB_LIST_EACH(&old, it) { disconnect_all(HUB_CONTAINER(it, struct namespace, link)); }
    hub_list_splice(&n->list, &old); /* sockets that still connect refer to them */
}

struct hub_namespaces *hub_namespaces_new(const struct hub_namespaces_config *config) {
    struct hub_namespaces *n = hub_xcalloc(1, sizeof *n);
    hub_list_init(&n->list);
    hub_namespaces_configure(n, config);
    return n;
}

void hub_namespaces_set_scripts(struct hub_namespaces *n, struct hub_scripts *scripts) { n->config.scripts = scripts; }

void hub_namespaces_delete(struct hub_namespaces *n) {
    for (struct hub_list *it; (it = hub_list_pop(&n->list));) {
        struct namespace *ns = HUB_CONTAINER(it, struct namespace, link);
        while (!hub_list_empty(&ns->conns)) {
            struct conn *c = HUB_CONTAINER(ns->conns.next, struct conn, link);
            for (struct hub_list *i; (i = hub_list_pop(&c->queue));) item_free(HUB_CONTAINER(i, struct item, link));
            conn_free(c);
        }
        hub_map_clear(&ns->rooms);
        free(ns);
    }
    hub_map_clear(&n->conns);
    free(n);
}

bool hub_namespaces_find(struct hub_namespaces *n, struct hub_str name, const struct hub_namespace_ops **ops,
                         void **owner) {
    struct hub_str base = hub_cstr(n->config.service->base_path);
    struct namespace *ns = by_path(n, name);
    if (!ns && base.n && hub_str_starts(name, base))
        ns = by_path(n, name.n == base.n ? HUB_STR("/") : hub_str(name.p + base.n, name.n - base.n));
    *ops = &namespace_ops;
    *owner = ns;
    return ns != NULL;
}

void hub_namespaces_list(const struct hub_namespaces *n, struct hub_buf *out) {
    HUB_LIST_EACH(&n->list, it) {
        const struct namespace *ns = HUB_CONTAINER(it, struct namespace, link);
        if (!ns->def) continue;
        if (out->n) hub_buf_addz(out, ", ");
        hub_buf_addz(out, ns->def->path);
    }
}

void hub_namespaces_drain(struct hub_namespaces *n) { n->draining = true; }
