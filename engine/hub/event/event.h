/* hub:event: the standard events of a room and the hub's own custom events; those that are stored, and
 * receipts. */
#ifndef HUB_EVENT_EVENT_H
#define HUB_EVENT_EVENT_H
#include "hub/call/call.h"

/* With which flags (HUB_SEND_…) E is broadcast. */
int hub_event_flags(const struct hub_def_custom_event *e);
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

extern const struct hub_part hub_custom_events_part, hub_receipts_part;
#endif
