/* Jobs: selects, scripts' statements, counters and claims of places. Made on the loop thread, run on a reader
 * or the writer, answered on the loop. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/sqlite/sqlite_int.h"
#include "base/time/clock.h"

/* ---- life ---- */

static void answer_write(struct hub_write *w) {
    struct sqlite_job *j = w->adapter;
    const char *error = w->code ? w->error : NULL;
    if (j->kind == JOB_SELECT)
        j->rows_cb(j->arg, w->code, w->code ? NULL : &j->rows, error);
    else if (j->kind == JOB_SQL)
        j->sql_cb(j->arg, w->code, w->code ? NULL : j->result, error);
    else if (j->kind == JOB_COUNTER)
        j->counter_cb(j->arg, w->code, j->seq, j->epoch);
    else if (w->code)
        j->place_cb(j->arg, w->code, 0, 0, "");
    else
        j->place_cb(j->arg, HUB_OK, j->fence, j->seq, j->epoch);
    hub_sqlite_job_free(j);
}

struct sqlite_job *hub_sqlite_job(struct sqlite_handle *h, enum sqlite_job_kind kind, void *arg) {
    struct sqlite_job *j = hub_xcalloc(1, sizeof *j);
    j->h = h;
    j->kind = kind;
    j->arg = arg;
    j->w.adapter = j;
    j->w.through = &h->base;
    j->w.done = answer_write;
    hub_list_init(&j->w.link);
    return j;
}

void hub_sqlite_job_free(struct sqlite_job *j) {
    hub_rows_free(&j->rows);
    hub_buf_free(&j->text);
    json_decref(j->result);
    free((void *)(uintptr_t)j->q.where);
    free(j->cells);
    free(j);
}

void hub_sqlite_job_fail(struct sqlite_job *j, struct sqlite_conn *c, int rc) {
    if ((rc & 0xff) == SQLITE_INTERRUPT)
        hub_sqlite_fail_write(&j->w, HUB_STORE_UNAVAILABLE, "the statement took longer than 5 s");
    else if ((rc & 0xff) == SQLITE_ERROR &&
             j->kind != JOB_SQL) /* a statement of ours: somebody has changed the tables */
        hub_sqlite_fail_write(&j->w, HUB_STORE_UNAVAILABLE, sqlite3_errmsg(c->db));
    else
        hub_sqlite_fail_write(&j->w, hub_sqlite_code(rc), sqlite3_errmsg(c->db));
}

/* ---- selects ---- */

static void build_select(struct hub_buf *sql, const void *what) { hub_sql_select(&hub_sql_sqlite, what, sql); }

static int bind_where(sqlite3_stmt *st, const struct hub_select *q) {
    int at = 1;
    for (size_t i = 0; i < q->where_n; i++) {
        const struct hub_cond *c = &q->where[i];
        const struct hub_column *col = &q->table->columns[c->column];
        for (size_t k = 0; c->cmp == HUB_IN && k < c->in_n; k++) hub_sqlite_bind_cond(st, at++, col, c->cmp, &c->in[k]);
        if (c->cmp != HUB_IN && c->value.kind != HUB_CELL_NULL) hub_sqlite_bind_cond(st, at++, col, c->cmp, &c->value);
    }
    return at;
}

void hub_sqlite_run_select(struct sqlite_conn *c, struct sqlite_job *j) {
    bool too_many = hub_sql_too_many(j->q.where, j->q.where_n);
    if (too_many || hub_sql_conds_have_nul(j->q.where, j->q.where_n)) {
        hub_sqlite_fail_write(&j->w, HUB_BAD_REQUEST, too_many ? HUB_SQL_TOO_MANY : HUB_SQL_NUL);
        return;
    }
    hub_buf_clear(&c->key);
    hub_sql_select_shape(&j->q, &c->key);
    sqlite3_stmt *st = hub_sqlite_prepare(c, build_select, &j->q);
    if (!st) {
        hub_sqlite_job_fail(j, c, sqlite3_errcode(c->db));
        return;
    }
    int at = bind_where(st, &j->q), rc;
    size_t cap = 0;
    sqlite3_bind_int64(st, at, j->q.limit);
    sqlite3_bind_int64(st, at + 1, j->q.offset);
    j->rows.table = j->q.table;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && !j->rows.cut) {
        hub_sqlite_take_row(st, j->q.table, &j->rows, &cap);
        j->rows.cut = j->q.max_bytes && j->rows.text.n > j->q.max_bytes;
    }
    if (rc == SQLITE_DONE)
        j->rows.cut = false; /* it was the last row */
    else if (!j->rows.cut)
        hub_sqlite_job_fail(j, c, rc);
    sqlite3_reset(st);
    hub_sql_settle_rows(&j->rows);
}

/* ---- counters ---- */

void hub_sqlite_run_counter_read(struct sqlite_conn *c, struct sqlite_job *j) {
    sqlite3_stmt *st =
        hub_sqlite_prepare_text(c, "SELECT seq, epoch FROM hubd_room WHERE scope = ?1 AND \"roomId\" = ?2");
    if (!st) {
        hub_sqlite_job_fail(j, c, sqlite3_errcode(c->db));
        return;
    }
    sqlite3_bind_text64(st, 1, j->scope.p, j->scope.n, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_text64(st, 2, j->room.p, j->room.n, SQLITE_STATIC, SQLITE_UTF8);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        j->seq = sqlite3_column_int64(st, 0);
        snprintf(j->epoch, sizeof j->epoch, "%s", (const char *)sqlite3_column_text(st, 1));
    } else if (rc == SQLITE_DONE)
        j->to_writer = true;
    else
        hub_sqlite_job_fail(j, c, rc);
    sqlite3_reset(st);
}

/* ---- scripts' statements ---- */

/* What a result column should become, by its declared type, so that scripts see the same values as on
 * PostgreSQL. */
enum shape { AS_IS, AS_BOOL, AS_JSON };

static enum shape shape_of(sqlite3_stmt *st, int i) {
    const char *type = sqlite3_column_decltype(st, i);
    if (!type) return AS_IS;
    return strcasestr(type, "bool") ? AS_BOOL : strcasestr(type, "json") ? AS_JSON : AS_IS;
}

static HUB_MUST json_t *text_value(struct hub_str s, enum shape shape) {
    json_t *v = shape == AS_JSON ? hub_json_parse(s, NULL) : NULL;
    return v ? v : hub_json_string(s);
}

static HUB_MUST json_t *blob_value(sqlite3_stmt *st, int i) {
    struct hub_buf b = {0};
    hub_buf_add_base64(&b, hub_str(sqlite3_column_blob(st, i), (size_t)sqlite3_column_bytes(st, i)));
    json_t *v = hub_json_string(hub_buf_str(&b));
    hub_buf_free(&b);
    return v;
}

static HUB_MUST json_t *column_value(sqlite3_stmt *st, int i, enum shape shape) {
    const char *text;
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_INTEGER:
        return shape == AS_BOOL ? json_boolean(sqlite3_column_int(st, i) != 0)
                                : json_integer(sqlite3_column_int64(st, i));
    case SQLITE_FLOAT: return json_real(sqlite3_column_double(st, i));
    case SQLITE_TEXT:
        text = (const char *)sqlite3_column_text(st, i);
        return text_value(hub_str(text, (size_t)sqlite3_column_bytes(st, i)), shape);
    case SQLITE_BLOB: return blob_value(st, i);
    default: return json_null();
    }
}

static size_t row_bytes(sqlite3_stmt *st, int n) {
    size_t bytes = 64;
    for (int i = 0; i < n; i++) bytes += 64 + (size_t)sqlite3_column_bytes(st, i);
    return bytes;
}

/* Steps to the end, collecting rows. SQLite result code; a result that grows too large fails the job. */
static int collect_rows(sqlite3_stmt *st, struct sqlite_job *j) {
    int n = sqlite3_column_count(st), rc;
    size_t bytes = 0, rows = 0;
    enum shape *shapes = hub_xcalloc((size_t)n, sizeof *shapes);
    for (int i = 0; i < n; i++) shapes[i] = shape_of(st, i);
    if (n) j->result = json_array();
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        bytes += row_bytes(st, n);
        if (++rows > MAX_SQL_ROWS || bytes > MAX_SQL_BYTES) {
            hub_sqlite_fail_write(&j->w, HUB_TOO_LARGE,
                                  rows > MAX_SQL_ROWS ? "more than 10,000 rows; add a LIMIT"
                                                      : "the result is larger than 16 MiB; add a LIMIT");
            break;
        }
        json_t *row = json_object();
        for (int i = 0; i < n; i++)
            json_object_set_new_nocheck(row, sqlite3_column_name(st, i), column_value(st, i, shapes[i]));
        json_array_append_new(j->result, row);
    }
    free(shapes);
    return rc;
}

/* Binds j->cells; "?" by order, "?2" and "$2" by number. */
static bool bind_params(sqlite3_stmt *st, struct sqlite_job *j) {
    int n = sqlite3_bind_parameter_count(st);
    size_t used = 0;
    for (int i = 1; i <= n; i++) {
        const char *name = sqlite3_bind_parameter_name(st, i);
        uint64_t at = (uint64_t)i;
        if (name && ((*name != '?' && *name != '$') || !hub_str_u64(hub_cstr(name + 1), &at) || !at)) {
            hub_sqlite_fail_write(&j->w, HUB_BAD_REQUEST, "parameters are written $1, $2, … or ?");
            return false;
        }
        if (at > j->cell_n) {
            hub_sqlite_fail_write(&j->w, HUB_BAD_REQUEST, "the statement has more parameters than values were given");
            return false;
        }
        const struct hub_cell *v = &j->cells[at - 1];
        if (v->kind == HUB_CELL_TEXT && memchr(v->s.p, 0, v->s.n)) {
            hub_sqlite_fail_write(&j->w, HUB_BAD_REQUEST, HUB_SQL_NUL);
            return false;
        }
        if (at > used) used = (size_t)at;
        hub_sqlite_bind(st, i, NULL, v);
    }
    if (used == j->cell_n) return true;
    hub_sqlite_fail_write(&j->w, HUB_BAD_REQUEST, "more values were given than the statement has parameters");
    return false;
}

static HUB_MUST sqlite3_stmt *prepare_script(struct sqlite_conn *c, struct sqlite_job *j) {
    sqlite3_stmt *st = NULL;
    const char *tail = NULL;
    c->script = true;
    int rc = sqlite3_prepare_v3(c->db, j->sql.p, (int)j->sql.n, 0, &st, &tail);
    c->script = false;
    if (rc != SQLITE_OK) {
        if ((rc & 0xff) == SQLITE_AUTH || strstr(sqlite3_errmsg(c->db), "not authorized to use function"))
            hub_sqlite_fail_write(
                &j->w, HUB_NOT_ALLOWED,
                "scripts may not attach databases, change settings, begin transactions or write hubd's own tables");
        else
            hub_sqlite_job_fail(j, c, rc);
        return NULL;
    }
    struct hub_str rest = hub_str_trim(hub_str(tail, j->sql.n - (size_t)(tail - j->sql.p)));
    if (st && !rest.n) return st;
    hub_sqlite_fail_write(&j->w, HUB_BAD_REQUEST, st ? "one statement at a time" : "there is no statement");
    sqlite3_finalize(st);
    return NULL;
}

void hub_sqlite_run_sql(struct sqlite_conn *c, struct sqlite_job *j, bool read_only) {
    sqlite3_stmt *st = prepare_script(c, j);
    if (!st) return;
    if (read_only && !sqlite3_stmt_readonly(st)) {
        j->to_writer = true;
        sqlite3_finalize(st);
        return;
    }
    if (bind_params(st, j)) {
        int before = sqlite3_total_changes(c->db);
        int rc = collect_rows(st, j);
        if (rc != SQLITE_DONE && !j->w.code) hub_sqlite_job_fail(j, c, rc);
        if (!j->result && !j->w.code) j->result = json_pack("{s:i}", "changes", sqlite3_total_changes(c->db) - before);
    }
    sqlite3_finalize(st);
}
