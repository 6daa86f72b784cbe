/* Who may write. The writer's session holds an advisory lock for the service and one for each message
 * table, so that no other hubd counts the same rooms. After a lost connection the old session is ended
 * first; once its locks are ours its last transaction has been decided, and the marker in hubd_writer says
 * how.
 *
 * Where a process has several loops, the session of each of them shares those locks, and has one for its loop
 * alone, which tells it that its old session is over. That they are shared by one process only is seen from a
 * row of hubd_writer, which names it: the first loop writes that row while it has the locks for itself, which
 * is when no loop of another process has them. */
#include <stdio.h>

#include "adapters/postgres/postgres_int.h"
#include "adapters/sql/hub_table.h"
#include "base/crypto/random.h"
#include "base/telemetry/log.h"

#define CLAIM_RETRY_MS 200

static struct hub_write *write_of(struct hub_list *l) { return HUB_CONTAINER(l, struct hub_write, link); }

static void on_retry(struct hub_timer *t) { hub_pg_claim(HUB_CONTAINER(t, struct writer, retry)); }

static bool claim_failed(struct writer *x, const struct failure *f) {
    if (!f) return false;
    if (hub_pg_unusable(f->state)) {
        hub_pg_link_drop(&x->link, f->text);
        return true;
    }
    snprintf(x->why, sizeof x->why, "%s", f->text);
    hub_timer_start(x->link.s->loop, &x->retry, CLAIM_RETRY_MS, on_retry);
    return true;
}

/* Another process has been here since we were; it is told once. Whoever has not served yet only waits. */
static void tell_taken(struct writer *x) {
    struct pg_store *s = x->link.s;
    void (*tell)(void *arg) = s->taken;
    if (!x->served) return;
    s->taken = NULL;
    if (tell) tell(s->taken_arg);
}

/* ---- what became of the segment ---- */

static void on_row(void *arg, const PGresult *r) {
    struct hub_write *w = arg;
    w->changes = PQntuples(r);
    hub_pg_take_first(r, w->table, &w->row);
}

static void on_rows(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (claim_failed(x, f)) return;
    x->segment_open = false;
    hub_pg_counters_keep(&x->counters);
    hub_pg_counters_clear(&x->counters);
    x->claimed = x->served = true;
    hub_pg_segment_over(x, true);
}

static void build_select(struct hub_buf *sql, const void *what) { hub_sql_select(&hub_sql_postgres, what, sql); }

/* Its row as it is now: nobody has written since. */
static void read_again(struct writer *x, struct hub_write *w) {
    struct link *l = &x->link;
    size_t i = 0;
    while (i < w->where_n && (w->where[i].cmp != HUB_EQ || (size_t)w->where[i].column != w->table->id)) i++;
    bool by_id = i < w->where_n;
    const struct hub_select q = {.table = w->table,
                                 .where = by_id ? &w->where[i] : w->where,
                                 .where_n = by_id ? 1 : w->where_n,
                                 .order_by = -1,
                                 .limit = 1,
                                 .with_inactive = true};
    hub_pg_params_clear(&l->params);
    hub_pg_param_conds(&l->params, w->table, q.where, q.where_n);
    hub_pg_param_int(&l->params, q.limit);
    hub_pg_param_int(&l->params, q.offset);
    hub_buf_clear(&l->key);
    hub_sql_select_shape(&q, &l->key);
    hub_pg_link_send(l, build_select, &q, on_row, w);
}

/* What WHERE finds now are other rows than those that were taken. */
static bool lost_what_it_took(const struct hub_write *w) { return w->take && w->return_row && !w->row.n; }

/* It was committed, and its results were lost with the connection. Of one carried out write by write they
 * are known. */
static void recover_results(struct writer *x) {
    hub_list_splice(&x->segment, &x->done);
    HUB_LIST_EACH(&x->segment, it) {
        struct hub_write *w = write_of(it);
        bool adds = w->kind == HUB_INSERT || w->kind == HUB_UPSERT;
        if (x->phase == PHASE_SINGLE) continue;
        if (!w->changes) w->changes = 1;
        if (lost_what_it_took(w))
            hub_pg_fail(w, HUB_STORE_UNDECIDED, "which rows it took was lost with the connection");
        if (!adds && !w->take && (w->return_row || w->kind == HUB_UPDATE) && !w->row.n) read_again(x, w);
    }
    hub_pg_link_sync(&x->link, on_rows, x);
}

/* ---- the claim ---- */

static void on_mark(void *arg, const PGresult *r) {
    struct writer *x = arg;
    if (PQresultStatus(r) != PGRES_TUPLES_OK || !PQntuples(r)) return;
    x->marked = hub_pg_int(r, 0, 0);
    x->pid = (int32_t)hub_pg_int(r, 0, 1);
    snprintf(x->pid_started, sizeof x->pid_started, "%.*s", HUB_FMT(hub_pg_text(r, 0, 2)));
}

/* A standby that was promoted without the last commits, or a backup that was restored under us. */
static void look_for_lost_commits(struct writer *x) {
    char missing[24];
    if (x->marked < x->committed) {
        snprintf(missing, sizeof missing, "%lld", (long long)(x->committed - x->marked));
        hub_log_kv(HUB_LOG_ERROR, "store",
                   "the database has lost commits that were acknowledged: give the rooms new epochs (operations.md, "
                   "Backup and restore)",
                   "transactions", missing, "database", x->link.s->conninfo.shown, NULL);
    }
    x->committed = x->marked;
}

/* Far from what another process would come to, so that nobody takes its segment for his own. */
static int64_t first_segment(const struct writer *x) {
    uint32_t far;
    hub_random(&far, sizeof far);
    return x->marked + far;
}

static void on_marked(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (claim_failed(x, f)) return;
    bool committed = x->segment_open && x->marked == x->segment_id;
    if (x->marked > x->committed && !committed) tell_taken(x);
    if (x->segment_open)
        hub_log_kv(HUB_LOG_INFO, "store",
                   committed ? "the transaction under way had been committed"
                             : "the transaction under way had not been committed",
                   NULL);
    x->why[0] = 0;
    look_for_lost_commits(x);
    if (committed) {
        recover_results(x);
        return;
    }
    x->segment_id = x->served ? x->marked : first_segment(x);
    hub_pg_writer_take_back(x);
    hub_pg_counters_clear(&x->counters);
    x->claimed = x->served = true;
    hub_pg_writer_expire(x, hub_loop_now_exact(x->link.s->loop) -
                                TIMEOUT_MS); /* those who wait for the older ones have been told */
    hub_pg_writer_pump(x);
}

static void read_mark(struct writer *x) {
    struct link *l = &x->link;
    hub_pg_params_clear(&l->params);
    hub_pg_param_str(&l->params, hub_buf_str(&l->s->marker));
    hub_pg_link_send_text(l, "INSERT INTO hubd_writer (service, segment) VALUES ($1, 0) ON CONFLICT DO NOTHING", NULL,
                          NULL);
    hub_pg_link_send_text(l,
                          "SELECT w.segment, a.pid, a.backend_start FROM hubd_writer w, pg_stat_activity a "
                          "WHERE w.service = $1 AND a.pid = pg_backend_pid()",
                          on_mark, x);
    hub_pg_link_sync(l, on_marked, x);
}

static void on_lock(void *arg, const PGresult *r) {
    struct writer *x = arg;
    for (int i = 0; i < PQntuples(r); i++)
        if (!hub_str_is(hub_pg_text(r, i, 1), "t"))
            snprintf(x->contested, sizeof x->contested, "%.*s", HUB_FMT(hub_pg_text(r, i, 0)));
}

void hub_pg_say_holder(const PGresult *r, char *out, size_t size) {
    snprintf(out, size,
             "%.*s is being written by another session: \"%.*s\" of host %.*s, since %.*s, process %.*s of the "
             "database server",
             HUB_FMT(hub_pg_text(r, 0, 4)), HUB_FMT(hub_pg_text(r, 0, 0)), HUB_FMT(hub_pg_text(r, 0, 2)),
             HUB_FMT(hub_pg_text(r, 0, 3)), HUB_FMT(hub_pg_text(r, 0, 1)));
}

/* A session of ours that was lost and is about to end. */
static bool is_own(const struct writer *x, int32_t pid) {
    char text[16];
    struct hub_buf ours = {0};
    hub_pg_process_sessions(x->link.s->process, &ours);
    hub_buf_addc(&ours, ',');
    snprintf(text, sizeof text, ",%d,", (int)pid);
    bool own = pid == x->pid || pid == x->asking || pid == x->asked || strstr(hub_buf_cstr(&ours), text);
    hub_buf_free(&ours);
    return own;
}

static void on_holder(void *arg, const PGresult *r) {
    struct writer *x = arg;
    if (!PQntuples(r)) return;
    hub_pg_say_holder(r, x->why, sizeof x->why);
    if (!is_own(x, (int32_t)hub_pg_int(r, 0, 1))) tell_taken(x);
}

static void on_contested(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (claim_failed(x, f)) return;
    if (!x->told) hub_log_kv(HUB_LOG_WARN, "store", "waiting", "for", x->why, NULL);
    x->told = true;
    hub_timer_start(x->link.s->loop, &x->retry, CLAIM_RETRY_MS, on_retry);
}

/* All or nothing, so that two do not wait for each other. */
static void give_back_locks(struct writer *x) {
    struct link *l = &x->link;
    struct hub_buf name = {0};
    hub_pg_params_clear(&l->params);
    hub_pg_link_command(l, "SELECT pg_advisory_unlock_all()");
    hub_pg_array_add(&name, hub_cstr(x->contested));
    hub_buf_addc(&name, '}');
    hub_pg_param_str(&l->params, hub_buf_str(&name));
    hub_buf_free(&name);
    hub_pg_link_send_text(l, "SELECT " HUB_PG_HOLDER "AND l.pid <> pg_backend_pid() LIMIT 1", on_holder, x);
    hub_pg_link_sync(l, on_contested, x);
}

static void on_locked(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (claim_failed(x, f)) return;
    if (x->contested[0]) {
        give_back_locks(x);
        return;
    }
    x->told = false;
    read_mark(x);
}

/* The service, and the tables that only one may write. */
void hub_pg_lock_names(const struct pg_store *s, struct hub_buf *array) {
    struct hub_buf name = {0};
    hub_buf_addf(&name, "service %s", s->service);
    hub_pg_array_add(array, hub_buf_str(&name));
    for (size_t i = 0; i < s->table_n; i++) {
        const struct hub_table *t = s->tables[i];
        if (!hub_sql_is_a_hubs(t)) continue;
        hub_buf_clear(&name);
        hub_buf_addf(&name, "table %s", t->table);
        hub_pg_array_add(array, hub_buf_str(&name));
    }
    hub_buf_addc(array, '}');
    hub_buf_free(&name);
}

#define OF_NAMES(FUNCTION) "SELECT n, " FUNCTION "(" HUB_PG_LOCK_KEY ") FROM unnest($1::text[]) AS n"
#define TRY_LOCK OF_NAMES("pg_try_advisory_lock")
#define TRY_SHARED OF_NAMES("pg_try_advisory_lock_shared")
#define UNLOCK OF_NAMES("pg_advisory_unlock")

static void ask_locks(struct writer *x, const char *sql, result_fn *result) {
    struct link *l = &x->link;
    struct hub_buf names = {0};
    hub_pg_lock_names(l->s, &names);
    hub_pg_params_clear(&l->params);
    hub_pg_param_str(&l->params, hub_buf_str(&names));
    hub_pg_link_send_text(l, sql, result, x);
    hub_buf_free(&names);
}

/* ---- the claim of one of several loops ---- */

static void process_name(const struct writer *x, struct hub_buf *out) {
    hub_buf_addf(out, "%s process", x->link.s->service);
}

static void on_process(void *arg, const PGresult *r) {
    struct writer *x = arg;
    x->is_ours = PQntuples(r) && hub_pg_int(r, 0, 0) == x->link.s->process->id;
}

static void ask_process(struct writer *x) {
    struct link *l = &x->link;
    struct hub_buf name = {0};
    process_name(x, &name);
    hub_pg_params_clear(&l->params);
    hub_pg_param_str(&l->params, hub_buf_str(&name));
    x->is_ours = false;
    hub_pg_link_send_text(l, "SELECT segment FROM hubd_writer WHERE service = $1", on_process, x);
    hub_buf_free(&name);
}

/* What only the session of this loop has. */
static void ask_own_lock(struct writer *x) {
    struct link *l = &x->link;
    struct hub_buf name = {0}, names = {0};
    hub_buf_addf(&name, "loop %d of service %s", l->s->number, l->s->service);
    hub_pg_array_add(&names, hub_buf_str(&name));
    hub_buf_addc(&names, '}');
    hub_pg_params_clear(&l->params);
    hub_pg_param_str(&l->params, hub_buf_str(&names));
    hub_pg_link_send_text(l, TRY_LOCK, on_lock, x);
    hub_buf_free(&name);
    hub_buf_free(&names);
}

/* Somebody else may have come between the look and the locks. */
static void on_shared(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (claim_failed(x, f)) return;
    if (!x->is_ours && !x->contested[0])
        snprintf(x->contested, sizeof x->contested, "service %.60s", x->link.s->service);
    on_locked(x, NULL);
}

static void share_locks(struct writer *x) {
    ask_locks(x, TRY_SHARED, on_lock);
    ask_process(x);
    hub_pg_link_sync(&x->link, on_shared, x);
}

/* The row is there for all to see: the others may come in. */
static void on_signed(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (claim_failed(x, f)) return;
    __atomic_store_n(&x->link.s->process->serves, true, __ATOMIC_RELEASE);
    ask_locks(x, TRY_SHARED, on_lock);
    ask_locks(x, UNLOCK, NULL);
    ask_process(x);
    hub_pg_link_sync(&x->link, on_shared, x);
}

/* It has all locks for itself: no loop of any process writes. */
static void on_alone_locked(void *arg, const struct failure *f) {
    struct writer *x = arg;
    struct link *l = &x->link;
    struct hub_buf name = {0};
    if (claim_failed(x, f)) return;
    if (x->contested[0]) {
        give_back_locks(x);
        return;
    }
    tell_taken(x);
    process_name(x, &name);
    hub_pg_params_clear(&l->params);
    hub_pg_param_str(&l->params, hub_buf_str(&name));
    hub_pg_param_int(&l->params, l->s->process->id);
    hub_pg_link_send_text(l,
                          "INSERT INTO hubd_writer (service, segment) VALUES ($1, $2) ON CONFLICT (service) DO UPDATE "
                          "SET segment = excluded.segment",
                          NULL, NULL);
    hub_pg_link_sync(l, on_signed, x);
    hub_buf_free(&name);
}

static void on_looked(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (claim_failed(x, f)) return;
    if (x->contested[0]) {
        give_back_locks(x);
    } else if (x->is_ours) {
        share_locks(x);
    } else if (x->link.s->number) { /* the first loop has the word */
        snprintf(x->contested, sizeof x->contested, "service %.60s", x->link.s->service);
        give_back_locks(x);
    } else {
        ask_locks(x, TRY_LOCK, on_lock);
        hub_pg_link_sync(&x->link, on_alone_locked, x);
    }
}

static void begin_shared(struct writer *x) {
    struct pg_store *s = x->link.s;
    if (s->number && !__atomic_load_n(&s->process->serves, __ATOMIC_ACQUIRE)) {
        hub_timer_start(s->loop, &x->retry, CLAIM_RETRY_MS, on_retry);
        return;
    }
    ask_own_lock(x);
    ask_process(x);
    hub_pg_link_sync(&x->link, on_looked, x);
}

/* ---- the claim ---- */

void hub_pg_claim(struct writer *x) {
    struct link *l = &x->link;
    if (l->state != LINK_UP || !l->s->applied || x->claimed) return;
    hub_pg_params_clear(&l->params);
    if (x->pid && x->pid != PQbackendPID(l->pg)) { /* tables that a reload brought are claimed in the same session */
        hub_pg_param_int(&l->params, x->pid);
        hub_pg_param_str(&l->params, hub_cstr(x->pid_started));
        hub_pg_link_send_text(l,
                              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND pid <> "
                              "pg_backend_pid() AND backend_start = $2::timestamptz",
                              NULL, NULL);
        hub_pg_params_clear(&l->params);
    }
    if (x->asking != PQbackendPID(l->pg)) x->asked = x->asking, x->asking = PQbackendPID(l->pg);
    hub_pg_process_note_session(l->s, x->asking);
    x->contested[0] = 0;
    if (l->s->shared) {
        begin_shared(x);
        return;
    }
    ask_locks(x, TRY_LOCK, on_lock);
    hub_pg_link_sync(l, on_locked, x);
}
