/* The threads. The writer takes everything that waits as one transaction; readers take one job at a time. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/sqlite/sqlite_int.h"
#include "base/telemetry/log.h"
#include "base/time/clock.h"
#include "persist/store_metrics.h"

#define PROBE_MS 500 /* how often a store that is down is tried again */
/* How long a read's failure of the store's own keeps it from being ready, and the shortest time between
 * two lines of the log. */
#define TROUBLE_MS 10000

void hub_sqlite_fail_write(struct hub_write *w, enum hub_code code, const char *why) {
    w->code = code;
    snprintf(w->error, sizeof w->error, "%s", why);
}

void hub_sqlite_set_down(struct sqlite_store *s, const char *why) {
    pthread_mutex_lock(&s->lock);
    bool changed = s->down != (why != NULL);
    s->down = why != NULL;
    if (why) snprintf(s->why_down, sizeof s->why_down, "%s", why);
    pthread_mutex_unlock(&s->lock);
    if (changed && why)
        hub_logf(HUB_LOG_ERROR, "store", "sqlite:%s is not available: %s",
                 s->options.path ? s->options.path : ":memory:", why);
    if (changed && !why)
        hub_logf(HUB_LOG_INFO, "store", "sqlite:%s is available again", s->options.path ? s->options.path : ":memory:");
}

/* Neither somebody's own mistake nor a matter of time. */
static bool is_trouble(int rc) {
    rc &= 0xff;
    return rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE && rc != SQLITE_BUSY && rc != SQLITE_LOCKED &&
           rc != SQLITE_INTERRUPT && rc != SQLITE_CONSTRAINT && rc != SQLITE_TOOBIG && rc != SQLITE_MISMATCH &&
           rc != SQLITE_RANGE && rc != SQLITE_AUTH && rc != SQLITE_NOMEM;
}

/* A damaged file stays damaged; a disk may recover, and somebody may put a table back. */
void hub_sqlite_note_trouble(struct sqlite_store *s, int rc, const char *why, bool write_alone) {
    int64_t now = hub_clock_mono_ms(s->clock);
    bool damaged = (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
    if (!is_trouble(rc)) return;
    hub_store_count_fault();
    pthread_mutex_lock(&s->lock);
    bool tell = now >= s->trouble_told + TROUBLE_MS || !s->trouble_told;
    if (s->trouble_until != INT64_MAX && !write_alone) {
        snprintf(s->trouble, sizeof s->trouble, "%.200s%s", why, damaged ? ": restore a backup (operations.md)" : "");
        s->trouble_until = damaged ? INT64_MAX : now + TROUBLE_MS;
    }
    if (tell) s->trouble_told = now;
    pthread_mutex_unlock(&s->lock);
    if (tell)
        hub_log_kv(HUB_LOG_ERROR, "store",
                   damaged ? "the database file is damaged: restore a backup (operations.md)"
                           : "the store is in trouble",
                   "file", s->options.path ? s->options.path : ":memory:", "error", why, NULL);
}

/* ---- one transaction ---- */

struct txn {
    struct sqlite_store *s;
    hub_sqlite_write_fn *write;
    bool open;
    bool in_doubt; /* all was written, and the disk did not confirm it: it may count when the file is opened again */
    struct hub_list members; /* carried out, waiting for the commit */
    uint64_t began;
};

/* Everything of the transaction fails, the counters included. */
static void lose_txn(struct txn *t, const char *why, bool reopen) {
    struct sqlite_store *s = t->s;
    char reason[200];
    int rc = s->writer.db ? sqlite3_errcode(s->writer.db) & 0xff : SQLITE_OK;
    snprintf(reason, sizeof reason, "%s", why); /* WHY is the connection's, which may go */
    if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB) hub_sqlite_note_trouble(s, rc, reason, false);
    if (s->writer.db) hub_sqlite_exec(&s->writer, "ROLLBACK");
    HUB_LIST_EACH(&t->members, it) {
        struct hub_write *w = HUB_CONTAINER(it, struct hub_write, link);
        hub_write_reset(w);
        hub_sqlite_fail_write(w, t->in_doubt ? HUB_STORE_UNDECIDED : HUB_STORE_UNAVAILABLE, reason);
    }
    t->in_doubt = false;
    hub_sqlite_post(s, &t->members, hub_real_ns() - t->began, false);
    hub_sqlite_counters_free(&s->counters);
    t->open = false;
    if (reopen && s->options.path) hub_sqlite_conn_close(&s->writer);
    hub_sqlite_set_down(s, reason);
}

/* What went wrong, with the operating system's word for it. */
static const char *last_cause(struct sqlite_store *s, char out[200]) {
    int rc = sqlite3_errcode(s->writer.db) & 0xff, os = sqlite3_system_errno(s->writer.db);
    bool from_os = os && (rc == SQLITE_IOERR || rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY);
    snprintf(out, 200, "%s%s%s", sqlite3_errmsg(s->writer.db), from_os ? ": " : "", from_os ? strerror(os) : "");
    return out;
}

/* A lock held by others and a full disk pass by themselves; after anything else the file is opened anew. */
static bool wants_reopen(struct sqlite_store *s) {
    int rc = sqlite3_errcode(s->writer.db) & 0xff;
    return rc != SQLITE_BUSY && rc != SQLITE_FULL && rc != SQLITE_NOMEM && rc != SQLITE_OK;
}

static bool begin_txn(struct txn *t) {
    struct sqlite_store *s = t->s;
    struct hub_err err;
    const char *lost = __atomic_load_n(&s->lost_file, __ATOMIC_ACQUIRE);
    t->began = hub_real_ns();
    if (lost) {
        lose_txn(t, lost, false);
        return false;
    }
    if (!s->writer.db && hub_sqlite_conn_open(&s->writer, &s->options, false, &err)) {
        lose_txn(t, err.text, false);
        return false;
    }
    sqlite3_stmt *st = hub_sqlite_prepare_text(&s->writer, "BEGIN IMMEDIATE");
    int rc = st ? sqlite3_step(st) : SQLITE_ERROR;
    if (st) sqlite3_reset(st);
    if (rc == SQLITE_DONE) rc = hub_sqlite_counters_begin(&s->counters, &s->writer);
    if (rc == SQLITE_DONE) {
        t->open = true;
        return true;
    }
    char why[200];
    lose_txn(t, (rc & 0xff) == SQLITE_BUSY ? "another process holds the database locked" : last_cause(s, why),
             wants_reopen(s));
    return false;
}

static void commit_txn(struct txn *t) {
    struct sqlite_store *s = t->s;
    if (!t->open) return;
    s->writer.deadline = 0; /* it is past waiting for locks, and must not be interrupted */
    int rc = hub_sqlite_counters_flush(&s->counters, &s->writer);
    if (rc == SQLITE_DONE) {
        sqlite3_stmt *st = hub_sqlite_prepare_text(&s->writer, "COMMIT");
        rc = st ? sqlite3_step(st) : SQLITE_ERROR;
        if (st) sqlite3_reset(st);
        t->in_doubt = rc != SQLITE_DONE && sqlite3_extended_errcode(s->writer.db) == SQLITE_IOERR_FSYNC;
    }
    if (rc != SQLITE_DONE) {
        char why[200];
        lose_txn(t, last_cause(s, why), wants_reopen(s));
        return;
    }
    t->open = false;
    hub_sqlite_post(s, &t->members, hub_real_ns() - t->began, true);
    hub_sqlite_set_down(s, NULL);
}

/* ---- jobs on the writer ---- */

static bool make_counter(struct txn *t, struct sqlite_job *j) {
    struct sqlite_store *s = t->s;
    struct sqlite_counter *n;
    int rc = j->kind == JOB_CLAIM ? hub_sqlite_claim_place(&s->counters, &s->writer, j->scope, j->room, j->node, &n)
                                  : hub_sqlite_counter(&s->counters, &s->writer, j->scope, j->room, &n);
    if (rc == SQLITE_DONE) {
        j->seq = n->seq;
        j->fence = n->fence;
        memcpy(j->epoch, n->epoch, sizeof j->epoch);
    } else
        hub_sqlite_job_fail(j, &s->writer, rc);
    return !sqlite3_get_autocommit(s->writer.db) && j->w.code != HUB_STORE_UNAVAILABLE;
}

/* A script's statement that takes too long is interrupted, which undoes its whole transaction: it gets one
 * of its own. */
static void run_sql(struct txn *t, struct sqlite_job *j) {
    commit_txn(t);
    hub_list_push(&t->members, &j->w.link);
    t->s->writer.deadline = hub_real_ms() + TIMEOUT_MS;
    if (!begin_txn(t)) return;
    hub_sqlite_check_fence(&t->s->writer, &t->s->counters, &j->w);
    if (!j->w.code) hub_sqlite_run_sql(&t->s->writer, j, false);
    if (j->w.code == HUB_STORE_UNAVAILABLE)
        hub_sqlite_note_trouble(t->s, sqlite3_errcode(t->s->writer.db), j->w.error, false);
    if (!j->w.code) {
        commit_txn(t);
        return;
    }
    hub_sqlite_exec(&t->s->writer, "ROLLBACK");
    t->open = false;
    hub_sqlite_counters_free(&t->s->counters);
    hub_sqlite_post(t->s, &t->members, hub_real_ns() - t->began, false);
}

static bool carry_out(struct txn *t, struct hub_write *w) {
    struct sqlite_job *j = w->adapter;
    if (!j) {
        bool kept = t->write(&t->s->writer, &t->s->counters, w);
        /* A row that does not fit fails as a constraint; what cannot even be said is another matter: a
         * table or column has gone. */
        if (kept && w->code == HUB_BAD_REQUEST && sqlite3_errcode(t->s->writer.db) == SQLITE_ERROR)
            hub_sqlite_note_trouble(t->s, SQLITE_ERROR, w->error, true);
        return kept;
    }
    if (j->kind == JOB_COUNTER || j->kind == JOB_CLAIM) return make_counter(t, j);
    hub_sqlite_run_select(&t->s->writer, j);
    if (j->w.code == HUB_STORE_UNAVAILABLE)
        hub_sqlite_note_trouble(t->s, sqlite3_errcode(t->s->writer.db), j->w.error, false);
    return true;
}

static void run_batch(struct sqlite_store *s, struct hub_list *list, bool fenced) {
    struct txn t = {.s = s, .write = fenced ? hub_sqlite_write_fenced : hub_sqlite_write};
    char why[200];
    hub_list_init(&t.members);
    for (struct hub_list *l; (l = hub_list_pop(list));) {
        struct hub_write *w = HUB_CONTAINER(l, struct hub_write, link);
        struct sqlite_job *j = w->adapter;
        if (j && j->kind == JOB_SQL) {
            run_sql(&t, j);
            continue;
        }
        s->writer.deadline = hub_clock_to_real(s->clock, w->submitted + s->options.busy_ms);
        hub_list_push(&t.members, &w->link);
        if (!t.open && !begin_txn(&t)) continue; /* it has its answer; the next one may still wait its own time */
        s->writer.deadline = hub_clock_to_real(s->clock, w->submitted + 2 * TIMEOUT_MS);
        if (!carry_out(&t, w))
            lose_txn(&t, sqlite3_errcode(s->writer.db) ? last_cause(s, why) : w->error, wants_reopen(s));
    }
    commit_txn(&t);
}

/* ---- the writer thread ---- */

/* A small write that needs room on the disk: says whether the store is usable again. */
static void probe_disk(struct sqlite_store *s) {
    struct txn t = {.s = s};
    char why[200];
    hub_list_init(&t.members);
    pthread_mutex_lock(&s->db_lock);
    s->writer.deadline = 0;
    if (begin_txn(&t)) {
        int rc = hub_sqlite_exec(
            &s->writer, "INSERT INTO hubd_room (scope, \"roomId\", seq, epoch) VALUES ('', '', 0, hex(zeroblob(4096)));"
                        "DELETE FROM hubd_room WHERE scope = ''");
        if (rc == SQLITE_OK)
            commit_txn(&t);
        else
            lose_txn(&t, last_cause(s, why), wants_reopen(s));
    }
    pthread_mutex_unlock(&s->db_lock);
}

static bool has_work(const struct sqlite_store *s) {
    return !hub_list_empty(&s->waiting) || (s->stop && !s->readers_running);
}

static void wait_for_work(struct sqlite_store *s) {
    int64_t probe_at = hub_clock_mono_ms(s->clock) + PROBE_MS;
    bool in_time = true;
    s->writer_idle = true;
    while (!has_work(s) && in_time) {
        if (s->down)
            in_time = hub_clock_wait(s->clock, &s->writer_wake, &s->lock, probe_at);
        else
            pthread_cond_wait(&s->writer_wake, &s->lock);
    }
    if (!has_work(s)) {
        pthread_mutex_unlock(&s->lock);
        probe_disk(s);
        pthread_mutex_lock(&s->lock);
    }
    s->writer_idle = false;
}

/* Up to MAX_BATCH writes, which may have fences; false when there will be none any more. */
static bool take_batch(struct sqlite_store *s, struct hub_list *batch, bool *fenced) {
    pthread_mutex_lock(&s->lock);
    while (!has_work(s)) wait_for_work(s);
    for (int n = 0; n < MAX_BATCH && !hub_list_empty(&s->waiting); n++) hub_list_push(batch, hub_list_pop(&s->waiting));
    *fenced = s->fenced;
    pthread_mutex_unlock(&s->lock);
    return !hub_list_empty(batch);
}

void *hub_sqlite_writer_main(void *arg) {
    struct sqlite_store *s = arg;
    struct hub_list batch;
    bool fenced;
    hub_list_init(&batch);
    while (take_batch(s, &batch, &fenced)) {
        pthread_mutex_lock(&s->db_lock);
        run_batch(s, &batch, fenced);
        pthread_mutex_unlock(&s->db_lock);
    }
    hub_sqlite_counters_free(&s->counters);
    hub_sqlite_conn_close(&s->writer);
    hub_post(s->first.loop, &s->closed_task); /* the readers have gone before */
    return NULL;
}

/* ---- readers ---- */

static void run_read(struct sqlite_store *s, struct sqlite_conn *c, struct sqlite_job *j) {
    struct hub_err err;
    uint64_t began = hub_real_ns();
    if (!c->db && hub_sqlite_conn_open(c, &s->options, true, &err)) {
        hub_sqlite_fail_write(&j->w, HUB_STORE_UNAVAILABLE, err.text);
        hub_sqlite_note_trouble(s, SQLITE_CANTOPEN, err.text, false);
        return;
    }
    unsigned generation = __atomic_load_n(&s->generation, __ATOMIC_ACQUIRE);
    if (c->generation != generation) hub_sqlite_conn_forget(c), c->generation = generation;
    c->deadline = hub_clock_to_real(s->clock, j->w.submitted + TIMEOUT_MS);
    if (j->kind == JOB_SELECT) hub_sqlite_run_select(c, j);
    if (j->kind == JOB_SQL) hub_sqlite_run_sql(c, j, true);
    if (j->kind == JOB_COUNTER) hub_sqlite_run_counter_read(c, j);
    int rc = sqlite3_errcode(c->db) & 0xff;
    if (j->w.code == HUB_STORE_UNAVAILABLE) hub_sqlite_note_trouble(s, rc, j->w.error, false);
    if (j->w.code == HUB_STORE_UNAVAILABLE && rc != SQLITE_BUSY && rc != SQLITE_INTERRUPT) hub_sqlite_conn_close(c);
    j->ns = hub_real_ns() - began;
}

static HUB_MUST struct sqlite_job *take_read(struct sqlite_store *s) {
    pthread_mutex_lock(&s->lock);
    while (hub_list_empty(&s->reads) && !s->stop) pthread_cond_wait(&s->reader_wake, &s->lock);
    struct hub_list *l = hub_list_pop(&s->reads);
    pthread_mutex_unlock(&s->lock);
    return l ? HUB_CONTAINER(HUB_CONTAINER(l, struct hub_write, link), struct sqlite_job, w) : NULL;
}

static void pass_on(struct sqlite_store *s, struct sqlite_job *j) {
    j->to_writer = false;
    pthread_mutex_lock(&s->lock);
    hub_list_push(&s->waiting, &j->w.link);
    if (s->writer_idle) pthread_cond_signal(&s->writer_wake);
    pthread_mutex_unlock(&s->lock);
}

void *hub_sqlite_reader_main(void *arg) {
    struct sqlite_store *s = arg;
    struct sqlite_conn c = {0};
    struct hub_list one;
    hub_list_init(&one);
    for (struct sqlite_job *j; (j = take_read(s));) {
        run_read(s, &c, j);
        if (j->to_writer) {
            pass_on(s, j);
            continue;
        }
        hub_list_push(&one, &j->w.link);
        hub_sqlite_post(s, &one, 0, false);
    }
    hub_sqlite_conn_close(&c);
    pthread_mutex_lock(&s->lock);
    s->readers_running--;
    pthread_cond_signal(&s->writer_wake);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}
