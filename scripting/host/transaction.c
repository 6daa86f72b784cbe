/* records.transaction(f) and db.transaction(f), in Lua, for they call a function of the script. F works
 * on copies of what it names, in records.transaction of the records here, in db.transaction on the
 * engine's side; at its end they are committed, if all of it still is what F has seen. Else F runs again,
 * then with its turn among all that have run into each other at one record or row. */
#include "scripting/scripting_int.h"

/* ASK asks the engine for a step of a transaction, GET is records.get, or nil in db.transaction. */
static const char text[] =
    "local J, ask, get, pcall, error, name = ...\n"
    "local function steps(seen, list)\n"
    "  local function at(id)\n"
    "    local r = seen[id]\n"
    "    if not r then\n"
    "      local found = get(id)\n"
    "      r = {id = id, version = found.version, value = found.value}\n"
    "      seen[id] = r\n"
    "      list[#list + 1] = r\n"
    "    end\n"
    "    return r\n"
    "  end\n"
    "  local function change(r, op, options)\n"
    "    op.recordId = r.id\n"
    "    if options then op.strategy, op.ifVersion = options.strategy, options.ifVersion end\n"
    "    local value = ask('apply', r.version, r.value, op)\n"
    "    if value == nil then value = J.N end\n"
    "    r.value, r.changed = value, true\n"
    "  end\n"
    "  local tx = {}\n"
    "  function tx.get(id)\n"
    "    local r = at(id)\n"
    "    return {recordId = r.id, version = r.version, value = r.value}\n"
    "  end\n"
    "  function tx.write(id, value, options) change(at(id), {op = 'write', value = value}, options) end\n"
    "  function tx.patch(id, patch, options) change(at(id), {op = 'patch', patch = patch}, options) end\n"
    "  function tx.delete(id, options) change(at(id), {op = 'delete'}, options) end\n"
    "  return tx\n"
    "end\n"
    "local function operations(list)\n"
    "  local ops = J.array()\n"
    "  for i = 1, #list do\n"
    "    local r = list[i]\n"
    "    local op = {op = 'check', recordId = r.id, ifVersion = r.version}\n"
    "    if r.changed and r.value == J.N then op.op = 'delete'\n"
    "    elseif r.changed then op.op, op.value = 'write', r.value end\n"
    "    J.PUT(ops, i, op)\n"
    "  end\n"
    "  return ops\n"
    "end\n"
    "local function run(f, left, id, turn)\n"
    "  local list = {}\n"
    "  ask('begin')\n"
    "  local function ended(ok, ...)\n"
    "    if not ok then\n"
    "      ask('over', nil, id, turn)\n"
    "      error((...), 0)\n"
    "    end\n"
    "    local other\n"
    "    if not get or list[1] then other = ask('commit', get and operations(list), id, turn) end\n"
    "    if not other then return ... end\n"
    "    if left == 0 then ask('give up', nil, other) end\n"
    "    return run(f, left - 1, other, ask('turn', nil, other))\n"
    "  end\n"
    "  if get then return ended(pcall(f, steps({}, list))) end\n"
    "  return ended(pcall(f))\n"
    "end\n"
    "return function(f)\n"
    "  if J.kind(f) ~= 'function' then J.notCallable(name) end\n"
    "  return run(f, 99)\n"
    "end\n";

void hub_lua_make_transaction(lua_State *L, const char *name) {
    int ask = lua_gettop(L) - 3;
    if (luaL_loadbufferx(L, text, sizeof text - 1, "=transaction", "t") != LUA_OK) lua_error(L);
    lua_insert(L, ask);
    lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_js);
    lua_insert(L, ask + 1);
    lua_pushstring(L, name);
    lua_call(L, 6, 1);
}
