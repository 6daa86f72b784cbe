// What strangers push: malformed bytes at every state of the protocol, too much of everything, and peers that stall. Each gets a
// clear answer or a clean close; whoever is in a room meanwhile notices nothing.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, before, describe, test } from "node:test";
import { serve, SLACK_MS } from "./harness.js";
import { Polling, Tcp, Ws, engine, frame, rawWebSocket, upgradeRequest } from "./raw.js";

const MAX_PAYLOAD = 100000;

function small(def) {
  def.service.listen.maxPayload = MAX_PAYLOAD;
  def.service.listen.maxQueueBytes = 262144;
  def.hub.guardrails.maxMessageSize = 20000;
  def.hub.messageSettings.customMessageTypes = [{ name: "free" }];
  def.hub.eventSettings = { customEvents: [{ name: "wave", direction: "clientToRoom" }] };
}

/** A pair of members that must be able to talk after every test. */
function bystanders(server) {
  let roomId, ann, bob;
  before(async () => {
    roomId = server.room();
    [ann, bob] = await Promise.all(["ann", "bob"].map((user) => server.member(user, roomId)));
    server.peers.clear(); // these two stay for the whole suite
  });
  afterEach(async () => {
    const { id } = await ann.say(roomId, "still there?");
    await bob.next("hub:messageArrived", ({ message }) => message.id === id);
  });
}

const hub = (base, user = "mallory") => Ws.namespace(base, "/hub/chat", { token: `dev:${user}` });

describe("broken WebSocket frames", () => {
  const server = serve(small);
  bystanders(server);

  for (const [what, bytes, code] of [
    ["an unmasked frame", frame(1, "40", { masked: false }), 1002],
    ["a reserved bit", frame(1, "40", { rsv: 4 }), 1002],
    ["an unknown opcode", frame(3, "x"), 1002],
    ["an unknown control opcode", frame(11, "x"), 1002],
    ["a fragmented ping", frame(9, "x", { fin: false }), 1002],
    ["a ping of 126 bytes", frame(9, "x".repeat(126)), 1002],
    ["a continuation of nothing", frame(0, "x"), 1002],
    ["text inside a fragmented message", Buffer.concat([frame(1, "4", { fin: false }), frame(1, "0")]), 1002],
    ["a frame over maxPayload", frame(1, "4".repeat(MAX_PAYLOAD + 1)), 1009],
    ["an announced length of 2^62", frame(1, "", { length: 2 ** 62 }), 1009],
    ["an announced length of 2^63", Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]), 1002],
    ["invalid UTF-8", frame(1, Buffer.from([0x34, 0x30, 0xc3, 0x28])), 1007],
    ["a UTF-16 surrogate in UTF-8", frame(1, Buffer.from([0x34, 0x30, 0xed, 0xa0, 0x80])), 1007],
    ["a close frame of one byte", frame(8, "x"), 1002],
    ["a close code that does not exist", frame(8, Buffer.from([0, 1])), 1002],
  ]) {
    test(`${what} closes with ${code}`, async () => {
      const tcp = await rawWebSocket(server.port);
      const from = tcp.text.length;
      tcp.write(bytes);
      await tcp.end();
      const answer = Buffer.from(tcp.text.slice(from), "latin1");
      const at = answer.indexOf(0x88);
      assert.ok(at >= 0, `no close frame in ${answer.toString("hex")}`);
      const sent = answer.readUInt16BE(at + 2);
      assert.ok(sent === code || (code === 1009 && sent === 1002) || (code === 1002 && sent === 1009), `${sent}`);
    });
  }

  test("fragments that together exceed maxPayload close with 1009", async () => {
    const ws = await hub(server.url);
    const part = "x".repeat(30000);
    ws.socket.send(`42/hub/chat,["hub:send","${part}`, { fin: false });
    for (let i = 0; i < 3; i++) ws.socket.send(part, { fin: false });
    assert.equal((await ws.end()).code, 1009);
  });

  test("a close frame is answered with the same code", async () => {
    const ws = await Ws.open(server.url);
    ws.socket.close(1000);
    assert.equal((await ws.end()).code, 1000);
  });

  test("every kind of frame cut off at every byte harms nobody", async () => {
    const whole = Buffer.concat([
      frame(1, '40/hub/chat,{"token":"dev:m"}'),
      frame(9, "ping"),
      frame(2, Buffer.alloc(200)),
      frame(8, Buffer.from([3, 232])),
    ]);
    const cuts = Array.from({ length: whole.length }, (_, i) => i).filter((i) => i < 60 || i % 17 === 0);
    for (const cut of cuts) {
      const tcp = await rawWebSocket(server.port);
      tcp.write(whole.subarray(0, cut));
      tcp.socket.end();
      await tcp.end();
    }
  });
});

describe("broken Engine.IO", () => {
  const server = serve(small);
  bystanders(server);

  for (const packet of [
    "",
    "7",
    "x",
    "9hello",
    "-1",
    "4".repeat(2),
    "44444",
    "b",
    "bAQID",
    "0{}",
    "0",
    "5",
    "2",
    "6junk",
    "\u0000",
    "\u001e",
    "4\u001e4",
  ]) {
    test(`WebSocket packet ${JSON.stringify(packet)} is ignored or closes the connection`, async () => {
      const ws = await Ws.open(server.url);
      ws.send(packet);
      ws.send('40/hub/chat,{"token":"dev:m"}');
      const answer = await Promise.race([ws.end(), ws.nextPacket()]);
      if (typeof answer === "string") assert.match(answer, /^(40\/hub\/chat,\{"sid"|3|44)/);
      ws.close();
    });
  }

  for (const payload of ["", "x", "\x1e", "4\x1e", "\x1e40", "b", "b!!!", "bA", "7\x1e40", "4".repeat(500)]) {
    test(`polling payload ${JSON.stringify(payload.slice(0, 10))} is answered 200 or 400`, async () => {
      const session = await Polling.open(server.url);
      const { status } = await session.push(payload);
      assert.ok([200, 400].includes(status), `${status}`);
    });
  }

  test("a payload of invalid UTF-8 is 400", async () => {
    const session = await Polling.open(server.url);
    assert.equal((await session.push(Buffer.from([0x34, 0x30, 0xc3, 0x28]))).status, 400);
  });

  test("a payload of a hundred thousand packets is taken or refused, quickly", async () => {
    const session = await Polling.open(server.url);
    assert.equal((await session.push(`${"3\x1e".repeat(49000)}3`)).status, 413); // of a stranger
    const member = await Polling.open(server.url);
    await member.push('40/hub/chat,{"token":"dev:ann"}');
    while (!(await member.poll()).text.includes("40/hub/chat"));
    const { status } = await member.push(`${"3\x1e".repeat(49000)}3`);
    assert.ok([200, 400].includes(status), `${status}`);
  });

  test("queries that are out of order, doubled or percent-encoded wrongly are 400", async () => {
    for (const query of [
      "EIO=4&EIO=3&transport=abc",
      "EIO=4&transport=%zz",
      "EIO=4&transport=polling&sid=%00",
      "EIO=4&transport=polling&sid=",
      `EIO=4&transport=polling&sid=${"x".repeat(5000)}`,
      "%",
      "&&&=&",
    ]) {
      const { status } = await fetch(`${server.url}/socket.io/?${query}`);
      assert.ok([200, 400].includes(status), `${query}: ${status}`);
    }
  });

  test("a sid of a WebSocket session does not serve polling", async () => {
    const ws = await Ws.open(server.url);
    assert.equal((await engine(server.url, { EIO: "4", transport: "polling", sid: ws.open.sid })).status, 400);
    ws.close();
  });
});

describe("broken Socket.IO", () => {
  const server = serve(small);
  bystanders(server);
  const deep = (n) => `${"[".repeat(n)}${"]".repeat(n)}`;

  for (const [state, prepare] of [
    ["before CONNECT", () => Ws.open(server.url)],
    ["after CONNECT", () => hub(server.url)],
  ]) {
    for (const packet of [
      "4",
      "47",
      "4x",
      "42",
      "42{}",
      "42[]",
      "42[7]",
      '42["x"',
      "42/hub/chat",
      "42/hub/chat,",
      "42/hub/chat,[",
      "42/hub/chat,{}",
      "42/hub/chat,[1,2]",
      '42/hub/chat,99999999999999999999["hub:join"]',
      '42/hub/chat,-1["hub:join"]',
      "43/hub/chat,[]",
      "43/hub/chat,1",
      "43/hub/chat,1{}",
      "45/hub/chat,[]",
      '451-/hub/chat,["x"]',
      '4599999999999-/hub/chat,["x"]',
      '45-/hub/chat,["x"]',
      "44/hub/chat,{}",
      "40/hub/chat,[]",
      "40/hub/chat,7",
      '40/hub/chat,{"token":',
      `40/${"x".repeat(5000)},{}`,
      `42/hub/chat,["${"e".repeat(5000)}"]`,
      `42/hub/chat,["hub:send",${deep(65)}]`,
      `42/hub/chat,["hub:send",${deep(20000)}]`,
      '42/hub/chat,["hub:send",{"a":1,"a":2}]',
      '42/hub/chat,["hub:send",1e999]',
      '42/hub/chat,["hub:send","\\ud800"]',
      '42/hub/chat,["hub:send","\\u0000"]',
      '42/hub/chat,["__proto__",{}]',
    ]) {
      const shown = JSON.stringify(packet.length > 60 ? `${packet.slice(0, 50)}…` : packet);
      test(`${state}: ${shown} is answered, ignored or closes the connection`, async () => {
        const ws = await prepare();
        ws.send(packet);
        ws.send("41/hub/chat,");
        ws.send('40/hub/chat,{"token":"dev:again"}');
        for (;;) {
          const answer = await Promise.race([ws.end(), ws.nextPacket()]);
          if (typeof answer !== "string" || answer.startsWith("40/hub/chat,")) break;
        }
        ws.close();
      });
    }
  }

  test("JSON nested fifty deep is read, a hundred deep is refused", async () => {
    const roomId = server.room();
    const eve = await server.member("eve", roomId);
    const nested = (depth) => (depth ? { a: nested(depth - 1) } : {});
    const send = (depth) => eve.call("hub:send", { roomId, messageType: "free", content: nested(depth) });
    assert.deepEqual((await send(50)).message.content, nested(50));
    const answer = await Promise.race([send(100).catch(() => "closed"), eve.disconnected()]);
    if (typeof answer !== "string") assert.equal(answer.error.code, "bad_request");
  });

  test("a count of attachments that is none closes the connection", async () => {
    const ws = await hub(server.url);
    ws.send('45100000-/hub/chat,["hub:send",{"_placeholder":true,"num":0}]');
    await ws.end();
  });

  test("more namespaces on one connection than anybody needs do not grow without bound", async () => {
    const ws = await Ws.open(server.url);
    for (let i = 0; i < 2000; i++) ws.send(`40/${i}/hub/chat,{"token":"dev:m"}`);
    ws.send('40/hub/chat,{"token":"dev:m"}');
    for (;;) {
      const answer = await Promise.race([ws.end(), ws.nextPacket()]);
      if (typeof answer !== "string" || answer.startsWith("40/hub/chat,") || answer.startsWith("44/hub/chat,")) break;
    }
    ws.close();
  });

  test("binary in place of a payload is a bad request", async () => {
    const roomId = server.room();
    const eve = await server.member("eve", roomId);
    const answer = await Promise.race([
      eve.call("hub:send", { roomId, messageType: "text", content: { body: Buffer.from([1, 2]) } }),
      eve.disconnected(),
    ]);
    if (typeof answer !== "string") assert.equal(answer.ok, false);
  });

  test("a room of a strange id is not found, not a failure", async () => {
    const eve = await server.connect("eve");
    for (const roomId of ["'; DROP TABLE conversation; --", "x".repeat(10000), "\u0001", "../../etc/passwd", "😀", "%", "r1\u0000"]) {
      const answer = await eve.call("hub:join", { roomId });
      assert.equal(answer.ok, false);
      assert.ok(["room_not_found", "bad_request"].includes(answer.error.code), answer.error.code);
    }
  });
});

describe("peers that stall", () => {
  const server = serve(small);
  bystanders(server);

  const resident = () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.hubd.pid}/status`, "utf8"))[1]);

  const slowReaders = async () => Number(/^hubd_slow_reader_disconnects_total (\d+)$/m.exec((await server.rest("GET", "/metrics")).text)[1]);

  test("a reader that never reads is closed as a slow reader, and delays nobody", async () => {
    const roomId = server.room();
    const lazy = await hub(server.url, "lazy");
    lazy.send(`42/hub/chat,1["hub:join",{"roomId":"${roomId}"}]`);
    while (!(await lazy.nextPacket()).startsWith("43/hub/chat,1"));
    lazy.socket._socket.pause();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const body = "x".repeat(15000);
    const count = await slowReaders();
    let sent = 0;
    while ((await slowReaders()) === count && sent < 2000) {
      for (let i = 0; i < 5; i++) await Promise.all(Array.from({ length: 10 }, () => ann.say(roomId, body)));
      sent += 50;
    }
    assert.equal(await slowReaders(), count + 1, `after ${sent} messages`);
    for (let seq = 1; seq <= sent; seq++) assert.equal((await bob.next("hub:messageArrived")).message.seq, seq);
    lazy.socket._socket.resume();
    const { code, reason } = await lazy.end();
    // The close frame waits behind what the reader did not take: it may get the connection's end instead.
    if (code !== 1006) assert.deepEqual([code, reason], [1013, "slow_reader"]);
    lazy.close();
  });

  test("a stalled reader loses ephemeral events, oldest first, but not its connection", async () => {
    const roomId = server.room();
    const [ann, lazy] = await Promise.all(["ann", "lazy"].map((user) => server.member(user, roomId)));
    const { _socket: tcp } = lazy.socket.io.engine.transport.ws;
    tcp.pause();
    const data = { filler: "x".repeat(8000) };
    const dropped = async () => Number(/^hubd_ephemeral_dropped_total (\d+)$/m.exec((await server.rest("GET", "/metrics")).text)[1]);
    let n = 0;
    while ((await dropped()) < 100 && n < 20000) {
      for (let i = 0; i < 10; i++) await ann.ok("hub:event", { roomId, event: "wave", data: { n: ++n, ...data } });
    }
    assert.ok((await dropped()) >= 100);
    const last = await ann.say(roomId, "after the waves");
    tcp.resume();
    await lazy.next("hub:messageArrived", ({ message }) => message.id === last.id);
    const seen = lazy.log.filter(([name]) => name === "wave").map(([, payload]) => payload.data.n);
    assert.equal(seen.at(-1), n, "the newest is there");
    assert.ok(seen.length < n);
    assert.deepEqual(
      seen,
      [...seen].sort((x, y) => x - y),
    );
    assert.equal(lazy.socket.connected, true);
  });

  test("a burst larger than maxQueueBytes does not make slow readers of those who read", async () => {
    const roomId = server.room();
    const [ann, eve] = await Promise.all(["ann", "eve"].map((user) => server.member(user, roomId)));
    const body = "x".repeat(15000);
    await Promise.all(Array.from({ length: 20 }, () => ann.say(roomId, body)));
    for (let seq = 1; seq <= 20; seq++) assert.equal((await eve.next("hub:messageArrived")).message.seq, seq);
  });

  test("a polling client that never polls again costs no more than its queue", async () => {
    const roomId = server.room();
    const session = await Polling.open(server.url);
    await session.push('40/hub/chat,{"token":"dev:lazy"}');
    await session.push(`42/hub/chat,1["hub:join",{"roomId":"${roomId}"}]`);
    let text = "";
    while (!text.includes("43/hub/chat,1")) text += (await session.poll()).text;
    const ann = await server.member("ann", roomId);
    const before = resident();
    for (let i = 0; i < 60; i++) await Promise.all(Array.from({ length: 10 }, () => ann.say(roomId, "x".repeat(15000))));
    assert.ok(resident() - before < 200000, `${before} kB became ${resident()} kB`);
    const last = await session.poll();
    if (last.status === 200) assert.match(last.text, /(^|\x1e)1$/);
    assert.equal((await session.poll()).status, 400);
  });

  test("a thousand half-open connections of every kind leave the others unaffected", async () => {
    const openings = [
      "",
      "G",
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\n",
      "POST /chat/rooms/r1/messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
      `${upgradeRequest("/socket.io/?EIO=4&transport=websocket")}\x81`,
    ];
    const strangers = [];
    for (let i = 0; i < 1000; i += 50) {
      strangers.push(...(await Promise.all(Array.from({ length: 50 }, () => Tcp.open(server.port)))));
      strangers.slice(-50).forEach((tcp, n) => tcp.write(Buffer.from(openings[n % openings.length], "latin1")));
    }
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const started = performance.now();
    for (let i = 0; i < 20; i++) await ann.say(roomId, `${i}`);
    assert.ok(performance.now() - started < 5000 + SLACK_MS);
    assert.equal((await server.rest("GET", "/healthz")).status, 200);
    strangers.forEach((tcp) => tcp.close());
  });

  test("a head or a body that never ends is timed out", async () => {
    const tcps = await Promise.all([
      Tcp.open(server.port),
      Tcp.open(server.port).then((tcp) => tcp.write("GET /healthz HTTP/1.1\r\nHost: a\r\n")),
      Tcp.open(server.port).then((tcp) => tcp.write("POST /chat/rooms/r1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")),
    ]);
    await Promise.all(tcps.map((tcp) => tcp.closed));
  });
});
