/* Shared by the files of engine/hub/transaction: what a transaction knows and wants to change, as items
 * with a key each, in the order in which they were first named. */
#ifndef HUB_TRANSACTION_TRANSACTION_INT_H
#define HUB_TRANSACTION_TRANSACTION_INT_H
#include "data/objects.h"
#include "hub/call/call.h"
#include "hub/guard/guard.h"
#include "hub/queue/queue.h"
#include "hub/record/record.h"
#include "hub/transaction/transaction.h"

#define HUB_TX_ITEMS 200               /* rows, lists, records and jobs of a transaction */
#define HUB_TX_BYTES ((size_t)8 << 20) /* of their values, in memory */
/* What keys of records and jobs begin with; those of rows do with the name of an object and a slash. */
#define HUB_TX_RECORD_KEY "record "
#define HUB_TX_JOB_KEY "job "

struct hub_tx {
    struct hub_host_tx pub; /* first member: what the script's side holds */
    struct hub_engine *engine;
    struct hub_hold hold;
    struct hub_hub *hub; /* kept: whose limits its records have; NULL: it changes none yet */
    struct hub_list items;
    struct hub_map by_key;
    size_t n, bytes;
    unsigned refs; /* the script's, questions' that are under way, the commit's */
};

enum hub_tx_kind { HUB_TX_ROW, HUB_TX_LIST, HUB_TX_RECORD, HUB_TX_JOB };
struct hub_tx_item {
    struct hub_list link;
    enum hub_tx_kind kind;
    char *key;                     /* also the name of the turn that is taken when others were met at it */
    const struct hub_table *table; /* of a row and of a list */
    json_t *id;                    /* of a row, as the table has it; of a record */
    json_t *was, *now;             /* values when they were read, and as the transaction sees them; NULL: none */
    bool fresh;                    /* a row whose id is new: nobody has it, and nothing was read */
    bool changed;
    bool noted_late;         /* a row that may have changed before it was noted for the guard that has read it */
    json_t *changes;         /* of a row that was there and is to be updated */
    json_t *where, *options; /* of a list, whose rows are WAS */
    int64_t version;         /* of a record, when it was read */
    const char *otherwise;   /* why the record cannot be changed here; NULL: it can */
    struct hub_job_draft *job;
    struct hub_object_op *check, *write; /* while it is committed */
};

/* ---- transaction.c ---- */

struct hub_tx *hub_tx_of(const struct hub_host_call *call); /* of a function that is called in one */
struct hub_tx *hub_tx_ref(struct hub_tx *tx);
void hub_tx_unref(struct hub_tx *tx);
struct hub_tx_item *hub_tx_find(const struct hub_tx *tx, struct hub_str key); /* NULL: it is not known yet */
/* A new item of KEY. NULL: there are too many; CALL was answered. */
HUB_MUST struct hub_tx_item *hub_tx_add(struct hub_tx *tx, struct hub_host_call *call, enum hub_tx_kind kind,
                                        struct hub_str key);
/* VALUE is to come into the transaction, and counts. False: it is too much; CALL was answered. */
HUB_MUST bool hub_tx_charge(struct hub_tx *tx, struct hub_host_call *call, const json_t *value);

/* Whether CHANGES (NULL: none) delete a row of T softly (rows.c). */
bool hub_tx_becomes_inactive(const struct hub_table *t, const json_t *changes);

/* A question of a script that waits for the store. The transaction may be dropped meanwhile. */
struct hub_tx_asking {
    struct hub_tx *tx; /* reference */
    struct hub_host_call *call;
    void (*then)(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call);
    const struct hub_table *table;
    json_t *id, *where, *options;
    struct hub_buf key;
};
HUB_MUST struct hub_tx_asking *hub_tx_ask(struct hub_host_call *call);
void hub_tx_asked(struct hub_tx_asking *a); /* it is over */

/* ---- rows.c, records.c, jobs.c: functions of scripts ---- */

void hub_tx_objects_find(void *ctx, struct hub_host_call *call);
void hub_tx_objects_list(void *ctx, struct hub_host_call *call);
void hub_tx_objects_create(void *ctx, struct hub_host_call *call);
void hub_tx_objects_update(void *ctx, struct hub_host_call *call);
void hub_tx_objects_delete(void *ctx, struct hub_host_call *call);
void hub_tx_records_get(void *ctx, struct hub_host_call *call);
void hub_tx_records_write(void *ctx, struct hub_host_call *call);
void hub_tx_records_patch(void *ctx, struct hub_host_call *call);
void hub_tx_records_delete(void *ctx, struct hub_host_call *call);
void hub_tx_queues_add(void *ctx, struct hub_host_call *call);
void hub_tx_queues_get(void *ctx, struct hub_host_call *call);
void hub_tx_queues_cancel(void *ctx, struct hub_host_call *call);

/* ---- commit.c ---- */

/* TX, whose reference is given away, is committed, and CALL answered: nil, or the key of the item at which it
 * has met somebody else, or an error. */
void hub_tx_commit(struct hub_tx *tx, struct hub_host_call *call);
#endif
