/* Which hub or plain namespace a call of a script is about. */
#include <stdio.h>

#include "base/text/utf8.h"
#include "hub/namespace/namespace.h"
#include "hub/script/script_int.h"

struct hub_hub *hub_host_named(struct hub_engine *e, struct hub_str name) {
    for (size_t i = 0; i < e->hub_n; i++)
        if (hub_str_is(name, e->hubs[i]->def->name)) return e->hubs[i];
    return hub_namespaces_hub(e, name);
}

bool hub_host_of_gone(const struct hub_host_call *c) {
    const struct hub_caller *caller = c->caller;
    return !c->of.n && caller && caller->hub->gone;
}

static struct hub_hub *own_window(struct hub_engine *e, const struct hub_host_call *c) {
    const struct hub_caller *caller = c->caller;
    if (c->of.n) return hub_host_named(e, c->of);
    return caller && !caller->hub->gone ? caller->hub : NULL;
}

/* For scripts without a hub of their own. */
static struct hub_hub *only_hub(const struct hub_engine *e, const struct hub_host_call *c) {
    return !c->of.n && !hub_host_of_gone(c) && e->hub_n == 1 ? e->hubs[0] : NULL;
}

static void fail_scope(const struct hub_engine *e, struct hub_host_call *c) {
    char text[200];
    if (c->of.n || hub_host_of_gone(c)) {
        hub_host_fail(c, HUB_NOT_FOUND, "it is no longer served");
        return;
    }
    snprintf(text, sizeof text, "the service has %zu hubs; say which one by hubs.get(name)", e->hub_n);
    hub_host_fail(c, HUB_BAD_REQUEST, text);
}

/* What a plain namespace has of a hub has no rooms, no records and no table. */
struct hub_hub *hub_host_own(struct hub_engine *e, const struct hub_host_call *c) {
    struct hub_hub *own = own_window(e, c);
    if (own && own->tables) return own;
    return only_hub(e, c);
}

struct hub_hub *hub_host_hub(struct hub_engine *e, struct hub_host_call *c) {
    struct hub_hub *own = hub_host_own(e, c);
    if (!own) fail_scope(e, c);
    return own;
}

struct hub_hub *hub_host_window(struct hub_engine *e, struct hub_host_call *c) {
    struct hub_hub *own = own_window(e, c);
    if (!own) own = only_hub(e, c);
    if (!own) fail_scope(e, c);
    return own;
}

/* hubs.get, namespaces.get: the name itself, from which the caller makes the table. */
static void answer_named(struct hub_host_call *c, bool is_there, const char *what) {
    char text[200];
    struct hub_str name = hub_host_text(c, 0);
    snprintf(text, sizeof text, "there is no %s \"%.*s\"", what, HUB_CUT(name, 100));
    if (is_there)
        hub_host_done(c, hub_json_string(name));
    else
        hub_host_fail(c, HUB_NOT_FOUND, text);
}

void hub_host_hubs_get(void *ctx, struct hub_host_call *c) {
    answer_named(c, hub_engine_hub(ctx, hub_host_text(c, 0)) != NULL, "hub");
}

void hub_host_namespaces_get(void *ctx, struct hub_host_call *c) {
    answer_named(c, hub_namespaces_hub(ctx, hub_host_text(c, 0)) != NULL, "plain namespace");
}
