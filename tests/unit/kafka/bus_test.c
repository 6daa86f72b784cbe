/* The bus on librdkafka's own mock of a cluster: what is delivered, when it is committed, what an outage does. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapters/kafka/kafka.h"
#include "base/mem.h"

enum { PATIENCE_MS = 60000, LOOK_MS = 5 };

/* A member of the group: a loop of its own would be another process; here all share one. */
struct member {
    struct hub_bus *bus;
    struct hub_buf seen; /* values in the order they came */
    struct hub_bus_record *held[4000];
    size_t held_n;
    bool hold; /* keeps records instead of releasing them */
    bool closed;
};

static struct hub_loop *loop;
static rd_kafka_t *helper; /* owns the mock; also writes and asks past the adapter */
static rd_kafka_mock_cluster_t *mock;
static struct hub_timer looking;
static bool (*condition)(void);
static int64_t give_up;

static void look(struct hub_timer *t) {
    if (condition()) {
        hub_loop_stop(loop);
    } else {
        if (hub_loop_now(loop) > give_up) fail_msg("waited in vain");
        hub_timer_start(loop, t, LOOK_MS, look);
    }
}

static void until(bool (*what)(void)) {
    condition = what;
    give_up = hub_loop_now(loop) + PATIENCE_MS;
    hub_timer_start(loop, &looking, 0, look);
    hub_loop_run(loop);
}

static int set_up(void **state) {
    char why[200];
    (void)state;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof why);
    rd_kafka_conf_set(conf, "client.id", "helper", why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "g", why, sizeof why);
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    helper = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    mock = rd_kafka_handle_mock_cluster(helper);
    loop = hub_loop_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    rd_kafka_destroy(helper);
    hub_loop_delete(loop);
    return 0;
}

static const char *url(void) {
    static char text[300];
    snprintf(text, sizeof text, "kafka://%s", rd_kafka_mock_cluster_bootstraps(mock));
    return text;
}

static void on_record(void *arg, struct hub_bus_record *r) {
    struct member *m = arg;
    hub_buf_addf(&m->seen, "%.*s ", HUB_FMT(r->value));
    if (m->hold)
        m->held[m->held_n++] = r;
    else
        hub_bus_record_release(r);
}

static void join_with(struct member *m, const struct hub_bus_option *options, size_t n) {
    struct hub_err err;
    const struct hub_bus_config config = {.url = url(), .options = options, .option_n = n, .group = "g", .client_id = "test"};
    if (hub_kafka_bus_ops.open(loop, &config, &m->bus, &err)) fail_msg("%s", err.text);
}

static void join(struct member *m) { join_with(m, NULL, 0); }
static void subscribe(struct member *m, const char *topic) { m->bus->ops->subscribe(m->bus, topic, on_record, m); }

static void release_all(struct member *m) {
    for (size_t i = 0; i < m->held_n; i++) hub_bus_record_release(m->held[i]);
    m->held_n = 0;
}

static struct member one, two;
static bool one_ready(void) { return one.bus->ops->ready(one.bus, &(struct hub_buf){0}); }
static void on_closed(void *arg) { ((struct member *)arg)->closed = true; }
static bool one_closed(void) { return one.closed; }
static bool two_closed(void) { return two.closed; }

static void leave(struct member *m) {
    m->bus->ops->close(m->bus, on_closed, m);
    until(m == &one ? one_closed : two_closed);
    hub_buf_free(&m->seen);
    *m = (struct member){0};
}

/* READY appends its reasons: they are freed here. */
static bool is_ready(struct member *m) {
    struct hub_buf why = {0};
    bool ready = m->bus->ops->ready(m->bus, &why);
    hub_buf_free(&why);
    return ready;
}

static int done_n;
static enum hub_code last_code;
static void on_done(void *arg, enum hub_code code, const char *error) {
    (void)arg;
    assert_int_equal(code != HUB_OK, error != NULL);
    last_code = code;
    done_n++;
}
static bool something_done(void) { return done_n > 0; }

static void publish(struct member *m, const char *topic, const char *key, const char *value) {
    m->bus->ops->publish(m->bus, hub_cstr(topic), hub_cstr(key), hub_cstr(value), on_done, NULL);
}

static enum hub_code published(struct member *m, const char *topic, const char *key, const char *value) {
    done_n = 0;
    publish(m, topic, key, value);
    assert_int_equal(done_n, 0); /* never within the call */
    until(something_done);
    return last_code;
}

/* What the group has committed in all partitions of a topic, added up; -1 when nothing. */
static int64_t committed(const char *topic) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    char why[200];
    int64_t sum = -1;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock), why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "g", why, sizeof why);
    rd_kafka_t *asker = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    for (int i = 0; i < 4; i++) rd_kafka_topic_partition_list_add(list, topic, i);
    assert_int_equal(rd_kafka_committed(asker, list, 10000), 0);
    for (int i = 0; i < 4; i++)
        if (list->elems[i].offset >= 0) sum = (sum < 0 ? 0 : sum) + list->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(asker);
    return sum;
}

/* ---- tests ---- */

static bool one_is_ready(void) { return is_ready(&one); }
static bool one_saw_two(void) { return !strcmp(hub_buf_cstr(&one.seen), "a b "); }

static void what_is_published_arrives_in_order(void **state) {
    (void)state;
    join(&one);
    subscribe(&one, "t");
    until(one_is_ready);
    assert_int_equal(published(&one, "t", "k", "a"), HUB_OK);
    assert_int_equal(published(&one, "t", "k", "b"), HUB_OK);
    until(one_saw_two);
    leave(&one);
    assert_int_equal(committed("t"), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_published_arrives_in_order, set_up, tear_down),
    };
    (void)one_ready, (void)release_all;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
