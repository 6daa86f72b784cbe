/* The engine's life: hubs made from definitions, found by namespace, drained and freed. */
#include <stdlib.h>

#include "data/outbox.h"
#include "hub/access/access.h"
#include "hub/bridge/bridge.h"
#include "hub/engine_int.h"

#define SWEEP_MS 30000

struct hub_hub *hub_hub_new(struct hub_engine *e, size_t i) {
    struct hub_hub *h = hub_xmalloc(sizeof *h);
    *h = (struct hub_hub){.engine = e, .def = &e->config.service->hubs[i], .tables = &e->config.tables->hubs[i]};
    h->caller = (struct hub_caller){.hub = h};
    h->decider = (struct hub_caller){.hub = h, .decides = true};
    hub_list_init(&h->conns);
    hub_list_init(&h->decisions);
    hub_authorize_rules(h);
    return h;
}

static void on_sweep(struct hub_timer *t) {
    struct hub_engine *e = HUB_CONTAINER(t, struct hub_engine, sweep);
    for (size_t i = 0; i < e->hub_n; i++) hub_rate_sweep(e->hubs[i], hub_loop_now(e->config.loop));
    hub_timer_start(e->config.loop, t, SWEEP_MS, on_sweep);
}

static struct hub_outbox *new_outbox(struct hub_engine *e) {
    const struct hub_outbox_config config = {.loop = e->config.loop,
                                             .store = e->config.store,
                                             .bus = e->config.bus,
                                             .feed = e->data.feed,
                                             .holds = &e->holds};
    struct hub_outbox *o = hub_outbox_new(&config);
    hub_outbox_configure(o, e->config.service, e->config.tables->outbox);
    return o;
}

struct hub_engine *hub_engine_new(const struct hub_engine_config *config) {
    struct hub_engine *e = hub_xcalloc(1, sizeof *e);
    e->config = *config;
    e->parts = hub_parts;
    hub_holds_init(&e->holds, config->loop);
    hub_dispatch_init(e);
    hub_retries_init(&e->retries, config->loop);
    hub_reads_init(&e->reads, config->loop, &e->holds);
    e->reads.max_queue = (size_t)config->service->max_queue_bytes;
    hub_nodes_init(&e->nodes);
    e->bridge = hub_bridge_new(e);
    e->data = (struct hub_data){.loop = config->loop,
                                .store = config->store,
                                .feed = hub_feed_new(config->service, &e->nodes, hub_bridge_changed, e),
                                .holds = &e->holds,
                                .written = hub_record_written,
                                .ctx = e};
    if (config->tables->outbox) e->outbox = new_outbox(e);
    hub_feed_set_outbox(e->data.feed, e->outbox);
    e->hub_n = config->service->hub_n;
    e->hubs = hub_xcalloc(e->hub_n, sizeof *e->hubs);
    for (size_t i = 0; i < e->hub_n; i++) e->hubs[i] = hub_hub_new(e, i);
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
    return false;
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

void hub_engine_stop(struct hub_engine *e) {
    /* Nothing ticks while the backends close, which may take them a while. */
    for (size_t i = 0; i < e->hub_n; i++) hub_hub_close_rooms(e->hubs[i]);
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

bool hub_engine_relays(const struct hub_engine *e) { return e->outbox && hub_outbox_busy(e->outbox); }

static void free_users(struct hub_hub *h) {
    for (struct hub_user *u; (u = hub_map_drain(&h->users));) hub_user_free(u);
}

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
        free_users(hubs[i]);
        hub_map_clear(&hubs[i]->reauthorizations);
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
    hub_bridge_delete(e->bridge);
    if (e->outbox) hub_outbox_delete(e->outbox);
    hub_feed_delete(e->data.feed);
    hub_nodes_deinit(&e->nodes);
    while (e->scratch_n) hub_buf_free(&e->scratch[--e->scratch_n]);
    hub_holds_deinit(&e->holds);
    hub_dispatch_deinit(e);
    free(e);
}
