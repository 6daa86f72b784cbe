/* The cache's table on a Redis server. */
#include "adapters/redis/redis.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapters/redis/redis_int.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"

#define NAME_MAX_BYTES 100
#define ARGS_MAX 1024
#define SLOTS_MAX 2048 /* entries of one window: beyond this limit one stands for several messages */

struct cache {
    struct hub_cache base; /* first member */
    struct hub_redis_url url;
    char name[NAME_MAX_BYTES];
    struct hub_redis_link *link;
    struct hub_redis_watches *watches;
    bool was_up, loading;
    char take_sha[48]; /* of the script that counts; empty: the server does not know it */
};

/* A command under way, and whom to tell. */
struct request {
    struct hub_histogram *latency;
    struct cache *cache; /* of a take */
    uint64_t asked;      /* ns */
    size_t n;            /* keys of a get */
    union {
        hub_cache_get_cb *get;
        hub_cache_done *done;
        hub_cache_take_cb *take;
        hub_cache_call_cb *call;
    } cb;
    void *arg;
};

#define LATENCY(OP) HUB_HISTOGRAM("hubd_cache_latency_seconds", "op=\"" OP "\"", "Time until the cache's answer")
static struct hub_histogram get_latency = LATENCY("get"), set_latency = LATENCY("set"), take_latency = LATENCY("take"),
                            call_latency = LATENCY("call");
static struct hub_metric errors_metric =
    HUB_METRIC(HUB_COUNTER, "hubd_cache_errors_total", NULL, "Requests to the cache without an answer, or with an error");
static struct hub_metric reconnects_metric = HUB_METRIC(HUB_COUNTER, "hubd_cache_reconnects_total", NULL, "Connections to the cache made anew");

static struct cache *cache_of(const struct hub_cache *c) { return HUB_CONTAINER(c, struct cache, base); }

static struct request *request_new(struct hub_histogram *latency, void *arg) {
    struct request *q = hub_xcalloc(1, sizeof *q);
    *q = (struct request){.latency = latency, .asked = hub_mono_ns(), .arg = arg};
    return q;
}

/* Counts the answer; false when there is none to use. */
static bool usable(const struct request *q, const redisReply *r, int type) {
    if (r) hub_histogram_add(q->latency, hub_mono_ns() - q->asked);
    if (r && r->type == type) return true;
    hub_metric_add(&errors_metric, 1);
    return false;
}

/* ---- get, set, swap ---- */

static void on_get(void *arg, const redisReply *r) {
    struct request *q = arg;
    struct hub_str values[HUB_CACHE_KEYS_MAX] = {{0}};
    bool good = usable(q, r, REDIS_REPLY_ARRAY) && r->elements == q->n;
    for (size_t i = 0; good && i < q->n; i++)
        if (r->element[i]->type == REDIS_REPLY_STRING) values[i] = hub_str(r->element[i]->str, r->element[i]->len);
    q->cb.get(q->arg, good ? HUB_OK : HUB_STORE_UNAVAILABLE, good ? values : NULL);
    free(q);
}

static void cache_get(struct hub_cache *base, const struct hub_str *keys, size_t n, hub_cache_get_cb *cb, void *arg) {
    struct hub_str v[HUB_CACHE_KEYS_MAX + 1] = {HUB_STR("MGET")};
    struct request *q = request_new(&get_latency, arg);
    q->cb.get = cb;
    q->n = n;
    for (size_t i = 0; i < n; i++) v[i + 1] = keys[i];
    if (!hub_redis_send(cache_of(base)->link, v, n + 1, on_get, q)) on_get(q, NULL);
}

static void on_done(void *arg, const redisReply *r) {
    struct request *q = arg;
    bool good = usable(q, r, r && r->type == REDIS_REPLY_INTEGER ? REDIS_REPLY_INTEGER : REDIS_REPLY_STATUS);
    if (q->cb.done) q->cb.done(q->arg, good ? HUB_OK : HUB_STORE_UNAVAILABLE);
    free(q);
}

static void cache_set(struct hub_cache *base, struct hub_str key, struct hub_str value, int64_t ttl_ms, hub_cache_done *cb, void *arg) {
    char ttl[24];
    struct request *q = request_new(&set_latency, arg);
    q->cb.done = cb;
    snprintf(ttl, sizeof ttl, "%lld", (long long)ttl_ms);
    const struct hub_str v[] = {HUB_STR("SET"), key, value, HUB_STR("PX"), hub_cstr(ttl)};
    if (!hub_redis_send(cache_of(base)->link, v, ttl_ms ? 5 : 3, on_done, q)) on_done(q, NULL);
}

static void cache_swap(struct hub_cache *base, struct hub_str key, struct hub_str was, struct hub_str value, int64_t ttl_ms) {
    static const char script[] = "if (redis.call('GET',KEYS[1]) or '')==ARGV[1] then redis.call('SET',KEYS[1],ARGV[2],'PX',ARGV[3]) end return 0";
    char ttl[24];
    struct request *q = request_new(&set_latency, NULL);
    snprintf(ttl, sizeof ttl, "%lld", (long long)ttl_ms);
    const struct hub_str v[] = {HUB_STR("EVAL"), hub_str(script, sizeof script - 1), HUB_STR("1"), key, was, value, hub_cstr(ttl)};
    if (!hub_redis_send(cache_of(base)->link, v, HUB_NELEM(v), on_done, q)) on_done(q, NULL);
}

/* ---- take ---- */

/* A list of times by the server's clock, oldest first; with limits over SLOTS_MAX an entry "time:n" stands for n messages and has the time of the
 * last one. Answers 0, or how long the oldest entry still counts. */
static const char take_script[] = "local k,limit,window,per,call=KEYS[1],tonumber(ARGV[1]),tonumber(ARGV[2]),tonumber(ARGV[3]),redis.call "
                                  "local t=call('TIME') local now=t[1]*1000+math.floor(t[2]/1000) "
                                  "local at=call('LINDEX',k,0) "
                                  "while at do "
                                  "at=tonumber(string.match(at,'^%d+')) if at>now-window and at<=now+window then break end "
                                  "call('LPOP',k) at=call('LINDEX',k,0) end "
                                  "local n,last=0,1 "
                                  "if at then n=call('LLEN',k) "
                                  "if per>1 then last=tonumber(string.match(call('LINDEX',k,-1),':(%d+)$')) or 1 end "
                                  "if (n-1)*per+last>=limit then return math.max(1,at+window-now) end end "
                                  "if n>0 and last<per then call('LSET',k,-1,now..':'..(last+1)) "
                                  "else call('RPUSH',k,per>1 and now..':1' or now) end "
                                  "call('PEXPIRE',k,window) return 0";

static void on_loaded(void *arg, const redisReply *r) {
    struct cache *c = arg;
    c->loading = false;
    if (r && r->type == REDIS_REPLY_STRING && r->len < sizeof c->take_sha) snprintf(c->take_sha, sizeof c->take_sha, "%.*s", (int)r->len, r->str);
}

/* Until the server knows the script, and where it must not be told, the whole text goes with every question. */
static void load_script(struct cache *c) {
    const struct hub_str v[] = {HUB_STR("SCRIPT"), HUB_STR("LOAD"), hub_str(take_script, sizeof take_script - 1)};
    c->take_sha[0] = 0;
    if (!c->loading) c->loading = hub_redis_send(c->link, v, HUB_NELEM(v), on_loaded, c);
}

/* A server that has forgotten the script (SCRIPT FLUSH) has not counted: that is as if it had been away, for what was under way. */
static void on_take(void *arg, const redisReply *r) {
    struct request *q = arg;
    bool good = usable(q, r, REDIS_REPLY_INTEGER);
    if (r && r->type == REDIS_REPLY_ERROR && hub_str_starts(hub_str(r->str, r->len), HUB_STR("NOSCRIPT"))) load_script(q->cache);
    q->cb.take(q->arg, good ? HUB_OK : HUB_STORE_UNAVAILABLE, good ? r->integer : 0);
    free(q);
}

static void cache_take(struct hub_cache *base, struct hub_str key, int64_t limit, int64_t window_ms, hub_cache_take_cb *cb, void *arg) {
    struct cache *c = cache_of(base);
    char numbers[3][24];
    int64_t slots = limit < SLOTS_MAX ? limit : SLOTS_MAX;
    struct request *q = request_new(&take_latency, arg);
    bool known = c->take_sha[0];
    q->cb.take = cb;
    q->cache = c;
    snprintf(numbers[0], sizeof numbers[0], "%lld", (long long)limit);
    snprintf(numbers[1], sizeof numbers[1], "%lld", (long long)window_ms);
    snprintf(numbers[2], sizeof numbers[2], "%lld", (long long)((limit + slots - 1) / slots));
    const struct hub_str v[] = {known ? HUB_STR("EVALSHA") : HUB_STR("EVAL"),
                                known ? hub_cstr(c->take_sha) : hub_str(take_script, sizeof take_script - 1),
                                HUB_STR("1"),
                                key,
                                hub_cstr(numbers[0]),
                                hub_cstr(numbers[1]),
                                hub_cstr(numbers[2])};
    if (!hub_redis_send(c->link, v, HUB_NELEM(v), on_take, q)) on_take(q, NULL);
}

/* ---- scripts' commands ---- */

/* The server is there, but not ready to be asked. */
static bool server_away(const redisReply *r) {
    struct hub_str text = hub_str(r->str, r->len);
    return r->type == REDIS_REPLY_ERROR && (hub_str_starts(text, HUB_STR("LOADING")) || hub_str_starts(text, HUB_STR("MASTERDOWN")) ||
                                            hub_str_starts(text, HUB_STR("BUSY")) || hub_str_starts(text, HUB_STR("CLUSTERDOWN")));
}

static void on_call(void *arg, const redisReply *r) {
    struct request *q = arg;
    struct hub_err err;
    json_t *reply = NULL;
    if (!usable(q, r, r && r->type != REDIS_REPLY_ERROR ? r->type : REDIS_REPLY_NIL) && !r)
        hub_fail(&err, HUB_STORE_UNAVAILABLE, "the cache is not available; the command may have been carried out or not");
    else
        reply = hub_redis_reply_json(r, &err);
    if (r && server_away(r)) err.code = HUB_STORE_UNAVAILABLE;
    q->cb.call(q->arg, reply ? HUB_OK : err.code, reply, reply ? NULL : err.text);
    json_decref(reply);
    free(q);
}

/* Arguments as views; numbers are printed into TEXT. What is wrong, or NULL. */
static const char *collect(const json_t *args, struct hub_str *v, struct hub_buf *text) {
    size_t n = json_array_size(args);
    hub_buf_reserve(text, n * 32); /* no number is longer, so views into it stay */
    for (size_t i = 0; i < n; i++) {
        const json_t *a = json_array_get(args, i);
        size_t from = text->n;
        if (json_is_number(a)) hub_json_add(text, a);
        v[i] = json_is_string(a) ? hub_json_str(a) : hub_str(text->p + from, text->n - from);
        if (!json_is_string(a) && !json_is_number(a)) return "ERR arguments must be strings or numbers";
    }
    return v[0].n ? NULL : "ERR the command is empty";
}

static void refuse(hub_cache_call_cb *cb, void *arg, struct hub_str command, const char *why) {
    char text[240];
    snprintf(text, sizeof text, "ERR %.*s cannot be called from a script: %s", command.n < 32 ? (int)command.n : 32, command.p, why);
    cb(arg, HUB_BAD_REQUEST, NULL, text);
}

static void cache_call(struct hub_cache *base, const json_t *args, hub_cache_call_cb *cb, void *arg) {
    size_t n = json_array_size(args);
    if (!n || n > ARGS_MAX) {
        cb(arg, HUB_BAD_REQUEST, NULL, "ERR a command needs 1 to 1024 arguments");
        return;
    }
    struct hub_str *v = hub_xcalloc(n, sizeof *v);
    struct hub_buf text = {0};
    const char *wrong = collect(args, v, &text), *refused = wrong ? NULL : hub_redis_refused(args);
    if (wrong) {
        cb(arg, HUB_BAD_REQUEST, NULL, wrong);
    } else if (refused) {
        refuse(cb, arg, v[0], refused);
    } else {
        struct request *q = request_new(&call_latency, arg);
        q->cb.call = cb;
        if (!hub_redis_send(cache_of(base)->link, v, n, on_call, q)) on_call(q, NULL);
    }
    free(v);
    hub_buf_free(&text);
}

/* ---- watches ---- */

static struct hub_cache_watch *cache_watch(struct hub_cache *base, struct hub_str key, hub_cache_gone_cb *cb, void *arg) {
    return hub_redis_watch(cache_of(base)->watches, key, cb, arg);
}

/* ---- life ---- */

static void on_up(void *arg) {
    struct cache *c = arg;
    hub_metric_add(&reconnects_metric, c->was_up);
    c->was_up = true;
    load_script(c);
    hub_redis_watches_wake(c->watches);
}

static void on_down(void *arg) { (void)arg; }

static enum hub_code cache_open(const struct hub_cache_config *config, struct hub_cache **out, struct hub_err *err) {
    struct hub_redis_url url;
    enum hub_code code = hub_redis_url_parse(config->url, &url, err);
    if (code) return code;
    struct cache *c = hub_xcalloc(1, sizeof *c);
    c->base.ops = &hub_redis_cache_ops;
    c->url = url;
    snprintf(c->name, sizeof c->name, "hubd-%s", config->name);
    const struct hub_redis_link_config link = {.loop = config->loop, .url = &c->url, .name = c->name, .up = on_up, .down = on_down, .arg = c};
    c->link = hub_redis_link_new(&link);
    const struct hub_redis_watches_config watches = {.loop = config->loop, .url = &c->url, .name = c->name, .main = c->link};
    c->watches = hub_redis_watches_new(&watches);
    *out = &c->base;
    return HUB_OK;
}

static bool cache_ready(const struct hub_cache *base, struct hub_buf *why_not) {
    const struct cache *c = cache_of(base);
    if (why_not) hub_buf_addz(why_not, hub_redis_link_why(c->link));
    return hub_redis_link_up(c->link);
}

static void cache_stop(struct hub_cache *base) {
    struct cache *c = cache_of(base);
    hub_redis_watches_stop(c->watches);
    hub_redis_link_stop(c->link);
}

static void cache_close(struct hub_cache *base) {
    struct cache *c = cache_of(base);
    cache_stop(base);
    hub_redis_link_delete(c->link);
    hub_redis_watches_delete(c->watches);
    hub_redis_url_free(&c->url);
    free(c);
}

const struct hub_cache_ops hub_redis_cache_ops = {
    .scheme = "redis",
    .help = "redis://[user[:password]@]host[:port][/db] - a Redis server",
    .open = cache_open,
    .get = cache_get,
    .set = cache_set,
    .swap = cache_swap,
    .take = cache_take,
    .watch = cache_watch,
    .unwatch = hub_redis_unwatch,
    .call = cache_call,
    .ready = cache_ready,
    .stop = cache_stop,
    .close = cache_close,
};
