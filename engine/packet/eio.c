/* Engine.IO 4 packets and polling payloads. */
#include "packet/eio.h"

#define SEPARATOR '\x1e'

bool hub_eio_parse(struct hub_str text, struct hub_eio_packet *out) {
    if (!text.n) return false;
    out->data = hub_str(text.p + 1, text.n - 1);
    if (text.p[0] == 'b') {
        out->type = HUB_EIO_BINARY;
        return true;
    }
    if (text.p[0] < '0' || text.p[0] > '6') return false;
    out->type = (enum hub_eio_type)(text.p[0] - '0');
    return true;
}

bool hub_eio_next(struct hub_str *rest, struct hub_str *packet) { return hub_str_split(rest, SEPARATOR, packet); }

void hub_eio_payload_add(struct hub_buf *b, bool binary, struct hub_str payload) {
    if (b->n) hub_buf_addc(b, SEPARATOR);
    if (binary) {
        hub_buf_addc(b, 'b');
        hub_buf_add_base64(b, payload);
    } else {
        hub_buf_adds(b, payload);
    }
}

void hub_eio_open(struct hub_buf *b, const char *sid, bool offer_websocket, int64_t ping_interval, int64_t ping_timeout,
                  int64_t max_payload) {
    hub_buf_addz(b, "0{\"sid\":\""), hub_buf_addz(b, sid);
    hub_buf_addz(b, offer_websocket ? "\",\"upgrades\":[\"websocket\"]" : "\",\"upgrades\":[]");
    hub_buf_addz(b, ",\"pingInterval\":"), hub_buf_addi(b, ping_interval);
    hub_buf_addz(b, ",\"pingTimeout\":"), hub_buf_addi(b, ping_timeout);
    hub_buf_addz(b, ",\"maxPayload\":"), hub_buf_addi(b, max_payload);
    hub_buf_addc(b, '}');
}
