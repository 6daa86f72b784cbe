/* The in-process cache: bounds, expiry, several keys at once, and the Redis commands with Redis' answers. */
#include "adapters/memory/cache_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "turned_clock.h"

static struct hub_loop *loop;
static struct hub_cache *cache;

static void open_cache(const char *url) {
    loop = turned_loop_new();
    const struct hub_cache_config config = {.loop = loop, .url = url, .name = "test"};
    assert_int_equal(hub_memory_cache_ops.open(&config, &cache, NULL), HUB_OK);
}

static void close_cache(void) {
    cache->ops->close(cache);
    turned_loop_delete(loop);
}

static void take_value(void *arg, enum hub_code code, const struct hub_str *values) {
    assert_int_equal(code, HUB_OK);
    char **out = arg;
    *out = values[0].p ? hub_str_dup(values[0]) : NULL;
}

static bool has(const char *key, const char *value) {
    char *got = NULL;
    cache->ops->get(cache, (struct hub_str[]){hub_cstr(key)}, 1, take_value, &got);
    bool same = value ? got && !strcmp(got, value) : !got;
    free(got);
    return same;
}

static void set(const char *key, const char *value, int64_t ttl) {
    cache->ops->set(cache, hub_cstr(key), hub_cstr(value), ttl, NULL, NULL);
}

static void take_reply(void *arg, enum hub_code code, json_t *reply, const char *error) {
    struct hub_buf *out = arg;
    assert_int_equal(code, error ? HUB_BAD_REQUEST : HUB_OK);
    if (error)
        hub_buf_addz(out, error);
    else
        hub_json_add(out, reply);
}

/* COMMAND is a JSON array. */
static void expect(const char *command, const char *reply) {
    struct hub_err err;
    struct hub_buf out = {0};
    json_t *args = hub_json_parse(hub_cstr(command), &err);
    assert_non_null(args);
    cache->ops->call(cache, args, take_reply, &out);
    if (strcmp(hub_buf_cstr(&out), reply)) fail_msg("%s: expected %s, got %s", command, reply, out.p);
    hub_buf_free(&out);
    json_decref(args);
}

static void values_are_kept_replaced_and_deleted(void **state) {
    (void)state;
    open_cache("memory:");
    assert_true(has("a", NULL));
    set("a", "1", 0);
    set("a", "22", 0);
    set("empty", "", 0);
    assert_true(has("a", "22"));
    assert_true(has("empty", ""));
    expect("[\"DEL\",\"a\"]", "1");
    assert_true(has("a", NULL));
    close_cache();
}

static void swap(const char *key, const char *was, const char *value) {
    cache->ops->swap(cache, hub_cstr(key), hub_cstr(was), hub_cstr(value), 60000);
}

static void a_value_is_swapped_only_for_what_it_was(void **state) {
    (void)state;
    open_cache("memory:");
    swap("a", "other", "1");
    assert_true(has("a", NULL));
    swap("a", "", "1");
    assert_true(has("a", "1"));
    swap("a", "", "2");
    swap("a", "2", "3");
    assert_true(has("a", "1"));
    swap("a", "1", "2");
    assert_true(has("a", "2"));
    close_cache();
}

static void take_two(void *arg, enum hub_code code, const struct hub_str *values) {
    assert_int_equal(code, HUB_OK);
    set("a", "changed meanwhile", 0);
    assert_memory_equal(values[0].p, "1", 1);
    assert_null(values[1].p);
    assert_memory_equal(values[2].p, "22", 2);
    *(bool *)arg = true;
}

static void several_keys_are_read_at_once(void **state) {
    (void)state;
    bool called = false;
    open_cache("memory:");
    set("a", "1", 0), set("b", "22", 0);
    cache->ops->get(cache, (struct hub_str[]){HUB_STR("a"), HUB_STR("nobody"), HUB_STR("b")}, 3, take_two, &called);
    assert_true(called);
    close_cache();
}

static void an_entry_ends_with_its_time(void **state) {
    (void)state;
    open_cache("memory:");
    set("short", "x", 5000);
    set("long", "x", 60000);
    expect("[\"TTL\",\"long\"]", "60");
    expect("[\"SET\",\"px\",\"1\",\"PX\",5000]", "\"OK\"");
    turn_clock(loop, 4999);
    assert_true(has("short", "x"));
    turn_clock(loop, 1);
    assert_true(has("short", NULL));
    expect("[\"EXISTS\",\"px\",\"long\",\"long\"]", "2");
    expect("[\"TTL\",\"long\"]", "55");
    expect("[\"EXPIRE\",\"long\",3600]", "1");
    expect("[\"SET\",\"long\",\"y\",\"KEEPTTL\"]", "\"OK\"");
    turn_clock(loop, 3599999);
    assert_true(has("long", "y"));
    turn_clock(loop, 1);
    assert_true(has("long", NULL));
    close_cache();
}

/* Each entry took its memory until somebody asked for its key, or a hundred thousand others had come. */
static void an_entry_that_nobody_asks_for_is_freed_soon_after_its_time(void **state) {
    (void)state;
    open_cache("memory:");
    const struct memory_cache *c = HUB_CONTAINER(cache, struct memory_handle, base)->c;
    char key[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        set(key, "x", i % 5 ? 10000 : 3600000);
    }
    turn_clock(loop, 10000);
    assert_true(hub_keyed_len(&c->entries) > 1000);
    turn_clock(loop, 30000);
    assert_int_equal(hub_keyed_len(&c->entries), 1000);
    assert_true(has("k5", "x"));
    turn_clock(loop, 3600000);
    assert_int_equal(hub_keyed_len(&c->entries), 0);
    assert_int_equal(hub_loop_next_due(loop), INT64_MAX); /* nothing goes on for nothing */
    close_cache();
}

static void what_was_used_longest_ago_goes_first(void **state) {
    (void)state;
    open_cache("memory:?maxEntries=3");
    set("a", "1", 0), set("b", "1", 0), set("c", "1", 0);
    assert_true(has("a", "1")); /* b is the oldest now */
    set("d", "1", 0);
    assert_true(has("b", NULL));
    assert_true(has("a", "1") && has("c", "1") && has("d", "1"));
    close_cache();
    open_cache("memory:?maxBytes=4000");
    char big[900];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    for (int i = 0; i < 10; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        set(key, big, 0);
    }
    assert_true(has("k0", NULL));
    assert_true(has("k9", big));
    expect("[\"SADD\",\"huge\","
           "\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\",\"m\",\"n\",\"o\",\"p\",\"q\","
           "\"r\",\"s\",\"t\","
           "\"u\",\"v\",\"w\",\"x\",\"y\",\"z\",\"A\",\"B\",\"C\",\"D\",\"E\",\"F\",\"G\",\"H\",\"I\",\"J\"]",
           "36");
    expect("[\"EXISTS\",\"huge\"]", "0"); /* larger than everything together may be */
    close_cache();
}

static struct hub_cache_watch *other;
static bool gone;

static void note_gone(void *arg) {
    (void)arg;
    gone = true;
    if (other) cache->ops->unwatch(other);
    other = NULL;
}

static void must_not_come(void *arg) {
    (void)arg;
    fail_msg("an ended watch was told");
}

static void watch(const char *key) {
    gone = false;
    cache->ops->watch(cache, hub_cstr(key), note_gone, NULL);
}

static void the_end_of_a_watched_key_is_told_in_a_later_turn(void **state) {
    (void)state;
    open_cache("memory:");
    watch("never there");
    assert_false(gone);
    turned_run_due(loop);
    assert_true(gone);
    set("k", "1", 0);
    watch("k");
    other = cache->ops->watch(cache, HUB_STR("k"), must_not_come, NULL);
    expect("[\"DEL\",\"k\"]", "1");
    set("k", "back", 0);
    turned_run_due(loop);
    assert_false(gone); /* it is there again */
    expect("[\"DEL\",\"k\"]", "1");
    assert_false(gone);
    turned_run_due(loop);
    assert_true(gone);
    set("short", "1", 5000);
    watch("short");
    turn_clock(loop, 4999);
    assert_false(gone);
    turn_clock(loop, 1001); /* nobody else looks at it; the cache does each second */
    assert_true(gone);
    struct hub_cache_watch *w = cache->ops->watch(cache, HUB_STR("k"), must_not_come, NULL);
    cache->ops->unwatch(w);
    turned_run_due(loop);
    close_cache();
}

static void strings_answer_as_redis_does(void **state) {
    (void)state;
    open_cache("memory:");
    expect("[\"GET\",\"n\"]", "null");
    expect("[\"SET\",\"n\",\"5\"]", "\"OK\"");
    expect("[\"set\",\"n\",\"6\",\"NX\"]", "null");
    expect("[\"SET\",\"n\",7,\"XX\",\"GET\"]", "\"5\"");
    expect("[\"INCR\",\"n\"]", "8");
    expect("[\"INCRBY\",\"n\",\"-10\"]", "-2");
    expect("[\"DECR\",\"n\"]", "-3");
    expect("[\"INCR\",\"fresh\"]", "1");
    expect("[\"TTL\",\"n\"]", "-1");
    expect("[\"TTL\",\"nobody\"]", "-2");
    expect("[\"EXPIRE\",\"n\",100]", "1");
    expect("[\"TTL\",\"n\"]", "100");
    expect("[\"SET\",\"n\",\"x\",\"KEEPTTL\"]", "\"OK\"");
    expect("[\"TTL\",\"n\"]", "100");
    expect("[\"EXPIRE\",\"n\",-1]", "1");
    expect("[\"EXPIRE\",\"n\",1]", "0");
    expect("[\"DEL\",\"fresh\",\"nobody\"]", "1");
    close_cache();
}

static void hashes_sets_and_lists_answer_as_redis_does(void **state) {
    (void)state;
    open_cache("memory:");
    expect("[\"HSET\",\"h\",\"a\",\"1\",\"b\",\"2\"]", "2");
    expect("[\"HSET\",\"h\",\"a\",\"3\",\"c\",\"4\"]", "1");
    expect("[\"HGET\",\"h\",\"a\"]", "\"3\"");
    expect("[\"HGET\",\"h\",\"z\"]", "null");
    expect("[\"HGETALL\",\"h\"]", "[\"a\",\"3\",\"b\",\"2\",\"c\",\"4\"]");
    expect("[\"HGETALL\",\"nobody\"]", "[]");
    expect("[\"HINCRBY\",\"h\",\"a\",10]", "13");
    expect("[\"HDEL\",\"h\",\"a\",\"b\",\"c\",\"z\"]", "3");
    expect("[\"EXISTS\",\"h\"]", "0");
    expect("[\"SADD\",\"s\",\"x\",\"y\",\"x\"]", "2");
    expect("[\"SISMEMBER\",\"s\",\"x\"]", "1");
    expect("[\"SISMEMBER\",\"s\",\"z\"]", "0");
    expect("[\"SMEMBERS\",\"s\"]", "[\"x\",\"y\"]");
    expect("[\"SREM\",\"s\",\"x\",\"y\"]", "2");
    expect("[\"EXISTS\",\"s\"]", "0");
    expect("[\"RPUSH\",\"l\",\"b\",\"c\"]", "2");
    expect("[\"LPUSH\",\"l\",\"a\",\"0\"]", "4");
    expect("[\"LRANGE\",\"l\",0,-1]", "[\"0\",\"a\",\"b\",\"c\"]");
    expect("[\"LRANGE\",\"l\",-2,100]", "[\"b\",\"c\"]");
    expect("[\"LRANGE\",\"l\",3,1]", "[]");
    expect("[\"LLEN\",\"l\"]", "4");
    expect("[\"RPOP\",\"l\"]", "\"c\"");
    expect("[\"LPOP\",\"l\",5]", "[\"0\",\"a\",\"b\"]");
    expect("[\"LPOP\",\"l\"]", "null");
    expect("[\"EXISTS\",\"l\"]", "0");
    close_cache();
}

static void mistakes_get_redis_error_texts(void **state) {
    (void)state;
    open_cache("memory:");
    expect("[\"SADD\",\"s\",\"x\"]", "1");
    expect("[\"GET\",\"s\"]", "WRONGTYPE Operation against a key holding the wrong kind of value");
    expect("[\"LPUSH\",\"s\",\"x\"]", "WRONGTYPE Operation against a key holding the wrong kind of value");
    expect("[\"GET\"]", "ERR wrong number of arguments for 'get' command");
    expect("[\"HSET\",\"h\",\"f\",\"v\",\"g\"]", "ERR wrong number of arguments for 'hset' command");
    expect("[\"SET\",\"a\",\"1\",\"NOPE\"]", "ERR syntax error");
    expect("[\"SET\",\"a\",\"1\",\"EX\",\"0\"]", "ERR invalid expire time in 'set' command");
    expect("[\"SET\",\"a\",\"word\"]", "\"OK\"");
    expect("[\"INCR\",\"a\"]", "ERR value is not an integer or out of range");
    expect("[\"SET\",\"a\",\"9223372036854775807\"]", "\"OK\"");
    expect("[\"INCR\",\"a\"]", "ERR increment or decrement would overflow");
    expect("[\"HSET\",\"h\",\"f\",\"x\"]", "1");
    expect("[\"HINCRBY\",\"h\",\"f\",1]", "ERR hash value is not an integer");
    expect(
        "[\"FLUSHALL\"]",
        "ERR unknown command 'FLUSHALL'; the in-process cache has the usual string, hash, set and list commands only");
    expect("[]", "ERR a command needs 1 to 1024 arguments");
    expect("[\"GET\",{}]", "ERR arguments must be strings or numbers");
    close_cache();
}

static void an_address_that_is_not_understood_is_refused(void **state) {
    (void)state;
    struct hub_err err = {0};
    assert_int_equal(hub_memory_cache_ops.open(&(struct hub_cache_config){.url = "memory:?maxEntry=3"}, &cache, &err),
                     HUB_BAD_REQUEST);
    assert_non_null(strstr(err.text, "maxEntries"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_kept_replaced_and_deleted),
        cmocka_unit_test(a_value_is_swapped_only_for_what_it_was),
        cmocka_unit_test(several_keys_are_read_at_once),
        cmocka_unit_test(an_entry_ends_with_its_time),
        cmocka_unit_test(an_entry_that_nobody_asks_for_is_freed_soon_after_its_time),
        cmocka_unit_test(what_was_used_longest_ago_goes_first),
        cmocka_unit_test(the_end_of_a_watched_key_is_told_in_a_later_turn),
        cmocka_unit_test(strings_answer_as_redis_does),
        cmocka_unit_test(hashes_sets_and_lists_answer_as_redis_does),
        cmocka_unit_test(mistakes_get_redis_error_texts),
        cmocka_unit_test(an_address_that_is_not_understood_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
