/* What scripts can do with queues: the table queues (contract: extensions.md). */
#include "base/text/utf8.h"
#include "hub/queue/queue_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error/did_you_mean.h"

static struct hub_metric added = HUB_METRIC(HUB_COUNTER, "hubd_jobs_added_total", NULL, "Jobs that scripts added");

/* A statement that a script waits for. */
struct hub_job_draft {
    struct hub_write w;
    struct hub_cell cells[HUB_JOB_COLUMNS], states[3];
    struct hub_cond where[2];
    struct hub_buf id, data, cron; /* of the cells */
    struct hub_queues *all;
    struct hub_queue *queue;    /* of add */
    bool taken;                 /* added as a job that this process has */
    struct hub_err full;        /* of add: no more may wait, unless the job is there already */
    struct hub_host_call *call; /* NULL: it is part of a transaction */
    hub_job_found *found;       /* of a question */
    void *arg;
    struct hub_hold hold;
};

static HUB_MUST struct hub_job_draft *job_call_new(struct hub_queues *all, struct hub_host_call *call) {
    struct hub_job_draft *j = hub_xcalloc(1, sizeof *j);
    j->all = all;
    j->call = call;
    j->w = (struct hub_write){.table = hub_job_table(all), .cells = j->cells, .arg = j};
    hub_hold(&all->engine->holds, &j->hold, "question for jobs");
    return j;
}

static void job_call_free(struct hub_job_draft *j) {
    hub_unhold(&j->hold);
    hub_buf_free(&j->id);
    hub_buf_free(&j->data);
    hub_buf_free(&j->cron);
    free(j);
}

static void job_call_write(struct hub_job_draft *j, void (*done)(struct hub_write *w)) {
    struct hub_store *store = j->all->engine->config.store;
    j->w.done = done;
    store->ops->write(store, &j->w);
}

/* ---- add ---- */

/* What may be said of a job, as options of add. */
static const struct job_option {
    const char *name;
    enum hub_job_column column;
    int64_t least, most;
} options[] = {
    {"delayMs", HUB_JOB_DUE, 0, HUB_JOB_DELAY_MAX},
    {"priority", HUB_JOB_PRIORITY, -HUB_JOB_PRIORITY_MAX, HUB_JOB_PRIORITY_MAX},
    {"attempts", HUB_JOB_MAX_ATTEMPTS, 1, 1000},
    {"repeatMs", HUB_JOB_REPEAT, HUB_JOB_REPEAT_MIN, HUB_JOB_DELAY_MAX},
};

static enum hub_code read_numbers(const json_t *o, struct hub_cell *cells, struct hub_err *err) {
    for (size_t i = 0; i < HUB_NELEM(options); i++) {
        const struct job_option *option = &options[i];
        const json_t *v = hub_json_get(o, option->name);
        if (hub_json_nil(v)) continue;
        int64_t n = hub_json_get_int(o, option->name, INT64_MIN);
        if (n < option->least || n > option->most)
            return hub_fail(err, HUB_BAD_REQUEST, "queues.add: %s: expected a whole number from %lld to %lld",
                            option->name, (long long)option->least, (long long)option->most);
        cells[option->column] = hub_cell_int(n);
    }
    return HUB_OK;
}

/* The id is the job's own, or a new one. */
static enum hub_code read_id(struct hub_job_draft *j, const json_t *o, struct hub_err *err) {
    const json_t *v = hub_json_get(o, "id");
    char id[HUB_UUID_LEN + 1];
    if (!hub_json_nil(v) && !hub_str_is_id(hub_json_str(v)))
        return hub_fail(err, HUB_BAD_REQUEST, "queues.add: id: expected " HUB_ID_EXPECTED);
    if (hub_json_nil(v)) hub_uuid7(id);
    hub_buf_adds(&j->id, hub_json_nil(v) ? hub_cstr(id) : hub_json_str(v));
    j->cells[HUB_JOB_ID] = hub_cell_text(hub_buf_str(&j->id));
    return HUB_OK;
}

static enum hub_code read_cron(struct hub_job_draft *j, const json_t *o, int64_t *due, struct hub_err *err) {
    struct hub_str text = hub_json_get_str(o, "cron");
    struct hub_cron cron;
    if (hub_json_nil(hub_json_get(o, "cron"))) return HUB_OK;
    if (j->cells[HUB_JOB_REPEAT].kind != HUB_CELL_NULL)
        return hub_fail(err, HUB_BAD_REQUEST, "queues.add: repeatMs and cron do not go together");
    const char *why = text.n ? hub_cron_parse(text, &cron) : "a text of five fields is wanted";
    if (why) return hub_fail(err, HUB_BAD_REQUEST, "queues.add: cron: %s", why);
    *due = hub_cron_next(&cron, *due);
    if (!*due) return hub_fail(err, HUB_BAD_REQUEST, "queues.add: cron: that day never comes");
    hub_buf_adds(&j->cron, text);
    j->cells[HUB_JOB_CRON] = hub_cell_text(hub_buf_str(&j->cron));
    return HUB_OK;
}

static enum hub_code read_data(struct hub_job_draft *j, const json_t *data, struct hub_err *err) {
    hub_json_add(&j->data, data ? data : json_null());
    if (j->data.n > HUB_JOB_DATA_MAX)
        return hub_fail(err, HUB_TOO_LARGE, "queues.add: the data are larger than 262144 bytes as JSON");
    j->cells[HUB_JOB_DATA] = hub_cell_text(hub_buf_str(&j->data));
    return HUB_OK;
}

static enum hub_code read_options(const json_t *o, struct hub_err *err) {
    if (!hub_json_nil(o) && !json_is_object(o))
        return hub_fail(err, HUB_BAD_REQUEST, "queues.add(queue, data, options): expected a table as options");
    return hub_script_keys(o, "id delayMs priority attempts repeatMs cron", err);
}

/* The row of a new job; every column has a value, so that rows of many jobs go in as one statement. */
static enum hub_code fill_row(struct hub_job_draft *j, const json_t *data, const json_t *o, struct hub_err *err) {
    for (size_t i = 0; i < HUB_JOB_COLUMNS; i++) j->cells[i].kind = HUB_CELL_NULL;
    j->cells[HUB_JOB_PRIORITY] = j->cells[HUB_JOB_ATTEMPTS] = hub_cell_int(0);
    j->cells[HUB_JOB_LEASE] = hub_cell_int(hub_job_first_lease());
    j->cells[HUB_JOB_QUEUE] = hub_cell_text(hub_cstr(j->queue->name));
    enum hub_code code = read_options(o, err);
    if (!code) code = read_numbers(o, j->cells, err);
    if (!code) code = read_id(j, o, err);
    int64_t now = hub_job_wall(j->all), due = now + j->cells[HUB_JOB_DUE].i;
    if (!code) code = read_cron(j, o, &due, err);
    if (!code) code = read_data(j, data, err);
    if (code) return code;
    hub_job_set_due(j->all, j->cells, j->cells[HUB_JOB_PRIORITY].i, due);
    j->cells[HUB_JOB_CREATED_AT] = hub_cell_int(now);
    return HUB_OK;
}

void hub_job_answer_existing(struct hub_host_call *call, json_t *job, struct hub_str wanted) {
    struct hub_str queue = hub_json_get_str(job, "queue");
    char text[400];
    snprintf(text, sizeof text, "queues.add: the id is that of a job of the queue \"%.*s\"", HUB_FMT(queue));
    if (hub_str_eq(queue, wanted))
        hub_host_done(call, json_incref(job));
    else
        hub_host_fail(call, HUB_CONFLICT, text);
    json_decref(job);
}

static void answer_duplicate(struct hub_job_draft *j, const struct hub_cell *row) {
    hub_job_answer_existing(j->call, hub_job_json(row), hub_cstr(j->queue->name));
}

/* Rows of data that somebody else has sent: there is an end of them. */
static enum hub_code may_wait(const struct hub_queue *q, struct hub_err *err) {
    int64_t most = q->all->engine->config.service->limit_jobs;
    return q->waiting < most ? HUB_OK : hub_gate_too_many("limits.jobs", most, "jobs of a queue may wait", err);
}

static void add_as_taken(struct hub_job_draft *j) {
    j->taken = true;
    j->queue->entering++;
    hub_queue_set_taken(j->queue, j->cells);
    j->cells[HUB_JOB_LEASE].i++;
    j->cells[HUB_JOB_ATTEMPTS] = hub_cell_int(1);
}

/* The script sees it as it was when it was asked for. */
static void enter_job(struct hub_job_draft *j) {
    hub_queue_keep(j->queue, j->w.table, j->cells);
    j->cells[HUB_JOB_STATE] = hub_job_state_cell(HUB_JOB_WAITING);
    j->cells[HUB_JOB_ATTEMPTS] = hub_cell_int(0);
}

/* Committed. */
static void note_added(struct hub_job_draft *j) {
    hub_metric_add(&added, 1);
    hub_queue_was_changed(j->queue);
    if (j->taken)
        enter_job(j);
    else
        hub_queue_stir(j->queue, j->cells[HUB_JOB_DUE].i, j->cells[HUB_JOB_PLACE].i);
}

/* Nothing was added: who looked for a place meanwhile found this one taken. */
static void give_place(const struct hub_job_draft *j) {
    hub_queue_waiting(j->queue, -1);
    if (j->taken) hub_queue_turn(j->queue);
}

static void on_added(struct hub_write *w) {
    struct hub_job_draft *j = w->arg;
    if (j->taken) j->queue->entering--;
    if (w->code || w->duplicate) give_place(j);
    if (w->code)
        hub_host_fail(j->call, w->code, w->error);
    else if (w->duplicate)
        answer_duplicate(j, hub_row(&j->w.row, 0));
    else {
        note_added(j);
        hub_host_done(j->call, hub_job_json(j->cells));
    }
    job_call_free(j);
}

static void fail_unknown(const struct hub_queues *all, struct hub_host_call *c, struct hub_str name) {
    struct hub_nearest near = {.word = name};
    void *value;
    char hint[HUB_NEAREST_HINT], text[300];
    for (void *it = NULL; (it = hub_map_next(&all->by_name, it, NULL, &value));)
        if (((struct hub_queue *)value)->def) hub_nearest_try(&near, ((struct hub_queue *)value)->name);
    snprintf(text, sizeof text, "there is no queue \"%.*s\"%s", HUB_CUT(name, 64), hub_nearest_hint(&near, hint));
    hub_host_fail(c, HUB_NOT_FOUND, text);
}

static void find_job(struct hub_job_draft *j, struct hub_str id, hub_rows_cb *cb) {
    struct hub_store *store = j->all->engine->config.store;
    const struct hub_cond where = {.column = HUB_JOB_ID, .value = hub_cell_text(id)};
    const struct hub_select q = {.table = j->w.table, .where = &where, .where_n = 1, .order_by = -1, .limit = 1};
    store->ops->select(store, &q, cb, j);
}

static void on_full_found(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_job_draft *j = arg;
    if (code)
        hub_host_fail(j->call, code, error);
    else if (rows->n)
        answer_duplicate(j, hub_row(rows, 0));
    else
        hub_host_fail(j->call, j->full.code, j->full.text);
    job_call_free(j);
}

/* A job that may not wait. To add one again that is there already is to ask for it. */
static void refuse_job(struct hub_job_draft *j, const json_t *id) {
    if (!hub_json_nil(id)) {
        find_job(j, hub_buf_str(&j->id), on_full_found);
        return;
    }
    hub_host_fail(j->call, j->full.code, j->full.text);
    job_call_free(j);
}

/* NULL: answered. With FULL it may not wait, and counts as nothing. */
static HUB_MUST struct hub_job_draft *draft_add(struct hub_queues *all, struct hub_host_call *c) {
    struct hub_queue *q = hub_queue_named(all, hub_host_text(c, 0));
    struct hub_err err;
    if (!q) {
        fail_unknown(all, c, hub_host_text(c, 0));
        return NULL;
    }
    struct hub_job_draft *j = job_call_new(all, NULL);
    j->queue = q;
    if (fill_row(j, json_array_get(c->args, 1), json_array_get(c->args, 2), &err)) {
        hub_host_fail(c, err.code, err.text);
        job_call_free(j);
        return NULL;
    }
    j->w.kind = HUB_INSERT;
    j->w.conflict = "id";
    if (!may_wait(q, &j->full)) hub_queue_waiting(q, 1);
    return j;
}

struct hub_job_draft *hub_job_draft_add(struct hub_engine *e, struct hub_host_call *c) {
    struct hub_job_draft *j = draft_add(hub_queues_of(e), c);
    if (!j || !j->full.code) return j;
    hub_host_fail(c, j->full.code, j->full.text);
    job_call_free(j);
    return NULL;
}

static void host_add(void *ctx, struct hub_host_call *c) {
    struct hub_job_draft *j = draft_add(hub_queues_of(ctx), c);
    if (!j) return;
    j->call = c;
    if (j->full.code) {
        refuse_job(j, hub_json_get(json_array_get(c->args, 2), "id"));
        return;
    }
    if (j->cells[HUB_JOB_READY].kind != HUB_CELL_NULL && hub_queue_has_room(j->queue)) add_as_taken(j);
    job_call_write(j, on_added);
}

/* False: there cannot be such a job, and the call is answered; with NONE, which is taken, where there are no
 * jobs at all. */
static bool may_be_a_job(const struct hub_queues *all, struct hub_host_call *c, const char *what, json_t *none) {
    struct hub_str id = hub_host_text(c, 0);
    char text[160];
    bool good = hub_str_is_id(id);
    if (good && hub_job_table(all)) return true;
    if (good) {
        hub_host_done(c, none);
        return false;
    }
    snprintf(text, sizeof text, "%s(id): expected the id of a job", what);
    hub_host_fail(c, HUB_BAD_REQUEST, text);
    json_decref(none);
    return false;
}

static void on_found(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_job_draft *j = arg;
    json_t *job = !code && rows->n ? hub_job_json(hub_row(rows, 0)) : NULL;
    j->found(j->arg, code, job, error);
    json_decref(job);
    job_call_free(j);
}

void hub_job_find(struct hub_engine *e, struct hub_str id, hub_job_found *done, void *arg) {
    struct hub_job_draft *j = job_call_new(hub_queues_of(e), NULL);
    j->found = done;
    j->arg = arg;
    find_job(j, id, on_found);
}

static void answer_found(void *arg, enum hub_code code, json_t *result, const char *error) {
    if (code)
        hub_host_fail(arg, code, error);
    else
        hub_host_done(arg, json_incref(result));
}

static void host_get(void *ctx, struct hub_host_call *c) {
    if (may_be_a_job(hub_queues_of(ctx), c, "queues.get", NULL))
        hub_job_find(ctx, hub_host_text(c, 0), answer_found, c);
}

bool hub_queues_served(struct hub_engine *e) { return hub_job_table(hub_queues_of(e)) != NULL; }

bool hub_job_is_over(const json_t *job) {
    struct hub_str state = hub_json_get_str(job, "state");
    for (size_t i = HUB_JOB_WAITING; i < HUB_JOB_DONE; i++)
        if (hub_str_is(state, hub_job_states[i])) return false;
    return true;
}

static void note_cancelled(const struct hub_job_draft *j) {
    const struct hub_write *w = &j->w;
    struct hub_queue *q = w->row.n ? hub_map_get(&j->all->by_name, hub_row(&w->row, 0)[HUB_JOB_QUEUE].s) : NULL;
    if (q) hub_queue_was_changed(q);
    if (!w->code) hub_job_withhold(j->all, hub_buf_str(&j->id));
    if (q && !j->all->stopped) hub_queue_kept_one(q, HUB_JOB_CANCELLED);
}

static void on_cancelled(struct hub_write *w) {
    struct hub_job_draft *j = w->arg;
    note_cancelled(j);
    if (w->code && w->code != HUB_NOT_FOUND)
        hub_host_fail(j->call, w->code, w->error);
    else
        hub_host_done(j->call, json_boolean(!w->code));
    job_call_free(j);
}

struct hub_job_draft *hub_job_draft_cancel(struct hub_engine *e, struct hub_host_call *c) {
    struct hub_queues *all = hub_queues_of(e);
    if (!may_be_a_job(all, c, "queues.cancel", json_false())) return NULL;
    struct hub_job_draft *j = job_call_new(all, NULL);
    hub_buf_adds(&j->id, hub_host_text(c, 0));
    for (size_t i = 0; i < HUB_NELEM(j->states); i++)
        j->states[i] = hub_job_state_cell((enum hub_job_state)(HUB_JOB_WAITING + i));
    j->where[0] = (struct hub_cond){.column = HUB_JOB_ID, .value = hub_cell_text(hub_buf_str(&j->id))};
    j->where[1] =
        (struct hub_cond){.column = HUB_JOB_STATE, .cmp = HUB_IN, .in = j->states, .in_n = HUB_NELEM(j->states)};
    j->cells[HUB_JOB_STATE] = hub_job_state_cell(HUB_JOB_CANCELLED);
    j->cells[HUB_JOB_READY].kind = j->cells[HUB_JOB_WAKE].kind = HUB_CELL_NULL;
    j->cells[HUB_JOB_FINISHED_AT] = hub_cell_int(hub_job_wall(all));
    j->w.kind = HUB_UPDATE;
    j->w.where = j->where;
    j->w.where_n = HUB_NELEM(j->where);
    j->w.return_row = true;
    return j;
}

static void host_cancel(void *ctx, struct hub_host_call *c) {
    struct hub_job_draft *j = hub_job_draft_cancel(ctx, c);
    if (!j) return;
    j->call = c;
    hub_job_withhold(j->all, hub_buf_str(&j->id)); /* at once: it may be begun before the store has answered */
    job_call_write(j, on_cancelled);
}

/* ---- as part of a transaction ---- */

struct hub_write *hub_job_draft_write(struct hub_job_draft *d) {
    d->w.keeps_rows = true;
    return &d->w;
}

bool hub_job_draft_adds(const struct hub_job_draft *d) { return d->w.kind == HUB_INSERT; }

json_t *hub_job_draft_json(const struct hub_job_draft *d) { return hub_job_json(d->cells); }

void hub_job_draft_written(struct hub_job_draft *d) {
    if (d->w.kind == HUB_INSERT)
        note_added(d);
    else
        note_cancelled(d);
    hub_rows_free(&d->w.row);
    job_call_free(d);
}

void hub_job_draft_drop(struct hub_job_draft *d) {
    if (d->w.kind == HUB_INSERT) hub_queue_waiting(d->queue, -1);
    hub_rows_free(&d->w.row);
    job_call_free(d);
}

/* ---- stats ---- */

static void on_counted(void *arg, enum hub_code code, const struct hub_queue_counts *counts) {
    struct hub_job_draft *j = arg;
    json_t *o = json_object();
    for (size_t i = 0; i < HUB_JOB_STATES; i++) json_object_set_new(o, hub_job_states[i], json_integer(counts->of[i]));
    int64_t age = counts->oldest ? hub_job_wall(j->all) - counts->oldest : 0;
    json_object_set_new(o, "oldestMs", json_integer(age > 0 ? age : 0));
    if (code) {
        json_decref(o);
        hub_host_fail(j->call, code, NULL);
    } else
        hub_host_done(j->call, o);
    job_call_free(j);
}

static void host_stats(void *ctx, struct hub_host_call *c) {
    struct hub_queues *all = hub_queues_of(ctx);
    const struct hub_queue *q = hub_queue_named(all, hub_host_text(c, 0));
    if (!q)
        fail_unknown(all, c, hub_host_text(c, 0));
    else
        hub_queue_count(all, q->name, on_counted, job_call_new(all, c));
}

const struct hub_host_fn hub_queue_host[] = {
    {"queues", "add", host_add},     {"queues", "get", host_get}, {"queues", "cancel", host_cancel},
    {"queues", "stats", host_stats}, {NULL, NULL, NULL},
};
