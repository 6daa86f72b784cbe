/* hubctl explain: what a lint code means. */
#include <stdio.h>

#include "base/buf.h"
#include "hubctl/hubctl.h"
#include "schema/load.h"

static int run(int argc, char **argv) {
    if (argc != 2) return hubctl_usage(&hubctl_explain, "which code?");
    struct hub_buf out = {0};
    if (!hub_explain(argv[1], &out)) return hubctl_usage(&hubctl_explain, "there is no code \"%s\"", argv[1]);
    fwrite(out.p, 1, out.n, stdout);
    hub_buf_free(&out);
    return HUBCTL_OK;
}

const struct hubctl_command hubctl_explain = {
    .name = "explain",
    .usage = "CODE",
    .summary = "what a lint code means, a wrong and a right example, what happens at run time",
    .help = "A CODE is what lint prints in brackets: hubctl explain H012\n",
    .run = run,
};
