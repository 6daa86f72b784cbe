/* When something is removed, and the phases of a pass. */
#include "hub/retention/retention_int.h"

#include <stdlib.h>

#include "base/telemetry/log.h"

#define SHARE 9         /* pauses are so many times as long as what the step before took */
#define PAUSE_MAX 10000 /* ms */

static struct hub_metric passes = HUB_METRIC(HUB_COUNTER, "hubd_retention_passes_total", NULL,
                                             "Times that a hub was gone through for what is to be removed");
static struct hub_metric failures = HUB_METRIC(HUB_COUNTER, "hubd_retention_failures_total", NULL,
                                               "Of these, those that the store did not let come to their end");

struct hub_hub *hub_retained_hub(const struct hub_retained *r) {
    struct hub_engine *e = r->all->engine;
    struct hub_hub *hub = r->all->stopped || e->draining ? NULL : hub_engine_hub(e, hub_cstr(r->hub));
    return hub && !hub->gone && hub->def->retention.on ? hub : NULL;
}

/* ---- phases ---- */

static int64_t moment_before(const struct hub_hub *hub, int64_t age) {
    return hub_loop_wall(hub->engine->config.loop) - age;
}

static void on_batch(struct hub_retained *r, enum hub_code code, bool more) {
    if (code)
        hub_retention_fail(r, code);
    else
        hub_retention_next(r, more);
}

static void remove_old(struct hub_retained *r, struct hub_hub *hub) {
    int64_t age = hub->def->retention.messages;
    const struct hub_cond where = {
        .column = HUB_MSG_TIMESTAMP, .cmp = HUB_LT, .value = hub_cell_int(moment_before(hub, age))};
    if (age)
        hub_retention_remove(r, &where, 1, HUB_MSG_TIMESTAMP, HUB_REMOVED_OLD, on_batch);
    else
        hub_retention_next(r, false);
}

static void remove_deleted(struct hub_retained *r, struct hub_hub *hub) {
    int64_t age = hub->def->retention.soft_deleted_after;
    int deleted_at = hub->tables->deleted_at;
    const struct hub_cond where[] = {
        {.column = deleted_at, .cmp = HUB_LT, .value = hub_cell_int(moment_before(hub, age))},
        {.column = HUB_MSG_IS_ACTIVE, .value = hub_cell_bool(false)}};
    if (age && deleted_at >= 0)
        hub_retention_remove(r, where, HUB_NELEM(where), deleted_at, HUB_REMOVED_DELETED, on_batch);
    else
        hub_retention_next(r, false);
}

struct event_removal {
    struct hub_hold hold;
    struct hub_write write;
    struct hub_cond where;
    struct hub_take take;
    struct hub_retained *of;
};

static void on_events_removed(struct hub_write *w) {
    struct event_removal *x = w->arg;
    struct hub_retained *r = x->of;
    enum hub_code code = w->code == HUB_NOT_FOUND ? HUB_OK : w->code;
    bool more = !w->code && w->changes == x->take.limit;
    if (!w->code) hub_retention_count(HUB_REMOVED_EVENTS, w->changes);
    hub_unhold(&x->hold);
    free(x);
    on_batch(r, code, more);
}

static void remove_events(struct hub_retained *r, struct hub_hub *hub) {
    struct hub_engine *e = hub->engine;
    int64_t age = hub->def->retention.kept_events;
    if (!age) {
        hub_retention_next(r, false);
        return;
    }
    struct event_removal *x = hub_xcalloc(1, sizeof *x);
    x->of = r;
    x->take = (struct hub_take){.order_by = HUB_EVT_TIMESTAMP, .limit = HUB_RETENTION_BATCH, .raised = {-1, -1}};
    x->where =
        (struct hub_cond){.column = HUB_EVT_TIMESTAMP, .cmp = HUB_LT, .value = hub_cell_int(moment_before(hub, age))};
    x->write = (struct hub_write){.table = hub->tables->event,
                                  .kind = HUB_DELETE,
                                  .where = &x->where,
                                  .where_n = 1,
                                  .take = &x->take,
                                  .done = on_events_removed,
                                  .arg = x};
    hub_hold(&e->holds, &x->hold, "removal of old events");
    e->config.store->ops->write(e->config.store, &x->write);
}

static void (*const phases[])(struct hub_retained *r, struct hub_hub *hub) = {remove_old, remove_deleted,
                                                                              hub_retention_rooms, remove_events};

/* ---- passes and steps ---- */

static void run_step(struct hub_retained *r);
static void on_step(struct hub_timer *t) { run_step(HUB_CONTAINER(t, struct hub_retained, timer)); }

static void begin_pass(struct hub_timer *t) {
    struct hub_retained *r = HUB_CONTAINER(t, struct hub_retained, timer);
    r->pass = hub_loop_now(r->all->engine->config.loop);
    r->phase = 0;
    r->gathered = false;
    hub_metric_add(&passes, 1);
    run_step(r);
}

static void end_pass(struct hub_retained *r) {
    struct hub_hub *hub = hub_retained_hub(r);
    struct hub_loop *loop = r->all->engine->config.loop;
    if (!hub) return;
    int64_t wait = r->pass + hub->def->retention.every_ms - hub_loop_now(loop);
    hub_timer_start(loop, &r->timer, wait > 1 ? wait : 1, begin_pass);
}

static void run_step(struct hub_retained *r) {
    struct hub_hub *hub = hub_retained_hub(r);
    if (!hub || r->busy) return;
    if (r->phase == HUB_NELEM(phases)) {
        end_pass(r);
        return;
    }
    r->step = hub_loop_now_exact(r->all->engine->config.loop);
    r->busy = true;
    phases[r->phase](r, hub);
}

void hub_retention_next(struct hub_retained *r, bool more) {
    struct hub_loop *loop = r->all->engine->config.loop;
    int64_t pause = SHARE * (hub_loop_now_exact(loop) - r->step);
    r->busy = false;
    if (!more) r->phase++;
    if (!hub_retained_hub(r)) return;
    if (pause > PAUSE_MAX) pause = PAUSE_MAX;
    hub_timer_start(loop, &r->timer, pause, on_step);
}

void hub_retention_fail(struct hub_retained *r, enum hub_code code) {
    r->busy = false;
    if (!hub_retained_hub(r)) return;
    hub_metric_add(&failures, 1);
    if (code == HUB_BAD_REQUEST) /* a store that is away says so itself */
        hub_log_kv(HUB_LOG_WARN, "retention", "the store refuses to remove what is too old", "hub", r->hub, NULL);
    end_pass(r);
}

/* ---- life ---- */

static struct hub_retentions *retentions_of(struct hub_engine *e) { return *hub_engine_part(e, &hub_retention_part); }

static struct hub_retained *retained_of(struct hub_retentions *all, const char *hub) {
    struct hub_retained *r = hub_map_get(&all->by_hub, hub_cstr(hub));
    if (r) return r;
    r = hub_xcalloc(1, sizeof *r);
    *r = (struct hub_retained){.all = all, .hub = hub_xstrdup(hub)};
    hub_map_put(&all->by_hub, hub_cstr(hub), r);
    return r;
}

/* Also after a reload: a step that is under way goes on by what is said now. */
static void begin_all(struct hub_engine *e) {
    struct hub_retentions *all = retentions_of(e);
    for (size_t i = 0; i < e->hub_n; i++) {
        if (!e->hubs[i]->def->retention.on) continue;
        struct hub_retained *r = retained_of(all, e->hubs[i]->def->name);
        hub_retention_begin_rooms(r);
        if (!r->busy && !e->draining) hub_timer_start(e->config.loop, &r->timer, 0, begin_pass);
    }
}

static void on_created(struct hub_engine *e) {
    struct hub_retentions *all = hub_xcalloc(1, sizeof *all);
    all->engine = e;
    *hub_engine_part(e, &hub_retention_part) = all;
}

static void stop_timers(struct hub_engine *e) {
    struct hub_retentions *all = retentions_of(e);
    void *value;
    for (void *it = NULL; (it = hub_map_next(&all->by_hub, it, NULL, &value));)
        hub_timer_stop(e->config.loop, &((struct hub_retained *)value)->timer);
}

static void on_stopped(struct hub_engine *e) {
    retentions_of(e)->stopped = true;
    stop_timers(e);
}

static void on_deleted(struct hub_engine *e) {
    struct hub_retentions *all = retentions_of(e);
    on_stopped(e); /* an engine that was never stopped, as hubctl why has one */
    for (struct hub_retained *r; (r = hub_map_drain(&all->by_hub));) {
        hub_retention_forget_rooms(r);
        free(r->hub);
        free(r);
    }
    free(all);
    *hub_engine_part(e, &hub_retention_part) = NULL; /* rooms may be freed later */
}

static void add_if_set(json_t *out, const char *key, int64_t value) {
    if (value) json_object_set_new(out, key, json_integer(value));
}

static void describe_retention(const struct hub_hub *hub, json_t *out) {
    const struct hub_def_retention *d = &hub->def->retention;
    if (!d->on) return;
    json_t *all = json_object();
    add_if_set(all, "messages", d->messages);
    add_if_set(all, "keptEvents", d->kept_events);
    add_if_set(all, "perRoom", d->per_room);
    add_if_set(all, "softDeletedAfter", d->soft_deleted_after);
    json_object_set_new(out, "retention", all);
}

const struct hub_part hub_retention_part = {
    .name = "retention",
    .help = "What is removed from the store because it is too old or too much.",
    .keywords = "retention",
    .tables = "Removed",
    .engine_data = true,
    .created = on_created,
    .started = begin_all,
    .reloaded = begin_all,
    .draining = stop_timers,
    .room_emptied = hub_retention_room_emptied,
    .stopped = on_stopped,
    .deleted = on_deleted,
    .describe = describe_retention,
};
