/* lib/: modules of the service, each run once when the service is loaded, and those of a plugin, each run
 * once for each use of it. lib.a.b and require("a.b") give a read-only view of what lib/a/b.lua returned;
 * what a module keeps in its locals is its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text/utf8.h"
#include "scripting/scripting_int.h"

enum { FILE_MAX = 1 << 20 };
static const uint64_t LOAD_NS = 2000000000; /* CPU time that running one module's chunk may take */

struct module {
    struct hub_list link; /* in library->modules */
    struct hub_library *library;
    const char *path;
    char *name; /* "a.b" */
    char *file; /* "lib/a/b.lua", for messages */
    char *text;
    size_t n;
    bool loading, loaded, failed;
    struct hub_script script; /* what a task wants to know of what it runs */
    struct hub_compiled compiled;
};

/* REST: its place below lib/. */
static void add_module(struct hub_library *library, const char *path, const char *rest) {
    struct module *m = hub_xcalloc(1, sizeof *m);
    struct hub_buf file = {0};
    m->library = library;
    m->path = path;
    m->name = hub_xstrdup(rest);
    size_t n = strlen(m->name);
    if (n > 4 && strcmp(m->name + n - 4, ".lua") == 0) m->name[n - 4] = 0;
    for (char *p = m->name; *p; p++) {
        if (*p == '/') *p = '.';
    }
    hub_buf_addf(&file, "%s/%s", library->folder, rest);
    m->file = hub_buf_take(&file, NULL);
    m->script = (struct hub_script){.kind = HUB_SCRIPT_LUA, .file = m->file, .line = 1, .column = 1};
    m->compiled.script = &m->script;
    m->compiled.library = library;
    hub_list_push(&library->modules, &m->link);
}

static void free_modules(struct hub_library *library) {
    struct hub_list *link;
    while ((link = hub_list_pop(&library->modules))) {
        struct module *m = HUB_CONTAINER(link, struct module, link);
        free(m->name);
        free(m->file);
        free(m->text);
        free(m);
    }
}

static enum hub_code read_file(struct module *m, struct hub_err *err) {
    FILE *f = fopen(m->path, "rb");
    if (!f) return hub_fail(err, HUB_HANDLER_FAILED, "%s: %s", m->path, strerror(errno));
    m->text = hub_xmalloc(FILE_MAX + 1);
    m->n = fread(m->text, 1, FILE_MAX + 1, f);
    bool failed = ferror(f);
    fclose(f);
    if (failed) return hub_fail(err, HUB_HANDLER_FAILED, "%s: cannot be read", m->path);
    if (m->n > FILE_MAX) return hub_fail(err, HUB_HANDLER_FAILED, "%s: larger than 1 MiB", m->path);
    return HUB_OK;
}

/* The first function of a module's coroutine. */
static int run_module(lua_State *L) {
    const struct hub_scripts *s = hub_scripts_of(L);
    const struct module *m = s->current->arg;
    char chunk[300];
    snprintf(chunk, sizeof chunk, "@%s", m->file);
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, as some editors write it; Lua's own loader skips it, too */
    size_t skip = m->n >= 3 && !memcmp(m->text, mark, 3) ? 3 : 0;
    if (luaL_loadbufferx(L, m->text + skip, m->n - skip, chunk, "t") != LUA_OK) return lua_error(L);
    lua_newtable(L); /* its globals are its own */
    lua_rawgeti(L, LUA_REGISTRYINDEX, m->library->ref_env_mt);
    lua_setmetatable(L, -2);
    lua_setupvalue(L, -2, 1);
    lua_call(L, 0, 1);
    if (!lua_istable(L, -1)) {
        lua_pushfstring(L, "%s:1: a module must return a table, not %s%s", m->file, lua_isnil(L, -1) ? "" : "a ",
                        luaL_typename(L, -1));
        return lua_error(L);
    }
    hub_lua_freeze(L, m->name);
    lua_rawgeti(L, LUA_REGISTRYINDEX, m->library->ref_modules);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, m->name);
    return 0;
}

static enum hub_code load_module(struct hub_scripts *s, struct module *m, struct hub_err *err) {
    if (m->loaded) return HUB_OK;
    if (m->failed) return hub_fail(err, HUB_HANDLER_FAILED, "%s: cannot be loaded", m->file);
    if (m->loading) return hub_fail(err, HUB_HANDLER_FAILED, "%s: modules that require each other", m->file);
    enum hub_code code = read_file(m, err);
    m->failed = code != HUB_OK;
    if (code) return code;
    struct hub_script_task *t = hub_script_task_take(s);
    if (!t) return hub_fail(err, HUB_HANDLER_FAILED, "%s: not enough memory", m->file);
    m->loading = true;
    t->script = &m->compiled;
    t->arg = m;
    t->cpu_limit = LOAD_NS;
    lua_pushcfunction(t->co, run_module);
    int results;
    code = hub_script_run_now(t, &results, err);
    hub_script_task_drop(t);
    m->loading = false;
    m->loaded = code == HUB_OK;
    m->failed = !m->loaded;
    return code;
}

/* Pushes the view of module NAME of LIBRARY itself and returns true; during loading a module that is not
 * there yet is loaded first. Raises. */
static bool push_module(lua_State *L, const struct hub_library *library, const char *name) {
    struct hub_scripts *s = hub_scripts_of(L);
    HUB_LIST_EACH(&library->modules, it) {
        struct module *m = HUB_CONTAINER(it, struct module, link);
        struct hub_err err;
        if (!m->loaded && strcmp(m->name, name) == 0 && load_module(s, m, &err)) hub_lua_fail(L, "%s", err.text);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, library->ref_modules);
    bool found = lua_getfield(L, -1, name) == LUA_TTABLE;
    lua_remove(L, -2);
    if (!found) lua_pop(L, 1);
    return found;
}

static const struct hub_library *library_upvalue(lua_State *L, int i) { return lua_touserdata(L, lua_upvalueindex(i)); }

static int require_module(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    for (const struct hub_library *it = library_upvalue(L, 1); it; it = it->outer)
        if (push_module(L, it, name)) return 1;
    return hub_lua_fail(L, "there is no module '%.*s': require reaches only what is in lib/", HUB_CUTZ(name, 100));
}

/* ---- lib: folders as tables ---- */

static bool is_folder(const struct hub_library *library, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < library->lib->names.n; i++) {
        const char *p = library->lib->names.items[i];
        size_t k = 0;
        while (k < n && (p[k] == name[k] || (p[k] == '/' && name[k] == '.'))) k++;
        if (k == n && p[n] == '/') return true;
    }
    return false;
}

static void push_folder(lua_State *L, const struct hub_library *library, const char *name);

/* A module or a folder that scripts of LIBRARY find under NAME. */
static bool push_named(lua_State *L, const struct hub_library *library, const char *name) {
    for (const struct hub_library *it = library; it; it = it->outer) {
        if (push_module(L, it, name)) return true;
        if (!is_folder(it, name)) continue;
        push_folder(L, library, name);
        return true;
    }
    return false;
}

/* Upvalues: the folder's name with a dot ("" for lib itself), what was found before, the library. */
static int read_folder(lua_State *L) {
    if (lua_type(L, 2) != LUA_TSTRING) return 0;
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) return 1;
    const char *name = lua_pushfstring(L, "%s%s", lua_tostring(L, lua_upvalueindex(1)), lua_tostring(L, 2));
    if (!push_named(L, library_upvalue(L, 3), name)) return 0;
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, lua_upvalueindex(2));
    return 1;
}

static void push_folder(lua_State *L, const struct hub_library *library, const char *name) {
    lua_newtable(L); /* what was found before, and what the view shows */
    lua_pushfstring(L, name[0] ? "%s." : "%s", name);
    lua_pushvalue(L, -2);
    lua_pushlightuserdata(L, (void *)(uintptr_t)library);
    lua_pushcclosure(L, read_folder, 3);
    hub_lua_freeze_by(L, "lib");
}

/* Whether NAME is a module for who has LIBRARY. */
static bool is_module(lua_State *L, const struct hub_library *library, const char *name) {
    for (const struct hub_library *it = library; it; it = it->outer) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, it->ref_modules);
        bool yes = lua_getfield(L, -1, name) != LUA_TNIL;
        lua_pop(L, 2);
        if (yes || is_folder(it, name)) return yes;
    }
    return false;
}

/* Reads the module NAME through the view of LIBRARY. */
static void find_module(lua_State *L, const struct hub_library *library, const char *name) {
    size_t n = 0;
    bool found = false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, library->ref_lib);
    while (!found && (!n || name[n])) {
        size_t from = n + (name[n] == '.');
        n = from + strcspn(name + from, ".");
        lua_pushlstring(L, name + from, n - from);
        lua_gettable(L, -2);
        lua_remove(L, -2);
        found = is_module(L, library, lua_pushlstring(L, name, n));
        lua_pop(L, 1);
    }
    lua_settop(L, 1);
}

static void find_modules(lua_State *L, const struct hub_library *library) {
    for (const struct hub_library *of = library; of; of = of->outer)
        HUB_LIST_EACH(&of->modules, it) find_module(L, library, HUB_CONTAINER(it, struct module, link)->name);
}

/* Reads every module once through the view that everybody has, so that it shows all there is to whoever
 * lists it. It reads folders only: what a module says to a name may be code of its own, and no call is
 * running here. */
static int find_all(lua_State *L) {
    struct hub_scripts *s = hub_scripts_of(L);
    for (size_t i = 0; i <= s->service->use_n; i++) find_modules(L, &s->libraries[i]);
    return 0;
}

/* ---- the globals of a library's scripts ---- */

static void open_lib(lua_State *L, const struct hub_library *library) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, library->ref_lib);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "lib");
    lua_setfield(L, -2, "LIB");
    if (!library->use) return;
    hub_lua_push_json(L, library->use->with, NULL);
    hub_lua_freeze(L, "plugin");
    lua_setfield(L, -2, "plugin");
}

/* A table that falls back on what REF is, which both is the __index of environments and has one. */
static void push_globals(lua_State *L, int ref) {
    lua_newtable(L);
    lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

/* Keeps the metatable for environments that fall back on the table on top, which goes. */
static int env_metatable(lua_State *L) {
    lua_newtable(L);
    lua_insert(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* The service's own scripts read the engine's globals without a table between. */
static void push_base(lua_State *L, const struct hub_library *library, int ref) {
    if (library->use)
        push_globals(L, ref);
    else
        lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
}

void hub_lua_open_library(lua_State *L, struct hub_library *library) {
    const struct hub_scripts *s = hub_scripts_of(L);
    lua_newtable(L);
    library->ref_modules = luaL_ref(L, LUA_REGISTRYINDEX);
    push_folder(L, library, "");
    library->ref_lib = luaL_ref(L, LUA_REGISTRYINDEX);
    push_base(L, library, s->ref_env);
    open_lib(L, library);
    lua_pushlightuserdata(L, library);
    lua_pushcclosure(L, require_module, 1);
    lua_setfield(L, -2, "require");
    library->ref_env_mt = env_metatable(L);
    push_base(L, library, s->ref_expr);
    open_lib(L, library);
    library->ref_expr_mt = env_metatable(L);
}

/* ---- loading ---- */

static bool has_file(const struct hub_library *library, const char *file, size_t n) {
    HUB_LIST_EACH(&library->modules, it) {
        const struct module *m = HUB_CONTAINER(it, struct module, link);
        if (strlen(m->file) == n && !memcmp(m->file, file, n)) return true;
    }
    return false;
}

/* What of TEXT is the file of a module that M could require, or its own; 0: TEXT begins with no such. */
static size_t named_file(const struct module *m, const char *text) {
    const char *colon = strstr(text, ".lua:");
    size_t n = colon ? (size_t)(colon + 4 - text) : 0;
    for (const struct hub_library *it = m->library; n && it; it = it->outer)
        if (has_file(it, text, n)) return n;
    return 0;
}

/* "lib/a.lua:3: lib/b.lua:1: …" is about b, which a requires. */
static void tell_where(const struct module *m, const char *text, hub_scripts_tell *tell, void *arg) {
    char file[256];
    int line = 0;
    snprintf(file, sizeof file, "%s", m->file);
    for (size_t n; (n = named_file(m, text));) {
        char *end;
        snprintf(file, sizeof file, "%.*s", (int)n, text);
        line = (int)strtol(text + n + 1, &end, 10);
        text = end + strspn(end, ": ");
    }
    tell(arg, file, line, text);
}

static enum hub_code load_library(struct hub_scripts *s, struct hub_library *library, hub_scripts_tell *tell, void *arg,
                                  bool *told, struct hub_err *err) {
    HUB_LIST_EACH(&library->modules, it) {
        struct module *m = HUB_CONTAINER(it, struct module, link);
        if (m->failed) continue; /* told with the one that requires it */
        enum hub_code code = load_module(s, m, err);
        if (code && !tell) return code;
        if (!code) continue;
        tell_where(m, err->text, tell, arg);
        *told = true;
    }
    return HUB_OK;
}

enum hub_code hub_scripts_load_lib(struct hub_scripts *s, hub_scripts_tell *tell, void *arg, struct hub_err *err) {
    enum hub_code code = HUB_OK;
    bool told = false;
    size_t n = s->service->use_n + 1;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < s->libraries[i].lib->files.n; k++)
            add_module(&s->libraries[i], s->libraries[i].lib->files.items[k], s->libraries[i].lib->names.items[k]);
    for (size_t i = 0; i < n && !code; i++) code = load_library(s, &s->libraries[i], tell, arg, &told, err);
    if (!code && !hub_scripts_protect(s, find_all, NULL, err)) code = HUB_HANDLER_FAILED;
    for (size_t i = 0; i < n; i++) free_modules(&s->libraries[i]);
    return told ? HUB_BAD_REQUEST : code;
}
