/* The checker: what lint and hubd --check say about scripts before anything runs. */
#include <stdio.h>
#include <stdlib.h>

#include "scripting/mscript_int.h"
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

static void check_expr(const struct hub_script *script, const char *const *vars, hub_script_report *report, void *arg) {
    struct ms_parse p;
    struct hub_buf source = {0};
    if (!ms_parse(&p, script->text)) {
        report(arg, &p.problem);
    } else if (!ms_emit(&p, 1, &source)) {
        report(arg, &p.problem);
    } else {
        lua_State *L = luaL_newstate();
        if (L && luaL_loadbufferx(L, source.p, source.n, "=expression", "t") != LUA_OK) {
            struct hub_script_problem q = {.code = "L001", .text = "the expression is too complex"};
            report(arg, &q);
        }
        if (L) lua_close(L);
        ms_check_names(&p, vars, report, arg);
    }
    hub_buf_free(&source);
    ms_free(&p);
}

/* ---- Lua ---- */

/* Lua says "chunk:LINE: message near TOKEN". The token is the last thing the lexer read. */
static void report_lua(const char *message, const struct located_error *r, hub_script_report *report, void *arg) {
    struct hub_script_problem q = {.code = "L001"};
    const char *text = message, *near = NULL;
    if (strncmp(text, "x:", 2) == 0) {
        text += 2 + strspn(text + 2, "0123456789");
        if (*text == ':') text += 1 + (text[1] == ' ');
    }
    for (const char *p = text; (p = strstr(p, " near ")); p++) near = p + 6;
    size_t at = r->at, n = 1;
    if (near && strcmp(near, "<eof>") == 0) {
        at = r->text.n, n = 0;
        while (at && strchr(" \t\r\n", r->text.p[at - 1])) at--;
    } else if (near && near[0] == '\'' && strlen(near) > 2) {
        n = strlen(near) - 2;
        for (at = r->at; at > 0; at--) { /* backwards to the token */
            if (at - 1 + n <= r->text.n && memcmp(r->text.p + at - 1, near + 1, n) == 0) break;
        }
        at -= at > 0;
    } else if (at) {
        at--;
    }
    ms_place(r->text, at, n, &q);
    snprintf(q.text, sizeof q.text, "%s", text);
    report(arg, &q);
}

static void check_lua(struct hub_str text, const char *const *vars, hub_script_report *report, void *arg) {
    lua_State *L = luaL_newstate();
    if (!L) return;
    struct located_error r = {.text = text};
    (void)vars;
    if (lua_load(L, one_byte, &r, "=x", "t") != LUA_OK) report_lua(lua_tostring(L, -1), &r, report, arg);
    lua_close(L);
}

static void check(void *ctx, const struct hub_script *script, const char *const *vars, hub_script_report *report, void *arg) {
    (void)ctx;
    if (script->kind == HUB_SCRIPT_EXPR) check_expr(script, vars, report, arg);
    if (script->kind == HUB_SCRIPT_LUA) check_lua(script->text, vars, report, arg);
}

static void check_file(void *ctx, const char *path, struct hub_str text, hub_script_report *report, void *arg) {
    (void)ctx, (void)path;
    check_lua(text, NULL, report, arg);
}

const struct hub_script_checker hub_lua_checker = {.check = check, .check_file = check_file};
