/* What scripts see of replies, and what they may not ask. */
#include <stdio.h>
#include <strings.h>

#include "adapters/redis/redis_int.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"

static HUB_MUST json_t *array_json(const redisReply *r, struct hub_err *err) {
    json_t *list = json_array();
    for (size_t i = 0; i < r->elements; i++) {
        json_t *v = hub_redis_reply_json(r->element[i], err);
        if (!v) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, v);
    }
    return list;
}

json_t *hub_redis_reply_json(const redisReply *r, struct hub_err *err) {
    switch (r->type) {
    case REDIS_REPLY_INTEGER: return json_integer(r->integer);
    case REDIS_REPLY_NIL: return json_null();
    case REDIS_REPLY_ARRAY: return array_json(r, err);
    case REDIS_REPLY_ERROR:
        hub_err_set(err, HUB_BAD_REQUEST, "%.*s", HUB_CUT(hub_str(r->str, r->len), 400));
        return NULL;
    default: break;
    }
    if (hub_utf8_valid(hub_str(r->str, r->len))) return hub_json_string(hub_str(r->str, r->len));
    hub_err_set(
        err, HUB_BAD_REQUEST,
        "ERR the reply holds bytes that are no UTF-8 text, which scripts cannot take; keep such values as base64");
    return NULL;
}

struct hub_str hub_redis_reply_text(const redisReply *r, size_t i) {
    return r->type == REDIS_REPLY_ARRAY && i < r->elements && r->element[i]->type == REDIS_REPLY_STRING
               ? hub_str(r->element[i]->str, r->element[i]->len)
               : hub_str(NULL, 0);
}

/* ---- commands that do not belong on a shared connection ---- */

#define BLOCKS "it would keep everybody's connection waiting; use the command that does not block"
#define TURNS "it would change the connection that everybody shares; for several steps at once use EVAL"
#define ENDS "it would stop the server that everybody shares"

static const struct {
    const char *name, *why;
} refused[] = {
    {"blpop", BLOCKS},     {"brpop", BLOCKS},       {"brpoplpush", BLOCKS}, {"blmove", BLOCKS},   {"blmpop", BLOCKS},
    {"bzpopmin", BLOCKS},  {"bzpopmax", BLOCKS},    {"bzmpop", BLOCKS},     {"wait", BLOCKS},     {"waitaof", BLOCKS},
    {"ssubscribe", TURNS}, {"sunsubscribe", TURNS}, {"sync", TURNS},        {"psync", TURNS},     {"replconf", TURNS},
    {"auth", TURNS},       {"hello", TURNS},        {"select", TURNS},      {"quit", TURNS},      {"reset", TURNS},
    {"client", TURNS},     {"multi", TURNS},        {"exec", TURNS},        {"discard", TURNS},   {"watch", TURNS},
    {"unwatch", TURNS},    {"readonly", TURNS},     {"asking", TURNS},      {"readwrite", TURNS}, {"shutdown", ENDS},
    {"debug", ENDS},       {"failover", ENDS},      {"replicaof", ENDS},    {"slaveof", ENDS},
};

/* What hiredis would take for a subscription or for monitoring, with or without a "p" in front. */
static bool is_listener(struct hub_str name) {
    if (name.n && (name.p[0] | 0x20) == 'p') name = hub_str(name.p + 1, name.n - 1);
    return hub_str_eq_nocase(name, HUB_STR("SUBSCRIBE")) || hub_str_eq_nocase(name, HUB_STR("UNSUBSCRIBE")) ||
           hub_str_eq_nocase(name, HUB_STR("MONITOR"));
}

/* XREAD and XREADGROUP block only when told to. */
static bool told_to_block(const json_t *args) {
    for (size_t i = 1; i < json_array_size(args); i++) {
        struct hub_str w = hub_json_str(json_array_get(args, i));
        if (hub_str_eq_nocase(w, HUB_STR("STREAMS"))) return false;
        if (hub_str_eq_nocase(w, HUB_STR("BLOCK"))) return true;
    }
    return false;
}

const char *hub_redis_refused(const json_t *args) {
    struct hub_str name = hub_json_str(json_array_get(args, 0));
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~') return "that is no name of a command";
    if (is_listener(name)) return TURNS;
    for (size_t i = 0; i < HUB_NELEM(refused); i++)
        if (hub_str_eq_nocase(name, hub_cstr(refused[i].name))) return refused[i].why;
    bool stream = hub_str_eq_nocase(name, HUB_STR("XREAD")) || hub_str_eq_nocase(name, HUB_STR("XREADGROUP"));
    return stream && told_to_block(args) ? BLOCKS : NULL;
}
