/* A cluster of librdkafka's own mock, members of a group on it that share one loop, and ways to write and
 * ask past the adapter. */
#ifndef HUB_TESTS_SUPPORT_KAFKA_MOCK_H
#define HUB_TESTS_SUPPORT_KAFKA_MOCK_H
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapters/kafka/kafka.h"
#include "base/memory/mem.h"

enum { MOCK_PATIENCE_MS = 60000, MOCK_LOOK_MS = 5, MOCK_PARTITIONS = 4 };

struct member {
    struct hub_bus *bus;
    struct hub_buf seen; /* values in the order they came */
    size_t seen_n;
    struct hub_bus_record *held[4000];
    size_t held_n;
    bool hold; /* keeps records instead of releasing them */
    bool closed;
};

static struct hub_loop *loop;
static rd_kafka_t *helper; /* owns the mock, and writes past the adapter */
static rd_kafka_mock_cluster_t *mock;
static struct hub_timer looking;
static bool (*condition)(void);
static int64_t give_up;
static struct member one, two;

/* ---- waiting ---- */

static void give_up_now(void) {
    struct hub_buf why = {0};
    if (one.bus) one.bus->ops->ready(one.bus, &why);
    print_error("waited in vain; %zu records seen, not ready: %s\n", one.seen_n, hub_buf_cstr(&why));
    exit(1); /* the loop cannot be left half-way */
}

static void look(struct hub_timer *t) {
    if (hub_loop_now(loop) > give_up) give_up_now();
    if (condition())
        hub_loop_stop(loop);
    else
        hub_timer_start(loop, t, MOCK_LOOK_MS, look);
}

/* Runs the loop until WHAT holds. */
static inline void until(bool (*what)(void)) {
    condition = what;
    give_up = hub_loop_now(loop) + MOCK_PATIENCE_MS;
    hub_timer_start(loop, &looking, 0, look);
    hub_loop_run(loop);
}

/* ---- the cluster ---- */

static inline int set_up(void **state) {
    char why[200];
    (void)state;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof why);
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    rd_kafka_conf_set(conf, "linger.ms", "0", why, sizeof why);
    rd_kafka_conf_set(conf, "partitioner", "murmur2_random", why, sizeof why);
    helper = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    mock = rd_kafka_handle_mock_cluster(helper);
    loop = hub_loop_new(NULL);
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    if (one.bus || two.bus) exit(1); /* a test failed half-way: its members cannot be left to the loop */
    rd_kafka_destroy(helper);
    hub_loop_delete(loop);
    return 0;
}

/* Writes past the adapter; VALUE NULL is a record without value. */
static inline void write_record(const char *topic, const char *key, const char *value) {
    assert_int_equal(rd_kafka_producev(helper, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                       RD_KAFKA_V_KEY(key, key ? strlen(key) : 0), RD_KAFKA_V_HEADER("h", "\xff", 1),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value ? strlen(value) : 0),
                                       RD_KAFKA_V_END),
                     0);
    assert_int_equal(rd_kafka_flush(helper, 20000), 0);
}

/* What the group has committed in all partitions of a topic, added up; -1 when nothing. */
static inline int64_t committed(const char *topic) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(MOCK_PARTITIONS);
    char why[200];
    int64_t sum = -1;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock), why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "g", why, sizeof why);
    rd_kafka_t *asker = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    for (int i = 0; i < MOCK_PARTITIONS; i++) rd_kafka_topic_partition_list_add(list, topic, i);
    assert_int_equal(rd_kafka_committed(asker, list, 20000), 0);
    for (int i = 0; i < MOCK_PARTITIONS; i++)
        if (list->elems[i].offset >= 0) sum = (sum < 0 ? 0 : sum) + list->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(asker);
    return sum;
}

/* ---- members ---- */

static void on_record(void *arg, struct hub_bus_record *r) {
    struct member *m = arg;
    hub_buf_addf(&m->seen, "%.*s ", HUB_FMT(r->value));
    m->seen_n++;
    if (m->hold)
        m->held[m->held_n++] = r;
    else
        hub_bus_record_release(r);
}

static inline void enter_with(struct member *m, const struct hub_bus_option *options, size_t n) {
    struct hub_err err;
    char url[200];
    snprintf(url, sizeof url, "kafka://%s", rd_kafka_mock_cluster_bootstraps(mock));
    const struct hub_bus_config config = {
        .url = url, .options = options, .option_n = n, .group = "g", .client_id = "test"};
    if (hub_kafka_bus_ops.open(loop, &config, &m->bus, &err)) fail_msg("%s", err.text);
}
/* The mock waits for a session to end before it lets anybody join anew: so the session is short. */
static inline void enter(struct member *m) {
    const struct hub_bus_option options[] = {{"session.timeout.ms", "4500"}, {"heartbeat.interval.ms", "1000"}};
    enter_with(m, options, 2);
}
static inline void subscribe(struct member *m, const char *topic) {
    m->bus->ops->subscribe(m->bus, topic, on_record, m);
}

static inline void release(struct member *m, size_t i) {
    if (m->held[i]) hub_bus_record_release(m->held[i]);
    m->held[i] = NULL;
}
static inline void release_all(struct member *m) {
    for (size_t i = 0; i < m->held_n; i++) release(m, i);
    m->held_n = 0;
}

static inline bool is_ready(struct member *m) {
    struct hub_buf why = {0};
    bool ready = m->bus->ops->ready(m->bus, &why);
    assert_int_equal(ready, !why.n);
    hub_buf_free(&why);
    return ready;
}
static inline bool one_is_ready(void) { return is_ready(&one); }
static inline bool two_is_ready(void) { return is_ready(&two); }

static void on_closed(void *arg) { ((struct member *)arg)->closed = true; }
static bool one_closed(void) { return one.closed; }
static bool two_closed(void) { return two.closed; }

static inline void forget(struct member *m) {
    hub_buf_free(&m->seen);
    m->seen_n = 0;
}
static inline void leave(struct member *m) {
    m->bus->ops->close(m->bus, on_closed, m);
    until(m == &one ? one_closed : two_closed);
    release_all(m);
    forget(m);
    *m = (struct member){0};
}

/* ---- publishing ---- */

static int done_n, ok_n, overloaded_n;
static enum hub_code last_code;
static void on_done(void *arg, enum hub_code code, const char *error) {
    (void)arg;
    assert_int_equal(code != HUB_OK, error != NULL);
    last_code = code;
    done_n++;
    ok_n += code == HUB_OK;
    overloaded_n += code == HUB_OVERLOADED;
}
static bool something_done(void) { return done_n > 0; }

static inline void publish(struct member *m, const char *topic, const char *key, const char *value) {
    m->bus->ops->publish(
        m->bus, &(struct hub_bus_message){.topic = hub_cstr(topic), .key = hub_cstr(key), .value = hub_cstr(value)},
        on_done, NULL);
}
static inline enum hub_code published(struct member *m, const char *topic, const char *key, const char *value) {
    done_n = 0;
    publish(m, topic, key, value);
    assert_int_equal(done_n, 0); /* never within the call */
    until(something_done);
    return last_code;
}
#endif
