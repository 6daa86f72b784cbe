// Plain namespaces in Lua with the stock client: arguments of every kind, acknowledgements, rooms, socket data, failures.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

const lua = (text) => ({ lua: text });

function plain(def) {
  def.service.namespaces = [
    {
      path: "/open",
      auth: false,
      onConnect: lua('socket.data.count = 0\nsocket:emit("hello", {id = socket.id, auth = socket.auth})'),
      onDisconnect: lua('socket:to("watchers"):emit("gone", socket.id, reason)'),
      events: [
        { name: "echo", script: lua('socket:emit("echoed", ...)') },
        { name: "ask", script: lua("return ...") },
        { name: "nothing", script: lua("return") },
        { name: "count", script: lua("socket.data.count = socket.data.count + 1\nreturn socket.data.count") },
        { name: "join", script: lua("local room = ...\nsocket:join(room)\nreturn true") },
        { name: "leave", script: lua("local room = ...\nsocket:leave(room)\nreturn true") },
        { name: "tell", script: lua('local room, what = ...\nsocket:to(room):emit("told", what)\nreturn true') },
        { name: "shout", script: lua('local what = ...\nsocket.broadcast:emit("shouted", what)\nreturn true') },
        { name: "bytes", script: lua('local data = ...\nsocket:emit("bytes", binary("\\0\\1\\255"), data)') },
        { name: "with", script: lua('socket.broadcast:emit("passed", binary("own"), ...)\nreturn binary("own"), ...') },
        { name: "quit", script: lua('socket:disconnect("enough")') },
        { name: "fail", script: lua('error("broken on purpose")') },
        { name: "spin", script: lua("while true do end") },
        { name: "nap", script: lua("sleep(50)\nreturn 'rested'") },
        { name: "*", script: lua('return "any", event, ...') },
      ],
    },
    { path: "/closed", events: [{ name: "who", script: lua("return socket.userId, socket.session.roleId") }] },
  ];
}

describe("a plain namespace without authentication", () => {
  const server = serve(plain);
  const open = (options) => server.connect(undefined, { namespace: "/open", ...options });

  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
    describe(`over ${transports.join(" then ")}`, () => {
      test("onConnect sees the socket and its auth", async () => {
        const peer = await open({ transports, auth: { colour: "red" } });
        const hello = await peer.next("hello");
        assert.equal(hello.id, peer.socket.id);
        assert.deepEqual(hello.auth, { colour: "red" });
      });

      test("arguments come back as they were, text and binary mixed", async () => {
        const peer = await open({ transports });
        const args = [1, "two", null, true, [], {}, { nested: [1.5, { deep: Buffer.from([0, 1, 255]) }] }, Buffer.from("bytes")];
        peer.emit("echo", ...args);
        await peer.next("echoed");
        const [, ...back] = peer.log.find(([name]) => name === "echoed");
        assert.deepEqual(back, args);
      });

      test("return values become the acknowledgement, binary included", async () => {
        const peer = await open({ transports });
        assert.deepEqual(await peer.call("ask", { a: 1 }), { a: 1 });
        assert.deepEqual(await peer.call("ask", Buffer.from([7, 8])), Buffer.from([7, 8]));
        const several = await new Promise((done) => peer.socket.emit("ask", 1, "2", (...values) => done(values)));
        assert.deepEqual(several, [1, "2"]);
        const none = await new Promise((done) => peer.socket.emit("nothing", (...values) => done(values)));
        assert.deepEqual(none, []);
      });

      test("a script makes binary with binary()", async () => {
        const peer = await open({ transports });
        peer.emit("bytes", Buffer.from([9]));
        await peer.next("bytes");
        const [, first, second] = peer.log.find(([name]) => name === "bytes");
        assert.deepEqual(first, Buffer.from([0, 1, 255]));
        assert.deepEqual(second, Buffer.from([9]));
      });
    });
  }

  // The stock client breaks off at a place for which there is no binary value; the sender chose whom it happened to.
  test("JSON that looks like the place of a binary value reaches nobody beside real ones", async () => {
    const [one, two] = [await open(), await open()];
    const lies = [{ _placeholder: true, num: 9 }, { deep: [{ _placeholder: true, num: 0, x: 1 }] }, { _placeholder: true }, { _placeholder: 1 }];
    const answer = await new Promise((done) => one.socket.emit("with", ...lies, (...values) => done(values)));
    const told = [{ num: 9 }, { deep: [{ num: 0, x: 1 }] }, {}, { _placeholder: 1 }];
    assert.deepEqual(answer, [Buffer.from("own"), ...told]);
    await two.next("passed");
    const [, ...passed] = two.log.find(([name]) => name === "passed");
    assert.deepEqual(passed, [Buffer.from("own"), ...told]);
    await one.call("ask", { _placeholder: true, num: 9 }).then((value) => assert.deepEqual(value, { _placeholder: true, num: 9 }));
    for (const peer of [one, two]) assert.equal(await peer.call("count"), 1);
  });

  test("more binary values than stock clients take are not passed on to them", async () => {
    const [one, two] = [await open(), await open()];
    const many = Array.from({ length: 10 }, (_, i) => Buffer.from([i]));
    assert.equal((await one.call("with", ...many)).error.code, "handler_failed");
    assert.equal((await one.call("ask", ...many, Buffer.from([10]))).error.code, "handler_failed");
    assert.deepEqual(await one.call("with", ...many.slice(1)), Buffer.from("own"));
    await two.next("passed");
    assert.equal(two.log.filter(([name]) => name === "passed").length, 1);
    for (const peer of [one, two]) assert.equal(await peer.call("count"), 1);
  });

  test("the wildcard takes any other event, with its name", async () => {
    const peer = await open();
    const values = await new Promise((done) => peer.socket.emit("surprise", 1, (...all) => done(all)));
    assert.deepEqual(values, ["any", "surprise", 1]);
  });

  test("socket.data is the socket's own and lasts as long as it", async () => {
    const [one, two] = [await open(), await open()];
    assert.equal(await one.call("count"), 1);
    assert.equal(await one.call("count"), 2);
    assert.equal(await two.call("count"), 1);
  });

  test("join, to and leave: who is in the room hears it, but not the one who speaks", async () => {
    const [one, two, three] = [await open(), await open(), await open()];
    for (const peer of [one, two]) assert.equal(await peer.call("join", "den"), true);
    await one.call("tell", "den", "first");
    assert.equal(await two.next("told"), "first");
    await two.call("leave", "den");
    await one.call("tell", "den", "second");
    for (const peer of [one, two, three]) {
      await peer.call("count");
      assert.deepEqual(
        peer.inbox.filter(([name]) => name === "told"),
        [],
      );
    }
    await three.call("tell", "den", "from outside");
    assert.equal(await one.next("told"), "from outside");
  });

  test("broadcast reaches everybody else in the namespace", async () => {
    const [one, two, three] = [await open(), await open(), await open()];
    await one.call("shout", "hey");
    assert.equal(await two.next("shouted"), "hey");
    assert.equal(await three.next("shouted"), "hey");
    await one.call("count");
    assert.deepEqual(
      one.inbox.filter(([name]) => name === "shouted"),
      [],
    );
  });

  test("onDisconnect runs with a reason", async () => {
    const [watcher, leaver] = [await open(), await open()];
    await watcher.call("join", "watchers");
    const { id } = leaver.socket;
    leaver.close();
    await watcher.next("gone");
    const [, gone, reason] = watcher.log.find(([name]) => name === "gone");
    assert.equal(gone, id);
    assert.equal(reason, "client namespace disconnect");
  });

  test("a script may disconnect its socket", async () => {
    const peer = await open();
    peer.emit("quit");
    assert.equal(await peer.disconnected(), "io server disconnect");
  });

  test("a script that fails or never ends leaves the connection and the others alone", async () => {
    const [one, two] = [await open(), await open()];
    const from = server.hubd.output.length;
    one.emit("fail");
    await server.hubd.printed(/broken on purpose/, from);
    one.emit("spin");
    assert.equal(await two.call("count"), 1);
    assert.equal(await one.call("count"), 1);
  });

  test("a script that waits holds up nobody", async () => {
    const [one, two] = [await open(), await open()];
    const order = [];
    const nap = one.call("nap").then((value) => order.push(value));
    await two.call("count").then(() => order.push("counted"));
    await nap;
    assert.deepEqual(order, ["counted", "rested"]);
  });
});

describe("a plain namespace with authentication", () => {
  const server = serve(plain);

  test("takes the service's tokens, and knows the user", async () => {
    const peer = await server.connect("ann", { namespace: "/closed", role: "editor" });
    const values = await new Promise((done) => peer.socket.emit("who", (...all) => done(all)));
    assert.deepEqual(values, ["ann", "editor"]);
  });

  test("refuses whoever has none", async () => {
    const error = await server.open(undefined, { namespace: "/closed" }).refusal();
    assert.equal(error.message, "Authentication required");
    assert.equal(error.data.code, "auth_required");
  });
});
