/* hubctl: dispatches to the commands. */
#include <stdio.h>
#include <string.h>

#include "base/memory/mem.h"
#include "hubctl/hubctl.h"

/* A line each, sorted, so that new ones do not meet. */
/* clang-format off */
static const struct hubctl_command *const commands[] = {
    &hubctl_bench,
    &hubctl_diff,
    &hubctl_docs,
    &hubctl_dump,
    &hubctl_explain,
    &hubctl_jobs,
    &hubctl_lint,
    &hubctl_migrate,
    &hubctl_new,
    &hubctl_schema,
    &hubctl_test,
    &hubctl_token,
    &hubctl_types,
    &hubctl_why,
};
/* clang-format on */

static const struct hub_cli_option options[] = {
    {.name = "version", .kind = HUB_CLI_VERSION, .help = "prints the version"},
};

static const char *name_of(const struct hubctl_command *c) { return c->cli.program + strlen("hubctl "); }

static const struct hubctl_command *find_command(const char *name) {
    for (size_t i = 0; i < HUB_NELEM(commands); i++)
        if (strcmp(name_of(commands[i]), name) == 0) return commands[i];
    return NULL;
}

static int fail_unknown(const struct hub_cli *cli, const char *name) {
    struct hub_buf text = {0}, names = {0};
    for (size_t i = 0; i < HUB_NELEM(commands); i++) hub_buf_addf(&names, "%s%s", i ? "|" : "", name_of(commands[i]));
    hub_buf_addf(&text, "unknown command %s", name);
    hub_cli_suggest(&text, hub_cstr(name), hub_buf_cstr(&names));
    int code = hub_cli_fail(cli, "%s", hub_buf_cstr(&text));
    hub_buf_free(&names);
    hub_buf_free(&text);
    return code;
}

/* The commands, for --help. */
static void add_commands(struct hub_buf *out) {
    hub_buf_addz(out, "Commands:\n");
    for (size_t i = 0; i < HUB_NELEM(commands); i++)
        hub_buf_addf(out, "  %-9s%s\n", name_of(commands[i]), commands[i]->cli.summary);
    hub_buf_addz(out, "hubctl COMMAND --help tells more.\n");
}

int main(int argc, char **argv) {
    struct hub_cli_operands rest;
    struct hub_buf list = {0};
    add_commands(&list);
    const struct hub_cli cli = {.program = "hubctl",
                                .summary = "checks, makes and explains services of hubd",
                                HUB_CLI_OPTIONS(options),
                                .operand = "COMMAND [ARGUMENT]",
                                .question = "which command?",
                                .many = true,
                                .rest = true,
                                .help = hub_buf_cstr(&list)};
    int code = hub_cli_parse(&cli, argc, argv, &rest);
    if (code == HUB_CLI_GO_ON) {
        const struct hubctl_command *c = find_command(rest.items[0]);
        code = c ? c->run((int)rest.n, rest.items) : fail_unknown(&cli, rest.items[0]);
    }
    hub_buf_free(&list);
    return code;
}
