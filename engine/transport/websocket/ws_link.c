/* WebSocket on a connection: the opening handshake, and what arrives afterwards. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "packet/ws.h"
#include "transport/transport_int.h"

#define MAX_BEHIND 256      /* queued pieces beyond which pings stay unanswered */
#define MAX_PROBE_OUT 16384 /* unsent pongs a connection without a session may pile up */

static bool key_is_valid(struct hub_str key) {
    struct hub_buf b = {0};
    bool ok = key.n == 24 && hub_buf_add_unbase64(&b, key) && b.n == 16;
    hub_buf_free(&b);
    return ok;
}

/* The first subprotocol that the client offers: like the server that stock clients know, this one takes
 * it, and a browser that offered some fails when none is taken. False when the offer is no list of tokens. */
static bool first_protocol(const struct hub_http_req *r, struct hub_str *first) {
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
    struct hub_str rest = hub_http_header(r, "sec-websocket-protocol"), piece;
    *first = hub_str(NULL, 0);
    if (!hub_http_has(r, "sec-websocket-protocol")) return true;
    while (hub_str_split(&rest, ',', &piece)) {
        piece = hub_str_trim(piece);
        for (size_t i = 0; i < piece.n; i++)
            if (!memchr(token, piece.p[i], sizeof token - 1)) return false;
        if (!piece.n) return false;
        if (!first->n) *first = piece;
    }
    return first->n > 0;
}

/* Of several such headers the first counts: offers may be passed over. */
static bool agree_on_deflate(const struct hub_http_req *r, struct hub_buf *head) {
    struct hub_buf answer = {0};
    bool agreed = r->link->t->cfg.deflate_websocket &&
                  hub_ws_accept_deflate(hub_http_header(r, "sec-websocket-extensions"), &answer);
    if (agreed) hub_buf_addf(head, "Sec-WebSocket-Extensions: %.*s\r\n", HUB_FMT(hub_buf_str(&answer)));
    hub_buf_free(&answer);
    return agreed;
}

bool hub_ws_check(struct hub_http_req *r) {
    struct hub_str protocol;
    const char *why = NULL;
    int status = 400;
    if (!hub_str_is(hub_http_header(r, "sec-websocket-version"), "13"))
        why = "Only version 13 of the WebSocket protocol is supported", status = 426;
    else if (!key_is_valid(hub_http_header(r, "sec-websocket-key")))
        why = "Sec-WebSocket-Key must be 16 bytes in base64";
    else if (!first_protocol(r, &protocol))
        why = "Sec-WebSocket-Protocol must be a list of tokens";
    if (!why) return true;
    hub_log_kv(HUB_LOG_INFO, "transport", "WebSocket refused", "reason", why, "peer", r->peer, NULL);
    hub_http_fail(r, status, why);
    return false;
}

static void on_probe_timeout(struct hub_timer *timer) {
    hub_link_kill(HUB_CONTAINER(timer, struct hub_link_edge, timer)->link, HUB_CLOSE_TRANSPORT);
}

void hub_ws_upgrade(struct hub_http_req *r, struct hub_eio *e, bool probe) {
    struct hub_link *c = r->link;
    struct hub_link_edge *edge = hub_link_edge(c);
    char accept[29];
    struct hub_str protocol;
    hub_ws_accept(hub_http_header(r, "sec-websocket-key"), accept);
    hub_buf_addz(&edge->out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: ");
    hub_buf_addz(&edge->out, accept), hub_buf_addz(&edge->out, "\r\n");
    if (first_protocol(r, &protocol) && protocol.n)
        hub_buf_addf(&edge->out, "Sec-WebSocket-Protocol: %.*s\r\n", HUB_FMT(protocol));
    c->deflate = agree_on_deflate(r, &edge->out);
    hub_buf_addz(&edge->out, "\r\n");
    c->req = NULL;
    c->answering = false;
    hub_http_req_free(r);
    hub_link_leave_home(c);
    c->eio = e;
    c->mode = probe ? HUB_LINK_PROBE : HUB_LINK_WS;
    if (e && probe)
        e->probe = c;
    else if (e)
        e->link = c;
    if (probe)
        hub_timer_await(c->t->loop, &edge->timer, HUB_UPGRADE_TIMEOUT, on_probe_timeout);
    else if (!c->finish)
        hub_timer_stop(c->t->loop, &edge->timer);
    hub_link_due(c);
}

/* A control frame of ours: behind the session's queue, or directly while there is no session to carry. */
static void send_control(struct hub_link *c, int opcode, struct hub_str payload) {
    struct hub_chunk *frame = hub_chunk_frame(opcode, payload);
    if (c->mode == HUB_LINK_WS)
        hub_eio_send(c->eio, frame, 0, frame->n, 0);
    else if (hub_link_unsent(c) < MAX_PROBE_OUT)
        hub_buf_add(&hub_link_edge(c)->out, frame->p, frame->n);
    else
        hub_link_doom(c, HUB_CLOSE_SLOW); /* its frame is still being worked on */
    hub_chunk_unref(frame);
    hub_link_due(c);
}

/* The close frame that ends a connection without a session of its own. */
static void close_probe(struct hub_link *c, int code, const char *text) {
    struct hub_buf b = {0};
    hub_ws_close_payload(&b, code, text);
    send_control(c, HUB_WS_CLOSE, hub_buf_str(&b));
    hub_buf_free(&b);
    hub_link_finish(c, HUB_CLOSE_TIMEOUT);
}

void hub_ws_turn_away(struct hub_http_req *r, const char *text) {
    struct hub_link *c = r->link;
    hub_ws_upgrade(r, NULL, true);
    close_probe(c, 1002, text);
}

static void end_websocket(struct hub_link *c, enum hub_close_reason reason, int code, const char *text) {
    if (c->mode == HUB_LINK_WS && c->eio)
        hub_eio_end(c->eio, reason, code, text, HUB_CLOSE_TIMEOUT);
    else if (c->mode == HUB_LINK_PROBE)
        close_probe(c, code, text);
}

static bool goes_on(const struct hub_link *c) {
    if (c->finish || c->doomed || !c->eio) return false;
    return c->mode == HUB_LINK_PROBE || (c->mode == HUB_LINK_WS && c->eio->state == HUB_EIO_RUNNING);
}

/* A peer that pings faster than it reads is owed an answer to its latest ping only (RFC 6455 5.5.3). */
static bool is_behind(const struct hub_link *c) { return c->mode == HUB_LINK_WS && c->eio->q.n > MAX_BEHIND; }

static bool on_ws_message(void *arg, int opcode, struct hub_str payload) {
    struct hub_link *c = arg;
    bool binary = opcode == HUB_WS_BINARY;
    if (opcode < HUB_WS_CLOSE) hub_held_drop(&c->held); /* it is whole; what comes next is in part anew */
    if (opcode == HUB_WS_PING && !is_behind(c))
        send_control(c, HUB_WS_PONG, payload);
    else if (opcode == HUB_WS_CLOSE)
        end_websocket(c, HUB_CLOSE_TRANSPORT,
                      payload.n ? (int)hub_ws_number((const unsigned char *)payload.p, 2) : 1000, "");
    else if (opcode < HUB_WS_CLOSE && c->mode == HUB_LINK_PROBE)
        hub_eio_probe_packet(c, payload, binary);
    else if (opcode < HUB_WS_CLOSE)
        hub_eio_packet(c->eio, payload, binary);
    return goes_on(c);
}

static void refuse_frame(struct hub_link *c, enum hub_ws_in_end why) {
    static const char *const text[] = {"malformed frame", "text is not UTF-8, or cannot be inflated",
                                       "message too large"};
    const char *message = text[why == HUB_WS_IN_DATA ? 1 : why == HUB_WS_IN_TOO_LARGE ? 2 : 0];
    char peer[46];
    hub_link_peer(c, peer);
    hub_log_kv(HUB_LOG_INFO, "transport", "WebSocket refused", "reason", message, "peer", peer, NULL);
    end_websocket(c, why == HUB_WS_IN_TOO_LARGE ? HUB_CLOSE_TOO_LARGE : HUB_CLOSE_PARSE, (int)why, message);
}

/* What is left of the input until more comes; nothing, as a rule. */
static void keep_input(struct hub_link *c, struct hub_ws_in *in) {
    if (!goes_on(c)) hub_ws_in_free(in);
    if (hub_ws_in_is_empty(in)) return;
    c->ws = hub_xmalloc(sizeof *c->ws);
    *c->ws = *in;
}

static struct hub_ws_in input_so_far(struct hub_link *c) {
    struct hub_ws_in in = {0};
    if (!c->ws) return in;
    in = *c->ws;
    free(c->ws);
    c->ws = NULL;
    return in;
}

void hub_ws_drop_input(struct hub_link *c) {
    struct hub_ws_in in = input_so_far(c);
    hub_ws_in_free(&in);
}

void hub_ws_input(struct hub_link *c, char *p, size_t n) {
    if (!goes_on(c)) { /* it is closing: what still comes, or is kept, is of no interest */
        if (c->ws) c->ws->paused = false;
        return;
    }
    const struct hub_ws_in_rules rules = {.max_payload = hub_eio_max_in(c->eio),
                                          .inflater = c->deflate ? c->t->inflater : NULL,
                                          .fn = on_ws_message,
                                          .arg = c};
    struct hub_ws_in in = input_so_far(c);
    enum hub_ws_in_end end_of = hub_ws_in_feed(&in, p, n, &rules);
    size_t bytes = in.part.cap + in.message.cap;
    bool paused = in.paused;
    keep_input(c, &in);
    if (paused && goes_on(c)) hub_link_busy(c);
    if (end_of >= HUB_WS_IN_PROTOCOL)
        refuse_frame(c, end_of);
    else if (goes_on(c) && c->eio->signed_in)
        hub_held_set(c->t, &c->held, HUB_HELD_FRAME, c, bytes, true);
}

void hub_ws_overload(struct hub_link *c) {
    end_websocket(c, HUB_CLOSE_OVERLOADED, 1013, "overloaded: try again");
    hub_ws_drop_input(c);
}
