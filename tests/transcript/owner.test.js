// One store, one owner: a second hubd of the service waits, is not ready, says for whom, and takes over when the first one ends, however it ends.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { embeddedOnly, Hubd, runSql, runToEnd, serving, writeService } from "./harness.js";
import { Peer } from "./peer.js";

/** Why a test about the name that the file carries is skipped: tmpfs keeps such attributes from Linux 6.6 on. */
function namesOfTheFile() {
  const [major, minor] = release().split(".").map(Number);
  const type = execFileSync("stat", ["--file-system", "--format=%T", tmpdir()], { encoding: "utf8" }).trim();
  if (type === "tmpfs" && major * 100 + minor < 606) return "tmpfs of this kernel keeps no user attributes";
  return embeddedOnly("names of the file");
}

/** The answer of /readyz. */
async function readiness(hubd) {
  const response = await fetch(`${hubd.url}/readyz`);
  return { status: response.status, ...(await response.json()) };
}

/** A second hubd on the service of SERVER, as soon as it waits. */
const second = (server, options) => Hubd.start(server.dir, { waiting: true, ...options });

const takeOver = (hubd) => hubd.printed(/listening on https?:/, 0, 30000);

async function joinAndSay(hubd, room, text) {
  const peer = new Peer(`${hubd.url}/hub/chat`, { auth: { token: "dev:ann" } });
  try {
    await peer.connected();
    await peer.ok("hub:join", { roomId: room });
    return await peer.say(room, text);
  } finally {
    peer.close();
  }
}

describe("a second process of a service", () => {
  for (const [how, end] of [
    ["is stopped", (hubd) => hubd.stop()],
    ["is killed with -9", (hubd) => hubd.kill()],
  ]) {
    test(`waits, says for whom, and takes over when the first ${how}`, async () => {
      await serving(undefined, async (server) => {
        const first = server.hubd;
        const one = await joinAndSay(first, "r1", "from the first");
        const other = await second(server);
        try {
          await other.printed(/waiting[^\n]*since 20\d\d-/);
          const { status, ready, notReady } = await readiness(other);
          assert.equal(status, 503);
          assert.equal(ready, false);
          assert.match(JSON.stringify(notReady), /store.*since 20\d\d-/);
          if (!embeddedOnly("")) assert.match(JSON.stringify(notReady), new RegExp(`pid ${first.pid} on host `));
          const refused = new Peer(`${other.url}/hub/chat`, { auth: { token: "dev:bob" }, reconnection: false });
          await assert.rejects(refused.connected());
          refused.close();
          assert.equal((await readiness(first)).status, 200);
          await end(first);
          server.hubd = undefined;
          await takeOver(other);
          assert.equal((await readiness(other)).status, 200);
          assert.equal((await joinAndSay(other, "r1", "from the second")).seq, one.seq + 1);
          await other.stop();
        } finally {
          other.signal("SIGKILL");
        }
      });
    });
  }

  test("is found out by whatever name it uses for the file", { skip: embeddedOnly("names of the file") }, async () => {
    await serving(undefined, async (server) => {
      const data = join(server.dir, "data"), file = join(data, "test.db"), aside = join(server.dir, "aside");
      mkdirSync(aside);
      symlinkSync(data, join(aside, "folder"));
      symlinkSync(file, join(aside, "soft.db"));
      linkSync(file, join(aside, "hard.db"));
      for (const name of ["folder/test.db", "soft.db", "hard.db", "../aside/../data/./test.db"]) {
        const other = await second(server, { args: ["--set", `store.url=sqlite:${join(aside, ".") + "/" + name}`] });
        assert.equal((await readiness(other)).status, 503);
        await other.stop();
      }
      assert.equal((await readiness(server.hubd)).status, 200);
    });
  });

  // SQLite keeps its log beside the name by which it opened the file: by another name, what a killed process wrote last was not seen, and what
  // was written then was lost with the next start.
  test("takes over by another name of the file, with what a killed process wrote last", { skip: namesOfTheFile() }, async () => {
    await serving(undefined, async (server) => {
      const data = join(server.dir, "data"), aside = join(server.dir, "aside");
      mkdirSync(aside);
      linkSync(join(data, "test.db"), join(aside, "hard.db"));
      const one = await joinAndSay(server.hubd, "r1", "from the first");
      const other = await second(server, { args: ["--set", `store.url=sqlite:${join(aside, "hard.db")}`] });
      try {
        assert.match(JSON.stringify(await readiness(other)), new RegExp(`pid ${server.hubd.pid} on host `));
        await server.hubd.kill();
        await takeOver(other);
        assert.equal((await joinAndSay(other, "r1", "from the second")).seq, one.seq + 1);
        await other.kill();
      } finally {
        other.signal("SIGKILL");
      }
      assert.deepEqual(readdirSync(aside), ["hard.db"], "and no second log");
      await server.start();
      assert.equal((await joinAndSay(server.hubd, "r1", "from the third")).seq, one.seq + 2);
    });
  });

  test("does not begin on a file that was moved without its log", { skip: namesOfTheFile() }, async () => {
    await serving(undefined, async (server) => {
      const file = join(server.dir, "data/test.db"), moved = join(server.dir, "moved.db"), args = ["--set", `store.url=sqlite:${moved}`];
      const one = await joinAndSay(server.hubd, "r1", "acknowledged");
      await server.hubd.kill();
      renameSync(file, moved);
      const { code, output } = await runToEnd(server.dir, { args });
      assert.equal(code, 4);
      assert.match(output, /was last written to it is still in [^\n]*data\/test\.db-wal; move that beside it/);
      renameSync(`${file}-wal`, `${moved}-wal`);
      await server.start({ args });
      assert.equal((await joinAndSay(server.hubd, "r1", "after")).seq, one.seq + 1);
    });
  });

  // A copy carries the attributes of its original, and a stale log may lie where that was.
  test("begins on a copy, whatever lies where its original was", { skip: namesOfTheFile() }, async () => {
    await serving(undefined, async (server) => {
      const file = join(server.dir, "data/test.db"), copy = join(server.dir, "copy.db");
      const one = await joinAndSay(server.hubd, "r1", "acknowledged");
      await server.hubd.stop();
      execFileSync("cp", ["--archive", file, copy]);
      await server.start();
      await server.hubd.kill();
      unlinkSync(file);
      assert.ok(statSync(`${file}-wal`).size, "a log without its file");
      await server.start({ args: ["--set", `store.url=sqlite:${copy}`] });
      assert.equal((await joinAndSay(server.hubd, "r1", "after")).seq, one.seq + 1);
    });
  });

  test("changes no table while it waits", async () => {
    await serving(undefined, async (server) => {
      server.def.service.dataObjects[0].properties.push({ name: "later", type: "String" });
      writeService(server.def, server.dir);
      const other = await second(server);
      try {
        await other.printed(/waiting[^\n]*since 20\d\d-/);
        await runSql(server.dir, 'ALTER TABLE "conversation" ADD COLUMN "later" VARCHAR(255)'); // fails where it is there
        await server.hubd.stop();
        server.hubd = undefined;
        await takeOver(other);
        await other.stop();
      } finally {
        other.signal("SIGKILL");
      }
    });
  });

  // On PostgreSQL the reload was accepted, and the whole service gave up what it had.
  test("is not given a hub by a reload, and goes on with its own", async () => {
    await serving(undefined, async (server) => {
      const file = join(server.dir, "chat.hub.yaml"), aside = join(server.dir, "chat.hub.aside");
      const talk = structuredClone(server.def.hub);
      talk.hubBasics.name = "talk";
      writeFileSync(join(server.dir, "talk.hub.yaml"), JSON.stringify(talk));
      renameSync(file, aside);
      const other = await Hubd.start(server.dir, { args: ["--set", "service.name=other"] });
      try {
        renameSync(aside, file);
        const free = structuredClone(talk);
        free.hubBasics.name = "alpha";
        writeFileSync(join(server.dir, "alpha.hub.yaml"), JSON.stringify(free));
        other.signal("SIGHUP");
        await other.printed(/error server: reload refused[^\n]*since 20\d\d-/);
        const peer = new Peer(`${other.url}/hub/talk`, { auth: { token: "dev:ann" } });
        await peer.connected();
        await peer.ok("hub:join", { roomId: "r1" });
        await peer.say("r1", "still here");
        peer.close();
        for (const hubd of [server.hubd, other]) assert.equal((await readiness(hubd)).status, 200);
        for (const name of ["chat", "talk"]) renameSync(join(server.dir, `${name}.hub.yaml`), join(server.dir, `${name}.aside`));
        const third = await Hubd.start(server.dir, { args: ["--set", "service.name=third"] }); // a hub of the refused reload is free
        await third.stop();
        await other.stop();
      } finally {
        other.signal("SIGKILL");
      }
    });
  });

  test("gives up after --wait with exit code 4", async () => {
    await serving(undefined, async (server) => {
      const other = await second(server, { args: ["--wait", "2"] });
      const { code } = await other.ended(20000, "it gives up");
      assert.equal(code, 4);
      assert.match(other.output, /since 20\d\d-/);
    });
  });
});
