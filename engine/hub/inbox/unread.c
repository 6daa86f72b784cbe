/* A room as one user finds it: the last message that is meant for him, up to where he has read, and how
 * many there are behind that. A few statements by index, each about HUB_INBOX_DEPTH messages at most: in a
 * room where all others whisper, or where much was deleted, the newest message for him may be far down. */
#include <stdlib.h>

#include "hub/inbox/inbox_int.h"

const struct hub_cond hub_inbox_numbered = {.column = HUB_MSG_SEQ, .cmp = HUB_NE, .value = {.kind = HUB_CELL_NULL}};

static struct hub_cond of_looked_room(const struct hub_inbox_look *l) {
    return (struct hub_cond){.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(l->room->id))};
}
static struct hub_cond seq_above(int64_t seq) {
    return (struct hub_cond){.column = HUB_MSG_SEQ, .cmp = HUB_GT, .value = hub_cell_int(seq)};
}
static struct hub_cond sent_by(struct hub_str user) {
    return (struct hub_cond){.column = HUB_MSG_SENDER_ID, .value = hub_cell_text(user)};
}

static void select_rows(struct hub_inbox_look *l, const struct hub_select *q, hub_rows_cb *done) {
    struct hub_store *store = l->hub->engine->config.store;
    store->ops->select(store, q, done, l);
}

/* The first message by the highest number. */
static void select_message(struct hub_inbox_look *l, const struct hub_cond *where, size_t n, bool with_inactive,
                           hub_rows_cb *done) {
    const struct hub_select q = {.table = l->hub->tables->message,
                                 .where = where,
                                 .where_n = n,
                                 .order_by = HUB_MSG_SEQ,
                                 .descending = true,
                                 .limit = 1,
                                 .with_inactive = with_inactive};
    select_rows(l, &q, done);
}

static void end_look(struct hub_inbox_look *l, enum hub_code code, const char *error) {
    hub_unhold(&l->hold);
    hub_replies_free(&l->replies);
    l->done(l, code, error);
}

void hub_inbox_look_free(struct hub_inbox_look *l) { hub_buf_free(&l->message); }

/* ---- the oldest message that is looked at ---- */

static void on_floor(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_inbox_look *l = arg;
    if (code) {
        end_look(l, code, error);
        return;
    }
    l->floor = rows->n ? hub_row(rows, 0)[HUB_MSG_SEQ].i : 1;
    l->after_floor(l);
}

static void find_floor(struct hub_inbox_look *l, void (*then)(struct hub_inbox_look *l)) {
    l->after_floor = then;
    if (l->floor || l->newest <= HUB_INBOX_DEPTH) {
        if (!l->floor) l->floor = 1;
        then(l);
        return;
    }
    const struct hub_cond where[] = {of_looked_room(l), hub_inbox_numbered};
    const struct hub_select q = {.table = l->hub->tables->message,
                                 .where = where,
                                 .where_n = 2,
                                 .order_by = HUB_MSG_SEQ,
                                 .descending = true,
                                 .limit = 1,
                                 .offset = HUB_INBOX_DEPTH - 1,
                                 .with_inactive = true,
                                 .only = HUB_ONLY(HUB_MSG_SEQ)};
    select_rows(l, &q, on_floor);
}

/* ---- how much is unread ---- */

static void on_look_previews(void *arg) { end_look(arg, HUB_OK, NULL); }
static void fill_look(struct hub_inbox_look *l) {
    hub_previews_fill(l->room, (struct hub_viewer){.user = l->user}, &l->message, &l->replies, on_look_previews, l);
}

static void on_counted(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_inbox_look *l = arg;
    if (code || !rows->n || !hub_str_i64(hub_row(rows, 0)[0].s, &l->unread))
        end_look(l, code ? code : HUB_INTERNAL, error);
    else
        fill_look(l);
}

static int64_t looked_below(const struct hub_inbox_look *l) {
    return l->read_seq > l->floor - 1 ? l->read_seq : l->floor - 1;
}

/* What has come since the newest message was looked for is for the next look: the last one that is shown is
 * the last one that is counted. */
static void count_unread(struct hub_inbox_look *l) {
    const struct hub_cond where[] = {
        of_looked_room(l),
        seq_above(looked_below(l)),
        {.column = HUB_MSG_SEQ, .cmp = HUB_LE, .value = hub_cell_int(l->newest)},
        hub_audience_cond(l->user),
    };
    const struct hub_select q = {.table = l->hub->tables->message,
                                 .where = where,
                                 .where_n = HUB_NELEM(where),
                                 .order_by = -1,
                                 .limit = 1,
                                 .count = true};
    select_rows(l, &q, on_counted);
}

/* ---- up to where he has read ---- */

/* One's own message counts, also when it was deleted. */
static void on_own(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_inbox_look *l = arg;
    if (code) {
        end_look(l, code, error);
        return;
    }
    if (rows->n) l->read_seq = hub_row(rows, 0)[HUB_MSG_SEQ].i;
    if (l->last > l->read_seq)
        count_unread(l);
    else
        fill_look(l);
}

static void find_own(struct hub_inbox_look *l) {
    const struct hub_cond where[] = {of_looked_room(l), seq_above(looked_below(l)), sent_by(l->user)};
    select_message(l, where, HUB_NELEM(where), true, on_own);
}

static void on_receipt(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_inbox_look *l = arg;
    if (code) {
        end_look(l, code, error);
        return;
    }
    const struct hub_cell *seq = rows->n ? &hub_row(rows, 0)[HUB_RCP_LAST_READ_SEQ] : NULL;
    if (seq && seq->kind == HUB_CELL_INT && seq->i > l->read_seq) l->read_seq = seq->i;
    if (l->newest > l->read_seq)
        find_floor(l, find_own);
    else
        fill_look(l);
}

static void find_receipt(struct hub_inbox_look *l) {
    const struct hub_cond where[] = {
        {.column = HUB_RCP_ROOM_ID, .value = hub_cell_text(hub_cstr(l->room->id))},
        {.column = HUB_RCP_USER_ID, .value = hub_cell_text(l->user)},
    };
    const struct hub_select q = {
        .table = l->hub->tables->receipt, .where = where, .where_n = 2, .order_by = -1, .limit = 1};
    select_rows(l, &q, on_receipt);
}

/* ---- the last message ---- */

static void after_message(struct hub_inbox_look *l) {
    if (l->time_only)
        end_look(l, HUB_OK, NULL);
    else
        find_receipt(l);
}

static void take_message(struct hub_inbox_look *l, const struct hub_rows *rows) {
    const struct hub_cell *row = hub_row(rows, 0);
    l->last = row[HUB_MSG_SEQ].i;
    l->time = row[HUB_MSG_TIMESTAMP].i;
    if (row[HUB_MSG_SENDER_ID].kind == HUB_CELL_TEXT && hub_str_eq(row[HUB_MSG_SENDER_ID].s, l->user))
        l->read_seq = l->last;
    if (!l->time_only) hub_message_json(&l->message, rows->table, row, &l->replies);
}

static void on_last(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_inbox_look *l = arg;
    if (code) {
        end_look(l, code, error);
        return;
    }
    if (rows->n) take_message(l, rows);
    after_message(l);
}

static void find_last(struct hub_inbox_look *l) {
    const struct hub_cond where[] = {of_looked_room(l), seq_above(l->floor - 1), hub_audience_cond(l->user)};
    select_message(l, where, HUB_NELEM(where), false, on_last);
}

static bool is_shown(const struct hub_cell *row, struct hub_str user) {
    bool deleted = row[HUB_MSG_IS_ACTIVE].kind == HUB_CELL_BOOL && !row[HUB_MSG_IS_ACTIVE].i;
    return !deleted && hub_audience_has(row, user);
}

/* Mostly the newest message is the one. */
static void on_newest(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_inbox_look *l = arg;
    if (code) {
        end_look(l, code, error);
        return;
    }
    if (rows->n) l->newest = hub_row(rows, 0)[HUB_MSG_SEQ].i;
    if (rows->n && !is_shown(hub_row(rows, 0), l->user)) {
        find_floor(l, find_last);
        return;
    }
    if (rows->n) take_message(l, rows);
    after_message(l);
}

void hub_inbox_look(struct hub_inbox_look *l) {
    l->message = (struct hub_buf){0};
    l->replies = (struct hub_replies){0};
    l->time = l->read_seq = l->unread = l->newest = l->floor = l->last = 0;
    hub_hold(&l->hub->engine->holds, &l->hold, "inbox read");
    const struct hub_cond where[] = {of_looked_room(l), hub_inbox_numbered};
    select_message(l, where, 2, true, on_newest);
}

/* ---- as clients see it ---- */

void hub_inbox_look_json(const struct hub_inbox_look *l, bool can_read, struct hub_buf *out) {
    hub_buf_addz(out, "\"lastMessage\":");
    if (can_read && l->message.n)
        hub_buf_adds(out, hub_buf_str(&l->message));
    else
        hub_buf_addz(out, "null");
    hub_buf_addf(out, ",\"unread\":%lld", can_read ? (long long)l->unread : 0LL);
}
