/* hubctl schema: JSON Schema for editors, and the field reference. */
#include <stdio.h>
#include <string.h>

#include "base/text/buf.h"
#include "hubctl/hubctl.h"
#include "schema/load.h"

struct schema_options {
    unsigned kind;   /* enum hub_schema_kind */
    unsigned format; /* 0: JSON Schema, 1: Markdown */
};

static int run_schema(int argc, char **argv) {
    struct schema_options o = {.kind = HUB_SCHEMA_HUB};
    int code = hub_cli_parse(&hubctl_schema.cli, argc, argv, &o);
    if (code != HUB_CLI_GO_ON) return code;
    struct hub_buf out = {0};
    if (o.format)
        hub_reference_print(o.kind, &out);
    else
        hub_schema_print(o.kind, &out);
    fwrite(out.p, 1, out.n, stdout);
    hub_buf_free(&out);
    return HUBCTL_OK;
}

static const struct hub_cli_option options[] = {
    {.name = "kind",
     .arg = "hub|service|plugin|scenario", /* in the order of enum hub_schema_kind */
     .kind = HUB_CLI_CHOICE,
     .at = offsetof(struct schema_options, kind),
     .help = "of a hub's document (default), of service.yaml, of plugin.yaml or of a scenario"},
    {.name = "format",
     .arg = "json|markdown",
     .kind = HUB_CLI_CHOICE,
     .at = offsetof(struct schema_options, format),
     .help = "JSON Schema 2020-12 (default), or the reference in docs/reference"},
};

const struct hubctl_command hubctl_schema = {
    .cli = {.program = "hubctl schema",
            .summary = "JSON Schema for editors, or the field reference",
            HUB_CLI_OPTIONS(options),
            .help = "Exit codes: 0 printed, 2 usage.\n"},
    .run = run_schema,
};
