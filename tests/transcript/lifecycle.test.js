// lifecycle with the stock client: who is let in, which rooms it finds itself in, who hears of its end, and the scripts of the service itself.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { definition } from "./definition.js";
import { eventually, Hubd, removeService, runToEnd, serve, waitingRoom, writeService } from "./harness.js";
import { Ws } from "./raw.js";

const lua = (text) => ({ lua: text });
/** A line of the log that begins with WHAT and has all of PARTS, in whatever order. */
const line = (what, ...parts) => new RegExp(`${what} at=${parts.map((part) => `(?=[^\\n]*${part})`).join("")}`);
const crowd = await waitingRoom(); // of who is called "slow again"
const onConnect = lua(`
  if session.userId:find("slow") then log.info("coming", {who = session.userId}) if session.userId == "slow again" then ${crowd.wait} else sleep(300) end end
  if session.userId:find("banned") then return {deny = "banned"} end
  if session.userId:find("later") then error{message = "come back", data = {at = 3}} end
  if session.userId:find("broken") then error("in the log only") end
  return {metadata = {user = session.userId, list = json.array(), big = 9007199254740993}}`);
const onDisconnect = lua('log.info("end", {who = session.userId or "nobody", reason = reason, rooms = #rooms, address = connection.address})');
const whoAmI = { name: "whoAmI", script: lua("return connection") };

describe("lifecycle", () => {
  const server = serve((def) => {
    def.hub.eventSettings = { ...def.hub.eventSettings, enablePresence: true };
    def.hub.hubExtensions.lifecycle = {
      onConnect,
      admission: lua(`
        if session.userId:find("admitted") then return {"r1", "nowhere", {roomId = "r2"}} end
        if session.userId:find("hanging") then sleep(60000) end
        if session.userId:find("refused") then return {deny = "no rooms"} end`),
      onJoin: lua(`
        log.info("join", {who = session.userId, room = roomId, role = hubRole})
        if session.userId:find("minor") then return {deny = "adults only"} end
        if session.userId:find("thrown") then error{code = "no_ticket", message = "no ticket", data = {price = 3}} end`),
      onLeave: lua(`
        log.info("leave", {who = session.userId, room = roomId, reason = reason, detail = detail})
        if roomId == "r9" then error("on purpose") end
        if roomId == "r10" then while true do end end`),
      onDisconnect,
      onRoomOpened: lua('hub.send(roomId, "text", {body = "open: " .. room.title}) log.info("opened", {room = roomId})'),
      onRoomClosed: lua('log.info("closed", {room = roomId, reason = reason})'),
      roomLingerMs: 300,
    };
    def.hub.hubExtensions.commands = [whoAmI, { name: "remove", script: lua('return objects.delete("conversation", payload.id)') }];
    def.service.scripting = { wallMs: 3000 };
    def.service.namespaces = [
      {
        path: "/plain",
        lifecycle: { onConnect, onDisconnect },
        onConnect: lua('socket:emit("hello", socket.userId)'),
        commands: [whoAmI],
      },
      { path: "/open", auth: false, lifecycle: { onConnect: "session.userId ? {deny: 'known'} : null", onDisconnect } },
    ];
  });
  const since = () => server.hubd.output.length;

  for (const [where, options] of [["a hub", {}], ["a plain namespace", { namespace: "/plain" }]]) {
    test(`onConnect of ${where} lets in or refuses before CONNECT is answered`, async () => {
      const error = await server.open("banned", options).refusal();
      assert.deepEqual([error.message, error.data], ["banned", { code: "rejected", reason: "banned" }]);
      const later = await server.open("later", options).refusal();
      assert.deepEqual([later.message, later.data], ["come back", { at: 3 }]);
      const broken = await server.open("broken", options).refusal();
      assert.equal(broken.data.code, "handler_failed");
      assert.equal(/in the log only/.test(broken.message + JSON.stringify(broken.data)), false);
      const ann = await server.connect("ann", options);
      const { metadata } = (await ann.ok("whoAmI", {})).result;
      assert.deepEqual([metadata.user, metadata.list], ["ann", []]);
    });

    test(`onDisconnect of ${where} is told once, also of a connection that ended before it was in`, async () => {
      const from = since();
      const who = `slow ${where}`;
      const early = server.open(who, options);
      await server.hubd.printed(line("coming", who), from);
      early.close();
      await server.hubd.printed(line("end", who), from);
      const ann = await server.connect(`ann ${where}`, options);
      ann.close();
      await server.hubd.printed(line("end", `ann ${where}`, "address=127"), from);
      assert.equal(server.hubd.output.slice(from).match(new RegExp(`ann ${where}`, "g")).length, 1);
    });
  }

  test("who connects and disconnects over and over has as many scripts run as who waits", async () => {
    const from = since();
    const ws = await Ws.open(server.url);
    for (let i = 0; i < 40; i++) {
      ws.send('40/hub/chat,{"token":"dev:slow again"}');
      ws.send("41/hub/chat,");
    }
    for (let i = 16; i < 40; i++) assert.match(await ws.nextPacket(), /^44.*"overloaded"/);
    crowd.open();
    await eventually("it is let in when those are over", async () => {
      ws.send('40/hub/chat,{"token":"dev:ann"}');
      return (await ws.nextPacket()).startsWith("40");
    });
    const lines = (pattern) => server.hubd.output.slice(from).match(pattern)?.length;
    await eventually("they are told of", () => server.rest("GET", "/healthz").then(() => lines(/end at=[^\n]*slow again/g) === 16));
    assert.equal(lines(/coming at=/g), 16);
    ws.close();
  });

  test("admission joins rooms one after another before the first event, through all layers", async () => {
    const ann = server.open("admitted ann");
    const answers = Promise.all([ann.call("hub:members", { roomId: "r2" }), ann.call("hub:members", { roomId: "nowhere" })]);
    await ann.connected();
    assert.equal((await ann.next("hub:joined")).roomId, "r1");
    assert.equal((await ann.next("hub:joined")).roomId, "r2");
    const error = await ann.next("hub:error");
    assert.deepEqual([error.event, error.roomId, error.code], ["admission", "nowhere", "room_not_found"]);
    const [there, nowhere] = await answers;
    assert.equal(there.ok, true);
    assert.equal(nowhere.error.code, "not_in_room");
    const names = ann.log.map(([name]) => name);
    assert.ok(names.indexOf("hub:error") > names.indexOf("hub:joined") && names.indexOf("hub:error") < names.lastIndexOf("hub:joined"));
  });

  test("admission that refuses, or fails, refuses the connection", async () => {
    const error = await server.open("refused").refusal();
    assert.deepEqual([error.message, error.data], ["no rooms", { code: "rejected", reason: "no rooms" }]);
    assert.equal((await server.open("hanging").refusal()).data.code, "handler_failed");
  });

  test("nobody has seen whom onJoin refuses, and what it throws is the answer", async () => {
    const ann = await server.member("ann", "r3");
    const minor = await server.connect("minor");
    assert.equal((await minor.refused("rejected", "hub:join", { roomId: "r3" })).message, "adults only");
    const thrown = await server.connect("thrown");
    assert.deepEqual((await thrown.refused("no_ticket", "hub:join", { roomId: "r3" })).data, { price: 3 });
    await server.member("bob", "r3");
    await ann.next("hub:online", ({ user }) => user.id === "bob");
    assert.equal(ann.log.some(([, payload]) => ["minor", "thrown"].includes(payload?.user?.id)), false);
    assert.equal((await ann.ok("hub:members", { roomId: "r3" })).members.length, 2);
  });

  test("onLeave is told once for each connection, with the cause, and fails alone", async () => {
    const from = since();
    const [one, two] = [await server.member("dan", "r4"), await server.member("dan", "r4")];
    await one.ok("hub:leave", { roomId: "r4" });
    await server.hubd.printed(line("leave", "who=dan", "reason=left"), from);
    for (const roomId of ["r9", "r10"]) await two.ok("hub:join", { roomId });
    two.close();
    await server.hubd.printed(line("end", "who=dan", "rooms=3"), from);
    const told = server.hubd.output.slice(from).match(/leave at=[^\n]*who=dan[^\n]*/g);
    assert.equal(told.length, 4);
    assert.equal(told.filter((line) => /reason=disconnected/.test(line)).length, 3);
    const eve = await server.member("eve", "r9");
    assert.deepEqual((await eve.ok("hub:members", { roomId: "r9" })).members.map(({ userId }) => userId), ["eve"]);
  });

  test("a room is opened before its first use, and closed when it is unused or deleted", async () => {
    const from = since();
    const fay = await server.member("fay", "r5");
    const { messages } = await fay.next("hub:history");
    assert.deepEqual(messages.map(({ content }) => content.body), ["open: Room 5"]);
    await fay.ok("hub:leave", { roomId: "r5" });
    await server.hubd.printed(line("closed", "room=r5", "reason=unused"), from);
    await fay.ok("hub:join", { roomId: "r6" });
    await fay.ok("remove", { id: "r6" });
    await fay.next("hub:roomClosed");
    await server.hubd.printed(line("closed", "room=r6", "reason=deleted"), from);
    assert.equal(server.hubd.output.slice(from).match(/opened at=[^\n]*room=r5/g).length, 1);
  });

  test("a namespace without authentication has it, too", async () => {
    const from = since();
    const peer = await server.connect(undefined, { namespace: "/open" });
    peer.close();
    await server.hubd.printed(line("end", "who=nobody"), from);
  });
});

describe("lifecycle of the service", () => {
  const served = (lifecycle, more) =>
    definition((def) => {
      def.service.lifecycle = lifecycle;
      def.hub.hubExtensions.lifecycle = { onLeave: lua('log.info("left", {who = session.userId, reason = reason})'), onRoomClosed: lua('log.info("shut", {room = roomId})') };
      more?.(def);
    });

  test("runs before it is open, when it is, and first when it stops", async () => {
    const dir = writeService(
      served({
        onBootstrap: { script: lua('sleep(100) objects.create("conversation", {id = "made", title = "Made"}) log.info("bootstrapped", {id = node.id, version = node.version})'), once: true },
        onStarted: lua('log.info("started", {address = node.address})'),
        onShutdown: lua('sleep(100) log.info("shutting down", {title = objects.find("conversation", "made").title})'),
      }),
    );
    const hubd = await Hubd.start(dir);
    try {
      await hubd.printed(/started[^\n]*address=\S*:\d/);
      assert.match(hubd.output, /bootstrapped at=[^\n]*id=[^]*started at=/);
      const { Peer } = await import("./peer.js");
      const ann = new Peer(`${hubd.url}/hub/chat`, { auth: { token: "dev:ann" } });
      await ann.ok("hub:join", { roomId: "made" });
      ann.socket.on("hub:draining", () => assert.match(hubd.output, /shutting down/));
      await hubd.stop();
      assert.match(hubd.output, /shutting down at=[^\n]*title=Made[^]*left at=[^\n]*reason=disconnected[^]*shut at=[^\n]*room=made/);
      ann.close();
    } finally {
      hubd.signal("SIGKILL");
      removeService(dir);
    }
  });

  for (const [what, script, options] of [
    ["fails", 'error("no such thing")', {}],
    ["takes too long", "sleep(60000)", { timeoutMs: 200 }],
  ])
    test(`a bootstrap that ${what} ends the start with its place`, async () => {
      const dir = writeService(served({ onBootstrap: { script: lua(script), ...options }, onShutdown: lua('log.info("never")') }));
      const { code, output } = await runToEnd(dir);
      assert.equal(code, 1);
      assert.match(output, /hubd: lifecycle\.onBootstrap\.script: [^\n]*service\.yaml:\d+/);
      assert.equal(/never|listening/.test(output), false);
      removeService(dir);
    });

  test("who comes while onConnect runs is let in by new definitions, and refused by a stop", async () => {
    const change = (text) => (def) => (def.hub.hubExtensions.lifecycle.onConnect = lua(`log.info("coming", {who = session.userId}) sleep(300) ${text}`));
    const dir = writeService(served({ onShutdown: lua("sleep(10)") }, change("")));
    const hubd = await Hubd.start(dir);
    const { Peer } = await import("./peer.js");
    const peers = [];
    const knock = async (user) => {
      peers.push(new Peer(`${hubd.url}/hub/chat`, { auth: { token: `dev:${user}` }, reconnection: false }));
      await hubd.printed(line("coming", `who=${user}`));
      return peers.at(-1);
    };
    try {
      const ann = await knock("ann");
      writeService(served({}, change('return {deny = "newer"}')), dir);
      hubd.signal("SIGHUP");
      await hubd.printed(/definitions reloaded/);
      await ann.connected();
      await ann.ok("hub:join", { roomId: "r1" });
      const bob = await knock("bob");
      assert.equal((await bob.refusal()).message, "newer");
      const cid = await knock("cid");
      const [error] = await Promise.all([cid.refusal(), hubd.stop()]);
      assert.match(JSON.stringify([error.message, error.data]), /newer|shutting_down/);
    } finally {
      for (const peer of peers) peer.close();
      hubd.signal("SIGKILL");
      removeService(dir);
    }
  });

  test("a shutdown script that fails stops nothing", async () => {
    const dir = writeService(served({ onStarted: lua('error("x")'), onShutdown: lua("while true do end") }));
    const hubd = await Hubd.start(dir);
    await hubd.stop();
    assert.match(hubd.output, /hook failed[^\n]*onShutdown/);
    removeService(dir);
  });
});
