/* Keeps of a handshake what authentication and logs may ask for later, in as little memory as it takes. */
#include "session/handshake_int.h"

#include "base/memory/mem.h"

#define LONG_LIST 1024 /* cookies and queries up to here are kept whole */
#define MAX_SECRET 8192
#define MAX_AGENT 256

/* The first piece "NAME=…" of a list; empty when there is none or it is too long. */
static struct hub_str named_piece(struct hub_str list, char separator, struct hub_str name) {
    struct hub_str piece;
    while (hub_str_split(&list, separator, &piece)) {
        piece = hub_str_trim(piece);
        if (piece.n > name.n && piece.p[name.n] == '=' && hub_str_starts(piece, name))
            return piece.n <= MAX_SECRET ? piece : hub_str(NULL, 0);
    }
    return hub_str(NULL, 0);
}

static struct hub_str token_piece(struct hub_str list, char separator) {
    return named_piece(list, separator, HUB_STR("access_token"));
}

/* Appends what is worth keeping of a long list of cookies. */
static void add_kept_cookies(struct hub_buf *out, struct hub_str cookies, const char *keep) {
    hub_buf_adds(out, token_piece(cookies, ';'));
    struct hub_str kept = keep ? named_piece(cookies, ';', hub_cstr(keep)) : hub_str(NULL, 0);
    if (out->n && kept.n) hub_buf_addc(out, ';');
    hub_buf_adds(out, kept);
}

static struct hub_str at_most(struct hub_str s, size_t n) { return hub_str(s.p, s.n < n ? s.n : n); }

/* What is kept in place of *HS; *COOKIES may become the memory of some of it. */
static void shorten_handshake(struct hub_handshake *hs, const char *keep_cookie, struct hub_buf *cookies) {
    if (hs->authorization.n > MAX_SECRET) hs->authorization.n = 0;
    if (hs->cookie.n > LONG_LIST) {
        add_kept_cookies(cookies, hs->cookie, keep_cookie);
        hs->cookie = hub_buf_str(cookies);
    }
    if (hs->query.n > LONG_LIST) hs->query = token_piece(hs->query, '&');
    hs->peer = at_most(hs->peer, MAX_AGENT);
    hs->user_agent = at_most(hs->user_agent, MAX_AGENT);
    hs->origin = at_most(hs->origin, MAX_AGENT);
}

void *hub_handshake_keep(size_t head, const struct hub_handshake *hs, const char *keep_cookie) {
    struct hub_handshake h = *hs;
    struct hub_buf cookies = {0};
    size_t bytes = 0;
    shorten_handshake(&h, keep_cookie, &cookies);
    const struct hub_str texts[HUB_HANDSHAKE_TEXTS] = {h.peer,  h.authorization, h.cookie,
                                                       h.query, h.origin,        h.user_agent};
    for (size_t i = 0; i < HUB_NELEM(texts); i++) bytes += texts[i].n;
    char *out = hub_xcalloc(1, head + sizeof(struct hub_kept_handshake) + bytes);
    struct hub_kept_handshake *kept = (void *)(out + head);
    char *at = kept->text;
    kept->secure = h.secure;
    for (size_t i = 0; i < HUB_NELEM(texts); i++) {
        kept->n[i] = (uint16_t)texts[i].n;
        if (texts[i].n) memcpy(at, texts[i].p, texts[i].n);
        at += texts[i].n;
    }
    hub_buf_free(&cookies);
    return out;
}

struct hub_handshake hub_handshake_kept(const struct hub_kept_handshake *kept) {
    struct hub_handshake h = {.secure = kept->secure};
    struct hub_str *const texts[HUB_HANDSHAKE_TEXTS] = {&h.peer,  &h.authorization, &h.cookie,
                                                        &h.query, &h.origin,        &h.user_agent};
    const char *at = kept->text;
    for (size_t i = 0; i < HUB_NELEM(texts); i++) {
        *texts[i] = hub_str(kept->n[i] ? at : NULL, kept->n[i]);
        at += kept->n[i];
    }
    return h;
}
