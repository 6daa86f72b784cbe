// The examples of clients/c, and the one in its README, against a real hubd: they do what they say.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, serve, within } from "../../../../tests/transcript/harness.js";

const BUILD = process.env.HUBD_CLIENT_EXAMPLES;

const server = serve((def) => {
  def.service.clients = { id: "auth.clientId", invocations: [{ type: "measure" }] };
  def.hub.hubExtensions = {
    ...def.hub.hubExtensions,
    channels: [{ pattern: "readings", canPublish: "true", history: 10 }],
    records: [{ pattern: "board", canWrite: "true" }],
    commands: [{ name: "measure", script: { lua: "return clients.invoke('sensor-1', 'measure', {}, 3000)" } }],
  };
});

/** Runs a program until the test T ends. */
function run(t, program, ...args) {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", program, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const one = { child, output: "" };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (one.output += text));
  one.exit = new Promise((done) => child.on("close", done));
  t.after(() => child.kill("SIGKILL"));
  return one;
}

const example = (t, name, ...args) => run(t, join(BUILD, `hubd_client_${name}`), ...args);

test("the chat shows what others say, and says what is typed", async (t) => {
  const room = server.room();
  const bob = await server.member("bob", room);
  const chat = example(t, "chat", server.url, "dev:ann", room);
  const heard = bob.next("hub:messageArrived");
  chat.child.stdin.write("hello\n");
  assert.equal((await heard).message.content.body, "hello");
  await bob.ok("hub:send", { roomId: room, messageType: "text", content: { body: "hi ann" } });
  await eventually("it shows it", () => chat.output.includes(`[${room}] bob: hi ann`));
  chat.child.stdin.end();
  assert.equal(await within(60000, chat.exit, "the chat ends"), 0, chat.output);
});

test("the sensor publishes, and answers when it is asked", async (t) => {
  const sensor = example(t, "sensor", server.url, "chat", "dev:sensor-1", "sensor-1");
  await eventually("it publishes", () => sensor.output.includes("published 1"));
  const ann = await server.connect("ann");
  const { result } = await ann.ok("hub:command", { command: "measure" });
  assert.equal(typeof result.load, "number");
  sensor.child.kill("SIGTERM");
  assert.equal(await within(60000, sensor.exit, "the sensor ends"), 0, sensor.output);
});

test("the game moves without waiting", async (t) => {
  const game = example(t, "game", server.url, "chat", "dev:ann");
  assert.equal(await within(120000, game.exit, "the game ends"), 0, game.output);
  assert.match(game.output, /players 1 /);
  assert.match(game.output, /\n[1-9]\d* moves/);
});

test("the program of the README runs as it stands there", async (t) => {
  const [, program] = /^```c\n([^]*?)^```$/m.exec(readFileSync(new URL("../../README.md", import.meta.url), "utf8"));
  const place = mkdtempSync(join(tmpdir(), "hubd-readme-"));
  t.after(() => rmSync(place, { recursive: true }));
  const room = server.room();
  writeFileSync(join(place, "hello.c"), program.replace("http://127.0.0.1:8080", server.url).replaceAll('"lobby"', `"${room}"`));
  const include = new URL("../../include", import.meta.url).pathname;
  const sanitized = execFileSync("nm", ["-D", join(BUILD, "libhubd-client.so")], { encoding: "utf8" }).includes("__asan_init");
  execFileSync("cc", ["-Wall", "-Wextra", "-Werror", `-I${include}`, join(place, "hello.c"), "-o", join(place, "hello"), `-L${BUILD}`, `-Wl,-rpath,${BUILD}`, "-lhubd-client", "-ljansson", ...(sanitized ? ["-fsanitize=address,undefined"] : [])]);
  const bob = await server.member("bob", room);
  const heard = bob.next("hub:messageArrived");
  const hello = run(t, join(place, "hello"));
  assert.equal((await heard).message.content.body, "hello from C");
  await eventually("it shows its own", () => hello.output.includes("hello from C"));
});
