/* A node's lease as its holder sees it (decision 0039, "Time"). Others count it by the server that grants it;
 * the holder counts from before it asked, so that it stops before others may begin.
 *
 * Arithmetic only: NOW is whatever clock the caller reads, in ms, always the same one, and one that goes on
 * while the process is stopped or the machine sleeps. */
#ifndef HUB_MESH_LEASE_H
#define HUB_MESH_LEASE_H
#include <stdbool.h>
#include <stdint.h>

#include "base/memory/bug.h"

/* The last part of a lease, 1/n of it, is its margin. */
#define HUB_LEASE_MARGIN_PART 8

enum hub_lease_state {
    HUB_LEASE_WHOLE,  /* everything is allowed */
    HUB_LEASE_MARGIN, /* only what the store's fence guards is */
    HUB_LEASE_LAPSED  /* nothing is: the node that held it is no more */
};

/* Zero is a lease that was never granted: lapsed. */
struct hub_lease {
    int64_t ttl_ms;
    int64_t asked_at; /* when the renewal that was granted last was sent */
    bool granted;     /* at least once */
};

void hub_lease_init(struct hub_lease *l, int64_t ttl_ms); /* TTL_MS is positive */
/* A renewal that was sent at SENT_AT was granted, and it is NOW: the lease ends TTL_MS behind SENT_AT, or
 * later if it did before. False: it lapsed before the answer came, and stays so; the grant is another
 * holder's, or nobody's. */
HUB_MUST bool hub_lease_granted(struct hub_lease *l, int64_t sent_at, int64_t now);
enum hub_lease_state hub_lease_at(const struct hub_lease *l, int64_t now);
/* When the margin begins, and when it ends. The lease was granted. */
int64_t hub_lease_margin_at(const struct hub_lease *l);
int64_t hub_lease_end_at(const struct hub_lease *l);
#endif
