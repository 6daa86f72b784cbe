/* Globals of every script that need no engine: json, log, uuid, time, crypto, binary, null. */
#include <math.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "base/crypto/random.h"
#include "base/id/uuid.h"
#include "base/telemetry/log.h"
#include "base/time/clock.h"
#include "scripting/scripting_int.h"

enum {
    JSON_MAX = 4 << 20,
    VALUES_MAX = 200000,
    LOG_LINES_MAX = 100,
    LOG_FIELDS_MAX = 8,
    LOG_TEXT_MAX = 2048,
    LOG_VALUES_MAX = 1000,
    KEY_MAX = 64 << 10
};

static struct hub_str arg_string(lua_State *L, int i) {
    size_t n;
    const char *p = luaL_checklstring(L, i, &n);
    return hub_str(p, n);
}

/* Bytes of a string or a binary value. */
static struct hub_str arg_bytes(lua_State *L, int i) {
    if (lua_type(L, i) == LUA_TUSERDATA && hub_lua_kind(L, i) == hub_scripts_of(L)->mt_binary)
        return hub_str(lua_touserdata(L, i), lua_rawlen(L, i));
    return arg_string(L, i);
}

/* ---- json ---- */

int hub_lua_encode(lua_State *L, int idx, const char *who) {
    struct hub_to_json o = {.max_bytes = JSON_MAX};
    json_t **held = hub_lua_hold(L);
    *held = hub_lua_to_json(L, idx, &o);
    if (!*held) return hub_lua_fail(L, "%s: %s", who, o.why);
    if (o.nodes >= 10000) hub_lua_tick(L);
    struct hub_buf b = {0};
    hub_json_add(&b, *held);
    hub_lua_charge(L, b.n);
    json_decref(*held);
    *held = json_stringn_nocheck(b.p, b.n); /* owns the bytes while Lua copies them */
    hub_buf_free(&b);
    lua_pushlstring(L, json_string_value(*held), json_string_length(*held));
    json_decref(*held);
    *held = NULL;
    return 1;
}

/* Of each value there is a comma before or after it, or a bracket around it; those inside strings do not
 * count. */
static bool too_many_values(struct hub_str text) {
    size_t n = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\\' && quoted)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == ',' || c == '[' || c == '{'))
            n++;
    }
    return n > VALUES_MAX;
}

int hub_lua_decode(lua_State *L, struct hub_str text, const char *who) {
    struct hub_err err;
    if (text.n > JSON_MAX) return hub_lua_fail(L, "%s: the text is larger than 4 MiB", who);
    if (too_many_values(text)) return hub_lua_fail(L, "%s: the text has more than %d values", who, VALUES_MAX);
    hub_lua_charge(L, 8 * text.n);
    json_t **held = hub_lua_hold(L);
    *held = hub_json_parse(text, &err);
    if (!*held) return hub_lua_fail(L, "%s: %s", who, err.text);
    hub_lua_push_json(L, *held, NULL);
    json_decref(*held);
    *held = NULL;
    return 1;
}

static int json_encode(lua_State *L) {
    luaL_checkany(L, 1);
    return hub_lua_encode(L, 1, "json.encode");
}

static int json_decode(lua_State *L) { return hub_lua_decode(L, arg_string(L, 1), "json.decode"); }

/* json.array(t?): marks T, or a new table, so that it stays an array when it is empty. */
static int json_array_of(lua_State *L) {
    if (lua_isnoneornil(L, 1)) {
        hub_lua_new_array(L, 0);
        return 1;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    const void *kind = hub_lua_kind(L, 1);
    lua_settop(L, 1);
    if (kind == hub_scripts_of(L)->mt_array) return 1;
    if (kind) return hub_lua_fail(L, "json.array: the table has a metatable");
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_array_mt);
    lua_setmetatable(L, 1);
    return 1;
}

/* json.object(t?): takes the mark away; an unmarked empty table is an object. */
static int json_object_of(lua_State *L) {
    if (lua_isnoneornil(L, 1)) {
        lua_newtable(L);
        return 1;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (hub_lua_kind(L, 1) != hub_scripts_of(L)->mt_array) return 1;
    lua_pushnil(L);
    lua_setmetatable(L, 1);
    return 1;
}

/* ---- log ---- */

static const char *push_cut(lua_State *L, struct hub_str s, size_t most) {
    lua_pushlstring(L, s.p, s.n < most ? s.n : most);
    return lua_tostring(L, -1);
}

/* Pushes what a log line shows of the value at I: text as it is, all else as JSON. */
static const char *log_text(lua_State *L, int i) {
    if (lua_type(L, i) == LUA_TSTRING) return push_cut(L, arg_string(L, i), LOG_TEXT_MAX);
    struct hub_to_json o = {.max_nodes = LOG_VALUES_MAX, .max_bytes = 1 << 20};
    json_t *v = hub_lua_to_json(L, i, &o);
    struct hub_buf b = {0};
    if (v)
        hub_json_add(&b, v);
    else
        hub_buf_addf(&b, "(%s)", luaL_typename(L, i));
    json_decref(v);
    char cut[512];
    size_t n = b.n < sizeof cut ? b.n : sizeof cut - 1;
    if (n) memcpy(cut, b.p, n);
    hub_buf_free(&b);
    return push_cut(L, hub_str(cut, n), n);
}

static bool may_log(lua_State *L) {
    struct hub_script_task *t = hub_scripts_of(L)->current;
    if (hub_scripts_of(L)->quiet) return false;
    if (++t->log_lines <= LOG_LINES_MAX) return true;
    char where[160];
    hub_lua_where(L, 0, where, sizeof where);
    if (t->log_lines == LOG_LINES_MAX + 1)
        hub_log_kv(HUB_LOG_WARN, "script", "further lines of this call are dropped", "at", where, NULL);
    return false;
}

/* Reads the fields of the table at 2 into K and V, whose texts stay on the stack; keys that are no text
 * are left out. */
static void log_fields(lua_State *L, const char **k, const char **v) {
    luaL_checkstack(L, 2 * LOG_FIELDS_MAX + 6, NULL);
    lua_pushnil(L);
    for (int n = 0, read = 0; n < LOG_FIELDS_MAX && read < LOG_VALUES_MAX && lua_next(L, 2); read++) {
        int key = lua_gettop(L) - 1;
        if (lua_type(L, key) != LUA_TSTRING) {
            lua_pop(L, 1);
            continue;
        }
        k[n] = lua_tostring(L, key);
        v[n++] = log_text(L, key + 1);
        lua_replace(L, key + 1);
        lua_pushvalue(L, key); /* key and text stay; lua_next takes the copy */
    }
}

/* NULL: unknown, and left out of the line. */
static const char *traceparent_of(lua_State *L) {
    const struct hub_script_task *t = hub_scripts_of(L)->current;
    return t->traceparent[0] ? t->traceparent : NULL;
}

static int log_line(lua_State *L) {
    enum hub_log_level level = (enum hub_log_level)lua_tointeger(L, lua_upvalueindex(1));
    luaL_checkany(L, 1);
    if (!hub_log_on(level) || !may_log(L)) return 0;
    char where[160];
    const char *k[LOG_FIELDS_MAX] = {0}, *v[LOG_FIELDS_MAX] = {0}, *message = log_text(L, 1);
    if (lua_type(L, 2) == LUA_TTABLE) log_fields(L, k, v);
    hub_lua_where(L, 0, where, sizeof where);
    const char *trace = traceparent_of(L);
    hub_log_kv(level, "script", message, "at", where, "traceparent", trace, k[0], v[0], k[1], v[1], k[2], v[2], k[3],
               v[3], k[4], v[4], k[5], v[5], k[6], v[6], k[7], v[7], NULL);
    hub_lua_charge(L, 4096);
    return 0;
}

/* print(…): one line of level info, the values separated by blanks. */
static int print_args(lua_State *L) {
    int n = lua_gettop(L);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        if (i > 1) luaL_addchar(&b, ' ');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    if (!hub_log_on(HUB_LOG_INFO) || !may_log(L)) return 0;
    char where[160];
    hub_lua_where(L, 0, where, sizeof where);
    hub_log_kv(HUB_LOG_INFO, "script", push_cut(L, arg_string(L, -1), LOG_TEXT_MAX), "at", where, "traceparent",
               traceparent_of(L), NULL);
    hub_lua_charge(L, 4096);
    return 0;
}

/* ---- time, uuid ---- */

static int time_now(lua_State *L) {
    lua_pushinteger(L, hub_clock_wall_ms(hub_scripts_of(L)->clock));
    return 1;
}

static int time_iso(lua_State *L) {
    char iso[HUB_ISO_LEN + 1];
    lua_Number ms = luaL_optnumber(L, 1, (lua_Number)hub_clock_wall_ms(hub_scripts_of(L)->clock));
    if (!(ms >= -62167219200000.0 && ms < 253402300800000.0))
        return hub_lua_fail(L, "time.iso: the year is not between 0000 and 9999");
    hub_iso_format((int64_t)ms, iso);
    lua_pushstring(L, iso);
    return 1;
}

static int new_uuid(lua_State *L) {
    char id[HUB_UUID_LEN + 1];
    hub_uuid7(id);
    lua_pushstring(L, id);
    return 1;
}

/* ---- crypto ---- */

static int push_hex(lua_State *L, const unsigned char *bytes, size_t n) {
    static const char digits[] = "0123456789abcdef";
    luaL_Buffer b;
    char *p = luaL_buffinitsize(L, &b, 2 * n);
    for (size_t i = 0; i < n; i++) {
        *p++ = digits[bytes[i] >> 4];
        *p++ = digits[bytes[i] & 15];
    }
    luaL_pushresultsize(&b, 2 * n);
    return 1;
}

/* Gives S to UPDATE in pieces, with looks at the clock between them; false when the call's time is used up
 * or UPDATE failed. */
static bool in_pieces(lua_State *L, struct hub_str s, int (*update)(void *ctx, const void *p, size_t n), void *ctx) {
    enum { PIECE = 256 << 10 };
    hub_lua_charge(L, 4 * s.n);
    for (size_t at = 0; at < s.n; at += PIECE) {
        if (at && hub_lua_over(L)) return false;
        if (!update(ctx, s.p + at, s.n - at < PIECE ? s.n - at : PIECE)) return false;
    }
    return true;
}

static int update_digest(void *ctx, const void *p, size_t n) { return EVP_DigestUpdate(ctx, p, n); }
static int update_mac(void *ctx, const void *p, size_t n) { return EVP_MAC_update(ctx, p, n); }

static int push_digest(lua_State *L, const EVP_MD *md) {
    struct hub_str s = arg_bytes(L, 1);
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestInit_ex(ctx, md, NULL) && in_pieces(L, s, update_digest, ctx) &&
                EVP_DigestFinal_ex(ctx, out, &n);
    EVP_MD_CTX_free(ctx);
    if (!good) hub_lua_tick(L);
    return good ? push_hex(L, out, n) : hub_lua_fail(L, "the hash is not available");
}

static int crypto_sha256(lua_State *L) { return push_digest(L, EVP_sha256()); }
static int crypto_md5(lua_State *L) { return push_digest(L, EVP_md5()); }

/* crypto.hmac(key, text): HMAC-SHA256. */
static int crypto_hmac(lua_State *L) {
    struct hub_scripts *scripts = hub_scripts_of(L);
    struct hub_str key = arg_bytes(L, 1), s = arg_bytes(L, 2);
    unsigned char out[EVP_MAX_MD_SIZE];
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", sha256, 0), OSSL_PARAM_construct_end()};
    size_t n = 0;
    if (key.n > KEY_MAX) return hub_lua_fail(L, "crypto.hmac: the key is longer than 64 KiB");
    if (!scripts->hmac) scripts->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = scripts->hmac ? EVP_MAC_CTX_new(scripts->hmac) : NULL;
    bool good = ctx && EVP_MAC_init(ctx, (const unsigned char *)(key.n ? key.p : ""), key.n, params) &&
                in_pieces(L, s, update_mac, ctx) && EVP_MAC_final(ctx, out, &n, sizeof out);
    EVP_MAC_CTX_free(ctx);
    if (!good) hub_lua_tick(L);
    return good ? push_hex(L, out, n) : hub_lua_fail(L, "crypto.hmac failed");
}

/* crypto.random(n = 16): N random bytes in hexadecimal. */
static int crypto_random(lua_State *L) {
    unsigned char bytes[1024];
    lua_Integer n = luaL_optinteger(L, 1, 16);
    luaL_argcheck(L, n >= 1 && n <= (lua_Integer)sizeof bytes, 1, "must be between 1 and 1024");
    hub_random(bytes, (size_t)n);
    return push_hex(L, bytes, (size_t)n);
}

static int new_binary(lua_State *L) {
    struct hub_str s = arg_bytes(L, 1);
    hub_lua_charge(L, s.n);
    hub_lua_push_binary(L, s);
    return 1;
}

/* ---- opening ---- */

static void push_frozen(lua_State *L, const char *name, const luaL_Reg *functions) {
    lua_newtable(L);
    luaL_setfuncs(L, functions, 0);
    hub_lua_freeze_flat(L, name);
    lua_setfield(L, -2, name);
}

static void open_log(lua_State *L) {
    static const struct {
        const char *name;
        enum hub_log_level level;
    } levels[] = {{"debug", HUB_LOG_DEBUG}, {"info", HUB_LOG_INFO}, {"warn", HUB_LOG_WARN}, {"error", HUB_LOG_ERROR}};
    lua_newtable(L);
    for (size_t i = 0; i < HUB_NELEM(levels); i++) {
        lua_pushinteger(L, levels[i].level);
        lua_pushcclosure(L, log_line, 1);
        lua_setfield(L, -2, levels[i].name);
    }
    hub_lua_freeze_flat(L, "log");
    lua_setfield(L, -2, "log");
}

/* Into the table on top. */
void hub_lua_open_api(lua_State *L) {
    static const luaL_Reg json[] = {{"encode", json_encode},
                                    {"decode", json_decode},
                                    {"array", json_array_of},
                                    {"object", json_object_of},
                                    {NULL, NULL}};
    static const luaL_Reg time[] = {{"now", time_now}, {"iso", time_iso}, {NULL, NULL}};
    static const luaL_Reg crypto[] = {
        {"sha256", crypto_sha256}, {"md5", crypto_md5}, {"hmac", crypto_hmac}, {"random", crypto_random}, {NULL, NULL}};
    static const luaL_Reg globals[] = {{"uuid", new_uuid}, {"binary", new_binary}, {"print", print_args}, {NULL, NULL}};
    push_frozen(L, "json", json);
    push_frozen(L, "time", time);
    push_frozen(L, "crypto", crypto);
    open_log(L);
    luaL_setfuncs(L, globals, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_null);
    lua_setfield(L, -2, "null");
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_no_ack);
    lua_setfield(L, -2, "noAck");
}
