/* Sliding windows that several loops count in together. An entry is a list of moments, the oldest first,
 * each for as many as were taken then. */
#include <stdlib.h>

#include "adapters/memory/cache_int.h"
#include "base/memory/mem.h"

#define SLOTS_MAX \
    2048 /* moments of one window: beyond this limit one stands for several, and has the time of the last */

struct moment {
    int64_t at, n;
};

static struct moment moment_of(const struct hub_list *l) {
    struct moment m;
    memcpy(&m, HUB_CONTAINER(l, struct memory_item, link)->p, sizeof m);
    return m;
}

static void set_moment(struct hub_list *l, struct moment m) {
    memcpy(HUB_CONTAINER(l, struct memory_item, link)->p, &m, sizeof m);
}

static void free_moment(struct memory_cache *c, struct cache_entry *e, struct hub_list *l) {
    hub_list_remove(l);
    free(HUB_CONTAINER(l, struct memory_item, link));
    e->items->list_n--;
    hub_cache_shrink(c, e, hub_cache_item_bytes(HUB_STR(""), hub_str(NULL, sizeof(struct moment))));
}

static void add_moment(struct memory_cache *c, struct cache_entry *e, struct moment m) {
    struct memory_item *i = hub_cache_item(hub_str((const char *)&m, sizeof m));
    hub_list_push(&e->items->list, &i->link);
    e->items->list_n++;
    hub_cache_grow(c, e, hub_cache_item_bytes(HUB_STR(""), hub_str(NULL, sizeof m)));
}

/* Scripts may have put something else under the key: it is in nobody's way. */
static HUB_MUST struct cache_entry *window_at(struct memory_cache *c, struct hub_str key, bool make) {
    struct cache_entry *e = hub_cache_find(c, key);
    if (e && e->kind != ENTRY_WINDOW) {
        hub_cache_drop(c, e);
        e = NULL;
    }
    return e || !make ? e : hub_cache_make(c, key, ENTRY_WINDOW);
}

static void drop_old(struct memory_cache *c, struct cache_entry *e, int64_t until) {
    struct hub_list *all = &e->items->list;
    while (!hub_list_empty(all) && moment_of(all->next).at <= until) free_moment(c, e, all->next);
}

/* 0: one was taken; else how long the oldest still counts. */
static int64_t take_place(struct memory_cache *c, struct cache_entry *e, int64_t limit, int64_t window_ms) {
    struct hub_list *all = &e->items->list;
    int64_t now = hub_cache_now(c), slots = limit < SLOTS_MAX ? limit : SLOTS_MAX, per = (limit + slots - 1) / slots;
    drop_old(c, e, now - window_ms);
    struct moment last = hub_list_empty(all) ? (struct moment){now, per} : moment_of(all->prev);
    int64_t taken = hub_list_empty(all) ? 0 : (int64_t)(e->items->list_n - 1) * per + last.n;
    if (taken >= limit) {
        int64_t wait = moment_of(all->next).at + window_ms - now; /* loops' turns began at different times */
        return wait < 1 ? 1 : wait > window_ms ? window_ms : wait;
    }
    if (last.n < per)
        set_moment(all->prev, (struct moment){now, last.n + 1});
    else
        add_moment(c, e, (struct moment){now, 1});
    e->expires = now + window_ms;
    return 0;
}

void hub_memory_take(struct hub_cache *base, struct hub_str key, int64_t limit, int64_t window_ms,
                     hub_cache_take_cb *cb, void *arg) {
    struct memory_cache *c = hub_cache_lock(base);
    int64_t wait = take_place(c, window_at(c, key, true), limit, window_ms);
    hub_cache_trim(c);
    hub_cache_unlock(c);
    cb(arg, HUB_OK, wait);
}

void hub_memory_give(struct hub_cache *base, struct hub_str key, int64_t window_ms) {
    struct memory_cache *c = hub_cache_lock(base);
    struct cache_entry *e = window_at(c, key, false);
    struct hub_list *last = e && e->items->list_n ? e->items->list.prev : NULL;
    (void)window_ms;
    if (last && moment_of(last).n > 1)
        set_moment(last, (struct moment){moment_of(last).at, moment_of(last).n - 1});
    else if (last)
        free_moment(c, e, last);
    hub_cache_unlock(c);
}
