/* Metric registry and Prometheus text. */
#include "base/telemetry/metric.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/collection/list.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"

#define VALUES_MAX 256 /* of one label */
#define OWN_MAX 8192   /* values that a thread may have of its own; what comes later is shared */

#define SUM_NS (HUB_HISTOGRAM_BUCKETS + 1) /* place of the sum, behind the buckets */

/* The registry of the process. What is in it never leaves. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hub_metric *metrics;
static struct hub_histogram *histograms;
static struct hub_list owners = {&owners, &owners}; /* metric_owner.link */
static int places = 1;                              /* given out; 0 stands for none */

struct metric_owner {
    struct hub_list link;
    int64_t values[OWN_MAX]; /* by place; relaxed atomics, written by its thread alone */
};
_Thread_local int64_t *hub_metrics_mine;

/* ---- values of a thread ---- */

void hub_metrics_own(void) {
    if (hub_metrics_mine) return;
    struct metric_owner *o = hub_xcalloc(1, sizeof *o);
    pthread_mutex_lock(&lock);
    hub_list_push(&owners, &o->link);
    pthread_mutex_unlock(&lock);
    hub_metrics_mine = o->values;
}

/* With the lock: of all threads. */
static int64_t own_sum(int place) {
    int64_t sum = 0;
    if (place > 0) HUB_LIST_EACH(&owners, it)
    sum += __atomic_load_n(&HUB_CONTAINER(it, struct metric_owner, link)->values[place], __ATOMIC_RELAXED);
    return sum;
}

static void keep_value(int64_t *of_all, int64_t own) { __atomic_fetch_add(of_all, own, __ATOMIC_RELAXED); }

/* With the lock. */
static void keep_values(const int64_t *own) {
    for (struct hub_metric *m = metrics; m; m = m->next)
        if (m->place > 0) keep_value(&m->value, own[m->place]);
    for (struct hub_histogram *h = histograms; h; h = h->next) {
        if (h->place < 0) continue;
        for (int i = 0; i <= HUB_HISTOGRAM_BUCKETS; i++) keep_value((int64_t *)&h->count[i], own[h->place + i]);
        keep_value((int64_t *)&h->sum_ns, own[h->place + SUM_NS]);
    }
}

void hub_metrics_disown(void) {
    if (!hub_metrics_mine) return;
    struct metric_owner *o = HUB_CONTAINER(hub_metrics_mine, struct metric_owner, values);
    hub_metrics_mine = NULL;
    pthread_mutex_lock(&lock);
    hub_list_remove(&o->link);
    keep_values(o->values);
    pthread_mutex_unlock(&lock);
    free(o);
}

/* With the lock: for N values that follow each other. */
static int new_place(int n) {
    if (places > OWN_MAX - n) return -1;
    places += n;
    return places - n;
}

/* ---- the registry ---- */

/* With the lock. Keeps metrics of one name together: Prometheus wants their samples in one group. */
static void insert_metric(struct hub_metric *m) {
    struct hub_metric **at = &metrics, **last_same = NULL;
    for (; *at; at = &(*at)->next)
        if (!strcmp((*at)->name, m->name)) last_same = &(*at)->next;
    if (last_same) at = last_same;
    m->next = *at;
    *at = m;
    __atomic_store_n(&m->place, new_place(1), __ATOMIC_RELAXED);
}

int hub_metric_register(struct hub_metric *m) {
    pthread_mutex_lock(&lock);
    if (!__atomic_load_n(&m->place, __ATOMIC_RELAXED)) insert_metric(m);
    int place = m->place;
    pthread_mutex_unlock(&lock);
    return place;
}

/* With the lock. */
static int64_t sum_of(const int64_t *of_all, int place) {
    return __atomic_load_n(of_all, __ATOMIC_RELAXED) + own_sum(place);
}

int64_t hub_metric_value(const struct hub_metric *m) {
    pthread_mutex_lock(&lock);
    int64_t sum = sum_of(&m->value, m->place);
    pthread_mutex_unlock(&lock);
    return sum;
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

static int register_histogram(struct hub_histogram *h) {
    pthread_mutex_lock(&lock);
    if (!__atomic_load_n(&h->place, __ATOMIC_RELAXED)) {
        h->next = histograms;
        histograms = h;
        __atomic_store_n(&h->place, new_place(SUM_NS + 1), __ATOMIC_RELAXED);
    }
    int place = h->place;
    pthread_mutex_unlock(&lock);
    return place;
}

void hub_histogram_add(struct hub_histogram *h, uint64_t ns) {
    int place = __atomic_load_n(&h->place, __ATOMIC_RELAXED), i = 0;
    if (__builtin_expect(!place, 0)) place = register_histogram(h);
    while (i < HUB_HISTOGRAM_BUCKETS && ns > bounds_us[i] * 1000) i++;
    if (place > 0 && hub_metrics_add_own(place + i, 1)) {
        hub_metrics_add_own(place + SUM_NS, (int64_t)ns);
        return;
    }
    __atomic_fetch_add(&h->count[i], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&h->sum_ns, ns, __ATOMIC_RELAXED);
}

static void print_histogram(struct hub_buf *out, const struct hub_histogram *h) {
    const char *labels = h->labels ? h->labels : "";
    const char *comma = h->labels ? "," : "";
    uint64_t total = 0;
    for (int i = 0; i <= HUB_HISTOGRAM_BUCKETS; i++) {
        total += (uint64_t)sum_of((const int64_t *)&h->count[i], h->place > 0 ? h->place + i : -1);
        if (i < HUB_HISTOGRAM_BUCKETS)
            hub_buf_addf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", h->name, labels, comma, (double)bounds_us[i] / 1e6,
                         (unsigned long long)total);
        else
            hub_buf_addf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", h->name, labels, comma, (unsigned long long)total);
    }
    const char *open = h->labels ? "{" : "", *close = h->labels ? "}" : "";
    hub_buf_addf(out, "%s_sum%s%s%s %.9f\n", h->name, open, labels, close,
                 (double)sum_of((const int64_t *)&h->sum_ns, h->place > 0 ? h->place + SUM_NS : -1) / 1e9);
    hub_buf_addf(out, "%s_count%s%s%s %llu\n", h->name, open, labels, close, (unsigned long long)total);
}

static void print_metrics(struct hub_buf *out) {
    const char *last = "";
    for (const struct hub_metric *m = metrics; m; m = m->next) {
        if (strcmp(last, m->name))
            hub_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
                         m->kind == HUB_COUNTER ? "counter" : "gauge");
        last = m->name;
        long long v = (long long)sum_of(&m->value, m->place);
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
