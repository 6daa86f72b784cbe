/* The JSON text of what a script returns, straight from Lua, without a tree in between. It takes what most
 * results are made of; all else, and whatever is large, is left to hub_lua_to_json, which has the bounds and
 * the words for what cannot be told. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text/utf8.h"
#include "scripting/scripting_int.h"

enum { MEMBERS_MAX = 16, DEPTH_MAX = 16, VALUES_MAX = 1000, BYTES_MAX = 64 << 10 };

struct text_writer {
    lua_State *L;
    struct hub_buf *out;
    size_t values;
};

/* One of an object, with the text that it has in the writer's buffer: "key":value and a comma. */
struct text_member {
    const char *key;
    size_t n, at, len;
};

static bool write_value(struct text_writer *w, int idx, int depth);

static bool write_string(const struct text_writer *w, int idx) {
    struct hub_str s;
    s.p = lua_tolstring(w->L, idx, &s.n);
    if (s.n > BYTES_MAX || !hub_utf8_valid(s)) return false;
    hub_json_add_utf8(w->out, s);
    return true;
}

static void write_number(const struct text_writer *w, int idx) {
    double d = lua_tonumber(w->L, idx);
    if (lua_isinteger(w->L, idx))
        hub_buf_addi(w->out, lua_tointeger(w->L, idx));
    else if (isfinite(d))
        hub_json_add_real(w->out, d);
    else
        hub_buf_addz(w->out, "null");
}

static bool write_array(struct text_writer *w, int idx, int depth) {
    lua_Integer n = (lua_Integer)lua_rawlen(w->L, idx);
    hub_buf_addc(w->out, '[');
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1) hub_buf_addc(w->out, ',');
        lua_rawgeti(w->L, idx, i);
        if (!write_value(w, lua_gettop(w->L), depth + 1)) return false;
        lua_pop(w->L, 1);
    }
    hub_buf_addc(w->out, ']');
    return true;
}

/* ---- objects: written as Lua has their members, then put in the order of their keys ---- */

static bool is_before(const struct text_member *a, const struct text_member *b) {
    int c = memcmp(a->key, b->key, a->n < b->n ? a->n : b->n);
    return c ? c < 0 : a->n < b->n;
}

/* Returns whether any had to move. */
static bool sort_members(struct text_member *m, size_t n) {
    bool moved = false;
    for (size_t i = 1; i < n; i++) {
        struct text_member it = m[i];
        size_t at = i;
        for (; at && is_before(&it, &m[at - 1]); at--) m[at] = m[at - 1];
        m[at] = it;
        moved = moved || at < i;
    }
    return moved;
}

/* What the members, sorted by now, have written from FROM on. */
static void reorder_text(struct hub_buf *out, size_t from, const struct text_member *m, size_t n) {
    char small[1024];
    size_t len = out->n - from;
    char *copy = len <= sizeof small ? small : hub_xmalloc(len), *at = out->p + from;
    memcpy(copy, out->p + from, len);
    for (size_t i = 0; i < n; at += m[i].len, i++) memcpy(at, copy + (m[i].at - from), m[i].len);
    if (copy != small) free(copy);
}

/* Its key below its value on top of the stack. */
static bool write_member(struct text_writer *w, struct text_member *m, int depth) {
    int top = lua_gettop(w->L);
    if (lua_type(w->L, top - 1) != LUA_TSTRING) return false;
    m->key = lua_tolstring(w->L, top - 1, &m->n);
    m->at = w->out->n;
    if (!write_string(w, top - 1)) return false;
    hub_buf_addc(w->out, ':');
    if (!write_value(w, top, depth + 1)) return false;
    hub_buf_addc(w->out, ',');
    m->len = w->out->n - m->at;
    return true;
}

static bool write_object(struct text_writer *w, int idx, int depth) {
    struct text_member m[MEMBERS_MAX];
    size_t n = 0, from = w->out->n + 1;
    hub_buf_addc(w->out, '{');
    lua_pushnil(w->L);
    for (; lua_next(w->L, idx); n++) {
        if (n == MEMBERS_MAX || !write_member(w, &m[n], depth)) return false;
        lua_pop(w->L, 1);
    }
    if (sort_members(m, n)) reorder_text(w->out, from, m, n);
    if (n) w->out->n--; /* the last comma */
    hub_buf_addc(w->out, '}');
    return true;
}

static bool write_table(struct text_writer *w, int idx, int depth) {
    const void *kind = hub_lua_kind(w->L, idx);
    if (depth == DEPTH_MAX || !lua_checkstack(w->L, 8)) return false;
    if (kind) return kind == hub_scripts_of(w->L)->mt_array && write_array(w, idx, depth);
    return write_object(w, idx, depth);
}

static bool write_nothing(const struct text_writer *w, int idx) {
    const struct hub_scripts *s = hub_scripts_of(w->L);
    const void *p = lua_touserdata(w->L, idx);
    if (p != s->null && p != s->undef) return false;
    hub_buf_addz(w->out, "null");
    return true;
}

static bool write_value(struct text_writer *w, int idx, int depth) {
    if (++w->values > VALUES_MAX || w->out->n > BYTES_MAX) return false;
    switch (lua_type(w->L, idx)) {
    case LUA_TNIL: hub_buf_addz(w->out, "null"); return true;
    case LUA_TBOOLEAN: hub_buf_addz(w->out, lua_toboolean(w->L, idx) ? "true" : "false"); return true;
    case LUA_TNUMBER: write_number(w, idx); return true;
    case LUA_TSTRING: return write_string(w, idx);
    case LUA_TTABLE: return write_table(w, idx, depth);
    case LUA_TUSERDATA: return write_nothing(w, idx);
    default: return false;
    }
}

bool hub_lua_to_text(lua_State *L, int idx, struct hub_buf *out) {
    struct text_writer w = {.L = L, .out = out};
    int top = lua_gettop(L);
    size_t from = out->n;
    bool written = write_value(&w, lua_absindex(L, idx), 0);
    lua_settop(L, top);
    hub_lua_charge_values(L, w.values, out->n - from);
    if (!written) out->n = from;
    return written;
}
