/* The life of a service's script state: opening the sandbox, compiling every script, ending. */
#include "scripting/scripts.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "schema/analysis/functions.h"
#include "scripting/expression/direct.h"
#include "scripting/expression/mscript_int.h"
#include "scripting/scripting_int.h"

static void forget_socket(struct hub_scripts *s, const char *sid);

const struct hub_hook_ops hub_lua_hook_ops = {.call = hub_lua_call,
                                              .run = hub_lua_run,
                                              .wants = hub_lua_wants,
                                              .event = hub_lua_event,
                                              .forget_socket = forget_socket};

/* ---- the sandbox ---- */

/* Copies what both languages have from the table of Lua's globals on top into JavaScript's below it. */
static void share_globals(lua_State *L) {
    static const char *const shared[] = {"uuid", "sleep", "binary", "noAck", NULL};
    for (size_t i = 0; shared[i]; i++) {
        lua_getfield(L, -1, shared[i]);
        lua_setfield(L, -3, shared[i]);
    }
    for (const struct hub_function_table *t = hub_function_tables; t->name && !t->lua; t++) {
        lua_getfield(L, -1, t->name);
        lua_setfield(L, -3, t->name);
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
    hub_lua_open_socket(L);
    share_globals(L);
    s->ref_env = luaL_ref(L, LUA_REGISTRYINDEX);
    s->ref_expr = luaL_ref(L, LUA_REGISTRYINDEX);
    for (size_t i = 0; i <= s->service->use_n; i++) hub_lua_open_library(L, &s->libraries[i]);
    return 0;
}

static void init_libraries(struct hub_scripts *s) {
    const struct hub_service *service = s->service;
    s->libraries = hub_xcalloc(service->use_n + 1, sizeof *s->libraries);
    s->libraries[0] = (struct hub_library){.lib = &service->lib, .folder = "lib"};
    for (size_t i = 0; i < service->use_n; i++) {
        const struct hub_def_plugin *plugin = service->uses[i]->plugin;
        s->libraries[i + 1] = (struct hub_library){
            .outer = s->libraries, .use = service->uses[i], .lib = &plugin->lib, .folder = plugin->lib_name};
    }
    for (size_t i = 0; i <= service->use_n; i++) hub_list_init(&s->libraries[i].modules);
}

/* ---- compiling ---- */

struct compile {
    struct hub_scripts *s;
    const struct hub_script *script;
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
    compiled->library = &c->s->libraries[c->script->use ? c->script->use->index + 1 : 0];
    if (!hub_lua_compile(L, compiled, &c->source, c->err)) return 0;
    compiled->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    c->s->handles[c->script->number] = compiled;
    c->good = true;
    return 0;
}

static bool compile_script(struct hub_scripts *s, const struct hub_script *script, struct hub_err *err) {
    if (script->kind == HUB_SCRIPT_NONE) return true;
    struct compile c = {.s = s, .script = script, .err = err};
    bool good = hub_scripts_protect(s, compile_one, &c, err) && c.good;
    hub_buf_free(&c.source);
    return good;
}

static bool compile_service(struct hub_scripts *s, const struct hub_service *service, struct hub_err *err) {
    for (size_t i = 0; i < service->script_n; i++)
        if (!compile_script(s, service->scripts[i], err)) return false;
    return true;
}

/* ---- life ---- */

static void free_state(struct hub_scripts *s) {
    if (s->unicode) freelocale(s->unicode);
    EVP_MAC_free(s->hmac);
    free(s->libraries);
    free(s->handles);
    hub_buf_free(&s->text);
    free(s);
}

static HUB_MUST struct hub_scripts *new_state(struct hub_loop *loop, const struct hub_service *service,
                                              const struct hub_host *host, struct hub_err *err) {
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
    s->handles = hub_xcalloc(service->script_n + 1, sizeof(struct hub_compiled *));
    init_libraries(s);
    s->unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    s->L = lua_newstate(hub_lua_alloc, s);
    if (!s->L) {
        free_state(s);
        hub_err_set(err, HUB_HANDLER_FAILED, "not enough memory for the script state");
        return NULL;
    }
    *(void **)lua_getextraspace(s->L) = NULL;
    if (hub_scripts_protect(s, open_sandbox, NULL, err)) return s;
    hub_scripts_delete(s);
    return NULL;
}

enum hub_code hub_scripts_new(struct hub_scripts **out, struct hub_loop *loop, const struct hub_service *service,
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

enum hub_code hub_scripts_check(const struct hub_service *service, const struct hub_host *host, hub_scripts_tell *tell,
                                void *arg, struct hub_err *err) {
    struct hub_scripts *s = new_state(NULL, service, host, err);
    if (!s) return HUB_HANDLER_FAILED;
    s->quiet = true;
    enum hub_code code = hub_scripts_load_lib(s, tell, arg, err);
    if (!code && !compile_service(s, service, err)) code = HUB_HANDLER_FAILED;
    hub_scripts_delete(s);
    return code;
}

void hub_scripts_follow(struct hub_scripts *s, struct hub_scripts *older) {
    s->older = older;
    if (older) older->newer = s;
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
        hub_direct_free(c->direct);
        free(c);
    }
    if (s->newer) s->newer->older = s->older;
    if (s->older) s->older->newer = s->newer;
    lua_close(s->L);
    free_state(s);
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
