/* The part: when connections come and go, and when definitions change. */
#include <stdlib.h>

#include "data/fields.h"
#include "hub/client/client_int.h"

struct hub_clients *hub_clients_of(struct hub_engine *e) {
    return *hub_engine_part(e, &hub_clients_part);
}

bool hub_clients_on(const struct hub_engine *e) { return e->config.service->clients.on; }

struct hub_walked *hub_clients_connected(struct hub_engine *e) {
    return &hub_clients_of(e)->connected;
}

static void clients_new(struct hub_engine *e) {
    struct hub_clients *all = *hub_engine_part(e, &hub_clients_part) = hub_xcalloc(1, sizeof *all);
    all->engine = e;
    hub_walked_init(&all->connected);
    hub_list_init(&all->away);
    hub_list_init(&all->nonces.all);
    hub_client_news_init(&all->news);
}

/* Whether what was found out when it came still holds: since then a reload may have turned clients or proofs
 * on, and another socket may have named an id for the whole session, or taken along the one that it had. */
static bool id_stands(const struct hub_clients *all, const struct hub_conn *c) {
    return c->client_named && (c->client_proven || !hub_clients_def(all)->proof);
}

static enum hub_code client_opening(struct hub_conn *c, struct hub_err *err) {
    struct hub_clients *all = hub_clients_of(c->hub->engine);
    if (!hub_clients_def(all)->on) return HUB_OK;
    enum hub_code code = id_stands(all, c) ? hub_client_judge(all, c, err) : hub_client_arriving(c, err);
    if (!code) hub_client_take(all, c);
    return code;
}

/* Connections that were there before have the ids of their sessions, whoever else has one of them. */
static void adopt_conn(struct hub_clients *all, struct hub_conn *c) {
    struct hub_err err;
    const char *session = hub_socket_client_id(c->socket);
    if (c->closed || !session || hub_conn_kept(c, &hub_clients_part)) return;
    free(c->client_id);
    c->client_id = hub_xstrdup(session);
    c->client_named = false;
    if (hub_client_judge(all, c, &err)) return;
    hub_client_take(all, c);
    hub_client_opened(c);
}

static void clients_reloaded(struct hub_engine *e) {
    struct hub_clients *all = hub_clients_of(e);
    if (!hub_clients_on(e)) {
        hub_client_forget_all(all);
        return;
    }
    HUB_LIST_EACH(&e->directory.conns.items, it)
    adopt_conn(all, HUB_CONTAINER(it, struct hub_conn, in_directory.link));
}

static void clients_draining(struct hub_engine *e) { hub_client_sweep(hub_clients_of(e)); }

static void clients_stopped(struct hub_engine *e) {
    struct hub_clients *all = hub_clients_of(e);
    all->stopped = true;
    hub_client_sweep(all);
    hub_client_news_stop(all);
}

static void clients_delete(struct hub_engine *e) {
    struct hub_clients *all = hub_clients_of(e);
    hub_client_forget_all(all);
    hub_nonces_free(&all->nonces);
    hub_map_clear(&all->by_id);
    hub_map_clear(&all->by_session);
    hub_map_clear(&all->away_of);
    hub_map_clear(&all->nonces.by_text);
    hub_map_clear(&all->news.lines);
    free(all);
}

static void describe_invocations(const struct hub_hub *hub, json_t *out) {
    const struct hub_def_clients *def = &hub->engine->config.service->clients;
    if (!def->invocation_n) return;
    json_t *all = json_array();
    for (size_t i = 0; i < def->invocation_n; i++) {
        const struct hub_def_invocation *one = &def->invocations[i];
        json_array_append_new(all, json_pack("{s:s, s:o, s:o}", "type", one->type, "fields",
                                             hub_fields_describe(one->fields, one->field_n), "result",
                                             hub_fields_describe(one->result, one->result_n)));
    }
    json_object_set_new(out, "invocations", all);
}

static const struct hub_field superseded_fields[] = {{"clientId", "text", .help = "The id that it had."}, {0}};
static const struct hub_field invoke_fields[] = {{"type", "invocation", .help = "One of `clients.invocations`."},
                                                 {"data", "data", .help = "What its fields say."},
                                                 {0}};
static bool knows_clients(const struct hub_service *service) { return service->clients.on; }
static const struct hub_told_event told[] = {
    {"hub:superseded", "the connection", "another connection of the same user has taken its client's id, and it ends",
     superseded_fields},
    {"hub:invoke", "the connection",
     "a script asks it; the acknowledgement is `{ok: true, result}` or `{ok: false, error}`", invoke_fields},
    {0},
};

const struct hub_part hub_clients_part = {
    .name = "clients",
    .help = "Ids by which clients are known, and what the server asks of them.",
    .told = told,
    .in_service = knows_clients,
    .acknowledged = "hub:invoke",
    .conn_data = true,
    .engine_data = true,
    .created = clients_new,
    .reloaded = clients_reloaded,
    .arriving = hub_client_arriving,
    .opening = client_opening,
    .opened = hub_client_opened,
    .disconnected = hub_client_left,
    .draining = clients_draining,
    .stopped = clients_stopped,
    .deleted = clients_delete,
    .describe = describe_invocations,
};
