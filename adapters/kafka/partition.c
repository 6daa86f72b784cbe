/* A partition's records: delivered in order, a bounded number at a time; committed in order when released. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/kafka/kafka_int.h"
#include "base/telemetry/log.h"

enum {
    MAX_HELD = 256, /* delivered records of one partition that are not released */
    MAX_HELD_BYTES = 4 << 20,
    BATCH = 64,             /* records of one partition in one turn */
    COMMIT_PERIOD_MS = 100, /* between two commits */
    COMMIT_RETRY_MS = 1000,
};

static struct hub_metric held = HUB_METRIC(HUB_GAUGE, "hubd_bus_held", NULL, "Records being processed");
static struct hub_metric commits = HUB_METRIC(HUB_COUNTER, "hubd_bus_commits_total", NULL, "Offset commits");
static struct hub_metric commit_failures =
    HUB_METRIC(HUB_COUNTER, "hubd_bus_commit_failures_total", NULL, "Offset commits that the bus refused");

/* ---- life ---- */

struct partition *hub_kafka_partition(struct kafka_bus *b, const char *topic, int32_t number) {
    HUB_LIST_EACH(&b->consumer.partitions, it) {
        struct partition *p = HUB_CONTAINER(it, struct partition, link);
        if (p->number == number && !strcmp(p->topic->name, topic)) return p;
    }
    return NULL;
}

void hub_kafka_partition_open(struct kafka_bus *b, const char *topic, int32_t number, int64_t next, int64_t committed) {
    struct kafka_topic *t = hub_kafka_topic(b, topic);
    rd_kafka_queue_t *queue = t ? rd_kafka_queue_get_partition(b->consumer.rk, topic, number) : NULL;
    if (!queue) return;
    struct partition *p = hub_xcalloc(1, sizeof *p);
    *p = (struct partition){.bus = b,
                            .topic = t,
                            .number = number,
                            .queue = queue,
                            .last = next - 1,
                            .next = next,
                            .sent = committed,
                            .acked = committed,
                            .end = -1};
    hub_list_init(&p->records);
    hub_list_push(&b->consumer.partitions, &p->link);
    t->partitions++;
    rd_kafka_queue_forward(queue, NULL);
    hub_kafka_watch_queue(b, queue);
}

static void free_if_over(struct partition *p) {
    if (!p->queue && !p->held) free(p);
}

static void remember_next(struct kafka_topic *t, size_t number, int64_t next) {
    if (number >= t->handled_n) {
        t->handled = hub_xrealloc(t->handled, (number + 1) * sizeof *t->handled);
        while (t->handled_n <= number) t->handled[t->handled_n++] = -1;
    }
    t->handled[number] = next;
}

int64_t hub_kafka_partition_resume(const struct kafka_topic *t, int32_t number, int64_t committed) {
    int64_t handled = (size_t)number < t->handled_n ? t->handled[number] : -1;
    return committed >= 0 && handled > committed
               ? handled
               : committed; /* where nothing is committed, the topic may be another one of that name */
}

static void free_record(struct kafka_record *r) {
    free(r->headers);
    free(r);
}

void hub_kafka_partition_close(struct partition *p) {
    rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(p->queue);
    p->queue = NULL;
    p->topic->partitions--;
    remember_next(p->topic, (size_t)p->number, p->next);
    hub_list_remove(&p->link);
    for (struct hub_list *l; (l = hub_list_pop(&p->records));) {
        struct kafka_record *r = HUB_CONTAINER(l, struct kafka_record, link);
        if (r->released) free_record(r);
    }
    free_if_over(p);
}

/* ---- delivery ---- */

static struct hub_str put_bytes(char **at, const void *bytes, size_t n) {
    struct hub_str copy = hub_str(*at, n);
    if (n) memcpy(*at, bytes, n);
    *at += n;
    return copy;
}

/* Header I; false after the last one. Librdkafka keeps them for the time of the callback only. */
static bool read_header(const rd_kafka_headers_t *list, size_t i, struct hub_bus_header *out) {
    const char *name;
    const void *value;
    size_t n;
    if (!list || rd_kafka_header_get_all(list, i, &name, &value, &n)) return false;
    *out = (struct hub_bus_header){hub_cstr(name), hub_str(value, n)};
    return true;
}

static void add_headers(struct kafka_record *r, const rd_kafka_headers_t *list, size_t n, char *at) {
    struct hub_bus_header h;
    r->headers = hub_xcalloc(n, sizeof *r->headers);
    for (size_t i = 0; read_header(list, i, &h); i++) {
        r->headers[i].name = put_bytes(&at, h.name.p, h.name.n);
        if (h.value.p) r->headers[i].value = put_bytes(&at, h.value.p, h.value.n);
    }
    r->base.headers = r->headers;
    r->base.header_n = n;
}

static HUB_MUST struct kafka_record *new_record(struct partition *p, const rd_kafka_message_t *m) {
    size_t bytes = m->len + m->key_len, n = 0;
    rd_kafka_headers_t *list = NULL;
    struct hub_bus_header h;
    if (rd_kafka_message_headers(m, &list)) list = NULL;
    for (; read_header(list, n, &h); n++) bytes += sizeof h + h.name.n + h.value.n;
    struct kafka_record *r = hub_xmalloc(sizeof *r + bytes);
    *r = (struct kafka_record){.partition = p, .offset = m->offset, .bytes = bytes};
    if (m->len) memcpy(r->text, m->payload, m->len);
    if (m->key_len) memcpy(r->text + m->len, m->key, m->key_len);
    r->base = (struct hub_bus_record){.bus = &p->bus->base,
                                      .topic = hub_cstr(p->topic->name),
                                      .key = hub_str(r->text + m->len, m->key_len),
                                      .value = hub_str(m->payload ? r->text : NULL, m->len),
                                      .partition = p->number,
                                      .refs = 1};
    if (n) add_headers(r, list, n, r->text + m->len + m->key_len);
    return r;
}

static void deliver_record(struct partition *p, const rd_kafka_message_t *m) {
    if (m->offset <= p->last) return; /* came already */
    struct kafka_record *r = new_record(p, m);
    struct kafka_bus *b = p->bus;
    p->last = m->offset;
    p->held++, p->held_bytes += r->bytes, b->held++;
    hub_list_push(&p->records, &r->link);
    HUB_LIST_EACH(&p->topic->subscribers, it) {
        struct kafka_subscriber *s = HUB_CONTAINER(it, struct kafka_subscriber, link);
        r->base.refs++;
        s->cb(s->arg, &r->base);
    }
    hub_metric_set(&held, (int64_t)b->held);
    hub_bus_record_release(&r->base);
}

void hub_kafka_deliver(struct kafka_bus *b, const rd_kafka_message_t *m) {
    struct partition *p = hub_kafka_partition(b, rd_kafka_topic_name(m->rkt), m->partition);
    if (p && !p->stopping) deliver_record(p, m);
}

static bool partition_full(const struct partition *p) {
    return p->stopping || p->bus->paused || p->held >= MAX_HELD || p->held_bytes >= MAX_HELD_BYTES;
}

bool hub_kafka_partition_drain(struct partition *p) {
    for (int i = 0; i < BATCH && !partition_full(p); i++) {
        rd_kafka_event_t *ev = rd_kafka_queue_poll(p->queue, 0);
        if (!ev) return false;
        for (const rd_kafka_message_t *m; (m = rd_kafka_event_message_next(ev));)
            if (!m->err) deliver_record(p, m);
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR) hub_kafka_on_error(p->bus, ev, p->topic->name);
        rd_kafka_event_destroy(ev);
    }
    return !partition_full(p);
}

/* ---- release ---- */

void hub_kafka_free_record(struct hub_bus_record *base) {
    struct kafka_record *r = HUB_CONTAINER(base, struct kafka_record, base);
    struct partition *p = r->partition;
    struct kafka_bus *b = p->bus;
    bool was_full = partition_full(p);
    r->released = true;
    p->held--, p->held_bytes -= r->bytes, b->held--;
    hub_metric_set(&held, (int64_t)b->held);
    if (!p->queue) {
        free_record(r);
        free_if_over(p);
        if (b->closed && !b->held) hub_kafka_free(b);
        return;
    }
    if (b->closing) return; /* no longer counts */
    while (!hub_list_empty(&p->records)) {
        struct kafka_record *first = HUB_CONTAINER(p->records.next, struct kafka_record, link);
        if (!first->released) break;
        p->next = first->offset + 1;
        hub_list_remove(&first->link);
        free_record(first);
    }
    hub_kafka_commit_soon(b);
    if ((was_full && !partition_full(p)) || p->stopping) hub_kafka_wake(b);
}

/* ---- commits ---- */

static void on_commit_due(struct hub_task *task) {
    hub_kafka_commit_now(HUB_CONTAINER(task, struct kafka_bus, consumer.commit));
}
static void on_commit_timer(struct hub_timer *t) {
    hub_kafka_commit_now(HUB_CONTAINER(t, struct kafka_bus, consumer.commit_timer));
}

void hub_kafka_commit_soon(struct kafka_bus *b) {
    struct consumer *c = &b->consumer;
    int64_t wait = c->committed_at + COMMIT_PERIOD_MS - hub_loop_now(b->loop);
    if (c->committing || hub_timer_running(&c->commit_timer)) return;
    c->commit.run = on_commit_due;
    if (wait <= 0)
        hub_defer(b->loop, &c->commit); /* at the end of the turn: with everything else that it releases */
    else
        hub_timer_start(b->loop, &c->commit_timer, wait, on_commit_timer);
}

static HUB_MUST rd_kafka_topic_partition_list_t *what_to_commit(struct kafka_bus *b) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    HUB_LIST_EACH(&b->consumer.partitions, it) {
        struct partition *p = HUB_CONTAINER(it, struct partition, link);
        if (p->next == p->sent) continue;
        rd_kafka_topic_partition_list_add(list, p->topic->name, p->number)->offset = p->next;
        p->sent = p->next;
    }
    return list;
}

static void commit_failed(struct kafka_bus *b, rd_kafka_resp_err_t err) {
    hub_metric_add(&commit_failures, 1);
    hub_kafka_log(b, HUB_LOG_WARN, "a commit was refused, it will be tried again", "error", rd_kafka_err2str(err));
    hub_timer_start(b->loop, &b->consumer.commit_timer, COMMIT_RETRY_MS, on_commit_timer);
}

bool hub_kafka_commit_now(struct kafka_bus *b) {
    struct consumer *c = &b->consumer;
    if (c->committing || !c->rk) return false;
    rd_kafka_topic_partition_list_t *list = what_to_commit(b);
    rd_kafka_resp_err_t err = 0;
    if (list->cnt) {
        c->committed_at = hub_loop_now(b->loop);
        err = rd_kafka_commit_queue(c->rk, list, c->queue, NULL, NULL);
        c->committing = !err;
        hub_metric_add(&commits, 1);
    }
    for (int i = 0; err && i < list->cnt; i++) {
        struct partition *p = hub_kafka_partition(b, list->elems[i].topic, list->elems[i].partition);
        p->sent = p->acked;
        commit_failed(b, err);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return c->committing;
}

void hub_kafka_on_commit(struct kafka_bus *b, rd_kafka_event_t *ev) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(ev);
    rd_kafka_resp_err_t all = rd_kafka_event_error(ev);
    b->consumer.committing = false;
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        struct partition *p = hub_kafka_partition(b, at->topic, at->partition);
        rd_kafka_resp_err_t err = all ? all : at->err;
        if (!p) continue;
        if (err) {
            p->sent = p->acked;
            commit_failed(b, err);
        } else {
            p->acked = at->offset;
        }
    }
    HUB_LIST_EACH(&b->consumer.partitions, it) {
        const struct partition *p = HUB_CONTAINER(it, struct partition, link);
        if (p->next != p->sent) hub_kafka_commit_soon(b);
    }
    hub_kafka_rebalance_step(b);
}
