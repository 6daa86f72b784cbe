/* WebSocket frames in, messages out. Frames are parsed where recv put them; only a frame that is not whole
 * yet is copied. */
#include "transport/websocket/ws_in.h"

#include "base/io/deflate.h"
#include "base/text/utf8.h"
#include "packet/ws.h"

struct feed {
    struct hub_ws_in *in;
    const struct hub_ws_in_rules *rules;
    size_t inflated; /* bytes that this call has inflated */
};

void hub_ws_in_free(struct hub_ws_in *in) {
    hub_buf_free(&in->part);
    hub_buf_free(&in->message);
    *in = (struct hub_ws_in){0};
}

static enum hub_ws_in_end deliver_frame(const struct feed *f, int opcode, struct hub_str payload) {
    if (opcode == HUB_WS_TEXT && !hub_utf8_valid(payload)) return HUB_WS_IN_DATA;
    return f->rules->fn(f->rules->arg, opcode, payload) ? HUB_WS_IN_MORE : HUB_WS_IN_STOPPED;
}

static enum hub_ws_in_end deliver_deflated(struct feed *f, int opcode, struct hub_str payload) {
    struct hub_buf whole = {0};
    enum hub_ws_in_end end = HUB_WS_IN_MORE;
    switch (hub_inflate_message(f->rules->inflater, payload, f->rules->max_payload, &whole)) {
    case HUB_INFLATE_OK: break;
    case HUB_INFLATE_TOO_LARGE: end = HUB_WS_IN_TOO_LARGE; break;
    case HUB_INFLATE_BAD: end = HUB_WS_IN_DATA; break;
    }
    f->inflated += whole.n;
    if (!end) end = deliver_frame(f, opcode, hub_buf_str(&whole));
    hub_buf_free(&whole);
    return end;
}

static enum hub_ws_in_end deliver_message(struct feed *f, int opcode, bool deflated, struct hub_str payload) {
    return deflated ? deliver_deflated(f, opcode, payload) : deliver_frame(f, opcode, payload);
}

static enum hub_ws_in_end on_fragment(struct feed *f, const struct hub_ws_head *h, struct hub_str payload) {
    struct hub_ws_in *in = f->in;
    if (h->opcode) in->opcode = h->opcode, in->deflated = h->deflated;
    hub_buf_adds(&in->message, payload);
    if (!h->fin) return HUB_WS_IN_MORE;
    int opcode = in->opcode;
    struct hub_buf whole = in->message;
    in->message = (struct hub_buf){0};
    in->opcode = 0;
    enum hub_ws_in_end end = deliver_message(f, opcode, in->deflated, hub_buf_str(&whole));
    hub_buf_free(&whole);
    return end;
}

/* A close frame carries nothing, or a code that may appear on the wire and a UTF-8 reason (7.4). */
static enum hub_ws_in_end on_close(const struct feed *f, struct hub_str payload) {
    if (payload.n == 1) return HUB_WS_IN_PROTOCOL;
    if (payload.n) {
        unsigned code = (unsigned)hub_ws_number((const unsigned char *)payload.p, 2);
        bool fits = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
                    (code >= 3000 && code <= 4999);
        if (!fits) return HUB_WS_IN_PROTOCOL;
        if (!hub_utf8_valid(hub_str(payload.p + 2, payload.n - 2))) return HUB_WS_IN_DATA;
    }
    return f->rules->fn(f->rules->arg, HUB_WS_CLOSE, payload) ? HUB_WS_IN_MORE : HUB_WS_IN_STOPPED;
}

static enum hub_ws_in_end on_frame(struct feed *f, const struct hub_ws_head *h, struct hub_str payload) {
    if (h->opcode == HUB_WS_CLOSE) return on_close(f, payload);
    if (h->opcode >= HUB_WS_CLOSE) return deliver_frame(f, h->opcode, payload);
    if (h->fin && h->opcode) return deliver_message(f, h->opcode, h->deflated, payload);
    return on_fragment(f, h, payload);
}

/* What can be told from the header alone, before a byte of payload is stored. */
static enum hub_ws_in_end check_head(const struct feed *f, const struct hub_ws_head *h) {
    bool control = h->opcode >= HUB_WS_CLOSE;
    bool inside = f->in->opcode != 0;
    size_t max = f->rules->max_payload;
    if (!control && inside != (h->opcode == HUB_WS_CONT)) return HUB_WS_IN_PROTOCOL;
    if (h->deflated && !f->rules->inflater) return HUB_WS_IN_PROTOCOL;
    if (h->len > max || (!control && h->len > max - f->in->message.n)) return HUB_WS_IN_TOO_LARGE;
    return HUB_WS_IN_MORE;
}

/* Takes the frame at P if it is whole: *used is its length, or 0 when more bytes are needed; *need then
 * says how many in all. */
static enum hub_ws_in_end take_frame(struct feed *f, char *p, size_t n, size_t *used, size_t *need) {
    struct hub_ws_head h;
    *used = 0;
    switch (hub_ws_head_parse(hub_str(p, n), &h)) {
    case HUB_WS_BAD: return HUB_WS_IN_PROTOCOL;
    case HUB_WS_MORE: *need = n + 1; return HUB_WS_IN_MORE;
    case HUB_WS_OK: break;
    }
    enum hub_ws_in_end end = check_head(f, &h);
    if (end) return end;
    *need = h.head + (size_t)h.len;
    if (n < *need) return HUB_WS_IN_MORE;
    *used = *need;
    hub_ws_unmask(p + h.head, (size_t)h.len, h.mask, 0);
    return on_frame(f, &h, hub_str(p + h.head, (size_t)h.len));
}

/* Adds just enough of *p to the partial frame to complete it, and takes it when it is. */
static enum hub_ws_in_end finish_part(struct feed *f, char **p, size_t *n) {
    struct hub_buf *part = &f->in->part;
    size_t used = 0, need = part->n;
    enum hub_ws_in_end end = take_frame(f, part->p, part->n, &used, &need);
    while (!end && !used && *n) {
        size_t more = need - part->n < *n ? need - part->n : *n;
        hub_buf_add(part, *p, more);
        *p += more, *n -= more;
        if (part->n == need) end = take_frame(f, part->p, part->n, &used, &need);
    }
    if (used || end) hub_buf_free(part);
    return end;
}

static enum hub_ws_in_end take_frames(struct feed *f, char *p, size_t n) {
    struct hub_ws_in *in = f->in;
    enum hub_ws_in_end end = in->part.n ? finish_part(f, &p, &n) : HUB_WS_IN_MORE;
    while (!end && n) {
        size_t used = 0, need;
        in->paused = f->inflated >= HUB_WS_IN_INFLATED;
        if (!in->paused) end = take_frame(f, p, n, &used, &need);
        if (!used && !end) hub_buf_add(&in->part, p, n);
        if (!used) break;
        p += used, n -= used;
    }
    return end;
}

enum hub_ws_in_end hub_ws_in_feed(struct hub_ws_in *in, char *p, size_t n, const struct hub_ws_in_rules *rules) {
    struct feed f = {.in = in, .rules = rules};
    if (!in->paused) return take_frames(&f, p, n);
    struct hub_buf all = in->part;
    in->part = (struct hub_buf){0};
    in->paused = false;
    hub_buf_add(&all, p, n);
    enum hub_ws_in_end end = take_frames(&f, all.p, all.n);
    hub_buf_free(&all);
    return end;
}
