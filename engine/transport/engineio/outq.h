/* The outbound queue of one session: pieces of shared chunks in the order they must reach the peer. It
 * costs two inline pieces while idle, and a heap ring only while more are waiting. Counts a shared chunk's
 * bytes once per queue.
 *
 *            head          head + 1             head + n - 1
 *              |               |                     |
 *   +------+---v-----------+---v-----------+- … -+---v-----------+------+
 *   | free | piece 0       | piece 1       |     | piece n-1     | free |   cap slots, a power of two,
 *   +------+---|-----------+---|-----------+- … -+---|-----------+------+   in a circle
 *              |               |                     |
 *              |               +- one reference each +----> chunks, shared with other queues
 *              v
 *   chunk:  | frame | frame | frame | frame | frame | frame | still growing …
 *           0       |       |  |                    |       |
 *                 start     | off              off + len    chunk->n
 *                   |-- sent --|------- len --------|
 *
 *   bytes   = the sum of len            flagged = pieces whose flags are not 0
 *   start and off + len lie between frames; so does off, except in piece 0, of which a part may be sent.
 *
 * A queue belongs to its session, and with it to the loop thread. Zero-initialised it is empty; whoever
 * holds it clears it at the end. Builds without NDEBUG check hub_outq_sane whenever a function below begins
 * and ends, and abort where it does not hold. */
#ifndef HUB_TRANSPORT_OUTQ_H
#define HUB_TRANSPORT_OUTQ_H
#include <sys/uio.h>

#include "packet/chunk.h"

struct hub_piece {
    struct hub_chunk *chunk; /* one reference */
    uint32_t start;          /* where the piece began, a frame boundary */
    uint32_t off, len;       /* what is left of it */
    uint32_t flags;          /* HUB_SEND_* */
};

#define HUB_OUTQ_INLINE 2
struct hub_outq {
    struct hub_piece *ring; /* NULL: the inline pieces */
    struct hub_piece few[HUB_OUTQ_INLINE];
    uint32_t head, n, cap; /* cap 0 while zero-initialised; a power of two */
    uint32_t flagged;      /* pieces with flags */
    size_t bytes;
};

/* Adds [off, off+len) of CHUNK with a reference of its own, or extends the last piece when the bytes
 * continue it, the flags agree and nothing of it was taken yet. */
void hub_outq_add(struct hub_outq *q, struct hub_chunk *chunk, uint32_t off, uint32_t len, uint32_t flags);
/* The oldest piece, NULL when empty. */
struct hub_piece *hub_outq_first(struct hub_outq *q);
/* Fills up to MAX vectors with the oldest bytes; returns how many. Valid until a chunk of the queue grows. */
int hub_outq_gather(struct hub_outq *q, struct iovec *iov, int max);
/* Takes N bytes off the front, at most those there are. */
void hub_outq_consume(struct hub_outq *q, size_t n);
/* The same with whole frames: what is left of a piece counts as untouched. */
void hub_outq_consume_frames(struct hub_outq *q, size_t n);
/* Drops frames of FLAGS, oldest first, until at most MAX_BYTES are queued or no such frame is left. A
 * piece of which something was sent stays. Returns how many frames were dropped. */
size_t hub_outq_drop(struct hub_outq *q, uint32_t flags, size_t max_bytes);
/* Keeps only the rest of a frame that was sent in part, so that a last frame can follow it. */
void hub_outq_cut(struct hub_outq *q);
void hub_outq_clear(struct hub_outq *q); /* leaves it empty and usable */
/* Whether the picture above holds, as far as it can be told without looking into the frames. Takes time for
 * each piece. */
bool hub_outq_sane(const struct hub_outq *q);
#endif
