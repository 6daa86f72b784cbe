/* Asks everything that a start asks of a service, and connects to nothing: what lints clean starts
 * (contract: cli.md). */
#include "server/preflight.h"

#include <stdlib.h>

#include "adapters/curl/curl.h"
#include "auth/client_proof.h"
#include "auth/jwt.h"
#include "auth/session_cookie.h"
#include "base/memory/mem.h"
#include "hub/engine.h"
#include "ops/ops.h"
#include "scripting/scripts.h"
#include "server/backends.h"
#include "transport/transport.h"

struct asked {
    struct hub_service *service;
    const char *place;
    const struct hub_start_report *report;
};

static void complain_of(const struct asked *a, const char *code, const struct hub_err *err) {
    a->report->tell(a->report->arg, code, a->place, err->text);
}

static void check_keys(const struct asked *a) {
    struct hub_jwt_keys *keys = NULL;
    struct hub_err err;
    if (a->service->jwt.on && hub_jwt_keys_load(&a->service->jwt, &keys, &err)) complain_of(a, "S031", &err);
    hub_jwt_keys_free(keys);
    struct hub_cookie_secrets *secrets = NULL;
    if (a->service->session_cookie && a->service->session_secret_env &&
        hub_cookie_secrets_load(a->service->session_secret_env, &secrets, &err))
        complain_of(a, "S031", &err);
    hub_cookie_secrets_free(secrets);
}

static void check_client_secret(const struct asked *a) {
    struct hub_str secret;
    struct hub_err err;
    const struct hub_def_clients *c = &a->service->clients;
    if (c->proof && c->secret_env && hub_client_secret(c->secret_env, &secret, &err)) complain_of(a, "S031", &err);
}

static void check_certificate(const struct asked *a) {
    const struct hub_transport_config config = {.tls_cert_file = a->service->tls_cert_file,
                                                .tls_key_file = a->service->tls_key_file};
    const char *what;
    struct hub_err err = {0}, located;
    if (!hub_transport_check_tls(&config, &what, &err)) return;
    hub_err_set(&located, err.code, "listen.tls.%s: %s", what, err.text);
    complain_of(a, "S032", &located);
}

static void check_socket_file(const struct asked *a) {
    const struct hub_transport_config config = {.host = a->service->host};
    struct hub_err err;
    if (hub_transport_check_file(&config, &err)) complain_of(a, "S042", &err);
}

static void check_store(const struct asked *a) {
    struct hub_buf url = {0};
    struct hub_err err;
    hub_tables_store_url(a->service, false, &url);
    const struct hub_store_ops *ops = hub_backends_store(hub_buf_cstr(&url), &err);
    const struct hub_store_config config = {.url = hub_buf_cstr(&url),
                                            .service = a->service->name,
                                            .read_connections = a->service->store_read_connections,
                                            .statement_timeout_ms = a->service->store_statement_timeout};
    if (!ops || ops->check(&config, &err)) complain_of(a, "S033", &err);
    hub_buf_free(&url);
}

static void check_cache(const struct asked *a) {
    struct hub_err err;
    const struct hub_cache_config config = {.url = a->service->cache_url, .name = a->service->name};
    const struct hub_cache_ops *ops = hub_backends_cache(a->service->cache_url, &err);
    if (!ops || ops->check(&config, &err)) complain_of(a, "S033", &err);
}

static void check_bus(const struct asked *a) {
    struct hub_err err;
    struct hub_backends_bus_config with;
    const struct hub_bus_ops *ops = hub_backends_bus(a->service->bus_url, &err);
    hub_backends_bus_config(a->service, &with);
    if (!ops || ops->check(&with.config, &err)) complain_of(a, "S033", &err);
    hub_backends_bus_config_free(&with);
}

static void on_skipped(void *arg, const char *path) {
    const struct asked *a = arg;
    struct hub_err err;
    hub_err_set(&err, HUB_NOT_FOUND, "not served, for the link leads nowhere: %s", path);
    complain_of(a, "S036", &err);
}

static void check_public(const struct asked *a) {
    struct hub_buf folder = {0};
    struct hub_static *files = NULL;
    struct asked whom = *a;
    struct hub_err err;
    hub_buf_addf(&folder, "%s/public", a->service->dir);
    if (hub_static_load(hub_buf_cstr(&folder), on_skipped, &whom, &files, &err)) complain_of(a, "S035", &err);
    hub_static_free(files);
    hub_buf_free(&folder);
}

static void check_tables(const struct asked *a) {
    struct hub_tables *tables = NULL;
    struct hub_err err;
    if (hub_backends_tables(a->service, &tables, &err)) complain_of(a, "S035", &err);
    if (tables) hub_tables_free(tables);
}

/* The functions of the engine are there, as in a server; none can be called while a module is loaded. */
static const struct hub_host http_host = {.fns = hub_curl_host_fns};

static void check_scripts(const struct asked *a) {
    struct hub_err err;
    struct hub_host hosts[HUB_ENGINE_HOSTS];
    enum hub_code code = hub_scripts_check(a->service, hub_engine_hosts(hosts, NULL, &http_host),
                                           a->report->tell_module, a->report->arg, &err);
    if (code && code != HUB_BAD_REQUEST) complain_of(a, "S035", &err);
}

/* WHOLE: needs a service without errors; else it is enough that nothing is wrong at PLACE. */
static const struct {
    const char *place;
    bool whole;
    void (*check)(const struct asked *a);
} checks[] = {
    {"auth.jwt", false, check_keys},
    {"clients.proof", false, check_client_secret},
    {"listen.tls", false, check_certificate},
    {"listen.host", false, check_socket_file},
    {"store", false, check_store},
    {"cache", false, check_cache},
    {"bus", false, check_bus},
    {"", true, check_public},
    {"dataObjects", true, check_tables},
    {"scripting", true, check_scripts},
};

void hub_preflight(struct hub_service *service, bool whole, const struct hub_start_report *report) {
    for (size_t i = 0; i < HUB_NELEM(checks); i++) {
        const struct asked a = {service, checks[i].place, report};
        if (checks[i].whole ? whole : !report->is_wrong(report->arg, checks[i].place)) checks[i].check(&a);
    }
}
