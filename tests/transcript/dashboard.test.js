// The example in hubs/dashboard: viewers only watch; changes of the row, records from the bus and the server's own events reach them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { example } from "./example.js";

describe("hubs/dashboard", () => {
  const dashboard = example("dashboard");
  const collect = (method, path, body) => dashboard.rest("cron", "collector", method, path, body);
  const publish = (topic, record) => dashboard.rest("cron", "collector", "POST", `/bus/${topic}`, record);

  /** A service of its own for each test. */
  async function service(more = {}) {
    const { status, body } = await collect("POST", "/objects/metrics", { title: "Search", p95Ms: 10, ...more });
    assert.equal(status, 201, JSON.stringify(body));
    return body.row.id;
  }
  async function watch(roomId, role = "viewer", user = "ann") {
    const peer = await dashboard.member(user, roomId, role);
    assert.equal(peer.welcome.ok, true, JSON.stringify(peer.welcome));
    assert.equal(peer.welcome.hubRole, role);
    return peer;
  }
  const report = async (id, changes) => assert.equal((await collect("PATCH", `/objects/metrics/${id}`, changes)).status, 200);

  test("viewers only watch, operators annotate, others stay outside", async () => {
    const roomId = await service();
    const [ann, olga] = [await watch(roomId), await watch(roomId, "operator", "olga")];
    assert.equal(ann.welcome.permissions.canSend, false);
    assert.deepEqual((await ann.next("hub:state")).state, { title: "Search", requestsPerSecond: 0, errorRate: 0, p95Ms: 10 });
    for (const messageType of ["text", "annotation", "alert"])
      await ann.refused("cannot_send", "hub:send", { roomId, messageType, content: {} });
    await olga.refused("type_not_allowed", "hub:send", { roomId, messageType: "alert", content: { raised: true, errorRate: 1 } });
    await olga.ok("hub:send", { roomId, messageType: "annotation", content: { note: "Cache warmed up" } });
    assert.deepEqual((await ann.next("hub:messageArrived")).message.content, { note: "Cache warmed up" });
    for (const peer of [ann, olga]) await peer.refused("not_allowed", "hub:event", { roomId, event: "sample", data: { errorRate: 0 } });
    assert.equal((await dashboard.member("gus", roomId)).welcome.error.code, "role_required");
    assert.equal((await dashboard.rest("ann", "viewer", "PATCH", `/objects/metrics/${roomId}`, { p95Ms: 1 })).status, 403);
  });

  test("a change of the row reaches its room, with what changed, and no other room", async () => {
    const [one, other] = [await service(), await service()];
    const [ann, eve] = [await watch(one), await watch(other, "viewer", "eve")];
    await report(one, { p95Ms: 99, requestsPerSecond: 12.5 });
    const told = await ann.next("hub:roomUpdated");
    assert.equal(told.roomId, one);
    assert.deepEqual([told.record.p95Ms, told.record.requestsPerSecond, told.record.title], [99, 12.5, "Search"]);
    assert.deepEqual([told.changes.p95Ms, told.changes.requestsPerSecond, "title" in told.changes], [99, 12.5, false]);
    await eve.nothing("hub:roomUpdated");
    assert.equal((await ann.ok("hub:requestState", { roomId: one })).state.p95Ms, 99);
  });

  test("a record on the bus becomes an event in the room it names, if the filter lets it pass", async () => {
    const [one, other] = [await service(), await service()];
    const [ann, eve] = [await watch(one), await watch(other, "viewer", "eve")];
    for (const state of ["started", "finished"])
      assert.equal((await publish("deployments", { service: one, version: "1.4.0", state })).status, 202);
    const data = { service: one, version: "1.4.0", state: "finished" };
    assert.deepEqual(await ann.next("deployment"), { roomId: one, data });
    await publish("incidents", { services: [other, one], text: "Slow" });
    assert.equal((await eve.next("incident")).data.text, "Slow");
    await ann.nothing("deployment", "incident");
    await eve.nothing("deployment");
  });

  test("records that make no sense are skipped, repeats are told once, and the next one is heard", async () => {
    const id = await service();
    const ann = await watch(id);
    for (const record of [{ state: "finished" }, { state: "finished", service: "nowhere" }, { state: "finished", service: { no: 1 } }])
      await publish("deployments", record);
    await publish("incidents", ["no object"]);
    await publish("nobodyListens", { service: id });
    for (let i = 0; i < 2; i++) await publish("deployments", { service: id, state: "finished", version: "1", _eventId: `repeat-${id}` });
    await publish("deployments", { service: id, state: "finished", version: "2" });
    assert.equal((await ann.next("deployment")).data.version, "1");
    assert.equal((await ann.next("deployment")).data.version, "2");
    await ann.nothing("deployment", "incident");
  });

  test("a sample comes every second, with the numbers of now and who watches", async () => {
    const id = await service({ requestsPerSecond: 3 });
    const ann = await watch(id);
    const first = await ann.next("sample");
    const { at, ...numbers } = first.data;
    assert.deepEqual(numbers, { requestsPerSecond: 3, errorRate: 0, p95Ms: 10, viewers: 1 });
    await watch(id, "viewer", "eve");
    await report(id, { p95Ms: 11 });
    const second = await ann.next("sample", ({ data }) => data.p95Ms === 11);
    assert.equal(second.data.viewers, 2);
    assert.ok(Date.parse(second.data.at) - Date.parse(at) > 500, "two samples at once");
  });

  test("an alert is raised once, cleared once, and kept", async () => {
    const id = await service();
    const ann = await watch(id);
    const samples = async (errorRate, n) => {
      await report(id, { errorRate });
      for (let i = 0; i < n; i++) await ann.next("sample", ({ data }) => data.errorRate === errorRate);
    };
    await samples(0.06, 2);
    await samples(0.03, 1); // neither raises nor clears
    await samples(0.07, 1);
    await samples(0.01, 2);
    const alerts = (await ann.ok("hub:history", { roomId: id })).messages.map(({ content }) => content);
    assert.deepEqual(alerts, [
      { raised: true, errorRate: 0.06 },
      { raised: false, errorRate: 0.01 },
    ]);
  });

  test("a service that is hidden loses its viewers, and admits nobody until it is shown again", async () => {
    const id = await service();
    const ann = await watch(id);
    await report(id, { status: "hidden" });
    await ann.next("hub:roomClosed");
    await ann.refused("room_not_eligible", "hub:join", { roomId: id });
    await report(id, { status: "shown" });
    await ann.ok("hub:join", { roomId: id });
  });
});
