/* A room's own sequence: where its counter is, and who holds it. */
#include "hub/message/message.h"

static struct hub_sequence_place place_of(const struct hub_room *room) {
    struct hub_engine *e = hub_of(room)->engine;
    return (struct hub_sequence_place){.store = e->config.store,
                                       .feed = e->data.feed,
                                       .holds = &e->holds,
                                       .scope = hub_of(room)->def->name,
                                       .key = hub_cstr(room->id)};
}

void hub_room_write(struct hub_room *room, struct hub_numbered *n) {
    const struct hub_sequence_place place = place_of(room);
    hub_sequence_write(&room->sequence, &place, n);
}

void hub_room_pass(struct hub_room *room, struct hub_numbered *n) {
    const struct hub_sequence_place place = place_of(room);
    hub_sequence_pass(&room->sequence, &place, n);
}
