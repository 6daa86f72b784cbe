/* Engine.IO payloads from strangers. What is accepted must be the same after it was written as a payload
 * again. */
#include <stdlib.h>

#include "packet/eio.h"

static bool decode(struct hub_str text, struct hub_buf *out, bool *binary) {
    struct hub_eio_packet p;
    hub_buf_clear(out);
    if (!hub_eio_parse(text, &p)) return false;
    *binary = p.type == HUB_EIO_BINARY;
    if (*binary) return hub_buf_add_unbase64(out, p.data);
    hub_buf_adds(out, text);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct hub_str rest = hub_str((const char *)data, n), text, packet;
    struct hub_buf payload = {0}, bytes = {0}, back = {0};
    size_t total = 0;
    while (rest.n && hub_eio_next(&rest, &text)) {
        bool binary, binary_again;
        total += text.n + 1;
        if (total > n + 1) abort();
        if (!decode(text, &bytes, &binary)) continue;
        hub_buf_clear(&payload);
        hub_eio_payload_add(&payload, false, HUB_STR("6"));
        hub_eio_payload_add(&payload, binary, hub_buf_str(&bytes));
        struct hub_str written = hub_buf_str(&payload);
        if (!hub_eio_next(&written, &packet) || !hub_str_is(packet, "6")) abort();
        if (!hub_eio_next(&written, &packet) || !decode(packet, &back, &binary_again)) abort();
        if (binary != binary_again || !hub_str_eq(hub_buf_str(&bytes), hub_buf_str(&back))) abort();
    }
    hub_buf_free(&payload);
    hub_buf_free(&bytes);
    hub_buf_free(&back);
    return 0;
}
