// What a hub offers, by the native client against a real hubd, in its own loop and in libuv's; as clients/js/test/transcript/extensions.test.js has it for
// the client for JavaScript.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { eventually, serve, serving } from "../../../../tests/transcript/harness.js";
import { now, token } from "../../../../tests/transcript/tokens.js";
import { Proxy } from "../../../js/test/transcript/proxy.js";
import { Native } from "./native.js";

const SECRET = "a secret of more than thirty-two characters";
const env = { CLIENT_TEST_SECRET: SECRET };
const jwt = (user, seconds = 3600) => token("HS256", SECRET, { userId: user, sub: user, exp: now() + seconds });

const server = serve(
  (def) => {
    def.service.auth = { jwt: { algorithms: ["HS256"], secretEnv: "CLIENT_TEST_SECRET" } };
    def.service.clients = { id: "auth.clientId", collision: "supersede", invocations: ["double", "other"].map((type) => ({ type })) };
    def.hub.guardrails.maxMessageSize = 600000;
    def.hub.hubExtensions = {
      ...def.hub.hubExtensions,
      limits: { ...def.hub.hubExtensions.limits, publishes: 100000, writes: 100000 },
      streams: { maxOpen: 16 },
      delivery: "broadcastThenPersist",
      channels: [{ pattern: "news", canPublish: "true", history: 100 }],
      records: [
        { pattern: "product:{id}", canWrite: "true" },
        { pattern: "secret:{id}", canRead: "false" },
      ],
      commands: [
        { name: "rollDice", fields: [{ name: "sides", fieldType: "Integer", required: true }], script: { lua: "return {value = math.random(1, payload.sides)}" } },
        { name: "until", script: { lua: "return session.exp" } },
        {
          name: "ask",
          script: {
            lua: "local ok, answer = pcall(clients.invoke, payload.clientId, payload.type, payload.data, 3000)\nreturn {ok = ok, answer = ok and answer or {code = answer.code}}",
          },
        },
        {
          name: "shout",
          stream: true,
          timeoutMs: 60000,
          script: { lua: "local bytes = ctx.stream:read()\nwhile bytes do\n  ctx.stream:write(bytes:upper())\n  bytes = ctx.stream:read()\nend" },
        },
      ],
    };
  },
  { env },
);

/** A client that ends behind the test T. */
function open(t, user, more = [], url = server.url) {
  const native = new Native(url, user && jwt(user), more);
  t.after(() => native.end());
  native.tell("pace", { first: 5, most: 50 });
  return native;
}

for (const loop of [[], ["uv"]]) {
  describe(`a native client ${loop[0] ? "in a loop of libuv" : "with its own loop"}`, () => {
    test("joins, sends, is refused, and leaves", async (t) => {
      const ann = open(t, "ann", loop);
      const room = server.room();
      const joined = await ann.join(room);
      assert.equal(joined.permissions.canSend, true);
      const long = "x".repeat(500000); // in many pieces, both ways
      const { message } = await ann.send(room, long);
      assert.equal(message.seq, 1);
      await eventually("it comes, once", () => ann.messages.length === 1);
      assert.equal(ann.messages[0].content.body, long);
      assert.equal(ann.messages[0].seq, 1);
      await assert.rejects(ann.ask("send", { room, type: "nonsense", content: {} }), { code: "unknown_type" });
      await assert.rejects(ann.ask("send", { room: "r59", type: "text", content: {} }), { code: "not_in_room" });
      await ann.ask("leave", { room });
      await assert.rejects(ann.emit("hub:members", { roomId: room }), { code: "not_in_room" });
    });

    test("calls commands, answers invocations, and asks for anything", async (t) => {
      const ann = open(t, "ann", [...loop, `clientId=phone${loop}`]);
      await ann.connected();
      ann.tell("invoke", { type: "double" });
      assert.equal((await ann.ask("command", { name: "rollDice", payload: { sides: 1 } })).result.value, 1);
      await assert.rejects(ann.ask("command", { name: "rolDice" }), (error) => error.code === "unknown_command" && /rollDice/.test(error.message));
      const invoke = async (type, data) => (await ann.ask("command", { name: "ask", payload: { clientId: `phone${loop}`, type, data } })).result;
      assert.deepEqual(await invoke("double", 4), { ok: true, answer: 8 });
      assert.equal((await invoke("double", "text")).answer.code, "client_failed");
      assert.equal((await invoke("other", 1)).answer.code, "client_failed");
      assert.equal((await ann.emit("hub:publish", { channel: "news", data: 1 })).ok, true);
      ann.tell("emit", { event: "hub:nonsense", data: {}, silent: true });
      await eventually("the refusal is told", () => ann.events.some(({ event, data }) => event === "hub:error" && data.event === "hub:nonsense"));
    });

    test("misses nothing of channels and records over cuts", async (t) => {
      const proxy = await new Proxy(server.port, Math.random).start();
      const id = `product:cut${loop}`;
      const here = open(t, "ann");
      await here.connected();
      const away = open(t, "bob", ["timeoutMs=2000", ...loop], proxy.url);
      t.after(() => proxy.stop());
      const { offset } = await here.emit("hub:publish", { channel: "news", data: { n: -1 } });
      away.tell("channel", { name: "news", history: 1 });
      away.tell("record", { name: id });
      await eventually("both are there", () => away.values.length === 2);
      for (let n = 0; n < 60; n++) {
        if (n % 6 === 5) for (const line of [...proxy.lines]) line.cut();
        await here.emit("hub:publish", { channel: "news", data: { n } });
        await here.emit("hub:writeRecord", { recordId: id, value: { n, same: { deep: [1, 2, 3, "a text that is long enough for patches to be shorter"] } } });
      }
      const of = (what) => away.values.filter((value) => value.of === what);
      await eventually("all has come", () => of("channel").length >= 61 && of("record").at(-1).value?.n === 59);
      assert.deepEqual(
        of("channel").map(({ number, value }) => [number, value.n]),
        Array.from({ length: 61 }, (_, i) => [offset + i, i - 1]),
      );
      const records = of("record");
      assert.deepEqual([records[0].value, records[0].number], [null, 0]);
      assert.ok(records.every(({ number, value }, i) => !i || (number > records[i - 1].number && value.n === number - 1 && value.same.deep.length === 4)), JSON.stringify(records));
      await here.emit("hub:deleteRecord", { recordId: id });
      await eventually("it is gone", () => of("record").at(-1).value === null && of("record").at(-1).number === 61);
    });

    test("carries bytes both ways", async (t) => {
      const ann = open(t, "ann", loop);
      await ann.connected();
      const streamId = "s1";
      await ann.emit("hub:streamOpen", { streamId, target: { command: "shout", payload: {} } });
      const bytes = Buffer.from("abcdefgh".repeat(2000));
      ann.tell("emit", { event: "hub:streamData", data: { streamId, offset: 0 }, hex: bytes.toString("hex"), silent: true });
      const came = () => Buffer.concat(ann.events.filter(({ event }) => event === "hub:streamData").map(({ hex }) => Buffer.from(hex, "hex")));
      await eventually("all has come back", () => came().length === bytes.length);
      assert.equal(came().toString(), bytes.toString().toUpperCase());
      const [{ data }] = ann.events.filter(({ event }) => event === "hub:streamData");
      assert.deepEqual([data.data.num, data.data.offset], [0, 0]);
    });
  });
}

describe("what is refused", () => {
  test("a subscription says why", async (t) => {
    const ann = open(t, "ann");
    ann.tell("record", { name: "secret:1" });
    ann.tell("channel", { name: "nowhere" });
    await eventually("both are told", () => ann.events.filter(({ event }) => event === "hub:unsubscribed").length === 2);
    const reasons = Object.fromEntries(ann.events.map(({ data }) => [data.recordId ?? data.channel, data.reason]));
    assert.deepEqual(reasons, { "secret:1": "not_allowed", nowhere: "not_found" });
  });

  test("more than may wait is queue_full, and commands do not wait", async (t) => {
    const ann = open(t, "ann", ["queueLimit=2"]);
    const room = server.room();
    const proxy = await new Proxy(server.port, Math.random).start();
    const away = open(t, "bob", ["queueLimit=2"], proxy.url);
    await Promise.all([ann.join(room), away.join(room)]);
    const port = new URL(proxy.url).port;
    await proxy.stop();
    await eventually("the loss is noticed", () => away.state === "recovering");
    await assert.rejects(away.ask("command", { name: "until" }), { code: "disconnected" });
    const waiting = [away.send(room, "one"), away.send(room, "two")];
    await assert.rejects(away.send(room, "three"), { code: "queue_full" });
    const again = new Proxy(server.port, Math.random);
    await new Promise((done) => again.listener.listen(port, "127.0.0.1", done));
    t.after(() => again.stop());
    await Promise.all(waiting);
    await eventually("both have come, in order", () => ann.messages.length === 2);
    assert.deepEqual(ann.messages.map(({ content, seq }) => [content.body, seq]), [["one", 1], ["two", 2]]);
  });

  test("an unknown hub is not_found for who wants to join", async (t) => {
    const ann = new Native(server.url, jwt("ann"), [], "nowhere");
    t.after(() => ann.end());
    await assert.rejects(ann.join("r1"), { code: "not_found" });
  });

  test("an older connection of the same id is superseded and stays away", async (t) => {
    const old = open(t, "ann", ["clientId=laptop"]);
    await old.join("r50");
    await open(t, "ann", ["clientId=laptop"]).join("r50");
    await eventually("superseded", () => old.state === "superseded");
    await assert.rejects(old.join("r50"), { code: "closed" });
  });
});

describe("tokens", () => {
  test("are renewed on the open connection", async (t) => {
    const ann = open(t, "", ["wants=1"]);
    ann.onWanted = (n) => ann.tell("token", { token: jwt("ann", n === 1 ? 12 : 3600) });
    await ann.join("r50");
    await eventually("hubd goes by the second one", async () => (await ann.ask("command", { name: "until" })).result > now() + 1000);
    assert.equal(ann.wanted, 2);
    assert.deepEqual(ann.states, ["connected"]);
  });

  test("that are not there are asked for again", async (t) => {
    const ann = open(t, "", ["wants=1"]);
    ann.onWanted = (n) => ann.tell("token", { token: n < 3 ? null : jwt("ann") });
    await ann.join("r50");
    assert.equal(ann.wanted, 3);
  });

  test("that are bad end it, until there is a good one", async (t) => {
    const ann = new Native(server.url, "bad");
    t.after(() => ann.end());
    ann.tell("pace", { first: 5, most: 50 });
    await assert.rejects(ann.join("r50"), { code: "invalid_token" });
    assert.equal(ann.state, "unauthorized");
    ann.tell("token", { token: jwt("ann") });
    await ann.connected();
    await ann.join("r50");
  });
});

describe("a stop of the server", () => {
  test("is gone through, with what waits", async (t) => {
    await serving(undefined, async (own) => {
      const ann = new Native(own.url, "dev:ann");
      const room = own.room();
      await ann.join(room);
      await ann.send(room, "before");
      const { port } = own;
      await own.hubd.stop();
      const sending = ann.send(room, "meanwhile");
      await own.start({ args: ["--set", `listen.port=${port}`] });
      await sending;
      await eventually("both are there", () => ann.messages.length === 2);
      assert.deepEqual(ann.messages.map(({ content, seq }) => [content.body, seq]), [["before", 1], ["meanwhile", 2]]);
      assert.deepEqual(ann.states, ["connected", "draining", "recovering", "connected"]);
      ann.tell("close");
      await eventually("it is closed", () => ann.state === "closed");
      await ann.end();
    });
  });
});

describe("the way to the server", () => {
  test("TLS: a certificate that nobody vouches for is refused, ca_file vouches", async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "hubd-client-tls-"));
    t.after(() => rmSync(dir, { recursive: true }));
    const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    execFileSync("openssl", [...request, "-keyout", key, "-out", cert], { stdio: "ignore" });
    const change = (def) => {
      def.files = { "tls/key.pem": readFileSync(key, "utf8"), "tls/cert.pem": readFileSync(cert, "utf8") };
      def.service.listen.tls = { certFile: "tls/cert.pem", keyFile: "tls/key.pem" };
    };
    await serving(change, async (own) => {
      const url = `https://localhost:${own.port}`;
      const doubting = new Native(url, "dev:ann");
      await eventually("it is refused", () => doubting.events.some(({ event, data }) => event === "hub:error" && data.code === "disconnected"));
      assert.deepEqual(doubting.states, []);
      await doubting.end();
      for (const loop of [[], ["uv"]]) {
        const ann = new Native(url, "dev:ann", [`caFile=${cert}`, ...loop]);
        const room = own.room();
        await ann.join(room);
        await ann.send(room, "x".repeat(50000));
        await eventually("it comes", () => ann.messages.length === 1);
        await ann.end();
      }
    });
  });

  test("a proxy of the environment is used, unless no_proxy names the host", async (t) => {
    const asked = [];
    const proxy = createServer().on("connect", ({ url, headers }, client) => {
      asked.push([url, headers["proxy-authorization"].replace(/^basic/, "Basic")]);
      const far = connect(server.port, "127.0.0.1", () => client.write("HTTP/1.1 200 OK\r\n\r\n") && client.pipe(far).pipe(client));
      far.on("error", () => client.destroy());
      client.on("error", () => far.destroy());
    });
    await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
    t.after(() => proxy.close());
    const http_proxy = `http://user:word@127.0.0.1:${proxy.address().port}`;
    const through = new Native("http://hubd.example:80", jwt("ann"), [], "chat", { http_proxy, no_proxy: "other.example" });
    await through.join(server.room());
    assert.deepEqual(asked, [["hubd.example:80", `Basic ${Buffer.from("user:word").toString("base64")}`]]);
    await through.end();
    const around = new Native(server.url, jwt("ann"), [], "chat", { http_proxy, no_proxy: "127.0.0.1" });
    await around.join(server.room());
    assert.equal(asked.length, 1);
    await around.end();
  });
});
