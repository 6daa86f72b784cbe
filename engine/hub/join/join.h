/* hub:join and what follows from it: the state script, rights worked out again, the room's record as its
 * members see it, and what those who manage a room may do. */
#ifndef HUB_JOIN_JOIN_H
#define HUB_JOIN_JOIN_H
#include "hub/call/call.h"

/* Rights of those who are in worked out again, cached decisions dropped (reauthorize.c): announced when they
 * changed, kicked when lost. */
void hub_reauthorize_user(struct hub_room *room, struct hub_str user_id, struct hub_work *work);
void hub_reauthorize_room(struct hub_room *room, struct hub_work *work);
/* In all rooms that C is in: its identity is another one, and may change what decisions depend on. */
void hub_reauthorize_conn(struct hub_conn *c, struct hub_work *work);

/* "hub:EVENT" and the system message of the same name to everybody: RECORD is the row it is about, as it is
 * now, CHANGES what changed of it, or NULL. */
void hub_room_tell(struct hub_room *room, const char *event, const json_t *record, const json_t *changes,
                   struct hub_work *work);
/* After the room's record changed: closes the room when it is no longer eligible, else works out
 * everybody's rights again. ROOM must be held by the caller. */
void hub_room_recheck(struct hub_room *room, struct hub_work *work);
/* hub:roomClosed to everybody, and out. WHY is HUB_ROOM_NOT_FOUND or HUB_ROOM_NOT_ELIGIBLE. */
void hub_room_close(struct hub_room *room, enum hub_code why, struct hub_work *work);

/* SLOT (may be NULL): of the read that it is part of; moved. */
void hub_state_send(struct hub_room *room, struct hub_conn *conn, struct hub_call *call, struct hub_read *slot);

extern const struct hub_part hub_joining_part, hub_state_part, hub_room_update_part;
#endif
