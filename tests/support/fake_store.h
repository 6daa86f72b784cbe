/* A store in the test's memory. What it is asked waits in a line and is answered in a later turn; while it is
 * held, when the test says so and with the result that the test wants. Results are copies that are freed
 * behind the callback, so that a sanitizer sees who keeps what was only lent. */
#ifndef TEST_SUPPORT_FAKE_STORE_H
#define TEST_SUPPORT_FAKE_STORE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/collection/map.h"
#include "base/memory/mem.h"
#include "persist/store.h"

struct fake_row {
    struct hub_list link;
    const struct hub_table *table;
    struct hub_cell *cells;
    char **texts; /* of the cells */
};

struct fake_counter {
    int64_t number;
    char epoch[HUB_UUID_LEN + 1];
};

enum fake_asked { FAKE_SELECT, FAKE_WRITE, FAKE_SQL, FAKE_COUNTER };
struct fake_question {
    struct hub_list link;
    enum fake_asked what;
    const struct hub_table *table; /* of a select or a write */
    struct hub_select select;      /* with copies of what it points to */
    char *texts;
    struct hub_cell *in;
    struct hub_write *write;
    json_t *sql, *params;
    struct hub_buf counter;
    hub_rows_cb *on_rows;
    hub_sql_cb *on_sql;
    hub_counter_cb *on_counter;
    void *arg;
};

struct fake_store {
    struct hub_store base; /* first member */
    struct hub_loop *loop;
    struct hub_list rows;      /* fake_row.link, in the order of writing */
    struct hub_map counters;   /* "scope/room" → fake_counter */
    struct hub_list questions; /* fake_question.link */
    struct hub_timer turn;
    bool held;          /* nothing is answered but by fake_store_answer and fake_store_fail */
    enum hub_code away; /* everything is answered with that */
    size_t asked[4];    /* how often, by enum fake_asked */
    json_t *sql_result; /* what the next db.query gives; NULL: an empty array */
};

/* ---- conditions ---- */

static inline int fake_cell_order(const struct hub_cell *a, const struct hub_cell *b) {
    if (a->kind == HUB_CELL_TEXT && b->kind == HUB_CELL_TEXT) {
        int d = memcmp(a->s.p, b->s.p, a->s.n < b->s.n ? a->s.n : b->s.n);
        return d ? d : (a->s.n > b->s.n) - (a->s.n < b->s.n);
    }
    double x = a->kind == HUB_CELL_REAL ? a->r : (double)a->i, y = b->kind == HUB_CELL_REAL ? b->r : (double)b->i;
    return (x > y) - (x < y);
}
static inline bool fake_cell_nil(const struct hub_cell *c) {
    return c->kind == HUB_CELL_ABSENT || c->kind == HUB_CELL_NULL;
}

static inline bool fake_is_meant_for(const struct hub_cell *cells, const struct hub_cond *c) {
    const struct hub_cell *owner = &cells[c->owner];
    if (fake_cell_nil(&cells[c->column])) return true;
    if (owner->kind == HUB_CELL_TEXT && hub_str_eq(owner->s, c->value.s)) return true;
    json_t *to = hub_json_parse(cells[c->column].s, NULL);
    bool is = !json_is_array(to) && !hub_str_eq(hub_json_get_str(to, "except"), c->value.s);
    for (size_t i = 0; i < json_array_size(to); i++) is |= hub_str_eq(hub_json_str(json_array_get(to, i)), c->value.s);
    json_decref(to);
    return is;
}

static inline bool fake_cond_holds(const struct hub_cell *cells, const struct hub_cond *c) {
    const struct hub_cell *v = &cells[c->column];
    if (c->cmp == HUB_MEANT_FOR) return fake_is_meant_for(cells, c);
    if (c->cmp == HUB_IN) {
        for (size_t i = 0; i < c->in_n; i++)
            if (!fake_cell_nil(v) && fake_cell_order(v, &c->in[i]) == 0) return true;
        return false;
    }
    if (fake_cell_nil(&c->value)) return (c->cmp == HUB_EQ) == fake_cell_nil(v);
    if (fake_cell_nil(v)) return false;
    int d = fake_cell_order(v, &c->value);
    const bool holds[] = {
        [HUB_EQ] = d == 0, [HUB_NE] = d != 0, [HUB_LT] = d<0, [HUB_LE] = d <= 0, [HUB_GT] = d> 0, [HUB_GE] = d >= 0};
    return holds[c->cmp];
}

static inline bool fake_row_is(const struct fake_row *r, const struct hub_table *t, const struct hub_cond *where,
                               size_t n) {
    if (strcmp(r->table->table, t->table) != 0) return false;
    for (size_t i = 0; i < n; i++)
        if (!fake_cond_holds(r->cells, &where[i])) return false;
    return true;
}

static inline bool fake_row_counts(const struct fake_row *r) {
    int active = r->table->active;
    return active < 0 || r->cells[active].kind != HUB_CELL_BOOL || r->cells[active].i;
}

/* ---- rows ---- */

static inline void fake_set_cell(struct fake_row *r, size_t column, struct hub_cell v) {
    char *text = v.kind == HUB_CELL_TEXT ? hub_str_dup(v.s) : NULL;
    free(r->texts[column]);
    r->texts[column] = text;
    r->cells[column] = v;
    if (text) r->cells[column].s.p = text;
}

static inline void fake_set_cells(struct fake_row *r, const struct hub_cell *cells) {
    for (size_t i = 0; i < r->table->column_n; i++)
        if (cells[i].kind != HUB_CELL_ABSENT) fake_set_cell(r, i, cells[i]);
}

static inline struct fake_row *fake_new_row(struct fake_store *s, const struct hub_table *t,
                                            const struct hub_cell *cells) {
    struct fake_row *r = hub_xcalloc(1, sizeof *r);
    *r = (struct fake_row){.table = t,
                           .cells = hub_xcalloc(t->column_n, sizeof *r->cells),
                           .texts = hub_xcalloc(t->column_n, sizeof(char *))};
    for (size_t i = 0; i < t->column_n; i++) r->cells[i].kind = HUB_CELL_NULL;
    fake_set_cells(r, cells);
    hub_list_push(&s->rows, &r->link);
    return r;
}

static inline void fake_free_row(struct fake_row *r) {
    hub_list_remove(&r->link);
    for (size_t i = 0; i < r->table->column_n; i++) free(r->texts[i]);
    free(r->texts);
    free(r->cells);
    free(r);
}

/* A result of its own memory, to be ended by hub_rows_free. */
static inline void fake_copy_rows(struct hub_rows *out, const struct hub_table *t, struct fake_row *const *rows,
                                  size_t n) {
    size_t bytes = 1;
    *out = (struct hub_rows){.table = t, .n = n, .cells = hub_xcalloc(n * t->column_n + 1, sizeof *out->cells)};
    for (size_t i = 0; i < n * t->column_n; i++) {
        out->cells[i] = rows[i / t->column_n]->cells[i % t->column_n];
        bytes += out->cells[i].kind == HUB_CELL_TEXT ? out->cells[i].s.n : 0;
    }
    hub_buf_reserve(&out->text, bytes);
    for (size_t i = 0; i < n * t->column_n; i++) {
        if (out->cells[i].kind != HUB_CELL_TEXT) continue;
        size_t at = out->text.n;
        hub_buf_adds(&out->text, out->cells[i].s);
        out->cells[i].s.p = out->text.p + at;
    }
}

/* ---- reading ---- */

static inline bool fake_comes_before(const struct hub_select *q, const struct fake_row *a, const struct fake_row *b) {
    const struct hub_table *t = q->table;
    size_t id = t->id == HUB_NO_ID ? 0 : t->id, by = q->order_by < 0 ? id : (size_t)q->order_by;
    const struct hub_cell *x = &a->cells[by], *y = &b->cells[by];
    if (fake_cell_nil(x) != fake_cell_nil(y)) return fake_cell_nil(y);
    int d = fake_cell_nil(x) ? 0 : fake_cell_order(x, y);
    if (!d) d = fake_cell_order(&a->cells[id], &b->cells[id]);
    return q->descending ? d > 0 : d < 0;
}

/* Of ALL, in the order of the question, those that no earlier one has the value of. */
static inline size_t fake_first_of_each(const struct hub_select *q, struct fake_row **all, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool first = true;
        for (size_t k = 0; k < kept && first; k++)
            first = fake_cell_order(&all[k]->cells[q->where[0].column], &all[i]->cells[q->where[0].column]) != 0;
        if (first) all[kept++] = all[i];
    }
    return kept;
}

/* As many of ALL, in their order, as the question wants; returns how many, and *CUT as in struct hub_rows. */
static inline size_t fake_find(struct fake_store *s, const struct hub_select *q, struct fake_row **all, bool *cut) {
    size_t n = 0, take = 0, bytes = 0;
    HUB_LIST_EACH(&s->rows, it) {
        struct fake_row *r = HUB_CONTAINER(it, struct fake_row, link);
        if (!fake_row_is(r, q->table, q->where, q->where_n) || (!q->with_inactive && !fake_row_counts(r))) continue;
        size_t at = n++;
        for (; at && fake_comes_before(q, r, all[at - 1]); at--) all[at] = all[at - 1];
        all[at] = r;
    }
    if (q->count) return n;
    if (q->first_of_each) n = fake_first_of_each(q, all, n);
    size_t from = (size_t)q->offset < n ? (size_t)q->offset : n;
    memmove(all, all + from, (n - from) * sizeof(struct fake_row *));
    for (n -= from, *cut = false; take < n && take < (size_t)q->limit && !*cut; take++) {
        for (size_t i = 0; i < q->table->column_n; i++)
            bytes += all[take]->cells[i].kind == HUB_CELL_TEXT ? all[take]->cells[i].s.n : 0;
        *cut = q->max_bytes && bytes > q->max_bytes;
    }
    return take;
}

static inline void fake_answer_select(struct fake_store *s, struct fake_question *q) {
    size_t n = 0;
    HUB_LIST_EACH(&s->rows, it) n++;
    struct fake_row **all = hub_xcalloc(n + 1, sizeof *all);
    struct hub_rows rows;
    bool cut = false;
    n = fake_find(s, &q->select, all, &cut);
    fake_copy_rows(&rows, q->table, all, q->select.count ? 0 : n);
    for (size_t i = 0; q->select.only && i < rows.n * q->table->column_n; i++)
        if (!(q->select.only & HUB_ONLY(i % q->table->column_n))) rows.cells[i].kind = HUB_CELL_NULL;
    rows.cut = cut;
    char number[24];
    snprintf(number, sizeof number, "%zu", n);
    if (q->select.count) {
        free(rows.cells);
        rows.n = 1;
        rows.cells = hub_xcalloc(q->table->column_n, sizeof *rows.cells);
        rows.cells[0] = hub_cell_text(hub_cstr(number));
    }
    q->on_rows(q->arg, HUB_OK, &rows, NULL);
    hub_rows_free(&rows);
    free(all);
}

/* ---- writing ---- */

static inline struct fake_counter *fake_counter_of(struct fake_store *s, const char *scope, struct hub_str room) {
    struct hub_buf key = {0};
    hub_buf_addf(&key, "%s/%.*s", scope, HUB_FMT(room));
    struct fake_counter *c = hub_map_get(&s->counters, hub_buf_str(&key));
    if (!c) {
        c = hub_xcalloc(1, sizeof *c);
        hub_uuid7(c->epoch);
        hub_map_put(&s->counters, hub_buf_str(&key), c);
    }
    hub_buf_free(&key);
    return c;
}

/* The row that is equal to CELLS in all COLUMNS, none of which is null. */
static inline struct fake_row *fake_conflict(struct fake_store *s, const struct hub_write *w) {
    HUB_LIST_EACH(&s->rows, it) {
        struct fake_row *r = HUB_CONTAINER(it, struct fake_row, link);
        struct hub_str rest = hub_cstr(w->conflict), name;
        bool same = w->conflict && fake_row_is(r, w->table, NULL, 0);
        while (same && rest.n && hub_str_split(&rest, ',', &name)) {
            size_t i = (size_t)hub_table_column(w->table, name);
            same = !fake_cell_nil(&w->cells[i]) && !fake_cell_nil(&r->cells[i]) &&
                   !fake_cell_order(&w->cells[i], &r->cells[i]);
        }
        if (same) return r;
    }
    return NULL;
}

static inline void fake_put_number(struct hub_write *w, struct fake_row *r, const char *property) {
    size_t column = (size_t)hub_table_column(w->table, hub_cstr(property));
    fake_set_cell(r, column, hub_cell_int(w->number));
    if (w->cells) w->cells[column] = hub_cell_int(w->number);
}

static inline void fake_number(struct fake_store *s, struct hub_write *w, struct fake_row *r) {
    if (w->numbering == HUB_NUMBER_NONE) return;
    w->number = ++fake_counter_of(s, w->counter_scope, w->counter_room)->number;
    if (w->numbering == HUB_NUMBER_NEW) fake_put_number(w, r, "seq");
    fake_put_number(w, r, "changeSeq");
}

static inline void fake_touch(struct fake_store *s, struct fake_row *r, bool is_new) {
    const struct hub_table *t = r->table;
    if (is_new && t->created_at >= 0) fake_set_cell(r, (size_t)t->created_at, hub_cell_int(hub_loop_wall(s->loop)));
    if (t->updated_at >= 0) fake_set_cell(r, (size_t)t->updated_at, hub_cell_int(hub_loop_wall(s->loop)));
}

static inline void fake_insert(struct fake_store *s, struct hub_write *w) {
    struct fake_row *r = fake_conflict(s, w);
    if (r && w->kind == HUB_INSERT) {
        w->duplicate = true;
        fake_copy_rows(&w->row, w->table, &r, 1);
        return;
    }
    bool is_new = !r;
    if (r && w->announce) fake_copy_rows(&w->before, w->table, &r, 1);
    if (r)
        fake_set_cells(r, w->cells);
    else
        r = fake_new_row(s, w->table, w->cells);
    fake_touch(s, r, is_new);
    fake_number(s, w, r);
    w->changes = 1;
    if (w->announce) fake_copy_rows(&w->row, w->table, &r, 1);
}

static inline bool fake_names_active(const struct hub_write *w) {
    int active = w->table->active;
    if (active < 0 || (w->cells && w->cells[active].kind != HUB_CELL_ABSENT)) return true;
    for (size_t i = 0; i < w->where_n; i++)
        if (w->where[i].column == active) return true;
    return false;
}

static inline void fake_soft_delete(struct fake_store *s, struct fake_row *r) {
    const struct hub_table *t = r->table;
    fake_set_cell(r, (size_t)t->active, hub_cell_bool(false));
    if (t->deleted_at) fake_set_cell(r, (size_t)t->deleted_at, hub_cell_int(hub_loop_wall(s->loop)));
}

static inline void fake_change(struct fake_store *s, struct hub_write *w, struct fake_row *r) {
    bool removes = hub_write_removes(w), shows = w->announce || w->return_row;
    if (w->announce && w->kind == HUB_UPDATE) fake_copy_rows(&w->before, w->table, &r, 1);
    if (w->kind == HUB_UPDATE)
        fake_set_cells(r, w->cells);
    else if (!removes)
        fake_soft_delete(s, r);
    if (!removes) fake_touch(s, r, false);
    if (!removes || w->numbering) fake_number(s, w, r);
    if (shows && !w->row.table) fake_copy_rows(&w->row, w->table, &r, 1);
    if (removes) fake_free_row(r);
    w->changes++;
}

static inline int fake_take_order(const struct fake_row *a, const struct fake_row *b, const struct hub_take *take) {
    return fake_cell_order(&a->cells[take->order_by], &b->cells[take->order_by]);
}

/* The first rows in the order of the take. */
static inline void fake_take(struct fake_store *s, struct hub_write *w) {
    size_t n = 0, most = 0;
    HUB_LIST_EACH(&s->rows, it) most++;
    struct fake_row **all = hub_xcalloc(most + 1, sizeof *all);
    HUB_LIST_EACH(&s->rows, it) {
        struct fake_row *r = HUB_CONTAINER(it, struct fake_row, link);
        if (!fake_row_is(r, w->table, w->where, w->where_n)) continue;
        size_t at = n++;
        for (; at && fake_take_order(r, all[at - 1], w->take) < 0; at--) all[at] = all[at - 1];
        all[at] = r;
    }
    if ((int64_t)n > w->take->limit) n = (size_t)w->take->limit;
    for (size_t i = 0; i < n; i++) {
        if (w->kind == HUB_UPDATE) fake_set_cells(all[i], w->cells);
        for (size_t k = 0; w->kind == HUB_UPDATE && k < HUB_NELEM(w->take->raised); k++)
            if (w->take->raised[k] >= 0) all[i]->cells[w->take->raised[k]].i++;
    }
    if (w->return_row) fake_copy_rows(&w->row, w->table, all, n);
    for (size_t i = 0; w->kind == HUB_DELETE && i < n; i++) fake_free_row(all[i]);
    free(all);
    w->changes = (int64_t)n;
    if (!n) w->code = HUB_NOT_FOUND;
}

static inline void fake_update(struct fake_store *s, struct hub_write *w) {
    bool all = fake_names_active(w) || w->purge;
    struct hub_list *next;
    for (struct hub_list *l = s->rows.next; l != &s->rows; l = next) {
        struct fake_row *r = HUB_CONTAINER(l, struct fake_row, link);
        next = l->next;
        if (fake_row_is(r, w->table, w->where, w->where_n) && (all || fake_row_counts(r))) fake_change(s, w, r);
    }
    if (!w->changes) w->code = HUB_NOT_FOUND;
}

static inline void fake_check(struct fake_store *s, struct hub_write *w) {
    size_t n = 0;
    HUB_LIST_EACH(&s->rows, it) n++;
    struct fake_row **all = hub_xcalloc(n + 1, sizeof *all);
    struct hub_rows rows;
    bool cut = false;
    n = fake_find(s, w->check, all, &cut);
    fake_copy_rows(&rows, w->table, all, n);
    if (!hub_rows_equal(&rows, w->expected)) w->code = HUB_CONFLICT;
    hub_rows_free(&rows);
    free(all);
}

static inline void fake_carry_out(struct fake_store *s, struct hub_write *w) {
    if (w->kind == HUB_CHECK)
        fake_check(s, w);
    else if (w->kind == HUB_INSERT || w->kind == HUB_UPSERT)
        fake_insert(s, w);
    else if (w->take)
        fake_take(s, w);
    else
        fake_update(s, w);
}

/* Which one of a group would fail; only what it can see before any of them is carried out. */
static inline struct hub_write *fake_misfit(struct fake_store *s, struct hub_write *w) {
    for (; w; w = w->next) {
        bool found = false;
        if (w->kind == HUB_CHECK) fake_check(s, w);
        if (w->kind == HUB_INSERT && fake_conflict(s, w)) w->code = HUB_CONFLICT;
        if (w->kind == HUB_UPDATE || w->kind == HUB_DELETE) {
            HUB_LIST_EACH(&s->rows, it)
            found |= fake_row_is(HUB_CONTAINER(it, struct fake_row, link), w->table, w->where, w->where_n);
            if (!found) w->code = HUB_NOT_FOUND;
        }
        if (w->code) return w;
    }
    return NULL;
}

static inline void fake_answer_write(struct fake_store *s, struct hub_write *w, enum hub_code code) {
    struct hub_write *misfit = !code && w->next ? fake_misfit(s, w) : NULL;
    w->code = code;
    w->undecided = NULL;
    if (misfit) hub_write_fail_group(w, misfit);
    for (struct hub_write *part = w; !w->code && part; part = part->next) fake_carry_out(s, part);
    struct hub_rows row = w->row, before = w->before;
    bool keeps_rows = w->keeps_rows;
    w->done(w); /* which may free it */
    if (keeps_rows) return;
    hub_rows_free(&row);
    hub_rows_free(&before);
}

/* ---- the line ---- */

static inline void fake_answer_counter(struct fake_store *s, struct fake_question *q) {
    size_t slash = hub_str_find(hub_buf_str(&q->counter), '/');
    struct hub_str scope = hub_str(q->counter.p, slash);
    char name[80];
    snprintf(name, sizeof name, "%.*s", HUB_FMT(scope));
    const struct fake_counter *c =
        fake_counter_of(s, name, hub_str(q->counter.p + slash + 1, q->counter.n - slash - 1));
    q->on_counter(q->arg, HUB_OK, c->number, c->epoch);
}

static inline void fake_answer_sql(struct fake_store *s, struct fake_question *q) {
    json_t *result = s->sql_result ? s->sql_result : json_array();
    s->sql_result = NULL;
    q->on_sql(q->arg, HUB_OK, result, NULL);
    json_decref(result);
}

static inline void fake_end_question(struct fake_question *q) {
    free(q->texts);
    free(q->in);
    json_decref(q->sql);
    json_decref(q->params);
    hub_buf_free(&q->counter);
    free(q);
}

static inline void fake_fail_question(struct fake_question *q, enum hub_code code, const char *error) {
    if (q->what == FAKE_SELECT) q->on_rows(q->arg, code, NULL, error);
    if (q->what == FAKE_SQL) q->on_sql(q->arg, code, NULL, error);
    if (q->what == FAKE_COUNTER) q->on_counter(q->arg, code, 0, NULL);
    if (q->what != FAKE_WRITE) return;
    snprintf(q->write->error, sizeof q->write->error, "%s", error);
    fake_answer_write(NULL, q->write, code);
}

static inline void fake_answer_question(struct fake_store *s, struct fake_question *q) {
    if (s->away)
        fake_fail_question(q, s->away, "the store is away");
    else if (q->what == FAKE_SELECT)
        fake_answer_select(s, q);
    else if (q->what == FAKE_WRITE)
        fake_answer_write(s, q->write, HUB_OK);
    else if (q->what == FAKE_SQL)
        fake_answer_sql(s, q);
    else
        fake_answer_counter(s, q);
    fake_end_question(q);
}

static inline struct fake_question *fake_store_first(struct fake_store *s) {
    if (hub_list_empty(&s->questions)) fail_msg("the store was not asked");
    return HUB_CONTAINER(s->questions.next, struct fake_question, link);
}
static inline size_t fake_store_waiting(const struct fake_store *s) {
    size_t n = 0;
    HUB_LIST_EACH(&s->questions, it) n++;
    return n;
}

/* Answers the first question of the line, or fails it. */
static inline void fake_store_answer(struct fake_store *s) {
    struct fake_question *q = fake_store_first(s);
    hub_list_remove(&q->link);
    fake_answer_question(s, q);
}
static inline void fake_store_fail(struct fake_store *s, enum hub_code code, const char *error) {
    struct fake_question *q = fake_store_first(s);
    hub_list_remove(&q->link);
    fake_fail_question(q, code, error);
    fake_end_question(q);
}
/* The first question is a write of which nobody knows what became; it stays in its place. */
static inline void fake_store_undecided(struct fake_store *s) {
    struct hub_write *w = fake_store_first(s)->write;
    void (*undecided)(struct hub_write * w) = w->undecided;
    assert_non_null(undecided);
    w->undecided = NULL;
    undecided(w);
}

static inline void fake_on_store_turn(struct hub_timer *t) {
    struct fake_store *s = HUB_CONTAINER(t, struct fake_store, turn);
    for (size_t n = fake_store_waiting(s); n && !s->held && !hub_list_empty(&s->questions); n--) fake_store_answer(s);
    if (!s->held && !hub_list_empty(&s->questions) && !hub_timer_running(t))
        hub_timer_start(s->loop, t, 0, fake_on_store_turn);
}

static inline void fake_store_hold(struct fake_store *s, bool held) {
    s->held = held;
    if (!held && !hub_list_empty(&s->questions) && !hub_timer_running(&s->turn))
        hub_timer_start(s->loop, &s->turn, 0, fake_on_store_turn);
}

static inline struct fake_question *fake_ask(struct hub_store *base, enum fake_asked what, void *arg) {
    struct fake_store *s = HUB_CONTAINER(base, struct fake_store, base);
    struct fake_question *q = hub_xcalloc(1, sizeof *q);
    *q = (struct fake_question){.what = what, .arg = arg};
    s->asked[what]++;
    hub_list_push(&s->questions, &q->link);
    fake_store_hold(s, s->held);
    return q;
}

/* ---- the table of functions ---- */

static inline char *fake_copy_text(char *at, struct hub_cell *c) {
    if (c->kind != HUB_CELL_TEXT) return at;
    if (c->s.n) memcpy(at, c->s.p, c->s.n);
    c->s.p = at;
    return at + c->s.n;
}

static inline void fake_copy_where(struct fake_question *q, const struct hub_select *from) {
    struct hub_cond *where = hub_xcalloc(from->where_n + 1, sizeof *where);
    size_t bytes = 1, cells = 1;
    for (size_t i = 0; i < from->where_n; i++) {
        where[i] = from->where[i];
        cells += where[i].in_n;
        bytes += where[i].value.kind == HUB_CELL_TEXT ? where[i].value.s.n : 0;
        for (size_t j = 0; j < where[i].in_n; j++)
            bytes += where[i].in[j].kind == HUB_CELL_TEXT ? where[i].in[j].s.n : 0;
    }
    /* The conditions, the cells of their lists, and the texts of both lie one behind the other. */
    struct hub_cell *in = q->in = hub_xcalloc(cells, sizeof *in);
    char *at = hub_xmalloc(from->where_n * sizeof *where + bytes);
    q->texts = at;
    memcpy(at, where, from->where_n * sizeof *where);
    free(where);
    q->select.where = where = (struct hub_cond *)(void *)at;
    at += from->where_n * sizeof *where;
    for (size_t i = 0; i < from->where_n; i++) {
        at = fake_copy_text(at, &where[i].value);
        const struct hub_cell *list = where[i].in;
        where[i].in = in;
        for (size_t j = 0; j < where[i].in_n; j++, in++) {
            *in = list[j];
            at = fake_copy_text(at, in);
        }
    }
}

static inline void fake_select(struct hub_store *s, const struct hub_select *from, hub_rows_cb *cb, void *arg) {
    struct fake_question *q = fake_ask(s, FAKE_SELECT, arg);
    q->table = from->table;
    q->select = *from;
    q->on_rows = cb;
    fake_copy_where(q, from);
}
static inline void fake_write(struct hub_store *s, struct hub_write *w) {
    struct fake_question *q = fake_ask(s, FAKE_WRITE, NULL);
    q->table = w->table;
    q->write = w;
}
static inline void fake_sql(struct hub_store *s, struct hub_str text, const json_t *params, const struct hub_fence *by,
                            hub_sql_cb *cb, void *arg) {
    (void)by;
    struct fake_question *q = fake_ask(s, FAKE_SQL, arg);
    q->sql = hub_json_string(text);
    q->params = json_deep_copy(params);
    q->on_sql = cb;
}
static inline void fake_counter(struct hub_store *s, const char *scope, struct hub_str room, hub_counter_cb *cb,
                                void *arg) {
    struct fake_question *q = fake_ask(s, FAKE_COUNTER, arg);
    hub_buf_addf(&q->counter, "%s/%.*s", scope, HUB_FMT(room));
    q->on_counter = cb;
}
static inline bool fake_store_ready(const struct hub_store *base, struct hub_buf *why_not) {
    const struct fake_store *s = HUB_CONTAINER(base, struct fake_store, base);
    if (s->away && why_not) hub_buf_addz(why_not, "the store is away");
    return !s->away;
}
static const struct hub_store_ops fake_store_ops = {.scheme = "fake",
                                                    .local = true,
                                                    .select = fake_select,
                                                    .write = fake_write,
                                                    .sql = fake_sql,
                                                    .counter = fake_counter,
                                                    .ready = fake_store_ready};

/* ---- for tests ---- */

static inline void fake_store_init(struct fake_store *s, struct hub_loop *loop) {
    *s = (struct fake_store){.base.ops = &fake_store_ops, .loop = loop};
    hub_list_init(&s->rows);
    hub_list_init(&s->questions);
}
/* Nothing may wait for an answer. */
static inline void fake_store_deinit(struct fake_store *s) {
    assert_int_equal(fake_store_waiting(s), 0);
    hub_timer_stop(s->loop, &s->turn);
    while (!hub_list_empty(&s->rows)) fake_free_row(HUB_CONTAINER(s->rows.next, struct fake_row, link));
    for (void *c; (c = hub_map_drain(&s->counters));) free(c);
    json_decref(s->sql_result);
}

/* A row that was always there: OBJECT is JSON by property names. */
static inline void fake_store_add(struct fake_store *s, const struct hub_table *t, const char *object) {
    struct hub_err err = {0};
    struct hub_buf text = {0};
    struct hub_cell *cells = hub_xcalloc(t->column_n, sizeof *cells);
    json_t *o = hub_json_parse(hub_cstr(object), &err);
    if (!o || hub_row_from_json(t, o, HUB_ROW_CREATE, cells, &text, &err)) fail_msg("%s: %s", object, err.text);
    fake_touch(s, fake_new_row(s, t, cells), true);
    json_decref(o);
    hub_buf_free(&text);
    free(cells);
}
/* The row is gone, and nobody is told. */
static inline void fake_store_remove(struct fake_store *s, const struct hub_table *t, const char *id) {
    const struct hub_cond where = {.column = (int)t->id, .value = hub_cell_text(hub_cstr(id))};
    HUB_LIST_EACH(&s->rows, it) {
        struct fake_row *r = HUB_CONTAINER(it, struct fake_row, link);
        if (!fake_row_is(r, t, &where, 1)) continue;
        fake_free_row(r);
        return;
    }
    fail_msg("%s has no row %s", t->name, id);
}
/* How many rows of T there are; ACTIVE: that are not deleted. */
static inline size_t fake_store_count(const struct fake_store *s, const struct hub_table *t, bool active) {
    size_t n = 0;
    HUB_LIST_EACH(&s->rows, it) {
        const struct fake_row *r = HUB_CONTAINER(it, struct fake_row, link);
        n += fake_row_is(r, t, NULL, 0) && (!active || fake_row_counts(r));
    }
    return n;
}
#endif
