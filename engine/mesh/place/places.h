/* The places that a node knows, by name, and the order in which it asks for those it needs: so many at a
 * time, those with members first, and each a little later than it could when other nodes are after it, too.
 *
 * Knows no clock: NOW is the caller's, in ms, always of the same one. One thread. */
#ifndef HUB_MESH_PLACES_H
#define HUB_MESH_PLACES_H
#include "base/collection/keyed.h"
#include "mesh/place/place.h"

struct hub_places_config {
    size_t asks_max;     /* questions and claims under way at a time */
    int64_t takeover_ms; /* of a node that is gone: those with members within so much, then as long the others */
    int64_t yield_ms;    /* after a chance that was of no use: so much to twice of it */
    int64_t retry_ms;    /* after no answer: the same */
    uint64_t seed;       /* of the jitter: nodes need different ones */
};

/* Made and freed here. */
struct hub_known_place {
    struct hub_place place;
    char *name;
    size_t members; /* that are here; the caller's, for the order */
    void *ctx;      /* the caller's */
    /* places.c */
    bool under_way; /* a question or a claim of it is */
    bool first;     /* it had members when it was queued */
    int64_t due;    /* queued: not before */
    uint64_t order; /* of queueing */
    size_t slot;    /* in the queue, from 1 on; 0: it is not queued */
};

struct hub_places {
    struct hub_places_config config;
    struct hub_keyed by_name;       /* hub_known_place */
    struct hub_known_place **queue; /* ASKING and not asked yet: a heap by due, first, order */
    size_t queued, cap, under_way;
    uint64_t random, orders;
    uint64_t last_ticket; /* of places that were dropped: the next ones begin above */
};

void hub_places_init(struct hub_places *all, const struct hub_places_config *config);
void hub_places_deinit(struct hub_places *all); /* forgets all, whatever their state */
struct hub_known_place *hub_places_find(const struct hub_places *all, struct hub_str name); /* NULL: not known */
/* Makes it, if it is not known: in the state HUB_PLACE_UNKNOWN. */
struct hub_known_place *hub_places_get(struct hub_places *all, struct hub_str name);
/* Forgets and frees it; its state is HUB_PLACE_UNKNOWN. Answers that come later for that name are still told
 * apart. */
void hub_places_drop(struct hub_places *all, struct hub_known_place *k);
/* For (size_t at = 0; (k = hub_places_each(all, &at));) …, which must not get or drop. */
struct hub_known_place *hub_places_each(const struct hub_places *all, size_t *at);

/* hub_place_step, but that HUB_PLACE_ASK is never in what is to be done: hub_places_next says when. */
HUB_MUST unsigned hub_places_step(struct hub_places *all, struct hub_known_place *k, const struct hub_place_event *e,
                                  int64_t now);
/* The next one that has to be asked for, and counts as under way from now on: who may try, or
 * HUB_PLACE_UNANSWERED, follows with its ticket as it is now. NULL: none yet. */
struct hub_known_place *hub_places_next(struct hub_places *all, int64_t now);
/* When hub_places_next will have one; INT64_MAX: not before something else happens. */
int64_t hub_places_due(const struct hub_places *all);
#endif
