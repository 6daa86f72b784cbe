/* Those who wait for an entry's end. Whatever is said to be gone is looked up again at the end of the
 * turn: it may have come back. */
#include <stdlib.h>

#include "adapters/memory/cache_int.h"
#include "base/memory/mem.h"

#define LOOK_MS 1000 /* entries expire when looked at, so they are */

struct memory_watched {
    struct memory_cache *cache;
    struct hub_list gone; /* in cache->gone */
    struct hub_list watches;
    bool ending;
    size_t key_n;
    char key[];
};

struct memory_watch {
    struct hub_cache_watch base; /* first member */
    struct memory_watched *of;
    struct hub_list link;
};

static struct hub_str key_of(const struct memory_watched *k) { return hub_str(k->key, k->key_n); }

void hub_cache_dropped(struct memory_cache *c, struct hub_str key) {
    struct memory_watched *k = hub_map_len(&c->watched) ? hub_map_get(&c->watched, key) : NULL;
    if (!k || hub_list_linked(&k->gone)) return;
    hub_list_push(&c->gone, &k->gone);
    hub_defer(c->loop, &c->tell);
}

static void forget_watched(struct memory_watched *k) {
    hub_map_del(&k->cache->watched, key_of(k));
    hub_list_remove(&k->gone);
}

static void end_watched(struct memory_watched *k) {
    k->ending = true;
    forget_watched(k);
    for (struct hub_list *l; (l = hub_list_pop(&k->watches));) {
        struct memory_watch *w = HUB_CONTAINER(l, struct memory_watch, link);
        w->base.cb(w->base.arg);
        free(w);
    }
    free(k);
}

static void on_tell(struct hub_task *t) {
    struct memory_cache *c = HUB_CONTAINER(t, struct memory_cache, tell);
    for (struct hub_list *l; (l = hub_list_pop(&c->gone));) {
        struct memory_watched *k = HUB_CONTAINER(l, struct memory_watched, gone);
        if (!hub_cache_find(c, key_of(k))) end_watched(k);
    }
}

static void on_look(struct hub_timer *t) {
    struct memory_cache *c = HUB_CONTAINER(t, struct memory_cache, look);
    void *value;
    for (void *it = NULL; (it = hub_map_next(&c->watched, it, NULL, &value));) hub_cache_find(c, key_of(value));
    if (hub_map_len(&c->watched)) hub_timer_start(c->loop, t, LOOK_MS, on_look);
}

struct hub_cache_watch *hub_memory_watch(struct hub_cache *base, struct hub_str key, hub_cache_gone_cb *cb, void *arg) {
    struct memory_cache *c = HUB_CONTAINER(base, struct memory_cache, base);
    struct memory_watched *k = hub_map_get(&c->watched, key);
    struct memory_watch *w = hub_xmalloc(sizeof *w);
    if (!k) {
        k = hub_xmalloc(sizeof *k + key.n);
        *k = (struct memory_watched){.cache = c, .key_n = key.n};
        memcpy(k->key, key.p, key.n);
        hub_list_init(&k->gone);
        hub_list_init(&k->watches);
        hub_map_put(&c->watched, key, k);
        if (!hub_cache_find(c, key)) hub_cache_dropped(c, key);
    }
    *w = (struct memory_watch){.base = {cb, arg}, .of = k};
    hub_list_push(&k->watches, &w->link);
    if (!hub_timer_running(&c->look)) hub_timer_start(c->loop, &c->look, LOOK_MS, on_look);
    return &w->base;
}

void hub_memory_unwatch(struct hub_cache_watch *base) {
    struct memory_watch *w = HUB_CONTAINER(base, struct memory_watch, base);
    struct memory_watched *k = w->of;
    hub_list_remove(&w->link);
    free(w);
    if (k->ending || !hub_list_empty(&k->watches)) return;
    forget_watched(k);
    free(k);
}

void hub_cache_watch_init(struct memory_cache *c) {
    hub_list_init(&c->gone);
    c->tell.run = on_tell;
}

void hub_cache_watch_deinit(struct memory_cache *c) {
    hub_defer_cancel(&c->tell);
    hub_timer_stop(c->loop, &c->look);
    hub_map_clear(&c->watched); /* empty: watches have ended */
}
