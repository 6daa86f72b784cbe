/* The functions of the engine that scripts can call. */
#include "hub/script/script_int.h"

/* Their first argument is the room's id. */
static const struct hub_host_fn room_fns[] = {
    {"hub", "broadcast", hub_host_hub_broadcast},
    {"hub", "send", hub_host_hub_send},
    {"hub", "members", hub_host_hub_members},
    {"hub", "memberCount", hub_host_hub_member_count},
    {"hub", "kick", hub_host_hub_kick},
    {"rooms", "members", hub_host_rooms_members},
    {"rooms", "metadata", hub_host_rooms_metadata},
    {"rooms", "setMetadata", hub_host_rooms_set_metadata},
    {"rooms", "close", hub_host_rooms_close},
    {"rooms", "broadcast", hub_host_rooms_broadcast},
    {"state", "get", hub_host_state_get},
    {"state", "set", hub_host_state_set},
    {"state", "delete", hub_host_state_delete},
    {"state", "keys", hub_host_state_keys},
    {"state", "all", hub_host_state_all},
    {"state", "clear", hub_host_state_clear},
    {"state", "incr", hub_host_state_incr},
    {"state", "compareAndSet", hub_host_state_compare_and_set},
    {NULL, NULL, NULL},
};

/* Of connections, wherever they are. */
static const struct hub_host_fn one_fns[] = {
    {"connections", "get", hub_host_connections_get},
    {"connections", "setMetadata", hub_host_connections_set_metadata},
    {"connections", "send", hub_host_connections_send},
    {"connections", "disconnect", hub_host_connections_disconnect},
    {"connections", "invoke", hub_host_connections_invoke},
    {"clients", "get", hub_host_clients_get},
    {"clients", "setMetadata", hub_host_clients_set_metadata},
    {"clients", "send", hub_host_clients_send},
    {"clients", "invoke", hub_host_clients_invoke},
    {"clients", "disconnect", hub_host_clients_disconnect},
    {"users", "online", hub_host_users_online},
    {NULL, NULL, NULL},
};
static const struct hub_host_fn each_fns[] = {
    {"connections", "count", hub_host_connections_count},
    {"connections", "sendWhere", hub_host_connections_send_where},
    {"connections", "disconnectWhere", hub_host_connections_disconnect_where},
    {"clients", "count", hub_host_clients_count},
    {"users", "count", hub_host_users_count},
    {"rooms", "broadcastWhere", hub_host_rooms_broadcast_where},
    {"hub", "emit", hub_host_hub_emit},
    {"hub", "broadcastAll", hub_host_broadcast_all},
    {"namespace", "broadcastAll", hub_host_broadcast_all},
    {"service", "broadcast", hub_host_service_broadcast},
    {NULL, NULL, NULL},
};
static const struct hub_host_fn pages_fns[] = {
    {"connections", "list", hub_host_connections_list},
    {"clients", "list", hub_host_clients_list},
    {"rooms", "list", hub_host_rooms_list},
    {NULL, NULL, NULL},
};

static const struct hub_host_fn host_fns[] = {
    {"objects", "find", hub_host_objects_find},     {"objects", "list", hub_host_objects_list},
    {"objects", "create", hub_host_objects_create}, {"objects", "update", hub_host_objects_update},
    {"objects", "delete", hub_host_objects_delete}, {"db", "query", hub_host_db_query},
    {"redis", "call", hub_host_redis_call},         {"redis", "get", hub_host_redis_get},
    {"redis", "set", hub_host_redis_set},           {"redis", "del", hub_host_redis_del},
    {"redis", "incr", hub_host_redis_incr},         {"redis", "expire", hub_host_redis_expire},
    {"redis", "hget", hub_host_redis_hget},         {"redis", "hset", hub_host_redis_hset},
    {"kafka", "publish", hub_host_kafka_publish},   {"hubs", "get", hub_host_hubs_get},
    {"namespaces", "get", hub_host_namespaces_get}, {NULL, NULL, NULL},
};

const struct hub_part hub_scripts_part = {
    .name = "scripts",
    .help = "What scripts may ask of the engine.",
    .host = host_fns,
    .host_at = {[HUB_HOST_OF_ROOM] = room_fns,
                [HUB_HOST_OF_ONE] = one_fns,
                [HUB_HOST_OF_EACH] = each_fns,
                [HUB_HOST_OF_PAGE] = pages_fns},
    .engine_data = true,
    .created = hub_scans_init,
    .stopped = hub_scans_stop,
    .deleted = hub_scans_delete,
};
