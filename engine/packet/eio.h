/* Engine.IO 4 packets and payloads: pure functions. https://socket.io/docs/v4/engine-io-protocol/ */
#ifndef HUB_PACKET_EIO_H
#define HUB_PACKET_EIO_H
#include "base/text/buf.h"

enum hub_eio_type {
    HUB_EIO_OPEN,
    HUB_EIO_CLOSE,
    HUB_EIO_PING,
    HUB_EIO_PONG,
    HUB_EIO_MESSAGE,
    HUB_EIO_UPGRADE,
    HUB_EIO_NOOP,
    HUB_EIO_BINARY
};

struct hub_eio_packet {
    enum hub_eio_type type;
    struct hub_str data; /* after the type character; for HUB_EIO_BINARY still base64 */
};

/* One packet as text ("4hello"), of a polling payload or a text frame. False when it is malformed. */
bool hub_eio_parse(struct hub_str text, struct hub_eio_packet *out);
/* Polling payloads: packets separated by 0x1e. Takes the next one off *rest; false at the end. */
bool hub_eio_next(struct hub_str *rest, struct hub_str *packet);
/* Appends to a polling payload a packet given as it is framed for WebSocket: text payload with its type
 * character, or binary bytes (which become 'b' + base64). Adds the separator when B is not empty. */
void hub_eio_payload_add(struct hub_buf *b, bool binary, struct hub_str payload);
/* The open packet '0{…}'. */
void hub_eio_open(struct hub_buf *b, const char *sid, bool offer_websocket, int64_t ping_interval, int64_t ping_timeout,
                  int64_t max_payload);
#endif
