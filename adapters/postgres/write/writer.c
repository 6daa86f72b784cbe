/* The writer: what waits becomes a segment, a segment becomes a commit, a commit becomes answers. One
 * segment is under way at a time, and the next one goes out before the answers of the last are given, so
 * that the server works while we do. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"
#include "base/telemetry/log.h"
#include "base/time/clock.h"
#include "persist/store_metrics.h"

#define LOAD_MAX 500  /* counters read in one go */
#define LOOK_MAX 5000 /* waiting writes looked at for counters to read */

/* The counter that a write or a question needs; true when it needs none, or *OUT is it. */
static bool counter_for(struct writer *x, const struct hub_write *w, struct pg_counter **out) {
    const struct count_job *job = w->adapter;
    *out = NULL;
    if (job) return (*out = hub_pg_counter_find(&x->counters, job->scope, job->room)) != NULL;
    if (w->numbering == HUB_NUMBER_NONE) return true;
    return (*out = hub_pg_counter_find(&x->counters, hub_cstr(w->counter_scope), w->counter_room)) != NULL;
}

/* ---- reading counters ---- */

static void on_counter(void *arg, const PGresult *r) {
    struct writer *x = arg;
    if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r))
        hub_pg_counter_put(&x->counters, hub_pg_text(r, 0, 0), hub_pg_text(r, 0, 1), hub_pg_int(r, 0, 2),
                           hub_pg_text(r, 0, 3));
}

/* Everything that waits for a counter cannot have one. */
static void fail_counted(struct writer *x, const struct failure *f) {
    HUB_LIST_EACH_SAFE(&x->queue, it) {
        struct pg_counter *c;
        if (counter_for(x, hub_pg_write_of(it), &c)) continue;
        hub_list_remove(it);
        hub_pg_fail(hub_pg_write_of(it), hub_pg_code(f->state), f->text);
        hub_pg_answer(x->link.s, hub_pg_write_of(it));
    }
}

static void on_counters(void *arg, const struct failure *f) {
    struct writer *x = arg;
    x->phase = PHASE_IDLE;
    if (f && hub_pg_unusable(f->state)) {
        hub_pg_link_drop(&x->link, f->text);
        return;
    }
    if (f) fail_counted(x, f);
    hub_pg_writer_pump(x);
}

void hub_pg_send_counter(struct link *l, struct hub_str scope, struct hub_str room, result_fn *result, void *arg) {
    char epoch[HUB_UUID_LEN + 1];
    hub_uuid4(epoch);
    hub_pg_params_clear(&l->params);
    hub_pg_param_str(&l->params, scope);
    hub_pg_param_str(&l->params, room);
    hub_pg_param_str(&l->params, hub_cstr(epoch));
    hub_pg_link_send_text(
        l, "INSERT INTO hubd_room (scope, \"roomId\", seq, epoch) VALUES ($1, $2, 0, $3) ON CONFLICT DO NOTHING", NULL,
        NULL);
    hub_pg_params_clear(&l->params);
    hub_pg_param_str(&l->params, scope);
    hub_pg_param_str(&l->params, room);
    hub_pg_link_send_text(l, "SELECT scope, \"roomId\", seq, epoch FROM hubd_room WHERE scope = $1 AND \"roomId\" = $2",
                          result, arg);
}

void hub_pg_load_counter(struct writer *x, struct hub_str scope, struct hub_str room) {
    hub_pg_send_counter(&x->link, scope, room, on_counter, x);
}

void hub_pg_hold_counter(struct writer *x, struct hub_str scope, struct hub_str room) {
    struct params *p = &x->link.params;
    hub_pg_load_counter(x, scope, room);
    hub_pg_params_clear(p);
    hub_pg_param_str(p, scope);
    hub_pg_param_str(p, room);
    hub_pg_link_send_text(&x->link,
                          "SELECT scope, \"roomId\", seq, epoch FROM hubd_room WHERE scope = $1 AND \"roomId\" = $2 "
                          "FOR NO KEY UPDATE",
                          on_counter, x);
}

/* Those of the waiting writes, each once. */
static void load_counters(struct writer *x) {
    struct hub_map seen = {0};
    struct hub_buf key = {0};
    size_t n = 0, looked = 0;
    if (x->counters.n > MAX_COUNTERS) hub_pg_counters_clear(&x->counters);
    HUB_LIST_EACH(&x->queue, it) {
        const struct hub_write *w = hub_pg_write_of(it);
        const struct count_job *job = w->adapter;
        struct pg_counter *c;
        if (n == LOAD_MAX || ++looked > LOOK_MAX) break;
        if (counter_for(x, w, &c)) continue;
        struct hub_str scope = job ? job->scope : hub_cstr(w->counter_scope), room = job ? job->room : w->counter_room;
        hub_buf_clear(&key);
        hub_buf_adds(&key, scope);
        hub_buf_addc(&key, 0);
        hub_buf_adds(&key, room);
        if (hub_map_put(&seen, hub_buf_str(&key), x)) continue;
        hub_pg_load_counter(x, scope, room);
        n++;
    }
    hub_map_clear(&seen);
    hub_buf_free(&key);
    x->phase = PHASE_COUNTERS;
    hub_pg_link_sync(&x->link, on_counters, x);
}

/* ---- a segment ---- */

static void close_none(struct writer *x) {
    hub_pg_link_send_text(&x->link, "UPDATE hubd_writer SET segment = $2 WHERE service = $1", NULL, NULL);
}

#define CLOSE_ONE(AND)                                                                                               \
    "WITH mark AS (UPDATE hubd_writer SET segment = $2 WHERE service = $1), counted AS (UPDATE hubd_room SET seq = " \
    "$5 "                                                                                                            \
    "WHERE scope = $3 AND \"roomId\" = $4 AND seq = $6" AND " RETURNING 1) SELECT 1 / count(*) FROM counted"

static void close_one(struct writer *x) {
    struct params *p = &x->link.params;
    const struct pg_counter *c = HUB_CONTAINER(x->counters.touched.next, struct pg_counter, in_segment);
    hub_pg_param_str(p, hub_pg_counter_scope(c));
    hub_pg_param_str(p, hub_pg_counter_room(c));
    hub_pg_param_int(p, c->next);
    hub_pg_param_int(p, c->seq);
    if (c->fence) hub_pg_param_int(p, c->fence);
    hub_pg_link_send_text(&x->link, c->fence ? CLOSE_ONE(" AND fence = $7") : CLOSE_ONE(""), NULL, NULL);
}

#define CLOSE_MANY(TYPE, COLUMN, AND)                                                                               \
    "WITH mark AS (UPDATE hubd_writer SET segment = $2 WHERE service = $1), counted AS (UPDATE hubd_room AS r SET " \
    "seq "                                                                                                          \
    "= v.next FROM unnest($4::text[], $5::text[], $6::bigint[], $7::bigint[]" TYPE                                  \
    ") AS v (scope, room, next, seq" COLUMN                                                                         \
    ") WHERE r.scope = v.scope AND r.\"roomId\" = v.room AND r.seq = v.seq" AND " RETURNING 1) "                    \
    "SELECT 1 / CASE WHEN count(*) = $3 THEN 1 ELSE 0 END FROM counted"

static void add_number(struct hub_buf *array, int64_t n) {
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)n);
    hub_pg_array_add(array, hub_cstr(number));
}

static void add_fences(struct writer *x, struct hub_buf *array) {
    HUB_LIST_EACH(&x->counters.touched, it) add_number(array, HUB_CONTAINER(it, struct pg_counter, in_segment)->fence);
}

static void close_many(struct writer *x) {
    struct params *p = &x->link.params;
    struct hub_buf columns[5] = {{0}};
    bool fenced = x->counters.fenced_n != 0;
    HUB_LIST_EACH(&x->counters.touched, it) {
        const struct pg_counter *c = HUB_CONTAINER(it, struct pg_counter, in_segment);
        hub_pg_array_add(&columns[0], hub_pg_counter_scope(c));
        hub_pg_array_add(&columns[1], hub_pg_counter_room(c));
        add_number(&columns[2], c->next);
        add_number(&columns[3], c->seq);
    }
    if (fenced) add_fences(x, &columns[4]);
    hub_pg_param_int(p, (int64_t)x->counters.touched_n);
    for (size_t i = 0; i < (fenced ? 5 : 4); i++) {
        hub_buf_addc(&columns[i], '}');
        hub_pg_param_str(p, hub_buf_str(&columns[i]));
        hub_buf_free(&columns[i]);
    }
    hub_pg_link_send_text(&x->link,
                          fenced ? CLOSE_MANY(", $8::bigint[]", ", fence", " AND v.fence IN (0, r.fence)")
                                 : CLOSE_MANY("", "", ""),
                          NULL, NULL);
}

void hub_pg_send_close(struct writer *x) {
    struct params *p = &x->link.params;
    hub_pg_params_clear(p);
    hub_pg_param_str(p, hub_buf_str(&x->link.s->marker));
    hub_pg_param_int(p, ++x->segment_id);
    if (!x->counters.touched_n)
        close_none(x);
    else if (x->counters.touched_n == 1)
        close_one(x);
    else
        close_many(x);
}

static void on_written(void *arg, const PGresult *r) { hub_pg_take_outcome(arg, r); }

/* After the commit: was it what was asked for? */
static void judge_write(struct hub_write *w) {
    if (w->numbering == HUB_NUMBER_NONE && !w->changes && (w->kind == HUB_UPDATE || w->kind == HUB_DELETE))
        hub_pg_fail(w, HUB_NOT_FOUND, "no row meets the conditions");
}

void hub_pg_segment_over(struct writer *x, bool committed) {
    struct pg_store *s = x->link.s;
    struct hub_list through;
    hub_list_init(&through);
    hub_list_splice(&through, &x->segment);
    if (committed) {
        hub_pg_counters_keep(&x->counters);
        x->committed = x->segment_id;
        if (x->tries) x->tries--;
        hub_store_count_commit(hub_real_ns() - x->began, x->segment_n);
        if (x->down) hub_pg_set_down(x, NULL);
    } else
        hub_pg_counters_undo(&x->counters);
    x->segment_n = 0;
    x->segment_open = false;
    x->phase = PHASE_IDLE;
    hub_pg_writer_pump(x); /* before the answers: the server shall not wait for what we do with them */
    for (struct hub_list *l; (l = hub_list_pop(&through));) hub_pg_answer_now(s, hub_pg_write_of(l));
    hub_pg_maybe_closed(s);
}

/* Nothing of it is in the database. */
static void refuse_segment(struct writer *x, const struct failure *f) {
    HUB_LIST_EACH(&x->segment, it) {
        struct hub_write *w = hub_pg_write_of(it);
        hub_write_reset(w);
        hub_pg_fail(w, HUB_STORE_UNAVAILABLE, f->text);
    }
    hub_pg_segment_over(x, false);
}

static void on_segment(void *arg, const struct failure *f) {
    struct writer *x = arg;
    x->segment_open = false;
    if (!f) {
        HUB_LIST_EACH(&x->segment, it) judge_write(hub_pg_write_of(it));
        hub_pg_segment_over(x, true);
    } else if (hub_pg_unusable(f->state)) {
        hub_pg_link_drop(&x->link, f->text);
    } else if (hub_pg_code(f->state) == HUB_STORE_UNAVAILABLE && !hub_pg_passing(f->state) && !hub_pg_alone(f->state)) {
        hub_pg_set_down(x, f->text);
        refuse_segment(x, f);
    } else {
        hub_store_count_retried(x->segment_n);
        hub_pg_single_begin(x);
    }
}

/* Rows that nothing is asked back of wait for their like. */
static bool send_write(struct writer *x, struct hub_write *w, int64_t number) {
    if (hub_pg_can_join(w)) return hub_pg_join_run(x, w, number);
    hub_pg_send_run(x); /* what it may rest on */
    return hub_pg_send_write(x, w, true, number, on_written);
}

/* What comes first in the queue and has its counter goes into the segment; ALONE: of those that are
 * carried out one by one. After deadlocks it is fewer, which lock fewer rows for a shorter time. */
static void take_segment(struct writer *x, bool alone) {
    x->began = hub_real_ns();
    size_t most = x->tries ? (MAX_BATCH >> 2 * x->tries) + 1 : MAX_BATCH;
    while (!hub_list_empty(&x->queue) && x->segment_n < most) {
        struct hub_write *w = hub_pg_write_of(x->queue.next);
        struct pg_counter *c;
        if (!counter_for(x, w, &c) || (!w->adapter && hub_pg_goes_alone(w) != alone)) break;
        hub_list_remove(&w->link);
        if (w->adapter) {
            hub_pg_answer_count(x->link.s, w->adapter, c);
            continue;
        }
        int64_t number = c ? c->next + 1 : 0;
        if (!alone && !send_write(x, w, number)) {
            hub_pg_answer(x->link.s, w);
            continue;
        }
        if (!alone && w->announce && x->link.s->outbox) hub_pg_send_outbox(x, w);
        if (c && !alone) w->number = hub_pg_counter_take(&x->counters, c);
        hub_list_push(&x->segment, &w->link);
        x->segment_n++;
    }
    hub_pg_send_run(x);
}

static void end_segment(struct writer *x) {
    hub_pg_send_close(x);
    x->phase = PHASE_SEGMENT;
    x->segment_open = true;
    hub_pg_link_sync(&x->link, on_segment, x);
}

static void send_segment(struct writer *x) {
    take_segment(x, false);
    if (!x->segment_n) {
        take_segment(x, true);
        if (x->segment_n) hub_pg_single_begin(x);
        return;
    }
    if (x->link.s->fences) hub_pg_fences_send(x);
    end_segment(x);
}

static bool may_write(const struct writer *x) {
    return x->link.state == LINK_UP && !x->link.losing && x->claimed && x->phase == PHASE_IDLE;
}

void hub_pg_writer_probe(struct writer *x) {
    if (!x->down || !may_write(x) || !hub_list_empty(&x->queue)) return;
    x->began = hub_real_ns();
    end_segment(x);
}

void hub_pg_writer_pump(struct writer *x) {
    struct pg_counter *c;
    if (!may_write(x)) return;
    if (x->reclaim) {
        x->reclaim = x->claimed = false;
        hub_pg_claim(x);
        return;
    }
    if (hub_list_empty(&x->queue)) return;
    send_segment(x);
    if (x->phase == PHASE_IDLE && !hub_list_empty(&x->queue) && !counter_for(x, hub_pg_write_of(x->queue.next), &c))
        load_counters(x);
}

/* ---- when it takes too long ---- */

void hub_pg_writer_take_back(struct writer *x) {
    struct hub_list all;
    hub_list_init(&all);
    hub_list_splice(&all, &x->done);
    if (x->single) hub_list_push(&all, &x->single->link);
    hub_list_splice(&all, &x->segment);
    HUB_LIST_EACH(&all, it) hub_write_reset(hub_pg_write_of(it));
    hub_list_splice(&all, &x->queue);
    hub_list_splice(&x->queue, &all);
    x->single = x->part = NULL;
    x->segment_n = 0;
    x->segment_open = false;
    x->phase = PHASE_IDLE;
}

const char *hub_pg_writer_why(const struct writer *x) {
    if (x->link.state != LINK_UP) return x->link.why;
    return x->why[0] ? x->why : "the store did not answer for 5 s";
}

static void expire_queue(struct writer *x, int64_t before) {
    while (!hub_list_empty(&x->queue)) {
        struct hub_write *w = hub_pg_write_of(x->queue.next);
        if (w->submitted > before) break;
        hub_list_remove(&w->link);
        hub_pg_fail(w, HUB_STORE_UNAVAILABLE, hub_pg_writer_why(x));
        hub_pg_answer(x->link.s, w);
    }
}

#define TOLD 0 /* in hub_write.submitted: whoever waits has been told to wait no longer */

/* Of what was sent when the connection was lost nobody knows what became. Whoever can hear of it later is
 * told to wait no longer; the others, and all of them when the store is closed, get no other answer. */
static void expire_sent_writes(struct writer *x, struct hub_list *sent, int64_t before) {
    HUB_LIST_EACH_SAFE(sent, it) {
        struct hub_write *w = hub_pg_write_of(it);
        void (*undecided)(struct hub_write * w) = w->undecided;
        if (w->submitted > before || (w->submitted == TOLD && !x->link.s->closing)) continue;
        if (undecided && !x->link.s->closing) {
            w->submitted = TOLD;
            w->undecided = NULL;
            undecided(w);
        } else {
            hub_list_remove(it);
            hub_write_reset(w);
            hub_pg_fail(w, HUB_STORE_UNDECIDED, hub_pg_writer_why(x));
            hub_pg_answer(x->link.s, w);
        }
    }
}

void hub_pg_writer_expire(struct writer *x, int64_t before) {
    expire_queue(x, before);
    if (x->claimed || !x->segment_open) return;
    expire_sent_writes(x, &x->done, before);
    expire_sent_writes(x, &x->segment, before);
}

/* ---- life ---- */

void hub_pg_set_down(struct writer *x, const char *why) {
    bool changed = x->down != (why != NULL);
    x->down = why != NULL;
    snprintf(x->why, sizeof x->why, "%s", why ? why : "");
    if (changed)
        hub_log_kv(why ? HUB_LOG_ERROR : HUB_LOG_INFO, "store", why ? "writing fails" : "writing works again", "error",
                   why, NULL);
}

static void on_writer_up(struct link *l) { hub_pg_claim(HUB_CONTAINER(l, struct writer, link)); }

/* What may have been committed stays in its lists; the next claim finds out what became of it. */
static void on_writer_lost(struct link *l) {
    struct writer *x = HUB_CONTAINER(l, struct writer, link);
    x->claimed = false;
    hub_timer_stop(l->s->loop, &x->retry);
    if (!x->segment_open) hub_pg_writer_take_back(x);
}

void hub_pg_writer_init(struct pg_store *s) {
    static const struct link_ops ops = {on_writer_up, on_writer_lost};
    struct writer *x = &s->writer;
    hub_pg_link_init(&x->link, s, &ops, "writer");
    x->cells.clock = hub_loop_clock(s->loop);
    hub_list_init(&x->queue);
    hub_list_init(&x->segment);
    hub_list_init(&x->done);
    hub_list_init(&x->counters.touched);
}

void hub_pg_writer_free(struct pg_store *s) {
    struct writer *x = &s->writer;
    hub_timer_stop(s->loop, &x->retry);
    hub_pg_link_close(&x->link);
    hub_pg_counters_clear(&x->counters);
    hub_pg_fences_clear(&x->fences);
    hub_buf_free(&x->outbox_text);
    hub_buf_free(&x->run.key);
    hub_sql_cells_free(&x->cells);
}
