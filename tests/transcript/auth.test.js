// JSON Web Tokens: every algorithm and key source, what makes a token bad, expiry of open sockets; anonymous users.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve, serving } from "./harness.js";
import { Peer } from "./peer.js";
import { keysFor, now, token } from "./tokens.js";

const ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "EdDSA"];

/** Changes the definition to JWT authentication with these KEYS; MORE goes into auth.jwt. */
function jwt(algorithms, keys, more = {}) {
  return (def) => {
    const source = keys.pem ? { publicKeyFile: "keys/public.pem" } : { secretEnv: "TEST_JWT_SECRET" };
    def.service.auth = { jwt: { algorithms, ...source, leewaySeconds: 0, ...more } };
    if (keys.pem) def.files = { "keys/public.pem": keys.pem };
    def.hub.roomSettings.authScripts = [
      { name: "admins", script: "user.roleId == 'admin'", hubRole: "admin" },
      { name: "everybody", script: "true", hubRole: "member" },
    ];
    def.hub.hubRoles.push({ name: "admin", canModerate: true });
  };
}

function opener(server) {
  return (text) => server.adopt(new Peer(`${server.url}/hub/chat`, { auth: { token: text } }));
}

async function refused(peer, code) {
  const error = await peer.refusal();
  assert.equal(error.message, "Invalid token");
  assert.equal(error.data.code, code);
}

for (const algorithm of ALGORITHMS) {
  describe(`tokens signed with ${algorithm}`, () => {
    const keys = keysFor(algorithm);
    const server = serve(jwt([algorithm], keys), { env: { TEST_JWT_SECRET: keys.key.toString() } });
    const open = opener(server);

    test("a good token connects, and its claims are the session", async () => {
      const peer = open(token(algorithm, keys.key, { userId: "ann", sub: "other", roleId: "admin" }));
      await peer.connected();
      const room = server.room();
      assert.equal((await peer.ok("hub:join", { roomId: room })).hubRole, "admin");
      assert.equal((await peer.say(room, "hello")).senderId, "ann");
    });

    test("one changed byte of the signature or of the claims is refused", async () => {
      const good = token(algorithm, keys.key, { sub: "ann" });
      const [head, body, mac] = good.split(".");
      const swap = (text, at) => text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
      await refused(open(`${head}.${body}.${swap(mac, 10)}`), "invalid_token");
      await refused(open(`${head}.${swap(body, 3)}.${mac}`), "invalid_token");
      await refused(open(`${head}.${body}.`), "invalid_token");
      await refused(open(`${head}.${body}`), "invalid_token");
    });

    test("a token of another key is refused", async () => {
      const other = algorithm.startsWith("HS") ? "another secret of more than thirty-two characters" : keysFor(algorithm).key;
      await refused(open(token(algorithm, other, { sub: "ann" })), "invalid_token");
    });

    test("an expired token is refused with token_expired", async () => {
      await refused(open(token(algorithm, keys.key, { sub: "ann", exp: now() - 10 })), "token_expired");
    });
  });
}

describe("what a token must say", () => {
  const keys = keysFor("RS256");
  const server = serve(jwt(["RS256"], keys, { issuer: "https://issuer.example", audience: "chat", claims: { userId: "uid", roleId: "group" } }));
  const open = opener(server);
  const sign = (claims, header) => token("RS256", keys.key, { iss: "https://issuer.example", aud: "chat", uid: "ann", ...claims }, header);

  test("claims are found where the service says", async () => {
    const peer = open(sign({ group: "admin", userId: "wrong", roleId: "wrong" }));
    await peer.connected();
    const room = server.room();
    assert.equal((await peer.ok("hub:join", { roomId: room })).hubRole, "admin");
    assert.equal((await peer.say(room, "hello")).senderId, "ann");
  });

  test("the user falls back to sub", async () => {
    const peer = open(sign({ uid: undefined, sub: "sue" }));
    await peer.connected();
    const room = server.room();
    await peer.ok("hub:join", { roomId: room });
    assert.equal((await peer.say(room, "hello")).senderId, "sue");
  });

  test("an audience list that holds ours is accepted", async () => {
    await open(sign({ aud: ["other", "chat"] })).connected();
  });

  for (const [what, claims] of [
    ["another issuer", { iss: "https://other.example" }],
    ["no issuer", { iss: undefined }],
    ["another audience", { aud: "other" }],
    ["no audience", { aud: undefined }],
    ["a time before which it is not valid", { nbf: now() + 600 }],
    ["nobody", { uid: undefined }],
    ["an exp that is no number", { exp: "tomorrow" }],
  ]) {
    test(`a token that names ${what} is refused`, async () => {
      await refused(open(sign(claims)), "invalid_token");
    });
  }

  test("a token without signature (alg none) is refused", async () => {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const body = part({ iss: "https://issuer.example", aud: "chat", uid: "ann", exp: now() + 600 });
    for (const alg of ["none", "None", "NONE", ""]) await refused(open(`${part({ alg, typ: "JWT" })}.${body}.`), "invalid_token");
  });

  test("the public key does not serve as an HMAC secret", async () => {
    const forged = token("HS256", keys.pem, { iss: "https://issuer.example", aud: "chat", uid: "ann" });
    await refused(open(forged), "invalid_token");
  });

  test("an algorithm outside the list is refused though the key would fit", async () => {
    await refused(open(token("RS512", keys.key, { iss: "https://issuer.example", aud: "chat", uid: "ann" })), "invalid_token");
  });

  test("a dev token is refused where dev is not configured", async () => {
    await refused(open("dev:ann"), "invalid_token");
  });

  for (const bad of ["a.b.c", "..", "…", ".".repeat(5000), `${"A".repeat(10000)}.B.C`, "\u0000.\u0000.\u0000"]) {
    test(`token ${JSON.stringify(bad.slice(0, 12))} (${bad.length} characters) is refused`, async () => {
      await refused(open(bad), "invalid_token");
    });
  }
});

describe("keys from a JWKS file", () => {
  const rsa = keysFor("RS256");
  const ec = keysFor("ES256");
  const server = serve((def) => {
    jwt(["RS256", "ES256"], {})(def);
    delete def.service.auth.jwt.secretEnv;
    def.service.auth.jwt.jwksFile = "keys/jwks.json";
    const keys = [
      { ...rsa.jwk, kid: "first", use: "sig", alg: "RS256" },
      { ...ec.jwk, kid: "second", use: "sig", alg: "ES256" },
    ];
    def.files = { "keys/jwks.json": JSON.stringify({ keys }) };
  });
  const open = opener(server);

  test("each key verifies the tokens that name it", async () => {
    await open(token("RS256", rsa.key, { sub: "ann" }, { kid: "first" })).connected();
    await open(token("ES256", ec.key, { sub: "ann" }, { kid: "second" })).connected();
  });

  test("a token that names the other key or an unknown one is refused", async () => {
    await refused(open(token("RS256", rsa.key, { sub: "ann" }, { kid: "second" })), "invalid_token");
    await refused(open(token("RS256", rsa.key, { sub: "ann" }, { kid: "third" })), "invalid_token");
  });
});

describe("the life of a session", () => {
  const keys = keysFor("HS256");
  const guarded = (def) => {
    jwt(["HS256"], keys)(def);
    Object.assign(def.hub.roomSettings, { absoluteRoles: ["boss"], checkScript: "user.roleId != 'banned'" });
  };
  const server = serve(guarded, { env: { TEST_JWT_SECRET: keys.key } });
  const open = opener(server);
  const sign = (claims) => token("HS256", keys.key, { sub: "ann", ...claims });

  test("an open socket ends when its token expires, unless it was refreshed", async () => {
    const exp = now() + 5;
    const [lapsed, refreshed] = [open(sign({ exp })), open(sign({ exp, sub: "bob" }))];
    await Promise.all([lapsed.connected(), refreshed.connected()]);
    await refreshed.ok("hub:refreshToken", { token: sign({ sub: "bob", exp: now() + 600 }) });
    const error = await lapsed.next("hub:error");
    assert.equal(error.code, "token_expired");
    await lapsed.disconnected();
    assert.ok(Date.now() / 1000 >= exp, "not before its time");
    await refreshed.settled();
    assert.equal(refreshed.socket.connected, true);
  });

  test("a token without exp does not expire", async () => {
    await open(sign({ exp: undefined })).connected();
  });

  test("a refresh with a token of other claims changes the rights in the rooms one is in", async () => {
    const [ann, bob] = [open(sign({ roleId: "boss" })), open(sign({ sub: "bob" }))];
    await Promise.all([ann.connected(), bob.connected()]);
    const rooms = [server.room(), server.room()];
    for (const roomId of rooms) assert.equal((await ann.ok("hub:join", { roomId })).hubRole, "system");
    await bob.ok("hub:join", { roomId: rooms[0] });
    await ann.ok("hub:refreshToken", { token: sign({ exp: now() + 600 }) });
    for (const roomId of rooms) assert.equal((await ann.next("hub:permissions", (told) => told.roomId === roomId)).hubRole, "member");
    await ann.ok("hub:refreshToken", { token: sign({ roleId: "banned", exp: now() + 600 }) });
    for (const roomId of rooms) await ann.next("hub:kicked", (told) => told.roomId === roomId);
    await bob.nothing("hub:permissions", "hub:kicked");
    const refusal = await bob.refused("invalid_token", "hub:refreshToken", { token: sign({ sub: "ann" }) });
    assert.match(refusal.message, /another user/);
  });

  test("a refresh with a bad or an expired token is refused and changes nothing", async () => {
    const peer = open(sign());
    await peer.connected();
    await peer.refused("invalid_token", "hub:refreshToken", { token: "nonsense" });
    await peer.refused("token_expired", "hub:refreshToken", { token: sign({ exp: now() - 10 }) });
    await peer.refused("bad_request", "hub:refreshToken", {});
    await peer.settled();
    assert.equal(peer.socket.connected, true);
  });
});

test("a secret that can be guessed is warned of, one of 32 bytes is not", async () => {
  const change = jwt(["HS256"], keysFor("HS256"));
  await serving(change, ({ hubd }) => hubd.printed(/warn.*TEST_JWT_SECRET/), { env: { TEST_JWT_SECRET: "x".repeat(31) } });
  let long;
  await serving(change, async ({ hubd }) => (long = hubd), { env: { TEST_JWT_SECRET: "x".repeat(32) } });
  assert.doesNotMatch(long.output, /TEST_JWT_SECRET/);
});

describe("anonymous users", () => {
  const server = serve((def) => {
    def.service.auth = { anonymous: true };
    def.hub.roomSettings.authScripts = [{ name: "guests", script: "user.roleId == 'guest'", hubRole: "member" }];
  });

  test("whoever brings no token is a guest with an id of their own", async () => {
    const room = server.room();
    const first = await server.member(undefined, room);
    const second = await server.member(undefined, room);
    const ids = [(await first.say(room, "a")).senderId, (await second.say(room, "b")).senderId];
    assert.equal(typeof ids[0], "string");
    assert.notEqual(ids[0], ids[1]);
  });
});

describe("the authenticate hook", () => {
  const server = serve((def) => {
    def.service.auth.authenticate = {
      lua: [
        "if session.userId == 'banned' then return false end",
        "if session.userId == 'broken' then error('broken on purpose') end",
        "if session.userId == 'slow' then sleep(20) end",
        "return {fullname = 'Full ' .. session.userId, avatar = '/a.png', level = 7}",
      ].join("\n"),
    };
    def.hub.roomSettings.authScripts = [{ name: "enriched", script: "user.level == 7", hubRole: "member" }];
  });

  test("enriches the session: scripts see it, and name and avatar go with every message", async () => {
    const roomId = server.room();
    for (const user of ["ann", "slow"]) {
      const peer = await server.member(user, roomId);
      const message = await peer.say(roomId, "hello");
      assert.equal(message.senderName, `Full ${user}`);
      assert.equal(message.senderAvatar, "/a.png");
      const { sender } = await peer.next("hub:messageArrived");
      assert.deepEqual(sender, { id: user, name: `Full ${user}`, avatar: "/a.png" });
    }
  });

  test("denies with false, and a hook that fails admits nobody", async () => {
    await refused(server.open("banned"), "invalid_token");
    await refused(server.open("broken"), "invalid_token");
  });
});
