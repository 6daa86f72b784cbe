// Being in rooms: leaving, members, several connections of one user, idle connections.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, serve, within } from "./harness.js";
import { PATIENCE_MS } from "./peer.js";
import { Ws } from "./raw.js";

/** User ids of a members list, whatever else a member carries. */
const ids = (members) => members.map((member) => member.userId ?? member.id ?? member.user?.id).sort();

describe("leaving a room", () => {
  const server = serve();

  test("ends messages and the right to send", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    await bob.ok("hub:leave", { roomId });
    assert.equal((await bob.next("hub:left")).roomId, roomId);
    await ann.say(roomId, "is anybody there?");
    await ann.next("hub:messageArrived");
    await bob.nothing("hub:messageArrived");
    await bob.refused("not_in_room", "hub:send", { roomId, messageType: "text", content: { body: "x" } });
    await bob.refused("not_in_room", "hub:history", { roomId });
    await bob.refused("not_in_room", "hub:members", { roomId });
    await bob.refused("not_in_room", "hub:requestState", { roomId });
  });

  test("one is not in is not_in_room", async () => {
    const ann = await server.connect("ann");
    await ann.refused("not_in_room", "hub:leave", { roomId: server.room() });
    await ann.refused("not_in_room", "hub:leave", { roomId: "nowhere" });
    await ann.refused("bad_request", "hub:leave", {});
  });

  test("leaves the others where they are, and one can come back", async () => {
    const [roomId, other] = [server.room(), server.room()];
    const ann = await server.member("ann", roomId);
    await ann.ok("hub:join", { roomId: other });
    await ann.ok("hub:leave", { roomId });
    await ann.say(other, "still here");
    await ann.next("hub:messageArrived");
    await ann.ok("hub:join", { roomId });
    await ann.say(roomId, "back again");
    assert.equal((await ann.next("hub:messageArrived")).roomId, roomId);
  });

  test("with one of two connections leaves the other in", async () => {
    const roomId = server.room();
    const desk = await server.member("ann", roomId);
    const phone = await server.member("ann", roomId);
    await phone.ok("hub:leave", { roomId });
    await desk.say(roomId, "hello");
    await desk.next("hub:messageArrived");
    await phone.nothing("hub:messageArrived");
    assert.deepEqual(ids((await desk.ok("hub:members", { roomId })).members), ["ann"]);
  });
});

describe("members", () => {
  const server = serve();

  test("are users: one with two connections counts once", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const phone = await server.member("ann", roomId);
    assert.equal(phone.welcome.memberCount, 1);
    const bob = await server.member("bob", roomId);
    assert.equal(bob.welcome.memberCount, 2);
    assert.deepEqual(ids((await ann.ok("hub:members", { roomId })).members), ["ann", "bob"]);
  });

  test("of one room are not those of another", async () => {
    const [roomId, other] = [server.room(), server.room()];
    const ann = await server.member("ann", roomId);
    await server.member("bob", other);
    assert.deepEqual(ids((await ann.ok("hub:members", { roomId })).members), ["ann"]);
  });

  test("all of a user's connections receive what is said, whichever sent it", async () => {
    const roomId = server.room();
    const desk = await server.member("ann", roomId);
    const phone = await server.member("ann", roomId);
    const message = await desk.say(roomId, "hello");
    for (const peer of [desk, phone]) assert.equal((await peer.next("hub:messageArrived")).message.id, message.id);
  });

  test("a room of two hundred hears every message once", async () => {
    const roomId = server.room();
    const crowd = await Promise.all(Array.from({ length: 200 }, (_, i) => server.member(`u${i}`, roomId)));
    assert.equal((await crowd[0].ok("hub:join", { roomId })).memberCount, 200);
    await Promise.all(crowd.slice(0, 10).map((peer) => peer.say(roomId, "hello")));
    for (const peer of crowd) {
      for (let seq = 1; seq <= 10; seq++) assert.equal((await peer.next("hub:messageArrived")).message.seq, seq);
    }
    await crowd[199].nothing("hub:messageArrived");
  });
});

describe("idle connections", () => {
  const server = serve((def) => {
    def.service.listen.pingInterval = 300;
    def.service.listen.pingTimeout = 20000;
    def.hub.guardrails.connectionTimeout = 1500;
  });

  test("end after connectionTimeout; heartbeats count as activity", async () => {
    const beating = await server.connect("ann");
    const started = performance.now();
    const silent = await Ws.namespace(server.url, "/hub/chat", { token: "dev:bob" });
    assert.match(silent.connected, /^40\/hub\/chat,\{"sid"/);
    // The upper bound goes by the server's pings to a connection that answers: on a busy machine both clocks are slow together.
    let pings = 0;
    beating.socket.io.on("ping", () => pings++);
    await silent.end();
    const elapsed = performance.now() - started;
    assert.ok(elapsed >= 1490 && pings <= 6, `after ${elapsed} ms and ${pings} pings`);
    await beating.settled();
    assert.equal(beating.socket.connected, true);
  });
});

for (const transports of [["websocket"], ["polling"]]) {
  describe(`heartbeats by ${transports[0]}`, () => {
    const server = serve((def) => {
      def.service.listen.pingInterval = 100;
      def.hub.hubExtensions = { ...def.hub.hubExtensions, liveness: { reportToClient: true }, commands: [{ name: "mine", script: { lua: "return connection.latencyMs" } }] };
      def.service.namespaces = [{ path: "/plain", commands: [{ name: "mine", script: { lua: "return connection.latencyMs" } }] }];
    });

    test("are told to clients of the hub, known to scripts of any namespace, and measured", async () => {
      const ann = await server.connect("ann", { transports });
      const plain = await server.connect("ann", { transports, namespace: "/plain" });
      const { ms } = await ann.next("hub:latency");
      assert.ok(Number.isInteger(ms) && ms >= 0 && ms < 10000, `${ms}`);
      await ann.next("hub:latency");
      assert.ok(Number.isInteger((await ann.ok("mine", {})).result));
      await eventually("the other one has had one", async () => Number.isInteger((await plain.ok("mine", {})).result));
      await plain.nothing("hub:latency");
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      assert.ok(Number(/^hubd_heartbeat_round_trip_seconds_count (\d+)/m.exec(metrics)[1]) >= 2);
    });
  });
}

describe("a process that is stopped", () => {
  const server = serve((def) => {
    def.service.listen.pingInterval = 3000;
    def.service.listen.pingTimeout = 1000;
  });

  // The pongs lay in the sockets, and everybody was cut off for a ping timeout before they were read.
  for (const transports of [["websocket"], ["polling"]]) {
    test(`for longer than pingTimeout keeps its clients, over ${transports[0]}`, async () => {
      const ann = await server.connect("ann", { transports });
      await within(PATIENCE_MS, new Promise((done) => ann.socket.io.once("ping", () => done(server.hubd.signal("SIGSTOP")))), "a ping");
      await new Promise((done) => setTimeout(done, 2000)); // what must pass is time
      server.hubd.signal("SIGCONT");
      const pinged = new Promise((done) => ann.socket.io.once("ping", done));
      await within(PATIENCE_MS, Promise.race([pinged, ann.disconnected()]), "a ping");
      await ann.settled();
      assert.equal(ann.socket.connected, true);
    });
  }
});

describe("connectionTimeout below pingInterval", () => {
  const server = serve((def) => {
    def.service.listen.pingInterval = 25000;
    def.hub.guardrails.connectionTimeout = 600;
  });

  // Healthy clients were cut off after the timeout: nobody had asked them for a sign of life.
  for (const transports of [["websocket"], ["polling"]]) {
    test(`keeps a client that only listens, over ${transports[0]}`, async () => {
      const ann = await server.connect("ann", { transports });
      let pings = 0;
      const four = new Promise((done) => ann.socket.io.on("ping", () => ++pings === 4 && done()));
      await within(PATIENCE_MS, Promise.race([four, ann.disconnected()]), "four pings");
      assert.equal(pings, 4);
      assert.equal(ann.socket.connected, true);
    });
  }

  test("keeps everybody when hubd itself stood still for longer", async () => {
    const ann = await server.connect("ann");
    server.hubd.signal("SIGSTOP");
    await new Promise((done) => setTimeout(done, 1500)); // what must pass is time
    server.hubd.signal("SIGCONT");
    const pinged = new Promise((done) => ann.socket.io.once("ping", done));
    await within(PATIENCE_MS, Promise.race([pinged, ann.disconnected()]), "a ping");
    await ann.settled();
    assert.equal(ann.socket.connected, true);
  });

  test("ends a silent one in a way after which stock clients connect again", async () => {
    const ann = await server.connect("ann", { reconnection: true, reconnectionDelay: 10 });
    ann.socket.io.engine._sendPacket = () => {}; // no pongs
    assert.equal(await ann.disconnected(), "transport close");
    await within(PATIENCE_MS, new Promise((done) => ann.socket.once("connect", done)), "connected again");
  });
});
