/* Migration: compare, then add, refuse, or have the adapter change what is there. */
#include "adapters/sql/migration/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/sql/migration/ddl.h"
#include "adapters/sql/statement.h"
#include "base/text/utf8.h"

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
    if (!p->refused++) hub_err_set(p->err, HUB_NOT_ALLOWED, "%s", text);
}

/* ---- questions about the rows ---- */

bool hub_sql_ask(struct hub_sql_planner *p, struct hub_buf *query, struct hub_buf *value) {
    bool yes = p->any(p->ctx, hub_buf_cstr(query), value);
    hub_buf_free(query);
    return yes;
}

static bool any_row(struct hub_sql_planner *p, const struct hub_table *t) {
    struct hub_buf q = {0};
    hub_buf_addz(&q, "SELECT 1 FROM ");
    hub_sql_table(p->d, &q, t->table);
    hub_buf_addz(&q, " LIMIT 1");
    return hub_sql_ask(p, &q, NULL);
}

static bool any_null(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c) {
    struct hub_buf q = {0};
    hub_buf_addz(&q, "SELECT 1 FROM ");
    hub_sql_table(p->d, &q, t->table);
    hub_buf_addz(&q, " WHERE ");
    hub_sql_name(&q, c->column);
    hub_buf_addz(&q, " IS NULL LIMIT 1");
    return hub_sql_ask(p, &q, NULL);
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
    hub_sql_enum_values(c, &q);
    hub_buf_addz(&q, ") LIMIT 1");
    return hub_sql_ask(p, &q, value);
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
    hub_sql_index_columns(t, x, ", ", true, &q);
    hub_buf_addz(&q, " HAVING count(*) > 1 LIMIT 1");
    return hub_sql_ask(p, &q, NULL);
}

/* ---- comparing ---- */

enum family { OTHER, TEXTUAL, INTEGRAL, REALS, BOOLEANS, DATES, DOCUMENTS };

static bool type_mentions(const char *type, const char *word) { return strcasestr(type, word) != NULL; }

/* Types within one family hold each other's values. */
static enum family family_of(const char *type) {
    if (type_mentions(type, "json")) return DOCUMENTS;
    if (type_mentions(type, "date") || type_mentions(type, "timestamp")) return DATES;
    if (type_mentions(type, "bool")) return BOOLEANS;
    if (type_mentions(type, "int")) return INTEGRAL;
    if (type_mentions(type, "char") || type_mentions(type, "text") || type_mentions(type, "clob") ||
        type_mentions(type, "uuid"))
        return TEXTUAL;
    if (type_mentions(type, "real") || type_mentions(type, "doub") || type_mentions(type, "floa")) return REALS;
    return OTHER;
}

static const struct hub_sql_have_column *find_column(const struct hub_sql_dialect *d, const struct hub_sql_have *have,
                                                     const char *column) {
    for (size_t i = 0; i < have->column_n; i++)
        if (hub_sql_same_name(d, have->columns[i].name, column)) return &have->columns[i];
    return NULL;
}

bool hub_sql_is_among(char *const *list, const char *v) {
    for (; *list; list++)
        if (!strcmp(*list, v)) return true;
    return false;
}

static bool same_enum(const struct hub_column *c, const struct hub_sql_have_column *have) {
    bool want = hub_sql_is_enum(c);
    if (!want || !have->enum_values) return !want && !have->enum_values;
    size_t n = 0, have_n = 0;
    for (; c->enum_values[n]; n++)
        if (!hub_sql_is_among(have->enum_values, c->enum_values[n])) return false;
    while (have->enum_values[have_n]) have_n++;
    return n == have_n;
}

static void check_enum(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c) {
    struct hub_buf value = {0};
    if (hub_sql_is_enum(c) && any_outside_enum(p, t, c, &value))
        refuse(p,
               "table \"%s\", column \"%s\": rows have the value \"%.*s\", which is not among its enum values any "
               "more; keep it, or change these "
               "rows first",
               t->table, c->column, HUB_CUT(hub_buf_str(&value), 60));
    hub_buf_free(&value);
}
void hub_sql_alter_table(struct hub_sql_planner *p, const struct hub_table *t) {
    hub_buf_addz(p->plan, "ALTER TABLE ");
    hub_sql_table(p->d, p->plan, t->table);
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
static bool compare_column(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                           const struct hub_sql_have_column *have) {
    const char *type = p->d->types[c->type];
    enum family have_family = p->d->enum_type && have->enum_values ? TEXTUAL : family_of(have->type);
    if (family_of(type) != have_family || !(have->fits >> c->type & 1)) {
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
    if (p->alter) p->alter(p, t, c, have, tighter, looser);
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
    if (p->make_type) p->make_type(p, t, c);
    hub_sql_alter_table(p, t);
    hub_buf_addz(p->plan, " ADD COLUMN ");
    hub_sql_column_ddl(p->d, t, c, false, p->plan);
    hub_buf_addz(p->plan, ";\n");
}

/* When the rows were deleted that already are is not known: from now on it counts as now. */
static void add_deletion_times(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have) {
    if (!t->deleted_at || p->refused || find_column(p->d, have, t->columns[t->deleted_at].column)) return;
    hub_buf_addz(p->plan, "UPDATE ");
    hub_sql_table(p->d, p->plan, t->table);
    hub_buf_addz(p->plan, " SET ");
    hub_sql_name(p->plan, t->columns[t->deleted_at].column);
    hub_buf_addf(p->plan, " = %s WHERE ", p->d->now);
    hub_sql_name(p->plan, t->columns[t->active].column);
    hub_buf_addz(p->plan, " IS FALSE;\n");
}

static bool index_is_there(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_index *x,
                           const struct hub_sql_have *have) {
    struct hub_buf columns = {0};
    hub_sql_index_columns(t, x, ",", false, &columns);
    hub_buf_cstr(&columns);
    bool there = false;
    for (size_t i = 0; i < have->index_n && !there; i++) {
        const struct hub_sql_have_index *h = &have->indexes[i];
        there = hub_sql_same_name(d, h->columns, columns.p) && (!x->unique || h->unique) && (!h->partial || x->sparse);
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
            hub_sql_create_index(p->d, t, x, p->plan);
    }
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
        if (h) anew |= compare_column(p, t, &t->columns[i], h);
    }
    for (size_t i = 0; i < have->column_n; i++) {
        const struct hub_sql_have_column *h = &have->columns[i];
        if (h->not_null && !h->default_sql && !hub_sql_wanted_column(p->d, t, h->name))
            refuse(p,
                   "table \"%s\" has a column \"%s\" that is NOT NULL, has no default and is not in the definition; "
                   "add the property, or drop the "
                   "column",
                   t->table, h->name);
    }
    for (size_t i = 0; i < t->column_n; i++) {
        if (find_column(p->d, have, t->columns[i].column)) continue;
        if (!(anew && p->rebuild))
            add_column(p, t, &t->columns[i]);
        else if (t->columns[i].required && !t->columns[i].default_json && any_row(p, t))
            add_column(p, t, &t->columns[i]); /* refuses */
    }
    if (anew && p->rebuild && !p->refused) p->rebuild(p, t, have);
    add_deletion_times(p, t, have);
    add_indexes(p, t, have);
}

void hub_sql_plan(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have) {
    if (!t->managed)
        plan_unmanaged(p, t, have);
    else if (have->exists)
        plan_existing(p, t, have);
    else {
        for (size_t i = 0; p->make_type && i < t->column_n; i++) p->make_type(p, t, &t->columns[i]);
        hub_sql_create_table(p->d, t, t->table, NULL, p->plan);
        hub_buf_addz(p->plan, ";\n");
        add_indexes(p, t, have);
    }
}
