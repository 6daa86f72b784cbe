// Keys behind a URL: fetched at start, when a key is new, and kept while whoever issues tokens is away.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecure } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { definition } from "./definition.js";
import { Hubd, removeService, runToEnd, serving, within, writeService } from "./harness.js";
import { Peer } from "./peer.js";
import { keysFor, token } from "./tokens.js";

/** The next key pair for ALGORITHM of eight that are made once: RSA keys cost half the time of this file otherwise, and several times that on a busy machine. */
const pairs = {};
let taken = 0;
function nextPair(algorithm) {
  const all = (pairs[algorithm] ??= []);
  return (all[taken++ % 8] ??= keysFor(algorithm));
}

/** Serves a key set at /jwks, by https with TLS ({key, cert}). What it answers is `respond(request, response)`, a good set unless replaced; `asked` counts. */
class Issuer {
  constructor(tls) {
    this.keys = [];
    this.asked = 0;
    this.origin = tls ? "https://localhost" : "http://127.0.0.1";
    this.respond = (_, response) => response.end(JSON.stringify({ keys: this.keys }));
    const answer = (request, response) => {
      this.asked++;
      this.respond(request, response);
    };
    this.server = tls ? createSecure(tls, answer) : createServer(answer);
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
    const { key, jwk } = nextPair(algorithm);
    this.keys = [{ ...jwk, kid, use: "sig", alg: algorithm }];
    return (claims) => token(algorithm, key, { sub: "ann", ...claims }, { kid });
  }

  /** Edits a definition to trust this issuer. */
  trusted = (def) => {
    def.service.auth = { jwt: { algorithms: ["RS256"], jwksUrl: `${this.origin}:${this.port}/jwks` } };
  };
}

async function withIssuer(body, tls) {
  const issuer = await new Issuer(tls).listen();
  try {
    await body(issuer, issuer.rotate("one"));
  } finally {
    await issuer.close();
  }
}

function drip(response) {
  const timer = setInterval(() => response.write(" "), 100);
  response.on("close", () => clearInterval(timer));
}

/** One JSON text that does not end; stops when nobody reads any more. */
function flood(response) {
  const more = () => {
    while (!response.destroyed && response.write('{"kty":"RSA","n":"AQAB","e":"AQAB"},'.repeat(100)));
  };
  response.on("drain", more);
  response.write('{"keys":[');
  more();
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
        await refused(open(server, token("RS256", nextPair("RS256").key, { sub: "ann" }, { kid: "one" })));
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
    ["without that page", (_, response) => response.writeHead(404).end(JSON.stringify({ keys: [] }))],
    ["answering drop by drop", (_, response) => drip(response)],
    ["giving keys without end", (_, response) => flood(response)],
    ["giving more keys than anybody has", (_, response) => response.end(JSON.stringify({ keys: Array(65).fill(nextPair("RS256").jwk) }))],
    ["giving no keys at all", (_, response) => response.end('{"keys":[null,7,"key",[],{},{"kty":"RSA"},{"kty":"RSA","n":"AA","e":"AQAB"}]}')],
    ["packing the answer", (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(Buffer.from([0x1f, 0x8b, 8, 0, 0]))],
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

describe("keys by https", () => {
  const dir = mkdtempSync(join(tmpdir(), "hubd-ca-"));
  const file = (name) => join(dir, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const make = (name, ...options) => {
    execFileSync("openssl", ["req", "-x509", ...newKey, "-keyout", file(`${name}.key`), "-out", file(`${name}.crt`), ...options], { stdio: "ignore" });
  };
  /** A certificate for HOST, signed by the authority CA. */
  const leaf = (name, host, ca) => {
    const by = ["-CA", file(`${ca}.crt`), "-CAkey", file(`${ca}.key`), "-days", "2"];
    make(name, ...by, "-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${host}`, "-addext", "basicConstraints=critical,CA:FALSE");
    return { key: readFileSync(file(`${name}.key`)), cert: readFileSync(file(`${name}.crt`)) };
  };
  const env = { SSL_CERT_FILE: file("ca.crt"), no_proxy: "*" };
  let good, elsewhere, strange;

  before(() => {
    for (const name of ["ca", "other"]) make(name, "-subj", `/CN=authority ${name}`, "-days", "2");
    good = leaf("good", "localhost", "ca");
    elsewhere = leaf("elsewhere", "id.example.com", "ca");
    strange = leaf("strange", "localhost", "other");
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  test("are fetched from whom an authority in SSL_CERT_FILE vouches for, and again when they change", () =>
    withIssuer(
      (issuer, sign) =>
        serving(
          issuer.trusted,
          async (server) => {
            await open(server, sign()).connected();
            const next = issuer.rotate("two");
            await open(server, next()).connected();
            await refused(open(server, sign()));
            assert.equal(issuer.asked, 2);
          },
          { env },
        ),
      good,
    ));

  for (const [what, tls, environment, words] of [
    ["another authority vouches", () => strange, env, /certificate.*SSL_CERT_FILE/],
    ["no authority of the system vouches", () => good, { ...env, SSL_CERT_FILE: "" }, /certificate/],
    ["the certificate is for another name", () => elsewhere, env, /host name 'localhost'$/],
    ["the authorities cannot be read", () => good, { ...env, SSL_CERT_FILE: file("missing.crt") }, /missing\.crt/],
    ["there is no TLS", () => undefined, env, /SSL|TLS/],
  ]) {
    test(`are not taken where ${what}`, () =>
      withIssuer(async (issuer) => {
        issuer.origin = "https://localhost";
        const dir = writeService(definition(issuer.trusted));
        try {
          const { code, output } = await runToEnd(dir, { args: ["--wait", "0"], env: environment });
          assert.equal(code, 4, output);
          const line = /^hubd: (auth\.jwt\.jwksUrl https:\/\/localhost:\d+\/jwks: .*)$/m.exec(output);
          assert.match(line?.[1] ?? output, words);
          assert.equal(issuer.asked, 0);
        } finally {
          removeService(dir);
        }
      }, tls()));
  }
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
