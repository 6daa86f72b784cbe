/* JSON Web Tokens (RFC 7515, 7519): verification against a fixed set of keys and an explicit list of
 * algorithms. On jansson and OpenSSL; docs/decisions/0003-jwt.md says why no JWT library. Synchronous, no
 * I/O after the keys are loaded. */
#ifndef HUB_AUTH_JWT_H
#define HUB_AUTH_JWT_H
#include "base/error/code.h"
#include "base/json/json.h"
#include "base/text/buf.h"
#include "schema/def.h"

struct hub_jwt_keys;

/* Loads the keys DEF names (PEM file, secret from the environment, JWKS file). Failure: HUB_INTERNAL, text
 * names file or variable and cause. Algorithms: HS256 HS384 HS512 RS256 RS384 RS512 PS256 ES256 EdDSA. A
 * key serves only algorithms of its kind. */
enum hub_code hub_jwt_keys_load(const struct hub_def_jwt *def, struct hub_jwt_keys **out, struct hub_err *err);
void hub_jwt_keys_free(struct hub_jwt_keys *keys);
/* Replaces the keys by those of a JWKS document (jwksUrl: see jwks.h). Failure, as when none is of a kind
 * that the algorithms need, leaves the old ones. */
enum hub_code hub_jwt_keys_set_jwks(struct hub_jwt_keys *keys, json_t *jwks, struct hub_err *err);

/* Checks signature, exp, nbf, iss, aud. *CLAIMS: new object. HUB_INVALID_TOKEN or HUB_TOKEN_EXPIRED
 * otherwise; err->text is for logs and never for clients. NOW in seconds. */
enum hub_code hub_jwt_verify(const struct hub_jwt_keys *keys, struct hub_str token, int64_t now, json_t **claims,
                             struct hub_err *err);

/* By what the last token that was found good had been signed, as a number that is the same for the same
 * key and algorithm. */
uint64_t hub_jwt_used(const struct hub_jwt_keys *keys);
/* Whether a token of these CLAIMS that had been signed by USED would still be found good, expiry aside:
 * for keys that have been replaced. */
bool hub_jwt_still_good(const struct hub_jwt_keys *keys, uint64_t used, const json_t *claims);

/* Whether TOKEN failed because its "kid" names none of the keys, for an algorithm that the service lists:
 * others may be there by now. */
bool hub_jwt_names_unknown_key(const struct hub_jwt_keys *keys, struct hub_str token);

/* Signs CLAIMS for hubctl token. KEY_PEM is the private key file's text, or the secret for HS*. */
enum hub_code hub_jwt_sign(const char *algorithm, struct hub_str key_pem, const json_t *claims, struct hub_buf *out,
                           struct hub_err *err);
#endif
