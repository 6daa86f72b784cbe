/* Clients by their ids: an Engine.IO session with all its sockets, of hubs and plain namespaces, under an id
 * that it names itself, so that it is the same client when it comes back (contract: extensions.md "clients").
 * Nothing of it is kept where service.yaml has no clients. Loop thread only. */
#ifndef HUB_CLIENT_CLIENT_H
#define HUB_CLIENT_CLIENT_H
#include "hub/call/call.h"
#include "hub/metadata/metadata.h"
#include "hub/namespace/namespace.h"

extern const struct hub_part hub_clients_part;

/* ---- what can be done with a client, wherever it is connected ---- */

/* Whose socket is meant. */
struct hub_client_at {
    struct hub_str id;         /* of a client; or */
    bool is_socket;            /* of a socket itself */
    const struct hub_hub *hub; /* of a client: its socket of that hub or plain namespace; NULL: its only one */
};
/* RESULT is a new reference given away, NULL: nil; BINS are its binary values, borrowed, or NULL. ERROR is
 * for whoever has called; NULL: the text of CODE. */
typedef void hub_client_done(void *arg, enum hub_code code, json_t *result, const struct hub_hook_bins *bins,
                             const char *error);
/* One request of the server. */
struct hub_client_question {
    struct hub_str type;
    json_t *data;                     /* borrowed; defaults of fields are filled in. NULL: null */
    const struct hub_hook_bins *bins; /* its binary values, borrowed, or NULL */
    int64_t timeout_ms;
    bool unseen; /* a handler of outgoing asks: none of them sees it */
};
#define HUB_INVOKE_MS 4000
#define HUB_INVOKE_MAX_MS 600000

/* Arguments are borrowed for the call; where HUB says whose socket is meant it is not looked at later. DONE
 * comes exactly once, possibly before the function returns. CLIENT_NOT_FOUND: nobody has that id, or no such
 * socket; CLIENT_DISCONNECTED: it is away, and may come back. */
struct hub_client_ops {
    /* {clientId, userId, nodeId, address, connectedAt, metadata, connections}, or nil; metadata are those of
     * its socket of SEEN_FROM, else of its first one. */
    void (*get)(struct hub_engine *e, struct hub_str id, const struct hub_hub *seen_from, hub_client_done *done,
                void *arg);
    void (*count)(struct hub_engine *e, hub_client_done *done, void *arg);
    void (*set_metadata)(struct hub_engine *e, const struct hub_client_at *at, const json_t *change,
                         enum hub_metadata_strategy strategy, hub_client_done *done, void *arg);
    void (*send)(struct hub_engine *e, const struct hub_client_at *at, const struct hub_namespace_event *event,
                 hub_client_done *done, void *arg);
    /* CLIENT_FAILED: what it has answered; REQUEST_TIMEOUT; NOT_FOUND: no such type is defined;
     * INVALID_CONTENT: the data do not fit it; TOO_MANY names the limit. */
    void (*invoke)(struct hub_engine *e, const struct hub_client_at *at, const struct hub_client_question *q,
                   hub_client_done *done, void *arg);
    /* The whole client, with all its sockets. */
    void (*disconnect)(struct hub_engine *e, struct hub_str id, struct hub_str reason, hub_client_done *done,
                       void *arg);
};
/* Those of this process. */
extern const struct hub_client_ops hub_clients_here;

/* ---- those of this process ---- */

/* One that is connected, or was and may come back. */
struct hub_client_entry {
    struct hub_walked_item in_connected; /* number 0: it is away */
    struct hub_clients *all;
    char *id;
    char *user;                 /* "": only strangers so far */
    bool named;                 /* by itself; else ID is that of its session */
    char *session;              /* of Engine.IO; NULL: it is away */
    struct hub_list sockets;    /* hub_client_socket.link, in the order of coming */
    struct hub_list superseded; /* the same, of sessions that it was before, until the new one is open */
    int64_t since;              /* wall ms: when its session began to be it */
    bool told;                  /* that it is connected */
    json_t *metadata;           /* as it had them when it went; NULL: none */
    struct hub_list in_away;    /* the longest away first */
    struct hub_timer grace;     /* while it is away */
};
/* Whether the service has clients; else HUB_FEATURE_DISABLED. */
bool hub_clients_on(const struct hub_engine *e);
struct hub_walked *hub_clients_connected(struct hub_engine *e);                    /* hub_client_entry.in_connected */
struct hub_client_entry *hub_client_find(struct hub_engine *e, struct hub_str id); /* NULL: there is none */
/* The socket by which it is seen from HUB, its first one if it has none there; NULL: it is away. */
struct hub_conn *hub_client_seen(const struct hub_client_entry *client, const struct hub_hub *hub);
/* As hub_client_ops.get, of one that is connected. New reference. */
HUB_MUST json_t *hub_client_json(const struct hub_client_entry *client, const struct hub_hub *seen_from);
#endif
