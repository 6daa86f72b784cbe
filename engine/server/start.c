/* Starting: the listener is there from the beginning, /readyz says what is missing, and what is away is
 * waited for. */
#include "server/server_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/text/secret.h"

#define START_STEP_MS 20     /* between two looks at a backend that is away at start */
#define START_PATIENT_MS 500 /* the same once it has been away for START_QUIET_MS */
#define START_QUIET_MS 1000  /* before anybody is told */
#define RETRY_KEYS_MS 1000   /* between two requests for keys that nobody answers */
#define SECRET_BYTES 32      /* RFC 7518 3.2: no shorter than the hash */

static void print_url(const char *label, const char *url) {
    struct hub_buf shown = {0};
    hub_secret_add_url(&shown, hub_cstr(url));
    printf("  %s %s", label, hub_buf_cstr(&shown));
    hub_buf_free(&shown);
}

void hub_server_add_address(const struct hub_server *s, struct hub_buf *out) {
    const struct hub_service *d = s->now.service;
    bool bare_v6 = strchr(d->host, ':') && d->host[0] != '[';
    if (strncmp(d->host, "unix:", 5) == 0)
        hub_buf_addz(out, d->host);
    else
        hub_buf_addf(out, "%s://%s%s%s:%d%s", d->tls_cert_file ? "https" : "http", bare_v6 ? "[" : "", d->host,
                     bare_v6 ? "]" : "", hub_transport_port(s->transport), d->base_path);
}

static void say_serving(const struct hub_server *s) {
    const struct hub_service *d = s->now.service;
    struct hub_buf address = {0};
    hub_server_add_address(s, &address);
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
    if (s->now.secrets && hub_cookie_secrets_shortest(s->now.secrets) < SECRET_BYTES)
        hub_log_kv(HUB_LOG_WARN, "auth",
                   "a secret of auth.session.secretEnv is short enough to be guessed from a cookie; take 32 random "
                   "bytes or more",
                   "variable", d->session_secret_env, NULL);
}

static void start_serving(struct hub_server *s) {
    s->serving = true;
    if (s->follows) {
        hub_siblings_served(s);
        return;
    }
    if (!s->inside) say_serving(s);
    hub_server_tell_started(s);
}

static void fetch_keys(struct hub_server *s);
static void on_retry_keys(struct hub_timer *t) { fetch_keys(HUB_CONTAINER(t, struct hub_server, retry_keys)); }

/* Even those that are there need a moment to answer. */
static bool is_early(const struct hub_server *s) { return hub_loop_now_exact(s->loop) < s->started + START_QUIET_MS; }

/* Whoever is away may be about to come: tried again in a while, as long as --wait says. */
static void try_again(struct hub_server *s, const struct hub_err *err, struct hub_timer *t, int64_t after_ms,
                      void (*again)(struct hub_timer *t)) {
    if (!is_early(s) && hub_loop_now_exact(s->loop) >= s->started + s->options->wait_seconds * 1000) {
        hub_server_give_up(s, hub_server_failed(err, HUB_EXIT_BACKEND));
        return;
    }
    if (!s->waiting_said && !is_early(s)) {
        struct hub_buf address = {0};
        hub_server_add_address(s, &address);
        hub_log_kv(HUB_LOG_WARN, "server", "waiting for what the service needs", "missing", err->text, "url",
                   hub_buf_cstr(&address), NULL);
        hub_buf_free(&address);
        s->waiting_said = true;
    }
    hub_timer_start(s->loop, t, after_ms, again);
}

static void on_first_keys(void *arg, const char *error) {
    struct hub_server *s = arg;
    struct hub_err err;
    if (s->draining) return;
    if (!error) {
        start_serving(s);
        return;
    }
    struct hub_buf url = {0};
    hub_secret_add_url(&url, hub_cstr(s->now.service->jwt.jwks_url));
    hub_err_set(&err, HUB_STORE_UNAVAILABLE, "auth.jwt.jwksUrl %s: %s", hub_buf_cstr(&url), error);
    hub_buf_free(&url);
    try_again(s, &err, &s->retry_keys, RETRY_KEYS_MS, on_retry_keys);
}

static void fetch_keys(struct hub_server *s) { hub_jwks_start(s->now.jwks, on_first_keys, s); }

/* Opened and brought to what the definitions want. */
static enum hub_code reach_store(struct hub_server *s, struct hub_err *err) {
    enum hub_code code = s->store ? HUB_OK : hub_server_open_store(s, false, err);
    s->ops.store = s->store;
    return code ? code : s->store->ops->apply(s->store, err);
}

static int store_exit_code(const struct hub_server *s, enum hub_code code) {
    if (code == HUB_STORE_UNAVAILABLE) return HUB_EXIT_BACKEND;
    if (s->store) return HUB_EXIT_FAILED; /* it is there, and its tables cannot become what they should */
    return code == HUB_BAD_REQUEST ? HUB_EXIT_INVALID : HUB_EXIT_BACKEND;
}

static enum hub_code reach_all(struct hub_server *s, struct hub_err *err) {
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

static int begin_engine(struct hub_server *s) {
    int exit_code = hub_server_make_engine(s);
    return exit_code ? exit_code : hub_server_join(s);
}

void hub_server_on_start(struct hub_timer *t) {
    struct hub_server *s = HUB_CONTAINER(t, struct hub_server, start);
    struct hub_err err;
    enum hub_code code = s->engine ? HUB_OK : reach_store(s, &err);
    int exit_code = HUB_EXIT_OK;
    bool may_pass = code == HUB_CONFLICT || (code == HUB_STORE_UNAVAILABLE && !s->store_ops->local);
    if (code && !may_pass)
        exit_code = hub_server_failed(&err, store_exit_code(s, code));
    else if (!code && !s->engine)
        exit_code = begin_engine(s);
    if (exit_code) {
        hub_server_give_up(s, exit_code);
        return;
    }
    if (!code) code = reach_all(s, &err);
    if (!code && !hub_server_is_bootstrapped(s)) return;
    if (!code && !s->subscribed) {
        s->subscribed = true;
        hub_engine_start(s->engine);
        code = reach_all(s, &err); /* from now on the bus is there when it brings what was subscribed to */
    }
    if (code) {
        try_again(s, &err, t, is_early(s) ? START_STEP_MS : START_PATIENT_MS, hub_server_on_start);
        return;
    }
    if (!hub_siblings_serve(s)) return;
    s->open = true;
    s->ops.identity = s->identity;
    hub_transport_hold(s->transport, false);
    if (s->now.jwks)
        fetch_keys(s);
    else
        start_serving(s);
}
