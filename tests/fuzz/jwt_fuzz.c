/* Tokens and key sets from strangers. The first byte chooses: a token as it is; a header and a payload
 * (parted by a newline) that get a good signature, so that what follows the signature check is reached; a
 * JWK Set. */
#include <openssl/hmac.h>
#include <stdlib.h>

#include "auth/jwt.h"

static struct hub_jwt_keys *load(void) {
    static const char *algorithms[] = {"HS256", "RS256", "PS256", "ES256", "EdDSA"};
    setenv("JWT_FUZZ_SECRET", "short", 1);
    struct hub_def_jwt def = {.algorithms = {algorithms, 5},
                              .secret_env = "JWT_FUZZ_SECRET",
                              .jwks_file = HUB_SOURCE_DIR "/tests/unit/auth/data/jwks.json",
                              .issuer = "tutor",
                              .audience = "hub",
                              .leeway_seconds = 5};
    struct hub_jwt_keys *keys = NULL;
    struct hub_err err;
    if (hub_jwt_keys_load(&def, &keys, &err)) abort();
    return keys;
}

static void verify(const struct hub_jwt_keys *keys, struct hub_str token) {
    json_t *claims;
    struct hub_err err;
    enum hub_code code = hub_jwt_verify(keys, token, 1700000100, &claims, &err);
    if ((code == HUB_OK) != (claims != NULL)) abort();
    json_decref(claims);
}

static void verify_signed(const struct hub_jwt_keys *keys, struct hub_str text) {
    struct hub_buf token = {0};
    struct hub_str header;
    unsigned char mac[32];
    unsigned n;
    if (!hub_str_split(&text, '\n', &header)) return;
    hub_buf_add_base64url(&token, header);
    hub_buf_addc(&token, '.');
    hub_buf_add_base64url(&token, text);
    HMAC(EVP_sha256(), "short", 5, (const unsigned char *)token.p, token.n, mac, &n);
    hub_buf_addc(&token, '.');
    hub_buf_add_base64url(&token, hub_str((const char *)mac, n));
    verify(keys, hub_buf_str(&token));
    hub_buf_free(&token);
}

static void take_set(struct hub_str text) {
    struct hub_err err;
    json_t *jwks = hub_json_parse(text, &err);
    if (!jwks) return;
    struct hub_jwt_keys *keys = load();
    hub_jwt_keys_set_jwks(keys, jwks, &err);
    hub_jwt_keys_free(keys);
    json_decref(jwks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static struct hub_jwt_keys *keys;
    if (!keys) keys = load();
    if (!n) return 0;
    struct hub_str rest = hub_str((const char *)data + 1, n - 1);
    if (data[0] == 'S')
        verify_signed(keys, rest);
    else if (data[0] == 'K')
        take_set(rest);
    else
        verify(keys, rest);
    return 0;
}
