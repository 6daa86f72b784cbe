/* From a script's text to the Lua function that a call runs: function(_ENV, …), the same for expressions
 * and chunks. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "scripting/expression/direct.h"
#include "scripting/scripting_int.h"

/* Lua shows at most 59 characters of a chunk's name: of a longer path the end says more. */
static void chunk_name(const char *file, char out[64]) {
    size_t n = strlen(file);
    snprintf(out, 64, "@%s", n > 58 ? file + n - 58 : file);
}

static void add_lines(struct hub_buf *b, int n) {
    for (int i = 0; i < n; i++) hub_buf_addc(b, '\n');
}

/* Pops the loader's message into ERR, which already names file and line. */
static bool load_failed(lua_State *L, struct hub_err *err) {
    const char *text = lua_tostring(L, -1);
    hub_err_set(err, HUB_HANDLER_FAILED, "%s", text ? text : "cannot be compiled");
    lua_pop(L, 1);
    return false;
}

static bool load_chunk(lua_State *L, const struct hub_script *script, struct hub_buf *source, struct hub_err *err) {
    char name[64];
    chunk_name(script->file, name);
    int status = luaL_loadbufferx(L, source->p, source->n, name, "t");
    hub_buf_clear(source);
    return status == LUA_OK || load_failed(L, err);
}

static bool compile_expr(lua_State *L, struct hub_compiled *out, struct hub_buf *source, struct hub_err *err) {
    const struct hub_script *script = out->script;
    struct ms_parse p;
    bool good = ms_parse(&p, script->text) && ms_emit(&p, script->line, source);
    if (good) {
        ms_whole_vars(&p, &out->whole);
        out->direct = hub_direct_new(p.root);
    } else {
        const struct hub_script_problem *q = &p.problem;
        int column = q->line ? q->column + 1 : q->column + script->column;
        hub_err_set(err, HUB_HANDLER_FAILED, "%s:%d:%d: %s", script->file, script->line + q->line, column, q->text);
    }
    ms_free(&p);
    if (!good || !load_chunk(L, script, source, err)) return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_js);
    lua_call(L, 1, 1);
    return true;
}

static bool compile_lua(lua_State *L, const struct hub_script *script, struct hub_buf *source, struct hub_err *err) {
    /* As it stands first: a chunk that ends its own wrapper early ("end … function()") is an error here. */
    add_lines(source, script->line - 1);
    hub_buf_adds(source, script->text);
    if (!load_chunk(L, script, source, err)) return false;
    lua_pop(L, 1);
    add_lines(source, script->line - 1);
    hub_buf_addz(source, "return function(_ENV, ...) ");
    hub_buf_adds(source, script->text);
    hub_buf_addz(source, "\nend");
    if (!load_chunk(L, script, source, err)) return false;
    lua_call(L, 0, 1);
    return true;
}

static void note_words(struct hub_compiled *c) {
    static char mark;
    struct hub_str text = c->script->text;
    for (size_t i = 0; i < text.n;) {
        size_t n = 0;
        while (i + n < text.n &&
               (isalnum((unsigned char)text.p[i + n]) || text.p[i + n] == '_' || text.p[i + n] == '$'))
            n++;
        if (n) {
            hub_map_put(&c->words, hub_str(text.p + i, n), &mark);
            c->beginnings |= hub_word_bit(text.p[i], n > 1 ? text.p[i + 1] : 0);
        }
        i += n ? n : 1;
    }
}

bool hub_lua_compile(lua_State *L, struct hub_compiled *out, struct hub_buf *source, struct hub_err *err) {
    note_words(out);
    out->expr = out->script->kind == HUB_SCRIPT_EXPR;
    return out->expr ? compile_expr(L, out, source, err) : compile_lua(L, out->script, source, err);
}
