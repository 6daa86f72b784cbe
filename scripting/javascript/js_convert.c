/* What every part of MScript's runtime builds on: what a value is, and its text, number and truth. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time/clock.h"
#include "scripting/javascript/js_int.h"

enum { TEXT_DEPTH = 32 };

/* ---- kinds ---- */

bool hub_js_is_null(lua_State *L, int i) {
    return lua_type(L, i) == LUA_TUSERDATA && lua_touserdata(L, i) == hub_scripts_of(L)->null;
}
bool hub_js_is_undefined(lua_State *L, int i) {
    return lua_isnil(L, i) || (lua_type(L, i) == LUA_TUSERDATA && lua_touserdata(L, i) == hub_scripts_of(L)->undef);
}
bool hub_js_is_date(lua_State *L, int i) {
    return lua_type(L, i) == LUA_TTABLE && hub_lua_kind(L, i) == hub_scripts_of(L)->mt_date;
}
bool hub_js_is_nothing(lua_State *L, int i) { return lua_isnoneornil(L, i) || hub_js_is_null(L, i); }

bool hub_js_truth(lua_State *L, int i) {
    switch (lua_type(L, i)) {
    case LUA_TNIL: return false;
    case LUA_TBOOLEAN: return lua_toboolean(L, i);
    case LUA_TNUMBER: return lua_tonumber(L, i) != 0 && !isnan(lua_tonumber(L, i));
    case LUA_TSTRING: return lua_rawlen(L, i) > 0;
    case LUA_TUSERDATA: return !hub_js_is_null(L, i) && !hub_js_is_undefined(L, i);
    default: return true;
    }
}

/* ---- arrays ---- */

/* Marked, or a plain table with elements (or with nothing: an empty table of a Lua function may be
 * either). */
bool hub_js_is_array(lua_State *L, int i) {
    if (lua_type(L, i) != LUA_TTABLE) return false;
    const void *mt = hub_lua_kind(L, i);
    if (mt == hub_scripts_of(L)->mt_array) return true;
    if (mt == hub_scripts_of(L)->mt_date) return false;
    if (hub_lua_thaw(L, i)) {
        bool yes = hub_js_is_array(L, lua_gettop(L));
        lua_pop(L, 1);
        return yes;
    }
    return lua_rawlen(L, i) > 0;
}

lua_Integer hub_js_length(lua_State *L, int i) {
    if (!hub_lua_thaw(L, i)) return (lua_Integer)lua_rawlen(L, i);
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    lua_pop(L, 1);
    return n;
}

/* Pushes element AT (from 0) of the array at I. */
void hub_js_push_element(lua_State *L, int i, lua_Integer at) {
    if (hub_lua_kind(L, i) && hub_lua_kind(L, i) != hub_scripts_of(L)->mt_array)
        lua_geti(L, i, at + 1); /* a view */
    else
        lua_rawgeti(L, i, at + 1);
    if (hub_js_is_undefined(L, -1)) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
}

/* Pops the value on top into element AT (from 0) of the table at I. */
void hub_js_set_element(lua_State *L, int i, lua_Integer at) {
    i = lua_absindex(L, i);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_undef);
    }
    lua_rawseti(L, i, at + 1);
}

/* ---- numbers ---- */

void hub_js_push_number(lua_State *L, double d) {
    if (d == floor(d) && fabs(d) <= 9007199254740992.0 && !(d == 0 && signbit(d)))
        lua_pushinteger(L, (lua_Integer)d);
    else
        lua_pushnumber(L, d);
}

size_t hub_js_number_text(double d, char out[HUB_JS_NUMBER_MAX]) {
    if (isnan(d)) return (size_t)sprintf(out, "NaN");
    if (isinf(d)) return (size_t)sprintf(out, d < 0 ? "-Infinity" : "Infinity");
    struct hub_buf b = {.p = out, .cap = HUB_JS_NUMBER_MAX};
    hub_json_add_real(&b, d);
    return b.n;
}

/* JavaScript's Number(string). */
static double string_number(struct hub_str s) {
    s = hub_js_trimmed(s);
    if (!s.n) return 0;
    if (s.n > 2 && s.p[0] == '0' && memchr("xXbBoO", s.p[1], 6)) {
        int base = tolower(s.p[1]) == 'x' ? 16 : tolower(s.p[1]) == 'b' ? 2 : 8;
        double d = 0;
        for (size_t i = 2; i < s.n; i++) {
            int c = tolower((unsigned char)s.p[i]), v = isdigit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
            if (v >= base) return NAN;
            d = d * base + v;
        }
        return d;
    }
    if (hub_str_is(s, "Infinity") || hub_str_is(s, "+Infinity")) return INFINITY;
    if (hub_str_is(s, "-Infinity")) return -INFINITY;
    bool digit = false;
    for (size_t i = 0; i < s.n; i++) { /* strtod takes more than JavaScript does */
        if (isdigit((unsigned char)s.p[i])) digit = true;
        if (!isdigit((unsigned char)s.p[i]) && !memchr("+-.eE", s.p[i], 5)) return NAN;
    }
    if (!digit || s.n > 400) return NAN;
    char text[401], *end;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    double d = strtod(text, &end);
    return *end ? NAN : d;
}

struct hub_str hub_js_string(lua_State *L, int i) {
    size_t n;
    const char *p = lua_tolstring(L, i, &n);
    return hub_str(p, n);
}

double hub_js_number(lua_State *L, int i) {
    switch (lua_type(L, i)) {
    case LUA_TBOOLEAN: return lua_toboolean(L, i);
    case LUA_TNUMBER: return lua_tonumber(L, i);
    case LUA_TSTRING: return string_number(hub_js_string(L, i));
    case LUA_TTABLE: break;
    default: return hub_js_is_null(L, i) ? 0 : NAN;
    }
    double d;
    if (hub_js_is_date(L, i)) {
        lua_rawgeti(L, i, 1);
        d = lua_tonumber(L, -1);
    } else {
        hub_js_push_text(L, i, 0);
        d = string_number(hub_js_string(L, -1));
    }
    lua_pop(L, 1);
    return d;
}

/* ---- strings ---- */

void hub_js_join(lua_State *L, int i, struct hub_str sep, int depth) {
    lua_Integer n = hub_js_length(L, i);
    luaL_Buffer b;
    i = lua_absindex(L, i);
    luaL_checkstack(L, 10, "arrays nested too deeply");
    luaL_buffinit(L, &b);
    for (lua_Integer k = 0; k < n; k++) {
        if (k) luaL_addlstring(&b, sep.p, sep.n);
        hub_lua_spend(L, 32 + sep.n); /* of all levels together: arrays of arrays share their parts */
        hub_js_push_element(L, i, k);
        if (lua_isnil(L, -1) || hub_js_is_null(L, -1)) {
            lua_pop(L, 1);
            continue;
        }
        hub_js_push_text(L, lua_gettop(L), depth + 1);
        lua_remove(L, -2);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
}

/* Pushes JavaScript's String(value). */
void hub_js_push_text(lua_State *L, int i, int depth) {
    char text[HUB_JS_NUMBER_MAX];
    switch (lua_type(L, i)) {
    case LUA_TNIL: lua_pushliteral(L, "undefined"); return;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, i) ? "true" : "false"); return;
    case LUA_TSTRING: lua_pushvalue(L, i); return;
    case LUA_TFUNCTION: lua_pushliteral(L, "function"); return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, i))
            lua_pushfstring(L, "%I", lua_tointeger(L, i));
        else
            lua_pushlstring(L, text, hub_js_number_text(lua_tonumber(L, i), text));
        return;
    default: break;
    }
    if (hub_js_is_null(L, i)) {
        lua_pushliteral(L, "null");
    } else if (hub_js_is_date(L, i)) {
        char iso[HUB_ISO_LEN + 1] = "Invalid Date";
        lua_rawgeti(L, i, 1);
        double ms = lua_tonumber(L, -1);
        lua_pop(L, 1);
        if (fabs(ms) <= 8.64e15) hub_iso_format((int64_t)ms, iso);
        lua_pushstring(L, iso);
    } else if (hub_js_is_array(L, i) && depth < TEXT_DEPTH) {
        hub_js_join(L, i, HUB_STR(","), depth);
    } else {
        lua_pushliteral(L, "[object Object]");
    }
}

/* Length in bytes of the UTF-8 character at P; 1 for a stray byte. */
size_t hub_js_char_length(struct hub_str s, size_t at) {
    unsigned char c = (unsigned char)s.p[at];
    size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n <= s.n - at ? n : 1;
}

lua_Integer hub_js_units(struct hub_str s) {
    lua_Integer n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        n += (c & 0xc0) != 0x80;
        n += c >= 0xf0;
    }
    return n;
}

/* Byte offset of unit AT. *HALF: AT is the second half of a character beyond U+FFFF, the offset is that of
 * its end. */
size_t hub_js_offset(struct hub_str s, lua_Integer at, bool *half) {
    size_t i = 0;
    *half = false;
    while (at > 0 && i < s.n) {
        size_t n = hub_js_char_length(s, i);
        at -= n == 4 ? 2 : 1;
        i += n;
    }
    *half = at < 0;
    return i;
}

void hub_js_push_units(lua_State *L, struct hub_str s, lua_Integer from, lua_Integer to) {
    if (from >= to) {
        lua_pushliteral(L, "");
        return;
    }
    bool first_half, last_half;
    size_t a = hub_js_offset(s, from, &first_half), b = hub_js_offset(s, to, &last_half);
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    if (first_half) luaL_addstring(&out, "\xef\xbf\xbd"); /* half a pair has no UTF-8 form */
    size_t end = last_half ? b - 4 : b;
    if (end > a) luaL_addlstring(&out, s.p + a, end - a);
    if (last_half) luaL_addstring(&out, "\xef\xbf\xbd");
    luaL_pushresult(&out);
}

/* Length of the white space character at I, or 0. */
static size_t space_at(struct hub_str s, size_t i) {
    const unsigned char *p = (const unsigned char *)s.p + i;
    size_t n = s.n - i;
    if (p[0] == ' ' || (p[0] >= '\t' && p[0] <= '\r')) return 1;
    if (p[0] == 0xc2) return n >= 2 && p[1] == 0xa0 ? 2 : 0; /* no-break space */
    if (p[0] < 0xe1 || n < 3) return 0;
    unsigned code = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    bool wide = code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
                code == 0x202f || code == 0x205f || code == 0x3000 || code == 0xfeff;
    return p[0] < 0xf0 && wide ? 3 : 0;
}

struct hub_str hub_js_trimmed(struct hub_str s) {
    size_t n;
    while (s.n && (n = space_at(s, 0))) s.p += n, s.n -= n;
    while (s.n) {
        size_t at = s.n - 1;
        while (at && ((unsigned char)s.p[at] & 0xc0) == 0x80) at--;
        if (space_at(s, at) != s.n - at) break;
        s.n = at;
    }
    return s;
}

const char *hub_js_find(lua_State *L, struct hub_str s, struct hub_str sub) {
    enum { STRETCH = 64 << 10 };
    if (!sub.n) return s.p;
    for (size_t at = 0; at + sub.n <= s.n; at += STRETCH + sub.n) {
        size_t n = s.n - at, most = STRETCH + 2 * sub.n - 1; /* what begins in the stretch, ends in it */
        const char *hit = memmem(s.p + at, n < most ? n : most, sub.p, sub.n);
        if (hit) return hit;
        hub_lua_spend(L, n < most ? n : most);
    }
    return NULL;
}

/* ---- arguments ---- */

/* Argument I as text; undefined is "undefined", as in JavaScript. */
struct hub_str hub_js_arg_text(lua_State *L, int i) {
    lua_settop(L, i > lua_gettop(L) ? i : lua_gettop(L));
    if (lua_type(L, i) != LUA_TSTRING) {
        hub_js_push_text(L, i, 0);
        lua_replace(L, i);
    }
    struct hub_str s = hub_js_string(L, i);
    hub_lua_charge(L, s.n);
    return s;
}

/* Argument I as a position clamped to 0…N; FALLBACK when it is not given. Negative ones count from the end
 * if FROM_END. */
lua_Integer hub_js_arg_position(lua_State *L, int i, lua_Integer n, lua_Integer fallback, bool from_end) {
    if (lua_isnoneornil(L, i)) return fallback;
    double d = trunc(hub_js_number(L, i));
    if (isnan(d)) d = 0;
    if (d < 0) d = from_end ? d + (double)n : 0;
    return d < 0 ? 0 : d > (double)n ? n : (lua_Integer)d;
}
