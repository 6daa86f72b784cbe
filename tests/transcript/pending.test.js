// What strangers may hold of a running hubd before they have signed in: how many at a time, and how much each.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request, Agent } from "node:http";
import { describe, test } from "node:test";
import { eventually, serve } from "./harness.js";
import { Polling, Tcp, Ws } from "./raw.js";

const EIO = "/socket.io/?EIO=4&transport=polling";

/** The status of one polling handshake. */
function handshake(server, agent, headers = {}) {
  return new Promise((done, failed) => {
    const req = request({ port: server.port, path: EIO, agent, headers }, (res) => res.resume().on("end", () => done(res)));
    req.on("error", failed);
    req.end();
  });
}

const metric = async (server, name) => Number((await server.rest("GET", "/metrics")).text.match(new RegExp(`^${name.replace(/[{}"]/g, "\\$&")} (\\d+)`, "m"))?.[1]);

describe("strangers", () => {
  const server = serve((def) => {
    def.service.listen.maxPayload = 10000000;
    def.service.listen.connectTimeout = 10000;
    def.service.listen.trustedProxies = ["127.0.0.1"];
  });

  // All of them stayed for connectTimeout.
  test("of one address 256 sessions wait for sign-in; further ones get 429, and others are not concerned", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 20 });
    const headers = { "x-forwarded-for": "192.0.2.66" };
    const all = await Promise.all(Array.from({ length: 1000 }, () => handshake(server, agent, headers)));
    agent.destroy();
    assert.equal(all.filter((res) => res.statusCode === 200).length, 256);
    const refused = all.filter((res) => res.statusCode === 429);
    assert.equal(refused.length, 744);
    assert.equal(refused[0].headers["retry-after"], "1");
    await server.hubd.printed(/info +transport: refused: too much has not signed in limit=maxPendingPerAddress peer=192\.0\.2\.66/);
    assert.equal(await metric(server, 'hubd_pending_refused_total{limit="address"}'), 744);
    assert.equal(await metric(server, 'hubd_pending{kind="session"}'), 256);
    await server.member("ann", server.room()); // of another address
    await eventually("they are gone", async () => (await metric(server, 'hubd_pending{kind="session"}')) === 0);
    assert.equal((await handshake(server, undefined, headers)).statusCode, 200);
  });

  // Each could hold maxPayload.
  test("a WebSocket holds 16 KiB before sign-in, and as much as configured afterwards", async () => {
    const resident = () => Number(readFileSync(`/proc/${server.hubd.pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]);
    const before = resident();
    const strangers = await Promise.all(Array.from({ length: 100 }, () => Ws.open(server.url)));
    for (const ws of strangers) ws.socket._socket.write(Buffer.concat([Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x80, 0, 0, 1, 2, 3, 4]), Buffer.alloc(1000000, 120)]));
    for (const { code } of await Promise.all(strangers.map((ws) => ws.end()))) assert.ok([1006, 1009].includes(code), `${code}`);
    assert.ok(resident() - before < 50000, `${before} kB became ${resident()} kB`);
    const ws = await Ws.namespace(server.url, "/hub/chat", { token: "dev:ann" });
    ws.send(`42/hub/chat,1["nothing","${"x".repeat(100000)}"]`);
    assert.match(await ws.nextPacket(), /^43\/hub\/chat,1\[\{"ok":false/);
    ws.close();
  });

  test("attachments, posts and CONNECTs of a stranger are bounded too", async () => {
    const ws = await Ws.open(server.url);
    ws.send('451-/hub/chat,["x",{"_placeholder":true,"num":0}]');
    ws.send(Buffer.alloc(16500));
    assert.equal((await ws.end()).code, 1009);
    const session = await Polling.open(server.url);
    assert.equal((await session.push(`4${"x".repeat(20000)}`)).status, 413);
  });

  test("a large body is not read before its sender is known", async () => {
    const head = (auth) =>
      `POST /chat/rooms/r1/messages HTTP/1.1\r\nHost: localhost\r\n${auth}Content-Type: application/json\r\nContent-Length: 5000000\r\n\r\n`;
    const stranger = await Tcp.open(server.port);
    stranger.write(head(""));
    await stranger.until(/^HTTP\/1\.1 401 /);
    stranger.close();
    const content = { messageType: "text", content: { body: "x".repeat(60000) } };
    const roomId = server.room();
    assert.equal((await server.rest("POST", `/chat/rooms/${roomId}/messages`, { user: "ann", body: content })).status, 201);
    assert.equal((await server.rest("POST", `/chat/rooms/${roomId}/messages`, { body: content })).status, 401);
  });
});
