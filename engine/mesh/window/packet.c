/* The numbered packets of a link as bytes. */
#include "mesh/window/window.h"

#define HEAD 17 /* bytes before the body */

void hub_window_packet_add(struct hub_buf *out, const struct hub_window_packet *p) {
    hub_buf_reserve(out, HEAD + p->body.n);
    hub_buf_add_le(out, p->kind, 1);
    hub_buf_add_le(out, p->number, 8);
    hub_buf_add_le(out, p->to, 8);
    hub_buf_adds(out, p->body);
}

static bool window_packet_fits(const struct hub_window_packet *p) {
    if (p->number > HUB_WINDOW_NUMBER_MAX || p->to > HUB_WINDOW_NUMBER_MAX) return false;
    switch (p->kind) {
    case HUB_WINDOW_DATA: return p->number && !p->to;
    case HUB_WINDOW_MARK: return !p->body.n;
    case HUB_WINDOW_AGAIN:
    case HUB_WINDOW_HOLE: return p->number && p->number <= p->to && !p->body.n;
    }
    return false;
}

bool hub_window_packet_read(struct hub_str bytes, struct hub_window_packet *p) {
    if (bytes.n < HEAD) return false;
    *p = (struct hub_window_packet){.kind = (enum hub_window_kind)(unsigned char)bytes.p[0],
                                    .number = hub_read_le(bytes.p + 1, 8),
                                    .to = hub_read_le(bytes.p + 9, 8),
                                    .body = hub_str(bytes.p + HEAD, bytes.n - HEAD)};
    return window_packet_fits(p);
}
