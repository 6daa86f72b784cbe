/* Rebalances, one after the other: partitions that come are begun where the group left off, partitions
 * that go are committed first. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/kafka/kafka_int.h"
#include "base/telemetry/log.h"

enum { REVOKE_MS = 3000 }; /* longest wait for what is held, and for its commit */

struct turn {
    struct hub_list link;
    struct kafka_bus *bus;
    bool assign, lost, answering;
    rd_kafka_topic_partition_list_t *partitions;
    int64_t until; /* revoking */
    struct hub_kafka_job job;
    atomic_bool cancel;
    bool found;
    rd_kafka_t *rk;
    struct hub_kafka_start *starts;
    size_t n;
    char error[200]; /* what librdkafka said to the answer */
};

static struct hub_metric rebalances = HUB_METRIC(HUB_COUNTER, "hubd_bus_rebalances_total", NULL,
                                                 "Rebalances: changes of the partitions assigned to this process");

static void run_next(struct kafka_bus *b);

static void end_turn(struct kafka_bus *b) {
    struct turn *t = b->consumer.turn;
    b->consumer.turn = NULL;
    hub_timer_stop(b->loop, &b->consumer.turn_timer);
    for (size_t i = 0; i < t->n; i++) free(t->starts[i].topic);
    free(t->starts);
    rd_kafka_topic_partition_list_destroy(t->partitions);
    free(t);
    run_next(b);
}

static bool is_cooperative(rd_kafka_t *rk) {
    const char *protocol = rd_kafka_rebalance_protocol(rk);
    return protocol && !strcmp(protocol, "COOPERATIVE");
}

/* These calls wait for librdkafka's main thread, which forgets those it has not answered when the group is
 * left (2.0): not for the loop's thread. */
static void answer_turn(struct hub_kafka_job *job) {
    struct turn *t = HUB_CONTAINER(job, struct turn, job);
    if (is_cooperative(t->rk)) {
        rd_kafka_error_t *err = t->assign ? rd_kafka_incremental_assign(t->rk, t->partitions)
                                          : rd_kafka_incremental_unassign(t->rk, t->partitions);
        if (err) snprintf(t->error, sizeof t->error, "%s", rd_kafka_error_string(err));
        rd_kafka_error_destroy(err);
    } else {
        rd_kafka_resp_err_t err = rd_kafka_assign(t->rk, t->assign ? t->partitions : NULL);
        if (err) snprintf(t->error, sizeof t->error, "%s", rd_kafka_err2str(err));
    }
}

static void on_answered(struct hub_kafka_job *job) {
    struct turn *t = HUB_CONTAINER(job, struct turn, job);
    struct kafka_bus *b = t->bus;
    b->jobs--;
    if (t->error[0] && !b->closing)
        hub_kafka_log(b, HUB_LOG_WARN, t->assign ? "cannot take partitions" : "cannot give partitions back", "error",
                      t->error);
    if (t->assign) {
        b->consumer.joined = true;
        hub_kafka_probe_in(b, 0);
        hub_kafka_commit_soon(
            b); /* where it begins: so that it begins there again if nothing comes before the next start */
    }
    end_turn(b);
}

static void add_job(struct kafka_bus *b, struct turn *t, void (*run)(struct hub_kafka_job *job),
                    void (*done)(struct hub_kafka_job *job)) {
    t->rk = b->consumer.rk;
    t->job.run = run;
    t->job.done = done;
    b->jobs++;
    hub_kafka_worker_add(&b->worker, &t->job);
}

static void begin_answer(struct kafka_bus *b, struct turn *t) {
    t->answering = true;
    add_job(b, t, answer_turn, on_answered);
}

/* ---- partitions that come ---- */

static void find_starts(struct hub_kafka_job *job) {
    struct turn *t = HUB_CONTAINER(job, struct turn, job);
    t->found = hub_kafka_find_starts(t->rk, t->starts, t->n, &t->cancel);
}

static void on_found(struct hub_kafka_job *job) {
    struct turn *t = HUB_CONTAINER(job, struct turn, job);
    struct kafka_bus *b = t->bus;
    b->jobs--;
    for (size_t i = 0; t->found && i < t->n; i++) {
        struct hub_kafka_start *s = &t->starts[i];
        const struct kafka_topic *topic = hub_kafka_topic(b, s->topic);
        if (topic && s->committed >= 0) s->offset = hub_kafka_partition_resume(topic, s->partition, s->committed);
        rd_kafka_topic_partition_list_find(t->partitions, s->topic, s->partition)->offset = s->offset;
        hub_kafka_partition_open(b, s->topic, s->partition, s->offset, s->committed);
    }
    /* A turn that was overtaken is answered all the same; what goes with the next turn is not read. Only a
     * group that is being left waits for the answer to what it said last, and may be gone with the first
     * that it gets. */
    if (b->closing && !hub_list_empty(&b->consumer.turns))
        end_turn(b);
    else
        begin_answer(b, t);
}

static void begin_assign(struct kafka_bus *b, struct turn *t) {
    t->n = (size_t)t->partitions->cnt;
    t->starts = hub_xcalloc(t->n, sizeof *t->starts);
    for (size_t i = 0; i < t->n; i++) {
        const rd_kafka_topic_partition_t *p = &t->partitions->elems[i];
        const struct kafka_topic *topic = hub_kafka_topic(b, p->topic);
        const char *reset = hub_kafka_settings_get(&b->settings, "auto.offset.reset");
        t->starts[i] = (struct hub_kafka_start){
            .topic = hub_xstrdup(p->topic), .partition = p->partition, .since = topic ? topic->since : 0};
        t->starts[i].all = (topic && topic->missing) || (reset && !strcmp(reset, "earliest"));
    }
    t->cancel = b->closing;
    add_job(b, t, find_starts, on_found);
}

/* ---- partitions that go ---- */

static bool turn_over(struct kafka_bus *b, const struct turn *t) {
    bool held = false, behind = false;
    for (int i = 0; i < t->partitions->cnt; i++) {
        struct partition *p = hub_kafka_partition(b, t->partitions->elems[i].topic, t->partitions->elems[i].partition);
        if (!p) continue;
        held |= p->held > 0;
        behind |= p->next != p->acked;
    }
    if (t->lost || b->closing || hub_loop_now(b->loop) >= t->until) return true;
    if (behind && !held) hub_kafka_commit_now(b);
    return !held && !behind;
}

static void on_turn_timer(struct hub_timer *timer) {
    hub_kafka_rebalance_step(HUB_CONTAINER(timer, struct kafka_bus, consumer.turn_timer));
}

void hub_kafka_rebalance_step(struct kafka_bus *b) {
    struct turn *t = b->consumer.turn;
    if (t && t->assign && b->closing) t->cancel = true;
    if (!t || t->assign || t->answering || !turn_over(b, t)) return;
    for (int i = 0; i < t->partitions->cnt; i++) {
        struct partition *p = hub_kafka_partition(b, t->partitions->elems[i].topic, t->partitions->elems[i].partition);
        if (p) hub_kafka_partition_close(p);
    }
    if (t->lost) b->consumer.joined = false; /* the answer to an assignment may have come in between */
    begin_answer(b, t);
}

static void begin_revoke(struct kafka_bus *b, struct turn *t) {
    t->until = hub_loop_now(b->loop) + REVOKE_MS;
    for (int i = 0; i < t->partitions->cnt; i++) {
        struct partition *p = hub_kafka_partition(b, t->partitions->elems[i].topic, t->partitions->elems[i].partition);
        if (p) p->stopping = true;
    }
    hub_timer_start(b->loop, &b->consumer.turn_timer, REVOKE_MS, on_turn_timer);
    hub_kafka_rebalance_step(b);
}

/* ---- turns ---- */

static void run_next(struct kafka_bus *b) {
    struct hub_list *link = b->consumer.turn ? NULL : hub_list_pop(&b->consumer.turns);
    if (!link) return;
    struct turn *t = b->consumer.turn = HUB_CONTAINER(link, struct turn, link);
    if (t->assign)
        begin_assign(b, t);
    else
        begin_revoke(b, t);
}

void hub_kafka_on_rebalance(struct kafka_bus *b, rd_kafka_event_t *ev) {
    struct turn *t = hub_xcalloc(1, sizeof *t);
    t->bus = b;
    t->assign = rd_kafka_event_error(ev) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    t->lost = !t->assign && rd_kafka_assignment_lost(b->consumer.rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(ev);
    t->partitions = list ? rd_kafka_topic_partition_list_copy(list) : rd_kafka_topic_partition_list_new(0);
    if (t->lost) b->consumer.joined = false;
    hub_metric_add(&rebalances, 1);
    if (b->consumer.turn) b->consumer.turn->cancel = true;
    hub_list_push(&b->consumer.turns, &t->link);
    run_next(b);
}

bool hub_kafka_rebalance_idle(const struct kafka_bus *b) { return !b->consumer.turn; }
