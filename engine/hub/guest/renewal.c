/* Whoever has a new token is answered when it counts at the owners of his places, too. */
#include <stdlib.h>

#include "hub/guest/guest_int.h"

/* ---- at the connection's node ---- */

struct awaited {
    struct hub_list link; /* in the node's */
    struct hub_work *work;
    uint64_t id;
};

uint64_t hub_guest_await_renewal(struct hub_guest_node *n, struct hub_work *work) {
    if (!work) return 0;
    struct awaited *a = hub_xcalloc(1, sizeof *a);
    *a = (struct awaited){.work = hub_work_hold(work), .id = ++n->all->last_call};
    hub_list_push(&n->awaited, &a->link);
    return a->id;
}

static void end_awaited(struct awaited *a) {
    struct hub_work *work = a->work;
    hub_list_remove(&a->link);
    free(a);
    hub_work_release(work);
}

void hub_guest_renewed(struct hub_guest_node *n, uint64_t id) {
    HUB_LIST_EACH(&n->awaited, it) {
        struct awaited *a = HUB_CONTAINER(it, struct awaited, link);
        if (a->id != id) continue;
        end_awaited(a);
        return;
    }
}

void hub_guest_drop_awaited(struct hub_guest_node *n) {
    while (!hub_list_empty(&n->awaited)) end_awaited(HUB_CONTAINER(n->awaited.next, struct awaited, link));
}

/* ---- at the owner ---- */

struct renewing {
    struct hub_work work;
    struct hub_hold hold;
    struct hub_list link; /* in the node's, while it is there */
    struct hub_guest_node *node;
    uint64_t id;
};

static void on_renewing_done(struct hub_work *work) {
    struct renewing *r = HUB_CONTAINER(work, struct renewing, work);
    if (hub_list_linked(&r->link)) {
        hub_guest_sync(r->node); /* what has ended by it is told before */
        hub_guest_post(r->node, &(struct hub_guest_packet){.kind = HUB_GUEST_RENEWED, .id = r->id});
    }
    hub_list_remove(&r->link);
    hub_unhold(&r->hold);
    free(r);
}

struct hub_work *hub_guest_renewing(struct hub_guest_node *n, uint64_t id) {
    if (!id) return NULL;
    struct renewing *r = hub_xcalloc(1, sizeof *r);
    *r = (struct renewing){.work.done = on_renewing_done, .node = n, .id = id};
    hub_list_push(&n->renewing, &r->link);
    hub_hold(&n->all->engine->holds, &r->hold, "new token of a guest");
    return hub_work_hold(&r->work);
}

void hub_guest_drop_renewing(struct hub_guest_node *n) {
    while (hub_list_pop(&n->renewing)) {} /* they end by themselves */
}
