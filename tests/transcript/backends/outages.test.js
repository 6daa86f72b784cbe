// Store, cache and bus go away under load and come back, one at a time: killed, stopped, standing still; and the connection to the store breaks
// while a commit is on its way, so that nobody knows its outcome.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { outagesOf, underLoad } from "./rounds.js";

const HOW = {
  store: ["kill", "pause", "stop", "answer", "question"],
  cache: ["kill", "pause", "stop", "kill", "pause"],
  bus: ["kill", "pause", "stop", "kill", "pause"],
};

describe("an outage under load", { timeout: 850000 }, () => {
  const world = underLoad({ front: true });

  for (const [part, ways] of Object.entries(HOW)) {
    test(`of the ${part}, ${ways.length} times: refused in time or not noticed, and everything resumes`, { timeout: 600000 }, (t) =>
      outagesOf(world, [part], t, async () => {
        for (const how of ways) await world.outage({ gone: [[part, how]] });
      }));
  }

  test("that only loses the outcome of a commit, 10 times, is noticed by nobody", { timeout: 600000 }, (t) =>
    outagesOf(world, ["store"], t, async () => {
      const { refusals } = world;
      for (let i = 0; i < 10; i++) await world.blink(i % 2 ? "question" : "answer");
      assert.equal(world.refusals, refusals);
    }));

  test("loses nothing that was acknowledged, delivers nothing twice, and tells the bus of every change", () => world.settle());
});
