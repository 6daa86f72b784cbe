// Sending: what the sender and the room receive, the gates in their order, content of built-in and custom types, idempotency.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

const MESSAGE = ["changeSeq", "content", "id", "messageType", "roomId", "senderAvatar", "senderId", "senderName", "seq", "status", "timestamp"];

describe("a message", () => {
  const server = serve((def) => {
    def.hub.messageSettings.enableReplyTo = true;
    def.hub.messageSettings.enableForwarded = true;
  });

  test("is acknowledged and arrives at everybody in the room, the sender included, with exactly its fields", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const outside = await server.member("out", server.room());
    const answer = await ann.ok("hub:send", { roomId, messageType: "text", content: { body: "hello" } });
    assert.deepEqual(Object.keys(answer).sort(), ["message", "ok"]);
    const { message } = answer;
    assert.deepEqual(Object.keys(message).sort(), MESSAGE);
    assert.match(message.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.match(message.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Math.abs(Date.parse(message.timestamp) - Date.now()) < 60000);
    assert.deepEqual(
      { ...message, id: 0, timestamp: 0, senderName: 0, senderAvatar: 0 },
      {
        id: 0,
        timestamp: 0,
        senderName: 0,
        senderAvatar: 0,
        roomId,
        senderId: "ann",
        messageType: "text",
        content: { body: "hello" },
        status: "approved",
        seq: 1,
        changeSeq: 1,
      },
    );
    for (const peer of [ann, bob]) {
      const arrived = await peer.next("hub:messageArrived");
      assert.deepEqual(Object.keys(arrived).sort(), ["message", "roomId", "sender"]);
      assert.deepEqual(arrived.message, message);
      assert.equal(arrived.roomId, roomId);
      assert.deepEqual(Object.keys(arrived.sender).sort(), ["avatar", "id", "name"]);
      assert.equal(arrived.sender.id, "ann");
    }
    await outside.nothing("hub:messageArrived");
  });

  test("is acknowledged before it arrives at its sender", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const order = [];
    ann.socket.on("hub:messageArrived", () => order.push("arrived"));
    const acknowledged = new Promise((done) => {
      ann.socket.emit("hub:send", { roomId, messageType: "text", content: { body: "x" } }, () => done(order.push("acknowledged")));
    });
    await acknowledged;
    await ann.next("hub:messageArrived");
    assert.deepEqual(order, ["acknowledged", "arrived"]);
  });

  test("needs no callback", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    ann.emit("hub:send", { roomId, messageType: "text", content: { body: "hello" } });
    assert.equal((await ann.next("hub:messageArrived")).message.content.body, "hello");
  });

  test("of many senders at once gets numbers without gaps, in one order for everybody", async () => {
    const roomId = server.room();
    const peers = await Promise.all(["a", "b", "c", "d", "e"].map((user) => server.member(user, roomId)));
    const sent = await Promise.all(peers.flatMap((peer) => Array.from({ length: 40 }, (_, i) => peer.say(roomId, `${i}`))));
    assert.deepEqual(
      sent.map(({ seq }) => seq).sort((x, y) => x - y),
      Array.from({ length: 200 }, (_, i) => i + 1),
    );
    assert.equal(new Set(sent.map(({ id }) => id)).size, 200);
    const orders = [];
    for (const peer of peers) {
      const ids = [];
      for (let seq = 1; seq <= 200; seq++) {
        const { message } = await peer.next("hub:messageArrived");
        assert.equal(message.seq, seq);
        ids.push(message.id);
      }
      await peer.nothing("hub:messageArrived");
      orders.push(ids.join());
    }
    assert.equal(new Set(orders).size, 1);
    // One sender's messages keep their own order.
    for (const { senderId } of sent) {
      const bodies = sent
        .filter((message) => message.senderId === senderId)
        .sort((x, y) => x.seq - y.seq)
        .map(({ content }) => Number(content.body));
      assert.deepEqual(
        bodies,
        bodies.map((_, i) => i),
      );
    }
  });

  test("keeps every character, from quotes to emoji", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const body = 'quote " backslash \\ newline \n tab \t € 😀 \u2028 </script> \ud83d\ude00 e\u0301';
    assert.equal((await ann.say(roomId, body)).content.body, body);
    const bob = await server.member("bob", roomId);
    assert.equal((await bob.next("hub:history")).messages[0].content.body, body);
  });

  test("with a clientMessageId carries it, and a repeat is answered with the first message and told to nobody", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const first = await ann.say(roomId, "once", { clientMessageId: "c-1" });
    assert.equal(first.clientMessageId, "c-1");
    assert.deepEqual(Object.keys(first).sort(), [...MESSAGE, "clientMessageId"].sort());
    const again = await ann.say(roomId, "twice", { clientMessageId: "c-1" });
    assert.deepEqual(again, first);
    const [tab] = [await server.member("ann", roomId)];
    assert.deepEqual(await tab.say(roomId, "thrice", { clientMessageId: "c-1" }), first);
    assert.equal((await bob.next("hub:messageArrived")).message.id, first.id);
    await bob.nothing("hub:messageArrived");
    assert.equal((await ann.say(roomId, "next")).seq, first.seq + 1);
  });

  test("with a clientMessageId is one message even when its repeats are under way together", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const answers = await Promise.all(Array.from({ length: 10 }, () => ann.say(roomId, "once", { clientMessageId: "burst" })));
    assert.equal(new Set(answers.map(({ id }) => id)).size, 1);
    await ann.next("hub:messageArrived");
    await ann.nothing("hub:messageArrived");
    assert.equal((await ann.say(roomId, "next")).seq, 2);
  });

  test("of another sender or in another room may use the same clientMessageId", async () => {
    const [roomId, other] = [server.room(), server.room()];
    const ann = await server.member("ann", roomId);
    await ann.ok("hub:join", { roomId: other });
    const bob = await server.member("bob", roomId);
    const ids = [
      await ann.say(roomId, "a", { clientMessageId: "same" }),
      await ann.say(other, "b", { clientMessageId: "same" }),
      await bob.say(roomId, "c", { clientMessageId: "same" }),
    ].map(({ id }) => id);
    assert.equal(new Set(ids).size, 3);
  });

  test("may reply to another and be forwarded", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const first = await ann.say(roomId, "question");
    const replyTo = { id: first.id, preview: "question" };
    const reply = await ann.say(roomId, "answer", { replyTo });
    assert.deepEqual(reply.replyTo, replyTo);
    const forwarded = await ann.say(roomId, "look", { forwarded: true });
    assert.equal(forwarded.forwarded, true);
    await ann.next("hub:messageArrived", ({ message }) => message.replyTo?.id === first.id);
    await ann.next("hub:messageArrived", ({ message }) => message.forwarded === true);
    const { messages } = await ann.ok("hub:history", { roomId });
    assert.deepEqual(messages[1].replyTo, replyTo);
    assert.equal(messages[2].forwarded, true);
  });
});

describe("the gates of a send", () => {
  const server = serve((def) => {
    def.hub.roomSettings.absoluteRoles = ["boss"];
    def.hub.roomSettings.authScripts = [
      { name: "texters", script: "user.roleId == 'texter'", hubRole: "texter" },
      { name: "viewers", script: "user.roleId == 'viewer'", hubRole: "viewer" },
      { name: "deaf", script: "user.roleId == 'deaf'", hubRole: "deaf" },
      { name: "everybody", script: "true", hubRole: "member" },
    ];
    def.hub.hubRoles = [
      { name: "member" },
      { name: "texter", allowedMessageTypes: ["text", "note"] },
      { name: "viewer", canSend: false },
      { name: "deaf", canRead: false },
    ];
    def.hub.messageSettings.messageTypes = ["text", "image"];
    def.hub.messageSettings.customMessageTypes = [{ name: "note" }];
    def.hub.guardrails = { maxMessageSize: 100, messageRateLimit: 1000 };
  });
  const text = (roomId, body = "x") => ({ roomId, messageType: "text", content: { body } });

  test("not in the room: not_in_room", async () => {
    const ann = await server.connect("ann");
    await ann.refused("not_in_room", "hub:send", text(server.room()));
    await ann.refused("not_in_room", "hub:send", text("nowhere"));
  });

  test("a role that may not send: cannot_send", async () => {
    const roomId = server.room();
    const viewer = await server.member("vic", roomId, { role: "viewer" });
    await viewer.refused("cannot_send", "hub:send", text(roomId));
    const ann = await server.member("ann", roomId);
    await ann.say(roomId, "hello");
    await viewer.next("hub:messageArrived");
  });

  test("a type the hub does not have: unknown_type", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await ann.refused("unknown_type", "hub:send", { roomId, messageType: "video", content: { mediaUrl: "https://x.example/v" } });
    await ann.refused("unknown_type", "hub:send", { roomId, messageType: "constructor", content: {} });
  });

  test("a type the role does not have: type_not_allowed, and a list in YAML is as good as commas", async () => {
    const roomId = server.room();
    const tex = await server.member("tex", roomId, { role: "texter" });
    await tex.refused("type_not_allowed", "hub:send", { roomId, messageType: "image", content: { mediaUrl: "https://x.example/i" } });
    await tex.say(roomId, "fine");
    await tex.ok("hub:send", { roomId, messageType: "note", content: { anything: [1, null] } });
    assert.deepEqual(tex.welcome.permissions.allowedMessageTypes, ["text", "note"]);
  });

  test("content of exactly maxMessageSize bytes passes, one more is too_large", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const fits = "x".repeat(100 - JSON.stringify({ body: "" }).length);
    await ann.say(roomId, fits);
    await ann.refused("too_large", "hub:send", text(roomId, `${fits}x`));
    // Bytes, not characters.
    await ann.refused("too_large", "hub:send", text(roomId, "€".repeat(34)));
    await ann.say(roomId, "€".repeat(29));
  });

  test("the earlier gate answers when several would refuse", async () => {
    const roomId = server.room();
    const viewer = await server.member("vic", roomId, { role: "viewer" });
    await viewer.refused("cannot_send", "hub:send", { roomId, messageType: "video", content: { body: "x".repeat(200) } });
    const tex = await server.member("tex", roomId, { role: "texter" });
    await tex.refused("unknown_type", "hub:send", { roomId, messageType: "video", content: { body: "x".repeat(200) } });
    await tex.refused("type_not_allowed", "hub:send", { roomId, messageType: "image", content: { body: "x".repeat(200) } });
    await tex.refused("too_large", "hub:send", { roomId, messageType: "text", content: { nobody: "x".repeat(200) } });
  });

  test("replyTo and forwarded where the hub has not enabled them: feature_disabled", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await ann.refused("feature_disabled", "hub:send", { ...text(roomId), replyTo: { id: "x", preview: "y" } });
    await ann.refused("feature_disabled", "hub:send", { ...text(roomId), forwarded: true });
  });

  test("a refused send leaves no trace", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    await ann.refused("invalid_content", "hub:send", { roomId, messageType: "text", content: {} });
    await ann.refused("unknown_type", "hub:send", { roomId, messageType: "video", content: {} });
    await bob.nothing("hub:messageArrived", "hub:error");
    assert.equal((await ann.say(roomId, "first")).seq, 1);
    assert.equal((await ann.ok("hub:history", { roomId })).messages.length, 1);
  });

  test("a role that may not read receives nothing, but may send", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const deaf = await server.member("dan", roomId, { role: "deaf" });
    await ann.say(roomId, "hello");
    await deaf.say(roomId, "I hear nothing");
    await ann.next("hub:messageArrived", ({ sender }) => sender.id === "dan");
    await deaf.nothing("hub:messageArrived", "hub:history");
    await deaf.refused("cannot_read", "hub:history", { roomId });
    await deaf.refused("cannot_read", "hub:members", { roomId });
  });

  test("the system role may send every type", async () => {
    const roomId = server.room();
    const boss = await server.member("boss", roomId, { role: "boss" });
    await boss.ok("hub:send", { roomId, messageType: "image", content: { mediaUrl: "https://x.example/i" } });
  });

  for (const [what, payload] of [
    ["no payload", undefined],
    ["no roomId", { messageType: "text", content: { body: "x" } }],
    ["no messageType", { roomId: "r60", content: { body: "x" } }],
    ["a messageType that is no text", { roomId: "r60", messageType: 7, content: { body: "x" } }],
    ["a clientMessageId that is no text", { roomId: "r60", messageType: "text", content: { body: "x" }, clientMessageId: { a: 1 } }],
  ]) {
    test(`${what} is a bad request`, async () => {
      const ann = await server.member("ann", "r60");
      await ann.refused("bad_request", "hub:send", payload);
    });
  }

  // A misspelt clientMessageID was passed over in silence, and the message sent twice.
  test("a misspelt key is named, with the one that was meant; other unknown keys are passed over", async () => {
    const ann = await server.member("ann", "r60");
    const payload = { roomId: "r60", messageType: "text", content: { body: "x" } };
    for (const [key, meant] of [["clientMessageID", "clientMessageId"], ["replyto", "replyTo"], ["forward", "forwarded"]]) {
      const error = await ann.refused("bad_request", "hub:send", { ...payload, [key]: "1" });
      assert.equal(error.message, `unknown key "${key}"; did you mean "${meant}"?`);
    }
    const { messageType, ...rest } = payload;
    assert.match((await ann.refused("bad_request", "hub:send", { ...rest, messagetype: "text" })).message, /did you mean "messageType"/);
    assert.match((await ann.refused("bad_request", "hub:join", { roomID: "r60" })).message, /did you mean "roomId"/);
    assert.match((await ann.refused("bad_request", "messageRead", { roomId: "r60", lastReadSeqs: 1 })).message, /did you mean "lastReadSeq"/);
    const rest400 = await server.rest("POST", "/chat/rooms/r60/messages", { user: "ann", body: { ...payload, clientMessageID: "1" } });
    assert.deepEqual([rest400.status, rest400.body.message], [400, 'unknown key "clientMessageID"; did you mean "clientMessageId"?']);
    await ann.ok("hub:send", { ...payload, traceId: "4711", priority: 1 });
    await ann.ok("hub:send", { ...payload, clientMessageId: "k1", clientMessageIds: ["k1"] });
    await ann.ok("hub:send", { ...payload, ...Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i])) });
  });

  for (const content of [undefined, null, "text", 7, ["a"]]) {
    test(`content ${JSON.stringify(content)} is no content`, async () => {
      const ann = await server.member("ann", "r60");
      const answer = await ann.call("hub:send", { roomId: "r60", messageType: "text", content });
      assert.equal(answer.ok, false);
      assert.ok(["bad_request", "invalid_content"].includes(answer.error.code), answer.error.code);
    });
  }
});

describe("the rate limit", () => {
  const server = serve((def) => {
    def.hub.guardrails = { messageRateLimit: 5 };
  });

  test("counts a user's messages over all rooms and connections, and says when to come back", async () => {
    const [roomId, other] = [server.room(), server.room()];
    const desk = await server.member("ann", roomId);
    const phone = await server.member("ann", other);
    const bob = await server.member("bob", roomId);
    for (let i = 0; i < 3; i++) await desk.say(roomId, `${i}`);
    for (let i = 0; i < 2; i++) await phone.say(other, `${i}`);
    for (const [peer, room] of [
      [desk, roomId],
      [phone, other],
    ]) {
      const error = await peer.refused("rate_limited", "hub:send", { roomId: room, messageType: "text", content: { body: "x" } });
      assert.ok(error.retryAfterMs > 0 && error.retryAfterMs <= 60000, `${error.retryAfterMs}`);
    }
    desk.emit("hub:send", { roomId, messageType: "text", content: { body: "x" } });
    const error = await desk.next("hub:error");
    assert.equal(error.code, "rate_limited");
    assert.ok(error.retryAfterMs > 0);
    await bob.say(roomId, "I may");
  });

  test("does not count what was refused before its gate", async () => {
    const roomId = server.room();
    const eve = await server.member("eve", roomId);
    for (let i = 0; i < 10; i++) await eve.refused("unknown_type", "hub:send", { roomId, messageType: "video", content: {} });
    for (let i = 0; i < 5; i++) await eve.say(roomId, `${i}`);
  });
});

describe("content of built-in types", () => {
  const examples = {
    text: { body: "hello" },
    image: { mediaUrl: "https://x.example/i.png", thumbnail: "https://x.example/t.png", caption: "a view", width: 640, height: 480 },
    video: { mediaUrl: "https://x.example/v.mp4", thumbnail: "https://x.example/t.png", caption: "a film", duration: 12.5 },
    audio: { mediaUrl: "https://x.example/a.ogg", duration: 3, waveform: [0, 1, 2] },
    document: { mediaUrl: "https://x.example/d.pdf", fileName: "d.pdf", fileSize: 1024, mimeType: "application/pdf" },
    sticker: { stickerUrl: "https://x.example/s.webp", stickerPackId: "pack" },
    contact: { contactName: "Reception", contactPhone: "+1 555 0100", contactUserId: "u1" },
    location: { lat: 52.52, lng: 13.405, address: "Somewhere 1", label: "Here" },
  };
  const server = serve((def) => {
    def.hub.messageSettings.messageTypes = [...Object.keys(examples), "system"];
  });

  for (const [messageType, content] of Object.entries(examples)) {
    test(`${messageType} is sent, received and stored as it is`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      const { message } = await ann.ok("hub:send", { roomId, messageType, content });
      assert.equal(message.messageType, messageType);
      assert.deepEqual(message.content, content);
      assert.deepEqual((await ann.next("hub:messageArrived")).message.content, content);
      assert.deepEqual((await ann.ok("hub:history", { roomId })).messages[0].content, content);
    });

    test(`${messageType} with an unknown field is refused, naming it`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      const error = await ann.refused("invalid_content", "hub:send", { roomId, messageType, content: { ...content, surplus: 1 } });
      assert.match(error.message, /surplus/);
    });
  }

  for (const [messageType, content, field] of [
    ["text", {}, /body/],
    ["text", { body: 7 }, /body/],
    ["text", { body: null }, /body/],
    ["image", { caption: "no picture" }, /mediaUrl/],
    ["image", { ...examples.image, width: "wide" }, /width/],
    ["video", { ...examples.video, duration: "long" }, /duration/],
    ["audio", { ...examples.audio, duration: {} }, /duration/],
    ["document", { ...examples.document, fileSize: "big" }, /fileSize/],
    ["sticker", { stickerPackId: "pack" }, /stickerUrl/],
    ["location", { lat: "north", lng: 1 }, /lat/],
    ["location", { lat: 1 }, /lng/],
  ]) {
    test(`${messageType} with ${JSON.stringify(content).slice(0, 50)} is refused, naming ${field.source}`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      const error = await ann.refused("invalid_content", "hub:send", { roomId, messageType, content });
      assert.match(error.message, field);
    });
  }
});

describe("content of custom types", () => {
  const server = serve((def) => {
    def.hub.messageSettings.customMessageTypes = [
      {
        name: "bid",
        fields: [
          { name: "item", fieldType: "String", required: true },
          { name: "amount", fieldType: "Decimal", required: true },
          { name: "quantity", fieldType: "Integer", defaultValue: "1" },
          { name: "currency", fieldType: "Enum", enumValues: "EUR,USD,GBP", defaultValue: "EUR" },
          { name: "final", fieldType: "Boolean", defaultValue: "false" },
          { name: "until", fieldType: "DateTime" },
          { name: "note", fieldType: "Text" },
          { name: "ref", fieldType: "ID" },
          { name: "extra", fieldType: "JSON" },
          { name: "who", fieldType: "ID", format: "any" },
        ],
      },
      {
        name: "order",
        fields: [
          { name: "tags", type: "String", list: true, defaultValue: ["new"] },
          {
            name: "items",
            type: "JSON",
            list: true,
            required: true,
            fields: [
              { name: "sku", type: "String", required: true },
              { name: "price", type: "Decimal", required: true },
              { name: "count", type: "Integer", defaultValue: 1 },
              { name: "size", type: "JSON", fields: [{ name: "width", type: "Integer", required: true }, { name: "unit", type: "Enum", enumValues: "mm,inch", defaultValue: "mm" }] },
            ],
          },
        ],
      },
      { name: "free" },
      { name: "padded", fields: [{ name: "mark", fieldType: "String", defaultValue: "" }, { name: "pad", fieldType: "Text", defaultValue: "x".repeat(4970) }] },
    ];
    def.hub.guardrails = { ...def.hub.guardrails, maxMessageSize: 5000 };
  });
  const bid = (roomId, content) => ({ roomId, messageType: "bid", content });
  const least = { item: "chair", amount: 9.5 };

  test("defaults are filled in with their type, and only where nothing was given", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { message } = await ann.ok("hub:send", bid(roomId, least));
    assert.deepEqual(message.content, { item: "chair", amount: 9.5, quantity: 1, currency: "EUR", final: false });
    const given = { item: "chair", amount: 10, quantity: 0, currency: "USD", final: true };
    assert.deepEqual((await ann.ok("hub:send", bid(roomId, given))).message.content, given);
  });

  test("every field type keeps its value", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const content = {
      item: "x".repeat(255),
      amount: -0.25,
      quantity: 9007199254740991,
      currency: "GBP",
      final: true,
      until: "2030-01-02T03:04:05.678Z",
      note: "n".repeat(1000),
      ref: "018f0000-0000-7000-8000-000000000000",
      extra: { a: [1, {}, []] },
      who: "hello",
    };
    assert.deepEqual((await ann.ok("hub:send", bid(roomId, content))).message.content, content);
    const objectId = { ...least, quantity: 1, currency: "EUR", final: false, ref: "507f1f77bcf86cd799439011" };
    assert.deepEqual((await ann.ok("hub:send", bid(roomId, objectId))).message.content, objectId);
  });

  test("an empty text is a default like any other", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const { message } = await ann.ok("hub:send", { roomId, messageType: "padded", content: { pad: "" } });
    assert.deepEqual(message.content, { mark: "", pad: "" });
  });

  test("content is measured with its defaults, in a send and in an edit", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const padded = (content) => ({ roomId, messageType: "padded", content });
    const { message } = await ann.ok("hub:send", padded({ mark: "m" }));
    assert.equal(message.content.pad.length, 4970);
    await ann.refused("too_large", "hub:send", padded({ mark: "more than ten" }));
    const short = await ann.ok("hub:send", padded({ pad: "" }));
    await ann.refused("too_large", "hub:edit", { roomId, messageId: short.message.id, content: { mark: "more than ten" } });
  });

  for (const [what, change, field] of [
    ["a missing required field", { item: undefined }, /item/],
    ["null in a required field", { amount: null }, /amount/],
    ["a number for a String", { item: 5 }, /item/],
    ["a String of 256 characters", { item: "x".repeat(256) }, /item/],
    ["text for a Decimal", { amount: "ten" }, /amount/],
    ["a fraction for an Integer", { quantity: 1.5 }, /quantity/],
    ["a value outside the Enum", { currency: "XXX" }, /currency/],
    ["text for a Boolean", { final: "yes" }, /final/],
    ["a DateTime that is none", { until: "tomorrow" }, /until/],
    ["a DateTime that cannot be", { until: "2030-13-45T99:99:99Z" }, /until/],
    ["a DateTime without a time", { until: "2030-01-02" }, /until/],
    ["a DateTime with a space", { until: "2030-01-02 03:04:05Z" }, /until/],
    ["a DateTime beyond what can be kept", { until: "9999-12-31T23:59:59-01:00" }, /until/],
    ["an ID that is neither a UUID nor an ObjectId", { ref: "hello" }, /ref/],
    ["an ID with a digit too many", { ref: "507f1f77bcf86cd7994390111" }, /ref/],
    ["a UUID without its hyphens", { ref: "018f0000000070008000000000000000" }, /ref/],
    ["a number for JSON", { extra: 5 }, /extra/],
    ["an object for an ID", { ref: {} }, /ref/],
    ["nothing for an ID", { ref: "" }, /ref/],
    ["an unknown field", { colour: "red" }, /colour/],
  ]) {
    test(`${what} is refused, naming the field`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      const error = await ann.refused("invalid_content", "hub:send", bid(roomId, { ...least, ...change }));
      assert.match(error.message, field);
    });
  }

  const order = (roomId, content) => ({ roomId, messageType: "order", content });
  const nail = { sku: "nail", price: 0.5 };

  test("lists and fields within fields keep their values, and get their defaults each at its place", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const items = [nail, { ...nail, count: 100, size: { width: 3 } }, { ...nail, size: null }];
    const { message } = await ann.ok("hub:send", order(roomId, { items }));
    const filled = [{ ...nail, count: 1 }, { ...nail, count: 100, size: { width: 3, unit: "mm" } }, { ...nail, count: 1 }];
    assert.deepEqual(message.content, { items: filled, tags: ["new"] });
    const empty = { tags: [], items: [] };
    assert.deepEqual((await ann.ok("hub:send", order(roomId, empty))).message.content, empty);
    assert.deepEqual((await ann.ok("hub:edit", { roomId, messageId: message.id, content: { items: [nail] } })).message.content, {
      items: [filled[0]],
      tags: ["new"],
    });
  });

  for (const [what, content, place] of [
    ["a missing required list", {}, "items: required, but missing"],
    ["an object for a list", { items: nail }, "items: expected a list"],
    ["text for an object with fields", { items: [nail, "nail"] }, "items[1]: expected an object"],
    ["a list for an object with fields", { items: [[]] }, "items[0]: expected an object"],
    ["text for a Decimal in a list", { items: [nail, nail, { ...nail, price: "1" }] }, "items[2].price: expected a number"],
    ["a missing field of a field", { items: [{ ...nail, size: {} }] }, "items[0].size.width: required, but missing"],
    ["a value outside the Enum of a field of a field", { items: [{ ...nail, size: { width: 1, unit: "em" } }] }, "items[0].size.unit: expected one of mm, inch"],
    ["an unknown field of a field", { items: [{ ...nail, colour: "red" }] }, 'items[0].colour: the field "items" has no such field'],
    ["a number in a list of Strings", { items: [], tags: ["a", 7] }, "tags[1]: expected a text"],
    ["null in a list", { items: [null] }, "items[0]: expected an object"],
  ]) {
    test(`${what} is refused, naming the exact place`, async () => {
      const roomId = server.room();
      const ann = await server.member("ann", roomId);
      const error = await ann.refused("invalid_content", "hub:send", order(roomId, content));
      assert.equal(error.message, `content.${place}`);
    });
  }

  test("the message of an Enum names the values there are", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const error = await ann.refused("invalid_content", "hub:send", bid(roomId, { ...least, currency: "XXX" }));
    for (const value of ["EUR", "USD", "GBP"]) assert.match(error.message, new RegExp(value));
  });

  test("a type without fields accepts any object", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const content = { whatever: [1, "2", { three: null }], empty: {}, list: [] };
    assert.deepEqual((await ann.ok("hub:send", { roomId, messageType: "free", content })).message.content, content);
    assert.deepEqual((await ann.ok("hub:send", { roomId, messageType: "free", content: {} })).message.content, {});
  });
});
