// Who is there and how far they have read: presence with several connections and its grace, read and delivery receipts.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve, serving, SLACK_MS, writeService } from "./harness.js";

function everything(def) {
  def.hub.eventSettings = { enableTypingIndicator: true, enableReadReceipts: true, enableDeliveryReceipts: true, enablePresence: true };
}

const of =
  (id) =>
  ({ user }) =>
    user.id === id;

describe("presence", () => {
  const server = serve(everything);

  test("offline is told five seconds after the last connection is gone, not when one of two closes", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const [desk, phone] = [await server.member("bob", roomId), await server.member("bob", roomId)];
    await ann.next("hub:online", of("bob"));
    desk.close();
    const eve = await server.member("eve", roomId);
    const started = performance.now();
    phone.close();
    const told = await ann.next("hub:offline", of("bob"));
    const elapsed = performance.now() - started;
    assert.ok(elapsed > 4500 && elapsed < 7000 + SLACK_MS, `after ${elapsed} ms`);
    assert.deepEqual({ ...told, user: told.user.id }, { roomId, event: "offline", user: "bob" });
    assert.deepEqual(await ann.next("hub:presence", ({ event }) => event === "offline"), told);
    await eve.next("hub:offline", of("bob"));
    await ann.nothing("hub:offline");
  });

  test("whoever comes back within the grace was never away", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const eve = await server.member("eve", roomId);
    await ann.next("hub:online", of("eve"));
    bob.close();
    await server.member("bob", roomId);
    // Eve's going is told later than Bob's would have been.
    eve.close();
    await ann.next("hub:offline", of("eve"));
    assert.equal(ann.log.filter(([name, payload]) => name === "hub:offline" && payload.user.id === "bob").length, 0);
  });

  test("whoever joins during the grace of another learns of that one's return", async () => {
    const roomId = server.room();
    const bob = await server.member("bob", roomId);
    await bob.ok("hub:leave", { roomId });
    const ann = await server.member("ann", roomId);
    const { members } = await ann.ok("hub:members", { roomId });
    await bob.ok("hub:join", { roomId });
    if (!members.some(({ userId }) => userId === "bob")) await ann.next("hub:online", of("bob"));
  });

  test("whoever has left takes no place and is no member, though offline is not told yet", async () => {
    await serving(
      (def) => {
        everything(def);
        def.hub.guardrails.maxUsersPerRoom = 2;
        def.hub.guardrails.maxRoomsPerUser = 1;
      },
      async (inner) => {
        const ann = await inner.member("ann", "r1");
        const bob = await inner.member("bob", "r1");
        await bob.ok("hub:leave", { roomId: "r1" });
        assert.deepEqual(
          (await ann.ok("hub:members", { roomId: "r1" })).members.map(({ userId }) => userId),
          ["ann"],
        );
        const eve = await inner.member("eve", "r1");
        assert.equal(eve.welcome.memberCount, 2);
        await bob.ok("hub:join", { roomId: "r2" });
      },
    );
  });

  test("away is what the client says, and online ends it", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    await bob.ok("hub:event", { roomId, event: "away" });
    assert.equal((await ann.next("hub:away", of("bob"))).event, "away");
    assert.equal((await ann.next("hub:presence", ({ event }) => event === "away")).user.id, "bob");
    const presence = async () => (await ann.ok("hub:members", { roomId })).members.find(({ userId }) => userId === "bob").presence;
    assert.equal(await presence(), "away");
    await ann.unread("hub:online");
    ann.inbox.length = 0;
    await bob.ok("hub:event", { roomId, event: "online" });
    await ann.next("hub:online", of("bob"));
    assert.equal(await presence(), "online");
  });
});

describe("away, of a user with several connections", () => {
  const server = serve(everything);

  test("one of two says away and closes: he is not away", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const [desk, phone] = [await server.member("bob", roomId), await server.member("bob", roomId)];
    await desk.ok("hub:event", { roomId, event: "away" });
    desk.close();
    await phone.settled();
    await ann.nothing("hub:away");
    const presence = async () => (await ann.ok("hub:members", { roomId })).members.find(({ userId }) => userId === "bob").presence;
    assert.equal(await presence(), "online");
    await phone.ok("hub:event", { roomId, event: "away" });
    await ann.next("hub:away", of("bob"));
    assert.equal(await presence(), "away");
  });

  test("the one that has not said so closes: he is away", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const [desk, phone] = [await server.member("bob", roomId), await server.member("bob", roomId)];
    await desk.ok("hub:event", { roomId, event: "away" });
    await ann.nothing("hub:away");
    phone.close();
    await ann.next("hub:away", of("bob"));
    await server.member("bob", roomId);
    ann.inbox.length = 0;
    await desk.ok("hub:event", { roomId, event: "online" });
  });

  test("another connection that joins ends it", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    await bob.ok("hub:event", { roomId, event: "away" });
    await ann.next("hub:away", of("bob"));
    ann.inbox.length = 0;
    await server.member("bob", roomId);
    await ann.next("hub:online", of("bob"));
  });

  test("by REST, who has joined tells of himself, of all his connections", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const [desk] = [await server.member("bob", roomId), await server.member("bob", roomId)];
    const post = (event, user = "bob") => server.rest("POST", `/chat/rooms/${roomId}/events`, { user, body: { event } });
    assert.equal((await post("typing")).status, 200);
    await ann.next("hub:typing", of("bob"));
    assert.equal((await post("stopTyping")).status, 200);
    await ann.next("hub:stopTyping", of("bob"));
    assert.equal((await post("away")).status, 200);
    await ann.next("hub:away", of("bob"));
    ann.inbox.length = 0;
    await desk.ok("hub:event", { roomId, event: "online" });
    await ann.next("hub:online", of("bob"));
    const { status, body } = await post("typing", "eve");
    assert.deepEqual([status, body.errCode], [403, "not_in_room"]);
  });
});

describe("a message", () => {
  const server = serve((def) => {
    everything(def);
    def.hub.eventSettings.enableRecordingIndicator = true;
    def.hub.messageSettings.customMessageTypes = [{ name: "quiet" }];
    def.hub.hubLogic = { messageHandlers: [{ messageType: "quiet", script: { lua: "return {accept = true, broadcast = false}" } }] };
  });
  const told = (peer) => peer.log.map(([name]) => name).filter((name) => /typing|recording|messageArrived/i.test(name));

  test("ends its sender's typing and recording, together with it", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    await bob.ok("hub:event", { roomId, event: "typing" });
    await bob.ok("hub:event", { roomId, event: "recording" });
    await ann.next("hub:recording");
    await bob.say(roomId, "done");
    await ann.next("hub:messageArrived");
    assert.deepEqual(told(ann), ["hub:typing", "hub:recording", "hub:stopTyping", "hub:stopRecording", "hub:messageArrived"]);
    await bob.say(roomId, "nothing is typed");
    await ann.next("hub:messageArrived");
    assert.equal(told(ann).at(-1), told(ann).at(-2), "the end is told once");
  });

  test("of somebody else does not, and one that is shown to nobody does", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    await bob.ok("hub:event", { roomId, event: "typing" });
    await ann.say(roomId, "I do not");
    await ann.nothing("hub:stopTyping");
    await bob.ok("hub:send", { roomId, messageType: "quiet", content: {} });
    await ann.next("hub:stopTyping");
  });
});

describe("receipts", () => {
  const server = serve(everything);

  async function scene() {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    const messages = [];
    for (const body of ["one", "two", "three"]) {
      // Each with a time of its own: receipts may name the time.
      while (messages.length && Date.now() <= Date.parse(messages.at(-1).timestamp)) await ann.settled();
      messages.push(await ann.say(roomId, body));
    }
    return { roomId, ann, bob, messages };
  }

  test("up to a time before the first message there is nothing to read, and that is no error", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    await bob.ok("messageRead", { roomId, lastReadTimestamp: new Date().toISOString() });
    await ann.say(roomId, "hello");
    await bob.ok("messageRead", { roomId, lastReadTimestamp: "2001-01-01T00:00:00.000Z" });
    await ann.nothing("hub:messageRead");
    await bob.refused("not_found", "messageRead", { roomId, messageId: "no-such-message" });
  });

  test("nor is the number where a room without messages stands, as hub:joined gives it", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    for (const event of ["messageRead", "messageDelivered"]) {
      const key = event === "messageRead" ? "lastReadSeq" : "seq";
      await bob.ok("hub:event", { roomId, event, data: { [key]: bob.welcome.seq } }); // 0: was bad_request
      await bob.ok(event, { roomId, [key]: 7 }); // was not_found
      await bob.refused("bad_request", event, { roomId, [key]: -1 });
      await ann.nothing(`hub:${event}`);
    }
  });

  for (const [what, send] of [
    ["hub:event with lastReadSeq", (bob, roomId, { seq }) => bob.ok("hub:event", { roomId, event: "messageRead", data: { lastReadSeq: seq } })],
    ["hub:event with messageId", (bob, roomId, { id }) => bob.ok("hub:event", { roomId, event: "messageRead", data: { messageId: id } })],
    ["messageRead with lastReadSeq", (bob, roomId, { seq }) => bob.ok("messageRead", { roomId, lastReadSeq: seq })],
    ["hub:messageRead with lastReadTimestamp", (bob, roomId, { timestamp }) => bob.ok("hub:messageRead", { roomId, lastReadTimestamp: timestamp })],
  ]) {
    test(`a read receipt by ${what}`, async () => {
      const { roomId, ann, bob, messages } = await scene();
      await send(bob, roomId, messages[1]);
      const told = await ann.next("hub:messageRead");
      assert.deepEqual(Object.keys(told).sort(), ["lastReadSeq", "lastReadTimestamp", "roomId", "userId"]);
      assert.equal(told.roomId, roomId);
      assert.equal(told.userId, "bob");
      assert.equal(told.lastReadSeq, 2);
      assert.equal(told.lastReadTimestamp, messages[1].timestamp);
    });
  }

  test("receipts never move backwards", async () => {
    const { roomId, ann, bob } = await scene();
    await bob.ok("messageRead", { roomId, lastReadSeq: 3 });
    await ann.next("hub:messageRead");
    await bob.ok("messageRead", { roomId, lastReadSeq: 1 });
    await ann.nothing("hub:messageRead");
    const { members } = await ann.ok("hub:members", { roomId });
    assert.equal(members.find(({ userId }) => userId === "bob").lastReadSeq, 3);
  });

  test("a delivery receipt names the message", async () => {
    const { roomId, ann, bob, messages } = await scene();
    await bob.ok("messageDelivered", { roomId, messageId: messages[2].id });
    assert.deepEqual(await ann.next("hub:messageDelivered"), { roomId, userId: "bob", messageId: messages[2].id, seq: 3 });
  });

  test("of messages that are not there are refused", async () => {
    const { roomId, bob } = await scene();
    await bob.refused("not_found", "messageRead", { roomId, messageId: "018f0000-0000-7000-8000-000000000000" });
    await bob.refused("bad_request", "messageRead", { roomId });
    await bob.refused("bad_request", "messageRead", { roomId, lastReadSeq: "x" });
  });

  test("are there after a restart, for those who come later", async () => {
    await serving(everything, async (inner) => {
      const [ann, bob] = [await inner.member("ann", "r1"), await inner.member("bob", "r1")];
      await ann.say("r1", "hello");
      await bob.ok("messageRead", { roomId: "r1", lastReadSeq: 1 });
      inner.closePeers();
      await inner.hubd.stop();
      await inner.start();
      await inner.member("bob", "r1");
      const late = await inner.member("late", "r1");
      const { members } = await late.ok("hub:members", { roomId: "r1" });
      assert.equal(members.find(({ userId }) => userId === "bob").lastReadSeq, 1);
    });
  });
});

describe("what users say of themselves", () => {
  const server = serve((def) => {
    def.hub.eventSettings = { enablePresence: true, enableTypingIndicator: true };
    const fields = [{ name: "cursor", fieldType: "JSON", fields: [{ name: "x", fieldType: "Integer" }, { name: "y", fieldType: "Integer", defaultValue: "0" }] }, { name: "color", fieldType: "Enum", enumValues: "red,blue" }];
    def.hub.hubExtensions = { ...def.hub.hubExtensions, presence: { state: { fields, maxBytes: 100 } } };
  });
  const states = (peer) => peer.log.filter(([name, told]) => name === "hub:presence" && told.event === "state").map(([, told]) => [told.user.id, told.state]);

  test("is seen by the others, the last of his connections counts, and ends with one event at its time", async () => {
    const roomId = server.room();
    const [ann, desk, phone] = [await server.member("ann", roomId), await server.member("bob", roomId), await server.member("bob", roomId)];
    await desk.ok("hub:presenceState", { roomId, state: { cursor: { x: 1 } } });
    await phone.ok("hub:presenceState", { roomId, state: { color: "red" } });
    phone.close();
    await ann.next("hub:presence", ({ event, state }) => event === "state" && state.color === "red");
    const bobs = (await ann.ok("hub:members", { roomId })).members.find(({ userId }) => userId === "bob");
    assert.deepEqual(bobs.state, { color: "red" });
    await desk.ok("hub:presenceState", { roomId, state: { color: "blue" }, expireAfterMs: 60 });
    await ann.next("hub:presence", ({ event, state }) => event === "state" && state === null);
    await ann.settled();
    assert.deepEqual(states(ann), [["bob", { cursor: { x: 1, y: 0 } }], ["bob", { color: "red" }], ["bob", { color: "blue" }], ["bob", null]]);
    assert.deepEqual(states(desk), []);
  });

  test("is found by those who come late, with who is typing, in the answer to the join", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await ann.ok("hub:presenceState", { roomId, state: { color: "red" }, silent: true });
    await ann.ok("hub:event", { roomId, event: "typing" });
    const bob = await server.connect("bob");
    const { members } = await bob.ok("hub:join", { roomId, members: true });
    assert.deepEqual(members.map(({ userId, typing, state }) => [userId, typing, state]), [["ann", true, { color: "red" }], ["bob", false, undefined]]);
    assert.deepEqual((await bob.next("hub:joined")).members, members);
    assert.equal((await bob.ok("hub:join", { roomId })).members, undefined);
  });

  test("is an object of the declared fields, within maxBytes, of somebody in the room", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await ann.refused("bad_request", "hub:presenceState", { roomId });
    await ann.refused("bad_request", "hub:presenceState", { roomId, state: "here" });
    await ann.refused("bad_request", "hub:presenceState", { roomId, state: {}, expireAfterMs: -1 });
    assert.match((await ann.refused("invalid_content", "hub:presenceState", { roomId, state: { color: "green" } })).message, /state\.color/);
    await ann.refused("invalid_content", "hub:presenceState", { roomId, state: { colour: "red" } });
    await ann.refused("not_in_room", "hub:presenceState", { roomId: server.room(), state: {} });
  });
});

test("a reload that takes states away ends those that were told", async () => {
  const states = (def) => {
    def.hub.eventSettings = { enablePresence: true };
    def.hub.hubExtensions = { presence: { state: {} } };
  };
  await serving(states, async (server) => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    await bob.ok("hub:presenceState", { roomId, state: { at: "lobby" }, expireAfterMs: 60000 });
    await ann.next("hub:presence", ({ state }) => state?.at === "lobby");
    server.def.hub.hubExtensions = {};
    writeService(server.def, server.dir);
    const from = server.hubd.output.length;
    server.hubd.signal("SIGHUP");
    await server.hubd.printed(/definitions reloaded/, from);
    await ann.next("hub:presence", ({ event, state }) => event === "state" && state === null);
    assert.ok((await ann.ok("hub:members", { roomId })).members.every((one) => !("state" in one)));
    await bob.refused("feature_disabled", "hub:presenceState", { roomId, state: {} });
  });
});

test("states without presence are not there, and those that are too large are refused", async () => {
  const presence = { state: { maxBytes: 30 } };
  await serving((def) => { def.hub.hubExtensions = { presence }; }, async (server) => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await ann.refused("feature_disabled", "hub:presenceState", { roomId, state: {} });
  });
  await serving((def) => { def.hub.eventSettings = { enablePresence: true }; def.hub.hubExtensions = { presence, limits: { events: 5 } }; }, async (server) => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    assert.match((await ann.refused("too_large", "hub:presenceState", { roomId, state: { text: "x".repeat(40) } })).message, /presence\.state\.maxBytes is 30/);
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => ann.call("hub:presenceState", { roomId, state: { i } })));
    assert.equal(answers.find(({ ok }) => !ok).error.code, "rate_limited");
    assert.match(JSON.stringify((await server.rest("GET", "/chat", { user: "ann" })).body), /"presenceState":\{"fields":\[\],"maxBytes":30\}/);
  });
});
