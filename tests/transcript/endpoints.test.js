// The other REST endpoints: what they answer, and that what they do reaches the room as if a member had done it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

function complete(def) {
  def.hub.roomSettings.authScripts = [
    { name: "owners", script: "user.roleId == 'owner'", hubRole: "owner" },
    { name: "newcomers", script: "user.roleId == 'new'", hubRole: "newcomer" },
    { name: "everybody", script: "true", hubRole: "member" },
  ];
  def.hub.hubRoles = [
    { name: "owner", canModerate: true, canDeleteAny: true, canManageRoom: true },
    { name: "newcomer", moderated: true },
    { name: "member" },
  ];
  def.hub.messageSettings.enableReaction = true;
  def.hub.messageSettings.customMessageTypes = [{ name: "bid", fields: [{ name: "amount", fieldType: "Decimal", required: true }] }];
  def.hub.roomSettings.authSources = [
    { name: "members", sourceObject: "membership", userField: "userId", roomField: "conversationId", hubRole: "member" },
  ];
  def.hub.eventSettings = { enablePresence: true, customEvents: [{ name: "wave", direction: "clientToRoom" }] };
  def.hub.hubLogic = { stateScript: "({ title: room.title, by: session.userId })" };
  def.service.dataObjects.find(({ name }) => name === "membership").api = {
    read: ["user", "admin"],
    create: ["admin"],
    update: ["admin"],
    delete: ["admin"],
  };
}

describe("REST endpoints of a hub", () => {
  const server = serve(complete);

  async function scene() {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const base = `/chat/rooms/${roomId}`;
    const as = (user, role) => async (method, path, body) => server.rest(method, `${base}${path}`, { user, role, body });
    return { roomId, ann, base, rest: as("bob"), owner: as("olga", "owner"), neo: as("neo", "new") };
  }
  const data = ({ status, body, text }) => {
    assert.ok([200, 201].includes(status), text);
    assert.equal(body.status, "OK");
    return body[body.dataName];
  };
  const failure = (response, status, code) => {
    assert.equal(response.status, status, response.text);
    assert.equal(response.body.errCode, code);
  };

  test("the hub describes itself", async () => {
    const { status, text } = await server.rest("GET", "/chat", { user: "ann" });
    assert.equal(status, 200);
    for (const word of ["bid", "amount", "wave", "owner", "newcomer", "maxMessageSize"]) assert.match(text, new RegExp(word));
    assert.doesNotMatch(text, /roleId ==/);
  });

  test("a room: its record, my role and permissions, counts", async () => {
    const { rest, owner, roomId } = await scene();
    const answer = await rest("GET", "");
    assert.equal(answer.status, 200);
    assert.match(answer.text, new RegExp(`"id":"${roomId}"`));
    assert.match(answer.text, /"hubRole":"member"/);
    assert.match(answer.text, /"canRead":true/);
    assert.match(answer.text, /"memberCount":1/);
    assert.match((await owner("GET", "")).text, /"hubRole":"owner"/);
  });

  test("one message: read, edited, deleted", async () => {
    const { rest, ann, roomId } = await scene();
    const message = data(await rest("POST", "/messages", { messageType: "text", content: { body: "first" } }));
    assert.deepEqual(data(await rest("GET", `/messages/${message.id}`)), message);
    const edited = data(await rest("PATCH", `/messages/${message.id}`, { content: { body: "second" } }));
    assert.equal(edited.content.body, "second");
    assert.deepEqual(await ann.next("hub:messageEdited"), { roomId, message: edited, seq: 2 });
    failure(
      await server.rest("PATCH", `/chat/rooms/${roomId}/messages/${message.id}`, { user: "eve", body: { content: { body: "x" } } }),
      403,
      "not_allowed",
    );
    assert.equal((await rest("DELETE", `/messages/${message.id}`)).status, 200);
    assert.deepEqual(await ann.next("hub:messageDeleted"), { roomId, messageId: message.id, seq: 3 });
    failure(await rest("GET", `/messages/${message.id}`), 404, "not_found");
  });

  test("reactions, with the emoji percent-encoded", async () => {
    const { rest, ann, roomId } = await scene();
    const { id } = await ann.say(roomId, "x");
    const path = `/messages/${id}/reactions/${encodeURIComponent("👍")}`;
    assert.equal((await rest("PUT", path)).status, 200);
    assert.equal((await ann.next("hub:reaction")).reaction[0].emoji, "👍");
    assert.equal((await rest("DELETE", path)).status, 200);
    assert.deepEqual((await ann.next("hub:reaction")).reaction, []);
  });

  test("pending messages are listed, approved and rejected", async () => {
    const { neo, owner, rest, ann } = await scene();
    const [one, two] = [
      data(await neo("POST", "/messages", { messageType: "text", content: { body: "one" } })),
      data(await neo("POST", "/messages", { messageType: "text", content: { body: "two" } })),
    ];
    assert.equal(one.status, "pending");
    failure(await rest("GET", "/pending"), 403, "not_allowed");
    assert.deepEqual(
      data(await owner("GET", "/pending")).map(({ id }) => id),
      [one.id, two.id],
    );
    failure(await rest("POST", `/messages/${one.id}/approve`, {}), 403, "not_allowed");
    assert.equal((await owner("POST", `/messages/${one.id}/approve`, {})).status, 200);
    assert.equal((await ann.next("hub:messageArrived")).message.id, one.id);
    assert.equal((await owner("POST", `/messages/${two.id}/reject`, { reason: "no" })).status, 200);
    await ann.nothing("hub:messageArrived");
    assert.deepEqual(data(await owner("GET", "/pending")), []);
  });

  test("members with presence, and a kick", async () => {
    const { owner, rest, ann, roomId } = await scene();
    const [member] = data(await rest("GET", "/members"));
    assert.equal(member.userId ?? member.id, "ann");
    assert.equal(member.presence, "online");
    failure(await rest("DELETE", "/members/ann"), 403, "not_allowed");
    assert.equal((await owner("DELETE", "/members/ann")).status, 200);
    assert.equal((await ann.next("hub:kicked")).roomId, roomId);
  });

  test("block and silence are put and taken away", async () => {
    const { owner, rest, ann, roomId } = await scene();
    failure(await rest("PUT", "/moderation/ann/silence", {}), 403, "not_allowed");
    assert.equal((await owner("PUT", "/moderation/ann/silence", {})).status, 200);
    await ann.refused("silenced", "hub:send", { roomId, messageType: "text", content: { body: "x" } });
    assert.equal((await owner("DELETE", "/moderation/ann/silence")).status, 200);
    await ann.say(roomId, "again");
    assert.equal((await owner("PUT", "/moderation/ann/block", { reason: "spam" })).status, 200);
    assert.deepEqual(await ann.next("hub:blocked"), { roomId, reason: "spam" });
    await ann.refused("blocked", "hub:join", { roomId });
    assert.equal((await owner("DELETE", "/moderation/ann/block")).status, 200);
    await ann.ok("hub:join", { roomId });
  });

  test("state and events", async () => {
    const { rest, ann, roomId } = await scene();
    assert.equal(data(await rest("GET", "/state")).by, "bob");
    assert.equal((await rest("POST", "/events", { event: "wave", data: { n: 1 } })).status, 200);
    assert.deepEqual(await ann.next("wave"), { roomId, userId: "bob", data: { n: 1 } });
    failure(await rest("POST", "/events", { event: "dance" }), 400, "unknown_event");
  });

  test("DataObjects where their api allows it", async () => {
    const admin = { user: "adam", role: "admin" };
    const row = { userId: "u1", conversationId: "r1", role: "x" };
    const created = await server.rest("POST", "/objects/membership", { ...admin, body: row });
    assert.equal(created.status, 201, created.text);
    const { id } = created.body[created.body.dataName];
    failure(await server.rest("POST", "/objects/membership", { user: "ann", role: "user", body: row }), 403, "not_allowed");
    failure(await server.rest("GET", "/objects/conversation", admin), 403, "not_allowed");
    const listed = data(await server.rest("GET", "/objects/membership", { user: "ann", role: "user" }));
    assert.deepEqual(
      listed.map((one) => one.id),
      [id],
    );
    assert.equal(data(await server.rest("PATCH", `/objects/membership/${id}`, { ...admin, body: { role: "y" } })).role, "y");
    assert.equal(data(await server.rest("GET", `/objects/membership/${id}`, admin)).role, "y");
    assert.equal((await server.rest("DELETE", `/objects/membership/${id}`, admin)).status, 200);
    failure(await server.rest("GET", `/objects/membership/${id}`, admin), 404, "not_found");
    failure(await server.rest("GET", "/objects/nothing", admin), 404, "not_found");
    failure(await server.rest("POST", "/objects/membership", { ...admin, body: { userId: "u" } }), 400, "invalid_content");
  });

  test("a new row is answered as it is read from then on, with every property", async () => {
    const post = { user: "z", role: "admin", body: { userId: "bare", conversationId: "rx" } };
    const created = data(await server.rest("POST", "/objects/membership", post));
    const read = data(await server.rest("GET", `/objects/membership/${created.id}`, { user: "z", role: "admin" }));
    assert.equal(created.role, null);
    assert.deepEqual(created, read);
  });

  test("a second row with an id is a conflict; an id is not changed", async () => {
    const admin = { user: "adam", role: "admin" };
    const row = { id: "twin", userId: "u1", conversationId: "r1" };
    assert.equal((await server.rest("POST", "/objects/membership", { ...admin, body: row })).status, 201);
    const again = await server.rest("POST", "/objects/membership", { ...admin, body: { ...row, userId: "u2" } });
    failure(again, 409, "bad_request");
    assert.match(again.body.message, /membership.*id/);
    assert.equal(data(await server.rest("GET", "/objects/membership/twin", admin)).userId, "u1");
    failure(await server.rest("PATCH", "/objects/membership/twin", { ...admin, body: { id: "other" } }), 400, "invalid_content");
    for (const method of ["GET", "PATCH", "DELETE"]) {
      const missing = await server.rest(method, "/objects/membership/nobody", { ...admin, body: method === "PATCH" ? { role: "x" } : undefined });
      failure(missing, 404, "not_found");
      assert.match(missing.body.message, /membership/);
    }
    assert.equal((await server.rest("DELETE", "/objects/membership/twin", admin)).status, 200);
  });

  test("a list is filtered, ordered and read page by page; a parameter that means nothing is refused", async () => {
    const admin = { user: "adam", role: "admin" };
    const conversationId = server.room();
    for (const n of [3, 1, 2]) {
      await server.rest("POST", "/objects/membership", { ...admin, body: { id: `${conversationId}-${n}`, userId: `u${n}`, conversationId } });
    }
    const list = async (query) => (await server.rest("GET", `/objects/membership?conversationId=${conversationId}&${query}`, admin)).body;
    const users = ({ rows }) => rows.map(({ userId }) => userId);
    const first = await list("orderBy=userId&limit=2");
    assert.deepEqual([users(first), first.rowCount, first.paging], [["u1", "u2"], 2, { hasMore: true }]);
    const second = await list("orderBy=userId&limit=2&offset=2");
    assert.deepEqual([users(second), second.paging], [["u3"], { hasMore: false }]);
    const page = await list("orderBy=-userId&pageNumber=2&pageRowCount=2");
    assert.deepEqual([users(page), page.paging], [["u1"], { pageNumber: 2, pageRowCount: 2, hasMore: false }]);
    assert.deepEqual(users(await list("userId=u2")), ["u2"]);
    for (const query of ["user=u2", "limit=x", "limit=0", "offset=-1", "pageNumber=0", "pageRowCount=1001", "orderBy=colour"]) {
      failure(await server.rest("GET", `/objects/membership?${query}`, admin), 400, "bad_request");
    }
  });

  test("isActive false deletes: the event of it says so", async () => {
    const admin = { user: "adam", role: "admin" };
    const { ann, roomId } = await scene();
    await server.rest("POST", "/objects/membership", { ...admin, body: { id: `${roomId}-x`, userId: "u1", conversationId: roomId } });
    await ann.next("hub:memberJoined");
    assert.equal((await server.rest("PATCH", `/objects/membership/${roomId}-x`, { ...admin, body: { isActive: false } })).status, 200);
    assert.equal((await ann.next("hub:memberLeft")).record.userId, "u1");
    failure(await server.rest("GET", `/objects/membership/${roomId}-x`, admin), 404, "not_found");
  });

  test("a method that a path does not take is 405 with those it takes, a broken escape 400", async () => {
    const { base } = await scene();
    for (const [method, path, allow] of [
      ["PUT", `${base}/messages`, "GET, HEAD, POST"],
      ["POST", `${base}/messages/x`, "GET, HEAD, PATCH, DELETE"],
      ["GET", `${base}/moderation/ann/block`, "PUT, DELETE"],
      ["DELETE", "/chat", "GET, HEAD"],
      ["PUT", "/objects/membership", "GET, HEAD, POST"],
      ["POST", "/objects/membership/x", "GET, HEAD, PATCH, DELETE"],
      ["GET", "/bus/topic", "POST"],
    ]) {
      const response = await server.rest(method, path, { user: "ann", body: method === "GET" ? undefined : {} });
      failure(response, 405, "not_allowed");
      assert.equal(response.headers.get("allow"), allow, `${method} ${path}`);
    }
    failure(await server.rest("GET", `${base}/messages/%zz`, { user: "ann" }), 400, "bad_request");
  });
});
