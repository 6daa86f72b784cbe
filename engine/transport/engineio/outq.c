/* The outbound queue: a ring of pieces. */
#include "transport/engineio/outq.h"

#include <stdlib.h>

#include "base/memory/bug.h"
#include "base/memory/mem.h"

static struct hub_piece *piece_at(struct hub_outq *q, uint32_t i) {
    struct hub_piece *ring = q->ring ? q->ring : q->few;
    return &ring[(q->head + i) & (q->cap - 1)];
}

/* ---- what must hold ---- */

static bool is_ring_sane(const struct hub_outq *q) {
    if (!q->cap) return !q->ring && !q->n && !q->head;
    if (q->cap & (q->cap - 1) || q->head >= q->cap || q->n > q->cap) return false;
    return q->ring ? q->cap > HUB_OUTQ_INLINE && q->n : q->cap == HUB_OUTQ_INLINE;
}

static bool is_piece_sane(const struct hub_piece *p, bool first) {
    if (!p->chunk || !p->chunk->refs || !p->len) return false;
    if (p->start > p->off || (p->start < p->off && !first)) return false;
    return p->len <= p->chunk->n && p->off <= p->chunk->n - p->len;
}

bool hub_outq_sane(const struct hub_outq *q) {
    const struct hub_piece *ring = q->ring ? q->ring : q->few;
    size_t bytes = 0;
    uint32_t flagged = 0;
    if (!is_ring_sane(q)) return false;
    for (uint32_t i = 0; i < q->n; i++) {
        const struct hub_piece *p = &ring[(q->head + i) & (q->cap - 1)];
        if (!is_piece_sane(p, i == 0)) return false;
        bytes += p->len;
        flagged += p->flags != 0;
    }
    return bytes == q->bytes && flagged == q->flagged;
}

#ifdef NDEBUG
#define CHECK(THAT) ((void)0)
#else
#define CHECK(THAT) HUB_BUG_IF(!(THAT))
#endif

/* ---- the ring ---- */

static void grow_ring(struct hub_outq *q) {
    if (!q->cap) {
        q->cap = HUB_OUTQ_INLINE;
        return;
    }
    struct hub_piece *ring = hub_xmalloc(2 * (size_t)q->cap * sizeof *ring);
    for (uint32_t i = 0; i < q->n; i++) ring[i] = *piece_at(q, i);
    free(q->ring);
    q->ring = ring;
    q->cap *= 2;
    q->head = 0;
}

/* An empty queue gives its ring back: thousands of idle sessions shall not keep what one burst needed. */
static void shrink_ring(struct hub_outq *q) {
    if (q->n || !q->ring) return;
    free(q->ring);
    q->ring = NULL;
    q->cap = HUB_OUTQ_INLINE;
    q->head = 0;
}

void hub_outq_add(struct hub_outq *q, struct hub_chunk *chunk, uint32_t off, uint32_t len, uint32_t flags) {
    CHECK(hub_outq_sane(q));
    CHECK(off <= chunk->n && len <= chunk->n - off);
    if (!len) return;
    q->bytes += len;
    struct hub_piece *last = q->n ? piece_at(q, q->n - 1) : NULL;
    if (last && last->chunk == chunk && last->off + last->len == off && last->flags == flags &&
        last->off == last->start) {
        last->len += len;
        CHECK(hub_outq_sane(q));
        return;
    }
    if (q->n == q->cap) grow_ring(q);
    if (flags) q->flagged++;
    *piece_at(q, q->n++) =
        (struct hub_piece){.chunk = hub_chunk_ref(chunk), .start = off, .off = off, .len = len, .flags = flags};
    CHECK(hub_outq_sane(q));
}

struct hub_piece *hub_outq_first(struct hub_outq *q) {
    CHECK(hub_outq_sane(q));
    return q->n ? piece_at(q, 0) : NULL;
}

int hub_outq_gather(struct hub_outq *q, struct iovec *iov, int max) {
    int n = 0;
    CHECK(hub_outq_sane(q));
    for (; n < max && (uint32_t)n < q->n; n++) {
        struct hub_piece *p = piece_at(q, (uint32_t)n);
        iov[n] = (struct iovec){.iov_base = p->chunk->p + p->off, .iov_len = p->len};
    }
    return n;
}

static void forget_piece(struct hub_outq *q, const struct hub_piece *p) {
    if (p->flags) q->flagged--;
    hub_chunk_unref(p->chunk);
}

static void pop_piece(struct hub_outq *q) {
    forget_piece(q, piece_at(q, 0));
    q->head = (q->head + 1) & (q->cap - 1);
    q->n--;
}

void hub_outq_consume(struct hub_outq *q, size_t n) {
    CHECK(hub_outq_sane(q) && n <= q->bytes);
    q->bytes -= n;
    while (n) {
        struct hub_piece *p = piece_at(q, 0);
        uint32_t take = n < p->len ? (uint32_t)n : p->len;
        p->off += take, p->len -= take, n -= take;
        if (!p->len) pop_piece(q);
    }
    shrink_ring(q);
    CHECK(hub_outq_sane(q));
}

void hub_outq_consume_frames(struct hub_outq *q, size_t n) {
    hub_outq_consume(q, n);
    if (q->n) piece_at(q, 0)->start = piece_at(q, 0)->off;
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
    CHECK(hub_outq_sane(q));
    for (uint32_t i = 0; i < n; i++) {
        struct hub_piece p = *piece_at(q, i);
        bool touched = p.off != p.start;
        if (q->bytes > max_bytes && (p.flags & flags) && !touched) dropped += drop_frames(q, &p, max_bytes);
        if (p.len)
            *piece_at(q, kept++) = p;
        else
            forget_piece(q, &p);
    }
    q->n = kept;
    shrink_ring(q);
    CHECK(hub_outq_sane(q));
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
    CHECK(hub_outq_sane(q));
    if (!q->n) return;
    struct hub_piece first = *piece_at(q, 0);
    uint32_t rest = rest_of_frame(&first);
    hub_chunk_ref(first.chunk);
    hub_outq_clear(q);
    if (rest) {
        hub_outq_add(q, first.chunk, first.off, rest, 0);
        piece_at(q, 0)->start = first.start;
    }
    hub_chunk_unref(first.chunk);
    CHECK(hub_outq_sane(q));
}

void hub_outq_clear(struct hub_outq *q) {
    CHECK(hub_outq_sane(q));
    while (q->n) pop_piece(q);
    q->bytes = 0;
    shrink_ring(q);
    CHECK(hub_outq_sane(q));
}
