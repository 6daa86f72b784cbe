/* The checker: what lint and hubd --check say about scripts before anything runs. */
#include <stdio.h>
#include <stdlib.h>

#include "scripting/check/lua_foreign.h"
#include "scripting/expression/mscript_int.h"
#include "scripting/scripting_int.h"

/* ---- expressions ---- */

struct located_error { /* of a Lua loader: one text, read byte by byte so that it is known how far the lexer got */
    struct hub_str text;
    size_t at;
};

static const char *one_byte(lua_State *L, void *data, size_t *size) {
    (void)L;
    struct located_error *r = data;
    *size = r->at < r->text.n;
    return *size ? r->text.p + r->at++ : NULL;
}

static void check_expr(const struct hub_script *script, const struct hub_script_names *names) {
    struct ms_parse p;
    struct hub_buf source = {0};
    if (!ms_parse(&p, script->text)) {
        names->report(names->arg, &p.problem);
    } else if (!ms_emit(&p, 1, &source)) {
        names->report(names->arg, &p.problem);
    } else {
        lua_State *L = luaL_newstate();
        if (L && luaL_loadbufferx(L, source.p, source.n, "=expression", "t") != LUA_OK) {
            struct hub_script_problem q = {.code = "L001", .text = "the expression is too complex"};
            names->report(names->arg, &q);
        }
        if (L) lua_close(L);
        ms_check_names(&p, names);
    }
    hub_buf_free(&source);
    ms_free(&p);
}

/* ---- Lua ---- */

/* Where TOKEN ends last at or before END; text.n when it is nowhere. */
static size_t last_before(struct hub_str text, size_t end, struct hub_str token) {
    for (size_t at = end < text.n ? end + 1 : text.n; token.n && at-- > 0;) {
        if (at + token.n <= text.n && memcmp(text.p + at, token.p, token.n) == 0) return at;
    }
    return text.n;
}

/* What a message quotes: the token after "near", else the first quoted name, else "break" (which Lua does
 * not quote). */
static struct hub_str quoted_byte(const char *message, char byte[1]) {
    const char *near = NULL;
    for (const char *p = message; (p = strstr(p, " near '")); p++) near = p + 6;
    if (!near) near = strchr(message, '\'');
    if (!near) return strncmp(message, "break ", 6) == 0 ? HUB_STR("break") : hub_str("", 0);
    const char *end = strrchr(near, '\'');
    if (!strstr(message, " near '")) end = strchr(near + 1, '\'');
    if (near[1] == '<' && near[2] == '\\') { /* '<\195>': a byte that cannot be shown */
        byte[0] = (char)atoi(near + 3);
        return hub_str(byte, 1);
    }
    return hub_str(near + 1, end > near ? (size_t)(end - near - 1) : 0);
}

/* Lua says "chunk:LINE: message near TOKEN". The token is the last thing the lexer read. */
static void report_lua(const char *message, const struct located_error *r, int first_line, hub_script_report *report,
                       void *arg) {
    struct hub_script_problem q = {.code = "L001"};
    const char *text = message;
    char byte[1];
    if (strncmp(text, "x:", 2) == 0) {
        text += 2 + strspn(text + 2, "0123456789");
        if (*text == ':') text += 1 + (text[1] == ' ');
    }
    if (hub_lua_foreign(r->text, text, r->at, &q)) {
        report(arg, &q);
        return;
    }
    struct hub_str token = quoted_byte(text, byte);
    size_t at = last_before(r->text, r->at, token);
    if (strstr(text, " near <eof>") || at == r->text.n) {
        at = strstr(text, " near <eof>") ? r->text.n : r->at;
        while (at && strchr(" \t\r\n", r->text.p[at - 1])) at--;
        token.n = 0;
    }
    ms_place(r->text, at, token.n, &q);
    /* "(to close 'if' at line 2)": the file's lines are meant. */
    const char *line = strstr(text, " at line ");
    char *end = NULL;
    long number = line ? strtol(line + 9, &end, 10) : 0;
    if (line)
        snprintf(q.text, sizeof q.text, "%.*s at line %ld%s", (int)(line - text), text, number + first_line - 1, end);
    else
        snprintf(q.text, sizeof q.text, "%s", text);
    report(arg, &q);
}

static void check_lua(struct hub_str text, int first_line, const struct hub_script_names *names) {
    lua_State *L = luaL_newstate();
    if (!L) return;
    struct located_error r = {.text = text};
    if (lua_load(L, one_byte, &r, "=x", "t") != LUA_OK)
        report_lua(lua_tostring(L, -1), &r, first_line, names->report, names->arg);
    else
        hub_script_lua_names(text, names);
    lua_close(L);
}

static void check_script(void *ctx, const struct hub_script *script, const struct hub_script_names *names) {
    (void)ctx;
    if (script->kind == HUB_SCRIPT_EXPR) check_expr(script, names);
    if (script->kind == HUB_SCRIPT_LUA) check_lua(script->text, script->line, names);
}

static void check_file(void *ctx, struct hub_str text, const struct hub_script_names *names) {
    (void)ctx;
    check_lua(text, 1, names);
}

static bool lua_members(void *ctx, struct hub_str text, void (*each)(void *arg, struct hub_str name), void *arg) {
    (void)ctx;
    lua_State *L = luaL_newstate();
    bool good =
        L && luaL_loadbufferx(L, text.p, text.n, "=x", "t") == LUA_OK && hub_script_lua_members(text, each, arg);
    if (L) lua_close(L);
    return good;
}

static struct hub_syntax *script_syntax(void *ctx, enum hub_script_kind kind, struct hub_str text,
                                        struct hub_arena *arena) {
    (void)ctx;
    return kind == HUB_SCRIPT_LUA ? hub_lua_syntax(text, arena) : ms_syntax(text, arena);
}

const struct hub_script_checker hub_lua_checker = {
    .check = check_script, .check_file = check_file, .members = lua_members, .syntax = script_syntax};
