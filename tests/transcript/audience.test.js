// Messages that are not for everybody: they exist for their audience only, live and later, and everybody's numbers have no gap all the same.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runSql, serve } from "./harness.js";

const narrowing = (def) => {
  const { messageSettings, eventSettings = {} } = def.hub;
  Object.assign(messageSettings, {
    messageTypes: ["text", "system"],
    enableReplyTo: true,
    enableReaction: true,
    customMessageTypes: [{ name: "act" }, { name: "mend" }, { name: "note", fields: [{ name: "body", fieldType: "String" }] }],
  });
  def.hub.hubRoles = [
    { name: "mod", canModerate: true, canDeleteAny: true },
    { name: "new", moderated: true },
    { name: "deaf", canRead: false },
    { name: "member" },
  ];
  const as = (hubRole, script = `user.roleId == '${hubRole}'`) => ({ name: hubRole, hubRole, script });
  def.hub.roomSettings.authScripts = [as("mod"), as("new"), as("deaf"), as("member", "true")];
  def.hub.eventSettings = { ...eventSettings, enableDeliveryReceipts: true, enableReadReceipts: true };
  const mend = "objects.update('chatMessage', message.content.id, {content = {body = 'mended'}}) return {accept = false}";
  def.hub.hubLogic = {
    messageHandlers: [
      { messageType: "act", script: { lua: "return message.content.answer" } },
      { messageType: "mend", script: { lua: mend } },
    ],
  };
};

/** The numbers that a peer knows of in ROOM, in the order in which it came to know them. */
const numbersOf = (peer) =>
  peer.log.flatMap(([name, payload]) => {
    if (name === "hub:skipped") return payload.seqs;
    if (name === "hub:messageArrived") return payload.message.seq;
    return ["hub:messageEdited", "hub:messageDeleted", "hub:reaction"].includes(name) ? payload.seq : [];
  });

const until = (peer, number) => peer.until(() => numbersOf(peer).includes(number) || undefined, `number ${number}`);
const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

describe("a message that is not for everybody", () => {
  const server = serve(narrowing);

  async function scene() {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const eve = await server.member("eve", roomId);
    const act = async (answer, more = {}) =>
      (await ann.ok("hub:send", { roomId, messageType: "act", content: { answer: { accept: true, ...answer } }, ...more })).message;
    const secret = { modifiedContent: { body: "for bob alone" }, broadcastTo: ["bob"] };
    return { roomId, ann, bob, eve, act, secret };
  }

  const ids = ({ messages }) => messages.map(({ id }) => id);

  test("is nowhere for those it is not for", async () => {
    const { roomId, ann, bob, eve, act, secret } = await scene();
    const { id } = await act(secret);
    const last = await ann.say(roomId, "for all");
    await bob.next("hub:messageArrived", ({ message }) => message.id === id);
    await eve.next("hub:messageArrived", ({ message }) => message.id === last.id);
    await eve.nothing("hub:messageArrived");
    const get = (user, path) => server.rest("GET", `/chat/rooms/${roomId}/${path}`, { user });
    for (const [peer, user, all] of [
      [ann, "ann", [id, last.id]],
      [bob, "bob", [id, last.id]],
      [eve, "eve", [last.id]],
    ]) {
      assert.deepEqual(ids(await peer.ok("hub:history", { roomId })), all, user);
      assert.deepEqual(ids((await get(user, "messages")).body), all, user);
      const page = (await get(user, "messages?pageNumber=1&pageRowCount=10")).body;
      assert.deepEqual([ids(page), page.paging.totalRowCount], [all, all.length], user);
      assert.equal((await get(user, `messages/${id}`)).status, all.includes(id) ? 200 : 404, user);
      const again = await server.connect(user);
      const { recovered } = await again.ok("hub:join", { roomId, since: 0 });
      const history = await again.next("hub:history");
      assert.deepEqual([recovered, ids(history)], [true, all], user);
    }
    assert.deepEqual(ids(await bob.ok("hub:history", { roomId, limit: 1, before: last.seq })), [id]);
    assert.deepEqual((await eve.ok("hub:history", { roomId, limit: 1, before: last.seq })).hasMore, false);
  });

  test("is no target of what others do", async () => {
    const { roomId, bob, eve, act, secret } = await scene();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const { id: messageId } = await act(secret);
    await until(mod, 1);
    for (const peer of [eve, mod]) {
      await peer.refused("not_found", "hub:react", { roomId, messageId, emoji: "👍" });
      await peer.refused("not_found", "hub:delete", { roomId, messageId });
      await peer.refused("not_found", "hub:edit", { roomId, messageId, content: {} });
      await peer.refused("bad_request", "hub:send", { roomId, messageType: "text", content: { body: "?" }, replyTo: { id: messageId } });
      await peer.refused("not_found", "messageDelivered", { roomId, messageId });
      await peer.refused("not_found", "messageRead", { roomId, messageId });
    }
    await bob.ok("hub:react", { roomId, messageId, emoji: "👍" });
  });

  test("is told to its audience only, whatever happens to it later", async () => {
    const { roomId, ann, bob, eve, act, secret } = await scene();
    const { id: messageId } = await act(secret);
    await bob.ok("hub:react", { roomId, messageId, emoji: "👍" });
    await bob.ok("messageDelivered", { roomId, messageId });
    await ann.ok("hub:delete", { roomId, messageId });
    const { seq } = await ann.say(roomId, "for all");
    for (const peer of [ann, bob]) {
      for (const name of ["hub:reaction", "hub:messageDelivered", "hub:messageDeleted"]) await peer.next(name);
    }
    for (const peer of [ann, bob, eve]) await until(peer, seq);
    await eve.nothing("hub:reaction", "hub:messageDelivered", "hub:messageDeleted");
    for (const peer of [ann, bob, eve]) assert.deepEqual(numbersOf(peer), upTo(seq));
    const again = await server.connect("eve");
    await again.ok("hub:join", { roomId, since: 1 });
    assert.deepEqual((await again.next("hub:history")).changes, []);
  });

  test("leaves no gap in anybody's numbers, in their order", async () => {
    const { roomId, ann, bob, eve, act } = await scene();
    const tab = await server.member("ann", roomId);
    const answers = [["bob"], "others", "sender", "all", [], ["eve", "bob"], ["nobody"]].map((broadcastTo) => ({ broadcastTo }));
    answers.push({ broadcast: false }, { broadcastTo: ["bob"] }, { broadcastTo: ["bob"] });
    for (const answer of answers) await act(answer);
    // What one script says is stored and told at once: however slow the disk is, these numbers come together.
    const lines = Array.from({ length: 3 }, () => ({ type: "note", content: { body: "for bob" }, to: ["bob"] }));
    await act({ broadcastTo: ["bob"], serverMessages: lines });
    const last = answers.length + 1 + lines.length;
    for (const peer of [ann, tab, bob, eve]) {
      await until(peer, last);
      assert.deepEqual(numbersOf(peer), upTo(last));
    }
    const skipped = eve.log.filter(([name]) => name === "hub:skipped").map(([, { seqs }]) => seqs);
    assert.ok(skipped.length < skipped.flat().length, `not merged: ${JSON.stringify(skipped)}`);
    assert.deepEqual(eve.log.find(([name]) => name === "hub:skipped")[1].roomId, roomId);
  });

  test("by a script is for whom it names, whenever they join", async () => {
    const { roomId, ann, bob, eve, act } = await scene();
    const line = (body, to) => ({ type: "note", content: { body }, to });
    await act({ broadcastTo: "all", serverMessages: [line("to others", "others"), line("to sender", "sender"), line("to eve", ["eve"])] });
    for (const peer of [ann, bob, eve]) await until(peer, 4);
    const bodies = ({ messages }) => messages.map(({ content }) => content.body).filter(Boolean);
    assert.deepEqual(bodies(await ann.ok("hub:history", { roomId })), ["to sender"]);
    assert.deepEqual(bodies(await bob.ok("hub:history", { roomId })), ["to others"]);
    assert.deepEqual(bodies(await eve.ok("hub:history", { roomId })), ["to others", "to eve"]);
    const late = await server.member("late", roomId);
    assert.deepEqual(bodies(await late.ok("hub:history", { roomId })), ["to others"]);
    for (const peer of [ann, bob, eve]) assert.deepEqual(numbersOf(peer), upTo(4));
  });

  test("for others is the sender's all the same: it is his own", async () => {
    const { roomId, ann, act } = await scene();
    const { id } = await act({ broadcastTo: "others" });
    await ann.nothing("hub:messageArrived");
    assert.deepEqual(ids(await ann.ok("hub:history", { roomId })), [id]);
    assert.equal((await server.rest("GET", `/chat/rooms/${roomId}/messages/${id}`, { user: "ann" })).status, 200);
  });

  test("held for a moderator exists for him until it is approved, for its audience from then on", async () => {
    const { roomId, ann, bob } = await scene();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const neo = await server.member("neo", roomId, { role: "new" });
    const answer = { accept: true, broadcastTo: ["bob"] };
    const { message } = await neo.ok("hub:send", { roomId, messageType: "act", content: { answer } });
    assert.equal((await mod.next("hub:messagePending")).message.id, message.id);
    assert.deepEqual(ids(await mod.ok("hub:pending", { roomId })), [message.id]);
    assert.equal((await mod.ok("hub:approve", { roomId, messageId: message.id })).message.seq, 1);
    for (const peer of [bob, neo]) assert.equal((await peer.next("hub:messageArrived")).message.id, message.id);
    for (const peer of [ann, mod]) {
      await until(peer, 1);
      await peer.nothing("hub:messageArrived");
      assert.deepEqual(ids(await peer.ok("hub:history", { roomId })), []);
    }
    assert.deepEqual(ids(await neo.ok("hub:history", { roomId })), [message.id]);
    await mod.refused("not_found", "hub:delete", { roomId, messageId: message.id });
  });

  test("held, and not to be told when it is approved, is told to nobody then", async () => {
    const { roomId, bob, eve } = await scene();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const neo = await server.member("neo", roomId, { role: "new" });
    const answer = { accept: true, broadcast: false, broadcastTo: ["bob"], modifiedContent: { body: "hushed" } };
    for (const persist of [true, false]) {
      const { message } = await neo.ok("hub:send", { roomId, messageType: "act", content: { answer: { ...answer, persist } } });
      await mod.ok("hub:approve", { roomId, messageId: message.id });
    }
    for (const peer of [bob, eve, neo]) assert.deepEqual(await peer.unread("hub:messageArrived"), []);
    const past = async (peer) => (await peer.ok("hub:history", { roomId })).messages.map(({ content }) => content.body);
    for (const peer of [bob, neo]) assert.deepEqual(await past(peer), ["hushed"]);
    assert.deepEqual(await past(eve), []);
  });

  test("that a script changes behind the hub's back is told to its audience", async () => {
    const { roomId, ann, bob, eve, act, secret } = await scene();
    const { id } = await act(secret);
    await ann.refused("rejected", "hub:send", { roomId, messageType: "mend", content: { id } });
    for (const peer of [ann, bob]) assert.equal((await peer.next("hub:messageEdited")).message.content.body, "mended");
    await until(eve, 3);
    await eve.nothing("hub:messageEdited", "hub:messageArrived");
    assert.deepEqual(numbersOf(eve), [1, 2, 3]); // the message, its change, and the system message about that
  });
});

describe("what a handler does not want to be kept", () => {
  const server = serve(narrowing);

  async function held() {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const mod = await server.member("mod", roomId, { role: "mod" });
    const neo = await server.member("neo", roomId, { role: "new" });
    const content = { answer: { accept: true, persist: false } };
    const { message } = await neo.ok("hub:send", { roomId, messageType: "act", content });
    assert.equal(message.status, "pending");
    await mod.next("hub:messagePending");
    await ann.nothing("hub:messageArrived");
    return { roomId, ann, mod, neo, messageId: message.id };
  }

  test("is held when its sender is moderated, shown when it is approved, and gone then", async () => {
    const { roomId, ann, mod, messageId } = await held();
    assert.equal((await mod.ok("hub:approve", { roomId, messageId })).message.status, "approved");
    const { message } = await ann.next("hub:messageArrived");
    assert.deepEqual([message.id, message.seq, message.status], [messageId, null, "approved"]);
    await mod.refused("not_found", "hub:approve", { roomId, messageId });
    assert.deepEqual((await mod.ok("hub:pending", { roomId })).messages, []);
    assert.deepEqual((await ann.ok("hub:history", { roomId })).messages, []);
    assert.equal((await ann.say(roomId, "next")).seq, 1);
  });

  test("is gone when it is rejected", async () => {
    const { roomId, ann, mod, neo, messageId } = await held();
    await mod.ok("hub:reject", { roomId, messageId, reason: "no" });
    assert.equal((await neo.next("hub:messageRejected")).messageId, messageId);
    await ann.nothing("hub:messageArrived");
    const trace = (id) => `INSERT INTO conversation (id, title, "isActive") SELECT 'trace-${id}', 'x', TRUE FROM "chatMessage" WHERE id = '${id}'`;
    const { id } = await ann.say(roomId, "kept");
    for (const each of [messageId, id]) await runSql(server.dir, trace(each));
    await ann.ok("hub:join", { roomId: `trace-${id}` });
    await ann.refused("room_not_found", "hub:join", { roomId: `trace-${messageId}` });
  });
});

describe("the preview of a reply", () => {
  const server = serve(narrowing);
  const reply = (roomId, id, body = "reply") => ({ roomId, messageType: "text", content: { body }, replyTo: { id } });

  async function conversation() {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const original = await ann.say(roomId, "the original");
    const { message } = await bob.ok("hub:send", reply(roomId, original.id));
    assert.deepEqual(message.replyTo, { id: original.id, preview: "the original" });
    const preview = async (peer = bob) => {
      const { messages } = await peer.ok("hub:history", { roomId });
      return messages.find(({ id }) => id === message.id).replyTo;
    };
    return { roomId, ann, bob, original, message, preview };
  }

  test("changes with the original, and ends with it", async () => {
    const { roomId, ann, bob, original, message, preview } = await conversation();
    const one = async () => (await server.rest("GET", `/chat/rooms/${roomId}/messages/${message.id}`, { user: "bob" })).body.message.replyTo;
    assert.deepEqual(await preview(), { id: original.id, preview: "the original" });
    await ann.ok("hub:edit", { roomId, messageId: original.id, content: { body: "mended" } });
    for (const look of [preview, one]) assert.equal((await look()).preview, "mended");
    const edited = await bob.ok("hub:edit", { roomId, messageId: message.id, content: { body: "reply!" } });
    assert.equal(edited.message.replyTo.preview, "mended");
    await ann.ok("hub:delete", { roomId, messageId: original.id });
    for (const look of [preview, one]) assert.deepEqual(await look(), { id: original.id, preview: null });
    const late = await server.connect("late");
    await late.ok("hub:join", { roomId });
    assert.deepEqual(
      (await late.next("hub:history")).messages.map(({ replyTo }) => replyTo),
      [{ id: original.id, preview: null }],
    );
    await ann.ok("hub:react", { roomId, messageId: message.id, emoji: "👍" });
    const replayed = await server.connect("replay");
    await replayed.ok("hub:join", { roomId, since: 2 });
    const { changes } = await replayed.next("hub:history");
    assert.equal(changes.find(({ messageId }) => messageId === message.id).message.replyTo.preview, null);
  });

  test("of a narrowed message is for its audience", async () => {
    const { roomId, ann, bob } = await conversation();
    const eve = await server.member("eve", roomId);
    const answer = { accept: true, modifiedContent: { body: "psst" }, broadcastTo: ["bob"] };
    const secret = (await ann.ok("hub:send", { roomId, messageType: "act", content: { answer } })).message;
    const { message } = await bob.ok("hub:send", reply(roomId, secret.id, "aloud"));
    const heard = await eve.next("hub:messageArrived", ({ message: { id } }) => id === message.id);
    assert.deepEqual(heard.message.replyTo, { id: secret.id, preview: null });
    const seen = async (peer) => (await peer.ok("hub:history", { roomId })).messages.find(({ id }) => id === message.id).replyTo.preview;
    assert.equal(await seen(eve), null);
    assert.equal(await seen(bob), "psst");
  });

  test("is not for who may not read", async () => {
    const { roomId, original } = await conversation();
    const deaf = await server.member("deaf", roomId, { role: "deaf" });
    await deaf.refused("cannot_read", "hub:send", reply(roomId, original.id));
    await deaf.refused("cannot_read", "hub:send", reply(roomId, "no-such-message"));
    const own = (await deaf.ok("hub:send", { roomId, messageType: "text", content: { body: "my own" } })).message;
    assert.equal((await deaf.ok("hub:send", reply(roomId, own.id))).message.replyTo.preview, "my own");
  });

  // The acknowledgement of an edit, or of a repeat, showed what the original is by now.
  test("is not for who may not read any more", async () => {
    const { roomId, ann, original } = await conversation();
    const eve = await server.member("eve", roomId);
    const own = await eve.say(roomId, "my own");
    const [other, mine] = [await eve.say(roomId, "a", { replyTo: { id: original.id }, clientMessageId: "a" }), await eve.say(roomId, "b", { replyTo: { id: own.id } })];
    eve.close();
    const deaf = await server.member("eve", roomId, { role: "deaf" });
    await ann.ok("hub:edit", { roomId, messageId: original.id, content: { body: "not for eve" } });
    const edit = async ({ id }) => (await deaf.ok("hub:edit", { roomId, messageId: id, content: { body: "edited" } })).message.replyTo;
    assert.deepEqual(await edit(other), { id: original.id, preview: null });
    assert.equal((await ann.next("hub:messageEdited", ({ message }) => message.id === other.id)).message.replyTo.preview, "not for eve");
    assert.deepEqual(await edit(mine), { id: own.id, preview: "my own" });
    assert.equal((await deaf.say(roomId, "a", { clientMessageId: "a" })).replyTo.preview, null);
  });
});
