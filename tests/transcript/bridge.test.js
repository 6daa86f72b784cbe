// Bridged events: what changes in DataObjects reaches the room and the rights of its members; topics of the bus become events.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runSql, serve, waitingRoom } from "./harness.js";

const lua = (...lines) => ({ lua: lines.join("\n") });

function bridged(def) {
  def.hub.roomSettings = {
    roomDataObject: "conversation",
    roomEligibility: "conversation.status == 'active'",
    authSources: [
      {
        name: "boss",
        sourceObject: "membership",
        userField: "userId",
        roomField: "conversationId",
        condition: "membership.role == 'boss'",
        hubRole: "boss",
      },
      { name: "member", sourceObject: "membership", userField: "userId", roomField: "conversationId", hubRole: "member" },
    ],
    authScripts: [{ name: "operator", script: "user.roleId == 'operator'", hubRole: "boss" }],
  };
  def.hub.hubRoles = [{ name: "boss", canModerate: true, canManageRoom: true }, { name: "member" }];
  def.hub.messageSettings = {
    messageTypes: ["text", "system"],
    customMessageTypes: ["enter", "leave", "promote", "rename", "close", "drop", "publish"].map((name) => ({ name })),
  };
  def.hub.eventSettings = {
    autoBridgeDataEvents: true,
    kafkaEvents: [{ name: "priceChanged", topic: "prices", filterExpression: "data.kind === 'price'", targetRoomExpression: "data.chatId" }],
  };
  const quiet = "return {accept = true, broadcast = false, persist = false}";
  const handler = (messageType, ...lines) => ({ messageType, script: lua(...lines, quiet) });
  def.hub.hubLogic = {
    messageHandlers: [
      handler(
        "enter",
        "objects.create('membership', {id = 'm:' .. roomId .. message.content.user, userId = message.content.user, conversationId = roomId})",
      ),
      handler("leave", "objects.delete('membership', 'm:' .. roomId .. message.content.user)"),
      handler("promote", "objects.update('membership', 'm:' .. roomId .. message.content.user, {role = 'boss'})"),
      handler("rename", "objects.update('conversation', roomId, {title = message.content.title})"),
      handler("close", "objects.update('conversation', roomId, {status = 'closed'})"),
      handler("drop", "objects.delete('conversation', roomId)"),
      handler("publish", "kafka.publish('prices', message.content)"),
    ],
  };
}

describe("bridged events", () => {
  const server = serve(bridged);

  async function scene() {
    const roomId = server.room();
    const op = await server.member("op", roomId, { role: "operator" });
    const act = (messageType, content = {}) => op.ok("hub:send", { roomId, messageType, content });
    return { roomId, op, act };
  }

  test("a membership that is created admits, and is told", async () => {
    const { roomId, op, act } = await scene();
    const ann = await server.connect("ann");
    await ann.refused("not_authorized", "hub:join", { roomId });
    await act("enter", { user: "ann" });
    const told = await op.next("hub:memberJoined");
    assert.equal(told.roomId, roomId);
    assert.equal(told.record.userId, "ann");
    await op.next("hub:messageArrived", ({ message }) => message.messageType === "system");
    assert.equal((await ann.ok("hub:join", { roomId })).hubRole, "member");
  });

  test("a membership that is deleted puts out, in spite of the cache, and is told", async () => {
    const { roomId, op, act } = await scene();
    await act("enter", { user: "ann" });
    const ann = await server.member("ann", roomId);
    await act("leave", { user: "ann" });
    assert.equal((await op.next("hub:memberLeft")).record.userId, "ann");
    assert.deepEqual(await ann.next("hub:kicked"), { roomId, reason: "not_authorized" });
    await ann.refused("not_authorized", "hub:join", { roomId });
  });

  test("a changed membership changes the rights of who is joined", async () => {
    const { roomId, act } = await scene();
    await act("enter", { user: "ann" });
    const ann = await server.member("ann", roomId);
    assert.equal(ann.welcome.hubRole, "member");
    await act("promote", { user: "ann" });
    const told = await ann.next("hub:permissions");
    assert.equal(told.roomId, roomId);
    assert.equal(told.hubRole, "boss");
    assert.equal(told.permissions.canManageRoom, true);
    assert.equal(told.silenced, false);
  });

  // Once the rights of one connection were given to all connections of the user.
  test("rights are worked out again for each of a user's sessions", async () => {
    const { roomId, act } = await scene();
    await act("enter", { user: "ann" });
    const plain = await server.member("ann", roomId);
    const operator = await server.member("ann", roomId, { role: "operator" });
    const other = await server.member("ann", roomId);
    await act("leave", { user: "ann" });
    for (const peer of [plain, other]) assert.deepEqual(await peer.next("hub:kicked"), { roomId, reason: "not_authorized" });
    const { members } = await operator.ok("hub:members", { roomId });
    assert.deepEqual(members.find(({ userId }) => userId === "ann").connections, 1);
    await operator.next("hub:permissions", ({ hubRole }) => hubRole === "boss");
    await plain.refused("not_authorized", "hub:join", { roomId });
  });

  test("a changed room is told with its record and changes", async () => {
    const { roomId, op, act } = await scene();
    await act("rename", { title: "New title" });
    const told = await op.next("hub:roomUpdated");
    assert.equal(told.roomId, roomId);
    assert.equal(told.record.title, "New title");
    assert.equal(told.record.status, "active");
    assert.equal(told.changes.title, "New title");
    assert.equal("status" in told.changes, false);
  });

  for (const how of ["close", "drop"]) {
    test(`a room that is no more (${how}) is closed, with its members out`, async () => {
      const { roomId, op, act } = await scene();
      await act("enter", { user: "ann" });
      const ann = await server.member("ann", roomId);
      await act(how);
      for (const peer of [op, ann]) assert.equal((await peer.next("hub:roomClosed")).roomId, roomId);
      await ann.refused("not_in_room", "hub:send", { roomId, messageType: "text", content: { body: "x" } });
      await ann.refused(how === "drop" ? "room_not_found" : "room_not_eligible", "hub:join", { roomId });
    });
  }

  test("a topic's messages that pass the filter reach the room they name", async () => {
    const { roomId, op, act } = await scene();
    const elsewhere = await scene();
    await act("publish", { kind: "other", chatId: roomId, n: 1 });
    await act("publish", { kind: "price", chatId: roomId, n: 2 });
    const told = await op.next("priceChanged");
    assert.equal(told.roomId, roomId);
    assert.deepEqual(told.data, { kind: "price", chatId: roomId, n: 2 });
    await op.nothing("priceChanged");
    await elsewhere.op.nothing("priceChanged");
  });
});

describe("with autoBridgeDataEvents off", () => {
  const server = serve((def) => {
    bridged(def);
    def.hubs = [structuredClone({ ...def.hub, hubBasics: { name: "loud" } })];
    def.hub.eventSettings.autoBridgeDataEvents = false;
  });

  test("changes of objects are told to nobody, though another hub tells them", async () => {
    const roomId = server.room();
    const op = await server.member("op", roomId, { role: "operator" });
    const loud = await server.member("op", roomId, { role: "operator", hub: "loud" });
    await op.ok("hub:send", { roomId, messageType: "enter", content: { user: "ann" } });
    await op.ok("hub:send", { roomId, messageType: "rename", content: { title: "x" } });
    await loud.next("hub:memberJoined");
    await loud.next("hub:roomUpdated");
    await op.nothing("hub:memberJoined", "hub:roomUpdated");
  });
});

const deciding = await waitingRoom();

describe("a join that is being decided", () => {
  const server = serve((def) => {
    bridged(def);
    const find = "objects.find('membership', 'm:' .. roomId .. user.userId)";
    def.hub.roomSettings.authSources = [
      { name: "never", sourceObject: "membership", userField: "userId", roomField: "conversationId", condition: "false", hubRole: "boss" },
    ];
    def.hub.roomSettings.authScripts.push({
      name: "slow",
      script: lua("local roomId = conversation.id", `local found = ${find}`, deciding.wait, "return found ~= nil"),
      hubRole: "member",
    });
  });

  test("is decided by what changed meanwhile, and so is the next one", async () => {
    const roomId = server.room();
    const op = await server.member("op", roomId, { role: "operator" });
    const act = (messageType, content) => op.ok("hub:send", { roomId, messageType, content });
    await act("enter", { user: "ann" });
    const ann = await server.connect("ann");
    const joined = ann.call("hub:join", { roomId });
    await deciding.holds(1);
    await act("leave", { user: "ann" });
    deciding.open();
    assert.equal((await joined).error.code, "not_authorized");
    await ann.refused("not_authorized", "hub:join", { roomId });
  });
});

// Expressions once saw the record as the bus brought it when its row could not be read: to them the text "false" is true.
describe("a record of the bus whose row cannot be read", () => {
  let topic;
  const server = serve(
    (def) => {
      def.hub.eventSettings = { autoBridgeDataEvents: true };
      def.hub.roomSettings.roomEligibility = "room.isPublic";
      def.service.namespaces = [{ path: "/tool", auth: false, events: [{ name: "publish", script: lua("kafka.publish(...)") }] }];
    },
    { naming: (def, project) => (topic = `${project}-${def.service.service.name}-service-dbevent-conversation-updated`) },
  );

  test("is seen with values of the properties' types, or null", async () => {
    const tool = await server.connect(undefined, { namespace: "/tool" });
    const told = [["r1", "false"], ["r2", 2], ["r3", [true]]];
    const members = await Promise.all(told.map(([roomId]) => server.member("ann", roomId)));
    await runSql(server.dir, 'ALTER TABLE "conversation" RENAME TO "gone"');
    for (const [i, [id, isPublic]] of told.entries()) {
      await tool.call("publish", topic, { old_conversation: { id }, conversation: { id, isPublic } });
      assert.equal((await members[i].next("hub:roomClosed")).roomId, id);
    }
    await runSql(server.dir, 'ALTER TABLE "gone" RENAME TO "conversation"');
  });
});
