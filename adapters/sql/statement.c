/* Texts of INSERT, UPDATE, DELETE and SELECT. */
#include "adapters/sql/statement.h"

#include <stdlib.h>

#include "base/memory/mem.h"

int hub_sql_next_column(const struct hub_table *t, struct hub_str *rest) {
    struct hub_str name;
    return hub_str_split(rest, ',', &name) ? hub_table_column(t, hub_str_trim(name)) : -1;
}

bool hub_sql_too_many(const struct hub_cond *where, size_t n) {
    size_t params = 0;
    for (size_t i = 0; i < n; i++) params += where[i].cmp == HUB_IN ? where[i].in_n : 1;
    return params > HUB_SQL_MAX_PARAMS;
}

/* ---- shapes ---- */

static bool has_value(const struct hub_cond *c) { return c->cmp == HUB_IN || c->value.kind != HUB_CELL_NULL; }

static void cond_shape(const struct hub_cond *where, size_t n, struct hub_buf *key) {
    for (size_t i = 0; i < n; i++) {
        struct {
            int column, cmp;
            size_t in_n; /* or the other column */
        } c = {.column = where[i].column, .cmp = where[i].cmp * 2 + has_value(&where[i])};
        if (where[i].cmp == HUB_IN) c.in_n = where[i].in_n;
        if (where[i].cmp == HUB_MEANT_FOR) c.in_n = (size_t)where[i].owner;
        hub_buf_add(key, &c, sizeof c);
    }
}

void hub_sql_write_shape(const struct hub_write *w, struct hub_buf *key) {
    hub_buf_addc(key, "IUDP"[w->kind]);
    hub_buf_addc(key, "-rpR"[w->return_row + 2 * w->purge]);
    hub_buf_add(key, &w->table, sizeof w->table);
    for (size_t i = 0; w->cells && i < w->table->column_n; i++)
        hub_buf_addc(key, w->cells[i].kind == HUB_CELL_ABSENT ? '-' : '+');
    if (w->conflict) hub_buf_addz(key, w->conflict);
    hub_buf_addc(key, ' ');
    if (w->take) {
        const int columns[] = {w->take->order_by, w->take->raised[0], w->take->raised[1]};
        hub_buf_add(key, columns, sizeof columns);
    }
    cond_shape(w->where, w->where_n, key);
}

void hub_sql_select_shape(const struct hub_select *q, struct hub_buf *key) {
    hub_buf_addc(key, 'S');
    hub_buf_addc(key, (char)('0' + q->first_of_each * 8 + q->count * 4 + q->descending * 2 + q->with_inactive));
    hub_buf_add(key, &q->only, sizeof q->only);
    hub_buf_add(key, &q->table, sizeof q->table);
    hub_buf_add(key, &q->order_by, sizeof q->order_by);
    cond_shape(q->where, q->where_n, key);
}

/* ---- texts ---- */

struct text {
    const struct hub_sql_dialect *d;
    const struct hub_table *t;
    struct hub_buf *out;
    int params;
    bool as_text; /* compare the column as a text */
};

static void say_text(struct text *x, const char *s) { hub_buf_addz(x->out, s); }
static void say_column(struct text *x, int i) { hub_sql_name(x->out, x->t->columns[i].column); }
static void say_param(struct text *x) { hub_buf_addf(x->out, "%c%d", x->d->placeholder, ++x->params); }

/* The column's value as something that is of the property's type. */
static void say_value(struct text *x, int i) {
    enum hub_stored stored = hub_stored(&x->t->columns[i]);
    if (stored == HUB_STORED_ARRAY) say_text(x, "to_jsonb(");
    say_column(x, i);
    if (stored == HUB_STORED_ARRAY) say_text(x, ")");
    if (stored == HUB_STORED_TEXT) say_text(x, x->d->text_cast);
}

static void say_columns(struct text *x) {
    for (size_t i = 0; i < x->t->column_n; i++) {
        if (i) say_text(x, ", ");
        say_value(x, (int)i);
    }
}

static void say_audience(struct text *x, const struct hub_cond *c) {
    struct hub_buf audience = {0}, owner = {0}, user = {0};
    hub_sql_name(&audience, x->t->columns[c->column].column);
    hub_sql_name(&owner, x->t->columns[c->owner].column);
    hub_buf_addf(&user, "%c%d", x->d->placeholder, ++x->params);
    x->d->meant_for(x->out, hub_buf_str(&audience), hub_buf_str(&owner), hub_buf_str(&user));
    hub_buf_free(&audience);
    hub_buf_free(&owner);
    hub_buf_free(&user);
}

static bool is_text(const struct hub_column *c) {
    return c->type == HUB_COL_STRING || c->type == HUB_COL_TEXT || c->type == HUB_COL_ID || c->type == HUB_COL_ENUM;
}

/* A moment in our spelling, of a text in one that SQLite reads, or of milliseconds. */
static void say_moment(struct text *x, int i) {
    say_text(x, "CASE typeof(");
    say_column(x, i);
    say_text(x, ") WHEN 'text' THEN strftime('%Y-%m-%dT%H:%M:%fZ', ");
    say_column(x, i);
    say_text(x, ") ELSE strftime('%Y-%m-%dT%H:%M:%fZ', ");
    say_column(x, i);
    say_text(x, " / 1000.0, 'unixepoch') END");
}

/* The column as something that has an order, the same on every database: a text goes by its bytes, an enum
 * too (and not by the order in which its values were declared), a number by its value. */
static void say_ordered(struct text *x, int i) {
    const struct hub_column *c = &x->t->columns[i];
    enum hub_stored stored = hub_stored(c);
    if (stored == HUB_STORED_MOMENT) {
        say_moment(x, i);
        return;
    }
    say_column(x, i);
    if (!is_text(c) || stored == HUB_STORED_NUMBER) return;
    if ((c->type == HUB_COL_ENUM && x->d->enum_type) || stored != HUB_STORED_AS_DECLARED) say_text(x, x->d->text_cast);
    say_text(x, x->d->collation);
}

/* Equality is the column's own, so that its indexes serve. Not so where several texts are equal to one id,
 * each of which would be a room of its own, and for moments in many spellings. */
static void say_equal_side(struct text *x, int i) {
    const struct hub_column *c = &x->t->columns[i];
    enum hub_stored stored = hub_stored(c);
    bool many_names = stored == HUB_STORED_OTHER || (x->d->loose_types && stored == HUB_STORED_AS_DECLARED);
    if (x->as_text || stored == HUB_STORED_MOMENT || (c->type == HUB_COL_ID && c->stored && many_names))
        say_ordered(x, i);
    else
        say_column(x, i);
}

static bool is_loose_id(const struct hub_column *c) {
    return c->type == HUB_COL_ID && hub_stored(c) == HUB_STORED_LOOSE;
}

/* The column's own equality finds the rows by its index, and takes more than one text for some: only the
 * one that is shown is meant. Both sides of AND have the same parameters. */
static void say_both(struct text *x, const struct hub_cond *c,
                     void (*say_one)(struct text *x, const struct hub_cond *c)) {
    int before = x->params;
    say_text(x, "(");
    say_one(x, c);
    say_text(x, " AND ");
    x->params = before;
    x->as_text = true;
    say_one(x, c);
    x->as_text = false;
    say_text(x, ")");
}

static void say_in(struct text *x, const struct hub_cond *c) {
    say_equal_side(x, c->column);
    for (size_t i = 0; i < c->in_n; i++) {
        say_text(x, i ? ", " : " IN (");
        say_param(x);
    }
    say_text(x, ")");
}

static void say_equal(struct text *x, const struct hub_cond *c) {
    say_equal_side(x, c->column);
    say_text(x, " = ");
    say_param(x);
}

static void say_compared(struct text *x, const struct hub_cond *c) {
    static const char *const ops[] = {
        [HUB_NE] = " <> ", [HUB_LT] = " < ", [HUB_LE] = " <= ", [HUB_GT] = " > ", [HUB_GE] = " >= "};
    say_ordered(x, c->column);
    say_text(x, ops[c->cmp]);
    say_param(x);
}

static void say_cond(struct text *x, const struct hub_cond *c) {
    bool twice = is_loose_id(&x->t->columns[c->column]);
    if (c->cmp == HUB_IN && !c->in_n) {
        say_text(x, "FALSE");
    } else if (c->cmp == HUB_MEANT_FOR) {
        say_audience(x, c);
    } else if (twice && (c->cmp == HUB_IN || (c->cmp == HUB_EQ && has_value(c)))) {
        say_both(x, c, c->cmp == HUB_IN ? say_in : say_equal);
    } else if (c->cmp == HUB_IN) {
        say_in(x, c);
    } else if (!has_value(c)) {
        say_column(x, c->column);
        say_text(x, c->cmp == HUB_NE ? " IS NOT NULL" : c->cmp == HUB_EQ ? " IS NULL" : " IS NULL AND FALSE");
    } else if (c->cmp == HUB_EQ) {
        say_equal(x, c);
    } else {
        say_compared(x, c);
    }
}

/* As many columns as ever, so that whoever takes the row need not know. */
static void say_count(struct text *x) {
    say_text(x, "CAST(count(*) AS text)");
    for (size_t i = 1; i < x->t->column_n; i++) say_text(x, ", NULL");
}

/* Each with GLUE in front, all but the first one with AND. */
static void say_conds(struct text *x, const char *glue, const struct hub_cond *where, size_t n, bool active_only) {
    for (size_t i = 0; i < n; i++, glue = " AND ") {
        say_text(x, glue);
        say_cond(x, &where[i]);
        if (where[i].column == x->t->active) active_only = false;
    }
    if (!active_only || x->t->active < 0) return;
    say_text(x, glue);
    say_column(x, x->t->active);
    say_text(x, " IS NOT FALSE");
}

static void say_where(struct text *x, const struct hub_cond *where, size_t n, bool active_only) {
    say_conds(x, " WHERE ", where, n, active_only);
}

static void say_returning(struct text *x, bool on) {
    if (!on) return;
    say_text(x, " RETURNING ");
    say_columns(x);
}

static const struct hub_index *index_over(const struct hub_table *t, const char *columns) {
    for (size_t i = 0; i < t->index_n; i++)
        if (t->indexes[i].unique && !strcmp(t->indexes[i].columns, columns)) return &t->indexes[i];
    return NULL;
}

static bool list_names(const struct hub_table *t, const char *list, int column) {
    struct hub_str rest = hub_cstr(list);
    for (int c; (c = hub_sql_next_column(t, &rest)) >= 0;)
        if (c == column) return true;
    return false;
}

/* ON CONFLICT ("a", "b"); a partial index is only recognised with its condition. */
static void say_conflict(struct text *x, const char *conflict) {
    struct hub_str rest = hub_cstr(conflict);
    const char *glue = " ON CONFLICT (";
    int last = -1;
    for (int c; (c = hub_sql_next_column(x->t, &rest)) >= 0; glue = ", ") {
        say_text(x, glue);
        say_column(x, c);
        last = c;
    }
    say_text(x, ")");
    const struct hub_index *index = index_over(x->t, conflict);
    if (!index || !index->sparse || last < 0) return;
    say_text(x, " WHERE ");
    say_column(x, last);
    say_text(x, " IS NOT NULL");
}

static void say_upsert(struct text *x, const struct hub_write *w) {
    const char *glue = " DO UPDATE SET ";
    for (size_t i = 0; i < x->t->column_n; i++) {
        if (w->cells[i].kind == HUB_CELL_ABSENT || i == x->t->id || (int)i == x->t->created_at ||
            list_names(x->t, w->conflict, (int)i))
            continue;
        say_text(x, glue);
        say_column(x, (int)i);
        say_text(x, " = excluded.");
        say_column(x, (int)i);
        glue = ", ";
    }
    if (*glue == ' ') say_text(x, " DO NOTHING"); /* nothing but the key */
}

static void say_params(struct text *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i) say_text(x, ", ");
        say_param(x);
    }
}

static void say_insert(struct text *x, const struct hub_write *w, size_t rows) {
    say_text(x, "INSERT INTO ");
    hub_sql_table(x->d, x->out, x->t->table);
    const char *glue = " (";
    size_t n = 0;
    for (size_t i = 0; i < x->t->column_n; i++) {
        if (w->cells[i].kind == HUB_CELL_ABSENT) continue;
        say_text(x, glue);
        say_column(x, (int)i);
        glue = ", ";
        n++;
    }
    say_text(x, n ? ") VALUES (" : " DEFAULT VALUES");
    for (size_t i = 0; n && i < rows; i++) {
        if (i) say_text(x, "), (");
        say_params(x, n);
    }
    if (n) say_text(x, ")");
    if (w->conflict) say_conflict(x, w->conflict);
    if (w->conflict && w->kind == HUB_UPSERT) say_upsert(x, w);
    if (w->conflict && w->kind == HUB_INSERT) say_text(x, " DO NOTHING");
}

/* The rows of a take, by their ids. The limit is the last parameter. */
static void say_taken(struct text *x, const struct hub_write *w, bool active_only) {
    say_text(x, " WHERE ");
    say_column(x, (int)x->t->id);
    say_text(x, x->d->take_open);
    say_text(x, "SELECT ");
    say_column(x, (int)x->t->id);
    say_text(x, " FROM ");
    hub_sql_table(x->d, x->out, x->t->table);
    say_where(x, w->where, w->where_n, active_only);
    say_text(x, " ORDER BY ");
    say_ordered(x, w->take->order_by);
    say_text(x, " LIMIT ");
    say_param(x);
    say_text(x, x->d->take_close);
}

static void say_rows(struct text *x, const struct hub_write *w, bool active_only) {
    if (w->take)
        say_taken(x, w, active_only);
    else
        say_where(x, w->where, w->where_n, active_only);
}

static void say_raised(struct text *x, const struct hub_take *take, const char *glue) {
    for (size_t i = 0; take && i < HUB_NELEM(take->raised); i++) {
        if (take->raised[i] < 0) continue;
        say_text(x, glue);
        say_column(x, take->raised[i]);
        say_text(x, " = ");
        say_column(x, take->raised[i]);
        say_text(x, " + 1");
        glue = ", ";
    }
}

static void say_update(struct text *x, const struct hub_write *w) {
    say_text(x, "UPDATE ");
    hub_sql_table(x->d, x->out, x->t->table);
    const char *glue = " SET ";
    for (size_t i = 0; i < x->t->column_n; i++) {
        if (w->cells[i].kind == HUB_CELL_ABSENT) continue;
        say_text(x, glue);
        say_column(x, (int)i);
        say_text(x, " = ");
        say_param(x);
        glue = ", ";
    }
    say_raised(x, w->take, glue);
    bool restores = w->kind == HUB_UPDATE && x->t->active >= 0 && w->cells[x->t->active].kind != HUB_CELL_ABSENT;
    say_rows(x, w, !restores);
}

static void say_delete(struct text *x, const struct hub_write *w) {
    say_text(x, "DELETE FROM ");
    hub_sql_table(x->d, x->out, x->t->table);
    say_rows(x, w, false);
}

void hub_sql_write(const struct hub_sql_dialect *d, const struct hub_write *w, struct hub_buf *sql) {
    struct text x = {.d = d, .t = w->table, .out = sql};
    if (w->kind == HUB_INSERT || w->kind == HUB_UPSERT)
        say_insert(&x, w, 1);
    else if (hub_write_removes(w))
        say_delete(&x, w);
    else
        say_update(&x, w);
    say_returning(&x, w->return_row);
}

void hub_sql_insert_rows(const struct hub_sql_dialect *d, const struct hub_write *w, size_t rows, struct hub_buf *sql) {
    struct text x = {.d = d, .t = w->table, .out = sql};
    say_insert(&x, w, rows);
}

/* ---- the order of a select: one and the same on every database, whatever plan it chooses ---- */

static bool is_fixed(const struct hub_select *q, int column) {
    for (size_t i = 0; i < q->where_n; i++)
        if (q->where[i].column == column && q->where[i].cmp == HUB_EQ && has_value(&q->where[i])) return true;
    return false;
}

static bool may_be_null(const struct hub_select *q, int column) {
    const struct hub_table *t = q->table;
    if (t->managed && (t->columns[column].required || (size_t)column == t->id)) return false;
    for (size_t i = 0; i < q->where_n; i++)
        if (q->where[i].column == column && (has_value(&q->where[i]) || q->where[i].cmp == HUB_NE)) return false;
    return true;
}

/* No two rows of the result are equal in the columns of a unique index that are not fixed anyway. */
static bool index_decides(const struct hub_select *q, const struct hub_index *index) {
    struct hub_str rest = hub_cstr(index->columns);
    if (!index->unique) return false;
    for (int c; (c = hub_sql_next_column(q->table, &rest)) >= 0;)
        if (!is_fixed(q, c) && (c != q->order_by || may_be_null(q, c))) return false;
    return true;
}

/* Nothing is left for the id to decide. */
static bool is_settled(const struct hub_select *q) {
    const struct hub_table *t = q->table;
    if (t->id != HUB_NO_ID && ((int)t->id == q->order_by || is_fixed(q, (int)t->id))) return true;
    for (size_t i = 0; t->managed && i < t->index_n; i++)
        if (index_decides(q, &t->indexes[i])) return true;
    return false;
}

static void say_key(struct text *x, const struct hub_select *q, int column) {
    if (hub_stored(&x->t->columns[column]) == HUB_STORED_UUID)
        say_column(x, column); /* its own order is that of its text, and has an index */
    else
        say_ordered(x, column);
    if (q->descending) say_text(x, " DESC");
    if (q->descending != x->d->nulls_small && may_be_null(q, column)) say_text(x, " NULLS LAST");
}

static const struct hub_index *first_unique(const struct hub_table *t) {
    for (size_t i = 0; i < t->index_n; i++)
        if (t->indexes[i].unique) return &t->indexes[i];
    return NULL;
}

/* The id; where there is none, what tells the rows apart instead. */
static void say_last_keys(struct text *x, const struct hub_select *q, const char *glue) {
    const struct hub_index *index = x->t->id == HUB_NO_ID ? first_unique(x->t) : NULL;
    struct hub_str rest = hub_cstr(index ? index->columns : "");
    if (x->t->id != HUB_NO_ID) {
        say_text(x, glue);
        say_key(x, q, (int)x->t->id);
    }
    for (int c; index && (c = hub_sql_next_column(x->t, &rest)) >= 0; glue = ", ") {
        say_text(x, glue);
        say_key(x, q, c);
    }
}

static void say_order(struct text *x, const struct hub_select *q) {
    const char *glue = " ORDER BY ";
    if (q->order_by >= 0) {
        say_text(x, glue);
        say_key(x, q, q->order_by);
        glue = ", ";
    }
    if (!is_settled(q)) say_last_keys(x, q, glue);
}

static void say_selected(struct text *x, const struct hub_select *q) {
    for (size_t i = 0; i < x->t->column_n; i++) {
        if (i) say_text(x, ", ");
        if (q->only && !(q->only & HUB_ONLY(i)))
            say_text(x, "NULL");
        else
            say_value(x, (int)i);
    }
}

/* ---- the first row of each of several values ---- */

static void say_each_value(struct text *x, const struct hub_cond *c) {
    say_equal_side(x, c->column);
    say_text(x, " = hubd_each.value");
    if (is_text(&x->t->columns[c->column])) say_text(x, x->d->collation); /* of two columns neither decides by itself */
}

/* The id of the first row that has the value, by the conditions behind the first one. */
static void say_first_id(struct text *x, const struct hub_select *q) {
    struct hub_cond *fixed = hub_xmalloc(q->where_n * sizeof *fixed);
    memcpy(fixed, q->where, q->where_n * sizeof *fixed);
    fixed[0] = (struct hub_cond){.column = q->where[0].column, .value = hub_cell_int(0)};
    struct hub_select one = *q;
    one.where = fixed;
    bool active_only = !q->with_inactive && x->t->active >= 0;
    say_text(x, "(SELECT ");
    say_column(x, (int)x->t->id);
    say_text(x, " FROM ");
    hub_sql_table(x->d, x->out, x->t->table);
    say_text(x, " WHERE ");
    say_each_value(x, &q->where[0]);
    say_conds(x, " AND ", q->where + 1, q->where_n - 1, active_only);
    say_order(x, &one);
    say_text(x, " LIMIT 1)");
    free(fixed);
}

/* A CROSS JOIN, for SQLite keeps to its order. */
static void say_first_of_each(struct text *x, const struct hub_select *q) {
    say_text(x, "WITH hubd_each(value) AS (VALUES (");
    for (size_t i = 0; i < q->where[0].in_n; i++) {
        if (i) say_text(x, "), (");
        say_param(x);
    }
    say_text(x, ")) SELECT ");
    say_selected(x, q);
    say_text(x, " FROM hubd_each CROSS JOIN ");
    hub_sql_table(x->d, x->out, x->t->table);
    say_text(x, " WHERE ");
    say_column(x, (int)x->t->id);
    say_text(x, " = ");
    say_first_id(x, q);
}

/* ---- a select ---- */

static void say_plain(struct text *x, const struct hub_select *q) {
    say_text(x, "SELECT ");
    if (q->count)
        say_count(x);
    else
        say_selected(x, q);
    say_text(x, " FROM ");
    hub_sql_table(x->d, x->out, x->t->table);
    say_where(x, q->where, q->where_n, !q->with_inactive);
    if (!q->count) say_order(x, q);
}

void hub_sql_select(const struct hub_sql_dialect *d, const struct hub_select *q, struct hub_buf *sql) {
    struct text x = {.d = d, .t = q->table, .out = sql};
    if (q->first_of_each)
        say_first_of_each(&x, q);
    else
        say_plain(&x, q);
    say_text(&x, " LIMIT ");
    say_param(&x);
    say_text(&x, " OFFSET ");
    say_param(&x);
}

void hub_sql_existing(const struct hub_sql_dialect *d, const struct hub_table *t, const char *conflict,
                      struct hub_buf *sql) {
    struct text x = {.d = d, .t = t, .out = sql};
    say_text(&x, "SELECT ");
    say_columns(&x);
    say_text(&x, " FROM ");
    hub_sql_table(d, sql, t->table);
    struct hub_str rest = hub_cstr(conflict);
    const char *glue = " WHERE ";
    for (int c; (c = hub_sql_next_column(t, &rest)) >= 0; glue = " AND ") {
        say_text(&x, glue);
        say_column(&x, c);
        say_text(&x, " = ");
        say_param(&x);
    }
    say_text(&x, " LIMIT 1");
}

struct hub_select hub_sql_before(const struct hub_write *w) {
    int active = w->table->active;
    bool restores = active >= 0 && w->cells[active].kind != HUB_CELL_ABSENT;
    return (struct hub_select){.table = w->table,
                               .where = w->where,
                               .where_n = w->where_n,
                               .order_by = -1,
                               .limit = 1,
                               .with_inactive = restores};
}
