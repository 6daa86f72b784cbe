/* The engine's life: hubs made from definitions, found by namespace, drained and freed. */
#include <stdlib.h>

#include "base/memory/bug.h"
#include "data/outbox.h"
#include "hub/access/access.h"
#include "hub/bridge/bridge.h"
#include "hub/engine_int.h"
#include "hub/namespace/namespace.h"

#define SWEEP_MS 30000

struct hub_hub *hub_hub_new(struct hub_engine *e, size_t i) {
    struct hub_hub *h = hub_xmalloc(sizeof *h);
    hub_hub_init(h, e, &e->config.service->hubs[i]);
    h->tables = &e->config.tables->hubs[i];
    hub_authorize_rules(h);
    return h;
}

static void on_sweep(struct hub_timer *t) {
    struct hub_engine *e = HUB_CONTAINER(t, struct hub_engine, sweep);
    for (size_t i = 0; i < e->hub_n; i++) hub_users_sweep(e->hubs[i], hub_loop_now(e->config.loop));
    hub_namespaces_sweep(e, hub_loop_now(e->config.loop));
    hub_timer_start(e->config.loop, t, SWEEP_MS, on_sweep);
}

static HUB_MUST struct hub_outbox *new_outbox(struct hub_engine *e) {
    const struct hub_outbox_config config = {.loop = e->config.loop,
                                             .store = e->config.store,
                                             .bus = e->config.bus,
                                             .feed = e->data.feed,
                                             .holds = &e->holds,
                                             .publisher = e->config.first ? e->config.first->outbox : NULL};
    struct hub_outbox *o = hub_outbox_new(&config);
    hub_outbox_configure(o, e->config.service, e->config.tables->outbox);
    return o;
}

static void on_row_written(void *ctx, const struct hub_write *w, const void *by) {
    struct hub_engine *e = ctx;
    hub_record_written(e, w);
    HUB_PARTS_CALL(e, row_written, e, w, by);
}

struct hub_engine *hub_engine_new(const struct hub_engine_config *config) {
    struct hub_engine *e = hub_xcalloc(1, sizeof *e);
    e->config = *config;
    hub_parts_use(e, hub_parts);
    hub_holds_init(&e->holds, config->loop);
    hub_dispatch_init(e);
    e->run_request = hub_request_run;
    hub_retries_init(&e->retries, config->loop);
    hub_reads_init(&e->reads, config->loop, &e->holds);
    e->reads.max_queue = (size_t)config->service->max_queue_bytes;
    e->backlog.most = (size_t)config->service->max_waiting_bytes;
    hub_directory_init(&e->directory);
    hub_nodes_init(&e->nodes);
    e->bridge = hub_bridge_new(e);
    e->data = (struct hub_data){.loop = config->loop,
                                .store = config->store,
                                .feed = hub_feed_new(config->service, &e->nodes, hub_bridge_changed, e),
                                .holds = &e->holds,
                                .written = on_row_written,
                                .ctx = e};
    if (config->tables->outbox) e->outbox = new_outbox(e);
    hub_feed_set_outbox(e->data.feed, e->outbox);
    e->hub_n = config->service->hub_n;
    e->hubs = hub_xcalloc(e->hub_n, sizeof *e->hubs);
    for (size_t i = 0; i < e->hub_n; i++) e->hubs[i] = hub_hub_new(e, i);
    e->part_data = hub_xcalloc(hub_parts_with(e, offsetof(struct hub_part, engine_data), NULL) + 1, sizeof(void *));
    HUB_PARTS_CALL(e, created, e);
    hub_timer_start(config->loop, &e->sweep, SWEEP_MS, on_sweep);
    return e;
}

void hub_engine_set_scripts(struct hub_engine *e, struct hub_scripts *scripts) { e->config.scripts = scripts; }

struct hub_hub *hub_engine_hub(struct hub_engine *e, struct hub_str name) {
    for (size_t i = 0; i < e->hub_n; i++)
        if (hub_str_is(name, e->hubs[i]->def->name)) return e->hubs[i];
    return NULL;
}

/* "/hub/<name>" at the end, after any prefix: proxies leave their prefix in the namespace. */
bool hub_engine_find(struct hub_engine *e, struct hub_str name, const struct hub_namespace_ops **ops, void **owner) {
    for (size_t i = 0; i < e->hub_n; i++) {
        struct hub_str hub = hub_cstr(e->hubs[i]->def->name), mark = HUB_STR("/hub/");
        if (!hub_str_ends(name, hub)) continue;
        if (!hub_str_ends(hub_str(name.p, name.n - hub.n), mark)) continue;
        *ops = &hub_conn_ops;
        *owner = e->hubs[i];
        return true;
    }
    return hub_namespaces_find(e, name, ops, owner);
}

void hub_engine_list(struct hub_engine *e, struct hub_buf *out) {
    for (size_t i = 0; i < e->hub_n; i++) hub_buf_addf(out, "%s/hub/%s", i ? ", " : "", e->hubs[i]->def->name);
    hub_namespaces_list(e, out);
}

static bool runs_elsewhere(void *ctx, const struct hub_host_fn *fn, struct hub_host_call *call) {
    struct hub_engine *e = ctx;
    return e->run_script_call && e->run_script_call(e, fn, call);
}

const struct hub_host *hub_engine_hosts(struct hub_host hosts[HUB_ENGINE_HOSTS], struct hub_engine *e,
                                        const struct hub_host *next) {
    size_t n = 0;
    for (const struct hub_part *const *part = hub_parts; *part; part++) {
        HUB_BUG_IF(n + 1 + HUB_HOST_ATS > HUB_ENGINE_HOSTS);
        if ((*part)->host) {
            hosts[n] = (struct hub_host){(*part)->host, (*part)->host_within, .ctx = e, .next = next};
            next = &hosts[n++];
        }
        for (size_t i = 0; i < HUB_HOST_ATS; i++) {
            if (!(*part)->host_at[i]) continue;
            hosts[n] = (struct hub_host){(*part)->host_at[i], .ctx = e, .elsewhere = runs_elsewhere, .next = next};
            next = &hosts[n++];
        }
    }
    return next;
}

void hub_engine_drain(struct hub_engine *e, int64_t retry_after_ms) {
    struct hub_buf args = {0};
    e->draining = true;
    HUB_PARTS_CALL(e, draining, e);
    hub_buf_addf(&args, "{\"retryAfterMs\":%lld}", (long long)retry_after_ms);
    for (size_t i = 0; i < e->hub_n; i++) {
        HUB_LIST_EACH(&e->hubs[i]->conns, it)
        hub_outlet_emit(&HUB_CONTAINER(it, struct hub_conn, link)->outlet, HUB_STR("hub:draining"), hub_buf_str(&args),
                        0);
    }
    hub_buf_free(&args);
}

void hub_engine_start(struct hub_engine *e) {
    HUB_PARTS_CALL(e, started, e);
    if (e->outbox) hub_outbox_start(e->outbox);
}

void hub_hub_close_rooms(struct hub_hub *h) {
    size_t n = 0;
    void *value;
    struct hub_room **rooms = hub_xcalloc(hub_map_len(&h->rooms) + 1, sizeof *rooms);
    for (void *it = NULL; (it = hub_map_next(&h->rooms, it, NULL, &value));) rooms[n++] = hub_room_ref(value);
    for (size_t i = 0; i < n; i++) {
        hub_room_stop(rooms[i]);
        hub_room_unref(rooms[i]); /* which may take it out of the map */
    }
    free(rooms);
}

void hub_engine_close(struct hub_engine *e) {
    for (size_t i = 0; i < e->hub_n; i++) hub_hub_close_rooms(e->hubs[i]);
}

void hub_engine_stop(struct hub_engine *e) {
    /* Nothing ticks while the backends close, which may take them a while. */
    hub_engine_close(e);
    HUB_PARTS_CALL(e, stopping, e);
    HUB_PARTS_CALL(e, stopped, e);
    hub_reads_stop(&e->reads);
    hub_bridge_stop(e->bridge);
    hub_retries_stop(&e->retries);
    if (e->outbox) hub_outbox_stop(e->outbox);
}

struct hub_data *hub_engine_data(struct hub_engine *e) {
    return &e->data;
}

size_t hub_engine_pending(const struct hub_engine *e) { return e->holds.n; }

struct hub_holds *hub_engine_holds(struct hub_engine *e) {
    return &e->holds;
}

struct hub_backlog *hub_engine_backlog(struct hub_engine *e) {
    return &e->backlog;
}

bool hub_engine_relays(const struct hub_engine *e) { return e->outbox && hub_outbox_busy(e->outbox); }

/* Rooms that only lingering presence or running actions hold. */
static void close_rooms(struct hub_hub *h) {
    void *value;
    while (hub_map_next(&h->rooms, NULL, NULL, &value)) {
        struct hub_room *r = hub_room_ref(value);
        hub_room_stop(r);
        r->refs = 1;
        hub_room_unref(r);
    }
}

static void delete_hubs(struct hub_hub **hubs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        close_rooms(hubs[i]);
        hub_users_free(hubs[i]);
        hub_map_clear(&hubs[i]->reauthorizations);
        hub_room_reads_clear(hubs[i]);
        free(hubs[i]);
    }
    free(hubs);
}

void hub_engine_delete(struct hub_engine *e) {
    hub_timer_stop(e->config.loop, &e->sweep);
    hub_retries_stop(&e->retries);
    hub_reads_deinit(&e->reads);
    delete_hubs(e->hubs, e->hub_n);
    delete_hubs(e->gone, e->gone_n);
    HUB_PARTS_CALL(e, deleted, e);
    free(e->part_data);
    hub_map_clear(&e->limit_ids);
    hub_directory_deinit(&e->directory);
    hub_bridge_delete(e->bridge);
    if (e->outbox) hub_outbox_delete(e->outbox);
    hub_feed_delete(e->data.feed);
    hub_nodes_deinit(&e->nodes);
    while (e->scratch_n) hub_buf_free(&e->scratch[--e->scratch_n]);
    hub_holds_deinit(&e->holds);
    hub_dispatch_deinit(e);
    hub_parts_deinit(e);
    free(e);
}
