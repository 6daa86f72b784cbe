/* hubctl types: what clients of a service may send and get, as types of their language. */
#include <stdio.h>

#include "base/io/file.h"
#include "base/memory/mem.h"
#include "describe/describe.h"
#include "hubctl/hubctl.h"
#include "schema/load.h"

struct types_options {
    const char *dir, *out;
    unsigned lang; /* enum hub_describe_language */
    bool check;
};

/* Whether FILE has TEXT. */
static bool is_fresh(const char *file, struct hub_str text) {
    struct hub_buf there = {0};
    struct hub_err err;
    bool fresh = !hub_file_read(file, text.n + 1, &there, &err) && hub_str_eq(hub_buf_str(&there), text);
    hub_buf_free(&there);
    return fresh;
}

int hubctl_give(const char *file, bool check, struct hub_str text) {
    if (!file) return fwrite(text.p, 1, text.n, stdout) == text.n ? HUBCTL_OK : HUBCTL_FAILED;
    if (check && is_fresh(file, text)) return HUBCTL_OK;
    if (check) {
        fprintf(stderr, "%s is not what the definition says; make it anew without --check\n", file);
        return HUBCTL_FAILED;
    }
    FILE *f = fopen(file, "w");
    if (f && fwrite(text.p, 1, text.n, f) == text.n && !fclose(f)) return HUBCTL_OK;
    perror(file);
    return HUBCTL_USAGE;
}

struct hub_service *hubctl_load_valid(const char *dir, int *exit_code) {
    struct hub_service *service = hubctl_load(dir, NULL, exit_code);
    if (!service && *exit_code == HUBCTL_FAILED) *exit_code = HUBCTL_INVALID;
    return service;
}

static int run_types(int argc, char **argv) {
    struct types_options o = {0};
    int code = hub_cli_parse(&hubctl_types.cli, argc, argv, &o);
    if (code != HUB_CLI_GO_ON) return code;
    if (o.check && !o.out) return hub_cli_fail(&hubctl_types.cli, "--check compares a file: say which with --out FILE");
    struct hub_service *service = hubctl_load_valid(o.dir, &code);
    if (!service) return code;
    struct hub_buf text = {0};
    hub_describe_print_types(service, (enum hub_describe_language)o.lang, &text);
    code = hubctl_give(o.out, o.check, hub_buf_str(&text));
    hub_buf_free(&text);
    hub_service_free(service);
    return code;
}

#define AT(FIELD) offsetof(struct types_options, FIELD)
static const struct hub_cli_option options[] = {
    {.name = "lang",
     .arg = "ts|python|c|jsonschema", /* in the order of enum hub_describe_language */
     .kind = HUB_CLI_CHOICE,
     .at = AT(lang),
     .required = true,
     .help = "TypeScript, Python (TypedDict), C (constants and enums) or JSON Schema 2020-12"},
    {.name = "out", .arg = "FILE", .kind = HUB_CLI_TEXT, .at = AT(out), .help = "where to (default: standard output)"},
    {.name = "check",
     .kind = HUB_CLI_FLAG,
     .at = AT(check),
     .help = "writes nothing; fails when FILE would be another one"},
};

const struct hubctl_command hubctl_types = {
    .cli = {.program = "hubctl types",
            .summary = "types of what clients send and get",
            HUB_CLI_OPTIONS(options),
            .operand = "SERVICE_DIR",
            .question = "which service directory?",
            .operand_at = AT(dir),
            .help = "What is switched off in a hub is not among its types. The same service gives the same bytes.\n"
                    "Exit codes: 0 written, 1 --check found another file, 2 usage or unreadable directory, 3 the "
                    "definition has errors.\n"},
    .run = run_types,
};
