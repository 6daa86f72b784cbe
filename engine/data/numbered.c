/* Writes that take a number of a sequence. */
#include "data/numbered.h"

#include "base/memory/mem.h"

static void on_turn(struct hub_announcement *a) {
    struct hub_numbered *n = HUB_CONTAINER(a, struct hub_numbered, announcement);
    struct hub_sequence *s = n->sequence;
    if (n->write.number > s->number) s->number = n->write.number;
    hub_unhold(&n->hold);
    n->announce(n);
    s->owner->unref(s);
}

static void on_written(struct hub_write *w) {
    struct hub_numbered *n = w->arg;
    struct hub_sequence *s = n->sequence;
    s->owner->ref(s);
    bool ready = n->written(n);
    hub_feed_done(n->feed, w, true, NULL);
    if (ready) hub_sequence_ready(s, &n->announcement);
    s->owner->unref(s);
}

void hub_numbered_ready(struct hub_numbered *n) {
    struct hub_sequence *s = n->sequence;
    s->owner->ref(s);
    hub_sequence_ready(s, &n->announcement);
    s->owner->unref(s);
}

static void on_undecided(struct hub_write *w) {
    struct hub_numbered *n = w->arg;
    struct hub_sequence *s = n->sequence;
    s->owner->ref(s);
    if (n->undecided) n->undecided(n);
    hub_sequence_undecided(s, &n->announcement);
    s->owner->unref(s);
}

static void take_place(struct hub_sequence *s, const struct hub_sequence_place *place, struct hub_numbered *n) {
    s->owner->ref(s);
    n->sequence = s;
    n->feed = place->feed;
    n->announcement.announce = on_turn;
    hub_hold(place->holds, &n->hold, "numbered write");
    hub_sequence_announce(s, &n->announcement);
}

void hub_sequence_write(struct hub_sequence *s, const struct hub_sequence_place *place, struct hub_numbered *n) {
    take_place(s, place, n);
    n->write.counter_scope = place->scope;
    n->write.counter_room = place->key;
    n->write.done = on_written;
    n->write.undecided = on_undecided;
    n->write.arg = n;
    if (!n->quiet) hub_feed_announce(place->feed, &n->write, true);
    place->store->ops->write(place->store, &n->write);
}

void hub_sequence_pass(struct hub_sequence *s, const struct hub_sequence_place *place, struct hub_numbered *n) {
    take_place(s, place, n);
    hub_sequence_ready(s, &n->announcement);
}
