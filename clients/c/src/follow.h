/* Channels and records that somebody follows: one subscription on the wire for all who do, made again by
 * every connection, from where it stands. */
#ifndef HUBC_FOLLOW_H
#define HUBC_FOLLOW_H
#include "client.h"

struct hubc_reader;

struct hubc_follow {
    struct hubc_follow *next;
    struct hubd_client *client;
    bool is_record;
    char *name;
    struct hubc_reader *readers;
    unsigned asks, busy;
    bool following; /* what comes live is what follows the last answer */
    bool asking, over;
    int64_t number; /* offset or version; -1: not known yet */
    char *epoch;
    json_t *value; /* of a record; NULL: none */
    struct hubc_timer again;
};

/* The one of that name which is not over; NULL: none. */
struct hubc_follow *hubc_follow_find(struct hubd_client *c, bool is_record, const char *name);
/* Adds one to the client's. */
struct hubc_follow *hubc_follow_new(struct hubd_client *c, bool is_record, const char *name);
void hubc_follow_add(struct hubc_follow *f, int history, hubd_value_fn *fn, void *user);
void hubc_follow_take(struct hubc_follow *f, const char *event, const json_t *payload);
void hubc_follow_up(struct hubc_follow *f);
void hubc_follow_down(struct hubc_follow *f);
/* The connection was refused: who has not been given anything yet is not waiting any more. */
void hubc_follow_refuse(struct hubc_follow *f, const struct hubc_failure *why);
/* Nobody follows any more. TELL: the server does not know yet. */
void hubc_follow_end(struct hubc_follow *f, bool tell);
/* Frees readers that are gone. */
void hubc_follow_tidy(struct hubc_follow *f);
void hubc_follow_free(struct hubc_follow *f);
#endif
