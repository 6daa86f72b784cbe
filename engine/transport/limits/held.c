/* What has arrived in part of those who have signed in, and large bodies whose requests are not answered.
 *
 * Each peer has its bound (maxPayload), and a thousand of them have a thousand times as much. So all of it
 * is counted, small and large pieces each by themselves: of too much, the piece gives way that has been
 * incomplete for longest. Whoever sends a message in one go is never kept out by those who do not come to
 * an end, and what is small never by what is large. Strangers have other bounds (pending.c). */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "transport/transport_int.h"

static struct hub_metric bytes[] = {
    HUB_METRIC(HUB_GAUGE, "hubd_input_bytes", "size=\"small\"",
               "Bytes of what has arrived in part, or waits as a body"),
    HUB_METRIC(HUB_GAUGE, "hubd_input_bytes", "size=\"large\"",
               "Bytes of what has arrived in part, or waits as a body"),
};
static struct hub_metric refused =
    HUB_METRIC(HUB_COUNTER, "hubd_input_refused_total", NULL,
               "Requests and messages given up in part because too much was being received");

void hub_held_register_metrics(void) {
    for (size_t i = 0; i < HUB_NELEM(bytes); i++) hub_metric_register(&bytes[i]);
    hub_metric_register(&refused);
}

static size_t most_of(const struct hub_transport *t, bool large) {
    size_t payloads = 4 * (size_t)t->cfg.max_payload;
    if (!large) return HUB_MAX_HELD_SMALL;
    return payloads > HUB_MAX_HELD_LARGE ? payloads : HUB_MAX_HELD_LARGE;
}

struct hub_held_input {
    struct hub_list node;    /* in part, the longest first, or whole */
    struct hub_transport *t; /* NULL: it is gone */
    struct hub_held_input **place;
    void *owner;
    size_t bytes;
    uint64_t age; /* the older the smaller, of a transport's */
    bool large;
    enum hub_held_kind kind;
};

static void count_held(struct hub_held_input *h, size_t n) {
    if (!h->t) return;
    h->t->input[h->large].bytes += n - h->bytes;
    hub_metric_add(&bytes[h->large], (int64_t)n - (int64_t)h->bytes); /* other transports have some, too */
    h->bytes = n;
}

/* ---- giving way ---- */

static const struct hub_link *link_of(const struct hub_held_input *h) {
    const struct hub_http_req *r = h->owner;
    const struct hub_eio *e = h->owner;
    return h->kind == HUB_HELD_FRAME ? h->owner : h->kind == HUB_HELD_REQUEST ? r->link : e->link;
}

static void log_overload(const struct hub_link *c) {
    char peer[HUB_IP_TEXT];
    if (c) hub_link_peer(c, peer);
    hub_metric_add(&refused, 1);
    hub_log_kv(HUB_LOG_INFO, "transport", "given up in part: too much is being received", "peer", c ? peer : NULL,
               NULL);
}

static void give_way(struct hub_held_input *h) {
    void *owner = h->owner;
    enum hub_held_kind kind = h->kind;
    log_overload(link_of(h));
    hub_held_drop(h->place); /* its memory goes now, or with the end of the turn */
    switch (kind) {
    case HUB_HELD_REQUEST: hub_http_overload(owner); break;
    case HUB_HELD_FRAME: hub_ws_overload(owner); break;
    case HUB_HELD_MESSAGE: hub_eio_overload(owner); break;
    }
}

static HUB_MUST struct hub_held_input *new_held(struct hub_transport *t, struct hub_held_input **place,
                                                enum hub_held_kind kind, void *owner, bool large) {
    struct hub_held_input *h = hub_xmalloc(sizeof *h);
    *h = (struct hub_held_input){
        .t = t, .place = place, .owner = owner, .age = t->pieces++, .large = large, .kind = kind};
    hub_list_init(&h->node);
    return *place = h;
}

/* Those in part lie by age. One that has grown large comes among others that were so before it, though it
 * may be older; there are at most some thousands. */
static void list_held(struct hub_held_input *h, bool in_part) {
    struct hub_held_all *all = &h->t->input[h->large];
    struct hub_list *head = in_part ? &all->in_part : &all->whole, *at = head;
    while (at->prev != head && HUB_CONTAINER(at->prev, struct hub_held_input, node)->age > h->age) at = at->prev;
    hub_list_push(at, &h->node);
}

static void resize_held(struct hub_held_input *h, bool large) {
    if (h->large == large) return;
    count_held(h, 0);
    hub_list_remove(&h->node);
    h->large = large;
}

void hub_held_set(struct hub_transport *t, struct hub_held_input **place, enum hub_held_kind kind, void *owner,
                  size_t n, bool in_part) {
    struct hub_held_input *h = *place;
    bool large = n > HUB_PENDING_BYTES;
    if (!in_part && !large) n = 0; /* what is whole and small is not worth counting: it has its turn soon */
    if (h && (!n || !in_part)) hub_held_drop(place), h = NULL;
    if (!n) return;
    if (!h) h = new_held(t, place, kind, owner, large);
    resize_held(h, large);
    if (!hub_list_linked(&h->node)) list_held(h, in_part);
    count_held(h, n);
    while (t->input[large].bytes > most_of(t, large) && !hub_list_empty(&t->input[large].in_part))
        give_way(HUB_CONTAINER(t->input[large].in_part.next, struct hub_held_input, node));
}

void hub_held_init(struct hub_transport *t) {
    for (int i = 0; i < 2; i++) hub_list_init(&t->input[i].in_part), hub_list_init(&t->input[i].whole);
}

void hub_held_deinit(struct hub_transport *t) {
    for (int i = 0; i < 2; i++)
        for (struct hub_list *n; (n = hub_list_pop(&t->input[i].whole));) {
            struct hub_held_input *h = HUB_CONTAINER(n, struct hub_held_input, node);
            count_held(h, 0);
            h->t = NULL;
        }
}

void hub_held_drop(struct hub_held_input **place) {
    struct hub_held_input *h = *place;
    if (!h) return;
    *place = NULL;
    count_held(h, 0);
    hub_list_remove(&h->node);
    free(h);
}
