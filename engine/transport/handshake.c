/* Engine.IO requests: which session they are for, and the refusals of the protocol. */
#include "packet/eio.h"
#include "transport/transport_int.h"

/* The codes that Engine.IO clients know. */
enum refusal { TRANSPORT_UNKNOWN, SESSION_UNKNOWN, BAD_METHOD, BAD_REQUEST, FORBIDDEN, UNSUPPORTED_VERSION, ADMITTED };

static void refuse(struct hub_http_req *r, enum refusal code) {
    static const char *const text[] = {"Transport unknown", "Session ID unknown", "Bad handshake method",
                                       "Bad request",       "Forbidden",          "Unsupported protocol version"};
    struct hub_buf b = {0};
    hub_buf_addf(&b, "{\"code\":%d,\"message\":\"%s\"}", code, text[code]);
    hub_http_reply(r, code == FORBIDDEN ? 403 : 400, "application/json", hub_buf_str(&b), NULL);
    hub_buf_free(&b);
}

bool hub_eio_is_path(const struct hub_http_req *r) {
    struct hub_str path = hub_http_path(r);
    return hub_str_is(path, "/socket.io/") || hub_str_is(path, "/socket.io");
}

static bool param_is(const struct hub_http_req *r, const char *name, const char *value) {
    struct hub_buf b = {0};
    bool same = hub_query_get(hub_http_query(r), name, &b) && hub_str_is(hub_buf_str(&b), value);
    hub_buf_free(&b);
    return same;
}

/* The session that the query names. *named tells "none given" from "unknown". */
static struct hub_eio *find(const struct hub_http_req *r, bool *named) {
    struct hub_buf sid = {0};
    *named = hub_query_get(hub_http_query(r), "sid", &sid);
    struct hub_eio *e = *named ? hub_map_get(&r->conn->t->eios, hub_buf_str(&sid)) : NULL;
    hub_buf_free(&sid);
    return e;
}

/* ---- a first request: no session yet ---- */

static enum refusal check_handshake(const struct hub_http_req *r, bool websocket) {
    if (hub_http_method(r) != HUB_HTTP_GET) return BAD_METHOD;
    if (websocket && !r->websocket) return BAD_REQUEST;
    if (!param_is(r, "EIO", "4")) return UNSUPPORTED_VERSION;
    return r->conn->t->held || r->conn->t->draining ? FORBIDDEN : ADMITTED;
}

static void handshake(struct hub_http_req *r, bool websocket) {
    enum refusal no = check_handshake(r, websocket);
    if (no != ADMITTED) {
        refuse(r, no);
        return;
    }
    if (websocket && !hub_ws_check(r)) return;
    struct hub_eio *e = hub_eio_new(r, websocket ? r->conn : NULL);
    if (!e)
        refuse(r, FORBIDDEN);
    else if (websocket)
        hub_ws_upgrade(r, e, false);
    else
        hub_polling_get(e, r);
}

/* ---- requests of a session ---- */

static void upgrade(struct hub_http_req *r, struct hub_eio *e) {
    if (!r->websocket || e->state != HUB_EIO_RUNNING) {
        refuse(r, BAD_REQUEST);
        return;
    }
    if (!hub_ws_check(r)) return;
    if (e->conn || e->probe)
        hub_ws_turn_away(r, "the session has a WebSocket already");
    else
        hub_ws_upgrade(r, e, true);
}

static void end_overlapping(struct hub_eio *e) { hub_eio_end(e, HUB_CLOSE_ERROR, 1002, "overlapping requests", HUB_CLOSE_TIMEOUT); }

static enum refusal check_poll(const struct hub_http_req *r, struct hub_eio *e, bool get) {
    if (get && !e->conn && hub_eio_is_overdue(e)) { /* a GET is no pong: it must not find a session that has ended */
        hub_eio_end(e, HUB_CLOSE_PING, 1000, "ping timeout", HUB_CLOSE_TIMEOUT);
        return SESSION_UNKNOWN;
    }
    if (e->conn || (!get && hub_http_method(r) != HUB_HTTP_POST)) return BAD_REQUEST;
    if (!get && e->state != HUB_EIO_RUNNING) return SESSION_UNKNOWN;
    struct hub_http_req *other = get ? e->poll : e->post;
    if (!other || other == r) return ADMITTED;
    end_overlapping(e);
    return BAD_REQUEST;
}

static void get_or_post(struct hub_http_req *r, struct hub_eio *e) {
    bool get = hub_http_method(r) == HUB_HTTP_GET;
    enum refusal no = check_poll(r, e, get);
    if (no != ADMITTED)
        refuse(r, no);
    else if (get)
        hub_polling_get(e, r);
    else if (!hub_polling_post(e, r))
        refuse(r, BAD_REQUEST);
}

void hub_eio_route(struct hub_http_req *r) {
    bool named, websocket = param_is(r, "transport", "websocket");
    struct hub_eio *e = find(r, &named);
    if (!websocket && !param_is(r, "transport", "polling"))
        refuse(r, TRANSPORT_UNKNOWN);
    else if (websocket && !hub_cors_admits_websocket(r))
        refuse(r, FORBIDDEN);
    else if (!named)
        handshake(r, websocket);
    else if (!e)
        refuse(r, SESSION_UNKNOWN);
    else if (websocket)
        upgrade(r, e);
    else
        get_or_post(r, e);
}

/* A body is still to come: a session has at most one POST on its way. */
void hub_eio_route_head(struct hub_http_req *r) {
    bool named;
    if (hub_http_method(r) != HUB_HTTP_POST) return;
    struct hub_eio *e = find(r, &named);
    if (!e || e->conn || e->state != HUB_EIO_RUNNING) return;
    if (e->post) {
        end_overlapping(e);
        return;
    }
    e->post = r;
    r->eio = e;
}

void hub_eio_too_large(struct hub_http_req *r) {
    bool named;
    if (!r->head_done || !r->path_n || !hub_eio_is_path(r)) return;
    struct hub_eio *e = find(r, &named);
    if (e && !e->conn) hub_eio_end(e, HUB_CLOSE_TOO_LARGE, 1009, "too large", HUB_CLOSE_TIMEOUT);
}
