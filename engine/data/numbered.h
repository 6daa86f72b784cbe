/* Writes that take a number of a sequence (async/sequence.h): their place in the order, the commit, the
 * announcement.
 *
 * The store gives the number inside the transaction and writes in the order submitted; announcements leave
 * in that order too, whichever of them have a number. A write whose outcome is not known keeps its place:
 * should it turn out to have been committed, it is announced then, before every number after it. */
#ifndef HUB_DATA_NUMBERED_H
#define HUB_DATA_NUMBERED_H
#include "async/hold.h"
#include "async/sequence.h"
#include "data/change_feed.h"
#include "persist/store.h"

/* Where a sequence has its counter, and what the work on it needs. SCOPE and KEY are borrowed until the store
 * has copied them; the others last as long as the engine. */
struct hub_sequence_place {
    struct hub_store *store;
    struct hub_feed *feed;
    struct hub_holds *holds;
    const char *scope;
    struct hub_str key;
};

/* Part of its owner's struct, which lives until announce. */
struct hub_numbered {
    struct hub_write write; /* table, kind, cells, where, conflict, numbering, return_row are the owner's to fill */
    struct hub_announcement announcement; /* the rest up to QUIET is numbered.c's */
    struct hub_hold hold;                 /* while under way */
    struct hub_sequence *sequence;        /* its owner is held while under way */
    struct hub_feed *feed;
    bool quiet;                                /* no event of it, for there was one that led to it */
    void (*undecided)(struct hub_numbered *n); /* hub_write.undecided: whoever waits is to be told. May be NULL */
    /* After the commit, or write.code: the only time write.row can be read. False: the announcement waits
     * for hub_numbered_ready. */
    bool (*written)(struct hub_numbered *n);
    void (*announce)(struct hub_numbered *n); /* its turn: the sequence's number is raised; frees the owner */
};
void hub_sequence_write(struct hub_sequence *s, const struct hub_sequence_place *place, struct hub_numbered *n);
void hub_numbered_ready(struct hub_numbered *n); /* later than WRITTEN, which returned false */
/* Only takes its turn: for what is told and not stored. Written is not called. */
void hub_sequence_pass(struct hub_sequence *s, const struct hub_sequence_place *place, struct hub_numbered *n);
#endif
