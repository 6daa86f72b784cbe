// Connection state recovery of the stock client: what was missed comes once, in order; whoever cannot have it all begins anew.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

const lua = (text) => ({ lua: text });
const on = (name, text) => ({ name, script: lua(text) });

const space = (path, more) => ({
  path,
  auth: false,
  recovery: { maxDisconnectionMs: 60000 },
  onConnect: lua('log.info("connected", {id = socket.id, recovered = socket.recovered})'),
  onDisconnect: lua('socket.data.left = reason log.info("disconnected", {id = socket.id})'),
  events: [
    on("join", "socket:join(...) socket.data.joined = {...} return true"),
    on("what", "return {rooms = socket.rooms, data = socket.data, recovered = socket.recovered}"),
    on("say", 'local room, what = ...\nnamespace:to(room):emit("said", what, binary("\\0\\1")) return true'),
    on("all", 'namespace:emit("told", ...) return true'),
    on("flood", 'local n = ...\nfor i = 1, n do namespace:emit("flood", i) end return true'),
    on("own", 'socket:emit("own", ...) return true'),
    on("direct", 'local id, what = ... return connections.send(id, "told", what)'),
    on("service", 'return service.broadcast("told", ...)'),
    on("window", 'local what, except = ... return namespaces.get("/kept").broadcastAll("told", what, {except = {except}})'),
    on("kick", "socket:disconnect()"),
  ],
  ...more,
});

describe("connection state recovery", () => {
  const server = serve((def) => {
    def.service.namespaces = [space("/kept"), space("/short", { recovery: { maxDisconnectionMs: 1000 } }), space("/users", { auth: true }), space("/plain", { recovery: undefined })];
  });
  const open = (namespace = "/kept", user, options) => server.connect(user, { namespace, ...options });

  /** The connection of PEER is lost, and the server has noticed. */
  async function lose(peer) {
    const from = server.hubd.output.length;
    peer.connect = peer.disconnect = undefined;
    peer.socket.io.engine.close();
    await peer.disconnected();
    await server.hubd.printed(/disconnected/, from);
  }
  async function comeBack(peer) {
    peer.socket.connect();
    await peer.connected();
    return Boolean(peer.socket.recovered);
  }
  const told = (peer, name) => peer.log.filter(([n]) => n === name).map(([, what]) => what);

  for (const transports of [["polling"], ["websocket"]]) {
    test(`brings what was missed, rooms and data, over ${transports}`, async () => {
      const [one, two] = [await open("/kept", undefined, { transports }), await open()];
      await one.call("join", "r", "s");
      await two.call("say", "r", "before");
      await one.next("said");
      const { id } = one.socket;
      await (transports[0] === "websocket" ? lose(one) : loseQuietly(one));
      for (const what of ["first", "second"]) await two.call("say", "r", what);
      await two.call("say", "elsewhere", "not this");
      await two.call("all", "third");
      assert.equal(await comeBack(one), true);
      assert.equal(one.socket.id, id);
      const { rooms, data, recovered } = await one.call("what");
      assert.deepEqual([rooms, data.joined, recovered], [["r", "s"], ["r", "s"], true]);
      assert.deepEqual(told(one, "said"), ["before", "first", "second"]);
      assert.deepEqual(told(one, "told"), ["third"]);
      assert.deepEqual(one.log.findLast(([n]) => n === "said")[2], Buffer.from([0, 1]));
      await two.call("say", "r", "after");
      await one.next("said", (what) => what === "after");
    });
  }

  /* They went past the session: a client that was away was told that it had missed nothing. */
  test("brings what other functions than the namespace's own have sent", async () => {
    const [one, two, three] = [await open(), await open(), await open()];
    await two.call("direct", one.socket.id, "direct");
    await one.next("told");
    const { id } = one.socket;
    await lose(one);
    assert.equal(await two.call("service", "service"), await two.call("window", "window", "nobody"));
    await two.call("window", "not for one", id);
    await two.call("window", "not for three", three.socket.id);
    assert.equal(await comeBack(one), true);
    await one.call("what");
    await three.call("what");
    assert.deepEqual(told(one, "told"), ["direct", "service", "window", "not for three"]);
    assert.deepEqual(told(three, "told"), ["service", "window", "not for one"]);
    assert.deepEqual(told(two, "told"), ["service", "window", "not for one", "not for three"]);
  });

  /** The client forgets its connection; the server believes in it until the client is back. */
  async function loseQuietly(peer) {
    peer.connect = peer.disconnect = undefined;
    peer.socket.io.engine.transport.doClose = () => {};
    peer.socket.io.engine._onClose("transport close");
    await peer.disconnected();
  }

  test("works before any event has come, and again and again", async () => {
    const [one, two] = [await open(), await open()];
    for (let i = 0; i < 3; i++) {
      await lose(one);
      await two.call("all", i);
      assert.equal(await comeBack(one), true);
      await one.next("told", (what) => what === i);
    }
    assert.deepEqual(told(one, "told"), [0, 1, 2]);
  });

  test("is not for whoever has been away for too long", async () => {
    const [one, two] = [await open("/short"), await open("/short")];
    await one.call("join", "r");
    await two.call("all", "before");
    await one.next("told");
    await lose(one);
    await new Promise((done) => setTimeout(done, 1100));
    assert.equal(await comeBack(one), false);
    const { rooms, data, recovered } = await one.call("what");
    assert.deepEqual([rooms, data, recovered], [[], {}, false]);
  });

  test("is not for whoever would miss something", async () => {
    const [one, two] = [await open(), await open()];
    await two.call("all", "before");
    await one.next("told");
    await lose(one);
    await two.call("flood", 1001);
    assert.equal(await comeBack(one), false);
    await two.call("all", "after");
    await one.next("told", (what) => what === "after");
    assert.deepEqual(told(one, "flood"), []);
    await lose(one);
    await two.call("flood", 1000);
    assert.equal(await comeBack(one), true);
    await one.next("flood", (what) => what === 1000);
    assert.deepEqual(told(one, "flood"), Array.from({ length: 1000 }, (_, i) => i + 1));
  });

  test("is not for whoever was put out, or left", async () => {
    const one = await open();
    await one.call("own", "x");
    one.connect = one.disconnect = undefined;
    one.emit("kick");
    await one.disconnected();
    assert.equal(await comeBack(one), false);
    one.connect = one.disconnect = undefined;
    one.socket.disconnect();
    assert.equal(await comeBack(one), false);
  });

  test("is for the same user only", async () => {
    const one = await open("/users", "ann");
    await one.call("own", "x");
    await lose(one);
    one.socket.auth = { token: "dev:bob" };
    assert.equal(await comeBack(one), false);
    await one.call("own", "x");
    await lose(one);
    one.socket.auth = { token: "dev:bob" };
    assert.equal(await comeBack(one), true);
  });

  test("believes no offset and no id that it has not given", async () => {
    const [one, two] = [await open(), await open()];
    await two.call("all", "x");
    await one.next("told");
    for (const offset of ["0", "-1", "99999999", "abc", "", 5, { a: 1 }]) {
      await lose(one);
      one.socket.auth = { offset };
      assert.equal(await comeBack(one), false, JSON.stringify(offset));
    }
    await lose(one);
    one.socket.auth = { pid: "x".repeat(20) };
    assert.equal(await comeBack(one), false);
  });

  test("gives events no offset where it is not declared", async () => {
    const one = await open("/plain");
    await one.call("all", "x");
    await one.next("told");
    assert.deepEqual(one.log, [["told", "x"]]);
    assert.equal((await one.call("what")).recovered, undefined);
    await lose(one);
    assert.equal(await comeBack(one), false);
  });

  test("shows in the metrics", async () => {
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    for (const name of ["hubd_recovery_sessions", "hubd_recovery_bytes", 'hubd_recoveries_total{result="recovered"}', 'result="incomplete"', 'result="unknown"'])
      assert.ok(metrics.includes(name), name);
    // "expired" is who came back before the session had been forgotten; on a busy host it may have been.
  });
});
