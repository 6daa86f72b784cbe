// The example in hubs/townhall: nobody speaks unasked, the floor is granted and taken back, and moderators see everything first.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { example } from "./example.js";

const roomId = "allHands";
const text = (body) => ({ roomId, messageType: "text", content: { body } });
const question = (body) => ({ roomId, messageType: "question", content: { body } });

describe("hubs/townhall", () => {
  const hall = example("townhall");
  let n = 0;

  /** Host, moderator, an attendee nobody has heard of yet, and a listener. */
  async function meeting() {
    const user = `ann${++n}`;
    const [hana, mo] = [await hall.member("hana", roomId), await hall.member("mo", roomId)];
    const [ann, eve] = [await hall.member(user, roomId), await hall.member("eve", roomId)];
    return { user, hana, mo, ann, eve };
  }
  const arrived = async (peer, id) => (await peer.next("hub:messageArrived", ({ message }) => message.id === id)).message;

  test("who may moderate comes in with a voice, everybody else without", async () => {
    const { hana, mo, ann } = await meeting();
    for (const [peer, role, silenced] of [
      [hana, "host", false],
      [mo, "moderator", false],
      [ann, "attendee", true],
    ]) {
      assert.deepEqual([peer.welcome.hubRole, peer.welcome.silenced], [role, silenced]);
      assert.deepEqual((await peer.next("hub:state")).state, { title: "All hands", topic: "Welcome" });
    }
    await ann.refused("silenced", "hub:send", text("hello?"));
    await ann.refused("not_allowed", "hub:pending", { roomId });
    assert.equal((await hall.member("eve", "nextYear")).welcome.error.code, "room_not_eligible");
  });

  test("an attendee asks for the floor, gets it, asks, and is heard once a moderator agrees", async () => {
    const { user, hana, mo, ann, eve } = await meeting();
    await ann.ok("hub:requestSpeak", { roomId });
    for (const peer of [hana, mo]) assert.deepEqual(await peer.next("hub:speakRequested"), { roomId, userId: user });
    await eve.nothing("hub:speakRequested");
    await mo.ok("hub:grantSpeak", { roomId, userId: user });
    assert.deepEqual(await ann.next("hub:speakGranted"), { roomId, userId: user });

    const { message } = await ann.ok("hub:send", question("Why on Mondays?"));
    assert.deepEqual([message.status, message.seq ?? null], ["pending", null]);
    for (const peer of [hana, mo]) assert.equal((await peer.next("hub:messagePending")).message.id, message.id);
    await eve.nothing("hub:messageArrived", "hub:messagePending");
    await mo.ok("hub:approve", { roomId, messageId: message.id });
    for (const peer of [hana, mo, ann, eve]) assert.deepEqual((await arrived(peer, message.id)).content, { body: "Why on Mondays?" });
    const { reaction } = await eve.ok("hub:react", { roomId, messageId: message.id, emoji: "👍" });
    assert.equal(JSON.stringify(reaction).includes("eve"), true);
    assert.equal((await eve.ok("hub:history", { roomId })).messages.some(({ id }) => id === message.id), true);
  });

  test("the floor lasts over a reconnection until it is taken back", async () => {
    const { user, hana, ann } = await meeting();
    await hana.ok("hub:grantSpeak", { roomId, userId: user });
    await ann.next("hub:speakGranted");
    ann.close();
    const again = await hall.member(user, roomId);
    assert.equal(again.welcome.silenced, false);
    await again.ok("hub:send", text("still here"));
    await hana.ok("hub:denySpeak", { roomId, userId: user });
    await again.next("hub:speakDenied");
    await again.refused("silenced", "hub:send", text("and now?"));
    assert.equal((await hall.member(user, roomId)).welcome.silenced, true);
  });

  test("a request may be denied, and the floor is nobody else's to grant", async () => {
    const { user, mo, ann, eve } = await meeting();
    await ann.ok("hub:requestSpeak", { roomId });
    await eve.refused("not_allowed", "hub:grantSpeak", { roomId, userId: user });
    await ann.refused("not_allowed", "hub:grantSpeak", { roomId, userId: user });
    await mo.ok("hub:denySpeak", { roomId, userId: user });
    assert.deepEqual(await ann.next("hub:speakDenied"), { roomId, userId: user });
    await ann.refused("silenced", "hub:send", text("hello?"));
    await mo.refused("not_allowed", "hub:requestSpeak", { roomId });
  });

  test("what moderators refuse is never seen, and the sender learns why", async () => {
    const { user, mo, ann, eve } = await meeting();
    await mo.ok("hub:grantSpeak", { roomId, userId: user });
    await ann.next("hub:speakGranted");
    const { message } = await ann.ok("hub:send", text("Buy my book"));
    await mo.ok("hub:reject", { roomId, messageId: message.id, reason: "not about the topic" });
    assert.deepEqual(await ann.next("hub:messageRejected"), { roomId, messageId: message.id, reason: "not about the topic" });
    await eve.nothing("hub:messageArrived");
    assert.equal((await eve.ok("hub:history", { roomId })).messages.some(({ id }) => id === message.id), false);
  });

  test("the host's own words wait too, and any moderator may let them pass", async () => {
    const { hana, mo, eve } = await meeting();
    const { message } = await hana.ok("hub:send", text("Welcome, everybody"));
    assert.equal(message.status, "pending");
    assert.equal((await mo.ok("hub:pending", { roomId })).messages.some(({ id }) => id === message.id), true);
    await mo.ok("hub:approve", { roomId, messageId: message.id });
    await arrived(eve, message.id);
  });

  test("the silent may applaud", async () => {
    const { user, ann, eve } = await meeting();
    await ann.ok("hub:event", { roomId, event: "applause" });
    assert.equal((await eve.next("applause")).userId, user);
  });

  test("the host changes the topic and puts people out; others do not", async () => {
    const { user, hana, mo, ann, eve } = await meeting();
    await mo.refused("not_allowed", "hub:updateRoom", { roomId, changes: { topic: "Mine" } });
    await hana.ok("hub:updateRoom", { roomId, changes: { topic: "Questions" } });
    assert.equal((await eve.next("hub:roomUpdated")).record.topic, "Questions");
    await hana.ok("hub:updateRoom", { roomId, changes: { topic: "Welcome" } });
    await eve.refused("not_allowed", "hub:kick", { roomId, userId: user });
    await hana.ok("hub:kick", { roomId, userId: user, reason: "noise" });
    assert.deepEqual(await ann.next("hub:kicked"), { roomId, reason: "noise" });
  });

  test("who becomes a moderator during the meeting has a voice at once, and loses it with the part", async () => {
    const { user, ann, eve } = await meeting();
    const { body } = await hall.rest("olga", "organizer", "POST", "/objects/panelist", { meetingId: roomId, userId: user });
    const gained = await ann.next("hub:permissions");
    assert.deepEqual([gained.hubRole, gained.permissions.canModerate, gained.silenced], ["moderator", true, false]);
    assert.equal((await eve.next("hub:memberJoined")).record.userId, user);
    await ann.ok("hub:pending", { roomId });
    await hall.rest("olga", "organizer", "DELETE", `/objects/panelist/${body.row.id}`);
    const lost = await ann.next("hub:permissions");
    assert.deepEqual([lost.hubRole, lost.silenced], ["attendee", true]);
    await ann.refused("silenced", "hub:send", text("hello?"));
  });
});
