// The outbox in front of a real Kafka: what hubd changed is told to its own rooms at once and once, and to Kafka when Kafka is there, whatever
// happens to either of them in between.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { definition } from "../definition.js";
import { Hubd, removeService, writeService } from "../harness.js";
import { Peer } from "../peer.js";
import { client, Kafka } from "./kafka.js";
import { Postgres } from "./postgres.js";
import { pause } from "./server.js";

const PROJECT = "outbox";
const EVENTS = `${PROJECT}-chat-service-dbevent`;
const EVENT_MS = 60000;
const lua = (...lines) => ({ lua: lines.join("\n") });

function underTest(def) {
  const everything = { read: ["boss"], create: ["boss"], update: ["boss"], delete: ["boss"] };
  def.service.service.project = PROJECT;
  def.service.dataObjects.forEach((object) => (object.api = everything));
  def.hub.roomSettings.authSources = [
    { name: "chief", sourceObject: "membership", userField: "userId", roomField: "conversationId", condition: "membership.role == 'chief'", hubRole: "boss" },
    { name: "member", sourceObject: "membership", userField: "userId", roomField: "conversationId", hubRole: "member" },
  ];
  def.hub.roomSettings.authScripts = [{ name: "boss", script: "user.roleId == 'boss'", hubRole: "boss" }];
  def.hub.hubRoles = [{ name: "boss", canModerate: true }, { name: "member" }];
  def.hub.messageSettings = { messageTypes: ["text", "system"], customMessageTypes: [{ name: "price" }, { name: "forget" }] };
  def.hub.eventSettings = {
    autoBridgeDataEvents: true,
    kafkaEvents: [{ name: "priceChanged", topic: `${PROJECT}-prices`, targetRoomExpression: "data.roomId" }],
  };
  def.hub.guardrails.maxMessageSize = 300000;
  def.hub.hubLogic = {
    messageHandlers: [
      {
        messageType: "forget",
        script: lua(
          `db.query('UPDATE "membership" SET "isActive" = false WHERE "id" = $1', message.content.id)`,
          "return {accept = true, broadcast = false, persist = false}",
        ),
      },
      {
        messageType: "price",
        script: lua(
          `kafka.publish('${PROJECT}-prices', {roomId = roomId, n = message.content.n}, 'k')`,
          "return {accept = true, broadcast = false, persist = false}",
        ),
      },
    ],
  };
}

async function until(ms, look, what) {
  for (const late = Date.now() + ms; !(await look()); await pause(20)) if (Date.now() > late) throw new Error(`${what()}: not within ${ms} ms`);
}

for (const kind of ["embedded", "PostgreSQL"]) describe(`the outbox before Kafka, in the ${kind} store`, { timeout: 600000 }, () => {
  const records = []; // everything on the topics of the service, as it came: {topic, key, value}
  const peers = new Set();
  let kafka, postgres, consumer, dir, hubd, rooms = 0, listeners = 0;

  async function start() {
    hubd = await Hubd.start(dir, { env: { HUBD_BUS_URL: kafka.url(), ...(postgres && { HUBD_STORE_URL: postgres.url() }) } });
    await ready();
  }

  /** Reads everything, from the beginning, into RECORDS. */
  async function listen() {
    records.length = 0;
    consumer = client(kafka.url(), { retry: { retries: 100, maxRetryTime: 500 } }).consumer({ groupId: `the-test-${++listeners}`, metadataMaxAge: 500 });
    await consumer.connect();
    await consumer.subscribe({ topics: TOPICS, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ topic, message }) => records.push({ topic, key: message.key?.toString(), value: JSON.parse(message.value) }),
    });
  }

  const objects = ["conversation", "membership", "chatmessage", "chatmoderation"];
  const TOPICS = [...objects.flatMap((o) => ["created", "updated", "deleted"].map((what) => `${EVENTS}-${o}-${what}`)), `${PROJECT}-prices`];

  /** Kafka goes, and comes back. The test's own consumer would take half a minute to find it again, and gives up on some of its errors. */
  async function goes() {
    await consumer.disconnect();
    await kafka.stop();
  }
  async function comes() {
    await kafka.start();
    await listen();
  }

  before(async () => {
    kafka = await Kafka.start({ "message.max.bytes": 100000 });
    if (kind === "PostgreSQL") postgres = await Postgres.start();
    const admin = kafka.client().admin();
    await admin.connect();
    await admin.createTopics({ topics: TOPICS.map((topic) => ({ topic, numPartitions: 1 })) });
    await admin.disconnect();
    dir = writeService(definition(underTest));
    await start();
    await listen();
  });
  after(async () => {
    for (const peer of peers) peer.close();
    await consumer?.disconnect();
    await hubd?.stop();
    await kafka?.remove();
    await postgres?.remove();
    if (dir) removeService(dir);
  });

  async function member(user, roomId, role) {
    const peer = new Peer(`${hubd.url}/hub/chat`, { auth: { token: `dev:${user}${role ? `:${role}` : ""}` } });
    peers.add(peer);
    await peer.connected();
    peer.welcome = await peer.ok("hub:join", { roomId });
    return peer;
  }

  async function change(method, path, body) {
    const headers = { authorization: "Bearer dev:boss:boss", "content-type": "application/json" };
    const response = await fetch(`${hubd.url}/objects${path}`, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
    return response.json();
  }

  const on = (topic, predicate = () => true) => records.filter((record) => record.topic.endsWith(topic) && predicate(record.value));
  const arrived = (topic, predicate, n = 1) =>
    until(EVENT_MS, () => on(topic, predicate).length >= n, () => `${topic} on Kafka\n${JSON.stringify(records.slice(-5))}\n${hubd.output.slice(-1500)}`);
  const metric = async (name) => Number(new RegExp(`^${name} (\\d+)`, "m").exec(await (await fetch(`${hubd.url}/metrics`)).text())?.[1] ?? NaN);
  const count = (peer, event) => peer.log.filter(([name]) => name === event).length;
  const ready = () => until(EVENT_MS, async () => (await fetch(`${hubd.url}/readyz`)).status === 200, () => "ready");

  const newRoom = () => `r${++rooms}`;

  test("changes are on Kafka under the row's key, with old and new values, and their own marks", async () => {
    const roomId = newRoom();
    await change("PATCH", `/conversation/${roomId}`, { title: "Second" });
    await arrived("conversation-updated", ({ conversation }) => conversation.id === roomId);
    const [{ key, value }] = on("conversation-updated");
    assert.equal(key, roomId);
    assert.equal(value.old_conversation.title, "Room 1");
    assert.equal(value.conversation.title, "Second");
    assert.equal(value.newDataValues.title, "Second");
    assert.equal(value.oldDataValues.title, "Room 1");
    assert.match(value._eventId, /^[0-9a-f-]{36}$/);
    assert.equal(value._origin, `hubd/${PROJECT}-chat/${value._eventId.slice(-12)}`);
  });

  test("a message is created, changed and deleted in that order, and the room hears of each once", async () => {
    const roomId = newRoom();
    const boss = await member("boss", roomId, "boss");
    const { message } = await boss.ok("hub:send", { roomId, messageType: "text", content: { body: "one" } });
    for (let i = 0; i < 5; i++) await boss.ok("hub:edit", { roomId, messageId: message.id, content: { body: `${i}` } });
    await boss.ok("hub:delete", { roomId, messageId: message.id });
    await arrived("chatmessage-deleted", ({ id }) => id === message.id);
    await arrived("chatmessage-updated", ({ chatMessage }) => chatMessage.id === message.id, 5);
    const edits = on("chatmessage-updated", ({ chatMessage }) => chatMessage.id === message.id);
    assert.deepEqual(edits.map(({ value }) => value.chatMessage.content.body), ["0", "1", "2", "3", "4"]);
    assert.equal(on("chatmessage-created", ({ id }) => id === message.id).length, 1);
    await pause(500); // what comes back from Kafka is not told again
    assert.deepEqual([count(boss, "hub:messageArrived"), count(boss, "hub:messageEdited"), count(boss, "hub:messageDeleted")], [1, 5, 1]);
  });

  test("while Kafka is away, a change is told and its rights follow at once; Kafka hears of it later", async () => {
    const roomId = newRoom();
    const boss = await member("boss", roomId, "boss");
    await change("POST", "/membership", { id: `m-${roomId}`, userId: "ann", conversationId: roomId });
    await boss.next("hub:memberJoined");
    const ann = await member("ann", roomId);
    assert.equal(ann.welcome.hubRole, "member");
    await goes();
    await change("PATCH", `/membership/m-${roomId}`, { role: "chief" });
    assert.equal((await ann.next("hub:permissions")).hubRole, "boss");
    await change("DELETE", `/membership/m-${roomId}`);
    await boss.next("hub:memberLeft");
    assert.equal((await ann.next("hub:kicked")).reason, "not_authorized");
    assert.ok((await metric("hubd_outbox_rows")) >= 2);
    await comes();
    await arrived("membership-deleted", ({ id }) => id === `m-${roomId}`);
    await until(EVENT_MS, () => on("membership-updated", ({ membership }) => membership.id === `m-${roomId}`).length === 1, () => "the update");
    await ready();
    await pause(500);
    for (const event of ["hub:memberJoined", "hub:memberLeft"]) assert.equal(count(boss, event), 1, event);
    await until(EVENT_MS, async () => (await metric("hubd_outbox_rows")) === 0, () => "the outbox is empty");
  });

  test("a script's record waits for Kafka in the store, and keeps its order", async () => {
    const roomId = newRoom();
    const boss = await member("boss", roomId, "boss");
    await goes();
    for (let n = 0; n < 20; n++) await boss.ok("hub:send", { roomId, messageType: "price", content: { n } });
    await comes();
    for (let n = 0; n < 20; n++) assert.equal((await boss.next("priceChanged")).data.n, n);
    assert.equal(count(boss, "priceChanged"), 20);
    assert.deepEqual(Object.keys(boss.log.find(([name]) => name === "priceChanged")[1].data).sort(), ["n", "roomId"]);
  });

  test("kill -9 between commit and publication: Kafka has it after the restart, and clients heard of it once", async () => {
    const roomId = newRoom();
    const boss = await member("boss", roomId, "boss");
    await goes();
    await change("POST", "/membership", { id: `k-${roomId}`, userId: "ann", conversationId: roomId });
    await boss.next("hub:memberJoined");
    const { message } = await boss.ok("hub:send", { roomId, messageType: "text", content: { body: "survives" } });
    await hubd.kill();
    boss.close();
    await comes();
    await start();
    const again = await member("boss", roomId, "boss");
    await arrived("membership-created", ({ id }) => id === `k-${roomId}`);
    await arrived("chatmessage-created", ({ id }) => id === message.id);
    await change("DELETE", `/membership/k-${roomId}`); // it takes the same way, and so comes later
    await again.next("hub:memberLeft");
    await arrived("membership-deleted", ({ id }) => id === `k-${roomId}`);
    await pause(1000);
    assert.equal(count(again, "hub:memberJoined"), 0);
    assert.equal(count(again, "hub:messageArrived") - count(again, "hub:memberLeft"), 0); // its system message, and none of memberJoined
    const joined = await again.ok("hub:history", { roomId, limit: 50 });
    assert.equal(joined.messages.filter(({ content }) => content.systemAction === "memberJoined").length, 1);
  });

  test("what an earlier process did changes rights, and is told by nobody a second time", async () => {
    const roomId = newRoom();
    const boss = await member("boss", roomId, "boss");
    const id = `e-${roomId}`;
    await change("POST", "/membership", { id, userId: "ann", conversationId: roomId });
    const ann = await member("ann", roomId);
    await boss.ok("hub:send", { roomId, messageType: "forget", content: { id } }); // a change that no event tells of
    const record = { id, userId: "ann", conversationId: roomId, isActive: false, _eventId: `${id}-gone`, _origin: `hubd/${PROJECT}-chat/0123456789ab` };
    const producer = kafka.client().producer();
    await producer.connect();
    await producer.send({ topic: `${EVENTS}-membership-deleted`, messages: [{ key: id, value: JSON.stringify(record) }] });
    assert.equal((await ann.next("hub:kicked")).reason, "not_authorized");
    await producer.send({ topic: `${EVENTS}-membership-created`, messages: [{ key: id, value: JSON.stringify({ ...record, _eventId: `${id}-new`, _origin: undefined }) }] });
    await producer.disconnect();
    await boss.next("hub:memberJoined", ({ record }) => record.isActive === false); // somebody else's is
    assert.equal(count(boss, "hub:memberLeft"), 0);
  });

  if (kind === "PostgreSQL") {
    test("a change whose outcome nobody knew for a while is told once if it was made, and not if it was not", async () => {
      const roomId = newRoom();
      const boss = await member("boss", roomId, "boss");
      const headers = { authorization: "Bearer dev:boss:boss", "content-type": "application/json" };
      const post = (id) => fetch(`${hubd.url}/objects/membership`, { method: "POST", headers, body: JSON.stringify({ id, userId: id, conversationId: roomId }) });
      const ids = ["u1", "u2", "u3"].map((id) => `${id}-${roomId}`);
      await postgres.pause();
      const answers = await Promise.all(ids.map(post));
      assert.deepEqual(answers.map(({ status }) => status), [503, 503, 503]);
      postgres.resume();
      await ready();
      const last = `last-${roomId}`;
      await until(EVENT_MS, async () => (await post(last)).status === 201, () => "a change that is made");
      await boss.next("hub:memberJoined", ({ record }) => record.id === last);
      await arrived("membership-created", ({ id }) => id === last);
      for (const id of ids) {
        const made = (await fetch(`${hubd.url}/objects/membership/${id}`, { headers })).status === 200 ? 1 : 0;
        assert.equal(boss.log.filter(([name, data]) => name === "hub:memberJoined" && data.record.id === id).length, made, `${id} was told`);
        assert.equal(on("membership-created", (row) => row.id === id).length, made, `${id} on Kafka`);
      }
    });
  }

  test("what the broker does not take is set aside, and in nobody's way", async () => {
    const roomId = newRoom();
    const boss = await member("boss", roomId, "boss");
    await boss.ok("hub:send", { roomId, messageType: "text", content: { body: "x".repeat(200000) } });
    const { message } = await boss.ok("hub:send", { roomId, messageType: "text", content: { body: "small" } });
    await arrived("chatmessage-created", ({ id }) => id === message.id);
    await until(EVENT_MS, async () => (await metric("hubd_outbox_refused_total")) === 1, () => "it is counted");
    await until(EVENT_MS, async () => (await metric("hubd_outbox_rows")) === 0, () => "it does not count as waiting");
  });

  test("a stop takes along what is left, also where the broker takes little at once", async () => {
    const roomId = newRoom();
    const boss = await member("boss", roomId, "boss");
    const sent = await Promise.all(Array.from({ length: 300 }, (_, i) => boss.ok("hub:send", { roomId, messageType: "text", content: { body: `${i}` } })));
    await hubd.stop();
    const ids = new Set(sent.map(({ message }) => message.id));
    await arrived("chatmessage-created", ({ id }) => ids.has(id), 300);
    assert.equal(new Set(on("chatmessage-created", ({ id }) => ids.has(id)).map(({ key }) => key)).size, 300);
    await start();
  });
});
