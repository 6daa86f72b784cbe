// Channels on a real Redis and a real PostgreSQL: what is kept, what is lost, and what others publish on Redis.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { definition } from "../definition.js";
import { eventually, Hubd, removeService, writeService } from "../harness.js";
import { Peer } from "../peer.js";
import { Postgres } from "./postgres.js";
import { Redis } from "./redis.js";
import { Missing } from "./server.js";

const DATABASE = 4;
const count = (n) => Array.from({ length: n }, (_, i) => i + 1);

function underTest(def) {
  def.hub.hubExtensions = {
    limits: { publishes: 100000, reads: 100000 },
    channels: [
      { pattern: "cached:{x}", canPublish: "true", history: 30 },
      { pattern: "bare:{x}", canPublish: "true", history: 0 },
      { pattern: "kept:{x}", canPublish: "true", history: 30, persist: true },
      { pattern: "outside:{x}", canPublish: "true", redis: true },
    ],
  };
}

describe("channels on servers", () => {
  const at = { peers: new Set() };
  const run = (name, body) => test(name, (t) => (at.redis && at.postgres ? body(t) : t.skip("there is no Redis or no PostgreSQL")));

  const start = async () => {
    const env = { HUBD_CACHE_URL: `${at.redis.url(DATABASE)}?timeoutMs=1000`, HUBD_STORE_URL: at.postgres.url() };
    at.hubd = await Hubd.start(at.dir, { env });
    await isReady(true);
  };
  const isReady = (ready) => eventually(`ready: ${ready}`, async () => (await fetch(`${at.hubd.url}/readyz`)).ok === ready);
  const restart = async () => {
    closeAll();
    await at.hubd.kill();
    await start();
  };
  const connect = async (user) => {
    const peer = new Peer(`${at.hubd.url}/hub/chat`, { auth: { token: `dev:${user}` } });
    at.peers.add(peer);
    await peer.connected();
    return peer;
  };
  const closeAll = () => {
    for (const peer of at.peers) peer.close();
    at.peers.clear();
  };
  const listening = (channel) => eventually("subscribed on Redis", async () => (await at.redis.call("PUBSUB", "NUMSUB", channel))[1] === 1);

  before(async () => {
    const skip = (error) => {
      if (!(error instanceof Missing) || process.env.CI === "true") throw error;
      console.log(`skipped: ${error.message}`);
    };
    at.redis = await Redis.start().catch(skip);
    at.postgres = await Postgres.start().catch(skip);
    if (!at.redis || !at.postgres) return;
    at.dir = writeService(definition(underTest));
    await start();
  });
  after(async () => {
    closeAll();
    await at.hubd?.stop();
    await at.redis?.remove();
    await at.postgres?.remove();
    if (at.dir) removeService(at.dir);
  });

  for (const kind of ["cached", "kept"]) {
    run(`${kind}: nothing is missed while others publish, nor over kill -9`, async () => {
      const channel = `${kind}:a`;
      let [ann, bob] = [await connect("ann"), await connect("bob")];
      const { epoch, offset } = await ann.ok("hub:subscribe", { channel });
      assert.equal(offset, 0);
      const sent = Promise.all(count(300).map((n) => bob.call("hub:publish", { channel, data: n })));
      const late = await connect("cid");
      const answer = await late.ok("hub:subscribe", { channel, historyLimit: 30 });
      const answers = await sent;
      assert.deepEqual(answers.map((a) => a.offset), count(300));
      for (const [peer, had] of [[ann, []], [late, answer.history]]) {
        const heard = [...had];
        while (heard.at(-1)?.offset !== 300) heard.push(await peer.next("hub:channelMessage"));
        assert.deepEqual(heard.map((m) => [m.offset, m.data]), count(300).slice(-heard.length).map((n) => [n, n]));
      }
      await restart();
      ann = await connect("ann");
      const again = await ann.ok("hub:subscribe", { channel, since: 280, epoch });
      assert.deepEqual([again.recovered, again.offset, again.epoch], [true, 300, epoch]);
      assert.deepEqual(again.history.map((m) => [m.offset, m.data, m.publisher.id]), count(300).slice(280).map((n) => [n, n, "bob"]));
      assert.equal((await ann.ok("hub:subscribe", { channel, since: 269, epoch })).recovered, false);
      const page = await ann.ok("hub:channelHistory", { channel, before: 275 });
      assert.deepEqual([page.history.map((m) => m.offset), page.hasMore], [[271, 272, 273, 274], false]);
    });
  }

  run("cached: what Redis has lost begins a new epoch, without a gap for who is there", async () => {
    const channel = "cached:b";
    const ann = await connect("ann");
    const { epoch } = await ann.ok("hub:subscribe", { channel });
    for (const n of count(3)) await ann.ok("hub:publish", { channel, data: n });
    await at.redis.callOn(DATABASE, "FLUSHALL");
    assert.equal((await ann.ok("hub:publish", { channel, data: 4 })).offset, 4);
    for (const n of count(4)) assert.equal((await ann.next("hub:channelMessage")).offset, n);
    const answer = await ann.ok("hub:subscribe", { channel, since: 3, epoch });
    assert.notEqual(answer.epoch, epoch);
    assert.equal(answer.recovered, false);
    const fresh = await ann.ok("hub:subscribe", { channel, since: 3, epoch: answer.epoch });
    assert.deepEqual([fresh.recovered, fresh.history.map((m) => m.data)], [true, [4]]);
    await at.redis.callOn(DATABASE, "FLUSHALL");
    await restart();
    const bob = await connect("bob");
    const lost = await bob.ok("hub:subscribe", { channel, since: 4, epoch: answer.epoch });
    assert.deepEqual([lost.recovered, lost.offset], [false, 0]);
  });

  for (const kind of ["cached", "bare"]) {
    run(`${kind}: what somebody else has counted in between is told, or the subscription ends`, async () => {
      const channel = `${kind}:c`;
      const ann = await connect("ann");
      await ann.ok("hub:subscribe", { channel });
      await ann.ok("hub:publish", { channel, data: 1 });
      const key = `hubd:hubd:chat:channel:${channel}`;
      await at.redis.callOn(DATABASE, "HSET", key, "n", "2", "2", `${Date.now()}|"data":2`);
      assert.equal((await ann.ok("hub:publish", { channel, data: 3 })).offset, 3);
      for (const n of count(3)) {
        const message = await ann.next("hub:channelMessage");
        assert.deepEqual([message.offset, message.data], [n, n]);
      }
      await at.redis.callOn(DATABASE, "HSET", key, "n", "9");
      assert.equal((await ann.ok("hub:publish", { channel, data: 10 })).offset, 10);
      assert.deepEqual(await ann.next("hub:unsubscribed"), { channel, reason: "messages are missing" });
    });
  }

  run("outside: what others PUBLISH reaches subscribers, and one's own comes once", async () => {
    const channel = "outside:a";
    const [ann, bob] = [await connect("ann"), await connect("bob")];
    await ann.ok("hub:subscribe", { channel });
    await listening(channel);
    await at.redis.callOn(DATABASE, "PUBLISH", channel, '{"a": [1, 2.0]}');
    await at.redis.callOn(DATABASE, "PUBLISH", channel, "no {json");
    const first = await ann.next("hub:channelMessage");
    assert.deepEqual([first.offset, first.data, "publisher" in first], [null, { a: [1, 2] }, false]);
    assert.deepEqual((await ann.next("hub:channelMessage")).data, "no {json");
    for (const n of count(20)) await bob.ok("hub:publish", { channel, data: { n } });
    await at.redis.callOn(DATABASE, "PUBLISH", channel, '{"n":20}'); // the same again is somebody else's
    const heard = [];
    while (heard.length < 21) heard.push(await ann.next("hub:channelMessage"));
    assert.deepEqual(heard.map((m) => m.offset), [...count(20), null]);
    await ann.nothing("hub:channelMessage");
    await ann.ok("hub:unsubscribe", { channel });
    await eventually("unsubscribed on Redis", async () => (await at.redis.call("PUBSUB", "NUMSUB", channel))[1] === 0);
  });

  run("outside: is subscribed to again after Redis was away, which is said meanwhile", async () => {
    const channel = "outside:b";
    const ann = await connect("ann");
    await ann.ok("hub:subscribe", { channel });
    await ann.ok("hub:subscribe", { channel: "kept:d" });
    await listening(channel);
    await at.redis.kill();
    await isReady(false);
    const error = await ann.refused("store_unavailable", "hub:publish", { channel, data: 1 });
    assert.equal(error.outcome, undefined);
    await ann.refused("store_unavailable", "hub:subscribe", { channel: "cached:never" });
    await at.redis.start();
    await isReady(true);
    await listening(channel);
    await at.redis.callOn(DATABASE, "PUBLISH", channel, "7");
    assert.deepEqual((await ann.next("hub:channelMessage")).data, 7);
    assert.equal((await ann.ok("hub:publish", { channel, data: 8 })).offset, 1);
    assert.equal((await ann.next("hub:channelMessage")).offset, 1);
    await ann.ok("hub:publish", { channel: "kept:d", data: 9 });
    assert.equal((await ann.next("hub:channelMessage")).data, 9);
  });
});
