// What hubctl types writes passes the compilers of its languages; what is wrong does not.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import Ajv from "ajv/dist/2020.js";
import formats from "ajv-formats";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "../..");
const HUBCTL = process.env.HUBCTL;
const FEATURES = join(HERE, "services/features");
const folder = mkdtempSync(join(tmpdir(), "hubd-types-"));
after(() => rmSync(folder, { recursive: true }));

const hubctl = (...args) => execFileSync(HUBCTL, args, { encoding: "utf8", maxBuffer: 1 << 26 });
const examples = readdirSync(join(ROOT, "hubs"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "templates")
  .map((entry) => join(ROOT, "hubs", entry.name));
const services = [...examples, FEATURES];

function passes(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", ...options });
  assert.equal(status, 0, `${error ?? ""}${stdout}${stderr}`);
}

function tsc(files, paths = {}) {
  const config = join(folder, "tsconfig.json");
  const compilerOptions = {
    strict: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    target: "es2022",
    module: "esnext",
    moduleResolution: "bundler",
    lib: ["es2022", "dom", "dom.iterable"],
    types: [],
    paths: { "socket.io-client": [join(HERE, "node_modules/socket.io-client")], ...paths },
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, files }));
  passes(process.execPath, [join(HERE, "node_modules/typescript/bin/tsc"), "-p", config]);
}

test("TypeScript of every example compiles under --strict", () => {
  tsc(
    services.map((dir, i) => {
      const file = join(folder, `example${i}.ts`);
      hubctl("types", dir, "--lang", "ts", "--out", file);
      return file;
    }),
  );
});

test("the stock client and @hubd/client take the types, and nothing that is wrong", () => {
  hubctl("types", FEATURES, "--lang", "ts", "--out", join(folder, "chat.ts"));
  const files = ["stock.ts", "client.ts"].map((name) => join(folder, name));
  for (const file of files) copyFileSync(join(HERE, "use", file.slice(folder.length + 1)), file);
  tsc(files, { "@hubd/client": [join(ROOT, "clients/js/src/index.ts")] });
});

test("Python passes mypy --strict", (t) => {
  if (spawnSync("mypy", ["--version"]).error) return t.skip("mypy is not installed (Debian: apt-get install mypy)");
  const files = services.map((dir, i) => {
    const file = join(folder, dir === FEATURES ? "chat.py" : `example${i}.py`);
    hubctl("types", dir, "--lang", "python", "--out", file);
    return file;
  });
  copyFileSync(join(HERE, "use/use.py"), join(folder, "use.py"));
  passes("mypy", ["--strict", "--cache-dir=/dev/null", ...files, join(folder, "use.py")], { cwd: folder });
  for (const file of files) passes("python3", [file]);
});

test("C compiles without a warning", () => {
  for (const dir of services) {
    const file = join(folder, "one.c");
    hubctl("types", dir, "--lang", "c", "--out", join(folder, "chat.h"));
    writeFileSync(file, '#include "chat.h"\n');
    passes("cc", ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", file], { cwd: folder });
  }
  copyFileSync(join(HERE, "use/use.c"), join(folder, "use.c"));
  passes("cc", ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "use.c"], { cwd: folder });
});

test("JSON Schema is 2020-12, and tells contents apart", () => {
  for (const dir of services) {
    const schema = JSON.parse(hubctl("types", dir, "--lang", "jsonschema"));
    const ajv = new Ajv({ strict: false, formats: { binary: true } });
    formats(ajv);
    ajv.addSchema(schema, "types");
    for (const name of Object.keys(schema.$defs)) ajv.compile({ $ref: `types#/$defs/${name}` });
    if (dir !== FEATURES) continue;
    const input = (type) => ajv.compile({ $ref: `types#/$defs/ChatInput/properties/${type}` });
    assert.ok(input("bid")({ amount: 1, currency: "EUR" }));
    for (const wrong of [{ amount: 1 }, { amount: "1", currency: "EUR" }, { amount: 1, currency: "GBP" }, { amount: 1, currency: "EUR", x: 1 }])
      assert.ok(!input("bid")(wrong), JSON.stringify(wrong));
    const send = ajv.compile({ $ref: "types#/$defs/ChatClientToServer/properties/hub:send/properties/payload" });
    assert.ok(send({ roomId: "r", messageType: "text", content: { body: "hi" } }));
    assert.ok(!send({ roomId: "r", messageType: "text", content: {} }));
  }
});

test("what is there is compared, and what is stale fails", () => {
  const file = join(folder, "checked.ts");
  const check = () => spawnSync(HUBCTL, ["types", FEATURES, "--lang", "ts", "--out", file, "--check"]).status;
  hubctl("types", FEATURES, "--lang", "ts", "--out", file);
  assert.equal(check(), 0);
  writeFileSync(file, `${readFileSync(file)}\n`);
  assert.equal(check(), 1);
  rmSync(file);
  assert.equal(check(), 1);
  assert.equal(spawnSync(HUBCTL, ["types", FEATURES, "--lang", "cobol"]).status, 2);
  assert.equal(spawnSync(HUBCTL, ["types", FEATURES, "--lang", "ts", "--check"]).status, 2);
  assert.equal(spawnSync(HUBCTL, ["types", join(folder, "nowhere"), "--lang", "ts"]).status, 2);
  writeFileSync(join(folder, "service.yaml"), "service: {name: broken}\nnonsense: 1\n");
  assert.equal(spawnSync(HUBCTL, ["types", folder, "--lang", "ts"]).status, 3);
});
