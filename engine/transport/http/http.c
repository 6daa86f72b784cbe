/* HTTP/1.1 on a connection: one request at a time is read, routed and answered; what a client pipelines
 * behind it waits. */
#include <http_parser.h>
#include <stdio.h>
#include <time.h>

#include "base/json/json.h"
#include "base/telemetry/log.h"
#include "base/time/clock.h"
#include "transport/transport_int.h"

static struct hub_metric requests[] = {
    HUB_METRIC(HUB_COUNTER, "hubd_http_requests_total", "status=\"1xx\"", "HTTP responses by status class"),
    HUB_METRIC(HUB_COUNTER, "hubd_http_requests_total", "status=\"2xx\"", "HTTP responses by status class"),
    HUB_METRIC(HUB_COUNTER, "hubd_http_requests_total", "status=\"3xx\"", "HTTP responses by status class"),
    HUB_METRIC(HUB_COUNTER, "hubd_http_requests_total", "status=\"4xx\"", "HTTP responses by status class"),
    HUB_METRIC(HUB_COUNTER, "hubd_http_requests_total", "status=\"5xx\"", "HTTP responses by status class"),
};

/* ---- time limits ---- */

static void answer_bad(struct hub_link *c, int status, const char *message);

/* Somebody was too slow: in sending a request, in taking an answer, or in sending the next request. */
static void on_timeout(struct hub_timer *timer) {
    struct hub_link *c = HUB_CONTAINER(timer, struct hub_link_edge, timer)->link;
    bool half_sent = c->req && !c->answering && !c->finish;
    if (half_sent && !c->blocked)
        answer_bad(c, 408, "The request did not arrive in time");
    else
        hub_link_kill(c, HUB_CLOSE_TRANSPORT);
}

void hub_http_rearm(struct hub_link *c) {
    struct hub_transport *t = c->t;
    struct hub_timer *timer = &hub_link_edge(c)->timer;
    if (c->finish && !c->blocked) return;
    if (c->req && c->req->asking) {
        hub_timer_stop(t->loop, timer); /* the layer above has bounds of its own */
    } else if (c->req && !c->answering) {
        if (!hub_timer_running(timer)) hub_timer_await(t->loop, timer, t->cfg.head_timeout, on_timeout);
    } else if (c->answering && !c->blocked) {
        hub_timer_stop(t->loop, timer);
    } else {
        bool idle = c->served && !c->blocked;
        hub_timer_await(t->loop, timer, idle ? t->cfg.idle_timeout : t->cfg.head_timeout, on_timeout);
    }
}

/* ---- answers ---- */

static const char *date_of(struct hub_transport *t) {
    int64_t now = hub_loop_wall(t->loop) / 1000;
    if (now != t->date_second) {
        time_t seconds = (time_t)now;
        struct tm tm;
        t->date_second = now;
        strftime(t->date, sizeof t->date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&seconds, &tm));
    }
    return t->date;
}

int64_t hub_http_wall(const struct hub_http_req *r) { return r->link ? hub_loop_wall(r->link->t->loop) : 0; }

static bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

struct coding {
    bool gzip, varies;
};

static void add_head(struct hub_http_req *r, int status, const char *type, size_t body_n, struct coding coding,
                     const char *headers) {
    struct hub_link *c = r->link;
    struct hub_buf *o = &c->edge->out;
    hub_buf_addf(o, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, http_status_str((enum http_status)status), date_of(c->t));
    if (type) hub_buf_addf(o, "Content-Type: %s\r\n", type);
    if (has_body(status)) hub_buf_addf(o, "Content-Length: %zu\r\n", body_n);
    if (coding.gzip) hub_buf_addz(o, "Content-Encoding: gzip\r\n");
    if (coding.varies) hub_buf_addz(o, "Vary: Accept-Encoding\r\n");
    if (r->keep_alive)
        hub_buf_addf(o, "Connection: keep-alive\r\nKeep-Alive: timeout=%lld\r\n",
                     (long long)(c->t->cfg.idle_timeout / 1000));
    else
        hub_buf_addz(o, "Connection: close\r\n");
    hub_cors_add(r, o);
    if (headers) hub_buf_addz(o, headers);
    hub_buf_addz(o, "\r\n");
}

static void add_answer(struct hub_http_req *r, int status, const char *type, struct hub_str body, const char *headers) {
    struct coding coding = {0};
    coding.gzip = has_body(status) && hub_http_gzip(r, type, headers, &body, &coding.varies);
    add_head(r, status, type, body.n, coding, headers);
    if (has_body(status) && hub_http_method(r) != HUB_HTTP_HEAD) hub_buf_adds(&r->link->edge->out, body);
}

void hub_http_leave_session(struct hub_http_req *r) {
    struct hub_eio *e = r->eio;
    if (!e) return;
    if (e->poll == r) e->poll = NULL;
    if (e->post == r) e->post = NULL;
    r->eio = NULL;
}

void hub_http_reply(struct hub_http_req *r, int status, const char *type, struct hub_str body, const char *headers) {
    struct hub_link *c = r->link;
    hub_http_leave_session(r);
    if (!c) {
        hub_http_req_free(r);
        return;
    }
    if (c->t->draining || (c->eof && !c->edge->rest.n)) r->keep_alive = false;
    hub_transport_make_room(c->t, body.n);
    if (!c->doomed) add_answer(r, status, type, body, headers);
    hub_metric_add(&requests[status >= 100 && status < 600 ? status / 100 - 1 : 4], 1);
    bool keep_alive = r->keep_alive;
    c->req = NULL;
    c->answering = false;
    c->served = true;
    hub_link_leave(c);
    hub_http_req_free(r);
    hub_link_count(c);
    if (!keep_alive) hub_link_finish(c, 0);
    hub_http_rearm(c);
    hub_link_due(c);
    if (c->edge->rest.n || c->reread) hub_link_busy(c);
}

static enum hub_code code_of(int status) {
    switch (status) {
    case 403: return HUB_NOT_ALLOWED;
    case 404: return HUB_NOT_FOUND;
    case 413: return HUB_TOO_LARGE;
    case 429: return HUB_RATE_LIMITED;
    case 503: return HUB_OVERLOADED;
    default: return HUB_BAD_REQUEST;
    }
}

static const char *headers_of(int status) {
    switch (status) {
    case 405: return "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
    case 426: return "Sec-WebSocket-Version: 13\r\n";
    case 429:
    case 503: return "Retry-After: 1\r\n";
    default: return "";
    }
}

void hub_http_fail(struct hub_http_req *r, int status, const char *message) {
    char date[HUB_ISO_LEN + 1];
    struct hub_buf b = {0};
    enum hub_code code = code_of(status);
    hub_iso_format(hub_http_wall(r), date);
    hub_buf_addf(&b, "{\"result\":\"ERR\",\"status\":%d,\"message\":", status);
    hub_json_add_string(&b, hub_cstr(message));
    hub_buf_addf(&b, ",\"errCode\":\"%s\",\"date\":\"%s\",\"detail\":{}}", hub_code_name(code), date);
    hub_http_reply(r, status, "application/json; charset=utf-8", hub_buf_str(&b), headers_of(status));
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
static void answer_bad(struct hub_link *c, int status, const char *message) {
    struct hub_http_req *r = c->req;
    char peer[46], text[16];
    hub_link_peer(c, peer);
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
    struct hub_str base = r->link->t->base, path = hub_str(r->head.p + r->path, r->path_n);
    if (!base.n || !hub_str_starts(path, base)) return;
    if (path.n == base.n || path.p[base.n] == '/') r->base_n = base.n;
}

/* The last answer of a connection whose request is not read to its end. */
static struct hub_http_req *cut_short(struct hub_link *c) {
    c->req->keep_alive = false;
    c->answering = true;
    return c->req;
}

void hub_http_give_way(struct hub_link *c, int status) {
    if (c->req && !c->answering && !c->finish) {
        hub_pending_refuse(cut_short(c), status);
        return;
    }
    hub_pending_count_refusal(c->t, status, NULL); /* TLS that has not come to a request */
    hub_link_kill(c, HUB_CLOSE_TRANSPORT);
}

/* ---- what it holds ---- */

/* Of whom nobody has vouched for is counted by pending.c. */
static void hold_request(struct hub_link *c) {
    struct hub_http_req *r = c->req;
    if (r->vouched) hub_held_set(c->t, &r->held, HUB_HELD_REQUEST, r, r->head.cap + r->body.cap, !c->answering);
}

void hub_http_overload(struct hub_http_req *r) {
    struct hub_link *c = r->link;
    struct hub_eio *e = r->eio;
    cut_short(c);
    hub_http_fail(r, 503, "Too much is being received; try again in a moment");
    if (e) hub_eio_overload(e);
}

void hub_http_drop_body(struct hub_http_req *r) {
    hub_buf_free(&r->body);
    if (r->vouched && r->link) hold_request(r->link);
}

/* Once per request, as soon as the head is known. False when it was answered: by a page of elsewhere, or
 * one too many. */
static bool on_request_head(struct hub_link *c, bool whole) {
    struct hub_http_req *r = c->req;
    struct hub_ip client;
    if (r->routed) return true;
    if (c->t->cfg.group && hub_eio_is_path(r) && hub_eio_moves(r, whole)) return false;
    r->routed = true;
    int status = hub_forwarded_read(r, &client) ? hub_link_enter_for(c, &client) : 0;
    strip_base(r);
    hub_site_judge(r);
    bool refused = hub_site_is_refused(r) || !hub_site_names_us(r);
    if (status || refused) {
        if (!whole) cut_short(c);
        c->answering = true;
        status ? hub_pending_refuse(r, status) : hub_site_refuse(r);
        return false;
    }
    if (hub_eio_is_path(r)) hub_eio_route_head(r);
    return true;
}

static void invite_body(struct hub_link *c) {
    struct hub_http_req *r = c->req;
    hub_timer_await(c->t->loop, &c->edge->timer, c->t->cfg.head_timeout,
                    on_timeout); /* the body has the same time as the head had */
    if (!r->expects_continue || r->body.n) return;
    hub_buf_addz(&c->edge->out, "HTTP/1.1 100 Continue\r\n\r\n");
    hub_link_due(c);
}

/* So large that the layer above has to know who sends it. */
static bool wants_voucher(const struct hub_http_req *r) {
    bool large = r->body_n ? r->body_n > HUB_PENDING_BYTES : r->body.n > HUB_READ_PENDING;
    return large && !r->vouched && !r->asking;
}

/* Nothing more is read until that is answered. */
static void ask_for_voucher(struct hub_link *c) {
    struct hub_http_req *r = c->req;
    r->asking = true;
    hub_link_arrived(c);
    hub_http_rearm(c);
    if (c->t->ops->admit)
        c->t->ops->admit(c->t->ctx, r);
    else
        hub_http_vouch(r);
}

void hub_http_vouch(struct hub_http_req *r) {
    struct hub_link *c = r->link;
    bool asked = r->asking;
    r->asking = false;
    r->vouched = true;
    if (c) hub_link_leave(c);
    if (!asked) return;
    if (!c) { /* the peer has gone: nobody else has it any more */
        hub_http_req_free(r);
        return;
    }
    invite_body(c);
    hub_link_busy(c);
}

static bool body_length_is_known(const struct hub_http_req *r) {
    return !(r->parser.flags & F_CHUNKED) && r->parser.content_length != UINT64_MAX;
}

static void on_half(struct hub_link *c) {
    struct hub_http_req *r = c->req;
    if (!r->head_done) return;
    bool first = !r->routed;
    if (first && body_length_is_known(r)) r->body_n = r->body.n + (size_t)r->parser.content_length;
    if (!on_request_head(c, false)) return;
    if (r->eio || hub_eio_is_path(r)) {
        if (r->body_n > r->max_body || r->body.n > r->max_body) r->status = 413, answer_bad(c, 413, bad_text(r));
        if (c->req == r && first) invite_body(c);
    } else if (wants_voucher(r)) {
        ask_for_voucher(c);
    } else if (first) {
        invite_body(c);
    }
    if (c->req == r && !r->asking) hold_request(c);
}

static void route_request(struct hub_link *c) {
    struct hub_http_req *r = c->req;
    if (!on_request_head(c, true)) return;
    c->answering = true;
    hub_link_arrived(c);
    hub_http_rearm(c);
    hold_request(c);
    if (hub_http_method(r) == HUB_HTTP_OPTIONS)
        hub_cors_preflight(r);
    else if (hub_eio_is_path(r))
        hub_eio_route(r);
    else
        c->t->ops->http(c->t->ctx, r);
}

/* False when it was refused, or has to end itself: too much is being read already. */
static bool begin_request(struct hub_link *c) {
    c->req = hub_http_req_new((size_t)c->t->cfg.max_payload);
    c->req->link = c;
    hub_link_peer(c, c->req->peer);
    hub_timer_await(c->t->loop, &c->edge->timer, c->t->cfg.head_timeout, on_timeout);
    int status = hub_link_enter(c);
    if (status) hub_pending_refuse(cut_short(c), status);
    return !status && !c->doomed;
}

static bool takes_request(const struct hub_link *c) {
    if (c->mode != HUB_LINK_HTTP || c->answering || c->finish || c->doomed || c->edge->moves) return false;
    return hub_link_unsent(c) <= HUB_MAX_OUT && !(c->req && c->req->asking);
}

/* Takes requests off the input until one has to wait for its answer or, behind the first, for others to
 * have their turn; then the rest is kept. */
static void feed_parser(struct hub_link *c, char *p, size_t n) {
    for (bool first = true; n && takes_request(c) && (first || hub_transport_may_go_on(c->t)); first = false) {
        size_t used = 0;
        if (!c->req && !begin_request(c)) return;
        switch (hub_http_feed(c->req, p, n, &used)) {
        case HUB_HTTP_MORE: on_half(c); return;
        case HUB_HTTP_BAD: answer_bad(c, c->req->status, bad_text(c->req)); return;
        case HUB_HTTP_WHOLE: break;
        }
        p += used, n -= used;
        route_request(c);
    }
    if (!n) return;
    if (c->mode == HUB_LINK_WS || c->mode == HUB_LINK_PROBE)
        hub_ws_input(c, p, n);
    else if (c->mode == HUB_LINK_HTTP && !c->finish && !c->doomed)
        hub_buf_add(&c->edge->rest, p, n);
    if (takes_request(c)) hub_link_busy(c);
}

void hub_http_input(struct hub_link *c, char *p, size_t n) {
    if (c->finish || c->doomed) return;
    if (c->answering || c->edge->rest.n) /* while it is asked for a voucher, feed_parser keeps it */
        hub_buf_add(&c->edge->rest, p, n);
    else
        feed_parser(c, p, n);
}

void hub_http_go_on(struct hub_link *c) {
    if (!takes_request(c)) return; /* whoever is waited for makes it busy again */
    struct hub_buf b = c->edge->rest;
    c->edge->rest = (struct hub_buf){0};
    feed_parser(c, b.p, b.n);
    hub_buf_free(&b);
    if (c->eof && c->mode == HUB_LINK_HTTP && !c->answering && !c->edge->rest.n) hub_link_finish(c, 0);
}

void hub_http_arrive(struct hub_link *c) {
    struct hub_buf behind = c->edge->rest;
    c->edge->rest = (struct hub_buf){0};
    hub_timer_await(c->t->loop, &c->edge->timer, c->t->cfg.head_timeout, on_timeout);
    int status = hub_link_enter(c);
    if (status)
        hub_pending_refuse(cut_short(c), status);
    else if (c->edge->moves_whole)
        route_request(c);
    else
        on_half(c);
    feed_parser(c, behind.p, behind.n);
    hub_buf_free(&behind);
}

/* ---- ends ---- */

bool hub_http_gone(const struct hub_http_req *r) { return !r->link || r->link->eof; }

/* The peer sends no more. It may still read: an answer that is due is given first. */
void hub_http_eof(struct hub_link *c) {
    bool held = c->answering && c->req->eio;
    if (held || (!c->answering && !c->edge->rest.n && !hub_link_unsent(c)))
        hub_link_kill(c, HUB_CLOSE_TRANSPORT);
    else if (!c->answering && !c->edge->rest.n)
        hub_link_finish(c, 0);
}

void hub_http_forget(struct hub_link *c) {
    struct hub_http_req *r = c->req;
    if (!r) return;
    bool is_above = r->asking || (c->answering && !r->eio);
    c->req = NULL;
    if (r->eio) hub_polling_forget(r);
    if (is_above)
        r->link = NULL; /* the layer above answers it some day and thereby frees it */
    else
        hub_http_req_free(r);
}
