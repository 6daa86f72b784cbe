/* Shared outbound bytes: whole server-to-client WebSocket frames, end to end. */
#include "packet/chunk.h"

#include <stdlib.h>

#include "base/memory/block.h"
#include "base/memory/mem.h"
#include "packet/chunk_int.h"
#include "packet/ws.h"

#define HEAD_MAX 10
#define HEAD_USUAL 4

struct hub_chunk *hub_chunk_new(size_t cap) {
    struct hub_chunk *c = hub_block_take(sizeof *c);
    *c = (struct hub_chunk){.refs = 1, .cap = (uint32_t)(cap ? cap : 64)};
    c->p = hub_block_take(c->cap);
    return c;
}

void hub_chunk_unref(struct hub_chunk *c) {
    if (!c || --c->refs) return;
    if (c->deflated) hub_chunk_deflated_free(c->deflated);
    hub_block_give(c->p);
    hub_block_give(c);
}

static void make_chunk_room(struct hub_chunk *c, uint64_t more) {
    uint64_t need = c->n + more, cap = c->cap;
    if (need > UINT32_MAX) abort(); /* payloads are bounded long before this */
    if (need <= cap) return;
    while (cap < need) cap *= 2;
    c->cap = cap < UINT32_MAX ? (uint32_t)cap : UINT32_MAX;
    c->p = hub_xrealloc(c->p, c->cap);
}

static void note_payload(struct hub_chunk *c, int opcode, size_t n) {
    if (opcode < HUB_WS_CLOSE && n > c->largest) c->largest = (uint32_t)n;
}

uint32_t hub_chunk_add_frame(struct hub_chunk *c, int opcode, struct hub_str payload) {
    uint8_t head[HEAD_MAX];
    size_t head_n = hub_ws_head_write(head, opcode, payload.n);
    make_chunk_room(c, head_n + payload.n);
    memcpy(c->p + c->n, head, head_n);
    if (payload.n) memcpy(c->p + c->n + head_n, payload.p, payload.n);
    c->n += (uint32_t)(head_n + payload.n);
    note_payload(c, opcode, payload.n);
    return (uint32_t)(head_n + payload.n);
}

/* The payload goes where it belongs if its head is of the middle size, of 126 to 65535 bytes. Otherwise it
 * is moved by a few bytes, which is nothing for the short ones. */
void hub_chunk_begin_frame(struct hub_chunk *c, struct hub_buf *payload) {
    *payload = (struct hub_buf){.p = c->p, .n = c->n, .cap = c->cap};
    hub_buf_reserve(payload, HEAD_MAX);
    payload->n += HEAD_USUAL;
    c->p = NULL; /* until it ends */
}

uint32_t hub_chunk_end_frame(struct hub_chunk *c, int opcode, struct hub_buf *payload) {
    uint8_t head[HEAD_MAX];
    size_t n = payload->n - c->n - HEAD_USUAL, head_n = hub_ws_head_write(head, opcode, n);
    if (head_n > HEAD_USUAL) hub_buf_reserve(payload, head_n - HEAD_USUAL);
    char *frame = payload->p + c->n;
    if (head_n != HEAD_USUAL) memmove(frame + head_n, frame + HEAD_USUAL, n);
    memcpy(frame, head, head_n);
    if (c->n + head_n + n > UINT32_MAX) abort(); /* payloads are bounded long before this */
    c->p = payload->p;
    c->n += (uint32_t)(head_n + n);
    c->cap = payload->cap < UINT32_MAX ? (uint32_t)payload->cap : UINT32_MAX;
    *payload = (struct hub_buf){0};
    note_payload(c, opcode, n);
    return (uint32_t)(head_n + n);
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
