/* The cache on a real redis-server: values, windows, watched keys, scripts' commands; and the server going
 * away in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache_fixture.h"

/* ---- questions ---- */

static char answer[4096];
static enum hub_code answer_code;
static bool answered;
static bool is_answered(void) { return answered; }

static void on_values(void *arg, enum hub_code code, const struct hub_str *values) {
    answer_code = code;
    size_t n = 0;
    answer[0] = 0;
    for (size_t i = 0; !code && i < *(size_t *)arg; i++) {
        const struct hub_str v = values[i].p ? values[i] : HUB_STR("-");
        n += (size_t)snprintf(answer + n, sizeof answer - n, "%s%.*s", i ? "|" : "", HUB_FMT(v));
    }
    answered = true;
}

static const char *get(size_t n, const char *const *names) {
    struct hub_str keys[HUB_CACHE_KEYS_MAX];
    for (size_t i = 0; i < n; i++) keys[i] = hub_cstr(names[i]);
    answered = false;
    cache->ops->get(cache, keys, n, on_values, &n);
    until(is_answered, 5000);
    return answer;
}
#define GET(...) get(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

static void on_reply(void *arg, enum hub_code code, json_t *reply, const char *error) {
    (void)arg;
    assert_int_equal(code != HUB_OK, error != NULL);
    answer_code = code;
    struct hub_buf text = {0};
    if (!error) hub_json_add(&text, reply);
    snprintf(answer, sizeof answer, "%s", error ? error : hub_buf_cstr(&text));
    hub_buf_free(&text);
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
    return answer;
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
    assert_int_equal(set("short", "x", 5), HUB_OK);
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
    assert_non_null(strstr(answer, "UTF-8"));
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
        if (answer_code != HUB_BAD_REQUEST) fail_msg("%s was not refused: %s", bad[i], answer);
    }
    assert_string_equal(call("[\"XREAD\",\"STREAMS\",\"block\",\"0\"]"), "null");
    assert_true(is_ready());
    close_cache();
}

static void a_window_gives_its_places_and_tells_when_there_is_one_again(void **state) {
    (void)state;
    open_cache();
    int64_t began = hub_real_ms();
    for (int i = 0; i < 3; i++) assert_int_equal(take("w", 3, 400), 0);
    int64_t wait = take("w", 3, 400);
    assert_in_range(wait, 1, 400);
    assert_true(wait >= 399 - (hub_real_ms() - began)); /* the oldest place becomes free then, not earlier */
    assert_int_equal(take("other", 3, 400), 0);
    turn_for(wait + 1);
    assert_int_equal(take("w", 3, 400), 0);
    close_cache();
    open_cache(); /* another process, the same window */
    assert_int_equal(take("w2", 1, 60000), 0);
    assert_in_range(take("w2", 1, 60000), 59000, 60000);
    close_cache();
}

static void a_server_that_forgets_scripts_counts_on(void **state) {
    (void)state;
    open_cache();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(take("flush", 4, 60000), 0);
        redis_tell(&server, "SCRIPT FLUSH");
        assert_int_equal(take("flush", 4, 60000), -1); /* this one is the caller's to count */
    }
    assert_int_equal(take("flush", 4, 60000), 0);
    assert_in_range(take("flush", 4, 60000), 1, 60000);
    close_cache();
}

static void a_limit_that_changes_counts_what_is_there(void **state) {
    (void)state;
    open_cache();
    for (int i = 0; i < 3; i++) assert_int_equal(take("reload", 3, 60000), 0);
    assert_in_range(take("reload", 3, 60000), 1, 60000);
    assert_int_equal(take("reload", 4, 60000), 0);
    assert_int_equal(take("reload", 100000, 60000), 0); /* entries of another kind than before */
    assert_int_equal(take("reload", 100000, 60000), 0);
    assert_in_range(take("reload", 4, 60000), 1, 60000);
    close_cache();
}

static int taken_n, refused_n, unknown_n;
static void count_taken(void *arg, enum hub_code code, int64_t wait_ms) {
    (void)arg;
    taken_n += !code && !wait_ms;
    refused_n += !code && wait_ms;
    unknown_n += code != HUB_OK;
}
static int64_t expected_n;
static bool all_counted(void) { return taken_n + refused_n + unknown_n >= expected_n; }

static void take_many(const char *key, int64_t n, int64_t limit) {
    taken_n = refused_n = unknown_n = 0;
    expected_n = n;
    for (int64_t i = 0; i < n; i++) cache->ops->take(cache, hub_cstr(key), limit, 60000, count_taken, NULL);
}

static void a_large_window_is_bounded_and_never_more_generous(void **state) {
    (void)state;
    open_cache();
    take_many("large", 6000, 5000);
    until(all_counted, 10000);
    assert_int_equal(unknown_n, 0);
    assert_in_range(taken_n, 4990, 5000);
    call("[\"LLEN\",\"large\"]");
    assert_true(atoi(answer) <= 2048);
    close_cache();
}

static void what_is_open_is_bounded_and_refused_beyond(void **state) {
    (void)state;
    open_cache();
    take_many("bounded", 20010, 100000);
    assert_in_range(unknown_n, 10,
                    12); /* at once, before the loop turns; a question of the cache's own may be open, too */
    int refused_at_once = unknown_n;
    until(all_counted, 30000);
    assert_int_equal(unknown_n, refused_at_once);
    assert_int_equal(taken_n, 20010 - refused_at_once);
    close_cache();
}

/* ---- the server goes away ---- */

static void order(void *arg, enum hub_code code) {
    assert_int_equal(code, HUB_STORE_UNAVAILABLE);
    assert_int_equal((intptr_t)arg, unknown_n);
    unknown_n++;
}

static void what_was_open_is_answered_once_and_in_order(void **state) {
    (void)state;
    open_cache();
    redis_signal(&server, SIGSTOP);
    taken_n = refused_n = unknown_n = 0;
    expected_n = 100;
    for (intptr_t i = 0; i < expected_n; i++) cache->ops->set(cache, HUB_STR("k"), HUB_STR("v"), 0, order, (void *)i);
    redis_kill(&server);
    until(all_counted, 2000);
    redis_start(&server, NULL);
    until(is_ready, 5000);
    close_cache();
}

/* The server is away. The shortest of some answers counts: a busy host makes one or the other late. */
static void assert_nobody_waits(void) {
    int64_t shortest = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t began = hub_real_ms();
        assert_int_equal(take("x", 1, 1000), -1);
        int64_t took = hub_real_ms() - began;
        if (took < shortest) shortest = took;
    }
    assert_true(shortest < 100);
}

static void a_server_that_stands_still_is_given_up_in_time(void **state) {
    struct hub_buf why = {0};
    (void)state;
    open_cache();
    for (int i = 0; i < 2; i++) {
        redis_signal(&server, SIGSTOP);
        int64_t began = hub_real_ms();
        assert_int_equal(set("x", "1", 0), HUB_STORE_UNAVAILABLE);
        assert_in_range(hub_real_ms() - began, 300, 300 + BUSY_MS);
        assert_false(cache->ops->ready(cache, &why));
        assert_non_null(strstr(hub_buf_cstr(&why), "answer in time"));
        assert_nobody_waits();
        redis_signal(&server, SIGCONT);
        until(is_ready, 5000);
    }
    hub_buf_free(&why);
    close_cache();
}

static void this_process_standing_still_is_not_taken_for_the_server(void **state) {
    (void)state;
    open_cache();
    taken_n = refused_n = unknown_n = 0;
    expected_n = 1;
    cache->ops->take(cache, HUB_STR("still"), 5, 1000, count_taken, NULL);
    hub_loop_on_flush(loop, NULL, NULL);
    turn_until = hub_real_ms();
    until(time_is_over, 1000); /* it is sent */
    for (int64_t end = hub_real_ms() + 600; hub_real_ms() < end;) {}
    until(all_counted, 1000);
    assert_true(is_ready());
    close_cache();
}

static struct hub_timer thaw;
static void on_thaw(struct hub_timer *t) {
    (void)t;
    redis_signal(&server, SIGCONT);
}

static void a_server_owes_nothing_before_it_is_asked(void **state) {
    (void)state;
    open_cache();
    taken_n = refused_n = unknown_n = 0;
    expected_n = 1;
    cache->ops->take(cache, HUB_STR("unasked"), 5, 1000, count_taken, NULL);
    for (int64_t end = hub_real_ms() + 400; hub_real_ms() < end;) {
    } /* longer than timeoutMs, in the turn in which it asks */
    redis_signal(&server, SIGSTOP);
    hub_timer_start(loop, &thaw, 450, on_thaw); /* from the turn's start: 50 ms after it was asked */
    until(all_counted, 2000);
    assert_int_equal(taken_n, 1);
    close_cache();
}

static void nobody_there_at_first_is_waited_for(void **state) {
    struct hub_buf why = {0};
    char url[64];
    (void)state;
    redis_kill(&server);
    new_loop();
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", server.port);
    open_at(url);
    turn_for(200);
    assert_false(cache->ops->ready(cache, &why));
    assert_non_null(strstr(hub_buf_cstr(&why), "refused"));
    redis_start(&server, NULL);
    until(is_ready, 5000);
    hub_buf_free(&why);
    close_cache();
}

static void an_unknown_name_is_a_reason(void **state) {
    (void)state;
    new_loop();
    open_at("redis://nosuch.invalid");
    reason = "redis at nosuch.invalid:6379: ";
    until(is_reason, 15000);
    close_cache();
    new_loop();
    open_at("redis+unix:///nosuch/redis.sock");
    reason = "No such file";
    until(is_reason, 5000);
    close_cache();
}

/* ---- a server that says no ---- */

/* WITH breaks something at the server, AGAIN mends it; WHY is what people are told meanwhile. */
static void expect_refusal(const char *with, const char *again, const char *why) {
    redis_tell(&server, with);
    assert_int_equal(take("counted", 100, 60000), -1);
    assert_int_equal(answer_code, HUB_STORE_UNAVAILABLE);
    assert_true(is_away());
    reason = why;
    assert_true(is_reason());
    redis_tell(&server, again);
    until_turned(is_ready, 2100);
    assert_int_equal(take("counted", 100, 60000), 0);
}

static void a_server_that_refuses_is_not_ready_until_it_does_again(void **state) {
    (void)state;
    open_cache();
    expect_refusal("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "refuses: OOM");
    expect_refusal("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "refuses: READONLY");
    expect_refusal("ACL SETUSER default -@scripting", "ACL SETUSER default +@all", "refuses: NOPERM");
    redis_tell(&server, "ACL SETUSER default -mget");
    GET("a");
    assert_int_equal(answer_code, HUB_STORE_UNAVAILABLE);
    assert_true(is_away());
    redis_tell(&server, "ACL SETUSER default +@all");
    until_turned(is_ready, 2100);
    close_cache();
}

static void a_script_is_told_whose_fault_it_is(void **state) {
    (void)state;
    open_cache();
    redis_tell(&server, "CONFIG SET maxmemory 1");
    assert_non_null(strstr(call("[\"SET\",\"x\",\"1\"]"), "OOM"));
    assert_int_equal(answer_code, HUB_STORE_UNAVAILABLE);
    redis_tell(&server, "CONFIG SET maxmemory 0");
    assert_non_null(strstr(call("[\"SET\",\"x\"]"), "wrong number"));
    assert_int_equal(answer_code, HUB_BAD_REQUEST);
    assert_true(is_ready()); /* what scripts ask for is theirs */
    close_cache();
}

static int64_t reconnects;
static bool is_reconnected(void) { return metric("hubd_cache_reconnects_total") > reconnects; }

/* Its address may lead to the new primary by now. */
static void a_replica_is_left_after_half_a_minute(void **state) {
    (void)state;
    open_cache();
    redis_tell(&server, "REPLICAOF 127.0.0.1 1");
    reconnects = metric("hubd_cache_reconnects_total");
    assert_int_equal(take("counted", 100, 60000), -1);
    turn_by(28000);
    assert_false(is_reconnected());
    until_turned(is_reconnected, 5000);
    until_turned(is_ready, 5000); /* nothing was refused on this connection yet */
    assert_int_equal(take("counted", 100, 60000), -1);
    assert_true(is_away());
    redis_tell(&server, "REPLICAOF NO ONE");
    until_turned(is_ready, 2100);
    close_cache();
}

static void a_refusal_ends_with_the_connection(void **state) {
    (void)state;
    open_cache();
    redis_tell(&server, "ACL SETUSER default -@scripting");
    assert_int_equal(take("counted", 100, 60000), -1);
    assert_true(is_away());
    redis_kill(&server);
    reason = "refused";
    until(is_reason, 5000);
    redis_start(&server, NULL);
    until(is_ready, 5000);
    close_cache();
}

static void a_key_of_another_type_is_no_reason_to_give_up(void **state) {
    (void)state;
    open_cache();
    call("[\"HSET\",\"odd\",\"f\",1]");
    assert_int_equal(take("odd", 100, 60000), -1);
    swap("odd", "", "1");
    assert_string_equal(GET("odd"), "-");
    assert_true(is_ready());
    assert_int_equal(set("odd", "1", 0), HUB_OK);
    assert_string_equal(GET("odd"), "1");
    close_cache();
}

/* ---- who we are ---- */

static void expect_at(const char *who, const char *why_not) {
    char url[128];
    new_loop();
    snprintf(url, sizeof url, "redis://%s127.0.0.1:%d", who, server.port);
    open_at(url);
    reason = why_not;
    until(why_not ? is_reason : is_ready, 5000);
    close_cache();
}

static void password_and_user_are_told(void **state) {
    (void)state;
    redis_tell(&server, "ACL SETUSER ann on >word ~* &* +@all");
    redis_tell(&server, "ACL SETUSER narrow on >word ~* resetchannels +mget +set +auth");
    expect_at("", NULL);
    expect_at("ann:word@", NULL);
    expect_at("ann:other@", "WRONGPASS");
    expect_at("narrow:word@", NULL); /* may neither PING nor name itself */
    redis_tell(&server, "CONFIG SET requirepass wo@rd");
    expect_at("", "NOAUTH");
    expect_at(":nope@", "WRONGPASS");
    expect_at(":wo%40rd@", NULL);
    redis_kill(&server);
    redis_start(&server, NULL);
}

static void the_connection_has_the_services_name_and_database(void **state) {
    (void)state;
    open_cache();
    assert_int_equal(set("where", "3", 0), HUB_OK);
    assert_string_equal(call("[\"EVAL\",\"return redis.call('GET', KEYS[1])\",1,\"where\"]"), "\"3\"");
    char reply[4096];
    redis_tell_as(&server, "CLIENT LIST\r\n", reply, sizeof reply);
    assert_non_null(strstr(reply, "name=hubd-test "));
    assert_non_null(strstr(reply, "db=3 "));
    redis_tell_as(&server, "GET where\r\n", reply, sizeof reply);
    assert_string_equal(reply, "$-1\r\n");
    close_cache();
}

static void a_server_that_is_killed_and_returns_is_found_again(void **state) {
    (void)state;
    open_cache();
    for (int i = 0; i < 3; i++) {
        redis_kill(&server);
        until(is_away, 2000);
        assert_int_equal(set("x", "1", 0), HUB_STORE_UNAVAILABLE);
        assert_nobody_waits();
        redis_start(&server, NULL);
        until(is_ready, 5000);
        assert_int_equal(set("x", "1", 0), HUB_OK);
    }
    close_cache();
}

/* One place each, and several places in an entry. */
static void what_is_given_back_can_be_taken_again(void **state) {
    (void)state;
    open_cache();
    take_many("given", 3, 3);
    until(all_counted, 10000);
    cache->ops->give(cache, HUB_STR("given"), 60000);
    take_many("given", 2, 3);
    until(all_counted, 10000);
    assert_int_equal(taken_n, 1);
    assert_int_equal(refused_n, 1);
    take_many("many", 4100, 4096);
    until(all_counted, 10000);
    int64_t before = taken_n;
    cache->ops->give(cache, HUB_STR("many"), 60000);
    take_many("many", 2, 4096);
    until(all_counted, 10000);
    assert_true(before <= 4096);
    assert_int_equal(taken_n, 1);
    cache->ops->give(cache, HUB_STR("nothing"), 60000);
    call("[\"EXISTS\",\"nothing\"]");
    assert_string_equal(answer, "0");
    for (int i = 0; i < 3; i++) cache->ops->give(cache, HUB_STR("given"), 60000);
    call("[\"EXISTS\",\"given\"]");
    assert_string_equal(answer, "0");
    close_cache();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_set_read_together_and_expire),
        cmocka_unit_test(a_value_is_swapped_only_for_what_it_was),
        cmocka_unit_test(commands_of_scripts_are_answered_in_json),
        cmocka_unit_test(commands_that_would_hurt_others_are_refused),
        cmocka_unit_test(a_window_gives_its_places_and_tells_when_there_is_one_again),
        cmocka_unit_test(a_server_that_forgets_scripts_counts_on),
        cmocka_unit_test(a_limit_that_changes_counts_what_is_there),
        cmocka_unit_test(a_large_window_is_bounded_and_never_more_generous),
        cmocka_unit_test(what_is_given_back_can_be_taken_again),
        cmocka_unit_test(what_is_open_is_bounded_and_refused_beyond),
        cmocka_unit_test(what_was_open_is_answered_once_and_in_order),
        cmocka_unit_test(a_server_that_stands_still_is_given_up_in_time),
        cmocka_unit_test(this_process_standing_still_is_not_taken_for_the_server),
        cmocka_unit_test(a_server_owes_nothing_before_it_is_asked),
        cmocka_unit_test(nobody_there_at_first_is_waited_for),
        cmocka_unit_test(an_unknown_name_is_a_reason),
        cmocka_unit_test(a_server_that_refuses_is_not_ready_until_it_does_again),
        cmocka_unit_test(a_script_is_told_whose_fault_it_is),
        cmocka_unit_test(a_replica_is_left_after_half_a_minute),
        cmocka_unit_test(a_refusal_ends_with_the_connection),
        cmocka_unit_test(a_key_of_another_type_is_no_reason_to_give_up),
        cmocka_unit_test(password_and_user_are_told),
        cmocka_unit_test(the_connection_has_the_services_name_and_database),
        cmocka_unit_test(a_server_that_is_killed_and_returns_is_found_again),
    };
    RUN_ON_REDIS(tests);
}
