// listen.compression: stock clients that agree on permessage-deflate beside those that do not, every window and size of messages (what
// sections 12 and 13 of the Autobahn suite try), and gzip answers to polls, REST and files.
import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { serve, serving } from "./harness.js";
import { Polling, Ws } from "./raw.js";

const AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const TEXT = "all work and no play makes a dull boy. ".repeat(60);

function compressing(def) {
  def.service.listen.compression = { websocket: true, threshold: 200 };
  def.service.listen.maxPayload = 300000;
  def.hub.guardrails.maxMessageSize = 200000;
  def.hub.messageSettings.customMessageTypes = [{ name: "sealed", compress: false }];
  def.hub.eventSettings = {
    customEvents: [
      { name: "open", direction: "clientToRoom" },
      { name: "shut", direction: "clientToRoom", compress: false },
      { name: "kept", direction: "clientToRoom", compress: false, ephemeral: false },
    ],
  };
  const tell = {
    tellAll: "hub.broadcast(payload.id, payload.event, payload.data)",
    tellSome: "hub.broadcast(payload.id, payload.event, payload.data, {'sealer', 'reader'})",
    tellOthers: "rooms.broadcast(payload.id, payload.event, payload.data, {except = {connection.id}})",
    tellRooms: "rooms.broadcastWhere({id = payload.id}, payload.event, payload.data)",
  };
  def.hub.hubExtensions.commands = Object.entries(tell).map(([name, call]) => ({ name, script: { lua: `return ${call}` } }));
  def.service.namespaces = [{ path: "/echo", events: [{ name: "echo", script: { lua: "return ..." } }] }];
}

/** The sums of hubd_deflate_bytes_total and its relatives, as {"websocket before": n, …, saved: n}. */
async function counts(server) {
  const { text } = await server.rest("GET", "/metrics");
  const all = {};
  for (const [, kind, state, n] of text.matchAll(/^hubd_deflate_bytes_total\{kind="(\w+)",state="(\w+)"\} (\d+)/gm)) all[`${kind} ${state}`] = Number(n);
  all.saved = Number(/^hubd_deflate_saved_bytes_total (\d+)/m.exec(text)[1]);
  return all;
}

/** The bytes as they come: fetch would inflate them. */
const bare = (url, headers = {}) =>
  new Promise((done, failed) => {
    const request = get(url, { headers, agent: false }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => done({ status: answer.statusCode, headers: answer.headers, bytes: Buffer.concat(chunks) }));
    });
    request.on("error", failed);
  });

describe("compression of WebSocket messages", () => {
  const server = serve(compressing);

  test("a broadcast is compressed once for all who agreed, and reaches the others plain", async () => {
    const room = server.room();
    const members = [];
    for (let i = 0; i < 6; i++) members.push(await server.member(`u${i}`, room, { perMessageDeflate: i < 5 && { threshold: 0 } }));
    const extensions = members.map((m) => m.socket.io.engine.transport.ws.extensions);
    assert.deepEqual(extensions, [...Array(5).fill("permessage-deflate"), ""]);
    const before = await counts(server);
    await members[0].ok("hub:send", { roomId: room, messageType: "text", content: { body: TEXT } });
    for (const member of members) {
      const { message } = await member.next("hub:messageArrived");
      assert.equal(message.content.body, TEXT);
    }
    const after = await counts(server);
    const compressed = after["websocket before"] - before["websocket before"];
    assert.ok(compressed > 2 * TEXT.length && compressed < 3 * TEXT.length, `the answer to the sender, and one broadcast: ${compressed}`);
    assert.ok(after.saved - before.saved > 5 * (TEXT.length * 0.8), `saved ${after.saved - before.saved}`);
  });

  test("what is defined with compress: false is broadcast as it is", async () => {
    const room = server.room();
    const [sender, reader] = [await server.member("sealer", room), await server.member("reader", room, { perMessageDeflate: { threshold: 0 } })];
    const saved = async () => (await counts(server)).saved;
    for (const [name, plain] of [["open", false], ["shut", true], ["kept", true]]) {
      const before = await saved();
      await sender.ok("hub:event", { roomId: room, event: name, data: TEXT });
      assert.equal((await reader.next(name)).data, TEXT);
      assert.equal((await saved()) === before, plain, name);
    }
    for (const command of ["tellAll", "tellSome", "tellOthers", "tellRooms"]) {
      for (const [event, plain] of [["open", false], ["shut", true]]) {
        const before = await saved();
        await sender.ok(command, { id: room, event, data: TEXT });
        assert.equal((await reader.next(event)).data, TEXT);
        assert.equal((await saved()) === before, plain, `${command} ${event}`);
      }
    }
    for (const messageType of ["text", "sealed"]) {
      await sender.ok("hub:send", { roomId: room, messageType, content: { body: TEXT } });
      const before = await saved(); // the sender's own answer is none of it
      await server.rest("POST", `/chat/rooms/${room}/messages`, { user: "sealer", body: { messageType, content: { body: TEXT } } });
      for (let i = 0; i < 2; i++) assert.equal((await reader.next("hub:messageArrived")).message.content.body, TEXT);
      assert.equal((await saved()) === before, messageType === "sealed", messageType);
    }
  });

  test("every offer of windows and contexts ends in messages that arrive", async () => {
    const cases = [
      [true, AGREED],
      [{ serverNoContextTakeover: true, clientNoContextTakeover: true }, AGREED],
      [{ clientMaxWindowBits: 9 }, AGREED],
      [{ serverMaxWindowBits: 15 }, `${AGREED}; server_max_window_bits=15`],
      [{ serverMaxWindowBits: 9 }, undefined], // what is shared has one window
    ];
    for (const [perMessageDeflate, extensions] of cases) {
      const ws = new Ws(server.url, undefined, { perMessageDeflate: perMessageDeflate === true || { threshold: 0, ...perMessageDeflate } });
      const [answer] = await once(ws.socket, "upgrade");
      assert.equal(answer.headers["sec-websocket-extensions"], extensions);
      assert.match(await ws.nextPacket(), /^0\{/);
      ws.send("40/echo,{\"token\":\"dev:u\"}");
      assert.match(await ws.nextPacket(), /^40\/echo,/);
      ws.send(`42/echo,1["echo","${TEXT}"]`);
      assert.equal(await ws.nextPacket(), `43/echo,1["${TEXT}"]`);
      ws.close();
    }
  });

  test("messages of every size and in fragments come back as they were", async () => {
    const ws = await Ws.open(server.url, { perMessageDeflate: { threshold: 0 } });
    ws.send("40/echo,{\"token\":\"dev:u\"}");
    await ws.nextPacket();
    let id = 0;
    for (const n of [0, 1, 16, 64, 180, 199, 200, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072, 200000]) {
      for (const unit of ["x", "ä€😀", `{"key":"${n}"}`]) {
        const text = JSON.stringify(unit.repeat(n).slice(0, Math.floor(n / (unit === "ä€😀" ? 3 : 1))).replace(/[\ud800-\udbff]$/, ""));
        const packet = `42/echo,${++id}["echo",${text}]`;
        const middle = Math.floor(packet.length / 2);
        if (id % 2) ws.send(packet);
        else if (/[\udc00-\udfff]/.test(packet[middle])) ws.send(packet);
        else {
          ws.socket.send(packet.slice(0, middle), { fin: false, compress: true });
          ws.socket.ping("between");
          ws.socket.send(packet.slice(middle), { fin: true, compress: true });
        }
        assert.equal(await ws.nextPacket(), `43/echo,${id}[${text}]`);
      }
    }
    ws.close();
  });

  test("a thousand compressed messages keep their order", async () => {
    const ws = await Ws.open(server.url, { perMessageDeflate: { threshold: 0 } });
    ws.send("40/echo,{\"token\":\"dev:u\"}");
    await ws.nextPacket();
    for (let i = 0; i < 1000; i++) ws.send(`42/echo,${i}["echo","${TEXT}"]`);
    for (let i = 0; i < 1000; i++) assert.ok((await ws.nextPacket()).startsWith(`43/echo,${i}[`));
    ws.close();
  });

  test("what inflates to more than maxPayload ends the connection", async () => {
    const ws = await Ws.open(server.url, { perMessageDeflate: { threshold: 0 } });
    ws.send("40/echo,{\"token\":\"dev:u\"}");
    await ws.nextPacket();
    ws.send(`42/echo,1["echo","${"0".repeat(50_000_000)}"]`);
    assert.deepEqual(await ws.end(), { code: 1009, reason: "message too large" });
  });

  test("a client that moves from polling to WebSocket is compressed from then on", async () => {
    const room = server.room();
    const peer = await server.member("mover", room, { transports: ["polling", "websocket"], perMessageDeflate: { threshold: 0 } });
    await peer.until(() => peer.socket.io.engine.transport.name === "websocket" || undefined, "upgrade");
    const before = await counts(server);
    await peer.ok("hub:send", { roomId: room, messageType: "text", content: { body: TEXT } });
    assert.equal((await peer.next("hub:messageArrived")).message.content.body, TEXT);
    assert.ok((await counts(server)).saved > before.saved + TEXT.length);
  });
});

describe("compression of answers", () => {
  const server = serve(compressing);

  test("a poll, and an answer of REST, come in gzip to whoever takes it", async () => {
    const room = server.room();
    await server.member("reader", room);
    for (let i = 0; i < 3; i++) await server.rest("POST", `/chat/rooms/${room}/messages`, { user: "reader", body: { messageType: "text", content: { body: TEXT } } });
    const headers = { authorization: "Bearer dev:reader" };
    const path = `${server.url}/chat/rooms/${room}/messages`;
    const plain = await bare(path, headers);
    const packed = await bare(path, { ...headers, "accept-encoding": "gzip" });
    assert.equal(plain.headers["content-encoding"], undefined);
    assert.equal(packed.headers["content-encoding"], "gzip");
    for (const { headers: h } of [plain, packed]) assert.match(h.vary, /Accept-Encoding/);
    assert.deepEqual(gunzipSync(packed.bytes), plain.bytes);
    assert.ok(packed.bytes.length < plain.bytes.length / 5);

    const session = await Polling.open(server.url);
    await session.push("40/hub/chat,{\"token\":\"dev:poller\"}");
    await session.poll();
    await session.push(`42/hub/chat,1["hub:join",{"roomId":"${room}"}]`);
    const { headers: h, text } = await session.poll(); // fetch takes gzip, and inflates it
    assert.equal(h.get("content-encoding"), "gzip");
    assert.ok(text.includes(TEXT));
  });

  test("the client that hubd serves comes in gzip with a tag of its own", async (t) => {
    for (const name of ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"]) {
      const url = `${server.url}/socket.io/${name}`;
      const plain = await bare(url);
      if (plain.status === 404) return t.skip("hubd was built without the client");
      const packed = await bare(url, { "accept-encoding": "gzip, br" });
      assert.equal(packed.headers["content-encoding"], "gzip");
      assert.equal(packed.headers.vary, "Accept-Encoding");
      assert.deepEqual(gunzipSync(packed.bytes), plain.bytes);
      assert.notEqual(packed.headers.etag, plain.headers.etag);
      for (const [encoding, { headers }] of [["identity", plain], ["gzip", packed]]) {
        const again = await bare(url, { "accept-encoding": encoding, "if-none-match": headers.etag });
        assert.deepEqual([again.status, again.bytes.length, again.headers.etag], [304, 0, headers.etag]);
      }
      assert.equal((await bare(url, { "accept-encoding": "gzip", "if-none-match": plain.headers.etag })).status, 200);
    }
  });
});

test("by default answers are compressed and messages are not", async () => {
  await serving(undefined, async (server) => {
    const ws = await Ws.open(server.url, { perMessageDeflate: true });
    assert.equal(ws.socket.extensions, "");
    ws.close();
    assert.equal((await bare(`${server.url}/metrics`, { "accept-encoding": "gzip" })).headers["content-encoding"], "gzip");
  });
});

test("nothing is compressed where it is off", async () => {
  const off = (def) => (def.service.listen.compression = { http: false });
  await serving(off, async (server) => {
    const { headers } = await bare(`${server.url}/metrics`, { "accept-encoding": "gzip" });
    assert.deepEqual([headers["content-encoding"], headers.vary], [undefined, undefined]);
  });
});
