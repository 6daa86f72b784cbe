// What is removed from the store: numbers stay, pages and replays step over the gap, and say so.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, runSql, serve, serving, writeService } from "./harness.js";

const seqs = (messages) => messages.map(({ seq }) => seq);
const OLD = "2020-01-01T00:00:00.000Z";

/** What /metrics counts for WHAT. */
async function removedFor(server, what) {
  const text = (await server.rest("GET", "/metrics")).text;
  return Number(new RegExp(`^hubd_retention_removed_total\\{for="${what}"\\} (\\d+)`, "m").exec(text)?.[1] ?? 0);
}

describe("retention", () => {
  const restart = async () => {
    await server.stop();
    await server.start();
  };
  const server = serve((def) => {
    def.hub.messageSettings.enableReplyTo = true;
    def.hub.messageSettings.enableReaction = true;
    def.hub.eventSettings = { ...def.hub.eventSettings, enableReadReceipts: true };
    def.hub.hubExtensions = { ...def.hub.hubExtensions, retention: { perRoom: 10, softDeletedAfter: "1s", messages: "1d", keptEvents: "1d", everyMs: 100 } };
  });

  test("keeps the newest messages of a room, in gaps that everything steps over", async () => {
    const roomId = server.room();
    const [ann, bob] = [await server.member("ann", roomId), await server.member("bob", roomId)];
    const sent = [];
    for (let i = 1; i <= 25; i++) sent.push(await ann.say(roomId, `message ${i}`));
    let kept;
    await eventually("ten are left", async () => (kept = await bob.ok("hub:history", { roomId, limit: 100 })).messages.length === 10);
    assert.deepEqual(seqs(kept.messages), [16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
    assert.equal(kept.hasMore, false);
    assert.equal(bob.log.filter(([name]) => name === "hub:messageDeleted").length, 0);
    // Pages in both directions end where there is nothing more, not where numbers do.
    const older = await bob.ok("hub:history", { roomId, before: 20, limit: 3 });
    assert.deepEqual([seqs(older.messages), older.hasMore], [[17, 18, 19], true]);
    const oldest = await bob.ok("hub:history", { roomId, before: 17, limit: 3 });
    assert.deepEqual([seqs(oldest.messages), oldest.hasMore], [[16], false]);
    const newer = await bob.ok("hub:history", { roomId, after: 3, limit: 2 });
    assert.deepEqual([seqs(newer.messages), newer.hasMore], [[16, 17], true]);
    const { body } = await server.rest("GET", `/chat/rooms/${roomId}/messages?pageNumber=1&pageRowCount=4`, { user: "bob" });
    assert.equal(body.paging.totalRowCount, 10);
    // What is gone can be neither changed nor answered.
    await ann.refused("not_found", "hub:edit", { roomId, messageId: sent[0].id, content: { body: "late" } });
    await ann.refused("not_found", "hub:delete", { roomId, messageId: sent[0].id });
    await ann.refused("not_found", "hub:react", { roomId, messageId: sent[0].id, emoji: "👍" });
    await ann.refused("bad_request", "hub:send", { roomId, messageType: "text", content: { body: "re" }, replyTo: { id: sent[0].id } });
    await bob.ok("hub:event", { roomId, event: "messageRead", data: { lastReadSeq: 25 } });
    await bob.ok("hub:event", { roomId, event: "messageRead", data: { lastReadSeq: 3 } });
    assert.equal((await ann.say(roomId, "next")).seq, 26);
  });

  test("says recovered only of replays that miss nothing", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    for (let i = 1; i <= 12; i++) await ann.say(roomId, `message ${i}`);
    await eventually("ten are left", async () => (await ann.ok("hub:history", { roomId, limit: 100 })).messages.length === 10);
    const bob = await server.connect("bob");
    for (const [since, recovered] of [[0, false], [1, false], [2, true], [7, true], [12, true]]) {
      const joined = await bob.ok("hub:join", { roomId, since });
      assert.equal(joined.recovered, recovered, `since ${since}`);
      const history = await bob.next("hub:history");
      assert.deepEqual(seqs(history.messages).at(-1) ?? 12, 12);
      if (recovered) assert.deepEqual(seqs(history.messages), Array.from({ length: 12 - since }, (_, i) => since + 1 + i));
    }
  });

  test("removes what was deleted, and then no longer claims to know of the deletion", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { id } = await ann.say(roomId, "one");
    await ann.ok("hub:delete", { roomId, messageId: id });
    const before = await removedFor(server, "softDeletedAfter");
    await eventually("it is gone", async () => (await removedFor(server, "softDeletedAfter")) > before);
    const bob = await server.connect("bob");
    assert.equal((await bob.ok("hub:join", { roomId, since: 1 })).recovered, false);
    assert.equal((await bob.ok("hub:join", { roomId, since: 2 })).recovered, true);
    assert.equal((await ann.say(roomId, "two")).seq, 3);
  });

  test("removes old messages and kept events, in all rooms", async () => {
    const rooms = [server.room(), server.room()];
    const anns = [await server.member("ann", rooms[0]), await server.member("ann", rooms[1])];
    for (const [i, roomId] of rooms.entries()) for (let n = 0; n < 3; n++) await anns[i].say(roomId, `message ${n}`);
    await runSql(server.dir, `UPDATE "chatMessage" SET "timestamp" = '${OLD}' WHERE "seq" < 3`);
    for (const [i, roomId] of rooms.entries()) {
      await eventually("old ones are gone", async () => (await anns[i].ok("hub:history", { roomId })).messages.length === 1);
      assert.equal((await anns[i].ok("hub:join", { roomId, since: 1 })).recovered, false);
      assert.equal((await anns[i].ok("hub:join", { roomId, since: 2 })).recovered, true);
    }
    const { text } = await server.rest("GET", "/chat", { user: "ann" });
    assert.match(text, /"retention":\{"messages":86400000,"keptEvents":86400000,"perRoom":10,"softDeletedAfter":1000\}/);
  });

  test("goes on after a restart, with what replays have to know", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    for (let i = 1; i <= 30; i++) await ann.say(roomId, `message ${i}`);
    await restart();
    const bob = await server.member("bob", roomId);
    await eventually("ten are left", async () => (await bob.ok("hub:history", { roomId, limit: 100 })).messages.length === 10);
    assert.equal((await bob.ok("hub:join", { roomId, since: 19 })).recovered, false);
    assert.equal((await bob.ok("hub:join", { roomId, since: 20 })).recovered, true);
    await restart();
    const eve = await server.connect("eve");
    assert.equal((await eve.ok("hub:join", { roomId, since: 19 })).recovered, false);
    assert.equal((await eve.ok("hub:join", { roomId, since: 20 })).recovered, true);
  });
});

test("what was deleted before the hub removed anything goes some time after it began to", () =>
  serving(
    (def) => (def.hub.hubExtensions = {}),
    async (server) => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      const { id } = await ann.say(roomId, "one");
      await ann.say(roomId, "two");
      await ann.ok("hub:delete", { roomId, messageId: id });
      await server.stop();
      server.def.hub.hubExtensions = { retention: { softDeletedAfter: "1s", everyMs: 100 } };
      writeService(server.def, server.dir);
      await server.start();
      await eventually("it is gone", async () => (await removedFor(server, "softDeletedAfter")) === 1);
      const bob = await server.connect("bob");
      assert.equal((await bob.ok("hub:join", { roomId, since: 2 })).recovered, false);
      assert.equal((await bob.ok("hub:join", { roomId, since: 3 })).recovered, true);
    },
  ));
