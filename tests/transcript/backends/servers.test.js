// The servers that other tests stand on: they start, come back on their port with what they kept, stand still, and leave nothing behind.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Kafka } from "./kafka.js";
import { Postgres, psql } from "./postgres.js";
import { Redis } from "./redis.js";
import { Missing, pause } from "./server.js";

const HERE = dirname(fileURLToPath(import.meta.url));

const alive = (pid) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));

/** Each way a server can go away and come back; it keeps its port. KEPT(how) checks what was left in it. */
function comesBack(at, test, kept) {
  for (const how of ["stop", "kill"]) {
    test(`comes back after ${how} on the same port`, async () => {
      const { port } = at.server;
      await at.server[how]();
      assert.equal(await at.server.probe().catch(() => false), false);
      await at.server.start();
      assert.equal(at.server.port, port);
      await kept(how);
    });
  }

  test("stands still and goes on", async () => {
    at.server.pause();
    assert.equal(await at.server.probe().catch(() => false), false);
    at.server.resume();
    while (!(await at.server.probe().catch(() => false))) await pause(20); // each has a time limit of its own
  });
}

/** A suite on one server of KIND, skipped where it cannot be had. */
function suite(name, kind, body) {
  describe(name, () => {
    const at = {};
    before(async () => {
      at.server = await kind.start().catch((error) => {
        if (!(error instanceof Missing) || process.env.CI === "true") throw error;
        console.log(`skipped: ${error.message}`);
      });
    });
    after(() => at.server?.remove());
    const inner = (title, run) => test(title, (t) => (at.server ? run(t) : t.skip("it cannot be had")));
    body(at, inner);
  });
}

suite("PostgreSQL", Postgres, (at, test) => {
  test("takes alice by her password and over TLS", async () => {
    const url = (password) => at.server.url("postgres", { user: "alice", password, query: "sslmode=require" });
    assert.deepEqual(await psql(url("secret"), "select ssl, null, 'a\nb' from pg_stat_ssl where pid = pg_backend_pid()"), [["t", null, "a\nb"]]);
    await assert.rejects(psql(url("wrong"), "select 1"), /password/);
  });

  comesBack(at, test, async (how) => {
    await at.server.sql("create table if not exists kept (how text)");
    await at.server.sql(`insert into kept values ('${how}')`);
    await at.server.kill();
    await at.server.start();
    assert.deepEqual((await at.server.sql("select how from kept")).at(-1), [how]);
  });
});

suite("Redis", Redis, (at, test) => {
  test("answers each database apart", async () => {
    await at.server.callOn(7, "SET", "word", "sieben ö");
    assert.equal(await at.server.callOn(7, "GET", "word"), "sieben ö");
    assert.equal(await at.server.callOn(8, "GET", "word"), null);
    await assert.rejects(at.server.call("NOSUCH"), /unknown command/);
  });

  test("asks for a password when told to", async () => {
    const guarded = await Redis.start({ requirepass: "secret", "notify-keyspace-events": "KEA" });
    assert.deepEqual(await guarded.call("CONFIG", "GET", "notify-keyspace-events"), ["notify-keyspace-events", "AKE"]);
    guarded.options.requirepass = "wrong";
    await assert.rejects(guarded.call("GET", "x"), /WRONGPASS/);
    await guarded.remove();
    assert.equal(existsSync(guarded.dir), false);
  });

  comesBack(at, test, async (how) => {
    // A clean stop wrote it to disk, and the kill that follows finds it there.
    assert.equal(await at.server.callOn(7, "GET", "word"), "sieben ö", how);
  });
});

suite("Kafka", Kafka, (at, test) => {
  const sasl = (mechanism, password = "secret") => ({ mechanism, username: "alice", password });
  const topics = async (options) => {
    const admin = at.server.client({ ...options, retry: { retries: 1 } }).admin();
    try {
      await admin.connect();
      return await admin.listTopics();
    } finally {
      await admin.disconnect();
    }
  };

  test("takes alice with SASL and anybody with TLS", async () => {
    const broker = (port, more) => ({ brokers: [`127.0.0.1:${port}`], ...more });
    const ssl = { ca: readFileSync(at.server.certificate, "utf8") };
    await topics(broker(at.server.saslPort, { sasl: sasl("plain") }));
    await topics(broker(at.server.saslPort, { sasl: sasl("scram-sha-256") }));
    await topics(broker(at.server.tlsPort, { ssl }));
    await topics(broker(at.server.saslTlsPort, { ssl, sasl: sasl("plain") }));
    await assert.rejects(topics(broker(at.server.saslPort, { sasl: sasl("plain", "wrong") })), /[Aa]uthentication/);
  });

  const produce = async (value) => {
    const producer = at.server.client().producer();
    await producer.connect();
    await producer.send({ topic: "kept", messages: [{ value }] });
    await producer.disconnect();
  };
  const consume = async (number) => {
    const values = [];
    const consumer = at.server.client().consumer({ groupId: `reader-${number}` });
    await consumer.connect();
    await consumer.subscribe({ topic: "kept", fromBeginning: true });
    await new Promise((done) => consumer.run({ eachMessage: async ({ message }) => values.push(`${message.value}`) === number && done() }));
    await consumer.disconnect();
    return values;
  };

  test("makes a topic of one partition on first use", async () => {
    await produce("first");
    assert.deepEqual(await consume(1), ["first"]);
  });

  let number = 1;
  comesBack(at, test, async (how) => {
    await produce(how);
    assert.equal((await consume(++number)).at(-1), how);
  });
});

describe("a set of servers", () => {
  test("ends with the one who started it, killed or not, and takes its folders along", { timeout: 600000 }, async (t) => {
    // Runs a command on a set of its own and is killed meanwhile: nothing can clean up but what it left behind for that.
    const shell = 'echo "$HUBD_TEST_SET"; cat';
    const owner = spawn(process.execPath, [join(HERE, "main.js"), "run", "--", "sh", "-c", shell], { stdio: ["pipe", "pipe", "inherit"] });
    const [first] = await Promise.race([once(owner.stdout, "data"), once(owner, "exit")]);
    const control = `${first}`.trim().split("\n").at(-1);
    if (control.startsWith("skipped") && process.env.CI !== "true") {
      t.skip(control);
      return;
    }
    assert.match(control, /^http:/);
    const place = await (await fetch(`${control}/place`, { method: "POST" })).json();
    assert.match(place.store, /^postgresql:/);
    const { pids, dirs } = await (await fetch(control)).json();
    assert.ok(pids.every(alive) && dirs.every(existsSync) && pids.length >= 2);
    owner.kill("SIGKILL");
    await once(owner, "exit");
    while (pids.some(alive) || dirs.some(existsSync)) await pause(20);
  });
});
