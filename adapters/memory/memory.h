/* Cache and bus inside the process: the defaults of a single node. Nothing here survives the process. */
#ifndef HUB_ADAPTERS_MEMORY_H
#define HUB_ADAPTERS_MEMORY_H
#include "fanout/bus.h"
#include "persist/cache.h"

/* At most 100,000 entries and 64 MiB ("memory:?maxEntries=…&maxBytes=…" changes that); what was used
 * longest ago goes first. Callbacks come before the call returns. */
extern const struct hub_cache_ops hub_memory_cache_ops;
/* Records are delivered on a later turn, in the order published, to the subscribers of their topic. At
 * most 10,000 wait; further ones are refused with HUB_OVERLOADED. */
extern const struct hub_bus_ops hub_memory_bus_ops;
#endif
