/* A chain of chunks, and the JSON values that lean on them. */
#include "schema/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory/mem.h"

enum { CHUNK = 16 * 1024, ALIGN = 16 };

struct chunk {
    struct chunk *next;
    size_t used, cap;
    _Alignas(ALIGN) char bytes[];
};

struct kept_json {
    struct kept_json *next;
    json_t *value;
};

struct owned {
    struct owned *next;
    void *value;
    void (*free_it)(void *value);
};

struct hub_arena {
    struct chunk *chunks;
    struct kept_json *json;
    struct owned *owned;
};

struct hub_arena *hub_arena_new(void) {
    return hub_xcalloc(1, sizeof(struct hub_arena));
}

void hub_arena_free(struct hub_arena *a) {
    if (!a) return;
    for (struct kept_json *k = a->json; k; k = k->next) json_decref(k->value);
    for (struct owned *o = a->owned; o; o = o->next) o->free_it(o->value);
    for (struct chunk *c = a->chunks, *next; c; c = next) next = c->next, free(c);
    free(a);
}

void *hub_arena_zalloc(struct hub_arena *a, size_t n) {
    size_t need = (n + ALIGN - 1) / ALIGN * ALIGN;
    struct chunk *c = a->chunks;
    if (!c || c->cap - c->used < need) {
        size_t cap = need > CHUNK ? need : CHUNK;
        c = hub_xcalloc(1, sizeof *c + cap);
        c->cap = cap;
        c->next = a->chunks, a->chunks = c;
    }
    void *p = c->bytes + c->used;
    c->used += need;
    return p;
}

char *hub_arena_dup(struct hub_arena *a, struct hub_str s) {
    char *p = hub_arena_zalloc(a, s.n + 1);
    if (s.n) memcpy(p, s.p, s.n);
    return p;
}

char *hub_arena_fmt(struct hub_arena *a, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = hub_arena_zalloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}

json_t *hub_arena_json(struct hub_arena *a, json_t *value) {
    if (!value) return NULL;
    struct kept_json *k = hub_arena_zalloc(a, sizeof *k);
    k->value = value;
    k->next = a->json, a->json = k;
    return value;
}

void hub_arena_own(struct hub_arena *a, void *value, void (*free_it)(void *value)) {
    struct owned *o = hub_arena_zalloc(a, sizeof *o);
    *o = (struct owned){a->owned, value, free_it};
    a->owned = o;
}
