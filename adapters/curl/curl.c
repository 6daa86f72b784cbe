/* libcurl's multi interface on the loop: its sockets are watches, its timer is a timer. libcurl is never
 * entered from its own callbacks. */
#include "adapters/curl/curl.h"

#include <stdlib.h>

#include "adapters/curl/curl_int.h"

#define REQUESTS_MAX 64
#define CONNECTIONS_KEPT 16

struct hub_curl {
    struct hub_loop *loop;
    CURLM *multi;
    struct hub_timer timer;
    struct hub_list requests;
    size_t request_n;
};

/* One descriptor of libcurl's; attached to it with curl_multi_assign. */
struct socket_watch {
    struct hub_curl *curl;
    curl_socket_t fd;
    struct hub_watch *watch;
};

/* ---- what has ended ---- */

static void end_request(struct hub_curl_request *r, CURLcode code) {
    struct hub_curl *c = r->curl;
    curl_multi_remove_handle(c->multi, r->easy);
    hub_list_remove(&r->link);
    c->request_n--;
    hub_curl_finish(r, code);
}

static void end_finished(struct hub_curl *c) {
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));) {
        struct hub_curl_request *r = NULL;
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&r);
        end_request(r, code);
    }
}

/* ---- the loop ---- */

static void on_timer(struct hub_timer *t) {
    struct hub_curl *c = HUB_CONTAINER(t, struct hub_curl, timer);
    int running;
    long left = -1;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    end_finished(c);
    /* libcurl goes by the system's clock. Where the loop's was turned it is too early there, and libcurl
     * does not ask again for a time that it has asked for. */
    if (!hub_timer_running(t) && curl_multi_timeout(c->multi, &left) == CURLM_OK && left >= 0)
        hub_timer_start(c->loop, t, left, on_timer);
}

static int set_timer(CURLM *multi, long ms, void *arg) {
    struct hub_curl *c = arg;
    (void)multi;
    if (ms < 0)
        hub_timer_stop(c->loop, &c->timer);
    else
        hub_timer_start(c->loop, &c->timer, ms, on_timer);
    return 0;
}

static void on_ready(void *arg, int events) {
    struct socket_watch *w = arg;
    struct hub_curl *c = w->curl;
    int running, mask = (events & HUB_READABLE ? CURL_CSELECT_IN : 0) | (events & HUB_WRITABLE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(c->multi, w->fd, mask, &running); /* W may be gone afterwards */
    end_finished(c);
}

static void unwatch_socket(struct socket_watch *w) {
    if (!w) return;
    hub_watch_close(w->curl->loop, w->watch);
    free(w);
}

static struct socket_watch *watch_socket(struct hub_curl *c, curl_socket_t fd) {
    struct socket_watch *w = hub_xcalloc(1, sizeof *w);
    *w = (struct socket_watch){.curl = c, .fd = fd};
    w->watch = hub_watch_new(c->loop, fd, on_ready, w);
    if (w->watch) return w;
    free(w);
    return NULL;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *attached) {
    struct hub_curl *c = arg;
    struct socket_watch *w = attached;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        unwatch_socket(w);
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    if (!w) {
        w = watch_socket(c, fd);
        if (!w) return -1; /* the transfer ends by its timeout */
        curl_multi_assign(c->multi, fd, w);
    }
    hub_watch_set(c->loop, w->watch,
                  (what & CURL_POLL_IN ? HUB_READABLE : 0) | (what & CURL_POLL_OUT ? HUB_WRITABLE : 0));
    return 0;
}

/* ---- the functions of scripts ---- */

static void run_request(struct hub_curl *c, struct hub_curl_request *r) {
    curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
    hub_list_push(&c->requests, &r->link);
    c->request_n++;
    curl_multi_add_handle(c->multi, r->easy);
}

static void start_request(struct hub_curl *c, struct hub_host_call *call, const json_t *args) {
    struct hub_curl_request *r = hub_xcalloc(1, sizeof *r);
    struct hub_err err;
    *r = (struct hub_curl_request){.curl = c, .call = call};
    if (c->request_n >= REQUESTS_MAX)
        hub_curl_refuse(r, HUB_OVERLOADED, "http: 64 requests are under way already");
    else if (hub_curl_prepare(r, args, &err))
        hub_curl_refuse(r, err.code, err.text);
    else
        run_request(c, r);
}

static void http_request(void *ctx, struct hub_host_call *call) {
    start_request(ctx, call, json_array_get(call->args, 0));
}

/* get(url, opts) is request{url, headers, timeoutMs}. */
static void http_get(void *ctx, struct hub_host_call *call) {
    json_t *opts = json_array_get(call->args, 1), *args = json_is_object(opts) ? json_copy(opts) : json_object();
    if (!hub_json_nil(opts) && !json_is_object(opts)) {
        call->done(call, HUB_BAD_REQUEST, NULL, "http.get(url, opts): opts is a table {headers, timeoutMs}");
    } else {
        json_object_set(args, "url", json_array_get(call->args, 0));
        start_request(ctx, call, args);
    }
    json_decref(args);
}

const struct hub_host_fn hub_curl_host_fns[] = {
    {"http", "get", http_get}, {"http", "request", http_request}, {NULL, NULL, NULL}};

/* ---- the engine's own fetches ---- */

struct own_call {
    struct hub_host_call call;
    struct hub_fetch *fetch;
};

static void on_fetched(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text) {
    struct own_call *own = HUB_CONTAINER(call, struct own_call, call);
    const json_t *body = hub_json_get(result, "body");
    const struct hub_fetched answer = {hub_json_str(body),
                                       hub_json_get_str(hub_json_get(result, "headers"), "cache-control")};
    int64_t status = hub_json_get_int(result, "status", 0);
    struct hub_err err;
    if (code)
        own->fetch->done(own->fetch, NULL, text ? text : hub_code_text(code));
    else if (status != 200)
        hub_err_set(&err, HUB_INTERNAL, "http: the answer has status %lld", (long long)status),
            own->fetch->done(own->fetch, NULL, err.text);
    else
        own->fetch->done(own->fetch, &answer, NULL);
    json_decref(result);
    json_decref(own->call.args);
    free(own);
}

void hub_curl_fetch(void *ctx, struct hub_fetch *f) {
    struct hub_curl *c = ctx;
    struct own_call *own = hub_xcalloc(1, sizeof *own);
    struct hub_curl_request *r = hub_xcalloc(1, sizeof *r);
    struct hub_err err;
    *own = (struct own_call){.call = {.args = json_object(), .done = on_fetched}, .fetch = f};
    *r = (struct hub_curl_request){.curl = c, .call = &own->call};
    json_object_set_new(own->call.args, "url", json_string(f->url));
    json_object_set_new(own->call.args, "timeoutMs", json_integer(f->timeout_ms));
    if (hub_curl_prepare(r, own->call.args, &err)) {
        hub_curl_refuse(r, err.code, err.text);
        return;
    }
    if (hub_str_starts(hub_cstr(f->url), HUB_STR("http:"))) curl_easy_setopt(r->easy, CURLOPT_PROXY, "");
    run_request(c, r);
}

/* ---- life ---- */

enum hub_code hub_curl_new(struct hub_loop *loop, struct hub_curl **out, struct hub_err *err) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT)) return hub_fail(err, HUB_INTERNAL, "libcurl cannot be set up");
    struct hub_curl *c = hub_xcalloc(1, sizeof *c);
    c->loop = loop;
    hub_list_init(&c->requests);
    c->multi = curl_multi_init();
    if (!c->multi) {
        free(c);
        curl_global_cleanup();
        return hub_fail(err, HUB_INTERNAL, "libcurl cannot be set up");
    }
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    *out = c;
    return HUB_OK;
}

void hub_curl_delete(struct hub_curl *c) {
    while (!hub_list_empty(&c->requests)) {
        struct hub_curl_request *r = HUB_CONTAINER(c->requests.next, struct hub_curl_request, link);
        curl_multi_remove_handle(c->multi, r->easy);
        hub_list_remove(&r->link);
        hub_curl_refuse(r, HUB_SHUTTING_DOWN, NULL);
    }
    curl_multi_cleanup(c->multi); /* gives the watches of kept connections back */
    hub_timer_stop(c->loop, &c->timer);
    curl_global_cleanup();
    free(c);
}
