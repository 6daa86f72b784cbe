/* Inside the removal: one pass of a hub after the other, of which each step is one bounded batch. Between two
 * steps there is a pause that grows with what the step took, so that others have most of the store. */
#ifndef HUB_RETENTION_RETENTION_INT_H
#define HUB_RETENTION_RETENTION_INT_H
#include "hub/call/call.h"
#include "hub/retention/retention.h"

#define HUB_RETENTION_BATCH 500 /* rows of one step */

struct hub_retentions {
    struct hub_engine *engine;
    struct hub_map by_hub; /* name → hub_retained */
    bool stopped;
};

/* What is kept of one hub. A pass goes through its phases; a reload, a stop and failures end it, and the
 * next one begins where things are then. */
struct hub_retained {
    struct hub_retentions *all;
    char *hub;              /* name of the hub, which a reload may take away */
    struct hub_timer timer; /* of the next pass, or of the next step of this one */
    size_t phase;
    bool busy;          /* a step waits for the store */
    int64_t pass, step; /* loop time at which they began */
    /* what rooms.c knows */
    struct hub_map due;    /* ids of rooms to be looked at → enum hub_retention_look */
    struct hub_map looked; /* id → where the room's counter was when it was looked at last */
    bool gathered;         /* rooms in use were, in this pass */
    bool walking;          /* over all rooms that there are */
    char *walked;          /* the last id so far, or NULL */
    uint32_t walk;         /* which one it is: it may begin anew while the store is asked */
    char *room;            /* that is being looked at, or NULL */
    int64_t number;        /* its counter */
    int64_t per_room;      /* how many of its messages stay, by which BOUNDARY was found */
    int64_t boundary;      /* those up to that number go; 0: not known yet, or none */
};

enum hub_retention_look { HUB_LOOK_AT_NUMBER = 1, HUB_LOOK_AT_COUNT };

/* The hub that R is about; NULL: nothing of it may be removed (any more). */
struct hub_hub *hub_retained_hub(const struct hub_retained *r);
/* A step is over: MORE says that its phase is not. */
void hub_retention_next(struct hub_retained *r, bool more);
/* The store could not be asked: the pass is over. */
void hub_retention_fail(struct hub_retained *r, enum hub_code code);

/* ---- batch.c ---- */

/* What is counted of removed rows. */
enum hub_removed_for { HUB_REMOVED_OLD, HUB_REMOVED_DELETED, HUB_REMOVED_MANY, HUB_REMOVED_EVENTS };
void hub_retention_count(enum hub_removed_for why, int64_t n);

/* The first HUB_RETENTION_BATCH messages that meet WHERE, by ORDER: removed with what a replay has to know.
 * DONE comes once, later; MORE: there may be others. */
typedef void hub_retention_removed(struct hub_retained *r, enum hub_code code, bool more);
void hub_retention_remove(struct hub_retained *r, const struct hub_cond *where, size_t n, int order,
                          enum hub_removed_for why, hub_retention_removed *done);

/* ---- rooms.c ---- */

void hub_retention_rooms(struct hub_retained *r, struct hub_hub *hub); /* a step of that phase */
void hub_retention_begin_rooms(struct hub_retained *r);                /* what is said of rooms may be new */
/* Its data is about to be freed: whether there is something to be removed is still to be found out. */
void hub_retention_room_emptied(struct hub_room *room);
void hub_retention_forget_rooms(struct hub_retained *r);
#endif
