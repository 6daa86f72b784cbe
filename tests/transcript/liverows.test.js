// Records and collections by rows of DataObjects under attack: many writers by all ways at once, tables that were there before, slow readers, reloads.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, runSql, serve, serving, writeService } from "./harness.js";

const lua = (text) => ({ lua: text });
const field = (name, type, more) => ({ name, type, ...more });
const api = Object.fromEntries(["read", "create", "update", "delete"].map((verb) => [verb, ["*"]]));
const limits = { reads: 1e6, writes: 1e6, subscriptions: 2000 };

/** What PEER knows of COLLECTION by its answer and what it is told; each event must be the next one. */
async function follow(peer, collectionId) {
  const known = { events: 0, resets: 0 };
  const early = []; // the answer's promise is settled after the event behind it
  const apply = (e) => {
    known.events++;
    if (e.reset) {
      known.resets++;
      assert.ok(e.version >= known.version);
      Object.assign(known, { version: e.version, ids: e.ids, records: new Map(e.records.map((r) => [r.id, r])) });
      return;
    }
    assert.equal(e.version, known.version + 1);
    known.version = e.version;
    e.removed.forEach((id) => assert.ok(known.records.delete(id)));
    e.changed.forEach((r) => assert.ok(known.records.has(r.id)) ?? known.records.set(r.id, r));
    e.added.forEach((r) => assert.ok(!known.records.has(r.id)) ?? known.records.set(r.id, r));
    known.ids = e.order ?? [...known.ids.filter((id) => !e.removed.includes(id)), ...e.added.map(({ id }) => id)];
  };
  peer.socket.on("hub:collectionChanged", (e) => e.collectionId === collectionId && (known.records ? apply(e) : early.push(e)));
  const { version, ids, records } = await peer.ok("hub:subscribeCollection", { collectionId });
  Object.assign(known, { version, ids, records: new Map(records.map((r) => [r.id, r])) });
  early.forEach(apply);
  return known;
}

const shown = (known) => known.ids.map((id) => known.records.get(id));

async function reload(server) {
  writeService(server.def, server.dir);
  const from = server.hubd.output.length;
  server.hubd.signal("SIGHUP");
  await server.hubd.printed(/reload/, from);
}

/** A small random number generator, so that a failure can be run again. */
function random(seed) {
  let x = seed;
  return (n) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 4294967296) * n);
  };
}

const without = ({ createdAt, updatedAt, isActive, ...row }) => ({ ...row, id: `${row.id}` });
const inOrder = (row) => Object.fromEntries(Object.entries(without(row)).sort());

/** Waits until KNOWN is what SERVER's query WHERE of OBJECT gives. */
async function agrees(server, known, object, where) {
  let [want, have] = [];
  const same = async () => {
    want = JSON.stringify((await server.rest("GET", `/objects/${object}?${where}`, { user: "ann" })).body.rows.map(inOrder));
    have = JSON.stringify(shown(known).map(inOrder));
    return want === have;
  };
  await eventually("the collection is what the query gives", same).catch((error) => assert.fail(`${error.message}: ${where}\nwant ${want}\nhave ${have}`));
}

describe("rows", () => {
  let topic;
  const declare = (def) => {
    def.service.dataObjects.push({
      name: "item",
      managed: true,
      properties: [field("owner", "ID"), field("price", "Integer"), field("weight", "Decimal"), field("label", "String"), field("due", "DateTime"), field("fresh", "Boolean"), field("tags", "JSON")],
      api,
    });
    const by = (property, limit) => ({ pattern: `${property.replace("-", "down-")}:{owner}`, dataObject: "item", where: { owner: "{owner}" }, orderBy: property, limit, canRead: "true" });
    const collections = [
      ...["price", "-price", "label", "-label", "due", "-due", "weight", "-fresh", "id", "-createdAt"].map((property) => by(property, 5)),
      { pattern: "any:{owner}", dataObject: "item", where: { owner: "{owner}" }, limit: 4, canRead: "true" },
      { pattern: "fresh:{fresh}", dataObject: "item", where: { fresh: "{fresh}" }, limit: 10, canRead: "true" },
    ];
    const records = [
      { pattern: "item:{id}", dataObject: "item", canRead: "true", canWrite: "true" },
    ];
    const commands = [
      { name: "update", order: "none", script: lua('objects.update("item", payload.id, payload.set)') },
      { name: "publish", order: "none", script: lua("kafka.publish(payload.topic, payload.record)") },
      { name: "bump", order: "none", timeoutMs: 60000, script: lua("records.transaction(function(tx) local r = tx.get(payload) r.value.price = r.value.price + 1 tx.write(payload, r.value) end)") },
    ];
    def.hub.hubExtensions = { limits, records, commands, collections };
  };
  const server = serve(declare, {
    naming: (def, project) => (topic = `${project}-${def.service.service.name}-service-dbevent`),
  });
  const rest = async (method, path, body, ...more) => {
    const answer = await server.rest(method, path, { user: "ann", body });
    assert.ok([200, 201, ...more].includes(answer.status), answer.text);
    return answer.body;
  };
  test("are in collections of any order what the query gives, while others write", async () => {
    const peer = await server.connect("watcher");
    const orders = { price: "price", "down-price": "-price", label: "label", "down-label": "-label", due: "due", "down-due": "-due", weight: "weight", "down-fresh": "-fresh", id: "id", "down-createdAt": "-createdAt" };
    const writers = Array.from({ length: 6 }, async (_, w) => {
      const rand = random(w + 1);
      const labels = ["a", "B", "ä", "Z", "zz", "", "é", "10", "9", "\u{1F600}", "\uFFFD", null];
      const row = () => ({
        owner: ["x", "x", "y"][rand(3)],
        price: rand(4) ? rand(6) : null,
        weight: rand(4) ? rand(8) / 4 : null,
        label: labels[rand(labels.length)],
        due: rand(4) ? `2026-0${1 + rand(3)}-01T00:00:00.${String(rand(3)).padStart(3, "0")}Z` : null,
        fresh: [true, false, null][rand(3)],
      });
      for (let k = 0; k < 60; k++) {
        const id = `i${w}.${rand(8)}`;
        const what = rand(6);
        if (what === 0) await rest("DELETE", `/objects/item/${id}`, undefined, 404);
        else if (what < 3) await rest("POST", "/objects/item", { id, ...row() }, 409);
        else if (what === 3) await rest("PATCH", `/objects/item/${id}`, row(), 404);
        else if (what === 4) await peer.ok("hub:writeRecord", { recordId: `item:${id}`, value: row() });
        else await peer.ok("hub:deleteRecord", { recordId: `item:${id}` });
      }
    });
    const known = {};
    for (const name of Object.keys(orders)) known[name] = await follow(peer, `${name}:x`);
    const any = await follow(peer, "any:x"), fresh = await follow(peer, "fresh:true");
    await Promise.all(writers);
    for (const [name, order] of Object.entries(orders)) await agrees(server, known[name], "item", `owner=x&orderBy=${order}&limit=5`);
    await agrees(server, any, "item", "owner=x&limit=4");
    await agrees(server, fresh, "item", "fresh=true&limit=10");
  });

  test("are right though others write the same rows and the bus tells of it late", async () => {
    const peer = await server.connect("watcher");
    for (let i = 0; i < 4; i++) await rest("POST", "/objects/item", { id: `b${i}`, owner: "bus", price: i });
    const known = await follow(peer, "price:bus");
    const seen = [];
    peer.socket.on("hub:recordUpdated", (e) => e.recordId === "item:b1" && seen.push(e));
    const { version } = await peer.ok("hub:subscribeRecord", { recordId: "item:b1" });
    let over = false;
    const telling = Array.from({ length: 4 }, async () => {
      for (let k = 0; !over; k++) await peer.ok("hub:command", { command: "publish", payload: { topic: `${topic}-item-updated`, record: { id: `${Math.random()}`, item: { id: `b${k % 4}` } } } });
    });
    await Promise.all(
      Array.from({ length: 4 }, async (_, w) => {
        for (let k = 0; k < 60; k++) {
          if (w === 0) await peer.ok("hub:writeRecord", { recordId: "item:b1", value: { price: k }, strategy: "merge" });
          else await rest("PATCH", `/objects/item/b${(w + k) % 4}`, { price: w * 100 + k });
        }
      }),
    );
    over = true;
    await Promise.all(telling);
    await agrees(server, known, "item", "owner=bus&orderBy=price&limit=5");
    const row = await rest("GET", "/objects/item/b1");
    await eventually("the record is the row", async () => (await peer.ok("hub:readRecord", { recordId: "item:b1" })).record.price === row.row.price);
    seen.forEach((e, i) => assert.equal(e.version, version + 1 + i));
    assert.equal(seen.at(-1).full.price, row.row.price);
  });

  test("lose no update of transactions, whoever else writes the row", async () => {
    const peer = await server.connect("ann");
    await rest("POST", "/objects/item", { id: "t1", owner: "tx", price: 0, weight: 0 });
    const others = [0, 1].map(async (w) => {
      for (let k = 0; k < 50; k++) await rest("PATCH", "/objects/item/t1", w ? { label: `${k}` } : { weight: k / 2 });
    });
    await Promise.all(Array.from({ length: 10 }, async () => {
      for (let k = 0; k < 10; k++) await peer.ok("hub:command", { command: "bump", payload: "item:t1" });
    }));
    await Promise.all(others);
    assert.equal((await rest("GET", "/objects/item/t1")).row.price, 100);
  });

  test("that conflict with a version are not overwritten", async () => {
    const peer = await server.connect("ann");
    await rest("POST", "/objects/item", { id: "v1", owner: "tx", price: 0 });
    let [won, other] = [0, 0];
    const raise = async () => {
      const { record, version } = await peer.ok("hub:readRecord", { recordId: "item:v1" });
      const answer = await peer.call("hub:writeRecord", { recordId: "item:v1", value: { price: record.price + 1 }, strategy: "merge", ifVersion: version });
      if (answer.ok) won++;
      return record.price;
    };
    for (let k = 0; k < 60; k++) {
      const { record } = await peer.ok("hub:readRecord", { recordId: "item:v1" });
      const mark = 1000 * (k + 1);
      const [was] = await Promise.all([raise(), rest("PATCH", "/objects/item/v1", { price: mark }).then(() => other++)]);
      const now = (await rest("GET", "/objects/item/v1")).row.price;
      assert.ok(now === mark || now === mark + 1, `${now} after ${mark} and a raise of ${record.price}`);
    }
    assert.equal(other, 60);
  });

  test("are watched in a thousand collections, and a slow reader is told all of it once", async () => {
    const [slow, fast] = [await server.connect("slow"), await server.connect("fast")];
    await rest("POST", "/objects/item", { id: "s1", owner: "slow", price: 1 });
    for (let i = 0; i < 1000; i += 50) await Promise.all(Array.from({ length: 50 }, (_, k) => fast.ok("hub:subscribeCollection", { collectionId: `price:many${i + k}` })));
    const [lazy, known] = [await follow(slow, "price:slow"), await follow(fast, "price:slow")];
    const wire = slow.socket.io.engine.transport.ws._socket;
    wire.pause();
    let big = 0;
    while (!lazy.resets && big < 200) {
      big++;
      await rest("PATCH", "/objects/item/s1", { price: big, tags: ["x".repeat(100000), big] });
      if (big === 150) wire.resume();
    }
    wire.resume();
    await eventually("a reset", async () => (await server.rest("GET", "/healthz"), lazy.resets));
    await rest("PATCH", "/objects/item/s1", { price: 777 });
    await agrees(server, lazy, "item", "owner=slow&orderBy=price&limit=5");
    await agrees(server, known, "item", "owner=slow&orderBy=price&limit=5");
    assert.equal(known.resets, 0);
    assert.equal(lazy.version, known.version);
  });
});

test("versions of rows are told of one value each, whenever the process is killed", async () => {
  const declare = (def) => {
    def.service.dataObjects.push({ name: "item", managed: true, properties: [field("price", "Integer")], api });
    def.hub.hubExtensions = { limits, records: [{ pattern: "item:{id}", dataObject: "item", canRead: "true", canWrite: "true" }, { pattern: "plain:{id}", canWrite: "true" }] };
  };
  await serving(declare, async (server) => {
    const told = { "item:1": new Map(), "plain:1": new Map() };
    const acknowledged = { "item:1": 0, "plain:1": 0 };
    const note = (id, version, value) => {
      const price = value?.price ?? null;
      assert.ok(!told[id].has(version) || told[id].get(version) === price, `${id}: version ${version} is ${told[id].get(version)} and ${price}`);
      told[id].set(version, price);
    };
    for (let life = 0; life < 4; life++) {
      const peer = await server.connect(`u${life}`);
      peer.socket.onAny((name, e) => /^hub:record/.test(name) && note(e.recordId, e.version, e.full));
      for (const recordId of Object.keys(told)) {
        const { version, record } = await peer.ok("hub:subscribeRecord", { recordId });
        assert.ok(version >= Math.max(0, acknowledged[recordId]), `${recordId} is at ${version}, and was at ${acknowledged[recordId]}`);
        note(recordId, version, record);
      }
      let alive = true;
      const writers = Array.from({ length: 6 }, async (_, w) => {
        for (let k = 0; alive; k++) {
          const price = life * 1e6 + w * 1e5 + k;
          const recordId = w % 3 ? "item:1" : "plain:1";
          if (w === 1) await server.rest("PATCH", "/objects/item/1", { user: "ann", body: { price } }).catch(() => {});
          else if (w === 2 && k % 20 === 19) await peer.call("hub:deleteRecord", { recordId }).catch(() => {});
          else {
            const answer = await peer.socket.timeout(2000).emitWithAck("hub:writeRecord", { recordId, value: { price } }).catch(() => undefined);
            if (answer?.ok) acknowledged[recordId] = Math.max(acknowledged[recordId], answer.version);
          }
        }
      });
      const enough = told["item:1"].size + 60;
      await eventually("changes were told", async () => (await server.rest("GET", "/healthz"), told["item:1"].size > enough));
      await server.hubd.kill();
      alive = false;
      peer.close();
      await Promise.all(writers);
      await server.start();
    }
  });
});

const TABLE = `
CREATE TABLE old (id BIGINT PRIMARY KEY, owner TEXT, price INTEGER, at TIMESTAMP);
INSERT INTO old VALUES (9, 'x', 1, '2026-01-01 00:00:00.123456'), (10, 'x', 1, '2026-01-01 00:00:00.123789'), (100, 'x', 1, '2026-01-01 00:00:00.123123'), (8, 'y', 1, NULL), (7, 'x', 1, NULL);
`;

test("rows of a table that was there before are in the order of the store", async () => {
  const declare = (def) => {
    def.service.dataObjects.push({ name: "old", managed: false, properties: [field("owner", "ID"), field("price", "Integer"), field("at", "DateTime")], api });
    const by = (pattern, orderBy) => ({ pattern: `${pattern}:{owner}`, dataObject: "old", where: { owner: "{owner}" }, orderBy, limit: 3, canRead: "true" });
    def.hub.hubExtensions = { limits, collections: [by("price", "price"), by("at", "-at"), by("id", "id"), by("down", "-id"), by("none", undefined)] };
  };
  await serving(
    declare,
    async (server) => {
      const peer = await server.connect("ann");
      const orders = { price: "&orderBy=price", at: "&orderBy=-at", id: "&orderBy=id", down: "&orderBy=-id", none: "" };
      const known = {};
      for (const name of Object.keys(orders)) known[name] = await follow(peer, `${name}:x`);
      const set = async (id, body) => assert.equal((await server.rest("PATCH", `/objects/old/${id}`, { user: "ann", body })).status, 200);
      for (const [id, body] of [[8, { owner: "x" }], [10, { price: 1 }], [9, { owner: "y" }], [9, { owner: "x" }], [100, { owner: "y" }], [100, { owner: "x" }], [7, { owner: "y" }], [7, { owner: "x" }]]) {
        await set(id, body);
        for (const [name, order] of Object.entries(orders)) await agrees(server, known[name], "old", `owner=x&limit=3${order}`);
      }
    },
    { prepare: (dir) => runSql(dir, TABLE) },
  );
});

describe("definitions that change", () => {
  const item = { name: "item", managed: true, properties: [field("owner", "ID"), field("price", "Integer"), field("label", "String")], api };
  const other = { ...item, name: "other" };
  const declare = (def) => {
    def.service.dataObjects.push(structuredClone(item), structuredClone(other));
    const collections = [{ pattern: "list:{owner}", dataObject: "item", where: { owner: "{owner}" }, orderBy: "price", limit: 3, canRead: "true" }];
    const records = [
      { pattern: "a:{id}", canWrite: "true" },
      { pattern: "b:{id}", canWrite: "true", persist: false },
      { pattern: "c:{id}", canWrite: "true" },
      { pattern: "d:{id}", dataObject: "item", canRead: "true", canWrite: "true" },
    ];
    const commands = [{ name: "read", script: lua("return records.get(payload)") }];
    def.hub.hubExtensions = { limits, records, collections, commands };
  };
  const write = (peer, recordId, value, more) => peer.ok("hub:writeRecord", { recordId, value, ...more });

  test("leave records their versions, and followers nothing to miss, wherever they are kept", async () => {
    await serving(declare, async (server) => {
      const [ann, bob] = [await server.connect("ann"), await server.connect("bob")];
      const ids = ["a:1", "b:1", "c:1", "d:1"];
      const versions = Object.fromEntries(ids.map((id) => [id, []]));
      bob.socket.onAny((name, e) => /^hub:record/.test(name) && versions[e.recordId].push([e.version, e.full ?? null]));
      for (const recordId of ids) await bob.ok("hub:subscribeRecord", { recordId });
      for (const n of [1, 2, 3]) for (const id of ids) await write(ann, id, id === "d:1" ? { price: n } : { n });
      assert.equal((await server.rest("POST", "/objects/item", { user: "ann", body: { id: "one", price: 5 } })).status, 201);
      const change = async (edit) => {
        edit(server.def.hub.hubExtensions.records);
        await reload(server);
      };
      await change((records) => {
        Object.assign(records[0], { persist: false });
        Object.assign(records[1], { persist: true });
        Object.assign(records[2], { dataObject: "item", canRead: "true" });
        delete records[3].dataObject;
      });
      const now = async (recordId) => (await ann.ok("hub:command", { command: "read", payload: recordId })).result;
      assert.equal((await now("c:1")).value.price, 3);
      for (const [id, value] of [["a:1", { n: 4 }], ["b:1", { n: 4 }], ["c:1", { price: 4 }], ["d:1", { n: 4 }]]) await write(ann, id, value);
      for (const id of ids) {
        const { version, value } = await now(id);
        await eventually(`all of ${id} was told`, () => versions[id].at(-1)[0] === version);
        assert.deepEqual(versions[id].at(-1)[1], value);
        versions[id].forEach(([v], i) => assert.equal(v, versions[id][0][0] + i, `${id}: ${JSON.stringify(versions[id])}`));
      }
      assert.equal((await now("c:1")).value.price, 4);
      assert.equal((await server.rest("GET", "/objects/item/1", { user: "ann" })).body.row.price, 4);
    });
  });

  test("change what collections are, and those who watch are told", async () => {
    await serving(declare, async (server) => {
      const ann = await server.connect("ann");
      for (const name of ["item", "other"]) for (let i = 0; i < 8; i++) assert.equal((await server.rest("POST", `/objects/${name}`, { user: "ann", body: { id: `${name}${i}`, owner: "x", price: i, label: `${9 - i}` } })).status, 201);
      const known = await follow(ann, "list:x");
      let over = false;
      const writing = (async () => {
        for (let k = 0; !over; k++) await server.rest("PATCH", `/objects/${k % 2 ? "item" : "other"}/${k % 2 ? "item" : "other"}${k % 8}`, { user: "ann", body: { price: k % 10 } });
      })();
      const window = server.def.hub.hubExtensions.collections[0];
      for (const [edit, object, where] of [
        [{ limit: 6 }, "item", "owner=x&orderBy=price&limit=6"],
        [{ limit: 2 }, "item", "owner=x&orderBy=price&limit=2"],
        [{ orderBy: "-label" }, "item", "owner=x&orderBy=-label&limit=2"],
        [{ dataObject: "other" }, "other", "owner=x&orderBy=-label&limit=2"],
        [{ orderBy: "-price", limit: 5 }, "other", "owner=x&orderBy=-price&limit=5"],
      ]) {
        Object.assign(window, edit);
        await reload(server);
        await reload(server);
        if (edit.orderBy === "-price") {
          over = true;
          await writing;
        }
        if (over || edit.orderBy || edit.dataObject) await agrees(server, known, object, where);
      }
      assert.ok(shown(known).every(({ id }) => id.startsWith("other")));
    });
  });
});
