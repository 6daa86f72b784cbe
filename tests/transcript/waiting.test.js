// Large payloads that are whole and wait, of many senders: behind a join, for the store, for a handler. Each sender had his bound, all of
// them together had none, and waited as trees: of sixty senders, 1.9 GB.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { embeddedOnly, eventually, serve } from "./harness.js";

const SENDERS = 16;
const PLACES = 6; // for payloads of SIZE below MOST
const MOST = 2 << 20;
const SIZE = 300000;
const large = (rest) => ({ ...rest, list: Array.from({ length: SIZE / 3 }, () => []) }); // 14 MB as a tree
const text = (roomId, body = "x") => ({ roomId, messageType: "text", content: { body } });
const note = (roomId, content = large()) => ({ roomId, messageType: "note", content });
const flat = { text: "x".repeat(SIZE) }; // as large, and read in no time
const NAMES_IT = /^listen\.maxWaitingBytes: the payloads that wait here have more than 2097152 bytes together/;

// Who comes to a door waits until somebody called "opener" comes to it. Scripts do not share their variables; the cache is common.
const door = (name) => ({ lua: `if user.userId == 'opener' then redis.set('${name}', '1') end while redis.get('${name}') ~= '1' do sleep(10) end return true` });

const options = { env: { ASAN_OPTIONS: "abort_on_error=0:exitcode=99:quarantine_size_mb=1" } };
const small = (def) => {
  def.service.listen.maxWaitingBytes = MOST;
  def.service.listen.maxQueueBytes = 64 << 20; // what waited is told in one go
  def.service.scripting = { wallMs: 60000 };
  def.hub.guardrails.maxMessageSize = 400000;
  def.hub.messageSettings.customMessageTypes = [{ name: "note" }];
};
const behindADoor = (def) => {
  small(def);
  def.hub.guardrails.authCacheTTL = 0;
  def.hub.roomSettings.authScripts = [{ name: "door", script: { lua: `if user.userId == 'ann' then return true end ${door("door").lua}` }, hubRole: "member" }];
};

const resident = (server) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.hubd.pid}/status`, "utf8"))[1]) / 1024;

async function metric(server, name) {
  const { text } = await server.rest("GET", "/metrics");
  return Number(text.split("\n").find((line) => line.startsWith(`${name} `))?.split(" ")[1]);
}
const waiting = (server) => metric(server, 'hubd_waiting_bytes{size="large"}');
const refusals = (server) => metric(server, "hubd_waiting_refused_total");

const connected = (server, options) => Promise.all(Array.from({ length: SENDERS }, (_, i) => server.connect(`u${i}`, options)));

/** Sorts ANSWERS, which came to as many payloads: how many were accepted. */
function accepted(answers) {
  for (const { ok, error } of answers) if (!ok) assert.match(`${error.code} ${error.message}`.replace(/^overloaded /, ""), NAMES_IT);
  return answers.filter(({ ok }) => ok).length;
}

/** Waits until all but PLACES of SENDERS payloads have been refused, with as much memory as these places may take. */
async function full(server, before, refused = 0) {
  await eventually("the others are refused", async () => (await refusals(server)) === refused + SENDERS - PLACES);
  assert.ok((await waiting(server)) <= MOST);
  const grown = resident(server) - before;
  assert.ok(grown < 100, `${grown} MiB more`);
}

describe("large payloads that wait for a join", () => {
  const server = serve(behindADoor, options);

  test("have a bound together, keep their order, and harm nothing small", async () => {
    const annsRoom = server.room();
    const ann = await server.member("ann", annsRoom);
    const peers = await connected(server);
    const before = resident(server);
    const all = peers.map((peer) => {
      const roomId = server.room();
      return Promise.all([peer.call("hub:join", { roomId }), peer.call("hub:send", note(roomId)), peer.call("hub:send", text(roomId))]);
    });
    await full(server, before);
    await ann.say(annsRoom, "meanwhile");
    assert.equal((await server.rest("POST", `/chat/rooms/${annsRoom}/messages`, { user: "ann", body: { messageType: "text", content: { body: "by REST" } } })).status, 201);
    assert.match((await ann.refused("overloaded", "hub:send", note(annsRoom))).message, NAMES_IT);
    const refused = await server.rest("POST", `/chat/rooms/${annsRoom}/messages`, { user: "ann", body: note() });
    assert.deepEqual([refused.status, refused.body.errCode, refused.headers.get("retry-after")], [503, "overloaded", "1"]);
    await server.member("opener", annsRoom);
    const answers = await Promise.all(all);
    assert.equal(accepted(answers.map(([, send]) => send)), PLACES);
    for (const [join, send, last] of answers) {
      assert.ok(join.ok && last.ok);
      if (send.ok) assert.ok(send.message.seq < last.message.seq && send.message.content.list.length === SIZE / 3);
    }
    assert.equal(await waiting(server), 0);
    await ann.ok("hub:send", note(annsRoom));
  });
});

describe("large payloads that wait for a decision", () => {
  const server = serve(behindADoor, options);

  test("by REST", async () => {
    const roomId = server.room();
    const before = resident(server);
    const body = large({ messageType: "note", content: large() });
    const all = Array.from({ length: SENDERS }, (_, i) => server.rest("POST", `/chat/rooms/${roomId}/messages`, { user: `u${i}`, body }));
    await full(server, before);
    await server.member("opener", roomId);
    const answers = await Promise.all(all);
    assert.equal(accepted(answers.map(({ status, body }) => ({ ok: status === 201, error: { code: body.errCode, message: body.message } }))), PLACES);
    assert.equal(await waiting(server), 0);
  });
});

describe("large payloads that wait for a handler", () => {
  const server = serve((def) => {
    small(def);
    def.hub.hubLogic = {
      messageHandlers: [{ messageType: "note", script: { lua: `local user = session ${door("turn").lua.replace("return true", "return {accept = true, persist = false, broadcast = false}")}` } }],
    };
    def.service.namespaces = [{ path: "/plain", auth: true, events: [{ name: "go", script: { lua: `local user = {userId = ...} ${door("plain").lua.replace("return true", "return {ok = true}")}` } }] }];
  }, options);

  test("of a room", async () => {
    const roomId = server.room();
    const peers = await connected(server);
    for (const peer of peers) await peer.ok("hub:join", { roomId });
    const otherRoom = server.room();
    const opener = await server.member("opener", otherRoom);
    const before = resident(server);
    const all = peers.map((peer) => peer.call("hub:send", note(roomId)));
    await full(server, before);
    await opener.say(otherRoom, "meanwhile");
    await opener.ok("hub:send", { roomId: otherRoom, messageType: "note", content: {} });
    assert.equal(accepted(await Promise.all(all)), PLACES);
    assert.equal(await waiting(server), 0);
  });

  test("of plain namespaces", async () => {
    const refused = await refusals(server);
    const peers = await connected(server, { namespace: "/plain" });
    const before = resident(server);
    const running = peers.map((peer) => peer.call("go", "waits"));
    const all = peers.map((peer) => peer.call("go", "opener", large()));
    await full(server, before, refused);
    const opener = await server.connect("opener", { namespace: "/plain" });
    await opener.call("go", "opener");
    assert.equal(accepted(await Promise.all(all)), PLACES);
    assert.equal(accepted(await Promise.all(running)), SENDERS);
    assert.equal(await waiting(server), 0);
  });
});

describe("large payloads that wait for the store", { skip: embeddedOnly("its file is locked from outside") }, () => {
  const server = serve((def) => {
    small(def);
    def.service.store.url += "&busy_timeout=5000";
  }, options);

  test("have the same bound, and small messages are stored with them", async () => {
    const roomId = server.room();
    const peers = await connected(server);
    for (const peer of peers) await peer.ok("hub:join", { roomId });
    const before = resident(server);
    // The store gives up what waits longer than 5 s, so that all has to be there long before, on a busy machine too.
    const lock = spawn("sqlite3", [join(server.dir, "data/test.db")], { stdio: ["pipe", "pipe", "inherit"] });
    lock.stdin.write("BEGIN IMMEDIATE;\nSELECT 'locked';\n");
    await new Promise((done) => lock.stdout.once("data", done));
    const all = peers.map((peer) => peer.call("hub:send", note(roomId, flat)));
    const little = peers.map((peer) => peer.say(roomId, "little"));
    await full(server, before);
    lock.stdin.end("COMMIT;\n");
    assert.equal(accepted(await Promise.all(all)), PLACES);
    await Promise.all(little);
    assert.equal(await waiting(server), 0);
  });
});
