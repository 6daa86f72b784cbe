/* The in-process bus: order, topics, lateness, bounds. */
#include "adapters/memory/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct hub_loop *loop;
static struct hub_bus *bus;
static struct hub_buf seen;
static int done_n, refused_n;

static void open_bus(void) {
    loop = hub_loop_new(NULL);
    done_n = refused_n = 0;
    assert_int_equal(
        hub_memory_bus_ops.open(loop, &(struct hub_bus_config){.url = "memory:", .group = "g"}, &bus, NULL), HUB_OK);
}

static void on_closed(void *arg) { *(bool *)arg = true; }

static void close_bus(void) {
    bool closed = false;
    bus->ops->close(bus, on_closed, &closed);
    assert_true(closed);
    hub_loop_delete(loop);
    hub_buf_free(&seen);
}

static void note(void *arg, struct hub_bus_record *r) {
    hub_buf_addf(&seen, "%s(%.*s %.*s %.*s) ", (const char *)arg, HUB_FMT(r->topic), HUB_FMT(r->key),
                 HUB_FMT(r->value));
    hub_bus_record_release(r);
}

static void count(void *arg, enum hub_code code, const char *error) {
    (void)arg;
    assert_int_equal(code != HUB_OK, error != NULL);
    done_n++;
    refused_n += code != HUB_OK;
}

static void count_and_stop(void *arg, enum hub_code code, const char *error) {
    count(arg, code, error);
    hub_loop_stop(loop);
}

static void publish(const char *topic, const char *key, const char *value, hub_bus_done *done) {
    bus->ops->publish(
        bus, &(struct hub_bus_message){.topic = hub_cstr(topic), .key = hub_cstr(key), .value = hub_cstr(value)}, done,
        NULL);
}

static void records_arrive_later_and_in_order(void **state) {
    (void)state;
    open_bus();
    bus->ops->subscribe(bus, "a", note, "1");
    bus->ops->subscribe(bus, "a", note, "2");
    publish("a", "k", "x", count);
    publish("b", "k", "nobody", count);
    publish("a", "", "y", count_and_stop);
    assert_int_equal(seen.n, 0);
    hub_loop_run(loop);
    assert_string_equal(hub_buf_cstr(&seen), "1(a k x) 2(a k x) 1(a  y) 2(a  y) ");
    assert_int_equal(done_n, 3);
    close_bus();
}

static void note_headers(void *arg, struct hub_bus_record *r) {
    (void)arg;
    for (size_t i = 0; i < r->header_n; i++)
        hub_buf_addf(&seen, "%.*s=%.*s ", HUB_FMT(r->headers[i].name), HUB_FMT(r->headers[i].value));
    if (r->header_n) assert_null(r->headers[r->header_n - 1].value.p);
    hub_bus_record_release(r);
    hub_loop_stop(loop);
}

static void headers_arrive_in_their_order(void **state) {
    (void)state;
    open_bus();
    bus->ops->subscribe(bus, "a", note_headers, NULL);
    const struct hub_bus_header headers[] = {
        {HUB_STR("h"), HUB_STR("1")}, {HUB_STR("h"), HUB_STR("")}, {HUB_STR("none"), {0}}};
    const struct hub_bus_message m = {.topic = HUB_STR("a"), .value = HUB_STR("x"), .headers = headers, .header_n = 3};
    bus->ops->publish(bus, &m, NULL, NULL);
    hub_loop_run(loop);
    assert_string_equal(hub_buf_cstr(&seen), "h=1 h= none= ");
    close_bus();
}

static void a_subscriber_gets_what_is_published_after_it_came(void **state) {
    (void)state;
    open_bus();
    publish("a", "k", "before", NULL);
    bus->ops->subscribe(bus, "a", note, "1");
    publish("a", "k", "after", count_and_stop);
    hub_loop_run(loop);
    assert_string_equal(hub_buf_cstr(&seen), "1(a k after) ");
    close_bus();
}

static void answer_once(void *arg, struct hub_bus_record *r) {
    note(arg, r);
    publish("b", "k", "answer", count_and_stop);
}

static void a_callback_may_publish(void **state) {
    (void)state;
    open_bus();
    bus->ops->subscribe(bus, "a", answer_once, "1");
    bus->ops->subscribe(bus, "b", note, "2");
    publish("a", "k", "question", NULL);
    hub_loop_run(loop);
    assert_string_equal(hub_buf_cstr(&seen), "1(a k question) 2(b k answer) ");
    close_bus();
}

static void records_beyond_the_bound_are_refused(void **state) {
    (void)state;
    open_bus();
    for (int i = 0; i < 10000; i++) publish("a", "", "x", count);
    publish("a", "", "one too many", count_and_stop);
    hub_loop_run(loop);
    assert_int_equal(done_n, 10001);
    assert_int_equal(refused_n, 1);
    close_bus();
}

static void closing_answers_what_still_waits(void **state) {
    (void)state;
    open_bus();
    bus->ops->subscribe(bus, "a", note, "1");
    publish("a", "", "x", count);
    close_bus();
    assert_int_equal(done_n, 1);
    assert_int_equal(refused_n, 1);
}

static struct hub_bus_record *held[2000];
static size_t held_n;

static void hold(void *arg, struct hub_bus_record *r) {
    (void)arg;
    held[held_n++] = r;
    if (held_n % 1000 == 0) hub_loop_stop(loop);
}

static void records_that_are_held_bring_delivery_to_a_stop(void **state) {
    (void)state;
    open_bus();
    held_n = 0;
    bus->ops->subscribe(bus, "a", hold, NULL);
    for (int i = 0; i < 1999; i++) publish("a", "", "x", NULL);
    hub_loop_run(loop);
    assert_int_equal(held_n, 1000);
    publish("a", "", "x", count_and_stop); /* is answered all the same */
    hub_loop_run(loop);
    assert_int_equal(held_n, 1000);
    assert_int_equal(done_n, 1);
    for (size_t i = 0; i < 1000; i++) hub_bus_record_release(held[i]);
    hub_loop_run(loop);
    assert_int_equal(held_n, 2000);
    for (size_t i = 1001; i < 2000; i++) hub_bus_record_release(held[i]);
    close_bus();
    assert_int_equal(held[1000]->value.p[0], 'x'); /* outlives the bus */
    hub_bus_record_release(held[1000]);
}

static void a_record_lives_until_its_last_subscriber_released_it(void **state) {
    (void)state;
    open_bus();
    held_n = 0;
    bus->ops->subscribe(bus, "a", hold, NULL);
    bus->ops->subscribe(bus, "a", note, "1");
    publish("a", "k", "x", count_and_stop);
    hub_loop_run(loop);
    assert_string_equal(hub_buf_cstr(&seen), "1(a k x) ");
    assert_int_equal(held[0]->value.n, 1);
    hub_bus_record_release(held[0]);
    close_bus();
}

static void options_are_refused_by_name(void **state) {
    (void)state;
    struct hub_err err;
    const struct hub_bus_option option = {"acks", "all"};
    assert_int_equal(
        hub_memory_bus_ops.open(NULL, &(struct hub_bus_config){.url = "memory:", .options = &option, .option_n = 1},
                                &bus, &err),
        HUB_BAD_REQUEST);
    assert_string_equal(err.text, "bus.options.acks: the bus \"memory:\" has no options");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_arrive_later_and_in_order),
        cmocka_unit_test(headers_arrive_in_their_order),
        cmocka_unit_test(a_subscriber_gets_what_is_published_after_it_came),
        cmocka_unit_test(a_callback_may_publish),
        cmocka_unit_test(records_beyond_the_bound_are_refused),
        cmocka_unit_test(closing_answers_what_still_waits),
        cmocka_unit_test(records_that_are_held_bring_delivery_to_a_stop),
        cmocka_unit_test(a_record_lives_until_its_last_subscriber_released_it),
        cmocka_unit_test(options_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
