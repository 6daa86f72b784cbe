/* The table every link adapter fills: the nodes of a cluster find each other and carry packets. What a
 * packet means is mesh.h's.
 *
 * From one node to another packets arrive in the order in which they were sent, none twice; one that
 * HUB_OK was said of may still be lost with either of them. Everything is called on the node's loop
 * thread, and its events come there, never from inside a call made downwards. */
#ifndef HUB_MESH_LINK_H
#define HUB_MESH_LINK_H
#include "base/error/code.h"
#include "loop/loop.h"
#include "mesh/nodes.h"

struct hub_mesh_link;

#define HUB_MESH_QUEUE_BYTES (16u << 20) /* that may be on their way to one node, by default */

/* Texts and bytes are borrowed for the call. */
struct hub_mesh_link_events {
    /* A node that lives: those that were there before, then this one, by its own id, then others as they
     * come. */
    void (*joined)(void *ctx, const struct hub_node_about *about);
    void (*left)(void *ctx, struct hub_str id); /* nothing comes from it any more */
    void (*packet)(void *ctx, struct hub_str from, struct hub_str bytes);
};

struct hub_mesh_link_config {
    struct hub_loop *loop;
    const char *url;     /* "memory:" */
    const char *cluster; /* nodes of one name find each other */
    void *process;       /* what links of one process share: of "memory:" a struct hub_memory_nodes */
    struct hub_node_about about;
    size_t queue_bytes; /* that may be on their way to one node */
    const struct hub_mesh_link_events *events;
    void *ctx;
};

struct hub_mesh_link_ops {
    const char *scheme; /* "memory" */
    const char *help;
    /* Joins; CONFIG is borrowed for the call, but for its ctx and events. HUB_BAD_REQUEST: the URL is
     * wrong. */
    enum hub_code (*open)(const struct hub_mesh_link_config *config, struct hub_mesh_link **out, struct hub_err *err);
    /* BYTES are copied. HUB_NODE_NOT_FOUND: TO does not live; HUB_OVERLOADED: too much waits for it.
     * Nothing was sent then. */
    enum hub_code (*send)(struct hub_mesh_link *l, struct hub_str to, struct hub_str bytes);
    /* The same to all others that live; HUB_OVERLOADED: not to all. */
    enum hub_code (*publish)(struct hub_mesh_link *l, struct hub_str bytes);
    /* Leaves: others hear that it is gone, no event comes any more. Frees itself, in a later turn at the
     * latest. */
    void (*close)(struct hub_mesh_link *l);
};
struct hub_mesh_link {
    const struct hub_mesh_link_ops *ops; /* first member of every adapter's struct */
};
#endif
