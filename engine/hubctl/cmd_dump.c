/* hubctl dump: the effective definition. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "hubctl/hubctl.h"
#include "schema/load.h"
#include "scripting/scripts.h"

static int run(int argc, char **argv) {
    if (argc != 2 || argv[1][0] == '-') return hubctl_usage(&hubctl_dump, "which service directory?");
    const struct hub_load_options options = {.checker = &hub_lua_checker};
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *service = NULL;
    struct hub_buf out = {0};
    enum hub_code code = hub_service_load(argv[1], &options, diags, &service);
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
    .name = "dump",
    .usage = "SERVICE_DIR",
    .summary = "the effective definition with all defaults",
    .help = "Prints one YAML document per file, opened by \"--- # NAME\"; saved under those names they are the same "
            "service. Values from HUBD_*\n"
            "and ${NAME} are filled in. Passwords in URLs and in bus.options are shown as ***.\n",
    .run = run,
};
