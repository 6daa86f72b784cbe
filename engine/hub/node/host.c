/* What scripts can do with nodes: the table nodes (contract: cluster.md "Nodes"). */
#include <stdlib.h>

#include "hub/node/node_int.h"

#define CALL_MS 4000
#define CALL_MAX_MS 600000

/* ---- who there is ---- */

static void nodes_self(void *ctx, struct hub_host_call *c) {
    const struct hub_engine *e = ctx;
    hub_host_done(c, hub_live_node_json(hub_node_find(&e->nodes, hub_cstr(e->nodes.self))));
}

static void nodes_leader(void *ctx, struct hub_host_call *c) {
    hub_host_done(c, hub_live_node_json(hub_nodes_leader(&((struct hub_engine *)ctx)->nodes)));
}

static void nodes_list(void *ctx, struct hub_host_call *c) {
    json_t *list = json_array();
    HUB_LIST_EACH(&((struct hub_engine *)ctx)->nodes.all, it)
    json_array_append_new(list, hub_live_node_json(HUB_CONTAINER(it, struct hub_live_node, link)));
    hub_host_done(c, list);
}

/* ---- call ---- */

struct node_call {
    struct hub_mesh_question question;
    struct hub_node_part *part;
    struct hub_host_call *call;
};

static void on_answered(struct hub_mesh_question *q, enum hub_code code, json_t *result, const char *text) {
    struct node_call *n = HUB_CONTAINER(q, struct node_call, question);
    struct hub_host_call *c = n->call;
    n->part->calls--;
    free(n);
    if (code)
        hub_host_fail(c, code, text);
    else
        hub_host_done(c, json_incref(result));
}

/* Milliseconds, or 0: ERR says what was expected. */
static int64_t read_timeout(const json_t *ms, struct hub_err *err) {
    if (hub_json_nil(ms)) return CALL_MS;
    int64_t given = json_is_integer(ms) ? json_integer_value(ms) : 0;
    if (given >= 1 && given <= CALL_MAX_MS) return given;
    hub_err_set(err, HUB_BAD_REQUEST, "nodes.call: timeoutMs is a whole number from 1 to %d", CALL_MAX_MS);
    return 0;
}

static enum hub_code check_call(const struct hub_node_part *p, const struct hub_host_call *c, struct hub_err *err) {
    int64_t most = p->engine->config.service->limit_node_calls;
    if (!hub_host_text(c, 0).n || !hub_host_text(c, 1).n)
        return hub_fail(err, HUB_BAD_REQUEST, "nodes.call(nodeId, name, data, timeoutMs): expected two texts");
    if (c->bins && c->bins->n)
        return hub_fail(err, HUB_BAD_REQUEST, "nodes.call: binary values do not travel between nodes; use base64");
    if (p->calls >= most) return hub_gate_too_many("limits.nodeCalls", most, "calls may wait for nodes", err);
    return HUB_OK;
}

static enum hub_code begin_call(struct hub_node_part *p, struct hub_host_call *c, struct hub_err *err) {
    int64_t ms;
    if (check_call(p, c, err)) return err->code;
    if (!(ms = read_timeout(hub_host_arg(c, 3), err))) return err->code;
    struct node_call *n = hub_xcalloc(1, sizeof *n);
    n->part = p;
    n->call = c;
    enum hub_code code = hub_mesh_ask(p->mesh, &n->question, hub_host_text(c, 0), hub_host_text(c, 1),
                                      hub_host_arg(c, 2), ms, on_answered, err);
    if (code)
        free(n);
    else
        p->calls++;
    return code;
}

static void nodes_call(void *ctx, struct hub_host_call *c) {
    struct hub_err err;
    enum hub_code code = begin_call(hub_node_of(ctx), c, &err);
    if (code) hub_host_fail(c, code, err.text);
}

/* ---- broadcast ---- */

static enum hub_code check_broadcast(const struct hub_service *s, const struct hub_host_call *c, struct hub_err *err) {
    struct hub_str type = hub_host_text(c, 0);
    const json_t *options = hub_host_arg(c, 2), *skip = hub_json_get(options, "skipSelf");
    if (!type.n || (!hub_json_nil(options) && !json_is_object(options)) || (skip && !json_is_boolean(skip)))
        return hub_fail(err, HUB_BAD_REQUEST, "nodes.broadcast(type, data, {skipSelf = true}): expected a text first");
    if (c->bins && c->bins->n)
        return hub_fail(err, HUB_BAD_REQUEST, "nodes.broadcast: binary values do not travel between nodes; use base64");
    if (hub_script_keys(options, "skipSelf", err)) return err->code;
    return hub_node_handler_named(s->broadcasts, s->broadcast_n, type, "broadcasts", err) ? HUB_OK : err->code;
}

static void nodes_broadcast(void *ctx, struct hub_host_call *c) {
    struct hub_node_part *p = hub_node_of(ctx);
    struct hub_err err;
    bool skip_self = json_is_true(hub_json_get(hub_host_arg(c, 2), "skipSelf"));
    enum hub_code code = check_broadcast(p->engine->config.service, c, &err);
    if (!code) code = hub_mesh_tell(p->mesh, hub_host_text(c, 0), hub_host_arg(c, 1), skip_self, &err);
    if (code)
        hub_host_fail(c, code, err.text);
    else
        hub_host_done(c, NULL);
}

const struct hub_host_fn hub_node_host[] = {
    {"nodes", "self", nodes_self}, {"nodes", "list", nodes_list},           {"nodes", "leader", nodes_leader},
    {"nodes", "call", nodes_call}, {"nodes", "broadcast", nodes_broadcast}, {0},
};
