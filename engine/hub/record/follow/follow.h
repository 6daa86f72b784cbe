/* Who reads and follows records: subscriptions, guards, and what those are told who pass them. Inside of
 * engine/hub/record. */
#ifndef HUB_RECORD_FOLLOW_FOLLOW_H
#define HUB_RECORD_FOLLOW_FOLLOW_H
#include "hub/record/record_int.h"

void hub_record_show(struct hub_call *call); /* hub:readRecord (read.c) */

/* ---- followers (follow.c) ---- */

enum hub_follow_mode { HUB_FOLLOW_FULL, HUB_FOLLOW_PATCH };
struct hub_follower {
    struct hub_grant grant;
    struct hub_list in_record, behind; /* BEHIND: alone, or in all->behind */
    struct hub_record *record;         /* reference, once it is granted */
    enum hub_follow_mode mode;
    struct hub_seat seat;
    int64_t told; /* the last version that it was told of */
    /* can_read.c */
    struct hub_list due;       /* in hearing->due */
    struct hub_asking *asking; /* NULL: its guard is not being asked about a change */
    uint32_t known_by;         /* all->definitions when it was looked up */
    bool looks;                /* whether its guard may look at the record */
    bool reads;                /* whether it has read the record by its id, once */
    bool by_guard;             /* what it is to be asked about was changed by a guard */
};
extern const struct hub_granting hub_record_following;
void hub_record_follow(struct hub_call *call);   /* hub:subscribeRecord */
void hub_record_unfollow(struct hub_call *call); /* hub:unsubscribeRecord */
/* Tells those who follow R that it changed from WAS (NULL: there was none) to what it is, by the guard of
 * BY or NULL. */
void hub_record_tell(struct hub_record *r, const json_t *was, const struct hub_grant *by);

/* A version of a record as followers are told of it. */
struct hub_record_news {
    unsigned refs;
    int64_t version;
    json_t *value;              /* NULL: there is none */
    struct hub_buf full, patch; /* PATCH: from the version before; empty: there is none */
};
HUB_MUST struct hub_record_news *hub_record_news_of(const struct hub_record *r);
void hub_follower_hear(struct hub_follower *f, const struct hub_record_news *news);

/* ---- guards that have read a record (readers.c) ---- */

void hub_record_note_reader(struct hub_record *r, struct hub_grant *g);
void hub_record_doubt_readers(struct hub_record *r, const struct hub_grant *by); /* it has changed, by BY or NULL */

/* ---- who may read (can_read.c) ---- */

extern const struct hub_guard hub_record_read_guard;
/* What whoever was let through is shown: what the guard has looked at, else the record as it is by then. */
struct hub_record_shown {
    bool judged, fleeting; /* FLEETING: the guard may have looked at a later version */
    json_t *value;         /* a reference; NULL: there is none */
    int64_t version;
};
void hub_record_show_judged(struct hub_record_shown *shown, const struct hub_guard_ask *ask);
/* R is locked. False: nobody knows what the guard has looked at, and it is to be asked again. */
bool hub_record_show_now(struct hub_record_shown *shown, const struct hub_record *r);
/* The guard of F, which is about to be told of a change, is asked about that first. */
bool hub_follower_is_asked(struct hub_follower *f);
/* F hears of what its record is, as soon as its guard has let it through; else it ends. BY: whose guard has
 * changed it, or NULL: its rounds are counted. */
void hub_follower_ask(struct hub_follower *f, const struct hub_grant *by);
void hub_follower_ask_no_more(struct hub_follower *f);
bool hub_follower_follows(const struct hub_grant *g, const struct hub_record *r); /* G is for R */
/* The guard of G has read R: when that is what G is for, its follower is asked before he is told. */
void hub_follower_note(struct hub_grant *g, const struct hub_record *r);
void hub_follower_note_list(struct hub_grant *g, const struct hub_pattern *p); /* all that fit P */
/* NEWS, given away, is what R is: for those who are asked. */
void hub_record_hearing_begin(struct hub_record *r, struct hub_record_news *news);
void hub_record_hearings_init(struct hub_records *all);
void hub_record_hearings_stop(struct hub_records *all);
#endif
