/* Publishing, and what outages and refusals do to either direction, on a mock of a cluster. */
#include "kafka_mock.h"

#include "base/telemetry/metric.h"
#include "base/time/clock.h"

static bool one_is_not_ready(void) { return !is_ready(&one); }
static bool one_saw_one(void) { return one.seen_n >= 1; }
static int wanted;
static bool all_done(void) { return done_n >= wanted; }

static const struct hub_bus_option impatient[] = {
    {"delivery.timeout.ms", "1000"}, {"session.timeout.ms", "4500"}, {"heartbeat.interval.ms", "1000"}};

/* Longer than any closing may take: librdkafka waits for the answers of the broker, so its handles cannot
 * be destroyed. SLACK_MS is what a busy host adds. */
enum { FOR_EVER_MS = 30000, CLOSE_MS = 8000, SLACK_MS = 10000 };

/* ---- publishing ---- */

static void a_name_that_no_topic_can_have_is_refused(void **state) {
    (void)state;
    enter(&one);
    assert_int_equal(published(&one, "", "k", "x"), HUB_BAD_REQUEST);
    assert_int_equal(published(&one, "a/b", "k", "x"), HUB_BAD_REQUEST);
    assert_int_equal(published(&one, "..", "k", "x"), HUB_BAD_REQUEST);
    leave(&one);
}

static void a_record_over_the_limit_is_refused_for_good(void **state) {
    (void)state;
    enter(&one);
    char *big = hub_xcalloc(1, 2000001);
    memset(big, 'x', 2000000);
    assert_int_equal(published(&one, "t", "k", big), HUB_TOO_LARGE);
    free(big);
    leave(&one);
}

static void too_many_at_once_are_refused_and_the_others_are_delivered(void **state) {
    enum { QUEUE = 10, ALL = 1000, RTT_MS = 300 };
    const struct hub_bus_option option = {"queue.buffering.max.messages", "10"};
    (void)state;
    enter_with(&one, &option, 1);
    rd_kafka_mock_broker_set_rtt(mock, 1, RTT_MS); /* none is delivered, and makes room, before all are published */
    done_n = ok_n = overloaded_n = 0;
    for (int i = 0; i < ALL; i++) publish(&one, "t", "k", "x");
    wanted = ALL;
    until(all_done); /* in whichever order */
    assert_int_equal(ok_n + overloaded_n, ALL);
    assert_true(ok_n >= QUEUE && overloaded_n > 0);
    rd_kafka_mock_broker_set_rtt(mock, 1, 0);
    assert_int_equal(published(&one, "t", "k", "x"), HUB_OK);
    leave(&one);
}

static void after_a_fatal_error_publishing_begins_anew(void **state) {
    (void)state;
    enter(&one);
    assert_int_equal(published(&one, "t", "k", "a"), HUB_OK);
    rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_not_equal(published(&one, "t", "k", "b"), HUB_OK);
    while (published(&one, "t", "k", "c") != HUB_OK) continue;
    leave(&one);
}

static void closing_waits_for_what_was_published(void **state) {
    (void)state;
    enter(&one);
    done_n = 0;
    for (int i = 0; i < 100; i++) publish(&one, "t", "k", "x");
    leave(&one);
    assert_int_equal(done_n, 100);
    assert_int_equal(last_code, HUB_OK);
}

/* ---- outages ---- */

static void brokers_may_be_away_at_the_start(void **state) {
    struct hub_err err;
    struct hub_buf why = {0};
    const struct hub_bus_config config = {
        .url = "kafka://127.0.0.1:1", .options = impatient, .option_n = 3, .group = "g", .client_id = "test"};
    (void)state;
    assert_int_equal(hub_kafka_bus_ops.open(loop, &config, &one.bus, &err), HUB_OK);
    subscribe(&one, "t");
    assert_int_equal(published(&one, "t", "k", "x"), HUB_OVERLOADED);
    assert_false(one.bus->ops->ready(one.bus, &why));
    assert_non_null(strstr(hub_buf_cstr(&why), "127.0.0.1:1"));
    hub_buf_free(&why);
    int64_t began = hub_real_ms();
    leave(&one);
    assert_true(hub_real_ms() - began < CLOSE_MS); /* there is nobody to wait for */
}

static void brokers_that_go_and_come_back_are_noticed_and_nothing_is_lost(void **state) {
    (void)state;
    enter_with(&one, impatient, 3);
    subscribe(&one, "t");
    until(one_is_ready);
    for (int round = 0; round < 2; round++) {
        rd_kafka_mock_broker_set_down(mock, 1);
        until(one_is_not_ready);
        assert_int_equal(published(&one, "t", "k", "lost"), HUB_OVERLOADED);
        assert_false(is_ready(&one));
        rd_kafka_mock_broker_set_up(mock, 1);
        write_record("t", "k", "x");
        until(one_saw_one);
        until(one_is_ready);
        while (published(&one, "t", "k", "y") != HUB_OK) continue;
        forget(&one);
    }
    leave(&one);
}

static void closing_while_the_brokers_are_away_takes_a_bounded_time(void **state) {
    (void)state;
    enter_with(&one, impatient, 3);
    one.hold = true;
    subscribe(&one, "t");
    until(one_is_ready);
    rd_kafka_mock_broker_set_down(mock, 1);
    until(one_is_not_ready);
    done_n = 0;
    publish(&one, "t", "k", "x");
    int64_t began = hub_real_ms();
    leave(&one);
    assert_int_equal(done_n, 1);
    assert_int_not_equal(last_code, HUB_OK);
    assert_true(hub_real_ms() - began < CLOSE_MS + SLACK_MS);
    rd_kafka_mock_broker_set_up(mock, 1);
}

static void leave_in_time(struct member *m) {
    int64_t began = hub_real_ms();
    leave(m);
    assert_true(hub_real_ms() - began < CLOSE_MS + SLACK_MS);
}

static void closing_takes_a_bounded_time_when_the_group_does_not_let_go(void **state) {
    (void)state;
    enter(&one);
    subscribe(&one, "t");
    until(one_is_ready);
    rd_kafka_mock_broker_set_rtt(mock, 1, FOR_EVER_MS);
    done_n = 0;
    publish(&one, "t", "k", "x");
    leave_in_time(&one);
    assert_int_equal(done_n, 1);
    assert_int_not_equal(last_code, HUB_OK);
    rd_kafka_mock_broker_set_rtt(mock, 1, 0);
}

static int64_t rebalances(void) {
    static const char name[] = "\nhubd_bus_rebalances_total ";
    struct hub_buf text = {0};
    hub_metrics_print(&text);
    const char *at = strstr(hub_buf_cstr(&text), name);
    int64_t n = at ? atoll(at + strlen(name)) : 0;
    hub_buf_free(&text);
    return n;
}
static int64_t rebalances_before;
static bool partitions_were_assigned(void) { return rebalances() > rebalances_before; }

static void closing_takes_a_bounded_time_when_partitions_were_just_assigned(void **state) {
    (void)state;
    enter(&one);
    subscribe(&one, "t");
    until(one_is_ready);
    rebalances_before = rebalances();
    subscribe(&one, "u");
    until(partitions_were_assigned);
    rd_kafka_mock_broker_set_rtt(mock, 1, FOR_EVER_MS);
    leave_in_time(&one);
    rd_kafka_mock_broker_set_rtt(mock, 1, 0);
}

static bool one_committed(void) { return committed("t") == 1; }

static void a_commit_that_fails_is_repeated(void **state) {
    (void)state;
    enter(&one);
    one.hold = true;
    subscribe(&one, "t");
    until(one_is_ready);
    publish(&one, "t", "k", "x");
    until(one_saw_one);
    rd_kafka_mock_push_request_errors(mock, 8 /* OffsetCommit */, 2, RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE,
                                      RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE);
    release_all(&one);
    until(one_committed);
    leave(&one);
}

static void a_group_that_put_the_member_out_takes_it_in_again(void **state) {
    (void)state;
    enter(&one);
    subscribe(&one, "t");
    until(one_is_ready);
    rd_kafka_mock_push_request_errors(mock, 12 /* Heartbeat */, 1, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    until(one_is_not_ready);
    until(one_is_ready);
    write_record("t", "k", "x");
    until(one_saw_one);
    leave(&one);
}

static bool one_committed_its_start(void) { return committed("t") == 0; }
static bool one_saw_two(void) { return one.seen_n >= 2; }

static void what_was_handled_does_not_come_again_when_its_commit_was_lost(void **state) {
    const rd_kafka_resp_err_t refused = RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE;
    (void)state;
    enter(&one);
    subscribe(&one, "t");
    until(one_is_ready);
    until(one_committed_its_start);
    for (int i = 0; i < 10; i++) rd_kafka_mock_push_request_errors(mock, 8 /* OffsetCommit */, 1, refused);
    write_record("t", "k", "a");
    until(one_saw_one);
    rd_kafka_mock_push_request_errors(mock, 12 /* Heartbeat */, 1, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    until(one_is_not_ready);
    until(one_is_ready);
    write_record("t", "k", "b");
    until(one_saw_two);
    assert_string_equal(hub_buf_cstr(&one.seen), "a b ");
    leave(&one);
}

static void after_a_fatal_error_consuming_begins_anew(void **state) {
    const struct hub_bus_option options[] = {
        {"group.instance.id", "i"}, {"session.timeout.ms", "4500"}, {"heartbeat.interval.ms", "1000"}};
    (void)state;
    enter_with(&one, options, 3);
    subscribe(&one, "t");
    until(one_is_ready);
    rd_kafka_mock_push_request_errors(mock, 12 /* Heartbeat */, 1, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
    until(one_is_not_ready);
    until(one_is_ready);
    write_record("t", "k", "x");
    until(one_saw_one);
    leave(&one);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_name_that_no_topic_can_have_is_refused),
        TEST(a_record_over_the_limit_is_refused_for_good),
        TEST(too_many_at_once_are_refused_and_the_others_are_delivered),
        TEST(after_a_fatal_error_publishing_begins_anew),
        TEST(closing_waits_for_what_was_published),
        TEST(brokers_may_be_away_at_the_start),
        TEST(brokers_that_go_and_come_back_are_noticed_and_nothing_is_lost),
        TEST(closing_while_the_brokers_are_away_takes_a_bounded_time),
        TEST(closing_takes_a_bounded_time_when_the_group_does_not_let_go),
        TEST(closing_takes_a_bounded_time_when_partitions_were_just_assigned),
        TEST(a_commit_that_fails_is_repeated),
        TEST(what_was_handled_does_not_come_again_when_its_commit_was_lost),
        TEST(after_a_fatal_error_consuming_begins_anew),
        TEST(a_group_that_put_the_member_out_takes_it_in_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
