/* One job: carried out by its queue's script, and what became of it written under the lease that it was
 * taken with. */
#include "base/text/utf8.h"
#include "hub/queue/queue_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/telemetry/log.h"

#define METRIC(NAME, HELP, q) \
    hub_metric_add(hub_metric_labelled(NAME, HELP, HUB_COUNTER, "queue", hub_cstr((q)->name)), 1)

/* What is written when an attempt has ended; carried out again until the store has said something. */
struct ending {
    struct hub_write w;
    struct hub_cell cells[HUB_JOB_COLUMNS];
    struct hub_cond where[3];
    struct hub_buf id, text; /* of the cells */
    struct hub_queue *queue;
    enum hub_job_state state; /* that the job has afterwards */
    int64_t due, place;       /* of one that comes again */
    struct hub_hold hold;
    struct hub_retry retry;
};

/* ---- a job that was taken ---- */

static int64_t cell_number(const struct hub_cell *c) {
    return c->kind == HUB_CELL_INT || c->kind == HUB_CELL_BOOL ? c->i : 0;
}

static void copy_text(struct hub_buf *b, const struct hub_cell *c) {
    if (c->kind == HUB_CELL_TEXT) hub_buf_adds(b, c->s);
}

/* Behind those that come before it. */
static void put_in_hand(struct hub_queue *q, struct hub_job_run *run) {
    struct hub_list *at = q->hand.prev;
    while (at != &q->hand && HUB_CONTAINER(at, struct hub_job_run, link)->place > run->place) at = at->prev;
    hub_list_push_front(at, &run->link);
    q->in_hand++;
}

/* One eighth of what is usual comes from the last one. */
static int64_t moving_average(int64_t before, int64_t last) { return before < 0 ? last : before + (last - before) / 8; }

void hub_job_keep(struct hub_queue *q, const struct hub_table *table, const struct hub_cell *row) {
    struct hub_job_run *run = hub_xcalloc(1, sizeof *run);
    *run = (struct hub_job_run){.queue = q,
                                .def = q->def,
                                .table = table,
                                .attempt = cell_number(&row[HUB_JOB_ATTEMPTS]),
                                .max_attempts = cell_number(&row[HUB_JOB_MAX_ATTEMPTS]),
                                .lease = cell_number(&row[HUB_JOB_LEASE]),
                                .leased_until = cell_number(&row[HUB_JOB_WAKE]),
                                .since = hub_loop_now(q->all->engine->config.loop),
                                .priority = cell_number(&row[HUB_JOB_PRIORITY]),
                                .place = cell_number(&row[HUB_JOB_PLACE]),
                                .due = cell_number(&row[HUB_JOB_DUE]),
                                .repeat_ms = cell_number(&row[HUB_JOB_REPEAT])};
    copy_text(&run->id, &row[HUB_JOB_ID]);
    copy_text(&run->data, &row[HUB_JOB_DATA]);
    copy_text(&run->cron, &row[HUB_JOB_CRON]);
    q->usual_bytes = moving_average(q->usual_bytes, (int64_t)run->data.n);
    put_in_hand(q, run);
    hub_hold(&q->all->engine->holds, &run->hold, "job");
}

static void run_free(struct hub_job_run *run) {
    hub_list_remove(&run->link);
    if (run->begun)
        run->queue->running--;
    else
        run->queue->in_hand--;
    hub_unhold(&run->hold);
    hub_buf_free(&run->id);
    hub_buf_free(&run->data);
    hub_buf_free(&run->cron);
    free(run);
}

/* ---- writing what became of it ---- */

static void ending_free(struct ending *x) {
    hub_unhold(&x->hold);
    hub_buf_free(&x->id);
    hub_buf_free(&x->text);
    free(x);
}

static void ending_told(const struct ending *x) {
    struct hub_queue *q = x->queue;
    bool comes_again = x->state == HUB_JOB_WAITING || x->state == HUB_JOB_DELAYED;
    if (comes_again) hub_queue_waiting(q, 1);
    if (comes_again) hub_queue_stir(q, x->due, x->place);
    if (!comes_again && x->w.kind == HUB_UPDATE) hub_queue_kept_one(q, x->state);
}

static void ending_submit(struct ending *x) {
    struct hub_store *store = x->queue->all->engine->config.store;
    store->ops->write(store, &x->w);
}

static void on_again(struct hub_retry *r, bool give_up) {
    struct ending *x = HUB_CONTAINER(r, struct ending, retry);
    if (give_up)
        ending_free(x); /* the job comes back after its lease */
    else
        ending_submit(x);
}

/* Not found: somebody has cancelled the job, or taken it after the lease was over. */
static void on_ended(struct hub_write *w) {
    struct ending *x = w->arg;
    struct hub_queue *q = x->queue;
    enum hub_code code = w->code == HUB_STORE_UNDECIDED ? HUB_STORE_UNAVAILABLE : w->code;
    hub_queue_was_changed(q);
    if (code && hub_retry_anyway(&q->all->engine->retries, &x->retry, code)) return;
    if (code == HUB_NOT_FOUND)
        METRIC("hubd_jobs_dropped_total",
               "Attempts whose end did not count, for the job was cancelled or taken by another worker", q);
    else if (code)
        hub_log_kv(HUB_LOG_WARN, "queue", "the end of a job could not be written; it is carried out again", "queue",
                   q->name, "job", hub_buf_cstr(&x->id), "error", w->error, NULL);
    else
        ending_told(x);
    ending_free(x);
}

static HUB_MUST struct ending *ending_new(const struct hub_job_run *run, enum hub_job_state state) {
    struct ending *x = hub_xcalloc(1, sizeof *x);
    *x = (struct ending){
        .queue = run->queue, .state = state, .due = run->due, .place = run->place, .retry.again = on_again};
    hub_buf_adds(&x->id, hub_buf_str(&run->id));
    x->where[0] = (struct hub_cond){.column = HUB_JOB_ID, .value = hub_cell_text(hub_buf_str(&x->id))};
    x->where[1] = (struct hub_cond){.column = HUB_JOB_LEASE, .value = hub_cell_int(run->lease)};
    x->where[2] = (struct hub_cond){.column = HUB_JOB_STATE, .value = hub_job_state_cell(HUB_JOB_RUNNING)};
    x->w = (struct hub_write){.table = run->table,
                              .kind = HUB_UPDATE,
                              .cells = x->cells,
                              .where = x->where,
                              .where_n = HUB_NELEM(x->where),
                              .done = on_ended,
                              .arg = x};
    x->cells[HUB_JOB_STATE] = hub_job_state_cell(state);
    x->cells[HUB_JOB_WAKE].kind = HUB_CELL_NULL;
    return x;
}

/* The run is over, and its place is free. */
static void ending_write(struct ending *x, struct hub_job_run *run) {
    hub_hold(&run->queue->all->engine->holds, &x->hold, "job's end");
    hub_queue_turn(run->queue); /* before the write: the next take goes into the same transaction */
    run_free(run);
    ending_submit(x);
}

static void ending_set_result(struct ending *x, struct hub_str json) {
    hub_buf_clear(&x->text);
    hub_buf_adds(&x->text, json);
    x->cells[HUB_JOB_RESULT] = hub_cell_text(hub_buf_str(&x->text));
}

/* Scripts raise any bytes; a store of texts takes none that are no text, and the job would never end. */
static void ending_set_error(struct ending *x, const char *error) {
    hub_buf_clear(&x->text);
    hub_buf_add_valid(&x->text, hub_cstr(error));
    x->cells[HUB_JOB_ERROR] = hub_cell_text(hub_utf8_cut(hub_buf_str(&x->text), HUB_JOB_ERROR_MAX));
}

/* It is over; KEEP says how many of its state stay. */
static void ending_set_over(struct ending *x, const struct hub_job_run *run) {
    const struct hub_def_queue *def = run->queue->def ? run->queue->def : run->def;
    x->cells[HUB_JOB_FINISHED_AT] = hub_cell_int(hub_job_wall(run->queue->all));
    if (x->state == HUB_JOB_DONE ? !def->keep_done : !def->keep_failed) x->w.kind = HUB_DELETE;
}

/* It comes again at DUE; attempts count on, or anew with a repetition. */
static void ending_set_again(struct ending *x, const struct hub_job_run *run, int64_t due) {
    hub_job_set_due(run->queue->all, x->cells, run->priority, due);
    x->state = due > hub_job_wall(run->queue->all) ? HUB_JOB_DELAYED : HUB_JOB_WAITING;
    x->due = due;
    x->place = x->cells[HUB_JOB_PLACE].i;
}

static void end_done(struct hub_job_run *run, struct hub_str result) {
    struct ending *x = ending_new(run, HUB_JOB_DONE);
    int64_t next = hub_job_next(run, hub_job_wall(run->queue->all));
    METRIC("hubd_jobs_done_total", "Jobs that were carried out", run->queue);
    ending_set_result(x, result);
    x->cells[HUB_JOB_ERROR].kind = HUB_CELL_NULL;
    if (next) {
        ending_set_again(x, run, next);
        x->cells[HUB_JOB_ATTEMPTS] = hub_cell_int(0);
    } else
        ending_set_over(x, run);
    ending_write(x, run);
}

/* A repeated job that has failed for good is tried again at its next time. */
static void end_failed(struct hub_job_run *run, const char *error) {
    struct ending *x = ending_new(run, HUB_JOB_FAILED);
    int64_t now = hub_job_wall(run->queue->all), next = hub_job_next(run, now);
    bool for_good = run->attempt >= run->max_attempts;
    METRIC("hubd_jobs_attempts_failed_total", "Attempts that failed", run->queue);
    ending_set_error(x, error);
    if (for_good) METRIC("hubd_jobs_failed_total", "Jobs that failed, after all their attempts", run->queue);
    if (!for_good || next) {
        ending_set_again(x, run, for_good ? next : now + hub_job_backoff(run->def, run->attempt));
        if (for_good)
            x->cells[HUB_JOB_ATTEMPTS] = hub_cell_int(0);
        else
            x->cells[HUB_JOB_DUE].kind = HUB_CELL_ABSENT; /* repetitions count from it */
    } else
        ending_set_over(x, run);
    ending_write(x, run);
}

void hub_job_give_back(struct hub_job_run *run) {
    if (run->given_back) return;
    struct ending *x = ending_new(run, HUB_JOB_WAITING);
    x->cells[HUB_JOB_READY] = hub_cell_bool(true);
    x->cells[HUB_JOB_ATTEMPTS] = hub_cell_int(run->attempt - 1);
    hub_hold(&run->queue->all->engine->holds, &x->hold, "job's end");
    run->given_back = true;
    if (!run->begun) run_free(run);
    ending_submit(x);
}

static struct hub_job_run *find_in_hand(const struct hub_queue *q, struct hub_str id) {
    HUB_LIST_EACH(&q->hand, l) {
        struct hub_job_run *run = HUB_CONTAINER(l, struct hub_job_run, link);
        if (hub_str_eq(hub_buf_str(&run->id), id)) return run;
    }
    return NULL;
}

void hub_job_withhold(const struct hub_queues *all, struct hub_str id) {
    void *value;
    for (void *it = NULL; (it = hub_map_next(&all->by_name, it, NULL, &value));) {
        struct hub_job_run *run = find_in_hand(value, id);
        if (run) run_free(run);
    }
}

/* ---- what runs here is nobody else's ---- */

static void on_renewed(struct hub_write *w) { ending_free(w->arg); /* else others take it: at least once */ }

static void renew_lease(struct hub_job_run *run, int64_t left) {
    struct ending *x = ending_new(run, HUB_JOB_RUNNING);
    run->leased_until = hub_job_wall(run->queue->all) + left;
    x->cells[HUB_JOB_WAKE] = hub_cell_int(run->leased_until);
    x->w.done = on_renewed;
    hub_hold(&run->queue->all->engine->holds, &x->hold, "job's lease");
    ending_submit(x);
}

/* The wall clock may have been set; the loop's tells when an attempt is over at the latest. */
void hub_jobs_renew(struct hub_queue *q) {
    int64_t now = hub_loop_now_exact(q->all->engine->config.loop), wall = hub_job_wall(q->all);
    HUB_LIST_EACH(&q->runs, l) {
        struct hub_job_run *run = HUB_CONTAINER(l, struct hub_job_run, link);
        int64_t left = run->since + run->def->timeout_ms + HUB_JOB_GRACE_MS - now;
        if (run->leased_until <= wall && left > 0 && !run->given_back) renew_lease(run, left);
    }
}

/* ---- the script ---- */

static void end_returned(struct hub_job_run *run, const json_t *result) {
    struct hub_buf json = {0};
    hub_json_add(&json, result ? result : json_null());
    if (json.n > HUB_JOB_DATA_MAX)
        end_failed(run, "what the script returned is larger than 262144 bytes as JSON");
    else
        end_done(run, hub_buf_str(&json));
    hub_buf_free(&json);
}

static void hook_failed(const struct hub_job_run *run, enum hub_code code, const char *error) {
    const struct hub_script *script = &run->def->script;
    hub_metric_add(hub_metric_labelled("hubd_hook_failures_total", "Failed hooks by place in the definition",
                                       HUB_COUNTER, "hook", hub_cstr(script->path)),
                   1);
    hub_log_kv(HUB_LOG_WARN, "queue", "job failed", "queue", run->queue->name, "hook", script->path, "code",
               hub_code_name(code), "error", error, NULL);
}

static void note_time(const struct hub_job_run *run) {
    int64_t ms = hub_loop_now_exact(run->queue->all->engine->config.loop) - run->since;
    run->queue->usual_us = moving_average(run->queue->usual_us, ms * 1000);
}

static void on_ran(void *arg, const struct hub_hook_outcome *o) {
    struct hub_job_run *run = arg;
    struct hub_str message = hub_json_get_str(o->thrown, "message");
    if (run->given_back) {
        run_free(run);
        return;
    }
    note_time(run);
    if (!o->code) {
        end_returned(run, o->result);
        return;
    }
    const char *error = o->error ? o->error : hub_code_text(o->code);
    char *thrown = message.n ? hub_str_dup(message) : NULL;
    hook_failed(run, o->code, error);
    end_failed(run, thrown ? thrown : error);
    free(thrown);
}

static void run_script(struct hub_job_run *run) {
    const struct hub_engine_config *config = &run->queue->all->engine->config;
    const struct hub_script *step = &run->def->script;
    struct hub_err err;
    json_t *data = hub_json_parse(hub_buf_str(&run->data), &err);
    json_t *job = json_pack("{s:o, s:s, s:o, s:I}", "id", hub_json_string(hub_buf_str(&run->id)), "queue",
                            run->queue->name, "data", data ? data : json_null(), "attempt", (json_int_t)run->attempt);
    const struct hub_hook_arg var = {"job", job};
    const struct hub_hook_chain chain = {
        .steps = &step, .step_n = 1, .main = 1, .vars = &var, .var_n = 1, .wall_ms = run->def->timeout_ms};
    config->hooks->run(config->scripts, &chain, on_ran, run); /* RUN may be gone */
    json_decref(job);
}

/* Nobody else has it before the attempt is over. */
static bool is_leased_long_enough(const struct hub_job_run *run) {
    return hub_job_wall(run->queue->all) + run->def->timeout_ms <= run->leased_until;
}

void hub_job_begin(struct hub_job_run *run) {
    struct hub_queue *q = run->queue;
    run->def = q->def;
    if (!run->max_attempts) run->max_attempts = q->def->attempts;
    if (!is_leased_long_enough(run)) {
        hub_job_give_back(run);
        return;
    }
    hub_list_remove(&run->link);
    hub_list_push(&q->runs, &run->link);
    run->begun = true;
    q->in_hand--;
    q->running++;
    run->since = hub_loop_now_exact(q->all->engine->config.loop);
    if (run->attempt > run->max_attempts)
        end_failed(run, "the worker was lost during the last attempt");
    else
        run_script(run);
}
