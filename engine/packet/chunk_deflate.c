/* The compressed form of a chunk: made when the first connection asks that negotiated compression, and shared
 * by all of them.
 *
 *   chunk      | frame 0 | frame 1 (large)                  | frame 2 | frame 3 (large)     |
 *   deflated   | frame 0 | frame 1, compressed | frame 2 | frame 3, compressed |
 *
 * ENDS has where each frame ends in both, so that a run of frames is found again. */
#include <stdlib.h>

#include "base/io/deflate.h"
#include "base/memory/mem.h"
#include "packet/chunk_int.h"
#include "packet/ws.h"

struct frame_end {
    uint32_t plain, deflated;
};

struct hub_chunk_deflated {
    struct hub_chunk *chunk; /* one reference */
    struct frame_end *ends;
    uint32_t n, cap;
};

void hub_chunk_deflated_free(struct hub_chunk_deflated *d) {
    hub_chunk_unref(d->chunk);
    free(d->ends);
    free(d);
}

static void note_end(struct hub_chunk_deflated *d, size_t plain) {
    if (d->n == d->cap) {
        d->cap = d->cap ? 2 * d->cap : 2;
        d->ends = hub_xrealloc(d->ends, d->cap * sizeof *d->ends);
    }
    d->ends[d->n++] = (struct frame_end){(uint32_t)plain, d->chunk->n};
}

/* Compresses what the chunk has gained since. */
static void catch_up(struct hub_chunk_deflated *d, const struct hub_chunk *c, struct hub_deflater *z,
                     size_t threshold) {
    size_t at = d->n ? d->ends[d->n - 1].plain : 0;
    int opcode;
    struct hub_str payload, shorter;
    while (hub_chunk_next(c->p, c->n, &at, &opcode, &payload)) {
        bool data = opcode < HUB_WS_CLOSE; /* control frames never are (RFC 7692, 6.1) */
        if (data && payload.n >= threshold && hub_deflate_message(z, payload, &shorter))
            hub_chunk_add_frame(d->chunk, opcode | HUB_WS_DEFLATED, shorter);
        else
            hub_chunk_add_frame(d->chunk, opcode, payload);
        note_end(d, at);
    }
}

/* Where a frame begins that begins at PLAIN, or the end. */
static uint32_t place_of(const struct hub_chunk_deflated *d, uint32_t plain) {
    uint32_t low = 0, high = d->n - 1;
    if (!plain) return 0;
    if (plain == d->ends[high].plain) return d->ends[high].deflated; /* as it is asked nearly always */
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (d->ends[mid].plain < plain)
            low = mid + 1;
        else
            high = mid;
    }
    HUB_BUG_IF(d->ends[low].plain != plain); /* pieces lie between frames */
    return d->ends[low].deflated;
}

struct hub_chunk *hub_chunk_deflate(struct hub_chunk *c, struct hub_deflater *z, size_t threshold, uint32_t *off,
                                    uint32_t *len) {
    HUB_BUG_IF(threshold < HUB_DEFLATE_MIN);
    if (c->largest < threshold) return c;
    struct hub_chunk_deflated *d = c->deflated;
    if (!d) {
        d = c->deflated = hub_xcalloc(1, sizeof *d);
        d->chunk = hub_chunk_new(c->n / 2);
    }
    if (!d->n || d->ends[d->n - 1].plain != c->n) catch_up(d, c, z, threshold);
    uint32_t begin = place_of(d, *off), end = place_of(d, *off + *len);
    *off = begin;
    *len = end - begin;
    return d->chunk;
}
