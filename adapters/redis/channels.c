/* Channels of the server that somebody listens to, on a connection of their own, which is made when the
 * first one is wanted. After it was lost everything is subscribed to again; a connection that brings
 * nothing is found out by what is published on a channel of our own, and made anew. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/redis/redis_int.h"
#include "base/collection/map.h"
#include "base/id/uuid.h"
#include "base/memory/mem.h"

#define BEAT_TIMEOUTS 5 /* so many time limits lie between two proofs of life: 5 s */

struct hub_redis_channels {
    struct hub_redis_channels_config config;
    struct hub_redis_link *link; /* NULL before it was needed */
    struct hub_map all;          /* channel -> redis_listener */
    struct hub_timer tick;
    uint64_t beat, beat_back;
    bool stopped;
    char own[64];
};

struct redis_listener {
    struct hub_cache_listener base; /* first member */
    struct hub_redis_channels *owner;
    size_t n;
    char channel[];
};

static struct hub_str channel_name(const struct redis_listener *l) { return hub_str(l->channel, l->n); }

static struct hub_str reply_text(const redisReply *r, size_t i) {
    return i < r->elements && r->element[i]->type == REDIS_REPLY_STRING
               ? hub_str(r->element[i]->str, r->element[i]->len)
               : hub_str(NULL, 0);
}

/* ["message", channel, text] or ["subscribe", channel, count] */
static void on_channel_push(void *arg, const redisReply *r) {
    struct hub_redis_channels *c = arg;
    uint64_t n;
    if (!r || r->type != REDIS_REPLY_ARRAY || r->elements < 3 || !hub_str_is(reply_text(r, 0), "message")) return;
    struct hub_str channel = reply_text(r, 1), text = reply_text(r, 2);
    struct redis_listener *l = hub_map_get(&c->all, channel);
    if (hub_str_is(channel, c->own) && hub_str_u64(text, &n)) c->beat_back = n;
    if (l) l->base.cb(l->base.arg, text);
}

static void ignore_published(void *arg, const redisReply *r) { (void)arg, (void)r; }

static void on_channels_tick(struct hub_timer *t) {
    struct hub_redis_channels *c = HUB_CONTAINER(t, struct hub_redis_channels, tick);
    char number[24];
    hub_timer_start(c->config.loop, t, BEAT_TIMEOUTS * c->config.url->timeout_ms, on_channels_tick);
    if (!hub_redis_link_up(c->link) || !hub_redis_link_up(c->config.main)) return;
    if (c->beat != c->beat_back) {
        hub_redis_link_drop(c->link, "its subscriptions bring nothing");
        return;
    }
    snprintf(number, sizeof number, "%llu", (unsigned long long)++c->beat);
    const struct hub_str publish[] = {HUB_STR("PUBLISH"), hub_cstr(c->own), hub_cstr(number)};
    if (!hub_redis_send(c->config.main, publish, HUB_NELEM(publish), ignore_published, NULL)) c->beat--;
}

static void on_channels_up(void *arg) {
    struct hub_redis_channels *c = arg;
    void *value;
    c->beat = c->beat_back = 0;
    hub_redis_subscribe(c->link, hub_cstr(c->own), on_channel_push, c);
    for (void *it = NULL; (it = hub_map_next(&c->all, it, NULL, &value));)
        hub_redis_subscribe(c->link, channel_name(value), on_channel_push, c);
}

static void on_channels_down(void *arg) { (void)arg; } /* what is listened to is known */

static void connect_channels(struct hub_redis_channels *c) {
    const struct hub_redis_link_config config = {.loop = c->config.loop,
                                                 .url = c->config.url,
                                                 .tls = c->config.tls,
                                                 .sentinel = c->config.sentinel,
                                                 .name = c->config.name,
                                                 .up = on_channels_up,
                                                 .down = on_channels_down,
                                                 .arg = c};
    c->link = hub_redis_link_new(&config);
    hub_timer_start(c->config.loop, &c->tick, BEAT_TIMEOUTS * c->config.url->timeout_ms, on_channels_tick);
}

struct hub_cache_listener *hub_redis_listen(struct hub_redis_channels *c, struct hub_str channel,
                                            hub_cache_message_cb *cb, void *arg) {
    struct redis_listener *l = hub_xmalloc(sizeof *l + channel.n);
    *l = (struct redis_listener){.base = {cb, arg}, .owner = c, .n = channel.n};
    memcpy(l->channel, channel.p, channel.n);
    hub_map_put(&c->all, channel, l);
    if (c->stopped) return &l->base;
    if (!c->link)
        connect_channels(c);
    else if (hub_redis_link_up(c->link))
        hub_redis_subscribe(c->link, channel, on_channel_push, c);
    return &l->base;
}

void hub_redis_unlisten(struct hub_cache_listener *base) {
    struct redis_listener *l = HUB_CONTAINER(base, struct redis_listener, base);
    struct hub_redis_channels *c = l->owner;
    hub_map_del(&c->all, channel_name(l));
    if (c->link && hub_redis_link_up(c->link)) hub_redis_unsubscribe(c->link, channel_name(l));
    free(l);
}

struct hub_redis_channels *hub_redis_channels_new(const struct hub_redis_channels_config *config) {
    struct hub_redis_channels *c = hub_xcalloc(1, sizeof *c);
    char sid[HUB_SID_LEN + 1];
    c->config = *config;
    hub_sid(sid);
    snprintf(c->own, sizeof c->own, "hubd:alive:%s", sid);
    return c;
}

void hub_redis_channels_stop(struct hub_redis_channels *c) {
    c->stopped = true;
    hub_timer_stop(c->config.loop, &c->tick);
    if (c->link) hub_redis_link_delete(c->link);
    c->link = NULL;
}

void hub_redis_channels_delete(struct hub_redis_channels *c) {
    hub_redis_channels_stop(c);
    hub_map_clear(&c->all); /* empty: nobody listens any more */
    free(c);
}
