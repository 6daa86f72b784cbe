// Commands: found by name or by their own event, judged, run one after the other, answered once; the same in a hub and in a plain namespace.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

const lua = (text) => ({ lua: text });
const field = (name, fieldType, more) => ({ name, fieldType, ...more });

const parts = {
  middleware: [
    { name: "counted", before: lua("ctx.trail = {'outer'}"), after: lua("if type(ctx.result) == 'table' and ctx.result.trail then table.insert(ctx.result.trail, 'outer after') end") },
    { name: "guarded", before: lua("if type(payload) == 'table' and payload.forbidden then error{code = 'forbidden_word', message = 'not that', data = {word = payload.forbidden}} end") },
  ],
  commands: [
    { name: "rollDice", description: "Rolls a die", fields: [field("sides", "Integer", { required: true })], result: [field("value", "Integer", { required: true })], script: "({value: payload.sides})" },
    { name: "echo", script: lua("return payload") },
    { name: "whoAmI", script: lua("return {userId = session.userId, id = connection.id, address = connection.address, secure = connection.handshake.secure, name = name, kind = kind, room = roomId}") },
    { name: "trail", middleware: [{ name: "inner", before: lua("table.insert(ctx.trail, 'inner')"), after: lua("table.insert(ctx.result.trail, 'inner after')") }], script: lua("return {trail = ctx.trail}") },
    { name: "rewritten", middleware: [{ name: "double", before: lua("ctx.payload = {n = payload.n * 2}") }], script: "payload.n" },
    { name: "spoiled", fields: [field("n", "Integer", { defaultValue: 7 })], middleware: [{ name: "spoil", before: lua("ctx.payload = {n = payload.n ~= 1 and payload.n or nil, m = payload.n == 2 or nil}") }], script: "payload.n" },
    { name: "wrong", result: [field("value", "Integer", { required: true })], script: "({value: 'text'})" },
    { name: "broken", script: lua("error('in the log only')") },
    { name: "badCode", script: lua("error{code = 'Not a code', message = 'x'}") },
    { name: "slow", timeoutMs: 50, script: lua("sleep(60000)") },
    { name: "nap", script: lua("sleep(payload.ms) log.info('napped', {n = payload.n}) return payload.n") },
    { name: "free", order: "none", script: lua("sleep(payload.ms) return payload.n") },
    { name: "limited", rateLimit: 2, script: "1" },
  ],
};

describe("commands", () => {
  const server = serve((def) => {
    def.hub.hubRoles = [{ name: "member" }, { name: "dealer" }];
    def.hub.roomSettings.authScripts = [
      { name: "dealers", script: "user.userId == 'dan'", hubRole: "dealer" },
      { name: "everybody", script: "true", hubRole: "member" },
    ];
    def.hub.hubExtensions = {
      ...def.hub.hubExtensions,
      ...structuredClone(parts),
      commands: [
        ...structuredClone(parts.commands),
        { name: "deal", room: "required", roles: ["dealer"], order: "room", script: lua("return {room = room.title, role = hubRole, roomId = roomId}") },
        { name: "look", room: "optional", script: lua("return roomId") },
      ],
    };
    def.service.namespaces = [{ path: "/plain", ...structuredClone(parts), events: [{ name: "*", script: lua("return 'handler', event") }] }];
  });

  for (const [where, options] of [["a hub", {}], ["a plain namespace", { namespace: "/plain" }]]) {
    test(`of ${where} are answered by name and by their own event`, async () => {
      const ann = await server.connect("ann", options);
      assert.deepEqual(await ann.ok("hub:command", { command: "rollDice", payload: { sides: 6 } }), { ok: true, result: { value: 6 } });
      assert.deepEqual(await ann.ok("rollDice", { sides: 20 }), { ok: true, result: { value: 20 } });
      assert.deepEqual(await ann.ok("hub:command", { command: "echo" }), { ok: true, result: null });
      assert.deepEqual(await ann.ok("hub:command", { command: "echo", payload: [1, null, "x"] }), { ok: true, result: [1, null, "x"] });
      assert.deepEqual(await ann.ok("echo", { requestId: "r", a: 1 }), { ok: true, result: { a: 1 } });
      assert.deepEqual(await ann.ok("echo", "text"), { ok: true, result: "text" });
      const me = (await ann.ok("whoAmI", {})).result;
      assert.equal(me.userId, "ann");
      assert.equal(me.id, ann.socket.id);
      assert.match(me.address, /127\.0\.0\.1|::1/);
      assert.equal(me.secure, false);
      assert.deepEqual([me.name, me.kind], ["whoAmI", "command"]);
    });

    test(`of ${where} have middleware around them, from outside to inside and back`, async () => {
      const ann = await server.connect("ann", options);
      assert.deepEqual((await ann.ok("trail", {})).result.trail, ["outer", "inner", "inner after", "outer after"]);
      assert.equal((await ann.ok("rewritten", { n: 4 })).result, 8);
      assert.equal((await ann.ok("spoiled", { n: 1 })).result, 7, "defaults are filled in once more");
      assert.match((await ann.refused("invalid_content", "spoiled", { n: 2 })).message, /^payload\.m: /);
      const error = await ann.refused("forbidden_word", "echo", { forbidden: "x" });
      assert.deepEqual([error.message, error.data], ["not that", { word: "x" }]);
    });

    test(`of ${where} refuse what does not fit`, async () => {
      const ann = await server.connect("ann", options);
      assert.match((await ann.refused("unknown_command", "hub:command", { command: "rolDice" })).message, /did you mean "rollDice"/);
      await ann.refused("bad_request", "hub:command", {});
      assert.match((await ann.refused("invalid_content", "rollDice", { sides: "six" })).message, /sides/);
      await ann.refused("invalid_content", "hub:command", { command: "rollDice" });
      await ann.refused("handler_failed", "wrong", {});
      const broken = await ann.refused("handler_failed", "broken", {});
      assert.equal(/in the log only/.test(JSON.stringify(broken)), false);
      await ann.refused("handler_failed", "badCode", {});
      await ann.refused("script_timeout", "slow", {});
      await ann.refused("bad_request", "hub:command", { command: "echo", roomId: "r1" });
    });

    test(`of ${where} go one after the other for each connection, or do not wait`, async () => {
      const [ann, bob] = [await server.connect("ann", options), await server.connect("bob", options)];
      const order = [];
      const note = async (name, promise) => order.push([name, (await promise).result]);
      await Promise.all([
        note("ann", ann.ok("nap", { ms: 150, n: 1 })),
        note("ann", ann.ok("nap", { ms: 1, n: 2 })),
        note("free", ann.ok("free", { ms: 1, n: 3 })),
        note("bob", bob.ok("nap", { ms: 1, n: 4 })),
      ]);
      assert.deepEqual(order.filter(([who]) => who === "ann"), [["ann", 1], ["ann", 2]]);
      assert.deepEqual(order.slice(-2), [["ann", 1], ["ann", 2]]);
    });

    test(`of ${where} answer a repeat of a request without running again`, async () => {
      const [ann, bob] = [await server.connect("ann", options), await server.connect("bob", options)];
      const from = server.hubd.output.length;
      const ask = (who) => who.ok("nap", { ms: 30, n: 7, requestId: `once ${where}` });
      const answers = await Promise.all([ask(ann), ask(ann)]);
      answers.push(await ask(await server.connect("ann", options)), await ask(bob));
      assert.ok(answers.every(({ result }) => result === 7));
      assert.equal(server.hubd.output.slice(from).match(/napped/g).length, 2, "ann's once, and bob's");
    });

    test(`of ${where} have limits of their own`, async () => {
      const cid = await server.connect(`cid of ${where}`, options);
      await cid.ok("limited", {});
      await cid.ok("limited", {});
      const error = await cid.refused("rate_limited", "limited", {});
      assert.ok(error.retryAfterMs > 0);
      await cid.ok("echo", {});
    });
  }

  test("are about a room, and for roles, where they say so", async () => {
    const [ann, dan] = [await server.connect("ann"), await server.connect("dan")];
    await dan.refused("not_in_room", "deal", { roomId: "r1" });
    for (const who of [ann, dan]) await who.ok("hub:join", { roomId: "r1" });
    assert.deepEqual((await dan.ok("deal", { roomId: "r1" })).result, { room: "Room 1", role: "dealer", roomId: "r1" });
    await ann.refused("not_allowed", "deal", { roomId: "r1" });
    await ann.refused("bad_request", "deal", {});
    assert.equal((await ann.ok("look", { roomId: "r1" })).result, "r1");
    assert.equal((await ann.ok("look", {})).result, null);
    await ann.refused("not_in_room", "look", { roomId: "r2" });
  });

  test("are described, and other events of a namespace go to its handlers", async () => {
    const ann = await server.connect("ann", { namespace: "/plain" });
    assert.deepEqual(await ann.socket.timeout(5000).emitWithAck("hub:send", { roomId: "r1" }), "handler");
    const response = await fetch(`${server.url}/chat`, { headers: { authorization: "Bearer dev:ann" } });
    const { hub } = await response.json();
    assert.deepEqual(hub.commands[0], {
      name: "rollDice",
      description: "Rolls a die",
      room: "none",
      roles: [],
      fields: [{ name: "sides", type: "Integer", required: true, description: "" }],
      result: [{ name: "value", type: "Integer", required: true, description: "" }],
    });
  });

  test("of a connection that closes are dropped, but for the one that runs", async () => {
    const ann = await server.connect("ann");
    const from = server.hubd.output.length;
    for (const n of [1, 2, 3]) ann.socket.emit("nap", { ms: 100, n: `last ${n}` });
    await ann.ok("free", { ms: 1, n: 0 });
    ann.close();
    await server.hubd.printed(/napped[^\n]*last 1/, from);
    const bob = await server.connect("bob");
    await bob.ok("nap", { ms: 150, n: "bob" });
    assert.equal(/last 2/.test(server.hubd.output.slice(from)), false);
  });
});

describe("a hub without commands", () => {
  const server = serve();
  test("says so", async () => {
    const ann = await server.connect("ann");
    await ann.refused("feature_disabled", "hub:command", { command: "rollDice" });
    await ann.refused("unknown_event", "rollDice", {});
  });
});
