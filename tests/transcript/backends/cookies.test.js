// Sign-in by the cookie of a stock Express server: express-session, its sessions in Redis by connect-redis, and the stock client with the cookie
// that the server has set.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, afterEach, before, describe, test } from "node:test";
import RedisStore from "connect-redis";
import express from "express";
import session from "express-session";
import { createClient } from "redis";
import { definition } from "../definition.js";
import { eventually, Hubd, removeService, writeService } from "../harness.js";
import { Peer } from "../peer.js";
import { keysFor, token } from "../tokens.js";
import { Redis } from "./redis.js";
import { Missing } from "./server.js";

const KEYS = keysFor("HS256");
const SECRETS = ["the newest secret", "the one before it"];
const LISTED = "https://app.example.com";

/** An Express server as its documentation writes it; GET /login/NAME signs NAME in, as passport would keep it. */
class App {
  static async start(redis, secret = SECRETS, cookie = {}) {
    const app = new App();
    app.client = await createClient({ url: redis.url() }).connect();
    const site = express();
    site.use(session({ store: new RedisStore({ client: app.client }), secret, resave: false, saveUninitialized: false, cookie }));
    site.get("/visit", (request, answer) => ((request.session.visits = 1), answer.end()));
    site.get("/look", (request, answer) => answer.end(`${request.session.passport?.user}`));
    site.get("/login/:name", (request, answer) => ((request.session.passport = { user: request.params.name }), answer.end()));
    site.get("/logout", (request, answer) => request.session.destroy(() => answer.end()));
    app.server = site.listen(0, "127.0.0.1");
    await once(app.server, "listening");
    return app;
  }

  /** The cookies after a request to PATH with COOKIE, as a browser would send them to hubd on the same host. */
  async get(path, cookie) {
    const response = await fetch(`http://127.0.0.1:${this.server.address().port}${path}`, { headers: cookie ? { cookie } : {} });
    assert.equal(response.status, 200);
    await response.text();
    return response.headers.getSetCookie().map((text) => text.split(";")[0])[0] ?? cookie;
  }

  async close() {
    this.server.close();
    this.server.closeAllConnections();
    await this.client.quit();
  }
}

const idOf = (cookie) => /s%3A([^.]*)\./.exec(cookie)[1];

describe("the cookie of an Express server", () => {
  const at = { peers: new Set(), apps: [] };
  const started = async (...options) => {
    const app = await App.start(at.redis, ...options);
    at.apps.push(app);
    return app;
  };
  const open = (cookie, { headers, transports, auth } = {}) => {
    const peer = new Peer(`${at.hubd.url}/hub/chat`, { extraHeaders: { ...(cookie && { cookie }), ...headers }, transports: transports ?? ["websocket"], auth });
    at.peers.add(peer);
    return peer;
  };
  const member = async (...options) => {
    const peer = open(...options);
    await peer.connected();
    await peer.ok("hub:join", { roomId: "r1" });
    return peer;
  };
  const refused = async (code, ...options) => assert.equal((await open(...options).refusal()).data.code, code);
  const ended = async (peer) => {
    assert.equal((await peer.next("hub:error")).code, "invalid_token");
    assert.equal(await peer.disconnected(), "io server disconnect");
  };

  before(async () => {
    at.redis = await Redis.start({ "notify-keyspace-events": "Kgx" }).catch((error) => {
      if (!(error instanceof Missing) || process.env.CI === "true") throw error;
      console.log(`skipped: ${error.message}`);
    });
    if (!at.redis) return;
    at.dir = writeService(
      definition((def) => {
        def.service.listen.corsOrigins = [LISTED];
        def.service.auth = {
          jwt: { algorithms: ["HS256"], secretEnv: "TEST_JWT_SECRET" },
          session: { cookie: "connect.sid", secretEnv: "TEST_SESSION_SECRET", redisKey: "sess:${id}", userId: "passport.user" },
        };
      }),
    );
    at.hubd = await Hubd.start(at.dir, { env: { HUBD_CACHE_URL: at.redis.url(), TEST_JWT_SECRET: KEYS.key, TEST_SESSION_SECRET: SECRETS.join(",") } });
    await eventually("ready", async () => (await fetch(`${at.hubd.url}/readyz`)).ok);
    at.app = await started();
  });
  afterEach(async () => {
    for (const peer of at.peers) peer.close();
    at.peers.clear();
    for (const app of at.apps.splice(1)) await app.close();
  });
  after(async () => {
    if (!at.redis) return;
    for (const app of at.apps) await app.close();
    await at.hubd?.stop();
    await at.redis.remove();
    if (at.dir) removeService(at.dir);
  });
  const onRedis = (name, run) => test(name, (t) => (at.redis ? run(t) : t.skip("there is no Redis")));

  for (const transports of [["websocket"], ["polling"]])
    onRedis(`signs in by ${transports}, and logout ends the socket`, async () => {
      const cookie = await at.app.get("/login/ann");
      const ann = await member(cookie, { transports });
      assert.equal((await ann.say("r1", "hello")).senderId, "ann");
      await at.app.get("/logout", cookie);
      await ended(ann);
      await refused("invalid_token", cookie, { transports });
    });

  onRedis("counts among many others, however long they are", async () => {
    const cookie = await at.app.get("/login/ann");
    await member(`long=${"x".repeat(3000)}; ${cookie}; access_tokens=no`);
  });

  onRedis("is needed, signed, and of somebody who has signed in", async () => {
    const cookie = await at.app.get("/login/ann");
    await refused("auth_required");
    await refused("auth_required", await at.app.get("/visit"));
    await refused("invalid_token", cookie.replace(/.$/, (c) => (c === "A" ? "B" : "A")));
    await refused("invalid_token", cookie.replace("s%3A", ""));
    const other = await started("a secret of somebody else's");
    await refused("invalid_token", await other.get("/login/ann"));
  });

  onRedis("may be signed with any of the secrets", async () => {
    for (const secret of SECRETS) await member(await (await started(secret)).get("/login/ann"));
  });

  onRedis("gives way to a token", async () => {
    const cookie = await at.app.get("/login/ann");
    const bob = await member(cookie, { auth: { token: token("HS256", KEYS.key, { userId: "bob" }) } });
    assert.equal((await bob.say("r1", "it is me")).senderId, "bob");
    await refused("invalid_token", cookie, { auth: { token: "nonsense" } });
  });

  onRedis("serves REST, from pages of this host and of listed origins", async () => {
    const cookie = await at.app.get("/login/ann");
    const say = async (headers) => {
      const url = `${at.hubd.url}/chat/rooms/r1/messages`;
      const body = JSON.stringify({ messageType: "text", content: { body: "by REST" } });
      return (await fetch(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body })).status;
    };
    const rooms = async (headers) => (await fetch(`${at.hubd.url}/chat/rooms/r1/messages`, { headers })).status;
    await member(cookie);
    assert.equal(await say({ cookie }), 201);
    assert.equal(await say({ cookie, origin: LISTED }), 201);
    assert.equal(await say({ cookie, origin: at.hubd.url }), 201);
    assert.equal(await say({ cookie, origin: "https://evil.example.com" }), 403);
    assert.equal(await say({}), 401);
    assert.equal(await rooms({ cookie }), 200);
    assert.equal(await rooms({ cookie, origin: "https://evil.example.com" }), 401); // its visitor's cookies are not looked at
    assert.equal(await rooms({ cookie, "sec-fetch-site": "cross-site" }), 401);
  });

  onRedis("does not count from a page of elsewhere", async () => {
    const cookie = await at.app.get("/login/ann");
    await member(cookie, { headers: { origin: LISTED } });
    const stranger = open(cookie, { headers: { origin: "https://evil.example.com" } });
    await stranger.refusal();
  });

  onRedis("ends when the session's key expires, and lives on with it", async () => {
    const app = await started(SECRETS, { maxAge: 2500 });
    const cookie = await app.get("/login/ann");
    const written = JSON.parse(await at.redis.call("GET", `sess:${idOf(cookie)}`)).cookie.expires;
    const ann = await member(cookie);
    await eventually("a touch prolongs the key", async () => {
      await app.get("/look", cookie);
      return Date.now() > Date.parse(written);
    });
    await ann.say("r1", "past the end that is written in it");
    await member(cookie);
    await ended(ann);
    assert.equal(await at.redis.call("EXISTS", `sess:${idOf(cookie)}`), 0);
  });

  onRedis("ends at the time written in a session whose key has no end", async () => {
    const app = await started(SECRETS, { maxAge: 2500 });
    const cookie = await app.get("/login/ann");
    await at.redis.call("PERSIST", `sess:${idOf(cookie)}`);
    const ann = await member(cookie);
    await ended(ann);
    await refused("invalid_token", cookie);
    assert.equal(await at.redis.call("EXISTS", `sess:${idOf(cookie)}`), 1);
  });
});
