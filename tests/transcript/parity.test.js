// What stock clients and proxies rely on in the servers that this one replaces (socket.io, engine.io, ws), each by the client that sends it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Manager } from "socket.io-client";
import { serve, within } from "./harness.js";
import { PATIENCE_MS } from "./peer.js";
import { Polling, Tcp, Ws } from "./raw.js";

const lua = (text) => ({ lua: text });

function plain(def) {
  def.service.namespaces = [
    {
      path: "/open",
      auth: false,
      events: [
        { name: "ask", script: lua("return ...") },
        { name: "count", script: lua("return #(...)") },
        { name: "42", script: lua('return "forty-two", event, math.type(event)') },
        { name: "*", script: lua("socket:emit(event, ...)\nreturn event") },
      ],
    },
  ];
}

describe("stock clients", () => {
  const server = serve(plain);

  for (const protocols of ["chat.v1", ["chat.v2", "chat.v1"]]) {
    test(`with the option protocols ${JSON.stringify(protocols)} connect, and the first is taken`, async () => {
      const peer = await server.connect("ann", { protocols });
      assert.equal(peer.socket.io.engine.transport.ws.protocol, [protocols].flat()[0]);
    });
  }

  test("with the option protocols upgrade from polling", async () => {
    const peer = await server.connect("ann", { protocols: ["chat.v1"], transports: ["polling", "websocket"] });
    const { engine } = peer.socket.io;
    if (engine.transport.name !== "websocket") await within(PATIENCE_MS, new Promise((done) => engine.once("upgrade", done)), "the upgrade");
    await peer.settled();
  });

  for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
    test(`with the option forceBase64 send bytes over ${transports.join(" and ")}`, async () => {
      const peer = await server.connect(undefined, { namespace: "/open", forceBase64: true, transports });
      const { engine } = peer.socket.io;
      const last = transports.at(-1);
      if (engine.transport.name !== last) await within(PATIENCE_MS, new Promise((done) => engine.once("upgrade", done)), "the upgrade");
      assert.deepEqual(Buffer.from(await peer.call("ask", Buffer.from([0, 1, 254, 255]))), Buffer.from([0, 1, 254, 255]));
    });
  }

  test("whose namespace has a query are in that namespace, by the name they wrote", async () => {
    const manager = new Manager(server.url, { transports: ["websocket"], reconnection: false });
    const socket = manager.socket("/hub/chat?room=7&x=1", { auth: { token: "dev:ann" } });
    try {
      await within(PATIENCE_MS, new Promise((done, failed) => socket.once("connect", done).once("connect_error", failed)), "connect");
      const answer = await socket.timeout(10000).emitWithAck("hub:join", { roomId: server.room() });
      assert.equal(answer.ok, true, JSON.stringify(answer));
    } finally {
      socket.disconnect();
    }
  });

  test("that name events by numbers get numbers back", async () => {
    const peer = await server.connect(undefined, { namespace: "/open" });
    for (const name of [7, 0, -1.5, "7"]) {
      const heard = new Promise((done) => peer.socket.onAny((...all) => all[0] === name && done(all)));
      assert.equal(await peer.call(name, "x"), name);
      assert.deepEqual(await within(PATIENCE_MS, heard, `an event called ${JSON.stringify(name)}`), [name, "x"]);
    }
    const found = await new Promise((done) => peer.socket.emit(42, (...all) => done(all)));
    assert.deepEqual(found, ["forty-two", 42, "integer"], "a number is found under its text");
  });

  test("that send 65 attachments are answered, and stay", async () => {
    const peer = await server.connect(undefined, { namespace: "/open" });
    const blobs = Array.from({ length: 65 }, (_, i) => Buffer.from([i]));
    const error = await peer.refused("bad_request", "ask", blobs);
    assert.match(error.message, /64/);
    assert.equal(await peer.call("count", blobs.slice(1)), 64);
  });
});

describe("on the wire", () => {
  const server = serve(plain);

  test("an acknowledgement without an id is ignored", async () => {
    const ws = await Ws.namespace(server.url, "/open");
    ws.send('43/open,["for nobody"]');
    ws.send("43/open,");
    ws.send('461-/open,[{"_placeholder":true,"num":0}]');
    ws.send(Buffer.from([1]));
    ws.send('42/open,1["ask","still here"]');
    assert.equal(await ws.nextPacket(), '43/open,1["still here"]');
    ws.close();
  });

  // android.util.Base64 breaks lines, and ends with a line break.
  for (const [what, spell] of [
    ["broken into lines", (text) => `${text.replace(/.{76}/g, "$&\n")}\n`],
    ["with CRLF", (text) => `${text.replace(/.{76}/g, "$&\r\n")}\r\n`],
    ["in the URL alphabet, without padding", (text) => text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "")],
    ["with too much padding", (text) => `${text}==`],
  ]) {
    test(`base64 of polling ${what} is understood`, async () => {
      const session = await Polling.open(server.url);
      const bytes = Buffer.from(Array.from({ length: 200 }, (_, i) => 255 - i));
      await session.push("40/open,");
      assert.match((await session.poll()).text, /^40\/open,/);
      const body = `451-/open,1["ask",{"_placeholder":true,"num":0}]\x1eb${spell(bytes.toString("base64"))}`;
      assert.equal((await session.push(body)).status, 200);
      assert.equal((await session.poll()).text, `461-/open,1[{"_placeholder":true,"num":0}]\x1eb${bytes.toString("base64")}`);
    });
  }

  test("a connection is kept open for 75 s, longer than load balancers do", async () => {
    const tcp = await Tcp.open(server.port);
    tcp.write("GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n");
    await tcp.until(/^HTTP\/1\.1 200[^]*\r\nKeep-Alive: timeout=75\r\n/);
    tcp.close();
  });

  for (const [what, request, says] of [
    ["a folded header line", "GET /healthz HTTP/1.1\r\nHost: t\r\nX-A: b\r\n c\r\n\r\n", /folded/],
    ["Transfer-Encoding in HTTP/1.0", "POST /healthz HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", /HTTP\/1\.0 has no Transfer-Encoding/],
    ["a compressed body", "POST /healthz HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", /only "chunked"/],
    [
      "a second Transfer-Encoding",
      "POST /healthz HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      /only "chunked"/,
    ],
  ]) {
    test(`${what} is refused with its name`, async () => {
      const tcp = await Tcp.open(server.port);
      const [, body] = await tcp.write(request).until(/^HTTP\/1\.1 400 [^]*\r\n\r\n(\{.*\})/);
      assert.match(JSON.parse(body).message, says);
      await tcp.end();
    });
  }
});

describe("keepAliveTimeout", () => {
  const server = serve((def) => (def.service.listen.keepAliveTimeout = 1000));

  test("is how long a silent connection lives", async () => {
    const tcp = await Tcp.open(server.port);
    const started = performance.now();
    await tcp.write("GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n").until(/Keep-Alive: timeout=1\r\n/);
    await tcp.end();
    assert.ok(performance.now() - started >= 990);
  });
});

describe("bodies that are no JSON in UTF-8", () => {
  const server = serve();
  const post = (headers, body) =>
    fetch(`${server.url}/chat/rooms/r1/messages`, { method: "POST", body, headers: { authorization: "Bearer dev:ann", ...headers } });
  const json = JSON.stringify({ messageType: "text", content: { body: "ä" } });

  for (const [headers, says] of [
    [{ "content-type": "application/json", "content-encoding": "gzip" }, /Content-Encoding: "gzip"/],
    [{ "content-type": "application/json", "content-encoding": "deflate" }, /Content-Encoding: "deflate"/],
    [{ "content-type": "application/json", "content-encoding": "br" }, /Content-Encoding: "br"/],
    [{ "content-type": "application/json; charset=iso-8859-1" }, /charset "iso-8859-1"/],
    [{ "content-type": 'application/json; charset="UTF-16"' }, /charset "UTF-16"/],
    [{ "content-type": "text/plain" }, /expected application\/json/],
  ]) {
    test(`${Object.values(headers).join(", ")} is a 415 that names it`, async () => {
      const answer = await post(headers, json);
      assert.equal(answer.status, 415);
      assert.match((await answer.json()).message, says);
    });
  }

  test("UTF-8 by any of its names, and no encoding by its name, are taken", async () => {
    await server.member("ann", "r1");
    for (const charset of ["utf-8", '"UTF-8"', "utf8", "us-ascii"]) {
      const answer = await post({ "content-type": `application/json; charset=${charset}`, "content-encoding": "identity" }, json);
      assert.equal(answer.status, 201, await answer.text());
    }
  });
});
