// Channels: subscriptions that miss nothing, history, guards, what is kept; in a hub and in a plain namespace, which see the same channels.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { embeddedOnly, serve, serving, writeService } from "./harness.js";

const lua = (text) => ({ lua: text });
const limits = { publishes: 100000, reads: 100000, joins: 100000, events: 100000 };
const channels = [
  { pattern: "open:{name}", canPublish: "true", history: 20 },
  { pattern: "long:{name}", canPublish: "true", history: 5000 },
  { pattern: "kept:{name}", canPublish: "true", history: 500, persist: true },
  { pattern: "none:{name}", canPublish: "true", history: 0 },
  { pattern: "typed:{name}", canPublish: "true", fields: [{ name: "n", fieldType: "Integer", required: true }, { name: "unit", fieldType: "String", defaultValue: "m" }] },
  { pattern: "own:{user}", canSubscribe: "params.user == session.userId", canPublish: "params.user == session.userId && data.secret != true" },
  { pattern: "role:{role}", canSubscribe: lua("return session.roleId == params.role"), canPublish: "true" },
  { pattern: "member:{room}", canSubscribe: "connection.rooms.includes(params.room)" },
  { pattern: "broken", canSubscribe: lua("error('in the log only')") },
  { pattern: "closed" },
  { pattern: { regex: "^re:(?<kind>[a-z]+)-[0-9]+$" }, canSubscribe: "params.kind == 'ab'" },
  { pattern: { regex: "^(a+)+$" } },
];
const scripts = [
  { name: "tell", script: lua("return channels.publish(payload.channel, payload.data)") },
  { name: "past", script: lua("return channels.history(payload.channel, payload.opts)") },
  { name: "kick", script: lua("return hub.kick(payload.room, payload.user)") },
  { name: "count", script: lua("return channels.subscribers(payload.channel)") },
  { name: "end", script: lua("return channels.disconnect(payload.channel, payload.user, payload.reason)") },
];

const declare = (def) => {
  def.hub.hubExtensions = { limits, channels: structuredClone(channels), commands: structuredClone(scripts) };
  def.service.namespaces = [{ path: "/plain", channels: structuredClone(channels), commands: structuredClone(scripts), events: [{ name: "both", script: lua("local channel = ... channels.publish(channel, 1) socket:emit('mine', 2) return 3") }] }];
};
const count = (n) => Array.from({ length: n }, (_, i) => i + 1);
/** Everything a peer hears of a channel, in order. */
const listen = (peer, channel) => {
  const heard = [];
  peer.socket.on("hub:channelMessage", (m) => m.channel === channel && heard.push(m));
  return heard;
};

/** What a handler of a plain namespace sends waits for what was published before it, as everything does. */
async function keepsTheOrder(server) {
  const ann = await server.connect("ann", { namespace: "/plain" }), channel = "open:order";
  await ann.ok("hub:subscribe", { channel });
  for (let i = 0; i < 5; i++) {
    const from = ann.log.length;
    assert.equal(await ann.call("both", channel), 3);
    assert.deepEqual(ann.log.slice(from).map(([name]) => name), ["hub:channelMessage", "mine"]);
  }
}

describe("channels", () => {
  const server = serve(declare);

  for (const [where, options] of [["a hub", {}], ["a plain namespace", { namespace: "/plain" }]]) {
    const name = (kind) => `${kind}:${where.replaceAll(" ", "-")}`;

    test(`of ${where} bring what is published, in order, with who published it`, async () => {
      const [ann, bob] = [await server.connect("ann", options), await server.connect("bob", options)];
      const channel = name("open");
      const answer = await ann.ok("hub:subscribe", { channel });
      assert.match(answer.epoch, /^[0-9a-f-]{36}$/);
      assert.deepEqual([answer.channel, answer.offset, answer.history, answer.recovered], [channel, 0, [], null]);
      assert.deepEqual(await bob.ok("hub:publish", { channel, data: { text: "hi" } }), { ok: true, offset: 1 });
      assert.equal((await bob.ok("hub:publish", { channel, data: null })).offset, 2);
      const first = await ann.next("hub:channelMessage");
      assert.deepEqual(Object.keys(first), ["channel", "offset", "at", "data", "publisher"]);
      assert.match(first.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.deepEqual([first.offset, first.data, first.publisher.id], [1, { text: "hi" }, "bob"]);
      assert.equal((await ann.next("hub:channelMessage")).data, null);
      await bob.nothing("hub:channelMessage");
      await ann.ok("hub:unsubscribe", { channel });
      await bob.ok("hub:publish", { channel, data: 3 });
      await ann.nothing("hub:channelMessage");
      await ann.refused("not_found", "hub:unsubscribe", { channel });
    });

    test(`of ${where} keep history, ascending, the newest ones`, async () => {
      const ann = await server.connect("ann", options);
      const channel = name("open") + "-history";
      for (const n of count(30)) await ann.ok("hub:publish", { channel, data: n });
      const { history, offset, epoch } = await ann.ok("hub:subscribe", { channel, historyLimit: 5 });
      assert.deepEqual(history.map((m) => [m.offset, m.data]), [26, 27, 28, 29, 30].map((n) => [n, n]));
      assert.equal(offset, 30);
      const page = await ann.ok("hub:channelHistory", { channel, limit: 8 });
      assert.deepEqual([page.history.map((m) => m.data), page.hasMore], [count(30).slice(22), true]);
      const older = await ann.ok("hub:channelHistory", { channel, before: 23 });
      assert.deepEqual([older.history.map((m) => m.data), older.hasMore], [count(22).slice(10), false]);
      const again = async (more) => {
        const answer = await ann.ok("hub:subscribe", { channel, ...more });
        return [answer.recovered, answer.history.map((m) => m.data)];
      };
      assert.deepEqual(await again({ since: 27, epoch }), [true, [28, 29, 30]]);
      assert.deepEqual(await again({ since: 30, epoch }), [true, []]);
      assert.deepEqual(await again({ since: 10, epoch }), [true, count(30).slice(10)]);
      assert.deepEqual(await again({ since: 9, epoch, historyLimit: 2 }), [false, [29, 30]]);
      assert.deepEqual(await again({ since: 31, epoch }), [false, []]);
      assert.deepEqual(await again({ since: 27, epoch: "another" }), [false, []]);
    });

    test(`of ${where} ask their guards`, async () => {
      const [ann, bob] = [await server.connect("ann", options), await server.connect("bob", options)];
      await ann.ok("hub:subscribe", { channel: "own:ann" });
      await bob.refused("not_allowed", "hub:subscribe", { channel: "own:ann" });
      await bob.refused("not_allowed", "hub:publish", { channel: "own:ann", data: {} });
      await bob.refused("not_allowed", "hub:channelHistory", { channel: "own:ann" });
      await ann.refused("not_allowed", "hub:publish", { channel: "own:ann", data: { secret: true } });
      await ann.ok("hub:publish", { channel: "own:ann", data: {} });
      const broken = await ann.refused("handler_failed", "hub:subscribe", { channel: "broken" });
      assert.equal(/in the log only/.test(JSON.stringify(broken)), false);
      assert.match((await ann.refused("not_allowed", "hub:publish", { channel: "closed", data: 1 })).message, /only the server/);
      await ann.refused("not_found", "hub:subscribe", { channel: "open:a:b" });
      await ann.ok("hub:subscribe", { channel: "re:ab-1" });
      await ann.refused("not_allowed", "hub:subscribe", { channel: "re:cd-1" });
      await ann.refused("bad_request", "hub:subscribe", { channel: `${"a".repeat(200)}b` });
      await ann.refused("bad_request", "hub:subscribe", { channel: "x".repeat(256) });
      await ann.refused("bad_request", "hub:subscribe", { channel: "open:x", since: -1 });
      await ann.refused("bad_request", "hub:subscribe", {});
      await ann.refused("bad_request", "hub:publish", { channel: "open:x" });
      await ann.refused("too_large", "hub:publish", { channel: "open:x", data: "x".repeat(70000) });
      assert.match((await ann.refused("invalid_content", "hub:publish", { channel: "typed:x", data: { n: "1" } })).message, /data\.n/);
      await ann.refused("invalid_content", "hub:publish", { channel: "typed:x", data: 7 });
      await ann.ok("hub:publish", { channel: "typed:x", data: { n: 1 } });
      const { history } = await ann.ok("hub:subscribe", { channel: "typed:x", historyLimit: 1 });
      assert.deepEqual(history[0].data, { n: 1, unit: "m" });
    });

    for (const kind of ["long", "kept"]) test(`of ${where}, ${kind}, are subscribed to without a gap while others publish`, async () => {
      const channel = name(kind);
      const writers = await Promise.all(count(12).map((n) => server.connect(`writer of ${kind} ${n}`, options)));
      let last = 0;
      const publishing = (async () => {
        for (let i = 0; i < 60; i++) {
          const writer = writers[i % writers.length]; // a namespace has the limits that are the defaults
          const answers = await Promise.all(count(20).map(() => writer.call("hub:publish", { channel, data: ++last })));
          for (const { ok, error } of answers) assert.ok(ok, JSON.stringify(error));
        }
      })();
      const readers = [];
      for (let i = 0; i < 12; i++) {
        const peer = await server.connect(`reader${i}`, options);
        const heard = listen(peer, channel);
        let early;
        const answer = (resolve) => (value) => ((early = heard.length), resolve(value));
        const { history, offset } = await new Promise((resolve) => peer.socket.emit("hub:subscribe", { channel, historyLimit: 1000 }, answer(resolve)));
        assert.equal(early, 0, "nothing comes before the answer");
        assert.equal(history.at(-1)?.offset ?? 0, offset);
        readers.push({ heard, history, peer });
      }
      await publishing;
      for (const { heard, history, peer } of readers) {
        if (history.at(-1)?.offset !== last) await peer.next("hub:channelMessage", (m) => m.offset === last);
        const all = [...history, ...heard];
        assert.deepEqual(all.map((m) => m.offset), count(last).slice(-all.length));
        assert.deepEqual(all.map((m) => m.data), all.map((m) => m.offset));
        assert.ok(all.length >= Math.min(last, kind === "long" ? 1000 : 500));
      }
    });

    test(`of ${where} are there for scripts`, async () => {
      const [ann, bob] = [await server.connect("ann", options), await server.connect("bob", options)];
      const channel = name("open") + "-scripts";
      await ann.ok("hub:subscribe", { channel });
      assert.deepEqual((await bob.ok("tell", { channel, data: { a: [] } })).result, { offset: 1 });
      const message = await ann.next("hub:channelMessage");
      assert.deepEqual([message.data, "publisher" in message], [{ a: [] }, false]);
      for (const n of count(5)) await bob.ok("tell", { channel, data: n });
      assert.equal((await bob.ok("count", { channel })).result, 1);
      assert.equal((await bob.ok("count", { channel: "open:nobody" })).result, 0);
      const page = (await bob.ok("past", { channel, opts: { limit: 2 } })).result;
      assert.deepEqual([page.items.map((m) => m.data), page.next], [[4, 5], 5]);
      const rest = (await bob.ok("past", { channel, opts: { after: page.next } })).result;
      assert.deepEqual([rest.items.map((m) => m.offset), rest.next], [[1, 2, 3, 4], undefined]);
      assert.equal((await bob.ok("end", { channel, user: "bob" })).result, 0);
      for (const user of ["", 42, { id: "bob" }]) assert.equal((await bob.call("end", { channel, user })).error.code, "handler_failed");
      assert.equal((await bob.ok("end", { channel, user: "ann", reason: "enough" })).result, 1);
      assert.deepEqual(await ann.next("hub:unsubscribed"), { channel, reason: "enough" });
      assert.equal((await bob.ok("count", { channel })).result, 0);
      await bob.refused("handler_failed", "tell", { channel: "nowhere", data: 1 });
    });

    test(`of ${where} ask again when the token changes`, async () => {
      const ann = await server.connect("ann", { ...options, role: "member" });
      await ann.ok("hub:subscribe", { channel: "role:member" });
      await ann.ok("hub:subscribe", { channel: "open:any" });
      await ann.ok("hub:refreshToken", { token: "dev:ann:guest" });
      assert.deepEqual(await ann.next("hub:unsubscribed"), { channel: "role:member", reason: "not_allowed" });
      await ann.ok("hub:publish", { channel: "role:member", data: 1 });
      await ann.ok("hub:publish", { channel: "open:any", data: 2 });
      assert.equal((await ann.next("hub:channelMessage")).data, 2);
    });
  }

  test("ask again when the user is put out of a room", async () => {
    const ann = await server.member("ann", "r1");
    await ann.ok("hub:subscribe", { channel: "member:r1" });
    await ann.refused("not_allowed", "hub:subscribe", { channel: "member:r2" });
    await ann.ok("kick", { room: "r1", user: "ann" });
    assert.deepEqual(await ann.next("hub:unsubscribed"), { channel: "member:r1", reason: "not_allowed" });
  });

  test("come in their order with what handlers send and answer", () => keepsTheOrder(server));

  test("are the same in all windows, and over REST", async () => {
    const [ann, bob] = [await server.connect("ann"), await server.connect("bob", { namespace: "/plain" })];
    const channel = "open:both";
    await ann.ok("hub:subscribe", { channel });
    await bob.ok("hub:publish", { channel, data: 1 });
    assert.equal((await ann.next("hub:channelMessage")).offset, 1);
    const posted = await server.rest("POST", `/channels/${channel}`, { user: "cid", body: { data: { x: 1 } } });
    assert.deepEqual([posted.status, posted.body.offset], [201, 2]);
    assert.deepEqual((await ann.next("hub:channelMessage")).publisher.id, "cid");
    const read = await server.rest("GET", `/channels/${channel}/messages?limit=1`, { user: "cid" });
    assert.deepEqual([read.status, read.body.history.map((m) => m.data), read.body.hasMore], [200, [{ x: 1 }], true]);
    const refusals = [
      ["POST", "/channels/closed", { user: "cid", body: { data: 1 } }, 403, "not_allowed"],
      ["GET", "/channels/own:ann/messages", { user: "cid" }, 403, "not_allowed"],
      ["GET", "/channels/nowhere/messages", { user: "cid" }, 404, "not_found"],
      ["GET", `/channels/${channel}/messages`, {}, 401, "auth_required"],
      ["POST", `/channels/${channel}`, { user: "cid", body: {} }, 400, "bad_request"],
      ["GET", `/channels/${channel}/messages?limit=0`, { user: "cid" }, 400, "bad_request"],
      ["GET", `/channels/${channel}/messages?since=0`, { user: "cid" }, 400, "bad_request"],
      ["GET", `/channels/${channel}`, { user: "cid" }, 405, "not_allowed"],
    ];
    for (const [method, path, options, status, code] of refusals) {
      const { status: got, body } = await server.rest(method, path, options);
      assert.deepEqual([got, body.errCode], [status, code], path);
    }
    const { body } = await server.rest("GET", "/chat", { user: "ann" });
    assert.deepEqual(body.hub.channels[0], { pattern: "open:{name}", history: 20, historySeconds: 86400, fields: [] });
  });

  test("without history tell offsets all the same", async () => {
    const ann = await server.connect("ann");
    const { epoch } = await ann.ok("hub:subscribe", { channel: "none:x", historyLimit: 10 });
    await ann.ok("hub:publish", { channel: "none:x", data: 1 });
    assert.equal((await ann.next("hub:channelMessage")).offset, 1);
    const answer = await ann.ok("hub:subscribe", { channel: "none:x", since: 0, epoch });
    assert.deepEqual([answer.offset, answer.recovered, answer.history], [1, false, []]);
  });
});

test("channels have limits that are named", async () => {
  await serving(
    (def) => {
      declare(def);
      def.hub.hubExtensions.limits = { subscriptions: 3, channels: 4, publishes: 5 };
    },
    async (server) => {
      const [ann, bob] = [await server.connect("ann"), await server.connect("bob")];
      for (const n of count(3)) await ann.ok("hub:subscribe", { channel: `open:${n}` });
      assert.match((await ann.refused("too_many", "hub:subscribe", { channel: "open:4" })).message, /limits\.subscriptions/);
      await ann.ok("hub:subscribe", { channel: "open:3" });
      await bob.ok("hub:subscribe", { channel: "open:4" });
      assert.match((await bob.refused("too_many", "hub:subscribe", { channel: "open:5" })).message, /limits\.channels/);
      for (const n of count(5)) await bob.ok("hub:publish", { channel: "open:4", data: n });
      const error = await bob.refused("rate_limited", "hub:publish", { channel: "open:4", data: 6 });
      assert.match(error.message, /limits\.publishes/);
      const { epoch } = await bob.ok("hub:subscribe", { channel: "open:4" });
      await bob.ok("hub:unsubscribe", { channel: "open:4" });
      await bob.ok("hub:subscribe", { channel: "open:5" }); // the other one, which nobody uses, has given way
      await bob.ok("hub:unsubscribe", { channel: "open:5" });
      const answer = await bob.ok("hub:subscribe", { channel: "open:4", since: 3, epoch });
      assert.deepEqual([answer.recovered, answer.offset], embeddedOnly("memory forgets, Redis keeps") ? [true, 5] : [false, 0]);
      const { text } = await server.rest("GET", "/metrics");
      assert.match(text, /hubd_channels 4/);
      assert.match(text, /hubd_channel_subscriptions 4/);
      assert.match(text, /hubd_limited_total\{limit="limits.channels"\} 1/);
    },
  );
});

test("a channel that is kept in the store goes on after kill -9", { skip: embeddedOnly("it looks at this process") }, async () => {
  await serving(declare, async (server) => {
    let bob = await server.connect("bob");
    const channel = "kept:x";
    const { epoch } = await bob.ok("hub:subscribe", { channel });
    await Promise.all(count(40).map((n) => bob.ok("hub:publish", { channel, data: n })));
    const inMemory = await bob.ok("hub:subscribe", { channel: "open:x" });
    server.closePeers();
    await server.hubd.kill();
    await server.start();
    bob = await server.connect("bob");
    const answer = await bob.ok("hub:subscribe", { channel, since: 7, epoch });
    assert.deepEqual([answer.recovered, answer.offset, answer.epoch], [true, 40, epoch]);
    assert.deepEqual(answer.history.map((m) => m.offset), count(40).slice(7));
    assert.equal((await bob.ok("hub:publish", { channel, data: 41 })).offset, 41);
    assert.equal((await bob.next("hub:channelMessage")).offset, 41);
    const other = await bob.ok("hub:subscribe", { channel: "open:x", since: 0, epoch: inMemory.epoch });
    assert.equal(other.recovered, false);
  });
});

test("a reload changes windows under subscriptions", async () => {
  await serving(declare, async (server) => {
    const [ann, bob] = [await server.connect("ann"), await server.connect("bob", { namespace: "/plain" })];
    for (const peer of [ann, bob]) for (const channel of ["open:x", "none:x", "long:x"]) await peer.ok("hub:subscribe", { channel });
    await ann.ok("hub:subscribe", { channel: "own:ann" });
    await ann.ok("hub:publish", { channel: "open:x", data: 1 });
    for (const peer of [ann, bob]) await peer.next("hub:channelMessage");
    const changed = channels.filter(({ pattern }) => pattern !== "none:{name}").map((c) => (c.pattern === "open:{name}" ? { ...c, canSubscribe: "session.userId != 'bob'" } : c));
    const moved = changed.map((c) => (c.pattern === "long:{name}" ? { ...c, persist: true } : c));
    server.def.hub.hubExtensions.channels = structuredClone(moved);
    server.def.service.namespaces[0].channels = structuredClone(changed);
    writeService(server.def, server.dir);
    const from = server.hubd.output.length;
    server.hubd.signal("SIGHUP");
    await server.hubd.printed(/reload/, from);
    const ends = { ann: new Map(), bob: new Map() };
    for (const [who, peer, n] of [["ann", ann, 2], ["bob", bob, 3]])
      for (let i = 0; i < n; i++) {
        const { channel, reason } = await peer.next("hub:unsubscribed");
        ends[who].set(channel, reason);
      }
    assert.equal(ends.ann.get("none:x"), "not_found");
    assert.equal(ends.bob.get("open:x"), "not_allowed");
    assert.equal(ends.bob.get("long:x"), "the channel is kept elsewhere now");
    await ann.ok("hub:publish", { channel: "open:x", data: 2 });
    assert.equal((await ann.next("hub:channelMessage")).data, 2);
    assert.equal((await bob.ok("hub:subscribe", { channel: "long:x" })).offset, 0);
    await ann.ok("hub:publish", { channel: "long:x", data: 3 });
    assert.equal((await bob.next("hub:channelMessage")).data, 3);
  });
});
