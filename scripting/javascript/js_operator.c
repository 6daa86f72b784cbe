/* Operators of MScript, and the literals that need a call. */
#include <math.h>

#include "base/time/clock.h"
#include "scripting/javascript/js_int.h"

static int op_truth(lua_State *L) {
    lua_pushboolean(L, hub_js_truth(L, 1));
    return 1;
}

/* ToPrimitive without a hint, in place: tables become text, a Date its number unless TEXT. */
static void to_primitive(lua_State *L, int i, bool text) {
    if (lua_type(L, i) != LUA_TTABLE && lua_type(L, i) != LUA_TFUNCTION) return;
    if (hub_js_is_date(L, i) && !text)
        hub_js_push_number(L, hub_js_number(L, i));
    else
        hub_js_push_text(L, i, 0);
    lua_replace(L, i);
}

static int op_eq(lua_State *L) {
    lua_settop(L, 2);
    bool equal;
    int a = lua_type(L, 1), b = lua_type(L, 2);
    if (hub_js_is_nothing(L, 1) || hub_js_is_nothing(L, 2)) {
        equal = hub_js_is_nothing(L, 1) && hub_js_is_nothing(L, 2);
    } else if (a == b) {
        if (a == LUA_TSTRING && lua_rawlen(L, 1) == lua_rawlen(L, 2)) hub_lua_charge(L, lua_rawlen(L, 1));
        equal = lua_compare(L, 1, 2, LUA_OPEQ);
    } else {
        to_primitive(L, 1, true);
        to_primitive(L, 2, true);
        if (lua_type(L, 1) == LUA_TSTRING && lua_type(L, 2) == LUA_TSTRING)
            equal = lua_rawequal(L, 1, 2);
        else if (lua_type(L, 1) == LUA_TUSERDATA || lua_type(L, 2) == LUA_TUSERDATA)
            equal = false;
        else
            equal = hub_js_number(L, 1) == hub_js_number(L, 2);
    }
    lua_pushboolean(L, equal);
    return 1;
}

/* Orders 1 and 2; false in *KNOWN when one is no number. */
static int compare_two(lua_State *L, bool *known) {
    lua_settop(L, 2);
    to_primitive(L, 1, false);
    to_primitive(L, 2, false);
    *known = true;
    if (lua_type(L, 1) == LUA_TSTRING && lua_type(L, 2) == LUA_TSTRING) {
        struct hub_str a = hub_js_string(L, 1), b = hub_js_string(L, 2);
        hub_lua_charge(L, a.n < b.n ? a.n : b.n);
        int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
        return c ? c : (a.n > b.n) - (a.n < b.n);
    }
    if (lua_isinteger(L, 1) && lua_isinteger(L, 2))
        return (lua_tointeger(L, 1) > lua_tointeger(L, 2)) - (lua_tointeger(L, 1) < lua_tointeger(L, 2));
    double a = hub_js_number(L, 1), b = hub_js_number(L, 2);
    *known = !isnan(a) && !isnan(b);
    return (a > b) - (a < b);
}

static int op_lt(lua_State *L) {
    bool known, yes = compare_two(L, &known) < 0;
    lua_pushboolean(L, known && yes);
    return 1;
}
static int op_le(lua_State *L) {
    bool known, yes = compare_two(L, &known) <= 0;
    lua_pushboolean(L, known && yes);
    return 1;
}
static int op_gt(lua_State *L) {
    bool known, yes = compare_two(L, &known) > 0;
    lua_pushboolean(L, known && yes);
    return 1;
}
static int op_ge(lua_State *L) {
    bool known, yes = compare_two(L, &known) >= 0;
    lua_pushboolean(L, known && yes);
    return 1;
}

static int op_add(lua_State *L) {
    lua_Integer sum;
    lua_settop(L, 2);
    if (lua_isinteger(L, 1) && lua_isinteger(L, 2) &&
        !__builtin_add_overflow(lua_tointeger(L, 1), lua_tointeger(L, 2), &sum)) {
        lua_pushinteger(L, sum);
        return 1;
    }
    to_primitive(L, 1, true);
    to_primitive(L, 2, true);
    if (lua_type(L, 1) != LUA_TSTRING && lua_type(L, 2) != LUA_TSTRING) {
        hub_js_push_number(L, hub_js_number(L, 1) + hub_js_number(L, 2));
        return 1;
    }
    hub_js_push_text(L, 1, 0);
    hub_js_push_text(L, 2, 0);
    hub_lua_charge(L, lua_rawlen(L, -1) + lua_rawlen(L, -2));
    lua_concat(L, 2);
    return 1;
}

static int op_sub(lua_State *L) {
    lua_Integer r;
    lua_settop(L, 2);
    if (lua_isinteger(L, 1) && lua_isinteger(L, 2) &&
        !__builtin_sub_overflow(lua_tointeger(L, 1), lua_tointeger(L, 2), &r))
        lua_pushinteger(L, r);
    else
        hub_js_push_number(L, hub_js_number(L, 1) - hub_js_number(L, 2));
    return 1;
}

static int op_mul(lua_State *L) {
    lua_Integer r;
    lua_settop(L, 2);
    if (lua_isinteger(L, 1) && lua_isinteger(L, 2) &&
        !__builtin_mul_overflow(lua_tointeger(L, 1), lua_tointeger(L, 2), &r))
        lua_pushinteger(L, r);
    else
        hub_js_push_number(L, hub_js_number(L, 1) * hub_js_number(L, 2));
    return 1;
}

static int op_div(lua_State *L) {
    lua_settop(L, 2);
    hub_js_push_number(L, hub_js_number(L, 1) / hub_js_number(L, 2));
    return 1;
}

static int op_mod(lua_State *L) {
    lua_settop(L, 2);
    lua_Integer b = lua_isinteger(L, 1) && lua_isinteger(L, 2) ? lua_tointeger(L, 2) : 0;
    if (b && b != -1)
        lua_pushinteger(L, lua_tointeger(L, 1) % b);
    else
        hub_js_push_number(L, fmod(hub_js_number(L, 1), hub_js_number(L, 2)));
    return 1;
}

static int op_neg(lua_State *L) {
    lua_settop(L, 1);
    if (lua_isinteger(L, 1) && lua_tointeger(L, 1) && lua_tointeger(L, 1) != LUA_MININTEGER)
        lua_pushinteger(L, -lua_tointeger(L, 1));
    else
        hub_js_push_number(L, -hub_js_number(L, 1));
    return 1;
}

static int op_num(lua_State *L) {
    lua_settop(L, 1);
    if (lua_type(L, 1) == LUA_TNUMBER) return 1;
    hub_js_push_number(L, hub_js_number(L, 1));
    return 1;
}

static int op_typeof(lua_State *L) {
    static const char *const names[] = {[LUA_TNIL] = "undefined",
                                        [LUA_TBOOLEAN] = "boolean",
                                        [LUA_TNUMBER] = "number",
                                        [LUA_TSTRING] = "string",
                                        [LUA_TFUNCTION] = "function"};
    int t = lua_type(L, 1);
    lua_pushstring(L, t >= 0 && (size_t)t < HUB_NELEM(names) && names[t] ? names[t] : "object");
    return 1;
}

static void add_text(lua_State *L, luaL_Buffer *b, int i, int depth) {
    hub_js_push_text(L, i, depth);
    luaL_addvalue(b);
}

static int op_cat(lua_State *L) {
    int n = lua_gettop(L);
    luaL_Buffer b;
    luaL_checkstack(L, 10, NULL);
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) add_text(L, &b, i, 0);
    luaL_pushresult(&b);
    hub_lua_charge(L, lua_rawlen(L, -1));
    return 1;
}

/* ARR(n, …): an array of N elements, some of which may be nil. */
static int op_array(lua_State *L) {
    int n = (int)lua_tointeger(L, 1);
    lua_settop(L, n + 1);
    hub_lua_new_array(L, n);
    for (int i = 0; i < n; i++) {
        lua_pushvalue(L, i + 2);
        hub_js_set_element(L, n + 2, i);
    }
    return 1;
}

static int op_put(lua_State *L) {
    lua_settop(L, 3);
    hub_js_set_element(L, 1, lua_tointeger(L, 2) - 1);
    return 0;
}

void hub_js_open_operators(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"T", op_truth}, {"EQ", op_eq},   {"LT", op_lt},         {"LE", op_le},     {"GT", op_gt},   {"GE", op_ge},
        {"ADD", op_add}, {"SUB", op_sub}, {"MUL", op_mul},       {"DIV", op_div},   {"MOD", op_mod}, {"NEG", op_neg},
        {"NUM", op_num}, {"CAT", op_cat}, {"TYPEOF", op_typeof}, {"ARR", op_array}, {"PUT", op_put}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
