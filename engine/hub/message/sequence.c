/* What takes a number of the room: its place in the order, the commit, the announcement.
 *
 * The store gives the number inside the transaction and writes in the order submitted; announcements leave
 * in that order too, whichever of them have a number. A write whose outcome is not known keeps its place:
 * should it turn out to have been committed, it is announced then, before every number after it. */
#include "hub/message/message.h"

static void on_turn(struct hub_room_out *out) {
    struct hub_numbered *n = HUB_CONTAINER(out, struct hub_numbered, out);
    struct hub_room *room = n->room;
    if (n->write.number > room->seq) room->seq = n->write.number;
    hub_unhold(&n->hold);
    n->announce(n);
    hub_room_unref(room);
}

static void on_written(struct hub_write *w) {
    struct hub_numbered *n = w->arg;
    struct hub_room *room = hub_room_ref(n->room);
    bool ready = n->written(n);
    hub_feed_done(hub_of(room)->engine->data.feed, w, true, NULL);
    if (ready) hub_room_out_ready(room, &n->out);
    hub_room_unref(room);
}

void hub_numbered_ready(struct hub_numbered *n) {
    struct hub_room *room = hub_room_ref(n->room);
    hub_room_out_ready(room, &n->out);
    hub_room_unref(room);
}

static void on_undecided(struct hub_write *w) {
    struct hub_numbered *n = w->arg;
    struct hub_room *room = hub_room_ref(n->room);
    if (n->undecided) n->undecided(n);
    hub_room_out_undecided(room, &n->out);
    hub_room_unref(room);
}

static void take_place(struct hub_room *room, struct hub_numbered *n) {
    n->room = hub_room_ref(room);
    n->out.announce = on_turn;
    hub_hold(&hub_of(room)->engine->holds, &n->hold, "numbered write");
    hub_room_out(room, &n->out);
}

void hub_numbered_write(struct hub_room *room, struct hub_numbered *n) {
    struct hub_hub *hub = hub_of(room);
    struct hub_store *store = hub->engine->config.store;
    take_place(room, n);
    n->write.counter_scope = hub->def->name;
    n->write.counter_room = hub_cstr(room->id);
    n->write.done = on_written;
    n->write.undecided = on_undecided;
    n->write.arg = n;
    if (!n->quiet) hub_feed_announce(hub->engine->data.feed, &n->write, true);
    store->ops->write(store, &n->write);
}

void hub_numbered_pass(struct hub_room *room, struct hub_numbered *n) {
    take_place(room, n);
    hub_room_out_ready(room, &n->out);
}
