/* A client of a hub: what it consists of, and what its parts tell its user. */
#ifndef HUBC_CLIENT_H
#define HUBC_CLIENT_H
#include "connection.h"

/* The function of a caller that waits for an answer. */
struct hubc_answer {
    hubd_answer_fn *fn; /* NULL: nobody waits */
    void *user;
};
void hubc_answer_give(const struct hubc_answer *a, const struct hubc_failure *failure, const json_t *answer);

struct hubc_room;
struct hubc_follow;
struct hubc_invoked;

struct hubd_client {
    struct hubc_connection connection;
    struct hubd_client_options options; /* functions and numbers; the texts are not kept here */
    struct hubc_room *rooms;
    struct hubc_follow *follows;
    struct hubc_invoked *invoked;
    size_t waiting; /* sends of all rooms that have no answer yet */
    struct hubc_timer sweep;
    bool freeing; /* nothing is asked any more */
    bool serving; /* hubd_client_service() runs */
};

/* A client on TRANSPORT, which is taken over. NULL: errno EINVAL. */
struct hubd_client *hubc_client_new(const struct hubd_client_options *options, struct hubc_transport *transport)
    __attribute__((warn_unused_result));

void hubc_tell_message(struct hubd_client *c, const char *room_id, const json_t *message);
void hubc_tell_event(struct hubd_client *c, const char *event, const json_t *payload);
/* Frees rooms and subscriptions that are over, at the top of the next turn: nobody is inside of them then. */
void hubc_sweep_soon(struct hubd_client *c);
#endif
