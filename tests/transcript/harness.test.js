// What the harness does with a hubd that does not end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { definition } from "./definition.js";
import { eventually, Hubd, removeService, writeService } from "./harness.js";

test("a process that does not end is killed, and the failure says what its threads are at", async () => {
  const dir = writeService(definition());
  const hubd = await Hubd.start(dir);
  hubd.signal("SIGSTOP");
  await assert.rejects(hubd.ended(100, "hubd ends"), (error) => {
    assert.match(error.message, /^hubd ends: not within 100 ms\n[^]*listening on[^]*\nits threads:\n(Thread \d+ .*LWP|\d+ hubd: wchan)/);
    return true;
  });
  assert.deepEqual(await hubd.exit, { code: null, signal: "SIGKILL" });
  removeService(dir);
});

test("what is waited for may come from a timer of the test itself", async () => {
  let over = false;
  setTimeout(() => (over = true), 1);
  await eventually("the timer rings", () => over);
});
