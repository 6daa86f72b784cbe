// History on join and on request, replay after a lost connection, and the seam between history and what is live.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loseDatabase, serve, serving } from "./harness.js";

const seqs = (messages) => messages.map(({ seq }) => seq);
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Sends COUNT texts "1", "2", … as fast as they are acknowledged in a window. */
async function fill(peer, roomId, count, from = 1) {
  const bodies = range(from, from + count - 1);
  while (bodies.length) await Promise.all(bodies.splice(0, 100).map((i) => peer.say(roomId, `${i}`)));
}

describe("history on join", () => {
  const server = serve((def) => {
    def.hub.historySettings = { historyEnabled: true, historyLimit: 10 };
  });

  test("an empty room has an empty history", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const history = await ann.next("hub:history");
    assert.deepEqual(history, { roomId, messages: [], hasMore: false, recovered: null });
  });

  test("the newest historyLimit messages come, ascending, and hasMore says that there are older ones", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await fill(ann, roomId, 10);
    const all = await (await server.member("bob", roomId)).next("hub:history");
    assert.deepEqual(seqs(all.messages), range(1, 10));
    assert.equal(all.hasMore, false);
    await fill(ann, roomId, 5, 11);
    const eve = await server.member("eve", roomId);
    const newest = await eve.next("hub:history");
    assert.deepEqual(seqs(newest.messages), range(6, 15));
    assert.equal(newest.hasMore, true);
    assert.equal("changes" in newest, false);
    assert.equal(eve.welcome.seq, 15);
  });

  test("a stored message is the same as it was live", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const message = await ann.say(roomId, "hello", { clientMessageId: "c" });
    const bob = await server.member("bob", roomId);
    assert.deepEqual((await bob.next("hub:history")).messages, [message]);
    assert.deepEqual((await bob.ok("hub:history", { roomId })).messages, [message]);
  });

  test("the client may ask for less, or none", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await fill(ann, roomId, 8);
    const bob = await server.connect("bob");
    await bob.ok("hub:join", { roomId, historyLimit: 3 });
    const { messages, hasMore } = await bob.next("hub:history");
    assert.deepEqual(seqs(messages), [6, 7, 8]);
    assert.equal(hasMore, true);
  });
});

describe("history that is switched off", () => {
  const server = serve((def) => {
    def.hub.historySettings = { historyEnabled: false };
  });

  test("sends none on join, but answers hub:history", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await ann.say(roomId, "hello");
    const bob = await server.member("bob", roomId);
    await bob.nothing("hub:history");
    assert.equal((await bob.ok("hub:history", { roomId })).messages.length, 1);
  });
});

describe("hub:history", () => {
  const server = serve((def) => {
    def.hub.historySettings = { historyEnabled: true, historyLimit: 10 };
  });

  async function filled(count) {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await fill(ann, roomId, count);
    return { roomId, ann, page: (query) => ann.ok("hub:history", { roomId, ...query }) };
  }

  test("without a place gives the newest", async () => {
    const { page } = await filled(25);
    const { messages, hasMore } = await page({});
    assert.deepEqual(seqs(messages), range(16, 25));
    assert.equal(hasMore, true);
  });

  test("before goes back page by page to the beginning", async () => {
    const { page } = await filled(25);
    const pages = [];
    let before;
    for (;;) {
      const { messages, hasMore } = await page({ before, limit: 10 });
      pages.unshift(...seqs(messages));
      before = messages[0].seq;
      if (!hasMore) break;
    }
    assert.deepEqual(pages, range(1, 25));
  });

  test("after goes forward page by page to the end", async () => {
    const { page } = await filled(25);
    const pages = [];
    let after = 0;
    for (;;) {
      const { messages, hasMore } = await page({ after, limit: 10 });
      pages.push(...seqs(messages));
      after = messages.at(-1).seq;
      if (!hasMore) break;
    }
    assert.deepEqual(pages, range(1, 25));
  });

  test("the borders are not part of the page", async () => {
    const { page } = await filled(10);
    assert.deepEqual(seqs((await page({ before: 4 })).messages), [1, 2, 3]);
    assert.deepEqual(seqs((await page({ after: 7 })).messages), [8, 9, 10]);
    assert.deepEqual(await page({ before: 1 }), { ok: true, messages: [], hasMore: false });
    assert.deepEqual(await page({ after: 10 }), { ok: true, messages: [], hasMore: false });
    assert.deepEqual(seqs((await page({ before: 1000, limit: 2 })).messages), [9, 10]);
  });

  test("hasMore is exact when the page ends where the messages end", async () => {
    const { page } = await filled(10);
    assert.equal((await page({ before: 6, limit: 5 })).hasMore, false);
    assert.equal((await page({ before: 7, limit: 5 })).hasMore, true);
    assert.equal((await page({ after: 5, limit: 5 })).hasMore, false);
    assert.equal((await page({ after: 4, limit: 5 })).hasMore, true);
  });

  for (const query of [{ before: "x" }, { after: {} }, { limit: 0 }, { limit: -5 }, { limit: "many" }, { limit: 1.5 }]) {
    test(`${JSON.stringify(query)} is a bad request`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      await ann.refused("bad_request", "hub:history", { roomId, ...query });
    });
  }

  test("an enormous limit is bounded", async () => {
    const { page } = await filled(3);
    assert.equal((await page({ limit: 1000000000 })).messages.length, 3);
  });

  test("needs the room", async () => {
    const ann = await server.connect("ann");
    await ann.refused("not_in_room", "hub:history", { roomId: server.room() });
  });
});

describe("replay with since", () => {
  const server = serve((def) => {
    def.hub.historySettings = { historyEnabled: true, historyLimit: 10 };
  });

  async function rejoin(roomId, since, epoch) {
    const bob = await server.connect("bob");
    const joined = await bob.ok("hub:join", { roomId, since, epoch });
    return { joined, history: await bob.next("hub:history") };
  }

  test("brings exactly what was missed", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { epoch } = ann.welcome;
    await fill(ann, roomId, 30);
    const { joined, history } = await rejoin(roomId, 12, epoch);
    assert.equal(joined.recovered, true);
    assert.equal(joined.seq, 30);
    assert.equal(history.recovered, true);
    assert.deepEqual(seqs(history.messages), range(13, 30));
    assert.deepEqual(history.changes ?? [], []);
  });

  test("from the beginning, and from the end", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { epoch } = ann.welcome;
    await fill(ann, roomId, 12);
    assert.deepEqual(seqs((await rejoin(roomId, 0, epoch)).history.messages), range(1, 12));
    const { joined, history } = await rejoin(roomId, 12, epoch);
    assert.equal(joined.recovered, true);
    assert.equal(history.recovered, true);
    assert.deepEqual(history.messages, []);
  });

  test("of another epoch is ordinary history", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await fill(ann, roomId, 15);
    const { joined, history } = await rejoin(roomId, 3, "another");
    assert.equal(joined.recovered, false);
    assert.equal(history.recovered, false);
    assert.deepEqual(seqs(history.messages), range(6, 15));
    assert.equal(joined.epoch, ann.welcome.epoch);
  });

  test("of exactly 1,000 entries is replayed, of one more is ordinary history", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { epoch } = ann.welcome;
    await fill(ann, roomId, 1001);
    const whole = await rejoin(roomId, 1, epoch);
    assert.equal(whole.joined.recovered, true);
    assert.deepEqual(seqs(whole.history.messages), range(2, 1001));
    const partly = await rejoin(roomId, 0, epoch);
    assert.equal(partly.joined.recovered, false);
    assert.equal(partly.history.recovered, false);
    assert.deepEqual(seqs(partly.history.messages), range(992, 1001));
  });
});

describe("a counter that starts over", () => {
  test("has another epoch, and a replay from before it is ordinary history", async () => {
    await serving(undefined, async (server) => {
      const ann = await server.member("ann", "r1");
      await fill(ann, "r1", 5);
      const { epoch } = ann.welcome;
      server.closePeers();
      await server.hubd.stop();
      await loseDatabase(server.dir);
      await server.start();
      const bob = await server.member("bob", "r1");
      assert.notEqual(bob.welcome.epoch, epoch);
      await fill(bob, "r1", 8);
      const again = await server.connect("ann");
      const joined = await again.ok("hub:join", { roomId: "r1", since: 5, epoch });
      assert.equal(joined.recovered, false);
      assert.deepEqual(seqs((await again.next("hub:history")).messages), range(1, 8));
    });
  });
});

describe("the seam between history and live messages", () => {
  const server = serve((def) => {
    def.hub.historySettings = { historyEnabled: true, historyLimit: 10 };
  });

  test("whoever joins while others send misses nothing and gets nothing twice", async () => {
    const roomId = server.room();
    const senders = await Promise.all(["a", "b"].map((user) => server.member(user, roomId)));
    const { epoch } = senders[0].welcome;
    let sending = true;
    const sent = Promise.all(
      senders.map(async (sender) => {
        for (let i = 0; sending || i < 50; i++) await Promise.all([sender.say(roomId, "x"), sender.say(roomId, "y"), sender.say(roomId, "z")]);
      }),
    );
    const joiners = [];
    for (let i = 0; i < 20; i++) {
      const joiner = await server.connect(`j${i}`);
      // Every other one comes back from a lost connection.
      joiner.joined = joiner.ok("hub:join", i % 2 ? { roomId, since: 0, epoch } : { roomId });
      await joiner.next("hub:messageArrived");
      joiner.first = joiner.log.find(([name]) => name === "hub:messageArrived")[1].message.seq;
      joiners.push(joiner);
    }
    sending = false;
    await sent;
    const last = await senders[0].say(roomId, "last");
    for (const [i, joiner] of joiners.entries()) {
      const joined = await joiner.joined;
      await joiner.until(
        () => joiner.log.some(([name, payload]) => name === "hub:messageArrived" && payload.message.seq === last.seq) || undefined,
        "the last message",
      );
      const events = joiner.log.map(([name]) => name);
      const history = joiner.log.find(([name]) => name === "hub:history")[1];
      assert.ok(events.indexOf("hub:joined") < events.indexOf("hub:history"));
      assert.ok(events.indexOf("hub:history") < events.indexOf("hub:messageArrived"));
      assert.equal(joiner.first, joined.seq + 1);
      if (joined.seq > 0) assert.equal(history.messages.at(-1).seq, joined.seq);
      if (i % 2) assert.deepEqual(seqs(history.messages), range(1, joined.seq));
      const live = joiner.log.filter(([name]) => name === "hub:messageArrived").map(([, { message }]) => message.seq);
      assert.deepEqual(live, range(joined.seq + 1, last.seq));
    }
  });
});
