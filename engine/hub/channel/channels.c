/* Channels in memory: made on demand, loaded, given up when nobody uses them. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/channel/channel_int.h"

#define SWEEP_MS 30000

static struct hub_metric channels_metric = HUB_METRIC(HUB_GAUGE, "hubd_channels", NULL, "Channels that are in memory");
static struct hub_metric evictions_metric =
    HUB_METRIC(HUB_COUNTER, "hubd_channel_evictions_total", NULL,
               "Channels that nobody used and that gave way to others, with what was kept of them in memory");

struct hub_channels *hub_channels_of(struct hub_engine *e) {
    return *hub_engine_part(e, &hub_channels_part);
}

int64_t hub_channel_oldest(const struct hub_channel *c, int64_t seconds) {
    return hub_loop_wall(c->all->engine->config.loop) - seconds * 1000;
}

/* ---- life ---- */

static const struct hub_channel_log *log_of(const struct hub_engine *e, const struct hub_channel_keep *k) {
    if (k->persist && e->config.tables->channel) return &hub_channel_in_store;
    return e->config.cache->ops->listen ? &hub_channel_in_cache
                                        : &hub_channel_in_memory; /* shared, or in this process */
}

static void ref_owner(struct hub_sequence *s) { hub_channel_ref(HUB_CONTAINER(s, struct hub_channel, sequence)); }
static void unref_owner(struct hub_sequence *s) { hub_channel_unref(HUB_CONTAINER(s, struct hub_channel, sequence)); }
static const struct hub_sequence_owner sequence_owner = {ref_owner, unref_owner};

static HUB_MUST struct hub_channel *channel_new(struct hub_channels *all, struct hub_str name) {
    struct hub_channel *c = hub_xcalloc(1, sizeof *c + name.n + 1);
    c->all = all;
    memcpy(c->name, name.p, name.n);
    c->name_n = name.n;
    hub_sequence_init(&c->sequence, &sequence_owner);
    hub_list_init(&c->subs);
    hub_list_init(&c->waiting);
    hub_list_init(&c->used);
    hub_list_init(&c->kept);
    hub_channel_promised(all->engine, name, &c->keep);
    c->log = log_of(all->engine, &c->keep);
    hub_map_put(&all->map, name, c);
    hub_metric_add(&channels_metric, 1);
    return c;
}

void hub_channel_drop(struct hub_channel *c) {
    c->log->forget(c);
    hub_list_remove(&c->used);
    hub_map_del(&c->all->map, hub_channel_name(c));
    hub_metric_add(&channels_metric, -1);
    if (c->group) hub_group_delete(c->group);
    free(c);
}

struct hub_channel *hub_channel_find(struct hub_engine *e, struct hub_str name) {
    return hub_map_get(&hub_channels_of(e)->map, name);
}

/* False: all are in use. */
static bool make_room(struct hub_channels *all, int64_t most) {
    while ((int64_t)hub_map_len(&all->map) >= most) {
        if (hub_list_empty(&all->idle)) return false;
        hub_channel_drop(HUB_CONTAINER(all->idle.next, struct hub_channel, used));
        hub_metric_add(&evictions_metric, 1);
    }
    return true;
}

enum hub_code hub_channel_get(struct hub_engine *e, const struct hub_def *def, struct hub_str name,
                              struct hub_channel **out, struct hub_err *err) {
    struct hub_channels *all = hub_channels_of(e);
    struct hub_channel *c = hub_map_get(&all->map, name);
    if (!c && !make_room(all, def->limits.channels))
        return hub_gate_too_many("limits.channels", def->limits.channels, "channels are in use at the same time", err);
    if (!c) c = channel_new(all, name);
    hub_channel_ref(c);
    *out = c;
    return HUB_OK;
}

void hub_channel_ref(struct hub_channel *c) {
    hub_list_remove(&c->used);
    c->refs++;
}

/* Nothing would be lost with it. */
static bool is_blank(const struct hub_channel *c) {
    return c->state != HUB_CHANNEL_LOADED || (!c->sequence.number && c->log->volatile_here);
}

void hub_channel_unref(struct hub_channel *c) {
    if (--c->refs || c->sub_n) return;
    if (is_blank(c))
        hub_channel_drop(c);
    else
        hub_list_push(&c->all->idle, &c->used);
}

/* ---- loading ---- */

static void begin_loading(struct hub_channel *c);

static void on_loaded(struct hub_channel *c, enum hub_code code) {
    struct hub_list waiting;
    if (c->loading != c->log) { /* it was moved meanwhile */
        begin_loading(c);
        return;
    }
    hub_list_init(&waiting);
    hub_list_splice(&waiting, &c->waiting);
    c->state = code ? HUB_CHANNEL_NEW : HUB_CHANNEL_LOADED;
    for (struct hub_list *l; (l = hub_list_pop(&waiting));) {
        struct hub_channel_wait *w = HUB_CONTAINER(l, struct hub_channel_wait, link);
        w->loaded(w, c, code);
    }
    hub_channel_unref(c);
}

static void begin_loading(struct hub_channel *c) {
    c->loading = c->log;
    c->log->load(c, on_loaded);
}

void hub_channel_load(struct hub_channel *c, struct hub_channel_wait *w) {
    hub_list_init(&w->link);
    if (c->state == HUB_CHANNEL_LOADED) {
        w->loaded(w, c, HUB_OK);
        return;
    }
    hub_list_push(&c->waiting, &w->link);
    if (c->state == HUB_CHANNEL_LOADING) return;
    c->state = HUB_CHANNEL_LOADING;
    hub_channel_ref(c);
    begin_loading(c);
}

/* ---- changes of what is promised ---- */

void hub_channel_reset(struct hub_channel *c, const char *reason) {
    struct hub_engine *e = c->all->engine;
    hub_channel_ref(c);
    HUB_PARTS_CALL(e, readable_changed, e, HUB_READABLE_CHANNEL, NULL, hub_channel_name(c), NULL);
    HUB_LIST_EACH_SAFE(&c->subs, it)
    hub_grant_end(&HUB_CONTAINER(it, struct hub_subscription, in_channel)->grant, reason);
    hub_channel_unref(c);
}

/* In another log it has other numbers: it is read anew, and who has subscribed does so again. */
static void read_anew(struct hub_channel *c, const char *reason) {
    hub_channel_ref(c);
    hub_channel_reset(c, reason);
    c->log->forget(c);
    if (c->state == HUB_CHANNEL_LOADED) c->state = HUB_CHANNEL_NEW;
    hub_channel_unref(c);
}

static void move_channel(struct hub_channel *c, const struct hub_channel_log *log, const char *reason) {
    c->log->forget(c);
    c->log = log;
    read_anew(c, reason);
}

#define MOVED "the channel is kept elsewhere now"

bool hub_channel_has_moved(struct hub_channel *c, const struct hub_channel_log *from) {
    if (c->log == from) return false;
    read_anew(c, MOVED);
    return true;
}

static void renew_channel(struct hub_channel *c) {
    struct hub_engine *e = c->all->engine;
    bool promised = hub_channel_promised(e, hub_channel_name(c), &c->keep);
    const struct hub_channel_log *log = log_of(e, &c->keep);
    hub_channel_outside_follow(c);
    if (promised && log != c->log) move_channel(c, log, MOVED);
    if (promised || e->config.tables->channel || c->log != &hub_channel_in_store) return;
    move_channel(c, log, hub_code_name(HUB_NOT_FOUND)); /* others that nothing promises end by their guards */
}

/* Runs STEP on all channels, which it may drop. */
static void each_channel(struct hub_channels *all, void (*step)(struct hub_channel *c)) {
    size_t n = hub_map_len(&all->map), i = 0;
    void *value;
    struct hub_channel **list = hub_xcalloc(n + 1, sizeof(struct hub_channel *));
    for (void *it = NULL; (it = hub_map_next(&all->map, it, NULL, &value));) list[i++] = value;
    for (i = 0; i < n; i++) step(list[i]);
    free(list);
}

/* ---- the part's life ---- */

/* What lies elsewhere need not be here when nobody uses it. */
static void sweep_channel(struct hub_channel *c) {
    bool idle = hub_list_linked(&c->used);
    if (c->log->volatile_here) hub_channel_memory_trim(c);
    if (idle && (!c->log->volatile_here || is_blank(c))) hub_channel_drop(c);
}

static void on_sweep(struct hub_timer *t) {
    struct hub_channels *all = HUB_CONTAINER(t, struct hub_channels, sweep);
    each_channel(all, sweep_channel);
    hub_channel_store_sweep(all->engine);
    hub_timer_start(all->engine->config.loop, t, SWEEP_MS, on_sweep);
}

void hub_channels_created(struct hub_engine *e) {
    struct hub_channels *all = *hub_engine_part(e, &hub_channels_part) = hub_xcalloc(1, sizeof *all);
    struct hub_buf scope = {0};
    hub_buf_addf(&scope, "%s:channels", e->config.service->name);
    all->engine = e;
    all->scope = hub_str_dup(hub_buf_str(&scope));
    hub_buf_free(&scope);
    hub_list_init(&all->idle);
    hub_list_init(&all->kept);
}

void hub_channels_started(struct hub_engine *e) {
    hub_timer_start(e->config.loop, &hub_channels_of(e)->sweep, SWEEP_MS, on_sweep);
}

void hub_channels_reloaded(struct hub_engine *e) { each_channel(hub_channels_of(e), renew_channel); }

void hub_channels_stopped(struct hub_engine *e) {
    hub_channels_of(e)->stopped = true;
    each_channel(hub_channels_of(e), hub_channel_outside_follow);
    hub_timer_stop(e->config.loop, &hub_channels_of(e)->sweep);
}

void hub_channels_deleted(struct hub_engine *e) {
    struct hub_channels *all = hub_channels_of(e);
    each_channel(all, hub_channel_drop);
    hub_map_clear(&all->map);
    free(all->scope);
    free(all);
}
