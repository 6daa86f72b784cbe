/* Clients and sockets: what a Socket.IO packet does to them, and how packets leave. */
#include "session/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json/json_event.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"
#include "packet/ws.h"
#include "session/ack_int.h"
#include "session/guest_int.h"
#include "session/handshake_int.h"

#define MAX_SOCKETS 50
#define MAX_NAME 256
#define MAX_JOINING 16          /* CONNECTs under way of a client that has joined nothing yet */
#define MAX_JOINING_BYTES 32768 /* what they hold together */
#define SCRATCH_KEEP 65536      /* a larger scratch buffer is given back after use */

struct hub_sessions {
    struct hub_loop *loop;
    struct hub_sessions_config config;
    const char *keep_cookie; /* hub_sessions_keep_cookie */
    struct hub_list clients;
    struct hub_map nsps;      /* name → struct nsp, while a socket uses it */
    struct hub_list all_nsps; /* and those whose name another server has now */
    struct hub_buf scratch;
};

struct nsp {
    struct hub_nsp pub;
    struct hub_sessions *sessions; /* NULL once they are gone */
    struct hub_list link;          /* in their all_nsps */
    bool replaced;                 /* another server has the name now */
    char name[];
};

/* A packet whose attachments are still to come. Kept as text: a tree could be many times as large. */
struct partial {
    enum hub_sio_type type;
    bool discard; /* there are too many: nothing is kept, they are only counted */
    int64_t id;
    uint32_t want, have;
    size_t nsp_n;
    struct hub_buf text;  /* namespace, then JSON */
    struct hub_buf bytes; /* attachments end to end */
    size_t ends[];        /* want of them */
};

/* What a client has while one of its sockets connects, and until a first one is connected. */
struct joining {
    struct hub_client *client;
    struct hub_timer timer;    /* until a first namespace is joined */
    struct hub_list abandoned; /* connecting.in_abandoned */
    size_t bytes;              /* of the sockets that connect */
    uint16_t n, abandoned_n;
};

struct hub_client {
    struct hub_eio *eio;
    struct hub_sessions *sessions;
    struct hub_list link;
    struct hub_list sockets;
    struct partial *partial;
    struct joining *joining; /* NULL: nothing connects */
    uint16_t socket_n;
    bool joined : 1;  /* a namespace: somebody is known behind it */
    bool closing : 1; /* the transport has been told or has told us; nothing comes in or goes out any more */
    bool greeted : 1; /* a CONNECT has come */
    bool told : 1;    /* an unknown namespace has been logged */
    /* behind it: struct hub_kept_handshake */
};

/* What a socket has until it is connected, or until what judges it has noticed its end. */
struct connecting {
    char *auth_text;                 /* a tree may be twenty times as large */
    json_t *auth;                    /* the same, once somebody has asked for it */
    size_t bytes;                    /* what it counts for among those that connect */
    struct hub_client *abandoned_by; /* closed while it connected, and what judges it has not noticed yet; or NULL */
    struct hub_list in_abandoned;
};

struct socket {
    struct hub_socket pub;
    struct hub_acks *acks;         /* made by the first emit that asks for one */
    struct connecting *connecting; /* NULL: it is connected */
};

static struct hub_metric sockets_gauge =
    HUB_METRIC(HUB_GAUGE, "hubd_sockets", NULL, "Sockets connected to a namespace");
static struct hub_metric connect_errors =
    HUB_METRIC(HUB_COUNTER, "hubd_connect_errors_total", NULL, "CONNECT packets refused");
static struct hub_metric bad_requests = HUB_METRIC(HUB_COUNTER, "hubd_bad_events_total", NULL,
                                                   "Events answered with bad_request because their JSON was refused");
#define PACKETS(TYPE) \
    HUB_METRIC(HUB_COUNTER, "hubd_packets_in_total", "type=\"" TYPE "\"", "Socket.IO packets received")
static struct hub_metric packets_in[] = {
    [HUB_SIO_CONNECT] = PACKETS("connect"),
    [HUB_SIO_DISCONNECT] = PACKETS("disconnect"),
    [HUB_SIO_EVENT] = PACKETS("event"),
    [HUB_SIO_ACK] = PACKETS("ack"),
    [HUB_SIO_CONNECT_ERROR] = PACKETS("connect_error"),
    [HUB_SIO_BINARY_EVENT] = PACKETS("binary_event"),
    [HUB_SIO_BINARY_ACK] = PACKETS("binary_ack"),
};

/* ---- sending ---- */

static struct hub_buf *scratch_of(struct hub_client *c) {
    hub_buf_clear(&c->sessions->scratch);
    return &c->sessions->scratch;
}

/* One text message and its attachments as one piece, so that they stay together. */
static HUB_MUST struct hub_chunk *make_frames(struct hub_str text, const struct hub_binaries *bins) {
    struct hub_chunk *chunk = hub_chunk_frame(HUB_WS_TEXT, text);
    for (size_t i = 0; bins && i < bins->n; i++) hub_chunk_add_frame(chunk, HUB_WS_BINARY, bins->items[i]);
    return chunk;
}

/* Sends what lies in the scratch buffer. */
static void send_scratch(struct hub_client *c, const struct hub_binaries *bins, int flags) {
    struct hub_buf *b = &c->sessions->scratch;
    struct hub_chunk *chunk = make_frames(hub_buf_str(b), bins);
    hub_eio_send(c->eio, chunk, 0, chunk->n, flags);
    hub_chunk_unref(chunk);
    if (b->cap > SCRATCH_KEEP) hub_buf_free(b);
}

/* ["event",ARGS] behind the packet's head; NAME is JSON. */
static void add_named(struct hub_buf *b, struct hub_str nsp, int64_t id, struct hub_str name, struct hub_str args,
                      const struct hub_binaries *bins) {
    uint32_t n = bins ? (uint32_t)bins->n : 0;
    hub_sio_head(b, n ? HUB_SIO_BINARY_EVENT : HUB_SIO_EVENT, n, nsp, id);
    hub_buf_addc(b, '[');
    hub_buf_adds(b, name);
    if (args.n) hub_buf_addc(b, ',');
    hub_buf_adds(b, args);
    hub_buf_addc(b, ']');
}

static void add_event(struct hub_buf *b, struct hub_str nsp, int64_t id, struct hub_str event, struct hub_str args,
                      const struct hub_binaries *bins) {
    struct hub_buf name = {0};
    hub_json_add_string(&name, event);
    add_named(b, nsp, id, hub_buf_str(&name), args, bins);
    hub_buf_free(&name);
}

struct hub_chunk *hub_nsp_event_chunk(const struct hub_nsp *nsp, struct hub_str name, struct hub_str args,
                                      const struct hub_binaries *bins) {
    struct hub_buf b = {0};
    add_named(&b, nsp->name, -1, name, args, bins);
    struct hub_chunk *chunk = make_frames(hub_buf_str(&b), bins);
    hub_buf_free(&b);
    return chunk;
}

static bool can_send(const struct hub_socket *s) { return s->state == HUB_SOCKET_OPEN && !s->client->closing; }

/* One packet for a guest, made by ADD_…. */
static void send_to_guest(struct hub_socket *s, struct hub_buf *b, const struct hub_binaries *bins, int flags) {
    struct hub_chunk *chunk = make_frames(hub_buf_str(b), bins);
    hub_guest_send(s, chunk, 0, chunk->n, flags);
    hub_chunk_unref(chunk);
    hub_buf_free(b);
}

static void emit_to_guest(struct hub_socket *s, struct hub_str event, struct hub_str args, int flags) {
    struct hub_buf b = {0};
    if (s->state != HUB_SOCKET_GUEST) return;
    hub_sio_event(&b, s->nsp->name, -1, event, args);
    send_to_guest(s, &b, NULL, flags);
}

void hub_socket_emit(struct hub_socket *s, struct hub_str event, struct hub_str args, int flags) {
    if (!can_send(s)) {
        emit_to_guest(s, event, args, flags);
        return;
    }
    hub_sio_event(scratch_of(s->client), s->nsp->name, -1, event, args);
    send_scratch(s->client, NULL, flags);
}

bool hub_socket_emit_with_ack(struct hub_socket *s, struct hub_str event, struct hub_str args,
                              const struct hub_binaries *bins, struct hub_pending_ack *p, int64_t timeout_ms,
                              hub_ack_cb *cb) {
    HUB_BUG_IF(p->of);
    if (!can_send(s)) return false;
    if (!hub_acks_add(&((struct socket *)s)->acks, s->client->sessions->loop, p, timeout_ms, cb)) return false;
    add_event(scratch_of(s->client), s->nsp->name, p->id, event, args, bins);
    send_scratch(s->client, bins, 0);
    return true;
}

static void add_ack(struct hub_buf *b, struct hub_str nsp, int64_t ack, struct hub_str args,
                    const struct hub_binaries *bins) {
    uint32_t n = bins ? (uint32_t)bins->n : 0;
    hub_sio_head(b, n ? HUB_SIO_BINARY_ACK : HUB_SIO_ACK, n, nsp, ack);
    hub_buf_addc(b, '[');
    hub_buf_adds(b, args);
    hub_buf_addc(b, ']');
}

static void ack_to_guest(struct hub_socket *s, int64_t ack, struct hub_str args, const struct hub_binaries *bins) {
    struct hub_buf b = {0};
    if (s->state != HUB_SOCKET_GUEST || ack < 0) return;
    add_ack(&b, s->nsp->name, ack, args, bins);
    send_to_guest(s, &b, bins, 0);
}

void hub_socket_ack(struct hub_socket *s, int64_t ack, struct hub_str args, const struct hub_binaries *bins) {
    if (ack < 0 || !can_send(s)) {
        ack_to_guest(s, ack, args, bins);
        return;
    }
    add_ack(scratch_of(s->client), s->nsp->name, ack, args, bins);
    send_scratch(s->client, bins, 0);
}

void hub_socket_send_chunk(struct hub_socket *s, struct hub_chunk *chunk, uint32_t off, uint32_t len, int flags) {
    if (can_send(s))
        hub_eio_send(s->client->eio, chunk, off, len, flags);
    else if (s->state == HUB_SOCKET_GUEST)
        hub_guest_send(s, chunk, off, len, flags);
}

static void send_connect_error(struct hub_client *c, struct hub_str nsp, const char *message,
                               struct hub_str data_json) {
    hub_metric_add(&connect_errors, 1);
    if (c->closing) return;
    struct hub_buf *b = scratch_of(c);
    hub_sio_head(b, HUB_SIO_CONNECT_ERROR, 0, nsp, -1);
    hub_buf_addz(b, "{\"message\":");
    hub_json_add_string(b, hub_cstr(message));
    if (data_json.n) hub_buf_addz(b, ",\"data\":"), hub_buf_adds(b, data_json);
    hub_buf_addc(b, '}');
    send_scratch(c, NULL, 0);
}

void hub_socket_fail(struct hub_socket *s, struct hub_str event, int64_t ack, enum hub_code code, const char *message) {
    struct hub_buf b = {0};
    const struct hub_str text = hub_cstr(message ? message : hub_code_text(code));
    if (ack >= 0) {
        hub_buf_addf(&b, "{\"ok\":false,\"error\":{\"code\":\"%s\",\"message\":", hub_code_name(code));
        hub_json_add_string(&b, text);
        hub_buf_addz(&b, "}}");
        hub_socket_ack(s, ack, hub_buf_str(&b), NULL);
    } else {
        hub_buf_addz(&b, "{\"error\":");
        hub_json_add_string(&b, text);
        hub_buf_addf(&b, ",\"code\":\"%s\",\"event\":", hub_code_name(code));
        hub_json_add_string(&b, event);
        hub_buf_addc(&b, '}');
        hub_socket_emit(s, HUB_STR("hub:error"), hub_buf_str(&b), 0);
    }
    hub_buf_free(&b);
}

/* ---- namespaces in use ---- */

static struct hub_nsp *nsp_get(struct hub_sessions *s, struct hub_str name, const struct hub_namespace_ops *ops,
                               void *owner) {
    struct nsp *n = hub_map_get(&s->nsps, name);
    if (n && n->pub.ops == ops && n->pub.owner == owner) return n->pub.refs++, &n->pub;
    n = hub_xmalloc(sizeof *n + name.n);
    memcpy(n->name, name.p, name.n);
    n->sessions = s;
    n->replaced = false;
    hub_list_push(&s->all_nsps, &n->link);
    n->pub = (struct hub_nsp){.refs = 1, .ops = ops, .owner = owner, .name = hub_str(n->name, name.n)};
    struct nsp *old = hub_map_put(&s->nsps, name, n); /* its server was replaced: it stays with the sockets it has */
    if (old) old->replaced = true;
    if (ops->used) ops->used(owner, 1);
    return &n->pub;
}

static void nsp_unref(struct hub_nsp *pub) {
    struct nsp *n = HUB_CONTAINER(pub, struct nsp, pub);
    if (--pub->refs) return;
    hub_list_remove(&n->link);
    if (n->sessions && !n->replaced) hub_map_del(&n->sessions->nsps, pub->name);
    if (n->sessions && pub->ops->used) pub->ops->used(pub->owner, -1);
    free(n);
}

/* ---- life of sockets and clients ---- */

static struct hub_kept_handshake *handshake_of(struct hub_client *c) { return (void *)(c + 1); }

static struct joining *joining_of(struct hub_client *c) {
    if (c->joining) return c->joining;
    c->joining = hub_xcalloc(1, sizeof *c->joining);
    c->joining->client = c;
    hub_list_init(&c->joining->abandoned);
    return c->joining;
}

/* Thousands of clients are connected for long. */
static void settle_joining(struct hub_client *c) {
    struct joining *j = c->joining;
    if (!j || !c->joined || j->n || j->abandoned_n) return;
    hub_timer_stop(c->sessions->loop, &j->timer);
    free(j);
    c->joining = NULL;
}

static HUB_MUST struct hub_socket *socket_new(struct hub_client *c, struct hub_nsp *nsp) {
    struct socket *s = hub_xcalloc(1, sizeof *s);
    s->connecting = hub_xcalloc(1, sizeof *s->connecting);
    s->pub = (struct hub_socket){.refs = 1, .state = HUB_SOCKET_CONNECTING, .client = c, .nsp = nsp};
    hub_sid(s->pub.sid);
    hub_list_push(&c->sockets, &s->pub.link);
    c->socket_n++;
    return &s->pub;
}

/* It connects no more. */
static void drop_auth(struct hub_socket *pub) {
    struct connecting *k = ((struct socket *)pub)->connecting;
    if (!k) return;
    json_decref(k->auth);
    free(k->auth_text);
    if (k->bytes && pub->client) pub->client->joining->bytes -= k->bytes, pub->client->joining->n--;
    k->auth = NULL;
    k->auth_text = NULL;
    k->bytes = 0;
}

json_t *hub_socket_auth(struct hub_socket *pub) {
    if (pub->guest) return NULL;
    struct connecting *k = ((struct socket *)pub)->connecting;
    if (k && !k->auth && k->auth_text) k->auth = hub_json_parse(hub_cstr(k->auth_text), NULL);
    return k ? k->auth : NULL;
}

/* Scripts may go on judging a CONNECT whose socket is closed. It counts as long as that lasts: otherwise a
 * client that connects and disconnects over and over could have any number of them run. */
static void abandon_connect(struct hub_client *c, struct connecting *k) {
    k->abandoned_by = c;
    hub_list_push(&joining_of(c)->abandoned, &k->in_abandoned);
    c->joining->abandoned_n++;
}

static void end_abandoned(struct connecting *k) {
    struct hub_client *c = k ? k->abandoned_by : NULL;
    if (!c) return;
    hub_list_remove(&k->in_abandoned);
    c->joining->abandoned_n--;
    k->abandoned_by = NULL;
    settle_joining(c);
}

void hub_socket_unref(struct hub_socket *s) {
    if (--s->refs) return;
    if (s->guest) {
        hub_guest_free(s);
        return;
    }
    nsp_unref(s->nsp);
    drop_auth(s);
    end_abandoned(((struct socket *)s)->connecting);
    free(((struct socket *)s)->connecting);
    hub_acks_free(((struct socket *)s)->acks);
    free(s);
}

/* Takes the socket out of its client, whose reference the caller drops. */
static void detach_socket(struct hub_socket *s) {
    if (s->state == HUB_SOCKET_OPEN) hub_metric_add(&sockets_gauge, -1);
    if (s->state == HUB_SOCKET_CONNECTING) abandon_connect(s->client, ((struct socket *)s)->connecting);
    s->state = HUB_SOCKET_CLOSED;
    drop_auth(s);
    hub_list_remove(&s->link);
    s->client->socket_n--;
    settle_joining(s->client);
    s->client = NULL;
}

static void close_socket(struct hub_socket *s, const char *reason) {
    detach_socket(s);
    hub_acks_disconnect(((struct socket *)s)->acks);
    s->nsp->ops->closed(s, reason);
    hub_socket_unref(s);
}

static void partial_free(struct partial *part) {
    if (!part) return;
    hub_buf_free(&part->text);
    hub_buf_free(&part->bytes);
    free(part);
}

static void drop_partial(struct hub_client *c) {
    partial_free(c->partial);
    c->partial = NULL;
}

static void hold_partial(struct hub_client *c) {
    const struct partial *p = c->partial;
    hub_eio_hold(c->eio, p ? sizeof *p + p->want * sizeof *p->ends + p->text.cap + p->bytes.cap : 0);
}

static void stop_connect_timer(struct hub_client *c) {
    if (c->joining) hub_timer_stop(c->sessions->loop, &c->joining->timer);
}

static void end_client(struct hub_client *c, enum hub_close_reason reason, int ws_code, const char *why) {
    if (c->closing) return;
    c->closing = true;
    stop_connect_timer(c);
    drop_partial(c);
    hub_log_kv(HUB_LOG_INFO, "session", "closing a connection", "reason", hub_close_reason_name(reason), "detail", why,
               "sid", hub_eio_sid(c->eio), NULL);
    hub_eio_close(c->eio, reason, ws_code, reason == HUB_CLOSE_SERVER ? "" : hub_close_reason_name(reason));
}

static void end_broken_client(struct hub_client *c, const char *why) { end_client(c, HUB_CLOSE_PARSE, 1002, why); }

static void on_connect_timeout(struct hub_timer *t) {
    end_client(HUB_CONTAINER(t, struct joining, timer)->client, HUB_CLOSE_SERVER, 1000,
               "no namespace was joined in time");
}

static void *on_open(void *ctx, struct hub_eio *eio, const struct hub_handshake *hs) {
    struct hub_sessions *s = ctx;
    struct hub_client *c = hub_handshake_keep(sizeof *c, hs, s->keep_cookie);
    c->eio = eio;
    c->sessions = s;
    hub_list_init(&c->sockets);
    hub_list_push(&s->clients, &c->link);
    hub_timer_await(s->loop, &joining_of(c)->timer, s->config.connect_timeout, on_connect_timeout);
    return c;
}

static void on_closed(void *client, enum hub_close_reason reason) {
    struct hub_client *c = client;
    c->closing = true;
    stop_connect_timer(c);
    while (!hub_list_empty(&c->sockets))
        close_socket(HUB_CONTAINER(c->sockets.next, struct hub_socket, link), hub_close_reason_name(reason));
    while (c->joining && !hub_list_empty(&c->joining->abandoned))
        end_abandoned(HUB_CONTAINER(c->joining->abandoned.next, struct connecting, in_abandoned));
    drop_partial(c);
    hub_list_remove(&c->link);
    free(c->joining);
    free(c);
}

void hub_socket_accept(struct hub_socket *s) { hub_socket_accept_with(s, hub_str(NULL, 0)); }

void hub_socket_accept_with(struct hub_socket *s, struct hub_str members) {
    if (s->state != HUB_SOCKET_CONNECTING) return;
    struct hub_client *c = s->client;
    s->state = HUB_SOCKET_OPEN;
    drop_auth(s);
    free(((struct socket *)s)->connecting);
    ((struct socket *)s)->connecting = NULL;
    hub_metric_add(&sockets_gauge, 1);
    stop_connect_timer(c);
    c->joined = true;
    settle_joining(c);
    if (c->closing) return; /* its closed callback is on the way */
    hub_eio_signed_in(c->eio);
    struct hub_buf *b = scratch_of(c);
    hub_sio_head(b, HUB_SIO_CONNECT, 0, s->nsp->name, -1);
    hub_buf_addz(b, "{\"sid\":\"");
    hub_buf_addz(b, s->sid);
    hub_buf_addc(b, '"');
    hub_buf_adds(b, members);
    hub_buf_addc(b, '}');
    send_scratch(c, NULL, 0);
}

void hub_socket_refuse(struct hub_socket *s, const char *message, struct hub_str data_json) {
    if (s->state != HUB_SOCKET_CONNECTING) return;
    send_connect_error(s->client, s->nsp->name, message, data_json);
    detach_socket(s);
    hub_socket_unref(s);
}

static void send_disconnect(struct hub_socket *s) {
    if (s->client->closing) return;
    hub_sio_head(scratch_of(s->client), HUB_SIO_DISCONNECT, 0, s->nsp->name, -1);
    send_scratch(s->client, NULL, 0);
}

void hub_socket_disconnect(struct hub_socket *s, bool close) {
    if (s->state == HUB_SOCKET_CLOSED) return;
    if (s->guest) {
        hub_guest_end(s, close ? HUB_GUEST_CLOSE : HUB_GUEST_DISCONNECT, HUB_CLOSE_SERVER, NULL);
        return;
    }
    struct hub_client *c = s->client;
    if (!close) {
        send_disconnect(s);
        close_socket(s, "server namespace disconnect");
        return;
    }
    while (!hub_list_empty(&c->sockets)) {
        struct hub_socket *next = HUB_CONTAINER(c->sockets.next, struct hub_socket, link);
        send_disconnect(next);
        close_socket(next, "server namespace disconnect");
    }
    end_client(c, HUB_CLOSE_SERVER, 1000, "disconnected by the server");
}

void hub_socket_drop(struct hub_socket *s, enum hub_close_reason reason, const char *detail) {
    if (s->state == HUB_SOCKET_CLOSED) return;
    if (s->guest) {
        hub_guest_end(s, HUB_GUEST_DROP, reason, detail);
        return;
    }
    struct hub_client *c = s->client;
    while (!hub_list_empty(&c->sockets))
        close_socket(HUB_CONTAINER(c->sockets.next, struct hub_socket, link), hub_close_reason_name(reason));
    end_client(c, reason, reason == HUB_CLOSE_PING ? 1000 : 1013, detail);
}

void hub_socket_ping(struct hub_socket *s) {
    if (s->client && !s->client->closing) hub_eio_ping(s->client->eio);
}

struct hub_handshake hub_socket_handshake(const struct hub_socket *s) {
    if (s->state == HUB_SOCKET_GUEST) return hub_guest_handshake(s);
    return s->client ? hub_handshake_kept(handshake_of(s->client)) : (struct hub_handshake){0};
}

const char *hub_socket_client_id(const struct hub_socket *s) { return s->client ? hub_eio_sid(s->client->eio) : NULL; }

size_t hub_socket_queued(const struct hub_socket *s) {
    return s->client && !s->client->closing ? hub_eio_queued(s->client->eio) : 0;
}
int64_t hub_socket_last_in(const struct hub_socket *s) {
    return s->client && !s->client->closing ? hub_eio_last_in(s->client->eio) : 0;
}

int64_t hub_socket_latency(const struct hub_socket *s) {
    return s->client && !s->client->closing ? hub_eio_latency(s->client->eio) : -1;
}

static void on_heartbeat(void *client, int64_t ms) {
    struct hub_client *c = client;
    HUB_LIST_EACH_SAFE(&c->sockets, it) {
        struct hub_socket *s = HUB_CONTAINER(it, struct hub_socket, link);
        if (s->state == HUB_SOCKET_OPEN && s->nsp->ops->heartbeat) s->nsp->ops->heartbeat(s, ms);
    }
}

/* ---- CONNECT ---- */

static struct hub_socket *find_socket(struct hub_client *c, struct hub_str nsp) {
    HUB_LIST_EACH(&c->sockets, it) {
        struct hub_socket *s = HUB_CONTAINER(it, struct hub_socket, link);
        if (hub_str_eq(s->nsp->name, nsp)) return s;
    }
    return NULL;
}

static bool name_ok(struct hub_str name) {
    if (name.n > MAX_NAME) return false;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] <= ' ' || name.p[i] == 0x7f) return false;
    return true;
}

/* One line per client: a stranger who tries many names must not fill the log. */
static void log_unknown(struct hub_client *c, struct hub_str name) {
    if (c->told) return;
    c->told = true;
    struct hub_buf known = {0};
    if (c->sessions->config.list) c->sessions->config.list(c->sessions->config.ctx, &known);
    char *text = hub_str_dup(name);
    hub_log_kv(HUB_LOG_WARN, "session", "a client asked for a namespace that is not there", "namespace", text, "known",
               known.n ? hub_buf_cstr(&known) : NULL, NULL);
    free(text);
    hub_buf_free(&known);
}

/* What the CONNECT makes us hold while it is judged: its data, and the credentials of the handshake that
 * may be copied for it. */
static size_t bytes_of(struct hub_client *c, const struct hub_sio_packet *p) {
    const struct hub_handshake h = hub_handshake_kept(handshake_of(c));
    return 1 + p->data.n + h.authorization.n + h.cookie.n + h.query.n;
}

static bool is_too_much(const struct hub_client *c, size_t bytes) {
    const struct joining *j = c->joining;
    int judged = j ? j->n + j->abandoned_n : 0;
    if (c->socket_n + (j ? j->abandoned_n : 0) >= MAX_SOCKETS) return true;
    if (c->joined || !judged) return false;
    return judged >= MAX_JOINING || j->bytes + bytes > MAX_JOINING_BYTES;
}

static void join_namespace(struct hub_client *c, const struct hub_sio_packet *p, struct hub_nsp *nsp, json_t *auth) {
    struct hub_socket *s = hub_socket_ref(socket_new(c, nsp));
    struct connecting *own = ((struct socket *)s)->connecting;
    struct joining *all = joining_of(c);
    own->bytes = bytes_of(c, p);
    all->bytes += own->bytes;
    all->n++;
    if (auth) own->auth_text = hub_str_dup(p->data);
    nsp->ops->connect(s, auth);
    hub_socket_unref(s);
}

static void on_connect(struct hub_client *c, const struct hub_sio_packet *p) {
    const struct hub_sessions_config *config = &c->sessions->config;
    const struct hub_namespace_ops *ops = NULL;
    void *owner = NULL;
    struct hub_err err;
    json_t *auth = NULL;
    c->greeted = true;
    if (find_socket(c, p->nsp)) {
        end_broken_client(c, "CONNECT to a namespace the client is in");
        return;
    }
    if (p->data.n && !(auth = hub_json_parse(p->data, &err))) {
        if (!hub_json_well_formed(p->data))
            end_broken_client(c, err.text);
        else
            send_connect_error(c, p->nsp, err.text, HUB_STR("{\"code\":\"bad_request\"}"));
        return;
    }
    if (!name_ok(p->nsp) || !config->find(config->ctx, hub_sio_nsp_path(p->nsp), &ops, &owner)) {
        log_unknown(c, p->nsp);
        send_connect_error(c, p->nsp, "Invalid namespace", HUB_STR(""));
    } else if (is_too_much(c, bytes_of(c, p))) {
        send_connect_error(c, p->nsp, "Too many namespaces", HUB_STR("{\"code\":\"overloaded\"}"));
    } else {
        join_namespace(c, p, nsp_get(c->sessions, p->nsp, ops, owner), auth);
    }
    json_decref(auth);
}

/* ---- events and acknowledgements ---- */

/* Marks in USED the places of attachments; false when one points beyond N or stands twice. Depth is
 * bounded by the parser. */
static bool mark_places(const json_t *v, uint32_t n, bool *used) {
    if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++)
            if (!mark_places(json_array_get(v, i), n, used)) return false;
        return true;
    }
    if (!json_is_object(v)) return true;
    if (json_is_true(hub_json_get(v, "_placeholder"))) {
        int64_t num = hub_json_get_int(v, "num", -1);
        if (num < 0 || num >= n || used[num]) return false;
        return used[num] = true;
    }
    json_t *o = (json_t *)(uintptr_t)v;
    for (void *it = json_object_iter(o); it; it = json_object_iter_next(o, it))
        if (!mark_places(json_object_iter_value(it), n, used)) return false;
    return true;
}

static bool places_ok(const json_t *args, const struct hub_binaries *bins) {
    bool used[HUB_SIO_MAX_ATTACHMENTS] = {false};
    if (!bins) return true;
    if (!mark_places(args, (uint32_t)bins->n, used)) return false;
    for (size_t i = 0; i < bins->n; i++)
        if (!used[i]) return false;
    return true;
}

bool hub_event_reserved(struct hub_str event) {
    static const char *const names[] = {"connect",       "connect_error", "disconnect",
                                        "disconnecting", "newListener",   "removeListener"};
    if (hub_str_starts(event, HUB_STR("hub:"))) return false; /* as nearly all are */
    for (size_t i = 0; i < HUB_NELEM(names); i++)
        if (hub_str_is(event, names[i])) return true;
    return false;
}

/* The text that an event's name stands for: a string, or a number as JSON writes it into B; {NULL, 0} for
 * anything else. */
static struct hub_str name_of(const json_t *name, struct hub_buf *b) {
    if (!json_is_number(name)) return hub_json_str(name);
    hub_json_add(b, name);
    return hub_buf_str(b);
}

/* The first element of a well-formed array, when that is a string or a number; else empty. */
static struct hub_str first_element(struct hub_str array) {
    size_t from = 1, to;
    while (from < array.n && strchr(" \t\r\n", array.p[from])) from++;
    if (from >= array.n) return hub_str(NULL, 0);
    if (array.p[from] != '"') {
        for (to = from; to < array.n && strchr("+-.0123456789eE", array.p[to]);) to++;
        return hub_str(array.p + from, to - from);
    }
    for (to = from + 1; to < array.n && array.p[to] != '"'; to++)
        if (array.p[to] == '\\') to++;
    return hub_str(array.p + from, to < array.n ? to + 1 - from : 0);
}

/* At most MAX_NAME bytes of UTF-8. */
static struct hub_str cut_name(struct hub_str s) {
    size_t n = s.n < MAX_NAME ? s.n : MAX_NAME;
    while (n < s.n && n && (s.p[n] & 0xc0) == 0x80) n--;
    return hub_str(s.p, n);
}

/* The event's name out of an array that was refused as a whole. One that has no value here (1e400, which
 * JavaScript reads as Infinity; half a surrogate pair) is a name all the same, told as it was written. */
static struct hub_str first_name(struct hub_str array, json_t **name, struct hub_buf *number) {
    struct hub_str text = first_element(array);
    if (!text.n) return text;
    *name = hub_json_parse(text, NULL);
    if (*name) return name_of(*name, number);
    return cut_name(text.p[0] == '"' ? hub_str(text.p + 1, text.n - 2) : text);
}

/* An event is refused: a bad request when it is JSON and has a name, else a broken protocol. */
static void on_refused_event(struct hub_client *c, struct hub_socket *s, const struct hub_sio_packet *p,
                             const char *text) {
    struct hub_buf number = {0};
    json_t *name = NULL;
    struct hub_str event = hub_str(NULL, 0);
    if (hub_json_well_formed(p->data)) event = first_name(p->data, &name, &number);
    if (!event.p || hub_event_reserved(event))
        end_broken_client(c, text);
    else
        hub_metric_add(&bad_requests, 1), hub_socket_fail(s, event, p->id, HUB_BAD_REQUEST, text);
    json_decref(name);
    hub_buf_free(&number);
}

static void on_event(struct hub_client *c, struct hub_socket *s, const struct hub_sio_packet *p,
                     const struct hub_binaries *bins) {
    struct hub_err err;
    struct hub_str event;
    json_t *args = hub_json_parse_event(p->data, &event, &err), *name = NULL;
    if (!args) {
        on_refused_event(c, s, p, err.text);
        return;
    }
    struct hub_buf number = {0};
    if (!event.p) {
        name = json_incref(json_array_get(args, 0)); /* NULL stays NULL */
        event = name_of(name, &number);
    }
    if (!event.p || hub_event_reserved(event)) {
        end_broken_client(c, "an event without a name, or with a reserved one");
    } else if (!places_ok(args, bins)) {
        end_broken_client(c, "placeholders do not fit the attachments");
    } else {
        if (name) json_array_remove(args, 0);
        s->event_is_number = json_is_number(name);
        s->event_bytes = (uint32_t)p->data.n;
        s->nsp->ops->event(s, event, args, bins, p->id);
        s->event_is_number = false;
    }
    json_decref(name);
    json_decref(args);
    hub_buf_free(&number);
}

/* An answer that breaks the protocol leaves the acknowledgement pending: it ends with the session. */
static void on_ack(struct hub_client *c, struct hub_socket *s, const struct hub_sio_packet *p,
                   const struct hub_binaries *bins) {
    struct hub_pending_ack *pending = hub_acks_find(((struct socket *)s)->acks, p->id);
    if (!pending) return;
    struct hub_err err;
    json_t *args = hub_json_parse(p->data, &err);
    if (!args && !hub_json_well_formed(p->data))
        end_broken_client(c, err.text);
    else if (args && !places_ok(args, bins))
        end_broken_client(c, "placeholders do not fit the attachments");
    else
        hub_acks_settle(pending, args ? HUB_ACK_RECEIVED : HUB_ACK_INVALID, args, args ? bins : NULL);
    json_decref(args);
}

/* ---- packets ---- */

static void dispatch_packet(struct hub_client *c, const struct hub_sio_packet *p, const struct hub_binaries *bins) {
    if (p->type == HUB_SIO_CONNECT) {
        on_connect(c, p);
        return;
    }
    if (!c->greeted || p->type == HUB_SIO_CONNECT_ERROR) {
        end_broken_client(c, c->greeted ? "CONNECT_ERROR is for servers" : "the first packet is no CONNECT");
        return;
    }
    struct hub_socket *s = find_socket(c, p->nsp);
    if (!s) return;
    if (p->type == HUB_SIO_DISCONNECT) {
        close_socket(s, "client namespace disconnect");
        return;
    }
    if (s->state != HUB_SOCKET_OPEN) return;
    hub_socket_ref(s);
    if (p->type == HUB_SIO_EVENT || p->type == HUB_SIO_BINARY_EVENT)
        on_event(c, s, p, bins);
    else
        on_ack(c, s, p, bins);
    hub_socket_unref(s);
}

static void begin_partial(struct hub_client *c, const struct hub_sio_packet *p) {
    struct partial *part = hub_xcalloc(1, sizeof *part + p->attachments * sizeof *part->ends);
    part->type = p->type;
    part->id = p->id;
    part->want = p->attachments;
    part->nsp_n = p->nsp.n;
    hub_buf_adds(&part->text, p->nsp);
    hub_buf_adds(&part->text, p->data);
    c->partial = part;
    hold_partial(c);
}

/* Answers an event whose attachments are too many, and lets them go by. */
static void begin_discard(struct hub_client *c, const struct hub_sio_packet *p) {
    struct partial *part = hub_xcalloc(1, sizeof *part);
    part->want = p->attachments;
    part->discard = true;
    c->partial = part;
    if (!c->greeted) {
        end_broken_client(c, "the first packet is no CONNECT");
        return;
    }
    struct hub_socket *s = find_socket(c, p->nsp);
    if (s && s->state == HUB_SOCKET_OPEN && p->type == HUB_SIO_BINARY_EVENT)
        on_refused_event(c, s, p, "an event carries at most 64 binary attachments");
}

static void finish_partial(struct hub_client *c) {
    struct partial *part = c->partial;
    struct hub_str items[HUB_SIO_MAX_ATTACHMENTS];
    for (uint32_t i = 0; i < part->want; i++) {
        size_t from = i ? part->ends[i - 1] : 0;
        items[i] = hub_str(part->bytes.p ? part->bytes.p + from : "", part->ends[i] - from);
    }
    struct hub_str text = hub_buf_str(&part->text);
    const struct hub_sio_packet p = {.type = part->type,
                                     .attachments = part->want,
                                     .nsp = hub_str(text.p, part->nsp_n),
                                     .id = part->id,
                                     .data = hub_str(text.p + part->nsp_n, text.n - part->nsp_n)};
    c->partial = NULL; /* what the callbacks do to the client must not free it */
    hold_partial(c);
    dispatch_packet(c, &p, &(struct hub_binaries){items, part->want});
    partial_free(part);
}

static void on_attachment(struct hub_client *c, struct hub_str bytes) {
    struct partial *part = c->partial;
    if (!part) {
        end_broken_client(c, "an attachment that was not announced");
        return;
    }
    if (part->discard) {
        if (++part->have == part->want) drop_partial(c);
        return;
    }
    size_t most = c->joined ? (size_t)c->sessions->config.max_payload : HUB_PENDING_BYTES;
    if (part->text.n + part->bytes.n + bytes.n > most) {
        end_client(c, HUB_CLOSE_TOO_LARGE, 1009, "attachments are larger than maxPayload together");
        return;
    }
    hub_buf_adds(&part->bytes, bytes);
    part->ends[part->have++] = part->bytes.n;
    if (part->have == part->want)
        finish_partial(c);
    else
        hold_partial(c);
}

static void on_message(void *client, struct hub_str payload, bool binary) {
    struct hub_client *c = client;
    struct hub_sio_packet p;
    if (c->closing) return;
    if (binary) {
        on_attachment(c, payload);
        return;
    }
    if (c->partial) {
        end_broken_client(c, "text while attachments are outstanding");
        return;
    }
    if (!hub_sio_parse(payload, &p)) {
        end_broken_client(c, "no Socket.IO packet");
        return;
    }
    hub_metric_add(&packets_in[p.type], 1);
    if (p.attachments > HUB_SIO_MAX_ATTACHMENTS)
        begin_discard(c, &p);
    else if (p.attachments)
        begin_partial(c, &p);
    else
        dispatch_packet(c, &p, NULL);
}

static void on_http(void *ctx, struct hub_http_req *req) {
    struct hub_sessions *s = ctx;
    s->config.http(s->config.ctx, req);
}

static void on_admit(void *ctx, struct hub_http_req *req) {
    struct hub_sessions *s = ctx;
    s->config.admit(s->config.ctx, req);
}

const struct hub_transport_ops hub_sessions_transport_ops = {.open = on_open,
                                                             .message = on_message,
                                                             .closed = on_closed,
                                                             .http = on_http,
                                                             .admit = on_admit,
                                                             .heartbeat = on_heartbeat};

/* ---- all of them ---- */

struct hub_sessions *hub_sessions_new(struct hub_loop *loop, const struct hub_sessions_config *config) {
    struct hub_sessions *s = hub_xcalloc(1, sizeof *s);
    s->loop = loop;
    s->config = *config;
    if (!s->config.connect_timeout) s->config.connect_timeout = 45000;
    if (!s->config.max_payload) s->config.max_payload = 1000000;
    hub_list_init(&s->clients);
    hub_list_init(&s->all_nsps);
    return s;
}

void hub_sessions_keep_cookie(struct hub_sessions *s, const char *name) { s->keep_cookie = name; }

void hub_sessions_delete(struct hub_sessions *s) {
    for (struct hub_list *it; (it = hub_list_pop(&s->all_nsps));) HUB_CONTAINER(it, struct nsp, link)->sessions = NULL;
    hub_map_clear(&s->nsps);
    hub_buf_free(&s->scratch);
    free(s);
}
