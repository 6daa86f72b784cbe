/* A list that can be walked through with pauses: what leaves it meanwhile is left out, what comes is not
 * visited. For what is too long to be gone through in one turn. */
#ifndef HUB_BASE_WALK_H
#define HUB_BASE_WALK_H
#include <stdint.h>

#include "base/collection/list.h"
#include "base/memory/mem.h"

/* Zero and hub_walked_init. */
struct hub_walked {
    struct hub_list items; /* the oldest first */
    struct hub_list walks; /* under way */
    uint64_t last;         /* number of the latest item */
};
struct hub_walked_item {
    struct hub_list link;
    uint64_t number; /* in the order of coming, from 1; 0: it is in no list */
};
/* Must not move in memory between begin and end. */
struct hub_walk {
    struct hub_list link;
    struct hub_walked *of;
    struct hub_list *next;
    uint64_t until;
};

static inline void hub_walked_init(struct hub_walked *l) {
    hub_list_init(&l->items);
    hub_list_init(&l->walks);
}
static inline void hub_walked_add(struct hub_walked *l, struct hub_walked_item *i) {
    i->number = ++l->last;
    hub_list_push(&l->items, &i->link);
}
static inline void hub_walked_remove(struct hub_walked *l, struct hub_walked_item *i) {
    HUB_LIST_EACH(&l->walks, it) {
        struct hub_walk *w = HUB_CONTAINER(it, struct hub_walk, link);
        if (w->next == &i->link) w->next = i->link.next;
    }
    hub_list_remove(&i->link);
    i->number = 0;
}

/* Begins behind AFTER, an item of the list; NULL: with the first one. */
static inline void hub_walk_begin(struct hub_walk *w, struct hub_walked *l, const struct hub_walked_item *after) {
    *w = (struct hub_walk){.of = l, .next = after ? after->link.next : l->items.next, .until = l->last};
    hub_list_push(&l->walks, &w->link);
}
/* NULL: there are no more. The item may be removed at once. */
static inline struct hub_walked_item *hub_walk_next(struct hub_walk *w) {
    if (w->next == &w->of->items) return NULL;
    struct hub_walked_item *i = HUB_CONTAINER(w->next, struct hub_walked_item, link);
    if (i->number > w->until) return NULL;
    w->next = w->next->next;
    return i;
}
static inline void hub_walk_end(struct hub_walk *w) { hub_list_remove(&w->link); }
#endif
