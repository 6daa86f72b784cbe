/* string.find, match, gmatch and gsub with Lua's patterns and a bounded running time. Lua's own matcher
 * backtracks where no instruction hook can stop it; this one counts its steps and asks for the time.
 * Semantics are those of the Lua 5.4 manual, section 6.4.1. */
#include <ctype.h>

#include "scripting/javascript/js_int.h"

enum { MAX_CAPTURES = 32, MAX_DEPTH = 200, STEPS_PER_TICK = 4096 };
enum { OPEN = -1, POSITION = -2 };

struct capture {
    const char *p;
    ptrdiff_t n; /* length, or OPEN, or POSITION */
};
struct match {
    lua_State *L;
    const char *text, *end; /* the subject */
    const char *pat, *pat_end;
    struct capture captures[MAX_CAPTURES];
    int n, depth;
    unsigned steps;
};

static const char *match_here(struct match *m, const char *s, const char *p);

static void count_step(struct match *m) {
    if (++m->steps < STEPS_PER_TICK) return;
    m->steps = 0;
    hub_lua_tick(m->L);
}

/* ---- single characters ---- */

/* Just after the character class that begins at P. */
static const char *class_end(struct match *m, const char *p) {
    char c = *p++;
    if (c == '%') {
        if (p == m->pat_end) hub_lua_fail(m->L, "malformed pattern (ends with '%%')");
        return p + 1;
    }
    if (c != '[') return p;
    if (p < m->pat_end && *p == '^') p++;
    do { /* a ']' in first place stands for itself */
        if (p == m->pat_end) hub_lua_fail(m->L, "malformed pattern (missing ']')");
        count_step(m); /* a set is read again for each character of the text */
        c = *p++;
        if (c == '%' && p < m->pat_end) p++;
    } while (p == m->pat_end || *p != ']');
    return p + 1;
}

static bool in_class(int c, int letter) {
    bool yes;
    switch (tolower(letter)) {
    case 'a': yes = isalpha(c); break;
    case 'c': yes = iscntrl(c); break;
    case 'd': yes = isdigit(c); break;
    case 'g': yes = isgraph(c); break;
    case 'l': yes = islower(c); break;
    case 'p': yes = ispunct(c); break;
    case 's': yes = isspace(c); break;
    case 'u': yes = isupper(c); break;
    case 'w': yes = isalnum(c); break;
    case 'x': yes = isxdigit(c); break;
    default: return letter == c;
    }
    return isupper(letter) ? !yes : yes;
}

/* P at '[', LAST at its ']'. */
static bool in_set(struct match *m, int c, const char *p, const char *last) {
    bool negated = p[1] == '^';
    p += negated ? 2 : 1;
    for (; p < last; p++) {
        count_step(m);
        if (*p == '%') {
            p++;
            if (in_class(c, (unsigned char)*p)) return !negated;
        } else if (p + 2 < last && p[1] == '-') {
            if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2]) return !negated;
            p += 2;
        } else if ((unsigned char)*p == c) {
            return !negated;
        }
    }
    return negated;
}

static bool match_one(struct match *m, const char *s, const char *p, const char *p_end) {
    if (s >= m->end) return false;
    int c = (unsigned char)*s;
    switch (*p) {
    case '.': return true;
    case '%': return in_class(c, (unsigned char)p[1]);
    case '[': return in_set(m, c, p, p_end - 1);
    default: return (unsigned char)*p == c;
    }
}

/* ---- items ---- */

static const char *repeat_most(struct match *m, const char *s, const char *p, const char *after, ptrdiff_t least) {
    ptrdiff_t n = 0;
    while (match_one(m, s + n, p, after)) n++, count_step(m);
    for (; n >= least; n--) {
        const char *r = match_here(m, s + n, after + 1);
        if (r) return r;
        count_step(m);
    }
    return NULL;
}

static const char *repeat_least(struct match *m, const char *s, const char *p, const char *after) {
    for (;; s++) {
        const char *r = match_here(m, s, after + 1);
        if (r) return r;
        if (!match_one(m, s, p, after)) return NULL;
        count_step(m);
    }
}

static const char *capture_start(struct match *m, const char *s, const char *p, ptrdiff_t kind) {
    if (m->n == MAX_CAPTURES) hub_lua_fail(m->L, "too many captures");
    m->captures[m->n++] = (struct capture){s, kind};
    const char *r = match_here(m, s, p);
    if (!r) m->n--;
    return r;
}

static const char *capture_end(struct match *m, const char *s, const char *p) {
    int i = m->n - 1;
    while (i >= 0 && m->captures[i].n != OPEN) i--;
    if (i < 0) hub_lua_fail(m->L, "invalid pattern capture");
    m->captures[i].n = s - m->captures[i].p;
    const char *r = match_here(m, s, p);
    if (!r) m->captures[i].n = OPEN;
    return r;
}

/* "%bxy" at P: the end of the balanced stretch that begins at S. */
static const char *match_balanced(struct match *m, const char *s, const char *p) {
    if (p + 3 >= m->pat_end) hub_lua_fail(m->L, "malformed pattern (missing arguments to '%%b')");
    if (s >= m->end || *s != p[2]) return NULL;
    int open = 1;
    for (s++; s < m->end; s++) {
        count_step(m);
        if (*s == p[3]) {
            if (--open == 0) return s + 1;
        } else if (*s == p[2]) {
            open++;
        }
    }
    return NULL;
}

/* "%1" at P: the end of a repetition of the capture at S. */
static const char *back_reference(struct match *m, const char *s, const char *p) {
    int i = p[1] - '1';
    if (i < 0 || i >= m->n || m->captures[i].n == OPEN) hub_lua_fail(m->L, "invalid capture index %%%d", i + 1);
    if (m->captures[i].n == POSITION) return s;
    size_t n = (size_t)m->captures[i].n;
    hub_lua_spend(m->L, n);
    if ((size_t)(m->end - s) < n || memcmp(m->captures[i].p, s, n) != 0) return NULL;
    return s + n;
}

static bool at_frontier(struct match *m, const char *s, const char *p, const char *p_end) {
    int before = s == m->text ? 0 : (unsigned char)s[-1], here = s == m->end ? 0 : (unsigned char)*s;
    return !in_set(m, before, p, p_end - 1) && in_set(m, here, p, p_end - 1);
}

/* A class, with its repetition if it has one. Sets *S, *P to go on with and returns false, or returns true
 * with the end in *DONE. */
static bool simple_item(struct match *m, const char **s, const char **p, const char **done) {
    const char *after = class_end(m, *p);
    char suffix = after < m->pat_end ? *after : 0;
    switch (suffix) {
    case '*': *done = repeat_most(m, *s, *p, after, 0); return true;
    case '+': *done = repeat_most(m, *s, *p, after, 1); return true;
    case '-': *done = repeat_least(m, *s, *p, after); return true;
    case '?':
        if (match_one(m, *s, *p, after) && (*done = match_here(m, *s + 1, after + 1))) return true;
        *p = after + 1;
        return false;
    default:
        if (!match_one(m, *s, *p, after)) {
            *done = NULL;
            return true;
        }
        ++*s;
        *p = after;
        return false;
    }
}

/* '%' with something that is not a class: balanced, frontier, back reference. False when it is a class. */
static bool special_item(struct match *m, const char **s, const char **p) {
    if (**p != '%' || *p + 1 == m->pat_end) return false;
    char c = (*p)[1];
    if (c == 'b') {
        *s = match_balanced(m, *s, *p);
        *p += 4;
    } else if (c == 'f') {
        const char *set = *p + 2;
        if (set >= m->pat_end || *set != '[') hub_lua_fail(m->L, "missing '[' after '%%f' in pattern");
        const char *set_end = class_end(m, set);
        if (!at_frontier(m, *s, set, set_end)) *s = NULL;
        *p = set_end;
    } else if (isdigit((unsigned char)c)) {
        *s = back_reference(m, *s, *p);
        *p += 2;
    } else {
        return false;
    }
    return true;
}

/* The end of a match of P.. at S, or NULL. */
static const char *match_here(struct match *m, const char *s, const char *p) {
    if (++m->depth > MAX_DEPTH) hub_lua_fail(m->L, "pattern too complex");
    const char *done = NULL;
    while (s && p < m->pat_end) {
        count_step(m);
        if (*p == '(') {
            bool position = p + 1 < m->pat_end && p[1] == ')';
            done = capture_start(m, s, p + (position ? 2 : 1), position ? POSITION : OPEN);
            goto out;
        }
        if (*p == ')') {
            done = capture_end(m, s, p + 1);
            goto out;
        }
        if (*p == '$' && p + 1 == m->pat_end) {
            done = s == m->end ? s : NULL;
            goto out;
        }
        if (special_item(m, &s, &p)) continue;
        if (simple_item(m, &s, &p, &done)) goto out;
    }
    done = s;
out:
    m->depth--;
    return done;
}

/* ---- the functions ---- */

static void begin_match(struct match *m, lua_State *L, int text, int pattern) {
    size_t n, pn;
    m->L = L;
    m->text = luaL_checklstring(L, text, &n);
    m->end = m->text + n;
    m->pat = luaL_checklstring(L, pattern, &pn);
    m->pat_end = m->pat + pn;
    m->n = m->depth = 0;
    m->steps = 0;
    hub_lua_charge(L, n / 16 + pn);
}

/* First match at or after S. */
static const char *search_text(struct match *m, const char **s, bool anchored) {
    for (;; ++*s) {
        m->n = m->depth = 0;
        count_step(m);
        const char *e = match_here(m, *s, m->pat + anchored);
        if (e || anchored || *s >= m->end) return e;
    }
}

static void push_capture(struct match *m, int i, const char *s, const char *e) {
    if (i >= m->n) {
        if (i) hub_lua_fail(m->L, "invalid capture index %%%d", i + 1);
        lua_pushlstring(m->L, s, (size_t)(e - s));
        return;
    }
    const struct capture *c = &m->captures[i];
    if (c->n == OPEN) hub_lua_fail(m->L, "unfinished capture");
    if (c->n == POSITION)
        lua_pushinteger(m->L, c->p - m->text + 1);
    else
        lua_pushlstring(m->L, c->p, (size_t)c->n);
}

/* All captures, or the whole match when there are none and S is given. */
static int push_captures(struct match *m, const char *s, const char *e) {
    int n = m->n == 0 && s ? 1 : m->n;
    luaL_checkstack(m->L, n, "too many captures");
    for (int i = 0; i < n; i++) push_capture(m, i, s, e);
    return n;
}

static size_t start_at(lua_State *L, int arg, size_t n) { /* offset of string position ARG; n + 1 when beyond */
    lua_Integer i = luaL_optinteger(L, arg, 1);
    if (i > 0) return (lua_Unsigned)i - 1 > n ? n + 1 : (size_t)i - 1;
    if (i == 0 || i < -(lua_Integer)n) return 0;
    return n - (size_t)-i;
}

static bool plain_pattern(const struct match *m) {
    static const bool special[256] = {
        ['^'] = 1, ['$'] = 1, ['*'] = 1, ['+'] = 1, ['?'] = 1, ['.'] = 1, ['('] = 1, ['['] = 1, ['%'] = 1, ['-'] = 1};
    const char *p = m->pat;
    while (p < m->pat_end && !special[(unsigned char)*p]) p++;
    return p == m->pat_end;
}

static int find_match(lua_State *L, bool positions) {
    struct match m;
    begin_match(&m, L, 1, 2);
    size_t at = start_at(L, 3, (size_t)(m.end - m.text));
    if (at > (size_t)(m.end - m.text)) {
        lua_pushnil(L);
        return 1;
    }
    const char *s = m.text + at, *e;
    if (positions && (lua_toboolean(L, 4) || plain_pattern(&m))) {
        size_t n = (size_t)(m.pat_end - m.pat);
        s = hub_js_find(L, hub_str(s, (size_t)(m.end - s)), hub_str(m.pat, n));
        e = s ? s + n : NULL;
    } else {
        bool anchored = m.pat < m.pat_end && *m.pat == '^';
        e = search_text(&m, &s, anchored);
    }
    if (!e) {
        lua_pushnil(L);
        return 1;
    }
    if (!positions) return push_captures(&m, s, e);
    lua_pushinteger(L, s - m.text + 1);
    lua_pushinteger(L, e - m.text);
    return 2 + push_captures(&m, NULL, NULL);
}

static int str_find(lua_State *L) { return find_match(L, true); }
static int str_match(lua_State *L) { return find_match(L, false); }

/* Upvalues: text, pattern, offset to go on from, end of the last match (so that an empty match does not
 * repeat it). */
static int gmatch_next(lua_State *L) {
    struct match m;
    begin_match(&m, L, lua_upvalueindex(1), lua_upvalueindex(2));
    const char *s = m.text + lua_tointeger(L, lua_upvalueindex(3));
    lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
    for (; s <= m.end; s++) {
        const char *e = search_text(&m, &s, false);
        if (!e) break;
        if (e - m.text == last) continue;
        lua_pushinteger(L, e - m.text);
        lua_pushvalue(L, -1);
        lua_replace(L, lua_upvalueindex(3));
        lua_replace(L, lua_upvalueindex(4));
        return push_captures(&m, s, e);
    }
    return 0;
}

static int str_gmatch(lua_State *L) {
    size_t n;
    luaL_checklstring(L, 1, &n);
    luaL_checkstring(L, 2);
    size_t at = start_at(L, 3, n);
    lua_settop(L, 2);
    lua_pushinteger(L, (lua_Integer)at);
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, gmatch_next, 4);
    return 1;
}

/* Adds the replacement string at stack index 3, with its %0 to %9. */
static void add_template(struct match *m, luaL_Buffer *b, const char *s, const char *e) {
    size_t n;
    const char *r = lua_tolstring(m->L, 3, &n);
    for (size_t i = 0; i < n; i++) {
        count_step(m);
        if (r[i] != '%') {
            luaL_addchar(b, r[i]);
            continue;
        }
        i++;
        if (i < n && r[i] == '%') {
            luaL_addchar(b, '%');
        } else if (i < n && r[i] == '0') {
            luaL_addlstring(b, s, (size_t)(e - s));
        } else if (i < n && isdigit((unsigned char)r[i])) {
            push_capture(m, r[i] - '1', s, e);
            luaL_tolstring(m->L, -1, NULL);
            lua_remove(m->L, -2);
            luaL_addvalue(b);
        } else {
            hub_lua_fail(m->L, "invalid use of '%%' in replacement string");
        }
    }
}

/* The value on top of the stack in place of the match; nil and false keep the match. */
static void add_value(struct match *m, luaL_Buffer *b, const char *s, const char *e) {
    if (!lua_toboolean(m->L, -1)) {
        lua_pop(m->L, 1);
        luaL_addlstring(b, s, (size_t)(e - s));
        return;
    }
    if (!lua_isstring(m->L, -1)) hub_lua_fail(m->L, "invalid replacement value (a %s)", luaL_typename(m->L, -1));
    luaL_addvalue(b);
}

static void add_replacement(struct match *m, luaL_Buffer *b, const char *s, const char *e) {
    if (lua_type(m->L, 3) != LUA_TTABLE) {
        add_template(m, b, s, e);
        return;
    }
    push_capture(m, 0, s, e);
    lua_gettable(m->L, 3);
    add_value(m, b, s, e);
}

/* gsub with a string or a table; the prelude does it with a function. */
static int gsub_plain(lua_State *L) {
    struct match m;
    begin_match(&m, L, 1, 2);
    int kind = lua_type(L, 3);
    luaL_argexpected(L, kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TTABLE, 3, "string/function/table");
    lua_Integer max = luaL_optinteger(L, 4, (m.end - m.text) + 1), n = 0;
    bool anchored = m.pat < m.pat_end && *m.pat == '^';
    const char *s = m.text, *last = NULL;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    while (n < max) {
        m.n = m.depth = 0;
        count_step(&m);
        const char *e = match_here(&m, s, m.pat + anchored);
        if (e && e != last) {
            n++;
            add_replacement(&m, &b, s, e);
            s = last = e;
        } else if (s < m.end) {
            luaL_addchar(&b, *s++);
        } else {
            break;
        }
        if (anchored) break;
    }
    luaL_addlstring(&b, s, (size_t)(m.end - s));
    luaL_pushresult(&b);
    hub_lua_charge(L, lua_rawlen(L, -1));
    lua_pushinteger(L, n);
    return 2;
}

/* step(text, pattern, at, last): the next match from offset AT on that is not the empty one at LAST: first
 * and last position, captures. */
static int gsub_step(lua_State *L) {
    struct match m;
    begin_match(&m, L, 1, 2);
    const char *s = m.text + lua_tointeger(L, 3), *e;
    lua_Integer last = lua_tointeger(L, 4);
    bool anchored = m.pat < m.pat_end && *m.pat == '^';
    if (anchored && last >= 0) return 0;
    for (;; s++) {
        if (s > m.end || !(e = search_text(&m, &s, anchored))) return 0;
        if (e - m.text != last) break;
    }
    lua_pushinteger(L, s - m.text + 1);
    lua_pushinteger(L, e - m.text);
    return 2 + push_captures(&m, s, e);
}

static int push_replacement(lua_State *L) {
    if (!lua_isstring(L, 1)) return hub_lua_fail(L, "invalid replacement value (a %s)", luaL_typename(L, 1));
    return 1;
}

/* Into the table of natives on top. "gsub" itself is the prelude's. */
void hub_lua_open_patterns(lua_State *L) {
    static const luaL_Reg functions[] = {{"find", str_find},
                                         {"match", str_match},
                                         {"gmatch", str_gmatch},
                                         {"gsubPlain", gsub_plain},
                                         {"step", gsub_step},
                                         {"replacement", push_replacement},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
