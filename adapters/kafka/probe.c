/* Whether the bus works, found out by asking: do the brokers answer, and has fetching reached what they
 * say is the end of each partition? Sockets that look healthy prove neither. */
#include <stdio.h>

#include "adapters/kafka/kafka_int.h"
#include "base/telemetry/log.h"

enum {
    TIMEOUT_MS = 3000,
    PERIOD_MS = 10000, /* while all is well */
    SOON_MS = 1000,
    LOOK_MS = 100, /* while something is not proven */
    STALLED_MS = 5000,
    GIVE_UP_MS = 60000,
};

static struct hub_metric reconnects = HUB_METRIC(HUB_COUNTER, "hubd_bus_reconnects_total", NULL,
                                                 "Times the connection to the bus was lost and established again");

static void on_timer(struct hub_timer *t);

void hub_kafka_probe_in(struct kafka_bus *b, int64_t ms) {
    int64_t due = hub_loop_now(b->loop) + ms;
    if (b->probe.due > due) b->probe.due = due;
    if (!hub_timer_running(&b->probe.timer) || b->probe.timer.due > due)
        hub_timer_start(b->loop, &b->probe.timer, ms, on_timer);
}

void hub_kafka_lost(struct kafka_bus *b, const char *why) {
    if (b->reached || (!b->trouble_at && !b->was_reached)) {
        hub_kafka_log(b, HUB_LOG_WARN, "no broker of the bus answers, trying on", "error", why);
        b->trouble_at = hub_loop_now(b->loop);
    }
    if (why != b->trouble) snprintf(b->trouble, sizeof b->trouble, "%s", why);
    b->reached = false;
    HUB_LIST_EACH(&b->consumer.partitions, it) {
        struct partition *p = HUB_CONTAINER(it, struct partition, link);
        p->alive = false;
        p->end = -1;
    }
    hub_kafka_probe_in(b, SOON_MS);
}

static void note_reached(struct kafka_bus *b) {
    if (!b->reached) {
        hub_kafka_log(b, HUB_LOG_INFO,
                      b->was_reached ? "the brokers of the bus are back" : "the brokers of the bus answer", "brokers",
                      b->settings.brokers);
        if (b->was_reached) hub_metric_add(&reconnects, 1);
    }
    b->reached = b->was_reached = true;
    b->trouble[0] = 0;
}

/* ---- on the worker ---- */

static void ask_brokers(struct hub_kafka_job *job) {
    struct probe *p = HUB_CONTAINER(job, struct probe, job);
    const struct rd_kafka_metadata *metadata;
    p->err = p->producer ? rd_kafka_metadata(p->producer, 0, NULL, &metadata, TIMEOUT_MS) : RD_KAFKA_RESP_ERR__STATE;
    if (!p->err) rd_kafka_metadata_destroy(metadata);
    if (!p->err && p->ends->cnt) p->err = rd_kafka_offsets_for_times(p->consumer, p->ends, TIMEOUT_MS);
}

/* ---- on the loop ---- */

static void on_probe_answer(struct hub_kafka_job *job) {
    struct kafka_bus *b = HUB_CONTAINER(HUB_CONTAINER(job, struct probe, job), struct kafka_bus, probe);
    struct probe *p = &b->probe;
    p->running = false;
    if (p->err)
        hub_kafka_lost(b, b->trouble[0] ? b->trouble : rd_kafka_err2str(p->err));
    else
        note_reached(b);
    for (int i = 0; !p->err && i < p->ends->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &p->ends->elems[i];
        struct partition *which = hub_kafka_partition(b, at->topic, at->partition);
        if (which && which->end < 0 && !at->err && at->offset >= 0)
            which->end = at->offset, which->asked = hub_loop_now(b->loop);
    }
    rd_kafka_topic_partition_list_destroy(p->ends);
    p->ends = NULL;
    hub_timer_start(b->loop, &p->timer, 0, on_timer);
}

static void begin_probe(struct kafka_bus *b) {
    struct probe *p = &b->probe;
    p->producer = b->producer.rk;
    p->consumer = b->consumer.rk;
    p->ends = rd_kafka_topic_partition_list_new(16);
    HUB_LIST_EACH(&b->consumer.partitions, it) {
        const struct partition *at = HUB_CONTAINER(it, struct partition, link);
        rd_kafka_topic_partition_list_add(p->ends, at->topic->name, at->number)->offset = RD_KAFKA_OFFSET_END;
    }
    p->job.run = ask_brokers;
    p->job.done = on_probe_answer;
    p->running = true;
    hub_kafka_worker_add(&b->worker, &p->job);
}

/* Fetching has reached the end as it was when it was asked for: what librdkafka knows of the end comes
 * with what it fetches. What waits to be taken was fetched, too. */
static bool caught_up(struct kafka_bus *b, struct partition *p) {
    int64_t low, high;
    if (p->last + 1 >= p->end || rd_kafka_queue_length(p->queue)) return true;
    return !rd_kafka_get_watermark_offsets(b->consumer.rk, p->topic->name, p->number, &low, &high) && high >= p->end;
}

static void look_at_partition(struct kafka_bus *b, struct partition *p) {
    if (p->end < 0) return;
    int64_t since = hub_loop_now(b->loop) - p->asked;
    if (caught_up(b, p)) {
        p->alive = true;
        p->end = -1;
    } else if (since > STALLED_MS && p->alive) {
        p->alive = false;
        hub_kafka_log(b, HUB_LOG_WARN, "there are records that do not come", "topic", p->topic->name);
    } else if (since > GIVE_UP_MS && b->reached) {
        hub_kafka_consumer_restart(b, "records do not come");
    }
}

static void on_timer(struct hub_timer *t) {
    struct kafka_bus *b = HUB_CONTAINER(t, struct kafka_bus, probe.timer);
    int64_t now = hub_loop_now(b->loop);
    bool all = b->reached;
    HUB_LIST_EACH(&b->consumer.partitions, it) {
        struct partition *p = HUB_CONTAINER(it, struct partition, link);
        look_at_partition(b, p);
        all &= p->alive && p->end < 0;
    }
    if (b->closing) return;
    if (!b->probe.running && now >= b->probe.due) {
        b->probe.due = now + (all ? PERIOD_MS : SOON_MS);
        begin_probe(b);
    }
    hub_timer_start(b->loop, t, all ? b->probe.due - now : LOOK_MS, on_timer);
}
