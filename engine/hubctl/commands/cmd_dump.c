/* hubctl dump: the effective definition. */
#include <stdio.h>

#include "base/text/buf.h"
#include "hubctl/hubctl.h"
#include "schema/load.h"
#include "scripting/scripts.h"

static int run_dump(int argc, char **argv) {
    const char *dir = NULL;
    int exit_code = hub_cli_parse(&hubctl_dump.cli, argc, argv, &dir);
    if (exit_code != HUB_CLI_GO_ON) return exit_code;
    struct hub_service *service = hubctl_load_as_written(dir, &hub_lua_checker, &exit_code);
    if (!service) return exit_code;
    struct hub_buf out = {0};
    hub_service_dump(service, &out);
    fwrite(out.p, 1, out.n, stdout);
    hub_buf_free(&out);
    hub_service_free(service);
    return HUBCTL_OK;
}

const struct hubctl_command hubctl_dump = {
    .cli = {.program = "hubctl dump",
            .summary = "the effective definition with all defaults",
            .operand = "SERVICE_DIR",
            .question = "which service directory?",
            .help = "Prints one YAML document per file, opened by \"--- # NAME\"; saved under those names they are the "
                    "same service. Values from HUBD_* and ${NAME} are filled in. Passwords in URLs, in bus.options "
                    "and in what plugins are given, by the names of parameters, are shown as ***.\n"
                    "Exit codes: 0 printed, 1 the definition has errors, 2 usage or unreadable directory.\n"},
    .run = run_dump,
};
