/* Rooms with more messages than are kept: which rooms, and up to which number theirs go.
 *
 * A room has no more messages than its counter says, so that one look tells of most rooms that there is
 * nothing to do. All rooms are gone through once, when it begins; after that only those are looked at whose
 * counter has moved on while they were in use. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/retention/retention_int.h"

#define PAGE 100          /* rooms of one step of the walk */
#define DUE_MAX 10000     /* rooms that wait to be looked at; with more, all are gone through again */
#define LOOKED_MAX 100000 /* that are remembered */
#define SLACK_MAX 1000    /* a room may have a hundredth more than it should, and so many at most */

/* One question about rooms. */
struct question {
    struct hub_hold hold; /* keeps the tables */
    struct hub_retained *of;
    uint32_t walk; /* in which it was asked */
};

static void ask_store(struct hub_retained *r, const struct hub_select *q, hub_rows_cb *done) {
    struct hub_engine *e = r->all->engine;
    struct question *x = hub_xcalloc(1, sizeof *x);
    x->of = r;
    x->walk = r->walk;
    hub_hold(&e->holds, &x->hold, "look for old messages");
    e->config.store->ops->select(e->config.store, q, done, x);
}

static struct hub_retained *end_question(struct question *x) {
    struct hub_retained *r = x->of;
    hub_unhold(&x->hold);
    free(x);
    return r;
}

/* ---- which rooms ---- */

static int64_t slack_of(int64_t per_room) {
    int64_t slack = per_room / 100;
    return slack < 1 ? 1 : slack < SLACK_MAX ? slack : SLACK_MAX;
}

static bool is_due(const struct hub_retained *r, int64_t per_room, const char *room, int64_t number) {
    if (number <= per_room) return false;
    int64_t looked = (int64_t)(intptr_t)hub_map_get(&r->looked, hub_cstr(room));
    return number - looked >= slack_of(per_room);
}

static void start_walk(struct hub_retained *r) {
    r->walking = true;
    r->walk++;
    free(r->walked);
    r->walked = NULL;
}

static void add_due(struct hub_retained *r, struct hub_str room, enum hub_retention_look look) {
    if (hub_map_len(&r->due) < DUE_MAX)
        hub_map_put(&r->due, room, (void *)(intptr_t)look);
    else
        start_walk(r);
}

static void gather_rooms(struct hub_retained *r, struct hub_hub *hub) {
    void *value;
    r->gathered = true;
    for (void *it = NULL; (it = hub_map_next(&hub->rooms, it, NULL, &value));) {
        const struct hub_room *room = value;
        if (hub_room_loaded(room) && is_due(r, hub->def->retention.per_room, room->id, room->sequence.number))
            add_due(r, hub_cstr(room->id), HUB_LOOK_AT_COUNT);
    }
}

void hub_retention_room_emptied(struct hub_room *room) {
    struct hub_hub *hub = hub_of(room);
    if (hub->gone || !hub->def->retention.per_room) return;
    const struct hub_retentions *all = *hub_engine_part(hub->engine, &hub_retention_part);
    struct hub_retained *r = !all ? NULL : hub_map_get(&all->by_hub, hub_cstr(hub->def->name));
    if (r && is_due(r, hub->def->retention.per_room, room->id, room->sequence.number))
        add_due(r, hub_cstr(room->id), HUB_LOOK_AT_COUNT);
}

static const struct hub_table *room_table(const struct hub_hub *hub) {
    return hub_tables_find(hub->engine->config.tables, hub_cstr(hub->def->room_object->name));
}

static void take_room(struct hub_retained *r, const struct hub_cell *id) {
    char number[24];
    snprintf(number, sizeof number, "%lld", id->kind == HUB_CELL_INT ? (long long)id->i : 0);
    struct hub_str text = id->kind == HUB_CELL_TEXT ? id->s : hub_cstr(number);
    add_due(r, text, HUB_LOOK_AT_NUMBER);
    free(r->walked);
    r->walked = hub_str_dup(text);
}

static void on_page(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct question *x = arg;
    bool current = x->walk == x->of->walk;
    struct hub_retained *r = end_question(x);
    (void)error;
    if (code) {
        hub_retention_fail(r, code);
        return;
    }
    if (!current) { /* it has begun anew since */
        hub_retention_next(r, true);
        return;
    }
    for (size_t i = 0; i < rows->n; i++) take_room(r, &hub_row(rows, i)[rows->table->id]);
    r->walking = rows->n == PAGE;
    hub_retention_next(r, true);
}

static void walk_on(struct hub_retained *r, const struct hub_hub *hub) {
    const struct hub_table *t = room_table(hub);
    struct hub_str last = r->walked ? hub_cstr(r->walked) : hub_str("", 0);
    struct hub_cond after = {.cmp = HUB_GT, .value = hub_cell_text(last)};
    int64_t number;
    if (!t || t->id == HUB_NO_ID) {
        r->walking = false;
        hub_retention_next(r, true);
        return;
    }
    after.column = (int)t->id;
    if (t->columns[t->id].type == HUB_COL_INTEGER && hub_str_i64(last, &number)) after.value = hub_cell_int(number);
    const struct hub_select q = {
        .table = t, .where = &after, .where_n = r->walked ? 1 : 0, .order_by = -1, .limit = PAGE};
    ask_store(r, &q, on_page);
}

/* ---- one room ---- */

static void end_room(struct hub_retained *r) {
    if (hub_map_len(&r->looked) >= LOOKED_MAX) hub_map_clear(&r->looked);
    if (r->number) hub_map_put(&r->looked, hub_cstr(r->room), (void *)(intptr_t)r->number);
    free(r->room);
    r->room = NULL;
    hub_retention_next(r, true);
}

static void fail_room(struct hub_retained *r, enum hub_code code) {
    add_due(r, hub_cstr(r->room), HUB_LOOK_AT_NUMBER);
    free(r->room);
    r->room = NULL;
    hub_retention_fail(r, code);
}

static void on_room_batch(struct hub_retained *r, enum hub_code code, bool more) {
    if (code)
        fail_room(r, code);
    else if (more)
        hub_retention_next(r, true);
    else
        end_room(r);
}

/* A reload may have changed how many are kept. */
static bool boundary_stands(const struct hub_retained *r) {
    const struct hub_hub *hub = hub_retained_hub(r);
    return r->boundary && hub && hub->def->retention.per_room == r->per_room;
}

static void remove_batch(struct hub_retained *r) {
    if (!boundary_stands(r)) {
        end_room(r);
        return;
    }
    const struct hub_cond where[] = {{.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(r->room))},
                                     {.column = HUB_MSG_SEQ, .cmp = HUB_LE, .value = hub_cell_int(r->boundary)}};
    hub_retention_remove(r, where, HUB_NELEM(where), HUB_MSG_SEQ, HUB_REMOVED_MANY, on_room_batch);
}

static void on_boundary(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_retained *r = end_question(arg);
    (void)error;
    if (code) {
        fail_room(r, code);
        return;
    }
    r->boundary = rows->n ? hub_row(rows, 0)[HUB_MSG_SEQ].i : 0;
    remove_batch(r);
}

/* The newest message of the room behind the first SKIP that count. */
static void ask_newest(struct hub_retained *r, const struct hub_hub *hub, int64_t skip, hub_rows_cb *done) {
    const struct hub_cond where[] = {{.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(r->room))},
                                     {.column = HUB_MSG_SEQ, .cmp = HUB_NE, .value = {.kind = HUB_CELL_NULL}}};
    const struct hub_select q = {.table = hub->tables->message,
                                 .where = where,
                                 .where_n = HUB_NELEM(where),
                                 .order_by = HUB_MSG_SEQ,
                                 .descending = true,
                                 .offset = skip,
                                 .limit = 1};
    ask_store(r, &q, done);
}

static void ask_boundary(struct hub_retained *r, const struct hub_hub *hub) {
    r->per_room = hub->def->retention.per_room;
    ask_newest(r, hub, r->per_room, on_boundary);
}

static void on_newest(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_retained *r = end_question(arg);
    const struct hub_hub *hub = hub_retained_hub(r);
    (void)error;
    if (code) {
        fail_room(r, code);
        return;
    }
    r->number = rows->n ? hub_row(rows, 0)[HUB_MSG_SEQ].i : 0;
    if (hub && r->number > hub->def->retention.per_room)
        ask_boundary(r, hub);
    else
        end_room(r);
}

static void look_at_room(struct hub_retained *r, struct hub_hub *hub) {
    struct hub_str id;
    void *look;
    hub_map_next(&r->due, NULL, &id, &look);
    const struct hub_room *room = hub_room_find(&hub->rooms, id);
    r->room = hub_str_dup(id);
    r->number = room ? room->sequence.number : 0;
    r->boundary = 0;
    hub_map_del(&r->due, hub_cstr(r->room));
    if ((enum hub_retention_look)(intptr_t)look == HUB_LOOK_AT_COUNT && r->number)
        ask_boundary(r, hub);
    else
        ask_newest(r, hub, 0, on_newest);
}

/* ---- the phase ---- */

void hub_retention_rooms(struct hub_retained *r, struct hub_hub *hub) {
    int64_t per_room = hub->def->retention.per_room;
    if (per_room && !r->gathered) gather_rooms(r, hub);
    if (!per_room)
        hub_retention_next(r, false);
    else if (r->room)
        remove_batch(r);
    else if (hub_map_len(&r->due))
        look_at_room(r, hub);
    else if (r->walking)
        walk_on(r, hub);
    else
        hub_retention_next(r, false);
}

void hub_retention_begin_rooms(struct hub_retained *r) {
    hub_map_clear(&r->looked);
    start_walk(r);
}

void hub_retention_forget_rooms(struct hub_retained *r) {
    hub_map_clear(&r->due);
    hub_map_clear(&r->looked);
    free(r->walked);
    free(r->room);
}
