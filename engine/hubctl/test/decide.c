/* The rows of decisions: who may enter, by the code of hubctl why. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "hubctl/test/match.h"
#include "hubctl/test/run.h"

struct decision {
    struct hub_test_world *world;
    const char *room;
    bool done;
    enum hub_code code;
    char *role, *layer; /* the last that was told of is the one that decided */
};

static void on_layer(void *arg, const char *layer, const char *outcome, const json_t *value) {
    struct decision *d = arg;
    (void)outcome, (void)value;
    free(d->layer);
    d->layer = hub_xstrdup(layer);
}

static void on_decided(void *arg, enum hub_code code, const char *role) {
    struct decision *d = arg;
    d->done = true;
    d->code = code;
    d->role = hub_xstrdup(role ? role : "null");
}

static void on_asker(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct decision *d = arg;
    struct hub_hub *hub = hub_engine_hub(d->world->server.engine, hub_cstr(d->world->scenario->hub));
    (void)reason;
    if (code) {
        on_layer(d, "authenticate", NULL, NULL);
        on_decided(d, code, NULL);
    } else if (hub) {
        hub_engine_why(hub, who, hub_cstr(d->room), on_layer, on_decided, d);
    }
}

static void compare_decision(struct hub_test_run *r, const struct hub_scenario_decision *d, const char *key,
                             const char *expected, const char *seen) {
    if (expected && strcmp(expected, seen ? seen : "") != 0)
        hub_test_fail(r, hub_node_get(d->node, hub_cstr(key)), key, expected, seen ? seen : "nothing");
}

void hub_test_decide(struct hub_test_run *r, const struct hub_scenario_decision *d) {
    struct decision x = {.world = r->world, .room = d->room};
    json_t *claims = hub_test_value(r->world->saved, hub_node_get(d->node, HUB_STR("user")));
    hub_identity_of_claims(r->world->server.identity, claims, on_asker, &x);
    hub_test_settle(r->world);
    for (int64_t end = hub_loop_now(r->world->server.loop) + 60000; !x.done && hub_test_step_clock(r->world, end);)
        continue;
    if (!x.done) {
        hub_test_fail(r, NULL, "decision", "a decision", "nothing");
    } else {
        compare_decision(r, d, "gives", d->gives, x.code ? hub_code_name(x.code) : x.role);
        compare_decision(r, d, "denied", d->denied, x.code ? hub_code_name(x.code) : x.role);
        compare_decision(r, d, "by", d->by, x.layer);
    }
    free(x.role);
    free(x.layer);
    json_decref(claims);
}
