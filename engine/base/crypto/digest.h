/* Digests. Callable from every thread. */
#ifndef HUB_BASE_DIGEST_H
#define HUB_BASE_DIGEST_H
#include "base/text/str.h"

/* The first half of SHA-256 in hexadecimal, NUL-terminated: a short name for a text that nobody can give
 * to another one. */
#define HUB_DIGEST_SIZE 33
void hub_digest(struct hub_str s, char out[HUB_DIGEST_SIZE]);
/* SHA-1, which the WebSocket handshake asks for (RFC 6455, section 4.2.2): proves nothing to anybody. */
#define HUB_SHA1_SIZE 20
void hub_sha1(struct hub_str s, unsigned char out[HUB_SHA1_SIZE]);
#endif
