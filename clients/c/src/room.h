/* A room: joined, and joined again after every lost connection, with everything that happened meanwhile,
 * each message once and in order; and what waits to be sent to it. */
#ifndef HUBC_ROOM_H
#define HUBC_ROOM_H
#include "client.h"

struct hubc_waiter;
struct hubc_item;

struct hubc_room {
    struct hubc_room *next;
    struct hubd_client *client;
    char *id;
    unsigned users; /* how many have joined and not left */
    unsigned busy;  /* requests that will come back to it */
    unsigned joins; /* attempts: the answer to an older one is of no interest */
    bool joined;    /* once at least */
    bool live;      /* joined, and the history has come */
    bool over;
    bool may_read;
    char *epoch;         /* of the numbers so far; NULL: none yet */
    char *next_epoch;    /* of those that come with the history */
    int64_t last;        /* up to this number nothing is missing */
    int64_t seq;         /* the room's counter as the join was answered, until its history has come; -1 */
    json_t *answer;      /* to the last join */
    json_t *provisional; /* messages by id that have no number yet */
    struct hubc_waiter *waiters, *last_waiter;
    struct hubc_item *first, *last_item; /* sends without an answer, in their order */
    struct hubc_timer again, settle, repeat;
};

/* The room of that id which is not over; NULL: none. */
struct hubc_room *hubc_room_find(struct hubd_client *c, const char *id);
/* Adds one to the client's. */
struct hubc_room *hubc_room_new(struct hubd_client *c, const char *id);
void hubc_room_join(struct hubc_room *r, struct hubc_answer answer);
void hubc_room_leave(struct hubc_room *r, struct hubc_answer answer);
void hubc_room_send(struct hubc_room *r, const char *type, const json_t *content, struct hubc_answer answer);
/* Whether the event is for the user as it is; false: it was told otherwise, or is none of his. */
bool hubc_room_take(struct hubc_room *r, const char *event, const json_t *payload);
/* Behind the event was told: whether it ends the room. */
void hubc_room_took(struct hubc_room *r, const char *event, const json_t *payload);
void hubc_room_up(struct hubc_room *r);
void hubc_room_down(struct hubc_room *r);
/* It is over; who waits is told why. */
void hubc_room_end(struct hubc_room *r, const struct hubc_failure *why);
void hubc_room_free(struct hubc_room *r);
#endif
