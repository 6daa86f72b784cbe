/* The part: its life with the engine. */
#include "hub/lifecycle/lifecycle_int.h"

#include <stdlib.h>

static void on_created(struct hub_engine *e) {
    struct hub_life *life = *hub_engine_part(e, &hub_lifecycle_part) = hub_xcalloc(1, sizeof *life);
    life->engine = e;
    hub_list_init(&life->waiting);
    hub_list_init(&life->lingering);
}

static void on_stopped(struct hub_engine *e) {
    struct hub_life *life = hub_life_of(e);
    life->stopped = true;
    hub_timer_stop(e->config.loop, &life->turn);
    hub_life_drop(life);
}

static void on_deleted(struct hub_engine *e) {
    hub_map_clear(&hub_life_of(e)->arriving_at);
    hub_map_clear(&hub_life_of(e)->waiting_of);
    free(hub_life_of(e));
}

const struct hub_part hub_lifecycle_part = {
    .name = "lifecycle",
    .help = "Scripts that are called when connections and rooms come and go.",
    .keywords = "lifecycle",
    .room_data = true,
    .conn_data = true,
    .engine_data = true,
    .created = on_created,
    .reloaded = hub_life_reloaded,
    .member_left = hub_life_left,
    .of_guests = true,
    .disconnected = hub_life_disconnected,
    .room_left = hub_room_use,
    .room_unused = hub_life_room_unused,
    .room_closed = hub_life_room_closed,
    .room_emptied = hub_life_room_emptied,
    .stopped = on_stopped,
    .deleted = on_deleted,
};
