// What handlers of plain namespaces can do of a stock server's: operators on rooms, questions to clients, the handshake, answers left out.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

const lua = (text) => ({ lua: text });
const on = (name, text) => ({ name, script: lua(text) });

const handlers = [
  on("join", "socket:join(...) return socket.rooms"),
  on("leave", "socket:leave(...) return socket.rooms"),
  on("many", 'socket:to("a"):to("b", "c"):except("quiet"):emit("heard", ...) return true'),
  on("others", 'socket:except({"quiet", "a"}):emit("heard", ...) return true'),
  on("everybody", 'namespace:emit("heard", ...) return true'),
  on("room", 'local room, what = ...\nnamespace:to(room):except("quiet"):emit("heard", what) return true'),
  on("nobody", 'namespace:to({}):emit("heard", "nobody") return true'),
  on("private", 'local id, what = ...\nsocket:to(id):emit("heard", what) return true'),
  on("where", "return {name = namespace.name, rooms = socket.rooms, handshake = socket.handshake}"),
  on("ask", 'local question = ...\nlocal ok, answer = pcall(socket.emitWithAck, socket, "question", question, {timeoutMs = 2000})\nreturn ok, ok and answer or {code = answer.code, message = answer.message}'),
  on("impatient", 'local ok, e = pcall(socket.emitWithAck, socket, "nobody listens", {timeoutMs = 20})\nreturn e.code'),
  on("askThenGo", 'local ok, e = pcall(socket.emitWithAck, socket, "question", "stay?")\nlog.info("after the question", {code = e.code})'),
  on("silent", "return noAck"),
  on("sockets", "local room, options = ...\nlocal page = namespace:sockets(room, options)\nlocal ids = json.array()\nfor _, s in ipairs(page.items) do s.data.seen = true ids[#ids + 1] = s.id end\nreturn ids, page.next"),
  on("dismiss", "local room = ...\nfor _, s in ipairs(namespace:sockets(room).items) do s:emit('bye', s.userId) s:disconnect('dismissed') end\nreturn true"),
  on("seen", "return socket.data.seen == true"),
  on("wrong", "local ok, e = pcall(function(...) return socket:to(...):emit('x') end, ...)\nreturn ok, e.code"),
];

const several = (peer, event, ...args) => new Promise((done) => peer.socket.emit(event, ...args, (...values) => done(values)));
const heard = (peer) => peer.log.filter(([name]) => name === "heard").map(([, what]) => what);

/** What PEERS have heard, once everything that was sent before has come to them. */
async function allHeard(peers) {
  for (const peer of peers) await peer.call("where");
  return peers.map(heard);
}

describe("a handler of a plain namespace", () => {
  const server = serve((def) => {
    def.service.namespaces = [
      { path: "/open", auth: false, events: handlers },
      { path: "/expr", auth: false, events: [{ name: "say", script: "socket.to('a').except('b').emit('heard', 'from an expression')" }, on("join", "socket:join(...) return true"), on("where", "return 1")] },
      { path: "/gone", auth: false, onDisconnect: lua("log.info('gone', {agent = socket.handshake.headers['user-agent'], rooms = #socket.rooms})"), events: [on("x", "return 1")] },
    ];
  });
  const open = (options) => server.connect(undefined, { namespace: "/open", ...options });

  test("reaches the union of rooms, each socket once, not itself", async () => {
    const peers = [await open(), await open(), await open(), await open()];
    const [one, two, three, four] = peers;
    assert.deepEqual(await one.call("join", "a"), ["a"]);
    assert.deepEqual(await two.call("join", "a", ["b", "c"]), ["a", "b", "c"]);
    await three.call("join", "c", "quiet");
    await four.call("join", "b");
    await one.call("many", "first");
    assert.deepEqual(await allHeard(peers), [[], ["first"], [], ["first"]]);
    assert.deepEqual(await two.call("leave", "b", "c", "never in it"), ["a"]);
    await four.call("others", "second");
    assert.deepEqual(await allHeard(peers), [[], ["first"], [], ["first"]]);
    await four.call("private", three.socket.id, "third");
    assert.deepEqual((await allHeard(peers))[2], ["third"]);
  });

  test("reaches the whole namespace and its rooms, itself included", async () => {
    const peers = [await open(), await open(), await open()];
    await peers[0].call("join", "r");
    await peers[1].call("join", "r", "quiet");
    await peers[0].call("room", "r", "in the room");
    await peers[0].call("everybody", "all");
    await peers[0].call("nobody");
    assert.deepEqual(await allHeard(peers), [["in the room", "all"], ["all"], ["all"]]);
  });

  test("narrows in an expression, too", async () => {
    const peers = [];
    for (let i = 0; i < 3; i++) peers.push(await server.connect(undefined, { namespace: "/expr" }));
    await peers[1].call("join", "a");
    await peers[2].call("join", "a", "b");
    peers[0].emit("say");
    await peers[1].next("heard");
    for (const peer of peers) await peer.call("where");
    assert.deepEqual(peers.map((peer) => heard(peer).length), [0, 1, 0]);
  });

  test("sees the handshake, with the query as a table", async () => {
    const peer = await open({ query: { colour: "dark red", n: 5 } });
    const { name, rooms, handshake } = await peer.call("where");
    assert.deepEqual([name, rooms], ["/open", []]);
    assert.deepEqual([handshake.query.colour, handshake.query.n, handshake.query.EIO], ["dark red", "5", "4"]);
    assert.match(handshake.address, /127\.0\.0\.1|::1/);
    assert.equal(handshake.secure, false);
    assert.ok(Math.abs(Date.parse(handshake.time) - Date.now()) < 60000);
    assert.equal(typeof handshake.headers, "object");
  });

  test("sees the handshake after the client has gone", async () => {
    const peer = await server.connect(undefined, { namespace: "/gone", extraHeaders: { "user-agent": "a test" } });
    const from = server.hubd.output.length;
    peer.close();
    await server.hubd.printed(/gone .*agent="a test"/, from);
  });

  test("asks a client, and gets its answer, binary included", async () => {
    const peer = await open();
    peer.socket.on("question", (what, answer) => answer({ what, bytes: Buffer.from([1, 2]) }));
    assert.deepEqual(await several(peer, "ask", "who?"), [true, { what: "who?", bytes: Buffer.from([1, 2]) }]);
  });

  test("is told that no answer came, or that the client went", async () => {
    const peer = await open();
    assert.equal(await peer.call("impatient"), "request_timeout");
    const from = server.hubd.output.length;
    const asked = new Promise((done) => peer.socket.on("question", done));
    peer.emit("askThenGo");
    await asked;
    peer.close();
    await server.hubd.printed(/after the question .*client_disconnected/, from);
  });

  test("may leave an acknowledgement out", async () => {
    const peer = await open();
    let answered = false;
    peer.socket.emit("silent", () => (answered = true));
    await peer.call("where");
    assert.equal(answered, false);
  });

  test("lists sockets page by page, and can use them", async () => {
    const peers = [await open(), await open(), await open()];
    for (const peer of peers) await peer.call("join", "listed");
    const ids = peers.map((peer) => peer.socket.id);
    const [first, next] = await several(peers[0], "sockets", "listed", { limit: 2 });
    assert.deepEqual(first, ids.slice(0, 2));
    assert.deepEqual(await several(peers[0], "sockets", "listed", { limit: 2, after: next }), [ids.slice(2), null]);
    assert.deepEqual((await peers[0].call("sockets", "nobody")), []);
    assert.ok((await peers[0].call("sockets")).length >= 3);
    assert.equal(await peers[2].call("seen"), true);
    await peers[0].call("leave", "listed");
    await peers[0].call("dismiss", "listed");
    for (const peer of peers.slice(1)) assert.equal(await peer.disconnected(), "io server disconnect");
  });

  test("gets an error for what is no room", async () => {
    const peer = await open();
    for (const room of ["", "x".repeat(257), 5, [""], [{}]]) assert.deepEqual(await several(peer, "wrong", room), [false, "bad_request"], JSON.stringify(room));
    assert.deepEqual(await several(peer, "wrong", Array.from({ length: 1001 }, (_, i) => `r${i}`)), [false, "bad_request"]);
  });
});

describe("outgoing", () => {
  const seen = (what) => lua(`log.info("seen", {what = "${what}", event = event, n = select("#", ...), first = (...)})\nif event ~= "echo" then socket:emit("echo", event) end\nreturn "not used"`);
  const server = serve((def) => {
    def.service.namespaces = [
      { path: "/watched", auth: false, outgoing: [{ name: "special", script: seen("special") }, { name: "*", script: seen("any") }], events: [on("join", "socket:join(...) return true"), on("send", 'socket:emit("special", ...) namespace:to("r"):emit("other", ...) return true'), on("ask", 'return socket:emitWithAck("question", "why")')] },
      { path: "/one", auth: false, outgoing: [{ name: "special", script: seen("one") }], events: [on("send", 'socket:emit("other", 1) socket:emit("special", 2) return true')] },
    ];
  });

  test("sees what scripts send to a socket, cannot change it, and is not seen itself", async () => {
    const [one, two] = [await server.connect(undefined, { namespace: "/watched" }), await server.connect(undefined, { namespace: "/watched" })];
    for (const peer of [one, two]) await peer.call("join", "r");
    const from = server.hubd.output.length;
    await one.call("send", "x", 2);
    await one.next("echo", (event) => event === "special");
    await one.next("echo", (event) => event === "other");
    await two.next("echo", (event) => event === "other");
    assert.deepEqual(one.log.filter(([name]) => name !== "echo"), [["special", "x", 2], ["other", "x", 2]]);
    one.socket.on("question", (why, answer) => answer("because"));
    assert.equal(await one.call("ask"), "because");
    await one.next("echo", (event) => event === "question");
    await one.call("join", "r"); // behind everything that waits
    const lines = server.hubd.output.slice(from).match(/script: seen.*/g) ?? server.hubd.output.slice(from).match(/.* seen .*/g);
    assert.equal(lines.length, 4, lines.join("\n"));
    assert.ok(lines.some((line) => /special/.test(line) && /n=2/.test(line) && /first=x/.test(line)), lines.join("\n"));
  });

  test("without * hears of what it names only", async () => {
    const one = await server.connect(undefined, { namespace: "/one" });
    await one.call("send");
    await one.next("echo", (event) => event === "special");
    await one.call("send");
    assert.deepEqual(one.log.filter(([name]) => name === "echo").map(([, event]) => event)[0], "special");
    assert.equal(one.log.filter(([name, event]) => name === "echo" && event === "other").length, 0);
  });
});
