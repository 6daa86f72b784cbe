/* Migration: compare, then add, rebuild or refuse. */
#include "adapters/sql/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/sql/statement.h"

#define MAX_COMPARED 64 /* values of an enum; an expression of SQLite has 1,000 levels at most */

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

/* A name made of others, cut to what the database takes; what was cut off lives on as a hash (FNV-1a). */
static void say_made_name(const struct hub_sql_dialect *d, struct hub_buf *name, struct hub_buf *out) {
    if (d->name_max && name->n > d->name_max) {
        uint32_t hash = 2166136261u;
        for (size_t i = 0; i < name->n; i++) hash = (hash ^ (unsigned char)name->p[i]) * 16777619u;
        name->n = d->name_max - 9;
        while (name->n && ((unsigned char)name->p[name->n] & 0xc0) == 0x80) name->n--; /* not within a character */
        hub_buf_addf(name, "_%08x", (unsigned)hash);
    }
    hub_sql_name(out, hub_buf_cstr(name));
}

static bool is_enum(const struct hub_column *c) { return c->type == HUB_COL_ENUM && c->enum_values && *c->enum_values; }

static void say_enum_values(const struct hub_column *c, struct hub_buf *out) {
    const char *glue = "";
    for (const char *const *v = c->enum_values; *v; v++, glue = ", ") {
        hub_buf_addz(out, glue);
        hub_sql_text(out, hub_cstr(*v));
    }
}

static void say_enum_name(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_column *c,
                          struct hub_buf *out) {
    struct hub_buf name = {0};
    struct hub_str schema;
    hub_buf_addf(&name, "%s_%s", hub_sql_split_table(d, t->table, &schema), c->column);
    if (schema.p) hub_buf_addf(out, "\"%.*s\".", HUB_FMT(schema));
    say_made_name(d, &name, out);
    hub_buf_free(&name);
}

static void say_type(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_column *c,
                     struct hub_buf *out) {
    if (d->enum_type && is_enum(c))
        say_enum_name(d, t, c, out);
    else
        hub_buf_addz(out, d->types[c->type]);
}

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

/* SQLite makes a table of the values of IN, when there are more than two, for every row it inserts, which
 * costs as much as a third of the rest: so they are compared one by one, unless there are very many. */
static void say_enum_check(const struct hub_column *c, struct hub_buf *out) {
    size_t n = 0;
    while (c->enum_values[n]) n++;
    hub_buf_addz(out, " CHECK (");
    hub_sql_name(out, c->column);
    if (n > MAX_COMPARED) {
        hub_buf_addz(out, " IN (");
        say_enum_values(c, out);
        hub_buf_addc(out, ')');
    }
    for (size_t i = 0; n <= MAX_COMPARED && i < n; i++) {
        if (i) hub_buf_addz(out, " OR "), hub_sql_name(out, c->column);
        hub_buf_addz(out, " = ");
        hub_sql_text(out, hub_cstr(c->enum_values[i]));
    }
    hub_buf_addc(out, ')');
}

static bool wants_collation(const struct hub_sql_dialect *d, const struct hub_column *c) {
    return d->collate_columns && (c->type == HUB_COL_STRING || c->type == HUB_COL_TEXT || c->type == HUB_COL_ID);
}

static void say_column(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_column *c,
                       bool primary, struct hub_buf *out) {
    hub_sql_name(out, c->column);
    hub_buf_addc(out, ' ');
    say_type(d, t, c, out);
    if (wants_collation(d, c)) hub_buf_addz(out, d->collation);
    if (primary) hub_buf_addz(out, " PRIMARY KEY");
    if (primary || c->required) hub_buf_addz(out, " NOT NULL");
    say_default(out, c);
    if (d->enum_check && is_enum(c)) say_enum_check(c, out);
}

static bool same_name(const struct hub_sql_dialect *d, const char *a, const char *b) {
    return d->exact_names ? !strcmp(a, b) : hub_str_eq_nocase(hub_cstr(a), hub_cstr(b));
}

static const struct hub_column *wanted(const struct hub_sql_dialect *d, const struct hub_table *t, const char *column) {
    for (size_t i = 0; i < t->column_n; i++)
        if (same_name(d, t->columns[i].column, column)) return &t->columns[i];
    return NULL;
}

static void say_kept(const struct hub_sql_have_column *c, struct hub_buf *out) {
    hub_sql_name(out, c->name);
    hub_buf_addf(out, " %s", c->type);
    if (c->not_null) hub_buf_addz(out, " NOT NULL");
    if (c->default_sql) hub_buf_addf(out, " DEFAULT %s", c->default_sql);
}

void hub_sql_create_table(const struct hub_sql_dialect *d, const struct hub_table *t, const char *name,
                          const struct hub_sql_have *keep, struct hub_buf *out) {
    hub_buf_addz(out, "CREATE TABLE ");
    hub_sql_table(d, out, name);
    hub_buf_addz(out, " (");
    for (size_t i = 0; i < t->column_n; i++) {
        if (i) hub_buf_addz(out, ", ");
        say_column(d, t, &t->columns[i], i == t->id, out);
    }
    for (size_t i = 0; keep && i < keep->column_n; i++) {
        if (wanted(d, t, keep->columns[i].name)) continue;
        hub_buf_addz(out, ", ");
        say_kept(&keep->columns[i], out);
    }
    hub_buf_addc(out, ')');
}

static void say_index_columns(const struct hub_table *t, const struct hub_index *x, const char *glue, bool quoted,
                              struct hub_buf *out) {
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

static void say_index(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_index *x,
                      struct hub_buf *out) {
    struct hub_buf name = {0};
    struct hub_str schema;
    hub_buf_addf(&name, "%s_", hub_sql_split_table(d, t->table, &schema)); /* an index is where its table is */
    say_index_columns(t, x, "_", false, &name);
    hub_buf_addz(&name, x->unique ? "_key" : "_idx");
    hub_buf_addf(out, "CREATE %sINDEX ", x->unique ? "UNIQUE " : "");
    say_made_name(d, &name, out);
    hub_buf_addz(out, " ON ");
    hub_sql_table(d, out, t->table);
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
    hub_sql_table(p->d, &q, t->table);
    hub_buf_addz(&q, " LIMIT 1");
    return ask(p, &q, NULL);
}

static bool any_null(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c) {
    struct hub_buf q = {0};
    hub_buf_addz(&q, "SELECT 1 FROM ");
    hub_sql_table(p->d, &q, t->table);
    hub_buf_addz(&q, " WHERE ");
    hub_sql_name(&q, c->column);
    hub_buf_addz(&q, " IS NULL LIMIT 1");
    return ask(p, &q, NULL);
}

/* VALUE gets one that rows have. */
static bool any_outside_enum(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                             struct hub_buf *value) {
    struct hub_buf q = {0};
    hub_buf_addz(&q, "SELECT ");
    hub_sql_name(&q, c->column);
    hub_buf_addz(&q, " FROM ");
    hub_sql_table(p->d, &q, t->table);
    hub_buf_addz(&q, " WHERE ");
    hub_sql_name(&q, c->column);
    if (p->d->enum_type) hub_buf_addz(&q, "::text"); /* the values need not be the type's */
    hub_buf_addz(&q, " NOT IN (");
    say_enum_values(c, &q);
    hub_buf_addz(&q, ") LIMIT 1");
    return ask(p, &q, value);
}

static bool any_twice(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_index *x) {
    struct hub_buf q = {0};
    hub_buf_addz(&q, "SELECT 1 FROM ");
    hub_sql_table(p->d, &q, t->table);
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
    if (mentions(type, "char") || mentions(type, "text") || mentions(type, "clob") || mentions(type, "uuid"))
        return TEXTUAL;
    if (mentions(type, "real") || mentions(type, "doub") || mentions(type, "floa")) return REALS;
    return OTHER;
}

static const struct hub_sql_have_column *find_column(const struct hub_sql_dialect *d, const struct hub_sql_have *have,
                                                     const char *column) {
    for (size_t i = 0; i < have->column_n; i++)
        if (same_name(d, have->columns[i].name, column)) return &have->columns[i];
    return NULL;
}

static bool in_list(char *const *list, const char *v) {
    for (; *list; list++)
        if (!strcmp(*list, v)) return true;
    return false;
}

static bool same_enum(const struct hub_column *c, const struct hub_sql_have_column *have) {
    bool want = is_enum(c);
    if (!want || !have->enum_values) return !want && !have->enum_values;
    size_t n = 0, have_n = 0;
    for (; c->enum_values[n]; n++)
        if (!in_list(have->enum_values, c->enum_values[n])) return false;
    while (have->enum_values[have_n]) have_n++;
    return n == have_n;
}

static void check_enum(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c) {
    struct hub_buf value = {0};
    if (is_enum(c) && any_outside_enum(p, t, c, &value))
        refuse(p,
               "table \"%s\", column \"%s\": rows have the value \"%.60s\", which is not among its enum values any "
               "more; keep it, or change these "
               "rows first",
               t->table, c->column, hub_buf_cstr(&value));
    hub_buf_free(&value);
}

/* ---- changing a column in its place, where the database can ---- */

static void say_alter(struct hub_sql_planner *p, const struct hub_table *t) {
    hub_buf_addz(p->plan, "ALTER TABLE ");
    hub_sql_table(p->d, p->plan, t->table);
}

static void alter_column(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                         const char *what) {
    say_alter(p, t);
    hub_buf_addz(p->plan, " ALTER COLUMN ");
    hub_sql_name(p->plan, c->column);
    hub_buf_addf(p->plan, " %s;\n", what);
}

/* A type of that name may be left of a table that was dropped. */
static void make_enum(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c) {
    if (!p->d->enum_type || !is_enum(c)) return;
    struct hub_buf name = {0}, q = {0};
    say_enum_name(p->d, t, c, &name);
    hub_buf_addz(&q, "SELECT 1 WHERE to_regtype(");
    hub_sql_text(&q, hub_buf_str(&name));
    hub_buf_addz(&q, ") IS NOT NULL");
    if (ask(p, &q, NULL)) hub_buf_addf(p->plan, "DROP TYPE %s;\n", hub_buf_cstr(&name));
    hub_buf_addf(p->plan, "CREATE TYPE %s AS ENUM (", hub_buf_cstr(&name));
    say_enum_values(c, p->plan);
    hub_buf_addz(p->plan, ");\n");
    hub_buf_free(&name);
}

/* New values are added; those that no row has any more stay, and do no harm. */
static void add_enum_values(struct hub_sql_planner *p, const struct hub_column *c,
                            const struct hub_sql_have_column *have) {
    for (const char *const *v = c->enum_values; *v; v++) {
        if (in_list(have->enum_values, *v)) continue;
        hub_buf_addf(p->plan, "ALTER TYPE %s ADD VALUE ", have->type);
        hub_sql_text(p->plan, hub_cstr(*v));
        hub_buf_addz(p->plan, ";\n");
    }
}

/* The default is of the old type, and goes with it. */
static void change_type(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                        const struct hub_sql_have_column *have) {
    struct hub_buf what = {0};
    make_enum(p, t, c);
    if (have->default_sql) alter_column(p, t, c, "DROP DEFAULT");
    hub_buf_addz(&what, "TYPE ");
    say_type(p->d, t, c, &what);
    if (wants_collation(p->d, c)) hub_buf_addz(&what, p->d->collation);
    hub_buf_addz(&what, " USING ");
    hub_sql_name(&what, c->column);
    hub_buf_addz(&what, "::text::");
    say_type(p->d, t, c, &what);
    alter_column(p, t, c, hub_buf_cstr(&what));
    hub_buf_clear(&what);
    hub_buf_addz(&what, "SET");
    say_default(&what, c);
    if (what.n > 3) alter_column(p, t, c, hub_buf_cstr(&what));
    hub_buf_free(&what);
}

/* The type stays: only the indexes are made anew. */
static void change_collation(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                             const struct hub_sql_have_column *have) {
    struct hub_buf what = {0};
    hub_buf_addf(&what, "TYPE %s%s", have->type, p->d->collation);
    alter_column(p, t, c, hub_buf_cstr(&what));
    hub_buf_free(&what);
}

/* Every text that may come must fit. */
static bool too_narrow(const struct hub_column *c, const struct hub_sql_have_column *have) {
    bool text = c->type == HUB_COL_TEXT || c->type == HUB_COL_ID || c->type == HUB_COL_STRING;
    int64_t most = 0;
    struct hub_str type = hub_cstr(have->type), head;
    if (text && have->enum_values) return true;
    if (!text || !hub_str_split(&type, '(', &head) || !type.n) return false;
    hub_str_i64(hub_str(type.p, type.n - 1), &most);
    return c->type != HUB_COL_STRING || most < 255;
}

static void alter(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                  const struct hub_sql_have_column *have, bool tighter, bool looser) {
    if (is_enum(c) && have->enum_values)
        add_enum_values(p, c, have);
    else if (is_enum(c) || too_narrow(c, have))
        change_type(p, t, c, have);
    else if (have->other_order && wants_collation(p->d, c))
        change_collation(p, t, c, have);
    if (tighter) alter_column(p, t, c, "SET NOT NULL");
    if (looser) alter_column(p, t, c, "DROP NOT NULL");
}

static const char *const property_types[] = {
    [HUB_COL_STRING] = "String",     [HUB_COL_TEXT] = "Text",       [HUB_COL_INTEGER] = "Integer",
    [HUB_COL_DECIMAL] = "Decimal",   [HUB_COL_BOOLEAN] = "Boolean", [HUB_COL_ID] = "ID",
    [HUB_COL_DATETIME] = "DateTime", [HUB_COL_ENUM] = "Enum",       [HUB_COL_JSON] = "JSON"};

/* Whether the column's values are, or can be made, values of the property's type. */
static void check_fit(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                      const struct hub_sql_have_column *have) {
    if (!(have->fits >> c->type & 1))
        refuse(p,
               "table \"%s\", column \"%s\": it is %s, which does not fit the type %s of the property \"%s\" of "
               "\"%s\"; give the property another "
               "type, or read a view that casts the column",
               t->table, c->column, *have->type ? have->type : "without a type", property_types[c->type], c->property,
               t->name);
    else if (c->stored)
        *c->stored = p->d->loose_types && c->type == HUB_COL_DATETIME ? HUB_STORED_MOMENT : have->stored;
}

/* A column that is there. True when its constraints differ, so that the table must be built anew. */
static bool compare(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                    const struct hub_sql_have_column *have) {
    const char *type = p->d->types[c->type];
    enum family have_family = p->d->enum_type && have->enum_values ? TEXTUAL : family(have->type);
    if (family(type) != have_family || !(have->fits >> c->type & 1)) {
        refuse(p,
               "table \"%s\", column \"%s\": it is %s and the definition says %s; rename the property, or convert the "
               "column yourself and start again",
               t->table, c->column, *have->type ? have->type : "without a type", type);
        return false;
    }
    bool is_id = t->id != HUB_NO_ID && c == &t->columns[t->id];
    bool tighter = (c->required || is_id) && !have->not_null && !have->primary;
    if (tighter && any_null(p, t, c))
        refuse(p,
               "table \"%s\", column \"%s\": it is required now but rows without a value exist; fill them in, or drop "
               "\"required\"",
               t->table, c->column);
    bool enum_differs = (p->d->enum_check || p->d->enum_type) && !same_enum(c, have);
    if (enum_differs) check_enum(p, t, c);
    if (is_id && !have->primary)
        refuse(p,
               "table \"%s\", column \"%s\": it is the id but not the table's primary key; make it that, or set "
               "managed: false",
               t->table, c->column);
    bool looser = have->not_null && !c->required && !is_id && !have->primary;
    if (!p->d->rebuild) alter(p, t, c, have, tighter, looser);
    return tighter || looser || enum_differs;
}

static void add_column(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c) {
    if (c->required && !c->default_json && any_row(p, t)) {
        refuse(p,
               "table \"%s\": the new column \"%s\" is required and has no default, but the table has rows; give the "
               "property a defaultValue",
               t->table, c->column);
        return;
    }
    make_enum(p, t, c);
    say_alter(p, t);
    hub_buf_addz(p->plan, " ADD COLUMN ");
    say_column(p->d, t, c, false, p->plan);
    hub_buf_addz(p->plan, ";\n");
}

static bool index_is_there(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_index *x,
                           const struct hub_sql_have *have) {
    struct hub_buf columns = {0};
    say_index_columns(t, x, ",", false, &columns);
    hub_buf_cstr(&columns);
    bool there = false;
    for (size_t i = 0; i < have->index_n && !there; i++) {
        const struct hub_sql_have_index *h = &have->indexes[i];
        there = same_name(d, h->columns, columns.p) && (!x->unique || h->unique) && (!h->partial || x->sparse);
    }
    hub_buf_free(&columns);
    return there;
}

static void add_indexes(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have) {
    for (size_t i = 0; i < t->index_n; i++) {
        const struct hub_index *x = &t->indexes[i];
        if (index_is_there(p->d, t, x, have)) continue;
        bool columns_exist = have->exists;
        struct hub_str rest = hub_cstr(x->columns);
        for (int c; (c = hub_sql_next_column(t, &rest)) >= 0;)
            columns_exist &= find_column(p->d, have, t->columns[c].column) != NULL;
        if (x->unique && columns_exist && any_twice(p, t, x))
            refuse(p, "table \"%s\": (%s) must be unique but rows repeat it; remove the repeats", t->table, x->columns);
        else
            say_index(p->d, t, x, p->plan);
    }
}

/* SQLite's documented way to change constraints: a new table, the rows, the old name. New columns are part
 * of it. */
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
    hub_sql_table(p->d, p->plan, name.p);
    hub_buf_addf(p->plan, " (%s) SELECT %s FROM ", columns.p, columns.p);
    hub_sql_table(p->d, p->plan, t->table);
    hub_buf_addz(p->plan, ";\nDROP TABLE ");
    hub_sql_table(p->d, p->plan, t->table);
    hub_buf_addz(p->plan, ";\nALTER TABLE ");
    hub_sql_table(p->d, p->plan, name.p);
    hub_buf_addz(p->plan, " RENAME TO ");
    hub_sql_table(p->d, p->plan, t->table);
    hub_buf_addz(p->plan, ";\n");
    for (char **a = have->attached; a && *a; a++) hub_buf_addf(p->plan, "%s;\n", *a);
    hub_buf_free(&name);
    hub_buf_free(&columns);
}

/* A column whose name differs in case only: an unquoted name that the database made small, as a rule. */
static const char *other_case(const struct hub_sql_have *have, const char *column) {
    for (size_t i = 0; i < have->column_n; i++)
        if (hub_str_eq_nocase(hub_cstr(have->columns[i].name), hub_cstr(column))) return have->columns[i].name;
    return NULL;
}

static void plan_unmanaged(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have) {
    if (!have->exists) {
        refuse(p, "table \"%s\" of \"%s\" does not exist and is not managed; create it, or set managed: true", t->table,
               t->name);
        return;
    }
    for (size_t i = 0; i < t->column_n; i++) {
        const struct hub_column *c = &t->columns[i];
        const struct hub_sql_have_column *h = find_column(p->d, have, c->column);
        if (h) {
            check_fit(p, t, c, h);
            continue;
        }
        const char *other = other_case(have, c->column);
        refuse(p,
               "table \"%s\" has no column \"%s\" for the property \"%s\" of \"%s\"%s%s%s; name the column under "
               "columns:, or take the property out",
               t->table, c->column, c->property, t->name, other ? " (but \"" : "", other ? other : "",
               other ? "\")" : "");
    }
}

static void plan_existing(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have) {
    if (have->view) {
        refuse(p, "\"%s\" is a view; a managed object needs a table: set managed: false, or choose another table",
               t->table);
        return;
    }
    bool anew = false;
    for (size_t i = 0; i < t->column_n; i++) {
        const struct hub_sql_have_column *h = find_column(p->d, have, t->columns[i].column);
        if (h) anew |= compare(p, t, &t->columns[i], h);
    }
    for (size_t i = 0; i < have->column_n; i++) {
        const struct hub_sql_have_column *h = &have->columns[i];
        if (h->not_null && !h->default_sql && !wanted(p->d, t, h->name))
            refuse(p,
                   "table \"%s\" has a column \"%s\" that is NOT NULL, has no default and is not in the definition; "
                   "add the property, or drop the "
                   "column",
                   t->table, h->name);
    }
    for (size_t i = 0; i < t->column_n; i++) {
        if (find_column(p->d, have, t->columns[i].column)) continue;
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
        for (size_t i = 0; i < t->column_n; i++) make_enum(p, t, &t->columns[i]);
        hub_sql_create_table(p->d, t, t->table, NULL, p->plan);
        hub_buf_addz(p->plan, ";\n");
        add_indexes(p, t, have);
    }
    return p->refused > before ? HUB_NOT_ALLOWED : HUB_OK;
}
