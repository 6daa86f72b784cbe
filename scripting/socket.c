/* The object "socket" of plain namespaces: its fields come with the event, its methods are the host's
 * functions of table "socket". */
#include "scripting/scripting_int.h"

/* Whose socket an object stands for is kept beside it, by object: its fields are the script's to change. */

/* Pops an id, which becomes that of the object on top then. */
static void identify(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_socket_ids);
    lua_insert(L, -2);
    lua_pushvalue(L, -3);
    lua_insert(L, -2); /* object, ids, object, id */
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* Pushes the id of the object at 1 (a view is replaced by what it shows), or nil. */
static bool push_id(lua_State *L) {
    if (hub_lua_thaw(L, 1)) lua_replace(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_socket_ids);
    lua_pushvalue(L, 1);
    bool found = lua_rawget(L, -2) != LUA_TNIL;
    lua_remove(L, -2);
    return found;
}

/* Upvalue: the host function. Its first arguments are the id of self and, for socket:to, the field room. */
static int method(lua_State *L) {
    const struct hub_host_fn *fn = lua_touserdata(L, lua_upvalueindex(1));
    if (lua_type(L, 1) != LUA_TTABLE || !push_id(L))
        return hub_lua_fail(L, "call it with a colon: socket:%s(…)", fn->name);
    lua_pushliteral(L, "room");
    lua_rawget(L, 1);
    lua_insert(L, 2);
    lua_insert(L, 2); /* self, id, room, … */
    lua_remove(L, 1);
    if (lua_isnil(L, 2)) lua_remove(L, 2);
    return hub_lua_ask(L, fn);
}

/* socket:to(room), with {id, room} as the object whose emit goes to the room. Upvalue: the metatable of
 * such objects. */
static int to_room(lua_State *L) {
    luaL_checkany(L, 1);
    lua_settop(L, 2);
    if (lua_type(L, 1) != LUA_TTABLE || !push_id(L)) return hub_lua_fail(L, "call it with a colon: socket:to(room)");
    luaL_checkstring(L, 2);
    lua_createtable(L, 0, 1);
    lua_insert(L, -2);
    identify(L);
    lua_pushvalue(L, 2);
    lua_setfield(L, -2, "room");
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
    return 1;
}

/* Pushes socket.data of the socket at 1: one table per connection, kept until it is gone. */
static void push_data(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_socket_data);
    if (!push_id(L)) return;
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) != LUA_TNIL) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
}

/* Upvalue: methods. */
static int read_field(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "data") == 0) {
        push_data(L);
        return 1;
    }
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "broadcast") == 0) {
        lua_newtable(L);
        if (push_id(L))
            identify(L);
        else
            lua_pop(L, 1);
        lua_pushvalue(L, lua_upvalueindex(2));
        lua_setmetatable(L, -2);
        return 1;
    }
    lua_settop(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    return 1;
}

/* socket.data = {…} replaces what is kept; other fields last as long as the event. */
static int write_field(lua_State *L) {
    if (lua_type(L, 2) != LUA_TSTRING || strcmp(lua_tostring(L, 2), "data") != 0) {
        lua_rawset(L, 1);
        return 0;
    }
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_socket_data);
    if (!push_id(L)) return 0;
    lua_pushvalue(L, 3);
    lua_rawset(L, -3);
    return 0;
}

/* Pushes a metatable whose objects have the one method emit, which is the host's function NAME. */
static void push_emitter(lua_State *L, const char *name) {
    const struct hub_host_fn *fn = hub_scripts_host_fn(hub_scripts_of(L), "socket", name);
    lua_newtable(L);
    lua_newtable(L);
    if (fn) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)fn);
        lua_pushcclosure(L, method, 1);
        lua_setfield(L, -2, "emit");
    }
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "socket");
    lua_setfield(L, -2, "__metatable");
}

static void set_methods(lua_State *L) {
    static const char *const names[] = {"emit", "join", "leave", "disconnect"};
    for (size_t i = 0; i < HUB_NELEM(names); i++) {
        const struct hub_host_fn *fn = hub_scripts_host_fn(hub_scripts_of(L), "socket", names[i]);
        if (!fn) continue;
        lua_pushlightuserdata(L, (void *)(uintptr_t)fn);
        lua_pushcclosure(L, method, 1);
        lua_setfield(L, -2, names[i]);
    }
    push_emitter(L, "toEmit");
    lua_pushcclosure(L, to_room, 1);
    lua_setfield(L, -2, "to");
}

void hub_lua_open_socket(lua_State *L) {
    struct hub_scripts *s = hub_scripts_of(L);
    lua_newtable(L);
    s->ref_socket_data = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    s->ref_socket_ids = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L); /* the metatable */
    lua_newtable(L); /* the methods */
    set_methods(L);
    push_emitter(L, "broadcastEmit");
    lua_pushcclosure(L, read_field, 2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, write_field);
    lua_setfield(L, -2, "__newindex");
    lua_pushliteral(L, "socket");
    lua_setfield(L, -2, "__metatable");
    s->mt_socket = lua_topointer(L, -1);
    s->ref_socket_mt = luaL_ref(L, LUA_REGISTRYINDEX);
}

void hub_lua_push_socket(lua_State *L, json_t *socket) {
    hub_lua_push_json(L, socket, NULL);
    hub_lua_push_json(L, json_object_get(socket, "id"), NULL);
    identify(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_socket_mt);
    lua_setmetatable(L, -2);
}
