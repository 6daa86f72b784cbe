/* What is published through a handle, on its way to the adapter's loop and back. */
#include "fanout/shared_bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory/mem.h"

#define UNANSWERED_MAX 10000

struct shared_bus {
    struct hub_bus base;    /* first member */
    struct hub_bus_ops ops; /* with what the adapter's say of themselves */
    struct hub_bus *bus;
    struct hub_loop *its_loop, *loop;
    size_t unanswered;
    struct hub_task closed_task;
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

/* A record of a handle. It belongs to the loop whose task it is. */
struct shared_message {
    struct shared_bus *of;
    struct hub_task task;
    struct hub_bus_message message; /* texts in BYTES */
    struct hub_bus_header *headers;
    hub_bus_done *done;
    void *arg;
    enum hub_code code;
    char error[160];
    char bytes[];
};

static struct shared_bus *shared_of(struct hub_bus *b) { return HUB_CONTAINER(b, struct shared_bus, base); }

/* ---- its own loop again ---- */

static void maybe_closed(struct shared_bus *s) {
    if (!s->closing || s->unanswered) return;
    void (*done)(void *arg) = s->closed;
    void *arg = s->closed_arg;
    free(s);
    done(arg);
}

static void on_answered(struct hub_task *task) {
    struct shared_message *m = HUB_CONTAINER(task, struct shared_message, task);
    struct shared_bus *s = m->of;
    s->unanswered--;
    if (m->done) m->done(m->arg, m->code, m->code ? m->error : NULL);
    free(m->headers);
    free(m);
    maybe_closed(s);
}

static void answer_publisher(struct shared_message *m, enum hub_code code, const char *error) {
    m->code = code;
    snprintf(m->error, sizeof m->error, "%s", error ? error : "");
    m->task.run = on_answered;
    hub_post(m->of->loop, &m->task);
}

/* ---- the adapter's loop ---- */

static void on_done(void *arg, enum hub_code code, const char *error) { answer_publisher(arg, code, error); }

static void on_passed(struct hub_task *task) {
    struct shared_message *m = HUB_CONTAINER(task, struct shared_message, task);
    struct hub_bus *bus = m->of->bus;
    bus->ops->publish(bus, &m->message, on_done, m);
}

/* ---- publishing ---- */

static struct hub_str put_text(char **at, struct hub_str s) {
    struct hub_str copy = {s.p ? *at : NULL, s.n};
    if (s.n) memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

static HUB_MUST struct shared_message *new_message(struct shared_bus *s, const struct hub_bus_message *from) {
    size_t bytes = from->topic.n + from->key.n + from->value.n;
    for (size_t i = 0; i < from->header_n; i++) bytes += from->headers[i].name.n + from->headers[i].value.n;
    struct shared_message *m = hub_xcalloc(1, sizeof *m + bytes);
    char *at = m->bytes;
    m->of = s;
    m->message.topic = put_text(&at, from->topic);
    m->message.key = put_text(&at, from->key);
    m->message.value = put_text(&at, from->value);
    if (from->header_n) m->message.headers = m->headers = hub_xcalloc(from->header_n, sizeof *m->headers);
    for (; m->message.header_n < from->header_n; m->message.header_n++) {
        const struct hub_bus_header *header = &from->headers[m->message.header_n];
        struct hub_bus_header *to = &m->headers[m->message.header_n];
        to->name = put_text(&at, header->name);
        to->value = put_text(&at, header->value);
    }
    return m;
}

static void shared_publish(struct hub_bus *base, const struct hub_bus_message *message, hub_bus_done *done, void *arg) {
    static const struct hub_bus_message none;
    struct shared_bus *s = shared_of(base);
    enum hub_code code = s->closing ? HUB_SHUTTING_DOWN : s->unanswered >= UNANSWERED_MAX ? HUB_OVERLOADED : HUB_OK;
    if (code && !done) return; /* nobody to tell */
    struct shared_message *m = new_message(s, code ? &none : message);
    m->done = done;
    m->arg = arg;
    s->unanswered++;
    m->task.run = on_passed;
    if (code)
        answer_publisher(m, code, hub_code_text(code));
    else
        hub_post(s->its_loop, &m->task);
}

/* ---- the table ---- */

static void shared_subscribe(struct hub_bus *b, const char *topic, hub_bus_cb *cb, void *arg) {
    (void)b, (void)topic, (void)cb, (void)arg;
}

static bool shared_ready(const struct hub_bus *b, struct hub_buf *why_not) {
    (void)b, (void)why_not;
    return true;
}

static void shared_pause(struct hub_bus *b) { (void)b; }

static void on_closed(struct hub_task *task) { maybe_closed(HUB_CONTAINER(task, struct shared_bus, closed_task)); }

static void shared_close(struct hub_bus *base, void (*done)(void *arg), void *arg) {
    struct shared_bus *s = shared_of(base);
    s->closing = true;
    s->closed = done;
    s->closed_arg = arg;
    s->closed_task.run = on_closed;
    if (!s->unanswered) hub_post(s->loop, &s->closed_task); /* else with the last answer */
}

static const struct hub_bus_ops shared_ops = {
    .subscribe = shared_subscribe,
    .publish = shared_publish,
    .ready = shared_ready,
    .pause = shared_pause,
    .close = shared_close,
};

struct hub_bus *hub_bus_share(struct hub_bus *bus, struct hub_loop *its_loop, struct hub_loop *loop) {
    struct shared_bus *s = hub_xcalloc(1, sizeof *s);
    *s = (struct shared_bus){.base.ops = &s->ops, .ops = shared_ops, .bus = bus, .its_loop = its_loop, .loop = loop};
    s->ops.scheme = bus->ops->scheme;
    s->ops.local = bus->ops->local;
    return &s->base;
}
