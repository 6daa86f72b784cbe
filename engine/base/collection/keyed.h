/* Things that hold their key themselves, found by it: one costs a place in an array (12 bytes, of which
 * between three in eight and three in four are used) and no allocation, where struct hub_map takes a node and
 * a copy of the key. For what there may be ten thousands of. Keys may be chosen by strangers, as in maps. The
 * array grows and shrinks with what is in it. It never touches the values, and gives them in no order. */
#ifndef HUB_BASE_KEYED_H
#define HUB_BASE_KEYED_H
#include "base/text/str.h"

typedef struct hub_str hub_keyed_key(const void *value); /* the same as long as VALUE is in it */
struct hub_keyed {
    hub_keyed_key *key_of;
    void **values; /* NULL: the place is free; behind them, in the same allocation, their hashes */
    uint32_t n, cap;
};

void hub_keyed_init(struct hub_keyed *x, hub_keyed_key *key_of);    /* empty */
void *hub_keyed_get(const struct hub_keyed *x, struct hub_str key); /* NULL when absent */
/* Adds VALUE (not NULL), and returns the one of the same key whose place it takes, or NULL. */
void *hub_keyed_put(struct hub_keyed *x, void *value);
void *hub_keyed_del(struct hub_keyed *x, struct hub_str key); /* the removed value, or NULL */
static inline size_t hub_keyed_len(const struct hub_keyed *x) { return x->n; }
/* For (size_t at = 0; (v = hub_keyed_next(&x, &at));) …, which must not change the index. */
void *hub_keyed_next(const struct hub_keyed *x, size_t *at);
void hub_keyed_clear(struct hub_keyed *x); /* values, if any are left, are the caller's */
#endif
