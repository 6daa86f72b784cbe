// The Socket.IO layer of the native client against the stock server: namespace, auth, events, acknowledgements, bytes both ways, heartbeats, refusals,
// ends. The server plays a hub of one room as far as that needs.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { test } from "node:test";
import { eventually } from "../../../../tests/transcript/harness.js";
import { Native } from "./native.js";

const { Server } = createRequire(new URL("../../../../tests/transcript/package.json", import.meta.url))("socket.io");

/** A stock server, ended behind the test T; OPTIONS are its own. */
async function stock(t, options) {
  const http = createServer();
  const io = new Server(http, options);
  await new Promise((done) => http.listen(0, "127.0.0.1", done));
  t.after(() => new Promise((done) => io.close(done)));
  return { io, hub: io.of("/hub/chat"), url: `http://127.0.0.1:${http.address().port}` };
}

function open(t, url, more = []) {
  const native = new Native(url, "a token", more);
  t.after(() => native.end());
  native.tell("pace", { first: 5, most: 50 });
  return native;
}

test("connects with its auth, and speaks both ways", async (t) => {
  const { hub, url } = await stock(t, { pingInterval: 200, pingTimeout: 2000 });
  const auths = [];
  hub.on("connection", (socket) => {
    auths.push(socket.handshake.auth);
    socket.on("echo", (data, answer) => answer({ ok: true, data }));
    socket.on("no", (data, answer) => answer({ ok: false, error: { code: "rejected", message: "not here", retryAfterMs: 5 } }));
    socket.on("bytes", ({ data, more }) => socket.emit("back", { more, first: data, list: [Buffer.from([1, 2])] }, "ignored"));
    socket.on("done", () => socket.emit("ünïcode ☃", { text: "☃", empty: [], number: 1.5, none: null }));
  });
  const native = open(t, url, ["clientId=me"]);
  await native.connected();
  assert.deepEqual(auths, [{ token: "a token", clientId: "me" }]);
  for (const data of [{ a: [1, { b: null }] }, { text: "x".repeat(100000) }, { text: 'quote " and \\ and \u2028 ☃' }])
    assert.deepEqual(await native.emit("echo", data), { ok: true, data });
  await assert.rejects(native.emit("no", {}), { code: "rejected", message: "not here", retryAfterMs: 5 });
  native.tell("emit", { event: "bytes", data: { more: true }, hex: "00ff10", silent: true });
  await eventually("bytes come back", () => native.events.length === 1);
  const [{ event, data, hex }] = native.events;
  assert.deepEqual([event, hex], ["back", "00ff100102"]);
  assert.deepEqual(data, {
    more: true,
    first: { _placeholder: true, num: 0, offset: 0, length: 3 },
    list: [{ _placeholder: true, num: 1, offset: 3, length: 2 }],
  });
  native.tell("emit", { event: "done", data: {}, silent: true });
  await eventually("an event comes", () => native.events.length === 2);
  assert.deepEqual(native.events[1], { event: "ünïcode ☃", data: { text: "☃", empty: [], number: 1.5, none: null } });
  const beats = () => new Promise((done) => hub.sockets.values().next().value.conn.once("heartbeat", done));
  await beats();
  await beats();
  assert.deepEqual(native.states, ["connected"]);
});

test("comes back when the server ends the namespace, the session or the line", async (t) => {
  const { hub, url } = await stock(t);
  const native = open(t, url);
  const there = async () => {
    await eventually("it is there", () => hub.sockets.size === 1 && native.state === "connected");
    return hub.sockets.values().next().value;
  };
  for (const end of [(socket) => socket.disconnect(), (socket) => socket.disconnect(true), (socket) => socket.conn.close(), (socket) => socket.conn.transport.socket.terminate()]) {
    const socket = await there();
    const before = native.states.length;
    end(socket);
    await eventually("it has come back", () => native.states.length >= before + 2 && hub.sockets.size === 1);
  }
  assert.deepEqual(native.states.slice(0, 3), ["connected", "recovering", "connected"]);
});

test("takes refusals of the middleware, and silence for an end", async (t) => {
  const { io, hub, url } = await stock(t, { pingInterval: 300, pingTimeout: 200 });
  let refusals = 0;
  hub.use((socket, next) => next(refusals++ < 2 ? Object.assign(new Error("Invalid token"), { data: { code: "invalid_token" } }) : undefined));
  const native = open(t, url);
  await eventually("two refusals are enough", () => native.state === "unauthorized");
  native.tell("token", { token: "another" });
  await native.connected();
  for (const client of io.engine.clients ? Object.values(io.engine.clients) : []) client.sendPacket = () => {}; // no heartbeats any more
  await eventually("it has come back by itself", () => native.states.filter((state) => state === "connected").length === 2);
});
