/* The proof that an id is a client's own: the HMAC-SHA256, in lower-case hexadecimal, of what the client says
 * when it connects (contract: extensions.md "clients"). Pure functions; any thread. */
#ifndef HUB_AUTH_CLIENT_PROOF_H
#define HUB_AUTH_CLIENT_PROOF_H
#include "base/error/code.h"
#include "base/text/str.h"

/* As it came. None of them but METADATA may have line feeds, which part them where they are signed. */
struct hub_client_proof {
    struct hub_str space, client_id, timestamp, nonce, metadata, signature;
};

/* The secret in the environment variable VARIABLE, borrowed from there. HUB_INTERNAL: it is not set or
 * empty. */
enum hub_code hub_client_secret(const char *variable, struct hub_str *secret, struct hub_err *err);
/* Compared in constant time. */
bool hub_client_proof_signed(struct hub_str secret, const struct hub_client_proof *p);
#endif
