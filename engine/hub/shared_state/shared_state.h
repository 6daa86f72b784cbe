/* The shared state of a room: keys with JSON values and one version for all of them (contract: extensions.md
 * "state, metadata, presence"). Changes are made one after the other, committed, and then put into memory
 * and told in the same step, so that what is in memory is always what the room's members have been told.
 * Everything on the loop thread; the room need not be loaded. */
#ifndef HUB_SHARED_STATE_SHARED_STATE_H
#define HUB_SHARED_STATE_SHARED_STATE_H
#include "hub/call/call.h"

extern const struct hub_part hub_shared_state_part;

#define HUB_STATE_KEYS 10000 /* of a room */
#define HUB_STATE_DEPTH 32   /* of objects and lists in one another, of a value */

/* ---- what is asked (room_state.c) ---- */

enum hub_state_op {
    HUB_STATE_READ, /* nothing: what there is, is in memory when the answer comes */
    HUB_STATE_SET,
    HUB_STATE_DELETE,
    HUB_STATE_CLEAR,
    HUB_STATE_INCREMENT,       /* by VALUE, NULL: 1; a key that is not there counts from 0 */
    HUB_STATE_COMPARE_AND_SET, /* to VALUE if it is WAS; null, or none, is a key that is not there, too */
};
/* Borrowed for the call. */
struct hub_state_change {
    enum hub_state_op op;
    struct hub_str key; /* hub_str_is_id has looked at it; empty: READ and CLEAR */
    const json_t *value, *was;
};
struct hub_state_outcome {
    int64_t version;      /* of the room, behind it */
    bool changed;         /* what changes nothing has no version of its own, and nobody is told */
    bool done;            /* there was such a key (DELETE); it was WAS (COMPARE_AND_SET); else true */
    struct hub_str value; /* of INCREMENT: the number as JSON, borrowed */
};
/* ERROR: for people, or NULL. O only with HUB_OK: then what was asked is committed, in memory and told. */
typedef void hub_shared_state_done(void *arg, enum hub_code code, const char *error, const struct hub_state_outcome *o);
/* DONE comes once, possibly before this returns, in the order of asking. Parts hear of ARG as BY
 * (hub_part.readable_changed). */
void hub_shared_state_ask(struct hub_room *room, const struct hub_state_change *c, hub_shared_state_done *done,
                          void *arg);

/* What is in memory, in DONE and as long as nobody was called since. Empty: there is no such key.
 * Borrowed. */
struct hub_str hub_shared_state_value(struct hub_room *room, struct hub_str key);
HUB_MUST json_t *hub_shared_state_keys(struct hub_room *room);             /* a list of texts, a new reference */
void hub_shared_state_entries(struct hub_room *room, struct hub_buf *out); /* appends an object */

/* ---- what members are told (show.c) ---- */

/* Whether somebody who takes a seat now can be shown what is told from there on: there is nothing to show,
 * or it is in memory. False: READY comes, possibly before this returns, with HUB_OK when it is, as long as
 * the room is held. */
typedef void hub_shared_state_read(void *arg, enum hub_code code);
bool hub_shared_state_ready(struct hub_room *room, hub_shared_state_read *ready, void *arg);
/* The state as it is told, at this moment. A reference; NULL: there is nothing to show. */
struct hub_state_shown;
HUB_MUST struct hub_state_shown *hub_shared_state_now(struct hub_room *room);
void hub_state_shown_unref(struct hub_state_shown *s); /* NULL is fine */
/* hub:roomState to C, in ROOM. SHOWN NULL: nothing. */
void hub_shared_state_show(struct hub_room *room, struct hub_conn *c, const struct hub_state_shown *shown);
/* M has got its seat by new rights, and not by joining: it is shown the state, now or when that is in
 * memory. */
void hub_shared_state_seated(struct hub_member *m);
#endif
