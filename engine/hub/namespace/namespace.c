/* All plain namespaces, and how sockets come into them and leave. */
#include <stdlib.h>

#include "base/telemetry/metric.h"
#include "hub/lifecycle/lifecycle.h"
#include "hub/namespace/namespace_int.h"

static struct hub_metric events_in =
    HUB_METRIC(HUB_COUNTER, "hubd_namespace_events_total", NULL, "Events received by plain namespaces");

/* ---- connections ---- */

static HUB_MUST json_t *socket_json(const struct hub_socket *s, const struct hub_identity *who, json_t *auth) {
    json_t *o = json_object();
    json_object_set_new(o, "id", json_string(s->sid));
    json_object_set_new(o, "userId", hub_identity_is_stranger(who) ? json_null() : json_string(who->user_id));
    json_object_set_new(o, "session", json_incref(hub_identity_session(who)));
    json_object_set_new(o, "auth", auth ? json_incref(auth) : json_object());
    return o;
}

/* A new member, or BACK, to which the client comes back. */
static void conn_member(struct hub_namespace_conn *c, struct hub_ns_member *back, const struct hub_identity *who) {
    c->member = back ? back : hub_ns_member_new(c);
    if (back) hub_ns_take_over(back, c);
    if (!hub_ns_recovers(c->ns)) return;
    if (!back) hub_ns_session_new(c->member, who->user_id);
    json_object_set_new(c->about, "recovered", json_boolean(back));
    hub_ns_recovery_start(c->ns->all);
}

static HUB_MUST struct hub_namespace_conn *conn_new(struct hub_ns *ns, struct hub_conn *base,
                                                    struct hub_ns_member *back) {
    struct hub_namespace_conn *c = hub_xcalloc(1, sizeof *c);
    struct hub_socket *s = base->socket;
    c->ns = ns;
    c->base = hub_conn_ref(base);
    c->base->plain = c;
    c->socket = s;
    c->about = socket_json(s, base->identity, hub_socket_auth(s));
    hub_ns_handlers_init(c);
    hub_list_push(&ns->conns, &c->link);
    hub_map_put(&ns->all->conns, hub_cstr(s->sid), c);
    conn_member(c, back, base->identity);
    /* The client takes it along when it goes, and onDisconnect may want it. */
    if (ns->def->on_disconnect.kind != HUB_SCRIPT_NONE) HUB_UNUSED(hub_ns_handshake(c), "it is kept");
    return c;
}

json_t *hub_ns_handshake(struct hub_namespace_conn *c) {
    if (!c->handshake) c->handshake = hub_conn_handshake_json(c->base);
    return c->handshake;
}

void hub_ns_conn_free(struct hub_namespace_conn *c) {
    struct hub_namespaces *n = c->ns->all;
    const struct hub_engine_config *config = &n->engine->config;
    struct hub_str sid = hub_cstr(c->socket->sid);
    bool own = hub_map_get(&n->conns, sid) == c; /* else the client has come back, with the same id */
    if (own) hub_map_del(&n->conns, sid);
    bool last = !hub_map_get(&n->conns, sid) && !hub_map_get(&n->members, sid); /* it may have gone again before */
    if (last && !n->stopped && config->scripts) config->hooks->forget_socket(config->scripts, c->socket->sid);
    hub_list_remove(&c->link);
    hub_defer_cancel(&c->again);
    json_decref(c->about);
    json_decref(c->handshake);
    hub_conn_unref(c->base);
    free(c->reason);
    free(c);
}

/* ---- what the session layer calls ---- */

static void accept_member(const struct hub_ns_member *m) {
    struct hub_buf pid = {0};
    if (m->session) hub_buf_addf(&pid, ",\"pid\":\"%s\"", hub_ns_pid(m));
    hub_socket_accept_with(m->socket, hub_buf_str(&pid));
    hub_buf_free(&pid);
}

/* A reload may have turned authentication on while a stranger came. */
static bool refuse_stranger(struct hub_conn *base) {
    const struct hub_ns *ns = base->socket->nsp->owner;
    struct hub_socket *s = base->socket;
    if (!ns->def->auth || !hub_identity_is_stranger(base->identity)) return false;
    hub_conn_close(base, "rejected");
    hub_identity_refuse_socket(s, HUB_AUTH_REQUIRED, NULL);
    return true;
}

static void open_conn(struct hub_conn *base) {
    struct hub_socket *s = base->socket;
    struct hub_ns *ns = s->nsp->owner;
    int64_t from = 0;
    if (refuse_stranger(base)) return;
    struct hub_ns_member *back = hub_ns_find_session(ns, s, base->identity->user_id, &from);
    if (back) memcpy(s->sid, back->socket->sid, sizeof s->sid);
    if (!hub_conn_opens(base)) return;
    struct hub_namespace_conn *c = conn_new(ns, base, back);
    hub_conn_open(base);
    if (!hub_identity_is_stranger(base->identity)) hub_expiry_set(&base->expiry, hub_ns_loop(ns), s, base->identity);
    accept_member(c->member);
    if (back) hub_ns_send_missed(back, from);
    hub_ns_connected(c);
    hub_conn_opened(base);
}

static void admit_socket(struct hub_socket *s, struct hub_identity *who) {
    struct hub_ns *ns = s->nsp->owner;
    if (!ns->def) {
        hub_socket_refuse(s, "Invalid namespace", HUB_STR(""));
        return;
    }
    struct hub_conn *base = hub_conn_new(&ns->hub, s, who);
    if (hub_conn_arrives(base)) hub_lifecycle_connect(base, open_conn);
}

static void on_admitted(void *arg, struct hub_identity *who) { admit_socket(arg, who); }

static void refuse_name(struct hub_socket *s, const struct hub_def_namespace *def) {
    struct hub_buf message = {0};
    hub_buf_addf(&message, "Too many namespaces: maxNames is %lld", def ? (long long)def->max_names : 0);
    hub_socket_refuse(s, hub_buf_cstr(&message), HUB_STR("{\"code\":\"too_many\"}"));
    hub_buf_free(&message);
}

static void on_connect(struct hub_socket *s, json_t *auth) {
    const struct hub_ns *ns = s->nsp->owner;
    const struct hub_engine *e = ns->all->engine;
    if (ns == ns->all->full) {
        refuse_name(s, ns->def);
    } else if (e->draining) {
        hub_socket_refuse(s, hub_code_text(HUB_SHUTTING_DOWN), HUB_STR("{\"code\":\"shutting_down\"}"));
    } else if (ns->def && ns->def->auth) {
        hub_identity_admit(e->config.identity, s, auth, on_admitted, s);
    } else {
        struct hub_identity *stranger = hub_identity_stranger();
        admit_socket(s, stranger);
        hub_identity_unref(stranger);
    }
}

/* Whether a part that the namespace declares serves EVENT, by its command's name or by another one. */
static bool is_of_part(const struct hub_ns *ns, struct hub_str event) {
    if (!ns->def) return false;
    for (const struct hub_part *const *p = ns->all->engine->parts; *p; p++) {
        if (!(*p)->plain || !(*p)->declared(ns->hub.def)) continue;
        json_t *args = NULL;
        bool is = (*p)->alias && (*p)->alias(ns->hub.def, event, NULL, &args);
        json_decref(args);
        for (const struct hub_command *c = (*p)->commands; !is && c && c->name; c++) is = hub_str_is(event, c->name);
        if (is) return true;
    }
    return false;
}

static void on_event(struct hub_socket *s, struct hub_str event, json_t *args, const struct hub_binaries *bins,
                     int64_t ack) {
    struct hub_conn *base = s->user;
    struct hub_namespace_conn *c = base->plain;
    hub_metric_add(&events_in, 1);
    if (is_of_part(c->ns, event)) {
        struct hub_call *call = hub_call_of_event(base, event, args, bins, ack);
        if (call && hub_call_came(call, s->event_bytes)) hub_order_go(call, base->hub->engine->run_call);
    } else if (!hub_identity_is_stranger(base->identity) && hub_str_is(event, "hub:refreshToken")) {
        hub_ns_refresh_token(c, args, ack);
    } else if (hub_ns_handles(c->ns, event)) {
        hub_ns_handle(c, event, args, bins, ack);
    } else if (ack >= 0) {
        hub_socket_fail(s, event, ack, HUB_UNKNOWN_EVENT, NULL); /* Socket.IO drops what nobody listens to */
    }
}

static void on_closed(struct hub_socket *s, const char *reason) {
    struct hub_conn *base = s->user;
    if (!base) return; /* never admitted */
    struct hub_namespace_conn *c = base->plain;
    if (!c) { /* it was about to be let in */
        hub_conn_close(base, reason);
        return;
    }
    if (!c->reason) c->reason = hub_xstrdup(base->reason ? base->reason : reason);
    hub_conn_close(base, c->reason);
    if (!hub_ns_await(c->member, reason)) hub_ns_member_free(c->member);
    c->member = NULL;
    hub_ns_disconnected(c);
}

/* What clients connect to stays while one of its names is in use. */
static void on_used(void *owner, int by) {
    struct hub_ns *ns = owner;
    ns->uses += (size_t)by;
    if (!ns->uses && hub_ns_is_dynamic(ns)) hub_ns_unused(ns);
}

static const struct hub_namespace_ops plain_ops = {
    .connect = on_connect, .event = on_event, .closed = on_closed, .used = on_used};

/* ---- all of them ---- */

static struct hub_ns *exact_namespace(const struct hub_namespaces *n, struct hub_str name) {
    HUB_LIST_EACH(&n->list, it) {
        struct hub_ns *ns = HUB_CONTAINER(it, struct hub_ns, link);
        if (ns->def && hub_str_is(name, ns->name)) return ns;
    }
    return NULL;
}

struct hub_ns *hub_ns_named(const struct hub_namespaces *n, struct hub_str name) {
    struct hub_ns *ns = exact_namespace(n, name);
    return ns ? ns : hub_map_get(&n->names, name);
}

static void disconnect_all(struct hub_ns *ns) {
    struct hub_list closing;
    hub_list_init(&closing);
    hub_list_splice(
        &closing,
        &ns->conns); /* closing a socket adds nothing to NS and frees nothing: connections end in a later turn */
    while (!hub_list_empty(&closing)) {
        struct hub_namespace_conn *c = HUB_CONTAINER(hub_list_pop(&closing), struct hub_namespace_conn, link);
        hub_list_push(&ns->conns, &c->link);
        hub_socket_disconnect(c->socket, false);
    }
}

/* Disconnects sockets that would not be admitted any more. */
static void end_strangers(struct hub_ns *ns) {
    const struct hub_identity_ctx *identity = ns->all->engine->config.identity;
    HUB_LIST_EACH_SAFE(&ns->conns, it) {
        struct hub_namespace_conn *c = HUB_CONTAINER(it, struct hub_namespace_conn, link);
        struct hub_identity *who = hub_identity_is_stranger(c->base->identity) ? NULL : c->base->identity;
        bool stands = who ? hub_identity_stands(identity, who) : !ns->def->auth;
        if (!c->base->closed && !stands) hub_identity_end_socket(c->socket, who);
    }
}

static HUB_MUST struct hub_ns *take_old(struct hub_list *old, const char *path) {
    HUB_LIST_EACH(old, it) {
        struct hub_ns *ns = HUB_CONTAINER(it, struct hub_ns, link);
        if (!ns->def || strcmp(ns->name, path) != 0) continue;
        hub_list_remove(&ns->link);
        return ns;
    }
    return NULL;
}

void hub_ns_define(struct hub_ns *ns, const struct hub_def_namespace *def) {
    ns->def = def;
    ns->hub.def = &def->def;
    if (!def->pattern.is_regex) return;
    struct hub_ns_own *own = hub_xmalloc(sizeof *own);
    own->def = def->def;
    own->def.name = ns->name;
    hub_list_push(&ns->owns, &own->link);
    ns->hub.def = &own->def;
}

struct hub_ns *hub_ns_new(struct hub_namespaces *n, const struct hub_def_namespace *def, const char *name) {
    struct hub_ns *ns = hub_xcalloc(1, sizeof *ns);
    hub_hub_init(&ns->hub, n->engine, &def->def);
    ns->hub.one_of_many = def->pattern.is_regex;
    ns->all = n;
    ns->name = hub_xstrdup(name);
    ns->about = json_pack("{s:s}", "name", name);
    hub_list_init(&ns->link);
    hub_list_init(&ns->unused);
    hub_list_init(&ns->conns);
    hub_list_init(&ns->members);
    hub_list_init(&ns->owns);
    hub_ns_define(ns, def);
    return ns;
}

void hub_ns_retire(struct hub_ns *ns) {
    ns->def = NULL;
    ns->hub.gone = true;
    disconnect_all(ns);
    hub_ns_drop_waiting(ns);
}

static void reload_exact(struct hub_namespaces *n, struct hub_list *old) {
    const struct hub_service *service = n->engine->config.service;
    for (size_t i = 0; i < service->namespace_n; i++) {
        const struct hub_def_namespace *def = &service->namespaces[i];
        if (def->pattern.is_regex) continue;
        struct hub_ns *ns = take_old(old, def->path);
        if (ns)
            hub_ns_define(ns, def);
        else
            ns = hub_ns_new(n, def, def->path);
        hub_list_push(&n->list, &ns->link);
    }
}

static void namespaces_reload(struct hub_engine *e) {
    struct hub_namespaces *n = hub_ns_all(e);
    struct hub_list old;
    hub_list_init(&old);
    hub_list_splice(&old, &n->list);
    reload_exact(n, &old);
    HUB_LIST_EACH(&n->list, it) end_strangers(HUB_CONTAINER(it, struct hub_ns, link));
    HUB_LIST_EACH(&old, it) { hub_ns_retire(HUB_CONTAINER(it, struct hub_ns, link)); }
    hub_list_splice(&n->list, &old);
    hub_ns_reload_dynamic(n);
    HUB_LIST_EACH(&n->dynamic, it) end_strangers(HUB_CONTAINER(it, struct hub_ns, link));
}

static void namespaces_new(struct hub_engine *e) {
    struct hub_namespaces *n = *hub_engine_part(e, &hub_namespaces_part) = hub_xcalloc(1, sizeof *n);
    n->engine = e;
    hub_list_init(&n->list);
    hub_list_init(&n->dynamic);
    hub_list_init(&n->unused);
    n->prune.run = hub_ns_prune;
    namespaces_reload(e);
}

static void namespaces_stop(struct hub_engine *e) { hub_ns_all(e)->stopped = true; }

void hub_ns_free(struct hub_ns *ns) {
    hub_ns_drop_waiting(ns);
    while (!hub_list_empty(&ns->conns)) {
        struct hub_namespace_conn *c = HUB_CONTAINER(ns->conns.next, struct hub_namespace_conn, link);
        hub_ns_drop_queue(c);
        hub_ns_conn_free(c);
    }
    hub_list_remove(&ns->unused);
    hub_map_clear(&ns->rooms);
    hub_users_free(&ns->hub);
    for (struct hub_list *it; (it = hub_list_pop(&ns->owns));) free(HUB_CONTAINER(it, struct hub_ns_own, link));
    json_decref(ns->about);
    free(ns->name);
    free(ns);
}

static void namespaces_delete(struct hub_engine *e) {
    struct hub_namespaces *n = hub_ns_all(e);
    for (struct hub_list *it; (it = hub_list_pop(&n->list));) hub_ns_free(HUB_CONTAINER(it, struct hub_ns, link));
    hub_ns_delete_dynamic(n);
    hub_timer_stop(e->config.loop, &n->sweep);
    hub_map_clear(&n->conns);
    hub_map_clear(&n->members);
    hub_map_clear(&n->sessions);
    free(n);
}

struct hub_hub *hub_namespace_hub(const struct hub_namespace_conn *c) {
    return &c->ns->hub;
}

struct hub_hub *hub_namespaces_hub(struct hub_engine *e, struct hub_str path) {
    struct hub_ns *ns = hub_ns_named(hub_ns_all(e), path);
    return ns ? &ns->hub : NULL;
}

struct hub_hub *hub_namespaces_open(struct hub_engine *e, struct hub_str path) {
    struct hub_namespaces *n = hub_ns_all(e);
    struct hub_ns *ns = exact_namespace(n, path);
    if (!ns) ns = hub_ns_dynamic(n, path);
    return ns && ns != n->full ? &ns->hub : NULL;
}

bool hub_namespaces_find(struct hub_engine *e, struct hub_str name, const struct hub_namespace_ops **ops,
                         void **owner) {
    struct hub_namespaces *n = hub_ns_all(e);
    struct hub_str base = hub_cstr(e->config.service->base_path), rest = name;
    if (base.n && hub_str_starts(name, base))
        rest = name.n == base.n ? HUB_STR("/") : hub_str(name.p + base.n, name.n - base.n);
    struct hub_ns *ns = exact_namespace(n, name);
    if (!ns) ns = exact_namespace(n, rest);
    if (!ns) ns = hub_ns_dynamic(n, rest);
    *ops = &plain_ops;
    *owner = ns;
    return ns != NULL;
}

void hub_namespaces_list(struct hub_engine *e, struct hub_buf *out) {
    const struct hub_service *service = e->config.service;
    for (size_t i = 0; i < service->namespace_n; i++) {
        if (out->n) hub_buf_addz(out, ", ");
        hub_buf_addz(out, service->namespaces[i].path);
    }
}

void hub_namespaces_sweep(struct hub_engine *e, int64_t now) {
    HUB_LIST_EACH(&hub_ns_all(e)->list, it) hub_users_sweep(&HUB_CONTAINER(it, struct hub_ns, link)->hub, now);
    HUB_LIST_EACH(&hub_ns_all(e)->dynamic, it) hub_users_sweep(&HUB_CONTAINER(it, struct hub_ns, link)->hub, now);
    hub_ns_sweep_dynamic(hub_ns_all(e));
}

const struct hub_part hub_namespaces_part = {
    .name = "namespaces",
    .help = "Plain Socket.IO namespaces, served by handlers.",
    .host = hub_ns_host_fns,
    .engine_data = true,
    .created = namespaces_new,
    .reloading = namespaces_reload,
    .stopped = namespaces_stop,
    .deleted = namespaces_delete,
};
