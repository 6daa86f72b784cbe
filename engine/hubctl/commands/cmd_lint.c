/* hubctl lint: checks definitions and prints every problem, or mends what has one meaning only. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory/mem.h"
#include "base/text/buf.h"
#include "hubctl/hubctl.h"
#include "hubctl/lint.h"
#include "schema/diag.h"
#include "schema/load.h"
#include "schema/scenario/scenario.h"
#include "scripting/scripts.h"
#include "server/preflight.h"

enum { FIX_NONE, FIX_SAFE, FIX_ALL, ROUNDS_MAX = 20, STDIN_MAX = 1 << 20 };

struct lint_options {
    unsigned format; /* enum hub_diag_format */
    unsigned fix;
    bool strict, dry_run;
    const char *stdin_path, *baseline, *write_baseline;
    struct hub_cli_operands paths;
};

/* One run of the command. */
struct lint {
    const struct lint_options *o;
    struct hub_fixes fixes; /* also the text of stdin */
    struct hub_diags *diags;
    bool unreadable;
};

/* ---- what a path is ---- */

static const char *base_name(const char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

static bool is_service_file(const char *path) {
    const char *name = base_name(path);
    return strcmp(name, "service.yaml") == 0 || strcmp(name, "service.yml") == 0 || strcmp(name, "service.json") == 0;
}

/* The folder that PATH is in; the caller's to free(). */
static HUB_MUST char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return hub_xstrdup(".");
    return slash == path ? hub_xstrdup("/") : hub_xstrndup(path, (size_t)(slash - path));
}

static bool holds_service(const char *dir) {
    static const char *const names[] = {"service.yaml", "service.yml", "service.json"};
    bool holds = false;
    for (size_t i = 0; i < HUB_NELEM(names) && !holds; i++) {
        struct hub_buf path = {0};
        hub_buf_addf(&path, "%s/%s", dir, names[i]);
        holds = !access(hub_buf_cstr(&path), F_OK);
        hub_buf_free(&path);
    }
    return holds;
}

/* The service directory that PATH is in, or would be; NULL when there is none. The caller's to free(). */
static HUB_MUST char *service_of(const char *path) {
    char *dir = folder_of(path);
    while (!holds_service(dir)) {
        char *slash = strrchr(dir, '/');
        bool last = !strcmp(dir, ".") || slash == dir;
        if (slash && !last)
            *slash = 0;
        else if (!last)
            strcpy(dir, "."); /* a relative path ends where hubctl was started */
        if (last) {
            free(dir);
            return NULL;
        }
    }
    return dir;
}

static const char *stdin_path(const struct lint *t) { return t->o->stdin_path ? t->o->stdin_path : "stdin.hub.yaml"; }

/* As the loader calls the file of stdin in the service DIR; the caller's to free(). */
static HUB_MUST char *stdin_name_below(const char *dir, const char *path) {
    struct hub_buf name = {0};
    bool bare = dir && !strcmp(dir, ".") && strncmp(path, "./", 2) != 0;
    hub_buf_addf(&name, "%s%s", bare ? "./" : "", path);
    char *text = hub_xstrdup(hub_buf_cstr(&name));
    hub_buf_free(&name);
    return text;
}

/* ---- checking ---- */

static void check_one(struct lint *t, const char *path, bool folder) {
    const struct hub_load_options options = {.checker = &hub_lua_checker,
                                             .start_check = hub_preflight,
                                             .overlays = t->fixes.overlays,
                                             .overlay_n = t->fixes.n};
    struct hub_service *service = NULL;
    enum hub_code code =
        folder ? hub_service_load(path, &options, t->diags, &service) : hub_file_check(path, &options, t->diags);
    if (service) hub_scenarios_lint(service, &options, t->diags);
    hub_service_free(service);
    if (code == HUB_NOT_FOUND) t->unreadable = true;
}

static void tell_absent(struct lint *t, const char *path) {
    struct hub_arena *arena = hub_arena_new();
    hub_diags_add(t->diags, "Y011", hub_source_new(arena, path, 'S', hub_str("", 0)), NULL, NULL, NULL,
                  hub_arena_fmt(arena, "cannot be read: %s", strerror(errno)));
    hub_arena_free(arena);
    t->unreadable = true;
}

static void check_path(struct lint *t, const char *path) {
    struct stat st;
    if (stat(path, &st)) {
        tell_absent(t, path);
    } else if (is_service_file(path)) {
        char *dir = folder_of(path);
        check_one(t, dir, true);
        free(dir);
    } else {
        check_one(t, path, S_ISDIR(st.st_mode));
    }
}

/* The text of stdin as the file that it is to be; of its service only what is in it is told. */
static void check_stdin(struct lint *t) {
    const char *path = stdin_path(t);
    char *dir = t->o->stdin_path ? service_of(path) : NULL;
    check_one(t, dir ? dir : path, dir != NULL);
    free(dir);
    for (size_t i = hub_diags_n(t->diags); i--;) {
        if (strcmp(hub_diags_at(t->diags, i)->file, t->fixes.files[0].path))
            hub_diags_drop(t->diags, i);
        else
            hub_diags_set_file(t->diags, i, path);
    }
    t->unreadable = false;
}

/* ---- settings ---- */

static int use_baseline(struct lint *t, const char *path) {
    struct hub_err err;
    if (!path || !hub_baseline_apply(path, t->diags, &err)) return HUBCTL_OK;
    return hub_cli_fail(&hubctl_lint.cli, "%s", err.text);
}

/* Those of the service directory, or else of the folder where hubctl is started. */
static int use_settings(struct lint *t, const char *path) {
    struct hub_lint_settings s;
    struct hub_err err;
    struct stat st;
    char *dir = !stat(path, &st) && S_ISDIR(st.st_mode) ? hub_xstrdup(path) : service_of(path);
    int code = HUBCTL_OK;
    if (hub_lint_settings_read(dir ? dir : ".", &s, &err))
        code = hub_cli_fail(&hubctl_lint.cli, "%s", err.text);
    else
        hub_lint_settings_apply(&s, t->diags);
    if (!code && !t->o->write_baseline) code = use_baseline(t, t->o->baseline ? NULL : s.baseline);
    hub_lint_settings_free(&s);
    free(dir);
    return code;
}

/* A round: everything is checked anew. */
static int check_all(struct lint *t) {
    bool from_stdin = t->o->paths.n == 1 && !strcmp(t->o->paths.items[0], "-");
    int code = HUBCTL_OK;
    hub_diags_free(t->diags);
    t->diags = hub_diags_new();
    hub_diags_set_strict(t->diags, t->o->strict);
    t->unreadable = false;
    for (size_t i = 0; i < t->o->paths.n && !from_stdin; i++) check_path(t, t->o->paths.items[i]);
    if (from_stdin) check_stdin(t);
    for (size_t i = 0; i < t->o->paths.n && !code; i++)
        code = use_settings(t, from_stdin ? t->o->stdin_path ? t->o->stdin_path : "." : t->o->paths.items[i]);
    if (!code && t->o->baseline) code = use_baseline(t, t->o->baseline);
    return code;
}

/* ---- mending ---- */

static bool is_stdin(const struct lint *t) { return t->o->paths.n == 1 && !strcmp(t->o->paths.items[0], "-"); }

/* The edits are about the file as the loader calls it. */
static void name_findings(struct lint *t) {
    for (size_t i = 0; i < hub_diags_n(t->diags); i++) hub_diags_set_file(t->diags, i, t->fixes.files[0].path);
}

static int fix_all(struct lint *t) {
    int code = HUBCTL_OK;
    for (int i = 0; i < ROUNDS_MAX && !code; i++) {
        if (is_stdin(t)) name_findings(t);
        if (!hub_fixes_apply(&t->fixes, t->diags, t->o->fix == FIX_ALL)) break;
        code = check_all(t);
    }
    return code;
}

/* A diff, the text of stdin, or the files themselves. */
static int put_fixes(struct lint *t, bool from_stdin) {
    struct hub_buf out = {0};
    struct hub_err err;
    if (t->o->dry_run)
        hub_fixes_diff(&t->fixes, &out);
    else if (from_stdin)
        hub_buf_adds(&out, hub_buf_str(&t->fixes.files[0].now));
    else if (hub_fixes_write(&t->fixes, &err))
        return hub_cli_fail(&hubctl_lint.cli, "%s", err.text);
    if (out.n) fwrite(out.p, 1, out.n, stdout);
    hub_buf_free(&out);
    return HUBCTL_OK;
}

/* ---- the command ---- */

static int check_lint_options(const struct lint_options *o, bool from_stdin) {
    bool among = false;
    for (size_t i = 0; i < o->paths.n; i++) among = among || !strcmp(o->paths.items[i], "-");
    if (among && !from_stdin) return hub_cli_fail(&hubctl_lint.cli, "- stands alone: one text comes on stdin");
    if (o->stdin_path && !from_stdin) return hub_cli_fail(&hubctl_lint.cli, "--stdin-path is for -");
    if (o->dry_run && !o->fix) return hub_cli_fail(&hubctl_lint.cli, "--dry-run is for --fix");
    return HUB_CLI_GO_ON;
}

static int read_stdin(struct lint *t) {
    struct hub_buf text = {0};
    char piece[4096];
    size_t n;
    while (text.n <= STDIN_MAX && (n = fread(piece, 1, sizeof piece, stdin))) hub_buf_add(&text, piece, n);
    char *dir = t->o->stdin_path ? service_of(t->o->stdin_path) : NULL, *name = stdin_name_below(dir, stdin_path(t));
    hub_fixes_add(&t->fixes, name, hub_buf_str(&text));
    free(name);
    free(dir);
    bool large = text.n > STDIN_MAX;
    hub_buf_free(&text);
    return large ? hub_cli_fail(&hubctl_lint.cli, "the text of stdin is larger than 1 MiB") : HUBCTL_OK;
}

static void print_findings(const struct lint *t, FILE *to) {
    struct hub_buf out = {0};
    hub_diags_print(t->diags, t->o->format, &out);
    if (out.n) fwrite(out.p, 1, out.n, to);
    hub_buf_free(&out);
}

static int run_once(struct lint *t, bool from_stdin) {
    int code = from_stdin ? read_stdin(t) : HUBCTL_OK;
    struct hub_err err;
    if (!code) code = check_all(t);
    if (!code && t->o->fix) code = fix_all(t);
    if (!code && t->o->fix) code = put_fixes(t, from_stdin);
    if (code) return code;
    if (t->o->write_baseline && hub_baseline_write(t->o->write_baseline, t->diags, &err))
        return hub_cli_fail(&hubctl_lint.cli, "%s", err.text);
    if (t->o->write_baseline) return HUBCTL_OK;
    print_findings(t, t->o->fix && (from_stdin || t->o->dry_run) ? stderr : stdout);
    if (t->unreadable) return HUBCTL_USAGE;
    bool bad = hub_diags_count(t->diags, HUB_SEV_ERROR) || (t->o->strict && hub_diags_count(t->diags, HUB_SEV_WARNING));
    return bad ? HUBCTL_FAILED : HUBCTL_OK;
}

static int run_lint(int argc, char **argv) {
    struct lint_options o = {0};
    int code = hub_cli_parse(&hubctl_lint.cli, argc, argv, &o);
    if (code != HUB_CLI_GO_ON) return code;
    bool from_stdin = o.paths.n == 1 && !strcmp(o.paths.items[0], "-");
    code = check_lint_options(&o, from_stdin);
    if (code != HUB_CLI_GO_ON) return code;
    struct lint t = {.o = &o};
    code = run_once(&t, from_stdin);
    hub_diags_free(t.diags);
    hub_fixes_free(&t.fixes);
    return code;
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
    {.name = "fix",
     .arg = "safe|all",
     .kind = HUB_CLI_MODE,
     .at = offsetof(struct lint_options, fix),
     .help =
         "writes what can only have been meant (explain says of which codes), with all what was probably meant, too, "
         "until nothing changes; then prints what is left"},
    {.name = "dry-run",
     .kind = HUB_CLI_FLAG,
     .at = offsetof(struct lint_options, dry_run),
     .help = "with --fix: prints a diff and writes nothing; the findings go to stderr"},
    {.name = "stdin-path",
     .arg = "PATH",
     .kind = HUB_CLI_TEXT,
     .at = offsetof(struct lint_options, stdin_path),
     .help = "with - as PATH: the file that the text on stdin is to be; it need not exist"},
    {.name = "baseline",
     .arg = "FILE",
     .kind = HUB_CLI_TEXT,
     .at = offsetof(struct lint_options, baseline),
     .help = "leaves out the findings that FILE has"},
    {.name = "write-baseline",
     .arg = "FILE",
     .kind = HUB_CLI_TEXT,
     .at = offsetof(struct lint_options, write_baseline),
     .help = "writes all findings to FILE and prints none"},
};

const struct hubctl_command hubctl_lint = {
    .cli = {.program = "hubctl lint",
            .summary = "checks service directories or single hub files; every problem in one run",
            HUB_CLI_OPTIONS(options),
            .operand = "PATH",
            .question = "which service directory or hub file?",
            .many = true,
            .operand_at = offsetof(struct lint_options, paths),
            .help =
                "A PATH is a service directory (it holds service.yaml) or a hub file; of a hub file alone, "
                "references into service.yaml are not checked. Values from HUBD_* and ${NAME} count, as they do "
                "for hubd. - is the text on stdin; with --fix what becomes of it goes to stdout, and the findings "
                "to stderr.\n"
                "A comment \"# hubctl:ignore CODE,CODE -- reason\" takes warnings out, on their line or above it (in "
                "Lua \"-- hubctl:ignore …\"). .hubctl.yaml in the service directory, or where hubctl is started, may "
                "have lint: {severity: {CODE: warning|info|off}, baseline: FILE}, for warnings only.\n"
                "Exit codes: 0 clean or warnings only, 1 errors, 2 usage or unreadable file.\n"},
    .run = run_lint,
};
