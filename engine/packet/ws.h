/* WebSocket framing (RFC 6455 section 5): pure functions over bytes. Of extensions there
 * is permessage-deflate (RFC 7692), without context takeover: its bit in a head, and its negotiation. */
#ifndef HUB_PACKET_WS_H
#define HUB_PACKET_WS_H
#include "base/text/buf.h"

enum { HUB_WS_CONT = 0, HUB_WS_TEXT = 1, HUB_WS_BINARY = 2, HUB_WS_CLOSE = 8, HUB_WS_PING = 9, HUB_WS_PONG = 10 };
/* Added to the opcode of hub_ws_head_write: the message is compressed (RSV1). */
enum { HUB_WS_DEFLATED = 0x40 };
enum hub_ws_parse { HUB_WS_OK, HUB_WS_MORE, HUB_WS_BAD };

struct hub_ws_head {
    bool fin, deflated;
    uint8_t opcode;
    uint8_t head; /* bytes of header, mask included */
    uint64_t len; /* bytes of payload */
    uint8_t mask[4];
};

/* The big-endian number in N bytes (2 or 8): an extended payload length. */
static inline uint64_t hub_ws_number(const unsigned char *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) v = v << 8 | p[i];
    return v;
}

/* Client to server: the mask bit is required (5.1), control frames are short and whole (5.5), lengths
 * minimal (5.2); only the first frame of a data message may say that it is deflated (RFC 7692, 6.1). */
enum hub_ws_parse hub_ws_head_parse(struct hub_str bytes, struct hub_ws_head *out);
/* Server to client: at most 10 bytes; returns how many. */
size_t hub_ws_head_write(uint8_t out[10], int opcode, uint64_t len);
/* XORs in place; OFFSET is the position of P in the payload. */
void hub_ws_unmask(char *p, size_t n, const uint8_t mask[4], uint64_t offset);
/* Payload of a close frame; REASON is cut at 123 bytes. */
void hub_ws_close_payload(struct hub_buf *out, int code, const char *reason);
/* Sec-WebSocket-Accept (4.2.2) for a key. OUT gets 28 characters and a NUL. */
void hub_ws_accept(struct hub_str key, char out[29]);
/* The answer to OFFERS, the value of Sec-WebSocket-Extensions: what is appended to OUT agrees on
 * permessage-deflate without context takeover on either side. False, and nothing appended, when none of the
 * offers can be taken. What goes to many is compressed with a window of 32 KiB, so an offer that asks for a
 * smaller one is passed over. */
HUB_MUST bool hub_ws_accept_deflate(struct hub_str offers, struct hub_buf *out);
#endif
