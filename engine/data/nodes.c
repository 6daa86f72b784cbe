/* The nodes that are known to live. */
#include "data/nodes.h"

#include <string.h>

#include "base/uuid.h"

void hub_nodes_init(struct hub_nodes *all) {
    char id[HUB_UUID_LEN + 1];
    hub_uuid4(id);
    *all = (struct hub_nodes){0};
    memcpy(all->self, id + HUB_UUID_LEN - HUB_NODE_ID_LEN, HUB_NODE_ID_LEN);
    hub_nodes_set(all, hub_cstr(all->self), true);
}

void hub_nodes_deinit(struct hub_nodes *all) { hub_map_clear(&all->living); }

void hub_nodes_set(struct hub_nodes *all, struct hub_str id, bool alive) {
    if (alive)
        hub_map_put(&all->living, id, all);
    else
        hub_map_del(&all->living, id);
}

bool hub_node_is_self(const struct hub_nodes *all, struct hub_str id) { return hub_str_is(id, all->self); }

bool hub_node_lives(const struct hub_nodes *all, struct hub_str id) { return hub_map_get(&all->living, id); }
