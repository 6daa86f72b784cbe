// Jobs: added by scripts, kept in the store, carried out at least once and by one worker at a time, also when hubd is killed in between.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { definition } from "./definition.js";
import { embeddedOnly, eventually, Hubd, PROGRAM, removeService, serve, writeService } from "./harness.js";
import { Peer } from "./peer.js";

const lua = (text) => ({ lua: text });
const command = (name, text) => ({ name, order: "none", rateLimit: 1000000, script: lua(text) });

const commands = [
  command("add", "return queues.add(payload.queue, payload.data, payload.options)"),
  command("get", "return queues.get(payload.id)"),
  command("cancel", "return queues.cancel(payload.id)"),
  command("stats", "return queues.stats(payload.queue)"),
  command("trail", "return objects.list('step', {}, {orderBy = 'at', limit = 1000})"),
  command("many", "for i = 1, payload.n do queues.add(payload.queue, {n = i}, {id = payload.prefix .. i}) end"),
];

// Each step of a job is a row of its own, so that what was done can be told afterwards.
const step = (what) => `objects.create('step', {job = job.id, what = '${what}', attempt = job.attempt, at = time.now()})`;

const queues = [
  { name: "notes", concurrency: 1, script: lua(`${step("note")} return {got = job.data, attempt = job.attempt}`) },
  { name: "flaky", attempts: 3, backoff: "fixed", backoffMs: 20, script: lua(`${step("try")} if job.attempt < job.data.works then error{code = 'nope', message = 'not yet ' .. job.attempt} end return job.attempt`) },
  { name: "slow", concurrency: 2, timeoutMs: 60000, script: lua(`${step("begin")} sleep(job.data.ms) ${step("end")}`) },
  { name: "short", timeoutMs: 50, attempts: 1, script: lua("sleep(60000)") },
  { name: "loud", attempts: 1, script: lua("error(job.data == 'bytes' and 'a\\xffb' or string.rep('ä', 700))") },
  { name: "few", keepDone: 3, keepFailed: 0, attempts: 1, script: lua("if job.data == 'bad' then error('bad') end") },
  { name: "paired", concurrency: 2, timeoutMs: 1000, script: lua(`${step("begin")} sleep(job.data.ms) ${step("end")}`) },
  { name: "runs", concurrency: 50, timeoutMs: 2000, attempts: 100, keepDone: 100000, script: lua(`${step("begin")} sleep(math.random(1, 20)) ${step("end")}`) },
  { name: "quick", concurrency: 3, timeoutMs: 2000, attempts: 100, keepDone: 100000, script: lua(`${step("begin")} ${step("end")}`) }, // short enough to be taken ahead
];

function withQueues(def) {
  def.service.queues = structuredClone(queues);
  def.service.dataObjects.push({
    name: "step",
    managed: true,
    properties: [
      { name: "job", type: "String" },
      { name: "what", type: "String" },
      { name: "attempt", type: "Integer" },
      { name: "at", type: "Integer" },
    ],
  });
  def.hub.hubExtensions.commands = structuredClone(commands);
}

const asker = (peer) => async (name, payload) => {
  const answer = await peer.call(name, payload);
  assert.ok(answer.ok, `${name} ${JSON.stringify(payload)}: ${JSON.stringify(answer)}`);
  return answer.result;
};

const reaches = (ask, id, state) =>
  eventually(`job ${id} is ${state}`, async () => (await ask("get", { id }))?.state === state);

describe("jobs", () => {
  const server = serve(withQueues);

  test("are carried out, with what the script returned as their result", async () => {
    const ask = asker(await server.connect("ann"));
    const added = await ask("add", { queue: "notes", data: { a: [], n: 9007199254740993 / 2 } });
    assert.match(added.id, /^[0-9a-f-]{36}$/);
    assert.deepEqual([added.state, added.queue, added.attempts, added.result, added.error], ["waiting", "notes", 0, null, null]);
    await reaches(ask, added.id, "done");
    const done = await ask("get", { id: added.id });
    assert.deepEqual(done.result, { got: { a: [], n: 9007199254740993 / 2 }, attempt: 1 });
    assert.equal(done.attempts, 1);
    assert.ok(done.finishedAt >= done.createdAt);
    assert.equal(await ask("get", { id: "no-such-job" }), null);
  });

  test("with an id of their own are added once", async () => {
    const ask = asker(await server.connect("ann"));
    const first = await ask("add", { queue: "notes", data: 1, options: { id: "once" } });
    const again = await ask("add", { queue: "notes", data: 2, options: { id: "once" } });
    assert.deepEqual([again.id, again.data, again.createdAt], ["once", 1, first.createdAt]);
    await reaches(ask, "once", "done");
    assert.equal((await ask("add", { queue: "notes", data: 3, options: { id: "once" } })).state, "done");
    const steps = (await ask("trail", {})).filter(({ job }) => job === "once");
    assert.equal(steps.length, 1);
    const other = await (await server.connect("bob")).call("add", { queue: "flaky", options: { id: "once" } });
    assert.equal(other.error.code, "handler_failed");
  });

  test("of a higher priority go first, the others in the order of adding", async () => {
    const ask = asker(await server.connect("ann"));
    const delayMs = 200;
    for (const [id, priority] of [["p1", 0], ["p2", 0], ["p3", -1], ["p4", 5]]) await ask("add", { queue: "notes", data: id, options: { id, priority, delayMs } });
    assert.equal((await ask("get", { id: "p1" })).state, "delayed");
    for (const id of ["p1", "p2", "p3", "p4"]) await reaches(ask, id, "done");
    const rows = await Promise.all(["p4", "p1", "p2", "p3"].map((id) => ask("get", { id })));
    const due = rows.map(({ dueAt }) => dueAt);
    assert.ok(rows.every(({ finishedAt, dueAt }) => finishedAt >= dueAt), JSON.stringify(rows));
    assert.deepEqual([due[1] <= due[2], due[2] <= due[3]], [true, true]);
  });

  test("that fail are tried again after a while, and keep their error when they have failed for good", async () => {
    const ask = asker(await server.connect("ann"));
    await ask("add", { queue: "flaky", data: { works: 3 }, options: { id: "works" } });
    await ask("add", { queue: "flaky", data: { works: 9 }, options: { id: "fails" } });
    await ask("add", { queue: "flaky", data: { works: 2 }, options: { id: "once-only", attempts: 1 } });
    await reaches(ask, "works", "done");
    await reaches(ask, "fails", "failed");
    await reaches(ask, "once-only", "failed");
    assert.deepEqual((({ result, attempts, error }) => ({ result, attempts, error }))(await ask("get", { id: "works" })), { result: 3, attempts: 3, error: null });
    assert.deepEqual((({ result, attempts, error }) => ({ result, attempts, error }))(await ask("get", { id: "fails" })), { result: null, attempts: 3, error: "not yet 3" });
    const tries = (await ask("trail", {})).filter(({ job }) => job === "fails").map(({ at }) => at);
    assert.ok(tries[1] - tries[0] >= 15 && tries[2] - tries[1] >= 15, `${tries}`);
  });

  test("end with their time", async () => {
    const ask = asker(await server.connect("ann"));
    const { id } = await ask("add", { queue: "short" });
    await reaches(ask, id, "failed");
    assert.match((await ask("get", { id })).error, /50 ms|too long/);
  });

  // PostgreSQL takes no text that is none: the end could not be written, and the job was carried out until its attempts were used up.
  test("fail with whatever bytes their scripts raise", async () => {
    const ask = asker(await server.connect("ann"));
    for (const id of ["long", "bytes"]) {
      await ask("add", { queue: "loud", data: id, options: { id } });
      await reaches(ask, id, "failed");
    }
    assert.match((await ask("get", { id: "long" })).error, /: ä{100,}$/);
    assert.match((await ask("get", { id: "bytes" })).error, /: a\ufffdb$/);
  });

  test("that are cancelled are not carried out, nor carried out again", async () => {
    const ask = asker(await server.connect("ann"));
    const later = await ask("add", { queue: "notes", options: { delayMs: 50 } });
    assert.equal(await ask("cancel", { id: later.id }), true);
    assert.equal(await ask("cancel", { id: later.id }), false);
    const running = await ask("add", { queue: "slow", data: { ms: 300 } });
    await reaches(ask, running.id, "running");
    assert.equal(await ask("cancel", { id: running.id }), true);
    await eventually("the script of the cancelled job ends", async () => (await ask("trail", {})).some(({ job, what }) => job === running.id && what === "end"));
    assert.equal((await ask("get", { id: running.id })).state, "cancelled");
    assert.equal((await ask("get", { id: later.id })).state, "cancelled");
    assert.equal((await ask("trail", {})).filter(({ job }) => job === later.id).length, 0);
  });

  test("that repeat come again until they are cancelled, one row for all", async () => {
    const ask = asker(await server.connect("ann"));
    const { id } = await ask("add", { queue: "notes", options: { repeatMs: 100 } });
    await eventually("three times", async () => (await ask("trail", {})).filter(({ job }) => job === id).length >= 3);
    assert.ok(["delayed", "waiting", "running"].includes((await ask("get", { id })).state));
    assert.equal(await ask("cancel", { id }), true);
    const times = (await ask("trail", {})).filter(({ job }) => job === id).map(({ at }) => at);
    assert.ok(times[2] - times[0] >= 150, `${times}`);
    const monthly = await ask("add", { queue: "notes", options: { cron: "0 3 1 * *" } });
    assert.match(monthly.dueAt, /-01T03:00:00\.000Z$/);
    assert.equal(monthly.state, "delayed");
    await ask("cancel", { id: monthly.id });
  });

  test("are kept as many as the queue says", async () => {
    const ask = asker(await server.connect("ann"));
    for (let i = 0; i < 10; i++) await ask("add", { queue: "few", data: i, options: { id: `few-${i}` } });
    await ask("add", { queue: "few", data: "bad", options: { id: "few-bad" } });
    await eventually("three are left", async () => {
      const { done, failed, waiting, running } = await ask("stats", { queue: "few" });
      return done === 3 && failed === 0 && waiting === 0 && running === 0;
    });
    assert.equal((await ask("get", { id: "few-9" })).state, "done");
    assert.equal(await ask("get", { id: "few-bad" }), null);
  });

  test("are refused with what is wrong", async () => {
    const ann = await server.connect("ann");
    const from = server.hubd.output.length;
    const wrong = [
      [{ queue: "note" }, /no queue .*note.*did you mean .*notes/],
      [{ queue: "notes", options: { delayMs: -1 } }, /delayMs: expected a whole number from 0/],
      [{ queue: "notes", options: { priority: 1001 } }, /priority: expected/],
      [{ queue: "notes", options: { cron: "0 25 * * *" } }, /cron: the hour is 0-23/],
      [{ queue: "notes", options: { cron: "0 0 31 2 *" } }, /never comes/],
      [{ queue: "notes", options: { cron: "* * * * *", repeatMs: 1000 } }, /do not go together/],
      [{ queue: "notes", options: { dleayMs: 1 } }, /did you mean .*delayMs/],
      [{ queue: "notes", options: { id: "" } }, /id: expected/],
      [{ queue: "notes", data: "x".repeat(300000) }, /larger than 262144/],
    ];
    for (const [payload, text] of wrong) {
      const answer = await ann.call("add", payload);
      assert.equal(answer.error?.code, "handler_failed", JSON.stringify(payload));
      await server.hubd.printed(text, from);
    }
  });

  test("are counted in /metrics", async () => {
    const ask = asker(await server.connect("ann"));
    await ask("add", { queue: "notes", options: { id: "counted", delayMs: 3600000 } });
    await eventually("the gauges are there", async () => {
      const { text } = await server.rest("GET", "/metrics");
      return /hubd_jobs_delayed\{queue="notes"\} [1-9]/.test(text) && /hubd_jobs_oldest_seconds\{queue="notes"\} \d/.test(text) && /hubd_jobs_failed\{queue="flaky"\} 2/.test(text);
    });
  });
});

/** What hubctl jobs says of the service in DIR. */
const hubctl = (dir, ...args) =>
  new Promise((done) => {
    execFile(join(dirname(PROGRAM), "hubctl"), ["jobs", dir, ...args], (error, stdout, stderr) => done({ code: error?.code ?? 0, stdout, stderr }));
  });

describe("hubctl jobs, beside a running hubd", { skip: embeddedOnly("hubctl reads the URL of the definition") }, () => {
  const server = serve(withQueues);

  test("lists, shows, retries and cancels", async () => {
    const ask = asker(await server.connect("ann"));
    await ask("add", { queue: "flaky", data: { works: 3 }, options: { id: "f1", attempts: 1 } });
    await ask("add", { queue: "notes", data: "later", options: { id: "n1", delayMs: 3600000 } });
    await reaches(ask, "f1", "failed");
    const all = await hubctl(server.dir, "list");
    assert.equal(all.code, 0, all.stderr);
    assert.match(all.stdout, /^n1\tnotes\tdelayed\t0\t\S+Z\t-$/m);
    assert.match(all.stdout, /^f1\tflaky\tfailed\t1\t\S+Z\tnot yet 1$/m);
    assert.equal((await hubctl(server.dir, "list", "--queue", "flaky", "--state", "failed")).stdout.split("\n").length, 2);
    assert.match((await hubctl(server.dir, "show", "n1")).stdout, /^data: "later"$/m);
    assert.equal((await hubctl(server.dir, "retry", "n1")).code, 1);
    assert.equal((await hubctl(server.dir, "cancel", "n1")).code, 0);
    assert.equal((await ask("get", { id: "n1" })).state, "cancelled");
    assert.equal((await hubctl(server.dir, "cancel", "n1")).code, 1);
    assert.deepEqual(await hubctl(server.dir, "retry", "f1"), { code: 0, stdout: "f1\n", stderr: "" });
    await reaches(ask, "f1", "failed"); // carried out again: its tries say so
    await eventually("it was tried twice", async () => (await ask("trail", {})).filter(({ job }) => job === "f1").length === 2);
    assert.equal((await hubctl(server.dir, "show", "no-such-job")).code, 1);
    assert.equal((await hubctl(server.dir, "paint")).code, 2);
    assert.match((await hubctl(server.dir, "list", "--state", "runing")).stderr, /"runing" is none of any\|waiting.*did you mean running\?/);
    assert.match((await hubctl(server.dir, "list", "--state", "cancelled")).stdout, /^n1\t.*\n$/);
    assert.equal((await hubctl(server.dir, "show")).code, 2);
  });
});

/** Runs BODY(start) on a service of its own; start() gives {hubd, ask}. */
async function restarting(body, change = withQueues) {
  const dir = writeService(definition(change));
  const peers = [];
  const start = async () => {
    const hubd = await Hubd.start(dir);
    const peer = new Peer(`${hubd.url}/hub/chat`, { auth: { token: "dev:ann" } });
    peers.push(peer);
    await peer.connected();
    return { hubd, ask: asker(peer), peer };
  };
  try {
    await body(start, dir);
  } finally {
    peers.forEach((peer) => peer.close());
    removeService(dir);
  }
}

test("a stop waits for jobs that run, and gives back what does not end in time", { timeout: 300000 }, () =>
  restarting(async (start) => {
    let { hubd, ask } = await start();
    await ask("add", { queue: "slow", data: { ms: 1000 }, options: { id: "ends" } });
    await ask("add", { queue: "slow", data: { ms: 30000 }, options: { id: "does-not" } });
    await eventually("both have begun", async () => (await ask("trail", {})).filter(({ what }) => what === "begin").length === 2);
    await hubd.stop();
    ({ hubd, ask } = await start());
    assert.equal((await ask("get", { id: "ends" })).state, "done");
    await reaches(ask, "does-not", "running");
    assert.equal((await ask("get", { id: "does-not" })).attempts, 1); // begun again, and the first one does not count
    await hubd.kill();
  }),
);

test("the job of a worker that was killed comes back after its lease, and not before", { timeout: 300000 }, () =>
  restarting(async (start) => {
    let { hubd, ask } = await start();
    const began = Date.now();
    await ask("add", { queue: "paired", data: { ms: 700 }, options: { id: "lost" } });
    await eventually("it has begun", async () => (await ask("trail", {})).length === 1);
    await hubd.kill();
    ({ hubd, ask } = await start());
    await reaches(ask, "lost", "done");
    const steps = (await ask("trail", {})).filter(({ job }) => job === "lost");
    assert.deepEqual(steps.map(({ what, attempt }) => `${what} ${attempt}`), ["begin 1", "begin 2", "end 2"]);
    assert.ok(steps[1].at - began >= 6000, `${steps[1].at - began}`);
    await hubd.stop();
  }),
);

test("a reload lets running jobs end by the old script, and keeps the rows of a queue that is gone", { timeout: 300000 }, () =>
  restarting(async (start, dir) => {
    const { hubd, ask } = await start();
    await ask("add", { queue: "short", options: { id: "kept", delayMs: 60000 } });
    const delayed = async () => /hubd_jobs_delayed\{queue="short"\} (\d+)/.exec(await (await fetch(`${hubd.url}/metrics`)).text())?.[1];
    await eventually("it is counted", async () => (await delayed()) === "1");
    await ask("add", { queue: "slow", data: { ms: 1500 }, options: { id: "old" } });
    await reaches(ask, "old", "running");
    const next = definition(withQueues);
    next.service.queues = next.service.queues.filter(({ name }) => name !== "short");
    next.service.queues.find(({ name }) => name === "slow").script = lua("return 'new'");
    const from = hubd.output.length;
    writeFileSync(join(dir, "service.yaml"), JSON.stringify(next.service));
    hubd.signal("SIGHUP");
    await hubd.printed(/definitions reloaded/, from);
    await ask("add", { queue: "slow", data: { ms: 0 }, options: { id: "new" } });
    await reaches(ask, "new", "done");
    assert.equal((await ask("get", { id: "new" })).result, "new");
    await reaches(ask, "old", "done");
    assert.equal((await ask("get", { id: "old" })).result, null);
    assert.equal((await ask("get", { id: "kept" })).state, "delayed");
    assert.equal(await delayed(), "0"); // else the figure of the last count would stand there for good
    await hubd.stop();
  }),
);

const ROUNDS = 5;
for (const queue of ["runs", "quick"]) test(`no job of ${queue} is lost by ${ROUNDS} kills under load, and none is run by two at a time`, { timeout: 600000 }, () =>
  restarting(async (start) => {
    const wanted = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { hubd, peer, ask } = await start();
      const prefix = `k${round}-`;
      await ask("many", { queue, n: 40, prefix });
      for (let i = 1; i <= 40; i++) wanted.push(`${prefix}${i}`);
      peer.call("many", { queue, n: 40, prefix: `x${round}-` }).catch(() => {}); // some of these are added, some not
      await new Promise((done) => setTimeout(done, 15 * round)); // each kill at another moment
      await hubd.kill();
    }
    const { hubd, ask } = await start();
    const end = Date.now() + 240000;
    for (;;) {
      const { waiting, delayed, running, failed } = await ask("stats", { queue });
      if (waiting + delayed + running + failed === 0) break;
      assert.ok(Date.now() < end, "the jobs come to an end");
      await new Promise((done) => setTimeout(done, 100));
    }
    for (const id of wanted) assert.equal((await ask("get", { id })).state, "done", id);
    const steps = new Map();
    for (const row of await ask("trail", {})) steps.set(row.job, [...(steps.get(row.job) ?? []), row]);
    for (const id of wanted) {
      const own = (steps.get(id) ?? []).sort((a, b) => a.attempt - b.attempt || (a.what === "end") - (b.what === "end"));
      assert.equal(own.at(-1)?.what, "end", id);
      const begun = own.filter(({ what }) => what === "begin").map(({ attempt }) => attempt);
      assert.equal(new Set(begun).size, begun.length, `${id} was begun twice under one lease`);
      for (let i = 1; i < own.length; i++) assert.ok(own[i].at >= own[i - 1].at, `${id}: ${JSON.stringify(own)}`);
    }
    await hubd.stop();
  }),
);
