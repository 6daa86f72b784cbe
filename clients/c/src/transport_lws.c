/* libwebsockets 4.1 as a client. What it forces:
 * - its log is of the process, and talks at every context: it is switched off if nobody has set it;
 * - the time to wait that lws_service() takes is ignored: a timer of ours ends the wait;
 * - in a foreign loop a timer that is set outside of its callbacks is not armed: lws_cancel_service() has it
 * look;
 * - a message is given in pieces, and has no bound: we gather, and count;
 * - lws_write() while something is partly written corrupts the stream: we have a queue, and wait;
 * - one call sends at most tx_packet_size at once;
 * - its permessage-deflate hands over what a server did not compress twice: it is not offered;
 * - it takes its proxy from http_proxy without a look at no_proxy: we look, and name it. */
#include "transport_lws.h"

#include <dlfcn.h>
#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"
#include "url.h"

enum { RX_BYTES = 16384, PACES = 12, LINGER_MS = 1000, TURNS_MOST = 100 };

struct outgoing {
    struct outgoing *next;
    size_t len;
    bool binary;
    unsigned char bytes[]; /* LWS_PRE, then the message */
};

struct lws_transport {
    struct hubc_transport base;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct lws *wsi; /* NULL: no line, or one that is let go */
    struct hubc_url url;
    bool established, failed, foreign;
    void *loop;
    int loop_kind;
    struct hubc_buf incoming;
    struct outgoing *first, *last;
    size_t unsent;
    lws_sorted_usec_list_t alarm, turn_end, failure;
    char why[96];
};

static struct lws_transport *lws_of(struct hubc_transport *t) { return (struct lws_transport *)t; }

static void look_at_timers(struct lws_transport *t) {
    if (t->foreign) lws_cancel_service(t->context);
}

static void drop_outgoing(struct lws_transport *t) {
    while (t->first) {
        struct outgoing *o = t->first;
        t->first = o->next;
        free(o);
    }
    t->last = NULL;
    t->unsent = 0;
}

static void forget_line(struct lws_transport *t) {
    t->wsi = NULL;
    t->established = false;
    hubc_buf_free(&t->incoming);
    drop_outgoing(t);
}

static void line_gone(struct lws_transport *t, const char *why) {
    forget_line(t);
    t->base.events->closed(t->base.owner, why && *why ? why : "the connection was closed");
}

/* ---- what libwebsockets tells ---- */

static int on_piece(struct lws_transport *t, struct lws *wsi, const void *piece, size_t n) {
    if (t->incoming.len + n > HUBC_MESSAGE_MAX) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
        return -1;
    }
    hubc_buf_add(&t->incoming, piece, n);
    if (lws_remaining_packet_payload(wsi) || !lws_is_final_fragment(wsi)) return 0;
    struct hubc_buf whole = t->incoming;
    t->incoming = (struct hubc_buf){0};
    t->base.events->message(t->base.owner, whole.at, whole.len, lws_frame_is_binary(wsi));
    hubc_buf_free(&whole);
    return t->wsi == wsi ? 0 : -1; /* -1: it was let go meanwhile */
}

static int write_first(struct lws_transport *t, struct lws *wsi) {
    struct outgoing *o = t->first;
    t->first = o->next;
    if (!t->first) t->last = NULL;
    t->unsent -= o->len;
    int n = lws_write(wsi, o->bytes + LWS_PRE, o->len, o->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
    free(o);
    return n;
}

static int on_writable(struct lws_transport *t, struct lws *wsi) {
    while (t->first) {
        if (lws_partial_buffered(wsi) || lws_send_pipe_choked(wsi)) break;
        if (write_first(t, wsi) < 0) return -1;
    }
    if (t->first) lws_callback_on_writable(wsi);
    return 0;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n) {
    (void)user;
    struct lws_transport *t = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    if (!t) return 0;
    if (reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR && !t->wsi) { /* inside of lws_client_connect_via_info() */
        snprintf(t->why, sizeof t->why, "%.*s", in ? (int)n : 0, in ? (const char *)in : "");
        t->failed = true;
        return 0;
    }
    if (t->wsi != wsi) return reason == LWS_CALLBACK_CLIENT_WRITEABLE || reason == LWS_CALLBACK_CLIENT_RECEIVE ? -1 : 0;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        t->established = true;
        if (t->first) lws_callback_on_writable(wsi);
        t->base.events->opened(t->base.owner);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE: return on_piece(t, wsi, in, n);
    case LWS_CALLBACK_CLIENT_WRITEABLE: return on_writable(t, wsi);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: {
        char why[96];
        snprintf(why, sizeof why, "%.*s", in ? (int)n : 0, in ? (const char *)in : "");
        line_gone(t, why);
        return 0;
    }
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY: /* the only one, of some that were ended on their way */
        line_gone(t, NULL);
        return 0;
    default: return 0;
    }
}

/* ---- the table ---- */

static void on_failure(lws_sorted_usec_list_t *sul) {
    struct lws_transport *t = lws_container_of(sul, struct lws_transport, failure);
    line_gone(t, t->why);
}

static void fail_soon(struct lws_transport *t) {
    lws_sul_schedule(t->context, 0, &t->failure, on_failure, 1);
    look_at_timers(t);
}

static void line_open(struct hubc_transport *base) {
    static const lws_retry_bo_t no_pings = {0}; /* Engine.IO has its own */
    struct lws_transport *t = lws_of(base);
    forget_line(t);
    snprintf(t->why, sizeof t->why, "no connection to %s", t->url.authority);
    struct lws_client_connect_info info = {.context = t->context, .vhost = t->vhost};
    info.address = t->url.host;
    info.port = t->url.port;
    info.path = t->url.path;
    info.host = t->url.authority; /* and no origin: that is for pages */
    info.ssl_connection = t->url.tls ? LCCSCF_USE_SSL : 0;
    info.alpn = "http/1.1"; /* WebSocket over HTTP/2 is not for servers of Socket.IO */
    info.local_protocol_name = "hubd";
    info.opaque_user_data = t;
    info.retry_and_idle_policy = &no_pings;
    t->failed = false;
    struct lws *wsi = lws_client_connect_via_info(&info);
    t->wsi = t->failed ? NULL : wsi; /* one that failed at once may be given nevertheless, and is freed */
    if (!t->wsi) fail_soon(t);
    look_at_timers(t);
}

static bool line_has_room(struct hubc_transport *base, size_t n) {
    const struct lws_transport *t = lws_of(base);
    return t->wsi && n <= HUBC_UNSENT_MAX - t->unsent;
}

static bool line_send(struct hubc_transport *base, const void *data, size_t len, bool binary) {
    struct lws_transport *t = lws_of(base);
    if (!line_has_room(base, len)) return false;
    struct outgoing *o = hubc_alloc(sizeof *o + LWS_PRE + len);
    o->len = len;
    o->binary = binary;
    if (len) memcpy(o->bytes + LWS_PRE, data, len);
    if (t->last)
        t->last->next = o;
    else
        t->first = o;
    t->last = o;
    t->unsent += len;
    if (t->established) lws_callback_on_writable(t->wsi);
    return true;
}

/* What waits to be written leaves now, if it can; the rest is not missed. */
static void line_let_go(struct hubc_transport *base) {
    struct lws_transport *t = lws_of(base);
    struct lws *wsi = t->wsi;
    lws_sul_cancel(&t->failure);
    if (!wsi) return;
    while (t->established && t->first && !lws_partial_buffered(wsi) && !lws_send_pipe_choked(wsi)) {
        if (write_first(t, wsi) < 0) break;
    }
    forget_line(t);
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    look_at_timers(t);
}

static int64_t line_now_ms(struct hubc_transport *t) {
    (void)t;
    return (int64_t)(lws_now_usecs() / LWS_US_PER_MS);
}

static void on_alarm(lws_sorted_usec_list_t *sul) {
    struct lws_transport *t = lws_container_of(sul, struct lws_transport, alarm);
    t->base.events->due(t->base.owner);
}

static void line_wake_at(struct hubc_transport *base, int64_t at_ms) {
    struct lws_transport *t = lws_of(base);
    lws_sul_cancel(&t->alarm);
    if (at_ms == INT64_MAX) return;
    int64_t us = at_ms * LWS_US_PER_MS - (int64_t)lws_now_usecs();
    lws_sul_schedule(t->context, 0, &t->alarm, on_alarm, us > 0 ? us : 1);
    look_at_timers(t);
}

static int64_t line_pace_ms(struct hubc_transport *base, unsigned n, int first_ms, int most_ms) {
    struct lws_transport *t = lws_of(base);
    uint32_t paces[PACES];
    int64_t ms = first_ms;
    for (int i = 0; i < PACES; i++, ms *= 2) paces[i] = (uint32_t)(ms < most_ms ? ms : most_ms);
    lws_retry_bo_t policy = {.retry_ms_table = paces, .retry_ms_table_count = PACES, .conceal_count = UINT16_MAX};
    policy.jitter_percent = 50;
    uint16_t tries = (uint16_t)(n < PACES ? n : PACES);
    return lws_retry_get_delay_ms(t->context, &policy, &tries, NULL);
}

static void on_turn_end(lws_sorted_usec_list_t *sul) { (void)sul; /* it has ended the wait */ }

static void line_turn(struct hubc_transport *base, int timeout_ms) {
    struct lws_transport *t = lws_of(base);
    if (t->foreign) return;
    if (timeout_ms > 0) lws_sul_schedule(t->context, 0, &t->turn_end, on_turn_end, (int64_t)timeout_ms * LWS_US_PER_MS);
    lws_service(t->context, timeout_ms ? 0 : -1);
    lws_sul_cancel(&t->turn_end);
}

/* ---- foreign loops ---- */

/* The program has the loop, so it has its library; we need not link it. FN is a pointer to a pointer to a
 * function, which is NULL afterwards when there is none of that name. */
static void find_function(const char *name, void *fn) {
    void *found = dlsym(RTLD_DEFAULT, name);
    memcpy(fn, &found, sizeof found);
}

/* Turns the loop once without waiting. */
static void turn_foreign(const struct lws_transport *t) {
    int (*run)(void *, int);
    void *(*context_of)(void *);
    if (t->loop_kind == LWS_SERVER_OPTION_LIBUV) {
        find_function("uv_run", &run);
        if (run) run(t->loop, 2 /* UV_RUN_NOWAIT */);
    } else if (t->loop_kind == LWS_SERVER_OPTION_LIBEV) {
        find_function("ev_run", &run);
        if (run) run(t->loop, 1 /* EVRUN_NOWAIT */);
    } else {
        find_function("g_main_context_iteration", &run);
        find_function("g_main_loop_get_context", &context_of);
        if (run && context_of) run(context_of(t->loop), 0);
    }
}

/* The handles of libwebsockets are closed by turns of the loop; its second call frees what is left, and
 * must not come before. */
static void end_foreign(struct lws_transport *t) {
    lws_context_destroy(t->context);
    for (int i = 0; i < TURNS_MOST && t->context; i++) turn_foreign(t);
    if (t->context) lws_context_destroy(t->context);
}

static void line_free(struct hubc_transport *base) {
    struct lws_transport *t = lws_of(base);
    line_let_go(base);
    lws_sul_cancel(&t->alarm);
    if (t->foreign)
        end_foreign(t);
    else
        lws_context_destroy(t->context);
    hubc_url_free(&t->url);
    free(t);
}

/* The option of libwebsockets for a kind of loop, and its plugin; 0: there is none. */
static uint64_t option_of(int kind, const char **plugin) {
    if (kind == LWS_SERVER_OPTION_LIBUV) return *plugin = "libwebsockets-evlib_uv.so", LWS_SERVER_OPTION_LIBUV;
    if (kind == LWS_SERVER_OPTION_LIBEV) return *plugin = "libwebsockets-evlib_ev.so", LWS_SERVER_OPTION_LIBEV;
    if (kind == HUBD_LOOP_GLIB) return *plugin = "libwebsockets-evlib_glib.so", LWS_SERVER_OPTION_GLIB;
    return 0;
}

/* The plugin is never unloaded: callbacks of its handles may still be due when libwebsockets lets go of
 * it. */
static bool join_loop(struct lws_transport *t, const struct hubd_client_options *options,
                      struct lws_context_creation_info *info) {
    const char *plugin = NULL;
    if (!options->foreign_loop && !options->foreign_kind) return true;
    uint64_t option = option_of(options->foreign_kind, &plugin);
    if (!option || !options->foreign_loop) return errno = EINVAL, false;
    if (!dlopen(plugin, RTLD_NOW | RTLD_NODELETE)) return errno = ENOTSUP, false;
    t->foreign = true;
    t->loop = options->foreign_loop;
    t->loop_kind = options->foreign_kind;
    info->options |= option;
    info->foreign_loops = &t->loop;
    return true;
}

static char *proxy_for(const struct hubc_url *url) {
    const char *none = getenv("no_proxy"), *proxy = getenv(url->tls ? "https_proxy" : "http_proxy");
    if (!none) none = getenv("NO_PROXY");
    if (!proxy && url->tls) proxy = getenv("HTTPS_PROXY");
    if (!proxy || hubc_url_is_listed(url->host, none)) return NULL;
    return hubc_url_proxy(proxy);
}

static bool make_context(struct lws_transport *t, const struct hubd_client_options *options) {
    static const struct lws_protocols protocols[] = {
        {.name = "hubd", .callback = on_lws, .rx_buffer_size = RX_BYTES, .tx_packet_size = HUBC_UNSENT_MAX},
        {0},
    };
    struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN, .protocols = protocols};
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    info.fd_limit_per_thread = 32; /* else a table for every descriptor that the process may have */
    info.client_ssl_ca_filepath = options->ca_file;
    info.pcontext = &t->context;
    info.gid = info.uid = -1;
    if (!join_loop(t, options, &info)) return false;
    char *proxy = proxy_for(&t->url);
    info.http_proxy_address = proxy ? proxy : ""; /* NULL: it would look into the environment itself */
    if (lwsl_visible(LLL_NOTICE)) lws_set_log_level(0, NULL);
    t->context = lws_create_context(&info);
    if (t->context) t->vhost = lws_create_vhost(t->context, &info);
    free(proxy);
    errno = EIO;
    return t->vhost != NULL;
}

struct hubc_transport *hubc_transport_lws_new(const struct hubd_client_options *options) {
    static const struct hubc_transport_ops ops = {line_open,    line_send,    line_has_room, line_let_go, line_now_ms,
                                                  line_wake_at, line_pace_ms, line_turn,     line_free};
    struct lws_transport *t = hubc_alloc(sizeof *t);
    t->base.ops = &ops;
    t->base.events = NULL;
    if (!hubc_url_parse(&t->url, options->url)) {
        free(t);
        return errno = EINVAL, NULL;
    }
    if (make_context(t, options)) return &t->base;
    int why = errno;
    if (t->context)
        line_free(&t->base);
    else
        hubc_url_free(&t->url), free(t);
    return errno = why, NULL;
}
