// The bus on a real Kafka: what others write there reaches clients, in order and without gaps, whatever happens to hubd, the broker or the store.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { definition } from "../definition.js";
import { eventually, Hubd, removeService, runToEnd, writeService } from "../harness.js";
import { Peer } from "../peer.js";
import { client, Kafka } from "./kafka.js";
import { Postgres, psql } from "./postgres.js";
import { pause } from "./server.js";

const BOUND_MS = 90000;
const topicOf = (project, object, what) => `${project}-chat-service-dbevent-${object}-${what}`;

/** A service under PROJECT whose topic PROJECT-ticks is told to rooms, more of it by CHANGE. */
function service(project, change) {
  return definition((def) => {
    def.service.service.project = project;
    def.hub.messageSettings.messageTypes = ["text", "system"];
    def.hub.eventSettings = {
      autoBridgeDataEvents: true,
      kafkaEvents: [{ name: "tick", topic: `${project}-ticks`, filterExpression: "!data.quiet", targetRoomExpression: "data.roomId" }],
    };
    change?.(def);
  });
}

async function until(what, look) {
  for (const late = Date.now() + BOUND_MS; !(await look()); await pause(20)) assert.ok(Date.now() < late, `${what}: not within ${BOUND_MS} ms`);
}

/** hubd on a service directory, and the peers connected to it. */
class Service {
  constructor(def, { url, env }) {
    this.def = def;
    this.dir = writeService(def);
    this.env = { HUBD_BUS_URL: url, ...env };
    this.peers = new Set();
  }

  async start() {
    this.hubd = await Hubd.start(this.dir, { embedded: true, env: this.env });
    await until("ready", async () => (await this.readiness()).ready);
    return this;
  }

  async readiness() {
    return (await fetch(`${this.hubd.url}/readyz`)).json();
  }

  async metric(name) {
    const text = await (await fetch(`${this.hubd.url}/metrics`)).text();
    return Number(text.split("\n").find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? 0);
  }

  async member(user, roomId, role) {
    const peer = new Peer(`${this.hubd.url}/hub/chat`, { auth: { token: `dev:${user}${role ? `:${role}` : ""}` } });
    this.peers.add(peer);
    await peer.connected();
    await peer.ok("hub:join", { roomId });
    return peer;
  }

  closePeers() {
    for (const peer of this.peers) peer.close();
    this.peers.clear();
  }

  async stop() {
    this.closePeers();
    await this.hubd.stop();
  }

  async kill() {
    this.closePeers();
    await this.hubd.kill();
  }

  end() {
    this.closePeers();
    this.hubd?.signal("SIGKILL");
    removeService(this.dir);
  }
}

let kafka, producer, admin;
let count = 0;
const services = new Set();

/** A service of its own on the broker, stopped at the end of the test. OPTIONS go into bus.options. */
function make(change, { options, url = kafka.url(), env } = {}) {
  const project = `bus${++count}`;
  const made = new Service(
    service(project, (def) => {
      if (options) def.service.bus = { options };
      change?.(def);
    }),
    { url, env },
  );
  made.project = project;
  services.add(made);
  return made;
}

const send = (topic, ...values) =>
  producer.send({ topic, messages: values.map((value) => ({ key: "k", value: typeof value === "object" && !Buffer.isBuffer(value) ? JSON.stringify(value) : value })) });

/** Sends ticks to TOPIC, numbered from 0, each when the one before is there: one that is tried again would come after others. Ends when the
 * function it returns is called, which says how many there were. */
function sendTicks(topic, everyMs) {
  let n = 0;
  let going = true;
  const over = (async () => {
    for (; going; await pause(everyMs)) await send(topic, { roomId: "r1", n: n++ });
  })();
  return async () => {
    going = false;
    await over;
    return n;
  };
}

/** The offsets that the group of SERVICE has committed on TOPIC, added up. */
async function committed(made, topic) {
  const [{ partitions }] = await admin.fetchOffsets({ groupId: `${made.project}-chat`, topics: [topic] });
  return partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
}

const numbers = (peer) => peer.log.filter(([name]) => name === "tick").map(([, { data }]) => data.n);

describe("the bus on Kafka", { timeout: 600000 }, () => {
  before(async () => {
    kafka = await Kafka.start({ "auto.create.topics.enable": false, "group.min.session.timeout.ms": 1000 });
    producer = kafka.client({ retry: { retries: 50, maxRetryTime: 500 } }).producer({ allowAutoTopicCreation: false });
    admin = kafka.client({ retry: { retries: 50, maxRetryTime: 500 } }).admin();
    await producer.connect();
    await admin.connect();
  });
  afterEach(() => {
    services.forEach((made) => made.end());
    services.clear();
  });
  after(async () => {
    await producer?.disconnect();
    await admin?.disconnect();
    await kafka?.remove();
  });

  const create = (topic, numPartitions = 1) => admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });

  test("is ready without any of its topics", async () => {
    const made = await make().start();
    await made.stop();
  });

  test("tells what comes after the first start, in order and filtered, and commits it", async () => {
    const made = make();
    const topic = `${made.project}-ticks`;
    await create(topic, 3);
    await send(topic, { roomId: "r1", n: -1 });
    await made.start();
    const ann = await made.member("ann", "r1");
    const wanted = Array.from({ length: 200 }, (_, i) => i);
    await send(topic, ...wanted.flatMap((n) => [{ roomId: "r1", n }, { roomId: "r1", n: 1000 + n, quiet: true }, { roomId: "r2", n: 2000 + n }]));
    await ann.next("tick", ({ data }) => data.n === 199);
    assert.deepEqual(numbers(ann), wanted);
    await until("committed", async () => (await committed(made, topic)) === 601);
    await until("there is no lag", async () => (await made.metric(`hubd_bus_lag{topic="${topic}"}`)) === 0); // measured once a second
    await made.stop();
  });

  test("loses nothing of a topic that comes into being while it runs", async () => {
    const made = await make().start();
    const ann = await made.member("ann", "r1");
    const topic = `${made.project}-ticks`;
    await create(topic, 2);
    await send(topic, ...Array.from({ length: 10 }, (_, n) => ({ roomId: "r1", n })));
    await ann.next("tick", ({ data }) => data.n === 9);
    assert.deepEqual(numbers(ann), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] });
    const fresh = kafka.client().producer(); // the other one does not know the added partitions
    await fresh.connect();
    // One by one: where a partition is not there yet, kafkajs sends the whole request again.
    for (const partition of [0, 1, 2, 3]) await fresh.send({ topic, messages: [{ partition, value: JSON.stringify({ roomId: "r1", n: 10 + partition }) }] });
    await fresh.disconnect();
    await until("added partitions are read", () => numbers(ann).length === 14);
    assert.deepEqual(numbers(ann).slice(10).sort(), [10, 11, 12, 13]);
    const ends = await admin.fetchTopicOffsets(topic);
    assert.equal(ends.reduce((sum, { offset }) => sum + Number(offset), 0), 14);
    await made.stop();
  });

  test("loses nothing that comes while hubd is down", async () => {
    const made = make();
    const topic = `${made.project}-ticks`;
    await create(topic);
    await made.start();
    await made.stop();
    await send(topic, ...[0, 1, 2].map((n) => ({ roomId: "r1", n })));
    await made.start();
    await until("committed", async () => (await committed(made, topic)) === 3);
    await made.stop();
  });

  test("after kill -9 goes on where it was, without a gap", async () => {
    const made = make(
      (def) => {
        def.service.dataObjects[1].api = { read: ["boss"] };
        // Leaves a row for every record that was handled, by whichever process.
        const note = "pcall(objects.create, 'membership', {id = 'n' .. data.n, userId = 'u', conversationId = 'r2'})";
        def.hub.eventSettings.kafkaEvents[0].filterExpression = { lua: `${note} return true` };
      },
      { options: { "session.timeout.ms": 3000, "heartbeat.interval.ms": 500 } },
    );
    const topic = `${made.project}-ticks`;
    await create(topic);
    await made.start();
    const ann = await made.member("ann", "r1");
    const sent = sendTicks(topic, 10);
    await until("some have come", () => numbers(ann).length > 50);
    await made.kill();
    numbers(ann).forEach((number, i) => assert.equal(number, i));
    await made.start();
    const bob = await made.member("bob", "r1");
    await until("it goes on", () => numbers(bob).length > 50);
    const n = await sent();
    numbers(bob).forEach((number, i) => assert.equal(number, numbers(bob)[0] + i));
    const rows = async () => (await fetch(`${made.hubd.url}/objects/membership?limit=1000`, { headers: { authorization: "Bearer dev:boss:boss" } })).json();
    await until("all are handled", async () => (await rows()).rowCount === n);
    await made.stop();
  });

  test("knows a repeat by its _eventId", async () => {
    const made = make();
    const topic = `${made.project}-ticks`;
    await create(topic);
    await made.start();
    const ann = await made.member("ann", "r1");
    await send(topic, { roomId: "r1", n: 0, _eventId: "a" }, { roomId: "r1", n: 0, _eventId: "a" }, { roomId: "r1", n: 1, _eventId: "b" });
    await ann.next("tick", ({ data }) => data.n === 1);
    assert.deepEqual(numbers(ann), [0, 1]);
    await made.stop();
  });

  test("passes over what it cannot understand, counts it, and goes on", async () => {
    const made = make();
    const topic = `${made.project}-ticks`;
    await create(topic);
    await made.start();
    const ann = await made.member("ann", "r1");
    const hostile = ["", "nonsense", "[1]", "null", "{", `${'{"a":'.repeat(100)}1${"}".repeat(100)}`, Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), "x".repeat(900000)];
    await send(topic, ...hostile);
    await producer.send({ topic, messages: [{ key: null, value: null, headers: { h: Buffer.from([0xff]) } }] });
    await send(topic, { roomId: "r1", n: 1 }, { roomId: { a: 1 }, n: 2 }, { n: 3 }, { roomId: "nowhere", n: 4 }, { roomId: "r1", n: 5 });
    await ann.next("tick", ({ data }) => data.n === 5);
    assert.deepEqual(numbers(ann), [1, 5]);
    assert.equal(await made.metric("hubd_bus_malformed_total"), hostile.length + 1);
    assert.equal(await made.metric("hubd_bus_records_total"), hostile.length + 6);
    await until("committed", async () => (await committed(made, topic)) === hostile.length + 6);
    await made.stop();
  });

  test("counts and names records of an object's topic that are not what it is for", async () => {
    const made = make((def) => {
      def.hub.roomSettings.authSources = [{ name: "member", sourceObject: "membership", userField: "userId", roomField: "conversationId", hubRole: "member" }];
    });
    const topics = ["updated", "created"].map((what) => topicOf(made.project, "membership", what));
    const room = topicOf(made.project, "conversation", "updated");
    for (const topic of [...topics, room]) await create(topic);
    await made.start();
    const ann = await made.member("ann", "r1");
    await send(topics[0], { id: "m1", userId: "ann", conversationId: "r1" }, { membership: { id: "m1", userId: "ann", conversationId: null }, newDataValues: {} });
    await send(topics[1], { id: "m1", user: "ann", conversationId: "r1" });
    await made.hubd.printed(/record skipped.*dbevent-membership-/);
    await send(room, { Conversation: { id: "r1" } }, { conversation: { id: "r1", title: "New" }, newDataValues: { title: "New" } });
    assert.deepEqual((await ann.next("hub:roomUpdated")).changes, { title: "New" });
    await until("all are counted", async () => (await made.metric("hubd_bus_records_total")) === 5);
    assert.equal(await made.metric("hubd_bus_malformed_total"), 3);
    await made.stop();
  });

  test("measures what it lags behind while a filter takes its time, and lets other topics pass", async () => {
    const made = make((def) => {
      def.hub.eventSettings.kafkaEvents.push({ name: "slow", topic: "slow", filterExpression: { lua: "sleep(50) return true" }, targetRoomExpression: "data.roomId" });
    });
    const topic = `${made.project}-ticks`;
    await create(topic);
    if (!(await admin.listTopics()).includes("slow")) await create("slow");
    await made.start();
    const ann = await made.member("ann", "r1");
    await send("slow", ...Array.from({ length: 40 }, (_, n) => ({ roomId: "r1", n })));
    await until("it lags", async () => (await made.metric('hubd_bus_lag{topic="slow"}')) > 10);
    await send(topic, { roomId: "r1", n: 1 });
    await ann.next("tick");
    assert.ok(ann.log.filter(([name]) => name === "slow").length < 40, "the other topic had to wait");
    await ann.next("slow", ({ data }) => data.n === 39);
    assert.deepEqual(ann.log.filter(([name]) => name === "slow").map(([, { data }]) => data.n), Array.from({ length: 40 }, (_, n) => n));
    await until("it no longer lags", async () => (await made.metric('hubd_bus_lag{topic="slow"}')) === 0);
    await made.stop();
  });

  test("a reload adds a topic while the others go on", async () => {
    const made = make();
    const topic = `${made.project}-ticks`;
    await create(topic);
    await create(`${made.project}-more`);
    await made.start();
    const ann = await made.member("ann", "r1");
    const sent = sendTicks(topic, 20);
    await until("some have come", () => numbers(ann).length > 10);
    made.def.hub.eventSettings.kafkaEvents.push({ name: "more", topic: `${made.project}-more`, targetRoomExpression: "data.roomId" });
    writeService(made.def, made.dir);
    made.hubd.signal("SIGHUP");
    await made.hubd.printed(/definitions reloaded/);
    await until("the new one is read", async () => {
      await send(`${made.project}-more`, { roomId: "r1" });
      return ann.log.some(([name]) => name === "more");
    });
    const before = numbers(ann).length;
    await until("the old one goes on", () => numbers(ann).length > before + 10);
    await sent();
    numbers(ann).forEach((number, i) => assert.equal(number, i));
    await made.stop();
  });

  for (const how of ["kill", "stop", "pause"]) {
    test(`the broker goes (${how}) and comes back: /readyz says so, and everything goes on`, async () => {
      const made = make();
      const topic = `${made.project}-ticks`;
      await create(topic);
      await made.start();
      const ann = await made.member("ann", "r1");
      await send(topic, { roomId: "r1", n: 0 });
      await ann.next("tick");
      await kafka[how]();
      await until("it is noticed", async () => !(await made.readiness()).ready);
      const { notReady } = await made.readiness();
      assert.deepEqual(notReady.map(({ part }) => part), ["bus"]);
      assert.match(notReady[0].reason, /no broker of 127\.0\.0\.1:\d+ answers/);
      await ann.ok("hub:send", { roomId: "r1", messageType: "text", content: { body: "still here" } });
      await (how === "pause" ? kafka.resume() : kafka.start());
      await send(topic, { roomId: "r1", n: 1 });
      await until("it comes", () => numbers(ann).includes(1));
      assert.deepEqual(numbers(ann), [0, 1]);
      await until("ready again", async () => (await made.readiness()).ready);
      assert.ok((await made.metric("hubd_bus_reconnects_total")) >= 1);
      assert.ok(made.hubd.output.split("\n").length < 60, `too many lines:\n${made.hubd.output}`);
      await made.stop();
    });
  }

  test("a record that needs the store waits for it, uncommitted, and is then dealt with in full", async (t) => {
    const postgres = await Postgres.start();
    t.after(() => postgres.remove());
    const made = make(
      (def) => {
        def.hub.roomSettings.authScripts = [{ name: "operator", script: "user.roleId == 'operator'", hubRole: "member" }];
        def.hub.roomSettings.authSources = [{ name: "member", sourceObject: "membership", userField: "userId", roomField: "conversationId", hubRole: "member" }];
        def.seed.membership = [{ id: "m1", userId: "ann", conversationId: "r1" }];
      },
      { env: { HUBD_STORE_URL: postgres.url() } },
    );
    const topic = topicOf(made.project, "membership", "deleted");
    await create(topic);
    await made.start();
    const ann = await made.member("ann", "r1");
    const op = await made.member("op", "r1", "operator");
    await psql(postgres.url(), `delete from membership where id = 'm1'`);
    await postgres.kill();
    await send(topic, { id: "m1", userId: "ann", conversationId: "r1" });
    await op.next("hub:memberLeft");
    await made.hubd.printed(/a write failed/); // a first attempt has failed
    assert.equal(await committed(made, topic), 0);
    assert.equal(ann.log.some(([name]) => name === "hub:kicked"), false);
    await postgres.start();
    assert.deepEqual(await ann.next("hub:kicked"), { roomId: "r1", reason: "not_authorized" });
    const { message } = await op.next("hub:messageArrived");
    assert.equal(message.content.systemAction, "memberLeft");
    await until("committed", async () => (await committed(made, topic)) === 1);
    assert.equal(op.log.filter(([name]) => name === "hub:messageArrived").length, 1);
    await made.stop();
  });

  const secured = (port, options) => ({ url: `kafka://127.0.0.1:${port}`, options });
  const alice = { "sasl.username": "alice", "sasl.password": "secret" };
  const ways = {
    "SASL PLAIN": () => secured(kafka.saslPort, { "security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", ...alice }),
    "SASL SCRAM": () => secured(kafka.saslPort, { "security.protocol": "sasl_plaintext", "sasl.mechanism": "SCRAM-SHA-256", ...alice }),
    TLS: () => secured(kafka.tlsPort, { "security.protocol": "ssl", "ssl.ca.location": kafka.certificate }),
    "SASL over TLS, in the URL": () => ({
      url: `kafka://127.0.0.1:${kafka.saslTlsPort}?security.protocol=sasl_ssl&sasl.mechanism=PLAIN&sasl.username=alice&sasl.password=secret&ssl.ca.location=${encodeURIComponent(kafka.certificate)}`,
    }),
  };
  for (const [name, way] of Object.entries(ways)) {
    test(`is reached by ${name}, and no password is printed`, async () => {
      const made = make(undefined, way());
      await create(`${made.project}-ticks`);
      await made.start();
      const ann = await made.member("ann", "r1");
      await send(`${made.project}-ticks`, { roomId: "r1", n: 0 });
      await ann.next("tick");
      await made.stop();
      assert.doesNotMatch(made.hubd.output, /secret/);
    });
  }

  test("says that a password or a certificate is not accepted", async () => {
    for (const [options, port, words] of [
      [{ "security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", ...alice, "sasl.password": "swordfish" }, kafka.saslPort, /Authentication failed/],
      [{ "security.protocol": "ssl" }, kafka.tlsPort, /certificate verify failed/],
    ]) {
      const made = make(undefined, secured(port, options));
      const { code, output } = await runToEnd(made.dir, { embedded: true, env: made.env, args: ["--wait", "2"] });
      assert.equal(code, 4, output);
      assert.match(output, words);
      assert.doesNotMatch(output, /swordfish/);
    }
  });

  test("refuses options it does not know", async () => {
    const made = make(undefined, { options: { "sasl.pasword": "swordfish" } });
    const { code, output } = await runToEnd(made.dir, { embedded: true, env: made.env });
    assert.equal(code, 3, output);
    assert.match(output, /bus\.options: there is no option "sasl\.pasword"; did you mean "sasl\.password"\?/);
    assert.doesNotMatch(output, /swordfish/);
  });
});
