/* Puts MScript's runtime together: the table J that compiled expressions use, and JavaScript's globals. */
#include "scripting/javascript/js_int.h"

/* An expression cannot write, but may hand a global to a function of lib/ that does. */
static void freeze_globals(lua_State *L) {
    static const char *const tables[] = {"Math", "JSON", "Object", "Array", "Date", NULL};
    for (size_t i = 0; tables[i]; i++) {
        lua_getfield(L, -1, tables[i]);
        hub_lua_freeze_flat(L, tables[i]);
        lua_setfield(L, -2, tables[i]);
    }
}

/* Makes J (registry: ref_js) and pushes the table of globals. */
void hub_lua_open_js(lua_State *L) {
    struct hub_scripts *s = hub_scripts_of(L);
    lua_newtable(L); /* the globals */
    hub_js_open_globals(L);
    lua_newtable(L); /* J */
    hub_js_open_operators(L);
    hub_js_open_members(L);
    hub_lua_open_patterns(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->ref_null);
    lua_setfield(L, -2, "N");
    hub_js_push_strings(L);
    lua_setfield(L, -2, "strings");
    hub_js_push_arrays(L);
    lua_setfield(L, -2, "arrays");
    hub_js_push_dates(L);
    lua_setfield(L, -4, "Date");
    lua_setfield(L, -2, "dates");
    lua_pushcfunction(L, hub_js_new_date);
    lua_setfield(L, -2, "DATE");
    lua_pushvalue(L, -1);
    s->ref_js = luaL_ref(L, LUA_REGISTRYINDEX);
    hub_lua_run_prelude(L);
    lua_pop(L, 1);
    freeze_globals(L);
}
