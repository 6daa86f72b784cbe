/* Rooms as hubs have them: what the parts do in a room's life, and what they keep of it. */
#include "base/memory/bug.h"
#include "hub/core/core.h"

static void on_loaded(struct hub_room *room) { HUB_PARTS_CALL(hub_of(room)->engine, room_loaded, room); }
static void on_closed(struct hub_room *room) { HUB_PARTS_CALL(hub_of(room)->engine, room_closed, room); }
static void on_emptied(struct hub_room *room) {
    HUB_PARTS_CALL(hub_of(room)->engine, room_emptied, room);
    hub_walked_remove(&hub_of(room)->room_list, &room->in_hub);
}

static bool on_unused(struct hub_room *room) {
    HUB_PARTS_EACH(hub_of(room)->engine, room_unused, part) {
        if ((*part)->room_unused(room)) return true;
    }
    return false;
}

static const struct hub_room_ops ops = {
    .loaded = on_loaded, .closed = on_closed, .unused = on_unused, .emptied = on_emptied};

struct hub_room *hub_room_of(struct hub_hub *hub, struct hub_str id) {
    struct hub_room *room = hub_room_get(&hub->rooms, hub->engine->config.loop, &ops, hub, id);
    if (!room->in_hub.number) hub_walked_add(&hub->room_list, &room->in_hub);
    return room;
}

void hub_room_record_changed(struct hub_room *room) {
    struct hub_engine *e = hub_of(room)->engine;
    HUB_PARTS_CALL(e, readable_changed, e, HUB_READABLE_ROOMS, hub_of(room), HUB_STR(""), NULL);
}

/* The places are given to the parts that want one in the order of their list. */
void **hub_room_data(struct hub_room *room, const struct hub_part *part) {
    size_t place = hub_parts_with(hub_of(room)->engine, offsetof(struct hub_part, room_data), part);
    HUB_BUG_IF(place >= HUB_ROOM_PARTS);
    return &room->part_data[place];
}

bool hub_room_has_data(const struct hub_room *room) {
    for (size_t i = 0; i < HUB_ROOM_PARTS; i++)
        if (room->part_data[i]) return true;
    return false;
}
