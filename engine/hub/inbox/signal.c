/* Which rooms are watched, and word of their changes. On one node a room that is in use says itself that
 * it has changed, and nothing is asked of rooms that nobody watches. */
#include <stdlib.h>

#include "hub/inbox/inbox_int.h"

struct hub_str hub_inbox_key(struct hub_buf *b, const struct hub_hub *hub, struct hub_str name) {
    hub_buf_clear(b);
    hub_buf_add(b, hub->def->name, strlen(hub->def->name) + 1);
    hub_buf_adds(b, name);
    return hub_buf_str(b);
}

/* ---- rooms ---- */

struct hub_inbox_watched *hub_inbox_watched_find(const struct hub_inbox *all, const struct hub_hub *hub,
                                                 struct hub_str room_id) {
    struct hub_buf key = {0};
    struct hub_inbox_watched *w = hub_map_get(&all->rooms, hub_inbox_key(&key, hub, room_id));
    hub_buf_free(&key);
    return w;
}

struct hub_inbox_watched *hub_inbox_watched_of(struct hub_inbox *all, struct hub_hub *hub, struct hub_str room_id) {
    struct hub_inbox_watched *w = hub_inbox_watched_find(all, hub, room_id);
    struct hub_buf key = {0};
    if (w) return w;
    w = hub_xcalloc(1, sizeof *w + room_id.n + 1);
    w->hub = hub;
    hub_list_init(&w->entries);
    hub_list_init(&w->idle);
    memcpy(w->id, room_id.p, room_id.n);
    hub_map_put(&all->rooms, hub_inbox_key(&key, hub, room_id), w);
    hub_buf_free(&key);
    hub_inbox_signals->watch(hub, room_id);
    return w;
}

void hub_inbox_watched_free(struct hub_inbox *all, struct hub_inbox_watched *w) {
    struct hub_buf key = {0};
    hub_inbox_signals->unwatch(w->hub, hub_cstr(w->id));
    hub_map_del(&all->rooms, hub_inbox_key(&key, w->hub, hub_cstr(w->id)));
    hub_buf_free(&key);
    free(w);
}

/* ---- of a single node ---- */

static void tell_user(const struct hub_room *room, struct hub_str user) {
    struct hub_inbox *all = hub_inbox_of(hub_of(room)->engine);
    struct hub_inbox_entry *x = hub_inbox_entry_find(all, hub_of(room), user, hub_cstr(room->id));
    if (x) hub_inbox_due(x);
}

/* Of what is for some others only a user learns nothing, not even that there was something. */
static void on_changed(struct hub_room *room, const struct hub_target *t) {
    struct hub_inbox *all = hub_inbox_of(hub_of(room)->engine);
    if (!t || (t->to != HUB_TO_IDS && t->to != HUB_TO_SENDER)) {
        struct hub_inbox_watched *w = hub_inbox_watched_find(all, hub_of(room), hub_cstr(room->id));
        if (w) hub_inbox_all_due(all, w);
        return;
    }
    if (t->sender.n) tell_user(room, t->sender);
    for (size_t i = 0; t->to == HUB_TO_IDS && i < json_array_size(t->ids); i++)
        tell_user(room, hub_json_str(json_array_get(t->ids, i)));
}

static void watch_here(struct hub_hub *hub, struct hub_str room_id) {
    struct hub_room *room = hub_room_find(&hub->rooms, room_id);
    if (room) room->changed = on_changed;
}

static void unwatch_here(struct hub_hub *hub, struct hub_str room_id) {
    struct hub_room *room = hub_room_find(&hub->rooms, room_id);
    if (room) room->changed = NULL;
}

void hub_inbox_room_loaded(struct hub_room *room) {
    const struct hub_inbox *all = hub_inbox_of(hub_of(room)->engine);
    if (all->entry_n && hub_inbox_watched_find(all, hub_of(room), hub_cstr(room->id))) room->changed = on_changed;
}

static const struct hub_inbox_signals of_this_node = {watch_here, unwatch_here};
const struct hub_inbox_signals *const hub_inbox_signals = &of_this_node;
