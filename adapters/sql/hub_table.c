/* Which tables a server claims for itself. */
#include "adapters/sql/hub_table.h"

bool hub_sql_is_a_hubs(const struct hub_table *t) {
    return t->id == HUB_NO_ID ||
           (hub_table_column(t, HUB_STR("seq")) >= 0 && hub_table_column(t, HUB_STR("changeSeq")) >= 0);
}
