// Streams of bytes with the stock client: to commands and to other clients, in both directions, paid by acknowledgements.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, serve } from "./harness.js";

const CREDIT = 256 * 1024;
const lua = (text) => ({ lua: text });
const bytes = (n, from = 0) => Buffer.from(Uint8Array.from({ length: n }, (_, i) => (from + i) % 251));

/** What of a stream's own events has come to PEER, and the next one of NAME for ID. */
const next = (peer, name, streamId) => peer.next(`hub:stream${name}`, (event) => event.streamId === streamId);

describe("streams", () => {
  const commands = [
    {
      name: "upload",
      stream: true,
      fields: [{ name: "name", fieldType: "String", required: true }],
      timeoutMs: 5000,
      script: lua(`
        local size, sum = 0, 0
        for bytes in function() return ctx.stream:read() end do
          for i = (1000 - size % 1000) % 1000 + 1, #bytes, 1000 do sum = sum + bytes:byte(i) end
          size = size + #bytes
        end
        ctx.stream:write(json.encode({name = payload.name, size = size, sum = sum}))`),
    },
    { name: "download", stream: true, script: lua('local chunk = string.rep("x", 100000) for i = 1, payload.n do stream:write(chunk) end') },
    { name: "slow", stream: true, timeoutMs: 400, script: lua("stream:read() stream:read()") },
    { name: "dead", stream: true, script: lua('local ok, e = pcall(function() return stream:read() end) log.info("broken", {ok = ok, code = e.code, text = e.message})') },
    { name: "idle", stream: true, timeoutMs: 5000, script: lua('log.info("idle begins", {who = session.userId}) sleep(4000)') },
    { name: "fails", stream: true, script: lua('error{code = "no_space", message = "full"}') },
    { name: "refuses", stream: true, script: lua('stream:destroy("not today") stream:write("x")') },
    { name: "picky", stream: true, middleware: [{ name: "never", before: lua('error{code = "never", message = "never"}') }], script: lua("return 1") },
    { name: "plain", script: lua("return 1") },
  ];
  const canOpen = "target.command || meta == 'please'";
  const server = serve((def) => {
    def.service.clients = { id: "auth.clientId" };
    def.hub.hubExtensions.commands = commands;
    def.hub.hubExtensions.streams = { canOpen, maxOpen: 4 };
    def.service.namespaces = [{ path: "/plain", commands }];
  });
  const open = (peer, streamId, target, more) => peer.ok("hub:streamOpen", { streamId, target, ...more });

  for (const [where, options] of [["a hub", {}], ["a plain namespace", { namespace: "/plain" }]])
    test(`a command of ${where} reads what is sent, and answers in bytes`, async () => {
      const ann = await server.connect("ann", options);
      await open(ann, "s", { command: "upload", payload: { name: "a.bin" } });
      const all = bytes(700000);
      let sent = 0;
      let acked = 0;
      while (acked < all.length) {
        while (sent < all.length && sent - acked < CREDIT) {
          const part = all.subarray(sent, Math.min(sent + 60000, acked + CREDIT, all.length));
          ann.socket.emit("hub:streamData", { streamId: "s", offset: sent, data: part });
          sent += part.length;
        }
        acked = (await next(ann, "Ack", "s")).offset;
      }
      ann.socket.emit("hub:streamFinish", { streamId: "s" });
      const { offset, data, from } = await next(ann, "Data", "s");
      let sum = 0;
      for (let at = 0; at < all.length; at += 1) if (at % 1000 === 0) sum += all[at];
      const answer = JSON.parse(data.toString());
      assert.deepEqual([offset, from, answer], [0, undefined, { name: "a.bin", size: 700000, sum }]);
      await next(ann, "Finish", "s");
      await open(ann, "s", { command: "upload", payload: { name: "again" } }); // the id is free
      await ann.ok("hub:streamDestroy", { streamId: "s" });
    });

  test("a script that writes waits for acknowledgements", async () => {
    const ann = await server.connect("ann");
    await open(ann, "d", { command: "download", payload: { n: 4 } });
    let got = 0;
    while (got < CREDIT) got += (await next(ann, "Data", "d")).data.length;
    assert.equal(got, CREDIT);
    await ann.ok("hub:command", { command: "plain" });
    assert.equal(ann.inbox.some(([name]) => name === "hub:streamData"), false);
    ann.socket.emit("hub:streamAck", { streamId: "d", offset: got + 1 }); // more than there was: nothing
    ann.socket.emit("hub:streamAck", { streamId: "d", offset: got });
    while (got < 400000) got += (await next(ann, "Data", "d")).data.length;
    assert.equal(got, 400000);
    await next(ann, "Finish", "d");
  });

  test("what does not fit is refused, and breaks the stream", async () => {
    const ann = await server.connect("ann");
    const data = bytes(10);
    await open(ann, "a", { command: "idle" });
    await ann.refused("bad_request", "hub:streamData", { streamId: "a", offset: 5, data });
    assert.equal((await next(ann, "Destroy", "a")).error, "bad_request");
    await ann.refused("not_found", "hub:streamData", { streamId: "a", offset: 0, data });
    await open(ann, "b", { command: "idle" });
    await ann.ok("hub:streamData", { streamId: "b", offset: 0, data: bytes(CREDIT - 1) });
    await ann.refused("too_large", "hub:streamData", { streamId: "b", offset: CREDIT - 1, data });
    const eve = await server.connect("eve");
    await open(eve, "c", { command: "idle" });
    await eve.ok("hub:streamFinish", { streamId: "c" });
    await eve.refused("bad_request", "hub:streamData", { streamId: "c", offset: 0, data });
    await eve.refused("bad_request", "hub:streamData", { streamId: "c", offset: 0, data: "text" }).catch(() => {});
    await eve.refused("bad_request", "hub:command", { command: "plain", payload: data });
    await eve.refused("bad_request", "hub:streamOpen", { streamId: "e", target: { command: "plain" } });
    await eve.refused("unknown_command", "hub:streamOpen", { streamId: "e", target: { command: "nothing" } });
    await eve.refused("bad_request", "hub:command", { command: "upload" });
    await eve.refused("invalid_content", "hub:streamOpen", { streamId: "e", target: { command: "upload" } });
    await eve.refused("never", "hub:streamOpen", { streamId: "e", target: { command: "picky" } });
    await eve.refused("bad_request", "hub:streamOpen", { streamId: "e", target: {} });
    eve.socket.emit("hub:streamData", { streamId: "nobody's", offset: 0, data }); // costs nothing
    await eve.ok("hub:command", { command: "plain" });
    assert.equal(eve.log.some(([name]) => name === "hub:error"), false);
  });

  test("a connection has maxOpen streams at a time, of different ids", async () => {
    const ann = await server.connect("ann");
    for (const id of ["1", "2", "3", "4"]) await open(ann, id, { command: "idle" });
    assert.match((await ann.refused("too_many", "hub:streamOpen", { streamId: "5", target: { command: "idle" } })).message, /maxOpen/);
    await ann.refused("bad_request", "hub:streamOpen", { streamId: "4", target: { command: "idle" } });
  });

  test("each end of a script ends its stream, and each end of a client its script", async () => {
    const from = server.hubd.output.length;
    const ann = await server.connect("ann");
    await open(ann, "f", { command: "fails" });
    assert.equal((await next(ann, "Destroy", "f")).error, "no_space");
    await open(ann, "r", { command: "refuses" });
    assert.equal((await next(ann, "Destroy", "r")).error, "not today");
    await open(ann, "s", { command: "slow" });
    assert.equal((await next(ann, "Destroy", "s")).error, "script_timeout");
    await open(ann, "d", { command: "dead" });
    await ann.ok("hub:streamDestroy", { streamId: "d", error: "never mind" });
    await server.hubd.printed(/broken at=(?=[^\n]*code=client_disconnected)[^\n]*never mind/, from);
    await open(ann, "e", { command: "dead" });
    ann.close();
    await server.hubd.printed(/broken at=[^\n]*text=client_disconnected/, from);
  });

  test("a client accepts or refuses, and both send", async () => {
    const [ann, bob, cid] = [await server.connect("ann"), await server.connect("bob"), await server.connect("cid")];
    bob.socket.on("hub:streamOpen", ({ meta, streamId }, answer) => answer({ ok: meta === "please" && streamId !== "unwanted" }));
    const target = { clientId: bob.socket.id };
    await ann.refused("not_allowed", "hub:streamOpen", { streamId: "x", target });
    await ann.refused("rejected", "hub:streamOpen", { streamId: "unwanted", target, meta: "please" });
    await ann.refused("client_not_found", "hub:streamOpen", { streamId: "x", target: { clientId: "nobody" }, meta: "please" });
    await open(ann, "x", target, { meta: "please" });
    assert.equal((await bob.next("hub:streamOpen", ({ streamId }) => streamId === "x")).from, ann.socket.id);
    await ann.ok("hub:streamData", { streamId: "x", offset: 0, data: bytes(5) });
    const data = await next(bob, "Data", "x");
    assert.deepEqual([data.from, data.offset, [...data.data]], [ann.socket.id, 0, [0, 1, 2, 3, 4]]);
    await bob.refused("not_found", "hub:streamAck", { streamId: "x", offset: 5 }); // it is not his own
    await cid.refused("not_found", "hub:streamAck", { streamId: "x", from: ann.socket.id, offset: 5 }); // nor hers at all
    await bob.ok("hub:streamAck", { streamId: "x", from: ann.socket.id, offset: 5 });
    assert.deepEqual(await next(ann, "Ack", "x"), { streamId: "x", from: bob.socket.id, offset: 5 });
    await bob.ok("hub:streamData", { streamId: "x", from: ann.socket.id, offset: 0, data: bytes(3) });
    assert.equal((await next(ann, "Data", "x")).from, bob.socket.id);
    await ann.ok("hub:streamFinish", { streamId: "x" });
    await bob.ok("hub:streamFinish", { streamId: "x", from: ann.socket.id });
    await next(ann, "Finish", "x");
    await next(bob, "Finish", "x");
    await ann.refused("not_found", "hub:streamFinish", { streamId: "x" });
    await open(ann, "y", target, { meta: "please" });
    bob.close();
    assert.equal((await next(ann, "Destroy", "y")).error, "client_disconnected");
  });

  test("a client is reached by the id that it has named, and not by one that is a socket's", async () => {
    const [ann, bob] = [await server.connect("ann"), await server.connect("bob", { auth: { token: "dev:bob", clientId: "meter" } })];
    const eve = await server.connect("eve", { auth: { token: "dev:eve", clientId: bob.socket.id } });
    bob.socket.on("hub:streamOpen", (_, answer) => answer({ ok: true }));
    eve.socket.on("hub:streamOpen", (_, answer) => answer({ ok: false }));
    await open(ann, "m", { clientId: "meter" }, { meta: "please" });
    assert.equal((await bob.next("hub:streamOpen")).from, ann.socket.id);
    await open(ann, "n", { clientId: bob.socket.id }, { meta: "please" });
    await bob.next("hub:streamOpen");
    await eve.nothing("hub:streamOpen");
  });

  test("streams are counted, and gone with those who had them", async () => {
    const figure = async () => Number(/^hubd_streams (\d+)$/m.exec((await server.rest("GET", "/metrics")).text)[1]);
    const ann = await server.connect("ann");
    await open(ann, "s", { command: "dead" });
    assert.ok((await figure()) >= 1);
    server.closePeers();
    await eventually("they are gone", async () => (await figure()) === 0);
  });
});
