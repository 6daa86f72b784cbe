/* Rooms that another node owns, for connections of this one; and connections of other nodes in the rooms of
 * this one (decision 0039).
 *
 * A call that is about a room goes to the node that owns the room, and runs there as that of a guest: a
 * connection whose socket has a way back instead of a client (session/guest.h). What the room tells comes
 * back in one order with the answers. On this side a room of another node is a group that is fed with its
 * frames, in which connections take seats when the owner says so.
 *
 * Two nodes agree on the owner of a room because they see the same list of nodes: so far only nodes of one
 * process are, which come and go together. */
#ifndef HUB_GUEST_GUEST_H
#define HUB_GUEST_GUEST_H
#include "hub/call/call.h"

extern const struct hub_part hub_guests_part;

/* Who owns ROOM_ID of HUB: the id of a node that lives. */
struct hub_str hub_guest_owner(const struct hub_hub *hub, struct hub_str room_id);
#endif
