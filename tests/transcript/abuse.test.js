// Every event that a client may send, with everything that is wrong in it: fields missing, of the wrong type, too large or hostile, rooms one is not in,
// rights one does not have. Each is answered with the documented code, changes nothing, and leaves the connection open.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { given, HOSTILE, LONG, NO_ID, NO_NUMBER, NO_OBJECT, NO_TEXT, NOBODY, NUL, scene, server, shown, state } from "./hostile.js";

const ROOM = { code: "bad_request", values: NO_ID };
const MESSAGE = [
  { field: "messageId", code: "bad_request", values: NO_ID },
  { field: "messageId", code: "not_found", values: [NOBODY, "elsewhere", ...HOSTILE] },
];
const USER = [{ field: "userId", code: "bad_request", values: [...NO_TEXT, "", LONG, NUL] }];
const REASON = [{ field: "reason", code: "bad_request", values: [...given(NO_TEXT), LONG, NUL] }];
const SECONDS = [{ field: "seconds", code: "bad_request", values: [...NO_NUMBER, 0] }];
const CONTENT = [
  { field: "content", code: "invalid_content", values: [...NO_OBJECT, {}, { body: 7 }, { body: null }, { body: NUL }, { body: "x", more: 1 }] },
  { field: "content", code: "too_large", values: [{ body: LONG }] },
];

/** By event: VALID, the payload that would do (given what SCENE made); BAD, what is wrong with single fields; NEEDS, who may not ("member": not_allowed). */
const EVENTS = {
  "hub:join": {
    valid: ({ roomId }) => ({ roomId }),
    elsewhere: "none",
    bad: [
      { field: "roomId", code: "room_not_found", values: HOSTILE },
      { field: "since", code: "bad_request", values: NO_NUMBER },
      { field: "epoch", code: "bad_request", values: given(NO_TEXT) },
      { field: "historyLimit", code: "bad_request", values: [...NO_NUMBER, 0] },
    ],
  },
  "hub:leave": { valid: ({ roomId }) => ({ roomId }), bad: [] },
  "hub:send": {
    valid: ({ roomId }) => ({ roomId, messageType: "text", content: { body: "x" } }),
    bad: [
      { field: "messageType", code: "bad_request", values: [...NO_TEXT, ""] },
      { field: "messageType", code: "unknown_type", values: ["nope", "Text", "text ", LONG, NUL, ...HOSTILE] },
      { field: "messageType", code: "type_not_allowed", values: ["system"] },
      ...CONTENT,
      { field: "replyTo", code: "bad_request", values: [7, "x", true, [], {}, { id: 7 }, { id: "" }, { id: LONG }, { id: NUL }, { id: NOBODY }] },
      { field: "forwarded", code: "bad_request", values: [7, "true", {}, []] },
      { field: "clientMessageId", code: "bad_request", values: [7, true, {}, [], "", LONG, NUL] },
    ],
  },
  "hub:edit": { valid: ({ roomId, messageId }) => ({ roomId, messageId, content: { body: "changed" } }), bad: [...MESSAGE, ...CONTENT] },
  "hub:delete": { valid: ({ roomId, messageId }) => ({ roomId, messageId }), bad: MESSAGE },
  "hub:react": {
    valid: ({ roomId, messageId }) => ({ roomId, messageId, emoji: "x" }),
    bad: [...MESSAGE, { field: "emoji", code: "bad_request", values: NO_ID }, { field: "remove", code: "bad_request", values: [7, "true", {}, []] }],
  },
  "hub:event": {
    valid: ({ roomId }) => ({ roomId, event: "pin", data: 1 }),
    bad: [
      { field: "event", code: "bad_request", values: [...NO_TEXT, ""] },
      { field: "event", code: "unknown_event", values: ["nope", "hub:typing", LONG, NUL, ...HOSTILE] },
      { field: "event", code: "not_allowed", values: ["score"] },
      { field: "event", code: "feature_disabled", values: ["recording"] },
      { field: "event", code: "bad_request", values: ["messageRead", "messageDelivered"] },
      { field: "data", code: "too_large", values: [LONG, { deep: { deeper: [LONG] } }] },
      { field: "data", code: "invalid_content", values: [NUL, { deep: [NUL] }] },
    ],
  },
  "hub:messageRead": {
    valid: ({ roomId, messageId }) => ({ roomId, messageId }),
    bad: [
      { field: "messageId", code: "bad_request", values: NO_ID },
      { field: "messageId", code: "not_found", values: [NOBODY, ...HOSTILE] },
    ],
  },
  "hub:messageDelivered": {
    valid: ({ roomId, messageId }) => ({ roomId, messageId }),
    bad: [
      { field: "messageId", code: "bad_request", values: NO_ID },
      { field: "messageId", code: "not_found", values: [NOBODY, ...HOSTILE] },
    ],
  },
  pin: { valid: ({ roomId }) => ({ roomId, data: 1 }), bad: [{ field: "data", code: "too_large", values: [LONG] }] },
  score: { valid: ({ roomId }) => ({ roomId, data: 1 }), always: "not_allowed", bad: [] },
  "hub:requestState": { valid: ({ roomId }) => ({ roomId }), bad: [] },
  "hub:history": {
    valid: ({ roomId }) => ({ roomId }),
    bad: [
      { field: "before", code: "bad_request", values: NO_NUMBER },
      { field: "after", code: "bad_request", values: NO_NUMBER },
      { field: "limit", code: "bad_request", values: [...NO_NUMBER, 0] },
      { field: "include", code: "bad_request", values: [...given(NO_TEXT), "everything", LONG, NUL] },
      { field: "messageType", code: "bad_request", values: given(NO_TEXT) },
      { field: "senderId", code: "bad_request", values: given(NO_TEXT) },
    ],
  },
  "hub:members": { valid: ({ roomId }) => ({ roomId }), bad: [] },
  "hub:pending": {
    valid: ({ roomId }) => ({ roomId }),
    member: "not_allowed",
    bad: [
      { field: "limit", code: "bad_request", values: [0, -1, 1.5, "3", true, {}, []] },
      { field: "afterId", code: "bad_request", values: [7, true, {}, [], "", LONG, NUL] },
    ],
  },
  "hub:approve": { valid: ({ roomId, pendingId }) => ({ roomId, messageId: pendingId }), member: "not_allowed", bad: [...MESSAGE, ...REASON] },
  "hub:reject": { valid: ({ roomId, pendingId }) => ({ roomId, messageId: pendingId }), member: "not_allowed", bad: [...MESSAGE, ...REASON] },
  "hub:block": { valid: ({ roomId }) => ({ roomId, userId: "bob" }), member: "not_allowed", bad: [...USER, ...SECONDS, ...REASON] },
  "hub:unblock": { valid: ({ roomId }) => ({ roomId, userId: "bob" }), member: "not_allowed", bad: [...USER, ...REASON] },
  "hub:silence": { valid: ({ roomId }) => ({ roomId, userId: "bob" }), member: "not_allowed", bad: [...USER, ...SECONDS, ...REASON] },
  "hub:unsilence": { valid: ({ roomId }) => ({ roomId, userId: "bob" }), member: "not_allowed", bad: [...USER, ...REASON] },
  "hub:requestSpeak": { valid: ({ roomId }) => ({ roomId }), always: "not_allowed", bad: [] },
  "hub:grantSpeak": { valid: ({ roomId }) => ({ roomId, userId: "bob" }), member: "not_allowed", bad: USER },
  "hub:denySpeak": { valid: ({ roomId }) => ({ roomId, userId: "bob" }), member: "not_allowed", bad: USER },
  "hub:kick": {
    valid: ({ roomId }) => ({ roomId, userId: "bob" }),
    member: "not_allowed",
    bad: [...USER, ...REASON, { field: "userId", code: "not_found", values: ["nobody", ...HOSTILE] }],
  },
  "hub:updateRoom": {
    valid: ({ roomId }) => ({ roomId, changes: { title: "x" } }),
    member: "not_allowed",
    bad: [
      { field: "changes", code: "bad_request", values: [...NO_OBJECT, {}] },
      { field: "changes", code: "not_allowed", values: [{ id: "other" }, { isActive: false }, { createdAt: "2030-01-01T00:00:00.000Z" }] },
      {
        field: "changes",
        code: "invalid_content",
        values: [{ nope: 1 }, { title: {} }, { title: null }, { title: NUL }, { title: "x".repeat(256) }, { status: "nope" }, { minLevel: "many" }],
      },
      { field: "changes", code: "invalid_content", values: HOSTILE.map((name) => ({ [name]: 1 })) },
    ],
  },
  "hub:refreshToken": {
    valid: () => ({ token: "dev:olga:owner" }),
    elsewhere: "none",
    bad: [
      { field: "token", code: "bad_request", values: [...NO_TEXT, ""] },
      { field: "token", code: "invalid_token", values: ["rubbish", LONG, "dev:", ...HOSTILE] },
      { field: "token", code: "invalid_token", values: ["dev:ann:owner"] },
    ],
  },
};

for (const [event, { valid, bad, member, always, elsewhere }] of Object.entries(EVENTS)) {
  describe(event, () => {
    const complaints = [];
    /** Expects the refusal, by acknowledgement; collects what is otherwise, so that one run shows all. */
    async function expect(peer, code, args, what) {
      const answer = await peer.call(event, ...args);
      const got = answer?.ok === false ? answer.error.code : `accepted ${JSON.stringify(answer)?.slice(0, 100)}`;
      if (got !== code) complaints.push(`${what}: ${got}, expected ${code}`);
      else assert.ok(answer.error.message, what);
    }
    const verdict = () => assert.deepEqual(complaints.splice(0), []);

    /** Runs BODY(scene) and sees that nothing has changed and everybody is still connected. */
    async function unchanged(body) {
      const s = await scene();
      const before = await state(s);
      const seen = [s.ann.log.length, s.bob.log.length];
      await body(s);
      for (const peer of [s.olga, s.ann, s.bob]) {
        await peer.settled();
        assert.equal(peer.socket.connected, true);
      }
      verdict();
      assert.deepEqual(await state(s), before);
      assert.deepEqual([s.ann.log.slice(seen[0]), s.bob.log.slice(seen[1])], [[], []], "others were told");
    }

    test("with a payload that is no object is a bad request", () =>
      unchanged(async ({ olga }) => {
        for (const args of [[], [null], [7], ["x"], [true], [[]], [[{}]], [Buffer.from("x")], [{ roomId: Buffer.from("x") }]]) {
          await expect(olga, "bad_request", args, shown(args));
        }
      }));

    if (event !== "hub:refreshToken") {
      test("with a roomId that is none is a bad request", () =>
        unchanged(async (s) => {
          for (const roomId of ROOM.values) await expect(s.olga, ROOM.code, [{ ...valid(s), roomId }], `roomId ${shown(roomId)}`);
        }));
    }

    if (!elsewhere) {
      test("for a room one is not in is not_in_room, whether there is one or not", () =>
        unchanged(async (s) => {
          const other = await scene();
          const there = { ...valid({ ...s, messageId: other.messageId }), roomId: other.roomId };
          const before = await state(other);
          await expect(s.olga, "not_in_room", [there], "another room");
          for (const roomId of ["nowhere", ...HOSTILE]) await expect(s.olga, "not_in_room", [{ ...valid(s), roomId }], shown(roomId));
          await s.bob.ok("hub:join", { roomId: other.roomId });
          await s.bob.ok("hub:leave", { roomId: other.roomId });
          await expect(s.bob, "not_in_room", [there], "a room one has left");
          s.bob.log.splice(-4); // hub:joined, hub:history, hub:state, hub:left: his own doing
          assert.deepEqual(await state(other), before);
        }));
    }

    if (member) {
      test(`by somebody without the right is ${member}`, () => unchanged(async (s) => expect(s.ann, member, [valid(s)], "a member")));
    }
    if (always) {
      test(`is ${always}`, () => unchanged(async (s) => expect(s.olga, always, [valid(s)], "the owner")));
    }

    for (const { field, code, values } of always ? [] : bad) {
      test(`with a wrong ${field} is ${code} (${values.length} values)`, () =>
        unchanged(async (s) => {
          for (const value of values) await expect(s.olga, code, [{ ...valid(s), [field]: value }], `${field} ${shown(value)}`);
        }));
    }

    test("without a callback tells by hub:error", () =>
      unchanged(async ({ olga }) => {
        olga.emit(event, 7);
        const { code, error, event: named } = await olga.next("hub:error");
        assert.deepEqual([code, named], ["bad_request", event]);
        assert.notEqual(error, "");
      }));

    if (!always) {
      test("with fields it does not know, and more arguments, does what it does without", async () => {
        const s = await scene();
        const extra = { surplus: 1, constructor: { a: 1 }, toString: null, "": [], length: 3 };
        Object.defineProperty(extra, "__proto__", { value: { canModerate: true }, enumerable: true });
        const answer = await s.olga.call(event, { ...extra, ...valid(s) }, "more", { roomId: "other" });
        assert.equal(answer.ok, true, JSON.stringify(answer));
      });
    }
  });
}

describe("events of no name the hub knows", () => {
  for (const event of ["hub:nope", "hub:", "hub:JOIN", "hub:joined", "hub:messageArrived", "typing", "recording", "message", LONG, NUL, ...HOSTILE]) {
    test(`${shown(event)} is unknown_event`, async () => {
      const ann = await server.connect("ann");
      await ann.refused("unknown_event", event, { roomId: "r1" });
      await ann.settled();
    });
  }
});
