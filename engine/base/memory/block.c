/* Free blocks in lists by size: what malloc says they have, or what was asked of it. */
#include "base/memory/block.h"

#include <jansson.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory/mem.h"

#define SMALLEST 24u /* bytes; then in steps of 16: those that glibc's malloc gives */
#define STEP 16u
#define SIZES 80u /* up to 1,288 bytes */
#define KEPT_MAX (1u << 20)

struct block {
    struct block *next;
};

struct blocks {
    struct block *free[SIZES];
    size_t bytes;
};

/* Of the thread that called hub_block_keep; NULL in all others. */
static _Thread_local struct blocks *kept;

static size_t bytes_of(size_t size) { return SMALLEST + STEP * size; }

static size_t size_for(size_t n) { return n <= SMALLEST ? 0 : (n - SMALLEST + STEP - 1) / STEP; }

void *hub_block_find(size_t n) {
    size_t size = size_for(n);
    struct block *b = kept && size < SIZES ? kept->free[size] : NULL;
    if (!b) return NULL;
    kept->free[size] = b->next;
    kept->bytes -= bytes_of(size);
    return b;
}

/* Also where nothing is kept: it may be given when that has begun. */
size_t hub_block_bytes(size_t n) {
#ifdef __SANITIZE_ADDRESS__
    return n;
#else
    size_t size = size_for(n);
    return size < SIZES ? bytes_of(size) : n;
#endif
}

void *hub_block_take(size_t n) {
    void *p = hub_block_find(n);
    return p ? p : hub_xmalloc(hub_block_bytes(n));
}

/* P has at least bytes_of(SIZE). */
static void keep_block(void *p, size_t size) {
    struct block *b = p;
    if (size >= SIZES || kept->bytes > KEPT_MAX) {
        free(p);
        return;
    }
    b->next = kept->free[size];
    kept->free[size] = b;
    kept->bytes += bytes_of(size);
}

void hub_block_give(void *p) {
    size_t n = kept && p ? malloc_usable_size(p) : 0;
    keep_block(p, n < SMALLEST ? SIZES : (n - SMALLEST) / STEP);
}

void hub_block_give_sized(void *p, size_t n) { keep_block(p, kept && p ? size_for(n) : SIZES); }

static pthread_once_t jansson_once = PTHREAD_ONCE_INIT;

static void keep_trees(void) {
#ifndef __SANITIZE_ADDRESS__
    json_set_alloc_funcs(hub_block_take, hub_block_give);
#endif
}

/* Jansson's functions are the process's: they are set once, for others may be using them. */
void hub_block_keep(void) {
    pthread_once(&jansson_once, keep_trees);
#ifndef __SANITIZE_ADDRESS__
    if (!kept) kept = hub_xcalloc(1, sizeof *kept);
#endif
}

void hub_block_drop(void) {
    struct blocks *all = kept;
    kept = NULL; /* from here on blocks go to malloc */
    for (size_t i = 0; all && i < SIZES; i++)
        for (struct block *b; (b = all->free[i]); free(b)) all->free[i] = b->next;
    free(all);
}
