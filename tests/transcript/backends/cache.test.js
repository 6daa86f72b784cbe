// What a service keeps in Redis: sessions whose end ends sockets, windows of the rate limit, join decisions, values of scripts; and what happens
// to each while Redis is away.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { definition } from "../definition.js";
import { eventually, Hubd, removeService, SLACK_MS, writeService } from "../harness.js";
import { Peer } from "../peer.js";
import { keysFor, token } from "../tokens.js";
import { Redis } from "./redis.js";
import { Missing, pause } from "./server.js";

const KEYS = keysFor("HS256");
const TIMEOUT_MS = 1500; // of the cache: longer than a busy host lets Redis wait, and still seen by those who must not wait for it
const lua = (...lines) => ({ lua: lines.join("\n") });

/** A service on a Redis of its own, as the user WHO; CHANGE edits its definition. Tests are skipped where there is no Redis. */
function onRedis(title, change, body, options, who) {
  describe(title, () => {
    const at = { peers: new Set(), events: options?.["notify-keyspace-events"] };

    at.open = (claims) => {
      const peer = new Peer(`${at.hubd.url}/hub/chat`, { auth: { token: token("HS256", KEYS.key, claims) } });
      at.peers.add(peer);
      return peer;
    };
    at.member = async (user, roomId, claims = {}) => {
      const peer = at.open({ userId: user, ...claims });
      await peer.connected();
      peer.welcome = await peer.ok("hub:join", { roomId });
      return peer;
    };
    at.rest = async (method, path, body, user = "root") => {
      const headers = {
        authorization: `Bearer ${token("HS256", KEYS.key, { userId: user, roleId: "admin" })}`,
        ...(body && { "content-type": "application/json" }),
      };
      const response = await fetch(`${at.hubd.url}${path}`, { method, headers, body: body && JSON.stringify(body) });
      return { status: response.status, body: await response.json() };
    };
    at.metric = async (name) => {
      const text = await (await fetch(`${at.hubd.url}/metrics`)).text();
      return Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)?.[1] ?? 0);
    };
    at.isReady = async (ready) => eventually(`ready: ${ready}`, async () => (await fetch(`${at.hubd.url}/readyz`)).ok === ready);
    const env = () => ({ HUBD_CACHE_URL: `${at.redis.url(5, who)}?timeoutMs=${TIMEOUT_MS}`, TEST_JWT_SECRET: KEYS.key });
    at.startHub = async () => {
      at.hubd = await Hubd.start(at.dir, { env: env() });
      await at.isReady(true);
    };
    /** BODY with another process of the same service, on a store of its own, in the place of the first one. */
    at.elsewhere = async (body) => {
      const [first, dir] = [at.hubd, writeService(at.def)];
      try {
        at.hubd = await Hubd.start(dir, { env: env() });
        await at.isReady(true);
        await body();
        await at.hubd.stop();
      } finally {
        at.hubd.signal("SIGKILL");
        at.hubd = first;
        removeService(dir);
      }
    };

    before(async () => {
      at.redis = await Redis.start(options).catch((error) => {
        if (!(error instanceof Missing) || process.env.CI === "true") throw error;
        console.log(`skipped: ${error.message}`);
      });
      if (!at.redis) return;
      const def = definition(change);
      def.service.auth = { jwt: { algorithms: ["HS256"], secretEnv: "TEST_JWT_SECRET" }, ...def.service.auth, dev: undefined };
      at.def = def;
      at.dir = writeService(def);
      await at.startHub();
    });
    afterEach(() => {
      for (const peer of at.peers) peer.close();
      at.peers.clear();
    });
    after(async () => {
      if (!at.redis) return;
      await at.hubd?.stop();
      await at.redis.remove();
      if (at.dir) removeService(at.dir);
    });
    body(at, (name, run) => test(name, (t) => (at.redis ? run(t) : t.skip("there is no Redis"))));
  });
}

/* ---- sessions ---- */

const withSessions = (def) => (def.service.auth = { session: { redisKey: "app:session:${sid}" } });
const sessionKey = (sid) => `app:session:${sid}`;

async function ended(peer) {
  assert.equal((await peer.next("hub:error")).code, "invalid_token");
  assert.equal(await peer.disconnected(), "io server disconnect");
}

function sessions(at, test, withinMs) {
  const put = (sid, session = {}) => at.redis.callOn(5, "SET", sessionKey(sid), JSON.stringify(session));
  const del = (sid) => at.redis.callOn(5, "DEL", sessionKey(sid));
  const listened = async (sid) => (await at.redis.call("PUBSUB", "NUMSUB", `__keyspace@5__:${sessionKey(sid)}`))[1] === 1;

  test("admits who has a session, with what stands in it, and nobody else", async () => {
    await put("s1", { fullname: "Ann of Redis", userId: "ann" });
    const ann = await at.member("someone", "r1", { sid: "s1" });
    const { message, sender } = await (async () => {
      await ann.say("r1", "hello");
      return ann.next("hub:messageArrived");
    })();
    assert.equal(message.senderId, "ann");
    assert.equal(sender.name, "Ann of Redis");
    for (const claims of [{ sid: "nobody's" }, {}]) {
      const error = await at.open({ userId: "eve", ...claims }).refusal();
      assert.equal(error.data.code, "invalid_token");
    }
  });

  test("ends every socket of a session that is deleted, and no other", async () => {
    await put("mine"), await put("yours");
    const mine = [await at.member("ann", "r2", { sid: "mine" }), await at.member("ann", "r3", { sid: "mine" })];
    const yours = await at.member("bob", "r2", { sid: "yours" });
    const before = await at.metric("hubd_sessions_ended_total");
    const began = performance.now();
    await del("mine");
    await Promise.all(mine.map(ended));
    assert.ok(performance.now() - began < withinMs + SLACK_MS, `${performance.now() - began} ms`);
    assert.equal((await at.metric("hubd_sessions_ended_total")) - before, 2);
    await yours.say("r2", "still here");
    assert.equal((await at.open({ userId: "ann", sid: "mine" }).refusal()).data.code, "invalid_token");
  });

  test("ends a socket when its session expires", async () => {
    await put("short");
    const ann = await at.member("ann", "r4", { sid: "short" });
    await at.redis.callOn(5, "PEXPIRE", sessionKey("short"), 300);
    await ended(ann);
  });

  test("follows hub:refreshToken to the other session", async () => {
    await put("old"), await put("new");
    const ann = await at.member("ann", "r5", { sid: "old" });
    await ann.ok("hub:refreshToken", { token: token("HS256", KEYS.key, { userId: "ann", sid: "new" }) });
    await del("old");
    await pause(1500);
    await ann.say("r5", "the new session counts");
    await del("new");
    await ended(ann);
  });

  for (const how of ["kill", "pause"]) {
    test(`keeps open sockets and refuses new ones while Redis is away (${how}); then what happened meanwhile counts`, async () => {
      await put("stays"), await put("goes");
      const stays = await at.member("ann", "r6", { sid: "stays" });
      const goes = await at.member("bob", "r6", { sid: "goes" });
      if (at.events) await eventually("its end is listened for", () => listened("stays"));
      if (how === "kill") await at.redis.stop();
      else at.redis.pause();
      const began = performance.now();
      const error = await at.open({ userId: "eve", sid: "stays" }).refusal();
      assert.equal(error.data.code, "store_unavailable");
      assert.ok(performance.now() - began < TIMEOUT_MS + SLACK_MS);
      await at.isReady(false);
      await stays.say("r6", "without Redis");
      await goes.next("hub:messageArrived");
      if (how === "kill") await at.redis.start();
      else at.redis.resume();
      await put("stays"), await del("goes");
      await ended(goes);
      await at.isReady(true);
      await stays.say("r6", "with Redis again");
      await at.member("ann", "r6", { sid: "stays" });
      if (!at.events) return;
      await eventually("its end is listened for again", () => listened("stays"));
      await del("stays");
      await ended(stays);
    });
  }
}

onRedis("stored sessions, with keyspace events", withSessions, (at, test) => sessions(at, test, 1500), { "notify-keyspace-events": "Kgx" });
onRedis("stored sessions, without keyspace events", withSessions, (at, test) => sessions(at, test, 30000));

/* ---- the rate limit ---- */

const LIMIT = 5;

onRedis(
  "the rate limit",
  (def) => (def.hub.guardrails = { messageRateLimit: LIMIT }),
  (at, test) => {
    const spend = async (peer, roomId, n = LIMIT) => {
      for (let i = 0; i < n; i++) await peer.say(roomId, `${i}`);
    };
    const limited = async (peer, roomId) => {
      const error = await peer.refused("rate_limited", "hub:send", { roomId, messageType: "text", content: { body: "x" } });
      assert.ok(error.retryAfterMs > 0 && error.retryAfterMs <= 60000, `${error.retryAfterMs}`);
      return error.retryAfterMs;
    };

    test("says exactly when there is room again", async () => {
      const ann = await at.member("exact", "r1");
      const began = performance.now();
      await ann.say("r1", "first");
      const first = performance.now();
      await spend(ann, "r1", LIMIT - 1);
      const retry = await limited(ann, "r1");
      const refused = performance.now();
      assert.ok(retry >= 60000 - (refused - began) - 2, `${retry}`);
      assert.ok(retry <= 60000 - (refused - first) + (first - began) + 50, `${retry}`);
    });

    for (const signal of ["SIGTERM", "SIGKILL"]) {
      test(`counts on when hubd starts again (${signal})`, async () => {
        const user = `restart ${signal}`;
        await spend(await at.member(user, "r2"), "r2");
        if (signal === "SIGTERM") await at.hubd.stop();
        else await at.hubd.kill();
        await at.startHub();
        await limited(await at.member(user, "r2"), "r2");
      });
    }

    test("counts here what was counted there, when Redis goes away", async () => {
      const ann = await at.member("outage", "r3");
      await spend(ann, "r3", 3);
      await at.redis.kill();
      await spend(ann, "r3", 2);
      await limited(ann, "r3");
      await at.redis.start();
      await at.isReady(true);
      await spend(ann, "r3"); // Redis has forgotten, and its word counts
    });

    test("does not keep senders waiting for a Redis that stands still", async () => {
      const ann = await at.member("stall", "r4");
      at.redis.pause();
      const began = performance.now();
      await ann.say("r4", "1");
      assert.ok(performance.now() - began < TIMEOUT_MS + SLACK_MS, `${performance.now() - began} ms`);
      const again = performance.now();
      await spend(ann, "r4", LIMIT - 1);
      assert.ok(performance.now() - again < (LIMIT - 1) * TIMEOUT_MS, `${performance.now() - again} ms`);
      await limited(ann, "r4");
      at.redis.resume();
      await at.isReady(true);
    });

    test("is one window for all processes of a service", async () => {
      const ann = await at.member("everywhere", "r8");
      await spend(ann, "r8", 3);
      await at.elsewhere(async () => {
        const elsewhere = await at.member("everywhere", "r8");
        await spend(elsewhere, "r8", 2);
        await limited(elsewhere, "r8");
      });
      await limited(ann, "r8");
    });

    for (const [what, full, mend] of [
      ["full", ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]],
      ["a replica", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
      ["forbidding scripts", ["ACL", "SETUSER", "default", "-@scripting"], ["ACL", "SETUSER", "default", "+@all"]],
    ]) {
      test(`counts here while Redis is ${what}, and /readyz says so`, async () => {
        const user = `refused, ${what}`;
        const ann = await at.member(user, "r9");
        await at.redis.call(...full);
        await spend(ann, "r9");
        await limited(ann, "r9");
        const { status, body } = await at.rest("GET", "/readyz");
        assert.equal(status, 503);
        assert.match(body.notReady[0].reason, /^redis at 127\.0\.0\.1:\d+\/5 refuses: (OOM|READONLY|NOPERM) [^\n]*$/);
        await at.hubd.printed(/the server refuses what hubd asks of it/);
        await at.member(`${user} too`, "r9");
        await at.redis.call(...mend);
        await at.isReady(true);
      });
    }

    test("goes on where the window's key is something else", async () => {
      await at.redis.callOn(5, "HSET", "hubd:hubd:chat:rate:chat:odd", "a", "b");
      const odd = await at.member("odd", "r10");
      await spend(odd, "r10");
      await limited(odd, "r10");
      await at.isReady(true);
    });

    test("is one window for REST, several connections and rooms", async () => {
      const [one, two] = [await at.member("many", "r5"), await at.member("many", "r6")];
      await spend(one, "r5", 2);
      await spend(two, "r6", 2);
      const post = () => at.rest("POST", "/chat/rooms/r7/messages", { messageType: "text", content: { body: "x" } }, "many");
      assert.equal((await post()).status, 201);
      assert.equal((await post()).status, 429);
      await limited(one, "r5");
    });
  },
);

onRedis(
  "the order of messages",
  (def) => (def.hub.messageSettings.customMessageTypes = [{ name: "judged" }]) && (def.hub.hubLogic = { messageHandlers: [{ messageType: "judged", script: lua("return {accept = true}") }] }),
  (at, test) => {
    for (const outage of [false, true]) {
      test(`of a connection is the order of its sends${outage ? ", also when Redis goes away among them" : ""}`, async () => {
        const roomId = outage ? "r2" : "r1";
        const ann = await at.member("ann", roomId);
        const bob = await at.member("bob", roomId);
        const sends = [];
        for (let i = 0; i < 600; i++) {
          if (outage && i === 200) at.redis.pause();
          sends.push(ann.ok("hub:send", { roomId, messageType: i % 7 ? "text" : "judged", content: { body: `${i}` } }));
          if (i % 50 === 49) await pause(5);
        }
        await Promise.all(sends);
        if (outage) at.redis.resume();
        const seen = [];
        while (seen.length < 600) seen.push((await bob.next("hub:messageArrived")).message.content.body);
        assert.deepEqual(seen, Array.from({ length: 600 }, (_, i) => `${i}`));
        if (outage) await at.isReady(true);
      });
    }
  },
);

/* ---- join decisions ---- */

function byMembership(def) {
  const all = { read: ["admin"], create: ["admin"], update: ["admin"], delete: ["admin"] };
  for (const object of def.service.dataObjects) object.api = all;
  def.hub.roomSettings = {
    roomDataObject: "conversation",
    authSources: [{ name: "member", sourceObject: "membership", userField: "userId", roomField: "conversationId", hubRole: "member" }],
  };
  def.hub.guardrails = { authCacheTTL: 300, messageRateLimit: 100000 };
  def.hub.eventSettings = { autoBridgeDataEvents: true };
}

onRedis("join decisions", byMembership, (at, test) => {
  const grant = async (user, roomId) => {
    const { status } = await at.rest("POST", "/objects/membership", { id: `${user}-${roomId}`, userId: user, conversationId: roomId });
    assert.equal(status, 201);
  };
  const revoke = async (user, roomId) => assert.equal((await at.rest("DELETE", `/objects/membership/${user}-${roomId}`)).status, 200);
  const misses = async (work) => {
    const before = await at.metric("hubd_cache_misses_total");
    await work();
    return (await at.metric("hubd_cache_misses_total")) - before;
  };
  const joinOnce = async (user, roomId) => {
    const peer = await at.member(user, roomId);
    peer.close();
  };
  const refused = async (user, roomId) => {
    const peer = at.open({ userId: user });
    await peer.connected();
    await peer.refused("not_authorized", "hub:join", { roomId });
  };

  test("are kept, also for the next process", async () => {
    await grant("ann", "r1");
    assert.equal(await misses(() => joinOnce("ann", "r1")), 1);
    assert.equal(await misses(() => joinOnce("ann", "r1")), 0);
    await at.hubd.stop();
    await at.startHub();
    assert.equal(await misses(() => joinOnce("ann", "r1")), 0);
  });

  test("are dropped when the record goes, and a member is put out", async () => {
    await grant("bob", "r2");
    await joinOnce("bob", "r2");
    const bob = await at.member("bob", "r2");
    await revoke("bob", "r2");
    assert.equal((await bob.next("hub:kicked")).reason, "not_authorized");
    await refused("bob", "r2");
  });

  test("are not found under other rules", async () => {
    await grant("cid", "r3");
    await joinOnce("cid", "r3");
    await at.hubd.stop();
    const def = definition(byMembership);
    def.service.auth = { jwt: { algorithms: ["HS256"], secretEnv: "TEST_JWT_SECRET" } };
    def.hub.roomSettings.authSources[0].condition = "false";
    writeService(def, at.dir);
    await at.startHub();
    await refused("cid", "r3");
    delete def.hub.roomSettings.authSources[0].condition;
    await at.hubd.stop();
    writeService(def, at.dir);
    await at.startHub();
    await joinOnce("cid", "r3");
  });

  test("are not found when a function in lib/ is another one", async () => {
    await grant("fay", "r6");
    const restart = async (answer) => {
      const def = definition(byMembership);
      def.service.auth = { jwt: { algorithms: ["HS256"], secretEnv: "TEST_JWT_SECRET" } };
      def.hub.roomSettings.authSources[0].condition = "lib.rules.good(membership)";
      def.files = { "lib/rules.lua": `return {good = function() return ${answer} end}` };
      await at.hubd.stop();
      writeService(def, at.dir);
      await at.startHub();
    };
    await restart("true");
    await joinOnce("fay", "r6");
    await restart("false");
    await refused("fay", "r6");
    await restart("true");
    assert.equal(await misses(() => joinOnce("fay", "r6")), 0, "the decision of the first time");
  });

  for (const how of ["pause", "kill"]) {
    test(`that were dropped while Redis was away (${how}) do not come back with it`, async () => {
      const user = `dan-${how}`;
      await grant(user, "r4");
      await joinOnce(user, "r4");
      if (how === "kill") await at.redis.stop(); // what it holds comes back with it
      else at.redis.pause();
      await revoke(user, "r4");
      await refused(user, "r4");
      if (how === "kill") await at.redis.start();
      else at.redis.resume();
      await at.isReady(true);
      await refused(user, "r4");
    });
  }

  test("are worked out within moments while Redis stands still", async () => {
    await grant("eve", "r5");
    at.redis.pause();
    const began = performance.now();
    const eve = await at.member("eve", "r5");
    assert.ok(performance.now() - began < TIMEOUT_MS + SLACK_MS, `${performance.now() - began} ms`);
    const again = performance.now();
    await eve.ok("hub:join", { roomId: "r5" });
    assert.ok(performance.now() - again < TIMEOUT_MS, `${performance.now() - again} ms`);
    at.redis.resume();
    await at.isReady(true);
  });
});

function byTier(def) {
  withSessions(def);
  def.hub.hubRoles = [{ name: "member" }, { name: "vip" }];
  def.hub.roomSettings.authScripts = [
    { name: "gold", script: "user.tier == 'gold'", hubRole: "vip" },
    { name: "paying", script: "user.tier != 'none'", hubRole: "member" },
  ];
  def.hub.guardrails = { authCacheTTL: 300, messageRateLimit: 100000 };
}

onRedis(
  "join decisions by scripts that look at the session",
  byTier,
  (at, test) => {
    const put = (sid, session) => at.redis.callOn(5, "SET", sessionKey(sid), JSON.stringify(session));
    const role = async (user, sid, roomId) => (await at.member(user, roomId, { sid })).welcome.hubRole;

    test("are kept for that session, whatever token it comes with", async () => {
      await put("s1", { tier: "gold" });
      assert.equal(await role("ann", "s1", "r1"), "vip");
      const hits = await at.metric("hubd_cache_hits_total");
      const later = await at.member("ann", "r1", { sid: "s1", iat: 1, exp: 4102444800, jti: "another" });
      assert.equal(later.welcome.hubRole, "vip");
      assert.equal(await at.metric("hubd_cache_hits_total"), hits + 1);
    });

    test("are not lent to another session of the user", async () => {
      await put("gold", { tier: "gold" }), await put("silver", { tier: "silver" });
      assert.equal(await role("bob", "gold", "r2"), "vip");
      assert.equal(await role("bob", "silver", "r2"), "member");
      assert.equal(await role("bob", "gold", "r2"), "vip");
    });

    test("change with what stands in the session: at the next connection, and at hub:refreshToken, not before", async () => {
      await put("s3", { tier: "gold" });
      const open = await at.member("cid", "r3", { sid: "s3" });
      assert.equal(open.welcome.hubRole, "vip");
      await put("s3", { tier: "silver" });
      assert.equal(await role("cid", "s3", "r3"), "member");
      assert.equal((await open.ok("hub:join", { roomId: "r3" })).hubRole, "vip");
      await open.nothing("hub:permissions");
      await open.ok("hub:refreshToken", { token: token("HS256", KEYS.key, { userId: "cid", sid: "s3" }) });
      assert.equal((await open.next("hub:permissions")).hubRole, "member");
      await put("s3", { tier: "none" });
      await open.ok("hub:refreshToken", { token: token("HS256", KEYS.key, { userId: "cid", sid: "s3" }) });
      assert.equal((await open.next("hub:kicked")).reason, "not_authorized");
      const next = at.open({ userId: "cid", sid: "s3" });
      await next.connected();
      await next.refused("not_authorized", "hub:join", { roomId: "r3" });
    });
  },
  { "notify-keyspace-events": "KEA" },
);

/* ---- a user with no more rights than docs/operations.md names ---- */

const OPERATIONS = new URL("../../../docs/operations.md", import.meta.url);
const NARROW = /ACL SETUSER hubd on >PASSWORD (.*)/.exec(readFileSync(OPERATIONS, "utf8"))?.[1];

onRedis(
  "a Redis user with the rights of docs/operations.md",
  (def) => {
    byMembership(def);
    def.service.auth = { session: { redisKey: "app:session:${sid}" } };
    def.hub.guardrails.messageRateLimit = LIMIT;
  },
  (at, test) => {
    test("is refused nothing", async () => {
      for (const sid of ["ann", "root"]) await at.redis.callOn(5, "SET", sessionKey(sid), "{}");
      const headers = { authorization: `Bearer ${token("HS256", KEYS.key, { userId: "root", roleId: "admin", sid: "root" })}`, "content-type": "application/json" };
      const grant = { method: "POST", headers, body: JSON.stringify({ id: "m1", userId: "ann", conversationId: "r1" }) };
      assert.equal((await fetch(`${at.hubd.url}/objects/membership`, grant)).status, 201);
      const ann = await at.member("ann", "r1", { sid: "ann" });
      for (let i = 0; i < LIMIT; i++) await ann.say("r1", `${i}`);
      await ann.refused("rate_limited", "hub:send", { roomId: "r1", messageType: "text", content: { body: "x" } });
      await at.member("ann", "r1", { sid: "ann" });
      assert.equal(await at.metric("hubd_cache_hits_total"), 1);
      await eventually("keyspace events arrive", async () => (await at.metric("hubd_cache_keyspace_events")) === 1);
      await at.redis.callOn(5, "DEL", sessionKey("ann"));
      await ended(ann);
      assert.deepEqual(await at.redis.call("ACL", "LOG"), []);
      assert.equal(await at.metric("hubd_cache_errors_total"), 0);
      await at.isReady(true);
    });
  },
  { "notify-keyspace-events": "Kgx", user: `hubd on >word ${NARROW}` },
  { user: "hubd", password: "word" },
);

/* ---- scripts ---- */

const run = "local out = table.pack(pcall(redis[message.content.f], table.unpack(message.content.args))) return {accept = true, persist = false, modifiedContent = {ok = out[1], value = out[1] and out[2] or tostring(out[2])}}";

onRedis(
  "redis in scripts",
  (def) => {
    def.hub.messageSettings.customMessageTypes = [{ name: "redis" }];
    def.hub.hubLogic = { messageHandlers: [{ messageType: "redis", script: lua(run) }] };
  },
  (at, test) => {
    const ask = async (f, ...args) => {
      const ann = await at.member("ann", "r1");
      const { message } = await ann.ok("hub:send", { roomId: "r1", messageType: "redis", content: { f, args } });
      ann.close();
      return message.content;
    };

    test("reaches the server, with its answers and its errors", async () => {
      assert.equal((await ask("set", "script:a", "ä 1")).value, "OK");
      assert.equal(await at.redis.callOn(5, "GET", "script:a"), "ä 1");
      assert.equal((await ask("incr", "script:n")).value, 1);
      assert.deepEqual((await ask("call", "EVAL", "return {1, 'x', {2}}", 0)).value, [1, "x", [2]]);
      const wrong = await ask("incr", "script:a");
      assert.equal(wrong.ok, false);
      assert.match(wrong.value, /not an integer/);
      const blocking = await ask("call", "BLPOP", "script:l", 0);
      assert.equal(blocking.ok, false);
      assert.match(blocking.value, /BLPOP cannot be called from a script/);
    });

    test("fails at once while Redis is away", async () => {
      await at.redis.kill();
      const began = performance.now();
      const { ok, value } = await ask("get", "script:a");
      assert.equal(ok, false);
      assert.match(value, /not available/);
      assert.ok(performance.now() - began < TIMEOUT_MS);
      await at.redis.start();
      await at.isReady(true);
    });
  },
);
