/* The life of a service's script state: opening the sandbox, compiling every script, ending. */
#include "scripting/scripts.h"

#include <stdlib.h>

#include "scripting/scripting_int.h"

static void forget_socket(struct hub_scripts *s, const char *sid);

const struct hub_hook_ops hub_lua_hook_ops = {
    .call = hub_lua_call, .event = hub_lua_event, .forget_socket = forget_socket};

/* ---- the sandbox ---- */

/* Keeps the metatable for environments that fall back on the table on top, which stays. */
static int env_metatable(lua_State *L) {
    lua_newtable(L);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* Copies what both languages have from the table of Lua's globals on top into JavaScript's below it. */
static void share_globals(lua_State *L) {
    static const char *const shared[] = {"lib",    "LIB",     "json", "log",   "uuid", "time",  "sleep", "crypto",
                                         "binary", "objects", "db",   "redis", "hub",  "kafka", "http",  NULL};
    for (size_t i = 0; shared[i]; i++) {
        lua_getfield(L, -1, shared[i]);
        lua_setfield(L, -3, shared[i]);
    }
}

static int open_sandbox(lua_State *L) {
    struct hub_scripts *s = hub_scripts_of(L);
    hub_lua_open_values(L);
    hub_lua_open_js(L);
    lua_newtable(L);
    hub_lua_open_base(L);
    hub_lua_open_libraries(L);
    hub_lua_open_coroutine(L);
    hub_lua_open_api(L);
    hub_lua_open_host(L);
    hub_lua_open_lib(L);
    hub_lua_open_socket(L);
    share_globals(L);
    s->ref_env_mt = env_metatable(L);
    lua_pop(L, 1);
    s->ref_expr_mt = env_metatable(L);
    return 0;
}

/* ---- compiling ---- */

struct compile {
    struct hub_scripts *s;
    struct hub_script *script;
    struct hub_buf source;
    struct hub_err *err;
    bool good;
};

static int compile_one(lua_State *L) {
    struct compile *c = lua_touserdata(L, 1);
    struct hub_compiled *compiled = hub_xcalloc(1, sizeof *compiled);
    hub_list_push(&c->s->compiled, &compiled->link); /* owned from here on, whatever happens */
    compiled->owner = c->s;
    compiled->script = c->script;
    if (!hub_lua_compile(L, compiled, &c->source, c->err)) return 0;
    compiled->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    c->script->compiled = compiled;
    c->good = true;
    return 0;
}

static bool compile(struct hub_scripts *s, struct hub_script *script, struct hub_err *err) {
    if (script->kind == HUB_SCRIPT_NONE) return true;
    struct compile c = {.s = s, .script = script, .err = err};
    bool good = hub_scripts_protect(s, compile_one, &c, err) && c.good;
    hub_buf_free(&c.source);
    return good;
}

static bool compile_hub(struct hub_scripts *s, struct hub_def *d, struct hub_err *err) {
    bool good =
        compile(s, &d->room_eligibility, err) && compile(s, &d->check_script, err) && compile(s, &d->state_script, err);
    for (size_t i = 0; good && i < d->auth_source_n; i++) good = compile(s, &d->auth_sources[i].condition, err);
    for (size_t i = 0; good && i < d->auth_script_n; i++) good = compile(s, &d->auth_scripts[i].script, err);
    for (size_t i = 0; good && i < d->kafka_event_n; i++) {
        good = compile(s, &d->kafka_events[i].filter_expression, err) &&
               compile(s, &d->kafka_events[i].target_room_expression, err);
    }
    for (size_t i = 0; good && i < d->message_handler_n; i++) good = compile(s, &d->message_handlers[i].script, err);
    for (size_t i = 0; good && i < d->scheduled_action_n; i++) good = compile(s, &d->scheduled_actions[i].script, err);
    return good;
}

static bool compile_namespace(struct hub_scripts *s, struct hub_def_namespace *n, struct hub_err *err) {
    bool good = compile(s, &n->on_connect, err) && compile(s, &n->on_disconnect, err);
    for (size_t i = 0; good && i < n->event_n; i++) good = compile(s, &n->events[i].script, err);
    return good;
}

static bool compile_service(struct hub_scripts *s, struct hub_service *service, struct hub_err *err) {
    bool good = compile(s, &service->authenticate, err);
    for (size_t i = 0; good && i < service->namespace_n; i++) good = compile_namespace(s, &service->namespaces[i], err);
    for (size_t i = 0; good && i < service->hub_n; i++) good = compile_hub(s, &service->hubs[i], err);
    return good;
}

/* ---- life ---- */

static struct hub_scripts *new_state(struct hub_loop *loop, struct hub_service *service, const struct hub_host *host,
                                     struct hub_err *err) {
    struct hub_scripts *s = hub_xcalloc(1, sizeof *s);
    s->loop = loop;
    s->clock = loop ? hub_loop_clock(loop) : NULL;
    s->service = service;
    if (host) s->host = *host;
    s->mem_limit = (size_t)service->script_memory_mib << 20;
    s->block_limit = s->mem_limit / 4;
    hub_list_init(&s->active);
    hub_list_init(&s->idle);
    hub_list_init(&s->ready);
    hub_list_init(&s->compiled);
    hub_list_init(&s->modules);
    s->L = lua_newstate(hub_lua_alloc, s);
    if (!s->L) {
        free(s);
        hub_fail(err, HUB_HANDLER_FAILED, "not enough memory for the script state");
        return NULL;
    }
    *(void **)lua_getextraspace(s->L) = NULL;
    if (hub_scripts_protect(s, open_sandbox, NULL, err)) return s;
    hub_scripts_delete(s);
    return NULL;
}

enum hub_code hub_scripts_new(struct hub_scripts **out, struct hub_loop *loop, struct hub_service *service,
                              const struct hub_host *host, struct hub_err *err) {
    struct hub_scripts *s = new_state(loop, service, host, err);
    *out = NULL;
    if (!s) return HUB_HANDLER_FAILED;
    if (hub_scripts_load_lib(s, NULL, NULL, err) || !compile_service(s, service, err)) {
        hub_scripts_delete(s);
        return HUB_HANDLER_FAILED;
    }
    *out = s;
    return HUB_OK;
}

enum hub_code hub_scripts_check(struct hub_service *service, const struct hub_host *host, hub_scripts_tell *tell,
                                void *arg, struct hub_err *err) {
    struct hub_scripts *s = new_state(NULL, service, host, err);
    if (!s) return HUB_HANDLER_FAILED;
    s->quiet = true;
    enum hub_code code = hub_scripts_load_lib(s, tell, arg, err);
    if (!code && !compile_service(s, service, err)) code = HUB_HANDLER_FAILED;
    hub_scripts_delete(s);
    return code;
}

void hub_scripts_delete(struct hub_scripts *s) {
    struct hub_list *link;
    if (!s) return;
    s->closing = true;
    while (!hub_list_empty(&s->active))
        hub_script_kill(HUB_CONTAINER(s->active.next, struct hub_script_task, link), HUB_DOOM_SHUTDOWN);
    while ((link = hub_list_pop(&s->idle))) free(HUB_CONTAINER(link, struct hub_script_task, link));
    while ((link = hub_list_pop(&s->compiled))) {
        struct hub_compiled *c = HUB_CONTAINER(link, struct hub_compiled, link);
        hub_map_clear(&c->words);
        hub_map_clear(&c->whole);
        ((struct hub_script *)(uintptr_t)c->script)->compiled = NULL;
        free(c);
    }
    lua_close(s->L);
    free(s);
}

size_t hub_scripts_memory(const struct hub_scripts *s) { return s->mem_used; }

static int drop_data(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_socket_data);
    lua_pushnil(L);
    lua_setfield(L, -2, lua_touserdata(L, 1));
    return 0;
}

static void forget_socket(struct hub_scripts *s, const char *sid) {
    hub_scripts_protect(s, drop_data, (void *)(uintptr_t)sid, NULL);
}
