/* Reading: jobs wait in one queue for the first connection that can take them. Selects share a connection;
 * a script's statement, and a claim of a place, which may wait for another node's transaction, have one for
 * themselves, and these never have them all. Reads never wait for writes, and see every commit that was
 * answered before they were asked. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"
#include "base/time/clock.h"
#include "persist/store_metrics.h"

void hub_pg_job_free(struct pg_job *j) {
    hub_rows_free(&j->rows);
    hub_buf_free(&j->text);
    hub_pg_params_free(&j->params);
    json_decref(j->result);
    if (j->kind == JOB_SQL) free(j->count);
    free((void *)(uintptr_t)j->q.where);
    free(j->cells);
    free(j);
}

void hub_pg_job_fail(struct pg_job *j, enum hub_code code, const char *why) {
    j->code = code;
    snprintf(j->error, sizeof j->error, "%s", why);
}

/* ---- a select ---- */

static void build_read_select(struct hub_buf *sql, const void *what) { hub_sql_select(&hub_sql_postgres, what, sql); }

static void on_select_result(void *arg, const PGresult *r) {
    struct pg_job *j = arg;
    j->rows.table = j->q.table;
    for (int i = 0; i < PQntuples(r) && !j->rows.cut; i++) {
        hub_pg_take_row(r, i, j->q.table, &j->rows, &j->rows_cap);
        j->rows.cut = j->q.max_bytes && j->rows.text.n > j->q.max_bytes && i + 1 < PQntuples(r);
    }
}

/* An id that is no number has no row in a table whose ids are numbers. */
static bool matches_nothing(const struct pg_job *j, const struct failure *f) {
    if (strcmp(f->state, "22P02") && strcmp(f->state, "22003") && strcmp(f->state, "22007") &&
        strcmp(f->state, "22008"))
        return false;
    for (size_t i = 0; i < j->q.where_n; i++)
        if (j->q.where[i].cmp == HUB_EQ) return true;
    return false;
}

/* ---- the end of a job ---- */

static bool goes_alone(const struct pg_job *j) { return j->kind == JOB_SQL || j->kind == JOB_CLAIM; }

static void end_job(struct pg_job *j) {
    struct reader *r = j->reader;
    hub_list_remove(&j->link);
    r->under_way_n--;
    if (goes_alone(j)) r->alone = false;
    j->reader = NULL;
    if (j->code == HUB_OK) hub_store_count_read(hub_real_ns() - j->sent);
    hub_pg_answer_job(j->s, j);
}

static void send_job(struct reader *r, struct pg_job *j);

/* The statement was carried out, and the fence behind it does not hold. */
static bool is_fenced(const struct pg_job *j, const struct failure *f) {
    return j->asked && !j->held && !strcmp(f->state, "22012");
}

static void on_job(void *arg, const struct failure *f) {
    struct pg_job *j = arg;
    struct pg_store *s = j->s;
    struct link *l = &j->reader->link;
    if (f && hub_pg_unusable(f->state)) {
        hub_pg_link_drop(l, f->text);
        return;
    }
    if (f && j->kind != JOB_SQL && hub_pg_passing(f->state) && !j->tried_again && !j->answered) {
        j->tried_again = true;
        send_job(j->reader, j);
        return;
    }
    if (f && !j->code && is_fenced(j, f)) hub_pg_job_fail(j, HUB_FENCED, HUB_FENCED_TEXT);
    bool trouble = f && j->kind != JOB_SQL && hub_pg_note_trouble(s, f, true);
    if (f && !j->code && !(j->kind == JOB_SELECT && matches_nothing(j, f)))
        hub_pg_job_fail(j, trouble ? HUB_STORE_UNAVAILABLE : hub_pg_code(f->state), f->text);
    hub_sql_settle_rows(&j->rows);
    end_job(j);
    hub_pg_readers_pump(s);
}

static void send_select(struct reader *r, struct pg_job *j) {
    struct link *l = &r->link;
    hub_pg_params_clear(&l->params);
    hub_pg_param_conds(&l->params, j->q.table, j->q.where, j->q.where_n);
    hub_pg_param_int(&l->params, j->q.limit);
    hub_pg_param_int(&l->params, j->q.offset);
    hub_buf_clear(&l->key);
    hub_sql_select_shape(&j->q, &l->key);
    hub_pg_link_send(l, build_read_select, &j->q, on_select_result, j);
    hub_pg_link_sync(l, on_job, j);
}

/* ---- a room's counter ---- */

static void on_count_result(void *arg, const PGresult *r) {
    struct pg_job *j = arg;
    struct count_job *c = j->count; /* gone when it was answered */
    if (j->answered || !PQntuples(r)) return;
    c->seq = hub_pg_int(r, 0, 2);
    snprintf(c->epoch, sizeof c->epoch, "%.*s", HUB_FMT(hub_pg_text(r, 0, 3)));
}

static void send_count(struct reader *r, struct pg_job *j) {
    hub_pg_send_counter(&r->link, j->count->scope, j->count->room, on_count_result, j);
    hub_pg_link_sync(&r->link, on_job, j);
}

/* ---- a script's statement ---- */

static void on_script_row(struct pg_job *j, const PGresult *r, int i) {
    int n = PQnfields(r);
    j->result_bytes += 64;
    for (int c = 0; c < n; c++) j->result_bytes += 64 + (size_t)PQgetlength(r, i, c);
    if (++j->result_n > MAX_SQL_ROWS || j->result_bytes > MAX_SQL_BYTES) {
        hub_pg_job_fail(j, HUB_TOO_LARGE,
                        j->result_n > MAX_SQL_ROWS ? "more than 10,000 rows; add a LIMIT"
                                                   : "the result is larger than 16 MiB; add a LIMIT");
        return;
    }
    json_t *row = json_object();
    for (int c = 0; c < n; c++)
        json_object_set_new(row, PQfname(r, c), hub_pg_json(hub_pg_text(r, i, c), PQftype(r, c)));
    json_array_append_new(j->result, row);
}

static void on_script_result(void *arg, const PGresult *r) {
    struct pg_job *j = arg;
    j->asked = j->count && !j->again && PQresultStatus(r) != PGRES_SINGLE_TUPLE;
    if (PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_EMPTY_QUERY) {
        if (!j->result) j->result = json_pack("{s:I}", "changes", (json_int_t)hub_pg_changes(r));
        return;
    }
    if (!j->result) j->result = json_array();
    for (int i = 0; i < PQntuples(r) && !j->code; i++) on_script_row(j, r, i);
    /* The rest would come all the same: without a connection it does not. What a statement wrote is undone
     * with it. */
    if (j->code) hub_pg_link_drop(&j->reader->link, "a script's result was too large");
}

static void send_script(struct reader *r, struct pg_job *j) {
    struct link *l = &r->link;
    struct params own = l->params;
    l->params = j->params;
    hub_pg_link_send_once(l, hub_buf_cstr(&j->text), on_script_result, j);
    j->params = l->params;
    l->params = own;
    if (j->count && !j->again) hub_pg_fence_send(l, j);
    hub_pg_link_sync(l, on_job, j);
    PQsetSingleRowMode(l->pg);
}

/* ---- who takes what ---- */

static void send_job(struct reader *r, struct pg_job *j) {
    switch (j->kind) {
    case JOB_SELECT: send_select(r, j); break;
    case JOB_COUNTER: send_count(r, j); break;
    case JOB_SQL: send_script(r, j); break;
    case JOB_CLAIM: hub_pg_send_claim(&r->link, j, on_job); break;
    }
}

static struct reader *idle_reader(struct pg_store *s, bool alone) {
    struct reader *best = NULL;
    size_t taken = 0;
    for (size_t i = 0; i < s->reader_n; i++) {
        struct reader *r = &s->readers[i];
        taken += r->alone;
        if (r->link.state != LINK_UP || r->link.losing || r->alone) continue;
        if (r->under_way_n >= (alone ? 1 : READ_DEPTH)) continue;
        if (!best || r->under_way_n < best->under_way_n) best = r;
    }
    bool last = s->reader_n > 1 && taken + 1 == s->reader_n;
    return alone && last ? NULL : best;
}

static void give_job(struct reader *r, struct pg_job *j) {
    hub_list_remove(&j->link);
    hub_list_push(&r->under_way, &j->link);
    r->under_way_n++;
    j->reader = r;
    j->sent = hub_real_ns();
    if (goes_alone(j)) r->alone = true;
}

static void assign_job(struct reader *r, struct pg_job *j) {
    give_job(r, j);
    send_job(r, j);
}

static void pump_list(struct pg_store *s, struct hub_list *list, bool alone) {
    struct reader *r;
    if (!s->readable) return;
    while (!hub_list_empty(list) && (r = idle_reader(s, alone))) assign_job(r, hub_pg_job_of(list->next));
}

/* Those that were not taken, for others hold their rows, or there is none, or the commit failed, are claimed
 * one by one. */
static void on_claims_end(void *arg, const struct failure *f) {
    struct reader *r = arg;
    struct pg_store *s = r->link.s;
    if (f && hub_pg_unusable(f->state)) {
        hub_pg_link_drop(&r->link, f->text);
        return;
    }
    HUB_LIST_EACH_SAFE(&r->under_way, it) {
        struct pg_job *j = hub_pg_job_of(it);
        if (j->answered || (!f && j->count->fence)) {
            end_job(j);
            continue;
        }
        j->count->fence = 0;
        hub_list_remove(it);
        hub_list_push(&s->late_claims, it);
        r->under_way_n--;
        j->reader = NULL;
    }
    r->alone = false;
    hub_pg_readers_pump(s);
}

static void assign_claims(struct reader *r, struct hub_list *list) {
    hub_map_clear(&r->claims);
    while (!hub_list_empty(list) && hub_pg_join_claims(r, hub_pg_job_of(list->next)))
        give_job(r, hub_pg_job_of(list->next));
    hub_pg_send_claims(r, on_claims_end);
}

/* What may wait comes after what does not. */
static void pump_claims(struct pg_store *s) {
    struct reader *r;
    while (s->readable && !hub_list_empty(&s->claims) && (r = idle_reader(s, true))) {
        if (s->claims.next->next == &s->claims)
            assign_job(r, hub_pg_job_of(s->claims.next));
        else
            assign_claims(r, &s->claims);
    }
    pump_list(s, &s->late_claims, true);
}

void hub_pg_readers_pump(struct pg_store *s) {
    pump_list(s, &s->reads, false);
    pump_claims(s); /* before scripts: members wait for the room */
    pump_list(s, &s->scripts, true);
}

/* ---- connections ---- */

static void on_reader_up(struct link *l) { hub_pg_readers_pump(l->s); }

static void forget_result(struct pg_job *j) {
    hub_rows_free(&j->rows);
    j->rows = (struct hub_rows){0};
    j->rows_cap = 0;
    json_decref(j->result);
    j->result = NULL;
    j->result_n = j->result_bytes = 0;
}

/* What only reads is asked again elsewhere. What another statement of a script did is not known. */
static void on_reader_lost(struct link *l) {
    struct reader *r = HUB_CONTAINER(l, struct reader, link);
    struct hub_list again;
    hub_list_init(&again);
    for (struct hub_list *n; (n = r->under_way.next) != &r->under_way;) {
        struct pg_job *j = hub_pg_job_of(n);
        if (!j->again || j->answered || j->code) {
            if (!j->code) hub_pg_job_fail(j, j->kind == JOB_SQL ? HUB_STORE_UNDECIDED : HUB_STORE_UNAVAILABLE, l->why);
            end_job(j);
            continue;
        }
        forget_result(j);
        hub_list_remove(n);
        r->under_way_n--;
        j->reader = NULL;
        hub_list_push(j->kind == JOB_SQL ? &l->s->scripts : &again, n);
    }
    r->alone = false;
    hub_list_splice(&again, &l->s->reads);
    hub_list_splice(&l->s->reads, &again);
    hub_pg_readers_pump(l->s);
}

void hub_pg_readers_init(struct pg_store *s, size_t n) {
    static const struct link_ops ops = {on_reader_up, on_reader_lost};
    s->readers = hub_xcalloc(n, sizeof *s->readers);
    s->reader_n = n;
    for (size_t i = 0; i < n; i++) {
        struct reader *r = &s->readers[i];
        hub_pg_link_init(&r->link, s, &ops, "reader");
        hub_list_init(&r->under_way);
    }
}

void hub_pg_readers_free(struct pg_store *s) {
    for (size_t i = 0; i < s->reader_n; i++) {
        hub_pg_link_close(&s->readers[i].link);
        hub_map_clear(&s->readers[i].claims);
        hub_buf_free(&s->readers[i].key);
    }
    free(s->readers);
}
