/* How many lines of one kind there may be: whoever can cause a line can cause it a million times. A kind
 * has a burst and then one line in a while; the next line says how many were left out before it. */
#include <pthread.h>

#include "base/telemetry/log_int.h"
#include "base/text/utf8.h"
#include "base/time/clock.h"

#define KINDS 256
#define PROBES 8
#define QUIET_MS 10000 /* lines left out are told of after this long without one */

/* The first row whose component fits. Lines of scripts are their author's own. */
static const struct rate {
    const char *component;
    int burst, step_ms;
} rates[] = {{"script", 200, 50}, {NULL, 20, 10000}};

static struct {
    pthread_mutex_t lock;
    struct hub_log_kind kinds[KINDS + 1]; /* the last one is shared by those that find no place */
    uint32_t waiting;                     /* kinds with lines left out */
} limit = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct rate *rate_of(const char *component) {
    const struct rate *r = rates;
    while (r->component && strcmp(r->component, component)) r++;
    return r;
}

/* A kind that has its whole allowance again and nothing to tell is as good as none. */
static bool is_free(const struct hub_log_kind *k, int64_t now) { return !k->key || (k->due <= now && !k->left_out); }

static struct hub_log_kind *find_kind(uint64_t key, int64_t now) {
    struct hub_log_kind *unused = NULL;
    for (uint64_t i = 0; i < PROBES; i++) {
        struct hub_log_kind *k = &limit.kinds[(key + i) % KINDS];
        if (k->key == key) return k;
        if (!unused && is_free(k, now)) unused = k;
    }
    if (!unused) return &limit.kinds[KINDS];
    *unused = (struct hub_log_kind){.key = key};
    return unused;
}

/* *k begins to leave lines out, or one more. */
static void leave_out(struct hub_log_kind *k, enum hub_log_level level, const char *component, struct hub_str about,
                      int64_t now) {
    if (!k->left_out++) __atomic_add_fetch(&limit.waiting, 1, __ATOMIC_RELAXED);
    k->last = now;
    k->level = level;
    k->component = component;
    size_t n = about.n < sizeof k->about ? about.n : sizeof k->about - 1;
    while (n && !hub_utf8_valid(hub_str(about.p, n))) n--;
    if (n) memcpy(k->about, about.p, n);
    k->about[n] = 0;
}

static uint32_t take_count(struct hub_log_kind *k) {
    uint32_t n = k->left_out;
    if (n) __atomic_sub_fetch(&limit.waiting, 1, __ATOMIC_RELAXED);
    k->left_out = 0;
    return n;
}

bool hub_log_admit(enum hub_log_level level, const char *component, uint64_t key, struct hub_str about,
                   uint32_t *left_out) {
    const struct rate *r = rate_of(component);
    int64_t now = hub_clock_mono_ms(NULL);
    *left_out = 0;
    if (level == HUB_LOG_DEBUG)
        return true; /* who asks for these wants them all; what does not flow is dropped by the writer */
    pthread_mutex_lock(&limit.lock);
    struct hub_log_kind *k = find_kind(key ? key : 1, now);
    if (k->due < now) k->due = now;
    bool admitted = k->due - now <= (int64_t)(r->burst - 1) * r->step_ms;
    if (admitted) {
        k->due += r->step_ms;
        *left_out = take_count(k);
    } else {
        leave_out(k, level, component, about, now);
    }
    bool first = !admitted && k->left_out == 1;
    pthread_mutex_unlock(&limit.lock);
    if (!admitted && hub_log_is_started()) hub_metric_add(&hub_log_suppressed, 1);
    if (first) hub_log_nudge();
    return admitted;
}

bool hub_log_any_left_out(void) { return __atomic_load_n(&limit.waiting, __ATOMIC_RELAXED) > 0; }

bool hub_log_take_quiet(struct hub_log_kind *out, bool all) {
    bool found = false;
    int64_t now = hub_clock_mono_ms(NULL);
    pthread_mutex_lock(&limit.lock);
    for (size_t i = 0; i <= KINDS && !found; i++) {
        struct hub_log_kind *k = &limit.kinds[i];
        found = k->left_out && (all || now - k->last >= QUIET_MS);
        if (!found) continue;
        *out = *k;
        take_count(k);
    }
    pthread_mutex_unlock(&limit.lock);
    return found;
}
