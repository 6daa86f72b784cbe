/* hubctl why: the join decision for a user and a room, layer by layer, with the values that decided it. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "hubctl/hubctl.h"
#include "server.h"

struct question {
    const char *dir, *hub, *room, *user, *role;
};

static int parse(int argc, char **argv, struct question *q) {
    const struct { const char *name, **value; } options[] = {{"--hub", &q->hub}, {"--room", &q->room}, {"--user", &q->user}, {"--role", &q->role}};
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
    if (!q->dir || !q->hub || !q->room || !q->user) return hubctl_usage(&hubctl_why, "a service directory, --hub, --room and --user are needed");
    return HUBCTL_OK;
}

static int run(int argc, char **argv) {
    struct question q = {0};
    int code = parse(argc, argv, &q);
    if (code) return code;
    hub_log_setup(HUB_LOG_ERROR, false);
    const struct hub_server_options options = {.dir = q.dir};
    struct hub_service *service = hub_server_load(&options);
    return service ? hub_server_why(&options, service, q.hub, q.room, q.user, q.role) : HUBCTL_FAILED;
}

const struct hubctl_command hubctl_why = {
    .name = "why",
    .usage = "SERVICE_DIR --hub H --room R --user U [--role X]",
    .summary = "why somebody may enter a room, or not",
    .help = "Decides as a join would, past the cache, and prints each layer with the record or value that decided it. Reads the service's\n"
            "store. --role is the session's roleId. Exit code 0: admitted, 1: refused, 2: usage, 4: the store is not there.\n",
    .run = run,
};
