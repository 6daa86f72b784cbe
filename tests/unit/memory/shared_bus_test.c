/* A bus that several loops publish on: records come to one loop, answers to those who published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/memory/memory.h"
#include "fanout/shared_bus.h"
#include "loop_threads.h"

#define LOOPS 3
#define RECORDS 1000

struct publisher {
    struct loop_thread thread;
    struct hub_bus *bus;
    int number, answered, refused, abroad;
    bool closed;
    pthread_t self;
};

static struct publisher publishers[LOOPS];
static struct hub_loop *loop;
static struct hub_bus *bus;
static pthread_t reader;
static int got, got_abroad, disorder, next[LOOPS], expected;

/* The key says who published it, the value how many did before. */
static void on_record(void *arg, struct hub_bus_record *r) {
    uint64_t value = 0;
    int from = r->key.p[0] - '0';
    (void)arg;
    got_abroad += !pthread_equal(pthread_self(), reader);
    disorder += !hub_str_u64(r->value, &value) || (int)value != next[from] || r->header_n != 1 ||
                !hub_str_is(r->headers[0].value, "v");
    next[from]++;
    hub_bus_record_release(r);
    if (++got == expected) hub_loop_stop(loop);
}

static void never(void *arg, struct hub_bus_record *r) {
    (void)arg, (void)r;
    abort();
}

static void open_publishers(void) {
    loop = hub_loop_new(NULL);
    reader = pthread_self();
    got = got_abroad = disorder = expected = 0;
    memset(next, 0, sizeof next);
    assert_int_equal(hub_memory_bus_ops.open(loop, &(struct hub_bus_config){.url = "memory:"}, &bus, NULL), HUB_OK);
    bus->ops->subscribe(bus, "t", on_record, NULL);
    for (int i = 0; i < LOOPS; i++) {
        publishers[i] = (struct publisher){.number = i, .thread.loop = hub_loop_new(NULL)};
        publishers[i].bus = hub_bus_share(bus, loop, publishers[i].thread.loop);
        assert_true(publishers[i].bus->ops->local);
        publishers[i].bus->ops->subscribe(publishers[i].bus, "t", never, NULL);
    }
}

static void on_bus_closed(void *arg) { *(bool *)arg = true; }

static void close_publishers(void) {
    bool closed = false;
    for (int i = 0; i < LOOPS; i++) hub_loop_delete(publishers[i].thread.loop);
    bus->ops->close(bus, on_bus_closed, &closed);
    assert_true(closed);
    hub_loop_delete(loop);
}

static void on_publisher_closed(void *arg) {
    struct publisher *x = arg;
    __atomic_store_n(&x->closed, true, __ATOMIC_RELEASE);
    hub_loop_stop(x->thread.loop);
}

static void close_publisher(struct publisher *x) { x->bus->ops->close(x->bus, on_publisher_closed, x); }

static void on_answer(void *arg, enum hub_code code, const char *error) {
    struct publisher *x = arg;
    x->abroad += !pthread_equal(pthread_self(), x->self) || (code != HUB_OK) != (error != NULL);
    x->refused += code == HUB_OVERLOADED;
    x->answered++;
}

static void publish_number(struct publisher *x, int i) {
    char key[2] = {(char)('0' + x->number), 0}, value[16];
    const struct hub_bus_header header = {HUB_STR("h"), HUB_STR("v")};
    snprintf(value, sizeof value, "%d", i);
    const struct hub_bus_message m = {
        .topic = HUB_STR("t"), .key = hub_cstr(key), .value = hub_cstr(value), .headers = &header, .header_n = 1};
    x->bus->ops->publish(x->bus, &m, on_answer, x);
}

/* Closed with all of it under way. */
static void publish_and_close(void *arg) {
    struct publisher *x = arg;
    x->self = pthread_self();
    for (int i = 0; i < RECORDS; i++) publish_number(x, i);
    close_publisher(x);
}

static void records_of_all_loops_come_to_one_in_each_ones_order(void **state) {
    (void)state;
    open_publishers();
    expected = LOOPS * RECORDS;
    for (int i = 0; i < LOOPS; i++) loop_thread_run(&publishers[i].thread, publish_and_close, &publishers[i]);
    hub_loop_run(loop);
    for (int i = 0; i < LOOPS; i++) {
        loop_thread_join(&publishers[i].thread);
        assert_true(publishers[i].closed);
        assert_int_equal(publishers[i].answered, RECORDS);
        assert_int_equal(publishers[i].abroad, 0);
    }
    assert_int_equal(disorder, 0);
    assert_int_equal(got_abroad, 0);
    close_publishers();
}

static void publish_too_many(void *arg) {
    struct publisher *x = arg;
    x->self = pthread_self();
    for (int i = 0; i < 10003; i++) publish_number(x, i);
    close_publisher(x);
}

static void close_only(void *arg) { close_publisher(arg); }

static struct hub_timer deadline;

static void go_on(struct hub_timer *t) {
    (void)t;
    hub_loop_stop(loop);
}

/* The publisher's loop publishes all in one turn, in which no answer comes. */
static void more_than_ten_thousand_without_an_answer_are_refused(void **state) {
    (void)state;
    open_publishers();
    loop_thread_run(&publishers[0].thread, publish_too_many, &publishers[0]);
    while (!__atomic_load_n(&publishers[0].closed, __ATOMIC_ACQUIRE)) {
        hub_timer_start(loop, &deadline, 1, go_on);
        hub_loop_run(loop);
    }
    loop_thread_join(&publishers[0].thread);
    assert_int_equal(publishers[0].answered, 10003);
    assert_int_equal(publishers[0].refused, 3);
    assert_int_equal(got, 10000);
    for (int i = 1; i < LOOPS; i++) {
        loop_thread_run(&publishers[i].thread, close_only, &publishers[i]);
        loop_thread_join(&publishers[i].thread);
    }
    close_publishers();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_all_loops_come_to_one_in_each_ones_order),
        cmocka_unit_test(more_than_ten_thousand_without_an_answer_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
