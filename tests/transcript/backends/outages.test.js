// Store, cache and bus go away under load and come back, one at a time: killed, stopped, and standing still.
import { after, before, describe, test } from "node:test";
import { growth, PARTS } from "./rounds.js";
import { World } from "./world.js";

const HOW = ["kill", "pause", "stop", "kill", "pause"];

describe("an outage under load", { timeout: 600000 }, () => {
  const world = new World();
  before(async () => {
    await world.start();
    await world.startHub();
    await world.load();
    await world.progress(500);
  });
  after(() => world.stop());

  for (const part of PARTS) {
    test(`of the ${part}, ${HOW.length} times: refused in time or not noticed, and everything resumes`, async () => {
      const check = growth(world);
      for (const how of HOW) await world.outage([part], how);
      check();
    });
  }

  test("loses nothing that was acknowledged, delivers nothing twice, and tells the bus of every change", () => world.settle());
});
