// What hubctl docs writes passes the published validators; a running hubd gives the same, and answers as it says.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Parser } from "@asyncapi/parser";
import { Validator } from "@seriousme/openapi-schema-validator";
import specs from "@asyncapi/specs";
import Ajv7 from "ajv";
import Ajv from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { io } from "socket.io-client";
import { Hubd, within } from "../transcript/harness.js";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "../..");
const FEATURES = join(HERE, "services/features");
const ANSWER_MS = 30000;
const folder = mkdtempSync(join(tmpdir(), "hubd-docs-"));
after(() => rmSync(folder, { recursive: true }));

const hubctl = (...args) => execFileSync(process.env.HUBCTL, args, { encoding: "utf8", maxBuffer: 1 << 26 });
const examples = readdirSync(join(ROOT, "hubs")).filter((name) => name !== "templates");
const services = [...examples.map((name) => join(ROOT, "hubs", name)), FEATURES];

// The parser takes a minute or two for a large hub: the others go by the schema that it begins with. All, with HUB_ALL_DOCUMENTS=1.
const parsed = process.env.HUB_ALL_DOCUMENTS ? services : [join(ROOT, "hubs/notify")];
test("the validator of AsyncAPI finds no mistake", async () => {
  const drafts = new Ajv7({ strict: false, validateFormats: false, meta: false, validateSchema: false });
  const valid = drafts.compile(specs.schemas["3.0.0"]);
  for (const dir of services) {
    const document = JSON.parse(hubctl("docs", dir, "--format", "asyncapi"));
    assert.ok(valid(document), `${dir}: ${drafts.errorsText(valid.errors)}`);
    assertReferences(document);
  }
  for (const dir of parsed) {
    const { document, diagnostics } = await new Parser().parse(hubctl("docs", dir, "--format", "asyncapi"));
    const errors = diagnostics.filter(({ severity }) => severity === 0);
    assert.deepEqual(errors.map(({ message, path }) => `${path.join("/")}: ${message}`), [], dir);
    assert.ok(document);
  }
});

/** Every reference in DOCUMENT leads somewhere in it. */
function assertReferences(document) {
  const parts = (ref) => ref.slice(2).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const look = (value) => {
    if (typeof value !== "object" || value === null) return;
    if (typeof value.$ref === "string") assert.ok(parts(value.$ref).reduce((at, part) => at?.[part], document), value.$ref);
    Object.values(value).forEach(look);
  };
  look(document);
}

test("the validator of OpenAPI finds no mistake", async () => {
  for (const dir of services) {
    const { valid, errors } = await new Validator().validate(JSON.parse(hubctl("docs", dir, "--format", "openapi")));
    assert.ok(valid, `${dir}: ${JSON.stringify(errors)}`);
  }
});

test("documents go into a folder under their names", () => {
  for (const [format, name] of [["asyncapi", "asyncapi.json"], ["openapi", "openapi.json"], ["markdown", "index.md"]]) {
    hubctl("docs", FEATURES, "--format", format, "--out", folder);
    assert.equal(readFileSync(join(folder, name), "utf8"), hubctl("docs", FEATURES, "--format", format));
  }
  assert.equal(spawnSync(process.env.HUBCTL, ["docs", FEATURES, "--format", "word"]).status, 2);
});

describe("a running hubd", () => {
  const dir = join(folder, "service");
  let hubd;
  let openapi;
  let asyncapi;
  let ajv;
  const covered = new Set();

  const request = async (method, path, { body, headers = {}, user = "ann:mod" } = {}) => {
    const response = await fetch(`${hubd.url}${path}`, {
      method,
      headers: { ...(user && { authorization: `Bearer dev:${user}` }), ...(body !== undefined && { "content-type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, body: await response.json(), headers: response.headers };
  };

  /** Whether VALUE fits what the document says at the JSON pointer AT. */
  function fits(document, at, value) {
    const check = ajv.compile({ $ref: `${document}#${at}` });
    assert.ok(check(value), `${at}: ${ajv.errorsText(check.errors)}\n${JSON.stringify(value)}`);
  }
  const pointer = (...parts) => parts.map((part) => `/${encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))}`).join("");

  /** Sends what the operation ID describes; its answer is as described. */
  async function call(id, values = {}, options = {}) {
    for (const [template, methods] of Object.entries(openapi.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (operation.operationId !== id) continue;
        covered.add(id);
        const query = new URLSearchParams(options.query).toString();
        const path = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name])) + (query && `?${query}`);
        if (options.body !== undefined) {
          const at = pointer("paths", template, method, "requestBody", "content", "application/json", "schema");
          fits("openapi", at, options.body);
        }
        const answer = await request(method.toUpperCase(), path, options);
        const status = options.fails ? "default" : `${answer.status}`;
        assert.ok(options.fails ? answer.status === options.fails : operation.responses[status], `${id}: ${JSON.stringify(answer)}`);
        const content = ["content", "application/json", "schema"];
        const at = options.fails ? pointer("components", "responses", "Failure", ...content) : pointer("paths", template, method, "responses", status, ...content);
        fits("openapi", at, answer.body);
        return answer;
      }
    }
    assert.fail(`${id} is not described`);
  }

  before(async () => {
    cpSync(FEATURES, dir, { recursive: true });
    hubd = await Hubd.start(dir, { args: ["--set", "listen.port=0"] });
    openapi = (await request("GET", "/openapi.json")).body;
    asyncapi = (await request("GET", "/asyncapi.json")).body;
    ajv = new Ajv({ strict: false, formats: { binary: true } });
    formats(ajv);
    ajv.addSchema(openapi, "openapi").addSchema(asyncapi, "asyncapi");
  });
  after(() => hubd?.stop());

  test("gives what hubctl makes of its definitions, to whoever may read GET /{hub}", async () => {
    assert.deepEqual(openapi, JSON.parse(hubctl("docs", dir, "--format", "openapi")));
    assert.deepEqual(asyncapi, JSON.parse(hubctl("docs", dir, "--format", "asyncapi")));
    for (const path of ["/openapi.json", "/asyncapi.json"]) {
      for (const user of [null, "", "ann:mod"])
        assert.equal((await request("GET", path, { user })).status, (await request("GET", "/chat", { user })).status);
      assert.equal((await request("POST", path)).status, 405);
      assert.equal((await request("GET", `${path}?x=1`)).status, 400);
    }
  });

  test("has every path that is described, and answers as described", async () => {
    const { row } = (await call("objects.room.create", {}, { body: { title: "Lobby" } })).body;
    const room = { roomId: row.id };
    const id = { id: row.id };
    await call("objects.room.list", {}, { query: { limit: 1 } });
    await call("objects.room.find", id);
    await call("objects.room.find", { id: "nobody" }, { fails: 404 });
    await call("chat.describe");
    await call("plain.describe");
    const { message } = (await call("chat.send", room, { body: { messageType: "text", content: { body: "hi" } } })).body;
    const one = { ...room, messageId: message.id };
    await call("chat.send", room, { body: { messageType: "bid", content: { amount: 1, currency: "EUR" } } });
    await call("chat.message", one);
    await call("chat.edit", one, { body: { content: { body: "ho" } } });
    await call("chat.react", { ...one, emoji: "+1" });
    await call("chat.history", room, { query: { limit: 10 } });
    await call("chat.history", room, { query: { pageNumber: 1 } });
    await call("chat.history", room, { query: { limit: "x" }, fails: 400 });
    await call("chat.unreact", { ...one, emoji: "+1" });
    await call("chat.pending", room);
    for (const review of ["approve", "reject"]) await call(`chat.${review}`, { ...room, messageId: "none" }, { fails: 404 });
    for (const [put, lift] of [["block", "unblock"], ["silence", "unsilence"]]) {
      await call(`chat.${put}`, { ...room, userId: "bob" }, { body: { seconds: 60 } });
      await call("chat.restrictions", room);
      await call(`chat.${lift}`, { ...room, userId: "bob" });
    }
    await call("chat.members", room);
    await call("chat.kick", { ...room, userId: "bob" }, { fails: 403 });
    await call("chat.requestState", room);
    await call(openapi.paths["/chat/rooms/{roomId}"].get.operationId, room);
    await call("chat.event", room, { body: { event: "wave", data: 1 } });
    await call("chat.rooms");
    await call("chat.delete", one);
    await call("publish", { channel: "score:1" }, { body: { data: { home: 1 } } });
    await call("channelHistory", { channel: "score:1" }, { query: { limit: 1 } });
    const record = { recordId: "cart:ann" };
    await call("writeRecord", record, { body: { items: ["a"] } });
    await call("readRecord", record);
    await call("patchRecord", record, { body: [{ op: "add", path: "/items/-", value: "b" }] });
    await call("writeRecord", record, { body: { items: [] }, headers: { "if-match": '"1"' }, fails: 409 });
    await call("deleteRecord", record);
    const all = Object.values(openapi.paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
    assert.deepEqual(all.filter((operation) => !covered.has(operation) && !operation.startsWith("plain.")), []);
  });

  test("says over the socket what AsyncAPI describes", async () => {
    const { row } = (await request("POST", "/objects/room", { body: { title: "Hall" } })).body;
    const socket = io(`${hubd.url}/hub/chat`, { auth: { token: "dev:ann:mod" }, transports: ["websocket"], forceNew: true });
    const at = (key) => pointer("channels", "chat", "messages", key, "payload");
    const messages = asyncapi.channels.chat.messages;
    const told = new Map();
    socket.onAny((event, payload) => told.set(event, [...(told.get(event) ?? []), payload]));
    const ask = async (event, payload, refused) => {
      if (!refused) fits("asyncapi", at(event), payload);
      const answer = await within(ANSWER_MS, socket.emitWithAck(event, payload), event);
      assert.equal(answer.ok, !refused, `${event}: ${JSON.stringify(answer)}`);
      fits("asyncapi", at(`${event}.answer`), answer);
      return answer;
    };
    const roomId = row.id;
    try {
      await ask("hub:join", { roomId, members: true });
      const { message } = await ask("hub:send", { roomId, messageType: "text", content: { body: "hi" } });
      await ask("hub:send", { roomId, messageType: "text", content: {} }, true);
      await ask("hub:edit", { roomId, messageId: message.id, content: { body: "ho" } });
      await ask("hub:react", { roomId, messageId: message.id, emoji: "+1" });
      await ask("hub:history", { roomId, limit: 5, include: "events" });
      await ask("hub:members", { roomId });
      await ask("hub:event", { roomId, event: "wave", data: [1] });
      await ask("wave", { roomId });
      await ask("messageRead", { roomId, messageId: message.id });
      await ask("hub:presenceState", { roomId, state: { mood: "good" } });
      await ask("hub:requestState", { roomId });
      await ask("hub:rooms", {});
      await ask("hub:watchInbox", {});
      await ask("hub:command", { command: "rollDice", payload: { sides: 6 } });
      await ask("rollDice", { sides: 6 });
      await ask("anything", { any: "thing" });
      await ask("tell", { roomId });
      await ask("hub:subscribe", { channel: "score:1", historyLimit: 5 });
      await ask("hub:publish", { channel: "score:1", data: { home: 2 } });
      await ask("hub:channelHistory", { channel: "score:1" });
      await ask("hub:subscribeRecord", { recordId: "cart:ann", mode: "patch" });
      const { version } = await ask("hub:writeRecord", { recordId: "cart:ann", value: { items: ["a"] } });
      await ask("hub:writeRecord", { recordId: "cart:ann", value: { items: [] }, ifVersion: version + 7 }, true);
      await ask("hub:patchRecord", { recordId: "cart:ann", patch: [{ op: "add", path: "/items/-", value: "b" }] });
      await ask("hub:transaction", { operations: [{ op: "check", recordId: "cart:ann", ifVersion: version + 1 }] });
      await ask("hub:subscribeCollection", { collectionId: "rooms" });
      await ask("hub:setMetadata", { metadata: { nickname: "A" } });
      await ask("hub:getMetadata", {});
      await ask("hub:roomMetadata", { roomId });
      await ask("hub:restrictions", { roomId });
      await ask("hub:deleteRecord", { recordId: "cart:ann" });
      await ask("hub:delete", { roomId, messageId: message.id });
      await ask("hub:leave", { roomId });
    } finally {
      socket.disconnect();
    }
    for (const [event, payloads] of told) {
      const key = messages[`${event}.told`] ? `${event}.told` : event;
      assert.ok(messages[key], `${event} is told, and not described`);
      for (const payload of payloads) fits("asyncapi", at(key), payload);
    }
    for (const event of ["hub:joined", "hub:history", "hub:messageArrived", "hub:reaction", "notice", "wave", "hub:recordUpdated", "hub:channelMessage"])
      assert.ok(told.has(event), `${event} was not told`);
  });
});
