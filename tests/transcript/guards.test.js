// Guards of subscriptions with real scripts: what they have granted ends when something changes that they have read.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

const lua = (text) => ({ lua: text });

function change(def) {
  const properties = ["userId", "teamId"].map((name) => ({ name, type: "ID" }));
  const api = Object.fromEntries(["read", "create", "update", "delete"].map((verb) => [verb, ["*"]]));
  def.service.dataObjects.push({ name: "team", managed: true, properties, api });
  Object.assign(def.hub.hubExtensions, {
    state: { sync: true, canWrite: "true" },
    metadata: { connection: { clientWritable: ["level"] }, room: { canWrite: "true" } },
    commands: [{ name: "write", script: lua("return records.write(payload.id, payload.value)") }],
    records: [
      { pattern: "acl:{id}" },
      { pattern: "list:{id}", canRead: lua("for _, r in ipairs(records.list('acl:*').items) do if r.value == session.userId then return true end end return false") },
      { pattern: "acl-own:{id}", canRead: lua("return not json.encode(records.list('acl-own:*')):find('closed', 1, true)") }, // it names no value
    ],
    channels: [
      { pattern: "rows:{id}", canSubscribe: lua("return #objects.list('team', {userId = session.userId, teamId = params.id}) > 0") },
      { pattern: "row:{id}", canSubscribe: lua("local row = objects.find('team', params.id) return row ~= nil and row.userId == session.userId") },
      { pattern: "room:{id}", canSubscribe: lua("for _, id in ipairs(connection.rooms) do if id == params.id then return true end end return false") },
      { pattern: "state:{id}", canSubscribe: lua("return state.get(params.id, 'open') == true") },
      { pattern: "meta:{id}", canSubscribe: lua("return rooms.metadata(params.id).open == true") },
      { pattern: "level:{n}", canSubscribe: "connection.metadata.level >= Number(params.n)" },
    ],
  });
}

describe("what a guard has granted ends", () => {
  const server = serve(change);
  const write = (peer, id, value) => peer.ok("hub:command", { command: "write", payload: { id, value } });

  /** BOB may subscribe to CHANNEL until CHANGE() has happened. */
  async function endsWith(bob, channel, change) {
    await bob.ok("hub:subscribe", { channel });
    await change();
    assert.equal((await bob.next("hub:unsubscribed", (told) => told.channel === channel)).reason, "not_allowed");
    await bob.refused("not_allowed", "hub:subscribe", { channel });
  }

  test("with a record of a list", async () => {
    const [ann, bob] = await Promise.all(["ann", "bob"].map((user) => server.connect(user)));
    await bob.refused("not_allowed", "hub:subscribeRecord", { recordId: "list:1" });
    await write(ann, "acl:1", "bob");
    await bob.ok("hub:subscribeRecord", { recordId: "list:1" });
    await write(ann, "acl:2", "eve");
    await write(ann, "acl:1", "eve");
    assert.equal((await bob.next("hub:unsubscribed")).recordId, "list:1");
  });

  test("before its own record is told, when that is in the list", async () => {
    const [ann, bob] = await Promise.all(["ann", "bob"].map((user) => server.connect(user)));
    await bob.ok("hub:subscribeRecord", { recordId: "acl-own:1" });
    await write(ann, "acl-own:1", { is: "open" });
    assert.deepEqual((await bob.next("hub:recordUpdated")).full, { is: "open" });
    await write(ann, "acl-own:1", { is: "closed" });
    await bob.next("hub:unsubscribed");
    await bob.nothing("hub:recordUpdated");
  });

  test("with rows", async () => {
    const bob = await server.connect("bob");
    const send = (method, path, body) => server.rest(method, `/objects/team${path}`, { user: "ann", body });
    await send("POST", "", { id: "t1", userId: "bob", teamId: "1" });
    await endsWith(bob, "rows:1", () => send("PATCH", "/t1", { teamId: "2" }));
    await endsWith(bob, "row:t1", () => send("DELETE", "/t1"));
  });

  test("with a room, its state and its metadata, and with those of the connection", async () => {
    const [ann, bob] = await Promise.all(["ann", "bob"].map((user) => server.connect(user)));
    const roomId = server.room();
    for (const peer of [ann, bob]) await peer.ok("hub:join", { roomId });
    await ann.ok("hub:setRoomState", { roomId, key: "open", value: true });
    await endsWith(bob, `state:${roomId}`, () => ann.ok("hub:setRoomState", { roomId, key: "open", value: 1 }));
    await ann.ok("hub:setRoomMetadata", { roomId, metadata: { open: true } });
    await endsWith(bob, `meta:${roomId}`, () => ann.ok("hub:setRoomMetadata", { roomId, metadata: { open: false } }));
    await bob.ok("hub:setMetadata", { metadata: { level: 3 } });
    await endsWith(bob, "level:2", () => bob.ok("hub:setMetadata", { metadata: { level: 1 } }));
    await endsWith(bob, `room:${roomId}`, () => bob.ok("hub:leave", { roomId }));
  });
});
