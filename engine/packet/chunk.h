/* Bytes on their way out. A chunk is a reference-counted, append-only run of whole WebSocket frames
 * (server to client, unmasked), shared by every connection that must receive them: a broadcast is encoded
 * and framed once, and what became due for a room in one turn lies end to end so that one send(2) carries
 * it. The long-polling transport walks the same frames back into Engine.IO packets. Loop thread only. */
#ifndef HUB_PACKET_CHUNK_H
#define HUB_PACKET_CHUNK_H
#include "base/buf.h"

struct hub_chunk {
    uint32_t refs;
    uint32_t n, cap;
    char *p; /* may move while the chunk grows: holders keep (offset, length), never pointers */
};

struct hub_chunk *hub_chunk_new(size_t cap); /* refs = 1 */
static inline struct hub_chunk *hub_chunk_ref(struct hub_chunk *c) { return c->refs++, c; }
void hub_chunk_unref(struct hub_chunk *c); /* NULL is fine */
/* Appends one unfragmented frame; returns its length in bytes, header included. */
uint32_t hub_chunk_add_frame(struct hub_chunk *c, int opcode, struct hub_str payload);
/* The same for a payload that is only being made: begin lends PAYLOAD, to which the caller appends and does
 * nothing else; end makes a frame of what was appended. Saves a buffer and a copy. Nothing else may happen
 * to the chunk in between. */
void hub_chunk_begin_frame(struct hub_chunk *c, struct hub_buf *payload);
uint32_t hub_chunk_end_frame(struct hub_chunk *c, int opcode, struct hub_buf *payload);
/* A chunk holding just one frame. */
struct hub_chunk *hub_chunk_frame(int opcode, struct hub_str payload);
/* Walks frames: *at starts at 0 and is advanced; false at the end of the N bytes at P. */
bool hub_chunk_next(const char *p, size_t n, size_t *at, int *opcode, struct hub_str *payload);
#endif
