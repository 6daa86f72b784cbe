/* The bus of a single node: a queue that the next turn empties. */
#include <stdlib.h>

#include "adapters/memory/memory.h"
#include "base/collection/map.h"
#include "base/memory/mem.h"
#include "base/telemetry/metric.h"

#define MAX_WAITING 10000
#define MAX_HELD 1000 /* delivered and not yet released */

struct memory_subscriber {
    struct hub_list link;
    uint64_t from; /* number of the first record it gets */
    hub_bus_cb *cb;
    void *arg;
};

struct memory_topic {
    struct hub_list subscribers;
};

struct memory_record {
    struct hub_bus_record base;     /* texts point into bytes */
    struct hub_bus_header *headers; /* base.headers */
    struct hub_list link;
    uint64_t number;
    hub_bus_done *done;
    void *arg;
    enum hub_code code;
    char bytes[];
};

struct memory_bus {
    struct hub_bus base; /* first member */
    struct hub_loop *loop;
    struct hub_map topics;
    struct hub_list waiting;
    size_t waiting_n, held;
    uint64_t next;
    struct hub_timer timer;
    bool closing, closed; /* closed: freed with the last record */
};

static struct hub_metric queue_metric =
    HUB_METRIC(HUB_GAUGE, "hubd_bus_queue", NULL, "Records that wait for delivery on the in-process bus");

static void on_turn(struct hub_timer *timer);

static struct memory_bus *bus_of(struct hub_bus *b) { return HUB_CONTAINER(b, struct memory_bus, base); }

static enum hub_code bus_check(const struct hub_bus_config *config, struct hub_err *err) {
    if (strcmp(config->url, "memory:") != 0)
        return hub_fail(err, HUB_BAD_REQUEST, "bus.url \"%s\": expected \"memory:\"", config->url);
    if (config->option_n)
        return hub_fail(err, HUB_BAD_REQUEST, "bus.options.%s: the bus \"memory:\" has no options",
                        config->options[0].name);
    return HUB_OK;
}

static enum hub_code bus_open(struct hub_loop *loop, const struct hub_bus_config *config, struct hub_bus **out,
                              struct hub_err *err) {
    enum hub_code code = bus_check(config, err);
    if (code) return code;
    struct memory_bus *b = hub_xcalloc(1, sizeof *b);
    b->base.ops = &hub_memory_bus_ops;
    b->loop = loop;
    hub_list_init(&b->waiting);
    *out = &b->base;
    return HUB_OK;
}

static void bus_subscribe(struct hub_bus *base, const char *name, hub_bus_cb *cb, void *arg) {
    struct memory_bus *b = bus_of(base);
    struct memory_topic *t = hub_map_get(&b->topics, hub_cstr(name));
    if (!t) {
        t = hub_xcalloc(1, sizeof *t);
        hub_list_init(&t->subscribers);
        hub_map_put(&b->topics, hub_cstr(name), t);
    }
    struct memory_subscriber *s = hub_xcalloc(1, sizeof *s);
    *s = (struct memory_subscriber){.from = b->next, .cb = cb, .arg = arg};
    hub_list_push(&t->subscribers, &s->link);
}

static void free_record(struct hub_bus_record *base) {
    struct memory_bus *b = bus_of(base->bus);
    struct memory_record *r = HUB_CONTAINER(base, struct memory_record, base);
    free(r->headers);
    free(r);
    b->held--;
    if (b->closed) {
        if (!b->held) free(b);
    } else if (b->waiting_n && !hub_timer_running(&b->timer)) {
        hub_timer_start(b->loop, &b->timer, 0, on_turn);
    }
}

static void deliver_record(struct memory_bus *b, struct memory_record *r) {
    struct memory_topic *t = hub_map_get(&b->topics, r->base.topic);
    if (!t) return;
    /* A callback may subscribe: the newcomer stands at the end and does not want this record. */
    HUB_LIST_EACH(&t->subscribers, it) {
        struct memory_subscriber *s = HUB_CONTAINER(it, struct memory_subscriber, link);
        if (r->number < s->from) continue;
        r->base.refs++;
        s->cb(s->arg, &r->base);
    }
}

static void answer_publisher(struct memory_record *r) {
    hub_bus_done *done = r->done;
    r->done = NULL;
    if (done) done(r->arg, r->code, r->code ? hub_code_text(r->code) : NULL);
}

static void finish_record(struct memory_bus *b, struct memory_record *r) {
    b->held++;
    r->base.refs = 1;
    if (!r->code) deliver_record(b, r);
    answer_publisher(r);
    hub_bus_record_release(&r->base);
}

static void on_turn(struct hub_timer *timer) {
    struct memory_bus *b = HUB_CONTAINER(timer, struct memory_bus, timer);
    /* What callbacks publish comes after this budget, on the next turn. */
    for (size_t budget = b->waiting_n; budget && b->held < MAX_HELD; budget--) {
        struct hub_list *link = hub_list_pop(&b->waiting);
        b->waiting_n--;
        finish_record(b, HUB_CONTAINER(link, struct memory_record, link));
    }
    hub_metric_set(&queue_metric, (int64_t)b->waiting_n);
    /* Delivery stands, and what is held may wait for those who publish: they are not to wait for delivery. */
    if (b->held >= MAX_HELD)
        HUB_LIST_EACH(&b->waiting, it) answer_publisher(HUB_CONTAINER(it, struct memory_record, link));
    if (b->waiting_n && b->held < MAX_HELD && !hub_timer_running(&b->timer))
        hub_timer_start(b->loop, &b->timer, 0, on_turn);
}

static struct hub_str put_text(char **at, struct hub_str s) {
    struct hub_str copy = hub_str(*at, s.n);
    if (s.n) memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

static HUB_MUST struct memory_record *new_record(struct hub_bus *base, const struct hub_bus_message *m) {
    size_t bytes = m->topic.n + m->key.n + m->value.n;
    for (size_t i = 0; i < m->header_n; i++) bytes += m->headers[i].name.n + m->headers[i].value.n;
    struct memory_record *r = hub_xcalloc(1, sizeof *r + bytes);
    char *at = r->bytes;
    r->base = (struct hub_bus_record){.bus = base, .topic = put_text(&at, m->topic), .key = put_text(&at, m->key)};
    r->base.value = put_text(&at, m->value);
    if (m->header_n) r->base.headers = r->headers = hub_xcalloc(m->header_n, sizeof *r->headers);
    for (; r->base.header_n < m->header_n; r->base.header_n++) {
        const struct hub_bus_header *from = &m->headers[r->base.header_n];
        struct hub_bus_header *to = &r->headers[r->base.header_n];
        to->name = put_text(&at, from->name);
        if (from->value.p) to->value = put_text(&at, from->value);
    }
    return r;
}

static void bus_publish(struct hub_bus *base, const struct hub_bus_message *m, hub_bus_done *done, void *arg) {
    static const struct hub_bus_message none;
    struct memory_bus *b = bus_of(base);
    enum hub_code code = b->closing ? HUB_SHUTTING_DOWN : b->waiting_n >= MAX_WAITING ? HUB_OVERLOADED : HUB_OK;
    if (code && !done) return; /* nobody to tell */
    struct memory_record *r = new_record(base, code ? &none : m);
    r->number = b->next++;
    r->done = done;
    r->arg = arg;
    r->code = code;
    hub_list_push(&b->waiting, &r->link);
    b->waiting_n++;
    hub_metric_set(&queue_metric, (int64_t)b->waiting_n);
    if (!hub_timer_running(&b->timer)) hub_timer_start(b->loop, &b->timer, 0, on_turn);
}

static bool bus_ready(const struct hub_bus *b, struct hub_buf *why_not) {
    (void)b, (void)why_not;
    return true;
}

static void free_topic(struct memory_topic *t) {
    for (struct hub_list *l; (l = hub_list_pop(&t->subscribers));)
        free(HUB_CONTAINER(l, struct memory_subscriber, link));
    free(t);
}

/* There is no other process to deliver to: what is left goes to the rooms while they last. */
static void bus_pause(struct hub_bus *b) { (void)b; }

static void bus_close(struct hub_bus *base, void (*done)(void *arg), void *arg) {
    struct memory_bus *b = bus_of(base);
    b->held++; /* so that the last record does not free it here */
    b->closing = true;
    for (struct hub_list *l; (l = hub_list_pop(&b->waiting));) {
        struct memory_record *r = HUB_CONTAINER(l, struct memory_record, link);
        if (!r->code) r->code = HUB_SHUTTING_DOWN;
        finish_record(b, r);
    }
    for (struct memory_topic *t; (t = hub_map_drain(&b->topics));) free_topic(t);
    hub_map_clear(&b->topics);
    hub_metric_set(&queue_metric, 0);
    hub_timer_stop(b->loop, &b->timer);
    b->closed = true;
    if (!--b->held) free(b);
    done(arg);
}

const struct hub_bus_ops hub_memory_bus_ops = {
    .scheme = "memory",
    .local = true,
    .help = "memory: - inside this process, for a single node",
    .check = bus_check,
    .open = bus_open,
    .subscribe = bus_subscribe,
    .publish = bus_publish,
    .ready = bus_ready,
    .pause = bus_pause,
    .close = bus_close,
    .free_record = free_record,
};
