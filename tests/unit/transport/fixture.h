/* A transport on a loop thread of its own, serving a small application, and blocking clients for the
 * test's thread. With start_turned the transport's time stands still until the test turns it.
 *
 * The application echoes Engine.IO messages, except:
 *   !close            ends the session from our side
 *   !flood N S F      sends N messages of S bytes that begin with their number, with flags F (HUB_SEND_…)
 *   !quiet            stops echoing
 *   !in               signs in, as a session does that joins a namespace; others have signed in at once,
 *     unless server.strangers is set
 *   !hold N S F       holds the loop until release_loop(), then sends like !flood in the same turn
 * and serves HTTP: /echo gives the body back, /later does so 20 ms later, /never not at all, /big?n=N
 * gives N bytes, /slow holds the loop for 2 ms, /agent gives the User-Agent; anything else is 404. */
#ifndef TRANSPORT_FIXTURE_H
#define TRANSPORT_FIXTURE_H
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "packet/ws.h"
#include "transport/transport.h"
#include "turned_clock.h"

#define PATIENCE 30 /* seconds a client waits before the test fails */

/* ---- the application ---- */

struct server {
    struct hub_loop *loop;
    struct hub_transport *transport;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int opened, closed, big, slow, held, asked; /* big, slow: answers of /big and /slow; asked: large bodies */
    bool released;
    enum hub_close_reason reason; /* of the last closed session */
    bool refuse;                  /* open answers NULL */
    bool strangers;               /* sessions sign in by !in only */
    struct hub_task stop, close_all, seen;
    int turns;                /* of the loop that settle() has waited for */
    bool turned;              /* it goes by turned_clock */
    char last_byte;           /* of the last message, once it was handled: it is valid that long */
    struct hub_buf handshake; /* of the last session: peer|authorization|cookie|query|origin */
};

static struct server server;

struct session {
    struct hub_eio *eio;
    bool quiet;
};

static void note(int *counter) {
    pthread_mutex_lock(&server.lock);
    ++*counter;
    pthread_cond_broadcast(&server.changed);
    pthread_mutex_unlock(&server.lock);
}

static void *app_open(void *ctx, struct hub_eio *eio, const struct hub_handshake *hs) {
    (void)ctx;
    if (server.refuse) return NULL;
    hub_buf_clear(&server.handshake);
    hub_buf_addf(&server.handshake, "%.*s|%.*s|%.*s|%.*s|%.*s", HUB_FMT(hs->peer), HUB_FMT(hs->authorization),
                 HUB_FMT(hs->cookie), HUB_FMT(hs->query), HUB_FMT(hs->origin));
    hub_buf_cstr(&server.handshake);
    struct session *s = hub_xcalloc(1, sizeof *s);
    s->eio = eio;
    if (!server.strangers) hub_eio_signed_in(eio);
    note(&server.opened);
    return s;
}

static void app_send(struct session *s, struct hub_str payload, bool binary, int flags) {
    struct hub_buf b = {0};
    if (!binary) hub_buf_addc(&b, '4');
    hub_buf_adds(&b, payload);
    struct hub_chunk *c = hub_chunk_frame(binary ? HUB_WS_BINARY : HUB_WS_TEXT, hub_buf_str(&b));
    hub_eio_send(s->eio, c, 0, c->n, flags);
    hub_chunk_unref(c);
    hub_buf_free(&b);
}

static void app_flood(struct session *s, struct hub_str text) {
    int count, size, flags;
    char *copy = hub_str_dup(text);
    assert_int_equal(sscanf(copy, "!%*s %d %d %d", &count, &size, &flags), 3);
    free(copy);
    char *payload = hub_xmalloc((size_t)size + 16);
    memset(payload, 'x', (size_t)size);
    for (int i = 0; i < count; i++) {
        snprintf(payload, 16, "%08d", i);
        payload[8] = flags & HUB_SEND_EPHEMERAL ? 'e' : 'm';
        app_send(s, hub_str(payload, (size_t)size), false, flags);
    }
    free(payload);
}

static void app_hold(void) {
    note(&server.held);
    pthread_mutex_lock(&server.lock);
    while (!server.released) pthread_cond_wait(&server.changed, &server.lock);
    server.released = false;
    pthread_mutex_unlock(&server.lock);
}

static inline void release_loop(void) {
    pthread_mutex_lock(&server.lock);
    server.released = true;
    pthread_cond_broadcast(&server.changed);
    pthread_mutex_unlock(&server.lock);
}

static void app_message(void *client, struct hub_str payload, bool binary) {
    struct session *s = client;
    if (hub_str_is(payload, "!close"))
        hub_eio_close(s->eio, HUB_CLOSE_SERVER, 1000, "bye");
    else if (hub_str_is(payload, "!in"))
        hub_eio_signed_in(s->eio), app_send(s, payload, binary, 0);
    else if (hub_str_is(payload, "!quiet"))
        s->quiet = true;
    else if (hub_str_starts(payload, HUB_STR("!flood ")))
        app_flood(s, payload);
    else if (hub_str_starts(payload, HUB_STR("!hold ")))
        app_hold(), app_flood(s, payload);
    else if (!s->quiet)
        app_send(s, payload, binary, 0);
    if (payload.n) server.last_byte = payload.p[payload.n - 1];
}

static void app_closed(void *client, enum hub_close_reason reason) {
    server.reason = reason;
    free(client);
    note(&server.closed);
}

struct later {
    struct hub_timer timer;
    struct hub_http_req *req;
};

static void app_answer_later(struct hub_timer *timer) {
    struct later *l = HUB_CONTAINER(timer, struct later, timer);
    hub_http_reply(l->req, 200, "text/plain", hub_http_body(l->req), "");
    free(l);
}

static struct hub_http_req *app_kept; /* the request of /never */

static void app_big(struct hub_http_req *req) {
    struct hub_buf n = {0}, body = {0};
    hub_query_get(hub_http_query(req), "n", &n);
    size_t size = (size_t)atol(hub_buf_cstr(&n));
    memset(hub_buf_reserve(&body, size), 'b', size);
    body.n = size;
    hub_http_reply(req, 200, "application/octet-stream", hub_buf_str(&body), "X-Big: yes\r\n");
    note(&server.big);
    hub_buf_free(&n);
    hub_buf_free(&body);
}

static void app_slow(struct hub_http_req *req) {
    const struct timespec t = {.tv_nsec = 2000000};
    nanosleep(&t, NULL);
    hub_http_reply(req, 200, "text/plain", HUB_STR("slow"), NULL);
    note(&server.slow);
}

static void app_http(void *ctx, struct hub_http_req *req) {
    (void)ctx;
    struct hub_str path = hub_http_path(req);
    if (hub_str_is(path, "/echo")) {
        hub_http_reply(req, 200, "text/plain", hub_http_body(req), "");
    } else if (hub_str_is(path, "/agent")) {
        hub_http_reply(req, 200, "text/plain", hub_http_header(req, "user-agent"), NULL);
    } else if (hub_str_is(path, "/big")) {
        app_big(req);
    } else if (hub_str_is(path, "/slow")) {
        app_slow(req);
    } else if (hub_str_is(path, "/later")) {
        struct later *l = hub_xcalloc(1, sizeof *l);
        l->req = req;
        hub_timer_start(server.loop, &l->timer, 20, app_answer_later);
    } else if (hub_str_is(path, "/never")) {
        app_kept = req;
    } else {
        hub_http_reply(req, 404, "text/plain", path, "");
    }
}

/* Bodies of more than HUB_PENDING_BYTES: "Authorization: wait" is vouched for 20 ms later, "no" refused,
 * "never" kept. */
static void app_vouch_later(struct hub_timer *timer) {
    struct later *l = HUB_CONTAINER(timer, struct later, timer);
    hub_http_vouch(l->req);
    free(l);
}

static void app_admit(void *ctx, struct hub_http_req *req) {
    (void)ctx;
    struct hub_str who = hub_http_header(req, "authorization");
    note(&server.asked);
    if (hub_str_is(who, "no")) {
        hub_http_reply(req, 401, "text/plain", HUB_STR("no"), "");
    } else if (hub_str_is(who, "wait")) {
        struct later *l = hub_xcalloc(1, sizeof *l);
        l->req = req;
        hub_timer_start(server.loop, &l->timer, 20, app_vouch_later);
    } else if (hub_str_is(who, "never")) {
        app_kept = req;
    } else {
        hub_http_vouch(req);
    }
}

static int64_t app_latency; /* of the last heartbeat that came back */
static void app_heartbeat(void *client, int64_t ms) {
    (void)client;
    app_latency = ms;
}

static const struct hub_transport_ops app_ops = {.open = app_open,
                                                 .message = app_message,
                                                 .closed = app_closed,
                                                 .http = app_http,
                                                 .admit = app_admit,
                                                 .heartbeat = app_heartbeat};

static const struct hub_transport_config app_defaults = {
    .host = "127.0.0.1",
    .base_path = "/messaging-api",
    .max_payload = 100000,
    .ping_interval = 25000,
    .ping_timeout = 20000,
    .max_queue_bytes = 1 << 20,
};

/* ---- starting and stopping ---- */

static void on_stop(struct hub_task *task) {
    (void)task;
    hub_loop_stop(server.loop);
}

static void on_close_all(struct hub_task *task) {
    (void)task;
    hub_transport_stop_listening(server.transport);
    hub_transport_close_all(server.transport);
}

static void on_seen(struct hub_task *task) {
    (void)task;
    note(&server.turns);
}

static void *run_loop(void *arg) {
    hub_loop_run(arg);
    return NULL;
}

static void start_on(struct hub_clock *clock, const struct hub_transport_config *config) {
    struct hub_err err;
    hub_log_setup(HUB_LOG_ERROR, false);
    server = (struct server){
        .stop.run = on_stop, .close_all.run = on_close_all, .seen.run = on_seen, .turned = clock != NULL};
    pthread_mutex_init(&server.lock, NULL);
    pthread_cond_init(&server.changed, NULL);
    server.loop = hub_loop_new(clock);
    if (hub_transport_new(&server.transport, server.loop, config, &app_ops, NULL, &err)) fail_msg("%s", err.text);
    assert_int_equal(pthread_create(&server.thread, NULL, run_loop, server.loop), 0);
}

static void start(const struct hub_transport_config *config) { start_on(NULL, config); }

static inline void start_turned(const struct hub_transport_config *config) {
    hub_clock_init_frozen(&turned_clock, TURNED_WALL_MS);
    start_on(&turned_clock, config);
}

static void stop(void) {
    hub_post(server.loop, &server.stop);
    pthread_join(server.thread, NULL);
    hub_transport_delete(server.transport);
    if (app_kept) hub_http_reply(app_kept, 200, NULL, HUB_STR("too late"), "");
    app_kept = NULL;
    hub_loop_delete(server.loop);
    if (server.turned) hub_clock_deinit(&turned_clock);
    hub_buf_free(&server.handshake);
    assert_int_equal(server.opened, server.closed); /* every opened session was closed exactly once */
}

static inline void wait_for(const int *counter, int count, const char *what) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE;
    pthread_mutex_lock(&server.lock);
    while (*counter < count)
        if (pthread_cond_timedwait(&server.changed, &server.lock, &until))
            fail_msg("only %d of %d %s", *counter, count, what);
    pthread_mutex_unlock(&server.lock);
}

static inline enum hub_close_reason wait_for_closed(int count) {
    wait_for(&server.closed, count, "sessions ended");
    return server.reason;
}

/* The loop has met all that clients have done so far: a turn to take a connection, one to read from it, and
 * one to answer; before them one that may have looked at its descriptors already when it finds the task. */
static inline void settle(void) {
    for (int i = 0; i < 4; i++) {
        int next = server.turns + 1; /* before the task can run; nobody else counts */
        hub_post(server.loop, &server.seen);
        wait_for(&server.turns, next, "turns of the loop");
    }
}

/* After start_turned: what clients have done so far was done MS ago, and whoever waited so long has run. */
static inline void pass(int64_t ms) {
    settle();
    hub_clock_turn(&turned_clock, ms);
    settle();
}

static inline int start_defaults(void **state) {
    (void)state;
    start(&app_defaults);
    return 0;
}

static inline int stop_server(void **state) {
    (void)state;
    stop();
    return 0;
}

/* ---- a client ---- */

struct peer {
    int fd;
    SSL *ssl;
    struct hub_buf in; /* read but not taken yet */
};

static inline void dial_with(struct peer *p) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)hub_transport_port(server.transport))};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval patience = {.tv_sec = PATIENCE};
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int on = 1;
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    assert_int_equal(connect(p->fd, (struct sockaddr *)&a, sizeof a), 0);
}

static inline struct peer dial(void) {
    struct peer p = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    dial_with(&p);
    return p;
}

static inline void hang_up(struct peer *p) {
    if (p->ssl) SSL_free(p->ssl);
    close(p->fd);
    hub_buf_free(&p->in);
}

static inline void put(struct peer *p, const void *bytes, size_t n) {
    for (size_t at = 0; at < n;) {
        ssize_t r = p->ssl ? SSL_write(p->ssl, (const char *)bytes + at, (int)(n - at))
                           : send(p->fd, (const char *)bytes + at, n - at, MSG_NOSIGNAL);
        if (r <= 0) return; /* the server may have closed already; what it said is read by the test */
        at += (size_t)r;
    }
}

static inline void puts_to(struct peer *p, const char *text) { put(p, text, strlen(text)); }

/* Reads some more; false at the end of the stream. A reset counts as the end. */
static inline bool pull(struct peer *p) {
    char *to = hub_buf_reserve(&p->in, 16384);
    ssize_t r = p->ssl ? SSL_read(p->ssl, to, 16384) : recv(p->fd, to, 16384, 0);
    if (r < 0 && !p->ssl && (errno == EAGAIN || errno == EWOULDBLOCK)) fail_msg("nothing came for %d s", PATIENCE);
    if (r <= 0) return false;
    p->in.n += (size_t)r;
    return true;
}

/* After settle(): the connection is open, and nothing has come. */
static inline void expect_nothing(struct peer *p) {
    char c;
    assert_int_equal(p->in.n, 0);
    assert_int_equal(recv(p->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static inline void expect_end(struct peer *p) {
    while (pull(p)) continue;
}

/* FN on the loop's thread, between two of its turns' callbacks. */
struct visit {
    struct hub_task task;
    void (*fn)(void *arg);
    void *arg;
};
static inline void on_visit(struct hub_task *task) {
    struct visit *v = HUB_CONTAINER(task, struct visit, task);
    v->fn(v->arg);
}
static inline void on_loop(void (*fn)(void *arg), void *arg) {
    struct visit v = {.task.run = on_visit, .fn = fn, .arg = arg};
    hub_post(server.loop, &v.task);
    settle();
}

/* ---- HTTP ---- */

struct answer {
    int status;
    char head[8192];
    struct hub_buf body;
};

static inline const char *field(const struct answer *a, const char *name) {
    static char value[512];
    char pattern[64];
    snprintf(pattern, sizeof pattern, "\r\n%s: ", name);
    const char *at = strstr(a->head, pattern);
    if (!at) return NULL;
    at += strlen(pattern);
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

/* Takes one whole answer; status 0 when the connection ended instead. HEAD answers have no body. */
static inline struct answer answer_to(struct peer *p, bool head_request) {
    struct answer a = {0};
    char *end;
    while (hub_buf_cstr(&p->in), !(end = strstr(p->in.p, "\r\n\r\n")))
        if (!pull(p)) return a;
    size_t head_n = (size_t)(end - p->in.p) + 4;
    assert_true(head_n < sizeof a.head);
    memcpy(a.head, p->in.p, head_n);
    hub_buf_drop(&p->in, head_n);
    a.status = atoi(a.head + 9);
    const char *length = field(&a, "Content-Length");
    size_t body_n = length && !head_request ? (size_t)atol(length) : 0;
    while (p->in.n < body_n)
        if (!pull(p)) fail_msg("the body ended early");
    hub_buf_add(&a.body, p->in.p, body_n);
    hub_buf_drop(&p->in, body_n);
    hub_buf_cstr(&a.body);
    return a;
}

static inline void expect_answer(struct peer *p, int status, const char *body) {
    struct answer a = answer_to(p, false);
    if (a.status != status) fail_msg("status %d instead of %d: %s", a.status, status, a.body.p ? a.body.p : "");
    if (body) assert_string_equal(a.body.p, body);
    hub_buf_free(&a.body);
}

static inline void expect_status(struct peer *p, int status) { expect_answer(p, status, NULL); }

static inline void get(struct peer *p, const char *target) {
    char head[1024];
    snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", target);
    puts_to(p, head);
}

static inline void post(struct peer *p, const char *target, const char *body) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "POST %s HTTP/1.1\r\nHost: test\r\nContent-Length: %zu\r\n\r\n%s", target, strlen(body), body);
    put(p, b.p, b.n);
    hub_buf_free(&b);
}

/* ---- Engine.IO over polling ---- */

#define EIO_POLLING "/socket.io/?EIO=4&transport=polling"

static inline void open_polling(struct peer *p, char target[128]) {
    get(p, EIO_POLLING);
    struct answer a = answer_to(p, false);
    assert_int_equal(a.status, 200);
    assert_memory_equal(a.body.p, "0{\"sid\":\"", 9);
    snprintf(target, 128, EIO_POLLING "&sid=%.20s", a.body.p + 9);
    hub_buf_free(&a.body);
}

/* ---- WebSocket ---- */

/* With BEHIND at once, which may be NULL. */
static inline void ask_for_websocket_and(struct peer *p, const char *target, const char *more_fields,
                                         const struct hub_buf *behind) {
    struct hub_buf b = {0};
    hub_buf_addf(&b,
                 "GET %s HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                 target, more_fields);
    if (behind) hub_buf_add(&b, behind->p, behind->n);
    put(p, b.p, b.n);
    hub_buf_free(&b);
}

static inline void ask_for_websocket(struct peer *p, const char *target, const char *more_fields) {
    ask_for_websocket_and(p, target, more_fields, NULL);
}

/* One frame as a client masks it. */
static inline void frame(struct hub_buf *b, int first_byte, const void *payload, size_t n) {
    static const uint8_t mask[4] = {0x9a, 0x3c, 0x01, 0xff};
    uint8_t head[10];
    size_t head_n = hub_ws_head_write(head, 0, n);
    head[0] = (uint8_t)first_byte;
    head[1] |= 0x80;
    hub_buf_add(b, head, head_n);
    hub_buf_add(b, mask, 4);
    hub_buf_add(b, payload, n);
    hub_ws_unmask(b->p + b->n - n, n, mask, 0);
}

static inline void ws_send(struct peer *p, int first_byte, const void *payload, size_t n) {
    struct hub_buf b = {0};
    frame(&b, first_byte, payload, n);
    put(p, b.p, b.n);
    hub_buf_free(&b);
}

static inline void ws_text(struct peer *p, const char *text) { ws_send(p, 0x81, text, strlen(text)); }

/* Takes one frame into OUT (which is emptied before); returns its opcode, or -1 at the end of the stream. */
static inline int ws_take(struct peer *p, struct hub_buf *out) {
    size_t at = 0;
    int opcode;
    struct hub_str payload;
    while (!hub_chunk_next(p->in.p, p->in.n, &at, &opcode, &payload))
        if (!pull(p)) return -1;
    hub_buf_clear(out);
    hub_buf_adds(out, payload);
    hub_buf_cstr(out);
    hub_buf_drop(&p->in, at);
    return opcode;
}

static inline void expect_text(struct peer *p, const char *text) {
    struct hub_buf b = {0};
    int opcode = ws_take(p, &b);
    if (opcode != HUB_WS_TEXT) fail_msg("opcode %d instead of text \"%.40s\"", opcode, text);
    assert_string_equal(b.p, text);
    hub_buf_free(&b);
}

/* Frames up to the close frame are skipped; then the stream must end. */
static inline void expect_close(struct peer *p, int code) {
    struct hub_buf b = {0};
    int opcode;
    while ((opcode = ws_take(p, &b)) >= 0 && opcode != HUB_WS_CLOSE) continue;
    if (opcode < 0) fail_msg("the stream ended without a close frame (%d expected)", code);
    assert_int_equal((unsigned char)b.p[0] << 8 | (unsigned char)b.p[1], code);
    assert_int_equal(ws_take(p, &b), -1);
    hub_buf_free(&b);
}

#define EIO_WEBSOCKET "/socket.io/?EIO=4&transport=websocket"

static inline void open_websocket(struct peer *p) {
    struct hub_buf b = {0};
    ask_for_websocket(p, EIO_WEBSOCKET, "");
    struct answer a = answer_to(p, false);
    assert_int_equal(a.status, 101);
    assert_string_equal(field(&a, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_int_equal(ws_take(p, &b), HUB_WS_TEXT);
    assert_memory_equal(b.p, "0{\"sid\":\"", 9);
    hub_buf_free(&a.body);
    hub_buf_free(&b);
}
#endif
