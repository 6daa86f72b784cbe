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

#define TRIES_MAX 5 /* of a segment that meets what passes: deadlocks with others' transactions, mostly */

static void on_undone(void *arg, const struct failure *f) {
    struct writer *x = arg;
    (void)f;
    hub_pg_writer_take_back(x);
    hub_pg_counters_clear(&x->counters);
    hub_pg_writer_pump(x);
}

static bool try_again(struct writer *x, const struct failure *f) {
    if (!hub_pg_passing(f->state) || x->tries >= TRIES_MAX) return false;
    x->tries++;
    hub_pg_link_command(&x->link, "ROLLBACK");
    hub_pg_link_sync(&x->link, on_undone, x);
    return true;
}

/* The whole transaction is of no use. */
static void give_up(struct writer *x, const struct failure *f) {
    if (hub_pg_unusable(f->state)) {
        hub_pg_link_drop(&x->link, f->text); /* the next claim takes everything back */
        return;
    }
    if (try_again(x, f)) return;
    x->tries = 0;
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

static bool adds_row(const struct hub_write *w) { return w->kind == HUB_INSERT || w->kind == HUB_UPSERT; }

/* Of a statement that ran: is it what was asked for? */
static void judge_changes(struct hub_write *w) {
    bool adds = adds_row(w), numbered = w->numbering != HUB_NUMBER_NONE;
    if (!w->changes && w->kind != HUB_CHECK)
        hub_pg_fail(w, adds ? HUB_INTERNAL : HUB_NOT_FOUND,
                    adds ? "nothing was inserted" : "no row meets the conditions");
    else if (w->changes > 1 && (numbered || w->announce))
        hub_pg_fail(w, HUB_BAD_REQUEST, numbered ? several_numbered : several_announced);
}

static void judge_single(struct writer *x) {
    struct hub_write *w = x->part;
    if (adds_row(w) && !w->changes && w->conflict) {
        hub_pg_send_existing(x, w, on_existing_row);
        hub_pg_link_sync(&x->link, on_existing, x);
        return;
    }
    judge_changes(w);
    if (!w->code && w->announce && x->link.s->outbox)
        announce_single(x);
    else
        finish_part(x, w->code && w->changes);
}

/* ---- a group at once ---- */

/* All of its parts go out in one go, and are judged when all have come back: whatever was done behind one
 * that fails is undone with it. A number is given when what came before is known, so those are carried out
 * one by one. */
static bool goes_at_once(const struct hub_write *first) {
    bool numbered = false;
    for (const struct hub_write *part = first; part; part = part->next) numbered |= part->numbering != HUB_NUMBER_NONE;
    return first->next && !numbered;
}

/* PART is the one that F is about, if it has no answer. False: nothing is wrong with it. */
static bool part_has_failed(struct writer *x, struct hub_write *part, const struct failure *f) {
    if (part->code) return true;
    if (part->changes == HUB_PG_UNANSWERED) {
        hub_pg_note_trouble(x->link.s, f, false);
        hub_pg_fail(part, hub_pg_code(f->state), f->text);
    } else if (adds_row(part) && !part->changes && part->conflict) {
        hub_pg_fail(part, HUB_CONFLICT, HUB_SQL_DUPLICATE);
    } else {
        judge_changes(part);
    }
    return part->code != HUB_OK;
}

static void on_group_announced(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (f && hub_pg_code(f->state) == HUB_STORE_UNAVAILABLE) {
        give_up(x, f);
        return;
    }
    if (f) hub_pg_fail(x->single, hub_pg_code(f->state), f->text);
    if (f) hub_write_fail_group(x->single, x->single);
    finish_single(x, f != NULL);
}

static void announce_group(struct writer *x) {
    bool any = false;
    for (const struct hub_write *part = x->single; part; part = part->next) {
        if (!part->announce || !x->link.s->outbox) continue;
        hub_pg_send_outbox(x, part);
        any = true;
    }
    if (any)
        hub_pg_link_sync(&x->link, on_group_announced, x);
    else
        finish_single(x, false);
}

static void judge_group(struct writer *x, const struct failure *f) {
    struct hub_write *failed = NULL;
    for (struct hub_write *part = x->single; part; part = part->next) {
        if (!failed && part_has_failed(x, part, f)) failed = part;
        if (part->changes == HUB_PG_UNANSWERED) part->changes = 0;
    }
    if (f && !failed) {
        failed = x->single;
        hub_pg_fail(failed, hub_pg_code(f->state), f->text);
    }
    if (!failed) {
        announce_group(x);
        return;
    }
    hub_write_fail_group(x->single, failed);
    finish_single(x, true);
}

static void send_group(struct writer *x);

static void on_group(void *arg, const struct failure *f) {
    struct writer *x = arg;
    if (f && hub_pg_stale(f->state) && !x->single_again) {
        x->single_again = true;
        hub_write_reset(x->single);
        hub_pg_link_command(&x->link, "ROLLBACK TO SAVEPOINT one");
        send_group(x);
    } else if (f && hub_pg_code(f->state) == HUB_STORE_UNAVAILABLE && !hub_pg_alone(f->state)) {
        give_up(x, f);
    } else {
        judge_group(x, f);
    }
}

/* A part that cannot be sent has its code then, and what is behind it is not tried. */
static void send_group(struct writer *x) {
    bool sent = true;
    for (struct hub_write *part = x->single; part; part = part->next) part->changes = HUB_PG_UNANSWERED;
    for (struct hub_write *part = x->single; part && sent; part = part->next)
        sent = hub_pg_send_part(x, part, 0, on_single_result);
    hub_pg_link_sync(&x->link, on_group, x);
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

/* What has waited too long is not tried any more, and what another node's place leads to not at all. */
static bool may_try(struct writer *x, struct hub_write *w) {
    hub_write_reset(w);
    if (hub_loop_now_exact(x->link.s->loop) - w->submitted <= TIMEOUT_MS) return hub_pg_fences_pass(x, w);
    hub_pg_fail(w, HUB_STORE_UNAVAILABLE, "the store did not answer for 5 s");
    return false;
}

static void drop_refused(struct writer *x) {
    while (!hub_list_empty(&x->segment) && !may_try(x, hub_pg_write_of(x->segment.next)))
        hub_list_push(&x->done, hub_list_pop(&x->segment));
}

static void go_on_single(struct writer *x) {
    drop_refused(x);
    struct hub_list *next = hub_list_pop(&x->segment);
    if (!next) {
        commit_single(x);
        return;
    }
    x->single = hub_pg_write_of(next);
    x->single_again = false;
    hub_pg_link_command(&x->link, "SAVEPOINT one");
    if (goes_at_once(x->single))
        send_group(x);
    else
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

static void load_touched(struct writer *x) {
    HUB_LIST_EACH(&x->counters.touched, it) {
        const struct pg_counter *c = HUB_CONTAINER(it, struct pg_counter, in_segment);
        hub_pg_load_counter(x, hub_pg_counter_scope(c), hub_pg_counter_room(c));
    }
}

/* Other loops may number in these rooms too, and may do so in the middle of this. */
static void hold_counters(struct writer *x) {
    struct hub_map seen = {0};
    HUB_LIST_EACH(&x->segment, it) {
        const struct hub_write *w = hub_pg_write_of(it);
        if (w->numbering == HUB_NUMBER_NONE) continue;
        const struct pg_counter *c = hub_pg_counter_find(&x->counters, hub_cstr(w->counter_scope), w->counter_room);
        if (c && !hub_map_put(&seen, hub_str(c->key, c->key_n), x))
            hub_pg_hold_counter(x, hub_pg_counter_scope(c), hub_pg_counter_room(c));
    }
    hub_map_clear(&seen);
}

/* The counters are read again: the database's word counts. */
void hub_pg_single_begin(struct writer *x) {
    x->phase = PHASE_SINGLE;
    x->segment_open = false;
    hub_pg_link_command(&x->link, "BEGIN");
    hub_pg_link_command(&x->link,
                        "SET CONSTRAINTS ALL IMMEDIATE"); /* whose fault it is must be known before the commit */
    if (x->link.s->shared)
        hold_counters(x);
    else
        load_touched(x);
    hub_pg_counters_undo(&x->counters);
    if (x->link.s->fences) hub_pg_fences_hold(x);
    hub_pg_link_sync(&x->link, on_begun, x);
}
