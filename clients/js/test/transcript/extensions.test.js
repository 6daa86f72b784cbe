// What a hub's extensions offer, by the client against a real hubd; and the README, block after block, as it
// stands there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { eventually, serve } from "../../../../tests/transcript/harness.js";
import { now, token } from "../../../../tests/transcript/tokens.js";
import { createClient, HubError } from "../../dist/esm/index.js";
import * as inboxes from "../../dist/esm/inbox.js";
import * as streams from "../../dist/esm/streams.js";
import { Proxy } from "./proxy.js";

const AsyncFunction = (async () => {}).constructor;
const SECRET = "a secret of more than thirty-two characters";
const FAST = { transports: ["websocket"], reconnectionDelay: 5, reconnectionDelayMax: 50 };

const server = serve(
  (def) => {
    def.seed.conversation.push({ id: "lobby", title: "Lobby" });
    def.seed.membership = ["r50", "r51", "lobby"].flatMap((conversationId) =>
      ["ann", "bob"].map((userId) => ({ id: `${conversationId}-${userId}`, userId, conversationId, role: "member" })),
    );
    def.hub.roomSettings.authSources = [
      {
        name: "membership",
        sourceObject: "membership",
        userField: "userId",
        roomField: "conversationId",
        hubRole: "member",
      },
    ];
    def.hub.messageSettings.enableReaction = true;
    def.hub.eventSettings = { enablePresence: true, enableTypingIndicator: true, enableReadReceipts: true };
    def.service.auth = { jwt: { algorithms: ["HS256"], secretEnv: "CLIENT_TEST_SECRET" } };
    def.service.clients = {
      id: "auth.clientId",
      collision: "supersede",
      invocations: ["double", "fail", "other"].map((type) => ({ type })),
    };
    def.hubs = [structuredClone(def.hub)];
    def.hubs[0].hubBasics.name = "side";
    def.hub.hubExtensions = {
      ...def.hub.hubExtensions,
      limits: { ...def.hub.hubExtensions.limits, publishes: 100000, writes: 100000 },
      inbox: { enabled: true },
      state: { sync: true, canWrite: "true" },
      streams: { maxOpen: 16 },
      channels: [{ pattern: "news", canPublish: "true", history: 100 }],
      records: [{ pattern: "product:{id}", canWrite: "true" }],
      collections: [
        {
          pattern: "products:all",
          watch: ["product:*"],
          resolver: {
            lua: "local all = json.array()\nfor _, r in ipairs(records.list('product:*').items) do all[#all + 1] = {id = r.recordId, price = r.value.price} end\nreturn all",
          },
        },
      ],
      commands: [
        {
          name: "rollDice",
          fields: [{ name: "sides", fieldType: "Integer", required: true }],
          script: { lua: "return {value = math.random(1, payload.sides)}" },
        },
        { name: "until", script: { lua: "return session.exp" } },
        {
          name: "ask",
          script: {
            lua: "local ok, answer = pcall(clients.invoke, payload.clientId, payload.type, payload.data, 3000)\nreturn {ok = ok, answer = ok and answer or {code = answer.code, message = answer.message}}",
          },
        },
        {
          name: "shout",
          stream: true,
          fields: [{ name: "times", fieldType: "Integer", required: true }],
          timeoutMs: 60000,
          script: {
            lua: "local bytes = ctx.stream:read()\nwhile bytes do\n  for _ = 1, payload.times do ctx.stream:write(bytes:upper()) end\n  bytes = ctx.stream:read()\nend",
          },
        },
      ],
    };
  },
  { env: { CLIENT_TEST_SECRET: SECRET } },
);

const jwt = (user, seconds = 3600) => token("HS256", SECRET, { userId: user, sub: user, exp: now() + seconds });

/** A client that is closed behind the test T. */
function open(t, user, more = {}) {
  const hub = createClient({ url: server.url, hub: "chat", token: jwt(user), socket: FAST, ...more });
  t.after(() => hub.close());
  return hub;
}

/** The same, when it is connected. */
async function there(...how) {
  const hub = open(...how);
  await eventually("it is connected", () => hub.state === "connected");
  return hub;
}

describe("the README", () => {
  test("does what it says", async (t) => {
    const text = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    const blocks = [...text.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, block]) => block.replace(/^import .*\n/gm, ""));
    assert.equal(blocks.length, 5);
    const shown = [];
    let hub;
    const make = (options) => (hub = open(t, "ann", { ...options, socket: FAST }));
    const names = {
      createClient: make,
      ...inboxes,
      ...streams,
      url: server.url,
      fetchToken: async () => jwt("ann"),
      show: (...what) => shown.push(what),
    };
    await new AsyncFunction(...Object.keys(names), `{${blocks[0]}}`)(...Object.values(names));
    for (const block of blocks.slice(1))
      await new AsyncFunction(...Object.keys(names), "hub", `{${block}}`)(...Object.values(names), hub);
    const said = JSON.stringify(shown);
    for (const part of ["hello (sending)", "hello (approved)", "It works", "Pen", "HELLO", "lobby: "])
      assert.ok(said.includes(part), `${part}: ${said}`);
  });
});

describe("two clients", () => {
  test("see each other, type, read, and share a state", async (t) => {
    const id = server.room();
    const [ann, bob] = await Promise.all(["ann", "bob"].map((user) => open(t, user).join(id)));
    await eventually("ann sees bob", () => ann.members.value.some(({ userId }) => userId === "bob"));
    bob.typing();
    await eventually("bob types", () => ann.members.value.find(({ userId }) => userId === "bob")?.typing);
    await bob.send("text", { body: "hi" });
    await eventually("bob types no more", () => !ann.members.value.find(({ userId }) => userId === "bob").typing);
    await ann.markRead();
    await eventually("ann has read", () => bob.members.value.find(({ userId }) => userId === "ann")?.lastReadSeq === 1);
    await ann.call("hub:setRoomState", { key: "turn", value: "bob" });
    await eventually("the state is shared", () => bob.state.value?.turn === "bob");
    assert.equal(ann.permissions.value.canSend, true);
  });

  test("of one url share a connection, and close apart", async (t) => {
    const proxy = await new Proxy(server.port, Math.random).start();
    t.after(() => proxy.stop());
    const at = { url: proxy.url };
    const [chat, side, again] = [open(t, "ann", at), open(t, "ann", { ...at, hub: "side" }), open(t, "ann", at)];
    const [, room] = await Promise.all([chat.join("r50"), side.join("r50"), again.join("r50")]);
    assert.equal(proxy.lines.size, 2, "two hubs on one, and the same hub once more on another");
    const states = [];
    side.on("state", (state) => states.push(state));
    chat.close();
    again.close();
    assert.equal((await room.send("text", { body: "still here" })).seq, 1);
    for (const line of [...proxy.lines]) line.cut();
    await eventually("the cut is noticed", () => states.includes("recovering"));
    assert.equal((await room.send("text", { body: "again" })).seq, 2);
    assert.equal(proxy.lines.size, 1);
  });

  test("of one id: the older one is superseded and stays away", async (t) => {
    const old = open(t, "ann", { clientId: "laptop", socket: { ...FAST } });
    await old.join("r50");
    const room = await open(t, "ann", { clientId: "laptop", socket: { ...FAST } }).join("r50");
    await eventually("superseded", () => old.state === "superseded");
    await assert.rejects(old.join("r50"), { code: "closed" });
    assert.equal(room.status.value, "joined");
  });
});

describe("extensions", () => {
  test("channels, records and collections miss nothing over cuts", async (t) => {
    const proxy = await new Proxy(server.port, Math.random).start();
    t.after(() => proxy.stop());
    const away = open(t, "bob", { url: proxy.url, timeoutMs: 2000 });
    const here = open(t, "ann");
    const got = [];
    await away.channel("news").subscribe((data) => got.push(data), { history: 0 });
    const record = away.record("product:cut");
    const versions = [];
    await record.subscribe((value, { version, reset }) => versions.push([version, reset, value?.n]), { mode: "patch" });
    let list = [];
    await away.collection("products:all").subscribe((all) => (list = all));
    for (let n = 0; n < 60; n++) {
      if (n % 6 === 5) for (const line of [...proxy.lines]) line.cut();
      await here.channel("news").publish({ n });
      await here
        .record("product:cut")
        .write({ n, price: n, same: { deep: [1, 2, 3, "a text that is long enough for patches to be shorter"] } });
    }
    await eventually("all has come", () => got.length >= 60 && record.value?.n === 59);
    assert.deepEqual(
      got.map(({ n }) => n),
      [...got.keys()],
    );
    assert.ok(
      versions.every(([version], i) => !i || version > versions[i - 1][0]),
      JSON.stringify(versions),
    );
    await eventually("the collection is up to date", () => list.find(({ id }) => id === "product:cut")?.price === 59);
    await assert.rejects(
      here.record("product:cut").write({}, { ifVersion: 1 }),
      ({ code, data }) => code === "version_conflict" && data.version === 60,
    );
  });

  test("invocations are answered, and what throws is told", async (t) => {
    const hub = await there(t, "ann", { clientId: "phone", socket: { ...FAST } });
    hub.onInvoke("double", async (n) => n * 2);
    hub.onInvoke("fail", () => {
      throw new Error("not now");
    });
    const ask = (type, data) => hub.command("ask", { clientId: "phone", type, data });
    assert.deepEqual(await ask("double", 4), { ok: true, answer: 8 });
    assert.deepEqual((await ask("fail", 1)).answer, { code: "client_failed", message: "not now" });
    assert.deepEqual((await ask("other", 1)).answer.code, "client_failed");
    await assert.rejects(
      hub.command("rolDice", {}),
      (error) => error instanceof HubError && error.code === "unknown_command" && /rollDice/.test(error.message),
    );
  });

  test("the inbox counts what happens elsewhere", async (t) => {
    const inbox = await inboxes.openInbox(open(t, "ann"));
    const of = (roomId) => inbox.value.find((room) => room.roomId === roomId);
    const before = of("r51").unread;
    const room = await open(t, "bob").join("r51");
    await room.send("text", { body: "news" });
    await eventually("one more", () => of("r51").unread === before + 1 && inbox.value[0].roomId === "r51");
    assert.equal(of("r51").lastMessage.content.body, "news");
  });

  test("streams carry much, both ways, byte by byte", async (t) => {
    const { readable, writable } = await streams.openStream(await there(t, "ann"), {
      command: "shout",
      payload: { times: 1 },
    });
    const bytes = new Uint8Array(1000000).map((_, i) => 97 + (i % 26));
    const writer = writable.getWriter();
    const writing = writer.write(bytes).then(() => writer.close());
    let at = 0;
    for await (const piece of readable) for (const byte of piece) assert.equal(byte, 65 + (at++ % 26));
    await writing;
    assert.equal(at, bytes.length);
  });
});

describe("tokens", () => {
  test("are renewed on the open connection", async (t) => {
    let asked = 0;
    const hub = open(t, "", { token: () => jwt("ann", asked++ ? 3600 : 12) });
    const states = [];
    hub.on("state", (state) => states.push(state));
    const room = await hub.join("r50");
    await eventually("hubd goes by the second one", async () => (await hub.command("until")) > now() + 1000);
    assert.equal(asked, 2);
    await room.send("text", { body: "still here" });
    assert.deepEqual(states, ["connected"]);
  });

  test("that are bad end it, until there is a good one", async (t) => {
    const hub = open(t, "", { token: "bad" });
    await assert.rejects(hub.join("r50"), { code: "invalid_token" });
    assert.equal(hub.state, "unauthorized");
    hub.setToken(jwt("ann"));
    assert.equal((await hub.join("r50")).status.value, "joined");
    assert.equal(hub.state, "connected");
  });
});

describe("a stop of the server", () => {
  test("is gone through, with what waits", async (t) => {
    const hub = open(t, "bob");
    const states = [];
    hub.on("state", (state) => states.push(state));
    const id = server.room();
    const room = await hub.join(id);
    await room.send("text", { body: "before" });
    const { port } = server;
    await server.hubd.stop();
    const sending = room.send("text", { body: "meanwhile" });
    await server.start({ args: ["--set", `listen.port=${port}`], env: { CLIENT_TEST_SECRET: SECRET } });
    await sending;
    assert.deepEqual(
      room.messages.value.map(({ content, seq }) => [content.body, seq]),
      [
        ["before", 1],
        ["meanwhile", 2],
      ],
    );
    assert.deepEqual(states, ["connected", "draining", "recovering", "connected"]);
  });
});
