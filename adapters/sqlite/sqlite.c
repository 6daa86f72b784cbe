/* The store's table: its URL, handing work to the threads, and bringing answers back. */
#include "adapters/sqlite/sqlite.h"

#include <stdlib.h>
#include <unistd.h>

#include "adapters/sqlite/sqlite_int.h"
#include "base/io/file.h"
#include "base/telemetry/log.h"
#include "base/time/clock.h"
#include "persist/store_metrics.h"

#define WATCH_MS 1000 /* how often the file is looked for */

static struct sqlite_handle *handle_of(const struct hub_store *s) {
    return HUB_CONTAINER(s, struct sqlite_handle, base);
}

/* ---- answers ---- */

static void maybe_closed(struct sqlite_handle *h);

static void on_batch(struct hub_task *task) {
    struct batch *b = HUB_CONTAINER(task, struct batch, task);
    struct sqlite_handle *h = b->h;
    if (b->committed) hub_store_count_commit(b->ns, b->n);
    for (struct hub_list *l; (l = hub_list_pop(&b->writes));) {
        struct hub_write *w = HUB_CONTAINER(l, struct hub_write, link);
        struct sqlite_job *j = w->adapter;
        bool keeps_rows = w->keeps_rows; /* DONE may free the write */
        struct hub_rows row = w->row, before = w->before;
        if (!j)
            hub_store_write_failed(w);
        else if (j->kind == JOB_SQL)
            hub_store_sql_failed(w->code);
        else
            hub_store_read_failed(j->kind == JOB_SELECT ? j->q.table : NULL, w->code, w->error);
        if (j && j->ns) hub_store_count_read(j->ns);
        h->outstanding--;
        h->outstanding_bytes -= w->bytes;
        w->done(w);
        if (keeps_rows) continue;
        hub_rows_free(&row);
        hub_rows_free(&before);
    }
    hub_store_show_queue(h->outstanding);
    free(b);
    maybe_closed(h);
}

static struct sqlite_handle *handle_through(const struct hub_list *write) {
    return handle_of(HUB_CONTAINER(write, struct hub_write, link)->through);
}

static HUB_MUST struct batch *new_batch(struct sqlite_handle *h) {
    struct batch *b = hub_xcalloc(1, sizeof *b);
    *b = (struct batch){.task.run = on_batch, .h = h};
    hub_list_init(&b->writes);
    return b;
}

/* The batch of H among BATCHES, where that is put which has just been looked for. */
static struct batch *batch_for(struct hub_list *batches, struct sqlite_handle *h) {
    HUB_LIST_EACH(batches, it) {
        struct batch *b = HUB_CONTAINER(it, struct batch, link);
        if (b->h != h) continue;
        hub_list_remove(it);
        hub_list_push_front(batches, it);
        return b;
    }
    struct batch *b = new_batch(h);
    hub_list_push_front(batches, &b->link);
    return b;
}

/* Each loop gets its own, in their order; whose is the first counts the commit. */
static void post_to_each(struct hub_list *writes, size_t n, uint64_t ns, bool committed) {
    struct hub_list batches;
    hub_list_init(&batches);
    for (struct hub_list *l; (l = hub_list_pop(writes));)
        hub_list_push(&batch_for(&batches, handle_through(l))->writes, l);
    for (struct hub_list *l; (l = hub_list_pop(&batches)); committed = false) {
        struct batch *b = HUB_CONTAINER(l, struct batch, link);
        b->n = n;
        b->ns = ns;
        b->committed = committed;
        hub_post(b->h->loop, &b->task); /* from here on the handle may go */
    }
}

void hub_sqlite_post(struct sqlite_store *s, struct hub_list *writes, uint64_t ns, bool committed) {
    size_t n = 0;
    if (hub_list_empty(writes)) return;
    HUB_LIST_EACH(writes, it) n++;
    if (__atomic_load_n(&s->handle_n, __ATOMIC_RELAXED) > 1) {
        post_to_each(writes, n, ns, committed);
        return;
    }
    struct batch *b = new_batch(handle_through(writes->next));
    b->n = n;
    b->ns = ns;
    b->committed = committed;
    hub_list_splice(&b->writes, writes);
    hub_post(b->h->loop, &b->task);
}

/* ---- submitting ---- */

static void expire_jobs(struct sqlite_store *s, struct hub_list *from, struct hub_list *to, int64_t before) {
    while (!hub_list_empty(from)) {
        struct hub_write *w = HUB_CONTAINER(from->next, struct hub_write, link);
        if (w->submitted > before) break;
        hub_list_push(to, hub_list_pop(from));
        hub_sqlite_fail_write(w, HUB_STORE_UNAVAILABLE, s->down ? s->why_down : "the store did not answer for 5 s");
    }
}

/* Nothing waits longer than TIMEOUT_MS for its turn, whichever loop sees it first; what a thread has taken
 * ends by its own deadline. */
static void on_timeouts(struct hub_timer *timer) {
    struct sqlite_handle *h = HUB_CONTAINER(timer, struct sqlite_handle, timeouts);
    struct sqlite_store *s = h->s;
    struct hub_list expired;
    int64_t now = hub_loop_now_exact(h->loop), before = now - TIMEOUT_MS, late = hub_loop_now(h->loop) - timer->due;
    hub_list_init(&expired);
    pthread_mutex_lock(&s->lock);
    if (!hub_sql_may_judge(&s->patience, now, late, TIMEOUT_MS / 10, TIMEOUT_MS))
        before = INT64_MIN; /* the threads stood still as well */
    expire_jobs(s, &s->waiting, &expired, before);
    expire_jobs(s, &s->reads, &expired, before);
    pthread_mutex_unlock(&s->lock);
    hub_sqlite_post(s, &expired, 0, false);
    if (h->outstanding) hub_timer_start(h->loop, &h->timeouts, TIMEOUT_MS / 10, on_timeouts);
}

static size_t bytes_of(const struct hub_write *w) {
    const struct sqlite_job *j = w->adapter;
    return j ? j->text.n : hub_write_bytes(w);
}

static bool has_too_much(const struct sqlite_handle *h) {
    return h->outstanding >= __atomic_load_n(&h->s->outstanding_max, __ATOMIC_RELAXED) ||
           h->outstanding_bytes > __atomic_load_n(&h->s->outstanding_bytes_max, __ATOMIC_RELAXED);
}

/* Counts it in, or answers it on a later turn. False when it was refused. */
static bool admit_write(struct sqlite_handle *h, struct hub_write *w) {
    bool refused = h->closing || has_too_much(h);
    w->bytes = bytes_of(w);
    h->outstanding_bytes += w->bytes;
    /* Not the turn's time: a turn that blocked, as at a reload, must not count against it. */
    w->submitted = hub_loop_now_exact(h->loop);
    h->outstanding++;
    hub_store_show_queue(h->outstanding);
    if (!hub_timer_running(&h->timeouts)) hub_timer_start(h->loop, &h->timeouts, TIMEOUT_MS / 10, on_timeouts);
    if (!refused) return true;
    struct hub_list one;
    hub_list_init(&one);
    enum hub_code code = h->closing ? HUB_SHUTTING_DOWN : HUB_OVERLOADED;
    hub_sqlite_fail_write(w, code, hub_code_text(code));
    hub_list_push(&one, &w->link);
    hub_sqlite_post(h->s, &one, 0, false);
    return false;
}

/* What was submitted since the last time, as one list. */
static void hand_over(struct sqlite_handle *h) {
    struct sqlite_store *s = h->s;
    h->turn_n = 0;
    pthread_mutex_lock(&s->lock);
    if (h->turn_fences) s->fenced = true;
    hub_list_splice(&s->waiting, &h->turn);
    bool wake = s->writer_idle && !hub_list_empty(&s->waiting);
    pthread_mutex_unlock(&s->lock);
    if (wake) pthread_cond_signal(&s->writer_wake);
}

static void on_turn(struct hub_task *task) { hand_over(HUB_CONTAINER(task, struct sqlite_handle, turn_task)); }

/* A turn that has much to read does not leave the writer without work until its end. */
static void submit_write(struct sqlite_handle *h, struct hub_write *w) {
    if (!admit_write(h, w)) return;
    hub_list_push(&h->turn, &w->link);
    if (++h->turn_n >= HAND_OVER)
        hand_over(h);
    else
        hub_defer(h->loop, &h->turn_task);
}

static void submit_read(struct sqlite_job *j) {
    struct sqlite_store *s = j->h->s;
    if (!s->reader_n) {
        submit_write(j->h, &j->w); /* in memory: one connection does everything */
        return;
    }
    if (!admit_write(j->h, &j->w)) return;
    pthread_mutex_lock(&s->lock);
    hub_list_push(&s->reads, &j->w.link);
    pthread_mutex_unlock(&s->lock);
    pthread_cond_signal(&s->reader_wake);
}

static void sqlite_write(struct hub_store *base, struct hub_write *w) {
    struct sqlite_handle *h = handle_of(base);
    for (struct hub_write *part = w; part; part = part->next) {
        part->row = part->before = (struct hub_rows){0};
        h->turn_fences |= part->fence;
    }
    hub_write_reset(w);
    w->adapter = NULL;
    w->through = base;
    submit_write(h, w);
}

static void sqlite_select(struct hub_store *base, const struct hub_select *q, hub_rows_cb *cb, void *arg) {
    struct sqlite_job *j = hub_sqlite_job(handle_of(base), JOB_SELECT, arg);
    j->rows_cb = cb;
    j->q = *q;
    j->q.where = hub_sql_keep_where(q, &j->text, &j->cells, &j->cell_n);
    submit_read(j);
}

static HUB_MUST struct sqlite_job *new_room_job(struct hub_store *base, enum sqlite_job_kind kind, const char *scope,
                                                struct hub_str room, struct hub_str node, void *arg) {
    struct sqlite_job *j = hub_sqlite_job(handle_of(base), kind, arg);
    j->scope = hub_sql_keep(&j->text, hub_cstr(scope));
    j->room = hub_sql_keep(&j->text, room);
    j->node = hub_sql_keep(&j->text, node);
    hub_sql_settle(&j->text, &j->scope);
    hub_sql_settle(&j->text, &j->room);
    hub_sql_settle(&j->text, &j->node);
    return j;
}

static void sqlite_counter(struct hub_store *base, const char *scope, struct hub_str room, hub_counter_cb *cb,
                           void *arg) {
    struct sqlite_job *j = new_room_job(base, JOB_COUNTER, scope, room, HUB_STR(""), arg);
    j->counter_cb = cb;
    submit_read(j);
}

static void sqlite_claim_place(struct hub_store *base, const char *scope, struct hub_str room, struct hub_str node,
                               hub_place_cb *cb, void *arg) {
    struct sqlite_job *j = new_room_job(base, JOB_CLAIM, scope, room, node, arg);
    j->place_cb = cb;
    submit_write(j->h, &j->w);
}

/* A parameter of a script: scalars as they are, the rest as JSON text. */
static struct hub_cell parameter_cell(const json_t *v, struct hub_buf *text) {
    struct hub_cell c = {.kind = HUB_CELL_NULL};
    if (json_is_integer(v)) c = hub_cell_int(json_integer_value(v));
    if (json_is_real(v)) c = (struct hub_cell){.kind = HUB_CELL_REAL, .r = json_real_value(v)};
    if (json_is_boolean(v)) c = hub_cell_bool(json_is_true(v));
    if (!json_is_string(v) && !json_is_array(v) && !json_is_object(v)) return c;
    c.kind = HUB_CELL_TEXT;
    c.s.p = (const char *)(uintptr_t)text->n;
    size_t from = text->n;
    if (json_is_string(v))
        hub_buf_adds(text, hub_json_str(v));
    else
        hub_json_add(text, v);
    c.s.n = text->n - from;
    return c;
}

static void keep_fence(struct sqlite_job *j, const struct hub_fence *by) {
    j->scope = hub_sql_keep(&j->text, hub_cstr(by->scope));
    j->w.counter_room = hub_sql_keep(&j->text, by->room);
    j->w.fence = by->fence;
}

static void settle_fence(struct sqlite_job *j) {
    hub_sql_settle(&j->text, &j->scope);
    hub_sql_settle(&j->text, &j->w.counter_room);
    j->w.counter_scope = j->scope.p;
}

/* Reading statements may run beside the writer; everything else keeps its place among the writes. */
static bool may_read(struct hub_str sql) {
    static const char *const words[] = {"select", "with", "values", "explain", "pragma"};
    struct hub_str s = hub_str_trim(sql);
    for (size_t i = 0; i < HUB_NELEM(words); i++) {
        size_t n = strlen(words[i]);
        if (s.n > n && hub_str_eq_nocase(hub_str(s.p, n), hub_cstr(words[i]))) return true;
    }
    return false;
}

static void sqlite_sql(struct hub_store *base, struct hub_str text, const json_t *params, const struct hub_fence *by,
                       hub_sql_cb *cb, void *arg) {
    struct sqlite_job *j = hub_sqlite_job(handle_of(base), JOB_SQL, arg);
    j->sql_cb = cb;
    j->cell_n = json_array_size(params);
    j->cells = hub_xcalloc(j->cell_n, sizeof *j->cells);
    j->sql = hub_sql_keep(&j->text, text);
    if (by) keep_fence(j, by);
    for (size_t i = 0; i < j->cell_n; i++) j->cells[i] = parameter_cell(json_array_get(params, i), &j->text);
    hub_sql_settle(&j->text, &j->sql);
    if (by) settle_fence(j);
    for (size_t i = 0; i < j->cell_n; i++)
        if (j->cells[i].kind == HUB_CELL_TEXT) hub_sql_settle(&j->text, &j->cells[i].s);
    if (may_read(text))
        submit_read(j);
    else
        submit_write(j->h, &j->w);
}

static bool sqlite_ready(const struct hub_store *base, struct hub_buf *why_not) {
    struct sqlite_store *s = handle_of(base)->s;
    pthread_mutex_lock(&s->lock);
    const char *why = NULL;
    if (s->down)
        why = s->why_down;
    else if (s->trouble_until > hub_clock_mono_ms(s->clock))
        why = s->trouble;
    else if (!s->claimed && s->contested[0])
        why = s->contested;
    else
        why = __atomic_load_n(&s->lost_file, __ATOMIC_ACQUIRE);
    if (why && why_not) hub_buf_addz(why_not, why);
    pthread_mutex_unlock(&s->lock);
    return !why;
}

/* A file that is removed or replaced is written on by those who have it open, and nobody will find what
 * they wrote. */
static void on_watch(struct hub_timer *timer) {
    struct sqlite_store *s = HUB_CONTAINER(timer, struct sqlite_store, watch);
    const char *lost = hub_sqlite_lost_file(s), *was = s->lost_file;
    if (lost && lost != was) hub_logf(HUB_LOG_ERROR, "store", "sqlite:%s: %s", s->options.path, lost);
    if (!lost && was) hub_logf(HUB_LOG_INFO, "store", "sqlite:%s: the file is there again", s->options.path);
    __atomic_store_n(&s->lost_file, lost, __ATOMIC_RELEASE);
    hub_timer_start(s->first.loop, &s->watch, WATCH_MS, on_watch);
}

void hub_sqlite_watch(struct sqlite_store *s) {
    if (s->claim_fd >= 0) on_watch(&s->watch);
}

/* ---- opening ---- */

static bool read_option(struct sqlite_options *o, struct hub_str pair) {
    struct hub_str value = pair, key;
    uint64_t ms;
    hub_str_split(&value, '=', &key);
    if (!value.p) return false;
    if (hub_str_is(key, "synchronous") && (hub_str_is(value, "full") || hub_str_is(value, "normal"))) {
        o->normal = hub_str_is(value, "normal");
        return true;
    }
    if (!hub_str_is(key, "busy_timeout") || !hub_str_u64(value, &ms) || ms > TIMEOUT_MS) return false;
    o->busy_ms = (int64_t)ms;
    return true;
}

static enum hub_code parse_url(const char *url, struct sqlite_options *o, struct hub_err *err) {
    struct hub_str rest = hub_cstr(url), path, pair;
    *o = (struct sqlite_options){.busy_ms = TIMEOUT_MS};
    hub_str_split(&rest, '?', &path);
    if (!hub_str_starts(path, HUB_STR("sqlite:")) || path.n == 7)
        return hub_fail(err, HUB_BAD_REQUEST, "store.url \"%s\": expected sqlite:PATH or sqlite::memory:", url);
    if (hub_str_starts(path, HUB_STR("sqlite://")) && !hub_str_starts(path, HUB_STR("sqlite:///")))
        return hub_fail(
            err, HUB_BAD_REQUEST,
            "store.url \"%s\": a file has no host; expected sqlite:PATH, relative to the service directory, or "
            "sqlite:/PATH",
            url);
    while (rest.p && hub_str_split(&rest, '&', &pair))
        if (!read_option(o, pair))
            return hub_fail(
                err, HUB_BAD_REQUEST,
                "store.url: \"%.*s\" is not an option; there are synchronous=full|normal and busy_timeout=0…5000",
                HUB_FMT(pair));
    path = hub_str(path.p + 7, path.n - 7);
    if (!hub_str_is(path, ":memory:")) o->path = hub_str_dup(path);
    return HUB_OK;
}

static enum hub_code sqlite_check(const struct hub_store_config *config, struct hub_err *err) {
    struct sqlite_options o;
    enum hub_code code = parse_url(config->url, &o, err);
    if (!code) free(o.path);
    return code;
}

static enum hub_code make_folders(const char *path, struct hub_err *err) {
    struct hub_err why;
    if (hub_file_make_folders(path, &why) == HUB_OK) return HUB_OK;
    return hub_fail(err, HUB_STORE_UNAVAILABLE, "sqlite:%s: %s", path, why.text);
}

static void free_store(struct sqlite_store *s) {
    hub_clock_unlisten(s->clock, &s->turned);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->db_lock);
    pthread_cond_destroy(&s->writer_wake);
    pthread_cond_destroy(&s->reader_wake);
    if (s->claim_fd >= 0) close(s->claim_fd);
    free(s->service);
    free(s->options.path);
    free(s);
}

static void on_alone(struct hub_task *task);
static void on_closed(struct hub_task *task);

/* On any thread: the writer may have waited long enough. */
static void on_turned(struct hub_clock_listener *l) {
    struct sqlite_store *s = HUB_CONTAINER(l, struct sqlite_store, turned);
    pthread_mutex_lock(&s->lock);
    pthread_cond_signal(&s->writer_wake);
    pthread_mutex_unlock(&s->lock);
}

static void init_handle(struct sqlite_handle *h, struct sqlite_store *s, struct hub_loop *loop) {
    h->base.ops = &hub_sqlite_ops;
    h->s = s;
    h->loop = loop;
    h->turn_task.run = on_turn;
    hub_list_init(&h->turn);
}

/* Under the lock, or alone: there are N handles. */
static void share_bounds(struct sqlite_store *s, int n) {
    __atomic_store_n(&s->handle_n, n, __ATOMIC_RELAXED);
    __atomic_store_n(&s->outstanding_max, MAX_OUTSTANDING / n, __ATOMIC_RELAXED);
    __atomic_store_n(&s->outstanding_bytes_max, MAX_OUTSTANDING_BYTES / (size_t)n, __ATOMIC_RELAXED);
}

static HUB_MUST struct sqlite_store *new_store(struct hub_loop *loop, const struct sqlite_options *o) {
    struct sqlite_store *s = hub_xcalloc(1, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->db_lock, NULL);
    hub_clock_cond_init(&s->writer_wake);
    pthread_cond_init(&s->reader_wake, NULL);
    init_handle(&s->first, s, loop);
    share_bounds(s, 1);
    s->clock = hub_loop_clock(loop);
    s->writer.cells.clock = s->clock;
    s->turned.turned = on_turned;
    hub_clock_listen(s->clock, &s->turned);
    s->options = *o;
    s->claim_fd = -1;
    hub_list_init(&s->waiting);
    hub_list_init(&s->reads);
    hub_sqlite_counters_init(&s->counters);
    s->alone_task.run = on_alone;
    s->closed_task.run = on_closed;
    return s;
}

static void start_threads(struct sqlite_store *s) {
    hub_hash("", 0); /* draws its key before two threads could at once */
    s->reader_n = s->readers_running = s->options.path ? READERS : 0;
    for (int i = 0; i < s->reader_n; i++)
        if (pthread_create(&s->reader_threads[i], NULL, hub_sqlite_reader_main, s)) abort();
    if (pthread_create(&s->writer_thread, NULL, hub_sqlite_writer_main, s)) abort();
}

static enum hub_code sqlite_open(struct hub_loop *loop, const struct hub_store_config *config, struct hub_store **out,
                                 struct hub_err *err) {
    struct sqlite_options o;
    enum hub_code code = parse_url(config->url, &o, err);
    if (!code && o.path) code = make_folders(o.path, err);
    if (code) {
        free(o.path);
        return code;
    }
    struct sqlite_store *s = new_store(loop, &o);
    s->tables = config->tables;
    s->table_n = config->table_n;
    s->writer.outbox = config->outbox;
    s->service = hub_xstrdup(config->service ? config->service : "hubd");
    s->owner = config->owner;
    code = hub_sqlite_claim(s, err); /* before the file is touched */
    if (code && code != HUB_CONFLICT) {
        free_store(s);
        return code;
    }
    start_threads(s);
    *out = &s->first.base;
    return HUB_OK;
}

/* The writer and the readers are everybody's: a handle is a queue to them, and the way back. */
static enum hub_code sqlite_attach(struct hub_store *base, struct hub_loop *loop, struct hub_store **out,
                                   struct hub_err *err) {
    struct sqlite_store *s = handle_of(base)->s;
    struct sqlite_handle *h = hub_xcalloc(1, sizeof *h);
    (void)err;
    init_handle(h, s, loop);
    pthread_mutex_lock(&s->lock);
    share_bounds(s, s->handle_n + 1);
    pthread_mutex_unlock(&s->lock);
    *out = &h->base;
    return HUB_OK;
}

/* ---- closing ---- */

static void end_store(struct sqlite_store *s, void (*done)(void *arg), void *arg) {
    hub_timer_stop(s->first.loop, &s->watch);
    free_store(s);
    if (done) done(arg);
}

/* No batch of it is under way any more, and none will be. */
static void detach_handle(struct sqlite_handle *h, void (*done)(void *arg), void *arg) {
    struct sqlite_store *s = h->s;
    free(h);
    pthread_mutex_lock(&s->lock);
    share_bounds(s, s->handle_n - 1);
    bool alone = s->ending && s->handle_n == 1;
    if (alone) hub_post(s->first.loop, &s->alone_task); /* with the lock: the store does not go before it is left */
    pthread_mutex_unlock(&s->lock);
    if (done) done(arg);
}

static void maybe_closed(struct sqlite_handle *h) {
    struct sqlite_store *s = h->s;
    bool is_first = h == &s->first;
    if (!h->closing || h->outstanding || (is_first && !s->threads_gone)) return;
    hub_timer_stop(h->loop, &h->timeouts);
    if (is_first)
        end_store(s, h->closed, h->closed_arg);
    else
        detach_handle(h, h->closed, h->closed_arg);
}

static void on_closed(struct hub_task *task) {
    struct sqlite_store *s = HUB_CONTAINER(task, struct sqlite_store, closed_task);
    for (int i = 0; i < s->reader_n; i++) pthread_join(s->reader_threads[i], NULL);
    pthread_join(s->writer_thread, NULL);
    s->threads_gone = true;
    maybe_closed(&s->first);
}

/* Nobody but the first handle is there any more. */
static void stop_threads(struct sqlite_store *s) {
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_mutex_unlock(&s->lock);
    pthread_cond_broadcast(&s->reader_wake);
    pthread_cond_signal(&s->writer_wake);
}

static void on_alone(struct hub_task *task) { stop_threads(HUB_CONTAINER(task, struct sqlite_store, alone_task)); }

/* True: the threads can go; else they do with the last of the other handles. */
static bool begin_ending(struct sqlite_store *s) {
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    bool alone = s->handle_n == 1;
    pthread_mutex_unlock(&s->lock);
    return alone;
}

static void on_handle_closed(struct hub_task *task) {
    maybe_closed(HUB_CONTAINER(task, struct sqlite_handle, turn_task));
}

static void sqlite_close(struct hub_store *base, void (*done)(void *arg), void *arg) {
    struct sqlite_handle *h = handle_of(base);
    struct sqlite_store *s = h->s;
    h->closing = true;
    h->closed = done;
    h->closed_arg = arg;
    hub_defer_cancel(&h->turn_task);
    hand_over(h);
    if (h != &s->first) {
        h->turn_task.run = on_handle_closed; /* DONE comes in a later turn, also if nothing is under way */
        hub_post(h->loop, &h->turn_task);
    } else if (begin_ending(s))
        stop_threads(s);
}

const struct hub_store_ops hub_sqlite_ops = {
    .local = true,
    .scheme = "sqlite",
    .help = "sqlite:PATH or sqlite::memory:, with ?synchronous=full|normal&busy_timeout=MS - embedded, in a file",
    .check = sqlite_check,
    .open = sqlite_open,
    .attach = sqlite_attach,
    .plan = hub_sqlite_plan,
    .apply = hub_sqlite_apply,
    .adopt = hub_sqlite_adopt,
    .select = sqlite_select,
    .write = sqlite_write,
    .sql = sqlite_sql,
    .counter = sqlite_counter,
    .claim_place = sqlite_claim_place,
    .ready = sqlite_ready,
    .close = sqlite_close,
};
