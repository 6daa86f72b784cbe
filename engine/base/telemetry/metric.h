/* Counters, gauges and histograms for /metrics, of the process: engines that run side by side count
 * together. Metrics are static objects that register themselves on first use and stay. Everything here may
 * be called from any thread; a value is changed without a lock, registering, looking up and printing take
 * one. */
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
    int64_t value;           /* relaxed atomics */
    int registered;          /* the same; set once NEXT is */
    struct hub_metric *next; /* of the registry, under its lock */
};
#define HUB_METRIC(KIND, NAME, LABELS, HELP) \
    { .name = (NAME), .labels = (LABELS), .help = (HELP), .kind = (KIND) }

void hub_metric_register(struct hub_metric *m); /* implied by add and set; again: no effect */
static inline bool hub_metric_is_registered(const struct hub_metric *m) {
    return __builtin_expect(__atomic_load_n(&m->registered, __ATOMIC_RELAXED), 1);
}
static inline void hub_metric_add(struct hub_metric *m, int64_t by) {
    if (!hub_metric_is_registered(m)) hub_metric_register(m);
    __atomic_fetch_add(&m->value, by, __ATOMIC_RELAXED);
}
/* Of a gauge with one owner in the process; several owners add what changes. */
static inline void hub_metric_set(struct hub_metric *m, int64_t v) {
    if (!hub_metric_is_registered(m)) hub_metric_register(m);
    __atomic_store_n(&m->value, v, __ATOMIC_RELAXED);
}
/* A counter for each value of one label, made on demand; at most 256 values, further ones count under
 * "other". Lives as long as the process; NAME and HELP are literals. */
struct hub_metric *hub_metric_labelled(const char *name, const char *help, enum hub_metric_kind kind, const char *label,
                                       struct hub_str value);

/* Latency histogram with fixed bounds from 50 µs to 10 s. What is printed while others add may lack the
 * newest of them in one bucket and not in another. */
#define HUB_HISTOGRAM_BUCKETS 17
struct hub_histogram {
    const char *name, *labels, *help;
    uint64_t count[HUB_HISTOGRAM_BUCKETS + 1]; /* relaxed atomics */
    uint64_t sum_ns;                           /* the same */
    int registered;                            /* the same; set once NEXT is */
    struct hub_histogram *next;                /* of the registry, under its lock */
};
#define HUB_HISTOGRAM(NAME, LABELS, HELP) \
    { .name = (NAME), .labels = (LABELS), .help = (HELP) }
void hub_histogram_add(struct hub_histogram *h, uint64_t ns);

/* Appends everything registered as Prometheus text (version 0.0.4), grouped by name. */
void hub_metrics_print(struct hub_buf *out);
#endif
