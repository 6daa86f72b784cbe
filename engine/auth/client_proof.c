/* Signatures of clients, made anew and compared. */
#include "auth/client_proof.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/text/buf.h"

#define MAC_BYTES 32

enum hub_code hub_client_secret(const char *variable, struct hub_str *secret, struct hub_err *err) {
    *secret = hub_cstr(getenv(variable));
    if (secret->n) return HUB_OK;
    return hub_fail(err, HUB_INTERNAL, "clients.proof.secretEnv: the environment variable %s is not set or empty",
                    variable);
}

static void add_signed_text(struct hub_buf *b, const struct hub_client_proof *p) {
    const struct hub_str lines[] = {p->space, p->client_id, p->timestamp, p->nonce, p->metadata};
    hub_buf_addz(b, "connect");
    for (size_t i = 0; i < HUB_NELEM(lines); i++) {
        hub_buf_addc(b, '\n');
        hub_buf_adds(b, lines[i]);
    }
}

bool hub_client_proof_signed(struct hub_str secret, const struct hub_client_proof *p) {
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct hub_buf text = {0}, want = {0};
    add_signed_text(&text, p);
    bool made =
        HMAC(EVP_sha256(), secret.p, (int)secret.n, (const unsigned char *)text.p, text.n, mac, &n) && n == MAC_BYTES;
    for (unsigned i = 0; i < n; i++) hub_buf_addf(&want, "%02x", mac[i]);
    bool good = made && p->signature.n == want.n && !CRYPTO_memcmp(want.p, p->signature.p, want.n);
    hub_buf_free(&text);
    hub_buf_free(&want);
    return good;
}
