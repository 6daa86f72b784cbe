/* DDL: the text of tables, columns, types and indexes. */
#ifndef HUB_ADAPTERS_SQL_DDL_H
#define HUB_ADAPTERS_SQL_DDL_H
#include "adapters/sql/migration/plan.h"

/* ---- parts of a column ---- */
bool hub_sql_is_enum(const struct hub_column *c);
void hub_sql_enum_values(const struct hub_column *c, struct hub_buf *out); /* 'a', 'b' */
/* Of the type that the enum is, where an enum is one. */
void hub_sql_enum_name(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_column *c,
                       struct hub_buf *out);
void hub_sql_type(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_column *c,
                  struct hub_buf *out);
void hub_sql_default(struct hub_buf *out, const struct hub_column *c); /* " DEFAULT …", or nothing */
bool hub_sql_wants_collation(const struct hub_sql_dialect *d, const struct hub_column *c);

/* ---- names ---- */
bool hub_sql_same_name(const struct hub_sql_dialect *d, const char *a, const char *b);
/* The column of T that is COLUMN in the database, or NULL. */
const struct hub_column *hub_sql_wanted_column(const struct hub_sql_dialect *d, const struct hub_table *t,
                                               const char *column);

/* ---- the whole ---- */
void hub_sql_column_ddl(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_column *c,
                        bool primary, struct hub_buf *out);
/* CREATE TABLE of a managed table under NAME, without the semicolon. Columns of KEEP, which may be NULL, that
 * T has not are kept. */
void hub_sql_create_table(const struct hub_sql_dialect *d, const struct hub_table *t, const char *name,
                          const struct hub_sql_have *keep, struct hub_buf *out);
/* The columns with GLUE between them. */
void hub_sql_index_columns(const struct hub_table *t, const struct hub_index *x, const char *glue, bool quoted,
                           struct hub_buf *out);
void hub_sql_create_index(const struct hub_sql_dialect *d, const struct hub_table *t, const struct hub_index *x,
                          struct hub_buf *out); /* with ";\n" */
#endif
