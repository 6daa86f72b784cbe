/* What one connection sends takes effect in its order: what follows a hub:join waits until that is
 * answered, and what follows a call that middleware judges until that runs (contract: semantics.md "Order").
 * Nothing waits for anything else, unless too many scripts still run after what was answered. */
#include <stdlib.h>

#include "hub/call/call.h"

#define WAITING_MAX 256            /* calls of one connection */
#define WAITING_COST_MAX (4 << 20) /* memory of their payloads, roughly */

static struct hub_conn_waiting *waiting_of(struct hub_conn *c) {
    if (c->waiting) return c->waiting;
    c->waiting = hub_xcalloc(1, sizeof *c->waiting);
    hub_list_init(&c->waiting->admitted);
    hub_list_init(&c->waiting->calls);
    return c->waiting;
}

static void settle_waiting(struct hub_conn *c) {
    struct hub_conn_waiting *w = c->waiting;
    if (!w || !hub_list_empty(&w->admitted) || !hub_list_empty(&w->calls)) return;
    free(w);
    c->waiting = NULL;
}

static void wait_for_turn(struct hub_call *call, void (*run)(struct hub_call *call)) {
    struct hub_conn *c = call->conn;
    if (!hub_call_waits(call, 0)) return;
    size_t cost = call->waits.bytes;
    const struct hub_conn_waiting *full = c->waiting;
    if (full && (full->n >= WAITING_MAX || (full->n && full->cost + cost > WAITING_COST_MAX))) {
        hub_call_fail(call, HUB_OVERLOADED,
                      "too many events are queued behind one that is being decided; send more after it was answered");
        return;
    }
    call->run = run;
    struct hub_conn_waiting *w = waiting_of(c);
    w->n++;
    w->cost += cost;
    hub_list_push(&w->calls, &call->in_waiting);
}

void hub_order_go(struct hub_call *call, void (*run)(struct hub_call *call)) {
    if (call->conn->busy)
        wait_for_turn(call, run);
    else
        run(call);
}

void hub_order_admit(struct hub_call *call) {
    call->run = call->hub->engine->run_call;
    hub_list_push(&waiting_of(call->conn)->admitted, &call->in_waiting);
}

static HUB_MUST struct hub_call *take_next(struct hub_conn *c) {
    struct hub_conn_waiting *w = c->waiting;
    if (!w) return NULL;
    struct hub_list *first = hub_list_pop(&w->admitted), *n = first ? first : hub_list_pop(&w->calls);
    struct hub_call *call = HUB_CONTAINER(n, struct hub_call, in_waiting);
    if (!first) {
        w->n--;
        w->cost -= call->waits.bytes;
    }
    settle_waiting(c);
    return call;
}

void hub_order_joining(struct hub_call *call) {
    call->joining = true;
    call->conn->busy |= HUB_BUSY_JOINING;
}

void hub_order_judging(struct hub_call *call) {
    call->judging = true;
    call->conn->busy |= HUB_BUSY_JUDGING;
}

/* A loop, not a recursion: a join that is refused at once returns here for the next call. */
static void go_on(struct hub_conn *c) {
    if (c->going_on) return;
    c->going_on = true;
    hub_conn_ref(c);
    for (struct hub_call *call; !c->busy && !c->closed && (call = take_next(c));) call->run(call);
    c->going_on = false;
    hub_conn_unref(c);
}

static void end_busy(struct hub_conn *c, uint8_t why) {
    c->busy &= (uint8_t)~why;
    go_on(c);
}

void hub_order_joined(struct hub_conn *c) { end_busy(c, HUB_BUSY_JOINING); }
void hub_order_judged(struct hub_conn *c) { end_busy(c, HUB_BUSY_JUDGING); }

void hub_order_afterwards(struct hub_conn *c) {
    if (++c->after_n == HUB_ORDER_AFTER_MAX) c->busy |= HUB_BUSY_AFTER;
}

void hub_order_after(struct hub_conn *c) {
    c->after_n--;
    end_busy(c, HUB_BUSY_AFTER);
}

void hub_order_drop(struct hub_conn *c) {
    for (struct hub_call *call; (call = take_next(c));)
        hub_call_fail(call, HUB_NOT_IN_ROOM, NULL); /* nobody is there to read it */
}
