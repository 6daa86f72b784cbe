/* hub:edit, hub:delete, hub:react, and reading one message. */
#include "hub/message/message.h"

#include <stdlib.h>

#include "base/time/clock.h"
#include "hub/access/access.h"
#include "hub/message/edit/edit.h"
#include "hub/message/emoji.h"

#define REACTIONS_TOLD 100 /* a longer list is not sent with every change */

static bool is_status(const struct hub_cell *row, const char *status) {
    return hub_str_is(row[HUB_MSG_STATUS].s, status);
}
static bool is_mine(const struct hub_cell *row, const struct hub_call *call) {
    return row[HUB_MSG_SENDER_ID].kind == HUB_CELL_TEXT && hub_str_is(row[HUB_MSG_SENDER_ID].s, call->who->user_id);
}
/* Messages that are not shown to the caller do not exist for him. */
static bool is_known(const struct hub_cell *row, const struct hub_call *call) {
    if (is_status(row, "approved")) return hub_audience_has(row, hub_cstr(call->who->user_id));
    return is_mine(row, call) || call->rights.can_moderate;
}

static const char no_message[] = "there is no such message in this room";

/* ---- the way of every change ---- */

static void end_change(struct hub_change *c) {
    struct hub_room *room = c->room;
    struct hub_room_op *op = &c->op;
    json_decref(c->args);
    hub_buf_free(&c->text);
    hub_buf_free(&c->told);
    hub_buf_free(&c->message);
    hub_buf_free(&c->from);
    hub_replies_free(&c->replies);
    hub_buf_free(&c->mine);
    hub_replies_free(&c->my_replies);
    hub_audience_free(&c->audience);
    free(c->sender);
    hub_backlog_drop(&c->waits);
    hub_unhold(&c->hold);
    if (op->run) hub_room_op_done(room, op);
    free(c);
    hub_room_unref(room);
}

static void refuse_change(struct hub_change *c, const struct hub_err *err) {
    hub_call_fail_with(c->call, err, hub_str(NULL, 0));
    end_change(c);
}

static void refuse_code(struct hub_change *c, enum hub_code code, const char *text) {
    struct hub_err err;
    hub_err_set(&err, code, text ? "%s" : NULL, text);
    refuse_change(c, &err);
}

static void accept_change(struct hub_change *c) {
    struct hub_buf fields = {0};
    const char *name = c->kind->answer ? c->kind->answer(c, &fields) : NULL;
    hub_call_ok(c->call, name, hub_buf_str(&fields));
    hub_buf_free(&fields);
}

static void on_change_previews(void *arg) {
    struct hub_change *c = arg;
    hub_numbered_ready(&c->numbered);
}

static void fill_for_all(void *arg) {
    struct hub_change *c = arg;
    hub_previews_fill(c->room, (struct hub_viewer){0}, &c->message, &c->replies, on_change_previews, c);
}

static bool on_change_written(struct hub_numbered *n) {
    struct hub_change *c = HUB_CONTAINER(n, struct hub_change, numbered);
    if (n->write.code || !n->write.row.n) return true;
    struct hub_cell *row = n->write.row.cells;
    if (c->audience.transient)
        row[HUB_MSG_STATUS] = hub_cell_text(HUB_STR("approved")); /* it was deleted by its approval */
    hub_message_json(&c->message, n->write.row.table, row, &c->replies);
    hub_message_sender_json(&c->from, row);
    if (!c->replies.n) return true;
    if (c->call && !c->call->rights.can_read) {
        hub_message_json(&c->mine, n->write.row.table, row, &c->my_replies);
        hub_previews_fill(c->room, hub_viewer_of(c->call), &c->mine, &c->my_replies, fill_for_all, c);
    } else {
        fill_for_all(c);
    }
    return false;
}

/* Whoever asked is told that the store is away, and the room's next operation may go on. Should the change
 * turn out to have been made, the room hears of it. */
static void on_change_undecided(struct hub_numbered *n) {
    struct hub_change *c = HUB_CONTAINER(n, struct hub_change, numbered);
    struct hub_room_op *op = &c->op;
    hub_backlog_move(&c->call->waits, &c->waits);
    hub_call_fail(c->call, HUB_STORE_UNDECIDED, NULL);
    c->call = NULL;
    if (op->run) hub_room_op_done(c->room, op);
    op->run = NULL;
}

static void on_announce(struct hub_numbered *n) {
    struct hub_change *c = HUB_CONTAINER(n, struct hub_change, numbered);
    if (!c->call) {
        if (!n->write.code) c->kind->tell(c);
        end_change(c);
        return;
    }
    if (n->write.code) {
        enum hub_code code = n->write.code;
        refuse_code(c, code, code == HUB_NOT_FOUND ? no_message : hub_store_words(code, n->write.error));
        return;
    }
    accept_change(c);
    c->kind->tell(c);
    end_change(c);
}

static void write_it(struct hub_change *c, const struct hub_cell *row) {
    struct hub_write *w = &c->numbered.write;
    /* What was judged must still hold when it is written, whoever else writes to the store. */
    c->where[2] =
        (struct hub_cond){.column = HUB_MSG_STATUS,
                          .value = hub_cell_text(is_status(row, "pending") ? HUB_STR("pending") : HUB_STR("approved"))};
    w->cells = c->cells;
    w->where = c->where;
    w->where_n = 3;
    w->return_row = true;
    hub_room_write(c->room, &c->numbered);
}

/* ROW is freed before the change is announced. */
static void take_audience(struct hub_change *c, const struct hub_cell *row) {
    struct hub_cell cells[HUB_MSG_FIXED] = {[HUB_MSG_AUDIENCE] = row[HUB_MSG_AUDIENCE]};
    if (c->sender) cells[HUB_MSG_SENDER_ID] = hub_cell_text(hub_cstr(c->sender));
    hub_audience_of(cells, c->pending, &c->audience);
}

static void on_message(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_change *c = arg;
    struct hub_err err;
    const struct hub_cell *row = !code && rows->n ? hub_row(rows, 0) : NULL;
    (void)error;
    if (!row || is_status(row, "rejected") || !is_known(row, c->call)) {
        refuse_code(c, code ? code : HUB_NOT_FOUND, code ? NULL : no_message);
        return;
    }
    c->numbered.write.table = rows->table;
    c->pending = is_status(row, "pending");
    if (row[HUB_MSG_SENDER_ID].kind == HUB_CELL_TEXT) c->sender = hub_str_dup(row[HUB_MSG_SENDER_ID].s);
    take_audience(c, row);
    code = c->kind->judge(c, row, &err);
    if (code) {
        refuse_change(c, &err);
    } else if (c->unchanged) {
        accept_change(c);
        end_change(c);
    } else {
        write_it(c, row);
    }
}

static void look_up(struct hub_change *c) {
    struct hub_store *store = c->call->hub->engine->config.store;
    const struct hub_select q = {
        .table = c->call->hub->tables->message, .where = c->where, .where_n = 2, .order_by = -1, .limit = 1};
    if (hub_loop_now(c->room->loop) - c->asked > HUB_TURN_PATIENCE_MS)
        refuse_code(c, HUB_OVERLOADED, NULL);
    else
        store->ops->select(store, &q, on_message, c);
}

static void run_change(struct hub_room_op *op);

static void on_change_stored(struct hub_announcement *out) {
    struct hub_change *c = HUB_CONTAINER(out, struct hub_change, out);
    if (hub_room_provisional(c->room, c->id))
        refuse_code(c, HUB_STORE_UNAVAILABLE, NULL); /* nobody can tell yet whether there is such a message */
    else
        run_change(&c->op);
}

/* The room knows of the message, and the store does not yet. */
static bool awaits_message(struct hub_change *c) {
    if (!hub_room_provisional(c->room, c->id)) return false;
    c->out.announce = on_change_stored;
    hub_sequence_announce(&c->room->sequence, &c->out);
    hub_sequence_ready(&c->room->sequence, &c->out);
    return true;
}

static void on_change_stands(void *arg, bool stands) {
    struct hub_change *c = arg;
    struct hub_err err;
    if (!stands)
        end_change(c);
    else if (c->kind->speaks && hub_gate_again(c->call, &err))
        refuse_change(c, &err);
    else
        look_up(c);
}

/* The change's turn in the room has come. */
static void run_change(struct hub_room_op *op) {
    struct hub_change *c = HUB_CONTAINER(op, struct hub_change, op);
    if (awaits_message(c)) return;
    if (hub_call_fresh(c->call))
        look_up(c);
    else
        hub_call_stands(c->call, on_change_stands, c);
}

/* Where the message of the call is. */
static void find_by_id(const struct hub_call *call, struct hub_cond *where) {
    where[0] = (struct hub_cond){.column = HUB_MSG_ID, .value = hub_cell_text(hub_call_str(call, "messageId"))};
    where[1] = (struct hub_cond){.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(call->room->id))};
}

struct hub_change *hub_change_new(struct hub_call *call, const struct hub_change_kind *kind) {
    struct hub_change *c = hub_xcalloc(1, sizeof *c);
    *c = (struct hub_change){.kind = kind,
                             .call = call,
                             .args = json_incref(call->args),
                             .room = hub_room_ref(call->room),
                             .id = hub_call_str(call, "messageId"),
                             .text = call->text};
    call->text = (struct hub_buf){0};
    find_by_id(call, c->where);
    hub_hold(&call->hub->engine->holds, &c->hold, "message change"); /* also while it waits for its turn */
    c->numbered.undecided = on_change_undecided;
    c->numbered.written = on_change_written;
    c->numbered.announce = on_announce;
    return c;
}

void hub_change_run(struct hub_change *c) {
    if (hub_room_full_of_ops(c->room)) {
        refuse_code(c, HUB_OVERLOADED, NULL);
        return;
    }
    c->op.run = run_change;
    c->asked = hub_loop_now(c->room->loop);
    hub_room_enqueue(c->room, &c->op);
}

const char *hub_change_answer_message(const struct hub_change *c, struct hub_buf *fields) {
    hub_buf_addz(fields, "\"message\":");
    hub_buf_adds(fields, hub_buf_str(c->mine.n ? &c->mine : &c->message));
    return "message";
}

void hub_change_tell(const struct hub_change *c, struct hub_event_json *e, struct hub_str event) {
    const struct hub_target few = {.to = HUB_TO_MODERATORS, .also = hub_cstr(c->sender)};
    int flags = hub_message_flags(hub_of(c->room)->def, hub_buf_str(&c->message));
    if (c->pending)
        hub_event_json_tell(e, &few, event, flags);
    else
        hub_event_json_tell_numbered(e, &c->audience.target, event, c->numbered.write.number, flags);
}

void hub_event_json_seq(struct hub_event_json *e, int64_t number) {
    if (number)
        hub_event_json_int(e, "seq", number);
    else
        hub_event_json_raw(e, "seq", HUB_STR("null"));
}

/* ---- edit ---- */

/* Content that was not reviewed must not replace content that was approved, nor bypass a handler. */
static enum hub_code judge_author(const struct hub_change *c, const struct hub_cell *row,
                                  const struct hub_def_message_type *type, struct hub_err *err) {
    const struct hub_call *call = c->call;
    bool moderated = call->hub->def->global_moderation || call->rights.moderated;
    if (!is_mine(row, call)) return hub_fail(err, HUB_NOT_ALLOWED, "only the sender of a message may edit it");
    if (!type) return hub_fail(err, HUB_UNKNOWN_TYPE, "the hub no longer has the message's type");
    if (!hub_rights_allow_type(&call->rights, type->name))
        return hub_fail(err, HUB_TYPE_NOT_ALLOWED, "you may not send messages of type \"%s\"", type->name);
    if (type->handler)
        return hub_fail(err, HUB_NOT_ALLOWED,
                        "messages of type \"%s\" are the hub's logic to decide and cannot be edited", type->name);
    if (!c->pending && moderated && !call->rights.can_moderate)
        return hub_fail(err, HUB_NOT_ALLOWED, "the message was approved as it is; send another one");
    return HUB_OK;
}

static enum hub_code judge_content(struct hub_change *c, const struct hub_def_message_type *type, struct hub_err *err) {
    json_t *content = hub_call_tree(c->call, "content", &c->text);
    bool filled;
    enum hub_code code = hub_content_check(type, content, &filled, err);
    if (!code && filled) code = hub_gate_filled(c->call->hub, content, &c->text, err);
    json_decref(content);
    return code;
}

static enum hub_code judge_edit(struct hub_change *c, const struct hub_cell *row, struct hub_err *err) {
    const struct hub_def_message_type *type = hub_def_message_type(c->call->hub->def, row[HUB_MSG_MESSAGE_TYPE].s);
    enum hub_code code = judge_author(c, row, type, err);
    if (!code) code = judge_content(c, type, err);
    if (code) return code;
    c->cells[HUB_MSG_CONTENT] = hub_cell_text(hub_buf_str(&c->text));
    c->cells[HUB_MSG_EDITED_AT] = hub_cell_int(hub_loop_wall(c->room->loop));
    c->numbered.write.kind = HUB_UPDATE;
    c->numbered.write.numbering = c->pending ? HUB_NUMBER_NONE : HUB_NUMBER_CHANGE;
    return HUB_OK;
}

static void tell_edit(const struct hub_change *c) {
    struct hub_event_json e = hub_event_json(c->room);
    hub_event_json_raw(&e, "message", hub_buf_str(&c->message));
    if (!c->pending) hub_event_json_seq(&e, c->numbered.write.number);
    hub_change_tell(c, &e, c->pending ? HUB_STR("hub:messagePending") : HUB_STR("hub:messageEdited"));
}

void hub_message_edit(struct hub_call *call) {
    static const struct hub_change_kind edit = {judge_edit, hub_change_answer_message, tell_edit, true};
    hub_change_run(hub_change_new(call, &edit));
}

/* ---- delete ---- */

static enum hub_code judge_delete(struct hub_change *c, const struct hub_cell *row, struct hub_err *err) {
    if (!is_mine(row, c->call) && !c->call->rights.can_delete_any)
        return hub_fail(err, HUB_NOT_ALLOWED, "you may delete your own messages only");
    c->numbered.write.kind = HUB_DELETE;
    c->numbered.write.numbering = c->pending ? HUB_NUMBER_NONE : HUB_NUMBER_CHANGE;
    return HUB_OK;
}

static void tell_delete(const struct hub_change *c) {
    struct hub_event_json e = hub_event_json(c->room);
    hub_event_json_text(&e, "messageId", c->id);
    hub_event_json_seq(&e, c->numbered.write.number);
    hub_change_tell(c, &e, HUB_STR("hub:messageDeleted"));
}

void hub_message_delete(struct hub_call *call) {
    static const struct hub_change_kind kind = {judge_delete, NULL, tell_delete, false};
    hub_change_run(hub_change_new(call, &kind));
}

/* ---- reactions: an array of {emoji, userId, timestamp}, oldest first ---- */

static const char no_reactions[] = "this hub has no reactions";

static HUB_MUST json_t *reactions_of(const struct hub_cell *row, int column) {
    json_t *all = row[column].kind == HUB_CELL_TEXT ? hub_json_parse(row[column].s, NULL) : NULL;
    if (json_is_array(all)) return all;
    json_decref(all);
    return json_array();
}

/* Index of the caller's reaction with this emoji, or the length. */
static size_t reaction_at(const json_t *all, struct hub_str emoji, const char *user) {
    size_t n = json_array_size(all), i = 0;
    for (; i < n; i++) {
        const json_t *r = json_array_get(all, i);
        if (hub_emoji_same(hub_json_get_str(r, "emoji"), emoji) && hub_str_is(hub_json_get_str(r, "userId"), user))
            break;
    }
    return i;
}

/* As it was written first: with U+FE0F or without, it is one. */
static struct hub_str stored_spelling(const json_t *all, struct hub_str emoji) {
    for (size_t i = 0; i < json_array_size(all); i++) {
        struct hub_str there = hub_json_get_str(json_array_get(all, i), "emoji");
        if (hub_emoji_same(there, emoji)) return there;
    }
    return emoji;
}

static enum hub_code add_reaction(json_t *all, struct hub_str emoji, const struct hub_call *call, struct hub_err *err) {
    int64_t most = call->hub->def->limits.reactions_per_message;
    char now[HUB_ISO_LEN + 1];
    if ((int64_t)json_array_size(all) >= most)
        return hub_gate_too_many("limits.reactionsPerMessage", most, "reactions of one message", err);
    hub_iso_format(hub_loop_wall(call->room->loop), now);
    json_t *r = json_object();
    hub_json_set_str(r, "emoji", emoji);
    hub_json_set_str(r, "userId", hub_cstr(call->who->user_id));
    hub_json_set_str(r, "timestamp", hub_cstr(now));
    json_array_append_new(all, r);
    return HUB_OK;
}

static bool wants_removal(const struct hub_call *call) {
    return !strcmp(call->command->name, "hub:unreact") || hub_json_get_bool(call->args, "remove", false);
}

/* ,"emoji":…,"userId":…,"removed":…,"counts":{…}, and the list while it is short. */
static void describe_reaction(struct hub_change *c, const json_t *all, struct hub_str emoji, bool removed) {
    json_t *counts = json_object();
    for (size_t i = 0; i < json_array_size(all); i++) {
        struct hub_str one = hub_json_get_str(json_array_get(all, i), "emoji");
        json_int_t n = json_integer_value(json_object_getn(counts, one.p, one.n));
        json_object_setn_new(counts, one.p, one.n, json_integer(n + 1));
    }
    hub_buf_addz(&c->told, ",\"emoji\":");
    hub_json_add_string(&c->told, emoji);
    hub_buf_addz(&c->told, ",\"userId\":");
    hub_json_add_string(&c->told, hub_cstr(c->call->who->user_id));
    hub_buf_addf(&c->told, ",\"removed\":%s,\"counts\":", removed ? "true" : "false");
    hub_json_add(&c->told, counts);
    if (json_array_size(all) <= REACTIONS_TOLD)
        hub_buf_addz(&c->told, ",\"reaction\":"), hub_buf_adds(&c->told, hub_buf_str(&c->text));
    json_decref(counts);
}

static enum hub_code judge_reaction(struct hub_change *c, const struct hub_cell *row, struct hub_err *err) {
    struct hub_str emoji = hub_json_get_str(c->args, "emoji");
    enum hub_code code = HUB_OK;
    int column = hub_table_column(c->numbered.write.table, HUB_STR("reaction"));
    if (column < 0) return hub_fail(err, HUB_FEATURE_DISABLED, no_reactions);
    if (c->pending) return hub_fail(err, HUB_NOT_ALLOWED, "the message waits for a moderator");
    json_t *all = reactions_of(row, column);
    struct hub_buf written = {0}; /* its reaction may go */
    hub_buf_adds(&written, stored_spelling(all, emoji));
    emoji = hub_buf_str(&written);
    size_t at = reaction_at(all, emoji, c->call->who->user_id);
    bool there = at < json_array_size(all), remove = wants_removal(c->call);
    c->unchanged = there != remove;
    if (there && remove)
        json_array_remove(all, at);
    else if (!c->unchanged)
        code = add_reaction(all, emoji, c->call, err);
    hub_json_add(&c->text, all);
    if (!code && !c->unchanged) describe_reaction(c, all, emoji, remove);
    hub_buf_free(&written);
    json_decref(all);
    c->cells[column] = hub_cell_text(hub_buf_str(&c->text));
    c->numbered.write.kind = HUB_UPDATE;
    c->numbered.write.numbering = HUB_NUMBER_CHANGE;
    return code;
}

static const char *answer_reaction(const struct hub_change *c, struct hub_buf *fields) {
    hub_buf_addz(fields, "\"reaction\":");
    hub_buf_adds(fields, hub_buf_str(&c->text));
    return "reaction";
}

static void tell_reaction(const struct hub_change *c) {
    struct hub_event_json e = hub_event_json(c->room);
    hub_event_json_text(&e, "messageId", c->id);
    hub_buf_adds(&e.text, hub_buf_str(&c->told)); /* ,"emoji":… */
    hub_event_json_seq(&e, c->numbered.write.number);
    hub_change_tell(c, &e, HUB_STR("hub:reaction"));
}

static enum hub_code check_reactions_on(struct hub_call *call, struct hub_err *err) {
    return call->hub->def->enable_reaction ? HUB_OK : hub_fail(err, HUB_FEATURE_DISABLED, no_reactions);
}

const struct hub_gate hub_gate_reactions_on = {.name = "enableReaction",
                                               .help = "The hub has reactions.",
                                               .check = check_reactions_on,
                                               .codes = {HUB_FEATURE_DISABLED}};

/* A reaction that was stored under older rules can be taken back, whatever it is. */
static enum hub_code check_emoji(struct hub_call *call, struct hub_err *err) {
    bool ok = wants_removal(call) || hub_emoji_ok(hub_call_str(call, "emoji"));
    return ok ? HUB_OK : hub_fail(err, HUB_BAD_REQUEST, "emoji: " HUB_EMOJI_EXPECTED);
}

const struct hub_gate hub_gate_emoji = {
    .name = "emoji", .help = "It is an emoji, or a name.", .check = check_emoji, .codes = {HUB_BAD_REQUEST}};

void hub_message_react(struct hub_call *call) {
    static const struct hub_change_kind reaction = {judge_reaction, answer_reaction, tell_reaction, false};
    hub_change_run(hub_change_new(call, &reaction));
}

/* ---- one message ---- */

struct one {
    struct hub_call *call;
    struct hub_buf fields;
    struct hub_replies replies;
};

static void answer_one(void *arg) {
    struct one *o = arg;
    hub_call_show(o->call, "message", hub_buf_str(&o->fields));
    hub_buf_free(&o->fields);
    free(o);
}

static void on_one(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_call *call = arg;
    const struct hub_cell *row = !code && rows->n ? hub_row(rows, 0) : NULL;
    (void)error;
    if (!row || !is_known(row, call)) {
        hub_call_fail(call, code ? code : HUB_NOT_FOUND, "%s", code ? hub_code_text(code) : no_message);
        return;
    }
    struct one *o = hub_xcalloc(1, sizeof *o);
    o->call = call;
    hub_buf_addz(&o->fields, "\"message\":");
    hub_message_json(&o->fields, rows->table, row, &o->replies);
    hub_previews_fill(call->room, hub_viewer_of(call), &o->fields, &o->replies, answer_one, o);
}

void hub_message_show(struct hub_call *call) {
    struct hub_store *store = call->hub->engine->config.store;
    struct hub_cond where[2];
    find_by_id(call, where);
    const struct hub_select q = {
        .table = call->hub->tables->message, .where = where, .where_n = 2, .order_by = -1, .limit = 1};
    store->ops->select(store, &q, on_one, call);
}
