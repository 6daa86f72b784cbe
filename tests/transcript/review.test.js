// Messages under review and messages that change while others do: what an edit may not get round, and one sequence for all of it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

function reviewed(def) {
  def.hub.roomSettings.authScripts = [
    { name: "moderators", script: "user.roleId == 'mod'", hubRole: "moderator" },
    { name: "newcomers", script: "user.roleId == 'new'", hubRole: "newcomer" },
    { name: "everybody", script: "true", hubRole: "member" },
  ];
  def.hub.hubRoles = [{ name: "moderator", canModerate: true, canDeleteAny: true }, { name: "newcomer", moderated: true }, { name: "member" }];
  Object.assign(def.hub.messageSettings, {
    enableReaction: true,
    enableReplyTo: true,
    customMessageTypes: [{ name: "move" }, { name: "note" }, { name: "aside" }],
  });
  def.hub.hubLogic = {
    messageHandlers: [
      { messageType: "move", script: "({accept: true})" },
      { messageType: "aside", script: { lua: "local v = message.content.verdict; v.accept = true; return v" } },
    ],
  };
}

const text = (roomId, body = "x") => ({ roomId, messageType: "text", content: { body } });

describe("a pending message", () => {
  const server = serve(reviewed);

  async function scene() {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const neo = await server.member("neo", roomId, { role: "new" });
    const ann = await server.member("ann", roomId);
    const { message } = await neo.ok("hub:send", text(roomId, "first"));
    for (const peer of [mod, neo]) await peer.next("hub:messagePending");
    return { roomId, mod, neo, ann, messageId: message.id };
  }

  test("may be edited by its sender: moderators see it anew, it takes no number", async () => {
    const { roomId, mod, neo, ann, messageId } = await scene();
    const { message } = await neo.ok("hub:edit", { roomId, messageId, content: { body: "second" } });
    assert.equal(message.seq, null);
    assert.equal(message.status, "pending");
    for (const peer of [mod, neo]) assert.deepEqual(await peer.next("hub:messagePending"), { roomId, message });
    await mod.ok("hub:approve", { roomId, messageId });
    const arrived = await ann.next("hub:messageArrived");
    assert.equal(arrived.message.content.body, "second");
    assert.equal(arrived.message.seq, 1);
    assert.equal(arrived.sender.id, "neo");
    await ann.nothing("hub:messagePending", "hub:messageEdited");
  });

  test("may be deleted by its sender or a moderator with canDeleteAny", async () => {
    const { roomId, mod, neo, ann, messageId } = await scene();
    await mod.ok("hub:delete", { roomId, messageId });
    for (const peer of [mod, neo]) assert.deepEqual(await peer.next("hub:messageDeleted"), { roomId, messageId, seq: null });
    await ann.nothing("hub:messageDeleted");
    await mod.refused("not_found", "hub:approve", { roomId, messageId });
    assert.equal((await ann.say(roomId, "next")).seq, 1);
  });

  test("stands in a list that is read page by page, the oldest first", async () => {
    const { roomId, mod, neo, messageId } = await scene();
    const ids = [messageId];
    for (let i = 1; i < 7; i++) ids.push((await neo.say(roomId, `${i}`)).id);
    const pages = [];
    let page = { hasMore: true };
    while (page.hasMore && pages.length < 9) {
      page = await mod.ok("hub:pending", { roomId, limit: 3, ...(pages.length && { afterId: pages.at(-1).at(-1) }) });
      pages.push(page.messages.map(({ id }) => id));
    }
    assert.deepEqual(pages, [ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)]);
    const get = async (query) => (await server.rest("GET", `/chat/rooms/${roomId}/pending?${query}`, { user: "mod", role: "mod" })).body;
    const rest = await get(`limit=5&afterId=${ids[1]}`);
    assert.deepEqual([rest.messages.map(({ id }) => id), rest.paging], [ids.slice(2), { hasMore: false }]);
    assert.deepEqual(
      (await get("pageNumber=2&pageRowCount=4")).messages.map(({ id }) => id),
      ids.slice(4),
    );
    for (const limit of [0, -1, 1.5, "3"]) await mod.refused("bad_request", "hub:pending", { roomId, limit });
    for (const afterId of ["", 7, {}]) await mod.refused("bad_request", "hub:pending", { roomId, afterId });
  });

  for (const [verdict, hear] of [
    [{ broadcastTo: "others" }, ["mod", "ann"]],
    [{ broadcastTo: "sender" }, ["neo"]],
    [{ broadcastTo: ["ann", "nobody"] }, ["neo", "ann"]],
    [{ broadcastTo: "all" }, ["mod", "neo", "ann"]],
    [{ broadcast: false }, []],
  ]) {
    test(`is for those its handler named once it is approved: ${JSON.stringify(verdict)}`, async () => {
      const { roomId, ...peers } = await scene();
      const { neo, mod } = peers;
      const { message } = await neo.ok("hub:send", { roomId, messageType: "aside", content: { verdict } });
      for (const peer of [mod, neo]) assert.deepEqual(await peer.next("hub:messagePending"), { roomId, message });
      assert.equal("broadcastTo" in message, false);
      const approved = await mod.ok("hub:approve", { roomId, messageId: message.id });
      assert.equal(approved.message.seq, 1);
      for (const name of ["mod", "neo", "ann"]) {
        const heard = await peers[name].unread("hub:messageArrived");
        assert.equal(heard.length, hear.includes(name) ? 1 : 0, `${name} heard ${JSON.stringify(heard)}`);
      }
    });
  }

  test("does not exist for the others", async () => {
    const { roomId, mod, ann, messageId } = await scene();
    await ann.refused("not_found", "hub:delete", { roomId, messageId });
    await ann.refused("not_found", "hub:edit", { roomId, messageId, content: { body: "x" } });
    await ann.refused("not_found", "hub:react", { roomId, messageId, emoji: "👍" });
    await ann.refused("bad_request", "hub:send", { ...text(roomId), replyTo: { id: messageId } });
    const get = (user, role) => server.rest("GET", `/chat/rooms/${roomId}/messages/${messageId}`, { user, role });
    assert.equal((await get("ann")).status, 404);
    assert.equal((await get("neo", "new")).status, 200);
    assert.equal((await get("mod", "mod")).body.message.status, "pending");
    await mod.refused("not_allowed", "hub:react", { roomId, messageId, emoji: "👍" });
  });

  test("once approved is not edited by a moderated sender", async () => {
    const { roomId, mod, neo, messageId } = await scene();
    await mod.ok("hub:approve", { roomId, messageId });
    await neo.refused("not_allowed", "hub:edit", { roomId, messageId, content: { body: "not what was approved" } });
    await neo.ok("hub:delete", { roomId, messageId });
  });

  test("is reviewed over REST with the right statuses", async () => {
    const { roomId, messageId } = await scene();
    const ask = async (method, rest, role, body) => {
      const { status, body: answer } = await server.rest(method, `/chat/rooms/${roomId}${rest}`, { user: role ?? "ann", role, body });
      return { status, ...answer };
    };
    assert.equal((await ask("GET", "/pending")).errCode, "not_allowed");
    const list = await ask("GET", "/pending", "mod");
    assert.deepEqual([list.status, list.dataName, list.rowCount, list.messages[0].id], ["OK", "messages", 1, messageId]);
    assert.equal((await ask("POST", `/messages/${messageId}/approve`)).errCode, "not_allowed");
    assert.equal((await ask("POST", `/messages/${messageId}/reject`, "mod", { reason: 5 })).errCode, "bad_request");
    const rejected = await ask("POST", `/messages/${messageId}/reject`, "mod", { reason: "no" });
    assert.equal(rejected.message.status, "rejected");
    assert.equal((await ask("POST", `/messages/${messageId}/approve`, "mod")).errCode, "not_found");
  });
});

describe("changing messages over REST", () => {
  const server = serve(reviewed);

  test("answers with what was changed, and the room hears of it", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const path = `/chat/rooms/${roomId}/messages/${(await ann.say(roomId, "one")).id}`;
    const thumb = `${path}/reactions/${encodeURIComponent("👍")}`;
    const ask = async (...request) => (await server.rest(...request)).body;
    assert.equal((await ask("GET", path, { user: "bob" })).message.content.body, "one");
    assert.equal((await ask("PATCH", path, { user: "bob", body: { content: { body: "two" } } })).errCode, "not_allowed");
    assert.equal((await ask("PATCH", path, { user: "ann", body: { content: { body: "two" } } })).message.changeSeq, 2);
    assert.equal((await ask("PUT", thumb, { user: "bob" })).reaction[0].userId, "bob");
    assert.equal((await ask("PUT", `${path}/reactions/%ff`, { user: "bob" })).errCode, "bad_request");
    assert.deepEqual((await ask("DELETE", thumb, { user: "bob" })).reaction, []);
    assert.equal((await ask("DELETE", path, { user: "bob" })).errCode, "not_allowed");
    assert.equal((await ask("DELETE", path, { user: "ann" })).status, "OK");
    assert.equal((await ask("DELETE", path, { user: "ann" })).errCode, "not_found");
    assert.equal((await ask("GET", path, { user: "ann" })).errCode, "not_found");
    await ann.next("hub:messageDeleted", ({ seq }) => seq === 5);
  });
});

describe("changes and sends at once", () => {
  const server = serve(reviewed);

  test("make one sequence without gaps, and no reaction is lost", async () => {
    const roomId = server.room();
    const peers = [];
    for (let i = 0; i < 5; i++) peers.push(await server.member(`u${i}`, roomId));
    const { id: messageId } = await peers[0].say(roomId, "popular");
    const work = [];
    for (const peer of peers) {
      for (let k = 0; k < 20; k++) work.push(peer.ok("hub:react", { roomId, messageId, emoji: `e${k}` }), peer.say(roomId, `${k}`));
    }
    await Promise.all(work);
    for (const peer of peers) {
      await peer.settled();
      const seqs = peer.log.map(([name, payload]) =>
        name === "hub:reaction" ? payload.seq : name === "hub:messageArrived" ? payload.message.seq : 0,
      );
      const from = seqs.find((seq) => seq);
      assert.deepEqual(
        seqs.filter((seq) => seq),
        Array.from({ length: 202 - from }, (_, i) => from + i),
      );
    }
    const { body } = await server.rest("GET", `/chat/rooms/${roomId}/messages/${messageId}`, { user: "u0" });
    assert.equal(body.message.reaction.length, 100);
    assert.equal(body.message.changeSeq <= 201, true);
  });

  test("a message that a handler decided is not edited", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { message } = await ann.ok("hub:send", { roomId, messageType: "move", content: { to: "e4" } });
    await ann.refused("not_allowed", "hub:edit", { roomId, messageId: message.id, content: { to: "e5" } });
  });
});

describe("a reply", () => {
  const server = serve(reviewed);

  test("carries a preview that the server made of the message replied to", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const long = await ann.say(roomId, "é👍".repeat(100));
    const { replyTo } = await ann.say(roomId, "a", { replyTo: { id: long.id, preview: "forged", more: 1 } });
    assert.deepEqual(replyTo, { id: long.id, preview: "é👍".repeat(60) });
    const { message: note } = await ann.ok("hub:send", { roomId, messageType: "note", content: { a: 1 } });
    assert.deepEqual((await ann.say(roomId, "a", { replyTo: { id: note.id } })).replyTo, { id: note.id, preview: "note" });
    const { message: move } = await ann.ok("hub:send", { roomId, messageType: "move", content: {}, replyTo: { id: note.id } });
    assert.equal(move.replyTo.id, note.id);
  });

  test("to nothing, or to a message of another room, is a bad request", async () => {
    const [roomId, other] = [server.room(), server.room()];
    const ann = await server.member("ann", roomId);
    const { id } = await ann.say(roomId, "here");
    await ann.ok("hub:join", { roomId: other });
    for (const replyTo of [{ id: "no-such-message" }, {}, "x", { id: 1 }, { id: "x".repeat(99) }, 5, []]) {
      const { message } = await ann.refused("bad_request", "hub:send", { ...text(roomId), replyTo });
      assert.match(message, /replyTo\.id/);
    }
    await ann.refused("bad_request", "hub:send", { ...text(other), replyTo: { id } });
    assert.equal((await ann.say(other, "first here")).seq, 1);
  });

  test("keeps its place among the sends around it", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { id } = await ann.say(roomId, "original");
    const sent = await Promise.all(Array.from({ length: 60 }, (_, i) => ann.say(roomId, `${i}`, i % 3 ? {} : { replyTo: { id } })));
    assert.deepEqual(
      sent.map(({ seq }) => seq),
      Array.from({ length: 60 }, (_, i) => i + 2),
    );
  });
});
