/* Acknowledgements by clients: each has an owner who is told once, a time limit, and a place among those of
 * its socket. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "session/ack_int.h"

struct hub_acks {
    struct hub_loop *loop;
    struct hub_list pending; /* the oldest first */
    uint32_t n;
    int64_t next_id;
};

static void remove_ack(struct hub_pending_ack *p) {
    struct hub_acks *all = p->of;
    hub_timer_stop(all->loop, &p->timer);
    hub_list_remove(&p->link);
    all->n--;
    p->of = NULL;
}

static void on_ack_timeout(struct hub_timer *t) {
    hub_acks_settle(HUB_CONTAINER(t, struct hub_pending_ack, timer), HUB_ACK_TIMED_OUT, NULL, NULL);
}

bool hub_acks_add(struct hub_acks **of, struct hub_loop *loop, struct hub_pending_ack *p, int64_t timeout_ms,
                  hub_ack_cb *cb) {
    struct hub_acks *all = *of;
    if (!all) {
        all = *of = hub_xcalloc(1, sizeof *all);
        all->loop = loop;
        hub_list_init(&all->pending);
    }
    if (all->n == HUB_PENDING_ACKS_MAX) return false;
    *p = (struct hub_pending_ack){.of = all, .cb = cb, .id = all->next_id++};
    hub_list_push(&all->pending, &p->link);
    all->n++;
    hub_timer_await(loop, &p->timer, timeout_ms, on_ack_timeout);
    return true;
}

struct hub_pending_ack *hub_acks_find(struct hub_acks *all, int64_t id) {
    if (!all) return NULL;
    HUB_LIST_EACH(&all->pending, it) {
        struct hub_pending_ack *p = HUB_CONTAINER(it, struct hub_pending_ack, link);
        if (p->id == id) return p;
    }
    return NULL;
}

void hub_acks_settle(struct hub_pending_ack *p, enum hub_ack_result result, json_t *args,
                     const struct hub_binaries *bins) {
    remove_ack(p);
    p->cb(p, result, args, bins);
}

/* What CB does to others of them, by hub_pending_ack_cancel, is done to the list. */
void hub_acks_disconnect(struct hub_acks *all) {
    while (all && !hub_list_empty(&all->pending))
        hub_acks_settle(HUB_CONTAINER(all->pending.next, struct hub_pending_ack, link), HUB_ACK_DISCONNECTED, NULL,
                        NULL);
}

void hub_acks_free(struct hub_acks *all) {
    HUB_BUG_IF(all && all->n);
    free(all);
}

void hub_pending_ack_cancel(struct hub_pending_ack *p) {
    if (p->of) remove_ack(p);
}
