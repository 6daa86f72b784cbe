// Moderation: pending messages and their fate, blocking, silencing, kicking, and rooms that begin silent.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, serve, serving } from "./harness.js";

function moderated(def) {
  def.hub.roomSettings.absoluteRoles = ["boss"];
  def.hub.roomSettings.authScripts = [
    { name: "moderators", script: "user.roleId == 'mod'", hubRole: "moderator" },
    { name: "owners", script: "user.roleId == 'owner'", hubRole: "owner" },
    { name: "newcomers", script: "user.roleId == 'new'", hubRole: "newcomer" },
    { name: "everybody", script: "true", hubRole: "member" },
  ];
  def.hub.hubRoles = [
    { name: "owner", canModerate: true, canDeleteAny: true, canManageRoom: true },
    { name: "moderator", canModerate: true },
    { name: "newcomer", moderated: true },
    { name: "member" },
  ];
}

const text = (roomId, body = "x") => ({ roomId, messageType: "text", content: { body } });

describe("pending messages", () => {
  const server = serve(moderated);

  async function scene() {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const neo = await server.member("neo", roomId, { role: "new" });
    const ann = await server.member("ann", roomId);
    return { roomId, mod, neo, ann };
  }

  test("are told to moderators and to the sender, and to nobody else", async () => {
    const { roomId, mod, neo, ann } = await scene();
    const { message } = await neo.ok("hub:send", text(roomId, "please?"));
    assert.equal(message.status, "pending");
    assert.equal(message.seq ?? null, null);
    for (const peer of [mod, neo]) assert.deepEqual(await peer.next("hub:messagePending"), { roomId, message });
    await ann.nothing("hub:messagePending", "hub:messageArrived");
    assert.deepEqual(
      (await mod.ok("hub:pending", { roomId })).messages.map(({ id }) => id),
      [message.id],
    );
    await ann.refused("not_allowed", "hub:pending", { roomId });
    assert.deepEqual((await ann.ok("hub:history", { roomId })).messages, []);
  });

  test("take their number when they are approved, in the order of approval", async () => {
    const { roomId, mod, neo, ann } = await scene();
    const one = (await neo.ok("hub:send", text(roomId, "one"))).message;
    const two = (await neo.ok("hub:send", text(roomId, "two"))).message;
    assert.equal((await ann.say(roomId, "not waiting")).seq, 1);
    const approved = await mod.ok("hub:approve", { roomId, messageId: two.id });
    assert.equal(approved.message.status, "approved");
    assert.equal(approved.message.seq, 2);
    await mod.ok("hub:approve", { roomId, messageId: one.id });
    for (const peer of [mod, neo, ann]) {
      const bodies = [];
      for (let i = 0; i < 3; i++) bodies.push((await peer.next("hub:messageArrived")).message.content.body);
      assert.deepEqual(bodies, ["not waiting", "two", "one"]);
    }
    assert.deepEqual(
      (await ann.ok("hub:history", { roomId })).messages.map(({ seq }) => seq),
      [1, 2, 3],
    );
    assert.deepEqual((await mod.ok("hub:pending", { roomId })).messages, []);
  });

  test("that are rejected never get a number, and the sender learns why", async () => {
    const { roomId, mod, neo, ann } = await scene();
    const { message } = await neo.ok("hub:send", text(roomId, "rude"));
    await mod.ok("hub:reject", { roomId, messageId: message.id, reason: "be kind" });
    assert.deepEqual(await neo.next("hub:messageRejected"), { roomId, messageId: message.id, reason: "be kind" });
    await ann.nothing("hub:messageArrived", "hub:messageRejected");
    await mod.refused("not_found", "hub:approve", { roomId, messageId: message.id });
    assert.equal((await ann.say(roomId, "next")).seq, 1);
  });

  test("are a moderator's to decide, once", async () => {
    const { roomId, mod, neo, ann } = await scene();
    const { message } = await neo.ok("hub:send", text(roomId));
    for (const peer of [neo, ann]) {
      await peer.refused("not_allowed", "hub:approve", { roomId, messageId: message.id });
      await peer.refused("not_allowed", "hub:reject", { roomId, messageId: message.id });
    }
    const answers = await Promise.all([1, 2, 3].map(() => mod.call("hub:approve", { roomId, messageId: message.id })));
    assert.equal(answers.filter(({ ok }) => ok).length, 1);
    await ann.next("hub:messageArrived");
    await ann.nothing("hub:messageArrived");
  });
});

describe("globalModeration", () => {
  const server = serve((def) => {
    moderated(def);
    def.hub.guardrails.globalModeration = true;
  });

  test("makes everybody's messages wait", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    assert.equal((await ann.ok("hub:send", text(roomId))).message.status, "pending");
    await ann.nothing("hub:messageArrived");
  });
});

describe("block, silence and kick", () => {
  const server = serve(moderated);

  async function scene() {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const ann = await server.member("ann", roomId);
    const eve = await server.member("eve", roomId);
    return { roomId, mod, ann, eve };
  }

  test("a blocked user is put out and stays out until unblocked", async () => {
    const { roomId, mod, ann, eve } = await scene();
    const phone = await server.member("eve", roomId);
    await mod.ok("hub:block", { roomId, userId: "eve", reason: "spam" });
    for (const peer of [eve, phone]) assert.deepEqual(await peer.next("hub:blocked"), { roomId, reason: "spam" });
    const refusal = await eve.call("hub:send", text(roomId));
    assert.ok(["not_in_room", "blocked"].includes(refusal.error.code));
    await eve.refused("blocked", "hub:join", { roomId });
    await ann.say(roomId, "peace");
    await eve.nothing("hub:messageArrived");
    await mod.ok("hub:unblock", { roomId, userId: "eve" });
    await eve.ok("hub:join", { roomId });
  });

  test("a block ends by itself after its seconds", async () => {
    const { roomId, mod, eve } = await scene();
    const started = performance.now();
    await mod.ok("hub:block", { roomId, userId: "eve", seconds: 1 });
    await eve.next("hub:blocked");
    await eventually("the block ends", async () => {
      const answer = await eve.call("hub:join", { roomId });
      if (!answer.ok) assert.equal(answer.error.code, "blocked");
      return answer.ok;
    });
    assert.ok(performance.now() - started > 990);
  });

  test("a silenced user reads but does not send, and hears it", async () => {
    const { roomId, mod, ann, eve } = await scene();
    await mod.ok("hub:silence", { roomId, userId: "eve" });
    const told = await eve.next("hub:silenced");
    assert.equal(told.roomId, roomId);
    assert.equal(told.userId, "eve");
    await eve.refused("silenced", "hub:send", text(roomId));
    await ann.say(roomId, "hello");
    await eve.next("hub:messageArrived");
    await eve.ok("hub:leave", { roomId });
    assert.equal((await eve.ok("hub:join", { roomId })).silenced, true);
    await mod.ok("hub:unsilence", { roomId, userId: "eve" });
    await eve.next("hub:unsilenced");
    await eve.say(roomId, "thanks");
  });

  test("a kick puts out once, and one may come back", async () => {
    const { roomId, eve } = await scene();
    const owner = await server.member("olga", roomId, { role: "owner" });
    await owner.ok("hub:kick", { roomId, userId: "eve", reason: "cool down" });
    assert.deepEqual(await eve.next("hub:kicked"), { roomId, reason: "cool down" });
    await eve.refused("not_in_room", "hub:send", text(roomId));
    await eve.ok("hub:join", { roomId });
  });

  test("need the permission", async () => {
    const { roomId, mod, ann } = await scene();
    for (const event of ["hub:block", "hub:unblock", "hub:silence", "hub:unsilence", "hub:grantSpeak", "hub:denySpeak", "hub:kick"]) {
      await ann.refused("not_allowed", event, { roomId, userId: "eve" });
    }
    await mod.refused("not_allowed", "hub:kick", { roomId, userId: "eve" });
    await mod.refused("bad_request", "hub:block", { roomId });
    await mod.refused("bad_request", "hub:block", { roomId, userId: "eve", seconds: "long" });
  });

  test("survive a restart", async () => {
    await serving(moderated, async (inner) => {
      const mod = await inner.member("mod", "r1", { role: "mod" });
      await mod.ok("hub:block", { roomId: "r1", userId: "eve" });
      await mod.ok("hub:silence", { roomId: "r1", userId: "sam" });
      inner.closePeers();
      await inner.hubd.stop();
      await inner.start();
      const eve = await inner.connect("eve");
      await eve.refused("blocked", "hub:join", { roomId: "r1" });
      const sam = await inner.member("sam", "r1");
      assert.equal(sam.welcome.silenced, true);
      await sam.refused("silenced", "hub:send", text("r1"));
    });
  });
});

describe("rooms that begin silent", () => {
  const server = serve((def) => {
    moderated(def);
    def.hub.guardrails.defaultSilenced = true;
  });

  test("moderators speak; others ask, and are granted or denied", async () => {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    assert.equal(mod.welcome.silenced, false);
    assert.equal(ann.welcome.silenced, true);
    await mod.say(roomId, "welcome");
    await ann.refused("silenced", "hub:send", text(roomId));
    await ann.ok("hub:requestSpeak", { roomId });
    assert.deepEqual(await mod.next("hub:speakRequested"), { roomId, userId: "ann" });
    await bob.nothing("hub:speakRequested");
    await mod.ok("hub:grantSpeak", { roomId, userId: "ann" });
    assert.deepEqual(await ann.next("hub:speakGranted"), { roomId, userId: "ann" });
    await ann.say(roomId, "thank you");
    await bob.ok("hub:requestSpeak", { roomId });
    await mod.ok("hub:denySpeak", { roomId, userId: "bob" });
    assert.equal((await bob.next("hub:speakDenied")).userId, "bob");
    await bob.refused("silenced", "hub:send", text(roomId));
  });
});
