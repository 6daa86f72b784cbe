// What one connection sends takes effect in its order: what follows a hub:join that is being decided waits for it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve, waitingRoom } from "./harness.js";

const busy = await waitingRoom(); // of who is called "busy"
const text = (roomId, body = "x") => ({ roomId, messageType: "text", content: { body } });

describe("what follows a join", () => {
  const server = serve((def) => {
    def.hub.roomSettings.authScripts = [
      { name: "slowly", script: { lua: `log.info('decides') if user.userId == 'busy' then ${busy.wait} else sleep(50) end return user.roleId ~= 'stranger'` }, hubRole: "member" },
    ];
    def.hub.guardrails.authCacheTTL = 0;
    def.hub.eventSettings = { customEvents: [{ name: "wave" }] };
    def.hub.guardrails.maxRoomsPerUser = 3;
  });

  test("takes effect after it: a leave", async () => {
    const roomId = server.room();
    const bob = await server.member("bob", roomId);
    for (let i = 0; i < 5; i++) {
      const ann = await server.connect("ann");
      const answers = await Promise.all([ann.call("hub:join", { roomId }), ann.call("hub:leave", { roomId })]);
      assert.deepEqual(
        answers.map(({ ok }) => ok),
        [true, true],
      );
      await ann.refused("not_in_room", "hub:send", text(roomId));
      const { members } = await bob.ok("hub:members", { roomId });
      assert.deepEqual(
        members.map(({ userId }) => userId),
        ["bob"],
      );
      ann.close();
    }
  });

  test("takes effect after it: sends, in their order, answered after it", async () => {
    const roomId = server.room();
    const ann = await server.connect("ann");
    const order = [];
    const note = (name) => (answer) => (order.push(name), answer);
    const all = [
      ann.ok("hub:join", { roomId }).then(note("join")),
      ...["1", "2", "3"].map((body) => ann.ok("hub:send", text(roomId, body)).then(note(body))),
      ann.ok("hub:members", { roomId }).then(note("members")),
    ];
    const [, one, two, three] = await Promise.all(all);
    assert.deepEqual(order[0], "join");
    assert.deepEqual(
      [one, two, three].map(({ message }) => message.seq),
      [1, 2, 3],
    );
    assert.deepEqual(
      ann.log.filter(([name]) => ["hub:joined", "hub:messageArrived"].includes(name)).map(([name]) => name),
      ["hub:joined", ...Array(3).fill("hub:messageArrived")],
    );
  });

  // A payload is up to eighty times as large as a tree: what nobody reads of it took the place of what waits.
  test("waits without what is of no use in it, and is answered as if it were there", async () => {
    const roomId = server.room();
    const ann = await server.connect("ann");
    const junk = Array.from({ length: 30000 }, () => []);
    const long = "x".repeat(100000);
    const joined = ann.ok("hub:join", { roomId });
    const sent = Array.from({ length: 10 }, (_, i) => ann.ok("hub:send", { ...text(roomId, `${i}`), junk, forwarded: null }));
    const kept = ann.ok("hub:send", text(roomId, "x".repeat(60000)));
    const refused = [
      ["too_large", "content: 100011 bytes of JSON, at most 65536 are allowed", { content: { body: long } }],
      ["invalid_content", "content: expected an object", { content: junk }],
      ["invalid_content", "content: expected an object", { content: long }],
      ["unknown_type", undefined, { messageType: long }],
      ["bad_request", undefined, { clientMessageId: long }],
      ["bad_request", undefined, { clientMessageId: junk }],
      ["bad_request", 'unknown key "contnt"; did you mean "content"?', { content: undefined, contnt: long }],
    ].map(async ([code, message, changes]) => {
      const { error } = await ann.call("hub:send", { ...text(roomId), ...changes });
      assert.deepEqual([error.code, message ?? error.message], [code, error.message]);
      if (message) assert.equal(error.message, message);
    });
    await Promise.all([joined, ...sent, ...refused]);
    const answers = await Promise.all(sent);
    assert.deepEqual(
      answers.map(({ message }) => message.content.body),
      answers.map((_, i) => `${i}`),
    );
    assert.equal((await kept).message.content.body.length, 60000);
    const { error } = await ann.call("hub:event", { roomId, event: "wave", data: junk });
    assert.deepEqual([error.code, error.message], ["too_large", "data: 90001 bytes of JSON, at most 65536 are allowed"]);
    const data = { filler: "y".repeat(60000) };
    await ann.ok("hub:event", { roomId, event: "wave", data });
    assert.deepEqual((await ann.next("wave")).data, data);
    const { message } = await kept;
    const body = "z".repeat(50000);
    const edited = await ann.ok("hub:edit", { roomId, messageId: message.id, content: { body } });
    assert.equal(edited.message.content.body, body);
  });

  test("is another join, decided when that one is in", async () => {
    const rooms = Array.from({ length: 5 }, () => server.room());
    const ann = await server.connect("ann");
    const answers = await Promise.all(rooms.map((roomId) => ann.call("hub:join", { roomId })));
    assert.deepEqual(
      answers.map(({ ok, error }) => (ok ? "in" : error.code)),
      ["in", "in", "in", "too_many_rooms", "too_many_rooms"],
    );
  });

  test("is refused after a join that is refused", async () => {
    const roomId = server.room();
    const eve = await server.connect("eve", { role: "stranger" });
    const [join, send, nonsense] = await Promise.all([
      eve.call("hub:join", { roomId }),
      eve.call("hub:send", text(roomId)),
      eve.call("hub:nonsense", {}),
    ]);
    assert.equal(join.error.code, "not_authorized");
    assert.equal(send.error.code, "not_in_room");
    assert.equal(nonsense.error.code, "unknown_event");
  });

  test("waits within bounds, and holds up nobody else", async () => {
    const roomId = server.room();
    const bob = await server.member("bob", roomId);
    const ann = await server.connect("busy");
    const join = ann.ok("hub:join", { roomId });
    const sends = Array.from({ length: 300 }, (_, i) => ann.call("hub:send", text(roomId, `${i}`)));
    await busy.holds(1);
    await bob.say(roomId, "meanwhile");
    await sends.at(-1); // it found no place
    busy.open();
    await join;
    const answers = await Promise.all(sends);
    assert.ok(answers.slice(0, 256).every(({ ok }) => ok));
    const codes = new Set(answers.slice(256).map(({ error }) => error?.code));
    assert.ok(codes.has("overloaded"), `${[...codes]}`);
    await ann.say(roomId, "and goes on");
  });

  test("is forgotten when the connection closes", async () => {
    const roomId = server.room();
    const bob = await server.member("bob", roomId);
    const ann = await server.connect("ann");
    const from = server.hubd.output.length;
    ann.emit("hub:join", { roomId });
    for (let i = 0; i < 10; i++) ann.emit("hub:send", text(roomId, "too late"));
    await server.hubd.printed(/decides/, from);
    ann.close();
    const carl = await server.member("carl", roomId);
    await carl.say(roomId, "after");
    await bob.next("hub:messageArrived", ({ message }) => message.content.body === "after");
    assert.ok(!bob.log.some(([, { message } = {}]) => message?.content.body === "too late"));
  });
});
