/* What nodes of a service ask and tell each other by scripts: nodeHandlers and broadcasts of service.yaml,
 * the table nodes (contract: cluster.md "Nodes"). A part of the service, not of any hub: its scripts have no
 * caller. */
#ifndef HUB_NODE_NODE_H
#define HUB_NODE_NODE_H
#include "base/error/code.h"
#include "hub/core/part.h"

extern const struct hub_part hub_nodes_part;

struct hub_live_node;
/* A part that works with other nodes itself. NODE is borrowed for the call. */
struct hub_node_hears {
    void (*joined)(void *ctx, const struct hub_live_node *node); /* not this one */
    void (*left)(void *ctx, const struct hub_live_node *node);
    void (*packet)(void *ctx, struct hub_str from, struct hub_str bytes); /* by hub_node_send */
};
/* HEARS and CTX last as long as the engine; one at most. */
void hub_node_listen(struct hub_engine *e, const struct hub_node_hears *hears, void *ctx);
/* BYTES to the node TO, as hub_mesh_pass. */
enum hub_code hub_node_send(struct hub_engine *e, struct hub_str to, struct hub_str bytes);
#endif
