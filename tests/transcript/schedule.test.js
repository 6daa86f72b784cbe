// scheduledActions: they tick while somebody is in the room, or always; what they return reaches the room.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { eventually, serve, serving, SLACK_MS, writeService } from "./harness.js";

const lua = (...lines) => ({ lua: lines.join("\n") });

function ticking(def) {
  def.hub.messageSettings.customMessageTypes = [{ name: "tick" }];
  def.hub.hubLogic = {
    scheduledActions: [
      {
        name: "beat",
        intervalMs: 200,
        script: lua(
          "local n = redis.incr('beats:' .. roomId)",
          "return {serverMessages = {{type = 'tick', content = {n = n, title = room.title}, to = 'all', persist = false}}}",
        ),
      },
    ],
  };
}

describe("scheduled actions", () => {
  const server = serve(ticking);

  test("tick at their interval from the first join on", async () => {
    const roomId = server.room();
    const started = performance.now();
    const ann = await server.member("ann", roomId);
    for (let n = 1; n <= 5; n++) {
      const { message } = await ann.next("hub:messageArrived");
      assert.equal(message.content.n, n);
      assert.equal(message.senderId, null);
      assert.match(message.content.title, /^Room/);
    }
    const elapsed = performance.now() - started;
    assert.ok(elapsed > 700 && elapsed < 2000 + SLACK_MS, `${elapsed} ms`);
  });

  test("tick once for the room, whoever is in it", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    const first = (await bob.next("hub:messageArrived")).message.content.n;
    assert.equal((await bob.next("hub:messageArrived")).message.content.n, first + 1);
    await ann.next("hub:messageArrived", ({ message }) => message.content.n === first + 1);
  });

  test("stop with the last leave and go on with the next join", async () => {
    const [roomId, other] = [server.room(), server.room()];
    const ann = await server.member("ann", roomId);
    const { n } = (await ann.next("hub:messageArrived")).message.content;
    await ann.ok("hub:leave", { roomId });
    // Another room's beats show that time goes by.
    const bob = await server.member("bob", other);
    for (let i = 0; i < 5; i++) await bob.next("hub:messageArrived");
    ann.inbox.length = 0;
    await ann.ok("hub:join", { roomId });
    const later = (await ann.next("hub:messageArrived")).message.content.n;
    assert.ok(later - n <= 2, `${n} became ${later} though nobody was there`);
  });
});

describe("scheduled actions with keepAlive", () => {
  const eternal = (def) => {
    ticking(def);
    def.hub.hubLogic.scheduledActions[0].keepAlive = true;
    def.hub.hubLogic.scheduledActions[0].script = lua("return {serverMessages = {{type = 'tick', content = {}, to = 'all'}}}");
  };

  test("tick on without anybody, and after a restart", async () => {
    await serving(eternal, async (server) => {
      const ann = await server.member("ann", "r1");
      await ann.next("hub:messageArrived");
      await ann.ok("hub:leave", { roomId: "r1" });
      const count = async () => (await server.rest("GET", "/chat/rooms/r1/messages?limit=500", { user: "ann" })).body.messages.length;
      const before = await count();
      await eventually("three ticks with nobody there", async () => (await count()) >= before + 3);
      server.closePeers();
      await server.hubd.stop();
      await server.start();
      const after = await count();
      await eventually("three ticks after a restart", async () => (await count()) >= after + 3);
    });
  });
});

test("scheduled actions with keepAlive do not start with a read or a message by REST, not after a restart either", async () => {
  const logging = (def) => {
    ticking(def);
    def.hub.hubLogic.scheduledActions[0].keepAlive = true;
    def.hub.hubLogic.scheduledActions[0].script = lua("log.info('ticks in ' .. roomId)");
  };
  await serving(logging, async (server) => {
    const body = { messageType: "text", content: { body: "hello" } };
    assert.equal((await server.rest("GET", "/chat/rooms/r1", { user: "ann" })).status, 200);
    assert.equal((await server.rest("POST", "/chat/rooms/r2/messages", { user: "ann", body })).status, 201);
    const others = async () => {
      const from = server.hubd.output.length;
      for (let i = 0; i < 3; i++) await server.hubd.printed(/ticks in r3\b/, server.hubd.output.length);
      return server.hubd.output.slice(from);
    };
    await server.member("ann", "r3");
    assert.doesNotMatch(await others(), /ticks in r[12]\b/);
    server.closePeers();
    await server.hubd.stop();
    await server.start();
    assert.doesNotMatch(await others(), /ticks in r[12]\b/);
  });
});

describe("scheduled actions with keepAlive of a room that is closed", () => {
  const closing = (def) => {
    ticking(def);
    def.service.dataObjects[0].api = { update: ["admin"] };
    def.hub.roomSettings.roomEligibility = "room.status == 'active'";
    def.hub.hubLogic.scheduledActions[0].keepAlive = true;
    def.hub.hubLogic.scheduledActions[0].script = lua("log.info('ticks in ' .. roomId) return {}");
  };

  test("end, do not come back with a restart, and start again with the first to join", async () => {
    await serving(closing, async (server) => {
      const set = (id, status) => server.rest("PATCH", `/objects/conversation/${id}`, { user: "ada", role: "admin", body: { status } });
      const ticks = async (id, times) => {
        for (; times; times--) await server.hubd.printed(new RegExp(`ticks in ${id}\\b`), server.hubd.output.length);
      };
      const ann = await server.member("ann", "r1");
      await ann.ok("hub:join", { roomId: "r2" });
      await ticks("r1", 1);
      await set("r1", "closed");
      await ann.next("hub:roomClosed");
      const resting = async (from) => {
        await ticks("r2", 5);
        assert.doesNotMatch(server.hubd.output.slice(from), /ticks in r1\b/);
      };
      await ticks("r2", 1); // a tick of r1 that was under way is over
      await resting(server.hubd.output.length);
      server.closePeers();
      await server.hubd.stop();
      await server.start();
      await resting(0);
      await set("r1", "active");
      await server.member("ann", "r1");
      await ticks("r1", 1);
    });
  });
});

describe("scheduled actions with keepAlive after a reload", () => {
  const both = (def) => {
    ticking(def);
    const [action] = def.hub.hubLogic.scheduledActions;
    Object.assign(action, { keepAlive: true, script: lua("log.info('ticks in ' .. roomId)") });
    def.hubs = [structuredClone({ ...def.hub, hubBasics: { name: "other" } })];
  };
  const reload = async ({ hubd, def, dir }) => {
    writeService(def, dir);
    const from = hubd.output.length;
    hubd.signal("SIGHUP");
    await hubd.printed(/definitions reloaded/, from);
  };
  const ticks = async ({ hubd }, id, times) => {
    for (; times; times--) await hubd.printed(new RegExp(`ticks in ${id}\\b`), hubd.output.length);
  };
  const rests = async (server, id) => {
    await ticks(server, "r1", 1); // a tick that was under way is over
    const from = server.hubd.output.length;
    await ticks(server, "r1", 5);
    assert.doesNotMatch(server.hubd.output.slice(from), new RegExp(`ticks in ${id}\\b`));
  };

  // They went on by a definition that was freed some seconds later.
  test("end with their hub", async () => {
    await serving(both, async (server) => {
      await server.member("ann", "r1");
      await server.member("ann", "r2", { hub: "other" });
      await ticks(server, "r2", 1);
      server.def.hubs = [];
      rmSync(join(server.dir, "other.hub.yaml"));
      await reload(server);
      await rests(server, "r2");
    });
  });

  test("end in a room that is not eligible any more, though nobody is there", async () => {
    await serving(both, async (server) => {
      const ann = await server.member("ann", "r1");
      await ann.ok("hub:join", { roomId: "r2" });
      await ann.ok("hub:leave", { roomId: "r2" });
      await ticks(server, "r2", 1);
      server.def.hub.roomSettings.roomEligibility = "conversation.id != 'r2'";
      await reload(server);
      await rests(server, "r2");
    });
  });
});

describe("scheduled actions that fail", () => {
  const server = serve((def) => {
    def.hub.hubLogic = {
      scheduledActions: [
        { name: "broken", intervalMs: 100, script: lua("error('broken on purpose')") },
        { name: "endless", intervalMs: 100, script: lua("while true do end") },
        { name: "nonsense", intervalMs: 100, script: lua("return 7") },
      ],
    };
  });

  test("harm nobody", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await server.hubd.printed(/broken on purpose/);
    for (let i = 1; i <= 20; i++) assert.equal((await ann.say(roomId, `${i}`)).seq, i);
  });
});
