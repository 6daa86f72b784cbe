/* The load generator's client side of TCP, WebSocket, Engine.IO and the Socket.IO CONNECT. */
#include "hubctl/bench/bench_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/io/deflate.h"
#include "base/json/json.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "base/time/clock.h"
#include "packet/sio.h"
#include "packet/ws.h"

#define IN_CAP (1u << 20) /* also the largest frame that can be received */
#define EVENTS 1024
#define PER_SOURCE 20000u
#define INFLATED_SLOTS 256

struct hub_bench_inflated {
    struct hub_buf bytes, text;
};

/* One key for all connections: the answer to it is known, and predictability harms nobody here. */
#define WS_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define OFFER "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
#define WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

void hub_bench_expand(struct hub_buf *out, const char *template, uint32_t n) {
    for (const char *p = template; *p; p++) {
        if (p[0] == '%' && (p[1] == 'u' || p[1] == 'd'))
            hub_buf_addu(out, n), p++;
        else
            hub_buf_addc(out, *p);
    }
}

static bool raise_files(uint32_t n, char why[160]) {
    struct rlimit limit;
    rlim_t want = (rlim_t)n + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want) return true;
    if (limit.rlim_max < want) { /* only root may */
        struct rlimit more = {want, want};
        if (setrlimit(RLIMIT_NOFILE, &more) == 0) return true;
        snprintf(why, 160, "%u connections need %llu open files, the limit is %llu (ulimit -Hn)", n,
                 (unsigned long long)want, (unsigned long long)limit.rlim_max);
        return false;
    }
    limit.rlim_cur = want;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

bool hub_bench_net_init(struct hub_bench_net *net, struct sockaddr_in target, const char *path, const char *nsp,
                        uint32_t n, bool deflate, char why[160]) {
    struct hub_buf head = {0};
    char address[INET_ADDRSTRLEN];
    memset(net, 0, sizeof *net);
    if (!raise_files(n, why)) return false;
    inet_ntop(AF_INET, &target.sin_addr, address, sizeof address);
    hub_buf_addf(
        &head,
        "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: " WS_KEY "\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
        path, address, ntohs(target.sin_port), deflate ? OFFER : "");
    hub_buf_addc(&head, 0);
    *net = (struct hub_bench_net){
        .target = target,
        .head = hub_buf_take(&head, NULL),
        .nsp = hub_xstrdup(nsp),
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .conns = hub_xcalloc(n, sizeof *net->conns),
        .conn_n = n,
        .dirty = hub_xcalloc(n, sizeof *net->dirty),
        .in = hub_xmalloc(IN_CAP),
        .inflated = hub_xcalloc(INFLATED_SLOTS, sizeof *net->inflated),
        .inflater = deflate ? hub_inflater_new() : NULL,
        .random = hub_real_ns() | 1,
    };
    return true;
}

void hub_bench_net_free(struct hub_bench_net *net) {
    for (uint32_t i = 0; i < net->conn_n; i++) {
        struct hub_bench_conn *c = &net->conns[i];
        if (c->state != HUB_BENCH_FREE && c->state != HUB_BENCH_CLOSED) close(c->fd);
        free(c->rest);
        hub_buf_free(&c->out);
    }
    close(net->epoll);
    hub_inflater_free(net->inflater);
    for (size_t i = 0; i < INFLATED_SLOTS; i++)
        hub_buf_free(&net->inflated[i].bytes), hub_buf_free(&net->inflated[i].text);
    free(net->inflated);
    free(net->head), free(net->nsp), free(net->conns), free(net->dirty), free(net->in);
}

static void fail_conn(struct hub_bench_net *net, uint32_t i, const char *why) {
    struct hub_bench_conn *c = &net->conns[i];
    if (c->state == HUB_BENCH_CLOSED) return;
    close(c->fd);
    c->state = HUB_BENCH_CLOSED;
    net->ops->closed(net->ctx, i, why);
}

/* ---- writing ---- */

static void mark_dirty(struct hub_bench_net *net, uint32_t i) {
    struct hub_bench_conn *c = &net->conns[i];
    if (c->dirty || c->waits_writable) return;
    c->dirty = true;
    net->dirty[net->dirty_n++] = i;
}

static uint64_t next_random(struct hub_bench_net *net) { /* xorshift64 */
    net->random ^= net->random << 13, net->random ^= net->random >> 7, net->random ^= net->random << 17;
    return net->random;
}

void hub_bench_net_send(struct hub_bench_net *net, uint32_t i, struct hub_str text) {
    struct hub_bench_conn *c = &net->conns[i];
    uint8_t head[14], mask[4];
    uint64_t random = next_random(net);
    if (c->state == HUB_BENCH_CLOSED) return;
    size_t n = hub_ws_head_write(head, HUB_WS_TEXT, text.n);
    memcpy(mask, &random, 4);
    head[1] |= 0x80; /* clients mask */
    hub_buf_add(&c->out, head, n);
    hub_buf_add(&c->out, mask, 4);
    hub_buf_adds(&c->out, text);
    hub_ws_unmask(c->out.p + c->out.n - text.n, text.n, mask, 0);
    mark_dirty(net, i);
}

static void watch_conn(struct hub_bench_net *net, uint32_t i, int op, uint32_t events) {
    struct epoll_event e = {.events = events, .data.u32 = i};
    epoll_ctl(net->epoll, op, net->conns[i].fd, &e);
}

static void write_out(struct hub_bench_net *net, uint32_t i) {
    struct hub_bench_conn *c = &net->conns[i];
    if (c->state == HUB_BENCH_CLOSED || !c->out.n) return;
    ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        fail_conn(net, i, strerror(errno));
        return;
    }
    if (n > 0) hub_buf_drop(&c->out, (size_t)n);
    bool waits = c->out.n > 0;
    if (waits != c->waits_writable) watch_conn(net, i, EPOLL_CTL_MOD, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
    c->waits_writable = waits;
}

static void flush_writes(struct hub_bench_net *net) {
    uint32_t n = net->dirty_n;
    net->dirty_n = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = net->dirty[k];
        net->conns[i].dirty = false;
        write_out(net, i);
    }
}

/* ---- handshakes ---- */

void hub_bench_net_open(struct hub_bench_net *net, uint32_t i) {
    struct hub_bench_conn *c = &net->conns[i];
    const int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        c->state = HUB_BENCH_CLOSED;
        net->ops->closed(net->ctx, i, strerror(errno));
        return;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (i >= PER_SOURCE && ntohl(net->target.sin_addr.s_addr) >> 24 == 127) {
        struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + i / PER_SOURCE)};
        setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        bind(c->fd, (struct sockaddr *)&source, sizeof source);
    }
    c->state = HUB_BENCH_TCP;
    c->waits_writable = true;
    if (connect(c->fd, (struct sockaddr *)&net->target, sizeof net->target) != 0 && errno != EINPROGRESS) {
        fail_conn(net, i, strerror(errno));
        return;
    }
    watch_conn(net, i, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

static void on_connected(struct hub_bench_net *net, uint32_t i) {
    struct hub_bench_conn *c = &net->conns[i];
    int error = 0;
    socklen_t n = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (error) {
        fail_conn(net, i, strerror(error));
        return;
    }
    c->state = HUB_BENCH_HTTP;
    hub_buf_addz(&c->out, net->head);
}

/* True with *USED = the bytes of the answer once it is complete and good. */
static bool take_upgrade(struct hub_bench_net *net, uint32_t i, struct hub_str in, size_t *used) {
    const char *end = memmem(in.p, in.n, "\r\n\r\n", 4);
    if (!end && in.n < 8192) return false;
    if (!end || in.n < 12 || memcmp(in.p, "HTTP/1.1 101", 12) != 0 ||
        !memmem(in.p, in.n, WS_ACCEPT, sizeof WS_ACCEPT - 1)) {
        char why[96];
        snprintf(why, sizeof why, "no WebSocket upgrade: %.*s", (int)(in.n < 60 ? hub_str_find(in, '\r') : 60), in.p);
        fail_conn(net, i, why);
        return false;
    }
    *used = (size_t)(end + 4 - in.p);
    net->conns[i].state = HUB_BENCH_EIO;
    return true;
}

static void send_connect(struct hub_bench_net *net, uint32_t i) {
    struct hub_buf b = {0};
    hub_sio_head(&b, HUB_SIO_CONNECT, 0, hub_cstr(net->nsp), -1);
    if (net->token) {
        struct hub_buf token = {0};
        hub_bench_expand(&token, net->token, i);
        hub_buf_addz(&b, "{\"token\":");
        hub_json_add_string(&b, hub_buf_str(&token));
        hub_buf_addc(&b, '}');
        hub_buf_free(&token);
    }
    hub_bench_net_send(net, i, hub_buf_str(&b));
    hub_buf_free(&b);
}

/* ---- reading ---- */

static void on_text(struct hub_bench_net *net, uint32_t i, struct hub_str text) {
    struct hub_bench_conn *c = &net->conns[i];
    switch (text.n ? text.p[0] : 0) {
    case '4':
        if (c->state == HUB_BENCH_SIO && text.n > 1 && text.p[1] == '0') {
            c->state = HUB_BENCH_OPEN;
            net->ops->open(net->ctx, i);
        } else if (c->state == HUB_BENCH_SIO && text.n > 1 && text.p[1] == '4') {
            char why[200];
            snprintf(why, sizeof why, "refused: %.*s", HUB_CUT(text, 180));
            fail_conn(net, i, why);
        } else {
            net->ops->packet(net->ctx, i, text);
        }
        return;
    case '2': hub_bench_net_send(net, i, HUB_STR("3")); return;
    case '0':
        c->state = HUB_BENCH_SIO;
        send_connect(net, i);
        return;
    case '6': return;
    default: fail_conn(net, i, "Engine.IO packet that does not belong here");
    }
}

static void on_close_frame(struct hub_bench_net *net, uint32_t i, struct hub_str payload) {
    char why[160];
    int code = payload.n >= 2 ? (uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1] : 1005;
    struct hub_str reason = payload.n > 2 ? hub_str(payload.p + 2, payload.n - 2) : HUB_STR("");
    snprintf(why, sizeof why, "closed by the server: %d %.*s", code, HUB_FMT(reason));
    fail_conn(net, i, why);
}

/* Thousands get the same bytes: they are inflated for the first of them, since generating must cost less than
 * serving. */
static void on_deflated(struct hub_bench_net *net, uint32_t i, struct hub_str payload) {
    size_t middle = payload.n / 2, key = payload.n;
    for (size_t k = middle; k < payload.n && k < middle + 8; k++) key = key * 31 + (uint8_t)payload.p[k];
    struct hub_bench_inflated *known = net->inflater ? &net->inflated[key % INFLATED_SLOTS] : NULL;
    if (known && !hub_str_eq(hub_buf_str(&known->bytes), payload)) {
        hub_buf_clear(&known->bytes);
        hub_buf_clear(&known->text);
        if (hub_inflate_message(net->inflater, payload, IN_CAP, &known->text)) known = NULL;
        if (known) hub_buf_adds(&known->bytes, payload);
    }
    if (known)
        on_text(net, i, hub_buf_str(&known->text));
    else
        fail_conn(net, i, "a compressed frame that cannot be inflated");
}

static void on_frame(struct hub_bench_net *net, uint32_t i, uint8_t first, struct hub_str payload) {
    switch (first) {
    case 0x80 | HUB_WS_DEFLATED | HUB_WS_TEXT: on_deflated(net, i, payload); return;
    case 0x80 | HUB_WS_TEXT: on_text(net, i, payload); return;
    case 0x80 | HUB_WS_PING: /* an unmasked pong would be a protocol error, a missing one is tolerated by all */ return;
    case 0x80 | HUB_WS_CLOSE: on_close_frame(net, i, payload); return;
    default: fail_conn(net, i, "a fragmented or binary frame");
    }
}

/* Hands out the whole frames of IN; returns how many bytes they took. */
static size_t take_frames(struct hub_bench_net *net, uint32_t i, struct hub_str in) {
    size_t at = 0;
    while (in.n - at >= 2 && net->conns[i].state != HUB_BENCH_CLOSED) {
        const uint8_t *p = (const uint8_t *)in.p + at;
        size_t head = 2, len = p[1];
        if (len == 126) {
            if (in.n - at < 4) break;
            len = (size_t)(p[2] << 8 | p[3]), head = 4;
        } else if (len >= 127) {
            if (in.n - at < 10) break;
            len = 0, head = 10;
            for (int k = 2; k < 10; k++) len = len << 8 | p[k];
            if (p[1] != 127 || len > IN_CAP - 16) {
                fail_conn(net, i, "a masked or oversized frame");
                break;
            }
        }
        if (in.n - at - head < len) break;
        on_frame(net, i, p[0], hub_str(in.p + at + head, len));
        at += head + len;
    }
    return at;
}

static void keep_rest(struct hub_bench_conn *c, struct hub_str rest) {
    if (c->state == HUB_BENCH_CLOSED || !rest.n) {
        free(c->rest);
        c->rest = NULL, c->rest_n = 0;
        return;
    }
    char *copy = hub_xmalloc(rest.n);
    memcpy(copy, rest.p, rest.n);
    free(c->rest);
    c->rest = copy, c->rest_n = rest.n;
}

static void read_in(struct hub_bench_net *net, uint32_t i) {
    struct hub_bench_conn *c = &net->conns[i];
    if (c->rest_n) memcpy(net->in, c->rest, c->rest_n);
    ssize_t n = recv(c->fd, net->in + c->rest_n, IN_CAP - c->rest_n, 0);
    if (n <= 0) {
        if (n == 0)
            fail_conn(net, i, "connection closed by the server");
        else if (errno != EAGAIN && errno != EINTR)
            fail_conn(net, i, strerror(errno));
        return;
    }
    net->now_ns = hub_real_ns();
    net->bytes_in += (uint64_t)n;
    struct hub_str in = hub_str(net->in, c->rest_n + (size_t)n);
    size_t used = 0;
    if (c->state == HUB_BENCH_HTTP && !take_upgrade(net, i, in, &used)) used = 0;
    if (c->state > HUB_BENCH_HTTP) used += take_frames(net, i, hub_str(in.p + used, in.n - used));
    if (c->rest_n || used < in.n) keep_rest(c, hub_str(in.p + used, in.n - used));
}

void hub_bench_net_turn(struct hub_bench_net *net, uint64_t timeout_ns) {
    struct epoll_event events[EVENTS];
    flush_writes(net);
    struct timespec wait = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
    int n = epoll_pwait2(net->epoll, events, EVENTS, &wait, NULL);
    for (int k = 0; k < n; k++) {
        uint32_t i = events[k].data.u32;
        struct hub_bench_conn *c = &net->conns[i];
        if (c->state == HUB_BENCH_TCP) on_connected(net, i);
        if (events[k].events & EPOLLOUT) write_out(net, i);
        if (c->state != HUB_BENCH_CLOSED && events[k].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) read_in(net, i);
    }
    flush_writes(net);
}
