/* The outbox row that tells of a change, in the same transaction. */
#include "adapters/sql/outbox.h"
#include "adapters/sqlite/sqlite_int.h"

int hub_sqlite_announce(struct sqlite_conn *c, const struct hub_write *w) {
    struct hub_cell cells[HUB_OUT_COLUMNS];
    struct hub_write out = {.table = c->outbox, .kind = HUB_INSERT, .cells = cells};
    hub_sql_outbox_row(w, cells, &c->text);
    return hub_sqlite_run(c, &out, NULL);
}
