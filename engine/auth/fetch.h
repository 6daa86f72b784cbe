/* What auth asks of an HTTP client: one GET. adapters/curl answers it; engine/auth/jwks.h is who asks. */
#ifndef HUB_AUTH_FETCH_H
#define HUB_AUTH_FETCH_H
#include "base/text/str.h"

struct hub_fetched {
    struct hub_str body;
    struct hub_str cache_control; /* the header's value; empty when there is none */
};

/* One GET, inside the struct of whoever wants it, who keeps it and URL until done. */
struct hub_fetch {
    const char *url; /* https, or http on loopback; redirects are not followed */
    int64_t timeout_ms;
    /* Exactly once, on the loop thread, possibly before the start returns. Either ANSWER, that of a
     * response with status 200 (valid during the call), or ERROR: why there is none. */
    void (*done)(struct hub_fetch *f, const struct hub_fetched *answer, const char *error);
};
typedef void hub_fetch_start(void *ctx, struct hub_fetch *f);
#endif
