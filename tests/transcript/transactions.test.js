// db.transaction: rows, records and jobs that a script changes together or not at all, whoever is beside it, and whatever ends it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, runSql, serve } from "./harness.js";

const lua = (text) => ({ lua: text });
const command = (name, text) => ({ name, order: "none", rateLimit: 1000000, timeoutMs: 60000, script: lua(text) });
const within = (text) => `return db.transaction(function() ${text} end)`;

const buy = `
  local left = objects.find("account", payload.from)
  objects.update("account", payload.from, {balance = left.balance - 1, meta = {last = payload.id}})
  objects.create("purchase", {id = payload.id, buyer = payload.from})
  records.write("order:" .. payload.id, {by = payload.from})
  local count = records.get("count:" .. payload.from).value
  records.write("count:" .. payload.from, {n = count == null and 1 or count.n + 1})
  queues.add("bills", {id = payload.id}, {id = "bill-" .. payload.id, delayMs = payload.later})`;

// What cannot be called inside, or cannot be done there, and how it is refused.
const refusals = {
  "http.get('http://127.0.0.1:1/')": /http\.get cannot be called inside db\.transaction/,
  "sleep(1)": /sleep cannot be called inside db\.transaction/,
  "db.query('SELECT 1')": /db\.query cannot be called inside/,
  "hub.emit('ann', 'x', 1)": /hub\.emit cannot be called inside/,
  "clients.invoke('x', 'y', 1, 100)": /clients\.invoke cannot/,
  "redis.set('a', '1')": /redis\.set cannot/,
  "kafka.publish('a', {})": /kafka\.publish cannot/,
  "queues.stats('bills')": /queues\.stats cannot/,
  "records.list('*')": /records\.list cannot/,
  "hubs.get('chat')": /hubs\.get cannot/,
  "db.transaction(function() end)": /cannot be called inside another one/,
  "records.transaction(function() end)": /records\.transaction cannot be called inside/,
  "records.write('passing:1', 1)": /persist: false/,
  "records.write('account:a', {balance = 1})": /row of a DataObject, which the functions of objects change/,
  "objects.update('account', 'a', {balance = 1}) objects.list('account')": /list them before/,
  "objects.create('account', {id = 'a', balance = 1})": /there is a row of account with this id already/,
  "objects.update('account', 'a', {id = 'b'})": /cannot be changed/,
  "objects.update('account', 'a', {balance = 'much'})": /"balance" must be an integer/,
  "objects.create('nothing', {})": /there is no DataObject "nothing"/,
  "queues.add('bill', 1)": /did you mean "bills"/,
  "for i = 1, 201 do objects.find('account', 'x' .. i) end": /at most 200/,
  "for i = 1, 9 do objects.create('account', {balance = 1, meta = {text = ('x'):rep(1000000)}}) end": /at most 8 MiB/,
  "records.write('order:x', 1, {ifVersion = 7})": /has version 0/,
  "objects.delete('account', 'a') objects.create('account', {id = 'a', balance = 1})": /has deleted the row/,
};

const commands = [
  command("buy", within(`${buy} if payload.fails then error{code = "not_now", message = "later"} end return left.balance`)),
  command("move", `
    local runs = 0
    db.transaction(function()
      runs = runs + 1
      for _, id in ipairs(payload) do
        local r, row = records.get("sum:" .. id), objects.find("account", id)
        records.write("sum:" .. id, {n = (r.value == null and 0 or r.value.n) + 1})
        objects.update("account", id, {balance = row.balance + 1})
      end
    end)
    return runs`),
  command("transfer", within(`
    local from, to = objects.find("account", payload[1]), objects.find("account", payload[2])
    objects.update("account", payload[1], {balance = from.balance - 1})
    objects.update("account", payload[2], {balance = to.balance + 1})`)),
  command("own", within(`
    local seen = json.array()
    local function note(value) seen[#seen + 1] = value == nil and null or value end
    note(#objects.list("account", {balance = {["$gte"] = 0}}, {orderBy = "id"}))
    local new = objects.create("account", {balance = 5})
    note(objects.find("account", new.id).balance)
    note(objects.update("account", new.id, {balance = 6}).balance)
    note(objects.delete("account", new.id).balance)
    note(objects.find("account", new.id))
    note(objects.update("account", new.id, {balance = 7}))
    note(objects.find("account", "nobody"))
    note(objects.create("account", {id = "own", balance = 1, meta = {a = 1}}).meta)
    note(objects.update("account", "own", {meta = {b = 2}}).balance)
    note(records.write("order:own", {a = {x = 1}}))
    note(records.write("order:own", {a = {y = 2}}, {strategy = "deepMerge"}))
    note(records.patch("order:own", {{op = "add", path = "/b", value = 3}}))
    note(records.get("order:own"))
    note(records.write("order:gone", 1))
    note(records.delete("order:gone"))
    local job = queues.add("bills", {id = "own"}, {id = "bill-own", delayMs = 100000})
    note(job.state)
    note(queues.add("bills", {id = "other"}, {id = "bill-own"}).data.id)
    note(queues.get("bill-own").state)
    note(queues.add("bills", 1, {id = "bill-not"}).state)
    note(queues.cancel("bill-not"))
    note(queues.get("bill-not"))
    note(queues.cancel("bill-nobody"))
    return seen`)),
  command("refused", `
    local tried = {${Object.keys(refusals).map((text) => `function() ${text} end`).join(",\n")}}
    local ok, e = pcall(db.transaction, function() objects.create("purchase", {id = "refused-" .. payload, buyer = "x"}) tried[payload]() end)
    return {ok = ok, text = tostring(e)}`),
  command("caught", within("local ok = pcall(sleep, 1) objects.create('purchase', {id = 'caught', buyer = 'x'}) return ok")),
  command("inactive", "local ok, e = pcall(db.transaction, function() objects.create('account', {id = payload, balance = 1}) end) return {ok = ok, text = tostring(e)}"),
  command("slow", "db.transaction(function() objects.create('purchase', {id = 'slow', buyer = 'x'}) while true do end end)"),
  command("leaves", `
    local co = coroutine.create(function() db.transaction(function() objects.create('purchase', {id = 'left', buyer = 'x'}) coroutine.yield() end) end)
    local ok, e = coroutine.resume(co)
    objects.create('purchase', {id = 'outside', buyer = 'x'})
    return {ok = ok, text = tostring(e)}`),
  command("inner", within("local co = coroutine.wrap(function() coroutine.yield(objects.find('account', 'a').id) end) return co()")),
  command("each", within("for _, id in ipairs(payload) do objects.update('account', id, {balance = 70}) records.write('order:' .. id, 7) end objects.delete('account', payload[1])")),
  command("cancel", within("return queues.cancel(payload)")),
  command("taken", "db.transaction(function() objects.create('single', {name = 'one'}) objects.create('purchase', {buyer = 'x'}) end)"),
  command("nothing", within("return 1, 2")),
  command("find", "return objects.find(payload.name, payload.id)"),
  command("get", "return records.get(payload)"),
  command("job", "return queues.get(payload)"),
];

function change(def) {
  const property = (name, type, more) => ({ name, type, ...more });
  const api = Object.fromEntries(["read", "create", "update", "delete"].map((verb) => [verb, ["*"]]));
  def.service.dataObjects.push(
    { name: "account", managed: true, properties: [property("balance", "Integer", { required: true }), property("meta", "JSON"), property("at", "DateTime")], api },
    { name: "purchase", managed: true, properties: [property("buyer", "String")], api },
    { name: "seen", managed: true, properties: [property("job", "String"), property("there", "Boolean")], api },
    { name: "single", managed: true, properties: [property("name", "String")], api },
  );
  def.service.queues = [
    { name: "bills", concurrency: 20, keepDone: 100000, script: lua("objects.create('seen', {job = job.id, there = objects.find('purchase', job.data.id) ~= nil and records.get('order:' .. job.data.id).version == 1})") },
  ];
  def.service.scripting = { wallMs: 20000 };
  def.hub.hubExtensions = {
    limits: { ...def.hub.hubExtensions.limits, subscriptions: 100 },
    records: [
      { pattern: "account:{id}", dataObject: "account", canRead: "true" },
      { pattern: "passing:{id}", persist: false },
      { pattern: "order:{id}" },
      { pattern: "count:{id}" },
      { pattern: "sum:{id}" },
    ],
    commands: structuredClone(commands),
  };
  def.seed = { ...def.seed, account: ["a", "b", "c", "d"].map((id) => ({ id, balance: 100, isActive: true })) };
}

describe("db.transaction", () => {
  const server = serve(change);
  const ask = async (peer, name, payload) => (await peer.ok("hub:command", { command: name, payload })).result;
  const find = (peer, name, id) => ask(peer, "find", { name, id });

  test("commits rows, records and jobs together, and tells of them behind the commit", async () => {
    const ann = await server.connect("ann");
    for (const id of ["account:a", "order:1", "count:a"]) await ann.ok("hub:subscribeRecord", { recordId: id });
    assert.equal(await ask(ann, "buy", { from: "a", id: "1" }), 100);
    assert.deepEqual((await ann.next("hub:recordUpdated", ({ recordId }) => recordId === "account:a")).full.meta, { last: "1" });
    assert.deepEqual((await ann.next("hub:recordUpdated", ({ recordId }) => recordId === "order:1")).full, { by: "a" });
    assert.equal((await find(ann, "account", "a")).balance, 99);
    assert.equal((await find(ann, "purchase", "1")).buyer, "a");
    await eventually("the job has run", async () => (await ask(ann, "job", "bill-1")).state === "done");
    assert.equal(await ask(ann, "nothing"), 1);
  });

  test("leaves nothing behind when its function fails, takes too long or is left", async () => {
    const ann = await server.connect("ann");
    await ann.refused("not_now", "hub:command", { command: "buy", payload: { from: "b", id: "2", fails: true } });
    assert.equal((await find(ann, "account", "b")).balance, 100);
    for (const [name, id] of [["purchase", "2"], ["purchase", "slow"]]) assert.equal(await find(ann, name, id), null);
    assert.equal((await ask(ann, "get", "order:2")).version, 0);
    assert.equal(await ask(ann, "job", "bill-2"), null);
    await ann.refused("script_timeout", "hub:command", { command: "slow" });
    assert.equal(await find(ann, "purchase", "slow"), null);
    const { ok, text } = await ask(ann, "leaves");
    assert.match(`${ok} ${text}`, /^false .*coroutine\.yield cannot leave db\.transaction/);
    assert.equal(await find(ann, "purchase", "left"), null);
    assert.equal((await find(ann, "purchase", "outside")).buyer, "x");
    assert.equal(await ask(ann, "inner"), "a");
  });

  test("sees what it has done itself", async () => {
    const ann = await server.connect("ann");
    const seen = await ask(ann, "own");
    const record = { recordId: "order:own", version: 0, value: { a: { x: 1, y: 2 }, b: 3 } };
    const change = { version: 1, changed: true };
    assert.deepEqual(seen, [4, 5, 6, 6, null, null, null, { a: 1 }, 1, change, change, change, record, change, { version: 0, changed: true }, "delayed", "own", "delayed", "waiting", true, null, false]);
    assert.deepEqual((await find(ann, "account", "own")).meta, { b: 2 });
    assert.deepEqual(await ask(ann, "get", "order:own"), { ...record, version: 1 });
    assert.equal((await ask(ann, "get", "order:gone")).version, 0);
    assert.equal((await ask(ann, "job", "bill-own")).state, "delayed");
    assert.equal(await ask(ann, "job", "bill-not"), null);
    assert.equal(await ask(ann, "cancel", "bill-own"), true);
    assert.equal((await ask(ann, "job", "bill-own")).state, "cancelled");
    assert.equal(await ask(ann, "cancel", "bill-own"), false);
  });

  test("refuses what cannot be taken back, or is too much", async () => {
    const ann = await server.connect("ann");
    const all = Object.entries(refusals);
    for (const [i, [text, expected]] of all.entries()) {
      const answer = await ask(ann, "refused", i + 1);
      assert.equal(answer.ok, false, text);
      assert.match(answer.text, expected, text);
      assert.equal(await find(ann, "purchase", `refused-${i + 1}`), null, text);
    }
    assert.equal((await find(ann, "account", "a")).balance, 99);
    assert.equal(await ask(ann, "caught"), false);
    assert.equal((await find(ann, "purchase", "caught")).buyer, "x");
    await server.rest("POST", "/objects/account", { user: "ann", body: { id: "gone", balance: 1 } });
    assert.equal((await server.rest("DELETE", "/objects/account/gone", { user: "ann" })).status, 200);
    const taken = await ask(ann, "inactive", "gone");
    assert.match(`${taken.ok} ${taken.text}`, /^false .*was deleted, and is kept with "isActive" false/);
    await runSql(server.dir, "CREATE UNIQUE INDEX only_one ON single (name);");
    await ann.ok("hub:command", { command: "taken" });
    await ann.refused("handler_failed", "hub:command", { command: "taken" });
  });

  test("loses nothing among 100 at once over the same rows and records in opposite order", async () => {
    const peers = await Promise.all(Array.from({ length: 10 }, (_, i) => server.connect(`user${i}`)));
    const runs = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(peers[i % 10], "move", i % 2 ? ["c", "d"] : ["d", "c"])));
    for (const id of ["c", "d"]) {
      assert.deepEqual((await ask(peers[0], "get", `sum:${id}`)).value, { n: 100 });
      assert.equal((await ask(peers[0], "get", `sum:${id}`)).version, 100);
      assert.equal((await find(peers[0], "account", id)).balance, 200);
    }
    assert.ok(Math.max(...runs) > 1, "some have met");
    await Promise.all(Array.from({ length: 100 }, (_, i) => ask(peers[i % 10], "transfer", i % 2 ? ["c", "d"] : ["d", "c"])));
    for (const id of ["c", "d"]) assert.equal((await find(peers[0], "account", id)).balance, 200);
  });

  test("tells of what it has done in the order in which it was named", async () => {
    const ann = await server.connect("ann");
    const ids = ["d", "b", "c"];
    for (const id of ids) for (const kind of ["account", "order"]) await ann.ok("hub:subscribeRecord", { recordId: `${kind}:${id}` });
    const from = ann.log.length;
    await ask(ann, "each", ids);
    const told = (kind) => ann.log.slice(from).filter(([name, { recordId }]) => /^hub:record(Upd|Del)ated|hub:recordDeleted/.test(name) && recordId.startsWith(kind)).map(([, { recordId }]) => recordId);
    await eventually("all are told", () => told("account").length === 3 && told("order").length === 3);
    assert.deepEqual(told("order"), ids.map((id) => `order:${id}`));
    assert.deepEqual([...told("account")].sort(), ids.map((id) => `account:${id}`).sort());
    assert.equal(await find(ann, "account", "d"), null);
  });

  test("shows a job to no worker before its rows are there", async () => {
    const ann = await server.connect("ann");
    await Promise.all(Array.from({ length: 60 }, (_, i) => ask(ann, "buy", { from: "a", id: `early-${i}` })));
    const done = async () => (await server.rest("GET", "/objects/seen?limit=1000", { user: "ann" })).body.rows;
    await eventually("all have run", async () => (await done()).filter(({ job }) => job.startsWith("bill-early")).length === 60);
    assert.deepEqual((await done()).filter(({ there }) => !there), []);
  });

  test("is there whole or not at all after kill -9", async () => {
    let ann = await server.connect("ann");
    const answered = new Set();
    for (let round = 0; round < 3; round++) {
      const before = answered.size;
      let n = 0;
      const alone = () => (async () => {
        for (;;) {
          const id = `k${round}-${n++}`;
          const answer = await Promise.race([ann.call("hub:command", { command: "buy", payload: { from: "a", id, later: 100000 } }), closed]).catch(() => null);
          if (!answer) return;
          if (answer.ok) answered.add(id);
        }
      })();
      const closed = new Promise((resolve) => ann.socket.once("disconnect", () => resolve(null)));
      const writers = Array.from({ length: 5 }, alone);
      await eventually("some are committed", () => answered.size >= before + 20);
      await server.hubd.kill();
      await Promise.all(writers);
      await server.start();
      ann = await server.connect("ann");
      const there = [];
      for (let i = 0; i < n; i++) {
        const id = `k${round}-${i}`;
        const parts = [await find(ann, "purchase", id), (await ask(ann, "get", `order:${id}`)).value, await ask(ann, "job", `bill-${id}`)].map((part) => part !== null);
        assert.equal(new Set(parts).size, 1, `${id}: ${parts}`);
        if (parts[0]) there.push(id);
        assert.ok(parts[0] || !answered.has(id), `${id} was answered`);
      }
      assert.ok(there.length >= 20);
    }
    const count = (await ask(ann, "get", "count:a")).value.n;
    assert.equal((await find(ann, "account", "a")).balance, 100 - count);
  });

  test("does not overlook what SQL changes beside it", async () => {
    const ann = await server.connect("ann");
    const raise = () => runSql(server.dir, "UPDATE account SET balance = balance + 1000 WHERE id = 'b';");
    let left = 20;
    const beside = (async () => {
      for (; left; left--) await eventually("the file is not locked", () => Promise.resolve().then(raise).then(() => true, () => false));
    })();
    let n = 0;
    while (left) await ask(ann, "transfer", ["a", "b"]), n++;
    await beside;
    assert.equal((await find(ann, "account", "b")).balance, 70 + n + 20000);
  });
});
