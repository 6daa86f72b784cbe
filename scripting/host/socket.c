/* The objects of plain namespaces: "socket", whose fields come with the event, "namespace", and what to() and
 * except() of both give. Their methods are the host's functions of table "socket". And the stream of a
 * command, whose methods are those of table "stream". */
#include "scripting/scripting_int.h"

/* Whose socket an object stands for is kept beside it, by object: its fields are the script's to change. */

/* Pops an id, which becomes that of the object on top then. */
static void set_id(lua_State *L) {
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

/* Replaces the object at 1 by its id; raises when it is none. */
static void take_id(lua_State *L, const char *kind, const char *method) {
    if (lua_type(L, 1) != LUA_TTABLE || !push_id(L)) hub_lua_fail(L, "call it with a colon: %s:%s(…)", kind, method);
    lua_replace(L, 1);
}

/* Upvalue: the host function. Its first argument is the id of self. */
static int call_method(lua_State *L) {
    const struct hub_host_fn *fn = lua_touserdata(L, lua_upvalueindex(1));
    take_id(L, fn->table, fn->name);
    return hub_lua_ask(L, fn);
}

/* ---- audiences: objects that stand for some of a namespace's sockets ---- */

/* An audience keeps the names that to() and except() have brought so far in these lists, which are no
 * methods. */
static const char *const name_lists[] = {"rooms", "without"};

/* Upvalue: the host function castEmit. The object at 1 is an audience, a namespace, or a table made of a
 * socket (socket.broadcast). Arguments: id, {rooms, without}, event, … */
static int cast_emit(lua_State *L) {
    lua_createtable(L, 0, 2);
    for (size_t i = 0; lua_type(L, 1) == LUA_TTABLE && i < HUB_NELEM(name_lists); i++) {
        lua_pushstring(L, name_lists[i]);
        lua_rawget(L, 1);
        lua_setfield(L, -2, name_lists[i]);
    }
    lua_insert(L, 2);
    take_id(L, "socket", "emit");
    return hub_lua_ask(L, lua_touserdata(L, lua_upvalueindex(1)));
}

/* Appends the elements of the list at FROM, or the value itself, to the list on top. */
static void append_names(lua_State *L, int from) {
    if (lua_type(L, from) != LUA_TTABLE) {
        lua_pushvalue(L, from);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        return;
    }
    size_t n = lua_rawlen(L, from);
    hub_lua_spend(L, 32 * n);
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, from, (lua_Integer)i);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
}

/* Pushes a list with the names that the object at 1 has as LIST; nil when it has none and does not GROW. */
static void copy_names(lua_State *L, const char *list, bool grows) {
    lua_pushstring(L, list);
    if (lua_rawget(L, 1) != LUA_TTABLE && !grows) return;
    hub_lua_new_array(L, 4);
    if (lua_type(L, -2) == LUA_TTABLE) append_names(L, lua_absindex(L, -2));
    lua_remove(L, -2);
}

/* to(room, …) and except(room, …): a new audience. Upvalues: which list grows; the metatable. */
static int narrow_audience(lua_State *L) {
    int n = lua_gettop(L);
    const char *grows = lua_tostring(L, lua_upvalueindex(1));
    luaL_checkany(L, 1);
    if (n < 2) return hub_lua_fail(L, "to(room, …) and except(room, …): a room is missing");
    luaL_checkstack(L, 8, "too many rooms");
    if (lua_type(L, 1) != LUA_TTABLE || !push_id(L)) take_id(L, "socket", "to");
    lua_createtable(L, 0, 2);
    lua_insert(L, -2);
    set_id(L);
    int made = lua_gettop(L);
    for (size_t i = 0; i < HUB_NELEM(name_lists); i++) {
        bool is_it = strcmp(grows, name_lists[i]) == 0;
        copy_names(L, name_lists[i], is_it);
        for (int k = 2; is_it && k <= n; k++) append_names(L, k);
        lua_setfield(L, made, name_lists[i]);
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_setmetatable(L, made);
    return 1;
}

/* ---- fields ---- */

/* Pops the id of a socket that is there, so that the engine will say when it is gone: only such a one has a
 * place for its data, which is false until somebody wants it. */
static void expect_socket(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_socket_data);
    lua_pushvalue(L, -2);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        lua_pushvalue(L, -3);
        lua_pushboolean(L, false);
        lua_rawset(L, -4);
    }
    lua_pop(L, 3);
}

/* Pushes socket.data of the socket at 1: one table per connection, kept until it is gone. Nobody takes away
 * what a script that still has the object would put there afterwards: it is not kept. */
static void push_data(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_socket_data);
    if (!push_id(L)) return;
    lua_pushvalue(L, -1);
    int kept = lua_rawget(L, -3);
    if (kept == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_newtable(L);
    if (kept == LUA_TNIL) return;
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
}

/* socket.broadcast: everybody but the socket. Upvalue 2 of read_field: the metatable. */
static int push_broadcast(lua_State *L) {
    lua_newtable(L);
    if (push_id(L))
        set_id(L);
    else
        lua_pop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_setmetatable(L, -2);
    return 1;
}

/* A field that the host's function NAME gives. */
static int ask_field(lua_State *L, const char *name) {
    const struct hub_host_fn *fn = hub_scripts_host_fn(hub_scripts_of(L), "socket", name);
    lua_settop(L, 1);
    if (!fn || !push_id(L)) return 0;
    lua_replace(L, 1);
    return hub_lua_ask(L, fn);
}

/* Upvalues: methods, the metatable of audiences. */
static int read_field(lua_State *L) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strcmp(name, "data") == 0) {
        push_data(L);
        return 1;
    }
    if (strcmp(name, "broadcast") == 0) return push_broadcast(L);
    if (strcmp(name, "rooms") == 0 || strcmp(name, "handshake") == 0) return ask_field(L, name);
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
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) return 0;
    lua_pop(L, 1);
    lua_pushvalue(L, 3);
    lua_rawset(L, -3);
    return 0;
}

/* ---- namespace:sockets ---- */

/* The items of the page on top become sockets. */
static int make_sockets(lua_State *L) {
    lua_getfield(L, -1, "items");
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TTABLE; i++) {
        lua_getfield(L, -1, "id");
        lua_pushvalue(L, -1);
        expect_socket(L);
        set_id(L);
        lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_socket_mt);
        lua_setmetatable(L, -2);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    return 1;
}

static int list_sockets(lua_State *L) {
    take_id(L, "socket", "sockets");
    return hub_lua_ask_then(L, lua_touserdata(L, lua_upvalueindex(1)), make_sockets);
}

/* ---- the stream of a command ---- */

static int bytes_to_text(lua_State *L) {
    if (lua_type(L, -1) == LUA_TUSERDATA) lua_pushlstring(L, lua_touserdata(L, -1), lua_rawlen(L, -1));
    return 1;
}

/* Upvalue of these: the host function. */
static int read_stream(lua_State *L) {
    const struct hub_host_fn *fn = lua_touserdata(L, lua_upvalueindex(1));
    lua_settop(L, 1);
    take_id(L, fn->table, fn->name);
    return hub_lua_ask_then(L, fn, bytes_to_text);
}

static int write_stream(lua_State *L) {
    const struct hub_host_fn *fn = lua_touserdata(L, lua_upvalueindex(1));
    size_t n;
    lua_settop(L, 2);
    take_id(L, fn->table, fn->name);
    if (lua_type(L, 2) == LUA_TSTRING) {
        const char *p = lua_tolstring(L, 2, &n);
        hub_lua_push_binary(L, hub_str(p, n));
        lua_replace(L, 2);
    }
    return hub_lua_ask(L, fn);
}

/* ---- the kinds ---- */

/* Into the table on top: METHOD, which is F on the function NAME of the host's TABLE. */
static void set_method_of(lua_State *L, const char *table, const char *method, lua_CFunction f, const char *name) {
    const struct hub_host_fn *fn = hub_scripts_host_fn(hub_scripts_of(L), table, name);
    if (!fn) return;
    lua_pushlightuserdata(L, (void *)(uintptr_t)fn);
    lua_pushcclosure(L, f, 1);
    lua_setfield(L, -2, method);
}

static void set_method(lua_State *L, const char *method, lua_CFunction f, const char *name) {
    set_method_of(L, "socket", method, f, name);
}

/* Into the table on top: to and except, whose results have the metatable at AUDIENCE. */
static void set_narrowing(lua_State *L, int audience) {
    static const char *const methods[] = {"to", "except"};
    for (size_t i = 0; i < HUB_NELEM(methods); i++) {
        lua_pushstring(L, name_lists[i]);
        lua_pushvalue(L, audience);
        lua_pushcclosure(L, narrow_audience, 2);
        lua_setfield(L, -2, methods[i]);
    }
}

static void set_socket_methods(lua_State *L, int audience) {
    static const char *const names[] = {"emit", "emitWithAck", "join", "leave", "disconnect"};
    for (size_t i = 0; i < HUB_NELEM(names); i++) set_method(L, names[i], call_method, names[i]);
    set_narrowing(L, audience);
}

/* Names the metatable on top for scripts, and keeps its identity. */
static const void *name_kind(lua_State *L, const char *name) {
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    return lua_topointer(L, -1);
}

static void open_audiences(lua_State *L) {
    lua_newtable(L);
    int audience = lua_gettop(L);
    lua_newtable(L);
    set_method(L, "emit", cast_emit, "castEmit");
    set_narrowing(L, audience);
    lua_setfield(L, audience, "__index");
    hub_scripts_of(L)->mt_audience = name_kind(L, "audience");
}

static void open_sockets(lua_State *L, int audience) {
    struct hub_scripts *s = hub_scripts_of(L);
    lua_newtable(L); /* the metatable */
    lua_newtable(L); /* the methods */
    set_socket_methods(L, audience);
    lua_pushvalue(L, audience);
    lua_pushcclosure(L, read_field, 2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, write_field);
    lua_setfield(L, -2, "__newindex");
    s->mt_socket = name_kind(L, "socket");
    s->ref_socket_mt = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void open_namespaces(lua_State *L, int audience) {
    struct hub_scripts *s = hub_scripts_of(L);
    lua_newtable(L);
    lua_newtable(L);
    set_method(L, "emit", cast_emit, "castEmit");
    set_method(L, "sockets", list_sockets, "sockets");
    set_narrowing(L, audience);
    lua_setfield(L, -2, "__index");
    s->mt_namespace = name_kind(L, "namespace");
    s->ref_namespace_mt = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void open_streams(lua_State *L) {
    struct hub_scripts *s = hub_scripts_of(L);
    lua_newtable(L);
    lua_newtable(L);
    set_method_of(L, "stream", "read", read_stream, "read");
    set_method_of(L, "stream", "write", write_stream, "write");
    set_method_of(L, "stream", "finish", call_method, "finish");
    set_method_of(L, "stream", "destroy", call_method, "destroy");
    lua_setfield(L, -2, "__index");
    s->mt_stream = name_kind(L, "stream");
    s->ref_stream_mt = luaL_ref(L, LUA_REGISTRYINDEX);
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
    open_audiences(L);
    int audience = lua_gettop(L);
    open_sockets(L, audience);
    open_namespaces(L, audience);
    lua_pop(L, 1);
    open_streams(L);
}

/* Pushes the value ABOUT as an object whose id is its member ID, with the metatable REF. */
static void push_object_with_id(lua_State *L, json_t *about, const char *id, int ref) {
    hub_lua_push_json(L, about, NULL);
    hub_lua_push_json(L, json_object_get(about, id), NULL);
    set_id(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
    lua_setmetatable(L, -2);
}

void hub_lua_push_socket(lua_State *L, json_t *socket) {
    hub_lua_push_json(L, json_object_get(socket, "id"), NULL);
    expect_socket(L);
    push_object_with_id(L, socket, "id", hub_scripts_of(L)->ref_socket_mt);
}

void hub_lua_push_namespace(lua_State *L, json_t *about) {
    push_object_with_id(L, about, "name", hub_scripts_of(L)->ref_namespace_mt);
}

void hub_lua_push_stream(lua_State *L, json_t *about) {
    push_object_with_id(L, about, "id", hub_scripts_of(L)->ref_stream_mt);
}
