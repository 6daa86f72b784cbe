/* Where the state of rooms is kept: a row for each key in a table of the hub, or nowhere. What takes
 * something out writes the room's own row first, with the version it leads to: whatever of the writes behind
 * it is lost, no version that somebody has been told of comes again. */
#include <stdlib.h>

#include "hub/shared_state/shared_state_int.h"

#define ROWS_MAX 1000000 /* of a room: its keys, and what an interrupted clearing has left */

struct loading {
    struct hub_hold hold;
    hub_state_loaded *done;
    void *arg;
};

static void on_rows(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct loading *l = arg;
    (void)error;
    hub_unhold(&l->hold);
    l->done(l->arg, code, rows);
    free(l);
}

static void load_rows(struct hub_room *room, hub_state_loaded *done, void *arg) {
    struct hub_engine *e = hub_of(room)->engine;
    struct loading *l = hub_xcalloc(1, sizeof *l);
    l->done = done;
    l->arg = arg;
    const struct hub_cond where = {.column = HUB_RST_ROOM_ID, .value = hub_cell_text(hub_cstr(room->id))};
    const struct hub_select q = {.table = hub_of(room)->tables->room_state,
                                 .where = &where,
                                 .where_n = 1,
                                 .order_by = HUB_RST_VERSION,
                                 .limit = ROWS_MAX};
    hub_hold(&e->holds, &l->hold, "state read");
    e->config.store->ops->select(e->config.store, &q, on_rows, l);
}

/* ---- writing ---- */

struct saving;
struct row_write {
    struct saving *of;
    struct hub_write write;
    struct hub_cell cells[HUB_RST_COLUMNS];
    struct hub_cond where[2];
    char number[24];
};

/* The writes of one batch, submitted in one turn and in their order. */
struct saving {
    struct hub_hold hold;
    struct hub_room *room; /* held by the caller */
    size_t n, left;
    enum hub_code code;
    hub_state_saved *done;
    void *arg;
    struct row_write writes[];
};

static void end_saving(struct saving *s) {
    hub_unhold(&s->hold);
    s->done(s->arg, s->code);
    free(s);
}

static void on_written(struct hub_write *w) {
    struct row_write *r = w->arg;
    struct saving *s = r->of;
    bool nothing = w->kind == HUB_DELETE && w->code == HUB_NOT_FOUND;
    if (w->code && !nothing) s->code = w->code;
    if (!--s->left) end_saving(s);
}

static struct row_write *next_write(struct saving *s, enum hub_write_kind kind) {
    struct row_write *r = &s->writes[s->n++];
    r->of = s;
    r->write = (struct hub_write){.table = hub_of(s->room)->tables->room_state,
                                  .kind = kind,
                                  .cells = r->cells,
                                  .where = kind == HUB_DELETE ? r->where : NULL,
                                  .where_n = kind == HUB_DELETE ? HUB_NELEM(r->where) : 0,
                                  .conflict = kind == HUB_UPSERT ? HUB_RST_CONFLICT : NULL,
                                  .done = on_written,
                                  .arg = r};
    r->where[0] = (struct hub_cond){.column = HUB_RST_ROOM_ID, .value = hub_cell_text(hub_cstr(s->room->id))};
    return r;
}

static void put_row(struct saving *s, struct hub_str key, struct hub_str value, int64_t version) {
    struct row_write *r = next_write(s, HUB_UPSERT);
    r->cells[HUB_RST_ROOM_ID] = hub_cell_text(hub_cstr(s->room->id));
    r->cells[HUB_RST_KEY] = hub_cell_text(key);
    r->cells[HUB_RST_VALUE] = hub_cell_text(value);
    r->cells[HUB_RST_VERSION] = hub_cell_int(version);
}

/* The room's own. */
static void put_room_row(struct saving *s, int64_t version, int64_t cleared) {
    put_row(s, HUB_STR(""), HUB_STR(""), version);
    struct row_write *r = &s->writes[s->n - 1];
    int n = snprintf(r->number, sizeof r->number, "%lld", (long long)cleared);
    r->cells[HUB_RST_VALUE] = hub_cell_text(hub_str(r->number, (size_t)n));
}

static void delete_row(struct saving *s, struct hub_str key) {
    struct row_write *r = next_write(s, HUB_DELETE);
    r->where[1] = (struct hub_cond){.column = HUB_RST_KEY, .value = hub_cell_text(key)};
}

static void delete_older(struct saving *s, int64_t version) {
    struct row_write *r = next_write(s, HUB_DELETE);
    r->where[1] = (struct hub_cond){.column = HUB_RST_VERSION, .cmp = HUB_LT, .value = hub_cell_int(version)};
}

static void put_edits(struct saving *s, const struct hub_state_next *next) {
    struct hub_str key;
    void *value;
    for (void *it = NULL; (it = hub_map_next(&next->edits, it, &key, &value));) {
        const struct hub_state_step *step = value;
        if (step->entry)
            put_row(s, key, hub_state_text(step->entry), step->out.version);
        else if (!next->cleared)
            delete_row(s, key);
    }
}

static void save_rows(struct hub_room *room, const struct hub_state_next *next, int64_t cleared, hub_state_saved *done,
                      void *arg) {
    struct hub_engine *e = hub_of(room)->engine;
    size_t most = hub_map_len(&next->edits) + 2;
    struct saving *s = hub_xcalloc(1, sizeof *s + most * sizeof(struct row_write));
    *s = (struct saving){.room = room, .done = done, .arg = arg};
    hub_hold(&e->holds, &s->hold, "state write");
    if (next->takes_out) put_room_row(s, next->version, cleared);
    if (next->cleared) delete_older(s, next->cleared);
    put_edits(s, next);
    s->left = s->n;
    size_t n = s->n;
    for (size_t i = 0; i < n; i++) /* S is gone with the answer to the last one */
        e->config.store->ops->write(e->config.store, &s->writes[i].write);
}

const struct hub_state_keeper hub_state_in_store = {.load = load_rows, .save = save_rows};

/* ---- nowhere ---- */

static void load_nothing(struct hub_room *room, hub_state_loaded *done, void *arg) {
    (void)room;
    done(arg, HUB_OK, NULL);
}

static void save_nothing(struct hub_room *room, const struct hub_state_next *next, int64_t cleared,
                         hub_state_saved *done, void *arg) {
    (void)room, (void)next, (void)cleared;
    done(arg, HUB_OK);
}

const struct hub_state_keeper hub_state_in_memory = {.load = load_nothing, .save = save_nothing};
