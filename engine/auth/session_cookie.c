/* Cookies of express-session: found in a header, and checked against the secrets of whoever set them. */
#include "auth/session_cookie.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/memory/mem.h"

struct hub_cookie_secrets {
    size_t n;
    char *text;
    struct hub_str secrets[]; /* views into text */
};

enum hub_code hub_cookie_secrets_load(const char *variable, struct hub_cookie_secrets **out, struct hub_err *err) {
    const char *text = getenv(variable);
    struct hub_str rest, secret;
    size_t n = 1;
    if (!text || !*text)
        return hub_fail(err, HUB_INTERNAL, "auth.session.secretEnv: the environment variable %s is not set or empty",
                        variable);
    for (const char *p = text; *p; p++) n += *p == ',';
    struct hub_cookie_secrets *s = hub_xcalloc(1, sizeof *s + n * sizeof *s->secrets);
    s->text = hub_xstrdup(text);
    rest = hub_cstr(s->text);
    while (hub_str_split(&rest, ',', &secret)) s->secrets[s->n++] = secret;
    if (!hub_cookie_secrets_shortest(s)) {
        hub_cookie_secrets_free(s);
        return hub_fail(err, HUB_INTERNAL,
                        "auth.session.secretEnv: one of the secrets in the environment variable %s is empty; a comma "
                        "parts two secrets",
                        variable);
    }
    *out = s;
    return HUB_OK;
}

void hub_cookie_secrets_free(struct hub_cookie_secrets *s) {
    if (!s) return;
    free(s->text);
    free(s);
}

size_t hub_cookie_secrets_shortest(const struct hub_cookie_secrets *s) {
    size_t n = s->secrets[0].n;
    for (size_t i = 1; i < s->n; i++)
        if (s->secrets[i].n < n) n = s->secrets[i].n;
    return n;
}

struct hub_str hub_cookie_find(struct hub_str header, struct hub_str name) {
    struct hub_str piece;
    while (header.p && hub_str_split(&header, ';', &piece)) {
        size_t equals = hub_str_find(piece, '=');
        if (equals == piece.n || !hub_str_eq(hub_str_trim(hub_str(piece.p, equals)), name)) continue;
        struct hub_str value = hub_str_trim(hub_str(piece.p + equals + 1, piece.n - equals - 1));
        bool quoted = value.n > 1 && value.p[0] == '"' && value.p[value.n - 1] == '"';
        return quoted ? hub_str(value.p + 1, value.n - 2) : value;
    }
    return hub_str(NULL, 0);
}

/* Compared as text, which has one spelling: a second one of the same bytes is refused. */
static bool is_signed_with(struct hub_str secret, struct hub_str id, struct hub_str signature) {
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct hub_buf want = {0};
    bool made = HMAC(EVP_sha256(), secret.p, (int)secret.n, (const unsigned char *)id.p, id.n, mac, &n) != NULL;
    hub_buf_add_base64(&want, hub_str((const char *)mac, n));
    while (want.n && want.p[want.n - 1] == '=') want.n--;
    bool good = made && want.n == signature.n && !CRYPTO_memcmp(want.p, signature.p, want.n);
    hub_buf_free(&want);
    return good;
}

/* All secrets are tried, also behind one that fits. */
static bool is_signed(const struct hub_cookie_secrets *s, struct hub_str id, struct hub_str signature) {
    bool good = false;
    for (size_t i = 0; i < s->n; i++) good |= is_signed_with(s->secrets[i], id, signature);
    return good;
}

bool hub_cookie_unsign(const struct hub_cookie_secrets *s, struct hub_str value, struct hub_buf *id) {
    const struct hub_str mark = HUB_STR("s:");
    struct hub_buf text = {0};
    bool good = hub_buf_add_unescaped(&text, value) && hub_str_starts(hub_buf_str(&text), mark);
    size_t dot = text.n;
    while (good && dot > mark.n && text.p[dot - 1] != '.') dot--;
    good = good && dot > mark.n + 1; /* there is a dot, with an id before it */
    if (good) {
        struct hub_str named = hub_str(text.p + mark.n, dot - 1 - mark.n);
        good = is_signed(s, named, hub_str(text.p + dot, text.n - dot));
        if (good) hub_buf_adds(id, named);
    }
    hub_buf_free(&text);
    return good;
}
