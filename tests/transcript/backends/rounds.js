// What the files about outages share.
import assert from "node:assert/strict";

export const PARTS = ["store", "cache", "bus"];
const GROWTH_KB = 64 * 1024;

/** Call it before some outages, and what it returns after them: memory stays bounded. */
export function growth(world) {
  const before = world.memory();
  return () => {
    const grown = world.memory() - before;
    assert.ok(grown < GROWTH_KB, `hubd grew by ${grown} kB`);
  };
}
