// The ways to reach a Redis: by TLS, on a Unix socket, and as the master that sentinels name, before and after a fail-over.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { join } from "node:path";
import { definition } from "../definition.js";
import { eventually, Hubd, removeService, ROOT, SLACK_MS, within, writeService } from "../harness.js";
import { Peer } from "../peer.js";
import { Redis, Sentinel } from "./redis.js";
import { Missing, pause } from "./server.js";

const TIMEOUT_MS = 1500;
const FAIL_OVER_MS = 60000; // the sentinels' part: some seconds; 30 more when they stood still themselves
const FOLLOW_MS = 5000 + SLACK_MS; // hubd's part
const HUBCTL = join(process.env.HUBD ? join(process.env.HUBD, "..") : join(ROOT, "build/dev"), "hubctl");

/** A service whose message of the type "count" counts in Redis, and is answered by the count. */
function counting(def) {
  def.hub.messageSettings.customMessageTypes = [{ name: "count" }];
  def.hub.hubLogic = { messageHandlers: [{ messageType: "count", script: { lua: "return {accept = true, persist = false, modifiedContent = {n = redis.incr('n')}}" } }] };
}

/** BODY(at, test) with the servers that START(at) starts; skipped where there is no Redis. */
function reaching(title, start, body) {
  describe(title, () => {
    const at = { servers: [], hubds: [], dir: undefined };
    const options = (url) => ({ env: { HUBD_CACHE_URL: url }, args: ["--set", `store.url=sqlite:data/${at.hubds.length}.db`] });
    at.serve = async (url) => {
      const hubd = await Hubd.start(at.dir, options(url));
      at.hubds.push(hubd);
      return hubd;
    };
    /** A hubd that cannot start yet, when its output has REASON. */
    at.waiting = async (url, reason) => {
      const hubd = new Hubd(at.dir, options(url));
      at.hubds.push(hubd);
      await hubd.printed(reason);
      return hubd;
    };
    at.ready = (hubd) => eventually("ready", async () => (await fetch(`${hubd.url}/readyz`)).ok);
    at.member = async (hubd) => {
      const peer = new Peer(`${hubd.url}/hub/chat`, { auth: { token: "dev:ann" } });
      await peer.connected();
      await peer.ok("hub:join", { roomId: "r1" });
      return peer;
    };
    at.count = async (peer) => (await peer.call("hub:send", { roomId: "r1", messageType: "count", content: {} })).message?.content.n;

    before(async () => {
      try {
        await start(at);
      } catch (error) {
        if (!(error instanceof Missing) || process.env.CI === "true") throw error;
        console.log(`skipped: ${(at.missing = error.message)}`);
      }
      at.dir = writeService(definition(counting));
    });
    after(async () => {
      for (const hubd of at.hubds) await hubd.stop();
      for (const server of at.servers) await server.remove();
      removeService(at.dir);
    });
    body(at, (name, run) => test(name, (t) => (at.missing ? t.skip(at.missing) : run(t))));
  });
}

reaching(
  "a Redis by TLS",
  async (at) => at.servers.push((at.redis = await Redis.start({ requirepass: "hush" }, { tls: true }))),
  (at, test) => {
    const url = (query) => `rediss://:hush@localhost:${at.redis.tlsPort}/3?timeoutMs=${TIMEOUT_MS}${query}`;

    test("is used when its certificate is good", async () => {
      const hubd = await at.serve(url(`&cacert=${at.redis.ca}`));
      await at.ready(hubd);
      const ann = await at.member(hubd);
      assert.equal(await at.count(ann), 1);
      assert.equal(await at.redis.callOn(3, "GET", "n"), "1");
      ann.close();
    });

    test("is not when it is not, and says what to do, without the password", async () => {
      const hubd = await at.waiting(url(""), /waiting for what the service needs.*certificate is not good: self-signed certificate \(\?cacert=/);
      await hubd.stop();
      assert.doesNotMatch(`${hubd.output}${hubd.stdout}`, /hush/);
    });

    test("lints clean, and is refused with a file that is none", async () => {
      const lint = (query) => {
        const dir = writeService({ ...definition(), service: { ...definition().service, cache: { url: url(query) } } });
        try {
          return execFileSync(HUBCTL, ["lint", dir], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
        } catch (error) {
          return error.stdout + error.stderr;
        } finally {
          removeService(dir);
        }
      };
      assert.doesNotMatch(lint(`&cacert=${at.redis.ca}`), /S033/);
      assert.match(lint("&cacert=/nosuch.pem"), /S033.*cacert=\/nosuch.pem cannot be used/);
      assert.doesNotMatch(lint("&cacert=/nosuch.pem"), /hush/);
    });
  },
);

reaching(
  "a Redis on a Unix socket",
  async (at) => {
    at.redis = await Redis.start();
    at.servers.push(at.redis);
    await at.redis.stop();
    at.redis.options.unixsocket = join(at.redis.dir, "redis.sock");
    await at.redis.start();
  },
  (at, test) => {
    test("is used", async () => {
      const hubd = await at.serve(`redis+unix://alice:secret@${at.redis.options.unixsocket}?db=2`);
      await at.ready(hubd);
      const ann = await at.member(hubd);
      assert.equal(await at.count(ann), 1);
      assert.equal(await at.redis.callOn(2, "GET", "n"), "1");
      ann.close();
    });
  },
);

reaching(
  "a Redis behind sentinels",
  async (at) => {
    at.first = await Redis.start();
    at.servers.push(at.first);
    at.second = await Redis.start({ replicaof: `127.0.0.1 ${at.first.port}` });
    at.servers.push(at.second);
    at.sentinels = await Promise.all([1, 2, 3].map(() => Sentinel.start("mine", at.first)));
    at.servers.push(...at.sentinels);
    const known = async (sentinel, what) => (await sentinel.call("SENTINEL", what, "mine")).length;
    await eventually("the sentinels know each other and the replica", async () => {
      const counts = await Promise.all(at.sentinels.flatMap((s) => [known(s, "SENTINELS"), known(s, "REPLICAS")]));
      return counts.join() === "2,1,2,1,2,1";
    });
    await eventually("the replica has caught up", async () => /master_link_status:up/.test(await at.second.call("INFO", "replication")));
  },
  (at, test) => {
    const places = (...sentinels) => sentinels.map(({ port }) => `127.0.0.1:${port}`).join();
    const url = (...sentinels) => `redis+sentinel://${places(...sentinels)}/mine/1?timeoutMs=${TIMEOUT_MS}`;
    const master = async (sentinel = at.sentinels[1]) => Number((await sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mine"))[1]);
    /** Clients of hubd's name at SERVER. */
    const clients = async (server) => (await server.call("CLIENT", "LIST")).split("\n").filter((line) => line.includes("name=hubd-")).length;
    /** Counts until a count comes that SERVER has; within MS of now. */
    const countsOn = async (server, peer, ms) => {
      const counted = async () => {
        for (;;) {
          const before = Number(await server.callOn(1, "GET", "n").catch(() => NaN));
          const n = await at.count(peer);
          if (n === before + 1 && (await server.callOn(1, "GET", "n")) === `${n}`) return n;
          await pause(50);
        }
      };
      return within(ms, counted(), `counting on ${server.port}`, () => `\n${at.hubd.output.slice(-3000)}`);
    };

    test("is found, through the sentinels that are there", async () => {
      await at.sentinels[0].stop();
      at.hubd = await at.serve(url(...at.sentinels));
      await at.ready(at.hubd);
      at.ann = await at.member(at.hubd);
      assert.equal(await countsOn(at.first, at.ann, FOLLOW_MS), 1);
      await at.sentinels[0].start();
    });

    test("is not found by a name that no sentinel knows", async () => {
      const unknown = url(...at.sentinels).replace("/mine/", "/yours/");
      const hubd = await at.waiting(unknown, /waiting.*redis sentinel at 127.0.0.1:\d+, of .*\/yours\/1: it knows no master of that name/);
      await hubd.stop();
      assert.ok(hubd.output.match(/not connected/g).length <= 2, hubd.output); // one for each connection to a sentinel
    });

    test("is followed when it is killed, and the old one is not gone back to", async () => {
      assert.equal(await master(), at.first.port);
      await at.first.kill();
      await within(FAIL_OVER_MS, (async () => { while ((await master()) !== at.second.port) await pause(50); })(), "the sentinels' fail-over");
      await countsOn(at.second, at.ann, FOLLOW_MS);
      await at.ready(at.hubd);
      await at.first.start(); // a master, until the sentinels make a replica of it
      await within(FAIL_OVER_MS, (async () => { while (!/role:slave/.test(await at.first.call("INFO", "replication"))) await pause(50); })(), "the old master's new role");
      await countsOn(at.second, at.ann, FOLLOW_MS);
      assert.equal(await clients(at.first), 0, at.hubd.output.slice(-3000));
    });

    test("is followed when the sentinels are told to change it, whichever hubd listens to", async () => {
      await eventually("the old master has caught up", async () => /master_link_status:up/.test(await at.first.call("INFO", "replication")));
      at.sentinels[0].pause(); // its connection stays, and nothing comes of it
      const told = async () => (await at.sentinels[1].call("SENTINEL", "FAILOVER", "mine").catch(() => "")) === "OK";
      await within(FAIL_OVER_MS, (async () => { while (!(await told())) await pause(200); })(), "the order to fail over");
      await within(FAIL_OVER_MS, (async () => { while ((await master()) !== at.first.port) await pause(50); })(), "the ordered fail-over");
      await countsOn(at.first, at.ann, FAIL_OVER_MS);
      at.sentinels[0].resume();
      at.ann.close();
    });
  },
);

reaching(
  "a Redis behind a sentinel, both with passwords",
  async (at) => {
    at.redis = await Redis.start({ requirepass: "hush" });
    at.servers.push(at.redis);
    const more = ["sentinel auth-pass mine hush", "requirepass whisper"];
    at.sentinel = await Sentinel.start("mine", at.redis, { quorum: 1, more });
    at.servers.push(at.sentinel);
  },
  (at, test) => {
    const url = (query) => `redis+sentinel://:hush@127.0.0.1:${at.sentinel.port}/mine/1?timeoutMs=${TIMEOUT_MS}${query}`;

    test("is found with the sentinel's password and used with its own", async () => {
      const hubd = await at.serve(url("&sentinelPassword=whisper"));
      await at.ready(hubd);
      const ann = await at.member(hubd);
      assert.equal(await at.count(ann), 1);
      ann.close();
      await hubd.stop();
      assert.match(hubd.stdout, /redis\+sentinel:/);
      assert.doesNotMatch(`${hubd.output}${hubd.stdout}`, /hush|whisper/);
    });

    test("is not found without it", async () => {
      const hubd = await at.waiting(url(""), /waiting.*NOAUTH/);
      await hubd.stop();
    });
  },
);
