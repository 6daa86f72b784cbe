/* Shared by the files of engine/hub/shared_state. */
#ifndef HUB_SHARED_STATE_SHARED_STATE_INT_H
#define HUB_SHARED_STATE_SHARED_STATE_INT_H
#include "hub/shared_state/shared_state.h"

/* ---- entries and changes (change.c): pure functions ---- */

struct hub_state_entry {
    size_t cost; /* bytes of JSON: "key":value, */
    size_t n;
    char text[]; /* the value as JSON; numbers come back as the same kind of number */
};
static inline struct hub_str hub_state_text(const struct hub_state_entry *e) {
    return e ? hub_str(e->text, e->n) : hub_str(NULL, 0);
}

/* What somebody asks, and what becomes of it: worked out while it waits to be committed. */
struct hub_state_step {
    enum hub_state_op op;
    char *key;
    json_t *value, *was;           /* references, or NULL */
    struct hub_state_entry *entry; /* what KEY is from here on, the step's own until it is in memory; NULL: gone */
    struct hub_state_outcome out;
    struct hub_err err;
};
void hub_state_step_init(struct hub_state_step *s, const struct hub_state_change *c);
void hub_state_step_free(struct hub_state_step *s);

/* What is in memory with steps on top of it that are not committed yet. */
struct hub_state_next {
    const struct hub_map *base; /* key → hub_state_entry */
    struct hub_map edits;       /* key → hub_state_step, the last one that changes it */
    int64_t cleared;            /* version of a HUB_STATE_CLEAR among them; 0: none. BASE does not count then */
    int64_t version;
    size_t keys, bytes;
    bool takes_out; /* a key is gone */
};
/* Works S out on NEXT; what it is refused with is in S->err. MOST: limits.stateBytes. */
void hub_state_work_out(struct hub_state_next *next, struct hub_state_step *s, size_t most);
HUB_MUST struct hub_state_entry *hub_state_entry_new(struct hub_str key, struct hub_str text);

/* ---- where it is kept (storage.c) ---- */

/* ROWS: of the table, borrowed; NULL: there are none. */
typedef void hub_state_loaded(void *arg, enum hub_code code, const struct hub_rows *rows);
/* Any failure: some of it may have been written all the same. */
typedef void hub_state_saved(void *arg, enum hub_code code);
/* The store, or nothing but memory. ROOM is held by the caller until the answer, which may come at once;
 * NEXT and its steps stay as long. CLEARED: the version of the last HUB_STATE_CLEAR, as it was read or
 * written. */
struct hub_state_keeper {
    void (*load)(struct hub_room *room, hub_state_loaded *done, void *arg);
    void (*save)(struct hub_room *room, const struct hub_state_next *next, int64_t cleared, hub_state_saved *done,
                 void *arg);
};
extern const struct hub_state_keeper hub_state_in_store, hub_state_in_memory;

/* ---- of a room in use (room_state.c) ---- */

struct hub_shared {
    struct hub_room *room;
    const struct hub_state_keeper *keeper; /* where it was read; NULL: nowhere yet */
    const struct hub_state_keeper *asked;  /* where it is being read, or was last */
    bool doubtful;                         /* nobody knows what was written last: it is read again before it is used */
    bool told;                             /* members have been shown it */
    bool owed;                             /* none has been, and all are to be */
    struct hub_map entries;                /* key → hub_state_entry */
    size_t bytes;
    int64_t version, cleared;
    struct hub_state_shown *shown; /* as it is now; NULL: nobody has asked since it changed */
    bool busy;                     /* the keeper has not answered yet, or answers are being given */
    bool going;
    struct hub_list waiting, batch;
    size_t waiting_n, waiting_bytes;
    struct hub_state_next next;
    struct hub_retry retry; /* of reading again for members who may have missed something */
    bool retrying;
};
struct hub_shared *hub_shared_of(struct hub_room *room); /* made on demand */
bool hub_shared_is_known(const struct hub_shared *s);    /* what is in memory may be used */
/* Reads it for those who are in the room, and shows it to all of them. */
void hub_shared_show_all(struct hub_shared *s);

/* ---- show.c ---- */

static inline bool hub_shared_syncs(const struct hub_room *room) {
    const struct hub_def_shared_state *def = &hub_of(room)->def->shared_state;
    return def->on && def->sync;
}
void hub_shared_tell(struct hub_shared *s, const struct hub_state_step *step); /* of the change that it made */
void hub_shared_tell_all(struct hub_shared *s);                                /* the whole state */
void hub_shared_forget_shown(struct hub_shared *s);                            /* it has changed */

/* ---- what clients ask (set.c) ---- */

extern const struct hub_command hub_shared_state_commands[];
#endif
