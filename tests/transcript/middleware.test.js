// Middleware around messages, events and requests: what it refuses is refused by every way in, what it changes is judged anew, and nothing overtakes what it keeps waiting.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createServer } from "node:http";
import { eventually, serve, waitingRoom } from "./harness.js";

const lua = (text) => ({ lua: text });
const text = (roomId, body = "x", more) => ({ roomId, messageType: "text", content: { body, ...more } });

const judges = await waitingRoom();

/** Told what to do by the client: by content, data or reason. */
const steered = `
  local p = ctx.payload
  local say = (p.content and p.content.do_) or (p.data and p.data.do_) or (p.value and p.value.do_) or p.reason or ""
  if say == "refuse" then error{code = "not_today", message = "Come back tomorrow", data = {days = 1}} end
  if say == "break" then error("a secret of the log") end
  if say == "own way" then error{code = "Not a code"} end
  if say == "object" then p.roomId = {id = p.roomId} end
  if say == "number" then p.roomId = 7 end
  if say == "elsewhere" then p.roomId = p.content.to end
  if say == "type" then p.messageType = {name = "text"} end
  if say == "unknown" then p.messageType = "nothing" end
  if say == "large" then p.content = {body = ("x"):rep(70000)} end
  if say == "list" then ctx.payload = {1, 2} end
  if say == "nothing" then ctx.payload = nil end
  if say == "shout" then p.content = {body = p.content.body:upper()} end
  if say == "empty" then p.content = {} end
  if say == "wait" then ${judges.wait} end
  if p.content and p.content.ms then sleep(p.content.ms) end
  if p.content then p.content.do_ = nil p.content.ms = nil p.content.to = nil end
`;
const seen = `log.info("seen", {what = kind .. " " .. name, room = roomId or "-", role = hubRole or "-", by = session.userId, wire = connection ~= null})`;

describe("middleware", () => {
  const server = serve((def) => {
    def.hub.eventSettings = { enableReadReceipts: true, enableTypingIndicator: true, customEvents: [{ name: "wave" }] };
    def.hub.messageSettings = { messageTypes: ["text"], enableReaction: true };
    def.hub.guardrails.authCacheTTL = 0;
    def.hub.roomSettings.absoluteRoles = ["boss"];
    def.hub.hubExtensions.channels = [{ pattern: "c:{id}", canPublish: "true" }];
    def.hub.hubExtensions.records = [{ pattern: "r:{id}", canWrite: "true" }];
    def.hub.hubExtensions.middleware = [
      { name: "seen", on: ["messages", "events", "requests"], before: lua(seen) },
      { name: "steered", on: ["messages", "events", "requests"], before: lua(steered + "ctx.mark = {kind, #ctx.name} ctx.fn = print") },
      { name: "later", on: ["messages", "requests"], after: lua(`
          if kind == "request" then log.info("after", {name = name, ok = result ~= null}) return end
          if ctx.payload.content.body == "fail after" then error("too late") end
          log.info("after", {body = ctx.payload.content.body, seq = ctx.result.message.seq, mark = ctx.mark[1] .. ctx.mark[2], fn = ctx.fn == nil})`) },
    ];
  });
  const lines = (from, pattern) => server.hubd.output.slice(from).match(pattern) ?? [];

  // Channels by REST went past it.
  test("is around channels and records by REST", async () => {
    const publish = (data) => server.rest("POST", "/channels/c:1", { user: "ann", body: { data } });
    const write = (value) => server.rest("PUT", "/records/r:1", { user: "ann", body: value });
    for (const ask of [publish, write]) {
      const { status, body } = await ask({ do_: "refuse" });
      assert.deepEqual([status, body.errCode, body.message], [403, "not_today", "Come back tomorrow"]);
      assert.ok((await ask({ n: 1 })).status < 300);
    }
  });

  test("refuses with the script's own words, by every way in", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const error = await ann.refused("not_today", "hub:send", text(roomId, "x", { do_: "refuse" }));
    assert.deepEqual([error.message, error.data], ["Come back tomorrow", { days: 1 }]);
    for (const [name, payload] of [
      ["hub:event", { roomId, event: "wave", data: { do_: "refuse" } }],
      ["wave", { roomId, data: { do_: "refuse" } }],
      ["hub:event", { roomId, event: "typing", data: { do_: "refuse" } }],
      ["messageRead", { roomId, lastReadSeq: 1, data: { do_: "refuse" } }],
      ["hub:messageRead", { roomId, lastReadSeq: 1, data: { do_: "refuse" } }],
    ])
      await ann.refused("not_today", name, payload);
    ann.emit("hub:send", text(roomId, "x", { do_: "refuse" }));
    const told = await ann.next("hub:error");
    assert.deepEqual([told.code, told.event, told.roomId, told.data], ["not_today", "hub:send", roomId, { days: 1 }]);
    const sent = await server.rest("POST", `/chat/rooms/${roomId}/messages`, { user: "ann", body: { messageType: "text", content: { body: "x", do_: "refuse" } } });
    assert.deepEqual([sent.status, sent.body.errCode, sent.body.message, sent.body.detail], [403, "not_today", "Come back tomorrow", { data: { days: 1 } }]);
    const event = await server.rest("POST", `/chat/rooms/${roomId}/events`, { user: "ann", body: { event: "wave", data: { do_: "refuse" } } });
    assert.deepEqual([event.status, event.body.errCode], [403, "not_today"]);
    const bob = await server.member("bob", roomId, { role: "boss" });
    await bob.refused("not_today", "hub:kick", { roomId, userId: "ann", reason: "refuse" });
    const kick = await server.rest("DELETE", `/chat/rooms/${roomId}/members/ann`, { user: "bob", role: "boss", body: { reason: "refuse" } });
    assert.deepEqual([kick.status, kick.body.errCode], [403, "not_today"]);
    const { messages } = await ann.ok("hub:history", { roomId });
    assert.deepEqual(messages, []);
  });

  test("that fails by mistake tells only the log", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const from = server.hubd.output.length;
    const error = await ann.refused("handler_failed", "hub:send", text(roomId, "x", { do_: "break" }));
    assert.equal(/secret/.test(JSON.stringify(error)), false);
    assert.ok(await server.hubd.printed(/a secret of the log/, from));
    await ann.refused("handler_failed", "hub:send", text(roomId, "x", { do_: "own way" }));
    await ann.refused("handler_failed", "hub:send", text(roomId, "x", { do_: "list" }));
    await ann.refused("handler_failed", "hub:send", text(roomId, "x", { do_: "nothing" }));
    const rest = await server.rest("POST", `/chat/rooms/${roomId}/messages`, { user: "ann", body: { messageType: "text", content: { body: "x", do_: "break" } } });
    assert.deepEqual([rest.status, rest.body.errCode], [500, "handler_failed"]);
    const metrics = await server.rest("GET", "/metrics");
    assert.match(metrics.text, /hubd_hook_failures_total\{hook="[^"]*middleware\[1\][^"]*before"\} [1-9]/);
  });

  test("may change the arguments, which are judged anew by everything", async () => {
    const [roomId, other] = [server.room(), server.room()];
    const ann = await server.member("ann", roomId);
    const { message } = await ann.ok("hub:send", text(roomId, "quiet", { do_: "shout" }));
    assert.deepEqual(message.content, { body: "QUIET" });
    for (const [what, code] of [
      ["object", "bad_request"],
      ["number", "bad_request"],
      ["type", "bad_request"],
      ["unknown", "unknown_type"],
      ["large", "too_large"],
      ["empty", "invalid_content"],
      ["elsewhere", "not_in_room"],
    ]) {
      await ann.refused(code, "hub:send", text(roomId, "x", { do_: what, to: other }));
      const rest = await server.rest("POST", `/chat/rooms/${roomId}/messages`, { user: "ann", body: { messageType: "text", content: { body: "x", do_: what, to: other } } });
      if (what === "elsewhere") assert.deepEqual([rest.status, rest.body.message.roomId], [201, other], "by REST whoever may join that room");
      else assert.equal(rest.body.errCode, code, what);
    }
    await ann.ok("hub:join", { roomId: other });
    const moved = await ann.ok("hub:send", text(roomId, "moved", { do_: "elsewhere", to: other }));
    assert.equal(moved.message.roomId, other);
    const { messages } = await ann.ok("hub:history", { roomId });
    assert.deepEqual(messages.map(({ content }) => content.body), ["QUIET"]);
  });

  test("leaves large content as it is", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const body = "ä€😀".repeat(3000);
    const { message } = await ann.ok("hub:send", text(roomId, body, { ms: 5 }));
    assert.deepEqual(message.content, { body });
    const data = { list: [[], {}, 1.5, 9007199254740993, null, body] };
    const waved = ann.next("wave");
    await ann.ok("hub:event", { roomId, event: "wave", data });
    assert.deepEqual((await waved).data, data);
  });

  test("sees one name for all ways to say something, and no way around it", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { message } = await ann.ok("hub:send", text(roomId));
    const names = async (ask) => {
      const from = server.hubd.output.length;
      await ask();
      await ann.ok("hub:members", { roomId });
      await server.hubd.printed(/what="request hub:members"[^\n]*wire|wire=true[^\n]*what="request hub:members"/, from);
      return lines(from, /what="\w+ hub:\w+(?=")/g).map((line) => line.slice(6)).slice(0, -1);
    };
    await names(async () => {}); // lines of what came before have been read then
    for (const name of ["messageRead", "hub:messageRead"]) assert.deepEqual(await names(() => ann.ok(name, { roomId, lastReadSeq: 1 })), ["event hub:event"]);
    assert.deepEqual(await names(() => ann.ok("wave", { roomId })), ["event hub:event"]);
    const path = `/chat/rooms/${roomId}`, mine = { user: "ann" };
    for (const [method, rest, name, body] of [
      ["PUT", `/messages/${message.id}/reactions/+1`, "request hub:react"],
      ["DELETE", `/messages/${message.id}/reactions/+1`, "request hub:react"],
      ["PATCH", `/messages/${message.id}`, "request hub:edit", { content: { body: "y" } }],
      ["GET", "/messages", "request hub:history"],
      ["GET", `/messages/${message.id}`, "request hub:message"],
      ["GET", "", "request hub:room"],
      ["GET", "/members", "request hub:members"],
      ["POST", "/messages", "message hub:send", text(undefined)],
      ["DELETE", `/messages/${message.id}`, "request hub:delete"],
    ]) {
      const asked = await names(async () => assert.ok((await server.rest(method, path + rest, { ...mine, body })).status < 300, `${method} ${rest}`));
      assert.deepEqual(asked, [name]);
    }
    assert.deepEqual(await names(() => ann.refused("feature_disabled", "hub:command", { command: "x" })), []);
    await ann.refused("unknown_event", "hub:Send", text(roomId));
  });

  test("sees who asks and where", async () => {
    const roomId = server.room();
    const ann = await server.connect("ann");
    let from = server.hubd.output.length;
    await ann.ok("hub:join", { roomId });
    assert.match((await server.hubd.printed(/[^\n]*request hub:join[^\n]*\n/, from))[0], new RegExp(`room="?${roomId}\\b.*role="?null|role="?null.*room="?${roomId}\\b`));
    from = server.hubd.output.length;
    await ann.ok("hub:send", text(roomId));
    const line = (await server.hubd.printed(/[^\n]*message hub:send[^\n]*\n/, from))[0];
    for (const part of [new RegExp(`room="?${roomId}\\b`), /role="?member/, /by="?ann/, /wire="?true/]) assert.match(line, part);
    from = server.hubd.output.length;
    await server.rest("GET", `/chat/rooms/${roomId}`, { user: "ann" });
    assert.match((await server.hubd.printed(/[^\n]*request hub:room[^\n]*\n/, from))[0], /wire="?false/);
  });

  test("keeps the order of what a connection sends, whatever of it waits", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    const order = [];
    const note = (name) => (answer) => (order.push(name), answer);
    const all = Array.from({ length: 12 }, (_, i) => ann.ok("hub:send", text(roomId, `${i}`, { ms: i % 3 ? 0 : 40 })).then(note(`${i}`)));
    all.push(ann.ok("hub:leave", { roomId }));
    const free = bob.ok("hub:send", text(roomId, "bob")).then(note("bob"));
    await Promise.all([...all, free]);
    assert.deepEqual(order.filter((name) => name !== "bob"), Array.from({ length: 12 }, (_, i) => `${i}`));
    assert.ok(order.indexOf("bob") < 11, "another connection waits for none of it");
    const { messages } = await bob.ok("hub:history", { roomId });
    assert.deepEqual(messages.map(({ content }) => content.body).filter((body) => body !== "bob"), Array.from({ length: 12 }, (_, i) => `${i}`));
  });

  test("does not keep a right alive that ends while it waits", async () => {
    const roomId = server.room();
    const [ann, boss] = [await server.member("ann", roomId), await server.member("boss", roomId, { role: "boss" })];
    for (const [event, code, undo] of [["hub:silence", "silenced", "hub:unsilence"], ["hub:kick", "not_in_room"]]) {
      judges.shut();
      const sending = ann.call("hub:send", text(roomId, "late", { do_: "wait" }));
      await judges.holds(1);
      await boss.ok(event, { roomId, userId: "ann" });
      judges.open();
      const answer = await sending;
      assert.ok([code, "not_authorized"].includes(answer.error?.code), JSON.stringify(answer));
      if (undo) await boss.ok(undo, { roomId, userId: "ann" });
    }
    const { messages } = await boss.ok("hub:history", { roomId });
    assert.deepEqual(messages, []);
  });

  test("of a connection that closes ends with it", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    const from = server.hubd.output.length;
    judges.shut();
    for (const body of ["1", "2", "3"]) ann.emit("hub:send", text(roomId, body, { do_: "wait" }));
    await judges.holds(1);
    ann.close();
    await eventually("ann is away", async () => (await bob.ok("hub:members", { roomId })).members.every(({ userId }) => userId !== "ann"));
    judges.open();
    await bob.ok("hub:send", text(roomId, "bob", { ms: 150 }));
    assert.deepEqual((await bob.ok("hub:history", { roomId })).messages.map(({ content }) => content.body), ["bob"]);
    assert.equal(lines(from, /message hub:send/g).length, 2);
  });

  test("after it sees what became of it, and cannot undo it", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    let from = server.hubd.output.length;
    await ann.ok("hub:send", text(roomId, "done", { do_: "shout" }));
    const line = (await server.hubd.printed(/[^\n]*after[^\n]*DONE[^\n]*\n/, from))[0];
    for (const part of [/seq="?1\b/, /mark="?message8/, /fn="?true/]) assert.match(line, part);
    from = server.hubd.output.length;
    const { message } = await ann.ok("hub:send", text(roomId, "fail after"));
    assert.equal(message.seq, 2);
    await server.hubd.printed(/hook failed[^\n]*middleware\[2\][^\n]*too late/, from);
    await ann.refused("unknown_type", "hub:send", { ...text(roomId, "refused"), messageType: "nothing" });
    await ann.ok("hub:leave", { roomId });
    await server.hubd.printed(/after[^\n]*hub:leave/, from);
    assert.equal(lines(from, /after[^\n]*refused/g).length, 0);
  });
});

describe("middleware and limits", () => {
  const server = serve((def) => {
    def.hub.guardrails.messageRateLimit = 3;
    def.hub.eventSettings = { customEvents: [{ name: "wave" }] };
    def.hub.hubExtensions.limits.events = 2;
    def.hub.hubExtensions.middleware = [{ name: "all", on: ["messages", "events"], before: lua("log.info('asked') ctx.payload.seen = nil") }];
    def.service.namespaces = [{ path: "/plain", middleware: [{ name: "all", before: lua("if payload == 'no' then error{code = 'no'} end") }], commands: [{ name: "echo", script: "payload" }] }];
  });

  test("counts what it is around once, and runs for nothing that is over a limit", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const from = server.hubd.output.length;
    for (let i = 0; i < 3; i++) await ann.ok("hub:send", text(roomId));
    await ann.refused("rate_limited", "hub:send", text(roomId));
    for (let i = 0; i < 2; i++) await ann.ok("wave", { roomId });
    await ann.refused("rate_limited", "wave", { roomId });
    assert.equal(server.hubd.output.slice(from).match(/asked/g).length, 5);
  });

  test("of a plain namespace is around its commands by either name", async () => {
    const ann = await server.connect("ann", { namespace: "/plain" });
    await ann.refused("no", "hub:command", { command: "echo", payload: "no" });
    await ann.refused("no", "echo", "no");
    assert.equal((await ann.ok("echo", "yes")).result, "yes");
  });
});

describe("a traceparent", () => {
  const trace = (n) => `00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333${n}-01`;
  const server = serve((def) => {
    def.hub.hubExtensions = {
      ...def.hub.hubExtensions,
      middleware: [{ name: "logged", on: ["messages", "commands"], before: lua("log.info('traced', {by = name})") }],
      commands: [
        { name: "shown", script: lua("return {ctx = ctx.traceparent, variable = traceparent}") },
        { name: "asks", script: lua("local own = payload.own and {traceparent = payload.own} or nil return http.get(payload.url, {headers = own}).status") },
      ],
    };
    def.service.namespaces = [{ path: "/plain", auth: false, commands: [{ name: "shown", script: "traceparent" }] }];
  });
  const connect = (auth, options) => server.connect("ann", { auth: { token: "dev:ann", ...auth }, ...options });

  test("of a command or of CONNECT is what scripts see and log, one that is none is passed over", async () => {
    const roomId = server.room();
    const [ann, bob] = [await connect({ traceparent: trace(1) }), await connect({ traceparent: "00-none" })];
    const shown = async (who, more) => (await who.ok("hub:command", { command: "shown", ...more })).result;
    assert.deepEqual(await shown(ann), { ctx: trace(1), variable: trace(1) });
    assert.deepEqual(await shown(ann, { traceparent: trace(2) }), { ctx: trace(2), variable: trace(2) });
    assert.deepEqual(await shown(bob), { ctx: null, variable: null });
    for (const bad of [7, {}, "x", `${trace(2)}-more`, trace(2).toUpperCase(), null]) {
      assert.deepEqual(await shown(bob, { traceparent: bad }), { ctx: null, variable: null });
      assert.equal((await shown(ann, { traceparent: bad })).ctx, trace(1));
    }
    const from = server.hubd.output.length;
    await ann.ok("hub:join", { roomId });
    await ann.ok("hub:send", text(roomId));
    await server.hubd.printed(new RegExp(`traced[^\\n]*traceparent=${trace(1)}[^\\n]*hub:send`), from);
    const plain = await server.connect("ann", { namespace: "/plain", auth: { traceparent: trace(3) } });
    assert.equal((await plain.ok("shown", {})).result, trace(3));
  });

  test("goes along with requests of its scripts, unless they name another", async () => {
    const asked = [];
    const other = createServer((request, response) => (asked.push(request.headers.traceparent), response.end("{}"))).listen(0, "127.0.0.1");
    await new Promise((ready) => other.once("listening", ready));
    try {
      const [ann, bob] = [await connect({ traceparent: trace(1) }), await connect({})];
      const url = `http://127.0.0.1:${other.address().port}/`;
      await ann.ok("asks", { url });
      await ann.ok("hub:command", { command: "asks", payload: { url }, traceparent: trace(2) });
      await ann.ok("asks", { url, own: trace(4) });
      await bob.ok("asks", { url });
    } finally {
      other.closeAllConnections?.();
      other.close();
    }
    assert.deepEqual(asked, [trace(1), trace(2), trace(4), undefined]);
  });
});
