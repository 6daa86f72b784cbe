/* Connections of other nodes in the rooms of this one. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/access/access.h"
#include "hub/guest/guest_int.h"
#include "hub/join/join.h"

/* The way to the connections that one node has in one hub. */
struct node_relay {
    struct hub_relay relay; /* first member */
    struct hub_list link;   /* in the node's relays */
    struct hub_guest_node *node;
    struct hub_hub *hub; /* its KEPT counts this */
    size_t guests;       /* that are open */
    char name[];         /* the namespace's */
};

static struct node_relay *relay_of(const struct hub_socket *s) {
    return HUB_CONTAINER(hub_relay_of(s->nsp), struct node_relay, relay);
}

static struct hub_str hub_name(const struct node_relay *r) { return hub_cstr(r->hub->def->name); }

/* ---- the way back ---- */

static void post_frames(struct hub_socket *s, struct hub_str frames, int flags) {
    struct node_relay *r = relay_of(s);
    hub_relay_sync(&r->relay);
    hub_guest_post(r->node,
                   &(struct hub_guest_packet){
                       .kind = HUB_GUEST_SEND, .flags = (uint8_t)flags, .sid = hub_cstr(s->sid), .body = frames});
}

static void post_end(struct hub_socket *s, enum hub_guest_end how, enum hub_close_reason reason, const char *text) {
    struct node_relay *r = relay_of(s);
    hub_relay_sync(&r->relay);
    hub_map_del(&r->node->sockets, hub_cstr(s->sid));
    hub_guest_post(r->node, &(struct hub_guest_packet){.kind = HUB_GUEST_ENDED,
                                                       .flags = (uint8_t)how,
                                                       .id = reason,
                                                       .sid = hub_cstr(s->sid),
                                                       .text = hub_cstr(text ? text : "")});
}

static void post_seat(struct hub_socket *s, struct hub_group *g, enum hub_guest_kind kind, bool held) {
    const struct node_relay *r = relay_of(s);
    const struct hub_group_place of = hub_group_place(g);
    hub_guest_post(r->node, &(struct hub_guest_packet){.kind = kind,
                                                       .flags = held,
                                                       .sid = hub_cstr(s->sid),
                                                       .hub = hub_name(r),
                                                       .name = of.name,
                                                       .text = hub_cstr(of.kind)});
}

static void post_seated(struct hub_socket *s, struct hub_group *g, bool held) {
    post_seat(s, g, HUB_GUEST_SEATED, held);
}
static void post_released(struct hub_socket *s, struct hub_group *g) { post_seat(s, g, HUB_GUEST_RELEASED, false); }
static void post_left(struct hub_socket *s, struct hub_group *g) { post_seat(s, g, HUB_GUEST_LEFT, false); }

static void post_of_place(const struct node_relay *r, struct hub_str sid, const struct hub_group *g,
                          struct hub_str frames, int flags) {
    const struct hub_group_place of = hub_group_place(g);
    hub_guest_post(r->node, &(struct hub_guest_packet){.kind = sid.n ? HUB_GUEST_KEPT : HUB_GUEST_GATHERED,
                                                       .flags = (uint8_t)flags,
                                                       .sid = sid,
                                                       .hub = hub_name(r),
                                                       .name = of.name,
                                                       .text = hub_cstr(of.kind),
                                                       .body = frames});
}

static void post_kept(struct hub_socket *s, struct hub_group *g, struct hub_str frames, int flags) {
    post_of_place(relay_of(s), hub_cstr(s->sid), g, frames, flags);
}

static void post_gathered(struct hub_relay *r, struct hub_group *g, struct hub_str frames, int flags) {
    post_of_place(HUB_CONTAINER(r, struct node_relay, relay), (struct hub_str){0}, g, frames, flags);
}

static void free_relay(struct hub_relay *relay) {
    struct node_relay *r = HUB_CONTAINER(relay, struct node_relay, relay);
    r->hub->kept--;
    free(r);
}

static const struct hub_relay_ops relay_ops = {.send = post_frames,
                                               .ended = post_end,
                                               .seated = post_seated,
                                               .released = post_released,
                                               .left = post_left,
                                               .kept = post_kept,
                                               .gathered = post_gathered,
                                               .unused = free_relay};

/* ---- guests ---- */

static void leave_relay(struct node_relay *r) {
    hub_relay_sync(&r->relay);
    hub_list_remove(&r->link);
    hub_relay_leave(&r->relay);
}

/* A hub stays; a plain namespace may go that nobody uses. */
static void on_closed(struct hub_socket *s, const char *reason) {
    struct node_relay *r = relay_of(s);
    if (s->user) hub_conn_close(s->user, reason);
    if (!--r->guests && !r->hub->tables) leave_relay(r);
}

static const struct hub_namespace_ops guest_ops = {.closed = on_closed};

static struct node_relay *relay_for(struct hub_guest_node *n, struct hub_hub *hub) {
    HUB_LIST_EACH(&n->relays, it) {
        struct node_relay *r = HUB_CONTAINER(it, struct node_relay, link);
        if (r->hub == hub) return r;
    }
    struct hub_buf name = {0};
    hub_guest_add_namespace(&name, hub_cstr(hub->def->name));
    struct node_relay *r = hub_xcalloc(1, sizeof *r + name.n);
    memcpy(r->name, name.p, name.n);
    r->node = n;
    r->hub = hub;
    hub->kept++;
    hub_relay_init(&r->relay, &relay_ops, hub_str(r->name, name.n), &guest_ops, hub);
    hub_list_push(&n->relays, &r->link);
    hub_buf_free(&name);
    return r;
}

static void set_metadata(struct hub_conn *c, const json_t *hello) {
    json_t *metadata = hub_json_get(hello, "metadata");
    if (json_is_object(metadata) && !(c->metadata && hub_json_equal(metadata, c->metadata)))
        hub_conn_set_metadata(c, json_incref(metadata), NULL);
}

static void fill_conn(struct hub_conn *c, const json_t *hello) {
    struct hub_str trace = hub_json_get_str(hello, "traceparent"), client = hub_json_get_str(hello, "clientId");
    c->since = hub_json_get_int(hello, "since", c->since);
    if (trace.n) c->traceparent = hub_str_dup(trace);
    if (client.n) c->client_id = hub_str_dup(client);
    set_metadata(c, hello);
}

static void add_guest(struct hub_guest_node *n, struct hub_hub *hub, struct hub_str sid,
                      const struct hub_guest_greeting *g, struct hub_identity *who) {
    char id[HUB_SID_LEN + 1] = {0};
    memcpy(id, sid.p, HUB_SID_LEN);
    struct node_relay *r = relay_for(n, hub);
    struct hub_socket *s = hub_guest_new(&r->relay, id, &g->handshake);
    r->guests++;
    hub_map_put(&n->sockets, sid, s);
    struct hub_conn *c = hub_conn_new(hub, s, who);
    fill_conn(c, g->hello);
    hub_conn_open_guest(c);
}

void hub_guest_sync(const struct hub_guest_node *n) {
    HUB_LIST_EACH(&n->relays, it) hub_relay_sync(&HUB_CONTAINER(it, struct node_relay, link)->relay);
}

static void renew_guest(struct hub_conn *c, struct hub_identity *who, struct hub_work *work) {
    struct hub_guests *all = hub_guests_of(c->hub->engine);
    bool same = hub_identity_same_session(c->identity, who);
    hub_identity_unref(c->identity);
    c->identity = hub_identity_ref(who);
    if (!same) hub_reauthorize_conn(c, work);
    all->renewing = true;
    HUB_PARTS_CALL(c->hub->engine, rejudged, c, work);
    all->renewing = false;
}

void hub_guest_rejudged(struct hub_conn *c) {
    hub_guest_post(relay_of(c->socket)->node,
                   &(struct hub_guest_packet){.kind = HUB_GUEST_REJUDGED, .sid = hub_cstr(c->socket->sid)});
}

static void on_hello(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_guest_greeting g;
    struct hub_hub *hub = hub_guest_hub(n->all->engine, p->hub);
    if (!hub || p->sid.n != HUB_SID_LEN || !hub_guest_greeting_read(p->body, &g)) return;
    struct hub_work *work = hub_guest_renewing(n, p->id);
    struct hub_identity *who = hub_identity_unpacked(n->all->engine->config.identity, g.identity);
    const struct hub_socket *s = hub_map_get(&n->sockets, p->sid);
    if (who && s && s->user) {
        set_metadata(s->user, g.hello);
        renew_guest(s->user, who, work);
    } else if (who && !s) {
        add_guest(n, hub, p->sid, &g, who);
    }
    hub_identity_unref(who);
    json_decref(g.hello);
    hub_work_release(work);
}

static void on_gone(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_socket *s = hub_map_del(&n->sockets, p->sid);
    char *reason = hub_str_dup(p->text);
    if (s) hub_guest_close(s, reason);
    free(reason);
}

void hub_guest_edge_left(struct hub_guest_node *n) {
    for (struct hub_socket *s; (s = hub_map_drain(&n->sockets));) hub_guest_close(s, "transport close");
    while (hub_list_pop(&n->requests)) {} /* their answers are for nobody */
    hub_guest_drop_script_calls(n);
    hub_guest_drop_renewing(n);
    while (!hub_list_empty(&n->relays)) leave_relay(HUB_CONTAINER(n->relays.next, struct node_relay, link));
}

/* ---- their calls ---- */

struct guest_call {
    struct hub_guest_node *node;
    struct hub_hold hold;
    struct hub_socket *socket; /* reference */
    uint64_t id;
};

/* One that does not fit is a refusal, which does. */
static void answer_call(const struct guest_call *g, enum hub_code code, const struct hub_err *err,
                        const char *data_name, struct hub_str fields) {
    enum hub_code sent =
        hub_guest_try(g->node, &(struct hub_guest_packet){.kind = HUB_GUEST_ANSWER,
                                                          .id = g->id,
                                                          .name = hub_cstr(code ? hub_code_word(code) : ""),
                                                          .hub = hub_cstr(data_name ? data_name : ""),
                                                          .text = hub_cstr(err ? err->text : ""),
                                                          .body = fields});
    if (sent == HUB_OVERLOADED) hub_guest_refuse(g->node, g->id);
}

static void on_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                     struct hub_str fields) {
    struct guest_call *g = arg;
    if (g->socket->state == HUB_SOCKET_GUEST) {
        hub_relay_sync(hub_relay_of(g->socket->nsp));
        answer_call(g, code, err, data_name, fields);
    }
    hub_unhold(&g->hold);
    hub_socket_unref(g->socket);
    free(g);
}

static bool nobody_waits(void *arg) { return ((struct guest_call *)arg)->socket->state != HUB_SOCKET_GUEST; }

static size_t oversize_of(const struct hub_guest_packet *p) {
    int64_t n;
    return hub_str_i64(p->hub, &n) && n > 0 ? (size_t)n : 0;
}

static HUB_MUST struct hub_call *call_of(struct hub_conn *c, const struct hub_guest_packet *p, json_t *args) {
    char name[HUB_NAME_MAX + 1] = {0};
    memcpy(name, p->name.p, p->name.n < HUB_NAME_MAX ? p->name.n : HUB_NAME_MAX);
    struct hub_call *call = hub_call_new(c->hub, c, c->identity, name, args, p->flags & HUB_GUEST_ACK ? 0 : -1);
    call->dispatch = hub_dispatch_find(c->hub->engine, p->name);
    call->has_bytes = p->flags & HUB_GUEST_BYTES;
    call->oversize = oversize_of(p);
    call->late = call->oversize > 0; /* its text is nowhere any more */
    hub_buf_adds(&call->bytes, p->text);
    return call;
}

/* Its node has found it good but for what only this one can know; ARGS is given away. */
static void run_call(struct hub_guest_node *n, struct hub_socket *s, const struct hub_guest_packet *p, json_t *args) {
    struct hub_call *call = call_of(s->user, p, args);
    struct guest_call *g = hub_xcalloc(1, sizeof *g);
    *g = (struct guest_call){.node = n, .socket = hub_socket_ref(s), .id = p->id};
    hub_hold(&n->all->engine->holds, &g->hold, "call of another node");
    call->reply = on_reply;
    call->gone = nobody_waits;
    call->reply_arg = g;
    if (hub_call_arrived(call, p->body.n)) hub_order_go(call, hub_dispatch_run);
}

static void refuse_guest_call(const struct hub_guest_node *n, const struct hub_guest_packet *p) {
    hub_guest_post(n, &(struct hub_guest_packet){
                          .kind = HUB_GUEST_ANSWER, .id = p->id, .name = hub_cstr(hub_code_word(HUB_NOT_FOUND))});
}

static void on_call(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_socket *s = hub_map_get(&n->sockets, p->sid);
    json_t *args = hub_json_parse(p->body, NULL);
    if (s && s->user && json_is_object(args)) {
        run_call(n, s, p, args);
        return;
    }
    json_decref(args);
    refuse_guest_call(n, p); /* its socket is closed, which is on its way there; or what it is in is not served here */
}

/* ---- requests by REST ---- */

struct node_request {
    struct hub_list link; /* in the node's requests, while it is there */
    struct guest_call call;
};

static void on_request_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                             struct hub_str fields) {
    struct node_request *r = arg;
    if (hub_list_linked(&r->link)) {
        hub_guest_sync(r->call.node);
        answer_call(&r->call, code, err, data_name, fields);
    }
    hub_list_remove(&r->link);
    hub_unhold(&r->call.hold);
    free(r);
}

/* The node that it was for has left. */
static bool request_is_gone(void *arg) { return !hub_list_linked(&((struct node_request *)arg)->link); }

/* False: P is no request. */
static bool run_request(struct hub_guest_node *n, struct hub_hub *hub, const struct hub_command *command,
                        const struct hub_guest_packet *p) {
    struct hub_request q = {.address = p->text, .reply = on_request_reply, .gone = request_is_gone};
    if (!hub_guest_asks_read(n->all->engine->config.identity, p->body, &q.args, &q.who)) return false;
    struct node_request *r = q.arg = hub_xcalloc(1, sizeof *r);
    r->call = (struct guest_call){.node = n, .id = p->id};
    hub_list_push(&n->requests, &r->link);
    hub_hold(&n->all->engine->holds, &r->call.hold, "request of another node");
    n->all->serving = true;
    hub_engine_request(hub, command, &q);
    n->all->serving = false;
    hub_identity_unref(q.who);
    return true;
}

static void on_request(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_hub *hub = hub_guest_hub(n->all->engine, p->hub);
    const struct hub_dispatch *d = hub_dispatch_find(n->all->engine, p->name);
    if (hub && d && run_request(n, hub, d->command, p)) return;
    refuse_guest_call(n, p);
}

void hub_guest_from_edge(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    switch (p->kind) {
    case HUB_GUEST_HELLO: on_hello(n, p); break;
    case HUB_GUEST_CALL: on_call(n, p); break;
    case HUB_GUEST_REQUEST: on_request(n, p); break;
    case HUB_GUEST_SCRIPT: hub_guest_run_script_call(n, p); break;
    case HUB_GUEST_GONE: on_gone(n, p); break;
    default: break;
    }
}
