// A room over connections that are cut, held up, silenced and repeated all the time: no message is lost,
// doubled or out of order, and
// what a client shows is what the room has. HUBD_CUTS=1000 HUBD_CUTS_SEED=7 for another number and for the
// same cuts again.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, serve } from "../../../../tests/transcript/harness.js";
import { createClient } from "../../dist/esm/index.js";
import { Proxy, randomOf } from "./proxy.js";

const CUTS = Number(process.env.HUBD_CUTS ?? 100);
const SEED = Number(process.env.HUBD_CUTS_SEED ?? Math.floor(Math.random() * 1e9));
const PACE_MS = 25; // between two blows
const EVERY = 5; // messages that an editor changes
const SENDERS = ["ann", "bob", "cid"];

/** What a member sees of a message: enough to tell whether two have the same room. */
const seen = ({ id, seq, changeSeq, content, senderId, reaction }) => ({
  id,
  seq,
  changeSeq,
  body: content.body,
  senderId,
  reaction: (reaction ?? []).map(({ emoji, userId }) => `${emoji} ${userId}`),
});

/** Watches a room: its numbers rise, and no message is there twice, at any time. */
function watch(room, name, complaints) {
  let changes = 0;
  room.messages.subscribe((list) => {
    changes++;
    const numbers = list.filter(({ seq }) => seq !== null).map(({ seq }) => seq);
    if (numbers.some((seq, i) => i && seq <= numbers[i - 1]))
      complaints.push(`${name}: out of order: ${numbers.slice(-20)}`);
    const keys = new Set(list.map((message) => message.clientMessageId ?? message.id));
    if (keys.size !== list.length) complaints.push(`${name}: one is there twice`);
    if (!Object.isFrozen(list)) complaints.push(`${name}: the list is not frozen`);
  });
  return () => changes;
}

/** What ASK() gives, however often the host stands still meanwhile; undefined when what it is about is gone. */
async function surely(ask) {
  for (;;) {
    try {
      return await ask();
    } catch ({ code, message }) {
      if (code === "not_found") return undefined;
      assert.ok(["timeout", "disconnected"].includes(code), `${code}: ${message}`);
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

describe(`${CUTS} cuts, HUBD_CUTS_SEED=${SEED}`, () => {
  const server = serve((def) => {
    def.service.listen = { ...def.service.listen, pingInterval: 1000, pingTimeout: 2000 };
    def.hub.messageSettings.enableReaction = true;
    def.hub.guardrails.messageRateLimit = 1000000;
    for (const key of Object.keys(def.hub.hubExtensions.limits)) def.hub.hubExtensions.limits[key] = 1000000;
  });

  test("lose, double and disorder nothing", { timeout: 840000 }, async (t) => {
    const random = randomOf(SEED);
    const proxy = await new Proxy(server.port, random).start();
    const roomId = server.room();
    const complaints = [];
    const open = (user, url = proxy.url) =>
      createClient({
        url,
        hub: "chat",
        token: `dev:${user}`,
        timeoutMs: 1000,
        queueLimit: 100000,
        historySize: 1000000,
        socket: { transports: ["websocket"], reconnectionDelay: 5, reconnectionDelayMax: 50 },
      });
    const clients = [...SENDERS, "reader"].map((user) => open(user));
    const editor = open("ann", server.url);
    t.after(async () => {
      for (const client of [...clients, editor]) client.close();
      await proxy.stop();
    });
    const rooms = await Promise.all(clients.map((client) => surely(() => client.join(roomId))));
    const desk = await surely(() => editor.join(roomId));
    rooms.forEach((room, i) => watch(room, `client ${i}`, complaints));

    // Three send at their own pace, and somebody edits, reacts and deletes, until there were enough cuts.
    const sent = SENDERS.map(() => []);
    const errors = [];
    let over = false;
    const writers = SENDERS.map(async (user, i) => {
      for (let n = 0; !over; n++) {
        sent[i].push(rooms[i].send("text", { body: `${user} ${n}` }).catch((error) => errors.push(error)));
        if (sent[i].length % 20 === 0) await sent[i].at(-1);
        else await new Promise((done) => setTimeout(done, random() * 10));
      }
    });
    const deleted = new Set();
    const changing = (async () => {
      for (let n = 0; !over; n++) {
        const { length } = desk.messages.value;
        const message = desk.messages.value[Math.max(0, length - 1 - Math.floor(random() * 50))];
        await new Promise((done) => setTimeout(done, 10));
        if (!message?.seq || deleted.has(message.id) || message.senderId !== "ann") continue;
        if (n % (EVERY * 2) === 1) {
          deleted.add(message.id);
          await surely(() => desk.delete(message.id));
        } else if (n % EVERY) await desk.react(message.id, "👍", { remove: n % 3 === 0 }).catch(() => {});
        else await desk.edit(message.id, { body: `${message.content.body} edited` }).catch(() => {});
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
      const page = await surely(() => desk.call("hub:history", { after, limit: 1000 }));
      truth.push(...page.messages);
      more = page.hasMore;
    }
    SENDERS.forEach((user, i) => {
      const mine = truth
        .filter(({ senderId }) => senderId === user)
        .map(({ content }) => Number(content.body.split(" ")[1]));
      assert.deepEqual(
        mine,
        [...mine].sort((a, b) => a - b),
        `${user}: in the order of sending`,
      );
      assert.equal(new Set(mine).size, mine.length, `${user}: none twice`);
      assert.equal(mine.length + (user === "ann" ? deleted.size : 0), sent[i].length, `${user}: none lost`);
    });
    const expected = truth.map(seen);
    for (const [i, room] of rooms.entries()) {
      await eventually(
        `client ${i} has all`,
        () =>
          room.messages.value.length >= truth.length &&
          room.messages.value.at(-1).changeSeq !== undefined &&
          room.status.value === "joined",
      );
      await eventually(
        `client ${i} has what there is`,
        () => JSON.stringify(room.messages.value.map(seen)) === JSON.stringify(expected),
      ).catch(() => assert.deepEqual(room.messages.value.map(seen), expected));
    }
    assert.deepEqual(complaints, []);
    t.diagnostic(`${truth.length} messages, ${deleted.size} deleted; ${JSON.stringify(proxy.done)}`);
  });
});
