/* The adapters of this build, by the scheme of a URL. The only place that knows them by name. */
#ifndef HUB_BACKENDS_H
#define HUB_BACKENDS_H
#include "fanout/bus.h"
#include "mesh/link.h"
#include "persist/cache.h"
#include "persist/store.h"
#include "persist/tables.h"

/* NULL and ERR when there is none for the URL. */
const struct hub_store_ops *hub_backends_store(const char *url, struct hub_err *err);
const struct hub_cache_ops *hub_backends_cache(const char *url, struct hub_err *err);
const struct hub_bus_ops *hub_backends_bus(const char *url, struct hub_err *err);
const struct hub_mesh_link_ops *hub_backends_link(const char *url, struct hub_err *err);

/* What the links of this process share (hub_mesh_link_config.process); to be freed when all are closed. */
HUB_MUST void *hub_backends_nodes_new(void);
void hub_backends_nodes_free(void *nodes);

/* What the bus is opened with: CONFIG, which points into the rest; free with hub_backends_bus_config_free. */
struct hub_backends_bus_config {
    struct hub_bus_config config;
    struct hub_buf group;
    struct hub_bus_option *options;
};
void hub_backends_bus_config(const struct hub_service *service, struct hub_backends_bus_config *out);
void hub_backends_bus_config_free(struct hub_backends_bus_config *c);

/* The tables of a service on its backends (hub_tables_new). */
enum hub_code hub_backends_tables(const struct hub_service *service, struct hub_tables **out, struct hub_err *err);
/* What the store is opened with. URL: as hub_tables_store_url gave it; borrowed like everything else. */
struct hub_store_config hub_backends_store_config(const struct hub_service *service, const struct hub_tables *tables,
                                                  const char *url);
#endif
