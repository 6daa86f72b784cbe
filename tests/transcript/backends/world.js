// A hub on servers of its own, under load, for outages: senders that never give up, a reader per room that keeps everything it was told,
// records from outside, and changes of objects. What hubd owes to each of them is checked while it runs and at the end.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { definition } from "../definition.js";
import { Hubd, removeService, SLACK_MS, within, writeService } from "../harness.js";
import { Peer } from "../peer.js";
import { Front } from "./front.js";
import { client, Kafka } from "./kafka.js";
import { Postgres } from "./postgres.js";
import { Redis } from "./redis.js";
import { Missing, pause } from "./server.js";

const KINDS = { store: Postgres, cache: Redis, bus: Kafka };
const ROOMS = ["r1", "r2"];
const USERS = ["ann", "bob"];
const SENDERS = 4; // of each user in each room
const BREATH_MS = 20; // between two sends of one sender
const ANSWER_MS = 7500 + SLACK_MS / 2; // 5 s by contract, and half of them again where hubd stood still; long before a peer gives up
const GONE_MS = 30000;
const BACK_MS = 60000;
const EVENT_MS = 30000;
const TOPIC = "prices";
const PROJECT = "outages";
const EVENTS = `${PROJECT}-chat-service-dbevent`;
const SAID = "message number"; // in each body: by it a transaction that stores messages is known
const SOURCE = "membership"; // its rows decide who may join: with Redis by a remembered decision

function underTest(def) {
  def.service.service.project = PROJECT;
  const { dataObjects } = def.service;
  dataObjects.find(({ name }) => name === "conversation").api = { read: ["boss"], update: ["boss"] };
  def.hub.roomSettings.authSources = [{ name: "members", sourceObject: SOURCE, userField: "userId", roomField: "conversationId", hubRole: "member" }];
  def.hub.roomSettings.authScripts = [{ name: "boss", script: "user.roleId === 'boss'", hubRole: "member" }];
  def.hub.messageSettings.customMessageTypes = [{ name: "count" }];
  def.hub.hubLogic = {
    messageHandlers: [{ messageType: "count", script: { lua: "redis.incr('n:' .. roomId)\nreturn {accept = true, persist = false, broadcast = false}" } }],
  };
  def.hub.eventSettings = {
    autoBridgeDataEvents: true,
    kafkaEvents: [{ name: "priceChanged", topic: TOPIC, filterExpression: "data.kind === 'price'", targetRoomExpression: "data.chatId" }],
  };
  def.seed[SOURCE] = ROOMS.flatMap((roomId) => [...USERS, "guest"].map((userId) => ({ id: `${roomId}-${userId}`, userId, conversationId: roomId })));
}

/** Waits until LOOK() is true; the message says WHAT did not come. */
async function until(ms, look, what) {
  for (const late = Date.now() + ms; !(await look()); await pause(20)) if (Date.now() > late) throw new Error(`${typeof what === "function" ? what() : what}: not within ${ms} ms`);
}

export class World {
  acknowledged = new Map(); // id of a message: the message as acknowledged
  told = { price: new Map(), title: new Map() }; // what the readers were told of: how often
  prices = 0; // records that were put on the topic from outside and taken by Kafka
  titles = []; // of changes that were answered with 200, in order
  unsure = new Set(); // titles of changes that were answered otherwise at least once
  never = new Set(); // clientMessageIds of sends that were refused without a doubt, and not repeated
  refusals = 0;
  slowest = 0;
  loading = false;
  failures = [];
  missing = {}; // part whose server cannot be had: why

  /** Starts the servers; hubd comes with startHub(). Without Kafka the bus is the one in memory. */
  async start() {
    const started = await Promise.allSettled(Object.entries(KINDS).map(([part, kind]) => this.#startServer(part, kind)));
    for (const { reason } of started) if (reason) throw reason;
    this.dir = writeService(definition(underTest));
    return this;
  }

  async #startServer(part, kind) {
    try {
      this[part] = await kind.start();
    } catch (error) {
      if (part !== "bus" || !(error instanceof Missing) || process.env.CI === "true") throw error;
      console.log(`without Kafka, with the bus in memory: ${error.message}`);
      this.missing[part] = error.message;
    }
  }

  get options() {
    const plain = this.store.url("postgres", { query: "sslmode=disable" }); // a front looks into what passes
    const store = this.front ? plain.replace(`:${this.store.port}`, `:${this.front.port}`) : this.store.url();
    const env = { HUBD_STORE_URL: store, HUBD_CACHE_URL: this.cache.url(), ...(this.bus && { HUBD_BUS_URL: this.bus.url() }) };
    // Memory that was freed goes back soon, so that what a look at the process sees is what it holds.
    return { env: { ...env, ASAN_OPTIONS: "abort_on_error=0:exitcode=99:quarantine_size_mb=4" } };
  }

  /** With FRONT the store can also lose an "answer" or a "question". */
  async startHub({ front = false } = {}) {
    if (front) this.front = await Front.of(this.store.port);
    this.hubd = await Hubd.start(this.dir, this.options);
    await this.ready();
  }

  /** Parts that /readyz calls not ready. */
  async notReady() {
    const response = await fetch(`${this.hubd.url}/readyz`);
    const { notReady } = await response.json();
    assert.equal(response.status, notReady.length ? 503 : 200);
    return notReady.map(({ part }) => part).sort();
  }

  /** Waits until /readyz names PARTS and no other. */
  areAway(parts, ms = GONE_MS) {
    const names = [...parts].sort().join();
    const named = async () => (await this.notReady()).join() === names;
    return until(ms, named, () => `/readyz names ${parts}\n${this.hubd.output.slice(-2000)}`);
  }

  async ready(ms = BACK_MS) {
    let missing = [];
    await until(ms, async () => (missing = await this.notReady()).length === 0, () => `ready again, still away: ${missing}\n${this.hubd.output.slice(-3000)}`);
  }

  async member(user, roomId, role) {
    const peer = new Peer(`${this.hubd.url}/hub/chat`, { auth: { token: `dev:${user}${role ? `:${role}` : ""}` } });
    await peer.connected();
    await peer.ok("hub:join", { roomId });
    return peer;
  }

  /** Readers and senders take their seats and the load begins. */
  async load() {
    this.readers = await Promise.all(ROOMS.map((roomId) => this.member("reader", roomId, "boss")));
    const count = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);
    for (const { socket } of this.readers) {
      socket.on("priceChanged", ({ data }) => count(this.told.price, data.n));
      socket.on("hub:roomUpdated", ({ record }) => count(this.told.title, record.title));
    }
    this.senders = await Promise.all(USERS.flatMap((user) => ROOMS.map((roomId) => this.member(user, roomId))));
    if (this.bus) await this.#connectProducer();
    this.loading = true;
    const guarded = (work) => work.catch((error) => this.failures.push(error));
    this.work = [
      ...this.senders.flatMap((peer, i) => Array.from({ length: SENDERS }, (_, n) => guarded(this.#send(peer, ROOMS[i % ROOMS.length], `${i}.${n}`)))),
      ...(this.bus ? [guarded(this.#produce())] : []),
      guarded(this.#change()),
    ];
  }

  async #connectProducer() {
    this.producer = client(this.bus.url(), { connectionTimeout: 1000, requestTimeout: 3000, retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 1000 } }).producer({
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await this.producer.connect();
  }

  async #send(peer, roomId, seat) {
    for (let n = 0; this.loading; n++) {
      const message = { roomId, messageType: "text", clientMessageId: `${seat}.${n}`, content: { body: `${SAID} ${n}` } };
      for (let unknown = false; ; ) {
        const at = Date.now();
        const answer = await peer.call("hub:send", message);
        this.slowest = Math.max(this.slowest, Date.now() - at);
        if (answer.ok) {
          this.acknowledged.set(answer.message.id, answer.message);
          break;
        }
        assert.equal(answer.error.code, "store_unavailable", JSON.stringify(answer.error));
        this.refusals++;
        unknown ||= answer.error.outcome === "unknown";
        if (unknown || n % 2) continue; // what was surely not done is left so, every other time
        this.never.add(message.clientMessageId);
        break;
      }
      await pause(BREATH_MS);
    }
  }

  async #produce() {
    while (this.loading) {
      const record = { _eventId: `price-${this.prices}`, kind: "price", chatId: ROOMS[this.prices % ROOMS.length], n: this.prices };
      await this.producer.send({ topic: TOPIC, messages: [{ key: record.chatId, value: JSON.stringify(record) }] });
      this.prices++;
      await pause(20);
    }
  }

  async #change() {
    for (let n = 0; this.loading; n++) {
      const title = `Title ${n}`;
      while ((await this.#patch(ROOMS[n % ROOMS.length], title)) !== 200) this.unsure.add(title);
      this.titles.push(title);
      await pause(20);
    }
  }

  async #patch(roomId, title) {
    const at = Date.now();
    const response = await fetch(`${this.hubd.url}/objects/conversation/${roomId}`, {
      method: "PATCH",
      headers: { authorization: "Bearer dev:boss:boss", "content-type": "application/json" },
      body: JSON.stringify({ title }),
    });
    this.slowest = Math.max(this.slowest, Date.now() - at);
    const text = await response.text();
    if (response.status !== 200) assert.equal(response.status, 503, text);
    return response.status;
  }

  check() {
    for (const error of this.failures) throw error;
    assert.equal(this.hubd.child.exitCode, null, `hubd has ended\n${this.hubd.output.slice(-3000)}`);
    assert.ok(this.slowest < ANSWER_MS, `an answer took ${this.slowest} ms`);
  }

  /** Waits until N more messages have been acknowledged. */
  async progress(n, ms = BACK_MS) {
    const enough = this.acknowledged.size + n;
    await until(ms, () => (this.check(), this.acknowledged.size >= enough), "sends are acknowledged");
  }

  /** What was changed (a title) or put on the bus (a price) until now reaches the readers: subscriptions are alive, not just sockets. */
  async bridged(kinds = ["price", "title"]) {
    const last = { price: this.prices - 1, title: this.titles.at(-1) };
    for (const what of kinds) {
      const value = last[what];
      if (value === undefined || value === -1) continue;
      const heard = () => (this.check(), this.told[what].has(value));
      await until(EVENT_MS, heard, () => `${what} ${value} reaches a reader\n${this.hubd.output.slice(-2000)}`);
    }
  }

  /** One outage: GONE are the parts and how each goes ("stop", "kill", "pause"; with a front the store also by "answer" or "question", lost with
   * every connection), BACK the order in which they return; APART ms lie between two that go, BETWEEN two that return, AWAY are they at least. */
  async outage({ gone, back = gone.map(([part]) => part), apart = 0, away = 0, between = 0 }) {
    const how = new Map(gone);
    const refused = this.refusals;
    for (const [i, [part]] of gone.entries()) {
      if (i) await pause(apart);
      await this.#goes(part, how.get(part));
    }
    await this.areAway(back);
    await pause(away);
    await this.#goesOn(back, refused);
    for (const [i, part] of back.entries()) {
      await this.#returns(part, how.get(part));
      const left = back.slice(i + 1);
      if (!left.length) break;
      await this.areAway(left, BACK_MS);
      await this.#goesOn(left, this.refusals);
      await pause(between);
    }
    await this.ready();
    await this.progress(200);
    await this.bridged();
    await this.#counts();
    this.check();
  }

  async #goes(part, how) {
    if (how === "answer" || how === "question") await this.#lose(how);
    else await this[part][how]();
  }

  #lose(what) {
    return within(ANSWER_MS, this.front.lose(what, SAID), `a commit loses its ${what}`);
  }

  async #returns(part, how) {
    if (how === "answer" || how === "question") this.front.back();
    else if (how === "pause") this[part].resume();
    else await this[part].start();
  }

  /** What can be done without the parts AWAY is done, and what cannot is refused: more than REFUSED times by now. */
  async #goesOn(away, refused) {
    if (!away.includes("bus")) await this.bridged(["price"]);
    if (away.includes("store")) {
      await until(ANSWER_MS + 3000, () => (this.check(), this.refusals > refused), "a send is refused");
      return;
    }
    await this.progress(200);
    await this.bridged(["title"]);
    // A decision that nobody remembers is worked out; with the cache away everybody's is.
    const guest = await this.member("guest", ROOMS[0]);
    guest.close();
  }

  /** The connection to the store breaks with a commit on its way, of which WHAT ("question" or "answer") is lost, and is there again at once. */
  async blink(what) {
    await this.#lose(what);
    this.front.back();
    await this.progress(50);
  }

  async #counts() {
    await until(BACK_MS, async () => (await this.senders[0].call("hub:send", { roomId: ROOMS[0], messageType: "count", content: {} })).ok, "redis.incr in a handler works again");
  }

  /** Whatever is away after a test that failed comes back. */
  async restore() {
    this.front?.back();
    for (const part of Object.keys(KINDS)) {
      this[part]?.resume();
      if (this[part] && !this[part].running) await this[part].start();
    }
  }

  /** Kilobytes that hubd holds. */
  memory() {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.hubd.pid}/status`, "utf8"))[1]);
  }

  /** Ends the load and looks at everything it led to. */
  async settle() {
    this.loading = false;
    await within(BACK_MS, Promise.all(this.work), "what was begun ends");
    this.check();
    await this.bridged();
    const history = await Promise.all(ROOMS.map((roomId, i) => this.#history(this.readers[i], roomId)));
    await this.#live(history);
    const stored = new Map(history.flat().map((message) => [message.id, message]));
    for (const [id, message] of this.acknowledged) assert.deepEqual(stored.get(id), message, "an acknowledged message is gone or changed");
    const odd = Array.from({ length: this.prices }, (_, n) => [n, this.told.price.get(n)]).filter(([, times]) => times !== 1);
    assert.deepEqual(odd, [], "records from outside that did not arrive once");
    if (this.bus) await this.#announced(stored);
  }

  async #history(reader, roomId) {
    const messages = [];
    for (let page; page?.hasMore ?? true; messages.push(...page.messages)) page = await reader.ok("hub:history", { roomId, after: messages.at(-1)?.seq ?? 0, limit: 500 });
    const keys = messages.map(({ senderId, clientMessageId }) => `${senderId} ${clientMessageId}`);
    assert.equal(new Set(keys).size, keys.length, "a repeated send was stored twice");
    const done = messages.filter(({ clientMessageId }) => this.never.has(clientMessageId));
    assert.deepEqual(done, [], "sends that were answered by an error without outcome, and are there");
    return messages;
  }

  /** Each reader was told each message of its room once, in order, as it is stored. */
  async #live(history) {
    for (const [i, reader] of this.readers.entries()) {
      await reader.settled();
      const told = reader.log.filter(([name]) => name === "hub:messageArrived").map(([, { message }]) => message);
      assert.deepEqual(told.map(({ seq }) => seq), history[i].map((_, n) => n + 1), `what was told in ${ROOMS[i]} has gaps or repeats`);
      assert.deepEqual(told, history[i]);
    }
    for (const title of this.titles) {
      const times = this.told.title.get(title) ?? 0;
      assert.ok(this.unsure.has(title) ? times >= 1 : times === 1, `"${title}" was told ${times} times`);
    }
  }

  /** hubd's own changes are on the bus for others. */
  async #announced(stored) {
    const titles = new Set();
    const messages = new Set();
    await this.consume({
      [`${EVENTS}-conversation-updated`]: ({ conversation }) => titles.add(conversation.title),
      [`${EVENTS}-chatmessage-created`]: ({ id }) => messages.add(id),
    }, () => this.titles.every((title) => titles.has(title)) && [...stored.keys()].every((id) => messages.has(id)));
  }

  /** Reads topics from their beginning until DONE(). */
  async consume(takers, done) {
    const consumer = client(this.bus.url()).consumer({ groupId: "the-test" });
    await consumer.connect();
    await consumer.subscribe({ topics: Object.keys(takers), fromBeginning: true });
    await consumer.run({ eachMessage: async ({ topic, message }) => takers[topic](JSON.parse(message.value)) });
    await until(EVENT_MS, done, "every change is on the bus").finally(() => consumer.disconnect());
  }

  async stop() {
    this.loading = false;
    for (const peer of [...(this.readers ?? []), ...(this.senders ?? [])]) peer.close();
    await this.producer?.disconnect();
    try {
      if (this.hubd) await this.hubd.stop();
    } finally {
      this.hubd?.signal("SIGKILL");
      this.front?.close();
      for (const part of Object.keys(KINDS)) await this[part]?.remove();
      if (this.dir) removeService(this.dir);
    }
  }
}
