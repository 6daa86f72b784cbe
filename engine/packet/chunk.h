/* Bytes on their way out. A chunk is a reference-counted, append-only run of whole WebSocket frames
 * (server to client, unmasked), shared by every connection that must receive them: a broadcast is encoded
 * and framed once, and what became due for a room in one turn lies end to end so that one send(2) carries
 * it. The long-polling transport walks the same frames back into Engine.IO packets. Loop thread only. */
#ifndef HUB_PACKET_CHUNK_H
#define HUB_PACKET_CHUNK_H
#include "base/text/buf.h"

struct hub_deflater;
struct hub_chunk_deflated;

struct hub_chunk {
    uint32_t refs;
    uint32_t n, cap;
    uint32_t largest; /* bytes of the largest payload that is no control frame's */
    char *p;          /* may move while the chunk grows: holders keep (offset, length), never pointers */
    struct hub_chunk_deflated *deflated; /* for hub_chunk_deflate; NULL until it was needed */
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
HUB_MUST struct hub_chunk *hub_chunk_frame(int opcode, struct hub_str payload);
/* The chunk that has the frames [*off, *off + *len) of C with payloads of THRESHOLD bytes and more compressed
 * (RFC 7692), and where they lie in it: that is C itself when there are none. Compressed is what does get
 * shorter, once for all who ask; what C has gained meanwhile is added. Borrowed from C, and the same as long
 * as it lives. THRESHOLD must always be the same for one chunk, and at least HUB_DEFLATE_MIN. */
HUB_MUST struct hub_chunk *hub_chunk_deflate(struct hub_chunk *c, struct hub_deflater *z, size_t threshold,
                                             uint32_t *off, uint32_t *len);
#define HUB_DEFLATE_MIN 64
/* Walks frames, compressed ones too: *at starts at 0 and is advanced; false at the end of the N bytes at
 * P. */
bool hub_chunk_next(const char *p, size_t n, size_t *at, int *opcode, struct hub_str *payload);
#endif
