// Keys behind a URL: fetched at start, when a key is new, and kept while whoever issues tokens is away.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { definition } from "./definition.js";
import { Hubd, removeService, runToEnd, serving, within, writeService } from "./harness.js";
import { Peer } from "./peer.js";
import { keysFor, token } from "./tokens.js";

/** Serves a key set at /jwks. What it answers is `respond(request, response)`, a good set unless replaced; `asked` counts. */
class Issuer {
  constructor() {
    this.keys = [];
    this.asked = 0;
    this.respond = (_, response) => response.end(JSON.stringify({ keys: this.keys }));
    this.server = createServer((request, response) => {
      this.asked++;
      this.respond(request, response);
    });
  }

  async listen(port = 0) {
    await new Promise((done, failed) => this.server.once("error", failed).listen(port, "127.0.0.1", done));
    this.port = this.server.address().port;
    return this;
  }

  close() {
    this.server.closeAllConnections?.();
    return new Promise((done) => this.server.close(done));
  }

  /** A new key pair under KID in place of all others; returns a function that signs claims with it. */
  rotate(kid, algorithm = "RS256") {
    const { key, jwk } = keysFor(algorithm);
    this.keys = [{ ...jwk, kid, use: "sig", alg: algorithm }];
    return (claims) => token(algorithm, key, { sub: "ann", ...claims }, { kid });
  }

  /** Edits a definition to trust this issuer. */
  trusted = (def) => {
    def.service.auth = { jwt: { algorithms: ["RS256"], jwksUrl: `http://127.0.0.1:${this.port}/jwks` } };
  };
}

async function withIssuer(body) {
  const issuer = await new Issuer().listen();
  try {
    await body(issuer, issuer.rotate("one"));
  } finally {
    await issuer.close();
  }
}

const open = (server, text) => server.adopt(new Peer(`${server.url}/hub/chat`, { auth: { token: text } }));

async function refused(peer, code = "invalid_token") {
  const error = await peer.refusal();
  assert.equal(error.data.code, code);
}

describe("keys by URL", () => {
  test("tokens of a fetched key are good, others are not", () =>
    withIssuer((issuer, sign) =>
      serving(issuer.trusted, async (server) => {
        assert.equal(issuer.asked, 1);
        await open(server, sign()).connected();
        await refused(open(server, token("RS256", keysFor("RS256").key, { sub: "ann" }, { kid: "one" })));
        assert.equal(issuer.asked, 1, "a bad signature is no reason to ask");
        assert.equal((await server.rest("GET", "/readyz")).status, 200);
      }),
    ));

  test("a token of a key that is new has the keys fetched, a second one too soon does not", () =>
    withIssuer((issuer, sign) =>
      serving(issuer.trusted, async (server) => {
        await open(server, sign()).connected();
        const next = issuer.rotate("two");
        await Promise.all([open(server, next()).connected(), open(server, next({ sub: "bob" })).connected()]);
        assert.equal(issuer.asked, 2);
        await refused(open(server, sign()));
        const third = issuer.rotate("three");
        await refused(open(server, third()));
        assert.equal(issuer.asked, 2);
        const { text } = await server.rest("GET", "/metrics");
        assert.match(text, /^hubd_jwks_fetches_total\{result="ok"\} 2$/m);
        assert.match(text, /^hubd_jwks_fetched_timestamp_seconds 1\d{9}$/m);
      }),
    ));

  for (const [what, respond] of [
    ["away", (request) => request.socket.destroy()],
    ["broken", (_, response) => response.writeHead(500).end("{}")],
    ["elsewhere", (_, response) => response.writeHead(302, { location: "/other" }).end()],
    ["talking nonsense", (_, response) => response.end("<html>")],
    ["talking without end", (_, response) => response.end("[".repeat(2_000_000))],
    ["giving other keys", (_, response) => response.end(JSON.stringify({ keys: [keysFor("EdDSA").jwk] }))],
  ]) {
    test(`the old keys stay when the issuer is ${what}`, () =>
      withIssuer((issuer, sign) =>
        serving(issuer.trusted, async (server) => {
          const next = issuer.rotate("two");
          issuer.respond = respond;
          await refused(open(server, next()));
          assert.ok(issuer.asked >= 2); // a connection that was kept and broke is tried once more
          await server.hubd.printed(/the keys could not be fetched again/);
          await open(server, sign()).connected();
          assert.equal((await server.rest("GET", "/readyz")).status, 200);
        }),
      ));
  }

  test("a token that waits for keys goes when hubd stops", () =>
    withIssuer((issuer) =>
      serving(issuer.trusted, async (server) => {
        const next = issuer.rotate("two");
        const asked = new Promise((done) => (issuer.respond = done)); // and never answers
        const peer = open(server, next());
        await asked;
        peer.close();
      }),
    ));
});

describe("a start without keys", () => {
  test("waits for them, says so in /readyz, and refuses nobody for good", () =>
    withIssuer(async (issuer, sign) => {
      const { port } = issuer;
      await issuer.close();
      const free = await new Issuer().listen();
      await free.close(); // a port for hubd that is known before it prints it
      const dir = writeService(definition(issuer.trusted));
      const hubd = new Hubd(dir, { args: ["--set", `listen.port=${free.port}`] });
      const url = `http://127.0.0.1:${free.port}`;
      const back = new Issuer();
      try {
        await within(20000, hubd.printed(/waiting for what the service needs[^\n]*jwksUrl/), "it says what it waits for", () => hubd.output);
        const ready = await fetch(`${url}/readyz`);
        assert.equal(ready.status, 503);
        assert.deepEqual((await ready.json()).notReady, [{ part: "keys", reason: "the keys of auth.jwt.jwksUrl have not been fetched yet" }]);
        assert.equal((await fetch(`${url}/healthz`)).status, 200);
        const early = new Peer(`${url}/hub/chat`, { auth: { token: sign() } });
        await refused(early, "store_unavailable");
        early.close();
        const answer = await fetch(`${url}/chat`, { headers: { authorization: `Bearer ${sign()}` } });
        assert.equal(answer.status, 503);
        hubd.signal("SIGHUP"); // too early, and no harm
        const late = back.rotate("late");
        await back.listen(port);
        await within(20000, hubd.printed(/listening on/), "it listens", () => hubd.output);
        const peer = new Peer(`${url}/hub/chat`, { auth: { token: late() } });
        await peer.connected();
        peer.close();
        await hubd.stop();
      } finally {
        hubd.signal("SIGKILL");
        await back.close();
        removeService(dir);
      }
    }));

  test("ends with 4 and one line after --wait", () =>
    withIssuer(async (issuer) => {
      issuer.keys = [];
      const dir = writeService(definition(issuer.trusted));
      try {
        const { code, output } = await runToEnd(dir, { args: ["--wait", "1"] });
        assert.equal(code, 4, output);
        assert.match(output, /^hubd: auth\.jwt\.jwksUrl http:\/\/127\.0\.0\.1:\d+\/jwks: none of the JWK Set's 0 keys/m);
        assert.ok(issuer.asked >= 2, `${issuer.asked}`);
      } finally {
        removeService(dir);
      }
    }));

  test("can be stopped while it waits", () =>
    withIssuer(async (issuer) => {
      issuer.respond = () => {};
      const dir = writeService(definition(issuer.trusted));
      const hubd = new Hubd(dir);
      try {
        await within(
          20000,
          new Promise((done) => (issuer.respond = done)),
          "it asks",
          () => hubd.output,
        );
        await hubd.stop();
      } finally {
        hubd.signal("SIGKILL");
        removeService(dir);
      }
    }));
});

describe("a reload", () => {
  let other;
  before(async () => (other = await new Issuer().listen()));
  after(() => other.close());

  test("keeps the keys of the same URL without asking", () =>
    withIssuer((issuer, sign) =>
      serving(issuer.trusted, async (server) => {
        issuer.respond = (request) => request.socket.destroy();
        server.hubd.signal("SIGHUP");
        await server.hubd.printed(/definitions reloaded/);
        assert.equal(issuer.asked, 1);
        await open(server, sign()).connected();
      }),
    ));

  test("to another URL comes when its keys are there, and is refused without them", () =>
    withIssuer((issuer, sign) =>
      serving(issuer.trusted, async (server) => {
        const next = other.rotate("other");
        const good = other.respond;
        other.respond = (_, response) => response.writeHead(404).end();
        other.trusted(server.def);
        writeService(server.def, server.dir);
        server.hubd.signal("SIGHUP");
        await server.hubd.printed(/reload refused.*status 404/);
        await open(server, sign()).connected();
        other.respond = good;
        server.hubd.signal("SIGHUP");
        await server.hubd.printed(/definitions reloaded/);
        await open(server, next()).connected();
        await refused(open(server, sign()));
      }),
    ));

  test("that waits for keys gives way to the next one, and to a stop", () =>
    withIssuer((issuer, sign) =>
      serving(issuer.trusted, async (server) => {
        const reload = (trust) => {
          trust(server.def);
          writeService(server.def, server.dir);
          const asked = new Promise((done) => (other.respond = done));
          server.hubd.signal("SIGHUP");
          return asked;
        };
        await reload(other.trusted);
        const from = server.hubd.output.length;
        reload(issuer.trusted);
        await server.hubd.printed(/definitions reloaded/, from);
        await open(server, sign()).connected();
        await reload(other.trusted);
      }),
    ));
});
