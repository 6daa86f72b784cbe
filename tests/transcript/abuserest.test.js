// Every endpoint, with everything that is wrong in a request: the path, the method, the token, the body, single fields, the query. Each is
// answered with the documented status and code, changes nothing, and is told to nobody.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { given, HOSTILE, LONG, NO_OBJECT, NO_TEXT, NOBODY, NUL, scene, server, shown, state } from "./hostile.js";

const OWNER = { user: "olga", role: "owner" };
const MEMBER = { user: "ann" };
const FORBIDDEN = [403, "not_allowed"];
const BAD = [400, "bad_request"];
const INVALID = [400, "invalid_content"];
const MISSING = [404, "not_found"];
const text = { messageType: "text", content: { body: "x" } };

const CONTENT = [
  { field: "content", refusal: INVALID, values: [...NO_OBJECT, {}, { body: 7 }, { body: null }, { body: NUL }, { body: "x", more: 1 }] },
  { field: "content", refusal: [413, "too_large"], values: [{ body: LONG }] },
];
const REASON = [{ field: "reason", refusal: BAD, values: [...given(NO_TEXT), LONG, NUL] }];
const RESTRICTION = [...REASON, { field: "seconds", refusal: BAD, values: ["x", "7", -1, 0, 1.5, true, {}, [], 1e300] }];
const PAGES = {
  limit: ["x", "0", "-1", "1.5", ""],
  before: ["x", "-1"],
  after: ["x", "-1"],
  pageNumber: ["0", "x"],
  pageRowCount: ["0", "1001", "x"],
};

/** By method and path below /{hub}/rooms/{roomId}; {m} is the message, {p} the pending one. BODY: what would do. MEMBER: what others are refused with. */
const ENDPOINTS = [
  { path: ["GET", ""] },
  { path: ["GET", "/messages"], query: { ...PAGES, include: ["x", ""] } },
  {
    path: ["POST", "/messages"],
    body: text,
    bad: [
      { field: "messageType", refusal: BAD, values: [...NO_TEXT, ""] },
      { field: "messageType", refusal: [400, "unknown_type"], values: ["nope", LONG, NUL, ...HOSTILE] },
      { field: "messageType", refusal: [403, "type_not_allowed"], values: ["system"] },
      { field: "replyTo", refusal: BAD, values: [7, "x", true, {}, { id: 7 }, { id: NOBODY }, { id: NUL }] },
      { field: "forwarded", refusal: BAD, values: [7, "x", {}, []] },
      { field: "clientMessageId", refusal: BAD, values: [7, true, {}, [], "", LONG, NUL] },
      ...CONTENT,
    ],
  },
  { path: ["GET", "/messages/{m}"], unknown: true },
  { path: ["PATCH", "/messages/{m}"], body: { content: { body: "new" } }, unknown: true, member: FORBIDDEN, bad: CONTENT },
  { path: ["DELETE", "/messages/{m}"], unknown: true, member: FORBIDDEN },
  { path: ["PUT", "/messages/{m}/reactions/+"], unknown: true },
  { path: ["PUT", `/messages/{m}/reactions/${"%F0%9F%91%8D".repeat(20)}`], always: BAD },
  { path: ["DELETE", "/messages/{m}/reactions/+"], unknown: true },
  { path: ["POST", "/messages/{p}/approve"], body: {}, unknown: true, member: FORBIDDEN },
  { path: ["POST", "/messages/{p}/reject"], body: {}, unknown: true, member: FORBIDDEN, bad: REASON },
  { path: ["POST", "/messages/{m}/approve"], always: MISSING },
  { path: ["GET", "/pending"], member: FORBIDDEN, query: { limit: PAGES.limit } },
  { path: ["GET", "/members"] },
  { path: ["DELETE", "/members/bob"], member: FORBIDDEN },
  { path: ["DELETE", "/members/nobody"], always: MISSING },
  { path: ["GET", "/moderation"], member: FORBIDDEN },
  { path: ["PUT", "/moderation/bob/block"], body: {}, member: FORBIDDEN, bad: RESTRICTION },
  { path: ["PUT", "/moderation/olga/block"], always: FORBIDDEN },
  { path: ["DELETE", "/moderation/bob/block"], member: FORBIDDEN },
  { path: ["PUT", "/moderation/bob/silence"], body: {}, member: FORBIDDEN, bad: RESTRICTION },
  { path: ["DELETE", "/moderation/bob/silence"], member: FORBIDDEN },
  { path: ["PUT", "/moderation/bob/banish"], always: MISSING },
  { path: ["GET", "/state"] },
  {
    path: ["POST", "/events"],
    body: { event: "pin", data: 1 },
    bad: [
      { field: "event", refusal: BAD, values: [...NO_TEXT, ""] },
      { field: "event", refusal: [400, "unknown_event"], values: ["nope", LONG, ...HOSTILE] },
      { field: "event", refusal: FORBIDDEN, values: ["score"] },
    ],
  },
  { path: ["GET", "/nothing"], always: MISSING },
  { path: ["GET", "/messages/{m}/nothing/at/all"], always: MISSING },
];

/** Collects what is answered otherwise than expected, so that one run shows all. */
function judge() {
  const complaints = [];
  return {
    async expect([status, code], request, what) {
      const answer = await server.rest(...request);
      if (answer.status !== status || answer.body?.errCode !== code)
        complaints.push(`${what}: ${answer.status} ${answer.text.slice(0, 200)}, expected ${status} ${code}`);
      else assert.deepEqual(Object.keys(answer.body), ["result", "status", "message", "errCode", "date", "detail"]);
      if (answer.body?.result === "ERR") assert.equal(answer.body.status, status, what);
    },
    verdict: () => assert.deepEqual(complaints, []),
  };
}

/** Runs BODY(scene, expect) and sees that nothing has changed and nobody was told. */
async function unchanged(body) {
  const s = await scene();
  const { expect, verdict } = judge();
  const before = await state(s);
  await s.ann.settled();
  const seen = [s.ann.log.length, s.bob.log.length];
  await body(s, expect);
  verdict();
  for (const peer of [s.olga, s.ann, s.bob]) await peer.settled();
  assert.deepEqual(await state(s), before);
  assert.deepEqual([s.ann.log.slice(seen[0]), s.bob.log.slice(seen[1])], [[], []], "others were told");
}

const BODIES = [
  ["broken JSON", "{", BAD],
  ["an array", "[1]", BAD],
  ["a number", "7", BAD],
  ["null", "null", BAD],
  ["a key twice", '{"content":{},"content":{}}', BAD],
  ["JSON nested too deep", `${"[".repeat(1000)}${"]".repeat(1000)}`, BAD],
  ["half a surrogate pair", '{"messageType":"\\ud800"}', BAD],
  ["bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), BAD],
  ["more than maxPayload", JSON.stringify({ ...text, more: "x".repeat(30000) }), [413, "too_large"]],
];

for (const {
  path: [method, below],
  body,
  bad = [],
  query = {},
  unknown,
  member,
  always,
} of ENDPOINTS) {
  describe(`${method} /{hub}/rooms/{roomId}${shown(below).slice(1, -1)}`, () => {
    const at = (s, more = "") => `/chat/rooms/${s.roomId}${below.replace("{m}", s.messageId).replace("{p}", s.pendingId)}${more}`;

    if (always) {
      test(`is ${always.join(" ")}`, () => unchanged((s, expect) => expect(always, [method, at(s), { ...OWNER, body }], "the owner")));
      return;
    }

    test("without a token, or with a bad one, is 401", () =>
      unchanged(async (s, expect) => {
        await expect([401, "auth_required"], [method, at(s), { body }], "no token");
        // A tree is many times as large as its text: none is made before it is known who sends it.
        if (body) await expect([401, "auth_required"], [method, at(s), { raw: "{", headers: { "content-type": "application/json" } }], "broken JSON");
        for (const token of ["Bearer x", "Bearer ", "Basic b2xnYTo=", "Bearer dev:", `Bearer ${LONG}`]) {
          const code = token === "Bearer " || token.startsWith("Basic") ? "auth_required" : "invalid_token";
          await expect([401, code], [method, at(s), { body, headers: { authorization: token } }], shown(token));
        }
      }));

    test("for a room that is none is 404 or 400", () =>
      unchanged(async (s, expect) => {
        const request = (roomId) => [method, at({ ...s, roomId }), { ...OWNER, body }];
        for (const roomId of HOSTILE) await expect([404, "room_not_found"], request(encodeURIComponent(roomId)), shown(roomId));
        for (const roomId of [LONG, NUL]) await expect(BAD, request(encodeURIComponent(roomId)), shown(roomId));
        await expect(BAD, request("%zz"), "a broken escape");
      }));

    if (member)
      test(`by somebody without the right is ${member}`, () => unchanged((s, expect) => expect(member, [method, at(s), { ...MEMBER, body }], "ann")));

    if (unknown) {
      test("for a message that is not in the room is 404, for an id that is none 400", () =>
        unchanged(async (s, expect) => {
          const other = await scene();
          const before = await state(other);
          const request = (id) => [method, at({ ...s, messageId: id, pendingId: id }), { ...OWNER, body }];
          for (const id of [NOBODY, other.messageId, other.pendingId, ...HOSTILE.map(encodeURIComponent)])
            await expect(MISSING, request(id), shown(id));
          for (const id of [LONG, "%00"]) await expect(BAD, request(id), shown(id));
          assert.deepEqual(await state(other), before);
        }));
    }

    if (body) {
      test("with a body that is no object is 400, one too large 413, another type 415", () =>
        unchanged(async (s, expect) => {
          const json = { "content-type": "application/json" };
          for (const [what, raw, refusal] of BODIES) await expect(refusal, [method, at(s), { ...OWNER, raw, headers: json }], what);
          for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"]) {
            await expect([415, "bad_request"], [method, at(s), { ...OWNER, raw: JSON.stringify(body), headers: { "content-type": type } }], type);
          }
        }));
    }

    for (const { field, refusal, values } of bad) {
      test(`with a wrong ${field} is ${refusal.join(" ")} (${values.length} values)`, () =>
        unchanged(async (s, expect) => {
          for (const value of values)
            await expect(refusal, [method, at(s), { ...OWNER, body: { ...body, [field]: value } }], `${field} ${shown(value)}`);
        }));
    }

    test("with a wrong query is 400", () =>
      unchanged(async (s, expect) => {
        for (const [key, values] of Object.entries({ ...query, colour: ["red"], access_tokens: ["x"], "=": ["x"] })) {
          for (const value of values) await expect(BAD, [method, at(s, `?${key}=${value}`), { ...OWNER, body }], `${key}=${value}`);
        }
      }));
  });
}

describe("/objects/{name}", () => {
  const row = { userId: "u1", conversationId: "r1" };
  const bodies = [
    [{}, INVALID],
    [{ ...row, userId: null }, INVALID],
    [{ ...row, userId: { a: 1 } }, INVALID],
    [{ ...row, userId: NUL }, INVALID],
    [{ ...row, colour: "red" }, INVALID],
    [{ ...row, role: "x".repeat(300) }, INVALID],
    [{ ...row, isActive: "no" }, INVALID],
    [{ ...row, createdAt: "yesterday" }, INVALID],
  ];
  const rows = async () => (await server.rest("GET", "/objects/membership?limit=1000", OWNER)).body.rows;

  test("with what is no row, for those who may not, or with a wrong query is refused and stores nothing", async () => {
    const { expect, verdict } = judge();
    const { body: made } = await server.rest("POST", "/objects/membership", { ...OWNER, body: row });
    const before = await rows();
    const one = `/objects/membership/${made.row.id}`;
    for (const [body, refusal] of bodies) await expect(refusal, ["POST", "/objects/membership", { ...OWNER, body }], shown(body));
    for (const [body, refusal] of bodies.slice(1)) await expect(refusal, ["PATCH", one, { ...OWNER, body }], `PATCH ${shown(body)}`);
    for (const [what, raw, refusal] of BODIES) {
      for (const target of [
        ["POST", "/objects/membership"],
        ["PATCH", one],
      ]) {
        await expect(refusal, [...target, { ...OWNER, raw, headers: { "content-type": "application/json" } }], `${target[0]} ${what}`);
      }
    }
    for (const [method, path, body] of [
      ["GET", "/objects/membership"],
      ["GET", one],
      ["POST", "/objects/membership", row],
      ["PATCH", one, { role: "x" }],
      ["DELETE", one],
    ]) {
      await expect(FORBIDDEN, [method, path, { ...MEMBER, body }], `${method} ${path} by a member`);
      await expect([401, "auth_required"], [method, path, { body }], `${method} ${path} without a token`);
    }
    for (const id of [NOBODY, ...HOSTILE.map(encodeURIComponent), LONG, "%00"]) {
      for (const [method, body] of [["GET"], ["PATCH", { role: "x" }], ["DELETE"]])
        await expect(MISSING, [method, `/objects/membership/${id}`, { ...OWNER, body }], `${method} ${shown(id)}`);
    }
    for (const name of ["nothing", "conversation", "chatMessage", "hubd_room", "", ...HOSTILE.map(encodeURIComponent)]) {
      const refusal = name === "conversation" ? FORBIDDEN : MISSING;
      await expect(refusal, ["GET", `/objects/${name}`, OWNER], `objects ${shown(name)}`);
    }
    for (const query of ["limit=x", "limit=0", "offset=-1", "pageNumber=0", "orderBy=colour", "colour=red", "orderBy=", "isActive=perhaps"]) {
      const refusal = query.startsWith("isActive") ? INVALID : BAD;
      await expect(refusal, ["GET", `/objects/membership?${query}`, OWNER], query);
    }
    // Of a row nothing was refused, and a condition that was written there did not count.
    for (const query of ["role=y", "colour=red", "limit=1", "a=1&a=1", "%zz"]) {
      for (const [method, path, body] of [
        ["GET", one],
        ["POST", "/objects/membership", row],
        ["PATCH", one, { role: "x" }],
        ["DELETE", one],
      ])
        await expect(BAD, [method, `${path}?${query}`, { ...OWNER, body }], `${method} ?${query}`);
    }
    await expect(BAD, ["GET", "/chat?colour=red", OWNER], "the hub");
    for (const query of ["before=1", "senderId=ann"]) await expect(BAD, ["GET", `/chat/rooms/r1/pending?${query}`, OWNER], `pending ${query}`);
    verdict();
    assert.deepEqual(await rows(), before);
  });
});
