/* hubd: the command line (contract: cli.md). The work is in server.c. */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/memory/block.h"
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"
#include "cli/cli.h"
#include "server/server.h"

#define MAX_OVERRIDES 64
#define FLUSH_MS 1000 /* for the last lines, when stderr is slow */

struct arguments {
    struct hub_server_options options;
    struct hub_override overrides[MAX_OVERRIDES];
    bool check;
    uint32_t wait; /* seconds */
    enum hub_log_level log_level;
    unsigned log_format; /* position in "text|json" */
};

static enum hub_code take_override(void *target, char *value, struct hub_err *err) {
    struct arguments *a = target;
    char *eq = strchr(value, '=');
    if (!eq || eq == value) return hub_fail(err, HUB_BAD_REQUEST, "is not of the form key=value");
    if (a->options.override_n == MAX_OVERRIDES)
        return hub_fail(err, HUB_BAD_REQUEST, "is one too many; %d are taken", MAX_OVERRIDES);
    a->overrides[a->options.override_n++] = (struct hub_override){value, eq + 1};
    *eq = 0;
    return HUB_OK;
}

#define AT(FIELD) offsetof(struct arguments, FIELD)
static const struct hub_cli_option options[] = {
    {.name = "set",
     .arg = "KEY=VALUE",
     .kind = HUB_CLI_CUSTOM,
     .take = take_override,
     .help = "overrides a value of service.yaml, such as --set listen.port=0; may be given several times"},
    {.name = "check",
     .kind = HUB_CLI_FLAG,
     .at = AT(check),
     .help = "checks the definitions, connects to nothing, and exits with 0 or 3"},
    {.name = "wait",
     .arg = "SECONDS",
     .kind = HUB_CLI_COUNT,
     .at = AT(wait),
     .high = 86400,
     .help = "how long to try at the start for a store, cache, bus or key set that does not answer (default 30)"},
    {.name = "log-level",
     .arg = "error|warn|info|debug",
     .kind = HUB_CLI_CHOICE,
     .at = AT(log_level),
     .help = "the least important lines that are logged (default info)"},
    {.name = "log-format",
     .arg = "text|json",
     .kind = HUB_CLI_CHOICE,
     .at = AT(log_format),
     .help = "the form of a line of the log (default text)"},
    {.name = "version", .kind = HUB_CLI_VERSION, .help = "prints the version"},
};

static const struct hub_cli cli = {
    .program = "hubd",
    .summary = "serves a service directory: a folder with service.yaml and *.hub.yaml",
    HUB_CLI_OPTIONS(options),
    .operand = "SERVICE_DIR",
    .question = "which service directory?",
    .operand_at = AT(options.dir),
    .help = "SIGHUP reloads the definitions. SIGTERM drains and stops, a second SIGTERM stops at once.\n"
            "Exit codes:\n"
            "  0  stopped as asked\n"
            "  1  failure at run time\n"
            "  2  usage\n"
            "  3  invalid definition\n"
            "  4  a store, cache, bus or key set that has to be there at the start was not there\n",
};

/* Whoever starts hubd without stdin, stdout or stderr would find a socket or a file in their place, and
 * the log in it. */
static void occupy_standard_descriptors(void) {
    int fd;
    do fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) close(fd);
}

static int run_service(const struct arguments *a) {
    struct hub_service *service = hub_server_load(&a->options);
    if (!service) return HUB_EXIT_INVALID;
    if (!a->check) return hub_server_run(&a->options, service);
    hub_service_free(service);
    return HUB_EXIT_OK;
}

int main(int argc, char **argv) {
    struct arguments a = {.log_level = HUB_LOG_INFO, .wait = 30};
    int code = hub_cli_parse(&cli, argc, argv, &a);
    if (code != HUB_CLI_GO_ON) return code;
    a.options.overrides = a.overrides;
    a.options.wait_seconds = a.wait;
    hub_log_setup(a.log_level, a.log_format);
    occupy_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* who is gone is found out by writing */
    signal(SIGXFSZ, SIG_IGN); /* and so is a file that must not grow: the store is away then, and comes back */
    hub_log_start();
    hub_block_keep();
    hub_metrics_own();
    code = run_service(&a);
    hub_metrics_disown();
    hub_block_drop();
    hub_log_end(FLUSH_MS);
    return code;
}
