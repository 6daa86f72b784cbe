/* The nodes that are known to live. */
#include "mesh/nodes.h"

#include <stdlib.h>
#include <string.h>

#include "base/id/uuid.h"
#include "base/memory/mem.h"
#include "base/time/clock.h"

static void node_free_texts(struct hub_live_node *n) {
    free(n->name);
    free(n->address);
    free(n->version);
}

void hub_live_node_free(struct hub_live_node *n) {
    if (!n) return;
    hub_list_remove(&n->link);
    node_free_texts(n);
    free(n);
}

void hub_nodes_init(struct hub_nodes *all) {
    char id[HUB_UUID_LEN + 1];
    hub_uuid4(id);
    *all = (struct hub_nodes){0};
    hub_list_init(&all->all);
    memcpy(all->self, id + HUB_UUID_LEN - HUB_NODE_ID_LEN, HUB_NODE_ID_LEN);
    hub_nodes_put(all, &(struct hub_node_about){.id = hub_cstr(all->self)});
}

void hub_nodes_deinit(struct hub_nodes *all) {
    for (struct hub_live_node *n; (n = hub_map_drain(&all->by_id));) hub_live_node_free(n);
}

static HUB_MUST struct hub_live_node *node_new(struct hub_nodes *all, struct hub_str id) {
    struct hub_live_node *n = hub_xcalloc(1, sizeof *n);
    memcpy(n->id, id.p, id.n);
    hub_list_push(&all->all, &n->link);
    hub_map_put(&all->by_id, id, n);
    return n;
}

static bool came_before(const struct hub_live_node *a, const struct hub_live_node *b) {
    return a->number && (!b->number || a->number < b->number);
}

static void node_sort(struct hub_nodes *all, struct hub_live_node *n) {
    hub_list_remove(&n->link);
    HUB_LIST_EACH(&all->all, it) {
        if (!came_before(n, HUB_CONTAINER(it, struct hub_live_node, link))) continue;
        hub_list_push(it, &n->link); /* in front of it */
        return;
    }
    hub_list_push(&all->all, &n->link);
}

struct hub_live_node *hub_nodes_put(struct hub_nodes *all, const struct hub_node_about *about) {
    if (about->id.n != HUB_NODE_ID_LEN) return NULL;
    struct hub_live_node *n = hub_map_get(&all->by_id, about->id);
    if (!n) n = node_new(all, about->id);
    node_free_texts(n);
    n->name = hub_str_dup(about->name);
    n->address = hub_str_dup(about->address);
    n->version = hub_str_dup(about->version);
    n->started_at = about->started_at;
    n->number = about->number;
    node_sort(all, n);
    return n;
}

struct hub_live_node *hub_nodes_take(struct hub_nodes *all, struct hub_str id) {
    if (hub_node_is_self(all, id)) return NULL;
    struct hub_live_node *n = hub_map_del(&all->by_id, id);
    if (n) hub_list_remove(&n->link);
    return n;
}

const struct hub_live_node *hub_node_find(const struct hub_nodes *all, struct hub_str id) {
    return hub_map_get(&all->by_id, id);
}

const struct hub_live_node *hub_nodes_leader(const struct hub_nodes *all) {
    return HUB_CONTAINER(all->all.next, struct hub_live_node, link);
}

bool hub_node_is_self(const struct hub_nodes *all, struct hub_str id) { return hub_str_is(id, all->self); }

bool hub_node_lives(const struct hub_nodes *all, struct hub_str id) { return hub_node_find(all, id); }

json_t *hub_live_node_json(const struct hub_live_node *n) {
    char since[HUB_ISO_LEN + 1];
    hub_iso_format(n->started_at, since);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", n->id, "name", n->name, "address", n->address, "version",
                     n->version, "startedAt", since);
}
