// One member asks for 3,000 pages of 1,000 messages in one go, and for more as they are answered; what another user's joins and sends take
// meanwhile, and what memory the process has. Ends with 1 when p99 is over 100 ms or the process over 200 MB.
//   HUBD=build/release/hubd tests/transcript/run.sh tests/bench/reads.mjs [postgres]
import { readFileSync } from "node:fs";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { Postgres } from "../transcript/backends/postgres.js";
import { definition } from "../transcript/definition.js";
import { Hubd, removeService, writeService } from "../transcript/harness.js";
import { Peer } from "../transcript/peer.js";

const PAGES = 3000;
const MESSAGES = 1000;
const SECONDS = 6;
const P99_MS = 100;
const MEMORY_MB = 200;

async function member(url, user, roomId) {
  const peer = new Peer(`${url}/hub/chat`, { auth: { token: `dev:${user}` } });
  await peer.connected();
  await peer.ok("hub:join", { roomId });
  return peer;
}

/** The asker, in a thread of its own: reading its pages is not to be measured. */
async function ask({ url }) {
  const peer = await member(url, "asker", "r1");
  const count = { ok: 0, overloaded: 0 };
  const page = async () => {
    const { ok, error } = await peer.call("hub:history", { roomId: "r1", limit: MESSAGES });
    count[ok ? "ok" : error.code]++;
  };
  parentPort.postMessage("asks");
  await Promise.all(Array.from({ length: PAGES }, page));
  const end = performance.now() + SECONDS * 500;
  const again = async () => {
    while (performance.now() < end) await page();
  };
  await Promise.all(Array.from({ length: 64 }, again));
  parentPort.postMessage(count);
  peer.close();
}

async function measure(hubd) {
  const ann = await member(hubd.url, "ann", "r1");
  for (let sent = 0; sent < MESSAGES; sent += 100) await Promise.all(Array.from({ length: 100 }, () => ann.say("r1", "x".repeat(100))));
  ann.close();
  const bob = await member(hubd.url, "bob", "r2");
  const worker = new Worker(new URL(import.meta.url), { workerData: { url: hubd.url } });
  let count;
  const started = new Promise((done) => worker.on("message", (m) => (m === "asks" ? done() : (count = m))));
  await started;
  const took = [];
  const timed = async (work) => {
    const from = performance.now();
    await work();
    took.push(performance.now() - from);
  };
  while (!count) {
    await timed(() => bob.ok("hub:join", { roomId: "r2" }));
    await timed(() => bob.say("r2", "hello"));
  }
  took.sort((a, b) => a - b);
  const memory = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${hubd.pid}/status`, "utf8"))[1]) / 1024;
  const at = (q) => took[Math.floor((took.length - 1) * q)];
  bob.close();
  return { ...count, asked: took.length, p50: at(0.5), p99: at(0.99), max: at(1), memory };
}

async function main(kind) {
  const server = kind === "postgres" ? await Postgres.start() : undefined;
  await server?.sql("create database reads");
  const def = definition((d) => (d.hub.historySettings = { historyEnabled: true, historyLimit: 50 }));
  if (server) def.service.store.url = server.url("reads");
  const dir = writeService(def);
  const hubd = await Hubd.start(dir);
  try {
    const r = await measure(hubd);
    const shown = Object.entries(r).map(([k, v]) => `${k} ${Math.round(v * 10) / 10}`);
    console.log(`${kind}: ${shown.join(", ")} (times in ms, memory in MB)`);
    if (r.p99 > P99_MS || r.memory > MEMORY_MB) process.exitCode = 1;
  } finally {
    await hubd.stop();
    removeService(dir);
    await server?.stop();
  }
}

if (isMainThread) {
  await main(process.argv[2] ?? "sqlite");
} else {
  await ask(workerData);
}
