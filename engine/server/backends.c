/* The adapters of this build, and what they are opened with. */
#include "server/backends.h"

#include <stdlib.h>

#include "adapters/kafka/kafka.h"
#include "adapters/memory/memory.h"
#include "adapters/postgres/postgres.h"
#include "adapters/redis/redis.h"
#include "adapters/sqlite/sqlite.h"
#include "base/memory/mem.h"

static const struct hub_store_ops *const stores[] = {&hub_sqlite_ops, &hub_postgres_ops};
static const struct hub_cache_ops *const caches[] = {&hub_memory_cache_ops, &hub_redis_cache_ops};
static const struct hub_mesh_link_ops *const links[] = {&hub_memory_link_ops};
static const struct hub_bus_ops *const buses[] = {&hub_memory_bus_ops, &hub_kafka_bus_ops};

static bool has_scheme(const char *url, const char *schemes) {
    struct hub_str rest = hub_cstr(schemes), scheme;
    while (hub_str_split(&rest, ',', &scheme))
        if (hub_str_starts(hub_cstr(url), scheme) && url[scheme.n] == ':') return true;
    return false;
}

/* LIST: pointers to tables that begin with their schemes. */
static const void *adapter_for(const char *url, const void *const *list, size_t n, const char *what,
                               struct hub_err *err) {
    for (size_t i = 0; i < n; i++)
        if (has_scheme(url, *(const char *const *)list[i])) return list[i];
    hub_err_set(err, HUB_INTERNAL, "%s.url: there is no adapter for \"%.*s\" here", what, (int)strcspn(url, ":") + 1,
                url);
    return NULL;
}
#define ADAPTER_FOR(URL, LIST, WHAT, ERR) adapter_for(URL, (const void *const *)(LIST), HUB_NELEM(LIST), WHAT, ERR)

const struct hub_store_ops *hub_backends_store(const char *url, struct hub_err *err) {
    return ADAPTER_FOR(url, stores, "store", err);
}
const struct hub_cache_ops *hub_backends_cache(const char *url, struct hub_err *err) {
    return ADAPTER_FOR(url, caches, "cache", err);
}
const struct hub_bus_ops *hub_backends_bus(const char *url, struct hub_err *err) {
    return ADAPTER_FOR(url, buses, "bus", err);
}

const struct hub_mesh_link_ops *hub_backends_link(const char *url, struct hub_err *err) {
    return ADAPTER_FOR(url, links, "cluster", err);
}

void *hub_backends_nodes_new(void) { return hub_memory_nodes_new(); }
void hub_backends_nodes_free(void *nodes) { hub_memory_nodes_delete(nodes); }

void hub_backends_bus_config(const struct hub_service *d, struct hub_backends_bus_config *out) {
    *out = (struct hub_backends_bus_config){.options = hub_xcalloc(d->bus_options.n, sizeof *out->options)};
    hub_buf_addf(&out->group, "%s-%s", d->project, d->name);
    for (size_t i = 0; i < d->bus_options.n; i++)
        out->options[i] = (struct hub_bus_option){d->bus_options.items[i].name, d->bus_options.items[i].value};
    out->config = (struct hub_bus_config){.url = d->bus_url,
                                          .options = out->options,
                                          .option_n = d->bus_options.n,
                                          .group = hub_buf_cstr(&out->group),
                                          .client_id = hub_buf_cstr(&out->group)};
}

void hub_backends_bus_config_free(struct hub_backends_bus_config *c) {
    hub_buf_free(&c->group);
    free(c->options);
}

enum hub_code hub_backends_tables(const struct hub_service *service, struct hub_tables **out, struct hub_err *err) {
    const struct hub_bus_ops *bus = hub_backends_bus(service->bus_url, err);
    return bus ? hub_tables_new(service, !bus->local, out, err) : err->code;
}

struct hub_store_config hub_backends_store_config(const struct hub_service *service, const struct hub_tables *tables,
                                                  const char *url) {
    return (struct hub_store_config){.url = url,
                                     .tables = tables->all,
                                     .table_n = tables->n,
                                     .outbox = tables->outbox,
                                     .service = service->name,
                                     .loops = service->threads,
                                     .read_connections = service->store_read_connections,
                                     .statement_timeout_ms = service->store_statement_timeout};
}
