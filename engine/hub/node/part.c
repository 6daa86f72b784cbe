/* The part: this node among the others, and its life. */
#include <stdlib.h>

#include "base/error/did_you_mean.h"
#include "base/telemetry/log.h"
#include "base/text/utf8.h"
#include "hub/engine.h"
#include "hub/node/node_int.h"

struct hub_node_part *hub_node_of(struct hub_engine *e) {
    return *hub_engine_part(e, &hub_nodes_part);
}

const struct hub_def_node_handler *hub_node_handler_named(const struct hub_def_node_handler *all, size_t n,
                                                          struct hub_str name, const char *what, struct hub_err *err) {
    struct hub_nearest near = {.word = name};
    char hint[HUB_NEAREST_HINT];
    for (size_t i = 0; i < n; i++) {
        if (hub_str_is(name, all[i].name)) return &all[i];
        hub_nearest_try(&near, all[i].name);
    }
    hub_err_set(err, HUB_NOT_FOUND, "%s has no \"%.*s\"%s", what, HUB_CUT(name, 100), hub_nearest_hint(&near, hint));
    return NULL;
}

/* ---- others ---- */

static void say_node(const char *what, const struct hub_live_node *n) {
    hub_log_kv(HUB_LOG_INFO, "node", what, "node", n->id, "name", n->name, "address", n->address, NULL);
}
static void on_joined(void *part, const struct hub_live_node *n) {
    const struct hub_node_part *p = part;
    say_node("a node has joined", n);
    if (p->hears) p->hears->joined(p->hears_ctx, n);
}
static void on_left(void *part, const struct hub_live_node *n) {
    const struct hub_node_part *p = part;
    say_node("a node has left", n);
    if (p->hears) p->hears->left(p->hears_ctx, n);
}
static void on_passed(void *part, struct hub_str from, struct hub_str bytes) {
    const struct hub_node_part *p = part;
    if (p->hears) p->hears->packet(p->hears_ctx, from, bytes);
}

void hub_node_listen(struct hub_engine *e, const struct hub_node_hears *hears, void *ctx) {
    struct hub_node_part *p = hub_node_of(e);
    HUB_BUG_IF(p->hears);
    p->hears = hears;
    p->hears_ctx = ctx;
}

enum hub_code hub_node_send(struct hub_engine *e, struct hub_str to, struct hub_str bytes) {
    return hub_mesh_pass(hub_node_of(e)->mesh, to, bytes);
}

static const struct hub_mesh_events mesh_events = {
    .joined = on_joined, .left = on_left, .asked = hub_node_asked, .told = hub_node_told, .passed = on_passed};

enum hub_code hub_engine_join(struct hub_engine *e, const struct hub_mesh_link_ops *link,
                              struct hub_mesh_link_config *config, struct hub_err *err) {
    return hub_mesh_join(hub_node_of(e)->mesh, link, config, err);
}

/* ---- life ---- */

static void on_created(struct hub_engine *e) {
    struct hub_node_part *p = *hub_engine_part(e, &hub_nodes_part) = hub_xcalloc(1, sizeof *p);
    p->engine = e;
    hub_list_init(&p->words.waiting);
    p->mesh = hub_mesh_new(e->config.loop, &e->nodes, &e->holds, &mesh_events, p);
}

static void on_stopping(struct hub_engine *e) { hub_mesh_leave(hub_node_of(e)->mesh); }

static void on_stopped(struct hub_engine *e) {
    hub_node_of(e)->stopped = true;
    hub_node_drop_words(hub_node_of(e));
}

static void on_deleted(struct hub_engine *e) {
    struct hub_node_part *p = hub_node_of(e);
    hub_node_drop_words(p);
    hub_mesh_delete(p->mesh);
    free(p);
}

const struct hub_part hub_nodes_part = {
    .name = "nodes",
    .help = "What the nodes of a service ask and tell each other.",
    .engine_data = true,
    .host = hub_node_host,
    .created = on_created,
    .stopping = on_stopping,
    .stopped = on_stopped,
    .deleted = on_deleted,
};
