/* Inbound WebSocket bytes of one connection, turned into whole messages: unmasking, fragments, UTF-8 and
 * every limit of RFC 6455. No sockets here. Costs no heap memory between messages. */
#ifndef HUB_TRANSPORT_WS_IN_H
#define HUB_TRANSPORT_WS_IN_H
#include "base/buf.h"

struct hub_ws_in {
    struct hub_buf part;    /* the beginning of a frame whose end has not arrived */
    struct hub_buf message; /* the fragments so far of a fragmented message */
    uint8_t opcode;         /* of the fragmented message, 0 when there is none */
};

enum hub_ws_in_end {
    HUB_WS_IN_MORE = 0, /* everything was taken */
    HUB_WS_IN_STOPPED,  /* the callback returned false */
    HUB_WS_IN_PROTOCOL = 1002,
    HUB_WS_IN_UTF8 = 1007,
    HUB_WS_IN_TOO_LARGE = 1009 /* these three are the close codes to answer with */
};

/* A whole message (HUB_WS_TEXT, valid UTF-8, or HUB_WS_BINARY) or control frame; PAYLOAD is valid during
 * the call. False stops. */
typedef bool (*hub_ws_in_fn)(void *arg, int opcode, struct hub_str payload);

/* Takes N bytes; they are unmasked in place. After anything but HUB_WS_IN_MORE the rest of the input is
 * lost. */
enum hub_ws_in_end hub_ws_in_feed(struct hub_ws_in *in, char *p, size_t n, size_t max_payload, hub_ws_in_fn fn,
                                  void *arg);
void hub_ws_in_free(struct hub_ws_in *in);
#endif
