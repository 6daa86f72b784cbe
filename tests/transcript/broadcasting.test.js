// What scripts can do with all connections, users and rooms of a service: find, list, count, tell, end; from hubs, plain namespaces and by name.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, serve } from "./harness.js";

const lua = (text) => ({ lua: text });
const commands = [
  { name: "get", script: lua("return connections.get(payload)") },
  { name: "list", script: lua("return connections.list(payload)") },
  { name: "counts", script: lua("return {connections = connections.count(), users = users.count(), online = users.online(payload)}") },
  { name: "tag", script: lua("return connections.setMetadata(connection.id, payload)") },
  { name: "send", script: lua("return connections.send(payload.id, 'direct', payload.data)") },
  { name: "sendWhere", script: lua("return connections.sendWhere(payload.where, 'chosen', payload.data)") },
  { name: "end", script: lua("return connections.disconnect(payload, 'over')") },
  { name: "endWhere", script: lua("return connections.disconnectWhere(payload, 'over')") },
  { name: "everybody", script: lua("return service.broadcast('news', payload)") },
  { name: "tellHub", script: lua("return hubs.get('chat').broadcastAll('all', payload.data, {except = payload.except})") },
  { name: "tellPlain", script: lua("return namespaces.get('/plain').broadcastAll('all', payload)") },
  { name: "nowhere", script: lua("local ok, e = pcall(hubs.get, 'nothing') return e.code") },
  { name: "members", script: lua("return hubs.get('chat').rooms.members(payload.id, payload)") },
  { name: "rooms", script: lua("return rooms.list(payload)") },
  { name: "tellRoom", script: lua("return rooms.broadcast(payload.id, 'told', payload.data, {except = payload.except})") },
  { name: "tellRooms", script: lua("return rooms.broadcastWhere(payload.where, 'told', payload.data)") },
  { name: "close", script: lua("return rooms.close(payload, 'over')") },
  { name: "say", script: lua("return {hub.memberCount(payload), hub.broadcast(payload, 'told', 1), hub.emit('ann-5', 'told', 2), hub.send(payload, 'text', {body = 'hi'}) ~= nil}") },
].map((c) => ({ rateLimit: 10000, ...c }));

describe("broadcasting", () => {
  const server = serve((def) => {
    def.hub.hubBasics.name = "chat";
    def.hub.hubExtensions = { ...def.hub.hubExtensions, metadata: { connection: {} }, commands };
    def.service.namespaces = [{ path: "/plain", commands, metadata: { connection: {} }, onDisconnect: lua("redis.set('reason', reason)"), events: [{ name: "reason", script: lua("return redis.get('reason')") }] }];
  });
  const plain = { namespace: "/plain" };

  test("finds, lists and counts the connections of all windows", async () => {
    const ann = await server.connect("ann-1");
    const again = await server.connect("ann-1", plain);
    const bob = await server.connect("bob-1");
    const found = (await ann.ok("get", again.socket.id)).result;
    assert.deepEqual([found.id, found.userId], [again.socket.id, "ann-1"]);
    assert.equal((await ann.ok("get", "nobody")).result, null);
    const { result } = await again.ok("counts", "bob-1");
    assert.equal(result.online, true);
    assert.ok(result.connections >= 3 && result.users >= 2);
    assert.deepEqual((await ann.ok("list", { userId: "ann-1" })).result.items.map((c) => c.id), [ann.socket.id, again.socket.id]);
    await bob.ok("tag", { level: 7, team: "red" });
    await again.ok("tag", { level: 3, team: "red" });
    for (const [where, ids] of [
      [{ team: "red" }, [again, bob]], [{ level: { $gt: 3 } }, [bob]], [{ level: { $gte: 3, $lt: 7 } }, [again]], [{ team: { $in: ["blue", "red"] }, level: { $ne: 3 } }, [bob]], [{ level: [3, 4] }, [again]],
    ]) assert.deepEqual((await ann.ok("list", { where })).result.items.map((c) => c.userId), ids.map((p) => (p === bob ? "bob-1" : "ann-1")), JSON.stringify(where));
    const first = (await ann.ok("list", { limit: 1, where: { team: "red" } })).result;
    const second = (await ann.ok("list", { limit: 1, where: { team: "red" }, after: first.next })).result;
    assert.deepEqual([first.items[0].id, second.items[0].id, second.next], [again.socket.id, bob.socket.id, null]);
    for (const bad of [{ where: { a: { $like: 1 } } }, { limit: 0 }, { after: "x" }, { wheer: {} }]) await ann.refused("handler_failed", "list", bad);
    bob.close();
    await eventually("bob is gone", async () => !(await ann.ok("counts", "bob-1")).result.online);
    assert.equal((await ann.ok("counts", "bob-1")).result.online, false);
  });

  test("tells one, some, a window or the whole service, each once", async () => {
    const [ann, bob, pia] = [await server.connect("ann-2"), await server.connect("bob-2"), await server.connect("pia-2", plain)];
    const all = [ann, bob, pia];
    await ann.ok("send", { id: pia.socket.id, data: [1, {}] });
    assert.deepEqual(await pia.next("direct"), [1, {}]);
    await pia.ok("send", { id: ann.socket.id, data: 1 });
    assert.deepEqual(await ann.next("direct"), { roomId: null, data: 1 });
    await ann.refused("handler_failed", "send", { id: "nobody", data: 1 });
    for (const p of [bob, pia]) await p.ok("tag", { group: "second" });
    assert.equal((await ann.ok("sendWhere", { where: { group: "second" }, data: 2 })).result, 2);
    assert.deepEqual(await bob.next("chosen"), { roomId: null, data: 2 });
    assert.deepEqual(await pia.next("chosen"), 2);
    assert.equal((await pia.ok("tellHub", { data: 3, except: [bob.socket.id] })).result >= 1, true);
    assert.deepEqual(await ann.next("all"), { roomId: null, data: 3 });
    await ann.ok("tellPlain", 4);
    assert.deepEqual(await pia.next("all"), 4);
    await ann.ok("everybody", { a: [] });
    for (const p of all) assert.deepEqual(await p.next("news"), p === pia ? { a: [] } : { roomId: null, data: { a: [] } });
    for (const [p, event] of [[bob, "all"], [ann, "chosen"], [ann, "news"], [bob, "news"], [pia, "news"]]) {
      await p.ok("counts", "x"); /* what was on its way has come */
      assert.equal(p.inbox.filter(([name]) => name === event).length, 0, `${event} came once at most`);
    }
    assert.equal((await ann.ok("nowhere", {})).result, "not_found");
  });

  test("ends connections with a reason", async () => {
    const [ann, bob, pia, pit] = [await server.connect("ann-3"), await server.connect("bob-3"), await server.connect("pia-3", plain), await server.connect("pit-3", plain)];
    const gone = [bob, pia].map((p) => new Promise((resolve) => p.socket.once("disconnect", resolve)));
    assert.equal((await ann.ok("end", bob.socket.id)).result, true);
    await pia.ok("tag", { away: true });
    assert.equal((await ann.ok("endWhere", { away: true })).result, 1);
    assert.deepEqual(await Promise.all(gone), ["io server disconnect", "io server disconnect"]);
    assert.equal(await pit.call("reason"), "over");
    await ann.refused("handler_failed", "end", bob.socket.id);
  });

  test("lists, tells and closes rooms", async () => {
    const [one, two] = [server.room(), server.room()];
    const [ann, other, bob] = [await server.member("ann-4", one), await server.member("ann-4", one), await server.member("bob-4", two)];
    const listed = (await bob.ok("rooms", {})).result.items;
    assert.deepEqual(listed.find((r) => r.roomId === one)?.memberCount, 1);
    const members = (await bob.ok("members", { id: one, limit: 1 })).result;
    assert.deepEqual([members.items[0].userId, members.items[0].connections, members.next], ["ann-4", 2, null]);
    assert.equal((await bob.ok("tellRoom", { id: one, data: 1, except: [other.socket.id] })).result, true);
    assert.deepEqual(await ann.next("told"), { roomId: one, data: 1 });
    assert.equal((await bob.ok("tellRooms", { where: { id: { $in: [one, two] } }, data: 2 })).result, 2);
    assert.deepEqual([await ann.next("told"), await other.next("told"), await bob.next("told")], [one, one, two].map((roomId) => ({ roomId, data: 2 })));
    assert.equal((await bob.ok("close", one)).result, 1);
    assert.deepEqual([await ann.next("hub:kicked"), await other.next("hub:kicked")], [{ roomId: one, reason: "over" }, { roomId: one, reason: "over" }]);
    await ann.refused("not_in_room", "hub:members", { roomId: one });
    await ann.ok("hub:join", { roomId: one });
  });

  /* hub.send from a command of a plain namespace, which has no rooms, ended the process. */
  test("means the only hub, in a plain namespace too", async () => {
    const room = server.room();
    const [ann, pia] = [await server.member("ann-5", room), await server.connect("pia-5", plain)];
    assert.deepEqual((await pia.ok("say", room)).result, [1, true, 1, true]);
    assert.deepEqual([await ann.next("told"), await ann.next("told")], [{ roomId: room, data: 1 }, { roomId: null, data: 2 }]);
    assert.deepEqual((await ann.next("hub:messageArrived")).message.content, { body: "hi" });
    await pia.refused("handler_failed", "say", "no-such-room");
  });

  test("reaches a few hundred connections while others are served", async () => {
    const many = [];
    while (many.length < 300) many.push(...(await Promise.all(Array.from({ length: 30 }, (_, i) => server.connect(`many-${many.length + i}`, plain)))));
    assert.ok((await many[0].ok("tellPlain", 1)).result >= 300);
    for (const p of many) assert.equal(await p.next("all"), 1);
    let seen = 0, after;
    do {
      const { result } = await many[0].ok("list", { limit: 70, after });
      seen += result.items.length;
      after = result.next ?? undefined;
    } while (after);
    assert.ok(seen >= 300);
  });
});
