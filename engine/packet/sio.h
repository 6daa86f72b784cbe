/* Socket.IO 5 packets: pure functions. https://socket.io/docs/v4/socket-io-protocol/
 * Text form: <type>[<attachments>-][<namespace>,][<ack id>][JSON]. */
#ifndef HUB_PACKET_SIO_H
#define HUB_PACKET_SIO_H
#include "base/text/buf.h"

enum hub_sio_type {
    HUB_SIO_CONNECT,
    HUB_SIO_DISCONNECT,
    HUB_SIO_EVENT,
    HUB_SIO_ACK,
    HUB_SIO_CONNECT_ERROR,
    HUB_SIO_BINARY_EVENT,
    HUB_SIO_BINARY_ACK
};

#define HUB_SIO_MAX_ATTACHMENTS 64 /* what an event may carry */
#define HUB_SIO_MAX_SENT 10        /* the same towards clients: stock ones break off at more (socket.io-parser 4.2.6) */
#define HUB_SIO_MAX_ANNOUNCED 10000 /* beyond this a count is no count, and the protocol broken */

struct hub_sio_packet {
    enum hub_sio_type type;
    uint32_t attachments; /* may be more than HUB_SIO_MAX_ATTACHMENTS: the caller refuses those */
    struct hub_str nsp;   /* "/" when absent; as the client wrote it, with a query behind '?' */
    int64_t id;           /* ack id, -1 when absent */
    struct hub_str data;  /* the JSON text, possibly empty */
};

/* Splits TEXT (without the Engine.IO type character). False when it is no Socket.IO packet: unknown type,
 * broken attachment count, id over 2^53, attachments on a type that has none, data missing or of the wrong
 * kind for the type (EVENT and ACK carry an array, CONNECT an object or nothing). An ACK without id is a
 * packet that nobody waits for. JSON itself is not checked here. */
bool hub_sio_parse(struct hub_str text, struct hub_sio_packet *out);
/* The name to look a namespace up by: without the query. */
struct hub_str hub_sio_nsp_path(struct hub_str nsp);

/* Appends "4" + type + … up to where the JSON starts. NSP "/" is left out; ID < 0 is left out. */
void hub_sio_head(struct hub_buf *b, enum hub_sio_type type, uint32_t attachments, struct hub_str nsp, int64_t id);
/* A whole EVENT as an Engine.IO message: 42/nsp,["event",ARGS] where ARGS is JSON text without brackets,
 * may be empty. */
void hub_sio_event(struct hub_buf *b, struct hub_str nsp, int64_t id, struct hub_str event, struct hub_str args);
#endif
