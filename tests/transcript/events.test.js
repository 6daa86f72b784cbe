// Events that are no messages: typing, recording, presence, custom events, and what may not be emitted.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve, SLACK_MS } from "./harness.js";

const SWITCHES = {
  enableTypingIndicator: [["typing"], ["stopTyping"]],
  enableRecordingIndicator: [["recording"], ["stopRecording"]],
  enablePresence: [["away"], ["online"]],
  enableReadReceipts: [["messageRead", { lastReadSeq: 1 }]],
  enableDeliveryReceipts: [["messageDelivered", { seq: 1 }]],
};

for (const name of Object.keys(SWITCHES)) {
  describe(`${name} alone`, () => {
    const server = serve((def) => (def.hub.eventSettings = { [name]: true }));

    test("enables its events and no others", async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      await ann.say(roomId, "to be read");
      for (const [other, events] of Object.entries(SWITCHES)) {
        for (const [event, data] of events) {
          if (other === name) await ann.ok("hub:event", { roomId, event, data });
          else await ann.refused("feature_disabled", "hub:event", { roomId, event, data });
        }
      }
    });
  });
}

describe("built-in events", () => {
  const server = serve((def) => {
    def.hub.eventSettings = { enableTypingIndicator: true, enableRecordingIndicator: true, enablePresence: true };
  });

  for (const [start, stop] of [
    ["typing", "stopTyping"],
    ["recording", "stopRecording"],
  ]) {
    test(`${start} and ${stop} reach the others with the user`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      const bob = await server.member("bob", roomId);
      for (const event of [start, stop]) {
        await ann.ok("hub:event", { roomId, event });
        const told = await bob.next(`hub:${event}`);
        assert.deepEqual(Object.keys(told).sort(), ["roomId", "user", "userId"]);
        assert.equal(told.roomId, roomId);
        assert.equal(told.userId, "ann");
        assert.equal(told.user.id, "ann");
      }
    });
  }

  test("typing stops by itself after six seconds, and when the user leaves", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const eve = await server.member("eve", roomId);
    const bob = await server.member("bob", roomId);
    const started = performance.now();
    await ann.ok("hub:event", { roomId, event: "typing" });
    await eve.ok("hub:event", { roomId, event: "typing" });
    await eve.ok("hub:leave", { roomId });
    assert.equal((await bob.next("hub:stopTyping")).userId, "eve");
    assert.equal((await bob.next("hub:stopTyping")).userId, "ann");
    const elapsed = performance.now() - started;
    assert.ok(elapsed > 5500 && elapsed < 8500 + SLACK_MS, `after ${elapsed} ms`);
  });

  test("typing leaves no message and takes no number", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await ann.ok("hub:event", { roomId, event: "typing" });
    assert.equal((await ann.say(roomId, "first")).seq, 1);
  });

  test("online is told with the first connection of a user, not with the second", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await server.member("bob", roomId);
    const told = await ann.next("hub:online", ({ user }) => user.id === "bob");
    assert.deepEqual(Object.keys(told).sort(), ["event", "roomId", "user"]);
    assert.equal(told.event, "online");
    assert.deepEqual(await ann.next("hub:presence", ({ user }) => user.id === "bob"), told);
    await server.member("bob", roomId);
    await ann.nothing("hub:online", "hub:presence");
  });
});

// As long as a name may be; two that begin alike; and what an event of 63 bytes was once taken for.
const LONG = ["a".repeat(127) + "b", "a".repeat(128), "ä".repeat(64), "a".repeat(63)];

describe("custom events", () => {
  const server = serve((def) => {
    def.hub.roomSettings.authScripts.unshift({ name: "deaf", script: "user.roleId == 'deaf'", hubRole: "deaf" });
    def.hub.hubRoles.push({ name: "deaf", canRead: false });
    def.hub.eventSettings = {
      customEvents: [
        { name: "wave", ephemeral: true, direction: "clientToRoom" },
        { name: "pin", ephemeral: false, direction: "clientToRoom" },
        { name: "tick", ephemeral: true, direction: "serverToRoom" },
        { name: "verdict", ephemeral: false, direction: "serverToRoom" },
        { name: "whisper", ephemeral: true, direction: "serverToClient" },
        ...LONG.map((name, i) => ({ name, ephemeral: i < 2 })),
      ],
    };
    def.hub.messageSettings.customMessageTypes = [{ name: "tell" }];
    const lua = `local c = message.content
      hub.broadcast(roomId, c.event, c.data, c.to)
      return {accept = true, persist = false, broadcast = false}`;
    def.hub.hubLogic = { messageHandlers: [{ messageType: "tell", script: { lua } }] };
  });

  test("a clientToRoom event reaches the room with user and data", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const data = { hand: "left", times: [1, 2], nothing: null };
    await ann.ok("hub:event", { roomId, event: "wave", data });
    assert.deepEqual(await bob.next("wave"), { roomId, userId: "ann", data });
  });

  test("it may be emitted under its own name", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    ann.emit("wave", { roomId, data: { hand: "right" } });
    const told = await bob.next("wave");
    assert.equal(told.userId, "ann");
    assert.equal(told.roomId, roomId);
    assert.deepEqual(told.data, { hand: "right" });
  });

  for (const name of LONG) {
    test(`one with a name of ${Buffer.byteLength(name)} bytes works under its own name and by hub:event`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      const bob = await server.member("bob", roomId);
      await ann.ok(name, { roomId, data: 1 });
      await ann.ok("hub:event", { roomId, event: name, data: 2 });
      assert.deepEqual([(await bob.next(name)).data, (await bob.next(name)).data], [1, 2]);
      ann.emit(name, { roomId: "elsewhere" });
      assert.equal((await ann.next("hub:error")).event, name);
    });
  }

  test("a name that is longer, or goes on behind a NUL, is another one", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    for (const event of [`${LONG[1]}a`, "x".repeat(3000), "wave\0", `wave\0${"x".repeat(3000)}`, "hub:leave\0"]) await ann.refused("unknown_event", event, { roomId });
    ann.emit(`${LONG[2]}ä`, { roomId });
    const { code, event } = await ann.next("hub:error");
    assert.deepEqual([code, event], ["unknown_event", LONG[2]]); // as far as a name goes
    await bob.nothing(...LONG, "wave");
  });

  test("an event that is persisted reaches the room too", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    await ann.ok("hub:event", { roomId, event: "pin", data: { id: "m1" } });
    assert.deepEqual((await bob.next("pin")).data, { id: "m1" });
  });

  test("an event that is persisted is as large as a message at most", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    for (const event of ["wave", "pin"]) await ann.refused("too_large", "hub:event", { roomId, event, data: { text: "x".repeat(70000) } });
    assert.deepEqual((await ann.ok("hub:history", { roomId, include: "events" })).events, []);
  });

  test("what a script broadcasts is kept as the event says, unless it is meant for some", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const told = (event, data, to) => ann.ok("hub:send", { roomId, messageType: "tell", content: { event, data, to } });
    await told("verdict", { guilty: false });
    await told("verdict", { secret: true }, ["bob"]);
    await told("tick", { n: 1 });
    assert.deepEqual(await bob.next("verdict"), { roomId, data: { guilty: false } });
    assert.deepEqual((await bob.next("verdict")).data, { secret: true });
    await bob.next("tick");
    const { events } = await bob.ok("hub:history", { roomId, include: "events" });
    assert.deepEqual(
      events.map(({ name, senderId, data }) => [name, senderId, data]),
      [["verdict", null, { guilty: false }]],
    );
  });

  for (const event of ["tick", "whisper"]) {
    test(`${event} is the server's to emit`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      const bob = await server.member("bob", roomId);
      const answer = await ann.call("hub:event", { roomId, event });
      assert.equal(answer.ok, false);
      assert.ok(["not_allowed", "unknown_event", "feature_disabled"].includes(answer.error.code), answer.error.code);
      await bob.nothing(event);
    });
  }

  test("an event the hub does not define is unknown_event", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await ann.refused("unknown_event", "hub:event", { roomId, event: "dance" });
    await ann.refused("bad_request", "hub:event", { roomId });
  });

  test("a standard event that is switched off is feature_disabled", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await ann.say(roomId, "to be read");
    for (const [event, data] of Object.values(SWITCHES).flat()) await ann.refused("feature_disabled", "hub:event", { roomId, event, data });
  });

  test("needs the room, and those who may not read hear nothing", async () => {
    const roomId = server.room();
    const ann = await server.connect("ann");
    await ann.refused("not_in_room", "hub:event", { roomId, event: "wave" });
    await ann.ok("hub:join", { roomId });
    const deaf = await server.member("dan", roomId, { role: "deaf" });
    await ann.ok("hub:event", { roomId, event: "wave" });
    await deaf.nothing("wave");
  });
});
