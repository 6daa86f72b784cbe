/* Streams: bytes between a client and a command that has stream: true, or another client (contract:
 * extensions.md "streams (bytes)"). The opener chooses the id. Each direction is paid by credit: at most
 * HUB_STREAM_CREDIT bytes, and towards a client HUB_STREAM_PIECES pieces, are on their way that the other end
 * has not acknowledged. */
#ifndef HUB_STREAM_STREAM_H
#define HUB_STREAM_STREAM_H
#include "hub/call/call.h"

#define HUB_STREAM_CREDIT (256 << 10)
#define HUB_STREAM_PIECES 4096 /* to a client: each costs it a packet, however few bytes it has */

extern const struct hub_part hub_streams_part;
#endif
