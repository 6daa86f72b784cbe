/* A node among others: who comes and goes, packets in and out, words to everybody. */
#include "mesh/mesh_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"

struct hub_mesh_own_packet {
    struct hub_list link;
    size_t n;
    char bytes[];
};

static struct hub_metric nodes_gauge = HUB_METRIC(
    HUB_GAUGE, "hubd_nodes", NULL, "Nodes of the service that this process knows to live, by each of its own");

/* ---- in ---- */

static void on_told(struct hub_mesh *m, struct hub_str from, const struct hub_mesh_packet *p) {
    json_t *data = hub_json_parse(p->body, NULL);
    if (data) m->events->told(m->ctx, from, p->name, data);
    json_decref(data);
}

static void on_packet(void *ctx, struct hub_str from, struct hub_str bytes) {
    struct hub_mesh *m = ctx;
    struct hub_mesh_packet p;
    if (!hub_mesh_packet_read(bytes, &p)) {
        char id[HUB_NODE_ID_LEN + 1];
        snprintf(id, sizeof id, "%.*s", HUB_FMT(from));
        hub_log_kv(HUB_LOG_WARN, "mesh", "a node has sent what is no packet; it is dropped", "node", id, NULL);
        return;
    }
    switch (p.kind) {
    case HUB_MESH_ASK: hub_mesh_on_ask(m, from, &p); break;
    case HUB_MESH_ANSWER: hub_mesh_on_answer(m, from, &p); break;
    case HUB_MESH_TELL: on_told(m, from, &p); break;
    case HUB_MESH_PASS: m->events->passed(m->ctx, from, p.body); break;
    }
}

static void on_joined(void *ctx, const struct hub_node_about *about) {
    struct hub_mesh *m = ctx;
    bool known = hub_node_lives(m->nodes, about->id);
    const struct hub_live_node *n = hub_nodes_put(m->nodes, about);
    if (!n || known) return;
    hub_metric_add(&nodes_gauge, 1);
    m->events->joined(m->ctx, n);
}

static void on_left(void *ctx, struct hub_str id) {
    struct hub_mesh *m = ctx;
    struct hub_live_node *n = hub_nodes_take(m->nodes, id);
    if (!n) return;
    hub_metric_add(&nodes_gauge, -1);
    hub_mesh_forget(m, id);
    m->events->left(m->ctx, n);
    hub_live_node_free(n);
}

static const struct hub_mesh_link_events link_events = {.joined = on_joined, .left = on_left, .packet = on_packet};

/* ---- out ---- */

static void on_own_turn(struct hub_task *task) {
    struct hub_mesh *m = HUB_CONTAINER(task, struct hub_mesh, turn);
    struct hub_list batch;
    hub_list_init(&batch);
    hub_list_splice(&batch, &m->own);
    m->own_bytes = 0;
    for (struct hub_list *l; (l = hub_list_pop(&batch));) {
        struct hub_mesh_own_packet *p = HUB_CONTAINER(l, struct hub_mesh_own_packet, link);
        on_packet(m, hub_cstr(m->nodes->self), hub_str(p->bytes, p->n));
        free(p);
    }
}

/* There are as many of these as questions at the most. */
static bool is_failure(const struct hub_mesh_packet *p) {
    return p->kind == HUB_MESH_ANSWER && !hub_str_is(p->name, hub_code_word(HUB_OK));
}

static enum hub_code send_to_self(struct hub_mesh *m, const struct hub_mesh_packet *of, struct hub_str bytes) {
    size_t takes = sizeof(struct hub_mesh_own_packet) + bytes.n;
    if (m->own_bytes + takes > HUB_MESH_OWN_BYTES_MAX && !is_failure(of)) return HUB_OVERLOADED;
    struct hub_mesh_own_packet *p = hub_xmalloc(takes);
    p->n = bytes.n;
    memcpy(p->bytes, bytes.p, bytes.n);
    hub_list_push(&m->own, &p->link);
    m->own_bytes += takes;
    hub_defer(m->loop, &m->turn);
    return HUB_OK;
}

enum hub_code hub_mesh_send(struct hub_mesh *m, struct hub_str to, const struct hub_mesh_packet *p) {
    struct hub_buf bytes = {0};
    enum hub_code code = HUB_OK;
    hub_mesh_packet_add(&bytes, p);
    if (hub_node_is_self(m->nodes, to))
        code = send_to_self(m, p, hub_buf_str(&bytes));
    else
        code = m->link ? m->link->ops->send(m->link, to, hub_buf_str(&bytes)) : HUB_NODE_NOT_FOUND;
    hub_buf_free(&bytes);
    return code;
}

enum hub_code hub_mesh_pass(struct hub_mesh *m, struct hub_str to, struct hub_str bytes) {
    return hub_mesh_send(m, to, &(struct hub_mesh_packet){.kind = HUB_MESH_PASS, .body = bytes});
}

static enum hub_code publish_packet(struct hub_mesh *m, const struct hub_mesh_packet *p, bool skip_self) {
    struct hub_buf bytes = {0};
    enum hub_code code = HUB_OK;
    hub_mesh_packet_add(&bytes, p);
    if (m->link) code = m->link->ops->publish(m->link, hub_buf_str(&bytes));
    if (!skip_self && send_to_self(m, p, hub_buf_str(&bytes))) code = HUB_OVERLOADED;
    hub_buf_free(&bytes);
    return code;
}

enum hub_code hub_mesh_tell(struct hub_mesh *m, struct hub_str name, const json_t *data, bool skip_self,
                            struct hub_err *err) {
    struct hub_buf body = {0};
    enum hub_code code = hub_mesh_body(&body, data, err);
    if (!code) {
        code = publish_packet(
            m, &(struct hub_mesh_packet){.kind = HUB_MESH_TELL, .name = name, .body = hub_buf_str(&body)}, skip_self);
        if (code) hub_err_set(err, code, "too much waits for a node");
    }
    hub_buf_free(&body);
    return code;
}

/* ---- life ---- */

struct hub_mesh *hub_mesh_new(struct hub_loop *loop, struct hub_nodes *nodes, struct hub_holds *holds,
                              const struct hub_mesh_events *events, void *ctx) {
    struct hub_mesh *m = hub_xcalloc(1, sizeof *m);
    *m = (struct hub_mesh){.loop = loop, .nodes = nodes, .holds = holds, .events = events, .ctx = ctx};
    m->turn.run = on_own_turn;
    hub_list_init(&m->asking);
    hub_list_init(&m->own);
    hub_metric_add(&nodes_gauge, 1);
    return m;
}

enum hub_code hub_mesh_join(struct hub_mesh *m, const struct hub_mesh_link_ops *link,
                            struct hub_mesh_link_config *config, struct hub_err *err) {
    HUB_BUG_IF(m->joined);
    config->loop = m->loop;
    config->about.id = hub_cstr(m->nodes->self);
    config->events = &link_events;
    config->ctx = m;
    enum hub_code code = link->open(config, &m->link, err);
    m->joined = !code;
    if (!code) hub_nodes_put(m->nodes, &config->about); /* scripts may ask before the link says with which number */
    return code;
}

static const struct hub_live_node *other_node(const struct hub_mesh *m) {
    HUB_LIST_EACH(&m->nodes->all, it) {
        const struct hub_live_node *n = HUB_CONTAINER(it, struct hub_live_node, link);
        if (!hub_str_is(hub_cstr(n->id), m->nodes->self)) return n;
    }
    return NULL;
}

void hub_mesh_leave(struct hub_mesh *m) {
    if (m->link) m->link->ops->close(m->link);
    m->link = NULL;
    for (const struct hub_live_node *n; (n = other_node(m));) on_left(m, hub_cstr(n->id));
}

void hub_mesh_delete(struct hub_mesh *m) {
    hub_mesh_leave(m);
    hub_mesh_forget(m, hub_cstr(m->nodes->self));
    hub_defer_cancel(&m->turn);
    for (struct hub_list *l; (l = hub_list_pop(&m->own));) free(HUB_CONTAINER(l, struct hub_mesh_own_packet, link));
    HUB_BUG_IF(m->asked_n);
    hub_map_clear(&m->questions);
    hub_metric_add(&nodes_gauge, -1);
    free(m);
}
