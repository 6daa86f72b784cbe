/* Members that scripts name and that are not there: of records, of modules in lib/, of the engine's
 * tables. Only what is certain is reported: a table whose members somebody may add or compute has no list
 * here. */
#include <stdio.h>

#include "scripting/mscript_int.h"

static const char *const json_members[] = {"encode", "decode", "array", "object", NULL};
static const char *const log_members[] = {"debug", "info", "warn", "error", NULL};
static const char *const time_members[] = {"now", "iso", NULL};
static const char *const crypto_members[] = {"sha256", "md5", "hmac", "random", NULL};
static const char *const objects_members[] = {"find", "list", "create", "update", "delete", NULL};
static const char *const db_members[] = {"query", "transaction", NULL};
static const char *const redis_members[] = {"call", "get", "set", "del", "incr", "expire", "hget", "hset", NULL};
static const char *const hub_members[] = {"broadcast", "broadcastAll", "send", "emit",
                                          "members",   "memberCount",  "kick", NULL};
static const char *const connections_members[] = {"get",    "list",       "count",     "setMetadata",     "send",
                                                  "invoke", "disconnect", "sendWhere", "disconnectWhere", NULL};
static const char *const clients_members[] = {"get",  "list",   "count",      "setMetadata",
                                              "send", "invoke", "disconnect", NULL};
static const char *const users_members[] = {"online", "count", NULL};
static const char *const rooms_members[] = {"members", "metadata",  "setMetadata",    "list",
                                            "close",   "broadcast", "broadcastWhere", NULL};
static const char *const state_members[] = {"get",   "set",  "delete",        "keys", "all",
                                            "clear", "incr", "compareAndSet", NULL};
static const char *const service_members[] = {"broadcast", NULL};
static const char *const namespace_members[] = {"broadcastAll", NULL};
static const char *const get_members[] = {"get", NULL};
static const char *const kafka_members[] = {"publish", NULL};
static const char *const records_members[] = {"get", "write", "patch", "delete", "list", "transaction", NULL};
static const char *const collections_members[] = {"refresh", NULL};
static const char *const queues_members[] = {"add", "get", "cancel", "stats", NULL};
static const char *const channels_members[] = {"publish", "history", "subscribers", "disconnect", NULL};
static const char *const nodes_members[] = {"self", "list", "leader", "call", "broadcast", NULL};
static const char *const http_members[] = {"get", "request", NULL};

const struct hub_script_known hub_script_tables[] = {{"json", json_members},
                                                     {"log", log_members},
                                                     {"time", time_members},
                                                     {"crypto", crypto_members},
                                                     {"objects", objects_members},
                                                     {"db", db_members},
                                                     {"redis", redis_members},
                                                     {"hub", hub_members},
                                                     {"kafka", kafka_members},
                                                     {"records", records_members},
                                                     {"collections", collections_members},
                                                     {"channels", channels_members},
                                                     {"http", http_members},
                                                     {"connections", connections_members},
                                                     {"clients", clients_members},
                                                     {"users", users_members},
                                                     {"rooms", rooms_members},
                                                     {"state", state_members},
                                                     {"service", service_members},
                                                     {"namespace", namespace_members},
                                                     {"hubs", get_members},
                                                     {"namespaces", get_members},
                                                     {"queues", queues_members},
                                                     {"nodes", nodes_members},
                                                     {NULL, NULL}};

bool hub_script_is_table(struct hub_str name) {
    for (const struct hub_script_known *t = hub_script_tables; t->path; t++)
        if (hub_str_is(name, t->path)) return true;
    return false;
}

static const struct hub_script_known *find_known(const struct hub_script_known *list, struct hub_str path) {
    for (; list && list->path; list++)
        if (hub_str_is(path, list->path)) return list;
    return NULL;
}

static bool is_member_listed(const char *const *list, struct hub_str name) {
    for (; list && *list; list++)
        if (hub_str_is(name, *list)) return true;
    return false;
}

bool hub_script_is_lib(struct hub_str name) { return hub_str_is(name, "lib") || hub_str_is(name, "LIB"); }

const struct hub_script_known *hub_script_members(const struct hub_script_names *names, struct hub_str path) {
    struct hub_buf lib = {0};
    const struct hub_script_known *k = NULL;
    struct hub_str root = hub_str(path.p, hub_str_find(path, '.'));
    if (hub_script_is_lib(root) && !is_member_listed(names->vars, root)) {
        hub_buf_addz(&lib, "lib");
        hub_buf_add(&lib, path.p + root.n, path.n - root.n);
        k = find_known(names->known, hub_buf_str(&lib));
        hub_buf_free(&lib);
    } else if (is_member_listed(names->vars, root)) {
        k = find_known(names->known, path);
    } else {
        k = find_known(hub_script_tables, path);
    }
    return k;
}

void hub_script_check_member(const struct hub_script_names *names, struct hub_str text, struct hub_str path,
                             struct hub_str name, size_t at) {
    const struct hub_script_known *k = hub_script_members(names, path);
    if (!k || is_member_listed(k->members, name)) return;
    struct hub_script_problem problem = {.code = "L004"};
    ms_place(text, at, name.n, &problem);
    snprintf(problem.text, sizeof problem.text, "%.*s has no '%.*s'", (int)(path.n < 100 ? path.n : 100), path.p,
             (int)(name.n < 100 ? name.n : 100), name.p);
    ms_suggest(name, k->members, NULL, problem.suggestion);
    names->report(names->arg, &problem);
}
