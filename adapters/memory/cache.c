/* The cache of a single node: entries bounded by number and bytes, expiring when looked at, or soon after. */
#include <stdlib.h>

#include "adapters/memory/cache_int.h"
#include "base/memory/mem.h"
#include "base/telemetry/metric.h"

#define ENTRY_COST (sizeof(struct cache_entry) + 48) /* with its place in the index and allocator overhead */
#define ITEM_COST (sizeof(struct memory_item) + 96)

static struct hub_metric entries_metric =
    HUB_METRIC(HUB_GAUGE, "hubd_cache_entries", NULL, "Entries of the in-process cache");
static struct hub_metric evicted_metric =
    HUB_METRIC(HUB_COUNTER, "hubd_cache_evicted_total", NULL, "Entries evicted from the in-process cache to make room");

static struct memory_handle *handle_of(struct hub_cache *c) { return HUB_CONTAINER(c, struct memory_handle, base); }

static const struct hub_cache_ops shared_ops; /* of one that several loops share: it counts for them */

#define SWEEP_MS 5000
#define SWEEP_ENTRIES 4096 /* at a time */

/* ---- one loop at a time ---- */

struct memory_cache *hub_cache_lock(struct hub_cache *handle) {
    struct memory_handle *h = handle_of(handle);
    if (h->c->shared) pthread_mutex_lock(&h->c->lock);
    h->c->by = h;
    return h->c;
}

void hub_cache_unlock(struct memory_cache *c) {
    if (c->shared) pthread_mutex_unlock(&c->lock);
}

/* ---- entries ---- */

static struct hub_str entry_key(const void *entry) {
    const struct cache_entry *e = entry;
    return hub_str(e->text, e->key_n);
}

struct memory_item *hub_cache_item(struct hub_str s) {
    struct memory_item *i = hub_xmalloc(sizeof *i + s.n);
    i->n = s.n;
    if (s.n) memcpy(i->p, s.p, s.n);
    return i;
}

size_t hub_cache_item_bytes(struct hub_str key, struct hub_str value) { return ITEM_COST + key.n + value.n; }

static void free_entry(struct cache_entry *e) {
    struct cache_items *items = e->items;
    for (void *i; items && (i = hub_map_drain(&items->map));) free(i);
    for (struct hub_list *l; items && (l = hub_list_pop(&items->list));)
        free(HUB_CONTAINER(l, struct memory_item, link));
    free(items);
    free(e);
}

static bool is_expired(const struct memory_cache *c, const struct cache_entry *e) {
    return e->expires && e->expires <= hub_cache_now(c);
}

/* Some at a time. Those behind one that is dropped move up; whoever is passed over nevertheless, when the
 * array shrinks, comes the next time. */
static void on_sweep(struct hub_timer *t) {
    struct memory_handle *h = HUB_CONTAINER(t, struct memory_handle, sweep);
    struct memory_cache *c = hub_cache_lock(&h->base);
    struct cache_entry *e = NULL;
    for (int i = 0; i < SWEEP_ENTRIES && (e = hub_keyed_next(&c->entries, &c->swept)); i++)
        if (is_expired(c, e)) hub_cache_drop(c, e), c->swept--;
    if (!e) c->swept = 0;
    c->sweeping = hub_keyed_len(&c->entries) != 0;
    if (c->sweeping) hub_timer_start(h->loop, t, SWEEP_MS, on_sweep);
    hub_cache_unlock(c);
}

static void begin_sweeping(struct memory_cache *c) {
    if (c->sweeping) return;
    c->sweeping = true;
    hub_timer_start(c->by->loop, &c->by->sweep, SWEEP_MS, on_sweep);
}

void hub_cache_drop(struct memory_cache *c, struct cache_entry *e) {
    hub_keyed_del(&c->entries, entry_key(e));
    hub_list_remove(&e->used);
    c->bytes -= e->bytes;
    hub_cache_dropped(c, entry_key(e));
    free_entry(e);
    hub_metric_add(&entries_metric, -1);
}

struct cache_entry *hub_cache_find(struct memory_cache *c, struct hub_str key) {
    struct cache_entry *e = hub_keyed_get(&c->entries, key);
    if (!e) return NULL;
    if (is_expired(c, e)) {
        hub_cache_drop(c, e);
        return NULL;
    }
    hub_list_remove(&e->used);
    hub_list_push_front(&c->used, &e->used);
    return e;
}

static HUB_MUST struct cache_entry *new_entry(struct memory_cache *c, struct hub_str key, enum entry_kind kind,
                                              size_t string_n) {
    struct cache_entry *e = hub_xmalloc(sizeof *e + key.n + string_n);
    *e = (struct cache_entry){.kind = (uint8_t)kind, .key_n = (uint32_t)key.n, .string_n = string_n};
    if (key.n) memcpy(e->text, key.p, key.n);
    hub_list_push_front(&c->used, &e->used);
    hub_keyed_put(&c->entries, e);
    begin_sweeping(c);
    hub_cache_grow(c, e, ENTRY_COST + key.n + string_n);
    hub_metric_add(&entries_metric, 1);
    return e;
}

struct cache_entry *hub_cache_make(struct memory_cache *c, struct hub_str key, enum entry_kind kind) {
    struct cache_entry *e = new_entry(c, key, kind, 0);
    e->items = hub_xcalloc(1, sizeof *e->items);
    hub_list_init(&e->items->list);
    hub_cache_grow(c, e, sizeof *e->items);
    return e;
}

void hub_cache_grow(struct memory_cache *c, struct cache_entry *e, size_t by) { e->bytes += by, c->bytes += by; }
void hub_cache_shrink(struct memory_cache *c, struct cache_entry *e, size_t by) { e->bytes -= by, c->bytes -= by; }

void hub_cache_trim(struct memory_cache *c) {
    while (hub_keyed_len(&c->entries) > c->max_n || (c->bytes > c->max_bytes && hub_keyed_len(&c->entries))) {
        hub_metric_add(&evicted_metric, 1);
        hub_cache_drop(c, HUB_CONTAINER(c->used.prev, struct cache_entry, used));
    }
}

/* Takes the place of OLD in the index without being gone in between. */
static void replace_entry(struct memory_cache *c, struct cache_entry *old) {
    hub_list_remove(&old->used);
    c->bytes -= old->bytes;
    free_entry(old);
    hub_metric_add(&entries_metric, -1);
}

void hub_cache_set_string(struct memory_cache *c, struct cache_entry *old, struct hub_str key, struct hub_str value,
                          int64_t expires) {
    bool fits = old && !old->items && old->string_n == value.n;
    struct cache_entry *e = fits ? old : new_entry(c, key, ENTRY_STRING, value.n);
    if (value.n) memcpy(e->text + e->key_n, value.p, value.n);
    e->expires = expires;
    if (old && !fits) replace_entry(c, old);
}

/* ---- the table ---- */

static bool read_option(struct memory_cache *c, struct hub_str pair) {
    struct hub_str rest = pair, key;
    uint64_t v;
    hub_str_split(&rest, '=', &key);
    if (!rest.p || !hub_str_u64(rest, &v) || !v) return false;
    if (hub_str_is(key, "maxEntries"))
        c->max_n = (size_t)v;
    else if (hub_str_is(key, "maxBytes"))
        c->max_bytes = (size_t)v;
    else
        return false;
    return true;
}

static enum hub_code read_url(const char *url, struct memory_cache *out, struct hub_err *err) {
    struct hub_str rest = hub_cstr(url), head, pair;
    hub_str_split(&rest, '?', &head);
    bool good = hub_str_is(head, "memory:");
    while (good && rest.p && hub_str_split(&rest, '&', &pair)) good = read_option(out, pair);
    if (good) return HUB_OK;
    return hub_fail(err, HUB_BAD_REQUEST,
                    "cache.url \"%s\": expected \"memory:\", with ?maxEntries=N and &maxBytes=N if you like", url);
}

static enum hub_code cache_check(const struct hub_cache_config *config, struct hub_err *err) {
    struct memory_cache none = {0};
    return read_url(config->url, &none, err);
}

static void init_handle(struct memory_handle *h, struct memory_cache *c, struct hub_loop *loop) {
    *h = (struct memory_handle){.base.ops = c->shared ? &shared_ops : &hub_memory_cache_ops, .c = c, .loop = loop};
    hub_cache_watch_init(h);
    hub_list_push(&c->handles, &h->link);
}

static enum hub_code cache_open(const struct hub_cache_config *config, struct hub_cache **out, struct hub_err *err) {
    struct memory_cache made = {.shared = config->loops > 1, .max_n = 100000, .max_bytes = 64u << 20};
    enum hub_code code = read_url(config->url, &made, err);
    if (code) return code;
    struct memory_cache *c = hub_xmalloc(sizeof *c);
    *c = made;
    pthread_mutex_init(&c->lock, NULL);
    hub_list_init(&c->used);
    hub_list_init(&c->handles);
    hub_list_init(&c->leaving);
    hub_keyed_init(&c->entries, entry_key);
    init_handle(&c->first, c, config->loop);
    *out = &c->first.base;
    return HUB_OK;
}

static enum hub_code cache_attach(struct hub_cache *first, const struct hub_cache_config *config,
                                  struct hub_cache **out, struct hub_err *err) {
    struct memory_handle *h = hub_xmalloc(sizeof *h);
    (void)err;
    HUB_BUG_IF(!handle_of(first)->c->shared);
    struct memory_cache *c = hub_cache_lock(first);
    init_handle(h, c, config->loop);
    hub_cache_unlock(c);
    *out = &h->base;
    return HUB_OK;
}

static const struct cache_entry *string_at(struct memory_cache *c, struct hub_str key) {
    const struct cache_entry *e = hub_cache_find(c, key);
    return e && e->kind == ENTRY_STRING ? e : NULL;
}

static void cache_get(struct hub_cache *base, const struct hub_str *keys, size_t n, hub_cache_get_cb *cb, void *arg) {
    struct hub_str values[HUB_CACHE_KEYS_MAX] = {{0}};
    struct memory_item *copies[HUB_CACHE_KEYS_MAX] = {0};
    struct memory_cache *c = hub_cache_lock(base);
    /* The callback, and other loops, may change the cache, and its views must outlive that. */
    for (size_t i = 0; i < n; i++) {
        const struct cache_entry *e = string_at(c, keys[i]);
        if (!e) continue;
        copies[i] = hub_cache_item(hub_cache_string(e));
        values[i] = hub_str(copies[i]->p, copies[i]->n);
    }
    hub_cache_unlock(c);
    cb(arg, HUB_OK, values);
    for (size_t i = 0; i < n; i++) free(copies[i]);
}

static void put_value(struct memory_cache *c, struct hub_str key, struct hub_str value, int64_t ttl_ms) {
    struct cache_entry *e = hub_cache_find(c, key);
    hub_cache_set_string(c, e, key, value, ttl_ms > 0 ? hub_cache_now(c) + ttl_ms : 0);
    hub_cache_trim(c);
}

static void cache_set(struct hub_cache *base, struct hub_str key, struct hub_str value, int64_t ttl_ms,
                      hub_cache_done *cb, void *arg) {
    struct memory_cache *c = hub_cache_lock(base);
    put_value(c, key, value, ttl_ms);
    hub_cache_unlock(c);
    if (cb) cb(arg, HUB_OK);
}

static void cache_swap(struct hub_cache *base, struct hub_str key, struct hub_str was, struct hub_str value,
                       int64_t ttl_ms) {
    struct memory_cache *c = hub_cache_lock(base);
    const struct cache_entry *e = string_at(c, key);
    if (hub_str_eq(e ? hub_cache_string(e) : hub_str(NULL, 0), was)) put_value(c, key, value, ttl_ms);
    hub_cache_unlock(c);
}

static bool cache_ready(const struct hub_cache *c, struct hub_buf *why_not) {
    (void)c, (void)why_not;
    return true;
}

/* Nothing is ever open here. */
static void cache_stop(struct hub_cache *c) { (void)c; }

/* Whoever was to be told something when the loops ended has not been. */
static void free_cache(struct memory_cache *c) {
    for (struct hub_list *l; (l = hub_list_pop(&c->leaving));) free(HUB_CONTAINER(l, struct memory_handle, link));
    while (!hub_list_empty(&c->used)) hub_cache_drop(c, HUB_CONTAINER(c->used.next, struct cache_entry, used));
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static void cache_close(struct hub_cache *base) {
    struct memory_handle *h = handle_of(base);
    struct memory_cache *c = hub_cache_lock(base);
    if (hub_timer_running(&h->sweep)) c->sweeping = false; /* whoever makes an entry begins again */
    hub_timer_stop(h->loop, &h->sweep);
    hub_list_remove(&h->link);
    bool over = hub_cache_watch_deinit(h), first = h == &c->first;
    if (!over && !first) hub_list_push(&c->leaving, &h->link);
    hub_cache_unlock(c);
    if (first)
        free_cache(c);
    else if (over)
        free(h);
}

#define CACHE_OPS                                                                                            \
    .scheme = "memory",                                                                                      \
    .help = "memory:[?maxEntries=100000&maxBytes=67108864] - inside this process, for a single node",        \
    .check = cache_check, .open = cache_open, .attach = cache_attach, .get = cache_get, .set = cache_set,    \
    .swap = cache_swap, .watch = hub_memory_watch, .unwatch = hub_memory_unwatch, .call = hub_cache_command, \
    .ready = cache_ready, .stop = cache_stop, .close = cache_close
const struct hub_cache_ops hub_memory_cache_ops = {CACHE_OPS};
static const struct hub_cache_ops shared_ops = {CACHE_OPS, .take = hub_memory_take, .give = hub_memory_give};
