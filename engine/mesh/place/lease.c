/* A node's lease as its holder counts it. */
#include "mesh/place/lease.h"

void hub_lease_init(struct hub_lease *l, int64_t ttl_ms) {
    HUB_BUG_IF(ttl_ms <= 0);
    *l = (struct hub_lease){.ttl_ms = ttl_ms};
}

bool hub_lease_granted(struct hub_lease *l, int64_t sent_at, int64_t now) {
    if (l->granted && hub_lease_at(l, now) == HUB_LEASE_LAPSED) return false;
    if (now - sent_at >= l->ttl_ms) return l->granted; /* its time was over under way */
    if (!l->granted || sent_at > l->asked_at) l->asked_at = sent_at;
    l->granted = true;
    return true;
}

int64_t hub_lease_end_at(const struct hub_lease *l) {
    HUB_BUG_IF(!l->granted);
    return l->asked_at + l->ttl_ms;
}

int64_t hub_lease_margin_at(const struct hub_lease *l) {
    return hub_lease_end_at(l) - l->ttl_ms / HUB_LEASE_MARGIN_PART;
}

enum hub_lease_state hub_lease_at(const struct hub_lease *l, int64_t now) {
    if (!l->granted || now >= hub_lease_end_at(l)) return HUB_LEASE_LAPSED;
    return now >= hub_lease_margin_at(l) ? HUB_LEASE_MARGIN : HUB_LEASE_WHOLE;
}
