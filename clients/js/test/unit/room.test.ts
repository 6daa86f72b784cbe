import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HubError } from "../../src/errors.js";
import { admit, connected, fake, joined, message, RIGHTS, turn, turned } from "./fake.js";

const bodies = (list: readonly any[]) => list.map(({ content }) => content.body);
const numbers = (list: readonly any[]) => list.map(({ seq }) => seq);

describe("a room that a listener leaves", () => {
  for (const what of ["messages", "status"] as const)
    test(`as it is joined again stays left (${what})`, async () => {
      const { socket, room } = await joined();
      socket.drop();
      let again = false;
      room[what].subscribe(() => again && void room.leave());
      again = true;
      socket.accept();
      admit(socket, { history: { recovered: true } });
      assert.equal(room.status.value, "left");
    });
});

describe("a room", () => {
  test("is there when its history is", async () => {
    const { hub, socket } = connected();
    let room: any;
    hub.join("r1").then(
      (joined) => (room = joined),
      () => {},
    );
    const { payload } = socket.next("hub:join");
    assert.deepEqual(payload, { roomId: "r1", members: true });
    hub.close();
    assert.equal(room, undefined);
    const later = await joined({}, { seq: 2, history: { messages: [message(1), message(2)] } });
    assert.deepEqual(numbers(later.room.messages.value), [1, 2]);
    assert.equal(later.room.status.value, "joined");
    assert.equal(later.room.permissions.value.hubRole, "member");
  });

  test("is there behind the join where the hub has no history", async () => {
    const { room } = await joined({}, { seq: 7, history: null });
    assert.deepEqual(room.messages.value, []);
    assert.equal(room.status.value, "joined");
  });

  test("waits for a connection", async () => {
    const { hub, socket } = fake();
    const joining = hub.join("r1");
    assert.deepEqual(socket.asked, []);
    socket.accept();
    admit(socket);
    assert.equal((await joining).id, "r1");
  });

  test("is one object for each id, and is left when all have left who joined", async () => {
    const { hub, socket, room } = await joined();
    assert.equal(await hub.join("r1"), room);
    await room.leave();
    assert.equal(room.status.value, "joined");
    const left = room.leave();
    socket.next("hub:leave").answer({ ok: true });
    await left;
    assert.equal(room.status.value, "left");
    await room.leave();
    assert.deepEqual(socket.asked, []);
    void hub.join("r1").catch(() => {});
    assert.equal(socket.next("hub:join").payload.since, undefined);
  });

  test("tells why it cannot be joined, and can be asked for again", async () => {
    const { hub, socket } = connected();
    const joining = hub.join("r1");
    socket.next("hub:join").answer({ ok: false, error: { code: "blocked", message: "You are blocked" } });
    await assert.rejects(
      joining,
      (error: HubError) =>
        error instanceof HubError &&
        error.code === "blocked" &&
        error.event === "hub:join" &&
        error.message === "You are blocked",
    );
    void hub.join("r1").catch(() => {});
    socket.next("hub:join");
  });

  test("joins again from the last number, and says what it does meanwhile", async () => {
    const { socket, room } = await joined({}, { seq: 2, history: { messages: [message(1), message(2)] } });
    const states: string[] = [];
    room.status.subscribe((status) => states.push(status));
    socket.tell("hub:skipped", { roomId: "r1", seqs: [3, 4] });
    socket.drop();
    socket.accept();
    const { payload } = admit(socket, {
      seq: 6,
      history: {
        recovered: true,
        messages: [message(6)],
        changes: [{ messageId: "m1", seq: 5, message: message(1, { changeSeq: 5, content: { body: "edited" } }) }],
      },
    });
    assert.deepEqual([payload.since, payload.epoch], [4, "e1"]);
    assert.deepEqual(bodies(room.messages.value), ["edited", "message 2", "message 6"]);
    assert.deepEqual(states, ["joined", "recovering", "joined"]);
  });

  test("begins anew where the numbers have", async () => {
    const { socket, room } = await joined({}, { seq: 2, history: { messages: [message(1), message(2)] } });
    socket.drop();
    socket.accept();
    admit(socket, {
      seq: 1,
      epoch: "e2",
      history: { recovered: false, messages: [message(1, { id: "other" })], hasMore: true },
    });
    assert.deepEqual(
      room.messages.value.map(({ id }) => id),
      ["other"],
    );
    assert.equal(room.messages.hasMore, true);
    socket.drop();
    socket.accept();
    assert.deepEqual([socket.next("hub:join").payload.epoch], ["e2"]);
  });

  test("does not take the numbers of a new epoch for those it has, when it is cut off before the history", async () => {
    const { socket } = await joined({}, { seq: 9 });
    socket.drop();
    socket.accept();
    socket
      .next("hub:join")
      .answer({ ok: true, roomId: "r1", permissions: RIGHTS, seq: 3, epoch: "e2", recovered: false });
    socket.drop();
    socket.accept();
    const { payload } = socket.next("hub:join");
    assert.deepEqual([payload.since, payload.epoch], [9, "e1"]);
  });

  test("asks for what is missing when a number is", async () => {
    const { socket, room } = await joined({}, { seq: 1, history: { messages: [message(1)] } });
    socket.tell("hub:messageArrived", { roomId: "r1", message: message(3) });
    assert.deepEqual(numbers(room.messages.value), [1]);
    const { payload } = admit(socket, { seq: 3, history: { recovered: true, messages: [message(2), message(3)] } });
    assert.equal(payload.since, 1);
    assert.deepEqual(numbers(room.messages.value), [1, 2, 3]);
  });

  for (const [event, status] of [
    ["hub:kicked", "kicked"],
    ["hub:blocked", "blocked"],
    ["hub:roomClosed", "closed"],
  ] as const) {
    test(`says that it is over after ${event}, and does not join again`, async () => {
      const { hub, socket, room } = await joined();
      const ended: any[] = [];
      room.on("ended", (what) => ended.push(what));
      const sending = room.send("text", { body: "hi" });
      socket.tell(event, { roomId: "r1", reason: "not_authorized" });
      assert.equal(room.status.value, status);
      assert.deepEqual(
        ended.map((what) => [what.status, what.error.message]),
        [[status, "not_authorized"]],
      );
      await assert.rejects(sending, { code: "not_in_room" });
      await assert.rejects(room.send("text", { body: "hi" }), { code: "closed" });
      socket.drop();
      socket.accept();
      assert.equal(socket.asked.filter(({ event: asked }) => asked === "hub:join").length, 0);
      hub.close();
    });
  }

  test("is over when it may not be joined again, and tries once more when it may later", async (t) => {
    const clock = turned(t);
    const { socket, room } = await joined();
    socket.drop();
    socket.accept();
    socket.next("hub:join").answer({ ok: false, error: { code: "rate_limited", message: "later", retryAfterMs: 700 } });
    clock.tick(699);
    assert.deepEqual(socket.asked, []);
    clock.tick(1);
    socket.next("hub:join").answer({ ok: false, error: { code: "not_authorized", message: "no more" } });
    assert.equal(room.status.value, "refused");
  });

  test("reads what there was to read when it is allowed to", async () => {
    const { socket, room } = await joined(
      {},
      { seq: 3, history: null, answer: { permissions: { ...RIGHTS, canRead: false } } },
    );
    socket.tell("hub:permissions", { roomId: "r1", hubRole: "member", permissions: RIGHTS, silenced: false });
    const { payload } = admit(socket, { seq: 3, history: { messages: [message(3)] } });
    assert.equal(payload.since, undefined);
    assert.deepEqual(numbers(room.messages.value), [3]);
  });

  test("listens to events with hub: in front or without", async () => {
    const { socket, room } = await joined();
    const heard: any[] = [];
    room.on("typing", ({ userId }: any) => heard.push(userId));
    const off = room.on("hub:typing", ({ userId }: any) => heard.push(userId));
    room.on("wave", ({ data }: any) => heard.push(data));
    socket.tell("hub:typing", { roomId: "r1", userId: "bob", user: { id: "bob", name: "Bob" } });
    off();
    off();
    socket.tell("hub:typing", { roomId: "r1", userId: "cid", user: { id: "cid", name: null } });
    socket.tell("wave", { roomId: "r1", data: 3 });
    socket.tell("wave", { roomId: "r2", data: 4 });
    assert.deepEqual(heard.sort(), [3, "bob", "bob", "cid"].sort());
  });

  test("knows who is there", async () => {
    const ann = {
      userId: "ann",
      name: "Ann",
      avatar: null,
      hubRole: "member",
      presence: "online",
      connections: 1,
      typing: false,
      recording: false,
    };
    const { socket, room } = await joined({}, { answer: { members: [ann] } });
    const told = (event: string, payload: object) => socket.tell(event, { roomId: "r1", ...payload });
    told("hub:typing", { userId: "ann", user: { id: "ann", name: "Ann" } });
    told("hub:presence", { event: "online", user: { id: "bob", name: "Bob" } });
    told("hub:presence", { event: "state", user: { id: "bob", name: "Bob" }, state: { x: 1 } });
    told("hub:messageRead", { userId: "ann", lastReadSeq: 4 });
    told("hub:messageRead", { userId: "gone", lastReadSeq: 4 });
    assert.deepEqual(
      room.members.value.map(({ userId, name, typing, state, lastReadSeq }) => ({
        userId,
        name,
        typing,
        state,
        lastReadSeq,
      })),
      [
        { userId: "ann", name: "Ann", typing: true, state: undefined, lastReadSeq: 4 },
        { userId: "bob", name: "Bob", typing: false, state: { x: 1 }, lastReadSeq: undefined },
      ],
    );
    told("hub:stopTyping", { userId: "ann" });
    told("hub:presence", { event: "away", user: { id: "ann" } });
    told("hub:presence", { event: "offline", user: { id: "bob" } });
    assert.deepEqual(
      room.members.value.map(({ userId, typing, presence }) => [userId, typing, presence]),
      [["ann", false, "away"]],
    );
  });

  test("has the shared state", async () => {
    const { socket, room } = await joined();
    const told = (event: string, payload: object) => socket.tell(event, { roomId: "r1", ...payload });
    told("hub:state", { state: { by: "script" } });
    assert.deepEqual(room.state.value, { by: "script" });
    told("hub:roomState", { entries: { a: 1 }, version: 1 });
    told("hub:roomStateChanged", { key: "b", value: null, version: 2 });
    told("hub:roomStateChanged", { key: "a", deleted: true, version: 3 });
    told("hub:state", { state: { by: "script" } });
    assert.deepEqual(room.state.value, { b: null });
    told("hub:roomStateChanged", { cleared: true, version: 4 });
    assert.deepEqual(room.state.value, {});
  });

  test("tells of typing seldom, and not without a connection", async (t) => {
    const clock = turned(t);
    const { socket, room } = await joined();
    room.typing();
    room.typing();
    clock.tick(3000);
    room.typing();
    room.typing(false);
    room.typing();
    assert.deepEqual(
      socket.asked.map(({ payload }) => payload.event),
      ["typing", "typing", "stopTyping", "typing"],
    );
    socket.drop();
    clock.tick(3000);
    socket.asked = [];
    room.typing();
    assert.deepEqual(socket.asked, []);
  });

  test("keeps going when a listener throws", async () => {
    const { socket, room } = await joined();
    const thrown: any[] = [];
    const before = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException").once("uncaughtException", (error) => thrown.push(error.message));
    room.messages.subscribe((list) => {
      if (list.length) throw new Error("of the listener");
    });
    socket.tell("hub:messageArrived", { roomId: "r1", message: message(1) });
    await turn();
    before.forEach((listener) => process.on("uncaughtException", listener));
    assert.deepEqual(thrown, ["of the listener"]);
    assert.equal(room.messages.value.length, 1);
  });
});
