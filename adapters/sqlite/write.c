/* One write inside the writer's transaction: room numbers and fences, times, the statement, and what came of
 * it. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/sqlite/sqlite_int.h"
#include "base/time/clock.h"

#define LARGE (1u << 20) /* bytes of a row: below, its outbox row cannot be too large for SQLite */

/* ---- counters ---- */

void hub_sqlite_counters_init(struct sqlite_counters *k) {
    *k = (struct sqlite_counters){0};
    hub_list_init(&k->dirty);
}

void hub_sqlite_counters_free(struct sqlite_counters *k) {
    for (struct sqlite_counter *c; (c = hub_map_drain(&k->map));) {
        hub_buf_free(&c->key);
        free(c);
    }
    hub_map_clear(&k->map);
    hub_list_init(&k->dirty);
}

int hub_sqlite_counters_begin(struct sqlite_counters *k, struct sqlite_conn *c) {
    sqlite3_stmt *st = hub_sqlite_prepare_text(c, "PRAGMA data_version");
    if (!st) return sqlite3_errcode(c->db);
    int rc = sqlite3_step(st);
    int64_t version = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    if (rc != SQLITE_ROW) return rc;
    if (version != k->version || hub_map_len(&k->map) >= MAX_COUNTERS) hub_sqlite_counters_free(k);
    k->version = version;
    return SQLITE_DONE;
}

static void bind_str(sqlite3_stmt *st, int at, struct hub_str s) {
    sqlite3_bind_text64(st, at, s.p ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
}

static int read_counter(struct sqlite_conn *c, struct hub_str scope, struct hub_str room, struct sqlite_counter *out) {
    sqlite3_stmt *st =
        hub_sqlite_prepare_text(c, "SELECT seq, epoch, fence FROM hubd_room WHERE scope = ?1 AND \"roomId\" = ?2");
    if (!st) return sqlite3_errcode(c->db);
    bind_str(st, 1, scope);
    bind_str(st, 2, room);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        out->seq = sqlite3_column_int64(st, 0);
        snprintf(out->epoch, sizeof out->epoch, "%s", (const char *)sqlite3_column_text(st, 1));
        out->fence = sqlite3_column_int64(st, 2);
    }
    sqlite3_reset(st);
    return rc;
}

static int insert_counter(struct sqlite_conn *c, struct hub_str scope, struct hub_str room,
                          struct sqlite_counter *out) {
    sqlite3_stmt *st =
        hub_sqlite_prepare_text(c, "INSERT INTO hubd_room (scope, \"roomId\", seq, epoch) VALUES (?1, ?2, 0, ?3)");
    if (!st) return sqlite3_errcode(c->db);
    hub_uuid4(out->epoch);
    bind_str(st, 1, scope);
    bind_str(st, 2, room);
    bind_str(st, 3, hub_cstr(out->epoch));
    int rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc;
}

/* MAKE: when it is missing; else *OUT is NULL then. SQLite result code. */
static int find_counter(struct sqlite_counters *k, struct sqlite_conn *c, struct hub_str scope, struct hub_str room,
                        bool make, struct sqlite_counter **out) {
    hub_buf_clear(&c->key);
    hub_buf_adds(&c->key, scope);
    hub_buf_addc(&c->key, 0);
    hub_buf_adds(&c->key, room);
    struct sqlite_counter *n = hub_map_get(&k->map, hub_buf_str(&c->key));
    *out = n;
    if (n) return SQLITE_DONE;
    n = hub_xcalloc(1, sizeof *n);
    n->scope_n = scope.n;
    hub_buf_adds(&n->key, hub_buf_str(&c->key));
    int rc = read_counter(c, scope, room, n);
    bool is_there = rc == SQLITE_ROW;
    if (rc == SQLITE_DONE && make) is_there = (rc = insert_counter(c, scope, room, n)) == SQLITE_DONE;
    if (!is_there) {
        hub_buf_free(&n->key);
        free(n);
        return rc;
    }
    hub_map_put(&k->map, hub_buf_str(&n->key), n);
    hub_list_init(&n->dirty);
    *out = n;
    return SQLITE_DONE;
}

int hub_sqlite_counter(struct sqlite_counters *k, struct sqlite_conn *c, struct hub_str scope, struct hub_str room,
                       struct sqlite_counter **out) {
    return find_counter(k, c, scope, room, true, out);
}

/* The row may be a moment older than what is known of its number, which is written at the end. */
int hub_sqlite_claim_place(struct sqlite_counters *k, struct sqlite_conn *c, struct hub_str scope, struct hub_str room,
                           struct hub_str node, struct sqlite_counter **out) {
    char epoch[HUB_UUID_LEN + 1];
    sqlite3_stmt *st = hub_sqlite_prepare_text(
        c, "INSERT INTO hubd_room (scope, \"roomId\", seq, epoch, fence, owner) VALUES (?1, ?2, 0, ?3, 1, ?4) ON "
           "CONFLICT DO UPDATE SET fence = fence + 1, owner = excluded.owner RETURNING fence");
    if (!st) return sqlite3_errcode(c->db);
    hub_uuid4(epoch);
    bind_str(st, 1, scope);
    bind_str(st, 2, room);
    bind_str(st, 3, hub_cstr(epoch));
    bind_str(st, 4, node);
    int rc = sqlite3_step(st);
    int64_t fence = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    int end = sqlite3_reset(st);
    if (rc != SQLITE_ROW) return end;
    rc = hub_sqlite_counter(k, c, scope, room, out);
    if (rc == SQLITE_DONE) (*out)->fence = fence;
    return rc;
}

int hub_sqlite_counters_flush(struct sqlite_counters *k, struct sqlite_conn *c) {
    for (struct hub_list *l; (l = hub_list_pop(&k->dirty));) {
        struct sqlite_counter *n = HUB_CONTAINER(l, struct sqlite_counter, dirty);
        sqlite3_stmt *st =
            hub_sqlite_prepare_text(c, "UPDATE hubd_room SET seq = ?3 WHERE scope = ?1 AND \"roomId\" = ?2");
        if (!st) return sqlite3_errcode(c->db);
        bind_str(st, 1, hub_str(n->key.p, n->scope_n));
        bind_str(st, 2, hub_str(n->key.p + n->scope_n + 1, n->key.n - n->scope_n - 1));
        sqlite3_bind_int64(st, 3, n->seq);
        int rc = sqlite3_step(st);
        sqlite3_reset(st);
        if (rc != SQLITE_DONE) return rc;
    }
    return SQLITE_DONE;
}

/* ---- writes ---- */

static void build_write(struct hub_buf *sql, const void *what) { hub_sql_write(&hub_sql_sqlite, what, sql); }

static int bind_conds(sqlite3_stmt *st, int at, const struct hub_table *t, const struct hub_cond *where, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct hub_cond *c = &where[i];
        const struct hub_column *col = &t->columns[c->column];
        for (size_t k = 0; c->cmp == HUB_IN && k < c->in_n; k++) hub_sqlite_bind_cond(st, at++, col, c->cmp, &c->in[k]);
        if (c->cmp != HUB_IN && c->value.kind != HUB_CELL_NULL) hub_sqlite_bind_cond(st, at++, col, c->cmp, &c->value);
    }
    return at;
}

int hub_sqlite_run(struct sqlite_conn *c, struct hub_write *w, struct hub_rows *row) {
    const struct hub_table *t = w->table;
    hub_buf_clear(&c->key);
    hub_sql_write_shape(w, &c->key);
    sqlite3_stmt *st = hub_sqlite_prepare(c, build_write, w);
    if (!st) return sqlite3_errcode(c->db);
    int at = 1, rc = SQLITE_OK;
    size_t cap = 0;
    for (size_t i = 0; w->cells && !rc && i < t->column_n; i++)
        if (w->cells[i].kind != HUB_CELL_ABSENT) rc = hub_sqlite_bind(st, at++, &t->columns[i], &w->cells[i]);
    if (rc) return rc;
    if (w->kind == HUB_UPDATE || w->kind == HUB_DELETE) at = bind_conds(st, at, t, w->where, w->where_n);
    if (w->take) sqlite3_bind_int64(st, at, w->take->limit);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        if (row && (w->take || !row->n)) hub_sqlite_take_row(st, t, row, &cap);
    w->changes = rc == SQLITE_DONE ? sqlite3_changes64(c->db) : 0;
    if (row) hub_sql_settle_rows(row);
    int again = sqlite3_reset(st);
    return rc == SQLITE_DONE ? rc : again;
}

struct sqlite_existing {
    const struct hub_table *t;
    const char *conflict;
};

static void build_existing(struct hub_buf *sql, const void *what) {
    const struct sqlite_existing *e = what;
    hub_sql_existing(&hub_sql_sqlite, e->t, e->conflict, sql);
}

/* The row that has the conflict's columns in common with the write's, into ROW, which is left empty when
 * there is none. */
static int find_existing(struct sqlite_conn *c, const struct hub_write *w, struct hub_rows *row) {
    struct sqlite_existing e = {w->table, w->conflict};
    hub_buf_clear(&c->key);
    hub_buf_addc(&c->key, 'E');
    hub_buf_add(&c->key, &e.t, sizeof e.t);
    hub_buf_addz(&c->key, e.conflict);
    sqlite3_stmt *st = hub_sqlite_prepare(c, build_existing, &e);
    if (!st) return sqlite3_errcode(c->db);
    struct hub_str rest = hub_cstr(w->conflict);
    size_t cap = 0;
    for (int at = 1, col; (col = hub_sql_next_column(w->table, &rest)) >= 0; at++)
        hub_sqlite_bind(st, at, &w->table->columns[col], &w->cells[col]);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) hub_sqlite_take_row(st, w->table, row, &cap);
    hub_sql_settle_rows(row);
    sqlite3_reset(st);
    return rc == SQLITE_ROW ? SQLITE_DONE : rc;
}

static void build_before(struct hub_buf *sql, const void *what) { hub_sql_select(&hub_sql_sqlite, what, sql); }

static int find_before(struct sqlite_conn *c, struct hub_write *w) {
    const struct hub_select q = hub_sql_before(w);
    hub_buf_clear(&c->key);
    hub_sql_select_shape(&q, &c->key);
    sqlite3_stmt *st = hub_sqlite_prepare(c, build_before, &q);
    if (!st) return sqlite3_errcode(c->db);
    size_t cap = 0;
    int at = bind_conds(st, 1, w->table, w->where, w->where_n);
    sqlite3_bind_int64(st, at, 1);
    sqlite3_bind_int64(st, at + 1, 0);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) hub_sqlite_take_row(st, w->table, &w->before, &cap);
    hub_sql_settle_rows(&w->before);
    sqlite3_reset(st);
    return rc == SQLITE_ROW ? SQLITE_DONE : rc;
}

static int keep_before(struct sqlite_conn *c, struct hub_write *w) {
    if (w->kind == HUB_UPDATE) return find_before(c, w);
    return w->kind == HUB_UPSERT ? find_existing(c, w, &w->before) : SQLITE_DONE;
}

static bool names_id(const struct hub_write *w) {
    for (size_t i = 0; i < w->where_n; i++)
        if (w->where[i].cmp == HUB_EQ && (size_t)w->where[i].column == w->table->id) return true;
    return false;
}

static int fail_write(struct hub_write *w, enum hub_code code, const char *why) {
    hub_sqlite_fail_write(w, code, why);
    return SQLITE_DONE;
}

/* After a statement that ran: is it what was asked for? */
static int judge_write(struct sqlite_conn *c, struct hub_write *w) {
    bool adds = w->kind == HUB_INSERT || w->kind == HUB_UPSERT;
    if (adds && !w->changes) {
        if (!w->conflict) return fail_write(w, HUB_INTERNAL, "nothing was inserted");
        w->duplicate = true;
        return find_existing(c, w, &w->row);
    }
    if (!w->changes) return fail_write(w, HUB_NOT_FOUND, "no row meets the conditions");
    if (w->changes > 1 && w->numbering != HUB_NUMBER_NONE)
        return fail_write(w, HUB_BAD_REQUEST, "a numbered write must change one row, and this would change several");
    if (w->changes > 1 && w->announce)
        return fail_write(w, HUB_BAD_REQUEST, "an announced write must change one row, and this would change several");
    return SQLITE_DONE;
}

/* Whether the write may have to be taken back after its statement ran: when it turns out to hit several
 * rows, or when a large row is too large for the outbox. */
static bool wants_guard(const struct sqlite_conn *c, const struct hub_write *w) {
    bool picks = w->kind == HUB_UPDATE || w->kind == HUB_DELETE;
    if (picks && (w->announce || w->numbering != HUB_NUMBER_NONE) && !names_id(w)) return true;
    return w->announce && c->outbox && (w->kind != HUB_INSERT || w->bytes > LARGE);
}

static int exec_prepared(struct sqlite_conn *c, const char *sql) {
    sqlite3_stmt *st = hub_sqlite_prepare_text(c, sql);
    if (!st) return sqlite3_errcode(c->db);
    sqlite3_step(st);
    return sqlite3_reset(st) == SQLITE_OK ? SQLITE_DONE : sqlite3_errcode(c->db);
}

static int announce_write(struct sqlite_conn *c, struct hub_write *w, bool guarded) {
    int rc = hub_sqlite_announce(c, w);
    /* Without a way back the transaction has to go, for a change that nobody is told of must not stay. */
    if (rc != SQLITE_DONE && !guarded) hub_sqlite_fail_write(w, HUB_STORE_UNAVAILABLE, sqlite3_errmsg(c->db));
    return rc;
}

/* The statement, what came of it, and its row in the outbox. LOCAL: the write with the cells that the
 * statement sets. */
static int carry_out_write(struct sqlite_conn *c, struct hub_write *w, struct hub_write *local, bool guarded) {
    int rc = w->announce ? keep_before(c, w) : SQLITE_DONE;
    if (rc == SQLITE_DONE) rc = hub_sqlite_run(c, local, &w->row);
    w->changes = local->changes;
    if (rc == SQLITE_DONE) rc = judge_write(c, w);
    if (rc == SQLITE_DONE && w->announce && c->outbox && !w->code && !w->duplicate) rc = announce_write(c, w, guarded);
    return rc;
}

static int attempt_write(struct sqlite_conn *c, struct sqlite_counters *k, struct hub_write *w) {
    struct sqlite_counter *n = NULL;
    struct hub_write local = *w; /* cells may be swapped for scratch */
    bool guarded = wants_guard(c, w);
    int rc = SQLITE_DONE;
    if (w->announce && w->kind != HUB_INSERT) local.return_row = true;
    if (w->numbering != HUB_NUMBER_NONE) rc = hub_sqlite_counter(k, c, hub_cstr(w->counter_scope), w->counter_room, &n);
    if (rc == SQLITE_DONE && guarded) rc = exec_prepared(c, "SAVEPOINT one_write");
    if (rc != SQLITE_DONE) return rc;
    hub_sql_prepare_cells(&c->cells, &local, n ? n->seq + 1 : 0);
    rc = carry_out_write(c, w, &local, guarded);
    if (rc != SQLITE_DONE && !w->code)
        hub_sqlite_fail_write(w, hub_sqlite_code(rc), sqlite3_errmsg(c->db)); /* before the next statement clears it */
    if (guarded && w->code) rc = exec_prepared(c, "ROLLBACK TO one_write");
    if (guarded) exec_prepared(c, "RELEASE one_write");
    if (w->code) return rc;
    if (n && !w->duplicate && w->changes == 1) {
        w->number = ++n->seq;
        hub_list_remove(&n->dirty);
        hub_list_push(&k->dirty, &n->dirty);
    }
    return rc;
}

/* The rows of a check as they are now; nobody else writes before the commit. */
static void check_rows(struct sqlite_conn *c, struct hub_write *w) {
    struct sqlite_job j = {.kind = JOB_SELECT, .q = *w->check};
    hub_sqlite_run_select(c, &j);
    if (j.w.code)
        hub_sqlite_fail_write(w, j.w.code, j.w.error);
    else if (!hub_rows_equal(&j.rows, w->expected))
        hub_sqlite_fail_write(w, HUB_CONFLICT, HUB_SQL_CHANGED);
    hub_rows_free(&j.rows);
}

/* False when the whole transaction is lost. */
static bool carry_out_one(struct sqlite_conn *c, struct sqlite_counters *k, struct hub_write *w) {
    w->code = HUB_OK;
    if (w->kind == HUB_CHECK) {
        check_rows(c, w);
    } else if (hub_sql_cells_have_nul(w->table, w->cells) || hub_sql_conds_have_nul(w->where, w->where_n)) {
        hub_sqlite_fail_write(w, HUB_BAD_REQUEST, HUB_SQL_NUL);
        return true;
    } else {
        int rc = attempt_write(c, k, w);
        if (rc != SQLITE_DONE && !w->code) hub_sqlite_fail_write(w, hub_sqlite_code(rc), sqlite3_errmsg(c->db));
    }
    /* SQLite undoes the statement alone for a row that does not fit, and the whole transaction for worse. */
    return !sqlite3_get_autocommit(c->db) && w->code != HUB_STORE_UNAVAILABLE;
}

static bool carry_out_group(struct sqlite_conn *c, struct sqlite_counters *k, struct hub_write *w) {
    struct hub_write *part = w;
    bool kept = exec_prepared(c, "SAVEPOINT all_writes") == SQLITE_DONE;
    if (!kept) hub_sqlite_fail_write(w, HUB_STORE_UNAVAILABLE, sqlite3_errmsg(c->db));
    for (; kept && part; part = part->next) {
        kept = carry_out_one(c, k, part);
        if (!part->code && part->duplicate) hub_sqlite_fail_write(part, HUB_CONFLICT, HUB_SQL_DUPLICATE);
        if (part->code) break;
    }
    if (kept && part) kept = exec_prepared(c, "ROLLBACK TO all_writes") == SQLITE_DONE;
    if (kept) kept = exec_prepared(c, "RELEASE all_writes") == SQLITE_DONE;
    if (part && part->code) hub_write_fail_group(w, part);
    return kept;
}

bool hub_sqlite_write(struct sqlite_conn *c, struct sqlite_counters *k, struct hub_write *w) {
    return w->next ? carry_out_group(c, k, w) : carry_out_one(c, k, w);
}

/* Nobody else writes before the commit: what is known of the row is as good as a lock on it. */
void hub_sqlite_check_fence(struct sqlite_conn *c, struct sqlite_counters *k, struct hub_write *w) {
    struct sqlite_counter *n;
    if (!w->fence) return;
    int rc = find_counter(k, c, hub_cstr(w->counter_scope), w->counter_room, false, &n);
    if (rc != SQLITE_DONE)
        hub_sqlite_fail_write(w, hub_sqlite_code(rc), sqlite3_errmsg(c->db));
    else if (!n || n->fence != w->fence)
        hub_write_fail_fenced(w);
}

bool hub_sqlite_write_fenced(struct sqlite_conn *c, struct sqlite_counters *k, struct hub_write *w) {
    for (struct hub_write *part = w; part; part = part->next) {
        hub_sqlite_check_fence(c, k, part);
        if (!part->code) continue;
        if (w->next) hub_write_fail_group(w, part);
        return !sqlite3_get_autocommit(c->db) && w->code != HUB_STORE_UNAVAILABLE;
    }
    return hub_sqlite_write(c, k, w);
}
