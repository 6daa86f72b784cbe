/* Cache, bus and links inside the process: the defaults of a single node. Nothing here survives the
 * process. */
#ifndef HUB_ADAPTERS_MEMORY_H
#define HUB_ADAPTERS_MEMORY_H
#include "fanout/bus.h"
#include "mesh/link.h"
#include "persist/cache.h"

/* At most 100,000 entries and 64 MiB ("memory:?maxEntries=…&maxBytes=…" changes that); what was used
 * longest ago goes first. Callbacks come before the call returns. */
extern const struct hub_cache_ops hub_memory_cache_ops;
/* Records are delivered on a later turn, in the order published, to the subscribers of their topic. At
 * most 10,000 wait; further ones are refused with HUB_OVERLOADED. */
extern const struct hub_bus_ops hub_memory_bus_ops;

/* Nodes of one process, each on a loop of its own: what hub_mesh_link_config.process is. Any thread. */
struct hub_memory_nodes;
HUB_MUST struct hub_memory_nodes *hub_memory_nodes_new(void);
void hub_memory_nodes_delete(
    struct hub_memory_nodes *all); /* all links of it must be closed, and their loops at rest */
extern const struct hub_mesh_link_ops hub_memory_link_ops;
#endif
