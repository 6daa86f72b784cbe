/* Plain Socket.IO namespaces of service.yaml, served by Lua handlers. docs/namespaces.md is the user's
 * view.
 *
 * The handlers of one socket run one after the other: onConnect, events in order of arrival, onDisconnect.
 * A handler that waits holds up its own socket only. Behind it up to 1,000 events or about 4 MiB wait;
 * what is more is answered with overloaded. Events that had arrived before the socket closed are still
 * handled. Loop thread only. */
#ifndef HUB_NAMESPACE_NAMESPACE_H
#define HUB_NAMESPACE_NAMESPACE_H
#include "async/hold.h"
#include "hook/hook.h"
#include "identity/identity.h"
#include "loop/loop.h"
#include "schema/def.h"
#include "session/session.h"

struct hub_namespaces;
struct hub_namespaces_config {
    struct hub_loop *loop;
    struct hub_holds *holds; /* of handlers that run or wait; always the same ones */
    const struct hub_service *service;
    const struct hub_hook_ops *hooks;
    struct hub_scripts *scripts; /* may be set later: hub_namespaces_set_scripts */
    struct hub_identity_ctx *identity;
};
struct hub_namespaces *hub_namespaces_new(const struct hub_namespaces_config *config);
/* Replaces the configuration (scripts made, definitions reloaded). Sockets of a namespace that still
 * exists go on with its new handlers, those of one that does not are disconnected. Afterwards nothing of
 * the old configuration is used. */
void hub_namespaces_configure(struct hub_namespaces *n, const struct hub_namespaces_config *config);
/* The scripts need the host functions below, so they are made later and handed over here. NULL, before
 * they are deleted: no handler starts any more, what waits is dropped when its turn comes. */
void hub_namespaces_set_scripts(struct hub_namespaces *n, struct hub_scripts *scripts);
/* All sockets must be closed and no handler may be running (scripts deleted). */
void hub_namespaces_delete(struct hub_namespaces *n);

/* Who serves NAME: a namespace by its path, also with the service's basePath in front. */
bool hub_namespaces_find(struct hub_namespaces *n, struct hub_str name, const struct hub_namespace_ops **ops,
                         void **owner);
/* Appends the paths, separated by ", ". */
void hub_namespaces_list(const struct hub_namespaces *n, struct hub_buf *out);
/* From now on CONNECT is refused with shutting_down. */
void hub_namespaces_drain(struct hub_namespaces *n);

/* Rows of table "socket" (see hook.h); their ctx is the hub_namespaces. */
extern const struct hub_host_fn hub_namespaces_host_fns[];
#endif
