/* A connection: opening it with a clear reason when that fails, its prepared statements, and values in and
 * out of them. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapters/sqlite/sqlite_int.h"
#include "base/text/utf8.h"
#include "base/time/clock.h"
#include "persist/store_metrics.h"

/* ---- limits on what a statement may do ---- */

static int on_progress(void *arg) {
    const struct sqlite_conn *c = arg;
    return c->deadline && hub_real_ms() > c->deadline;
}

/* Waits for another process's lock in small steps until the deadline of the work at hand. */
static int on_busy(void *arg, int tries) {
    const struct sqlite_conn *c = arg;
    int64_t now = hub_real_ms();
    if (now >= (c->deadline ? c->deadline : now)) return 0;
    usleep(tries < 10 ? 1000 : 10000);
    return 1;
}

static bool harmless_pragma(const char *name) {
    static const char *const names[] = {"table_info", "table_xinfo", "table_list",      "index_list",
                                        "index_info", "index_xinfo", "foreign_key_list"};
    for (size_t i = 0; i < HUB_NELEM(names); i++)
        if (name && hub_str_eq_nocase(hub_cstr(name), hub_cstr(names[i]))) return true;
    return false;
}

/* Scripts may read and change rows and tables. They may not reach other files, the connection's settings
 * or our bookkeeping. */
static int on_authorize(void *arg, int action, const char *a, const char *b, const char *database,
                        const char *trigger) {
    const struct sqlite_conn *c = arg;
    (void)database, (void)trigger;
    if (!c->script) return SQLITE_OK;
    switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT: return SQLITE_DENY;
    case SQLITE_PRAGMA: return harmless_pragma(a) ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_FUNCTION:
        return b && hub_str_eq_nocase(hub_cstr(b), HUB_STR("load_extension")) ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
    case SQLITE_DROP_TABLE:
    case SQLITE_ALTER_TABLE: {
        const char *table = action == SQLITE_ALTER_TABLE ? b : a;
        return table && !strncasecmp(table, "hubd_", 5) ? SQLITE_DENY : SQLITE_OK;
    }
    default: return SQLITE_OK;
    }
}

/* ---- opening and closing ---- */

static enum hub_code cannot_open(const struct sqlite_options *o, const char *cause, struct hub_err *err) {
    return hub_fail(err, HUB_STORE_UNAVAILABLE, "sqlite:%s: %s", o->path ? o->path : ":memory:", cause);
}

static enum hub_code open_failed(struct sqlite_conn *c, const struct sqlite_options *o, struct hub_err *err) {
    int rc = sqlite3_errcode(c->db), os = sqlite3_system_errno(c->db);
    const char *cause = sqlite3_errmsg(c->db);
    if (rc == SQLITE_CANTOPEN && os) cause = strerror(os);
    if (rc == SQLITE_NOTADB) cause = "the file is not an SQLite database";
    if (rc == SQLITE_BUSY) cause = "another process holds the database locked";
    enum hub_code code = cannot_open(o, cause, err);
    hub_sqlite_conn_close(c);
    return code;
}

static bool pragma_text_is(struct sqlite_conn *c, const char *sql, const char *expected) {
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(c->db, sql, -1, &st, NULL) != SQLITE_OK) return false;
    const unsigned char *v = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_text(st, 0) : NULL;
    bool is = v && !strcmp((const char *)v, expected);
    sqlite3_finalize(st);
    return is;
}

static void limit_conn(struct sqlite_conn *c) {
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_handler(c->db, on_busy, c);
    sqlite3_progress_handler(c->db, 20000, on_progress, c);
    sqlite3_set_authorizer(c->db, on_authorize, c);
    sqlite3_limit(c->db, SQLITE_LIMIT_LENGTH, 64 << 20);
    sqlite3_limit(c->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    /* So that building a table anew leaves the views alone that read it. */
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 1, NULL);
}

/* SQLite's count of allocated memory costs a lock shared by all threads at each allocation, a tenth of an
 * INSERT. */
static void configure_library(void) { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

enum hub_code hub_sqlite_conn_open(struct sqlite_conn *c, const struct sqlite_options *o, bool reader,
                                   struct hub_err *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_library);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (reader ? 0 : SQLITE_OPEN_CREATE);
    c->busy_ms = o->busy_ms;
    c->deadline = hub_real_ms() + o->busy_ms;
    int rc = sqlite3_open_v2(o->path ? o->path : ":memory:", &c->db, flags, NULL);
    if (!c->db) return cannot_open(o, "out of memory", err);
    if (rc != SQLITE_OK) return open_failed(c, o, err);
    limit_conn(c);
    /* SQLite falls back to reading when it may not write. */
    if (sqlite3_db_readonly(c->db, "main") == 1) {
        enum hub_code code =
            cannot_open(o, access(o->path, W_OK) ? strerror(errno) : "the file cannot be written", err);
        hub_sqlite_conn_close(c);
        return code;
    }
    if (hub_sqlite_exec(c, "SELECT count(*) FROM sqlite_master") != SQLITE_OK) return open_failed(c, o, err);
    if (o->path && !reader && !pragma_text_is(c, "PRAGMA journal_mode=WAL", "wal")) return open_failed(c, o, err);
    rc = hub_sqlite_exec(c, o->normal ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL");
    if (!rc)
        rc = hub_sqlite_exec(c, "PRAGMA secure_delete=OFF; PRAGMA temp_store=MEMORY; PRAGMA "
                                "journal_size_limit=67108864; PRAGMA trusted_schema=OFF");
    if (!rc) rc = hub_sqlite_exec(c, reader ? "PRAGMA cache_size=-4000" : "PRAGMA cache_size=-16000"); /* KiB */
    if (!rc && !reader) rc = hub_sqlite_exec(c, "PRAGMA wal_autocheckpoint=" CHECKPOINT_PAGES);
    if (!rc && reader) rc = hub_sqlite_exec(c, "PRAGMA query_only=ON");
    if (rc != SQLITE_OK) return open_failed(c, o, err);
    c->deadline = 0;
    return HUB_OK;
}

void hub_sqlite_conn_forget(struct sqlite_conn *c) {
    for (sqlite3_stmt *st; (st = hub_map_drain(&c->statements));) sqlite3_finalize(st);
    hub_map_clear(&c->statements);
    c->statement_n = 0;
    hub_sql_cells_free(&c->cells);
}

void hub_sqlite_conn_close(struct sqlite_conn *c) {
    hub_sqlite_conn_forget(c);
    sqlite3_close_v2(c->db);
    c->db = NULL;
    hub_buf_free(&c->key);
    hub_buf_free(&c->sql);
    hub_buf_free(&c->text);
}

/* ---- statements ---- */

sqlite3_stmt *hub_sqlite_prepare(struct sqlite_conn *c, build_fn *build, const void *what) {
    sqlite3_stmt *st = hub_map_get(&c->statements, hub_buf_str(&c->key));
    if (st) return st;
    if (c->statement_n == MAX_STATEMENTS) hub_sqlite_conn_forget(c);
    hub_buf_clear(&c->sql);
    build(&c->sql, what);
    if (sqlite3_prepare_v3(c->db, c->sql.p, (int)c->sql.n, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
        return NULL;
    hub_map_put(&c->statements, hub_buf_str(&c->key), st);
    c->statement_n++;
    return st;
}

static void build_text(struct hub_buf *sql, const void *what) { hub_buf_addz(sql, what); }

sqlite3_stmt *hub_sqlite_prepare_text(struct sqlite_conn *c, const char *sql) {
    hub_buf_clear(&c->key);
    hub_buf_addz(&c->key, sql);
    return hub_sqlite_prepare(c, build_text, sql);
}

int hub_sqlite_exec(struct sqlite_conn *c, const char *sql) { return sqlite3_exec(c->db, sql, NULL, NULL, NULL); }

/* Texts are not copied: they outlive the statement's run. */
int hub_sqlite_bind(sqlite3_stmt *st, int at, const struct hub_column *col, const struct hub_cell *cell) {
    char iso[HUB_ISO_LEN + 1];
    switch (cell->kind) {
    case HUB_CELL_ABSENT:
    case HUB_CELL_NULL: break;
    case HUB_CELL_REAL: return sqlite3_bind_double(st, at, cell->r);
    case HUB_CELL_BOOL: return sqlite3_bind_int(st, at, cell->i != 0);
    case HUB_CELL_TEXT:
        return sqlite3_bind_text64(st, at, cell->s.p ? cell->s.p : "", cell->s.n, SQLITE_STATIC, SQLITE_UTF8);
    case HUB_CELL_INT:
        if (!col || col->type != HUB_COL_DATETIME) return sqlite3_bind_int64(st, at, cell->i);
        hub_iso_format(cell->i, iso);
        return sqlite3_bind_text(st, at, iso, HUB_ISO_LEN, SQLITE_TRANSIENT);
    }
    return sqlite3_bind_null(st, at);
}

int hub_sqlite_bind_cond(sqlite3_stmt *st, int at, const struct hub_column *col, enum hub_cmp cmp,
                         const struct hub_cell *cell) {
    return hub_sql_cond_may_match(col, cmp, cell) ? hub_sqlite_bind(st, at, col, cell) : sqlite3_bind_null(st, at);
}

static struct hub_str column_text(sqlite3_stmt *st, int i) {
    const char *p = (const char *)sqlite3_column_text(st, i); /* before the length: it may convert */
    return hub_str(p, (size_t)sqlite3_column_bytes(st, i));
}

static void take_text(sqlite3_stmt *st, int i, struct hub_cell *out, struct hub_buf *text) {
    struct hub_str s = column_text(st, i);
    *out = hub_cell_text((struct hub_str){(const char *)(uintptr_t)text->n, s.n});
    hub_buf_adds(text, s);
}

static bool take_boolean(sqlite3_stmt *st, int i, struct hub_cell *out) {
    *out = (struct hub_cell){.kind = HUB_CELL_BOOL};
    if (sqlite3_column_type(st, i) != SQLITE_TEXT) {
        double v = sqlite3_column_double(st, i);
        out->i = v != 0;
        return v == 0 || v == 1;
    }
    struct hub_str s = column_text(st, i);
    out->i = hub_str_eq_nocase(s, HUB_STR("true"));
    return out->i || hub_str_eq_nocase(s, HUB_STR("false"));
}

static bool whole_number(double real, int64_t *out) {
    if (real != floor(real) || fabs(real) > 9007199254740992.0) return false;
    *out = (int64_t)real;
    return true;
}

static bool take_integer(sqlite3_stmt *st, int i, struct hub_cell *out) {
    *out = hub_cell_int(sqlite3_column_int64(st, i));
    if (sqlite3_column_type(st, i) == SQLITE_INTEGER) return true;
    if (sqlite3_column_type(st, i) == SQLITE_FLOAT) return whole_number(sqlite3_column_double(st, i), &out->i);
    return hub_str_i64(column_text(st, i), &out->i);
}

/* Numbers are milliseconds. */
static bool take_moment(sqlite3_stmt *st, int i, struct hub_cell *out) {
    *out = (struct hub_cell){.kind = HUB_CELL_INT};
    bool is_text = sqlite3_column_type(st, i) == SQLITE_TEXT;
    if (!(is_text ? hub_iso_parse(column_text(st, i), &out->i) : take_integer(st, i, out))) return false;
    return out->i >= HUB_DATETIME_MIN && out->i <= HUB_DATETIME_MAX;
}

static bool take_real(sqlite3_stmt *st, int i, struct hub_cell *out) {
    *out = (struct hub_cell){.kind = HUB_CELL_REAL};
    if (sqlite3_column_type(st, i) != SQLITE_TEXT) {
        out->r = sqlite3_column_double(st, i);
        return isfinite(out->r);
    }
    struct hub_str s = column_text(st, i);
    char *end;
    out->r = strtod(s.p, &end);                                                   /* SQLite terminates it */
    return s.n && end == s.p + s.n && isfinite(out->r) && !strpbrk(s.p, "xX \t"); /* what strtod takes as well */
}

/* False: it is not of the column's type, which SQLite does not enforce. */
static bool take_value(sqlite3_stmt *st, int i, const struct hub_column *col, struct hub_cell *out,
                       struct hub_buf *text) {
    if (sqlite3_column_type(st, i) == SQLITE_BLOB) return false;
    switch (col->type) {
    case HUB_COL_BOOLEAN: return take_boolean(st, i, out);
    case HUB_COL_DATETIME: return take_moment(st, i, out);
    case HUB_COL_INTEGER: return take_integer(st, i, out);
    case HUB_COL_DECIMAL: return take_real(st, i, out);
    case HUB_COL_ID:
        if (sqlite3_column_type(st, i) == SQLITE_FLOAT)
            return false; /* in a NUMERIC column, a fraction or beyond 2^63 */
        break;
    default: break;
    }
    if (col->stored && !hub_utf8_valid(column_text(st, i))) return false;
    take_text(st, i, out, text);
    return true;
}

static void take_cell(sqlite3_stmt *st, int i, const struct hub_table *t, struct hub_cell *out, struct hub_buf *text) {
    static const char *const kinds[] = {
        [SQLITE_INTEGER] = "a number", [SQLITE_FLOAT] = "a number", [SQLITE_TEXT] = "a text", [SQLITE_BLOB] = "a blob"};
    *out = (struct hub_cell){.kind = HUB_CELL_NULL};
    int type = sqlite3_column_type(st, i);
    if (type == SQLITE_NULL || take_value(st, i, &t->columns[i], out, text)) return;
    *out = (struct hub_cell){.kind = HUB_CELL_NULL};
    hub_store_misfit(t, &t->columns[i], kinds[type]);
}

void hub_sqlite_take_row(sqlite3_stmt *st, const struct hub_table *t, struct hub_rows *rows, size_t *cap) {
    if (rows->n == *cap) {
        *cap = *cap ? *cap * 2 : 1;
        rows->cells = hub_xrealloc(rows->cells, *cap * t->column_n * sizeof *rows->cells);
    }
    struct hub_cell *row = rows->cells + rows->n * t->column_n;
    for (size_t i = 0; i < t->column_n; i++) take_cell(st, (int)i, t, &row[i], &rows->text);
    rows->table = t;
    rows->n++;
}

enum hub_code hub_sqlite_code(int rc) {
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return HUB_OK;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_ERROR: return HUB_BAD_REQUEST;
    case SQLITE_TOOBIG: return HUB_TOO_LARGE;
    case SQLITE_AUTH: return HUB_NOT_ALLOWED;
    default: return HUB_STORE_UNAVAILABLE;
    }
}
