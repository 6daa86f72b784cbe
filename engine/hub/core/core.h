/* What all of engine/hub works on: the engine, its hubs, the parts that features of hubs are, and the
 * hooks that both call. Everything here is the engine's and lives on its loop. */
#ifndef HUB_CORE_CORE_H
#define HUB_CORE_CORE_H
#include "async/backlog.h"
#include "async/hold.h"
#include "async/work.h"
#include "base/collection/keyed.h"
#include "base/collection/walk.h"
#include "base/memory/mem.h"
#include "base/telemetry/metric.h"
#include "data/change_feed.h"
#include "data/objects.h"
#include "hook/hook.h"
#include "hub/core/event_json.h"
#include "hub/core/part.h"
#include "hub/engine.h"
#include "hub/read_turns/read_turns.h"
#include "identity/identity.h"
#include "room/room.h"

/* The parts of engine E that have STEP, in their order; *PART ends with NULL. */
#define HUB_PARTS_EACH(e, step, part) \
    for (const struct hub_part *const *part = hub_parts_having(e, offsetof(struct hub_part, step)); *part; part++)
/* Calls STEP of all of them. */
#define HUB_PARTS_CALL(e, step, ...) HUB_PARTS_EACH(e, step, part_)(*part_)->step(__VA_ARGS__)

void hub_users_init(struct hub_keyed *users); /* empty, for hub_user by their ids (call/user.c) */

/* All connections of a service, of hubs and plain namespaces, the oldest first (call/directory.c). */
struct hub_directory {
    struct hub_walked conns; /* hub_conn.in_directory */
    struct hub_keyed by_id;  /* the socket's id → hub_conn */
    struct hub_keyed users;  /* userId → hub_user, the first of that id (call/user.c) */
    size_t online_n;         /* users that are connected, strangers not counted */
};

/* Which parts have something, a step or a place of theirs, in the order of all parts; each list ends with
 * NULL. There are dozens of parts, most steps are of one or two, and connecting alone asks for six. */
#define HUB_PART_STEPS ((sizeof(struct hub_part) - offsetof(struct hub_part, declared)) / sizeof(void *))
#define HUB_PART_PLACES 3 /* room_data, conn_data, engine_data */
struct hub_parts_having {
    const struct hub_part **step[HUB_PART_STEPS], **place[HUB_PART_PLACES];
};

struct hub_namespace_cast;
struct hub_engine {
    struct hub_engine_config config;
    const struct hub_part *const *parts; /* hub_parts; a test may have others (hub_parts_use) */
    struct hub_parts_having having;      /* the same, sorted by what they have */
    void **part_data;                    /* hub_engine_part */
    struct hub_map limit_ids;            /* name → number (call/rate.c) */
    struct hub_map commands;             /* name → struct hub_dispatch (engine_int.h) */
    const struct hub_command **rows;     /* the same, in the order of the parts; ends with NULL */
    struct hub_hub **hubs;               /* rooms and connections point at them, so they never move */
    size_t hub_n;
    struct hub_hub **gone; /* hubs that a reload took out of service; kept until the end */
    size_t gone_n;
    bool draining;
    /* An event's, and a request's by REST from ADDRESS: here, or at the node that its room is on (guest/). */
    void (*run_call)(struct hub_call *call);
    void (*run_request)(struct hub_call *call, struct hub_str address);
    /* Whether CALL of FN, of a script, is carried out by another node; NULL: there is none. */
    bool (*run_script_call)(struct hub_engine *e, const struct hub_host_fn *fn, struct hub_host_call *call);
    /* Whether another node owns the slot in which PART has NAME; NULL: there is none. */
    bool (*slot_is_elsewhere)(const struct hub_engine *e, const struct hub_part *part, struct hub_str name);
    /* To the members that a plain namespace has at other nodes; NULL: there are none. */
    void (*cast_elsewhere)(struct hub_engine *e, const struct hub_namespace_cast *cast);
    struct hub_holds holds; /* work under way, by name */
    struct hub_backlog backlog;
    struct hub_bridge *bridge;
    struct hub_nodes nodes;
    struct hub_data data;
    struct hub_outbox *outbox; /* NULL: the bus is in this process */
    hub_trace *trace;          /* hubctl why: told of every layer of a decision; NULL in a server */
    void *trace_arg;
    struct hub_timer sweep; /* forgets idle users' rate windows */
    struct hub_retries retries;
    struct hub_buf scratch[4]; /* empty buffers that nobody has at the moment */
    size_t scratch_n;
    int64_t last_asked; /* wall ms: the latest moment at which somebody asked to speak */
    struct hub_reads reads;
    struct hub_directory directory;
};

/* For whom a hook runs, as the engine functions that it calls see it. A hook that decides who may enter
 * must not wait for decisions: they might wait for it. */
struct hub_grant;
struct hub_caller {
    struct hub_hub *hub;
    bool decides;
    struct hub_grant *grant; /* by whose guard: what that reads is noted there (guard/guard.h); NULL: nowhere */
};

/* A hub, or what a plain namespace has of one: connections, users and what parts declare, but no rooms. */
struct hub_hub {
    struct hub_engine *engine;
    struct hub_caller caller, decider;
    const struct hub_def *def;
    const struct hub_hub_tables *tables; /* NULL in a plain namespace */
    struct hub_map rooms;                /* id → hub_room */
    struct hub_walked room_list;         /* the same: hub_room.in_hub */
    struct hub_list users;               /* hub_user.link */
    bool one_of_many;                    /* a plain namespace whose path is an expression */
    struct hub_keyed own_users;          /* of one of many: userId → hub_user (call/user.c) */
    struct hub_list conns;
    struct hub_list decisions;       /* under way */
    struct hub_map reading;          /* rows of rooms that decisions have asked for in this turn (room_read.c) */
    struct hub_map reauthorizations; /* under way (reauthorize.c) */
    bool forget_lost; /* the cache missed an invalidation: it is not read until it has been invalidated as a whole */
    struct hub_hold forgetting; /* the invalidation of everything is under way */
    uint64_t rules;             /* what decisions follow from: part of their keys */
    size_t kept; /* work under way that refers to it and may outlive its connections: a plain namespace stays */
    bool gone;   /* a reload took it out of service: DEF and TABLES may be gone, too */
};

static inline struct hub_hub *hub_of(const struct hub_room *room) { return room->owner; }

/* ---- buffers that are at hand (event_json.c) ---- */

/* An empty buffer, the caller's own until it is given back; so that what is written for every message or
 * answer allocates nothing, and whoever is called meanwhile writes elsewhere. */
struct hub_buf hub_scratch_take(struct hub_engine *e);
void hub_scratch_give(struct hub_engine *e, struct hub_buf *b); /* leaves B empty */

/* ---- rooms (rooms.c) ---- */

/* Finds or makes the hub's room ID. The caller gets a reference. */
struct hub_room *hub_room_of(struct hub_hub *hub, struct hub_str id);
void hub_room_record_changed(struct hub_room *room); /* parts hear that the list of rooms has */
/* The slot where PART, whose room_data is true, keeps its data of the room; NULL in it: none. Freed by its
 * room_emptied. */
void **hub_room_data(struct hub_room *room, const struct hub_part *part);
/* Whether any part has something there. */
bool hub_room_has_data(const struct hub_room *room);

/* ---- parts (parts_data.c) ---- */

/* E has these from now on. */
void hub_parts_use(struct hub_engine *e, const struct hub_part *const *parts);
void hub_parts_deinit(struct hub_engine *e);
/* Those that have the step at offset STEP; ends with NULL. */
static inline const struct hub_part *const *hub_parts_having(const struct hub_engine *e, size_t step) {
    return e->having.step[(step - offsetof(struct hub_part, declared)) / sizeof(void *)];
}
/* How many of the engine's parts want the place whose flag is at offset FLAG, up to PART (NULL: all). */
size_t hub_parts_with(const struct hub_engine *e, size_t flag, const struct hub_part *part);
/* The slot where PART, whose engine_data is true, keeps its data of the service. */
void **hub_engine_part(struct hub_engine *e, const struct hub_part *part);

/* What all hubs have from their beginning, plain namespaces included. */
void hub_hub_init(struct hub_hub *h, struct hub_engine *e, const struct hub_def *def);

/* As a JSON array. New reference. */
HUB_MUST json_t *hub_strs_json(const struct hub_strs *names);

/* ---- hooks ---- */

/* The variable hubRole: null, a role, or "system". New reference. */
static inline HUB_MUST json_t *hub_rights_name_json(const struct hub_rights *r) {
    const char *name = hub_rights_name(r);
    return name ? json_string(name) : json_null();
}
/* Context shared by hooks: room under "room" and under the room object's name. */
size_t hub_hook_room_args(const struct hub_hub *hub, json_t *record, struct hub_hook_arg *args, size_t n);
/* hub_hook_wants of the scripts in force. */
static inline bool hub_script_wants(const struct hub_engine *e, const struct hub_script *script, const char *variable) {
    return hub_hook_wants(e->config.hooks, e->config.scripts, script, variable);
}
static inline void hub_hook_call(struct hub_hub *hub, const struct hub_script *script, const struct hub_hook_arg *args,
                                 size_t n, hub_hook_done *done, void *arg) {
    hub->engine->config.hooks->call(hub->engine->config.scripts, script, &hub->caller, args, n, done, arg);
}
/* A hook that is part of a decision. */
static inline void hub_hook_decide(struct hub_hub *hub, const struct hub_script *script,
                                   const struct hub_hook_arg *args, size_t n, hub_hook_done *done, void *arg) {
    hub->engine->config.hooks->call(hub->engine->config.scripts, script, &hub->decider, args, n, done, arg);
}
/* The table of the DataObject that the first argument of C names; NULL: there is none, and it was
 * answered. */
const struct hub_table *hub_host_table(struct hub_engine *e, struct hub_host_call *c);
/* Logs and counts a failed hook. HUB NULL: it is the service's. */
void hub_hook_failed(const struct hub_hub *hub, const struct hub_script *script, enum hub_code code, const char *error);
#endif
