/* The conductor: one service's hubs at work. Finds namespaces for the session layer, runs commands from
 * name to commit in the one order that keeps room, store and audience agreed, and calls the scripts.
 * Everything on the loop thread. */
#ifndef HUB_HUB_ENGINE_H
#define HUB_HUB_ENGINE_H
#include "fanout/bus.h"
#include "hook/hook.h"
#include "loop/loop.h"
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
    struct hub_scripts *scripts;       /* may be set later: hub_engine_set_scripts */
    struct hub_identity_ctx *identity; /* how connections are authenticated */
};

struct hub_engine *hub_engine_new(const struct hub_engine_config *config);
/* The scripts need the engine's host functions, so they are made after it and handed over here. */
void hub_engine_set_scripts(struct hub_engine *e, struct hub_scripts *scripts);
/* Rows for hub_host.fns (tables objects, db, redis, hub, kafka); their ctx is the engine. */
extern const struct hub_host_fn hub_engine_host_fns[];
/* Which hub serves NAME: "/hub/<hub>" after any prefix. */
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
/* The end of waiting for what is under way: scripts, store and bus may be closed now. Records of the bus
 * whose work is not over by now come again after the next start. */
void hub_engine_stop(struct hub_engine *e);
/* Rows of the service's DataObjects (data/objects.h). */
struct hub_data *hub_engine_data(struct hub_engine *e);
/* Work that is still under way (writes, scripts, reads), or waits for its turn (reads): by name, and how
 * much there is. */
struct hub_holds *hub_engine_holds(struct hub_engine *e);
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
 * error ("\"retryAfterMs\":900"). Borrowed during the call. */
typedef bool hub_call_gone(void *arg); /* whether nobody waits for the answer any more */
typedef void hub_call_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                            struct hub_str fields);

/* The commands of all parts, as rows (hub/core/part.h), in the order of the parts; ends with NULL. */
const struct hub_command *const *hub_engine_commands(const struct hub_engine *e);
/* Runs COMMAND, which has a REST path, for somebody who is not in the room: the join decision is made first,
 * and nothing of the room or user limits applies (contract: rest.md). ADDRESS is the peer's, by which reads
 * take turns where nobody has a name. ARGS is an object, a new reference given away. REPLY comes exactly
 * once, possibly at once; a read whose turn comes when GONE is not carried out. */
void hub_engine_request(struct hub_hub *hub, struct hub_identity *who, struct hub_str address,
                        const struct hub_command *command, json_t *args, hub_call_reply *reply, hub_call_gone *gone,
                        void *arg);
/* For other reads by REST (reads.h). Who asks is a user, or where every request is another one, an
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
