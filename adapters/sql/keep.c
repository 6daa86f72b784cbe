/* Copies of texts in one buffer, and of the conditions that hold them. */
#include "adapters/sql/keep.h"

#include "base/memory/mem.h"

struct hub_str hub_sql_keep(struct hub_buf *text, struct hub_str s) {
    struct hub_str copy = hub_str((const char *)(uintptr_t)text->n, s.n);
    hub_buf_adds(text, s);
    hub_buf_addc(text, 0);
    return copy;
}

void hub_sql_settle(const struct hub_buf *text, struct hub_str *s) { s->p = text->p + (uintptr_t)s->p; }

static size_t in_values(const struct hub_select *q) {
    size_t n = 0;
    for (size_t i = 0; i < q->where_n; i++) n += q->where[i].cmp == HUB_IN ? q->where[i].in_n : 0;
    return n;
}

struct hub_cond *hub_sql_keep_where(const struct hub_select *q, struct hub_buf *text, struct hub_cell **cells,
                                    size_t *cell_n) {
    struct hub_cond *where = hub_xcalloc(q->where_n, sizeof *where);
    *cell_n = in_values(q);
    *cells = hub_xcalloc(*cell_n, sizeof **cells);
    struct hub_cell *in = *cells;
    for (size_t i = 0; i < q->where_n; i++) {
        where[i] = q->where[i];
        if (where[i].cmp == HUB_IN) {
            for (size_t k = 0; k < where[i].in_n; k++) in[k] = where[i].in[k], in[k].s = hub_sql_keep(text, in[k].s);
            where[i].in = in;
            in += where[i].in_n;
        } else
            where[i].value.s = hub_sql_keep(text, where[i].value.s);
    }
    for (size_t i = 0; i < *cell_n; i++) hub_sql_settle(text, &(*cells)[i].s);
    for (size_t i = 0; i < q->where_n; i++)
        if (where[i].cmp != HUB_IN) hub_sql_settle(text, &where[i].value.s);
    return where;
}

void hub_sql_settle_rows(struct hub_rows *rows) {
    if (!rows->n) return;
    if (!rows->text.p) hub_buf_reserve(&rows->text, 1); /* an empty text is not NULL */
    for (size_t i = 0; i < rows->n * rows->table->column_n; i++) {
        struct hub_cell *c = &rows->cells[i];
        if (c->kind == HUB_CELL_TEXT) hub_sql_settle(&rows->text, &c->s);
    }
}
