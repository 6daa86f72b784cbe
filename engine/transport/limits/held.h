/* What somebody who has signed in has sent in part: a request, a frame, a message whose attachments are
 * to come. Counted over all connections of a transport, so that they fill no memory together (held.c).
 * Loop thread only. */
#ifndef HUB_TRANSPORT_HELD_H
#define HUB_TRANSPORT_HELD_H
#include <stdbool.h>
#include <stddef.h>

struct hub_transport;
struct hub_held_input; /* belongs to the place where a request, connection or session has it; NULL: it keeps nothing */

/* By what it is, and of whom: struct hub_http_req, hub_link, hub_eio. */
enum hub_held_kind { HUB_HELD_REQUEST, HUB_HELD_FRAME, HUB_HELD_MESSAGE };

/* OWNER keeps BYTES; IN_PART: of something whose end is still to come, so that it may give way. When that
 * is too much for all together, what has been in part for longest is refused, which may be OWNER itself:
 * then its request is answered and gone, or its session ends. */
void hub_held_set(struct hub_transport *t, struct hub_held_input **place, enum hub_held_kind kind, void *owner,
                  size_t bytes, bool in_part);
void hub_held_drop(struct hub_held_input **place); /* it keeps nothing any more */
#endif
