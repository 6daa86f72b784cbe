/* What operators and load balancers ask: /healthz, /readyz, /metrics (contract: rest.md), and the static
 * files of a service. */
#ifndef HUB_OPS_OPS_H
#define HUB_OPS_OPS_H
#include "async/backlog.h"
#include "async/hold.h"
#include "fanout/bus.h"
#include "identity/identity.h"
#include "persist/cache.h"
#include "persist/store.h"
#include "schema/def.h"
#include "transport/transport.h"

struct hub_ops_config {
    const struct hub_store *store; /* NULL: not opened yet */
    const struct hub_cache *cache;
    const struct hub_bus *bus;
    const struct hub_identity_ctx *identity; /* NULL before the service is open */
    const bool *open;                        /* clients are let in */
    const bool *draining;
    int64_t started_ms;          /* wall ms: when the process was started */
    struct hub_holds *holds;     /* work under way; NULL: there is no engine yet */
    struct hub_backlog *backlog; /* payloads that wait; the same */
};
/* Takes REQ when its path is one of the three. */
bool hub_ops_handle(const struct hub_ops_config *config, struct hub_http_req *req);

/* Files below <service>/public, read into memory at start and served at /: at most 1,000 files and 16 MiB
 * together. Links that lead nowhere are left out: each is told to SKIPPED (may be NULL). No such folder is
 * HUB_OK and NULL. */
struct hub_static;
typedef void hub_static_skipped(void *arg, const char *path);
enum hub_code hub_static_load(const char *folder, hub_static_skipped *skipped, void *arg, struct hub_static **out,
                              struct hub_err *err);
void hub_static_free(struct hub_static *s);
/* The console's files at /console/…, and the stock Socket.IO client for browsers below PATH (listen.path):
 * socket.io.js, socket.io.min.js, socket.io.esm.min.js. NULL when the program was built without them. */
struct hub_static *hub_static_console(void);
struct hub_static *hub_static_client(const char *path);
/* Takes GET and HEAD requests of files there are ("/" is index.html). S may be NULL. */
bool hub_static_handle(const struct hub_static *s, struct hub_http_req *req);

/* The page to try hubs: /console, its files, and /console/hubs.json, which names the hubs and the ways to
 * prove who one is. FILES may be NULL. Takes every request at or below /console, whether SERVICE has the
 * console on or not. */
bool hub_console_handle(const struct hub_service *service, const struct hub_static *files, struct hub_http_req *req);
#endif
