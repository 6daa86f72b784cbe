/* Shared by the files of engine/hub/metadata: where metadata of rooms is kept. */
#ifndef HUB_METADATA_METADATA_INT_H
#define HUB_METADATA_METADATA_INT_H
#include "hub/metadata/metadata.h"

void hub_metadata_count(int64_t changes); /* so many were made */

/* TEXT, borrowed: the object as JSON; empty: there is none. */
typedef void hub_metadata_loaded(void *arg, enum hub_code code, struct hub_str text, int64_t version);
/* Any failure: it may have been written all the same. */
typedef void hub_metadata_saved(void *arg, enum hub_code code, const char *error);

/* The store, or the cache. ROOM is held by the caller until the answer, which may come at once. */
struct hub_metadata_keeper {
    void (*load)(struct hub_room *room, hub_metadata_loaded *done, void *arg);
    void (*save)(struct hub_room *room, const json_t *value, int64_t version, hub_metadata_saved *done, void *arg);
};
extern const struct hub_metadata_keeper hub_metadata_in_store, hub_metadata_in_cache;

/* ---- what clients ask of rooms (room_commands.c) ---- */

extern const struct hub_command hub_room_metadata_commands[];
#endif
