/* What scripts can ask of data: the tables objects, db and redis (contract: scripting.md). Each function
 * checks its arguments, calls the core and answers once; a later answer suspends the script only. */
#include "hub/script/script_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub/guard/guard.h"

/* ---- objects ---- */

static struct hub_data *data_of(struct hub_engine *e) { return &e->data; }

/* Whether the answer to a write comes after the rights that rest on the row have been worked out again. */
static bool call_waits(const struct hub_host_call *c) {
    const struct hub_caller *caller = c->caller;
    return !caller || !caller->decides;
}

static void on_object(void *p, enum hub_code code, json_t *result, const char *error) {
    struct hub_host_call *c = p;
    if (code == HUB_NOT_FOUND)
        hub_host_done(c, NULL); /* nothing there is nil, not an error */
    else if (code)
        hub_host_fail(c, code, error);
    else
        hub_host_done(c, json_incref(result));
}

/* A write on its way, which is whom the parts hear of as BY. */
struct object_write {
    struct hub_engine *engine;
    struct hub_host_call *call;
};

static void on_object_written(void *p, enum hub_code code, json_t *result, const char *error) {
    struct object_write *w = p;
    struct hub_host_call *c = w->call;
    hub_guard_ends_write(w->engine, w);
    free(w);
    on_object(c, code, result, error);
}

static HUB_MUST struct object_write *write_new(struct hub_engine *e, struct hub_host_call *c) {
    struct object_write *w = hub_xmalloc(sizeof *w);
    *w = (struct object_write){e, c};
    hub_guard_begins_write(e, c, w);
    return w;
}

/* A find on its way. */
struct object_find {
    struct hub_engine *engine;
    struct hub_host_call *call;
    const struct hub_table *table;
};

/* It is read again when it was noted too late. */
static void on_object_found(void *p, enum hub_code code, json_t *result, const char *error) {
    const struct object_find f = *(const struct object_find *)p;
    const json_t *id = hub_host_arg(f.call, 1);
    bool again = !code && hub_guard_finds_row(f.engine, p, f.table, id, result);
    hub_guard_ends_write(f.engine, p);
    free(p);
    if (again)
        hub_object_find(data_of(f.engine), f.table, id, on_object, f.call);
    else
        on_object(f.call, code, result, error);
}

void hub_host_objects_find(void *ctx, struct hub_host_call *c) {
    const struct hub_table *t = hub_host_table(ctx, c);
    if (!t) return;
    struct object_find *f = hub_xmalloc(sizeof *f);
    *f = (struct object_find){ctx, c, t};
    hub_guard_begins_write(ctx, c, f);
    hub_guard_reads_row(c, t, hub_host_arg(c, 1));
    hub_object_find(data_of(ctx), t, hub_host_arg(c, 1), on_object_found, f);
}
void hub_host_objects_list(void *ctx, struct hub_host_call *c) {
    const struct hub_table *t = hub_host_table(ctx, c);
    if (t) hub_guard_reads_rows(c, t, hub_host_arg(c, 1));
    if (t) hub_object_list(data_of(ctx), t, hub_host_arg(c, 1), hub_host_arg(c, 2), on_object, c);
}
void hub_host_objects_create(void *ctx, struct hub_host_call *c) {
    const struct hub_table *t = hub_host_table(ctx, c);
    if (t) hub_object_create(data_of(ctx), t, hub_host_arg(c, 1), call_waits(c), on_object_written, write_new(ctx, c));
}
void hub_host_objects_update(void *ctx, struct hub_host_call *c) {
    const struct hub_table *t = hub_host_table(ctx, c);
    if (t)
        hub_object_update(data_of(ctx), t, hub_host_arg(c, 1), hub_host_arg(c, 2), call_waits(c), on_object_written,
                          write_new(ctx, c));
}
void hub_host_objects_delete(void *ctx, struct hub_host_call *c) {
    const struct hub_table *t = hub_host_table(ctx, c);
    if (t) hub_object_delete(data_of(ctx), t, hub_host_arg(c, 1), call_waits(c), on_object_written, write_new(ctx, c));
}

/* ---- db ---- */

static void on_sql(void *p, enum hub_code code, json_t *result, const char *error) {
    struct hub_host_call *c = p;
    if (code)
        hub_host_fail(c, code, error);
    else
        hub_host_done(c, json_incref(result));
}

void hub_host_db_query(void *ctx, struct hub_host_call *c) {
    struct hub_engine *e = ctx;
    struct hub_store *store = e->config.store;
    if (!hub_host_text(c, 0).n) {
        hub_host_fail(c, HUB_BAD_REQUEST, "db.query: expected SQL text");
        return;
    }
    json_t *params = json_array();
    for (size_t i = 1; i < json_array_size(c->args); i++) json_array_append(params, hub_host_arg(c, i));
    store->ops->sql(store, hub_host_text(c, 0), params, NULL, on_sql, c);
    json_decref(params);
}

/* ---- redis ---- */

static void on_redis(void *p, enum hub_code code, json_t *reply, const char *error) {
    on_sql(p, code, json_is_null(reply) ? NULL : reply, error); /* what is not there is nil */
}

static HUB_MUST json_t *as_text(const json_t *v) {
    struct hub_buf b = {0};
    if (json_is_string(v)) return json_incref((json_t *)(uintptr_t)v);
    hub_json_add(&b, v);
    json_t *s = hub_json_string(hub_buf_str(&b));
    hub_buf_free(&b);
    return s;
}

static void redis_do(struct hub_engine *e, struct hub_host_call *c, const char *command) {
    json_t *args = json_array();
    if (command) json_array_append_new(args, json_string(command));
    for (size_t i = 0; i < json_array_size(c->args); i++) json_array_append_new(args, as_text(hub_host_arg(c, i)));
    if (json_array_size(args))
        e->config.cache->ops->call(e->config.cache, args, on_redis, c);
    else
        hub_host_fail(c, HUB_BAD_REQUEST, "redis.call: expected a command");
    json_decref(args);
}

void hub_host_redis_call(void *ctx, struct hub_host_call *c) { redis_do(ctx, c, NULL); }
void hub_host_redis_get(void *ctx, struct hub_host_call *c) { redis_do(ctx, c, "GET"); }
void hub_host_redis_set(void *ctx, struct hub_host_call *c) { redis_do(ctx, c, "SET"); }
void hub_host_redis_del(void *ctx, struct hub_host_call *c) { redis_do(ctx, c, "DEL"); }
void hub_host_redis_incr(void *ctx, struct hub_host_call *c) { redis_do(ctx, c, "INCR"); }
void hub_host_redis_expire(void *ctx, struct hub_host_call *c) { redis_do(ctx, c, "EXPIRE"); }
void hub_host_redis_hget(void *ctx, struct hub_host_call *c) { redis_do(ctx, c, "HGET"); }
void hub_host_redis_hset(void *ctx, struct hub_host_call *c) { redis_do(ctx, c, "HSET"); }
