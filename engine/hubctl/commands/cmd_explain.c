/* hubctl explain: what a lint code means. */
#include <stdio.h>

#include "base/text/buf.h"
#include "hubctl/hubctl.h"
#include "schema/load.h"

static int run_explain(int argc, char **argv) {
    const char *code = NULL;
    int exit_code = hub_cli_parse(&hubctl_explain.cli, argc, argv, &code);
    if (exit_code != HUB_CLI_GO_ON) return exit_code;
    struct hub_buf out = {0};
    if (!hub_explain(code, &out)) return hub_cli_fail(&hubctl_explain.cli, "there is no code \"%s\"", code);
    fwrite(out.p, 1, out.n, stdout);
    hub_buf_free(&out);
    return HUBCTL_OK;
}

const struct hubctl_command hubctl_explain = {
    .cli = {.program = "hubctl explain",
            .summary = "what a lint code means, a wrong and a right example, what happens at run time",
            .operand = "CODE",
            .question = "which code?",
            .help = "A CODE is what lint prints in brackets: hubctl explain H012\n"
                    "Exit codes: 0 explained, 2 usage or unknown code.\n"},
    .run = run_explain,
};
