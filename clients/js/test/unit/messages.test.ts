import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { admit, joined, message, turned } from "./fake.js";

const shown = (list: readonly any[]) => list.map(({ seq, content, status }) => [seq, content.body, status]);

async function room(messages: any[] = [message(1), message(2)], options = {}) {
  const one = await joined(options, {
    seq: Math.max(0, ...messages.map(({ changeSeq }) => changeSeq)),
    history: { messages },
  });
  return { ...one, told: (event: string, payload: object) => one.socket.tell(event, { roomId: "r1", ...payload }) };
}

describe("messages", () => {
  test("are not shown older after newer when a listener acts", async () => {
    const { room: r1, told } = await room();
    const seen: number[] = [];
    r1.messages.subscribe((list) => {
      if (list.length === 3) told("hub:messageArrived", { message: message(4) });
    });
    r1.messages.subscribe((list) => seen.push(list.length));
    told("hub:messageArrived", { message: message(3) });
    assert.deepEqual(seen, [2, 4]);
  });

  test("that JSON cannot say are refused, and hold up nothing", async (t) => {
    const clock = turned(t);
    const { hub, socket, room: r1 } = await room();
    const circular: any = {};
    circular.self = circular;
    const body = { body: "as it was" };
    await assert.rejects(r1.send("text", { body: 1n }), { code: "invalid_content", event: "hub:send" });
    socket.drop();
    await assert.rejects(r1.send("text", circular), { code: "invalid_content" });
    const sending = r1.send("text", body);
    body.body = "changed";
    const reading = r1.markRead(1n as any);
    socket.accept();
    admit(socket, { history: { recovered: true } });
    await assert.rejects(reading, { code: "invalid_content" });
    const { payload, answer } = socket.next("hub:send");
    assert.equal(payload.content.body, "as it was");
    answer({ ok: true, message: message(3, payload) });
    await sending;
    assert.equal(r1.messages.value.length, 3);
    await assert.rejects(hub.command("x", circular), { code: "invalid_content", event: "hub:command" });
    clock.tick(60000);
  });

  test("are told at once and after each change, as a new frozen array", async () => {
    const { room: r1, told } = await room();
    const lists: any[] = [];
    const off = r1.messages.subscribe((list) => lists.push(list));
    told("hub:messageArrived", { message: message(3) });
    off();
    told("hub:messageArrived", { message: message(4) });
    assert.deepEqual(
      lists.map((list) => list.length),
      [2, 3],
    );
    assert.ok(lists.every(Object.isFrozen));
    assert.equal(r1.messages.value.length, 4);
  });

  test("show edits, reactions and deletions, each once and in the order of their numbers", async () => {
    const { room: r1, told } = await room();
    told("hub:messageEdited", { message: message(1, { content: { body: "edited" } }), seq: 3 });
    told("hub:messageEdited", { message: message(1, { content: { body: "older" } }), seq: 2 });
    told("hub:reaction", {
      messageId: "m2",
      emoji: "👍",
      userId: "ann",
      removed: false,
      counts: { "👍": 1 },
      seq: 4,
      reaction: [{ emoji: "👍", userId: "ann", timestamp: "t" }],
    });
    told("hub:reaction", { messageId: "m2", emoji: "🎉", userId: "bob", removed: false, counts: {}, seq: 5 });
    told("hub:reaction", { messageId: "m2", emoji: "👍", userId: "ann", removed: true, counts: {}, seq: 6 });
    assert.equal(r1.messages.value[0]!.content.body, "edited");
    assert.deepEqual(
      (r1.messages.value[1] as any).reaction.map(({ emoji, userId }: any) => [emoji, userId]),
      [["🎉", "bob"]],
    );
    told("hub:messageDeleted", { messageId: "m1", seq: 7 });
    assert.deepEqual(shown(r1.messages.value), [[2, "message 2", "approved"]]);
  });

  test("that a replay already shows are not changed back by what comes live", async () => {
    const { room: r1, told } = await room([message(1, { changeSeq: 5, content: { body: "fifth" } })]);
    told("hub:messageEdited", { message: message(1, { content: { body: "fifth" } }), seq: 5 });
    told("hub:messageEdited", { message: message(1, { content: { body: "fourth" } }), seq: 4 });
    assert.equal(r1.messages.value[0]!.content.body, "fifth");
  });

  test("are at most historySize, and those behind are fetched as pages", async () => {
    const { room: r1, socket, told } = await room([message(5), message(6)], { historySize: 3 });
    told("hub:messageArrived", { message: message(7) });
    told("hub:messageArrived", { message: message(8) });
    assert.deepEqual(
      r1.messages.value.map(({ seq }) => seq),
      [6, 7, 8],
    );
    assert.equal(r1.messages.hasMore, true);
    const loading = r1.messages.loadOlder(2);
    const asked = socket.next("hub:history");
    assert.deepEqual(asked.payload, { roomId: "r1", before: 6, limit: 2 });
    asked.answer({ ok: true, messages: [message(4), message(5)], hasMore: true });
    assert.equal(await loading, true);
    told("hub:messageArrived", { message: message(9) });
    assert.deepEqual(
      r1.messages.value.map(({ seq }) => seq),
      [5, 6, 7, 8, 9],
    );
  });

  test("of a page are asked for again when they may have changed on the way", async () => {
    const { room: r1, socket, told } = await room([message(5)]);
    const loading = r1.loadOlder();
    const first = socket.next("hub:history");
    told("hub:messageDeleted", { messageId: "m3", seq: 6 });
    first.answer({ ok: true, messages: [message(3), message(4)], hasMore: false });
    await new Promise((done) => setImmediate(done));
    socket.next("hub:history").answer({ ok: true, messages: [message(4)], hasMore: false });
    assert.equal(await loading, false);
    assert.deepEqual(
      r1.messages.value.map(({ seq }) => seq),
      [4, 5],
    );
  });

  test("that are told before they are stored stand at the end until they are", async () => {
    const { room: r1, told } = await room([message(1)]);
    const early = (id: string) => message(null, { id, content: { body: id }, provisional: true });
    told("hub:messageArrived", { message: early("a"), provisional: true });
    told("hub:messageArrived", { message: early("b"), provisional: true });
    told("hub:messageArrived", { message: message(2) });
    assert.deepEqual(
      r1.messages.value.map(({ id }) => id),
      ["m1", "m2", "a", "b"],
    );
    told("hub:messageStored", { messageId: "b", seq: 3 });
    told("hub:messageFailed", { messageId: "a", code: "store_unavailable" });
    assert.deepEqual(
      r1.messages.value.map(({ id, seq, provisional }: any) => [id, seq, provisional]),
      [
        ["m1", 1, undefined],
        ["m2", 2, undefined],
        ["b", 3, undefined],
      ],
    );
  });

  test("that were told and not stored are forgotten by the next join", async () => {
    const { room: r1, socket, told } = await room([message(1)]);
    told("hub:messageArrived", { message: message(null, { id: "a", provisional: true }), provisional: true });
    socket.drop();
    socket.accept();
    admit(socket, { seq: 1, history: { recovered: true } });
    assert.deepEqual(
      r1.messages.value.map(({ id }) => id),
      ["m1"],
    );
  });

  test("that are not stored keep the place where they came", async () => {
    const { room: r1, told } = await room([message(1)]);
    told("hub:messageArrived", { message: message(null, { id: "passing" }) });
    told("hub:messageArrived", { message: message(2) });
    assert.deepEqual(
      r1.messages.value.map(({ id }) => id),
      ["m1", "passing", "m2"],
    );
  });
});

describe("sending", () => {
  test("shows the message at once, and as it is stored when it is", async () => {
    const { room: r1, socket, told } = await room([]);
    const sending = r1.send("text", { body: "hi" }, { replyTo: "m9" });
    const [own] = r1.messages.value as any[];
    assert.deepEqual([own.seq, own.status, own.content], [null, "sending", { body: "hi" }]);
    const { payload, answer } = socket.next("hub:send");
    assert.deepEqual(payload, {
      roomId: "r1",
      messageType: "text",
      content: { body: "hi" },
      clientMessageId: own.clientMessageId,
      replyTo: { id: "m9" },
    });
    const stored = message(1, { clientMessageId: own.clientMessageId, content: { body: "hi" } });
    answer({ ok: true, message: stored });
    assert.deepEqual(await sending, stored);
    told("hub:messageArrived", { message: stored });
    assert.deepEqual(shown(r1.messages.value), [[1, "hi", "approved"]]);
  });

  test("is repeated with the same key on the next connection when its answer was lost, in order", async () => {
    const { room: r1, socket } = await room([]);
    const first = r1.send("text", { body: "a" });
    const key = socket.next("hub:send").payload.clientMessageId;
    socket.drop();
    const second = r1.send("text", { body: "b" });
    socket.accept();
    assert.equal(socket.asked.filter(({ event }) => event === "hub:send").length, 0, "not before the join");
    admit(socket, { seq: 0, history: { recovered: true } });
    const [a, b] = [socket.next("hub:send"), socket.next("hub:send")];
    assert.deepEqual([a.payload.clientMessageId, a.payload.content.body, b.payload.content.body], [key, "a", "b"]);
    a.answer({ ok: true, message: message(1, { clientMessageId: key }) });
    b.answer({ ok: true, message: message(2, { clientMessageId: b.payload.clientMessageId }) });
    assert.deepEqual(
      (await Promise.all([first, second])).map(({ seq }) => seq),
      [1, 2],
    );
  });

  test("is not repeated when the replay shows that it arrived", async () => {
    const { room: r1, socket } = await room([]);
    const sending = r1.send("text", { body: "a" });
    const { clientMessageId } = socket.next("hub:send").payload;
    socket.drop();
    socket.accept();
    admit(socket, { seq: 1, history: { recovered: true, messages: [message(1, { clientMessageId })] } });
    assert.equal((await sending).seq, 1);
    assert.equal(socket.asked.length, 0);
    assert.equal(r1.messages.value.length, 1);
  });

  test("does not bring back a message that was deleted while its answer was lost", async () => {
    const { room: r1, socket } = await room([]);
    const sending = r1.send("text", { body: "a" });
    const { clientMessageId } = socket.next("hub:send").payload;
    socket.drop();
    socket.accept();
    admit(socket, { seq: 2, history: { recovered: true } });
    socket.next("hub:send").answer({ ok: true, message: message(1, { clientMessageId }) });
    assert.equal((await sending).seq, 1);
    assert.deepEqual(r1.messages.value, []);
  });

  test("that is refused stays as failed, and can be tried again or taken away", async () => {
    const { room: r1, socket } = await room([]);
    const sending = r1.send("text", { body: "a" });
    socket
      .next("hub:send")
      .answer({ ok: false, error: { code: "rate_limited", message: "slowly", retryAfterMs: 5000 } });
    await assert.rejects(sending, {
      code: "rate_limited",
      retryAfterMs: 5000,
      event: "hub:send",
      message: "slowly",
    });
    const [failed] = r1.messages.value as any[];
    assert.deepEqual([failed.status, failed.error.code], ["failed", "rate_limited"]);
    const again = r1.retry(failed.clientMessageId);
    assert.equal((r1.messages.value[0] as any).status, "sending");
    socket.next("hub:send").answer({ ok: false, error: { code: "invalid_content", message: "no" } });
    await assert.rejects(again, { code: "invalid_content" });
    r1.discard(failed.clientMessageId);
    assert.deepEqual(r1.messages.value, []);
    await assert.rejects(r1.retry(failed.clientMessageId), { code: "not_found" });
  });

  test("waits for the next connection while the server stops, and asks again what became of it when that is unknown", async (t) => {
    const clock = turned(t);
    const { room: r1, socket } = await room([]);
    void r1.send("text", { body: "a" });
    socket
      .next("hub:send")
      .answer({ ok: false, error: { code: "store_unavailable", message: "away", outcome: "unknown" } });
    clock.tick(1000);
    socket.next("hub:send").answer({ ok: false, error: { code: "shutting_down", message: "stopping" } });
    clock.tick(5000);
    assert.deepEqual(socket.asked, []);
    assert.equal((r1.messages.value[0] as any).status, "sending");
  });

  test("is bounded over all rooms while there is no connection", async () => {
    const { room: r1, socket, hub } = await room([], { queueLimit: 2 });
    const joining = hub.join("r2");
    admit(socket);
    const r2 = await joining;
    socket.drop();
    void r1.send("text", { body: "a" });
    void r2.markRead(3);
    void r2.markRead(4);
    await assert.rejects(r2.send("text", { body: "b" }), { code: "queue_full", event: "hub:send" });
    assert.equal(r1.messages.value.length, 1);
    assert.equal(r2.messages.value.length, 0);
    await assert.rejects(r1.call("hub:edit", { messageId: "m1", content: {} }), {
      code: "disconnected",
      event: "hub:edit",
    });
    socket.accept();
    admit(socket, { history: { recovered: true } });
    admit(socket, { history: { recovered: true } });
    assert.deepEqual(socket.next("hub:event").payload, { roomId: "r2", event: "messageRead", lastReadSeq: 4 });
  });

  test("of a moderated sender is shown as pending, then as approved or not at all", async () => {
    const { room: r1, socket, told } = await room([]);
    const pending = (id: string) => message(null, { id, status: "pending", content: { body: id } });
    void r1.send("text", { body: "a" });
    socket.next("hub:send");
    for (const id of ["b", "c"]) {
      void r1.send("text", { body: id });
      socket.next("hub:send").answer({ ok: true, message: pending(id) });
    }
    assert.deepEqual(shown(r1.messages.value), [
      [null, "b", "pending"],
      [null, "c", "pending"],
      [null, "a", "sending"],
    ]);
    told("hub:messageArrived", { message: message(1, { id: "c", content: { body: "c" } }) });
    told("hub:messageRejected", { messageId: "b", reason: "rude" });
    assert.deepEqual(shown(r1.messages.value), [
      [1, "c", "approved"],
      [null, "a", "sending"],
    ]);
  });
});
