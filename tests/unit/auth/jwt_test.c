/* Tokens: the vectors of RFC 7515 and 8037, tokens made by another implementation for every algorithm
 * (tests/unit/auth/data: Node's crypto module), the claims, the ways tokens are attacked, and what loading
 * a key complains about. */
#include "auth/jwt.h"

#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/io/file.h"
#include "base/memory/mem.h"

#define DATA HUB_SOURCE_DIR "/tests/unit/auth/data/"
#define RFC_NOW 1300819379 /* a second before the RFC's tokens expire */
#define NOW 1700000100     /* tokens.txt: iat 1700000000, exp 1700003600 */
#define RFC_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static const char *all[] = {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "EdDSA"};
static struct hub_err err;

static struct hub_strs names(const char **items, size_t n) { return (struct hub_strs){items, n}; }

static struct hub_jwt_keys *load(struct hub_def_jwt def) {
    struct hub_jwt_keys *keys = NULL;
    if (hub_jwt_keys_load(&def, &keys, &err)) fail_msg("%s", err.text);
    return keys;
}

/* Keys of a JWK Set given as text, for one algorithm. */
static struct hub_jwt_keys *from_jwks(const char *algorithm, const char *text) {
    struct hub_jwt_keys *keys = load((struct hub_def_jwt){
        .on = true, .algorithms = names(&algorithm, 1), .jwks_url = "https://issuer.example/jwks"});
    json_t *jwks = hub_json_parse(hub_cstr(text), &err);
    assert_non_null(jwks);
    assert_int_equal(hub_jwt_keys_set_jwks(keys, jwks, &err), HUB_OK);
    json_decref(jwks);
    return keys;
}

/* Keys of every kind, for the algorithms given. */
static struct hub_jwt_keys *from_files(const char **algorithms, size_t n, const char *public_pem) {
    setenv("JWT_TEST_SECRET", "short", 1);
    return load((struct hub_def_jwt){.on = true,
                                     .algorithms = names(algorithms, n),
                                     .public_key_file = public_pem,
                                     .secret_env = "JWT_TEST_SECRET",
                                     .leeway_seconds = 5});
}

static enum hub_code verify(const struct hub_jwt_keys *keys, const char *token, int64_t now) {
    json_t *claims;
    err.text[0] = 0;
    enum hub_code code = hub_jwt_verify(keys, hub_cstr(token), now, &claims, &err);
    assert_true((code == HUB_OK) == (claims != NULL));
    json_decref(claims);
    return code;
}

/* The token called NAME in tokens.txt; free() it. */
static char *token_named(const char *name) {
    struct hub_buf text = {0};
    assert_int_equal(hub_file_read(DATA "tokens.txt", 1 << 20, &text, &err), HUB_OK);
    struct hub_str rest = hub_buf_str(&text), line;
    char *found = NULL;
    while (!found && hub_str_split(&rest, '\n', &line)) {
        size_t at = hub_str_find(line, ' ');
        if (hub_str_is(hub_str(line.p, at), name)) found = hub_str_dup(hub_str(line.p + at + 1, line.n - at - 1));
    }
    hub_buf_free(&text);
    assert_non_null(found);
    return found;
}

static const char *pem_for(const char *algorithm) {
    if (!strcmp(algorithm, "ES256")) return DATA "p256.public.pem";
    return strcmp(algorithm, "EdDSA") ? DATA "rsa.public.pem" : DATA "ed25519.public.pem";
}

/* A token of exactly this header and payload, with a good HS256 signature under "short". */
static char *forge(const char *header, const char *payload) {
    struct hub_buf token = {0};
    unsigned char mac[32];
    unsigned n = 0;
    hub_buf_add_base64url(&token, hub_cstr(header));
    hub_buf_addc(&token, '.');
    hub_buf_add_base64url(&token, hub_cstr(payload));
    assert_non_null(HMAC(EVP_sha256(), "short", 5, (const unsigned char *)token.p, token.n, mac, &n));
    hub_buf_addc(&token, '.');
    hub_buf_add_base64url(&token, hub_str((const char *)mac, n));
    return hub_buf_take(&token, NULL);
}

static enum hub_code verify_forged(const struct hub_jwt_keys *keys, const char *header, const char *payload,
                                   int64_t now) {
    char *token = forge(header, payload);
    enum hub_code code = verify(keys, token, now);
    free(token);
    return code;
}

#define HS "{\"alg\":\"HS256\"}"

/* ---- vectors ---- */

static void rfc_7515_a1_hs256(void **state) {
    (void)state;
    struct hub_jwt_keys *keys =
        from_jwks("HS256", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-"
                           "1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}]}");
    const char *token =
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC_PAYLOAD ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_int_equal(verify(keys, token, RFC_NOW), HUB_OK);
    assert_int_equal(verify(keys, token, RFC_NOW + 1), HUB_TOKEN_EXPIRED);
    hub_jwt_keys_free(keys);
}

static void rfc_7515_a2_rs256(void **state) {
    (void)state;
    struct hub_jwt_keys *keys =
        from_jwks("RS256", "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
                           "wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2m"
                           "JPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
                           "bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WT"
                           "BEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
                           "h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
                           "\"}]}");
    assert_int_equal(
        verify(keys,
               "eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD
               ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5juj"
               "Gbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
               "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDw"
               "usC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
               "IoypGlUPQGe77Rw",
               RFC_NOW),
        HUB_OK);
    hub_jwt_keys_free(keys);
}

static void rfc_7515_a3_es256(void **state) {
    (void)state;
    struct hub_jwt_keys *keys = from_jwks(
        "ES256", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                 "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}");
    assert_int_equal(verify(keys,
                            "eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD
                            ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
                            RFC_NOW),
                     HUB_OK);
    hub_jwt_keys_free(keys);
}

/* Its payload is a sentence and no JSON: the signature passes, the payload does not. */
static void rfc_8037_a4_ed25519(void **state) {
    (void)state;
    struct hub_jwt_keys *keys = from_jwks(
        "EdDSA",
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}");
    assert_int_equal(verify(keys,
                            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
                            RFC_NOW),
                     HUB_INVALID_TOKEN);
    assert_non_null(strstr(err.text, "payload"));
    assert_int_equal(verify(keys,
                            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAw",
                            RFC_NOW),
                     HUB_INVALID_TOKEN);
    assert_non_null(strstr(err.text, "signature"));
    hub_jwt_keys_free(keys);
}

static void every_algorithm_accepts_its_token_and_no_other_algorithms(void **state) {
    (void)state;
    for (size_t a = 0; a < HUB_NELEM(all); a++) {
        struct hub_jwt_keys *keys = from_files(&all[a], 1, pem_for(all[a]));
        for (size_t t = 0; t < HUB_NELEM(all); t++) {
            char *token = token_named(all[t]);
            assert_int_equal(verify(keys, token, NOW), a == t ? HUB_OK : HUB_INVALID_TOKEN);
            free(token);
        }
        hub_jwt_keys_free(keys);
    }
}

static void a_token_signed_here_is_accepted_here(void **state) {
    (void)state;
    json_t *claims = json_pack("{s:s,s:I}", "sub", "u1", "exp", (json_int_t)NOW + 60);
    for (size_t a = 0; a < HUB_NELEM(all); a++) {
        const char *file = a < 3    ? NULL
                           : a < 7  ? DATA "rsa.private.pem"
                           : a == 7 ? DATA "p256.private.pem"
                                    : DATA "ed25519.private.pem";
        struct hub_buf pem = {0}, token = {0};
        if (file)
            assert_int_equal(hub_file_read(file, 1 << 20, &pem, &err), HUB_OK);
        else
            hub_buf_addz(&pem, "short");
        assert_int_equal(hub_jwt_sign(all[a], hub_buf_str(&pem), claims, &token, &err), HUB_OK);
        struct hub_jwt_keys *keys = from_files(&all[a], 1, pem_for(all[a]));
        assert_int_equal(verify(keys, hub_buf_cstr(&token), NOW), HUB_OK);
        assert_int_equal(verify(keys, hub_buf_cstr(&token), NOW + 64), HUB_OK); /* leeway: 5 s */
        assert_int_equal(verify(keys, hub_buf_cstr(&token), NOW + 65), HUB_TOKEN_EXPIRED);
        hub_jwt_keys_free(keys);
        hub_buf_free(&pem);
        hub_buf_free(&token);
    }
    json_decref(claims);
}

static void signing_names_what_is_wrong_with_the_key(void **state) {
    (void)state;
    struct hub_buf pem = {0}, out = {0};
    json_t *claims = json_object();
    assert_int_equal(hub_jwt_sign("RS256", HUB_STR("nonsense"), claims, &out, &err), HUB_INTERNAL);
    assert_int_equal(hub_file_read(DATA "rsa.encrypted.pem", 1 << 20, &pem, &err), HUB_OK);
    assert_int_equal(hub_jwt_sign("RS256", hub_buf_str(&pem), claims, &out, &err),
                     HUB_INTERNAL); /* and asks nobody for a passphrase */
    hub_buf_clear(&pem);
    assert_int_equal(hub_file_read(DATA "rsa.private.pem", 1 << 20, &pem, &err), HUB_OK);
    assert_int_equal(hub_jwt_sign("ES256", hub_buf_str(&pem), claims, &out, &err), HUB_INTERNAL);
    assert_string_equal(err.text, "the private key is not of the kind that ES256 needs");
    assert_int_equal(hub_jwt_sign("none", hub_buf_str(&pem), claims, &out, &err), HUB_INTERNAL);
    assert_int_equal(hub_jwt_sign("HS256", HUB_STR(""), claims, &out, &err), HUB_INTERNAL);
    assert_int_equal(out.n, 0);
    json_decref(claims);
    hub_buf_free(&pem);
    hub_buf_free(&out);
}

/* ---- attacks ---- */

static void the_public_key_is_never_taken_for_a_secret(void **state) {
    (void)state;
    static const char *both[] = {"RS256", "HS256"};
    char *token = token_named("HS256-with-public-pem");
    struct hub_jwt_keys *keys = from_files(both, 2, DATA "rsa.public.pem");
    assert_int_equal(verify(keys, token, NOW), HUB_INVALID_TOKEN);
    hub_jwt_keys_free(keys);
    keys =
        load((struct hub_def_jwt){.on = true, .algorithms = names(both, 2), .public_key_file = DATA "rsa.public.pem"});
    assert_int_equal(verify(keys, token, NOW), HUB_INVALID_TOKEN);
    hub_jwt_keys_free(keys);
    free(token);
}

static void no_header_talks_its_way_past_the_algorithm_list(void **state) {
    (void)state;
    struct hub_jwt_keys *keys = from_files(all, HUB_NELEM(all), DATA "rsa.public.pem");
    static const char *headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"HS256\\u0000\"}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":null}",
        "{}",
        "{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"crit\":[]}",
        "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"HS256\",\"kid\":7}",
        "{\"alg\":\"HS256\"}}",
        "[\"HS256\"]",
        "",
    };
    assert_int_equal(verify_forged(keys, HS, "{}", NOW), HUB_OK);
    assert_int_equal(
        verify_forged(keys, "{\"alg\":\"HS256\",\"kid\":\"any\",\"jku\":\"https://evil.example\"}", "{}", NOW), HUB_OK);
    for (size_t i = 0; i < HUB_NELEM(headers); i++) {
        if (verify_forged(keys, headers[i], "{}", NOW) != HUB_INVALID_TOKEN) fail_msg("accepted: %s", headers[i]);
        assert_true(err.text[0]);
    }
    assert_int_equal(verify(keys, "eyJhbGciOiJub25lIn0.e30.", NOW), HUB_INVALID_TOKEN);
    hub_jwt_keys_free(keys);
}

static void a_salt_or_encoding_of_another_scheme_is_refused(void **state) {
    (void)state;
    static const char *ps[] = {"PS256"}, *es[] = {"ES256"};
    struct hub_jwt_keys *keys = from_files(ps, 1, DATA "rsa.public.pem");
    char *token = token_named("PS256-salt-20");
    assert_int_equal(verify(keys, token, NOW), HUB_INVALID_TOKEN);
    free(token);
    hub_jwt_keys_free(keys);
    keys = from_files(es, 1, DATA "p256.public.pem");
    token = token_named("ES256-der");
    assert_int_equal(verify(keys, token, NOW), HUB_INVALID_TOKEN);
    free(token);
    hub_jwt_keys_free(keys);
}

/* CVE-2022-21449: r = s = 0 passed for a signature of everything. */
static void a_zero_ecdsa_signature_is_refused(void **state) {
    (void)state;
    static const char *es[] = {"ES256"};
    struct hub_jwt_keys *keys = from_files(es, 1, DATA "p256.public.pem");
    struct hub_buf token = {0};
    static const char zero[64];
    hub_buf_addz(&token, "eyJhbGciOiJFUzI1NiJ9.e30.");
    hub_buf_add_base64url(&token, hub_str(zero, 64));
    assert_int_equal(verify(keys, hub_buf_cstr(&token), NOW), HUB_INVALID_TOKEN);
    hub_buf_free(&token);
    hub_jwt_keys_free(keys);
}

static void every_shortened_or_altered_token_is_refused(void **state) {
    (void)state;
    static const char *one[] = {"HS256"};
    struct hub_jwt_keys *keys = from_files(one, 1, NULL);
    char *token = token_named("HS256");
    size_t n = strlen(token);
    json_t *claims;
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(hub_jwt_verify(keys, hub_str(token, cut), NOW, &claims, &err), HUB_INVALID_TOKEN);
    for (size_t at = 0; at < n; at++) {
        char was = token[at];
        token[at] = was == 'A' ? 'B' : 'A';
        assert_int_equal(verify(keys, token, NOW), HUB_INVALID_TOKEN);
        token[at] = was;
    }
    assert_int_equal(verify(keys, token, NOW), HUB_OK);
    free(token);
    hub_jwt_keys_free(keys);
}

static void padding_extra_parts_and_white_space_are_refused(void **state) {
    (void)state;
    static const char *one[] = {"HS256"}, *suffixes[] = {"=", "==", ".", ".e30", " ", "\n", "A"};
    struct hub_jwt_keys *keys = from_files(one, 1, NULL);
    char *token = token_named("HS256");
    for (size_t i = 0; i < HUB_NELEM(suffixes); i++) {
        struct hub_buf b = {0};
        hub_buf_addf(&b, "%s%s", token, suffixes[i]);
        assert_int_equal(verify(keys, hub_buf_cstr(&b), NOW), HUB_INVALID_TOKEN);
        hub_buf_free(&b);
    }
    static const char *shapes[] = {"", ".", "..", "...", "a.b.c", "a..c", "....."};
    for (size_t i = 0; i < HUB_NELEM(shapes); i++) assert_int_equal(verify(keys, shapes[i], NOW), HUB_INVALID_TOKEN);
    free(token);
    hub_jwt_keys_free(keys);
}

/* 32 bytes make 43 characters, the last of which carries two stray bits: four spellings, one signature. */
static void a_second_spelling_of_the_signature_is_refused(void **state) {
    (void)state;
    static const char *one[] = {"HS256"};
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct hub_jwt_keys *keys = from_files(one, 1, NULL);
    char *token = token_named("HS256"), *last = token + strlen(token) - 1;
    *last = alphabet[(strchr(alphabet, *last) - alphabet) | 1];
    assert_int_equal(verify(keys, token, NOW), HUB_INVALID_TOKEN);
    free(token);
    hub_jwt_keys_free(keys);
}

static void a_token_over_16_kib_is_refused_however_well_signed(void **state) {
    (void)state;
    static const char *one[] = {"HS256"};
    struct hub_jwt_keys *keys = from_files(one, 1, NULL);
    for (int over = 0; over < 2; over++) {
        struct hub_buf payload = {0};
        hub_buf_addz(&payload, "{\"pad\":\"");
        while (payload.n < (over ? 12300u : 12200u)) hub_buf_addc(&payload, 'x');
        hub_buf_addz(&payload, "\"}");
        assert_int_equal(verify_forged(keys, HS, hub_buf_cstr(&payload), NOW), over ? HUB_INVALID_TOKEN : HUB_OK);
        hub_buf_free(&payload);
    }
    hub_jwt_keys_free(keys);
}

/* ---- claims ---- */

static void times_are_checked_with_leeway(void **state) {
    (void)state;
    static const char *one[] = {"HS256"};
    struct hub_jwt_keys *keys = from_files(one, 1, NULL); /* leeway 5 */
    static const struct {
        const char *payload;
        enum hub_code code;
    } rows[] = {
        {"{\"exp\":1004}", HUB_OK},
        {"{\"exp\":996}", HUB_OK},
        {"{\"exp\":995}", HUB_TOKEN_EXPIRED},
        {"{\"exp\":995.5}", HUB_OK},
        {"{\"exp\":-1e300}", HUB_TOKEN_EXPIRED},
        {"{\"exp\":1e300}", HUB_OK},
        {"{\"exp\":99999999999999999999}", HUB_OK},
        {"{\"exp\":\"1004\"}", HUB_INVALID_TOKEN},
        {"{\"exp\":null}", HUB_INVALID_TOKEN},
        {"{\"exp\":true}", HUB_INVALID_TOKEN},
        {"{\"nbf\":1005}", HUB_OK},
        {"{\"nbf\":1006}", HUB_INVALID_TOKEN},
        {"{\"nbf\":[]}", HUB_INVALID_TOKEN},
        {"{\"iat\":1005}", HUB_OK},
        {"{\"iat\":1006}", HUB_INVALID_TOKEN},
        {"{\"iat\":\"x\"}", HUB_INVALID_TOKEN},
        {"{\"exp\":1,\"exp\":2000}", HUB_INVALID_TOKEN},
        {"{}", HUB_OK},
        {"[]", HUB_INVALID_TOKEN},
        {"\"x\"", HUB_INVALID_TOKEN},
        {"", HUB_INVALID_TOKEN},
    };
    for (size_t i = 0; i < HUB_NELEM(rows); i++)
        if (verify_forged(keys, HS, rows[i].payload, 1000) != rows[i].code)
            fail_msg("%s: %s", rows[i].payload, err.text);
    hub_jwt_keys_free(keys);
}

static void issuer_and_audience_are_checked_when_configured(void **state) {
    (void)state;
    static const char *one[] = {"HS256"}, *audience[] = {"desk", "hub"};
    setenv("JWT_TEST_SECRET", "short", 1);
    struct hub_jwt_keys *keys = load((struct hub_def_jwt){.on = true,
                                                          .algorithms = names(one, 1),
                                                          .secret_env = "JWT_TEST_SECRET",
                                                          .issuer = "tutor",
                                                          .audience = names(audience, 2)});
    static const struct {
        const char *payload;
        enum hub_code code;
    } rows[] = {
        {"{\"iss\":\"tutor\",\"aud\":\"hub\"}", HUB_OK},
        {"{\"iss\":\"tutor\",\"aud\":[\"web\",\"hub\"]}", HUB_OK},
        {"{\"iss\":\"tutor\",\"aud\":\"desk\"}", HUB_OK},
        {"{\"iss\":\"tutor\",\"aud\":[\"web\"]}", HUB_INVALID_TOKEN},
        {"{\"iss\":\"tutor\",\"aud\":[]}", HUB_INVALID_TOKEN},
        {"{\"iss\":\"tutor\",\"aud\":[[\"hub\"]]}", HUB_INVALID_TOKEN},
        {"{\"iss\":\"tutor\",\"aud\":\"hub2\"}", HUB_INVALID_TOKEN},
        {"{\"iss\":\"tutor\",\"aud\":\"hub\\u0000\"}", HUB_INVALID_TOKEN},
        {"{\"iss\":\"tutor\"}", HUB_INVALID_TOKEN},
        {"{\"aud\":\"hub\"}", HUB_INVALID_TOKEN},
        {"{\"iss\":[\"tutor\"],\"aud\":\"hub\"}", HUB_INVALID_TOKEN},
        {"{\"iss\":\"Tutor\",\"aud\":\"hub\"}", HUB_INVALID_TOKEN},
    };
    for (size_t i = 0; i < HUB_NELEM(rows); i++)
        if (verify_forged(keys, HS, rows[i].payload, NOW) != rows[i].code)
            fail_msg("%s: %s", rows[i].payload, err.text);
    hub_jwt_keys_free(keys);
}

/* ---- keys ---- */

static void certificates_and_pkcs1_keys_serve_like_plain_public_keys(void **state) {
    (void)state;
    static const char *one[] = {"RS256"}, *files[] = {DATA "rsa.certificate.pem", DATA "rsa.pkcs1.public.pem"};
    char *token = token_named("RS256");
    for (size_t i = 0; i < HUB_NELEM(files); i++) {
        struct hub_jwt_keys *keys = from_files(one, 1, files[i]);
        assert_int_equal(verify(keys, token, NOW), HUB_OK);
        hub_jwt_keys_free(keys);
    }
    struct hub_jwt_keys *other = from_files(one, 1, DATA "rsa-other.public.pem");
    assert_int_equal(verify(other, token, NOW), HUB_INVALID_TOKEN);
    hub_jwt_keys_free(other);
    free(token);
}

static void loading_says_which_file_or_variable_and_why(void **state) {
    (void)state;
    static const char *rs[] = {"RS256"}, *es[] = {"ES256"}, *hs[] = {"HS256"}, *odd[] = {"RS257"};
    unsetenv("JWT_TEST_NO_SUCH");
    const struct {
        struct hub_def_jwt def;
        const char *text;
    } rows[] = {
        {{.algorithms = names(rs, 1), .public_key_file = DATA "none.pem"}, "none.pem: No such file"},
        {{.algorithms = names(rs, 1), .public_key_file = DATA "tokens.txt"}, "tokens.txt: no PEM public key"},
        {{.algorithms = names(rs, 1), .public_key_file = DATA "rsa-1024.public.pem"}, "less than 2048 bits"},
        {{.algorithms = names(es, 1), .public_key_file = DATA "p384.public.pem"}, "other than P-256"},
        {{.algorithms = names(es, 1), .public_key_file = DATA "rsa.public.pem"}, "of the kind that ES256 needs"},
        {{.algorithms = names(hs, 1), .public_key_file = DATA "rsa.public.pem"}, "of the kind that HS256 needs"},
        {{.algorithms = names(hs, 1), .secret_env = "JWT_TEST_NO_SUCH"}, "JWT_TEST_NO_SUCH is not set"},
        {{.algorithms = names(odd, 1), .public_key_file = DATA "rsa.public.pem"}, "\"RS257\" is not one of"},
        {{.algorithms = names(odd, 0)}, "algorithms is empty"},
        {{.algorithms = names(rs, 1), .jwks_file = DATA "none.json"}, "none.json: No such file"},
        {{.algorithms = names(rs, 1), .jwks_file = DATA "rsa.public.pem"}, "invalid JSON"},
    };
    for (size_t i = 0; i < HUB_NELEM(rows); i++) {
        struct hub_jwt_keys *keys = NULL;
        assert_int_equal(hub_jwt_keys_load(&rows[i].def, &keys, &err), HUB_INTERNAL);
        assert_null(keys);
        if (!strstr(err.text, rows[i].text)) fail_msg("expected \"%s\" in: %s", rows[i].text, err.text);
    }
}

static void a_key_set_serves_each_key_to_its_algorithm_only(void **state) {
    (void)state;
    struct hub_jwt_keys *keys =
        load((struct hub_def_jwt){.on = true, .algorithms = names(all, HUB_NELEM(all)), .jwks_file = DATA "jwks.json"});
    /* The RSA key says alg RS256 and the octet key HS256: the other algorithms of their kind have none. */
    static const char *served[] = {"HS256", "RS256", "ES256", "EdDSA"}, *refused[] = {"HS384", "RS512", "PS256"};
    for (size_t i = 0; i < HUB_NELEM(served); i++) {
        char *token = token_named(served[i]);
        assert_int_equal(verify(keys, token, NOW), HUB_OK);
        free(token);
    }
    for (size_t i = 0; i < HUB_NELEM(refused); i++) {
        char *token = token_named(refused[i]);
        assert_int_equal(verify(keys, token, NOW), HUB_INVALID_TOKEN);
        free(token);
    }
    assert_int_equal(verify_forged(keys, "{\"alg\":\"HS256\",\"kid\":\"mac\"}", "{}", NOW), HUB_OK);
    assert_int_equal(verify_forged(keys, "{\"alg\":\"HS256\",\"kid\":\"rsa\"}", "{}", NOW), HUB_INVALID_TOKEN);
    assert_int_equal(verify_forged(keys, "{\"alg\":\"HS256\",\"kid\":\"\"}", "{}", NOW), HUB_INVALID_TOKEN);
    hub_jwt_keys_free(keys);
}

static void a_bad_key_set_leaves_the_good_one_in_place(void **state) {
    (void)state;
    static const char *bad[] = {
        "{}",
        "[]",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[7,null,[]]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"!!\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2hvcnQ\",\"alg\":\"RS256\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2hvcnQ\",\"use\":\"enc\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2hvcnQ\",\"key_ops\":[\"sign\"]}]}",
    };
    struct hub_jwt_keys *keys = from_jwks("HS256", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}]}");
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        json_t *jwks = hub_json_parse(hub_cstr(bad[i]), &err);
        assert_non_null(jwks);
        if (hub_jwt_keys_set_jwks(keys, jwks, &err) != HUB_INTERNAL) fail_msg("taken: %s", bad[i]);
        json_decref(jwks);
        assert_int_equal(verify_forged(keys, HS, "{}", NOW), HUB_OK);
    }
    hub_jwt_keys_free(keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_7515_a1_hs256),
        cmocka_unit_test(rfc_7515_a2_rs256),
        cmocka_unit_test(rfc_7515_a3_es256),
        cmocka_unit_test(rfc_8037_a4_ed25519),
        cmocka_unit_test(every_algorithm_accepts_its_token_and_no_other_algorithms),
        cmocka_unit_test(a_token_signed_here_is_accepted_here),
        cmocka_unit_test(signing_names_what_is_wrong_with_the_key),
        cmocka_unit_test(the_public_key_is_never_taken_for_a_secret),
        cmocka_unit_test(no_header_talks_its_way_past_the_algorithm_list),
        cmocka_unit_test(a_salt_or_encoding_of_another_scheme_is_refused),
        cmocka_unit_test(a_zero_ecdsa_signature_is_refused),
        cmocka_unit_test(every_shortened_or_altered_token_is_refused),
        cmocka_unit_test(padding_extra_parts_and_white_space_are_refused),
        cmocka_unit_test(a_second_spelling_of_the_signature_is_refused),
        cmocka_unit_test(a_token_over_16_kib_is_refused_however_well_signed),
        cmocka_unit_test(times_are_checked_with_leeway),
        cmocka_unit_test(issuer_and_audience_are_checked_when_configured),
        cmocka_unit_test(certificates_and_pkcs1_keys_serve_like_plain_public_keys),
        cmocka_unit_test(loading_says_which_file_or_variable_and_why),
        cmocka_unit_test(a_key_set_serves_each_key_to_its_algorithm_only),
        cmocka_unit_test(a_bad_key_set_leaves_the_good_one_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
