/* Between the cache (entries, bounds, expiry), the Redis commands that work on its entries, and those who
 * wait for an entry's end. */
#ifndef HUB_ADAPTERS_MEMORY_CACHE_INT_H
#define HUB_ADAPTERS_MEMORY_CACHE_INT_H
#include <pthread.h>

#include "adapters/memory/memory.h"
#include "base/collection/keyed.h"
#include "base/collection/list.h"
#include "base/collection/map.h"

enum entry_kind { ENTRY_STRING, ENTRY_HASH, ENTRY_SET, ENTRY_LIST, ENTRY_WINDOW };

/* A piece of text in a hash, set or list. */
struct memory_item {
    struct hub_list link; /* lists only */
    size_t n;
    char p[];
};

/* What an entry holds that is no string. */
struct cache_items {
    struct hub_map map; /* hash: field → item; set: member → item (empty) */
    struct hub_list list;
    size_t list_n;
};

/* In one allocation: there may be one for each user of each room. */
struct cache_entry {
    struct hub_list used;      /* most recently used first */
    int64_t expires;           /* loop ms, 0 = never */
    size_t bytes;              /* what it counts against the bound */
    struct cache_items *items; /* NULL: it is a string */
    size_t string_n;
    uint32_t key_n;
    uint8_t kind; /* enum entry_kind */
    char text[];  /* the key, then the string */
};
static inline struct hub_str hub_cache_string(const struct cache_entry *e) {
    return hub_str(e->text + e->key_n, e->string_n);
}

/* A loop's way to the cache. */
struct memory_handle {
    struct hub_cache base; /* first member */
    struct memory_cache *c;
    struct hub_loop *loop;
    struct hub_timer sweep, look; /* its loop's; LOOK: for watched keys that expire */
    struct hub_task tell;         /* the same: of what was dropped by this loop */
    /* under the cache's lock: */
    struct hub_list link;   /* memory_cache.handles, or .leaving */
    struct hub_map watched; /* key → watched (watch.c) */
    struct hub_list gone;   /* of them, those whose entry was dropped */
    struct hub_task told;   /* of what was dropped by another loop */
    bool posted, closed;    /* TOLD is on its way */
};

/* What there is of a cache once. All of it under the lock. */
struct memory_cache {
    struct memory_handle first; /* what open gave: it is closed last */
    bool shared;                /* fixed: there may be several loops. Else nothing is locked */
    pthread_mutex_t lock;
    struct memory_handle *by; /* whose thread has the lock */
    struct hub_list handles, leaving;
    struct hub_keyed entries; /* key → cache_entry */
    struct hub_list used;
    size_t bytes, max_n, max_bytes;
    bool sweeping; /* a handle's timer runs, for entries that expire and nobody asks for */
    size_t swept;  /* where it goes on */
};

/* Around everything below that takes a cache: short, and no callback inside. */
struct memory_cache *hub_cache_lock(struct hub_cache *handle);
void hub_cache_unlock(struct memory_cache *c);
static inline int64_t hub_cache_now(const struct memory_cache *c) { return hub_loop_now(c->by->loop); }

struct cache_entry *hub_cache_find(struct memory_cache *c,
                                   struct hub_str key); /* NULL when absent or expired; moves to the front */
/* An empty one that is no string. KEY must be absent. */
struct cache_entry *hub_cache_make(struct memory_cache *c, struct hub_str key, enum entry_kind kind);
void hub_cache_drop(struct memory_cache *c, struct cache_entry *e);
void hub_cache_grow(struct memory_cache *c, struct cache_entry *e,
                    size_t by); /* count only; bounds are restored by hub_cache_trim */
void hub_cache_shrink(struct memory_cache *c, struct cache_entry *e, size_t by);
void hub_cache_trim(struct memory_cache *c);
/* What is at KEY (OLD, of any kind; NULL: nothing) becomes the string VALUE; EXPIRES as in the entry. OLD may
 * be freed. */
void hub_cache_set_string(struct memory_cache *c, struct cache_entry *old, struct hub_str key, struct hub_str value,
                          int64_t expires);
struct memory_item *hub_cache_item(struct hub_str s);
size_t hub_cache_item_bytes(struct hub_str key, struct hub_str value);

void hub_cache_watch_init(struct memory_handle *h);
/* False: another loop has posted a task to it, which frees it. */
bool hub_cache_watch_deinit(struct memory_handle *h);
void hub_cache_dropped(struct memory_cache *c, struct hub_str key); /* the entry is gone, and may come back at once */
struct hub_cache_watch *hub_memory_watch(struct hub_cache *base, struct hub_str key, hub_cache_gone_cb *cb, void *arg);
void hub_memory_unwatch(struct hub_cache_watch *w);

/* window.c: of a shared cache. */
void hub_memory_take(struct hub_cache *c, struct hub_str key, int64_t limit, int64_t window_ms, hub_cache_take_cb *cb,
                     void *arg);
void hub_memory_give(struct hub_cache *c, struct hub_str key, int64_t window_ms);

void hub_cache_command(struct hub_cache *c, const json_t *args, hub_cache_call_cb *cb, void *arg);
#endif
