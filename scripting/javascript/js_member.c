/* Members of MScript: a.b, a[b], and what the prelude's method calls need to know. */
#include "base/text/utf8.h"
#include "scripting/javascript/js_int.h"

/* An element's number from 0 that the key at I stands for, or -1. */
static lua_Integer element_number(lua_State *L, int i) {
    int exact;
    uint64_t u;
    if (lua_type(L, i) == LUA_TNUMBER) {
        lua_Integer at = lua_tointegerx(L, i, &exact);
        return exact ? at : -1;
    }
    if (lua_type(L, i) != LUA_TSTRING || !hub_str_u64(hub_js_string(L, i), &u) || u > INT32_MAX) return -1;
    return (lua_Integer)u;
}

static bool is_key(lua_State *L, int i, const char *name) {
    return lua_type(L, i) == LUA_TSTRING && hub_str_is(hub_js_string(L, i), name);
}

static int string_member(lua_State *L) {
    struct hub_str s = hub_js_string(L, 1);
    lua_Integer at;
    if (is_key(L, 2, "length")) {
        hub_lua_charge(L, s.n);
        lua_pushinteger(L, hub_js_units(s));
    } else if ((at = element_number(L, 2)) >= 0) {
        hub_lua_charge(L, s.n);
        if (at < hub_js_units(s))
            hub_js_push_units(L, s, at, at + 1);
        else
            lua_pushnil(L);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

static int array_member(lua_State *L) {
    lua_Integer at;
    if (is_key(L, 2, "length"))
        lua_pushinteger(L, hub_js_length(L, 1));
    else if ((at = element_number(L, 2)) >= 0)
        hub_js_push_element(L, 1, at);
    else
        lua_pushnil(L);
    return 1;
}

static int table_member(lua_State *L) {
    const void *mt = hub_lua_kind(L, 1);
    if (mt == hub_scripts_of(L)->mt_array) return array_member(L);
    if (mt == hub_scripts_of(L)->mt_date || hub_js_is_nothing(L, 2)) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushvalue(L, 2);
    if (lua_gettable(L, 1) != LUA_TNIL) {
        if (!hub_js_is_array(L, 1) || lua_type(L, 2) != LUA_TNUMBER) return 1;
    }
    if (hub_js_is_array(L, 1)) return array_member(L);
    if (is_key(L, 2, "length")) { /* an empty table may be an empty array */
        lua_pushnil(L);
        if (hub_lua_thaw(L, 1) || mt || lua_next(L, 1)) {
            lua_pushnil(L);
            return 1;
        }
        lua_pushinteger(L, 0);
        return 1;
    }
    if (lua_type(L, 2) == LUA_TNUMBER) { /* keys of objects are strings */
        hub_js_push_text(L, 2, 0);
        lua_gettable(L, 1);
    }
    return 1;
}

static int op_get(lua_State *L) {
    lua_settop(L, 2);
    switch (lua_type(L, 1)) {
    case LUA_TTABLE: return table_member(L);
    case LUA_TSTRING: return string_member(L);
    case LUA_TUSERDATA:
        if (is_key(L, 2, "length") && hub_lua_kind(L, 1) == hub_scripts_of(L)->mt_binary) {
            lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1));
            return 1;
        }
        break;
    default: break;
    }
    lua_pushnil(L);
    return 1;
}

/* What M dispatches on. */
static int kind_of(lua_State *L) {
    const char *kind = "nothing";
    if (lua_type(L, 1) == LUA_TSTRING)
        kind = "string";
    else if (hub_js_is_date(L, 1))
        kind = "date";
    else if (lua_type(L, 1) == LUA_TFUNCTION)
        kind = "function";
    else if (lua_type(L, 1) == LUA_TTABLE)
        kind = hub_lua_kind(L, 1) == hub_scripts_of(L)->mt_array            ? "array"
               : hub_lua_has_methods(hub_scripts_of(L), hub_lua_kind(L, 1)) ? "socket"
                                                                            : "table";
    lua_pushstring(L, kind);
    return 1;
}

static int array_like(lua_State *L) {
    if (!hub_js_is_array(L, 1)) {
        if (lua_type(L, 1) != LUA_TTABLE || hub_lua_kind(L, 1)) {
            lua_pushboolean(L, 0);
            return 1;
        }
        lua_pushnil(L);
        lua_pushboolean(L, !lua_next(L, 1)); /* empty */
        return 1;
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* Always fails: calling member 2 of value 1. */
static int no_method(lua_State *L) {
    lua_settop(L, 2);
    hub_js_push_text(L, 2, 0);
    const char *name = lua_tostring(L, -1);
    const char *kind = hub_js_is_null(L, 1)    ? "null"
                       : hub_js_is_array(L, 1) ? "an array"
                       : hub_js_is_date(L, 1)  ? "a Date"
                       : lua_isnil(L, 1)       ? "undefined"
                       : lua_istable(L, 1)     ? "object"
                                               : luaL_typename(L, 1);
    return hub_lua_fail(L, "cannot call '%.*s' of %s", HUB_CUTZ(name, 60), kind);
}

static int not_callable(lua_State *L) {
    return hub_lua_fail(L, "'%s' needs a function as argument", luaL_checkstring(L, 1));
}

static int check_table(lua_State *L) {
    if (lua_type(L, 1) != LUA_TTABLE) return hub_lua_fail(L, "table expected, got %s", luaL_typename(L, 1));
    return 0;
}

/* Arguments 1 and 2 of string.gsub. */
static int check_text(lua_State *L) {
    for (int i = 1; i <= 2; i++) {
        if (!lua_isstring(L, i))
            return hub_lua_fail(L, "bad argument #%d to 'gsub' (string expected, got %s)", i, luaL_typename(L, i));
    }
    return 0;
}

/* The order of table.sort without a function. In C, so that its errors carry the caller's position. */
static int is_less(lua_State *L) {
    if (lua_type(L, 1) == LUA_TSTRING) hub_lua_charge(L, lua_rawlen(L, 1));
    lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
    return 1;
}

static int push_element(lua_State *L) {
    hub_js_push_element(L, 1, lua_tointeger(L, 2) - 1);
    return 1;
}

static int push_length(lua_State *L) {
    lua_pushinteger(L, hub_js_length(L, 1));
    return 1;
}

static int new_array(lua_State *L) {
    hub_lua_new_array(L, 0);
    return 1;
}

void hub_js_open_members(lua_State *L) {
    static const luaL_Reg functions[] = {{"G", op_get},
                                         {"kind", kind_of},
                                         {"element", push_element},
                                         {"length", push_length},
                                         {"array", new_array},
                                         {"arrayLike", array_like},
                                         {"noMethod", no_method},
                                         {"notCallable", not_callable},
                                         {"checkTable", check_table},
                                         {"checkText", check_text},
                                         {"less", is_less},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
