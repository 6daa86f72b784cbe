/* hubctl jobs: the jobs of a service's queues, looked at and set right. Each change is one statement that
 * says which state it expects, so that it may be made beside a running hubd. */
#include <stdio.h>
#include <string.h>

#include "base/time/clock.h"
#include "hubctl/hubctl.h"
#include "persist/tables.h"
#include "schema/load.h"
#include "server/backends.h"

#define LIST_MOST 1000

struct jobs_options {
    struct hub_cli_operands words; /* SERVICE_DIR ACTION [ID] */
    const char *queue;
    unsigned state; /* 0: any; else one more than its place among the states of the table */
    uint32_t limit;
};

struct jobs_run {
    const struct jobs_options *options;
    struct hub_loop *loop;
    struct hub_store *store;
    const struct hub_table *table;
    struct hub_str id;
    bool whole; /* show: the whole row */
    int exit_code;
};

static void jobs_stop(void *arg) { hub_loop_stop(((struct jobs_run *)arg)->loop); }

static void jobs_fail(struct jobs_run *r, const char *why) {
    fprintf(stderr, "hubctl jobs: %s\n", why);
    r->exit_code = HUBCTL_FAILED;
}

/* ---- list, show ---- */

static const enum hub_job_column listed[] = {HUB_JOB_ID,       HUB_JOB_QUEUE, HUB_JOB_STATE,
                                             HUB_JOB_ATTEMPTS, HUB_JOB_DUE,   HUB_JOB_ERROR};

static void print_cell(const struct hub_cell *c, enum hub_col_type type) {
    char iso[HUB_ISO_LEN + 1];
    if (c->kind == HUB_CELL_TEXT) {
        for (size_t i = 0; i < c->s.n; i++) putchar((unsigned char)c->s.p[i] < ' ' ? ' ' : c->s.p[i]);
    } else if (c->kind == HUB_CELL_INT && type == HUB_COL_DATETIME) {
        hub_iso_format(c->i, iso);
        fputs(iso, stdout);
    } else if (c->kind == HUB_CELL_INT || c->kind == HUB_CELL_BOOL) {
        printf("%lld", (long long)c->i);
    } else {
        putchar('-');
    }
}

static void print_line(const struct hub_table *t, const struct hub_cell *row) {
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++) {
        if (i) putchar('\t');
        print_cell(&row[listed[i]], t->columns[listed[i]].type);
    }
    putchar('\n');
}

static void print_whole(const struct hub_table *t, const struct hub_cell *row) {
    for (size_t i = 0; i < t->column_n; i++) {
        if (row[i].kind == HUB_CELL_NULL) continue;
        printf("%s: ", t->columns[i].property);
        print_cell(&row[i], t->columns[i].type);
        putchar('\n');
    }
}

static void on_rows(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct jobs_run *r = arg;
    if (code)
        jobs_fail(r, error);
    else if (r->whole && !rows->n)
        jobs_fail(r, "there is no such job");
    for (size_t i = 0; !code && i < rows->n; i++) {
        if (r->whole)
            print_whole(r->table, hub_row(rows, i));
        else
            print_line(r->table, hub_row(rows, i));
    }
    hub_loop_stop(r->loop);
}

/* Newest first, as far as ids are the engine's own. */
static void list_jobs(struct jobs_run *r) {
    struct hub_cond where[2];
    size_t n = 0;
    if (r->options->queue)
        where[n++] = (struct hub_cond){.column = HUB_JOB_QUEUE, .value = hub_cell_text(hub_cstr(r->options->queue))};
    if (r->options->state) {
        const char *state = r->table->columns[HUB_JOB_STATE].enum_values[r->options->state - 1];
        where[n++] = (struct hub_cond){.column = HUB_JOB_STATE, .value = hub_cell_text(hub_cstr(state))};
    }
    const struct hub_select q = {.table = r->table,
                                 .where = where,
                                 .where_n = n,
                                 .order_by = -1,
                                 .descending = true,
                                 .limit = r->options->limit};
    r->store->ops->select(r->store, &q, on_rows, r);
}

static void show_job(struct jobs_run *r) {
    const struct hub_cond where = {.column = HUB_JOB_ID, .value = hub_cell_text(r->id)};
    const struct hub_select q = {.table = r->table, .where = &where, .where_n = 1, .order_by = -1, .limit = 1};
    r->whole = true;
    r->store->ops->select(r->store, &q, on_rows, r);
}

/* ---- retry, cancel ---- */

static void on_changed(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct jobs_run *r = arg;
    if (code)
        jobs_fail(r, error);
    else if (!json_array_size(result))
        jobs_fail(r, "there is no such job in a state that allows it");
    else
        printf("%.*s\n", HUB_FMT(r->id));
    hub_loop_stop(r->loop);
}

/* SQL of both stores: CHANGES are for the job of id $1 that is in one of STATES; $2 is the time. */
static void change_job(struct jobs_run *r, const char *changes, const char *states) {
    struct hub_buf sql = {0};
    char now[HUB_ISO_LEN + 1];
    hub_iso_format(hub_loop_wall(r->loop), now);
    json_t *params = json_pack("[o, s]", hub_json_string(r->id), now);
    hub_buf_addf(&sql, "UPDATE \"%s\" SET %s WHERE \"id\" = $1 AND \"state\" IN (%s) RETURNING \"id\"", r->table->table,
                 changes, states);
    r->store->ops->sql(r->store, hub_buf_str(&sql), params, NULL, on_changed, r);
    json_decref(params);
    hub_buf_free(&sql);
}

static void retry_job(struct jobs_run *r) {
    change_job(r,
               "\"state\" = 'waiting', \"ready\" = TRUE, \"attempts\" = 0, \"wakeAt\" = NULL, \"finishedAt\" = NULL, "
               "\"dueAt\" = $2",
               "'failed', 'cancelled'");
}

static void cancel_job(struct jobs_run *r) {
    change_job(r, "\"state\" = 'cancelled', \"ready\" = NULL, \"wakeAt\" = NULL, \"finishedAt\" = $2",
               "'waiting', 'delayed', 'running'");
}

/* ---- the command ---- */

static const struct action {
    const char *name;
    bool about_one;
    void (*run)(struct jobs_run *r);
} actions[] = {
    {"list", false, list_jobs},
    {"show", true, show_job},
    {"retry", true, retry_job},
    {"cancel", true, cancel_job},
};

static const struct action *find_action(const char *name) {
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].name, name) == 0) return &actions[i];
    return NULL;
}

/* The tables must be there: this command makes none. */
static enum hub_code expect_table(struct jobs_run *r, struct hub_err *err) {
    struct hub_buf plan = {0};
    enum hub_code code = r->store->ops->plan(r->store, &plan, err);
    if (!code && plan.n)
        code = hub_fail(err, HUB_STORE_UNAVAILABLE,
                        "the store does not have the service's tables yet: start hubd, or hubctl migrate --apply");
    hub_buf_free(&plan);
    return code;
}

static enum hub_code run_action(struct jobs_run *r, const struct hub_service *service, const struct hub_tables *tables,
                                const struct action *action, struct hub_err *err) {
    struct hub_buf url = {0};
    hub_tables_store_url(service, true, &url);
    const struct hub_store_ops *ops = hub_backends_store(hub_buf_cstr(&url), err);
    const struct hub_store_config config = hub_backends_store_config(service, tables, hub_buf_cstr(&url));
    r->loop = hub_loop_new(NULL);
    enum hub_code code = ops ? ops->open(r->loop, &config, &r->store, err) : err->code;
    if (!code) code = expect_table(r, err);
    if (!code) {
        action->run(r);
        hub_loop_run(r->loop);
    }
    if (r->store) {
        r->store->ops->close(r->store, jobs_stop, r);
        hub_loop_run(r->loop);
    }
    hub_loop_delete(r->loop);
    hub_buf_free(&url);
    return code;
}

static int jobs_of(const struct jobs_options *o, const struct action *action) {
    struct jobs_run r = {.options = o, .id = hub_cstr(action->about_one ? o->words.items[2] : "")};
    struct hub_tables *tables = NULL;
    struct hub_err err = {0};
    struct hub_service *service = hubctl_load(o->words.items[0], NULL, &r.exit_code);
    if (!service) return r.exit_code;
    enum hub_code code = hub_backends_tables(service, &tables, &err);
    r.table = tables ? tables->job : NULL;
    if (!code && !r.table) code = hub_fail(&err, HUB_NOT_FOUND, "the service has no queues");
    if (!code) code = run_action(&r, service, tables, action, &err);
    if (code) jobs_fail(&r, err.text);
    hub_tables_free(tables);
    hub_service_free(service);
    return r.exit_code;
}

static int run_jobs(int argc, char **argv) {
    struct jobs_options o = {.limit = 50};
    const struct hub_cli *cli = &hubctl_jobs.cli;
    int code = hub_cli_parse(cli, argc, argv, &o);
    if (code != HUB_CLI_GO_ON) return code;
    if (o.words.n < 2) return hub_cli_fail(cli, "what is to be done is missing: list, show, retry or cancel");
    const struct action *action = find_action(o.words.items[1]);
    if (!action) return hub_cli_fail(cli, "\"%s\" is not list, show, retry or cancel", o.words.items[1]);
    if (o.words.n != (action->about_one ? 3 : 2))
        return hub_cli_fail(cli, action->about_one ? "%s wants the id of one job" : "%s takes no id", action->name);
    return jobs_of(&o, action);
}

#define AT(FIELD) offsetof(struct jobs_options, FIELD)
static const struct hub_cli_option options[] = {
    {.name = "queue", .arg = "QUEUE", .kind = HUB_CLI_TEXT, .at = AT(queue), .help = "list: only jobs of this queue"},
    {.name = "state",
     .arg = "any|waiting|delayed|running|done|failed|cancelled", /* in the order of the table */
     .kind = HUB_CLI_CHOICE,
     .at = AT(state),
     .help = "list: only jobs of this state (default any)"},
    {.name = "limit",
     .arg = "NUMBER",
     .kind = HUB_CLI_COUNT,
     .at = AT(limit),
     .low = 1,
     .high = LIST_MOST,
     .help = "list: how many, the newest first (default 50)"},
};

const struct hubctl_command hubctl_jobs = {
    .cli = {.program = "hubctl jobs",
            .summary = "the jobs of a service's queues: lists, shows, retries, cancels",
            HUB_CLI_OPTIONS(options),
            .operand = "SERVICE_DIR ACTION [ID]",
            .question = "which service directory?",
            .many = true,
            .operand_at = AT(words),
            .help = "ACTION is list, show, retry or cancel. list prints a line for each job: id, queue, state, "
                    "attempts, when it is or was due, the last "
                    "error, with tabs between. retry makes a failed or cancelled job wait again, with all its "
                    "attempts, also one whose cancelled script still runs: let that end first. cancel ends one that "
                    "waits or runs; a running script is not interrupted, and its end "
                    "does not count. Both are single statements and may be used beside a running hubd, which "
                    "notices within five seconds.\n"
                    "Exit codes: 0 done, 1 there is no such job in a state that allows it or the store is not there, "
                    "2 usage.\n"},
    .run = run_jobs,
};
