/* A connection that comes: onConnect, then admission, then it is open, then its rooms. What has waited finds
 * the world as it is now: the socket may be closed, the hub gone, the token expired. */
#include "hub/lifecycle/lifecycle_int.h"

#include <stdlib.h>

#include "base/match/cidr.h"

#define ROOMS_MAX 1000 /* of one admission */

static struct hub_metric arriving_gauge =
    HUB_METRIC(HUB_GAUGE, "hubd_lifecycle_arriving", NULL, "Connections that onConnect or admission judges");

struct arrival {
    struct hub_hold hold;
    struct hub_life_hook hook;
    struct hub_conn *conn; /* reference */
    struct hub_ip from;
    bool has_from; /* else it has come by a socket file */
    hub_lifecycle_then *then;
    bool judged;   /* its hub has hooks for it: it is counted */
    bool let_in;   /* by onConnect */
    char *one;     /* whom its hooks count for, once it is closed; NULL: onConnect is not asked */
    json_t *about; /* connection as it came; NULL: no script wants it */
    json_t *rooms; /* of admission; NULL: none */
};

static const struct hub_def_lifecycle *hooks_for(const struct arrival *a) {
    return &a->conn->hub->def->parts.lifecycle;
}

/* One more, or one less. False: it is one too many. */
static bool count_arrival(const struct arrival *a, int by) {
    struct hub_life *life = hub_life_of(a->conn->hub->engine);
    life->arriving_n += (size_t)by;
    hub_metric_add(&arriving_gauge, by);
    size_t of_one = a->has_from ? hub_map_count(&life->arriving_at, hub_ip_key(&a->from), by) : 0;
    return life->arriving_n <= HUB_LIFE_ARRIVING_MAX && of_one <= HUB_LIFE_ARRIVING_ONE;
}

/* Who is not judged is counted nowhere, for it would end at once, but finds no more room than others. */
static bool has_room(const struct arrival *a) {
    struct hub_life *life = hub_life_of(a->conn->hub->engine);
    if (life->arriving_n >= HUB_LIFE_ARRIVING_MAX) return false;
    return !a->has_from || hub_map_count(&life->arriving_at, hub_ip_key(&a->from), 0) < HUB_LIFE_ARRIVING_ONE;
}

static void find_address(struct arrival *a) {
    const struct hub_handshake hs = hub_socket_handshake(a->conn->socket);
    a->has_from = hub_ip_parse_network(hs.peer, &a->from);
}

static void free_arrival(struct arrival *a) {
    hub_unhold(&a->hold);
    if (a->judged) HUB_UNUSED(count_arrival(a, -1), "it is one less");
    json_decref(a->about);
    json_decref(a->rooms);
    hub_conn_unref(a->conn);
    free(a->one);
    free(a);
}

/* The connection is closed. Whoever let it in hears of its end. */
static void end_closed(struct arrival *a) {
    if (a->let_in) hub_life_turned_back(a->conn, a->one, json_incref(a->about));
    free_arrival(a);
}

static void refuse_with(struct arrival *a, const char *message, struct hub_str data) {
    struct hub_socket *s = hub_socket_ref(a->conn->socket);
    hub_conn_close(a->conn, "rejected");
    hub_socket_refuse(s, message, data);
    hub_socket_unref(s);
    end_closed(a);
}

/* {code, reason}, or what the script has given as data. */
static void refuse_by_verdict(struct arrival *a, const struct hub_verdict *v) {
    struct hub_buf data = {0};
    bool own = v->code == HUB_REJECTED;
    struct hub_str message = own ? v->message : hub_cstr(hub_code_text(v->code));
    char *text = hub_str_dup(message);
    if (own && v->data) {
        hub_json_add(&data, v->data);
    } else {
        hub_buf_addf(&data, "{\"code\":\"%.*s\"",
                     HUB_FMT(v->own_code.n ? v->own_code : hub_cstr(hub_code_name(v->code))));
        if (own) hub_buf_addz(&data, ",\"reason\":");
        if (own) hub_json_add_string(&data, message);
        hub_buf_addc(&data, '}');
    }
    refuse_with(a, text, hub_buf_str(&data));
    hub_buf_free(&data);
    free(text);
}

static void refuse_by_code(struct arrival *a, enum hub_code code) {
    const struct hub_verdict v = {.code = code};
    refuse_by_verdict(a, &v);
}

/* Whether what was found out before the hooks still holds; else it is refused. */
static bool arrival_stands(struct arrival *a) {
    const struct hub_conn *c = a->conn;
    const struct hub_engine *e = c->hub->engine;
    bool stranger = hub_identity_is_stranger(c->identity);
    enum hub_code code = stranger ? HUB_OK : hub_identity_fault(e->config.identity, c->identity);
    if (c->closed)
        end_closed(a);
    else if (c->hub->gone)
        refuse_with(a, "Invalid namespace", hub_str(NULL, 0));
    else if (e->draining)
        refuse_by_code(a, HUB_SHUTTING_DOWN);
    else if (code)
        refuse_by_code(a, code);
    else
        return true;
    return false;
}

/* ---- its rooms ---- */

/* As hub:join is sent: {roomId, since?, epoch?}. New reference; NULL: it is none. */
static HUB_MUST json_t *join_args(json_t *room) {
    if (json_is_object(room)) return json_copy(room);
    return json_is_string(room) ? json_pack("{s:O}", "roomId", room) : NULL;
}

static void join_rooms(struct hub_conn *c, json_t *rooms) {
    size_t i;
    json_t *room;
    json_array_foreach(rooms, i, room) {
        if (c->closed) return;
        struct hub_call *call = hub_call_new(c->hub, c, c->identity, "admission", join_args(room), -1);
        call->uncounted = true;
        call->dispatch = hub_dispatch_find(c->hub->engine, HUB_STR("hub:join"));
        hub_order_admit(call);
    }
    hub_order_joined(c);
}

static void open_arrival(struct arrival *a) {
    struct hub_conn *c = a->conn;
    a->then(c);
    if (!c->open) {
        end_closed(a);
        return;
    }
    if (!c->closed) hub_life_opened(c, json_incref(a->about));
    if (a->rooms && !c->closed) join_rooms(c, a->rooms);
    free_arrival(a);
}

/* ---- its hooks ---- */

static void start_hook(struct arrival *a, const struct hub_script *script, const char *keys,
                       void (*ended)(struct hub_life_hook *h, const struct hub_verdict *v)) {
    struct hub_conn *c = a->conn;
    hub_life_hook_init(&a->hook, c->hub, script, ended);
    hub_life_var(&a->hook, "session", json_incref(hub_identity_session(c->identity)));
    if (hub_life_wants(&a->hook, "connection")) hub_life_var(&a->hook, "connection", hub_conn_json(c));
    hub_life_decide(&a->hook, keys);
}

/* A list of rooms, or nothing. */
static const char *wrong_rooms(const json_t *rooms) {
    size_t n = json_array_size(rooms);
    if (json_is_object(rooms) && json_object_size(rooms) == (json_object_get(rooms, "deny") != NULL))
        return NULL; /* Lua's empty table, or a deny that refuses nobody */
    if (!json_is_array(rooms)) return "its result is no list of rooms";
    if (n > ROOMS_MAX) return "its result has more than 1000 rooms";
    for (size_t i = 0; i < n; i++) {
        const json_t *room = json_array_get(rooms, i);
        if (!json_is_string(room) && !json_is_object(room))
            return "its result has something that is no room: expected a roomId as text, or {roomId, since, epoch}";
    }
    return NULL;
}

static void on_admission(struct hub_life_hook *h, const struct hub_verdict *v) {
    struct arrival *a = HUB_CONTAINER(h, struct arrival, hook);
    const char *wrong = v->result && !v->code ? wrong_rooms(v->result) : NULL;
    if (wrong) hub_hook_failed(a->conn->hub, h->script, HUB_HANDLER_FAILED, wrong);
    if (!arrival_stands(a)) return;
    if (v->code || wrong) {
        wrong ? refuse_by_code(a, HUB_HANDLER_FAILED) : refuse_by_verdict(a, v);
        return;
    }
    a->rooms = json_incref(v->result);
    open_arrival(a);
}

static void ask_admission(struct arrival *a) {
    const struct hub_script *script = &hooks_for(a)->admission;
    if (script->kind == HUB_SCRIPT_NONE)
        open_arrival(a);
    else
        start_hook(a, script, "deny", on_admission);
}

/* An object within its bounds, or nothing. */
static enum hub_code check_metadata(const struct hub_hub *hub, const json_t *metadata, struct hub_err *err) {
    if (hub->gone || hub_json_nil(metadata)) return HUB_OK; /* of a hub that has gone nobody is let in */
    if (!json_is_object(metadata)) return hub_fail(err, HUB_HANDLER_FAILED, "metadata: expected an object");
    return hub_metadata_check(metadata, HUB_METADATA_OF_CONNECTIONS, hub->def->parts.metadata.max_bytes, err);
}

static void on_connect(struct hub_life_hook *h, const struct hub_verdict *v) {
    struct arrival *a = HUB_CONTAINER(h, struct arrival, hook);
    json_t *metadata = hub_json_get(v->result, "metadata");
    struct hub_err err;
    bool wrong = !v->code && check_metadata(a->conn->hub, metadata, &err);
    if (wrong) hub_hook_failed(a->conn->hub, h->script, HUB_HANDLER_FAILED, err.text);
    a->let_in = !v->code && !wrong;
    if (!arrival_stands(a)) return;
    if (!a->let_in) {
        wrong ? refuse_by_code(a, HUB_HANDLER_FAILED) : refuse_by_verdict(a, v);
        return;
    }
    if (json_is_object(metadata)) hub_conn_set_metadata(a->conn, json_incref(metadata), NULL);
    ask_admission(a);
}

static void ask_connect(struct arrival *a, const struct hub_script *script) {
    a->one = hub_xstrdup(a->conn->user->id);
    start_hook(a, script, "deny metadata", on_connect);
}

void hub_lifecycle_connect(struct hub_conn *c, hub_lifecycle_then *then) {
    struct arrival *a = hub_xcalloc(1, sizeof *a);
    *a = (struct arrival){.conn = hub_conn_ref(c), .then = then, .about = hub_life_about(c)};
    hub_hold(&c->hub->engine->holds, &a->hold, "connection arrival");
    const struct hub_script *script = &hooks_for(a)->on_connect;
    a->judged = script->kind != HUB_SCRIPT_NONE || hooks_for(a)->admission.kind != HUB_SCRIPT_NONE;
    if (a->judged || hub_life_of(c->hub->engine)->arriving_n) find_address(a);
    if (!(a->judged ? count_arrival(a, 1) : has_room(a)) || hub_lifecycle_full(c))
        refuse_by_code(a, HUB_OVERLOADED);
    else if (!arrival_stands(a)) /* while its token was looked at */
        return;
    else if (script->kind == HUB_SCRIPT_NONE)
        ask_admission(a);
    else
        ask_connect(a, script);
}
