/* Migration of a table whose columns change: SQLite has no ALTER COLUMN. */
#include "adapters/sql/migration/ddl.h"
#include "adapters/sqlite/sqlite_int.h"

/* SQLite's documented way to change constraints: a new table, the rows, the old name. New columns are part
 * of it. */
void hub_sqlite_rebuild(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have) {
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
