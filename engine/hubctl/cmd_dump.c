/* hubctl dump: the effective definition. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "hubctl/hubctl.h"
#include "schema/load.h"
#include "scripting/scripts.h"

static int run(int argc, char **argv) {
    const char *dir = NULL;
    int exit_code = hub_cli_parse(&hubctl_dump.cli, argc, argv, &dir);
    if (exit_code != HUB_CLI_GO_ON) return exit_code;
    const struct hub_load_options options = {.checker = &hub_lua_checker};
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *service = NULL;
    struct hub_buf out = {0};
    enum hub_code code = hub_service_load(dir, &options, diags, &service);
    hub_diags_print(diags, HUB_DIAG_TEXT, &out);
    if (out.n) fwrite(out.p, 1, out.n, stderr);
    hub_diags_free(diags);
    hub_buf_clear(&out);
    if (service) {
        hub_service_dump(service, &out);
        fwrite(out.p, 1, out.n, stdout);
    }
    hub_buf_free(&out);
    hub_service_free(service);
    return code == HUB_OK ? HUBCTL_OK : code == HUB_NOT_FOUND ? HUBCTL_USAGE : HUBCTL_FAILED;
}

const struct hubctl_command hubctl_dump = {
    .cli = {.program = "hubctl dump",
            .summary = "the effective definition with all defaults",
            .operand = "SERVICE_DIR",
            .question = "which service directory?",
            .help = "Prints one YAML document per file, opened by \"--- # NAME\"; saved under those names they are the "
                    "same service. Values from HUBD_* and ${NAME} are filled in. Passwords in URLs and in bus.options "
                    "are shown as ***.\n"
                    "Exit codes: 0 printed, 1 the definition has errors, 2 usage or unreadable directory.\n"},
    .run = run,
};
