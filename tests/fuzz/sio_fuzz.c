/* Socket.IO packets from strangers. What is accepted stays inside its text and reads back the same after
 * it was written again. */
#include <stdlib.h>

#include "packet/sio.h"

static bool inside(struct hub_str part, struct hub_str whole) {
    return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char *exact = malloc(n ? n : 1);
    memcpy(exact, data, n);
    struct hub_str text = hub_str(exact, n);
    struct hub_sio_packet p, q;
    if (hub_sio_parse(text, &p)) {
        struct hub_buf b = {0};
        if (p.data.n && !inside(p.data, text)) abort();
        if (!hub_str_is(p.nsp, "/") && !inside(p.nsp, text)) abort();
        if (p.attachments > HUB_SIO_MAX_ANNOUNCED || p.id < -1) abort();
        hub_sio_head(&b, p.type, p.attachments, p.nsp, p.id);
        hub_buf_adds(&b, p.data);
        if (!hub_sio_parse(hub_str(b.p + 1, b.n - 1), &q)) abort();
        if (p.type != q.type || p.attachments != q.attachments || p.id != q.id) abort();
        if (!hub_str_eq(p.nsp, q.nsp) || !hub_str_eq(p.data, q.data)) abort();
        hub_buf_free(&b);
    }
    free(exact);
    return 0;
}
