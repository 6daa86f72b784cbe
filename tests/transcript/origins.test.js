// Pages of other sites, at all three doors: polling, WebSocket, REST. With the victim's cookie, with development tokens, behind a proxy. What is refused is
// said in the log.
import assert from "node:assert/strict";
import { request } from "node:http";
import { describe, test } from "node:test";
import { serve, serving } from "./harness.js";
import { Polling, Ws } from "./raw.js";
import { keysFor, token } from "./tokens.js";

const EVIL = "https://evil.example";

/** A request with exactly these HEADERS (fetch would not send Host or Origin as it is told); {status, headers, text}. */
function ask(port, method, path, headers = {}, body) {
  return new Promise((done, failed) => {
    const req = request({ port, method, path, headers: { host: `127.0.0.1:${port}`, connection: "close", ...headers } }, (res) => {
      let text = "";
      res.setEncoding("utf8").on("data", (more) => (text += more));
      res.on("end", () => done({ status: res.statusCode, headers: res.headers, text }));
    });
    req.on("error", failed);
    req.end(body);
  });
}

/** Whether a WebSocket with HEADERS is let in. */
async function upgrades(server, headers) {
  const ws = new Ws(server.url, undefined, { headers });
  const end = Promise.race([ws.next().then(() => true), ws.end().then(() => false)]);
  const admitted = await end;
  if (!admitted) assert.match(String(ws.error), /403/);
  ws.close();
  return admitted;
}

const EIO = "/socket.io/?EIO=4&transport=polling";

describe("without corsOrigins", () => {
  const keys = keysFor("HS256");
  const server = serve(
    (def) => {
      def.service.auth = { jwt: { algorithms: ["HS256"], secretEnv: "TEST_JWT_SECRET" } };
      def.hub.guardrails.globalModeration = true;
      def.hub.hubRoles = [{ name: "member", canModerate: true }];
    },
    { env: { TEST_JWT_SECRET: keys.key.toString() } },
  );
  const cookie = () => `access_token=${token("HS256", keys.key, { userId: "ann" })}`;
  const host = () => `127.0.0.1:${server.port}`;

  // A page of anybody's joined and sent as its visitor.
  test("an upgrade from another site is refused, with its visitor's cookie and without", async () => {
    for (const headers of [{ origin: EVIL }, { origin: EVIL, cookie: cookie() }, { origin: "null", cookie: cookie() }, { origin: `http://localhost:${server.port}` }]) {
      assert.equal(await upgrades(server, headers), false, headers.origin);
    }
    for (const headers of [{ origin: `http://${host()}`, cookie: cookie() }, { cookie: cookie() }, {}]) {
      assert.equal(await upgrades(server, headers), true, headers.origin);
    }
  });

  test("so are polling, and the payloads of a session", async () => {
    assert.equal((await ask(server.port, "GET", EIO, { origin: EVIL })).status, 403);
    const session = await Polling.open(server.url);
    const path = `${EIO}&sid=${session.sid}`;
    assert.equal((await ask(server.port, "POST", path, { origin: EVIL, "content-type": "text/plain" }, "40/hub/chat,")).status, 403);
    assert.equal((await ask(server.port, "POST", path, { origin: `http://${host()}`, "content-type": "text/plain" }, "40/hub/chat,")).status, 200);
  });

  // POST …/approve needs neither a body nor a header, so a form of another site could send it.
  test("and every change over REST", async () => {
    const roomId = server.room();
    const path = `/chat/rooms/${roomId}/messages`;
    const own = { origin: `http://${host()}`, cookie: cookie() };
    const body = JSON.stringify({ messageType: "text", content: { body: "x" } });
    const sent = await ask(server.port, "POST", path, { ...own, "content-type": "application/json" }, body);
    assert.ok([201, 202].includes(sent.status), sent.text);
    const { id } = JSON.parse((await ask(server.port, "GET", `/chat/rooms/${roomId}/pending`, own)).text).messages[0];
    for (const [method, rest] of [
      ["POST", `/${id}/approve`],
      ["POST", `/${id}/reject`],
      ["DELETE", `/${id}`],
      ["PATCH", `/${id}`],
      ["PUT", `/${id}/reactions/x`],
    ]) {
      const answer = await ask(server.port, method, path + rest, { origin: EVIL, cookie: cookie() });
      assert.deepEqual([answer.status, JSON.parse(answer.text).errCode], [403, "not_allowed"], method);
    }
    assert.equal((await ask(server.port, "POST", `${path}/${id}/approve`, own)).status, 200);
  });

  test("a page of another site that reads is nobody, whatever cookie its visitor has", async () => {
    const path = `/chat/rooms/${server.room()}`;
    assert.equal((await ask(server.port, "GET", path, { cookie: cookie() })).status, 200);
    assert.equal((await ask(server.port, "GET", path, { cookie: cookie(), origin: EVIL })).status, 401);
    assert.equal((await ask(server.port, "GET", path, { cookie: cookie(), "sec-fetch-site": "cross-site" })).status, 401);
  });
});

test("the log says what was refused and why, and not without end", async () => {
  await serving(undefined, async (server) => {
    await Promise.all(Array.from({ length: 40 }, () => ask(server.port, "GET", EIO, { origin: EVIL, cookie: "access_token=dev:ann" })));
    await server.hubd.printed(/info +transport: origin refused origin=https:\/\/evil\.example host=127\.0\.0\.1:\d+ path=\/socket\.io\/ reason="it is neither/);
    await ask(server.port, "GET", EIO, { origin: "https://chat.example", "x-forwarded-host": "chat.example" });
    assert.ok(server.hubd.output.match(/origin refused/g).length <= 21);
    assert.ok(!server.hubd.output.includes("dev:ann"), "a token stands in the log");
  });
  await serving(undefined, async (server) => {
    await ask(server.port, "GET", EIO, { origin: "https://chat.example", "x-forwarded-host": "chat.example" });
    await server.hubd.printed(/origin refused [^\n]*reason="X-Forwarded-Host names it, but the peer is not one of listen\.trustedProxies"/);
  });
});

describe("with listed origins and a proxy", () => {
  const server = serve((def) => {
    def.service.listen.corsOrigins = ["https://*.example.com", "capacitor://localhost"];
    def.service.listen.trustedProxies = ["127.0.0.1"];
  });

  test("patterns and schemes of apps are let in, and told so", async () => {
    for (const origin of ["https://app.example.com", "https://a.b.example.com", "capacitor://localhost"]) {
      assert.equal(await upgrades(server, { origin }), true, origin);
      const { status, headers } = await ask(server.port, "GET", EIO, { origin });
      assert.deepEqual([status, headers["access-control-allow-origin"], headers["access-control-allow-credentials"]], [200, origin, "true"]);
    }
    for (const origin of ["https://example.com", "http://app.example.com", "https://app.example.com.evil.example", "http://localhost"]) {
      assert.equal(await upgrades(server, { origin }), false, origin);
    }
  });

  test("default ports are equal, and a proxy that rewrites Host is believed", async () => {
    const host = "hub:443";
    assert.equal(await upgrades(server, { origin: "https://hub", host }), true);
    assert.equal(await upgrades(server, { origin: "https://hub:8443", host }), false);
    assert.equal(await upgrades(server, { origin: "https://chat", "x-forwarded-host": "chat", "x-forwarded-proto": "https" }), true);
  });
});

describe("with development tokens", () => {
  const server = serve();

  test("no page of another site comes in as anybody, nor one whose name was made to point here", async () => {
    const path = `/chat/rooms/${server.room()}`;
    const bearer = { authorization: "Bearer dev:ann" };
    const host = `rebound.example:${server.port}`;
    assert.equal(await upgrades(server, { origin: EVIL }), false);
    assert.equal(await upgrades(server, { origin: `http://${host}`, host }), false);
    assert.equal((await ask(server.port, "GET", path, { ...bearer, host })).status, 403);
    assert.equal((await ask(server.port, "GET", `${path}?access_token=dev:ann`, { host })).status, 403);
    assert.equal((await ask(server.port, "GET", EIO, { host })).status, 403);
    await server.hubd.printed(/info +transport: host refused [^\n]*host=rebound\.example/);
    for (const name of ["localhost", "127.0.0.1", "hubd", "a.localhost"]) {
      assert.equal((await ask(server.port, "GET", path, { ...bearer, host: `${name}:${server.port}` })).status, 200, name);
      assert.equal(await upgrades(server, { origin: `http://${name}:${server.port}`, host: `${name}:${server.port}` }), true, name);
    }
  });
});

describe('with "*"', () => {
  const keys = keysFor("HS256");
  const server = serve(
    (def) => {
      def.service.listen.corsOrigins = ["*"];
      def.service.auth = { jwt: { algorithms: ["HS256"], secretEnv: "TEST_JWT_SECRET" } };
    },
    { env: { TEST_JWT_SECRET: keys.key.toString() } },
  );

  test("every page is let in, and no page of another site by its visitor's cookie", async () => {
    const cookie = `access_token=${token("HS256", keys.key, { userId: "ann" })}`;
    for (const [headers, answer] of [
      [{ origin: EVIL, cookie }, /^44\/hub\/chat,\{"message":"Authentication required"/],
      [{ origin: `http://127.0.0.1:${server.port}`, cookie }, /^40\/hub\/chat,/],
      [{ cookie }, /^40\/hub\/chat,/],
    ]) {
      const ws = await Ws.open(server.url, { headers });
      ws.send("40/hub/chat,");
      assert.match(await ws.nextPacket(), answer);
      ws.close();
    }
  });
});
