/* Scripts that are called when connections and rooms come and go (contract: extensions.md "lifecycle"): in
 * hubs all of them, in plain namespaces onConnect and onDisconnect.
 *
 * Two kinds. onConnect, admission and onJoin decide: somebody waits for them, and they may refuse. onLeave,
 * onDisconnect and onRoomClosed are told what has happened: they wait for a place among few that run at a
 * time, none is left out, and what they come to stops nothing. onRoomOpened is told, too, but the room's
 * first users wait for its end.
 *
 * They come in pairs. onLeave follows once for each onJoin that let in, also when the join failed behind it;
 * onDisconnect once for each connection that was accepted, or that onConnect let in before it ended; all of a
 * connection's onLeave are over before its onDisconnect begins, and the one of a room before its onJoin for
 * the same room. onRoomClosed follows each onRoomOpened, after onLeave of those who were there, or whom
 * onJoin was about to let in. */
#ifndef HUB_LIFECYCLE_LIFECYCLE_H
#define HUB_LIFECYCLE_LIFECYCLE_H
#include "hub/call/call.h"

/* ---- connections (arrival.c, departure.c) ---- */

/* C, which is not open, passes onConnect and admission. THEN comes when it may be opened, possibly before
 * this returns: it opens C and accepts the socket, or closes C and refuses it; then the rooms of admission
 * are joined. THEN does not come when the socket closes meanwhile, or C is refused: that has happened
 * then. */
typedef void hub_lifecycle_then(struct hub_conn *c);
void hub_lifecycle_connect(struct hub_conn *c, hub_lifecycle_then *then);

/* What a hook has decided. All is borrowed for the call. */
struct hub_verdict {
    enum hub_code
        code; /* HUB_OK: let in; HUB_REJECTED: refused, in the script's words; else why it could not be asked */
    struct hub_str own_code, message; /* of HUB_REJECTED; OWN_CODE may be empty */
    const json_t *data;               /* the same; NULL: none */
    json_t *result;                   /* of HUB_OK: what the script has returned; NULL: nothing */
};

/* A connection that onJoin has let into a room, until it is known what came of that. */
struct hub_entry;
/* onJoin for C, which is about to be in ROOM with RIGHTS. DONE comes once, possibly before this returns; with
 * ENTRY when it was let in, which ends in exactly one of the two below. Whatever was judged before has to be
 * judged again by then. One at a time for each connection. */
typedef void hub_lifecycle_joined(void *arg, const struct hub_verdict *v, struct hub_entry *entry);
bool hub_lifecycle_asks_to_join(const struct hub_def *def);
void hub_lifecycle_join(struct hub_conn *c, struct hub_room *room, const struct hub_rights *rights,
                        hub_lifecycle_joined *done, void *arg);
void hub_lifecycle_entered(struct hub_entry *entry);
/* The join has failed with CODE behind it: onLeave. */
void hub_lifecycle_not_entered(struct hub_entry *entry, enum hub_code code);

/* So many onLeave and onDisconnect wait for their turn, of all or of C's user, that C is not let in, who
 * would add another one: HUB_OVERLOADED. */
bool hub_lifecycle_full(const struct hub_conn *c);

/* ---- rooms (room_life.c) ---- */

/* Somebody is about to use ROOM, which is loaded and held by the caller, and whom it has let in. True: he
 * may. False: onRoomOpened, or onRoomClosed of its use before, is under way; DONE comes when that is over,
 * and he asks again, after everything else has been judged again. HUB_SHUTTING_DOWN: he need not. */
typedef void hub_lifecycle_usable(void *arg, enum hub_code code);
bool hub_lifecycle_use(struct hub_room *room, hub_lifecycle_usable *done, void *arg);
/* Whether ROOM is in use, or its hooks run: what these do in it must not wait for them. */
bool hub_lifecycle_in_use(struct hub_room *room);

extern const struct hub_part hub_lifecycle_part;
#endif
