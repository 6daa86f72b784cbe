/* How many jobs there are in which state: for /metrics, for scripts, and for what is kept of those that are
 * over. */
#include "hub/queue/queue_int.h"

#include <stdlib.h>

#define COUNT_SHARE 20  /* counting takes one twentieth of a connection's time at most */
#define PRUNE_MOST 1000 /* rows in one statement */

/* ---- counting ---- */

/* One question after the other: how many there are of each state, then which of the waiting is the oldest. */
struct count {
    struct hub_queues *all;
    char *name;
    const struct hub_table *table; /* HOLD keeps it */
    struct hub_queue_counts counts;
    size_t step;
    hub_queue_counted *done;
    void *arg;
    struct hub_hold hold;
};

static void count_step(struct count *c);

static void count_end(struct count *c, enum hub_code code) {
    hub_unhold(&c->hold);
    c->done(c->arg, code, &c->counts);
    free(c->name);
    free(c);
}

static void on_count(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct count *c = arg;
    (void)error;
    if (code || c->all->stopped) {
        count_end(c, code ? code : HUB_SHUTTING_DOWN);
        return;
    }
    const struct hub_cell *first = rows->n ? hub_row(rows, 0) : NULL;
    if (c->step < HUB_JOB_STATES && first) hub_str_i64(first[0].s, &c->counts.of[c->step]);
    if (c->step == HUB_JOB_STATES && first) c->counts.oldest = first[HUB_JOB_DUE].i;
    bool over = c->step == HUB_JOB_STATES || (c->step + 1 == HUB_JOB_STATES && !c->counts.of[HUB_JOB_WAITING]);
    c->step++;
    if (over)
        count_end(c, HUB_OK);
    else
        count_step(c);
}

/* The column that is not null in a state, so that the index of the few serves. */
static enum hub_job_column marking_column(size_t state) {
    if (state == HUB_JOB_WAITING || state == HUB_JOB_STATES) return HUB_JOB_READY;
    return state == HUB_JOB_DELAYED || state == HUB_JOB_RUNNING ? HUB_JOB_WAKE : HUB_JOB_FINISHED_AT;
}

static void count_step(struct count *c) {
    struct hub_store *store = c->all->engine->config.store;
    enum hub_job_state state = c->step < HUB_JOB_STATES ? (enum hub_job_state)c->step : HUB_JOB_WAITING;
    const struct hub_cond where[] = {
        {.column = HUB_JOB_QUEUE, .value = hub_cell_text(hub_cstr(c->name))},
        {.column = (int)marking_column(c->step), .cmp = HUB_NE, .value.kind = HUB_CELL_NULL},
        {.column = HUB_JOB_STATE, .value = hub_job_state_cell(state)}};
    const struct hub_select select = {.table = c->table,
                                      .where = where,
                                      .where_n = state == HUB_JOB_WAITING ? 2 : 3,
                                      .order_by = c->step == HUB_JOB_STATES ? HUB_JOB_DUE : -1,
                                      .limit = 1,
                                      .count = c->step < HUB_JOB_STATES};
    store->ops->select(store, &select, on_count, c);
}

void hub_queue_count(struct hub_queues *all, const char *queue, hub_queue_counted *done, void *arg) {
    struct count *c = hub_xcalloc(1, sizeof *c);
    *c = (struct count){.all = all, .name = hub_xstrdup(queue), .table = hub_job_table(all), .done = done, .arg = arg};
    hub_hold(&all->engine->holds, &c->hold, "question for jobs");
    count_step(c);
}

/* ---- what is kept of jobs that are over ---- */

struct prune {
    struct hub_write w;
    struct hub_cond where[3];
    struct hub_take take;
    struct hub_queue *queue;
    enum hub_job_state state;
    struct hub_hold hold;
};

static int64_t kept_most(const struct hub_queue *q, enum hub_job_state state) {
    return state == HUB_JOB_DONE ? q->def->keep_done : q->def->keep_failed;
}

static void prune_if_many(struct hub_queue *q, enum hub_job_state state);

static void on_pruned(struct hub_write *w) {
    struct prune *p = w->arg;
    struct hub_queue *q = p->queue;
    q->pruning[p->state] = false;
    q->kept[p->state] = w->code == HUB_OK ? q->kept[p->state] - w->changes : 0; /* the next count says how many */
    if (!q->all->stopped) prune_if_many(q, p->state);
    hub_unhold(&p->hold);
    free(p);
}

static void prune_oldest(struct hub_queue *q, enum hub_job_state state, int64_t n) {
    struct hub_engine *e = q->all->engine;
    struct prune *p = hub_xcalloc(1, sizeof *p);
    *p = (struct prune){.queue = q, .state = state};
    p->take = (struct hub_take){.order_by = HUB_JOB_FINISHED_AT, .limit = n, .raised = {-1, -1}};
    p->where[0] = (struct hub_cond){.column = HUB_JOB_QUEUE, .value = hub_cell_text(hub_cstr(q->name))};
    p->where[1] = (struct hub_cond){.column = HUB_JOB_STATE, .value = hub_job_state_cell(state)};
    p->where[2] = (struct hub_cond){.column = HUB_JOB_FINISHED_AT, .cmp = HUB_NE, .value.kind = HUB_CELL_NULL};
    p->w = (struct hub_write){.table = hub_job_table(q->all),
                              .kind = HUB_DELETE,
                              .where = p->where,
                              .where_n = HUB_NELEM(p->where),
                              .take = &p->take,
                              .done = on_pruned,
                              .arg = p};
    q->pruning[state] = true;
    hub_hold(&e->holds, &p->hold, "removal of old jobs");
    e->config.store->ops->write(e->config.store, &p->w);
}

/* Many at a time: what is too much by a tenth, or by a hundred. */
static void prune_if_many(struct hub_queue *q, enum hub_job_state state) {
    if (!q->def || !hub_job_table(q->all) || q->pruning[state]) return;
    int64_t keep = kept_most(q, state), over = q->kept[state] - keep, slack = keep / 10 < 100 ? keep / 10 : 100;
    if (over > slack) prune_oldest(q, state, over < PRUNE_MOST ? over : PRUNE_MOST);
}

void hub_queue_kept_one(struct hub_queue *q, enum hub_job_state state) {
    q->kept[state]++;
    prune_if_many(q, state);
}

/* ---- /metrics ---- */

void hub_queue_was_changed(struct hub_queue *q) { q->dirty = true; }

/* Never too many for long: what was missed is in the next count. */
void hub_queue_waiting(struct hub_queue *q, int64_t n) {
    q->waiting = q->waiting + n > 0 ? q->waiting + n : 0;
    if (n < 0) q->taken -= n;
}

#define GAUGE(NAME, HELP, VALUE) \
    hub_metric_set(hub_metric_labelled(NAME, HELP, HUB_GAUGE, "queue", hub_cstr(q->name)), VALUE)

static void show_counts(const struct hub_queue *q, const struct hub_queue_counts *c) {
    int64_t age = c->oldest ? hub_job_wall(q->all) - c->oldest : 0;
    GAUGE("hubd_jobs_waiting", "Jobs that may be taken", c->of[HUB_JOB_WAITING]);
    GAUGE("hubd_jobs_delayed", "Jobs that wait for their time", c->of[HUB_JOB_DELAYED]);
    GAUGE("hubd_jobs_running", "Jobs that workers have taken", c->of[HUB_JOB_RUNNING]);
    GAUGE("hubd_jobs_failed", "Failed jobs that are kept", c->of[HUB_JOB_FAILED]);
    GAUGE("hubd_jobs_oldest_seconds", "How long the oldest waiting job has been due", age > 0 ? age / 1000 : 0);
}

void hub_queue_is_gone(struct hub_queue *q) { show_counts(q, &(struct hub_queue_counts){0}); }

struct measure {
    struct hub_queue *queue;
    int64_t began; /* loop time */
};

static void on_measured(void *arg, enum hub_code code, const struct hub_queue_counts *counts) {
    struct measure *m = arg;
    struct hub_queue *q = m->queue;
    int64_t now = hub_loop_now_exact(q->all->engine->config.loop);
    q->counting = false;
    q->count_after = now + COUNT_SHARE * (now - m->began);
    free(m);
    if (code || !q->def) return;
    q->dirty |=
        counts->of[HUB_JOB_WAITING] > 0; /* their age grows; and what has changed since it began is to be seen */
    show_counts(q, counts);
    q->waiting = counts->of[HUB_JOB_WAITING] + counts->of[HUB_JOB_DELAYED];
    hub_queue_waiting(q, -q->taken); /* before or after they were counted */
    for (size_t i = HUB_JOB_DONE; i < HUB_JOB_STATES; i++) {
        q->kept[i] = counts->of[i];
        prune_if_many(q, (enum hub_job_state)i);
    }
}

void hub_queue_count_if_due(struct hub_queue *q) {
    if (!q->dirty || q->counting || hub_loop_now(q->all->engine->config.loop) < q->count_after) return;
    struct measure *m = hub_xcalloc(1, sizeof *m);
    *m = (struct measure){.queue = q, .began = hub_loop_now_exact(q->all->engine->config.loop)};
    q->counting = true;
    q->dirty = false;
    q->taken = 0;
    hub_queue_count(q->all, q->name, on_measured, m);
}
