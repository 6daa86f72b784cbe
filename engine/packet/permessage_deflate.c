/* The negotiation of permessage-deflate (RFC 7692, 7.1). */
#include "packet/ws.h"

#define WINDOW_BITS 15 /* of zlib, and of every message */

/* Which parameters of an offer there were. */
struct offer {
    bool server_context, client_context, server_window, client_window;
};

static bool note_once(bool *seen) {
    bool first = !*seen;
    *seen = true;
    return first;
}

/* A number from 8 to 15 without zeros in front, in quotes or not. */
static bool read_window(struct hub_str value, uint64_t *bits) {
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"') value = hub_str(value.p + 1, value.n - 2);
    return value.n && value.p[0] != '0' && hub_str_u64(value, bits) && *bits >= 8 && *bits <= WINDOW_BITS;
}

static bool take_parameter(struct offer *o, struct hub_str name, struct hub_str value, bool has_value) {
    uint64_t bits;
    if (hub_str_eq_nocase(name, HUB_STR("server_no_context_takeover")))
        return !has_value && note_once(&o->server_context);
    if (hub_str_eq_nocase(name, HUB_STR("client_no_context_takeover")))
        return !has_value && note_once(&o->client_context);
    if (hub_str_eq_nocase(name, HUB_STR("client_max_window_bits"))) /* whatever it takes, it can be read */
        return (!has_value || read_window(value, &bits)) && note_once(&o->client_window);
    if (hub_str_eq_nocase(name, HUB_STR("server_max_window_bits")))
        return read_window(value, &bits) && bits == WINDOW_BITS && note_once(&o->server_window);
    return false;
}

static bool take_offer(struct hub_str rest, struct offer *o) {
    struct hub_str piece;
    if (!hub_str_split(&rest, ';', &piece)) return false;
    if (!hub_str_eq_nocase(hub_str_trim(piece), HUB_STR("permessage-deflate"))) return false;
    while (hub_str_split(&rest, ';', &piece)) {
        size_t equals = hub_str_find(piece, '=');
        bool has_value = equals < piece.n;
        struct hub_str value = has_value ? hub_str(piece.p + equals + 1, piece.n - equals - 1) : HUB_STR("");
        if (!take_parameter(o, hub_str_trim(hub_str(piece.p, equals)), hub_str_trim(value), has_value)) return false;
    }
    return true;
}

bool hub_ws_accept_deflate(struct hub_str offers, struct hub_buf *out) {
    struct hub_str piece;
    while (hub_str_split(&offers, ',', &piece)) {
        struct offer o = {0};
        if (!take_offer(piece, &o)) continue;
        hub_buf_addz(out, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
        if (o.server_window) hub_buf_addf(out, "; server_max_window_bits=%d", WINDOW_BITS);
        return true;
    }
    return false;
}
