// What was acknowledged survives kill -9: twenty times under load, every acknowledged message is there once and in order.
import assert from "node:assert/strict";
import { test } from "node:test";
import { definition } from "./definition.js";
import { Hubd, removeService, writeService } from "./harness.js";
import { Peer } from "./peer.js";

const ROUNDS = 20;
const ROOMS = ["r1", "r2"];
const USERS = ["ann", "bob", "eve"];
const WINDOW = 8;

async function member(hubd, user, roomId) {
  const peer = new Peer(`${hubd.url}/hub/chat`, { auth: { token: `dev:${user}` } });
  await peer.connected();
  peer.welcome = await peer.ok("hub:join", { roomId });
  return peer;
}

/** Everything the room holds, by paging forward. */
async function read(hubd, roomId) {
  const reader = await member(hubd, "reader", roomId);
  const messages = [];
  for (;;) {
    const page = await reader.ok("hub:history", { roomId, after: messages.at(-1)?.seq ?? 0, limit: 500 });
    messages.push(...page.messages);
    if (!page.hasMore) break;
  }
  reader.close();
  assert.equal(reader.welcome.seq, messages.length);
  return messages;
}

test(`nothing acknowledged is lost, doubled or renumbered by ${ROUNDS} kills under load`, { timeout: 800000 }, async () => {
  const dir = writeService(definition());
  const acknowledged = new Map(); // message id -> message as acknowledged
  // Each seat keeps what a kill cut off, and repeats it with the same clientMessageId.
  const seats = USERS.flatMap((user) => ROOMS.map((roomId) => ({ user, roomId, again: [], peer: undefined })));
  let counter = 0;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const hubd = await Hubd.start(dir);
      const enough = 50 + ((round * 137) % 700);
      let answers = 0;
      const work = async (seat) => {
        while (answers < enough) {
          const message = seat.again.shift() ?? { clientMessageId: `c-${counter}`, content: { body: `${counter++}` } };
          const answer = await seat.peer.call("hub:send", { roomId: seat.roomId, messageType: "text", ...message }).catch(() => null);
          if (!answer) return seat.again.push(message);
          assert.equal(answer.ok, true, JSON.stringify(answer));
          acknowledged.set(answer.message.id, answer.message);
          if (++answers === enough) hubd.signal("SIGKILL");
        }
      };
      await Promise.all(seats.map(async (seat) => (seat.peer = await member(hubd, seat.user, seat.roomId))));
      await Promise.all(seats.flatMap((seat) => Array.from({ length: WINDOW }, () => work(seat))));
      await hubd.kill();
      seats.forEach(({ peer }) => peer.close());
    }
    const hubd = await Hubd.start(dir);
    const stored = (await Promise.all(ROOMS.map((roomId) => read(hubd, roomId)))).flat();
    for (const roomId of ROOMS) {
      const numbers = stored.filter((message) => message.roomId === roomId).map(({ seq }) => seq);
      assert.deepEqual(
        numbers,
        numbers.map((_, i) => i + 1),
        `room ${roomId} has gaps or repeats`,
      );
    }
    const byId = new Map(stored.map((message) => [message.id, message]));
    assert.equal(byId.size, stored.length);
    for (const [id, message] of acknowledged) assert.deepEqual(byId.get(id), message, "an acknowledged message is gone or changed");
    assert.equal(new Set(stored.map(({ clientMessageId }) => clientMessageId)).size, stored.length, "a repeated send was stored twice");
    assert.ok(acknowledged.size >= ROUNDS * 50, `${acknowledged.size}`);
    await hubd.stop();
  } finally {
    removeService(dir);
  }
});
