/* What the bus brings: changes of the service's DataObjects, whoever made them, and kafkaEvents. */
#ifndef HUB_BRIDGE_BRIDGE_H
#define HUB_BRIDGE_BRIDGE_H
#include "hub/core/core.h"

HUB_MUST struct hub_bridge *hub_bridge_new(struct hub_engine *e);
/* records whose processing has not ended stay uncommitted, so that they come again */
void hub_bridge_stop(struct hub_bridge *b);
void hub_bridge_delete(struct hub_bridge *b);
hub_feed_changed hub_bridge_changed;          /* its ctx is the engine */
extern const struct hub_part hub_bridge_part; /* subscribes to every topic that the definitions name */

/* ROW is a message as it is after somebody else changed or deleted it: the change takes its number and is
 * told to the room (external_message_edit.c). */
void hub_external_message_edit(struct hub_hub *hub, const json_t *row, bool deleted, struct hub_work *work);
#endif
