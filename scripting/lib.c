/* lib/: modules of the service, each run once when the service is loaded. lib.a.b and require("a.b") give
 * a read-only view of what lib/a/b.lua returned; what a module keeps in its locals is its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "scripting/scripting_int.h"

enum { FILE_MAX = 1 << 20 };
static const uint64_t LOAD_NS = 2000000000; /* CPU time that running one module's chunk may take */

struct module {
    struct hub_list link; /* in scripts->modules */
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
static void add_module(struct hub_scripts *s, const char *path, const char *rest) {
    struct module *m = hub_xcalloc(1, sizeof *m);
    struct hub_buf file = {0};
    m->path = path;
    m->name = hub_xstrdup(rest);
    size_t n = strlen(m->name);
    if (n > 4 && strcmp(m->name + n - 4, ".lua") == 0) m->name[n - 4] = 0;
    for (char *p = m->name; *p; p++) {
        if (*p == '/') *p = '.';
    }
    hub_buf_addf(&file, "lib/%s", rest);
    m->file = hub_buf_take(&file, NULL);
    m->script = (struct hub_script){.kind = HUB_SCRIPT_LUA, .file = m->file, .line = 1, .column = 1};
    m->compiled.script = &m->script;
    hub_list_push(&s->modules, &m->link);
}

static void free_modules(struct hub_scripts *s) {
    struct hub_list *link;
    while ((link = hub_list_pop(&s->modules))) {
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
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->ref_env_mt);
    lua_setmetatable(L, -2);
    lua_setupvalue(L, -2, 1);
    lua_call(L, 0, 1);
    if (!lua_istable(L, -1)) {
        lua_pushfstring(L, "%s:1: a module must return a table, not %s%s", m->file, lua_isnil(L, -1) ? "" : "a ",
                        luaL_typename(L, -1));
        return lua_error(L);
    }
    hub_lua_freeze(L, m->name);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->ref_modules);
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

/* Pushes the view of module NAME and returns true; during loading a module that is not there yet is loaded
 * first. Raises. */
static bool push_module(lua_State *L, const char *name) {
    struct hub_scripts *s = hub_scripts_of(L);
    HUB_LIST_EACH(&s->modules, it) {
        struct module *m = HUB_CONTAINER(it, struct module, link);
        struct hub_err err;
        if (!m->loaded && strcmp(m->name, name) == 0 && load_module(s, m, &err)) hub_lua_fail(L, "%s", err.text);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->ref_modules);
    bool found = lua_getfield(L, -1, name) == LUA_TTABLE;
    lua_remove(L, -2);
    if (!found) lua_pop(L, 1);
    return found;
}

static int require(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    if (push_module(L, name)) return 1;
    return hub_lua_fail(L, "there is no module '%.100s': require reaches only what is in lib/", name);
}

/* ---- lib: folders as tables ---- */

static bool is_folder(const struct hub_service *service, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < service->lib_names.n; i++) {
        const char *p = service->lib_names.items[i];
        size_t k = 0;
        while (k < n && (p[k] == name[k] || (p[k] == '/' && name[k] == '.'))) k++;
        if (k == n && p[n] == '/') return true;
    }
    return false;
}

static void push_folder(lua_State *L, const char *prefix);

/* Upvalues: the folder's name with a dot ("" for lib itself), what was found before. */
static int read_folder(lua_State *L) {
    if (lua_type(L, 2) != LUA_TSTRING) return 0;
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) return 1;
    const struct hub_scripts *s = hub_scripts_of(L);
    const char *name = lua_pushfstring(L, "%s%s", lua_tostring(L, lua_upvalueindex(1)), lua_tostring(L, 2));
    if (!push_module(L, name)) {
        if (!is_folder(s->service, name)) return 0;
        push_folder(L, name);
    }
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, lua_upvalueindex(2));
    return 1;
}

static void push_folder(lua_State *L, const char *name) {
    lua_newtable(L); /* what was found before, and what the view shows */
    lua_pushfstring(L, name[0] ? "%s." : "%s", name);
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, read_folder, 2);
    hub_lua_freeze_by(L, "lib");
}

/* Whether NAME, N bytes of it, is a module. */
static bool is_module(lua_State *L, const char *name, size_t n) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_modules);
    lua_pushlstring(L, name, n);
    bool yes = lua_rawget(L, -2) != LUA_TNIL;
    lua_pop(L, 2);
    return yes;
}

/* Reads every module once through the view that everybody has, so that it shows all there is to whoever
 * lists it. It reads folders only: what a module says to a name may be code of its own, and no call is
 * running here. */
static int find_all(lua_State *L) {
    struct hub_scripts *s = hub_scripts_of(L);
    HUB_LIST_EACH(&s->modules, it) {
        const char *name = HUB_CONTAINER(it, struct module, link)->name;
        size_t n = 0;
        lua_rawgeti(L, LUA_REGISTRYINDEX, s->ref_lib);
        do {
            size_t from = n + (name[n] == '.');
            n = from + strcspn(name + from, ".");
            lua_pushlstring(L, name + from, n - from);
            lua_gettable(L, -2);
            lua_remove(L, -2);
        } while (name[n] && !is_module(L, name, n));
        lua_settop(L, 1);
    }
    return 0;
}

/* Into the table on top: lib, LIB, require. */
void hub_lua_open_lib(lua_State *L) {
    lua_newtable(L);
    hub_scripts_of(L)->ref_modules = luaL_ref(L, LUA_REGISTRYINDEX);
    push_folder(L, "");
    lua_pushvalue(L, -1);
    hub_scripts_of(L)->ref_lib = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "lib");
    lua_setfield(L, -2, "LIB");
    lua_pushcfunction(L, require);
    lua_setfield(L, -2, "require");
}

/* "lib/a.lua:3: lib/b.lua:1: …" is about b, which a requires. */
static void tell_where(const struct module *m, const char *text, hub_scripts_tell *tell, void *arg) {
    char file[256];
    int line = 0;
    snprintf(file, sizeof file, "%s", m->file);
    for (const char *colon; !strncmp(text, "lib/", 4) && (colon = strstr(text, ".lua:"));) {
        char *end;
        snprintf(file, sizeof file, "%.*s", (int)(colon + 4 - text), text);
        line = (int)strtol(colon + 5, &end, 10);
        text = end + strspn(end, ": ");
    }
    tell(arg, file, line, text);
}

enum hub_code hub_scripts_load_lib(struct hub_scripts *s, hub_scripts_tell *tell, void *arg, struct hub_err *err) {
    enum hub_code code = HUB_OK;
    bool told = false;
    for (size_t i = 0; i < s->service->lib_files.n; i++)
        add_module(s, s->service->lib_files.items[i], s->service->lib_names.items[i]);
    HUB_LIST_EACH(&s->modules, it) {
        struct module *m = HUB_CONTAINER(it, struct module, link);
        if (code || m->failed) continue; /* told with the one that requires it */
        code = load_module(s, m, err);
        if (!code || !tell) continue;
        tell_where(m, err->text, tell, arg);
        code = HUB_OK;
        told = true;
    }
    if (!code && !hub_scripts_protect(s, find_all, NULL, err)) code = HUB_HANDLER_FAILED;
    free_modules(s);
    return told ? HUB_BAD_REQUEST : code;
}
