/* hub:event: the standard events of a room and the hub's own custom events; those that are stored, and
 * receipts. */
#ifndef HUB_EVENT_EVENT_H
#define HUB_EVENT_EVENT_H
#include "hub/call/call.h"

/* Stores the custom event E (ephemeral: false) of ROOM; SENDER empty for the server's own. DONE comes
 * once, later, with DATA as JSON text. */
typedef void hub_event_stored(void *arg, enum hub_code code, const char *error, struct hub_str data);
void hub_event_store(struct hub_room *room, struct hub_str sender, const struct hub_def_custom_event *e,
                     const json_t *data, hub_event_stored *done, void *arg);

/* A part of a room's past, from the time of message number START up to, not including, that of message
 * number END; 0 = open on that side. */
struct hub_span {
    int64_t start, end;
};
/* The events kept in that span, the newest 1,000 (of 4 MiB at most), in the order of time: JSON is an
 * array, borrowed. */
typedef void hub_stored_events_done(void *arg, enum hub_code code, struct hub_str json);
void hub_stored_events(struct hub_room *room, const struct hub_span *span, hub_stored_events_done *done, void *arg);

/* Built-in and custom names that may be emitted as events of their own: true when it was one and is dealt
 * with. */
bool hub_event_alias(struct hub_call *c);

/* ---- commands ---- */

/* Keys of the payload of hub:event, and of events under their own names; the later ones are of receipts. */
#define HUB_EVENT_ARGS "roomId event data lastReadTimestamp lastReadSeq messageId seq"
void hub_cmd_event(struct hub_call *c);

void hub_receipt_read(struct hub_call *c);
void hub_receipt_delivered(struct hub_call *c);
#endif
