/* Keys that somebody wants to know the end of: sessions, so that revoking one reaches open sockets.
 *
 * Two ways lead to the same question, EXISTS on the main link. All keys are asked for in a ring, each once
 * in 25 s. And a second connection listens to the keyspace events of each key, where the server sends
 * them: then the question is asked at once. So events only make it faster: nothing depends on them, and
 * none of them is believed without asking.
 *
 * That connection proves itself: what is published on a channel of our own must come back, else it is made
 * anew. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/redis/redis_int.h"
#include "base/collection/map.h"
#include "base/id/uuid.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"

#define TICK_MS 1000
#define RING_TICKS 25   /* in so many ticks each key has been asked for */
#define HASTE_MS 100    /* a tick while everything is to be asked for soon */
#define HASTE_KEYS 1000 /* in such a tick */
#define BEAT_TIMEOUTS 5 /* so many time limits lie between two proofs of life: 5 s */
#define PROBE_BEATS 6   /* every so many of them with a key, which tells whether there are keyspace events */
#define FAILURES_MAX 3  /* connections in a row that brought nothing: there are no subscriptions for us here */

struct hub_redis_watches {
    struct hub_redis_watches_config config;
    /* the second connection; NULL before there is something to watch, or when it is no use */
    struct hub_redis_link *push;
    struct hub_map keys;  /* key → watched */
    struct hub_list ring; /* watched; the first is asked for next */
    size_t haste;         /* so many of the ring are to be asked for soon */
    size_t pace;          /* keys per tick */
    unsigned ticks;       /* until the pace may become slower: a round is not stretched when keys end */
    struct hub_timer tick;
    int64_t beat_at;
    uint64_t beat, beat_back; /* number of the last one sent, and seen */
    unsigned failures;
    bool proven, given_up, stopped;
    bool probe_back, events, events_known; /* keyspace events: of the last probe, and what was told */
    char channel[64];
    struct hub_buf prefix; /* "__keyspace@0__:" */
};

struct redis_watched {
    struct hub_redis_watches *owner;
    struct hub_list link;    /* in the ring */
    struct hub_list watches; /* hub_cache_watch */
    bool subscribed, ending;
    size_t key_n;
    char key[];
};

struct redis_watch {
    struct hub_cache_watch base; /* first member */
    struct redis_watched *of;
    struct hub_list link;
};

/* A question under way; the key may be forgotten meanwhile. */
struct redis_question {
    struct hub_redis_watches *owner;
    size_t key_n;
    char key[];
};

static struct hub_metric watched_metric =
    HUB_METRIC(HUB_GAUGE, "hubd_cache_watched_keys", NULL, "Stored sessions watched for deletion or expiry");
static struct hub_metric events_metric =
    HUB_METRIC(HUB_GAUGE, "hubd_cache_keyspace_events", NULL,
               "1 while the cache sends keyspace events of deleted keys, 0 while hubd polls for them");

static struct hub_str key_of(const struct redis_watched *k) { return hub_str(k->key, k->key_n); }

static void add_channel(const struct hub_redis_watches *w, struct hub_buf *b, struct hub_str key) {
    hub_buf_adds(b, hub_buf_str(&w->prefix));
    hub_buf_adds(b, key);
}

/* ---- a key's end ---- */

static void forget_watched(struct redis_watched *k) {
    struct hub_redis_watches *w = k->owner;
    hub_map_del(&w->keys, key_of(k));
    hub_list_remove(&k->link);
    if (k->subscribed && w->push) {
        struct hub_buf channel = {0};
        add_channel(w, &channel, key_of(k));
        hub_redis_unsubscribe(w->push, hub_buf_str(&channel));
        hub_buf_free(&channel);
    }
    hub_metric_set(&watched_metric, (int64_t)hub_map_len(&w->keys));
}

static void end_watched(struct redis_watched *k) {
    k->ending = true;
    forget_watched(k);
    for (struct hub_list *l; (l = hub_list_pop(&k->watches));) {
        struct redis_watch *watch = HUB_CONTAINER(l, struct redis_watch, link);
        watch->base.cb(watch->base.arg);
        free(watch);
    }
    free(k);
}

static void on_exists(void *arg, const redisReply *r) {
    struct redis_question *q = arg;
    struct redis_watched *k = hub_map_get(&q->owner->keys, hub_str(q->key, q->key_n));
    if (k && r && r->type == REDIS_REPLY_INTEGER && !r->integer) end_watched(k);
    if (k && r && r->type == REDIS_REPLY_ERROR) q->owner->config.refused(q->owner->config.arg, key_of(k), r);
    free(q);
}

static void ask_server(struct hub_redis_watches *w, struct hub_str key) {
    struct redis_question *q = hub_xmalloc(sizeof *q + key.n);
    *q = (struct redis_question){.owner = w, .key_n = key.n};
    memcpy(q->key, key.p, key.n);
    const struct hub_str v[] = {HUB_STR("EXISTS"), key};
    if (!hub_redis_send(w->config.main, v, 2, on_exists, q)) free(q);
}

/* ---- the second connection ---- */

static void on_push(void *arg, const redisReply *r);

/* The confirmation leads to the question: what happened before it was heard of by nobody. */
static void look_after(struct redis_watched *k) {
    struct hub_redis_watches *w = k->owner;
    struct hub_buf channel = {0};
    if (k->subscribed || !w->push || !hub_redis_link_up(w->push)) {
        ask_server(w, key_of(k));
        return;
    }
    add_channel(w, &channel, key_of(k));
    k->subscribed = hub_redis_subscribe(w->push, hub_buf_str(&channel), on_push, w);
    hub_buf_free(&channel);
}

static void tell_events(struct hub_redis_watches *w, bool on) {
    if (w->events_known && w->events == on) return;
    w->events_known = true;
    w->events = on;
    hub_metric_set(&events_metric, on);
    if (on)
        hub_log_kv(HUB_LOG_INFO, "cache", "keyspace events arrive: a revoked session ends its sockets at once", NULL);
    else
        hub_log_kv(HUB_LOG_INFO, "cache",
                   "no keyspace events (notify-keyspace-events Kgx): a revoked session ends its sockets within 30 s",
                   NULL);
}

static bool says_gone(struct hub_str event) {
    static const char *const names[] = {"del", "expired", "evicted", "rename_from", "move_from"};
    for (size_t i = 0; i < HUB_NELEM(names); i++)
        if (hub_str_is(event, names[i])) return true;
    return false;
}

static void on_key_event(struct hub_redis_watches *w, struct hub_str key, struct hub_str event) {
    if (!says_gone(event)) return;
    if (hub_str_is(key, w->channel))
        w->probe_back = true, tell_events(w, true);
    else if (hub_map_get(&w->keys, key))
        ask_server(w, key);
}

static void on_beat(struct hub_redis_watches *w, struct hub_str number) {
    uint64_t n;
    if (!hub_str_u64(number, &n) || n != w->beat) return;
    w->beat_back = n;
    w->failures = 0;
    if (w->proven) return;
    w->proven = true;
    w->haste = hub_map_len(&w->keys);
    hub_timer_start(w->config.loop, &w->tick, 0, w->tick.cb);
}

/* ["message", channel, text] or ["subscribe", channel, count] */
static void on_push(void *arg, const redisReply *r) {
    struct hub_redis_watches *w = arg;
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 3) return;
    struct hub_str what = hub_redis_reply_text(r, 0), channel = hub_redis_reply_text(r, 1),
                   text = hub_redis_reply_text(r, 2), prefix = hub_buf_str(&w->prefix);
    bool of_key = hub_str_starts(channel, prefix);
    struct hub_str key = of_key ? hub_str(channel.p + prefix.n, channel.n - prefix.n) : hub_str(NULL, 0);
    if (hub_str_is(what, "subscribe") && of_key && hub_map_get(&w->keys, key))
        ask_server(w, key);
    else if (hub_str_is(what, "message") && of_key)
        on_key_event(w, key, text);
    else if (hub_str_is(what, "message") && hub_str_is(channel, w->channel))
        on_beat(w, text);
}

static void ignore_reply(void *arg, const redisReply *r) { (void)arg, (void)r; }

static void send_beat(struct hub_redis_watches *w) {
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)++w->beat);
    const struct hub_str publish[] = {HUB_STR("PUBLISH"), hub_cstr(w->channel), hub_cstr(number)};
    const struct hub_str set[] = {HUB_STR("SET"), hub_cstr(w->channel), hub_cstr(number), HUB_STR("PX"),
                                  HUB_STR("60000")};
    const struct hub_str del[] = {HUB_STR("DEL"), hub_cstr(w->channel)};
    if (w->beat % PROBE_BEATS == 1) {
        w->probe_back = false;
        hub_redis_send(w->config.main, set, HUB_NELEM(set), ignore_reply, NULL);
        hub_redis_send(w->config.main, del, HUB_NELEM(del), ignore_reply, NULL);
    }
    hub_redis_send(w->config.main, publish, HUB_NELEM(publish), ignore_reply, NULL);
}

/* The probe was sent before the beat, and its event comes before it. */
static void check_beat(struct hub_redis_watches *w, int64_t now) {
    if (!w->push || !hub_redis_link_up(w->push) || !hub_redis_link_up(w->config.main) || now < w->beat_at) return;
    w->beat_at = now + BEAT_TIMEOUTS * w->config.url->timeout_ms;
    if (w->beat != w->beat_back) {
        hub_redis_link_drop(w->push, "its subscriptions bring nothing");
        return;
    }
    if (w->beat % PROBE_BEATS == 1) tell_events(w, w->probe_back);
    send_beat(w);
}

static void on_push_up(void *arg) {
    struct hub_redis_watches *w = arg;
    struct hub_buf probe = {0};
    w->beat = w->beat_back = 0;
    w->beat_at = 0;
    w->proven = false;
    HUB_LIST_EACH(&w->ring, it) HUB_CONTAINER(it, struct redis_watched, link)->subscribed = false;
    hub_redis_subscribe(w->push, hub_cstr(w->channel), on_push, w);
    add_channel(w, &probe, hub_cstr(w->channel));
    hub_redis_subscribe(w->push, hub_buf_str(&probe), on_push, w);
    hub_buf_free(&probe);
    hub_timer_start(w->config.loop, &w->tick, HASTE_MS, w->tick.cb);
}

static void on_push_down(void *arg) {
    struct hub_redis_watches *w = arg;
    HUB_LIST_EACH(&w->ring, it) HUB_CONTAINER(it, struct redis_watched, link)->subscribed = false;
    if (!w->proven && ++w->failures >= FAILURES_MAX)
        w->given_up = true; /* deleted in the next tick: we are inside its callback */
    w->proven = false;
}

static void connect_push(struct hub_redis_watches *w) {
    const struct hub_redis_link_config config = {.loop = w->config.loop,
                                                 .url = w->config.url,
                                                 .tls = w->config.tls,
                                                 .sentinel = w->config.sentinel,
                                                 .name = w->config.name,
                                                 .up = on_push_up,
                                                 .down = on_push_down,
                                                 .arg = w};
    w->push = hub_redis_link_new(&config);
}

/* ---- the ring ---- */

static void ask_next(struct hub_redis_watches *w, size_t n) {
    for (; n && !hub_list_empty(&w->ring); n--) {
        struct hub_list *l = hub_list_pop(&w->ring);
        hub_list_push(&w->ring, l);
        look_after(HUB_CONTAINER(l, struct redis_watched, link));
    }
}

static size_t pace_for(struct hub_redis_watches *w, size_t n) {
    size_t pace = (n + RING_TICKS - 1) / RING_TICKS;
    if (pace >= w->pace || !w->ticks--) {
        w->pace = pace;
        w->ticks = RING_TICKS;
    }
    return w->pace;
}

static void on_tick(struct hub_timer *t) {
    struct hub_redis_watches *w = HUB_CONTAINER(t, struct hub_redis_watches, tick);
    size_t n = hub_map_len(&w->keys), some;
    if (w->given_up && w->push) {
        hub_redis_link_delete(w->push);
        w->push = NULL;
        tell_events(w, false);
    }
    if (!n) return; /* the next watch starts it again */
    if (!w->push && !w->given_up) connect_push(w);
    check_beat(w, hub_loop_now(w->config.loop));
    if (w->haste) {
        some = w->haste < HASTE_KEYS ? w->haste : HASTE_KEYS;
        w->haste -= some;
    } else {
        some = pace_for(w, n);
    }
    if (hub_redis_link_up(w->config.main)) ask_next(w, some);
    if (!hub_timer_running(t)) hub_timer_start(w->config.loop, t, w->haste ? HASTE_MS : TICK_MS, on_tick);
}

void hub_redis_watches_wake(struct hub_redis_watches *w) {
    w->haste = hub_map_len(&w->keys);
    w->given_up = false;
    w->failures = 0;
    if (w->haste) hub_timer_start(w->config.loop, &w->tick, 0, on_tick);
}

/* ---- watches ---- */

struct hub_cache_watch *hub_redis_watch(struct hub_redis_watches *w, struct hub_str key, hub_cache_gone_cb *cb,
                                        void *arg) {
    struct redis_watched *k = hub_map_get(&w->keys, key);
    struct redis_watch *watch = hub_xmalloc(sizeof *watch);
    if (!k) {
        k = hub_xmalloc(sizeof *k + key.n);
        *k = (struct redis_watched){.owner = w, .key_n = key.n};
        memcpy(k->key, key.p, key.n);
        hub_list_init(&k->watches);
        hub_map_put(&w->keys, key, k);
        hub_list_push(&w->ring, &k->link);
        hub_metric_set(&watched_metric, (int64_t)hub_map_len(&w->keys));
    }
    *watch = (struct redis_watch){.base = {cb, arg}, .of = k};
    hub_list_push(&k->watches, &watch->link);
    look_after(k);
    if (!w->stopped && !hub_timer_running(&w->tick)) hub_timer_start(w->config.loop, &w->tick, 0, on_tick);
    return &watch->base;
}

void hub_redis_unwatch(struct hub_cache_watch *base) {
    struct redis_watch *watch = HUB_CONTAINER(base, struct redis_watch, base);
    struct redis_watched *k = watch->of;
    hub_list_remove(&watch->link);
    free(watch);
    if (k->ending || !hub_list_empty(&k->watches)) return;
    forget_watched(k);
    free(k);
}

/* ---- life ---- */

struct hub_redis_watches *hub_redis_watches_new(const struct hub_redis_watches_config *config) {
    struct hub_redis_watches *w = hub_xcalloc(1, sizeof *w);
    char sid[HUB_SID_LEN + 1];
    w->config = *config;
    w->tick.cb = on_tick;
    hub_list_init(&w->ring);
    hub_sid(sid);
    snprintf(w->channel, sizeof w->channel, "hubd:alive:%s", sid);
    hub_buf_addf(&w->prefix, "__keyspace@%d__:", config->url->db);
    return w;
}

void hub_redis_watches_stop(struct hub_redis_watches *w) {
    if (w->push) hub_redis_link_delete(w->push);
    w->push = NULL;
    w->stopped = true;
    hub_timer_stop(w->config.loop, &w->tick);
}

void hub_redis_watches_delete(struct hub_redis_watches *w) {
    hub_redis_watches_stop(w);
    hub_map_clear(&w->keys); /* empty: watches have ended */
    hub_buf_free(&w->prefix);
    free(w);
}
