/* SIGHUP: new definitions for running hubs. Members keep their places; their rights follow the role of the
 * same name at once, and are worked out again by the new rules. */
#include <stdlib.h>

#include "data/outbox.h"
#include "hub/access/access.h"
#include "hub/engine_int.h"
#include "hub/join/join.h"
#include "hub/member/member.h"
#include "hub/shared_state/shared_state.h"

/* One reload, until everybody's rights have been worked out. */
struct renewal {
    struct hub_settling rights;
    hub_reloaded *done;
    void *arg;
};

/* A member whose role no longer exists keeps at most the right to read, until its new rights are known. */
static void renew_rights(struct hub_member *m, const struct hub_def *def) {
    if (m->rights.system || !m->rights.role) return;
    const struct hub_def_role *role = hub_def_role(def, hub_cstr(m->rights.role->name));
    struct hub_rights now = role ? hub_rights_of(role) : (struct hub_rights){.can_read = m->rights.can_read};
    bool same = hub_rights_equal(&m->rights, &now), could_read = m->rights.can_read;
    hub_member_set_rights(m, &now);
    if (role && !same) hub_permissions_tell(m);
    if (!could_read && now.can_read) hub_shared_state_seated(m);
}

static void renew_room(struct hub_room *room, const struct hub_def *def, struct hub_work *work) {
    HUB_ROOM_EACH_USER(room, u) {
        HUB_LIST_EACH(&u->members, m) renew_rights(HUB_CONTAINER(m, struct hub_member, in_user), def);
    }
    HUB_PARTS_CALL(hub_of(room)->engine, room_reloaded, room);
    if (room->user_n || hub_room_has_data(room))
        hub_room_recheck(room, work); /* actions with keepAlive end with their room */
}

static void renew_conns(struct hub_hub *hub) {
    const struct hub_identity_ctx *identity = hub->engine->config.identity;
    HUB_LIST_EACH_SAFE(&hub->conns, it) {
        struct hub_conn *c = HUB_CONTAINER(it, struct hub_conn, link);
        if (!hub_identity_stands(identity, c->identity)) hub_identity_end_socket(c->socket, c->identity);
    }
}

static void renew_hub(struct hub_hub *hub, size_t index, struct hub_work *work) {
    hub->def = &hub->engine->config.service->hubs[index];
    hub->tables = &hub->engine->config.tables->hubs[index];
    renew_conns(hub);
    hub_authorize_rules(hub);
    hub_authorize_forget(hub, hub_str(NULL, 0), hub_str(NULL, 0), work); /* what decides may have changed */
    size_t n = hub_map_len(&hub->rooms), i = 0;
    struct hub_room **rooms = hub_xcalloc(n, sizeof(struct hub_room *));
    void *value;
    for (void *it = NULL; (it = hub_map_next(&hub->rooms, it, NULL, &value));) rooms[i++] = hub_room_ref(value);
    for (i = 0; i < n; i++) {
        renew_room(rooms[i], hub->def, work);
        hub_room_unref(rooms[i]);
    }
    free(rooms);
}

/* Its definition is freed, too: nothing of it may run on by itself, not even the actions of rooms without
 * members. */
static void retire_hub(struct hub_engine *e, struct hub_hub *hub) {
    while (!hub_list_empty(&hub->conns))
        hub_socket_disconnect(HUB_CONTAINER(hub->conns.next, struct hub_conn, link)->socket, false);
    hub_hub_close_rooms(hub);
    hub->gone = true;
    e->gone = hub_xrealloc(e->gone, (e->gone_n + 1) * sizeof(struct hub_hub *));
    e->gone[e->gone_n++] = hub;
}

static HUB_MUST struct hub_hub *take_old(struct hub_hub **old, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        struct hub_hub *h = old[i];
        if (!h || strcmp(h->def->name, name)) continue;
        old[i] = NULL;
        return h;
    }
    return NULL;
}

static void answer_renewal(struct hub_settling *s) {
    const struct renewal *r = HUB_CONTAINER(s, struct renewal, rights);
    r->done(r->arg);
}

static void free_renewal(struct hub_settling *s) { free(HUB_CONTAINER(s, struct renewal, rights)); }

static void renew_hubs(struct hub_engine *e, struct hub_work *work) {
    struct hub_hub **old = e->hubs;
    size_t old_n = e->hub_n;
    e->hub_n = e->config.service->hub_n;
    e->hubs = hub_xcalloc(e->hub_n, sizeof(struct hub_hub *));
    for (size_t i = 0; i < e->hub_n; i++) {
        e->hubs[i] = take_old(old, old_n, e->config.service->hubs[i].name);
        if (e->hubs[i])
            renew_hub(e->hubs[i], i, work);
        else
            e->hubs[i] = hub_hub_new(e, i);
    }
    for (size_t i = 0; i < old_n; i++)
        if (old[i]) retire_hub(e, old[i]);
    free(old);
}

static void rejudge_conns(struct hub_engine *e, struct hub_work *work) {
    struct hub_walked_item *item;
    struct hub_walk walk;
    hub_walk_begin(&walk, &e->directory.conns, NULL);
    while ((item = hub_walk_next(&walk))) {
        struct hub_conn *c = hub_conn_ref(HUB_CONTAINER(item, struct hub_conn, in_directory));
        HUB_PARTS_CALL(e, rejudged, c, work);
        hub_conn_unref(c);
    }
    hub_walk_end(&walk);
}

void hub_engine_reload(struct hub_engine *e, const struct hub_service *service, const struct hub_tables *tables,
                       struct hub_scripts *scripts, hub_reloaded *done, void *arg) {
    struct renewal *r = hub_xcalloc(1, sizeof *r);
    *r = (struct renewal){.rights = {.answer = answer_renewal, .end = free_renewal}, .done = done, .arg = arg};
    e->config.service = service;
    e->reads.max_queue = (size_t)service->max_queue_bytes;
    e->backlog.most = (size_t)service->max_waiting_bytes;
    e->config.tables = tables;
    e->config.scripts = scripts;
    if (e->outbox) hub_outbox_configure(e->outbox, service, tables->outbox);
    HUB_PARTS_CALL(e, reloading, e);
    hub_settling_begin(&r->rights, e->config.loop, "a reload");
    renew_hubs(e, &r->rights.work);
    HUB_PARTS_CALL(e, reloaded, e);
    rejudge_conns(e, &r->rights.work);
    hub_settling_wait(&r->rights);
}
