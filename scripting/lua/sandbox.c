/* The globals of Lua chunks: what of Lua's base library is safe, and read-only views that keep shared
 * tables shared. */
#include <lualib.h>

#include "scripting/scripting_int.h"

/* ---- read-only views ---- */

static const char frozen_key; /* in a view's metatable: the table it shows */

bool hub_lua_thaw(lua_State *L, int idx) {
    if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx)) return false;
    if (lua_rawgetp(L, -1, &frozen_key) == LUA_TNIL) {
        lua_pop(L, 2);
        return false;
    }
    lua_remove(L, -2);
    return true;
}

static int frozen_write(lua_State *L) {
    return hub_lua_fail(L, "'%s' is read-only: it belongs to all scripts of the service",
                        lua_tostring(L, lua_upvalueindex(1)));
}

/* Replaces the date on top, which is a table, by one of the reader's own. */
static void copy_date(lua_State *L) {
    lua_rawgeti(L, -1, 1);
    lua_createtable(L, 1, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_date_mt);
    lua_setmetatable(L, -2);
    lua_replace(L, -2);
}

/* Upvalue 1: the shown table; 2: views of tables inside it, by table (weak). */
static int frozen_read(lua_State *L) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) { /* the module may use metatables of its own */
        lua_pop(L, 1);
        lua_pushvalue(L, 2);
        lua_gettable(L, lua_upvalueindex(1));
    }
    const struct hub_scripts *s = hub_scripts_of(L);
    if (lua_type(L, -1) != LUA_TTABLE || hub_lua_thaw(L, -1)) {
        lua_settop(L, 3);
        return 1;
    }
    if (hub_lua_kind(L, -1) == s->mt_date) {
        copy_date(L);
        return 1;
    }
    lua_pushvalue(L, -1);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) return 1;
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    hub_lua_freeze(L, lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "this table");
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, lua_upvalueindex(2));
    return 1;
}

static int frozen_next(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (!hub_lua_thaw(L, 1)) {
        if (lua_next(L, 1)) return 2;
        lua_pushnil(L);
        return 1;
    }
    lua_insert(L, 2); /* view, table, key */
    if (!lua_next(L, 2)) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushvalue(L, -2); /* the value as the view shows it */
    lua_gettable(L, 1);
    lua_replace(L, -2);
    return 2;
}

static int frozen_pairs(lua_State *L) {
    lua_pushcfunction(L, frozen_next);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int frozen_len(lua_State *L) {
    lua_pushinteger(L, hub_lua_thaw(L, 1) ? (lua_Integer)lua_rawlen(L, -1) : 0);
    return 1;
}

/* table -> table, view, the view's metatable, which lacks __index */
static void begin_view(lua_State *L, const char *name) {
    luaL_checkstack(L, 6, NULL);
    lua_newtable(L);
    lua_newtable(L);
    lua_pushstring(L, name);
    lua_pushcclosure(L, frozen_write, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, frozen_pairs);
    lua_setfield(L, -2, "__pairs");
    lua_pushcfunction(L, frozen_len);
    lua_setfield(L, -2, "__len");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, -3);
    lua_rawsetp(L, -2, &frozen_key);
}

/* table, view, metatable, __index -> view */
static void end_view(lua_State *L) {
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

void hub_lua_freeze(lua_State *L, const char *name) {
    begin_view(L, name);
    lua_pushvalue(L, -3);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "kv");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushcclosure(L, frozen_read, 2);
    end_view(L);
}

void hub_lua_freeze_flat(lua_State *L, const char *name) {
    begin_view(L, name);
    lua_pushvalue(L, -3);
    end_view(L);
}

void hub_lua_freeze_by(lua_State *L, const char *name) {
    lua_insert(L, -2); /* table, __index */
    begin_view(L, name);
    lua_pushvalue(L, -4);
    end_view(L);
    lua_remove(L, -2);
}

/* ---- base functions that need care ---- */

/* Finalizers run where no hook can stop them; weak tables can make one collection quadratic. */
static int safe_setmetatable(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return hub_lua_fail(L, "the metatable of this table is protected");
    static const char *const refused[] = {"__gc", "__mode"};
    for (int i = 0; i < 2 && lua_istable(L, 2); i++) {
        lua_pushstring(L, refused[i]);
        if (lua_rawget(L, 2) != LUA_TNIL) return hub_lua_fail(L, "%s is not available to scripts", refused[i]);
        lua_pop(L, 1);
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

static int safe_rawset(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    if (hub_lua_thaw(L, 1)) return hub_lua_fail(L, "a read-only table cannot be changed");
    lua_rawset(L, 1);
    return 1;
}

static int pcall_done(lua_State *L, int status, lua_KContext extra) {
    if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - (int)extra;
    struct hub_script_task *t = hub_scripts_of(L)->current;
    /* A script that is out of memory would only make the collector run again and again: it ends here. */
    if (status == LUA_ERRMEM) {
        hub_script_doom_set(t, HUB_DOOM_MEMORY, L);
        lua_sethook(L, lua_gethook(L), LUA_MASKCOUNT, 1);
    }
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
}

static int safe_pcall(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    return pcall_done(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, pcall_done), 0);
}

static int no_such(lua_State *L) {
    return hub_lua_fail(L, "%s is not available to scripts", lua_tostring(L, lua_upvalueindex(1)));
}

void hub_lua_open_base(lua_State *L) {
    static const char *const kept[] = {"assert", "error",    "getmetatable", "ipairs",   "pairs", "rawget",
                                       "rawlen", "tostring", "type",         "_VERSION", NULL};
    static const char *const charged[] = {"rawequal", "select", "tonumber", NULL};
    static const char *const refused[] = {"load", "loadstring", "loadfile", "dofile", "xpcall", "collectgarbage", NULL};
    static const luaL_Reg own[] = {{"setmetatable", safe_setmetatable},
                                   {"rawset", safe_rawset},
                                   {"pcall", safe_pcall},
                                   {"next", frozen_next},
                                   {NULL, NULL}};
    luaL_requiref(L, "_G", luaopen_base, 0);
    for (size_t i = 0; kept[i]; i++) {
        lua_getfield(L, -1, kept[i]);
        lua_setfield(L, -3, kept[i]);
    }
    hub_lua_copy_charged(L, charged);
    lua_pop(L, 1);
    luaL_setfuncs(L, own, 0);
    for (size_t i = 0; refused[i]; i++) { /* a better answer than "attempt to call a nil value" */
        lua_pushstring(L, refused[i]);
        lua_pushcclosure(L, no_such, 1);
        lua_setfield(L, -2, refused[i]);
    }
}
