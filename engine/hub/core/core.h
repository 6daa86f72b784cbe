/* What all of engine/hub works on: the engine, its hubs, the parts that features of hubs are, and the
 * hooks that both call. Everything here is the engine's and lives on its loop. */
#ifndef HUB_CORE_CORE_H
#define HUB_CORE_CORE_H
#include "async/hold.h"
#include "async/work.h"
#include "base/mem.h"
#include "base/metric.h"
#include "data/change_feed.h"
#include "data/objects.h"
#include "hook/hook.h"
#include "hub/core/event_json.h"
#include "hub/core/part.h"
#include "hub/engine.h"
#include "hub/reads/reads.h"
#include "identity/identity.h"
#include "room/room.h"

/* Calls STEP of all parts of engine E that have it. */
#define HUB_PARTS_CALL(e, step, ...)                                        \
    for (const struct hub_part *const *part_ = (e)->parts; *part_; part_++) \
        if ((*part_)->step) (*part_)->step(__VA_ARGS__)

struct hub_engine {
    struct hub_engine_config config;
    const struct hub_part *const *parts; /* hub_parts; a test may have others */
    struct hub_map commands;             /* name → struct hub_dispatch (engine_int.h) */
    const struct hub_command **rows;     /* the same, in the order of the parts; ends with NULL */
    struct hub_hub **hubs;               /* rooms and connections point at them, so they never move */
    size_t hub_n;
    struct hub_hub **gone; /* hubs that a reload took out of service; kept until the end */
    size_t gone_n;
    bool draining;
    struct hub_holds holds; /* work under way, by name */
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
};

/* For whom a hook runs, as the engine functions that it calls see it. A hook that decides who may enter
 * must not wait for decisions: they might wait for it. */
struct hub_caller {
    struct hub_hub *hub;
    bool decides;
};

struct hub_hub {
    struct hub_engine *engine;
    struct hub_caller caller, decider;
    const struct hub_def *def;
    const struct hub_hub_tables *tables;
    struct hub_map rooms; /* id → hub_room */
    struct hub_map users; /* userId → hub_user */
    struct hub_list conns;
    struct hub_list decisions;       /* under way */
    struct hub_map reauthorizations; /* under way (reauthorize.c) */
    bool forget_lost; /* the cache did not hear of something that is to be forgotten: it is not asked until it has
                         forgotten everything */
    struct hub_hold forgetting; /* everything, just now */
    uint64_t rules;             /* what decisions follow from: part of their keys */
    bool gone;                  /* a reload took it out of service: DEF and TABLES may be gone, too */
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
/* Where PART, whose room_data is true, keeps what it has of the room; NULL there: nothing. Freed by its
 * room_emptied. */
void **hub_room_data(struct hub_room *room, const struct hub_part *part);
/* Whether any part has something there. */
bool hub_room_has_data(const struct hub_room *room);

/* As a JSON array. New reference. */
json_t *hub_strs_json(const struct hub_strs *names);

/* ---- hooks ---- */

/* Context shared by hooks: room under "room" and under the room object's name. */
size_t hub_hook_room_args(const struct hub_hub *hub, json_t *record, struct hub_hook_arg *args, size_t n);
static inline void hub_hook_call(struct hub_hub *hub, const struct hub_script *script, const struct hub_hook_arg *args,
                                 size_t n, hub_hook_done *done, void *arg) {
    hub->engine->config.hooks->call(hub->engine->config.scripts, script, &hub->caller, args, n, done, arg);
}
/* A hook that is part of a decision. */
static inline void hub_hook_decide(struct hub_hub *hub, const struct hub_script *script,
                                   const struct hub_hook_arg *args, size_t n, hub_hook_done *done, void *arg) {
    hub->engine->config.hooks->call(hub->engine->config.scripts, script, &hub->decider, args, n, done, arg);
}
/* Logs and counts a failed hook. */
void hub_hook_failed(const struct hub_hub *hub, const struct hub_script *script, enum hub_code code, const char *error);
#endif
