// Two of store, cache and bus are away at the same time, and come back in either order.
import { after, before, describe, test } from "node:test";
import { growth } from "./rounds.js";
import { World } from "./world.js";

const ROUNDS = [
  [["store", "cache"], "kill"],
  [["cache", "store"], "pause"],
  [["store", "bus"], "stop"],
  [["bus", "store"], "kill"],
  [["cache", "bus"], "pause"],
  [["bus", "cache"], "stop"],
];

describe("an outage of two under load", { timeout: 600000 }, () => {
  const world = new World();
  before(async () => {
    await world.start();
    await world.startHub();
    await world.load();
    await world.progress(500);
  });
  after(() => world.stop());

  for (const [parts, how] of ROUNDS) {
    test(`${parts.join(" and ")} (${how}), back in that order`, async () => {
      const check = growth(world);
      await world.outage(parts, how);
      check();
    });
  }

  test("loses nothing that was acknowledged, delivers nothing twice, and tells the bus of every change", () => world.settle());
});
