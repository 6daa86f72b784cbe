/* One hubd process: everything wired together, from definitions to a listening socket, and taken apart again. */
#ifndef HUB_SERVER_H
#define HUB_SERVER_H
#include "schema/load.h"

struct hub_server_options {
    const char *dir;
    const struct hub_override *overrides;
    size_t override_n;
    int64_t wait_seconds; /* how long to try for a backend that is away at start */
};

/* Exit codes (contract: cli.md). */
enum { HUB_EXIT_OK = 0, HUB_EXIT_FAILED = 1, HUB_EXIT_USAGE = 2, HUB_EXIT_INVALID = 3, HUB_EXIT_BACKEND = 4 };

/* Loads and checks the definitions; prints every finding on stderr. */
struct hub_service *hub_server_load(const struct hub_server_options *options);
/* Serves until told to stop by SIGTERM or SIGINT; returns the exit code. Takes SERVICE. */
int hub_server_run(const struct hub_server_options *options, struct hub_service *service);

/* hubctl why: the join decision for USER_ID (with ROLE_ID, NULL = none) in a room, layer by layer, on stdout. Reads the store, changes nothing.
 * Returns 0 admitted, 1 refused, or an exit code of above. Takes SERVICE. */
int hub_server_why(const struct hub_server_options *options, struct hub_service *service, const char *hub, const char *room, const char *user_id,
                   const char *role_id);
#endif
