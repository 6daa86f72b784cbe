// What scripts can reach: objects, db, redis, hub, and the helpers; seen through a handler that runs the Lua of its message.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { definition } from "./definition.js";
import { removeService, runToEnd, serve, writeService } from "./harness.js";

/** One custom type per script; the handler's value comes back as the message's content. */
function scripts(all) {
  return (def) => {
    def.hub.messageSettings.customMessageTypes = [...Object.keys(all).map((name) => ({ name })), { name: "note" }];
    def.hub.hubLogic = {
      messageHandlers: Object.entries(all).map(([messageType, lines]) => ({
        messageType,
        script: {
          lua: `local result = (function()\n${lines.join("\n")}\nend)()\nreturn {accept = true, persist = false, modifiedContent = {value = result}}`,
        },
      })),
    };
    def.hub.eventSettings = {
      autoBridgeDataEvents: false,
      customEvents: [
        { name: "tick", direction: "serverToRoom" },
        { name: "whisper", direction: "serverToClient" },
      ],
    };
  };
}

const TABLES = ["json", "log", "time", "crypto", "objects", "db", "redis", "hub", "kafka", "http"];

function runner(server) {
  return async (name, content = {}, peer) => {
    const roomId = server.room();
    const ann = peer ?? (await server.member("ann", roomId));
    const { message } = await ann.ok("hub:send", { roomId: peer ? peer.welcome.roomId : roomId, messageType: name, content });
    return message.content.value;
  };
}

describe("objects", () => {
  const server = serve(
    scripts({
      life: [
        "local made = objects.create('membership', {userId = 'u', conversationId = roomId, role = 'x'})",
        "local found = objects.find('membership', made.id)",
        "local changed = objects.update('membership', made.id, {role = 'y'})",
        "objects.delete('membership', made.id)",
        "local gone = objects.find('membership', made.id)",
        "return {made = made.role, status = made.status, found = found.role, changed = changed.role, gone = gone == nil or gone == null}",
      ],
      list: [
        "for i = 1, 5 do objects.create('membership', {userId = 'u' .. i, conversationId = roomId, role = i % 2 == 0 and 'even' or 'odd'}) end",
        "local rows = objects.list('membership', {conversationId = roomId, role = 'odd'}, {limit = 2, orderBy = 'userId'})",
        "local names = {}",
        "for i, row in ipairs(rows) do names[i] = row.userId end",
        "return names",
      ],
      again: [
        "local row, say = {id = 'm-' .. roomId, userId = 'u', conversationId = roomId}, {}",
        "for i = 1, 3 do",
        "  local ok, e = pcall(objects.create, 'membership', row)",
        "  say[i] = ok and 'made' or e.code .. ': ' .. e.message",
        "  if i == 2 then objects.delete('membership', row.id) end",
        "end",
        "return say",
      ],
      wrong: [
        "local ok, text = pcall(objects.create, 'membership', {userId = 'u'})",
        "local none, other = pcall(objects.find, 'nothing', 'x')",
        "return {ok = ok, text = tostring(text), none = none}",
      ],
    }),
  );
  const run = runner(server);

  test("are created with their defaults, found, changed and deleted", async () => {
    assert.deepEqual(await run("life"), { made: "x", status: "active", found: "x", changed: "y", gone: true });
  });

  test("are listed by condition, order and limit", async () => {
    assert.deepEqual(await run("list"), ["u1", "u3"]);
  });

  test("keep their ids, also when they are deleted", async () => {
    const [made, twice, deleted] = await run("again");
    assert.equal(made, "made");
    assert.match(twice, /^bad_request: there is a row of membership with this id already$/);
    assert.match(deleted, /^bad_request: the row of membership with this id was deleted, .*"isActive" false/);
  });

  test("that lack a required property or do not exist are errors a script can catch", async () => {
    const { ok, text, none } = await run("wrong");
    assert.equal(ok, false);
    assert.match(text, /conversationId/);
    assert.equal(none, false);
  });
});

describe("db and redis", () => {
  const server = serve(
    scripts({
      query: [
        "local rows = db.query('SELECT id, title FROM conversation WHERE id IN (?, ?) ORDER BY id', 'r1', 'r2')",
        "return {n = #rows, first = rows[1].title}",
      ],
      injection: ["local rows = db.query('SELECT id FROM conversation WHERE id = ?', \"x' OR '1'='1\")", "return #rows"],
      broken: ["local ok = pcall(db.query, 'SELEC nonsense')", "return ok"],
      cache: [
        "local key = 'k:' .. roomId",
        "redis.set(key, 'v')",
        "local first = redis.get(key)",
        "redis.del(key)",
        "local n = redis.incr(key) + redis.incr(key)",
        "redis.hset(key .. ':h', 'field', 'x')",
        "return {first = first, missing = redis.get('no such key') or 'nothing', n = n, field = redis.hget(key .. ':h', 'field')}",
      ],
    }),
  );
  const run = runner(server);

  test("db.query binds its parameters", async () => {
    assert.deepEqual(await run("query"), { n: 2, first: "Room 1" });
    assert.equal(await run("injection"), 0);
    assert.equal(await run("broken"), false);
  });

  test("redis keeps values, counters and hashes", async () => {
    assert.deepEqual(await run("cache"), { first: "v", missing: "nothing", n: 3, field: "x" });
  });
});

describe("hub", () => {
  const server = serve(
    scripts({
      broadcast: ["hub.broadcast(roomId, 'tick', {n = 1})", "hub.broadcast(roomId, 'tick', {n = 2}, {'bob'})", "return true"],
      send: [
        "local m = hub.send(roomId, 'note', {text = 'from the server'})",
        "hub.send(roomId, 'note', {text = 'as bob'}, {senderId = 'bob'})",
        "return true",
      ],
      sendTo: ["hub.send(roomId, 'note', {text = 'psst'}, {to = {'bob'}})", "return true"],
      misspelt: [
        "local sent, of = pcall(hub.send, roomId, 'note', {text = 'x'}, {persists = false})",
        "local listed, by = pcall(objects.list, 'membership', {}, {orderby = 'userId'})",
        "local got, within = pcall(http.get, 'http://127.0.0.1:1/', {timeoutms = 5})",
        "return {sent = sent, of = tostring(of), listed = listed, by = tostring(by), got = got, within = tostring(within)}",
      ],
      emit: ["hub.emit('bob', 'whisper', {secret = true})", "return true"],
      members: [
        "local ids = {}",
        "for i, m in ipairs(hub.members(roomId)) do ids[i] = m.userId end",
        "table.sort(ids)",
        "return {ids = ids, n = hub.memberCount(roomId)}",
      ],
      kick: ["hub.kick(roomId, 'bob', 'by script')", "return true"],
    }),
  );

  async function scene(name) {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    const { message } = await ann.ok("hub:send", { roomId, messageType: name, content: {} });
    return { roomId, ann, bob, value: message.content.value };
  }

  test("broadcast reaches the room, or those it names", async () => {
    const { roomId, ann, bob } = await scene("broadcast");
    assert.deepEqual((await ann.next("tick")).data, { n: 1 });
    assert.deepEqual((await bob.next("tick")).data, { n: 1 });
    const second = await bob.next("tick");
    assert.deepEqual(second.data, { n: 2 });
    assert.equal(second.roomId, roomId);
    await ann.nothing("tick");
  });

  test("send makes a message of the room, from nobody unless it names a sender", async () => {
    const { roomId, bob, ann } = await scene("send");
    const first = await bob.next("hub:messageArrived", ({ message }) => message.messageType === "note");
    assert.equal(first.message.senderId, null);
    assert.equal("sender" in first, false);
    const second = await bob.next("hub:messageArrived", ({ message }) => message.messageType === "note");
    assert.equal(second.message.senderId, "bob");
    assert.equal(second.message.seq, first.message.seq + 1);
    assert.equal((await ann.ok("hub:history", { roomId })).messages.length, 2);
  });

  test("send can be narrowed like serverMessages", async () => {
    const { roomId, ann, bob } = await scene("sendTo");
    assert.equal((await bob.next("hub:messageArrived", ({ message }) => message.messageType === "note")).message.content.text, "psst");
    assert.equal((await bob.ok("hub:history", { roomId })).messages.length, 1);
    assert.equal((await ann.next("hub:messageArrived")).message.messageType, "sendTo");
    await ann.nothing("hub:messageArrived");
    assert.equal((await ann.ok("hub:history", { roomId })).messages.length, 0);
  });

  test("misspelt options are errors that name them", async () => {
    const { value } = await scene("misspelt");
    assert.deepEqual([value.sent, value.listed, value.got], [false, false, false]);
    assert.match(value.of, /persists.*persist/);
    assert.match(value.by, /orderby.*orderBy/);
    assert.match(value.within, /timeoutms.*timeoutMs/);
  });

  test("emit reaches one user, with the room of the hook that calls it", async () => {
    const { roomId, ann, bob } = await scene("emit");
    assert.deepEqual(await bob.next("whisper"), { roomId, data: { secret: true } });
    await ann.nothing("whisper");
  });

  test("members and memberCount say who is there", async () => {
    const { value } = await scene("members");
    assert.deepEqual(value, { ids: ["ann", "bob"], n: 2 });
  });

  test("kick puts out", async () => {
    const { roomId, bob } = await scene("kick");
    assert.deepEqual(await bob.next("hub:kicked"), { roomId, reason: "by script" });
  });
});

describe("hub.emit", () => {
  const server = serve((def) => {
    def.hub.roomSettings.authScripts = [{ name: "telling", script: "hub.emit('bob', 'whisper', user.userId) >= 0", hubRole: "member" }];
    def.service.namespaces = [{ path: "/outside", auth: false, events: [{ name: "poke", script: { lua: "return hub.emit('bob', 'whisper', ...)" } }] }];
    def.hub.eventSettings = { customEvents: [{ name: "whisper", direction: "serverToClient" }] };
  });

  test("in a hook about a room has that room, also before anybody is in it", async () => {
    const [bobs, anns] = [server.room(), server.room()];
    const bob = await server.member("bob", bobs);
    assert.deepEqual(await bob.next("whisper"), { roomId: bobs, data: "bob" });
    await server.member("ann", anns);
    assert.deepEqual(await bob.next("whisper"), { roomId: anns, data: "ann" });
  });

  test("in a hook without a room says so", async () => {
    const bob = await server.member("bob", server.room());
    await bob.next("whisper");
    const outside = await server.connect(undefined, { namespace: "/outside" });
    assert.equal(await outside.call("poke", { n: 1 }), 1);
    assert.deepEqual(await bob.next("whisper"), { roomId: null, data: { n: 1 } });
  });
});

// A handler whose result could not be used gave its thread back with its values on it; the next hook took the first of them as its own result.
describe("what a stranger's call leaves behind", () => {
  const server = serve((def) => {
    const cut = { lua: "local s = ...\nreturn true, s:sub(1, 3)" };
    const secret = { lua: "return {secret = 'of a stranger', hubRole = 'moderator', title = 'of a stranger', roleId = 'member'}, print" };
    def.service.namespaces = [
      {
        path: "/cut",
        auth: false,
        events: [
          { name: "cut", script: cut },
          { name: "secret", script: secret },
        ],
      },
    ];
    def.service.auth.authenticate = { lua: "if session.userId == 'banned' then return false end" };
    def.hub.hubRoles = [{ name: "member" }, { name: "moderator", canModerate: true }];
    def.hub.roomSettings.authScripts = [
      { name: "moderators", script: "user.roleId == 'moderator'", hubRole: "moderator" },
      { name: "members", script: "user.roleId == 'member'", hubRole: "member" },
    ];
    def.hub.hubLogic = { stateScript: "({ title: room.title })" };
  });

  for (const event of ["cut", "secret"]) {
    /** The stranger's call ends in the log: its result cannot be used. */
    const leave = async () => {
      const stranger = await server.connect(undefined, { namespace: "/cut" });
      const from = server.hubd.output.length;
      stranger.emit(event, "Grüße");
      await server.hubd.printed(/the result cannot be used/, from);
    };

    test(`of "${event}" does not open a room that every authScript refuses`, async () => {
      const eve = await server.connect("eve", { role: "nobody" });
      await leave();
      await eve.refused("not_authorized", "hub:join", { roomId: server.room() });
    });

    test(`of "${event}" makes nobody a moderator`, async () => {
      const ann = await server.connect("ann", { role: "member" });
      await leave();
      assert.equal((await ann.ok("hub:join", { roomId: server.room() })).hubRole, "member");
    });

    test(`of "${event}" does not pass authenticate`, async () => {
      await leave();
      assert.equal((await server.open("banned").refusal()).data?.code, "invalid_token");
    });

    test(`of "${event}" is not the state of a room`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId, { role: "member" });
      await leave();
      assert.deepEqual((await ann.ok("hub:requestState", { roomId })).state, { title: `Room ${roomId.slice(1)}` });
    });
  }
});

// Once it was the first hub in which a room of that id was in use, whoever asked.
describe("hub in a service of several hubs whose rooms share ids", () => {
  const lua = `
    local with = message.content.with
    if message.content.call == "broadcast" then return {accept = true, persist = false, modifiedContent = {value = hub.broadcast(roomId, "tick", {})}} end
    if message.content.call == "send" then hub.send(with or roomId, "note", {text = "hello"}) end
    if message.content.call == "emit" then hub.emit("bob", "whisper", {}) end
    if message.content.call == "kick" then hub.kick(roomId, "bob", "by script") end
    return {accept = true, persist = false, modifiedContent = {value = {count = hub.memberCount(roomId), members = #hub.members(roomId)}}}`;
  const namespace = `
    local ok, result = pcall(hub[call], ...)
    return ok and {value = result} or {code = result.code, message = result.message}`;
  const server = serve((def) => {
    def.hub.messageSettings.customMessageTypes = [{ name: "run" }, { name: "note" }];
    def.hub.hubLogic = { messageHandlers: [{ messageType: "run", script: { lua } }] };
    def.hub.eventSettings = {
      customEvents: [
        { name: "tick", direction: "serverToRoom" },
        { name: "whisper", direction: "serverToClient" },
      ],
    };
    def.hubs = ["arena", "lobby"].map((name) => ({ ...def.hub, hubBasics: { name } }));
    def.service.namespaces = [
      {
        path: "/outside",
        events: [...["memberCount", "send"].map((name) => ({ name, script: { lua: namespace.replace("[call]", `.${name}`) } }))],
      },
    ];
  });

  /** Ann and bob in the room of this id in every hub; ann sends {call} in each hub in turn. BODY sees who is in that hub and in the others. */
  async function inEach(call, body) {
    const roomId = server.room();
    const hubs = {};
    for (const hub of ["arena", "chat", "lobby"]) {
      hubs[hub] = { ann: await server.member("ann", roomId, { hub }), bob: await server.member("bob", roomId, { hub }) };
    }
    for (const hub of Object.keys(hubs)) {
      const { message } = await hubs[hub].ann.ok("hub:send", { roomId, messageType: "run", content: { call } });
      const others = Object.keys(hubs).filter((name) => name !== hub);
      await body(
        hubs[hub],
        others.map((name) => hubs[name]),
        message.content.value,
        roomId,
      );
    }
  }

  for (const [call, event] of Object.entries({ broadcast: "tick", emit: "whisper" })) {
    test(`${call} is heard in the script's own hub only`, async () => {
      await inEach(call, async (own, others) => {
        await own.bob.next(event);
        for (const other of others) await other.bob.nothing(event);
      });
    });
  }

  test("send puts the message into the script's own hub only", async () => {
    await inEach("send", async (own, others) => {
      const isNote = ({ message }) => message.messageType === "note";
      await own.bob.next("hub:messageArrived", isNote);
      for (const other of others) assert.deepEqual((await other.bob.unread("hub:messageArrived")).filter(isNote), []);
    });
  });

  test("kick puts out of the script's own hub; members and memberCount count there", async () => {
    const left = { count: 1, members: 1 };
    await inEach("kick", async (own, others, value) => {
      assert.deepEqual(value, left);
      await own.bob.next("hub:kicked");
      for (const other of others) await other.bob.nothing("hub:kicked");
    });
  });

  test("send to a room nobody is in goes to the script's own hub, and refuses a room that does not exist", async () => {
    const [roomId, empty] = [server.room(), server.room()];
    const ann = await server.member("ann", roomId, { hub: "lobby" });
    await ann.ok("hub:send", { roomId, messageType: "run", content: { call: "send", with: empty } });
    const count = async (hub) => (await server.rest("GET", `/${hub}/rooms/${empty}/messages`, { user: "ann" })).body.messages.length;
    assert.deepEqual(await Promise.all(["arena", "chat", "lobby"].map(count)), [0, 0, 1]);
    await ann.refused("handler_failed", "hub:send", { roomId, messageType: "run", content: { call: "send", with: "no such room" } });
    assert.match(server.hubd.output, /room_not_found/);
  });

  test("a script outside hubs reaches a room that one hub uses, and is told when it cannot say which hub it means", async () => {
    const [roomId, empty] = [server.room(), server.room()];
    await server.member("ann", roomId, { hub: "lobby" });
    const outside = await server.connect("eve", { namespace: "/outside" });
    const call = (...args) => outside.socket.timeout(5000).emitWithAck(...args);
    assert.deepEqual(await call("memberCount", roomId), { value: 1 });
    await server.member("ann", roomId, { hub: "arena" });
    const { code, message } = await call("memberCount", roomId);
    assert.equal(code, "bad_request");
    assert.match(message, /arena and lobby/);
    assert.equal((await call("send", empty, "note", {})).code, "not_found");
  });
});

describe("helpers", () => {
  const server = serve(
    scripts({
      json: [
        'local t = json.decode(\'{"a":[],"o":{},"n":null,"i":9007199254740993,"d":0.5}\')',
        "return {text = json.encode(t.a), n = t.n == null, i = t.i, d = t.d, o = t.o}",
      ],
      misc: ["return {uuid = uuid(), now = time.now(), iso = time.iso(0), sha = crypto.sha256('abc'), md5 = crypto.md5('abc')}"],
      sandbox: ["return {load = pcall(load, 'return 1'), dofile = pcall(dofile, '/etc/passwd'), gc = pcall(setmetatable, {}, {__gc = print})}"],
      require: ["return pcall(require, '../../etc/passwd')"],
      tables: [
        "local found = {}",
        `for name, t in pairs({${TABLES.map((name) => `${name} = ${name}`)}}) do`,
        "  found[name] = json.array({})",
        "  for member in pairs(t) do table.insert(found[name], member) end",
        "end",
        "return found",
      ],
    }),
  );
  const run = runner(server);

  test("json keeps kinds and whole numbers", async () => {
    const { text, n, d, o } = await run("json");
    assert.deepEqual({ text, n, d, o }, { text: "[]", n: true, d: 0.5, o: {} });
  });

  test("uuid, time and crypto", async () => {
    const { uuid, now, iso, sha, md5 } = await run("misc");
    assert.match(uuid, /^[0-9a-f-]{36}$/);
    assert.ok(Math.abs(now - Date.now()) < 60000);
    assert.equal(iso, "1970-01-01T00:00:00.000Z");
    assert.equal(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert.equal(md5, "900150983cd24fb0d6963f7d28e17f72");
  });

  test("lint knows every function of the engine's tables, and no other", async () => {
    const found = await run("tables");
    assert.deepEqual(Object.keys(found).sort(), [...TABLES].sort());
    const uses = Object.entries(found).flatMap(([name, members]) => [...members, "noSuch"].map((member) => `${name}.${member}`));
    assert.ok(uses.length > 3 * TABLES.length, `${uses}`);
    for (const script of [{ lua: `return {${uses}}` }, `[${uses}].length > 0`]) {
      const dir = writeService(definition((def) => (def.hub.roomSettings.roomEligibility = script)));
      try {
        const { code, output } = await runToEnd(dir, { args: ["--check"] });
        assert.equal(code, 0, output);
        const complaints = [...output.matchAll(/warning\[L004\]: (\w+) has no '(\w+)'/g)].map(([, name, member]) => `${name}.${member}`);
        assert.deepEqual(complaints.sort(), TABLES.map((name) => `${name}.noSuch`).sort());
      } finally {
        removeService(dir);
      }
    }
  });

  test("nothing of the machine is in reach", async () => {
    assert.deepEqual(await run("sandbox"), { load: false, dofile: false, gc: false });
    assert.equal(await run("require"), false);
  });
});
