/* Socket.IO 5 packets in their text form. */
#include "packet/sio.h"

#include "base/json/json.h"

#define MAX_ID ((int64_t)1 << 53)

/* Takes leading digits off *s; false when there are none or the number exceeds MAX. */
static bool take_number(struct hub_str *s, int64_t max, int64_t *out) {
    int64_t v = 0;
    size_t i = 0;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
        v = v * 10 + (s->p[i] - '0');
        if (v > max) return false;
    }
    *out = v;
    *s = hub_str(s->p + i, s->n - i);
    return i > 0;
}

static bool has_attachments(enum hub_sio_type type) {
    return type == HUB_SIO_BINARY_EVENT || type == HUB_SIO_BINARY_ACK;
}

static bool take_attachments(struct hub_str *s, struct hub_sio_packet *out) {
    int64_t count;
    out->attachments = 0;
    if (!has_attachments(out->type)) return true;
    if (!take_number(s, HUB_SIO_MAX_ANNOUNCED, &count) || !s->n || s->p[0] != '-') return false;
    out->attachments = (uint32_t)count;
    *s = hub_str(s->p + 1, s->n - 1);
    return true;
}

/* "/name?query," — the comma may only be missing when nothing follows. */
static void take_nsp(struct hub_str *s, struct hub_sio_packet *out) {
    out->nsp = HUB_STR("/");
    if (!s->n || s->p[0] != '/') return;
    size_t end = hub_str_find(*s, ',');
    out->nsp = hub_str(s->p, end);
    size_t used = end < s->n ? end + 1 : end;
    *s = hub_str(s->p + used, s->n - used);
}

static bool data_fits(const struct hub_sio_packet *p) {
    char first = p->data.n ? p->data.p[0] : 0;
    switch (p->type) {
    case HUB_SIO_CONNECT: return !first || first == '{';
    case HUB_SIO_DISCONNECT: return !first;
    case HUB_SIO_CONNECT_ERROR: return first == '{' || first == '"';
    case HUB_SIO_EVENT:
    case HUB_SIO_BINARY_EVENT: return first == '[';
    case HUB_SIO_ACK:
    case HUB_SIO_BINARY_ACK: return first == '[' || (!first && p->id < 0);
    }
    return false;
}

static bool may_have_id(enum hub_sio_type type) {
    return type == HUB_SIO_EVENT || type == HUB_SIO_ACK || has_attachments(type);
}

struct hub_str hub_sio_nsp_path(struct hub_str nsp) {
    return hub_str(nsp.p, hub_str_find(nsp, '?'));
}

bool hub_sio_parse(struct hub_str text, struct hub_sio_packet *out) {
    if (!text.n || text.p[0] < '0' || text.p[0] > '6') return false;
    out->type = (enum hub_sio_type)(text.p[0] - '0');
    out->id = -1;
    struct hub_str s = hub_str(text.p + 1, text.n - 1);
    if (!take_attachments(&s, out)) return false;
    take_nsp(&s, out);
    if (s.n && s.p[0] >= '0' && s.p[0] <= '9') {
        if (!may_have_id(out->type) || !take_number(&s, MAX_ID, &out->id)) return false;
    }
    out->data = s;
    return data_fits(out);
}

void hub_sio_head(struct hub_buf *b, enum hub_sio_type type, uint32_t attachments, struct hub_str nsp, int64_t id) {
    hub_buf_addc(b, '4');
    hub_buf_addc(b, (char)('0' + type));
    if (has_attachments(type)) {
        hub_buf_addu(b, attachments);
        hub_buf_addc(b, '-');
    }
    if (!hub_str_is(nsp, "/")) {
        hub_buf_adds(b, nsp);
        hub_buf_addc(b, ',');
    }
    if (id >= 0) hub_buf_addi(b, id);
}

void hub_sio_event(struct hub_buf *b, struct hub_str nsp, int64_t id, struct hub_str event, struct hub_str args) {
    hub_sio_head(b, HUB_SIO_EVENT, 0, nsp, id);
    hub_buf_addc(b, '[');
    hub_json_add_string(b, event);
    if (args.n) {
        hub_buf_addc(b, ',');
        hub_buf_adds(b, args);
    }
    hub_buf_addc(b, ']');
}
