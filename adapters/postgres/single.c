/* A segment that was refused, carried out again write by write inside one transaction: duplicates are answered with the existing row, what does
 * not fit its table fails alone, and the others keep their order and get numbers without gaps. */
#include "adapters/postgres/postgres_int.h"
#include "persist/store_metrics.h"

static struct hub_write *write_of(struct hub_list *l) { return HUB_CONTAINER(l, struct hub_write, link); }

static void go_on(struct writer *x);

/* ---- the end ---- */

static void on_rolled_back(void *arg, const struct failure *f) {
    (void)f;
    hub_pg_segment_over(arg, false);
}

/* The whole transaction is of no use. */
static void give_up(struct writer *x, const struct failure *f) {
    if (hub_pg_unusable(f->state)) {
        hub_pg_link_drop(&x->link, f->text); /* the next claim takes everything back */
        return;
    }
    if (x->single) hub_list_push(&x->done, &x->single->link);
    x->single = NULL;
    hub_list_splice(&x->done, &x->segment);
    hub_list_splice(&x->segment, &x->done);
    HUB_LIST_EACH(&x->segment, it) {
        struct hub_write *w = write_of(it);
        hub_pg_reset(w);
        hub_pg_fail(w, HUB_STORE_UNAVAILABLE, f->text);
    }
    hub_pg_counters_clear(&x->counters);
    hub_pg_set_down(x, f->text);
    hub_pg_link_command(&x->link, "ROLLBACK");
    hub_pg_link_sync(&x->link, on_rolled_back, x);
}

static void on_committed(void *arg, const struct failure *f) {
    struct writer *x = arg;
    x->segment_open = false;
    if (f) {
        give_up(x, f);
        return;
    }
    hub_list_splice(&x->segment, &x->done);
    hub_pg_segment_over(x, true);
}

static void commit(struct writer *x) {
    hub_pg_send_close(x);
    hub_pg_link_command(&x->link, "COMMIT");
    x->segment_open = true;
    hub_pg_link_sync(&x->link, on_committed, x);
}

/* ---- one write ---- */

/* Through, and the next one. UNDO: what it did shall not stay. */
static void through(struct writer *x, bool undo) {
    struct hub_write *w = x->single;
    struct counter *c = NULL;
    if (!w->code && !w->duplicate && w->numbering != HUB_NUMBER_NONE)
        c = hub_pg_counter_find(&x->counters, hub_cstr(w->counter_scope), w->counter_room);
    w->number = c ? hub_pg_counter_take(&x->counters, c) : 0;
    hub_list_push(&x->done, &w->link);
    x->single = NULL;
    if (undo) hub_pg_link_command(&x->link, "ROLLBACK TO SAVEPOINT one");
    hub_pg_link_command(&x->link, "RELEASE SAVEPOINT one");
    go_on(x);
}

static void on_existing_row(void *arg, const PGresult *r) {
    struct hub_write *w = arg;
    size_t cap = 0;
    if (PQresultStatus(r) != PGRES_TUPLES_OK || !PQntuples(r)) return;
    hub_pg_take_row(r, 0, 0, w->table, &w->row, &cap);
    hub_pg_settle_rows(&w->row);
}

static void on_existing(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (f) {
        give_up(x, f);
        return;
    }
    x->single->duplicate = true;
    if (!x->single->row.n) hub_pg_fail(x->single, HUB_STORE_UNAVAILABLE, "the row that stood in the way has gone");
    through(x, false);
}

struct existing {
    const struct hub_table *t;
    const char *conflict;
};

static void build_existing(struct hub_buf *sql, const void *what) {
    const struct existing *e = what;
    hub_sql_existing(&hub_sql_postgres, e->t, e->conflict, sql);
}

/* The row that stood in the way of an INSERT. */
static void find_existing(struct writer *x) {
    struct hub_write *w = x->single;
    struct link *l = &x->link;
    const struct existing e = {w->table, w->conflict};
    struct hub_str rest = hub_cstr(w->conflict);
    hub_pg_params_clear(&l->params);
    for (int col; (col = hub_sql_next_column(w->table, &rest)) >= 0;) hub_pg_param_cell(&l->params, &w->table->columns[col], &w->cells[col]);
    hub_buf_clear(&l->key);
    hub_buf_addc(&l->key, 'E');
    hub_buf_add(&l->key, &e.t, sizeof e.t);
    hub_buf_addz(&l->key, e.conflict);
    hub_pg_link_send(l, build_existing, &e, on_existing_row, w);
    hub_pg_link_sync(l, on_existing, x);
}

static void on_single_result(void *arg, const PGresult *r) { hub_pg_take_outcome(arg, r); }

static void judge(struct writer *x) {
    struct hub_write *w = x->single;
    bool adds = w->kind == HUB_INSERT || w->kind == HUB_UPSERT;
    if (adds && !w->changes && w->conflict) {
        find_existing(x);
        return;
    }
    bool several = w->numbering != HUB_NUMBER_NONE && w->changes > 1;
    if (!w->changes)
        hub_pg_fail(w, adds ? HUB_INTERNAL : HUB_NOT_FOUND, adds ? "nothing was inserted" : "no row meets the conditions");
    else if (several)
        hub_pg_fail(w, HUB_BAD_REQUEST, "a numbered write must change one row, and this would change several");
    if (several) hub_rows_free(&w->row);
    through(x, several);
}

static void on_single(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (!f) {
        judge(x);
    } else if (hub_pg_code(f->state) == HUB_STORE_UNAVAILABLE && strcmp(f->state, "57014") && strcmp(f->state, "55P03")) {
        give_up(x, f); /* but a statement that took too long fails alone */
    } else {
        hub_pg_fail(x->single, hub_pg_code(f->state), f->text);
        through(x, true);
    }
}

static void go_on(struct writer *x) {
    struct hub_list *next = hub_list_pop(&x->segment);
    if (!next) {
        commit(x);
        return;
    }
    struct hub_write *w = x->single = write_of(next);
    struct counter *c = NULL;
    if (w->numbering != HUB_NUMBER_NONE) c = hub_pg_counter_find(&x->counters, hub_cstr(w->counter_scope), w->counter_room);
    hub_pg_reset(w);
    hub_pg_link_command(&x->link, "SAVEPOINT one");
    hub_pg_send_write(x, w, false, c ? c->next + 1 : 0, on_single_result); /* it was sent before: nothing in it is refused here */
    hub_pg_link_sync(&x->link, on_single, x);
}

/* ---- the beginning ---- */

static void on_begun(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (f)
        give_up(x, f);
    else
        go_on(x);
}

/* The counters are read again: the database's word counts. */
void hub_pg_single_begin(struct writer *x) {
    hub_store_count_retried(x->segment_n);
    x->phase = PHASE_SINGLE;
    x->segment_open = false;
    hub_pg_link_command(&x->link, "BEGIN");
    HUB_LIST_EACH(&x->counters.touched, it) {
        const struct counter *c = HUB_CONTAINER(it, struct counter, in_segment);
        hub_pg_send_counter(x, hub_pg_counter_scope(c), hub_pg_counter_room(c));
    }
    hub_pg_counters_undo(&x->counters);
    hub_pg_link_sync(&x->link, on_begun, x);
}
