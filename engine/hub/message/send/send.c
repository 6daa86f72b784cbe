/* hub:send: the gates in their order, then the message replied to is looked up, the handler runs if the
 * type has one, and the message is submitted (contract: semantics.md). */
#include "base/text/utf8.h"
#include "hub/message/message.h"

#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/access/access.h"

/* A send that passed the gates. */
struct sending {
    struct hub_hold hold;        /* on to its definition, also while it waits for its turn */
    struct hub_room_op op;       /* when it waits for its turn in the room */
    struct hub_announcement out; /* when it waits for an earlier send with the same clientMessageId to be stored */
    int64_t asked;               /* loop time */
    bool in_turn;
    void (*next)(struct sending *s); /* while it is judged again */
    struct hub_call *call;
    struct hub_room *room; /* reference */
    const struct hub_def_message_type *type;
    json_t *content;  /* borrowed from the call's args, or MODIFIED; NULL of a late call, but while it is looked at */
    json_t *modified; /* own: a handler changed it, or it was made late */
    struct hub_buf text;     /* content as JSON */
    struct hub_str reply_id; /* of the message replied to; empty = none */
    json_t *previews;        /* {reply_id: its preview}, once that message was found */
    struct hub_draft draft;
};

static void free_sending(struct sending *s) {
    hub_buf_free(&s->text);
    json_decref(s->modified);
    json_decref(s->previews);
    hub_unhold(&s->hold);
    hub_room_unref(s->room);
    free(s);
}

static void fail_sending(struct sending *s, enum hub_code code, const char *text) {
    hub_call_fail(s->call, code, "%s", text ? text : hub_code_text(code));
    free_sending(s);
}

/* Its call was refused and has been freed. */
static void drop_sending(struct sending *s) {
    struct hub_room *room = hub_room_ref(s->room);
    struct hub_room_op *op = s->in_turn ? &s->op : NULL;
    free_sending(s);
    if (op) hub_room_op_done(room, op);
    hub_room_unref(room);
}

/* The tree of a late call's content, for one step. */
static void open_content(struct sending *s) {
    if (!s->content) s->content = s->modified = hub_call_tree(s->call, "content", &s->text);
}

static void close_content(struct sending *s) {
    if (!s->call->late) return;
    json_decref(s->modified);
    s->content = s->modified = NULL;
}

/* ---- gates ---- */

static enum hub_code find_type(const struct hub_call *c, const struct hub_def_message_type **type,
                               struct hub_err *err) {
    struct hub_str name = hub_call_str(c, "messageType");
    *type = hub_def_message_type(c->hub->def, name);
    if (!*type)
        return hub_fail(err, HUB_UNKNOWN_TYPE, "there is no message type \"%.*s\" in this hub", HUB_CUT(name, 64));
    /* System messages are the server's word; a client that could send them could forge it. */
    bool forged = (*type)->builtin && !strcmp((*type)->name, "system");
    if (forged || !hub_rights_allow_type(&c->rights, (*type)->name))
        return hub_fail(err, HUB_TYPE_NOT_ALLOWED, "you may not send messages of type \"%s\"", (*type)->name);
    return HUB_OK;
}

static enum hub_code check_type(struct hub_call *c, struct hub_err *err) {
    const struct hub_def_message_type *type;
    enum hub_code code = find_type(c, &type, err);
    c->subject = type;
    return code;
}

const struct hub_gate hub_gate_type = {.name = "type",
                                       .help = "The hub has the message type, and the caller's role may send it.",
                                       .check = check_type,
                                       .codes = {HUB_UNKNOWN_TYPE, HUB_TYPE_NOT_ALLOWED}};

static void on_sending_stands(void *arg, bool stands) {
    struct sending *s = arg;
    const struct hub_def_message_type *now; /* what waited through a reload keeps the type it was sent to */
    struct hub_err err;
    if (!stands) {
        drop_sending(s);
        return;
    }
    enum hub_code code = hub_gate_again(s->call, &err);
    if (!code) code = find_type(s->call, &now, &err);
    if (code) {
        hub_call_fail_with(s->call, &err, hub_str(NULL, 0));
        drop_sending(s);
    } else {
        s->next(s);
    }
}

/* Goes on with NEXT; the gates are checked again if something has changed since they were passed. */
static void go_on(struct sending *s, void (*next)(struct sending *s)) {
    if (hub_call_fresh(s->call)) {
        next(s);
        return;
    }
    s->next = next;
    hub_call_stands(s->call, on_sending_stands, s);
}

static enum hub_code gate_content(struct sending *s, struct hub_err *err) {
    bool changed;
    enum hub_code code = hub_content_check(s->type, s->content, &changed, err);
    return !code && changed ? hub_gate_filled(s->call->hub, s->content, &s->text, err) : code;
}

static enum hub_code gate_extras(struct hub_call *c, struct sending *s, struct hub_err *err) {
    const json_t *reply = hub_json_get(c->args, "replyTo");
    enum hub_code code = hub_args_check_later(c->command->args, c->args, err);
    if (code) return code;
    if (!hub_json_nil(reply)) {
        if (!c->hub->def->enable_reply_to)
            return hub_fail(err, HUB_FEATURE_DISABLED, "replyTo: this hub has no replies");
        s->reply_id = hub_json_get_str(reply, "id");
        if (!s->reply_id.n || s->reply_id.n > HUB_MESSAGE_ID_MAX || memchr(s->reply_id.p, 0, s->reply_id.n))
            return hub_fail(err, HUB_BAD_REQUEST, "replyTo.id: expected a text of 1 to %d bytes", HUB_MESSAGE_ID_MAX);
    }
    s->draft.forwarded = hub_json_get_bool(c->args, "forwarded", false);
    if (s->draft.forwarded && !c->hub->def->enable_forwarded)
        return hub_fail(err, HUB_FEATURE_DISABLED, "forwarded: this hub does not mark messages as forwarded");
    s->draft.client_message_id = hub_call_str(c, "clientMessageId");
    return HUB_OK;
}

/* ---- submission and the answer ---- */

static void on_sending_submitted(void *arg, enum hub_code code, const char *error, struct hub_str message) {
    struct hub_call *call = arg;
    if (code) {
        hub_call_fail_store(call, code, error);
        return;
    }
    struct hub_engine *e = call->hub->engine;
    struct hub_buf fields = hub_scratch_take(e);
    hub_buf_addz(&fields, "\"message\":");
    hub_buf_adds(&fields, message);
    hub_call_ok(call, "message", hub_buf_str(&fields));
    hub_scratch_give(e, &fields);
}

/* Whether the room hears of it before the store has it, as far as that is known before its turn. */
static bool is_provisional(const struct sending *s) {
    const struct hub_def *def = s->call->hub->def;
    if (def->delivery != HUB_BROADCAST_THEN_PERSIST) return false;
    if (def->global_moderation || s->call->rights.moderated || s->type->handler) return false;
    return !s->type->builtin || !strcmp(s->type->name, "text");
}

static void submit_sending(struct sending *s) {
    struct hub_call *c = s->call;
    struct hub_draft *d = &s->draft;
    d->sender_id = hub_cstr(c->who->user_id);
    d->sender_name = hub_session_name(hub_identity_session(c->who));
    d->sender_avatar = hub_session_avatar(hub_identity_session(c->who));
    d->type = s->type->name;
    d->content = hub_buf_str(&s->text);
    d->pending = c->hub->def->global_moderation || c->rights.moderated;
    d->own_only = !c->rights.can_read;
    d->provisional = is_provisional(s);
    d->waits = &c->waits;
    /* The submission has copies of what it needs, and an acknowledgement needs none of it: some hundred
     * small pieces of memory per commit go back while the processor and the allocator still have them at
     * hand. */
    json_t *args = c->ack >= 0 ? c->args : NULL;
    if (args) c->args = NULL;
    hub_room_submit(s->room, d, on_sending_submitted, c);
    free_sending(s);
    json_decref(args);
}

/* ---- the handler ---- */

#define RESULT_KEYS "accept rejectReason broadcast broadcastTo modifiedContent persist serverMessages"

/* What is wrong with a handler's result, or NULL (specification: HubMessageHandler). */
static const char *shape_fault(const json_t *r) {
    static const char *const booleans[] = {"accept", "broadcast", "persist"};
    enum hub_to to;
    const json_t *ids;
    if (!json_is_object(r)) return "expected an object {accept, …}";
    for (size_t i = 0; i < 3; i++) {
        const json_t *v = hub_json_get(r, booleans[i]);
        if (!hub_json_nil(v) && !json_is_boolean(v))
            return i == 0   ? "accept: expected true or false"
                   : i == 1 ? "broadcast: expected true or false"
                            : "persist: expected true or false";
    }
    if (hub_json_nil(hub_json_get(r, "accept"))) return "accept: required, but missing";
    const json_t *reason = hub_json_get(r, "rejectReason"), *content = hub_json_get(r, "modifiedContent");
    if (!hub_json_nil(reason) && !json_is_string(reason)) return "rejectReason: expected a text";
    if (!hub_json_nil(content) && !json_is_object(content)) return "modifiedContent: expected an object";
    if (!hub_target_parse(hub_json_get(r, "broadcastTo"), &to, &ids))
        return "broadcastTo: expected \"all\", \"others\", \"sender\" or an array of user ids";
    return NULL;
}

static const char *take_modified(struct sending *s, const json_t *result, struct hub_err *err) {
    json_t *content = hub_json_get(result, "modifiedContent");
    if (hub_json_nil(content)) return NULL;
    s->modified = json_deep_copy(content);
    s->content = s->modified;
    hub_buf_clear(&s->text);
    if (gate_content(s, err)) return err->text;
    if (!s->text.n) hub_json_add(&s->text, s->content);
    return (int64_t)s->text.n > s->call->hub->def->max_message_size ? "modifiedContent: over maxMessageSize" : NULL;
}

static void fault_handler(struct sending *s, const char *what) {
    char text[560];
    snprintf(text, sizeof text, "the handler's result is not usable: %s", what);
    hub_hook_failed(s->call->hub, s->type->handler, HUB_HANDLER_FAILED, text);
    fail_sending(s, HUB_HANDLER_FAILED, text);
}

static void act_on(struct sending *s, json_t *result) {
    struct hub_room *room = s->room;
    struct hub_err err;
    const char *wrong = shape_fault(result);
    if (!wrong && hub_script_keys(result, RESULT_KEYS, &err)) wrong = err.text;
    if (!wrong && !hub_server_messages_ok(room, hub_json_get(result, "serverMessages"), &err)) wrong = err.text;
    if (!wrong && hub_json_get_bool(result, "accept", false)) wrong = take_modified(s, result, &err);
    if (wrong) {
        fault_handler(s, wrong);
        return;
    }
    json_t *messages = json_incref(hub_json_get(result, "serverMessages"));
    struct hub_identity *sender = hub_identity_ref(s->call->who);
    if (!hub_json_get_bool(result, "accept", false)) {
        const char *reason = json_string_value(hub_json_get(result, "rejectReason"));
        hub_gate_give_back(s->call, HUB_LIMIT_MESSAGES);
        fail_sending(s, HUB_REJECTED, reason);
    } else if (room->ended == HUB_ROOM_NOT_FOUND && hub_json_get_bool(result, "persist", true)) {
        fail_sending(s, room->ended, NULL); /* the handler has deleted the room */
    } else {
        s->draft.persist = hub_json_get_bool(result, "persist", true);
        s->draft.announce = hub_json_get_bool(result, "broadcast", true);
        hub_target_parse(hub_json_get(result, "broadcastTo"), &s->draft.to, &s->draft.to_ids);
        submit_sending(s);
    }
    hub_server_messages(room, messages, hub_cstr(sender->user_id), "messageHandlers");
    hub_identity_unref(sender);
    json_decref(messages);
}

static void on_handled(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct sending *s = arg;
    struct hub_room *room = hub_room_ref(s->room);
    struct hub_room_op *op = &s->op;
    if (code) {
        hub_hook_failed(s->call->hub, s->type->handler, code, error);
        fail_sending(s, code, NULL);
    } else {
        act_on(s, result);
    }
    hub_room_op_done(room, op); /* compared as an address only: the sending is gone */
    hub_room_unref(room);
}

static void run_handler(struct sending *s) {
    struct hub_call *c = s->call;
    open_content(s);
    json_t *message = json_pack("{s:s, s:O}", "type", s->type->name, "content", s->content);
    close_content(s); /* the handler may wait, and has it by other means */
    json_t *id = json_string(s->room->id);
    struct hub_hook_arg args[6] = {{"session", hub_identity_session(c->who)}, {"message", message}, {"roomId", id}};
    size_t n = hub_hook_room_args(c->hub, s->room->record, args, 3);
    hub_hook_call(c->hub, s->type->handler, args, n, on_handled, s);
    json_decref(message);
    json_decref(id);
}

/* ---- the message replied to ---- */

static void proceed_sending(struct sending *s);

/* Refuses a sending that has its turn, and lets the next one have it. */
static void give_up(struct sending *s, enum hub_code code, const char *text) {
    struct hub_room *room = hub_room_ref(s->room);
    struct hub_room_op *op = &s->op;
    fail_sending(s, code, text);
    hub_room_op_done(room, op);
    hub_room_unref(room);
}

/* Those who may not read see their own messages only. */
static enum hub_code gate_original(const struct sending *s, const struct hub_cell *row) {
    struct hub_str user = hub_cstr(s->call->who->user_id);
    bool own = row && row[HUB_MSG_SENDER_ID].kind == HUB_CELL_TEXT && hub_str_eq(row[HUB_MSG_SENDER_ID].s, user);
    if (!s->call->rights.can_read && !own) return HUB_CANNOT_READ;
    return row && hub_audience_has(row, user) ? HUB_OK : HUB_BAD_REQUEST;
}

static void on_original(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct sending *s = arg;
    const struct hub_cell *row = !code && rows->n ? hub_row(rows, 0) : NULL;
    (void)error;
    if (!code) code = gate_original(s, row);
    if (code) {
        give_up(s, code, code == HUB_BAD_REQUEST ? "replyTo.id: there is no such message in this room" : NULL);
        return;
    }
    s->draft.reply_id = s->reply_id;
    if (hub_audience_has(row, hub_str(NULL, 0))) { /* the room hears of it */
        char id[HUB_MESSAGE_ID_MAX + 1];
        snprintf(id, sizeof id, "%.*s", HUB_FMT(s->reply_id));
        s->draft.previews = s->previews = json_object();
        json_object_set_new(s->previews, id, hub_message_preview(row));
    }
    proceed_sending(s);
}

static void find_original(struct sending *s) {
    struct hub_hub *hub = hub_of(s->room);
    struct hub_store *store = hub->engine->config.store;
    const struct hub_cond where[] = {
        {.column = HUB_MSG_ID, .value = {.kind = HUB_CELL_TEXT, .s = s->reply_id}},
        {.column = HUB_MSG_ROOM_ID, .value = {.kind = HUB_CELL_TEXT, .s = hub_cstr(s->room->id)}},
        {.column = HUB_MSG_STATUS, .value = {.kind = HUB_CELL_TEXT, .s = HUB_STR("approved")}}};
    const struct hub_select q = {
        .table = hub->tables->message, .where = where, .where_n = 3, .order_by = -1, .limit = 1};
    store->ops->select(store, &q, on_original, s);
}

/* ---- the same message sent before ---- */

/* A handler acts, and so must not see a repeat, nor must a room that hears of messages first; other types
 * leave it to the store to find the first message. */
static bool may_repeat(const struct sending *s) {
    return s->draft.client_message_id.n && (s->type->handler || is_provisional(s));
}

static void judge_sending(struct sending *s);

/* A repeat that is answered with the first message. */
struct repeat {
    struct sending *sending;
    struct hub_buf message;
    struct hub_replies replies;
};

static void answer_repeat(void *arg) {
    struct repeat *r = arg;
    struct sending *s = r->sending;
    struct hub_room *room = hub_room_ref(s->room);
    struct hub_room_op *op = &s->op;
    on_sending_submitted(s->call, HUB_OK, NULL, hub_buf_str(&r->message));
    free_sending(s);
    hub_buf_free(&r->message);
    free(r);
    hub_room_op_done(room, op);
    hub_room_unref(room);
}

static void on_first(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct sending *s = arg;
    (void)error;
    if (code) {
        give_up(s, code, NULL);
        return;
    }
    if (!rows->n) {
        judge_sending(s);
        return;
    }
    struct repeat *r = hub_xcalloc(1, sizeof *r);
    r->sending = s;
    hub_message_json(&r->message, rows->table, hub_row(rows, 0), &r->replies);
    hub_previews_fill(s->room, hub_viewer_of(s->call), &r->message, &r->replies, answer_repeat, r);
}

static void find_first(struct sending *s) {
    struct hub_hub *hub = hub_of(s->room);
    struct hub_store *store = hub->engine->config.store;
    const struct hub_cond where[] = {
        {.column = HUB_MSG_ROOM_ID, .value = {.kind = HUB_CELL_TEXT, .s = hub_cstr(s->room->id)}},
        {.column = HUB_MSG_SENDER_ID, .value = {.kind = HUB_CELL_TEXT, .s = hub_cstr(s->call->who->user_id)}},
        {.column = HUB_MSG_CLIENT_MESSAGE_ID, .value = {.kind = HUB_CELL_TEXT, .s = s->draft.client_message_id}}};
    const struct hub_select q = {
        .table = hub->tables->message, .where = where, .where_n = 3, .order_by = -1, .limit = 1, .with_inactive = true};
    store->ops->select(store, &q, on_first, s);
}

static bool first_on_its_way(const struct sending *s) {
    return hub_room_submitting(s->room, hub_cstr(s->call->who->user_id), s->draft.client_message_id);
}

/* Its turn comes while the first is still under way when the store cannot tell what became of that. */
static void on_stored(struct hub_announcement *out) {
    struct sending *s = HUB_CONTAINER(out, struct sending, out);
    if (first_on_its_way(s))
        give_up(s, HUB_STORE_UNDECIDED, NULL); /* the outcome of the first is unknown */
    else
        find_first(s);
}

static void await_first(struct sending *s) {
    if (!first_on_its_way(s)) {
        find_first(s);
        return;
    }
    s->out.announce = on_stored;
    hub_sequence_announce(&s->room->sequence, &s->out);
    hub_sequence_ready(&s->room->sequence, &s->out);
}

/* ---- its turn ---- */

static void hand_over(struct sending *s) {
    struct hub_room *room = s->room;
    struct hub_room_op *op = &s->op;
    if (s->type->handler) {
        run_handler(s);
        return;
    }
    hub_room_ref(room);
    submit_sending(s);
    hub_room_op_done(room, op); /* compared as an address only: the sending is gone */
    hub_room_unref(room);
}

static void proceed_sending(struct sending *s) { go_on(s, hand_over); }

static void on_original_stored(struct hub_announcement *out) {
    struct sending *s = HUB_CONTAINER(out, struct sending, out);
    if (hub_room_provisional(s->room, s->reply_id))
        give_up(s, HUB_STORE_UNAVAILABLE, NULL); /* nobody can tell yet whether there is such a message */
    else
        find_original(s);
}

/* What was told already may be on its way to the store. */
static void await_original(struct sending *s) {
    if (!hub_room_provisional(s->room, s->reply_id)) {
        find_original(s);
        return;
    }
    s->out.announce = on_original_stored;
    hub_sequence_announce(&s->room->sequence, &s->out);
    hub_sequence_ready(&s->room->sequence, &s->out);
}

static void judge_sending(struct sending *s) {
    if (s->reply_id.n)
        await_original(s);
    else
        proceed_sending(s);
}

static void take_turn(struct sending *s) {
    bool asks = s->reply_id.n || may_repeat(s);
    if (asks && hub_loop_now(s->room->loop) - s->asked > HUB_TURN_PATIENCE_MS)
        give_up(s, HUB_OVERLOADED, NULL);
    else if (may_repeat(s))
        await_first(s);
    else
        judge_sending(s);
}

/* The send's turn in the room has come. */
static void run_sending(struct hub_room_op *op) {
    struct sending *s = HUB_CONTAINER(op, struct sending, op);
    s->in_turn = true;
    hub_call_renew(s->call); /* handlers decide by the session */
    go_on(s, take_turn);
}

/* The gates behind the rate, and its place in the room's order. */
static void take_place(struct sending *s) {
    struct hub_call *c = s->call;
    struct hub_err err;
    open_content(s);
    enum hub_code code = gate_content(s, &err);
    close_content(s);
    if (!code) code = gate_extras(c, s, &err);
    if (code) {
        hub_gate_give_back(c, HUB_LIMIT_MESSAGES);
        hub_call_fail_with(c, &err, hub_str(NULL, 0));
        free_sending(s);
    } else if (!s->type->handler && !s->reply_id.n && !hub_room_busy(c->room) && !may_repeat(s)) {
        submit_sending(s);
    } else if (hub_room_full_of_ops(c->room)) {
        fail_sending(s, HUB_OVERLOADED, NULL);
    } else if (!hub_call_waits(c, s->text.cap)) {
        free_sending(s);
    } else {
        s->asked = hub_loop_now(c->room->loop);
        hub_room_enqueue(c->room, &s->op);
    }
}

void hub_message_send(struct hub_call *c) {
    struct sending *s = hub_xcalloc(1, sizeof *s);
    *s = (struct sending){.call = c,
                          .room = hub_room_ref(c->room),
                          .op.run = run_sending,
                          .type = c->subject,
                          .content = c->late ? NULL : hub_json_get(c->args, "content"),
                          .text = c->text,
                          .draft = {.persist = true, .announce = true, .to = HUB_TO_ALL}};
    c->text = (struct hub_buf){0};
    hub_hold(&c->hub->engine->holds, &s->hold, "send");
    go_on(s, take_place); /* the shared limiter may have counted it */
}
