/* What waits to be sent to a room: in its order, each until it has an answer, over all rooms a bounded
 * number. */
#ifndef HUBC_OUTBOX_H
#define HUBC_OUTBOX_H
#include "room.h"

/* PAYLOAD is taken over. Sent now if the room is live, else by a flush. */
void hubc_outbox_add(struct hubc_room *r, json_t *payload, struct hubc_answer answer);
/* Sends all that has no answer and is not on its way. */
void hubc_outbox_flush(struct hubc_room *r);
/* Answers all with WHY. */
void hubc_outbox_end(struct hubc_room *r, const struct hubc_failure *why);
/* The room needs to be joined again: defined by room.c. */
void hubc_room_rejoin(struct hubc_room *r);
#endif
