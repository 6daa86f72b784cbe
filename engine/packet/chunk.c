/* Shared outbound bytes: whole server-to-client WebSocket frames, end to end. */
#include "packet/chunk.h"

#include <stdlib.h>

#include "base/mem.h"
#include "packet/ws.h"

struct hub_chunk *hub_chunk_new(size_t cap) {
    struct hub_chunk *c = hub_xcalloc(1, sizeof *c);
    c->refs = 1;
    c->cap = (uint32_t)(cap ? cap : 64);
    c->p = hub_xmalloc(c->cap);
    return c;
}

void hub_chunk_unref(struct hub_chunk *c) {
    if (!c || --c->refs) return;
    free(c->p);
    free(c);
}

static void make_chunk_room(struct hub_chunk *c, uint64_t more) {
    uint64_t need = c->n + more, cap = c->cap;
    if (need > UINT32_MAX) abort(); /* payloads are bounded long before this */
    if (need <= cap) return;
    while (cap < need) cap *= 2;
    c->cap = cap < UINT32_MAX ? (uint32_t)cap : UINT32_MAX;
    c->p = hub_xrealloc(c->p, c->cap);
}

uint32_t hub_chunk_add_frame(struct hub_chunk *c, int opcode, struct hub_str payload) {
    uint8_t head[10];
    size_t head_n = hub_ws_head_write(head, opcode, payload.n);
    make_chunk_room(c, head_n + payload.n);
    memcpy(c->p + c->n, head, head_n);
    if (payload.n) memcpy(c->p + c->n + head_n, payload.p, payload.n);
    c->n += (uint32_t)(head_n + payload.n);
    return (uint32_t)(head_n + payload.n);
}

struct hub_chunk *hub_chunk_frame(int opcode, struct hub_str payload) {
    struct hub_chunk *c = hub_chunk_new(payload.n + 10);
    hub_chunk_add_frame(c, opcode, payload);
    return c;
}

bool hub_chunk_next(const char *p, size_t n, size_t *at, int *opcode, struct hub_str *payload) {
    if (*at > n || n - *at < 2) return false;
    const unsigned char *f = (const unsigned char *)p + *at;
    size_t wide = f[1] == 127 ? 8 : f[1] == 126 ? 2 : 0; /* bytes of the extended length */
    size_t left = n - *at - 2;
    if (left < wide) return false;
    uint64_t len = wide ? hub_ws_number(f + 2, wide) : f[1];
    if (left - wide < len) return false;
    *opcode = f[0] & 15;
    *payload = hub_str(p + *at + 2 + wide, (size_t)len);
    *at += 2 + wide + (size_t)len;
    return true;
}
