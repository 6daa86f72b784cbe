/* The composition root: with backends.c and preflight.c it knows every module and adapter by name, and wires
 * them. What happens when is in start.c, reload.c and drain.c; what a message, a room or a token is nobody
 * here knows. */
#include "server/server_int.h"

#include <pthread.h>
#include <signal.h>

#include "async/hold.h"
#include "auth/client_proof.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "server/preflight.h"

int hub_server_failed(const struct hub_err *err, int exit_code) {
    struct hub_buf line = {0};
    hub_buf_addf(&line, "hubd: %s\n", err->text);
    hub_log_text(hub_buf_str(&line));
    hub_buf_free(&line);
    return exit_code;
}

/* What is under way since the loop time SINCE, if anything is. */
void hub_server_say_holds(const struct hub_server *s, int64_t since, const char *text) {
    struct hub_buf what = {0};
    hub_holds_describe(hub_engine_holds(s->engine), since, &what);
    if (what.n) hub_log_kv(HUB_LOG_INFO, "server", text, "waitingFor", hub_buf_cstr(&what), NULL);
    hub_buf_free(&what);
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
    HUB_UNUSED(hub_service_load(o->dir, &load, diags, &service), "without a service the reasons are in DIAGS");
    if (hub_diags_n(diags)) hub_diags_print(diags, HUB_DIAG_TEXT, &text);
    hub_log_text(hub_buf_str(&text));
    hub_buf_free(&text);
    hub_diags_free(diags);
    return service;
}

/* ---- backends ---- */

enum hub_code hub_server_open_store(struct hub_server *s, bool look, struct hub_err *err) {
    hub_tables_store_url(s->now.service, look, &s->store_url);
    s->store_ops = hub_backends_store(hub_buf_cstr(&s->store_url), err);
    if (!s->store_ops) return err->code;
    struct hub_store_config config =
        hub_backends_store_config(s->now.service, s->now.tables, hub_buf_cstr(&s->store_url));
    config.owner = !look;
    config.taken = hub_server_on_taken;
    config.taken_arg = s;
    return s->store_ops->open(s->loop, &config, &s->store, err);
}

static enum hub_code open_bus(struct hub_server *s, const struct hub_bus_ops *ops, struct hub_err *err) {
    struct hub_backends_bus_config with;
    hub_backends_bus_config(s->now.service, &with);
    if (s->inside) with.config.option_n = 0; /* they are for another bus than the one that stands in for it */
    enum hub_code code = ops->open(s->loop, &with.config, &s->bus, err);
    hub_backends_bus_config_free(&with);
    return code;
}

/* Neither waits for anybody: cache and bus connect by themselves. */
int hub_server_open_cache_and_bus(struct hub_server *s) {
    struct hub_err err;
    const struct hub_cache_ops *cache = hub_backends_cache(s->now.service->cache_url, &err);
    const struct hub_cache_config with = {
        .loop = s->loop, .url = s->now.service->cache_url, .name = s->now.service->name};
    if (!cache || cache->open(&with, &s->cache, &err))
        return hub_server_failed(&err, cache ? HUB_EXIT_INVALID : HUB_EXIT_BACKEND);
    const struct hub_bus_ops *bus = hub_backends_bus(s->now.service->bus_url, &err);
    if (!bus || open_bus(s, bus, &err))
        return hub_server_failed(&err, err.code == HUB_BAD_REQUEST ? HUB_EXIT_INVALID : HUB_EXIT_BACKEND);
    return HUB_EXIT_OK;
}

/* ---- the engine ---- */

enum hub_code hub_server_load_keys(struct hub_server *s, struct hub_generation *g, struct hub_err *err) {
    const struct hub_def_jwt *jwt = &g->service->jwt;
    if (s->inside) return HUB_OK;
    enum hub_code code = jwt->on ? hub_jwt_keys_load(jwt, &g->keys, err) : HUB_OK;
    if (!code && g->service->session_cookie)
        code = hub_cookie_secrets_load(g->service->session_secret_env, &g->secrets, err);
    struct hub_str secret;
    if (!code && g->service->clients.proof) code = hub_client_secret(g->service->clients.secret_env, &secret, err);
    const struct hub_jwks_config set = {
        .loop = s->loop, .url = jwt->jwks_url, .keys = g->keys, .fetch = hub_curl_fetch, .fetch_ctx = s->curl};
    if (!code && jwt->jwks_url) g->jwks = hub_jwks_new(&set);
    return code;
}

struct hub_identity_config hub_server_identity_config(const struct hub_server *s, const struct hub_generation *g) {
    const struct hub_server_inside *in = s->inside;
    return (struct hub_identity_config){.loop = s->loop,
                                        .service = g->service,
                                        .keys = g->keys,
                                        .jwks = g->jwks,
                                        .secrets = g->secrets,
                                        .cache = s->cache,
                                        .hooks = &hub_lua_hook_ops,
                                        .scripts = g->scripts,
                                        .vouch = in ? in->vouch : NULL,
                                        .vouch_arg = in ? in->arg : NULL};
}

int hub_server_make_identity(struct hub_server *s) {
    struct hub_err err;
    if ((!s->inside && hub_curl_new(s->loop, &s->curl, &err)) || hub_server_load_keys(s, &s->now, &err))
        return hub_server_failed(&err, HUB_EXIT_FAILED);
    const struct hub_identity_config config = hub_server_identity_config(s, &s->now);
    s->identity = hub_identity_ctx_new(&config);
    return HUB_EXIT_OK;
}

int hub_server_make_engine(struct hub_server *s) {
    struct hub_err err;
    int failed = hub_server_make_identity(s);
    if (failed) return failed;
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
    s->ops.backlog = hub_engine_backlog(s->engine);
    s->http_host = (struct hub_host){.fns = hub_curl_host_fns, .ctx = s->curl};
    if (s->inside) s->http_host = (struct hub_host){.fns = s->inside->http, .ctx = s->inside->arg};
    s->host = hub_engine_hosts(s->engine_hosts, s->engine, &s->http_host);
    if (hub_scripts_new(&s->now.scripts, s->loop, s->now.service, s->host, &err))
        return hub_server_failed(&err, HUB_EXIT_INVALID);
    const struct hub_identity_config identity = hub_server_identity_config(s, &s->now);
    hub_identity_ctx_configure(s->identity, &identity);
    hub_engine_set_scripts(s->engine, s->now.scripts);
    s->rest = hub_rest_new(s->engine, s->identity, s->now.service, s->now.tables);
    return HUB_EXIT_OK;
}

/* ---- the way in ---- */

static bool find_namespace(void *ctx, struct hub_str name, const struct hub_namespace_ops **ops, void **owner) {
    struct hub_server *s = ctx;
    return hub_engine_find(s->engine, name, ops, owner);
}

static void list_namespaces(void *ctx, struct hub_buf *out) {
    struct hub_server *s = ctx;
    hub_engine_list(s->engine, out);
}

static void on_http(void *ctx, struct hub_http_req *req) {
    struct hub_server *s = ctx;
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
    struct hub_server *s = ctx;
    if (s->open)
        hub_rest_admit(s->rest, req);
    else
        on_http(ctx, req);
}

/* hub_preflight has told of the links that are left out. */
enum hub_code hub_server_load_files(struct hub_generation *g, struct hub_err *err) {
    struct hub_buf folder = {0};
    hub_buf_addf(&folder, "%s/public", g->service->dir);
    enum hub_code code = hub_static_load(hub_buf_cstr(&folder), NULL, NULL, &g->files, err);
    hub_buf_free(&folder);
    return code;
}

static enum hub_code open_transport(struct hub_server *s, const struct hub_transport *beside, struct hub_err *err) {
    const struct hub_service *d = s->now.service;
    const struct hub_transport_config transport = {.host = s->inside ? NULL : d->host,
                                                   .port = beside ? hub_transport_port(beside) : (int)d->port,
                                                   .shares_port = d->threads > 1,
                                                   .beside = beside,
                                                   .group = s->group,
                                                   .place = s->place,
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
                                                   .deflate_websocket = d->deflate_websocket,
                                                   .gzip_http = d->gzip_http,
                                                   .deflate_threshold = (size_t)d->deflate_threshold,
                                                   .tls_cert_file = s->inside ? NULL : d->tls_cert_file,
                                                   .tls_key_file = s->inside ? NULL : d->tls_key_file};
    return hub_transport_new(&s->transport, s->loop, &transport, &hub_sessions_transport_ops, s->sessions, err);
}

int hub_server_listen(struct hub_server *s, const struct hub_transport *beside) {
    struct hub_err err;
    const struct hub_service *d = s->now.service;
    if (hub_server_load_files(&s->now, &err)) return hub_server_failed(&err, HUB_EXIT_FAILED);
    if (!s->inside) { /* pages for browsers, of which there are none inside */
        s->console = hub_static_console();
        s->client = hub_static_client(d->listen_path);
    }
    s->ops = (struct hub_ops_config){.cache = s->cache,
                                     .bus = s->bus,
                                     .open = &s->open,
                                     .draining = &s->draining,
                                     .started_ms = hub_loop_wall(s->loop)};
    const struct hub_sessions_config sessions = {.connect_timeout = d->connect_timeout,
                                                 .max_payload = d->max_payload,
                                                 .find = find_namespace,
                                                 .list = list_namespaces,
                                                 .ctx = s,
                                                 .http = on_http,
                                                 .admit = on_admit};
    s->sessions = hub_sessions_new(s->loop, &sessions);
    hub_sessions_keep_cookie(s->sessions, d->session_cookie);
    if (open_transport(s, beside, &err)) return hub_server_failed(&err, HUB_EXIT_FAILED);
    hub_transport_hold(s->transport, true);
    return HUB_EXIT_OK;
}

/* ---- from first to last ---- */

/* Until the handlers are there, a signal waits: by default it would end the process with another exit
 * code. Threads that are begun meanwhile leave signals to this one. */
static void hold_signals(int how) {
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGHUP);
    pthread_sigmask(how, &ours, NULL);
}

static void serve_until_stopped(struct hub_server *s) {
    hub_loop_signal(s->loop, SIGTERM, hub_server_on_stop, s);
    hub_loop_signal(s->loop, SIGINT, hub_server_on_stop, s);
    hub_loop_signal(s->loop, SIGHUP, hub_server_on_hangup, s);
    hold_signals(SIG_UNBLOCK);
    s->started = hub_loop_now_exact(s->loop);
    hub_timer_start(s->loop, &s->start, 0, hub_server_on_start);
    hub_server_give_back(s);
    hub_loop_run(s->loop);
}

/* A run of the server, and what it leaves to the next one. */
struct server_run {
    struct hub_service *service; /* NULL: there is no next one */
    struct hub_service **elder;  /* whose values later ones have (schema/load.h, hub_service_keep) */
    size_t elder_n;
};

static void hand_on(struct server_run *r, struct hub_server *s, int port) {
    hold_signals(SIG_BLOCK); /* they are for the next one */
    r->service = hub_server_take_apart(s);
    if (port) r->service->port = port;
    if (s->first == r->service) return;
    r->elder = hub_xrealloc(r->elder, (r->elder_n + 1) * sizeof(struct hub_service *));
    r->elder[r->elder_n++] = s->first;
}

static int run_once(const struct hub_server_options *options, struct server_run *r) {
    struct hub_server s = {
        .options = options, .now.service = r->service, .first = r->service, .loop = hub_loop_new(NULL)};
    hub_list_init(&s.retired);
    s.nodes = hub_backends_nodes_new();
    if (r->service->threads > 1) s.group = hub_transport_group_new();
    struct hub_err err;
    hold_signals(SIG_BLOCK);
    int code = hub_backends_tables(r->service, &s.now.tables, &err) ? hub_server_failed(&err, HUB_EXIT_INVALID)
                                                                    : hub_server_open_cache_and_bus(&s);
    if (!code) code = hub_server_listen(&s, NULL);
    if (!code) {
        serve_until_stopped(&s);
        code = s.exit_code;
    }
    if (s.again) {
        hand_on(r, &s, hub_transport_port(s.transport));
    } else {
        hub_server_free(&s);
        r->service = NULL;
        hold_signals(SIG_UNBLOCK);
    }
    return code;
}

/* Begins anew with the definitions in force: what stands in the files by now may be a mistake, which a
 * reload would have refused. */
int hub_server_run(const struct hub_server_options *options, struct hub_service *service) {
    struct server_run r = {.service = service};
    int code;
    do code = run_once(options, &r);
    while (r.service);
    while (r.elder_n) hub_service_free(r.elder[--r.elder_n]);
    free(r.elder);
    return code;
}
