/* The cache's table on a Redis server. */
#include "adapters/redis/redis.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapters/redis/redis_int.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"
#include "base/text/utf8.h"
#include "base/time/clock.h"

#define NAME_MAX_BYTES 100
#define ARGS_MAX 1024
#define SLOTS_MAX 2048 /* entries of one window: beyond this limit one stands for several messages */
#define PROBE_MS 2000  /* between two questions to a server that refuses */
#define PROBES_READONLY 15

/* What a server may refuse by itself: by its rights (ACL), for lack of memory, as a replica. */
enum redis_request_kind { READING, WRITING, SCRIPTED, WATCHING, FOREIGN /* of scripts, which are told */ };

struct redis_cache {
    struct hub_cache base; /* first member */
    struct hub_loop *loop;
    struct hub_redis_url url;
    SSL_CTX *tls;                        /* NULL without TLS */
    struct hub_redis_sentinel *sentinel; /* NULL where the URL names the server itself */
    char name[NAME_MAX_BYTES];
    struct hub_redis_link *link;
    struct hub_redis_watches *watches;
    struct hub_redis_channels *channels;
    bool was_up, loading;
    char take_sha[48]; /* of the script that counts; empty: the server does not know it */
    /* A refusal, until the same kind of command is carried out on that key, or one beside it. */
    char refusal[240]; /* for people; empty: none */
    enum redis_request_kind refused;
    struct hub_buf refused_key;
    struct hub_timer probe;
    unsigned probes;
};

/* A command under way, and whom to tell. */
struct redis_request {
    struct hub_histogram *latency;
    struct redis_cache *cache;
    enum redis_request_kind kind;
    uint64_t asked; /* ns */
    size_t n;       /* keys of a get */
    union {
        hub_cache_get_cb *get;
        hub_cache_done *done;
        hub_cache_take_cb *take;
        hub_cache_call_cb *call;
    } cb;
    void *arg;
    size_t key_n;
    char key[]; /* the first one; none of a FOREIGN */
};

#define LATENCY(OP) HUB_HISTOGRAM("hubd_cache_latency_seconds", "op=\"" OP "\"", "Time until the cache's answer")
static struct hub_histogram get_latency = LATENCY("get"), set_latency = LATENCY("set"), take_latency = LATENCY("take"),
                            call_latency = LATENCY("call");
static struct hub_metric errors_metric =
    HUB_METRIC(HUB_COUNTER, "hubd_cache_errors_total", NULL, "Requests to the cache that failed or timed out");
static struct hub_metric reconnects_metric = HUB_METRIC(
    HUB_COUNTER, "hubd_cache_reconnects_total", NULL, "Connections to the cache that were lost and established again");

static struct redis_cache *cache_of(const struct hub_cache *c) { return HUB_CONTAINER(c, struct redis_cache, base); }

static HUB_MUST struct redis_request *request_new(struct redis_cache *c, enum redis_request_kind kind,
                                                  struct hub_histogram *latency, struct hub_str key, void *arg) {
    struct redis_request *q = hub_xmalloc(sizeof *q + key.n);
    *q = (struct redis_request){
        .cache = c, .kind = kind, .latency = latency, .asked = hub_real_ns(), .arg = arg, .key_n = key.n};
    if (key.n) memcpy(q->key, key.p, key.n);
    return q;
}

/* ---- refusals ----
 *
 * The server is there, and says no: OOM, READONLY, NOPERM, MISCONF, LOADING … Everything falls back as if
 * it were away, and so it is not ready. A question of the same kind, asked in time, tells when that is
 * over. What is wrong with one key only (WRONGTYPE) is no such thing. */

static void on_probe_due(struct hub_timer *t);

static bool reply_says(const redisReply *r, const char *code) {
    return r->type == REDIS_REPLY_ERROR && strstr(r->str, code) != NULL;
}

static void on_request_refused(struct redis_cache *c, enum redis_request_kind kind, struct hub_str key,
                               const redisReply *r) {
    if (c->refusal[0] || reply_says(r, "NOSCRIPT") || reply_says(r, "WRONGTYPE") || !hub_redis_link_up(c->link)) return;
    const char *more = strstr(r->str, " script: "); /* where in which script */
    size_t n = more ? (size_t)(more - r->str) : r->len;
    snprintf(c->refusal, sizeof c->refusal, "redis at %s refuses: %.*s", c->url.text.p,
             HUB_CUT(hub_str(r->str, n), 160));
    hub_log_kv(HUB_LOG_WARN, "cache", "the server refuses what hubd asks of it", "cause", c->refusal, NULL);
    c->refused = kind;
    c->probes = 0;
    hub_buf_clear(&c->refused_key);
    hub_buf_adds(&c->refused_key, key);
    hub_timer_start(c->loop, &c->probe, PROBE_MS, on_probe_due);
}

static void forget_refusal(struct redis_cache *c) {
    c->refusal[0] = 0;
    hub_timer_stop(c->loop, &c->probe);
}

/* A replica stays one for as long as the connection lasts: the address may lead to the new primary by
 * now, and sentinels know its address. */
static void on_probed(void *arg, const redisReply *r) {
    struct redis_cache *c = arg;
    if (!r || !c->refusal[0]) return;
    if (r->type != REDIS_REPLY_ERROR) {
        forget_refusal(c);
        hub_log_kv(HUB_LOG_INFO, "cache", "the server does what hubd asks of it again", "redis", c->url.text.p, NULL);
    } else if (reply_says(r, "READONLY") && (c->sentinel || ++c->probes % PROBES_READONLY == 0)) {
        hub_redis_link_drop(c->link, r->str);
    } else {
        hub_timer_start(c->loop, &c->probe, PROBE_MS, on_probe_due);
    }
}

static void on_probe_due(struct hub_timer *t) {
    struct redis_cache *c = HUB_CONTAINER(t, struct redis_cache, probe);
    struct hub_buf beside = {0};
    const struct hub_str key = hub_buf_str(&c->refused_key);
    hub_buf_adds(&beside, key);
    hub_buf_addz(&beside, ":probe");
    const struct hub_str get[] = {HUB_STR("MGET"), key}, exists[] = {HUB_STR("EXISTS"), key};
    const struct hub_str set[] = {HUB_STR("SET"), hub_buf_str(&beside), HUB_STR("1"), HUB_STR("PX"), HUB_STR("1000")};
    const struct hub_str eval[] = {HUB_STR("EVAL"), HUB_STR("return redis.call('SET',KEYS[1],'1','PX','1000')"),
                                   HUB_STR("1"), hub_buf_str(&beside)};
    bool sent = c->refused == READING    ? hub_redis_send(c->link, get, HUB_NELEM(get), on_probed, c)
                : c->refused == WATCHING ? hub_redis_send(c->link, exists, HUB_NELEM(exists), on_probed, c)
                : c->refused == WRITING  ? hub_redis_send(c->link, set, HUB_NELEM(set), on_probed, c)
                                         : hub_redis_send(c->link, eval, HUB_NELEM(eval), on_probed, c);
    if (!sent) hub_timer_start(c->loop, &c->probe, PROBE_MS, on_probe_due); /* too much is open */
    hub_buf_free(&beside);
}

static void watch_refused(void *arg, struct hub_str key, const redisReply *r) {
    on_request_refused(arg, WATCHING, key, r);
}

/* Counts the answer; false when there is none to use. */
static bool is_usable(const struct redis_request *q, const redisReply *r, int type) {
    if (r) hub_histogram_add(q->latency, hub_real_ns() - q->asked);
    if (r && r->type == type) return true;
    hub_metric_add(&errors_metric, 1);
    if (r && r->type == REDIS_REPLY_ERROR && q->kind != FOREIGN)
        on_request_refused(q->cache, q->kind, hub_str(q->key, q->key_n), r);
    return false;
}

/* ---- get, set, swap ---- */

static void on_get(void *arg, const redisReply *r) {
    struct redis_request *q = arg;
    struct hub_str values[HUB_CACHE_KEYS_MAX] = {{0}};
    bool good = is_usable(q, r, REDIS_REPLY_ARRAY) && r->elements == q->n;
    for (size_t i = 0; good && i < q->n; i++)
        if (r->element[i]->type == REDIS_REPLY_STRING) values[i] = hub_str(r->element[i]->str, r->element[i]->len);
    q->cb.get(q->arg, good ? HUB_OK : HUB_STORE_UNAVAILABLE, good ? values : NULL);
    free(q);
}

static void cache_get(struct hub_cache *base, const struct hub_str *keys, size_t n, hub_cache_get_cb *cb, void *arg) {
    struct hub_str v[HUB_CACHE_KEYS_MAX + 1] = {HUB_STR("MGET")};
    struct redis_request *q = request_new(cache_of(base), READING, &get_latency, keys[0], arg);
    q->cb.get = cb;
    q->n = n;
    for (size_t i = 0; i < n; i++) v[i + 1] = keys[i];
    if (!hub_redis_send(cache_of(base)->link, v, n + 1, on_get, q)) on_get(q, NULL);
}

static void on_done(void *arg, const redisReply *r) {
    struct redis_request *q = arg;
    bool good = is_usable(q, r, r && r->type == REDIS_REPLY_INTEGER ? REDIS_REPLY_INTEGER : REDIS_REPLY_STATUS);
    if (q->cb.done) q->cb.done(q->arg, good ? HUB_OK : HUB_STORE_UNAVAILABLE);
    free(q);
}

static void cache_set(struct hub_cache *base, struct hub_str key, struct hub_str value, int64_t ttl_ms,
                      hub_cache_done *cb, void *arg) {
    char ttl[HUB_INT_TEXT];
    struct redis_request *q = request_new(cache_of(base), WRITING, &set_latency, key, arg);
    q->cb.done = cb;
    const struct hub_str v[] = {HUB_STR("SET"), key, value, HUB_STR("PX"), hub_int_text(ttl, ttl_ms)};
    if (!hub_redis_send(cache_of(base)->link, v, ttl_ms ? 5 : 3, on_done, q)) on_done(q, NULL);
}

static void cache_swap(struct hub_cache *base, struct hub_str key, struct hub_str was, struct hub_str value,
                       int64_t ttl_ms) {
    static const char script[] = "if (redis.call('GET',KEYS[1]) or '')==ARGV[1] then "
                                 "redis.call('SET',KEYS[1],ARGV[2],'PX',ARGV[3]) end return 0";
    char ttl[HUB_INT_TEXT];
    struct redis_request *q = request_new(cache_of(base), SCRIPTED, &set_latency, key, NULL);
    const struct hub_str v[] = {HUB_STR("EVAL"), hub_str(script, sizeof script - 1), HUB_STR("1"), key, was,
                                value,           hub_int_text(ttl, ttl_ms)};
    if (!hub_redis_send(cache_of(base)->link, v, HUB_NELEM(v), on_done, q)) on_done(q, NULL);
}

/* ---- take ---- */

/* A list of times by the server's clock, oldest first; with limits over SLOTS_MAX an entry "time:n" stands
 * for n messages and has the time of the last one. Answers 0, or how long the oldest entry still counts. */
static const char take_script[] =
    "local k,limit,window,per,call=KEYS[1],tonumber(ARGV[1]),tonumber(ARGV[2]),tonumber(ARGV[3]),redis.call "
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
    struct redis_cache *c = arg;
    c->loading = false;
    if (r && r->type == REDIS_REPLY_STRING && r->len < sizeof c->take_sha)
        snprintf(c->take_sha, sizeof c->take_sha, "%.*s", (int)r->len, r->str);
}

/* Until the server knows the script, and where it must not be told, the whole text goes with every
 * question. */
static void load_script(struct redis_cache *c) {
    const struct hub_str v[] = {HUB_STR("SCRIPT"), HUB_STR("LOAD"), hub_str(take_script, sizeof take_script - 1)};
    c->take_sha[0] = 0;
    if (!c->loading) c->loading = hub_redis_send(c->link, v, HUB_NELEM(v), on_loaded, c);
}

/* A server that has forgotten the script (SCRIPT FLUSH) has not counted: that is as if it had been away,
 * for what was under way. */
static void on_take(void *arg, const redisReply *r) {
    struct redis_request *q = arg;
    bool good = is_usable(q, r, REDIS_REPLY_INTEGER);
    if (r && r->type == REDIS_REPLY_ERROR && hub_str_starts(hub_str(r->str, r->len), HUB_STR("NOSCRIPT")))
        load_script(q->cache);
    q->cb.take(q->arg, good ? HUB_OK : HUB_STORE_UNAVAILABLE, good ? r->integer : 0);
    free(q);
}

static void cache_take(struct hub_cache *base, struct hub_str key, int64_t limit, int64_t window_ms,
                       hub_cache_take_cb *cb, void *arg) {
    struct redis_cache *c = cache_of(base);
    int64_t slots = limit < SLOTS_MAX ? limit : SLOTS_MAX;
    char numbers[3][HUB_INT_TEXT];
    struct redis_request *q = request_new(c, SCRIPTED, &take_latency, key, arg);
    bool known = c->take_sha[0];
    q->cb.take = cb;
    const struct hub_str v[] = {known ? HUB_STR("EVALSHA") : HUB_STR("EVAL"),
                                known ? hub_cstr(c->take_sha) : hub_str(take_script, sizeof take_script - 1),
                                HUB_STR("1"),
                                key,
                                hub_int_text(numbers[0], limit),
                                hub_int_text(numbers[1], window_ms),
                                hub_int_text(numbers[2], (limit + slots - 1) / slots)};
    if (!hub_redis_send(c->link, v, HUB_NELEM(v), on_take, q)) on_take(q, NULL);
}

static const char give_script[] =
    "local k,call=KEYS[1],redis.call "
    "local s=call('RPOP',k) "
    "local t,n=string.match(s or '','^(%d+):(%d+)$') "
    "if t and tonumber(n)>1 then call('RPUSH',k,t..':'..(n-1)) call('PEXPIRE',k,ARGV[1]) end return 0";

static void on_given(void *arg, const redisReply *r) {
    struct redis_request *q = arg;
    is_usable(q, r, REDIS_REPLY_INTEGER);
    free(q);
}

static void cache_give(struct hub_cache *base, struct hub_str key, int64_t window_ms) {
    struct redis_cache *c = cache_of(base);
    char window[HUB_INT_TEXT];
    struct redis_request *q = request_new(c, SCRIPTED, &take_latency, key, NULL);
    const struct hub_str v[] = {HUB_STR("EVAL"), hub_str(give_script, sizeof give_script - 1), HUB_STR("1"), key,
                                hub_int_text(window, window_ms)};
    if (!hub_redis_send(c->link, v, HUB_NELEM(v), on_given, q)) on_given(q, NULL);
}

/* ---- scripts' commands ---- */

/* The server is there, but not ready to be asked: it is not the command's fault. */
static bool server_away(const redisReply *r) {
    static const char *const codes[] = {"LOADING ",  "MASTERDOWN ", "BUSY ",    "CLUSTERDOWN ",
                                        "READONLY ", "OOM ",        "MISCONF ", "NOREPLICAS "};
    for (size_t i = 0; r->type == REDIS_REPLY_ERROR && i < HUB_NELEM(codes); i++)
        if (hub_str_starts(hub_str(r->str, r->len), hub_cstr(codes[i]))) return true;
    return false;
}

static void on_call(void *arg, const redisReply *r) {
    struct redis_request *q = arg;
    struct hub_err err;
    json_t *reply = NULL;
    if (!is_usable(q, r, r && r->type != REDIS_REPLY_ERROR ? r->type : REDIS_REPLY_NIL) && !r)
        hub_err_set(&err, HUB_STORE_UNAVAILABLE,
                    "the cache is not available; the command may have been carried out or not");
    else
        reply = hub_redis_reply_json(r, &err);
    if (r && server_away(r)) err.code = HUB_STORE_UNAVAILABLE;
    q->cb.call(q->arg, reply ? HUB_OK : err.code, reply, reply ? NULL : err.text);
    json_decref(reply);
    free(q);
}

/* Arguments as views; numbers are printed into TEXT. What is wrong, or NULL. */
static const char *collect_args(const json_t *args, struct hub_str *v, struct hub_buf *text) {
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

static void refuse_call(hub_cache_call_cb *cb, void *arg, struct hub_str command, const char *why) {
    char text[240];
    snprintf(text, sizeof text, "ERR %.*s cannot be called from a script: %s", HUB_CUT(command, 32), why);
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
    const char *wrong = collect_args(args, v, &text), *refused = wrong ? NULL : hub_redis_refused(args);
    if (wrong) {
        cb(arg, HUB_BAD_REQUEST, NULL, wrong);
    } else if (refused) {
        refuse_call(cb, arg, v[0], refused);
    } else {
        struct redis_request *q = request_new(cache_of(base), FOREIGN, &call_latency, hub_str(NULL, 0), arg);
        q->cb.call = cb;
        if (!hub_redis_send(cache_of(base)->link, v, n, on_call, q)) on_call(q, NULL);
    }
    free(v);
    hub_buf_free(&text);
}

/* ---- watches ---- */

static struct hub_cache_watch *cache_watch(struct hub_cache *base, struct hub_str key, hub_cache_gone_cb *cb,
                                           void *arg) {
    return hub_redis_watch(cache_of(base)->watches, key, cb, arg);
}

/* ---- life ---- */

static struct hub_cache_listener *cache_listen(struct hub_cache *base, struct hub_str channel, hub_cache_message_cb *cb,
                                               void *arg) {
    return hub_redis_listen(cache_of(base)->channels, channel, cb, arg);
}

static void on_up(void *arg) {
    struct redis_cache *c = arg;
    hub_metric_add(&reconnects_metric, c->was_up);
    c->was_up = true;
    load_script(c);
    hub_redis_watches_wake(c->watches);
}

static void on_down(void *arg) { forget_refusal(arg); }

static enum hub_code read_config(const struct hub_cache_config *config, struct hub_redis_url *url, SSL_CTX **tls,
                                 struct hub_err *err) {
    enum hub_code code = hub_redis_url_parse(config->url, url, err);
    if (code) return code;
    code = hub_redis_tls_new(url, tls, err);
    if (code) hub_redis_url_free(url);
    return code;
}

static enum hub_code cache_check(const struct hub_cache_config *config, struct hub_err *err) {
    struct hub_redis_url url;
    SSL_CTX *tls;
    enum hub_code code = read_config(config, &url, &tls, err);
    if (code) return code;
    hub_redis_tls_free(tls);
    hub_redis_url_free(&url);
    return HUB_OK;
}

static void connect_cache(struct redis_cache *c) {
    const struct hub_redis_sentinel_config sentinel = {.loop = c->loop, .url = &c->url, .tls = c->tls, .name = c->name};
    if (c->url.master) c->sentinel = hub_redis_sentinel_new(&sentinel);
    const struct hub_redis_link_config link = {.loop = c->loop,
                                               .url = &c->url,
                                               .tls = c->tls,
                                               .sentinel = c->sentinel,
                                               .name = c->name,
                                               .up = on_up,
                                               .down = on_down,
                                               .arg = c};
    c->link = hub_redis_link_new(&link);
    const struct hub_redis_watches_config watches = {.loop = c->loop,
                                                     .url = &c->url,
                                                     .tls = c->tls,
                                                     .sentinel = c->sentinel,
                                                     .name = c->name,
                                                     .main = c->link,
                                                     .refused = watch_refused,
                                                     .arg = c};
    c->watches = hub_redis_watches_new(&watches);
    const struct hub_redis_channels_config channels = {
        .loop = c->loop, .url = &c->url, .tls = c->tls, .sentinel = c->sentinel, .name = c->name, .main = c->link};
    c->channels = hub_redis_channels_new(&channels);
}

static enum hub_code cache_open(const struct hub_cache_config *config, struct hub_cache **out, struct hub_err *err) {
    struct hub_redis_url url;
    SSL_CTX *tls;
    enum hub_code code = read_config(config, &url, &tls, err);
    if (code) return code;
    if (url.insecure)
        hub_log_kv(HUB_LOG_WARN, "cache",
                   "insecure=true: whoever is in between can be the server, and read and change all", "redis",
                   url.text.p, NULL);
    struct redis_cache *c = hub_xcalloc(1, sizeof *c);
    c->base.ops = &hub_redis_cache_ops;
    c->loop = config->loop;
    c->url = url;
    c->tls = tls;
    snprintf(c->name, sizeof c->name, "hubd-%s", config->name);
    connect_cache(c);
    *out = &c->base;
    return HUB_OK;
}

/* A connection for each loop: what they share is on the server. */
static enum hub_code cache_attach(struct hub_cache *c, const struct hub_cache_config *config, struct hub_cache **out,
                                  struct hub_err *err) {
    (void)c;
    return cache_open(config, out, err);
}

static bool cache_ready(const struct hub_cache *base, struct hub_buf *why_not) {
    const struct redis_cache *c = cache_of(base);
    bool up = hub_redis_link_up(c->link);
    if (why_not) hub_buf_addz(why_not, up ? c->refusal : hub_redis_link_why(c->link));
    return up && !c->refusal[0];
}

static void cache_stop(struct hub_cache *base) {
    struct redis_cache *c = cache_of(base);
    forget_refusal(c);
    hub_redis_watches_stop(c->watches);
    hub_redis_channels_stop(c->channels);
    hub_redis_link_stop(c->link);
    if (c->sentinel) hub_redis_sentinel_stop(c->sentinel);
}

static void cache_close(struct hub_cache *base) {
    struct redis_cache *c = cache_of(base);
    cache_stop(base);
    hub_redis_link_delete(c->link);
    hub_redis_watches_delete(c->watches);
    hub_redis_channels_delete(c->channels);
    hub_redis_sentinel_delete(c->sentinel);
    hub_redis_tls_free(c->tls);
    hub_redis_url_free(&c->url);
    hub_buf_free(&c->refused_key);
    free(c);
}

const struct hub_cache_ops hub_redis_cache_ops = {
    .scheme = "redis,rediss,redis+unix,redis+sentinel,rediss+sentinel",
    .help =
        "redis://[user[:password]@]host[:port][/db], rediss://… by TLS, redis+unix://[user[:password]@]/path[?db=N] "
        "- a Redis server; redis+sentinel://[user[:password]@]host[:port],…/master-name[/db] - the master of sentinels",
    .check = cache_check,
    .open = cache_open,
    .attach = cache_attach,
    .get = cache_get,
    .set = cache_set,
    .swap = cache_swap,
    .take = cache_take,
    .give = cache_give,
    .watch = cache_watch,
    .unwatch = hub_redis_unwatch,
    .listen = cache_listen,
    .unlisten = hub_redis_unlisten,
    .call = cache_call,
    .ready = cache_ready,
    .stop = cache_stop,
    .close = cache_close,
};
