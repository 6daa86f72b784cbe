/* Allocation that cannot fail. */
#include "base/memory/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void out_of_memory(size_t n) {
    char text[80];
    snprintf(text, sizeof text, "hubd: out of memory (asked for %zu bytes)\n", n);
    hub_log_last_words(text);
    abort();
}

void *hub_xmalloc(size_t n) {
    void *p = malloc(n ? n : 1);
    if (!p) out_of_memory(n);
    return p;
}

#define SMALL_MAX 1024 /* malloc has blocks up to this size at hand; calloc of glibc does not look there */

/* On its own, or the compiler makes malloc and memset a calloc. */
static __attribute__((noinline)) void *clear_block(void *p, size_t n) { return memset(p, 0, n); }

void *hub_xcalloc(size_t count, size_t size) {
    if (count <= SMALL_MAX && size <= SMALL_MAX && count * size <= SMALL_MAX)
        return clear_block(hub_xmalloc(count * size), count * size);
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p) out_of_memory(count * size);
    return p;
}

void *hub_xrealloc(void *old, size_t n) {
    void *p = realloc(old, n ? n : 1);
    if (!p) out_of_memory(n);
    return p;
}

char *hub_xstrdup(const char *s) { return hub_xstrndup(s, strlen(s)); }

char *hub_xstrndup(const char *s, size_t n) {
    char *p = hub_xmalloc(n + 1);
    memcpy(p, s, n);
    p[n] = 0;
    return p;
}
