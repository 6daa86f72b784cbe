// Why somebody was not let in: one line at the default level, of each kind a bounded number, with the reason and without the token.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runSql, serve } from "./harness.js";
import { Peer } from "./peer.js";
import { engine, Polling, Tcp, upgradeRequest } from "./raw.js";
import { keysFor, now, token } from "./tokens.js";

describe("the log says why", () => {
  const keys = keysFor("HS256");
  const server = serve(
    (def) => {
      def.service.auth = {
        jwt: { algorithms: ["HS256"], secretEnv: "TEST_JWT_SECRET", issuer: "https://id.example", leewaySeconds: 0 },
        authenticate: { lua: "if session.userId == 'eve' then return {deny = 'eve is on leave'} end" },
      };
    },
    { env: { TEST_JWT_SECRET: keys.key.toString() } },
  );
  const sign = (claims) => token("HS256", keys.key, { iss: "https://id.example", sub: "ann", ...claims });
  const tries = async (text, line) => {
    const seen = server.hubd.printed(line, server.hubd.output.length);
    await server.adopt(new Peer(`${server.url}/hub/chat`, text === undefined ? {} : { auth: { token: text } })).refusal();
    await seen;
    assert.ok(!text || !server.hubd.output.includes(text), "the token stands in the log");
  };

  for (const [what, text, line] of [
    ["no token", undefined, /info +auth: token missing code=auth_required reason="none given"/],
    ["a token that has expired", sign({ exp: now() - 60 }), /info +auth: token expired code=token_expired reason="expired 6\d s ago"/],
    ["another issuer", sign({ iss: "https://other.example" }), /info +auth: token refused code=invalid_token reason="\\"iss\\" is not/],
    ["another key", token("HS256", "another secret of more than thirty-two characters", { sub: "ann" }), /reason="the signature does not fit"/],
    ["no token at all", "dev:ann", /code=invalid_token reason="not three parts/],
    ["a hook that denies", sign({ sub: "eve" }), /code=invalid_token reason="the authenticate hook refuses it" user=eve said="eve is on leave"/],
    ["an endless token", "x".repeat(9000), /code=invalid_token reason="it is over 8 KiB, or no text"/],
  ]) {
    test(`of ${what}`, () => tries(text, line));
  }

  // The scheme was passed over, and the line said that no token was given.
  for (const [authorization, reason] of [
    ["Basic YW5uOnNlY3JldA==", "the header Authorization has the scheme Basic; expected is Bearer TOKEN"],
    ["Digest username=ann", "the header Authorization has the scheme Digest; expected is Bearer TOKEN"],
    [sign({}), "the header Authorization has no scheme; expected is Bearer TOKEN"],
    ["c2VjcmV0 c2VjcmV0", "the header Authorization has no scheme; expected is Bearer TOKEN"],
    ["Bearer ", "the header Authorization has the scheme Bearer and no token"],
  ]) {
    test(`of the header Authorization: ${authorization.slice(0, 8)}…`, async () => {
      const seen = server.hubd.printed(new RegExp(`info +auth: token missing code=auth_required reason="${reason}"`), server.hubd.output.length);
      const answer = await fetch(`${server.url}/chat/rooms/r1`, { headers: { authorization } });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.get("www-authenticate"), "Bearer");
      await seen;
      const secret = authorization.slice(7);
      assert.ok(!secret || !server.hubd.output.includes(secret), "what is secret stands in the log");
    });
  }

  test("of CONNECT data without a token", async () => {
    const seen = server.hubd.printed(/auth: token missing code=auth_required reason="auth of CONNECT has no member \\"token\\""/, server.hubd.output.length);
    await server.adopt(new Peer(`${server.url}/hub/chat`, { auth: { jwt: sign({}) } })).refusal();
    await seen;
  });

  test("of a Socket.IO 2 client, and of one that asks for another transport", async () => {
    assert.equal((await engine(server.url, { EIO: "3", transport: "polling" }, { headers: { "user-agent": "old/2" } })).status, 400);
    await server.hubd.printed(/info +transport: protocol version refused EIO=3 reason="Engine\.IO 3 is that of Socket\.IO 2 clients[^\n]* agent=old\/2/);
    await engine(server.url, { EIO: "4", transport: "flashsocket" });
    await server.hubd.printed(/info +transport: handshake refused transport=flashsocket reason="transport is polling or websocket"/);
  });

  test("of a scheme that is none, and of the end of a connection", async () => {
    const seen = server.hubd.printed(/info +auth: token missing code=auth_required reason="[^"]*expected is Bearer TOKEN"/);
    assert.equal((await server.rest("GET", "/chat/rooms/r1", { headers: { authorization: "Basic YW5uOng=" } })).status, 401);
    await seen;
    const ann = server.adopt(new Peer(`${server.url}/hub/chat`, { auth: { token: sign({ exp: now() + 2 }) } }));
    await ann.disconnected();
    await server.hubd.printed(/info +auth: a connection is closed: its token has expired user=ann/);
  });

  // What a proxy that does not pass the upgrade on, or gives a client's requests to several processes, looks like.
  test("of requests that a proxy has spoilt", async () => {
    await engine(server.url, { EIO: "4", transport: "websocket" });
    await server.hubd.printed(/info +transport: handshake refused transport=websocket reason="it asks for no upgrade; does the proxy/);
    const { sid } = await Polling.open(server.url);
    assert.equal((await engine(server.url, { EIO: "4", transport: "websocket", sid })).status, 400);
    await server.hubd.printed(/info +transport: upgrade refused transport=websocket reason="it asks for no upgrade/);
    assert.equal((await engine(server.url, { EIO: "4", transport: "polling", sid: "elsewhere" })).status, 400);
    await server.hubd.printed(/info +transport: session unknown transport=polling reason="it has ended, or another process has it/);
    const tcp = await Tcp.open(server.port);
    tcp.write(upgradeRequest("/socket.io/?EIO=4&transport=websocket").replace("Version: 13", "Version: 8"));
    await tcp.until(/^HTTP\/1\.1 426 /);
    await server.hubd.printed(/info +transport: WebSocket refused reason="Only version 13/);
    tcp.close();
  });

  test("a bounded number of times", async () => {
    for (let i = 0; i < 50; i++) await engine(server.url, { EIO: "3", transport: "polling" });
    assert.ok(server.hubd.output.match(/protocol version refused/g).length <= 21);
  });
});

// Once a block that could not be stored was "not understood", and nothing in the log told of it.
describe("what the database refuses", () => {
  const server = serve((def) => {
    def.hub.hubRoles = [{ name: "member", canModerate: true }];
    def.hub.eventSettings = { enableReadReceipts: true, customEvents: [{ name: "wave", ephemeral: false, direction: "clientToRoom" }] };
  });

  test("is said to whoever asked, in the log and in the metrics, whatever it is", async () => {
    const ann = await server.member("ann", "r1");
    const bob = await server.member("bob", "r1");
    const { id: messageId } = await bob.say("r1", "y");
    const once = { chatMessage: '"roomId", "content"', chatModeration: '"roomId"', chatReceipt: '"roomId"', chatEvent: '"roomId"' };
    await runSql(server.dir, Object.entries(once).map(([table, columns]) => `CREATE UNIQUE INDEX "once_${table}" ON "${table}" (${columns});`).join(" "));
    const asks = [
      ["chatMessage", (peer) => peer.call("hub:send", { roomId: "r1", messageType: "text", content: { body: "x" } })],
      ["chatReceipt", (peer) => peer.call("messageRead", { roomId: "r1", lastReadSeq: 1 })],
      ["chatModeration", (peer) => peer.call("hub:silence", { roomId: "r1", userId: peer === ann ? "x" : "y" })],
      ["chatEvent", (peer) => peer.call("wave", { roomId: "r1", data: 1 })],
      ["chatMessage", (peer) => (peer === ann ? { ok: true } : peer.call("hub:edit", { roomId: "r1", messageId, content: { body: "x" } }))],
    ];
    for (const [table, ask] of asks) {
      assert.equal((await ask(ann)).ok, true, table);
      const from = server.hubd.output.length;
      const { ok, error } = await ask(bob);
      assert.deepEqual([ok, error?.code], [false, "bad_request"], table);
      assert.match(error.message, /unique|duplicate/i, "and the words of the database");
      await server.hubd.printed(new RegExp(`info +store: a write was refused table=${table} code=bad_request error=`), from);
    }
    assert.match(await (await fetch(`${server.url}/metrics`)).text(), /^hubd_store_failed_writes_total 5$/m);
  });
});
