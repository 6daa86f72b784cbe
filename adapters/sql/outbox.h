/* What others are to hear of: the row of the outbox that tells of a change, made of the write after its
 * statement ran. */
#ifndef HUB_ADAPTERS_SQL_OUTBOX_H
#define HUB_ADAPTERS_SQL_OUTBOX_H
#include "persist/store.h"

/* Fills CELLS (HUB_OUT_COLUMNS of them) from w->before and w->row, or from w->cells when there is no
 * w->row. Their texts go into TEXT, which is cleared first, and into W. */
void hub_sql_outbox_row(const struct hub_write *w, struct hub_cell *cells, struct hub_buf *text);
#endif
