// docs/pitfalls.md is true: the recipe for what a client writes while it is away is run as it stands there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ROOT, serve } from "./harness.js";

const page = readFileSync(join(ROOT, "docs/pitfalls.md"), "utf8");
const [, recipe] = /```js\n([^]*?)```/.exec(page);
const outbox = new Function(`${recipe}\nreturn outbox;`)();

describe("what a client writes while it is away", () => {
  const server = serve();
  const again = { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 20 };
  const lose = async (peer) => {
    peer.disconnect = undefined;
    peer.socket.io.engine.close();
    await peer.until(() => peer.disconnect && true, "the loss of the connection");
  };

  test("and emits is sent before it has joined, and refused", async () => {
    const roomId = server.room();
    const ann = await server.connect("ann", again);
    await ann.ok("hub:join", { roomId });
    await lose(ann);
    const answer = await ann.call("hub:send", { roomId, messageType: "text", content: { body: "lost" } });
    assert.equal(answer.error.code, "not_in_room");
  });

  test("and keeps as the page says arrives once, in its order, with what others said meanwhile", async () => {
    const roomId = server.room();
    const bob = await server.member("bob", roomId);
    const ann = await server.connect("ann", again);
    const out = outbox(ann.socket, roomId);
    ann.socket.disconnect().connect(); // the recipe is there before the connection is
    await ann.next("hub:joined");
    out.send({ body: "1" });
    await bob.next("hub:messageArrived", ({ message }) => message.content.body === "1");
    await ann.until(() => out.size() === 0 || undefined, "the answer to the first");
    await lose(ann);
    for (const body of ["2", "3", "4"]) out.send({ body });
    await bob.say(roomId, "meanwhile");
    for (const body of ["2", "3", "4"]) assert.equal((await bob.next("hub:messageArrived", ({ sender }) => sender.id === "ann")).message.content.body, body);
    await ann.until(() => out.size() === 0 || undefined, "the answers to the rest");
    const { messages, recovered } = await ann.next("hub:history", ({ recovered }) => recovered !== null);
    assert.deepEqual([recovered, messages.map(({ content }) => content.body)], [true, ["meanwhile"]]);
    out.retry(); // nothing is left to send
    const history = await bob.ok("hub:history", { roomId });
    assert.deepEqual(history.messages.map(({ content }) => content.body).sort(), ["1", "2", "3", "4", "meanwhile"]);
  });
});
