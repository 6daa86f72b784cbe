/* Who a connection says that it is: the id in CONNECT's auth, and its proof. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/client/client_int.h"

static struct hub_metric refused =
    HUB_METRIC(HUB_COUNTER, "hubd_client_refusals_total", NULL,
               "Connections refused because the id of the client was another's, or not proved");

/* The member of AUTH at PATH, "auth.a.b". */
static HUB_MUST json_t *auth_member(json_t *auth, struct hub_str path) {
    struct hub_str part;
    json_t *v = auth;
    HUB_UNUSED(hub_str_split(&path, '.', &part), "that is auth itself");
    while (v && hub_str_split(&path, '.', &part)) v = json_is_object(v) ? json_object_getn(v, part.p, part.n) : NULL;
    return v;
}

/* The id that C's session has already, else that of the session itself. */
static HUB_MUST char *default_id(const struct hub_clients *all, const struct hub_conn *c) {
    const char *session = hub_socket_client_id(c->socket);
    const struct hub_client_entry *own = hub_map_get(&all->by_session, hub_cstr(session));
    return hub_xstrdup(own ? own->id : session);
}

static enum hub_code read_id(struct hub_clients *all, struct hub_conn *c, json_t *auth, struct hub_err *err) {
    const struct hub_def_clients *def = hub_clients_def(all);
    json_t *id = def->id ? auth_member(auth, hub_cstr(def->id)) : NULL;
    free(c->client_id);
    c->client_id = NULL;
    c->client_named = false;
    if (hub_json_nil(id)) {
        c->client_id = default_id(all, c);
        return HUB_OK;
    }
    if (!hub_str_is_id(hub_json_str(id)))
        return hub_fail(err, HUB_BAD_REQUEST, "%s: expected " HUB_ID_EXPECTED, def->id);
    c->client_id = hub_str_dup(hub_json_str(id));
    c->client_named = true;
    return HUB_OK;
}

enum hub_code hub_client_arriving(struct hub_conn *c, struct hub_err *err) {
    struct hub_clients *all = hub_clients_of(c->hub->engine);
    json_t *auth = hub_socket_auth(c->socket);
    if (!hub_clients_def(all)->on) return HUB_OK;
    if (hub_client_news_full(all)) return hub_fail(err, HUB_OVERLOADED, NULL);
    enum hub_code code = read_id(all, c, auth, err);
    if (!code && hub_clients_def(all)->proof) code = hub_client_prove(all, c, auth, err);
    if (!code) code = hub_client_judge(all, c, err);
    if (!code) return HUB_OK;
    hub_metric_add(&refused, 1);
    hub_log_kv(HUB_LOG_INFO, "client", "refused a client", "code", hub_code_name(code), "reason", err->text, "user",
               c->identity->user_id, NULL);
    return code;
}
