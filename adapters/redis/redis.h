/* The cache on a Redis server (5 or later), by hiredis on the engine's loop:
 * redis://[user[:password]@]host[:port][/db][?timeoutMs=1000], or on a Unix socket:
 * redis+unix://[user[:password]@]/path[?db=0&timeoutMs=1000].
 *
 * User, password and path may be percent-encoded; an IPv6 address stands in brackets. timeoutMs, 50 to
 * 60000, is how long an answer may take before the connection is given up and made anew. Scripts must not
 * call what blocks or changes the connection, which everybody shares; replies that are not UTF-8 are
 * refused. */
#ifndef HUB_ADAPTERS_REDIS_H
#define HUB_ADAPTERS_REDIS_H
#include "persist/cache.h"

extern const struct hub_cache_ops hub_redis_cache_ops;
#endif
