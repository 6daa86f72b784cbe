/* Shared by the files of engine/hub/node. */
#ifndef HUB_NODE_NODE_INT_H
#define HUB_NODE_NODE_INT_H
#include "hub/call/call.h"
#include "hub/node/node.h"
#include "mesh/mesh.h"

#define HUB_NODE_WORDS_MAX 10000 /* broadcasts that wait for their turn; further ones are dropped, and counted */

struct hub_node_words {
    struct hub_list waiting; /* broadcasts for which no script has been called yet (serve.c) */
    size_t waiting_n, running_n;
    struct hub_timer turn;
};
/* This node as the part has it. */
struct hub_node_part {
    struct hub_engine *engine;
    struct hub_mesh *mesh;
    const struct hub_node_hears *hears; /* NULL: nobody */
    void *hears_ctx;
    struct hub_node_words words;
    int64_t calls; /* of scripts here, that wait for their answers */
    bool stopped;  /* no script may be called any more */
};
struct hub_node_part *hub_node_of(struct hub_engine *e);
/* NULL: there is none of that name; ERR says which is near. */
const struct hub_def_node_handler *hub_node_handler_named(const struct hub_def_node_handler *all, size_t n,
                                                          struct hub_str name, const char *what, struct hub_err *err);

/* ---- what others have said (serve.c) ---- */

void hub_node_asked(void *part, struct hub_mesh_request *r);
void hub_node_told(void *part, struct hub_str from, struct hub_str name, json_t *data);
void hub_node_drop_words(struct hub_node_part *p);

extern const struct hub_host_fn hub_node_host[]; /* host.c */
#endif
