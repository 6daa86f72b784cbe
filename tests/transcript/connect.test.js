// Connecting with the stock client: every transport, every way to bring a dev token, namespaces behind proxies, refusals.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { io } from "socket.io-client";
import { eventually, removeService, serve } from "./harness.js";
import { Peer } from "./peer.js";

const TRANSPORTS = [["polling"], ["websocket"], ["polling", "websocket"]];

describe("connecting to a hub", () => {
  const server = serve((def) => {
    def.service.service.basePath = "/messaging-api";
    def.service.listen.corsOrigins = ["https://app.example.com"];
  });

  for (const transports of TRANSPORTS) {
    test(`over ${transports.join(" then ")}: join, send and receive`, async () => {
      const room = server.room();
      const ann = await server.connect("ann", { transports });
      const bob = await server.connect("bob", { transports });
      if (transports.length === 2) {
        for (const { socket } of [ann, bob]) {
          const { engine } = socket.io;
          if (engine.transport.name !== "websocket") await new Promise((done) => engine.once("upgrade", done));
        }
      }
      await ann.ok("hub:join", { roomId: room });
      await bob.ok("hub:join", { roomId: room });
      await ann.say(room, "hello");
      assert.equal((await bob.next("hub:messageArrived")).message.content.body, "hello");
      assert.equal((await ann.next("hub:messageArrived")).message.content.body, "hello");
      assert.equal(ann.socket.io.engine.transport.name, transports.at(-1));
    });
  }

  test("messages sent while the connection upgrades arrive once and in order", async () => {
    const room = server.room();
    const reader = await server.member("reader", room);
    const ann = await server.member("ann", room, { transports: ["polling", "websocket"] });
    await Promise.all(Array.from({ length: 50 }, (_, i) => ann.say(room, `${i}`)));
    for (const peer of [reader, ann]) {
      for (let i = 0; i < 50; i++) assert.equal((await peer.next("hub:messageArrived")).message.content.body, `${i}`);
      await peer.nothing("hub:messageArrived");
    }
  });

  test("two hubs' sockets may share one connection", async () => {
    const room = server.room();
    const manager = { auth: { token: "dev:ann" }, transports: ["websocket"], reconnection: false };
    const first = io(`${server.url}/hub/chat`, manager);
    const second = first.io.socket("/messaging-api/hub/chat", { auth: { token: "dev:bob" } });
    try {
      for (const socket of [first, second]) assert.equal((await socket.timeout(10000).emitWithAck("hub:join", { roomId: room })).ok, true);
      const arrived = new Promise((done) => second.once("hub:messageArrived", done));
      await first.emitWithAck("hub:send", { roomId: room, messageType: "text", content: { body: "across" } });
      assert.equal((await arrived).message.senderId, "ann");
    } finally {
      first.io._close();
    }
  });

  for (const namespace of ["/hub/chat", "/messaging-api/hub/chat", "/some/other/prefix/hub/chat"]) {
    test(`namespace ${namespace} is the hub`, async () => {
      const ann = await server.connect("ann", { namespace });
      await ann.ok("hub:join", { roomId: server.room() });
    });
  }

  test("sockets that wrote the namespace differently are in the same room", async () => {
    const room = server.room();
    const ann = await server.member("ann", room);
    const bob = await server.member("bob", room, { namespace: "/messaging-api/hub/chat" });
    await ann.say(room, "hello");
    assert.equal((await bob.next("hub:messageArrived")).sender.id, "ann");
    await bob.say(room, "hello too");
    assert.equal((await ann.next("hub:messageArrived", ({ message }) => message.senderId === "bob")).message.content.body, "hello too");
  });

  for (const path of ["/socket.io/", "/messaging-api/socket.io/"]) {
    for (const transports of TRANSPORTS) {
      test(`path ${path} over ${transports.join(" then ")}`, async () => {
        await server.connect("ann", { path, transports });
      });
    }
  }

  for (const namespace of ["/hub/nothing", "/hub", "/chat", "/", "/hub/chat/more", "/hub/Chat", "/xhub/chat"]) {
    test(`namespace ${namespace} is refused as invalid`, async () => {
      const error = await server.open("ann", { namespace }).refusal();
      assert.equal(error.message, "Invalid namespace");
    });
  }

  test("the refusal of a namespace is logged with the hubs there are", async () => {
    const from = server.hubd.output.length;
    await server.open("ann", { namespace: "/hub/misspelled" }).refusal();
    await server.hubd.printed(/misspelled[^\n]*chat|chat[^\n]*misspelled/, from);
  });

  test("CORS: the configured origin is named, others are not", async () => {
    const get = (origin) => fetch(`${server.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } });
    assert.equal((await get("https://app.example.com")).headers.get("access-control-allow-origin"), "https://app.example.com");
    assert.equal((await get("https://evil.example.com")).headers.get("access-control-allow-origin"), null);
    const preflight = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`, {
      method: "OPTIONS",
      headers: { origin: "https://app.example.com", "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
    });
    assert.ok([200, 204].includes(preflight.status), `${preflight.status}`);
    assert.equal(preflight.headers.get("access-control-allow-origin"), "https://app.example.com");
    assert.match(preflight.headers.get("access-control-allow-methods") ?? "", /POST/);
    assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /content-type|\*/i);
  });

  test("a client that disconnects leaves its rooms", async () => {
    const room = server.room();
    const ann = await server.member("ann", room);
    const bob = await server.member("bob", room);
    assert.equal(bob.welcome.memberCount, 2);
    bob.close();
    const left = async () => !JSON.stringify((await ann.ok("hub:members", { roomId: room })).members).includes('"bob"');
    await eventually("bob is gone", left);
  });
});

describe("tokens of dev authentication", () => {
  const server = serve();

  const ways = {
    "auth of the CONNECT packet": { auth: { token: "dev:ann:user" } },
    "the Authorization header": { extraHeaders: { authorization: "Bearer dev:ann:user" } },
    "the query parameter access_token": { query: { access_token: "dev:ann:user" } },
    "the cookie access_token": { extraHeaders: { cookie: "theme=dark; access_token=dev:ann:user; lang=en" } },
  };
  for (const [way, options] of Object.entries(ways)) {
    for (const transports of [["polling"], ["websocket"]]) {
      test(`${way} is accepted over ${transports[0]}`, async () => {
        const peer = server.adopt(new Peer(`${server.url}/hub/chat`, { transports, ...options }));
        await peer.connected();
        const room = server.room();
        await peer.ok("hub:join", { roomId: room });
        assert.equal((await peer.say(room, "hello")).senderId, "ann");
      });
    }
  }

  test("auth goes before the header, the header before the query, the query before the cookie", async () => {
    const sources = [
      { auth: { token: "dev:first" } },
      { extraHeaders: { authorization: "Bearer dev:second" } },
      { query: { access_token: "dev:third" } },
      { extraHeaders: { cookie: "access_token=dev:fourth" } },
    ];
    for (const [i, user] of ["first", "second", "third", "fourth"].entries()) {
      const used = sources.slice(i);
      const options = Object.assign({}, ...used, { extraHeaders: Object.assign({}, ...used.map((source) => source.extraHeaders)) });
      const peer = server.adopt(new Peer(`${server.url}/hub/chat`, options));
      await peer.connected();
      const room = server.room();
      await peer.ok("hub:join", { roomId: room });
      assert.equal((await peer.say(room, "hello")).senderId, user);
    }
  });

  test("no token is refused with auth_required", async () => {
    const error = await server.open(undefined).refusal();
    assert.equal(error.message, "Authentication required");
    assert.equal(error.data.code, "auth_required");
  });

  for (const token of ["dev:", "dev", "ann", "dev::user", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.", 42, { user: "ann" }]) {
    test(`token ${JSON.stringify(token)} is refused with invalid_token`, async () => {
      const error = await server.adopt(new Peer(`${server.url}/hub/chat`, { auth: { token } })).refusal();
      assert.equal(error.message, "Invalid token");
      assert.equal(error.data.code, "invalid_token");
    });
  }

  test("a refused client may try again on the same connection", async () => {
    const peer = server.open(undefined);
    await peer.refusal();
    peer.connect_error = undefined;
    peer.socket.auth = { token: "dev:ann" };
    peer.socket.connect();
    await peer.connected();
  });
});

describe("CORS for everybody", () => {
  const server = serve((def) => {
    def.service.listen.corsOrigins = ["*"];
  });

  test("allows any origin, but never credentials", async () => {
    const { headers } = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin: "https://any.example.com" } });
    assert.equal(headers.get("access-control-allow-origin"), "*");
    assert.equal(headers.get("access-control-allow-credentials"), null);
  });
});

describe("the client for pages", () => {
  const server = serve((def) => {
    def.service.service.basePath = "/messaging-api";
    def.service.listen.path = "/realtime/";
  });

  test("is the stock one and is served below listen.path, with and without the base path", async () => {
    const stock = readFileSync(new URL("./node_modules/socket.io-client/dist/socket.io.min.js", import.meta.url), "utf8");
    const [version] = /Socket\.IO v[\d.]+/.exec(stock);
    for (const path of ["/realtime/socket.io.js", "/messaging-api/realtime/socket.io.min.js", "/realtime/socket.io.esm.min.js"]) {
      const response = await fetch(server.url.replace(/\/messaging-api$/, "") + path);
      assert.equal(response.status, 200, path);
      assert.match(response.headers.get("content-type"), /^text\/javascript/);
      assert.ok((await response.text()).includes(version.split(".")[0]), path);
    }
    assert.equal((await fetch(`${server.url}/socket.io/socket.io.js`)).status, 404);
  });
});

describe("TLS", () => {
  const server = serve((def) => {
    const dir = mkdtempSync(join(tmpdir(), "hubd-tls-"));
    const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=localhost"];
    execFileSync("openssl", [...request, "-keyout", key, "-out", cert], { stdio: "ignore" });
    def.files = { "tls/key.pem": readFileSync(key, "utf8"), "tls/cert.pem": readFileSync(cert, "utf8") };
    def.service.listen.tls = { certFile: "tls/cert.pem", keyFile: "tls/key.pem" };
    removeService(dir);
  });

  for (const transports of TRANSPORTS) {
    test(`over ${transports.join(" then ")}: join, send and receive`, async () => {
      assert.match(server.url, /^https:/);
      const room = server.room();
      const options = { transports, rejectUnauthorized: false };
      const [ann, bob] = [await server.member("ann", room, options), await server.member("bob", room, options)];
      const body = "x".repeat(50000);
      await ann.say(room, body);
      assert.equal((await bob.next("hub:messageArrived")).message.content.body, body);
    });
  }
});
