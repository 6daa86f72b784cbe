/* The object "socket" of plain namespaces: its fields come with the event, its methods are the host's functions of table "socket". */
#include "scripting/scripting_int.h"

/* Upvalues: the host function, the names of the fields of self that come first ("id", then "room" for socket:to). */
static int method(lua_State *L) {
    const struct hub_host_fn *fn = lua_touserdata(L, lua_upvalueindex(1));
    if (lua_type(L, 1) != LUA_TTABLE) return hub_lua_fail(L, "call it with a colon: socket:%s(…)", fn->name);
    lua_getfield(L, 1, "id");
    lua_getfield(L, 1, "room");
    lua_insert(L, 2);
    lua_insert(L, 2); /* self, id, room, … */
    lua_remove(L, 1);
    if (lua_isnil(L, 2)) lua_remove(L, 2);
    return hub_lua_ask(L, fn);
}

/* socket:to(room), with {id, room} as the object whose emit goes to the room. Upvalue: the metatable of such objects. */
static int to_room(lua_State *L) {
    if (lua_type(L, 1) != LUA_TTABLE) return hub_lua_fail(L, "call it with a colon: socket:to(room)");
    luaL_checkstring(L, 2);
    lua_createtable(L, 0, 2);
    lua_getfield(L, 1, "id");
    lua_setfield(L, -2, "id");
    lua_pushvalue(L, 2);
    lua_setfield(L, -2, "room");
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
    return 1;
}

/* Pushes socket.data of the socket at 1: one table per connection, kept until it is gone. */
static void push_data(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_socket_data);
    lua_pushliteral(L, "id");
    lua_rawget(L, 1);
    if (lua_isnil(L, -1)) return;
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
        lua_createtable(L, 0, 1);
        lua_pushliteral(L, "id");
        lua_rawget(L, 1);
        lua_setfield(L, -2, "id");
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
    lua_pushliteral(L, "id");
    lua_rawget(L, 1);
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
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_socket_mt);
    lua_setmetatable(L, -2);
}
