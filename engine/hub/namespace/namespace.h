/* Plain Socket.IO namespaces of service.yaml, served by Lua handlers. docs/namespaces.md is the user's
 * view.
 *
 * The handlers of one socket run one after the other: onConnect, events in order of arrival, onDisconnect.
 * A handler that waits holds up its own socket only. Behind it up to 1,000 events or about 4 MiB wait;
 * what is more is answered with overloaded. Events that had arrived before the socket closed are still
 * handled. Loop thread only. */
#ifndef HUB_HUB_NAMESPACE_NAMESPACE_H
#define HUB_HUB_NAMESPACE_NAMESPACE_H
#include "hub/call/call.h"

/* Who serves NAME: a namespace by its path, also with the service's basePath in front. */
bool hub_namespaces_find(struct hub_engine *e, struct hub_str name, const struct hub_namespace_ops **ops, void **owner);
/* What the namespace of that path has of a hub; NULL: there is none. */
struct hub_hub *hub_namespaces_hub(struct hub_engine *e, struct hub_str path);
/* The same; a name that fits an expression and that nobody uses yet stays as long as the caller counts in
 * hub_hub.kept of what comes back. NULL also when too many names are in use. */
struct hub_hub *hub_namespaces_open(struct hub_engine *e, struct hub_str path);
/* What C's namespace has of a hub. */
struct hub_hub *hub_namespace_hub(const struct hub_namespace_conn *c);
/* Whether two sockets of a namespace are in a room together. */
bool hub_namespace_share_room(const struct hub_namespace_conn *a, const struct hub_namespace_conn *b);
/* What scripts send by other functions than the methods of socket and namespace. It reaches clients as theirs
 * does: handlers of outgoing see it, and clients that may come back miss nothing. */
struct hub_namespace_event {
    json_t *name, *data; /* borrowed from the call */
    bool unseen;         /* a handler of outgoing sends it: none of them sees it */
};
/* CALL's argument AT, a text, with the next one as data. Not after a wait: whoever called may be gone
 * then. */
struct hub_namespace_event hub_namespace_event(const struct hub_host_call *call, size_t at);
/* To one that is connected: */
void hub_namespace_send(struct hub_namespace_conn *c, const struct hub_namespace_event *e);
/* The same for what is sent to it by other ways: its handlers of outgoing see it. */
void hub_namespace_show(struct hub_namespace_conn *c, const struct hub_namespace_event *e);
/* Whether that makes a difference: else a spread (fanout/fanout.h) does. */
bool hub_namespace_is_watched(const struct hub_namespace_conn *c);
/* To all clients of namespaces with recovery, those included that are away; ONLY: of one namespace.
 * EXCEPT: ids of sockets, or NULL. In one go, for who goes in the middle would be told that he has missed
 * nothing. How many are connected. */
size_t hub_namespaces_broadcast(struct hub_engine *e, const struct hub_hub *only, const json_t *except,
                                const struct hub_namespace_event *event);
/* What a handler sends to the namespace PATH: the event at 0 of VALUES and its arguments behind it, to
 * everybody in one of ROOMS (NULL: in all of it) who is in none of EXCEPT (NULL: no room), lists of texts. */
struct hub_namespace_cast {
    struct hub_str path;
    const json_t *rooms, *except;
    json_t *values;
    struct hub_binaries bins;
    bool unseen; /* as of an event */
};
void hub_namespace_cast(struct hub_engine *e, const struct hub_namespace_cast *cast); /* to its members here */
bool hub_namespace_recovers(const struct hub_namespace_conn *c);                      /* that has reached it */
/* Appends the paths, separated by ", ". */
void hub_namespaces_list(struct hub_engine *e, struct hub_buf *out);
/* Users' rate windows that are over go (rate.c). */
void hub_namespaces_sweep(struct hub_engine *e, int64_t now);

extern const struct hub_part hub_namespaces_part;
#endif
