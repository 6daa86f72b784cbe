// The layered join: which layer decides, with which role or error code; what a member is told; limits of rooms and users.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, serve } from "./harness.js";

const PERMISSIONS = ["allowedMessageTypes", "canDeleteAny", "canManageRoom", "canModerate", "canRead", "canSend", "moderated"];
const JOINED = ["epoch", "hubRole", "memberCount", "permissions", "recovered", "roomId", "seq", "silenced"];

function layered(def) {
  def.hub.roomSettings = {
    roomDataObject: "conversation",
    roomEligibility: "conversation.status == 'active'",
    absoluteRoles: ["superAdmin"],
    checkRoles: ["user", "editor", "limited"],
    checkScript: "user.roleId != 'limited' || conversation.minLevel <= 1",
    authSources: [
      { name: "owner", sourceObject: "conversation", userField: "ownerId", roomField: "id", hubRole: "owner" },
      {
        name: "moderator",
        sourceObject: "membership",
        userField: "userId",
        roomField: "conversationId",
        condition: "membership.role == 'moderator'",
        hubRole: "moderator",
      },
      {
        name: "member",
        sourceObject: "membership",
        userField: "userId",
        roomField: "conversationId",
        condition: "record.status == 'active'",
        hubRole: "member",
      },
    ],
    authScripts: [
      { name: "editors", script: "user.roleId === 'editor' && lib.rooms.open(room)", hubRole: "viewer" },
      { name: "public", script: "room.isPublic && user.userId != 'stranger'", hubRole: null },
    ],
  };
  def.hub.hubRoles = [
    { name: "owner", canModerate: true, canDeleteAny: true, canManageRoom: true },
    { name: "moderator", canModerate: true, canDeleteAny: true },
    { name: "member", allowedMessageTypes: "text" },
    { name: "viewer", canSend: false },
  ];
  def.hub.messageSettings.messageTypes = ["text", "image"];
  def.files = { "lib/rooms.lua": "return {open = function(room) return room.minLevel < 5 end}\n" };
  def.seed = {
    conversation: [
      { id: "open", title: "Open", ownerId: "olga", minLevel: 1 },
      { id: "private", title: "Private", ownerId: "olga", isPublic: false, minLevel: 7 },
      { id: "closed", title: "Closed", ownerId: "olga", status: "closed" },
    ],
    membership: [
      { id: "m1", userId: "mod", conversationId: "private", role: "moderator" },
      { id: "m2", userId: "max", conversationId: "private", role: "guest" },
      { id: "m3", userId: "gone", conversationId: "private", role: "guest", status: "left" },
      { id: "m4", userId: "twice", conversationId: "private", role: "guest" },
      { id: "m5", userId: "twice", conversationId: "private", role: "moderator" },
      { id: "m6", userId: "olga", conversationId: "private", role: "guest" },
    ],
  };
}

describe("the layers of a join", () => {
  const server = serve(layered);

  // user, roleId, room, expected role (null: no specific role) or refusal
  const cases = [
    ["olga", "user", "nowhere", { code: "room_not_found" }],
    ["boss", "superAdmin", "nowhere", { code: "room_not_found" }],
    ["olga", "user", "closed", { code: "room_not_eligible" }],
    ["boss", "superAdmin", "closed", { code: "room_not_eligible" }],
    ["boss", "superAdmin", "private", { role: "system" }],
    ["olga", "visitor", "private", { code: "role_required" }],
    ["olga", undefined, "private", { code: "role_required" }],
    ["olga", "limited", "private", { code: "check_failed" }],
    ["olga", "limited", "open", { role: "owner" }],
    ["olga", "user", "private", { role: "owner" }],
    ["mod", "user", "private", { role: "moderator" }],
    ["twice", "user", "private", { role: "moderator" }],
    ["max", "user", "private", { role: "member" }],
    ["gone", "user", "private", { code: "not_authorized" }],
    ["stranger", "user", "private", { code: "not_authorized" }],
    ["stranger", "user", "open", { code: "not_authorized" }],
    ["stranger", "editor", "open", { role: "viewer" }],
    ["stranger", "editor", "private", { code: "not_authorized" }],
    ["anybody", "user", "open", { role: null }],
  ];
  for (const [user, role, roomId, expected] of cases) {
    const verdict = expected.code ?? (expected.role === null ? "no specific role" : expected.role);
    test(`${user} with role ${role} in room ${roomId}: ${verdict}`, async () => {
      const peer = await server.connect(user, { role });
      if (expected.code) await peer.refused(expected.code, "hub:join", { roomId });
      else assert.equal((await peer.ok("hub:join", { roomId })).hubRole, expected.role);
    });
  }

  test("the same decision stands when it comes from the cache", async () => {
    for (let i = 0; i < 3; i++) {
      const peer = await server.connect("max", { role: "user" });
      assert.equal((await peer.ok("hub:join", { roomId: "private" })).hubRole, "member");
      peer.close();
    }
  });

  test("a cached role does not skip the layers before it", async () => {
    const user = await server.connect("max", { role: "user" });
    await user.ok("hub:join", { roomId: "private" });
    const limited = await server.connect("max", { role: "limited" });
    await limited.refused("check_failed", "hub:join", { roomId: "private" });
  });

  for (const [role, user, roleId, room, can, types] of [
    ["system", "boss", "superAdmin", "private", ["canRead", "canSend", "canModerate", "canDeleteAny", "canManageRoom"]],
    ["owner", "olga", "user", "private", ["canRead", "canSend", "canModerate", "canDeleteAny", "canManageRoom"]],
    ["moderator", "mod", "user", "private", ["canRead", "canSend", "canModerate", "canDeleteAny"]],
    ["member", "max", "user", "private", ["canRead", "canSend"], ["text"]],
    ["viewer", "stranger", "editor", "open", ["canRead"]],
    [null, "anybody", "user", "open", ["canRead", "canSend"]],
  ]) {
    test(`role ${role} comes with its permissions`, async () => {
      const peer = await server.connect(user, { role: roleId });
      const { permissions, silenced, hubRole } = await peer.ok("hub:join", { roomId: room });
      assert.equal(hubRole, role);
      assert.equal(silenced, false);
      assert.deepEqual(Object.keys(permissions).sort(), PERMISSIONS);
      for (const name of PERMISSIONS.filter((name) => name !== "allowedMessageTypes")) {
        assert.equal(permissions[name], can.includes(name), name);
      }
      if (types) assert.deepEqual(permissions.allowedMessageTypes, types);
    });
  }
});

describe("what a member is told on joining", () => {
  const server = serve((def) => {
    def.hub.hubLogic = { stateScript: "({ title: room.title, by: session.userId, roomId: roomId, empty: [] })" };
  });

  test("hub:joined has exactly its fields, and the acknowledgement repeats them", async () => {
    const roomId = server.room();
    const ann = await server.connect("ann");
    const answer = await ann.ok("hub:join", { roomId });
    const joined = await ann.next("hub:joined");
    assert.deepEqual(Object.keys(joined).sort(), JOINED);
    const { ok, ...rest } = answer;
    assert.deepEqual(rest, joined);
    assert.equal(joined.roomId, roomId);
    assert.equal(joined.hubRole, "member");
    assert.equal(joined.seq, 0);
    assert.equal(joined.memberCount, 1);
    assert.equal(joined.recovered, null);
    assert.equal(typeof joined.epoch, "string");
    assert.notEqual(joined.epoch, "");
  });

  test("joined, history and state come in this order", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await ann.say(roomId, "one");
    await ann.say(roomId, "two");
    const bob = await server.member("bob", roomId);
    const history = await bob.next("hub:history");
    await bob.next("hub:state");
    assert.deepEqual(
      bob.log.map(([name]) => name).filter((name) => ["hub:joined", "hub:history", "hub:state"].includes(name)),
      ["hub:joined", "hub:history", "hub:state"],
    );
    assert.equal(history.roomId, roomId);
    assert.deepEqual(
      history.messages.map(({ content }) => content.body),
      ["one", "two"],
    );
    assert.deepEqual(
      history.messages.map(({ seq }) => seq),
      [1, 2],
    );
    assert.equal(history.hasMore, false);
    assert.equal(history.recovered, null);
    assert.equal(bob.welcome.seq, 2);
    assert.equal(bob.welcome.memberCount, 2);
  });

  test("the state is the script's value, for the one who joins, and again on request", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const state = { title: server.def.seed.conversation.find(({ id }) => id === roomId).title, by: "ann", roomId, empty: [] };
    assert.deepEqual(await ann.next("hub:state"), { roomId, state });
    await server.member("bob", roomId);
    await ann.nothing("hub:state");
    const answer = await ann.ok("hub:requestState", { roomId });
    assert.deepEqual(answer.state, state);
    assert.deepEqual(await ann.next("hub:state"), { roomId, state });
  });

  test("the epoch is the room's: the same for all members, another for another room", async () => {
    const [roomId, other] = [server.room(), server.room()];
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const eve = await server.member("eve", other);
    assert.equal(ann.welcome.epoch, bob.welcome.epoch);
    assert.notEqual(ann.welcome.epoch, eve.welcome.epoch);
  });

  test("joining a room one is in answers again and changes nothing", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const again = await ann.ok("hub:join", { roomId });
    assert.equal(again.memberCount, 1);
    await ann.say(roomId, "hello");
    await ann.next("hub:messageArrived");
    await ann.nothing("hub:messageArrived");
  });

  for (const [what, payload] of [
    ["no payload", undefined],
    ["null", null],
    ["text", "r1"],
    ["an array", ["r1"]],
    ["no roomId", {}],
    ["a roomId that is no text", { roomId: { a: 1 } }],
    ["an empty roomId", { roomId: "" }],
    ["a since that is no number", { roomId: "r1", since: "yesterday" }],
    ["a negative historyLimit", { roomId: "r1", historyLimit: -1 }],
  ]) {
    test(`${what} is a bad request`, async () => {
      const ann = await server.connect("ann");
      await ann.refused("bad_request", "hub:join", payload);
      await ann.settled();
      assert.equal(ann.socket.connected, true);
    });
  }

  test("without a callback the refusal comes as hub:error", async () => {
    const ann = await server.connect("ann");
    ann.emit("hub:join", { roomId: "nowhere" });
    const error = await ann.next("hub:error");
    assert.equal(error.code, "room_not_found");
    assert.equal(error.event, "hub:join");
    assert.equal(error.roomId, "nowhere");
    assert.equal(typeof error.error, "string");
  });

  test("with a callback the refusal comes only there", async () => {
    const ann = await server.connect("ann");
    await ann.refused("room_not_found", "hub:join", { roomId: "nowhere" });
    await ann.nothing("hub:error");
  });

  test("an event the hub does not have is unknown_event", async () => {
    const ann = await server.connect("ann");
    await ann.refused("unknown_event", "hub:frobnicate", { roomId: "r1" });
    await ann.refused("unknown_event", "frobnicate", {});
    ann.emit("hub:frobnicate", {});
    assert.equal((await ann.next("hub:error")).code, "unknown_event");
  });
});

describe("a stateScript that fails", () => {
  const server = serve((def) => {
    def.hub.hubLogic = { stateScript: { lua: "error('no state')" } };
  });

  // Whoever joined waited for hub:state for ever.
  test("is told to whoever joins, in the place of the state, and keeps nobody out", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { error, ...told } = await ann.next("hub:error");
    assert.deepEqual(told, { roomId, code: "handler_failed", event: "hub:state" });
    assert.equal(typeof error, "string");
    await ann.refused("handler_failed", "hub:requestState", { roomId });
    await ann.say(roomId, "in all the same");
    await ann.nothing("hub:state", "hub:error");
  });
});

describe("limits of rooms and users", () => {
  const server = serve((def) => {
    def.hub.guardrails = { maxUsersPerRoom: 2, maxRoomsPerUser: 2, messageRateLimit: 1000 };
  });

  test("a room is full of users, not of connections, and has room again when one leaves", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const eve = await server.connect("eve");
    await eve.refused("room_full", "hub:join", { roomId });
    await server.member("ann", roomId);
    await bob.ok("hub:leave", { roomId });
    await eve.ok("hub:join", { roomId });
    await bob.refused("room_full", "hub:join", { roomId });
    assert.equal((await ann.ok("hub:join", { roomId })).memberCount, 2);
  });

  test("a user's rooms are counted over all connections", async () => {
    const [first, second, third] = [server.room(), server.room(), server.room()];
    const desk = await server.member("ann", first);
    const phone = await server.member("ann", second);
    await phone.refused("too_many_rooms", "hub:join", { roomId: third });
    await phone.ok("hub:join", { roomId: first });
    await desk.ok("hub:leave", { roomId: first });
    await phone.refused("too_many_rooms", "hub:join", { roomId: third });
    await phone.ok("hub:leave", { roomId: first });
    await phone.ok("hub:join", { roomId: third });
  });

  test("a connection that is gone frees its places", async () => {
    const [first, second, third] = [server.room(), server.room(), server.room()];
    const desk = await server.member("zoe", first);
    const phone = await server.member("zoe", second);
    desk.close();
    await eventually("there is a place for the phone", async () => {
      const answer = await phone.call("hub:join", { roomId: third });
      if (!answer.ok) assert.equal(answer.error.code, "too_many_rooms");
      return answer.ok;
    });
  });

  test("many joins at once let in exactly as many users as there is room for", async () => {
    const roomId = server.room();
    const peers = await Promise.all(Array.from({ length: 8 }, (_, i) => server.connect(`u${i}`)));
    const answers = await Promise.all(peers.map((peer) => peer.call("hub:join", { roomId })));
    assert.equal(answers.filter(({ ok }) => ok).length, 2);
    for (const { ok, error } of answers) if (!ok) assert.equal(error.code, "room_full");
  });
});
