/* A TCP proxy on a thread of its own, between a client and a server on this machine, that can lose what
 * either of them says. */
#ifndef HUB_TESTS_TCP_PROXY_H
#define HUB_TESTS_TCP_PROXY_H
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROXY_PASS = 0, PROXY_LOSE_REPLIES = 1, PROXY_HOLD_REQUESTS = 2, PROXY_REFUSE = 4 };

struct tcp_proxy {
    pthread_t thread;
    int listener, port, target;
    atomic_int mode, seen;
    atomic_bool cut, stop;
    atomic_long lost; /* bytes of replies */
    struct {
        int client, server;
    } pairs[32];
};

static inline int proxy_dial(int port) {
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    close(fd);
    return -1;
}

static inline void proxy_end(struct tcp_proxy *p, int i) {
    if (!p->pairs[i].client) return;
    close(p->pairs[i].client);
    close(p->pairs[i].server);
    p->pairs[i].client = 0;
}

static inline void proxy_accept(struct tcp_proxy *p) {
    int client = accept(p->listener, NULL, NULL);
    int server = p->mode & PROXY_REFUSE ? -1 : proxy_dial(p->target), i = 0;
    while (i < 32 && p->pairs[i].client) i++;
    if (client < 0 || server < 0 || i == 32) {
        if (client >= 0) close(client);
        if (server >= 0) close(server);
        return;
    }
    p->pairs[i].client = client;
    p->pairs[i].server = server;
}

/* False when the pair has ended. */
static inline bool proxy_move(struct tcp_proxy *p, int from, int to, bool lose) {
    char buf[65536];
    ssize_t n = read(from, buf, sizeof buf);
    if (n <= 0) return false;
    if (lose) {
        p->lost += n;
        return true;
    }
    for (ssize_t at = 0, done; at < n; at += done)
        if ((done = send(to, buf + at, (size_t)(n - at), MSG_NOSIGNAL)) <= 0) return false;
    return true;
}

static inline void *proxy_main(void *arg) {
    struct tcp_proxy *p = arg;
    while (!p->stop) {
        struct pollfd fds[1 + 2 * 32] = {{.fd = p->listener, .events = POLLIN}};
        int at[1 + 2 * 32], n = 1;
        int mode = p->mode;
        bool cut = p->cut;
        for (int i = 0; i < 32; i++) {
            if (!p->pairs[i].client) continue;
            if (cut) {
                proxy_end(p, i);
                continue;
            }
            bool hold = mode & PROXY_HOLD_REQUESTS;
            fds[n] = (struct pollfd){.fd = p->pairs[i].client, .events = hold ? 0 : POLLIN}, at[n++] = i;
            fds[n] = (struct pollfd){.fd = p->pairs[i].server, .events = POLLIN}, at[n++] = i;
        }
        p->seen = mode;
        if (cut) p->cut = false;
        poll(fds, (nfds_t)n, 2);
        if (fds[0].revents) proxy_accept(p);
        for (int k = 1; k < n; k++) {
            int i = at[k];
            bool from_client = fds[k].fd == p->pairs[i].client;
            if (!fds[k].revents || !p->pairs[i].client) continue;
            int to = from_client ? p->pairs[i].server : p->pairs[i].client;
            bool lose = !from_client && mode & PROXY_LOSE_REPLIES;
            if (!proxy_move(p, fds[k].fd, to, lose)) proxy_end(p, i);
        }
    }
    for (int i = 0; i < 32; i++)
        if (p->pairs[i].client) proxy_end(p, i);
    close(p->listener);
    return NULL;
}

static inline void proxy_start(struct tcp_proxy *p, int target) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    memset(p, 0, sizeof *p);
    p->target = target;
    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(p->listener, (struct sockaddr *)&a, n) || listen(p->listener, 16) ||
        getsockname(p->listener, (struct sockaddr *)&a, &n))
        abort();
    p->port = ntohs(a.sin_port);
    if (pthread_create(&p->thread, NULL, proxy_main, p)) abort();
}

/* Both return when they hold for everything from now on. */
static inline void proxy_set(struct tcp_proxy *p, int mode) {
    p->mode = mode;
    for (int i = 0; i < 2; i++) { /* once the thread may be past looking at it */
        p->seen = -1;
        while (p->seen != mode) usleep(200);
    }
}
static inline void proxy_cut(struct tcp_proxy *p) {
    p->cut = true;
    while (p->cut) usleep(200);
}

static inline void proxy_stop(struct tcp_proxy *p) {
    if (!p->thread) return;
    p->stop = true;
    pthread_join(p->thread, NULL);
    p->thread = 0;
}
#endif
