/* Encode once, deliver to many. A group is the audience of a room; an outlet is one socket's way out; a
 * seat is an outlet's place in a group.
 *
 * What goes to a whole group within one turn is laid end to end in one chunk per namespace name and handed
 * to the seats when the turn ends, as one piece each: one send(2) then carries all of it, and a broadcast
 * costs nothing per recipient until then. Everything a socket receives keeps the order in which it was
 * decided: whoever emits to one outlet first hands over what its groups have gathered so far
 * (hub_outlet_emit and the others here do that; never bypass them with hub_socket_emit).
 *
 * A seat may be taken "held": what its group sends is kept for it, in order, until hub_seat_release. That
 * is how joining a room is atomic with the room's sequence.
 *
 * Seats of guests (session/guest.h) are kept by their own node: it hears when one is taken, released and
 * left, in one order with what the group sends, of which it gets one piece for all of them. */
#ifndef HUB_FANOUT_FANOUT_H
#define HUB_FANOUT_FANOUT_H
#include "base/collection/list.h"
#include "loop/loop.h"
#include "session/session.h"

struct hub_outlet {
    struct hub_socket *socket; /* borrowed; must outlive the outlet */
    struct hub_list seats;
};

struct hub_group;
struct hub_relay;

struct hub_seat {
    struct hub_list in_group, in_outlet;
    struct hub_outlet *outlet;
    struct hub_group *group; /* NULL: not seated */
    struct hub_group_name *name;
    uint32_t synced; /* bytes of the name's chunk already handed over */
    bool held, overflowed;
    struct hub_held *kept; /* pieces that wait for hub_seat_release, or NULL */
};
/* Bytes kept for a held seat; beyond, overflowed is set and the rest is dropped. */
#define HUB_SEAT_HELD_MAX (4u << 20)

void hub_outlet_init(struct hub_outlet *o, struct hub_socket *s);
/* Leaves every group, without handing over what is pending. */
void hub_outlet_deinit(struct hub_outlet *o);
/* To this socket only. ARGS is JSON text without brackets. */
void hub_outlet_emit(struct hub_outlet *o, struct hub_str event, struct hub_str args, int flags);
void hub_outlet_ack(struct hub_outlet *o, int64_t ack, struct hub_str args);
/* Before something goes to its socket by other ways: hands over what is pending. */
void hub_outlet_sync(struct hub_outlet *o);

/* Whose audience a group is, as other nodes know it: a KIND of place, and its name. KIND is "room", or the
 * member of events that has the name, and behind a space which of several audiences of that it is. NULL:
 * nobody else knows it, and guests never have a seat in it. */
struct hub_group_place {
    const char *kind;
    struct hub_str name;
};
/* OF is for relays (session/guest.h); what it points at outlives the group. */
HUB_MUST struct hub_group *hub_group_new(struct hub_loop *loop, struct hub_group_place of);
struct hub_group_place hub_group_place(const struct hub_group *g);
void hub_group_delete(struct hub_group *g); /* must have no seats */
size_t hub_group_size(const struct hub_group *g);
bool hub_group_has_guests(const struct hub_group *g);
void hub_seat_take(struct hub_seat *seat, struct hub_group *g, struct hub_outlet *o, bool held);
/* Hands over what was kept, then follows live. False when it had overflowed: the joiner must start over. */
bool hub_seat_release(struct hub_seat *seat);
/* Hands over what is pending (unless held) and leaves. Harmless when not seated. */
void hub_seat_leave(struct hub_seat *seat);

/* Gives R what groups have gathered for its guests, before something that is for one of them alone. */
void hub_relay_sync(struct hub_relay *r);

/* To everybody in the group. */
void hub_group_send(struct hub_group *g, struct hub_str event, struct hub_str args, int flags);

/* The same with whole frames that another node has encoded for sockets that write the namespace NAME. */
void hub_group_send_frames(struct hub_group *g, struct hub_str name, struct hub_str frames, int flags);
/* Frames to one seat, which keeps them while it is held. */
void hub_seat_send(struct hub_seat *seat, struct hub_chunk *chunk, int flags);

/* To some of the group: begin, to for each chosen seat, end. Encoded at most once per namespace name.
 * EVENT and ARGS must live until end. */
struct hub_cast {
    struct hub_group *group;
    struct hub_str event, args;
    int flags;
};
void hub_cast_begin(struct hub_cast *c, struct hub_group *g, struct hub_str event, struct hub_str args, int flags);
void hub_cast_to(struct hub_cast *c, struct hub_seat *seat);
void hub_cast_end(struct hub_cast *c);

/* To outlets that share no group, possibly over several turns: begin, to for each, end. Encoded once per
 * namespace name, of which it remembers some. EVENT and ARGS must live until
 * end. */
#define HUB_SPREAD_NAMES 8
struct hub_spread {
    struct hub_str event, args;
    struct {
        struct hub_socket *socket; /* reference: with it the name stays */
        struct hub_chunk *chunk;
    } names[HUB_SPREAD_NAMES];
    size_t made; /* encodings so far; one more takes the place of the oldest */
};
void hub_spread_begin(struct hub_spread *s, struct hub_str event, struct hub_str args);
void hub_spread_to(struct hub_spread *s, struct hub_outlet *o);
void hub_spread_end(struct hub_spread *s);
#endif
