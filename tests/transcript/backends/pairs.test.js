// Two of store, cache and bus are away at the same time, and come back in either order.
import { describe, test } from "node:test";
import { outagesOf, underLoad } from "./rounds.js";

const ROUNDS = [
  [["store", "cache"], "kill"],
  [["cache", "store"], "pause"],
  [["store", "bus"], "stop"],
  [["bus", "store"], "kill"],
  [["cache", "bus"], "pause"],
  [["bus", "cache"], "stop"],
];

describe("an outage of two under load", { timeout: 850000 }, () => {
  const world = underLoad();

  for (const [parts, how] of ROUNDS) {
    test(`${parts.join(" and ")} (${how}), back in that order`, { timeout: 600000 }, (t) =>
      outagesOf(world, parts, t, () => world.outage({ gone: parts.map((part) => [part, how]), back: parts })));
  }

  test("loses nothing that was acknowledged, delivers nothing twice, and tells the bus of every change", () => world.settle());
});
