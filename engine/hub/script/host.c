/* The functions of the engine that scripts can call. */
#include "hub/script/script_int.h"

const struct hub_host_fn hub_engine_host_fns[] = {
    {"objects", "find", hub_host_objects_find},
    {"objects", "list", hub_host_objects_list},
    {"objects", "create", hub_host_objects_create},
    {"objects", "update", hub_host_objects_update},
    {"objects", "delete", hub_host_objects_delete},
    {"db", "query", hub_host_db_query},
    {"redis", "call", hub_host_redis_call},
    {"redis", "get", hub_host_redis_get},
    {"redis", "set", hub_host_redis_set},
    {"redis", "del", hub_host_redis_del},
    {"redis", "incr", hub_host_redis_incr},
    {"redis", "expire", hub_host_redis_expire},
    {"redis", "hget", hub_host_redis_hget},
    {"redis", "hset", hub_host_redis_hset},
    {"hub", "broadcast", hub_host_hub_broadcast},
    {"hub", "send", hub_host_hub_send},
    {"hub", "emit", hub_host_hub_emit},
    {"hub", "members", hub_host_hub_members},
    {"hub", "memberCount", hub_host_hub_member_count},
    {"hub", "kick", hub_host_hub_kick},
    {"kafka", "publish", hub_host_kafka_publish},
    {NULL, NULL, NULL},
};

const struct hub_part hub_scripts_part = {
    .name = "scripts",
    .help = "What scripts may ask of the engine.",
    .host = hub_engine_host_fns,
};
