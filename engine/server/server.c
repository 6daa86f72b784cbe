/* The composition root: with backends.c and preflight.c it knows every module and adapter by name. It
 * wires them, and decides when to start, reload, drain and stop; what a message, a room or a token is it
 * does not know. hubctl why and token --check are here because they wire the same things. */
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapters/curl/curl.h"
#include "auth/jwks.h"
#include "backends.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "hub/engine.h"
#include "namespace/namespace.h"
#include "ops/ops.h"
#include "preflight.h"
#include "rest/rest.h"
#include "scripting/scripts.h"
#include "work/hold.h"

#define DRAIN_MS 10000       /* longest graceful stop */
#define POLL_GRACE_MS 2000   /* of it, how long clients between two polls may take to fetch what is queued */
#define DRAIN_STEP_MS 10     /* how often to look whether it is over */
#define DRAIN_SAID_MS 2000   /* how often to say what it waits for */
#define RETIRE_MS 15000      /* after that no script of the old definitions runs any more */
#define START_STEP_MS 20     /* between two looks at a backend that is away at start */
#define START_PATIENT_MS 500 /* the same once it has been away for START_QUIET_MS */
#define START_QUIET_MS 1000  /* before anybody is told */
#define RETRY_KEYS_MS 1000   /* between two requests for keys that nobody answers */
#define SECRET_BYTES 32      /* RFC 7518 3.2: no shorter than the hash */
#define RETRY_AFTER_MS 1000  /* what clients are told on hub:draining */

/* What one load of the definitions made. After a reload the old one stays until nothing uses it any more. */
struct generation {
    struct hub_service *service;
    struct hub_tables *tables;
    struct hub_jwt_keys *keys;
    struct hub_jwks *jwks; /* NULL without auth.jwt.jwksUrl */
    struct hub_scripts *scripts;
    struct hub_static *files;
};

struct retired {
    struct hub_list link;
    struct hub_timer timer;
    struct server *server;
    struct generation generation;
    int64_t since; /* loop time */
};

struct server {
    const struct hub_server_options *options;
    struct hub_loop *loop;
    struct generation now;
    struct generation coming; /* a reload that waits for its keys; without service when there is none */
    struct hub_list retired;
    struct hub_service *first; /* the transport holds strings of it: kept to the end */
    struct hub_buf store_url;
    const struct hub_store_ops *store_ops;
    struct hub_store *store;
    struct hub_cache *cache;
    struct hub_bus *bus;
    struct hub_identity_ctx *identity;
    struct hub_engine *engine;
    struct hub_namespaces *namespaces;
    struct hub_sessions *sessions;
    struct hub_static *console, *client; /* inside the program; NULL in a build without npm */
    struct hub_transport *transport;
    struct hub_rest *rest;
    struct hub_ops_config ops;
    struct hub_curl *curl;
    struct hub_host engine_host, socket_host, http_host;
    int64_t started; /* monotonic ms */
    bool subscribed; /* the engine has been started */
    bool open;       /* store, cache and bus have been there */
    bool serving;    /* the keys, too: the start is over */
    bool waiting_said;
    struct hub_timer start, retry_keys;
    bool draining;
    int64_t drain_until, drain_said; /* loop time; when it was last said what it waits for */
    struct hub_timer drain;
    int exit_code;
    bool again; /* not the end of the process, but of what it has in memory */
};

static int failed(const struct hub_err *err, int exit_code) {
    struct hub_buf line = {0};
    hub_buf_addf(&line, "hubd: %s\n", err->text);
    hub_log_text(hub_buf_str(&line));
    hub_buf_free(&line);
    return exit_code;
}

/* ---- definitions ---- */

struct hub_service *hub_server_load(const struct hub_server_options *o) {
    struct hub_service *service = NULL;
    struct hub_diags *diags = hub_diags_new();
    struct hub_buf text = {0};
    const struct hub_load_options load = {.overrides = o->overrides,
                                          .override_n = o->override_n,
                                          .checker = &hub_lua_checker,
                                          .start_check = hub_preflight};
    hub_service_load(o->dir, &load, diags, &service);
    if (hub_diags_n(diags)) hub_diags_print(diags, HUB_DIAG_TEXT, &text);
    hub_log_text(hub_buf_str(&text));
    hub_buf_free(&text);
    hub_diags_free(diags);
    return service;
}

/* ---- backends ---- */

static void on_taken(void *arg);

static enum hub_code open_store(struct server *s, bool look, struct hub_err *err) {
    hub_tables_store_url(s->now.service, look, &s->store_url);
    s->store_ops = hub_backends_store(hub_buf_cstr(&s->store_url), err);
    if (!s->store_ops) return err->code;
    struct hub_store_config config =
        hub_backends_store_config(s->now.service, s->now.tables, hub_buf_cstr(&s->store_url));
    config.owner = !look;
    config.taken = on_taken;
    config.taken_arg = s;
    return s->store_ops->open(s->loop, &config, &s->store, err);
}

static enum hub_code open_bus(struct server *s, const struct hub_bus_ops *ops, struct hub_err *err) {
    struct hub_backends_bus_config with;
    hub_backends_bus_config(s->now.service, &with);
    enum hub_code code = ops->open(s->loop, &with.config, &s->bus, err);
    hub_backends_bus_config_free(&with);
    return code;
}

/* Neither waits for anybody: cache and bus connect by themselves. */
static int open_cache_and_bus(struct server *s) {
    struct hub_err err;
    const struct hub_cache_ops *cache = hub_backends_cache(s->now.service->cache_url, &err);
    const struct hub_cache_config with = {
        .loop = s->loop, .url = s->now.service->cache_url, .name = s->now.service->name};
    if (!cache || cache->open(&with, &s->cache, &err)) return failed(&err, cache ? HUB_EXIT_INVALID : HUB_EXIT_BACKEND);
    const struct hub_bus_ops *bus = hub_backends_bus(s->now.service->bus_url, &err);
    if (!bus || open_bus(s, bus, &err))
        return failed(&err, err.code == HUB_BAD_REQUEST ? HUB_EXIT_INVALID : HUB_EXIT_BACKEND);
    return HUB_EXIT_OK;
}

/* ---- the engine ---- */

static enum hub_code load_keys(struct server *s, struct generation *g, struct hub_err *err) {
    const struct hub_def_jwt *jwt = &g->service->jwt;
    enum hub_code code = jwt->on ? hub_jwt_keys_load(jwt, &g->keys, err) : HUB_OK;
    const struct hub_jwks_config set = {
        .loop = s->loop, .url = jwt->jwks_url, .keys = g->keys, .fetch = hub_curl_fetch, .fetch_ctx = s->curl};
    if (!code && jwt->jwks_url) g->jwks = hub_jwks_new(&set);
    return code;
}

static int make_engine(struct server *s) {
    struct hub_err err;
    if (hub_curl_new(s->loop, &s->curl, &err) || load_keys(s, &s->now, &err)) return failed(&err, HUB_EXIT_FAILED);
    struct hub_identity_config identity = {.loop = s->loop,
                                           .service = s->now.service,
                                           .keys = s->now.keys,
                                           .jwks = s->now.jwks,
                                           .cache = s->cache,
                                           .hooks = &hub_lua_hook_ops};
    s->identity = hub_identity_ctx_new(&identity);
    const struct hub_engine_config config = {.loop = s->loop,
                                             .service = s->now.service,
                                             .tables = s->now.tables,
                                             .store = s->store,
                                             .cache = s->cache,
                                             .bus = s->bus,
                                             .hooks = &hub_lua_hook_ops,
                                             .identity = s->identity};
    s->engine = hub_engine_new(&config);
    s->ops.holds = hub_engine_holds(s->engine);
    const struct hub_namespaces_config plain = {.loop = s->loop,
                                                .holds = hub_engine_holds(s->engine),
                                                .service = s->now.service,
                                                .hooks = &hub_lua_hook_ops,
                                                .identity = s->identity};
    s->namespaces = hub_namespaces_new(&plain);
    s->http_host = (struct hub_host){.fns = hub_curl_host_fns, .ctx = s->curl};
    s->socket_host = (struct hub_host){.fns = hub_namespaces_host_fns, .ctx = s->namespaces, .next = &s->http_host};
    s->engine_host = (struct hub_host){.fns = hub_engine_host_fns, .ctx = s->engine, .next = &s->socket_host};
    if (hub_scripts_new(&s->now.scripts, s->loop, s->now.service, &s->engine_host, &err))
        return failed(&err, HUB_EXIT_INVALID);
    identity.scripts = s->now.scripts;
    hub_identity_ctx_configure(s->identity, &identity);
    hub_engine_set_scripts(s->engine, s->now.scripts);
    hub_namespaces_set_scripts(s->namespaces, s->now.scripts);
    s->rest = hub_rest_new(s->engine, s->identity, s->now.service, s->now.tables);
    return HUB_EXIT_OK;
}

/* ---- the way in ---- */

static bool find_namespace(void *ctx, struct hub_str name, const struct hub_namespace_ops **ops, void **owner) {
    struct server *s = ctx;
    return hub_engine_find(s->engine, name, ops, owner) || hub_namespaces_find(s->namespaces, name, ops, owner);
}

static void list_namespaces(void *ctx, struct hub_buf *out) {
    struct server *s = ctx;
    for (size_t i = 0; i < s->now.service->hub_n; i++)
        hub_buf_addf(out, "%s/hub/%s", i ? ", " : "", s->now.service->hubs[i].name);
    hub_namespaces_list(s->namespaces, out);
}

static void on_http(void *ctx, struct hub_http_req *req) {
    struct server *s = ctx;
    if (hub_ops_handle(&s->ops, req)) return;
    if (!s->open) {
        hub_rest_fail(req, HUB_STORE_UNAVAILABLE, 503, "the service is starting", hub_str(NULL, 0),
                      "Retry-After: 1\r\n");
        return;
    }
    if (hub_console_handle(s->now.service, s->console, req)) return;
    if (hub_rest_handle(s->rest, req) || hub_static_handle(s->now.files, req)) return;
    if (hub_static_handle(s->client, req)) return;
    /* A hub may have the name of the base path, and a proxy may have cut that off. */
    if (hub_http_keep_base(req) && hub_rest_handle(s->rest, req)) return;
    hub_rest_fail(req, HUB_NOT_FOUND, 404, "there is nothing at this path", hub_str(NULL, 0), "");
}

static void on_admit(void *ctx, struct hub_http_req *req) {
    struct server *s = ctx;
    if (s->open)
        hub_rest_admit(s->rest, req);
    else
        on_http(ctx, req);
}

static int listen_to_clients(struct server *s) {
    struct hub_err err;
    struct hub_buf folder = {0};
    const struct hub_service *d = s->now.service;
    hub_buf_addf(&folder, "%s/public", d->dir);
    enum hub_code code =
        hub_static_load(hub_buf_cstr(&folder), NULL, NULL, &s->now.files, &err); /* hub_preflight has told of links */
    hub_buf_free(&folder);
    if (code) return failed(&err, HUB_EXIT_FAILED);
    s->console = hub_static_console();
    s->client = hub_static_client(d->listen_path);
    s->ops = (struct hub_ops_config){.cache = s->cache, .bus = s->bus, .open = &s->open, .draining = &s->draining};
    const struct hub_sessions_config sessions = {.connect_timeout = d->connect_timeout,
                                                 .max_payload = d->max_payload,
                                                 .find = find_namespace,
                                                 .list = list_namespaces,
                                                 .ctx = s,
                                                 .http = on_http,
                                                 .admit = on_admit};
    s->sessions = hub_sessions_new(s->loop, &sessions);
    const struct hub_transport_config transport = {.host = d->host,
                                                   .port = (int)d->port,
                                                   .base_path = d->base_path,
                                                   .cors_origins = d->cors_origins.items,
                                                   .cors_n = d->cors_origins.n,
                                                   .path = d->listen_path,
                                                   .trusted_proxies = d->trusted_proxies.items,
                                                   .trusted_n = d->trusted_proxies.n,
                                                   .local_names = d->dev,
                                                   .max_pending = (size_t)d->max_pending,
                                                   .max_pending_per_address = (size_t)d->max_pending_per_address,
                                                   .max_payload = d->max_payload,
                                                   .ping_interval = d->ping_interval,
                                                   .ping_timeout = d->ping_timeout,
                                                   .idle_timeout = d->keep_alive_timeout,
                                                   .max_queue_bytes = (size_t)d->max_queue_bytes,
                                                   .tls_cert_file = d->tls_cert_file,
                                                   .tls_key_file = d->tls_key_file};
    if (hub_transport_new(&s->transport, s->loop, &transport, &hub_sessions_transport_ops, s->sessions, &err))
        return failed(&err, HUB_EXIT_FAILED);
    hub_transport_hold(s->transport, true);
    return HUB_EXIT_OK;
}

static void print_url(const char *label, const char *url) {
    struct hub_buf shown = {0};
    hub_secret_add_url(&shown, hub_cstr(url));
    printf("  %s %s", label, hub_buf_cstr(&shown));
    hub_buf_free(&shown);
}

/* What is listened on, as it is: 0.0.0.0 is every address of the machine, and not only loopback. */
static void add_address(const struct server *s, struct hub_buf *out) {
    const struct hub_service *d = s->now.service;
    bool bare_v6 = strchr(d->host, ':') && d->host[0] != '[';
    if (strncmp(d->host, "unix:", 5) == 0)
        hub_buf_addz(out, d->host);
    else
        hub_buf_addf(out, "%s://%s%s%s:%d%s", d->tls_cert_file ? "https" : "http", bare_v6 ? "[" : "", d->host,
                     bare_v6 ? "]" : "", hub_transport_port(s->transport), d->base_path);
}

static void announce(const struct server *s) {
    const struct hub_service *d = s->now.service;
    struct hub_buf address = {0};
    add_address(s, &address);
    printf("hubd " HUB_VERSION ": service %s listening on %s\n", d->name, hub_buf_cstr(&address));
    for (size_t i = 0; i < d->hub_n; i++) {
        printf("  hub %s  %s/hub/%s", d->hubs[i].name, hub_buf_cstr(&address), d->hubs[i].name);
        print_url("store", d->store_url);
        print_url("cache", d->cache_url);
        print_url("bus", d->bus_url);
        putchar('\n');
    }
    fflush(stdout);
    hub_buf_free(&address);
    if (d->dev)
        hub_log_kv(HUB_LOG_WARN, "auth",
                   "DEV AUTHENTICATION IS ON: anybody who reaches this port may be anybody (token dev:<userId>)",
                   "host", d->host, NULL);
    const char *secret = d->jwt.secret_env ? getenv(d->jwt.secret_env) : NULL;
    if (secret && strlen(secret) < SECRET_BYTES)
        hub_log_kv(
            HUB_LOG_WARN, "auth",
            "the secret of auth.jwt.secretEnv is short enough to be guessed from a token; take 32 random bytes or more",
            "variable", d->jwt.secret_env, NULL);
}

/* ---- reloading ---- */

static void free_generation(struct generation *g) {
    if (g->scripts) hub_scripts_delete(g->scripts);
    hub_jwks_delete(g->jwks);
    hub_jwt_keys_free(g->keys);
    hub_static_free(g->files);
    if (g->tables) hub_tables_free(g->tables);
    hub_service_free(g->service);
    *g = (struct generation){0};
}

static void free_retired(struct retired *r) {
    hub_list_remove(&r->link);
    hub_timer_stop(r->server->loop, &r->timer);
    if (r->generation.service == r->server->first) r->generation.service = NULL;
    free_generation(&r->generation);
    free(r);
}

/* What is under way since the loop time SINCE, if anything is. */
static void say_what_holds(const struct server *s, int64_t since, const char *text) {
    struct hub_buf what = {0};
    hub_holds_describe(hub_engine_holds(s->engine), since, &what);
    if (what.n) hub_log_kv(HUB_LOG_INFO, "server", text, "waitingFor", hub_buf_cstr(&what), NULL);
    hub_buf_free(&what);
}

static void on_retire(struct hub_timer *t) {
    struct retired *r = HUB_CONTAINER(t, struct retired, timer);
    if (!hub_engine_pending(r->server->engine)) {
        free_retired(r);
        return;
    }
    say_what_holds(r->server, r->since, "the definitions before a reload are kept");
    hub_timer_start(r->server->loop, t, RETIRE_MS, on_retire);
}

static void retire(struct server *s) {
    struct retired *r = hub_xcalloc(1, sizeof *r);
    r->server = s;
    r->generation = s->now;
    r->since = hub_loop_now(s->loop);
    hub_list_push(&s->retired, &r->link);
    hub_timer_start(s->loop, &r->timer, RETIRE_MS, on_retire);
}

/* Settings that only a restart changes. They are compared with what the process started with, so the
 * warning comes again until the restart. */
static void warn_that_kept(void *arg, const char *text) {
    (void)arg;
    hub_log_kv(HUB_LOG_WARN, "server", text, NULL);
}

static enum hub_code prepare(struct server *s, struct generation *g, struct hub_err *err) {
    struct hub_buf folder = {0};
    enum hub_code code =
        hub_tables_new(g->service, !s->bus->ops->local, &g->tables, err); /* the bus stays what it is until a restart */
    if (!code) code = load_keys(s, g, err);
    if (!code) code = hub_scripts_new(&g->scripts, s->loop, g->service, &s->engine_host, err);
    hub_buf_addf(&folder, "%s/public", g->service->dir);
    if (!code) code = hub_static_load(hub_buf_cstr(&folder), NULL, NULL, &g->files, err);
    hub_buf_free(&folder);
    return code;
}

static void on_reloaded(void *arg) {
    const struct server *s = arg;
    hub_log_kv(HUB_LOG_INFO, "server", "definitions reloaded", "service", s->now.service->name, NULL);
}

static void switch_to(struct server *s, const struct generation *g) {
    retire(s);
    s->now = *g;
    const struct hub_identity_config identity = {.loop = s->loop,
                                                 .service = g->service,
                                                 .keys = g->keys,
                                                 .jwks = g->jwks,
                                                 .cache = s->cache,
                                                 .hooks = &hub_lua_hook_ops,
                                                 .scripts = g->scripts};
    const struct hub_namespaces_config plain = {.loop = s->loop,
                                                .holds = hub_engine_holds(s->engine),
                                                .service = g->service,
                                                .hooks = &hub_lua_hook_ops,
                                                .scripts = g->scripts,
                                                .identity = s->identity};
    hub_identity_ctx_configure(s->identity, &identity);
    hub_namespaces_configure(s->namespaces, &plain);
    hub_rest_configure(s->rest, g->service, g->tables);
    hub_transport_local_names(s->transport, g->service->dev);
    hub_engine_reload(s->engine, g->service, g->tables, g->scripts, on_reloaded, s);
}

/* What is wrong with the tables, or NULL. */
static const char *adopt(struct server *s, const struct generation *g, struct hub_err *err) {
    const struct hub_store_config config =
        hub_backends_store_config(g->service, g->tables, hub_buf_cstr(&s->store_url));
    return s->store->ops->adopt(s->store, &config, err) ? err->text : NULL;
}

/* The last step that may fail changes the store. */
static void finish_reload(void *arg, const char *error) {
    struct server *s = arg;
    struct generation g = s->coming;
    struct hub_err err;
    s->coming = (struct generation){0};
    if (!error) error = adopt(s, &g, &err);
    if (error) {
        hub_log_kv(HUB_LOG_ERROR, "server", "reload refused, the old definitions keep serving", "error", error, NULL);
        if (g.service) free_generation(&g);
        return;
    }
    switch_to(s, &g);
}

/* A reload that still waits for its keys gives way. */
static void reload(struct server *s) {
    struct hub_err err;
    if (s->coming.service) free_generation(&s->coming);
    s->coming.service = hub_server_load(s->options);
    if (s->coming.service) hub_service_keep(s->coming.service, s->first, warn_that_kept, NULL);
    enum hub_code code = s->coming.service ? prepare(s, &s->coming, &err)
                                           : hub_fail(&err, HUB_BAD_REQUEST, "the definitions have errors");
    if (!code && s->coming.jwks && !hub_jwks_inherit(s->coming.jwks, s->now.jwks))
        hub_jwks_start(s->coming.jwks, finish_reload, s);
    else
        finish_reload(s, code ? err.text : NULL);
}

static void on_hangup(void *arg, int signo) {
    struct server *s = arg;
    (void)signo;
    if (s->serving && !s->draining) reload(s);
}

/* ---- stopping ---- */

static void on_bus_closed(void *arg) {
    struct server *s = arg;
    s->bus = NULL;
    hub_loop_stop(s->loop);
}

/* The bus after the store: what was just written may still be told. */
static void on_store_closed(void *arg) {
    struct server *s = arg;
    s->store = NULL;
    if (s->bus)
        s->bus->ops->close(s->bus, on_bus_closed, s);
    else
        hub_loop_stop(s->loop);
}

/* Whatever answers later: those who wait for keys first, for they might call a script. */
static void end_generation(struct generation *g) {
    hub_jwks_delete(g->jwks);
    g->jwks = NULL;
    if (g->scripts) hub_scripts_delete(g->scripts);
    g->scripts = NULL;
}

static void end_generations(struct server *s) {
    hub_timer_stop(s->loop, &s->start);
    hub_timer_stop(s->loop, &s->retry_keys);
    if (s->coming.service) free_generation(&s->coming);
    HUB_LIST_EACH(&s->retired, it) end_generation(&HUB_CONTAINER(it, struct retired, link)->generation);
    end_generation(&s->now);
}

/* Scripts first: they end calls that hold sockets and rooms; then nothing is left that writes. */
static void close_down(struct server *s) {
    hub_engine_stop(s->engine);
    hub_namespaces_set_scripts(s->namespaces, NULL);
    end_generations(s);
    s->cache->ops->stop(s->cache); /* what waits for it goes on to the store */
    s->store->ops->close(s->store, on_store_closed, s);
}

static void on_closed_step(struct hub_timer *t) {
    struct server *s = HUB_CONTAINER(t, struct server, drain);
    if (!hub_transport_sessions(s->transport)) hub_transport_stop_listening(s->transport);
    if (hub_transport_sessions(s->transport) || hub_transport_connections(s->transport)) {
        if (hub_loop_now(s->loop) < s->drain_until + 2000) {
            hub_timer_start(s->loop, t, DRAIN_STEP_MS, on_closed_step);
            return;
        }
        hub_log_end(200);
        _exit(s->again ? HUB_EXIT_FAILED : s->exit_code); /* a peer that will not let go must not keep the process */
    }
    close_down(s);
}

/* Once in DRAIN_SAID_MS. */
static void say_why_draining(struct server *s) {
    int64_t now = hub_loop_now(s->loop);
    if (now < s->drain_said + DRAIN_SAID_MS) return;
    s->drain_said = now;
    say_what_holds(s, INT64_MAX, "still draining");
}

static void on_drain_step(struct hub_timer *t) {
    struct server *s = HUB_CONTAINER(t, struct server, drain);
    int64_t left = s->drain_until - hub_loop_now(s->loop);
    bool busy = hub_engine_pending(s->engine) || hub_engine_relays(s->engine);
    bool fetching = left > DRAIN_MS - POLL_GRACE_MS && hub_transport_polling(s->transport, true);
    if ((busy && left > 0) || fetching) {
        say_why_draining(s);
        hub_timer_start(s->loop, t, DRAIN_STEP_MS, on_drain_step);
        return;
    }
    hub_transport_close_all(s->transport);
    hub_timer_start(s->loop, t, 0, on_closed_step);
}

static void drain(struct server *s) {
    s->draining = true;
    s->drain_said = hub_loop_now(s->loop);
    s->drain_until = s->drain_said + DRAIN_MS;
    hub_transport_drain(s->transport);
    hub_engine_drain(s->engine, RETRY_AFTER_MS);
    hub_namespaces_drain(s->namespaces);
    /* A client that polls comes back by a new connection for what is queued: the listener waits for it,
     * and for nobody else. */
    if (!hub_transport_polling(s->transport, false)) hub_transport_stop_listening(s->transport);
    hub_timer_start(s->loop, &s->drain, 0, on_drain_step);
}

static void end(struct server *s) {
    if (s->rest) /* the last thing that is made: all the others are there */
        drain(s);
    else
        hub_loop_stop(s->loop);
}

static void give_up(struct server *s, int exit_code) {
    s->exit_code = exit_code;
    end(s);
}

/* Rooms, roles and blocks may be others by now, and members hear nothing of what is said elsewhere:
 * everything ends, and begins anew as the process that waits. */
static void on_taken(void *arg) {
    struct server *s = arg;
    if (s->draining) return;
    hub_log_kv(HUB_LOG_ERROR, "server", "another process has taken over the service: starting again, to wait for it",
               NULL);
    s->again = true;
    end(s);
}

static void on_stop(void *arg, int signo) {
    struct server *s = arg;
    if (s->draining && !s->again) {
        hub_log_kv(HUB_LOG_WARN, "server", "second signal: stopping at once", NULL);
        hub_log_end(200);
        _exit(HUB_EXIT_OK);
    }
    hub_log_kv(HUB_LOG_INFO, "server", "draining", "signal", signo == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
    s->again = false;
    if (!s->draining) end(s);
}

/* ---- starting: the listener is there from the beginning, /readyz says what is missing ---- */

static void serve(struct server *s) {
    s->serving = true;
    announce(s);
}

static void fetch_keys(struct server *s);
static void on_retry_keys(struct hub_timer *t) { fetch_keys(HUB_CONTAINER(t, struct server, retry_keys)); }

/* Even those that are there need a moment to answer. */
static bool is_early(const struct server *s) { return hub_loop_now_exact(s->loop) < s->started + START_QUIET_MS; }

/* Whoever is away may be about to come: tried again in a while, as long as --wait says. */
static void try_again(struct server *s, const struct hub_err *err, struct hub_timer *t, int64_t after_ms,
                      void (*again)(struct hub_timer *t)) {
    if (!is_early(s) && hub_loop_now_exact(s->loop) >= s->started + s->options->wait_seconds * 1000) {
        give_up(s, failed(err, HUB_EXIT_BACKEND));
        return;
    }
    if (!s->waiting_said && !is_early(s)) {
        struct hub_buf address = {0};
        add_address(s, &address);
        hub_log_kv(HUB_LOG_WARN, "server", "waiting for what the service needs", "missing", err->text, "url",
                   hub_buf_cstr(&address), NULL);
        hub_buf_free(&address);
        s->waiting_said = true;
    }
    hub_timer_start(s->loop, t, after_ms, again);
}

static void on_first_keys(void *arg, const char *error) {
    struct server *s = arg;
    struct hub_err err;
    if (s->draining) return;
    if (!error) {
        serve(s);
        return;
    }
    struct hub_buf url = {0};
    hub_secret_add_url(&url, hub_cstr(s->now.service->jwt.jwks_url));
    hub_fail(&err, HUB_STORE_UNAVAILABLE, "auth.jwt.jwksUrl %s: %s", hub_buf_cstr(&url), error);
    hub_buf_free(&url);
    try_again(s, &err, &s->retry_keys, RETRY_KEYS_MS, on_retry_keys);
}

static void fetch_keys(struct server *s) { hub_jwks_start(s->now.jwks, on_first_keys, s); }

/* Opened and brought to what the definitions want. */
static enum hub_code reach_store(struct server *s, struct hub_err *err) {
    enum hub_code code = s->store ? HUB_OK : open_store(s, false, err);
    s->ops.store = s->store;
    return code ? code : s->store->ops->apply(s->store, err);
}

static int store_exit_code(const struct server *s, enum hub_code code) {
    if (code == HUB_STORE_UNAVAILABLE) return HUB_EXIT_BACKEND;
    if (s->store) return HUB_EXIT_FAILED; /* it is there, and its tables cannot become what they should */
    return code == HUB_BAD_REQUEST ? HUB_EXIT_INVALID : HUB_EXIT_BACKEND;
}

static enum hub_code reach_all(struct server *s, struct hub_err *err) {
    struct hub_buf why = {0};
    enum hub_code code = HUB_OK;
    if (!s->store->ops->ready(s->store, &why))
        code = hub_fail(err, HUB_STORE_UNAVAILABLE, "store.url: %s", hub_buf_cstr(&why));
    else if (!s->cache->ops->ready(s->cache, &why))
        code = hub_fail(err, HUB_STORE_UNAVAILABLE, "cache.url: %s", hub_buf_cstr(&why));
    else if (!s->bus->ops->ready(s->bus, &why))
        code = hub_fail(err, HUB_STORE_UNAVAILABLE, "bus.url: %s", hub_buf_cstr(&why));
    hub_buf_free(&why);
    return code;
}

static void on_start(struct hub_timer *t) {
    struct server *s = HUB_CONTAINER(t, struct server, start);
    struct hub_err err;
    enum hub_code code = s->engine ? HUB_OK : reach_store(s, &err);
    int exit_code = HUB_EXIT_OK;
    bool may_pass = code == HUB_CONFLICT || (code == HUB_STORE_UNAVAILABLE && !s->store_ops->local);
    if (code && !may_pass)
        exit_code = failed(&err, store_exit_code(s, code));
    else if (!code && !s->engine)
        exit_code = make_engine(s);
    if (exit_code) {
        give_up(s, exit_code);
        return;
    }
    if (!code) code = reach_all(s, &err);
    if (!code && !s->subscribed) {
        s->subscribed = true;
        hub_engine_start(s->engine);
        code = reach_all(s, &err); /* from now on the bus is there when it brings what was subscribed to */
    }
    if (code) {
        try_again(s, &err, t, is_early(s) ? START_STEP_MS : START_PATIENT_MS, on_start);
        return;
    }
    s->open = true;
    s->ops.identity = s->identity;
    hub_transport_hold(s->transport, false);
    if (s->now.jwks)
        fetch_keys(s);
    else
        serve(s);
}

/* After the loop has stopped, or when the start failed half-way. */
static void free_all(struct server *s) {
    end_generations(s);
    if (s->curl) hub_curl_delete(s->curl);
    bool closing = s->store || s->bus;
    if (s->store)
        s->store->ops->close(s->store, on_store_closed, s);
    else if (s->bus)
        s->bus->ops->close(s->bus, on_bus_closed, s);
    if (closing) hub_loop_run(s->loop); /* until it is stopped, also when it has been by now */
    if (s->transport) hub_transport_delete(s->transport);
    if (s->sessions) hub_sessions_delete(s->sessions);
    hub_static_free(s->console);
    hub_static_free(s->client);
    if (s->rest) hub_rest_delete(s->rest);
    if (s->namespaces) hub_namespaces_delete(s->namespaces);
    if (s->engine) hub_engine_delete(s->engine);
    if (s->cache) s->cache->ops->close(s->cache);
    if (s->identity) hub_identity_ctx_delete(s->identity);
    while (!hub_list_empty(&s->retired)) free_retired(HUB_CONTAINER(s->retired.next, struct retired, link));
    if (s->now.service == s->first) s->now.service = NULL;
    free_generation(&s->now);
    hub_service_free(s->first);
    hub_buf_free(&s->store_url);
    hub_loop_delete(s->loop);
}

/* *AGAIN: it is to be started anew, on *PORT if that is not 0. */
static int run(const struct hub_server_options *options, struct hub_service *service, bool *again, int *port) {
    struct server s = {.options = options, .now.service = service, .first = service, .loop = hub_loop_new(NULL)};
    hub_list_init(&s.retired);
    struct hub_err err;
    int code =
        hub_backends_tables(service, &s.now.tables, &err) ? failed(&err, HUB_EXIT_INVALID) : open_cache_and_bus(&s);
    if (!code) code = listen_to_clients(&s);
    if (!code) {
        hub_loop_signal(s.loop, SIGTERM, on_stop, &s);
        hub_loop_signal(s.loop, SIGINT, on_stop, &s);
        hub_loop_signal(s.loop, SIGHUP, on_hangup, &s);
        s.started = hub_loop_now_exact(s.loop);
        hub_timer_start(s.loop, &s.start, 0, on_start);
        hub_loop_run(s.loop);
        code = s.exit_code;
    }
    *again = s.again;
    *port = s.again ? hub_transport_port(s.transport) : 0;
    free_all(&s);
    return code;
}

int hub_server_run(const struct hub_server_options *options, struct hub_service *service) {
    bool again;
    int port, code = run(options, service, &again, &port);
    while (again && (service = hub_server_load(options))) {
        if (port) service->port = port;
        code = run(options, service, &again, &port);
    }
    return again ? HUB_EXIT_INVALID : code;
}

/* ---- hubctl why ---- */

static void print_layer(void *arg, const char *layer, const char *outcome, const json_t *value) {
    struct hub_buf b = {0};
    (void)arg;
    hub_buf_addf(&b, "  %-32s %s", layer, outcome ? outcome : "");
    if (value && !json_is_boolean(value)) hub_buf_addz(&b, "  "), hub_json_add(&b, value);
    puts(hub_buf_cstr(&b));
    hub_buf_free(&b);
}

static void on_why(void *arg, enum hub_code code, const char *role) {
    struct server *s = arg;
    if (code)
        printf("refused: %s (%s)\n", hub_code_name(code), hub_code_text(code));
    else
        printf("admitted as %s\n", role ? role : "null (no specific role)");
    s->exit_code = code ? 1 : HUB_EXIT_OK;
    hub_loop_stop(s->loop);
}

struct why_run {
    struct server *server;
    struct hub_hub *hub;
    const struct hub_server_question *question;
};

static void on_asker(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    const struct why_run *w = arg;
    if (code) {
        printf("refused: authenticate: %s\n", reason ? reason : hub_code_text(code));
        w->server->exit_code = 1;
        hub_loop_stop(w->server->loop);
        return;
    }
    print_layer(NULL, "session", "", who->session);
    hub_engine_why(w->hub, who, hub_cstr(w->question->room), print_layer, on_why, w->server);
}

/* As a token with these claims would come in, the authenticate hook included. */
static void ask_why(struct server *s, const struct hub_server_question *q) {
    const struct hub_def_jwt *jwt = &s->now.service->jwt;
    struct why_run w = {s, hub_engine_hub(s->engine, hub_cstr(q->hub)), q};
    if (!w.hub) {
        fprintf(stderr, "hubctl why: there is no hub \"%s\" in this service\n", q->hub);
        s->exit_code = HUB_EXIT_USAGE;
        return;
    }
    json_t *claims = q->claims ? json_deep_copy(q->claims) : json_object();
    hub_json_set_str(claims, jwt->claim_user_id ? jwt->claim_user_id : "userId", hub_cstr(q->user));
    if (q->role) hub_json_set_str(claims, jwt->claim_role_id ? jwt->claim_role_id : "roleId", hub_cstr(q->role));
    printf("%s wants to enter %s of hub %s\n", q->user, q->room, q->hub);
    s->exit_code = -1;
    hub_identity_of_claims(s->identity, claims, on_asker, &w);
    hub_loop_run(s->loop);
    json_decref(claims);
}

/* For commands that only look: the database must be as the definitions want it already. */
static enum hub_code expect_tables(struct server *s, struct hub_err *err) {
    struct hub_buf plan = {0};
    enum hub_code code = s->store->ops->plan(s->store, &plan, err);
    if (!code && plan.n)
        code = hub_fail(err, HUB_STORE_UNAVAILABLE,
                        "the store does not have the service's tables yet: start hubd, or hubctl migrate --apply");
    hub_buf_free(&plan);
    return code;
}

static int open_to_look(struct server *s) {
    struct hub_err err;
    if (hub_backends_tables(s->now.service, &s->now.tables, &err)) return failed(&err, HUB_EXIT_INVALID);
    if (open_store(s, true, &err) || expect_tables(s, &err))
        return failed(&err, err.code == HUB_STORE_UNAVAILABLE ? HUB_EXIT_BACKEND : HUB_EXIT_FAILED);
    return open_cache_and_bus(s);
}

int hub_server_why(const struct hub_server_options *options, struct hub_service *service,
                   const struct hub_server_question *q) {
    struct server s = {.options = options, .now.service = service, .first = service, .loop = hub_loop_new(NULL)};
    hub_list_init(&s.retired);
    int code = open_to_look(&s);
    if (!code) code = make_engine(&s);
    if (!code) {
        ask_why(&s, q);
        code = s.exit_code;
    }
    free_all(&s);
    return code;
}

/* ---- hubctl token --check ---- */

/* What a token says of itself, whether it is true or not. */
static void print_part(const char *what, struct hub_str part) {
    struct hub_buf text = {0}, line = {0};
    json_t *v = hub_buf_add_unbase64url(&text, part) ? hub_json_parse(hub_buf_str(&text), NULL) : NULL;
    if (v) hub_json_add(&line, v), printf("%s %s\n", what, hub_buf_cstr(&line));
    json_decref(v);
    hub_buf_free(&text);
    hub_buf_free(&line);
}

static void print_token(const char *token) {
    struct hub_str rest = hub_cstr(token), header, claims;
    if (hub_str_split(&rest, '.', &header) && rest.p && hub_str_split(&rest, '.', &claims) && rest.p) {
        print_part("header  ", header);
        print_part("claims  ", claims);
    }
}

static void on_detail(void *arg, const char *text) { printf("because  %s\n", text), (void)arg; }

static void print_end(const struct hub_loop *loop, int64_t expires_at) {
    char when[HUB_ISO_LEN + 1];
    if (!expires_at) return;
    hub_iso_format(expires_at * 1000, when);
    printf("until    %s, in %lld s\n", when, (long long)(expires_at - hub_loop_wall(loop) / 1000));
}

static void on_checked(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct server *s = arg;
    struct hub_buf session = {0};
    if (code) {
        if (reason) printf("reason   %s\n", reason);
        printf("refused: %s (%s)\n", hub_code_name(code), hub_code_text(code));
    } else {
        hub_json_add(&session, who->session);
        printf("session  %s\n", hub_buf_cstr(&session));
        print_end(s->loop, who->expires_at);
        printf("accepted as %s\n", who->user_id);
    }
    hub_buf_free(&session);
    s->exit_code = code == HUB_STORE_UNAVAILABLE ? HUB_EXIT_BACKEND : code ? 1 : HUB_EXIT_OK;
    hub_loop_stop(s->loop);
}

static void on_token_keys(void *arg, const char *error) {
    struct server *s = arg;
    if (error) printf("because  the keys of auth.jwt.jwksUrl: %s\n", error);
    s->exit_code = error ? HUB_EXIT_BACKEND : HUB_EXIT_OK;
    hub_loop_stop(s->loop);
}

/* What resolves tokens, with no more around it than they need. */
static int open_identity(struct server *s) {
    struct hub_err err;
    if (s->now.service->authenticate.kind) {
        int code = open_to_look(s);
        return code ? code : make_engine(s);
    }
    const struct hub_cache_ops *ops =
        s->now.service->session_redis_key ? hub_backends_cache(s->now.service->cache_url, &err) : NULL;
    const struct hub_cache_config cache = {
        .loop = s->loop, .url = s->now.service->cache_url, .name = s->now.service->name};
    if (ops && ops->open(&cache, &s->cache, &err)) return failed(&err, HUB_EXIT_INVALID);
    if (hub_curl_new(s->loop, &s->curl, &err) || load_keys(s, &s->now, &err)) return failed(&err, HUB_EXIT_FAILED);
    const struct hub_identity_config identity = {.loop = s->loop,
                                                 .service = s->now.service,
                                                 .keys = s->now.keys,
                                                 .jwks = s->now.jwks,
                                                 .cache = s->cache,
                                                 .hooks = &hub_lua_hook_ops};
    s->identity = hub_identity_ctx_new(&identity);
    return HUB_EXIT_OK;
}

/* The cache connects by itself, and needs a moment. */
static void on_token_turn(struct hub_timer *t) {
    struct server *s = HUB_CONTAINER(t, struct server, start);
    bool wait = s->cache && s->now.service->session_redis_key && !s->cache->ops->ready(s->cache, NULL);
    if (wait && hub_loop_now_exact(s->loop) < s->started + s->options->wait_seconds * 1000)
        hub_timer_start(s->loop, t, START_STEP_MS, on_token_turn);
    else
        hub_identity_resolve(s->identity, hub_cstr(s->options->token), on_checked, s);
}

int hub_server_check_token(const struct hub_server_options *options, struct hub_service *service) {
    struct server s = {.options = options, .now.service = service, .first = service, .loop = hub_loop_new(NULL)};
    s.started = hub_loop_now_exact(s.loop);
    hub_list_init(&s.retired);
    print_token(options->token);
    int code = open_identity(&s);
    if (!code && s.now.jwks) {
        hub_jwks_start(s.now.jwks, on_token_keys, &s);
        hub_loop_run(s.loop);
        code = s.exit_code;
    }
    if (!code) {
        hub_identity_explain(s.identity, on_detail, &s);
        hub_timer_start(s.loop, &s.start, 0, on_token_turn);
        hub_loop_run(s.loop);
        code = s.exit_code;
    }
    free_all(&s);
    return code;
}
