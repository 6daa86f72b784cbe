/* HTTP/1.1 on a connection: one request at a time is read, routed and answered; what a client pipelines behind it waits. */
#include <http_parser.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "transport/transport_int.h"

static struct hub_metric requests[] = {
    HUB_METRIC(HUB_COUNTER, "hubd_http_requests_total", "status=\"1xx\"", "HTTP requests answered, by status class"),
    HUB_METRIC(HUB_COUNTER, "hubd_http_requests_total", "status=\"2xx\"", "HTTP requests answered, by status class"),
    HUB_METRIC(HUB_COUNTER, "hubd_http_requests_total", "status=\"3xx\"", "HTTP requests answered, by status class"),
    HUB_METRIC(HUB_COUNTER, "hubd_http_requests_total", "status=\"4xx\"", "HTTP requests answered, by status class"),
    HUB_METRIC(HUB_COUNTER, "hubd_http_requests_total", "status=\"5xx\"", "HTTP requests answered, by status class"),
};

/* ---- time limits ---- */

static void answer_bad(struct hub_conn *c, int status, const char *message);

/* Somebody was too slow: in sending a request, in taking an answer, or in sending the next request. */
static void on_timeout(struct hub_timer *timer) {
    struct hub_conn *c = HUB_CONTAINER(timer, struct hub_conn, timer);
    bool half_sent = c->req && !c->answering && !c->finish;
    if (half_sent && !c->blocked)
        answer_bad(c, 408, "The request did not arrive in time");
    else
        hub_conn_kill(c, HUB_CLOSE_TRANSPORT);
}

void hub_http_rearm(struct hub_conn *c) {
    struct hub_transport *t = c->t;
    if (c->finish && !c->blocked) return;
    if (c->req && !c->answering) {
        if (!hub_timer_running(&c->timer)) hub_timer_start(t->loop, &c->timer, t->cfg.head_timeout, on_timeout);
    } else if (c->answering && !c->blocked) {
        hub_timer_stop(t->loop, &c->timer);
    } else {
        bool idle = c->served && !c->blocked;
        hub_timer_start(t->loop, &c->timer, idle ? t->cfg.idle_timeout : t->cfg.head_timeout, on_timeout);
    }
}

/* ---- answers ---- */

static const char *date_of(struct hub_transport *t) {
    int64_t now = hub_wall_ms() / 1000;
    if (now != t->date_second) {
        time_t seconds = (time_t)now;
        struct tm tm;
        t->date_second = now;
        strftime(t->date, sizeof t->date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&seconds, &tm));
    }
    return t->date;
}

static bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

static void add_head(struct hub_http_req *r, int status, const char *type, size_t body_n, const char *headers) {
    struct hub_conn *c = r->conn;
    struct hub_buf *o = &c->out;
    hub_buf_addf(o, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, http_status_str((enum http_status)status), date_of(c->t));
    if (type) hub_buf_addf(o, "Content-Type: %s\r\n", type);
    if (has_body(status)) hub_buf_addf(o, "Content-Length: %zu\r\n", body_n);
    if (r->keep_alive)
        hub_buf_addf(o, "Connection: keep-alive\r\nKeep-Alive: timeout=%lld\r\n", (long long)(c->t->cfg.idle_timeout / 1000));
    else
        hub_buf_addz(o, "Connection: close\r\n");
    hub_cors_add(r, o);
    if (headers) hub_buf_addz(o, headers);
    hub_buf_addz(o, "\r\n");
}

void hub_http_leave_session(struct hub_http_req *r) {
    struct hub_eio *e = r->eio;
    if (!e) return;
    if (e->poll == r) e->poll = NULL;
    if (e->post == r) e->post = NULL;
    r->eio = NULL;
}

void hub_http_reply(struct hub_http_req *r, int status, const char *type, struct hub_str body, const char *headers) {
    struct hub_conn *c = r->conn;
    hub_http_leave_session(r);
    if (!c) {
        hub_http_req_free(r);
        return;
    }
    if (c->t->draining || (c->eof && !c->rest.n)) r->keep_alive = false;
    add_head(r, status, type, body.n, headers);
    if (has_body(status) && hub_http_method(r) != HUB_HTTP_HEAD) hub_buf_adds(&c->out, body);
    hub_metric_add(&requests[status >= 100 && status < 600 ? status / 100 - 1 : 4], 1);
    bool keep_alive = r->keep_alive;
    c->req = NULL;
    c->answering = false;
    c->served = true;
    hub_http_req_free(r);
    if (!keep_alive) hub_conn_finish(c, 0);
    hub_http_rearm(c);
    hub_conn_due(c);
    if (c->rest.n) hub_conn_busy(c);
}

void hub_http_fail(struct hub_http_req *r, int status, const char *message) {
    char date[HUB_ISO_LEN + 1];
    struct hub_buf b = {0};
    enum hub_code code = status == 404 ? HUB_NOT_FOUND : status == 413 ? HUB_TOO_LARGE : status == 403 ? HUB_NOT_ALLOWED : HUB_BAD_REQUEST;
    hub_iso_format(hub_wall_ms(), date);
    hub_buf_addf(&b, "{\"result\":\"ERR\",\"status\":%d,\"message\":", status);
    hub_json_add_string(&b, hub_cstr(message));
    hub_buf_addf(&b, ",\"errCode\":\"%s\",\"date\":\"%s\",\"detail\":{}}", hub_code_name(code), date);
    const char *headers = status == 405   ? "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
                          : status == 426 ? "Sec-WebSocket-Version: 13\r\n"
                                          : "";
    hub_http_reply(r, status, "application/json; charset=utf-8", hub_buf_str(&b), headers);
    hub_buf_free(&b);
}

static const char *bad_text(const struct hub_http_req *r) {
    if (r->problem[0]) return r->problem;
    switch (r->status) {
    case 405: return "The method is not supported";
    case 413: return "The body is larger than this server accepts";
    case 414: return "The request target is longer than this server accepts";
    case 417: return "Only Expect: 100-continue is supported";
    case 431: return "The request head is larger than this server accepts";
    case 501: return "The method is not known";
    case 505: return "Only HTTP/1.0 and HTTP/1.1 are supported";
    default: return "The request is not valid HTTP/1.1";
    }
}

/* The bytes that follow cannot be trusted: this answer is the connection's last. */
static void answer_bad(struct hub_conn *c, int status, const char *message) {
    struct hub_http_req *r = c->req;
    char peer[46], text[16];
    hub_conn_peer(c, peer);
    snprintf(text, sizeof text, "%d", status);
    hub_log_kv(HUB_LOG_INFO, "transport", "request refused", "status", text, "reason", message, "peer", peer, NULL);
    if (status == 413) hub_eio_too_large(r);
    r->keep_alive = false;
    c->answering = true;
    hub_http_fail(r, status, message);
}

/* ---- routing ---- */

/* Where the path begins behind the base path, which a proxy may or may not have cut off. */
static void strip_base(struct hub_http_req *r) {
    struct hub_str base = r->conn->t->base, path = hub_str(r->head.p + r->path, r->path_n);
    if (!base.n || !hub_str_starts(path, base)) return;
    if (path.n == base.n || path.p[base.n] == '/') r->base_n = base.n;
}

/* Once per request, as soon as the head is known. */
static void on_head(struct hub_conn *c) {
    struct hub_http_req *r = c->req;
    if (r->routed || !r->head_done) return;
    r->routed = true;
    strip_base(r);
    if (hub_eio_is_path(r)) hub_eio_route_head(r);
}

static void on_half(struct hub_conn *c) {
    struct hub_http_req *r = c->req;
    if (r->routed || !r->head_done) return;
    on_head(c);
    hub_timer_start(c->t->loop, &c->timer, c->t->cfg.head_timeout, on_timeout); /* the body has the same time as the head had */
    if (!r->expects_continue || r->body.n) return;
    hub_buf_addz(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    hub_conn_due(c);
}

static void route(struct hub_conn *c) {
    struct hub_http_req *r = c->req;
    on_head(c);
    c->answering = true;
    hub_http_rearm(c);
    if (hub_http_method(r) == HUB_HTTP_OPTIONS)
        hub_cors_preflight(r);
    else if (hub_eio_is_path(r))
        hub_eio_route(r);
    else
        c->t->ops->http(c->t->ctx, r);
}

static void begin(struct hub_conn *c) {
    c->req = hub_http_req_new((size_t)c->t->cfg.max_payload);
    c->req->conn = c;
    hub_conn_peer(c, c->req->peer);
    hub_timer_start(c->t->loop, &c->timer, c->t->cfg.head_timeout, on_timeout);
}

/* Takes requests off the input until one has to wait for its answer; then the rest is kept. */
static void feed(struct hub_conn *c, char *p, size_t n) {
    while (n && c->mode == HUB_CONN_HTTP && !c->answering && !c->finish && hub_conn_unsent(c) <= HUB_MAX_OUT) {
        size_t used = 0;
        if (!c->req) begin(c);
        switch (hub_http_feed(c->req, p, n, &used)) {
        case HUB_HTTP_MORE: on_half(c); return;
        case HUB_HTTP_BAD: answer_bad(c, c->req->status, bad_text(c->req)); return;
        case HUB_HTTP_WHOLE: break;
        }
        p += used, n -= used;
        route(c);
    }
    if (!n) return;
    if (c->mode == HUB_CONN_WS || c->mode == HUB_CONN_PROBE)
        hub_ws_input(c, p, n);
    else if (c->mode == HUB_CONN_HTTP && !c->finish)
        hub_buf_add(&c->rest, p, n);
}

void hub_http_input(struct hub_conn *c, char *p, size_t n) {
    if (c->finish) return;
    if (c->answering || c->rest.n)
        hub_buf_add(&c->rest, p, n);
    else
        feed(c, p, n);
}

void hub_http_go_on(struct hub_conn *c) {
    struct hub_buf b = c->rest;
    c->rest = (struct hub_buf){0};
    feed(c, b.p, b.n);
    hub_buf_free(&b);
    if (c->eof && c->mode == HUB_CONN_HTTP && !c->answering && !c->rest.n) hub_conn_finish(c, 0);
}

/* ---- ends ---- */

bool hub_http_gone(const struct hub_http_req *r) { return !r->conn || r->conn->eof; }

/* The peer sends no more. It may still read: an answer that is due is given first. */
void hub_http_eof(struct hub_conn *c) {
    bool held = c->answering && c->req->eio;
    if (held || (!c->answering && !c->rest.n && !hub_conn_unsent(c)))
        hub_conn_kill(c, HUB_CLOSE_TRANSPORT);
    else if (!c->answering && !c->rest.n)
        hub_conn_finish(c, 0);
}

void hub_http_forget(struct hub_conn *c) {
    struct hub_http_req *r = c->req;
    if (!r) return;
    bool is_above = c->answering && !r->eio;
    c->req = NULL;
    if (r->eio) hub_polling_forget(r);
    if (is_above)
        r->conn = NULL; /* the layer above answers it some day and thereby frees it */
    else
        hub_http_req_free(r);
}
