/* Counters, gauges and histograms for /metrics. Metrics are static objects that register themselves on
 * first use, which has to be on the loop thread, as everything else here; only the value of one that is
 * registered may be changed by other threads too. */
#ifndef HUB_BASE_METRIC_H
#define HUB_BASE_METRIC_H
#include <stdint.h>

#include "base/buf.h"

enum hub_metric_kind { HUB_COUNTER, HUB_GAUGE };

struct hub_metric {
    const char *name;   /* Prometheus name, e.g. "hubd_messages_in_total" */
    const char *labels; /* "code=\"rate_limited\"" or NULL */
    const char *help;
    enum hub_metric_kind kind;
    int64_t value; /* read and changed with relaxed atomics: other threads may add once it is registered */
    struct hub_metric *next;
    int registered;
};
#define HUB_METRIC(KIND, NAME, LABELS, HELP) \
    { .name = (NAME), .labels = (LABELS), .help = (HELP), .kind = (KIND) }

void hub_metric_register(struct hub_metric *m); /* implied by add/set from the loop thread */
static inline void hub_metric_add(struct hub_metric *m, int64_t by) {
    if (__builtin_expect(!m->registered, 0)) hub_metric_register(m);
    __atomic_fetch_add(&m->value, by, __ATOMIC_RELAXED);
}
static inline void hub_metric_set(struct hub_metric *m, int64_t v) {
    if (__builtin_expect(!m->registered, 0)) hub_metric_register(m);
    __atomic_store_n(&m->value, v, __ATOMIC_RELAXED);
}
/* A counter for each value of one label, made on demand; at most 256 values, further ones count under
 * "other". */
struct hub_metric *hub_metric_labelled(const char *name, const char *help, enum hub_metric_kind kind, const char *label,
                                       struct hub_str value);

/* Latency histogram with fixed bounds from 50 µs to 10 s. Loop thread only. */
#define HUB_HISTOGRAM_BUCKETS 17
struct hub_histogram {
    const char *name, *labels, *help;
    uint64_t count[HUB_HISTOGRAM_BUCKETS + 1];
    uint64_t sum_ns;
    struct hub_histogram *next;
    int registered;
};
#define HUB_HISTOGRAM(NAME, LABELS, HELP) \
    { .name = (NAME), .labels = (LABELS), .help = (HELP) }
void hub_histogram_add(struct hub_histogram *h, uint64_t ns);

/* Appends everything registered as Prometheus text (version 0.0.4), grouped by name. */
void hub_metrics_print(struct hub_buf *out);
#endif
