/* Keeps of a handshake what authentication and logs may ask for later, in as little memory as it takes. */
#include "session/handshake_int.h"

#include "base/mem.h"

#define LONG_LIST 1024 /* cookies and queries up to here are kept whole */
#define MAX_SECRET 8192
#define MAX_AGENT 256

/* The piece "access_token=…" of a list; empty when there is none or it is too long. */
static struct hub_str token_piece(struct hub_str list, char separator) {
    struct hub_str piece;
    while (hub_str_split(&list, separator, &piece)) {
        piece = hub_str_trim(piece);
        if (hub_str_starts(piece, HUB_STR("access_token="))) return piece.n <= MAX_SECRET ? piece : hub_str(NULL, 0);
    }
    return hub_str(NULL, 0);
}

static struct hub_str at_most(struct hub_str s, size_t n) { return hub_str(s.p, s.n < n ? s.n : n); }

static void keep_text(char **at, struct hub_str *s) {
    if (!s->n) {
        *s = hub_str(NULL, 0);
        return;
    }
    memcpy(*at, s->p, s->n);
    s->p = *at;
    *at += s->n;
}

struct hub_handshake *hub_handshake_copy(const struct hub_handshake *hs) {
    struct hub_handshake h = *hs;
    if (h.authorization.n > MAX_SECRET) h.authorization.n = 0;
    if (h.cookie.n > LONG_LIST) h.cookie = token_piece(h.cookie, ';');
    if (h.query.n > LONG_LIST) h.query = token_piece(h.query, '&');
    h.user_agent = at_most(h.user_agent, MAX_AGENT);
    h.origin = at_most(h.origin, MAX_AGENT);
    struct hub_handshake *out =
        hub_xmalloc(sizeof h + h.peer.n + h.authorization.n + h.cookie.n + h.query.n + h.origin.n + h.user_agent.n);
    char *at = (char *)(out + 1);
    keep_text(&at, &h.peer);
    keep_text(&at, &h.authorization);
    keep_text(&at, &h.cookie);
    keep_text(&at, &h.query);
    keep_text(&at, &h.origin);
    keep_text(&at, &h.user_agent);
    *out = h;
    return out;
}
