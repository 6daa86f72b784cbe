/* Metric registry and Prometheus text. */
#include "base/telemetry/metric.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/text/utf8.h"

#define VALUES_MAX 256 /* of one label */

/* The registry of the process. What is in it never leaves. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hub_metric *metrics;
static struct hub_histogram *histograms;

/* With the lock. Keeps metrics of one name together: Prometheus wants their samples in one group. */
static void insert_metric(struct hub_metric *m) {
    struct hub_metric **at = &metrics, **last_same = NULL;
    for (; *at; at = &(*at)->next)
        if (!strcmp((*at)->name, m->name)) last_same = &(*at)->next;
    if (last_same) at = last_same;
    m->next = *at;
    *at = m;
    __atomic_store_n(&m->registered, 1, __ATOMIC_RELAXED);
}

void hub_metric_register(struct hub_metric *m) {
    pthread_mutex_lock(&lock);
    if (!__atomic_load_n(&m->registered, __ATOMIC_RELAXED)) insert_metric(m);
    pthread_mutex_unlock(&lock);
}

/* label="VALUE", cut and escaped. */
static void add_label(struct hub_buf *b, const char *label, struct hub_str value) {
    hub_buf_addf(b, "%s=\"", label);
    value = hub_utf8_cut(value, 64);
    bool utf8 = hub_utf8_valid(value);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c == '"' || c == '\\') hub_buf_addc(b, '\\');
        hub_buf_addc(b, c < ' ' || (c >= 0x80 && !utf8) ? '?' : (char)c);
    }
    hub_buf_addc(b, '"');
}

/* With the lock: the metric NAME with LABELS, or NULL; *SAME is how many have the name. */
static struct hub_metric *find_labelled(const char *name, const char *labels, size_t *same) {
    *same = 0;
    for (struct hub_metric *m = metrics; m; m = m->next) {
        if (strcmp(m->name, name)) continue;
        ++*same;
        if (m->labels && !strcmp(m->labels, labels)) return m;
    }
    return NULL;
}

struct hub_metric *hub_metric_labelled(const char *name, const char *help, enum hub_metric_kind kind, const char *label,
                                       struct hub_str value) {
    struct hub_buf b = {0};
    size_t same;
    add_label(&b, label, value);
    pthread_mutex_lock(&lock);
    struct hub_metric *m = find_labelled(name, hub_buf_cstr(&b), &same);
    if (!m && same >= VALUES_MAX) {
        hub_buf_clear(&b);
        add_label(&b, label, HUB_STR("other"));
        m = find_labelled(name, hub_buf_cstr(&b), &same);
    }
    if (!m) {
        m = hub_xcalloc(1, sizeof *m);
        *m = (struct hub_metric){.name = name, .labels = hub_buf_take(&b, NULL), .help = help, .kind = kind};
        insert_metric(m);
    }
    pthread_mutex_unlock(&lock);
    hub_buf_free(&b);
    return m;
}

static const uint64_t bounds_us[HUB_HISTOGRAM_BUCKETS] = {50,     100,     250,     500,     1000,    2500,
                                                          5000,   10000,   25000,   50000,   100000,  250000,
                                                          500000, 1000000, 2500000, 5000000, 10000000};

static void register_histogram(struct hub_histogram *h) {
    pthread_mutex_lock(&lock);
    if (!__atomic_load_n(&h->registered, __ATOMIC_RELAXED)) {
        h->next = histograms;
        histograms = h;
        __atomic_store_n(&h->registered, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&lock);
}

void hub_histogram_add(struct hub_histogram *h, uint64_t ns) {
    if (__builtin_expect(!__atomic_load_n(&h->registered, __ATOMIC_RELAXED), 0)) register_histogram(h);
    size_t i = 0;
    while (i < HUB_HISTOGRAM_BUCKETS && ns > bounds_us[i] * 1000) i++;
    __atomic_fetch_add(&h->count[i], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&h->sum_ns, ns, __ATOMIC_RELAXED);
}

static void print_histogram(struct hub_buf *out, const struct hub_histogram *h) {
    const char *labels = h->labels ? h->labels : "";
    const char *comma = h->labels ? "," : "";
    uint64_t total = 0;
    for (size_t i = 0; i <= HUB_HISTOGRAM_BUCKETS; i++) {
        total += __atomic_load_n(&h->count[i], __ATOMIC_RELAXED);
        if (i < HUB_HISTOGRAM_BUCKETS)
            hub_buf_addf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", h->name, labels, comma, (double)bounds_us[i] / 1e6,
                         (unsigned long long)total);
        else
            hub_buf_addf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", h->name, labels, comma, (unsigned long long)total);
    }
    const char *open = h->labels ? "{" : "", *close = h->labels ? "}" : "";
    hub_buf_addf(out, "%s_sum%s%s%s %.9f\n", h->name, open, labels, close,
                 (double)__atomic_load_n(&h->sum_ns, __ATOMIC_RELAXED) / 1e9);
    hub_buf_addf(out, "%s_count%s%s%s %llu\n", h->name, open, labels, close, (unsigned long long)total);
}

static void print_metrics(struct hub_buf *out) {
    const char *last = "";
    for (const struct hub_metric *m = metrics; m; m = m->next) {
        if (strcmp(last, m->name))
            hub_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
                         m->kind == HUB_COUNTER ? "counter" : "gauge");
        last = m->name;
        long long v = (long long)__atomic_load_n(&m->value, __ATOMIC_RELAXED);
        if (m->labels)
            hub_buf_addf(out, "%s{%s} %lld\n", m->name, m->labels, v);
        else
            hub_buf_addf(out, "%s %lld\n", m->name, v);
    }
}

static void print_histograms(struct hub_buf *out) {
    for (const struct hub_histogram *h = histograms; h; h = h->next) {
        bool seen = false;
        for (const struct hub_histogram *p = histograms; p != h && !seen; p = p->next) seen = !strcmp(p->name, h->name);
        if (seen) continue;
        hub_buf_addf(out, "# HELP %s %s\n# TYPE %s histogram\n", h->name, h->help, h->name);
        for (const struct hub_histogram *p = h; p; p = p->next)
            if (!strcmp(p->name, h->name)) print_histogram(out, p);
    }
}

void hub_metrics_print(struct hub_buf *out) {
    pthread_mutex_lock(&lock);
    print_metrics(out);
    print_histograms(out);
    pthread_mutex_unlock(&lock);
}
