// Where a server of the tests cannot be had, what needs it is skipped with the reason, and what does not still runs; with CI=true it fails with
// the same reason. In either case at once.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./server.js";

const MAIN = join(dirname(fileURLToPath(import.meta.url)), "main.js");
const SKIPPED = 77;
const SLOW_MS = 180000;
const NOWHERE = "http://127.0.0.1:9/"; // nobody listens there

/** A folder with every program of PATH but those NAMES. */
function pathWithout(...names) {
  const dir = temporaryFolder("path");
  for (const folder of process.env.PATH.split(":").reverse()) {
    try {
      for (const name of readdirSync(folder)) {
        if (names.includes(name)) continue;
        try {
          symlinkSync(join(folder, name), join(dir, name));
        } catch {
          // the same name in another folder
        }
      }
    } catch {
      // no such folder
    }
  }
  return dir;
}

/** Maven that has nothing yet, and asks a repository that is away. */
function withoutRepository() {
  const home = temporaryFolder("home");
  mkdirSync(join(home, ".m2"));
  const mirror = `<mirror><id>away</id><mirrorOf>*</mirrorOf><url>${NOWHERE}</url></mirror>`;
  writeFileSync(join(home, ".m2/settings.xml"), `<settings><mirrors>${mirror}</mirrors></settings>`);
  return { MAVEN_OPTS: `-Duser.home=${home}`, HUBD_TEST_CACHE: join(home, "cache") };
}

/** The end of main.js with ARGS: {code, output}. */
function main(env, ...args) {
  return new Promise((done) => {
    execFile(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env }, timeout: SLOW_MS }, (error, stdout, stderr) =>
      done({ code: error ? (error.code ?? error.signal) : 0, output: stdout + stderr }),
    );
  });
}

/** A set of servers in ENV. CASES: name of a server and the reason why it is missing. */
function suite(title, env, cases, body = () => {}) {
  describe(title, { timeout: 2 * SLOW_MS }, () => {
    const file = join(temporaryFolder("set"), "set.json");
    const at = (ci, ...args) => main({ ...env(), CI: ci ? "true" : "" }, ...args);
    before(async () => {
      const { code, output } = await at(true, "start", file);
      assert.equal(code, 0, output);
    });
    after(() => at(false, "stop", file));

    for (const [name, reason] of Object.entries(cases)) {
      for (const args of [["check", file, name], ["need", file, name, "--", "echo", "ran"]]) {
        test(`${name}: ${args[0]} is skipped with the reason, and fails with it in CI`, async () => {
          for (const ci of [false, true]) {
            const { code, output } = await at(ci, ...args);
            assert.equal(code, ci ? 1 : SKIPPED, output);
            assert.match(output, reason);
            assert.doesNotMatch(output, /^ran$/m);
          }
        });
      }
    }
    body(test, file, at);
  });
}

const pathOf = (...names) => {
  let dir;
  return () => ({ PATH: (dir ??= pathWithout(...names)) });
};

/** Without Kafka the rest runs, also in CI: backends.kafka is what fails there. */
function restRuns(test, file, at) {
  for (const ci of [false, true]) {
    test(`what needs PostgreSQL and Redis runs${ci ? " in CI" : ""}, and is told that Kafka is missing`, async () => {
      const command = ["sh", "-c", 'echo "$HUBD_TEST_POSTGRES, $HUBD_TEST_REDIS, <$HUBD_TEST_KAFKA>"'];
      const { code, output } = await at(ci, "run", file, "--", ...command);
      assert.equal(code, 0, output);
      assert.match(output, /postgresql:.*redis:.*<>/);
      assert.match(output, /without Kafka/);
      const needed = await at(ci, "need", file, "postgres", "redis", "--", "sh", "-c", 'echo "$HUBD_TEST_MISSING"');
      assert.equal(needed.code, 0, needed.output);
      assert.match(needed.output, /"kafka":"Kafka cannot be had/);
    });
  }
}

suite("without Java", pathOf("java"), { kafka: /Kafka cannot be had: java is not installed/ }, restRuns);

let away;
suite("without a repository", () => (away ??= withoutRepository()), { kafka: /Kafka cannot be had: [^]*cannot be fetched with Maven/ });

const none = pathOf("java", "initdb", "redis-server");
suite(
  "without any server",
  () => ({ ...none(), HUBD_TEST_POSTGRESQL: "/nonexistent" }),
  { postgres: /PostgreSQL is not installed/, redis: /Redis is not installed/, kafka: /mvn is not installed|java is not installed/ },
  (test, file, at) =>
    test("what runs on a set is skipped, too", async () => {
      const { code, output } = await at(false, "run", file, "--", "echo", "ran");
      assert.equal(code, SKIPPED, output);
      assert.match(output, /PostgreSQL is not installed/);
    }),
);
