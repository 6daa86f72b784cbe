/* The nine signature algorithms of RFC 7518 and 8037 that hubd speaks, as rows, and their arithmetic by
 * OpenSSL. */
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "auth/jwt_int.h"
#include "base/memory/mem.h"

static const struct hub_jwt_alg algs[HUB_JWT_ALG_MAX] = {
    {.name = "HS256", .kind = HUB_JWT_HMAC, .digest = "SHA256", .mac = 0},
    {.name = "HS384", .kind = HUB_JWT_HMAC, .digest = "SHA384", .mac = 1},
    {.name = "HS512", .kind = HUB_JWT_HMAC, .digest = "SHA512", .mac = 2},
    {.name = "RS256", .kind = HUB_JWT_RSA, .digest = "SHA256"},
    {.name = "RS384", .kind = HUB_JWT_RSA, .digest = "SHA384"},
    {.name = "RS512", .kind = HUB_JWT_RSA, .digest = "SHA512"},
    {.name = "PS256", .kind = HUB_JWT_RSA, .digest = "SHA256", .pss = true},
    {.name = "ES256", .kind = HUB_JWT_P256, .digest = "SHA256"},
    {.name = "EdDSA", .kind = HUB_JWT_ED25519},
};

const struct hub_jwt_alg *hub_jwt_alg_find(struct hub_str name) {
    for (size_t i = 0; i < HUB_NELEM(algs); i++)
        if (hub_str_is(name, algs[i].name)) return &algs[i];
    return NULL;
}

const struct hub_jwt_alg *hub_jwt_alg_listed(const struct hub_jwt_keys *keys, struct hub_str name) {
    for (size_t i = 0; i < keys->alg_n; i++)
        if (hub_str_is(name, keys->algs[i]->name)) return keys->algs[i];
    return NULL;
}

static const unsigned char *bytes_of_str(struct hub_str s) { return (const unsigned char *)s.p; }

static bool hmac_of(const struct hub_jwt_alg *alg, const struct hub_jwt_key *key, struct hub_str text,
                    unsigned char *out, size_t *n) {
    EVP_MAC_CTX *mac = key->mac[alg->mac];
    return EVP_MAC_init(mac, NULL, 0, NULL) && EVP_MAC_update(mac, bytes_of_str(text), text.n) &&
           EVP_MAC_final(mac, out, n, EVP_MAX_MD_SIZE);
}

static bool hmac_verify(const struct hub_jwt_alg *alg, const struct hub_jwt_key *key, struct hub_str text,
                        struct hub_str signature) {
    unsigned char want[EVP_MAX_MD_SIZE];
    size_t n;
    return hmac_of(alg, key, text, want, &n) && n == signature.n && CRYPTO_memcmp(want, signature.p, n) == 0;
}

/* Prepares MD for signing or verifying with the padding that ALG means. */
static bool begin_digest(const struct hub_jwt_alg *alg, const struct hub_jwt_key *key, EVP_MD_CTX *md, bool sign) {
    EVP_PKEY_CTX *pctx; /* belongs to md */
    int ok = sign ? EVP_DigestSignInit_ex(md, &pctx, alg->digest, NULL, NULL, key->pkey, NULL)
                  : EVP_DigestVerifyInit_ex(md, &pctx, alg->digest, NULL, NULL, key->pkey, NULL);
    if (ok <= 0) return false;
    if (!alg->pss) return true;
    return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) > 0;
}

/* JWS writes an ECDSA signature as r and s, 32 bytes each; OpenSSL wants DER. Appends; false on any other
 * length. */
static bool ecdsa_to_der(struct hub_str raw, struct hub_buf *der) {
    if (raw.n != 64) return false;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes_of_str(raw), 32, NULL), *s = BN_bin2bn(bytes_of_str(raw) + 32, 32, NULL);
    bool ok = sig && r && s && ECDSA_SIG_set0(sig, r, s);
    if (!ok) BN_free(r), BN_free(s);
    int n = ok ? i2d_ECDSA_SIG(sig, NULL) : -1;
    if (n > 0) {
        unsigned char *at = (unsigned char *)hub_buf_reserve(der, (size_t)n);
        der->n += (size_t)i2d_ECDSA_SIG(sig, &at);
    }
    ECDSA_SIG_free(sig);
    return n > 0;
}

static bool ecdsa_from_der(struct hub_str der, struct hub_buf *raw) {
    const unsigned char *at = bytes_of_str(der);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.n);
    if (!sig) return false;
    unsigned char *out = (unsigned char *)hub_buf_reserve(raw, 64);
    bool ok =
        BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) == 32;
    if (ok) raw->n += 64;
    ECDSA_SIG_free(sig);
    return ok;
}

bool hub_jwt_alg_verify(const struct hub_jwt_alg *alg, const struct hub_jwt_key *key, struct hub_str text,
                        struct hub_str signature) {
    if (alg->kind == HUB_JWT_HMAC) return hmac_verify(alg, key, text, signature);
    struct hub_buf der = {0};
    bool ok = true;
    if (alg->kind == HUB_JWT_P256) {
        ok = ecdsa_to_der(signature, &der);
        signature = hub_buf_str(&der);
    }
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    ok = ok && md && begin_digest(alg, key, md, false) &&
         EVP_DigestVerify(md, bytes_of_str(signature), signature.n, bytes_of_str(text), text.n) == 1;
    EVP_MD_CTX_free(md);
    hub_buf_free(&der);
    ERR_clear_error(); /* a refused signature is no reason for the thread's error queue to grow */
    return ok;
}

bool hub_jwt_alg_sign(const struct hub_jwt_alg *alg, const struct hub_jwt_key *key, struct hub_str text,
                      struct hub_buf *signature) {
    if (alg->kind == HUB_JWT_HMAC) {
        size_t n;
        bool done = hmac_of(alg, key, text, (unsigned char *)hub_buf_reserve(signature, EVP_MAX_MD_SIZE), &n);
        if (done) signature->n += n;
        return done;
    }
    struct hub_buf der = {0}, *out = alg->kind == HUB_JWT_P256 ? &der : signature;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    size_t n = (size_t)EVP_PKEY_get_size(key->pkey);
    unsigned char *at = (unsigned char *)hub_buf_reserve(out, n);
    bool ok = md && begin_digest(alg, key, md, true) && EVP_DigestSign(md, at, &n, bytes_of_str(text), text.n) == 1;
    if (ok) out->n += n;
    if (ok && out == &der) ok = ecdsa_from_der(hub_buf_str(&der), signature);
    EVP_MD_CTX_free(md);
    hub_buf_free(&der);
    ERR_clear_error();
    return ok;
}
