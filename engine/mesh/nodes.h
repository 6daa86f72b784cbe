/* The nodes of the service that are known to live.
 *
 * A node is one engine on its loop. Its id is new at each start, and is part of every event that it makes
 * (data/change_feed.h). This one is in the list from the beginning; the others come and go by mesh.h. The
 * node that came first leads: it does what one of them has to do for all. Everything on the loop thread. */
#ifndef HUB_MESH_NODES_H
#define HUB_MESH_NODES_H
#include <stdbool.h>
#include <stdint.h>

#include "base/collection/list.h"
#include "base/collection/map.h"
#include "base/json/json.h"

#define HUB_NODE_ID_LEN 12

/* What a node says of itself. Borrowed texts. */
struct hub_node_about {
    struct hub_str id, name, address, version;
    int64_t started_at; /* wall ms */
    uint64_t number;    /* in the order of coming, from 1 on; 0: it has not come yet */
};

/* A node that lives. Its texts are its own. */
struct hub_live_node {
    struct hub_list link; /* in hub_nodes.all */
    char id[HUB_NODE_ID_LEN + 1];
    char *name, *address, *version;
    int64_t started_at;
    uint64_t number;
};

struct hub_nodes {
    char self[HUB_NODE_ID_LEN + 1];
    struct hub_map by_id; /* → hub_live_node */
    struct hub_list all;  /* hub_live_node.link, by number; those that have none come last */
};

void hub_nodes_init(struct hub_nodes *all); /* draws an id for this one, which lives */
void hub_nodes_deinit(struct hub_nodes *all);
/* It lives, or something else is known of it. Ids of another length than HUB_NODE_ID_LEN are nobody's:
 * NULL. */
struct hub_live_node *hub_nodes_put(struct hub_nodes *all, const struct hub_node_about *about);
/* It does not live any more: taken out, for hub_live_node_free. NULL: it did not, or it is this one, which
 * always does. */
HUB_MUST struct hub_live_node *hub_nodes_take(struct hub_nodes *all, struct hub_str id);
void hub_live_node_free(struct hub_live_node *n);                                          /* NULL is fine */
const struct hub_live_node *hub_node_find(const struct hub_nodes *all, struct hub_str id); /* NULL: it does not live */
const struct hub_live_node *hub_nodes_leader(const struct hub_nodes *all);
bool hub_node_is_self(const struct hub_nodes *all, struct hub_str id);
bool hub_node_lives(const struct hub_nodes *all, struct hub_str id);
/* {id, name, address, version, startedAt}, as scripts see it. New reference. */
HUB_MUST json_t *hub_live_node_json(const struct hub_live_node *n);
#endif
