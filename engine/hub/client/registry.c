/* Which client has which id: taken when a connection opens, given up when the last one of a session closes
 * and the client has not come back in time. */
#include <stdlib.h>

#include "base/time/clock.h"
#include "hub/client/client_int.h"

static struct hub_metric connected_gauge = HUB_METRIC(HUB_GAUGE, "hubd_clients", NULL, "Clients that are connected");
static struct hub_metric away_gauge =
    HUB_METRIC(HUB_GAUGE, "hubd_clients_away", NULL, "Clients that are away and may come back");
static struct hub_metric superseded =
    HUB_METRIC(HUB_COUNTER, "hubd_clients_superseded_total", NULL, "Clients ended by another one with their id");
static struct hub_metric cut_short = HUB_METRIC(HUB_COUNTER, "hubd_clients_away_dropped_total", NULL,
                                                "Clients that were not waited for any longer, for too many were away");

/* ---- entries ---- */

static HUB_MUST struct hub_client_entry *entry_new(struct hub_clients *all, const struct hub_conn *c) {
    struct hub_client_entry *e = hub_xcalloc(1, sizeof *e);
    *e = (struct hub_client_entry){
        .all = all, .id = hub_xstrdup(c->client_id), .user = hub_xstrdup(""), .named = c->client_named};
    hub_list_init(&e->sockets);
    hub_list_init(&e->superseded);
    hub_list_init(&e->in_away);
    hub_map_put(&all->by_id, hub_cstr(e->id), e);
    return e;
}

static void entry_connect(struct hub_client_entry *e, const char *session) {
    struct hub_clients *all = e->all;
    e->session = hub_xstrdup(session);
    e->since = hub_loop_wall(all->engine->config.loop);
    hub_map_put(&all->by_session, hub_cstr(session), e);
    hub_walked_add(&all->connected, &e->in_connected);
    hub_metric_add(&connected_gauge, 1);
}

static void entry_disconnect(struct hub_client_entry *e) {
    struct hub_clients *all = e->all;
    if (!e->session) return;
    hub_map_del(&all->by_session, hub_cstr(e->session));
    hub_walked_remove(&all->connected, &e->in_connected);
    hub_metric_add(&connected_gauge, -1);
    free(e->session);
    e->session = NULL;
}

/* How many of the user are away, after BY more of them. */
static size_t count_away(struct hub_clients *all, struct hub_str user, int by) {
    all->away_n += (size_t)by;
    hub_metric_add(&away_gauge, by);
    return hub_map_count(&all->away_of, user, by);
}

static void entry_stay(struct hub_client_entry *e) {
    struct hub_clients *all = e->all;
    if (!hub_list_linked(&e->in_away)) return;
    hub_timer_stop(all->engine->config.loop, &e->grace);
    hub_list_remove(&e->in_away);
    count_away(all, hub_cstr(e->user), -1);
}

/* The variable "client" of hooks. New reference. */
static HUB_MUST json_t *entry_about(const struct hub_client_entry *e, json_t *metadata) {
    char since[HUB_ISO_LEN + 1];
    json_t *o = json_object();
    hub_iso_format(e->since, since);
    hub_json_set_str(o, "clientId", hub_cstr(e->id));
    json_object_set_new(o, "userId", *e->user ? json_string(e->user) : json_null());
    hub_json_set_str(o, "nodeId", hub_cstr(e->all->engine->nodes.self));
    hub_json_set_str(o, "connectedAt", hub_cstr(since));
    json_object_set_new(o, "metadata", metadata ? json_incref(metadata) : json_object());
    return o;
}

/* Its client is gone. */
static void entry_end(struct hub_client_entry *e) {
    struct hub_clients *all = e->all;
    const struct hub_script *script = &all->engine->config.service->on_client_disconnected;
    if (e->told) hub_client_tell(all, script, hub_cstr(e->id), entry_about(e, e->metadata));
    json_decref(e->metadata);
    entry_disconnect(e);
    entry_stay(e);
    hub_map_del(&all->by_id, hub_cstr(e->id));
    free(e->id);
    free(e->user);
    free(e);
}

/* ---- who may be whom ---- */

static enum hub_code fail_conflict(const char *why, struct hub_err *err) {
    return hub_fail(err, HUB_CLIENT_CONFLICT, "%s", why);
}

/* Of a further socket of the session that is E: strangers are nobody, and no other user. */
static enum hub_code judge_own(const struct hub_client_entry *e, const struct hub_conn *c, struct hub_err *err) {
    if (strcmp(e->id, c->client_id) != 0) return fail_conflict("this connection has another id already", err);
    if (hub_identity_is_stranger(c->identity) || !*e->user || !strcmp(e->user, c->identity->user_id)) return HUB_OK;
    return fail_conflict("the id belongs to another user, of this connection", err);
}

enum hub_code hub_client_judge(const struct hub_clients *all, const struct hub_conn *c, struct hub_err *err) {
    const struct hub_client_entry *e = hub_map_get(&all->by_session, hub_cstr(hub_socket_client_id(c->socket)));
    if (e) return judge_own(e, c, err);
    e = hub_map_get(&all->by_id, hub_cstr(c->client_id));
    if (!e) return HUB_OK;
    if (strcmp(e->user, c->identity->user_id) != 0) return fail_conflict("the id belongs to another user", err);
    if (!e->session) return HUB_OK;
    if (hub_clients_def(all)->collision == HUB_COLLISION_REFUSE)
        return fail_conflict("a client with that id is connected", err);
    if (hub_identity_is_stranger(c->identity) && !c->client_proven)
        return fail_conflict("a client with that id is connected, and nobody knows whether it is the same", err);
    return HUB_OK;
}

/* ---- coming ---- */

static void add_socket(struct hub_client_entry *e, struct hub_conn *c) {
    struct hub_client_socket *s = hub_xcalloc(1, sizeof *s);
    *s = (struct hub_client_socket){.client = e, .conn = c};
    hub_list_push(&e->sockets, &s->link);
    *hub_conn_data(c, &hub_clients_part) = s;
    if (*e->user || hub_identity_is_stranger(c->identity)) return;
    free(e->user);
    e->user = hub_xstrdup(c->identity->user_id);
}

/* Sockets that are closed already may be among them: scripts that have waited for one hear of its end
 * first. */
static struct hub_socket *first_unclosed(const struct hub_list *sockets) {
    HUB_LIST_EACH(sockets, it) {
        struct hub_socket *s = HUB_CONTAINER(it, struct hub_client_socket, link)->conn->socket;
        if (s->state != HUB_SOCKET_CLOSED) return hub_socket_ref(s);
    }
    return NULL;
}

void hub_client_end(const struct hub_list *sockets) {
    struct hub_socket *s = first_unclosed(sockets);
    if (!s) return;
    hub_socket_disconnect(s, true); /* SOCKETS may be gone */
    hub_socket_unref(s);
}

static void tell_superseded(const struct hub_list *old) {
    const struct hub_conn *first = HUB_CONTAINER(old->next, struct hub_client_socket, link)->conn;
    struct hub_buf args = {0};
    hub_buf_addz(&args, "{\"clientId\":");
    hub_json_add_string(&args, hub_cstr(first->client_id));
    hub_buf_addc(&args, '}');
    HUB_LIST_EACH(old, it) {
        struct hub_conn *c = HUB_CONTAINER(it, struct hub_client_socket, link)->conn;
        if (!c->reason) c->reason = hub_xstrdup("superseded");
        hub_outlet_emit(&c->outlet, HUB_STR("hub:superseded"), hub_buf_str(&args), 0);
    }
    hub_buf_free(&args);
}

/* OLD: sockets that belong to no client any more. They leave it as they are closed. */
static void end_superseded(struct hub_list *old) {
    struct hub_socket *s;
    if (hub_list_empty(old)) return;
    tell_superseded(old);
    hub_metric_add(&superseded, 1);
    while ((s = first_unclosed(old))) {
        hub_socket_disconnect(s, true);
        hub_socket_unref(s);
    }
    while (!hub_list_empty(old)) hub_list_remove(old->next); /* those that were being closed */
}

static void supersede_client(struct hub_client_entry *e) {
    HUB_LIST_EACH(&e->sockets, it) HUB_CONTAINER(it, struct hub_client_socket, link)->client = NULL;
    hub_list_splice(&e->superseded, &e->sockets);
    entry_disconnect(e);
}

void hub_client_take(struct hub_clients *all, struct hub_conn *c) {
    const char *session = hub_socket_client_id(c->socket);
    struct hub_client_entry *e = hub_map_get(&all->by_id, hub_cstr(c->client_id));
    if (!e) e = entry_new(all, c);
    if (e->session && strcmp(e->session, session) != 0) supersede_client(e);
    entry_stay(e);
    if (!e->session) entry_connect(e, session);
    add_socket(e, c);
}

static void tell_connected(struct hub_client_entry *e, const struct hub_conn *c) {
    const struct hub_script *script = &e->all->engine->config.service->on_client_connected;
    if (!e->told) hub_client_tell(e->all, script, hub_cstr(e->id), entry_about(e, c->metadata));
    e->told = true;
}

void hub_client_opened(struct hub_conn *c) {
    const struct hub_client_socket *s = hub_conn_kept(c, &hub_clients_part);
    struct hub_list old;
    hub_list_init(&old);
    if (!s || !s->client) return;
    tell_connected(s->client, c);
    hub_list_splice(&old, &s->client->superseded);
    end_superseded(&old);
}

/* ---- going ---- */

static void on_grace_over(struct hub_timer *t) { entry_end(HUB_CONTAINER(t, struct hub_client_entry, grace)); }

/* The one that has been away longest, of USER or of all. */
static struct hub_client_entry *longest_away(const struct hub_clients *all, const char *user) {
    HUB_LIST_EACH(&all->away, it) {
        struct hub_client_entry *e = HUB_CONTAINER(it, struct hub_client_entry, in_away);
        if (!user || !strcmp(e->user, user)) return e;
    }
    return NULL;
}

static void go_away(struct hub_client_entry *e) {
    struct hub_clients *all = e->all;
    int64_t grace = hub_clients_def(all)->grace_ms;
    if (!e->named || !grace || all->engine->draining || all->stopped) {
        entry_end(e);
        return;
    }
    entry_disconnect(e);
    hub_list_push(&all->away, &e->in_away);
    hub_timer_await(all->engine->config.loop, &e->grace, grace, on_grace_over);
    bool too_many_of_user = count_away(all, hub_cstr(e->user), 1) > HUB_CLIENTS_AWAY_USER;
    if (!too_many_of_user && all->away_n <= HUB_CLIENTS_AWAY_MAX) return;
    hub_metric_add(&cut_short, 1);
    entry_end(longest_away(all, too_many_of_user ? e->user : NULL));
}

void hub_client_left(struct hub_conn *c) {
    struct hub_client_socket *s = hub_conn_kept(c, &hub_clients_part);
    struct hub_list old;
    hub_list_init(&old);
    if (!s) return;
    *hub_conn_data(c, &hub_clients_part) = NULL;
    hub_list_remove(&s->link);
    if (s->client && hub_list_empty(&s->client->sockets)) {
        hub_list_splice(&old, &s->client->superseded);
        json_decref(s->client->metadata);
        s->client->metadata = json_incref(c->metadata);
        go_away(s->client);
    }
    free(s);
    end_superseded(&old);
}

void hub_client_sweep(struct hub_clients *all) {
    while (!hub_list_empty(&all->away)) entry_end(HUB_CONTAINER(all->away.next, struct hub_client_entry, in_away));
}

void hub_client_forget_all(struct hub_clients *all) {
    HUB_LIST_EACH(&all->away, it) HUB_CONTAINER(it, struct hub_client_entry, in_away)->told = false;
    hub_client_sweep(all);
    while (!hub_list_empty(&all->connected.items)) {
        struct hub_client_entry *e =
            HUB_CONTAINER(all->connected.items.next, struct hub_client_entry, in_connected.link);
        e->told = false;
        while (!hub_list_empty(&e->sockets)) {
            struct hub_client_socket *s = HUB_CONTAINER(hub_list_pop(&e->sockets), struct hub_client_socket, link);
            *hub_conn_data(s->conn, &hub_clients_part) = NULL;
            free(s->conn->client_id);
            s->conn->client_id = NULL;
            free(s);
        }
        entry_end(e);
    }
}

/* ---- as scripts see them ---- */

struct hub_client_entry *hub_client_find(struct hub_engine *e, struct hub_str id) {
    return hub_map_get(&hub_clients_of(e)->by_id, id);
}

struct hub_conn *hub_client_seen(const struct hub_client_entry *client, const struct hub_hub *hub) {
    HUB_LIST_EACH(&client->sockets, it) {
        struct hub_conn *c = HUB_CONTAINER(it, struct hub_client_socket, link)->conn;
        if (c->hub == hub) return c;
    }
    if (hub_list_empty(&client->sockets)) return NULL;
    return HUB_CONTAINER(client->sockets.next, struct hub_client_socket, link)->conn;
}

json_t *hub_client_json(const struct hub_client_entry *client, const struct hub_hub *seen_from) {
    const struct hub_conn *c = hub_client_seen(client, seen_from);
    const struct hub_handshake hs = hub_socket_handshake(c->socket);
    json_t *o = entry_about(client, c->metadata), *connections = json_array();
    HUB_LIST_EACH(&client->sockets, it) {
        const struct hub_conn *one = HUB_CONTAINER(it, struct hub_client_socket, link)->conn;
        json_array_append_new(connections, json_string(one->socket->sid));
    }
    if (c->socket->client) hub_json_set_str(o, "address", hs.peer);
    json_object_set_new(o, "connections", connections);
    return o;
}
