/* One write inside the writer's transaction: room numbers, times, the statement, and what came of it. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/sqlite/sqlite_int.h"
#include "base/clock.h"

/* ---- counters ---- */

void hub_sqlite_counters_init(struct counters *k) {
    *k = (struct counters){0};
    hub_list_init(&k->all);
}

void hub_sqlite_counters_free(struct counters *k) {
    for (struct hub_list *l; (l = hub_list_pop(&k->all));) {
        struct counter *c = HUB_CONTAINER(l, struct counter, link);
        hub_buf_free(&c->key);
        free(c);
    }
    hub_map_clear(&k->map);
}

static void bind_str(sqlite3_stmt *st, int at, struct hub_str s) { sqlite3_bind_text64(st, at, s.p ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8); }

static int read_counter(struct conn *c, struct hub_str scope, struct hub_str room, struct counter *out) {
    sqlite3_stmt *st = hub_sqlite_prepare_text(c, "SELECT seq, epoch FROM hubd_room WHERE scope = ?1 AND \"roomId\" = ?2");
    if (!st) return sqlite3_errcode(c->db);
    bind_str(st, 1, scope);
    bind_str(st, 2, room);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        out->seq = sqlite3_column_int64(st, 0);
        snprintf(out->epoch, sizeof out->epoch, "%s", (const char *)sqlite3_column_text(st, 1));
    }
    sqlite3_reset(st);
    return rc;
}

static int make_counter(struct conn *c, struct hub_str scope, struct hub_str room, struct counter *out) {
    sqlite3_stmt *st = hub_sqlite_prepare_text(c, "INSERT INTO hubd_room (scope, \"roomId\", seq, epoch) VALUES (?1, ?2, 0, ?3)");
    if (!st) return sqlite3_errcode(c->db);
    hub_uuid4(out->epoch);
    bind_str(st, 1, scope);
    bind_str(st, 2, room);
    bind_str(st, 3, hub_cstr(out->epoch));
    int rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc;
}

int hub_sqlite_counter(struct counters *k, struct conn *c, struct hub_str scope, struct hub_str room, struct counter **out) {
    hub_buf_clear(&c->key);
    hub_buf_adds(&c->key, scope);
    hub_buf_addc(&c->key, 0);
    hub_buf_adds(&c->key, room);
    struct counter *n = hub_map_get(&k->map, hub_buf_str(&c->key));
    *out = n;
    if (n) return SQLITE_DONE;
    n = hub_xcalloc(1, sizeof *n);
    n->scope_n = scope.n;
    hub_buf_adds(&n->key, hub_buf_str(&c->key));
    int rc = read_counter(c, scope, room, n);
    if (rc == SQLITE_DONE) rc = make_counter(c, scope, room, n);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
        hub_buf_free(&n->key);
        free(n);
        return rc;
    }
    hub_map_put(&k->map, hub_buf_str(&n->key), n);
    hub_list_push(&k->all, &n->link);
    *out = n;
    return SQLITE_DONE;
}

int hub_sqlite_counters_flush(struct counters *k, struct conn *c) {
    HUB_LIST_EACH(&k->all, it) {
        struct counter *n = HUB_CONTAINER(it, struct counter, link);
        if (!n->dirty) continue;
        sqlite3_stmt *st = hub_sqlite_prepare_text(c, "UPDATE hubd_room SET seq = ?3 WHERE scope = ?1 AND \"roomId\" = ?2");
        if (!st) return sqlite3_errcode(c->db);
        bind_str(st, 1, hub_str(n->key.p, n->scope_n));
        bind_str(st, 2, hub_str(n->key.p + n->scope_n + 1, n->key.n - n->scope_n - 1));
        sqlite3_bind_int64(st, 3, n->seq);
        int rc = sqlite3_step(st);
        sqlite3_reset(st);
        if (rc != SQLITE_DONE) return rc;
        n->dirty = false;
    }
    return SQLITE_DONE;
}

/* ---- writes ---- */

static void build_write(struct hub_buf *sql, const void *what) { hub_sql_write(&hub_sql_sqlite, what, sql); }

static int bind_conds(sqlite3_stmt *st, int at, const struct hub_table *t, const struct hub_cond *where, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct hub_cond *c = &where[i];
        const struct hub_column *col = &t->columns[c->column];
        for (size_t k = 0; c->cmp == HUB_IN && k < c->in_n; k++) hub_sqlite_bind(st, at++, col, &c->in[k]);
        if (c->cmp != HUB_IN && c->value.kind != HUB_CELL_NULL) hub_sqlite_bind(st, at++, col, &c->value);
    }
    return at;
}

/* Runs the write's statement; rows that it returns go to w->row (the first one). SQLite result code. */
static int run(struct conn *c, struct hub_write *w, struct hub_rows *row) {
    const struct hub_table *t = w->table;
    hub_buf_clear(&c->key);
    hub_sql_write_shape(w, &c->key);
    sqlite3_stmt *st = hub_sqlite_prepare(c, build_write, w);
    if (!st) return sqlite3_errcode(c->db);
    int at = 1, rc;
    size_t cap = 0;
    for (size_t i = 0; w->cells && i < t->column_n; i++)
        if (w->cells[i].kind != HUB_CELL_ABSENT) hub_sqlite_bind(st, at++, &t->columns[i], &w->cells[i]);
    if (w->kind == HUB_UPDATE || w->kind == HUB_DELETE) bind_conds(st, at, t, w->where, w->where_n);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        if (!row->n) hub_sqlite_take_row(st, t, row, &cap);
    w->changes = rc == SQLITE_DONE ? sqlite3_changes64(c->db) : 0;
    int again = sqlite3_reset(st);
    return rc == SQLITE_DONE ? rc : again;
}

struct existing {
    const struct hub_table *t;
    const char *conflict;
};

static void build_existing(struct hub_buf *sql, const void *what) {
    const struct existing *e = what;
    hub_sql_existing(&hub_sql_sqlite, e->t, e->conflict, sql);
}

/* The row that stood in the way of an INSERT. */
static int find_existing(struct conn *c, struct hub_write *w) {
    struct existing e = {w->table, w->conflict};
    hub_buf_clear(&c->key);
    hub_buf_addc(&c->key, 'E');
    hub_buf_add(&c->key, &e.t, sizeof e.t);
    hub_buf_addz(&c->key, e.conflict);
    sqlite3_stmt *st = hub_sqlite_prepare(c, build_existing, &e);
    if (!st) return sqlite3_errcode(c->db);
    struct hub_str rest = hub_cstr(w->conflict);
    size_t cap = 0;
    for (int at = 1, col; (col = hub_sql_next_column(w->table, &rest)) >= 0; at++) hub_sqlite_bind(st, at, &w->table->columns[col], &w->cells[col]);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) hub_sqlite_take_row(st, w->table, &w->row, &cap);
    sqlite3_reset(st);
    return rc == SQLITE_ROW ? SQLITE_DONE : rc;
}

static void set_number(const struct hub_write *w, int column, int64_t number) {
    if (column >= 0) w->cells[column] = (struct hub_cell){.kind = HUB_CELL_INT, .i = number};
}

static void number_cells(struct conn *c, const struct hub_write *w, int64_t number) {
    if (c->numbered != w->table) {
        c->numbered = w->table;
        c->seq = hub_table_column(w->table, HUB_STR("seq"));
        c->change_seq = hub_table_column(w->table, HUB_STR("changeSeq"));
    }
    if (w->numbering == HUB_NUMBER_NEW) set_number(w, c->seq, number);
    set_number(w, c->change_seq, number);
}

static void set_time(const struct hub_write *w, int column) {
    if (column >= 0 && w->cells[column].kind == HUB_CELL_ABSENT) w->cells[column] = (struct hub_cell){.kind = HUB_CELL_INT, .i = hub_wall_ms()};
}

/* A soft delete is an update of a copy of the cells. */
static void become_soft(struct conn *c, struct hub_write *w) {
    size_t n = w->table->column_n;
    if (c->scratch_n < n) c->scratch = hub_xrealloc(c->scratch, n * sizeof *c->scratch), c->scratch_n = n;
    for (size_t i = 0; i < n; i++) c->scratch[i] = w->cells ? w->cells[i] : (struct hub_cell){.kind = HUB_CELL_ABSENT};
    c->scratch[w->table->active] = (struct hub_cell){.kind = HUB_CELL_BOOL, .i = 0};
    w->cells = c->scratch;
}

static bool names_id(const struct hub_write *w) {
    for (size_t i = 0; i < w->where_n; i++)
        if (w->where[i].cmp == HUB_EQ && (size_t)w->where[i].column == w->table->id) return true;
    return false;
}

static void prepare_cells(struct conn *c, struct hub_write *w, int64_t number) {
    bool adds = w->kind == HUB_INSERT || w->kind == HUB_UPSERT;
    if (w->kind == HUB_DELETE && w->table->active >= 0) become_soft(c, w);
    if (w->kind == HUB_DELETE && w->table->active < 0) w->cells = NULL;
    if (!w->cells) return;
    if (adds) set_time(w, w->table->created_at);
    set_time(w, w->table->updated_at);
    if (w->numbering != HUB_NUMBER_NONE) number_cells(c, w, number);
}

static int fail(struct hub_write *w, enum hub_code code, const char *why) {
    hub_sqlite_fail_write(w, code, why);
    return SQLITE_DONE;
}

/* After a statement that ran: is it what was asked for? */
static int judge(struct conn *c, struct hub_write *w, bool guarded) {
    bool adds = w->kind == HUB_INSERT || w->kind == HUB_UPSERT;
    if (adds && !w->changes) {
        if (!w->conflict) return fail(w, HUB_INTERNAL, "nothing was inserted");
        w->duplicate = true;
        return find_existing(c, w);
    }
    if (!w->changes) return fail(w, HUB_NOT_FOUND, "no row meets the conditions");
    if (guarded && w->changes > 1) {
        int rc = hub_sqlite_exec(c, "ROLLBACK TO numbered");
        return rc ? rc : fail(w, HUB_BAD_REQUEST, "a numbered write must change one row, and this would change several");
    }
    return SQLITE_DONE;
}

static int attempt(struct conn *c, struct counters *k, struct hub_write *w) {
    struct counter *n = NULL;
    struct hub_write local = *w; /* cells may be swapped for scratch */
    /* Only a numbered write that may hit several rows needs a way back. */
    bool guarded = w->numbering != HUB_NUMBER_NONE && (w->kind == HUB_UPDATE || w->kind == HUB_DELETE) && !names_id(w);
    int rc = SQLITE_DONE;
    if (w->numbering != HUB_NUMBER_NONE) rc = hub_sqlite_counter(k, c, hub_cstr(w->counter_scope), w->counter_room, &n);
    if (rc == SQLITE_DONE && guarded && (rc = hub_sqlite_exec(c, "SAVEPOINT numbered")) == SQLITE_OK) rc = SQLITE_DONE;
    if (rc != SQLITE_DONE) return rc;
    prepare_cells(c, &local, n ? n->seq + 1 : 0);
    rc = run(c, &local, &w->row);
    w->changes = local.changes;
    if (rc == SQLITE_DONE) rc = judge(c, w, guarded);
    if (rc != SQLITE_DONE) hub_sqlite_fail_write(w, hub_sqlite_code(rc), sqlite3_errmsg(c->db)); /* before the next statement clears it */
    if (guarded) hub_sqlite_exec(c, "RELEASE numbered");
    if (rc == SQLITE_DONE && n && !w->code && !w->duplicate && w->changes == 1) {
        w->number = ++n->seq;
        n->dirty = true;
    }
    return rc;
}

bool hub_sqlite_write(struct conn *c, struct counters *k, struct hub_write *w) {
    w->code = HUB_OK;
    int rc = attempt(c, k, w);
    if (rc != SQLITE_DONE && !w->code) hub_sqlite_fail_write(w, hub_sqlite_code(rc), sqlite3_errmsg(c->db));
    hub_sqlite_settle(&w->row);
    /* SQLite undoes the statement alone for a row that does not fit, and the whole transaction for worse. */
    return !sqlite3_get_autocommit(c->db) && w->code != HUB_STORE_UNAVAILABLE;
}
