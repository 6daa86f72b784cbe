/* Open addressing, linear probing; what is removed leaves no mark, those behind it move up. */
#include "base/collection/keyed.h"

#include <stdlib.h>

#include "base/collection/map.h"
#include "base/memory/mem.h"

#define SMALLEST 4u

static uint32_t *hashes_of(const struct hub_keyed *x) { return (uint32_t *)(void *)(x->values + x->cap); }

void hub_keyed_init(struct hub_keyed *x, hub_keyed_key *key_of) { *x = (struct hub_keyed){.key_of = key_of}; }

/* Where KEY is, or would be. */
static uint32_t place_of(const struct hub_keyed *x, struct hub_str key, uint32_t hash) {
    const uint32_t *hashes = hashes_of(x);
    uint32_t i = hash & (x->cap - 1);
    while (x->values[i] && (hashes[i] != hash || !hub_str_eq(x->key_of(x->values[i]), key))) i = (i + 1) & (x->cap - 1);
    return i;
}

static void set_place(struct hub_keyed *x, uint32_t i, void *value, uint32_t hash) {
    x->values[i] = value;
    hashes_of(x)[i] = hash;
}

static void resize_index(struct hub_keyed *x, uint32_t cap) {
    struct hub_keyed old = *x;
    const uint32_t *hashes = hashes_of(&old);
    x->values = hub_xcalloc(cap, sizeof *x->values + sizeof *hashes);
    x->cap = cap;
    for (uint32_t i = 0; i < old.cap; i++) {
        uint32_t at = old.values[i] ? hashes[i] & (cap - 1) : 0;
        while (old.values[i] && x->values[at]) at = (at + 1) & (cap - 1);
        if (old.values[i]) set_place(x, at, old.values[i], hashes[i]);
    }
    free(old.values);
}

void *hub_keyed_get(const struct hub_keyed *x, struct hub_str key) {
    return x->n ? x->values[place_of(x, key, (uint32_t)hub_hash(key.p, key.n))] : NULL;
}

void *hub_keyed_put(struct hub_keyed *x, void *value) {
    struct hub_str key = x->key_of(value);
    uint32_t hash = (uint32_t)hub_hash(key.p, key.n);
    if (x->n >= x->cap / 4 * 3) resize_index(x, x->cap ? 2 * x->cap : SMALLEST);
    uint32_t i = place_of(x, key, hash);
    void *old = x->values[i];
    set_place(x, i, value, hash);
    if (!old) x->n++;
    return old;
}

/* Whether what is at I, which belongs at HOME, may stand at the free place. */
static bool may_move(const struct hub_keyed *x, uint32_t free_at, uint32_t home, uint32_t i) {
    uint32_t mask = x->cap - 1;
    return ((i - home) & mask) >= ((i - free_at) & mask);
}

static void *empty_place(struct hub_keyed *x, uint32_t at) {
    void *value = x->values[at];
    const uint32_t *hashes = hashes_of(x);
    for (uint32_t i = (at + 1) & (x->cap - 1); x->values[i]; i = (i + 1) & (x->cap - 1)) {
        if (!may_move(x, at, hashes[i] & (x->cap - 1), i)) continue;
        set_place(x, at, x->values[i], hashes[i]);
        at = i;
    }
    x->values[at] = NULL;
    if (--x->n == 0)
        hub_keyed_clear(x);
    else if (x->cap > SMALLEST && x->n < x->cap / 8)
        resize_index(x, x->cap / 2);
    return value;
}

void *hub_keyed_del(struct hub_keyed *x, struct hub_str key) {
    uint32_t at = x->n ? place_of(x, key, (uint32_t)hub_hash(key.p, key.n)) : 0;
    return x->n && x->values[at] ? empty_place(x, at) : NULL;
}

void *hub_keyed_next(const struct hub_keyed *x, size_t *at) {
    while (*at < x->cap && !x->values[*at]) ++*at;
    return *at < x->cap ? x->values[(*at)++] : NULL;
}

void hub_keyed_clear(struct hub_keyed *x) {
    free(x->values);
    hub_keyed_init(x, x->key_of);
}
