/* Writes carried out one after the other inside one transaction: those of a segment that was refused, and
 * those that need to know what a statement did before the next goes out (changes that others are to hear
 * of, with the row before). Duplicates are answered with the existing row, what does not fit its table
 * fails alone, and the others keep their order and get numbers without gaps. */
#include "adapters/postgres/postgres_int.h"

static void go_on_single(struct writer *x);

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
    x->single = x->part = NULL;
    hub_list_splice(&x->done, &x->segment);
    hub_list_splice(&x->segment, &x->done);
    HUB_LIST_EACH(&x->segment, it) {
        struct hub_write *w = hub_pg_write_of(it);
        hub_write_reset(w);
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

static void commit_single(struct writer *x) {
    hub_pg_send_close(x);
    hub_pg_link_command(&x->link, "COMMIT");
    x->segment_open = true;
    hub_pg_link_sync(&x->link, on_committed, x);
}

/* ---- one write ---- */

static void send_part(struct writer *x, struct hub_write *w);

/* Through, and the next one. UNDO: what it did shall not stay. */
static void finish_single(struct writer *x, bool undo) {
    struct hub_write *w = x->single;
    struct pg_counter *c = NULL;
    if (!w->code && !w->duplicate && w->numbering != HUB_NUMBER_NONE)
        c = hub_pg_counter_find(&x->counters, hub_cstr(w->counter_scope), w->counter_room);
    w->number = c ? hub_pg_counter_take(&x->counters, c) : 0;
    if (w->code) {
        hub_rows_free(&w->row);
        hub_rows_free(&w->before);
        w->row = w->before = (struct hub_rows){0};
        w->changes = 0;
    }
    hub_list_push(&x->done, &w->link);
    x->single = x->part = NULL;
    if (undo) hub_pg_link_command(&x->link, "ROLLBACK TO SAVEPOINT one");
    hub_pg_link_command(&x->link, "RELEASE SAVEPOINT one");
    go_on_single(x);
}

/* One of a group: the next one, or all of it is over. */
static void finish_part(struct writer *x, bool undo) {
    struct hub_write *part = x->part;
    bool in_group = x->single->next != NULL;
    if (in_group && !part->code && part->duplicate) hub_pg_fail(part, HUB_CONFLICT, HUB_SQL_DUPLICATE);
    if (in_group && part->code) hub_write_fail_group(x->single, part);
    if (!x->single->code && part->next)
        send_part(x, part->next);
    else
        finish_single(x, undo || (in_group && x->single->code));
}

static void on_existing_row(void *arg, const PGresult *r) {
    struct hub_write *w = arg;
    hub_pg_take_first(r, w->table, &w->row);
}

static void on_existing(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (f) {
        give_up(x, f);
        return;
    }
    x->part->duplicate = true;
    if (!x->part->row.n) hub_pg_fail(x->part, HUB_STORE_UNAVAILABLE, "the conflicting row was deleted in the meantime");
    finish_part(x, false);
}

static void on_single_result(void *arg, const PGresult *r) { hub_pg_take_outcome(arg, r); }

static void on_announced(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (f && hub_pg_code(f->state) == HUB_STORE_UNAVAILABLE) {
        give_up(x, f);
        return;
    }
    if (f) hub_pg_fail(x->part, hub_pg_code(f->state), f->text);
    finish_part(x, f != NULL);
}

static void announce_single(struct writer *x) {
    hub_pg_send_outbox(x, x->part);
    hub_pg_link_sync(&x->link, on_announced, x);
}

static const char several_numbered[] = "a numbered write must change one row, and this would change several";
static const char several_announced[] = "an announced write must change one row, and this would change several";

/* After a statement that ran: is it what was asked for? */
static void judge_single(struct writer *x) {
    struct hub_write *w = x->part;
    bool adds = w->kind == HUB_INSERT || w->kind == HUB_UPSERT;
    bool several = w->changes > 1 && (w->numbering != HUB_NUMBER_NONE || w->announce);
    if (adds && !w->changes && w->conflict) {
        hub_pg_send_existing(x, w, on_existing_row);
        hub_pg_link_sync(&x->link, on_existing, x);
        return;
    }
    if (!w->changes && w->kind != HUB_CHECK)
        hub_pg_fail(w, adds ? HUB_INTERNAL : HUB_NOT_FOUND,
                    adds ? "nothing was inserted" : "no row meets the conditions");
    else if (several)
        hub_pg_fail(w, HUB_BAD_REQUEST, w->numbering != HUB_NUMBER_NONE ? several_numbered : several_announced);
    if (!w->code && w->announce && x->link.s->outbox)
        announce_single(x);
    else
        finish_part(x, several);
}

static void on_single(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (!f) {
        judge_single(x);
    } else if (hub_pg_stale(f->state) && !x->single_again) {
        x->single_again = true;
        hub_write_reset(x->single);
        hub_pg_link_command(&x->link, "ROLLBACK TO SAVEPOINT one");
        send_part(x, x->single); /* of a group all of it, for nothing of it is there any more */
    } else if (hub_pg_code(f->state) == HUB_STORE_UNAVAILABLE && !hub_pg_alone(f->state)) {
        give_up(x, f);
    } else {
        hub_pg_note_trouble(x->link.s, f, false);
        hub_pg_fail(x->part, hub_pg_code(f->state), f->text);
        finish_part(x, true);
    }
}

/* What has waited too long is not tried any more. */
static void drop_late(struct writer *x) {
    while (!hub_list_empty(&x->segment)) {
        struct hub_write *w = hub_pg_write_of(x->segment.next);
        if (hub_loop_now_exact(x->link.s->loop) - w->submitted <= TIMEOUT_MS) break;
        hub_list_remove(&w->link);
        hub_write_reset(w);
        hub_pg_fail(w, HUB_STORE_UNAVAILABLE, "the store did not answer for 5 s");
        hub_list_push(&x->done, &w->link);
    }
}

static void go_on_single(struct writer *x) {
    drop_late(x);
    struct hub_list *next = hub_list_pop(&x->segment);
    if (!next) {
        commit_single(x);
        return;
    }
    x->single = hub_pg_write_of(next);
    x->single_again = false;
    hub_write_reset(x->single);
    hub_pg_link_command(&x->link, "SAVEPOINT one");
    send_part(x, x->single);
}

static void send_part(struct writer *x, struct hub_write *w) {
    struct pg_counter *c = NULL;
    x->part = w;
    if (w->numbering != HUB_NUMBER_NONE)
        c = hub_pg_counter_find(&x->counters, hub_cstr(w->counter_scope), w->counter_room);
    if (hub_pg_send_part(x, w, c ? c->next + 1 : 0, on_single_result))
        hub_pg_link_sync(&x->link, on_single, x);
    else
        finish_part(x, false);
}

/* ---- the beginning ---- */

static void on_begun(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (f)
        give_up(x, f);
    else
        go_on_single(x);
}

/* The counters are read again: the database's word counts. */
void hub_pg_single_begin(struct writer *x) {
    x->phase = PHASE_SINGLE;
    x->segment_open = false;
    hub_pg_link_command(&x->link, "BEGIN");
    hub_pg_link_command(&x->link,
                        "SET CONSTRAINTS ALL IMMEDIATE"); /* whose fault it is must be known before the commit */
    HUB_LIST_EACH(&x->counters.touched, it) {
        const struct pg_counter *c = HUB_CONTAINER(it, struct pg_counter, in_segment);
        hub_pg_load_counter(x, hub_pg_counter_scope(c), hub_pg_counter_room(c));
    }
    hub_pg_counters_undo(&x->counters);
    hub_pg_link_sync(&x->link, on_begun, x);
}
