/* One write as a statement: times and numbers into its cells, its text by its shape, and what came of it. */
#include <stdio.h>

#include "adapters/postgres/postgres_int.h"
#include "adapters/sql/outbox.h"
#include "base/time/clock.h"

void hub_pg_fail(struct hub_write *w, enum hub_code code, const char *why) {
    w->code = code;
    snprintf(w->error, sizeof w->error, "%s", why);
}

/* ---- the statement ---- */

/* A numbered change must hit one row: its number is spoken for. The division fails unless it does. */
static void build_guarded(struct hub_buf *sql, const void *what) {
    const struct hub_write *w = what;
    hub_buf_addz(sql, "WITH changed AS (");
    hub_sql_write(&hub_sql_postgres, w, sql);
    if (!w->return_row) hub_buf_addz(sql, " RETURNING 1");
    hub_buf_addz(sql, "), one AS (SELECT 1 / CASE WHEN count(*) = 1 THEN 1 ELSE 0 END AS row FROM changed) "
                      "SELECT changed.* FROM one LEFT JOIN changed ON one.row = 1");
}

static void build_plain(struct hub_buf *sql, const void *what) { hub_sql_write(&hub_sql_postgres, what, sql); }

/* An INSERT tells of its cells, unless the database adds the id, or has defaults, triggers and scales of
 * its own as existing tables do. */
static bool becomes_other(const struct hub_write *w) {
    const struct hub_table *t = w->table;
    return w->kind == HUB_INSERT && (!t->managed || (t->id != HUB_NO_ID && w->cells[t->id].kind == HUB_CELL_ABSENT));
}

static bool wants_row(const struct hub_write *w) {
    return (w->return_row || w->announce) && (w->kind != HUB_INSERT || becomes_other(w));
}

bool hub_pg_goes_alone(const struct hub_write *w) {
    return w->next || w->kind == HUB_CHECK || (w->announce && (w->kind != HUB_INSERT || becomes_other(w)));
}

bool hub_pg_send_write(struct writer *x, struct hub_write *w, bool strict, int64_t number, result_fn *result) {
    struct link *l = &x->link;
    struct hub_write local = *w; /* cells may be swapped for scratch */
    bool changes = w->kind == HUB_UPDATE || w->kind == HUB_DELETE;
    bool guarded = strict && changes && w->numbering != HUB_NUMBER_NONE;
    if (strict && w->kind == HUB_INSERT) local.conflict = NULL;
    local.return_row = wants_row(w);
    hub_sql_prepare_cells(&x->cells, &local, number);
    hub_pg_params_clear(&l->params);
    for (size_t i = 0; local.cells && i < w->table->column_n; i++)
        if (local.cells[i].kind != HUB_CELL_ABSENT)
            hub_pg_param_cell(&l->params, &w->table->columns[i], &local.cells[i]);
    if (changes) hub_pg_param_conds(&l->params, w->table, w->where, w->where_n);
    if (w->take) hub_pg_param_int(&l->params, w->take->limit);
    if (l->params.has_nul) {
        hub_pg_fail(w, HUB_BAD_REQUEST, HUB_SQL_NUL);
        return false;
    }
    hub_buf_clear(&l->key);
    hub_buf_addc(&l->key, guarded ? 'G' : 'W');
    hub_sql_write_shape(&local, &l->key);
    hub_pg_link_send(l, guarded ? build_guarded : build_plain, &local, result, w);
    return true;
}

/* ---- rows of one table, several in a statement ---- */

static const size_t run_sizes[] = {
    16, 4, 1}; /* few different statements are prepared; the server gains little from more rows */

bool hub_pg_can_join(const struct hub_write *w) {
    if (w->kind != HUB_INSERT || wants_row(w)) return false;
    for (size_t i = 0; i < w->table->column_n; i++)
        if (w->cells[i].kind != HUB_CELL_ABSENT) return true;
    return false;
}

static void build_rows(struct hub_buf *sql, const void *what) {
    const struct run *run = what;
    struct hub_write w = *run->items[0];
    w.conflict = NULL;
    hub_sql_insert_rows(&hub_sql_postgres, &w, run->rows, sql);
}

static void send_rows(struct writer *x, struct hub_write *const *w, size_t n) {
    struct link *l = &x->link;
    const struct run rows = {.rows = n, .items = {w[0]}};
    hub_pg_params_clear(&l->params);
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < w[k]->table->column_n; i++)
            if (w[k]->cells[i].kind != HUB_CELL_ABSENT)
                hub_pg_param_cell(&l->params, &w[k]->table->columns[i], &w[k]->cells[i]);
        w[k]->changes = 1; /* or the segment fails */
    }
    hub_buf_clear(&l->key);
    hub_buf_addc(&l->key, (char)n);
    hub_buf_adds(&l->key, hub_buf_str(&x->run.key));
    hub_pg_link_send(l, build_rows, &rows, NULL, NULL);
}

void hub_pg_send_run(struct writer *x) {
    struct run *run = &x->run;
    for (size_t at = 0, size = 0; at < run->rows; at += run_sizes[size]) {
        while (run_sizes[size] > run->rows - at) size++;
        send_rows(x, run->items + at, run_sizes[size]);
    }
    run->rows = 0;
}

bool hub_pg_join_run(struct writer *x, struct hub_write *w, int64_t number) {
    struct run *run = &x->run;
    struct hub_write local = *w;
    struct hub_buf *key = &x->link.key;
    local.conflict = NULL;
    local.return_row = false;
    hub_sql_prepare_cells(&x->cells, &local, number);
    if (hub_sql_cells_have_nul(w->table, w->cells)) {
        hub_pg_fail(w, HUB_BAD_REQUEST, HUB_SQL_NUL);
        return false;
    }
    hub_buf_clear(key);
    hub_sql_write_shape(&local, key);
    if (run->rows == RUN_MAX || (run->rows && !hub_str_eq(hub_buf_str(key), hub_buf_str(&run->key)))) {
        hub_pg_send_run(x);
        hub_buf_clear(key);
        hub_sql_write_shape(&local, key);
    }
    if (!run->rows) hub_buf_clear(&run->key), hub_buf_adds(&run->key, hub_buf_str(key));
    run->items[run->rows++] = w;
    return true;
}

/* ---- what came of it ---- */

void hub_pg_take_outcome(struct hub_write *w, const PGresult *r) {
    w->changes = hub_pg_changes(r);
    if (wants_row(w)) hub_pg_take_rows(r, w->table, w->take ? PQntuples(r) : 1, &w->row);
}

/* ---- what others are to hear of ---- */

void hub_pg_send_outbox(struct writer *x, const struct hub_write *w) {
    const struct hub_table *t = x->link.s->outbox;
    struct link *l = &x->link;
    struct hub_cell cells[HUB_OUT_COLUMNS];
    const struct hub_write out = {.table = t, .kind = HUB_INSERT, .cells = cells};
    hub_sql_outbox_row(w, cells, &x->outbox_text);
    hub_pg_params_clear(&l->params);
    for (size_t i = 0; i < t->column_n; i++) hub_pg_param_cell(&l->params, &t->columns[i], &cells[i]);
    hub_buf_clear(&l->key);
    hub_buf_addc(&l->key, 'W');
    hub_sql_write_shape(&out, &l->key);
    hub_pg_link_send(l, build_plain, &out, NULL, NULL);
}

static void on_before(void *arg, const PGresult *r) {
    struct hub_write *w = arg;
    hub_pg_take_first(r, w->table, &w->before);
}

static void build_before(struct hub_buf *sql, const void *what) {
    hub_sql_select(&hub_sql_postgres, what, sql);
    hub_buf_addz(sql, " FOR UPDATE");
}

static void send_before_update(struct writer *x, struct hub_write *w) {
    struct link *l = &x->link;
    const struct hub_select q = hub_sql_before(w);
    hub_pg_params_clear(&l->params);
    hub_pg_param_conds(&l->params, w->table, w->where, w->where_n);
    hub_pg_param_int(&l->params, q.limit);
    hub_pg_param_int(&l->params, q.offset);
    hub_buf_clear(&l->key);
    hub_buf_addc(&l->key, 'B');
    hub_sql_select_shape(&q, &l->key);
    hub_pg_link_send(l, build_before, &q, on_before, w);
}

void hub_pg_send_before(struct writer *x, struct hub_write *w) {
    if (w->kind == HUB_UPDATE) send_before_update(x, w);
    if (w->kind == HUB_UPSERT) hub_pg_send_existing(x, w, on_before);
}

/* ---- checks ---- */

static void build_check(struct hub_buf *sql, const void *what) { hub_sql_select(&hub_sql_postgres, what, sql); }

static void on_checked(void *arg, const PGresult *r) {
    struct hub_write *w = arg;
    struct hub_rows rows = {.table = w->table};
    hub_pg_take_rows(r, w->table, PQntuples(r), &rows);
    rows.table = w->table; /* also when there is none */
    if (!hub_rows_equal(&rows, w->expected)) hub_pg_fail(w, HUB_CONFLICT, HUB_SQL_CHANGED);
    hub_rows_free(&rows);
    w->changes = 0;
}

static bool is_changed_later(const struct hub_write *w) {
    const struct hub_write *later = w->next;
    while (later && (later->table != w->table || later->kind == HUB_CHECK)) later = later->next;
    return later != NULL;
}

static bool send_check(struct writer *x, struct hub_write *w) {
    struct link *l = &x->link;
    const struct hub_select *q = w->check;
    bool locks = is_changed_later(w);
    hub_pg_params_clear(&l->params);
    hub_pg_param_conds(&l->params, w->table, q->where, q->where_n);
    hub_pg_param_int(&l->params, q->limit);
    hub_pg_param_int(&l->params, q->offset);
    if (l->params.has_nul) {
        hub_pg_fail(w, HUB_BAD_REQUEST, HUB_SQL_NUL);
        return false;
    }
    hub_buf_clear(&l->key);
    hub_buf_addc(&l->key, locks ? 'B' : 'C');
    hub_sql_select_shape(q, &l->key);
    hub_pg_link_send(l, locks ? build_before : build_check, q, on_checked, w);
    return true;
}

bool hub_pg_send_part(struct writer *x, struct hub_write *w, int64_t number, result_fn *result) {
    if (w->kind == HUB_CHECK) return send_check(x, w);
    if (w->announce) hub_pg_send_before(x, w);
    return hub_pg_send_write(x, w, false, number, result);
}

/* ---- the row that is in the way ---- */

struct pg_existing {
    const struct hub_table *t;
    const char *conflict;
};

static void build_existing(struct hub_buf *sql, const void *what) {
    const struct pg_existing *e = what;
    hub_sql_existing(&hub_sql_postgres, e->t, e->conflict, sql);
}

void hub_pg_send_existing(struct writer *x, struct hub_write *w, result_fn *result) {
    struct link *l = &x->link;
    const struct pg_existing e = {w->table, w->conflict};
    struct hub_str rest = hub_cstr(w->conflict);
    hub_pg_params_clear(&l->params);
    for (int col; (col = hub_sql_next_column(w->table, &rest)) >= 0;)
        hub_pg_param_cell(&l->params, &w->table->columns[col], &w->cells[col]);
    hub_buf_clear(&l->key);
    hub_buf_addc(&l->key, 'E');
    hub_buf_add(&l->key, &e.t, sizeof e.t);
    hub_buf_addz(&l->key, e.conflict);
    hub_pg_link_send(l, build_existing, &e, result, w);
}
