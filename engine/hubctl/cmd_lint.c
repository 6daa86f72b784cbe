/* hubctl lint: checks definitions and prints every problem. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "hubctl/hubctl.h"
#include "preflight.h"
#include "schema/load.h"
#include "scripting/scripts.h"

static const char *const formats[] = {"text", "json", "sarif", "junit", "github"}; /* as enum hub_diag_format */

struct lint_options {
    enum hub_diag_format format;
    bool strict;
};

static bool parse_format(const char *name, enum hub_diag_format *out) {
    for (size_t i = 0; i < HUB_NELEM(formats); i++)
        if (strcmp(name, formats[i]) == 0) {
            *out = (enum hub_diag_format)i;
            return true;
        }
    return false;
}

static bool is_service_file(const char *path) {
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    return strcmp(name, "service.yaml") == 0 || strcmp(name, "service.yml") == 0 || strcmp(name, "service.json") == 0;
}

/* False when the path cannot be read. */
static bool lint_path(const char *path, struct hub_diags *diags) {
    const struct hub_load_options options = {
        .checker = &hub_lua_checker, .start_check = hub_preflight, .ignore_environment = true};
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

static int run(int argc, char **argv) {
    struct lint_options o = {0};
    int paths = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--strict") == 0) {
            o.strict = true;
        } else if (strcmp(argv[i], "--format") == 0 || strncmp(argv[i], "--format=", 9) == 0) {
            const char *name = argv[i][8] ? argv[i] + 9 : i + 1 < argc ? argv[++i] : "";
            if (!parse_format(name, &o.format)) return hubctl_usage(&hubctl_lint, "unknown format \"%s\"", name);
        } else if (argv[i][0] == '-' && argv[i][1]) {
            return hubctl_usage(&hubctl_lint, "unknown option %s", argv[i]);
        } else {
            argv[1 + paths++] = argv[i];
        }
    }
    if (!paths) return hubctl_usage(&hubctl_lint, "which service directory or hub file?");
    struct hub_diags *diags = hub_diags_new();
    bool readable = true;
    for (int i = 0; i < paths; i++)
        if (!lint_path(argv[1 + i], diags)) readable = false;
    struct hub_buf out = {0};
    hub_diags_print(diags, o.format, &out);
    if (out.n) fwrite(out.p, 1, out.n, stdout);
    hub_buf_free(&out);
    size_t errors = hub_diags_count(diags, HUB_SEV_ERROR), warnings = hub_diags_count(diags, HUB_SEV_WARNING);
    hub_diags_free(diags);
    if (!readable) return HUBCTL_USAGE;
    return errors || (warnings && o.strict) ? HUBCTL_FAILED : HUBCTL_OK;
}

const struct hubctl_command hubctl_lint = {
    .name = "lint",
    .usage = "PATH… [--format text|json|sarif|junit|github] [--strict]",
    .summary = "checks service directories or single hub files; every problem in one run",
    .help = "A PATH is a service directory (it holds service.yaml) or a hub file; of a hub file alone, references into "
            "service.yaml are not checked.\n"
            "--strict   warnings count as errors\n"
            "Exit code: 0 clean or warnings only, 1 errors, 2 usage or unreadable file.\n",
    .run = run,
};
