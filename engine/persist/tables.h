/* The tables of a service: one per DataObject, and those that every hub gets (contract: service.md "What
 * the engine generates for each hub"). Made once from the frozen definitions, handed to the store, read by
 * everyone. */
#ifndef HUB_PERSIST_TABLES_H
#define HUB_PERSIST_TABLES_H
#include "persist/store.h"
#include "schema/def.h"

/* Columns of the message table that every hub has, in this order. replyTo, reaction and forwarded follow
 * when enabled, and deletedAt. */
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
    HUB_MSG_MAX = HUB_MSG_FIXED + 4 /* room for the optional ones */
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

/* Records of the service (hub/record/): a table {service}Record. */
enum hub_record_column {
    HUB_REC_ID,
    HUB_REC_VERSION,
    HUB_REC_VALUE, /* JSON; NULL: deleted, and its versions go on from here */
    HUB_REC_UPDATED_AT,
    HUB_REC_COLUMNS
};

/* One row per room that has metadata; no id. */
enum hub_room_metadata_column {
    HUB_RMD_ROOM_ID,
    HUB_RMD_METADATA, /* JSON, as text: a column of JSON would change how numbers are written */
    HUB_RMD_VERSION,
    HUB_RMD_UPDATED_AT,
    HUB_RMD_COLUMNS
};
#define HUB_RMD_CONFLICT "roomId"

/* One row per room of which messages were removed for good (hub/retention/); no id. */
enum hub_removed_column {
    HUB_RMV_ROOM_ID,
    HUB_RMV_UP_TO, /* the greatest changeSeq among them: whoever has seen less may have missed something */
    HUB_RMV_UPDATED_AT,
    HUB_RMV_COLUMNS
};
#define HUB_RMV_CONFLICT "roomId"

/* One row for each key of a room's shared state, and with an empty key one of the room itself, which has what
 * the others cannot say: that the latest change has taken something out. No id. */
enum hub_room_state_column {
    HUB_RST_ROOM_ID,
    HUB_RST_KEY,
    HUB_RST_VALUE,   /* JSON, as text; of the room: the version that took out whatever has an older one */
    HUB_RST_VERSION, /* the change that it is of; of the room: that the room had at least */
    HUB_RST_UPDATED_AT,
    HUB_RST_COLUMNS
};
#define HUB_RST_CONFLICT "roomId,key"

/* A job of a queue (hub/queue). It is in one of the indexes of jobs at a time: of those that may be taken,
 * of those that wait for a time, of those that are over. */
enum hub_job_column {
    HUB_JOB_ID,
    HUB_JOB_QUEUE,
    HUB_JOB_STATE,        /* "waiting", "delayed", "running", "done", "failed", "cancelled" */
    HUB_JOB_DATA,         /* JSON text, as it was given */
    HUB_JOB_RESULT,       /* the same; NULL: none yet */
    HUB_JOB_ERROR,        /* of the last attempt that failed */
    HUB_JOB_ATTEMPTS,     /* begun so far, since the last success */
    HUB_JOB_MAX_ATTEMPTS, /* NULL: as the queue says */
    HUB_JOB_PRIORITY,
    HUB_JOB_PLACE, /* smaller ones are taken first: priority, then time */
    HUB_JOB_READY, /* true while it may be taken, else NULL */
    HUB_JOB_WAKE,  /* wall ms: delayed: when it may be taken; running: when its worker counts as lost; else NULL */
    HUB_JOB_DUE,   /* when it was to be carried out */
    HUB_JOB_LEASE, /* grows each time that it is taken: what a worker writes names the number it was given */
    HUB_JOB_WORKER,
    HUB_JOB_REPEAT, /* ms from one time to the next; NULL: it does not repeat */
    HUB_JOB_CRON,   /* five fields; NULL likewise */
    HUB_JOB_CREATED_AT,
    HUB_JOB_FINISHED_AT,
    HUB_JOB_COLUMNS
};

/* Messages of channels that are kept in the store. */
enum hub_channel_column {
    HUB_CHN_ID,
    HUB_CHN_CHANNEL,
    HUB_CHN_SEQ,
    HUB_CHN_CHANGE_SEQ, /* as SEQ, for nothing changes; the store numbers tables that have both */
    HUB_CHN_TIMESTAMP,
    HUB_CHN_DATA, /* JSON text, as it was published */
    HUB_CHN_PUBLISHER_ID,
    HUB_CHN_PUBLISHER_NAME,
    HUB_CHN_EXPIRES_AT,
    HUB_CHN_COLUMNS
};

struct hub_hub_tables {
    const struct hub_table *message, *moderation, *receipt, *event;
    const struct hub_table *room_metadata; /* NULL: the hub keeps none in the store */
    const struct hub_table *removed;       /* NULL: nothing is ever removed */
    const struct hub_table *room_state;    /* NULL: the hub keeps none in the store */
    int reply_to, reaction, forwarded;     /* columns of the message table, -1 = not enabled */
    int deleted_at;                        /* the same; when a message was deleted */
};

struct hub_tables {
    const struct hub_table *const *all; /* for hub_store_ops.open: the DataObjects in order, then those of each hub,
                                           then those of the service */
    size_t n;
    const struct hub_hub_tables *hubs; /* parallel to service->hubs */
    const struct hub_table *record;    /* NULL = nobody declares records */
    const struct hub_table *job;       /* of all queues; NULL = the service has none */
    const struct hub_table *channel;   /* {service}Channel; NULL = no channel is kept in the store */
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
