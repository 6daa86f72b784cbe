/* Lua's string, table, utf8 and math libraries, without what could run long or allocate without end inside
 * one C call. */
#include <lualib.h>

#include "base/crypto/random.h"
#include "scripting/scripting_int.h"

/* RESULTS_MAX: every instruction that passes on "..." copies them all. */
enum { REP_MAX = 16 << 20, ELEMENTS_MAX = 4000000, RESULTS_MAX = 100000, FORMAT_MAX = 64 << 10, QUOTED_MAX = 1 << 20 };

/* The function in upvalue 1 (a light C function without upvalues), after its string arguments were charged
 * for. */
static int call_charged(lua_State *L) {
    size_t bytes = 0;
    for (int i = lua_gettop(L); i > 0; i--) {
        if (lua_type(L, i) == LUA_TSTRING) bytes += lua_rawlen(L, i);
    }
    hub_lua_charge(L, bytes);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Copies NAMES of the library on top into the table below it, wrapped by WRAPPER. */
static void copy_by(lua_State *L, lua_CFunction wrapper, const char *const *names) {
    for (; *names; names++) {
        lua_getfield(L, -1, *names);
        if (lua_isfunction(L, -1)) lua_pushcclosure(L, wrapper, 1);
        lua_setfield(L, -3, *names);
    }
}

void hub_lua_copy_charged(lua_State *L, const char *const *names) { copy_by(L, call_charged, names); }

/* The same for functions whose argument FORMAT is read step by step, which no format that somebody wrote
 * makes long. */
static int format_charged(lua_State *L) {
    size_t n;
    const char *format = luaL_checklstring(L, 1, &n);
    if (n > FORMAT_MAX) return hub_lua_fail(L, "the format is longer than 64 KiB");
    for (int i = lua_gettop(L); i > 1 && memchr(format, 'q', n); i--) {
        if (lua_type(L, i) == LUA_TSTRING && lua_rawlen(L, i) > QUOTED_MAX)
            return hub_lua_fail(L, "string.format: a text for %%q is larger than 1 MiB");
    }
    return call_charged(L);
}

/* The same for string.byte and utf8.codepoint (text, first, last), which give a result for each position. */
static int call_spread(lua_State *L) {
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1), first = luaL_optinteger(L, 2, 1),
                last = luaL_optinteger(L, 3, first);
    if (first < 0) first = first < -n ? 1 : n + first + 1;
    if (last < 0) last = last < -n ? 0 : n + last + 1;
    if (last > n) last = n;
    if (last - (first < 1 ? 1 : first) >= RESULTS_MAX) return hub_lua_fail(L, "more than %d results", RESULTS_MAX);
    return call_charged(L);
}

static int safe_rep(lua_State *L) {
    size_t n, sep_n;
    const char *s = luaL_checklstring(L, 1, &n);
    lua_Integer times = luaL_checkinteger(L, 2);
    const char *sep = luaL_optlstring(L, 3, "", &sep_n);
    if (times <= 0 || n + sep_n == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((lua_Unsigned)times > REP_MAX / (n + sep_n))
        return hub_lua_fail(L, "string.rep: the result would be larger than 16 MiB");
    hub_lua_charge(L, (n + sep_n) * (size_t)times);
    luaL_Buffer b;
    size_t unit = n + sep_n, total = unit * (size_t)times - sep_n;
    char *p = luaL_buffinitsize(L, &b, total + sep_n);
    memcpy(p, s, n);
    memcpy(p + n, sep, sep_n);
    for (size_t done = unit; done < total; done *= 2) memcpy(p + done, p, done < total - done ? done : total - done);
    luaL_pushresultsize(&b, total);
    return 1;
}

/* The length of the table at 1. A __len of the script's own could claim anything, and a different thing
 * each time. */
static lua_Integer table_length(lua_State *L, const char *function) {
    luaL_checktype(L, 1, LUA_TTABLE);
    int top = lua_gettop(L);
    if (luaL_getmetafield(L, 1, "__len") != LUA_TNIL) {
        if (hub_lua_thaw(L, 1)) {
            lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
            lua_settop(L, top);
            return n;
        }
        return hub_lua_fail(L, "%s: a table with __len is not accepted", function);
    }
    return (lua_Integer)lua_rawlen(L, 1);
}

static int safe_insert(lua_State *L) {
    lua_Integer n = table_length(L, "table.insert"), at = n + 1;
    if (lua_gettop(L) < 2 || lua_gettop(L) > 3) return hub_lua_fail(L, "table.insert: wrong number of arguments");
    if (lua_gettop(L) == 3) {
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, at >= 1 && at <= n + 1, 2, "position out of bounds");
        for (lua_Integer i = n; i >= at; i--) {
            hub_lua_spend(L, 32);
            lua_geti(L, 1, i);
            lua_seti(L, 1, i + 1);
        }
    }
    lua_seti(L, 1, at);
    return 0;
}

static int safe_remove(lua_State *L) {
    lua_Integer n = table_length(L, "table.remove"), at = luaL_optinteger(L, 2, n);
    lua_settop(L, 2);
    if (lua_isnoneornil(L, 2) ? n == 0 : at == n + 1 || (n == 0 && at == 0)) {
        lua_geti(L, 1, at);
        if (at == n + 1 || n == 0) return 1;
    }
    luaL_argcheck(L, at >= 1 && at <= n, 2, "position out of bounds");
    lua_geti(L, 1, at);
    for (lua_Integer i = at; i < n; i++) {
        hub_lua_spend(L, 32);
        lua_geti(L, 1, i + 1);
        lua_seti(L, 1, i);
    }
    lua_pushnil(L);
    lua_seti(L, 1, n);
    return 1;
}

static int safe_move(lua_State *L) {
    lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3), to = luaL_checkinteger(L, 4);
    int target = lua_isnoneornil(L, 5) ? 1 : 5;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, target, LUA_TTABLE);
    if (last >= first) {
        if ((lua_Unsigned)last - (lua_Unsigned)first >= ELEMENTS_MAX)
            return hub_lua_fail(L, "table.move: more than 4000000 elements");
        lua_Integer n = last - first + 1;
        luaL_argcheck(L, to <= LUA_MAXINTEGER - n + 1, 4, "destination wrap around");
        bool forward = to > last || to <= first || target != 1;
        for (lua_Integer k = 0; k < n; k++) {
            lua_Integer i = forward ? k : n - 1 - k;
            hub_lua_spend(L, 32);
            lua_geti(L, 1, first + i);
            lua_seti(L, target, to + i);
        }
    }
    lua_pushvalue(L, target);
    return 1;
}

static int safe_concat(lua_State *L) {
    size_t sep_n;
    lua_Integer n = table_length(L, "table.concat");
    const char *sep = luaL_optlstring(L, 2, "", &sep_n);
    lua_Integer first = luaL_optinteger(L, 3, 1), last = luaL_optinteger(L, 4, n);
    if (last >= first && (lua_Unsigned)last - (lua_Unsigned)first >= ELEMENTS_MAX) {
        return hub_lua_fail(L, "table.concat: more than 4000000 elements");
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (lua_Integer i = first; i <= last; i++) {
        lua_geti(L, 1, i);
        if (!lua_isstring(L, -1))
            return hub_lua_fail(L, "table.concat: the value at index %lld is a %s", (long long)i, luaL_typename(L, -1));
        hub_lua_spend(L, 32 + lua_rawlen(L, -1) + sep_n);
        luaL_addvalue(&b);
        if (i == last) break; /* LAST may be the largest integer */
        luaL_addlstring(&b, sep, sep_n);
    }
    luaL_pushresult(&b);
    return 1;
}

static int safe_unpack(lua_State *L) {
    lua_Integer first = luaL_optinteger(L, 2, 1),
                last = lua_isnoneornil(L, 3) ? table_length(L, "table.unpack") : luaL_checkinteger(L, 3);
    if (first > last) return 0;
    lua_Unsigned n = (lua_Unsigned)last - (lua_Unsigned)first;
    if (n >= RESULTS_MAX || !lua_checkstack(L, (int)n + 1)) return hub_lua_fail(L, "table.unpack: too many results");
    for (lua_Unsigned i = 0; i <= n; i++) {
        hub_lua_spend(L, 32);
        lua_geti(L, 1, first + (lua_Integer)i);
    }
    return (int)n + 1;
}

/* Copies NAMES from the table of natives (js.c) into the table on top. */
static void copy_natives(lua_State *L, const char *const *names) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_js);
    for (; *names; names++) {
        lua_getfield(L, -1, *names);
        lua_setfield(L, -3, *names);
    }
    lua_pop(L, 1);
}

static void open_string(lua_State *L) {
    static const char *const natives[] = {"find", "match", "gmatch", "gsub", NULL};
    static const char *const kept[] = {"char", "len", "lower", "reverse", "sub", "upper", NULL};
    static const char *const formats[] = {"format", "pack", "unpack", "packsize", NULL};
    static const char *const spreads[] = {"byte", NULL};
    lua_newtable(L);
    luaL_requiref(L, "string", luaopen_string, 0);
    hub_lua_copy_charged(L, kept);
    copy_by(L, format_charged, formats);
    copy_by(L, call_spread, spreads);
    lua_pop(L, 1);
    copy_natives(L, natives);
    lua_pushcfunction(L, safe_rep);
    lua_setfield(L, -2, "rep");
    /* ("x"):upper() goes through the metatable of strings, which is everybody's. */
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
    hub_lua_freeze_flat(L, "string");
    lua_setfield(L, -2, "string");
}

static void open_table(lua_State *L) {
    static const char *const natives[] = {"sort", NULL};
    static const luaL_Reg own[] = {{"insert", safe_insert}, {"remove", safe_remove}, {"move", safe_move},
                                   {"concat", safe_concat}, {"unpack", safe_unpack}, {NULL, NULL}};
    lua_newtable(L);
    luaL_requiref(L, "table", luaopen_table, 0);
    lua_getfield(L, -1, "pack");
    lua_setfield(L, -3, "pack");
    lua_pop(L, 1);
    luaL_setfuncs(L, own, 0);
    copy_natives(L, natives);
    hub_lua_freeze_flat(L, "table");
    lua_setfield(L, -2, "table");
}

static void open_utf8(lua_State *L) {
    static const char *const kept[] = {"char", "charpattern", "len", "offset", "codes", NULL};
    static const char *const spreads[] = {"codepoint", NULL};
    lua_newtable(L);
    luaL_requiref(L, "utf8", luaopen_utf8, 0);
    hub_lua_copy_charged(L, kept);
    copy_by(L, call_spread, spreads);
    lua_pop(L, 1);
    hub_lua_freeze_flat(L, "utf8");
    lua_setfield(L, -2, "utf8");
}

/* By default Lua seeds with addresses and the time: where chance is to be repeated, that would not be. */
static void seed_lua_math(lua_State *L) {
    lua_Integer seeds[2];
    hub_random(seeds, sizeof seeds);
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, seeds[0]);
    lua_pushinteger(L, seeds[1]);
    lua_call(L, 2, 0);
}

static void open_lua_math(lua_State *L) {
    luaL_requiref(L, "math", luaopen_math, 0);
    seed_lua_math(L);
    lua_pushnil(L);
    lua_setfield(L, -2, "randomseed"); /* the generator is everybody's */
    hub_lua_freeze_flat(L, "math");
    lua_setfield(L, -2, "math");
}

void hub_lua_open_libraries(lua_State *L) {
    /* What the prelude uses of this file. */
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_js);
    lua_pushcfunction(L, safe_concat);
    lua_setfield(L, -2, "concat");
    luaL_requiref(L, "string", luaopen_string, 0);
    lua_getfield(L, -1, "sub");
    lua_setfield(L, -3, "sub");
    lua_pop(L, 2);
    open_string(L);
    open_table(L);
    open_utf8(L);
    open_lua_math(L);
}
