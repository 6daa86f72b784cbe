/* The Engine.IO session: its packets, queue, heartbeats, and its end. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "packet/eio.h"
#include "packet/ws.h"
#include "transport/transport_int.h"

static const char *const reason_names[HUB_CLOSE_REASON_COUNT] = {
    [HUB_CLOSE_TRANSPORT] = "transport close",  [HUB_CLOSE_ERROR] = "transport error",
    [HUB_CLOSE_PARSE] = "parse error",          [HUB_CLOSE_PING] = "ping timeout",
    [HUB_CLOSE_TOO_LARGE] = "too large",        [HUB_CLOSE_SLOW] = "slow_reader",
    [HUB_CLOSE_OVERLOADED] = "overloaded",      [HUB_CLOSE_CLIENT] = "client namespace disconnect",
    [HUB_CLOSE_SERVER] = "forced server close", [HUB_CLOSE_SHUTDOWN] = "server shutting down",
};

const char *hub_close_reason_name(enum hub_close_reason r) {
    return r < HUB_CLOSE_REASON_COUNT ? reason_names[r] : "unknown";
}

struct hub_str hub_eio_key(const void *eio) {
    return hub_cstr(((const struct hub_eio *)eio)->sid);
}
const char *hub_eio_sid(const struct hub_eio *e) { return e->sid; }
int64_t hub_eio_last_in(const struct hub_eio *e) { return e->last_in; }
int64_t hub_eio_latency(const struct hub_eio *e) { return e->latency; }
size_t hub_eio_queued(const struct hub_eio *e) { return e->q.bytes; }
bool hub_eio_is_websocket(const struct hub_eio *e) { return e->link != NULL; }

static struct hub_metric *count_of(const struct hub_eio *e) {
    return e->link ? &hub_metric_websocket : &hub_metric_polling;
}

/* ---- heartbeats: the server pings, the client answers in time ---- */

static struct hub_histogram round_trips =
    HUB_HISTOGRAM("hubd_heartbeat_round_trip_seconds", NULL, "From a ping to the client's pong, in whole milliseconds");

static void on_session_timer(struct hub_timer *timer);

/* Clients add up the two intervals, so a ping that left LATE does not shift the end. */
static void send_ping(struct hub_eio *e, int64_t late) {
    e->pinged = true;
    e->pinged_at = (uint32_t)hub_loop_now(e->t->loop);
    hub_outq_add(&e->q, e->t->ping, 0, e->t->ping->n, 0);
    hub_eio_due(e);
    hub_timer_await(e->t->loop, &e->timer, e->t->cfg.ping_timeout - late, on_session_timer);
}

void hub_eio_ping(struct hub_eio *e) {
    if (e->state == HUB_EIO_RUNNING && !e->pinged) send_ping(e, 0);
}

static void on_session_timer(struct hub_timer *timer) {
    struct hub_eio *e = HUB_CONTAINER(timer, struct hub_eio, timer);
    if (e->state == HUB_EIO_CLOSING) {
        hub_eio_gone(e, (enum hub_close_reason)e->reason);
        return;
    }
    if (e->pinged) {
        hub_eio_end(e, HUB_CLOSE_PING, 1000, "ping timeout", HUB_CLOSE_TIMEOUT);
        return;
    }
    int64_t late = hub_loop_now(e->t->loop) - timer->due, most = e->t->cfg.ping_timeout / 4;
    send_ping(e, late < most ? late : most); /* no more than that when this process slept */
}

bool hub_eio_is_overdue(const struct hub_eio *e) {
    return e->state == HUB_EIO_RUNNING && e->pinged && hub_timer_is_up(e->t->loop, &e->timer);
}

/* A client waits from ping to ping: a pong that was read late must not put off the next one. */
static void on_pong(struct hub_eio *e) {
    if (!e->pinged) return;
    e->pinged = false;
    uint32_t taken = (uint32_t)hub_loop_now(e->t->loop) - e->pinged_at;
    hub_timer_start(e->t->loop, &e->timer, e->t->cfg.ping_interval - taken, on_session_timer);
    e->latency = taken < INT32_MAX ? (int32_t)taken : INT32_MAX;
    hub_histogram_add(&round_trips, (uint64_t)taken * 1000000);
    if (e->t->ops->heartbeat) e->t->ops->heartbeat(e->client, e->latency);
}

/* ---- before and after sign-in ---- */

size_t hub_eio_max_in(const struct hub_eio *e) {
    size_t max = (size_t)e->t->cfg.max_payload;
    return e->signed_in || max < HUB_PENDING_BYTES ? max : HUB_PENDING_BYTES;
}

size_t hub_eio_max_queue(const struct hub_eio *e) {
    size_t max = e->t->cfg.max_queue_bytes;
    return e->signed_in || max < HUB_PENDING_BYTES ? max : HUB_PENDING_BYTES;
}

void hub_eio_signed_in(struct hub_eio *e) {
    e->signed_in = true;
    hub_pending_give(e->t, &e->pending, HUB_PENDING_SESSION);
}

void hub_eio_hold(struct hub_eio *e, size_t bytes) {
    if (e->state == HUB_EIO_RUNNING) hub_held_set(e->t, &e->held, HUB_HELD_MESSAGE, e, e->signed_in ? bytes : 0, true);
}

void hub_eio_overload(struct hub_eio *e) {
    hub_eio_end(e, HUB_CLOSE_OVERLOADED, 1013, "overloaded: try again", HUB_CLOSE_TIMEOUT);
}

/* ---- beginning ---- */

static void queue_open_packet(struct hub_eio *e, bool offer_websocket) {
    const struct hub_transport_config *cfg = &e->t->cfg;
    struct hub_buf b = {0};
    hub_eio_open(&b, e->sid, offer_websocket, cfg->ping_interval, cfg->ping_timeout, cfg->max_payload);
    struct hub_chunk *frame = hub_chunk_frame(HUB_WS_TEXT, hub_buf_str(&b));
    hub_outq_add(&e->q, frame, 0, frame->n, 0);
    hub_chunk_unref(frame);
    hub_buf_free(&b);
}

static void free_session(struct hub_eio *e) {
    hub_pending_give(e->t, &e->pending, HUB_PENDING_SESSION);
    hub_timer_stop(e->t->loop, &e->timer);
    hub_outq_clear(&e->q);
    hub_list_remove(&e->due);
    hub_list_remove(&e->ended);
    free(e);
}

struct hub_eio *hub_eio_new(struct hub_http_req *r, struct hub_link *websocket, struct hub_address *pending) {
    struct hub_transport *t = r->link->t;
    struct hub_eio *e = hub_xcalloc(1, sizeof *e);
    e->latency = -1;
    e->t = t;
    e->link = websocket;
    e->pending = pending;
    e->last_in = hub_loop_now(t->loop);
    hub_list_init(&e->due);
    hub_list_init(&e->ended);
    hub_sid(e->sid);
    if (t->cfg.group) hub_sid_set_mark(e->sid, t->cfg.place);
    hub_keyed_put(&t->eios, e);
    hub_timer_start(t->loop, &e->timer, t->cfg.ping_interval, on_session_timer);
    queue_open_packet(e, !websocket);
    const struct hub_handshake hs = {
        .peer = hub_http_peer(r),
        .authorization = hub_http_header(r, "authorization"),
        .cookie = hub_http_header(r, "cookie"),
        .query = hub_http_query(r),
        .origin = hub_http_header(r, "origin"),
        .user_agent = hub_http_header(r, "user-agent"),
        .secure = r->secure,
    };
    e->client = t->ops->open(t->ctx, e, &hs);
    if (!e->client) {
        hub_keyed_del(&t->eios, hub_cstr(e->sid));
        free_session(e);
        return NULL;
    }
    hub_metric_add(count_of(e), 1);
    return e;
}

/* ---- packets ---- */

static bool end_broken_session(struct hub_eio *e, const char *why) {
    hub_log_kv(HUB_LOG_INFO, "transport", "protocol error", "sid", e->sid, "reason", why, NULL);
    hub_eio_end(e, HUB_CLOSE_PARSE, 1002, why, HUB_CLOSE_TIMEOUT);
    return false;
}

static void on_close_packet(struct hub_eio *e) {
    if (e->link)
        hub_eio_end(e, HUB_CLOSE_CLIENT, 1000, "", HUB_CLOSE_TIMEOUT);
    else
        hub_eio_gone(e, HUB_CLOSE_CLIENT);
}

/* Bytes as text: in polling payloads, and in frames of clients with the option forceBase64. The Java
 * client breaks lines after 76 characters. */
static bool on_base64(struct hub_eio *e, struct hub_str text) {
    struct hub_buf bytes = {0};
    bool ok = hub_buf_add_unbase64_lenient(&bytes, text);
    if (ok) e->t->ops->message(e->client, hub_buf_str(&bytes), true);
    hub_buf_free(&bytes);
    return ok || end_broken_session(e, "malformed base64");
}

bool hub_eio_packet(struct hub_eio *e, struct hub_str payload, bool binary) {
    struct hub_eio_packet packet;
    e->last_in = hub_loop_now(e->t->loop);
    if (binary) {
        e->t->ops->message(e->client, payload, true);
        return e->state == HUB_EIO_RUNNING;
    }
    if (!hub_eio_parse(payload, &packet)) return end_broken_session(e, "malformed Engine.IO packet");
    switch (packet.type) {
    case HUB_EIO_MESSAGE: e->t->ops->message(e->client, packet.data, false); break;
    case HUB_EIO_PONG: on_pong(e); break;
    case HUB_EIO_CLOSE: on_close_packet(e); break;
    case HUB_EIO_PING: return end_broken_session(e, "invalid heartbeat direction");
    case HUB_EIO_OPEN:
    case HUB_EIO_UPGRADE:
    case HUB_EIO_NOOP: break;
    case HUB_EIO_BINARY:
        if (!on_base64(e, packet.data)) return false;
        break;
    }
    return e->state == HUB_EIO_RUNNING;
}

/* ---- the upgrade: ping probe, pong probe, the held GET comes back, upgrade ---- */

static void take_over(struct hub_link *c) {
    struct hub_eio *e = c->eio;
    hub_polling_release(e);
    hub_metric_add(&hub_metric_polling, -1);
    hub_metric_add(&hub_metric_websocket, 1);
    e->link = c;
    e->probe = NULL;
    e->upgrading = false;
    hub_list_remove(&e->due);
    hub_timer_stop(c->t->loop, &hub_link_edge(c)->timer);
    c->mode = HUB_LINK_WS;
    hub_link_due(c);
}

void hub_eio_probe_packet(struct hub_link *c, struct hub_str payload, bool binary) {
    struct hub_eio *e = c->eio;
    if (!binary && hub_str_is(payload, "2probe")) {
        struct hub_chunk *frame = hub_chunk_frame(HUB_WS_TEXT, HUB_STR("3probe"));
        hub_buf_add(&hub_link_edge(c)->out, frame->p, frame->n);
        hub_chunk_unref(frame);
        hub_link_due(c);
        e->upgrading = true;
        if (e->poll) hub_eio_due(e);
    } else if (!binary && hub_str_is(payload, "5") && e->upgrading && e->state == HUB_EIO_RUNNING) {
        take_over(c);
    } else {
        hub_link_finish(c, HUB_CLOSE_TIMEOUT); /* the session goes on polling */
    }
}

/* ---- sending ---- */

void hub_eio_due(struct hub_eio *e) {
    if (e->link)
        hub_link_due(e->link);
    else if (!hub_list_linked(&e->due))
        hub_list_push(&e->t->due_eios, &e->due);
}

static HUB_MUST struct hub_chunk *deflate_piece(struct hub_eio *e, struct hub_chunk *chunk, uint32_t *off,
                                                uint32_t *len) {
    uint32_t plain = *len;
    struct hub_chunk *deflated = hub_chunk_deflate(chunk, e->t->deflater, e->t->cfg.deflate_threshold, off, len);
    if (deflated != chunk) hub_metric_add(&hub_metric_saved, (int64_t)plain - *len);
    return deflated;
}

void hub_eio_send(struct hub_eio *e, struct hub_chunk *chunk, uint32_t off, uint32_t len, int flags) {
    if (e->state != HUB_EIO_RUNNING) return;
    if (e->link && e->link->deflate && !(flags & HUB_SEND_PLAIN)) chunk = deflate_piece(e, chunk, &off, &len);
    if (e->turn != e->t->turn) {
        e->turn = e->t->turn;
        e->waiting = e->q.bytes;
    }
    if (e->q.bytes + len > hub_eio_max_queue(e) && !hub_eio_make_room(e, len, flags)) return;
    hub_outq_add(&e->q, chunk, off, len, (uint32_t)flags);
    hub_eio_due(e);
}

/* ---- the end ---- */

/* The other connection of an unfinished upgrade is of no use any more. */
static void drop_probe(struct hub_eio *e) {
    struct hub_link *c = e->probe;
    if (!c) return;
    e->probe = NULL;
    e->upgrading = false;
    c->eio = NULL;
    hub_link_finish(c, HUB_CLOSE_TIMEOUT);
}

static void queue_close_frame(struct hub_eio *e, int code, const char *text) {
    struct hub_buf b = {0};
    hub_ws_close_payload(&b, code, text);
    struct hub_chunk *frame = hub_chunk_frame(HUB_WS_CLOSE, hub_buf_str(&b));
    hub_outq_add(&e->q, frame, 0, frame->n, 0);
    hub_chunk_unref(frame);
    hub_buf_free(&b);
}

static void tell_later(struct hub_eio *e) {
    if (!hub_list_linked(&e->ended)) hub_list_push(&e->t->ended, &e->ended);
    hub_transport_work(e->t);
}

/* What was sent to a client that did nothing wrong waits for its next GET; anybody else is forgotten at
 * once. */
static void end_polling(struct hub_eio *e, int64_t ms) {
    bool wait = e->reason == HUB_CLOSE_SERVER || e->reason == HUB_CLOSE_SHUTDOWN || e->reason == HUB_CLOSE_SLOW ||
                e->reason == HUB_CLOSE_OVERLOADED;
    if (!wait) {
        hub_polling_flush(e);
        hub_eio_gone(e, (enum hub_close_reason)e->reason);
        return;
    }
    hub_timer_await(e->t->loop, &e->timer, ms, on_session_timer);
    if (e->poll) hub_eio_due(e);
}

void hub_eio_end(struct hub_eio *e, enum hub_close_reason reason, int ws_code, const char *text, int64_t ms) {
    if (e->state != HUB_EIO_RUNNING) return;
    e->state = HUB_EIO_CLOSING;
    e->reason = (uint8_t)reason;
    hub_held_drop(&e->held); /* nothing follows; it is freed with the end of the turn */
    hub_timer_stop(e->t->loop, &e->timer);
    if (reason == HUB_CLOSE_SLOW) hub_outq_cut(&e->q);
    if (e->link) {
        queue_close_frame(e, ws_code, text);
        hub_link_finish(e->link, ms);
    } else {
        hub_outq_add(&e->q, e->t->close_packet, 0, e->t->close_packet->n, 0);
        end_polling(e, ms);
    }
    tell_later(e);
}

void hub_eio_close(struct hub_eio *e, enum hub_close_reason reason, int ws_code, const char *ws_reason) {
    hub_eio_end(e, reason, ws_code, ws_reason, HUB_CLOSE_TIMEOUT);
}

void hub_eio_gone(struct hub_eio *e, enum hub_close_reason reason) {
    if (e->state == HUB_EIO_GONE) return;
    if (e->state == HUB_EIO_RUNNING) e->reason = (uint8_t)reason;
    e->state = HUB_EIO_GONE;
    hub_held_drop(&e->held);
    hub_pending_give(e->t, &e->pending, HUB_PENDING_SESSION);
    hub_timer_stop(e->t->loop, &e->timer);
    hub_metric_add(count_of(e), -1);
    hub_keyed_del(&e->t->eios, hub_cstr(e->sid));
    drop_probe(e);
    hub_outq_clear(&e->q);
    hub_list_remove(&e->due);
    hub_polling_release(e);
    if (e->post) e->post->eio = NULL;
    e->post = NULL;
    e->link = NULL;
    tell_later(e);
}

void hub_eio_reap(struct hub_eio *e) {
    void *client = e->client;
    if (client) {
        const char *reason = reason_names[e->reason];
        e->client = NULL;
        /* What a well-behaved client does not cause is worth a line at the default level. */
        bool fault = e->reason == HUB_CLOSE_PARSE || e->reason == HUB_CLOSE_TOO_LARGE || e->reason == HUB_CLOSE_SLOW ||
                     e->reason == HUB_CLOSE_OVERLOADED;
        hub_log_kv(fault ? HUB_LOG_INFO : HUB_LOG_DEBUG, "transport", "session closed", "sid", e->sid, "reason", reason,
                   NULL);
        hub_metric_add(hub_metric_labelled("hubd_disconnects_total", "Sessions ended, by reason", HUB_COUNTER, "reason",
                                           hub_cstr(reason)),
                       1);
        e->t->ops->closed(client, (enum hub_close_reason)e->reason);
    }
    if (e->state == HUB_EIO_GONE) free_session(e);
}
