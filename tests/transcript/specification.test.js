// Fields of the hub document that no other transcript covers: what each does as seen by clients. docs/specification.md names the test of
// every field.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, serve, serving } from "./harness.js";

/** A custom type "run" whose handler calls the function of lib/act.lua that the content names, and a text type beside it. */
function scripted(def, functions) {
  def.hub.messageSettings.customMessageTypes = [{ name: "run" }];
  def.hub.hubLogic = {
    messageHandlers: [
      {
        messageType: "run",
        script: { lua: "return {accept = true, modifiedContent = {result = lib.act[message.content.call](roomId, message.content)}}" },
      },
    ],
  };
  def.files = { "lib/act.lua": `return {${Object.entries(functions).map(([name, lua]) => `${name} = function(roomId, args) ${lua} end`)}}\n` };
}
const run = async (peer, roomId, call, more = {}) =>
  (await peer.ok("hub:send", { roomId, messageType: "run", content: { call, ...more } })).message.content.result;

describe("descriptions", () => {
  const server = serve((def) => {
    def.hub.hubBasics.description = "Where the desks talk";
    def.hub.messageSettings.customMessageTypes = [
      {
        name: "bid",
        description: "An offer for an item",
        fields: [
          { name: "amount", fieldType: "Decimal", required: true, description: "In the item's currency" },
          { name: "extras", type: "JSON", list: true, fields: [{ name: "what", type: "String" }] },
        ],
      },
    ];
    def.hub.eventSettings = { customEvents: [{ name: "wave", description: "Somebody says hello" }] };
  });

  test("of the hub, its types, fields and events are published under /{hubName}", async () => {
    const { status, body } = await server.rest("GET", "/chat", { user: "ann" });
    assert.equal(status, 200);
    assert.equal(body.hub.name, "chat");
    assert.equal(body.hub.description, "Where the desks talk");
    const bid = body.hub.messageTypes.find(({ name }) => name === "bid");
    assert.equal(bid.description, "An offer for an item");
    assert.equal(bid.fields[0].description, "In the item's currency");
    const what = { name: "what", type: "String", required: false, description: "" };
    assert.deepEqual(bid.fields[1], { name: "extras", type: "JSON", required: false, description: "", list: true, fields: [what] });
    assert.equal(body.hub.events.custom[0].description, "Somebody says hello");
  });
});

describe("names of sources of roles", () => {
  test("appear in the log of joins as what decided", async () => {
    await serving(
      (def) => {
        def.hub.roomSettings.authSources = [
          { name: "ownership", sourceObject: "conversation", userField: "ownerId", roomField: "id", hubRole: "member" },
        ];
        def.hub.roomSettings.authScripts[0].name = "passersBy";
        def.seed.conversation[0].ownerId = "ann";
      },
      async (server) => {
        await server.member("ann", "r1");
        await server.hubd.printed(/authSources\.ownership/);
        await server.member("bob", "r1");
        await server.hubd.printed(/authScripts\.passersBy/);
      },
      { args: ["--log-level", "debug"] },
    );
  });
});

describe("dataObjectName", () => {
  const server = serve((def) => {
    scripted(def, {
      list: "return objects.list('Talk', {roomId = roomId})",
      other: "local ok, why = pcall(objects.list, 'chatMessage', {}) return {ok = ok, why = tostring(why)}",
    });
    def.hub.messageSettings.dataObjectName = "Talk";
  });

  test("is the name under which scripts find the messages", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { id } = await ann.say(roomId, "hello");
    const rows = await run(ann, roomId, "list");
    assert.deepEqual(
      rows.map((row) => [row.id, row.messageType, row.content.body, row.seq]),
      [[id, "text", "hello", 1]],
    );
    const { ok, why } = await run(ann, roomId, "other");
    assert.equal(ok, false);
    assert.match(why, /chatMessage/);
  });
});

describe("authCacheTTL", () => {
  const functions = { leave: "return db.query('DELETE FROM membership WHERE \"userId\" = $1', args.user)" }; // no event: nobody hears of it
  const members = (ttl) => (def) => {
    scripted(def, functions);
    def.hub.roomSettings.authScripts = [{ name: "boss", script: "user.roleId == 'boss'", hubRole: null }];
    def.hub.roomSettings.authSources = [
      { name: "members", sourceObject: "membership", userField: "userId", roomField: "conversationId", hubRole: "member" },
    ];
    def.hub.guardrails.authCacheTTL = ttl;
    def.seed.membership = def.seed.conversation.map(({ id }, i) => ({ id: `m${i}`, userId: "ann", conversationId: id }));
  };
  const scene = async (server) => {
    const roomId = server.room();
    const boss = await server.member("bob", roomId, { role: "boss" });
    const ann = await server.member("ann", roomId);
    await ann.ok("hub:leave", { roomId });
    await run(boss, roomId, "leave", { user: "ann" });
    return { roomId, ann };
  };

  test("of 0 works every join out afresh", async () => {
    await serving(members(0), async (server) => {
      const { roomId, ann } = await scene(server);
      await ann.refused("not_authorized", "hub:join", { roomId });
    });
  });

  test("above 0 remembers the role for that long", async () => {
    await serving(members(2), async (server) => {
      const { roomId, ann } = await scene(server);
      await ann.ok("hub:join", { roomId });
      let answer;
      await eventually("the role is forgotten", async () => {
        await ann.call("hub:leave", { roomId });
        answer = await ann.call("hub:join", { roomId });
        return !answer.ok;
      });
      assert.equal(answer.error.code, "not_authorized");
    });
  });
});

describe("receipts", () => {
  const server = serve((def) => {
    def.hub.roomSettings.authScripts.unshift({ name: "deaf", script: "user.roleId == 'deaf'", hubRole: "deaf" });
    def.hub.hubRoles.push({ name: "deaf", canRead: false });
    def.hub.eventSettings = { enableReadReceipts: true, enableDeliveryReceipts: true };
  });

  async function scene() {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const messages = [];
    for (const body of ["one", "two", "three"]) messages.push(await ann.say(roomId, body));
    const of = async (peer, user) => (await peer.ok("hub:members", { roomId })).members.find(({ userId }) => userId === user);
    return { roomId, ann, bob, messages, of };
  }

  test("messageRead tells the room how far a user has read, by number, message or time", async () => {
    const { roomId, ann, bob, messages } = await scene();
    const told = (i) => ({ roomId, userId: "bob", lastReadTimestamp: messages[i].timestamp, lastReadSeq: i + 1 });
    await bob.ok("hub:event", { roomId, event: "messageRead", lastReadSeq: 1 });
    assert.deepEqual(await ann.next("hub:messageRead"), told(0));
    await bob.ok("hub:event", { roomId, event: "messageRead", data: { messageId: messages[1].id } });
    assert.deepEqual(await ann.next("hub:messageRead"), told(1));
    bob.emit("messageRead", { roomId, lastReadTimestamp: messages[2].timestamp });
    const { lastReadSeq, lastReadTimestamp } = await ann.next("hub:messageRead");
    assert.equal(lastReadSeq, 3);
    assert.equal(lastReadTimestamp, messages[2].timestamp);
  });

  test("messageDelivered tells the room what has arrived", async () => {
    const { roomId, ann, bob, messages } = await scene();
    await bob.ok("hub:event", { roomId, event: "messageDelivered", data: { seq: 1 } });
    assert.deepEqual(await ann.next("hub:messageDelivered"), { roomId, userId: "bob", messageId: messages[0].id, seq: 1 });
    await bob.ok("hub:messageDelivered", { roomId, messageId: messages[2].id });
    assert.deepEqual(await ann.next("hub:messageDelivered"), { roomId, userId: "bob", messageId: messages[2].id, seq: 3 });
  });

  test("never move backwards, whatever comes late or out of order", async () => {
    const { roomId, ann, bob, messages, of } = await scene();
    const future = new Date(Date.now() + 3600000).toISOString();
    await bob.ok("hub:messageRead", { roomId, lastReadTimestamp: future });
    const { lastReadTimestamp } = await ann.next("hub:messageRead");
    assert.ok(Date.parse(lastReadTimestamp) <= Date.now() + 1000, "a time that has not come is not read yet");
    await bob.ok("hub:messageRead", { roomId, lastReadSeq: 1 });
    await bob.ok("hub:messageDelivered", { roomId, seq: 3 });
    await ann.next("hub:messageDelivered");
    await bob.ok("hub:messageDelivered", { roomId, messageId: messages[0].id });
    await ann.nothing("hub:messageRead", "hub:messageDelivered");
    await ann.say(roomId, "four");
    await bob.ok("hub:messageRead", { roomId, lastReadSeq: 4 });
    assert.ok((await ann.next("hub:messageRead")).lastReadTimestamp >= lastReadTimestamp);
    const { lastReadSeq, lastDeliveredSeq } = await of(ann, "bob");
    assert.deepEqual([lastReadSeq, lastDeliveredSeq], [4, 3]);
  });

  test("are in the members list of those who join later", async () => {
    const { roomId, bob, messages, of } = await scene();
    await bob.ok("hub:messageRead", { roomId, lastReadSeq: 2 });
    await bob.ok("hub:messageDelivered", { roomId, seq: 3 });
    const late = await server.member("eve", roomId);
    const { lastReadSeq, lastReadTimestamp, lastDeliveredSeq } = await of(late, "bob");
    assert.deepEqual([lastReadSeq, lastReadTimestamp, lastDeliveredSeq], [2, messages[1].timestamp, 3]);
    assert.equal("lastReadSeq" in (await of(late, "eve")), false);
  });

  test("need a message of the room, and canRead", async () => {
    const { roomId, bob } = await scene();
    for (const event of ["hub:messageRead", "hub:messageDelivered"]) {
      await bob.refused("bad_request", event, { roomId });
      await bob.refused("not_found", event, { roomId, messageId: "018f0000-0000-7000-8000-000000000000" });
    }
    const deaf = await server.member("dan", roomId, { role: "deaf" });
    await deaf.refused("cannot_read", "hub:messageRead", { roomId, lastReadSeq: 1 });
  });

  test("that are not enabled are feature_disabled each on its own", async () => {
    await serving(
      (def) => (def.hub.eventSettings = { enableReadReceipts: true }),
      async (inner) => {
        const ann = await inner.member("ann", "r1");
        await ann.say("r1", "one");
        await ann.ok("hub:messageRead", { roomId: "r1", lastReadSeq: 1 });
        await ann.refused("feature_disabled", "hub:messageDelivered", { roomId: "r1", seq: 1 });
      },
    );
  });
});

describe("presence", () => {
  test("that is off tells nothing and is feature_disabled", async () => {
    await serving(undefined, async (inner) => {
      const ann = await inner.member("ann", "r1");
      const bob = await inner.member("bob", "r1");
      await ann.nothing("hub:online", "hub:presence");
      await bob.refused("feature_disabled", "hub:event", { roomId: "r1", event: "away" });
    });
  });
});

describe("directions of custom events", () => {
  const server = serve((def) => {
    scripted(def, {
      all: "return hub.broadcast(roomId, 'score', {points = 3})",
      some: "return hub.broadcast(roomId, 'score', {points = 4}, {'bob'})",
      one: "return hub.emit(args.user, 'whisper', {secret = true})",
    });
    def.hub.eventSettings = {
      customEvents: [{ name: "score", direction: "serverToRoom" }, { name: "whisper", direction: "serverToClient" }, { name: "wave" }],
    };
  });

  async function scene() {
    const roomId = server.room();
    return { roomId, ann: await server.member("ann", roomId), bob: await server.member("bob", roomId) };
  }

  test("serverToRoom is refused from clients and sent to the room by hub.broadcast", async () => {
    const { roomId, ann, bob } = await scene();
    await ann.refused("not_allowed", "hub:event", { roomId, event: "score", data: {} });
    await ann.refused("not_allowed", "score", { roomId, data: {} });
    assert.equal((await server.rest("POST", `/chat/rooms/${roomId}/events`, { user: "ann", body: { event: "score" } })).status, 403);
    await bob.nothing("score");
    assert.equal(await run(ann, roomId, "all"), true);
    for (const peer of [ann, bob]) assert.deepEqual(await peer.next("score"), { roomId, data: { points: 3 } });
    await run(ann, roomId, "some");
    assert.deepEqual(await bob.next("score"), { roomId, data: { points: 4 } });
    await ann.nothing("score");
  });

  test("serverToClient is refused from clients and sent to all of a user's connections by hub.emit", async () => {
    const { roomId, ann, bob } = await scene();
    const phone = await server.connect("bob");
    await ann.refused("not_allowed", "hub:event", { roomId, event: "whisper", data: {} });
    assert.equal(await run(ann, roomId, "one", { user: "bob" }), 2);
    for (const peer of [bob, phone]) assert.deepEqual(await peer.next("whisper"), { roomId, data: { secret: true } });
    await ann.nothing("whisper");
    assert.equal(await run(ann, roomId, "one", { user: "nobody" }), 0);
  });

  test("clientToRoom is the default", async () => {
    const { roomId, ann, bob } = await scene();
    await ann.ok("hub:event", { roomId, event: "wave", data: 1 });
    assert.deepEqual(await bob.next("wave"), { roomId, userId: "ann", data: 1 });
  });
});

describe("custom events with ephemeral false", () => {
  const server = serve((def) => {
    scripted(def, { score: "return hub.broadcast(roomId, 'score', {points = args.points})" });
    def.hub.roomSettings.authScripts.unshift({ name: "deaf", script: "user.roleId == 'deaf'", hubRole: "deaf" });
    def.hub.hubRoles.push({ name: "deaf", canRead: false });
    def.hub.eventSettings = {
      customEvents: [
        { name: "pin", ephemeral: false },
        { name: "wave", ephemeral: true },
        { name: "score", ephemeral: false, direction: "serverToRoom" },
      ],
    };
    def.hub.guardrails.maxMessageSize = 1000;
  });
  /** Waits until the clock has moved on, so that times of messages and events differ. */
  const moment = async (peer) => {
    for (const now = Date.now(); Date.now() <= now + 1;) await peer.settled();
  };

  test("come back with hub:history when asked for, those of clients and of scripts, and only they", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const data = { message: "m1", list: [], nothing: null };
    await ann.ok("hub:event", { roomId, event: "pin", data });
    await ann.ok("hub:event", { roomId, event: "wave", data: 1 });
    await moment(ann);
    await run(ann, roomId, "score", { points: 7 });
    await moment(ann);
    await ann.ok("hub:event", { roomId, event: "pin" });
    const { events, messages, hasMore } = await ann.ok("hub:history", { roomId, include: "events" });
    assert.equal(messages.length, 1);
    assert.equal(hasMore, false);
    assert.deepEqual(
      events.map(({ id, timestamp, ...rest }) => (assert.match(id, /^[0-9a-f-]{36}$/), assert.match(timestamp, /Z$/), rest)),
      [
        { roomId, senderId: "ann", name: "pin", data },
        { roomId, senderId: null, name: "score", data: { points: 7 } },
        { roomId, senderId: "ann", name: "pin", data: null },
      ],
    );
    assert.equal("events" in (await ann.ok("hub:history", { roomId })), false);
    const { body } = await server.rest("GET", `/chat/rooms/${roomId}/messages?include=events`, { user: "bob" });
    assert.deepEqual(body.events, events);
    assert.equal(body.messages.length, 1);
  });

  test("are of the page's time: read page by page, in either direction, every one comes once", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const names = [];
    const pin = async () => {
      await moment(ann);
      await ann.ok("hub:event", { roomId, event: "pin", data: names.length });
      names.push(names.length);
      await moment(ann);
    };
    await pin();
    for (let i = 0; i < 7; i++) {
      await ann.say(roomId, `${i}`);
      await pin();
    }
    const pages = async (step) => {
      const all = [];
      for (let query = {}; query;) {
        const page = await ann.ok("hub:history", { roomId, limit: 3, include: "events", ...query });
        all.push(page.events.map(({ data }) => data));
        query = page.hasMore && step(page.messages);
      }
      return all;
    };
    assert.deepEqual(await pages((messages) => ({ before: messages[0].seq })), [
      [5, 6, 7],
      [2, 3, 4],
      [0, 1],
    ]);
    assert.deepEqual(
      (await ann.ok("hub:history", { roomId, limit: 3, include: "events", after: 0 })).events.map(({ data }) => data),
      [0, 1, 2],
    );
    assert.deepEqual(
      (await ann.ok("hub:history", { roomId, limit: 3, include: "events", after: 3 })).events.map(({ data }) => data),
      [3, 4, 5],
    );
    assert.deepEqual(
      (await ann.ok("hub:history", { roomId, limit: 3, include: "events", after: 6 })).events.map(({ data }) => data),
      [6, 7],
    );
  });

  test("are not for those who may not read, and bounded like messages", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const deaf = await server.member("dan", roomId, { role: "deaf" });
    await deaf.refused("cannot_read", "hub:history", { roomId, include: "events" });
    await ann.refused("too_large", "hub:event", { roomId, event: "pin", data: "x".repeat(1000) });
    await ann.refused("too_large", "hub:event", { roomId, event: "wave", data: "x".repeat(1000) });
    await ann.refused("bad_request", "hub:history", { roomId, include: "everything" });
    assert.deepEqual((await ann.ok("hub:history", { roomId, include: "events" })).events, []);
  });

  test("survive a restart", async () => {
    await serving(
      (def) => (def.hub.eventSettings = { customEvents: [{ name: "pin", ephemeral: false }] }),
      async (inner) => {
        const ann = await inner.member("ann", "r1");
        await ann.ok("hub:event", { roomId: "r1", event: "pin", data: "kept" });
        inner.closePeers();
        await inner.hubd.stop();
        await inner.start();
        const bob = await inner.member("bob", "r1");
        assert.equal((await bob.ok("hub:history", { roomId: "r1", include: "events" })).events[0].data, "kept");
      },
    );
  });
});

describe("messages that a script changes in their table", () => {
  const changed = (on) => (def) => {
    scripted(def, {
      edit: "return objects.update('chatMessage', args.id, {content = {body = args.body}})",
      drop: "return objects.delete('chatMessage', args.id)",
      hide: "return objects.update('chatMessage', args.id, {isActive = false})",
      erase: "return db.query('DELETE FROM \"chatMessage\" WHERE id = $1', args.id)",
      tell: "return kafka.publish(args.topic, args.record)",
    });
    def.hub.messageSettings.messageTypes = ["text", "system"];
    def.hub.roomSettings.authScripts.unshift({ name: "new", script: "user.roleId == 'new'", hubRole: "newcomer" });
    def.hub.hubRoles.push({ name: "newcomer", moderated: true });
    def.hub.roomSettings.absoluteRoles = ["boss"];
    def.hub.eventSettings = { autoBridgeDataEvents: on };
  };
  let project;
  const server = serve(changed(true), { naming: (def, name) => void (project = name) });
  const scene = async (from = server) => {
    const roomId = from.room();
    const ann = await from.member("ann", roomId);
    const bob = await from.member("bob", roomId);
    return { roomId, ann, bob, message: await ann.say(roomId, "as it was") };
  };

  test("are told with the room's next number, and a system message", async () => {
    const { roomId, ann, bob, message } = await scene();
    await run(ann, roomId, "edit", { id: message.id, body: "as it is" }); // 2: the message that made the script run
    const told = await bob.next("hub:messageEdited");
    const { editedAt, changeSeq, ...rest } = told.message;
    assert.ok(Date.parse(editedAt) > 0);
    assert.equal(changeSeq, told.seq);
    assert.ok(told.seq === 2 || told.seq === 3, `seq ${told.seq}`);
    const { changeSeq: before, ...was } = message;
    assert.equal(before, 1);
    assert.deepEqual(rest, { ...was, content: { body: "as it is" } });
    const system = (await bob.next("hub:messageArrived", ({ message }) => message.messageType === "system")).message;
    assert.deepEqual(system.content, { systemAction: "messageEdited", systemData: { messageId: message.id } });
    assert.equal(system.seq, 4);
    const late = await server.connect("eve");
    await late.ok("hub:join", { roomId, since: 1, epoch: ann.welcome.epoch });
    const { changes } = await late.next("hub:history");
    assert.deepEqual(changes, [{ messageId: message.id, seq: told.seq, message: told.message }]);
  });

  for (const how of ["drop", "hide"]) {
    test(`are told as deleted (${how})`, async () => {
      const { roomId, ann, bob, message } = await scene();
      await run(ann, roomId, how, { id: message.id });
      const told = await bob.next("hub:messageDeleted");
      assert.deepEqual({ ...told, seq: 0 }, { roomId, messageId: message.id, seq: 0 });
      assert.ok(told.seq === 2 || told.seq === 3, `seq ${told.seq}`);
      await bob.next("hub:messageArrived", ({ message }) => message.content.systemAction === "messageDeleted");
      assert.ok(!(await bob.ok("hub:history", { roomId })).messages.some(({ id }) => id === message.id));
    });
  }

  const topic = (what) => `${project}-chat-service-dbevent-chatmessage-${what}`;

  test("are told as deleted without a number when their rows are gone", async () => {
    const { roomId, ann, bob, message } = await scene();
    const kept = await ann.say(roomId, "stays");
    await run(ann, roomId, "erase", { id: message.id });
    for (const record of [kept, { ...message, seq: null }, message]) await run(ann, roomId, "tell", { topic: topic("deleted"), record });
    assert.deepEqual(await bob.next("hub:messageDeleted"), { roomId, messageId: message.id, seq: null });
    await bob.next("hub:messageArrived", ({ message }) => message.content.systemAction === "messageDeleted");
    assert.equal(bob.log.filter(([name]) => name === "hub:messageDeleted").length, 1);
  });

  test("are numbered in rooms that nobody is in, too", async () => {
    const { roomId, ann, bob, message } = await scene();
    const elsewhere = await server.member("ann", server.room());
    const { seq } = await ann.say(roomId, "last");
    for (const peer of [ann, bob]) await peer.ok("hub:leave", { roomId });
    await run(elsewhere, elsewhere.welcome.roomId, "edit", { id: message.id, body: "new" });
    let joined;
    await eventually("the edit has a number", async () => {
      joined = await bob.ok("hub:join", { roomId, since: seq, epoch: ann.welcome.epoch });
      await bob.ok("hub:leave", { roomId });
      return joined.seq > seq;
    });
    const { changes } = await bob.until(() => bob.log.findLast(([name, { changes }]) => name === "hub:history" && changes?.length)?.[1], "changes");
    assert.equal(changes[0].message.content.body, "new");
    assert.equal(changes[0].seq, seq + 1);
  });

  test("are told to nobody while they are pending, and get no number", async () => {
    const { roomId, ann, bob } = await scene();
    const neo = await server.member("neo", roomId, { role: "new" });
    const { message } = await neo.ok("hub:send", { roomId, messageType: "text", content: { body: "waiting" } });
    await run(ann, roomId, "edit", { id: message.id, body: "changed" });
    assert.equal((await ann.say(roomId, "next")).seq, 3);
    await bob.nothing("hub:messageEdited");
  });

  test("are not told with autoBridgeDataEvents off", async () => {
    await serving(changed(false), async (inner) => {
      const { roomId, ann, bob, message } = await scene(inner);
      await run(ann, roomId, "edit", { id: message.id, body: "changed" });
      assert.equal((await ann.say(roomId, "next")).seq, 3);
      await bob.nothing("hub:messageEdited");
    });
  });
});

describe("a handler's result of the wrong shape", () => {
  const server = serve((def) => {
    def.hub.messageSettings.customMessageTypes = [
      {
        name: "act",
        fields: [
          { name: "answer", fieldType: "JSON" },
          { name: "plain", fieldType: "String" },
        ],
      },
      { name: "note", fields: [{ name: "line", fieldType: "String", required: true }] },
    ];
    def.hub.hubLogic = {
      messageHandlers: [{ messageType: "act", script: { lua: "return message.content.answer" } }],
    };
  });
  const note = { type: "note", content: { line: "x" }, to: "all" };
  const messages = (...all) => ({ accept: true, serverMessages: [note, ...all] });

  for (const [what, answer, says] of [
    ["no object", [1], /expected an object/],
    ["no accept", { broadcast: true }, /^.*accept: required/],
    ["accept as text", { accept: "yes" }, /accept: expected true or false/],
    ["broadcast as number", { accept: true, broadcast: 1 }, /broadcast: expected true or false/],
    ["persist as text", { accept: true, persist: "no" }, /persist: expected true or false/],
    ["rejectReason as object", { accept: false, rejectReason: {} }, /rejectReason: expected a text/],
    ["modifiedContent as text", { accept: true, modifiedContent: "x" }, /modifiedContent: expected an object/],
    ["modifiedContent that does not fit the type", { accept: true, modifiedContent: { other: 1 } }, /other/],
    ["broadcastTo everybody", { accept: true, broadcastTo: "everybody" }, /broadcastTo: expected "all", "others", "sender" or an array/],
    ["broadcastTo of numbers", { accept: true, broadcastTo: [1] }, /broadcastTo: expected/],
    ["serverMessages as object", { accept: true, serverMessages: {} }, /serverMessages: expected an array/],
    ["a server message that is none", messages(7), /serverMessages\[1\]: expected an object/],
    ["a server message without type", messages({ ...note, type: undefined }), /serverMessages\[1\]\.type: expected/],
    ["a server message of an unknown type", messages({ ...note, type: "nope" }), /serverMessages\[1\]\.type: .*"nope"/],
    ["a server message without content", messages({ ...note, content: undefined }), /serverMessages\[1\]\.content: expected/],
    ["a server message with bad content", messages(note, { ...note, content: {} }), /serverMessages\[2\]\.content\.line/],
    ["a server message to somewhere", messages({ ...note, to: "them" }), /serverMessages\[1\]\.to: expected/],
    ["a server message kept perhaps", messages({ ...note, persist: 1 }), /serverMessages\[1\]\.persist: expected/],
  ]) {
    test(`${what} is a rejection that says so`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      const error = await ann.refused("handler_failed", "hub:send", { roomId, messageType: "act", content: { answer } });
      assert.match(error.message, says);
      await ann.nothing("hub:messageArrived");
      assert.equal((await ann.say(roomId, "next")).seq, 1);
    });
  }
});

describe("messages of type system", () => {
  const server = serve((def) => (def.hub.messageSettings.messageTypes = ["text", "system"]));

  test("are the server's word alone", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await ann.refused("type_not_allowed", "hub:send", { roomId, messageType: "system", content: { systemAction: "memberLeft" } });
  });
});

describe("canRead", () => {
  const server = serve((def) => {
    scripted(def, { shout: "return hub.broadcast(roomId, 'score', 1)" });
    def.hub.roomSettings.authScripts.unshift({ name: "deaf", script: "user.roleId == 'deaf'", hubRole: "deaf" });
    def.hub.hubRoles.push({ name: "deaf", canRead: false });
    def.hub.messageSettings.enableReaction = true;
    def.hub.eventSettings = {
      enableTypingIndicator: true,
      enableReadReceipts: true,
      enablePresence: true,
      customEvents: [{ name: "wave" }, { name: "score", direction: "serverToRoom" }],
    };
    def.hub.hubLogic.stateScript = "({ secret: 1 })";
  });

  test("false keeps messages, events, presence, history, state and members from a member", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { id: messageId } = await ann.say(roomId, "before");
    const deaf = await server.member("dan", roomId, { role: "deaf" });
    await server.member("bob", roomId);
    await ann.say(roomId, "after");
    await ann.ok("hub:edit", { roomId, messageId, content: { body: "edited" } });
    await ann.ok("hub:react", { roomId, messageId, emoji: "x" });
    await ann.ok("hub:event", { roomId, event: "typing" });
    await ann.ok("hub:event", { roomId, event: "wave" });
    await ann.ok("hub:event", { roomId, event: "away" });
    await ann.ok("hub:messageRead", { roomId, lastReadSeq: 1 });
    await run(ann, roomId, "shout");
    await ann.ok("hub:delete", { roomId, messageId });
    assert.equal((await deaf.say(roomId, "he may speak")).content.body, "he may speak");
    for (const event of ["hub:history", "hub:members"]) await deaf.refused("cannot_read", event, { roomId });
    for (const path of ["messages", "members", `messages/${messageId}`]) {
      const { status, body } = await server.rest("GET", `/chat/rooms/${roomId}/${path}`, { user: "dan", role: "deaf" });
      assert.deepEqual([status, body.errCode], [403, "cannot_read"], path);
    }
    await deaf.settled();
    assert.deepEqual(
      deaf.log.map(([name]) => name),
      ["hub:joined"],
    );
  });
});

describe("bridged records", () => {
  const TOPIC = "orders";
  const STOCK = "warehouse-stock";
  const server = serve((def) => {
    def.hub.eventSettings = {
      kafkaEvents: [
        {
          name: "orderPaid",
          description: "An order of the room was paid",
          topic: TOPIC,
          filterExpression: "data.state === 'paid'",
          targetRoomExpression: "data.room.id",
        },
        { name: "orderSeen", topic: TOPIC, targetRoomExpression: "data.room.id" },
        {
          name: "stockChanged",
          topic: STOCK,
          filterExpression: "headers.source === 'warehouse' && headers.none === undefined",
          targetRoomExpression: "data.rooms ?? key",
        },
      ],
    };
  });
  const publish = (record) => server.rest("POST", `/bus/${TOPIC}`, { user: "ann", body: record });

  test("of a topic that pass the filter are broadcast to the room they name", async () => {
    const [roomId, elsewhere] = [server.room(), server.room()];
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", elsewhere);
    const open = { state: "open", room: { id: roomId } };
    const paid = { state: "paid", room: { id: roomId }, amount: 5 };
    for (const record of [open, paid]) assert.equal((await publish(record)).status, 202);
    assert.deepEqual(await ann.next("orderPaid"), { roomId, data: paid });
    assert.deepEqual(await ann.next("orderSeen"), { roomId, data: open });
    assert.deepEqual(await ann.next("orderSeen"), { roomId, data: paid });
    await ann.nothing("orderPaid");
    await bob.nothing("orderPaid", "orderSeen");
  });

  const stock = (record, query) => server.rest("POST", `/bus/${STOCK}?headers=%7B%22source%22:%22warehouse%22%7D${query ?? ""}`, { user: "ann", body: record });

  test("see the record's key and headers", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    assert.equal((await server.rest("POST", `/bus/${STOCK}?key=${roomId}`, { user: "ann", body: { n: 1 } })).status, 202);
    assert.equal((await stock({ n: 2 })).status, 202); // without a key: for no room
    assert.equal((await stock({ n: 3 }, `&key=${roomId}`)).status, 202);
    assert.deepEqual(await ann.next("stockChanged"), { roomId, data: { n: 3 } });
    await ann.nothing("stockChanged");
    const bad = await server.rest("POST", `/bus/${STOCK}?headers=%7B%22a%22:1%7D`, { user: "ann", body: {} });
    assert.deepEqual([bad.status, bad.body.message], [400, "headers: expected a JSON object of texts"]);
  });

  test("go to each room of a list, once; what is no id is a failed hook", async () => {
    const rooms = [server.room(), server.room()];
    const [ann, bob] = [await server.member("ann", rooms[0]), await server.member("bob", rooms[1])];
    const failures = async () => Number(/hook_failures_total\{hook="[^"]*kafkaEvents\[2\][^"]*"\} (\d+)/.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1] ?? 0);
    const before = await failures();
    await stock({ rooms: [...rooms, rooms[0], "nowhere", null] });
    for (const [who, roomId] of [[ann, rooms[0]], [bob, rooms[1]]]) {
      assert.equal((await who.next("stockChanged")).roomId, roomId);
      await who.nothing("stockChanged");
    }
    assert.equal(await failures(), before);
    await stock({ rooms: [{ id: rooms[0] }, rooms[1]] });
    assert.equal((await bob.next("stockChanged")).roomId, rooms[1]);
    assert.equal(await failures(), before + 1);
  });

  test("are taken from POST /bus/{topic} with dev authentication only", async () => {
    const without = (def) => (def.service.auth = { anonymous: true });
    await serving(without, async (inner) => {
      for (const method of ["POST", "GET"]) {
        assert.equal((await inner.rest(method, `/bus/${TOPIC}`, { body: method === "POST" ? {} : undefined })).status, 404);
      }
    });
  });
});

describe("a scheduled action", () => {
  const ticking = (def) => {
    def.hub.messageSettings.customMessageTypes = [
      {
        name: "beat",
        fields: [
          { name: "title", fieldType: "String" },
          { name: "n", fieldType: "Integer" },
        ],
      },
      { name: "burn" },
    ];
    const burn = "local t = time.now() while time.now() < t + 15 do end return {accept = true, persist = false, broadcast = false}";
    const scheduledActions = [
      {
        name: "pulse",
        intervalMs: 100,
        script: {
          lua: [
            "local n = redis.incr('n:' .. roomId)",
            "return {serverMessages = {{type = 'beat', content = {title = room.title, n = n}, to = 'all', persist = false}}}",
          ].join("\n"),
        },
      },
    ];
    def.hub.hubLogic = { scheduledActions, messageHandlers: [{ messageType: "burn", script: { lua: burn } }] };
  };
  const server = serve(ticking);
  const beat = (peer) => peer.next("hub:messageArrived", ({ message }) => message.messageType === "beat");

  const skipped = async (where) => Number(/^hubd_scheduled_skipped_total (\d+)/m.exec((await where.rest("GET", "/metrics")).text)?.[1] ?? 0);

  test("runs on its interval without drift, with roomId and room, and its serverMessages reach the room", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { title } = server.def.seed.conversation.find(({ id }) => id === roomId);
    const first = (await beat(ann)).message;
    assert.equal(first.content.title, title);
    assert.equal(first.senderId, null);
    // Scripts of another room make every tick late, by 8 ms on average; that must not add up.
    const elsewhere = server.room();
    const bob = await server.member("bob", elsewhere);
    let done = false;
    const burning = (async () => {
      while (!done) await bob.ok("hub:send", { roomId: elsewhere, messageType: "burn", content: {} });
    })();
    // Over fifty intervals, from any of eleven beats on: one that arrives late on a busy machine proves nothing, and one that was skipped there is counted.
    const before = await skipped(server);
    const beats = [];
    for (let i = 0; i <= 60; i++) beats.push({ n: (await beat(ann)).message.content.n, at: performance.now() });
    const left = (await skipped(server)) - before;
    done = true;
    await burning;
    const lost = beats.slice(50).map((last, i) => (last.at - beats[i].at) / 100 - (last.n - beats[i].n));
    assert.ok(
      lost.some((n) => n > -1 && n < left + 1),
      `intervals lost: ${lost.map((n) => n.toFixed(1))}, skipped: ${left}`,
    );
  });

  test("never overlaps itself: ticks that come due meanwhile are skipped and counted", async () => {
    const slow = (def) => {
      ticking(def);
      def.hub.hubLogic.scheduledActions[0].script.lua = [
        "local busy = redis.incr('busy:' .. roomId)",
        "sleep(250)",
        "redis.call('DECR', 'busy:' .. roomId)",
        "return {serverMessages = {{type = 'beat', content = {n = busy}, to = 'all', persist = false}}}",
      ].join("\n");
    };
    await serving(slow, async (inner) => {
      const ann = await inner.member("ann", "r1");
      const started = performance.now();
      for (let i = 0; i < 5; i++) assert.equal((await beat(ann)).message.content.n, 1);
      assert.ok(performance.now() - started >= 5 * 250);
      const left = await skipped(inner);
      assert.ok(left >= 5, `${left} skipped`);
    });
  });

  test("waits for handlers of its room, and they for it", async () => {
    const strict = (def) => {
      scripted(def, {
        slow: "local inside = redis.incr('in:' .. roomId) sleep(30) redis.call('DECR', 'in:' .. roomId) return inside",
      });
      def.hub.messageSettings.customMessageTypes.push({ name: "beat", fields: [{ name: "n", fieldType: "Integer" }] });
      def.hub.hubLogic.scheduledActions = [
        {
          name: "pulse",
          intervalMs: 20,
          script: {
            lua: [
              "local inside = redis.incr('in:' .. roomId)",
              "sleep(15)",
              "redis.call('DECR', 'in:' .. roomId)",
              "return {serverMessages = {{type = 'beat', content = {n = inside}, to = 'all', persist = false}}}",
            ].join("\n"),
          },
        },
      ];
    };
    await serving(strict, async (inner) => {
      const ann = await inner.member("ann", "r1");
      const results = await Promise.all(Array.from({ length: 20 }, () => run(ann, "r1", "slow")));
      assert.deepEqual([...new Set(results)], [1]);
      for (let i = 0; i < 5; i++) assert.equal((await beat(ann)).message.content.n, 1);
    });
  });

  test("is named in the log when its result is of no use", async () => {
    const wrong = (def) => {
      ticking(def);
      def.hub.hubLogic.scheduledActions[0].script = "({ serverMessages: [{ type: 'beat', content: { n: 'x' }, to: 'all' }] })";
    };
    await serving(wrong, async (inner) => {
      await inner.member("ann", "r1");
      const [line] = await inner.hubd.printed(/^.*pulse serverMessages\[0\].*$/m);
      assert.match(line, /n: expected/);
    });
  });
});
