/* What nodes of a service ask and tell each other by scripts: nodeHandlers and broadcasts of service.yaml,
 * the table nodes (contract: cluster.md "Nodes"). A part of the service, not of any hub: its scripts have no
 * caller. */
#ifndef HUB_NODE_NODE_H
#define HUB_NODE_NODE_H
#include "hub/core/part.h"

extern const struct hub_part hub_nodes_part;
#endif
