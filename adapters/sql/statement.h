/* Statements out of writes and selects. The shape of a write (which table, columns, conditions) decides
 * its text; values are always parameters, so that adapters can keep prepared statements by shape.
 *
 * Parameters come in this order: the cells that are not ABSENT by column, then the conditions that have
 * values (EQ and NE with NULL have none; IN has one per element), then LIMIT and OFFSET of a select, or the
 * limit of a take. */
#ifndef HUB_ADAPTERS_SQL_STATEMENT_H
#define HUB_ADAPTERS_SQL_STATEMENT_H
#include "adapters/sql/dialect.h"

/* A key of everything that shapes the text; equal keys have equal texts. */
void hub_sql_write_shape(const struct hub_write *w, struct hub_buf *key);
void hub_sql_select_shape(const struct hub_select *q, struct hub_buf *key);

/* A DELETE of a table with an active column is an UPDATE by the time it comes here: the caller has put
 * false into that cell. UPDATE and DELETE leave soft-deleted rows alone, unless cells or conditions name
 * the active column. */
void hub_sql_write(const struct hub_sql_dialect *d, const struct hub_write *w, struct hub_buf *sql);
/* Of a statement; SQLite takes 32,766, PostgreSQL 65,535. */
#define HUB_SQL_MAX_PARAMS 30000
#define HUB_SQL_TOO_MANY "more than 30,000 values in one condition"
bool hub_sql_too_many(const struct hub_cond *where, size_t n);
/* An INSERT of as many ROWS of W's shape, without RETURNING; their cells follow each other in the
 * parameters. At least one cell must not be ABSENT. */
void hub_sql_insert_rows(const struct hub_sql_dialect *d, const struct hub_write *w, size_t rows, struct hub_buf *sql);
void hub_sql_select(const struct hub_sql_dialect *d, const struct hub_select *q, struct hub_buf *sql);
/* The row that W, an UPDATE, is about to change; also a deleted one, which it may bring back. */
struct hub_select hub_sql_before(const struct hub_write *w);
/* The row that an INSERT collided with over CONFLICT's columns: their cells of the row are the parameters,
 * in the order of CONFLICT. */
void hub_sql_existing(const struct hub_sql_dialect *d, const struct hub_table *t, const char *conflict,
                      struct hub_buf *sql);
/* Walks over the columns that a comma-separated list of properties names. Start with rest =
 * hub_cstr(list); -1 at the end. Unknown properties are a mistake of the caller: they end the walk. */
int hub_sql_next_column(const struct hub_table *t, struct hub_str *rest);
#endif
