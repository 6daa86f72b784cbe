/* URLs of a Redis cache. What is taken has a host and numbers within their bounds; what is refused leaves
 * nothing behind. */
#include <stdlib.h>

#include "adapters/redis/redis_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = hub_str_dup(hub_str((const char *)data, size));
    struct hub_redis_url u;
    struct hub_err err = {0};
    if (hub_redis_url_parse(text, &u, &err)) {
        if (!*err.text || u.place_n || u.user || u.password) abort();
    } else {
        if (!u.place_n || u.place_n > 16 || (u.place_n > 1 && !u.master) || u.db < 0 || u.db > 65535) abort();
        for (size_t i = 0; i < u.place_n; i++)
            if (!*u.places[i].host || u.places[i].port < 1 || u.places[i].port > 65535) abort();
        if (u.timeout_ms < 50 || u.timeout_ms > 60000) abort();
        hub_redis_url_free(&u);
    }
    free(text);
    return 0;
}
