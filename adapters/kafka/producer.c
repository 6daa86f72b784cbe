/* Publishing: one idempotent producer; a record is answered when all in-sync replicas have it, or when it
 * could not be delivered in time. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/kafka/kafka_int.h"
#include "base/telemetry/log.h"
#include "base/time/clock.h"

enum { BATCH = 1000, TOPIC_MAX = 249 };

struct kafka_publication {
    struct hub_list link; /* producer->taken or ->refused */
    hub_bus_done *done;
    void *arg;
    uint64_t started;
    enum hub_code code;
    const char *error;
};

static struct hub_metric published =
    HUB_METRIC(HUB_COUNTER, "hubd_bus_published_total", NULL, "Records that the bus has acknowledged");
static struct hub_metric outbound =
    HUB_METRIC(HUB_GAUGE, "hubd_bus_outbound", NULL, "Published records without an acknowledgement of the bus yet");
static struct hub_histogram latency =
    HUB_HISTOGRAM("hubd_bus_publish_seconds", NULL, "Time from publishing a record to its acknowledgement by the bus");

/* ---- answers ---- */

static void answer_publication(struct kafka_bus *b, struct kafka_publication *p, enum hub_code code,
                               const char *error) {
    b->producer.waiting--;
    if (code) {
        hub_metric_add(hub_metric_labelled("hubd_bus_publish_failures_total",
                                           "Records that could not be published, by what was answered", HUB_COUNTER,
                                           "code", hub_cstr(hub_code_name(code))),
                       1);
    } else {
        hub_metric_add(&published, 1);
        hub_histogram_add(&latency, hub_real_ns() - p->started);
    }
    if (p->done) p->done(p->arg, code, code ? error : NULL);
    free(p);
}

static void answer_taken(struct kafka_bus *b, struct kafka_publication *p, enum hub_code code, const char *error) {
    hub_list_remove(&p->link);
    answer_publication(b, p, code, error);
}

static void on_delivery_answer(struct hub_task *task) {
    struct kafka_bus *b = HUB_CONTAINER(task, struct kafka_bus, producer.answer);
    struct hub_list list;
    hub_list_init(&list);
    hub_list_splice(&list, &b->producer.refused);
    for (struct hub_list *l; (l = hub_list_pop(&list));) {
        struct kafka_publication *p = HUB_CONTAINER(l, struct kafka_publication, link);
        answer_publication(b, p, p->code, p->error);
    }
}

static void refuse_publication(struct kafka_bus *b, struct kafka_publication *p, enum hub_code code,
                               const char *error) {
    p->code = code;
    p->error = error;
    hub_list_push(&b->producer.refused, &p->link);
    hub_defer(b->loop, &b->producer.answer);
}

static enum hub_code code_of(const struct kafka_bus *b, rd_kafka_resp_err_t err) {
    switch (err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return HUB_OK;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT: return HUB_OVERLOADED;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: return HUB_TOO_LARGE;
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD: return HUB_BAD_REQUEST;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED: return HUB_NOT_ALLOWED;
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT: return b->closing ? HUB_SHUTTING_DOWN : HUB_INTERNAL;
    default: return HUB_INTERNAL;
    }
}

static const char *explain_error(rd_kafka_resp_err_t err) {
    switch (err) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL: return "too many records wait to be published";
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT: return "the brokers did not take the record in time";
    default: return rd_kafka_err2str(err);
    }
}

/* ---- publishing ---- */

static bool topic_ok(struct hub_str t) {
    if (!t.n || t.n > TOPIC_MAX || hub_str_is(t, ".") || hub_str_is(t, "..")) return false;
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' &&
            c != '-')
            return false;
    }
    return true;
}

static HUB_MUST rd_kafka_headers_t *headers_of(const struct hub_bus_message *m) {
    rd_kafka_headers_t *list = rd_kafka_headers_new(m->header_n);
    for (size_t i = 0; i < m->header_n; i++) {
        const struct hub_bus_header *h = &m->headers[i];
        rd_kafka_header_add(list, h->name.p, (ssize_t)h->name.n, h->value.p, (ssize_t)h->value.n);
    }
    return list;
}

static rd_kafka_resp_err_t produce_message(rd_kafka_t *rk, const char *topic, const struct hub_bus_message *m,
                                           void *opaque) {
    struct hub_str key = m->key, value = m->value;
    rd_kafka_headers_t *headers = m->header_n ? headers_of(m) : NULL;
    const rd_kafka_vu_t what[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)(key.n ? key.p : NULL), key.n}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)(value.n ? value.p : ""), value.n}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers}, /* the last, and left out when there are none */
    };
    rd_kafka_error_t *error = rd_kafka_produceva(rk, what, HUB_NELEM(what) - !headers);
    rd_kafka_resp_err_t err = rd_kafka_error_code(error);
    if (err && headers) rd_kafka_headers_destroy(headers);
    rd_kafka_error_destroy(error);
    return err;
}

void hub_kafka_publish(struct hub_bus *base, const struct hub_bus_message *m, hub_bus_done *done, void *arg) {
    struct kafka_bus *b = hub_kafka_bus(base);
    struct hub_str topic = m->topic;
    char name[TOPIC_MAX + 1];
    struct kafka_publication *p = hub_xmalloc(sizeof *p);
    *p = (struct kafka_publication){.done = done, .arg = arg, .started = hub_real_ns()};
    b->producer.waiting++;
    if (b->closing) {
        refuse_publication(b, p, HUB_SHUTTING_DOWN, hub_code_text(HUB_SHUTTING_DOWN));
    } else if (!topic_ok(topic)) {
        refuse_publication(b, p, HUB_BAD_REQUEST, "a topic has 1 to 249 letters, digits, \".\", \"_\" and \"-\"");
    } else if (b->producer.broken) {
        refuse_publication(b, p, HUB_OVERLOADED, "the connection to the bus is being made anew");
    } else {
        memcpy(name, topic.p, topic.n);
        name[topic.n] = 0;
        rd_kafka_resp_err_t err = produce_message(b->producer.rk, name, m, p);
        if (err)
            refuse_publication(b, p, code_of(b, err), explain_error(err));
        else
            hub_list_push(&b->producer.taken, &p->link);
    }
    hub_metric_set(&outbound, (int64_t)b->producer.waiting);
}

/* ---- events ---- */

static void on_delivered(struct kafka_bus *b, rd_kafka_event_t *ev) {
    for (const rd_kafka_message_t *m; (m = rd_kafka_event_message_next(ev));)
        answer_taken(b, m->_private, code_of(b, m->err), explain_error(m->err));
    hub_metric_set(&outbound, (int64_t)b->producer.waiting);
}

static void on_broken(struct kafka_bus *b) {
    char why[300];
    rd_kafka_fatal_error(b->producer.rk, why, sizeof why);
    hub_kafka_log(b, HUB_LOG_ERROR, "publishing has to begin anew", "error", why);
    b->producer.broken = true;
    hub_kafka_producer_abandon(b);
}

bool hub_kafka_producer_drain(struct kafka_bus *b) {
    for (int i = 0; i < BATCH; i++) {
        rd_kafka_event_t *ev = b->producer.queue ? rd_kafka_queue_poll(b->producer.queue, 0) : NULL;
        if (!ev) return false;
        switch (rd_kafka_event_type(ev)) {
        case RD_KAFKA_EVENT_DR: on_delivered(b, ev); break;
        case RD_KAFKA_EVENT_LOG: hub_kafka_on_log(b, ev); break;
        case RD_KAFKA_EVENT_ERROR:
            if (rd_kafka_event_error_is_fatal(ev))
                on_broken(b);
            else
                hub_kafka_on_error(b, ev, "producer");
            break;
        default: break;
        }
        rd_kafka_event_destroy(ev);
    }
    return true;
}

void hub_kafka_producer_abandon(struct kafka_bus *b) {
    rd_kafka_purge(b->producer.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

bool hub_kafka_producer_idle(const struct kafka_bus *b) { return !b->producer.waiting; }

void hub_kafka_producer_end(struct kafka_bus *b) {
    hub_defer_cancel(&b->producer.answer);
    on_delivery_answer(&b->producer.answer);
    while (!hub_list_empty(&b->producer.taken)) {
        struct kafka_publication *p = HUB_CONTAINER(b->producer.taken.next, struct kafka_publication, link);
        answer_taken(b, p, HUB_SHUTTING_DOWN, hub_code_text(HUB_SHUTTING_DOWN));
    }
}

/* ---- life ---- */

enum hub_code hub_kafka_producer_open(struct kafka_bus *b, struct hub_err *err) {
    char why[300];
    rd_kafka_conf_t *conf = hub_kafka_conf(b, HUB_KAFKA_PRODUCER, err);
    if (!conf) return err->code;
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return hub_fail(err, HUB_BAD_REQUEST, "bus: %s", why);
    }
    b->producer.rk = rk;
    b->producer.queue = rd_kafka_queue_get_main(rk);
    b->producer.broken = false;
    b->producer.answer.run = on_delivery_answer;
    rd_kafka_set_log_queue(rk, b->producer.queue);
    hub_kafka_watch_queue(b, b->producer.queue);
    return HUB_OK;
}

void hub_kafka_producer_destroy(struct kafka_bus *b) {
    if (!b->producer.rk) return;
    rd_kafka_queue_io_event_enable(b->producer.queue, -1, NULL, 0);
    rd_kafka_queue_destroy(b->producer.queue);
    hub_kafka_destroy(b, b->producer.rk);
    b->producer.rk = NULL;
    b->producer.queue = NULL;
}

/* After a fatal error, when everything of it has been answered. */
static void begin_producer_anew(struct kafka_bus *b) {
    struct hub_err err;
    hub_kafka_producer_destroy(b);
    if (hub_kafka_producer_open(b, &err))
        hub_kafka_log(b, HUB_LOG_ERROR, "publishing cannot begin anew", "error", err.text);
}

void hub_kafka_producer_tick(struct kafka_bus *b) {
    if (b->producer.broken && !b->closing && !b->probe.running &&
        (!b->producer.rk || !rd_kafka_outq_len(b->producer.rk)))
        begin_producer_anew(b);
    hub_metric_set(&outbound, (int64_t)b->producer.waiting);
}
