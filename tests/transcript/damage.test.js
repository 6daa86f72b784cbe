// A damaged SQLite file under a running hubd: whoever looks at readiness, the log or the metrics sees it.
import assert from "node:assert/strict";
import { closeSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { embeddedOnly, serving } from "./harness.js";

/** Overwrites every page but the first ones, which hold the tables' names. */
function damage(file) {
  const fd = openSync(file, "r+");
  const junk = Buffer.alloc(4096, 0xa5);
  for (let at = 2 * 4096; at + 4096 <= statSync(file).size; at += 4096) writeSync(fd, junk, 0, 4096, at);
  closeSync(fd);
}

describe("a damaged database file", { skip: embeddedOnly("a file") }, () => {
  test("is said in the log, in /readyz and in the metrics when a join meets it", async () => {
    await serving(undefined, async (server) => {
      const ready = async () => (await fetch(`${server.url}/readyz`)).json();
      await server.hubd.stop(); // brings everything from the log to the file
      await server.start();
      assert.equal((await ready()).ready, true);
      damage(join(server.dir, "data/test.db"));
      const ann = await server.connect("ann");
      await ann.refused("store_unavailable", "hub:join", { roomId: "r1" });
      await server.hubd.printed(/error store: [^\n]*damaged[^\n]*malformed/);
      const { ready: isReady, notReady } = await ready();
      assert.equal(isReady, false);
      assert.match(JSON.stringify(notReady), /store.*malformed.*restore a backup/);
      assert.match(await (await fetch(`${server.url}/metrics`)).text(), /^hubd_store_faults_total [1-9]/m);
    });
  });
});
