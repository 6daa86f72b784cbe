/* onChanged: hooks behind the commit of changes. Those of one record run one after the other, in the order of
 * its versions; of different records some at a time. No change is made while too many wait, so none of them
 * is passed over; what still waits when the process ends is lost. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/record/record_int.h"

#define WAITING_MAX 10000                /* changes */
#define WAITING_BYTES ((size_t)64 << 20) /* of their values */
#define RUNNING_MAX 64                   /* hooks at a time */

/* A change whose hooks are to run. */
struct waiting_change {
    struct hub_list link; /* in the record's */
    struct hub_hold hold;
    int64_t version;
    json_t *value, *was; /* NULL: there was none */
    size_t cost;
};

/* Those of one record. */
struct hub_record_hooks {
    struct hub_record *record; /* reference */
    struct hub_list changes;   /* waiting_change.link; the first one is the one that runs, if one does */
    struct hub_list ready;
    struct hub_hub *hub; /* whose hook runs; kept */
    const struct hub_script *script;
};

static struct hub_metric waiting_now = HUB_METRIC(HUB_GAUGE, "hubd_record_changes_waiting", NULL,
                                                  "Changes of records whose onChanged has not come to its end");

enum hub_code hub_record_hooks_promise(struct hub_records *all, size_t n, struct hub_err *err) {
    struct hub_record_backlog *b = &all->changed;
    if (n && (b->n + b->promised + n > WAITING_MAX || b->bytes > WAITING_BYTES))
        return hub_fail(err, HUB_OVERLOADED, "onChanged: %zu changes wait for it already", b->n);
    b->promised += n;
    return HUB_OK;
}

void hub_record_hooks_keep(struct hub_records *all, size_t n) { all->changed.promised -= n; }

/* ---- running ---- */

static struct waiting_change *first_of(const struct hub_record_hooks *q) {
    return HUB_CONTAINER(q->changes.next, struct waiting_change, link);
}

static void drop_first(struct hub_record_hooks *q) {
    struct hub_record_backlog *b = &q->record->all->changed;
    struct waiting_change *w = first_of(q);
    hub_list_remove(&w->link);
    b->n--;
    b->bytes -= w->cost;
    hub_metric_add(&waiting_now, -1);
    hub_unhold(&w->hold);
    json_decref(w->value);
    json_decref(w->was);
    free(w);
}

static void free_hooks(struct hub_record_hooks *q) {
    struct hub_record *r = q->record;
    while (!hub_list_empty(&q->changes)) drop_first(q);
    hub_list_remove(&q->ready);
    r->hooks = NULL;
    free(q);
    hub_record_unref(r);
}

static void run_next(struct hub_record_backlog *b, struct hub_loop *loop) {
    if (!b->stopped && !hub_list_empty(&b->ready) && b->running < RUNNING_MAX) hub_defer(loop, &b->next);
}

static void end_first(struct hub_record_hooks *q) {
    struct hub_records *all = q->record->all;
    struct hub_record_backlog *b = &all->changed;
    b->running--;
    drop_first(q);
    if (hub_list_empty(&q->changes) || b->stopped)
        free_hooks(q);
    else
        hub_list_push(&b->ready, &q->ready); /* others first */
    run_next(b, all->engine->config.loop);
}

static void on_hook(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_record_hooks *q = arg;
    (void)result;
    if (code) hub_hook_failed(q->hub, q->script, code, error);
    q->hub->kept--;
    end_first(q);
}

static void call_hook(struct hub_record_hooks *q, json_t *params) {
    const struct waiting_change *w = first_of(q);
    json_t *id = json_string(q->record->id), *version = json_integer(w->version);
    const struct hub_hook_arg args[] = {
        {"recordId", id}, {"params", params}, {"version", version}, {"value", w->value}, {"was", w->was}};
    q->hub->kept++;
    hub_hook_call(q->hub, q->script, args, HUB_NELEM(args), on_hook, q); /* Q may be gone */
    json_decref(id);
    json_decref(version);
}

/* After a reload there may be no hook any more. */
static void run_first(struct hub_record_hooks *q) {
    json_t *params = NULL;
    q->record->all->changed.running++;
    q->script = hub_record_hook(q->record, &q->hub, &params);
    if (q->script)
        call_hook(q, params);
    else
        end_first(q);
    json_decref(params);
}

static void on_next(struct hub_task *t) {
    struct hub_records *all = HUB_CONTAINER(t, struct hub_records, changed.next);
    struct hub_record_backlog *b = &all->changed;
    for (size_t n = 0; n < RUNNING_MAX && b->running < RUNNING_MAX && !hub_list_empty(&b->ready); n++) {
        struct hub_record_hooks *q = HUB_CONTAINER(hub_list_pop(&b->ready), struct hub_record_hooks, ready);
        run_first(q);
    }
    run_next(b, all->engine->config.loop);
}

void hub_record_hooks_add(struct hub_record *r, json_t *was) {
    struct hub_records *all = r->all;
    struct hub_record_backlog *b = &all->changed;
    if (b->stopped) return;
    if (!r->hooks) {
        r->hooks = hub_xcalloc(1, sizeof *r->hooks);
        *r->hooks = (struct hub_record_hooks){.record = hub_record_ref(r)};
        hub_list_init(&r->hooks->changes);
        hub_list_init(&r->hooks->ready);
        hub_list_push(&b->ready, &r->hooks->ready);
    }
    struct waiting_change *w = hub_xcalloc(1, sizeof *w);
    *w = (struct waiting_change){.version = r->version, .value = json_incref(r->value), .was = json_incref(was)};
    w->cost = r->cost + (was ? hub_json_cost(was) : 0);
    hub_hold(&all->engine->holds, &w->hold, "onChanged hook");
    hub_list_push(&r->hooks->changes, &w->link);
    b->n++;
    b->bytes += w->cost;
    hub_metric_add(&waiting_now, 1);
    run_next(b, all->engine->config.loop);
}

/* ---- its life ---- */

void hub_record_hooks_init(struct hub_records *all) {
    all->definitions = 1;
    hub_list_init(&all->changed.ready);
    all->changed.next.run = on_next;
}

/* Those that run end by themselves. */
void hub_record_hooks_stop(struct hub_records *all) {
    struct hub_record_backlog *b = &all->changed;
    char left[24];
    b->stopped = true;
    hub_defer_cancel(&b->next);
    snprintf(left, sizeof left, "%zu", b->n);
    if (b->n)
        hub_log_kv(HUB_LOG_WARN, "record", "changes whose onChanged has not run are passed over", "changes", left,
                   NULL);
    while (!hub_list_empty(&b->ready)) free_hooks(HUB_CONTAINER(b->ready.next, struct hub_record_hooks, ready));
}
