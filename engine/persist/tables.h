/* The tables of a service: one per DataObject, and those that every hub gets (contract: service.md "What
 * the engine generates for each hub"). Made once from the frozen definitions, handed to the store, read by
 * everyone. */
#ifndef HUB_PERSIST_TABLES_H
#define HUB_PERSIST_TABLES_H
#include "persist/store.h"
#include "schema/def.h"

/* Columns of the message table that every hub has, in this order. replyTo, reaction and forwarded follow
 * when enabled. */
enum hub_message_column {
    HUB_MSG_ID,
    HUB_MSG_ROOM_ID,
    HUB_MSG_SENDER_ID, /* NULL = system */
    HUB_MSG_SENDER_NAME,
    HUB_MSG_SENDER_AVATAR,
    HUB_MSG_MESSAGE_TYPE,
    HUB_MSG_CONTENT, /* JSON text */
    HUB_MSG_TIMESTAMP,
    HUB_MSG_STATUS, /* "approved", "pending", "rejected" */
    HUB_MSG_SEQ,
    HUB_MSG_CHANGE_SEQ,
    HUB_MSG_CLIENT_MESSAGE_ID,
    HUB_MSG_EDITED_AT,
    HUB_MSG_IS_ACTIVE,
    HUB_MSG_AUDIENCE, /* whom it is for, JSON; NULL = everybody (hub/audience/audience.h). Not shown on the wire */
    HUB_MSG_FIXED,
    HUB_MSG_MAX = HUB_MSG_FIXED + 3 /* room for the optional ones */
};
/* What to put into hub_write.conflict of a send: a repeat of the client's own id is answered with the
 * first message. */
#define HUB_MSG_CONFLICT "roomId,senderId,clientMessageId"

enum hub_moderation_column {
    HUB_MOD_ID,
    HUB_MOD_ROOM_ID,
    HUB_MOD_USER_ID,
    HUB_MOD_ACTION, /* "block", "silence", "speak" */
    HUB_MOD_MODERATOR_ID,
    HUB_MOD_REASON,
    HUB_MOD_EXPIRES_AT,
    HUB_MOD_CREATED_AT,
    HUB_MOD_IS_ACTIVE,
    HUB_MOD_COLUMNS
};

/* One row per room and user; no id. */
enum hub_receipt_column {
    HUB_RCP_ROOM_ID,
    HUB_RCP_USER_ID,
    HUB_RCP_LAST_READ_TIMESTAMP,
    HUB_RCP_LAST_READ_SEQ,
    HUB_RCP_LAST_DELIVERED_SEQ,
    HUB_RCP_UPDATED_AT,
    HUB_RCP_COLUMNS
};
#define HUB_RCP_CONFLICT "roomId,userId"

enum hub_event_column {
    HUB_EVT_ID,
    HUB_EVT_ROOM_ID,
    HUB_EVT_SENDER_ID,
    HUB_EVT_NAME,
    HUB_EVT_DATA,
    HUB_EVT_TIMESTAMP,
    HUB_EVT_COLUMNS
};

struct hub_hub_tables {
    const struct hub_table *message, *moderation, *receipt, *event;
    int reply_to, reaction, forwarded; /* columns of the message table, -1 = not enabled */
};

struct hub_tables {
    const struct hub_table *const *all; /* for hub_store_ops.open: the DataObjects in order, then those of each hub */
    size_t n;
    const struct hub_hub_tables *hubs; /* parallel to service->hubs */
    const struct hub_table *outbox;    /* last of all (store.h); NULL = none */
};
/* The tables that every hub gets, by what is behind the hub's name: "Message"; NULL after the last.
 * For tests. */
const char *hub_tables_suffix(size_t i);
/* Column i of a DataObject's table is property i of the object. Names are borrowed from SERVICE, which
 * must outlive the tables. HUB_BAD_REQUEST when two objects claim one name or one table. OUTBOX: also a
 * table hubd_outbox_<service>, for a bus outside the process. */
enum hub_code hub_tables_new(const struct hub_service *service, bool outbox, struct hub_tables **out,
                             struct hub_err *err);
void hub_tables_free(struct hub_tables *t);
/* By the name that hubs and scripts use; also the generated ones ("chatMessage"), but not the outbox. NULL
 * when there is none. */
const struct hub_table *hub_tables_find(const struct hub_tables *t, struct hub_str name);
/* The store's URL with a relative sqlite path put under the service directory. With LOOK, for commands
 * that must not make files, a database file that does not exist yet is an empty database in memory. */
void hub_tables_store_url(const struct hub_service *service, bool look, struct hub_buf *out);
#endif
