/* objects.* in a transaction: rows are read once, and then are what the transaction has made of them. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/transaction/transaction_int.h"

static const char *id_name(const struct hub_table *t) { return t->columns[t->id].property; }

static HUB_MUST json_t *row_of(const struct hub_tx_item *item) { return json_incref(item->now); }

/* ---- reading ---- */

static void add_row_key(struct hub_buf *b, const struct hub_table *t, const json_t *id) {
    hub_buf_addf(b, "%s/", t->name);
    if (json_is_string(id))
        hub_buf_adds(b, hub_json_str(id));
    else
        hub_json_add(b, id);
}

static void on_row(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_tx_asking *a = arg;
    struct hub_tx_item *item = NULL;
    if (code && code != HUB_NOT_FOUND)
        hub_host_fail(a->call, code, error);
    else if (hub_tx_charge(a->tx, a->call, result))
        item = hub_tx_add(a->tx, a->call, HUB_TX_ROW, hub_buf_str(&a->key));
    if (item) {
        item->table = a->table;
        item->id = json_incref(a->id);
        item->was = json_incref(result);
        item->now = json_incref(result);
        item->noted_late = hub_guard_finds_row(a->tx->engine, a, a->table, a->id, result);
        a->then(a->tx, item, a->call);
    }
    hub_tx_asked(a);
}

/* THEN comes with the row ID (given away) of T, or the call is answered: nil, when none can have that id. */
static void with_row(struct hub_host_call *call, const struct hub_table *t, json_t *id,
                     void (*then)(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call)) {
    struct hub_tx *tx = hub_tx_of(call);
    struct hub_buf key = {0};
    if (!id) {
        call->done(call, HUB_OK, NULL, NULL);
        return;
    }
    add_row_key(&key, t, id);
    struct hub_tx_item *item = hub_tx_find(tx, hub_buf_str(&key));
    if (item) {
        json_decref(id);
        hub_buf_free(&key);
        then(tx, item, call);
        return;
    }
    struct hub_tx_asking *a = hub_tx_ask(call);
    a->then = then;
    a->table = t;
    a->id = id;
    a->key = key;
    hub_object_find(&tx->engine->data, t, id, on_row, a);
}

static void answer_row(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call) {
    (void)tx;
    call->done(call, HUB_OK, row_of(item), NULL);
}

void hub_tx_objects_find(void *ctx, struct hub_host_call *call) {
    const struct hub_table *t = hub_host_table(ctx, call);
    if (t) hub_guard_reads_row(call, t, hub_host_arg(call, 1));
    if (t) with_row(call, t, hub_row_id(t, hub_host_arg(call, 1)), answer_row);
}

/* ---- lists ---- */

static void on_list(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_tx_asking *a = arg;
    struct hub_tx_item *item = NULL;
    hub_buf_addf(&a->key, "%s?%zu", a->table->name, a->tx->n);
    if (code)
        hub_host_fail(a->call, code, error);
    else if (hub_tx_charge(a->tx, a->call, result))
        item = hub_tx_add(a->tx, a->call, HUB_TX_LIST, hub_buf_str(&a->key));
    if (item) {
        item->table = a->table;
        item->where = json_incref(a->where);
        item->options = json_incref(a->options);
        item->was = json_incref(result);
        a->call->done(a->call, HUB_OK, json_incref(result), NULL);
    }
    hub_tx_asked(a);
}

/* The store knows nothing yet of what the transaction has changed. */
static bool has_changed(const struct hub_tx *tx, const struct hub_table *t) {
    HUB_LIST_EACH(&tx->items, it) {
        const struct hub_tx_item *item = HUB_CONTAINER(it, struct hub_tx_item, link);
        if (item->kind == HUB_TX_ROW && item->table == t && item->changed) return true;
    }
    return false;
}

void hub_tx_objects_list(void *ctx, struct hub_host_call *call) {
    const struct hub_table *t = hub_host_table(ctx, call);
    if (!t) return;
    if (has_changed(hub_tx_of(call), t)) {
        hub_host_fail(call, HUB_BAD_REQUEST,
                      "objects.list: the transaction has changed rows of this object already; list them before");
        return;
    }
    struct hub_tx_asking *a = hub_tx_ask(call);
    a->table = t;
    a->where = json_incref(hub_host_arg(call, 1));
    a->options = json_incref(hub_host_arg(call, 2));
    hub_guard_reads_rows(call, t, a->where);
    hub_object_list(&a->tx->engine->data, t, a->where, a->options, on_list, a);
}

/* ---- changing ---- */

static void put_row(struct hub_tx_item *item, json_t *row) {
    json_decref(item->now);
    item->now = row;
    item->changed = true;
}

/* What V, a row or changes of one, is in the table: by properties, with defaults and ids of a new row. NULL:
 * CALL was answered. */
static HUB_MUST json_t *typed_row(struct hub_host_call *call, const struct hub_table *t, const json_t *v,
                                  enum hub_row_use use) {
    struct hub_buf text = {0};
    struct hub_err err = {.code = HUB_BAD_REQUEST, .text = "expected an object with the properties of the row"};
    struct hub_cell *cells = hub_xcalloc(t->column_n, sizeof *cells);
    bool fits = json_is_object(v) && !hub_row_from_json(t, v, use, cells, &text, &err);
    json_t *row = fits ? hub_row_json(t, cells) : NULL;
    if (!fits) hub_host_fail(call, err.code, err.text);
    hub_buf_free(&text);
    free(cells);
    return row;
}

static void fail_taken(const struct hub_table *t, struct hub_host_call *call) {
    char text[256];
    hub_object_say_taken(t, false, text, sizeof text);
    hub_host_fail(call, HUB_CONFLICT, text);
}

/* Of a row that is there to be created; it stays with CALL, whose second argument it becomes. */
static void create_row(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call) {
    json_t *row = hub_host_arg(call, 1);
    if (item->now)
        fail_taken(item->table, call);
    else if (item->was)
        hub_host_fail(call, HUB_BAD_REQUEST, "objects.create: the transaction has deleted the row with this id");
    else if (hub_tx_charge(tx, call, row)) {
        put_row(item, json_incref(row));
        call->done(call, HUB_OK, row_of(item), NULL);
    }
}

static void create_fresh(struct hub_host_call *call, const struct hub_table *t, const json_t *id) {
    struct hub_tx *tx = hub_tx_of(call);
    struct hub_buf key = {0};
    add_row_key(&key, t, id);
    if (!id) hub_buf_addf(&key, "?%zu", tx->n);
    struct hub_tx_item *item = hub_tx_add(tx, call, HUB_TX_ROW, hub_buf_str(&key));
    hub_buf_free(&key);
    if (!item) return;
    item->table = t;
    item->id = json_incref((json_t *)(uintptr_t)id);
    item->fresh = true;
    create_row(tx, item, call);
}

void hub_tx_objects_create(void *ctx, struct hub_host_call *call) {
    const struct hub_table *t = hub_host_table(ctx, call);
    json_t *row = t ? typed_row(call, t, hub_host_arg(call, 1), HUB_ROW_CREATE) : NULL;
    if (!row) return;
    const json_t *id = t->id == HUB_NO_ID ? NULL : json_object_get(row, id_name(t));
    bool given = id && !hub_json_nil(hub_json_get(hub_host_arg(call, 1), id_name(t)));
    json_array_set_new(call->args, 1, row);
    if (given)
        with_row(call, t, hub_row_id(t, id), create_row);
    else
        create_fresh(call, t, id);
}

bool hub_tx_becomes_inactive(const struct hub_table *t, const json_t *changes) {
    return t->active >= 0 && json_is_false(json_object_get(changes, t->columns[t->active].property));
}

static void change_row(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call) {
    const struct hub_table *t = item->table;
    if (!item->now) {
        call->done(call, HUB_OK, NULL, NULL);
        return;
    }
    json_t *changes = typed_row(call, t, hub_host_arg(call, 2), HUB_ROW_CHANGE);
    if (!changes || !hub_tx_charge(tx, call, changes)) {
        json_decref(changes);
        return;
    }
    json_t *row = json_copy(item->now);
    json_object_update(row, changes);
    if (!item->changes) item->changes = json_object();
    json_object_update(item->changes, changes);
    bool gone = hub_tx_becomes_inactive(t, changes);
    json_decref(changes);
    put_row(item, gone ? NULL : json_incref(row));
    call->done(call, HUB_OK, row, NULL);
}

static void update_row(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call) {
    char text[200];
    snprintf(text, sizeof text, "\"%s\" is the id of a row of %s and cannot be changed", id_name(item->table),
             item->table->name);
    if (item->now && json_object_get(hub_host_arg(call, 2), id_name(item->table)))
        hub_host_fail(call, HUB_INVALID_CONTENT, text);
    else
        change_row(tx, item, call);
}

void hub_tx_objects_update(void *ctx, struct hub_host_call *call) {
    const struct hub_table *t = hub_host_table(ctx, call);
    if (t) with_row(call, t, hub_row_id(t, hub_host_arg(call, 1)), update_row);
}

static void delete_row(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call) {
    json_t *row = row_of(item);
    (void)tx;
    if (row) put_row(item, NULL);
    call->done(call, HUB_OK, row, NULL);
}

void hub_tx_objects_delete(void *ctx, struct hub_host_call *call) {
    const struct hub_table *t = hub_host_table(ctx, call);
    if (t) with_row(call, t, hub_row_id(t, hub_host_arg(call, 1)), delete_row);
}
