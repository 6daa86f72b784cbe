/* Those who wait for an entry's end. Whatever is said to be gone is looked up again at the end of the
 * turn: it may have come back. */
#include <stdlib.h>

#include "adapters/memory/cache_int.h"
#include "base/memory/mem.h"

#define LOOK_MS 1000 /* entries expire when looked at, so they are */

/* A key that somebody of a loop waits for. */
struct memory_watched {
    struct memory_handle *handle;
    struct hub_list gone;    /* in handle->gone */
    struct hub_list watches; /* its loop's */
    bool ending;             /* the same */
    size_t key_n;
    char key[];
};

struct memory_watch {
    struct hub_cache_watch base; /* first member */
    struct memory_watched *of;
    struct hub_list link;
};

static struct hub_str key_of(const struct memory_watched *k) { return hub_str(k->key, k->key_n); }

/* Its loop looks in a later turn, whichever loop this is. */
static void say_gone(struct memory_cache *c, struct memory_watched *k) {
    struct memory_handle *h = k->handle;
    if (hub_list_linked(&k->gone)) return;
    hub_list_push(&h->gone, &k->gone);
    if (h == c->by) {
        hub_defer(h->loop, &h->tell);
    } else if (!h->posted) {
        h->posted = true;
        hub_post(h->loop, &h->told);
    }
}

void hub_cache_dropped(struct memory_cache *c, struct hub_str key) {
    HUB_LIST_EACH(&c->handles, it) {
        struct memory_handle *h = HUB_CONTAINER(it, struct memory_handle, link);
        struct memory_watched *k = hub_map_len(&h->watched) ? hub_map_get(&h->watched, key) : NULL;
        if (k) say_gone(c, k);
    }
}

/* With the lock: from here on it is its loop's alone. */
static void forget_watched(struct memory_watched *k) {
    hub_map_del(&k->handle->watched, key_of(k));
    hub_list_remove(&k->gone);
}

static void end_watched(struct memory_watched *k) {
    k->ending = true;
    for (struct hub_list *l; (l = hub_list_pop(&k->watches));) {
        struct memory_watch *w = HUB_CONTAINER(l, struct memory_watch, link);
        w->base.cb(w->base.arg);
        free(w);
    }
    free(k);
}

/* One of those that are gone indeed; NULL: there is none any more. */
static HUB_MUST struct memory_watched *take_gone(struct memory_handle *h) {
    struct memory_watched *found = NULL;
    struct memory_cache *c = hub_cache_lock(&h->base);
    for (struct hub_list *l; !found && (l = hub_list_pop(&h->gone));) {
        struct memory_watched *k = HUB_CONTAINER(l, struct memory_watched, gone);
        if (hub_cache_find(c, key_of(k))) continue;
        forget_watched(k);
        found = k;
    }
    hub_cache_unlock(c);
    return found;
}

static void tell_gone(struct memory_handle *h) {
    for (struct memory_watched *k; (k = take_gone(h));) end_watched(k);
}

static void on_tell(struct hub_task *t) { tell_gone(HUB_CONTAINER(t, struct memory_handle, tell)); }

/* Another loop has dropped an entry. A handle that was closed meanwhile waits for nothing but this. */
static void on_told(struct hub_task *t) {
    struct memory_handle *h = HUB_CONTAINER(t, struct memory_handle, told);
    struct memory_cache *c = hub_cache_lock(&h->base);
    bool closed = h->closed;
    h->posted = false;
    if (closed) hub_list_remove(&h->link);
    hub_cache_unlock(c);
    if (closed)
        free(h);
    else
        tell_gone(h);
}

static void on_look(struct hub_timer *t) {
    struct memory_handle *h = HUB_CONTAINER(t, struct memory_handle, look);
    struct memory_cache *c = hub_cache_lock(&h->base);
    void *value;
    for (void *it = NULL; (it = hub_map_next(&h->watched, it, NULL, &value));) hub_cache_find(c, key_of(value));
    if (hub_map_len(&h->watched)) hub_timer_start(h->loop, t, LOOK_MS, on_look);
    hub_cache_unlock(c);
}

static struct memory_watched *watched_for(struct memory_cache *c, struct memory_handle *h, struct hub_str key) {
    struct memory_watched *k = hub_map_get(&h->watched, key);
    if (k) return k;
    k = hub_xmalloc(sizeof *k + key.n);
    *k = (struct memory_watched){.handle = h, .key_n = key.n};
    memcpy(k->key, key.p, key.n);
    hub_list_init(&k->gone);
    hub_list_init(&k->watches);
    hub_map_put(&h->watched, key, k);
    if (!hub_cache_find(c, key)) say_gone(c, k);
    return k;
}

struct hub_cache_watch *hub_memory_watch(struct hub_cache *base, struct hub_str key, hub_cache_gone_cb *cb, void *arg) {
    struct memory_handle *h = HUB_CONTAINER(base, struct memory_handle, base);
    struct memory_watch *w = hub_xmalloc(sizeof *w);
    struct memory_cache *c = hub_cache_lock(base);
    struct memory_watched *k = watched_for(c, h, key);
    hub_cache_unlock(c);
    *w = (struct memory_watch){.base = {cb, arg}, .of = k};
    hub_list_push(&k->watches, &w->link);
    if (!hub_timer_running(&h->look)) hub_timer_start(h->loop, &h->look, LOOK_MS, on_look);
    return &w->base;
}

void hub_memory_unwatch(struct hub_cache_watch *base) {
    struct memory_watch *w = HUB_CONTAINER(base, struct memory_watch, base);
    struct memory_watched *k = w->of;
    hub_list_remove(&w->link);
    free(w);
    if (k->ending || !hub_list_empty(&k->watches)) return;
    struct memory_cache *c = hub_cache_lock(&k->handle->base);
    forget_watched(k);
    hub_cache_unlock(c);
    free(k);
}

void hub_cache_watch_init(struct memory_handle *h) {
    hub_list_init(&h->gone);
    h->tell.run = on_tell;
    h->told.run = on_told;
}

bool hub_cache_watch_deinit(struct memory_handle *h) {
    hub_defer_cancel(&h->tell);
    hub_timer_stop(h->loop, &h->look);
    hub_map_clear(&h->watched); /* empty: watches have ended */
    h->closed = true;
    return !h->posted;
}
