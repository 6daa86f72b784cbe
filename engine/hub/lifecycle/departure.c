/* A connection in its rooms and at its end: onJoin, onLeave, onDisconnect, in this order. */
#include "hub/lifecycle/lifecycle_int.h"

#include <stdlib.h>

static const struct hub_def_lifecycle *hooks_of(const struct hub_conn *c) { return &c->hub->def->parts.lifecycle; }

static bool hears_of_the_end(const struct hub_def_lifecycle *d) {
    return d->on_leave.kind != HUB_SCRIPT_NONE || d->on_disconnect.kind != HUB_SCRIPT_NONE;
}

json_t *hub_life_about(const struct hub_conn *c) {
    const struct hub_def_lifecycle *d = hooks_of(c);
    bool wanted =
        hub_life_names(c->hub, &d->on_leave, "connection") || hub_life_names(c->hub, &d->on_disconnect, "connection");
    return wanted ? hub_conn_json(c) : NULL;
}

static HUB_MUST struct hub_life_conn *conn_life_new(struct hub_conn *c, const char *one, json_t *about) {
    struct hub_life_conn *l = hub_xcalloc(1, sizeof *l);
    *l = (struct hub_life_conn){.conn = hub_conn_ref(c), .one = hub_xstrdup(one), .about = about};
    hub_list_init(&l->leaving);
    return l;
}

/* Of a connection that is not closed, or whose parts are about to hear of it. */
static struct hub_life_conn *conn_life(struct hub_conn *c, json_t *about) {
    void **at = hub_conn_data(c, &hub_lifecycle_part);
    if (!*at) *at = conn_life_new(c, c->user->id, about);
    return *at;
}

static void life_free(struct hub_life_conn *l) {
    if (hub_held(&l->hold)) hub_unhold(&l->hold);
    json_decref(l->about);
    json_decref(l->rooms);
    hub_conn_unref(l->conn);
    free(l->one);
    free(l);
}

/* A closed socket has forgotten where it came from. */
static HUB_MUST json_t *connection_json(const struct hub_life_conn *l) {
    static const char *const kept[] = {"address", "handshake"};
    json_t *o = hub_conn_json(l->conn);
    for (size_t i = 0; i < HUB_NELEM(kept); i++) {
        json_t *v = json_object_get(l->about, kept[i]);
        if (v && !json_object_get(o, kept[i])) json_object_set(o, kept[i], v);
    }
    return o;
}

static void add_who(struct hub_life_hook *h, const struct hub_life_conn *l) {
    h->one = l->one;
    hub_life_var(h, "session", json_incref(hub_identity_session(l->conn->identity)));
    if (hub_life_wants(h, "connection")) hub_life_var(h, "connection", connection_json(l));
}

static void add_room(struct hub_life_hook *h, const struct hub_room *room, const struct hub_rights *rights) {
    hub_life_room_vars(h, room);
    hub_life_var(h, "hubRole", hub_rights_name_json(rights));
}

/* ---- onDisconnect ---- */

static void on_disconnect_told(struct hub_life_hook *h, const struct hub_verdict *v) {
    (void)v;
    life_free(HUB_CONTAINER(h, struct hub_life_conn, hook));
}

/* It has ended, and so have all of its onLeave. */
static void tell_disconnect(struct hub_life_conn *l) {
    struct hub_life_hook *h = &l->hook;
    if (!l->on_disconnect || l->entering || !hub_list_empty(&l->leaving)) return;
    if (l->on_disconnect->kind == HUB_SCRIPT_NONE || l->conn->socket->guest) { /* its own node tells of a guest's */
        life_free(l);
        return;
    }
    hub_life_hook_init(h, l->conn->hub, l->on_disconnect, on_disconnect_told);
    add_who(h, l);
    hub_life_text(h, "reason", hub_cstr(l->conn->reason));
    hub_life_var(h, "rooms", l->rooms ? json_incref(l->rooms) : json_array());
    hub_life_tell(h);
}

static void end_life(struct hub_life_conn *l) {
    hub_hold(&l->conn->hub->engine->holds, &l->hold, "connection end");
    l->on_disconnect = &hooks_of(l->conn)->on_disconnect;
    tell_disconnect(l);
}

void hub_life_opened(struct hub_conn *c, json_t *about) {
    if (hears_of_the_end(hooks_of(c)))
        HUB_UNUSED(conn_life(c, about), "it is there now");
    else
        json_decref(about);
}

void hub_life_turned_back(struct hub_conn *c, const char *one, json_t *about) {
    end_life(conn_life_new(c, one, about));
}

void hub_life_disconnected(struct hub_conn *c) {
    struct hub_life_conn *l = hub_conn_kept(c, &hub_lifecycle_part);
    if (!l && !hears_of_the_end(hooks_of(c))) return;
    if (l) *hub_conn_data(c, &hub_lifecycle_part) = NULL;
    end_life(l ? l : conn_life_new(c, c->user->id, NULL));
}

/* Connections that were there before somebody wanted to hear of their end. */
void hub_life_reloaded(struct hub_engine *e) {
    struct hub_walked_item *item;
    struct hub_walk walk;
    hub_walk_begin(&walk, &e->directory.conns, NULL);
    while ((item = hub_walk_next(&walk))) {
        struct hub_conn *c = HUB_CONTAINER(item, struct hub_conn, in_directory);
        if (c->hub->gone || !hears_of_the_end(hooks_of(c))) continue;
        struct hub_life_conn *l = conn_life(c, NULL);
        if (!l->about) l->about = hub_life_about(c);
    }
    hub_walk_end(&walk);
}

/* ---- onLeave ---- */

struct leaving {
    struct hub_life_hook hook;
    struct hub_list link; /* in the connection's leaving */
    struct hub_life_conn *life;
    struct hub_room *room; /* reference */
};

static bool is_leaving(const struct hub_life_conn *l, const struct hub_room *room) {
    HUB_LIST_EACH(&l->leaving, it)
    if (HUB_CONTAINER(it, struct leaving, link)->room == room) return true;
    return false;
}

static void go_on_joining(struct hub_life_conn *l) {
    struct hub_life_hook *join = l->join;
    if (!join || is_leaving(l, l->join_room)) return;
    l->join = NULL;
    hub_life_decide(join, "deny");
}

static void on_leave_told(struct hub_life_hook *h, const struct hub_verdict *v) {
    struct leaving *g = HUB_CONTAINER(h, struct leaving, hook);
    struct hub_life_conn *l = g->life;
    struct hub_room *room = g->room;
    (void)v;
    hub_list_remove(&g->link);
    free(g);
    hub_life_room_leaving(room, -1);
    hub_room_unref(room);
    go_on_joining(l);
    tell_disconnect(l); /* L may be gone */
}

static void leave_room(struct hub_life_conn *l, struct hub_room *room, const struct hub_rights *rights,
                       const struct hub_leave *why) {
    const struct hub_script *script = &hooks_of(l->conn)->on_leave;
    if (script->kind == HUB_SCRIPT_NONE) return;
    struct leaving *g = hub_xcalloc(1, sizeof *g);
    *g = (struct leaving){.life = l, .room = hub_room_ref(room)};
    hub_list_push(&l->leaving, &g->link);
    hub_life_room_leaving(room, 1);
    hub_life_hook_init(&g->hook, l->conn->hub, script, on_leave_told);
    add_who(&g->hook, l);
    add_room(&g->hook, room, rights);
    hub_life_text(&g->hook, "reason", hub_cstr(why->reason));
    hub_life_text(&g->hook, "detail", why->detail);
    hub_life_tell(&g->hook);
}

void hub_life_left(struct hub_member *m, struct hub_room *room, const struct hub_leave *why) {
    struct hub_conn *c = m->conn;
    if (!hears_of_the_end(hooks_of(c))) return;
    struct hub_life_conn *l = conn_life(c, NULL);
    if (c->closed) {
        if (!l->rooms) l->rooms = json_array();
        json_array_append_new(l->rooms, json_string(room->id));
    }
    leave_room(l, room, &m->rights, why);
}

/* ---- onJoin ---- */

struct hub_entry {
    struct hub_hold hold; /* on to the definition that RIGHTS are of */
    struct hub_life_hook hook;
    struct hub_life_conn *life; /* its onDisconnect waits for this one's end */
    struct hub_room *room;      /* reference */
    struct hub_rights rights;
    hub_lifecycle_joined *done;
    void *arg;
};

bool hub_lifecycle_asks_to_join(const struct hub_def *def) {
    return def->parts.lifecycle.on_join.kind != HUB_SCRIPT_NONE;
}

static void end_entry(struct hub_entry *y) {
    struct hub_life_conn *l = y->life;
    l->entering--;
    hub_unhold(&y->hold);
    hub_life_room_leaving(y->room, -1);
    hub_room_unref(y->room);
    free(y);
    tell_disconnect(l); /* L may be gone */
}

void hub_lifecycle_entered(struct hub_entry *y) { end_entry(y); }

void hub_lifecycle_not_entered(struct hub_entry *y, enum hub_code code) {
    bool ends = y->life->conn->closed || code == HUB_SHUTTING_DOWN;
    const char *reason = ends                                           ? "disconnected"
                         : code == HUB_BLOCKED                          ? "blocked"
                         : y->room->ended || code == HUB_ROOM_NOT_FOUND ? "closed"
                                                                        : "kicked";
    const char *detail = y->life->conn->closed ? y->life->conn->reason : hub_code_name(code);
    leave_room(y->life, y->room, &y->rights, &(struct hub_leave){reason, hub_cstr(detail)});
    end_entry(y);
}

static void on_join_asked(struct hub_life_hook *h, const struct hub_verdict *v) {
    struct hub_entry *y = HUB_CONTAINER(h, struct hub_entry, hook);
    hub_lifecycle_joined *done = y->done;
    void *arg = y->arg;
    if (v->code) {
        done(arg, v, NULL);
        end_entry(y);
    } else {
        done(arg, v, y);
    }
}

void hub_lifecycle_join(struct hub_conn *c, struct hub_room *room, const struct hub_rights *rights,
                        hub_lifecycle_joined *done, void *arg) {
    struct hub_entry *y = hub_xcalloc(1, sizeof *y);
    *y = (struct hub_entry){
        .life = conn_life(c, NULL), .room = hub_room_ref(room), .rights = *rights, .done = done, .arg = arg};
    hub_hold(&c->hub->engine->holds, &y->hold, "room entry");
    y->life->entering++;
    hub_life_room_leaving(room, 1); /* it will have left, should the join fail */
    hub_life_hook_init(&y->hook, c->hub, &hooks_of(c)->on_join, on_join_asked);
    add_who(&y->hook, y->life);
    add_room(&y->hook, room, rights);
    if (!is_leaving(y->life, room)) {
        hub_life_decide(&y->hook, "deny");
        return;
    }
    y->life->join = &y->hook;
    y->life->join_room = room;
}
