// Metadata of connections and rooms: what clients may set and see, what comes back, what many at once leave behind, and what stays.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve, serving, writeService } from "./harness.js";

const lua = (text) => ({ lua: text });
const values = { list: [], object: {}, big: 9007199254740991, small: -1.5e-7, real: 0.1, zero: 0, none: null, text: "ä\u0000€", nested: { a: [[], {}] } };

const connection = { clientWritable: ["nickname", "mood", "values"], visible: ["nickname", "role"], maxBytes: 2000 };
const commands = [
  { name: "server", script: lua("return connections.setMetadata(connection.id, payload.metadata, payload.strategy)") },
  { name: "mine", script: lua("return connection.metadata") },
  { name: "kind", script: lua("local m = connections.setMetadata(connection.id, {i = 9223372036854775807, f = 1.5, n = 3}) return {math.type(m.i), math.type(m.f), tostring(m.i)}") },
];

describe("metadata of connections", () => {
  const server = serve((def) => {
    def.hub.hubExtensions = { ...def.hub.hubExtensions, metadata: { connection }, commands, limits: { metadata: 20 } };
    def.service.namespaces = [{ path: "/plain", metadata: { connection }, commands, events: [{ name: "enter", script: lua("socket:join(...)") }] }, { path: "/bare" }];
  });

  for (const [where, options] of [["a hub", {}], ["a plain namespace", { namespace: "/plain" }]]) {
    test(`in ${where} are what clientWritable names, and come back as they went in`, async () => {
      const ann = await server.connect(`ann-${where.length}`, options);
      assert.deepEqual((await ann.ok("hub:getMetadata", {})).metadata, {});
      assert.deepEqual((await ann.ok("hub:setMetadata", { metadata: { values } })).metadata, { values });
      assert.deepEqual((await ann.ok("mine", {})).result, { values });
      assert.match((await ann.refused("not_allowed", "hub:setMetadata", { metadata: { role: "admin" } })).message, /metadata\.role/);
      await ann.ok("server", { metadata: { role: "admin", secret: 1 }, strategy: "merge" });
      assert.deepEqual((await ann.ok("hub:setMetadata", { metadata: { nickname: "Ann", mood: { a: 1, deep: { x: 1 } } } })).metadata, {
        role: "admin", secret: 1, nickname: "Ann", mood: { a: 1, deep: { x: 1 } },
      }, "a replacement takes out what clients may set, and nothing else");
      assert.deepEqual((await ann.ok("hub:setMetadata", { metadata: { mood: { deep: { y: 2 } } }, strategy: "deepMerge" })).metadata.mood, { a: 1, deep: { x: 1, y: 2 } });
      assert.deepEqual((await ann.ok("hub:setMetadata", { metadata: { mood: { b: 2 } }, strategy: "merge" })).metadata.mood, { b: 2 });
      assert.deepEqual((await ann.ok("kind", {})).result, ["integer", "float", "9223372036854775807"]);
    });

    test(`in ${where} are bounded in bytes, members, levels and changes`, async () => {
      const bob = await server.connect(`bob-${where.length}`, options);
      await bob.ok("hub:setMetadata", { metadata: { nickname: "b" } });
      assert.match((await bob.refused("too_large", "hub:setMetadata", { metadata: { nickname: "x".repeat(3000) } })).message, /metadata\.connection\.maxBytes is 2000/);
      let deep = 1;
      for (let i = 0; i < 40; i++) deep = [deep];
      assert.match((await bob.refused("too_large", "hub:setMetadata", { metadata: { mood: deep } })).message, /levels/);
      await bob.refused("bad_request", "hub:setMetadata", { metadata: { nickname: "c" }, strategy: "union" });
      await bob.refused("bad_request", "hub:setMetadata", { metadata: [] });
      assert.deepEqual((await bob.ok("hub:getMetadata", {})).metadata, { nickname: "b" }, "what is refused changes nothing");
      const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => bob.call("hub:setMetadata", { metadata: { mood: i } })));
      const limited = answers.find((a) => !a.ok);
      assert.equal(limited.error.code, "rate_limited");
      assert.ok(limited.error.retryAfterMs > 0);
    });
  }

  test("are seen by others in a room of their own only, and only what visible names", async () => {
    const [room, elsewhere] = [server.room(), server.room()];
    const cid = await server.member("cid", room);
    const dora = await server.member("dora", room);
    const eve = await server.member("eve", elsewhere);
    await cid.ok("server", { metadata: { role: "admin", secret: 1 } });
    await cid.ok("hub:setMetadata", { metadata: { nickname: "C", mood: 1 } });
    const id = cid.socket.id;
    assert.deepEqual((await dora.ok("hub:getMetadata", { connectionId: id })).metadata, { nickname: "C", role: "admin" });
    assert.deepEqual((await cid.ok("hub:getMetadata", { connectionId: id })).metadata, { role: "admin", secret: 1, nickname: "C", mood: 1 });
    await eve.refused("not_found", "hub:getMetadata", { connectionId: id });
    await dora.refused("not_found", "hub:getMetadata", { connectionId: "nobody" });
    await dora.ok("hub:leave", { roomId: room });
    await dora.refused("not_found", "hub:getMetadata", { connectionId: id });
  });

  test("in a plain namespace are seen by those who share a room of it", async () => {
    const [a, b] = [await server.connect("ann", { namespace: "/plain" }), await server.connect("bob", { namespace: "/plain" })];
    await a.ok("hub:setMetadata", { metadata: { nickname: "A", mood: 1 } });
    await a.socket.emitWithAck("enter", "x");
    await b.refused("not_found", "hub:getMetadata", { connectionId: a.socket.id });
    await b.socket.emitWithAck("enter", "x");
    assert.deepEqual((await b.ok("hub:getMetadata", { connectionId: a.socket.id })).metadata, { nickname: "A" });
  });

  test("are no events of a namespace that does not declare them", async () => {
    const bare = await server.connect("ann", { namespace: "/bare" });
    await bare.refused("unknown_event", "hub:setMetadata", { metadata: {} });
    const ann = await server.member("ann", server.room());
    await ann.refused("feature_disabled", "hub:roomMetadata", { roomId: "r" });
  });
});

for (const persist of [true, false]) {
  const roomHub = (def) => {
    def.hub.hubRoles = [{ name: "owner" }, { name: "guest" }];
    def.hub.roomSettings.authScripts = [
      { name: "owners", script: "user.userId.startsWith('o')", hubRole: "owner" },
      { name: "guests", script: "true", hubRole: "guest" },
    ];
    def.hub.guardrails = { ...def.hub.guardrails, messageRateLimit: 10000 };
    def.hub.hubExtensions = {
      metadata: { room: { canWrite: "hubRole == 'owner' || (key == 'topic' && value != 'forbidden')", persist, maxBytes: 20000 } },
      limits: { metadata: 10000 },
      commands: [
        { name: "read", script: lua("return rooms.metadata(payload)") },
        { name: "write", order: "none", script: lua("return rooms.setMetadata(payload.id, payload.metadata, payload.strategy)") },
      ],
    };
  };
  describe(`metadata of rooms, kept in the ${persist ? "store" : "cache"}`, () => {
    const server = serve(roomHub);

    test("are judged member by member, those that a replacement takes out included", async () => {
      const room = server.room();
      const owner = await server.member("otto", room);
      const guest = await server.member("gert", room);
      assert.deepEqual(await guest.ok("hub:roomMetadata", { roomId: room }), { ok: true, metadata: {}, version: 0 });
      assert.deepEqual(await guest.ok("hub:setRoomMetadata", { roomId: room, metadata: { topic: "t" } }), { ok: true, metadata: { topic: "t" }, version: 1 });
      assert.match((await guest.refused("not_allowed", "hub:setRoomMetadata", { roomId: room, metadata: { topic: "u", secret: 1 } })).message, /metadata\.secret/);
      await guest.refused("not_allowed", "hub:setRoomMetadata", { roomId: room, metadata: { topic: "forbidden" }, strategy: "merge" });
      await owner.ok("hub:setRoomMetadata", { roomId: room, metadata: { rules: values }, strategy: "merge" });
      await guest.refused("not_allowed", "hub:setRoomMetadata", { roomId: room, metadata: { topic: "u" } });
      assert.deepEqual((await guest.ok("hub:setRoomMetadata", { roomId: room, metadata: { topic: "u" }, strategy: "merge" })).metadata, { topic: "u", rules: values });
      assert.deepEqual(await owner.ok("hub:setRoomMetadata", { roomId: room, metadata: { a: 1 } }), { ok: true, metadata: { a: 1 }, version: 4 });
      assert.equal((await owner.ok("hub:setRoomMetadata", { roomId: room, metadata: { a: 1 } })).version, 4, "what changes nothing is no change");
      assert.match((await owner.refused("too_large", "hub:setRoomMetadata", { roomId: room, metadata: { a: "x".repeat(30000) } })).message, /metadata\.room\.maxBytes is 20000/);
      await owner.refused("not_in_room", "hub:setRoomMetadata", { roomId: server.room(), metadata: {} });
    });

    test("lose none of 300 merges at once, and are read again where nobody was", async () => {
      const room = server.room();
      const all = await Promise.all(Array.from({ length: 6 }, (_, i) => server.member(`o${i}`, room)));
      const merges = Array.from({ length: 240 }, (_, i) => all[i % 6].ok("hub:setRoomMetadata", { roomId: room, metadata: { [`k${i}`]: { at: i } }, strategy: "merge" }));
      const deep = Array.from({ length: 60 }, (_, i) => all[i % 6].ok("write", { id: room, metadata: { deep: { [`k${i}`]: i } }, strategy: "deepMerge" }));
      const versions = (await Promise.all(merges)).map((a) => a.version);
      await Promise.all(deep);
      assert.equal(new Set(versions).size, 240, "each merge has a version of its own");
      const { metadata, version } = await all[0].ok("hub:roomMetadata", { roomId: room });
      assert.equal(version, 300);
      assert.equal(Object.keys(metadata).length, 241);
      assert.equal(Object.keys(metadata.deep).length, 60);
      await all[0].refused("too_many", "hub:setRoomMetadata", { roomId: room, metadata: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`m${i}`, 1])), strategy: "merge" });
      server.closePeers();
      const late = await server.connect("olga");
      assert.deepEqual((await late.ok("read", room)).result, metadata, "nobody is in the room any more");
      assert.deepEqual((await late.ok("write", { id: room, metadata: { f: 1 } })).result, { f: 1 });
      await late.refused("handler_failed", "read", "no-such-room");
    });
  });
}

test("metadata of rooms in the store survive a restart", async () => {
  const change = (def) => {
    def.hub.hubExtensions = { metadata: { room: { canWrite: "true" } } };
  };
  await serving(change, async (server) => {
    const room = server.room();
    const ann = await server.member("ann", room);
    await ann.ok("hub:setRoomMetadata", { roomId: room, metadata: values });
    server.closePeers();
    await server.hubd.stop();
    await server.start();
    const again = await server.member("ann", room);
    assert.deepEqual(await again.ok("hub:roomMetadata", { roomId: room }), { ok: true, metadata: values, version: 1 });
  });
});

test("a reload with other bounds and another place holds for rooms in use, and others keep theirs", async () => {
  const room = (more) => ({ metadata: { room: { canWrite: "true", ...more } } });
  await serving((def) => { def.hub.hubExtensions = room({ maxBytes: 100 }); }, async (server) => {
    const id = server.room();
    const ann = await server.member("ann", id);
    const set = { roomId: id, metadata: { a: "x".repeat(80) } };
    await ann.ok("hub:setRoomMetadata", set);
    const reload = async (extensions) => {
      server.def.hub.hubExtensions = extensions;
      writeService(server.def, server.dir);
      const from = server.hubd.output.length;
      server.hubd.signal("SIGHUP");
      await server.hubd.printed(/definitions reloaded/, from);
    };
    await reload(room({ maxBytes: 50 }));
    assert.deepEqual((await ann.ok("hub:roomMetadata", { roomId: id })).metadata, set.metadata);
    assert.match((await ann.refused("too_large", "hub:setRoomMetadata", { ...set, metadata: { b: "y".repeat(60) } })).message, /is 50/);
    await reload(room({ persist: false }));
    assert.deepEqual(await ann.ok("hub:roomMetadata", { roomId: id }), { ok: true, metadata: {}, version: 0 });
    assert.equal((await ann.ok("hub:setRoomMetadata", { roomId: id, metadata: { c: 1 } })).version, 1);
    await reload({});
    await ann.refused("feature_disabled", "hub:roomMetadata", { roomId: id });
    await reload(room({}));
    assert.deepEqual((await ann.ok("hub:roomMetadata", { roomId: id })).metadata, set.metadata);
  });
});
