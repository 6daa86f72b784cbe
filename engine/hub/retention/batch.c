/* Messages removed for good, a batch at a time: which ones; what a replay has to know of them, written
 * first; then the rows themselves, as they were read. A process that ends in between has told replays of
 * more than is gone, which costs them a history and nothing else. */
#include <stdlib.h>

#include "hub/retention/retention_int.h"

struct gone {
    char *id, *room;
    int64_t change; /* changeSeq; 0: it has no number, for it was never told */
};

/* What is removed of one room, with numbers or without. */
struct part {
    struct batch *batch;
    size_t first, n; /* of the batch's rows */
    struct hub_cell *ids;
    struct hub_write mark, removal;
    struct hub_cell cells[HUB_RMV_COLUMNS];
    struct hub_cond where[3];
    int64_t up_to;
    bool told; /* a replay knows of them already */
};

struct batch {
    struct hub_hold hold; /* keeps the tables */
    struct hub_retained *of;
    const struct hub_table *message, *removed;
    enum hub_removed_for why;
    hub_retention_removed *done;
    bool full;
    struct gone *rows;
    size_t n;
    struct part *parts;
    size_t part_n, left; /* writes under way */
    int64_t changes;
    enum hub_code failed;
};

void hub_retention_count(enum hub_removed_for why, int64_t n) {
    static const char *const names[] = {[HUB_REMOVED_OLD] = "messages",
                                        [HUB_REMOVED_DELETED] = "softDeletedAfter",
                                        [HUB_REMOVED_MANY] = "perRoom",
                                        [HUB_REMOVED_EVENTS] = "keptEvents"};
    hub_metric_add(hub_metric_labelled("hubd_retention_removed_total", "Rows removed, by what asks for it", HUB_COUNTER,
                                       "for", hub_cstr(names[why])),
                   n);
}

/* Rows that somebody changes meanwhile stay for the next batch; a batch of such rows only is not repeated
 * at once. */
static void end_batch(struct batch *b) {
    struct hub_retained *r = b->of;
    hub_retention_removed *done = b->done;
    enum hub_code code = b->failed;
    bool more = b->full && b->changes;
    if (b->changes) hub_retention_count(b->why, b->changes);
    hub_unhold(&b->hold);
    for (size_t i = 0; i < b->n; i++) free(b->rows[i].id), free(b->rows[i].room);
    for (size_t i = 0; i < b->part_n; i++) free(b->parts[i].ids);
    free(b->parts);
    free(b->rows);
    free(b);
    done(r, code, more);
}

/* Nothing is asked of a store that is about to close. */
static bool is_over(struct batch *b) {
    if (b->of->all->stopped && !b->failed) b->failed = HUB_SHUTTING_DOWN;
    return b->failed != HUB_OK;
}

static void submit_write(struct batch *b, struct hub_write *w) {
    struct hub_store *store = b->of->all->engine->config.store;
    b->left++;
    store->ops->write(store, w);
}

/* Lists have one of a few lengths, with the last element repeated: a statement is prepared for each. */
static size_t length_of_list(size_t n) {
    size_t length = 1;
    while (length < n) length *= 8;
    return length;
}

/* ---- the rows ---- */

static void on_removed(struct hub_write *w) {
    struct batch *b = ((struct part *)w->arg)->batch;
    if (w->code && w->code != HUB_NOT_FOUND)
        b->failed = w->code;
    else
        b->changes += w->changes;
    if (!--b->left) end_batch(b);
}

static void fill_ids(struct part *p) {
    size_t length = length_of_list(p->n);
    p->ids = hub_xcalloc(length, sizeof *p->ids);
    for (size_t i = 0; i < length; i++)
        p->ids[i] = hub_cell_text(hub_cstr(p->batch->rows[p->first + (i < p->n ? i : p->n - 1)].id));
    p->where[0] = (struct hub_cond){.column = HUB_MSG_ID, .cmp = HUB_IN, .in = p->ids, .in_n = length};
}

/* Not what was approved, changed or restored since it was read. The ids say of which room they are; with the
 * room among the conditions, a database might look through all numbers of it instead. */
static void remove_rows(struct part *p) {
    struct batch *b = p->batch;
    size_t n = 2;
    fill_ids(p);
    p->where[1] = (struct hub_cond){.column = HUB_MSG_CHANGE_SEQ, .value = {.kind = HUB_CELL_NULL}};
    if (p->up_to) p->where[1].cmp = HUB_LE, p->where[1].value = hub_cell_int(p->up_to);
    if (b->why == HUB_REMOVED_DELETED)
        p->where[n++] = (struct hub_cond){.column = HUB_MSG_IS_ACTIVE, .value = hub_cell_bool(false)};
    p->removal = (struct hub_write){.table = b->message,
                                    .kind = HUB_DELETE,
                                    .purge = true,
                                    .where = p->where,
                                    .where_n = n,
                                    .done = on_removed,
                                    .arg = p};
    submit_write(b, &p->removal);
}

static void remove_all(struct batch *b) {
    b->left = 1; /* until all are submitted */
    for (size_t i = 0; !is_over(b) && i < b->part_n; i++) remove_rows(&b->parts[i]);
    if (!--b->left) end_batch(b);
}

/* ---- what replays have to know ---- */

static void on_mark(struct hub_write *w) {
    struct batch *b = ((struct part *)w->arg)->batch;
    if (w->code) b->failed = w->code;
    if (!--b->left) remove_all(b);
}

static void write_mark(struct part *p) {
    struct batch *b = p->batch;
    p->cells[HUB_RMV_ROOM_ID] = hub_cell_text(hub_cstr(b->rows[p->first].room));
    p->cells[HUB_RMV_UP_TO] = hub_cell_int(p->up_to);
    p->mark = (struct hub_write){.table = b->removed,
                                 .kind = HUB_UPSERT,
                                 .cells = p->cells,
                                 .conflict = HUB_RMV_CONFLICT,
                                 .done = on_mark,
                                 .arg = p};
    submit_write(b, &p->mark);
}

static void take_mark(struct batch *b, const struct hub_cell *row) {
    for (size_t i = 0; i < b->part_n; i++) {
        struct part *p = &b->parts[i];
        if (hub_str_is(row[HUB_RMV_ROOM_ID].s, b->rows[p->first].room)) p->told |= row[HUB_RMV_UP_TO].i >= p->up_to;
    }
}

static void on_marks(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct batch *b = arg;
    (void)error;
    b->failed = code;
    if (is_over(b)) {
        end_batch(b);
        return;
    }
    for (size_t i = 0; i < rows->n; i++) take_mark(b, hub_row(rows, i));
    b->left = 1;
    for (size_t i = 0; i < b->part_n; i++)
        if (b->parts[i].up_to && !b->parts[i].told) write_mark(&b->parts[i]);
    if (!--b->left) remove_all(b);
}

static void read_marks(struct batch *b) {
    struct hub_store *store = b->of->all->engine->config.store;
    size_t length = length_of_list(b->part_n);
    struct hub_cell *rooms = hub_xcalloc(length, sizeof *rooms);
    for (size_t i = 0; i < length; i++)
        rooms[i] = hub_cell_text(hub_cstr(b->rows[b->parts[i < b->part_n ? i : b->part_n - 1].first].room));
    const struct hub_cond where = {.column = HUB_RMV_ROOM_ID, .cmp = HUB_IN, .in = rooms, .in_n = length};
    const struct hub_select q = {
        .table = b->removed, .where = &where, .where_n = 1, .order_by = HUB_RMV_ROOM_ID, .limit = (int64_t)b->part_n};
    store->ops->select(store, &q, on_marks, b);
    free(rooms);
}

/* ---- which ---- */

static int by_room(const void *x, const void *y) {
    const struct gone *a = x, *b = y;
    int d = strcmp(a->room, b->room);
    return d ? d : (a->change > 0) - (b->change > 0);
}

static void part_rows(struct batch *b) {
    struct part *p = NULL;
    qsort(b->rows, b->n, sizeof *b->rows, by_room);
    b->parts = hub_xcalloc(b->n, sizeof *b->parts);
    for (size_t i = 0; i < b->n; i++) {
        const struct gone *g = &b->rows[i];
        bool same = p && !strcmp(b->rows[p->first].room, g->room) && (p->up_to > 0) == (g->change > 0);
        if (!same) p = &b->parts[b->part_n++], p->batch = b, p->first = i;
        p->n++;
        if (g->change > p->up_to) p->up_to = g->change;
    }
}

static void on_rows(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct batch *b = arg;
    (void)error;
    b->failed = code;
    if (is_over(b) || !rows->n) {
        end_batch(b);
        return;
    }
    b->full = rows->n == HUB_RETENTION_BATCH || rows->cut;
    b->n = rows->n;
    b->rows = hub_xcalloc(b->n, sizeof *b->rows);
    for (size_t i = 0; i < b->n; i++) {
        const struct hub_cell *row = hub_row(rows, i);
        const struct hub_cell *change = &row[HUB_MSG_CHANGE_SEQ];
        b->rows[i] = (struct gone){hub_str_dup(row[HUB_MSG_ID].s), hub_str_dup(row[HUB_MSG_ROOM_ID].s),
                                   change->kind == HUB_CELL_INT ? change->i : 0};
    }
    part_rows(b);
    read_marks(b);
}

void hub_retention_remove(struct hub_retained *r, const struct hub_cond *where, size_t n, int order,
                          enum hub_removed_for why, hub_retention_removed *done) {
    struct hub_engine *e = r->all->engine;
    const struct hub_hub_tables *tables = hub_retained_hub(r)->tables;
    struct batch *b = hub_xcalloc(1, sizeof *b);
    *b = (struct batch){.of = r, .message = tables->message, .removed = tables->removed, .why = why, .done = done};
    const struct hub_select q = {.table = b->message,
                                 .where = where,
                                 .where_n = n,
                                 .order_by = order,
                                 .limit = HUB_RETENTION_BATCH,
                                 .max_bytes = HUB_RESULT_MAX,
                                 .with_inactive = true};
    hub_hold(&e->holds, &b->hold, "removal of old messages");
    e->config.store->ops->select(e->config.store, &q, on_rows, b);
}
