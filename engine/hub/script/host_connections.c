/* What scripts can do with connections: the tables connections and users, and events for all of them. Over
 * all hubs and plain namespaces of the service. */
#include "hub/script/script_int.h"

#include <stdlib.h>

#include "hub/call/call.h"
#include "hub/guard/guard.h"
#include "hub/metadata/metadata.h"
#include "hub/namespace/namespace.h"

#define REASON_MAX 1000

static struct hub_directory *directory_of(struct hub_engine *e) { return &e->directory; }

/* The connection whose id is the first argument; NULL: answered. */
static struct hub_conn *conn_arg(struct hub_engine *e, struct hub_host_call *c) {
    struct hub_conn *conn = hub_directory_find(directory_of(e), hub_host_text(c, 0));
    if (!conn) hub_host_fail(c, HUB_CLIENT_NOT_FOUND, "there is no connection of that id");
    return conn;
}

static bool fail_args(struct hub_host_call *c, const char *usage) {
    hub_host_fail(c, HUB_BAD_REQUEST, usage);
    return false;
}

/* ---- one ---- */

void hub_host_connections_get(void *ctx, struct hub_host_call *c) {
    struct hub_engine *e = ctx;
    const struct hub_conn *conn = hub_directory_find(directory_of(e), hub_host_text(c, 0));
    hub_guard_reads(c, HUB_READABLE_CONNECTION, NULL, hub_host_text(c, 0));
    hub_host_done(c, conn ? hub_conn_json(conn) : NULL);
}

void hub_host_connections_count(void *ctx, struct hub_host_call *c) {
    struct hub_engine *e = ctx;
    hub_guard_reads(c, HUB_READABLE_ONLINE, NULL, HUB_STR(""));
    hub_host_done(c, json_integer((json_int_t)hub_keyed_len(&directory_of(e)->by_id)));
}

void hub_host_connections_set_metadata(void *ctx, struct hub_host_call *c) {
    enum hub_metadata_strategy strategy;
    struct hub_err err;
    if (!json_is_object(hub_host_arg(c, 1))) {
        fail_args(c, "connections.setMetadata(id, metadata, strategy): expected an object");
        return;
    }
    struct hub_conn *conn = conn_arg(ctx, c);
    if (!conn) return;
    enum hub_code code = hub_metadata_strategy(hub_host_text(c, 2), &strategy, &err);
    hub_guard_begins_write(ctx, c, c);
    if (!code) code = hub_conn_change_metadata(conn, hub_host_arg(c, 1), strategy, NULL, c, &err);
    hub_guard_ends_write(ctx, c);
    if (code)
        hub_host_fail(c, code, err.text);
    else
        hub_host_done(c, json_incref(conn->metadata));
}

/* Hubs' events carry {roomId, data}, those of plain namespaces what they were given. */
void hub_host_connections_send(void *ctx, struct hub_host_call *c) {
    struct hub_buf args = {0};
    if (!hub_host_text(c, 1).n) {
        fail_args(c, "connections.send(id, event, data): expected two texts");
        return;
    }
    if (!hub_host_event_free(c, 1)) return;
    struct hub_conn *conn = conn_arg(ctx, c);
    if (!conn) return;
    if (conn->plain) {
        const struct hub_namespace_event event = hub_namespace_event(c, 1);
        hub_namespace_send(conn->plain, &event);
    } else {
        hub_host_add_data(&args, hub_str(NULL, 0), hub_host_arg(c, 2));
        hub_outlet_emit(&conn->outlet, hub_host_text(c, 1), hub_buf_str(&args), 0);
        hub_buf_free(&args);
    }
    hub_host_done(c, json_true());
}

bool hub_host_reason(struct hub_host_call *c, size_t at, struct hub_str *reason) {
    *reason = hub_host_text(c, at);
    if (reason->n <= REASON_MAX && !memchr(reason->n ? reason->p : "", 0, reason->n)) return true;
    return fail_args(c, "reason: expected a text of at most 1000 bytes");
}

void hub_host_connections_disconnect(void *ctx, struct hub_host_call *c) {
    struct hub_str reason;
    if (!hub_host_reason(c, 1, &reason)) return;
    struct hub_conn *conn = conn_arg(ctx, c);
    if (!conn) return;
    hub_conn_disconnect(conn, reason);
    hub_host_done(c, json_true());
}

/* ---- users ---- */

void hub_host_users_online(void *ctx, struct hub_host_call *c) {
    struct hub_engine *e = ctx;
    hub_guard_reads(c, HUB_READABLE_ONLINE, NULL, hub_host_text(c, 0));
    hub_host_done(c, json_boolean(hub_user_online(directory_of(e), hub_host_text(c, 0))));
}

void hub_host_users_count(void *ctx, struct hub_host_call *c) {
    struct hub_engine *e = ctx;
    hub_guard_reads(c, HUB_READABLE_ONLINE, NULL, HUB_STR(""));
    hub_host_done(c, json_integer((json_int_t)directory_of(e)->online_n));
}

/* ---- many ---- */

/* What goes through connections: those in ONLY (NULL: anywhere), by the filters that are given. */
struct conn_scan {
    struct hub_scan scan;
    const struct hub_hub *only;
    const json_t *where, *except;
    struct hub_str user, address;
    int64_t n; /* so many were sent something, or ended */
    struct hub_namespace_event event;
    bool told;                                                 /* namespaces with recovery have it already */
    unsigned (*each)(struct conn_scan *s, struct hub_conn *c); /* what it costs; 0: no more */
    struct hub_buf hub_args, plain_args;
    struct hub_spread hubs, plains;
    struct hub_str reason;
    struct hub_host_page page;
};

static bool is_text_in(const json_t *list, const char *text) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (hub_str_is(hub_json_str(json_array_get(list, i)), text)) return true;
    return false;
}

static bool is_meant(const struct conn_scan *s, const struct hub_conn *c) {
    if (s->only && c->hub != s->only) return false;
    if (s->user.n && !hub_str_is(s->user, c->identity->user_id)) return false;
    if (s->address.n && !hub_str_eq(hub_socket_handshake(c->socket).peer, s->address)) return false;
    if (!hub_where_meets(s->where, c->metadata)) return false;
    return !is_text_in(s->except, c->socket->sid);
}

static unsigned step_conn(struct hub_scan *scan) {
    struct conn_scan *s = HUB_CONTAINER(scan, struct conn_scan, scan);
    struct hub_walked_item *i = hub_walk_next(&scan->walk);
    if (!i) return 0;
    struct hub_conn *c = HUB_CONTAINER(i, struct hub_conn, in_directory);
    if (i->number <= s->page.after || !is_meant(s, c)) return 1;
    return s->each(s, c);
}

static void end_conns(struct hub_scan *scan, enum hub_code code) {
    struct conn_scan *s = HUB_CONTAINER(scan, struct conn_scan, scan);
    struct hub_host_page page = s->page;
    struct hub_host_call *call = scan->call;
    int64_t n = s->n;
    hub_spread_end(&s->hubs);
    hub_spread_end(&s->plains);
    hub_buf_free(&s->hub_args);
    hub_buf_free(&s->plain_args);
    free(s);
    hub_host_answer_scan(call, code, &page, n);
}

/* With WHERE checked; NULL: answered. */
static HUB_MUST struct conn_scan *conn_scan_new(struct hub_host_call *c, const json_t *where) {
    struct hub_err err;
    if (hub_where_check(where, &err)) {
        hub_host_fail(c, err.code, err.text);
        return NULL;
    }
    struct conn_scan *s = hub_xcalloc(1, sizeof *s);
    s->scan.step = step_conn;
    s->scan.end = end_conns;
    s->where = where;
    return s;
}

static void start_conns(struct conn_scan *s, struct hub_engine *e, struct hub_host_call *c) {
    struct hub_directory *d = directory_of(e);
    const struct hub_conn *at = s->page.after ? hub_directory_find(d, s->page.after_id) : NULL;
    bool found = at && at->in_directory.number == s->page.after;
    hub_scan_start(&s->scan, e, c, &d->conns, found ? &at->in_directory : NULL);
}

/* ---- lists ---- */

static unsigned list_conn(struct conn_scan *s, struct hub_conn *c) {
    if (hub_host_page_full(&s->page)) return 0;
    hub_host_page_add(&s->page, hub_conn_json(c), c->in_directory.number, c->socket->sid);
    return HUB_SCAN_SHOWN;
}

void hub_host_connections_list(void *ctx, struct hub_host_call *c) {
    const json_t *options = hub_host_arg(c, 0);
    struct hub_host_page page;
    struct hub_err err;
    enum hub_code code = hub_script_keys(options, "userId address where limit after", &err);
    if (!code) code = hub_host_page_begin(&page, options, &err);
    if (code) {
        hub_host_fail(c, code, err.text);
        return;
    }
    struct conn_scan *s = conn_scan_new(c, hub_json_get(options, "where"));
    if (!s) {
        json_decref(page.items);
        return;
    }
    s->page = page;
    s->user = hub_json_get_str(options, "userId");
    s->address = hub_json_get_str(options, "address");
    s->each = list_conn;
    hub_guard_reads(c, HUB_READABLE_CONNECTIONS, NULL, s->user.n ? s->user : HUB_STR(""));
    start_conns(s, ctx, c);
}

/* ---- events ---- */

static unsigned send_to_conn(struct conn_scan *s, struct hub_conn *c) {
    if (c->plain && s->told && hub_namespace_recovers(c->plain)) return 1;
    if (c->plain && hub_namespace_is_watched(c->plain))
        hub_namespace_send(c->plain, &s->event);
    else
        hub_spread_to(c->plain ? &s->plains : &s->hubs, &c->outlet);
    s->n++;
    return HUB_SCAN_SENT;
}

/* The event that is C's argument AT to whoever is meant. */
static void start_sending(struct conn_scan *s, struct hub_engine *e, struct hub_host_call *c, size_t at) {
    s->event = hub_namespace_event(c, at);
    hub_host_add_data(&s->hub_args, hub_str(NULL, 0), hub_host_arg(c, at + 1));
    hub_json_add(&s->plain_args, hub_host_arg(c, at + 1));
    hub_spread_begin(&s->hubs, hub_host_text(c, at), hub_buf_str(&s->hub_args));
    hub_spread_begin(&s->plains, hub_host_text(c, at), hub_buf_str(&s->plain_args));
    s->each = send_to_conn;
    start_conns(s, e, c);
}

/* The same to everybody in ONLY (NULL: anywhere), except some. */
static void start_broadcast(struct conn_scan *s, struct hub_engine *e, struct hub_host_call *c, size_t at) {
    const struct hub_namespace_event event = hub_namespace_event(c, at);
    s->told = true;
    s->n = (int64_t)hub_namespaces_broadcast(e, s->only, s->except, &event);
    start_sending(s, e, c, at);
}

/* False: answered. */
static bool check_event(struct hub_host_call *c, size_t at, const char *usage) {
    if (!hub_host_text(c, at).n) return fail_args(c, usage);
    return hub_host_event_free(c, at);
}

void hub_host_connections_send_where(void *ctx, struct hub_host_call *c) {
    if (!check_event(c, 1, "connections.sendWhere(where, event, data): event is a text")) return;
    struct conn_scan *s = conn_scan_new(c, hub_host_arg(c, 0));
    if (s) start_sending(s, ctx, c, 1);
}

void hub_host_service_broadcast(void *ctx, struct hub_host_call *c) {
    if (!check_event(c, 0, "service.broadcast(event, data): event is a text")) return;
    struct conn_scan *s = conn_scan_new(c, NULL);
    if (s) start_broadcast(s, ctx, c, 0);
}

void hub_host_broadcast_all(void *ctx, struct hub_host_call *c) {
    const json_t *options = hub_host_arg(c, 2);
    struct hub_err err;
    if (!check_event(c, 0, "broadcastAll(event, data, {except}): event is a text")) return;
    if (hub_host_except_check(options, &err)) {
        hub_host_fail(c, err.code, err.text);
        return;
    }
    const struct hub_hub *window = hub_host_window(ctx, c);
    struct conn_scan *s = window ? conn_scan_new(c, NULL) : NULL;
    if (!s) return;
    s->only = window;
    s->except = hub_json_get(options, "except");
    start_broadcast(s, ctx, c, 0);
}

enum hub_code hub_host_except_check(const json_t *options, struct hub_err *err) {
    const json_t *except = hub_json_get(options, "except");
    if (!hub_json_nil(except) && (!json_is_array(except) || json_array_size(except) > HUB_EXCEPT_MAX))
        return hub_fail(err, HUB_BAD_REQUEST, "except: expected a list of at most %d connection ids", HUB_EXCEPT_MAX);
    return hub_script_keys(options, "except", err);
}

/* ---- ends ---- */

static unsigned end_conn(struct conn_scan *s, struct hub_conn *c) {
    hub_conn_disconnect(c, s->reason);
    s->n++;
    return HUB_SCAN_SHOWN;
}

void hub_host_connections_disconnect_where(void *ctx, struct hub_host_call *c) {
    struct hub_str reason;
    if (!hub_host_reason(c, 1, &reason)) return;
    struct conn_scan *s = conn_scan_new(c, hub_host_arg(c, 0));
    if (!s) return;
    s->reason = reason;
    s->each = end_conn;
    start_conns(s, ctx, c);
}
