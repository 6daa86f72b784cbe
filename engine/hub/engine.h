/* Runs the hubs of one service. Finds namespaces for the session layer, runs commands from name to commit
 * in the one order that keeps room, store and audience agreed, and calls the scripts. Everything on the
 * loop thread. */
#ifndef HUB_HUB_ENGINE_H
#define HUB_HUB_ENGINE_H
#include "fanout/bus.h"
#include "hook/hook.h"
#include "loop/loop.h"
#include "mesh/link.h"
#include "persist/cache.h"
#include "persist/store.h"
#include "persist/tables.h"
#include "schema/def.h"
#include "session/session.h"

struct hub_command;
struct hub_engine;
struct hub_hub;
struct hub_identity;
struct hub_data;
struct hub_backlog;
struct hub_holds;
struct hub_reads;
struct hub_reader;

struct hub_engine_config {
    struct hub_loop *loop;
    const struct hub_service *service;
    const struct hub_tables *tables;
    struct hub_store *store;
    struct hub_cache *cache;
    struct hub_bus *bus;
    const struct hub_hook_ops *hooks;
    struct hub_scripts *scripts;       /* may be set later: hub_engine_set_scripts. NULL: they have ended */
    struct hub_identity_ctx *identity; /* how connections are authenticated */
    /* The engine of the process' first loop, which empties the outbox for all. It is there until this one is
     * deleted and its loop has had a turn after that. NULL: this is the first. */
    const struct hub_engine *first;
};

HUB_MUST struct hub_engine *hub_engine_new(const struct hub_engine_config *config);
/* The scripts need the engine's host functions, so they are made after it and handed over here; NULL when
 * they have ended. */
void hub_engine_set_scripts(struct hub_engine *e, struct hub_scripts *scripts);
/* What scripts may call of all parts, with E as ctx, before NEXT. E may be NULL where nothing is called;
 * HOSTS is the caller's and must live as long as the scripts. */
#define HUB_ENGINE_HOSTS 32
const struct hub_host *hub_engine_hosts(struct hub_host hosts[HUB_ENGINE_HOSTS], struct hub_engine *e,
                                        const struct hub_host *next);
/* Appends the names of all namespaces, hubs' and plain ones, with ", " between. */
void hub_engine_list(struct hub_engine *e, struct hub_buf *out);
/* Who serves NAME: a hub as "/hub/<hub>" after any prefix, or a plain namespace. */
bool hub_engine_find(struct hub_engine *e, struct hub_str name, const struct hub_namespace_ops **ops, void **owner);
struct hub_hub *hub_engine_hub(struct hub_engine *e, struct hub_str hub_name);
/* A reload took it out of service; the struct stays. Requests of it are HUB_NOT_FOUND. */
bool hub_hub_gone(const struct hub_hub *hub);
/* Starts what runs without anybody connected (keepAlive actions, bridged topics). */
void hub_engine_start(struct hub_engine *e);
/* New definitions for running hubs (SIGHUP). Members keep their places; rights follow the role of the same
 * name, then they are worked out again: DONE comes when they have been, or after some seconds, possibly
 * before this returns. Sockets whose identity no longer stands are ended. The old service, tables and
 * scripts must stay until calls under way have ended. */
typedef void hub_reloaded(void *arg);
void hub_engine_reload(struct hub_engine *e, const struct hub_service *service, const struct hub_tables *tables,
                       struct hub_scripts *scripts, hub_reloaded *done, void *arg);
/* From now on sends and joins are refused with shutting_down; everybody is told hub:draining. */
void hub_engine_drain(struct hub_engine *e, int64_t retry_after_ms);
/* Clients are gone: rooms close, and whoever hears of that (onRoomClosed) is under way then. */
void hub_engine_close(struct hub_engine *e);
/* It becomes one of the nodes that CONFIG's link joins (mesh/mesh.h), when it is about to serve; at most
 * once. */
enum hub_code hub_engine_join(struct hub_engine *e, const struct hub_mesh_link_ops *link,
                              struct hub_mesh_link_config *config, struct hub_err *err);
/* Stops waiting for what is under way: scripts, store and bus may be closed after it. Records of the bus
 * whose work is not over by now come again after the next start. */
void hub_engine_stop(struct hub_engine *e);
/* Rows of the service's DataObjects (data/objects.h). */
struct hub_data *hub_engine_data(struct hub_engine *e);
/* Work that is still under way (writes, scripts, reads), or waits for its turn (reads): by name, and how
 * much there is. */
struct hub_holds *hub_engine_holds(struct hub_engine *e);
struct hub_backlog *hub_engine_backlog(struct hub_engine *e); /* of payloads that wait (async/backlog.h) */
size_t hub_engine_pending(const struct hub_engine *e);
/* Whether events are on their way from the outbox to the bus. What does not get there now goes after the
 * next start. */
bool hub_engine_relays(const struct hub_engine *e);
void hub_engine_delete(struct hub_engine *e); /* all sockets, scripts, store and bus must be closed */

/* ---- why somebody may enter, or not (hubctl why) ---- */

/* LAYER as in the definition ("roomEligibility", "authSources.owner"), OUTCOME in words, VALUE what
 * decided it (NULL = nothing to show); borrowed. */
typedef void hub_trace(void *arg, const char *layer, const char *outcome, const json_t *value);
/* Decides as a join would, but past the cache, telling TRACE of each layer, and DONE how it ended: CODE,
 * and the role's name (NULL = none). */
typedef void hub_why_done(void *arg, enum hub_code code, const char *role);
void hub_engine_why(struct hub_hub *hub, struct hub_identity *who, struct hub_str room_id, hub_trace *trace,
                    hub_why_done *done, void *arg);

/* ---- one request, from a socket or from REST ---- */

/* Answer to a call: CODE HUB_OK with FIELDS (JSON members without braces, e.g. "\"message\":{…}") whose
 * main member is DATA_NAME (NULL = none); otherwise ERR says why and FIELDS may carry members for the
 * error ("\"retryAfterMs\":900"). Of a refusal in a script's own words, HUB_REJECTED, DATA_NAME is the code
 * that the script has given it, else NULL. Borrowed during the call. */
typedef bool hub_call_gone(void *arg); /* whether nobody waits for the answer any more */
typedef void hub_call_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                            struct hub_str fields);

/* The commands of all parts, as rows (hub/core/part.h), in the order of the parts; ends with NULL. */
const struct hub_command *const *hub_engine_commands(const struct hub_engine *e);
/* Whether the part that COMMAND is of is declared in HUB, which has not gone. */
bool hub_hub_declares(const struct hub_hub *hub, const struct hub_command *command);
/* What somebody asks by REST. */
struct hub_request {
    struct hub_identity *who;
    struct hub_str address; /* the peer's, by which reads take turns where nobody has a name */
    json_t *args;           /* an object, a new reference given away */
    hub_call_reply *reply;  /* comes exactly once, possibly at once */
    hub_call_gone *gone;    /* a read whose turn comes when this is true is not carried out */
    void *arg;              /* of both */
};
/* Runs COMMAND, which has a REST path, for somebody who is not in the room, if it is about one: the join
 * decision is made first, and nothing of the room or user limits applies (contract: rest.md). */
void hub_engine_request(struct hub_hub *hub, const struct hub_command *command, const struct hub_request *q);
/* Runs COMMAND, which is about the channel CHANNEL and no room, in the first window that fits it; as
 * hub_engine_request. NOT_FOUND: there is none. */
void hub_engine_channel_request(struct hub_engine *e, const char *command, struct hub_str channel,
                                const struct hub_request *q);
/* The same with the record ID. */
void hub_engine_record_request(struct hub_engine *e, const char *command, struct hub_str id,
                               const struct hub_request *q);
/* For other reads by REST (read_turns.h). Who asks is a user, or where every request is another one, an
 * address. */
struct hub_reads *hub_engine_reads(struct hub_engine *e);
struct hub_reader *hub_engine_reader(struct hub_engine *e, const struct hub_identity *who, struct hub_str address);
/* The hub's public description (GET /{hub}): appends JSON members without braces. */
void hub_engine_describe(const struct hub_hub *hub, struct hub_buf *out);
/* roleId of a session (a text or a list of them) against a list of names. */
bool hub_session_has_role(const json_t *session, const struct hub_strs *roles);
/* Puts a record on the bus (POST /bus/{topic}, development only). HEADERS: an object of texts, or NULL. */
void hub_engine_publish(struct hub_engine *e, struct hub_str topic, struct hub_str key, const json_t *headers,
                        const json_t *record, hub_bus_done *done, void *arg);
#endif
