/* Making, running and ending the world of a scenario. */
#include "hubctl/test/world/world.h"

#include <stdlib.h>

#include "base/crypto/random.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "data/change_feed.h"
#include "data/objects.h"
#include "hubctl/test/world/client.h"

#define PATIENCE_MS 20000 /* real time for what threads have to bring */
#define REST_TURNS 2      /* turns without anything new, after which there is nothing */

static enum hub_code fail_to_start(struct hub_err *err, const char *what) {
    return hub_fail(err, HUB_INTERNAL, "%s", what);
}

/* ---- who is there ---- */

#define TOKEN_OF "scenario:"

static HUB_MUST json_t *vouch_for_user(void *arg, struct hub_str token) {
    const struct hub_test_world *w = arg;
    if (!hub_str_starts(token, HUB_STR(TOKEN_OF))) return NULL;
    char *name = hub_str_dup(hub_str(token.p + strlen(TOKEN_OF), token.n - strlen(TOKEN_OF)));
    const json_t *claims = json_object_get(w->scenario->users, name);
    json_t *all = claims ? json_deep_copy(claims) : NULL;
    if (all && !json_object_get(all, "userId")) hub_json_set_str(all, "userId", hub_cstr(name));
    free(name);
    return all;
}

/* ---- what goes out ---- */

static void keep_line(void *arg, enum hub_log_level level, struct hub_str line) {
    struct hub_test_world *w = arg;
    json_t *entry = hub_json_parse(line, NULL);
    if (!entry) return;
    json_object_del(entry, "time"); /* of the system's clock */
    pthread_mutex_lock(&w->log_lock);
    json_array_append_new(w->seen.logs, entry);
    w->errors += level == HUB_LOG_ERROR;
    pthread_mutex_unlock(&w->log_lock);
}

static void keep_change(void *arg, const struct hub_table *table, const char *what, const json_t *key,
                        const json_t *record) {
    struct hub_test_world *w = arg;
    json_t *copy = json_copy((json_t *)(uintptr_t)record);
    json_object_del(copy, "_eventId");
    json_object_del(copy, "_origin");
    json_array_append_new(w->seen.changes, json_pack("{s:s,s:s,s:O?,s:o}", "object", table->name, "event", what, "key",
                                                     (json_t *)(uintptr_t)key, "record", copy));
}

void hub_test_forget(struct hub_test_world *w) {
    json_array_clear(w->seen.http);
    json_array_clear(w->seen.unstubbed);
    json_array_clear(w->seen.published);
    json_array_clear(w->seen.changes);
    pthread_mutex_lock(&w->log_lock);
    json_array_clear(w->seen.logs);
    w->errors = 0;
    pthread_mutex_unlock(&w->log_lock);
    HUB_LIST_EACH(&w->clients, it) json_array_clear(HUB_CONTAINER(it, struct hub_test_client, link)->events);
}

/* ---- running ---- */

struct turn_end {
    struct hub_timer timer;
    struct hub_loop *loop;
};

static void on_turn_end(struct hub_timer *t) { hub_loop_stop(HUB_CONTAINER(t, struct turn_end, timer)->loop); }

static void run_turn(struct hub_loop *loop) {
    struct turn_end end = {.loop = loop};
    hub_timer_start(loop, &end.timer, 0, on_turn_end);
    while (hub_timer_running(&end.timer)) hub_loop_run(loop);
}

/* Whether any of them has heard or said something. */
static bool listen_to_clients(struct hub_test_world *w) {
    bool any = false;
    HUB_LIST_EACH(&w->clients, it) any |= hub_test_client_listen(HUB_CONTAINER(it, struct hub_test_client, link));
    return any;
}

bool hub_test_settle(struct hub_test_world *w) {
    struct hub_loop *loop = w->server.loop;
    int64_t until = hub_real_ms() + PATIENCE_MS;
    for (int rest = 0; rest < REST_TURNS;) {
        if (w->under_way && hub_loop_is_idle(loop)) {
            w->waits_for_it = true; /* by whom an answer comes, he ends the run */
            hub_loop_run(loop);
            w->waits_for_it = false;
        }
        run_turn(loop);
        bool busy = listen_to_clients(w) || w->under_way || !hub_loop_is_idle(loop);
        rest = busy ? 0 : rest + 1;
        if (hub_real_ms() > until) return false;
    }
    return true;
}

bool hub_test_step_clock(struct hub_test_world *w, int64_t end) {
    int64_t now = hub_loop_now(w->server.loop), due = hub_loop_next_due(w->server.loop);
    bool more = due <= end;
    int64_t by = (more ? due : end) - now;
    if (by > 0) hub_clock_turn(&w->clock, by);
    return hub_test_settle(w) && more;
}

void hub_test_advance(struct hub_test_world *w, int64_t ms) {
    int64_t end = hub_loop_now(w->server.loop) + ms;
    while (hub_test_step_clock(w, end)) continue;
}

/* ---- making ---- */

/* Seeds of the scenario; and tables that others make are made here, for there are no others. */
static void set_up_tables(const struct hub_test_world *w, const struct hub_tables *tables) {
    for (size_t i = 0; i < tables->n; i++) {
        struct hub_table *t = (struct hub_table *)(uintptr_t)tables->all[i];
        json_t *given = json_object_get(w->scenario->given, t->name);
        if (given) t->seed = given;
        t->managed = true;
    }
}

static enum hub_code open_backends(struct hub_test_world *w, struct hub_err *err) {
    struct hub_server *s = &w->server;
    enum hub_code code = hub_backends_tables(s->now.service, &s->now.tables, err);
    if (code) return code;
    set_up_tables(w, s->now.tables);
    code = hub_server_open_store(s, false, err);
    if (code) return code;
    if (hub_server_open_cache_and_bus(s)) return fail_to_start(err, "the cache or the bus cannot be opened");
    hub_test_wrap_store(w);
    hub_test_wrap_bus(w);
    return HUB_OK;
}

static enum hub_code start_service(struct hub_test_world *w, struct hub_err *err) {
    struct hub_server *s = &w->server;
    enum hub_code code = open_backends(w, err);
    if (code) return code;
    if (hub_server_listen(s, NULL)) return fail_to_start(err, "the transport cannot be made");
    s->started = hub_loop_now_exact(s->loop);
    hub_timer_start(s->loop, &s->start, 0, hub_server_on_start);
    hub_test_settle(w);
    for (int64_t end = s->started + PATIENCE_MS; !s->serving && hub_test_step_clock(w, end);) continue;
    if (!s->serving) return fail_to_start(err, "the service does not start");
    hub_feed_show(hub_engine_data(s->engine)->feed, keep_change, w);
    return HUB_OK;
}

static uint64_t seed_of(const struct hub_scenario *s) {
    uint64_t h = hub_fingerprint(HUB_FINGERPRINT, hub_cstr(s->name));
    return hub_fingerprint(h, hub_str((const char *)&s->seed, sizeof s->seed));
}

enum hub_code hub_test_world_new(struct hub_service *service, const struct hub_scenario *scenario,
                                 struct hub_test_world **out, struct hub_err *err) {
    struct hub_test_world *w = *out = hub_xcalloc(1, sizeof *w);
    w->scenario = scenario;
    hub_clock_init_frozen(&w->clock, scenario->at_ms);
    hub_random_repeat(seed_of(scenario));
    hub_uuid7_by(&w->clock);
    pthread_mutex_init(&w->log_lock, NULL);
    hub_list_init(&w->clients);
    hub_list_init(&w->delayed);
    w->saved = json_object();
    w->seen = (struct hub_test_seen){json_array(), json_array(), json_array(), json_array(), json_array()};
    w->stub_uses = hub_xcalloc(scenario->http_n + 1, sizeof *w->stub_uses);
    w->inside = (struct hub_server_inside){.vouch = vouch_for_user, .http = hub_test_http_fns, .arg = w};
    w->options.wait_seconds = PATIENCE_MS / 1000;
    w->server = (struct hub_server){.options = &w->options,
                                    .inside = &w->inside,
                                    .now.service = service,
                                    .first = service,
                                    .loop = hub_loop_new(&w->clock),
                                    .nodes = hub_backends_nodes_new()};
    hub_list_init(&w->server.retired);
    hub_log_divert(keep_line, w);
    return start_service(w, err);
}

/* ---- ending ---- */

static void close_down(struct hub_test_world *w) {
    struct hub_server *s = &w->server;
    if (s->transport) hub_transport_close_all(s->transport);
    while (!hub_list_empty(&w->clients))
        hub_test_client_free(HUB_CONTAINER(w->clients.next, struct hub_test_client, link));
    hub_test_settle(w);
    if (!s->engine) return;
    hub_engine_close(s->engine);
    hub_test_settle(w);
    hub_engine_stop(s->engine);
    s->cache->ops->stop(s->cache);
}

void hub_test_world_free(struct hub_test_world *w) {
    close_down(w);
    hub_test_drop_delayed(w);
    if (w->store.real) w->server.store = w->store.real;
    if (w->bus.real) w->server.bus = w->bus.real;
    HUB_UNUSED(hub_server_take_apart(&w->server), "the service is the caller's");
    hub_log_divert(NULL, NULL);
    hub_uuid7_by(NULL);
    hub_clock_deinit(&w->clock);
    pthread_mutex_destroy(&w->log_lock);
    json_decref(w->saved);
    json_t *all[] = {w->seen.http, w->seen.published, w->seen.changes, w->seen.logs, w->seen.unstubbed};
    for (size_t i = 0; i < HUB_NELEM(all); i++) json_decref(all[i]);
    free(w->stub_uses);
    free(w);
}
