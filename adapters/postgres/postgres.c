/* The store's table: opening, handing work to the connections, timeouts, and answers. */
#include "adapters/postgres/postgres.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"
#include "base/telemetry/log.h"
#include "persist/store_metrics.h"

/* How long such a failure keeps the store from being ready, and the shortest time between two lines of the
 * log. */
#define TROUBLE_MS 10000

static struct pg_store *store_of(const struct hub_store *s) { return HUB_CONTAINER(s, struct pg_store, base); }

static void release_bytes(struct pg_store *s, size_t bytes) {
    s->outstanding--;
    s->outstanding_bytes -= bytes;
    hub_store_show_queue(s->outstanding);
}

/* ---- rooms whose counters are being moved ---- */

static struct room_place *place_of(struct pg_store *s, struct hub_str scope, struct hub_str room) {
    return &s->places[hub_fingerprint(hub_fingerprint(HUB_FINGERPRINT, scope), room) % ROOM_PLACES];
}

static struct room_place *place_of_write(struct pg_store *s, const struct hub_write *w) {
    if (w->adapter || w->numbering == HUB_NUMBER_NONE) return NULL;
    return place_of(s, hub_cstr(w->counter_scope), w->counter_room);
}

/* ---- answers ---- */

void hub_pg_answer_now(struct pg_store *s, struct hub_write *w) {
    bool keeps_rows = w->keeps_rows; /* DONE may free the write */
    struct hub_rows row = w->row, before = w->before;
    struct room_place *place = place_of_write(s, w);
    if (place) place->waiting--;
    hub_store_write_failed(w);
    release_bytes(s, w->bytes);
    w->done(w);
    if (keeps_rows) return;
    hub_rows_free(&row);
    hub_rows_free(&before);
}

static void submit_write(struct pg_store *s, struct hub_write *w);

/* What is known of the counter may be from before another node had the place. Where numbers are being given,
 * the segment finds out. */
static void keep_claimed_counter(struct pg_store *s, const struct pg_job *j) {
    const struct count_job *c = j->count;
    struct pg_counters *k = &s->writer.counters;
    const struct room_place *place = place_of(s, c->scope, c->room);
    if (place->waiting || place->begun != j->begun) return;
    if (k->n < MAX_COUNTERS || hub_pg_counter_find(k, c->scope, c->room))
        hub_pg_counter_put(k, c->scope, c->room, c->seq, hub_cstr(c->epoch));
}

/* Numbers that were asked for since may be given already: then it is the writer that knows. */
static void answer_counter(struct pg_store *s, const struct pg_job *j) {
    struct count_job *c = j->count;
    bool overtaken = place_of(s, c->scope, c->room)->begun != j->begun || !*c->epoch;
    if (!j->code && overtaken) {
        submit_write(s, &c->w);
        return;
    }
    if (!j->code && s->shared) keep_claimed_counter(s, j); /* another loop may have had the room */
    c->cb(c->arg, j->code, c->seq, c->epoch);
    free(c);
}

static void answer_claim(struct pg_store *s, const struct pg_job *j) {
    struct count_job *c = j->count;
    if (!j->code) keep_claimed_counter(s, j);
    s->fences |= c->fence;
    if (j->code)
        c->place_cb(c->arg, j->code, 0, 0, "");
    else
        c->place_cb(c->arg, HUB_OK, c->fence, c->seq, c->epoch);
    free(c);
}

static void answer_job(struct pg_store *s, struct pg_job *j) {
    if (!j->answered) {
        const char *error = j->code ? j->error : NULL;
        if (j->kind == JOB_SQL)
            hub_store_sql_failed(j->code);
        else
            hub_store_read_failed(j->kind == JOB_SELECT ? j->q.table : NULL, j->code, error);
        release_bytes(s, j->bytes);
        j->answered = true;
        switch (j->kind) {
        case JOB_SELECT:
            j->rows.table = j->q.table;
            j->rows_cb(j->arg, j->code, j->code ? NULL : &j->rows, error);
            break;
        case JOB_COUNTER: answer_counter(s, j); break;
        case JOB_CLAIM: answer_claim(s, j); break;
        case JOB_SQL: j->sql_cb(j->arg, j->code, j->code ? NULL : j->result, error); break;
        }
    }
    if (!j->reader) hub_pg_job_free(j);
}

static void on_answers(struct hub_task *task) {
    struct pg_store *s = HUB_CONTAINER(task, struct pg_store, answer);
    struct hub_list writes, jobs;
    hub_list_init(&writes);
    hub_list_init(&jobs);
    hub_list_splice(&writes, &s->answers);
    hub_list_splice(&jobs, &s->read_answers);
    s->answering = false;
    for (struct hub_list *l; (l = hub_list_pop(&writes));) hub_pg_answer_now(s, hub_pg_write_of(l));
    for (struct hub_list *l; (l = hub_list_pop(&jobs));) answer_job(s, hub_pg_job_of(l));
    hub_pg_maybe_closed(s);
}

static void answer_soon(struct pg_store *s) {
    if (s->answering) return;
    s->answering = true;
    hub_post(s->loop, &s->answer);
}

void hub_pg_answer(struct pg_store *s, struct hub_write *w) {
    hub_list_push(&s->answers, &w->link);
    answer_soon(s);
}

void hub_pg_answer_job(struct pg_store *s, struct pg_job *j) {
    hub_list_push(&s->read_answers, &j->link);
    answer_soon(s);
}

static void on_counted(struct hub_write *w) {
    struct count_job *j = w->adapter;
    j->cb(j->arg, w->code, j->seq, j->epoch);
    free(j);
}

void hub_pg_answer_count(struct pg_store *s, struct count_job *j, const struct pg_counter *c) {
    j->seq = c->seq;
    memcpy(j->epoch, c->epoch, sizeof j->epoch);
    hub_pg_answer(s, &j->w);
}

void hub_pg_count_links(struct pg_store *s, int change) {
    s->up_n += (size_t)change;
    hub_store_show_connections((int64_t)s->up_n);
}

/* ---- timeouts ---- */

static const char *why_away(const struct link *l) {
    return l->state == LINK_UP ? "the store did not answer for 5 s" : l->why;
}

static void expire_reads(struct pg_store *s, struct hub_list *jobs, int64_t before) {
    while (!hub_list_empty(jobs)) {
        struct pg_job *j = hub_pg_job_of(jobs->next);
        if (j->submitted > before) break;
        hub_list_remove(&j->link);
        hub_pg_job_fail(j, HUB_STORE_UNAVAILABLE, why_away(&s->readers[0].link));
        hub_pg_answer_job(s, j);
    }
}

/* A server that hangs keeps its connections: silence is what gives it away. */
static void watch_silence(struct link *l, int64_t most) {
    if (l->state == LINK_UP && l->n && hub_loop_now_exact(l->s->loop) - l->replied_at > most)
        hub_pg_link_drop(l, "the server does not answer");
}

/* A statement that has been sent is given up by its caller; its result is thrown away when it comes. */
static void expire_sent_reads(struct reader *r, int64_t before) {
    HUB_LIST_EACH(&r->under_way, it) {
        struct pg_job *j = hub_pg_job_of(it);
        if (j->answered || j->kind == JOB_SQL || j->submitted > before) continue;
        hub_pg_job_fail(j, HUB_STORE_UNAVAILABLE, "the store did not answer for 5 s");
        answer_job(j->s, j);
    }
}

static void judge_silence(struct pg_store *s, int64_t now) {
    int64_t before = now - TIMEOUT_MS;
    int64_t script_limit = s->statement_timeout_ms > TIMEOUT_MS ? s->statement_timeout_ms : TIMEOUT_MS;
    hub_pg_writer_expire(&s->writer, before);
    expire_reads(s, &s->reads, before);
    expire_reads(s, &s->late_claims, before);
    expire_reads(s, &s->claims, before);
    expire_reads(s, &s->scripts, before);
    watch_silence(&s->writer.link, s->closing && now - s->closing_since > TIMEOUT_MS ? 0 : TIMEOUT_MS);
    hub_pg_writer_probe(&s->writer);
    for (size_t i = 0; i < s->reader_n; i++) {
        expire_sent_reads(&s->readers[i], before);
        watch_silence(&s->readers[i].link, s->closing ? TIMEOUT_MS : script_limit + 1000);
    }
}

/* A process that did not run has read no answers. */
static void on_timeouts(struct hub_timer *timer) {
    struct pg_store *s = HUB_CONTAINER(timer, struct pg_store, timeouts);
    int64_t now = hub_loop_now_exact(s->loop), late = hub_loop_now(s->loop) - timer->due;
    if (hub_sql_may_judge(&s->patience, now, late, TIMEOUT_MS / 20, TIMEOUT_MS)) judge_silence(s, now);
    hub_timer_start(s->loop, &s->timeouts, TIMEOUT_MS / 20, on_timeouts);
}

/* ---- submitting ---- */

/* Counts it in; the code why not. */
static enum hub_code admit_bytes(struct pg_store *s, size_t bytes) {
    enum hub_code code = HUB_OK;
    if (s->closing)
        code = HUB_SHUTTING_DOWN;
    else if (s->outstanding >= MAX_OUTSTANDING || s->outstanding_bytes > MAX_OUTSTANDING_BYTES)
        code = HUB_OVERLOADED;
    s->outstanding++;
    s->outstanding_bytes += bytes;
    hub_store_show_queue(s->outstanding);
    return code;
}

static void on_turn(struct hub_task *task) { hub_pg_writer_pump(&HUB_CONTAINER(task, struct pg_store, turn)->writer); }

/* False: it is refused, and will be told. */
static bool take_in(struct pg_store *s, struct hub_write *w) {
    enum hub_code code = admit_bytes(s, w->bytes);
    struct room_place *place = place_of_write(s, w);
    w->submitted = hub_loop_now_exact(s->loop);
    if (place) place->waiting++, place->begun++;
    if (!code) return true;
    hub_pg_fail(w, code, hub_code_text(code));
    hub_pg_answer(s, w);
    return false;
}

static void submit_write(struct pg_store *s, struct hub_write *w) {
    if (!take_in(s, w)) return;
    hub_list_push(&s->writer.queue, &w->link);
    hub_defer(s->loop, &s->turn);
}

static void pg_write(struct hub_store *base, struct hub_write *w) {
    struct pg_store *s = store_of(base);
    for (struct hub_write *part = w; part; part = part->next) {
        part->row = part->before = (struct hub_rows){0};
        s->fences |= part->fence;
    }
    w->adapter = NULL;
    w->bytes = hub_write_bytes(w);
    hub_write_reset(w);
    submit_write(s, w);
}

static void submit_job(struct pg_job *j, struct hub_list *queue) {
    struct pg_store *s = j->s;
    enum hub_code code = admit_bytes(s, j->bytes);
    j->submitted = hub_loop_now_exact(s->loop);
    if (code) hub_pg_job_fail(j, code, hub_code_text(code));
    if (j->code) {
        hub_pg_answer_job(s, j);
        return;
    }
    hub_list_push(queue, &j->link);
    hub_pg_readers_pump(s);
}

static HUB_MUST struct pg_job *new_job(struct pg_store *s, enum pg_job_kind kind, void *arg) {
    struct pg_job *j = hub_xcalloc(1, sizeof *j);
    j->s = s;
    j->kind = kind;
    j->arg = arg;
    return j;
}

static HUB_MUST struct pg_job *new_count(struct pg_store *s, enum pg_job_kind kind, struct count_job *c) {
    struct pg_job *j = new_job(s, kind, NULL);
    j->count = c;
    j->begun = place_of(s, c->scope, c->room)->begun;
    j->bytes = c->w.bytes;
    return j;
}

static void read_counter(struct pg_store *s, struct count_job *c) {
    struct pg_job *j = new_count(s, JOB_COUNTER, c);
    j->again = true;
    submit_job(j, &s->reads);
}

static HUB_MUST struct count_job *new_count_job(const char *scope, struct hub_str room, struct hub_str node,
                                                void *arg) {
    size_t scope_n = strlen(scope), n = scope_n + room.n + node.n;
    struct count_job *j = hub_xcalloc(1, sizeof *j + n);
    j->arg = arg;
    memcpy(j->text, scope, scope_n);
    memcpy(j->text + scope_n, room.p, room.n);
    memcpy(j->text + scope_n + room.n, node.p, node.n);
    j->scope = hub_str(j->text, scope_n);
    j->room = hub_str(j->text + scope_n, room.n);
    j->node = hub_str(j->text + scope_n + room.n, node.n);
    j->w = (struct hub_write){.adapter = j, .done = on_counted, .bytes = n};
    return j;
}

static void pg_counter(struct hub_store *base, const char *scope, struct hub_str room, hub_counter_cb *cb, void *arg) {
    struct pg_store *s = store_of(base);
    struct count_job *j = new_count_job(scope, room, HUB_STR(""), arg);
    j->cb = cb;
    struct room_place *place = place_of(s, j->scope, j->room);
    struct pg_counter *known = hub_pg_counter_find(&s->writer.counters, j->scope, j->room);
    if (!s->writer.claimed || place->waiting)
        submit_write(s, &j->w);
    else if (!known || s->fences || s->shared) /* another node may have numbered since */
        read_counter(s, j);
    else if (take_in(s, &j->w))
        hub_pg_answer_count(s, j, known);
}

static void pg_claim_place(struct hub_store *base, const char *scope, struct hub_str room, struct hub_str node,
                           hub_place_cb *cb, void *arg) {
    struct pg_store *s = store_of(base);
    struct count_job *j = new_count_job(scope, room, node, arg);
    j->place_cb = cb;
    submit_job(new_count(s, JOB_CLAIM, j), &s->claims);
}

static void pg_select(struct hub_store *base, const struct hub_select *q, hub_rows_cb *cb, void *arg) {
    struct pg_store *s = store_of(base);
    struct pg_job *j = new_job(s, JOB_SELECT, arg);
    j->rows_cb = cb;
    j->again = true;
    j->q = *q;
    j->q.where = hub_sql_keep_where(q, &j->text, &j->cells, &j->cell_n);
    j->bytes = j->text.n;
    if (hub_sql_conds_have_nul(q->where, q->where_n)) hub_pg_job_fail(j, HUB_BAD_REQUEST, HUB_SQL_NUL);
    if (hub_sql_too_many(q->where, q->where_n)) hub_pg_job_fail(j, HUB_BAD_REQUEST, HUB_SQL_TOO_MANY);
    submit_job(j, &s->reads);
}

static void script_param(struct params *p, const json_t *v) {
    struct hub_buf text = {0};
    if (json_is_string(v))
        hub_pg_param_str(p, hub_json_str(v));
    else if (hub_json_nil(v))
        hub_pg_param_cell(p, NULL, &(struct hub_cell){.kind = HUB_CELL_NULL});
    else {
        hub_json_add(&text, v);
        hub_pg_param_str(p, hub_buf_str(&text));
    }
    hub_buf_free(&text);
}

static void pg_sql(struct hub_store *base, struct hub_str text, const json_t *params, const struct hub_fence *by,
                   hub_sql_cb *cb, void *arg) {
    struct pg_store *s = store_of(base);
    struct pg_job *j = new_job(s, JOB_SQL, arg);
    struct hub_err err;
    j->sql_cb = cb;
    if (by && by->fence) j->count = new_count_job(by->scope, by->room, HUB_STR(""), NULL), j->count->fence = by->fence;
    for (size_t i = 0; i < json_array_size(params); i++) script_param(&j->params, json_array_get(params, i));
    enum hub_code code = hub_pg_scan(text, j->params.n, &j->text, &j->again, &err);
    if (code) hub_pg_job_fail(j, code, err.text);
    if (!code && j->params.has_nul) hub_pg_job_fail(j, HUB_BAD_REQUEST, HUB_SQL_NUL);
    j->bytes = j->text.n + j->params.text.n;
    submit_job(j, &s->scripts);
}

/* ---- life ---- */

bool hub_pg_note_trouble(struct pg_store *s, const struct failure *f, bool read) {
    static const char *const states[] = {"42P01", "42703", "42501", "3F000", "XX001", "XX002", "58030"};
    int64_t now = hub_loop_now_exact(s->loop);
    size_t i = 0;
    while (i < HUB_NELEM(states) && strcmp(f->state, states[i]) != 0) i++;
    if (i == HUB_NELEM(states)) return false;
    hub_store_count_fault();
    if (read) {
        snprintf(s->trouble, sizeof s->trouble, "%s", f->text);
        s->trouble_until = now + TROUBLE_MS;
    }
    if (s->trouble_told && now < s->trouble_told + TROUBLE_MS) return true;
    s->trouble_told = now;
    hub_log_kv(HUB_LOG_ERROR, "store", "the store is in trouble", "database", s->conninfo.shown, "error", f->text,
               NULL);
    return true;
}

static bool pg_ready(const struct hub_store *base, struct hub_buf *why_not) {
    const struct pg_store *s = store_of(base);
    const struct writer *x = &s->writer;
    const char *why = NULL;
    if (x->link.state != LINK_UP || x->why[0])
        why = hub_pg_writer_why(x);
    else if (s->applied && !x->claimed)
        why = "taking over";
    else if (s->up_n < 2)
        why = s->readers[0].link.why;
    else if (s->trouble_until > hub_loop_now_exact(s->loop))
        why = s->trouble;
    if (why && why_not) hub_buf_addf(why_not, "%s: %s", s->conninfo.shown, why);
    return !why;
}

static void on_start(struct hub_timer *t) {
    struct pg_store *s = HUB_CONTAINER(t, struct pg_store, start);
    hub_pg_link_start(&s->writer.link);
    for (size_t i = 0; i < s->reader_n; i++) hub_pg_link_start(&s->readers[i].link);
    hub_timer_start(s->loop, &s->timeouts, TIMEOUT_MS / 20, on_timeouts);
}

static enum hub_code pg_check(const struct hub_store_config *config, struct hub_err *err) {
    struct conninfo conninfo;
    enum hub_code code =
        hub_pg_conninfo_parse(config->url, config->service, config->statement_timeout_ms, &conninfo, err);
    if (code) return code;
    code = hub_pg_conninfo_check(&conninfo, err);
    hub_pg_conninfo_free(&conninfo);
    return code;
}

/* CONNINFO becomes its own. */
static HUB_MUST struct pg_store *new_store(struct hub_loop *loop, const struct conninfo *conninfo) {
    struct pg_store *s = hub_xcalloc(1, sizeof *s);
    s->base.ops = &hub_postgres_ops;
    s->loop = loop;
    s->conninfo = *conninfo;
    hub_list_init(&s->reads);
    hub_list_init(&s->claims);
    hub_list_init(&s->late_claims);
    hub_list_init(&s->scripts);
    hub_list_init(&s->answers);
    hub_list_init(&s->read_answers);
    hub_list_init(&s->in_process);
    s->turn.run = on_turn;
    s->answer.run = on_answers;
    return s;
}

static void start_store(struct pg_store *s, size_t readers) {
    hub_pg_writer_init(s);
    hub_pg_readers_init(s, readers);
    hub_timer_start(s->loop, &s->start, 0, on_start);
}

static enum hub_code pg_open(struct hub_loop *loop, const struct hub_store_config *config, struct hub_store **out,
                             struct hub_err *err) {
    struct conninfo conninfo;
    enum hub_code code =
        hub_pg_conninfo_parse(config->url, config->service, config->statement_timeout_ms, &conninfo, err);
    if (code) return code;
    struct pg_store *s = new_store(loop, &conninfo);
    s->service = hub_xstrdup(config->service ? config->service : "hubd");
    s->owner = config->owner;
    s->taken = config->taken;
    s->taken_arg = config->taken_arg;
    s->statement_timeout_ms = config->statement_timeout_ms > 0 ? config->statement_timeout_ms : TIMEOUT_MS;
    s->tables = config->tables;
    s->table_n = config->table_n;
    s->outbox = config->outbox;
    s->shared = config->loops > 1;
    hub_pg_process_join(hub_pg_process_new(s, config->url), s);
    start_store(s, config->read_connections > 0 ? (size_t)config->read_connections : 2);
    *out = &s->base;
    return HUB_OK;
}

/* Its own connections, on its own loop. */
static enum hub_code pg_attach(struct hub_store *base, struct hub_loop *loop, struct hub_store **out,
                               struct hub_err *err) {
    const struct pg_store *first = store_of(base);
    struct conninfo conninfo;
    HUB_BUG_IF(!first->shared);
    enum hub_code code =
        hub_pg_conninfo_parse(first->process->url, first->service, first->statement_timeout_ms, &conninfo, err);
    if (code) return code;
    struct pg_store *s = new_store(loop, &conninfo);
    s->service = hub_xstrdup(first->service);
    s->owner = first->owner;
    s->statement_timeout_ms = first->statement_timeout_ms;
    s->tables = first->tables;
    s->table_n = first->table_n;
    s->outbox = first->outbox;
    s->applied = first->applied;
    s->readable = first->readable;
    s->shared = true;
    hub_pg_process_join(first->process, s);
    start_store(s, first->reader_n);
    *out = &s->base;
    return HUB_OK;
}

static void on_freed(struct hub_task *task) {
    struct pg_store *s = HUB_CONTAINER(task, struct pg_store, answer);
    void (*done)(void *arg) = s->closed;
    void *arg = s->closed_arg;
    hub_pg_writer_free(s);
    hub_pg_readers_free(s);
    hub_timer_stop(s->loop, &s->start);
    hub_timer_stop(s->loop, &s->timeouts);
    hub_defer_cancel(&s->turn);
    hub_pg_conninfo_free(&s->conninfo);
    hub_pg_process_leave(s);
    free(s->service);
    free(s);
    if (done) done(arg);
}

/* Its task is on the way, and comes here again. */
static bool is_adopting(const struct pg_store *s) { return __atomic_load_n(&s->adopting, __ATOMIC_ACQUIRE); }

void hub_pg_maybe_closed(struct pg_store *s) {
    if (!s->closing || s->outstanding || s->answering || s->freeing || is_adopting(s)) return;
    if (!hub_pg_process_may_end(s)) return;
    s->freeing = true;
    s->answering = true;
    s->answer.run = on_freed;
    hub_post(s->loop, &s->answer);
}

static void pg_close(struct hub_store *base, void (*done)(void *arg), void *arg) {
    struct pg_store *s = store_of(base);
    s->closing = true;
    s->closing_since = hub_loop_now_exact(s->loop);
    s->closed = done;
    s->closed_arg = arg;
    hub_pg_maybe_closed(s);
}

const struct hub_store_ops hub_postgres_ops = {
    .scheme = "postgresql,postgres",
    .help = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with the options of libpq - a PostgreSQL server",
    .check = pg_check,
    .open = pg_open,
    .attach = pg_attach,
    .plan = hub_pg_plan,
    .apply = hub_pg_apply,
    .adopt = hub_pg_adopt,
    .select = pg_select,
    .write = pg_write,
    .sql = pg_sql,
    .counter = pg_counter,
    .claim_place = pg_claim_place,
    .ready = pg_ready,
    .close = pg_close,
};
