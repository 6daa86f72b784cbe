// Native clients over connections that are cut, held up, silenced and repeated all the time: no message is lost, doubled or out of order, and what
// they were told adds up to what the room has. HUBD_CUTS=1000 HUBD_CUTS_SEED=7 for another number and for the same cuts again.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, serve } from "../../../../tests/transcript/harness.js";
import { Proxy, randomOf } from "../../../js/test/transcript/proxy.js";
import { Native } from "./native.js";

const CUTS = Number(process.env.HUBD_CUTS ?? 60);
const SEED = Number(process.env.HUBD_CUTS_SEED ?? Math.floor(Math.random() * 1e9));
const PACE_MS = 25; // between two blows
const SENDERS = ["ann", "bob", "cid"];

const seen = ({ id, seq, content, senderId, reaction }) => ({
  id,
  seq,
  body: content.body,
  senderId,
  reaction: (reaction ?? []).map(({ emoji, userId }) => `${emoji} ${userId}`),
});

/** What a member knows of the room: its messages, and what the events have changed. */
function roomOf(native) {
  const messages = new Map(native.messages.map((message) => [message.id, message]));
  for (const { event, data } of native.events) {
    if (event === "hub:messageEdited" && messages.has(data.message.id)) messages.set(data.message.id, data.message);
    if (event === "hub:reaction" && messages.has(data.messageId)) messages.set(data.messageId, { ...messages.get(data.messageId), reaction: data.reaction });
    if (event === "hub:messageDeleted") messages.delete(data.messageId);
  }
  return [...messages.values()].sort((a, b) => a.seq - b.seq).map(seen);
}

describe(`${CUTS} cuts, HUBD_CUTS_SEED=${SEED}`, () => {
  const server = serve((def) => {
    def.service.listen = { ...def.service.listen, pingInterval: 1000, pingTimeout: 2000, compression: { websocket: true, threshold: 200 } };
    def.hub.messageSettings.enableReaction = true;
    def.hub.guardrails.messageRateLimit = 1000000;
    for (const key of Object.keys(def.hub.hubExtensions.limits)) def.hub.hubExtensions.limits[key] = 1000000;
  });

  test("lose, double and disorder nothing", { timeout: 840000 }, async (t) => {
    const random = randomOf(SEED);
    const proxy = await new Proxy(server.port, random).start();
    const room = server.room();
    const natives = [...SENDERS, "reader"].map((user, i) => new Native(proxy.url, `dev:${user}`, ["timeoutMs=1000", "queueLimit=100000", ...(i % 2 ? ["uv"] : [])]));
    t.after(async () => {
      for (const native of natives) native.child.kill("SIGKILL");
      await proxy.stop();
    });
    for (const native of natives) native.tell("pace", { first: 5, most: 50 });
    const joins = await Promise.allSettled(natives.map((native) => native.join(room)));
    for (const [i, { status }] of joins.entries()) if (status === "rejected") await natives[i].join(room);
    const desk = await server.member("ann", room);

    const sent = SENDERS.map(() => []);
    const errors = [];
    let over = false;
    const writers = SENDERS.map(async (user, i) => {
      for (let n = 0; !over; n++) {
        sent[i].push(natives[i].send(room, `${user} ${n} ${n % 7 ? "" : "long ".repeat(80)}`).catch((error) => errors.push(error)));
        if (sent[i].length % 20 === 0) await sent[i].at(-1);
        else await new Promise((done) => setTimeout(done, random() * 10));
      }
    });
    const deleted = new Set();
    const changing = (async () => {
      for (let n = 0; !over; n++) {
        const { messages } = await desk.ok("hub:history", { roomId: room, limit: 50 });
        const message = messages[Math.floor(random() * messages.length)];
        await new Promise((done) => setTimeout(done, 20));
        if (message?.senderId !== "ann") continue;
        const about = { roomId: room, messageId: message.id };
        if (n % 7 === 3) {
          deleted.add(message.id);
          await desk.ok("hub:delete", about);
        } else if (n % 3) await desk.ok("hub:react", { ...about, emoji: "👍", remove: n % 2 === 0 }).catch(() => {});
        else await desk.ok("hub:edit", { ...about, content: { body: `${message.content.body} edited` } });
      }
    })();
    while (proxy.cuts < CUTS) {
      await new Promise((done) => setTimeout(done, PACE_MS * 2 * random()));
      proxy.strike();
    }
    over = true;
    await Promise.all([...writers, changing]);
    await Promise.all(sent.flat());
    assert.deepEqual(errors, []);

    // What there is, by somebody who was never cut off.
    const truth = [];
    for (let after = 0, more = true; more; after = truth.at(-1)?.seq ?? 0) {
      const page = await desk.ok("hub:history", { roomId: room, after, limit: 1000 });
      truth.push(...page.messages);
      more = page.hasMore;
    }
    SENDERS.forEach((user, i) => {
      const mine = truth.filter(({ senderId }) => senderId === user).map(({ content }) => Number(content.body.split(" ")[1]));
      assert.ok(mine.every((n, at) => !at || n > mine[at - 1]), `${user}: in the order of sending, none twice`);
      assert.equal(mine.length + (user === "ann" ? deleted.size : 0), sent[i].length, `${user}: none lost`);
    });
    const expected = truth.map(seen);
    for (const [i, native] of natives.entries()) {
      await eventually(`client ${i} has what there is`, () => JSON.stringify(roomOf(native)) === JSON.stringify(expected)).catch(() => assert.deepEqual(roomOf(native), expected));
      const numbers = native.messages.map(({ seq }) => seq);
      assert.ok(numbers.every((n, at) => !at || n > numbers[at - 1]), `client ${i}: each once, in order`);
      assert.ok(!native.events.some(({ event, data }) => event === "hub:history" && data.recovered === false), `client ${i}: nothing was out of reach`);
    }
    for (const native of natives) await native.end();
    t.diagnostic(`${truth.length} messages, ${deleted.size} deleted; ${JSON.stringify(proxy.done)}`);
  });
});
