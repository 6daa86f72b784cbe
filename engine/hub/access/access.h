/* Who may enter a room, and whether what was decided still holds: the layers of a decision, the cache of
 * decisions, the room's record and what is loaded of it. */
#ifndef HUB_ACCESS_ACCESS_H
#define HUB_ACCESS_ACCESS_H
#include "hub/call/call.h"

/* ---- deciding who may enter (authorize.c, decision_cache.c) ---- */

/* LAYER names what decided ("authSources.owner", "cache", …). CODE != HUB_OK:
 * refused. ROOM, with its record, is borrowed. */
typedef void hub_authorize_done(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                                struct hub_room *room);
/* Works out whether WHO may enter ROOM_ID, all layers in order, the room opened (a reference given to DONE
 * for the call only). */
void hub_authorize(struct hub_hub *hub, struct hub_identity *who, struct hub_str room_id, bool skip_cache,
                   hub_authorize_done *done, void *arg);
/* Drops cached decisions: of one user in a room, of a room (USER_ID empty), or of the whole hub (both
 * empty). Those under way start over. WORK (may be NULL) waits until the cache knows. */
void hub_authorize_forget(struct hub_hub *hub, struct hub_str room_id, struct hub_str user_id, struct hub_work *work);
/* The room's row has changed: decisions under way that have read it already read it again. */
void hub_authorize_record_changed(struct hub_hub *hub, struct hub_str room_id);

/* HUB, under whose decisions nothing is left, is about to be freed (room_read.c). */
void hub_room_reads_clear(struct hub_hub *hub);
/* The definition was replaced: decisions that were cached under other rules are not found any more. */
void hub_authorize_rules(struct hub_hub *hub);

/* ---- the rooms of a user, by records of authSources (memberships.c) ---- */

/* A look through the records that link a user with rooms, of the authSources that the inbox goes by.
 * Inside its owner's struct; the owner sets what is to be called. */
struct hub_memberships {
    /* A room that a record names; it may come several times. False: it is enough. */
    bool (*seen)(struct hub_memberships *m, struct hub_str room_id);
    void (*done)(struct hub_memberships *m, enum hub_code code, const char *error); /* once, now or later */
    /* memberships.c's from here on */
    struct hub_hold hold;
    struct hub_hub *hub;
    const struct hub_def *def;
    char *user_id, *room_id; /* the latter NULL: all rooms */
    size_t source;
    bool further; /* from LAST on, whose text is in TEXT */
    struct hub_cell last;
    struct hub_buf text, hold_text;
};
/* ROOM_ID: only records that name it; empty: all. A definition that is replaced meanwhile begins it again. */
void hub_memberships_read(struct hub_memberships *m, struct hub_hub *hub, struct hub_str user_id,
                          struct hub_str room_id);

/* ---- the room's record in memory (record.c) ---- */

/* The table of the hub's room object. */
const struct hub_table *hub_record_table(const struct hub_hub *hub);
/* Reads the row of room ROOM_ID; false when no row can have that id. HOLD backs the condition until the
 * answer. */
bool hub_record_read(struct hub_hub *hub, const char *room_id, struct hub_buf *hold, hub_rows_cb *done, void *arg);
/* hub_data.written, whose ctx is the engine. W, a write of an object's row, was committed: rooms in use
 * get the new row at once, rooms whose row was deleted end. */
void hub_record_written(void *ctx, const struct hub_write *w);
/* Another node of the service has written ROW of T, an object by its properties: rooms in use read theirs. */
void hub_record_written_elsewhere(struct hub_engine *e, const struct hub_table *t, const json_t *row);
/* TEXT as a value of the column; false when it can never match (a word against a number). */
bool hub_cond_of_text(struct hub_cond *cond, const struct hub_table *t, int column, const char *text,
                      struct hub_buf *hold);

/* ---- opening rooms (load_room.c) ---- */

/* Makes sure seq, epoch and moderation are loaded. DONE may come at once. ROOM must be held by the caller
 * until then. */
typedef void hub_load_done(void *arg, enum hub_code code);
void hub_room_load(struct hub_room *room, hub_load_done *done, void *arg);

/* ---- calls that have waited (standing.c) ---- */

/* Nothing has happened in the room since the call was judged that could have changed what it may do. */
static inline bool hub_call_fresh(const struct hub_call *c) {
    return c->member && !c->member->gone && c->judged == c->room->judged && !c->room->ended;
}
/* Finds room and rights of a call anew and passes the gates of its command again. THEN comes once,
 * possibly before this returns; with false when the call was refused (and is gone). */
typedef void hub_call_judged(void *arg, bool stands);
void hub_call_stands(struct hub_call *call, hub_call_judged *then, void *arg);
/* hub_call_ok for what was read, unless the caller has lost the right to see it meanwhile. */
void hub_call_show(struct hub_call *call, const char *data_name, struct hub_str fields);
#endif
