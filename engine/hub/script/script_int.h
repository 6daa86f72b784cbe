/* Shared by the files of engine/hub/script: arguments and answers of the functions that scripts call. */
#ifndef HUB_SCRIPT_SCRIPT_INT_H
#define HUB_SCRIPT_SCRIPT_INT_H
#include "hub/script/script.h"

/* RESULT is given away; NULL = nil. */
static inline void hub_host_done(struct hub_host_call *c, json_t *result) { c->done(c, HUB_OK, result, NULL); }
/* TEXT NULL: that of the code. */
static inline void hub_host_fail(struct hub_host_call *c, enum hub_code code, const char *text) {
    c->done(c, code, NULL, text ? text : hub_code_text(code));
}
static inline json_t *hub_host_arg(const struct hub_host_call *c, size_t i) { return json_array_get(c->args, i); }
/* Empty when it is no text. */
static inline struct hub_str hub_host_text(const struct hub_host_call *c, size_t i) {
    return hub_json_str(hub_host_arg(c, i));
}

/* Rows of hub_engine_host_fns (hook/hook.h); CTX is the engine. */
void hub_host_objects_find(void *ctx, struct hub_host_call *c);
void hub_host_objects_list(void *ctx, struct hub_host_call *c);
void hub_host_objects_create(void *ctx, struct hub_host_call *c);
void hub_host_objects_update(void *ctx, struct hub_host_call *c);
void hub_host_objects_delete(void *ctx, struct hub_host_call *c);
void hub_host_db_query(void *ctx, struct hub_host_call *c);
void hub_host_redis_call(void *ctx, struct hub_host_call *c);
void hub_host_redis_get(void *ctx, struct hub_host_call *c);
void hub_host_redis_set(void *ctx, struct hub_host_call *c);
void hub_host_redis_del(void *ctx, struct hub_host_call *c);
void hub_host_redis_incr(void *ctx, struct hub_host_call *c);
void hub_host_redis_expire(void *ctx, struct hub_host_call *c);
void hub_host_redis_hget(void *ctx, struct hub_host_call *c);
void hub_host_redis_hset(void *ctx, struct hub_host_call *c);
void hub_host_hub_broadcast(void *ctx, struct hub_host_call *c);
void hub_host_hub_send(void *ctx, struct hub_host_call *c);
void hub_host_hub_emit(void *ctx, struct hub_host_call *c);
void hub_host_hub_members(void *ctx, struct hub_host_call *c);
void hub_host_hub_member_count(void *ctx, struct hub_host_call *c);
void hub_host_hub_kick(void *ctx, struct hub_host_call *c);
void hub_host_kafka_publish(void *ctx, struct hub_host_call *c);
#endif
