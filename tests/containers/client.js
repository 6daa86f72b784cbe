// A client of hubs/chat, in the room "team": client.js URL. Sends in eight threads of talk, over all restarts of the server, until it gets
// SIGUSR2, and says "busy" on a line when that goes well after each connect. Then it reads the whole room: each message that was acknowledged is there once, with
// the number that it was acknowledged with, and no number is missing.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { io } from "socket.io-client";

const THREADS = 8;
const BUSY = 100; // messages
const PATIENCE_MS = 180000;
const ANSWER_MS = 30000;

const [url] = process.argv.slice(2);
const socket = io(`${url}/hub/chat`, { auth: { token: "dev:owner" }, reconnectionDelayMax: 500 });
const news = new EventEmitter().setMaxListeners(0);
const acknowledged = new Map(); // text: number
let going = true;
let inRoom = false;
let sinceJoin = 0;

setTimeout(() => {
  console.error(`not finished after ${PATIENCE_MS} ms, with ${acknowledged.size} messages`);
  process.exit(1);
}, PATIENCE_MS).unref();
process.on("SIGUSR2", () => (going = false));

socket.on("disconnect", () => (inRoom = false));
socket.on("connect", async () => {
  const joined = await ask("hub:join", {});
  if (!served(joined)) return; // and another connect comes
  inRoom = true;
  sinceJoin = 0;
  news.emit("joined");
});

/** The answer; undefined when the connection ended before it came. */
const ask = (event, data) =>
  socket
    .timeout(ANSWER_MS)
    .emitWithAck(event, { roomId: "team", ...data })
    .catch(() => undefined);

/** Whether ANSWER is a success; a stop is the only other thing that may come. */
function served(answer) {
  if (answer && !answer.ok) assert.equal(answer.error.code, "shutting_down", JSON.stringify(answer));
  return answer?.ok;
}

/** In the room sooner or later, acknowledged or not: its number. */
async function say(body) {
  for (;;) {
    if (!inRoom) await once(news, "joined");
    const answer = await ask("hub:send", { messageType: "text", content: { body }, clientMessageId: body });
    if (served(answer)) return answer.message.seq;
    await new Promise((done) => setTimeout(done, 10));
  }
}

async function talk(thread) {
  for (let i = 0; going; i++) {
    const body = `${thread}-${i}`;
    acknowledged.set(body, await say(body));
    if (++sinceJoin === BUSY) console.log("busy");
  }
}

async function readAll() {
  const found = new Map();
  for (let after = 0, more = true; more; ) {
    const page = await ask("hub:history", { after, limit: 100 });
    assert.equal(page?.ok, true, JSON.stringify(page));
    for (const { seq, content } of page.messages) {
      assert.equal(seq, after + 1, "a number is missing");
      assert.ok(!found.has(content.body), `"${content.body}" is there twice`);
      found.set(content.body, seq);
      after = seq;
    }
    more = page.hasMore;
  }
  return found;
}

await Promise.all(Array.from({ length: THREADS }, (_, thread) => talk(thread)));
const found = await readAll();
for (const [body, seq] of acknowledged) assert.equal(found.get(body), seq, `"${body}" was acknowledged with ${seq}`);
assert.deepEqual(await (await fetch(`${url}/readyz`)).json(), { ready: true, notReady: [] });
console.log(`${acknowledged.size} messages acknowledged, and there once`);
socket.close();
