// Joining and catching up while others edit, react and delete at full speed: what a member ends up with is what the room has.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve } from "./harness.js";

const ROUNDS = 160;
const MESSAGES = 8;

/** What a client knows of a room, kept as the documents say: by number. */
class Copy {
  constructor() {
    this.messages = new Map(); // id: message, or {changeSeq, deleted: true}
    this.seq = 0;
  }

  put(id, message) {
    const known = this.messages.get(id);
    if (!known || known.changeSeq < message.changeSeq) this.messages.set(id, message);
  }

  apply([name, payload]) {
    if (name === "hub:joined") this.welcome = payload;
    if (name === "hub:history") {
      if (!payload.recovered) this.messages.clear();
      for (const message of payload.messages) this.put(message.id, message);
      for (const { messageId, seq, message, deleted } of payload.changes ?? []) {
        if (this.messages.has(messageId)) this.put(messageId, deleted ? { changeSeq: seq, deleted } : message);
      }
    }
    if (name === "hub:messageArrived" || name === "hub:messageEdited") this.put(payload.message.id, payload.message);
    const known = this.messages.get(payload.messageId);
    if (name === "hub:messageDeleted" && known) this.put(payload.messageId, { changeSeq: payload.seq, deleted: true });
    if (name === "hub:reaction" && known && known.changeSeq < payload.seq) {
      this.put(payload.messageId, { ...known, changeSeq: payload.seq, reaction: payload.reaction });
    }
    this.seq = Math.max(this.seq, payload.seq ?? payload.message?.seq ?? 0);
  }

  shown() {
    const all = [...this.messages].filter(([, { deleted }]) => !deleted);
    return new Map(all.map(([id, { content, reaction, changeSeq }]) => [id, { body: content.body, emoji: (reaction ?? []).map((r) => r.emoji), changeSeq }]));
  }
}

describe("catching up during changes", () => {
  const server = serve((def) => {
    def.hub.messageSettings.enableReaction = true;
  });

  test("loses no edit, no reaction and no deletion, and says recovered only when that is so", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    const bob = await server.member("bob", roomId);
    const late = await server.connect("late");
    const copy = new Copy();
    const first = [];
    for (let i = 0; i < MESSAGES; i++) first.push((await ann.say(roomId, `message ${i}`)).id);
    await late.ok("hub:join", { roomId });
    for (const event of late.log) copy.apply(event);

    for (let round = 0; round < ROUNDS; round++) {
      await late.ok("hub:leave", { roomId });
      const since = copy.seq;
      const [messageId, other] = [first[round % MESSAGES], first[(round + 1) % MESSAGES]];
      late.log.length = 0;
      // The edit is the room's before the join, or comes with it; the reaction comes while the join reads.
      const edited = ann.call("hub:edit", { roomId, messageId, content: { body: `round ${round}` } });
      if (round % 2) await edited;
      const joined = late.ok("hub:join", { roomId, since, epoch: copy.welcome.epoch });
      const changes = [
        bob.call("hub:react", { roomId, messageId, emoji: "👍", remove: Boolean(Math.floor(round / MESSAGES) % 2) }),
        round % 9 === 8 ? ann.call("hub:delete", { roomId, messageId: other }) : bob.call("hub:react", { roomId, messageId: other, emoji: "🎉" }),
      ];
      await Promise.all([edited, joined, ...changes]);
      const last = (await ann.say(roomId, `after ${round}`)).seq;
      await late.until(() => late.log.some(([name, { message }]) => name === "hub:messageArrived" && message.seq === last) || undefined, `number ${last}`);
      for (const event of late.log) copy.apply(event);
      assert.equal(copy.welcome.recovered, true);
      const { messages } = await ann.ok("hub:history", { roomId, limit: 1000 });
      const truth = new Map(messages.map(({ id, content, reaction, changeSeq }) => [id, { body: content.body, emoji: (reaction ?? []).map((r) => r.emoji), changeSeq }]));
      assert.deepEqual(new Map([...copy.shown()].sort()), new Map([...truth].sort()), `round ${round}, since ${since}`);
    }
  });
});
