/* A bus that several loops of a process publish on. The adapter knows one loop, that of what its open gave;
 * the others have handles of it, which are buses too: what is published there goes over to the adapter's
 * loop, and the answer comes back.
 *
 * Records come to the adapter's loop alone: to the group they are one consumer, and each record is to be
 * handled once. Who handles it there tells the owners of its rooms, on whatever loop they are, and releases
 * it there when all of them have confirmed. So a handle takes subscriptions without ever giving a record. */
#ifndef HUB_FANOUT_SHARED_BUS_H
#define HUB_FANOUT_SHARED_BUS_H
#include "fanout/bus.h"

/* A handle of BUS, which lives on ITS_LOOP, for LOOP, which does not run yet; on the thread of ITS_LOOP.
 * The handle's functions are called on LOOP's thread, and its answers come there. At most 10,000 of its
 * records may be without an answer: further ones are refused with HUB_OVERLOADED. ready() of a handle is
 * always true; ask BUS. pause() does nothing.
 *
 * Closed, it waits for the answers that are under way and says so in a later turn; ITS_LOOP has to run
 * until then, and BUS is closed when all handles are. */
HUB_MUST struct hub_bus *hub_bus_share(struct hub_bus *bus, struct hub_loop *its_loop, struct hub_loop *loop);
#endif
