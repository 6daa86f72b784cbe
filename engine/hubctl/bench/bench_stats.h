/* What the load generator counts: latencies in a log-linear histogram, and whether every member saw every
 * sequence number of every publisher exactly once and in order. Pure bookkeeping, no I/O, one thread. */
#ifndef HUB_HUBCTL_BENCH_STATS_H
#define HUB_HUBCTL_BENCH_STATS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 64 steps per power of two of nanoseconds: values are kept to 1.6 %. The last bucket takes everything
 *   above 137 s. */
#define HUB_BENCH_HIST_SUB 6
#define HUB_BENCH_HIST_BUCKETS ((37 - HUB_BENCH_HIST_SUB + 1) << HUB_BENCH_HIST_SUB)

struct hub_bench_hist {
    uint64_t count, max;
    uint64_t bucket[HUB_BENCH_HIST_BUCKETS];
};

static inline size_t hub_bench_hist_index(uint64_t ns) {
    if (ns < (1u << HUB_BENCH_HIST_SUB)) return (size_t)ns;
    unsigned top = 63u - (unsigned)__builtin_clzll(ns), shift = top - HUB_BENCH_HIST_SUB;
    size_t index =
        ((size_t)(shift + 1) << HUB_BENCH_HIST_SUB) + (size_t)((ns >> shift) & ((1u << HUB_BENCH_HIST_SUB) - 1));
    return index < HUB_BENCH_HIST_BUCKETS ? index : HUB_BENCH_HIST_BUCKETS - 1;
}
static inline void hub_bench_hist_add(struct hub_bench_hist *h, uint64_t ns) {
    h->count++;
    if (ns > h->max) h->max = ns;
    h->bucket[hub_bench_hist_index(ns)]++;
}
/* Smallest value that SHARE (0 to 1) of the recorded ones do not exceed, to the histogram's precision; 0
 * when nothing was recorded. */
uint64_t hub_bench_hist_quantile(const struct hub_bench_hist *h, double share);

/* Sequence numbers that were jumped over and may still come late: an open-addressing set of (stream, seq).
 * A stream is one publisher as seen by one member. Bounded: jumps that no longer fit count as lost at
 * once. */
#define HUB_BENCH_MISSING_MAX (1u << 20)

struct hub_bench_track {
    uint64_t lost, duplicate, out_of_order;
    uint64_t *missing; /* keys, 0 = free; allocated with the first gap */
    size_t missing_n;
};

/* A number that is not the next one: NEXT is what the stream expected. Returns what it expects from now
 * on. True in *FRESH when this is the first time SEQ is seen on the stream. */
uint32_t hub_bench_track_odd(struct hub_bench_track *t, uint32_t stream, uint32_t next, uint32_t seq, bool *fresh);
/* Notes SEQ on STREAM, whose next expected number is *NEXT. False for a duplicate. */
static inline bool hub_bench_track_see(struct hub_bench_track *t, uint32_t stream, uint32_t *next, uint32_t seq) {
    if (__builtin_expect(seq == *next, 1)) return (*next)++, true;
    bool fresh;
    *next = hub_bench_track_odd(t, stream, *next, seq, &fresh);
    return fresh;
}
/* The stream is over and PUBLISHED numbers had been sent: what is behind *NEXT never came. */
void hub_bench_track_end(struct hub_bench_track *t, uint32_t next, uint32_t published);
/* Numbers lost for good, those jumped over and never seen included. */
uint64_t hub_bench_track_lost(const struct hub_bench_track *t);
void hub_bench_track_free(struct hub_bench_track *t);
#endif
