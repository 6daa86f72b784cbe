// Collections: lists that clients watch, by a query that a change of a row costs only what it touches, and by a script.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, runSql, serve } from "./harness.js";

const lua = (text) => ({ lua: text });

describe("collections", () => {
  let topic;
  const collections = [
    { pattern: "cart:{userId}", dataObject: "item", where: { userId: "{userId}" }, orderBy: "-price", limit: 3, canRead: "params.userId == session.userId or session.roleId == 'boss'" },
    { pattern: "priced:{price}", dataObject: "item", where: { price: "{price}" }, canRead: "true" },
    { pattern: "hidden:{userId}", dataObject: "item", where: { userId: "{userId}" } },
    {
      pattern: "tasks:{tag}",
      resolver: lua(`
        local all = json.array()
        for _, r in ipairs(records.list("task:" .. params.tag .. "-*").items) do all[#all + 1] = {id = r.recordId, n = r.value.n} end
        table.sort(all, function(a, b) return a.n < b.n end)
        return all`),
      watch: ["task:{tag}-*"],
      debounceMs: 100,
    },
    { pattern: "broken:{id}", resolver: lua("error('no')") },
    { pattern: "nameless:{id}", resolver: lua("return {{n = 1}}") },
  ];
  const commands = [
    { name: "refresh", script: lua("return collections.refresh(payload)") },
    { name: "publish", script: lua("kafka.publish(payload.topic, payload.record)") },
  ];
  const server = serve(
    (def) => {
      const api = Object.fromEntries(["read", "create", "update", "delete"].map((verb) => [verb, ["*"]]));
      def.service.dataObjects.push({ name: "item", managed: true, properties: [{ name: "userId", type: "ID" }, { name: "price", type: "Integer" }], api });
      Object.assign(def.hub.hubExtensions, { limits: { ...def.hub.hubExtensions.limits, writes: 100000 }, collections: structuredClone(collections), commands, records: [{ pattern: "task:{id}", canWrite: "true" }] });
      def.service.namespaces = [{ path: "/plain", collections: structuredClone(collections.slice(0, 2)) }];
    },
    { naming: (def, project) => (topic = `${project}-${def.service.service.name}-service-dbevent`) },
  );
  const create = async (id, userId, price) => assert.equal((await server.rest("POST", "/objects/item", { user: "ann", body: { id, userId, price } })).status, 201);
  const change = async (id, body) => assert.equal((await server.rest("PATCH", `/objects/item/${id}`, { user: "ann", body })).status, 200);
  const remove = async (id) => assert.equal((await server.rest("DELETE", `/objects/item/${id}`, { user: "ann" })).status, 200);
  const watch = (peer, collectionId, more) => peer.ok("hub:subscribeCollection", { collectionId, ...more });
  const item = (id, userId, price) => ({ id, userId, price });

  /** What PEER knows of COLLECTION, by its answer and what it is told; each event must be the next one. */
  async function follow(peer, collectionId) {
    const known = { events: 0 };
    const early = []; // the answer's promise is settled after the event behind it
    const apply = (e) => {
      assert.equal(e.version, known.version + 1);
      known.version = e.version;
      known.events++;
      e.removed.forEach((id) => assert.ok(known.records.delete(id)));
      e.changed.forEach((r) => assert.ok(known.records.has(r.id)) ?? known.records.set(r.id, r));
      e.added.forEach((r) => assert.ok(!known.records.has(r.id)) ?? known.records.set(r.id, r));
      known.ids = e.order ?? [...known.ids.filter((id) => !e.removed.includes(id)), ...e.added.map(({ id }) => id)];
    };
    peer.socket.on("hub:collectionChanged", (e) => e.collectionId === collectionId && (known.records ? apply(e) : early.push(e)));
    const { version, ids, records } = await watch(peer, collectionId);
    Object.assign(known, { version, ids, records: new Map(records.map((r) => [r.id, r])) });
    early.forEach(apply);
    return known;
  }

  test("by a query are in order and within their limit, whatever changes", async () => {
    const ann = await server.connect("ann");
    await create("a1", "ann", 1);
    const answer = await watch(ann, "cart:ann");
    assert.deepEqual([answer.ids, answer.records], [["a1"], [item("a1", "ann", 1)]]);
    let { version } = answer;
    const next = async (more) => assert.deepEqual(await ann.next("hub:collectionChanged"), { collectionId: "cart:ann", version: ++version, added: [], changed: [], removed: [], ...more });
    await create("a2", "ann", 2);
    await next({ added: [item("a2", "ann", 2)], order: ["a2", "a1"] });
    await create("b1", "bob", 9);
    await change("a1", { price: 3 });
    await next({ changed: [item("a1", "ann", 3)], order: ["a1", "a2"] });
    await create("a3", "ann", 1);
    await next({ added: [item("a3", "ann", 1)] });
    await create("a4", "ann", 5);
    await next({ added: [item("a4", "ann", 5)], removed: ["a3"], order: ["a4", "a1", "a2"] });
    await remove("a4");
    await next({ removed: ["a4"] });
    await next({ added: [item("a3", "ann", 1)] });
    await change("a2", { userId: "bob" });
    await next({ removed: ["a2"] });
    assert.deepEqual(await watch(ann, "cart:ann", { version }), { ok: true, collectionId: "cart:ann", version });
    await runSql(server.dir, "UPDATE item SET price = 0 WHERE id = 'a1';");
    await ann.ok("hub:command", { command: "publish", payload: { topic: `${topic}-item-updated`, record: { item: { id: "a1" } } } });
    await next({ changed: [item("a1", "ann", 0)], order: ["a3", "a1"] });
    await ann.ok("hub:unsubscribeCollection", { collectionId: "cart:ann" });
    const { body } = await server.rest("GET", "/chat", { user: "ann" });
    assert.match(JSON.stringify(body), /"collections":\["cart:\{userId\}"/);
    for (const id of ["a1", "a2", "a3", "b1"]) await remove(id);
  });

  test("miss nothing while others write, and are the same for all", async () => {
    const peers = [await server.connect("cat"), await server.connect("cat", { namespace: "/plain" }), await server.connect("boss", { role: "boss" })];
    const writing = Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        for (let k = 0; k < 8; k++) {
          await create(`c${i}.${k}`, "cat", (i * 7 + k * 3) % 10);
          await change(`c${i}.${k}`, { price: (i + k) % 10 });
          if (k % 3 === 1) await remove(`c${i}.${k - 1}`);
          if (k % 3 === 2) await change(`c${i}.${k}`, { userId: "dog" });
        }
      }),
    );
    const known = await Promise.all(peers.map((peer) => follow(peer, "cart:cat")));
    await writing;
    const { rows } = (await server.rest("GET", "/objects/item?userId=cat&orderBy=-price&limit=3", { user: "ann" })).body;
    const wanted = rows.map(({ id }) => id);
    for (const one of known) {
      await eventually("all have come", async () => (await server.rest("GET", "/healthz"), JSON.stringify(one.ids) === JSON.stringify(wanted)));
      assert.deepEqual(one.ids.map((id) => one.records.get(id).price), rows.map(({ price }) => price));
    }
  });

  test("are guarded; a query without a guard is nobody's", async () => {
    const ann = await server.connect("ann");
    await ann.refused("not_allowed", "hub:subscribeCollection", { collectionId: "cart:bob" });
    await ann.refused("not_allowed", "hub:subscribeCollection", { collectionId: "hidden:ann" });
    await ann.refused("not_found", "hub:subscribeCollection", { collectionId: "other:ann" });
    await ann.refused("bad_request", "hub:subscribeCollection", { collectionId: "" });
    assert.deepEqual((await watch(ann, "priced:cheap")).ids, []);
    await create("n1", "nobody", null);
    await create("p7", "nobody", 77);
    assert.deepEqual((await watch(ann, "priced:77")).ids, ["p7"]);
    assert.deepEqual(ann.log.filter(([name]) => name === "hub:collectionChanged"), []);
  });

  test("by a script run again when a record changes that they watch, and not for each", async () => {
    const [ann, bob] = [await server.connect("ann"), await server.connect("bob")];
    const write = (id, n) => ann.ok("hub:writeRecord", { recordId: `task:${id}`, value: { n } });
    await write("red-1", 1);
    const known = await Promise.all([ann, bob].map((peer) => follow(peer, "tasks:red")));
    assert.deepEqual(known[0].ids, ["task:red-1"]);
    for (let n = 2; n < 30; n++) await write(`red-${n}`, n);
    await write("blue-1", 1);
    await eventually("all have come", async () => (await server.rest("GET", "/healthz"), known.every(({ ids }) => ids.length === 29)));
    assert.ok(known[0].events < 20, `${known[0].events} events`);
    assert.equal(await ann.ok("hub:command", { command: "refresh", payload: "tasks:red" }).then(({ result }) => result), 1);
    assert.equal(await ann.ok("hub:command", { command: "refresh", payload: "tasks:blue" }).then(({ result }) => result), 0);
    await ann.refused("handler_failed", "hub:subscribeCollection", { collectionId: "broken:1" });
    await ann.refused("handler_failed", "hub:subscribeCollection", { collectionId: "nameless:1" });
    await ann.ok("hub:unsubscribeCollection", { collectionId: "tasks:red" });
    await bob.ok("hub:unsubscribeCollection", { collectionId: "tasks:red" });
    const metrics = async () => (await server.rest("GET", "/metrics")).text;
    assert.match(await metrics(), /^hubd_collection_watchers 0$/m);
    assert.match(await metrics(), /^hubd_collections 0$/m);
  });
});
