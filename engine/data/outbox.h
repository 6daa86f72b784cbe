/* The relay: takes rows from the outbox in their order, publishes them on a bus outside the process, and
 * deletes them once the bus has them. At least once: what was published and not deleted before the process
 * ended is published again, under the same _eventId. */
#ifndef HUB_DATA_OUTBOX_H
#define HUB_DATA_OUTBOX_H
#include "async/hold.h"
#include "fanout/bus.h"
#include "persist/store.h"
#include "schema/def.h"

struct hub_feed;
struct hub_outbox;
struct hub_outbox_config {
    struct hub_loop *loop;
    struct hub_store *store;
    struct hub_bus *bus;
    const struct hub_feed *feed; /* marks the records */
    struct hub_holds *holds;     /* of what is under way in the store, and so needs the tables */
    /* That of another loop of the process, which publishes the rows of all: this one only adds, and tells it.
     * It lasts until this one is deleted and its loop has had a turn after that. NULL: this one publishes. */
    struct hub_outbox *publisher;
};
HUB_MUST struct hub_outbox *hub_outbox_new(const struct hub_outbox_config *config);
/* At the start, before hub_outbox_start, and after a reload: the names that topics are made of, and the
 * table. */
void hub_outbox_configure(struct hub_outbox *o, const struct hub_service *service, const struct hub_table *table);
void hub_outbox_start(struct hub_outbox *o); /* one that has a publisher: nothing begins */
/* A row was committed. */
void hub_outbox_poke(struct hub_outbox *o);
/* A script's record: stored, then DONE; published later, with the header traceparent unless that is NULL.
 * Everything is copied. */
typedef void hub_outbox_stored(void *arg, enum hub_code code, const char *error);
void hub_outbox_publish(struct hub_outbox *o, struct hub_str topic, struct hub_str key, struct hub_str value,
                        const char *traceparent, hub_outbox_stored *done, void *arg);
/* Whether waiting is of use: rows are under way, and neither store nor bus is known to be away. */
bool hub_outbox_busy(const struct hub_outbox *o);
/* Nothing is begun any more: the store and then the bus are about to be closed. */
void hub_outbox_stop(struct hub_outbox *o);
void hub_outbox_delete(struct hub_outbox *o); /* store and bus are closed, or nothing is under way in them */
#endif
