/* Opening a room: its counter, its moderation and its receipts are read once, before anybody is let in. */
#include "hub/access/access.h"

#include <stdlib.h>

#include "hub/member/member.h"

#define KEPT_MAX 10000 /* rows of one room kept in memory: the newest */

struct waiter {
    struct hub_list link;
    hub_load_done *done;
    void *arg;
};

static void finish_load(struct hub_room *room, enum hub_code code) {
    struct hub_list waiting;
    hub_list_init(&waiting);
    hub_list_splice(&waiting, &room->waiting);
    hub_room_set_state(room, code ? HUB_ROOM_NEW : room->ended ? HUB_ROOM_ENDED : HUB_ROOM_OPEN);
    for (struct hub_list *n; (n = hub_list_pop(&waiting));) {
        struct waiter *w = HUB_CONTAINER(n, struct waiter, link);
        w->done(w->arg, code);
        free(w);
    }
    hub_room_unref(room); /* held while opening */
}

static void apply_row(struct hub_room *room, const struct hub_cell *row) {
    struct hub_str action = row[HUB_MOD_ACTION].s;
    int64_t until = row[HUB_MOD_EXPIRES_AT].kind == HUB_CELL_INT ? row[HUB_MOD_EXPIRES_AT].i : INT64_MAX;
    if (until <= hub_loop_wall(room->loop)) return;
    struct hub_moderated *m = hub_room_moderated(room, row[HUB_MOD_USER_ID].s, true);
    if (hub_str_is(action, "block"))
        m->blocked_until = until;
    else if (hub_str_is(action, "silence"))
        hub_silence_set(m, until);
    else if (hub_str_is(action, "speak"))
        m->may_speak = true;
}

static int64_t number_or_0(const struct hub_cell *c) { return c->kind == HUB_CELL_INT ? c->i : 0; }

static void on_receipts(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_room *room = arg;
    (void)error;
    for (size_t i = 0; !code && i < rows->n; i++) {
        const struct hub_cell *row = hub_row(rows, i);
        struct hub_receipt *r = hub_receipt_of(room, row[HUB_RCP_USER_ID].s, true);
        r->read_seq = number_or_0(&row[HUB_RCP_LAST_READ_SEQ]);
        r->read_time = number_or_0(&row[HUB_RCP_LAST_READ_TIMESTAMP]);
        r->delivered_seq = number_or_0(&row[HUB_RCP_LAST_DELIVERED_SEQ]);
    }
    finish_load(room, code);
}

static void on_moderated(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_room *room = arg;
    struct hub_hub *hub = hub_of(room);
    struct hub_store *store = hub->engine->config.store;
    (void)error;
    for (size_t i = 0; !code && i < rows->n; i++)
        apply_row(room, hub_row(rows, i)); /* the latest word of each kind counts */
    if (code || (!hub->def->enable_read_receipts && !hub->def->enable_delivery_receipts)) {
        finish_load(room, code);
        return;
    }
    const struct hub_cond where = {.column = HUB_RCP_ROOM_ID,
                                   .value = {.kind = HUB_CELL_TEXT, .s = hub_cstr(room->id)}};
    const struct hub_select q = {.table = hub->tables->receipt,
                                 .where = &where,
                                 .where_n = 1,
                                 .order_by = HUB_RCP_UPDATED_AT,
                                 .descending = true,
                                 .limit = KEPT_MAX};
    store->ops->select(store, &q, on_receipts, room);
}

static void read_moderation(struct hub_room *room) {
    struct hub_hub *hub = hub_of(room);
    struct hub_store *store = hub->engine->config.store;
    const struct hub_cond where = {
        .column = HUB_MOD_ROOM_ID, .cmp = HUB_EQ, .value = {.kind = HUB_CELL_TEXT, .s = hub_cstr(room->id)}};
    /* "block", "silence", "speak": however many have been granted speech, nobody's block is left out. Ids
     * tell the time. */
    const struct hub_select q = {
        .table = hub->tables->moderation, .where = &where, .where_n = 1, .order_by = HUB_MOD_ACTION, .limit = KEPT_MAX};
    store->ops->select(store, &q, on_moderated, room);
}

static void on_counter(void *arg, enum hub_code code, int64_t seq, const char *epoch) {
    struct hub_room *room = arg;
    if (code) {
        finish_load(room, code);
        return;
    }
    room->sequence.number = seq;
    memcpy(room->sequence.epoch, epoch, sizeof room->sequence.epoch - 1);
    read_moderation(room);
}

void hub_room_load(struct hub_room *room, hub_load_done *done, void *arg) {
    const struct hub_engine *e = hub_of(room)->engine;
    if (hub_room_loaded(room)) {
        done(arg, HUB_OK);
        return;
    }
    struct waiter *w = hub_xmalloc(sizeof *w);
    *w = (struct waiter){.done = done, .arg = arg};
    hub_list_push(&room->waiting, &w->link);
    if (room->state == HUB_ROOM_LOADING) return;
    hub_room_set_state(room, HUB_ROOM_LOADING);
    hub_room_ref(room);
    if (e->trace)
        read_moderation(room); /* only a question: a counter is made by asking for it, and the store has one writer */
    else
        e->config.store->ops->counter(e->config.store, hub_of(room)->def->name, hub_cstr(room->id), on_counter, room);
}
