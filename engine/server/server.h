/* One hubd process: everything wired together, from definitions to a listening socket, and taken apart
 * again. */
#ifndef HUB_SERVER_H
#define HUB_SERVER_H
#include "base/json/json.h"
#include "schema/load.h"

struct hub_server_options {
    const char *dir;
    const struct hub_override *overrides;
    size_t override_n;
    const char *token;    /* hub_server_check_token */
    int64_t wait_seconds; /* how long to try for a backend that is away at start */
};

/* Exit codes (contract: cli.md). */
enum { HUB_EXIT_OK = 0, HUB_EXIT_FAILED = 1, HUB_EXIT_USAGE = 2, HUB_EXIT_INVALID = 3, HUB_EXIT_BACKEND = 4 };

/* Loads and checks the definitions; prints every finding on stderr. */
struct hub_service *hub_server_load(const struct hub_server_options *options);
/* Serves until told to stop by SIGTERM or SIGINT; returns the exit code. Takes SERVICE. */
int hub_server_run(const struct hub_server_options *options, struct hub_service *service);

/* hubctl why: who asks to enter which room. */
struct hub_server_question {
    const char *hub, *room, *user, *role; /* ROLE NULL: as the claims say, or none */
    const json_t *claims;                 /* of a token, an object; NULL: none but user and role */
};
/* The join decision, layer by layer, on stdout. Reads the store and runs the service's hooks. Returns 0
 * admitted, 1 refused, or an exit code of above. Takes SERVICE. */
int hub_server_why(const struct hub_server_options *options, struct hub_service *service,
                   const struct hub_server_question *q);

/* hubctl token --check: what the service would say of options->token, and why, on stdout. Asks the cache
 * where there is auth.session, fetches keys where there is auth.jwt.jwksUrl, opens the store for an
 * authenticate hook. Returns 0 accepted, 1 refused, or an exit code of above. Takes SERVICE. */
int hub_server_check_token(const struct hub_server_options *options, struct hub_service *service);
#endif
