/* Counters, gauges and histograms for /metrics, of the process: engines that run side by side count
 * together. Metrics are static objects that register themselves on first use and stay. Everything here may
 * be called from any thread; a value is changed without a lock, registering, looking up and reading take
 * one.
 *
 * A thread that counts much has values of its own (hub_metrics_own): no other thread writes there, so adding
 * takes no locked instruction, and no two processors fight for a line. What is read is the sum. */
#ifndef HUB_BASE_METRIC_H
#define HUB_BASE_METRIC_H
#include <stdint.h>

#include "base/text/buf.h"

enum hub_metric_kind { HUB_COUNTER, HUB_GAUGE };

struct hub_metric {
    const char *name;   /* Prometheus name, e.g. "hubd_messages_in_total" */
    const char *labels; /* "code=\"rate_limited\"" or NULL */
    const char *help;
    enum hub_metric_kind kind;
    int64_t value; /* relaxed atomics: of threads without values of their own, and of those that have gone */
    int place;     /* the same, set once NEXT is: among a thread's own values; < 0: not there, 0: not registered */
    struct hub_metric *next; /* of the registry, under its lock */
};
#define HUB_METRIC(KIND, NAME, LABELS, HELP) \
    { .name = (NAME), .labels = (LABELS), .help = (HELP), .kind = (KIND) }

/* The calling thread has values of its own from here on, until hub_metrics_disown, which adds them to those
 * of all. For threads that run a loop, before they count anything. Again: no effect. */
void hub_metrics_own(void);
void hub_metrics_disown(void);
extern _Thread_local int64_t *hub_metrics_mine; /* NULL: none */

int hub_metric_register(struct hub_metric *m); /* implied by add and set; again: no effect. Its place */
static inline int hub_metric_place(struct hub_metric *m) {
    int place = __atomic_load_n(&m->place, __ATOMIC_RELAXED);
    return __builtin_expect(place, 1) ? place : hub_metric_register(m);
}
/* For metric.c too: adds to the value at PLACE of this thread; false: it has none. */
static inline bool hub_metrics_add_own(int place, int64_t by) {
    int64_t *mine = hub_metrics_mine;
    if (!mine || place < 0) return false;
    __atomic_store_n(&mine[place], __atomic_load_n(&mine[place], __ATOMIC_RELAXED) + by, __ATOMIC_RELAXED);
    return true;
}
static inline void hub_metric_add(struct hub_metric *m, int64_t by) {
    if (!hub_metrics_add_own(hub_metric_place(m), by)) __atomic_fetch_add(&m->value, by, __ATOMIC_RELAXED);
}
/* Of a gauge: what the calling thread has of it, where that has values of its own; the sum of all is read.
 * Without, there is one owner in the process, or several that add what changes. */
static inline void hub_metric_set(struct hub_metric *m, int64_t v) {
    int place = hub_metric_place(m);
    __atomic_store_n(hub_metrics_mine && place > 0 ? &hub_metrics_mine[place] : &m->value, v, __ATOMIC_RELAXED);
}
int64_t hub_metric_value(const struct hub_metric *m);
/* A counter for each value of one label, made on demand; at most 256 values, further ones count under
 * "other". Lives as long as the process; NAME and HELP are literals. */
struct hub_metric *hub_metric_labelled(const char *name, const char *help, enum hub_metric_kind kind, const char *label,
                                       struct hub_str value);

/* Latency histogram with fixed bounds from 50 µs to 10 s. What is printed while others add may lack the
 * newest of them in one bucket and not in another. */
#define HUB_HISTOGRAM_BUCKETS 17
struct hub_histogram {
    const char *name, *labels, *help;
    uint64_t count[HUB_HISTOGRAM_BUCKETS + 1]; /* as hub_metric.value */
    uint64_t sum_ns;                           /* the same */
    int place;                                 /* the same, of the first of them all */
    struct hub_histogram *next;                /* of the registry, under its lock */
};
#define HUB_HISTOGRAM(NAME, LABELS, HELP) \
    { .name = (NAME), .labels = (LABELS), .help = (HELP) }
void hub_histogram_add(struct hub_histogram *h, uint64_t ns);

/* Appends everything registered as Prometheus text (version 0.0.4), grouped by name. */
void hub_metrics_print(struct hub_buf *out);
#endif
