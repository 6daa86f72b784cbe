/* Raw epoll, one thread, one receive buffer. */
#include "limit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_CAP (1u << 20)
#define OUT_MAX (16u << 20)
#define EVENTS 1024
#define ROOM_SLOTS 65536

static const struct limit_ops *ops;
static int epoll;
static char in[IN_CAP];
static struct limit_room *rooms[ROOM_SLOTS];

static void *grown(void *p, size_t n) {
    p = realloc(p, n);
    if (!p) abort();
    return p;
}

/* ---- writing ---- */

static void watch(struct limit_conn *c, int op, uint32_t events) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    epoll_ctl(epoll, op, c->fd, &e);
}

static void keep_out(struct limit_conn *c, const char *p, size_t n) {
    if (c->out_n + n > OUT_MAX) {
        c->dead = true; /* closed when its next event comes */
        return;
    }
    c->out = grown(c->out, c->out_n + n);
    memcpy(c->out + c->out_n, p, n);
    if (c->out_n == 0) watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    c->out_n += n;
}

void limit_write(struct limit_conn *c, const char *p, size_t n) {
    if (c->out_n) {
        keep_out(c, p, n);
        return;
    }
    ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
    if (sent < 0) sent = 0; /* a broken connection shows itself at the next read */
    if ((size_t)sent < n) keep_out(c, p + sent, n - (size_t)sent);
}

static void write_rest(struct limit_conn *c) {
    ssize_t sent = send(c->fd, c->out, c->out_n, MSG_NOSIGNAL);
    if (sent <= 0) return;
    memmove(c->out, c->out + sent, c->out_n - (size_t)sent);
    c->out_n -= (size_t)sent;
    if (!c->out_n) watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

static size_t frame_head(char *out, size_t n) {
    out[0] = (char)0x81;
    if (n < 126) return out[1] = (char)n, 2;
    out[1] = 126, out[2] = (char)(n >> 8), out[3] = (char)n;
    return 4;
}

static void write_text(struct limit_conn *c, const char *p, size_t n) {
    char frame[65540];
    if (n > 65535) return;
    size_t head = frame_head(frame, n);
    memcpy(frame + head, p, n);
    limit_write(c, frame, head + n);
}

/* ---- Socket.IO ---- */

static struct limit_room *room_named(const char *name, size_t n) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < n; i++) hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    struct limit_room **slot = &rooms[hash % ROOM_SLOTS], *r = *slot;
    for (; r; r = r->next)
        if (strlen(r->name) == n && !memcmp(r->name, name, n)) return r;
    r = calloc(1, sizeof *r);
    if (!r) abort();
    memcpy(r->name, name, n);
    r->next = *slot;
    return *slot = r;
}

static void join(struct limit_conn *c, const char *text, size_t n) {
    static const char key[] = "\"roomId\":\"";
    const char *name = memmem(text, n, key, sizeof key - 1);
    if (!name) return;
    name += sizeof key - 1;
    const char *end = memchr(name, '"', n - (size_t)(name - text));
    if (!end || (size_t)(end - name) >= sizeof c->room->name || c->room) return;
    struct limit_room *r = c->room = room_named(name, (size_t)(end - name));
    if ((r->n & (r->n - 1)) == 0) r->members = grown(r->members, (r->n ? 2 * r->n : 1) * sizeof *r->members);
    r->members[r->n++] = c;
}

static void leave(struct limit_conn *c) {
    struct limit_room *r = c->room;
    for (size_t i = 0; r && i < r->n; i++)
        if (r->members[i] == c) r->members[i--] = r->members[--r->n];
}

/* "43" ID and the arguments: those of the request, or nothing. */
static void acknowledge(struct limit_conn *c, const char *id, size_t id_n, const char *args, size_t n) {
    char text[65536] = "43";
    if (id_n + n + 4 > sizeof text) return;
    memcpy(text + 2, id, id_n);
    text[2 + id_n] = '[';
    memcpy(text + 3 + id_n, args, n);
    text[3 + id_n + n] = ']';
    write_text(c, text, id_n + n + 4);
}

static bool is(const char *p, size_t n, const char *literal) {
    return n >= strlen(literal) && !memcmp(p, literal, strlen(literal));
}

/* TEXT is an Engine.IO packet; the FRAME around it can be sent on as it is, having no mask any more. */
static void on_text(struct limit_conn *c, char *text, size_t n) {
    if (is(text, n, "42[\"message\",")) {
        char *frame = text - (n < 126 ? 2 : 4); /* the header of a masked frame leaves room for the unmasked one */
        if (n > 65535 || !c->room) return;
        frame_head(frame, n);
        ops->publish(c->room, frame, n + (size_t)(text - frame));
        return;
    }
    if (is(text, n, "40")) {
        write_text(c, "40{\"sid\":\"limit\"}", 17);
        return;
    }
    if (!is(text, n, "42")) return;
    const char *id = text + 2, *at = id, *end = text + n;
    while (at < end && *at >= '0' && *at <= '9') at++;
    size_t id_n = (size_t)(at - id);
    if (is(at, (size_t)(end - at), "[\"join\",")) {
        join(c, text, n);
        acknowledge(c, id, id_n, "", 0);
    } else if (is(at, (size_t)(end - at), "[\"echo\",")) {
        at += 8;
        acknowledge(c, id, id_n, at, (size_t)(end - at) - 1);
    }
}

/* ---- WebSocket and HTTP ---- */

static void unmask(char *p, size_t n, const char mask[4]) {
    uint64_t wide, word;
    memcpy(&wide, mask, 4), memcpy((char *)&wide + 4, mask, 4);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) memcpy(&word, p + i, 8), word ^= wide, memcpy(p + i, &word, 8);
    for (; i < n; i++) p[i] ^= mask[i & 3];
}

static size_t frames(struct limit_conn *c, char *p, size_t n) {
    size_t at = 0;
    while (n - at >= 6) {
        const uint8_t *h = (const uint8_t *)p + at;
        size_t len = h[1] & 127, head = 6;
        if (len == 126)
            len = (size_t)(h[2] << 8 | h[3]), head = 8;
        else if (len == 127)
            return c->dead = true, n;
        if (n - at < head + len) break;
        if ((h[0] & 15) == 8) return c->dead = true, n;
        char mask[4];
        memcpy(mask, h + head - 4, 4);
        unmask(p + at + head, len, mask);
        on_text(c, p + at + head, len);
        at += head + len;
    }
    return at;
}

static size_t upgrade(struct limit_conn *c, char *p, size_t n) {
    static const char name[] = "Sec-WebSocket-Key: ", guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const char *end = memmem(p, n, "\r\n\r\n", 4), *key = memmem(p, n, name, sizeof name - 1);
    unsigned char digest[SHA_DIGEST_LENGTH];
    char text[128], accept[64], answer[256];
    if (!end) return 0;
    if (!key) return c->dead = true, n;
    int text_n = snprintf(text, sizeof text, "%.24s%s", key + sizeof name - 1, guid);
    SHA1((unsigned char *)text, (size_t)text_n, digest);
    EVP_EncodeBlock((unsigned char *)accept, digest, sizeof digest);
    int answer_n = snprintf(answer, sizeof answer,
                            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                            "Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                            accept);
    limit_write(c, answer, (size_t)answer_n);
    static const char open[] =
        "0{\"sid\":\"limit\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}";
    write_text(c, open, sizeof open - 1);
    c->upgraded = true;
    return (size_t)(end + 4 - p);
}

static void drop(struct limit_conn *c) {
    leave(c);
    close(c->fd);
    free(c->rest), free(c->out), free(c);
}

static void keep_rest(struct limit_conn *c, const char *p, size_t n) {
    char *copy = n ? memcpy(grown(NULL, n), p, n) : NULL;
    free(c->rest);
    c->rest = copy, c->rest_n = n;
}

static void read_in(struct limit_conn *c) {
    if (c->rest_n) memcpy(in, c->rest, c->rest_n);
    ssize_t got = recv(c->fd, in + c->rest_n, IN_CAP - c->rest_n, 0);
    if (got <= 0) {
        c->dead = got == 0 || errno != EAGAIN;
        return;
    }
    size_t n = c->rest_n + (size_t)got, used = c->upgraded ? 0 : upgrade(c, in, n);
    if (c->upgraded) used += frames(c, in + used, n - used);
    if (c->rest_n || used < n) keep_rest(c, in + used, n - used);
}

static void accept_all(int listener) {
    const int on = 1;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct limit_conn *c = calloc(1, sizeof *c);
        if (!c) abort();
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        c->fd = fd;
        watch(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static int listen_on(int port) {
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 4096) != 0) {
        fprintf(stderr, "cannot listen on 127.0.0.1:%d: %s\n", port, strerror(errno));
        exit(1);
    }
    return fd;
}

int limit_serve(int argc, char **argv, const struct limit_ops *program) {
    struct epoll_event events[EVENTS];
    struct rlimit files;
    if (argc < 2) return fprintf(stderr, "usage: %s PORT\n", argv[0]), 2;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    ops = program;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct limit_conn listener = {.fd = listen_on(atoi(argv[1]))};
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct limit_conn *c = events[i].data.ptr;
            if (c == &listener) {
                accept_all(c->fd);
                continue;
            }
            if (events[i].events & EPOLLOUT) write_rest(c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) || c->dead) read_in(c);
            if (c->dead) drop(c);
        }
        if (ops->turn_end) ops->turn_end();
    }
}
