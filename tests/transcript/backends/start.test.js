// hubd starts before its store, cache or bus does: it waits, says for what, and goes on by itself; or gives up when it was told how long to wait.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Hubd, runToEnd, SLACK_MS } from "../harness.js";
import { PARTS } from "./rounds.js";
import { World } from "./world.js";

const GIVEN_UP_MS = 4000 + SLACK_MS; // --wait 1, and the end

describe("a start without a backend", { timeout: 300000 }, () => {
  const world = new World();
  before(() => world.start());
  afterEach(async () => {
    world.hubd?.signal("SIGKILL"); // one that a failed test has left
    world.hubd = undefined;
    await world.restore();
  });
  after(() => world.stop());

  for (const part of PARTS) {
    const inner = (title, run) => test(title, (t) => (world.missing[part] ? t.skip(world.missing[part]) : run()));

    inner(`without the ${part} it gives up after --wait, with 4 and the address`, async () => {
      await world[part].stop();
      const began = performance.now();
      const { code, output } = await runToEnd(world.dir, { ...world.options, args: ["--wait", "1"] });
      const took = performance.now() - began;
      assert.ok(took < GIVEN_UP_MS, `took ${took} ms`);
      assert.equal(code, 4, output);
      assert.match(output, new RegExp(`127\\.0\\.0\\.1[^\\n]*${world[part].port}`));
    });

    for (const how of ["stop", "pause"]) {
      inner(`without the ${part} (${how}) it waits, is not ready, and goes on when it comes`, async () => {
        await world[part][how]();
        world.hubd = await Hubd.start(world.dir, { ...world.options, args: ["--wait", "300"], waiting: true });
        await world.areAway([part]);
        assert.equal((await fetch(`${world.hubd.url}/chat`)).status, 503);
        if (how === "pause") world[part].resume();
        else await world[part].start();
        await world.ready();
        const ann = await world.member("ann", "r1");
        await ann.say("r1", "at last");
        ann.close();
        await world.hubd.stop();
      });
    }
  }
});
