// hubd and the machine it runs on: files that lead nowhere, limits of the operating system, a stderr that takes nothing.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import { definition } from "./definition.js";
import { embeddedOnly, eventually, removeService, ROOT, serving, within, writeService } from "./harness.js";
import { Tcp } from "./raw.js";

test("a link in public/ that leads nowhere is left out, and said once", () => {
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
    for (const name of ["gone.html", "loop.html", "deep/folder"]) {
      const lines = server.hubd.output.match(new RegExp(`warning\\[S036\\]: not served, for the link leads nowhere: \\S*/public/${name}\\n`, "g"));
      assert.equal(lines?.length, 1, name);
      assert.equal(server.hubd.output.split(`/public/${name}`).length, 2, name);
    }
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

describe("a stderr that nobody reads", () => {
  const BAD = 3000;

  /** Many requests that each cause a line, over one connection after the other. */
  async function badRequests(server, n) {
    const one = () =>
      new Promise((done, failed) => {
        const socket = connect(server.port, "127.0.0.1", () => socket.write("nonsense\r\n\r\n"));
        socket.on("error", failed).on("close", done).resume();
      });
    for (let i = 0; i < n; i += 100) await within(20000, Promise.all(Array.from({ length: 100 }, one)), "bad requests are answered");
  }

  for (const level of ["info", "debug"]) {
    test(`holds up no member (--log-level ${level})`, () =>
      serving(
        undefined,
        async (server) => {
          const { hubd } = server;
          const roomId = server.room();
          const ann = await server.member("ann", roomId);
          hubd.child.stderr.pause();
          await badRequests(server, BAD);
          if (level === "debug") {
            // A debug line for each decision, which is never left out: more than the pipe and what waits hold.
            const tcp = await Tcp.open(server.port);
            const request = `GET /chat/rooms/${roomId} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer dev:ann\r\n`;
            tcp.write(`${request}\r\n`.repeat(5000)).write(`${request}Connection: close\r\n\r\n`);
            await tcp.end();
            await eventually("lines are dropped", async () => !/^hubd_log_dropped_total 0$/m.test((await server.rest("GET", "/metrics")).text));
          }
          await ann.say(roomId, "still here");
          const { text } = await server.rest("GET", "/metrics");
          assert.ok(Number(/^hubd_log_suppressed_total (\d+)$/m.exec(text)[1]) >= BAD - 100, text);
          const from = hubd.output.length;
          hubd.child.stderr.resume();
          if (level === "debug") await hubd.printed(/log: lines were dropped here: stderr did not take them number=\d+/, from);
        },
        { args: ["--log-level", level] },
      ));
  }

  test("does not hold up the end, and what is read gets the last lines", () =>
    serving(undefined, async (server) => {
      await badRequests(server, 100);
      server.hubd.signal("SIGTERM");
      await server.hubd.ended(30000, "hubd ends");
      assert.match(server.hubd.output, /transport: further lines like this one were left out number=\d+ line="request refused"/);
    }));
});

test("a scheduled action that fails each time is logged now and then, with the number between", () =>
  serving(
    (def) => {
      def.hub.hubLogic = { scheduledActions: [{ name: "broken", intervalMs: 100, script: { lua: 'error("each time")' } }] };
    },
    async (server) => {
      await server.member("ann", server.room());
      const { hubd } = server;
      const suppressed = async () => Number(/^hubd_log_suppressed_total (\d+)$/m.exec((await server.rest("GET", "/metrics")).text)[1]);
      await eventually("lines are left out", async () => (await suppressed()) >= 20);
      assert.ok(hubd.output.match(/hook failed/g).length <= 22, hubd.output);
    },
  ));

// The first socket would have been descriptor 2 otherwise, and the log would have been written into it.
test("without stderr the log goes nowhere, and into no connection", { skip: embeddedOnly("started by hand") }, async () => {
  const dir = writeService(definition());
  const program = process.env.HUBD ? resolve(process.env.HUBD) : join(ROOT, "build/dev/hubd");
  const child = spawn("sh", ["-c", 'exec "$0" "$1" 2>&-', program, dir], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const listening = new Promise((done) => child.stdout.setEncoding("utf8").on("data", (text) => /listening/.test(text) && done()));
    await within(30000, listening, "hubd listens");
    assert.match(readlinkSync(`/proc/${child.pid}/fd/2`), /^\/dev\/null$/);
  } finally {
    child.kill("SIGKILL");
    removeService(dir);
  }
});
