/* Guests: sockets that have a way back instead of a client. */
#include "session/guest.h"

#include <stdlib.h>
#include <string.h>

#include "packet/ws.h"
#include "session/guest_int.h"
#include "session/handshake_int.h"

void hub_relay_init(struct hub_relay *r, const struct hub_relay_ops *ops, struct hub_str name,
                    const struct hub_namespace_ops *served_by, void *owner) {
    r->ops = ops;
    r->left = false;
    r->nsp = (struct hub_nsp){.refs = 1, .relayed = true, .ops = served_by, .owner = owner, .name = name};
    hub_list_init(&r->pending);
}

/* Nothing refers to it but its owner, who has given it up. */
static void settle_relay(struct hub_relay *r) {
    if (r->left && r->nsp.refs == 1) r->ops->unused(r);
}

void hub_relay_leave(struct hub_relay *r) {
    HUB_BUG_IF(!hub_list_empty(&r->pending));
    r->left = true;
    settle_relay(r);
}

struct hub_socket *hub_guest_new(struct hub_relay *r, const char sid[HUB_SID_LEN + 1], const struct hub_handshake *hs) {
    struct hub_socket *s = hub_handshake_keep(sizeof *s, hs, NULL); /* which is behind it */
    *s = (struct hub_socket){.refs = 1, .state = HUB_SOCKET_GUEST, .guest = true, .nsp = &r->nsp};
    r->nsp.refs++;
    hub_list_init(&s->link);
    memcpy(s->sid, sid, HUB_SID_LEN + 1);
    return s;
}

/* A packet's text is "4", its type, "N-" with attachments, the namespace's name and a comma, and so on. */
static size_t name_at(struct hub_str text, struct hub_str name) {
    size_t at = hub_str_find(text, '/');
    bool there = at + name.n < text.n && !memcmp(text.p + at, name.p, name.n) && text.p[at + name.n] == ',';
    return there ? at : text.n;
}

static void add_renamed(const struct hub_nsp *nsp, struct hub_chunk *chunk, struct hub_str name, struct hub_str text) {
    struct hub_buf packet;
    size_t at = name_at(text, name), rest = at < text.n ? at + name.n : at;
    hub_chunk_begin_frame(chunk, &packet);
    hub_buf_adds(&packet, hub_str(text.p, at));
    if (at < text.n) hub_buf_adds(&packet, nsp->name);
    hub_buf_adds(&packet, hub_str(text.p + rest, text.n - rest));
    hub_chunk_end_frame(chunk, HUB_WS_TEXT, &packet);
}

void hub_nsp_add_frames(const struct hub_nsp *nsp, struct hub_chunk *chunk, struct hub_str name,
                        struct hub_str frames) {
    bool same = hub_str_eq(nsp->name, name);
    struct hub_str payload;
    size_t at = 0;
    int opcode;
    while (hub_chunk_next(frames.p, frames.n, &at, &opcode, &payload)) {
        if (same || opcode != HUB_WS_TEXT)
            hub_chunk_add_frame(chunk, opcode, payload);
        else
            add_renamed(nsp, chunk, name, payload);
    }
}

struct hub_chunk *hub_nsp_frames_chunk(const struct hub_nsp *nsp, struct hub_str name, struct hub_str frames) {
    struct hub_chunk *chunk = hub_chunk_new(frames.n);
    hub_nsp_add_frames(nsp, chunk, name, frames);
    return chunk;
}

struct hub_handshake hub_guest_handshake(const struct hub_socket *s) {
    return hub_handshake_kept((const void *)(s + 1));
}

void hub_guest_close(struct hub_socket *s, const char *reason) {
    if (s->state == HUB_SOCKET_CLOSED) return;
    s->state = HUB_SOCKET_CLOSED;
    s->nsp->ops->closed(s, reason);
    hub_socket_unref(s);
}

void hub_guest_end(struct hub_socket *s, enum hub_guest_end how, enum hub_close_reason reason, const char *text) {
    hub_socket_ref(s);
    hub_guest_close(s, how == HUB_GUEST_DROP ? hub_close_reason_name(reason) : "server namespace disconnect");
    hub_relay_of(s->nsp)->ops->ended(s, how, reason, text);
    hub_socket_unref(s);
}

void hub_guest_send(struct hub_socket *s, const struct hub_chunk *chunk, uint32_t off, uint32_t len, int flags) {
    hub_relay_of(s->nsp)->ops->send(s, hub_str(chunk->p + off, len), flags);
}

void hub_guest_free(struct hub_socket *s) {
    struct hub_relay *r = hub_relay_of(s->nsp);
    r->nsp.refs--;
    free(s);
    settle_relay(r);
}
