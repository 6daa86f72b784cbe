// The examples of docs/namespaces.md, as they stand there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ROOT, serve } from "./harness.js";

const page = readFileSync(join(ROOT, "docs/namespaces.md"), "utf8");

/** Serves the example below HEADING ("": the first of the page). */
function serveExample(heading) {
  const [, block] = /```yaml\n([^]*?)```/.exec(page.slice(heading ? page.indexOf(`\n## ${heading}\n`) : 0));
  return serve((def) => {
    const others = Object.entries(def.service).filter(([key]) => key !== "namespaces");
    def.files = { ...def.files, "service.yaml": `${others.map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`).join("")}${block}` };
  });
}

describe("the page on namespaces", () => {
  const lobby = serveExample("");
  test("has a lobby", async () => {
    const [ann, bob] = [await lobby.connect("ann", { namespace: "/lobby" }), await lobby.connect("bob", { namespace: "/lobby" })];
    assert.equal(await ann.next("welcome"), "ann");
    ann.emit("say", "hello");
    await bob.next("said");
    assert.deepEqual(bob.log.at(-1), ["said", "ann", "hello"]);
    assert.equal(await ann.call("add", 1, 2), 3);
  });

  describe("has a game table", () => {
    const server = serveExample("A game table");
    test("with moves, news and draws", async () => {
      const sit = async (name) => {
        const peer = await server.connect(undefined, { namespace: "/table", query: { name } });
        return [peer, await peer.call("sit", "g1")];
      };
      const [[ann, one], [bob, two], [cid, three]] = [await sit("ann"), await sit("bob"), await sit("cid")];
      assert.deepEqual([one, two, three], [1, 2, 3]);
      assert.deepEqual(await cid.call("mute"), ["g1", "players", "muted"]);
      ann.emit("move", "g1", "e4");
      ann.emit("tell", "round two");
      for (const peer of [ann, bob, cid]) await peer.next("news");
      assert.deepEqual([ann, bob, cid].map((peer) => peer.log.filter(([name]) => name === "moved").length), [0, 1, 0]);
      bob.socket.on("draw?", (who, answer) => answer(`no, ${who}`));
      assert.equal(await ann.call("offerDraw", "g1"), "no, ann");
    });
  });

  describe("has names by expression", () => {
    const server = serveExample("Names by expression");
    test("each by itself", async () => {
      const where = async (namespace) => (await server.connect(undefined, { namespace })).call("where");
      assert.deepEqual([await where("/chat/lobby"), await where("/chat/red")], ["the lobby", "/chat/red"]);
      assert.equal((await server.open(undefined, { namespace: "/chat/Red" }).refusal()).message, "Invalid namespace");
    });
  });

  describe("has a list of what is sent", () => {
    const server = serveExample("What is sent");
    test("in the log", async () => {
      const peer = await server.connect(undefined, { namespace: "/audited" });
      peer.emit("buy", "bread");
      assert.equal(await peer.next("bought"), "bread");
      await server.hubd.printed(/sold .*bread/);
    });
  });

  describe("has clients that come back", () => {
    const server = serveExample("Clients that come back");
    test("to what they followed", async () => {
      const [one, two] = [await server.connect(undefined, { namespace: "/feed" }), await server.connect(undefined, { namespace: "/feed" })];
      await one.next("hello");
      await one.call("follow", "cats");
      one.connect = one.disconnect = undefined;
      one.socket.io.engine.close();
      await one.disconnected();
      await two.call("post", "cats", "a cat");
      one.socket.connect();
      await one.connected();
      assert.equal(one.socket.recovered, true);
      assert.equal(await one.next("posted"), "a cat");
      assert.deepEqual(await one.call("topics"), ["cats"]);
      assert.equal(one.log.filter(([name]) => name === "hello").length, 1);
    });
  });
});
