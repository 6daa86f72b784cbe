/* The nodes of the service that are known to live: the seam for several of them.
 *
 * A node is one engine on its loop. Its id is new at each start, and is part of every event that it makes
 * (change_feed.h). Today the list has this node alone: there is one process of a service, and every other id
 * is a predecessor's. Whoever brings several together (leases, links) keeps the list by hub_nodes_set; who
 * asks need not change. Everything on the loop thread. */
#ifndef HUB_DATA_NODES_H
#define HUB_DATA_NODES_H
#include <stdbool.h>

#include "base/map.h"
#include "base/str.h"

#define HUB_NODE_ID_LEN 12

struct hub_nodes {
    char self[HUB_NODE_ID_LEN + 1];
    struct hub_map living; /* by id */
};

void hub_nodes_init(struct hub_nodes *all); /* draws an id for this one, which lives */
void hub_nodes_deinit(struct hub_nodes *all);
void hub_nodes_set(struct hub_nodes *all, struct hub_str id, bool alive);
bool hub_node_is_self(const struct hub_nodes *all, struct hub_str id);
bool hub_node_lives(const struct hub_nodes *all, struct hub_str id);
#endif
