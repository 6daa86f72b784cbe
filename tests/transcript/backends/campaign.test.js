// The long run of outages, `make outages`: HUBD_OUTAGE_ROUNDS of each of store, cache and bus, and of each pair in both orders, by ways and at
// times drawn from HUBD_OUTAGE_SEED, which is printed. Not part of the everyday tests.
import { describe, test } from "node:test";
import { outagesOf, PARTS, underLoad } from "./rounds.js";

const ROUNDS = Number(process.env.HUBD_OUTAGE_ROUNDS || 5);
const SEED = Number(process.env.HUBD_OUTAGE_SEED || Math.floor(Math.random() * 2 ** 32)) >>> 0;
const ROUND_MS = 600000;
const WAYS = ["kill", "pause", "stop"];
const pairs = PARTS.flatMap((first) => PARTS.filter((part) => part !== first).map((second) => [first, second]));

/** A sequence of numbers in [0, 1) that SEED decides (mulberry32). */
function dice(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One outage of the parts BACK, which return in this order. */
function drawn(back, random) {
  const upTo = (ms) => Math.floor(random() * ms);
  const one = (list) => list[upTo(list.length)];
  const gone = (random() < 0.5 ? back : [...back].reverse()).map((part) => [part, one(part === "store" ? [...WAYS, "answer", "question"] : WAYS)]);
  return { gone, back, apart: upTo(2000), away: upTo(8000), between: upTo(5000) };
}

console.log(`HUBD_OUTAGE_SEED=${SEED} HUBD_OUTAGE_ROUNDS=${ROUNDS}`);

describe("outages at any time", { timeout: (PARTS.length + pairs.length + 1) * ROUNDS * ROUND_MS }, () => {
  const world = underLoad({ front: true });
  const random = dice(SEED);

  for (const parts of [...PARTS.map((part) => [part]), ...pairs]) {
    for (let n = 1; n <= ROUNDS; n++) {
      const round = drawn(parts, random);
      test(`${parts.join(" and ")}, ${n} of ${ROUNDS}: ${JSON.stringify(round)}`, { timeout: ROUND_MS }, (t) =>
        outagesOf(world, parts, t, () => world.outage(round)));
    }
  }

  test("lose nothing that was acknowledged, deliver nothing twice, and the bus is told of every change", () => world.settle());
});
