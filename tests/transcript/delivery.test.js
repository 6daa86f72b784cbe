// delivery: broadcastThenPersist. Messages come first without a number, then their numbers in order; whoever joins in between misses nothing and gets nothing twice.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { embeddedOnly, runSql, serve, serving } from "./harness.js";

const OF_MESSAGES = /^hub:message(Arrived|Stored|Failed)$/;
const ofMessages = (peer) => peer.log.filter(([name]) => OF_MESSAGES.test(name));

function early(def) {
  def.hub.messageSettings.messageTypes = ["text", "image"];
  def.hub.messageSettings.customMessageTypes = [{ name: "stroke" }, { name: "judged" }];
  def.hub.messageSettings.enableReplyTo = true;
  def.hub.hubLogic = { messageHandlers: [{ messageType: "judged", script: { lua: "return {accept = true}" } }] };
  def.hub.guardrails = { ...def.hub.guardrails, messageRateLimit: 100000 };
  def.hub.hubExtensions = { ...def.hub.hubExtensions, delivery: "broadcastThenPersist" };
}

/** What a client knows at the end: by number, each exactly once. Fails on a gap, a repeat or a number without its message. */
function settled(peer, from) {
  const bySeq = new Map();
  const provisional = new Map();
  let last = from;
  for (const [name, payload] of ofMessages(peer)) {
    if (name === "hub:messageArrived" && payload.provisional) {
      assert.deepEqual([payload.message.seq, payload.message.changeSeq, payload.message.provisional], [null, null, true]);
      assert.ok(!provisional.has(payload.message.id), "told twice");
      provisional.set(payload.message.id, payload.message);
      continue;
    }
    const seq = name === "hub:messageArrived" ? payload.message.seq : payload.seq;
    const message = name === "hub:messageArrived" ? payload.message : provisional.get(payload.messageId);
    assert.equal(seq, ++last, "numbers come in order and without gaps");
    assert.ok(message, `number ${seq} is of a message that this member knows`);
    bySeq.set(seq, message.content.body);
  }
  return bySeq;
}

describe("messages told before they are stored", () => {
  const server = serve(early);

  test("come without a number and get it when they are stored, and then are what history has", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    const { message } = await ann.ok("hub:send", { roomId, messageType: "text", content: { body: "hello" } });
    assert.deepEqual([message.seq, message.provisional], [1, undefined]);
    const { message: first, provisional, sender } = await bob.next("hub:messageArrived");
    assert.deepEqual([first.id, first.seq, first.provisional, provisional, sender.id], [message.id, null, true, true, "ann"]);
    assert.deepEqual(await bob.next("hub:messageStored"), { roomId, messageId: message.id, seq: 1 });
    assert.equal(ofMessages(bob).length, 2);
    assert.deepEqual((await bob.ok("hub:history", { roomId })).messages, [message]);
  });

  test("are plain ones: other types, and those with a handler, are stored first", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    await ann.ok("hub:send", { roomId, messageType: "stroke", content: { x: 1 } });
    await bob.next("hub:messageStored");
    for (const [messageType, content] of [["image", { mediaUrl: "https://example.com/a.png" }], ["judged", { body: "x" }]]) {
      const { message } = await ann.ok("hub:send", { roomId, messageType, content });
      const arrived = await bob.until(() => bob.log.find(([name, { message: m }]) => name === "hub:messageArrived" && m.id === message.id), messageType);
      assert.deepEqual([arrived[1].message.seq, arrived[1].provisional], [message.seq, undefined]);
    }
    assert.equal(bob.log.filter(([name]) => name === "hub:messageStored").length, 1);
  });

  test("keep their order while many send, and members who join meanwhile have all of them once", async () => {
    const roomId = server.room();
    const senders = await Promise.all(["ann", "bob", "eve"].map((user) => server.member(user, roomId)));
    const late = [];
    const sends = senders.flatMap((peer, i) => Array.from({ length: 120 }, (_, n) => peer.ok("hub:send", { roomId, messageType: n % 10 ? "text" : "judged", content: { body: `${i}:${n}` } })));
    for (let i = 0; i < 12; i++) late.push(await server.member(`late${i}`, roomId, { historyLimit: 1000 }));
    await Promise.all(sends);
    const end = (await senders[0].say(roomId, "the end")).seq;
    const { messages } = await senders[0].ok("hub:history", { roomId, limit: 1000 });
    const truth = new Map(messages.map(({ seq, content }) => [seq, content.body]));
    for (const peer of [...senders, ...late]) {
      const at = peer.welcome.seq;
      await peer.until(() => peer.log.some(([name, { seq, message }]) => OF_MESSAGES.test(name) && (seq ?? message?.seq) === end) || undefined, "the end");
      const known = settled(peer, at);
      for (const [seq, body] of known) assert.equal(body, truth.get(seq));
      assert.equal(known.size, end - at);
    }
  });

  test("that repeat are told to nobody and answered with the first", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    const again = { roomId, messageType: "text", content: { body: "once" }, clientMessageId: "c1" };
    const answers = [...(await Promise.all(Array.from({ length: 5 }, () => ann.ok("hub:send", again)))), await ann.ok("hub:send", again)];
    assert.equal(new Set(answers.map(({ message }) => message.id)).size, 1);
    const last = await ann.say(roomId, "after");
    await bob.until(() => bob.log.some(([name, { seq }]) => name === "hub:messageStored" && seq === last.seq) || undefined, "the last one");
    assert.deepEqual(ofMessages(bob).map(([name]) => name), ["hub:messageArrived", "hub:messageStored", "hub:messageArrived", "hub:messageStored"]);
  });

  test("can be edited, deleted and answered as soon as they are seen", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    for (let i = 0; i < 20; i++) {
      const [sent, edited, replied] = await Promise.all([
        ann.ok("hub:send", { roomId, messageType: "text", content: { body: `message ${i}` } }),
        ann.next("hub:messageArrived").then(({ message }) => ann.ok("hub:edit", { roomId, messageId: message.id, content: { body: `edited ${i}` } })),
        bob.next("hub:messageArrived").then(({ message }) => bob.ok("hub:send", { roomId, messageType: "text", content: { body: "re" }, replyTo: { id: message.id } })),
      ]);
      assert.deepEqual([edited.message.id, edited.message.content.body, replied.message.replyTo.id], [sent.message.id, `edited ${i}`, sent.message.id]);
      await ann.next("hub:messageArrived"); // the reply
      await bob.next("hub:messageArrived");
    }
  });

  test("come by REST as well", async () => {
    assert.match((await server.rest("GET", "/chat", { user: "ann" })).text, /"delivery":"broadcastThenPersist"/);
    const roomId = server.room();
    const bob = await server.member("bob", roomId);
    const { status, body } = await server.rest("POST", `/chat/rooms/${roomId}/messages`, { user: "ann", body: { messageType: "text", content: { body: "by REST" } } });
    assert.deepEqual([status, body.message.seq], [201, 1]);
    assert.equal((await bob.next("hub:messageArrived")).provisional, true);
    assert.equal((await bob.next("hub:messageStored")).messageId, body.message.id);
  });
});

test("a message that the store refuses is taken back, and takes no number", { skip: embeddedOnly("a trigger of SQLite") }, () =>
  serving(early, async (server) => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    await runSql(server.dir, `CREATE TRIGGER refuse BEFORE INSERT ON "chatMessage" WHEN NEW."content" LIKE '%"bad"%' BEGIN SELECT RAISE(ABORT, 'no'); END;`);
    const { error } = await ann.call("hub:send", { roomId, messageType: "text", content: { body: "bad" } });
    const { message } = await bob.next("hub:messageArrived");
    assert.equal(message.content.body, "bad");
    const failed = await bob.next("hub:messageFailed");
    assert.deepEqual([failed.roomId, failed.messageId, failed.code], [roomId, message.id, error.code]);
    assert.equal((await ann.say(roomId, "good")).seq, 1);
    const { messages } = await bob.ok("hub:history", { roomId });
    assert.deepEqual(messages.map(({ content }) => content.body), ["good"]);
    assert.match((await server.rest("GET", "/metrics")).text, /^hubd_messages_failed_total 1$/m);
  }),
);
