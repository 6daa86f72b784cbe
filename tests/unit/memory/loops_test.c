/* One cache for several loops of a process, each on its own thread with a handle of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/memory/memory.h"
#include "loop_threads.h"

#define LOOPS 3
#define ROUNDS 2000

struct side {
    struct loop_thread thread;
    struct hub_cache *cache;
    int number;
    int answers, allowed, wrong;
    struct hub_cache_watch *watch;
    bool told, told_abroad;
    pthread_t self;
};

static struct side sides[LOOPS];
static pthread_barrier_t together;
static struct hub_loop *first_loop;
static struct hub_cache *first;

static void open_sides(void) {
    struct hub_cache_config config = {.loops = LOOPS + 1, .url = "memory:", .name = "test"};
    first_loop = config.loop = hub_loop_new(NULL);
    pthread_barrier_init(&together, NULL, LOOPS);
    assert_int_equal(hub_memory_cache_ops.open(&config, &first, NULL), HUB_OK);
    for (int i = 0; i < LOOPS; i++) {
        sides[i] = (struct side){.number = i, .thread.loop = hub_loop_new(NULL)};
        config.loop = sides[i].thread.loop;
        assert_int_equal(first->ops->attach(first, &config, &sides[i].cache, NULL), HUB_OK);
    }
}

static void close_sides(void) {
    for (int i = 0; i < LOOPS; i++) {
        if (sides[i].cache) sides[i].cache->ops->close(sides[i].cache);
        hub_loop_delete(sides[i].thread.loop);
    }
    first->ops->close(first);
    hub_loop_delete(first_loop);
    pthread_barrier_destroy(&together);
}

static void run_sides(void (*begin)(void *arg)) {
    for (int i = 0; i < LOOPS; i++) loop_thread_run(&sides[i].thread, begin, &sides[i]);
    for (int i = 0; i < LOOPS; i++) loop_thread_join(&sides[i].thread);
}

/* ---- entries ---- */

static void on_reply(void *arg, enum hub_code code, json_t *reply, const char *error) {
    struct side *x = arg;
    (void)reply, (void)error;
    x->answers += code == HUB_OK;
}

static void command(struct side *x, const char *name, const char *key, const char *value) {
    json_t *args = value ? json_pack("[sss]", name, key, value) : json_pack("[ss]", name, key);
    x->cache->ops->call(x->cache, args, on_reply, x);
    json_decref(args);
}

static void on_value(void *arg, enum hub_code code, const struct hub_str *values) {
    struct side *x = arg;
    x->wrong += code || (values[0].p && values[0].n != 8);
}

static void use_entries(void *arg) {
    struct side *x = arg;
    const struct hub_str key = HUB_STR("shared");
    pthread_barrier_wait(&together);
    for (int i = 0; i < ROUNDS; i++) {
        command(x, "incr", "count", NULL);
        command(x, "rpush", "list", "item");
        x->cache->ops->set(x->cache, key, i & 1 ? HUB_STR("12345678") : HUB_STR("87654321"), 60000, NULL, NULL);
        x->cache->ops->get(x->cache, &key, 1, on_value, x);
        if (i % 10 == 0) command(x, "del", "shared", NULL);
    }
    hub_loop_stop(x->thread.loop);
}

static void on_count(void *arg, enum hub_code code, json_t *reply, const char *error) {
    (void)code, (void)error;
    *(int64_t *)arg = json_is_string(reply) ? atoll(json_string_value(reply)) : json_integer_value(reply);
}

static int64_t asked(const char *name, const char *key) {
    int64_t n = -1;
    json_t *args = json_pack("[ss]", name, key);
    first->ops->call(first, args, on_count, &n);
    json_decref(args);
    return n;
}

static void what_one_loop_sets_all_see(void **state) {
    (void)state;
    open_sides();
    run_sides(use_entries);
    assert_int_equal(asked("get", "count"), LOOPS * ROUNDS);
    assert_int_equal(asked("llen", "list"), LOOPS * ROUNDS);
    for (int i = 0; i < LOOPS; i++) assert_int_equal(sides[i].wrong, 0);
    close_sides();
}

/* ---- windows ---- */

static void on_taken(void *arg, enum hub_code code, int64_t wait_ms) {
    struct side *x = arg;
    x->wrong += code || wait_ms < 0 || wait_ms > 600000;
    x->allowed += !wait_ms;
}

static void take_places(void *arg) {
    struct side *x = arg;
    pthread_barrier_wait(&together);
    for (int i = 0; i < ROUNDS; i++) x->cache->ops->take(x->cache, HUB_STR("rate"), ROUNDS, 600000, on_taken, x);
    hub_loop_stop(x->thread.loop);
}

static int allowed_of_all(void) {
    int n = 0;
    for (int i = 0; i < LOOPS; i++) n += sides[i].allowed;
    return n;
}

static void a_limit_holds_for_all_loops_together(void **state) {
    (void)state;
    open_sides();
    run_sides(take_places);
    assert_int_equal(allowed_of_all(), ROUNDS);
    for (int i = 0; i < LOOPS; i++) assert_int_equal(sides[i].wrong, 0);
    sides[0].cache->ops->give(sides[0].cache, HUB_STR("rate"), 600000);
    run_sides(take_places);
    assert_int_equal(allowed_of_all(), ROUNDS + 1);
    close_sides();
}

static void take_many(struct side *x, int64_t limit, int n) {
    for (int i = 0; i < n; i++) x->cache->ops->take(x->cache, HUB_STR("many"), limit, 600000, on_taken, x);
}

/* Beyond 2,048 a moment stands for several. */
static void a_large_limit_is_exact_as_well(void **state) {
    (void)state;
    open_sides();
    take_many(&sides[0], 5000, 6000);
    assert_int_equal(sides[0].allowed, 5000);
    for (int i = 0; i < 7; i++) sides[0].cache->ops->give(sides[0].cache, HUB_STR("many"), 600000);
    take_many(&sides[0], 5000, 100);
    assert_int_equal(sides[0].allowed, 5007);
    assert_int_equal(sides[0].wrong, 0);
    close_sides();
}

static void the_cache_of_one_loop_counts_nothing(void **state) {
    (void)state;
    assert_null(hub_memory_cache_ops.take);
}

/* ---- watches ---- */

static void on_gone(void *arg) {
    struct side *x = arg;
    x->told = true;
    x->told_abroad = !pthread_equal(pthread_self(), x->self);
    hub_loop_stop(x->thread.loop);
}

/* All but the last watch what the last drops. */
static void watch_or_drop(void *arg) {
    struct side *x = arg;
    x->self = pthread_self();
    if (x->number < LOOPS - 1) {
        x->watch = x->cache->ops->watch(x->cache, HUB_STR("session"), on_gone, x);
        pthread_barrier_wait(&together);
        return;
    }
    pthread_barrier_wait(&together);
    command(x, "del", "session", NULL);
    hub_loop_stop(x->thread.loop);
}

static void a_key_that_one_loop_drops_is_gone_for_those_who_watch_on_others(void **state) {
    (void)state;
    open_sides();
    first->ops->set(first, HUB_STR("session"), HUB_STR("1"), 0, NULL, NULL);
    run_sides(watch_or_drop);
    for (int i = 0; i < LOOPS - 1; i++) {
        assert_true(sides[i].told);
        assert_false(sides[i].told_abroad);
    }
    close_sides();
}

/* ---- the end ---- */

/* What was said to it by others waits in its loop, which does not run any more. */
static void watch_and_end(void *arg) {
    struct side *x = arg;
    if (x->number == 0) {
        x->watch = x->cache->ops->watch(x->cache, HUB_STR("session"), on_gone, x);
        pthread_barrier_wait(&together);
        pthread_barrier_wait(&together);
        x->cache->ops->unwatch(x->watch);
        x->cache->ops->close(x->cache);
        x->cache = NULL;
    } else {
        pthread_barrier_wait(&together);
        if (x->number == 1) command(x, "del", "session", NULL);
        pthread_barrier_wait(&together);
    }
    hub_loop_stop(x->thread.loop);
}

static void a_loop_that_ends_while_it_is_told_something_leaves_nothing(void **state) {
    (void)state;
    open_sides();
    first->ops->set(first, HUB_STR("session"), HUB_STR("1"), 0, NULL, NULL);
    run_sides(watch_and_end);
    assert_false(sides[0].told);
    close_sides();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_loop_sets_all_see),
        cmocka_unit_test(a_limit_holds_for_all_loops_together),
        cmocka_unit_test(a_large_limit_is_exact_as_well),
        cmocka_unit_test(the_cache_of_one_loop_counts_nothing),
        cmocka_unit_test(a_key_that_one_loop_drops_is_gone_for_those_who_watch_on_others),
        cmocka_unit_test(a_loop_that_ends_while_it_is_told_something_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
