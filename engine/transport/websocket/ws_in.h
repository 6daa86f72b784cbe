/* Inbound WebSocket bytes of one connection, turned into whole messages: unmasking, fragments, compression,
 * UTF-8 and every limit of RFC 6455 and 7692. No sockets here. Costs no heap memory between messages. */
#ifndef HUB_TRANSPORT_WS_IN_H
#define HUB_TRANSPORT_WS_IN_H
#include "base/text/buf.h"

struct hub_inflater;

struct hub_ws_in {
    struct hub_buf part;    /* the beginning of a frame whose end has not arrived; all that waits while it is paused */
    struct hub_buf message; /* the fragments so far of a fragmented message */
    uint8_t opcode;         /* of the fragmented message, 0 when there is none */
    bool deflated;          /* the fragmented message is */
    bool paused;            /* see hub_ws_in_feed */
};

enum hub_ws_in_end {
    HUB_WS_IN_MORE = 0, /* everything was taken */
    HUB_WS_IN_STOPPED,  /* the callback returned false */
    HUB_WS_IN_PROTOCOL = 1002,
    HUB_WS_IN_DATA = 1007,     /* text that is not UTF-8, or what cannot be inflated */
    HUB_WS_IN_TOO_LARGE = 1009 /* these three are the close codes to answer with */
};

/* A whole message (HUB_WS_TEXT, valid UTF-8, or HUB_WS_BINARY) or control frame; PAYLOAD is valid during
 * the call. False stops. */
typedef bool (*hub_ws_in_fn)(void *arg, int opcode, struct hub_str payload);

struct hub_ws_in_rules {
    size_t max_payload;            /* bytes of a message, as it comes and inflated */
    struct hub_inflater *inflater; /* NULL: compression was not agreed on */
    hub_ws_in_fn fn;
    void *arg;
};

/* What one call inflates before it pauses. */
#define HUB_WS_IN_INFLATED 65536

/* Takes N bytes; they are unmasked in place. After anything but HUB_WS_IN_MORE the rest of the input is
 * lost.
 *
 * A few bytes may inflate to a thousand times as many, so one call inflates HUB_WS_IN_INFLATED bytes, or the
 * message that goes beyond, and then pauses: the rest is kept, IN->paused is set, and the next call goes on,
 * with N = 0 as a rule: nothing should be read from the peer meanwhile. */
enum hub_ws_in_end hub_ws_in_feed(struct hub_ws_in *in, char *p, size_t n, const struct hub_ws_in_rules *rules);
void hub_ws_in_free(struct hub_ws_in *in); /* leaves it empty and usable */
static inline bool hub_ws_in_is_empty(const struct hub_ws_in *in) {
    return !in->part.p && !in->message.p && !in->opcode && !in->paused;
}
#endif
