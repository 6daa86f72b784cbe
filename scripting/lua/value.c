/* JSON <-> Lua. Objects become plain tables, arrays tables with a metatable that marks them, null a
 * sentinel. Towards JSON everything is read raw: no metamethod of a script ever runs, and the work is
 * bounded (a table that contains itself, or shares its parts, cannot explode). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text/utf8.h"
#include "base/time/clock.h"
#include "scripting/javascript/js_int.h"

enum { MAX_NODES = 200000, MAX_BYTES = 16 << 20, MANY_KEYS = 10000 };

const void *hub_lua_kind(lua_State *L, int idx) {
    if (!lua_getmetatable(L, idx)) return NULL;
    const void *mt = lua_topointer(L, -1);
    lua_pop(L, 1);
    return mt;
}

/* What every call has to do anyway is not counted. */
void hub_lua_charge_values(lua_State *L, size_t values, size_t bytes) {
    if (values >= 16 || bytes >= 1024) hub_lua_charge(L, 64 * values + bytes);
}

/* ---- to Lua ---- */

void hub_lua_new_array(lua_State *L, int n) {
    lua_createtable(L, n, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_array_mt);
    lua_setmetatable(L, -2);
}

void hub_lua_push_binary(lua_State *L, struct hub_str bytes) {
    void *p = lua_newuserdatauv(L, bytes.n, 0);
    if (bytes.n) memcpy(p, bytes.p, bytes.n);
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_binary_mt);
    lua_setmetatable(L, -2);
}

static const struct hub_str *placeholder_of(const json_t *object, const struct hub_hook_bins *bins) {
    if (!json_is_true(json_object_get(object, "_placeholder"))) return NULL;
    const json_t *num = json_object_get(object, "num");
    json_int_t i = json_is_integer(num) ? json_integer_value(num) : -1;
    return i >= 0 && (size_t)i < bins->n ? &bins->items[i] : NULL;
}

static void push_array(lua_State *L, const json_t *array, const struct hub_hook_bins *bins) {
    size_t n = json_array_size(array);
    hub_lua_charge_values(L, n, 0);
    luaL_checkstack(L, 6, "JSON nested too deeply");
    hub_lua_new_array(L, (int)n);
    for (size_t i = 0; i < n; i++) {
        hub_lua_push_json(L, json_array_get(array, i), bins);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_object(lua_State *L, const json_t *value, const struct hub_hook_bins *bins) {
    const struct hub_str *bin = bins ? placeholder_of(value, bins) : NULL;
    if (bin) {
        hub_lua_push_binary(L, *bin);
        return;
    }
    json_t *object = (json_t *)(uintptr_t)value; /* jansson's iterators want it without const */
    size_t n = json_object_size(object);
    hub_lua_charge_values(L, n, 0);
    luaL_checkstack(L, 6, "JSON nested too deeply");
    lua_createtable(L, 0, (int)n);
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
        lua_pushlstring(L, json_object_iter_key(it), json_object_iter_key_len(it));
        hub_lua_push_json(L, json_object_iter_value(it), bins);
        lua_rawset(L, -3);
    }
}

void hub_lua_push_json(lua_State *L, const json_t *value, const struct hub_hook_bins *bins) {
    if (!value) {
        lua_pushnil(L);
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT: push_object(L, value, bins); break;
    case JSON_ARRAY: push_array(L, value, bins); break;
    case JSON_STRING: lua_pushlstring(L, json_string_value(value), json_string_length(value)); break;
    case JSON_INTEGER: lua_pushinteger(L, json_integer_value(value)); break;
    case JSON_REAL: lua_pushnumber(L, json_real_value(value)); break;
    case JSON_TRUE: lua_pushboolean(L, 1); break;
    case JSON_FALSE: lua_pushboolean(L, 0); break;
    default: lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_null); break;
    }
}

/* ---- to JSON ---- */

static void set_why(struct hub_to_json *o, const char *why) {
    if (!o->why[0]) snprintf(o->why, sizeof o->why, "%s", why);
}

static HUB_MUST json_t *refuse_value(struct hub_to_json *o, const char *why) {
    set_why(o, why);
    return NULL;
}

/* Counts N more bytes of text. */
static bool within_bounds(struct hub_to_json *o, size_t n) {
    size_t most = o->max_bytes ? o->max_bytes : MAX_BYTES;
    o->bytes += n;
    if (o->bytes > most && !o->why[0]) snprintf(o->why, sizeof o->why, "the value is larger than %zu MiB", most >> 20);
    return o->bytes <= most;
}

static HUB_MUST json_t *to_json(lua_State *L, int idx, int depth, struct hub_to_json *o);

static HUB_MUST json_t *number_to_json(lua_State *L, int idx) {
    if (lua_isinteger(L, idx)) return json_integer(lua_tointeger(L, idx));
    double d = lua_tonumber(L, idx);
    if (!isfinite(d)) return json_null();
    if (d == floor(d) && fabs(d) <= 9007199254740992.0) return json_integer((json_int_t)d);
    return json_real(d);
}

static HUB_MUST json_t *text_to_json(lua_State *L, int idx, struct hub_to_json *o) {
    size_t n;
    const char *p = lua_tolstring(L, idx, &n);
    if (!within_bounds(o, n)) return NULL;
    json_t *v = hub_utf8_valid(hub_str(p, n)) ? json_stringn_nocheck(p, n) : NULL;
    return v ? v : refuse_value(o, "a string is not valid UTF-8; bytes are sent as binary(string)");
}

static HUB_MUST json_t *binary_to_json(lua_State *L, int idx, struct hub_to_json *o) {
    if (!o->binary) return refuse_value(o, "a binary value can only be an argument or a result of events");
    size_t n = lua_rawlen(L, idx);
    if (o->bins.n == 256) return refuse_value(o, "more than 256 binary values");
    if (!within_bounds(o, n)) return NULL;
    o->bins.items = hub_xrealloc(o->bins.items, (o->bins.n + 1) * sizeof o->bins.items[0]);
    o->bins.items[o->bins.n] = hub_str(lua_touserdata(L, idx), n);
    return json_pack("{s:b,s:I}", "_placeholder", 1, "num", (json_int_t)o->bins.n++);
}

static HUB_MUST json_t *userdata_to_json(lua_State *L, int idx, struct hub_to_json *o) {
    const struct hub_scripts *s = hub_scripts_of(L);
    const void *p = lua_touserdata(L, idx);
    if (p == s->null || p == s->undef) return json_null();
    return hub_lua_kind(L, idx) == s->mt_binary ? binary_to_json(L, idx, o)
                                                : refuse_value(o, "a userdata has no JSON form");
}

static HUB_MUST json_t *date_to_json(lua_State *L, int idx) {
    char iso[HUB_ISO_LEN + 1];
    lua_rawgeti(L, idx, 1);
    double ms = lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (!(fabs(ms) <= 8.64e15)) return json_null();
    hub_iso_format((int64_t)ms, iso);
    return json_string(iso);
}

static HUB_MUST json_t *marked_array(lua_State *L, int idx, int depth, struct hub_to_json *o) {
    lua_Integer n = (lua_Integer)lua_rawlen(L, idx);
    json_t *array = json_array();
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, idx, i);
        json_t *v = to_json(L, lua_gettop(L), depth + 1, o);
        lua_pop(L, 1);
        if (v && json_array_append_new(array, v) == 0) continue;
        json_decref(array);
        return NULL;
    }
    return array;
}

/* The elements of a plain table, gathered before it is known whether it is an array or an object. */
struct table_item {
    const char *text; /* a string key; NULL: a number, spelled in DIGITS */
    size_t n;
    lua_Integer at; /* a positional element; 0 = named */
    json_t *value;
    char digits[HUB_JS_NUMBER_MAX];
};
struct items {
    struct table_item *p;
    size_t n, cap;
    size_t positional;
    lua_Integer max;
    struct table_item small[16];
};

static const char *key_of(const struct table_item *it) { return it->text ? it->text : it->digits; }

static bool gather_key(lua_State *L, int idx, struct table_item *it, struct items *all, struct hub_to_json *o) {
    it->text = NULL;
    it->at = 0;
    if (lua_type(L, idx) == LUA_TSTRING) {
        it->text = lua_tolstring(L, idx, &it->n);
        if (!within_bounds(o, it->n)) return false;
        if (hub_utf8_valid(hub_str(it->text, it->n))) return true;
        set_why(o, "a key is not valid UTF-8");
        return false;
    }
    if (lua_type(L, idx) != LUA_TNUMBER) {
        set_why(o, "a table's keys must be strings or numbers");
        return false;
    }
    if (!lua_isinteger(L, idx)) {
        it->n = hub_js_number_text(lua_tonumber(L, idx), it->digits);
        return true;
    }
    lua_Integer at = lua_tointeger(L, idx);
    it->n = (size_t)snprintf(it->digits, sizeof it->digits, "%lld", (long long)at);
    if (at <= 0) return true;
    it->at = at;
    if (at > all->max) all->max = at;
    all->positional++;
    return true;
}

static void free_items(struct items *all) {
    for (size_t i = 0; i < all->n; i++) json_decref(all->p[i].value);
    if (all->p != all->small) free(all->p);
}

static struct table_item *next_item(struct items *all) {
    if (all->n < all->cap) return &all->p[all->n];
    struct table_item *p = hub_xmalloc(2 * all->cap * sizeof *p);
    memcpy(p, all->p, all->n * sizeof *p);
    if (all->p != all->small) free(all->p);
    all->p = p;
    all->cap *= 2;
    return &all->p[all->n];
}

static bool gather_items(lua_State *L, int idx, int depth, struct items *all, struct hub_to_json *o) {
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        struct table_item *it = next_item(all);
        int top = lua_gettop(L);
        it->value = gather_key(L, top - 1, it, all, o) ? to_json(L, top, depth + 1, o) : NULL;
        lua_settop(L, top - 1);
        if (!it->value) {
            lua_pop(L, 1);
            return false;
        }
        all->n++;
    }
    return true;
}

static int by_key(const void *a, const void *b) {
    const struct table_item *x = a, *y = b;
    int c = memcmp(key_of(x), key_of(y), x->n < y->n ? x->n : y->n);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

/* qsort asks for memory and for a comparison by address; most tables have a handful of keys. */
static void sort_items(struct items *all) {
    if (all->n > HUB_NELEM(all->small)) {
        qsort(all->p, all->n, sizeof all->p[0], by_key);
        return;
    }
    for (size_t i = 1; i < all->n; i++) {
        struct table_item it = all->p[i];
        size_t at = i;
        for (; at && by_key(&it, &all->p[at - 1]) < 0; at--) all->p[at] = all->p[at - 1];
        if (at < i) all->p[at] = it;
    }
}

static HUB_MUST json_t *items_array(const struct items *all) {
    json_t *array = json_array();
    for (lua_Integer i = 0; i < all->max; i++) json_array_append_new(array, json_null());
    for (size_t i = 0; i < all->n; i++) json_array_set(array, (size_t)all->p[i].at - 1, all->p[i].value);
    return array;
}

/* Keys in byte order, so that the same table always gives the same text. */
static HUB_MUST json_t *items_object(struct items *all) {
    json_t *object = json_object();
    sort_items(all);
    for (size_t i = 0; i < all->n; i++)
        json_object_setn_nocheck(object, key_of(&all->p[i]), all->p[i].n, all->p[i].value);
    return object;
}

/* A stranger may have sent it as plain JSON. */
static void note_lookalike(struct hub_to_json *o, json_t *object) {
    if (!o->binary || !json_is_true(json_object_get(object, "_placeholder"))) return;
    o->lookalikes = hub_xrealloc(o->lookalikes, (o->lookalike_n + 1) * sizeof(json_t *));
    o->lookalikes[o->lookalike_n++] = object;
}

static HUB_MUST json_t *table_to_json(lua_State *L, int idx, int depth, struct hub_to_json *o) {
    const struct hub_scripts *s = hub_scripts_of(L);
    const void *mt = hub_lua_kind(L, idx);
    if (mt && mt == s->mt_array) return marked_array(L, idx, depth, o);
    if (mt && mt == s->mt_date) return date_to_json(L, idx);
    struct items all; /* not the whole of it: it is large, and most tables are small */
    all.p = all.small;
    all.cap = HUB_NELEM(all.small);
    all.n = all.positional = 0;
    all.max = 0;
    json_t *v = NULL;
    bool gathered = gather_items(L, idx, depth, &all, o);
    if (gathered && all.n >= MANY_KEYS && s->running == L && hub_lua_over(L)) { /* sorting them takes as long again */
        set_why(o, "the script used up its CPU time");
        gathered = false;
    }
    if (gathered) {
        bool array = all.n && all.positional == all.n && (size_t)all.max <= 2 * all.n + 8;
        v = array ? items_array(&all) : items_object(&all);
        note_lookalike(o, v);
    }
    free_items(&all);
    return v;
}

static HUB_MUST json_t *to_json(lua_State *L, int idx, int depth, struct hub_to_json *o) {
    if (depth > HUB_JSON_DEPTH) return refuse_value(o, "nested deeper than 64 levels, or a table that contains itself");
    if (++o->nodes > (o->max_nodes ? o->max_nodes : MAX_NODES)) return refuse_value(o, "more than 200000 values");
    if (!lua_checkstack(L, 8)) return refuse_value(o, "not enough memory");
    switch (lua_type(L, idx)) {
    case LUA_TNIL: return json_null();
    case LUA_TBOOLEAN: return json_boolean(lua_toboolean(L, idx));
    case LUA_TNUMBER: return number_to_json(L, idx);
    case LUA_TSTRING: return text_to_json(L, idx, o);
    case LUA_TUSERDATA: return userdata_to_json(L, idx, o);
    case LUA_TFUNCTION: return refuse_value(o, "a function has no JSON form");
    case LUA_TTABLE: break;
    default: return refuse_value(o, "a value of this kind has no JSON form");
    }
    int top = lua_gettop(L);
    if (hub_lua_thaw(L, idx)) idx = lua_gettop(L);
    json_t *v = table_to_json(L, idx, depth, o);
    lua_settop(L, top);
    return v;
}

json_t *hub_lua_to_json(lua_State *L, int idx, struct hub_to_json *o) {
    size_t nodes = o->nodes, bytes = o->bytes;
    json_t *v = to_json(L, lua_absindex(L, idx), 0, o);
    hub_lua_charge_values(L, o->nodes - nodes, o->bytes - bytes);
    return v;
}

void hub_to_json_end(struct hub_to_json *o) {
    for (size_t i = 0; i < o->lookalike_n && o->bins.n; i++) json_object_del(o->lookalikes[i], "_placeholder");
    free(o->lookalikes);
    o->lookalikes = NULL;
    o->lookalike_n = 0;
}

void hub_to_json_drop(struct hub_to_json *o) {
    free(o->lookalikes);
    free(o->bins.items);
}

/* ---- kinds ---- */

static int release_held(lua_State *L) {
    json_t **held = lua_touserdata(L, 1);
    json_decref(*held);
    *held = NULL;
    return 0;
}

json_t **hub_lua_hold(lua_State *L) {
    json_t **held = lua_newuserdatauv(L, sizeof *held, 0);
    *held = NULL;
    if (luaL_newmetatable(L, "hub.json")) {
        lua_pushcfunction(L, release_held);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return held;
}

static int binary_text(lua_State *L) {
    lua_pushlstring(L, lua_touserdata(L, 1), lua_rawlen(L, 1));
    return 1;
}

static int binary_len(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1));
    return 1;
}

static int binary_eq(lua_State *L) {
    size_t a = lua_rawlen(L, 1), b = lua_rawlen(L, 2);
    hub_lua_charge(L, a);
    bool both = hub_lua_kind(L, 1) == hub_lua_kind(L, 2);
    lua_pushboolean(L, both && a == b && memcmp(lua_touserdata(L, 1), lua_touserdata(L, 2), a) == 0);
    return 1;
}

static int null_text(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    return 1;
}

/* Pushes a new metatable that scripts can neither read nor replace; getmetatable gives NAME. */
static void new_kind(lua_State *L, const char *name) {
    lua_newtable(L);
    lua_pushstring(L, name);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__name");
    lua_setfield(L, -2, "__metatable");
}

static const void *keep_kind(lua_State *L, int *ref) {
    const void *p = lua_topointer(L, -1);
    *ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return p;
}

static const void *new_sentinel(lua_State *L, const char *name, int *ref) {
    const void *p = lua_newuserdatauv(L, 1, 0);
    new_kind(L, name);
    lua_pushstring(L, name);
    lua_pushcclosure(L, null_text, 1);
    lua_setfield(L, -2, "__tostring");
    lua_setmetatable(L, -2);
    *ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return p;
}

void hub_lua_open_values(lua_State *L) {
    struct hub_scripts *s = hub_scripts_of(L);
    s->null = new_sentinel(L, "null", &s->ref_null);
    s->undef = new_sentinel(L, "undefined", &s->ref_undef);
    s->no_ack = new_sentinel(L, "noAck", &s->ref_no_ack);
    new_kind(L, "array");
    s->mt_array = keep_kind(L, &s->ref_array_mt);
    new_kind(L, "date");
    s->mt_date = keep_kind(L, &s->ref_date_mt);
    new_kind(L, "binary");
    lua_pushcfunction(L, binary_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, binary_len);
    lua_setfield(L, -2, "__len");
    lua_pushcfunction(L, binary_eq);
    lua_setfield(L, -2, "__eq");
    s->mt_binary = keep_kind(L, &s->ref_binary_mt);
}
