/* DataObject CRUD for scripts and REST: rows as JSON by property names, with created/updated/deleted
 * events on the bus (contract: semantics.md "Bridged events"). Asynchronous; RESULT is borrowed during the
 * callback. */
#ifndef HUB_DATA_OBJECTS_H
#define HUB_DATA_OBJECTS_H
#include "async/hold.h"
#include "data/change_feed.h"
#include "persist/store.h"

#define HUB_OBJECT_LIST 100      /* rows of a list without limit */
#define HUB_OBJECT_LIST_MAX 1000 /* rows of any list */

/* The rows of one engine's service. Lives as long as the engine. */
struct hub_data {
    struct hub_loop *loop;
    struct hub_store *store;
    struct hub_feed *feed;
    struct hub_holds *holds;
    /* Of every write of a row, before it is told of; BY: what DONE gets of whoever asked for it. */
    void (*written)(void *ctx, const struct hub_write *w, const void *by);
    void *ctx;
};

/* HUB_OK with the row (find, create, update: object; list: array; delete: the row that was deleted),
 * HUB_NOT_FOUND, HUB_CONFLICT (create: the id is taken), HUB_INVALID_CONTENT with a text naming the
 * property, HUB_BAD_REQUEST, HUB_STORE_UNAVAILABLE. */
typedef void hub_object_done(void *arg, enum hub_code code, json_t *result, const char *error);

void hub_object_find(struct hub_data *d, const struct hub_table *t, const json_t *id, hub_object_done *done, void *arg);
/* WHERE: {property: value | {"$gt" "$gte" "$lt" "$lte" "$ne" "$in": …}} or NULL; OPTIONS: {limit, offset,
 * orderBy, "descending"} or NULL; orderBy may be "-property". "probe": true asks for one row more than
 * limit, which tells whether there are more. */
void hub_object_list(struct hub_data *d, const struct hub_table *t, const json_t *where, const json_t *options,
                     hub_object_done *done, void *arg);
/* WAITS: DONE comes after the rights that rest on the row, as it was and as it is, have been worked out
 * again (contract: semantics.md "Join"), or after some seconds, should that not be possible. */
void hub_object_create(struct hub_data *d, const struct hub_table *t, const json_t *row, bool waits,
                       hub_object_done *done, void *arg);
/* A row that was set inactive becomes ROW, which has its id, and active again; without one:
 * HUB_NOT_FOUND. */
void hub_object_restore(struct hub_data *d, const struct hub_table *t, const json_t *row, bool waits,
                        hub_object_done *done, void *arg);
void hub_object_update(struct hub_data *d, const struct hub_table *t, const json_t *id, const json_t *changes,
                       bool waits, hub_object_done *done, void *arg);
void hub_object_delete(struct hub_data *d, const struct hub_table *t, const json_t *id, bool waits,
                       hub_object_done *done, void *arg);
/* The same for a row that still has what WAS, an object by properties, has of it; else HUB_CONFLICT.
 * Equal is what reads as the same value (hub_rows_equal). */
void hub_object_update_if(struct hub_data *d, const struct hub_table *t, const json_t *id, const json_t *was,
                          const json_t *changes, bool waits, hub_object_done *done, void *arg);
void hub_object_delete_if(struct hub_data *d, const struct hub_table *t, const json_t *id, const json_t *was,
                          bool waits, hub_object_done *done, void *arg);

/* ---- writes that are part of a group (hub_write.next) ---- */

enum hub_object_kind {
    HUB_OBJECT_CREATE, /* ROW */
    HUB_OBJECT_UPDATE, /* ROW: the changes */
    HUB_OBJECT_DELETE,
    HUB_OBJECT_IS,     /* a check: the row with ID has what ROW has; NULL: there is none */
    HUB_OBJECT_IS_LIST /* a check: a list of WHERE and OPTIONS, as for hub_object_list, is ROW */
};
struct hub_object_change {
    enum hub_object_kind kind;
    const struct hub_table *table;
    const json_t *id, *row, *where, *options; /* borrowed for the call */
    bool waits;
};
struct hub_object_op;
/* Made, and not yet carried out: its write, whose done is not called, is to be submitted in a group.
 * NULL: ERR says why it cannot be. Ends by one of the two below. */
HUB_MUST struct hub_object_op *hub_object_prepare(struct hub_data *d, const struct hub_object_change *x,
                                                  struct hub_err *err);
struct hub_write *hub_object_write(struct hub_object_op *op);
void hub_object_drop(struct hub_object_op *op); /* nothing was written */
/* What is said of an id that a row of T has already; DELETED: one that was deleted softly, and has it
 * still. */
void hub_object_say_taken(const struct hub_table *t, bool deleted, char *out, size_t size);
/* The group was committed: the change is told, and then DONE called, as by the functions above. Not of a
 * check, which is dropped. */
void hub_object_written(struct hub_object_op *op, hub_object_done *done, void *arg);
#endif
