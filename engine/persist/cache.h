/* The table every cache adapter fills: short-lived values that may vanish at any time. Called on the loop thread; callbacks come on
 * the loop thread, possibly before the call returns. */
#ifndef HUB_PERSIST_CACHE_H
#define HUB_PERSIST_CACHE_H
#include "base/code.h"
#include "base/json.h"
#include "loop/loop.h"

struct hub_cache;
/* VALUE.p is NULL when the key is absent; borrowed. */
typedef void hub_cache_get_cb(void *arg, enum hub_code code, struct hub_str value);
/* A reply of the Redis protocol as JSON (bulk strings as strings, nil as null); borrowed. */
typedef void hub_cache_call_cb(void *arg, enum hub_code code, json_t *reply, const char *error);

struct hub_cache_ops {
    const char *scheme; /* "memory" */
    const char *help;
    enum hub_code (*open)(struct hub_loop *loop, const char *url, struct hub_cache **out, struct hub_err *err);
    void (*get)(struct hub_cache *c, struct hub_str key, hub_cache_get_cb *cb, void *arg);
    void (*set)(struct hub_cache *c, struct hub_str key, struct hub_str value, int64_t ttl_ms); /* 0 = no expiry */
    void (*del)(struct hub_cache *c, struct hub_str key);
    /* Drops every key that starts with PREFIX. */
    void (*del_prefix)(struct hub_cache *c, struct hub_str prefix);
    /* Scripts' redis.call: ARGS is an array of strings, the command first. The memory cache knows get set del incr incrby decr expire ttl
     * exists hget hset hdel hgetall hincrby sadd srem smembers sismember lpush rpush lpop rpop lrange llen. */
    void (*call)(struct hub_cache *c, const json_t *args, hub_cache_call_cb *cb, void *arg);
    bool (*ready)(const struct hub_cache *c, struct hub_buf *why_not);
    void (*close)(struct hub_cache *c);
};
struct hub_cache {
    const struct hub_cache_ops *ops;
};
#endif
