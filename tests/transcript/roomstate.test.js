// The shared state of rooms: who may change it, that members have exactly what is there however they come, and what is left of many changes at once.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { definition } from "./definition.js";
import { Hubd, removeService, serve, serving, writeService } from "./harness.js";
import { Peer } from "./peer.js";

const lua = (text) => ({ lua: text });
const values = { list: [], object: {}, big: 9007199254740991, real: 0.1, none: null, text: "ä\u0000€", nested: { a: [[], {}] } };
const commands = [
  ["get", "return state.get(payload.id, payload.key)"],
  ["put", "return state.set(payload.id, payload.key, payload.value)"],
  ["del", "return state.delete(payload.id, payload.key)"],
  ["keys", "return state.keys(payload.id)"],
  ["all", "return state.all(payload.id)"],
  ["clear", "return state.clear(payload.id)"],
  ["incr", "return state.incr(payload.id, payload.key, payload.by)"],
  ["cas", "return state.compareAndSet(payload.id, payload.key, payload.was, payload.value)"],
  ["kinds", "state.set(payload.id, 'f', 1.5) state.set(payload.id, 'i', 9223372036854775807) return {math.type(state.get(payload.id, 'f')), tostring(state.get(payload.id, 'i')), state.get(payload.id, 'nothing') == nil}"],
  ["elsewhere", "return hubs.get('chat').state.keys(payload.id)"],
].map(([name, script]) => ({ name, order: "none", script: lua(script) }));

const extensions = (state, more = {}) => ({ state, commands, limits: { writes: 100000, joins: 100000, reads: 100000 }, ...more });
const withState = (state, more) => (def) => {
  def.hub.hubExtensions = extensions(state, more);
  def.hub.guardrails = { messageRateLimit: 100000 };
};

/** What the state events of PEER in ROOM add up to; each must follow from the one before. */
function follow(peer, room) {
  let state;
  for (const [name, event] of peer.log) {
    if (event?.roomId !== room) continue;
    if (name === "hub:roomState") state = { entries: { ...event.entries }, version: event.version };
    if (name !== "hub:roomStateChanged") continue;
    assert.ok(state, "a change before the state");
    assert.equal(event.version, state.version + 1, "a gap or a repeat");
    state.version = event.version;
    if (event.cleared) state.entries = {};
    else if (event.deleted) delete state.entries[event.key];
    else state.entries[event.key] = event.value;
  }
  return state;
}

const reload = async (server, change) => {
  change(server.def);
  writeService(server.def, server.dir);
  const from = server.hubd.output.length;
  server.hubd.signal("SIGHUP");
  await server.hubd.printed(/definitions reloaded/, from);
};

for (const persist of [true, false]) {
  describe(`the state of rooms, ${persist ? "kept in the store" : "in memory only"}`, () => {
    const server = serve(withState({ canWrite: "key != 'secret' && value != 'forbidden'", persist }));

    test("comes behind the history, and then change by change, to scripts and clients alike", async () => {
      const id = server.room();
      const ann = await server.member("ann", id);
      assert.deepEqual(await ann.next("hub:roomState"), { roomId: id, entries: {}, version: 0 });
      assert.deepEqual(await ann.ok("hub:setRoomState", { roomId: id, key: "values", value: values }), { ok: true, version: 1, changed: true });
      assert.deepEqual(await ann.next("hub:roomStateChanged"), { roomId: id, key: "values", value: values, version: 1 });
      assert.deepEqual(await ann.ok("hub:setRoomState", { roomId: id, key: "values", value: values }), { ok: true, version: 1, changed: false });
      await ann.ok("hub:setRoomState", { roomId: id, key: "none", value: null });
      assert.deepEqual((await ann.next("hub:roomStateChanged")).value, null);
      assert.deepEqual((await ann.ok("get", { id, key: "values" })).result, values);
      assert.equal((await ann.ok("put", { id, key: "n", value: 4 })).result, 3);
      assert.equal((await ann.ok("incr", { id, key: "n", by: 2.5 })).result, 6.5);
      assert.equal((await ann.ok("incr", { id, key: "new" })).result, 1);
      assert.deepEqual((await ann.ok("keys", { id })).result, ["values", "none", "n", "new"]);
      assert.deepEqual((await ann.ok("elsewhere", { id })).result, ["values", "none", "n", "new"]);
      assert.equal((await ann.ok("cas", { id, key: "n", was: 1, value: 2 })).result, false);
      assert.equal((await ann.ok("cas", { id, key: "n", was: 6.5, value: "done" })).result, true);
      assert.equal((await ann.ok("cas", { id, key: "lock", value: "ann" })).result, true, "nil is a key that is not there");
      assert.equal((await ann.ok("cas", { id, key: "lock", value: "bob" })).result, false);
      await ann.refused("handler_failed", "incr", { id, key: "n", by: 1 });
      assert.equal((await ann.ok("del", { id, key: "n" })).result, true);
      assert.equal((await ann.ok("del", { id, key: "n" })).result, false);
      assert.deepEqual(await ann.ok("hub:setRoomState", { roomId: id, key: "none", deleted: true }), { ok: true, version: 9, changed: true });
      const bob = await server.member("bob", id);
      const names = bob.log.map(([name]) => name);
      assert.ok(names.indexOf("hub:roomState") > names.indexOf("hub:history"));
      assert.deepEqual(await bob.next("hub:roomState"), { roomId: id, entries: { values, new: 1, lock: "ann" }, version: 9 });
      assert.equal((await ann.ok("clear", { id })).result, 10);
      assert.deepEqual(await bob.next("hub:roomStateChanged"), { roomId: id, cleared: true, version: 10 });
      assert.equal((await ann.ok("clear", { id })).result, 10, "nothing was there");
      assert.deepEqual((await ann.ok("kinds", { id })).result, ["float", "9223372036854775807", true]);
      await ann.settled();
      assert.deepEqual(follow(ann, id), follow(bob, id));
      assert.equal(follow(ann, id).version, 12);
    });

    test("is changed by clients as far as canWrite lets them", async () => {
      const id = server.room();
      const ann = await server.member("ann", id);
      const set = (more) => ({ roomId: id, key: "k", value: 1, ...more });
      assert.match((await ann.refused("not_allowed", "hub:setRoomState", set({ key: "secret" }))).message, /secret/);
      await ann.refused("not_allowed", "hub:setRoomState", set({ value: "forbidden" }));
      await ann.refused("bad_request", "hub:setRoomState", { roomId: id, key: "k" });
      await ann.refused("bad_request", "hub:setRoomState", set({ key: "" }));
      await ann.refused("bad_request", "hub:setRoomState", set({ key: 7 }));
      await ann.refused("bad_request", "hub:setRoomState", set({ deleted: true }));
      await ann.refused("not_in_room", "hub:setRoomState", set({ roomId: server.room() }));
      assert.equal(follow(ann, id).version, 0);
    });

    test("loses none of 300 changes at once, while others come and go", async () => {
      const id = server.room();
      const all = await Promise.all(Array.from({ length: 6 }, (_, i) => server.member(`w${i}`, id)));
      const late = [];
      const changes = Array.from({ length: 100 }, (_, i) => [
        all[i % 6].ok("hub:setRoomState", { roomId: id, key: `k${i}`, value: { at: i } }),
        all[i % 6].ok("incr", { id, key: "count", by: 1 }),
        all[i % 6].ok("put", { id, key: "same", value: i }),
      ]).flat();
      for (let i = 0; i < 12; i++) late.push(await server.member(`late${i}`, id));
      const counts = (await Promise.all(changes)).filter((_, i) => i % 3 === 1).map((a) => a.result);
      assert.deepEqual(counts.sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i + 1));
      const { result } = await all[0].ok("all", { id });
      assert.equal(Object.keys(result).length, 102);
      for (const peer of [...all, ...late]) {
        await peer.settled();
        assert.deepEqual(follow(peer, id), { entries: result, version: 300 });
      }
    });
  });
}

describe("the state of a room that is not kept", () => {
  const server = serve(withState({ canWrite: "true", persist: false }));

  test("outlives the last member a while, and ends with the room", async () => {
    const id = server.room();
    const ann = await server.member("ann", id);
    await ann.ok("hub:setRoomState", { roomId: id, key: "k", value: 1 });
    await ann.ok("hub:leave", { roomId: id });
    await ann.ok("hub:join", { roomId: id });
    await ann.next("hub:roomState", ({ version }) => version === 1);
    const admin = await server.connect("root", { role: "admin" });
    await admin.ok("put", { id: server.room(), key: "k", value: 1 });
    await admin.refused("handler_failed", "put", { id: "no-such-room", key: "k", value: 1 });
  });
});

test("a state without sync is for scripts, and without canWrite theirs alone", async () => {
  await serving(withState({ sync: false }), async (server) => {
    const id = server.room();
    const ann = await server.member("ann", id);
    await ann.ok("put", { id, key: "k", value: 1 });
    assert.match((await ann.refused("not_allowed", "hub:setRoomState", { roomId: id, key: "k", value: 1 })).message, /scripts only/);
    await ann.nothing("hub:roomState", "hub:roomStateChanged");
    const { body } = await server.rest("GET", "/chat", { user: "ann" });
    assert.match(JSON.stringify(body), /"roomState":\{"sync":false,"writable":false,"persist":true,"maxBytes":1048576\}/);
    await reload(server, withState({ canWrite: "true" }));
    assert.deepEqual(await ann.next("hub:roomState"), { roomId: id, entries: { k: 1 }, version: 1 });
    await ann.ok("hub:setRoomState", { roomId: id, key: "k", value: 2 });
    await reload(server, withState({ canWrite: "true", persist: false }));
    assert.deepEqual(await ann.next("hub:roomState"), { roomId: id, entries: {}, version: 0 });
    await ann.ok("hub:setRoomState", { roomId: id, key: "k", value: 9 });
    await reload(server, withState({ canWrite: "true" }));
    assert.deepEqual(await ann.next("hub:roomState"), { roomId: id, entries: { k: 2 }, version: 2 });
    await reload(server, (def) => { def.hub.hubExtensions = { commands }; });
    await ann.refused("feature_disabled", "hub:setRoomState", { roomId: id, key: "k", value: 1 });
    await ann.refused("handler_failed", "get", { id, key: "k" });
  });
});

test("limits.stateBytes holds for clients and scripts, and what is refused changes nothing", async () => {
  await serving(withState({ canWrite: "true" }, { limits: { stateBytes: 200, writes: 20 } }), async (server) => {
    const id = server.room();
    const ann = await server.member("ann", id);
    await ann.ok("hub:setRoomState", { roomId: id, key: "a", value: "x".repeat(100) });
    assert.match((await ann.refused("too_many", "hub:setRoomState", { roomId: id, key: "b", value: "y".repeat(100) })).message, /limits\.stateBytes: at most 200/);
    await ann.refused("handler_failed", "put", { id, key: "b", value: "y".repeat(100) });
    await ann.ok("hub:setRoomState", { roomId: id, key: "a", value: "z".repeat(180) });
    await ann.ok("hub:setRoomState", { roomId: id, key: "a", value: 1 });
    await ann.ok("put", { id, key: "b", value: "y".repeat(100) });
    assert.equal(follow(ann, id).version, 4);
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ann.call("hub:setRoomState", { roomId: id, key: "n", value: i })));
    const limited = answers.find((a) => !a.ok);
    assert.equal(limited.error.code, "rate_limited");
    assert.ok(limited.error.retryAfterMs > 0);
  });
});

// Each counter is incremented by one, so what was acknowledged is a number that must be reached; a version that somebody was told must not come again.
test("no acknowledged change is lost by kill -9, and no version comes twice", { timeout: 120000 }, async () => {
  const dir = writeService(definition(withState({ canWrite: "true" })));
  const [id, KEYS] = ["r1", 6];
  const reached = Array(KEYS).fill(0);
  let version = 0;
  try {
    for (let round = 0; round < 6; round++) {
      const hubd = await Hubd.start(dir);
      const peers = await Promise.all(Array.from({ length: KEYS }, async (_, i) => {
        const peer = new Peer(`${hubd.url}/hub/chat`, { auth: { token: `dev:u${i}` } });
        await peer.connected();
        await peer.ok("hub:join", { roomId: id });
        return peer;
      }));
      const ask = (peer, ...args) => (peer.disconnect ? null : peer.call(...args).catch(() => null));
      const first = await peers[0].next("hub:roomState");
      assert.ok(first.version >= version, `version ${first.version} after ${version}`);
      for (let i = 0; i < KEYS; i++) assert.ok((first.entries[`c${i}`] ?? 0) >= reached[i], "an acknowledged change is lost");
      let answers = 0;
      const work = async (peer, i) => {
        for (;;) {
          const answer = await ask(peer, "incr", { id, key: `c${i}` });
          if (!answer?.ok) return;
          reached[i] = Math.max(reached[i], answer.result);
          if (++answers === 150 + round * 40) hubd.signal("SIGKILL");
          if (answers % 10 === 0) await ask(peer, "put", { id, key: `t${i}`, value: answers }), await ask(peer, "del", { id, key: `t${i}` });
        }
      };
      await Promise.all(peers.flatMap((peer, i) => [0, 1, 2, 3].map(() => work(peer, i))));
      await hubd.kill();
      for (const peer of peers) {
        const seen = follow(peer, id);
        if (seen) version = Math.max(version, seen.version);
        peer.close();
      }
    }
  } finally {
    removeService(dir);
  }
});
