/* hubctl why: the join decision for a user and a room, layer by layer, with the values that decided it. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "hubctl/hubctl.h"
#include "server.h"

struct question {
    const char *dir, *claims_text;
    struct hub_server_question ask;
    json_t *claims;
};

static int parse(int argc, char **argv, struct question *q) {
    const struct {
        const char *name, **value;
    } options[] = {{"--hub", &q->ask.hub},
                   {"--room", &q->ask.room},
                   {"--user", &q->ask.user},
                   {"--role", &q->ask.role},
                   {"--claims", &q->claims_text}};
    for (int i = 1; i < argc; i++) {
        const char **value = NULL;
        for (size_t k = 0; k < HUB_NELEM(options); k++)
            if (!strcmp(argv[i], options[k].name)) value = options[k].value;
        if (value) {
            if (i + 1 == argc) return hubctl_usage(&hubctl_why, "%s wants a value", argv[i]);
            *value = argv[++i];
        } else if (argv[i][0] == '-' || q->dir) {
            return hubctl_usage(&hubctl_why, "what is %s?", argv[i]);
        } else {
            q->dir = argv[i];
        }
    }
    if (!q->dir || !q->ask.hub || !q->ask.room || !q->ask.user)
        return hubctl_usage(&hubctl_why, "a service directory, --hub, --room and --user are needed");
    if (!q->claims_text) return HUBCTL_OK;
    struct hub_err err;
    q->claims = hub_json_parse(hub_cstr(q->claims_text), &err);
    if (!q->claims) return hubctl_usage(&hubctl_why, "--claims: %s", err.text);
    if (!json_is_object(q->claims)) return hubctl_usage(&hubctl_why, "--claims wants a JSON object, as a token has it");
    q->ask.claims = q->claims;
    return HUBCTL_OK;
}

static int run(int argc, char **argv) {
    struct question q = {0};
    int code = parse(argc, argv, &q);
    if (code) {
        json_decref(q.claims);
        return code;
    }
    hub_log_setup(HUB_LOG_ERROR, false);
    const struct hub_server_options options = {.dir = q.dir};
    struct hub_service *service = hub_server_load(&options);
    code = service ? hub_server_why(&options, service, &q.ask) : HUBCTL_FAILED;
    json_decref(q.claims);
    return code;
}

const struct hubctl_command hubctl_why = {
    .name = "why",
    .usage = "SERVICE_DIR --hub H --room R --user U [--role X] [--claims JSON]",
    .summary = "why somebody may enter a room, or not",
    .help = "Decides as a join would, past the cache, and prints each layer with the values that decided it, also "
            "those that let pass. Reads the\n"
            "service's store. --claims are the token's, as far as hooks and scripts ask for more than user and role; "
            "--user and --role go\n"
            "before them. The authenticate hook runs, a stored session (auth.session) is not looked up.\n"
            "Exit code 0: admitted, 1: refused, 2: usage, 4: the store is not there.\n",
    .run = run,
};
