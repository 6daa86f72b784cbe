/* From the tables a database has to the tables it should have: the statements that get there without
 * losing anything, or the reason why there is no such way. Knows no database: an adapter describes what is
 * there, answers questions about the rows, and writes what it alone can do (postgres/migration/alter.c,
 * sqlite/rebuild.c). */
#ifndef HUB_ADAPTERS_SQL_PLAN_H
#define HUB_ADAPTERS_SQL_PLAN_H
#include "adapters/sql/dialect.h"

struct hub_sql_have_column {
    char *name, *type; /* the latter as a statement would name it */
    char *default_sql; /* NULL = none */
    bool not_null, primary;
    unsigned fits; /* a bit per enum hub_col_type whose properties it may be the column of */
    enum hub_stored stored;
    bool other_order;   /* its texts go by another collation than the dialect's, and nothing is in the way of changing
                           that */
    char **enum_values; /* NULL-terminated; NULL = any value */
};
struct hub_sql_have_index {
    char *columns; /* comma-separated column names; "?" for an expression */
    bool unique, partial;
};
/* What is there under the table's name. Everything in it is malloc'ed and freed by hub_sql_have_free. */
struct hub_sql_have {
    bool exists, view;
    struct hub_sql_have_column *columns;
    size_t column_n;
    struct hub_sql_have_index *indexes;
    size_t index_n;
    char **attached; /* NULL-terminated: DDL of the indexes and triggers that hang on the table, to be made again after
                        a rebuild */
};
void hub_sql_have_free(struct hub_sql_have *have);

struct hub_sql_planner {
    const struct hub_sql_dialect *d;
    /* Does QUERY give a row? The text of its first column is appended to VALUE, which may be NULL. */
    bool (*any)(void *ctx, const char *query, struct hub_buf *value);
    void *ctx;
    /* Before a column: the type that it needs. NULL: there are no such types. */
    void (*make_type)(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c);
    /* A column that is there becomes C in its place; it must be NOT NULL now (TIGHTER), or no longer
     * (LOOSER). NULL: then the table is made anew by REBUILD when its constraints differ. */
    void (*alter)(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                  const struct hub_sql_have_column *have, bool tighter, bool looser);
    void (*rebuild)(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have);
    struct hub_buf *plan; /* statements, each ends with ";\n"; what is refused stands there as a comment */
    int refused;
    struct hub_err *err; /* the first refusal */
};
/* Appends what table T needs; what is refused is counted in p->refused, and the first of it is in p->err with
 * HUB_NOT_ALLOWED. */
void hub_sql_plan(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have);

/* For what an adapter adds to the plan. */
bool hub_sql_ask(struct hub_sql_planner *p, struct hub_buf *query, struct hub_buf *value); /* as p->any; frees QUERY */
bool hub_sql_is_among(char *const *list, const char *v);
void hub_sql_alter_table(struct hub_sql_planner *p, const struct hub_table *t); /* ALTER TABLE and the name */
#endif
