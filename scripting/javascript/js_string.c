/* Methods of strings in MScript. */
#include <ctype.h>
#include <wctype.h>

#include "scripting/javascript/js_int.h"

static int str_includes(lua_State *L) {
    struct hub_str s = hub_js_arg_text(L, 1), sub = hub_js_arg_text(L, 2);
    bool half;
    size_t from = hub_js_offset(s, hub_js_arg_position(L, 3, hub_js_units(s), 0, false), &half);
    lua_pushboolean(L, hub_js_find(L, hub_str(s.p + from, s.n - from), sub) != NULL);
    return 1;
}

static int str_index_of(lua_State *L) {
    struct hub_str s = hub_js_arg_text(L, 1), sub = hub_js_arg_text(L, 2);
    bool half;
    size_t from = hub_js_offset(s, hub_js_arg_position(L, 3, hub_js_units(s), 0, false), &half);
    const char *at = hub_js_find(L, hub_str(s.p + from, s.n - from), sub);
    lua_pushinteger(L, at ? hub_js_units(hub_str(s.p, (size_t)(at - s.p))) : -1);
    return 1;
}

static int str_starts_with(lua_State *L) {
    struct hub_str s = hub_js_arg_text(L, 1), sub = hub_js_arg_text(L, 2);
    bool half;
    size_t from = hub_js_offset(s, hub_js_arg_position(L, 3, hub_js_units(s), 0, false), &half);
    lua_pushboolean(L, hub_str_starts(hub_str(s.p + from, s.n - from), sub));
    return 1;
}

static int str_ends_with(lua_State *L) {
    struct hub_str s = hub_js_arg_text(L, 1), sub = hub_js_arg_text(L, 2);
    bool half;
    lua_Integer n = hub_js_units(s);
    size_t end = hub_js_offset(s, hub_js_arg_position(L, 3, n, n, false), &half);
    lua_pushboolean(L, hub_str_ends(hub_str(s.p, end), sub));
    return 1;
}

static int str_trim(lua_State *L) {
    struct hub_str s = hub_js_trimmed(hub_js_arg_text(L, 1));
    lua_pushlstring(L, s.p, s.n);
    return 1;
}

/* CODE stays as it is where there is no such locale. */
static uint32_t change_letter(locale_t unicode, uint32_t code, bool upper) {
    if (!unicode) return code;
    return (uint32_t)(upper ? towupper_l((wint_t)code, unicode) : towlower_l((wint_t)code, unicode));
}

static int change_case(lua_State *L, bool upper) {
    struct hub_str s = hub_js_arg_text(L, 1);
    locale_t unicode = hub_scripts_of(L)->unicode;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < s.n;) {
        size_t n = hub_js_char_length(s, i);
        unsigned char c = (unsigned char)s.p[i];
        hub_lua_spend(L, 8);
        if (n == 1) {
            luaL_addchar(&b, (char)(upper ? toupper(c) : tolower(c)));
        } else {
            uint32_t code = n == 2 ? c & 0x1f : n == 3 ? c & 0x0f : c & 0x07;
            for (size_t k = 1; k < n; k++) code = code << 6 | ((unsigned char)s.p[i + k] & 0x3f);
            char bytes[8];
            struct hub_buf out = {.p = bytes, .cap = sizeof bytes};
            hub_buf_add_utf8(&out, change_letter(unicode, code, upper));
            luaL_addlstring(&b, out.p, out.n);
        }
        i += n;
    }
    luaL_pushresult(&b);
    return 1;
}

static int str_lower(lua_State *L) { return change_case(L, false); }
static int str_upper(lua_State *L) { return change_case(L, true); }

static int str_slice(lua_State *L) {
    struct hub_str s = hub_js_arg_text(L, 1);
    lua_Integer n = hub_js_units(s), from = hub_js_arg_position(L, 2, n, 0, true),
                to = hub_js_arg_position(L, 3, n, n, true);
    hub_js_push_units(L, s, from, to);
    return 1;
}

static int str_concat(lua_State *L) {
    int n = lua_gettop(L);
    for (int i = 1; i <= n; i++) hub_js_arg_text(L, i);
    lua_concat(L, n);
    return 1;
}

static int str_split(lua_State *L) {
    struct hub_str s = hub_js_arg_text(L, 1);
    lua_settop(L, 3);
    lua_Integer max = lua_isnil(L, 3) ? INT32_MAX : (lua_Integer)hub_js_number(L, 3), n = 0;
    bool whole = lua_isnil(L, 2);
    struct hub_str sep = whole ? hub_str("", 0) : hub_js_arg_text(L, 2);
    hub_lua_new_array(L, 0);
    if (whole || (!s.n && sep.n)) {
        lua_pushvalue(L, 1);
        lua_rawseti(L, -2, 1);
        return 1;
    }
    for (size_t at = 0; at <= s.n && n < max; n++) {
        if (!sep.n && at == s.n) break;
        hub_lua_spend(L, 32);
        const char *hit =
            sep.n ? hub_js_find(L, hub_str(s.p + at, s.n - at), sep) : s.p + at + hub_js_char_length(s, at);
        size_t end = hit ? (size_t)(hit - s.p) : s.n;
        lua_pushlstring(L, s.p + at, end - at);
        lua_rawseti(L, -2, n + 1);
        if (!hit) break;
        at = end + sep.n;
    }
    return 1;
}

/* Pushes the table of methods. */
void hub_js_push_strings(lua_State *L) {
    static const luaL_Reg methods[] = {{"includes", str_includes},
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
    luaL_newlib(L, methods);
}
