// Writes records and follows them: 100 connections that follow ten records each in patch mode, and ten that write them, RATE writes a second
// as long as no more than 200 are unanswered. Both ends speak JSON over WebSocket, as hubd does or as @prsm/realtime does.
// Usage: node record_load.js hubd|realtime PORT RECORDS RATE SECONDS WARMUP PID…; prints one line of JSON, with the CPU time of the processes.
"use strict";
const { readFileSync } = require("node:fs");
const { WebSocket } = require("ws");

const [kind, port, ...numbers] = process.argv.slice(2);
const [records, rate, seconds, warmup, ...pids] = numbers.map(Number);
const [FOLLOWERS, EACH, WRITERS, WINDOW] = [100, 10, 10, 200];
const counts = { writes: 0, updates: 0, bytes: 0, full: 0, gaps: 0, errors: 0 };
const took = [];
let measuring = false;

/** What differs between the servers: where they listen, what opens a connection, and how a request, its answer and an update look. */
const NSP = "/hub/parts";
const protocols = {
  hubd: {
    url: `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`,
    read(text, peer) {
      if (text[0] === "0") peer.socket.send(`40${NSP},{"token":"dev:u${peer.number}"}`);
      else if (text === "2") peer.socket.send("3");
      else if (text.startsWith("40")) peer.opened();
      else if (text.startsWith("43")) {
        const at = text.indexOf("[");
        const [answer] = JSON.parse(text.slice(at));
        peer.answered(Number(text.slice(2 + NSP.length + 1, at)), answer.ok, answer);
      } else if (text.startsWith("42")) {
        const [event, update] = JSON.parse(text.slice(text.indexOf("[")));
        if (event === "hub:recordUpdated") peer.updated(update, text.length);
      } else throw new Error(`unexpected: ${text}`);
    },
    request: (id, event, data) => `42${NSP},${id}${JSON.stringify([event, data])}`,
    follow: (recordId) => ["hub:subscribeRecord", { recordId, mode: "patch" }],
    write: (recordId, value) => ["hub:writeRecord", { recordId, value }],
  },
  realtime: {
    url: `ws://127.0.0.1:${port}/`,
    start: (peer) => peer.opened(),
    read(text, peer) {
      const { id, command, payload } = JSON.parse(text);
      if (command === "ping") peer.socket.send('{"command":"pong","payload":{}}');
      else if (command === "rt/record-update") peer.updated(payload, text.length);
      else if (id !== undefined && peer.waits.has(id)) peer.answered(id, payload.success, payload);
    },
    request: (id, command, payload) => JSON.stringify({ id, command, payload }),
    follow: (recordId) => ["rt/subscribe-record", { recordId, mode: "patch" }],
    write: (recordId, newValue) => ["rt/publish-record-update", { recordId, newValue }],
  },
};
const protocol = protocols[kind];

class Peer {
  waits = new Map(); // by the id of the request
  versions = new Map();
  nextId = 1;

  constructor(number) {
    this.number = number;
    this.socket = new WebSocket(protocol.url, { perMessageDeflate: false });
    this.connected = new Promise((opened, failed) => {
      this.opened = opened;
      this.socket.on("error", failed).on("close", () => failed(new Error("closed")));
    });
    this.connected.catch(fail);
    this.socket.on("open", () => protocol.start?.(this)).on("message", (data) => protocol.read(data.toString(), this));
  }

  request([event, data], done) {
    const id = this.nextId++;
    this.waits.set(id, done);
    this.socket.send(protocol.request(id, event, data));
  }

  answered(id, ok, answer) {
    const done = this.waits.get(id);
    this.waits.delete(id);
    if (!ok && counts.errors++ === 0) console.error(`refused: ${JSON.stringify(answer)}`);
    done(answer);
  }

  async follow(recordId) {
    const { version } = await new Promise((done) => this.request(protocol.follow(recordId), done));
    if (!this.versions.has(recordId)) this.versions.set(recordId, version);
  }

  updated({ recordId, version, patch }, bytes) {
    const last = this.versions.get(recordId);
    if (last !== undefined && version !== last + 1) counts.gaps++;
    this.versions.set(recordId, version);
    if (!measuring) return;
    counts.updates++;
    counts.bytes += bytes;
    if (!patch) counts.full++;
  }
}

function fail(error) {
  console.error(`record_load: ${error.message}`);
  process.exit(1);
}
/** User and system time, in the ticks of /proc, which are hundredths of a second. */
function cpuSeconds() {
  const ticks = (pid) => readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\) /, "").split(" ").slice(11, 13).reduce((a, b) => a + Number(b), 0);
  return pids.reduce((sum, pid) => sum + ticks(pid), 0) / 100;
}
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const VALUE = { title: "A record of the bench", owner: { id: "u1", name: "Somebody" }, tags: ["one", "two", "three"], text: "x".repeat(120) };

async function connect(number) {
  const peer = new Peer(number);
  await peer.connected;
  return peer;
}

/** Sends what is due every millisecond; what the window does not take is left out, so that the writes a second tell what the server manages. */
class Schedule {
  unanswered = 0;
  next = 0;
  due = 0;

  constructor(writers) {
    this.writers = writers;
    this.last = performance.now();
    this.timer = setInterval(() => this.tick(), 1);
  }

  tick() {
    const now = performance.now();
    this.due = Math.min(this.due + ((now - this.last) * rate) / 1000, WINDOW);
    this.last = now;
    while (this.due >= 1 && this.unanswered < WINDOW) this.write(now);
  }

  write(now) {
    const number = this.next++;
    this.due--;
    this.unanswered++;
    this.writers[number % WRITERS].request(protocol.write(`record:${number % records}`, { ...VALUE, number }), () => {
      this.unanswered--;
      if (!measuring) return;
      counts.writes++;
      took.push(performance.now() - now);
    });
  }

  stop() {
    clearInterval(this.timer);
  }
}

async function main() {
  const followers = await Promise.all(Array.from({ length: FOLLOWERS }, (_, i) => connect(i)));
  const writers = await Promise.all(Array.from({ length: WRITERS }, (_, i) => connect(FOLLOWERS + i)));
  for (let i = 0; i < records; i++) await new Promise((done) => writers[0].request(protocol.write(`record:${i}`, VALUE), done));
  await Promise.all(followers.map(async (peer, i) => {
    for (let k = 0; k < EACH; k++) await peer.follow(`record:${(i * EACH + k) % records}`);
  }));
  const schedule = new Schedule(writers);
  await pause(warmup * 1000);
  measuring = true;
  const [from, cpu] = [performance.now(), cpuSeconds()];
  await pause(seconds * 1000);
  measuring = false;
  schedule.stop();
  report((performance.now() - from) / 1000, cpuSeconds() - cpu);
  process.exit();
}

function report(elapsed, cpu) {
  took.sort((a, b) => a - b);
  const at = (share) => took[Math.floor((took.length - 1) * share)] ?? 0;
  const { writes, updates, bytes, ...rest } = counts;
  console.log(JSON.stringify({
    connections: FOLLOWERS + WRITERS, acksPerSecond: writes / elapsed, acksPerCpuSecond: writes / cpu, deliveriesPerSecond: updates / elapsed,
    ackP50Ms: at(0.5), ackP99Ms: at(0.99), bytesPerDelivery: updates ? bytes / updates : 0, ...rest,
  }));
}

main().catch(fail);
