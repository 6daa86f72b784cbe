/* hubctl migrate: the statements that bring the configured store to the definition, printed or carried
 * out. */
#include <stdio.h>
#include <string.h>

#include "hubctl/hubctl.h"
#include "persist/tables.h"
#include "schema/load.h"
#include "server/backends.h"

static struct hub_loop *loop;

static void stop_loop(void *arg) {
    (void)arg;
    hub_loop_stop(loop);
}

/* Prints the plan, and carries it out with APPLY. */
static enum hub_code migrate_store(struct hub_store *store, bool apply, struct hub_err *err) {
    struct hub_buf plan = {0};
    enum hub_code code = store->ops->plan(store, &plan, err);
    if (!plan.n) hub_buf_addz(&plan, "-- nothing to do\n");
    fputs(hub_buf_cstr(&plan), stdout);
    hub_buf_free(&plan);
    if (!code && apply) code = store->ops->apply(store, err);
    return code;
}

static enum hub_code with_store(const struct hub_service *service, const struct hub_tables *tables, bool apply,
                                struct hub_err *err) {
    struct hub_buf url = {0};
    struct hub_store *store = NULL;
    hub_tables_store_url(service, !apply, &url);
    loop = hub_loop_new(NULL);
    const struct hub_store_ops *ops = hub_backends_store(hub_buf_cstr(&url), err);
    const struct hub_store_config config = hub_backends_store_config(service, tables, hub_buf_cstr(&url));
    enum hub_code code = ops ? ops->open(loop, &config, &store, err) : err->code;
    if (store) {
        code = migrate_store(store, apply, err);
        store->ops->close(store, stop_loop, NULL);
        hub_loop_run(loop);
    }
    hub_loop_delete(loop);
    hub_buf_free(&url);
    return code;
}

static int run_on(const char *dir, bool apply) {
    struct hub_tables *tables = NULL;
    struct hub_err err = {0};
    int exit_code;
    struct hub_service *service = hubctl_load(dir, NULL, &exit_code);
    if (!service) return exit_code;
    enum hub_code code = hub_backends_tables(service, &tables, &err);
    if (!code) code = with_store(service, tables, apply, &err);
    if (code) fprintf(stderr, "hubctl migrate: %s\n", err.text);
    hub_tables_free(tables);
    hub_service_free(service);
    return code ? HUBCTL_FAILED : HUBCTL_OK;
}

struct migrate_options {
    const char *dir;
    bool plan, apply;
};

static int run_migrate(int argc, char **argv) {
    struct migrate_options o = {0};
    const struct hub_cli *cli = &hubctl_migrate.cli;
    int code = hub_cli_parse(cli, argc, argv, &o);
    if (code != HUB_CLI_GO_ON) return code;
    if (o.plan == o.apply)
        return hub_cli_fail(cli, o.plan ? "--plan and --apply do not go together" : "--plan or --apply is missing");
    return run_on(o.dir, o.apply);
}

static const struct hub_cli_option options[] = {
    {.name = "plan",
     .kind = HUB_CLI_FLAG,
     .at = offsetof(struct migrate_options, plan),
     .help = "prints the statements and changes nothing"},
    {.name = "apply",
     .kind = HUB_CLI_FLAG,
     .at = offsetof(struct migrate_options, apply),
     .help = "prints them, carries them out in one transaction and inserts the seed rows of new tables"},
};

const struct hubctl_command hubctl_migrate = {
    .cli = {.program = "hubctl migrate",
            .summary = "the SQL that brings the configured store to the definition",
            HUB_CLI_OPTIONS(options),
            .operand = "SERVICE_DIR",
            .question = "which service directory?",
            .operand_at = offsetof(struct migrate_options, dir),
            .help =
                "One of --plan and --apply is required. What would lose data is refused, with the table, the column "
                "and what to do about it. hubd does the same when it starts.\n"
                "Exit codes: 0 done, 1 refused or failed, 2 usage or unreadable directory.\n"},
    .run = run_migrate,
};
