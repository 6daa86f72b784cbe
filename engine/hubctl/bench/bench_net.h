/* Client connections of the load generator: thousands of WebSocket connections that speak Engine.IO and
 * Socket.IO up to the accepted CONNECT of one namespace, on one epoll descriptor and one thread. Built to
 * cost little: one shared receive buffer, frames handed out in place, everything written in a turn leaves
 * a connection in one send(2). Not a general client: no polling, no TLS, no fragmented frames, text
 * packets only, and what it sends is not compressed. */
#ifndef HUB_HUBCTL_BENCH_NET_H
#define HUB_HUBCTL_BENCH_NET_H
#include <netinet/in.h>

#include "base/text/buf.h"

enum hub_bench_conn_state {
    HUB_BENCH_FREE,
    HUB_BENCH_TCP,
    HUB_BENCH_HTTP,
    HUB_BENCH_EIO,
    HUB_BENCH_SIO,
    HUB_BENCH_OPEN,
    HUB_BENCH_CLOSED
};

struct hub_bench_conn {
    int fd;
    enum hub_bench_conn_state state;
    bool dirty, waits_writable;
    char *rest; /* the start of a frame whose end has not arrived; NULL when there is none */
    size_t rest_n;
    struct hub_buf out;
};

struct hub_inflater;
struct hub_bench_inflated; /* messages that were inflated lately */
struct hub_bench_net;
struct hub_bench_net_ops {
    /* The server accepted CONNECT for conn number I. */
    void (*open)(void *ctx, uint32_t i);
    /* One Socket.IO packet as Engine.IO text with its leading '4'; valid during the call. net->now_ns is
     * when its bytes were read. */
    void (*packet)(void *ctx, uint32_t i, struct hub_str text);
    /* The connection failed or was ended by the server; called once, possibly from within
     * hub_bench_net_open. */
    void (*closed)(void *ctx, uint32_t i, const char *why);
};

struct hub_bench_net {
    struct sockaddr_in target;
    char *head;        /* the HTTP upgrade request; owned */
    char *nsp;         /* "/" or "/hub/chat"; owned */
    const char *token; /* template of auth.token, expanded with the connection's number, or NULL; not owned */
    const struct hub_bench_net_ops *ops;
    void *ctx;
    uint64_t now_ns;
    uint64_t bytes_in; /* received so far */
    /* From here on private. */
    int epoll;
    struct hub_bench_conn *conns;
    uint32_t conn_n;
    uint32_t *dirty;
    uint32_t dirty_n;
    char *in;
    struct hub_inflater *inflater; /* NULL: compression is not offered */
    struct hub_bench_inflated *inflated;
    uint64_t random;
};

/* Appends TEMPLATE with every %u or %d replaced by N. */
void hub_bench_expand(struct hub_buf *out, const char *template, uint32_t n);

/* PATH is where Engine.IO listens, "/socket.io/"; DEFLATE: permessage-deflate is offered. Raises the limit of
 * open files; false with a text in WHY when N connections do not fit it. The caller then sets token, ops and
 * ctx. */
bool hub_bench_net_init(struct hub_bench_net *net, struct sockaddr_in target, const char *path, const char *nsp,
                        uint32_t n, bool deflate, char why[160]);
void hub_bench_net_free(struct hub_bench_net *net);
/* Begins connection number I. From 20,000 on each further 20,000 use the next loopback address as their
 * source, so that ephemeral ports do not run out. */
void hub_bench_net_open(struct hub_bench_net *net, uint32_t i);
/* Queues TEXT (with its Engine.IO type) as one masked frame; it leaves at the end of the turn. No effect
 * on a closed connection. */
void hub_bench_net_send(struct hub_bench_net *net, uint32_t i, struct hub_str text);
/* Writes what is queued, waits at most TIMEOUT_NS (0 = not at all) and hands out everything that arrived. */
void hub_bench_net_turn(struct hub_bench_net *net, uint64_t timeout_ns);
#endif
