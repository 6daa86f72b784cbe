/* hub:refreshToken in a plain namespace. */
#include <stdlib.h>

#include "hub/namespace/namespace_int.h"

/* Answered once nothing goes on by the rights of the old token. */
struct refresh {
    struct hub_settling guards;
    struct hub_socket *socket; /* reference */
    int64_t ack;
};

static void end_refresh(struct hub_settling *s) {
    struct refresh *r = HUB_CONTAINER(s, struct refresh, guards);
    hub_socket_unref(r->socket);
    free(r);
}

static void answer_refresh(struct hub_settling *s) {
    const struct refresh *r = HUB_CONTAINER(s, struct refresh, guards);
    if (r->socket->user) hub_socket_ack(r->socket, r->ack, HUB_STR("{\"ok\":true}"), NULL);
}

static void renew_identity(struct hub_namespace_conn *c, struct hub_identity *who) {
    hub_identity_unref(c->base->identity);
    c->base->identity = hub_identity_ref(who);
    json_object_set(c->about, "session", hub_identity_session(who));
    hub_expiry_set(&c->base->expiry, hub_ns_loop(c->ns), c->socket, who);
}

static void on_refreshed(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct refresh *r = arg;
    struct hub_conn *base = r->socket->user;
    struct hub_namespace_conn *c = base ? base->plain : NULL;
    if (c) base->refreshing = false;
    if (c && code) hub_socket_fail(c->socket, HUB_STR("hub:refreshToken"), r->ack, code, reason);
    if (!c || code) {
        end_refresh(&r->guards);
        return;
    }
    renew_identity(c, who);
    hub_settling_begin(&r->guards, hub_ns_loop(c->ns), "hub:refreshToken");
    HUB_PARTS_CALL(c->ns->all->engine, rejudged, base, &r->guards.work);
    hub_settling_wait(&r->guards);
}

void hub_ns_refresh_token(struct hub_namespace_conn *c, const json_t *args, int64_t ack) {
    struct hub_str token = hub_json_get_str(json_array_get(args, 0), "token");
    if (!token.n) {
        hub_socket_fail(c->socket, HUB_STR("hub:refreshToken"), ack, HUB_BAD_REQUEST,
                        "token: expected the new token as text");
        return;
    }
    if (c->base->refreshing) {
        hub_socket_fail(c->socket, HUB_STR("hub:refreshToken"), ack, HUB_OVERLOADED,
                        "the token before this one is still being looked at");
        return;
    }
    c->base->refreshing = true;
    struct refresh *r = hub_xcalloc(1, sizeof *r);
    *r = (struct refresh){
        .guards = {.answer = answer_refresh, .end = end_refresh}, .socket = hub_socket_ref(c->socket), .ack = ack};
    hub_identity_refresh(c->ns->all->engine->config.identity, c->base->identity, token, on_refreshed, r);
}
