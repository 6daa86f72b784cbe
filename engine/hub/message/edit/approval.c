/* Messages that wait for a moderator: listing, approving, rejecting (contract: wire.md, semantics.md
 * "Order and durability"). */
#include "hub/message/message.h"

#include <stdlib.h>

#include "hub/access/access.h"
#include "hub/message/edit/edit.h"

#define PENDING_DEFAULT 200 /* messages of one list, the oldest first */
#define PENDING_MAX 1000

static const struct hub_arg pending_args[] = {
    HUB_ARG_ROOM,
    {"afterId", HUB_ARG_ID, .help = "Those behind that message: the last one of the list before."},
    {"limit", HUB_ARG_INT, HUB_ARG_CAPPED, 1, PENDING_MAX, .help = "How many; 200 unless given."},
    {"offset", HUB_ARG_INT, HUB_ARG_PAGE | HUB_ARG_HIDDEN, 0, INT64_MAX, .help = "Of a page by number."},
    {"pageNumber", HUB_ARG_INT, HUB_ARG_PAGE, 1, HUB_PAGES_MAX, .help = "A page by number."},
    {"pageRowCount", HUB_ARG_INT, HUB_ARG_PAGE, 1, HUB_PAGE_MAX, .help = "How many such a page has; 25 unless given."},
    {0},
};

static int64_t pending_limit(const struct hub_call *call) {
    return hub_arg_int(pending_args, call->args, "limit", PENDING_DEFAULT);
}

struct listing {
    struct hub_call *call;
    struct hub_result result;
    int64_t wanted; /* rows */
    struct hub_buf fields;
    struct hub_replies replies;
};

static void end_listing(struct listing *l, struct hub_engine *e) {
    hub_result_over(&e->reads, &l->result);
    hub_buf_free(&l->fields);
    free(l);
}

static void answer_pending(void *arg) {
    struct listing *l = arg;
    struct hub_engine *e = l->call->hub->engine;
    hub_call_show(l->call, "messages", hub_buf_str(&l->fields));
    end_listing(l, e);
}

static void on_pending(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct listing *l = arg;
    struct hub_call *call = l->call;
    size_t limit = (size_t)pending_limit(call);
    (void)error;
    hub_rows_are(call->room, &l->result, rows);
    if (code) {
        struct hub_engine *e = call->hub->engine;
        hub_call_fail(call, code, NULL);
        end_listing(l, e);
        return;
    }
    hub_messages_json(&l->fields, rows, rows->n < limit ? rows->n : limit, false, &l->replies);
    hub_buf_addf(&l->fields, ",\"hasMore\":%s",
                 rows->n > limit || rows->cut || (int64_t)rows->n == l->wanted ? "true" : "false");
    hub_previews_fill(call->room, hub_viewer_of(call), &l->fields, &l->replies, answer_pending, l);
}

static void read_pending(struct hub_result *result) {
    struct listing *l = HUB_CONTAINER(result, struct listing, result);
    struct hub_call *call = l->call;
    struct hub_store *store = call->hub->engine->config.store;
    struct hub_str after = hub_call_str(call, "afterId");
    const struct hub_cond where[] = {
        {.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(call->room->id))},
        {.column = HUB_MSG_SEQ, .value = {.kind = HUB_CELL_NULL}}, /* found by the index over (roomId, seq) */
        {.column = HUB_MSG_STATUS, .value = hub_cell_text(HUB_STR("pending"))},
        {.column = HUB_MSG_ID, .cmp = HUB_GT, .value = hub_cell_text(after)}};
    const struct hub_select q = {.table = call->hub->tables->message,
                                 .where = where,
                                 .where_n = after.n ? 4 : 3,
                                 .order_by = HUB_MSG_ID, /* ids grow with time */
                                 .limit = l->wanted,
                                 .max_bytes = HUB_RESULT_MAX,
                                 .offset = hub_json_get_int(call->args, "offset", 0)};
    store->ops->select(store, &q, on_pending, l);
}

/* The oldest first; afterId, the id of the last message of a list, asks for the next. */
static void list_pending(struct hub_call *call) {
    struct listing *l = hub_xmalloc(sizeof *l);
    *l = (struct listing){
        .call = call, .result.start = read_pending, .wanted = hub_rows_wanted(call->room, pending_limit(call))};
    hub_rows_ask(call->room, &l->result, hub_cstr(call->who->user_id), l->wanted);
}

static enum hub_code set_status(struct hub_change *c, struct hub_str status, enum hub_numbering numbering,
                                struct hub_err *err) {
    if (!c->pending) return hub_fail(err, HUB_NOT_FOUND, "the message does not wait for a moderator");
    c->cells[HUB_MSG_STATUS] = hub_cell_text(status);
    c->numbered.write.kind = HUB_UPDATE;
    c->numbered.write.numbering = numbering;
    return HUB_OK;
}

/* What its handler did not want to be kept (persist: false) was kept for the moderator only. */
static enum hub_code decide_status(struct hub_change *c, struct hub_str status, enum hub_numbering numbering,
                                   struct hub_err *err) {
    enum hub_code code = set_status(c, status, c->audience.transient ? HUB_NUMBER_NONE : numbering, err);
    if (code || !c->audience.transient) return code;
    c->numbered.write.kind = HUB_DELETE;
    c->numbered.write.purge = true;
    return HUB_OK;
}

static enum hub_code judge_approval(struct hub_change *c, const struct hub_cell *row, struct hub_err *err) {
    (void)row;
    if (c->audience.wrapped) { /* from now on the row says whom it is for, and no more */
        hub_json_add(&c->text, c->audience.to);
        c->cells[HUB_MSG_AUDIENCE] = hub_cell_text(hub_buf_str(&c->text));
    }
    return decide_status(c, HUB_STR("approved"), HUB_NUMBER_NEW, err);
}

static enum hub_code judge_rejection(struct hub_change *c, const struct hub_cell *row, struct hub_err *err) {
    (void)row;
    return decide_status(c, HUB_STR("rejected"), HUB_NUMBER_NONE, err);
}

static void tell_approval(const struct hub_change *c) {
    int64_t number = c->numbered.write.number;
    if (c->audience.silent) { /* the handler's broadcast: false */
        hub_room_emit_numbered(c->room, NULL, hub_str(NULL, 0), hub_str(NULL, 0), number, 0);
        return;
    }
    struct hub_event_json e = hub_event_json(c->room);
    hub_event_json_raw(&e, "message", hub_buf_str(&c->message));
    hub_buf_adds(&e.text, hub_buf_str(&c->from)); /* ,"sender…":… */
    hub_event_json_tell_numbered(&e, &c->audience.target, HUB_STR("hub:messageArrived"), number,
                                 hub_message_flags(hub_of(c->room)->def, hub_buf_str(&c->message)));
}

static void tell_rejection(const struct hub_change *c) {
    struct hub_str reason = hub_json_get_str(c->args, "reason");
    struct hub_event_json e = hub_event_json(c->room);
    hub_event_json_text(&e, "messageId", c->id);
    if (reason.n) hub_event_json_text(&e, "reason", reason);
    hub_change_tell(c, &e, HUB_STR("hub:messageRejected"));
}

static void approve_message(struct hub_call *call) {
    static const struct hub_change_kind approval = {judge_approval, hub_change_answer_message, tell_approval, false};
    hub_change_run(hub_change_new(call, &approval));
}

static void reject_message(struct hub_call *call) {
    static const struct hub_change_kind rejection = {judge_rejection, hub_change_answer_message, tell_rejection, false};
    hub_change_run(hub_change_new(call, &rejection));
}

/* ---- the part ---- */

static const struct hub_arg review_args[] = {
    HUB_ARG_ROOM,
    HUB_ARG_MESSAGE,
    {"reason", HUB_ARG_TEXT, .most = HUB_REASON_MAX, .help = "What the sender is told."},
    {0},
};
static const struct hub_field pending_answer[] = {
    {"messages", "list of message", .help = "The oldest first."},
    {"hasMore", "boolean", .help = "Whether there are more."},
    {0},
};
static const struct hub_field review_answer[] = {{"message", "message", .help = "As it is now."}, {0}};

#define REVIEWERS HUB_GATES(&hub_gate_room, &hub_gate_moderate, &hub_gate_running, &hub_gate_args)
#define REVIEW_CODES \
    { HUB_NOT_FOUND, HUB_OVERLOADED, HUB_STORE_UNAVAILABLE }
static const struct hub_command approval_commands[] = {
    {.name = "hub:pending",
     .help = "Messages that wait for a moderator.",
     .flags = HUB_READS,
     .gates = HUB_GATES(&hub_gate_reads, &hub_gate_room, &hub_gate_moderate, &hub_gate_args),
     .args = pending_args,
     .rest = {"GET", "rooms/:roomId/pending", 200},
     .answer = pending_answer,
     .codes = {HUB_OVERLOADED, HUB_STORE_UNAVAILABLE},
     .run = list_pending},
    {.name = "hub:approve",
     .help = "Lets a message that waits appear.",
     .gates = REVIEWERS,
     .args = review_args,
     .rest = {"POST", "rooms/:roomId/messages/:messageId/approve", 200},
     .answer = review_answer,
     .codes = REVIEW_CODES,
     .run = approve_message},
    {.name = "hub:reject",
     .help = "Refuses a message that waits.",
     .gates = REVIEWERS,
     .args = review_args,
     .rest = {"POST", "rooms/:roomId/messages/:messageId/reject", 200},
     .answer = review_answer,
     .codes = REVIEW_CODES,
     .run = reject_message},
    {0},
};

static const struct hub_field waiting_fields[] = {
    {"roomId", "id", .help = "The room."}, {"message", "message", .help = "The message."}, {0}};
static const struct hub_field rejected_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"messageId", "id", .help = "The message."},
    {"reason", "text", .help = "What the moderator said.", .optional = true},
    {0},
};
static const struct hub_told_event approval_told[] = {
    {"hub:messagePending", "moderators and the sender", "a message waits, or one that waits was edited",
     waiting_fields},
    {"hub:messageRejected", "moderators and the sender", "a moderator refused it", rejected_fields},
    {0},
};

const struct hub_part hub_approval_part = {
    .name = "approval",
    .help = "Messages that wait for a moderator.",
    .commands = approval_commands,
    .told = approval_told,
    .keywords = "globalModeration",
};
