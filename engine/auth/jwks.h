/* The keys behind auth.jwt.jwksUrl: fetched, fetched again before they grow old, and fetched at once when
 * a token names a key that is not among them. A fetch that fails leaves the keys there are.
 * docs/decisions/0009-jwks-url.md says why so. Loop thread only. */
#ifndef HUB_AUTH_JWKS_H
#define HUB_AUTH_JWKS_H
#include "auth/fetch.h"
#include "auth/jwt.h"
#include "loop/loop.h"

struct hub_jwks;
struct hub_jwks_config {
    struct hub_loop *loop;
    const char *url;           /* copied */
    struct hub_jwt_keys *keys; /* filled by the set, which they outlive */
    hub_fetch_start *fetch;
    void *fetch_ctx;
};
HUB_MUST struct hub_jwks *hub_jwks_new(const struct hub_jwks_config *config);
/* Waiters are told. A fetch under way ends in nothing; the fetcher must end it some day. NULL is fine. */
void hub_jwks_delete(struct hub_jwks *j);

/* The first fetch. DONE comes once, with why it failed or NULL; when it failed nothing more happens until
 * this is called again, otherwise the set looks after itself from then on. */
void hub_jwks_start(struct hub_jwks *j, void (*done)(void *arg, const char *error), void *arg);
/* Takes the keys of OLD in place of a first fetch when it has some of the same URL that serve here. OLD
 * may be NULL. */
bool hub_jwks_inherit(struct hub_jwks *j, const struct hub_jwks *old);
/* False, with the reason appended to WHY, until there are keys. */
bool hub_jwks_ready(const struct hub_jwks *j, struct hub_buf *why);

/* Somebody whose token names an unknown key. Zero-initialise, set done. */
struct hub_jwks_waiter {
    struct hub_list link;
    void (*done)(struct hub_jwks_waiter *w, bool closing); /* CLOSING: the set goes, there will be no keys */
};
/* Has the keys fetched, or waits for a fetch under way; W's callback comes once it is over, whatever came
 * of it, possibly before this returns. False: it is too soon after the last such fetch, or too many wait;
 * the callback does not come. */
bool hub_jwks_wait(struct hub_jwks *j, struct hub_jwks_waiter *w);
#endif
