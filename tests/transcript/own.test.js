// The hub's own changes are events like anybody else's: kafkaEvents hear of messages, moderation, kept events and objects, in their order, and
// rooms are told once. The same file runs on every bus; on Kafka only what is on one topic has an order.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

const KINDS = ["created", "updated", "deleted"]; // each a topic
const lua = (...lines) => ({ lua: lines.join("\n") });
const quiet = "return {accept = true, broadcast = false, persist = false}";

/** Every change of OBJECTS becomes the event "heard" {what, …} of the room that the record names. */
function listening(def, project, objects) {
  const dbevent = (object, what) => `${project}-chat-service-dbevent-${object.toLowerCase()}-${what}`;
  const room = (object) => `data.roomId ?? data.${object}?.roomId ?? data.conversationId ?? data.${object}?.conversationId`;
  def.hub.eventSettings = {
    ...def.hub.eventSettings,
    kafkaEvents: objects.flatMap((object) =>
      KINDS.map((what) => ({ name: `${object}:${what}`, topic: dbevent(object, what), targetRoomExpression: room(object) })),
    ),
  };
}

/** What PEER was told of OBJECT until now: [what, data]; on the servers in the order of KINDS. */
function heard(peer, object) {
  const all = peer.log.filter(([name]) => name.startsWith(`${object}:`)).map(([name, { data }]) => [name.split(":")[1], data]);
  return process.env.HUBD_TEST_SET ? all.sort(([a], [b]) => KINDS.indexOf(a) - KINDS.indexOf(b)) : all;
}

/** The same once there are N, and everything else that was under way has come, too. */
async function hears(peer, object, n) {
  await peer.until(() => heard(peer, object).length >= n || undefined, `${n} of ${object}`);
  await peer.settled();
  return heard(peer, object);
}

const OBJECTS = ["chatMessage", "chatModeration", "chatEvent", "chatReceipt", "membership"];

describe("own changes", () => {
  const server = serve((def) => {
    const everything = { read: ["boss"], create: ["boss"], update: ["boss"], delete: ["boss"] };
    def.service.dataObjects.find(({ name }) => name === "membership").api = everything;
    def.hub.roomSettings.authSources = [
      { name: "member", sourceObject: "membership", userField: "userId", roomField: "conversationId", hubRole: "member" },
    ];
    def.hub.roomSettings.authScripts = [
      { name: "boss", script: "user.roleId == 'boss'", hubRole: "boss" },
      { name: "all", script: "user.roleId == 'user'", hubRole: "member" },
    ];
    def.hub.hubRoles = [{ name: "boss", canModerate: true, canManageRoom: true }, { name: "member" }];
    def.hub.messageSettings = {
      messageTypes: ["text", "system"],
      enableReaction: true,
      customMessageTypes: ["act"].map((name) => ({ name })),
    };
    def.hub.eventSettings = {
      autoBridgeDataEvents: true,
      enableReadReceipts: true,
      customEvents: [{ name: "pinned", direction: "clientToRoom", ephemeral: false }],
    };
    def.hub.hubLogic = {
      messageHandlers: [
        {
          messageType: "act",
          script: lua(
            "local id = 'm:' .. roomId",
            "objects.create('membership', {id = id, userId = 'ann', conversationId = roomId})",
            "for i = 1, 5 do objects.update('membership', id, {role = 'r' .. i}) end",
            "objects.delete('membership', id)",
            quiet,
          ),
        },
      ],
    };
  }, { naming: (def, project) => listening(def, project, OBJECTS) });

  async function scene() {
    const roomId = server.room();
    const boss = await server.member("boss", roomId, { role: "boss" });
    const ann = await server.member("ann", roomId, { role: "user" });
    return { roomId, boss, ann };
  }

  test("messages that are sent, edited, reacted to and deleted reach a kafkaEvent, and rooms hear of them once", async () => {
    const { roomId, boss, ann } = await scene();
    const { message } = await ann.ok("hub:send", { roomId, messageType: "text", content: { body: "one" } });
    await ann.ok("hub:edit", { roomId, messageId: message.id, content: { body: "two" } });
    await ann.ok("hub:react", { roomId, messageId: message.id, emoji: "+" });
    await ann.ok("hub:delete", { roomId, messageId: message.id });
    const [created, edited, reacted, deleted] = await hears(boss, "chatMessage", 4);
    assert.equal(created[0], "created");
    assert.deepEqual([created[1].id, created[1].seq, created[1].content], [message.id, message.seq, { body: "one" }]);
    assert.equal(edited[0], "updated");
    assert.deepEqual(edited[1].old_chatMessage.content, { body: "one" });
    assert.deepEqual(edited[1].chatMessage.content, { body: "two" });
    assert.deepEqual(Object.keys(edited[1].newDataValues).sort(), ["changeSeq", "content", "editedAt"]);
    assert.deepEqual(edited[1].oldDataValues.content, { body: "one" });
    assert.equal(reacted[1].newDataValues.reaction[0].emoji, "+");
    assert.deepEqual([deleted[0], deleted[1].id, deleted[1].isActive], ["deleted", message.id, false]);
    for (const event of ["hub:messageArrived", "hub:messageEdited", "hub:reaction", "hub:messageDeleted"])
      assert.equal(boss.log.filter(([name]) => name === event).length, 1, event);
  });

  test("nobody is told by what a record is known again", async () => {
    const { roomId, boss, ann } = await scene();
    await ann.say(roomId, "hello");
    const { data } = await boss.next("chatMessage:created");
    assert.deepEqual(Object.keys(data).filter((key) => key.startsWith("_")), []);
  });

  test("a repeated send is one event", async () => {
    const { roomId, boss, ann } = await scene();
    for (let i = 0; i < 2; i++) await ann.ok("hub:send", { roomId, messageType: "text", clientMessageId: "once", content: { body: "x" } });
    await ann.say(roomId, "last");
    await boss.next("chatMessage:created", ({ data }) => data.content.body === "last");
    assert.equal(heard(boss, "chatMessage").length, 2);
  });

  test("moderation and its end are events of their rows", async () => {
    const { roomId, boss } = await scene();
    await boss.ok("hub:silence", { roomId, userId: "ann" });
    await boss.ok("hub:silence", { roomId, userId: "ann", seconds: 60 });
    await boss.ok("hub:unsilence", { roomId, userId: "ann" });
    const [first, second, ...ended] = await hears(boss, "chatModeration", 4);
    assert.deepEqual([first[0], first[1].action, first[1].userId, first[1].moderatorId], ["created", "silence", "ann", "boss"]);
    assert.equal(second[0], "created");
    const ids = (list) => list.map(([, { id }]) => id).sort(); // rows of their own have no order among each other
    assert.deepEqual(ended.map(([what]) => what), ["deleted", "deleted"]);
    assert.deepEqual(ids(ended), ids([first, second]));
  });

  test("a kept event is one; a receipt is not", async () => {
    const { roomId, boss, ann } = await scene();
    await boss.say(roomId, "read me");
    const { message } = await ann.next("hub:messageArrived");
    await ann.ok("hub:messageRead", { roomId, lastReadSeq: message.seq });
    await ann.ok("hub:event", { roomId, event: "pinned", data: { at: 1 } });
    const { data } = await boss.next("chatEvent:created");
    assert.deepEqual([data.name, data.senderId, data.data], ["pinned", "ann", { at: 1 }]);
    assert.deepEqual(heard(boss, "chatReceipt"), []);
  });

  test("changes of one row arrive in their order, and memberJoined and memberLeft once", async () => {
    const { roomId, boss } = await scene();
    await boss.ok("hub:send", { roomId, messageType: "act", content: {} });
    await boss.next("hub:memberLeft");
    const told = (await hears(boss, "membership", 7)).map(([what, data]) => (what === "updated" ? data.newDataValues.role : what));
    assert.deepEqual(told, ["created", "r1", "r2", "r3", "r4", "r5", "deleted"]);
    const names = boss.log.map(([name]) => name);
    for (const event of ["hub:memberJoined", "hub:memberLeft"]) assert.equal(names.filter((name) => name === event).length, 1, event);
    assert.ok(names.indexOf("hub:memberJoined") < names.indexOf("hub:memberLeft"));
  });

  test("a change by REST is one; of a deleted row there is none, not even the one that would restore it", async () => {
    const { roomId, boss } = await scene();
    const act = (method, body, id = "") => server.rest(method, `/objects/membership${id}`, { user: "boss", role: "boss", body });
    const created = await act("POST", { id: `m:${roomId}`, userId: "bob", conversationId: roomId });
    assert.equal(created.status, 201, created.text);
    const id = `/m:${roomId}`;
    assert.equal((await act("PATCH", { role: "x" }, id)).status, 200);
    assert.equal((await act("DELETE", undefined, id)).status, 200);
    for (const change of [{ role: "y" }, { isActive: true }]) assert.equal((await act("PATCH", change, id)).status, 404);
    assert.equal((await act("DELETE", undefined, id)).status, 404);
    assert.deepEqual((await hears(boss, "membership", 3)).map(([what]) => what), KINDS);
  });
});
