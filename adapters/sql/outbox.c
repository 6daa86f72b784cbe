/* The outbox row of a change. */
#include "adapters/sql/outbox.h"

static const struct hub_cell *id_of(const struct hub_write *w, const struct hub_cell *row) {
    return w->table->id == HUB_NO_ID ? NULL : &row[w->table->id];
}

/* One after the other in TEXT; their cells hold offsets until it stops moving. */
static void begin_text(struct hub_cell *cell, const struct hub_buf *text) {
    *cell = hub_cell_text(hub_str((const char *)(uintptr_t)text->n, 0));
}
static void end_text(struct hub_cell *cell, const struct hub_buf *text) { cell->s.n = text->n - (uintptr_t)cell->s.p; }

static void put_key(struct hub_cell *cell, const struct hub_cell *id, struct hub_buf *text) {
    if (!id || (id->kind != HUB_CELL_TEXT && id->kind != HUB_CELL_INT)) return;
    begin_text(cell, text);
    if (id->kind == HUB_CELL_INT)
        hub_buf_addi(text, id->i);
    else
        hub_buf_adds(text, id->s);
    end_text(cell, text);
}

static void put_row(struct hub_cell *cell, const struct hub_table *t, const struct hub_cell *row,
                    struct hub_buf *text) {
    begin_text(cell, text);
    hub_row_add_json(text, t, row);
    end_text(cell, text);
}

void hub_sql_outbox_row(const struct hub_write *w, struct hub_cell *cells, struct hub_buf *text) {
    const struct hub_cell *after = w->row.n ? hub_row(&w->row, 0) : w->cells;
    for (int i = 0; i < HUB_OUT_COLUMNS; i++) cells[i] = (struct hub_cell){.kind = HUB_CELL_NULL};
    hub_buf_clear(text);
    put_key(&cells[HUB_OUT_KEY], id_of(w, after), text);
    if (w->before.n) put_row(&cells[HUB_OUT_BEFORE], w->table, hub_row(&w->before, 0), text);
    put_row(&cells[HUB_OUT_AFTER], w->table, after, text);
    for (int i = HUB_OUT_KEY; i <= HUB_OUT_AFTER; i++)
        if (cells[i].kind == HUB_CELL_TEXT) cells[i].s.p = text->p + (uintptr_t)cells[i].s.p;
    cells[HUB_OUT_ID] = hub_cell_text(hub_cstr(w->event_id));
    cells[HUB_OUT_OBJECT] = hub_cell_text(hub_cstr(w->table->name));
    cells[HUB_OUT_KIND] = hub_cell_text(hub_cstr(hub_write_event(w)));
}
