// Rights end with what they rest on, whatever happens to it: records that are moved, deleted or changed by REST, scripts, SQL and the bus; what
// waits when they end; definitions that are replaced.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { embeddedOnly, eventually, runSql, serve, serving, SLACK_MS, waitingRoom, writeService } from "./harness.js";
import { Peer } from "./peer.js";
import { token } from "./tokens.js";

const lua = (...lines) => ({ lua: lines.join("\n") });
const SECRET = "a secret of more than thirty-two characters";
const QUIET = "return {accept = true, broadcast = false, persist = false}";

const member = (more = {}) => ({
  name: "member",
  sourceObject: "membership",
  userField: "userId",
  roomField: "conversationId",
  hubRole: "member",
  ...more,
});

const handlers = await waitingRoom(); // of the first message "slow" of each test

function guarded(def) {
  def.service.scripting = { wallMs: 60000 };
  const api = { read: ["admin"], create: ["admin"], update: ["admin"], delete: ["admin"] };
  for (const object of def.service.dataObjects) object.api = api;
  def.hub.roomSettings = {
    roomDataObject: "conversation",
    roomEligibility: "conversation.status == 'active'",
    authSources: [
      member({ name: "boss", condition: "membership.role == 'boss'", hubRole: "boss" }),
      member({ name: "mute", condition: "membership.role == 'mute'", hubRole: "mute" }),
      member({ condition: "membership.status == 'active'" }),
    ],
    authScripts: [{ name: "operator", script: "user.roleId == 'operator'", hubRole: "boss" }],
  };
  def.hub.hubRoles = [
    { name: "boss", canModerate: true, canManageRoom: true },
    { name: "mute", canSend: false },
    { name: "member" },
  ];
  def.hub.messageSettings = { messageTypes: ["text"], customMessageTypes: [{ name: "slow" }, { name: "act" }] };
  def.hub.hubLogic = {
    messageHandlers: [
      { messageType: "slow", script: lua(`if (message.content.body or '0') == '0' then ${handlers.wait} end`, "return {accept = true}") },
      {
        messageType: "act",
        script: lua(
          "local c = message.content",
          "if c.sleep then log.info('acts soon') sleep(c.sleep) end",
          "if c.change then objects.update(c.object, c.id, c.change) else objects.delete(c.object, c.id) end",
          QUIET,
        ),
      },
    ],
  };
}

describe("what rights rest on", () => {
  let topic;
  const server = serve(guarded, { naming: (def, project) => (topic = `${project}-${def.service.service.name}-service-dbevent-membership`) });
  const admin = (method, path, body) => server.rest(method, path, { user: "root", role: "admin", body });
  const publish = (what, body) => server.rest("POST", `/bus/${topic}-${what}`, { user: "root", body });

  async function scene() {
    const roomId = server.room();
    const op = await server.member("op", roomId, { role: "operator" });
    const { body } = await admin("POST", "/objects/membership", { userId: "ann", conversationId: roomId });
    const ann = await server.member("ann", roomId);
    return { roomId, op, ann, row: body.row };
  }

  const text = (roomId) => ({ roomId, messageType: "text", content: { body: "x" } });

  async function isOut({ roomId, op, ann }) {
    await ann.refused("not_in_room", "hub:send", text(roomId));
    await ann.refused("not_authorized", "hub:join", { roomId });
    await op.say(roomId, "not for ann");
    await ann.settled();
    assert.ok(!ann.log.some(([, { message } = {}]) => message?.content.body === "not for ann"));
  }

  test("a membership that is given to another user ends the one's and begins the other's", async () => {
    const s = await scene();
    const bob = await server.connect("bob");
    await bob.refused("not_authorized", "hub:join", { roomId: s.roomId });
    assert.equal((await admin("PATCH", `/objects/membership/${s.row.id}`, { userId: "bob" })).status, 200);
    await isOut(s);
    assert.equal((await s.op.next("hub:memberLeft")).record.userId, "ann");
    assert.equal((await s.op.next("hub:memberJoined", ({ record }) => record.userId === "bob")).roomId, s.roomId);
    await bob.ok("hub:join", { roomId: s.roomId });
  });

  test("a membership that is moved to another room ends in the one and begins in the other", async () => {
    const s = await scene();
    const other = server.room();
    const there = await server.member("op", other, { role: "operator" });
    await s.ann.refused("not_authorized", "hub:join", { roomId: other });
    await admin("PATCH", `/objects/membership/${s.row.id}`, { conversationId: other });
    await isOut(s);
    assert.equal((await s.op.next("hub:memberLeft")).roomId, s.roomId);
    assert.equal((await there.next("hub:memberJoined")).roomId, other);
    await s.ann.ok("hub:join", { roomId: other });
  });

  test("a script that moves a membership has ended the rights when it goes on", async () => {
    const s = await scene();
    await s.op.ok("hub:send", { roomId: s.roomId, messageType: "act", content: { object: "membership", id: s.row.id, change: { userId: "bob" } } });
    await isOut(s);
  });

  test("somebody else's update counts for the old and the new user", async () => {
    const s = await scene();
    const bob = await server.connect("bob");
    await bob.refused("not_authorized", "hub:join", { roomId: s.roomId });
    await runSql(server.dir, `UPDATE "membership" SET "userId" = 'bob' WHERE "id" = '${s.row.id}';`);
    const membership = { ...s.row, userId: "bob" };
    await publish("updated", { old_membership: s.row, membership, oldDataValues: { userId: "ann" }, newDataValues: { userId: "bob" } });
    assert.equal((await s.op.next("hub:memberLeft")).record.userId, "ann");
    assert.equal((await s.op.next("hub:memberJoined", ({ record }) => record.userId === "bob")).record.userId, "bob");
    assert.deepEqual(await s.ann.next("hub:kicked"), { roomId: s.roomId, reason: "not_authorized" });
    await isOut(s);
    await bob.ok("hub:join", { roomId: s.roomId });
  });

  test("an update that only brings the old values counts for both, too", async () => {
    const s = await scene();
    await runSql(server.dir, `UPDATE "membership" SET "userId" = 'bob' WHERE "id" = '${s.row.id}';`);
    const membership = { ...s.row, userId: "bob" };
    await publish("updated", { membership, oldDataValues: { userId: "ann" }, newDataValues: { userId: "bob" } });
    await s.ann.next("hub:kicked");
    await isOut(s);
  });

  test("so does one whose old row has the changed properties only", async () => {
    const s = await scene();
    await runSql(server.dir, `UPDATE "membership" SET "userId" = 'bob' WHERE "id" = '${s.row.id}';`);
    await publish("updated", { old_membership: { userId: "ann" }, membership: { ...s.row, userId: "bob" }, newDataValues: { userId: "bob" } });
    assert.equal((await s.op.next("hub:memberLeft")).record.userId, "ann");
    await s.ann.next("hub:kicked");
    await isOut(s);
  });

  test("a row that somebody else sets inactive is a membership that is left", async () => {
    const s = await scene();
    await runSql(server.dir, `UPDATE "membership" SET "isActive" = false WHERE "id" = '${s.row.id}';`);
    await publish("updated", { old_membership: s.row, membership: { ...s.row, isActive: false }, newDataValues: { isActive: false } });
    await s.op.next("hub:memberLeft");
    await s.ann.next("hub:kicked");
    await isOut(s);
  });

  test("a condition that becomes false ends the right", async () => {
    const s = await scene();
    await admin("PATCH", `/objects/membership/${s.row.id}`, { status: "suspended" });
    await isOut(s);
  });

  // Once the answer came when the row was written, and the rights ended some milliseconds later.
  test("no command that follows an answered change passes under the old rights", async () => {
    const roomId = server.room();
    const op = await server.member("op", roomId, { role: "operator" });
    for (let i = 0; i < 25; i++) {
      const how = ["DELETE", "PATCH", "mute"][i % 3];
      const { body } = await admin("POST", "/objects/membership", { userId: `u${i}`, conversationId: roomId });
      const peer = await server.member(`u${i}`, roomId);
      const path = `/objects/membership/${body.row.id}`;
      const change = { DELETE: undefined, PATCH: { userId: "nobody" }, mute: { role: "mute" } }[how];
      assert.equal((await admin(how === "DELETE" ? "DELETE" : "PATCH", path, change)).status, 200);
      const said = op.say(roomId, `after ${i}`);
      await peer.refused(how === "mute" ? "cannot_send" : "not_in_room", "hub:send", text(roomId));
      await said;
      await peer.settled();
      const heard = peer.log.some(([, { message } = {}]) => message?.content.body === `after ${i}`);
      assert.equal(heard, how === "mute", `${how} of u${i}`);
      peer.close();
    }
  });

  test("hub:updateRoom is answered when the room it closed is empty", async () => {
    const s = await scene();
    await s.op.ok("hub:updateRoom", { roomId: s.roomId, changes: { status: "closed" } });
    await s.ann.refused("not_in_room", "hub:send", text(s.roomId));
    await s.ann.refused("room_not_eligible", "hub:join", { roomId: s.roomId });
  });
});

describe("rights without autoBridgeDataEvents", () => {
  const server = serve((def) => {
    guarded(def);
    def.hub.eventSettings = { autoBridgeDataEvents: false };
  });
  const admin = (method, path, body) => server.rest(method, path, { user: "root", role: "admin", body });

  test("end with changes that hubd itself makes, though nobody is told of these", async () => {
    const roomId = server.room();
    const op = await server.member("op", roomId, { role: "operator" });
    const { body } = await admin("POST", "/objects/membership", { userId: "ann", conversationId: roomId });
    const ann = await server.member("ann", roomId);
    await admin("DELETE", `/objects/membership/${body.row.id}`);
    await ann.refused("not_in_room", "hub:send", { roomId, messageType: "text", content: { body: "x" } });
    await ann.refused("not_authorized", "hub:join", { roomId });
    await op.nothing("hub:memberLeft", "hub:memberJoined");
  });
});

describe("a user id that is spelt otherwise than in the record", () => {
  const admin = (server, method, path, body) => server.rest(method, path, { user: "root", role: "admin", body });

  // Such a user came in, and stayed when the record was gone, for its id is another one.
  test("is another user's where the record has a number", () =>
    serving(
      (def) => {
        guarded(def);
        def.service.dataObjects[1].properties[0] = { name: "userId", type: "Integer" };
      },
      async (server) => {
        const { body } = await admin(server, "POST", "/objects/membership", { userId: 7, conversationId: "r1" });
        for (const id of ["007", "7.0", "+7", " 7", "7e0"]) {
          const peer = await server.connect(id);
          await peer.refused("not_authorized", "hub:join", { roomId: "r1" });
        }
        const seven = await server.member("7", "r1");
        await admin(server, "DELETE", `/objects/membership/${body.row.id}`);
        await seven.refused("not_in_room", "hub:send", { roomId: "r1", messageType: "text", content: { body: "x" } });
      },
    ));

  test("and a room's likewise", { skip: embeddedOnly("the table is made in its file") }, () =>
    serving(
      (def) => {
        def.service.dataObjects[0] = {
          name: "conversation",
          managed: false,
          properties: [
            { name: "id", type: "Integer" },
            { name: "title", type: "String" },
          ],
        };
        delete def.seed;
      },
      async (server) => {
        const ann = await server.member("ann", "7");
        for (const roomId of ["007", "+7", "7.0"]) await ann.refused("room_not_found", "hub:join", { roomId });
      },
      {
        prepare: (dir) => {
          mkdirSync(join(dir, "data"));
          const sql = "CREATE TABLE conversation (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO conversation VALUES (7, 'seven');";
          execFileSync("sqlite3", [join(dir, "data/test.db")], { input: sql });
        },
      },
    ));

  test("is another user's where the table takes no notice of case", { skip: embeddedOnly("the table is made in its file") }, () =>
    serving(
      (def) => {
        guarded(def);
        def.service.dataObjects[1] = {
          name: "membership",
          managed: false,
          properties: ["userId", "conversationId", "role", "status"].map((name) => ({ name, type: "String" })),
        };
      },
      async (server) => {
        for (const id of ["Ann", "ANN"]) {
          const peer = await server.connect(id);
          await peer.refused("not_authorized", "hub:join", { roomId: "r1" });
        }
        await server.member("ann", "r1");
      },
      {
        prepare: (dir) => {
          const sql =
            `CREATE TABLE membership (id TEXT, "userId" TEXT COLLATE NOCASE, "conversationId" TEXT COLLATE NOCASE, role TEXT, status TEXT);` +
            `INSERT INTO membership VALUES ('m', 'ann', 'r1', NULL, 'active');`;
          mkdirSync(join(dir, "data"));
          execFileSync("sqlite3", [join(dir, "data/test.db")], { input: sql });
        },
      },
    ));
});

describe("a decision whose script changes what it rests on", () => {
  const server = serve((def) => {
    guarded(def);
    def.hub.roomSettings.authScripts = [
      { name: "visits", script: lua("objects.update('membership', 'visit', {role = time.iso()})", "return true"), hubRole: "member" },
    ];
    def.seed.membership = [{ id: "visit", userId: "ann", conversationId: "r1", status: "counted" }];
  });

  test("does not wait for itself", async () => {
    const before = performance.now();
    const ann = await server.member("ann", "r1");
    await ann.say("r1", "in");
    assert.ok(performance.now() - before < SLACK_MS);
    assert.doesNotMatch(server.hubd.output, /before all rights/);
  });
});

describe("sends that wait for their turn", () => {
  const server = serve(guarded);
  const admin = (method, path, body) => server.rest(method, path, { user: "root", role: "admin", body });

  /** Ten messages of ann's wait behind her first, whose handler waits until handlers.open(). */
  async function queue() {
    const roomId = server.room();
    const op = await server.member("op", roomId, { role: "operator" });
    const { body } = await admin("POST", "/objects/membership", { userId: "ann", conversationId: roomId });
    const ann = await server.member("ann", roomId);
    handlers.shut();
    const send = (n) => ann.call("hub:send", { roomId, messageType: n % 2 ? "text" : "slow", content: { body: `${n}` } });
    const sends = Array.from({ length: 11 }, (_, n) => send(n));
    await handlers.holds(1);
    return { roomId, op, ann, sends, row: body.row };
  }

  const ends = {
    "is blocked": ["blocked", ({ op, roomId }) => op.ok("hub:block", { roomId, userId: "ann" })],
    "is silenced": ["silenced", ({ op, roomId }) => op.ok("hub:silence", { roomId, userId: "ann" })],
    "is kicked": ["not_in_room", ({ op, roomId }) => op.ok("hub:kick", { roomId, userId: "ann" })],
    "loses canSend": ["cannot_send", ({ row }) => admin("PATCH", `/objects/membership/${row.id}`, { role: "mute" })],
    "loses the membership": ["not_in_room", ({ row }) => admin("DELETE", `/objects/membership/${row.id}`)],
    "sees the room deleted": ["room_not_found", ({ roomId }) => admin("DELETE", `/objects/conversation/${roomId}`)],
    "sees the room closed": ["room_not_eligible", ({ roomId }) => admin("PATCH", `/objects/conversation/${roomId}`, { status: "closed" })],
  };

  for (const [what, [code, act]] of Object.entries(ends))
    test(`are refused when their sender ${what}`, async () => {
      const s = await queue();
      await act(s);
      handlers.open();
      const answers = await Promise.all(s.sends);
      assert.deepEqual(
        answers.slice(1).map(({ error }) => error?.code),
        Array(10).fill(code),
      );
      await s.op.settled();
      const shown = s.op.log.filter(([name]) => name === "hub:messageArrived").map(([, { message }]) => message.content.body);
      assert.ok(shown.length <= 1, `shown: ${shown}`);
    });

  test("are not stored when a handler deletes the room", async () => {
    const roomId = server.room();
    const op = await server.member("op", roomId, { role: "operator" });
    const from = server.hubd.output.length;
    const content = { object: "conversation", id: roomId, sleep: 200 };
    const act = op.call("hub:send", { roomId, messageType: "act", content });
    const sends = Array.from({ length: 5 }, () => op.call("hub:send", { roomId, messageType: "text", content: { body: "x" } }));
    await server.hubd.printed(/acts soon/, from);
    assert.equal((await act).ok, true);
    for (const answer of await Promise.all(sends)) assert.equal(answer.error?.code, "room_not_found");
  });

  test("stand when their sender leaves by himself", async () => {
    const s = await queue();
    await s.ann.ok("hub:leave", { roomId: s.roomId });
    handlers.open();
    for (const answer of await Promise.all(s.sends)) assert.equal(answer.ok, true);
  });

  test("are judged again when their sender has left by himself", async () => {
    const s = await queue();
    await s.ann.ok("hub:leave", { roomId: s.roomId });
    await admin("DELETE", `/objects/membership/${s.row.id}`);
    handlers.open();
    const answers = await Promise.all(s.sends);
    for (const answer of answers.slice(1)) assert.equal(answer.error?.code, "not_authorized");
  });

  test("are judged again by REST", async () => {
    const s = await queue();
    const path = `/chat/rooms/${s.roomId}/messages`;
    const posts = [1, 2, 3].map(() => server.rest("POST", path, { user: "ann", body: { messageType: "text", content: { body: "by REST" } } }));
    await eventually("the posts wait", async () => (await server.rest("GET", path, { user: "ann" })).status === 200);
    await admin("DELETE", `/objects/membership/${s.row.id}`);
    handlers.open();
    for (const { status, body } of await Promise.all(posts)) {
      assert.equal(status, 403);
      assert.equal(body.errCode, "not_authorized");
    }
    await Promise.all(s.sends);
  });

  test("edits, deletions and reactions that wait are refused, too", async () => {
    const roomId = server.room();
    const op = await server.member("op", roomId, { role: "operator" });
    const { body } = await admin("POST", "/objects/membership", { userId: "ann", conversationId: roomId });
    const ann = await server.member("ann", roomId);
    const { id: messageId } = await ann.say(roomId, "as it was");
    handlers.shut();
    const slow = op.ok("hub:send", { roomId, messageType: "slow", content: {} });
    await handlers.holds(1);
    const changes = [ann.call("hub:edit", { roomId, messageId, content: { body: "other" } }), ann.call("hub:delete", { roomId, messageId })];
    await ann.ok("hub:members", { roomId });
    await admin("DELETE", `/objects/membership/${body.row.id}`);
    handlers.open();
    for (const answer of await Promise.all(changes)) assert.equal(answer.error?.code, "not_in_room");
    await slow;
    await op.nothing("hub:messageEdited", "hub:messageDeleted");
  });

  test("a moderator who is demoted approves nothing that waited", async () => {
    const roomId = server.room();
    const op = await server.member("op", roomId, { role: "operator" });
    const { body } = await admin("POST", "/objects/membership", { userId: "ann", conversationId: roomId, role: "boss" });
    const ann = await server.member("ann", roomId);
    const { id: messageId } = await op.say(roomId, "hello");
    handlers.shut();
    const slow = op.ok("hub:send", { roomId, messageType: "slow", content: {} });
    await handlers.holds(1);
    const approval = ann.call("hub:approve", { roomId, messageId });
    await ann.ok("hub:members", { roomId });
    await admin("PATCH", `/objects/membership/${body.row.id}`, { role: "none" });
    handlers.open();
    assert.equal((await approval).error?.code, "not_allowed");
    await slow;
  });
});

describe("a second join of the same connection", () => {
  const server = serve((def) => {
    guarded(def);
    const room = def.hub.roomSettings;
    room.authSources = [];
    def.hub.guardrails.authCacheTTL = 0;
    room.authScripts = [
      { name: "demoted", script: lua("return redis.get('demoted:' .. user.userId) == '1'"), hubRole: "mute" },
      { name: "others", script: "true", hubRole: "member" },
    ];
    def.hub.messageSettings.customMessageTypes = [{ name: "slow" }, { name: "demote" }];
    def.hub.hubLogic.messageHandlers[1] = { messageType: "demote", script: lua("redis.set('demoted:' .. message.content.user, message.content.to or '1')", QUIET) };
    room.checkScript = lua("return redis.get('demoted:' .. user.userId) ~= 'out'");
  });

  test("that gives other rights judges again what waits", async () => {
    const [roomId, other] = [server.room(), server.room()];
    const op = await server.member("op", roomId);
    await op.ok("hub:join", { roomId: other });
    const ann = await server.member("ann", roomId);
    handlers.shut();
    const slow = op.ok("hub:send", { roomId, messageType: "slow", content: {} });
    await handlers.holds(1);
    const waiting = ann.call("hub:send", { roomId, messageType: "text", content: { body: "x" } });
    await op.ok("hub:send", { roomId: other, messageType: "demote", content: { user: "ann" } });
    assert.equal((await ann.ok("hub:join", { roomId })).hubRole, "mute");
    handlers.open();
    assert.equal((await waiting).error?.code, "cannot_send");
    await slow;
  });

  // It was refused, and the connection read and sent as before.
  test("that is refused ends the first", async () => {
    const [roomId, other] = [server.room(), server.room()];
    const op = await server.member("op", roomId);
    await op.ok("hub:join", { roomId: other });
    const bob = await server.member("bob", roomId);
    await op.ok("hub:send", { roomId: other, messageType: "demote", content: { user: "bob", to: "out" } });
    await bob.refused("check_failed", "hub:join", { roomId });
    assert.deepEqual(await bob.next("hub:kicked"), { roomId, reason: "not_authorized" });
    await bob.refused("not_in_room", "hub:send", { roomId, messageType: "text", content: { body: "x" } });
    await op.say(roomId, "not for bob");
    await bob.nothing("hub:messageArrived");
  });
});

describe("a new token while a join is decided", () => {
  const server = serve((def) => {
    guarded(def);
    const operator = lua("log.info('decides') sleep(300)", "return user.roleId == 'operator'");
    Object.assign(def.hub.roomSettings, {
      authSources: [],
      authScripts: [
        { name: "operator", script: operator, hubRole: "boss" },
        { name: "others", script: "true", hubRole: "member" },
      ],
    });
  });

  for (const [what, role, token, becomes] of [
    ["of less", "operator", "dev:ann", "member"],
    ["of more", undefined, "dev:ann:operator", "boss"],
  ])
    test(`${what} counts for it, and for the joins that wait behind it`, async () => {
      const rooms = [server.room(), server.room()];
      const ann = await server.connect("ann", { role });
      const from = server.hubd.output.length;
      const joins = [ann.call("hub:join", { roomId: rooms[0] })];
      await server.hubd.printed(/decides/, from);
      const behind = [ann.call("hub:refreshToken", { token }), ann.call("hub:join", { roomId: rooms[1] })];
      joins.push(behind[1]);
      assert.equal((await behind[0]).ok, true);
      const roles = (await Promise.all(joins)).map(({ hubRole }) => hubRole);
      await ann.settled();
      const now = rooms.map((roomId, i) => ann.log.findLast(([name, p]) => name === "hub:permissions" && p.roomId === roomId)?.[1].hubRole ?? roles[i]);
      assert.deepEqual(now, [becomes, becomes]);
    });

  test("that comes before the join and is looked at while it is decided counts, too", () =>
    serving(
      (def) => {
        def.service.auth = { dev: true, authenticate: { lua: "if session.roleId == 'guest' then sleep(100) end return true" } };
        def.hub.roomSettings.authScripts = [
          { name: "guest", script: lua("sleep(300)", "return user.roleId == 'guest'"), hubRole: "mute" },
          { name: "others", script: "true", hubRole: "member" },
        ];
        def.hub.hubRoles.push({ name: "mute", canSend: false });
      },
      async (inner) => {
        const ann = await inner.connect("ann");
        const refreshed = ann.ok("hub:refreshToken", { token: "dev:ann:guest" });
        assert.equal((await ann.ok("hub:join", { roomId: "r1" })).hubRole, "mute");
        await refreshed;
      },
    ));
});

describe("the room that a handler sees", () => {
  let topic;
  const count = lua("objects.update('conversation', roomId, {minLevel = room.minLevel + 1})", QUIET);
  const counting = (def) => {
    guarded(def);
    def.hub.messageSettings.customMessageTypes = [{ name: "count" }];
    def.hub.hubLogic = { messageHandlers: [{ messageType: "count", script: count }] };
    def.hubs = [structuredClone({ ...def.hub, hubBasics: { name: "silent" }, eventSettings: { autoBridgeDataEvents: false } })];
  };
  const server = serve(counting, { naming: (def, project) => (topic = `${project}-${def.service.service.name}-service-dbevent-conversation`) });
  const admin = (method, path, body) => server.rest(method, path, { user: "root", role: "admin", body });
  const level = async (roomId) => (await admin("GET", `/objects/conversation/${roomId}`)).body.row.minLevel;

  for (const hub of ["chat", "silent"])
    test(`is the one that the handler before it left (${hub})`, async () => {
      const roomId = server.room();
      const op = await server.member("op", roomId, { role: "operator", hub });
      const message = { messageType: "count", content: {} };
      const path = `/${hub}/rooms/${roomId}/messages`;
      const sends = Array.from({ length: 50 }, () => op.ok("hub:send", { roomId, ...message }));
      const posts = Array.from({ length: 10 }, () => server.rest("POST", path, { user: "op", role: "operator", body: message }));
      await Promise.all(sends);
      for (const { status } of await Promise.all(posts)) assert.equal(status, 201);
      assert.equal(await level(roomId), 60);
    });

  test("is the one that REST and others left", async () => {
    const roomId = server.room();
    const op = await server.member("op", roomId, { role: "operator" });
    const send = () => op.ok("hub:send", { roomId, messageType: "count", content: {} });
    await admin("PATCH", `/objects/conversation/${roomId}`, { minLevel: 100 });
    await send();
    assert.equal(await level(roomId), 101);
    await runSql(server.dir, `UPDATE "conversation" SET "minLevel" = 500 WHERE "id" = '${roomId}';`);
    const row = (await admin("GET", `/objects/conversation/${roomId}`)).body.row;
    op.inbox.length = 0;
    await server.rest("POST", `/bus/${topic}-updated`, {
      user: "root",
      body: { old_conversation: { ...row, minLevel: 101 }, conversation: row, newDataValues: { minLevel: 500 } },
    });
    await op.next("hub:roomUpdated", ({ record }) => record.minLevel === 500);
    await send();
    assert.equal(await level(roomId), 501);
  });

  // What a record of the bus says may be long past.
  test("is not an older one that the bus brings", async () => {
    const roomId = server.room();
    const op = await server.member("op", roomId, { role: "operator" });
    const row = (await admin("GET", `/objects/conversation/${roomId}`)).body.row;
    await op.ok("hub:send", { roomId, messageType: "count", content: {} });
    await server.rest("POST", `/bus/${topic}-updated`, { user: "root", body: { old_conversation: row, conversation: row, newDataValues: {} } });
    await op.next("hub:roomUpdated", ({ record }) => record.minLevel === 0);
    await op.ok("hub:send", { roomId, messageType: "count", content: {} });
    assert.equal(await level(roomId), 2);
  });
});

describe("what is read while rights end", () => {
  const server = serve((def) => {
    guarded(def);
    def.hub.hubLogic = { stateScript: lua("log.info('state is made')", "sleep(300)", "return {secret = room.title}") };
  });
  const admin = (method, path, body) => server.rest(method, path, { user: "root", role: "admin", body });

  test("is not shown to who has lost them", async () => {
    const roomId = server.room();
    const { body } = await admin("POST", "/objects/membership", { userId: "ann", conversationId: roomId });
    const ann = await server.member("ann", roomId);
    await ann.next("hub:state");
    const from = server.hubd.output.length;
    const asked = ann.call("hub:requestState", { roomId });
    const fetched = server.rest("GET", `/chat/rooms/${roomId}/state`, { user: "ann" });
    await server.hubd.printed(/state is made[^]*state is made/, from);
    await admin("DELETE", `/objects/membership/${body.row.id}`);
    assert.equal((await asked).error?.code, "not_in_room");
    assert.equal((await fetched).body.errCode, "not_authorized");
    await ann.nothing("hub:state");
  });
});

describe("a reload", () => {
  const auth = (issuer, more) => ({ jwt: { algorithms: ["HS256"], secretEnv: "TEST_JWT_SECRET", issuer, ...more } });

  /** Serves what GUARDED and CHANGE make, with ann (a member by her membership) in r1, lets EDIT change the definition, and reloads. */
  const reloading = (edit, body, change) =>
    serving(
      (def) => {
        guarded(def);
        def.seed.membership = [{ id: "m1", userId: "ann", conversationId: "r1" }];
        change?.(def);
      },
      async (server) => {
        const ann = await server.member("ann", "r1");
        const op = await server.member("op", "r1", { role: "operator" });
        edit(server.def);
        writeService(server.def, server.dir);
        const from = server.hubd.output.length;
        server.hubd.signal("SIGHUP");
        await server.hubd.printed(/definitions reloaded/, from);
        await body({ server, ann, op });
      },
    );

  const text = { roomId: "r1", messageType: "text", content: { body: "x" } };
  const room = (def) => def.hub.roomSettings;

  const puttingOut = {
    checkRoles: [(def) => (room(def).checkRoles = ["operator"]), "role_required"],
    checkScript: [(def) => (room(def).checkScript = "user.roleId == 'operator'"), "check_failed"],
    "an authSource's condition": [(def) => (room(def).authSources[2].condition = "membership.status == 'other'"), "not_authorized"],
    authSources: [(def) => (room(def).authSources = room(def).authSources.slice(0, 2)), "not_authorized"],
  };
  for (const [what, [edit, code]] of Object.entries(puttingOut))
    test(`with other ${what} puts out who would not be let in`, () =>
      reloading(edit, async ({ ann, op }) => {
        assert.equal((await ann.next("hub:kicked")).roomId, "r1");
        await ann.refused("not_in_room", "hub:send", text);
        await ann.refused(code, "hub:join", { roomId: "r1" });
        await op.say("r1", "still in");
      }));

  test("with another roomEligibility closes the room", () =>
    reloading(
      (def) => (room(def).roomEligibility = "conversation.status == 'other'"),
      async ({ ann, op }) => {
        for (const peer of [ann, op]) {
          await peer.next("hub:roomClosed");
          await peer.refused("not_in_room", "hub:send", text);
        }
      },
    ));

  test("with other authScripts and absoluteRoles gives other rights", () =>
    reloading(
      (def) => {
        room(def).authScripts[0].script = "false";
        room(def).authSources.push({ name: "x", sourceObject: "conversation", userField: "ownerId", roomField: "id", hubRole: "mute" });
        room(def).absoluteRoles = ["superb"];
      },
      async ({ ann, op }) => {
        await op.next("hub:kicked");
        await ann.say("r1", "a member as before");
      },
    ));

  test("that ends absoluteRoles ends what they gave", () =>
    reloading(
      (def) => (room(def).absoluteRoles = []),
      async ({ op }) => assert.equal((await op.next("hub:permissions")).hubRole, "boss"),
      (def) => (room(def).absoluteRoles = ["operator"]),
    ));

  test("that ends a role makes of its members what a join would", () =>
    reloading(
      (def) => {
        def.hub.hubRoles = [...def.hub.hubRoles.filter(({ name }) => name !== "member"), { name: "reader", canSend: false }];
        room(def).authSources[2].hubRole = "reader";
      },
      async ({ ann, op }) => {
        assert.equal((await ann.next("hub:permissions")).hubRole, "reader");
        await ann.refused("cannot_send", "hub:send", text);
        const { seq } = await op.say("r1", "she still reads");
        assert.equal((await ann.next("hub:messageArrived")).message.seq, seq);
        await ann.nothing("hub:kicked");
      },
    ));

  test("that asks for authentication in a namespace ends sockets without", () =>
    serving(
      (def) => {
        def.service.namespaces = [
          { path: "/open", auth: false, events: [{ name: "hi", script: "return 1" }] },
          { path: "/known", auth: true },
        ];
        for (const namespace of def.service.namespaces) for (const event of namespace.events ?? []) event.script = { lua: event.script };
      },
      async (server) => {
        const stranger = await server.connect(undefined, { namespace: "/open" });
        const ann = await server.connect("ann", { namespace: "/known" });
        server.def.service.namespaces[0].auth = true;
        writeService(server.def, server.dir);
        server.hubd.signal("SIGHUP");
        await stranger.disconnected();
        assert.equal((await stranger.next("hub:error")).code, "auth_required");
        const again = server.open(undefined, { namespace: "/open" });
        assert.equal((await again.refusal()).data.code, "auth_required");
        assert.equal(ann.disconnect, undefined);
      },
    ));

  test("that ends what somebody signed in by ends what he has sent and what waits", () =>
    serving(guarded, async (server) => {
      const op = await server.member("op", "r1", { role: "operator" });
      handlers.shut();
      op.emit("hub:send", { roomId: "r1", messageType: "slow", content: {} });
      await handlers.holds(1);
      op.emit("hub:send", text);
      const path = "/chat/rooms/r1/messages";
      const posted = server.rest("POST", path, { user: "op", role: "operator", body: { messageType: "text", content: { body: "x" } } });
      await eventually("the post waits", async () => (await server.rest("GET", path, { user: "op", role: "operator" })).status === 200);
      server.def.service.auth = { anonymous: true };
      room(server.def).authScripts[0].script = "true";
      writeService(server.def, server.dir);
      server.hubd.signal("SIGHUP");
      await op.disconnected();
      handlers.open();
      const { status, body } = await posted;
      assert.equal(status, 401);
      assert.equal(body.errCode, "invalid_token");
      const guest = await server.connect(undefined);
      await guest.ok("hub:join", { roomId: "r1" });
      const types = async () => (await guest.ok("hub:history", { roomId: "r1" })).messages.map(({ messageType }) => messageType);
      await eventually("the first one is stored", async () => (await types()).length > 0); /* its handler ran already */
      assert.deepEqual(await types(), ["slow"]);
    }));

  test("with another library that the authenticate hook calls ends sockets that came in by the old one", () =>
    serving(
      (def) => {
        def.service.auth = { dev: true, authenticate: "lib.gate.open(session.userId)" };
        def.files = { "lib/gate.lua": "return {open = function(id) return true end}" };
      },
      async (server) => {
        const ann = await server.connect("ann");
        server.def.files["lib/gate.lua"] = "return {open = function(id) return id ~= 'ann' end}";
        writeService(server.def, server.dir);
        server.hubd.signal("SIGHUP");
        await ann.disconnected();
        assert.equal((await ann.next("hub:error")).code, "invalid_token");
      },
    ));

  const settings = {
    "without anonymous users": [{ anonymous: true }, { dev: true }, undefined],
    "without development tokens": [{ dev: true }, { anonymous: true }, "dev:ann"],
    "with another issuer": [auth("one"), auth("two"), "jwt"],
    "with another key": [auth("one"), auth("one", { secretEnv: "TEST_JWT_OTHER" }), "jwt"],
    "with another algorithm": [auth("one"), auth("one", { algorithms: ["HS384"] }), "jwt"],
    "with another authenticate hook": [{ dev: true }, { dev: true, authenticate: "session.userId != 'ann'" }, "dev:ann"],
    "with one more algorithm": [auth("one"), auth("one", { algorithms: ["HS384", "HS256"], leewaySeconds: 5 }), "jwt", "stays"],
  };
  for (const [what, [before, after, credential, stays]] of Object.entries(settings))
    test(`${what}: ${stays ? "sockets stay" : "sockets that came in by the old ones end"}`, () =>
      serving(
        (def) => (def.service.auth = before),
        async (server) => {
          const given = credential === "jwt" ? token("HS256", SECRET, { sub: "ann", iss: "one" }) : credential;
          const peer = server.adopt(new Peer(`${server.url}/hub/chat`, given ? { auth: { token: given } } : {}));
          await peer.connected();
          await peer.ok("hub:join", { roomId: "r1" });
          server.def.service.auth = after;
          writeService(server.def, server.dir);
          server.hubd.signal("SIGHUP");
          await server.hubd.printed(/definitions reloaded/);
          if (stays) return void (await peer.say("r1", "still here"));
          await peer.disconnected();
          assert.equal((await peer.next("hub:error")).code, "invalid_token");
        },
        { env: { TEST_JWT_SECRET: SECRET, TEST_JWT_OTHER: `another ${SECRET}` } },
      ));
});

describe("rights of /objects", () => {
  const server = serve((def) => {
    def.service.dataObjects[1].api = { read: ["*"], create: ["writer"], update: ["writer"], delete: ["remover"] };
    def.seed.membership = ["a", "b", "c"].map((id) => ({ id, userId: id, conversationId: "r1" }));
  });
  const path = "/objects/membership";
  const ask = (method, at, role, body) => server.rest(method, `${path}${at}`, { user: "ann", role, body });
  const rows = async (query) => (await ask("GET", query)).body.rows.map(({ id }) => id);

  test("* admits whoever the service admits, and nobody without a token", async () => {
    assert.deepEqual((await rows("?orderBy=id")).slice(0, 3), ["a", "b", "c"]);
    assert.equal((await ask("GET", "/a", "some")).status, 200);
    assert.equal((await server.rest("GET", path)).status, 401);
    assert.equal((await ask("DELETE", "/a", "*")).status, 403);
  });

  test("to delete takes the right to delete, however it is said", async () => {
    const { status, body } = await ask("PATCH", "/a", "writer", { isActive: false });
    assert.equal(status, 403);
    assert.equal(body.errCode, "not_allowed");
    assert.match(body.message, /api\.delete/);
    assert.equal((await ask("GET", "/a")).status, 200);
    assert.equal((await ask("DELETE", "/c", "remover")).status, 200);
  });

  for (const property of ["createdAt", "updatedAt"])
    test(`${property} is nothing that clients set`, async () => {
      const at = "2001-01-01T00:00:00.000Z";
      for (const [method, where, body] of [
        ["PATCH", "/a", { [property]: at }],
        ["POST", "", { userId: "x", conversationId: "r2", [property]: at }],
      ]) {
        const answer = await ask(method, where, "writer", body);
        assert.equal(answer.status, 400);
        assert.match(answer.body.message, new RegExp(property));
      }
      assert.equal((await ask("POST", "", "writer", { userId: "x", conversationId: "r2", isActive: false })).status, 400);
    });

  const refused = {
    "?isActive=false": /isActive/,
    "?%69sActive=false": /isActive/,
    "?isActive=perhaps": /isActive/,
    "?userId=a&userId=b": /userId: given twice/,
    "?userId=a&%75serId=b": /userId: given twice/,
    "?nosuch=1": /nosuch/,
    "?%6eosuch=1": /nosuch/,
    "?limit=1&limit=2": /limit: given twice/,
    "?l%69mit=x": /limit: expected a whole number/,
    "?userId=%zz": /hexadecimal/,
    "?=x": /name=value/,
  };
  for (const [query, message] of Object.entries(refused))
    test(`${query} is refused by name`, async () => {
      const { status, body } = await ask("GET", query);
      assert.equal(status, 400);
      assert.match(body.message, message);
    });

  test("names and values are what they are decoded", async () => {
    assert.deepEqual(await rows("?%75serId=b"), ["b"]);
    assert.deepEqual(await rows("?userId=%62&l%69mit=1"), ["b"]);
    assert.deepEqual(await rows("?&userId=b&"), ["b"]);
    assert.deepEqual(await rows("?isActive=true&userId=b"), ["b"]);
  });

  test("the queries of a hub's lists likewise", async () => {
    const list = (query) => server.rest("GET", `/chat/rooms/r1/messages${query}`, { user: "ann" });
    assert.equal((await list("?limit=5&messageType=text")).status, 200);
    for (const [query, message] of [
      ["?mesageType=text", /mesageType: unknown/],
      ["?messageType=text&%6dessageType=image", /messageType: given twice/],
    ]) {
      const { status, body } = await list(query);
      assert.equal(status, 400);
      assert.match(body.message, message);
    }
    assert.equal((await list("?l%69mit=0")).status, 400);
  });
});

describe("hub:updateRoom", () => {
  const owned = (def) => {
    guarded(def);
    def.hub.roomSettings.authSources = [
      {
        name: "owner",
        sourceObject: "conversation",
        userField: "ownerId",
        roomField: "id",
        condition: "conversation.minLevel < 5",
        hubRole: "boss",
      },
    ];
    def.hub.roomSettings.authScripts = [{ name: "manager", script: "true", hubRole: "manager" }];
    def.hub.hubRoles = [
      { name: "boss", canModerate: true },
      { name: "manager", canManageRoom: true },
    ];
  };
  const server = serve(owned);
  const change = (roomId, changes) => ({ roomId, changes });

  test("changes nothing that an authSource of the hub reads", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    for (const changes of [{ ownerId: "ann" }, { minLevel: 1 }, { title: "x", ownerId: "ann" }, { id: "x" }, { isActive: false }])
      await ann.refused("not_allowed", "hub:updateRoom", change(roomId, changes));
    const { room } = await ann.ok("hub:updateRoom", change(roomId, { title: "New", isPublic: false }));
    assert.equal(room.title, "New");
    assert.equal(room.ownerId, null);
  });

  test("changes what roomUpdate lists, and nothing else", () =>
    serving(
      (def) => {
        owned(def);
        def.hub.hubExtensions = { roomUpdate: { properties: ["title"] } };
      },
      async (inner) => {
        const ann = await inner.member("ann", "r1");
        await ann.refused("not_allowed", "hub:updateRoom", change("r1", { isPublic: false }));
        await ann.ok("hub:updateRoom", change("r1", { title: "New" }));
      },
    ));
});
