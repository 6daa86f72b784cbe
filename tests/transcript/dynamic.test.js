// Namespaces by expression: each name that fits is one of its own; exact paths win; bounded; gone when nobody is left; reload.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, serve, writeService } from "./harness.js";

const lua = (text) => ({ lua: text });
const on = (name, text) => ({ name, script: lua(text) });
const events = (what) => [on("which", `return "${what}", namespace.name`), on("all", 'namespace:emit("told", ...) return #namespace:sockets().items'), on("join", "socket:join(...) return true"), on("room", 'local room, x = ...\nnamespace:to(room):emit("told", x) return true')];
const space = (path, what, more) => ({ path, auth: false, events: events(what), ...more });

describe("namespaces by expression", () => {
  const server = serve((def) => {
    def.service.service.basePath = "/api";
    def.service.namespaces = [
      space({ regex: "^/room-\\d+$" }, "numbered", { recovery: { maxDisconnectionMs: 60000 } }),
      space("/room-7", "exact"),
      space({ regex: "^/room-.+$" }, "any room"),
      space({ regex: "^/few/[a-z]+$" }, "few", { maxNames: 2 }),
      space({ regex: "^/slow/(a+)+$" }, "slow"),
      space({ regex: "^/users/" }, "users", { auth: true }),
      space({ regex: "^/command/" }, "commands", { commands: [{ name: "where", script: lua("return {id = connection.id}") }] }),
    ];
  });
  const open = (namespace, user) => server.connect(user, { namespace });
  const which = (peer) => new Promise((done) => peer.socket.emit("which", (...values) => done(values)));
  const live = async () => Number(/^hubd_dynamic_namespaces (\d+)$/m.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1] ?? 0);

  test("are found by the exact path first, then in the order of the file", async () => {
    for (const [name, want] of [["/room-1", "numbered"], ["/room-7", "exact"], ["/room-x", "any room"], ["/api/room-2", "numbered"]]) {
      const peer = await open(name);
      assert.deepEqual(await which(peer), [want, name.replace("/api", "")], name);
    }
    for (const name of ["/room", "/hub/none", "/few/UPPER"]) assert.equal((await server.open(undefined, { namespace: name }).refusal()).message, "Invalid namespace");
  });

  test("are each their own, with their own rooms", async () => {
    const peers = [await open("/room-1"), await open("/room-2"), await open("/api/room-1")];
    for (const peer of peers) await peer.call("join", "r");
    assert.equal(await peers[0].call("all", "one"), 2);
    await peers[1].call("room", "r", "two");
    for (const peer of peers) await which(peer);
    assert.deepEqual(peers.map((peer) => peer.log.map(([, what]) => what)), [["one"], ["two"], ["one"]]);
  });

  test("are bounded in number, and make place when nobody is left", async () => {
    const [one] = [await open("/few/one"), await open("/few/two")];
    const error = await server.open(undefined, { namespace: "/few/three" }).refusal();
    assert.deepEqual([error.message, error.data], ["Too many namespaces: maxNames is 2", { code: "too_many" }]);
    await open("/few/one");
    server.closePeers();
    await eventually("a place is free", async () => (await live()) < 2);
    assert.deepEqual(await which(await open("/few/three")), ["few", "/few/three"]);
    assert.ok(one);
  });

  test("do not take forever to find out that a name does not fit", async () => {
    const error = await server.open(undefined, { namespace: `/slow/${"a".repeat(200)}!` }).refusal();
    assert.equal(error.message, "Invalid namespace");
    assert.deepEqual(await which(await open("/slow/aaa")), ["slow", "/slow/aaa"]);
  });

  test("do not stay for whoever was refused", async () => {
    server.closePeers();
    await eventually("only sessions that wait are left", async () => (await live()) <= 3);
    const before = await live();
    for (let i = 0; i < 20; i++) assert.equal((await server.open(undefined, { namespace: `/users/${i}` }).refusal()).message, "Authentication required");
    assert.equal(await live(), before);
    assert.deepEqual(await which(await open("/users/x", "ann")), ["users", "/users/x"]);
  });

  test("stay while a client of them may come back", async () => {
    const one = await open("/room-99");
    await one.call("join", "r");
    one.connect = one.disconnect = undefined;
    one.socket.io.engine.close();
    await one.disconnected();
    one.socket.connect();
    await one.connected();
    assert.equal(one.socket.recovered, true);
    await one.call("room", "r", "still there");
    assert.equal(await one.next("told"), "still there");
  });

  test("may have commands", async () => {
    const one = await open("/command/x");
    assert.equal((await one.ok("where", {})).result.id, one.socket.id);
  });

  test("follow a reload", async () => {
    const [kept, gone, exact] = [await open("/room-1"), await open("/few/one"), await open("/users/ann", "ann")];
    const { namespaces } = server.def.service;
    server.def.service.namespaces = [...namespaces.filter(({ path }) => !/few|numbered/.test(JSON.stringify(path)) && path.regex !== "^/room-\\d+$"), space("/users/ann", "now exact", { auth: true })];
    writeService(server.def, server.dir);
    const from = server.hubd.output.length;
    process.kill(server.hubd.pid, "SIGHUP");
    await server.hubd.printed(/reload(ed)?\b/, from);
    for (const peer of [gone, exact]) assert.equal(await peer.disconnected(), "io server disconnect");
    await eventually("the new handlers", async () => (await which(kept))[0] === "any room");
    assert.deepEqual(await which(await open("/users/ann", "ann")), ["now exact", "/users/ann"]);
  });
});
