/* hubctl diff: what has changed between two states of a service, and whom it breaks. */
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory/mem.h"
#include "hubctl/hubctl.h"
#include "schema/diff.h"
#include "schema/load.h"

enum diff_format { DIFF_TEXT, DIFF_JSON, DIFF_GITHUB };
struct diff_options {
    struct hub_cli_operands dirs;
    const char *against, *allow;
    unsigned format; /* enum diff_format */
};

/* ---- a state of the past, by git ---- */

extern char **environ;

/* Runs a program with its list of arguments. False, told on stderr by itself: it failed. */
static bool run_program(const char *const *argv) {
    pid_t pid;
    int status = 0;
    if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ)) {
        fprintf(stderr, "hubctl diff: %s cannot be run\n", argv[0]);
        return false;
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place) {
    (void)info, (void)type, (void)place;
    return remove(path);
}

static void remove_folder(const char *folder) { (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS); }

/* DIR as it was at REF, in FOLDER, which is there. */
static bool unpack_state(const char *dir, const char *ref, const char *folder) {
    struct hub_buf tar = {0};
    hub_buf_addf(&tar, "%s/state.tar", folder);
    const char *file = hub_buf_cstr(&tar);
    bool ok = run_program((const char *const[]){"git", "-C", dir, "archive", "--format=tar", "-o", file, ref, NULL}) &&
              run_program((const char *const[]){"tar", "-xf", file, "-C", folder, NULL}) && !unlink(file);
    hub_buf_free(&tar);
    return ok;
}

static struct hub_service *load_state(const char *dir, const char *ref, int *code) {
    char folder[] = "/tmp/hubctl-diff-XXXXXX";
    struct hub_service *service = NULL;
    *code = HUBCTL_USAGE;
    if (*ref == '-') { /* git would take it for an option */
        fprintf(stderr, "hubctl diff: --against: %s is no name of a state\n", ref);
        return NULL;
    }
    if (!mkdtemp(folder)) return perror(folder), NULL;
    if (unpack_state(dir, ref, folder)) service = hubctl_load_valid(folder, code);
    if (!service) remove_folder(folder);
    return service;
}

/* ---- what is printed ---- */

static void add_grades(struct hub_buf *b, const json_t *one) {
    const json_t *grades = json_object_get(one, "grades");
    const char *rights = json_string_value(json_object_get(one, "rights"));
    for (size_t i = 0; i < json_array_size(grades); i++) {
        const char *grade = json_string_value(json_array_get(grades, i));
        hub_buf_addf(b, "%s%s", i ? ", " : "", grade);
        if (!strcmp(grade, "rights")) hub_buf_addf(b, " (%s)", rights);
    }
    if (!json_array_size(grades)) hub_buf_addz(b, "nobody");
}

static void add_place(struct hub_buf *b, const char *name, const json_t *place) {
    if (place)
        hub_buf_addf(b, "    %s %s:%d: %s\n", name, json_string_value(json_object_get(place, "file")),
                     (int)json_integer_value(json_object_get(place, "line")),
                     json_string_value(json_object_get(place, "text")));
}

static void add_text(struct hub_buf *b, const json_t *one, const char *dir) {
    (void)dir;
    add_grades(b, one);
    hub_buf_addf(b, ": %s %s\n", json_string_value(json_object_get(one, "path")),
                 json_string_value(json_object_get(one, "message")));
    add_place(b, "old", json_object_get(one, "old"));
    add_place(b, "new", json_object_get(one, "new"));
}

/* A command of GitHub's workflows: what is not its own is escaped. */
static void add_escaped(struct hub_buf *b, struct hub_str text) {
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '%' || c == '\n' || c == '\r' || c == ',' || c == ':')
            hub_buf_addf(b, "%%%02X", c);
        else
            hub_buf_addc(b, (char)c);
    }
}

static void add_github(struct hub_buf *b, const json_t *one, const char *dir) {
    const json_t *place = json_object_get(one, "new");
    struct hub_buf file = {0}, text = {0};
    hub_buf_addf(b, "::%s ", json_array_size(json_object_get(one, "grades")) ? "error" : "notice");
    if (place) {
        hub_buf_addf(&file, "%s/%s", dir, json_string_value(json_object_get(place, "file")));
        hub_buf_addz(b, "file=");
        add_escaped(b, hub_buf_str(&file));
        hub_buf_addf(b, ",line=%d", (int)json_integer_value(json_object_get(place, "line")));
    }
    hub_buf_addf(&text, "%s %s; breaks ", json_string_value(json_object_get(one, "path")),
                 json_string_value(json_object_get(one, "message")));
    add_grades(&text, one);
    hub_buf_addz(b, "::");
    add_escaped(b, hub_buf_str(&text));
    hub_buf_addc(b, '\n');
    hub_buf_free(&file);
    hub_buf_free(&text);
}

static void print_differences(const struct diff_options *o, json_t *found) {
    static void (*const adders[])(struct hub_buf * b, const json_t *one,
                                  const char *dir) = {[DIFF_TEXT] = add_text, [DIFF_GITHUB] = add_github};
    struct hub_buf out = {0};
    size_t i;
    json_t *one;
    if (o->format == DIFF_JSON) {
        json_t *document = json_pack("{s:s, s:O}", "formatVersion", "1.0", "differences", found);
        hub_json_add(&out, document);
        hub_buf_addc(&out, '\n');
        json_decref(document);
    } else {
        json_array_foreach(found, i, one) adders[o->format](&out, one, o->dirs.items[o->dirs.n - 1]);
    }
    if (out.n) fwrite(out.p, 1, out.n, stdout);
    hub_buf_free(&out);
}

/* ---- the command ---- */

static bool is_allowed(const char *allowed, const char *grade) {
    struct hub_str rest = hub_cstr(allowed), one;
    while (hub_str_split(&rest, ',', &one))
        if (hub_str_is(hub_str_trim(one), grade)) return true;
    return false;
}

static bool breaks_any(const json_t *found, const char *allowed) {
    size_t i, k;
    json_t *one, *grade;
    json_array_foreach(found, i, one) {
        json_array_foreach(json_object_get(one, "grades"), k, grade) {
            if (!is_allowed(allowed, json_string_value(grade))) return true;
        }
    }
    return false;
}

static const char grades[] = "data clients scripts rights";

/* A word of --allow that is no grade, or an empty view. */
static struct hub_str unknown_grade(const char *allowed) {
    struct hub_str rest = hub_cstr(allowed), one;
    while (allowed && hub_str_split(&rest, ',', &one))
        if (!hub_str_among(hub_str_trim(one), grades)) return one;
    return hub_str(NULL, 0);
}

static int compare_services(const struct diff_options *o, const struct hub_service *old, const char *dir, int code) {
    struct hub_service *now = old ? hubctl_load_valid(dir, &code) : NULL;
    if (!now) return code;
    json_t *found = hub_service_diff(old, now);
    print_differences(o, found);
    code = breaks_any(found, o->allow) ? HUBCTL_FAILED : HUBCTL_OK;
    json_decref(found);
    hub_service_free(now);
    return code;
}

static int run_diff(int argc, char **argv) {
    struct diff_options o = {0};
    int code = hub_cli_parse(&hubctl_diff.cli, argc, argv, &o);
    if (code != HUB_CLI_GO_ON) return code;
    struct hub_str unknown = unknown_grade(o.allow);
    if (unknown.n) return hub_cli_fail(&hubctl_diff.cli, "--allow: %.*s is none of %s", HUB_FMT(unknown), grades);
    if (o.dirs.n != (o.against ? 1 : 2))
        return hub_cli_fail(&hubctl_diff.cli, o.against ? "with --against one directory is compared with its past"
                                                        : "two directories, or one and --against REF");
    struct hub_service *old =
        o.against ? load_state(o.dirs.items[0], o.against, &code) : hubctl_load_valid(o.dirs.items[0], &code);
    code = compare_services(&o, old, o.dirs.items[o.dirs.n - 1], code);
    if (old && o.against) remove_folder(old->dir);
    hub_service_free(old);
    return code;
}

#define AT(FIELD) offsetof(struct diff_options, FIELD)
static const struct hub_cli_option options[] = {
    {.name = "against",
     .arg = "REF",
     .kind = HUB_CLI_TEXT,
     .at = AT(against),
     .help = "compares the directory with what git has of it there: a commit, branch or tag"},
    {.name = "format",
     .arg = "text|json|github", /* in the order of enum diff_format */
     .kind = HUB_CLI_CHOICE,
     .at = AT(format),
     .help = "text (default), JSON, or annotations of GitHub's workflows"},
    {.name = "allow",
     .arg = "GRADES",
     .kind = HUB_CLI_TEXT,
     .at = AT(allow),
     .help = "what may break, with commas between: data, clients, scripts, rights"},
};

const struct hubctl_command hubctl_diff = {
    .cli = {.program = "hubctl diff",
            .summary = "what has changed in a service, and whom it breaks",
            HUB_CLI_OPTIONS(options),
            .operand = "DIR",
            .question = "which service directories?",
            .many = true,
            .operand_at = AT(dirs),
            .help =
                "hubctl diff OLD NEW, or hubctl diff DIR --against REF. Each difference is graded by whom it breaks: "
                "stored data, connected clients, scripts, rights (more, less, changed), or nobody.\n"
                "Exit codes: 0 nothing breaks but what --allow names, 1 something does, 2 usage, unreadable "
                "directory or no such state, 3 a definition has errors.\n"},
    .run = run_diff,
};
