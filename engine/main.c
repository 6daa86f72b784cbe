/* hubd: the command line (contract: cli.md). The work is in server.c. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"
#include "server.h"

#define MAX_OVERRIDES 64
#define FLUSH_MS 1000 /* for the last lines, when stderr is slow */

static const char usage_text[] =
    "usage: hubd SERVICE_DIR [--set key=value]... [--check] [--wait SECONDS]\n"
    "            [--log-level error|warn|info|debug] [--log-format text|json] [--version]\n"
    "\n"
    "  SERVICE_DIR      a folder with service.yaml and *.hub.yaml\n"
    "  --set key=value  overrides a value of service.yaml, e.g. --set listen.port=0\n"
    "  --check          checks the definitions, connects to nothing, exits 0 or 3\n"
    "  --wait SECONDS   how long to try for a store, cache or bus that is away at start (default 30)\n"
    "\n"
    "SIGHUP reloads the definitions, SIGTERM drains and stops, a second SIGTERM stops at once.\n"
    "Exit codes: 0 clean stop, 1 run-time failure, 2 usage, 3 invalid definition, 4 a backend is not there.\n";

struct arguments {
    struct hub_server_options options;
    struct hub_override overrides[MAX_OVERRIDES];
    bool check, log_json;
    enum hub_log_level log_level;
};

static int usage(const char *what, const char *arg) {
    struct hub_buf shown = {0};
    hub_secret_add_url(&shown, hub_cstr(arg));
    fprintf(stderr, "hubd: %s%s%s\n%s", what, arg ? ": " : "", hub_buf_cstr(&shown), usage_text);
    hub_buf_free(&shown);
    return HUB_EXIT_USAGE;
}

static bool take_override(struct arguments *a, char *text) {
    char *eq = strchr(text, '=');
    if (!eq || eq == text || a->options.override_n == MAX_OVERRIDES) return false;
    *eq = 0;
    a->overrides[a->options.override_n++] = (struct hub_override){text, eq + 1};
    return true;
}

/* The value of option NAME at argv[*i]: "--name value" or "--name=value"; NULL when it is another option. */
static char *option(int argc, char **argv, int *i, const char *name) {
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n)) return NULL;
    if (argv[*i][n] == '=') return argv[*i] + n + 1;
    if (argv[*i][n] || *i + 1 >= argc) return NULL;
    return argv[++*i];
}

/* -1 to go on, otherwise the exit code. */
static int parse(int argc, char **argv, struct arguments *a) {
    for (int i = 1; i < argc; i++) {
        char *v;
        uint64_t n;
        const char *given = argv[i];
        if (!strcmp(given, "--help") || !strcmp(given, "-h")) return fputs(usage_text, stdout), HUB_EXIT_OK;
        if (!strcmp(given, "--version")) return puts("hubd " HUB_VERSION), HUB_EXIT_OK;
        if (!strcmp(given, "--check")) {
            a->check = true;
        } else if ((v = option(argc, argv, &i, "--set"))) {
            if (!take_override(a, v)) return usage("--set: expected key=value", v);
        } else if ((v = option(argc, argv, &i, "--log-level"))) {
            if (!hub_log_level_parse(v, &a->log_level))
                return usage("--log-level: expected error, warn, info or debug", v);
        } else if ((v = option(argc, argv, &i, "--log-format"))) {
            if (strcmp(v, "text") && strcmp(v, "json")) return usage("--log-format: expected text or json", v);
            a->log_json = !strcmp(v, "json");
        } else if ((v = option(argc, argv, &i, "--wait"))) {
            if (!hub_str_u64(hub_cstr(v), &n) || n > 86400) return usage("--wait: expected seconds", v);
            a->options.wait_seconds = (int64_t)n;
        } else if (given[0] == '-') {
            return usage("unknown option, or its value is missing", given);
        } else if (a->options.dir) {
            return usage("only one service directory", given);
        } else {
            a->options.dir = given;
        }
    }
    return a->options.dir ? -1 : usage("a service directory is required", NULL);
}

/* Whoever starts hubd without stdin, stdout or stderr would find a socket or a file in their place, and
 * the log in it. */
static void occupy_standard_descriptors(void) {
    int fd;
    do fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) close(fd);
}

static int run(const struct arguments *a) {
    struct hub_service *service = hub_server_load(&a->options);
    if (!service) return HUB_EXIT_INVALID;
    if (!a->check) return hub_server_run(&a->options, service);
    hub_service_free(service);
    return HUB_EXIT_OK;
}

int main(int argc, char **argv) {
    struct arguments a = {.log_level = HUB_LOG_INFO, .options.wait_seconds = 30};
    a.options.overrides = a.overrides;
    int code = parse(argc, argv, &a);
    if (code >= 0) return code;
    hub_log_setup(a.log_level, a.log_json);
    occupy_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* who is gone is found out by writing */
    signal(SIGXFSZ, SIG_IGN); /* and so is a file that must not grow: the store is away then, and comes back */
    hub_log_start();
    code = run(&a);
    hub_log_end(FLUSH_MS);
    return code;
}
