// Messages that change: edit, delete, reactions; their numbers, who may, and what a replay brings of them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

function editable(def) {
  def.hub.roomSettings.authScripts = [
    { name: "moderators", script: "user.roleId == 'mod'", hubRole: "moderator" },
    { name: "deaf", script: "user.roleId == 'deaf'", hubRole: "deaf" },
    { name: "everybody", script: "true", hubRole: "member" },
  ];
  def.hub.hubRoles = [{ name: "member" }, { name: "moderator", canModerate: true, canDeleteAny: true }, { name: "deaf", canRead: false }];
  def.hub.messageSettings.enableReaction = true;
}

describe("editing and deleting", () => {
  const server = serve(editable);

  async function pair(role) {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId, { role });
    const message = await ann.say(roomId, "first wording");
    return { roomId, ann, bob, message };
  }

  test("an edit takes the next number as changeSeq and is told to the room", async () => {
    const { roomId, ann, bob, message } = await pair();
    await ann.say(roomId, "in between");
    const answer = await ann.ok("hub:edit", { roomId, messageId: message.id, content: { body: "second wording" } });
    const { editedAt, ...edited } = answer.message;
    assert.deepEqual(edited, { ...message, content: { body: "second wording" }, changeSeq: 3 });
    assert.match(editedAt, /^\d{4}-.*Z$/);
    for (const peer of [ann, bob]) assert.deepEqual(await peer.next("hub:messageEdited"), { roomId, message: answer.message, seq: 3 });
    assert.equal((await ann.say(roomId, "next")).seq, 4);
    assert.deepEqual((await bob.ok("hub:history", { roomId })).messages[0], answer.message);
  });

  test("only the sender edits, and only to valid content", async () => {
    const { roomId, ann, bob, message } = await pair("mod");
    await bob.refused("not_allowed", "hub:edit", { roomId, messageId: message.id, content: { body: "mine now" } });
    await ann.refused("invalid_content", "hub:edit", { roomId, messageId: message.id, content: {} });
    await ann.refused("not_found", "hub:edit", { roomId, messageId: "018f0000-0000-7000-8000-000000000000", content: { body: "x" } });
    await ann.refused("bad_request", "hub:edit", { roomId, content: { body: "x" } });
    assert.equal((await ann.say(roomId, "next")).seq, 2);
  });

  test("a message of another room is not found here", async () => {
    const { message } = await pair();
    const elsewhere = server.room();
    const ann = await server.member("ann", elsewhere);
    await ann.refused("not_found", "hub:edit", { roomId: elsewhere, messageId: message.id, content: { body: "x" } });
    await ann.refused("not_found", "hub:delete", { roomId: elsewhere, messageId: message.id });
  });

  test("a deletion takes a number, is told, and the message is gone from history", async () => {
    const { roomId, ann, bob, message } = await pair();
    await ann.ok("hub:delete", { roomId, messageId: message.id });
    for (const peer of [ann, bob]) assert.deepEqual(await peer.next("hub:messageDeleted"), { roomId, messageId: message.id, seq: 2 });
    assert.deepEqual((await bob.ok("hub:history", { roomId })).messages, []);
    await ann.refused("not_found", "hub:delete", { roomId, messageId: message.id });
    await ann.refused("not_found", "hub:edit", { roomId, messageId: message.id, content: { body: "x" } });
    assert.equal((await ann.say(roomId, "next")).seq, 3);
  });

  test("others delete with canDeleteAny only", async () => {
    const plain = await pair();
    await plain.bob.refused("not_allowed", "hub:delete", { roomId: plain.roomId, messageId: plain.message.id });
    const { roomId, bob, message } = await pair("mod");
    await bob.ok("hub:delete", { roomId, messageId: message.id });
  });

  test("a replay brings the present state of older messages that changed, and new ones once", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const [kept, edited, deleted] = [await ann.say(roomId, "kept"), await ann.say(roomId, "edited"), await ann.say(roomId, "deleted")];
    await ann.ok("hub:edit", { roomId, messageId: edited.id, content: { body: "once" } }); // 4
    await ann.ok("hub:edit", { roomId, messageId: edited.id, content: { body: "twice" } }); // 5
    await ann.ok("hub:delete", { roomId, messageId: deleted.id }); // 6
    const fresh = await ann.say(roomId, "fresh"); // 7
    const again = await ann.ok("hub:edit", { roomId, messageId: fresh.id, content: { body: "fresh, edited" } }); // 8
    const bob = await server.connect("bob");
    const joined = await bob.ok("hub:join", { roomId, since: 3, epoch: ann.welcome.epoch });
    assert.equal(joined.seq, 8);
    assert.equal(joined.recovered, true);
    const { messages, changes } = await bob.next("hub:history");
    assert.deepEqual(messages, [again.message]);
    const bySeq = [...changes].sort((x, y) => x.seq - y.seq);
    assert.equal(bySeq.length, 2);
    assert.deepEqual({ ...bySeq[0], message: 0 }, { messageId: edited.id, seq: 5, message: 0 });
    assert.equal(bySeq[0].message.content.body, "twice");
    assert.deepEqual(bySeq[1], { messageId: deleted.id, seq: 6, deleted: true });
    assert.ok(!changes.some(({ messageId }) => messageId === kept.id));
  });
});

describe("reactions", () => {
  const server = serve(editable);

  test("are one per user and emoji, removable, ordered, and numbered", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const { id: messageId } = await ann.say(roomId, "react to this");
    const react = (peer, emoji, remove) => peer.ok("hub:react", { roomId, messageId, emoji, remove });
    const short = ({ reaction }) => reaction.map(({ emoji, userId }) => `${userId} ${emoji}`);
    assert.deepEqual(short(await react(bob, "👍")), ["bob 👍"]);
    const told = await ann.next("hub:reaction");
    assert.deepEqual({ ...told, reaction: 0 }, {
      roomId,
      messageId,
      emoji: "👍",
      userId: "bob",
      removed: false,
      counts: { "👍": 1 },
      reaction: 0,
      seq: 2,
    });
    assert.deepEqual(Object.keys(told.reaction[0]).sort(), ["emoji", "timestamp", "userId"]);
    assert.deepEqual(short(await react(ann, "👍")), ["bob 👍", "ann 👍"]);
    assert.deepEqual(short(await react(bob, "🎉")), ["bob 👍", "ann 👍", "bob 🎉"]);
    assert.deepEqual(short(await react(bob, "👍")), ["bob 👍", "ann 👍", "bob 🎉"]);
    assert.deepEqual(short(await react(bob, "👍", true)), ["ann 👍", "bob 🎉"]);
    const { messages } = await bob.ok("hub:history", { roomId });
    assert.deepEqual(short(messages[0]), ["ann 👍", "bob 🎉"]);
  });

  test("need a message and an emoji of sensible size", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { id: messageId } = await ann.say(roomId, "x");
    await ann.refused("not_found", "hub:react", { roomId, messageId: "018f0000-0000-7000-8000-000000000000", emoji: "👍" });
    await ann.refused("bad_request", "hub:react", { roomId, messageId });
    await ann.refused("bad_request", "hub:react", { roomId, messageId, emoji: "" });
    await ann.refused("bad_request", "hub:react", { roomId, messageId, emoji: "x".repeat(1000) });
  });

  test("need canRead", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { id: messageId } = await ann.say(roomId, "x");
    const deaf = await server.member("dan", roomId, { role: "deaf" });
    await deaf.refused("cannot_read", "hub:react", { roomId, messageId, emoji: "👍" });
    await ann.ok("hub:react", { roomId, messageId, emoji: "👍" });
    await deaf.nothing("hub:reaction");
  });
});

describe("reactions that are not enabled", () => {
  const server = serve();

  test("are feature_disabled", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { id: messageId } = await ann.say(roomId, "x");
    await ann.refused("feature_disabled", "hub:react", { roomId, messageId, emoji: "👍" });
  });
});
