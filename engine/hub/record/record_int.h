/* Shared by the files of engine/hub/record.
 *
 * A record that somebody follows, writes or has just used is in memory (live.c). Whoever changes records
 * holds their locks, taken in the order of their ids, so that two changes that touch the same records
 * never wait for each other in a circle (change.c). A change is computed under the locks, judged,
 * committed to the store, and only then told (follow.c). */
#ifndef HUB_RECORD_RECORD_INT_H
#define HUB_RECORD_RECORD_INT_H
#include "hub/guard/guard.h"
#include "hub/record/record.h"

#define HUB_RECORD_OPS_MAX 100 /* of a transaction */

struct hub_records;

/* ---- records in memory (live.c) ---- */

enum hub_record_home { HUB_RECORD_STORED, HUB_RECORD_CACHED, HUB_RECORD_ROW };

/* Of a record that is a row. */
struct hub_record_row {
    struct hub_list link; /* of the records that are the same row */
    struct hub_record *record;
    char *object;
    json_t *id;            /* a text */
    int64_t no, loaded_no; /* of the last write that memory knows of; all->row_no when it was read */
    const void *commit;    /* of its own, under way */
};

struct hub_record {
    struct hub_records *all;
    char *id;
    int64_t version; /* 0: there never was one */
    json_t *value;   /* NULL: there is none */
    bool loaded;
    uint32_t refs;        /* locks, their waiters, followers */
    struct hub_list idle; /* in all->idle while nobody refers to it, the longest first */
    size_t cost;          /* of its value, as counted in all->bytes */
    struct hub_record_lock *holder;
    struct hub_list waiting;            /* hub_record_lock.link */
    struct hub_task hand_over;          /* the lock is free, and goes to the first that waits */
    struct hub_list followers;          /* hub_follower.in_record */
    struct hub_list readers;            /* guards that have read it (readers.c) */
    struct hub_group *full, *patch;     /* those who follow in that mode; NULL: nobody */
    struct hub_record_hooks *hooks;     /* NULL: no change of it waits for onChanged */
    struct hub_record_hearing *hearing; /* NULL: no guard is to be asked before its follower is told */
    uint32_t known_by;                  /* all->definitions when it was looked up: */
    bool watched;                       /* whether a window has onChanged for it, */
    enum hub_record_home home;          /* and where it is kept */
    struct hub_record_row *row;         /* NULL: it is none */
    bool doubted;                       /* VALUE and VERSION may not be those of the store */
    bool moved;                         /* it has become a row, another one than before: it is read before it is used */
};

struct hub_records {
    struct hub_engine *engine;
    struct hub_map by_id;
    struct hub_list idle;
    size_t bytes;           /* of all values */
    struct hub_list behind; /* hub_follower.behind: they are sent the whole when their queue is short again */
    struct hub_timer catch_up;
    struct hub_list hearings; /* hub_record_hearing.link, */
    struct hub_list may_ask;  /* and .ready: those whose next guard may be asked */
    struct hub_task ask_next;
    uint32_t definitions; /* counts them */
    struct hub_map rows;  /* object/id → struct hub_list of hub_record_row.link */
    int64_t row_no;       /* counts writes of rows */
    struct hub_map turns; /* turns.c */
    int64_t turn_number;
    struct hub_record_backlog {
        struct hub_list ready; /* hub_record_hooks.ready: whose first change may go on */
        struct hub_task next;
        size_t n, bytes, promised, running; /* changes, their values, those being committed, hooks that run */
        bool stopped;
    } changed;
};
struct hub_records *hub_records_of(struct hub_engine *e);
HUB_MUST struct hub_records *hub_records_new(struct hub_engine *e);
void hub_records_stop(struct hub_records *all); /* no timer of it runs any more */
void hub_records_delete(struct hub_records *all);

/* The record ID, in memory or to be loaded; the caller gets a reference. NULL: MOST are in use. */
HUB_MUST struct hub_record *hub_record_get(struct hub_records *all, struct hub_str id, int64_t most);
/* Also of one that nobody referred to. */
static inline struct hub_record *hub_record_ref(struct hub_record *r) {
    hub_list_remove(&r->idle);
    return r->refs++, r;
}
void hub_record_unref(struct hub_record *r);
/* Puts VALUE (a new reference given away, or NULL) and VERSION into memory. */
void hub_record_put(struct hub_record *r, json_t *value, int64_t version);

/* It has changed from WAS (NULL: there was none) to what it is now: tells everybody whom that concerns. BY is
 * whose guard has asked for that; NULL: none has. */
void hub_record_changed_from(struct hub_record *r, json_t *was, const struct hub_grant *by);

bool hub_record_is_heard(struct hub_record *r); /* whether somebody is to hear of a change */
/* Nobody knows what the store has of it: it is read anew before it is used, and soon if somebody is to hear
 * of a change. */
void hub_record_doubt(struct hub_record *r);
void hub_records_reloaded(struct hub_records *all); /* new definitions are in force */

enum hub_record_use {
    HUB_RECORD_ALONE,
    HUB_RECORD_JUDGING, /* alone, too; but until it is ALONE what is in memory stays as it is: guards may read it */
    HUB_RECORD_READING  /* a script, which may be such a guard: only what is in memory, beside whoever is JUDGING */
};
/* A place in the queue of those who want to change or to read a record alone. THEN comes once when it has
 * it, and the record is loaded, possibly before this returns; CODE is not HUB_OK when it could not be read,
 * and the lock is held all the same. */
struct hub_record_lock {
    struct hub_list link;
    struct hub_record *record; /* reference */
    void (*then)(struct hub_record_lock *lock, enum hub_code code);
    enum hub_record_use use;
    struct hub_hold hold;
};
void hub_record_lock(struct hub_record_lock *lock, struct hub_record *r, enum hub_record_use use,
                     void (*then)(struct hub_record_lock *lock, enum hub_code code));
/* To the next one, in a step of its own. */
void hub_record_unlock(struct hub_record_lock *lock);
/* Shows R, a reference given away, to who only reads. SEEN comes once, possibly before this returns. */
typedef void hub_record_seen(void *arg, enum hub_code code, const struct hub_record *r);
void hub_record_see(struct hub_record *r, hub_record_seen *seen, void *arg);

/* ---- which window (window.c) ---- */

/* The hubs and plain namespaces of the service in the order of files, one after the other: *AT is 0 at first.
 * Those by an expression have no name of their own and are passed over. NULL: there are no more. */
struct hub_hub *hub_record_owner(struct hub_engine *e, size_t *at);
/* The first window of DEF that ID fits: *OUT, and in *PARAMS, which may be NULL, what the parts of its
 * pattern are, a new reference. */
enum hub_code hub_record_window(const struct hub_def *def, struct hub_str id, const struct hub_def_record **out,
                                json_t **params, struct hub_err *err);

/* ---- operations (operation.c) ---- */

/* Whether OP is one: {op, recordId, value?, patch?, strategy?, ifVersion?}, as far as that can be said
 * without the record; a list of them; the strategy of one. */
enum hub_code hub_record_check_op(const json_t *op, struct hub_err *err);
enum hub_code hub_record_check_ops(const json_t *ops, struct hub_err *err);
enum hub_code hub_record_check_strategy(const json_t *op, struct hub_err *err);
bool hub_record_op_is(const json_t *op, const char *kind);
bool hub_record_version_fits(const json_t *op, int64_t version); /* with what OP demands, if it does */
/* What OP, which was checked, makes of the record ID, whose value is WAS (NULL: there is none): *OUT, a
 * new reference, NULL: nothing is left, or nothing was there to be checked. DEF has the limits, WINDOW
 * (NULL: none) the fields. */
struct hub_record_making {
    const json_t *op, *was;
    const char *id;
    const struct hub_def *def;
    const struct hub_def_record *window;
    const struct hub_record *row; /* the record, if it is one; else NULL */
};
enum hub_code hub_record_make(const struct hub_record_making *m, json_t **out, struct hub_err *err);

/* ---- commits (commit.c) ---- */

/* What a record, which the caller has locked, is to be in its next version; NULL: gone. */
struct hub_record_next {
    struct hub_record *record;
    json_t *value;
};
/* The write of a row's version. */
struct hub_record_version {
    struct hub_write write;
    struct hub_cell cells[HUB_REC_COLUMNS];
    struct hub_buf text;
};
/* Inside its owner's struct; all, items, n, with, done and undecided are the owner's. */
struct hub_record_commit {
    struct hub_records *all;
    struct hub_record_next *items; /* until done */
    size_t n;
    struct hub_write *with; /* a group of others that is committed with it, or NULL */
    void (*done)(struct hub_record_commit *c, enum hub_code code, const char *error);
    void (*undecided)(struct hub_record_commit *c); /* as of a write; NULL: DONE says so */
    size_t waiting;
    enum hub_code code;
    struct hub_record_version *rows; /* N of them, of those that are stored */
    struct hub_record_version version_row;
    const struct hub_table *object; /* of a row */
    json_t *row_value;              /* what the row has become: its item's value then; the owner's to release */
};
/* All or nothing, where there is only one place to keep it in. DONE comes once, possibly before this
 * returns, and may free C; memory is the owner's to change then. HUB_STORE_UNDECIDED: nobody knows. */
void hub_record_commit(struct hub_record_commit *c);
/* What V, which is zero but for its write's done and arg, writes: that R is VALUE (NULL: gone) at VERSION. */
void hub_record_fill_version(struct hub_record_version *v, struct hub_record *r, const json_t *value, int64_t version);
/* VALUE, given away, is NULL when there is none; with VERSION 0 nothing is known. */
typedef void hub_record_loaded(void *arg, enum hub_code code, json_t *value, int64_t version);
void hub_record_load_cached(struct hub_record *r, hub_record_loaded *done, void *arg);

/* ---- records that are rows (row.c) ---- */

/* R is the row ID of OBJECT from now on; it is none any more. */
void hub_record_row_bind(struct hub_record *r, const char *object, struct hub_str id);
void hub_record_row_unbind(struct hub_record *r);
/* Whether VALUE, which is completed, can be what the row of R becomes. */
enum hub_code hub_record_row_shape(const struct hub_record *r, json_t *value, struct hub_err *err);
void hub_record_load_row(struct hub_record *r, hub_record_loaded *done, void *arg);
void hub_record_commit_row(struct hub_record_commit *c); /* its only item is one */
/* Steps of the part. */
void hub_record_row_written(struct hub_engine *e, const struct hub_write *w, const void *by);
void hub_record_row_changed(struct hub_engine *e, const struct hub_table *t, const json_t *row);

/* ---- changes (change.c) ---- */

/* OPS is a list of {op, recordId, value?, patch?, strategy?, ifVersion?}, checked as far as it can be
 * without the records; a new reference given away. CALL NULL: no guard is asked. DONE
 * comes once, possibly before this returns: HUB_OK with RESULTS, a list of {version, changed} (borrowed);
 * else ERR, and of a version that does not fit DATA {recordId, version}, else NULL (borrowed). */
typedef void hub_record_changed(void *arg, const struct hub_err *err, json_t *results, json_t *data);
void hub_record_change(struct hub_hub *hub, struct hub_call *call, json_t *ops, hub_record_changed *done, void *arg);
/* Likewise, asked for by the script that has called SCRIPT. */
void hub_record_change_by(const struct hub_host_call *script, struct hub_hub *hub, json_t *ops,
                          hub_record_changed *done, void *arg);

/* Whether a window of the service has onChanged for R; where R is kept: in the cache only if no window says
 * otherwise. */
bool hub_record_is_watched(struct hub_record *r);
enum hub_record_home hub_record_home_of(struct hub_record *r);
bool hub_record_is_row(const struct hub_records *all, struct hub_str id);
/* Of the first hub or namespace that has onChanged for R, and *PARAMS as by hub_record_window. NULL: none
 * has. */
const struct hub_script *hub_record_hook(const struct hub_record *r, struct hub_hub **hub, json_t **params);

/* ---- hooks behind changes (on_changed.c) ---- */

/* Room for N changes that are about to be committed; HUB_OVERLOADED: too many wait already. Given back when
 * they have been told, or have failed. */
enum hub_code hub_record_hooks_promise(struct hub_records *all, size_t n, struct hub_err *err);
void hub_record_hooks_keep(struct hub_records *all, size_t n);
/* R, which is watched, has changed from WAS: onChanged runs, after those of the changes before. */
void hub_record_hooks_add(struct hub_record *r, json_t *was);
void hub_record_hooks_init(struct hub_records *all);
void hub_record_hooks_stop(struct hub_records *all); /* what waits is dropped */
#endif
