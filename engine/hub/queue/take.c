/* Jobs are taken, each with the next number of its lease, when there are some and when it is their time.
 * Nothing is asked while nothing is due, but for a look from time to time at what other processes have
 * done. */
#include "hub/queue/queue_int.h"

#include <stdlib.h>

#define RETRY_MS 1000  /* after the store could not be asked */
#define WAKE_MOST 1000 /* jobs whose time has come, in one statement */
#define BEGIN_MS 5     /* jobs are begun for so long in one go, and the loop turns */

static bool may_take(const struct hub_queue *q) {
    return q->def && !q->all->stopped && !q->all->engine->draining && hub_job_table(q->all);
}

/* A statement about the jobs of a queue. */
struct asking {
    struct hub_write w;
    struct hub_cell cells[HUB_JOB_COLUMNS];
    struct hub_cond where[2];
    struct hub_take take;
    struct hub_queue *queue;
    struct hub_hold hold;
};

static HUB_MUST struct asking *asking_new(struct hub_queue *q, enum hub_job_column order, int64_t limit) {
    struct asking *a = hub_xcalloc(1, sizeof *a);
    *a = (struct asking){.queue = q, .take = {.order_by = order, .limit = limit, .raised = {-1, -1}}};
    a->where[0] = (struct hub_cond){.column = HUB_JOB_QUEUE, .value = hub_cell_text(hub_cstr(q->name))};
    a->w = (struct hub_write){.table = hub_job_table(q->all),
                              .kind = HUB_UPDATE,
                              .cells = a->cells,
                              .where = a->where,
                              .where_n = HUB_NELEM(a->where),
                              .take = &a->take,
                              .arg = a};
    return a;
}

static void asking_submit(struct asking *a, void (*done)(struct hub_write *w)) {
    struct hub_engine *e = a->queue->all->engine;
    a->w.done = done;
    hub_hold(&e->holds, &a->hold, "question for jobs");
    e->config.store->ops->write(e->config.store, &a->w);
}

static void asking_free(struct asking *a) {
    hub_unhold(&a->hold);
    free(a);
}

/* ---- taking ---- */

static void let_go_if(struct hub_queue *q, int64_t taken_before) {
    HUB_LIST_EACH_SAFE(&q->hand, l) {
        struct hub_job_run *run = HUB_CONTAINER(l, struct hub_job_run, link);
        if (run->since <= taken_before) hub_job_give_back(run);
    }
}

/* Those that run take longer than the last ones did: how long jobs take is not known any more. */
static void on_letting_go(struct hub_timer *t) {
    struct hub_queue *q = HUB_CONTAINER(t, struct hub_queue, letting_go);
    struct hub_loop *loop = q->all->engine->config.loop;
    size_t had = q->in_hand;
    let_go_if(q, hub_loop_now(loop) - HUB_JOB_HAND_MS);
    if (q->in_hand < had) q->usual_us = -1;
    if (q->in_hand) hub_timer_start(loop, &q->letting_go, HUB_JOB_HAND_MS, on_letting_go);
}

void hub_queue_keep(struct hub_queue *q, const struct hub_table *table, const struct hub_cell *row) {
    if (q->all->stopped) return; /* it comes back after its lease */
    hub_job_keep(q, table, row);
    hub_queue_waiting(q, -1);
    if (!may_take(q))
        let_go_if(q, INT64_MAX);
    else if (!hub_timer_running(&q->letting_go))
        hub_timer_start(q->all->engine->config.loop, &q->letting_go, HUB_JOB_HAND_MS, on_letting_go);
    hub_queue_turn(q);
}

static void on_next_turn(struct hub_timer *t) { hub_queue_turn(HUB_CONTAINER(t, struct hub_queue, next_turn)); }

static void begin_jobs(struct hub_queue *q) {
    struct hub_loop *loop = q->all->engine->config.loop;
    int64_t until = hub_loop_now_exact(loop) + BEGIN_MS;
    while (may_take(q) && (int64_t)q->running < q->def->concurrency && q->in_hand && q->answered >= q->wanted) {
        hub_job_begin(HUB_CONTAINER(q->hand.next, struct hub_job_run, link));
        if (hub_loop_now_exact(loop) < until) continue;
        hub_timer_start(loop, &q->next_turn, 0, on_next_turn);
        return;
    }
}

static void on_retry(struct hub_timer *t) { hub_queue_turn(HUB_CONTAINER(t, struct hub_queue, retry)); }

static void on_taken(struct hub_write *w) {
    struct asking *a = w->arg;
    struct hub_queue *q = a->queue;
    q->answered = q->takes;
    if (w->code == HUB_OK) {
        q->hungry = q->stirred || (int64_t)w->row.n == a->take.limit;
        hub_queue_was_changed(q);
        for (size_t i = 0; i < w->row.n; i++) hub_queue_keep(q, w->table, hub_row(&w->row, i));
    } else if (w->code == HUB_NOT_FOUND) {
        q->hungry = q->stirred;
    } else if (!q->all->stopped)
        hub_timer_start(q->all->engine->config.loop, &q->retry, RETRY_MS, on_retry);
    begin_jobs(q); /* now: before the turn is over others may come that are to go first */
    hub_queue_turn(q);
    asking_free(a);
}

/* How many beyond those that have a place: as many as will find one while the store could hardly be asked
 * for them. None where a job has one attempt only: it counts as begun when this process is lost. */
static int64_t taken_ahead(const struct hub_queue *q) {
    if (q->usual_us < 0 || q->def->attempts == 1) return 0;
    int64_t soon = q->def->concurrency * HUB_JOB_AHEAD_MS * 1000 / (q->usual_us + 1);
    int64_t most = HUB_JOB_AHEAD_BYTES / (q->usual_bytes + 1);
    if (most > HUB_JOB_TAKE) most = HUB_JOB_TAKE;
    return soon < most ? soon : most;
}

bool hub_queue_has_room(const struct hub_queue *q) {
    if (!may_take(q) || q->hungry || q->takes != q->answered) return false;
    return (int64_t)(q->running + q->in_hand + q->entering) < q->def->concurrency + taken_ahead(q);
}

void hub_queue_set_taken(const struct hub_queue *q, struct hub_cell *cells) {
    cells[HUB_JOB_STATE] = hub_job_state_cell(HUB_JOB_RUNNING);
    cells[HUB_JOB_READY].kind = HUB_CELL_NULL;
    cells[HUB_JOB_WAKE] = hub_cell_int(hub_job_wall(q->all) + q->def->timeout_ms + HUB_JOB_GRACE_MS);
    cells[HUB_JOB_WORKER] = hub_cell_text(hub_cstr(q->all->worker));
}

static void take_jobs(struct hub_queue *q) {
    int64_t ahead = taken_ahead(q), in_hand = (int64_t)q->in_hand;
    bool overtaken = q->takes < q->wanted;
    int64_t room = q->def->concurrency - (int64_t)(q->running + q->entering) + (overtaken ? 0 : ahead - in_hand);
    if (q->takes != q->answered || !q->hungry || room <= 0 || hub_timer_running(&q->retry)) return;
    if (in_hand > ahead / 2 && !overtaken) return;
    struct asking *a = asking_new(q, HUB_JOB_PLACE, room < HUB_JOB_TAKE ? room : HUB_JOB_TAKE);
    a->take.raised[0] = HUB_JOB_LEASE;
    a->take.raised[1] = HUB_JOB_ATTEMPTS;
    a->where[1] = (struct hub_cond){.column = HUB_JOB_READY, .cmp = HUB_NE, .value.kind = HUB_CELL_NULL};
    hub_queue_set_taken(q, a->cells);
    a->w.return_row = true;
    q->takes++;
    q->stirred = false;
    asking_submit(a, on_taken);
}

/* ---- those that wait for a time ---- */

static void on_time(struct hub_timer *t);

static void arm_queue(struct hub_queue *q) {
    struct hub_loop *loop = q->all->engine->config.loop;
    hub_timer_stop(loop, &q->timer);
    if (q->wake_at == INT64_MAX || !may_take(q)) return;
    int64_t wait = q->wake_at - hub_job_wall(q->all);
    if (wait < HUB_JOB_POLL_MS)
        hub_timer_start(loop, &q->timer, wait > 0 ? wait : 0, on_time); /* else the poll looks */
}

struct look {
    struct hub_queue *queue;
    struct hub_hold hold;
};

static void look_ask(struct hub_queue *q, enum hub_job_column order, hub_rows_cb *cb) {
    struct hub_engine *e = q->all->engine;
    const struct hub_cond where[] = {
        {.column = HUB_JOB_QUEUE, .value = hub_cell_text(hub_cstr(q->name))},
        {.column = order == HUB_JOB_PLACE ? HUB_JOB_READY : order, .cmp = HUB_NE, .value.kind = HUB_CELL_NULL}};
    const struct hub_select select = {.table = hub_job_table(q->all),
                                      .where = where,
                                      .where_n = HUB_NELEM(where),
                                      .order_by = (int)order,
                                      .limit = 1};
    struct look *l = hub_xcalloc(1, sizeof *l);
    l->queue = q;
    hub_hold(&e->holds, &l->hold, "question for jobs");
    e->config.store->ops->select(e->config.store, &select, cb, l);
}

static HUB_MUST struct hub_queue *look_end(struct look *l) {
    struct hub_queue *q = l->queue;
    hub_unhold(&l->hold);
    free(l);
    return q;
}

static void on_next(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_queue *q = look_end(arg);
    (void)error; /* the next poll asks again */
    q->looking = false;
    if (code) return;
    int64_t next = rows->n ? hub_row(rows, 0)[HUB_JOB_WAKE].i : INT64_MAX;
    if (next < q->wake_at) q->wake_at = next;
    arm_queue(q);
}

/* When is the next one due? */
static void look_ahead(struct hub_queue *q) {
    if (q->looking || !may_take(q)) return;
    q->looking = true;
    look_ask(q, HUB_JOB_WAKE, on_next);
}

static void on_woken(struct hub_write *w) {
    struct asking *a = w->arg;
    struct hub_queue *q = a->queue;
    q->waking = false;
    if (w->code == HUB_OK) hub_queue_stir(q, 0, 0);
    if (w->code == HUB_OK || w->code == HUB_NOT_FOUND) look_ahead(q);
    asking_free(a);
}

/* Delayed jobs whose time has come may be taken; so may those whose worker is lost. */
static void on_time(struct hub_timer *t) {
    struct hub_queue *q = HUB_CONTAINER(t, struct hub_queue, timer);
    if (q->waking || !may_take(q)) return;
    hub_jobs_renew(q);
    struct asking *a = asking_new(q, HUB_JOB_WAKE, WAKE_MOST);
    a->where[1] = (struct hub_cond){.column = HUB_JOB_WAKE, .cmp = HUB_LE, .value = hub_cell_int(hub_job_wall(q->all))};
    a->cells[HUB_JOB_STATE] = hub_job_state_cell(HUB_JOB_WAITING);
    a->cells[HUB_JOB_READY] = hub_cell_bool(true);
    a->cells[HUB_JOB_WAKE].kind = HUB_CELL_NULL;
    q->waking = true;
    q->wake_at = INT64_MAX;
    asking_submit(a, on_woken);
}

/* ---- when ---- */

void hub_queue_on_turn(struct hub_task *task) {
    struct hub_queue *q = HUB_CONTAINER(task, struct hub_queue, turn);
    if (!may_take(q) || (int64_t)q->running >= q->def->concurrency) return;
    begin_jobs(q);
    take_jobs(q);
}

void hub_queue_turn(struct hub_queue *q) {
    if (may_take(q)) hub_defer(q->all->engine->config.loop, &q->turn);
}

/* Once for each take, or those in hand would wait for ever. */
static bool is_to_overtake(const struct hub_queue *q, int64_t place) {
    return q->in_hand && q->answered >= q->wanted &&
           place < HUB_CONTAINER(q->hand.prev, struct hub_job_run, link)->place;
}

void hub_queue_stir(struct hub_queue *q, int64_t due, int64_t place) {
    if (due > hub_job_wall(q->all)) {
        if (due >= q->wake_at) return;
        q->wake_at = due;
        arm_queue(q);
        return;
    }
    q->hungry = q->stirred = true;
    if (is_to_overtake(q, place)) q->wanted = q->takes + 1;
    hub_queue_turn(q);
}

static void on_peeked(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_queue *q = look_end(arg);
    (void)error;
    if (!code && rows->n) hub_queue_stir(q, 0, 0);
}

/* What other processes may have done. */
static void look_around(struct hub_queue *q) {
    if (!may_take(q)) return;
    if (!q->hungry) look_ask(q, HUB_JOB_PLACE, on_peeked);
    look_ahead(q);
    hub_queue_count_if_due(q);
}

static void on_poll(struct hub_timer *t);

void hub_queues_poll(struct hub_queues *all) {
    void *value;
    bool any = false;
    for (void *it = NULL; (it = hub_map_next(&all->by_name, it, NULL, &value));) {
        any |= may_take(value);
        look_around(value);
    }
    if (any) hub_timer_start(all->engine->config.loop, &all->poll, HUB_JOB_POLL_MS, on_poll);
}

static void on_poll(struct hub_timer *t) { hub_queues_poll(HUB_CONTAINER(t, struct hub_queues, poll)); }
