/* Values on their way into statements and out of results. All in text form: the server knows the columns'
 * types, also those of tables that somebody else made. */
#include <math.h>
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"
#include "base/time/clock.h"
#include "persist/store_metrics.h"

/* ---- parameters ---- */

void hub_pg_params_clear(struct params *p) {
    hub_buf_clear(&p->text);
    p->n = 0;
    p->has_nul = false;
}

void hub_pg_params_free(struct params *p) {
    hub_buf_free(&p->text);
    free(p->at);
    free(p->values);
    *p = (struct params){0};
}

static void begin_param(struct params *p, bool null) {
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 32;
        p->at = hub_xrealloc(p->at, p->cap * sizeof *p->at);
        p->values = hub_xrealloc(p->values, p->cap * sizeof *p->values);
    }
    p->at[p->n++] = null ? 0 : p->text.n + 1;
}

void hub_pg_param_str(struct params *p, struct hub_str s) {
    begin_param(p, false);
    if (s.n && memchr(s.p, 0, s.n)) p->has_nul = true;
    hub_buf_adds(&p->text, s);
    hub_buf_addc(&p->text, 0);
}

void hub_pg_param_int(struct params *p, int64_t v) {
    begin_param(p, false);
    hub_buf_addi(&p->text, v);
    hub_buf_addc(&p->text, 0);
}

static void add_quoted(struct hub_buf *out, struct hub_str s) {
    hub_buf_addc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\') hub_buf_addc(out, '\\');
        hub_buf_addc(out, s.p[i]);
    }
    hub_buf_addc(out, '"');
}

/* A JSON array as PostgreSQL writes one of its own: {"a",NULL,{1,2}}. */
static void add_array(struct hub_buf *out, const json_t *v) {
    struct hub_buf text = {0};
    size_t i;
    json_t *item;
    hub_buf_addc(out, '{');
    json_array_foreach((json_t *)(uintptr_t)v, i, item) {
        if (i) hub_buf_addc(out, ',');
        hub_buf_clear(&text);
        if (json_is_array(item)) {
            add_array(out, item);
        } else if (json_is_null(item)) {
            hub_buf_addz(out, "NULL");
        } else {
            if (!json_is_string(item)) hub_json_add(&text, item);
            add_quoted(out, json_is_string(item) ? hub_json_str(item) : hub_buf_str(&text));
        }
    }
    hub_buf_addc(out, '}');
    hub_buf_free(&text);
}

/* JSON that is no array is left to the database to refuse. */
static void param_array(struct params *p, struct hub_str json) {
    struct hub_buf out = {0};
    json_t *v = hub_json_parse(json, NULL);
    if (json_is_array(v)) add_array(&out, v);
    hub_pg_param_str(p, json_is_array(v) ? hub_buf_str(&out) : json);
    hub_buf_free(&out);
    json_decref(v);
}

void hub_pg_param_cell(struct params *p, const struct hub_column *col, const struct hub_cell *c) {
    char text[64];
    switch (c->kind) {
    case HUB_CELL_ABSENT:
    case HUB_CELL_NULL: begin_param(p, true); return;
    case HUB_CELL_TEXT:
        if (col && hub_stored(col) == HUB_STORED_ARRAY)
            param_array(p, c->s);
        else
            hub_pg_param_str(p, c->s);
        return;
    case HUB_CELL_BOOL: hub_pg_param_str(p, c->i ? HUB_STR("t") : HUB_STR("f")); return;
    case HUB_CELL_REAL: snprintf(text, sizeof text, "%.17g", c->r); break;
    case HUB_CELL_INT:
        if (!col || col->type != HUB_COL_DATETIME) {
            hub_pg_param_int(p, c->i);
            return;
        }
        hub_iso_format(c->i, text);
        break;
    }
    hub_pg_param_str(p, hub_cstr(text));
}

/* What no row can have is compared with NULL, which nothing is equal to. */
static void param_cond(struct params *p, const struct hub_column *col, enum hub_cmp cmp, const struct hub_cell *c) {
    static const struct hub_cell none = {.kind = HUB_CELL_NULL};
    hub_pg_param_cell(p, col, hub_sql_cond_may_match(col, cmp, c) ? c : &none);
}

void hub_pg_param_conds(struct params *p, const struct hub_table *t, const struct hub_cond *where, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct hub_cond *c = &where[i];
        const struct hub_column *col = &t->columns[c->column];
        for (size_t k = 0; c->cmp == HUB_IN && k < c->in_n; k++) param_cond(p, col, c->cmp, &c->in[k]);
        if (c->cmp != HUB_IN && c->value.kind != HUB_CELL_NULL) param_cond(p, col, c->cmp, &c->value);
    }
}

void hub_pg_array_add(struct hub_buf *array, struct hub_str s) {
    hub_buf_addc(array, array->n ? ',' : '{');
    add_quoted(array, s);
}

const char *const *hub_pg_params_values(struct params *p) {
    for (size_t i = 0; i < p->n; i++) p->values[i] = p->at[i] ? p->text.p + p->at[i] - 1 : NULL;
    return p->values;
}

/* ---- results ---- */

struct hub_str hub_pg_text(const PGresult *r, int row, int column) {
    if (PQgetisnull(r, row, column)) return hub_str(NULL, 0);
    return hub_str(PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column));
}

int64_t hub_pg_int(const PGresult *r, int row, int column) {
    int64_t v = 0;
    hub_str_i64(hub_pg_text(r, row, column), &v);
    return v;
}

int64_t hub_pg_changes(const PGresult *r) {
    int64_t n = 0;
    hub_str_i64(hub_cstr(PQcmdTuples((PGresult *)(uintptr_t)r)),
                &n); /* libpq wants it without const, and does not change it */
    return n;
}

/* "2026-01-31 23:59:59.123456+00": with TimeZone=UTC the zone is always +00. */
static bool take_time(struct hub_str s, int64_t *ms) {
    if (hub_str_ends(s, HUB_STR("+00"))) s.n -= 3;
    return hub_iso_parse(s, ms);
}

static bool take_real(struct hub_str s, double *out) {
    char *end;
    *out = strtod(s.p, &end); /* libpq terminates values */
    return s.n && end == s.p + s.n && isfinite(*out);
}

static bool take_boolean(struct hub_str s, struct hub_cell *out) {
    *out = hub_cell_bool(hub_str_is(s, "t"));
    return out->i || hub_str_is(s, "f");
}

/* Without the fraction that a numeric shows of a whole number: 3.00. False: it is none. */
static bool take_whole(struct hub_str *s) {
    size_t dot = hub_str_find(*s, '.');
    for (size_t i = dot + 1; i < s->n; i++)
        if (s->p[i] != '0') return false;
    s->n = dot;
    for (size_t i = 0; i < s->n; i++)
        if ((s->p[i] < '0' || s->p[i] > '9') && (i || s->p[i] != '-')) return false;
    return true;
}

static bool take_integer(struct hub_str s, struct hub_cell *out) {
    *out = (struct hub_cell){.kind = HUB_CELL_INT};
    return take_whole(&s) && hub_str_i64(s, &out->i);
}

/* False: it is not of the column's type. Texts are offsets. */
static bool take_value(struct hub_str s, const struct hub_column *col, struct hub_cell *out, struct hub_buf *text) {
    switch (col->type) {
    case HUB_COL_BOOLEAN: return take_boolean(s, out);
    case HUB_COL_DATETIME: *out = (struct hub_cell){.kind = HUB_CELL_INT}; return take_time(s, &out->i);
    case HUB_COL_INTEGER: return take_integer(s, out);
    case HUB_COL_DECIMAL: *out = (struct hub_cell){.kind = HUB_CELL_REAL}; return take_real(s, &out->r);
    default: break;
    }
    if (hub_stored(col) == HUB_STORED_NUMBER && !take_whole(&s)) return false;
    *out = hub_cell_text((struct hub_str){(const char *)(uintptr_t)text->n, s.n});
    hub_buf_adds(text, s);
    return true;
}

void hub_pg_take_row(const PGresult *r, int i, const struct hub_table *t, struct hub_rows *rows, size_t *cap) {
    if (rows->n == *cap) {
        *cap = *cap ? *cap * 2 : 1;
        rows->cells = hub_xrealloc(rows->cells, *cap * t->column_n * sizeof *rows->cells);
    }
    struct hub_cell *row = rows->cells + rows->n * t->column_n;
    for (size_t c = 0; c < t->column_n; c++) {
        struct hub_str s = hub_pg_text(r, i, (int)c);
        row[c] = (struct hub_cell){.kind = HUB_CELL_NULL};
        if (!s.p || take_value(s, &t->columns[c], &row[c], &rows->text)) continue;
        row[c] = (struct hub_cell){.kind = HUB_CELL_NULL};
        hub_store_misfit(t, &t->columns[c], "NaN, a fraction, or what lies beyond the type's limits");
    }
    rows->table = t;
    rows->n++;
}

void hub_pg_take_rows(const PGresult *r, const struct hub_table *t, int most, struct hub_rows *rows) {
    size_t cap = 0;
    if (PQresultStatus(r) != PGRES_TUPLES_OK || !PQntuples(r)) return;
    hub_rows_free(rows);
    *rows = (struct hub_rows){0};
    for (int i = 0; i < most && i < PQntuples(r); i++) hub_pg_take_row(r, i, t, rows, &cap);
    hub_sql_settle_rows(rows);
}

void hub_pg_take_first(const PGresult *r, const struct hub_table *t, struct hub_rows *rows) {
    hub_pg_take_rows(r, t, 1, rows);
}

/* ---- JSON for scripts, as the embedded store gives it ---- */

/* Of pg_type.dat; they never change. */
enum {
    BOOL = 16,
    BYTEA = 17,
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    OID = 26,
    JSON = 114,
    FLOAT4 = 700,
    FLOAT8 = 701,
    TIMESTAMP = 1114,
    TIMESTAMPTZ = 1184,
    NUMERIC = 1700,
    JSONB = 3802
};

static HUB_MUST json_t *number_json(struct hub_str s, bool real_type) {
    int64_t integer;
    double real;
    if (!real_type && hub_str_i64(s, &integer)) return json_integer(integer);
    return take_real(s, &real) ? json_real(real) : hub_json_string(s);
}

static HUB_MUST json_t *moment_json(struct hub_str s) {
    char iso[HUB_ISO_LEN + 1];
    int64_t ms;
    if (!take_time(s, &ms)) return hub_json_string(s);
    hub_iso_format(ms, iso);
    return json_string(iso);
}

static int hex_digit(char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }

static HUB_MUST json_t *bytes_json(struct hub_str s) {
    struct hub_buf raw = {0}, text = {0};
    for (size_t i = 2; i + 1 < s.n; i += 2) hub_buf_addc(&raw, (char)(hex_digit(s.p[i]) * 16 + hex_digit(s.p[i + 1])));
    hub_buf_add_base64(&text, hub_buf_str(&raw));
    json_t *v = hub_json_string(hub_buf_str(&text));
    hub_buf_free(&raw);
    hub_buf_free(&text);
    return v;
}

json_t *hub_pg_json(struct hub_str s, Oid type) {
    if (!s.p) return json_null();
    switch (type) {
    case BOOL: return json_boolean(*s.p == 't');
    case INT2:
    case INT4:
    case INT8:
    case OID:
    case NUMERIC: return number_json(s, false);
    case FLOAT4:
    case FLOAT8: return number_json(s, true);
    case TIMESTAMP:
    case TIMESTAMPTZ: return moment_json(s);
    case BYTEA: return bytes_json(s);
    case JSON:
    case JSONB: {
        json_t *v = hub_json_parse(s, NULL);
        return v ? v : hub_json_string(s);
    }
    default: return hub_json_string(s);
    }
}
