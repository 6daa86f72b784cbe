// What would be accepted and then passed over: parameters behind a path that has none, bodies that contradict the path, keys that
// scripts give and nobody reads. Each did nothing, without a word, and whoever wrote it believed that it did.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

function strict(def) {
  def.hub.roomSettings.authScripts = [
    { name: "owners", script: "user.roleId == 'owner'", hubRole: "owner" },
    { name: "everybody", script: "true", hubRole: "member" },
  ];
  def.hub.hubRoles = [{ name: "owner", canModerate: true, canManageRoom: true }, { name: "member" }];
  def.hub.messageSettings.enableReaction = true;
  def.hub.messageSettings.customMessageTypes = [{ name: "move" }];
  def.hub.hubLogic = {
    messageHandlers: [
      {
        messageType: "move",
        script: {
          lua: `local what = message.content.what
if what == "extra" then return {accept = true, content = {what = "other"}} end
local ok, e = true, nil
if what == "emit" then ok, e = pcall(hub.emit, session.userId, "disconnect", {}) end
if what == "broadcast" then ok, e = pcall(hub.broadcast, roomId, "connect", {}) end
if what == "sender" then ok, e = pcall(hub.send, roomId, "text", {body = "x"}, {senderId = 7}) end
if what == "persist" then ok, e = pcall(hub.send, roomId, "text", {body = "x"}, {persist = "no"}) end
return {accept = false, rejectReason = ok and "went through" or e.code .. ": " .. e.message}`,
        },
      },
    ],
  };
  def.service.dataObjects[0].api = { read: ["*"], create: ["*"], update: ["*"], delete: ["*"] };
  def.service.auth.authenticate = "session.userId == 'mallory' ? ({denied: 'banned'}) : session.userId == 'trudy' ? ({Deny: 'banned'}) : true";
}

describe("what would be passed over", () => {
  const server = serve(strict);
  const rest = (method, path, body) => server.rest(method, path, { user: "ann", role: "owner", body });
  const refused = async (method, path, body, text) => {
    const answer = await rest(method, path, body);
    assert.equal(answer.status, 400, `${method} ${path}: ${answer.text}`);
    assert.match(answer.body.message, text);
  };

  test("a parameter behind a path that takes none is refused by its name", async () => {
    const base = `/chat/rooms/${server.room()}`;
    const content = { messageType: "text", content: { body: "hello" } };
    const { id } = (await rest("POST", `${base}/messages`, content)).body.message;
    for (const [method, path, body] of [
      ["GET", `${base}?limit=5`],
      ["GET", `${base}/members?limit=5`],
      ["GET", `${base}/moderation?limit=5`],
      ["GET", `${base}/state?limit=5`],
      ["GET", `${base}/messages/${id}?limit=5`],
      ["POST", `${base}/messages?limit=5`, content],
      ["PATCH", `${base}/messages/${id}?limit=5`, { content: { body: "x" } }],
      ["DELETE", `${base}/messages/${id}?limit=5`],
      ["PUT", `${base}/moderation/bob/block?limit=5`, {}], // seconds here blocked for ever
      ["GET", "/objects/conversation/r1?limit=5"],
      ["POST", "/objects/conversation?limit=5", { title: "x" }],
      ["PATCH", "/objects/conversation/r1?limit=5", { title: "x" }],
      ["DELETE", "/objects/conversation/r1?limit=5"],
    ])
      await refused(method, path, body, /^limit: unknown; this path takes no parameters/);
    assert.equal((await rest("GET", `${base}/members?access_token=dev:ann`)).status, 200);
  });

  test("what the method says already, and texts that nothing can be", async () => {
    const base = `/chat/rooms/${server.room()}`;
    const { id } = (await rest("POST", `${base}/messages`, { messageType: "text", content: { body: "hello" } })).body.message;
    await refused("PUT", `${base}/messages/${id}/reactions/%2B1`, { remove: true }, /^remove: over REST the method says it/);
    for (const name of ["messageType", "senderId"])
      await refused("GET", `${base}/messages?${name}=a%00b`, undefined, new RegExp(`^${name}: expected a text of at most 255 bytes`));
  });

  test("a list takes its own parameters only", async () => {
    const base = `/chat/rooms/${server.room()}`;
    for (const name of ["before", "after", "messageType", "senderId", "include"])
      await refused("GET", `${base}/pending?${name}=1`, undefined, /unknown; there are afterId, limit, pageNumber, pageRowCount/);
    await refused("GET", `${base}/messages?afterId=x`, undefined, /^afterId: unknown; there are before, after/);
  });

  test("a page is asked for in one way", async () => {
    const base = `/chat/rooms/${server.room()}`;
    const twice = /^(limit|offset): not together with pageNumber and pageRowCount/;
    for (const list of [`${base}/messages?limit=1&pageNumber=2`, `${base}/pending?pageRowCount=3&limit=1`, "/objects/conversation?offset=1&pageNumber=2"])
      await refused("GET", list, undefined, twice);
    const ann = await server.member("ann", base.split("/")[3], { role: "owner" });
    for (const event of ["hub:history", "hub:pending"])
      for (const key of ["offset", "pageNumber", "pageRowCount"])
        await ann.refused("bad_request", event, { roomId: base.split("/")[3], [key]: 2 });
  });

  test("a body that names another room, message or user than the path is refused", async () => {
    const roomId = server.room();
    const base = `/chat/rooms/${roomId}`;
    const content = { messageType: "text", content: { body: "hello" } };
    await refused("POST", `${base}/messages`, { ...content, roomId: "r1" }, /^roomId: the body names another one than the path/);
    await refused("PUT", `${base}/moderation/bob/block`, { userId: "zoe", seconds: 5 }, /^userId: /);
    const sent = await rest("POST", `${base}/messages`, { ...content, roomId });
    assert.equal(sent.status, 201);
    const path = `${base}/messages/${sent.body.message.id}`;
    await refused("PATCH", path, { messageId: "other", content: { body: "x" } }, /^messageId: /);
    await refused("PUT", `${path}/reactions/+1`, { emoji: "-1" }, /^emoji: /);
  });

  test("POST /bus names what it does not know", async () => {
    await refused("POST", "/bus/alerts?kye=1", { a: 1 }, /^kye: unknown; there are key, headers/);
    await refused("POST", "/bus/alerts?key=1&key=2", { a: 1 }, /^key: given twice/);
    await refused("POST", "/bus/a%20b", { a: 1 }, /^topic: expected 1 to 249 letters/);
    assert.equal((await rest("POST", "/bus/alerts?key=1&headers=%7B%22a%22%3A%22b%22%7D", { a: 1 })).status, 202);
  });

  test("an authenticate hook that gives nearly deny lets nobody in", async () => {
    for (const user of ["mallory", "trudy"]) assert.equal((await server.rest("GET", "/chat", { user })).status, 401);
    await server.hubd.printed(/a key that is nearly deny key=denied/);
    assert.equal((await server.rest("GET", "/chat", { user: "ann" })).status, 200);
  });

  test("a key of a handler's result that nothing reads is logged", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await ann.ok("hub:send", { roomId, messageType: "move", content: { what: "extra" } });
    await server.hubd.printed(/a key that nothing reads key=content known="accept rejectReason/);
  });

  test("scripts are told what they cannot mean", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const says = async (what) => (await ann.refused("rejected", "hub:send", { roomId, messageType: "move", content: { what } })).message;
    for (const what of ["emit", "broadcast"]) assert.match(await says(what), /bad_request: that event name is reserved by Socket.IO/);
    assert.match(await says("sender"), /bad_request: senderId: expected a text/);
    assert.match(await says("persist"), /bad_request: persist: expected true or false/);
  });
});
