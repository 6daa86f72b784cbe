/* The cells that a store itself adds to a write: times, numbers, and the mark of a soft delete. */
#ifndef HUB_ADAPTERS_SQL_CELLS_H
#define HUB_ADAPTERS_SQL_CELLS_H
#include "persist/store.h"

/* Of one connection that writes; zeroed at first. Not shared between threads. */
struct hub_sql_cells {
    const struct hub_clock *clock;    /* what createdAt and updatedAt are read from; kept by hub_sql_cells_free */
    const struct hub_table *numbered; /* the table that the next two were looked up for */
    int seq, change_seq;              /* columns, -1 = none */
    struct hub_cell *scratch;         /* cells of a soft delete */
    size_t scratch_n;
};
/* Also when tables were replaced: what was looked up is forgotten. */
void hub_sql_cells_free(struct hub_sql_cells *x);

/* Makes W, which may be a copy, what the statement writes: createdAt and updatedAt where nothing was
 * given, NUMBER where W is numbered, and for a soft delete cells in X in the place of W's own, valid until
 * the next call. A hard delete has no cells. */
void hub_sql_prepare_cells(struct hub_sql_cells *x, struct hub_write *w, int64_t number);

/* PostgreSQL cannot hold U+0000; so neither store does. */
#define HUB_SQL_NUL "U+0000 cannot be stored"
#define HUB_SQL_CHANGED "what was read has changed meanwhile"
#define HUB_SQL_DUPLICATE "there is such a row already"
bool hub_sql_cells_have_nul(const struct hub_table *t, const struct hub_cell *cells); /* CELLS may be NULL */
/* Whether a row of an existing table can have this value in a condition: of an ID that is a number or a
 * UUID there, in the one spelling in which it is shown. Another spelling would be another name for the
 * same row. */
bool hub_sql_cond_may_match(const struct hub_column *col, enum hub_cmp cmp, const struct hub_cell *value);
bool hub_sql_conds_have_nul(const struct hub_cond *where, size_t n);

/* The times only. */
void hub_sql_set_times(const struct hub_clock *clock, struct hub_write *w);
#endif
