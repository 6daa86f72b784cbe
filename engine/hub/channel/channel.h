/* Channels: named streams of messages of the service, with windows to them in hubs and plain namespaces
 * (contract: extensions.md "channels").
 *
 * A channel has a sequence (async/sequence.h): each message takes the next number, its offset, and is
 * announced in that order to a group of subscribers that may sit in several namespaces. What is kept of it
 * lies behind a table of functions, in memory, in the cache or in the store; a subscription reads what it
 * missed from there while its seat is held, so that nothing comes twice and nothing is lost. */
#ifndef HUB_CHANNEL_CHANNEL_H
#define HUB_CHANNEL_CHANNEL_H
#include "hub/call/call.h"

extern const struct hub_part hub_channels_part;

/* The first hub or plain namespace, in the order of files, with a window that fits CHANNEL; NULL: none
 * has. */
struct hub_hub *hub_channel_owner(struct hub_engine *e, struct hub_str channel);
#endif
