/* Places that another node owns, for connections of this one; and connections of other nodes in the places
 * of this one (decision 0039). A place is a room, or a slot: names of channels and the like are hashed
 * into HUB_GUEST_SLOTS of them (hub_part.slot).
 *
 * A call that is about a place goes to the node that owns it, and runs there as that of a guest: a
 * connection whose socket has a way back instead of a client (session/guest.h). What the place tells comes
 * back in one order with the answers. On this side the audience of a room or channel of another node is a
 * group that is fed with its frames, in which connections take seats when the owner says so.
 *
 * Two nodes agree on the owner of a place because they see the same list of nodes: so far only nodes of
 * one process are, which come and go together. */
#ifndef HUB_GUEST_GUEST_H
#define HUB_GUEST_GUEST_H
#include "hub/call/call.h"

extern const struct hub_part hub_guests_part;

/* Who owns ROOM_ID of HUB: the id of a node that lives. */
struct hub_str hub_guest_owner(const struct hub_hub *hub, struct hub_str room_id);
/* The same of the slot that NAME, of the kind that PART has in slots, lies in. NAME empty: nobody, but if
 * all of PART is in one slot. */
#define HUB_GUEST_SLOTS 64
struct hub_str hub_guest_slot_owner(const struct hub_engine *e, const struct hub_part *part, struct hub_str name);
#endif
