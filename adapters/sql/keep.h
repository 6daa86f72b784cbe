/* Copies of texts that the caller keeps only until its call returns. They go one behind the other into a
 * buffer that may move while it grows, so each is an offset at first and becomes a pointer when the last
 * one is in. */
#ifndef HUB_ADAPTERS_SQL_KEEP_H
#define HUB_ADAPTERS_SQL_KEEP_H
#include "persist/store.h"

/* Appends S and a NUL. What is returned is an offset until hub_sql_settle. */
struct hub_str hub_sql_keep(struct hub_buf *text, struct hub_str s);
/* When TEXT no longer grows. */
void hub_sql_settle(const struct hub_buf *text, struct hub_str *s);

/* A settled copy of Q's conditions: malloc'ed, with the values of IN in CELLS, CELL_N of them (malloc'ed),
 * and all texts in TEXT, which must be empty before and must not grow afterwards. */
struct hub_cond *hub_sql_keep_where(const struct hub_select *q, struct hub_buf *text, struct hub_cell **cells,
                                    size_t *cell_n);

/* Makes pointers of the texts of rows that were collected with offsets into rows->text. Once. */
void hub_sql_settle_rows(struct hub_rows *rows);
#endif
