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
    void (*written)(void *ctx, const struct hub_write *w); /* of every write of a row, before it is told of */
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
void hub_object_update(struct hub_data *d, const struct hub_table *t, const json_t *id, const json_t *changes,
                       bool waits, hub_object_done *done, void *arg);
void hub_object_delete(struct hub_data *d, const struct hub_table *t, const json_t *id, bool waits,
                       hub_object_done *done, void *arg);
#endif
