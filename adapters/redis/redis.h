/* The cache on a Redis server (5 or later), by hiredis on the engine's loop:
 * redis://[user[:password]@]host[:port][/db][?timeoutMs=1000], or on a Unix socket:
 * redis+unix://[user[:password]@]/path[?db=0&timeoutMs=1000].
 *
 * rediss:// is the first one by TLS, with ?cacert=/path (the system's authorities otherwise), servername=name
 * (the host's otherwise), cert=/path&key=/path of a certificate of our own, and insecure=true, which looks
 * at no certificate. redis+sentinel://[user[:password]@]host[:port][,host[:port]]/master-name[/db] is the
 * server that those sentinels call the master, with ?sentinelUser= and sentinelPassword= for them; and
 * rediss+sentinel:// is that by TLS, sentinels and servers.
 *
 * User, password, path and options may be percent-encoded; an IPv6 address stands in brackets. timeoutMs, 50
 * to 60000, is how long an answer may take before the connection is given up and made anew. Scripts must not
 * call what blocks or changes the connection, which everybody shares; replies that are not UTF-8 are
 * refused. */
#ifndef HUB_ADAPTERS_REDIS_H
#define HUB_ADAPTERS_REDIS_H
#include "persist/cache.h"

extern const struct hub_cache_ops hub_redis_cache_ops;
#endif
