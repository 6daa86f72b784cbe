/* hubctl test: runs the scenarios of a service. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto/random.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "hubctl/hubctl.h"
#include "hubctl/test/report.h"
#include "hubctl/test/watch.h"
#include "scripting/scripts.h"

struct test_options {
    unsigned format; /* enum hub_test_format */
    const char *filter;
    bool watch;
    struct hub_cli_operands paths; /* the service's directory, then scenarios */
};

/* Backends of the process, whatever the definition says; and no file. */
static const struct hub_override backends[] = {
    {"store.url", "sqlite::memory:"}, {"cache.url", "memory:"}, {"bus.url", "memory:"}};

static struct hub_service *load_for_test(const char *dir, struct hub_diags *diags) {
    struct hub_service *service = NULL;
    const struct hub_load_options load = {.overrides = backends,
                                          .override_n = HUB_NELEM(backends),
                                          .checker = &hub_lua_checker,
                                          .ignore_environment = true};
    HUB_UNUSED(hub_service_load(dir, &load, diags, &service), "without a service the reasons are in DIAGS");
    return service;
}

static void print_errors(const struct hub_diags *diags) {
    struct hub_buf text = {0};
    if (hub_diags_count(diags, HUB_SEV_ERROR)) hub_diags_print(diags, HUB_DIAG_TEXT, &text);
    if (text.n) fwrite(text.p, 1, text.n, stderr);
    hub_buf_free(&text);
}

static bool is_wanted(const struct test_options *o, const struct hub_scenario *s) {
    return !o->filter || strstr(s->name, o->filter) || strstr(s->src->name, o->filter);
}

static int run_all(const struct test_options *o, struct hub_service *service, const struct hub_scenarios *all) {
    size_t n = 0, failed = 0;
    struct hub_test_result *results = hub_xcalloc(hub_scenarios_n(all) + 1, sizeof *results);
    struct hub_buf out = {0};
    for (size_t i = 0; i < hub_scenarios_n(all); i++) {
        if (!is_wanted(o, hub_scenarios_at(all, i))) continue;
        hub_test_run(service, hub_scenarios_at(all, i), &results[n]);
        failed += results[n++].failure_n > 0;
    }
    if (n) hub_test_report(results, n, service->dir, o->format, &out);
    if (out.n) fwrite(out.p, 1, out.n, stdout);
    if (!n) fprintf(stderr, "hubctl test: there is no scenario%s\n", o->filter ? " that --filter fits" : "");
    hub_buf_free(&out);
    for (size_t i = 0; i < n; i++) hub_test_result_free(&results[i]);
    free(results);
    return !n ? HUBCTL_USAGE : failed ? HUBCTL_FAILED : HUBCTL_OK;
}

static int test_service(const struct test_options *o) {
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *service = load_for_test(o->paths.items[0], diags);
    struct hub_scenarios *all = NULL;
    int code = HUBCTL_INVALID;
    if (service && !hub_scenarios_load(service, o->paths.items + 1, o->paths.n - 1, NULL, diags, &all))
        code = run_all(o, service, all);
    else
        print_errors(diags);
    hub_scenarios_free(all);
    hub_service_free(service);
    hub_diags_free(diags);
    return code;
}

/* Again whenever a file of the service has changed, until it is interrupted. */
static int test_and_watch(const struct test_options *o) {
    for (;;) {
        int fd = hub_test_watch_begin(o->paths.items[0]); /* before anything is read: nothing is missed */
        HUB_UNUSED(test_service(o), "it has been told, and the next time may be better");
        fflush(stdout);
        if (fd >= 0 && hub_test_watch_wait(fd)) continue;
        fprintf(stderr, "hubctl test: %s cannot be watched: %s\n", o->paths.items[0], strerror(errno));
        return HUBCTL_FAILED;
    }
}

static int run_test(int argc, char **argv) {
    struct test_options o = {0};
    int code = hub_cli_parse(&hubctl_test.cli, argc, argv, &o);
    if (code != HUB_CLI_GO_ON) return code;
    hub_random_repeat(1); /* before anything is drawn once for the process */
    hub_log_setup(HUB_LOG_INFO, true);
    signal(SIGPIPE, SIG_IGN);
    return o.watch ? test_and_watch(&o) : test_service(&o);
}

static const struct hub_cli_option options[] = {
    {.name = "filter",
     .arg = "TEXT",
     .kind = HUB_CLI_TEXT,
     .at = offsetof(struct test_options, filter),
     .help = "only scenarios with this in their name or file"},
    {.name = "format",
     .arg = "text|tap|junit|json", /* in the order of enum hub_test_format */
     .kind = HUB_CLI_CHOICE,
     .at = offsetof(struct test_options, format),
     .help = "the form of the report (default text)"},
    {.name = "watch",
     .kind = HUB_CLI_FLAG,
     .at = offsetof(struct test_options, watch),
     .help = "runs them again whenever a file of the service has changed, until it is interrupted"},
};

const struct hubctl_command hubctl_test = {
    .cli = {.program = "hubctl test",
            .summary = "runs the scenarios of a service, with the engine itself and a clock that is turned",
            HUB_CLI_OPTIONS(options),
            .operand = "SERVICE_DIR [FILE]",
            .question = "which service directory?",
            .many = true,
            .operand_at = offsetof(struct test_options, paths),
            .help =
                "Runs scenarios/**/*.yaml, or each FILE, with store, cache and bus in memory; nothing waits for real "
                "time, and nothing comes from the environment but what ${NAME} in the definition asks for.\n"
                "Exit codes: 0 all passed, 1 one failed, 2 usage or no scenario, 3 the definition or a scenario does "
                "not load.\n"},
    .run = run_test,
};
