/* What nodes send each other about guests, as bytes. */
#include "hub/guest/guest_int.h"

#define HEAD 10 /* bytes of kind, flags and id */
#define TEXTS 4

void hub_guest_text_add(struct hub_buf *out, struct hub_str s) {
    hub_buf_add_le(out, s.n, 4);
    hub_buf_adds(out, s);
}

void hub_guest_packet_add(struct hub_buf *out, const struct hub_guest_packet *p) {
    hub_buf_reserve(out, HEAD + TEXTS * 4 + p->sid.n + p->hub.n + p->name.n + p->text.n + p->body.n);
    hub_buf_add_le(out, p->kind, 1);
    hub_buf_add_le(out, p->flags, 1);
    hub_buf_add_le(out, p->id, 8);
    hub_guest_text_add(out, p->sid);
    hub_guest_text_add(out, p->hub);
    hub_guest_text_add(out, p->name);
    hub_guest_text_add(out, p->text);
    hub_buf_adds(out, p->body);
}

bool hub_guest_text_read(struct hub_str *bytes, struct hub_str *out) {
    if (bytes->n < 4) return false;
    size_t n = (size_t)hub_read_le(bytes->p, 4);
    if (n > bytes->n - 4) return false;
    *out = hub_str(bytes->p + 4, n);
    *bytes = hub_str(bytes->p + 4 + n, bytes->n - 4 - n);
    return true;
}

bool hub_guest_packet_read(struct hub_str bytes, struct hub_guest_packet *p) {
    if (bytes.n < HEAD) return false;
    *p = (struct hub_guest_packet){
        .kind = (enum hub_guest_kind)bytes.p[0], .flags = (uint8_t)bytes.p[1], .id = hub_read_le(bytes.p + 2, 8)};
    p->body = hub_str(bytes.p + HEAD, bytes.n - HEAD);
    return p->kind >= HUB_GUEST_HELLO && p->kind < HUB_GUEST_KINDS && hub_guest_text_read(&p->body, &p->sid) &&
           hub_guest_text_read(&p->body, &p->hub) && hub_guest_text_read(&p->body, &p->name) &&
           hub_guest_text_read(&p->body, &p->text);
}
