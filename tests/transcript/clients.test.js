// Clients by their ids: who may have one, what becomes of the old one, proofs, what the server asks of them and how that ends.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";
import { eventually, serve, SLACK_MS, waitingRoom } from "./harness.js";

const lua = (text) => ({ lua: text });
const tried = (call) => lua(`local ok, r = pcall(${call}) if ok then return {ok = true, result = r} end return {ok = false, code = r.code, message = r.message}`);
const commands = [
  { name: "get", script: tried("clients.get, payload") },
  { name: "list", script: tried("clients.list, payload") },
  { name: "count", script: lua("return clients.count()") },
  { name: "mark", script: tried("clients.setMetadata, payload.id, payload.metadata, payload.strategy, payload.options") },
  { name: "send", script: tried("clients.send, payload.id, 'told', payload.data, payload.options") },
  { name: "ask", timeoutMs: 20000, order: "none", script: tried("clients.invoke, payload.id, payload.type, payload.data, payload.timeoutMs, payload.options") },
  { name: "askSocket", timeoutMs: 20000, order: "none", script: tried("connections.invoke, payload.id, payload.type, payload.data, payload.timeoutMs") },
  { name: "end", script: tried("clients.disconnect, payload.id, payload.reason") },
  { name: "me", script: lua("return connection") },
].map((c) => ({ rateLimit: 10000, ...c }));
const invocations = [
  { type: "add", fields: [{ name: "a", fieldType: "Integer", required: true }, { name: "b", fieldType: "Integer", defaultValue: "1" }], result: [{ name: "sum", fieldType: "Integer", required: true }] },
  { type: "anything" },
];
const plain = { namespace: "/plain" };
const open = { namespace: "/open" };

/** A definition with CLIENTS, in a hub and in two plain namespaces. */
const clients = (more) => (def) => {
  def.service.clients = { id: "auth.clientId", graceMs: 3000, invocations, ...more };
  def.hub.hubExtensions = { ...def.hub.hubExtensions, metadata: { connection: {} }, commands };
  def.service.namespaces = [
    { path: "/plain", commands, metadata: { connection: {} }, onDisconnect: lua("redis.set('reason', reason)"), events: [{ name: "reason", script: lua("return redis.get('reason')") }, { name: "asked", script: lua("return redis.get('asked')") }], outgoing: [{ name: "hub:invoke", script: lua("redis.set('asked', (...).type)") }] },
    { path: "/open", auth: false, commands },
  ];
};
const named = (user, id, more = {}) => ({ auth: { token: `dev:${user}`, clientId: id, ...more } });
const metric = async (server, name) => Number(new RegExp(`^${name.replace(/[{}]/g, "\\$&")} (\\S+)$`, "m").exec((await server.rest("GET", "/metrics")).text)?.[1] ?? 0);

const slowly = await waitingRoom(); // of who is called "slow"

describe("ids", () => {
  const server = serve((def) => {
    clients()(def);
    def.hub.hubExtensions.lifecycle = { onConnect: lua(`if session.userId == "slow" then ${slowly.wait} end`) };
  });

  test("are those that clients name, else those of their Engine.IO sessions", async () => {
    const ann = await server.connect("ann", named("ann", "laptop"));
    const bob = await server.connect("bob");
    const { result } = (await ann.ok("get", "laptop")).result;
    assert.deepEqual(
      { ...result, connectedAt: null, nodeId: null },
      { clientId: "laptop", userId: "ann", address: "127.0.0.1", connectedAt: null, nodeId: null, metadata: {}, connections: [ann.socket.id] },
    );
    assert.equal((await ann.ok("me")).result.clientId, "laptop");
    assert.equal((await bob.ok("me")).result.clientId, bob.socket.io.engine.id);
    assert.equal((await ann.ok("get", bob.socket.io.engine.id)).result.result.userId, "bob");
    assert.deepEqual((await ann.ok("get", "nobody")).result, { ok: true });
    assert.equal((await ann.ok("count")).result, 2);
    const listed = async (filter) => (await ann.ok("list", filter)).result.result.items.map((c) => c.userId);
    assert.deepEqual(await listed({}), ["ann", "bob"]);
    assert.deepEqual(await listed({ userId: "bob" }), ["bob"]);
    assert.deepEqual(await listed({ address: "10.0.0.1" }), []);
    assert.deepEqual(await listed({ nodeId: result.nodeId }), ["ann", "bob"]);
    assert.deepEqual(await listed({ nodeId: "another" }), []);
    await ann.ok("mark", { id: "laptop", metadata: { team: "red" } });
    assert.deepEqual(await listed({ where: { team: "red" } }), ["ann"]);
    const first = (await ann.ok("list", { limit: 1 })).result.result;
    assert.equal(first.items[0].clientId, "laptop");
    assert.deepEqual((await ann.ok("list", { limit: 1, after: first.next })).result.result.items.map((c) => c.userId), ["bob"]);
    assert.equal((await ann.ok("list", { userid: "bob" })).result.code, "bad_request");
  });

  test("belong to one user, and a connection has one", async () => {
    const ann = await server.connect("ann", named("ann", "phone"));
    const refusal = async (user, options) => (await server.open(user, options).refusal()).data;
    assert.deepEqual(await refusal("bob", named("bob", "phone")), { code: "client_conflict", reason: "the id belongs to another user" });
    assert.equal((await refusal(undefined, { ...open, auth: { clientId: "phone" } })).code, "client_conflict");
    for (const id of ["", 7, "a\nb", "x".repeat(256), {}]) assert.equal((await refusal("bob", named("bob", id))).code, "bad_request", JSON.stringify(id));
    const second = (path, auth) => new Promise((done) => {
      const socket = ann.socket.io.socket(path, { auth });
      socket.once("connect", () => done(socket)).once("connect_error", (e) => done(e.data));
    });
    assert.equal((await second("/plain", { token: "dev:ann", clientId: "tablet" })).code, "client_conflict");
    assert.ok((await second("/open", {})).connected, "a stranger is no other user");
    assert.equal((await ann.ok("get", "phone")).result.result.connections.length, 2);
    await ann.ok("me");
  });

  test("are the session's for who names none, also when it was named while onConnect ran", async () => {
    const slow = server.open("slow");
    const quick = slow.socket.io.socket("/open", { auth: { clientId: "named meanwhile" } });
    const answer = new Promise((done) => quick.once("connect", () => done("connected")).once("connect_error", (e) => done(e.data)));
    assert.equal(await answer, "connected");
    assert.equal(slow.connect, undefined);
    slowly.open();
    await slow.connected();
    assert.equal((await slow.ok("me")).result.clientId, "named meanwhile");
  });

  test("of strangers are theirs as long as they are connected", async () => {
    const first = await server.connect(undefined, { ...open, auth: { clientId: "kiosk" } });
    assert.equal((await server.open(undefined, { ...open, auth: { clientId: "kiosk" } }).refusal()).data.code, "client_conflict");
    first.close();
    await eventually("it is away", async () => (await metric(server, "hubd_clients_away")) > 0);
    const again = await server.connect(undefined, { ...open, auth: { clientId: "kiosk" } });
    assert.equal((await again.ok("me")).result.userId, null);
  });

  test("go over to the newer connection", async () => {
    const old = await server.connect("ann", { ...plain, ...named("ann", "desk") });
    const other = old.socket.io.socket("/hub/chat", { auth: { token: "dev:ann", clientId: "desk" } });
    await new Promise((done) => other.once("connect", done));
    const told = new Promise((done) => other.once("hub:superseded", done));
    const ann = await server.connect("ann", { ...plain, ...named("ann", "desk") });
    assert.deepEqual(await old.next("hub:superseded"), { clientId: "desk" });
    assert.deepEqual(await told, { clientId: "desk" });
    assert.equal(await old.disconnected(), "io server disconnect", "stock clients stay away");
    assert.deepEqual((await ann.ok("get", "desk")).result.result.connections, [ann.socket.id]);
    await eventually("onDisconnect has seen it", async () => (await ann.call("reason")) === "superseded");
    assert.equal(await metric(server, "hubd_clients_superseded_total"), 1);
  });

  test("are kept for who comes back, and then forgotten", async () => {
    const bob = await server.connect("bob");
    (await server.connect("ann", named("ann", "watch"))).close();
    await eventually("it is away", async () => (await bob.ok("send", { id: "watch" })).result.code !== undefined);
    assert.equal((await bob.ok("send", { id: "watch", data: 1 })).result.code, "client_disconnected");
    assert.deepEqual((await bob.ok("get", "watch")).result, { ok: true });
    assert.equal((await server.open("bob", named("bob", "watch")).refusal()).data.code, "client_conflict");
    (await server.connect("ann", named("ann", "watch"))).close();
    await eventually("it is gone", async () => (await bob.ok("send", { id: "watch", data: 1 })).result.code === "client_not_found");
    await server.connect("bob", named("bob", "watch"));
  });
});

describe("collision: refuse", () => {
  const server = serve(clients({ collision: "refuse" }));

  test("keeps the old one", async () => {
    const ann = await server.connect("ann", named("ann", "desk"));
    assert.deepEqual((await server.open("ann", named("ann", "desk")).refusal()).data, { code: "client_conflict", reason: "a client with that id is connected" });
    await ann.nothing("hub:superseded");
    ann.close();
    await eventually("somebody else can be it", async () => server.connect("ann", named("ann", "desk")).then(() => true, () => false));
  });
});

describe("proofs", () => {
  const server = serve(clients({ proof: { secretEnv: "CLIENT_SECRET", maxSkewMs: 30000 } }), { env: { CLIENT_SECRET: "hush" } });
  let count = 0;
  const proof = ({ space = "/hub/chat", id = "desk", timestamp = Date.now(), nonce = `n${count++}`, metadata = "", secret = "hush", ...more } = {}) => ({
    timestamp, nonce, metadata, signature: createHmac("sha256", secret).update(`connect\n${space}\n${id}\n${timestamp}\n${nonce}\n${metadata}`).digest("hex"), ...more,
  });
  const refused = async (code, given, user = "ann", id = "desk") => {
    const { data } = await server.open(user, named(user, id, { proof: given })).refusal();
    assert.equal(data.code, code, JSON.stringify(data));
    return data.reason;
  };

  test("are wanted of who names an id, with its metadata", async () => {
    await refused("auth_required");
    const ann = await server.connect("ann", named("ann", "desk", { proof: proof({ metadata: '{"model":"T1"}' }) }));
    assert.deepEqual((await ann.ok("me")).result.metadata, { model: "T1" });
    await server.connect("bob");
    await server.connect("bob", { ...plain, ...named("bob", "b1", { proof: proof({ space: "/plain", id: "b1", timestamp: String(Date.now()) }) }) });
  });

  test("are refused when anything in them is another", async () => {
    for (const wrong of [proof({ secret: "hash" }), proof({ id: "desk2" }), proof({ space: "/plain" }), proof({ signature: "00" }), { ...proof(), nonce: "other" }, { ...proof(), metadata: "{}" }, { ...proof(), timestamp: Date.now() + 1 }, { ...proof(), signature: proof().signature.toUpperCase() }])
      assert.match(await refused("invalid_token", wrong), /signature/);
    for (const wrong of [proof({ timestamp: 1.5 }), proof({ timestamp: -1 }), proof({ nonce: "" }), proof({ nonce: "a\nb" }), proof({ nonce: "x".repeat(129) }), proof({ metadata: {} }), proof({ metadata: "[]" }), proof({ metadata: "{" })]) await refused("bad_request", wrong);
    await refused("too_many", proof({ metadata: JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`a${i}`, 0]))) }));
    for (const wrong of ["", [], 1, true]) await refused("auth_required", wrong);
    assert.equal((await server.open("ann", { auth: { token: "dev:ann", proof: proof() } }).refusal()).data.code, "bad_request");
  });

  test("count once, and at about their time", async () => {
    const given = proof({ id: "once" });
    (await server.connect("ann", named("ann", "once", { proof: given }))).close();
    assert.match(await refused("invalid_token", given, "ann", "once"), /nonce/);
    for (const off of [-32000, 60000]) assert.match(await refused("invalid_token", proof({ timestamp: Date.now() + off })), /timestamp/);
    assert.ok((await metric(server, "hubd_client_refusals_total")) > 0);
  });

  test("let strangers take over what is their own", async () => {
    const auth = () => ({ ...open, auth: { clientId: "kiosk", proof: proof({ space: "/open", id: "kiosk" }) } });
    const old = await server.connect(undefined, auth());
    await server.connect(undefined, auth());
    await old.next("hub:superseded");
  });
});

describe("what the server asks of clients", () => {
  const server = serve((def) => {
    clients()(def);
    def.service.limits = { invocations: 3 };
  });
  const answering = (peer, answer) => peer.socket.on("hub:invoke", (question, ack) => answer(question, ack));

  test("is answered, with fields checked on both sides", async () => {
    const ann = await server.connect("ann", named("ann", "desk"));
    const bob = await server.connect("bob");
    answering(ann, ({ data }, ack) => ack({ ok: true, result: data.a === 13 ? { sum: "many" } : { sum: data.a + data.b } }));
    assert.deepEqual((await bob.ok("ask", { id: "desk", type: "add", data: { a: 2, b: 3 } })).result, { ok: true, result: { sum: 5 } });
    assert.deepEqual((await bob.ok("ask", { id: "desk", type: "add", data: { a: 2 } })).result, { ok: true, result: { sum: 3 } });
    assert.deepEqual((await bob.ok("askSocket", { id: ann.socket.id, type: "add", data: { a: 1 } })).result.result, { sum: 2 });
    const failed = async (payload) => (await bob.ok("ask", { id: "desk", ...payload })).result;
    assert.match((await failed({ type: "add", data: { a: "x" } })).message, /data\.a/);
    assert.equal((await failed({ type: "add", data: { a: "x" } })).code, "invalid_content");
    const wrong = await failed({ type: "add", data: { a: 13 } });
    assert.equal(wrong.code, "client_failed");
    assert.match(wrong.message, /result\.sum/);
    const unknown = await failed({ type: "ad" });
    assert.deepEqual([unknown.code, /did you mean "add"/.test(unknown.message)], ["not_found", true]);
    assert.equal((await failed({ type: "add", data: { a: 1 }, timeoutMs: 0 })).code, "bad_request");
    assert.equal((await failed({ type: "add", data: { a: 1 }, options: { namespace: "/nowhere" } })).code, "not_found");
    assert.equal((await failed({ type: "add", data: { a: 1 }, options: { namespace: "/plain" } })).code, "client_not_found");
    assert.equal((await bob.ok("ask", { id: "nobody", type: "add" })).result.code, "client_not_found");
    assert.equal((await bob.ok("askSocket", { id: "nobody", type: "add" })).result.code, "client_not_found");
  });

  test("fails with what the client says, or when it says nothing of use", async () => {
    const ann = await server.connect("ann", named("ann", "desk"));
    const bob = await server.connect("bob");
    let answer;
    answering(ann, (_, ack) => ack(...answer));
    for (const [given, message] of [
      [[{ ok: false, error: { code: "busy", message: "not now" } }], "not now"], [[{ ok: false, error: "no" }], "no"], [[{ ok: false, error: { a: 1 } }], '{"a":1}'],
      [[{ ok: false }], "The client answered with an error"], [[], "the answer is neither {ok: true, result} nor {ok: false, error}"], [["yes"], "the answer is neither {ok: true, result} nor {ok: false, error}"],
      [[{ ok: 1 }], "the answer is neither {ok: true, result} nor {ok: false, error}"], [[{ ok: false, error: "é".repeat(400) }], "é".repeat(239)],
    ]) {
      answer = given;
      assert.deepEqual((await bob.ok("ask", { id: "desk", type: "anything" })).result, { ok: false, code: "client_failed", message });
    }
    answer = [{ ok: true }];
    assert.deepEqual((await bob.ok("ask", { id: "desk", type: "anything" })).result, { ok: true });
    answer = [{ ok: true, result: [null, { deep: 1.5 }] }];
    assert.deepEqual((await bob.ok("ask", { id: "desk", type: "anything", data: { any: [] } })).result.result, [null, { deep: 1.5 }]);
  });

  test("ends on time, and a late answer harms nobody", async () => {
    const ann = await server.connect("ann", named("ann", "desk"));
    const bob = await server.connect("bob");
    const acks = [];
    answering(ann, (_, ack) => acks.push(ack));
    const begun = Date.now();
    assert.equal((await bob.ok("ask", { id: "desk", type: "anything", timeoutMs: 100 })).result.code, "request_timeout");
    assert.ok(Date.now() - begun < SLACK_MS);
    acks[0]({ ok: true, result: "late" });
    await ann.ok("me");
    const waiting = Array.from({ length: 3 }, () => bob.ok("ask", { id: "desk", type: "anything", timeoutMs: 10000 }));
    await eventually("three wait", async () => (await metric(server, "hubd_invocations_waiting")) === 3);
    const full = (await bob.ok("ask", { id: "desk", type: "anything" })).result;
    assert.deepEqual([full.code, /limits\.invocations: at most 3/.test(full.message)], ["too_many", true]);
    acks[2]({ ok: true, result: 2 });
    ann.close();
    const ended = (await Promise.all(waiting)).map(({ result }) => result);
    assert.deepEqual(ended.map((r) => r.code ?? r.result), ["client_disconnected", 2, "client_disconnected"]);
    assert.equal(await metric(server, "hubd_invocations_waiting"), 0);
    assert.equal(await metric(server, 'hubd_invocations_total{outcome="client_disconnected"}'), 2);
  });

  test("goes to the socket of the namespace that is named, else of the caller's", async () => {
    const ann = await server.connect("ann", named("ann", "desk"));
    const there = ann.socket.io.socket("/plain", { auth: { token: "dev:ann" } });
    await new Promise((done) => there.once("connect", done));
    const bob = await server.connect("bob");
    answering(ann, (_, ack) => ack({ ok: true, result: "hub" }));
    there.on("hub:invoke", (_, ack) => ack({ ok: true, result: "plain" }));
    const asked = async (peer, options) => (await peer.ok("ask", { id: "desk", type: "anything", options })).result.result;
    assert.equal(await asked(bob), "hub");
    assert.equal(await asked(bob, { namespace: "/plain" }), "plain");
    assert.equal(await asked(await server.connect("bob", plain)), "plain");
    assert.equal(await asked(await server.connect("bob", plain), { namespace: "chat" }), "hub");
    assert.equal(await asked(await server.connect("bob", plain), { namespace: "/hub/chat" }), "hub");
    const heard = new Promise((done) => there.once("told", done));
    await bob.ok("send", { id: "desk", data: { n: 1 } });
    assert.deepEqual(await ann.next("told"), { roomId: null, data: { n: 1 } });
    await bob.ok("send", { id: "desk", data: { n: 2 }, options: { namespace: "/plain" } });
    assert.deepEqual(await heard, { n: 2 });
    assert.deepEqual((await bob.ok("mark", { id: "desk", metadata: { a: 1 }, strategy: "merge", options: { namespace: "/plain" } })).result.result, { a: 1 });
    assert.deepEqual((await ann.ok("me")).result.metadata, {});
    assert.equal(await new Promise((done) => there.emit("asked", done)), "anything", "handlers of outgoing see the question");
  });

  test("a client is ended with all its sockets", async () => {
    const ann = await server.connect("ann", { ...plain, ...named("ann", "desk") });
    const bob = await server.connect("bob", plain);
    await bob.ok("end", { id: "desk", reason: "enough" });
    assert.equal(await ann.disconnected(), "io server disconnect");
    await eventually("onDisconnect has seen it", async () => (await bob.call("reason")) === "enough");
    assert.equal((await bob.ok("end", { id: "nobody" })).result.code, "client_not_found");
  });
});

describe("hooks of the service", () => {
  const note = (what) => lua(`redis.call("RPUSH", "heard", "${what} " .. client.clientId .. " " .. tostring(client.userId) .. " " .. (client.metadata.model or "")) sleep(20)`);
  const server = serve((def) => {
    clients({ graceMs: 2000 })(def);
    def.service.lifecycle = { onClientConnected: note("came"), onClientDisconnected: note("went") };
    def.hub.hubExtensions.commands = [...commands, { name: "heard", script: lua('return redis.call("LRANGE", "heard", 0, -1)') }];
  });

  test("hear of those that come and are really gone, one after the other for each", async () => {
    const bob = await server.connect("bob", named("bob", "watcher"));
    const heard = async () => (await bob.ok("heard")).result.filter((line) => !line.includes("watcher"));
    const ann = await server.connect("ann", named("ann", "desk"));
    await ann.ok("mark", { id: "desk", metadata: { model: "T1" } });
    const again = await server.connect("ann", named("ann", "desk"));
    await ann.next("hub:superseded");
    again.close();
    const back = await server.connect("ann", named("ann", "desk"));
    await back.ok("mark", { id: "desk", metadata: { model: "T2" } });
    back.close();
    await eventually("it is gone", async () => (await heard()).length === 2);
    assert.deepEqual(await heard(), ["came desk ann ", "went desk ann T2"]);
    (await server.connect("ann", named("ann", "desk"))).close();
    await eventually("it was there again", async () => (await heard()).length === 4);
    assert.deepEqual((await heard()).slice(2), ["came desk ann ", "went desk ann "]);
  });
});

describe("without clients", () => {
  const server = serve((def) => {
    def.hub.hubExtensions = { ...def.hub.hubExtensions, commands };
  });

  test("ids mean nothing, and the functions say so", async () => {
    await server.connect("ann", named("ann", "desk"));
    const bob = await server.connect("bob", named("bob", "desk"));
    assert.equal((await bob.ok("get", "desk")).result.code, "feature_disabled");
    assert.equal((await bob.ok("me")).result.clientId, undefined);
  });
});
