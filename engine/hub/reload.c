/* SIGHUP: new definitions for running hubs. Members keep their places; their rights follow the role of the same name. */
#include <stdlib.h>

#include "hub/hub_int.h"
#include "hub/outbox.h"

/* False: the role is gone, and with it the member's reason to be here. */
static bool renew_rights(struct hub_member *m, const struct hub_def *def) {
    if (m->rights.system || !m->rights.role) return true;
    const struct hub_def_role *role = hub_def_role(def, hub_cstr(m->rights.role->name));
    if (!role) return false;
    struct hub_rights now = hub_rights_of(role);
    bool same = hub_rights_equal(&m->rights, &now);
    hub_member_set_rights(m, &now);
    if (!same) hub_permissions_tell(m);
    return true;
}

static void renew_user(struct hub_room *room, struct hub_room_user *u, const struct hub_def *def) {
    HUB_LIST_EACH(&u->members, it) {
        if (renew_rights(HUB_CONTAINER(it, struct hub_member, in_user), def)) continue;
        hub_room_expel(room, hub_cstr(u->id), "hub:kicked", HUB_STR("not_authorized"), HUB_NOT_IN_ROOM);
        return;
    }
}

static void renew_room(struct hub_room *room, const struct hub_def *def) {
    size_t n = hub_map_len(&room->users), i = 0;
    struct hub_room_user **users = hub_xcalloc(n, sizeof(struct hub_room_user *));
    void *value;
    hub_room_ref(room);
    for (void *it = NULL; (it = hub_map_next(&room->users, it, NULL, &value));) users[i++] = value; /* expelling changes the map */
    for (i = 0; i < n; i++) renew_user(room, users[i], def);
    hub_actions_restart(room);
    hub_room_unref(room);
    free(users);
}

static void renew_hub(struct hub_hub *hub, size_t index) {
    hub->def = &hub->engine->config.service->hubs[index];
    hub->tables = &hub->engine->config.tables->hubs[index];
    hub_decide_rules(hub);
    hub_decide_forget(hub, hub_str(NULL, 0), hub_str(NULL, 0), NULL); /* what decides may have changed */
    size_t n = hub_map_len(&hub->rooms), i = 0;
    struct hub_room **rooms = hub_xcalloc(n, sizeof(struct hub_room *));
    void *value;
    for (void *it = NULL; (it = hub_map_next(&hub->rooms, it, NULL, &value));) rooms[i++] = hub_room_ref(value);
    for (i = 0; i < n; i++) {
        renew_room(rooms[i], hub->def);
        hub_room_unref(rooms[i]);
    }
    free(rooms);
}

static void retire(struct hub_engine *e, struct hub_hub *hub) {
    while (!hub_list_empty(&hub->conns)) hub_socket_disconnect(HUB_CONTAINER(hub->conns.next, struct hub_conn, link)->socket, false);
    e->gone = hub_xrealloc(e->gone, (e->gone_n + 1) * sizeof(struct hub_hub *));
    e->gone[e->gone_n++] = hub;
}

static struct hub_hub *take_old(struct hub_hub **old, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        struct hub_hub *h = old[i];
        if (!h || strcmp(h->def->name, name)) continue;
        old[i] = NULL;
        return h;
    }
    return NULL;
}

void hub_engine_reload(struct hub_engine *e, const struct hub_service *service, const struct hub_tables *tables, struct hub_scripts *scripts) {
    struct hub_hub **old = e->hubs;
    size_t old_n = e->hub_n;
    e->config.service = service;
    e->reads.max_queue = (size_t)service->max_queue_bytes;
    e->config.tables = tables;
    e->config.scripts = scripts;
    if (e->outbox) hub_outbox_configure(e->outbox, service, tables->outbox);
    e->hub_n = service->hub_n;
    e->hubs = hub_xcalloc(e->hub_n, sizeof(struct hub_hub *));
    for (size_t i = 0; i < e->hub_n; i++) {
        e->hubs[i] = take_old(old, old_n, service->hubs[i].name);
        if (e->hubs[i])
            renew_hub(e->hubs[i], i);
        else
            e->hubs[i] = hub_hub_new(e, i);
    }
    for (size_t i = 0; i < old_n; i++)
        if (old[i]) retire(e, old[i]);
    free(old);
    hub_bridge_subscribe(e);
}
