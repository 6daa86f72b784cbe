// A hub on a PostgreSQL of its own, as somebody with psql beside it sees it: rows that a table of theirs refuses, locks of theirs, slow statements,
// sessions that they end, and a standby that takes over.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { definition } from "../definition.js";
import { eventually, Hubd, removeService, SLACK_MS, within, writeService } from "../harness.js";
import { Peer } from "../peer.js";
import { Front } from "./front.js";
import { Postgres, psql } from "./postgres.js";
import { Missing, pause } from "./server.js";

const at = { peers: new Set() };
const skipped = (t) => !at.server && t.skip("no PostgreSQL");

async function start(change, url) {
  at.url = url;
  at.dir = writeService(definition(change));
  at.hubd = await Hubd.start(at.dir, { env: { HUBD_STORE_URL: url } });
  await isReady(true);
}

async function stop() {
  for (const peer of at.peers) peer.close();
  at.peers.clear();
  if (at.hubd) await at.hubd.stop();
  if (at.dir) removeService(at.dir);
  at.hubd = at.dir = undefined;
}

async function onDatabase(name, change) {
  await at.server.sql(`CREATE DATABASE ${name}`);
  await start(change, at.server.url(name));
}

const isReady = (ready) => eventually(`ready: ${ready}`, async () => (await fetch(`${at.hubd.url}/readyz`)).ok === ready);
const sql = (text) => psql(at.url, text);
const metric = async (name) => {
  const text = await (await fetch(`${at.hubd.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)?.[1] ?? 0);
};

async function member(user, roomId) {
  const peer = new Peer(`${at.hubd.url}/hub/chat`, { auth: { token: `dev:${user}` } });
  at.peers.add(peer);
  await peer.connected();
  peer.welcome = await peer.ok("hub:join", { roomId });
  return peer;
}

const send = (peer, roomId, body, more) => peer.call("hub:send", { roomId, messageType: "text", content: { body }, ...more });
const numbers = async (roomId) => (await sql(`SELECT seq FROM "chatMessage" WHERE "roomId" = '${roomId}' ORDER BY seq`)).map(([seq]) => Number(seq));
const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

/** Holds TABLE against writers; resolves once it is held, to a function that lets it go. */
async function hold(table) {
  const over = sql(`BEGIN; LOCK TABLE "${table}" IN EXCLUSIVE MODE; SELECT pg_sleep(60)`).catch(() => {}); // ended below
  const holders = () => sql(`SELECT pid FROM pg_locks WHERE relation = '"${table}"'::regclass AND mode = 'ExclusiveLock' AND granted`);
  await eventually("the lock", async () => (await holders()).length);
  return async () => {
    for (const [pid] of await holders()) await sql(`SELECT pg_terminate_backend(${pid})`);
    await over;
  };
}

before(async () => {
  at.server = await Postgres.start().catch((error) => {
    if (!(error instanceof Missing) || process.env.CI === "true") throw error;
    console.log(`skipped: ${error.message}`);
  });
});
after(() => at.server?.remove());
afterEach(stop);

describe("a row that its table refuses", () => {
  test("fails alone, by a CHECK, a trigger, a unique index, or what PostgreSQL cannot hold", async (t) => {
    if (skipped(t)) return;
    await onDatabase("poison", (def) => {
      def.hub.messageSettings.customMessageTypes = [{ name: "any" }];
    });
    await sql(`ALTER TABLE "chatMessage" ADD CONSTRAINT body CHECK (content ->> 'body' <> 'checked');
      CREATE UNIQUE INDEX once ON "chatMessage" ((content ->> 'once'));
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not with us' USING ERRCODE = 'P0001'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON "chatMessage" FOR EACH ROW WHEN (NEW.content ->> 'body' = 'triggered') EXECUTE FUNCTION refuse();`);
    const ann = await member("ann", "r1");
    const ask = (content) => ann.call("hub:send", { roomId: "r1", messageType: "any", content });
    const good = () => Array.from({ length: 20 }, (_, i) => ask({ body: `${i}` }));
    const bad = [{ body: "checked" }, { body: "triggered" }, { once: "x" }, { once: "x" }, { body: "nul: \u0000" }, { "key\u0000": 1 }, { n: 1e308 }];
    const answers = await Promise.all([...good(), ...bad.map(ask), ...good()]);
    const refused = answers.filter(({ ok }) => !ok).map(({ error }) => `${error.code}: ${error.message}`);
    assert.equal(refused.length, 5, refused.join("\n"));
    assert.match(refused[0], /^bad_request: new row .* violates check constraint "body"$/, "and the row, with columns nobody asked for, is not shown");
    assert.equal(refused[1], "bad_request: not with us");
    assert.match(refused[2], /^bad_request: duplicate key .* "once": Key .*=\(x\) already exists/);
    assert.match(refused[3], /^invalid_content: .*NUL/);
    assert.match(refused[4], /NUL in a key/);
    assert.deepEqual(await numbers("r1"), upTo(42));
    assert.equal((await send(ann, "r1", "after")).message.seq, 43);
    assert.ok((await metric("hubd_store_retried_writes_total")) > 0);
  });
});

describe("reads", () => {
  test("joins, history, new rooms and records do not wait for writes that wait for a lock", async (t) => {
    if (skipped(t)) return;
    await onDatabase("locked", (def) => {
      def.service.store.readConnections = 1;
    });
    const ann = await member("ann", "r1");
    for (let i = 0; i < 5; i++) await send(ann, "r1", `${i}`);
    const release = await hold("chatMessage");
    let through = 0;
    const sends = Promise.all(upTo(30).map(async (i) => assert.equal((await send(ann, "r1", `late ${i}`)).ok, true, ++through)));
    const bob = await member("bob", "r1");
    assert.equal(bob.welcome.seq, 5);
    assert.deepEqual((await bob.ok("hub:history", { roomId: "r1", before: 4, limit: 2 })).messages.map(({ seq }) => seq), [2, 3]);
    assert.equal((await member("eve", "r2")).welcome.seq, 0, "a room that nobody opened before");
    assert.equal(through, 0, "the lock was held all the time");
    await release();
    await sends;
    assert.deepEqual(await numbers("r1"), upTo(35));
    const arrived = () => bob.log.filter(([name]) => name === "hub:messageArrived").map(([, { message }]) => message.seq);
    await bob.until(() => arrived().length === 30 || undefined, "all arrive");
    assert.deepEqual(arrived(), upTo(35).slice(5));
  });

  test("a room opened anew continues where its writes left it", async (t) => {
    if (skipped(t)) return;
    await onDatabase("again");
    for (let round = 0; round < 10; round++) {
      const ann = await member("ann", "r1");
      assert.equal(ann.welcome.seq, round * 3);
      await Promise.all(upTo(3).map((i) => send(ann, "r1", `${round}.${i}`)));
      ann.close();
    }
    assert.deepEqual(await numbers("r1"), upTo(30));
  });
});

// What the store is asked between is the looks of the queue: the least of some transactions counts.
describe("a transaction of a script", () => {
  const buy = `return db.transaction(function()
    local left = objects.find("account", "a").balance
    objects.update("account", "a", {balance = left - 1})
    objects.create("purchase", {buyer = session.userId})
    records.write("order:" .. payload, {n = 1})
    records.write("last", {n = payload})
    queues.add("bills", 1, {delayMs = 1000000})
    return left
  end)`;

  test("takes three round trips on the connection that writes, however much it changes", async (t) => {
    if (skipped(t)) return;
    await at.server.sql("CREATE DATABASE rounds");
    const front = await Front.of(at.server.port);
    try {
      await start((def) => {
        const property = (name, type) => ({ name, managed: true, properties: [{ name: name === "account" ? "balance" : "buyer", type }] });
        def.service.dataObjects.push(property("account", "Integer"), property("purchase", "String"));
        def.service.queues = [{ name: "bills", concurrency: 1, script: "1" }];
        def.seed.account = [{ id: "a", balance: 100 }];
        def.hub.hubExtensions = { records: [{ pattern: "order:{id}" }, { pattern: { regex: "^last$" } }], commands: [{ name: "buy", script: { lua: buy } }] };
      }, `postgresql://test@127.0.0.1:${front.port}/rounds`);
      const ann = await member("ann", "r1");
      const rounds = [];
      for (let i = 0; i < 10; i++) {
        front.rounds();
        assert.equal((await ann.ok("hub:command", { command: "buy", payload: `${i}` })).result, 100 - i);
        rounds.push(front.rounds());
      }
      assert.ok(Math.min(...rounds) <= 4, `${rounds}`);
      await stop();
    } finally {
      front.close();
    }
  });
});

describe("a statement that takes too long", () => {
  test("fails after store.statementTimeout, and what comes after the lock is through", async (t) => {
    if (skipped(t)) return;
    await onDatabase("slow", (def) => {
      def.service.store.statementTimeout = 500;
    });
    const ann = await member("ann", "r1");
    await send(ann, "r1", "first");
    const release = await hold("chatMessage");
    const { ok, error } = await send(ann, "r1", "waits");
    assert.equal(ok, false);
    assert.equal(error.code, "store_unavailable");
    await release();
    await isReady(true);
    assert.equal((await send(ann, "r1", "after")).message.seq, 2);
    assert.deepEqual(await numbers("r1"), [1, 2]);
  });
});

describe("while the store is away", () => {
  test("clients are refused in time and are not told where it is, and what needs no store goes on", async (t) => {
    if (skipped(t)) return;
    await onDatabase("away", (def) => {
      def.hub.eventSettings = { customEvents: [{ name: "wave", ephemeral: true, direction: "clientToRoom" }] };
      def.service.dataObjects.find(({ name }) => name === "conversation").api = { read: ["guest"] };
    });
    const [ann, bob, late] = [await member("ann", "r1"), await member("bob", "r1"), await member("late", "r2")];
    const waved = new Promise((done) => bob.socket.on("wave", done));
    await at.server.stop();
    try {
      await isReady(false);
      const get = async (path) => (await fetch(`${at.hubd.url}${path}`, { headers: { authorization: "Bearer dev:ann:guest" } })).json();
      const asked = [send(ann, "r1", "away"), late.call("hub:join", { roomId: "r1" }), bob.call("hub:history", { roomId: "r1" })];
      asked.push(get("/objects/conversation/r1"), get("/chat/rooms/r1/messages"));
      assert.equal((await ann.call("wave", { roomId: "r1" })).ok, true);
      await within(2000 + SLACK_MS, waved, "an ephemeral event");
      assert.equal((await ann.ok("hub:members", { roomId: "r1" })).members.length, 2);
      for (const answer of await within(5000 + SLACK_MS, Promise.all(asked), "answers")) {
        const error = answer.error ?? answer;
        assert.deepEqual([error.code ?? error.errCode, error.message], ["store_unavailable", "The store is not available"], JSON.stringify(answer));
      }
    } finally {
      await at.server.start();
    }
    await isReady(true);
    assert.equal((await send(ann, "r1", "back")).ok, true);
    assert.equal((await late.call("hub:join", { roomId: "r1" })).ok, true);
    await stop();
  });
});

// Once the first went on with the rooms that it remembered: its members heard nothing of what the second one did, and who had been blocked
// there came back in.
/** Somebody at a hubd that is not at.hubd. */
async function memberOf(hubd, user, roomId) {
  const peer = new Peer(`${hubd.url}/hub/chat`, { auth: { token: `dev:${user}` } });
  at.peers.add(peer);
  await peer.connected();
  if (roomId) peer.welcome = await peer.ok("hub:join", { roomId });
  return peer;
}

const waits = /waiting for what the service needs/;

/** Stops FIRST, which serves; resolves once OTHER, which waits, has taken over. */
async function replace(first, other) {
  const from = other.output.length;
  first.signal("SIGSTOP");
  await sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()");
  await other.printed(/listening on http/, from, 30000);
}

/** Goes on; resolves once FIRST waits for the one that has replaced it. */
async function wake(first) {
  const from = first.output.length;
  first.signal("SIGCONT");
  await first.printed(waits, from, 30000);
}

describe("a process that another one has replaced while it stood still", () => {
  /** BODY(first, other) with at.hubd, which serves, and another one, which waits. */
  async function withTwo(name, body) {
    await onDatabase(name, (def) => {
      def.hub.hubRoles = [{ name: "member", canModerate: true }];
    });
    const first = at.hubd;
    const other = await Hubd.start(at.dir, { env: { HUBD_STORE_URL: at.url }, args: ["--set", "listen.port=0"], waiting: true });
    try {
      await body(first, other);
    } finally {
      first.signal("SIGCONT");
      other.signal("SIGKILL");
    }
  }

  // The second round: whoever has been told once must be told again, in both processes.
  test("ends its connections, waits, and knows nothing of before when its turn comes, each time", async (t) => {
    if (skipped(t)) return;
    await withTwo("replaced", async (first, other) => {
      let said = 0;
      for (const round of ["first", "second"]) {
        const eve = await memberOf(first, "eve", "r1");
        assert.equal((await send(eve, "r1", `before the ${round} time`)).message.seq, ++said);
        await replace(first, other);
        const ann = await memberOf(other, "ann", "r1");
        assert.equal((await send(ann, "r1", "by the other")).message.seq, ++said);
        await ann.ok("hub:block", { roomId: "r1", userId: "eve" });
        const from = first.output.length;
        await wake(first);
        await eve.disconnected();
        assert.equal((await fetch(`${first.url}/readyz`)).status, 503);
        assert.equal((await send(ann, "r1", "goes on")).message.seq, ++said);
        await replace(other, first);
        const again = await memberOf(first, "eve");
        await again.refused("blocked", "hub:join", { roomId: "r1" });
        const bob = await memberOf(first, "bob", "r1");
        assert.equal(bob.welcome.seq, said);
        assert.equal((await send(bob, "r1", "and on")).message.seq, ++said);
        await bob.ok("hub:unblock", { roomId: "r1", userId: "eve" });
        await wake(other);
        await ann.disconnected();
        assert.equal(first.output.slice(from).match(/another process has taken over/g).length, 1);
      }
      assert.deepEqual(await numbers("r1"), upTo(said));
    });
  });

  test("finds that out too when it has never written, and the other one is gone again", async (t) => {
    if (skipped(t)) return;
    await withTwo("replacedunseen", async (first, other) => {
      const eve = await memberOf(first, "eve", "r1");
      await replace(first, other);
      const ann = await memberOf(other, "ann", "r1");
      assert.equal((await send(ann, "r1", "one")).message.seq, 1);
      await ann.ok("hub:block", { roomId: "r1", userId: "eve" });
      ann.close();
      await other.stop();
      const from = first.output.length;
      first.signal("SIGCONT");
      await eve.disconnected();
      await first.printed(/listening on http/, from, 30000);
      await (await memberOf(first, "eve")).refused("blocked", "hub:join", { roomId: "r1" });
      assert.equal((await send(await memberOf(first, "bob", "r1"), "r1", "two")).message.seq, 2);
    });
  });

  test("waits with the definitions in force, whatever the files hold by then, and a signal meanwhile does what it always does", async (t) => {
    if (skipped(t)) return;
    await withTwo("replacedsignals", async (first, other) => {
      await replace(first, other);
      const file = join(at.dir, "chat.hub.yaml"), was = readFileSync(file);
      writeFileSync(file, "hubBasics: [");
      const from = first.output.length;
      first.signal("SIGCONT");
      await first.printed(/starting again/, from, 30000);
      first.signal("SIGHUP");
      await first.printed(waits, from, 30000);
      await replace(other, first);
      assert.equal((await send(await memberOf(first, "bob", "r1"), "r1", "one")).message.seq, 1);
      const since = first.output.length;
      first.signal("SIGHUP");
      await first.printed(/reload refused/, since);
      writeFileSync(file, was);
      first.signal("SIGHUP");
      await first.printed(/definitions reloaded/, since);
      await wake(other);
      await replace(first, other);
      const last = first.output.length;
      first.signal("SIGCONT");
      await first.printed(/starting again/, last, 30000);
      await first.stop();
    });
  });
});

describe("a primary and its standby", () => {
  test("the URL of both leads to the primary, and to the standby when it was promoted, without loss", async (t) => {
    if (skipped(t)) return;
    const standby = new Postgres("postgres", at.server.user);
    const primary = at.server;
    try {
      standby.program = primary.program;
      standby.data = join(standby.dir, "data");
      const bin = (name) => primary.program.replace(/postgres$/, name);
      const { uid, gid } = standby.user ?? {};
      const as = standby.user ? ["--reuid", `${uid}`, "--regid", `${gid}`, "--clear-groups"] : [];
      const run = (...command) => execFileSync("setpriv", [...as, ...command], { cwd: standby.dir, stdio: ["ignore", "ignore", "inherit"] });
      run(bin("pg_basebackup"), "-d", primary.url("replication", { query: "sslmode=disable" }), "-D", standby.data, "-R", "-c", "fast");
      appendFileSync(join(standby.data, "postgresql.conf"), `unix_socket_directories = '${standby.dir}'\nhot_standby = on\n`);
      await standby.choosePorts();
      await standby.start();
      await primary.sql("CREATE DATABASE pair");
      await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
      await primary.sql("SELECT pg_reload_conf()");
      await eventually("the standby follows", async () => (await primary.sql("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")).length);
      await start(undefined, `postgresql://test@127.0.0.1:${standby.port},127.0.0.1:${primary.port}/pair`);
      const ann = await member("ann", "r1");
      for (let i = 0; i < 20; i++) assert.equal((await send(ann, "r1", `${i}`)).ok, true);
      const sends = upTo(40).map((i) => send(ann, "r1", `during ${i}`, { clientMessageId: `c${i}` }));
      await primary.kill();
      run(bin("pg_ctl"), "-D", standby.data, "-w", "promote");
      const answers = await within(15000 + SLACK_MS, Promise.all(sends), "answers");
      await isReady(true);
      const again = await Promise.all(upTo(40).map((i) => send(ann, "r1", `during ${i}`, { clientMessageId: `c${i}` })));
      assert.ok(again.every(({ ok }) => ok));
      answers.forEach(({ ok, message }, i) => ok && assert.deepEqual(again[i].message.seq, message.seq));
      const bob = await member("bob", "r1");
      assert.equal(bob.welcome.seq, 60);
      at.url = standby.url("pair");
      assert.deepEqual(await numbers("r1"), upTo(60));
      assert.equal(/has lost commits/.test(at.hubd.output), false);
      await stop();
    } finally {
      await standby.remove();
    }
  });
});
