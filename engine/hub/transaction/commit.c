/* The end of a transaction: checks of what was read, then what it changes, as one group of the store,
 * with the records' locks held where there are records. What it has done is told behind the commit, in
 * the order in which the script has named it. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/transaction/transaction_int.h"

struct commit {
    struct hub_tx *tx;          /* reference; it holds what a reload or a stop waits for */
    struct hub_host_call *call; /* NULL: it has been answered */
    struct hub_record_with with;
    json_t *turn; /* what ends with the answer: an integer, or no such thing */
    json_t *turn_key;
    size_t telling; /* changes whose rights are being worked out, and the loop that tells them */
};

static struct hub_tx_item *item_at(struct hub_list *it) { return HUB_CONTAINER(it, struct hub_tx_item, link); }

/* ---- the answer ---- */

static void end_commit(struct commit *c) {
    hub_guard_ends_write(c->tx->engine, c);
    hub_tx_unref(c->tx);
    json_decref(c->turn);
    json_decref(c->turn_key);
    free(c);
}

static void leave_turn(struct commit *c) {
    if (json_is_integer(c->turn)) hub_record_turn_ended(c->tx->engine, hub_json_str(c->turn_key), c->turn);
}

/* RESULT is given away. C may be freed by its owner behind it, and is not by this. */
static void answer_commit(struct commit *c, enum hub_code code, json_t *result, const char *text) {
    struct hub_host_call *call = c->call;
    if (!call) {
        json_decref(result);
        return;
    }
    c->call = NULL;
    if (code)
        hub_host_fail(call, code, text);
    else
        call->done(call, HUB_OK, result, NULL);
    leave_turn(c);
}

/* It runs again, with its turn among those that meet at KEY. */
static void answer_met(struct commit *c, const char *key) { answer_commit(c, HUB_OK, json_string(key), NULL); }

/* ---- told ---- */

static void tell_done(struct commit *c) {
    if (--c->telling) return;
    answer_commit(c, HUB_OK, NULL, NULL);
    end_commit(c);
}

static void on_told(void *arg, enum hub_code code, json_t *result, const char *error) {
    (void)code, (void)result, (void)error;
    tell_done(arg);
}

static void tell_item(struct commit *c, struct hub_tx_item *item) {
    struct hub_object_op *write = item->write;
    struct hub_job_draft *job = item->changed ? item->job : NULL;
    item->write = NULL;
    if (write) c->telling++;
    if (write) hub_object_written(write, on_told, c);
    if (!job) return;
    item->job = NULL;
    hub_job_draft_written(job);
}

static void tell_all(struct commit *c) {
    c->telling = 1;
    HUB_LIST_EACH(&c->tx->items, it) tell_item(c, item_at(it));
    tell_done(c);
}

/* ---- what has failed ---- */

static bool is_write_of(const struct hub_tx_item *item, const struct hub_write *w) {
    return (item->check && hub_object_write(item->check) == w) || (item->write && hub_object_write(item->write) == w) ||
           (item->job && hub_job_draft_write(item->job) == w);
}

static struct hub_tx_item *item_of_write(struct hub_tx *tx, const struct hub_write *w) {
    HUB_LIST_EACH(&tx->items, it)
    if (w && is_write_of(item_at(it), w)) return item_at(it);
    return NULL;
}

/* Whether somebody else was faster, so that it is tried again. A row that is in the way of a new one,
 * although there was none to be seen, stays in the way: it is inactive. */
static bool was_met(const struct hub_tx_item *item, const struct hub_write *w, enum hub_code code) {
    bool creates = item->write && hub_object_write(item->write) == w && !item->was;
    return code == HUB_NOT_FOUND || (code == HUB_CONFLICT && !creates);
}

static void fail_commit(struct commit *c, enum hub_code code) {
    const struct hub_write *first = c->with.first;
    const struct hub_tx_item *item = first ? item_of_write(c->tx, first->failed) : NULL;
    char text[256] = "";
    if (item && was_met(item, first->failed, code)) {
        answer_met(c, item->key);
        return;
    }
    if (item && item->table && code == HUB_CONFLICT)
        hub_object_say_taken(item->table, item->table->active >= 0 && !item->fresh, text, sizeof text);
    else if (first && hub_store_words(code, first->error))
        snprintf(text, sizeof text, "%s", first->error);
    answer_commit(c, code, NULL, text);
}

/* ---- writes ---- */

static enum hub_object_kind kind_of_write(const struct hub_tx_item *item) {
    const struct hub_table *t = item->table;
    if (!item->was) return HUB_OBJECT_CREATE;
    return item->now || hub_tx_becomes_inactive(t, item->changes) ? HUB_OBJECT_UPDATE : HUB_OBJECT_DELETE;
}

static enum hub_code prepare_op(struct hub_tx *tx, struct hub_object_change x, struct hub_object_op **out,
                                struct hub_err *err) {
    *out = hub_object_prepare(&tx->engine->data, &x, err);
    return *out ? HUB_OK : err->code;
}

static enum hub_code prepare_check(struct hub_tx *tx, struct hub_tx_item *item, struct hub_err *err) {
    struct hub_object_change x = {.kind = HUB_OBJECT_IS, .table = item->table, .id = item->id, .row = item->was};
    if (item->kind == HUB_TX_LIST)
        x = (struct hub_object_change){.kind = HUB_OBJECT_IS_LIST,
                                       .table = item->table,
                                       .row = item->was,
                                       .where = item->where,
                                       .options = item->options};
    bool checked = item->kind == HUB_TX_LIST || (item->kind == HUB_TX_ROW && !item->fresh);
    return checked ? prepare_op(tx, x, &item->check, err) : HUB_OK;
}

static enum hub_code prepare_write(struct hub_tx *tx, struct hub_tx_item *item, bool waits, struct hub_err *err) {
    if (item->kind != HUB_TX_ROW || !item->changed || (!item->was && !item->now)) return HUB_OK;
    struct hub_object_change x = {
        .kind = kind_of_write(item), .table = item->table, .id = item->id, .row = item->now, .waits = waits};
    if (x.kind == HUB_OBJECT_UPDATE) x.row = item->changes;
    return prepare_op(tx, x, &item->write, err);
}

static void append_write(struct hub_write ***next, struct hub_write *w) {
    w->next = NULL;
    **next = w;
    *next = &w->next;
}

/* Checks first: whoever has changed what was read is found out before anything is written. */
static struct hub_write *group_of(struct hub_tx *tx) {
    struct hub_write *first = NULL, **next = &first;
    HUB_LIST_EACH(&tx->items, it)
    if (item_at(it)->check) append_write(&next, hub_object_write(item_at(it)->check));
    HUB_LIST_EACH(&tx->items, it) {
        struct hub_tx_item *item = item_at(it);
        if (item->write) append_write(&next, hub_object_write(item->write));
        if (item->job && item->changed) append_write(&next, hub_job_draft_write(item->job));
    }
    return first;
}

static enum hub_code prepare_all(struct hub_tx *tx, bool waits, struct hub_err *err) {
    enum hub_code code = HUB_OK;
    HUB_LIST_EACH(&tx->items, it) {
        if (!code) code = prepare_check(tx, item_at(it), err);
        if (!code) code = prepare_write(tx, item_at(it), waits, err);
    }
    return code;
}

static HUB_MUST json_t *record_ops(struct hub_tx *tx) {
    json_t *ops = json_array();
    HUB_LIST_EACH(&tx->items, it) {
        const struct hub_tx_item *item = item_at(it);
        if (item->kind != HUB_TX_RECORD) continue;
        const char *kind = !item->changed ? "check" : item->now ? "write" : "delete";
        json_t *op =
            json_pack("{s:s, s:O, s:I}", "op", kind, "recordId", item->id, "ifVersion", (json_int_t)item->version);
        if (item->changed && item->now) json_object_set(op, "value", item->now);
        json_array_append_new(ops, op);
    }
    return ops;
}

/* ---- without records ---- */

static void on_group(struct hub_write *w) {
    struct commit *c = w->arg;
    hub_write_judge_group(w);
    if (!w->code) {
        tell_all(c);
        return;
    }
    fail_commit(c, w->code);
    end_commit(c);
}

/* Should it turn out to have been carried out, it is told all the same. */
static void on_undecided(struct hub_write *w) {
    answer_commit(w->arg, HUB_STORE_UNDECIDED, NULL, hub_code_text(HUB_STORE_UNDECIDED));
}

static void commit_group(struct commit *c) {
    struct hub_store *store = c->tx->engine->config.store;
    c->with.first->done = on_group;
    c->with.first->undecided = on_undecided;
    c->with.first->arg = c;
    store->ops->write(store, c->with.first);
}

/* ---- with records ---- */

static void on_decided(struct hub_record_with *with, enum hub_code code) {
    struct commit *c = HUB_CONTAINER(with, struct commit, with);
    if (!code)
        tell_all(c);
    else
        end_commit(c);
}

static void on_changed(struct hub_record_with *with, const struct hub_err *err, json_t *data) {
    struct commit *c = HUB_CONTAINER(with, struct commit, with);
    const char *met = json_string_value(json_object_get(data, "recordId"));
    if (!err->code) {
        tell_all(c);
        return;
    }
    if (err->code == HUB_VERSION_CONFLICT && met)
        answer_met(c, met);
    else if (with->first && with->first->failed)
        fail_commit(c, err->code);
    else
        answer_commit(c, err->code, NULL, err->text);
    if (err->code != HUB_STORE_UNDECIDED) end_commit(c);
}

/* ---- begin ---- */

/* What was read at one moment, and not acted upon, needs no check; unless a guard would not hear of a change
 * behind that moment. */
static bool has_nothing_to_do(const struct hub_tx *tx) {
    if (tx->n > 1) return false;
    HUB_LIST_EACH(&tx->items, it)
    if (item_at(it)->changed || item_at(it)->noted_late) return false;
    return true;
}

static bool waits_for_rights(const struct hub_host_call *call) {
    const struct hub_caller *caller = call->caller;
    return !caller || !caller->decides;
}

static void submit_commit(struct commit *c, json_t *ops, struct hub_hub *hub) {
    c->with.first = group_of(c->tx);
    if (hub)
        hub_record_change_with(c->call, hub, json_incref(ops), &c->with);
    else if (c->with.first)
        commit_group(c);
    else
        answer_commit(c, HUB_OK, NULL, NULL), end_commit(c);
}

static void begin_commit(struct commit *c) {
    json_t *ops = record_ops(c->tx);
    struct hub_err err = {.code = HUB_OK};
    struct hub_hub *hub = json_array_size(ops) ? hub_record_hub_of(c->tx->engine, c->call) : NULL;
    if (json_array_size(ops) && !hub)
        c->call = NULL, leave_turn(c); /* it was answered */
    else if (prepare_all(c->tx, waits_for_rights(c->call), &err))
        answer_commit(c, err.code, NULL, err.text);
    if (!c->call)
        end_commit(c);
    else
        submit_commit(c, ops, hub);
    json_decref(ops);
}

void hub_tx_commit(struct hub_tx *tx, struct hub_host_call *call) {
    struct commit *c = hub_xcalloc(1, sizeof *c);
    *c = (struct commit){.tx = tx, .call = call, .with = {.done = on_changed, .decided = on_decided}};
    hub_guard_begins_write(tx->engine, call, c);
    c->turn_key = json_incref(json_array_get(call->args, 2));
    c->turn = json_incref(json_array_get(call->args, 3));
    if (has_nothing_to_do(tx)) {
        answer_commit(c, HUB_OK, NULL, NULL);
        end_commit(c);
    } else {
        begin_commit(c);
    }
}
