import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openInbox } from "../../src/inbox.js";
import { onStream, openStream } from "../../src/streams.js";
import { connected, fake, turn } from "./fake.js";

describe("a channel", () => {
  const one = (offset: number | null, data: unknown = offset) => ({ channel: "news", offset, at: "t", data });
  const answer = (offset: number, history: any[] = [], more = {}) => ({
    ok: true,
    channel: "news",
    history,
    offset,
    epoch: "e1",
    recovered: null,
    ...more,
  });

  test("gives history, then what comes, each once, and what was missed", async () => {
    const { hub, socket } = connected();
    const got: any[] = [];
    const subscribing = hub
      .channel("news")
      .subscribe((data, { offset, reset }) => got.push([data, offset, reset]), { history: 2 });
    const first = socket.next("hub:subscribe");
    assert.deepEqual(first.payload, { channel: "news", historyLimit: 2 });
    first.answer(answer(5, [one(4), one(5)]));
    const off = await subscribing;
    socket.tell("hub:channelMessage", one(6));
    socket.tell("hub:channelMessage", one(6));
    socket.tell("hub:channelMessage", one(null, "redis"));
    socket.drop();
    socket.accept();
    const again = socket.next("hub:subscribe");
    assert.deepEqual(again.payload, { channel: "news", since: 6, epoch: "e1", historyLimit: 1000 });
    again.answer(answer(8, [one(7), one(8)], { recovered: true }));
    socket.tell("hub:channelMessage", one(10));
    socket.next("hub:subscribe").answer(answer(12, [one(11), one(12)], { recovered: false }));
    assert.deepEqual(got, [
      [4, 4, false],
      [5, 5, false],
      [6, 6, false],
      ["redis", null, false],
      [7, 7, false],
      [8, 8, false],
      [11, 11, true],
      [12, 12, false],
    ]);
    off();
    assert.deepEqual(socket.next("hub:unsubscribe").payload, { channel: "news" });
  });

  test("is one subscription for all who follow, each with the history it wants", async () => {
    const { hub, socket } = connected();
    const channel = hub.channel("news");
    assert.equal(hub.channel("news"), channel);
    const a: any[] = [],
      b: any[] = [];
    void channel.subscribe((data) => a.push(data));
    socket.next("hub:subscribe").answer(answer(1));
    const second = channel.subscribe((data) => b.push(data), { history: 1 });
    socket.tell("hub:channelMessage", one(2));
    socket.next("hub:subscribe").answer(answer(2, [one(2)]));
    (await second)();
    socket.tell("hub:channelMessage", one(3));
    assert.deepEqual([a, b], [[2, 3], [2]]);
    assert.equal(socket.asked.length, 0);
  });

  test("tells who follows when it is over, and who wants to follow why he may not", async () => {
    const { hub, socket } = connected();
    const ends: string[] = [];
    void hub.channel("news").subscribe(() => {}, { onEnd: ({ code }) => ends.push(code) });
    socket.next("hub:subscribe").answer(answer(1));
    socket.tell("hub:unsubscribed", { channel: "news", reason: "not_allowed" });
    assert.deepEqual(ends, ["not_allowed"]);
    const refused = hub.channel("news").subscribe(() => {});
    socket.next("hub:subscribe").answer({ ok: false, error: { code: "not_allowed", message: "no" } });
    await assert.rejects(refused, { code: "not_allowed" });
  });

  test("is subscribed when there is a connection", async () => {
    const { hub, socket } = fake();
    const subscribing = hub.channel("news").subscribe(() => {});
    socket.accept();
    socket.next("hub:subscribe");
    socket.drop();
    socket.accept();
    socket.next("hub:subscribe").answer(answer(1));
    await subscribing;
  });
});

describe("a record", () => {
  test("has its value, and patches are applied to a new one", async () => {
    const { hub, socket } = connected();
    const record = hub.record("board:1");
    const got: any[] = [];
    const subscribing = record.subscribe((value, meta) => got.push([value, meta.version, meta.reset]), {
      mode: "patch",
    });
    const { payload, answer } = socket.next("hub:subscribeRecord");
    assert.deepEqual(payload, { recordId: "board:1", mode: "patch" });
    answer({ ok: true, recordId: "board:1", version: 3, record: { a: [1], b: {} } });
    await subscribing;
    const before = record.value;
    socket.tell("hub:recordUpdated", {
      recordId: "board:1",
      version: 4,
      patch: [{ op: "add", path: "/a/-", value: 2 }],
    });
    assert.deepEqual(before, { a: [1], b: {} });
    assert.equal(record.value.b, before.b);
    socket.tell("hub:recordUpdated", {
      recordId: "board:1",
      version: 4,
      patch: [{ op: "add", path: "/a/-", value: 2 }],
    });
    socket.tell("hub:recordDeleted", { recordId: "board:1", version: 5 });
    socket.tell("hub:recordUpdated", { recordId: "board:1", version: 6, full: "new" });
    assert.deepEqual(got, [
      [{ a: [1], b: {} }, 3, true],
      [{ a: [1, 2], b: {} }, 4, false],
      [null, 5, false],
      ["new", 6, false],
    ]);
  });

  test("is asked for anew when a patch is missing, and not at all when nothing is", async () => {
    const { hub, socket } = connected();
    const got: any[] = [];
    void hub.record("r").subscribe((value, { reset }) => got.push([value, reset]), { mode: "patch" });
    socket.next("hub:subscribeRecord").answer({ ok: true, recordId: "r", version: 1, record: { n: 1 } });
    socket.tell("hub:recordUpdated", {
      recordId: "r",
      version: 3,
      patch: [{ op: "replace", path: "/n", value: 3 }],
    });
    const { payload, answer } = socket.next("hub:subscribeRecord");
    assert.equal(payload.version, undefined);
    answer({ ok: true, recordId: "r", version: 3, record: { n: 3 } });
    socket.drop();
    socket.accept();
    const again = socket.next("hub:subscribeRecord");
    assert.equal(again.payload.version, 3);
    again.answer({ ok: true, recordId: "r", version: 3 });
    assert.deepEqual(got, [
      [{ n: 1 }, true],
      [{ n: 3 }, true],
    ]);
  });

  test("is written, patched, deleted and changed with others", async () => {
    const { hub, socket } = connected();
    const record = hub.record("r");
    const asked = [
      record.write({ n: 1 }, { ifVersion: 0 }),
      record.patch([{ op: "remove", path: "/n" }]),
      record.delete(),
      hub.transaction([{ op: "check", recordId: "r", ifVersion: 3 }]),
    ];
    assert.deepEqual(
      socket.asked.map(({ event, payload }) => [event, payload]),
      [
        ["hub:writeRecord", { recordId: "r", value: { n: 1 }, ifVersion: 0 }],
        ["hub:patchRecord", { recordId: "r", patch: [{ op: "remove", path: "/n" }] }],
        ["hub:deleteRecord", { recordId: "r" }],
        ["hub:transaction", { operations: [{ op: "check", recordId: "r", ifVersion: 3 }] }],
      ],
    );
    socket.next("hub:writeRecord").answer({
      ok: false,
      error: { code: "version_conflict", message: "no", data: { recordId: "r", version: 2 } },
    });
    socket.next("hub:transaction").answer({ ok: true, results: [{ version: 3, changed: false }] });
    await assert.rejects(asked[0]!, { code: "version_conflict", data: { recordId: "r", version: 2 } });
    assert.deepEqual(await asked[3], [{ version: 3, changed: false }]);
    asked.forEach((one) => one.catch(() => {}));
  });
});

describe("a collection", () => {
  test("is kept in order, and asked for anew behind a gap", async () => {
    const { hub, socket } = connected();
    const got: any[] = [];
    const subscribing = hub
      .collection("cart:ann")
      .subscribe((list) => got.push(list.map(({ id, n }: any) => `${id}${n}`).join(" ")));
    socket.next("hub:subscribeCollection").answer({
      ok: true,
      collectionId: "cart:ann",
      version: 7,
      ids: ["a", "b"],
      records: [
        { id: "a", n: 1 },
        { id: "b", n: 1 },
      ],
    });
    await subscribing;
    const changed = (version: number, more: object) =>
      socket.tell("hub:collectionChanged", {
        collectionId: "cart:ann",
        version,
        added: [],
        changed: [],
        removed: [],
        ...more,
      });
    changed(8, { added: [{ id: "c", n: 1 }], changed: [{ id: "a", n: 2 }] });
    changed(9, { removed: ["b"], order: ["c", "a"] });
    changed(11, { removed: ["a"] });
    const { payload, answer } = socket.next("hub:subscribeCollection");
    assert.equal(payload.version, undefined);
    answer({ ok: true, collectionId: "cart:ann", version: 11, ids: ["c"], records: [{ id: "c", n: 1 }] });
    changed(12, { reset: true, ids: ["z"], records: [{ id: "z", n: 1 }] });
    socket.drop();
    socket.accept();
    socket.next("hub:subscribeCollection").answer({ ok: true, collectionId: "cart:ann", version: 12 });
    assert.deepEqual(got, ["a1 b1", "a2 b1 c1", "c1 a2", "c1", "z1"]);
  });
});

describe("commands and invocations", () => {
  test("a command has a payload and a result", async () => {
    const { hub, socket } = connected();
    const rolling = hub.command("rollDice", { sides: 6 }, { requestId: "r1" });
    const { payload, answer } = socket.next("hub:command");
    assert.deepEqual(payload, { command: "rollDice", payload: { sides: 6 }, requestId: "r1" });
    answer({ ok: true, result: { value: 4 } });
    assert.deepEqual(await rolling, { value: 4 });
  });

  test("what the server asks is answered, and what throws is an error", async () => {
    const { hub, socket } = connected();
    const answers: any[] = [];
    const ask = async (type: string) => {
      socket.tell("hub:invoke", { type, data: 2 }, (answer) => answers.push(answer));
      await turn();
    };
    const off = hub.onInvoke("double", async (n) => n * 2);
    hub.onInvoke("fail", () => {
      throw Object.assign(new Error("not now"), { code: "busy" });
    });
    for (const type of ["double", "fail", "other"]) await ask(type);
    off();
    await ask("double");
    assert.deepEqual(answers[0], { ok: true, result: 4 });
    assert.deepEqual(answers[1], { ok: false, error: { code: "busy", message: "not now" } });
    assert.deepEqual(
      answers.slice(2).map(({ error }) => error.code),
      ["not_found", "not_found"],
    );
  });
});

describe("the inbox", () => {
  test("of a hub that is or gets closed is not opened", async () => {
    const { hub } = connected();
    const opening = openInbox(hub);
    hub.close();
    await assert.rejects(opening, { code: "closed" });
    await assert.rejects(openInbox(hub), { code: "closed" });
  });

  test("of a hub that is refused says why", async () => {
    const { hub, socket } = fake();
    const opening = openInbox(hub);
    socket.unreachable();
    socket.refuse("", "Invalid namespace");
    await assert.rejects(opening, { code: "not_found" });
    const { hub: other, socket: line } = fake({ token: "bad" });
    const refused = openInbox(other);
    line.refuse("invalid_token");
    line.refuse("invalid_token");
    await assert.rejects(refused, { code: "invalid_token" });
    await assert.rejects(openInbox(other), { code: "closed" });
  });

  const room = (roomId: string, seq: number, unread = 0) => ({
    roomId,
    room: { id: roomId },
    hubRole: "member",
    lastMessage: { seq },
    seq,
    lastReadSeq: seq - unread,
    unread,
  });

  test("has the newest room first, follows what happens, and turns pages", async () => {
    const { hub, socket } = connected();
    const opening = openInbox(hub, { limit: 2 });
    socket.next("hub:watchInbox").answer({ ok: true });
    await turn();
    socket.tell("hub:roomActivity", { roomId: "b", seq: 6, lastMessage: { seq: 6 }, unread: 1 });
    const { payload, answer } = socket.next("hub:rooms");
    assert.deepEqual(payload, { limit: 2 });
    answer({ ok: true, rooms: [room("a", 9), room("b", 5)], before: "p1", hasMore: true });
    const inbox = await opening;
    const seen = () => inbox.value.map(({ roomId, unread }) => `${roomId}${unread}`).join(" ");
    assert.equal(seen(), "b1 a0");
    socket.tell("hub:roomActivity", { roomId: "b", seq: 6, lastMessage: { seq: 6 }, unread: 0 });
    assert.equal(seen(), "b0 a0");
    const loading = inbox.loadOlder();
    const older = socket.next("hub:rooms");
    assert.equal(older.payload.before, "p1");
    older.answer({ ok: true, rooms: [room("c", 1)], before: "p2", hasMore: false });
    assert.equal(await loading, false);
    socket.tell("hub:roomActivity", { roomId: "new", seq: 1, lastMessage: { seq: 1 }, unread: 1 });
    socket.next("hub:watchInbox").answer({ ok: true });
    await turn();
    socket
      .next("hub:rooms")
      .answer({ ok: true, rooms: [room("new", 1, 1), room("b", 6)], before: "p1", hasMore: true });
    await turn();
    assert.equal(seen(), "new1 b0 a0 c0");
    socket.drop();
    socket.accept();
    socket.next("hub:watchInbox");
  });

  test("says why it cannot be opened", async () => {
    const { hub, socket } = connected();
    const opening = openInbox(hub);
    socket.next("hub:watchInbox").answer({ ok: false, error: { code: "feature_disabled", message: "no inbox" } });
    await assert.rejects(opening, { code: "feature_disabled" });
  });
});

describe("a stream", () => {
  test("goes both ways, and no further than the other side has taken", async () => {
    const { hub, socket } = connected();
    const opening = openStream(hub, { command: "shout", payload: { times: 1 } });
    const open = socket.next("hub:streamOpen");
    const { streamId } = open.payload;
    open.answer({ ok: true });
    const stream = await opening;
    const writer = stream.writable.getWriter();
    let written = false;
    const writing = writer.write(new Uint8Array(400000)).then(() => (written = true));
    await turn();
    assert.equal(socket.asked.length, 4, "256 KiB in pieces of 64");
    assert.equal(written, false);
    socket.tell("hub:streamAck", { streamId, offset: 200000 });
    await writing;
    assert.equal(socket.asked.at(-1)!.payload.offset, 393216);
    void writer.close();
    await turn();
    socket.next("hub:streamFinish");
    socket.asked = [];
    socket.tell("hub:streamData", { streamId, offset: 0, data: new Uint8Array([1, 2]).buffer });
    socket.tell("hub:streamFinish", { streamId });
    assert.equal(socket.asked.length, 0, "nothing is acknowledged that nobody has taken");
    const got: number[] = [];
    for await (const bytes of stream.readable as any) got.push(...bytes);
    assert.deepEqual(got, [1, 2]);
    assert.deepEqual(socket.next("hub:streamAck").payload, { streamId, offset: 2 });
  });

  test("has no more small pieces under way than the hub takes", async () => {
    const { hub, socket } = connected();
    const opening = openStream(hub, { command: "shout" });
    const open = socket.next("hub:streamOpen");
    open.answer({ ok: true });
    const writer = (await opening).writable.getWriter();
    let written = 0;
    for (let i = 0; i < 4100; i++) void writer.write(new Uint8Array(2)).then(() => written++);
    await turn();
    assert.equal(written, 4096);
    for (const [offset, most] of [
      [1, 4096], // half a piece
      [2, 4097],
      [2, 4097], // once more
      [6, 4099],
      [8192, 4100],
    ]) {
      socket.tell("hub:streamAck", { streamId: open.payload.streamId, offset });
      await turn();
      assert.equal(written, most);
    }
    assert.equal(socket.asked.length, 4100);
  });

  test("breaks with its connection, and when the other side ends it", async () => {
    const { hub, socket } = connected();
    for (const end of [
      () => socket.tell("hub:streamDestroy", { streamId: last, error: "client_disconnected" }),
      () => socket.drop(),
    ]) {
      var last = "";
      const opening = openStream(hub, { command: "shout" });
      const { payload, answer } = socket.next("hub:streamOpen");
      last = payload.streamId;
      answer({ ok: true });
      const stream = await opening;
      const reading = stream.readable.getReader().read();
      reading.catch(() => {});
      end();
      await assert.rejects(reading, (error: any) => ["client_disconnected", "disconnected"].includes(error.code));
    }
  });

  test("of another client is taken, or refused", async () => {
    const { hub, socket } = connected();
    const answers: any[] = [];
    const offered = async () => {
      socket.tell("hub:streamOpen", { streamId: "s1", from: "c2", meta: { name: "x" } }, (answer) =>
        answers.push(answer),
      );
      await turn();
    };
    const metas: any[] = [];
    const off = onStream(hub, (stream, meta) => {
      metas.push(meta);
      void stream.writable.getWriter().write(new Uint8Array([7]));
    });
    await offered();
    await turn();
    assert.deepEqual(metas, [{ name: "x" }]);
    const { payload } = socket.next("hub:streamData");
    assert.deepEqual([payload.streamId, payload.from], ["s1", "c2"]);
    off();
    await offered();
    assert.deepEqual(
      answers.map(({ ok, error }) => error?.code ?? ok),
      [true, "feature_disabled"],
    );
  });
});
