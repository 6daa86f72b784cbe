/* The service's own changes, told to others (contract: semantics.md "Bridged events"): which writes make
 * an event, the records that tell of them, and how they are known again when the bus brings them back.
 *
 * What this process wrote is told to its own rooms at once, at the commit, also while the bus is away
 * (hub_bridge_own). Other services hear of it through the outbox, which the store fills in the transaction
 * of the change and outbox.c empties. */
#ifndef HUB_HUB_OWN_H
#define HUB_HUB_OWN_H
#include "hub/hub_int.h"

struct hub_own *hub_own_new(struct hub_engine *e);
void hub_own_delete(struct hub_own *o);

/* Before W goes to the store: asks for an event if anybody is to hear of the change. TOLD: whoever writes
 * tells the rooms himself, as with messages, so that only kafkaEvents and other services are left to hear. */
void hub_own_announce(struct hub_engine *e, struct hub_write *w, bool told);
/* When W is through, while its rows are there: what was asked for is told. RIGHTS: see hub_bridge_own. */
void hub_own_done(struct hub_engine *e, const struct hub_write *w, bool told, struct hub_work *rights);
/* A new id for an event of this process. They grow, and their last twelve digits are the process' own. */
void hub_own_id(const struct hub_own *o, char id[HUB_UUID_LEN + 1]);

/* ---- records ---- */

/* {old_<object>, <object>, oldDataValues, newDataValues}; the last two hold what changed. New reference. */
json_t *hub_own_updated(const char *object, const json_t *before, const json_t *after);
/* Appends _eventId and _origin to the JSON object that B ends with. */
void hub_own_mark(const struct hub_own *o, struct hub_buf *b, const char *id);

/* Whether VALUE, as the bus brought it, is an event of this process: it was dealt with at its commit. */
bool hub_own_is_mine(const struct hub_own *o, struct hub_str value);
/* Whether RECORD is an event of this service, then of an earlier process: told to those who were there at
 * the time. */
bool hub_own_is_earlier(const struct hub_own *o, const json_t *record);
#endif
