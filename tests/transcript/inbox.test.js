// The inbox: a user's rooms without joining them, what is unread in each for him, and word of what changes there for as long as he may know.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, runSql, serve, serving, writeService } from "./harness.js";

const ADMIN = { user: "root", role: "admin" };

function withInbox(def) {
  const api = { read: ["admin"], create: ["admin"], update: ["admin"], delete: ["admin"] };
  for (const object of def.service.dataObjects) object.api = api;
  const source = (more) => ({ sourceObject: "membership", userField: "userId", roomField: "conversationId", hubRole: "member", ...more });
  def.hub.roomSettings = {
    roomDataObject: "conversation",
    roomEligibility: "conversation.status == 'active'",
    authSources: [
      source({ name: "moderator", condition: "membership.role == 'moderator'", hubRole: "moderator" }),
      source({ name: "deaf", condition: "membership.role == 'deaf'", hubRole: "deaf" }),
      source({ name: "membership", condition: "membership.status == 'active'" }),
      { name: "owner", sourceObject: "conversation", userField: "ownerId", roomField: "id", hubRole: "member" },
    ],
    authScripts: [{ name: "operator", script: "user.roleId == 'operator'", hubRole: "member" }],
  };
  def.hub.hubRoles = [{ name: "moderator", canModerate: true, canDeleteAny: true }, { name: "deaf", canRead: false }, { name: "member" }];
  Object.assign(def.hub.messageSettings, { enableReaction: true, enableReplyTo: true, customMessageTypes: [{ name: "act" }] });
  def.hub.eventSettings = { enableReadReceipts: true };
  def.hub.hubLogic = { messageHandlers: [{ messageType: "act", script: { lua: "return message.content.answer" } }] };
  def.hub.hubExtensions.inbox = { enabled: true };
}

const join = (server, userId, conversationId, more = {}) =>
  server.rest("POST", "/objects/membership", { ...ADMIN, body: { id: `${userId}-${conversationId}`, userId, conversationId, ...more } });

/** The rooms of PEER as {id: room}, all pages. */
async function roomsOf(peer, limit = 100) {
  const all = [];
  for (let page = { hasMore: true }; page.hasMore; all.push(...page.rooms)) page = await peer.ok("hub:rooms", { limit, ...(page.before && { before: page.before }) });
  return all;
}
const one = async (peer, roomId) => (await roomsOf(peer)).find((room) => room.roomId === roomId);
const whisper = (to) => ({ messageType: "act", content: { answer: { accept: true, modifiedContent: { body: "for some" }, broadcastTo: to } } });

describe("an inbox", () => {
  let project;
  const server = serve(withInbox, { naming: (_, name) => (project = name) });
  let users = 0;

  /** A user of the test's own, in N rooms; and somebody else who is in all of them. */
  async function scene(n = 1, more) {
    const user = `u${++users}`;
    const rooms = Array.from({ length: n }, () => server.room());
    const other = await server.connect(`o${users}`);
    for (const roomId of rooms) {
      await join(server, user, roomId, more);
      await join(server, `o${users}`, roomId);
      await other.ok("hub:join", { roomId });
    }
    return { user, rooms, roomId: rooms[0], me: await server.connect(user), other, otherId: `o${users}` };
  }

  test("lists the rooms of a user, newest activity first, page by page, without joining them", async () => {
    const { me, other, rooms } = await scene(5);
    for (const roomId of [rooms[2], rooms[0], rooms[3]]) await other.say(roomId, `to ${roomId}`);
    const all = (await me.ok("hub:rooms", {})).rooms;
    assert.deepEqual(all.map(({ roomId }) => roomId), [rooms[3], rooms[0], rooms[2], ...[rooms[1], rooms[4]].sort().reverse()]);
    const { room, hubRole, seq, lastReadSeq, unread, lastMessage } = all[0];
    assert.equal(room.title, `Room ${rooms[3].slice(1)}`);
    assert.deepEqual({ hubRole, seq, lastReadSeq, unread }, { hubRole: "member", seq: 1, lastReadSeq: 0, unread: 1 });
    assert.equal(lastMessage.content.body, `to ${rooms[3]}`);
    assert.deepEqual([all[3].lastMessage, all[3].unread, all[3].seq], [null, 0, 0]);
    assert.deepEqual(await roomsOf(me, 2), all, "pages are the whole, cut");
    await me.refused("not_in_room", "hub:send", { roomId: rooms[0], messageType: "text", content: { body: "x" } });
  });

  test("is the same over REST, and refuses what is no page", async () => {
    const { me, other, rooms, user } = await scene(3);
    for (const roomId of rooms) await other.say(roomId, "hello");
    const { rooms: all } = await me.ok("hub:rooms", {});
    const first = await server.rest("GET", "/chat/rooms?limit=2", { user });
    assert.equal(first.status, 200);
    assert.equal(first.body.dataName, "rooms");
    assert.equal(first.body.hasMore, true);
    const second = await server.rest("GET", `/chat/rooms?limit=2&before=${encodeURIComponent(first.body.before)}`, { user });
    assert.deepEqual([...first.body.rooms, ...second.body.rooms], all);
    assert.equal(second.body.hasMore, false);
    for (const query of ["limit=0", "limit=x", "before=nothing", "before=-1:r1", "before=1:", "roomId=r1"]) {
      assert.equal((await server.rest("GET", `/chat/rooms?${query}`, { user })).status, 400, query);
    }
    assert.equal((await server.rest("GET", "/chat/rooms")).status, 401);
    assert.equal((await server.rest("POST", "/chat/rooms", { user, body: {} })).status, 405);
    for (const before of [5, "x", ":", "1:", `1:${"x".repeat(400)}`]) await me.refused("bad_request", "hub:rooms", { before });
    await me.refused("bad_request", "hub:rooms", { limt: 5 });
  });

  test("counts what is meant for the user: not his own, not whispers to others, not what was deleted", async () => {
    const { me, other, roomId, user } = await scene();
    const last = await other.say(roomId, "1");
    await other.ok("hub:send", { roomId, ...whisper(["somebody"]) });
    let room = await one(me, roomId);
    assert.deepEqual([room.unread, room.lastMessage.id], [1, last.id]);
    await other.ok("hub:send", { roomId, ...whisper([user]) });
    const gone = await other.say(roomId, "2");
    assert.equal((await one(me, roomId)).unread, 3);
    await other.ok("hub:delete", { roomId, messageId: gone.id });
    room = await one(me, roomId);
    assert.deepEqual([room.unread, room.lastMessage.content.body], [2, "for some"]);
    await me.ok("hub:join", { roomId });
    await other.say(roomId, "3");
    await me.say(roomId, "mine");
    const mine = await one(me, roomId);
    assert.deepEqual([mine.unread, mine.lastReadSeq, mine.lastMessage.content.body], [0, mine.lastMessage.seq, "mine"], "sending marks as read");
    const after = await other.say(roomId, "4", { replyTo: { id: mine.lastMessage.id } });
    room = await one(me, roomId);
    assert.deepEqual([room.unread, room.lastReadSeq, room.lastMessage.replyTo.preview], [1, mine.lastReadSeq, "mine"]);
    await me.ok("hub:event", { roomId, event: "messageRead", data: { messageId: after.id } });
    room = await one(me, roomId);
    assert.deepEqual([room.unread, room.lastReadSeq], [0, after.seq]);
    assert.equal((await one(other, roomId)).unread, 0);
  });

  test("has no rooms that the user may not enter, and shows nothing where he may not read", async () => {
    const { me, other, rooms, user } = await scene(4);
    for (const roomId of rooms) await other.say(roomId, "hello");
    await server.rest("PATCH", `/objects/membership/${user}-${rooms[0]}`, { ...ADMIN, body: { status: "over" } });
    await server.rest("PATCH", `/objects/conversation/${rooms[1]}`, { ...ADMIN, body: { status: "closed" } });
    await server.rest("PATCH", `/objects/membership/${user}-${rooms[2]}`, { ...ADMIN, body: { role: "deaf" } });
    const mod = `m${users}`;
    await join(server, mod, rooms[3], { role: "moderator" });
    const judge = await server.member(mod, rooms[3]);
    await judge.ok("hub:block", { roomId: rooms[3], userId: user });
    const all = await roomsOf(me);
    assert.deepEqual(all.map(({ roomId, hubRole, lastMessage, unread, lastReadSeq }) => ({ roomId, hubRole, lastMessage, unread, lastReadSeq })), [
      { roomId: rooms[2], hubRole: "deaf", lastMessage: null, unread: 0, lastReadSeq: 0 },
    ]);
    await judge.ok("hub:unblock", { roomId: rooms[3], userId: user });
    assert.equal((await one(me, rooms[3])).unread, 1);
  });

  test("finds the last message far down, and counts as far as it looks", async () => {
    const { me, other, roomId, user } = await scene();
    const first = await other.say(roomId, "first");
    for (let i = 0; i < 1100; i += 100) await Promise.all(Array.from({ length: 100 }, () => other.ok("hub:send", { roomId, ...whisper(i ? ["somebody"] : [user]) })));
    let room = await one(me, roomId);
    assert.deepEqual([room.seq, room.lastMessage, room.unread], [1101, null, 0], "further than 1,000 messages nobody looks");
    await other.say(roomId, "last");
    assert.deepEqual([(await one(me, roomId)).unread, first.seq], [1, 1]);
    await Promise.all(Array.from({ length: 1200 }, (_, i) => other.say(roomId, `${i}`)));
    room = await one(me, roomId);
    assert.equal(room.unread, 1000);
  });

  test("tells of what changes, merged, and of reading elsewhere", async () => {
    const { me, other, roomId, rooms, user } = await scene(2);
    await me.ok("hub:watchInbox", {});
    await me.ok("hub:watchInbox", {});
    const first = await other.say(roomId, "1");
    let told = await me.next("hub:roomActivity");
    assert.deepEqual([told.roomId, told.seq, told.unread, told.lastMessage.id], [roomId, 1, 1, first.id]);
    assert.deepEqual(Object.keys(told).sort(), ["lastMessage", "roomId", "seq", "unread"]);
    const from = performance.now();
    for (let i = 0; i < 50; i++) await other.say(roomId, `${i}`);
    await other.say(rooms[1], "elsewhere");
    await me.next("hub:roomActivity", (t) => t.roomId === rooms[1]);
    told = await me.next("hub:roomActivity", (t) => t.unread === 51);
    assert.equal(told.lastMessage.content.body, "49");
    const n = me.log.filter(([name, t]) => name === "hub:roomActivity" && t.roomId === roomId).length;
    assert.ok(n <= 2 + Math.ceil((performance.now() - from) / 1000), `${n} within ${performance.now() - from} ms`);
    me.inbox.length = 0; // what was told while the fifty came, if that took seconds
    const elsewhere = await server.member(user, roomId);
    await elsewhere.ok("hub:event", { roomId, event: "messageRead", data: { lastReadSeq: 11 } });
    assert.equal((await me.next("hub:roomActivity")).unread, 40);
    await elsewhere.say(roomId, "mine");
    assert.equal((await me.next("hub:roomActivity")).unread, 0);
    await other.ok("hub:send", { roomId, ...whisper(["somebody"]) });
    await other.say(rooms[1], "the end");
    await me.next("hub:roomActivity", (t) => t.lastMessage.content.body === "the end");
    await me.nothing("hub:roomActivity");
    assert.ok(!me.log.some(([name]) => name === "hub:messageArrived"), "it is in no room");
  });

  test("while others write at full speed tells the truth at the end, to every connection", async () => {
    const { user, me, other, rooms } = await scene(6);
    const second = await server.connect(user);
    await Promise.all([me.ok("hub:watchInbox", {}), second.ok("hub:watchInbox", {})]);
    let n = 0;
    await Promise.all(rooms.map(async (roomId, k) => {
      for (let i = 0; i < 150; i++) {
        const { id } = await other.say(roomId, `${k}: ${i}`);
        if (i % 7 === 3) await other.ok("hub:delete", { roomId, messageId: id });
        else n++;
      }
    }));
    const all = await roomsOf(me);
    for (const peer of [me, second]) {
      await eventually("the last word is what the list says", () =>
        all.every(({ roomId, unread, lastMessage, seq }) => {
          const last = peer.log.findLast(([name, t]) => name === "hub:roomActivity" && t.roomId === roomId)?.[1];
          return last?.unread === unread && last.lastMessage.id === lastMessage.id && last.seq === seq;
        }) || new Promise((done) => setImmediate(done)));
    }
    assert.equal(all.reduce((sum, { unread }) => sum + unread, 0), n);
  });

  test("ends for a room with the membership, at once, and begins with it", async () => {
    const { me, other, roomId, rooms, user } = await scene(2);
    await me.ok("hub:watchInbox", {});
    let row = `${user}-${roomId}`;
    const ends = [
      () => server.rest("DELETE", `/objects/membership/${row}`, ADMIN),
      () => server.rest("PATCH", `/objects/membership/${row}`, { ...ADMIN, body: { status: "over" } }),
      () => server.rest("POST", `/bus/${project}-chat-service-dbevent-membership-deleted`, { ...ADMIN, body: { id: row, userId: user, conversationId: roomId } }),
    ];
    const begins = [
      () => join(server, user, roomId, { id: row }),
      () => server.rest("PATCH", `/objects/membership/${row}`, { ...ADMIN, body: { status: "active" } }),
    ];
    for (const [i, end] of ends.entries()) {
      if (i === 2) await runSql(server.dir, `DELETE FROM membership WHERE "userId" = '${user}' AND "conversationId" = '${roomId}';`);
      assert.ok((await end()).status < 300, `end ${i}`);
      if (i === 2) await eventually("the record of the bus has been handled", async () => (await server.rest("GET", `/chat/rooms/${roomId}`, { user })).status === 403);
      const from = me.log.length;
      await other.say(roomId, `not for him ${i}`);
      await other.say(rooms[1], `for him ${i}`);
      await me.next("hub:roomActivity", (t) => t.lastMessage?.content.body === `for him ${i}`);
      await other.say(rooms[1], `again ${i}`); // what is told when a room has rested: by then any other has, too
      await me.next("hub:roomActivity", (t) => t.lastMessage?.content.body === `again ${i}`);
      assert.deepEqual(me.log.slice(from).filter(([name, t]) => name === "hub:roomActivity" && t.roomId === roomId), []);
      assert.equal(await one(me, roomId), undefined);
      if (i === 2) continue;
      if (i === 0) row += "-again"; // the id of a deleted row stays taken
      assert.ok((await begins[i]()).status < 300, `begin ${i}`);
      await me.next("hub:roomActivity", (t) => t.lastMessage?.content.body === `not for him ${i}`);
    }
  });

  test("has the room whose owner the user is, from its creation on", async () => {
    const { me, user } = await scene();
    await me.ok("hub:watchInbox", {});
    const id = `own-${user}`;
    assert.equal((await server.rest("POST", "/objects/conversation", { ...ADMIN, body: { id, title: "Mine", ownerId: user } })).status, 201);
    assert.equal((await me.next("hub:roomActivity")).roomId, id);
    const other = await server.member("op", id, { role: "operator" });
    await other.say(id, "hello");
    assert.equal((await me.next("hub:roomActivity")).unread, 1);
    await server.rest("PATCH", `/objects/conversation/${id}`, { ...ADMIN, body: { ownerId: "nobody" } });
    assert.equal(await one(me, id), undefined);
  });

  test("is counted in /metrics and named in the description", async () => {
    const { me, other, roomId } = await scene(3);
    await me.ok("hub:watchInbox", {});
    await other.say(roomId, "1");
    await me.next("hub:roomActivity");
    const { text } = await server.rest("GET", "/metrics");
    assert.match(text, /^hubd_inbox_watching 1$/m);
    assert.match(text, /^hubd_inbox_rooms 3$/m);
    assert.match(text, /^hubd_inbox_told_total [1-9]/m);
    assert.deepEqual((await server.rest("GET", "/chat", { user: "ann" })).body.hub.inbox, { enabled: true });
    me.close();
    await eventually("nobody watches", async () => /^hubd_inbox_rooms 0$/m.test((await server.rest("GET", "/metrics")).text));
  });
});

test("without an inbox its requests are refused", async () => {
  await serving(() => {}, async (server) => {
    const ann = await server.connect("ann");
    await ann.refused("feature_disabled", "hub:rooms", {});
    await ann.refused("feature_disabled", "hub:watchInbox", {});
    assert.equal((await server.rest("GET", "/chat/rooms", { user: "ann" })).status, 404, "there is no such path then");
  });
});

test("a reload keeps who watches, by the new definition, and a stop is clean", async () => {
  await serving(withInbox, async (server) => {
    const [a, b] = [server.room(), server.room()];
    await join(server, "ann", a);
    await join(server, "bob", a);
    await join(server, "bob", b);
    assert.equal((await server.rest("PATCH", `/objects/conversation/${b}`, { ...ADMIN, body: { ownerId: "ann" } })).status, 200);
    const [ann, bob] = [await server.connect("ann"), await server.member("bob", a)];
    await bob.ok("hub:join", { roomId: b });
    await ann.ok("hub:watchInbox", {});
    const reload = async (change) => {
      change(server.def.hub.hubExtensions);
      writeService(server.def, server.dir);
      const from = server.hubd.output.length;
      server.hubd.signal("SIGHUP");
      await server.hubd.printed(/definitions reloaded/, from);
    };
    await reload((x) => (x.inbox.roomsBy = ["membership"]));
    await bob.say(b, "1");
    await bob.say(a, "2");
    assert.equal((await ann.next("hub:roomActivity")).roomId, a);
    assert.deepEqual((await roomsOf(ann)).map(({ roomId }) => roomId), [a]);
    await reload((x) => (x.inbox.roomsBy = ["conversation"]));
    await bob.say(a, "3");
    await bob.say(b, "4");
    await ann.next("hub:roomActivity", (t) => t.lastMessage.content.body === "4");
    assert.deepEqual((await roomsOf(ann)).map(({ roomId }) => roomId), [b]);
    await reload((x) => (x.inbox.enabled = false));
    await ann.refused("feature_disabled", "hub:rooms", {});
    await bob.say(b, "5");
    await reload((x) => (x.inbox = { enabled: true }));
    await ann.ok("hub:watchInbox", {});
    await bob.say(b, "6");
    await ann.next("hub:roomActivity", (t) => t.lastMessage.content.body === "6");
    assert.ok(!ann.log.some(([, t]) => t?.lastMessage?.content.body === "5"), "while there was no inbox nothing was told");
  });
});
