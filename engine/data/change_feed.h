/* The change feed: the service's own changes, told to others (contract: semantics.md "Bridged events"). Which
 * writes make an event, the records that tell of them, and how they are known again when the bus brings them
 * back.
 *
 * What this process wrote is told to its own rooms at once, at the commit, also while the bus is away
 * (hub_feed_changed). Other services hear of it through the outbox, which the store fills in the transaction
 * of the change and outbox.c empties. */
#ifndef HUB_DATA_CHANGE_FEED_H
#define HUB_DATA_CHANGE_FEED_H
#include "async/work.h"
#include "base/collection/map.h"
#include "base/id/uuid.h"
#include "base/json/json.h"
#include "mesh/nodes.h"
#include "persist/store.h"
#include "schema/def.h"

struct hub_feed;
struct hub_outbox;

/* A change that this process made, as a record of the bus; comes in the turn of the commit. KEY: the id of
 * the row, as published. RECORD: a reference given away. ROOMS_NOTIFIED: whoever wrote has told the rooms,
 * so that only kafkaEvents are left to hear. RIGHTS (may be NULL) is held until the rights that rest on
 * the record have been worked out again. */
typedef void hub_feed_changed(void *ctx, const struct hub_table *table, const char *what, const json_t *key,
                              json_t *record, bool rooms_notified, struct hub_work *rights);

/* SERVICE: as it is at the start; its name and project are part of the records, with the id of this node.
 * NODES lasts as long as the feed. */
HUB_MUST struct hub_feed *hub_feed_new(const struct hub_service *service, const struct hub_nodes *nodes,
                                       hub_feed_changed *changed, void *ctx);
void hub_feed_delete(struct hub_feed *f);
/* Other services hear of changes by way of O; NULL: there are none. */
void hub_feed_set_outbox(struct hub_feed *f, struct hub_outbox *o);

/* From now on SEEN hears of each change, as other services would by way of an outbox; WHAT as in
 * hub_feed_what_names, KEY and RECORD borrowed. NULL: nobody does. */
typedef void hub_feed_seen(void *ctx, const struct hub_table *table, const char *what, const json_t *key,
                           const json_t *record);
void hub_feed_show(struct hub_feed *f, hub_feed_seen *seen, void *ctx);

/* ---- who listens in this process ---- */

/* Forgets all listeners, and knows the tables ALL (N of them, without OUTBOX) from now on. */
void hub_feed_tables(struct hub_feed *f, const struct hub_table *const *all, size_t n, const struct hub_table *outbox);
void hub_feed_hear_object(struct hub_feed *f, const char *object); /* a hub's bridge */
/* A kafkaEvent of TOPIC, which may be that of a DataObject of SERVICE. */
void hub_feed_hear_topic(struct hub_feed *f, const struct hub_service *service, const char *topic);

/* ---- writes ---- */

/* Before W goes to the store: asks for an event if anybody is to hear of the change. ROOMS_NOTIFIED: whoever
 * writes tells the rooms himself, as with messages, so that only kafkaEvents and other services are left. */
void hub_feed_announce(struct hub_feed *f, struct hub_write *w, bool rooms_notified);
/* When W is through, while its rows are there: what was asked for is told. RIGHTS: see hub_feed_changed. */
void hub_feed_done(struct hub_feed *f, const struct hub_write *w, bool rooms_notified, struct hub_work *rights);
/* A new id for an event of this process. They grow, and their last twelve digits are the process' own. */
void hub_feed_event_id(const struct hub_feed *f, char id[HUB_UUID_LEN + 1]);

/* ---- records ---- */

/* What happens to rows, as topics name it: "created", "updated", "deleted". */
enum hub_feed_what { HUB_FEED_CREATED, HUB_FEED_UPDATED, HUB_FEED_DELETED, HUB_FEED_WHATS };
extern const char *const hub_feed_what_names[HUB_FEED_WHATS];
/* Appends the topic of a DataObject's events; WHAT is one of those names. */
void hub_feed_topic(struct hub_buf *b, const struct hub_service *s, const char *object, const char *what);
/* {old_<object>, <object>, oldDataValues, newDataValues}; the last two hold what changed. New reference. */
HUB_MUST json_t *hub_feed_updated(const char *object, const json_t *before, const json_t *after);
/* Appends _eventId and _origin to the JSON object that B ends with. */
void hub_feed_mark(const struct hub_feed *f, struct hub_buf *b, const char *id);

/* Whether VALUE, as the bus brought it, is an event of this node: it was dealt with at its commit. */
bool hub_feed_is_mine(const struct hub_feed *f, struct hub_str value);
/* Whether RECORD is an event of this service that was told to those who were there at the time: by a node
 * that lives no longer, or by this one (and others have written its text anew on the way). What another
 * living node changed is still to be told here. */
bool hub_feed_is_history(const struct hub_feed *f, const json_t *record);
#endif
