/* Metadata: an object of each connection, which lives as long as it, and an object of each room, which is
 * kept in the store or in the cache (contract: extensions.md "state, metadata, presence"). Objects are never
 * changed but replaced, so that whoever has one may keep it. */
#ifndef HUB_METADATA_METADATA_H
#define HUB_METADATA_METADATA_H
#include "hub/call/call.h"

extern const struct hub_part hub_metadata_part, hub_room_metadata_part;

/* ---- changes (change.c) ---- */

enum hub_metadata_strategy {
    HUB_METADATA_REPLACE,   /* what is not in the change goes */
    HUB_METADATA_MERGE,     /* members of the change take the place of those of their names */
    HUB_METADATA_DEEP_MERGE /* the same; where both are objects, in them */
};
/* NAME empty: replace. */
enum hub_code hub_metadata_strategy(struct hub_str name, enum hub_metadata_strategy *out, struct hub_err *err);
/* What a change makes of OLD (NULL: nothing). ONLY: an array of the names of members that
 * HUB_METADATA_REPLACE may take out; NULL: all. New reference. */
HUB_MUST json_t *hub_metadata_changed(const json_t *old, const json_t *change, enum hub_metadata_strategy strategy,
                                      const json_t *only);

/* ---- of connections ---- */

/* By the service itself: whatever the definition says of clients. BY: see hub_part.readable_changed. */
enum hub_code hub_conn_change_metadata(struct hub_conn *c, const json_t *change, enum hub_metadata_strategy strategy,
                                       const json_t *only, const void *by, struct hub_err *err);

/* ---- of rooms (room.c) ---- */

/* VALUE is borrowed; of a room that has none it is an empty object, with version 0. Each change that changes
 * something raises the version by one. A failure has ERROR for people, or NULL. */
typedef void hub_room_metadata_done(void *arg, enum hub_code code, const char *error, json_t *value, int64_t version);
/* One after the other for each room, in the order in which they were asked for, so that no change is lost.
 * DONE comes once, possibly before this returns; the room need not be loaded. A change is committed when
 * DONE comes with HUB_OK. CHANGE and ONLY are borrowed and not changed afterwards; CHANGE NULL: a read.
 * Parts hear of ARG as BY (hub_part.readable_changed). */
void hub_room_metadata_change(struct hub_room *room, const json_t *change, enum hub_metadata_strategy strategy,
                              const json_t *only, hub_room_metadata_done *done, void *arg);
static inline void hub_room_metadata_read(struct hub_room *room, hub_room_metadata_done *done, void *arg) {
    hub_room_metadata_change(room, NULL, HUB_METADATA_REPLACE, NULL, done, arg);
}
#endif
