/* Bytes of a stream, from one side to the other, within the credit that the other one has given. */
#include "hub/stream/stream_int.h"

static struct hub_metric bytes_total =
    HUB_METRIC(HUB_COUNTER, "hubd_stream_bytes_total", NULL, "Bytes that went through streams");

static enum hub_stream_side other_side(enum hub_stream_side side) {
    return side == HUB_STREAM_OPENER ? HUB_STREAM_TARGET : HUB_STREAM_OPENER;
}

/* ---- what a client hears ---- */

static void send_bytes(struct hub_conn *c, struct hub_str args, const struct hub_str *bytes) {
    const struct hub_binaries bins = {(struct hub_str *)(uintptr_t)bytes, 1};
    struct hub_chunk *chunk = hub_nsp_event_chunk(c->socket->nsp, HUB_STR("\"hub:streamData\""), args, &bins);
    hub_outlet_sync(&c->outlet);
    hub_socket_send_chunk(c->socket, chunk, 0, chunk->n, 0);
    hub_chunk_unref(chunk);
}

void hub_stream_tell(struct hub_stream *s, enum hub_stream_side side, const char *event, struct hub_str more,
                     const struct hub_str *bytes) {
    struct hub_conn *c = s->ends[side].conn, *from = s->ends[other_side(side)].conn;
    if (!c || c->closed) return;
    struct hub_buf args = hub_scratch_take(s->engine);
    hub_buf_addz(&args, "{\"streamId\":");
    hub_json_add_string(&args, hub_cstr(s->id));
    if (from) hub_buf_addf(&args, ",\"from\":\"%s\"", from->socket->sid);
    hub_buf_adds(&args, more);
    hub_buf_addz(&args, bytes ? ",\"data\":{\"_placeholder\":true,\"num\":0}}" : "}");
    if (bytes)
        send_bytes(c, hub_buf_str(&args), bytes);
    else
        hub_outlet_emit(&c->outlet, hub_cstr(event), hub_buf_str(&args), 0);
    hub_scratch_give(s->engine, &args);
}

/* ---- sending ---- */

/* Where the Ith of the pieces that are not taken ends; of the offset the lower half, for all that are under
 * way lie close together. */
static uint32_t *piece_end(struct hub_stream_end *e, uint32_t i) {
    return &e->piece_ends[(e->piece_first + i) % e->piece_cap];
}

static void grow_pieces(struct hub_stream_end *e) {
    uint32_t cap = e->piece_cap ? 2 * e->piece_cap : 16;
    uint32_t *ends = hub_xmalloc(cap * sizeof *ends);
    for (uint32_t i = 0; i < e->pieces; i++) ends[i] = *piece_end(e, i);
    free(e->piece_ends);
    e->piece_ends = ends;
    e->piece_first = 0;
    e->piece_cap = cap;
}

static void piece_sent(struct hub_stream_end *e) {
    if (e->pieces == e->piece_cap) grow_pieces(e);
    *piece_end(e, e->pieces++) = (uint32_t)e->sent;
}

/* Acknowledgements name bytes, of which the last ones may be half a piece. */
static void pieces_taken(struct hub_stream_end *e) {
    while (e->pieces && (int32_t)((uint32_t)e->acked - *piece_end(e, 0)) >= 0) {
        e->piece_first = (e->piece_first + 1) % e->piece_cap;
        e->pieces--;
    }
}

size_t hub_stream_credit(const struct hub_stream *s, enum hub_stream_side side) {
    const struct hub_stream_end *e = &s->ends[side];
    if (e->pieces >= HUB_STREAM_PIECES) return 0;
    return HUB_STREAM_CREDIT - (size_t)(e->sent - e->acked);
}

static enum hub_code check_send(const struct hub_stream *s, enum hub_stream_side side, int64_t offset, size_t n,
                                struct hub_err *err) {
    const struct hub_stream_end *e = &s->ends[side];
    if (!s->open) return hub_fail(err, HUB_BAD_REQUEST, "the target has not accepted the stream");
    if (e->finished) return hub_fail(err, HUB_BAD_REQUEST, "the stream was finished by hub:streamFinish");
    if (offset != e->sent)
        return hub_fail(err, HUB_BAD_REQUEST, "offset: expected %lld, as many bytes as were sent before",
                        (long long)e->sent);
    if (n > hub_stream_credit(s, side))
        return hub_fail(err, HUB_TOO_LARGE, "more than %d bytes, or %d pieces, of a stream are not acknowledged",
                        HUB_STREAM_CREDIT, HUB_STREAM_PIECES);
    return HUB_OK;
}

/* To the command: it is kept until the script reads it. */
static enum hub_code keep_bytes(struct hub_stream *s, struct hub_str bytes, struct hub_err *err) {
    struct hub_stream_script *x = &s->script;
    hub_buf_adds(&x->unread, bytes);
    if (hub_backlog_set(&s->engine->backlog, &x->held, x->unread.cap, NULL)) return HUB_OK;
    return hub_backlog_refuse(&s->engine->backlog, err);
}

enum hub_code hub_stream_send(struct hub_stream *s, enum hub_stream_side side, int64_t offset, struct hub_str bytes,
                              struct hub_err *err) {
    enum hub_code code = check_send(s, side, offset, bytes.n, err);
    bool to_script = side == HUB_STREAM_OPENER && !s->to_client;
    char at[40];
    if (!code && to_script) code = keep_bytes(s, bytes, err);
    if (code) {
        hub_stream_break(s, -1, hub_cstr(hub_code_name(code)));
        return code;
    }
    s->ends[side].sent += (int64_t)bytes.n;
    hub_metric_add(&bytes_total, (int64_t)bytes.n);
    snprintf(at, sizeof at, ",\"offset\":%lld", (long long)offset);
    if (to_script)
        hub_stream_wake(s); /* S may be gone */
    else if (bytes.n)
        piece_sent(&s->ends[side]), hub_stream_tell(s, other_side(side), "hub:streamData", hub_cstr(at), &bytes);
    return HUB_OK;
}

void hub_stream_ack(struct hub_stream *s, enum hub_stream_side side, int64_t offset) {
    struct hub_stream_end *sender = &s->ends[other_side(side)];
    char at[40];
    if (offset <= sender->acked || offset > sender->sent) return;
    sender->acked = offset;
    pieces_taken(sender);
    snprintf(at, sizeof at, ",\"offset\":%lld", (long long)offset);
    if (sender->conn)
        hub_stream_tell(s, other_side(side), "hub:streamAck", hub_cstr(at), NULL);
    else
        hub_stream_wake(s); /* S may be gone */
}

void hub_stream_finish(struct hub_stream *s, enum hub_stream_side side) {
    if (s->ends[side].finished) return;
    s->ends[side].finished = true;
    hub_stream_tell(s, other_side(side), "hub:streamFinish", hub_str(NULL, 0), NULL);
    if (s->to_client)
        hub_stream_settle(s);
    else if (side == HUB_STREAM_OPENER)
        hub_stream_wake(s); /* S may be gone */
}
