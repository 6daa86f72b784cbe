/* The cells that a store itself adds to a write. */
#include "adapters/sql/cells.h"

#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/time/clock.h"

void hub_sql_cells_free(struct hub_sql_cells *x) {
    free(x->scratch);
    *x = (struct hub_sql_cells){.clock = x->clock};
}

static bool has_nul(const struct hub_cell *c) {
    return c->kind == HUB_CELL_TEXT && c->s.n && memchr(c->s.p, 0, c->s.n);
}

bool hub_sql_cells_have_nul(const struct hub_table *t, const struct hub_cell *cells) {
    for (size_t i = 0; cells && i < t->column_n; i++)
        if (has_nul(&cells[i])) return true;
    return false;
}

bool hub_sql_conds_have_nul(const struct hub_cond *where, size_t n) {
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; where[i].cmp == HUB_IN && k < where[i].in_n; k++)
            if (has_nul(&where[i].in[k])) return true;
        if (where[i].cmp != HUB_IN && has_nul(&where[i].value)) return true;
    }
    return false;
}

static bool is_plain_number(struct hub_str s) {
    int64_t i;
    return hub_str_i64(s, &i) && *s.p != '+' && (s.n == 1 || (*s.p != '0' && !(*s.p == '-' && s.p[1] == '0')));
}

static bool is_plain_uuid(struct hub_str s) {
    if (s.n != 36) return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f');
        if (dash ? s.p[i] != '-' : !hex) return false;
    }
    return true;
}

bool hub_sql_cond_may_match(const struct hub_column *col, enum hub_cmp cmp, const struct hub_cell *value) {
    bool same = cmp == HUB_EQ || cmp == HUB_IN;
    if (value->kind != HUB_CELL_TEXT || col->type == HUB_COL_DATETIME) return true;
    if (hub_stored(col) == HUB_STORED_NUMBER) return is_plain_number(value->s);
    if (hub_stored(col) == HUB_STORED_TEXT && same)
        return !value->s.n || value->s.p[value->s.n - 1] != ' '; /* padding does not count there */
    return hub_stored(col) != HUB_STORED_UUID || !same || is_plain_uuid(value->s);
}

static void set_number(const struct hub_write *w, int column, int64_t number) {
    if (column >= 0) w->cells[column] = hub_cell_int(number);
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

static void set_time(const struct hub_clock *clock, const struct hub_write *w, int column) {
    if (column >= 0 && w->cells[column].kind == HUB_CELL_ABSENT)
        w->cells[column] = hub_cell_int(hub_clock_wall_ms(clock));
}

void hub_sql_set_times(const struct hub_clock *clock, struct hub_write *w) {
    if (w->kind == HUB_INSERT || w->kind == HUB_UPSERT) set_time(clock, w, w->table->created_at);
    set_time(clock, w, w->table->updated_at);
}

/* A soft delete is an update of a copy of the cells. */
static void become_soft(struct hub_sql_cells *x, struct hub_write *w) {
    size_t n = w->table->column_n;
    if (x->scratch_n < n) x->scratch = hub_xrealloc(x->scratch, n * sizeof *x->scratch), x->scratch_n = n;
    for (size_t i = 0; i < n; i++) x->scratch[i] = w->cells ? w->cells[i] : (struct hub_cell){.kind = HUB_CELL_ABSENT};
    x->scratch[w->table->active] = hub_cell_bool(0);
    if (w->table->deleted_at) x->scratch[w->table->deleted_at] = hub_cell_int(hub_clock_wall_ms(x->clock));
    w->cells = x->scratch;
}

void hub_sql_prepare_cells(struct hub_sql_cells *x, struct hub_write *w, int64_t number) {
    if (hub_write_removes(w))
        w->cells = NULL;
    else if (w->kind == HUB_DELETE)
        become_soft(x, w);
    if (!w->cells) return;
    hub_sql_set_times(x->clock, w);
    if (w->numbering != HUB_NUMBER_NONE) number_cells(x, w, number);
}
