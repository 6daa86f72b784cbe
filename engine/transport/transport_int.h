/* What the files of the transport share: the link (one connection, from accept to close), the session (one
 * Engine.IO client), and who ends what.
 *
 *   listen.c      accepts                      http.c      requests in, answers out
 *   link.c        reads, writes, closes        cors.c      origins
 *   plain.c       its socket: struct hub_io    handshake.c Engine.IO requests: checks and routing
 *   ws_link.c     upgrade and messages         eio.c       the session: packets, queue, pings, end
 *   transport.c   start, flush, work, stop     polling.c   GET and POST of a session
 *   pending.c     what strangers may hold      forwarded.c trusted proxies
 *   held.c        the same of all others       tls.c       struct hub_io over OpenSSL
 *   gzip.c        compressed answers           move.c      to another loop
 *
 * Who ends what, so that nothing is freed under its caller: connections and sessions themselves are freed at
 * the end of the turn, from the dead list and the ended list (hub_transport_work). What a connection has of a
 * request or of frames goes earlier, by hub_link_kill. So a connection is killed only where nobody further up
 * has to do with it: in callbacks of the loop, at the end of the turn, and while it only waits for input.
 * Whoever may have been called from its parser, from its message or from its answer dooms it instead
 * (hub_link_doom): it is killed at the end of the turn. */
#ifndef HUB_TRANSPORT_INT_H
#define HUB_TRANSPORT_INT_H
#include <sys/socket.h>
#include <sys/types.h>

#include "base/collection/keyed.h"
#include "base/collection/map.h"
#include "base/id/uuid.h"
#include "base/io/deflate.h"
#include "base/match/cidr.h"
#include "base/match/origin.h"
#include "base/memory/mem.h"
#include "base/telemetry/metric.h"
#include "transport/connection/io.h"
#include "transport/engineio/outq.h"
#include "transport/http/http_parse.h"
#include "transport/transport.h"
#include "transport/websocket/ws_in.h"

#define HUB_IN_SIZE 65536     /* bytes one read may bring; one buffer for the whole loop */
#define HUB_READ_PENDING 8192 /* the same while nobody has signed in; half of HUB_PENDING_BYTES, for two may meet */
#define HUB_READ_ROUNDS 4     /* full buffers one connection may take in a turn before others come */
#define HUB_MAX_OUT 262144    /* unsent answer bytes before the next pipelined request has to wait */
#define HUB_MAX_UNSENT \
    (32 << 20) /* the same of all connections: beyond it those who do not read their answers give way */
#define HUB_PIPELINED_MS \
    4 /* of a turn for what is pipelined: those who send one request at a time have their turn too */
#define HUB_MAX_LISTENERS 4 /* addresses that one host name may stand for */
#define HUB_UPGRADE_TIMEOUT 10000
#define HUB_CLOSE_TIMEOUT 1000  /* ms for the queue and the close frame to leave */
#define HUB_SLOW_TIMEOUT 10000  /* the same for a slow reader, who shall still learn why */
#define HUB_LINGER_TIMEOUT 2000 /* ms for the peer to close after us */

#define HUB_MAX_HELD_LARGE (32 << 20) /* bytes of what has arrived in part, in pieces over HUB_PENDING_BYTES */
#define HUB_MAX_HELD_SMALL (16 << 20) /* and in smaller ones */

struct ssl_st;
struct ssl_ctx_st;

/* ---- who has not signed in ---- */

enum hub_pending { HUB_PENDING_REQUEST, HUB_PENDING_SESSION, HUB_PENDING_KINDS };
struct hub_address {
    uint32_t refs;
    uint32_t n[HUB_PENDING_KINDS];
    struct hub_list reading; /* connections whose request is arriving, the longest first */
    struct hub_ip net;
};

/* ---- what has arrived in part ---- */

struct hub_held_all {
    struct hub_list in_part, whole;
    size_t bytes;
};

struct hub_listener {
    struct hub_transport *t;
    struct hub_watch *watch;
    int fd;
};

/* What was bound, so that nobody else's is removed. */
struct hub_socket_file {
    const char *path; /* NULL: none */
    dev_t device;
    ino_t inode;
};

struct hub_transport {
    struct hub_loop *loop;
    struct hub_transport_config cfg;
    const struct hub_transport_ops *ops;
    void *ctx;
    struct hub_listener listeners[HUB_MAX_LISTENERS];
    int listener_n, port;
    struct hub_socket_file file;
    bool accepting, held, draining, any_origin;
    uint32_t turn; /* counts flushes */
    size_t max_links;
    struct hub_timer accept_retry;
    int64_t accept_warned;
    char *in; /* HUB_IN_SIZE bytes */
    struct hub_list links;
    size_t link_n;
    struct hub_keyed eios;               /* by sid */
    struct hub_list due_eios, due_links; /* have something to send: flushed at the end of the turn */
    struct hub_list busy;                /* connections with input to go on with */
    int64_t busy_until;                  /* in this turn (hub_real_ms); 0 = none has gone on yet */
    struct hub_timer go_on;              /* with those that did not have their turn */
    struct hub_list doomed;              /* connections that end with this turn */
    struct hub_list moving;              /* hub_link_edge.moving: those that go to another loop then */
    struct hub_list dead, ended;         /* to be freed */
    struct hub_task work;
    struct hub_chunk *ping, *close_packet; /* frames that every session sends */
    struct hub_deflater *deflater;         /* of all connections and answers */
    struct hub_inflater *inflater;         /* of all connections */
    struct hub_str base;
    struct hub_str path;        /* of Engine.IO */
    struct hub_origin *origins; /* those listed */
    struct hub_cidr *proxies;   /* those trusted */
    size_t origin_n, proxy_n;
    bool trusts_unix;
    struct hub_map addresses;   /* that hold something, or have a connection */
    struct hub_address nowhere; /* of whoever has none */
    uint32_t pending_n[HUB_PENDING_KINDS];
    struct hub_list reading;      /* the same of all */
    struct hub_list stalled;      /* connections that do not take their answer, the longest first */
    size_t unsent;                /* bytes that answers hold */
    struct hub_held_all input[2]; /* what has arrived in part: small pieces, large ones */
    uint64_t pieces;              /* of INPUT so far */
    const struct hub_io *io;      /* of every link */
    struct ssl_ctx_st *tls;       /* NULL: plain */
    int64_t date_second;
    char date[40];
};

/* ---- connections ---- */

enum hub_link_mode {
    HUB_LINK_HTTP,
    HUB_LINK_PROBE,  /* WebSocket that has not taken over its polling session yet */
    HUB_LINK_WS,     /* WebSocket that carries its session */
    HUB_LINK_LINGER, /* our side is shut; what still comes is thrown away */
    HUB_LINK_DEAD
};

/* What a connection needs before and after the life of a WebSocket: of those there are thousands that do
 * nothing. */
struct hub_link_edge {
    struct hub_link *link;
    struct hub_timer
        timer; /* HTTP: head, body, idle or stalled answer; otherwise the end of a probe, a close or a linger */
    struct hub_buf rest; /* HTTP: what came behind the request being answered */
    struct hub_buf out;  /* answers, and what was taken from the queue for a flat write */
    size_t out_sent;
    size_t unsent;                        /* bytes of answers that are counted with the transport's */
    struct hub_list stalled;              /* in the transport's list */
    struct hub_address *home;             /* its own; NULL until it has sent something, and as a WebSocket */
    struct hub_address *pending;          /* where its request counts; NULL: nowhere */
    struct hub_list reading, reading_all; /* in the lists of those that may have to give way */
    struct hub_list moving;               /* in the transport's list */
    bool moves, moves_whole;              /* to another loop; with its request, or the rest of that is to come */
    uint8_t moves_to;                     /* hub_transport_config.place */
};

struct hub_link {
    struct hub_transport *t;
    struct hub_list node; /* in links, or in dead */
    struct hub_list due;  /* in due_links, or in doomed */
    struct hub_list busy_link;
    struct hub_watch *watch;
    struct ssl_st *ssl;          /* TLS: NULL before the first byte */
    struct hub_http_req *req;    /* HTTP: being read, or being answered */
    struct hub_eio *eio;         /* WebSocket: its session */
    struct hub_ws_in *ws;        /* what is kept of its input; NULL: nothing */
    struct hub_held_input *held; /* the same, counted */
    struct hub_link_edge *edge;  /* NULL: its WebSocket is open and nothing else is to be written */
    int fd;
    uint8_t mode;
    uint8_t doom;   /* enum hub_close_reason, once doomed */
    bool answering; /* HTTP: req is complete and its answer is awaited */
    bool blocked;   /* the socket is full: wait for it to be writable */
    bool served;    /* has answered a request */
    bool eof;
    bool deflate;       /* WebSocket: compression was agreed on */
    bool finish;        /* shut down once everything is written */
    bool doomed;        /* ends with this turn: nothing is read or written any more */
    bool reread;        /* to be read from although the socket may not say so: bytes are left from this turn */
    bool unix_peer;     /* came by the socket file: has no address */
    bool read_held : 1; /* TLS: a read waits for the socket to be writable */
    bool end_next : 1;  /* TLS: an end, an error or a wait to write came behind the bytes of the last read */
    struct hub_ip ip;
};
struct hub_link_edge *hub_link_edge(struct hub_link *c); /* makes it */
/* Gives it back where it is of no use; not while somebody further up works on its output. */
void hub_link_drop_edge(struct hub_link *c);

/* Takes over FD, which is non-blocking. */
void hub_link_new(struct hub_transport *t, int fd, const struct sockaddr *peer);
/* Ends it at once; its session, if any, ends with REASON. The connection itself is freed later, but its
 * request and what has arrived of its frames are freed now: not while somebody further up works on them. */
void hub_link_kill(struct hub_link *c, enum hub_close_reason reason);
/* The same with the end of this turn, and safe from everywhere. What it had to write is freed now, and
 * nothing more is read from it or written to it. */
void hub_link_doom(struct hub_link *c, enum hub_close_reason reason);
/* Moving (move.c): takes it out of its transport, and has it go on in T, which may be another thread's by
 * then. Attached it belongs to T, and nothing happens to it. */
void hub_link_detach(struct hub_link *c);
void hub_link_attach(struct hub_transport *t, struct hub_link *c);
void hub_link_arrive(struct hub_transport *t, struct hub_link *c);
/* Shuts it down after everything queued was written, at most MS from now (0: as long as the peer keeps
 * reading). */
void hub_link_finish(struct hub_link *c, int64_t ms);
void hub_link_due(struct hub_link *c);  /* write at the end of this turn */
void hub_link_busy(struct hub_link *c); /* go on with input at the end of this turn */
/* Writes now what the socket takes; dooms it where the socket is broken. Safe from everywhere. Whether
 * everything was written. */
bool hub_link_write(struct hub_link *c);
/* The same, and then does what waited for everything to be written: may end it, as hub_link_kill does. */
void hub_link_flush(struct hub_link *c);
void hub_link_go_on(struct hub_link *c); /* the work behind hub_link_busy */
void hub_link_watch(struct hub_link *c); /* listen for what its state calls for */
void hub_link_free(struct hub_link *c);
void hub_link_peer(const struct hub_link *c, char out[HUB_IP_TEXT]);
size_t hub_link_unsent(const struct hub_link *c);
void hub_link_count(struct hub_link *c);                         /* its answers have grown or left */
void hub_transport_make_room(struct hub_transport *t, size_t n); /* for an answer of N bytes */

/* ---- other loops (move.c) ---- */

void hub_move_open(struct hub_transport *t);
void hub_move_close(struct hub_transport *t);
/* Its request, WHOLE or with a body to come, is for the session SID: true when that is elsewhere. Then
 * nothing more is read, and it moves at the end of the turn. */
bool hub_move_begin(struct hub_link *c, struct hub_str sid, bool whole);
void hub_move_all(struct hub_transport *t);

/* Reads certificate and key, if there are any: links speak TLS from now on. */
enum hub_code hub_tls_open(struct hub_transport *t, struct hub_err *err);
void hub_tls_close(struct hub_transport *t);

/* ---- strangers ---- */

void hub_pending_register_metrics(void);
/* Counts one of KIND at A, whom *PLACE then refers to; or the status to refuse with. */
int hub_pending_take(struct hub_transport *t, struct hub_address **place, struct hub_address *a, enum hub_pending kind);
void hub_pending_give(struct hub_transport *t, struct hub_address **place, enum hub_pending kind); /* NULL is fine */
/* The connection's request counts from now on; 0, or the status to refuse with. Again: no effect. Where
 * there are too many, the one that has been arriving longest gives way: whoever sends its request at once
 * is not kept out by those who never come to an end. */
int hub_link_enter(struct hub_link *c);
void hub_link_arrived(struct hub_link *c); /* its request is whole: it counts, and need not give way */
int hub_link_enter_for(struct hub_link *c, const struct hub_ip *ip); /* the same at another address than its own */
void hub_link_leave(struct hub_link *c);
void hub_link_leave_home(struct hub_link *c); /* and what it keeps of its own address */
void hub_pending_count_refusal(struct hub_transport *t, int status, const char *peer);
void hub_pending_refuse(struct hub_http_req *r, int status); /* answers */

/* ---- what has arrived in part (held.c) ---- */

void hub_held_register_metrics(void);
void hub_held_init(struct hub_transport *t);
void hub_held_deinit(struct hub_transport *t); /* requests that the layer above still has are let go */
/* What giving way is. */
void hub_http_overload(struct hub_http_req *r); /* 503 */
void hub_ws_overload(struct hub_link *c);       /* 1013 */
void hub_eio_overload(struct hub_eio *e);       /* 1013; polling: the end */

void hub_forwarded_read_config(struct hub_transport *t);
bool hub_forwarded_trusts(const struct hub_transport *t, const struct hub_ip *ip);
/* What a trusted proxy says: sets secure, forwarded_host and peer. True with the client's address (its own
 * when it names none). */
bool hub_forwarded_read(struct hub_http_req *r, struct hub_ip *client);

/* ---- listeners ---- */

enum hub_code hub_listen_open(struct hub_transport *t, struct hub_err *err);
void hub_listen_close(struct hub_transport *t);
void hub_listen_resume(struct hub_transport *t); /* a descriptor has become free */

/* ---- HTTP ---- */

void hub_http_input(struct hub_link *c, char *p, size_t n);
void hub_http_go_on(struct hub_link *c);
void hub_http_arrive(struct hub_link *c); /* goes on with its request, of which nothing but its text counts */
void hub_http_rearm(struct hub_link *c);  /* the timer that its state calls for */
void hub_http_give_way(struct hub_link *c, int status); /* refuses what is still arriving */
void hub_http_eof(struct hub_link *c);
void hub_http_forget(struct hub_link *c); /* the connection is gone: what becomes of its request */
/* The session, if the request belonged to one, no longer waits for it. */
void hub_http_leave_session(struct hub_http_req *req);
/* Answers with the failure form of the REST contract. */
void hub_http_fail(struct hub_http_req *req, int status, const char *message);

/* What an answer of this type, with these headers, is compressed to: *BODY, and true. *VARIES becomes whether
 * another client would get it otherwise. */
bool hub_http_gzip(const struct hub_http_req *req, const char *type, const char *headers, struct hub_str *body,
                   bool *varies);

/* ---- other sites ---- */

enum hub_site {
    HUB_SITE_OWN,    /* a page of the host that was asked, or no page at all */
    HUB_SITE_LISTED, /* one of listen.corsOrigins */
    HUB_SITE_ANY,    /* another one while "*" is listed: let in without cookies */
    HUB_SITE_FOREIGN
};
void hub_site_read_config(struct hub_transport *t);
void hub_site_judge(struct hub_http_req *r);            /* sets site; cookies of a page of elsewhere are forgotten */
bool hub_site_is_refused(const struct hub_http_req *r); /* by its site and what it asks for */
bool hub_site_names_us(const struct hub_http_req *r);   /* the Host is one we answer to */
void hub_site_refuse(struct hub_http_req *r);           /* answers, and says why in the log */
void hub_cors_add(struct hub_http_req *req, struct hub_buf *head);
void hub_cors_preflight(struct hub_http_req *req);

/* ---- WebSocket ---- */

/* False when REQ is no proper opening handshake; it was answered then. */
bool hub_ws_check(struct hub_http_req *req);
/* Answers REQ with 101 and turns its connection into the WebSocket of EIO, or into one that may take over. */
void hub_ws_upgrade(struct hub_http_req *req, struct hub_eio *eio, bool probe);
/* Accepts and closes: what the reference server does with a second WebSocket of a session. */
void hub_ws_turn_away(struct hub_http_req *req, const char *text);
void hub_ws_input(struct hub_link *c, char *p, size_t n);
void hub_ws_drop_input(struct hub_link *c); /* what is kept of it */

/* ---- Engine.IO ---- */

enum hub_eio_state {
    HUB_EIO_RUNNING,
    HUB_EIO_CLOSING, /* told or about to be told to the layer above; the last bytes are on their way */
    HUB_EIO_GONE     /* nothing left but to be freed */
};

struct hub_eio {
    struct hub_transport *t;
    void *client;           /* NULL before open and after closed */
    struct hub_link *link;  /* the WebSocket it lives on; NULL while polling */
    struct hub_link *probe; /* a WebSocket that asks to take over */
    struct hub_http_req *poll, *post;
    struct hub_list due, ended;
    struct hub_outq q;
    size_t waiting;     /* bytes that were queued already when the turn began: the peer had its chance to take them */
    uint32_t turn;      /* in which WAITING was noted */
    uint32_t pinged_at; /* loop time, its lower half */
    struct hub_timer timer; /* next ping, missing pong, or the end of closing */
    int64_t last_in;
    struct hub_address *pending; /* where it counts until somebody has signed in */
    struct hub_held_input *held; /* what the layer above keeps of a message in part */
    int32_t latency;             /* ms, of the last ping that was answered; -1: none */
    uint8_t state, reason;
    bool pinged, upgrading, signed_in;
    char sid[HUB_SID_LEN + 1];
};

struct hub_str hub_eio_key(const void *eio); /* of the transport's index */
/* Requests at the path of Engine.IO: looks at the head when a body is still to come, and at the whole. */
bool hub_eio_is_path(const struct hub_http_req *req);
bool hub_eio_moves(struct hub_http_req *req, bool whole); /* hub_move_begin */
void hub_eio_route_head(struct hub_http_req *req);
void hub_eio_route(struct hub_http_req *req);
void hub_eio_forbid(struct hub_http_req *req);    /* answers */
void hub_eio_too_large(struct hub_http_req *req); /* the body is over the bound: its session ends */

/* What it may be sent in one piece, and how much may wait for it. */
size_t hub_eio_max_in(const struct hub_eio *e);
size_t hub_eio_max_queue(const struct hub_eio *e);
/* Room for LEN more bytes in the queue, which is full (slow_reader.c). False: there is none, and the
 * session may have been ended. */
bool hub_eio_make_room(struct hub_eio *e, uint32_t len, int flags);
/* A new session with its open packet queued and the layer above asked; NULL when that refuses. Takes over
 * its place at PENDING. */
HUB_MUST struct hub_eio *hub_eio_new(struct hub_http_req *req, struct hub_link *websocket, struct hub_address *pending);
/* A packet as WebSocket carries it. False when the session has ended. */
bool hub_eio_packet(struct hub_eio *e, struct hub_str payload, bool binary);
void hub_eio_probe_packet(struct hub_link *c, struct hub_str payload, bool binary);
/* Begins the end, with a last WebSocket frame or Engine.IO packet behind what is queued. */
void hub_eio_end(struct hub_eio *e, enum hub_close_reason reason, int ws_code, const char *text, int64_t ms);
/* The end: its transport is gone, or has taken everything. */
void hub_eio_gone(struct hub_eio *e, enum hub_close_reason reason);
void hub_eio_reap(struct hub_eio *e); /* tells the layer above; frees once gone */
void hub_eio_due(struct hub_eio *e);
/* The pong has not come in time, though the timer has not had its turn yet. */
bool hub_eio_is_overdue(const struct hub_eio *e);

void hub_polling_get(struct hub_eio *e, struct hub_http_req *req);
/* False when the payload is malformed; REQ is not answered then. */
bool hub_polling_post(struct hub_eio *e, struct hub_http_req *req);
void hub_polling_flush(struct hub_eio *e);
void hub_polling_release(struct hub_eio *e);       /* answers a held GET with a noop */
void hub_polling_forget(struct hub_http_req *req); /* its connection is gone */

void hub_transport_work(struct hub_transport *t); /* schedules it */
/* Whether this turn still has time for what was pipelined behind a request. */
bool hub_transport_may_go_on(struct hub_transport *t);

extern struct hub_metric hub_metric_connections, hub_metric_polling, hub_metric_websocket, hub_metric_bytes_in,
    hub_metric_bytes_out, hub_metric_writes, hub_metric_slow, hub_metric_dropped, hub_metric_saved;
#endif
