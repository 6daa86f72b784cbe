/* Consuming: subscriptions, and the events of the consumer's queue. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/kafka/kafka_int.h"
#include "base/telemetry/log.h"

enum { BATCH = 1000, REOPEN_MS = 10000 /* at most once in this time */ };

static struct hub_metric restarts =
    HUB_METRIC(HUB_COUNTER, "hubd_bus_restarts_total", NULL, "Consumers replaced because they received nothing");

/* ---- topics ---- */

struct kafka_topic *hub_kafka_topic(struct kafka_bus *b, const char *name) {
    return hub_map_get(&b->consumer.topics, hub_cstr(name));
}

bool hub_kafka_awaited(const struct kafka_bus *b) {
    void *value;
    for (void *it = NULL; (it = hub_map_next(&b->consumer.topics, it, NULL, &value));)
        if (!((struct kafka_topic *)value)->missing) return true;
    return false;
}

static void resubscribe_all(struct hub_task *task) {
    struct kafka_bus *b = HUB_CONTAINER(task, struct kafka_bus, consumer.resubscribe);
    struct consumer *c = &b->consumer;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)hub_map_len(&c->topics));
    void *value;
    for (void *it = NULL; (it = hub_map_next(&c->topics, it, NULL, &value));)
        rd_kafka_topic_partition_list_add(list, ((struct kafka_topic *)value)->name, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = b->closing || !c->rk ? 0 : rd_kafka_subscribe(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (err) hub_kafka_log(b, HUB_LOG_ERROR, "cannot subscribe", "error", rd_kafka_err2str(err));
}

void hub_kafka_subscribe(struct hub_bus *base, const char *name, hub_bus_cb *cb, void *arg) {
    struct kafka_bus *b = hub_kafka_bus(base);
    struct kafka_topic *t = hub_kafka_topic(b, name);
    if (!t) {
        t = hub_xcalloc(1, sizeof *t);
        t->name = hub_xstrdup(name);
        t->since = hub_loop_wall(b->loop);
        hub_list_init(&t->subscribers);
        hub_map_put(&b->consumer.topics, hub_cstr(name), t);
        b->consumer.resubscribe.run = resubscribe_all;
        hub_defer(b->loop, &b->consumer.resubscribe);
    }
    struct kafka_subscriber *s = hub_xcalloc(1, sizeof *s);
    *s = (struct kafka_subscriber){.cb = cb, .arg = arg};
    hub_list_push(&t->subscribers, &s->link);
}

static void free_topic(struct kafka_topic *t) {
    for (struct hub_list *l; (l = hub_list_pop(&t->subscribers));)
        free(HUB_CONTAINER(l, struct kafka_subscriber, link));
    free(t->name);
    free(t->handled);
    free(t);
}

void hub_kafka_topics_free(struct kafka_bus *b) {
    for (struct kafka_topic *t; (t = hub_map_drain(&b->consumer.topics));) free_topic(t);
    hub_map_clear(&b->consumer.topics);
}

/* ---- events ---- */

static void on_fetched(struct kafka_bus *b, rd_kafka_event_t *ev) {
    for (const rd_kafka_message_t *m; (m = rd_kafka_event_message_next(ev));)
        if (!m->err) hub_kafka_deliver(b, m);
}

/* Only the text of the event names the topic: "Subscribed topic not available: NAME: why". */
static struct kafka_topic *topic_in(struct kafka_bus *b, const char *text) {
    struct hub_str rest = hub_cstr(text), piece;
    if (!hub_str_split(&rest, ' ', &piece)) return NULL;
    while (hub_str_split(&rest, ' ', &piece)) {
        struct kafka_topic *t = piece.n > 1 && piece.p[piece.n - 1] == ':'
                                    ? hub_map_get(&b->consumer.topics, hub_str(piece.p, piece.n - 1))
                                    : NULL;
        if (t) return t;
    }
    return NULL;
}

/* Errors of single topics are no fault of the connection. */
static void on_error(struct kafka_bus *b, rd_kafka_event_t *ev) {
    rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
    struct kafka_topic *t = topic_in(b, rd_kafka_event_error_string(ev));
    if (t && (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)) {
        if (!t->missing && !t->partitions)
            hub_kafka_log(b, HUB_LOG_DEBUG, "the topic does not exist yet", "topic", t->name);
        t->missing |= !t->partitions;
    } else if (rd_kafka_event_error_is_fatal(ev)) {
        hub_kafka_consumer_restart(b, rd_kafka_event_error_string(ev));
    } else {
        hub_kafka_on_error(b, ev, "consumer");
    }
}

static void on_event(struct kafka_bus *b, rd_kafka_event_t *ev) {
    switch (rd_kafka_event_type(ev)) {
    case RD_KAFKA_EVENT_FETCH: on_fetched(b, ev); break;
    case RD_KAFKA_EVENT_REBALANCE: hub_kafka_on_rebalance(b, ev); break;
    case RD_KAFKA_EVENT_OFFSET_COMMIT: hub_kafka_on_commit(b, ev); break;
    case RD_KAFKA_EVENT_LOG: hub_kafka_on_log(b, ev); break;
    case RD_KAFKA_EVENT_ERROR: on_error(b, ev); break;
    default: break;
    }
    rd_kafka_event_destroy(ev);
}

bool hub_kafka_consumer_drain(struct kafka_bus *b) {
    bool more = false;
    rd_kafka_event_t *ev = NULL;
    for (int i = 0; i < BATCH; i++) {
        ev = b->consumer.queue ? rd_kafka_queue_poll(b->consumer.queue, 0) : NULL;
        if (!ev) break;
        on_event(b, ev);
    }
    more = ev != NULL;
    HUB_LIST_EACH_SAFE(&b->consumer.partitions, it)
    more |= hub_kafka_partition_drain(HUB_CONTAINER(it, struct partition, link));
    return more;
}

/* ---- beginning anew ---- */

void hub_kafka_consumer_restart(struct kafka_bus *b, const char *why) {
    if (b->consumer.broken) return;
    b->consumer.broken = true;
    hub_kafka_log(b, HUB_LOG_ERROR, "consuming has to begin anew", "error", why);
}

bool hub_kafka_consumer_joining(const struct kafka_bus *b) {
    return b->consumer.rk && !b->consumer.joined && hub_kafka_awaited(b);
}

/* librdkafka 2.0 aborts the process when a consumer is destroyed between joining a group of the
 * cooperative-sticky protocol and its first assignment (its issue 4312), and waits for ever when one is
 * destroyed that has begun to leave its group and has not done so. Such a one is left as it is: that
 * happens while the process ends, or once in a long while. */
void hub_kafka_consumer_destroy(struct kafka_bus *b) {
    struct consumer *c = &b->consumer;
    bool leave = (!c->joined && hub_map_len(&c->topics)) || (b->closing && c->rk && !rd_kafka_consumer_closed(c->rk));
    while (!hub_list_empty(&c->partitions))
        hub_kafka_partition_close(HUB_CONTAINER(c->partitions.next, struct partition, link));
    if (!c->rk) return;
    rd_kafka_queue_io_event_enable(c->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(c->queue);
    if (!leave) hub_kafka_destroy(b, c->rk);
    b->left |= leave;
    c->rk = NULL;
    c->queue = NULL;
}

/* What is held is given up, too: it comes again, and is known by its _eventId. */
static void begin_consumer_anew(struct kafka_bus *b) {
    struct hub_err err;
    struct consumer *c = &b->consumer;
    if (b->closing || b->probe.running || !hub_kafka_rebalance_idle(b) ||
        hub_loop_now(b->loop) < c->opened_at + REOPEN_MS)
        return;
    hub_kafka_consumer_destroy(b);
    c->joined = c->committing = false;
    hub_metric_add(&restarts, 1);
    if (hub_kafka_consumer_open(b, &err))
        hub_kafka_log(b, HUB_LOG_ERROR, "consuming cannot begin anew", "error", err.text);
    else if (hub_map_len(&c->topics))
        hub_defer(b->loop, &c->resubscribe);
}

/* ---- lag ---- */

static int64_t lag_of(const struct kafka_bus *b, const struct partition *p) {
    int64_t low, high;
    if (rd_kafka_get_watermark_offsets(b->consumer.rk, p->topic->name, p->number, &low, &high) || high < 0) return 0;
    return high > p->next ? high - p->next : 0;
}

void hub_kafka_consumer_tick(struct kafka_bus *b) {
    void *value;
    if (b->consumer.broken) begin_consumer_anew(b);
    if (!b->consumer.rk) return;
    for (void *it = NULL; (it = hub_map_next(&b->consumer.topics, it, NULL, &value));) {
        struct kafka_topic *t = value;
        int64_t lag = 0;
        HUB_LIST_EACH(&b->consumer.partitions, at) {
            const struct partition *p = HUB_CONTAINER(at, struct partition, link);
            if (p->topic == t) lag += lag_of(b, p);
        }
        if (!t->lag)
            t->lag = hub_metric_labelled("hubd_bus_lag", "Records of a topic that are not handled yet", HUB_GAUGE,
                                         "topic", hub_cstr(t->name));
        hub_metric_set(t->lag, lag);
    }
}

/* ---- life ---- */

enum hub_code hub_kafka_consumer_open(struct kafka_bus *b, struct hub_err *err) {
    char why[300];
    struct consumer *c = &b->consumer;
    rd_kafka_conf_t *conf = hub_kafka_conf(b, HUB_KAFKA_CONSUMER, err);
    if (!conf) return err->code;
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return hub_fail(err, HUB_BAD_REQUEST, "bus: %s", why);
    }
    rd_kafka_poll_set_consumer(rk);
    c->rk = rk;
    c->broken = false;
    c->opened_at = hub_loop_now(b->loop);
    c->queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_set_log_queue(rk, c->queue);
    hub_kafka_watch_queue(b, c->queue);
    return HUB_OK;
}
