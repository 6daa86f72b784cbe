// hubd and the machine it runs on: files that lead nowhere, limits of the operating system.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { embeddedOnly, eventually, serving } from "./harness.js";

test("a link in public/ that leads nowhere is left out, and said", () => {
  const prepare = (dir) => {
    mkdirSync(join(dir, "public/deep"), { recursive: true });
    writeFileSync(join(dir, "public/index.html"), "<p>here</p>");
    symlinkSync("missing.html", join(dir, "public/gone.html"));
    symlinkSync("loop.html", join(dir, "public/loop.html"));
    symlinkSync("index.html", join(dir, "public/good.html"));
    symlinkSync("/nowhere/at/all", join(dir, "public/deep/folder"));
  };
  const body = async (server) => {
    const status = async (path) => (await fetch(server.url + path)).status;
    for (const path of ["/", "/good.html"]) assert.equal(await status(path), 200, path);
    for (const path of ["/gone.html", "/loop.html", "/deep/folder"]) assert.equal(await status(path), 404, path);
    for (const name of ["gone.html", "loop.html", "deep/folder"]) assert.match(server.hubd.output, new RegExp(`leads nowhere path=\\S*/public/${name}`));
  };
  return serving(undefined, body, { prepare });
});

describe("a limit on the size of files (ulimit -f)", { skip: embeddedOnly("the store is a file") }, () => {
  test("is a store that is away, not the end of the process", () =>
    serving(
      (def) => (def.hub.guardrails = { messageRateLimit: 100000 }),
      async (server) => {
        const roomId = server.room();
        const ann = await server.member("ann", roomId);
        const limit = (bytes) => execFileSync("prlimit", ["--pid", `${server.hubd.pid}`, `--fsize=${bytes}:unlimited`]);
        const send = (body) => ann.call("hub:send", { roomId, messageType: "text", content: { body } });
        limit(65536);
        let answer;
        await eventually("the file is full", async () => !(answer = await send("x".repeat(1000))).ok);
        assert.equal(answer.error.code, "store_unavailable");
        limit("unlimited");
        await eventually("the store is back", async () => (await send("again")).ok);
        assert.equal((await server.rest("GET", "/readyz")).status, 200);
      },
    ));
});
