/* Keys: from PEM files, secrets and JWK Sets (RFC 7517) to one EVP_PKEY or keyed MAC each. Parsed once,
 * when the service loads. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/jwt_int.h"
#include "base/io/file.h"
#include "base/memory/mem.h"

#define FILE_MAX (256 * 1024)
#define RSA_MIN_BITS 2048 /* RFC 7518, 3.3 */

void hub_jwt_key_clear(struct hub_jwt_key *key) {
    for (size_t i = 0; i < HUB_NELEM(key->mac); i++) EVP_MAC_CTX_free(key->mac[i]);
    EVP_PKEY_free(key->pkey);
    free(key->kid);
    *key = (struct hub_jwt_key){0};
}

static HUB_MUST EVP_MAC_CTX *keyed_mac(struct hub_str secret, const char *digest) {
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
    char *name = (char *)(uintptr_t)digest; /* OSSL_PARAM has no const, and only reads it */
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC_free(hmac);
    if (mac && EVP_MAC_init(mac, (const unsigned char *)secret.p, secret.n, params)) return mac;
    EVP_MAC_CTX_free(mac);
    return NULL;
}

bool hub_jwt_key_secret(struct hub_jwt_key *key, struct hub_str secret) {
    static const char *const digests[] = {"SHA256", "SHA384", "SHA512"};
    if (!secret.n) return false;
    *key = (struct hub_jwt_key){.kind = HUB_JWT_HMAC, .print = hub_fingerprint(0, secret)};
    for (size_t i = 0; i < HUB_NELEM(digests); i++)
        if (!(key->mac[i] = keyed_mac(secret, digests[i]))) return hub_jwt_key_clear(key), false;
    return true;
}

static bool kind_of(EVP_PKEY *pkey, enum hub_jwt_kind *kind, const char **why) {
    char group[32] = "";
    if (EVP_PKEY_is_a(pkey, "RSA") || EVP_PKEY_is_a(pkey, "RSA-PSS")) {
        *kind = HUB_JWT_RSA;
        *why = "an RSA key of less than 2048 bits";
        return EVP_PKEY_get_bits(pkey) >= RSA_MIN_BITS;
    }
    if (EVP_PKEY_is_a(pkey, "EC")) {
        *kind = HUB_JWT_P256;
        *why = "an elliptic curve other than P-256";
        return EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) &&
               (!strcmp(group, "prime256v1") || !strcmp(group, "P-256"));
    }
    *kind = HUB_JWT_ED25519;
    *why = "a key that is neither RSA, P-256 nor Ed25519";
    return EVP_PKEY_is_a(pkey, "ED25519");
}

static uint64_t print_of_key(EVP_PKEY *pkey) {
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(pkey, &der);
    uint64_t print = n > 0 ? hub_fingerprint(0, hub_str((const char *)der, (size_t)n)) : 0;
    OPENSSL_free(der);
    return print;
}

bool hub_jwt_key_adopt(struct hub_jwt_key *key, EVP_PKEY *pkey, const char **why) {
    *key = (struct hub_jwt_key){.pkey = pkey};
    if (!kind_of(pkey, &key->kind, why)) return hub_jwt_key_clear(key), false;
    if (EVP_PKEY_is_a(pkey, "RSA-PSS")) key->alg = hub_jwt_alg_find(HUB_STR("PS256"));
    key->print = print_of_key(pkey);
    return true;
}

/* OpenSSL would ask at the terminal otherwise. */
static int no_key_passphrase(char *out, int size, int writing, void *arg) {
    (void)out, (void)size, (void)writing, (void)arg;
    return -1;
}

static HUB_MUST EVP_PKEY *read_public(struct hub_str pem) {
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, no_key_passphrase, NULL);
    if (!pkey) {
        (void)BIO_reset(bio);
        X509 *certificate = PEM_read_bio_X509(bio, NULL, no_key_passphrase, NULL);
        if (certificate) pkey = X509_get_pubkey(certificate);
        X509_free(certificate);
    }
    BIO_free(bio);
    ERR_clear_error();
    return pkey;
}

enum hub_code hub_jwt_key_private(struct hub_jwt_key *key, struct hub_str pem, struct hub_err *err) {
    const char *why;
    if (pem.n > FILE_MAX) return hub_fail(err, HUB_INTERNAL, "the private key is larger than %d bytes", FILE_MAX);
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, no_key_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (!pkey) return hub_fail(err, HUB_INTERNAL, "no PEM private key (without passphrase) in it");
    if (!hub_jwt_key_adopt(key, pkey, &why)) return hub_fail(err, HUB_INTERNAL, "it holds %s", why);
    return HUB_OK;
}

/* ---- a set ---- */

static void add_key(struct hub_jwt_keys *keys, struct hub_jwt_key key) {
    keys->keys = hub_xrealloc(keys->keys, (keys->key_n + 1) * sizeof key);
    keys->keys[keys->key_n++] = key;
}

static enum hub_code add_pem_file(struct hub_jwt_keys *keys, const char *path, struct hub_err *err) {
    struct hub_buf pem = {0};
    struct hub_jwt_key key;
    const char *why;
    struct hub_err cause;
    if (hub_file_read(path, FILE_MAX, &pem, &cause))
        return hub_fail(err, HUB_INTERNAL, "auth.jwt.publicKeyFile: %s", cause.text);
    EVP_PKEY *pkey = read_public(hub_buf_str(&pem));
    hub_buf_free(&pem);
    if (!pkey)
        return hub_fail(err, HUB_INTERNAL, "auth.jwt.publicKeyFile: %s: no PEM public key or certificate in it", path);
    if (!hub_jwt_key_adopt(&key, pkey, &why))
        return hub_fail(err, HUB_INTERNAL, "auth.jwt.publicKeyFile: %s: it holds %s", path, why);
    add_key(keys, key);
    return HUB_OK;
}

static enum hub_code add_secret(struct hub_jwt_keys *keys, const char *variable, struct hub_err *err) {
    struct hub_jwt_key key;
    if (!hub_jwt_key_secret(&key, hub_cstr(getenv(variable))))
        return hub_fail(err, HUB_INTERNAL, "auth.jwt.secretEnv: the environment variable %s is not set or empty",
                        variable);
    add_key(keys, key);
    return HUB_OK;
}

static enum hub_code add_jwks_file(struct hub_jwt_keys *keys, const char *path, struct hub_err *err) {
    struct hub_buf text = {0};
    struct hub_err cause;
    if (hub_file_read(path, FILE_MAX, &text, &cause))
        return hub_fail(err, HUB_INTERNAL, "auth.jwt.jwksFile: %s", cause.text);
    json_t *jwks = hub_json_parse(hub_buf_str(&text), &cause);
    hub_buf_free(&text);
    if (!jwks) return hub_fail(err, HUB_INTERNAL, "auth.jwt.jwksFile: %s: %s", path, cause.text);
    enum hub_code code = hub_jwt_keys_set_jwks(keys, jwks, &cause);
    json_decref(jwks);
    return code ? hub_fail(err, code, "auth.jwt.jwksFile: %s: %s", path, cause.text) : HUB_OK;
}

static enum hub_code add_algorithms(struct hub_jwt_keys *keys, const struct hub_strs *names, struct hub_err *err) {
    if (!names->n)
        return hub_fail(err, HUB_INTERNAL,
                        "auth.jwt.algorithms is empty; name those the tokens may use, such as [RS256]");
    for (size_t i = 0; i < names->n; i++) {
        const struct hub_jwt_alg *alg = hub_jwt_alg_find(hub_cstr(names->items[i]));
        if (!alg)
            return hub_fail(err, HUB_INTERNAL,
                            "auth.jwt.algorithms: \"%s\" is not one of HS256, HS384, HS512, RS256, RS384, RS512, "
                            "PS256, ES256, EdDSA",
                            names->items[i]);
        if (!hub_jwt_alg_listed(keys, hub_cstr(alg->name))) keys->algs[keys->alg_n++] = alg;
    }
    return HUB_OK;
}

static bool some_key_fits(const struct hub_jwt_keys *keys, const struct hub_jwt_key *list, size_t n) {
    for (size_t i = 0; i < keys->alg_n; i++)
        for (size_t k = 0; k < n; k++)
            if (list[k].kind == keys->algs[i]->kind) return true;
    return false;
}

static enum hub_code load_keys(struct hub_jwt_keys *keys, const struct hub_def_jwt *def, struct hub_err *err) {
    enum hub_code code = add_algorithms(keys, &def->algorithms, err);
    /* The set first: it replaces what is there. */
    if (!code && def->jwks_file) code = add_jwks_file(keys, def->jwks_file, err);
    if (!code && def->public_key_file) code = add_pem_file(keys, def->public_key_file, err);
    if (!code && def->secret_env) code = add_secret(keys, def->secret_env, err);
    if (!code && !def->jwks_url && !some_key_fits(keys, keys->keys, keys->key_n))
        code = hub_fail(err, HUB_INTERNAL, "auth.jwt.algorithms: no key given is of the kind that %s needs",
                        keys->algs[0]->name);
    return code;
}

enum hub_code hub_jwt_keys_load(const struct hub_def_jwt *def, struct hub_jwt_keys **out, struct hub_err *err) {
    struct hub_jwt_keys *keys = hub_xcalloc(1, sizeof *keys);
    keys->issuer = def->issuer ? hub_xstrdup(def->issuer) : NULL;
    keys->audience = hub_xcalloc(def->audience.n, sizeof *keys->audience);
    for (; keys->audience_n < def->audience.n; keys->audience_n++)
        keys->audience[keys->audience_n] = hub_xstrdup(def->audience.items[keys->audience_n]);
    keys->leeway = def->leeway_seconds;
    enum hub_code code = load_keys(keys, def, err);
    if (code) {
        hub_jwt_keys_free(keys);
        return code;
    }
    *out = keys;
    return HUB_OK;
}

static void clear_keys(struct hub_jwt_key *keys, size_t n) {
    for (size_t i = 0; i < n; i++) hub_jwt_key_clear(&keys[i]);
    free(keys);
}

void hub_jwt_keys_free(struct hub_jwt_keys *keys) {
    if (!keys) return;
    clear_keys(keys->keys, keys->key_n);
    free(keys->issuer);
    for (size_t i = 0; i < keys->audience_n; i++) free(keys->audience[i]);
    free(keys->audience);
    free(keys);
}

/* ---- JWK ---- */

/* A base64url member. False when absent, empty or malformed. */
static bool decode_member(const json_t *jwk, const char *name, struct hub_buf *out) {
    hub_buf_clear(out);
    return hub_buf_add_unbase64url(out, hub_json_get_str(jwk, name)) && out->n;
}

static HUB_MUST EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build) {
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

static HUB_MUST EVP_PKEY *rsa_from_jwk(const json_t *jwk, struct hub_buf *b) {
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = decode_member(jwk, "n", b) ? BN_bin2bn((unsigned char *)b->p, (int)b->n, NULL) : NULL;
    BIGNUM *e = decode_member(jwk, "e", b) ? BN_bin2bn((unsigned char *)b->p, (int)b->n, NULL) : NULL;
    EVP_PKEY *pkey = NULL;
    if (n && e && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        pkey = from_params("RSA", build);
    BN_free(n);
    BN_free(e);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

static HUB_MUST EVP_PKEY *ec_from_jwk(const json_t *jwk, struct hub_buf *b) {
    unsigned char point[65] = {4}; /* uncompressed */
    for (int i = 0; i < 2; i++) {
        if (!decode_member(jwk, i ? "y" : "x", b) || b->n != 32) return NULL;
        memcpy(point + 1 + 32 * i, b->p, 32);
    }
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;
    if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
        pkey = from_params("EC", build);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

static bool is_member(const json_t *jwk, const char *name, const char *value) {
    return hub_str_is(hub_json_get_str(jwk, name), value);
}

static bool for_verifying(const json_t *jwk) {
    const json_t *use = hub_json_get(jwk, "use"), *ops = hub_json_get(jwk, "key_ops");
    if (use && !is_member(jwk, "use", "sig")) return false;
    if (!ops) return true;
    for (size_t i = 0; i < json_array_size(ops); i++)
        if (hub_str_is(hub_json_str(json_array_get(ops, i)), "verify")) return true;
    return false;
}

/* One member of a set. False for a key that is not for us: the set may serve other programs too (RFC 7517,
 * 5). */
static bool key_from_jwk(const json_t *jwk, struct hub_jwt_key *key) {
    struct hub_str kid = hub_json_get_str(jwk, "kid"), name = hub_json_get_str(jwk, "alg");
    const struct hub_jwt_alg *alg = hub_jwt_alg_find(name);
    struct hub_buf b = {0};
    EVP_PKEY *pkey = NULL;
    const char *why;
    bool ok = false;
    if (!for_verifying(jwk) || (hub_json_get(jwk, "alg") && !alg)) return false;
    if (is_member(jwk, "kty", "oct")) {
        ok = decode_member(jwk, "k", &b) && hub_jwt_key_secret(key, hub_buf_str(&b));
    } else {
        if (is_member(jwk, "kty", "RSA")) pkey = rsa_from_jwk(jwk, &b);
        if (is_member(jwk, "kty", "EC") && is_member(jwk, "crv", "P-256")) pkey = ec_from_jwk(jwk, &b);
        if (is_member(jwk, "kty", "OKP") && is_member(jwk, "crv", "Ed25519") && decode_member(jwk, "x", &b))
            pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, (unsigned char *)b.p, b.n);
        ok = pkey && hub_jwt_key_adopt(key, pkey, &why);
    }
    hub_buf_free(&b);
    ERR_clear_error();
    if (!ok) return false;
    if (alg) key->alg = alg;
    if (kid.p) key->kid = hub_str_dup(kid);
    if (!alg || alg->kind == key->kind) return true;
    hub_jwt_key_clear(key);
    return false;
}

enum hub_code hub_jwt_keys_set_jwks(struct hub_jwt_keys *keys, json_t *jwks, struct hub_err *err) {
    const json_t *list = hub_json_get(jwks, "keys");
    size_t n = json_array_size(list), used = 0;
    if (!json_is_array(list)) return hub_fail(err, HUB_INTERNAL, "not a JWK Set: it has no array \"keys\"");
    if (n > HUB_JWT_KEY_MAX)
        return hub_fail(err, HUB_INTERNAL, "the JWK Set has %zu keys; at most %d are taken", n, HUB_JWT_KEY_MAX);
    struct hub_jwt_key *fresh = hub_xcalloc(n, sizeof *fresh);
    for (size_t i = 0; i < n; i++) used += key_from_jwk(json_array_get(list, i), &fresh[used]);
    if (!used) {
        free(fresh);
        return hub_fail(err, HUB_INTERNAL,
                        "none of the JWK Set's %zu keys is an RSA, P-256, Ed25519 or octet key for signatures", n);
    }
    if (!some_key_fits(keys, fresh, used)) {
        clear_keys(fresh, used);
        return hub_fail(err, HUB_INTERNAL, "none of the JWK Set's keys is of the kind that %s needs",
                        keys->algs[0]->name);
    }
    clear_keys(keys->keys, keys->key_n);
    keys->keys = fresh, keys->key_n = used;
    return HUB_OK;
}
