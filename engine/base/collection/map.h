/* A hash map from byte strings to pointers, with keys copied. Keys may be chosen by strangers: the hash is
 * SipHash-1-3 under a random key drawn at start. Zero-initialised is empty: struct hub_map m = {0};
 * The map never touches the values. Iteration order is insertion order; see hub_map_next. */
#ifndef HUB_BASE_MAP_H
#define HUB_BASE_MAP_H
#include "base/text/str.h"

struct hub_map_node;
struct hub_map {
    struct hub_map_node *head;
};

void *hub_map_get(const struct hub_map *m, struct hub_str key); /* NULL when absent */
/* Stores VALUE (not NULL) and returns the value it replaced, or NULL. */
void *hub_map_put(struct hub_map *m, struct hub_str key, void *value);
void *hub_map_del(struct hub_map *m, struct hub_str key); /* the removed value, or NULL */
size_t hub_map_len(const struct hub_map *m);
/* Of a map that has numbers in the place of values: adds BY to that of KEY, which is absent when it is 0.
 * The sum. */
size_t hub_map_count(struct hub_map *m, struct hub_str key, int by);
/* Frees keys and nodes; values, if any are left, are the caller's. */
void hub_map_clear(struct hub_map *m);
/* Iteration: for (void *it = NULL; (it = hub_map_next(&m, it, &key, &value));) … The entry just returned
 * must not be deleted by the body; use hub_map_drain to empty a map. KEY, VALUE may be NULL. */
void *hub_map_next(const struct hub_map *m, void *it, struct hub_str *key, void **value);
/* Removes some entry and returns its value; NULL when empty. */
void *hub_map_drain(struct hub_map *m);

/* Keyed 64-bit hash under the process's random key. From any thread, as far as one map is used by one at a
 * time. */
uint64_t hub_hash(const void *p, size_t n);
#endif
