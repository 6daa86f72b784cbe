/* The table every cache adapter fills: short-lived values that may vanish at any time. Called on the loop
 * thread, never blocking; every callback comes exactly once, on the loop thread, possibly before the call
 * returns. Each loop of a process has a handle of its own (struct hub_cache), whose functions are called on
 * the thread of that loop, and whose callbacks come there: the first one what open gave, any other what
 * attach gave. What one loop sets all of them see. A cache that is away answers at once, one that gives no
 * answer for a bounded time (Redis: one second by default): both with HUB_STORE_UNAVAILABLE, and what was
 * asked of it may have happened or not. Answers of one cache come in the order in which it was asked. */
#ifndef HUB_PERSIST_CACHE_H
#define HUB_PERSIST_CACHE_H
#include "base/error/code.h"
#include "base/json/json.h"
#include "loop/loop.h"

#define HUB_CACHE_KEYS_MAX 4

struct hub_cache;
/* VALUES in the order of the keys, borrowed; p is NULL where the key is absent. NULL on failure. */
typedef void hub_cache_get_cb(void *arg, enum hub_code code, const struct hub_str *values);
typedef void hub_cache_done(void *arg, enum hub_code code);
/* A reply of the Redis protocol as JSON (bulk strings as strings, nil as null); borrowed. */
typedef void hub_cache_call_cb(void *arg, enum hub_code code, json_t *reply, const char *error);
/* WAIT_MS is 0 when the place was taken, else the time until there is one again. */
typedef void hub_cache_take_cb(void *arg, enum hub_code code, int64_t wait_ms);
/* The watched key is gone: deleted, expired or evicted. The watch ends with it and must not be ended by
 * unwatch. */
typedef void hub_cache_gone_cb(void *arg);
/* What both sides know of a watch; the first member of the adapter's own struct, which is made by watch and
 * freed with the end of the key, or by unwatch. */
struct hub_cache_watch {
    hub_cache_gone_cb *cb;
    void *arg;
};

/* What somebody has published on a channel, this process included. Borrowed. */
typedef void hub_cache_message_cb(void *arg, struct hub_str message);
/* As struct hub_cache_watch; ended by unlisten. */
struct hub_cache_listener {
    hub_cache_message_cb *cb;
    void *arg;
};

struct hub_cache_config {
    struct hub_loop *loop;
    int64_t loops; /* handles that there will be, with the first; 0: one */
    const char *url;
    const char *name; /* of the service, for the server's list of clients and for channels of its own; copied */
};

struct hub_cache_ops {
    const char *scheme; /* "memory"; several are parted by commas */
    const char *help;
    /* HUB_BAD_REQUEST: open would not take CONFIG. Connects to nothing. */
    enum hub_code (*check)(const struct hub_cache_config *config, struct hub_err *err);
    /* Takes the URL apart and begins to connect: HUB_OK also when nobody is there yet (ready tells).
     * HUB_BAD_REQUEST: the URL is no good. */
    enum hub_code (*open)(const struct hub_cache_config *config, struct hub_cache **out, struct hub_err *err);
    /* A handle for another loop of the process, that of CONFIG, which does not run yet; CONFIG is otherwise
     * what C was opened with. On the thread of C, what open gave. */
    enum hub_code (*attach)(struct hub_cache *c, const struct hub_cache_config *config, struct hub_cache **out,
                            struct hub_err *err);
    /* The values of N keys, at most HUB_CACHE_KEYS_MAX, as they are at one moment. */
    void (*get)(struct hub_cache *c, const struct hub_str *keys, size_t n, hub_cache_get_cb *cb, void *arg);
    /* CB may be NULL. TTL in ms; 0 = without end. */
    void (*set)(struct hub_cache *c, struct hub_str key, struct hub_str value, int64_t ttl_ms, hub_cache_done *cb,
                void *arg);
    /* Sets the key if it still holds WAS (empty: if it is absent); nobody hears whether it did. */
    void (*swap)(struct hub_cache *c, struct hub_str key, struct hub_str was, struct hub_str value, int64_t ttl_ms);
    /* Takes one of LIMIT places in the sliding window of the last WINDOW_MS under KEY, for all processes
     * together. NULL: the cache is that of one loop, where the engine counts by itself. */
    void (*take)(struct hub_cache *c, struct hub_str key, int64_t limit, int64_t window_ms, hub_cache_take_cb *cb,
                 void *arg);
    /* Gives back the place under KEY that was taken last; nobody hears whether there was one. NULL where
     * take is. */
    void (*give)(struct hub_cache *c, struct hub_str key, int64_t window_ms);
    /* Tells once when the key is gone, in a later turn: at once where the cache says so by itself, else
     * within 30 s. While the cache is away nothing is gone. A key that is absent from the beginning is
     * gone. */
    struct hub_cache_watch *(*watch)(struct hub_cache *c, struct hub_str key, hub_cache_gone_cb *cb, void *arg);
    void (*unwatch)(struct hub_cache_watch *w);
    /* CB is told what is published on CHANNEL of the server, from soon on, also after a connection was
     * lost and made again; what was published meanwhile does not come. One listener for a channel. NULL,
     * as unlisten: there are no channels, for the cache lives in this process. */
    struct hub_cache_listener *(*listen)(struct hub_cache *c, struct hub_str channel, hub_cache_message_cb *cb,
                                         void *arg);
    void (*unlisten)(struct hub_cache_listener *l);
    /* Scripts' redis.call: ARGS is an array of strings, the command first. HUB_BAD_REQUEST: the command
     * was refused, ERROR says why. The memory cache knows get set del incr incrby decr expire ttl exists
     * hget hset hdel hgetall hincrby sadd srem smembers sismember lpush rpush lpop rpop lrange llen. */
    void (*call)(struct hub_cache *c, const json_t *args, hub_cache_call_cb *cb, void *arg);
    bool (*ready)(const struct hub_cache *c, struct hub_buf *why_not); /* WHY_NOT may be NULL */
    /* Answers what is still open with HUB_STORE_UNAVAILABLE; from now on everything is answered so, at
     * once. */
    void (*stop)(struct hub_cache *c);
    /* Nothing may be open (stop sees to that), and nobody watching or listening. The handle that open gave is
     * closed last, when no other loop runs any more. */
    void (*close)(struct hub_cache *c);
};
struct hub_cache {
    const struct hub_cache_ops *ops;
};
#endif
