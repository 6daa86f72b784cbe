/* hubctl docs: a service's AsyncAPI and OpenAPI documents, and a page for people. */
#include "base/memory/mem.h"
#include "describe/describe.h"
#include "hubctl/hubctl.h"
#include "schema/load.h"

struct docs_options {
    const char *dir, *out;
    unsigned format; /* enum hub_describe_document */
};

static int run_docs(int argc, char **argv) {
    static const char *const names[] = {"asyncapi.json", "openapi.json", "index.md"};
    struct docs_options o = {0};
    int code = hub_cli_parse(&hubctl_docs.cli, argc, argv, &o);
    if (code != HUB_CLI_GO_ON) return code;
    struct hub_service *service = hubctl_load_valid(o.dir, &code);
    if (!service) return code;
    struct hub_buf text = {0}, file = {0};
    hub_describe_print_document(service, (enum hub_describe_document)o.format, &text);
    if (o.out) hub_buf_addf(&file, "%s/%s", o.out, names[o.format]);
    code = hubctl_give(o.out ? hub_buf_cstr(&file) : NULL, false, hub_buf_str(&text));
    hub_buf_free(&text);
    hub_buf_free(&file);
    hub_service_free(service);
    return code;
}

#define AT(FIELD) offsetof(struct docs_options, FIELD)
static const struct hub_cli_option options[] = {
    {.name = "format",
     .arg = "asyncapi|openapi|markdown", /* in the order of enum hub_describe_document */
     .kind = HUB_CLI_CHOICE,
     .at = AT(format),
     .required = true,
     .help = "AsyncAPI 3.0, OpenAPI 3.1, or a page for people"},
    {.name = "out",
     .arg = "DIR",
     .kind = HUB_CLI_TEXT,
     .at = AT(out),
     .help = "where to put asyncapi.json, openapi.json or index.md (default: standard output)"},
};

const struct hubctl_command hubctl_docs = {
    .cli = {.program = "hubctl docs",
            .summary = "AsyncAPI, OpenAPI, or a page for people",
            HUB_CLI_OPTIONS(options),
            .operand = "SERVICE_DIR",
            .question = "which service directory?",
            .operand_at = AT(dir),
            .help =
                "A running hubd gives the first two at /asyncapi.json and /openapi.json. The same service gives the "
                "same bytes.\n"
                "Exit codes: 0 written, 2 usage or unreadable directory, 3 the definition has errors.\n"},
    .run = run_docs,
};
