/* The cells that a store itself adds to a write. */
#include "adapters/sql/cells.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

void hub_sql_cells_free(struct hub_sql_cells *x) {
    free(x->scratch);
    *x = (struct hub_sql_cells){0};
}

static void set_number(const struct hub_write *w, int column, int64_t number) {
    if (column >= 0) w->cells[column] = (struct hub_cell){.kind = HUB_CELL_INT, .i = number};
}

static void number_cells(struct hub_sql_cells *x, const struct hub_write *w, int64_t number) {
    if (x->numbered != w->table) {
        x->numbered = w->table;
        x->seq = hub_table_column(w->table, HUB_STR("seq"));
        x->change_seq = hub_table_column(w->table, HUB_STR("changeSeq"));
    }
    if (w->numbering == HUB_NUMBER_NEW) set_number(w, x->seq, number);
    set_number(w, x->change_seq, number);
}

static void set_time(const struct hub_write *w, int column) {
    if (column >= 0 && w->cells[column].kind == HUB_CELL_ABSENT) w->cells[column] = (struct hub_cell){.kind = HUB_CELL_INT, .i = hub_wall_ms()};
}

void hub_sql_set_times(struct hub_write *w) {
    if (w->kind == HUB_INSERT || w->kind == HUB_UPSERT) set_time(w, w->table->created_at);
    set_time(w, w->table->updated_at);
}

/* A soft delete is an update of a copy of the cells. */
static void become_soft(struct hub_sql_cells *x, struct hub_write *w) {
    size_t n = w->table->column_n;
    if (x->scratch_n < n) x->scratch = hub_xrealloc(x->scratch, n * sizeof *x->scratch), x->scratch_n = n;
    for (size_t i = 0; i < n; i++) x->scratch[i] = w->cells ? w->cells[i] : (struct hub_cell){.kind = HUB_CELL_ABSENT};
    x->scratch[w->table->active] = (struct hub_cell){.kind = HUB_CELL_BOOL, .i = 0};
    w->cells = x->scratch;
}

void hub_sql_prepare_cells(struct hub_sql_cells *x, struct hub_write *w, int64_t number) {
    if (hub_write_removes(w))
        w->cells = NULL;
    else if (w->kind == HUB_DELETE)
        become_soft(x, w);
    if (!w->cells) return;
    hub_sql_set_times(w);
    if (w->numbering != HUB_NUMBER_NONE) number_cells(x, w, number);
}
