/* The cache on a real redis-server: values, windows, watched keys, scripts' commands; and the server going away in every way. */
#include "adapters/redis/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis_server.h"

static struct redis_server server;
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

/* Turns the loop until CONDITION holds; fails the test after MS. */
static void until(bool (*condition)(void), int64_t ms) {
    awaited = condition;
    too_late = false;
    hub_timer_start(loop, &give_up, ms, on_give_up);
    hub_timer_start(loop, &look, 0, on_look);
    hub_loop_run(loop);
    hub_timer_stop(loop, &give_up);
    hub_timer_stop(loop, &look);
    if (too_late) fail_msg("what was waited for did not come within %lld ms", (long long)ms);
}

static bool is_ready(void) { return cache->ops->ready(cache, NULL); }
static bool is_away(void) { return !is_ready(); }

static int64_t turn_until;
static bool time_is_over(void) { return hub_mono_ms() >= turn_until; }
static void turn_for(int64_t ms) {
    turn_until = hub_mono_ms() + ms;
    until(time_is_over, ms + 5000);
}

static void open_at(const char *url) {
    const struct hub_cache_config config = {.loop = loop, .url = url, .name = "test"};
    struct hub_err err;
    if (hub_redis_cache_ops.open(&config, &cache, &err)) fail_msg("%s", err.text);
}

static void open_cache(void) {
    char url[80];
    loop = hub_loop_new();
    snprintf(url, sizeof url, "redis://localhost:%d/3?timeoutMs=300", server.port);
    open_at(url);
    until(is_ready, 5000);
}

static void close_cache(void) {
    cache->ops->close(cache);
    hub_loop_delete(loop);
}

/* ---- questions ---- */

static struct hub_buf answer;
static enum hub_code answer_code;
static bool answered;
static bool is_answered(void) { return answered; }

static void on_values(void *arg, enum hub_code code, const struct hub_str *values) {
    answer_code = code;
    hub_buf_clear(&answer);
    for (size_t i = 0; !code && i < *(size_t *)arg; i++) {
        if (i) hub_buf_addc(&answer, '|');
        hub_buf_adds(&answer, values[i].p ? values[i] : HUB_STR("-"));
    }
    answered = true;
}

static const char *get(size_t n, const char *const *names) {
    struct hub_str keys[HUB_CACHE_KEYS_MAX];
    for (size_t i = 0; i < n; i++) keys[i] = hub_cstr(names[i]);
    answered = false;
    cache->ops->get(cache, keys, n, on_values, &n);
    until(is_answered, 5000);
    return hub_buf_cstr(&answer);
}
#define GET(...) get(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

static void on_reply(void *arg, enum hub_code code, json_t *reply, const char *error) {
    (void)arg;
    assert_int_equal(code != HUB_OK, error != NULL);
    answer_code = code;
    hub_buf_clear(&answer);
    if (error)
        hub_buf_addz(&answer, error);
    else
        hub_json_add(&answer, reply);
    answered = true;
}

/* COMMAND is a JSON array. */
static const char *call(const char *command) {
    json_t *args = hub_json_parse(hub_cstr(command), NULL);
    assert_non_null(args);
    answered = false;
    cache->ops->call(cache, args, on_reply, NULL);
    json_decref(args);
    until(is_answered, 5000);
    return hub_buf_cstr(&answer);
}

static int64_t waited;
static void on_taken(void *arg, enum hub_code code, int64_t wait_ms) {
    (void)arg;
    answer_code = code;
    waited = wait_ms;
    answered = true;
}

static int64_t take(const char *key, int64_t limit, int64_t window) {
    answered = false;
    cache->ops->take(cache, hub_cstr(key), limit, window, on_taken, NULL);
    until(is_answered, 5000);
    return answer_code ? -1 : waited;
}

static void on_set(void *arg, enum hub_code code) {
    (void)arg;
    answer_code = code;
    answered = true;
}

static enum hub_code set(const char *key, const char *value, int64_t ttl) {
    answered = false;
    cache->ops->set(cache, hub_cstr(key), hub_cstr(value), ttl, on_set, NULL);
    until(is_answered, 5000);
    return answer_code;
}

/* ---- the tests ---- */

static void values_are_set_read_together_and_expire(void **state) {
    (void)state;
    open_cache();
    assert_int_equal(set("a", "1", 0), HUB_OK);
    assert_int_equal(set("b", "", 60000), HUB_OK);
    assert_string_equal(GET("a", "nobody", "b"), "1|-|");
    set("short", "x", 5);
    turn_for(10);
    assert_string_equal(GET("short"), "-");
    call("[\"RPUSH\",\"list\",\"x\"]");
    assert_string_equal(GET("list", "a"), "-|1"); /* what is no text is not there */
    close_cache();
}

static void swap(const char *key, const char *was, const char *value) {
    cache->ops->swap(cache, hub_cstr(key), hub_cstr(was), hub_cstr(value), 60000);
}

static void a_value_is_swapped_only_for_what_it_was(void **state) {
    (void)state;
    open_cache();
    swap("swapped", "other", "1");
    assert_string_equal(GET("swapped"), "-");
    swap("swapped", "", "1");
    swap("swapped", "", "2");
    swap("swapped", "2", "3");
    assert_string_equal(GET("swapped"), "1");
    swap("swapped", "1", "2");
    assert_string_equal(GET("swapped"), "2");
    close_cache();
}

static void commands_of_scripts_are_answered_in_json(void **state) {
    (void)state;
    open_cache();
    assert_string_equal(call("[\"SET\",\"n\",5]"), "\"OK\"");
    assert_string_equal(call("[\"INCR\",\"n\"]"), "6");
    assert_string_equal(call("[\"GET\",\"nobody\"]"), "null");
    assert_string_equal(call("[\"HSET\",\"h\",\"a\",\"1\",\"b\",\"\\u00e9\"]"), "2");
    assert_string_equal(call("[\"HGETALL\",\"h\"]"), "[\"a\",\"1\",\"b\",\"\u00e9\"]");
    assert_string_equal(call("[\"EVAL\",\"return {1,{'x',false},3}\",0]"), "[1,[\"x\",null],3]");
    assert_string_equal(call("[\"SET\",\"nul\",\"a\\u0000b\"]"), "\"OK\"");
    assert_string_equal(call("[\"GET\",\"nul\"]"), "\"a\\u0000b\"");
    assert_string_equal(call("[\"INCR\",\"h\"]"), "WRONGTYPE Operation against a key holding the wrong kind of value");
    assert_int_equal(answer_code, HUB_BAD_REQUEST);
    call("[\"NOSUCH\"]");
    assert_int_equal(answer_code, HUB_BAD_REQUEST);
    call("[\"EVAL\",\"return '\\\\255'\",0]");
    assert_non_null(strstr(hub_buf_cstr(&answer), "UTF-8"));
    close_cache();
}

static void commands_that_would_hurt_others_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"[\"BLPOP\",\"a\",0]",
                                      "[\"subscribe\",\"a\"]",
                                      "[\"PSUBSCRIBE\",\"a\"]",
                                      "[\"Monitor\"]",
                                      "[\"PMONITOR\"]",
                                      "[\"SELECT\",1]",
                                      "[\"MULTI\"]",
                                      "[\"QUIT\"]",
                                      "[\"CLIENT\",\"REPLY\",\"OFF\"]",
                                      "[\"XREAD\",\"BLOCK\",0,\"STREAMS\",\"s\",\"$\"]",
                                      "[\"subscribe\\r\\n\",\"a\"]",
                                      "[\"SHUTDOWN\"]",
                                      "[\"\"]",
                                      "[]",
                                      "[{}]"};
    open_cache();
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        call(bad[i]);
        if (answer_code != HUB_BAD_REQUEST) fail_msg("%s was not refused: %s", bad[i], hub_buf_cstr(&answer));
    }
    assert_string_equal(call("[\"XREAD\",\"STREAMS\",\"block\",\"0\"]"), "null");
    assert_true(is_ready());
    close_cache();
}

static void a_window_gives_its_places_and_tells_when_there_is_one_again(void **state) {
    (void)state;
    open_cache();
    int64_t began = hub_mono_ms();
    for (int i = 0; i < 3; i++) assert_int_equal(take("w", 3, 400), 0);
    int64_t wait = take("w", 3, 400);
    assert_in_range(wait, 1, 400);
    assert_true(wait >= 399 - (hub_mono_ms() - began)); /* the oldest place becomes free then, not earlier */
    assert_int_equal(take("other", 3, 400), 0);
    turn_for(wait + 1);
    assert_int_equal(take("w", 3, 400), 0);
    close_cache();
    open_cache(); /* another process, the same window */
    assert_int_equal(take("w2", 1, 60000), 0);
    assert_in_range(take("w2", 1, 60000), 59000, 60000);
    close_cache();
}

static void a_large_window_is_bounded_and_never_more_generous(void **state) {
    (void)state;
    open_cache();
    int64_t taken = 0;
    while (!take("large", 5000, 60000)) taken++;
    assert_in_range(taken, 4990, 5000);
    call("[\"LLEN\",\"large\"]");
    assert_true(atoi(answer.p) <= 2048);
    close_cache();
}

static void a_server_that_is_killed_and_returns_is_found_again(void **state) {
    (void)state;
    open_cache();
    for (int i = 0; i < 3; i++) {
        redis_kill(&server);
        until(is_away, 2000);
        int64_t began = hub_mono_ms();
        assert_int_equal(set("x", "1", 0), HUB_STORE_UNAVAILABLE);
        assert_int_equal(take("x", 1, 1000), -1);
        assert_true(hub_mono_ms() - began < 100);
        redis_start(&server, NULL);
        until(is_ready, 5000);
        assert_int_equal(set("x", "1", 0), HUB_OK);
    }
    close_cache();
}

int main(void) {
    hub_log_setup(HUB_LOG_ERROR, false);
    if (!redis_start(&server, NULL)) {
        puts("skipped: there is no redis-server");
        return getenv("CI") ? 1 : 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_set_read_together_and_expire),
        cmocka_unit_test(a_value_is_swapped_only_for_what_it_was),
        cmocka_unit_test(commands_of_scripts_are_answered_in_json),
        cmocka_unit_test(commands_that_would_hurt_others_are_refused),
        cmocka_unit_test(a_window_gives_its_places_and_tells_when_there_is_one_again),
        cmocka_unit_test(a_large_window_is_bounded_and_never_more_generous),
        cmocka_unit_test(a_server_that_is_killed_and_returns_is_found_again),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    redis_remove(&server);
    hub_buf_free(&answer);
    return failed;
}
