/* DDL: the text of tables, columns, types and indexes. */
#include "adapters/sql/migration/ddl.h"

#include <stdlib.h>

#include "adapters/sql/statement.h"

#define MAX_COMPARED 64 /* values of an enum; an expression of SQLite has 1,000 levels at most */

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

bool hub_sql_is_enum(const struct hub_column *c) {
    return c->type == HUB_COL_ENUM && c->enum_values && *c->enum_values;
}

void hub_sql_enum_values(const struct hub_column *c, struct hub_buf *out) {
    const char *glue = "";
    for (const char *const *v = c->enum_values; *v; v++, glue = ", ") {
        hub_buf_addz(out, glue);
        hub_sql_text(out, hub_cstr(*v));
    }
}

void hub_sql_enum_name(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_column *c,
                       struct hub_buf *out) {
    struct hub_buf name = {0};
    struct hub_str schema;
    hub_buf_addf(&name, "%s_%s", hub_sql_split_table(d, t->table, &schema), c->column);
    if (schema.p) hub_buf_addf(out, "\"%.*s\".", HUB_FMT(schema));
    say_made_name(d, &name, out);
    hub_buf_free(&name);
}

void hub_sql_type(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_column *c,
                  struct hub_buf *out) {
    if (d->enum_type && hub_sql_is_enum(c))
        hub_sql_enum_name(d, t, c, out);
    else
        hub_buf_addz(out, d->types[c->type]);
}

void hub_sql_default(struct hub_buf *out, const struct hub_column *c) {
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
        hub_sql_enum_values(c, out);
        hub_buf_addc(out, ')');
    }
    for (size_t i = 0; n <= MAX_COMPARED && i < n; i++) {
        if (i) hub_buf_addz(out, " OR "), hub_sql_name(out, c->column);
        hub_buf_addz(out, " = ");
        hub_sql_text(out, hub_cstr(c->enum_values[i]));
    }
    hub_buf_addc(out, ')');
}

bool hub_sql_wants_collation(const struct hub_sql_dialect *d, const struct hub_column *c) {
    return d->collate_columns && (c->type == HUB_COL_STRING || c->type == HUB_COL_TEXT || c->type == HUB_COL_ID);
}

void hub_sql_column_ddl(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_column *c,
                        bool primary, struct hub_buf *out) {
    hub_sql_name(out, c->column);
    hub_buf_addc(out, ' ');
    hub_sql_type(d, t, c, out);
    if (hub_sql_wants_collation(d, c)) hub_buf_addz(out, d->collation);
    if (primary) hub_buf_addz(out, " PRIMARY KEY");
    if (primary || c->required) hub_buf_addz(out, " NOT NULL");
    hub_sql_default(out, c);
    if (d->enum_check && hub_sql_is_enum(c)) say_enum_check(c, out);
}

bool hub_sql_same_name(const struct hub_sql_dialect *d, const char *a, const char *b) {
    return d->exact_names ? !strcmp(a, b) : hub_str_eq_nocase(hub_cstr(a), hub_cstr(b));
}

const struct hub_column *hub_sql_wanted_column(const struct hub_sql_dialect *d, const struct hub_table *t,
                                               const char *column) {
    for (size_t i = 0; i < t->column_n; i++)
        if (hub_sql_same_name(d, t->columns[i].column, column)) return &t->columns[i];
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
        hub_sql_column_ddl(d, t, &t->columns[i], i == t->id, out);
    }
    for (size_t i = 0; keep && i < keep->column_n; i++) {
        if (hub_sql_wanted_column(d, t, keep->columns[i].name)) continue;
        hub_buf_addz(out, ", ");
        say_kept(&keep->columns[i], out);
    }
    hub_buf_addc(out, ')');
}

void hub_sql_index_columns(const struct hub_table *t, const struct hub_index *x, const char *glue, bool quoted,
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

void hub_sql_create_index(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_index *x,
                          struct hub_buf *out) {
    struct hub_buf name = {0};
    struct hub_str schema;
    hub_buf_addf(&name, "%s_", hub_sql_split_table(d, t->table, &schema)); /* an index is where its table is */
    hub_sql_index_columns(t, x, "_", false, &name);
    hub_buf_addz(&name, x->unique ? "_key" : "_idx");
    hub_buf_addf(out, "CREATE %sINDEX ", x->unique ? "UNIQUE " : "");
    say_made_name(d, &name, out);
    hub_buf_addz(out, " ON ");
    hub_sql_table(d, out, t->table);
    hub_buf_addz(out, " (");
    hub_sql_index_columns(t, x, ", ", true, out);
    hub_buf_addc(out, ')');
    if (x->sparse && last_column(t, x) >= 0) {
        hub_buf_addz(out, " WHERE ");
        hub_sql_name(out, t->columns[last_column(t, x)].column);
        hub_buf_addz(out, " IS NOT NULL");
    }
    hub_buf_addz(out, ";\n");
    hub_buf_free(&name);
}
