/* Globals of MScript: Math, JSON, Object, Array, String, Number, Boolean. */
#include <math.h>
#include <stdlib.h>

#include "base/crypto/random.h"
#include "scripting/javascript/js_int.h"

/* ---- Math ---- */

static double js_round(double x) { return floor(x + 0.5); }
static double js_sign(double x) { return isnan(x) || x == 0 ? x : x < 0 ? -1 : 1; }

#define MATH1(F) \
    { #F, F }
static const struct {
    const char *name;
    double (*f)(double);
} math1[] = {MATH1(ceil), MATH1(floor), MATH1(trunc), MATH1(sqrt),   MATH1(cbrt),         MATH1(exp),
             MATH1(log),  MATH1(log2),  MATH1(log10), MATH1(sin),    MATH1(cos),          MATH1(tan),
             MATH1(asin), MATH1(acos),  MATH1(atan),  {"abs", fabs}, {"round", js_round}, {"sign", js_sign}};

static int math_unary(lua_State *L) {
    lua_settop(L, 1);
    hub_js_push_number(L, math1[lua_tointeger(L, lua_upvalueindex(1))].f(hub_js_number(L, 1)));
    return 1;
}

static int math_extreme(lua_State *L, bool max) {
    double best = max ? -INFINITY : INFINITY;
    for (int i = 1, n = lua_gettop(L); i <= n; i++) {
        double d = hub_js_number(L, i);
        if (isnan(d)) best = NAN;
        if (max ? d > best : d < best) best = d;
    }
    hub_js_push_number(L, best);
    return 1;
}

static int math_max(lua_State *L) { return math_extreme(L, true); }
static int math_min(lua_State *L) { return math_extreme(L, false); }

static int math_pow(lua_State *L) {
    lua_settop(L, 2);
    double a = hub_js_number(L, 1), b = hub_js_number(L, 2);
    hub_js_push_number(L, isnan(b) || (fabs(a) == 1 && isinf(b)) ? NAN : pow(a, b));
    return 1;
}

static int math_atan2(lua_State *L) {
    lua_settop(L, 2);
    hub_js_push_number(L, atan2(hub_js_number(L, 1), hub_js_number(L, 2)));
    return 1;
}

static int math_hypot(lua_State *L) {
    double sum = 0;
    for (int i = 1, n = lua_gettop(L); i <= n; i++) sum = hypot(sum, hub_js_number(L, i));
    hub_js_push_number(L, sum);
    return 1;
}

static int math_random(lua_State *L) {
    uint64_t bits;
    hub_random(&bits, sizeof bits);
    lua_pushnumber(L, (double)(bits >> 11) / 9007199254740992.0);
    return 1;
}

static void open_math(lua_State *L) {
    static const luaL_Reg functions[] = {{"max", math_max},     {"min", math_min},     {"pow", math_pow},
                                         {"atan2", math_atan2}, {"hypot", math_hypot}, {"random", math_random},
                                         {NULL, NULL}};
    static const struct {
        const char *name;
        double v;
    } constants[] = {{"PI", M_PI},       {"E", M_E},           {"LN2", M_LN2},    {"LN10", M_LN10},
                     {"LOG2E", M_LOG2E}, {"LOG10E", M_LOG10E}, {"SQRT2", M_SQRT2}};
    luaL_newlib(L, functions);
    for (size_t i = 0; i < HUB_NELEM(math1); i++) {
        lua_pushinteger(L, (lua_Integer)i);
        lua_pushcclosure(L, math_unary, 1);
        lua_setfield(L, -2, math1[i].name);
    }
    for (size_t i = 0; i < HUB_NELEM(constants); i++) {
        lua_pushnumber(L, constants[i].v);
        lua_setfield(L, -2, constants[i].name);
    }
    lua_setfield(L, -2, "Math");
}

/* ---- JSON ---- */

static int json_stringify(lua_State *L) {
    lua_settop(L, 1);
    if (lua_isnil(L, 1) || lua_isfunction(L, 1)) {
        lua_pushnil(L);
        return 1;
    }
    return hub_lua_encode(L, 1, "JSON.stringify");
}

static int json_parse(lua_State *L) { return hub_lua_decode(L, hub_js_arg_text(L, 1), "JSON.parse"); }

/* ---- Object, Array, String, Number, Boolean ---- */

static int array_keys(lua_State *L) {
    lua_Integer n = hub_js_length(L, 1);
    hub_lua_new_array(L, (int)n);
    for (lua_Integer i = 0; i < n; i++) {
        hub_lua_spend(L, 128);
        lua_pushfstring(L, "%I", i);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

enum { KEYS_MAX = 200000 };

static int by_bytes(const void *a, const void *b) {
    const struct hub_str *x = a, *y = b;
    int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

static int object_keys(lua_State *L) {
    lua_settop(L, 1);
    if (hub_js_is_nothing(L, 1))
        return hub_lua_fail(L, "Object.keys of %s", hub_js_is_null(L, 1) ? "null" : "undefined");
    if (hub_js_is_array(L, 1)) return array_keys(L);
    if (lua_type(L, 1) != LUA_TTABLE || hub_js_is_date(L, 1)) {
        hub_lua_new_array(L, 0);
        return 1;
    }
    if (hub_lua_thaw(L, 1)) lua_replace(L, 1);
    lua_Integer n = 0;
    hub_lua_new_array(L, 0);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        hub_js_push_text(L, lua_gettop(L), 0);
        lua_rawseti(L, 2, ++n);
        hub_lua_spend(L, 64);
    }
    if (n > KEYS_MAX) return hub_lua_fail(L, "Object.keys: more than %d keys", KEYS_MAX);
    hub_lua_charge(L, (size_t)n * 256);
    struct hub_str *keys =
        lua_newuserdatauv(L, (size_t)n * sizeof *keys, 0); /* the strings stay in array 2 while they are sorted */
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, 2, i + 1);
        keys[i] = hub_js_string(L, -1);
        lua_pop(L, 1);
    }
    if (n > 1) qsort(keys, (size_t)n, sizeof *keys, by_bytes);
    hub_lua_new_array(L, (int)n);
    for (lua_Integer i = 0; i < n; i++) {
        lua_pushlstring(L, keys[i].p, keys[i].n);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int is_array_function(lua_State *L) {
    lua_settop(L, 1);
    lua_pushboolean(L, hub_js_is_array(L, 1));
    return 1;
}

static int to_string(lua_State *L) {
    if (lua_gettop(L) == 0)
        lua_pushliteral(L, "");
    else
        hub_js_push_text(L, 1, 0);
    return 1;
}

static int to_number_function(lua_State *L) {
    lua_settop(L, lua_gettop(L) ? 1 : 0);
    if (lua_gettop(L) == 0)
        lua_pushinteger(L, 0);
    else if (lua_type(L, 1) != LUA_TNUMBER)
        hub_js_push_number(L, hub_js_number(L, 1));
    return 1;
}

static int to_boolean(lua_State *L) {
    lua_settop(L, 1);
    lua_pushboolean(L, hub_js_truth(L, 1));
    return 1;
}

/* Into the table on top. */
void hub_js_open_globals(lua_State *L) {
    static const luaL_Reg json[] = {{"stringify", json_stringify}, {"parse", json_parse}, {NULL, NULL}};
    static const luaL_Reg object[] = {{"keys", object_keys}, {NULL, NULL}};
    static const luaL_Reg array[] = {{"isArray", is_array_function}, {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"String", to_string}, {"Number", to_number_function}, {"Boolean", to_boolean}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newlib(L, json);
    lua_setfield(L, -2, "JSON");
    luaL_newlib(L, object);
    lua_setfield(L, -2, "Object");
    luaL_newlib(L, array);
    lua_setfield(L, -2, "Array");
    open_math(L);
    lua_pushnumber(L, NAN);
    lua_setfield(L, -2, "NaN");
    lua_pushnumber(L, INFINITY);
    lua_setfield(L, -2, "Infinity");
}
