/* The handlers of a socket, one after the other; what has come meanwhile waits, within bounds. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"
#include "hub/namespace/namespace_int.h"

#define MAX_QUEUE 1000
#define MAX_QUEUE_COST (4 << 20)
#define LARGE_COST (64 << 10) /* of an event's arguments: they wait as text */

enum item_kind { ITEM_CONNECT, ITEM_EVENT, ITEM_SENT, ITEM_DISCONNECT };

/* A handler's turn that has not come yet. */
struct item {
    struct hub_list link;
    struct hub_hold hold; /* while it is queued */
    enum item_kind kind;
    struct hub_backlog_entry waits;
    int64_t ack;
    char *event;               /* the rest for ITEM_EVENT and ITEM_SENT only */
    bool is_number;            /* the event's name */
    json_t *args;              /* NULL: they are in TEXT */
    struct hub_buf text;       /* as JSON, many times smaller than their tree */
    struct hub_hook_bins bins; /* one allocation */
};

static struct hub_metric failures =
    HUB_METRIC(HUB_COUNTER, "hubd_namespace_failures_total", NULL, "Handlers of plain namespaces that failed");
static struct hub_metric overloads =
    HUB_METRIC(HUB_COUNTER, "hubd_namespace_overloads_total", NULL, "Events refused because a socket's queue was full");

static void item_free(struct item *i) {
    if (hub_held(&i->hold)) hub_unhold(&i->hold);
    hub_backlog_drop(&i->waits);
    free(i->event);
    json_decref(i->args);
    hub_buf_free(&i->text);
    free(i->bins.items);
    free(i);
}

/* ---- running handlers ---- */

void hub_ns_add_values(struct hub_buf *b, const json_t *values, size_t from) {
    for (size_t i = from; i < json_array_size(values); i++) {
        if (i > from) hub_buf_addc(b, ',');
        hub_json_add(b, json_array_get(values, i));
    }
}

static void on_handled(void *arg, enum hub_code code, json_t *results, const struct hub_hook_bins *bins,
                       const char *error) {
    struct hub_namespace_conn *c = arg;
    c->running = c->watching = false;
    hub_unhold(&c->handler);
    hub_outlet_sync(&c->base->outlet);
    if (code == HUB_OK && c->ack >= 0 && bins && bins->n > HUB_SIO_MAX_SENT)
        code = HUB_HANDLER_FAILED, error = HUB_NS_TOO_MANY_BINARIES;
    if (code != HUB_OK) {
        hub_metric_add(&failures, 1);
        hub_log_kv(HUB_LOG_ERROR, "namespace", "a handler failed", "namespace", c->ns->def ? c->ns->def->path : NULL,
                   "code", hub_code_name(code), "error", error, NULL);
        if (c->ack >= 0) hub_socket_fail(c->socket, HUB_STR(""), c->ack, code, NULL);
    } else if (c->ack >= 0 && !json_is_null(results)) {
        struct hub_buf b = {0};
        hub_ns_add_values(&b, results, 0);
        hub_socket_ack(c->socket, c->ack, hub_buf_str(&b), bins ? &(struct hub_binaries){bins->items, bins->n} : NULL);
        hub_buf_free(&b);
    }
    /* Not from here: the caller may be in the midst of resuming a script. */
    if (c->base->closed || c->queue_n) hub_defer(hub_ns_loop(c->ns), &c->again);
}

static const struct hub_script *listed_script(const struct hub_def_namespace_event *list, size_t n,
                                              struct hub_str event) {
    const struct hub_script *any = NULL;
    for (size_t i = 0; i < n; i++) {
        if (hub_str_is(event, list[i].name)) return &list[i].script;
        if (!strcmp(list[i].name, "*")) any = &list[i].script;
    }
    return any;
}

static const struct hub_script *event_script(const struct hub_ns *ns, struct hub_str event) {
    return ns->def ? listed_script(ns->def->events, ns->def->event_n, event) : NULL;
}
static const struct hub_script *outgoing_script(const struct hub_ns *ns, struct hub_str event) {
    return ns->def ? listed_script(ns->def->outgoing, ns->def->outgoing_n, event) : NULL;
}

bool hub_ns_handles(const struct hub_ns *ns, struct hub_str event) { return event_script(ns, event) != NULL; }

static void start_script(struct hub_namespace_conn *c, const struct hub_script *script, json_t *args,
                         const struct hub_hook_bins *bins, struct hub_hook_arg extra, int64_t ack) {
    const struct hub_engine_config *config = &c->ns->all->engine->config;
    const struct hub_hook_arg vars[] = {{"namespace", c->ns->about}, extra};
    if (c->ns->all->stopped || !config->scripts || !script || script->kind == HUB_SCRIPT_NONE) return;
    json_t *none = args ? NULL : json_array();
    c->running = true;
    c->ack = ack;
    hub_hold(&c->ns->all->engine->holds, &c->handler, "namespace handler");
    config->hooks->event(config->scripts, script, c->about, args ? args : none, bins && bins->n ? bins : NULL, vars,
                         extra.name ? 2 : 1, on_handled, c);
    json_decref(none);
}

static void start_event(struct hub_namespace_conn *c, const struct hub_script *script, struct hub_str event,
                        bool is_number, json_t *args, const struct hub_hook_bins *bins, int64_t ack) {
    const struct hub_hook_arg extra = {"event", is_number ? hub_json_parse(event, NULL) : hub_json_string(event)};
    start_script(c, script, args, bins, extra, ack);
    json_decref(extra.value);
}

static void start_listed(struct hub_namespace_conn *c, struct item *i) {
    struct hub_str event = hub_cstr(i->event);
    c->watching = i->kind == ITEM_SENT;
    if (!i->args) i->args = hub_json_parse(hub_buf_str(&i->text), NULL);
    start_event(c, c->watching ? outgoing_script(c->ns, event) : event_script(c->ns, event), event, i->is_number,
                i->args, &i->bins, i->ack);
    if (!c->running) c->watching = false;
}

static void start_item(struct hub_namespace_conn *c, struct item *i) {
    const struct hub_def_namespace *def = c->ns->def;
    if (!def) return;
    if (i->kind == ITEM_CONNECT) {
        start_script(c, &def->on_connect, NULL, NULL, (struct hub_hook_arg){0}, -1);
    } else if (i->kind == ITEM_DISCONNECT) {
        const struct hub_hook_arg extra = {"reason", json_string(c->reason)};
        start_script(c, &def->on_disconnect, NULL, NULL, extra, -1);
        json_decref(extra.value);
    } else {
        start_listed(c, i);
    }
}

/* One handler, then others have their turn. Frees the connection when that was the last it had to do. */
static void run_queue(struct hub_namespace_conn *c) {
    if (c->running) return;
    if (c->queue_n) {
        struct item *i = HUB_CONTAINER(hub_list_pop(&c->queue), struct item, link);
        c->queue_n--;
        hub_unhold(&i->hold);
        start_item(c, i);
        item_free(i);
    }
    if (c->running) return;
    if (c->queue_n)
        hub_defer(hub_ns_loop(c->ns), &c->again);
    else if (c->base->closed)
        hub_ns_conn_free(c);
}

static void run_again(struct hub_task *t) { run_queue(HUB_CONTAINER(t, struct hub_namespace_conn, again)); }

/* ---- waiting events ---- */

static HUB_MUST struct item *item_new(enum item_kind kind) {
    struct item *i = hub_xcalloc(1, sizeof *i);
    i->kind = kind;
    i->ack = -1;
    return i;
}

static void push_item(struct hub_namespace_conn *c, struct item *i) {
    hub_list_push(&c->queue, &i->link);
    c->queue_n++;
    hub_hold(&c->ns->all->engine->holds, &i->hold, "namespace event");
}

/* Attachments behind their table of views, in one allocation. */
static struct hub_hook_bins copy_bins(const struct hub_binaries *bins, size_t *bytes) {
    *bytes = 0;
    for (size_t i = 0; bins && i < bins->n; i++) *bytes += bins->items[i].n;
    if (!bins || !bins->n) return (struct hub_hook_bins){NULL, 0};
    struct hub_str *items = hub_xmalloc(bins->n * sizeof *items + *bytes);
    char *at = (char *)(items + bins->n);
    for (size_t i = 0; i < bins->n; i++) {
        if (bins->items[i].n) memcpy(at, bins->items[i].p, bins->items[i].n);
        items[i] = hub_str(at, bins->items[i].n);
        at += bins->items[i].n;
    }
    return (struct hub_hook_bins){items, bins->n};
}

/* Keeps the arguments, as a tree or as text; returns what they take. */
static size_t keep_args(struct item *i, json_t *args) {
    size_t cost = hub_json_cost(args);
    if (cost <= LARGE_COST) {
        i->args = json_incref(args);
        return cost;
    }
    hub_json_add(&i->text, args);
    hub_buf_fit(&i->text);
    return i->text.n;
}

/* Whether there is a place in the queue for I, which is counted then. */
static enum hub_code take_room(struct hub_namespace_conn *c, struct item *i, size_t cost, struct hub_err *err) {
    struct hub_backlog *all = &c->ns->all->engine->backlog;
    if (c->queue_n >= MAX_QUEUE || (c->queue_n && c->queue_cost + cost > MAX_QUEUE_COST))
        return hub_fail(err, HUB_OVERLOADED, "too many events wait for this connection's handlers; send more slowly");
    return hub_backlog_set(all, &i->waits, cost, &c->queue_cost) ? HUB_OK : hub_backlog_refuse(all, err);
}

static void push_event(struct hub_namespace_conn *c, struct hub_str event, json_t *args,
                       const struct hub_binaries *bins, int64_t ack) {
    struct item *i = item_new(ITEM_EVENT);
    struct hub_err err;
    size_t bytes;
    i->event = hub_str_dup(event);
    i->is_number = c->socket->event_is_number;
    i->bins = copy_bins(bins, &bytes);
    i->ack = ack;
    if (take_room(c, i, sizeof *i + event.n + bytes + keep_args(i, args), &err)) {
        hub_metric_add(&overloads, 1);
        hub_socket_fail(c->socket, event, ack, err.code, err.text);
        item_free(i);
        return;
    }
    push_item(c, i);
}

/* ---- what is sent ---- */

/* Those behind AT, a new array. */
static HUB_MUST json_t *values_behind(const json_t *values, size_t at) {
    json_t *behind = json_array();
    for (size_t i = at + 1; i < json_array_size(values); i++) json_array_append(behind, json_array_get(values, i));
    return behind;
}

static struct hub_metric unseen = HUB_METRIC(HUB_COUNTER, "hubd_namespace_outgoing_dropped_total", NULL,
                                             "Sent events that handlers of outgoing did not see: the queue was full");

/* Behind what waits already, never at once: a cast is under way. */
void hub_ns_see(struct hub_namespace_conn *c, struct hub_ns_message *m) {
    const json_t *name = json_array_get(m->values, m->at);
    struct hub_buf text = {0};
    struct hub_err err;
    size_t bytes;
    if (json_is_string(name))
        hub_buf_adds(&text, hub_json_str(name));
    else
        hub_json_add(&text, name);
    if (outgoing_script(c->ns, hub_buf_str(&text))) {
        struct item *i = item_new(ITEM_SENT);
        i->event = hub_str_dup(hub_buf_str(&text));
        i->is_number = json_is_number(name);
        i->bins = copy_bins(m->bins, &bytes);
        if (!m->seen) m->seen = values_behind(m->values, m->at);
        if (take_room(c, i, sizeof *i + text.n + bytes + keep_args(i, m->seen), &err))
            hub_metric_add(&unseen, 1), item_free(i);
        else
            push_item(c, i), hub_defer(hub_ns_loop(c->ns), &c->again);
    }
    hub_buf_free(&text);
}

/* ---- what the others call ---- */

void hub_ns_handlers_init(struct hub_namespace_conn *c) {
    c->again.run = run_again;
    c->ack = -1;
    hub_list_init(&c->queue);
}

void hub_ns_connected(struct hub_namespace_conn *c) {
    if (c->ns->def->on_connect.kind == HUB_SCRIPT_NONE) return;
    push_item(c, item_new(ITEM_CONNECT));
    run_queue(c);
}

void hub_ns_handle(struct hub_namespace_conn *c, struct hub_str event, json_t *args, const struct hub_binaries *bins,
                   int64_t ack) {
    if (c->running || c->queue_n)
        push_event(c, event, args, bins, ack);
    else
        start_event(c, event_script(c->ns, event), event, c->socket->event_is_number, args,
                    bins ? &(struct hub_hook_bins){bins->items, bins->n} : NULL, ack);
}

/* Not now: a handler may be on the stack. */
void hub_ns_disconnected(struct hub_namespace_conn *c) {
    const struct hub_def_namespace *def = c->ns->def;
    if (def && def->on_disconnect.kind != HUB_SCRIPT_NONE) push_item(c, item_new(ITEM_DISCONNECT));
    hub_defer(hub_ns_loop(c->ns), &c->again);
}

void hub_ns_drop_queue(struct hub_namespace_conn *c) {
    for (struct hub_list *i; (i = hub_list_pop(&c->queue));) item_free(HUB_CONTAINER(i, struct item, link));
}
