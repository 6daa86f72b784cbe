// hubctl diff: what has changed, and whom it breaks. The cases are data: edits of services/features, and what is found.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const FEATURES = join(HERE, "services/features");
const cases = JSON.parse(readFileSync(join(HERE, "diff.cases.json"), "utf8"));
const folder = mkdtempSync(join(tmpdir(), "hubd-diff-"));
after(() => rmSync(folder, { recursive: true }));

const diff = (...args) => spawnSync(process.env.HUBCTL, ["diff", ...args], { encoding: "utf8" });

let made = 0;
function edited(edits) {
  const dir = join(folder, `${made++}`);
  cpSync(FEATURES, dir, { recursive: true });
  for (const [name, from, to] of edits) {
    const file = join(dir, name);
    const text = readFileSync(file, "utf8");
    assert.ok(text.includes(from), `${name} has no ${from}`);
    writeFileSync(file, text.replace(from, to));
  }
  return dir;
}

for (const { name, edit, finds, allow, code } of cases) {
  test(name, () => {
    const { status, stdout, stderr } = diff(FEATURES, edited(edit), "--format", "json", ...(allow ? ["--allow", allow] : []));
    assert.equal(stderr, "");
    const { formatVersion, differences } = JSON.parse(stdout);
    assert.equal(formatVersion, "1.0");
    assert.deepEqual(differences.map(({ grades, rights, path }) => [grades.join(" "), rights ?? "", path]), finds);
    assert.equal(status, code ?? (finds.some(([grades]) => grades) ? 1 : 0));
    for (const { message, ...places } of differences) {
      assert.ok(message);
      for (const place of [places.old, places.new].filter(Boolean)) assert.ok(place.line > 0 && place.text && !place.file.startsWith("/"), JSON.stringify(place));
    }
  });
}

test("nothing has changed: nothing is said", () => {
  const { status, stdout } = diff(FEATURES, FEATURES);
  assert.deepEqual([status, stdout], [0, ""]);
});

test("text and annotations name both places", () => {
  const dir = edited([["chat.hub.yaml", "canModerate: true", "canModerate: false"]]);
  const line = "hubRoles: [{name: mod, canModerate: true}, {name: member}]";
  const text = diff(FEATURES, dir).stdout;
  assert.equal(
    text,
    `rights (less): hubs[chat].hubRoles[mod].canModerate true is false now\n    old chat.hub.yaml:6: ${line}\n    new chat.hub.yaml:6: ${line.replace("true", "false")}\n`,
  );
  const { stdout } = diff(FEATURES, dir, "--format", "github");
  assert.match(stdout, /^::error file=.*chat\.hub\.yaml,line=6::hubs\[chat\]\.hubRoles\[mod\]\.canModerate true is false now; breaks rights \(less\)\n$/);
});

test("a state of the past comes from git, also of a folder within a repository", () => {
  const root = join(folder, "repository");
  const git = (...args) => execFileSync("git", ["-C", root, "-c", "user.name=t", "-c", "user.email=t@example.com", ...args], { stdio: "pipe" });
  cpSync(FEATURES, join(root, "service"), { recursive: true });
  git("init", "-q");
  git("add", ".");
  git("commit", "-qm", "As it was");
  const dir = join(root, "service");
  const left = () => readdirSync("/tmp").filter((name) => name.startsWith("hubctl-diff-"));
  const before = left();
  assert.equal(diff(dir, "--against", "HEAD").status, 0);
  const file = join(dir, "chat.hub.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replace("EUR,USD", "EUR"));
  assert.match(diff(dir, "--against", "HEAD").stdout, /^data, clients: .*\[currency\] has a value less\n/);
  for (const ref of ["nowhere", "--output=x", "-h"]) assert.equal(diff(dir, `--against=${ref}`).status, 2, ref);
  assert.deepEqual(left().filter((name) => !before.includes(name)), []);
});

test("exit codes tell usage and definitions apart", () => {
  assert.equal(diff(FEATURES).status, 2);
  assert.equal(diff(FEATURES, FEATURES, FEATURES).status, 2);
  assert.equal(diff(FEATURES, join(folder, "nowhere")).status, 2);
  assert.equal(diff(FEATURES, FEATURES, "--allow", "everything").status, 2);
  assert.equal(diff(FEATURES, edited([["chat.hub.yaml", "hubRoles:", "hubRole:"]])).status, 3);
});
