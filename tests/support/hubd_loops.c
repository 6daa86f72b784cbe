/* hubd with HUB_TEST_LOOPS loops, whatever listen.threads says: hub_server_load of engine/main.c. */
#include <stdlib.h>

#include "server/server.h"

#undef hub_server_load
struct hub_service *hub_server_load(const struct hub_server_options *options);

struct hub_service *test_server_load(const struct hub_server_options *options) {
    struct hub_service *service = hub_server_load(options);
    const char *loops = getenv("HUB_TEST_LOOPS");
    if (service && loops) service->threads = atoi(loops);
    return service;
}
