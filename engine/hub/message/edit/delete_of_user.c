/* All messages of one user in a room, deleted as hub:delete deletes one: each takes a number and is told to
 * those who know of it. In batches: first those that wait for a moderator, who may let them through
 * meanwhile; then those with a number, what was let through included, from the newest to the oldest. A
 * statement looks at so many numbers of the room and not at all of them. */
#include <stdlib.h>

#include "hub/message/message.h"

#define BATCH 100    /* messages that are being deleted at a time */
#define WINDOW 10000 /* numbers of the room that one statement looks through */

struct wiping {
    struct hub_hold hold;
    struct hub_room_op op;
    struct hub_announcement out;
    struct hub_result result;
    struct hub_room *room; /* reference */
    char *user, *by;
    int64_t upper; /* numbers up to that one have not been looked at; 0: it is the turn of what has none */
    size_t left;   /* deletions under way */
    bool full;     /* there may be more where these were */
    int64_t deleted, before;
    enum hub_code failed;
    hub_messages_deleted *done; /* NULL: it has been told already */
    void *arg;
};

struct one {
    struct hub_numbered numbered;
    struct wiping *of;
    struct hub_cell cells[HUB_MSG_MAX];
    struct hub_cond where[3];
    struct hub_audience audience;
    bool pending;
    char *id;
};

static void report_wiping(struct wiping *x, enum hub_code code) {
    if (x->done) x->done(x->arg, code, x->deleted);
    x->done = NULL;
}

static void end_wiping(struct wiping *x, enum hub_code code) {
    report_wiping(x, code);
    hub_unhold(&x->hold);
    hub_room_unref(x->room);
    free(x->user);
    free(x->by);
    free(x);
}

static void look_on(struct wiping *x);

/* What was on its way to the store when its turn came is there, and has its number. */
static void look_at_numbers(struct hub_announcement *a) {
    struct wiping *x = HUB_CONTAINER(a, struct wiping, out);
    x->upper = x->room->sequence.number;
    if (x->upper)
        look_on(x);
    else
        end_wiping(x, HUB_OK);
}

/* X may be gone then. */
static void wait_for_all_stored(struct wiping *x, void (*then)(struct hub_announcement *a)) {
    struct hub_room *room = hub_room_ref(x->room);
    x->out.announce = then;
    hub_sequence_announce(&room->sequence, &x->out);
    hub_sequence_ready(&room->sequence, &x->out);
    hub_room_unref(room);
}

/* Those under way have ended. What changed meanwhile, and so was not deleted, is looked for once more; but
 * not for ever. */
static void end_batch(struct wiping *x) {
    bool again = x->full && x->deleted > x->before;
    if (x->failed) {
        end_wiping(x, x->failed);
    } else if (again) {
        look_on(x);
    } else if (!x->upper) {
        wait_for_all_stored(x, look_at_numbers);
    } else if (x->upper > WINDOW) {
        x->upper -= WINDOW;
        look_on(x);
    } else {
        end_wiping(x, HUB_OK);
    }
}

/* ---- one message ---- */

static void tell_deletion(const struct one *o) {
    const struct hub_target few = {.to = HUB_TO_MODERATORS, .also = hub_cstr(o->of->user)};
    int64_t number = o->numbered.write.number;
    struct hub_event_json e = hub_event_json(o->of->room);
    hub_event_json_text(&e, "messageId", hub_cstr(o->id));
    hub_event_json_seq(&e, number);
    if (o->pending)
        hub_event_json_tell(&e, &few, HUB_STR("hub:messageDeleted"), 0);
    else
        hub_event_json_tell_numbered(&e, &o->audience.target, HUB_STR("hub:messageDeleted"), number, 0);
}

static bool on_one_written(struct hub_numbered *n) {
    (void)n;
    return true;
}

/* The store is away: whoever waits hears of it; what becomes of the rest shows when it is back. */
static void on_one_undecided(struct hub_numbered *n) {
    report_wiping(HUB_CONTAINER(n, struct one, numbered)->of, HUB_STORE_UNDECIDED);
}

static void on_one_announced(struct hub_numbered *n) {
    struct one *o = HUB_CONTAINER(n, struct one, numbered);
    struct wiping *x = o->of;
    if (!n->write.code)
        tell_deletion(o), x->deleted++;
    else if (n->write.code != HUB_NOT_FOUND)
        x->failed = n->write.code;
    hub_audience_free(&o->audience);
    free(o->id);
    free(o);
    if (!--x->left) end_batch(x);
}

/* ROW is freed before the deletion is told. */
static void audience_of_one(struct one *o, const struct hub_cell *row) {
    const struct hub_cell cells[HUB_MSG_FIXED] = {
        [HUB_MSG_AUDIENCE] = row[HUB_MSG_AUDIENCE], [HUB_MSG_SENDER_ID] = hub_cell_text(hub_cstr(o->of->user))};
    hub_audience_of(cells, o->pending, &o->audience);
}

static void delete_one(struct wiping *x, const struct hub_table *table, const struct hub_cell *row) {
    struct one *o = hub_xcalloc(1, sizeof *o);
    o->of = x;
    o->id = hub_str_dup(row[HUB_MSG_ID].s);
    o->pending = row[HUB_MSG_SEQ].kind != HUB_CELL_INT;
    audience_of_one(o, row);
    o->where[0] = (struct hub_cond){.column = HUB_MSG_ID, .value = hub_cell_text(hub_cstr(o->id))};
    o->where[1] = (struct hub_cond){.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(x->room->id))};
    o->where[2] = (struct hub_cond){.column = HUB_MSG_STATUS,
                                    .value = hub_cell_text(o->pending ? HUB_STR("pending") : HUB_STR("approved"))};
    o->numbered.undecided = on_one_undecided;
    o->numbered.written = on_one_written;
    o->numbered.announce = on_one_announced;
    o->numbered.write = (struct hub_write){.table = table,
                                           .kind = HUB_DELETE,
                                           .cells = o->cells,
                                           .where = o->where,
                                           .where_n = HUB_NELEM(o->where),
                                           .numbering = o->pending ? HUB_NUMBER_NONE : HUB_NUMBER_CHANGE,
                                           .return_row = true};
    x->left++;
    hub_room_write(x->room, &o->numbered);
}

/* ---- which ---- */

static void on_rows(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct wiping *x = arg;
    struct hub_engine *e = hub_of(x->room)->engine;
    (void)error;
    hub_rows_are(x->room, &x->result, rows);
    x->failed = code;
    x->full = !code && (rows->n == BATCH || rows->cut);
    x->before = x->deleted;
    x->left = 1; /* until all are submitted */
    for (size_t i = 0; !code && i < rows->n; i++) delete_one(x, rows->table, hub_row(rows, i));
    hub_result_over(&e->reads, &x->result);
    if (!--x->left) end_batch(x);
}

static void read_batch(struct hub_result *result) {
    struct wiping *x = HUB_CONTAINER(result, struct wiping, result);
    struct hub_store *store = hub_of(x->room)->engine->config.store;
    const struct hub_cond numbered[] = {
        {.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(x->room->id))},
        {.column = HUB_MSG_SENDER_ID, .value = hub_cell_text(hub_cstr(x->user))},
        {.column = HUB_MSG_SEQ, .cmp = HUB_LE, .value = hub_cell_int(x->upper)},
        {.column = HUB_MSG_SEQ, .cmp = HUB_GT, .value = hub_cell_int(x->upper - WINDOW)}};
    const struct hub_cond waiting[] = {numbered[0],
                                       numbered[1],
                                       {.column = HUB_MSG_SEQ, .value = {.kind = HUB_CELL_NULL}},
                                       {.column = HUB_MSG_STATUS, .value = hub_cell_text(HUB_STR("pending"))}};
    const struct hub_select q = {.table = hub_of(x->room)->tables->message,
                                 .where = x->upper ? numbered : waiting,
                                 .where_n = 4,
                                 .order_by = x->upper ? HUB_MSG_SEQ : HUB_MSG_ID,
                                 .descending = true,
                                 .limit = BATCH,
                                 .max_bytes = HUB_RESULT_MAX};
    store->ops->select(store, &q, on_rows, x);
}

/* A process that stops has no time for all that may be left. */
static void look_on(struct wiping *x) {
    if (hub_of(x->room)->engine->draining) {
        end_wiping(x, HUB_SHUTTING_DOWN);
        return;
    }
    x->result = (struct hub_result){.start = read_batch};
    hub_rows_ask(x->room, &x->result, hub_cstr(x->by), BATCH);
}

static void look_at_pending(struct hub_announcement *a) { look_on(HUB_CONTAINER(a, struct wiping, out)); }

/* Whatever of the user had been let through has been handled; the rest is refused. The room's next
 * operation need not wait. */
static void on_turn(struct hub_room_op *op) {
    struct wiping *x = HUB_CONTAINER(op, struct wiping, op);
    struct hub_room *room = hub_room_ref(x->room);
    x->out.announce = look_at_pending;
    hub_sequence_announce(&room->sequence, &x->out);
    hub_room_op_done(room, op); /* before X may be gone */
    hub_sequence_ready(&room->sequence, &x->out);
    hub_room_unref(room);
}

void hub_messages_delete_of(struct hub_room *room, struct hub_str user, struct hub_str by, hub_messages_deleted *done,
                            void *arg) {
    struct wiping *x = hub_xcalloc(1, sizeof *x);
    *x = (struct wiping){.op.run = on_turn,
                         .room = hub_room_ref(room),
                         .user = hub_str_dup(user),
                         .by = hub_str_dup(by),
                         .done = done,
                         .arg = arg};
    hub_hold(&hub_of(room)->engine->holds, &x->hold, "deletion of a user's messages");
    hub_room_enqueue(room, &x->op);
}
