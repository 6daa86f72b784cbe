// Starts hubd on a service directory made for the test, and stops it again: by its process id, with a look at its exit code and
// at what the sanitizers wrote. Every file of transcripts begins here.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join, resolve } from "node:path";
import { after, afterEach, before } from "node:test";
import { fileURLToPath } from "node:url";
import { psql } from "./backends/postgres.js";
import { temporaryFolder } from "./backends/server.js";
import { askSet } from "./backends/set.js";
import { definition } from "./definition.js";
import { PATIENCE_MS, Peer } from "./peer.js";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const PROGRAM = process.env.HUBD ? resolve(process.env.HUBD) : join(ROOT, "build/dev/hubd");
const START_MS = 60000;
const STOP_MS = 45000;
const PAUSE_MS = 10;
/** What a busy host may add to a time that hubd keeps: it, a server or the test itself has stood still meanwhile. */
export const SLACK_MS = 10000;
const STACKS_MS = 20000;
const LEFT_OPEN_MS = 20000;
const REPORT = /ERROR: \w+Sanitizer|LeakSanitizer|runtime error:/;

// Nearly the whole suite runs twice: on the embedded store, cache and bus, and on the servers of this set (backends/set.js).
const SET = process.env.HUBD_TEST_SET;
const places = new Map(); // service directory: its place in the set

/** For the option skip of a test that is about the embedded store, cache or bus themselves, or looks into their files. */
export const embeddedOnly = (reason) => Boolean(SET) && `only with the embedded backends: ${reason}`;

/** The place of the service in DIR. */
function placeOf(dir) {
  if (!places.has(dir)) places.set(dir, askSet(SET, "POST", "/place"));
  return places.get(dir);
}

/** OPTIONS of a Hubd on DIR; with a set they name the place that the service has there. */
async function placed(dir, options = {}) {
  if (!SET) return options;
  const { project, store, cache, bus } = await placeOf(dir);
  const urls = { HUBD_STORE_URL: store, HUBD_CACHE_URL: cache, ...(bus && { HUBD_BUS_URL: bus }) };
  return { ...options, args: ["--set", `service.project=${project}`, ...(options.args ?? [])], env: { ...urls, ...options.env } };
}

/** Takes the database away from the service in DIR, which is not running: it begins anew. */
export async function loseDatabase(dir) {
  if (!SET) return rmSync(join(dir, "data"), { recursive: true });
  await askSet(SET, "POST", `/place/${(await placeOf(dir)).id}/empty`);
}

/** Carries out statements on the database of the service in DIR, behind hubd's back. They must be SQL of both stores. */
export async function runSql(dir, statements) {
  if (SET) return psql((await placeOf(dir)).store, statements);
  mkdirSync(join(dir, "data"), { recursive: true });
  execFileSync("sqlite3", [join(dir, "data/test.db")], { input: statements });
}

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

// A file that has run its last test ends at once. What keeps it up is named, and is a failure, long before the time limit ends it without a word.
after(() => {
  const complain = () => {
    const handles = process._getActiveHandles().filter(({ fd, _type }) => !(fd <= 2 || _type === "pipe"));
    const shown = handles.map((h) => [h.constructor.name, h.pid, h.localPort, h.remotePort, h.listening && "listening"].filter(Boolean).join(" "));
    console.error(`still open ${LEFT_OPEN_MS} ms after the last test: ${process.getActiveResourcesInfo().join(", ")}; ${shown.join(", ")}`);
    process.exit(1);
  };
  setTimeout(complain, LEFT_OPEN_MS).unref();
});

/** Writes a definition (see definition.js) as a service directory; JSON is YAML. Returns the directory. */
export function writeService(def, dir = temporaryFolder("service")) {
  const put = (name, text) => {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  };
  put("service.yaml", JSON.stringify(def.service));
  for (const hub of [def.hub, ...(def.hubs ?? [])]) put(`${hub.hubBasics.name}.hub.yaml`, JSON.stringify(hub));
  if (def.seed) put("seed.yaml", JSON.stringify(def.seed));
  for (const [name, text] of Object.entries(def.files ?? {})) put(name, text);
  return dir;
}

export function removeService(dir) {
  rmSync(dir, { recursive: true, force: true });
  const place = places.get(dir);
  places.delete(dir);
  place?.then(({ id }) => askSet(SET, "DELETE", `/place/${id}`)).catch((error) => console.error(error.message));
}

/** Settles PROMISE, or fails after MS with DETAIL() in the message. */
export function within(ms, promise, what, detail = () => "") {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms${detail()}`)), ms);
    timer.unref(); // a wait that lost a race keeps nobody up; hubd itself keeps the test alive
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Asks HOLDS() again and again until it is true; fails with WHAT when it does not become so in good time. Between two questions there is a pause, in
 * which what is asked about can happen: in this process too, and in hubd, which may have the same core. */
export async function eventually(what, holds) {
  const end = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `${what}: not within ${PATIENCE_MS} ms`);
    await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
}

/** Where scripts wait for what a test does meanwhile, however long that takes: WAIT is what a script in Lua says to go there. Without open() they wait for 30 s. */
export async function waitingRoom() {
  let held = [];
  let opened = false;
  const site = createServer((_, response) => (opened ? response.end() : held.push(response))).unref();
  await new Promise((done) => site.listen(0, "127.0.0.1", done));
  return {
    wait: `http.get("http://127.0.0.1:${site.address().port}/", {timeoutMs = 30000})`,
    /** Waits until N scripts wait here. */
    holds: (n) => eventually(`${n} scripts wait`, () => held.length >= n),
    /** From now on nobody waits here. */
    open() {
      opened = true;
      for (const response of held) response.end();
    },
    /** From now on they wait again. */
    shut() {
      opened = false;
      held = [];
    },
  };
}

/** What each thread of the process PID waits in: stacks when gdb is there, else names and what the kernel says. */
export function threadsOf(pid) {
  try {
    const gdb = ["--batch", "-nx", "-p", `${pid}`, "-ex", "thread apply all bt 14"];
    const stacks = execFileSync("gdb", gdb, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: STACKS_MS });
    const at = stacks.search(/^Thread \d/m);
    if (at >= 0) return stacks.slice(at);
  } catch {
    // not installed, or not allowed
  }
  const read = (task, name) => {
    try {
      return readFileSync(`/proc/${pid}/task/${task}/${name}`, "utf8").trim();
    } catch {
      return "?";
    }
  };
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    return tasks.map((task) => `${task} ${read(task, "comm")}: wchan ${read(task, "wchan")}, syscall ${read(task, "syscall")}`).join("\n");
  } catch {
    return "no such process";
  }
}

/** One hubd process. */
export class Hubd {
  /** Runs hubd on DIR with ARGS and ENV; use start() to wait until it listens, on the backends of this run. */
  constructor(dir, { args = [], env = {} } = {}) {
    this.dir = dir;
    this.output = "";
    this.stdout = "";
    this.watchers = new Set();
    // Whatever ends this process, a time limit's SIGKILL included, ends hubd too.
    this.child = spawn("setpriv", ["--pdeathsig", "KILL", PROGRAM, dir, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, no_proxy: "127.0.0.1", ASAN_OPTIONS: "abort_on_error=0:exitcode=99", UBSAN_OPTIONS: "print_stacktrace=1", ...env },
    });
    running.add(this.child);
    this.child.stdout.setEncoding("utf8").on("data", (text) => {
      this.stdout += text;
      this.#append(text);
    });
    this.child.stderr.setEncoding("utf8").on("data", (text) => this.#append(text));
    this.exit = new Promise((done, failed) => {
      this.child.on("error", failed);
      this.child.on("close", (code, signal) => {
        running.delete(this.child);
        done({ code, signal });
      });
    });
    this.exit.catch(() => {});
  }

  static async start(dir, options) {
    const { args = [], ...more } = await placed(dir, options);
    const patience = args.includes("--wait") ? [] : ["--wait", `${START_MS / 1000}`]; // Kafka takes its time on a busy host
    const hubd = new Hubd(dir, { args: [...patience, ...args], ...more });
    const early = hubd.exit.then(({ code, signal }) => {
      throw new Error(`hubd ended before it listened (code ${code}, signal ${signal}):\n${hubd.output}`);
    });
    early.catch(() => {});
    // What it prints when it is ready; the log tells of an address before that when it has to wait for a backend.
    const address = options?.waiting ? /waiting for what[^\n]*(https?:\/\/[^\s/"]+:\d+)/ : /listening on (https?:\/\/[^\s/"]+:\d+)/;
    const [, base] = await within(
      START_MS,
      Promise.race([hubd.printed(address, 0, START_MS), early]),
      "hubd listens",
      () => `\n${hubd.output}`,
    );
    hubd.url = base;
    hubd.port = Number(new URL(base).port);
    return hubd;
  }

  get pid() {
    return this.child.pid;
  }

  #append(text) {
    this.output += text;
    for (const watcher of this.watchers) watcher();
  }

  /** Resolves with the match as soon as PATTERN stands in the output (from position FROM on). */
  printed(pattern, from = 0, ms = PATIENCE_MS) {
    let look;
    const seen = new Promise((done) => {
      look = () => {
        const match = pattern.exec(this.output.slice(from));
        if (match) done(match);
      };
      this.watchers.add(look);
      look();
    });
    const sofar = () => `; so far:\n${this.output.slice(from).slice(-2000)}`;
    return within(ms, seen, `the output matches ${pattern}`, sofar).finally(() => this.watchers.delete(look));
  }

  signal(name) {
    this.child.kill(name);
  }

  /** Resolves with its end; one that has not come within MS is a failure that says what the process was at, and the process is killed. */
  async ended(ms, what) {
    const stuck = () => {
      const threads = threadsOf(this.pid);
      this.signal("SIGKILL");
      return `\n${this.output.slice(-4000)}\nits threads:\n${threads}`;
    };
    return await within(ms, this.exit, what, stuck);
  }

  /** SIGTERM (or SIGNAL), then the checks every run must pass. */
  async stop(signal = "SIGTERM") {
    this.signal(signal);
    const { code, signal: by } = await this.ended(STOP_MS, "hubd ends");
    this.assertClean();
    assert.equal(by, null, `hubd was ended by ${by}:\n${this.output.slice(-4000)}`);
    assert.equal(code, 0, `exit code\n${this.output.slice(-4000)}`);
  }

  async kill() {
    this.signal("SIGKILL");
    await this.exit;
    this.assertClean();
  }

  assertClean() {
    const at = this.output.search(REPORT);
    assert.equal(at, -1, `a sanitizer complained:\n${this.output.slice(Math.max(at, 0), at + 6000)}`);
  }
}

/** Runs hubd on DIR and waits for its end: for starts that must fail. Returns {code, stdout, output}. */
export async function runToEnd(dir, options) {
  const hubd = new Hubd(dir, await placed(dir, options));
  try {
    const { code } = await hubd.ended(60000, "hubd ends by itself");
    hubd.assertClean();
    return { code, stdout: hubd.stdout, output: hubd.output };
  } finally {
    hubd.signal("SIGKILL");
  }
}

/** A served definition; peers it connects are closed after every test. */
class Server {
  constructor(def) {
    this.def = def;
    this.peers = new Set();
    this.rooms = 0;
  }

  get url() {
    return this.hubd.url;
  }

  get port() {
    return this.hubd.port;
  }

  async start(options) {
    this.dir ??= await this.#write(options?.naming);
    this.hubd = await Hubd.start(this.dir, options);
  }

  async #write(naming) {
    const dir = temporaryFolder("service");
    naming?.(this.def, SET ? (await placeOf(dir)).project : (this.def.service.service.project ?? "hubd"));
    return writeService(this.def, dir);
  }

  /** A room nobody has used yet: the seed holds them. */
  room() {
    const { id } = this.def.seed.conversation.filter((row) => row.id.startsWith("r"))[this.rooms++] ?? {};
    assert.ok(id, "the definition seeds too few rooms");
    return id;
  }

  /** A connected peer of USER. OPTIONS: {hub, role, namespace, auth} and those of socket.io-client. */
  async connect(user, options) {
    const peer = this.open(user, options);
    await peer.connected();
    return peer;
  }

  /** The same without waiting for the connection. */
  open(user, { hub = this.def.hub.hubBasics.name, role, namespace = `/hub/${hub}`, ...io } = {}) {
    const token = user === undefined ? {} : { auth: { token: `dev:${user}${role ? `:${role}` : ""}` } };
    return this.adopt(new Peer(`${this.url}${namespace}`, { ...token, ...io }));
  }

  adopt(peer) {
    this.peers.add(peer);
    return peer;
  }

  /** Connects USER and joins ROOM. */
  async member(user, room, options) {
    const peer = await this.connect(user, options);
    peer.welcome = await peer.ok("hub:join", { roomId: room });
    return peer;
  }

  closePeers() {
    for (const peer of this.peers) peer.close();
    this.peers.clear();
  }

  async stop() {
    this.closePeers();
    if (this.hubd) await this.hubd.stop();
  }

  /** A request with the dev token of USER; the answer as {status, headers, body} with JSON parsed. */
  async rest(method, path, { user, role, headers = {}, body, raw } = {}) {
    const token = user === undefined ? {} : { authorization: `Bearer dev:${user}${role ? `:${role}` : ""}` };
    const json = body === undefined ? {} : { "content-type": "application/json" };
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...token, ...json, ...headers },
      body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json");
    return { status: response.status, headers: response.headers, text, body: isJson && text ? JSON.parse(text) : undefined };
  }
}

/** Serves a definition during the enclosing suite. CHANGE edits the base definition; see definition.js. What depends on the project's name is
 * left to OPTIONS.naming(definition, project). */
export function serve(change, options) {
  const server = new Server(definition(change));
  before(() => server.start(options));
  afterEach(() => server.closePeers());
  after(async () => {
    await server.stop();
    removeService(server.dir);
  });
  return server;
}

/** The same inside one test: starts, runs BODY(server), stops. OPTIONS.prepare(dir) comes before the start. */
export async function serving(change, body, options) {
  const server = new Server(definition(change));
  try {
    server.dir = writeService(server.def);
    await options?.prepare?.(server.dir);
    await server.start(options);
    await body(server);
    await server.stop();
  } finally {
    server.closePeers();
    server.hubd?.signal("SIGKILL");
    removeService(server.dir);
  }
}
