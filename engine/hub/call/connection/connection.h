/* A connection as its calls see it, its user, all connections of the service, and the order of what one of
 * them sends. */
#ifndef HUB_CALL_CONNECTION_CONNECTION_H
#define HUB_CALL_CONNECTION_CONNECTION_H
#include "hub/core/core.h"

/* A user of the hub, over all connections and rooms. Kept while connected or while the rate window
 * remembers something. */
struct hub_user {
    struct hub_user *next; /* of the same id, of another hub */
    struct hub_hub *hub;   /* NULL: of all namespaces by expression together, only to be counted */
    struct hub_list link;  /* hub->users */
    uint32_t conns, rooms;
    uint32_t known_conns;   /* those in the directory, but for strangers' */
    struct hub_rate *rates; /* one for each limit that remembers something */
    char id[];
};

/* One socket of a hub or of a plain namespace. */
struct hub_call;
struct hub_namespace_conn;
/* What a connection has sent that waits for its turn (order.c). */
struct hub_conn_waiting {
    struct hub_list admitted; /* hub_call.in_waiting: its own joins of the admission hook, before all others */
    struct hub_list calls;    /* hub_call.in_waiting */
    size_t n, cost;           /* of CALLS */
};
struct hub_conn {
    uint32_t refs;
    bool open; /* CONNECT was answered: it is among the hub's connections */
    bool closed;
    bool refreshing;                  /* a new token is being looked at */
    bool client_named, client_proven; /* of its client_id: its client has named it, and proved that it is its own */
    bool going_on;
    uint8_t busy;     /* HUB_BUSY_…: what it sends now waits (order.c) */
    uint32_t after_n; /* scripts of middleware that run after answers of its calls */
    struct hub_hub *hub;
    struct hub_namespace_conn *plain; /* of a plain namespace: its handlers and rooms; else NULL */
    struct hub_socket *socket;        /* holds a reference */
    struct hub_outlet outlet;
    struct hub_identity *identity; /* hub_identity_stranger() in a namespace without authentication */
    struct hub_user *user;
    struct hub_list members; /* hub_member.in_conn */
    struct hub_list link;    /* hub->conns */
    struct hub_timer idle;
    struct hub_expiry *expiry;        /* until the token expires */
    struct hub_reader *reader;        /* NULL while it reads nothing */
    struct hub_conn_waiting *waiting; /* NULL: no call waits */
    size_t payload_bytes;             /* of all its calls (hub_call.waits) */
    void **part_data;                 /* of parts, hub_conn_data; NULL while none has anything */
    int64_t since;                    /* wall ms: when it came */
    json_t *metadata;                 /* an object, never changed but replaced; NULL: it has none */
    char *reason; /* why it has ended: in the words of who ended it, else Socket.IO's; NULL: it has not */
    struct hub_walked_item in_directory;
    char *traceparent; /* of its CONNECT; NULL: none */
    char *client_id;   /* of its client; NULL: clients have no ids here (client/client.h) */
};
/* What scripts see of it as "connection". A new reference. */
HUB_MUST json_t *hub_conn_json(const struct hub_conn *c);
/* {query, headers, address, secure, time} of its handshake, a new reference; NULL once it is closed. */
HUB_MUST json_t *hub_conn_handshake_json(const struct hub_conn *c);
/* S, whose CONNECT is not answered yet, as WHO. The reference is that of S's owner, until hub_conn_close. */
HUB_MUST struct hub_conn *hub_conn_new(struct hub_hub *hub, struct hub_socket *s, struct hub_identity *who);
/* Whether parts let C in, whose CONNECT is not answered: first by what it has brought (hub_part.arriving),
 * and when everything else is found good, to be open (opening). False: it was refused, and is closed. */
HUB_MUST bool hub_conn_arrives(struct hub_conn *c);
HUB_MUST bool hub_conn_opens(struct hub_conn *c);
void hub_conn_opened(struct hub_conn *c); /* its CONNECT was answered */
/* Among the connections of its hub, and of the service, from now on. */
void hub_conn_open(struct hub_conn *c);
/* Of a guest (guest/guest.h), which is a connection of its own node: that finds, counts and tells it. */
void hub_conn_open_guest(struct hub_conn *c);
/* What scripts see of it has changed: its metadata, its rooms; whether it is there. */
void hub_conn_readable_changed(struct hub_conn *c);
void hub_conn_came_or_went(struct hub_conn *c);
/* METADATA, an object within the bounds, is given away. BY: see hub_part.readable_changed. */
void hub_conn_set_metadata(struct hub_conn *c, json_t *metadata, const void *by);
#define HUB_METADATA_MEMBERS 256 /* of the object itself */
#define HUB_METADATA_DEPTH 32    /* of objects and lists in one another */
#define HUB_METADATA_OF_CONNECTIONS "metadata.connection.maxBytes"
/* Whether VALUE, of a connection or a room, is within the bounds; else ERR names the one it is over: BOUND (a
 * key of definitions) is MOST bytes. */
enum hub_code hub_metadata_check(const json_t *value, const char *bound, int64_t most, struct hub_err *err);
/* Ends the socket, by itself and not with its client, which stays away then. REASON: for onDisconnect; may
 * be empty. The connection is closed when this returns. */
void hub_conn_disconnect(struct hub_conn *c, struct hub_str reason);
/* Where PART, whose conn_data is true, keeps what it has of the connection; NULL there: nothing. Freed by its
 * disconnected. */
void **hub_conn_data(struct hub_conn *c, const struct hub_part *part);
/* The same without making a place: NULL when PART has nothing. */
void *hub_conn_kept(const struct hub_conn *c, const struct hub_part *part);
/* Its socket is closed, or about to be refused: parts let go of what they have of C, what it has sent and
 * waits is dropped. REASON is Socket.IO's. Gives back the owner's reference. */
void hub_conn_close(struct hub_conn *c, const char *reason);
void hub_conn_unref(struct hub_conn *c);
static inline struct hub_conn *hub_conn_ref(struct hub_conn *c) { return c->refs++, c; }
struct hub_member *hub_conn_member(struct hub_conn *c, const struct hub_room *room); /* NULL when not in it */

/* ---- all connections of the service (directory.c) ---- */

void hub_directory_init(struct hub_directory *d);
void hub_directory_deinit(struct hub_directory *d); /* nobody is connected */
void hub_directory_add(struct hub_conn *c);
void hub_directory_remove(struct hub_conn *c);
struct hub_conn *hub_directory_find(const struct hub_directory *d, struct hub_str id); /* NULL: there is none */

/* ---- the order of what a connection sends (order.c) ---- */

/* A hub:join before all that the connection has sent or will send; those that are added go one after the
 * other, from hub_order_joined on. */
void hub_order_admit(struct hub_call *call);
#define HUB_ORDER_AFTER_MAX 64 /* scripts of middleware that run after answers of a connection's calls */
enum {
    HUB_BUSY_JOINING = 1, /* a hub:join is not answered yet */
    HUB_BUSY_JUDGING = 2, /* middleware judges a call */
    HUB_BUSY_AFTER = 4    /* HUB_ORDER_AFTER_MAX scripts run after answers */
};
/* Runs RUN(call) now or, as long as its connection is busy, later. */
void hub_order_go(struct hub_call *call, void (*run)(struct hub_call *call));
void hub_order_joining(struct hub_call *call); /* a hub:join, before it may have to wait for its turn */
void hub_order_joined(struct hub_conn *c);     /* it was answered: what waited goes on */
void hub_order_judging(struct hub_call *call); /* middleware is around it: what follows waits until it runs */
void hub_order_judged(struct hub_conn *c);     /* it runs, or was refused: what waited goes on */
void hub_order_afterwards(struct hub_conn *c); /* a script will run after an answer */
void hub_order_after(struct hub_conn *c);      /* one of them has ended */
void hub_order_drop(struct hub_conn *c);       /* the connection is closed */
/* A call that has waited takes the connection's present identity, which hub:refreshToken may have
 * replaced. True: it was another one when the call was sent. */
bool hub_call_renew(struct hub_call *call);

/* ---- users (user.c) ---- */

struct hub_user *hub_user_get(struct hub_hub *hub, struct hub_str id);
void hub_user_release(struct hub_user *u); /* frees the user when nothing has to be remembered */
/* C, connected from now on or not any more, is one of its user's. Strangers, who have an address in the place
 * of an id, are not counted. */
void hub_user_count(struct hub_conn *c, int by);
bool hub_user_online(const struct hub_directory *d, struct hub_str id); /* in any hub or plain namespace */
void hub_users_free(struct hub_hub *hub);                               /* frees all users, when the hub ends */
void hub_users_sweep(struct hub_hub *hub, int64_t now);                 /* frees those that are idle by now */
#endif
