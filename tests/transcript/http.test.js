// http.get and http.request of scripts, against a server of the test's own.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createServer as createPlain } from "node:net";
import { after, before, describe, test } from "node:test";
import { eventually, serve, serving, SLACK_MS } from "./harness.js";

const listen = (server) => new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));

/** The type "fetch" makes the request that its content describes; the answer, or the error, is what its sender gets back. */
function fetching(def) {
  def.hub.messageSettings.customMessageTypes = [{ name: "fetch" }];
  def.hub.guardrails = { messageRateLimit: 100000 };
  def.service.scripting = { wallMs: 20000 };
  def.seed.conversation = Array.from({ length: 120 }, (_, i) => ({ id: `r${i + 1}`, title: `Room ${i + 1}` }));
  def.hub.hubLogic = {
    messageHandlers: [
      {
        messageType: "fetch",
        script: {
          lua: [
            "local c = message.content",
            "if c.big then c.request.body = string.rep('x', c.big) end",
            "local ok, answer = pcall(c.get and http.get or http.request, c.get or c.request, c.opts)",
            "if not ok then answer = {code = answer.code, message = answer.message} end",
            "if c.measure then answer.body = #answer.body end",
            "return {accept = true, persist = false, modifiedContent = {ok = ok, answer = answer}}",
          ].join("\n"),
        },
      },
    ],
  };
}

describe("http in scripts", () => {
  const server = serve(fetching, { env: { no_proxy: "*" } });
  const seen = [];
  const held = [];
  let site, url, silent, silentUrl;

  before(async () => {
    site = createServer((req, res) => {
      const chunks = [];
      req.on("data", (chunk) => chunks.push(chunk));
      req.on("end", () => {
        const { method, url: path, headers } = req;
        seen.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
        if (path === "/echo") res.writeHead(201, { "X-Answer": "yes", "Set-Cookie": ["a=1", "b=2"] }).end('{"a":[1,"ü"]}');
        else if (path === "/moved") res.writeHead(302, { Location: "/echo" }).end();
        else if (path === "/bytes") res.end(Buffer.from([0xff, 0x00, 0xfe]));
        else if (path.startsWith("/size/")) res.end("x".repeat(Number(path.slice(6))));
        else if (path === "/head") res.writeHead(200, Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`x-${i}`, "y".repeat(9000)]))).end();
        else if (path === "/early") res.writeEarlyHints({ link: "</style.css>; rel=preload" }, () => res.end("done"));
        else if (path === "/cut") res.writeHead(200, { "Content-Length": "10" }), res.write("abc"), res.socket.destroySoon();
        else held.push(res);
      });
    });
    site.maxHeadersCount = 0;
    url = `http://127.0.0.1:${await listen(site)}`;
    silent = createPlain(() => {});
    silentUrl = `http://127.0.0.1:${await listen(silent)}`;
  });
  after(() => {
    site.closeAllConnections();
    site.close();
    silent.close();
  });

  let ann, roomId;
  const fetch = async (content) => (await ann.ok("hub:send", { roomId, messageType: "fetch", content })).message.content;
  const answer = async (content) => {
    const { ok, answer } = await fetch(content);
    assert.equal(ok, true, JSON.stringify(answer));
    return answer;
  };
  const refused = async (code, says, content) => {
    const { ok, answer } = await fetch(content);
    assert.equal(ok, false, JSON.stringify(answer)?.slice(0, 200));
    assert.equal(answer.code, code, answer.message);
    assert.match(answer.message, says);
  };
  const scene = async () => {
    roomId = server.room();
    ann = await server.member("ann", roomId);
    seen.length = 0;
  };

  test("get answers with status, headers and body", async () => {
    await scene();
    const { status, headers, body } = await answer({ get: `${url}/echo`, opts: { headers: { "X-Ask": "please", "X-None": "" } } });
    assert.equal(status, 201);
    assert.equal(body, '{"a":[1,"ü"]}');
    assert.equal(headers["x-answer"], "yes");
    assert.equal(headers["set-cookie"], "a=1, b=2");
    assert.equal(seen[0].method, "GET");
    assert.equal(seen[0].headers["x-ask"], "please");
    assert.equal(seen[0].headers["x-none"], "");
    assert.match(seen[0].headers["user-agent"], /^hubd\//);
  });

  test("request sends method and body, a table as JSON", async () => {
    await scene();
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) await answer({ request: { method, url: `${url}/echo`, body: { list: [], n: 1.5 } } });
    assert.deepEqual(
      seen.map(({ method, body, headers }) => [method, body, headers["content-type"]]),
      ["POST", "PUT", "PATCH", "DELETE"].map((method) => [method, '{"list":[],"n":1.5}', "application/json"]),
    );
    await answer({ request: { method: "POST", url: `${url}/echo`, body: "plain", headers: { "content-type": "text/x" } } });
    assert.deepEqual([seen[4].body, seen[4].headers["content-type"]], ["plain", "text/x"]);
    assert.equal((await answer({ request: { method: "HEAD", url: `${url}/echo` } })).body, "");
    assert.equal((await answer({ request: { url: `${url}/echo` } })).status, 201);
  });

  test("redirects are answers, not followed", async () => {
    await scene();
    const { status, headers } = await answer({ get: `${url}/moved` });
    assert.deepEqual([status, headers.location, seen.length], [302, "/echo", 1]);
  });

  test("what is no UTF-8 comes as base64; a hint before the answer is no part of it", async () => {
    await scene();
    const { body, bodyBase64 } = await answer({ get: `${url}/bytes` });
    assert.deepEqual([body, bodyBase64], [null, "/wD+"]);
    const early = await answer({ get: `${url}/early` });
    assert.deepEqual([early.status, early.body, "link" in early.headers], [200, "done", false]);
  });

  test("1 MiB passes either way, one byte more is too_large, and so is a head without end", async () => {
    await scene();
    assert.equal((await answer({ get: `${url}/size/1048576`, measure: true })).body, 1048576);
    await refused("too_large", /more than 1048576 bytes/, { get: `${url}/size/1048577` });
    await refused("too_large", /headers/, { get: `${url}/head` });
    assert.equal((await answer({ request: { method: "POST", url: `${url}/echo` }, big: 1048576 })).status, 201);
    assert.equal(seen.at(-1).body.length, 1048576);
    await refused("too_large", /body/, { request: { method: "POST", url: `${url}/echo` }, big: 1048577 });
  });

  test("what does not answer in time, breaks off, or is not there is an error that says so", async () => {
    await scene();
    const started = performance.now();
    await refused("internal", /not done after 300 ms/, { get: `${silentUrl}/`, opts: { timeoutMs: 300 } });
    assert.ok(performance.now() - started < SLACK_MS);
    await refused("internal", /http: /, { get: `${url}/cut` });
    await refused("internal", /http: .*127\.0\.0\.1/, { get: "http://127.0.0.1:1/" });
    await refused("internal", /http: .*nowhere\.invalid/, { get: "http://nowhere.invalid/" });
  });

  for (const [what, content] of [
    ["a file", { get: "file:///etc/passwd" }],
    ["another scheme", { get: "ftp://127.0.0.1/x" }],
    ["no url", { request: {} }],
    ["a number as url", { request: { url: 7 } }],
    ["a url without host", { get: "http://" }],
    ["an endless url", { get: `http://127.0.0.1/${"x".repeat(9000)}` }],
    ["a method of its own", { request: { url: "http://127.0.0.1/", method: "BREW" } }],
    ["a second line in a header", { get: "http://127.0.0.1/", opts: { headers: { "X-A": "a\r\nX-B: b" } } }],
    ["a header's name with a colon", { get: "http://127.0.0.1/", opts: { headers: { "X: A": "a" } } }],
    ["a number as header", { get: "http://127.0.0.1/", opts: { headers: { "X-A": 1 } } }],
    ["a text as headers", { get: "http://127.0.0.1/", opts: { headers: "X-A: 1" } }],
    ["no time at all", { get: "http://127.0.0.1/", opts: { timeoutMs: 0 } }],
    ["an hour", { get: "http://127.0.0.1/", opts: { timeoutMs: 3600000 } }],
    ["a text as opts", { get: "http://127.0.0.1/", opts: "fast" }],
  ]) {
    test(`${what} is a bad request`, async () => {
      await scene();
      await refused("bad_request", /^http/, content);
    });
  }

  test("sixty-four at a time, of all rooms; one more is overloaded; the loop goes on meanwhile", async () => {
    await scene();
    const peers = await Promise.all(Array.from({ length: 64 }, (_, i) => server.member(`u${i}`, server.room())));
    const content = { get: `${url}/hold`, opts: { timeoutMs: 20000 } };
    const answers = Promise.all(peers.map((peer) => peer.call("hub:send", { roomId: peer.welcome.roomId, messageType: "fetch", content })));
    await eventually("64 requests under way", async () => (await ann.settled(), held.length >= 64));
    await refused("overloaded", /64 requests/, { get: `${url}/echo` });
    await ann.say(roomId, "the loop goes on");
    for (const res of held.splice(0)) res.end("late");
    for (const { ok, message } of await answers) assert.deepEqual([ok, message?.content.answer.body], [true, "late"]);
    assert.equal((await answer({ get: `${url}/echo` })).status, 201);
  });
});

test("a request under way does not hold up the end of hubd", async () => {
  const silent = createPlain(() => {});
  const port = await listen(silent);
  await serving(
    (def) => {
      fetching(def);
      def.service.scripting.wallMs = 1000; // the script ends, libcurl's part does not
    },
    async (server) => {
      const ann = await server.member("ann", "r1");
      const reached = new Promise((done) => silent.once("connection", done));
      ann.emit("hub:send", { roomId: "r1", messageType: "fetch", content: { get: `http://127.0.0.1:${port}/`, opts: { timeoutMs: 60000 } } });
      await reached;
    },
    { env: { no_proxy: "*" } },
  );
  silent.close();
});
