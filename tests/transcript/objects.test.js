// Where join decisions come from: tables and views that exist already, columns under other names, the cache and its lifetime, and
// hooks that fail.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runSql, serve, serving } from "./harness.js";

const SCHEMA = `
CREATE TABLE chat_room (room_key TEXT PRIMARY KEY, caption TEXT NOT NULL, owner_user_id TEXT, state INTEGER NOT NULL);
INSERT INTO chat_room VALUES ('den', 'The den', 'olga', 1), ('attic', 'The attic', NULL, 0);
CREATE TABLE person (id INTEGER PRIMARY KEY, login TEXT NOT NULL);
CREATE TABLE visit (id INTEGER PRIMARY KEY, person_id INTEGER, room TEXT, kind TEXT);
INSERT INTO person VALUES (1, 'ann'), (2, 'bob');
INSERT INTO visit VALUES (7, 1, 'den', 'guest');
CREATE VIEW visitor AS SELECT visit.id AS id, login AS user_login, room, kind FROM visit JOIN person ON person.id = person_id;
`;

function existing(def) {
  def.service.dataObjects = [
    {
      name: "place",
      managed: false,
      table: "chat_room",
      idProperty: "key",
      properties: [
        { name: "key", type: "ID" },
        { name: "title", type: "String" },
        { name: "ownerId", type: "ID" },
        { name: "state", type: "Integer" },
      ],
      columns: { key: "room_key", title: "caption", ownerId: "owner_user_id" },
    },
    {
      name: "visitor",
      managed: false,
      properties: [
        { name: "userId", type: "ID" },
        { name: "placeKey", type: "ID" },
        { name: "kind", type: "String" },
      ],
      columns: { userId: "user_login", placeKey: "room" },
    },
  ];
  def.seed = undefined;
  def.hub.roomSettings = {
    roomDataObject: "place",
    roomEligibility: "place.state === 1",
    authSources: [
      { name: "owner", sourceObject: "place", userField: "ownerId", roomField: "key", hubRole: "owner" },
      { name: "guest", sourceObject: "visitor", userField: "userId", roomField: "placeKey", condition: "visitor.kind == 'guest'", hubRole: "member" },
    ],
  };
  def.hub.hubRoles = [{ name: "owner", canManageRoom: true }, { name: "member" }];
  def.hub.hubLogic = { stateScript: "({ title: room.title, owner: room.ownerId })" };
}

test("rooms and members in existing tables and views, with columns under other names", async () => {
  await serving(
    existing,
    async (server) => {
      const olga = await server.member("olga", "den");
      assert.equal(olga.welcome.hubRole, "owner");
      assert.deepEqual((await olga.next("hub:state")).state, { title: "The den", owner: "olga" });
      assert.equal((await server.member("ann", "den")).welcome.hubRole, "member");
      await (await server.connect("bob")).refused("not_authorized", "hub:join", { roomId: "den" });
      await (await server.connect("olga")).refused("room_not_eligible", "hub:join", { roomId: "attic" });
      await olga.say("den", "at home");
    },
    {
      prepare: (dir) => runSql(dir, SCHEMA),
    },
  );
});

/** "forget" takes a membership away behind the back of everything that watches. */
function forgetful(ttl) {
  return (def) => {
    def.hub.roomSettings.authScripts = [{ name: "operators", script: "user.roleId == 'operator'", hubRole: "member" }];
    def.hub.roomSettings.authSources = [
      { name: "members", sourceObject: "membership", userField: "userId", roomField: "conversationId", hubRole: "member" },
    ];
    def.hub.guardrails.authCacheTTL = ttl;
    def.hub.messageSettings.customMessageTypes = [{ name: "forget" }];
    def.hub.hubLogic = {
      messageHandlers: [
        {
          messageType: "forget",
          script: { lua: "db.query('DELETE FROM membership WHERE \"userId\" = ?', 'ann')\nreturn {accept = true, persist = false}" },
        },
      ],
    };
    def.seed.membership = [{ id: "m1", userId: "ann", conversationId: "r1" }];
  };
}

for (const [ttl, stays] of [
  [300, true],
  [0, false],
]) {
  test(`with authCacheTTL ${ttl} a decision is ${stays ? "kept" : "worked out afresh each time"}`, async () => {
    await serving(forgetful(ttl), async (server) => {
      const ann = await server.member("ann", "r1");
      const operator = await server.member("op", "r1", { role: "operator" });
      await ann.ok("hub:leave", { roomId: "r1" });
      await operator.ok("hub:send", { roomId: "r1", messageType: "forget", content: {} });
      if (stays) await ann.ok("hub:join", { roomId: "r1" });
      else await ann.refused("not_authorized", "hub:join", { roomId: "r1" });
    });
  });
}

describe("hooks that fail", () => {
  const server = serve((def) => {
    def.hub.roomSettings.checkScript = { lua: "if user.userId == 'poison' then error('broken on purpose') end\nreturn true" };
    def.hub.roomSettings.authScripts = [
      { name: "first", script: { lua: "if user.userId == 'half' then error('first is broken') end\nreturn false" }, hubRole: null },
      { name: "second", script: "user.deep.er.still === undefined && user.userId.length > 0", hubRole: "member" },
    ];
  });

  test("count as false, and are logged with their place", async () => {
    const from = server.hubd.output.length;
    await (await server.connect("poison")).refused("check_failed", "hub:join", { roomId: "r1" });
    await server.hubd.printed(/chat\.hub\.yaml:\d+[^\n]*broken on purpose/, from);
    assert.equal((await server.member("half", "r1")).welcome.hubRole, "member");
    await server.hubd.printed(/first is broken/, from);
    assert.match((await server.rest("GET", "/metrics")).text, /hook[^\n]*fail|fail[^\n]*hook|script[^\n]*(error|fail)/);
  });

  test("members of nothing are undefined, not errors", async () => {
    assert.equal((await server.member("ann", "r2")).welcome.hubRole, "member");
  });
});
