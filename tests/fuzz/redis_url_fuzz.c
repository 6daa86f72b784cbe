/* URLs of a Redis cache. What is taken has a host and numbers within their bounds; what is refused leaves
 * nothing behind. */
#include <stdlib.h>

#include "adapters/redis/redis_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = hub_str_dup(hub_str((const char *)data, size));
    struct hub_redis_url u;
    struct hub_err err = {0};
    if (hub_redis_url_parse(text, &u, &err)) {
        if (!*err.text || u.host || u.user || u.password) abort();
    } else {
        if (!u.host || !*u.host || u.port < 1 || u.port > 65535 || u.db < 0 || u.db > 65535) abort();
        if (u.timeout_ms < 50 || u.timeout_ms > 60000) abort();
        hub_redis_url_free(&u);
    }
    free(text);
    return 0;
}
