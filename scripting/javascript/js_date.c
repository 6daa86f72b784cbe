/* Dates of MScript: new Date, its methods, Date.now. All in UTC. */
#include <math.h>

#include "base/time/clock.h"
#include "scripting/javascript/js_int.h"

static void push_date(lua_State *L, double ms) {
    lua_createtable(L, 1, 0);
    lua_pushnumber(L, fabs(ms) <= 8.64e15 ? trunc(ms) : NAN);
    lua_rawseti(L, -2, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_date_mt);
    lua_setmetatable(L, -2);
}

static int64_t days_from_civil(int64_t y, int64_t m) { /* of the first day of month M (0…11) of year Y, since 1970 */
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    int64_t p = y - 1;
    int64_t days =
        365 * (y - 1970) + (int64_t)(floor((double)p / 4) - floor((double)p / 100) + floor((double)p / 400)) - 477;
    return days + before[m] + (leap && m > 1);
}

/* new Date(year, month, day, h, m, s, ms), read as UTC. */
static double date_of_parts(lua_State *L, int n) {
    double part[7] = {0, 0, 1, 0, 0, 0, 0};
    for (int i = 0; i < n && i < 7; i++) {
        part[i] = trunc(hub_js_number(L, i + 1));
        if (!(fabs(part[i]) < 1e9)) return NAN;
    }
    if (part[0] >= 0 && part[0] <= 99) part[0] += 1900;
    double y = part[0] + floor(part[1] / 12), m = part[1] - 12 * floor(part[1] / 12);
    if (!(fabs(y) < 400000)) return NAN;
    double days = (double)days_from_civil((int64_t)y, (int64_t)m) + part[2] - 1;
    return days * 86400000 + part[3] * 3600000 + part[4] * 60000 + part[5] * 1000 + part[6];
}

int hub_js_new_date(lua_State *L) {
    int n = lua_gettop(L);
    int64_t ms;
    double d = n == 0 ? (double)hub_clock_wall_ms(hub_scripts_of(L)->clock) : NAN;
    if (n > 1)
        d = date_of_parts(L, n);
    else if (n == 1 && lua_type(L, 1) == LUA_TSTRING)
        d = hub_iso_parse(hub_js_string(L, 1), &ms) ? (double)ms : NAN;
    else if (n == 1)
        d = hub_js_number(L, 1);
    push_date(L, d);
    return 1;
}

static int date_now(lua_State *L) {
    lua_pushinteger(L, hub_clock_wall_ms(hub_scripts_of(L)->clock));
    return 1;
}

static int date_time(lua_State *L) {
    hub_js_push_number(L, hub_js_number(L, 1));
    return 1;
}

static int date_iso(lua_State *L) {
    if (isnan(hub_js_number(L, 1))) return hub_lua_fail(L, "toISOString of an invalid date");
    hub_js_push_text(L, 1, 0);
    return 1;
}

/* Pushes the table of methods and, above it, the global Date. */
void hub_js_push_dates(lua_State *L) {
    static const luaL_Reg methods[] = {{"getTime", date_time}, {"toISOString", date_iso}, {NULL, NULL}};
    static const luaL_Reg statics[] = {{"now", date_now}, {NULL, NULL}};
    luaL_newlib(L, methods);
    luaL_newlib(L, statics);
}
