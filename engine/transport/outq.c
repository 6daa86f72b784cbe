/* The outbound queue: a ring of pieces. */
#include "transport/outq.h"

#include <stdlib.h>

#include "base/mem.h"

static struct hub_piece *at(struct hub_outq *q, uint32_t i) {
    struct hub_piece *ring = q->ring ? q->ring : q->few;
    return &ring[(q->head + i) & (q->cap - 1)];
}

static void grow(struct hub_outq *q) {
    if (!q->cap) {
        q->cap = HUB_OUTQ_INLINE;
        return;
    }
    struct hub_piece *ring = hub_xmalloc(2 * (size_t)q->cap * sizeof *ring);
    for (uint32_t i = 0; i < q->n; i++) ring[i] = *at(q, i);
    free(q->ring);
    q->ring = ring;
    q->cap *= 2;
    q->head = 0;
}

/* An empty queue gives its ring back: thousands of idle sessions shall not keep what one burst needed. */
static void shrink(struct hub_outq *q) {
    if (q->n || !q->ring) return;
    free(q->ring);
    q->ring = NULL;
    q->cap = HUB_OUTQ_INLINE;
    q->head = 0;
}

void hub_outq_add(struct hub_outq *q, struct hub_chunk *chunk, uint32_t off, uint32_t len, uint32_t flags) {
    if (!len) return;
    q->bytes += len;
    struct hub_piece *last = q->n ? at(q, q->n - 1) : NULL;
    if (last && last->chunk == chunk && last->off + last->len == off && last->flags == flags &&
        last->off == last->start) {
        last->len += len;
        return;
    }
    if (q->n == q->cap) grow(q);
    if (flags) q->flagged++;
    *at(q, q->n++) =
        (struct hub_piece){.chunk = hub_chunk_ref(chunk), .start = off, .off = off, .len = len, .flags = flags};
}

struct hub_piece *hub_outq_first(struct hub_outq *q) {
    return q->n ? at(q, 0) : NULL;
}

int hub_outq_gather(struct hub_outq *q, struct iovec *iov, int max) {
    int n = 0;
    for (; n < max && (uint32_t)n < q->n; n++) {
        struct hub_piece *p = at(q, (uint32_t)n);
        iov[n] = (struct iovec){.iov_base = p->chunk->p + p->off, .iov_len = p->len};
    }
    return n;
}

static void forget(struct hub_outq *q, const struct hub_piece *p) {
    if (p->flags) q->flagged--;
    hub_chunk_unref(p->chunk);
}

static void pop(struct hub_outq *q) {
    forget(q, at(q, 0));
    q->head = (q->head + 1) & (q->cap - 1);
    q->n--;
}

void hub_outq_consume(struct hub_outq *q, size_t n) {
    q->bytes -= n;
    while (n) {
        struct hub_piece *p = at(q, 0);
        uint32_t take = n < p->len ? (uint32_t)n : p->len;
        p->off += take, p->len -= take, n -= take;
        if (!p->len) pop(q);
    }
    shrink(q);
}

/* Drops whole frames from the front of P until the queue is down to MAX_BYTES. */
static size_t drop_frames(struct hub_outq *q, struct hub_piece *p, size_t max_bytes) {
    size_t used = 0, dropped = 0, excess = q->bytes - max_bytes;
    int opcode;
    struct hub_str payload;
    while (used < excess && hub_chunk_next(p->chunk->p + p->off, p->len, &used, &opcode, &payload)) dropped++;
    p->off += (uint32_t)used, p->len -= (uint32_t)used;
    p->start = p->off;
    q->bytes -= used;
    return dropped;
}

size_t hub_outq_drop(struct hub_outq *q, uint32_t flags, size_t max_bytes) {
    size_t dropped = 0;
    uint32_t kept = 0, n = q->n;
    for (uint32_t i = 0; i < n; i++) {
        struct hub_piece p = *at(q, i);
        bool touched = p.off != p.start;
        if (q->bytes > max_bytes && (p.flags & flags) && !touched) dropped += drop_frames(q, &p, max_bytes);
        if (p.len)
            *at(q, kept++) = p;
        else
            forget(q, &p);
    }
    q->n = kept;
    shrink(q);
    return dropped;
}

/* Bytes left of the frame in which P stopped; 0 on a boundary. */
static uint32_t rest_of_frame(const struct hub_piece *p) {
    size_t end = 0, sent = p->off - p->start;
    int opcode;
    struct hub_str payload;
    while (end < sent && hub_chunk_next(p->chunk->p + p->start, sent + p->len, &end, &opcode, &payload)) continue;
    return (uint32_t)(end - sent);
}

void hub_outq_cut(struct hub_outq *q) {
    if (!q->n) return;
    struct hub_piece first = *at(q, 0);
    uint32_t rest = rest_of_frame(&first);
    hub_chunk_ref(first.chunk);
    hub_outq_clear(q);
    if (rest) {
        hub_outq_add(q, first.chunk, first.off, rest, 0);
        at(q, 0)->start = first.start;
    }
    hub_chunk_unref(first.chunk);
}

void hub_outq_clear(struct hub_outq *q) {
    while (q->n) pop(q);
    q->bytes = 0;
    shrink(q);
}
