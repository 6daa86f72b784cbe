/* Session cookies from strangers. The first byte chooses: a Cookie header as it is, or an id that gets a good
 * signature, so that what follows the signature check is reached. */
#include <openssl/hmac.h>
#include <stdlib.h>

#include "auth/session_cookie.h"

static struct hub_cookie_secrets *load(void) {
    struct hub_cookie_secrets *secrets = NULL;
    struct hub_err err;
    setenv("COOKIE_FUZZ_SECRETS", "new,old", 1);
    if (hub_cookie_secrets_load("COOKIE_FUZZ_SECRETS", &secrets, &err)) abort();
    return secrets;
}

/* As encodeURIComponent does it, or more. */
static void add_escaped(struct hub_buf *out, struct hub_str text) {
    for (size_t i = 0; i < text.n; i++) hub_buf_addf(out, "%%%02X", (unsigned char)text.p[i]);
}

static void unsign_signed(const struct hub_cookie_secrets *secrets, struct hub_str id) {
    unsigned char mac[32];
    unsigned n;
    struct hub_buf text = {0}, value = {0}, got = {0};
    HMAC(EVP_sha256(), "old", 3, (const unsigned char *)id.p, id.n, mac, &n);
    hub_buf_adds(&text, id);
    hub_buf_addc(&text, '.');
    hub_buf_add_base64(&text, hub_str((const char *)mac, n));
    hub_buf_addz(&value, "s:");
    add_escaped(&value, hub_str(text.p, text.n - 1)); /* of 32 bytes the padding is one "=" */
    if (hub_cookie_unsign(secrets, hub_buf_str(&value), &got) != (id.n > 0)) abort();
    if (id.n && !hub_str_eq(hub_buf_str(&got), id)) abort();
    hub_buf_free(&text);
    hub_buf_free(&value);
    hub_buf_free(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct hub_cookie_secrets *secrets;
    if (!secrets) secrets = load();
    if (!size) return 0;
    struct hub_str text = hub_str((const char *)data + 1, size - 1);
    if (data[0] & 1) {
        unsign_signed(secrets, text);
        return 0;
    }
    struct hub_buf id = {0};
    struct hub_str value = hub_cookie_find(text, HUB_STR("connect.sid"));
    if (value.p && (value.p < text.p || value.p + value.n > text.p + text.n)) abort();
    if (hub_cookie_unsign(secrets, value, &id) != (id.n > 0)) abort();
    hub_buf_free(&id);
    return 0;
}
