/* One connection in pipeline mode: prepared statements, and handing results to who asked, in order. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"
#include "base/telemetry/log.h"

struct statement {
    char name[16];
    struct hub_buf key;
};

/* ---- what SQLSTATEs mean ---- */

static bool in_class(const char *state, const char *const *classes) {
    for (; *classes; classes++)
        if (!strncmp(state, *classes, strlen(*classes))) return true;
    return false;
}

enum hub_code hub_pg_code(const char *state) {
    /* Connection, resources (disk full, memory, connections), operator's intervention and timeouts,
     * system, internal, configuration, read-only (a standby), prepared statements gone, serialization and
     * locks. */
    static const char *const away[] = {"080", "53", "57", "58", "XX", "F0", "25", "26", "40", "55P03", NULL};
    if (!*state || in_class(state, away)) return HUB_STORE_UNAVAILABLE;
    return HUB_BAD_REQUEST;
}

bool hub_pg_stale(const char *state) { return !strcmp(state, "26000") || !strcmp(state, "0A000"); }

bool hub_pg_passing(const char *state) {
    static const char *const passing[] = {"40", "26", NULL};
    return *state && (in_class(state, passing) || hub_pg_stale(state));
}

bool hub_pg_alone(const char *state) { return !strcmp(state, "57014") || !strcmp(state, "55P03"); }

bool hub_pg_unusable(const char *state) {
    static const char *const unusable[] = {"57P", "25006", NULL};
    return !*state || in_class(state, unusable);
}

/* ---- statements ---- */

static void forget_statement(struct link *l, struct statement *st) {
    if (hub_map_get(&l->statements, hub_buf_str(&st->key)) == st) {
        hub_map_del(&l->statements, hub_buf_str(&st->key));
        l->statement_n--;
    }
    hub_buf_free(&st->key);
    free(st);
}

void hub_pg_link_forget(struct link *l) {
    for (size_t i = 0; i < l->n; i++) l->expected[(l->head + i) % l->cap].prepared = NULL;
    for (struct statement *st; (st = hub_map_drain(&l->statements));) {
        hub_buf_free(&st->key);
        free(st);
    }
    hub_map_clear(&l->statements);
    l->statement_n = 0;
}

/* ---- what the server owes ---- */

static struct expected *expect_result(struct link *l) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct expected *ring = hub_xcalloc(cap, sizeof *ring);
        for (size_t i = 0; i < l->n; i++) ring[i] = l->expected[(l->head + i) % l->cap];
        free(l->expected);
        l->expected = ring;
        l->head = 0;
        l->cap = cap;
    }
    if (!l->n) l->replied_at = hub_loop_now_exact(l->s->loop);
    struct expected *e = &l->expected[(l->head + l->n++) % l->cap];
    *e = (struct expected){0};
    return e;
}

static struct expected take_expected(struct link *l) {
    struct expected e = l->expected[l->head];
    l->head = (l->head + 1) % l->cap;
    l->n--;
    return e;
}

static void on_flush(struct hub_task *task);

void hub_pg_link_drop(struct link *l, const char *why) {
    if (l->state != LINK_UP || l->losing) return;
    hub_pg_link_keep_why(l, why);
    l->losing = true;
    hub_defer(l->s->loop, &l->flush);
}

/* ---- results ---- */

static void keep_failure(struct link *l, const PGresult *r) {
    if (l->failed) return;
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE), *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
    l->failed = true;
    snprintf(l->failure.state, sizeof l->failure.state, "%s", state ? state : "");
    if (!text) text = PQresultErrorMessage(r);
    /* That of a key that is there already, or not there, names the value that was given. Others show the
     * whole row, columns that hubs do not know of included. */
    bool keys = state && detail && (!strcmp(state, "23505") || !strcmp(state, "23503"));
    snprintf(l->failure.text, sizeof l->failure.text, "%s%s%s", text, keys ? ": " : "", keys ? detail : "");
    if (state && hub_pg_stale(state)) hub_pg_link_forget(l);
}

static void on_command_result(struct link *l, PGresult *r) {
    struct expected *e = &l->expected[l->head];
    switch (PQresultStatus(r)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_SINGLE_TUPLE:
    case PGRES_EMPTY_QUERY:
        e->prepared = NULL;
        if (e->result) e->result(e->arg, r);
        break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH: hub_pg_link_drop(l, "COPY is not possible here"); break;
    case PGRES_PIPELINE_ABORTED: break;
    default: keep_failure(l, r); break;
    }
}

static void on_sync(struct link *l) {
    struct expected e = take_expected(l);
    struct failure f = l->failure;
    bool failed = l->failed;
    l->failed = false;
    l->syncs--;
    e.synced(e.arg, failed ? &f : NULL);
}

static void on_command_end(struct link *l) {
    struct expected e = take_expected(l);
    if (e.prepared) forget_statement(l, e.prepared); /* it never got its good result */
}

/* One result; false when there is none though one was expected. In the place of a sync comes what failed
 * at the commit, and then the sync; or, from a connection that is lost, nothing any more. */
static bool take_result(struct link *l) {
    PGresult *r = PQgetResult(l->pg);
    bool is_sync = l->expected[l->head].synced != NULL;
    if (is_sync && r && PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
        PQclear(r); /* before the callback, which may end the connection */
        on_sync(l);
        return true;
    }
    if (is_sync && r)
        keep_failure(l, r);
    else if (r)
        on_command_result(l, r);
    else if (!is_sync)
        on_command_end(l);
    PQclear(r);
    return r || !is_sync;
}

static void process_results(struct link *l) {
    int nothing = 0;
    while (l->n && !l->losing && nothing < 2 && !PQisBusy(l->pg)) nothing = take_result(l) ? 0 : nothing + 1;
}

static void adjust_watch(struct link *l) {
    int left = PQflush(l->pg);
    if (left < 0) {
        hub_pg_link_lose_by_libpq(l);
        return;
    }
    hub_watch_set(l->s->loop, l->watch, left ? HUB_READABLE | HUB_WRITABLE : HUB_READABLE);
}

static void on_flush(struct hub_task *task) {
    struct link *l = HUB_CONTAINER(task, struct link, flush);
    if (l->state != LINK_UP) return;
    if (l->losing)
        hub_pg_link_lose(l);
    else
        adjust_watch(l);
}

void hub_pg_link_ready(void *arg, int events) {
    struct link *l = arg;
    if (events & HUB_READABLE) {
        bool alive = PQconsumeInput(l->pg);
        l->replied_at = hub_loop_now_exact(l->s->loop);
        process_results(l);
        if (l->losing) {
            hub_pg_link_lose(l);
            return;
        }
        if (!alive || PQstatus(l->pg) == CONNECTION_BAD) {
            hub_pg_link_lose_by_libpq(l);
            return;
        }
    }
    adjust_watch(l);
}

/* ---- life ---- */

void hub_pg_link_init(struct link *l, struct pg_store *s, const struct link_ops *ops, const char *name) {
    *l = (struct link){.s = s, .ops = ops, .name = name};
    l->flush.run = on_flush;
    hub_pg_link_keep_why(l, "not connected yet");
}

void hub_pg_link_start(struct link *l) {
    l->started = true;
    if (l->state == LINK_AWAY && !hub_timer_running(&l->timer)) hub_pg_link_connect(l);
}

void hub_pg_link_close(struct link *l) {
    hub_pg_link_disconnect(l);
    free(l->expected);
    l->expected = NULL;
    l->cap = 0;
    hub_pg_addresses_free(&l->addresses);
    hub_buf_free(&l->key);
    hub_buf_free(&l->sql);
    hub_pg_params_free(&l->params);
}

/* ---- sending ---- */

/* What libpq refuses to take shows up as a lost connection. */
static void check_sent(struct link *l, int ok) {
    if (!ok) hub_pg_link_drop(l, PQerrorMessage(l->pg));
}

void hub_pg_link_send_once(struct link *l, const char *sql, result_fn *result, void *arg) {
    struct expected *e = expect_result(l);
    e->result = result;
    e->arg = arg;
    check_sent(l,
               PQsendQueryParams(l->pg, sql, (int)l->params.n, NULL, hub_pg_params_values(&l->params), NULL, NULL, 0));
}

static void make_room(struct link *l) {
    struct params mine = l->params;
    if (l->generation == l->s->generation && l->statement_n < MAX_STATEMENTS) return;
    l->generation = l->s->generation;
    hub_pg_link_forget(l);
    l->params = (struct params){0};
    hub_pg_link_send_once(l, "DEALLOCATE ALL", NULL, NULL);
    hub_pg_params_free(&l->params);
    l->params = mine;
}

static struct statement *prepare_statement(struct link *l, build_fn *build, const void *what) {
    struct statement *st = hub_map_get(&l->statements, hub_buf_str(&l->key));
    if (st) return st;
    st = hub_xcalloc(1, sizeof *st);
    snprintf(st->name, sizeof st->name, "h%u", ++l->statement_serial);
    hub_buf_adds(&st->key, hub_buf_str(&l->key));
    hub_map_put(&l->statements, hub_buf_str(&st->key), st);
    l->statement_n++;
    hub_buf_clear(&l->sql);
    build(&l->sql, what);
    expect_result(l)->prepared = st;
    check_sent(l, PQsendPrepare(l->pg, st->name, hub_buf_cstr(&l->sql), 0, NULL));
    return st;
}

void hub_pg_link_send(struct link *l, build_fn *build, const void *what, result_fn *result, void *arg) {
    make_room(l);
    const struct statement *st = prepare_statement(l, build, what);
    struct expected *e = expect_result(l);
    e->result = result;
    e->arg = arg;
    check_sent(l,
               PQsendQueryPrepared(l->pg, st->name, (int)l->params.n, hub_pg_params_values(&l->params), NULL, NULL, 0));
}

static void build_text(struct hub_buf *sql, const void *what) { hub_buf_addz(sql, what); }

void hub_pg_link_send_text(struct link *l, const char *sql, result_fn *result, void *arg) {
    hub_buf_clear(&l->key);
    hub_buf_addz(&l->key, sql);
    hub_pg_link_send(l, build_text, sql, result, arg);
}

void hub_pg_link_command(struct link *l, const char *sql) {
    hub_pg_params_clear(&l->params);
    hub_pg_link_send_text(l, sql, NULL, NULL);
}

void hub_pg_link_sync(struct link *l, synced_fn *synced, void *arg) {
    struct expected *e = expect_result(l);
    e->synced = synced;
    e->arg = arg;
    l->syncs++;
    check_sent(l, PQpipelineSync(l->pg));
    hub_defer(l->s->loop, &l->flush);
}
