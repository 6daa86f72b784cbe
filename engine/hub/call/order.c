/* What one connection sends takes effect in its order: what follows a hub:join waits until that is
 * answered (contract: semantics.md "Order"). Nothing waits for anything else. */
#include "hub/call/call.h"

#define WAITING_MAX 256            /* calls of one connection */
#define WAITING_COST_MAX (4 << 20) /* memory of their payloads, roughly */

void hub_order_wait(struct hub_call *call, void (*run)(struct hub_call *call)) {
    struct hub_conn *c = call->conn;
    size_t cost = hub_json_cost(call->args);
    if (c->waiting_n >= WAITING_MAX || (c->waiting_n && c->waiting_cost + cost > WAITING_COST_MAX)) {
        hub_call_fail(call, HUB_OVERLOADED, "too much waits for a hub:join before it; send more when that is answered");
        return;
    }
    call->run = run;
    c->waiting_n++;
    c->waiting_cost += cost;
    hub_list_push(&c->waiting, &call->in_waiting);
}

static struct hub_call *take(struct hub_conn *c) {
    struct hub_list *n = hub_list_pop(&c->waiting);
    if (!n) return NULL;
    struct hub_call *call = HUB_CONTAINER(n, struct hub_call, in_waiting);
    c->waiting_n--;
    c->waiting_cost -= hub_json_cost(call->args);
    return call;
}

void hub_order_joining(struct hub_call *call) { call->joining = call->conn->joining = true; }

/* A loop, not a recursion: a join that is refused at once returns here for the next call. */
void hub_order_joined(struct hub_conn *c) {
    c->joining = false;
    if (c->going_on) return;
    c->going_on = true;
    hub_conn_ref(c);
    for (struct hub_call *call; !c->joining && !c->closed && (call = take(c));) call->run(call);
    c->going_on = false;
    hub_conn_unref(c);
}

void hub_order_drop(struct hub_conn *c) {
    for (struct hub_call *call; (call = take(c));)
        hub_call_fail(call, HUB_NOT_IN_ROOM, NULL); /* nobody is there to read it */
}
