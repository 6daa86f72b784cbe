/* What scripts do with clients that are connected to this process. */
#include "hub/client/client_int.h"

static void fail_with(hub_client_done *done, void *arg, enum hub_code code, const char *error) {
    done(arg, code, NULL, NULL, error);
}

/* Connected, or ERR. */
static struct hub_client_entry *connected_client(struct hub_engine *e, struct hub_str id, struct hub_err *err) {
    struct hub_client_entry *client = hub_client_find(e, id);
    if (!client)
        hub_err_set(err, HUB_CLIENT_NOT_FOUND, "there is no client of that id");
    else if (!client->session)
        hub_err_set(err, HUB_CLIENT_DISCONNECTED, "the client is away");
    return client && client->session ? client : NULL;
}

static struct hub_conn *socket_of_client(struct hub_engine *e, const struct hub_client_at *at, struct hub_err *err) {
    const struct hub_client_entry *client = connected_client(e, at->id, err);
    if (!client) return NULL;
    struct hub_conn *c = hub_client_seen(client, at->hub);
    bool only = client->sockets.next == client->sockets.prev;
    if (at->hub ? c->hub == at->hub : only) return c;
    if (at->hub)
        hub_err_set(err, HUB_CLIENT_NOT_FOUND, "the client has no socket of \"%.200s\"", at->hub->def->name);
    else
        hub_err_set(err, HUB_BAD_REQUEST, "the client has several sockets; say which one by {namespace = …}");
    return NULL;
}

/* NULL: answered. */
static struct hub_conn *find_socket(struct hub_engine *e, const struct hub_client_at *at, hub_client_done *done,
                                    void *arg) {
    struct hub_err err = {.code = HUB_OK};
    struct hub_conn *c = at->is_socket ? hub_directory_find(&e->directory, at->id) : socket_of_client(e, at, &err);
    if (c) return c;
    if (at->is_socket) hub_err_set(&err, HUB_CLIENT_NOT_FOUND, "there is no connection of that id");
    fail_with(done, arg, err.code, err.text);
    return NULL;
}

static void get_here(struct hub_engine *e, struct hub_str id, const struct hub_hub *seen_from, hub_client_done *done,
                     void *arg) {
    const struct hub_client_entry *client = hub_client_find(e, id);
    done(arg, HUB_OK, client && client->session ? hub_client_json(client, seen_from) : NULL, NULL, NULL);
}

static void count_here(struct hub_engine *e, hub_client_done *done, void *arg) {
    done(arg, HUB_OK, json_integer((json_int_t)hub_map_len(&hub_clients_of(e)->by_session)), NULL, NULL);
}

static void set_metadata_here(struct hub_engine *e, const struct hub_client_at *at, const json_t *change,
                              enum hub_metadata_strategy strategy, hub_client_done *done, void *arg) {
    struct hub_err err;
    struct hub_conn *c = find_socket(e, at, done, arg);
    if (!c) return;
    enum hub_code code = hub_conn_change_metadata(c, change, strategy, NULL, arg, &err);
    if (code)
        fail_with(done, arg, code, err.text);
    else
        done(arg, HUB_OK, json_incref(c->metadata), NULL, NULL);
}

/* Hubs' events carry {roomId, data}, those of plain namespaces what they were given. */
static void send_here(struct hub_engine *e, const struct hub_client_at *at, const struct hub_namespace_event *event,
                      hub_client_done *done, void *arg) {
    struct hub_buf args = {0};
    struct hub_conn *c = find_socket(e, at, done, arg);
    if (!c) return;
    if (c->plain) {
        hub_namespace_send(c->plain, event);
    } else {
        hub_buf_addz(&args, "{\"roomId\":null,\"data\":");
        hub_json_add(&args, event->data);
        hub_buf_addc(&args, '}');
        hub_outlet_emit(&c->outlet, hub_json_str(event->name), hub_buf_str(&args), 0);
        hub_buf_free(&args);
    }
    done(arg, HUB_OK, json_true(), NULL, NULL);
}

static void invoke_here(struct hub_engine *e, const struct hub_client_at *at, const struct hub_client_question *q,
                        hub_client_done *done, void *arg) {
    struct hub_conn *c = find_socket(e, at, done, arg);
    if (c) hub_client_ask(hub_clients_of(e), c, q, done, arg);
}

static void disconnect_here(struct hub_engine *e, struct hub_str id, struct hub_str reason, hub_client_done *done,
                            void *arg) {
    struct hub_err err;
    const struct hub_client_entry *client = connected_client(e, id, &err);
    if (!client) {
        fail_with(done, arg, err.code, err.text);
        return;
    }
    HUB_LIST_EACH(&client->sockets, it) {
        struct hub_conn *c = HUB_CONTAINER(it, struct hub_client_socket, link)->conn;
        if (reason.n && !c->reason) c->reason = hub_str_dup(reason);
    }
    hub_client_end(&client->sockets);
    done(arg, HUB_OK, json_true(), NULL, NULL);
}

const struct hub_client_ops hub_clients_here = {
    .get = get_here,
    .count = count_here,
    .set_metadata = set_metadata_here,
    .send = send_here,
    .invoke = invoke_here,
    .disconnect = disconnect_here,
};
