/* Consuming on a mock of a cluster: what is delivered, in which order, and when it counts as handled. */
#include "kafka_mock.h"

static bool one_saw_two(void) { return one.seen_n >= 2; }
static bool one_saw_one(void) { return one.seen_n >= 1; }
static bool two_committed(void) { return committed("t") == 2; }
static bool zero_committed(void) { return committed("t") == 0; }
static bool u_is_read(void) { return committed("u") == 0; }

static void what_is_published_arrives_in_order_and_is_committed(void **state) {
    (void)state;
    enter(&one);
    subscribe(&one, "t");
    until(one_is_ready);
    assert_int_equal(published(&one, "t", "k", "a"), HUB_OK);
    assert_int_equal(published(&one, "t", "k", "b"), HUB_OK);
    until(one_saw_two);
    assert_string_equal(hub_buf_cstr(&one.seen), "a b ");
    until(two_committed);
    leave(&one);
}

static void a_record_is_committed_when_it_and_all_before_it_are_released(void **state) {
    (void)state;
    enter(&one);
    one.hold = true;
    subscribe(&one, "t");
    until(one_is_ready);
    until(zero_committed); /* where it began */
    publish(&one, "t", "k", "a");
    publish(&one, "t", "k", "b");
    until(one_saw_two);
    release(&one, 1);
    assert_int_equal(published(&one, "u", "k", "time passes"), HUB_OK);
    assert_int_equal(committed("t"), 0);
    release(&one, 0);
    until(two_committed);
    leave(&one);
}

static void records_outlive_the_bus(void **state) {
    (void)state;
    enter(&one);
    one.hold = true;
    subscribe(&one, "t");
    until(one_is_ready);
    publish(&one, "t", "k", "a");
    until(one_saw_one);
    struct hub_bus_record *r = one.held[0];
    one.held[0] = NULL;
    leave(&one);
    assert_int_equal(r->value.p[0], 'a');
    hub_bus_record_release(r);
}

static void key_and_headers_come_with_the_record(void **state) {
    (void)state;
    enter(&one);
    one.hold = true;
    subscribe(&one, "t");
    until(one_is_ready);
    const struct hub_bus_header headers[] = {
        {HUB_STR("source"), HUB_STR("crm")}, {HUB_STR("source"), HUB_STR("")}, {HUB_STR("none"), {0}}};
    const struct hub_bus_message m = {.topic = HUB_STR("t"),
                                      .key = HUB_STR("k"),
                                      .value = HUB_STR("a"),
                                      .headers = headers,
                                      .header_n = HUB_NELEM(headers)};
    one.bus->ops->publish(one.bus, &m, NULL, NULL);
    until(one_saw_one);
    const struct hub_bus_record *r = one.held[0];
    assert_true(hub_str_is(r->key, "k"));
    assert_int_equal(r->header_n, HUB_NELEM(headers));
    for (size_t i = 0; i < r->header_n; i++) {
        assert_true(hub_str_eq(r->headers[i].name, headers[i].name));
        assert_true(hub_str_eq(r->headers[i].value, headers[i].value));
        assert_int_equal(!r->headers[i].value.p, !headers[i].value.p);
    }
    leave(&one);
}

static void a_first_start_begins_with_what_comes_after_it(void **state) {
    (void)state;
    write_record("t", "k", "old");
    enter(&one);
    subscribe(&one, "t");
    until(one_is_ready);
    write_record("t", "k", "new");
    until(one_saw_one);
    assert_string_equal(hub_buf_cstr(&one.seen), "new ");
    leave(&one);
}

static void with_auto_offset_reset_earliest_it_begins_at_the_beginning(void **state) {
    const struct hub_bus_option option = {"auto.offset.reset", "earliest"};
    (void)state;
    write_record("t", "k", "old");
    enter_with(&one, &option, 1);
    subscribe(&one, "t");
    until(one_saw_one);
    assert_string_equal(hub_buf_cstr(&one.seen), "old ");
    leave(&one);
}

static void a_topic_that_is_added_is_read_and_the_others_go_on(void **state) {
    (void)state;
    enter(&one);
    one.hold = true;
    subscribe(&one, "t");
    until(one_is_ready);
    publish(&one, "t", "k", "a");
    until(one_saw_one);
    subscribe(&one, "u");
    until(u_is_read);
    publish(&one, "u", "k", "b");
    until(one_saw_two);
    assert_string_equal(hub_buf_cstr(&one.seen), "a b "); /* a did not come again, although it is not released */
    release_all(&one);
    publish(&one, "t", "k", "c");
    until(one_saw_two);
    leave(&one);
}

static size_t all_seen;
static bool one_stands(void) { return one.held_n >= all_seen; }

static void a_partition_of_which_too_much_is_held_waits(void **state) {
    (void)state;
    enter(&one);
    one.hold = true;
    subscribe(&one, "t");
    until(one_is_ready);
    for (int i = 0; i < 600; i++) publish(&one, "t", "k", "x");
    all_seen = 256;
    until(one_stands);
    assert_int_equal(published(&one, "u", "k", "time passes"), HUB_OK);
    assert_int_equal(one.held_n, 256);
    one.hold = false;
    release_all(&one);
    all_seen = 0;
    while (one.seen_n < 600) until(one_saw_two);
    leave(&one);
}

static void every_subscriber_of_a_topic_gets_the_record(void **state) {
    (void)state;
    enter(&one);
    one.hold = true;
    subscribe(&one, "t");
    one.bus->ops->subscribe(one.bus, "t", on_record, &two); /* releases at once */
    until(one_is_ready);
    publish(&one, "t", "k", "a");
    until(one_saw_one);
    assert_int_equal(two.seen_n, 1);
    assert_int_equal(one.held[0]->value.n, 1);
    forget(&two);
    leave(&one);
}

static void records_are_delivered_as_they_are_whatever_they_hold(void **state) {
    (void)state;
    enter(&one);
    one.hold = true;
    subscribe(&one, "t");
    until(one_is_ready);
    write_record("t", NULL, NULL);
    until(one_saw_one);
    assert_null(one.held[0]->value.p);
    assert_int_equal(one.held[0]->key.n, 0);
    write_record("t", "\xff\xfe", "\xff{");
    until(one_saw_two);
    assert_int_equal(one.held[1]->value.n, 2);
    assert_int_equal(one.held[1]->key.n, 2);
    leave(&one);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_published_arrives_in_order_and_is_committed),
        TEST(a_record_is_committed_when_it_and_all_before_it_are_released),
        TEST(records_outlive_the_bus),
        TEST(key_and_headers_come_with_the_record),
        TEST(a_first_start_begins_with_what_comes_after_it),
        TEST(with_auto_offset_reset_earliest_it_begins_at_the_beginning),
        TEST(a_topic_that_is_added_is_read_and_the_others_go_on),
        TEST(a_partition_of_which_too_much_is_held_waits),
        TEST(every_subscriber_of_a_topic_gets_the_record),
        TEST(records_are_delivered_as_they_are_whatever_they_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
