/* JavaScript's semantics for MScript: conversions, operators, members, and the methods that call nothing back (those are in prelude.c).
 *
 * Values are Lua's: undefined is nil, null the sentinel, an array a marked table whose element i is at i + 1, a Date a table {ms}. A nil inside
 * an array is kept as the sentinel "undefined" and turned back when it is read. Strings are UTF-8; positions count UTF-16 units. */
#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <wctype.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "scripting/scripting_int.h"

enum { TEXT_DEPTH = 32 };

static const struct hub_scripts *state(lua_State *L) { return hub_scripts_of(L); }
static bool is_null(lua_State *L, int i) { return lua_type(L, i) == LUA_TUSERDATA && lua_touserdata(L, i) == state(L)->null; }
static bool is_undef(lua_State *L, int i) { return lua_isnil(L, i) || (lua_type(L, i) == LUA_TUSERDATA && lua_touserdata(L, i) == state(L)->undef); }
static bool is_date(lua_State *L, int i) { return lua_type(L, i) == LUA_TTABLE && hub_lua_kind(L, i) == state(L)->mt_date; }

/* ---- arrays ---- */

/* Marked, or a plain table with elements (or with nothing: an empty table of a Lua function may be either). */
static bool is_array(lua_State *L, int i) {
    if (lua_type(L, i) != LUA_TTABLE) return false;
    const void *mt = hub_lua_kind(L, i);
    if (mt == state(L)->mt_array) return true;
    if (mt == state(L)->mt_date) return false;
    if (hub_lua_thaw(L, i)) {
        bool yes = is_array(L, lua_gettop(L));
        lua_pop(L, 1);
        return yes;
    }
    return lua_rawlen(L, i) > 0;
}

static lua_Integer array_length(lua_State *L, int i) {
    if (!hub_lua_thaw(L, i)) return (lua_Integer)lua_rawlen(L, i);
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    lua_pop(L, 1);
    return n;
}

/* Pushes element AT (from 0) of the array at I. */
static void push_element(lua_State *L, int i, lua_Integer at) {
    if (hub_lua_kind(L, i) && hub_lua_kind(L, i) != state(L)->mt_array)
        lua_geti(L, i, at + 1); /* a view */
    else
        lua_rawgeti(L, i, at + 1);
    if (is_undef(L, -1)) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
}

/* Pops the value on top into element AT (from 0) of the table at I. */
static void set_element(lua_State *L, int i, lua_Integer at) {
    i = lua_absindex(L, i);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_rawgeti(L, LUA_REGISTRYINDEX, state(L)->ref_undef);
    }
    lua_rawseti(L, i, at + 1);
}

/* ---- numbers ---- */

static void push_number(lua_State *L, double d) {
    if (d == floor(d) && fabs(d) <= 9007199254740992.0 && !(d == 0 && signbit(d)))
        lua_pushinteger(L, (lua_Integer)d);
    else
        lua_pushnumber(L, d);
}

/* The digits of D as JavaScript writes them. */
static size_t number_text(double d, char out[40]) {
    if (isnan(d)) return (size_t)sprintf(out, "NaN");
    if (isinf(d)) return (size_t)sprintf(out, d < 0 ? "-Infinity" : "Infinity");
    if (d == 0) return (size_t)sprintf(out, "0");
    char text[40], digits[20];
    for (int precision = 14; precision <= 16; precision++) { /* the fewest digits that read back as D */
        snprintf(text, sizeof text, "%.*e", precision, fabs(d));
        if (strtod(text, NULL) == fabs(d)) break;
    }
    int n = 0, exponent = atoi(strchr(text, 'e') + 1);
    for (const char *p = text; *p != 'e'; p++) {
        if (*p != '.') digits[n++] = *p;
    }
    while (n > 1 && digits[n - 1] == '0') n--;
    char *o = out;
    if (d < 0) *o++ = '-';
    if (exponent >= 21 || exponent < -6) {
        *o++ = digits[0];
        if (n > 1) *o++ = '.';
        for (int i = 1; i < n; i++) *o++ = digits[i];
        return (size_t)(o - out) + (size_t)sprintf(o, "e%+d", exponent);
    }
    if (exponent < 0) {
        *o++ = '0', *o++ = '.';
        for (int i = -1; i > exponent; i--) *o++ = '0';
        for (int i = 0; i < n; i++) *o++ = digits[i];
    } else {
        for (int i = 0; i <= exponent || i < n; i++) {
            if (i == exponent + 1) *o++ = '.';
            *o++ = i < n ? digits[i] : '0';
        }
    }
    *o = 0;
    return (size_t)(o - out);
}

static struct hub_str trimmed(struct hub_str s);

/* JavaScript's Number(string). */
static double string_number(struct hub_str s) {
    s = trimmed(s);
    if (!s.n) return 0;
    if (s.n > 2 && s.p[0] == '0' && strchr("xXbBoO", s.p[1])) {
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
        if (!isdigit((unsigned char)s.p[i]) && !strchr("+-.eE", s.p[i])) return NAN;
    }
    if (!digit || s.n > 400) return NAN;
    char text[401], *end;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    double d = strtod(text, &end);
    return *end ? NAN : d;
}

static void push_text(lua_State *L, int i, int depth);

static struct hub_str string_at(lua_State *L, int i) {
    size_t n;
    const char *p = lua_tolstring(L, i, &n);
    return hub_str(p, n);
}

static double to_number(lua_State *L, int i) {
    switch (lua_type(L, i)) {
    case LUA_TBOOLEAN: return lua_toboolean(L, i);
    case LUA_TNUMBER: return lua_tonumber(L, i);
    case LUA_TSTRING: return string_number(string_at(L, i));
    case LUA_TTABLE: break;
    default: return is_null(L, i) ? 0 : NAN;
    }
    double d;
    if (is_date(L, i)) {
        lua_rawgeti(L, i, 1);
        d = lua_tonumber(L, -1);
    } else {
        push_text(L, i, 0);
        d = string_number(string_at(L, -1));
    }
    lua_pop(L, 1);
    return d;
}

/* ---- strings ---- */

static void add_text(lua_State *L, luaL_Buffer *b, int i, int depth) {
    push_text(L, i, depth);
    luaL_addvalue(b);
}

static void join(lua_State *L, int i, struct hub_str sep, int depth) {
    lua_Integer n = array_length(L, i);
    luaL_Buffer b;
    i = lua_absindex(L, i);
    luaL_checkstack(L, 10, "arrays nested too deeply");
    luaL_buffinit(L, &b);
    for (lua_Integer k = 0; k < n; k++) {
        if (k) luaL_addlstring(&b, sep.p, sep.n);
        if (k % 1024 == 1023) hub_lua_tick(L);
        push_element(L, i, k);
        if (lua_isnil(L, -1) || is_null(L, -1)) {
            lua_pop(L, 1);
            continue;
        }
        push_text(L, lua_gettop(L), depth + 1);
        lua_remove(L, -2);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
}

/* Pushes JavaScript's String(value). */
static void push_text(lua_State *L, int i, int depth) {
    char text[40];
    switch (lua_type(L, i)) {
    case LUA_TNIL: lua_pushliteral(L, "undefined"); return;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, i) ? "true" : "false"); return;
    case LUA_TSTRING: lua_pushvalue(L, i); return;
    case LUA_TFUNCTION: lua_pushliteral(L, "function"); return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, i))
            lua_pushfstring(L, "%I", lua_tointeger(L, i));
        else
            lua_pushlstring(L, text, number_text(lua_tonumber(L, i), text));
        return;
    default: break;
    }
    if (is_null(L, i)) {
        lua_pushliteral(L, "null");
    } else if (is_date(L, i)) {
        char iso[HUB_ISO_LEN + 1] = "Invalid Date";
        lua_rawgeti(L, i, 1);
        double ms = lua_tonumber(L, -1);
        lua_pop(L, 1);
        if (fabs(ms) <= 8.64e15) hub_iso_format((int64_t)ms, iso);
        lua_pushstring(L, iso);
    } else if (is_array(L, i) && depth < TEXT_DEPTH) {
        join(L, i, HUB_STR(","), depth);
    } else {
        lua_pushliteral(L, "[object Object]");
    }
}

/* Length in bytes of the UTF-8 character at P; 1 for a stray byte. */
static size_t char_length(struct hub_str s, size_t at) {
    unsigned char c = (unsigned char)s.p[at];
    size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n <= s.n - at ? n : 1;
}

static lua_Integer units(struct hub_str s) {
    lua_Integer n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        n += (c & 0xc0) != 0x80;
        n += c >= 0xf0;
    }
    return n;
}

/* Byte offset of unit AT. *HALF: AT is the second half of a character beyond U+FFFF, the offset is that of its end. */
static size_t offset_of(struct hub_str s, lua_Integer at, bool *half) {
    size_t i = 0;
    *half = false;
    while (at > 0 && i < s.n) {
        size_t n = char_length(s, i);
        at -= n == 4 ? 2 : 1;
        i += n;
    }
    *half = at < 0;
    return i;
}

static void push_units(lua_State *L, struct hub_str s, lua_Integer from, lua_Integer to) {
    if (from >= to) {
        lua_pushliteral(L, "");
        return;
    }
    bool first_half, last_half;
    size_t a = offset_of(s, from, &first_half), b = offset_of(s, to, &last_half);
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    if (first_half) luaL_addstring(&out, "\xef\xbf\xbd"); /* half a pair has no UTF-8 form */
    size_t end = last_half ? b - 4 : b;
    if (end > a) luaL_addlstring(&out, s.p + a, end - a);
    if (last_half) luaL_addstring(&out, "\xef\xbf\xbd");
    luaL_pushresult(&out);
}

static size_t space_at(struct hub_str s, size_t i) { /* length of the white space character at I, or 0 */
    static const char *const wide[] = {"\xc2\xa0",     "\xef\xbb\xbf", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
                                       "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
                                       "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
    unsigned char c = (unsigned char)s.p[i];
    if (c == ' ' || (c >= '\t' && c <= '\r')) return 1;
    for (size_t k = 0; c >= 0xc2 && k < HUB_NELEM(wide); k++) {
        if (hub_str_starts(hub_str(s.p + i, s.n - i), hub_cstr(wide[k]))) return strlen(wide[k]);
    }
    return 0;
}

static struct hub_str trimmed(struct hub_str s) {
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

/* ---- operators ---- */

static bool truthy(lua_State *L, int i) {
    switch (lua_type(L, i)) {
    case LUA_TNIL: return false;
    case LUA_TBOOLEAN: return lua_toboolean(L, i);
    case LUA_TNUMBER: return lua_tonumber(L, i) != 0 && !isnan(lua_tonumber(L, i));
    case LUA_TSTRING: return lua_rawlen(L, i) > 0;
    case LUA_TUSERDATA: return !is_null(L, i) && !is_undef(L, i);
    default: return true;
    }
}

static int op_truth(lua_State *L) {
    lua_pushboolean(L, truthy(L, 1));
    return 1;
}

/* ToPrimitive without a hint, in place: tables become text, a Date its number unless TEXT. */
static void primitive(lua_State *L, int i, bool text) {
    if (lua_type(L, i) != LUA_TTABLE && lua_type(L, i) != LUA_TFUNCTION) return;
    if (is_date(L, i) && !text)
        push_number(L, to_number(L, i));
    else
        push_text(L, i, 0);
    lua_replace(L, i);
}

static bool nothing(lua_State *L, int i) { return lua_isnoneornil(L, i) || is_null(L, i); }

static int op_eq(lua_State *L) {
    lua_settop(L, 2);
    bool equal;
    int a = lua_type(L, 1), b = lua_type(L, 2);
    if (nothing(L, 1) || nothing(L, 2)) {
        equal = nothing(L, 1) && nothing(L, 2);
    } else if (a == b) {
        equal = lua_compare(L, 1, 2, LUA_OPEQ);
    } else {
        primitive(L, 1, true);
        primitive(L, 2, true);
        if (lua_type(L, 1) == LUA_TSTRING && lua_type(L, 2) == LUA_TSTRING)
            equal = lua_rawequal(L, 1, 2);
        else if (lua_type(L, 1) == LUA_TUSERDATA || lua_type(L, 2) == LUA_TUSERDATA)
            equal = false;
        else
            equal = to_number(L, 1) == to_number(L, 2);
    }
    lua_pushboolean(L, equal);
    return 1;
}

/* Orders 1 and 2; false in *KNOWN when one is no number. */
static int compare(lua_State *L, bool *known) {
    lua_settop(L, 2);
    primitive(L, 1, false);
    primitive(L, 2, false);
    *known = true;
    if (lua_type(L, 1) == LUA_TSTRING && lua_type(L, 2) == LUA_TSTRING) {
        struct hub_str a = string_at(L, 1), b = string_at(L, 2);
        hub_lua_charge(L, a.n < b.n ? a.n : b.n);
        int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
        return c ? c : (a.n > b.n) - (a.n < b.n);
    }
    if (lua_isinteger(L, 1) && lua_isinteger(L, 2)) return (lua_tointeger(L, 1) > lua_tointeger(L, 2)) - (lua_tointeger(L, 1) < lua_tointeger(L, 2));
    double a = to_number(L, 1), b = to_number(L, 2);
    *known = !isnan(a) && !isnan(b);
    return (a > b) - (a < b);
}

static int op_lt(lua_State *L) {
    bool known, yes = compare(L, &known) < 0;
    lua_pushboolean(L, known && yes);
    return 1;
}
static int op_le(lua_State *L) {
    bool known, yes = compare(L, &known) <= 0;
    lua_pushboolean(L, known && yes);
    return 1;
}
static int op_gt(lua_State *L) {
    bool known, yes = compare(L, &known) > 0;
    lua_pushboolean(L, known && yes);
    return 1;
}
static int op_ge(lua_State *L) {
    bool known, yes = compare(L, &known) >= 0;
    lua_pushboolean(L, known && yes);
    return 1;
}

static int op_add(lua_State *L) {
    lua_Integer sum;
    lua_settop(L, 2);
    if (lua_isinteger(L, 1) && lua_isinteger(L, 2) && !__builtin_add_overflow(lua_tointeger(L, 1), lua_tointeger(L, 2), &sum)) {
        lua_pushinteger(L, sum);
        return 1;
    }
    primitive(L, 1, true);
    primitive(L, 2, true);
    if (lua_type(L, 1) != LUA_TSTRING && lua_type(L, 2) != LUA_TSTRING) {
        push_number(L, to_number(L, 1) + to_number(L, 2));
        return 1;
    }
    push_text(L, 1, 0);
    push_text(L, 2, 0);
    hub_lua_charge(L, lua_rawlen(L, -1) + lua_rawlen(L, -2));
    lua_concat(L, 2);
    return 1;
}

static int op_sub(lua_State *L) {
    lua_Integer r;
    lua_settop(L, 2);
    if (lua_isinteger(L, 1) && lua_isinteger(L, 2) && !__builtin_sub_overflow(lua_tointeger(L, 1), lua_tointeger(L, 2), &r))
        lua_pushinteger(L, r);
    else
        push_number(L, to_number(L, 1) - to_number(L, 2));
    return 1;
}

static int op_mul(lua_State *L) {
    lua_Integer r;
    lua_settop(L, 2);
    if (lua_isinteger(L, 1) && lua_isinteger(L, 2) && !__builtin_mul_overflow(lua_tointeger(L, 1), lua_tointeger(L, 2), &r))
        lua_pushinteger(L, r);
    else
        push_number(L, to_number(L, 1) * to_number(L, 2));
    return 1;
}

static int op_div(lua_State *L) {
    lua_settop(L, 2);
    push_number(L, to_number(L, 1) / to_number(L, 2));
    return 1;
}

static int op_mod(lua_State *L) {
    lua_settop(L, 2);
    lua_Integer b = lua_isinteger(L, 1) && lua_isinteger(L, 2) ? lua_tointeger(L, 2) : 0;
    if (b && b != -1)
        lua_pushinteger(L, lua_tointeger(L, 1) % b);
    else
        push_number(L, fmod(to_number(L, 1), to_number(L, 2)));
    return 1;
}

static int op_neg(lua_State *L) {
    lua_settop(L, 1);
    if (lua_isinteger(L, 1) && lua_tointeger(L, 1) && lua_tointeger(L, 1) != LUA_MININTEGER)
        lua_pushinteger(L, -lua_tointeger(L, 1));
    else
        push_number(L, -to_number(L, 1));
    return 1;
}

static int op_num(lua_State *L) {
    lua_settop(L, 1);
    if (lua_type(L, 1) == LUA_TNUMBER) return 1;
    push_number(L, to_number(L, 1));
    return 1;
}

static int op_typeof(lua_State *L) {
    static const char *const names[] = {
        [LUA_TNIL] = "undefined", [LUA_TBOOLEAN] = "boolean", [LUA_TNUMBER] = "number", [LUA_TSTRING] = "string", [LUA_TFUNCTION] = "function"};
    int t = lua_type(L, 1);
    lua_pushstring(L, t >= 0 && (size_t)t < HUB_NELEM(names) && names[t] ? names[t] : "object");
    return 1;
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
        set_element(L, n + 2, i);
    }
    return 1;
}

static int op_put(lua_State *L) {
    lua_settop(L, 3);
    set_element(L, 1, lua_tointeger(L, 2) - 1);
    return 0;
}

/* ---- members ---- */

/* An element's number from 0 that the key at I stands for, or -1. */
static lua_Integer element_number(lua_State *L, int i) {
    int exact;
    uint64_t u;
    if (lua_type(L, i) == LUA_TNUMBER) {
        lua_Integer at = lua_tointegerx(L, i, &exact);
        return exact ? at : -1;
    }
    if (lua_type(L, i) != LUA_TSTRING || !hub_str_u64(string_at(L, i), &u) || u > INT32_MAX) return -1;
    return (lua_Integer)u;
}

static bool is_key(lua_State *L, int i, const char *name) { return lua_type(L, i) == LUA_TSTRING && hub_str_is(string_at(L, i), name); }

static int string_member(lua_State *L) {
    struct hub_str s = string_at(L, 1);
    lua_Integer at;
    if (is_key(L, 2, "length")) {
        hub_lua_charge(L, s.n);
        lua_pushinteger(L, units(s));
    } else if ((at = element_number(L, 2)) >= 0) {
        hub_lua_charge(L, s.n);
        if (at < units(s))
            push_units(L, s, at, at + 1);
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
        lua_pushinteger(L, array_length(L, 1));
    else if ((at = element_number(L, 2)) >= 0)
        push_element(L, 1, at);
    else
        lua_pushnil(L);
    return 1;
}

static int table_member(lua_State *L) {
    const void *mt = hub_lua_kind(L, 1);
    if (mt == state(L)->mt_array) return array_member(L);
    if (mt == state(L)->mt_date || nothing(L, 2)) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushvalue(L, 2);
    if (lua_gettable(L, 1) != LUA_TNIL) {
        if (!is_array(L, 1) || lua_type(L, 2) != LUA_TNUMBER) return 1;
    }
    if (is_array(L, 1)) return array_member(L);
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
        push_text(L, 2, 0);
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
        if (is_key(L, 2, "length") && hub_lua_kind(L, 1) == state(L)->mt_binary) {
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
    else if (is_date(L, 1))
        kind = "date";
    else if (lua_type(L, 1) == LUA_TFUNCTION)
        kind = "function";
    else if (lua_type(L, 1) == LUA_TTABLE)
        kind = hub_lua_kind(L, 1) == state(L)->mt_array ? "array" : hub_lua_kind(L, 1) == state(L)->mt_socket ? "socket" : "table";
    lua_pushstring(L, kind);
    return 1;
}

static int array_like(lua_State *L) {
    if (!is_array(L, 1)) {
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
    push_text(L, 2, 0);
    const char *name = lua_tostring(L, -1);
    op_typeof(L);
    const char *kind = is_null(L, 1) ? "null" : is_array(L, 1) ? "an array" : is_date(L, 1) ? "a Date" : lua_tostring(L, -1);
    return hub_lua_fail(L, "cannot call '%.60s' of %s", name, kind);
}

static int not_callable(lua_State *L) { return hub_lua_fail(L, "'%s' needs a function as argument", luaL_checkstring(L, 1)); }

static int check_table(lua_State *L) {
    if (lua_type(L, 1) != LUA_TTABLE) return hub_lua_fail(L, "table expected, got %s", luaL_typename(L, 1));
    return 0;
}

/* Arguments 1 and 2 of string.gsub. */
static int check_text(lua_State *L) {
    for (int i = 1; i <= 2; i++) {
        if (!lua_isstring(L, i)) return hub_lua_fail(L, "bad argument #%d to 'gsub' (string expected, got %s)", i, luaL_typename(L, i));
    }
    return 0;
}

/* The order of table.sort without a function. In C, so that its errors carry the caller's position. */
static int less(lua_State *L) {
    lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
    return 1;
}

static int element(lua_State *L) {
    push_element(L, 1, lua_tointeger(L, 2) - 1);
    return 1;
}

static int length(lua_State *L) {
    lua_pushinteger(L, array_length(L, 1));
    return 1;
}

static int new_array(lua_State *L) {
    hub_lua_new_array(L, 0);
    return 1;
}

/* ---- methods of strings ---- */

/* Argument I as text; undefined is "undefined", as in JavaScript. */
static struct hub_str arg_text(lua_State *L, int i) {
    lua_settop(L, i > lua_gettop(L) ? i : lua_gettop(L));
    if (lua_type(L, i) != LUA_TSTRING) {
        push_text(L, i, 0);
        lua_replace(L, i);
    }
    struct hub_str s = string_at(L, i);
    hub_lua_charge(L, s.n);
    return s;
}

/* Argument I as a position clamped to 0…N; FALLBACK when it is not given. Negative ones count from the end if FROM_END. */
static lua_Integer arg_position(lua_State *L, int i, lua_Integer n, lua_Integer fallback, bool from_end) {
    if (lua_isnoneornil(L, i)) return fallback;
    double d = trunc(to_number(L, i));
    if (isnan(d)) d = 0;
    if (d < 0) d = from_end ? d + (double)n : 0;
    return d < 0 ? 0 : d > (double)n ? n : (lua_Integer)d;
}

static int str_includes(lua_State *L) {
    struct hub_str s = arg_text(L, 1), sub = arg_text(L, 2);
    bool half;
    size_t from = offset_of(s, arg_position(L, 3, units(s), 0, false), &half);
    lua_pushboolean(L, !sub.n || memmem(s.p + from, s.n - from, sub.p, sub.n) != NULL);
    return 1;
}

static int str_index_of(lua_State *L) {
    struct hub_str s = arg_text(L, 1), sub = arg_text(L, 2);
    bool half;
    size_t from = offset_of(s, arg_position(L, 3, units(s), 0, false), &half);
    const char *at = sub.n ? memmem(s.p + from, s.n - from, sub.p, sub.n) : s.p + from;
    lua_pushinteger(L, at ? units(hub_str(s.p, (size_t)(at - s.p))) : -1);
    return 1;
}

static int str_starts_with(lua_State *L) {
    struct hub_str s = arg_text(L, 1), sub = arg_text(L, 2);
    bool half;
    size_t from = offset_of(s, arg_position(L, 3, units(s), 0, false), &half);
    lua_pushboolean(L, hub_str_starts(hub_str(s.p + from, s.n - from), sub));
    return 1;
}

static int str_ends_with(lua_State *L) {
    struct hub_str s = arg_text(L, 1), sub = arg_text(L, 2);
    bool half;
    lua_Integer n = units(s);
    size_t end = offset_of(s, arg_position(L, 3, n, n, false), &half);
    lua_pushboolean(L, hub_str_ends(hub_str(s.p, end), sub));
    return 1;
}

static int str_trim(lua_State *L) {
    struct hub_str s = trimmed(arg_text(L, 1));
    lua_pushlstring(L, s.p, s.n);
    return 1;
}

static locale_t unicode;

static void add_char(luaL_Buffer *b, uint32_t c) {
    if (c < 0x80) {
        luaL_addchar(b, (char)c);
        return;
    }
    if (c < 0x800) {
        luaL_addchar(b, (char)(0xc0 | c >> 6));
    } else {
        if (c < 0x10000) {
            luaL_addchar(b, (char)(0xe0 | c >> 12));
        } else {
            luaL_addchar(b, (char)(0xf0 | c >> 18));
            luaL_addchar(b, (char)(0x80 | (c >> 12 & 0x3f)));
        }
        luaL_addchar(b, (char)(0x80 | (c >> 6 & 0x3f)));
    }
    luaL_addchar(b, (char)(0x80 | (c & 0x3f)));
}

static int change_case(lua_State *L, bool upper) {
    struct hub_str s = arg_text(L, 1);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < s.n;) {
        size_t n = char_length(s, i);
        unsigned char c = (unsigned char)s.p[i];
        if (n == 1) {
            luaL_addchar(&b, (char)(upper ? toupper(c) : tolower(c)));
        } else {
            uint32_t code = n == 2 ? c & 0x1f : n == 3 ? c & 0x0f : c & 0x07;
            for (size_t k = 1; k < n; k++) code = code << 6 | ((unsigned char)s.p[i + k] & 0x3f);
            add_char(&b, (uint32_t)(upper ? towupper_l((wint_t)code, unicode) : towlower_l((wint_t)code, unicode)));
        }
        i += n;
    }
    luaL_pushresult(&b);
    return 1;
}

static int str_lower(lua_State *L) { return change_case(L, false); }
static int str_upper(lua_State *L) { return change_case(L, true); }

static int str_slice(lua_State *L) {
    struct hub_str s = arg_text(L, 1);
    lua_Integer n = units(s), from = arg_position(L, 2, n, 0, true), to = arg_position(L, 3, n, n, true);
    push_units(L, s, from, to);
    return 1;
}

static int str_concat(lua_State *L) { return op_cat(L); }

static int str_split(lua_State *L) {
    struct hub_str s = arg_text(L, 1);
    lua_settop(L, 3);
    lua_Integer max = lua_isnil(L, 3) ? INT32_MAX : (lua_Integer)to_number(L, 3), n = 0;
    bool whole = lua_isnil(L, 2);
    struct hub_str sep = whole ? hub_str("", 0) : arg_text(L, 2);
    hub_lua_new_array(L, 0);
    if (whole || (!s.n && sep.n)) {
        lua_pushvalue(L, 1);
        lua_rawseti(L, -2, 1);
        return 1;
    }
    for (size_t at = 0; at <= s.n && n < max; n++) {
        if (!sep.n && at == s.n) break;
        if (n % 1024 == 1023) hub_lua_tick(L);
        const char *hit = sep.n ? memmem(s.p + at, s.n - at, sep.p, sep.n) : s.p + at + char_length(s, at);
        size_t end = hit ? (size_t)(hit - s.p) : s.n;
        lua_pushlstring(L, s.p + at, end - at);
        lua_rawseti(L, -2, n + 1);
        if (!hit) break;
        at = end + sep.n;
    }
    return 1;
}

/* ---- methods of arrays ---- */

static bool same(lua_State *L, int a, int b) {
    if (lua_rawequal(L, a, b)) return true;
    return lua_type(L, a) == LUA_TNUMBER && lua_type(L, b) == LUA_TNUMBER && isnan(lua_tonumber(L, a)) && isnan(lua_tonumber(L, b));
}

static lua_Integer position_of(lua_State *L, bool nan_is_nan) {
    lua_settop(L, 3);
    lua_Integer n = array_length(L, 1);
    for (lua_Integer i = arg_position(L, 3, n, 0, true); i < n; i++) {
        if (i % 1024 == 1023) hub_lua_tick(L);
        push_element(L, 1, i);
        bool hit = nan_is_nan ? same(L, -1, 2) : lua_rawequal(L, -1, 2);
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
    struct hub_str sep = lua_isnoneornil(L, 2) ? HUB_STR(",") : arg_text(L, 2);
    join(L, 1, sep, 0);
    return 1;
}

static int arr_slice(lua_State *L) {
    lua_Integer n = array_length(L, 1), from = arg_position(L, 2, n, 0, true), to = arg_position(L, 3, n, n, true);
    hub_lua_new_array(L, to > from ? (int)(to - from) : 0);
    for (lua_Integer i = from; i < to; i++) {
        push_element(L, 1, i);
        set_element(L, -2, i - from);
    }
    hub_lua_charge(L, (size_t)(to > from ? to - from : 0) * 32);
    return 1;
}

static int arr_concat(lua_State *L) {
    int n = lua_gettop(L);
    lua_Integer at = 0;
    hub_lua_new_array(L, 0);
    for (int i = 1; i <= n; i++) {
        bool spread = is_array(L, i) || i == 1;
        lua_Integer count = spread ? array_length(L, i) : 1;
        hub_lua_charge(L, (size_t)count * 32);
        for (lua_Integer k = 0; k < count; k++) {
            if (spread)
                push_element(L, i, k);
            else
                lua_pushvalue(L, i);
            set_element(L, n + 1, at++);
        }
    }
    return 1;
}

/* ---- Date ---- */

static void push_date(lua_State *L, double ms) {
    lua_createtable(L, 1, 0);
    lua_pushnumber(L, fabs(ms) <= 8.64e15 ? trunc(ms) : NAN);
    lua_rawseti(L, -2, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state(L)->ref_date_mt);
    lua_setmetatable(L, -2);
}

static int64_t days_from_civil(int64_t y, int64_t m) { /* of the first day of month M (0…11) of year Y, since 1970 */
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    int64_t p = y - 1;
    int64_t days = 365 * (y - 1970) + (int64_t)(floor((double)p / 4) - floor((double)p / 100) + floor((double)p / 400)) - 477;
    return days + before[m] + (leap && m > 1);
}

/* new Date(year, month, day, h, m, s, ms), read as UTC. */
static double date_of_parts(lua_State *L, int n) {
    double part[7] = {0, 0, 1, 0, 0, 0, 0};
    for (int i = 0; i < n && i < 7; i++) {
        part[i] = trunc(to_number(L, i + 1));
        if (!(fabs(part[i]) < 1e9)) return NAN;
    }
    if (part[0] >= 0 && part[0] <= 99) part[0] += 1900;
    double y = part[0] + floor(part[1] / 12), m = part[1] - 12 * floor(part[1] / 12);
    if (!(fabs(y) < 400000)) return NAN;
    double days = (double)days_from_civil((int64_t)y, (int64_t)m) + part[2] - 1;
    return days * 86400000 + part[3] * 3600000 + part[4] * 60000 + part[5] * 1000 + part[6];
}

static int op_date(lua_State *L) {
    int n = lua_gettop(L);
    int64_t ms;
    double d = n == 0 ? (double)hub_wall_ms() : NAN;
    if (n > 1)
        d = date_of_parts(L, n);
    else if (n == 1 && lua_type(L, 1) == LUA_TSTRING)
        d = hub_iso_parse(string_at(L, 1), &ms) ? (double)ms : NAN;
    else if (n == 1)
        d = to_number(L, 1);
    push_date(L, d);
    return 1;
}

static int date_now(lua_State *L) {
    lua_pushinteger(L, hub_wall_ms());
    return 1;
}

static int date_time(lua_State *L) {
    push_number(L, to_number(L, 1));
    return 1;
}

static int date_iso(lua_State *L) {
    if (isnan(to_number(L, 1))) return hub_lua_fail(L, "toISOString of an invalid date");
    push_text(L, 1, 0);
    return 1;
}

/* ---- Math ---- */

static double js_round(double x) { return floor(x + 0.5); }
static double js_sign(double x) { return isnan(x) || x == 0 ? x : x < 0 ? -1 : 1; }

#define MATH1(F) \
    { #F, F }
static const struct {
    const char *name;
    double (*f)(double);
} math1[] = {MATH1(ceil), MATH1(floor), MATH1(trunc), MATH1(sqrt), MATH1(cbrt), MATH1(exp),  MATH1(log),    MATH1(log2),         MATH1(log10),
             MATH1(sin),  MATH1(cos),   MATH1(tan),   MATH1(asin), MATH1(acos), MATH1(atan), {"abs", fabs}, {"round", js_round}, {"sign", js_sign}};

static int math_unary(lua_State *L) {
    lua_settop(L, 1);
    push_number(L, math1[lua_tointeger(L, lua_upvalueindex(1))].f(to_number(L, 1)));
    return 1;
}

static int math_extreme(lua_State *L, bool max) {
    double best = max ? -INFINITY : INFINITY;
    for (int i = 1, n = lua_gettop(L); i <= n; i++) {
        double d = to_number(L, i);
        if (isnan(d)) best = NAN;
        if (max ? d > best : d < best) best = d;
    }
    push_number(L, best);
    return 1;
}

static int math_max(lua_State *L) { return math_extreme(L, true); }
static int math_min(lua_State *L) { return math_extreme(L, false); }

static int math_pow(lua_State *L) {
    lua_settop(L, 2);
    double a = to_number(L, 1), b = to_number(L, 2);
    push_number(L, isnan(b) || (fabs(a) == 1 && isinf(b)) ? NAN : pow(a, b));
    return 1;
}

static int math_atan2(lua_State *L) {
    lua_settop(L, 2);
    push_number(L, atan2(to_number(L, 1), to_number(L, 2)));
    return 1;
}

static int math_hypot(lua_State *L) {
    double sum = 0;
    for (int i = 1, n = lua_gettop(L); i <= n; i++) sum = hypot(sum, to_number(L, i));
    push_number(L, sum);
    return 1;
}

static int math_random(lua_State *L) {
    uint64_t bits;
    hub_random(&bits, sizeof bits);
    lua_pushnumber(L, (double)(bits >> 11) / 9007199254740992.0);
    return 1;
}

/* ---- JSON, Object, Array, String, Number, Boolean ---- */

static int json_stringify(lua_State *L) {
    lua_settop(L, 1);
    if (lua_isnil(L, 1) || lua_isfunction(L, 1)) {
        lua_pushnil(L);
        return 1;
    }
    struct hub_to_json o = {0};
    json_t **held = hub_lua_hold(L);
    *held = hub_lua_to_json(L, 1, &o);
    hub_lua_charge(L, 64 * o.nodes);
    if (!*held) return hub_lua_fail(L, "JSON.stringify: %s", o.why);
    struct hub_buf b = {0};
    hub_json_add(&b, *held);
    hub_lua_charge(L, b.n);
    *held = (json_decref(*held), NULL);
    json_t *text = json_stringn_nocheck(b.p, b.n); /* owns the bytes while Lua copies them */
    hub_buf_free(&b);
    *held = text;
    lua_pushlstring(L, json_string_value(text), json_string_length(text));
    *held = (json_decref(*held), NULL);
    return 1;
}

static int json_parse(lua_State *L) {
    struct hub_str s = arg_text(L, 1);
    struct hub_err err;
    if (s.n > 4 << 20) return hub_lua_fail(L, "JSON.parse: the text is larger than 4 MiB");
    hub_lua_charge(L, 8 * s.n);
    json_t **held = hub_lua_hold(L);
    *held = hub_json_parse(s, &err);
    if (!*held) return hub_lua_fail(L, "JSON.parse: %s", err.text);
    hub_lua_push_json(L, *held, NULL);
    *held = (json_decref(*held), NULL);
    return 1;
}

static int array_keys(lua_State *L) {
    lua_Integer n = array_length(L, 1);
    hub_lua_new_array(L, (int)n);
    for (lua_Integer i = 0; i < n; i++) {
        lua_pushfstring(L, "%I", i);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int by_bytes(const void *a, const void *b) {
    const struct hub_str *x = a, *y = b;
    int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

static int object_keys(lua_State *L) {
    lua_settop(L, 1);
    if (nothing(L, 1)) return hub_lua_fail(L, "Object.keys of %s", is_null(L, 1) ? "null" : "undefined");
    if (is_array(L, 1)) return array_keys(L);
    if (lua_type(L, 1) != LUA_TTABLE || is_date(L, 1)) {
        hub_lua_new_array(L, 0);
        return 1;
    }
    if (hub_lua_thaw(L, 1)) lua_replace(L, 1);
    lua_Integer n = 0;
    hub_lua_new_array(L, 0);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        push_text(L, lua_gettop(L), 0);
        lua_rawseti(L, 2, ++n);
    }
    hub_lua_charge(L, (size_t)n * 64);
    struct hub_str *keys = lua_newuserdatauv(L, (size_t)n * sizeof *keys, 0); /* the strings stay in array 2 while they are sorted */
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, 2, i + 1);
        keys[i] = string_at(L, -1);
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
    lua_pushboolean(L, is_array(L, 1));
    return 1;
}

static int to_string(lua_State *L) {
    if (lua_gettop(L) == 0)
        lua_pushliteral(L, "");
    else
        push_text(L, 1, 0);
    return 1;
}

static int to_number_function(lua_State *L) {
    if (lua_gettop(L) == 0) lua_pushinteger(L, 0);
    return op_num(L);
}

static int to_boolean(lua_State *L) {
    lua_settop(L, 1);
    return op_truth(L);
}

/* ---- opening ---- */

static void set_table(lua_State *L, const char *name, const luaL_Reg *functions, int size) {
    lua_createtable(L, 0, size);
    luaL_setfuncs(L, functions, 0);
    lua_setfield(L, -2, name);
}

static void open_math(lua_State *L) {
    static const luaL_Reg functions[] = {{"max", math_max},     {"min", math_min},       {"pow", math_pow}, {"atan2", math_atan2},
                                         {"hypot", math_hypot}, {"random", math_random}, {NULL, NULL}};
    static const struct {
        const char *name;
        double v;
    } constants[] = {{"PI", M_PI}, {"E", M_E}, {"LN2", M_LN2}, {"LN10", M_LN10}, {"LOG2E", M_LOG2E}, {"LOG10E", M_LOG10E}, {"SQRT2", M_SQRT2}};
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

/* Makes the table J of natives (registry: ref_js) and pushes the table of JavaScript's globals. */
void hub_lua_open_js(lua_State *L) {
    static const luaL_Reg natives[] = {{"T", op_truth},
                                       {"G", op_get},
                                       {"EQ", op_eq},
                                       {"LT", op_lt},
                                       {"LE", op_le},
                                       {"GT", op_gt},
                                       {"GE", op_ge},
                                       {"ADD", op_add},
                                       {"SUB", op_sub},
                                       {"MUL", op_mul},
                                       {"DIV", op_div},
                                       {"MOD", op_mod},
                                       {"NEG", op_neg},
                                       {"NUM", op_num},
                                       {"CAT", op_cat},
                                       {"TYPEOF", op_typeof},
                                       {"ARR", op_array},
                                       {"PUT", op_put},
                                       {"DATE", op_date},
                                       {"kind", kind_of},
                                       {"element", element},
                                       {"length", length},
                                       {"array", new_array},
                                       {"arrayLike", array_like},
                                       {"noMethod", no_method},
                                       {"notCallable", not_callable},
                                       {"checkTable", check_table},
                                       {"checkText", check_text},
                                       {"less", less},
                                       {NULL, NULL}};
    static const luaL_Reg strings[] = {{"includes", str_includes},
                                       {"indexOf", str_index_of},
                                       {"startsWith", str_starts_with},
                                       {"endsWith", str_ends_with},
                                       {"toLowerCase", str_lower},
                                       {"toUpperCase", str_upper},
                                       {"trim", str_trim},
                                       {"split", str_split},
                                       {"slice", str_slice},
                                       {"concat", str_concat},
                                       {NULL, NULL}};
    static const luaL_Reg arrays[] = {{"includes", arr_includes}, {"indexOf", arr_index_of}, {"join", arr_join},
                                      {"slice", arr_slice},       {"concat", arr_concat},    {NULL, NULL}};
    static const luaL_Reg dates[] = {{"getTime", date_time}, {"toISOString", date_iso}, {NULL, NULL}};
    static const luaL_Reg json[] = {{"stringify", json_stringify}, {"parse", json_parse}, {NULL, NULL}};
    static const luaL_Reg object[] = {{"keys", object_keys}, {NULL, NULL}};
    static const luaL_Reg array[] = {{"isArray", is_array_function}, {NULL, NULL}};
    static const luaL_Reg date[] = {{"now", date_now}, {NULL, NULL}};
    static const luaL_Reg globals[] = {{"String", to_string}, {"Number", to_number_function}, {"Boolean", to_boolean}, {NULL, NULL}};
    struct hub_scripts *s = hub_scripts_of(L);
    if (!unicode) unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    luaL_newlib(L, natives);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->ref_null);
    lua_setfield(L, -2, "N");
    set_table(L, "strings", strings, 16);
    set_table(L, "arrays", arrays, 16);
    set_table(L, "dates", dates, 2);
    lua_pushvalue(L, -1);
    s->ref_js = luaL_ref(L, LUA_REGISTRYINDEX);
    hub_lua_open_patterns(L);
    hub_lua_run_prelude(L);
    lua_pop(L, 1);
    luaL_newlib(L, globals);
    set_table(L, "JSON", json, 2);
    set_table(L, "Object", object, 1);
    set_table(L, "Array", array, 1);
    set_table(L, "Date", date, 1);
    open_math(L);
    lua_pushnumber(L, NAN);
    lua_setfield(L, -2, "NaN");
    lua_pushnumber(L, INFINITY);
    lua_setfield(L, -2, "Infinity");
}
