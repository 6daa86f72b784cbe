/* The part: other nodes, and who owns which room. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/guest/guest_int.h"

struct hub_guests *hub_guests_of(struct hub_engine *e) {
    return *hub_engine_part(e, &hub_guests_part);
}

/* ---- owners ---- */

static struct hub_str owner_of(const struct hub_nodes *nodes, uint64_t place) {
    size_t n = hub_map_len(&nodes->by_id), at = 0;
    HUB_LIST_EACH(&nodes->all, it) {
        if (at++ == place % n) return hub_cstr(HUB_CONTAINER(it, struct hub_live_node, link)->id);
    }
    return hub_cstr(nodes->self);
}

static uint64_t hash_of(struct hub_str s) { return hub_hash(s.p, s.n); }

struct hub_str hub_guest_owner(const struct hub_hub *hub, struct hub_str room_id) {
    return owner_of(&hub->engine->nodes, hash_of(room_id) ^ hash_of(hub_cstr(hub->def->name)));
}

struct hub_str hub_guest_slot_owner(const struct hub_engine *e, const struct hub_part *part, struct hub_str name) {
    uint64_t kind = hash_of(hub_cstr(part->name));
    if (part->one_slot) return owner_of(&e->nodes, kind % HUB_GUEST_SLOTS);
    return name.n ? owner_of(&e->nodes, (hash_of(name) ^ kind) % HUB_GUEST_SLOTS) : hub_str(NULL, 0);
}

static bool slot_is_elsewhere(const struct hub_engine *e, const struct hub_part *part, struct hub_str name) {
    return !hub_str_is(hub_guest_slot_owner(e, part, name), e->nodes.self);
}

/* ---- other nodes ---- */

enum hub_code hub_guest_try(const struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_guests *all = n->all;
    if (all->stopped) return HUB_SHUTTING_DOWN;
    hub_buf_clear(&all->packet);
    hub_guest_packet_add(&all->packet, p);
    return hub_node_send(all->engine, hub_cstr(n->id), hub_buf_str(&all->packet));
}

void hub_guest_say_full(const struct hub_guest_node *n) {
    hub_log_kv(HUB_LOG_WARN, "node", "a packet for another node does not fit into what waits for it", "node", n->id,
               NULL);
}

void hub_guest_post(const struct hub_guest_node *n, const struct hub_guest_packet *p) {
    if (hub_guest_try(n, p) == HUB_OVERLOADED) hub_guest_say_full(n);
}

void hub_guest_refuse(const struct hub_guest_node *n, uint64_t id) {
    hub_guest_post(n, &(struct hub_guest_packet){.kind = HUB_GUEST_ANSWER,
                                                 .id = id,
                                                 .name = hub_cstr(hub_code_word(HUB_OVERLOADED)),
                                                 .text = HUB_STR("too much waits for the node that asks")});
}

static void on_joined(void *ctx, const struct hub_live_node *about) {
    struct hub_guests *all = ctx;
    struct hub_guest_node *n = hub_xcalloc(1, sizeof *n);
    n->all = all;
    memcpy(n->id, about->id, sizeof n->id);
    hub_list_init(&n->relays);
    hub_list_init(&n->requests);
    hub_list_init(&n->script_calls);
    hub_list_init(&n->renewing);
    hub_list_init(&n->awaited);
    hub_map_put(&all->nodes, hub_cstr(n->id), n);
    if (all->engine->run_call == hub_guest_route) return;
    all->run_request_here = all->engine->run_request;
    all->engine->run_call = hub_guest_route;
    all->engine->run_request = hub_guest_route_request;
    all->engine->run_script_call = hub_guest_route_script_call;
    all->engine->slot_is_elsewhere = slot_is_elsewhere;
    all->engine->cast_elsewhere = hub_guest_cast_elsewhere;
}

static void forget_node(struct hub_guest_node *n) {
    hub_guest_edge_left(n);
    hub_guest_owner_left(n->all, n);
    hub_map_clear(&n->sockets);
    hub_map_clear(&n->readings);
    free(n);
}

static void on_left(void *ctx, const struct hub_live_node *about) {
    struct hub_guests *all = ctx;
    struct hub_guest_node *n = hub_map_del(&all->nodes, hub_cstr(about->id));
    if (n) forget_node(n);
    if (hub_map_len(&all->nodes)) return;
    all->engine->run_call = hub_dispatch_run;
    all->engine->run_request = all->run_request_here;
    all->engine->run_script_call = NULL;
    all->engine->slot_is_elsewhere = NULL;
    all->engine->cast_elsewhere = NULL;
}

static void on_packet(void *ctx, struct hub_str from, struct hub_str bytes) {
    struct hub_guests *all = ctx;
    struct hub_guest_node *n = hub_map_get(&all->nodes, from);
    struct hub_guest_packet p;
    if (!n || all->stopped) return;
    if (!hub_guest_packet_read(bytes, &p))
        hub_log_kv(HUB_LOG_WARN, "node", "a node has sent what is no packet; it is dropped", "node", n->id, NULL);
    else if (p.kind == HUB_GUEST_ROW)
        hub_guest_on_row(n, &p);
    else if (p.kind == HUB_GUEST_RECORD)
        hub_guest_on_record(n, &p);
    else if (p.kind == HUB_GUEST_CAST)
        hub_guest_on_cast(n, &p);
    else if (p.kind <= HUB_GUEST_GONE)
        hub_guest_from_edge(n, &p);
    else
        hub_guest_from_owner(n, &p);
}

static const struct hub_node_hears hears = {.joined = on_joined, .left = on_left, .packet = on_packet};

/* ---- life ---- */

static void on_created(struct hub_engine *e) {
    struct hub_guests *all = *hub_engine_part(e, &hub_guests_part) = hub_xcalloc(1, sizeof *all);
    all->engine = e;
    hub_node_listen(e, &hears, all);
}

static void on_rejudged(struct hub_conn *c, struct hub_work *work) {
    if (!c->socket->guest)
        hub_guest_changed(c, NULL, work);
    else if (!hub_guests_of(c->hub->engine)->renewing)
        hub_guest_rejudged(c);
}

static void on_disconnected(struct hub_conn *c) {
    if (!c->socket->guest) hub_guest_closed(c);
}

static void on_stopped(struct hub_engine *e) { hub_guests_of(e)->stopped = true; }

static void on_deleted(struct hub_engine *e) {
    struct hub_guests *all = hub_guests_of(e);
    for (struct hub_guest_node *n; (n = hub_map_drain(&all->nodes));) forget_node(n);
    hub_guest_edge_free(all);
    hub_buf_free(&all->packet);
    free(all);
}

const struct hub_part hub_guests_part = {
    .name = "guests",
    .help = "Connections of other nodes in the places of this one.",
    .engine_data = true,
    .conn_data = true,
    .created = on_created,
    .rejudged = on_rejudged,
    .row_written = hub_guest_row_written,
    .record_changed = hub_guest_record_changed,
    .readable_changed = hub_guest_readable_changed,
    .disconnected = on_disconnected,
    .stopped = on_stopped,
    .deleted = on_deleted,
};
