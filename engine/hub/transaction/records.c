/* records.* in a transaction: records are read once, and then are what the transaction has made of them. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/transaction/transaction_int.h"

/* ---- reading ---- */

static void on_record(void *arg, enum hub_code code, int64_t version, json_t *value, const char *otherwise) {
    struct hub_tx_asking *a = arg;
    struct hub_tx_item *item = NULL;
    if (code)
        hub_host_fail(a->call, code, NULL);
    else if (hub_tx_charge(a->tx, a->call, value))
        item = hub_tx_add(a->tx, a->call, HUB_TX_RECORD, hub_buf_str(&a->key));
    if (item) {
        item->id = json_incref(a->id);
        item->version = version;
        item->was = json_incref(value);
        item->now = json_incref(value);
        item->otherwise = otherwise;
        a->then(a->tx, item, a->call);
    }
    hub_tx_asked(a);
}

/* What another node has in memory changes under its locks alone. */
static bool are_elsewhere(const struct hub_engine *e) {
    return e->slot_is_elsewhere && e->slot_is_elsewhere(e, &hub_records_part, hub_str(NULL, 0));
}

static bool is_named(struct hub_engine *e, const struct hub_host_call *call) {
    return e->config.tables->record && !are_elsewhere(e) && hub_id_ok(hub_host_text(call, 0));
}

static void refuse_name(struct hub_engine *e, struct hub_host_call *call) {
    if (are_elsewhere(e))
        hub_host_fail(call, HUB_BAD_REQUEST, "records of another node cannot be changed in db.transaction");
    else if (e->config.tables->record)
        hub_host_fail(call, HUB_BAD_REQUEST, "records: the id is " HUB_ID_EXPECTED);
    else
        hub_host_fail(call, HUB_FEATURE_DISABLED, "no hub or namespace of the service declares records");
}

/* THEN comes with the record that is the first argument, or CALL is answered. */
static void with_record(struct hub_engine *e, struct hub_host_call *call,
                        void (*then)(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call)) {
    struct hub_tx *tx = hub_tx_of(call);
    struct hub_str id = hub_host_text(call, 0);
    struct hub_buf key = {0};
    if (!is_named(e, call)) {
        refuse_name(e, call);
        return;
    }
    hub_buf_addz(&key, HUB_TX_RECORD_KEY);
    hub_buf_adds(&key, id);
    struct hub_tx_item *item = hub_tx_find(tx, hub_buf_str(&key));
    if (item) {
        hub_buf_free(&key);
        then(tx, item, call);
        return;
    }
    struct hub_tx_asking *a = hub_tx_ask(call);
    a->then = then;
    a->id = json_incref(hub_host_arg(call, 0));
    a->key = key;
    hub_record_get_one(e, id, on_record, a);
}

static void answer_record(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call) {
    (void)tx;
    call->done(call, HUB_OK,
               json_pack("{s:O, s:I, s:O}", "recordId", item->id, "version", (json_int_t)item->version, "value",
                         item->now ? item->now : json_null()),
               NULL);
}

/* Noted each time: the first to read it may have been one that changes it. */
void hub_tx_records_get(void *ctx, struct hub_host_call *call) {
    if (is_named(ctx, call)) hub_record_note_get(ctx, call, hub_host_text(call, 0));
    with_record(ctx, call, answer_record);
}

/* ---- changing ---- */

/* As with_record. The script may be over when THEN comes, and with it the caller, but not the hub. */
static void change_record(struct hub_engine *e, struct hub_host_call *call,
                          void (*then)(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call)) {
    struct hub_tx *tx = hub_tx_of(call);
    if (!tx->hub) {
        tx->hub = hub_record_hub_of(e, call);
        if (!tx->hub) return; /* answered */
        tx->hub->kept++;
    }
    with_record(e, call, then);
}

static bool is_same(const json_t *a, const json_t *b) { return a && b ? json_equal(a, b) : a == b; }

/* As outside: what it will be, if it is committed. */
static void answer_change(struct hub_tx_item *item, struct hub_host_call *call, bool changed) {
    int64_t version = item->version + !is_same(item->was, item->now);
    call->done(call, HUB_OK, json_pack("{s:I, s:b}", "version", (json_int_t)version, "changed", changed), NULL);
}

static void refuse_record(const struct hub_tx_item *item, struct hub_host_call *call) {
    char text[400];
    snprintf(text, sizeof text, "the record \"%.*s\" cannot be changed in db.transaction: %s",
             HUB_FMT(hub_json_str(item->id)), item->otherwise);
    hub_host_fail(call, HUB_BAD_REQUEST, text);
}

/* OP is given away. */
static void apply_op(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call, json_t *op) {
    struct hub_err err;
    json_t *value = NULL;
    const struct hub_hub *hub = item->otherwise ? NULL : tx->hub;
    if (item->otherwise) refuse_record(item, call);
    enum hub_code code = hub ? hub_record_apply(hub, op, item->version, item->now, &value, &err) : HUB_OK;
    if (code) hub_host_fail(call, code, err.text);
    if (hub && !code && hub_tx_charge(tx, call, value)) {
        bool changed = !is_same(item->now, value);
        json_decref(item->now);
        item->now = json_incref(value);
        item->changed = true;
        answer_change(item, call, changed);
    }
    json_decref(value);
    json_decref(op);
}

static HUB_MUST json_t *op_of(const struct hub_host_call *call, const char *kind, const char *value_key) {
    json_t *op = json_object(), *options = hub_host_arg(call, value_key ? 2 : 1);
    if (json_is_object(options)) json_object_update(op, options);
    json_object_set_new(op, "op", json_string(kind));
    json_object_set(op, "recordId", hub_host_arg(call, 0));
    if (value_key) json_object_set(op, value_key, hub_host_arg(call, 1));
    return op;
}

static void write_record(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call) {
    apply_op(tx, item, call, op_of(call, "write", "value"));
}
static void patch_record(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call) {
    apply_op(tx, item, call, op_of(call, "patch", "patch"));
}
static void delete_record(struct hub_tx *tx, struct hub_tx_item *item, struct hub_host_call *call) {
    apply_op(tx, item, call, op_of(call, "delete", NULL));
}

void hub_tx_records_write(void *ctx, struct hub_host_call *call) { change_record(ctx, call, write_record); }
void hub_tx_records_patch(void *ctx, struct hub_host_call *call) { change_record(ctx, call, patch_record); }
void hub_tx_records_delete(void *ctx, struct hub_host_call *call) { change_record(ctx, call, delete_record); }
