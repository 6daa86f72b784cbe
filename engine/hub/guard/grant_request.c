/* Requests for what a guard grants: it is asked, and asked again when rights change before the answer. What
 * is asked for counts from the beginning, and may be ended before it was granted. */
#include "hub/guard/guard_int.h"

#define STARTS_MAX 3

struct hub_grant *hub_grant_named(const struct hub_call *call, const struct hub_granting *of) {
    return hub_grant_find(call->conn, of, hub_call_str(call, of->guard->variable));
}

static void refuse_request(struct hub_grant_request *r, const struct hub_err *err) {
    if (r->grant) hub_grant_end(r->grant, NULL);
    hub_call_fail_with(r->call, err, hub_str(NULL, 0));
    r->of->drop(r);
}

/* Whether it was ended while it waited. */
static bool is_over(const struct hub_grant_request *r) {
    if (r->grant || !r->again) return !r->grant;
    const struct hub_grant *g = hub_grant_named(r->call, r->of);
    return !g || g->pending;
}

enum hub_code hub_grant_may_answer(struct hub_grant_request *r, bool *again, struct hub_err *err) {
    if (is_over(r)) return hub_fail(err, HUB_NOT_ALLOWED, "it was unsubscribed before it was subscribed to");
    *again |= r->grant && r->grant->due;
    if (!*again || ++r->starts < STARTS_MAX) return HUB_OK;
    return hub_fail(err, HUB_OVERLOADED, "it, or rights to it, change faster than they can be looked at");
}

static void on_judged(struct hub_guard_ask *ask, enum hub_code code) {
    struct hub_grant_request *r = HUB_CONTAINER(ask, struct hub_grant_request, ask);
    if (code)
        refuse_request(r, &ask->err);
    else
        r->of->judged(r);
}

static void ask_for(struct hub_grant_request *r) {
    struct hub_call *call = r->call;
    if (r->grant) r->grant->due = false, hub_grant_forget(r->grant);
    r->ask = (struct hub_guard_ask){.guard = r->of->guard, .done = on_judged, .caller.grant = r->grant};
    hub_guard_ask(&r->ask, call->hub, call->conn, call->conn->identity, hub_call_str(call, r->of->guard->variable));
}

void hub_grant_settle(struct hub_grant_request *r, enum hub_code code, bool again, const struct hub_err *err) {
    if (code)
        refuse_request(r, err);
    else if (again)
        ask_for(r);
    else
        r->of->drop(r);
}

struct hub_grant *hub_grant_given(struct hub_grant_request *r) {
    if (!r->grant) return hub_grant_named(r->call, r->of);
    r->grant->pending = NULL;
    return r->grant;
}

static enum hub_code may_begin(const struct hub_grant_request *r, const struct hub_grant *g, struct hub_err *err) {
    int64_t most = r->call->hub->def->limits.subscriptions;
    if (g && g->pending)
        return hub_fail(err, HUB_BAD_REQUEST, "%s: that is being subscribed to already", r->of->guard->variable);
    if (!g && (int64_t)hub_grants_n(r->call->conn, r->of) >= most)
        return hub_gate_too_many("limits.subscriptions", most, r->of->bound, err);
    return HUB_OK;
}

void hub_grant_request(struct hub_grant_request *r, const struct hub_granting *of, struct hub_call *call) {
    struct hub_grant *g = hub_grant_named(call, of);
    struct hub_err err;
    *r = (struct hub_grant_request){.of = of, .call = call, .again = g != NULL};
    if (may_begin(r, g, &err)) {
        refuse_request(r, &err);
        return;
    }
    if (!g) {
        r->grant = of->make();
        r->grant->pending = r;
        hub_grant_add(call->conn, of, r->grant);
    }
    ask_for(r);
}
