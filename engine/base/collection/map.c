/* String map on uthash, with a keyed hash because keys come from strangers. */
#include "base/collection/map.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/crypto/random.h"
#include "base/memory/mem.h"

#define HASH_FUNCTION(KEY, LEN, HASHV) ((HASHV) = (unsigned)hub_hash((KEY), (LEN)))
#define uthash_malloc(SZ) hub_xmalloc(SZ)
#include <uthash.h>

struct hub_map_node {
    UT_hash_handle hh;
    void *value;
    char key[];
};

static uint64_t rotate_left(uint64_t x, int b) { return x << b | x >> (64 - b); }

#define SIPROUND                                                                                                 \
    (v0 += v1, v1 = rotate_left(v1, 13), v1 ^= v0, v0 = rotate_left(v0, 32), v2 += v3, v3 = rotate_left(v3, 16), \
     v3 ^= v2, v0 += v3, v3 = rotate_left(v3, 21), v3 ^= v0, v2 += v1, v1 = rotate_left(v1, 17), v1 ^= v2,       \
     v2 = rotate_left(v2, 32))

/* Drawn by the first who hashes. */
static uint64_t hash_key[2];
static bool has_key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void draw_key(void) {
    hub_random(hash_key, sizeof hash_key);
    __atomic_store_n(&has_key, true, __ATOMIC_RELEASE);
}

uint64_t hub_hash(const void *data, size_t n) {
    if (__builtin_expect(!__atomic_load_n(&has_key, __ATOMIC_ACQUIRE), 0)) pthread_once(&key_once, draw_key);
    const unsigned char *p = data;
    uint64_t v0 = hash_key[0] ^ 0x736f6d6570736575u, v1 = hash_key[1] ^ 0x646f72616e646f6du;
    uint64_t v2 = hash_key[0] ^ 0x6c7967656e657261u, v3 = hash_key[1] ^ 0x7465646279746573u;
    uint64_t tail = (uint64_t)n << 56;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t m;
        memcpy(&m, p, 8);
        v3 ^= m, SIPROUND, v0 ^= m;
    }
    for (size_t i = 0; i < n; i++) tail |= (uint64_t)p[i] << (8 * i);
    v3 ^= tail, SIPROUND, v0 ^= tail;
    v2 ^= 0xff, SIPROUND, SIPROUND, SIPROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}

#define FEW 8u /* looking at the keys of so many takes less than hashing one */

static struct hub_map_node *find_among_few(const struct hub_map *m, struct hub_str key) {
    struct hub_map_node *n = m->head;
    while (n && (n->hh.keylen != key.n || (key.n && memcmp(n->key, key.p, key.n)))) n = n->hh.next;
    return n;
}

static struct hub_map_node *find_node(const struct hub_map *m, struct hub_str key) {
    struct hub_map_node *n = NULL;
    if (HASH_COUNT(m->head) <= FEW) return find_among_few(m, key);
    HASH_FIND(hh, m->head, key.p, key.n, n);
    return n;
}

void *hub_map_get(const struct hub_map *m, struct hub_str key) {
    struct hub_map_node *n = find_node(m, key);
    return n ? n->value : NULL;
}

void *hub_map_put(struct hub_map *m, struct hub_str key, void *value) {
    struct hub_map_node *n = find_node(m, key);
    if (n) {
        void *old = n->value;
        n->value = value;
        return old;
    }
    n = hub_xmalloc(sizeof *n + key.n);
    n->value = value;
    if (key.n) memcpy(n->key, key.p, key.n);
    HASH_ADD_KEYPTR(hh, m->head, n->key, key.n, n);
    return NULL;
}

static void *unlink_node(struct hub_map *m, struct hub_map_node *n) {
    void *value = n->value;
    HASH_DEL(m->head, n);
    free(n);
    return value;
}

void *hub_map_del(struct hub_map *m, struct hub_str key) {
    struct hub_map_node *n = find_node(m, key);
    return n ? unlink_node(m, n) : NULL;
}

size_t hub_map_len(const struct hub_map *m) { return HASH_COUNT(m->head); }

size_t hub_map_count(struct hub_map *m, struct hub_str key, int by) {
    intptr_t n = (intptr_t)hub_map_get(m, key) + by;
    if (n)
        hub_map_put(m, key, (void *)n);
    else
        hub_map_del(m, key);
    return (size_t)n;
}

void *hub_map_drain(struct hub_map *m) { return m->head ? unlink_node(m, m->head) : NULL; }

void hub_map_clear(struct hub_map *m) {
    while (m->head) unlink_node(m, m->head);
}

void *hub_map_next(const struct hub_map *m, void *it, struct hub_str *key, void **value) {
    struct hub_map_node *n = it ? ((struct hub_map_node *)it)->hh.next : m->head;
    if (n && key) *key = hub_str(n->key, n->hh.keylen);
    if (n && value) *value = n->value;
    return n;
}
