/* Session cookies as express-session sets them: "s:ID.SIGNATURE", percent-encoded, the signature being the
 * HMAC-SHA256 of ID in base64 without padding (npm's cookie-signature). Pure functions; any thread. */
#ifndef HUB_AUTH_SESSION_COOKIE_H
#define HUB_AUTH_SESSION_COOKIE_H
#include "base/error/code.h"
#include "base/text/buf.h"

struct hub_cookie_secrets;

/* The secrets in the environment variable VARIABLE, parted by commas: a cookie signed with any of them is
 * good, so that they can be rotated. Failure: HUB_INTERNAL, the text names the variable and what is wrong
 * with it. */
enum hub_code hub_cookie_secrets_load(const char *variable, struct hub_cookie_secrets **out, struct hub_err *err);
void hub_cookie_secrets_free(struct hub_cookie_secrets *s); /* NULL is fine */
/* How long the shortest of them is, in bytes. */
size_t hub_cookie_secrets_shortest(const struct hub_cookie_secrets *s);

/* The value of the cookie NAME in a Cookie header, still encoded, without the quotes that it may stand in;
 * the first one counts. A view into HEADER, p is NULL when there is none. */
struct hub_str hub_cookie_find(struct hub_str header, struct hub_str name);
/* Appends the id that the cookie VALUE names. False when none of the secrets signed it, or when it is no such
 * cookie; then nothing was appended. Signatures are compared in constant time. */
bool hub_cookie_unsign(const struct hub_cookie_secrets *s, struct hub_str value, struct hub_buf *id);
#endif
