// Who asks for much waits for himself: how many reads of one connection, or of one caller by REST, are under way and wait, and that nobody
// else notices.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, serve, serving } from "./harness.js";

const AT_ONCE = 4 + 64; // under way and waiting

/** The value of a metric without labels. */
async function metric(server, name) {
  const { text } = await server.rest("GET", "/metrics");
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? NaN);
}

/** Emits the event N times in one go; the answers. */
const many = (n, peer, event, payload) => Promise.all(Array.from({ length: n }, (_, i) => peer.call(event, payload(i))));

const codes = (answers) => {
  const count = {};
  for (const { ok, error } of answers) count[ok ? "ok" : error.code] = (count[ok ? "ok" : error.code] ?? 0) + 1;
  return count;
};

const idle = (server) =>
  eventually("no read is under way or waits", async () => {
    const names = ["hubd_reads_under_way", "hubd_reads_waiting", "hubd_read_results_bytes"];
    const values = await Promise.all(names.map((name) => metric(server, name)));
    return values.every((v) => v === 0);
  });

function withState(def) {
  def.hub.hubRoles = [{ name: "member", canModerate: true, canManageRoom: true }];
  // Waits as long as somebody holds the room's key: what is under way can be counted.
  def.hub.hubLogic = {
    stateScript: { lua: `while redis.call("get", "hold:" .. roomId) do sleep(5) end return {room = roomId}` },
    messageHandlers: [
      {
        messageType: "hold",
        script: {
          lua: `if message.content.on then redis.call("set", "hold:" .. roomId, "1") else redis.call("del", "hold:" .. roomId) end
                return {accept = true, persist = false, broadcast = false}`,
        },
      },
    ],
  };
  def.hub.messageSettings.customMessageTypes = [{ name: "hold", fields: [{ name: "on", fieldType: "Boolean" }] }];
  def.service.scripting = { wallMs: 60000 };
}

describe("reads of one connection", () => {
  const server = serve(withState);

  /** Nothing of the room's state is read before RELEASE() was called. */
  async function held() {
    const roomId = server.room();
    const boss = await server.member("boss", roomId);
    const hold = (on) => boss.ok("hub:send", { roomId, messageType: "hold", content: { on } });
    await hold(true);
    return { roomId, boss, release: () => hold(false) };
  }

  test("four are under way, sixty-four wait, the rest is overloaded, and all that were taken are answered", async () => {
    const { roomId, boss, release } = await held();
    const ann = await server.connect("ann");
    await ann.ok("hub:join", { roomId });
    await release();
    await idle(server);
    const again = await boss.ok("hub:send", { roomId, messageType: "hold", content: { on: true } });
    assert.ok(again);
    const asked = many(100, ann, "hub:requestState", () => ({ roomId }));
    await eventually("64 wait", async () => (await metric(server, "hubd_reads_waiting")) === 64);
    assert.equal(await metric(server, "hubd_reads_under_way"), 4);
    await release();
    assert.deepEqual(codes(await asked), { ok: AT_ONCE, overloaded: 100 - AT_ONCE });
    await idle(server);
  });

  test("another connection does not wait behind them, of the same user neither", async () => {
    const { roomId, release } = await held();
    const other = server.room();
    const [ann, bob, ann2] = [await server.member("ann", roomId), await server.member("bob", other), await server.member("ann", other)];
    const asked = many(40, ann, "hub:requestState", () => ({ roomId }));
    await eventually("some wait", async () => (await metric(server, "hubd_reads_waiting")) > 30);
    await bob.ok("hub:history", { roomId: other });
    await ann2.ok("hub:members", { roomId: other });
    await (await server.member("eve", other)).ok("hub:requestState", { roomId: other });
    await ann.say(other, "what is no read does not wait").catch(() => {});
    await release();
    await asked;
  });

  test("what waits of a connection that is gone is dropped", async () => {
    const { roomId, release } = await held();
    const ann = await server.member("ann", roomId);
    many(60, ann, "hub:requestState", () => ({ roomId })).catch(() => {});
    await eventually("some wait", async () => (await metric(server, "hubd_reads_waiting")) > 50);
    ann.close();
    await eventually("nothing waits", async () => (await metric(server, "hubd_reads_waiting")) === 0);
    await release();
    await idle(server);
  });

  test("a read is judged when its turn comes, and before it is answered", async () => {
    const { roomId, boss, release } = await held();
    const ann = await server.member("ann", roomId);
    await release();
    await idle(server);
    await boss.ok("hub:send", { roomId, messageType: "hold", content: { on: true } });
    const asked = many(10, ann, "hub:requestState", () => ({ roomId }));
    await eventually("6 wait", async () => (await metric(server, "hubd_reads_waiting")) === 6);
    await boss.ok("hub:kick", { roomId, userId: "ann" });
    await release();
    assert.deepEqual(codes(await asked), { not_in_room: 10 }); // those under way too
  });

  for (const event of ["hub:history", "hub:members", "hub:pending", "hub:join", "hub:requestState"]) {
    test(`${event} a thousand times in one go: ${AT_ONCE} are answered, or more as they end, and the rest is overloaded`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      for (let i = 0; i < 20; i++) await ann.say(roomId, "x".repeat(100));
      const count = codes(await many(1000, ann, event, () => ({ roomId })));
      assert.ok(count.ok >= AT_ONCE && count.overloaded > 0, JSON.stringify(count));
      assert.equal(count.ok + count.overloaded, 1000);
      await idle(server);
    });
  }

  test("answers of 400 KB each, as many as may wait, do not make a slow reader of who reads them", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 100 }, () => ann.say(roomId, "x".repeat(100))));
    const answers = await many(AT_ONCE, ann, "hub:history", () => ({ roomId, limit: 1000 }));
    assert.deepEqual(codes(answers), { ok: AT_ONCE });
    assert.ok(answers.every(({ messages }) => messages.length === 1000));
  });

  test("an answer ends where it would be larger than 4 MiB, and says that there is more", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 12 }, () => ann.say(roomId, "y".repeat(60000))));
    const { messages, hasMore } = await ann.ok("hub:history", { roomId, limit: 1000 });
    assert.ok(messages.length < 80 && messages.length > 60, `${messages.length}`);
    assert.equal(hasMore, true);
    assert.equal(messages.at(-1).seq, 120);
    const before = (await ann.ok("hub:history", { roomId, limit: 1000, before: messages[0].seq })).messages;
    assert.equal(before.at(-1).seq, messages[0].seq - 1);
    const bob = await server.connect("bob");
    await bob.ok("hub:join", { roomId, since: 0 });
    assert.equal((await bob.next("hub:history")).recovered, false);
    const page = await server.rest("GET", `/chat/rooms/${roomId}/messages?pageNumber=1&pageRowCount=1000`, { user: "ann" });
    assert.equal(page.status, 413, page.text.slice(0, 300));
  });
});

test("kept events that come along with history are the newest ones, of 4 MiB at most", async () => {
  await serving(
    (def) => (def.hub.eventSettings = { customEvents: [{ name: "note", ephemeral: false }] }),
    async (server) => {
      const ann = await server.member("ann", "r1");
      const note = (i) => ann.ok("hub:event", { roomId: "r1", event: "note", data: { i, text: "z".repeat(60000) } });
      for (let i = 0; i < 100; i++) await note(i);
      const { events } = await ann.ok("hub:history", { roomId: "r1", include: "events" });
      assert.ok(events.length > 60 && events.length < 80, `${events.length}`);
      assert.deepEqual(
        events.map(({ data }) => data.i),
        Array.from({ length: events.length }, (_, i) => 100 - events.length + i),
      );
    },
  );
});

describe("reads by REST", () => {
  const server = serve((def) => {
    withState(def);
    def.service.dataObjects[0].api = { read: ["user"] };
  });

  test("are those of a user, whatever the connections", async () => {
    const roomId = server.room();
    const boss = await server.member("boss", roomId);
    await boss.ok("hub:send", { roomId, messageType: "hold", content: { on: true } });
    const get = (user) => server.rest("GET", `/chat/rooms/${roomId}/state`, { user });
    const asked = Promise.all(Array.from({ length: 80 }, () => get("ann")));
    await eventually("64 wait", async () => (await metric(server, "hubd_reads_waiting")) === 64);
    assert.equal((await server.rest("GET", `/chat/rooms/${roomId}/messages`, { user: "bob" })).status, 200);
    const objects = await server.rest("GET", "/objects/conversation", { user: "ann", role: "user" });
    assert.equal(objects.status, 503, objects.text);
    assert.equal(objects.body.errCode, "overloaded");
    assert.equal((await server.rest("GET", "/objects/conversation", { user: "bob", role: "user" })).status, 200);
    await boss.ok("hub:send", { roomId, messageType: "hold", content: { on: false } });
    const count = {};
    for (const { status } of await asked) count[status] = (count[status] ?? 0) + 1;
    assert.deepEqual(count, { 200: AT_ONCE, 503: 80 - AT_ONCE });
    await idle(server);
  });

  test("what waits is not carried out when whoever asked is gone", async () => {
    const roomId = server.room();
    const boss = await server.member("boss", roomId);
    const hold = (on) => boss.ok("hub:send", { roomId, messageType: "hold", content: { on } });
    await hold(true);
    const leaving = new AbortController();
    const headers = { authorization: "Bearer dev:gone" };
    const asked = Array.from({ length: 30 }, () =>
      fetch(`${server.url}/chat/rooms/${roomId}/state`, { headers, signal: leaving.signal }).catch(() => {}),
    );
    await eventually("26 wait", async () => (await metric(server, "hubd_reads_waiting")) === 26);
    leaving.abort();
    await Promise.all(asked);
    const ran = async () => Number(/hubd_script_calls_total (\d+)/.exec((await server.rest("GET", "/metrics")).text)[1]);
    const before = await ran();
    await hold(false);
    await idle(server);
    assert.ok((await ran()) - before <= 2, "nothing but the boss's message is run");
  });
});
