// The examples of docs/extensions, as they stand there: their YAML is served, their JavaScript runs with the stock client, and each answer is what
// the comment behind it says. A page without a row here fails.
import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, test } from "node:test";
import { eventually, ROOT, runSql, serve, serving, within } from "./harness.js";
import { PATIENCE_MS } from "./peer.js";

const FOLDER = join(ROOT, "docs/extensions");
const AsyncFunction = (async () => {}).constructor;

/** What stands in for mail.example.com. */
const mails = [];
const mail = createServer((request, response) => request.on("data", (body) => mails.push(JSON.parse(body))).on("end", () => response.end())).listen(0, "127.0.0.1");
await once(mail, "listening");
mail.unref();

/** The blocks of PAGE in LANGUAGE. */
const blocks = (page, language) => [...readFileSync(join(FOLDER, page), "utf8").matchAll(/^```(\w+)\n([^]*?)^```$/gm)].filter(([, l]) => l === language).map(([, , text]) => text);

/** VALUE has what SHOWN has; members named in RANDOM are of the same type only. */
function covers(value, shown, random = []) {
  if (typeof shown !== "object" || shown === null || Array.isArray(shown)) return assert.deepEqual(value, shown);
  for (const [key, part] of Object.entries(shown)) {
    if (random.includes(key)) assert.equal(typeof value?.[key], typeof part);
    else covers(value?.[key], part, random);
  }
}

/* * What the comments of a script say is answered: [{call, role, shown}], CALL counting from 0; `// of a
 *   guest: {…}` is about that role. */
function answersShown(text) {
  let call = -1;
  const shown = [];
  for (const [, made, role, literal] of text.matchAll(/(emitWithAck\()|\/\/ (?:of an? (\w+): )?(\{[^\n]*\})/g)) {
    if (made) call++;
    else shown.push({ call, role, shown: new Function(`return (${literal})`)() });
  }
  return shown;
}

/* * Runs TEXT as the client of PEER, with NAMES; each call must be answered, and as its comment for ROLE
 *   says. */
async function run(text, peer, role, names, random) {
  const answers = [];
  const emitWithAck = async (...args) => (answers[answers.push(undefined) - 1] = await peer.call(...args));
  const socket = new Proxy(peer.socket, { get: (of, key) => (key === "emitWithAck" ? emitWithAck : typeof of[key] === "function" ? of[key].bind(of) : of[key]) });
  const all = { socket, show: () => {}, ...names };
  await new AsyncFunction(...Object.keys(all), `{${text}}`)(...Object.values(all));
  const shown = answersShown(text).filter((one) => one.role === role);
  if (!role) answers.forEach((answer, call) => shown.some((one) => one.call === call) || assert.equal(answer.ok, true, JSON.stringify(answer)));
  for (const { call, shown: what } of shown) covers(answers[call], what, random);
  return answers;
}

/* * Serves the first YAML of PAGE: keys of a hub, or with FILE "service.yaml" of the service. CHANGE edits
 *   what stands around it. */
function servePage(page, { file = "chat.hub.yaml", change, text = (yaml) => yaml } = {}) {
  return serve((def) => {
    change?.(def);
    const yaml = text(blocks(page, "yaml")[0]);
    const own = file === "service.yaml" ? def.service : def.hub;
    const others = Object.entries(own).filter(([key]) => !new RegExp(`^${key}:`, "m").test(yaml));
    def.files = { ...def.files, [file]: others.map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`).join("") + yaml };
  });
}

const pages = {
  "commands.md"() {
    const server = servePage("commands.md");
    test("rolls dice, not for guests, and takes a traceparent", async () => {
      const [call, traced] = blocks("commands.md", "js");
      await run(call, await server.connect("ann"), undefined, {}, ["value"]);
      await run(call, await server.connect("gus", { role: "guest" }), "guest");
      let opened;
      const io = (namespace, options) => (opened = server.open(undefined, { namespace, ...options })).socket;
      await run(traced, await server.connect("ann"), undefined, { io, token: "dev:ann" });
      await opened.connected();
      assert.equal((await opened.ok("rollDice", { sides: 1 })).result.value, 1);
    });
  },

  "middleware.md"() {
    const server = servePage("middleware.md");
    test("refuses who is not verified, over REST too, and notes what was carried out", async () => {
      const roomId = server.room();
      const from = server.hubd.output.length;
      const ann = await server.member("ann", roomId);
      await server.hubd.printed(/carried out[^\n]*hub:join/, from);
      await run(blocks("middleware.md", "js")[0], ann, undefined, { roomId });
      const [, status, shown] = /HTTP\/1\.1 (\d+)[^\n]*\n\n(\{.*\})/.exec(readFileSync(join(FOLDER, "middleware.md"), "utf8"));
      const answer = await server.rest("POST", `/chat/rooms/${roomId}/messages`, { user: "ann", body: { messageType: "text", content: { body: "hello" } } });
      assert.equal(answer.status, Number(status));
      covers(answer.body, JSON.parse(shown.replace("…,", "")));
    });
  },

  "lifecycle.md"() {
    const server = servePage("lifecycle.md", {
      change: (def) => {
        def.seed.conversation.push({ id: "shut", title: "Shut", status: "closed" });
        def.seed.membership = ["r58", "r59", "shut"].map((conversationId, i) => ({ id: `m${i}`, userId: "ann", conversationId }));
      },
    });
    const [script] = blocks("lifecycle.md", "js");
    /** What the example shows to USER, COUNT lines of it, and its connection. */
    async function shownTo(user, role, count) {
      const shown = [];
      let peer;
      const io = (url, options) => (peer = server.open(user, { role, namespace: new URL(url).pathname, ...options })).socket;
      const bob = await server.connect("bob");
      await within(PATIENCE_MS, new Promise((all) => run(script, bob, undefined, { io, token: `dev:${user}:${role}`, show: (...line) => shown.push(line) === count && all() })), "it is shown");
      return [peer, shown];
    }
    test("finds its rooms, is refused in them or at the door, and is told as gone", async () => {
      const from = server.hubd.output.length;
      const [ann, shown] = await shownTo("ann", "user", 2);
      assert.deepEqual(shown.map(([, roomId]) => roomId).sort(), ["r58", "r59"]);
      covers(await ann.next("hub:error"), { event: "admission", roomId: "shut", code: "rejected", error: "This room is closed" });
      assert.deepEqual((await ann.next("hub:history", ({ roomId }) => roomId === "r58")).messages.map(({ content }) => content.body), ["Welcome to Room 58"]);
      ann.close();
      await server.hubd.printed(/gone at=[^\n]*user=ann/, from);
      assert.equal(server.hubd.output.slice(from).match(/left at=[^\n]*user=ann/g).length, 2);
      const [, refused] = await shownTo("eve", "banned", 1);
      const [, message, data] = /show\(error[^\n]*\/\/ ("[^"]*"), (\{.*\})/.exec(script);
      assert.deepEqual(refused, [[JSON.parse(message), new Function(`return (${data})`)()]]);
    });
  },

  "plugins.md"() {
    const [, list, plugin] = blocks("plugins.md", "yaml");
    const server = servePage("plugins.md", {
      change: (def) => {
        def.service.plugins = [/^plugins: \[(.*)\]\n$/.exec(list)[1]];
        def.files = { "plugins/antispam/plugin.yaml": plugin, "plugins/antispam/lib/links.lua": blocks("plugins.md", "lua")[0] };
      },
    });
    test("counts links by the value of its parameter", async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      await run(blocks("plugins.md", "js")[0], ann, undefined, { roomId });
      await ann.say(roomId, "http://a");
      assert.equal((await ann.ok("ping", {})).result, "pong");
    });
  },

  "transactions.md"() {
    let shopRows = "";
    const server = servePage("transactions.md", {
      file: "service.yaml",
      text: (yaml) => yaml.replace("dataObjects:\n", (line) => `${line}${shopRows}`),
      change: (def) => {
        shopRows = def.service.dataObjects.map((object) => `  - ${JSON.stringify(object)}\n`).join("");
        def.seed.account = [{ id: "ann", balance: 100 }];
        def.hub.hubExtensions = { ...def.hub.hubExtensions, records: [{ pattern: "sold:{sku}" }], commands: [{ name: "buy", script: { lua: blocks("transactions.md", "lua")[0] } }] };
      },
    });
    test("sells as long as there is money, with a receipt for each", async () => {
      const from = server.hubd.output.length;
      const ann = await server.connect("ann");
      await run(blocks("transactions.md", "js")[0], ann);
      await server.hubd.printed(/a receipt[^\n]*purchase=/, from);
      await ann.refused("too_poor", "buy", { sku: "pen", price: 71 });
    });
  },

  "records.md"() {
    const [order] = blocks("records.md", "lua");
    const stock = { pattern: "stock:{sku}", canWrite: "true" };
    const server = servePage("records.md", { change: (def) => (def.service.namespaces = [{ path: "/shop", records: [stock, { pattern: "order:{id}" }], commands: [{ name: "order", script: { lua: `${order}return left` } }] }]) });
    test("takes from a stock as long as there is something", async () => {
      const ann = await server.connect("ann", { namespace: "/shop" });
      await ann.ok("hub:writeRecord", { recordId: "stock:pen", value: { left: 1, name: "Pen" } });
      assert.equal((await ann.ok("order", { id: "1", sku: "pen" })).result, 0);
      await ann.refused("sold_out", "order", { id: "2", sku: "pen" });
      assert.deepEqual((await ann.ok("hub:subscribeRecord", { recordId: "order:1" })).record, { sku: "pen", by: "ann" });
      assert.deepEqual((await ann.ok("hub:subscribeRecord", { recordId: "stock:pen" })).record, { left: 0, name: "Pen" });
    });
    test("has a board for editors, and a cart for its owner", async () => {
      const [ann, bob] = [await server.connect("ann", { role: "editor" }), await server.connect("bob")];
      await bob.ok("hub:subscribeRecord", { recordId: "board:1" });
      await run(blocks("records.md", "js")[0], ann);
      assert.equal((await bob.next("hub:recordDeleted")).version, 3);
      assert.deepEqual(bob.log.filter(([name]) => name === "hub:recordUpdated").map(([, { full }]) => full.cards), [[], [{ text: "First" }]]);
      await bob.refused("not_allowed", "hub:writeRecord", { recordId: "board:1", value: {} });
      await bob.refused("not_allowed", "hub:subscribeRecord", { recordId: "cart:ann" });
    });
    test("has drafts that are their authors' until they are public", async () => {
      const [ann, bob] = [await server.connect("ann"), await server.connect("bob")];
      const draft = (value) => ann.ok("hub:writeRecord", { recordId: "draft:1", value: { by: "ann", ...value } });
      await draft({ text: "A" });
      await bob.refused("not_allowed", "hub:subscribeRecord", { recordId: "draft:1" });
      await bob.refused("not_allowed", "hub:writeRecord", { recordId: "draft:1", value: { by: "ann" } });
      await draft({ text: "B", public: true });
      await bob.ok("hub:subscribeRecord", { recordId: "draft:1" });
      await draft({ text: "C" });
      assert.deepEqual(await bob.next("hub:unsubscribed"), { recordId: "draft:1", reason: "not_allowed" });
      await ann.ok("hub:deleteRecord", { recordId: "draft:1" });
    });
  },

  "collections.md"() {
    const server = servePage("collections.md");
    test("has the tasks of a team, and the rooms of their owner", async () => {
      const [ann, bob] = [await server.connect("ann"), await server.connect("bob")];
      await bob.ok("hub:subscribeCollection", { collectionId: "tasks:red" });
      await run(blocks("collections.md", "js")[0], ann);
      assert.deepEqual((await bob.next("hub:collectionChanged")).added, [{ id: "task:red-1", title: "Paint it" }]);
      await bob.refused("not_allowed", "hub:subscribeCollection", { collectionId: "rooms:ann" });
    });
  },

  "metadata.md"() {
    const setRole = { name: "setRole", script: { lua: 'return connections.setMetadata(payload, {role = "host"}, "merge")' } };
    const server = servePage("metadata.md", { change: (def) => (def.service.namespaces = [{ path: "/scripts", commands: [setRole] }]) });
    test("shows what a client, a script and a room may have", async () => {
      const roomId = server.room();
      const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
      await bob.ok("hub:setMetadata", { metadata: { nickname: "Bob", mood: "well" }, strategy: "merge" });
      await (await server.connect("script", { namespace: "/scripts" })).ok("setRole", bob.socket.id);
      await run(blocks("metadata.md", "js")[0], ann, undefined, { roomId, otherSocketId: bob.socket.id });
      await ann.refused("not_allowed", "hub:setRoomMetadata", { roomId, metadata: { colour: "red" }, strategy: "merge" });
      const { body } = await server.rest("GET", "/chat", { user: "ann" });
      assert.match(JSON.stringify(body), /"connectionMetadata":\{"clientWritable":\["nickname","mood"\],"visible":\["nickname","role"\],"maxBytes":16384\}.*"roomMetadata":\{"writable":true/);
    });
  },

  "state.md"() {
    const server = servePage("state.md");
    test("has the players of a game at one board", async () => {
      const roomId = server.room();
      const [ann, bob] = [await server.connect("ann"), await server.member("bob", roomId)];
      await run(blocks("state.md", "js")[0], ann, undefined, { roomId });
      assert.equal((await bob.refused("not_your_turn", "takeTurn", { roomId })).code, "not_your_turn");
      assert.equal((await bob.next("hub:roomState")).version, 0);
      const changes = [await bob.next("hub:roomStateChanged"), await bob.next("hub:roomStateChanged"), await bob.next("hub:roomStateChanged")];
      assert.deepEqual(changes.map(({ key, value, version }) => [key, value, version]), [["player:ann", { x: 3, y: 4 }, 1], ["turn", "ann", 2], ["moves", 1, 3]]);
    });
  },

  "presence.md"() {
    const server = servePage("presence.md");
    test("shows cursors on a board", async () => {
      const roomId = server.room();
      const [ann, bob] = [await server.connect("ann"), await server.member("bob", roomId)];
      await bob.ok("hub:presenceState", { roomId, state: { x: 1, y: 2 } });
      const shown = [];
      const [joined] = await run(blocks("presence.md", "js")[0], ann, undefined, { roomId, show: (...args) => shown.push(args) });
      assert.deepEqual(joined.members.map(({ userId, state }) => [userId, state]), [["bob", { x: 1, y: 2 }], ["ann", undefined]]);
      covers(await bob.next("hub:presence", ({ state }) => state), { event: "state", user: { id: "ann" }, state: { x: 120, y: 80, tool: "pen" } });
      await bob.ok("hub:presenceState", { roomId, state: null });
      await ann.next("hub:presence", ({ event, state }) => event === "state" && state === null);
      assert.deepEqual(shown.at(-1), ["bob", null]);
    });
  },

  "liveness.md"() {
    const server = servePage("liveness.md", { change: (def) => (def.service.listen.pingInterval = 100) });
    test("tells clients how long a heartbeat takes", async () => {
      const ann = await server.connect("ann");
      const shown = [];
      await run(blocks("liveness.md", "js")[0], ann, undefined, { show: (ms) => shown.push(ms) });
      await ann.next("hub:latency");
      assert.equal(shown.length >= 1 && shown[0] >= 0, true);
    });
  },

  "room-update.md"() {
    const server = servePage("room-update.md");
    test("lets members give the room another title, and no more", async () => {
      const roomId = server.room();
      const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
      await run(blocks("room-update.md", "js")[0], ann, undefined, { roomId });
      covers(await bob.next("hub:roomUpdated"), { record: { title: "Endgames", status: "active" }, changes: { title: "Endgames" } });
    });
  },

  "broadcasting.md"() {
    const server = servePage("broadcasting.md");
    test("tells everybody, for admins", async () => {
      const [ann, root] = [await server.connect("ann"), await server.connect("root", { role: "admin" })];
      await run(blocks("broadcasting.md", "js")[0], root);
      assert.deepEqual(await ann.next("news"), { roomId: null, data: "hi" });
      await ann.refused("admins_only", "announce", { team: "red", text: "hi" });
    });
  },

  "inbox.md"() {
    const server = servePage("inbox.md");
    test("lists a room without joining it, and tells what happens there", async () => {
      const roomId = (server.room(), server.room());
      for (const userId of ["ann", "bob"]) await runSql(server.dir, `INSERT INTO membership (id, "userId", "conversationId") VALUES ('${userId}', '${userId}', '${roomId}');`);
      const [ann, bob] = [await server.connect("ann"), await server.member("bob", roomId)];
      const shown = [];
      await run(blocks("inbox.md", "js")[0], ann, undefined, { show: (...args) => shown.push(args) });
      await bob.say(roomId, "hello");
      const { lastMessage } = await ann.next("hub:roomActivity");
      assert.deepEqual(shown, [[roomId, lastMessage, 1]]);
      const { body } = await server.rest("GET", "/chat/rooms?limit=20", { user: "ann" });
      assert.equal(body.rooms.length, 1);
      covers(body.rooms[0], JSON.parse(blocks("inbox.md", "json")[0]));
    });
  },

  "channels.md"() {
    const server = servePage("channels.md");
    test("tells of a score, from referees, and has an inbox for each user", async () => {
      const [ann, bob] = [await server.connect("ann", { role: "referee" }), await server.connect("bob")];
      await bob.ok("hub:subscribe", { channel: "score:42" });
      await run(blocks("channels.md", "js")[0], ann);
      covers(await bob.next("hub:channelMessage"), { channel: "score:42", offset: 1, data: { home: 1, away: 0 } });
      await bob.refused("not_allowed", "hub:publish", { channel: "score:42", data: { home: 1, away: 0 } });
      await bob.ok("hub:subscribe", { channel: "inbox:bob" });
      await bob.refused("not_allowed", "hub:subscribe", { channel: "inbox:ann" });
    });
  },

  "delivery.md"() {
    const server = servePage("delivery.md");
    test("tells a message at once, and its number when it is stored", async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      let seen;
      await run(blocks("delivery.md", "js")[0], ann, undefined, { roomId, stored: () => ann.next("hub:messageStored"), show: (seq) => (seen = seq) });
      assert.equal(seen, 1);
      assert.equal((await ann.next("hub:messageArrived")).provisional, true);
    });
  },

  "moderation.md"() {
    const server = servePage("moderation.md");
    test("blocks with what was written, and lists what is in force", async () => {
      const roomId = server.room();
      const [mod, eve] = [await server.member("mod", roomId, { role: "mod" }), await server.member("eve", roomId)];
      for (const body of ["buy this", "buy that"]) await eve.say(roomId, body);
      let shown;
      await run(blocks("moderation.md", "js")[0], mod, undefined, { roomId, show: (...lists) => (shown = lists) });
      assert.deepEqual(shown, [[["eve", "spam"]], ["bob"]]);
      assert.deepEqual((await mod.ok("hub:history", { roomId })).messages, []);
      const [, put, get] = /(PUT \S+) +\{[^\n]*\n(GET \S+)/.exec(readFileSync(join(FOLDER, "moderation.md"), "utf8"));
      const path = (line) => line.split(" ")[1].replace("{roomId}", roomId);
      const again = await server.rest("PUT", path(put), { user: "mod", role: "mod", body: { reason: "spam", deleteMessages: true } });
      assert.deepEqual([again.status, again.body.deleted], [200, 0]);
      covers((await server.rest("GET", path(get), { user: "mod", role: "mod" })).body, { restrictions: { waiting: [], hasMore: false } });
    });
  },

  "retention.md"() {
    const server = servePage("retention.md");
    test("keeps three messages of a room, and says what a replay misses", async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      const removed = () => eventually("one is gone", async () => (await server.rest("GET", "/metrics")).text.includes('hubd_retention_removed_total{for="perRoom"} 1\n')); // as often as it takes: limits.reads is for what the example asks
      const shown = [];
      await run(blocks("retention.md", "js")[0], ann, undefined, { roomId, removed, show: (seqs) => shown.push(seqs) });
      assert.deepEqual(shown, [[2, 3, 4]]);
    });
  },

  "streams.md"() {
    const server = servePage("streams.md");
    test("shouts what it was told", async () => {
      const shown = [];
      const ann = await server.connect("ann");
      const over = new Promise((done) => ann.socket.on("hub:streamFinish", done));
      await run(blocks("streams.md", "js")[0], ann, undefined, { show: (line) => shown.push(line) });
      await over;
      assert.deepEqual(shown.slice(0, 2), ["HELLO", "over"]);
      await ann.refused("not_allowed", "hub:streamOpen", { streamId: "s2", target: { clientId: ann.socket.id }, meta: {} });
    });
  },

  "clients.md"() {
    const [ask] = blocks("clients.md", "lua");
    const withProof = { CLIENT_SECRET: "hush" };
    const server = servePage("clients.md", { file: "service.yaml", change: (def) => (def.hub.hubExtensions.commands = [{ name: "ask", script: { lua: ask } }, { name: "me", script: { lua: "return connection" } }]) });
    test("asks a client that has named its id, and supersedes it", async () => {
      const [connect] = blocks("clients.md", "js");
      const shown = [];
      let opened;
      const io = (namespace, options) => (opened = server.open(undefined, { namespace, ...options })).socket;
      const ann = await server.connect("ann");
      const begin = () => new AsyncFunction("io", "token", "show", connect)(io, "dev:ann", (text) => shown.push(text) > 0);
      await begin();
      const [first] = [opened, await opened.connected()];
      assert.deepEqual((await ann.ok("ask", { clientId: "laptop-1", question: "Sure?" })).result, { yes: true });
      assert.deepEqual((await ann.ok("ask", { clientId: "laptop-2", question: "Sure?" })).result, { yes: false, why: "client_not_found" });
      await begin();
      await opened.connected();
      assert.equal(await first.disconnected(), "io server disconnect");
      assert.deepEqual(shown, ["Sure?", "You go on in another window"]);
      const { body } = await server.rest("GET", "/chat", { user: "ann" });
      assert.match(JSON.stringify(body), /"invocations":\[\{"type":"confirm"/);
    });
    test("takes the proof that it shows", async () => {
      const definition = (def) => {
        def.service.clients = { id: "auth.clientId", proof: { secretEnv: "CLIENT_SECRET" } };
        def.hub.hubExtensions.commands = [{ name: "me", script: { lua: "return connection" } }];
      };
      await serving(definition, async (other) => {
        const auth = await new AsyncFunction("createHmac", "randomUUID", "secret", "token", `${blocks("clients.md", "js")[1]}return auth`)(createHmac, randomUUID, "hush", "dev:ann");
        const meter = await other.connect(undefined, { auth });
        covers((await meter.ok("me")).result, { clientId: "meter-7", metadata: { model: "T1" } });
      }, { env: withProof });
    });
  },

  "nodes.md"() {
    const [ask] = blocks("nodes.md", "lua");
    const server = servePage("nodes.md", {
      file: "service.yaml",
      change: (def) => (def.hub.hubExtensions.commands = [{ name: "ask", script: { lua: ask } }]),
    });
    test("asks and tells all nodes, which is itself", async () => {
      const ann = await server.member("ann", server.room());
      const { clocks, me, leader } = (await ann.ok("ask", {})).result;
      assert.deepEqual([clocks.length, typeof clocks[0], me], [1, "number", leader]);
      await eventually("the broadcast is heard", () => server.hubd.output.includes(`prices changed, says ${me}`));
    });
  },
  "queues.md"() {
    const [add] = blocks("queues.md", "lua");
    const server = servePage("queues.md", {
      file: "service.yaml",
      text: (yaml) => yaml.replace("https://mail.example.com", `http://127.0.0.1:${mail.address().port}`),
      change: (def) => (def.hub.hubExtensions.commands = [{ name: "welcome", script: { lua: `local user = payload\n${add}return job` } }, { name: "look", script: { lua: "return queues.get(payload)" } }]),
    });
    test("sends a mail, once for each id, and repeats by cron", async () => {
      const ann = await server.connect("ann");
      covers((await ann.ok("welcome", { id: "ann", email: "ann@example.com" })).result, { id: "welcome-ann", queue: "mail" });
      await ann.ok("welcome", { id: "ann", email: "ann@example.com" });
      let job;
      await eventually("the mail is sent", async () => (job = (await ann.ok("look", "welcome-ann")).result).state === "done");
      covers(job, { result: { sent: "ann@example.com" }, attempts: 1 });
      assert.deepEqual(mails, [{ to: "ann@example.com", text: "Welcome" }]);
      covers((await ann.ok("look", "summary")).result, { state: "delayed" });
    });
  },
};

test("each page of docs/extensions is run", () => {
  assert.deepEqual(readdirSync(FOLDER).sort(), ["README.md", "from-other-systems.md", ...Object.keys(pages)].sort());
});
for (const [page, body] of Object.entries(pages)) describe(page, body);
