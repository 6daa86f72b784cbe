/* When a JSON Web Token ends. Nobody's signature is checked here: it is the client's own. */
#include <string.h>

#include "connection.h"

enum { MARGIN_MS = 10000, LEAST_MS = 1000, LONGEST_MS = INT32_MAX };

static json_t *claims_of(const char *token) {
    const char *start = strchr(token, '.');
    const char *end = start ? strchr(start + 1, '.') : NULL;
    if (!end) return NULL;
    struct hubc_buf text = {0};
    json_t *claims = NULL;
    if (hubc_base64url(&text, start + 1, (size_t)(end - start - 1)) && text.len) claims = hubc_json(text.at, text.len);
    hubc_buf_free(&text);
    return claims;
}

int64_t hubc_renewal_in(const char *token, double now_s) {
    json_t *claims = claims_of(token);
    double exp = json_number_value(json_object_get(claims, "exp"));
    const json_t *issued = json_object_get(claims, "iat");
    double iat = json_is_number(issued) ? json_number_value(issued) : now_s;
    json_decref(claims);
    if (!(exp > 0)) return -1;
    double margin = (exp - iat) * 100 > MARGIN_MS ? (exp - iat) * 100 : MARGIN_MS;
    double ms = (exp - now_s) * 1000 - margin;
    return ms < LEAST_MS ? LEAST_MS : ms > LONGEST_MS ? LONGEST_MS : (int64_t)ms;
}
