/* queues.add, get and cancel in a transaction: jobs that workers see when it is committed. What is read
 * of a job is not held to: its state is its worker's. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/transaction/transaction_int.h"

static struct hub_str text_of(const struct hub_host_call *call, size_t i) {
    return hub_json_str(json_array_get(call->args, i));
}

static void add_job_key(struct hub_buf *b, struct hub_str id) {
    hub_buf_addz(b, HUB_TX_JOB_KEY);
    hub_buf_adds(b, id);
}

/* NULL: the transaction has nothing of the job ID. */
static struct hub_tx_item *item_of(const struct hub_tx *tx, struct hub_str id) {
    struct hub_buf key = {0};
    add_job_key(&key, id);
    struct hub_tx_item *item = hub_tx_find(tx, hub_buf_str(&key));
    hub_buf_free(&key);
    return item && item->job ? item : NULL;
}

/* JOB, as the store has it, as it is in the transaction. */
static void show_cancelled(const struct hub_tx *tx, json_t *job) {
    if (job && item_of(tx, hub_json_get_str(job, "id"))) json_object_set_new(job, "state", json_string("cancelled"));
}

/* ---- add ---- */

/* DRAFT is given away. False: CALL was answered. */
static bool keep_draft(struct hub_tx *tx, struct hub_host_call *call, struct hub_str id, struct hub_job_draft *draft) {
    struct hub_buf key = {0};
    add_job_key(&key, id);
    struct hub_tx_item *item = hub_tx_find(tx, hub_buf_str(&key));
    if (!item) item = hub_tx_add(tx, call, HUB_TX_JOB, hub_buf_str(&key));
    hub_buf_free(&key);
    if (!item) {
        hub_job_draft_drop(draft);
        return false;
    }
    if (item->job) hub_job_draft_drop(item->job); /* cancelled, and gone from the store since */
    item->job = draft;
    item->changed = true;
    return true;
}

static void add_job(struct hub_tx *tx, struct hub_host_call *call) {
    struct hub_job_draft *draft = hub_job_draft_add(tx->engine, call);
    if (!draft) return;
    json_t *job = hub_job_draft_json(draft);
    if (!hub_tx_charge(tx, call, job))
        hub_job_draft_drop(draft);
    else if (keep_draft(tx, call, hub_json_get_str(job, "id"), draft))
        call->done(call, HUB_OK, json_incref(job), NULL);
    json_decref(job);
}

static void on_namesake(void *arg, enum hub_code code, json_t *job, const char *error) {
    struct hub_tx_asking *a = arg;
    show_cancelled(a->tx, job);
    if (code)
        hub_host_fail(a->call, code, error);
    else if (job)
        hub_job_answer_existing(a->call, json_incref(job), text_of(a->call, 0));
    else
        add_job(a->tx, a->call);
    hub_tx_asked(a);
}

void hub_tx_queues_add(void *ctx, struct hub_host_call *call) {
    struct hub_tx *tx = hub_tx_of(call);
    struct hub_str id = hub_json_str(hub_json_get(json_array_get(call->args, 2), "id"));
    const struct hub_tx_item *own = id.n ? item_of(tx, id) : NULL;
    if (own && hub_job_draft_adds(own->job))
        hub_job_answer_existing(call, hub_job_draft_json(own->job), text_of(call, 0));
    else if (hub_str_is_id(id) && hub_queues_served(ctx))
        hub_job_find(ctx, id, on_namesake, hub_tx_ask(call));
    else
        add_job(tx, call);
}

/* ---- get ---- */

static void on_job(void *arg, enum hub_code code, json_t *job, const char *error) {
    struct hub_tx_asking *a = arg;
    show_cancelled(a->tx, job);
    if (code)
        hub_host_fail(a->call, code, error);
    else
        a->call->done(a->call, HUB_OK, json_incref(job), NULL);
    hub_tx_asked(a);
}

void hub_tx_queues_get(void *ctx, struct hub_host_call *call) {
    struct hub_str id = text_of(call, 0);
    const struct hub_tx_item *own = item_of(hub_tx_of(call), id);
    if (!hub_str_is_id(id))
        hub_host_fail(call, HUB_BAD_REQUEST, "queues.get(id): expected the id of a job");
    else if (own && hub_job_draft_adds(own->job))
        call->done(call, HUB_OK, hub_job_draft_json(own->job), NULL);
    else if (!hub_queues_served(ctx))
        call->done(call, HUB_OK, NULL, NULL);
    else
        hub_job_find(ctx, id, on_job, hub_tx_ask(call));
}

/* ---- cancel ---- */

static void on_cancellable(void *arg, enum hub_code code, json_t *job, const char *error) {
    struct hub_tx_asking *a = arg;
    struct hub_job_draft *draft = NULL;
    if (code)
        hub_host_fail(a->call, code, error);
    else if (!job || hub_job_is_over(job))
        a->call->done(a->call, HUB_OK, json_false(), NULL);
    else
        draft = hub_job_draft_cancel(a->tx->engine, a->call);
    if (draft && keep_draft(a->tx, a->call, text_of(a->call, 0), draft))
        a->call->done(a->call, HUB_OK, json_true(), NULL);
    hub_tx_asked(a);
}

/* One that the transaction has added is simply not added. */
static void take_back(struct hub_tx_item *own, struct hub_host_call *call) {
    bool adds = hub_job_draft_adds(own->job);
    if (adds) {
        hub_job_draft_drop(own->job);
        own->job = NULL;
        own->changed = false;
    }
    call->done(call, HUB_OK, json_boolean(adds), NULL);
}

void hub_tx_queues_cancel(void *ctx, struct hub_host_call *call) {
    struct hub_str id = text_of(call, 0);
    struct hub_tx_item *own = item_of(hub_tx_of(call), id);
    if (!hub_str_is_id(id))
        hub_host_fail(call, HUB_BAD_REQUEST, "queues.cancel(id): expected the id of a job");
    else if (own)
        take_back(own, call);
    else if (!hub_queues_served(ctx))
        call->done(call, HUB_OK, json_false(), NULL);
    else
        hub_job_find(ctx, id, on_cancellable, hub_tx_ask(call));
}
