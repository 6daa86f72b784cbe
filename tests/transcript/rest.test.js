// REST: reading and posting messages, envelopes, errors, and what HTTP/1.1 asks of a server.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve, serving } from "./harness.js";
import { Tcp } from "./raw.js";

function failure(response, status, code) {
  assert.equal(response.status, status, response.text);
  assert.equal(response.body.result, "ERR");
  assert.equal(response.body.status, status);
  assert.equal(response.body.errCode, code);
  assert.equal(typeof response.body.message, "string");
  assert.notEqual(response.body.message, "");
  assert.ok(!Number.isNaN(Date.parse(response.body.date)), response.body.date);
}

describe("messages over REST", () => {
  const server = serve((def) => {
    def.hub.roomSettings.roomEligibility = "room.status == 'active'";
    def.hub.roomSettings.authScripts = [
      { name: "viewers", script: "user.roleId == 'viewer'", hubRole: "viewer" },
      { name: "deaf", script: "user.roleId == 'deaf'", hubRole: "deaf" },
      { name: "users", script: "user.userId != 'stranger'", hubRole: "member" },
    ];
    def.hub.hubRoles.push({ name: "viewer", canSend: false }, { name: "deaf", canRead: false });
    def.hub.messageSettings.customMessageTypes = [{ name: "note" }];
    def.hub.historySettings = { historyEnabled: true, historyLimit: 10 };
    def.hub.guardrails = { maxMessageSize: 1000, messageRateLimit: 200 };
    def.service.listen.maxPayload = 20000;
    def.seed.conversation.push({ id: "closed", title: "Closed", status: "closed" }, { id: "with space/&?", title: "Odd" });
  });
  const path = (roomId) => `/chat/rooms/${encodeURIComponent(roomId)}/messages`;
  const post = (user, roomId, body, more = {}) => server.rest("POST", path(roomId), { user, body, ...more });
  const text = (body) => ({ messageType: "text", content: { body } });

  test("a posted message is answered 201 and arrives in the room like any other", async () => {
    const roomId = server.room();
    const bob = await server.member("bob", roomId);
    const response = await post("ann", roomId, text("over HTTP"));
    assert.equal(response.status, 201);
    assert.equal(response.body.status, "OK");
    assert.equal(response.body.statusCode, 201);
    const message = response.body[response.body.dataName];
    assert.equal(message.senderId, "ann");
    assert.equal(message.seq, 1);
    const arrived = await bob.next("hub:messageArrived");
    assert.deepEqual(arrived.message, message);
    assert.equal(arrived.sender.id, "ann");
    assert.equal(bob.welcome.memberCount, 1);
    assert.equal((await bob.ok("hub:join", { roomId })).memberCount, 1);
  });

  test("messages are listed in the envelope, ascending", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const sent = [await ann.say(roomId, "one"), await ann.say(roomId, "two")];
    const { status, body } = await server.rest("GET", path(roomId), { user: "bob" });
    assert.equal(status, 200);
    assert.equal(body.status, "OK");
    assert.equal(body.statusCode, 200);
    assert.equal(body.dataName, "messages");
    assert.equal(body.rowCount, 2);
    assert.deepEqual(body.messages, sent);
    assert.equal(typeof body.paging, "object");
  });

  test("an empty room lists none", async () => {
    const { body } = await server.rest("GET", path(server.room()), { user: "bob" });
    assert.deepEqual(body.messages, []);
    assert.equal(body.rowCount, 0);
  });

  test("before, after, limit, pages and filters", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    for (let i = 1; i <= 20; i++) await (i % 4 ? ann : bob).say(roomId, `${i}`);
    await ann.ok("hub:send", { roomId, messageType: "note", content: { n: 21 } });
    const list = async (query) => (await server.rest("GET", `${path(roomId)}?${query}`, { user: "ann" })).body.messages.map(({ seq }) => seq);
    assert.deepEqual(await list(""), [12, 13, 14, 15, 16, 17, 18, 19, 20, 21]);
    assert.deepEqual(await list("before=4"), [1, 2, 3]);
    assert.deepEqual(await list("after=18"), [19, 20, 21]);
    assert.deepEqual(await list("after=2&limit=3"), [3, 4, 5]);
    assert.deepEqual(await list("limit=2"), [20, 21]);
    assert.deepEqual(await list("messageType=note"), [21]);
    assert.deepEqual(await list("senderId=bob"), [4, 8, 12, 16, 20]);
    const page = (await server.rest("GET", `${path(roomId)}?pageNumber=2&pageRowCount=5`, { user: "ann" })).body;
    assert.equal(page.messages.length, 5);
    assert.equal(page.paging.pageNumber, 2);
    assert.equal(page.paging.pageRowCount, 5);
    assert.equal(page.paging.totalRowCount, 21);
    assert.equal(page.paging.pageCount, 5);
  });

  test("a room id with odd characters is reached percent-encoded", async () => {
    const response = await post("ann", "with space/&?", text("odd"));
    assert.equal(response.status, 201);
    assert.equal((await server.rest("GET", path("with space/&?"), { user: "ann" })).body.rowCount, 1);
  });

  test("a clientMessageId makes a repeated post one message", async () => {
    const roomId = server.room();
    const body = { ...text("once"), clientMessageId: "c-1" };
    const first = await post("ann", roomId, body);
    const again = await post("ann", roomId, body);
    assert.ok([200, 201].includes(again.status));
    assert.deepEqual(again.body[again.body.dataName], first.body[first.body.dataName]);
    assert.equal((await server.rest("GET", path(roomId), { user: "ann" })).body.rowCount, 1);
  });

  test("no token is 401 auth_required, a bad one 401 invalid_token", async () => {
    failure(await server.rest("GET", path("r1")), 401, "auth_required");
    failure(await post(undefined, "r1", text("x")), 401, "auth_required");
    failure(await server.rest("GET", path("r1"), { headers: { authorization: "Bearer nonsense" } }), 401, "invalid_token");
  });

  test("the token may come by query or cookie", async () => {
    assert.equal((await server.rest("GET", `${path("r1")}?access_token=dev:ann`)).status, 200);
    assert.equal((await server.rest("GET", path("r1"), { headers: { cookie: "a=b; access_token=dev:ann" } })).status, 200);
  });

  test("the join decision and the gates of a send answer with their codes", async () => {
    const roomId = server.room();
    failure(await post("ann", "nowhere", text("x")), 404, "room_not_found");
    failure(await server.rest("GET", path("nowhere"), { user: "ann" }), 404, "room_not_found");
    failure(await post("ann", "closed", text("x")), 403, "room_not_eligible");
    failure(await post("stranger", roomId, text("x")), 403, "not_authorized");
    failure(await post("vic", roomId, text("x"), { role: "viewer" }), 403, "cannot_send");
    failure(await server.rest("GET", path(roomId), { user: "dan", role: "deaf" }), 403, "cannot_read");
    failure(await post("ann", roomId, { messageType: "video", content: {} }), 400, "unknown_type");
    failure(await post("ann", roomId, { messageType: "text", content: {} }), 400, "invalid_content");
    failure(await post("ann", roomId, text("x".repeat(1000))), 413, "too_large");
    failure(await post("ann", roomId, { content: { body: "x" } }), 400, "bad_request");
  });

  test("a body that is no JSON object is 400, another content type 415", async () => {
    const roomId = server.room();
    const json = { "content-type": "application/json" };
    for (const raw of ["", "{", "[]", "null", '"text"', "7", '{"a":1}x', "\xff\xfe"]) {
      const response = await server.rest("POST", path(roomId), { user: "ann", headers: json, raw });
      failure(response, 400, "bad_request");
    }
    const plain = await server.rest("POST", path(roomId), { user: "ann", headers: { "content-type": "text/plain" }, raw: JSON.stringify(text("x")) });
    assert.equal(plain.status, 415);
    assert.equal(plain.body.result, "ERR");
  });

  test("bad paging is a bad request", async () => {
    for (const query of ["before=x", "limit=0", "limit=-1", "after=1e99", "pageNumber=0", "pageNumber=-1", "pageRowCount=0", "pageRowCount=1001"]) {
      failure(await server.rest("GET", `${path("r1")}?${query}`, { user: "ann" }), 400, "bad_request");
    }
  });

  test("paths and methods that are not there are 404 and 405 or 404", async () => {
    failure(await server.rest("GET", "/nothing/rooms/r1/messages", { user: "ann" }), 404, "not_found");
    failure(await server.rest("GET", "/chat/rooms", { user: "ann" }), 404, "not_found");
    const wrong = await server.rest("PUT", path("r1"), { user: "ann", body: {} });
    assert.ok([404, 405].includes(wrong.status), `${wrong.status}`);
    assert.equal(wrong.body.result, "ERR");
  });

  test("a rate limit answers 429 with Retry-After", async () => {
    const roomId = server.room();
    const ann = await server.member("rita", roomId);
    await Promise.all(Array.from({ length: 200 }, (_, i) => ann.say(roomId, `${i}`)));
    const response = await post("rita", roomId, text("one more"));
    failure(response, 429, "rate_limited");
    const seconds = Number(response.headers.get("retry-after"));
    assert.ok(seconds >= 1 && seconds <= 60, `${seconds}`);
  });
});

describe("HTTP/1.1", () => {
  const server = serve((def) => {
    def.service.listen.maxPayload = 100000;
    def.service.service.basePath = "/messaging-api";
  });
  const COMMON = "Host: localhost\r\nAuthorization: Bearer dev:ann\r\n";
  const get = (path, more = "") => `GET ${path} HTTP/1.1\r\n${COMMON}${more}\r\n`;
  const post = (body, more = `Content-Length: ${Buffer.byteLength(body)}\r\n`) =>
    `POST /chat/rooms/r1/messages HTTP/1.1\r\n${COMMON}Content-Type: application/json\r\n${more}\r\n${body}`;
  const statuses = (tcp) => [...tcp.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => Number(code));

  test("basePath may be the hub's own path: with it in front and without", () =>
    serving(
      (def) => (def.service.service.basePath = "/chat"),
      async (inner) => {
        for (const path of ["/chat", "/chat/chat", "/chat/rooms/r1", "/chat/chat/rooms/r1"]) {
          const { status, body } = await inner.rest("GET", path, { user: "ann" });
          assert.deepEqual([status, body.dataName], [200, path.endsWith("r1") ? "room" : "hub"], path);
        }
        failure(await inner.rest("GET", "/chat/nothing", { user: "ann" }), 404, "not_found");
        await inner.member("ann", "r1", { path: "/chat/socket.io/", namespace: "/chat/hub/chat" });
      },
    ));

  test("basePath in front of a REST path is accepted, and not required", async () => {
    assert.equal((await server.rest("GET", "/messaging-api/chat/rooms/r1/messages", { user: "ann" })).status, 200);
    assert.equal((await server.rest("GET", "/chat/rooms/r1/messages", { user: "ann" })).status, 200);
  });

  test("one connection serves one request after the other", async () => {
    const tcp = await Tcp.open(server.port);
    for (let i = 1; i <= 5; i++) {
      tcp.write(get("/healthz"));
      await tcp.until(new RegExp(`(HTTP/1\\.1 200 [^]*?){${i}}`));
    }
    tcp.close();
  });

  test("pipelined requests are answered in their order, posts with bodies among them", async () => {
    const tcp = await Tcp.open(server.port);
    const body = (text) => JSON.stringify({ messageType: "text", content: { body: text } });
    tcp.write(
      get("/chat/rooms/r2/messages") + post(body("first")) + get("/nowhere") + post(body("second")) + get("/healthz", "Connection: close\r\n"),
    );
    await tcp.end();
    assert.deepEqual(statuses(tcp), [200, 201, 404, 201, 200]);
    const { messages } = (await server.rest("GET", "/chat/rooms/r1/messages", { user: "ann" })).body;
    assert.deepEqual(
      messages.slice(-2).map(({ content }) => content.body),
      ["first", "second"],
    );
  });

  test("a chunked body is accepted", async () => {
    const tcp = await Tcp.open(server.port);
    const body = JSON.stringify({ messageType: "text", content: { body: "in chunks" } });
    const chunks = [body.slice(0, 10), body.slice(10)].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("");
    tcp.write(post(`${chunks}0\r\n\r\n`, "Transfer-Encoding: chunked\r\nConnection: close\r\n"));
    await tcp.end();
    assert.deepEqual(statuses(tcp), [201]);
  });

  test("a head that arrives byte by byte is one head", async () => {
    const tcp = await Tcp.open(server.port);
    tcp.socket.setNoDelay(true);
    for (const byte of get("/healthz")) tcp.write(byte);
    await tcp.until(/HTTP\/1\.1 200/);
    tcp.close();
  });

  test("HEAD has no body, HTTP/1.0 closes", async () => {
    const tcp = await Tcp.open(server.port);
    tcp.write("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    await tcp.end();
    assert.match(tcp.text, /^HTTP\/1\.1 200 [^]*\r\n\r\n$/);
    const old = await Tcp.open(server.port);
    old.write("GET /healthz HTTP/1.0\r\n\r\n");
    await old.end();
    assert.match(old.text, /^HTTP\/1\.\d 200/);
  });

  test("a head over 16 KiB is 431, and the connection closes", async () => {
    const tcp = await Tcp.open(server.port);
    tcp.write(get("/healthz", `X-Long: ${"x".repeat(17 * 1024)}\r\n`));
    await tcp.end();
    assert.deepEqual(statuses(tcp), [431]);
  });

  test("a body over maxPayload is 413, whether announced or chunked", async () => {
    const tcp = await Tcp.open(server.port);
    tcp.write(post("", "Content-Length: 100001\r\n"));
    await tcp.until(/HTTP\/1\.1 413/);
    tcp.close();
    const chunked = await Tcp.open(server.port);
    chunked.write(post("", "Transfer-Encoding: chunked\r\n"));
    const chunk = "x".repeat(10000);
    for (let i = 0; i < 11; i++) chunked.write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    await chunked.until(/HTTP\/1\.1 413/);
    chunked.close();
  });

  for (const [what, bytes, expected = 400] of [
    ["garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 nonsense\r\n\r\n"],
    ["a request line without a version", "GET /healthz\r\n\r\n", 505],
    ["a version from the future", "GET /healthz HTTP/3.0\r\n\r\n", 505],
    ["two different lengths", "POST /chat/rooms/r1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"],
    [
      "length and chunks at once",
      "POST /chat/rooms/r1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["a negative length", "POST /chat/rooms/r1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"],
    ["a broken chunk size", "POST /chat/rooms/r1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"],
  ]) {
    test(`${what} is ${expected} and closes`, async () => {
      const tcp = await Tcp.open(server.port);
      tcp.write(Buffer.from(bytes, "latin1"));
      await tcp.end();
      assert.deepEqual(statuses(tcp), [expected]);
    });
  }
});
