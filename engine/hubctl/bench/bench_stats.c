/* Histogram quantiles and the slow path of sequence checking: gaps, late arrivals, repeats. */
#include "hubctl/bench/bench_stats.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory/mem.h"

/* Largest value that falls into bucket INDEX. */
static uint64_t bucket_top(size_t index) {
    size_t shift = index >> HUB_BENCH_HIST_SUB, low = index & ((1u << HUB_BENCH_HIST_SUB) - 1);
    if (shift == 0) return low;
    return ((((uint64_t)1 << HUB_BENCH_HIST_SUB) + low + 1) << (shift - 1)) - 1;
}

uint64_t hub_bench_hist_quantile(const struct hub_bench_hist *h, double share) {
    uint64_t want = (uint64_t)(share * (double)h->count + 0.5), seen = 0;
    if (want == 0) want = 1;
    for (size_t i = 0; i < HUB_BENCH_HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= want) return bucket_top(i) < h->max ? bucket_top(i) : h->max;
    }
    return h->max;
}

/* Streams count from 0; the key must not be 0. */
static uint64_t key_of(uint32_t stream, uint32_t seq) { return ((uint64_t)(stream + 1) << 32) | seq; }

static size_t slot_of(uint64_t key) {
    return (size_t)((key * 0x9e3779b97f4a7c15u) >> 43) & (2 * HUB_BENCH_MISSING_MAX - 1);
}

static void add_missing(struct hub_bench_track *t, uint64_t key) {
    if (!t->missing) t->missing = hub_xcalloc(2 * HUB_BENCH_MISSING_MAX, sizeof *t->missing);
    if (t->missing_n == HUB_BENCH_MISSING_MAX) {
        t->lost++;
        return;
    }
    size_t i = slot_of(key);
    while (t->missing[i]) i = (i + 1) & (2 * HUB_BENCH_MISSING_MAX - 1);
    t->missing[i] = key, t->missing_n++;
}

/* Removes KEY from the set, closing the probe chain behind it. */
static bool take_missing(struct hub_bench_track *t, uint64_t key) {
    const size_t mask = 2 * HUB_BENCH_MISSING_MAX - 1;
    if (!t->missing) return false;
    size_t i = slot_of(key);
    while (t->missing[i] != key) {
        if (!t->missing[i]) return false;
        i = (i + 1) & mask;
    }
    for (size_t j = (i + 1) & mask; t->missing[j]; j = (j + 1) & mask) {
        size_t home = slot_of(t->missing[j]);
        if (((j - home) & mask) < ((j - i) & mask)) continue;
        t->missing[i] = t->missing[j], i = j;
    }
    t->missing[i] = 0, t->missing_n--;
    return true;
}

uint32_t hub_bench_track_odd(struct hub_bench_track *t, uint32_t stream, uint32_t next, uint32_t seq, bool *fresh) {
    *fresh = true;
    if (seq >= next) {
        for (uint32_t s = next; s < seq; s++) add_missing(t, key_of(stream, s));
        return seq + 1;
    }
    *fresh = take_missing(t, key_of(stream, seq));
    if (*fresh)
        t->out_of_order++;
    else
        t->duplicate++;
    return next;
}

void hub_bench_track_end(struct hub_bench_track *t, uint32_t next, uint32_t published) {
    if (published > next) t->lost += published - next;
}

uint64_t hub_bench_track_lost(const struct hub_bench_track *t) { return t->lost + t->missing_n; }

void hub_bench_track_free(struct hub_bench_track *t) {
    free(t->missing);
    memset(t, 0, sizeof *t);
}
