/* SIGHUP: other definitions, switched to as a whole or not at all. */
#include "server/server_int.h"

#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"

#define RETIRE_MS 15000 /* after that no script of the old definitions runs any more */

void hub_server_free_generation(struct hub_generation *g) {
    if (g->scripts) hub_scripts_delete(g->scripts);
    hub_jwks_delete(g->jwks);
    hub_jwt_keys_free(g->keys);
    hub_cookie_secrets_free(g->secrets);
    hub_static_free(g->files);
    if (!g->users || !__atomic_sub_fetch(g->users, 1, __ATOMIC_ACQ_REL)) {
        if (g->tables) hub_tables_free(g->tables);
        hub_service_free(g->service);
        free(g->users);
    }
    *g = (struct hub_generation){0};
}

void hub_server_free_retired(struct hub_retired *r) {
    hub_list_remove(&r->link);
    hub_timer_stop(r->server->loop, &r->timer);
    if (r->generation.service == r->server->first) r->generation.service = NULL;
    hub_server_free_generation(&r->generation);
    free(r);
}

static void on_retire(struct hub_timer *t) {
    struct hub_retired *r = HUB_CONTAINER(t, struct hub_retired, timer);
    if (!hub_engine_pending(r->server->engine)) {
        hub_server_free_retired(r);
        return;
    }
    hub_server_say_holds(r->server, r->since, "the definitions before a reload are kept");
    hub_timer_start(r->server->loop, t, RETIRE_MS, on_retire);
}

static void retire_generation(struct hub_server *s) {
    struct hub_retired *r = hub_xcalloc(1, sizeof *r);
    r->server = s;
    r->generation = s->now;
    r->since = hub_loop_now(s->loop);
    hub_list_push(&s->retired, &r->link);
    hub_timer_start(s->loop, &r->timer, RETIRE_MS, on_retire);
}

/* A setting that only a restart changes. It is compared with what the process started with, so the warning
 * comes again until the restart. */
static void warn_that_kept(void *arg, const char *text) {
    (void)arg;
    hub_log_kv(HUB_LOG_WARN, "server", text, NULL);
}

enum hub_code hub_server_prepare(struct hub_server *s, struct hub_generation *g, struct hub_err *err) {
    enum hub_code code = HUB_OK;
    if (!g->tables) /* the bus stays what it is until a restart */
        code = hub_tables_new(g->service, !s->bus->ops->local, &g->tables, err);
    if (!code) code = hub_server_load_keys(s, g, err);
    if (!code) code = hub_scripts_new(&g->scripts, s->loop, g->service, s->host, err);
    return code ? code : hub_server_load_files(g, err);
}

static void on_followed(void *arg) { (void)arg; }

static void on_reloaded(void *arg) {
    const struct hub_server *s = arg;
    hub_log_kv(HUB_LOG_INFO, "server", "definitions reloaded", "service", s->now.service->name, NULL);
}

void hub_server_switch_to(struct hub_server *s, const struct hub_generation *g) {
    hub_scripts_follow(g->scripts, s->now.scripts);
    retire_generation(s);
    s->now = *g;
    const struct hub_identity_config identity = hub_server_identity_config(s, g);
    hub_identity_ctx_configure(s->identity, &identity);
    hub_sessions_keep_cookie(s->sessions, g->service->session_cookie);
    hub_rest_configure(s->rest, g->service, g->tables);
    hub_transport_local_names(s->transport, g->service->dev);
    hub_engine_reload(s->engine, g->service, g->tables, g->scripts, s->follows ? on_followed : on_reloaded, s);
}

/* What is wrong with the tables, or NULL. */
static const char *adopt_tables(struct hub_server *s, const struct hub_generation *g, struct hub_err *err) {
    const struct hub_store_config config =
        hub_backends_store_config(g->service, g->tables, hub_buf_cstr(&s->store_url));
    return s->store->ops->adopt(s->store, &config, err) ? err->text : NULL;
}

static void refuse_reload(struct hub_server *s, const char *error) {
    hub_log_kv(HUB_LOG_ERROR, "server", "reload refused, the old definitions keep serving", "error", error, NULL);
    if (s->coming.service) hub_server_free_generation(&s->coming);
}

/* The last step that may fail changes the store. False: it has failed. */
static bool take_over(struct hub_server *s) {
    struct hub_generation g = s->coming;
    struct hub_err err;
    const char *error = adopt_tables(s, &g, &err);
    if (error) {
        refuse_reload(s, error);
        return false;
    }
    s->coming = (struct hub_generation){0};
    hub_server_switch_to(s, &g);
    return true;
}

static void begin_reload(struct hub_server *s);

/* All loops have what they need. */
static void on_prepared(struct hub_server *s, const char *error) {
    if (error) {
        refuse_reload(s, error);
        hub_siblings_give_up(s);
    } else {
        hub_siblings_meet(s, take_over);
    }
    bool again = s->reload_again && !s->draining;
    s->reload_again = false;
    if (again) begin_reload(s);
}

static void finish_reload(void *arg, const char *error) {
    struct hub_server *s = arg;
    if (error)
        refuse_reload(s, error);
    else if (!hub_siblings_prepare(s, on_prepared))
        take_over(s);
}

/* A reload that still waits for its keys gives way. */
static void begin_reload(struct hub_server *s) {
    struct hub_err err;
    if (s->coming.service) hub_server_free_generation(&s->coming);
    s->coming.service = hub_server_load(s->options);
    if (s->coming.service) hub_service_keep(s->coming.service, s->first, warn_that_kept, NULL);
    enum hub_code code = s->coming.service ? hub_server_prepare(s, &s->coming, &err)
                                           : hub_fail(&err, HUB_BAD_REQUEST, "the definitions have errors");
    if (!code && s->coming.jwks && !hub_jwks_inherit(s->coming.jwks, s->now.jwks))
        hub_jwks_start(s->coming.jwks, finish_reload, s);
    else
        finish_reload(s, code ? err.text : NULL);
}

void hub_server_on_hangup(void *arg, int signo) {
    struct hub_server *s = arg;
    (void)signo;
    if (!s->serving || s->draining) return;
    if (hub_siblings_are_preparing(s))
        s->reload_again = true;
    else
        begin_reload(s);
}
