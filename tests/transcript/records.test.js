// Records: written, patched, deleted and followed by versions, alone and several at once; the same in a hub and in a plain namespace.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, runSql, serve } from "./harness.js";

const lua = (text) => ({ lua: text });
const field = (name, fieldType, more) => ({ name, fieldType, ...more });
const records = [
  { pattern: "open:{id}", canWrite: "true" },
  { pattern: "typed:{id}", canWrite: "true", fields: [field("title", "String", { required: true }), field("n", "Integer", { defaultValue: "1" })] },
  { pattern: "own:{user}:{id}", canRead: "params.user == session.userId", canWrite: lua("return params.user == session.userId and (was == null or value == null or value.n >= was.n)") },
  { pattern: "locked:{id}" },
  { pattern: "locked:{id}:x", canWrite: "true" },
  { pattern: "noted:{id}", canWrite: "true", onChanged: lua('local all = records.get("notes:" .. params.id).value if all == null then all = json.array() end all[#all + 1] = {version, value, was} records.write("notes:" .. params.id, all)') },
  { pattern: "notes:{id}" },
  { pattern: "failing:{id}", canWrite: "true", onChanged: lua('error("no")') },
  { pattern: "passing:{id}", canWrite: "true", persist: false },
  { pattern: "product:{id}", dataObject: "product", canRead: "true", canWrite: "true" },
  { pattern: "secret:{id}", dataObject: "product" },
  { pattern: "growing:{id}", canWrite: lua("local own, other = records.get(recordId), records.get('growing:' .. (params.id == '1' and '2' or '1')) return own.value == null or value.n >= own.value.n") },
  { pattern: "judged:{id}", canRead: "value == null || value.readers.includes(session.userId)", canWrite: "true" },
  { pattern: "pondered:{id}", canRead: lua("sleep(20) if value ~= null and value.fails then error('no') end return value == null or not value.secret"), canWrite: "true" },
  { pattern: "cheap:{id}", dataObject: "product", canRead: "value == null || value.price < 100" },
  { pattern: "broken:{id}", canRead: lua("error('no')"), canWrite: "true" },
];
const inTeam = lua('sleep(params.id == "slow" and 20 or 0) local team = records.get("open:team-" .. params.id).value return team ~= null and team[session.userId] == true');
const teams = {
  records: [{ pattern: "board:{id}", canRead: inTeam, canWrite: "true" }],
  channels: [{ pattern: "talk:{id}", canSubscribe: inTeam }],
  collections: [{ pattern: "tasks:{id}", canRead: inTeam, resolver: lua("return json.array()") }],
};
const commands = [
  { name: "server", script: lua("return records.write(payload.id, payload.value, {strategy = payload.strategy, ifVersion = payload.ifVersion})") },
  { name: "read", script: lua("return records.get(payload.id)") },
  { name: "tag", script: lua('objects.update("product", payload, {tags = {"new"}})') },
  { name: "publish", script: lua("kafka.publish(payload.topic, payload.record)") },
  { name: "list", script: lua("return records.list(payload.pattern, payload.options)") },
  {
    name: "move",
    order: "none",
    timeoutMs: 60000, // three hundred at once, and each again when it has run into another
    script: lua(`
      local tries = 0
      records.transaction(function(tx)
        tries = tries + 1
        for _, id in ipairs(payload) do
          local r = tx.get(id)
          tx.write(id, {n = (r.value == null and 0 or r.value.n) + 1})
        end
      end)
      return tries`),
  },
  {
    name: "together",
    script: lua(`
      return records.transaction(function(tx)
        assert(tx.get("tx:a").value == null)
        tx.write("tx:a", {n = 1, list = json.array()})
        tx.write("tx:a", {m = {x = 1}}, {strategy = "merge"})
        tx.write("tx:a", {m = {y = 2}}, {strategy = "deepMerge"})
        tx.patch("tx:a", {{op = "add", path = "/list/-", value = 7}})
        tx.write("tx:b", 1)
        tx.delete("tx:b")
        assert(tx.get("tx:b").value == null)
        if payload == "fails" then error{code = "not_now", message = "later"} end
        if payload == "late" then tx.write("tx:c", 1, {ifVersion = 5}) end
        return tx.get("tx:a").value
      end)`),
  },
  { name: "caught", script: lua("local ok, e = pcall(records.write, payload.id, payload.value, {ifVersion = 99}) return {ok = ok, code = e.code}") },
];

describe("records", () => {
  let topic;
  const change = (def) => {
    const { channels, collections } = teams;
    const all = [...records, ...teams.records];
    def.hub.hubExtensions = { limits: { ...def.hub.hubExtensions.limits, writes: 100000, subscriptions: 20 }, records: structuredClone(all), channels, collections, commands: structuredClone(commands) };
    const api = Object.fromEntries(["read", "create", "update", "delete"].map((verb) => [verb, ["*"]]));
    def.service.dataObjects.push({ name: "product", managed: true, properties: [field("title", "String", { required: true }), field("price", "Integer", { defaultValue: "1" }), field("tags", "JSON"), field("soldAt", "DateTime")].map(({ fieldType, ...more }) => ({ ...more, type: fieldType })), api });
    def.service.namespaces = [{ path: "/plain", records: structuredClone(all), channels, collections }];
  };
  const server = serve(change, { naming: (def, project) => (topic = `${project}-${def.service.service.name}-service-dbevent`) });
  const metrics = async () => (await server.rest("GET", "/metrics")).text;
  const write = (peer, recordId, value, more) => peer.ok("hub:writeRecord", { recordId, value, ...more });

  test("have versions that begin at 1 and grow by one with each change", async () => {
    const ann = await server.connect("ann");
    assert.deepEqual(await ann.ok("hub:subscribeRecord", { recordId: "open:a" }), { ok: true, recordId: "open:a", version: 0, record: null });
    assert.deepEqual(await write(ann, "open:a", { n: 1 }), { ok: true, version: 1, changed: true });
    assert.deepEqual(await ann.next("hub:recordUpdated"), { recordId: "open:a", version: 1, full: { n: 1 } });
    assert.deepEqual(await write(ann, "open:a", { n: 1 }), { ok: true, version: 1, changed: false });
    assert.deepEqual(await write(ann, "open:a", { m: [2] }, { strategy: "merge" }), { ok: true, version: 2, changed: true });
    assert.deepEqual(await ann.next("hub:recordUpdated"), { recordId: "open:a", version: 2, full: { n: 1, m: [2] } });
    await write(ann, "open:a", { o: { x: 1 } }, { strategy: "merge" });
    await write(ann, "open:a", { o: { y: 2 } }, { strategy: "deepMerge" });
    assert.deepEqual((await ann.ok("hub:subscribeRecord", { recordId: "open:a" })).record, { n: 1, m: [2], o: { x: 1, y: 2 } });
    assert.deepEqual(await ann.ok("hub:deleteRecord", { recordId: "open:a" }), { ok: true, version: 5, changed: true });
    assert.deepEqual(await ann.next("hub:recordDeleted"), { recordId: "open:a", version: 5 });
    assert.deepEqual(await ann.ok("hub:deleteRecord", { recordId: "open:a" }), { ok: true, version: 5, changed: false });
    assert.equal((await write(ann, "open:a", "again")).version, 6);
    await ann.next("hub:recordUpdated", ({ version }) => version === 6);
    assert.deepEqual(await ann.ok("hub:subscribeRecord", { recordId: "open:a", version: 6 }), { ok: true, recordId: "open:a", version: 6 });
  });

  test("are told as patches to those who want them", async () => {
    const [ann, bob] = [await server.connect("ann"), await server.connect("bob")];
    await write(ann, "open:p", { title: "A long title that makes a patch the shorter way", list: [1, 2, 3] });
    const { record } = await bob.ok("hub:subscribeRecord", { recordId: "open:p", mode: "patch" });
    assert.deepEqual(record.list, [1, 2, 3]);
    await ann.ok("hub:patchRecord", { recordId: "open:p", patch: [{ op: "add", path: "/list/1", value: 9 }] });
    assert.deepEqual(await bob.next("hub:recordUpdated"), { recordId: "open:p", version: 2, patch: [{ op: "add", path: "/list/1", value: 9 }] });
    await ann.refused("bad_request", "hub:patchRecord", { recordId: "open:p", patch: [{ op: "test", path: "/list/1", value: 2 }] });
    await ann.refused("not_found", "hub:patchRecord", { recordId: "open:none", patch: [] });
    await bob.ok("hub:unsubscribeRecord", { recordId: "open:p" });
    await write(ann, "open:p", { n: 1 });
    await bob.ok("hub:subscribeRecord", { recordId: "open:p" });
    await write(ann, "open:p", { n: 2 });
    assert.equal((await bob.next("hub:recordUpdated")).version, 4);
  });

  test("are guarded, and the first pattern that fits decides", async () => {
    const [ann, bob] = [await server.connect("ann"), await server.connect("bob")];
    await write(ann, "own:ann:1", { n: 1 });
    await bob.refused("not_allowed", "hub:writeRecord", { recordId: "own:ann:1", value: { n: 2 } });
    await bob.refused("not_allowed", "hub:subscribeRecord", { recordId: "own:ann:1" });
    await ann.refused("not_allowed", "hub:writeRecord", { recordId: "own:ann:1", value: { n: 0 } });
    await ann.refused("not_allowed", "hub:writeRecord", { recordId: "locked:1", value: 1 });
    await ann.refused("not_found", "hub:writeRecord", { recordId: "other:1", value: 1 });
    await ann.refused("not_found", "hub:writeRecord", { recordId: "open:a:b", value: 1 });
    await ann.refused("handler_failed", "hub:subscribeRecord", { recordId: "broken:1" });
    await ann.ok("hub:command", { command: "server", payload: { id: "locked:1", value: { by: "server" } } });
    assert.deepEqual((await ann.ok("hub:subscribeRecord", { recordId: "locked:1" })).record, { by: "server" });
  });

  const readable = (value, ...readers) => ({ ...value, readers });
  const ended = (recordId, reason = "not_allowed") => ({ recordId, reason });

  test("whose guards look at them are not told to who may no longer read, however they change", async () => {
    const [ann, bob, eve] = [await server.connect("ann"), await server.connect("bob", { namespace: "/plain" }), await server.connect("eve")];
    const follow = (peer, id, more) => peer.ok("hub:subscribeRecord", { recordId: `judged:${id}`, ...more });
    const changes = {
      write: (recordId, value) => write(ann, recordId, value),
      patch: (recordId, value) => ann.ok("hub:patchRecord", { recordId, patch: [{ op: "replace", path: "", value }] }),
      transaction: (recordId, value) => ann.ok("hub:transaction", { operations: [{ op: "write", recordId: "open:beside", value: 1 }, { op: "write", recordId, value }] }),
      script: (id, value) => ann.ok("hub:command", { command: "server", payload: { id, value } }),
    };
    for (const [name, change] of Object.entries(changes)) {
      const recordId = `judged:${name}`;
      await write(ann, recordId, readable({ n: 1 }, "ann", "bob"));
      assert.equal((await follow(ann, name, { mode: "patch" })).version, 1);
      assert.deepEqual((await follow(bob, name)).record, readable({ n: 1 }, "ann", "bob"));
      assert.equal((await eve.refused("not_allowed", "hub:subscribeRecord", { recordId })).data, undefined);
      await change(recordId, readable({ n: 2 }, "ann", "bob"));
      assert.equal((await bob.next("hub:recordUpdated", (e) => e.recordId === recordId)).version, 2);
      await change(recordId, readable({ n: "a secret" }, "ann"));
      assert.deepEqual(await bob.next("hub:unsubscribed"), ended(recordId));
      await change(recordId, readable({ n: 4 }, "ann", "bob"));
      await ann.next("hub:recordUpdated", (e) => e.recordId === recordId && e.version === 4);
      await bob.refused("not_allowed", "hub:readRecord", { recordId: "own:ann:1" }); // whatever was to come has come
      assert.deepEqual(ann.log.filter(([event, e]) => event === "hub:recordUpdated" && e.recordId === recordId).map(([, { version }]) => version), [2, 3, 4]);
      assert.deepEqual(bob.log.filter(([event, e]) => event === "hub:recordUpdated" && e.recordId === recordId).map(([, { version }]) => version), [2]);
      await ann.ok("hub:deleteRecord", { recordId });
      await ann.next("hub:recordDeleted");
      await ann.ok("hub:unsubscribeRecord", { recordId });
    }
    assert.doesNotMatch(JSON.stringify(bob.log), /a secret/);
    await write(ann, "judged:rest", readable({}, "ann"));
    assert.equal((await server.rest("GET", "/records/judged:rest", { user: "ann" })).status, 200);
    assert.equal((await server.rest("GET", "/records/judged:rest", { user: "bob" })).status, 403);
    assert.equal((await server.rest("GET", "/records/judged:none", { user: "bob" })).status, 404);
  });

  test("whose guards are slower than they change are told as they were judged, and of those that fail not at all", async () => {
    const [ann, bob] = [await server.connect("ann"), await server.connect("bob")];
    const seen = [];
    bob.socket.on("hub:recordUpdated", ({ version, full }) => seen.push([version, full.n]));
    await bob.ok("hub:subscribeRecord", { recordId: "pondered:1", mode: "patch" });
    await Promise.all(Array.from({ length: 50 }, (_, i) => write(ann, "pondered:1", { n: i + 1 })));
    await eventually("he has the last one", () => seen.at(-1)?.[0] === 50);
    for (const [version, n] of seen) assert.equal(version, n);
    assert.deepEqual(seen, seen.toSorted(([a], [b]) => a - b));
    await write(ann, "pondered:1", { secret: true });
    assert.deepEqual(await bob.next("hub:unsubscribed"), ended("pondered:1"));
    await write(ann, "pondered:1", {});
    await bob.ok("hub:subscribeRecord", { recordId: "pondered:1" });
    await write(ann, "pondered:1", { fails: true });
    assert.deepEqual(await bob.next("hub:unsubscribed"), ended("pondered:1", "handler_failed"));
  });

  for (const namespace of [undefined, "/plain"])
    for (const id of ["quick", "slow"])
      test(`end what guards have granted by them, ${id} ones of ${namespace ?? "the hub"}`, async () => {
        const [ann, bob] = [await server.connect("ann"), await server.connect("bob", { namespace })];
        const names = { "hub:subscribeRecord": { recordId: `board:${id}` }, "hub:subscribe": { channel: `talk:${id}` }, "hub:subscribeCollection": { collectionId: `tasks:${id}` } };
        await write(ann, `open:team-${id}`, { bob: true });
        for (const [event, name] of Object.entries(names)) await bob.ok(event, name);
        const bobs = (await ann.ok("hub:readRecord", { recordId: `open:team-${id}` })).version;
        await write(ann, `open:team-${id}`, { bob: true, eve: true });
        await write(ann, `board:${id}`, 1 + Math.random());
        await bob.next("hub:recordUpdated", (e) => e.recordId === `board:${id}`);
        await write(ann, `open:team-${id}`, { eve: true });
        const ends = [];
        while (ends.length < 3) ends.push(await bob.next("hub:unsubscribed"));
        for (const name of Object.values(names)) assert.ok(ends.some((end) => JSON.stringify(end) === JSON.stringify({ ...name, reason: "not_allowed" })), JSON.stringify(ends));
        for (const [event, name] of Object.entries(names)) await bob.refused("not_allowed", event, name);
        await ann.ok("hub:deleteRecord", { recordId: `open:team-${id}` });
        assert.ok(bobs > 0);
      });

  test("are there for their guards to read, in whatever order others change them", async () => {
    const peers = await Promise.all([0, 1, 2, 3].map((i) => server.connect(`g${i}`)));
    const op = (id, n) => ({ op: "write", recordId: `growing:${id}`, value: { n } });
    await write(peers[0], "growing:1", { n: 1 });
    await write(peers[0], "growing:2", { n: 1 });
    const changes = peers.flatMap((peer, i) => [write(peer, "growing:2", { n: 2, [i]: 1 }), peer.ok("hub:transaction", { operations: [op(1, 2), op(2, 2)] }), write(peer, "growing:1", { n: 2, [i]: 1 })]);
    await Promise.all(changes);
    await peers[0].refused("not_allowed", "hub:writeRecord", { recordId: "growing:1", value: { n: 1 } });
  });

  test("take what their fields say, and no null", async () => {
    const ann = await server.connect("ann");
    await write(ann, "typed:1", { title: "x" });
    assert.deepEqual((await ann.ok("hub:subscribeRecord", { recordId: "typed:1" })).record, { title: "x", n: 1 });
    await ann.refused("invalid_content", "hub:writeRecord", { recordId: "typed:1", value: { n: 2 } });
    await ann.refused("bad_request", "hub:writeRecord", { recordId: "open:1", value: null });
    await ann.refused("bad_request", "hub:writeRecord", { recordId: "open:1" });
    await ann.refused("bad_request", "hub:writeRecord", { recordId: "open:1", value: 1, strategy: "mix" });
    await write(ann, "open:text", "text");
    await ann.refused("bad_request", "hub:writeRecord", { recordId: "open:text", value: { a: 1 }, strategy: "merge" });
    await ann.refused("too_large", "hub:writeRecord", { recordId: "open:big", value: "x".repeat(300000) });
  });

  test("are written only at the version that is named", async () => {
    const ann = await server.connect("ann");
    await write(ann, "open:v", 1, { ifVersion: 0 });
    const error = await ann.refused("version_conflict", "hub:writeRecord", { recordId: "open:v", value: 2, ifVersion: 0 });
    assert.deepEqual(error.data, { recordId: "open:v", version: 1 });
    await write(ann, "open:v", 2, { ifVersion: 1 });
  });

  test("change together or not at all", async () => {
    const ann = await server.connect("ann");
    const answer = await ann.ok("hub:transaction", {
      operations: [
        { op: "write", recordId: "open:t1", value: { n: 1 } },
        { op: "write", recordId: "open:t2", value: { n: 1 } },
        { op: "check", recordId: "open:t3", ifVersion: 0 },
        { op: "delete", recordId: "open:t4" },
      ],
    });
    assert.deepEqual(answer.results, [{ version: 1, changed: true }, { version: 1, changed: true }, { version: 0, changed: false }, { version: 0, changed: false }]);
    await ann.refused("version_conflict", "hub:transaction", { operations: [{ op: "write", recordId: "open:t1", value: 2 }, { op: "check", recordId: "open:t2", ifVersion: 7 }] });
    await ann.refused("not_allowed", "hub:transaction", { operations: [{ op: "write", recordId: "open:t1", value: 2 }, { op: "write", recordId: "locked:2", value: 1 }] });
    await ann.refused("bad_request", "hub:transaction", { operations: [{ op: "write", recordId: "open:t1", value: 2 }, { op: "delete", recordId: "open:t1" }] });
    await ann.refused("bad_request", "hub:transaction", { operations: [] });
    await ann.refused("bad_request", "hub:transaction", { operations: [{ op: "burn", recordId: "open:t1" }] });
    assert.deepEqual((await ann.ok("hub:subscribeRecord", { recordId: "open:t1" })).record, { n: 1 });
  });

  test("lose no update under many writers, and no follower misses one", async () => {
    const peers = await Promise.all(Array.from({ length: 30 }, (_, i) => server.connect(`w${i}`)));
    const follower = await server.connect("follower");
    const from = (await follower.ok("hub:subscribeRecord", { recordId: "open:many" })).version;
    const seen = [];
    follower.socket.on("hub:recordUpdated", ({ version }) => seen.push(version));
    const answers = await Promise.all(peers.flatMap((peer, i) => Array.from({ length: 10 }, (_, k) => write(peer, "open:many", { [`k${i}_${k}`]: k }, { strategy: "merge" }))));
    const versions = answers.map(({ version }) => version).sort((a, b) => a - b);
    assert.deepEqual(versions, Array.from({ length: 300 }, (_, i) => from + i + 1));
    assert.equal(Object.keys((await peers[0].ok("hub:subscribeRecord", { recordId: "open:many" })).record).length, 300);
    await eventually("all were told", () => seen.length >= 300);
    assert.deepEqual(seen, versions);
  });

  test("do not wait for each other in a circle", async () => {
    const peers = await Promise.all(Array.from({ length: 10 }, (_, i) => server.connect(`c${i}`)));
    const op = (recordId) => ({ op: "write", recordId, value: { [Math.random()]: 1 }, strategy: "merge" });
    const answers = await Promise.all(peers.flatMap((peer, i) => Array.from({ length: 20 }, () => peer.ok("hub:transaction", { operations: i % 2 ? [op("open:x"), op("open:y")] : [op("open:y"), op("open:x")] }))));
    assert.equal(answers.length, 200);
  });

  test("are the same through a plain namespace, and for scripts", async () => {
    const [ann, bob] = [await server.connect("ann"), await server.connect("bob", { namespace: "/plain" })];
    await bob.ok("hub:subscribeRecord", { recordId: "open:shared" });
    await write(ann, "open:shared", { n: 1 });
    assert.deepEqual(await bob.next("hub:recordUpdated"), { recordId: "open:shared", version: 1, full: { n: 1 } });
    await write(bob, "open:shared", { n: 2 });
    assert.deepEqual((await ann.ok("hub:command", { command: "read", payload: { id: "open:shared" } })).result, { recordId: "open:shared", version: 2, value: { n: 2 } });
    assert.deepEqual((await ann.ok("hub:command", { command: "caught", payload: { id: "open:shared", value: 1 } })).result, { ok: false, code: "version_conflict" });
  });

  const ask = async (peer, command, payload) => (await peer.ok("hub:command", { command, payload })).result;

  test("change in transactions of scripts, of which none loses what another has done", async () => {
    const peers = await Promise.all(Array.from({ length: 30 }, (_, i) => server.connect(`t${i}`)));
    const tries = await Promise.all(peers.flatMap((peer, i) => Array.from({ length: 10 }, () => ask(peer, "move", i % 2 ? ["tx:1", "tx:2"] : ["tx:2", "tx:1"]))));
    assert.ok(Math.max(...tries) > 1, "some have run into each other");
    for (const id of ["tx:1", "tx:2"]) assert.deepEqual(await ask(peers[0], "read", { id }), { recordId: id, version: 300, value: { n: 300 } });
  });

  test("change in a transaction of a script together or not at all", async () => {
    const ann = await server.connect("ann");
    await ann.refused("not_now", "hub:command", { command: "together", payload: "fails" });
    await ann.refused("handler_failed", "hub:command", { command: "together", payload: "late" });
    assert.equal((await ask(ann, "read", { id: "tx:a" })).version, 0);
    const value = { n: 1, list: [7], m: { x: 1, y: 2 } };
    assert.deepEqual(await ask(ann, "together"), value);
    assert.deepEqual(await ask(ann, "read", { id: "tx:a" }), { recordId: "tx:a", version: 1, value });
    assert.deepEqual(await ask(ann, "read", { id: "tx:b" }), { recordId: "tx:b", version: 0, value: null });
  });

  test("are listed by a pattern, a page at a time", async () => {
    const ann = await server.connect("ann");
    for (let i = 0; i < 7; i++) await write(ann, `open:l${i}`, { i, even: i % 2 === 0 });
    await write(ann, "own:ann:l1", { n: 1 });
    await ann.ok("hub:deleteRecord", { recordId: "open:l3" });
    const list = async (pattern, options) => {
      const { items, next } = await ask(ann, "list", { pattern, options });
      return [items.map(({ recordId }) => recordId), next];
    };
    assert.deepEqual(await list("open:l*"), [["open:l0", "open:l1", "open:l2", "open:l4", "open:l5", "open:l6"], undefined]);
    assert.deepEqual(await list("open:l*", { limit: 2 }), [["open:l0", "open:l1"], "open:l1"]);
    assert.deepEqual(await list("open:l*", { limit: 2, after: "open:l1" }), [["open:l2", "open:l4"], "open:l4"]);
    assert.deepEqual(await list("open:l*", { where: { even: true, i: { $gt: 0 } } }), [["open:l2", "open:l4", "open:l6"], undefined]);
    assert.deepEqual((await list("own:{user}:l1"))[0], ["own:ann:l1"]);
    assert.deepEqual((await list("*:l1"))[0], ["open:l1", "own:ann:l1"]);
    assert.deepEqual((await list({ regex: "^open:l[12]$" }))[0], ["open:l1", "open:l2"]);
    assert.deepEqual((await list("open:{id}x"))[0], []);
    const [first] = (await ask(ann, "list", { pattern: "open:l*", options: { limit: 1 } })).items;
    assert.deepEqual(first, { recordId: "open:l0", version: 1, value: { i: 0, even: true } });
    for (const [pattern, options] of [["", {}], ["a", { limit: 0 }], ["a", { after: 1 }], ["a", { where: { n: { $near: 1 } } }], [{ regex: "(" }, {}], ["a", { limt: 1 }]])
      await ann.refused("handler_failed", "hub:command", { command: "list", payload: { pattern, options } });
  });

  test("have a hook behind each change, in the order of versions", async () => {
    const peers = await Promise.all(Array.from({ length: 10 }, (_, i) => server.connect(`n${i}`)));
    await peers[0].ok("hub:subscribeRecord", { recordId: "notes:1" });
    await Promise.all(peers.flatMap((peer, i) => Array.from({ length: 5 }, (_, k) => write(peer, "noted:1", { by: `${i}.${k}` }))));
    await peers[0].ok("hub:deleteRecord", { recordId: "noted:1" });
    const { full: notes } = await peers[0].next("hub:recordUpdated", ({ version }) => version === 51);
    assert.deepEqual(notes.map(([version]) => version), Array.from({ length: 51 }, (_, i) => i + 1));
    assert.deepEqual(notes.map(([, , was]) => was), [null, ...notes.slice(0, 50).map(([, value]) => value)]);
    assert.equal(notes[50][1], null);
    await write(peers[0], "failing:1", 1);
    await write(peers[0], "failing:1", 2);
    await eventually("failures are counted", async () => /hubd_hook_failures_total\{hook="hubExtensions\.records\[\d\]\.onChanged"\} 2/.test(await metrics()));
    assert.match(await metrics(), /^hubd_record_changes_waiting 0$/m);
  });

  test("are read and written by REST, their version being the entity tag", async () => {
    const rest = (method, id, more) => server.rest(method, `/records/${id}`, { user: "ann", ...more });
    const tagged = (version) => ({ headers: { "if-match": `"${version}"` } });
    const expect = async (promise, status, tag, more) => {
      const { status: is, headers, body } = await promise;
      assert.deepEqual([is, headers.get("etag")], [status, tag], JSON.stringify(body));
      for (const [key, value] of Object.entries(more ?? {})) assert.deepEqual(body[key], value, key);
      return body;
    };
    await expect(rest("GET", "open:r"), 404, null, { errCode: "not_found" });
    await expect(rest("PUT", "open:r", { body: { n: 1, list: [] }, ...tagged(0) }), 200, '"1"', { version: 1, changed: true });
    await expect(rest("GET", "open:r"), 200, '"1"', { status: "OK", dataName: "record", record: { n: 1, list: [] }, recordId: "open:r", version: 1 });
    const { detail } = await expect(rest("PUT", "open:r", { body: { n: 2 }, ...tagged(7) }), 409, null, { errCode: "version_conflict" });
    assert.deepEqual(detail.data, { recordId: "open:r", version: 1 });
    await expect(rest("PATCH", "open:r", { body: [{ op: "add", path: "/list/-", value: 5 }], ...tagged(1) }), 200, '"2"');
    await expect(rest("PATCH", "open:r", { body: [{ op: "test", path: "/n", value: 2 }] }), 400, null, { errCode: "bad_request" });
    const follower = await server.connect("follower");
    assert.deepEqual((await follower.ok("hub:subscribeRecord", { recordId: "open:r" })).record, { n: 1, list: [5] });
    await expect(rest("PUT", "open:r", { body: "text" }), 200, '"3"');
    assert.deepEqual(await follower.next("hub:recordUpdated"), { recordId: "open:r", version: 3, full: "text" });
    await expect(rest("DELETE", "open:r", tagged(2)), 409, null);
    await expect(rest("DELETE", "open:r", tagged(3)), 200, '"4"', { version: 4, changed: true });
    await expect(rest("GET", "open:r"), 404, null);
    const slash = encodeURIComponent("own:ann:1/2");
    await expect(rest("PUT", slash, { body: 1 }), 404, null);
    await expect(rest("PUT", "own:ann:rest", { body: { n: 1 } }), 200, '"1"');
    await expect(server.rest("GET", "/records/own:ann:rest", { user: "bob" }), 403, null, { errCode: "not_allowed" });
    await expect(server.rest("PUT", "/records/own:ann:rest", { user: "bob", body: { n: 2 } }), 403, null, { errCode: "not_allowed" });
    await expect(server.rest("GET", "/records/own:ann:rest"), 401, null);
    for (const value of ["3", '"x"', '"1", "2"', "*"]) await expect(rest("DELETE", "open:r", { headers: { "if-match": value } }), 400, null);
    await expect(rest("PUT", "open:r", { body: null }), 400, null);
    await expect(rest("PUT", "open:r", { raw: "{", headers: { "content-type": "application/json" } }), 400, null);
    await expect(rest("PUT", "open:r", { raw: "1", headers: { "content-type": "text/plain" } }), 415, null);
    await expect(rest("PUT", "open:big2", { body: "x".repeat(300000) }), 413, null);
    await expect(rest("POST", "open:r", { body: 1 }), 405, null);
    await expect(rest("GET", "open:r/x"), 404, null);
    await expect(rest("GET", "open:r?x=1"), 400, null);
    assert.equal((await ask(follower, "read", { id: "open:r" })).version, 4);
  });

  test("are read as they are now, by who may", async () => {
    const [ann, bob] = [await server.connect("ann"), await server.connect("bob", { namespace: "/plain" })];
    await write(ann, "own:ann:now", { n: 1 });
    assert.deepEqual(await ann.ok("hub:readRecord", { recordId: "own:ann:now" }), { ok: true, recordId: "own:ann:now", version: 1, record: { n: 1 } });
    await bob.refused("not_allowed", "hub:readRecord", { recordId: "own:ann:now" });
    await ann.refused("not_found", "hub:readRecord", { recordId: "open:never" });
  });

  test("of one connection are bounded", async () => {
    const ann = await server.connect("ann");
    for (let i = 0; i < 20; i++) await ann.ok("hub:subscribeRecord", { recordId: `open:s${i}` });
    assert.match((await ann.refused("too_many", "hub:subscribeRecord", { recordId: "open:s20" })).message, /limits\.subscriptions/);
  });

  test("that are not persisted are in the cache, and change with others", async () => {
    const [ann, bob] = [await server.connect("ann"), await server.connect("bob")];
    await bob.ok("hub:subscribeRecord", { recordId: "passing:1", mode: "patch" });
    assert.equal((await write(ann, "passing:1", { n: 1 })).version, 1);
    const op = (recordId) => ({ op: "write", recordId, value: { m: 2 }, strategy: "merge" });
    const { results } = await ann.ok("hub:transaction", { operations: [op("passing:1"), op("open:passing"), op("passing:2")] });
    assert.deepEqual(results.map(({ version }) => version), [2, 1, 1]);
    assert.equal((await bob.next("hub:recordUpdated", ({ version }) => version === 2)).recordId, "passing:1");
    assert.deepEqual((await bob.ok("hub:readRecord", { recordId: "passing:1" })).record, { n: 1, m: 2 });
    assert.deepEqual((await ask(ann, "list", { pattern: "*passing*" })).items.map(({ recordId }) => recordId), ["open:passing"]);
  });

  test("that are rows are what the rows are, whoever changes them", async () => {
    const [ann, bob] = [await server.connect("ann"), await server.connect("bob", { namespace: "/plain" })];
    const update = async (version) => {
      const event = await bob.next("hub:recordUpdated");
      assert.equal(event.version, version);
      return event.full;
    };
    assert.equal((await bob.ok("hub:subscribeRecord", { recordId: "product:p1" })).version, 0);
    assert.deepEqual(await write(ann, "product:p1", { title: "Pen" }), { ok: true, version: 1, changed: true });
    assert.deepEqual(await update(1), { id: "p1", title: "Pen", price: 1, tags: null, soldAt: null });
    const answer = await server.rest("PATCH", "/objects/product/p1", { user: "ann", body: { price: 2 } });
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await update(2)).price, 2);
    await ann.ok("hub:command", { command: "tag", payload: "p1" });
    assert.deepEqual((await update(3)).tags, ["new"]);
    await ann.ok("hub:writeRecord", { recordId: "product:p1", value: { title: "Pencil" }, strategy: "merge", ifVersion: 3 });
    assert.deepEqual(await update(4), { id: "p1", title: "Pencil", price: 2, tags: ["new"], soldAt: null });
    assert.equal((await server.rest("GET", "/objects/product/p1", { user: "ann" })).body.row.title, "Pencil");
    await runSql(server.dir, "UPDATE product SET price = 9 WHERE id = 'p1';");
    await ann.ok("hub:command", { command: "publish", payload: { topic: `${topic}-product-updated`, record: { product: { id: "p1", price: 7 } } } });
    assert.equal((await update(5)).price, 9);
    await ann.ok("hub:subscribeRecord", { recordId: "cheap:p1" });
    await runSql(server.dir, "UPDATE product SET price = 99 WHERE id = 'p1';");
    await ann.ok("hub:command", { command: "publish", payload: { topic: `${topic}-product-updated`, record: { product: { id: "p1", price: 99 } } } });
    assert.equal((await ann.next("hub:recordUpdated", (e) => e.recordId === "cheap:p1")).full.price, 99);
    await server.rest("PATCH", "/objects/product/p1", { user: "ann", body: { price: 100 } });
    assert.deepEqual(await ann.next("hub:unsubscribed"), ended("cheap:p1"));
    await ann.refused("not_allowed", "hub:readRecord", { recordId: "cheap:p1" });
    assert.deepEqual([(await update(6)).price, (await update(7)).price], [99, 100]);
    assert.equal((await server.rest("DELETE", "/objects/product/p1", { user: "ann" })).status, 200);
    assert.deepEqual(await bob.next("hub:recordDeleted"), { recordId: "product:p1", version: 8 });
    await ann.refused("not_allowed", "hub:subscribeRecord", { recordId: "secret:p1" });
    await ann.refused("invalid_content", "hub:writeRecord", { recordId: "product:p2", value: { title: "x", prize: 1 } });
    await ann.refused("not_allowed", "hub:writeRecord", { recordId: "secret:p2", value: { title: "x" } });
  });

  // A change of a JSON or DateTime property that nobody told of was written over by the next write of the same property: such columns were not
  // compared with what had been read. What is only spelled otherwise, or kept more exactly than it is read, is no change.
  test("that are rows lose no change of JSON and of times that others make in between", async () => {
    const ann = await server.connect("ann");
    const id = "product:quiet";
    const behind = (set) => runSql(server.dir, `UPDATE product SET ${set} WHERE id = 'quiet';`);
    const patch = (op, path, value, more) => ann.ok("hub:patchRecord", { recordId: id, patch: [{ op, path, value }], ...more });
    const now = async () => (await ann.ok("hub:readRecord", { recordId: id })).record;
    await ann.ok("hub:subscribeRecord", { recordId: id });
    await write(ann, id, { title: "Pen", tags: ["a"], soldAt: "2026-01-01T00:00:00.123Z" });
    await behind(`tags = '["a","sql"]'`);
    await patch("add", "/tags/-", "b");
    assert.deepEqual((await now()).tags, ["a", "sql", "b"]);
    await behind("tags = NULL");
    await ann.ok("hub:patchRecord", { recordId: id, patch: [{ op: "replace", path: "/tags", value: {} }] });
    assert.deepEqual((await now()).tags, {});
    const { version } = await ann.ok("hub:subscribeRecord", { recordId: id });
    await behind(`"soldAt" = '2026-02-02T00:00:00.000Z'`);
    const stale = await ann.refused("version_conflict", "hub:patchRecord", { recordId: id, patch: [{ op: "replace", path: "/soldAt", value: "2026-03-03T00:00:00.000Z" }], ifVersion: version });
    assert.equal(stale.data.version, version + 1);
    assert.equal((await now()).soldAt, "2026-02-02T00:00:00.000Z");
    await behind(`tags = '{ "b": [0.1, null], "a": 1.0 }', "soldAt" = '2026-01-01T00:00:00.123456Z'`);
    const spelled = await patch("replace", "/title", "Pencil");
    await behind(`tags = '{"a": 1, "b": [1e-1, null]}'`);
    assert.equal((await patch("replace", "/title", "Brush", { ifVersion: spelled.version })).version, spelled.version + 1);
  });

  test("survive kill -9 with their versions, those of deleted ones too", async () => {
    let ann = await server.connect("ann");
    await write(ann, "open:k", { n: 1 });
    await write(ann, "open:k", { n: 2 });
    await write(ann, "open:gone", { n: 1 });
    await ann.ok("hub:deleteRecord", { recordId: "open:gone" });
    await server.hubd.kill();
    await server.start();
    ann = await server.connect("ann");
    assert.deepEqual(await ann.ok("hub:subscribeRecord", { recordId: "open:k" }), { ok: true, recordId: "open:k", version: 2, record: { n: 2 } });
    assert.equal((await write(ann, "open:gone", 1)).version, 3);
  });
});
