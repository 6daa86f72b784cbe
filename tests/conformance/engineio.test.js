// Engine.IO 4: what the protocol's test suite checks of a server, and the corners around it. Messages are Socket.IO packets here,
// because hubd has nothing that would echo bare Engine.IO messages.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "../transcript/harness.js";
import { engine, Polling, Ws } from "../transcript/raw.js";
import { conformance, PING_INTERVAL, PING_TIMEOUT } from "./service.js";

const SEPARATOR = "\x1e";

/** A polling session connected to "/": the CONNECT answer and the auth event are taken. */
async function connectedPolling(base) {
  const session = await Polling.open(base);
  assert.equal((await session.push("40")).text, "ok");
  session.inbox = [];
  while (session.inbox.length < 2) session.inbox.push(...packets(await session.poll()));
  assert.match(session.inbox[0], /^40\{"sid":"[^"]+"\}$/);
  assert.equal(session.inbox[1], '42["auth",{}]');
  return session;
}

/** Packets of a poll, pings answered elsewhere left out. */
function packets({ status, text }) {
  assert.equal(status, 200, text);
  return text.split(SEPARATOR).filter((packet) => packet !== "2");
}

async function pollPackets(session, count) {
  const all = [];
  while (all.length < count) all.push(...packets(await session.poll()));
  return all;
}

describe("Engine.IO handshake", () => {
  const server = serve(conformance);

  test("a GET with transport=polling opens a session and describes it", async () => {
    const { status, text } = await engine(server.url, { EIO: "4", transport: "polling" });
    assert.equal(status, 200);
    assert.equal(text[0], "0");
    const open = JSON.parse(text.slice(1));
    assert.deepEqual(Object.keys(open).sort(), ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"]);
    assert.equal(typeof open.sid, "string");
    assert.ok(open.sid.length >= 16);
    assert.deepEqual(open.upgrades, ["websocket"]);
    assert.equal(open.pingInterval, PING_INTERVAL);
    assert.equal(open.pingTimeout, PING_TIMEOUT);
    assert.equal(open.maxPayload, 1000000);
  });

  test("two sessions never share an id", async () => {
    const sids = await Promise.all(Array.from({ length: 50 }, async () => (await Polling.open(server.url)).sid));
    assert.equal(new Set(sids).size, 50);
  });

  for (const [what, query] of [
    ["no EIO", { transport: "polling" }],
    ["an EIO that is no number", { EIO: "abc", transport: "polling" }],
    ["a protocol version that is not served", { EIO: "3", transport: "polling" }],
    ["no transport", { EIO: "4" }],
    ["an unknown transport", { EIO: "4", transport: "abc" }],
    ["an unknown sid", { EIO: "4", transport: "polling", sid: "nobody" }],
  ]) {
    test(`polling with ${what} is answered 400`, async () => {
      const { status } = await engine(server.url, query);
      assert.equal(status, 400);
    });
  }

  for (const method of ["POST", "PUT", "DELETE"]) {
    test(`a handshake with ${method} is answered 400`, async () => {
      const { status } = await engine(server.url, { EIO: "4", transport: "polling" }, { method });
      assert.equal(status, 400);
    });
  }

  test("a WebSocket opens a session with nothing left to upgrade to", async () => {
    const ws = await Ws.open(server.url);
    assert.deepEqual(Object.keys(ws.open).sort(), ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"]);
    assert.deepEqual(ws.open.upgrades, []);
    assert.equal(ws.open.pingInterval, PING_INTERVAL);
    assert.equal(ws.open.pingTimeout, PING_TIMEOUT);
    assert.equal(ws.open.maxPayload, 1000000);
    ws.close();
  });

  for (const [what, query] of [
    ["no EIO", { transport: "websocket" }],
    ["an EIO that is no number", { EIO: "abc", transport: "websocket" }],
    ["no transport", { EIO: "4" }],
    ["an unknown transport", { EIO: "4", transport: "abc" }],
    ["an unknown sid", { EIO: "4", transport: "websocket", sid: "nobody" }],
  ]) {
    test(`a WebSocket with ${what} is refused`, async () => {
      const ws = new Ws(server.url, query);
      await ws.end();
      assert.equal(ws.inbox.length, 0);
    });
  }

  test("polling answers carry text/plain, and allow the origin only when the service says so", async () => {
    for (const [origin, status] of [
      [server.url, 200],
      ["https://elsewhere.example", 403],
    ]) {
      const answer = await engine(server.url, { EIO: "4", transport: "polling" }, { headers: { origin } });
      assert.equal(answer.status, status);
      assert.match(answer.headers.get("content-type"), /^text\/plain; ?charset=utf-8$/i);
      assert.equal(answer.headers.get("access-control-allow-origin"), null);
    }
  });
});

describe("Engine.IO messages over polling", () => {
  const server = serve(conformance);

  test("one text packet goes in and comes back", async () => {
    const session = await connectedPolling(server.url);
    const pushed = await session.push('42["message","hello"]');
    assert.equal(pushed.status, 200);
    assert.equal(pushed.text, "ok");
    assert.deepEqual(await pollPackets(session, 1), ['42["message-back","hello"]']);
  });

  test("several packets in one payload are taken in order", async () => {
    const session = await connectedPolling(server.url);
    await session.push(['42["message",1]', '42["message",2]', '42["message",3]'].join(SEPARATOR));
    assert.deepEqual(await pollPackets(session, 3), ['42["message-back",1]', '42["message-back",2]', '42["message-back",3]']);
  });

  test("binary travels as base64 beside text", async () => {
    const session = await connectedPolling(server.url);
    await session.push(['451-["message",{"_placeholder":true,"num":0}]', "bAQIDBA=="].join(SEPARATOR));
    assert.deepEqual(await pollPackets(session, 2), ['451-["message-back",{"_placeholder":true,"num":0}]', "bAQIDBA=="]);
  });

  test("text beyond ASCII is counted in characters nowhere", async () => {
    const session = await connectedPolling(server.url);
    await session.push('42["message","utf 8 string: € 😀"]');
    assert.deepEqual(await pollPackets(session, 1), ['42["message-back","utf 8 string: € 😀"]']);
  });

  test("a poll that finds nothing waits for the next packet", async () => {
    const session = await connectedPolling(server.url);
    const poll = pollPackets(session, 1);
    await session.push('42["message","late"]');
    assert.deepEqual(await poll, ['42["message-back","late"]']);
  });

  test("a broken payload ends the session", async () => {
    const session = await Polling.open(server.url);
    const pushed = await session.push("abc");
    assert.equal(pushed.status, 400);
    assert.equal((await session.poll()).status, 400);
  });

  test("a second poll at the same time ends the session and the first poll", async () => {
    const session = await Polling.open(server.url);
    const first = session.poll();
    // The first poll must be the one that waits: the second goes out after the server has answered something newer on another connection.
    await Polling.open(server.url);
    const second = await session.poll();
    assert.ok([400, 500].includes(second.status), `${second.status}`);
    const { status, text } = await first;
    assert.equal(status, 200);
    assert.equal(text, "1");
    assert.equal((await session.poll()).status, 400);
  });

  test("a poll that the client gave up ends the session", async () => {
    const session = await Polling.open(server.url);
    const abort = new AbortController();
    const poll = session.poll({ signal: abort.signal });
    await Polling.open(server.url);
    abort.abort();
    await assert.rejects(poll);
    let status = 200;
    for (let tries = 0; status !== 400 && tries < 50; tries++) {
      await Polling.open(server.url);
      ({ status } = await engine(server.url, session.query, { method: "POST", body: "3" }));
    }
    assert.equal(status, 400);
  });

  test("a payload over maxPayload is refused with 413", async () => {
    const session = await connectedPolling(server.url);
    const pushed = await session.push(`42["message","${"x".repeat(1000001)}"]`);
    assert.equal(pushed.status, 413);
  });
});

describe("Engine.IO messages over WebSocket", () => {
  const server = serve(conformance);

  test("a text packet goes in and comes back", async () => {
    const ws = await Ws.namespace(server.url, "/");
    assert.equal(await ws.nextPacket(), '42["auth",{}]');
    ws.send('42["message","hello"]');
    assert.equal(await ws.nextPacket(), '42["message-back","hello"]');
    ws.close();
  });

  test("a binary frame is a message without a type character", async () => {
    const ws = await Ws.namespace(server.url, "/");
    assert.equal(await ws.nextPacket(), '42["auth",{}]');
    ws.send('451-["message",{"_placeholder":true,"num":0}]');
    ws.send(Buffer.from([1, 2, 3, 4]));
    assert.equal(await ws.nextPacket(), '451-["message-back",{"_placeholder":true,"num":0}]');
    assert.deepEqual(await ws.nextPacket(), Buffer.from([1, 2, 3, 4]));
    ws.close();
  });

  test("a broken packet closes the connection", async () => {
    const ws = await Ws.open(server.url);
    ws.send("abc");
    await ws.end();
  });

  test("fragmented text arrives whole", async () => {
    const ws = await Ws.namespace(server.url, "/");
    assert.equal(await ws.nextPacket(), '42["auth",{}]');
    ws.socket.send('42["mess', { fin: false });
    ws.socket.send('age","in ', { fin: false });
    ws.socket.send('parts"]', { fin: true });
    assert.equal(await ws.nextPacket(), '42["message-back","in parts"]');
    ws.close();
  });

  test("a WebSocket ping is answered with its payload", async () => {
    const ws = await Ws.open(server.url);
    const pong = new Promise((done) => ws.socket.once("pong", (data) => done(data.toString())));
    ws.socket.ping("are you there");
    assert.equal(await pong, "are you there");
    ws.close();
  });
});

describe("Engine.IO heartbeat", () => {
  const server = serve(conformance);

  test("over polling: pings come at their interval and pongs keep the session", async () => {
    const started = performance.now();
    const session = await Polling.open(server.url);
    for (let i = 0; i < 3; i++) {
      const { status, text } = await session.poll();
      assert.equal(status, 200);
      assert.equal(text, "2");
      assert.equal((await session.push("3")).status, 200);
    }
    assert.ok(performance.now() - started >= 3 * PING_INTERVAL - 5);
  });

  test("over polling: no pong ends the session after interval and timeout", async () => {
    const session = await Polling.open(server.url);
    assert.equal((await session.poll()).text, "2");
    // The next poll waits until the session is over.
    const { status, text } = await session.poll();
    assert.ok(status === 400 || text === "1" || text === "6", `${status} ${text}`);
    assert.equal((await session.poll()).status, 400);
  });

  test("over WebSocket: pings come at their interval and pongs keep the session", async () => {
    const ws = await Ws.open(server.url);
    for (let i = 0; i < 3; i++) {
      assert.equal(await ws.next(), "2");
      ws.send("3");
    }
    ws.close();
  });

  test("over WebSocket: no pong closes the connection after interval and timeout", async () => {
    const started = performance.now();
    const ws = await Ws.open(server.url);
    assert.equal(await ws.next(), "2");
    await ws.end();
    assert.ok(performance.now() - started >= PING_INTERVAL + PING_TIMEOUT - 5);
  });
});

describe("Engine.IO close", () => {
  const server = serve(conformance);

  test("over polling: a close packet ends the waiting poll and the session", async () => {
    const session = await Polling.open(server.url);
    const poll = session.poll();
    await Polling.open(server.url);
    assert.equal((await session.push("1")).status, 200);
    const { status, text } = await poll;
    assert.equal(status, 200);
    assert.equal(text, "6");
    assert.equal((await session.poll()).status, 400);
  });

  test("over WebSocket: a close packet closes the connection", async () => {
    const ws = await Ws.open(server.url);
    ws.send("1");
    await ws.end();
  });
});

describe("Engine.IO upgrade", () => {
  const server = serve(conformance);

  async function probed(session) {
    const ws = new Ws(server.url, { EIO: "4", transport: "websocket", sid: session.sid });
    await ws.opened;
    ws.send("2probe");
    assert.equal(await ws.next(), "3probe");
    return ws;
  }

  test("polling becomes WebSocket: probe, noop for the waiting poll, upgrade, messages", async () => {
    const session = await connectedPolling(server.url);
    const poll = session.poll();
    const ws = await probed(session);
    assert.equal((await poll).text.replace(/^2$/, "6"), "6");
    ws.send("5");
    ws.send('42["message","after the upgrade"]');
    assert.equal(await ws.nextPacket(), '42["message-back","after the upgrade"]');
    ws.close();
  });

  test("what was not yet polled arrives over the WebSocket, in order and once", async () => {
    const session = await connectedPolling(server.url);
    await session.push('42["message",1]');
    await session.push('42["message",2]');
    const ws = await probed(session);
    ws.send("5");
    ws.send('42["message",3]');
    const back = [];
    while (back.length < 3) back.push(await ws.nextPacket());
    assert.deepEqual(back, ['42["message-back",1]', '42["message-back",2]', '42["message-back",3]']);
    ws.close();
  });

  test("a probe that is never completed leaves the session on polling", async () => {
    const session = await connectedPolling(server.url);
    const ws = await probed(session);
    ws.close();
    await session.push('42["message","still here"]');
    const seen = [];
    while (!seen.includes('42["message-back","still here"]')) seen.push(...packets(await session.poll()));
  });

  test("after the upgrade HTTP requests with the sid are answered 400", async () => {
    const session = await Polling.open(server.url);
    const ws = await probed(session);
    ws.send("5");
    // The ping proves that the upgrade was taken before the poll goes out.
    assert.equal(await ws.next(), "2");
    ws.send("3");
    assert.equal((await session.poll()).status, 400);
    ws.close();
  });

  test("after the upgrade a second WebSocket with the sid is refused", async () => {
    const session = await Polling.open(server.url);
    const ws = await probed(session);
    ws.send("5");
    assert.equal(await ws.next(), "2");
    ws.send("3");
    const second = new Ws(server.url, { EIO: "4", transport: "websocket", sid: session.sid });
    await second.end();
    assert.equal(ws.socket.readyState, 1);
    ws.close();
  });
});
