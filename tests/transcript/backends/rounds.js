// What the files about outages share.
import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import { World } from "./world.js";

export const PARTS = ["store", "cache", "bus"];
const GROWTH_KB = 64 * 1024;

/** A hub under load during the enclosing suite. OPTIONS are those of World.startHub(). */
export function underLoad(options) {
  const world = new World();
  before(async () => {
    await world.start();
    await world.startHub(options);
    await world.load();
    await world.progress(500);
  });
  afterEach(() => world.restore());
  after(() => world.stop());
  return world;
}

/** Outages of PARTS: BODY() takes place, memory stays bounded; skipped where one of the servers cannot be had. */
export async function outagesOf(world, parts, t, body) {
  const missing = parts.map((part) => world.missing[part]).find(Boolean);
  if (missing) {
    t.skip(missing);
    return;
  }
  const before = world.memory();
  await body();
  const grown = world.memory() - before;
  assert.ok(grown < GROWTH_KB, `hubd grew by ${grown} kB`);
}
