/* What strangers hold: requests that are being read or judged, and sessions that have joined no namespace.
 * Both are counted by address and altogether, so that nobody fills the memory or shuts others out without
 * having signed in (decision 0018).
 *
 * An address is what a client can hardly change: an IPv4 address, or the first half of an IPv6 one. Behind
 * a trusted proxy it is the forwarded one; the proxy itself, and whoever comes by a socket file, has none
 * and counts only altogether. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "transport/transport_int.h"

static struct hub_metric held[] = {
    [HUB_PENDING_REQUEST] =
        HUB_METRIC(HUB_GAUGE, "hubd_pending", "kind=\"request\"", "Unauthenticated requests and Engine.IO sessions"),
    [HUB_PENDING_SESSION] =
        HUB_METRIC(HUB_GAUGE, "hubd_pending", "kind=\"session\"", "Unauthenticated requests and Engine.IO sessions"),
};
#define REFUSED(LIMIT)                                                           \
    HUB_METRIC(HUB_COUNTER, "hubd_pending_refused_total", "limit=\"" LIMIT "\"", \
               "Requests refused by the limits on unauthenticated peers")
static struct hub_metric refused_address = REFUSED("address"), refused_total = REFUSED("total");

void hub_pending_register_metrics(void) {
    for (size_t i = 0; i < HUB_NELEM(held); i++) hub_metric_register(&held[i]);
    hub_metric_register(&refused_address);
    hub_metric_register(&refused_total);
}

/* ---- addresses ---- */

/* A reference to the counts of IP; NULL has the ones that nobody's limit is put on. */
static struct hub_address *address_of(struct hub_transport *t, const struct hub_ip *ip) {
    if (!ip) return t->nowhere.refs++, &t->nowhere;
    const struct hub_ip net = hub_ip_network(ip);
    struct hub_address *a = hub_map_get(&t->addresses, hub_ip_key(&net));
    if (a) return a->refs++, a;
    a = hub_xcalloc(1, sizeof *a);
    a->refs = 1;
    a->net = net;
    hub_list_init(&a->reading);
    hub_map_put(&t->addresses, hub_ip_key(&net), a);
    return a;
}

static void unref_address(struct hub_transport *t, struct hub_address *a) {
    if (--a->refs || a == &t->nowhere) return;
    hub_map_del(&t->addresses, hub_ip_key(&a->net));
    free(a);
}

/* ---- taking and giving ---- */

int hub_pending_take(struct hub_transport *t, struct hub_address **place, struct hub_address *a,
                     enum hub_pending kind) {
    if (a != &t->nowhere && a->n[kind] >= t->cfg.max_pending_per_address) return 429;
    if (t->pending_n[kind] >= t->cfg.max_pending) return 503;
    a->refs++;
    a->n[kind]++;
    t->pending_n[kind]++;
    hub_metric_add(&held[kind], 1);
    *place = a;
    return 0;
}

void hub_pending_give(struct hub_transport *t, struct hub_address **place, enum hub_pending kind) {
    struct hub_address *a = *place;
    if (!a) return;
    *place = NULL;
    a->n[kind]--;
    t->pending_n[kind]--;
    hub_metric_add(&held[kind], -1);
    unref_address(t, a);
}

/* ---- requests ---- */

void hub_link_arrived(struct hub_link *c) {
    if (!c->edge) return;
    hub_list_remove(&c->edge->reading);
    hub_list_remove(&c->edge->reading_all);
}

static struct hub_link *longest_reading(struct hub_transport *t, struct hub_address *a, int status) {
    if (status == 429)
        return hub_list_empty(&a->reading) ? NULL : HUB_CONTAINER(a->reading.next, struct hub_link_edge, reading)->link;
    return hub_list_empty(&t->reading) ? NULL : HUB_CONTAINER(t->reading.next, struct hub_link_edge, reading_all)->link;
}

static int enter_at(struct hub_link *c, struct hub_address *a) {
    struct hub_transport *t = c->t;
    struct hub_link_edge *edge = hub_link_edge(c);
    int status = hub_pending_take(t, &edge->pending, a, HUB_PENDING_REQUEST);
    struct hub_link *other = status ? longest_reading(t, a, status) : NULL;
    if (other) {
        hub_http_give_way(other, status);
        status = hub_pending_take(t, &edge->pending, a, HUB_PENDING_REQUEST);
    }
    if (status) return status;
    hub_list_push(&a->reading, &edge->reading);
    hub_list_push(&t->reading, &edge->reading_all);
    return 0;
}

int hub_link_enter(struct hub_link *c) {
    struct hub_link_edge *e = hub_link_edge(c);
    if (e->pending) return 0;
    if (!e->home) e->home = address_of(c->t, c->unix_peer || hub_forwarded_trusts(c->t, &c->ip) ? NULL : &c->ip);
    return enter_at(c, e->home);
}

int hub_link_enter_for(struct hub_link *c, const struct hub_ip *ip) {
    hub_link_leave(c);
    struct hub_address *a = address_of(c->t, ip);
    int status = enter_at(c, a);
    unref_address(c->t, a);
    return status;
}

void hub_link_leave(struct hub_link *c) {
    hub_link_arrived(c);
    if (c->edge) hub_pending_give(c->t, &c->edge->pending, HUB_PENDING_REQUEST);
}

void hub_link_leave_home(struct hub_link *c) {
    hub_link_leave(c);
    if (!c->edge) return;
    if (c->edge->home) unref_address(c->t, c->edge->home);
    c->edge->home = NULL;
}

/* ---- refusing ---- */

void hub_pending_count_refusal(struct hub_transport *t, int status, const char *peer) {
    bool total = status == 503;
    (void)t;
    hub_metric_add(total ? &refused_total : &refused_address, 1);
    hub_log_kv(HUB_LOG_INFO, "transport", "refused: too much has not signed in", "limit",
               total ? "maxPending" : "maxPendingPerAddress", "peer", peer, NULL);
}

void hub_pending_refuse(struct hub_http_req *r, int status) {
    hub_pending_count_refusal(r->link->t, status, r->peer);
    hub_http_fail(r, status,
                  status == 429 ? "Too many connections of your address have not signed in yet; try again in a moment"
                                : "Too many connections have not signed in yet; try again in a moment");
}
