// Socket.IO 5: what the protocol's test suite checks of a server, and the corners around it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "../transcript/harness.js";
import { Ws } from "../transcript/raw.js";
import { conformance } from "./service.js";

describe("Socket.IO connect", () => {
  const server = serve(conformance);

  for (const [what, packet, prefix, auth] of [
    ["the main namespace", "40", "", {}],
    ["the main namespace with a payload", '40{"token":"123"}', "", { token: "123" }],
    ["a custom namespace", "40/custom,", "/custom,", {}],
    ["a custom namespace with a payload", '40/custom,{"token":"abc"}', "/custom,", { token: "abc" }],
    ["a custom namespace without the comma", "40/custom", "/custom,", {}],
  ]) {
    test(`${what} is accepted with a sid of its own and nothing else`, async () => {
      const ws = await Ws.open(server.url);
      ws.send(packet);
      const answer = await ws.nextPacket();
      assert.ok(answer.startsWith(`40${prefix}{`), answer);
      const { sid, ...rest } = JSON.parse(answer.slice(2 + prefix.length));
      assert.equal(typeof sid, "string");
      assert.notEqual(sid, ws.open.sid);
      assert.deepEqual(rest, {});
      assert.equal(await ws.nextPacket(), `42${prefix}["auth",${JSON.stringify(auth)}]`);
      ws.close();
    });
  }

  test("an unknown namespace is refused and the connection lives on", async () => {
    const ws = await Ws.open(server.url);
    ws.send("40/random");
    assert.equal(await ws.nextPacket(), '44/random,{"message":"Invalid namespace"}');
    ws.send("40");
    assert.match(await ws.nextPacket(), /^40\{"sid"/);
    ws.close();
  });

  test("a packet that is no Socket.IO packet closes the connection", async () => {
    const ws = await Ws.open(server.url);
    ws.send("4abc");
    await ws.end();
  });

  test("a connection that joins no namespace within connectTimeout is closed", async () => {
    const ws = await Ws.open(server.url);
    for (;;) {
      const event = await Promise.race([ws.end(), ws.next()]);
      if (event !== "2") break;
      ws.send("3");
    }
    assert.equal(ws.inbox.length, 0);
  });

  test("an event before CONNECT closes the connection", async () => {
    const ws = await Ws.open(server.url);
    ws.send('42["message","too early"]');
    await ws.end();
  });
});

describe("Socket.IO disconnect", () => {
  const server = serve(conformance);

  async function connected(namespace = "/") {
    const ws = await Ws.namespace(server.url, namespace);
    assert.match(await ws.nextPacket(), /\["auth",\{\}\]$/);
    return ws;
  }

  test("leaving the main namespace leaves the connection", async () => {
    const ws = await connected();
    ws.send("41");
    assert.equal(await ws.next(), "2");
    ws.close();
  });

  test("leaving one namespace leaves the other", async () => {
    const ws = await connected();
    ws.send("40/custom");
    assert.match(await ws.nextPacket(), /^40\/custom,\{"sid":/);
    assert.equal(await ws.nextPacket(), '42/custom,["auth",{}]');
    ws.send("41/custom");
    ws.send('42["message","message to main namespace"]');
    assert.equal(await ws.nextPacket(), '42["message-back","message to main namespace"]');
    ws.close();
  });

  test("a namespace that was left can be joined again, with a new sid", async () => {
    const ws = await connected("/custom");
    ws.send("41/custom");
    ws.send("40/custom");
    const again = await ws.nextPacket();
    assert.match(again, /^40\/custom,\{"sid":/);
    assert.notEqual(again, ws.connected);
    ws.close();
  });
});

describe("Socket.IO messages", () => {
  const server = serve(conformance);
  const buffers = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];
  const PLACEHOLDERS = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';

  async function connected(namespace = "/") {
    const ws = await Ws.namespace(server.url, namespace);
    assert.match(await ws.nextPacket(), /\["auth",\{\}\]$/);
    return ws;
  }

  for (const namespace of ["/", "/custom"]) {
    const prefix = namespace === "/" ? "" : `${namespace},`;

    test(`${namespace}: a text event`, async () => {
      const ws = await connected(namespace);
      ws.send(`42${prefix}["message",1,"2",{"3":[true]}]`);
      assert.equal(await ws.nextPacket(), `42${prefix}["message-back",1,"2",{"3":[true]}]`);
      ws.close();
    });

    test(`${namespace}: an event with binary attachments`, async () => {
      const ws = await connected(namespace);
      ws.send(`452-${prefix}["message",${PLACEHOLDERS}]`);
      buffers.forEach((buffer) => ws.send(buffer));
      assert.equal(await ws.nextPacket(), `452-${prefix}["message-back",${PLACEHOLDERS}]`);
      assert.deepEqual([await ws.nextPacket(), await ws.nextPacket()], buffers);
      ws.close();
    });

    test(`${namespace}: an event with acknowledgement`, async () => {
      const ws = await connected(namespace);
      ws.send(`42${prefix}456["message-with-ack",1,"2",{"3":[false]}]`);
      assert.equal(await ws.nextPacket(), `43${prefix}456[1,"2",{"3":[false]}]`);
      ws.close();
    });

    test(`${namespace}: an event with binary attachments and acknowledgement`, async () => {
      const ws = await connected(namespace);
      ws.send(`452-${prefix}789["message-with-ack",${PLACEHOLDERS}]`);
      buffers.forEach((buffer) => ws.send(buffer));
      assert.equal(await ws.nextPacket(), `462-${prefix}789[${PLACEHOLDERS}]`);
      assert.deepEqual([await ws.nextPacket(), await ws.nextPacket()], buffers);
      ws.close();
    });
  }

  test("values keep their kind through the server: null, empty array, empty object, nesting, large and fractional numbers", async () => {
    const ws = await connected();
    const values = '[null,[],{},[[]],{"a":{"b":[1,{"c":null}]}},9007199254740991,-0.5,true,"","\\u0000 \\" \\\\ €"]';
    ws.send(`42["message",${values}]`);
    const [name, back] = JSON.parse((await ws.nextPacket()).slice(2));
    assert.equal(name, "message-back");
    assert.deepEqual(back, JSON.parse(values));
    ws.close();
  });

  for (const [what, packet] of [
    ["an unknown packet type", "4abc"],
    ["a payload that is no array", "42{}"],
    ["an acknowledgement id that is no number", '42abc["message-with-ack",1,"2",{"3":[false]}]'],
    ["an event without a name", "42[]"],
    ["a name that is no string", '42[{"a":1}]'],
    ["JSON that breaks off", '42["message",'],
    ["a placeholder count that is no number", '45x-["message",{"_placeholder":true,"num":0}]'],
  ]) {
    test(`${what} closes the connection`, async () => {
      const ws = await connected();
      ws.send(packet);
      await ws.end();
    });
  }

  test("a binary frame nobody announced closes the connection", async () => {
    const ws = await connected();
    ws.send(Buffer.from([1]));
    await ws.end();
  });

  test("a placeholder beyond the attachments closes the connection", async () => {
    const ws = await connected();
    ws.send('451-["message",{"_placeholder":true,"num":7}]');
    ws.send(Buffer.from([1]));
    await ws.end();
  });

  test("text in the place of an announced attachment closes the connection", async () => {
    const ws = await connected();
    ws.send('451-["message",{"_placeholder":true,"num":0}]');
    ws.send('42["message","in between"]');
    await ws.end();
  });

  test("an acknowledgement nobody asked for is ignored", async () => {
    const ws = await connected();
    ws.send('43999["?"]');
    ws.send('42["message","still here"]');
    assert.equal(await ws.nextPacket(), '42["message-back","still here"]');
    ws.close();
  });
});
