/* Engine.IO requests: which session they are for, and the refusals of the protocol. */
#include "base/telemetry/log.h"
#include "packet/eio.h"
#include "transport/transport_int.h"

/* The codes that Engine.IO clients know. */
enum refusal { TRANSPORT_UNKNOWN, SESSION_UNKNOWN, BAD_METHOD, BAD_REQUEST, FORBIDDEN, UNSUPPORTED_VERSION, ADMITTED };

static void refuse_handshake_as(struct hub_http_req *r, enum refusal code, const char *type) {
    static const char *const text[] = {"Transport unknown", "Session ID unknown", "Bad handshake method",
                                       "Bad request",       "Forbidden",          "Unsupported protocol version"};
    struct hub_buf b = {0};
    hub_buf_addf(&b, "{\"code\":%d,\"message\":\"%s\"}", code, text[code]);
    hub_http_reply(r, code == FORBIDDEN ? 403 : 400, type, hub_buf_str(&b), NULL);
    hub_buf_free(&b);
}

static void refuse_handshake(struct hub_http_req *r, enum refusal code) {
    refuse_handshake_as(r, code, "application/json");
}

/* Whoever runs the client sees a number at best, so the reason is said here, with PARAM of the query. */
static void log_refused_handshake(const struct hub_http_req *r, const char *message, const char *param,
                                  const char *why) {
    struct hub_buf value = {0}, agent = {0};
    hub_query_get(hub_http_query(r), param, &value);
    hub_buf_adds(&agent, hub_http_header(r, "user-agent"));
    hub_log_kv(HUB_LOG_INFO, "transport", message, param, hub_buf_cstr(&value), "reason", why, "peer", r->peer, "agent",
               agent.n ? hub_buf_cstr(&agent) : NULL, NULL);
    hub_buf_free(&value);
    hub_buf_free(&agent);
}

#define NO_UPGRADE "it asks for no upgrade; does the proxy in front pass the headers Upgrade and Connection on?"

static void log_no_session(const struct hub_http_req *r) {
    log_refused_handshake(
        r, "session unknown", "transport",
        "it has ended, or another process has it; does the proxy in front keep a client with one process?");
}

/* Of the type that every answer to a poll has: scripts of another site cannot read it anyway, and must not
 * run it. */
void hub_eio_forbid(struct hub_http_req *r) {
    refuse_handshake_as(r, FORBIDDEN, r->websocket ? "application/json" : "text/plain; charset=UTF-8");
}

/* Whether *PATH begins with PREFIX; slashes count once however many there are, since clients put base and
 * path together carelessly. */
static bool cut_prefix(struct hub_str *path, struct hub_str prefix) {
    size_t at = 0;
    for (size_t i = 0; i < prefix.n; i++) {
        if (at >= path->n || path->p[at++] != prefix.p[i]) return false;
        while (prefix.p[i] == '/' && at < path->n && path->p[at] == '/') at++;
    }
    if (at < path->n && path->p[at] != '/') return false;
    *path = hub_str(path->p + at, path->n - at);
    return true;
}

bool hub_eio_is_path(const struct hub_http_req *r) {
    const struct hub_transport *t = r->link->t;
    struct hub_str whole = hub_str(r->head.p + r->path, r->path_n), path = whole;
    if (!cut_prefix(&path, t->path)) {
        path = whole;
        if (!t->base.n || !cut_prefix(&path, t->base) || !cut_prefix(&path, t->path)) return false;
    }
    while (path.n && path.p[0] == '/') path.p++, path.n--;
    return !path.n;
}

static bool param_is(const struct hub_http_req *r, const char *name, const char *value) {
    struct hub_buf b = {0};
    bool same = hub_query_get(hub_http_query(r), name, &b) && hub_str_is(hub_buf_str(&b), value);
    hub_buf_free(&b);
    return same;
}

/* The session that the query names. *named tells "none given" from "unknown". */
static struct hub_eio *find_session(const struct hub_http_req *r, bool *named) {
    struct hub_buf sid = {0};
    *named = hub_query_get(hub_http_query(r), "sid", &sid);
    struct hub_eio *e = *named ? hub_keyed_get(&r->link->t->eios, hub_buf_str(&sid)) : NULL;
    hub_buf_free(&sid);
    return e;
}

bool hub_eio_moves(struct hub_http_req *r, bool whole) {
    struct hub_buf sid = {0};
    bool moves = hub_query_get(hub_http_query(r), "sid", &sid) && hub_move_begin(r->link, hub_buf_str(&sid), whole);
    hub_buf_free(&sid);
    return moves;
}

/* ---- a first request: no session yet ---- */

/* A client that can never come in. */
static void log_misfit(const struct hub_http_req *r, enum refusal code) {
    if (code == UNSUPPORTED_VERSION)
        log_refused_handshake(
            r, "protocol version refused", "EIO",
            param_is(r, "EIO", "3")
                ? "Engine.IO 3 is that of Socket.IO 2 clients; served are those of Socket.IO 3 and 4 (EIO=4)"
                : "only Engine.IO 4 is served (EIO=4), Socket.IO 3 and 4");
    else
        log_refused_handshake(r, "handshake refused", "transport",
                              code == BAD_METHOD          ? "a handshake is a GET"
                              : code == TRANSPORT_UNKNOWN ? "transport is polling or websocket"
                                                          : NO_UPGRADE);
}

static enum refusal check_handshake(const struct hub_http_req *r, bool websocket) {
    if (hub_http_method(r) != HUB_HTTP_GET) return BAD_METHOD;
    if (websocket && !r->websocket) return BAD_REQUEST;
    if (!param_is(r, "EIO", "4")) return UNSUPPORTED_VERSION;
    return r->link->t->held || r->link->t->draining ? FORBIDDEN : ADMITTED;
}

static void answer_handshake(struct hub_http_req *r, bool websocket) {
    enum refusal no = check_handshake(r, websocket);
    if (no != ADMITTED) {
        if (no != FORBIDDEN) log_misfit(r, no);
        refuse_handshake(r, no);
        return;
    }
    if (websocket && !hub_ws_check(r)) return;
    struct hub_address *pending = NULL;
    int status =
        hub_pending_take(r->link->t, &pending, r->link->edge->pending ? r->link->edge->pending : &r->link->t->nowhere,
                         HUB_PENDING_SESSION);
    if (status) {
        hub_pending_refuse(r, status);
        return;
    }
    struct hub_eio *e = hub_eio_new(r, websocket ? r->link : NULL, pending);
    if (!e)
        refuse_handshake(r, FORBIDDEN);
    else if (websocket)
        hub_ws_upgrade(r, e, false);
    else
        hub_polling_get(e, r);
}

/* ---- requests of a session ---- */

static void upgrade_session(struct hub_http_req *r, struct hub_eio *e) {
    if (!r->websocket || e->state != HUB_EIO_RUNNING) {
        if (!r->websocket) log_refused_handshake(r, "upgrade refused", "transport", NO_UPGRADE);
        refuse_handshake(r, BAD_REQUEST);
        return;
    }
    if (!hub_ws_check(r)) return;
    if (e->link || e->probe)
        hub_ws_turn_away(r, "the session has a WebSocket already");
    else
        hub_ws_upgrade(r, e, true);
}

static void end_overlapping(struct hub_eio *e) {
    hub_eio_end(e, HUB_CLOSE_ERROR, 1002, "overlapping requests", HUB_CLOSE_TIMEOUT);
}

static enum refusal check_poll(const struct hub_http_req *r, struct hub_eio *e, bool get) {
    if (get && !e->link && hub_eio_is_overdue(e)) { /* a GET is no pong: it must not find a session that has ended */
        hub_eio_end(e, HUB_CLOSE_PING, 1000, "ping timeout", HUB_CLOSE_TIMEOUT);
        return SESSION_UNKNOWN;
    }
    if (e->link) log_refused_handshake(r, "poll refused", "transport", "the session has a WebSocket");
    if (e->link || (!get && hub_http_method(r) != HUB_HTTP_POST)) return BAD_REQUEST;
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
        refuse_handshake(r, no);
    else if (get)
        hub_polling_get(e, r);
    else if (!hub_polling_post(e, r))
        refuse_handshake(r, BAD_REQUEST);
}

void hub_eio_route(struct hub_http_req *r) {
    bool named, websocket = param_is(r, "transport", "websocket");
    struct hub_eio *e = find_session(r, &named);
    if (!websocket && !param_is(r, "transport", "polling"))
        log_misfit(r, TRANSPORT_UNKNOWN), refuse_handshake(r, TRANSPORT_UNKNOWN);
    else if (!named)
        answer_handshake(r, websocket);
    else if (!e)
        log_no_session(r), refuse_handshake(r, SESSION_UNKNOWN);
    else if (websocket)
        upgrade_session(r, e);
    else
        get_or_post(r, e);
}

/* A body is still to come: a session has at most one POST on its way. */
void hub_eio_route_head(struct hub_http_req *r) {
    bool named;
    struct hub_eio *e = find_session(r, &named);
    size_t most = e ? hub_eio_max_in(e) : HUB_PENDING_BYTES;
    if (r->max_body > most) r->max_body = most;
    r->vouched = e && e->signed_in;
    if (hub_http_method(r) != HUB_HTTP_POST || !e || e->link || e->state != HUB_EIO_RUNNING) return;
    if (e->post) {
        end_overlapping(e);
        return;
    }
    e->post = r;
    r->eio = e;
    hub_link_leave(r->link); /* it counts with its session */
}

void hub_eio_too_large(struct hub_http_req *r) {
    bool named;
    if (!r->head_done || !r->path_n || !hub_eio_is_path(r)) return;
    struct hub_eio *e = find_session(r, &named);
    if (e && !e->link) hub_eio_end(e, HUB_CLOSE_TOO_LARGE, 1009, "too large", HUB_CLOSE_TIMEOUT);
}
