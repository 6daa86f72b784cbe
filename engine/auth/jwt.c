/* Tokens: taking a compact JWS apart, checking it in an order that never lets the token choose how it is
 * checked, and signing one. */
#include "auth/jwt.h"

#include <math.h>

#include "auth/jwt_int.h"
#include "base/text/utf8.h"

#define TOKEN_MAX (16 * 1024)

struct parts {
    struct hub_str header, payload, signature; /* base64url, as received */
    struct hub_str signed_part;                /* header.payload */
};

static bool split_token(struct hub_str token, struct parts *p) {
    struct hub_str rest = token;
    if (!hub_str_split(&rest, '.', &p->header) || !hub_str_split(&rest, '.', &p->payload) || !rest.p) return false;
    p->signature = rest;
    p->signed_part = hub_str(token.p, p->header.n + 1 + p->payload.n);
    return p->header.n && p->payload.n && p->signature.n && hub_str_find(rest, '.') == rest.n;
}

/* JWS has no padding, and one spelling for the same bytes only: what was signed is what was sent. */
static bool decode_part(struct hub_str text, struct hub_buf *out) {
    return hub_str_find(text, '=') == text.n && hub_buf_add_unbase64url(out, text);
}

static HUB_MUST json_t *parse_part(struct hub_str text) {
    struct hub_buf b = {0};
    json_t *v = decode_part(text, &b) ? hub_json_parse(hub_buf_str(&b), NULL) : NULL;
    hub_buf_free(&b);
    if (json_is_object(v)) return v;
    json_decref(v);
    return NULL;
}

static bool is_candidate(const struct hub_jwt_key *key, const struct hub_jwt_alg *alg, struct hub_str kid) {
    return key->kind == alg->kind && (!key->alg || key->alg == alg) &&
           (!kid.p || !key->kid || hub_str_is(kid, key->kid));
}

static uint64_t print_of_use(const struct hub_jwt_key *key, const struct hub_jwt_alg *alg) {
    return hub_fingerprint(key->print, hub_cstr(alg->name));
}

static enum hub_code check_signature(const struct hub_jwt_keys *keys, const struct parts *p, const json_t *header,
                                     struct hub_err *err) {
    struct hub_str name = hub_json_get_str(header, "alg"), kid = hub_json_get_str(header, "kid");
    if (hub_json_get(header, "crit"))
        return hub_fail(err, HUB_INVALID_TOKEN, "the header's \"crit\" asks for extensions");
    if (hub_json_get(header, "kid") && !kid.p)
        return hub_fail(err, HUB_INVALID_TOKEN, "the header's \"kid\" is not a string");
    const struct hub_jwt_alg *alg = hub_jwt_alg_listed(keys, name);
    if (!alg)
        return hub_fail(err, HUB_INVALID_TOKEN, "algorithm \"%.*s\" is not in auth.jwt.algorithms", HUB_CUT(name, 32));
    struct hub_buf signature = {0};
    if (!decode_part(p->signature, &signature)) {
        hub_buf_free(&signature);
        return hub_fail(err, HUB_INVALID_TOKEN, "the signature is not base64url");
    }
    size_t tried = 0;
    bool good = false;
    for (size_t i = 0; i < keys->key_n && !good; i++) {
        if (!is_candidate(&keys->keys[i], alg, kid)) continue;
        tried++;
        good = hub_jwt_alg_verify(alg, &keys->keys[i], p->signed_part, hub_buf_str(&signature));
        if (good) ((struct hub_jwt_keys *)(uintptr_t)keys)->used = print_of_use(&keys->keys[i], alg);
    }
    hub_buf_free(&signature);
    if (good) return HUB_OK;
    if (!tried) return hub_fail(err, HUB_INVALID_TOKEN, "no key for algorithm %s and this \"kid\"", alg->name);
    return hub_fail(err, HUB_INVALID_TOKEN, "the signature does not fit");
}

/* A NumericDate, which may have a fraction. False when it is there and no usable number. */
static bool get_date(const json_t *claims, const char *name, bool *given, double *seconds) {
    const json_t *v = hub_json_get(claims, name);
    *given = v != NULL;
    *seconds = json_number_value(v);
    return !v || (json_is_number(v) && isfinite(*seconds));
}

static enum hub_code check_times(const struct hub_jwt_keys *keys, const json_t *claims, int64_t now,
                                 struct hub_err *err) {
    bool has_exp, has_nbf, has_iat;
    double exp, nbf, iat, at = (double)now, leeway = (double)keys->leeway;
    if (!get_date(claims, "exp", &has_exp, &exp)) return hub_fail(err, HUB_INVALID_TOKEN, "\"exp\" is not a number");
    if (!get_date(claims, "nbf", &has_nbf, &nbf)) return hub_fail(err, HUB_INVALID_TOKEN, "\"nbf\" is not a number");
    if (!get_date(claims, "iat", &has_iat, &iat)) return hub_fail(err, HUB_INVALID_TOKEN, "\"iat\" is not a number");
    if (has_exp && at >= exp + leeway) return hub_fail(err, HUB_TOKEN_EXPIRED, "expired %.0f s ago", at - exp);
    if (has_nbf && at + leeway < nbf) return hub_fail(err, HUB_INVALID_TOKEN, "not valid for another %.0f s", nbf - at);
    if (has_iat && at + leeway < iat)
        return hub_fail(err, HUB_INVALID_TOKEN, "issued %.0f s in the future; do the clocks agree?", iat - at);
    return HUB_OK;
}

static bool is_among_texts(const struct hub_jwt_keys *keys, const json_t *name) {
    for (size_t i = 0; json_is_string(name) && i < keys->audience_n; i++)
        if (hub_str_is(hub_json_str(name), keys->audience[i])) return true;
    return false;
}

/* RFC 7519, 4.1.3: "aud" is one name or a list of them. */
static bool names_audience(const struct hub_jwt_keys *keys, const json_t *aud) {
    for (size_t i = 0; i < json_array_size(aud); i++)
        if (is_among_texts(keys, json_array_get(aud, i))) return true;
    return is_among_texts(keys, aud);
}

static enum hub_code refuse_audience(const struct hub_jwt_keys *keys, struct hub_err *err) {
    struct hub_buf names = {0};
    for (size_t i = 0; i < keys->audience_n; i++) hub_buf_addf(&names, "%s\"%s\"", i ? ", " : "", keys->audience[i]);
    hub_err_set(err, HUB_INVALID_TOKEN, keys->audience_n > 1 ? "\"aud\" names none of %s" : "\"aud\" does not name %s",
                hub_buf_cstr(&names));
    hub_buf_free(&names);
    return err->code;
}

static enum hub_code check_origin(const struct hub_jwt_keys *keys, const json_t *claims, struct hub_err *err) {
    if (keys->issuer && !hub_str_is(hub_json_get_str(claims, "iss"), keys->issuer))
        return hub_fail(err, HUB_INVALID_TOKEN, "\"iss\" is not \"%s\"", keys->issuer);
    if (keys->audience_n && !names_audience(keys, hub_json_get(claims, "aud"))) return refuse_audience(keys, err);
    return HUB_OK;
}

static enum hub_code verify_token(const struct hub_jwt_keys *keys, const struct parts *p, int64_t now, json_t **claims,
                                  struct hub_err *err) {
    json_t *header = parse_part(p->header);
    if (!header) return hub_fail(err, HUB_INVALID_TOKEN, "the header is not base64url of a JSON object");
    enum hub_code code = check_signature(keys, p, header, err);
    json_decref(header);
    if (code) return code;
    json_t *payload = parse_part(p->payload);
    if (!payload) return hub_fail(err, HUB_INVALID_TOKEN, "the payload is not base64url of a JSON object");
    code = check_origin(keys, payload, err);
    if (!code) code = check_times(keys, payload, now, err);
    if (code)
        json_decref(payload);
    else
        *claims = payload;
    return code;
}

enum hub_code hub_jwt_verify(const struct hub_jwt_keys *keys, struct hub_str token, int64_t now, json_t **claims,
                             struct hub_err *err) {
    struct parts p;
    *claims = NULL;
    if (token.n > TOKEN_MAX) return hub_fail(err, HUB_INVALID_TOKEN, "longer than %d bytes", TOKEN_MAX);
    if (!split_token(token, &p)) return hub_fail(err, HUB_INVALID_TOKEN, "not three parts with dots between them");
    return verify_token(keys, &p, now, claims, err);
}

uint64_t hub_jwt_used(const struct hub_jwt_keys *keys) { return keys->used; }

bool hub_jwt_still_good(const struct hub_jwt_keys *keys, uint64_t used, const json_t *claims) {
    struct hub_err err;
    bool there = false;
    for (size_t i = 0; i < keys->key_n; i++)
        for (size_t k = 0; k < keys->alg_n; k++) there = there || print_of_use(&keys->keys[i], keys->algs[k]) == used;
    return there && !check_origin(keys, claims, &err);
}

bool hub_jwt_names_unknown_key(const struct hub_jwt_keys *keys, struct hub_str token) {
    struct parts p;
    json_t *header = token.n <= TOKEN_MAX && split_token(token, &p) ? parse_part(p.header) : NULL;
    struct hub_str kid = hub_json_get_str(header, "kid");
    const struct hub_jwt_alg *alg = hub_jwt_alg_listed(keys, hub_json_get_str(header, "alg"));
    bool unknown = kid.p && alg;
    for (size_t i = 0; unknown && i < keys->key_n; i++) unknown = !is_candidate(&keys->keys[i], alg, kid);
    json_decref(header);
    return unknown;
}

static enum hub_code signing_key(const struct hub_jwt_alg *alg, struct hub_str text, struct hub_jwt_key *key,
                                 struct hub_err *err) {
    if (alg->kind == HUB_JWT_HMAC)
        return hub_jwt_key_secret(key, text) ? HUB_OK : hub_fail(err, HUB_INTERNAL, "the secret is empty");
    enum hub_code code = hub_jwt_key_private(key, text, err);
    if (code || (key->kind == alg->kind && (!key->alg || key->alg == alg))) return code;
    hub_jwt_key_clear(key);
    return hub_fail(err, HUB_INTERNAL, "the private key is not of the kind that %s needs", alg->name);
}

enum hub_code hub_jwt_sign(const char *algorithm, struct hub_str key_pem, const json_t *claims, struct hub_buf *out,
                           struct hub_err *err) {
    const struct hub_jwt_alg *alg = hub_jwt_alg_find(hub_cstr(algorithm));
    struct hub_jwt_key key = {0};
    if (!alg) return hub_fail(err, HUB_INTERNAL, "there is no algorithm \"%s\"", algorithm);
    enum hub_code code = signing_key(alg, key_pem, &key, err);
    if (code) return code;
    struct hub_buf text = {0}, token = {0}, signature = {0};
    hub_buf_addf(&text, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", alg->name);
    hub_buf_add_base64url(&token, hub_buf_str(&text));
    hub_buf_addc(&token, '.');
    hub_buf_clear(&text);
    hub_json_add(&text, claims);
    hub_buf_add_base64url(&token, hub_buf_str(&text));
    if (hub_jwt_alg_sign(alg, &key, hub_buf_str(&token), &signature)) {
        hub_buf_adds(out, hub_buf_str(&token));
        hub_buf_addc(out, '.');
        hub_buf_add_base64url(out, hub_buf_str(&signature));
    } else {
        code = hub_fail(err, HUB_INTERNAL, "OpenSSL could not sign with this key");
    }
    hub_jwt_key_clear(&key);
    hub_buf_free(&text);
    hub_buf_free(&token);
    hub_buf_free(&signature);
    return code;
}
