// messageHandlers: everything a handler can return, what it sees, how it fails, and that a room's handlers run one after the other.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

/** The handler returns what the sender wrote into content.answer: each test says there what it wants to see. */
const acting = (def) => {
  def.hub.messageSettings.messageTypes = ["text", "system"];
  def.hub.messageSettings.customMessageTypes = [
    { name: "act" },
    { name: "see" },
    { name: "fail" },
    { name: "spin" },
    { name: "count" },
    { name: "expr", fields: [{ name: "n", fieldType: "Integer", required: true }] },
    { name: "announce", fields: [{ name: "line", fieldType: "String" }] },
  ];
  def.hub.eventSettings = { customEvents: [{ name: "tick", direction: "serverToRoom" }] };
  def.hub.hubLogic = {
    messageHandlers: [
      { messageType: "act", script: { lua: "return message.content.answer" } },
      {
        messageType: "see",
        script: {
          lua: [
            "return {accept = true, modifiedContent = {type = message.type, content = message.content, userId = session.userId,",
            "  roleId = session.roleId, roomId = roomId, title = room.title, lib = lib.util.name()}}",
          ].join("\n"),
        },
      },
      { messageType: "fail", script: { lua: "error('broken on purpose')" } },
      { messageType: "spin", script: { lua: "while true do end" } },
      {
        messageType: "count",
        script: {
          lua: [
            "local stored = redis.get('count:' .. roomId)",
            "local before = stored ~= nil and stored ~= null and tonumber(stored) or 0",
            "sleep(2)",
            "redis.set('count:' .. roomId, before + 1)",
            "return {accept = true, modifiedContent = {n = math.tointeger(before + 1)}}",
          ].join("\n"),
        },
      },
      {
        messageType: "expr",
        script: "message.content.n > 10 ? ({ accept: false, rejectReason: `too much: $${message.content.n}` }) : ({ accept: true })",
      },
    ],
  };
  def.files = { "lib/util.lua": "return {name = function() return 'util' end}\n" };
};

describe("message handlers", () => {
  const server = serve(acting);

  async function pair() {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const act = (answer, more = {}) => ann.call("hub:send", { roomId, messageType: "act", content: { answer, ...more } });
    return { roomId, ann, bob, act };
  }

  test("accept alone is the standard flow", async () => {
    const { ann, bob, act } = await pair();
    const { ok, message } = await act({ accept: true });
    assert.equal(ok, true);
    assert.equal(message.seq, 1);
    for (const peer of [ann, bob]) assert.equal((await peer.next("hub:messageArrived")).message.id, message.id);
  });

  test("accept false is rejected with the reason, and leaves no trace", async () => {
    const { roomId, ann, bob, act } = await pair();
    const { ok, error } = await act({ accept: false, rejectReason: "not your turn" });
    assert.equal(ok, false);
    assert.equal(error.code, "rejected");
    assert.equal(error.message, "not your turn");
    await bob.nothing("hub:messageArrived");
    assert.equal((await ann.say(roomId, "next")).seq, 1);
  });

  test("accept false without a reason has one anyway", async () => {
    const { act } = await pair();
    const { error } = await act({ accept: false });
    assert.equal(error.code, "rejected");
    assert.notEqual(error.message, "");
  });

  test("modifiedContent replaces the content, everywhere", async () => {
    const { roomId, ann, bob, act } = await pair();
    const { message } = await act({ accept: true, modifiedContent: { changed: true, list: [] } });
    assert.deepEqual(message.content, { changed: true, list: [] });
    assert.deepEqual((await bob.next("hub:messageArrived")).message.content, { changed: true, list: [] });
    assert.deepEqual((await ann.ok("hub:history", { roomId })).messages[0].content, { changed: true, list: [] });
  });

  test("broadcast false keeps it from the room, but it is there", async () => {
    const { roomId, ann, bob, act } = await pair();
    const { ok, message } = await act({ accept: true, broadcast: false });
    assert.equal(ok, true);
    await ann.nothing("hub:messageArrived");
    await bob.nothing("hub:messageArrived");
    assert.deepEqual(
      (await bob.ok("hub:history", { roomId })).messages.map(({ id }) => id),
      [message.id],
    );
  });

  for (const [to, annHears, bobHears] of [
    ["all", true, true],
    ["others", false, true],
    ["sender", true, false],
    [["bob"], true, true], // a sender is always in the audience of his own message
    [["ann", "nobody"], true, false],
    [[], true, false],
  ]) {
    test(`broadcastTo ${JSON.stringify(to)}`, async () => {
      const { ann, bob, act } = await pair();
      const { message } = await act({ accept: true, broadcastTo: to });
      for (const [peer, hears] of [
        [ann, annHears],
        [bob, bobHears],
      ]) {
        if (hears) assert.equal((await peer.next("hub:messageArrived")).message.id, message.id);
        else await peer.nothing("hub:messageArrived");
      }
    });
  }

  test("persist false is broadcast without a number and stored nowhere", async () => {
    const { roomId, ann, bob, act } = await pair();
    const { ok } = await act({ accept: true, persist: false });
    assert.equal(ok, true);
    const { message } = await bob.next("hub:messageArrived");
    assert.equal(message.seq ?? null, null);
    assert.equal((await ann.say(roomId, "first")).seq, 1);
    assert.equal((await ann.ok("hub:history", { roomId })).messages.length, 1);
  });

  // A repeat after a lost answer once made the handler act a second time: a bid twice, a move that was no longer legal.
  test("a repeat with the same clientMessageId is answered with the first message, and the handler does not see it", async () => {
    const { roomId, ann, bob } = await pair();
    const send = (content) => ann.ok("hub:send", { roomId, messageType: "count", clientMessageId: "c-1", content });
    const answers = await Promise.all([send({}), send({}), send({ other: true })]);
    answers.push(await send({}));
    for (const { message } of answers) assert.deepEqual(message, answers[0].message);
    assert.deepEqual(answers[0].message.content, { n: 1 });
    await bob.next("hub:messageArrived");
    await bob.nothing("hub:messageArrived");
    const { message } = await ann.ok("hub:send", { roomId, messageType: "count", clientMessageId: "c-2", content: {} });
    assert.deepEqual([message.content, message.seq], [{ n: 2 }, 2]);
    await bob.ok("hub:send", { roomId, messageType: "count", clientMessageId: "c-1", content: {} });
    const { body } = await server.rest("POST", `/chat/rooms/${roomId}/messages`, {
      user: "ann",
      body: { messageType: "count", clientMessageId: "c-1", content: {} },
    });
    assert.deepEqual(body.message, answers[0].message);
  });

  test("serverMessages follow the message, from nobody, with their own audience and persistence", async () => {
    const { roomId, ann, bob, act } = await pair();
    const serverMessages = [
      { type: "announce", content: { line: "to all" }, to: "all" },
      { type: "announce", content: { line: "to others" }, to: "others" },
      { type: "announce", content: { line: "to sender" }, to: "sender" },
      { type: "announce", content: { line: "to bob" }, to: ["bob"] },
      { type: "announce", content: { line: "fleeting" }, to: "all", persist: false },
      { type: "system", content: { systemAction: "moved", systemData: { by: "ann" } }, to: "all" },
    ];
    await act({ accept: true, serverMessages });
    const last = ({ message }) => message.messageType === "system";
    const lines = async (peer) => {
      await peer.until(
        () => peer.inbox.some(([name, payload]) => name === "hub:messageArrived" && last(payload)) || undefined,
        "the last server message",
      );
      return peer.inbox.filter(([name]) => name === "hub:messageArrived").map(([, payload]) => payload);
    };
    const [annHeard, bobHeard] = [await lines(ann), await lines(bob)];
    const text = ({ message }) => message.content.line ?? message.messageType;
    assert.deepEqual(annHeard.map(text), ["act", "to all", "to sender", "fleeting", "system"]);
    assert.deepEqual(bobHeard.map(text), ["act", "to all", "to others", "to bob", "fleeting", "system"]);
    for (const payload of bobHeard.slice(1)) {
      assert.equal(payload.message.senderId, null);
      assert.equal("sender" in payload, false);
    }
    const stored = (await ann.ok("hub:history", { roomId })).messages.map(({ content, messageType }) => content.line ?? messageType);
    assert.equal(stored.includes("fleeting"), false);
    assert.equal(stored.includes("to all"), true);
  });

  test("a rejection may still bring server messages", async () => {
    const { ann, bob, act } = await pair();
    const { ok } = await act({
      accept: false,
      rejectReason: "no",
      serverMessages: [{ type: "announce", content: { line: "ann tried" }, to: "others" }],
    });
    assert.equal(ok, false);
    assert.equal((await bob.next("hub:messageArrived")).message.content.line, "ann tried");
    await ann.nothing("hub:messageArrived");
  });

  test("the script sees type, content, session, roomId, room and lib", async () => {
    const { roomId, ann } = await pair();
    const { message } = await ann.ok("hub:send", { roomId, messageType: "see", content: { a: 1 } });
    const { title } = server.def.seed.conversation.find(({ id }) => id === roomId);
    const { roleId, ...seen } = message.content;
    assert.deepEqual(seen, { type: "see", content: { a: 1 }, userId: "ann", roomId, title, lib: "util" });
  });

  test("an expression serves as a handler", async () => {
    const { roomId, ann } = await pair();
    await ann.ok("hub:send", { roomId, messageType: "expr", content: { n: 10 } });
    const error = await ann.refused("rejected", "hub:send", { roomId, messageType: "expr", content: { n: 11 } });
    assert.equal(error.message, "too much: 11");
  });

  test("content is checked before the handler sees it", async () => {
    const { roomId, ann } = await pair();
    await ann.refused("invalid_content", "hub:send", { roomId, messageType: "expr", content: { n: "x" } });
  });

  test("a handler that fails is handler_failed, says nothing of its inside, and the room goes on", async () => {
    const { roomId, ann, bob } = await pair();
    const from = server.hubd.output.length;
    const error = await ann.refused("handler_failed", "hub:send", { roomId, messageType: "fail", content: {} });
    assert.doesNotMatch(error.message, /broken on purpose|stack traceback/);
    await server.hubd.printed(/broken on purpose/, from);
    await bob.nothing("hub:messageArrived");
    assert.equal((await ann.say(roomId, "next")).seq, 1);
  });

  test("a handler that never ends is script_timeout, and harms nobody", async () => {
    const { roomId, ann } = await pair();
    const eve = await server.member("eve", server.room());
    const spinning = ann.call("hub:send", { roomId, messageType: "spin", content: {} });
    await eve.settled();
    assert.equal((await spinning).error.code, "script_timeout");
    assert.equal((await ann.call("hub:send", { roomId, messageType: "act", content: { answer: { accept: true } } })).ok, true);
  });

  for (const answer of [null, 7, "yes", [], {}, { accept: "perhaps" }]) {
    test(`a handler that returns ${JSON.stringify(answer)} does not end the connection`, async () => {
      const { roomId, ann, act } = await pair();
      const verdict = await act(answer);
      if (!verdict.ok) assert.ok(["handler_failed", "rejected"].includes(verdict.error.code), verdict.error.code);
      await ann.say(roomId, "next");
    });
  }

  for (const [what, answer, named] of [
    ["its own key", { accept: true, broadcastsTo: ["bob"] }, /broadcastsTo.*broadcastTo/],
    ["another case", { accept: true, Persist: false }, /Persist.*persist/],
    ["a server message's key", { accept: true, serverMessages: [{ type: "text", content: { body: "x" }, To: "sender" }] }, /serverMessages\[0\].*To.*to/],
  ]) {
    test(`a misspelt key of the result is named, and nobody is shown what was to be narrowed: ${what}`, async () => {
      const { bob, act } = await pair();
      const { ok, error } = await act(answer);
      assert.equal(ok, false);
      assert.equal(error.code, "handler_failed");
      assert.match(error.message, named);
      await bob.nothing("hub:messageArrived");
    });
  }

  test("handlers of one room run one after the other, though they wait", async () => {
    const { roomId, ann, bob } = await pair();
    const all = await Promise.all(
      [ann, bob].flatMap((peer) => Array.from({ length: 20 }, () => peer.ok("hub:send", { roomId, messageType: "count", content: {} }))),
    );
    const numbers = all.map(({ message }) => message.content.n).sort((x, y) => x - y);
    assert.deepEqual(
      numbers,
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
  });

  test("a slow handler of one room does not hold up another room", async () => {
    const { roomId, ann } = await pair();
    const eve = await server.member("eve", server.room());
    const slow = Promise.all(Array.from({ length: 30 }, () => ann.ok("hub:send", { roomId, messageType: "count", content: {} })));
    let done = false;
    slow.then(() => (done = true));
    await eve.settled();
    assert.equal(done, false);
    await slow;
  });
});
