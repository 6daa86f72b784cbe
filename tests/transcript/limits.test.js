// hubExtensions.limits: what one user may do a minute beside sending, what one message may have, and what repeats is told once.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve, serving } from "./harness.js";

function everything(def) {
  def.hub.eventSettings = {
    enableTypingIndicator: true,
    enableRecordingIndicator: true,
    enableReadReceipts: true,
    enableDeliveryReceipts: true,
    enablePresence: true,
    customEvents: [{ name: "wave" }, { name: "note", ephemeral: false }],
  };
  def.hub.messageSettings.enableReaction = true;
}

const limited = (limits) => (def) => {
  everything(def);
  def.hub.hubExtensions.limits = { ...def.hub.hubExtensions.limits, ...limits };
};

/** The refusal of a request over LIMIT. */
function assertLimited(error, limit) {
  assert.match(error.message, new RegExp(`limits\\.${limit}\\b`));
  assert.ok(error.retryAfterMs > 0 && error.retryAfterMs <= 60000, `${error.retryAfterMs}`);
}

describe("limits of one user", () => {
  const server = serve(limited({ events: 3, keptEvents: 3, reactions: 3, receipts: 3, joins: 3, reads: 3 }));

  for (const [limit, event, payload] of [
    ["events", "hub:event", ({ roomId }, i) => ({ roomId, event: "wave", data: { i } })],
    ["events", "wave", ({ roomId }, i) => ({ roomId, data: { i } })],
    ["events", "hub:event", ({ roomId }, i) => ({ roomId, event: i % 2 ? "away" : "online" })],
    ["events", "hub:event", ({ roomId }, i) => ({ roomId, event: i % 2 ? "stopTyping" : "typing" })],
    ["keptEvents", "hub:event", ({ roomId }, i) => ({ roomId, event: "note", data: { i } })],
    ["reactions", "hub:react", ({ roomId, message }, i) => ({ roomId, messageId: message.id, emoji: "👍", remove: i % 2 === 1 })],
    ["receipts", "hub:event", ({ roomId, message }) => ({ roomId, event: "messageRead", data: { messageId: message.id } })],
    ["receipts", "messageDelivered", ({ roomId, message }) => ({ roomId, messageId: message.id })],
    ["joins", "hub:join", ({ roomId }) => ({ roomId })],
    ["reads", "hub:history", ({ roomId }) => ({ roomId, limit: 1 })],
    ["reads", "hub:members", ({ roomId }) => ({ roomId })],
  ]) {
    test(`${event} ${JSON.stringify(payload({ roomId: "r", message: { id: "m" } }, 0))}: limits.${limit} and no more, and nothing else is counted`, async () => {
      const roomId = server.room();
      const user = `u${roomId}`;
      const peer = await server.member(user, roomId); // its join counts as one
      const message = await peer.say(roomId, "hello");
      for (let i = limit === "joins" ? 1 : 0; i < 3; i++) await peer.ok(event, payload({ roomId, message }, i));
      assertLimited(await peer.refused("rate_limited", event, payload({ roomId, message }, 3)), limit);
      await peer.say(roomId, "a message is no event");
      if (limit !== "reads") await peer.ok("hub:history", { roomId });
      const other = await server.member(`other of ${roomId}`, roomId);
      if (limit !== "joins") await other.ok(event, payload({ roomId, message }, 0));
    });
  }

  test("all connections of a user and REST count together", async () => {
    const roomId = server.room();
    const user = "together";
    const [desk, phone] = [await server.member(user, roomId), await server.member(user, roomId)];
    await desk.ok("hub:history", { roomId });
    await phone.ok("hub:history", { roomId });
    assert.equal((await server.rest("GET", `/chat/rooms/${roomId}/messages`, { user })).status, 200);
    const { status, headers, body } = await server.rest("GET", `/chat/rooms/${roomId}/members`, { user });
    assert.equal(status, 429);
    assert.equal(body.errCode, "rate_limited");
    assert.ok(Number(headers.get("retry-after")) > 0);
    assertLimited(await phone.refused("rate_limited", "hub:history", { roomId }), "reads");
    assert.match((await server.rest("GET", "/metrics")).text, /hubd_limited_total\{limit="limits.reads"\} [1-9]/);
  });

  test("what cannot be is not counted", async () => {
    const roomId = server.room();
    const ann = await server.member("careless", roomId);
    const message = await ann.say(roomId, "hello");
    for (let i = 0; i < 5; i++) await ann.refused("bad_request", "hub:react", { roomId, messageId: message.id, emoji: "no emoji" });
    for (let i = 0; i < 5; i++) await ann.refused("invalid_content", "hub:event", { roomId, event: "note", data: "\0" });
    await ann.ok("hub:react", { roomId, messageId: message.id, emoji: "👍" });
    await ann.ok("hub:event", { roomId, event: "note" });
  });
});

test("limits hold with their defaults where none is written", async () => {
  await serving(
    (def) => {
      everything(def);
      delete def.hub.hubExtensions;
    },
    async (server) => {
      const ann = await server.member("ann", "r1");
      const notes = await Promise.all(Array.from({ length: 61 }, (_, i) => ann.call("hub:event", { roomId: "r1", event: "note", data: i })));
      assert.deepEqual(
        notes.map(({ ok }) => ok),
        Array.from({ length: 61 }, (_, i) => i < 60),
      );
      const joins = [];
      for (let i = 0; i < 120; i++) joins.push((await ann.call("hub:join", { roomId: "r1" })).ok);
      assert.equal(joins.filter(Boolean).length, 119);
    },
  );
});

describe("what repeats", () => {
  const server = serve(limited({ events: 4 }));

  test("a typing that goes on is told once and counted once; late joiners find it in hub:members", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    for (let i = 0; i < 10; i++) await bob.ok("hub:event", { roomId, event: "typing" });
    for (let i = 0; i < 10; i++) await bob.ok("hub:event", { roomId, event: "recording" });
    assert.equal((await ann.unread("hub:typing")).length, 1);
    assert.equal((await ann.unread("hub:recording")).length, 1);
    const eve = await server.member("eve", roomId);
    const { members } = await eve.ok("hub:members", { roomId });
    const { typing, recording } = members.find(({ userId }) => userId === "bob");
    assert.deepEqual({ typing, recording }, { typing: true, recording: true });
    await bob.ok("hub:event", { roomId, event: "stopTyping" });
    await ann.next("hub:stopTyping");
    await bob.ok("hub:event", { roomId, event: "typing" });
    assert.equal((await ann.unread("hub:typing")).length, 2);
    await bob.refused("rate_limited", "hub:event", { roomId, event: "online" });
  });

  test("a presence that does not change and a receipt that does not move are told once", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("carl", roomId)];
    const { id: messageId, seq } = await ann.say(roomId, "hello");
    await bob.ok("hub:event", { roomId, event: "away" });
    await bob.ok("hub:event", { roomId, event: "away" });
    for (let i = 0; i < 3; i++) await bob.ok("messageRead", { roomId, messageId });
    for (let i = 0; i < 3; i++) await bob.ok("messageDelivered", { roomId, seq });
    assert.equal((await ann.unread("hub:away")).length, 1);
    assert.equal((await ann.unread("hub:messageRead")).length, 1);
    assert.equal((await ann.unread("hub:messageDelivered")).length, 1);
  });
});

describe("reactions", () => {
  const server = serve(limited({ reactionsPerMessage: 110 }));
  const emojis = Array.from({ length: 111 }, (_, i) => String.fromCodePoint(0x1f400 + i));

  test("tell who did what, what there is of each, and the list only while it is short", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    const { id: messageId, seq } = await ann.say(roomId, "hello");
    await ann.ok("hub:react", { roomId, messageId, emoji: "👍" });
    await bob.ok("hub:react", { roomId, messageId, emoji: "👍" });
    await bob.ok("hub:react", { roomId, messageId, emoji: "like" });
    const told = [await ann.next("hub:reaction"), await ann.next("hub:reaction"), await ann.next("hub:reaction")];
    const list = told.map(({ reaction }) => reaction.length);
    assert.deepEqual(list, [1, 2, 3]);
    assert.deepEqual({ ...told[2], reaction: 0 }, {
      roomId,
      messageId,
      emoji: "like",
      userId: "bob",
      removed: false,
      counts: { "👍": 2, like: 1 },
      seq: seq + 3,
      reaction: 0,
    });
    await ann.ok("hub:react", { roomId, messageId, emoji: "👍", remove: true });
    const { userId, removed, counts } = await ann.next("hub:reaction");
    assert.deepEqual({ userId, removed, counts }, { userId: "ann", removed: true, counts: { "👍": 1, like: 1 } });
  });

  test("of one message are bounded: too_many names the limit, and a long list is not told each time", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { id: messageId } = await ann.say(roomId, "hello");
    for (const emoji of emojis.slice(0, 110)) await ann.ok("hub:react", { roomId, messageId, emoji });
    const error = await ann.refused("too_many", "hub:react", { roomId, messageId, emoji: emojis[110] });
    assert.match(error.message, /limits\.reactionsPerMessage/);
    const { status, body } = await server.rest("PUT", `/chat/rooms/${roomId}/messages/${messageId}/reactions/like`, { user: "ann" });
    assert.deepEqual([status, body.errCode], [403, "too_many"]);
    const told = await ann.unread("hub:reaction");
    assert.deepEqual(
      told.map(({ reaction }) => reaction?.length),
      Array.from({ length: 110 }, (_, i) => (i < 100 ? i + 1 : undefined)),
    );
    assert.equal(Object.keys(told.at(-1).counts).length, 110);
    const { reaction } = await ann.ok("hub:react", { roomId, messageId, emoji: emojis[0], remove: true });
    assert.equal(reaction.length, 109);
  });

  test("with and without U+FE0F are one, as it was written first", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    const { id: messageId } = await ann.say(roomId, "hello");
    await ann.ok("hub:react", { roomId, messageId, emoji: "👍" });
    await ann.ok("hub:react", { roomId, messageId, emoji: "👍\ufe0f" });
    const { reaction } = await bob.ok("hub:react", { roomId, messageId, emoji: "👍\ufe0f" });
    assert.deepEqual(
      reaction.map(({ emoji, userId }) => [emoji, userId]),
      [
        ["👍", "ann"],
        ["👍", "bob"],
      ],
    );
    const removed = await ann.ok("hub:react", { roomId, messageId, emoji: "👍\ufe0f", remove: true });
    assert.equal(removed.reaction.length, 1);
    assert.deepEqual((await ann.unread("hub:reaction")).at(-1).counts, { "👍": 1 });
  });

  for (const emoji of ["", " ", "Like", "👍👍", "<b>", "hello world", "e\u0301", "\u200d"]) {
    test(`${JSON.stringify(emoji)} is none`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      const { id: messageId } = await ann.say(roomId, "hello");
      await ann.refused("bad_request", "hub:react", { roomId, messageId, emoji });
    });
  }
});

describe("sends that come to nothing", () => {
  const server = serve((def) => {
    def.hub.guardrails.messageRateLimit = 5;
    def.hub.messageSettings.customMessageTypes = [{ name: "move", fields: [{ name: "to", fieldType: "String", required: true }] }];
    def.hub.hubLogic = { messageHandlers: [{ messageType: "move", script: { lua: "return {accept = message.content.to ~= 'nowhere'}" } }] };
  });

  test("refused for their content or rejected by a handler do not use up the rate", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const move = (content) => ["hub:send", { roomId, messageType: "move", content }];
    for (let i = 0; i < 20; i++) await ann.refused("invalid_content", ...move({}));
    for (let i = 0; i < 20; i++) await ann.refused("rejected", ...move({ to: "nowhere" }));
    for (let i = 0; i < 5; i++) await ann.ok(...move({ to: "here" }));
    await ann.refused("rate_limited", ...move({ to: "here" }));
    await ann.refused("rate_limited", ...move({}));
  });

  test("an edit counts, whatever becomes of it: the message had to be read", async () => {
    const roomId = server.room();
    const bob = await server.member("bob", roomId);
    const { id: messageId } = await bob.say(roomId, "hello");
    for (let i = 0; i < 4; i++) await bob.refused("invalid_content", "hub:edit", { roomId, messageId, content: { body: 5 } });
    await bob.refused("rate_limited", "hub:edit", { roomId, messageId, content: { body: "x" } });
  });
});
