/* hubctl schema: JSON Schema for editors, and the field reference. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "hubctl/hubctl.h"
#include "schema/load.h"

static int run(int argc, char **argv) {
    enum hub_schema_kind kind = HUB_SCHEMA_HUB;
    bool markdown = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--kind") == 0 && (strcmp(value, "hub") == 0 || strcmp(value, "service") == 0))
            kind = strcmp(value, "hub") == 0 ? HUB_SCHEMA_HUB : HUB_SCHEMA_SERVICE;
        else if (strcmp(argv[i], "--format") == 0 && (strcmp(value, "json") == 0 || strcmp(value, "markdown") == 0))
            markdown = strcmp(value, "markdown") == 0;
        else
            return hubctl_usage(&hubctl_schema, "not understood: %s %s", argv[i], value);
        i++;
    }
    struct hub_buf out = {0};
    if (markdown)
        hub_reference_print(kind, &out);
    else
        hub_schema_print(kind, &out);
    fwrite(out.p, 1, out.n, stdout);
    hub_buf_free(&out);
    return HUBCTL_OK;
}

const struct hubctl_command hubctl_schema = {
    .name = "schema",
    .usage = "[--kind hub|service] [--format json|markdown]",
    .summary = "JSON Schema for editors, or the field reference",
    .help = "--kind     the hub document (default) or service.yaml\n"
            "--format   json: JSON Schema 2020-12 (default); markdown: the reference in docs/reference\n",
    .run = run,
};
