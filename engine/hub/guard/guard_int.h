/* Shared by the files of engine/hub/guard. */
#ifndef HUB_GUARD_GUARD_INT_H
#define HUB_GUARD_GUARD_INT_H
#include "hub/guard/guard.h"

struct hub_rejudging;
/* Of one connection and kind: the data of the kind's part. */
struct hub_grants {
    struct hub_list all; /* hub_grant.link */
    size_t n;
    struct hub_rejudging *again; /* guards are being asked */
};
static inline struct hub_grants *hub_grants_of(const struct hub_conn *c, const struct hub_granting *of) {
    return hub_conn_kept(c, of->part);
}

/* ---- what a connection has (grant.c) ---- */

void hub_grant_add(struct hub_conn *c, const struct hub_granting *of, struct hub_grant *g);
size_t hub_grants_n(const struct hub_conn *c, const struct hub_granting *of);

/* The connection is closed: R, which may be waiting for a time, ends. */
void hub_rejudging_close(struct hub_rejudging *r);
/* G goes: what its guard reads, which may be running, is noted nowhere (rejudge.c). */
void hub_rejudging_leave(struct hub_rejudging *r, const struct hub_grant *g);
#endif
