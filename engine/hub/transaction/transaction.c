/* The part: a transaction's life, and what a script may call in it. */
#include "hub/transaction/transaction.h"

#include <stdlib.h>

#include "hub/transaction/transaction_int.h"

/* ---- life ---- */

struct hub_tx *hub_tx_of(const struct hub_host_call *call) {
    return HUB_CONTAINER(*call->tx, struct hub_tx, pub);
}

struct hub_tx *hub_tx_ref(struct hub_tx *tx) {
    return tx->refs++, tx;
}

static void free_item(struct hub_tx_item *item) {
    hub_list_remove(&item->link);
    json_decref(item->id);
    json_decref(item->was);
    json_decref(item->now);
    json_decref(item->changes);
    json_decref(item->where);
    json_decref(item->options);
    if (item->job) hub_job_draft_drop(item->job);
    if (item->check) hub_object_drop(item->check);
    if (item->write) hub_object_drop(item->write);
    free(item->key);
    free(item);
}

void hub_tx_unref(struct hub_tx *tx) {
    if (--tx->refs) return;
    while (!hub_list_empty(&tx->items)) free_item(HUB_CONTAINER(tx->items.next, struct hub_tx_item, link));
    hub_map_clear(&tx->by_key);
    if (tx->hub) tx->hub->kept--;
    hub_unhold(&tx->hold);
    free(tx);
}

static void drop_transaction(struct hub_host_tx *pub) { hub_tx_unref(HUB_CONTAINER(pub, struct hub_tx, pub)); }

static void begin_transaction(struct hub_engine *e, struct hub_host_call *call) {
    if (*call->tx) {
        hub_host_fail(call, HUB_BAD_REQUEST, "db.transaction cannot be called inside another one");
        return;
    }
    struct hub_tx *tx = hub_xcalloc(1, sizeof *tx);
    *tx = (struct hub_tx){.pub.drop = drop_transaction, .engine = e, .refs = 1};
    hub_list_init(&tx->items);
    hub_hold(&e->holds, &tx->hold, "transaction of a script");
    *call->tx = &tx->pub;
    call->done(call, HUB_OK, NULL, NULL);
}

/* ---- what it knows ---- */

struct hub_tx_item *hub_tx_find(const struct hub_tx *tx, struct hub_str key) {
    return hub_map_get(&tx->by_key, key);
}

struct hub_tx_item *hub_tx_add(struct hub_tx *tx, struct hub_host_call *call, enum hub_tx_kind kind,
                               struct hub_str key) {
    if (tx->n == HUB_TX_ITEMS) {
        hub_host_fail(call, HUB_TOO_MANY, "db.transaction: at most 200 rows, lists, records and jobs in one");
        return NULL;
    }
    struct hub_tx_item *item = hub_xcalloc(1, sizeof *item);
    *item = (struct hub_tx_item){.kind = kind, .key = hub_str_dup(key)};
    hub_list_push(&tx->items, &item->link);
    hub_map_put(&tx->by_key, key, item);
    tx->n++;
    return item;
}

bool hub_tx_charge(struct hub_tx *tx, struct hub_host_call *call, const json_t *value) {
    tx->bytes += value ? hub_json_cost(value) : 0;
    if (tx->bytes <= HUB_TX_BYTES) return true;
    hub_host_fail(call, HUB_TOO_LARGE, "db.transaction: at most 8 MiB of values in one");
    return false;
}

struct hub_tx_asking *hub_tx_ask(struct hub_host_call *call) {
    struct hub_tx_asking *a = hub_xcalloc(1, sizeof *a);
    *a = (struct hub_tx_asking){.tx = hub_tx_ref(hub_tx_of(call)), .call = call};
    hub_guard_begins_write(a->tx->engine, call, a);
    return a;
}

void hub_tx_asked(struct hub_tx_asking *a) {
    hub_guard_ends_write(a->tx->engine, a);
    hub_tx_unref(a->tx);
    json_decref(a->id);
    json_decref(a->where);
    json_decref(a->options);
    hub_buf_free(&a->key);
    free(a);
}

/* ---- db.transaction ---- */

/* (step, nil, key, number): of whoever has a turn, that ends with the answer. */
static void end_turn(struct hub_engine *e, json_t *args) {
    const json_t *number = json_array_get(args, 3);
    if (json_is_integer(number)) hub_record_turn_ended(e, hub_json_str(json_array_get(args, 2)), number);
}

/* The function itself is Lua (scripting/host/transaction.c), and asks for its steps by name. */
static void host_transaction(void *ctx, struct hub_host_call *call) {
    struct hub_str step = hub_json_str(json_array_get(call->args, 0)),
                   key = hub_json_str(json_array_get(call->args, 2));
    struct hub_host_tx *pub = *call->tx;
    if (hub_str_is(step, "begin")) {
        begin_transaction(ctx, call);
        return;
    }
    if (hub_str_is(step, "turn")) {
        hub_record_turn_wanted(ctx, key, call);
        return;
    }
    *call->tx = NULL;
    if (hub_str_is(step, "commit")) {
        hub_tx_commit(HUB_CONTAINER(pub, struct hub_tx, pub), call);
        return;
    }
    if (pub) pub->drop(pub);
    end_turn(ctx, call->args);
    if (hub_str_is(step, "give up"))
        hub_host_fail(call, HUB_VERSION_CONFLICT, "db.transaction: others were faster 100 times");
    else
        call->done(call, HUB_OK, NULL, NULL);
}

static const struct hub_host_fn host_fns[] = {{"db", "transaction", host_transaction}, {NULL, NULL, NULL}};

/* Everything else has effects that cannot be taken back, or waits for others: it comes after the commit. */
static const struct hub_host_fn within_fns[] = {
    {"db", "transaction", host_transaction},      {"objects", "find", hub_tx_objects_find},
    {"objects", "list", hub_tx_objects_list},     {"objects", "create", hub_tx_objects_create},
    {"objects", "update", hub_tx_objects_update}, {"objects", "delete", hub_tx_objects_delete},
    {"records", "get", hub_tx_records_get},       {"records", "write", hub_tx_records_write},
    {"records", "patch", hub_tx_records_patch},   {"records", "delete", hub_tx_records_delete},
    {"queues", "add", hub_tx_queues_add},         {"queues", "get", hub_tx_queues_get},
    {"queues", "cancel", hub_tx_queues_cancel},   {NULL, NULL, NULL},
};

const struct hub_part hub_transactions_part = {
    .name = "transactions",
    .help = "Rows, records and jobs that scripts change together.",
    .host = host_fns,
    .host_within = within_fns,
};
