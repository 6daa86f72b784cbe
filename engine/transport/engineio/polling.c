/* HTTP long-polling: the held GET that takes packets to the client, and the POSTs that bring them. */
#include "base/telemetry/log.h"
#include "base/text/utf8.h"
#include "packet/eio.h"
#include "packet/ws.h"
#include "transport/transport_int.h"

#define TEXT "text/plain; charset=UTF-8"
#define NO_STORE "Cache-Control: no-store\r\n"
#define NO_STORE_PLAIN "Cache-Control: no-store, no-transform\r\n" /* not to be compressed by others either */

static void answer_poll(struct hub_eio *e, struct hub_str body, bool plain) {
    struct hub_http_req *r = e->poll;
    e->poll = NULL;
    hub_http_reply(r, 200, TEXT, body, plain ? NO_STORE_PLAIN : NO_STORE);
}

void hub_polling_release(struct hub_eio *e) {
    if (e->poll) answer_poll(e, HUB_STR("6"), false);
}

/* Bytes that the packet takes in a payload, separator included. */
static size_t size_in_payload(int opcode, size_t n) { return opcode == HUB_WS_BINARY ? 2 + (n + 2) / 3 * 4 : 1 + n; }

/* Moves whole frames of the oldest piece into the payload; false when the payload is full. */
static bool take_piece(struct hub_eio *e, struct hub_buf *payload) {
    struct hub_piece *piece = hub_outq_first(&e->q);
    const char *p = piece->chunk->p + piece->off;
    size_t at = 0, used = 0;
    int opcode;
    struct hub_str frame;
    bool fits = true;
    while (fits && hub_chunk_next(p, piece->len, &at, &opcode, &frame)) {
        fits = !payload->n || payload->n + size_in_payload(opcode, frame.n) <= (size_t)e->t->cfg.max_payload;
        if (!fits) break;
        hub_eio_payload_add(payload, opcode == HUB_WS_BINARY, frame);
        used = at;
    }
    hub_outq_consume_frames(&e->q, used);
    return fits;
}

void hub_polling_flush(struct hub_eio *e) {
    struct hub_buf payload = {0};
    bool plain = false;
    if (!e->poll) return;
    do {
        if (e->q.n) plain |= hub_outq_first(&e->q)->flags & HUB_SEND_PLAIN;
    } while (e->q.n && take_piece(e, &payload));
    if (payload.n)
        answer_poll(e, hub_buf_str(&payload), plain);
    else if (e->upgrading)
        hub_polling_release(e); /* the client switches once its GET is back */
    hub_buf_free(&payload);
    if (e->state == HUB_EIO_CLOSING && !e->q.n) hub_eio_gone(e, (enum hub_close_reason)e->reason);
}

void hub_polling_get(struct hub_eio *e, struct hub_http_req *r) {
    e->poll = r;
    r->eio = e;
    hub_link_leave(r->link); /* it counts with its session */
    if (e->q.n || e->upgrading || e->state != HUB_EIO_RUNNING) hub_eio_due(e);
}

static bool take_payload(struct hub_eio *e, struct hub_http_req *r) {
    struct hub_str rest = hub_http_body(r), text;
    if (!rest.n || !hub_utf8_valid(rest)) return false;
    if (hub_str_starts(hub_http_header(r, "content-type"), HUB_STR("application/octet-stream"))) return false;
    while (e->state == HUB_EIO_RUNNING && hub_eio_next(&rest, &text)) hub_eio_packet(e, text, false);
    return true;
}

bool hub_polling_post(struct hub_eio *e, struct hub_http_req *r) {
    e->post = r;
    r->eio = e;
    if (!take_payload(e, r)) {
        hub_eio_end(e, HUB_CLOSE_PARSE, 1002, "malformed payload", HUB_CLOSE_TIMEOUT);
        return false;
    }
    bool ended_by_us = e->state != HUB_EIO_RUNNING && e->reason == HUB_CLOSE_PARSE;
    if (!ended_by_us) hub_http_reply(r, 200, TEXT, HUB_STR("ok"), NO_STORE);
    return !ended_by_us;
}

/* The client went away with its GET or in the middle of its POST: it cannot know what we have of it, and
 * the other way round. */
void hub_polling_forget(struct hub_http_req *r) {
    struct hub_eio *e = r->eio;
    hub_http_leave_session(r);
    if (e->state == HUB_EIO_RUNNING) hub_eio_gone(e, HUB_CLOSE_TRANSPORT);
}
