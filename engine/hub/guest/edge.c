/* Connections of this node in places of others: their calls go there, and what comes back is given out. */
#include <stdio.h>
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/guest/guest_int.h"

/* The audience of a room or channel that another node owns, while connections of this one are seated in
 * it. */
struct place {
    struct hub_guests *all;
    const struct hub_guest_node *owner;
    struct hub_group *group; /* of the seats, fed by frames */
    size_t seats;
    char *kind, *name; /* of struct hub_group_place */
    struct hub_buf key;
};

struct place_seat {
    struct hub_list in_conn;
    struct hub_seat seat;
    struct place *place;
};

/* What a connection has in places of others. */
struct edge_conn {
    struct hub_list seats;         /* place_seat.in_conn */
    struct hub_list calls;         /* edge_call.in_conn */
    struct hub_guest_node **known; /* that it has been announced to */
    size_t known_n;
    json_t *metadata; /* as they were told it: a reference, NULL: none */
};

/* A call that waits for the owner's answer. */
struct edge_call {
    struct hub_list in_conn;
    struct hub_hold hold;
    struct hub_guests *all;
    const struct hub_guest_node *node;
    struct hub_call *call;
    uint64_t id;
};

static struct edge_conn *edge_of(struct hub_conn *c) {
    void **at = hub_conn_data(c, &hub_guests_part);
    if (*at) return *at;
    struct edge_conn *e = *at = hub_xcalloc(1, sizeof *e);
    hub_list_init(&e->seats);
    hub_list_init(&e->calls);
    return e;
}

/* ---- calls out ---- */

static bool node_is_known(const struct edge_conn *e, const struct hub_guest_node *n) {
    for (size_t i = 0; i < e->known_n; i++)
        if (e->known[i] == n) return true;
    return false;
}

static void say_hello(const struct hub_conn *c, struct hub_guest_node *n, struct hub_work *work) {
    char *hello = hub_guest_hello(c);
    uint64_t id = hub_guest_await_renewal(n, work);
    enum hub_code code = hub_guest_try(n, &(struct hub_guest_packet){.kind = HUB_GUEST_HELLO,
                                                                     .id = id,
                                                                     .sid = hub_cstr(c->socket->sid),
                                                                     .hub = hub_cstr(c->hub->def->name),
                                                                     .body = hub_cstr(hello)});
    free(hello);
    if (code) hub_guest_renewed(n, id);
    if (code == HUB_OVERLOADED) hub_guest_say_full(n);
}

void hub_guest_changed(struct hub_conn *c, const struct hub_guest_node *there, struct hub_work *work) {
    const struct edge_conn *e = hub_conn_kept(c, &hub_guests_part);
    for (size_t i = 0; e && i < e->known_n; i++)
        if (e->known[i] != there) say_hello(c, e->known[i], work);
}

/* Others hear what it says of itself now before they are asked something. */
static void announce_conn(struct hub_conn *c, struct edge_conn *e, struct hub_guest_node *n) {
    if (e->metadata != c->metadata) {
        json_decref(e->metadata);
        e->metadata = json_incref(c->metadata);
        hub_guest_changed(c, NULL, NULL);
    }
    if (node_is_known(e, n)) return;
    e->known = hub_xrealloc(e->known, (e->known_n + 1) * sizeof *e->known);
    e->known[e->known_n++] = n;
    say_hello(c, n, NULL);
}

/* E: of its connection; NULL: it has none. */
static struct edge_call *wait_for_answer(struct hub_call *call, struct edge_conn *e, const struct hub_guest_node *n) {
    struct edge_call *w = hub_xcalloc(1, sizeof *w);
    *w = (struct edge_call){.all = n->all, .node = n, .call = call, .id = ++n->all->last_call};
    hub_map_put(&n->all->calls, hub_guest_id_key(&w->id), w);
    hub_list_init(&w->in_conn);
    if (e) hub_list_push(&e->calls, &w->in_conn);
    hub_hold(&n->all->engine->holds, &w->hold, "call to another node");
    return w;
}

/* Whose call it was, which the caller ends. */
static HUB_MUST struct hub_call *take_call(struct edge_call *w) {
    struct hub_call *call = w->call;
    hub_map_del(&w->all->calls, hub_guest_id_key(&w->id));
    hub_list_remove(&w->in_conn);
    hub_unhold(&w->hold);
    free(w);
    return call;
}

/* What is over its bound is not here any more: only its size goes there, which says how it is refused. */
static HUB_MUST json_t *payload_of(const struct hub_call *call) {
    return call->oversize ? json_incref(call->args) : hub_call_payload(call);
}

static enum hub_code post_call(const struct hub_call *call, const struct hub_guest_node *n) {
    struct hub_buf args = {0};
    char oversize[24] = "";
    json_t *payload = payload_of(call);
    if (call->oversize) snprintf(oversize, sizeof oversize, "%zu", call->oversize);
    hub_json_add_exact(&args, payload);
    enum hub_code code = hub_guest_try(
        n, &(struct hub_guest_packet){
               .kind = HUB_GUEST_CALL,
               .flags = (uint8_t)((call->ack >= 0 ? HUB_GUEST_ACK : 0) | (call->has_bytes ? HUB_GUEST_BYTES : 0)),
               .id = n->all->last_call,
               .sid = hub_cstr(call->conn->socket->sid),
               .hub = hub_cstr(oversize),
               .name = hub_cstr(call->dispatch->command->name),
               .text = hub_buf_str(&call->bytes),
               .body = hub_buf_str(&args),
           });
    json_decref(payload);
    hub_buf_free(&args);
    return code;
}

static void send_call(struct hub_call *call, struct hub_guest_node *n) {
    struct edge_conn *e = edge_of(call->conn);
    call->command = call->dispatch->command;
    if (call->command->flags & HUB_JOINS) hub_order_joining(call);
    announce_conn(call->conn, e, n);
    struct edge_call *w = wait_for_answer(call, e, n);
    enum hub_code code = post_call(call, n);
    if (code) hub_call_fail(take_call(w), code, NULL);
}

/* Whose slot CALL of COMMAND is about; empty: nobody's. */
static struct hub_str slot_owner(const struct hub_call *call, const struct hub_command *command) {
    const struct hub_part *part = hub_dispatch_find(call->hub->engine, hub_cstr(command->name))->part;
    if (!part->slot) return hub_str(NULL, 0);
    bool named = !part->one_slot && hub_arg_named(command->args, hub_cstr(part->slot));
    return hub_guest_slot_owner(call->hub->engine, part, named ? hub_call_str(call, part->slot) : hub_str(NULL, 0));
}

static struct hub_str place_owner(const struct hub_call *call, const struct hub_command *command) {
    struct hub_str room = hub_call_str(call, "roomId");
    bool is_room = hub_id_ok(room) && hub_arg_named(command->args, HUB_STR("roomId"));
    return is_room ? hub_guest_owner(call->hub, room) : slot_owner(call, command);
}

/* The node that CALL of COMMAND has to go to; NULL: it stays here. */
static struct hub_guest_node *node_for(const struct hub_call *call, const struct hub_command *command) {
    return hub_map_get(&hub_guests_of(call->hub->engine)->nodes, place_owner(call, command));
}

void hub_guest_route_request(struct hub_call *call, struct hub_str address) {
    struct hub_guests *all = hub_guests_of(call->hub->engine);
    struct hub_guest_node *n = all->serving ? NULL : node_for(call, call->command);
    if (!n) {
        all->run_request_here(call, address);
        return;
    }
    char *asks = hub_guest_asks(call);
    struct edge_call *w = wait_for_answer(call, NULL, n);
    enum hub_code code = hub_guest_try(n, &(struct hub_guest_packet){.kind = HUB_GUEST_REQUEST,
                                                                     .id = n->all->last_call,
                                                                     .hub = hub_cstr(call->hub->def->name),
                                                                     .name = hub_cstr(call->command->name),
                                                                     .text = address,
                                                                     .body = hub_cstr(asks)});
    free(asks);
    if (code) hub_call_fail(take_call(w), code, NULL);
}

/* A guest's own call stays here. */
static bool is_of_here(const struct hub_call *call) { return !call->dispatch || call->conn->socket->guest; }

void hub_guest_route(struct hub_call *call) {
    struct hub_guest_node *n = is_of_here(call) ? NULL : node_for(call, call->dispatch->command);
    if (n)
        send_call(call, n);
    else
        hub_dispatch_run(call);
}

/* ---- answers ---- */

/* A refusal in a script's own words. */
static void refuse_call(struct hub_call *call, struct hub_str code, const struct hub_guest_packet *p) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "{%.*s}", HUB_FMT(p->body));
    json_t *members = hub_json_parse(hub_buf_str(&b), NULL);
    hub_call_refuse(call, code, p->text, hub_json_get(members, "data"));
    json_decref(members);
    hub_buf_free(&b);
}

/* Only whoever was asked answers. */
static void on_answer(const struct hub_guest_node *from, const struct hub_guest_packet *p) {
    struct edge_call *w = hub_map_get(&from->all->calls, hub_guest_id_key(&p->id));
    struct hub_err err;
    if (!w) { /* its connection is closed, or it was a script's */
        hub_guest_script_answered(from, p);
        return;
    }
    if (w->node != from) return;
    struct hub_call *call = take_call(w);
    enum hub_code code = p->name.n ? hub_code_of_word(p->name) : HUB_OK;
    char *own = p->hub.n ? hub_str_dup(p->hub) : NULL;
    if (!code) {
        hub_call_ok(call, own, p->body);
    } else if (own) {
        refuse_call(call, hub_cstr(own), p);
    } else {
        hub_err_set(&err, code, "%.*s", HUB_FMT(p->text));
        hub_call_fail_with(call, &err, p->body);
    }
    free(own);
}

/* ---- seats ---- */

static void place_key(struct hub_buf *key, const struct hub_guest_packet *p) {
    hub_buf_adds(key, p->hub);
    hub_buf_addc(key, 0);
    hub_buf_adds(key, p->text);
    hub_buf_addc(key, 0);
    hub_buf_adds(key, p->name);
}

static struct place *find_place(const struct hub_guests *all, const struct hub_guest_packet *p) {
    struct hub_buf key = {0};
    place_key(&key, p);
    struct place *found = hub_map_get(&all->places, hub_buf_str(&key));
    hub_buf_free(&key);
    return found;
}

static struct place *place_of(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_guests *all = n->all;
    struct place *place = find_place(all, p);
    if (place) return place;
    place = hub_xcalloc(1, sizeof *place);
    *place = (struct place){.all = all, .owner = n, .kind = hub_str_dup(p->text), .name = hub_str_dup(p->name)};
    place->group = hub_group_new(all->engine->config.loop, (struct hub_group_place){0});
    place_key(&place->key, p);
    hub_map_put(&all->places, hub_buf_str(&place->key), place);
    return place;
}

static void place_leave(struct place *place) {
    if (--place->seats) return;
    hub_map_del(&place->all->places, hub_buf_str(&place->key));
    hub_group_delete(place->group);
    hub_buf_free(&place->key);
    free(place->kind);
    free(place->name);
    free(place);
}

static void free_seat(struct place_seat *s) {
    hub_seat_leave(&s->seat);
    hub_list_remove(&s->in_conn);
    place_leave(s->place);
    free(s);
}

static struct hub_conn *conn_of(const struct hub_guests *all, const struct hub_guest_packet *p) {
    struct hub_conn *c = hub_directory_find(&all->engine->directory, p->sid);
    return c && !c->socket->guest ? c : NULL; /* one that has gone: its node will hear of it */
}

static struct place_seat *seat_of(const struct hub_guests *all, const struct hub_guest_packet *p) {
    struct hub_conn *c = conn_of(all, p);
    const struct place *place = find_place(all, p);
    if (!c || !place) return NULL;
    HUB_LIST_EACH(&edge_of(c)->seats, it) {
        struct place_seat *s = HUB_CONTAINER(it, struct place_seat, in_conn);
        if (s->place == place) return s;
    }
    return NULL;
}

static void on_seated(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_conn *c = conn_of(n->all, p);
    if (!c) return;
    struct place_seat *before = seat_of(n->all, p); /* that of an owner before */
    if (before) free_seat(before);
    struct place_seat *s = hub_xcalloc(1, sizeof *s);
    s->place = place_of(n, p);
    s->place->seats++;
    hub_list_push(&edge_of(c)->seats, &s->in_conn);
    hub_seat_take(&s->seat, s->place->group, &c->outlet, p->flags);
}

static void on_released(const struct hub_guests *all, const struct hub_guest_packet *p) {
    struct place_seat *s = seat_of(all, p);
    if (!s || hub_seat_release(&s->seat)) return;
    hub_socket_drop(s->seat.outlet->socket, HUB_CLOSE_SLOW, "more came for a room than can be kept for who joins it");
}

static void on_seat_left(const struct hub_guests *all, const struct hub_guest_packet *p) {
    struct place_seat *s = seat_of(all, p);
    if (s) free_seat(s);
}

/* ---- frames ---- */

/* As the owner has encoded them. */
static HUB_MUST char *usual_name(const struct hub_conn *c) {
    struct hub_buf name = {0};
    hub_guest_add_namespace(&name, hub_cstr(c->hub->def->name));
    return hub_buf_take(&name, NULL);
}

static void on_send(const struct hub_guests *all, const struct hub_guest_packet *p) {
    struct hub_conn *c = conn_of(all, p);
    if (!c) return;
    char *name = usual_name(c);
    struct hub_chunk *chunk = hub_nsp_frames_chunk(c->socket->nsp, hub_cstr(name), p->body);
    hub_outlet_sync(&c->outlet);
    hub_socket_send_chunk(c->socket, chunk, 0, chunk->n, p->flags);
    hub_chunk_unref(chunk);
    free(name);
}

static void on_kept(const struct hub_guests *all, const struct hub_guest_packet *p) {
    struct place_seat *s = seat_of(all, p);
    struct hub_conn *c = conn_of(all, p);
    if (!s) return;
    char *name = usual_name(c);
    struct hub_chunk *chunk = hub_nsp_frames_chunk(c->socket->nsp, hub_cstr(name), p->body);
    hub_seat_send(&s->seat, chunk, p->flags);
    hub_chunk_unref(chunk);
    free(name);
}

static void on_gathered(const struct hub_guests *all, const struct hub_guest_packet *p) {
    const struct place *place = find_place(all, p);
    struct hub_buf name = {0};
    if (!place) return;
    hub_guest_add_namespace(&name, p->hub);
    hub_group_send_frames(place->group, hub_buf_str(&name), p->body, p->flags);
    hub_buf_free(&name);
}

static void on_rights_changed(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_conn *c = conn_of(n->all, p);
    if (!c) return;
    HUB_PARTS_EACH(n->all->engine, rejudged, part) {
        if (*part != &hub_guests_part) (*part)->rejudged(c, NULL);
    }
    hub_guest_changed(c, n, NULL);
}

static void on_ended(const struct hub_guests *all, const struct hub_guest_packet *p) {
    const struct hub_conn *c = conn_of(all, p);
    if (!c) return;
    char *text = hub_str_dup(p->text);
    if (p->flags == HUB_GUEST_DROP)
        hub_socket_drop(c->socket, p->id < HUB_CLOSE_REASON_COUNT ? (enum hub_close_reason)p->id : HUB_CLOSE_SERVER,
                        text);
    else
        hub_socket_disconnect(c->socket, p->flags == HUB_GUEST_CLOSE);
    free(text);
}

void hub_guest_from_owner(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_guests *all = n->all;
    switch (p->kind) {
    case HUB_GUEST_ANSWER: on_answer(n, p); break;
    case HUB_GUEST_SEND: on_send(all, p); break;
    case HUB_GUEST_ENDED: on_ended(all, p); break;
    case HUB_GUEST_SEATED: on_seated(n, p); break;
    case HUB_GUEST_RELEASED: on_released(all, p); break;
    case HUB_GUEST_LEFT: on_seat_left(all, p); break;
    case HUB_GUEST_KEPT: on_kept(all, p); break;
    case HUB_GUEST_GATHERED: on_gathered(all, p); break;
    case HUB_GUEST_RENEWED: hub_guest_renewed(n, p->id); break;
    case HUB_GUEST_READABLE: hub_guest_on_readable(n, p); break;
    case HUB_GUEST_REJUDGED: on_rights_changed(n, p); break;
    default: break;
    }
}

/* ---- ends ---- */

void hub_guest_closed(struct hub_conn *c) {
    struct edge_conn *e = hub_conn_kept(c, &hub_guests_part);
    if (!e) return;
    while (!hub_list_empty(&e->seats)) free_seat(HUB_CONTAINER(e->seats.next, struct place_seat, in_conn));
    while (!hub_list_empty(&e->calls))
        hub_call_drop(take_call(HUB_CONTAINER(e->calls.next, struct edge_call, in_conn)));
    for (size_t i = 0; i < e->known_n; i++)
        hub_guest_post(e->known[i], &(struct hub_guest_packet){.kind = HUB_GUEST_GONE,
                                                               .sid = hub_cstr(c->socket->sid),
                                                               .text = hub_cstr(c->reason)});
    json_decref(e->metadata);
    free(e->known);
    free(e);
    *hub_conn_data(c, &hub_guests_part) = NULL;
}

/* A room's owner goes with the process. What was subscribed to has to be subscribed to again, at another
 * node. */
static void tell_unsubscribed(struct hub_conn *c, const struct place *place) {
    struct hub_buf b = hub_scratch_take(c->hub->engine);
    hub_buf_addf(&b, "{\"%.*s\":", (int)strcspn(place->kind, " "), place->kind);
    hub_json_add_string(&b, hub_cstr(place->name));
    hub_buf_addf(&b, ",\"reason\":\"%s\"}", hub_code_name(HUB_SHUTTING_DOWN));
    hub_outlet_emit(&c->outlet, HUB_STR("hub:unsubscribed"), hub_buf_str(&b), 0);
    hub_scratch_give(c->hub->engine, &b);
}

static void end_seats(struct hub_conn *c, struct edge_conn *e, const struct hub_guest_node *n) {
    HUB_LIST_EACH_SAFE(&e->seats, it) {
        struct place_seat *s = HUB_CONTAINER(it, struct place_seat, in_conn);
        if (s->place->owner != n || !strcmp(s->place->kind, "room")) continue;
        tell_unsubscribed(c, s->place);
        free_seat(s);
    }
}

static void forget_owner(struct edge_conn *e, const struct hub_guest_node *n) {
    for (size_t i = 0; i < e->known_n; i++)
        if (e->known[i] == n) e->known[i--] = e->known[--e->known_n];
}

/* Takes a call that waits for N; NULL: none does. */
static struct edge_call *call_at(const struct hub_guests *all, const struct hub_guest_node *n) {
    void *w;
    for (void *it = NULL; (it = hub_map_next(&all->calls, it, NULL, &w));)
        if (((struct edge_call *)w)->node == n) return w;
    return NULL;
}

void hub_guest_owner_left(struct hub_guests *all, struct hub_guest_node *n) {
    hub_guest_script_calls_fail(all, n);
    hub_guest_drop_awaited(n);
    for (struct edge_call *w; (w = call_at(all, n));)
        hub_call_fail(take_call(w), HUB_STORE_UNDECIDED, NULL); /* nobody knows what it has done */
    HUB_LIST_EACH(&all->engine->directory.conns.items, it) {
        struct hub_conn *c = HUB_CONTAINER(it, struct hub_conn, in_directory.link);
        struct edge_conn *e = hub_conn_kept(c, &hub_guests_part);
        if (!e) continue;
        if (!all->stopped) end_seats(c, e, n);
        forget_owner(e, n);
    }
}

void hub_guest_edge_free(struct hub_guests *all) {
    HUB_BUG_IF(hub_map_len(&all->calls) || hub_map_len(&all->places));
    hub_map_clear(&all->calls);
    hub_map_clear(&all->script_calls);
    hub_map_clear(&all->places);
}
