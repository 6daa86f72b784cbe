/* What the owner of a room has to know of a connection of another node. */
#include <stdlib.h>

#include "hub/guest/guest_int.h"

void hub_guest_add_namespace(struct hub_buf *out, struct hub_str hub) {
    if (!hub_str_starts(hub, HUB_STR("/"))) hub_buf_addz(out, "/hub/");
    hub_buf_adds(out, hub);
}

struct hub_hub *hub_guest_hub(struct hub_engine *e, struct hub_str name) {
    struct hub_hub *hub = hub_engine_hub(e, name);
    return hub || !name.n ? hub : hub_namespaces_open(e, name);
}

static void add_member(json_t *o, const char *key, struct hub_str text) {
    if (text.n) json_object_set_new(o, key, hub_json_string(text));
}

/* Tokens stay here: whoever has been let in is what counts. */
static HUB_MUST json_t *handshake_json(const struct hub_handshake *hs) {
    json_t *o = json_object();
    add_member(o, "peer", hs->peer);
    add_member(o, "query", hs->query);
    add_member(o, "origin", hs->origin);
    add_member(o, "userAgent", hs->user_agent);
    json_object_set_new(o, "secure", json_boolean(hs->secure));
    return o;
}

char *hub_guest_hello(const struct hub_conn *c) {
    const struct hub_handshake hs = hub_socket_handshake(c->socket);
    struct hub_buf b = {0};
    json_t *o = json_object();
    json_object_set_new(o, "identity", hub_identity_packed(c->identity));
    json_object_set_new(o, "handshake", handshake_json(&hs));
    json_object_set_new(o, "since", json_integer(c->since));
    if (c->metadata) json_object_set(o, "metadata", c->metadata);
    if (c->traceparent) json_object_set_new(o, "traceparent", json_string(c->traceparent));
    if (c->client_id) json_object_set_new(o, "clientId", hub_json_string(hub_cstr(c->client_id)));
    hub_json_add_exact(&b, o);
    json_decref(o);
    return hub_buf_take(&b, NULL);
}

bool hub_guest_greeting_read(struct hub_str json, struct hub_guest_greeting *g) {
    *g = (struct hub_guest_greeting){.hello = hub_json_parse(json, NULL)};
    const json_t *hs = hub_json_get(g->hello, "handshake");
    g->identity = hub_json_get(g->hello, "identity");
    g->handshake = (struct hub_handshake){.peer = hub_json_get_str(hs, "peer"),
                                          .query = hub_json_get_str(hs, "query"),
                                          .origin = hub_json_get_str(hs, "origin"),
                                          .user_agent = hub_json_get_str(hs, "userAgent"),
                                          .secure = json_is_true(hub_json_get(hs, "secure"))};
    if (json_is_object(g->identity) && json_is_object(hs)) return true;
    json_decref(g->hello);
    return false;
}

/* ---- requests by REST ---- */

char *hub_guest_asks(const struct hub_call *call) {
    struct hub_buf b = {0};
    json_t *o = json_object();
    json_object_set_new(o, "identity", hub_identity_packed(call->who));
    json_object_set_new(o, "args", hub_call_payload(call));
    hub_json_add_exact(&b, o);
    json_decref(o);
    return hub_buf_take(&b, NULL);
}

bool hub_guest_asks_read(const struct hub_identity_ctx *ctx, struct hub_str json, json_t **args,
                         struct hub_identity **who) {
    json_t *o = hub_json_parse(json, NULL), *found = hub_json_get(o, "args");
    *who = json_is_object(found) ? hub_identity_unpacked(ctx, hub_json_get(o, "identity")) : NULL;
    *args = *who ? json_incref(found) : NULL;
    json_decref(o);
    return *who;
}
