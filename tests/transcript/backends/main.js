// The servers of the tests from a shell:
//   node main.js start FILE            starts them for the run of tests that this command is part of, and describes them in FILE
//   node main.js check FILE NAME       77 when the server NAME cannot be had, with the reason
//   node main.js need FILE NAME… -- COMMAND   runs COMMAND, which starts servers of its own, if those NAMEd can be had; else 77, with the reason
//   node main.js stop FILE             ends them
//   node main.js run [FILE] -- COMMAND runs COMMAND with the variables below; without FILE on a set of its own
// 77 is 1 with CI=true.
// A set also ends when the process that started it (ctest, COMMAND's caller) ends, however that ends.
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { asUser } from "./server.js";
import { askSet, serveSet } from "./set.js";

const SKIPPED = 77;
const WATCH_EVERY_MS = 500;
const [command, ...rest] = process.argv.slice(2);

function skip(reason) {
  console.log(`skipped: ${reason}`);
  process.exit(process.env.CI === "true" ? 1 : SKIPPED);
}

const described = (file) => JSON.parse(readFileSync(file, "utf8"));

/** When PID began, or undefined when there is no such process: tells a process from a later one with the same number. */
function born(pid) {
  try {
    const [state, , ...fields] = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\)/, "").trim().split(" ");
    return state === "Z" ? undefined : fields[17];
  } catch {
    return undefined;
  }
}

async function start(file) {
  if (existsSync(file)) await stop(file);
  const log = openSync(`${file}.log`, "w");
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "serve", file, `${process.ppid}`], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const ready = await new Promise((done) => child.on("message", () => done(true)).on("exit", () => done(false)));
  if (!ready) {
    console.error(readFileSync(`${file}.log`, "utf8"));
    process.exit(1);
  }
  child.disconnect();
  child.unref();
  const { control, missing, ...servers } = described(file);
  console.log(`${control} with ${JSON.stringify(servers, null, 2)}`);
  for (const [name, reason] of Object.entries(missing)) console.log(`missing: ${name}: ${reason}`);
}

/** The process behind start. */
async function serve(file, watched) {
  const began = born(watched);
  const end = () => {
    rmSync(file, { force: true });
    process.exit();
  };
  let leave = end; // before they stand: the servers end with this process
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => leave());
  setInterval(() => born(watched) !== began && leave(), WATCH_EVERY_MS);
  const { stop: stopSet, ...description } = await serveSet(end);
  leave = () => stopSet().then(end);
  writeFileSync(file, JSON.stringify(description, null, 2));
  process.send?.("ready");
}

async function stop(file) {
  if (!existsSync(file)) return;
  await askSet(described(file).control, "POST", "/stop").catch(() => {}); // it has ended
  rmSync(file, { force: true });
}

function check(file, name) {
  const { missing } = described(file);
  if (missing[name]) skip(missing[name]);
}

/** Runs a program to its end, and ends with its exit code, after CLEAN(). It does not outlive this process. */
async function execute([program, ...args], env, clean = () => {}) {
  const child = spawn(...asUser(undefined, program, args), { stdio: "inherit", env: { ...process.env, ...env } });
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => child.kill(signal));
  const code = await new Promise((done) => child.on("exit", (status, signal) => done(status ?? `ended by ${signal}`)).on("error", (error) => done(error.message)));
  await clean();
  if (typeof code === "number") process.exit(code);
  console.error(`${program}: ${code}`);
  process.exit(1);
}

async function need(file, names, command) {
  const { missing } = described(file);
  for (const name of names) if (missing[name]) skip(missing[name]);
  await execute(command, { HUBD_TEST_MISSING: JSON.stringify(missing) });
}

async function run(file, command) {
  const set = file ? described(file) : await serveSet();
  for (const name of ["postgres", "redis"]) if (set.missing[name]) skip(set.missing[name]);
  if (set.missing.kafka) console.log(`without Kafka, with the bus in memory: ${set.missing.kafka}`);
  const env = {
    HUBD_TEST_SET: set.control, // see set.js
    HUBD_TEST_POSTGRES: set.postgres.url,
    HUBD_TEST_REDIS: set.redis.url,
    HUBD_TEST_KAFKA: set.kafka?.url ?? "",
  };
  await execute(command, env, set.stop);
}

const split = rest.indexOf("--");
const commands = {
  start: () => start(rest[0]),
  serve: () => serve(rest[0], rest[1]),
  check: () => check(rest[0], rest[1]),
  need: () => need(rest[0], rest.slice(1, split), rest.slice(split + 1)),
  stop: () => stop(rest[0]),
  run: () => run(split > 0 ? rest[0] : undefined, rest.slice(split + 1)),
};
await commands[command]();
