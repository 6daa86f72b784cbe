/* Where the master is, as Redis Sentinel tells it. One connection to a sentinel asks, a second one hears
 * of fail-overs: who has subscribed on a connection cannot ask on it any more. Both go to the next
 * sentinel when theirs is lost, or does not know the master.
 *
 * A sentinel that is cut off from the others may name a master that is none any more. So whoever
 * connects asks the server itself (ROLE), and asks again here when it says no. */
#include <stdlib.h>

#include "adapters/redis/redis_int.h"
#include "base/memory/mem.h"

#define ASK_AGAIN_MS 10000
#define SETTLE_MS 10000 /* so long sentinels may take to hear of a fail-over from each other: two seconds as a rule */
#define SWITCHED "+switch-master"

struct hub_redis_sentinel {
    struct hub_redis_sentinel_config config;
    struct hub_redis_link *ask, *listen;
    struct hub_list followers;
    struct hub_timer again;
    struct hub_redis_place known, left; /* the master, and the one before; host NULL: none yet */
    int64_t left_until;                 /* loop time until which nobody is sent back to LEFT by what was asked */
    bool asking, stopped;
};

const char *hub_redis_sentinel_why(const struct hub_redis_sentinel *s) { return hub_redis_link_why(s->ask); }

static void tell_followers(struct hub_redis_sentinel *s, const char *host, int port) {
    HUB_LIST_EACH(&s->followers, it) {
        struct hub_redis_follower *f = HUB_CONTAINER(it, struct hub_redis_follower, link);
        void (*tell)(struct hub_redis_follower *, const char *, int) = f->seeking ? f->found : f->moved;
        f->seeking = false;
        tell(f, host, port);
    }
}

/* False when that is no place to connect to; else OUT, whose host is to be freed. */
static bool read_place(struct hub_str host, struct hub_str port, struct hub_redis_place *out) {
    uint64_t n;
    if (!host.n || memchr(host.p, 0, host.n) || host.p[0] == '/' || !hub_str_u64(port, &n) || n < 1 || n > 65535)
        return false;
    *out = (struct hub_redis_place){hub_str_dup(host), (int)n};
    return true;
}

static bool same_place(const struct hub_redis_place *a, const struct hub_redis_place *b) {
    return a->host && b->host && !strcmp(a->host, b->host) && a->port == b->port;
}

/* Takes PLACE. */
static void tell_place(struct hub_redis_sentinel *s, struct hub_redis_place place) {
    if (same_place(&s->known, &place)) {
        free(place.host);
    } else {
        free(s->left.host);
        s->left = s->known;
        s->left_until = hub_loop_now(s->config.loop) + SETTLE_MS;
        s->known = place;
    }
    tell_followers(s, s->known.host, s->known.port);
}

/* One sentinel may have told of the fail-over while another one, asked here, has not heard of it: the old
 * master, if it is there again, would still call itself one. */
static void take_answer(struct hub_redis_sentinel *s, struct hub_redis_place place) {
    if (!same_place(&s->left, &place) || hub_loop_now(s->config.loop) >= s->left_until) {
        tell_place(s, place);
        return;
    }
    free(place.host);
    tell_followers(s, s->known.host, s->known.port);
}

static void on_master(void *arg, const redisReply *r) {
    struct hub_redis_sentinel *s = arg;
    struct hub_redis_place place;
    s->asking = false;
    if (!r || s->stopped) return;
    if (read_place(hub_redis_reply_text(r, 0), hub_redis_reply_text(r, 1), &place))
        take_answer(s, place);
    else
        hub_redis_link_drop(s->ask, r->type == REDIS_REPLY_ERROR ? r->str : "it knows no master of that name");
}

static void ask_for_master(struct hub_redis_sentinel *s) {
    const struct hub_str v[] = {HUB_STR("SENTINEL"), HUB_STR("GET-MASTER-ADDR-BY-NAME"),
                                hub_cstr(s->config.url->master)};
    if (!s->asking && hub_redis_link_up(s->ask)) s->asking = hub_redis_send(s->ask, v, HUB_NELEM(v), on_master, s);
}

static void on_again(struct hub_timer *t) {
    struct hub_redis_sentinel *s = HUB_CONTAINER(t, struct hub_redis_sentinel, again);
    ask_for_master(s);
    hub_timer_start(s->config.loop, t, ASK_AGAIN_MS, on_again);
}

/* ["message", channel, "name old-host old-port host port"]; before the confirmation a fail-over was
 * heard of by nobody, so that is the time to ask. */
static void on_switched(void *arg, const redisReply *r) {
    struct hub_redis_sentinel *s = arg;
    struct hub_str text = hub_redis_reply_text(r, 2), words[5] = {{0}};
    if (hub_str_is(hub_redis_reply_text(r, 0), "subscribe")) ask_for_master(s);
    if (!hub_str_is(hub_redis_reply_text(r, 0), "message")) return;
    for (size_t i = 0; i < HUB_NELEM(words) && hub_str_split(&text, ' ', &words[i]);) i++;
    struct hub_redis_place place;
    if (hub_str_is(words[0], s->config.url->master) && read_place(words[3], words[4], &place)) tell_place(s, place);
}

static void on_ask_up(void *arg) { ask_for_master(arg); }
static void on_listen_up(void *arg) {
    struct hub_redis_sentinel *s = arg;
    hub_redis_subscribe(s->listen, HUB_STR(SWITCHED), on_switched, s);
}
static void on_sentinel_down(void *arg) { (void)arg; }

/* ---- life ---- */

static HUB_MUST struct hub_redis_link *connect_sentinel(struct hub_redis_sentinel *s, void (*up)(void *arg)) {
    const struct hub_redis_link_config config = {.loop = s->config.loop,
                                                 .url = s->config.url,
                                                 .tls = s->config.tls,
                                                 .to_sentinel = true,
                                                 .name = s->config.name,
                                                 .up = up,
                                                 .down = on_sentinel_down,
                                                 .arg = s};
    return hub_redis_link_new(&config);
}

struct hub_redis_sentinel *hub_redis_sentinel_new(const struct hub_redis_sentinel_config *config) {
    struct hub_redis_sentinel *s = hub_xcalloc(1, sizeof *s);
    s->config = *config;
    hub_list_init(&s->followers);
    s->ask = connect_sentinel(s, on_ask_up);
    s->listen = connect_sentinel(s, on_listen_up);
    hub_timer_start(s->config.loop, &s->again, ASK_AGAIN_MS, on_again);
    return s;
}

void hub_redis_sentinel_stop(struct hub_redis_sentinel *s) {
    s->stopped = true;
    hub_timer_stop(s->config.loop, &s->again);
    hub_redis_link_stop(s->ask);
    hub_redis_link_stop(s->listen);
}

void hub_redis_sentinel_delete(struct hub_redis_sentinel *s) {
    if (!s) return;
    hub_redis_sentinel_stop(s);
    hub_redis_link_delete(s->ask);
    hub_redis_link_delete(s->listen);
    free(s->known.host);
    free(s->left.host);
    free(s);
}

void hub_redis_sentinel_follow(struct hub_redis_sentinel *s, struct hub_redis_follower *f) {
    hub_list_push(&s->followers, &f->link);
}

void hub_redis_sentinel_leave(struct hub_redis_follower *f) {
    f->seeking = false;
    hub_list_remove(&f->link);
}

void hub_redis_sentinel_seek(struct hub_redis_sentinel *s, struct hub_redis_follower *f) {
    f->seeking = true;
    ask_for_master(s);
}
