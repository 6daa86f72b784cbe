/* hubctl lint: checks definitions and prints every problem. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory/mem.h"
#include "base/text/buf.h"
#include "hubctl/hubctl.h"
#include "schema/load.h"
#include "scripting/scripts.h"
#include "server/preflight.h"

struct lint_options {
    unsigned format; /* enum hub_diag_format */
    bool strict;
    struct hub_cli_operands paths;
};

static bool is_service_file(const char *path) {
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    return strcmp(name, "service.yaml") == 0 || strcmp(name, "service.yml") == 0 || strcmp(name, "service.json") == 0;
}

/* False when the path cannot be read. */
static bool lint_path(const char *path, struct hub_diags *diags) {
    const struct hub_load_options options = {.checker = &hub_lua_checker, .start_check = hub_preflight};
    struct hub_service *service = NULL;
    struct stat st;
    enum hub_code code;
    if (is_service_file(path)) {
        const char *slash = strrchr(path, '/');
        char *dir = slash ? hub_xstrndup(path, (size_t)(slash - path)) : hub_xstrdup(".");
        bool good = lint_path(*dir ? dir : "/", diags);
        free(dir);
        return good;
    }
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        code = hub_file_check(path, &options, diags);
    else
        code = hub_service_load(path, &options, diags, &service);
    hub_service_free(service);
    return code != HUB_NOT_FOUND;
}

static int run_lint(int argc, char **argv) {
    struct lint_options o = {0};
    int code = hub_cli_parse(&hubctl_lint.cli, argc, argv, &o);
    if (code != HUB_CLI_GO_ON) return code;
    struct hub_diags *diags = hub_diags_new();
    bool readable = true;
    for (size_t i = 0; i < o.paths.n; i++)
        if (!lint_path(o.paths.items[i], diags)) readable = false;
    struct hub_buf out = {0};
    hub_diags_print(diags, o.format, &out);
    if (out.n) fwrite(out.p, 1, out.n, stdout);
    hub_buf_free(&out);
    size_t errors = hub_diags_count(diags, HUB_SEV_ERROR), warnings = hub_diags_count(diags, HUB_SEV_WARNING);
    hub_diags_free(diags);
    if (!readable) return HUBCTL_USAGE;
    return errors || (warnings && o.strict) ? HUBCTL_FAILED : HUBCTL_OK;
}

static const struct hub_cli_option options[] = {
    {.name = "format",
     .arg = "text|json|sarif|junit|github", /* in the order of enum hub_diag_format */
     .kind = HUB_CLI_CHOICE,
     .at = offsetof(struct lint_options, format),
     .help = "the form of the findings (default text)"},
    {.name = "strict",
     .kind = HUB_CLI_FLAG,
     .at = offsetof(struct lint_options, strict),
     .help = "warnings count as errors"},
};

const struct hubctl_command hubctl_lint = {
    .cli = {.program = "hubctl lint",
            .summary = "checks service directories or single hub files; every problem in one run",
            HUB_CLI_OPTIONS(options),
            .operand = "PATH",
            .question = "which service directory or hub file?",
            .many = true,
            .operand_at = offsetof(struct lint_options, paths),
            .help = "A PATH is a service directory (it holds service.yaml) or a hub file; of a hub file alone, "
                    "references into service.yaml are not checked. Values from HUBD_* and ${NAME} count, as they do "
                    "for hubd.\n"
                    "Exit codes: 0 clean or warnings only, 1 errors, 2 usage or unreadable file.\n"},
    .run = run_lint,
};
