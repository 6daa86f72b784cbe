/* Lua's coroutines inside a script. They differ from the library's in one thing: when something below
 * waits for the engine, the whole call waits; the coroutines between are suspended and resumed together,
 * unseen by the script. */
#include "scripting/scripting_int.h"

/* The extra space of an inner coroutine: not NULL while it waits so. Only the call that waits may resume
 * it, nobody may close it. */
static void **mark_of(lua_State *co) { return lua_getextraspace(co); }

static lua_State *arg_coroutine(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    return co;
}

static int on_resumed(lua_State *L, lua_State *co, int status, int n, bool wrapped);

static int on_waited(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    bool wrapped = ctx;
    lua_State *co = wrapped ? lua_tothread(L, lua_upvalueindex(1)) : lua_tothread(L, 1);
    struct hub_scripts *s = hub_scripts_of(L);
    int n;
    *mark_of(co) = NULL;
    s->running = co;
    hub_lua_rearm(co);
    int result = lua_resume(co, L, 0, &n);
    s->running = L;
    hub_lua_rearm(L);
    return on_resumed(L, co, result, n, wrapped);
}

static int fail_resume(lua_State *L, lua_State *co, bool wrapped) {
    lua_xmove(co, L, 1);
    if (wrapped) return lua_error(L);
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

static int on_resumed(lua_State *L, lua_State *co, int status, int n, bool wrapped) {
    struct hub_script_task *t = hub_scripts_of(L)->current;
    if (t->doom) *mark_of(co) = co; /* for good: a coroutine that the hook ended by an error has no hooks any more */
    if (status == LUA_YIELD && (t->waiting || t->doom)) {
        if (t->doom) lua_sethook(L, lua_gethook(L), LUA_MASKCOUNT, 1);
        if (!lua_isyieldable(L)) return luaL_error(L, "the call is over"); /* only a doomed call gets here */
        *mark_of(co) = co;
        return lua_yieldk(L, 0, wrapped, on_waited);
    }
    if (status != LUA_OK && status != LUA_YIELD) {
        if (status == LUA_ERRMEM) {
            hub_script_doom_set(t, HUB_DOOM_MEMORY, L);
            lua_sethook(L, lua_gethook(L), LUA_MASKCOUNT, 1);
        }
        return fail_resume(L, co, wrapped);
    }
    luaL_checkstack(L, n + 1, "too many results");
    hub_lua_charge(L, (size_t)n * sizeof(void *));
    if (!wrapped) lua_pushboolean(L, 1);
    lua_xmove(co, L, n);
    return n + !wrapped;
}

static int resume_coroutine(lua_State *L, lua_State *co, int first, bool wrapped) {
    struct hub_scripts *s = hub_scripts_of(L);
    struct hub_script_task *t = s->current;
    int args = lua_gettop(L) - first + 1, n;
    const char *why = NULL;
    if (*mark_of(co))
        why = "the coroutine waits in another call";
    else if (lua_status(co) == LUA_OK && lua_gettop(co) == 0)
        why = "cannot resume dead coroutine";
    else if (!lua_checkstack(co, args))
        why = "too many arguments to resume";
    if (why && wrapped) return hub_lua_fail(L, "%s", why);
    if (why) {
        lua_pushboolean(L, 0);
        lua_pushstring(L, why);
        return 2;
    }
    lua_xmove(L, co, args);
    hub_lua_charge(L, (size_t)args * sizeof(void *));
    hub_lua_rearm(co);
    bool pin = !lua_isyieldable(L);
    t->pinned += pin;
    s->running = co;
    int status = lua_resume(co, L, args, &n);
    s->running = L;
    hub_lua_rearm(L);
    t->pinned -= pin;
    return on_resumed(L, co, status, n, wrapped);
}

static int co_resume(lua_State *L) { return resume_coroutine(L, arg_coroutine(L), 2, false); }
static int wrapped_call(lua_State *L) { return resume_coroutine(L, lua_tothread(L, lua_upvalueindex(1)), 1, true); }

static int co_create(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    return 1;
}

static int co_wrap(lua_State *L) {
    co_create(L);
    lua_pushcclosure(L, wrapped_call, 1);
    return 1;
}

static int co_yield (lua_State *L) {
    const struct hub_script_task *t = hub_scripts_of(L)->current;
    if (L == t->co) return hub_lua_fail(L, "coroutine.yield outside a coroutine");
    if (t->tx && L == t->tx_thread) return hub_lua_fail(L, "coroutine.yield cannot leave db.transaction");
    return lua_yield(L, lua_gettop(L));
}

static int co_status(lua_State *L) {
    lua_State *co = arg_coroutine(L);
    lua_Debug ar;
    const char *status = "dead";
    if (co == L)
        status = "running";
    else if (*mark_of(co))
        status = "normal";
    else if (lua_status(co) == LUA_YIELD)
        status = "suspended";
    else if (lua_status(co) == LUA_OK)
        status = lua_getstack(co, 0, &ar) ? "normal" : lua_gettop(co) ? "suspended" : "dead";
    lua_pushstring(L, status);
    return 1;
}

static int co_close(lua_State *L) {
    lua_State *co = arg_coroutine(L);
    struct hub_scripts *s = hub_scripts_of(L);
    lua_Debug ar;
    if (co == L || *mark_of(co) || (lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar)))
        return hub_lua_fail(L, "cannot close this coroutine now");
    s->running = co;
    int status = lua_resetthread(co);
    s->running = L;
    lua_pushboolean(L, status == LUA_OK);
    if (status == LUA_OK) return 1;
    lua_xmove(co, L, 1);
    return 2;
}

static int co_isyieldable(lua_State *L) {
    lua_pushboolean(L, lua_isyieldable(L) && L != hub_scripts_of(L)->current->co);
    return 1;
}

void hub_lua_open_coroutine(lua_State *L) {
    static const luaL_Reg functions[] = {{"create", co_create},
                                         {"resume", co_resume},
                                         {"wrap", co_wrap},
                                         {"yield", co_yield },
                                         {"status", co_status},
                                         {"close", co_close},
                                         {"isyieldable", co_isyieldable},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    hub_lua_freeze_flat(L, "coroutine");
    lua_setfield(L, -2, "coroutine");
}
