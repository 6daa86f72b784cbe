/* Which tables a server claims for itself. */
#ifndef HUB_SQL_HUB_TABLE_H
#define HUB_SQL_HUB_TABLE_H
#include "persist/store.h"

/* Whether T is of messages or of receipts (which have no id): a hub's, named after it. Hubs of one name would
 * share them, and the counters of their rooms. */
bool hub_sql_is_a_hubs(const struct hub_table *t);
#endif
