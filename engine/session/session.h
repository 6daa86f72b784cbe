/* Socket.IO on top of Engine.IO sessions: namespaces, CONNECT and its refusals, events, acknowledgements
 * both ways, binary attachments, disconnects. Knows users only as an identity somebody attached to a
 * socket.
 *
 * A client is one Engine.IO session; a socket is one namespace of it. Callbacks run on the loop thread.
 *
 * What a stranger sends, and what becomes of it:
 * - no Socket.IO packet, JSON that is none, an event without a name or with a reserved one, attachments
 *   that do not fit, a first packet that is no CONNECT, a CONNECT to a namespace the client is in: the
 *   protocol is broken; the Engine.IO session ends (HUB_CLOSE_PARSE).
 * - an event whose JSON is well formed but refused by hub_json_parse (nesting, duplicate keys, lone
 *   surrogates, numbers like 1e400; the event's name included): a bad request. It is answered here, through
 *   the acknowledgement {"ok":false,"error":{"code":"bad_request",…}} or else by hub:error, and reaches no
 *   callback.
 * - an event with more attachments than HUB_SIO_MAX_ATTACHMENTS: a bad request, answered at once; the
 *   attachments are thrown away as they come.
 * - a packet for a namespace the client is not in (any more): ignored, since it may have crossed our
 *   DISCONNECT.
 * - an acknowledgement nobody waits for, or without an id: ignored.
 * A namespace is found without the query that a client wrote behind its name ("/hub/chat?a=b"), and every
 * packet to the client names it as the client did: stock clients compare the whole name. Bounds: 50
 * namespaces per client, names of 256 bytes, HUB_SIO_MAX_ATTACHMENTS attachments of max_payload bytes
 * together with their text, HUB_PENDING_ACKS_MAX acknowledgements that a socket waits for (no further one is
 * asked for). Until a first namespace is joined: packets of HUB_PENDING_BYTES, and MAX_JOINING CONNECTs at a
 * time, of MAX_JOINING_BYTES with the credentials they are judged by; further ones are overloaded. */
#ifndef HUB_SESSION_SESSION_H
#define HUB_SESSION_SESSION_H
#include "base/collection/list.h"
#include "base/collection/map.h"
#include "base/id/uuid.h"
#include "base/json/json.h"
#include "base/memory/bug.h"
#include "packet/chunk.h"
#include "packet/sio.h"
#include "transport/transport.h"

struct hub_client;
struct hub_socket;

/* Binary attachments of one packet, in order. In JSON their places are {"_placeholder":true,"num":i}. */
struct hub_binaries {
    struct hub_str *items;
    size_t n;
};

/* What serves a namespace. All functions but HEARTBEAT and USED are required. */
struct hub_namespace_ops {
    /* CONNECT arrived with AUTH (borrowed; NULL when the client sent none). Answer now or later with
     * hub_socket_accept or hub_socket_refuse. Events before that are dropped, as the protocol forbids
     * them. */
    void (*connect)(struct hub_socket *s, json_t *auth);
    /* An event: ARGS is the JSON array without the event's name (borrowed; take a reference to keep it).
     * EVENT and the bytes of BINS are valid during the call; BINS is NULL when there are none. ACK is -1,
     * or goes to hub_socket_ack once. */
    /* The name of an event may be a number; EVENT is its text then and s->event_is_number is set. */
    void (*event)(struct hub_socket *s, struct hub_str event, json_t *args, const struct hub_binaries *bins,
                  int64_t ack);
    /* The socket is gone (also when it was never accepted), called exactly once, for hub_socket_disconnect
     * before that returns. REASON is Socket.IO's text. S lives on until the last unref. */
    void (*closed)(struct hub_socket *s, const char *reason);
    /* A heartbeat of the client of S, which is open, took MS there and back. NULL: nobody wants to know. */
    void (*heartbeat)(struct hub_socket *s, int64_t ms);
    /* One more (BY 1) or fewer (-1) of the names that clients write for OWNER is in use. While none is, no
     * socket refers to OWNER. Not called any more once the sessions are deleted. */
    void (*used)(void *owner, int by);
};

/* A namespace name as clients wrote it, shared by the sockets that use it and freed with the last of them.
 * Sockets of one hub may differ in it (proxy prefixes), so a broadcast is encoded once per name. */
struct hub_nsp {
    uint32_t refs;
    bool relayed; /* the name of guests: it is inside a struct hub_relay (guest.h) */
    const struct hub_namespace_ops *ops;
    void *owner; /* the hub or the plain namespace that serves it */
    struct hub_str name;
};

enum hub_socket_state {
    HUB_SOCKET_CONNECTING,
    HUB_SOCKET_OPEN,
    HUB_SOCKET_GUEST, /* open, and its client is on another node (guest.h) */
    HUB_SOCKET_CLOSED
};

struct hub_socket {
    uint32_t refs;
    uint32_t event_bytes;      /* during the event callback: of the JSON that came */
    struct hub_client *client; /* NULL once closed, and of a guest */
    struct hub_nsp *nsp;
    struct hub_list link; /* in the client's sockets */
    char sid[HUB_SID_LEN + 1];
    uint8_t state;        /* enum hub_socket_state */
    bool event_is_number; /* during the event callback */
    bool guest;
    void *user; /* the namespace owner's data about this socket */
};

struct hub_sessions;
struct hub_sessions_config {
    int64_t connect_timeout; /* ms to join a first namespace; 0 = 45000 */
    int64_t max_payload;     /* bytes of one packet with its attachments; 0 = 1000000 */
    /* Finds who serves NAME: fills ops and owner; false = Invalid namespace. */
    bool (*find)(void *ctx, struct hub_str name, const struct hub_namespace_ops **ops, void **owner);
    /* Appends the names there are, for the log line about one there is not. May be NULL. */
    void (*list)(void *ctx, struct hub_buf *out);
    void *ctx;
    /* Forwarded from the transport. */
    void (*http)(void *ctx, struct hub_http_req *req);
    void (*admit)(void *ctx, struct hub_http_req *req);
};

HUB_MUST struct hub_sessions *hub_sessions_new(struct hub_loop *loop, const struct hub_sessions_config *config);
/* The upward table for hub_transport_new; its ctx is the hub_sessions. */
extern const struct hub_transport_ops hub_sessions_transport_ops;
/* Every Engine.IO session must be closed; sockets somebody still refers to live on. */
void hub_sessions_delete(struct hub_sessions *s);

/* From now on handshakes keep the cookie NAME (borrowed until the next call; NULL: none) of those that are
 * too long to be kept whole. */
void hub_sessions_keep_cookie(struct hub_sessions *s, const char *name);

static inline struct hub_socket *hub_socket_ref(struct hub_socket *s) { return s->refs++, s; }
void hub_socket_unref(struct hub_socket *s);
/* What is kept from the handshake, valid while the client lives; all empty on a closed socket. Of a long
 * query only access_token is kept, of long cookies that and the one of hub_sessions_keep_cookie, of a long
 * peer, origin or user agent the beginning. */
struct hub_handshake hub_socket_handshake(const struct hub_socket *s);
/* The id of its client's Engine.IO session; NULL on a closed socket. Whoever has it may poll in that client's
 * name. */
const char *hub_socket_client_id(const struct hub_socket *s);
/* CONNECT's auth object while the socket connects (borrowed); NULL when the client sent none, and once it
 * is accepted or refused. */
HUB_MUST json_t *hub_socket_auth(struct hub_socket *s);
/* CONNECT accepted; from here events flow. No effect on a closed socket. */
void hub_socket_accept(struct hub_socket *s);
/* The same with further members in the answer, ",\"pid\":…" or empty. S->sid, which is the other one, may
 * have been replaced before by that of a closed socket of the namespace. */
void hub_socket_accept_with(struct hub_socket *s, struct hub_str members);
/* CONNECT_ERROR {"message":…,"data":DATA_JSON}; DATA_JSON may be empty. The socket is closed (closed
 * callback: not called). Only before hub_socket_accept; no effect on a closed socket. */
void hub_socket_refuse(struct hub_socket *s, const char *message, struct hub_str data_json);
/* Sends ["event",ARGS]; ARGS is JSON text without brackets. Flags: HUB_SEND_EPHEMERAL. This and all that
 * follow: no effect unless open. */
void hub_socket_emit(struct hub_socket *s, struct hub_str event, struct hub_str args, int flags);
/* Answers an event: ARGS as above. No effect when ACK < 0 or the socket is closed. */
void hub_socket_ack(struct hub_socket *s, int64_t ack, struct hub_str args, const struct hub_binaries *bins);
/* An event that failed is answered: by the acknowledgement {"ok":false,"error":{"code","message"}} when
 * one was asked for, else by hub:error {"error","code","event"}. MESSAGE NULL takes the code's own text. */
void hub_socket_fail(struct hub_socket *s, struct hub_str event, int64_t ack, enum hub_code code, const char *message);
/* Names that Socket.IO keeps for itself ("connect", "disconnect", …): no event may be called so, in either
 * direction. */
bool hub_event_reserved(struct hub_str event);
/* The frames of [NAME,ARGS] for sockets of NSP, to be sent to many with hub_socket_send_chunk. NAME is
 * JSON: a string or a number. BINS may be NULL. refs = 1. */
HUB_MUST struct hub_chunk *hub_nsp_event_chunk(const struct hub_nsp *nsp, struct hub_str name_json, struct hub_str args,
                                               const struct hub_binaries *bins);
/* Queues frames already encoded for this socket's namespace name. */
void hub_socket_send_chunk(struct hub_socket *s, struct hub_chunk *chunk, uint32_t off, uint32_t len, int flags);
/* DISCONNECT packet, then closed callback ("server namespace disconnect"); CLOSE does so for every socket
 * of the client and ends the Engine.IO session. Works on a socket that still connects, too. */
void hub_socket_disconnect(struct hub_socket *s, bool close);
/* Ends the Engine.IO session with REASON and calls closed for every socket of the client, without
 * DISCONNECT packets: these tell stock clients to stay away, after anything else they connect again.
 * DETAIL is for the log. */
void hub_socket_drop(struct hub_socket *s, enum hub_close_reason reason, const char *detail);
/* Asks the peer for a sign of life now, unless it is being asked already. */
void hub_socket_ping(struct hub_socket *s);
int64_t hub_socket_last_in(const struct hub_socket *s);
int64_t hub_socket_latency(const struct hub_socket *s); /* ms of its client's last heartbeat; -1: not known yet */
size_t hub_socket_queued(const struct hub_socket *s);   /* bytes that its client has not taken yet */

/* ---- acknowledgements by the client ---- */

enum hub_ack_result {
    HUB_ACK_RECEIVED,    /* ARGS is the JSON array of what the client answered, BINS its attachments or NULL:
                            borrowed for the call */
    HUB_ACK_INVALID,     /* it came, but hub_json_parse refuses it (nesting, duplicate keys, …); ARGS is NULL */
    HUB_ACK_TIMED_OUT,   /* whatever comes later is ignored; ARGS is NULL */
    HUB_ACK_DISCONNECTED /* the socket is closed, by either side; the client may have had the event; ARGS is NULL */
};
struct hub_pending_ack;
typedef void hub_ack_cb(struct hub_pending_ack *p, enum hub_ack_result result, json_t *args,
                        const struct hub_binaries *bins);
/* An acknowledgement that somebody waits for, inside a struct of that owner, who keeps it until CB has come
 * or it was cancelled. Zero-initialised nothing is waited for. Holds no reference to the socket: the end of
 * the socket is a result. */
struct hub_pending_ack {
    struct hub_acks *of; /* the socket's; NULL: not pending */
    hub_ack_cb *cb;
    struct hub_list link;
    struct hub_timer timer;
    int64_t id;
};
#define HUB_PENDING_ACKS_MAX 256 /* of one socket */
/* Sends ["event",ARGS] with an id, which the client's acknowledgement repeats; BINS may be NULL.
 *
 * True: CB comes exactly once, never inside this call, at the latest about TIMEOUT_MS (at least 1) from now.
 * It may use P anew, or free it. When the socket closes, those that are pending are told in the order in
 * which they were asked for, before the namespace's closed callback; so they are inside hub_socket_disconnect
 * and hub_socket_drop.
 * False: the socket is not open, or HUB_PENDING_ACKS_MAX are pending on it. Nothing was sent, and CB does not
 * come.
 * P must not be pending. */
HUB_MUST bool hub_socket_emit_with_ack(struct hub_socket *s, struct hub_str event, struct hub_str args,
                                       const struct hub_binaries *bins, struct hub_pending_ack *p, int64_t timeout_ms,
                                       hub_ack_cb *cb);
/* CB does not come; an answer is ignored. No effect on one that is not pending. */
void hub_pending_ack_cancel(struct hub_pending_ack *p);
#endif
