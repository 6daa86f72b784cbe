/* Who is in a plain namespace and in its rooms, and what is sent to them. */
#include <stdlib.h>

#include "hub/namespace/namespace_int.h"

#define MAX_ROOMS 1000 /* of one socket */

/* ---- rooms ---- */

static void place_free(struct hub_ns_place *p) {
    struct hub_ns_room *room = p->room;
    hub_list_remove(&p->in_room);
    hub_list_remove(&p->of_member);
    p->member->place_n--;
    free(p);
    if (!hub_list_empty(&room->places)) return;
    hub_map_del(&room->ns->rooms, hub_cstr(room->name));
    free(room->name);
    free(room);
}

static struct hub_ns_place *place_find(const struct hub_ns_member *m, struct hub_str room) {
    HUB_LIST_EACH(&m->places, it) {
        struct hub_ns_place *p = HUB_CONTAINER(it, struct hub_ns_place, of_member);
        if (hub_str_is(room, p->room->name)) return p;
    }
    return NULL;
}

static HUB_MUST struct hub_ns_room *open_room(struct hub_ns *ns, struct hub_str name) {
    struct hub_ns_room *room = hub_map_get(&ns->rooms, name);
    if (room) return room;
    room = hub_xcalloc(1, sizeof *room);
    room->ns = ns;
    room->name = hub_str_dup(name);
    hub_list_init(&room->places);
    hub_map_put(&ns->rooms, name, room);
    return room;
}

enum hub_code hub_ns_join(struct hub_ns_member *m, struct hub_str room, struct hub_err *err) {
    if (place_find(m, room)) return HUB_OK;
    if (m->place_n >= MAX_ROOMS)
        return hub_fail(err, HUB_TOO_MANY_ROOMS, "a socket may be in %d rooms at most", MAX_ROOMS);
    struct hub_ns_place *p = hub_xcalloc(1, sizeof *p);
    p->room = open_room(m->ns, room);
    p->member = m;
    p->number = ++m->ns->all->numbers;
    hub_list_push(&p->room->places, &p->in_room);
    hub_list_push(&m->places, &p->of_member);
    m->place_n++;
    return HUB_OK;
}

void hub_ns_leave(struct hub_ns_member *m, struct hub_str room) {
    struct hub_ns_place *p = place_find(m, room);
    if (p) place_free(p);
}

json_t *hub_ns_rooms(const struct hub_ns_member *m) {
    json_t *names = json_array();
    if (!m) return names;
    HUB_LIST_EACH(&m->places, it)
    json_array_append_new(names,
                          hub_json_string(hub_cstr(HUB_CONTAINER(it, struct hub_ns_place, of_member)->room->name)));
    return names;
}

bool hub_namespace_share_room(const struct hub_namespace_conn *a, const struct hub_namespace_conn *b) {
    if (!a->member || !b->member) return false; /* one has closed */
    HUB_LIST_EACH(&a->member->places, it) {
        const struct hub_ns_room *room = HUB_CONTAINER(it, struct hub_ns_place, of_member)->room;
        HUB_LIST_EACH(&b->member->places, other)
        if (HUB_CONTAINER(other, struct hub_ns_place, of_member)->room == room) return true;
    }
    return false;
}

/* ---- members ---- */

struct hub_ns_member *hub_ns_member_new(struct hub_namespace_conn *c) {
    struct hub_ns_member *m = hub_xcalloc(1, sizeof *m);
    m->ns = c->ns;
    m->conn = c;
    m->socket = hub_socket_ref(c->socket);
    m->number = ++c->ns->all->numbers;
    hub_list_init(&m->places);
    hub_list_push(&c->ns->members, &m->link);
    hub_map_put(&c->ns->all->members, hub_cstr(m->socket->sid), m);
    return m;
}

void hub_ns_member_free(struct hub_ns_member *m) {
    while (!hub_list_empty(&m->places)) place_free(HUB_CONTAINER(m->places.next, struct hub_ns_place, of_member));
    hub_ns_session_free(m);
    hub_map_del(&m->ns->all->members, hub_cstr(m->socket->sid));
    hub_list_remove(&m->link);
    hub_socket_unref(m->socket);
    free(m);
}

void hub_ns_forget(struct hub_ns_member *m) {
    struct hub_namespaces *all = m->ns->all;
    const struct hub_engine_config *config = &all->engine->config;
    bool last = !hub_map_get(&all->conns, hub_cstr(m->socket->sid)); /* else its handlers are not done yet */
    if (last && !all->stopped && config->scripts) config->hooks->forget_socket(config->scripts, m->socket->sid);
    hub_ns_member_free(m);
}

/* ---- messages ---- */

/* The offset of a recoverable event is its last argument, as a text. */
static void add_offset(struct hub_ns_message *m, struct hub_namespaces *all) {
    m->number = ++all->packets;
    hub_buf_addf(&m->args, "%s\"%llu\"", m->args.n ? "," : "", (unsigned long long)m->number);
}

/* Encodes the message for NSP, if it is not; returns where it is then. */
static size_t encode_for(struct hub_ns_message *m, const struct hub_nsp *nsp) {
    size_t i = m->nsp[0] && m->nsp[0] != nsp;
    if (m->nsp[i] == nsp) return i;
    hub_chunk_unref(m->chunk[i]);
    hub_ns_packet_unref(m->packet[i]);
    m->packet[i] = NULL;
    m->nsp[i] = nsp;
    m->chunk[i] = hub_nsp_event_chunk(nsp, hub_buf_str(&m->name), hub_buf_str(&m->args), m->bins);
    return i;
}

static void keep_message(struct hub_ns_message *m, size_t i, struct hub_ns_member *to) {
    if (!m->number) {
        hub_ns_not_kept(to);
        return;
    }
    if (!m->packet[i]) m->packet[i] = hub_ns_packet_new(to->ns->all, m->chunk[i], m->number);
    hub_ns_keep(to, m->packet[i]);
}

void hub_ns_send(struct hub_ns_message *m, struct hub_ns_member *to) {
    const struct hub_def_namespace *def = to->ns->def;
    if (!m->number && hub_ns_recovers(to->ns)) add_offset(m, to->ns->all);
    size_t i = encode_for(m, to->socket->nsp);
    if (to->session) keep_message(m, i, to);
    if (!to->conn) return;
    hub_outlet_sync(&to->conn->base->outlet);
    hub_socket_send_chunk(to->socket, m->chunk[i], 0, m->chunk[i]->n, 0);
    if (def && def->outgoing_n && !m->unseen) hub_ns_see(to->conn, m);
}

void hub_ns_message_deinit(struct hub_ns_message *m) {
    hub_chunk_unref(m->chunk[0]);
    hub_chunk_unref(m->chunk[1]);
    hub_ns_packet_unref(m->packet[0]);
    hub_ns_packet_unref(m->packet[1]);
    json_decref(m->seen);
    hub_buf_free(&m->name);
    hub_buf_free(&m->args);
}

/* ---- audiences ---- */

/* A cast while it is made. Each member gets its number once, however many of the rooms it is in. */
struct cast {
    struct hub_ns_message *message; /* NULL: members are only left out */
    uint64_t number;
    size_t connected;
};

static void cast_to(struct cast *c, struct hub_ns_member *m) {
    if (m->cast == c->number) return;
    m->cast = c->number;
    if (!c->message) return;
    c->connected += m->conn != NULL;
    hub_ns_send(c->message, m);
}

static void cast_to_room(struct cast *c, const struct hub_ns *ns, struct hub_str name) {
    const struct hub_ns_room *room = hub_map_get(&ns->rooms, name);
    struct hub_ns_member *alone = hub_map_get(&ns->all->members, name);
    if (alone && alone->ns == ns) cast_to(c, alone);
    if (!room) return;
    HUB_LIST_EACH(&room->places, it) cast_to(c, HUB_CONTAINER(it, struct hub_ns_place, in_room)->member);
}

static void cast_to_rooms(struct cast *c, const struct hub_ns *ns, const json_t *rooms) {
    for (size_t i = 0; i < json_array_size(rooms); i++) cast_to_room(c, ns, hub_json_str(json_array_get(rooms, i)));
}

size_t hub_ns_cast(struct hub_ns_message *m, const struct hub_ns_audience *to) {
    const struct hub_ns *ns = to->ns;
    struct cast c = {.number = ++ns->all->casts};
    cast_to_rooms(&c, ns, to->except);
    c.message = m;
    if (to->from) to->from->cast = c.number;
    if (to->rooms) {
        cast_to_rooms(&c, ns, to->rooms);
        return c.connected;
    }
    HUB_LIST_EACH(&ns->members, it) cast_to(&c, HUB_CONTAINER(it, struct hub_ns_member, link));
    return c.connected;
}

void hub_namespace_cast(struct hub_engine *e, const struct hub_namespace_cast *cast) {
    struct hub_ns *ns = hub_ns_named(hub_ns_all(e), cast->path);
    struct hub_ns_message m = {.bins = &cast->bins, .values = cast->values, .unseen = cast->unseen};
    if (!ns) return;
    hub_json_add(&m.name, json_array_get(cast->values, 0));
    hub_ns_add_values(&m.args, cast->values, 1);
    hub_ns_cast(&m, &(struct hub_ns_audience){.ns = ns, .rooms = cast->rooms, .except = cast->except});
    hub_ns_message_deinit(&m);
}

/* ---- what functions send that are no methods ---- */

bool hub_namespace_recovers(const struct hub_namespace_conn *c) { return hub_ns_recovers(c->ns); }

bool hub_namespace_is_watched(const struct hub_namespace_conn *c) {
    return hub_ns_recovers(c->ns) || (c->ns->def && c->ns->def->outgoing_n);
}

struct hub_namespace_event hub_namespace_event(const struct hub_host_call *call, size_t at) {
    const struct hub_namespace_conn *caller = call->event_arg;
    return (struct hub_namespace_event){.name = json_array_get(call->args, at),
                                        .data = json_array_get(call->args, at + 1),
                                        .unseen = caller && caller->watching};
}

static void begin_event(struct hub_ns_message *m, const struct hub_namespace_event *e) {
    json_t *values = json_array();
    json_array_append(values, e->name);
    json_array_append(values, e->data ? e->data : json_null());
    *m = (struct hub_ns_message){.values = values, .unseen = e->unseen};
    hub_json_add(&m->name, e->name);
    hub_json_add(&m->args, e->data);
}

static void end_event(struct hub_ns_message *m) {
    json_decref(m->values);
    hub_ns_message_deinit(m);
}

void hub_namespace_send(struct hub_namespace_conn *c, const struct hub_namespace_event *e) {
    struct hub_ns_message m;
    if (!c->member) return;
    begin_event(&m, e);
    hub_ns_send(&m, c->member);
    end_event(&m);
}

void hub_namespace_show(struct hub_namespace_conn *c, const struct hub_namespace_event *e) {
    struct hub_ns_message m;
    if (!c->member || e->unseen || !hub_namespace_is_watched(c)) return;
    begin_event(&m, e);
    hub_ns_see(c, &m);
    end_event(&m);
}

static size_t broadcast_in(struct hub_ns *ns, const json_t *except, const struct hub_namespace_event *e) {
    struct hub_ns_message m;
    if (!hub_ns_recovers(ns)) return 0;
    begin_event(&m, e);
    size_t n = hub_ns_cast(&m, &(struct hub_ns_audience){.ns = ns, .except = except});
    end_event(&m);
    return n;
}

size_t hub_namespaces_broadcast(struct hub_engine *e, const struct hub_hub *only, const json_t *except,
                                const struct hub_namespace_event *event) {
    struct hub_list *const lists[] = {&hub_ns_all(e)->list, &hub_ns_all(e)->dynamic};
    size_t n = 0;
    for (size_t i = 0; i < HUB_NELEM(lists); i++) {
        HUB_LIST_EACH(lists[i], it) {
            struct hub_ns *ns = HUB_CONTAINER(it, struct hub_ns, link);
            if (!only || only == &ns->hub) n += broadcast_in(ns, except, event);
        }
    }
    return n;
}
