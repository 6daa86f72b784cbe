/* A cache on a real redis-server, and waiting for what its loop brings. Included after cmocka.h by the
 * tests of this folder. */
#ifndef HUB_TESTS_CACHE_FIXTURE_H
#define HUB_TESTS_CACHE_FIXTURE_H
#include "adapters/redis/redis.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"
#include "base/time/clock.h"
#include "redis_server.h"

static struct redis_server server;
static struct hub_clock clock_ahead; /* runs, for the server does; turned where only hubd waits */
static struct hub_loop *loop;
static struct hub_cache *cache;

/* ---- waiting for what the loop brings ---- */

static struct hub_timer give_up, look;
static bool (*awaited)(void);
static bool too_late;

static void on_give_up(struct hub_timer *t) {
    (void)t;
    too_late = true;
    hub_loop_stop(loop);
}

static void on_look(struct hub_timer *t) {
    if (awaited())
        hub_loop_stop(loop);
    else
        hub_timer_start(loop, t, 2, on_look);
}

enum { BUSY_MS = 20000 }; /* what a host that does much else may add to a time limit of a test */

/* Turns the loop until CONDITION holds; fails the test after MS, and some for a busy host. */
static inline void until(bool (*condition)(void), int64_t ms) {
    awaited = condition;
    too_late = false;
    hub_timer_start(loop, &give_up, ms + BUSY_MS, on_give_up);
    hub_timer_start(loop, &look, 0, on_look);
    hub_loop_run(loop);
    hub_timer_stop(loop, &give_up);
    hub_timer_stop(loop, &look);
    if (too_late) fail_msg("what was waited for did not come within %lld ms", (long long)ms);
}

static bool is_ready(void) { return cache->ops->ready(cache, NULL); }
static inline bool is_away(void) { return !is_ready(); }

/* Away, and says so with REASON in its words. */
static const char *reason;
static inline bool is_reason(void) {
    struct hub_buf why = {0};
    bool ready = cache->ops->ready(cache, &why), has = !ready && strstr(hub_buf_cstr(&why), reason);
    hub_buf_free(&why);
    return has;
}

static int64_t turn_until;
static bool time_is_over(void) { return hub_real_ms() >= turn_until; }
static inline void turn_for(int64_t ms) {
    turn_until = hub_real_ms() + ms;
    until(time_is_over, ms + 5000);
}

static bool came_back;
static void on_came_back(void *arg, enum hub_code code, json_t *reply, const char *error) {
    (void)arg, (void)code, (void)reply, (void)error;
    came_back = true;
}
static bool has_come_back(void) { return came_back; }

/* The server has answered what it was asked before. */
static inline void round_trip(void) {
    json_t *get = json_pack("[s, s]", "GET", "nobody");
    came_back = false;
    cache->ops->call(cache, get, on_came_back, NULL);
    json_decref(get);
    until(has_come_back, 20000);
}

/* Turns the clock until CONDITION holds; fails the test after MS. A tenth of a second at a time, so that a
 * server that is well has answered in time; without a connection questions are answered at once, and making
 * one takes real time. */
static inline void until_turned(bool (*condition)(void), int64_t ms) {
    for (int64_t passed = 0; round_trip(), turn_for(5), !condition(); passed += 100) {
        if (passed >= ms) fail_msg("what was waited for did not come within %lld ms", (long long)ms);
        hub_clock_turn(&clock_ahead, 100);
    }
}

static inline void turn_by(int64_t ms) {
    for (int64_t passed = 0; passed < ms; passed += 100) {
        round_trip();
        hub_clock_turn(&clock_ahead, 100);
    }
    round_trip();
}

static inline int64_t metric(const char *name) {
    struct hub_buf b = {0};
    char line[80];
    int64_t v = -1;
    hub_metrics_print(&b);
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(hub_buf_cstr(&b), line);
    if (at) v = atoll(at + strlen(line));
    hub_buf_free(&b);
    return v;
}

static inline void open_at(const char *url) {
    const struct hub_cache_config config = {.loop = loop, .url = url, .name = "test"};
    struct hub_err err;
    if (hub_redis_cache_ops.open(&config, &cache, &err)) fail_msg("%s", err.text);
}

static inline void new_loop(void) {
    hub_clock_init(&clock_ahead);
    loop = hub_loop_new(&clock_ahead);
}

static inline void open_cache(void) {
    char url[80];
    new_loop();
    snprintf(url, sizeof url, "redis://localhost:%d/3?timeoutMs=300", server.port);
    open_at(url);
    until(is_ready, 5000);
}

static inline void close_cache(void) {
    cache->ops->close(cache);
    hub_loop_delete(loop);
    hub_clock_deinit(&clock_ahead);
}

/* Runs TESTS on a fresh server; 77 where there is none (a failure with CI=true). */
#define RUN_ON_REDIS_WITH(TESTS, SETUP, TEARDOWN)                      \
    do {                                                               \
        hub_log_setup(HUB_LOG_ERROR, false);                           \
        if (!redis_start(&server, NULL)) {                             \
            puts("skipped: redis-server is not installed");            \
            return getenv("CI") ? 1 : 77;                              \
        }                                                              \
        int failed = cmocka_run_group_tests((TESTS), SETUP, TEARDOWN); \
        redis_remove(&server);                                         \
        return failed;                                                 \
    } while (0)
#define RUN_ON_REDIS(TESTS) RUN_ON_REDIS_WITH(TESTS, NULL, NULL)
#endif
