/* The order of announcements. */
#include "async/sequence.h"

#include <stddef.h>

#include "base/memory/mem.h"

void hub_sequence_init(struct hub_sequence *s, const struct hub_sequence_owner *owner) {
    s->owner = owner;
    hub_list_init(&s->announcements);
}

void hub_sequence_announce(struct hub_sequence *s, struct hub_announcement *a) {
    a->ready = a->undecided = false;
    hub_list_push(&s->announcements, &a->link);
}

/* The first that may go; NULL: all wait. */
static struct hub_announcement *next_announcement(const struct hub_sequence *s) {
    HUB_LIST_EACH(&s->announcements, it) {
        struct hub_announcement *a = HUB_CONTAINER(it, struct hub_announcement, link);
        if (a->ready) return a;
        if (!a->undecided) break;
    }
    return NULL;
}

static void announce_ready(struct hub_sequence *s) {
    for (struct hub_announcement *a; (a = next_announcement(s));) {
        hub_list_remove(&a->link);
        a->announce(a);
    }
}

void hub_sequence_undecided(struct hub_sequence *s, struct hub_announcement *a) {
    a->undecided = true;
    announce_ready(s);
}

void hub_sequence_ready(struct hub_sequence *s, struct hub_announcement *a) {
    a->ready = true;
    announce_ready(s);
}
