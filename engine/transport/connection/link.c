/* The connection: one socket from accept to close, whatever protocol it speaks at the moment. A readable
 * event is one read into the loop-wide buffer, or up to HUB_READ_ROUNDS while each fills what the connection
 * may take at a time. A turn is one write, or several when the queue holds more than one write takes, and one
 * more when room is made in the midst of it. A wait for writability comes only after a short write. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/telemetry/log.h"
#include "transport/transport_int.h"

#define MAX_IOV 64

/* ---- life ---- */

static void on_ready(void *arg, int events);

static void keep_address(struct hub_link *c, const struct sockaddr *peer) {
    static const uint8_t v4_in_v6[12] = {[10] = 0xff, [11] = 0xff};
    c->unix_peer = peer->sa_family != AF_INET && peer->sa_family != AF_INET6;
    if (peer->sa_family == AF_INET) {
        memcpy(c->ip.bytes, v4_in_v6, sizeof v4_in_v6);
        memcpy(c->ip.bytes + 12, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
    } else if (peer->sa_family == AF_INET6) {
        memcpy(c->ip.bytes, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, sizeof c->ip.bytes);
    }
}

void hub_link_peer(const struct hub_link *c, char out[HUB_IP_TEXT]) {
    if (c->unix_peer)
        memcpy(out, "unix:", 6);
    else
        hub_ip_format(&c->ip, out);
}

struct hub_link_edge *hub_link_edge(struct hub_link *c) {
    if (c->edge) return c->edge;
    struct hub_link_edge *e = c->edge = hub_xcalloc(1, sizeof *e);
    e->link = c;
    hub_list_init(&e->stalled);
    hub_list_init(&e->reading);
    hub_list_init(&e->reading_all);
    hub_list_init(&e->moving);
    return e;
}

/* TLS would make it anew for each write. */
void hub_link_drop_edge(struct hub_link *c) {
    struct hub_link_edge *e = c->edge;
    if (!e || c->mode != HUB_LINK_WS || c->finish || c->t->io->flat || hub_link_unsent(c)) return;
    hub_link_leave_home(c);
    hub_timer_stop(c->t->loop, &e->timer);
    hub_buf_free(&e->rest);
    free(e);
    c->edge = NULL;
}

void hub_link_new(struct hub_transport *t, int fd, const struct sockaddr *peer) {
    struct hub_link *c = hub_xcalloc(1, sizeof *c);
    c->t = t;
    c->fd = fd;
    keep_address(c, peer);
    hub_list_init(&c->due);
    hub_list_init(&c->busy_link);
    hub_list_push(&t->links, &c->node);
    t->link_n++;
    hub_metric_add(&hub_metric_connections, 1);
    c->watch = hub_watch_new(t->loop, fd, on_ready, c);
    if (!c->watch) {
        hub_link_kill(c, HUB_CLOSE_ERROR);
        return;
    }
    hub_http_rearm(c);
    hub_link_watch(c);
}

/* Moves to an end state: whatever was attached goes its own way. */
static void let_go(struct hub_link *c, enum hub_link_mode mode, enum hub_close_reason reason) {
    struct hub_eio *e = c->eio;
    enum hub_link_mode was = (enum hub_link_mode)c->mode;
    if (was == HUB_LINK_HTTP) hub_http_forget(c);
    hub_ws_drop_input(c);
    hub_held_drop(&c->held);
    hub_link_leave(c);
    c->mode = (uint8_t)mode;
    c->eio = NULL;
    if (e && was == HUB_LINK_WS) hub_eio_gone(e, reason);
    if (e && was == HUB_LINK_PROBE) e->probe = NULL, e->upgrading = false;
}

void hub_link_kill(struct hub_link *c, enum hub_close_reason reason) {
    if (c->mode == HUB_LINK_DEAD) return;
    struct hub_transport *t = c->t;
    let_go(c, HUB_LINK_DEAD, reason);
    if (c->edge) {
        hub_timer_stop(t->loop, &c->edge->timer);
        hub_list_remove(&c->edge->moving);
    }
    hub_list_remove(&c->due);
    hub_list_remove(&c->busy_link);
    hub_link_count(c);
    hub_list_remove(&c->node);
    hub_list_push(&t->dead, &c->node);
    hub_transport_work(t);
}

static void drop_output(struct hub_link *c) {
    if (!c->edge) return;
    hub_buf_free(&c->edge->out);
    c->edge->out_sent = 0;
}

void hub_link_doom(struct hub_link *c, enum hub_close_reason reason) {
    if (c->doomed || c->mode == HUB_LINK_DEAD) return;
    c->doomed = true;
    c->doom = (uint8_t)reason;
    drop_output(c);
    hub_link_count(c);
    hub_list_remove(&c->due);
    hub_list_push(&c->t->doomed, &c->due);
    hub_transport_work(c->t);
}

void hub_link_free(struct hub_link *c) {
    struct hub_transport *t = c->t;
    if (c->watch) hub_watch_close(c->t->loop, c->watch);
    hub_link_leave_home(c);
    c->t->io->release(c);
    close(c->fd);
    hub_ws_drop_input(c);
    if (c->edge) {
        hub_buf_free(&c->edge->rest);
        hub_buf_free(&c->edge->out);
        free(c->edge);
    }
    hub_list_remove(&c->node);
    free(c);
    t->link_n--;
    hub_metric_add(&hub_metric_connections, -1);
    if (!t->accepting && t->listener_n) hub_listen_resume(t);
}

void hub_link_due(struct hub_link *c) {
    if (!c->blocked && c->mode != HUB_LINK_DEAD && !hub_list_linked(&c->due)) hub_list_push(&c->t->due_links, &c->due);
}

void hub_link_busy(struct hub_link *c) {
    if (c->mode == HUB_LINK_DEAD || hub_list_linked(&c->busy_link)) return;
    hub_list_push(&c->t->busy, &c->busy_link);
    hub_transport_work(c->t);
}

/* Bytes still to come of the body that is arriving, or of the chunk of it: the parser counts them down. */
static size_t body_left(const struct hub_http_req *r) {
    bool arriving = r->vouched && !r->link->answering && r->parser.content_length != UINT64_MAX;
    return !arriving ? 0 : r->parser.content_length < HUB_IN_SIZE ? (size_t)r->parser.content_length : HUB_IN_SIZE;
}

/* Bytes that one read may bring: what is pipelined, and kept until its turn, and what strangers make us
 * keep is bounded by it. */
static size_t read_size(const struct hub_link *c) {
    if (c->mode != HUB_LINK_HTTP) return c->eio && c->eio->signed_in ? HUB_IN_SIZE : HUB_READ_PENDING;
    size_t most = HUB_READ_PENDING + (c->req ? body_left(c->req) : 0);
    return most < HUB_IN_SIZE ? most : HUB_IN_SIZE;
}

/* No more is taken before the request at hand is done with, or the layer above has said that its body may
 * come, or before what has come was inflated. */
static bool is_full(const struct hub_link *c) {
    if (c->ws && c->ws->paused) return true;
    if (c->mode != HUB_LINK_HTTP) return false;
    return c->edge->moves || c->edge->rest.n >= HUB_READ_PENDING || (c->req && c->req->asking);
}

void hub_link_watch(struct hub_link *c) {
    bool full = is_full(c);
    hub_watch_set(c->t->loop, c->watch, (c->eof || full ? 0 : HUB_READABLE) | (c->blocked ? HUB_WRITABLE : 0));
}

/* ---- ending ---- */

static void on_deadline(struct hub_timer *timer) {
    hub_link_kill(HUB_CONTAINER(timer, struct hub_link_edge, timer)->link, HUB_CLOSE_TRANSPORT);
}

void hub_link_finish(struct hub_link *c, int64_t ms) {
    if (c->mode == HUB_LINK_DEAD || c->mode == HUB_LINK_LINGER) return;
    c->finish = true;
    if (ms) hub_timer_await(c->t->loop, &hub_link_edge(c)->timer, ms, on_deadline);
    hub_link_due(c);
}

/* Everything is written. Closing at once could make the kernel throw away what the peer has not read yet
 * (a reset answers bytes that still arrive), so only our side is shut and the peer gets a moment to close
 * its own. */
static void begin_linger(struct hub_link *c) {
    c->t->io->shutdown(c);
    let_go(c, HUB_LINK_LINGER, HUB_CLOSE_TRANSPORT);
    hub_buf_free(&hub_link_edge(c)->rest);
    if (c->eof) {
        hub_link_kill(c, HUB_CLOSE_TRANSPORT);
        return;
    }
    hub_timer_await(c->t->loop, &c->edge->timer, HUB_LINGER_TIMEOUT, on_deadline);
    hub_link_watch(c);
}

/* ---- writing ---- */

size_t hub_link_unsent(const struct hub_link *c) { return c->edge ? c->edge->out.n - c->edge->out_sent : 0; }

/* A doomed one has given its memory back: whoever makes room must not find it again. */
void hub_link_count(struct hub_link *c) {
    struct hub_link_edge *e = c->edge;
    if (!e) return;
    size_t now = c->mode == HUB_LINK_HTTP && !c->doomed && hub_link_unsent(c) ? e->out.cap : 0;
    c->t->unsent += now - e->unsent;
    e->unsent = now;
    if (!now || !c->blocked)
        hub_list_remove(&e->stalled);
    else if (!hub_list_linked(&e->stalled))
        hub_list_push(&c->t->stalled, &e->stalled);
}

static struct hub_outq *queue_of(struct hub_link *c) { return c->mode == HUB_LINK_WS && c->eio ? &c->eio->q : NULL; }

static void consume_output(struct hub_link *c, size_t n) {
    size_t own = hub_link_unsent(c);
    size_t from_out = n < own ? n : own;
    if (from_out) c->edge->out_sent += from_out;
    if (from_out && from_out == own) drop_output(c);
    if (n > from_out) hub_outq_consume(&c->eio->q, n - from_out);
}

static void stage_output(struct hub_link *c, struct hub_outq *q) {
    struct hub_piece *piece;
    size_t most = c->t->io->flat;
    while (hub_link_unsent(c) < most && (piece = hub_outq_first(q))) {
        size_t take = piece->len < most ? piece->len : most;
        hub_buf_add(&hub_link_edge(c)->out, piece->chunk->p + piece->off, take);
        hub_outq_consume(q, take);
    }
}

/* What is to be written next, up to MAX_IOV pieces; returns how many. */
static int gather_output(struct hub_link *c, struct iovec *iov) {
    struct hub_outq *q = queue_of(c);
    bool flat = c->t->io->flat > 0;
    int n = 0;
    if (flat && q) stage_output(c, q);
    if (hub_link_unsent(c)) iov[n++] = (struct iovec){c->edge->out.p + c->edge->out_sent, hub_link_unsent(c)};
    if (!flat && q) n += hub_outq_gather(q, iov + n, MAX_IOV - n);
    return n;
}

/* One write of everything. Sets *FULL to whether the socket takes no more for now. 0: there was nothing to
 * write. */
static ssize_t write_some(struct hub_link *c, bool *full) {
    struct iovec iov[MAX_IOV];
    size_t given = 0;
    int n = gather_output(c, iov);
    if (!n) return 0;
    for (int i = 0; i < n; i++) given += iov[i].iov_len;
    ssize_t r = c->t->io->writev(c, iov, n);
    *full = r < 0 || (c->t->io->exact && (size_t)r < given);
    if (r > 0) consume_output(c, (size_t)r);
    return r;
}

static void on_drained(struct hub_link *c) {
    if (c->finish && c->mode != HUB_LINK_LINGER) {
        begin_linger(c);
        return;
    }
    if (c->edge) hub_link_drop_edge(c);
    if (c->mode != HUB_LINK_HTTP) return;
    hub_http_rearm(c);
    if (c->edge->rest.n && !c->answering) hub_link_busy(c);
}

/* Whether everything was written. */
static bool write_out(struct hub_link *c) {
    for (;;) {
        bool full = false;
        ssize_t r = write_some(c, &full);
        if (!r) break;
        if (r == HUB_IO_ERROR) {
            hub_link_doom(c, HUB_CLOSE_ERROR);
            return false;
        }
        hub_metric_add(&hub_metric_writes, 1);
        if (r > 0) hub_metric_add(&hub_metric_bytes_out, r);
        if (full) {
            c->blocked = true;
            if (c->mode == HUB_LINK_HTTP) hub_http_rearm(c);
            hub_link_watch(c);
            return false;
        }
        if (!hub_link_unsent(c) && !(queue_of(c) && queue_of(c)->n)) break;
    }
    return true;
}

bool hub_link_write(struct hub_link *c) {
    if (c->blocked || c->doomed || c->mode == HUB_LINK_DEAD) return false;
    bool drained = write_out(c);
    if (c->edge && c->edge->unsent) hub_link_count(c);
    return drained;
}

void hub_link_flush(struct hub_link *c) {
    if (hub_link_write(c)) on_drained(c);
}

/* ---- reading ---- */

static bool is_moving(const struct hub_link *c) { return c->mode == HUB_LINK_HTTP && c->edge->moves; }
static bool is_open(const struct hub_link *c) { return c->mode != HUB_LINK_DEAD && !c->doomed && !is_moving(c); }

static void take_input(struct hub_link *c, char *p, size_t n) {
    switch ((enum hub_link_mode)c->mode) {
    case HUB_LINK_HTTP: hub_http_input(c, p, n); break;
    case HUB_LINK_PROBE:
    case HUB_LINK_WS: hub_ws_input(c, p, n); break;
    case HUB_LINK_LINGER:
    case HUB_LINK_DEAD: break;
    }
}

static void on_eof(struct hub_link *c) {
    c->eof = true;
    if (c->mode == HUB_LINK_HTTP)
        hub_http_eof(c);
    else
        hub_link_kill(c, HUB_CLOSE_TRANSPORT);
}

static void on_readable(struct hub_link *c) {
    const struct hub_io *io = c->t->io;
    for (int round = 0; round < HUB_READ_ROUNDS; round++) {
        size_t most = read_size(c);
        ssize_t r = io->read(c, c->t->in, most);
        if (r == HUB_IO_WANT_READ) return;
        if (r == HUB_IO_WANT_WRITE) {
            c->blocked = c->read_held = true;
            return;
        }
        if (r == HUB_IO_ERROR) {
            hub_link_kill(c, HUB_CLOSE_ERROR);
            return;
        }
        if (r == HUB_IO_EOF) {
            on_eof(c);
            return;
        }
        hub_metric_add(&hub_metric_bytes_in, r);
        take_input(c, c->t->in, (size_t)r);
        if (!is_open(c) || ((size_t)r < most && !io->has_more(c))) return;
        if (is_full(c)) break;
    }
    if (io->has_more(c)) c->reread = true, hub_link_busy(c); /* the socket will not report these bytes again */
}

static void on_ready(void *arg, int events) {
    struct hub_link *c = arg;
    if (c->doomed) return;
    if (events & HUB_WRITABLE && c->blocked) {
        c->blocked = false;
        hub_link_flush(c);
        if (c->read_held) events |= HUB_READABLE;
        c->read_held = false;
    }
    if (events & HUB_READABLE && is_open(c)) on_readable(c);
    if (c->mode != HUB_LINK_DEAD) hub_link_watch(c);
}

void hub_link_go_on(struct hub_link *c) {
    if (c->doomed) return;
    if (c->mode == HUB_LINK_HTTP && c->edge->rest.n) hub_http_go_on(c);
    if (c->ws && c->ws->paused) hub_ws_input(c, NULL, 0);
    if (c->reread && is_open(c) && !is_full(c)) {
        c->reread = false;
        on_readable(c);
    }
    if (c->mode != HUB_LINK_DEAD) hub_link_watch(c);
}

/* ---- moving ---- */

void hub_link_detach(struct hub_link *c) {
    struct hub_transport *t = c->t;
    struct hub_link_edge *e = c->edge;
    hub_watch_close(t->loop, c->watch);
    c->watch = NULL;
    hub_link_leave_home(c);
    hub_timer_stop(t->loop, &e->timer);
    hub_list_remove(&c->due);
    hub_list_remove(&c->busy_link);
    hub_list_remove(&c->node);
    hub_list_remove(&e->stalled);
    t->unsent -= e->unsent;
    e->unsent = 0;
    t->link_n--;
    if (!t->accepting && t->listener_n) hub_listen_resume(t);
}

void hub_link_attach(struct hub_transport *t, struct hub_link *c) {
    c->t = t;
    c->edge->moves = false;
    hub_list_push(&t->links, &c->node);
    t->link_n++;
}

/* What was left to write, and bytes of which the socket will not tell again, have their turn with it. */
void hub_link_arrive(struct hub_transport *t, struct hub_link *c) {
    hub_link_attach(t, c);
    c->watch = hub_watch_new(t->loop, c->fd, on_ready, c);
    if (!c->watch) {
        hub_link_kill(c, HUB_CLOSE_ERROR);
        return;
    }
    hub_link_count(c);
    hub_link_due(c);
    hub_http_arrive(c);
    if (c->mode == HUB_LINK_DEAD) return;
    if (t->io->has_more(c)) c->reread = true, hub_link_busy(c);
    hub_link_watch(c);
}
