/* Sockets, HTTP/1.1, WebSocket, and Engine.IO sessions over both. Hands whole Engine.IO messages and HTTP
 * requests up, and drains each session's bounded queue when the peer can take it. Knows nothing of
 * Socket.IO, hubs or users.
 *
 * Upward calls happen on the loop thread, never from inside a call made downwards (hub_eio_send,
 * hub_eio_close …), so the layer above needs no re-entrancy guard. */
#ifndef HUB_TRANSPORT_TRANSPORT_H
#define HUB_TRANSPORT_TRANSPORT_H
#include "base/error/code.h"
#include "base/text/buf.h"
#include "loop/loop.h"
#include "packet/chunk.h"

struct hub_transport;
struct hub_transport_group;
struct hub_eio;      /* one Engine.IO session: a logical connection that survives the polling → WebSocket upgrade */
struct hub_http_req; /* one HTTP request that waits for its answer */

struct hub_transport_config {
    const char *host;                   /* IPv4, IPv6 or name; or "unix:/path"; NULL: nothing is listened on */
    int port;                           /* 0 = any free */
    bool shares_port;                   /* transports of other loops of this process listen there, too */
    const struct hub_transport *beside; /* one that does so already; looked at by hub_transport_new alone */
    /* NULL: one's own is the only transport. Else a connection whose request names a session of another one
     * of the group moves to that one. */
    struct hub_transport_group *group;
    unsigned place;                  /* in the group, below 64, and nobody else's */
    const char *base_path;           /* "" or "/messaging-api": accepted in front of every path, and not required */
    const char *path;                /* of Engine.IO; NULL = "/socket.io" */
    const char *const *cors_origins; /* patterns (origin.h) of pages let in beside the own host's; "*" lets all in,
                                        without cookies */
    size_t cors_n;
    const char *const *trusted_proxies; /* ranges (cidr.h) whose X-Forwarded headers count; "unix:" */
    size_t trusted_n;
    bool
        local_names; /* only requests for local names and listed origins' are answered: see hub_transport_local_names */
    size_t max_pending;             /* requests, and as many sessions, that have not signed in; 0 = 2048 */
    size_t max_pending_per_address; /* the same of one address; 0 = 256 */
    int64_t max_payload;            /* bytes of one HTTP body or one WebSocket message */
    int64_t ping_interval;          /* ms */
    int64_t ping_timeout;           /* ms */
    int64_t head_timeout;           /* ms a connection may take to send a request head or body; 0 = 10000 */
    int64_t idle_timeout;           /* ms a kept-alive connection may stay silent between requests; 0 = 75000 */
    size_t max_queue_bytes;         /* per session */
    bool deflate_websocket;         /* agrees on permessage-deflate with clients that offer it */
    bool gzip_http;                 /* answers with gzip whom takes it */
    size_t deflate_threshold;       /* bytes from which on either is done, at least HUB_DEFLATE_MIN; 0 = 1024 */
    const char *tls_cert_file, *tls_key_file; /* both NULL: plain TCP */
};

/* Why a session ended; the names are Engine.IO's close reasons where it has one. */
enum hub_close_reason {
    HUB_CLOSE_TRANSPORT,  /* "transport close": the peer went away */
    HUB_CLOSE_ERROR,      /* "transport error": socket or TLS error */
    HUB_CLOSE_PARSE,      /* "parse error": broken protocol */
    HUB_CLOSE_PING,       /* "ping timeout" */
    HUB_CLOSE_TOO_LARGE,  /* "too large": frame or body over max_payload, WebSocket close 1009 */
    HUB_CLOSE_SLOW,       /* "slow_reader": queue over its bound, WebSocket close 1013 */
    HUB_CLOSE_OVERLOADED, /* "overloaded": too much was being received altogether, WebSocket close 1013 */
    HUB_CLOSE_CLIENT,     /* "client namespace disconnect" or an Engine.IO close packet */
    HUB_CLOSE_SERVER,     /* "forced server close": hub_eio_close */
    HUB_CLOSE_SHUTDOWN,   /* "server shutting down" */
    HUB_CLOSE_REASON_COUNT
};
const char *hub_close_reason_name(enum hub_close_reason r);

/* What a handshake brought: borrowed, valid during the open callback only. */
struct hub_handshake {
    struct hub_str peer;          /* address without port; the forwarded one behind a trusted proxy */
    struct hub_str authorization; /* header, or empty */
    struct hub_str cookie;        /* header, or empty */
    struct hub_str query;         /* raw query string */
    struct hub_str origin, user_agent;
    bool secure; /* TLS, here or at a trusted proxy */
};

/* What a client may make a connection hold before it has signed in, in bytes of one kind (head, body,
 * frame, queue). */
#define HUB_PENDING_BYTES 16384

struct hub_transport_ops {
    /* A session is open (its open packet is queued). The returned pointer is given to message and closed.
     * NULL refuses and closes. */
    void *(*open)(void *ctx, struct hub_eio *eio, const struct hub_handshake *hs);
    /* One Engine.IO message: text (valid UTF-8, without the '4') or binary. PAYLOAD is valid during the
     * call. */
    void (*message)(void *client, struct hub_str payload, bool binary);
    /* The session is gone; EIO must not be used any more. Called exactly once per opened session. */
    void (*closed)(void *client, enum hub_close_reason reason);
    /* A complete HTTP request outside the path of Engine.IO. Must be answered, at once or later, by
     * hub_http_reply. */
    void (*http)(void *ctx, struct hub_http_req *req);
    /* The head of such a request whose body is larger than HUB_PENDING_BYTES: the rest is read after
     * hub_http_vouch. Answered, at once or later, by that or by hub_http_reply. NULL: everybody may. */
    void (*admit)(void *ctx, struct hub_http_req *req);
    /* A ping was answered, MS after it was queued. NULL: nobody wants to know. */
    void (*heartbeat)(void *client, int64_t ms);
};

/* The transports of a process that share a port, for their config. Any thread. */
HUB_MUST struct hub_transport_group *hub_transport_group_new(void);
void hub_transport_group_free(struct hub_transport_group *g); /* their loops are at rest. NULL is fine */

/* Whether the certificate and the key of CONFIG can be used; listens on nothing. *WHAT becomes "certFile"
 * or "keyFile" when not. */
enum hub_code hub_transport_check_tls(const struct hub_transport_config *config, const char **what,
                                      struct hub_err *err);
/* Whether CONFIG's host, when it is a socket file, has a folder to be made in and a name that is free for
 * it; makes nothing and asks nobody. Other hosts are not looked at. The text is that of hub_transport_new. */
enum hub_code hub_transport_check_file(const struct hub_transport_config *config, struct hub_err *err);
/* Binds and listens; a socket file left by a process that is gone is replaced. HUB_INTERNAL with "cannot
 * listen on HOST:PORT: …" (of a socket file without port) in err. CONFIG's strings must outlive the
 * transport. */
enum hub_code hub_transport_new(struct hub_transport **out, struct hub_loop *loop,
                                const struct hub_transport_config *config, const struct hub_transport_ops *ops,
                                void *ctx, struct hub_err *err);
/* While ON only requests are answered whose Host (and X-Forwarded-Host) is an address, a name that no
 * public name server answers for, or the host of a listed origin: a page of elsewhere whose name was made
 * to point here (DNS rebinding) is refused. For services that believe anybody. */
void hub_transport_local_names(struct hub_transport *t, bool on);
/* While HELD new sessions are refused; requests are served. */
void hub_transport_hold(struct hub_transport *t, bool held);
int hub_transport_port(const struct hub_transport *t); /* the port really bound */
/* Takes FD, one end of a pair of connected stream sockets, as if it had been accepted; it belongs to the
 * transport from now on. For a program that has its own clients inside. */
void hub_transport_adopt(struct hub_transport *t, int fd);
/* From now on new sessions are refused and answers say "Connection: close". The listener stays: clients
 * that poll need new connections to fetch what is queued for them. */
void hub_transport_drain(struct hub_transport *t);
/* Sessions that poll; UNDELIVERED: only those with something queued. */
size_t hub_transport_polling(const struct hub_transport *t, bool undelivered);
/* Closes the listener; existing connections go on. */
void hub_transport_stop_listening(struct hub_transport *t);
/* Closes every session (HUB_CLOSE_SHUTDOWN) after flushing what the sockets take at once. */
void hub_transport_close_all(struct hub_transport *t);
/* Everything must be closed; frees. */
void hub_transport_delete(struct hub_transport *t);
/* Writes everything that became due this turn, one write per connection. Set as the loop's flush hook by
 * hub_transport_new. */
void hub_transport_flush(struct hub_transport *t);
size_t hub_transport_connections(const struct hub_transport *t); /* TCP connections */
size_t hub_transport_sessions(const struct hub_transport *t);    /* Engine.IO sessions */

/* ---- Engine.IO sessions ---- */

enum {
    HUB_SEND_EPHEMERAL = 1, /* may be dropped when the reader is slow; newest wins */
    HUB_SEND_PLAIN = 2      /* is not compressed, and neither is what goes with it in one answer to a poll */
};

/* Queues bytes [off, off+len) of CHUNK: whole frames, or what they are when compressed, which is made once
 * for all connections that agreed on it. Takes its own reference. Bytes that continue the
 * queue's last piece (same chunk, same flags) just extend it. Nothing is written before the flush hook,
 * unless the queue would exceed max_queue_bytes: then what the socket takes at once is written, next
 * ephemeral frames are dropped, oldest first; if that is not enough the session is closed with
 * HUB_CLOSE_SLOW (closed callback later, in this turn). A reader that keeps up is not slow: an empty queue
 * takes one piece of any size, and what one turn queues for a peer that was not behind when it began may
 * reach four times the bound. */
void hub_eio_send(struct hub_eio *eio, struct hub_chunk *chunk, uint32_t off, uint32_t len, int flags);
/* Ends the session after what is queued was written (bounded by 1 s). WS_CODE 1000 etc. The closed
 * callback comes later. */
void hub_eio_close(struct hub_eio *eio, enum hub_close_reason reason, int ws_code, const char *ws_reason);
/* Pings before the next ping is due; nothing while a pong is awaited already. */
void hub_eio_ping(struct hub_eio *eio);
const char *hub_eio_sid(const struct hub_eio *eio);
int64_t
hub_eio_last_in(const struct hub_eio *eio); /* loop time of the last packet from the client, heartbeats included */
int64_t hub_eio_latency(const struct hub_eio *eio); /* ms of the last heartbeat's round trip; -1: none has come back */
size_t hub_eio_queued(const struct hub_eio *eio);   /* bytes */
bool hub_eio_is_websocket(const struct hub_eio *eio);
/* A user is known behind it: it no longer counts as pending, and may send and be sent as much as
 * configured. */
void hub_eio_signed_in(struct hub_eio *eio);
/* The layer above keeps BYTES of a message whose rest is still to come; 0: it came. All sessions together
 * may keep so much only: the one that has kept its part for longest ends (HUB_CLOSE_OVERLOADED), possibly
 * this one; the closed callback comes later. */
void hub_eio_hold(struct hub_eio *eio, size_t bytes);

/* ---- HTTP requests ---- */

enum hub_http_method {
    HUB_HTTP_GET,
    HUB_HTTP_HEAD,
    HUB_HTTP_POST,
    HUB_HTTP_PUT,
    HUB_HTTP_PATCH,
    HUB_HTTP_DELETE,
    HUB_HTTP_OPTIONS,
    HUB_HTTP_OTHER
};
enum hub_http_method hub_http_method(const struct hub_http_req *r);
struct hub_str hub_http_path(const struct hub_http_req *r); /* raw, base path removed, no query */
/* The base path counts as part of the path from now on; false when there was none. */
bool hub_http_keep_base(struct hub_http_req *r);
struct hub_str hub_http_query(const struct hub_http_req *r);                               /* raw, without '?' */
struct hub_str hub_http_header(const struct hub_http_req *r, const char *lower_case_name); /* empty when absent */
struct hub_str hub_http_body(const struct hub_http_req *r);
void hub_http_drop_body(struct hub_http_req *r); /* nobody will ask for it any more: it is empty from now on */
struct hub_str hub_http_peer(const struct hub_http_req *r);
/* the peer has closed, its own side at least; the request must be answered all the same */
bool hub_http_gone(const struct hub_http_req *r);
/* The wall time in which it is answered; 0 when nobody reads the answer. */
int64_t hub_http_wall(const struct hub_http_req *r);
/* A user is known behind the request: it no longer counts as pending, and the rest of its body is read. */
void hub_http_vouch(struct hub_http_req *req);
/* Value of NAME in a raw query string, percent-decoded ('+' is a space) into OUT; false when absent. */
bool hub_query_get(struct hub_str query, const char *name, struct hub_buf *out);
/* Whether N bytes of TYPE are answered with "Content-Encoding: gzip": they are text, of the size from which
 * on this server does that, and the client takes it. */
bool hub_http_takes_gzip(const struct hub_http_req *r, const char *type, size_t n);
/* Answers and releases REQ; when the peer has gone meanwhile it only releases. HEADERS is "" or whole
 * lines "Name: value\r\n". Content-Length, Date, Connection and CORS headers are added, and text is
 * compressed where that helps, unless HEADERS say "no-transform" or "Content-Encoding". */
void hub_http_reply(struct hub_http_req *req, int status, const char *content_type, struct hub_str body,
                    const char *headers);
#endif
