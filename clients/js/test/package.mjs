// What is published: how large it is, that it loads in both ways and is one package in either, that its types
// say what it is, and
// what publint and arethetypeswrong find.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const MOST = 8192; // bytes that a page loads, gzipped, beside socket.io-client
const require = createRequire(join(ROOT, "package.json"));
const run = (program, ...args) =>
  execFileSync(process.execPath, [join(ROOT, "node_modules", program), ...args], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: "pipe",
  });

test(`it is at most ${MOST} bytes`, (t) => {
  for (const entry of ["index", "react", "streams", "inbox"]) {
    for (const format of ["esm", "cjs"]) {
      const size = gzipSync(readFileSync(join(ROOT, "dist", format, `${entry}.js`)), { level: 9 }).length;
      t.diagnostic(`${format}/${entry}.js: ${size}`);
      if (entry === "index" && format === "esm") assert.ok(size <= MOST, `${size} bytes`);
    }
  }
});

test("it loads by import and by require, with one class of errors", async () => {
  for (const load of [(name) => import(name), (name) => Promise.resolve(require(name))]) {
    const { createClient, HubError } = await load("@hubd/client");
    const { openStream } = await load("@hubd/client/streams");
    const { openInbox } = await load("@hubd/client/inbox");
    const react = await load("@hubd/client/react");
    assert.deepEqual(
      Object.keys(react)
        .filter((name) => name.startsWith("use"))
        .sort(),
      ["usePresence", "useRecord", "useRoom"],
    );
    const hub = createClient({ url: "http://127.0.0.1:9", hub: "chat" });
    hub.close();
    for (const one of [openStream(hub, { command: "x" }), hub.join("r1")])
      await assert.rejects(one, (error) => error instanceof HubError && error.code === "closed");
    assert.equal(typeof openInbox, "function");
  }
});

test("its types are right, those of a hub included", () => run("typescript/bin/tsc", "-p", "."));

test("its declarations compile by themselves, with nothing skipped", (t) => {
  const folder = mkdtempSync(join(ROOT, "build/consumer-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const entries = ["", "/react", "/streams", "/inbox"];
  const source = entries.map((entry, i) => `export * as e${i} from "@hubd/client${entry}";\n`);
  const files = ["consumer.mts", "consumer.cts"].map((name) => join(folder, name));
  for (const file of files) writeFileSync(file, source.join(""));
  const options = "--strict --noEmit --module nodenext --target es2022 --skipLibCheck false".split(" ");
  try {
    run("typescript/bin/tsc", ...options, ...files);
  } catch ({ stdout }) {
    assert.fail(stdout);
  }
});

test("publint finds nothing", async () => {
  const { messages, pkg } = await publint({ pkgDir: ROOT, pack: false });
  assert.deepEqual(
    messages.map((message) => formatMessage(message, pkg)),
    [],
  );
});

test("arethetypeswrong finds nothing", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "hubd-client-pack-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [{ filename, files }] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
      cwd: ROOT,
      encoding: "utf8",
    }),
  );
  run("@arethetypeswrong/cli/dist/index.js", join(folder, filename), "--profile", "node16", "--format", "ascii");
  const names = files.map(({ path }) => path);
  assert.ok(names.includes("README.md") && names.includes("LICENSE"), "readme and licence are in it");
  assert.deepEqual(
    names.filter((name) => !/^(dist\/|package\.json$|README\.md$|LICENSE$)/.test(name)),
    [],
  );
});
