/* Methods of arrays in MScript that call nothing back; the others are in prelude.c. */
#include <math.h>

#include "scripting/javascript/js_int.h"

static bool same_value(lua_State *L, int a, int b) {
    if (lua_rawequal(L, a, b)) return true;
    return lua_type(L, a) == LUA_TNUMBER && lua_type(L, b) == LUA_TNUMBER && isnan(lua_tonumber(L, a)) &&
           isnan(lua_tonumber(L, b));
}

static lua_Integer position_of(lua_State *L, bool nan_is_nan) {
    lua_settop(L, 3);
    lua_Integer n = hub_js_length(L, 1);
    size_t wanted = lua_type(L, 2) == LUA_TSTRING ? lua_rawlen(L, 2) : 0; /* texts of the same length are compared */
    for (lua_Integer i = hub_js_arg_position(L, 3, n, 0, true); i < n; i++) {
        hub_js_push_element(L, 1, i);
        hub_lua_spend(L, 32 + (lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) == wanted ? wanted : 0));
        bool hit = nan_is_nan ? same_value(L, -1, 2) : lua_rawequal(L, -1, 2);
        lua_pop(L, 1);
        if (hit) return i;
    }
    return -1;
}

static int arr_includes(lua_State *L) {
    lua_pushboolean(L, position_of(L, true) >= 0);
    return 1;
}

static int arr_index_of(lua_State *L) {
    lua_pushinteger(L, position_of(L, false));
    return 1;
}

static int arr_join(lua_State *L) {
    struct hub_str sep = lua_isnoneornil(L, 2) ? HUB_STR(",") : hub_js_arg_text(L, 2);
    hub_js_join(L, 1, sep, 0);
    return 1;
}

static int arr_slice(lua_State *L) {
    lua_Integer n = hub_js_length(L, 1), from = hub_js_arg_position(L, 2, n, 0, true),
                to = hub_js_arg_position(L, 3, n, n, true);
    hub_lua_new_array(L, to > from ? (int)(to - from) : 0);
    for (lua_Integer i = from; i < to; i++) {
        hub_js_push_element(L, 1, i);
        hub_js_set_element(L, -2, i - from);
        hub_lua_spend(L, 32);
    }
    return 1;
}

static int arr_concat(lua_State *L) {
    int n = lua_gettop(L);
    lua_Integer at = 0;
    hub_lua_new_array(L, 0);
    for (int i = 1; i <= n; i++) {
        bool spread = hub_js_is_array(L, i) || i == 1;
        lua_Integer count = spread ? hub_js_length(L, i) : 1;
        for (lua_Integer k = 0; k < count; k++) {
            hub_lua_spend(L, 32);
            if (spread)
                hub_js_push_element(L, i, k);
            else
                lua_pushvalue(L, i);
            hub_js_set_element(L, n + 1, at++);
        }
    }
    return 1;
}

/* Pushes the table of methods. */
void hub_js_push_arrays(lua_State *L) {
    static const luaL_Reg methods[] = {{"includes", arr_includes}, {"indexOf", arr_index_of}, {"join", arr_join},
                                       {"slice", arr_slice},       {"concat", arr_concat},    {NULL, NULL}};
    luaL_newlib(L, methods);
}
