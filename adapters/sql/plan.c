/* Migration: compare, then add, rebuild or refuse. */
#include "adapters/sql/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/sql/statement.h"

void hub_sql_have_free(struct hub_sql_have *h) {
    for (size_t i = 0; i < h->column_n; i++) {
        struct hub_sql_have_column *c = &h->columns[i];
        for (char **v = c->enum_values; v && *v; v++) free(*v);
        free(c->enum_values);
        free(c->name);
        free(c->type);
        free(c->default_sql);
    }
    for (size_t i = 0; i < h->index_n; i++) free(h->indexes[i].columns);
    for (char **a = h->attached; a && *a; a++) free(*a);
    free(h->columns);
    free(h->indexes);
    free(h->attached);
    *h = (struct hub_sql_have){0};
}

/* ---- refusing ---- */

__attribute__((format(printf, 2, 3))) static void refuse(struct hub_sql_planner *p, const char *fmt, ...) {
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    hub_buf_addf(p->plan, "-- refused: %s\n", text);
    if (!p->refused++) hub_fail(p->err, HUB_NOT_ALLOWED, "%s", text);
}

/* ---- DDL of columns, tables, indexes ---- */

static void say_default(struct hub_buf *out, const struct hub_column *c) {
    struct hub_cell cell;
    struct hub_buf text = {0};
    json_t *v = c->default_json ? hub_json_parse(hub_cstr(c->default_json), NULL) : NULL;
    if (v && !hub_cell_from_json(c, v, &cell, &text, NULL) && cell.kind != HUB_CELL_NULL) {
        hub_buf_addz(out, " DEFAULT ");
        hub_sql_literal(out, c, &cell);
    }
    hub_buf_free(&text);
    json_decref(v);
}

static void say_column(const struct hub_sql_dialect *d, const struct hub_column *c, bool primary, struct hub_buf *out) {
    hub_sql_name(out, c->column);
    hub_buf_addf(out, " %s", d->types[c->type]);
    if (primary) hub_buf_addz(out, " PRIMARY KEY");
    if (primary || c->required) hub_buf_addz(out, " NOT NULL");
    say_default(out, c);
    if (c->type != HUB_COL_ENUM || !d->enum_check || !c->enum_values || !*c->enum_values) return;
    hub_buf_addz(out, " CHECK (");
    hub_sql_name(out, c->column);
    const char *glue = " IN (";
    for (const char *const *v = c->enum_values; *v; v++, glue = ", ") {
        hub_buf_addz(out, glue);
        hub_sql_text(out, hub_cstr(*v));
    }
    hub_buf_addz(out, "))");
}

static bool same_name(const char *a, const char *b) { return hub_str_eq_nocase(hub_cstr(a), hub_cstr(b)); }

static const struct hub_column *wanted(const struct hub_table *t, const char *column) {
    for (size_t i = 0; i < t->column_n; i++)
        if (same_name(t->columns[i].column, column)) return &t->columns[i];
    return NULL;
}

static void say_kept(const struct hub_sql_have_column *c, struct hub_buf *out) {
    hub_sql_name(out, c->name);
    hub_buf_addf(out, " %s", c->type);
    if (c->not_null) hub_buf_addz(out, " NOT NULL");
    if (c->default_sql) hub_buf_addf(out, " DEFAULT %s", c->default_sql);
}

void hub_sql_create_table(const struct hub_sql_dialect *d, const struct hub_table *t, const char *name, const struct hub_sql_have *keep,
                          struct hub_buf *out) {
    hub_buf_addz(out, "CREATE TABLE ");
    hub_sql_name(out, name);
    hub_buf_addz(out, " (");
    for (size_t i = 0; i < t->column_n; i++) {
        if (i) hub_buf_addz(out, ", ");
        say_column(d, &t->columns[i], i == t->id, out);
    }
    for (size_t i = 0; keep && i < keep->column_n; i++) {
        if (wanted(t, keep->columns[i].name)) continue;
        hub_buf_addz(out, ", ");
        say_kept(&keep->columns[i], out);
    }
    hub_buf_addc(out, ')');
}

static void say_index_columns(const struct hub_table *t, const struct hub_index *x, const char *glue, bool quoted, struct hub_buf *out) {
    struct hub_str rest = hub_cstr(x->columns);
    const char *between = "";
    for (int c; (c = hub_sql_next_column(t, &rest)) >= 0; between = glue) {
        hub_buf_addz(out, between);
        if (quoted)
            hub_sql_name(out, t->columns[c].column);
        else
            hub_buf_addz(out, t->columns[c].column);
    }
}

static int last_column(const struct hub_table *t, const struct hub_index *x) {
    struct hub_str rest = hub_cstr(x->columns);
    int last = -1;
    for (int c; (c = hub_sql_next_column(t, &rest)) >= 0;) last = c;
    return last;
}

static void say_index(const struct hub_table *t, const struct hub_index *x, struct hub_buf *out) {
    struct hub_buf name = {0};
    hub_buf_addf(&name, "%s_", t->table);
    say_index_columns(t, x, "_", false, &name);
    hub_buf_addz(&name, x->unique ? "_key" : "_idx");
    hub_buf_addf(out, "CREATE %sINDEX ", x->unique ? "UNIQUE " : "");
    hub_sql_name(out, hub_buf_cstr(&name));
    hub_buf_addz(out, " ON ");
    hub_sql_name(out, t->table);
    hub_buf_addz(out, " (");
    say_index_columns(t, x, ", ", true, out);
    hub_buf_addc(out, ')');
    if (x->sparse && last_column(t, x) >= 0) {
        hub_buf_addz(out, " WHERE ");
        hub_sql_name(out, t->columns[last_column(t, x)].column);
        hub_buf_addz(out, " IS NOT NULL");
    }
    hub_buf_addz(out, ";\n");
    hub_buf_free(&name);
}

/* ---- questions about the rows ---- */

static bool ask(struct hub_sql_planner *p, struct hub_buf *query, struct hub_buf *value) {
    bool yes = p->any(p->ctx, hub_buf_cstr(query), value);
    hub_buf_free(query);
    return yes;
}

static bool any_row(struct hub_sql_planner *p, const struct hub_table *t) {
    struct hub_buf q = {0};
    hub_buf_addz(&q, "SELECT 1 FROM ");
    hub_sql_name(&q, t->table);
    hub_buf_addz(&q, " LIMIT 1");
    return ask(p, &q, NULL);
}

static bool any_null(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c) {
    struct hub_buf q = {0};
    hub_buf_addz(&q, "SELECT 1 FROM ");
    hub_sql_name(&q, t->table);
    hub_buf_addz(&q, " WHERE ");
    hub_sql_name(&q, c->column);
    hub_buf_addz(&q, " IS NULL LIMIT 1");
    return ask(p, &q, NULL);
}

/* VALUE gets one that rows have. */
static bool any_outside_enum(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c, struct hub_buf *value) {
    struct hub_buf q = {0};
    hub_buf_addz(&q, "SELECT ");
    hub_sql_name(&q, c->column);
    hub_buf_addz(&q, " FROM ");
    hub_sql_name(&q, t->table);
    hub_buf_addz(&q, " WHERE ");
    hub_sql_name(&q, c->column);
    const char *glue = " NOT IN (";
    for (const char *const *v = c->enum_values; *v; v++, glue = ", ") {
        hub_buf_addz(&q, glue);
        hub_sql_text(&q, hub_cstr(*v));
    }
    hub_buf_addz(&q, ") LIMIT 1");
    return ask(p, &q, value);
}

static bool any_twice(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_index *x) {
    struct hub_buf q = {0};
    hub_buf_addz(&q, "SELECT 1 FROM ");
    hub_sql_name(&q, t->table);
    struct hub_str rest = hub_cstr(x->columns);
    const char *glue = " WHERE ";
    for (int c; (c = hub_sql_next_column(t, &rest)) >= 0; glue = " AND ") {
        hub_buf_addz(&q, glue);
        hub_sql_name(&q, t->columns[c].column);
        hub_buf_addz(&q, " IS NOT NULL");
    }
    hub_buf_addz(&q, " GROUP BY ");
    say_index_columns(t, x, ", ", true, &q);
    hub_buf_addz(&q, " HAVING count(*) > 1 LIMIT 1");
    return ask(p, &q, NULL);
}

/* ---- comparing ---- */

enum family { OTHER, TEXTUAL, INTEGRAL, REALS, BOOLEANS, DATES, DOCUMENTS };

static bool mentions(const char *type, const char *word) { return strcasestr(type, word) != NULL; }

/* Types within one family hold each other's values. */
static enum family family(const char *type) {
    if (mentions(type, "json")) return DOCUMENTS;
    if (mentions(type, "date") || mentions(type, "timestamp")) return DATES;
    if (mentions(type, "bool")) return BOOLEANS;
    if (mentions(type, "int")) return INTEGRAL;
    if (mentions(type, "char") || mentions(type, "text") || mentions(type, "clob") || mentions(type, "uuid")) return TEXTUAL;
    if (mentions(type, "real") || mentions(type, "doub") || mentions(type, "floa")) return REALS;
    return OTHER;
}

static const struct hub_sql_have_column *find_column(const struct hub_sql_have *have, const char *column) {
    for (size_t i = 0; i < have->column_n; i++)
        if (same_name(have->columns[i].name, column)) return &have->columns[i];
    return NULL;
}

static bool in_list(char *const *list, const char *v) {
    for (; *list; list++)
        if (!strcmp(*list, v)) return true;
    return false;
}

static bool same_enum(const struct hub_column *c, const struct hub_sql_have_column *have) {
    bool want = c->type == HUB_COL_ENUM && c->enum_values && *c->enum_values;
    if (!want || !have->enum_values) return !want && !have->enum_values;
    size_t n = 0, have_n = 0;
    for (; c->enum_values[n]; n++)
        if (!in_list(have->enum_values, c->enum_values[n])) return false;
    while (have->enum_values[have_n]) have_n++;
    return n == have_n;
}

static void check_enum(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c) {
    struct hub_buf value = {0};
    bool limited = c->type == HUB_COL_ENUM && c->enum_values && *c->enum_values;
    if (limited && any_outside_enum(p, t, c, &value))
        refuse(p,
               "table \"%s\", column \"%s\": rows have the value \"%.60s\", which is not among its enum values any more; keep it, or change these "
               "rows first",
               t->table, c->column, hub_buf_cstr(&value));
    hub_buf_free(&value);
}

/* A column that is there. True when its constraints differ, so that the table must be built anew. */
static bool compare(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c, const struct hub_sql_have_column *have) {
    const char *type = p->d->types[c->type];
    if (family(type) != family(have->type)) {
        refuse(
            p,
            "table \"%s\", column \"%s\": it is %s and the definition wants %s; rename the property, or convert the column yourself and start again",
            t->table, c->column, *have->type ? have->type : "without a type", type);
        return false;
    }
    bool is_id = t->id != HUB_NO_ID && c == &t->columns[t->id];
    bool tighter = (c->required || is_id) && !have->not_null && !have->primary;
    if (tighter && any_null(p, t, c))
        refuse(p, "table \"%s\", column \"%s\": it is required now but rows without a value exist; fill them in, or drop \"required\"", t->table,
               c->column);
    bool enum_differs = p->d->enum_check && !same_enum(c, have);
    if (enum_differs) check_enum(p, t, c);
    if (is_id && !have->primary)
        refuse(p, "table \"%s\", column \"%s\": it is the id but not the table's primary key; make it that, or set managed: false", t->table,
               c->column);
    bool looser = have->not_null && !c->required && !is_id && !have->primary;
    return tighter || looser || enum_differs;
}

static void add_column(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c) {
    if (c->required && !c->default_json && any_row(p, t)) {
        refuse(p, "table \"%s\": the new column \"%s\" is required and has no default, but the table has rows; give the property a defaultValue",
               t->table, c->column);
        return;
    }
    hub_buf_addz(p->plan, "ALTER TABLE ");
    hub_sql_name(p->plan, t->table);
    hub_buf_addz(p->plan, " ADD COLUMN ");
    say_column(p->d, c, false, p->plan);
    hub_buf_addz(p->plan, ";\n");
}

static bool index_is_there(const struct hub_table *t, const struct hub_index *x, const struct hub_sql_have *have) {
    struct hub_buf columns = {0};
    say_index_columns(t, x, ",", false, &columns);
    hub_buf_cstr(&columns);
    bool there = false;
    for (size_t i = 0; i < have->index_n && !there; i++) {
        const struct hub_sql_have_index *h = &have->indexes[i];
        there = same_name(h->columns, columns.p) && (!x->unique || h->unique) && (!h->partial || x->sparse);
    }
    hub_buf_free(&columns);
    return there;
}

static void add_indexes(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have) {
    for (size_t i = 0; i < t->index_n; i++) {
        const struct hub_index *x = &t->indexes[i];
        if (index_is_there(t, x, have)) continue;
        bool columns_exist = have->exists;
        struct hub_str rest = hub_cstr(x->columns);
        for (int c; (c = hub_sql_next_column(t, &rest)) >= 0;) columns_exist &= find_column(have, t->columns[c].column) != NULL;
        if (x->unique && columns_exist && any_twice(p, t, x))
            refuse(p, "table \"%s\": (%s) must be unique but rows repeat it; remove the repeats", t->table, x->columns);
        else
            say_index(t, x, p->plan);
    }
}

/* SQLite's documented way to change constraints: a new table, the rows, the old name. New columns are part of it. */
static void rebuild(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have) {
    struct hub_buf name = {0}, columns = {0};
    hub_buf_addf(&name, "%s__new", t->table);
    hub_buf_cstr(&name);
    for (size_t i = 0; i < have->column_n; i++) {
        if (i) hub_buf_addz(&columns, ", ");
        hub_sql_name(&columns, have->columns[i].name);
    }
    hub_buf_cstr(&columns);
    hub_sql_create_table(p->d, t, name.p, have, p->plan);
    hub_buf_addz(p->plan, ";\nINSERT INTO ");
    hub_sql_name(p->plan, name.p);
    hub_buf_addf(p->plan, " (%s) SELECT %s FROM ", columns.p, columns.p);
    hub_sql_name(p->plan, t->table);
    hub_buf_addz(p->plan, ";\nDROP TABLE ");
    hub_sql_name(p->plan, t->table);
    hub_buf_addz(p->plan, ";\nALTER TABLE ");
    hub_sql_name(p->plan, name.p);
    hub_buf_addz(p->plan, " RENAME TO ");
    hub_sql_name(p->plan, t->table);
    hub_buf_addz(p->plan, ";\n");
    for (char **a = have->attached; a && *a; a++) hub_buf_addf(p->plan, "%s;\n", *a);
    hub_buf_free(&name);
    hub_buf_free(&columns);
}

static void plan_unmanaged(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have) {
    if (!have->exists) {
        refuse(p, "table \"%s\" of \"%s\" does not exist and is not managed; create it, or set managed: true", t->table, t->name);
        return;
    }
    for (size_t i = 0; i < t->column_n; i++)
        if (!find_column(have, t->columns[i].column))
            refuse(p, "table \"%s\" has no column \"%s\" for the property \"%s\" of \"%s\"; name the column under columns:, or take the property out",
                   t->table, t->columns[i].column, t->columns[i].property, t->name);
}

static void plan_existing(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have) {
    if (have->view) {
        refuse(p, "\"%s\" is a view; a managed object needs a table: set managed: false, or choose another table", t->table);
        return;
    }
    bool anew = false;
    for (size_t i = 0; i < t->column_n; i++) {
        const struct hub_sql_have_column *h = find_column(have, t->columns[i].column);
        if (h) anew |= compare(p, t, &t->columns[i], h);
    }
    for (size_t i = 0; i < have->column_n; i++) {
        const struct hub_sql_have_column *h = &have->columns[i];
        if (h->not_null && !h->default_sql && !wanted(t, h->name))
            refuse(p,
                   "table \"%s\" has a column \"%s\" that is NOT NULL, has no default and is not in the definition; add the property, or drop the "
                   "column",
                   t->table, h->name);
    }
    for (size_t i = 0; i < t->column_n; i++) {
        if (find_column(have, t->columns[i].column)) continue;
        if (!(anew && p->d->rebuild))
            add_column(p, t, &t->columns[i]);
        else if (t->columns[i].required && !t->columns[i].default_json && any_row(p, t))
            add_column(p, t, &t->columns[i]); /* refuses */
    }
    if (anew && p->d->rebuild && !p->refused) rebuild(p, t, have);
    add_indexes(p, t, have);
}

enum hub_code hub_sql_plan(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have) {
    int before = p->refused;
    if (!t->managed)
        plan_unmanaged(p, t, have);
    else if (have->exists)
        plan_existing(p, t, have);
    else {
        hub_sql_create_table(p->d, t, t->table, NULL, p->plan);
        hub_buf_addz(p->plan, ";\n");
        add_indexes(p, t, have);
    }
    return p->refused > before ? HUB_NOT_ALLOWED : HUB_OK;
}
