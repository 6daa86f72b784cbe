/* The part: its events, the function of scripts, its life. */
#include <stdlib.h>

#include "hub/collection/collection_int.h"

/* collections.refresh(id): of all hubs and namespaces where somebody watches it; how many these are. */
static void host_refresh(void *ctx, struct hub_host_call *call) {
    struct hub_collections *all = hub_collections_of(ctx);
    struct hub_str id = hub_json_str(json_array_get(call->args, 0));
    int64_t n = 0;
    if (!hub_id_ok(id)) {
        call->done(call, HUB_BAD_REQUEST, NULL, "collections.refresh(id): id is " HUB_ID_EXPECTED);
        return;
    }
    HUB_LIST_EACH(&all->list, it) {
        struct hub_collection *c = HUB_CONTAINER(it, struct hub_collection, link);
        if (!hub_str_is(id, c->id)) continue;
        hub_collection_refresh(c);
        n++;
    }
    call->done(call, HUB_OK, json_integer(n), NULL);
}
static const struct hub_host_fn host_fns[] = {{"collections", "refresh", host_refresh}, {NULL, NULL, NULL}};

static bool is_declared(const struct hub_def *def) { return def->parts.collection_n > 0; }
static bool hears_of_object(const struct hub_def *def, const struct hub_def_object *o) {
    bool any = false;
    for (size_t i = 0; i < def->parts.collection_n; i++) any |= def->parts.collections[i].data_object == o;
    return any;
}

static void make_collections(struct hub_engine *e) {
    struct hub_collections *all = hub_xcalloc(1, sizeof *all);
    all->engine = e;
    hub_list_init(&all->list);
    hub_list_init(&all->behind);
    hub_list_init(&all->reading);
    *hub_engine_part(e, &hub_collections_part) = all;
}
static void stop_collections(struct hub_engine *e) {
    struct hub_collections *all = hub_collections_of(e);
    all->stopped = true;
    hub_timer_stop(e->config.loop, &all->catch_up);
    HUB_LIST_EACH(&all->list, it)
    hub_timer_stop(e->config.loop, &HUB_CONTAINER(it, struct hub_collection, link)->debounce);
}
static void free_collections(struct hub_engine *e) {
    struct hub_collections *all = hub_collections_of(e);
    hub_map_clear(&all->by_key);
    hub_map_clear(&all->by_where);
    hub_map_clear(&all->members);
    hub_map_clear(&all->rereading);
    free(all);
}
static void leave_collections(struct hub_conn *c) { hub_grants_leave(c, &hub_collection_watching); }
static void rejudge_watchers(struct hub_conn *c, struct hub_work *work) {
    hub_grants_rejudge(c, &hub_collection_watching, work);
}

#define ID_ARG \
    { "collectionId", HUB_ARG_ID, HUB_ARG_REQUIRED, .help = "The collection." }
static const struct hub_arg watch_args[] = {
    ID_ARG,
    {"version", HUB_ARG_INT, .least = 0, .most = INT64_MAX,
     .help = "The version at hand: then no records are sent for it."},
    {0},
};
static const struct hub_arg id_args[] = {ID_ARG, {0}};
static const struct hub_field watch_answer[] = {
    {"records", "list of object", .help = "In order; absent with the version at hand.", .optional = true},
    {"collectionId", "id", .help = "The collection."},
    {"ids", "list of id", .help = "Of the records, in order; absent likewise.", .optional = true},
    {"version", "integer", .help = "Its version; what comes live has greater ones, without a gap."},
    {0},
};
static const struct hub_command commands[] = {
    {.name = "hub:subscribeCollection",
     .help = "Watches a collection from its present version on.",
     .flags = HUB_READS,
     .gates = HUB_GATES(&hub_gate_running, &hub_gate_args, &hub_gate_reads),
     .args = watch_args,
     .answer = watch_answer,
     .codes = {HUB_NOT_FOUND, HUB_NOT_ALLOWED, HUB_TOO_MANY, HUB_STORE_UNAVAILABLE, HUB_HANDLER_FAILED,
               HUB_SCRIPT_TIMEOUT, HUB_BAD_REQUEST, HUB_OVERLOADED},
     .run = hub_collection_subscribe},
    {.name = "hub:unsubscribeCollection",
     .help = "Watches it no longer.",
     .gates = HUB_GATES(&hub_gate_args),
     .args = id_args,
     .run = hub_collection_unsubscribe},
    {0},
};

static const struct hub_field changed_fields[] = {
    {"collectionId", "id", .help = "The collection."},
    {"version", "integer", .help = "Its version."},
    {"added", "list of object", .help = "Records, at the end unless `order` says otherwise."},
    {"changed", "list of object", .help = "Records, as they are now."},
    {"removed", "list of id", .help = "Ids."},
    {"order", "list of id", .help = "All ids, where they are in another order.", .optional = true},
    {"reset", "boolean", .help = "With `ids` and `records`: all there is, for a client that was too slow.",
     .optional = true},
    {0},
};
static const struct hub_field unsubscribed_fields[] = {
    {"collectionId", "id", .help = "The collection."}, {"reason", "text", .help = "An error code."}, {0}};
static const struct hub_told_event told[] = {
    {"hub:collectionChanged", "who watches it", "a collection has changed", changed_fields},
    {"hub:unsubscribed", "the connection", "a subscription has ended: its guard, which was asked again, has refused",
     unsubscribed_fields},
    {0},
};

static void describe_collections(const struct hub_hub *hub, json_t *out) {
    const struct hub_def_parts *p = &hub->def->parts;
    json_t *all = json_array();
    for (size_t i = 0; i < p->collection_n; i++)
        json_array_append_new(all, hub_def_pattern_json(&p->collections[i].pattern));
    if (p->collection_n) json_object_set(out, "collections", all);
    json_decref(all);
}

const struct hub_part hub_collections_part = {
    .name = "collections",
    .help = "Lists of records that clients watch, by queries and by scripts.",
    .commands = commands,
    .told = told,
    .keywords = "collections",
    .slot = "collectionId",
    .host_at[HUB_HOST_OF_SLOT] = host_fns,
    .plain = true,
    .of_guests = true,
    .conn_data = true,
    .engine_data = true,
    .declared = is_declared,
    .created = make_collections,
    .reloaded = hub_collections_reloaded,
    .hears = hears_of_object,
    .row_written = hub_collection_row_written,
    .row_changed = hub_collection_row_changed,
    .record_changed = hub_collection_record_changed,
    .rejudged = rejudge_watchers,
    .disconnected = leave_collections,
    .stopped = stop_collections,
    .deleted = free_collections,
    .describe = describe_collections,
};
