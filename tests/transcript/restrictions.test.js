// Restrictions in detail: who may restrict whom, ends that come by themselves, the right to speak, REST, and the room's own record.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve, serving } from "./harness.js";

function ruled(def) {
  def.hub.roomSettings.roomEligibility = "room.status == 'active'";
  def.hub.roomSettings.absoluteRoles = ["boss"];
  def.hub.roomSettings.authScripts = [
    { name: "moderators", script: "user.roleId == 'mod'", hubRole: "moderator" },
    { name: "owners", script: "user.roleId == 'owner'", hubRole: "owner" },
    { name: "deaf", script: "user.roleId == 'deaf'", hubRole: "deaf" },
    { name: "everybody", script: "true", hubRole: "member" },
  ];
  def.hub.hubRoles = [
    { name: "owner", canManageRoom: true },
    { name: "moderator", canModerate: true },
    { name: "deaf", canRead: false },
    { name: "member" },
  ];
}

const text = (roomId, body = "x") => ({ roomId, messageType: "text", content: { body } });
const names = (peer) => [...new Set(peer.log.map(([name]) => name))];

describe("who restricts whom", () => {
  const server = serve(ruled);

  test("moderators are out of reach of those who are only moderators", async () => {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const peer = await server.member("max", roomId, { role: "mod" });
    const boss = await server.member("boss", roomId, { role: "boss" });
    for (const userId of ["max", "boss"]) {
      for (const event of ["hub:block", "hub:silence", "hub:denySpeak"]) await mod.refused("not_allowed", event, { roomId, userId });
    }
    await boss.ok("hub:silence", { roomId, userId: "max" });
    await peer.refused("silenced", "hub:send", text(roomId));
    await boss.ok("hub:block", { roomId, userId: "max" });
    await peer.next("hub:blocked");
  });

  test("nobody moderates himself", async () => {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const boss = await server.member("boss", roomId, { role: "boss" });
    await boss.ok("hub:silence", { roomId, userId: "mod" });
    for (const event of ["hub:block", "hub:silence", "hub:unsilence", "hub:grantSpeak"]) await mod.refused("not_allowed", event, { roomId, userId: "mod" });
    await mod.refused("silenced", "hub:send", text(roomId));
  });

  test("what is malformed is a bad request and changes nothing", async () => {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const eve = await server.member("eve", roomId);
    for (const event of ["hub:block", "hub:silence"]) {
      for (const seconds of [0, -1, 1.5, "1", 400000000, 1e300, {}]) await mod.refused("bad_request", event, { roomId, userId: "eve", seconds });
      for (const reason of [1, {}, "x".repeat(1001), "a\0b"]) await mod.refused("bad_request", event, { roomId, userId: "eve", reason });
      for (const userId of [1, "", "x".repeat(300), null]) await mod.refused("bad_request", event, { roomId, userId });
    }
    await eve.say(roomId, "still here");
  });

  test("lifting what is not there is fine", async () => {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    for (const event of ["hub:unblock", "hub:unsilence"]) await mod.ok(event, { roomId, userId: "nobody" });
    await mod.nothing("hub:unsilenced");
  });

  test("a kick of somebody who is not there is not found", async () => {
    const roomId = server.room();
    const owner = await server.member("olga", roomId, { role: "owner" });
    await owner.refused("not_found", "hub:kick", { roomId, userId: "eve" });
  });
});

describe("a silence", () => {
  const server = serve(ruled);

  test("ends by itself, and the room and the user are told", async () => {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const eve = await server.member("eve", roomId);
    await mod.ok("hub:silence", { roomId, userId: "eve", seconds: 3 });
    assert.equal((await eve.next("hub:permissions")).silenced, true);
    await eve.refused("silenced", "hub:send", text(roomId));
    for (const peer of [mod, eve]) assert.deepEqual(await peer.next("hub:unsilenced"), { roomId, userId: "eve" });
    const { permissions, ...rest } = await eve.next("hub:permissions");
    assert.deepEqual(rest, { roomId, hubRole: "member", silenced: false });
    assert.deepEqual(permissions, eve.welcome.permissions);
    await eve.say(roomId, "again");
  });

  test("of somebody without canRead reaches him as hub:permissions alone", async () => {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const dan = await server.member("dan", roomId, { role: "deaf" });
    await mod.ok("hub:silence", { roomId, userId: "dan" });
    await mod.say(roomId, "he does not hear this");
    await dan.settled();
    assert.deepEqual(names(dan), ["hub:joined", "hub:permissions"]);
  });

  test("given a second time has the second end", async () => {
    await serving(ruled, async (inner) => {
      const mod = await inner.member("mod", "r1", { role: "mod" });
      const others = Array.from({ length: 5 }, (_, i) => `sam${i}`);
      // The second comes while the first still puts earlier ones out of use.
      const twice = (userId) => [{}, { seconds: userId === "sam" ? 5 : 3600 }].map((end) => mod.ok("hub:silence", { roomId: "r1", userId, ...end }));
      await Promise.all([...others, "sam"].flatMap(twice));
      await mod.ok("hub:block", { roomId: "r1", userId: "bo" });
      await mod.ok("hub:unblock", { roomId: "r1", userId: "bo" });
      inner.closePeers();
      await inner.hubd.stop();
      await inner.start();
      await inner.member("bo", "r1");
      const sam = await inner.member("sam", "r1");
      for (const other of await Promise.all(others.map((name) => inner.member(name, "r1")))) assert.equal(other.welcome.silenced, true, other.name);
      if (sam.welcome.silenced) assert.equal((await sam.next("hub:permissions")).silenced, false); // after what was left of the 5 seconds
      await sam.say("r1", "again");
    });
  });

  test("ends with a grant to speak, which whoever is silenced may ask for", async () => {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const eve = await server.member("eve", roomId);
    await eve.refused("not_allowed", "hub:requestSpeak", { roomId });
    await mod.ok("hub:silence", { roomId, userId: "eve" });
    await eve.ok("hub:requestSpeak", { roomId });
    assert.deepEqual(await mod.next("hub:speakRequested"), { roomId, userId: "eve" });
    await mod.ok("hub:grantSpeak", { roomId, userId: "eve" });
    assert.deepEqual(await mod.next("hub:speakGranted"), { roomId, userId: "eve" });
    await eve.say(roomId, "thanks");
  });
});

describe("a grant to speak in rooms that begin silent", () => {
  const silent = (def) => {
    ruled(def);
    def.hub.guardrails.defaultSilenced = true;
  };

  test("survives a restart, and a denial takes it back", async () => {
    await serving(silent, async (inner) => {
      const mod = await inner.member("mod", "r1", { role: "mod" });
      await mod.ok("hub:grantSpeak", { roomId: "r1", userId: "sam", seconds: 1 }); // which it does not take: a denial ends it
      inner.closePeers();
      await inner.hubd.stop();
      await inner.start();
      const sam = await inner.member("sam", "r1");
      assert.equal(sam.welcome.silenced, false);
      await sam.say("r1", "hello");
      const again = await inner.member("mod", "r1", { role: "mod" });
      await again.ok("hub:denySpeak", { roomId: "r1", userId: "sam" });
      assert.equal((await sam.next("hub:permissions")).silenced, true);
      await sam.refused("silenced", "hub:send", text("r1"));
    });
  });
});

describe("restrictions over REST", () => {
  const server = serve(ruled);

  test("act like the socket's, and a blocked user's requests are refused", async () => {
    const roomId = server.room();
    const path = `/chat/rooms/${roomId}`;
    const as = (user, role, body) => ({ user, role, body });
    const ask = async (method, rest, who) => {
      const { status, body } = await server.rest(method, `${path}${rest}`, who);
      return body.errCode ? `${status} ${body.errCode}` : status;
    };
    const eve = await server.member("eve", roomId);
    assert.equal(await ask("PUT", "/moderation/eve/silence", as("ann")), "403 not_allowed");
    assert.equal(await ask("PUT", "/moderation/eve/silence", as("mod", "mod", { seconds: 0 })), "400 bad_request");
    assert.equal(await ask("PUT", "/moderation/eve/silence", as("mod", "mod", { seconds: 60 })), 200);
    await eve.next("hub:silenced");
    assert.equal(await ask("POST", "/messages", as("eve", undefined, text(roomId))), "403 silenced");
    assert.equal(await ask("DELETE", "/moderation/eve/silence", as("mod", "mod")), 200);
    await eve.next("hub:unsilenced");
    assert.equal(await ask("DELETE", "/members/eve", as("mod", "mod")), "403 not_allowed");
    assert.equal(await ask("DELETE", "/members/eve", as("olga", "owner", { reason: "late" })), 200);
    assert.deepEqual(await eve.next("hub:kicked"), { roomId, reason: "late" });
    assert.equal(await ask("DELETE", "/members/eve", as("olga", "owner")), "404 not_found");
    assert.equal(await ask("PUT", "/moderation/eve/block", as("mod", "mod")), 200);
    assert.equal(await ask("GET", "/messages", as("eve")), "403 blocked");
    assert.equal(await ask("DELETE", "/moderation/eve/block", as("mod", "mod")), 200);
    assert.equal(await ask("GET", "/messages", as("eve")), 200);
  });
});

for (const bridged of [true, false]) {
  describe(`the room's record, auto-bridge ${bridged ? "on" : "off"}`, () => {
    const server = serve((def) => {
      ruled(def);
      def.hub.eventSettings = { autoBridgeDataEvents: bridged };
    });

    test("is changed by whoever manages the room, and told once", async () => {
      const roomId = server.room();
      const owner = await server.member("olga", roomId, { role: "owner" });
      const ann = await server.member("ann", roomId);
      await ann.refused("not_allowed", "hub:updateRoom", { roomId, changes: { title: "Mine" } });
      for (const changes of [undefined, {}, [], "x"]) await owner.refused("bad_request", "hub:updateRoom", { roomId, changes });
      for (const key of ["id", "createdAt", "updatedAt", "isActive"]) await owner.refused("not_allowed", "hub:updateRoom", { roomId, changes: { [key]: "x" } });
      await owner.refused("invalid_content", "hub:updateRoom", { roomId, changes: { nothing: 1 } });
      await owner.refused("invalid_content", "hub:updateRoom", { roomId, changes: { status: "odd" } });
      const { room } = await owner.ok("hub:updateRoom", { roomId, changes: { title: "Renamed" } });
      assert.equal(room.title, "Renamed");
      for (const peer of [owner, ann]) {
        const told = await peer.next("hub:roomUpdated");
        assert.deepEqual(told.record, room);
        assert.equal(told.changes.title, "Renamed");
      }
      await ann.nothing("hub:roomUpdated");
      const { body } = await server.rest("GET", `/chat/rooms/${roomId}`, { user: "ann" });
      assert.deepEqual(body.room, room);
    });

    test("that makes the room ineligible closes it for everybody", async () => {
      const roomId = server.room();
      const owner = await server.member("olga", roomId, { role: "owner" });
      const ann = await server.member("ann", roomId);
      const dan = await server.member("dan", roomId, { role: "deaf" });
      await owner.ok("hub:updateRoom", { roomId, changes: { status: "closed" } });
      for (const peer of [owner, ann]) assert.equal((await peer.next("hub:roomClosed")).record.status, "closed");
      assert.deepEqual(await dan.next("hub:kicked"), { roomId, reason: "room_not_eligible" });
      await ann.refused("not_in_room", "hub:send", text(roomId));
      await ann.refused("room_not_eligible", "hub:join", { roomId });
    });
  });
}

describe("hub:restrictions", () => {
  const server = serve((def) => {
    ruled(def);
    def.hub.guardrails.defaultSilenced = true;
  });

  test("tells moderators who is blocked, silenced and waiting to speak, also those who come later", async () => {
    const roomId = server.room();
    const first = await server.member("mod", roomId, { role: "mod" });
    const [eve, bob] = [await server.member("eve", roomId), await server.member("bob", roomId)];
    await eve.ok("hub:requestSpeak", { roomId });
    await bob.ok("hub:requestSpeak", { roomId });
    await first.ok("hub:block", { roomId, userId: "zoe", reason: "spam" });
    await first.ok("hub:block", { roomId, userId: "gone", seconds: 3600 });
    await first.ok("hub:unblock", { roomId, userId: "gone" });
    await first.ok("hub:silence", { roomId, userId: "max", seconds: 3600 });
    const late = await server.member("late", roomId, { role: "mod" });
    const { restrictions } = await late.ok("hub:restrictions", { roomId });
    const ids = (list) => list.map(({ userId }) => userId);
    assert.deepEqual([ids(restrictions.blocked), ids(restrictions.silenced), ids(restrictions.waiting)], [["zoe"], ["max"], ["eve", "bob"]]);
    const [{ moderatorId, reason, expiresAt }] = restrictions.blocked;
    assert.deepEqual({ moderatorId, reason, expiresAt }, { moderatorId: "mod", reason: "spam", expiresAt: null });
    assert.ok(Date.parse(restrictions.silenced[0].expiresAt) > Date.now() + 3000000);
    await late.ok("hub:grantSpeak", { roomId, userId: "eve" });
    await late.ok("hub:denySpeak", { roomId, userId: "bob" });
    const { status, body } = await server.rest("GET", `/chat/rooms/${roomId}/moderation`, { user: "late", role: "mod" });
    assert.equal(status, 200);
    assert.deepEqual([body.dataName, body.restrictions.waiting], ["restrictions", []]);
    await bob.ok("hub:requestSpeak", { roomId });
    bob.close();
    await late.next("hub:speakRequested", ({ userId }) => userId === "bob");
  });

  test("shows a block that is older than a thousand grants of speech", async () => {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    await mod.ok("hub:block", { roomId, userId: "zoe" });
    await Promise.all(Array.from({ length: 1000 }, (_, i) => mod.ok("hub:grantSpeak", { roomId, userId: `u${i}` })));
    const { blocked } = (await mod.ok("hub:restrictions", { roomId })).restrictions;
    assert.deepEqual(
      blocked.map(({ userId }) => userId),
      ["zoe"],
    );
  });

  test("a block outlasts ten thousand grants of speech and a restart", async () => {
    await serving(ruled, async (inner) => {
      const mod = await inner.member("mod", "r1", { role: "mod" });
      await mod.ok("hub:block", { roomId: "r1", userId: "zoe" });
      for (let done = 0; done < 10000; done += 1000)
        await Promise.all(Array.from({ length: 1000 }, (_, i) => mod.ok("hub:grantSpeak", { roomId: "r1", userId: `u${done + i}` })));
      inner.closePeers();
      await inner.hubd.stop();
      await inner.start();
      const zoe = await inner.connect("zoe");
      await zoe.refused("blocked", "hub:join", { roomId: "r1" });
    });
  });

  test("lists requests in the order they were first made, while they need an answer", async () => {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const peers = [];
    for (const name of ["zoe", "ann", "max"]) peers.push(await server.member(name, roomId));
    for (const peer of [...peers, peers[0]]) await peer.ok("hub:requestSpeak", { roomId });
    const { waiting } = (await mod.ok("hub:restrictions", { roomId })).restrictions;
    assert.deepEqual(
      waiting.map(({ userId }) => userId),
      ["zoe", "ann", "max"],
    );
    assert.ok(Date.parse(waiting[0].askedAt) <= Date.parse(waiting[1].askedAt) && waiting.some(({ askedAt }) => !askedAt.endsWith(".000Z")));
    await mod.ok("hub:block", { roomId, userId: "zoe" });
    await mod.ok("hub:unblock", { roomId, userId: "zoe" });
    await peers[0].ok("hub:join", { roomId });
    await peers[1].ok("hub:leave", { roomId });
    await server.member("ann", roomId, { role: "mod" });
    const left = (await mod.ok("hub:restrictions", { roomId })).restrictions.waiting;
    assert.deepEqual(
      left.map(({ userId }) => userId),
      ["max"],
    );
  });

  test("is for moderators only", async () => {
    const roomId = server.room();
    const eve = await server.member("eve", roomId);
    await eve.refused("not_allowed", "hub:restrictions", { roomId });
    const { status, body } = await server.rest("GET", `/chat/rooms/${roomId}/moderation`, { user: "eve" });
    assert.deepEqual([status, body.errCode], [403, "not_allowed"]);
  });
});

describe("permissions of who is silenced", () => {
  const server = serve(ruled);

  test("say that he cannot send, wherever they are told, until the silence ends", async () => {
    const roomId = server.room();
    const mod = await server.member("mod", roomId, { role: "mod" });
    const eve = await server.member("eve", roomId);
    assert.deepEqual([eve.welcome.permissions.canSend, eve.welcome.silenced], [true, false]);
    await mod.ok("hub:silence", { roomId, userId: "eve" });
    const told = await eve.next("hub:permissions");
    assert.deepEqual([told.permissions.canSend, told.silenced], [false, true]);
    const again = await server.member("eve", roomId);
    assert.deepEqual([again.welcome.permissions.canSend, again.welcome.silenced], [false, true]);
    const { body } = await server.rest("GET", `/chat/rooms/${roomId}`, { user: "eve" });
    assert.deepEqual([body.permissions.canSend, body.silenced], [false, true]);
    await mod.ok("hub:unsilence", { roomId, userId: "eve" });
    const after = await eve.next("hub:permissions");
    assert.deepEqual([after.permissions.canSend, after.silenced], [true, false]);
  });

  for (const seconds of [9223372036854775000, 316224001, 9007199254740991]) {
    test(`seconds: ${seconds} is refused`, async () => {
      const roomId = server.room();
      const mod = await server.member("mod", roomId, { role: "mod" });
      await mod.refused("bad_request", "hub:block", { roomId, userId: "eve", seconds });
      await mod.ok("hub:block", { roomId, userId: "eve", seconds: 316224000 });
      const { restrictions } = await mod.ok("hub:restrictions", { roomId });
      assert.equal(restrictions.blocked.length, 1);
    });
  }
});

describe("hub:block with deleteMessages", () => {
  const server = serve((def) => {
    ruled(def);
    def.hub.hubRoles = [
      { name: "owner", canManageRoom: true, canModerate: true, canDeleteAny: true },
      { name: "moderator", canModerate: true },
      { name: "deaf", canRead: false },
      { name: "member" },
    ];
    def.hub.messageSettings.customMessageTypes = [{ name: "whisper" }, { name: "claim" }];
    def.hub.hubLogic = { messageHandlers: [{ messageType: "whisper", script: { lua: 'return {accept = true, broadcastTo = {"ann"}}' } }] };
    def.hub.guardrails = { ...def.hub.guardrails, messageRateLimit: 100000 };
  });
  const deletions = (peer) => peer.log.filter(([name]) => name === "hub:messageDeleted").map(([, { messageId, seq }]) => [messageId, seq]);

  test("deletes all of the user's messages and nobody else's, each with a number and before those who know of it", async () => {
    const roomId = server.room();
    const owner = await server.member("owner", roomId, { role: "owner" });
    const [ann, bob, eve] = [await server.member("ann", roomId), await server.member("bob", roomId), await server.member("eve", roomId)];
    const sent = [];
    for (let i = 0; i < 230; i++) {
      if (i % 23 === 0) await ann.say(roomId, "of ann");
      sent.push(await eve.say(roomId, `spam ${i}`));
    }
    const { message: whisper } = await eve.ok("hub:send", { roomId, messageType: "whisper", content: { body: "psst" } });
    const { deleted } = await owner.ok("hub:block", { roomId, userId: "eve", deleteMessages: true });
    assert.equal(deleted, 231);
    await eve.next("hub:blocked");
    const last = (await ann.say(roomId, "after")).seq;
    assert.equal(last, 241 + 231 + 1); // numbers have no gap
    await bob.until(() => bob.log.some(([name, { message }]) => name === "hub:messageArrived" && message.seq === last) || undefined, "the last message");
    const ids = [whisper.id, ...sent.map(({ id }) => id).reverse()];
    assert.deepEqual(deletions(ann), ids.map((id, i) => [id, 242 + i]));
    assert.deepEqual(deletions(bob), ids.slice(1).map((id, i) => [id, 243 + i])); // the whisper was not for bob
    assert.ok(bob.log.some(([name, { seqs }]) => name === "hub:skipped" && seqs.includes(242)));
    const { messages } = await bob.ok("hub:history", { roomId, limit: 1000 });
    assert.deepEqual([...new Set(messages.map(({ senderId }) => senderId))], ["ann"]);
    const late = await server.connect("late");
    await late.ok("hub:join", { roomId, since: 241 });
    assert.equal((await late.next("hub:history")).changes.filter(({ deleted: gone }) => gone).length, 230);
  });

  test("takes the right to delete, over REST too, and then blocks nobody without it", async () => {
    const roomId = server.room();
    const [mod, eve] = [await server.member("mod", roomId, { role: "mod" }), await server.member("eve", roomId)];
    await eve.say(roomId, "mine");
    await mod.refused("not_allowed", "hub:block", { roomId, userId: "eve", deleteMessages: true });
    await mod.refused("bad_request", "hub:block", { roomId, userId: "eve", deleteMessages: "yes" });
    const path = `/chat/rooms/${roomId}/moderation/eve/block`;
    assert.equal((await server.rest("PUT", path, { user: "mod", role: "mod", body: { deleteMessages: true } })).status, 403);
    await eve.say(roomId, "still here");
    const done = await server.rest("PUT", path, { user: "owner", role: "owner", body: { deleteMessages: true } });
    assert.deepEqual([done.status, done.body.deleted], [200, 2]);
    assert.deepEqual((await mod.ok("hub:history", { roomId })).messages, []);
  });

  test("of others who send meanwhile nothing is lost", async () => {
    const roomId = server.room();
    const owner = await server.member("owner", roomId, { role: "owner" });
    const [ann, eve] = [await server.member("ann", roomId), await server.member("eve", roomId)];
    await Promise.all(Array.from({ length: 300 }, (_, i) => eve.say(roomId, `spam ${i}`)));
    const [, ...mine] = await Promise.all([owner.ok("hub:block", { roomId, userId: "eve", deleteMessages: true }), ...Array.from({ length: 100 }, (_, i) => ann.say(roomId, `m ${i}`))]);
    const { messages } = await ann.ok("hub:history", { roomId, limit: 1000 });
    assert.deepEqual(messages.map(({ id }) => id), mine.map(({ id }) => id));
  });
});
