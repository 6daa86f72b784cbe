/* Between the cache (entries, bounds, expiry), the Redis commands that work on its entries, and those who
 * wait for an entry's end. */
#ifndef HUB_ADAPTERS_MEMORY_CACHE_INT_H
#define HUB_ADAPTERS_MEMORY_CACHE_INT_H
#include "adapters/memory/memory.h"
#include "base/collection/keyed.h"
#include "base/collection/list.h"
#include "base/collection/map.h"

enum entry_kind { ENTRY_STRING, ENTRY_HASH, ENTRY_SET, ENTRY_LIST };

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

struct memory_cache {
    struct hub_cache base; /* first member */
    struct hub_loop *loop;
    struct hub_keyed entries; /* key → cache_entry */
    struct hub_list used;
    size_t bytes, max_n, max_bytes;
    struct hub_timer sweep; /* while there are entries: for those that expire and nobody asks for */
    size_t swept;           /* where it goes on */
    struct hub_map watched; /* key → watched (watch.c) */
    struct hub_list gone;   /* of them, those whose entry was dropped */
    struct hub_task tell;
    struct hub_timer look; /* for those that expire */
};

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

void hub_cache_watch_init(struct memory_cache *c);
void hub_cache_watch_deinit(struct memory_cache *c);
void hub_cache_dropped(struct memory_cache *c, struct hub_str key); /* the entry is gone, and may come back at once */
struct hub_cache_watch *hub_memory_watch(struct hub_cache *base, struct hub_str key, hub_cache_gone_cb *cb, void *arg);
void hub_memory_unwatch(struct hub_cache_watch *w);

void hub_cache_command(struct hub_cache *c, const json_t *args, hub_cache_call_cb *cb, void *arg);
#endif
