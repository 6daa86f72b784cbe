/* The scripts of the service's own life: onBootstrap before it is open, onStarted, onShutdown before clients
 * hear of its end. */
#include "server/server_int.h"

#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/time/clock.h"
#include "hub/core/core.h"

/* One of them while it runs. */
struct service_hook {
    struct hub_hold hold; /* a stop waits for it */
    struct hub_server *server;
    const struct hub_script *script;
    void (*ended)(struct hub_server *s, const char *error); /* ERROR NULL: it has not failed */
};

static HUB_MUST json_t *node_json(const struct hub_server *s) {
    const struct hub_nodes *nodes = &s->engine->nodes;
    return hub_live_node_json(hub_node_find(nodes, hub_cstr(nodes->self)));
}

static void on_ran(void *arg, const struct hub_hook_outcome *o) {
    const struct service_hook h = *(struct service_hook *)arg;
    struct service_hook *hook = arg;
    const char *error = o->error ? o->error : hub_code_text(o->code);
    hub_unhold(&hook->hold);
    free(hook);
    if (o->code) hub_hook_failed(NULL, h.script, o->code, error);
    if (h.ended) h.ended(h.server, o->code ? error : NULL);
}

/* WALL_MS 0: scripting.wallMs. */
static void run_hook(struct hub_server *s, const struct hub_script *script, int64_t wall_ms,
                     void (*ended)(struct hub_server *s, const char *error)) {
    struct service_hook *h = hub_xcalloc(1, sizeof *h);
    *h = (struct service_hook){.server = s, .script = script, .ended = ended};
    hub_hold(hub_engine_holds(s->engine), &h->hold, "service hook");
    const struct hub_hook_arg node = {"node", node_json(s)};
    const struct hub_hook_chain chain = {
        .steps = &h->script, .step_n = 1, .vars = &node, .var_n = 1, .wall_ms = wall_ms};
    hub_lua_hook_ops.run(s->now.scripts, &chain, on_ran, h);
    json_decref(node.value);
}

/* ---- among the nodes ---- */

int hub_server_join(struct hub_server *s) {
    const struct hub_service *d = s->now.service;
    struct hub_err err;
    struct hub_buf address = {0}, cluster = {0};
    const struct hub_mesh_link_ops *link = hub_backends_link("memory:", &err);
    hub_server_add_address(s, &address);
    hub_buf_addf(&cluster, "%s-%s", d->project, d->name);
    struct hub_mesh_link_config config = {
        .url = "memory:",
        .cluster = hub_buf_cstr(&cluster),
        .process = s->nodes,
        .queue_bytes = HUB_MESH_QUEUE_BYTES,
        .about = {.name = hub_cstr(d->name),
                  .address = hub_buf_str(&address),
                  .version = HUB_STR(HUB_VERSION),
                  .started_at = hub_loop_wall(s->loop) - (hub_loop_now_exact(s->loop) - s->started)}};
    enum hub_code code = link ? hub_engine_join(s->engine, link, &config, &err) : err.code;
    hub_buf_free(&address);
    hub_buf_free(&cluster);
    return code ? hub_server_failed(&err, HUB_EXIT_FAILED) : HUB_EXIT_OK;
}

/* ---- onBootstrap ---- */

static void on_bootstrapped(struct hub_server *s, const char *error) {
    struct hub_err err;
    if (s->draining) return; /* it was stopped meanwhile */
    s->bootstrap = HUB_BOOTSTRAP_OVER;
    if (!error) {
        hub_timer_start(s->loop, &s->start, 0, hub_server_on_start);
        return;
    }
    HUB_UNUSED(hub_fail(&err, HUB_HANDLER_FAILED, "%s: %s", s->now.service->bootstrap.script.path, error),
               "told below");
    hub_server_give_up(s, hub_server_failed(&err, HUB_EXIT_FAILED));
}

/* With once, one node of the service at a time: today the store has one owner, which is this process. */
bool hub_server_is_bootstrapped(struct hub_server *s) {
    const struct hub_def_bootstrap *b = &s->now.service->bootstrap;
    if (s->follows || s->bootstrap == HUB_BOOTSTRAP_OVER || b->script.kind == HUB_SCRIPT_NONE) return true;
    if (s->bootstrap == HUB_BOOTSTRAP_DUE) {
        s->bootstrap = HUB_BOOTSTRAP_RUNNING;
        run_hook(s, &b->script, b->timeout_ms, on_bootstrapped);
    }
    return false;
}

/* ---- onStarted, onShutdown ---- */

void hub_server_tell_started(struct hub_server *s) {
    const struct hub_script *script = &s->now.service->on_started;
    if (script->kind != HUB_SCRIPT_NONE) run_hook(s, script, 0, NULL);
}

static void on_shutdown(struct hub_server *s, const char *error) {
    (void)error;
    s->shut_down(s);
}

void hub_server_tell_shutdown(struct hub_server *s, int64_t most_ms, void (*then)(struct hub_server *s)) {
    const struct hub_script *script = &s->now.service->on_shutdown;
    int64_t wall_ms = s->now.service->script_wall_ms;
    s->shut_down = then;
    if (!s->follows && s->serving && script->kind != HUB_SCRIPT_NONE)
        run_hook(s, script, wall_ms < most_ms ? wall_ms : most_ms, on_shutdown);
    else
        then(s);
}
