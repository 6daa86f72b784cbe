/* When the key set is fetched, what becomes of the answer, and who waits for it. */
#include "auth/jwks.h"

#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"
#include "base/text/secret.h"

#define WAITERS_MAX 1000

/* How long keys serve when the answer does not say (Cache-Control: max-age), and bounds of what it says. */
#define FRESH_MS 600000
#define FRESH_LEAST_MS 60000
#define FRESH_MOST_MS 86400000
#define RETRY_MS 10000           /* after a failure, doubled with each further one up to FRESH_MS */
#define BETWEEN_UNKNOWN_MS 10000 /* fetches for unknown keys: strangers write tokens too */
#define TIMEOUT_MS 5000          /* of one fetch */

static struct hub_metric fetched_ok =
    HUB_METRIC(HUB_COUNTER, "hubd_jwks_fetches_total", "result=\"ok\"", "Fetches of auth.jwt.jwksUrl");
static struct hub_metric fetched_bad =
    HUB_METRIC(HUB_COUNTER, "hubd_jwks_fetches_total", "result=\"failed\"", "Fetches of auth.jwt.jwksUrl");
static struct hub_metric fetched_at = HUB_METRIC(HUB_GAUGE, "hubd_jwks_fetched_timestamp_seconds", NULL,
                                                 "Unix time of the last successful fetch of auth.jwt.jwksUrl");

struct hub_jwks {
    struct hub_jwks_config config;
    char *url, *shown; /* the latter for people */
    struct hub_fetch fetch;
    bool fetching;
    bool deleted;       /* freed when the fetch under way ends */
    json_t *document;   /* the newest good one; NULL: no keys yet */
    int64_t delay;      /* of the next retry; 0 after a success */
    int64_t unknown_at; /* from then on an unknown key may cause a fetch */
    struct hub_timer timer;
    struct hub_list waiters;
    size_t waiter_n;
    void (*started)(void *arg, const char *error);
    void *started_arg;
};

/* ---- what came back ---- */

/* Milliseconds that the answer may be used; -1 when it does not say. */
static int64_t max_age(struct hub_str header) {
    struct hub_str part, name;
    int64_t ms = -1;
    uint64_t seconds;
    while (header.p && hub_str_split(&header, ',', &part)) {
        part = hub_str_trim(part);
        if (!hub_str_split(&part, '=', &name)) continue;
        if (hub_str_eq_nocase(name, HUB_STR("no-store")) || hub_str_eq_nocase(name, HUB_STR("no-cache"))) return 0;
        if (hub_str_eq_nocase(name, HUB_STR("max-age")) && hub_str_u64(part, &seconds))
            ms = seconds < 1000000000 ? (int64_t)seconds * 1000 : INT64_MAX;
    }
    return ms;
}

static int64_t fresh_for(struct hub_str cache_control) {
    int64_t ms = max_age(cache_control);
    if (ms < 0) return FRESH_MS;
    return ms < FRESH_LEAST_MS ? FRESH_LEAST_MS : ms > FRESH_MOST_MS ? FRESH_MOST_MS : ms;
}

static enum hub_code take_keys(struct hub_jwks *j, struct hub_str body, struct hub_err *err) {
    struct hub_err cause;
    json_t *document = hub_json_parse(body, &cause);
    if (!document) return hub_fail(err, HUB_INTERNAL, "the answer is not JSON: %s", cause.text);
    enum hub_code code = hub_jwt_keys_set_jwks(j->config.keys, document, err);
    if (code) {
        json_decref(document);
        return code;
    }
    json_decref(j->document);
    j->document = document;
    return HUB_OK;
}

static void fetch_keys(struct hub_jwks *j);
static void on_fetch_timer(struct hub_timer *t) { fetch_keys(HUB_CONTAINER(t, struct hub_jwks, timer)); }

static void on_fetch_succeeded(struct hub_jwks *j, struct hub_str cache_control) {
    j->delay = 0;
    hub_metric_add(&fetched_ok, 1);
    hub_metric_set(&fetched_at, hub_loop_wall(j->config.loop) / 1000);
    hub_timer_start(j->config.loop, &j->timer, fresh_for(cache_control), on_fetch_timer);
    hub_logf(HUB_LOG_DEBUG, "auth", "%zu keys fetched from %s", json_array_size(hub_json_get(j->document, "keys")),
             j->shown);
}

static void on_fetch_failed(struct hub_jwks *j, const char *error) {
    hub_metric_add(&fetched_bad, 1);
    if (!j->document) return; /* hub_jwks_start's caller is told */
    j->delay = !j->delay ? RETRY_MS : j->delay * 2 < FRESH_MS ? j->delay * 2 : FRESH_MS;
    hub_timer_start(j->config.loop, &j->timer, j->delay, on_fetch_timer);
    hub_log_kv(HUB_LOG_WARN, "auth", "the keys could not be fetched again, the old ones stay", "url", j->shown, "error",
               error, NULL);
}

static void tell_waiters(struct hub_jwks *j, bool closing) {
    struct hub_list now;
    hub_list_init(&now);
    hub_list_splice(&now, &j->waiters);
    j->waiter_n = 0;
    for (struct hub_list *l; (l = hub_list_pop(&now));) {
        struct hub_jwks_waiter *w = HUB_CONTAINER(l, struct hub_jwks_waiter, link);
        w->done(w, closing);
    }
}

static void free_set(struct hub_jwks *j) {
    json_decref(j->document);
    free(j->url);
    free(j->shown);
    free(j);
}

static void on_fetched(struct hub_fetch *f, const struct hub_fetched *answer, const char *error) {
    struct hub_jwks *j = HUB_CONTAINER(f, struct hub_jwks, fetch);
    void (*started)(void *arg, const char *error) = j->started;
    struct hub_err err;
    j->fetching = false;
    j->started = NULL;
    if (j->deleted) {
        free_set(j);
        return;
    }
    if (!error && take_keys(j, answer->body, &err)) error = err.text;
    if (error)
        on_fetch_failed(j, error);
    else
        on_fetch_succeeded(j, answer->cache_control);
    tell_waiters(j, false);
    if (started) started(j->started_arg, error); /* may delete the set */
}

/* ---- when ---- */

static void fetch_keys(struct hub_jwks *j) {
    if (j->fetching) return;
    j->fetching = true;
    hub_timer_stop(j->config.loop, &j->timer);
    j->fetch = (struct hub_fetch){.url = j->url, .timeout_ms = TIMEOUT_MS, .done = on_fetched};
    j->config.fetch(j->config.fetch_ctx, &j->fetch);
}

void hub_jwks_start(struct hub_jwks *j, void (*done)(void *arg, const char *error), void *arg) {
    j->started = done;
    j->started_arg = arg;
    fetch_keys(j);
}

bool hub_jwks_inherit(struct hub_jwks *j, const struct hub_jwks *old) {
    struct hub_err err;
    if (!old || !old->document || strcmp(old->url, j->url) ||
        hub_jwt_keys_set_jwks(j->config.keys, old->document, &err))
        return false;
    j->document = json_incref(old->document);
    int64_t left = old->timer.due - hub_loop_now(j->config.loop);
    hub_timer_start(j->config.loop, &j->timer, hub_timer_running(&old->timer) && left > 0 ? left : 0, on_fetch_timer);
    return true;
}

bool hub_jwks_ready(const struct hub_jwks *j, struct hub_buf *why) {
    if (!j->document) hub_buf_addz(why, "the keys of auth.jwt.jwksUrl have not been fetched yet");
    return j->document != NULL;
}

bool hub_jwks_wait(struct hub_jwks *j, struct hub_jwks_waiter *w) {
    int64_t now = hub_loop_now(j->config.loop);
    if (j->waiter_n >= WAITERS_MAX || (!j->fetching && now < j->unknown_at)) return false;
    hub_list_push(&j->waiters, &w->link);
    j->waiter_n++;
    if (j->fetching) return true;
    j->unknown_at = now + BETWEEN_UNKNOWN_MS;
    fetch_keys(j);
    return true;
}

/* ---- life ---- */

struct hub_jwks *hub_jwks_new(const struct hub_jwks_config *config) {
    struct hub_jwks *j = hub_xcalloc(1, sizeof *j);
    j->config = *config;
    struct hub_buf shown = {0};
    hub_secret_add_url(&shown, hub_cstr(config->url));
    j->shown = hub_buf_take(&shown, NULL);
    j->url = hub_xstrdup(config->url);
    hub_list_init(&j->waiters);
    return j;
}

void hub_jwks_delete(struct hub_jwks *j) {
    if (!j) return;
    hub_timer_stop(j->config.loop, &j->timer);
    tell_waiters(j, true);
    j->deleted = true;
    if (!j->fetching) free_set(j);
}
