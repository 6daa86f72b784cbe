// What the nodes of a service ask and tell each other: of one process, itself.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, serve } from "./harness.js";

const lua = (text) => ({ lua: text });
const command = (name, text) => ({ name, order: "none", rateLimit: 1000000, script: lua(text) });
const asked = "local ok, answer = pcall(nodes.call, payload.node or nodes.self().id, payload.name, payload.fill and ('x'):rep(payload.fill) or payload.data, payload.ms) return ok and {answer = answer} or {error = answer}";

function withNodes(def) {
  def.service.nodeHandlers = [
    { name: "echo", script: lua("return {data = data, nodeId = nodeId}") },
    { name: "bad", script: lua("error{code = 'nope', message = 'no such shelf'}") },
    { name: "broken", script: lua("return data.is.not_there") },
    { name: "slow", script: lua("sleep(data) return 'late'") },
    { name: "nothing", script: "null" },
    { name: "rooms", script: "rooms.list().items.length" },
  ];
  def.service.broadcasts = [{ type: "count", script: lua("redis.call('HINCRBY', 'told', data, 1)") }];
  def.service.limits = { nodeCalls: 20 };
  def.hub.hubExtensions = {
    ...def.hub.hubExtensions,
    commands: [
      command("ask", asked),
      command("who", "return {self = nodes.self(), list = nodes.list(), leader = nodes.leader()}"),
      command("tell", "local ok, why = pcall(nodes.broadcast, payload.type, payload.data, payload.options) return {ok = ok, why = why}"),
      command("told", "return redis.call('HGET', 'told', payload)"),
    ],
  };
}

describe("nodes", () => {
  const server = serve(withNodes);
  const ask = async (peer, payload) => (await peer.ok("ask", payload)).result;

  test("of one process are itself, which leads", async () => {
    const ann = await server.connect("ann");
    const { self, list, leader } = (await ann.ok("who", {})).result;
    assert.deepEqual(list, [self]);
    assert.deepEqual(leader, self);
    assert.match(self.id, /^[0-9a-f]{12}$/);
    assert.ok(self.address.endsWith(`:${new URL(server.url).port}`), self.address);
    assert.ok(Math.abs(Date.now() - Date.parse(self.startedAt)) < 600000);
  });

  test("answer each other's questions with what their handlers return", async () => {
    const ann = await server.member("ann", server.room());
    const { self } = (await ann.ok("who", {})).result;
    assert.deepEqual(await ask(ann, { name: "echo", data: { a: [1, "ü", null] } }), { answer: { data: { a: [1, "ü", null] }, nodeId: self.id } });
    assert.deepEqual(await ask(ann, { name: "nothing" }), { answer: null });
    assert.deepEqual(await ask(ann, { name: "rooms" }), { answer: 1 });
  });

  test("say what went wrong", async () => {
    const ann = await server.connect("ann");
    const failed = async (payload) => (({ error: { code, message } }) => [code, message])(await ask(ann, payload));
    assert.deepEqual(await failed({ name: "bad" }), ["handler_failed", "no such shelf"]);
    assert.equal((await failed({ name: "broken", data: {} }))[0], "handler_failed");
    assert.deepEqual(await failed({ name: "ecco" }), ["not_found", 'nodeHandlers has no "ecco"; did you mean "echo"?']);
    assert.deepEqual(await failed({ name: "echo", node: "0123456789ab" }), ["node_not_found", "There is no such node"]);
    assert.equal((await failed({ name: "echo", ms: 0 }))[0], "bad_request");
    assert.match((await server.rest("GET", "/metrics")).text, /hubd_node_calls_total\{outcome="node_not_found"\} 1\n/);
    assert.equal((await failed({ name: "echo", fill: 1048577 }))[0], "too_large");
  });

  test("keep a caller waiting as long as it allows", async () => {
    const ann = await server.connect("ann");
    assert.equal((await ask(ann, { name: "slow", data: 60000, ms: 30 })).error.code, "request_timeout");
    assert.deepEqual(await ask(ann, { name: "slow", data: 20, ms: 60000 }), { answer: "late" });
    const many = await Promise.all(Array.from({ length: 30 }, () => ask(ann, { name: "slow", data: 60000, ms: 200 })));
    const codes = many.map(({ error }) => error.code);
    assert.equal(codes.filter((code) => code === "too_many").length, 10);
    assert.equal(codes.filter((code) => code === "request_timeout").length, 20);
  });

  test("hear what all are told, unless it is not for themselves", async () => {
    const ann = await server.connect("ann");
    for (let i = 0; i < 100; i++) await ann.ok("tell", { type: "count", data: "all" });
    await ann.ok("tell", { type: "count", data: "others", options: { skipSelf: true } });
    await ann.ok("tell", { type: "count", data: "last" });
    await eventually("the last is told", async () => (await ann.ok("told", "last")).result === "1");
    await eventually("all are told", async () => (await ann.ok("told", "all")).result === "100");
    assert.equal((await ann.ok("told", "others")).result ?? null, null);
    assert.match((await ann.ok("tell", { type: "conut" })).result.why.message, /did you mean "count"\?/);
  });
});
