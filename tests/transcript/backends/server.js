// What the real servers of the tests have in common: a folder of their own that goes when they go, a port that stays theirs across restarts,
// readiness asked of the protocol, and an end that comes with whoever started them, whatever ended that one.
import { execFileSync, spawn } from "node:child_process";
import { chownSync, closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_MS = 90000;
const STOP_MS = 60000;
const PROBE_EVERY_MS = 25;

/** A server that cannot be had on this machine, and why. */
export class Missing extends Error {}

const known = JSON.parse(process.env.HUBD_TEST_MISSING ?? "{}");

/** Throws what an earlier look for the server NAME found out, if it is missing: looking may take long. */
export function throwIfMissing(name) {
  if (known[name]) throw new Missing(known[name]);
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** The path of the program NAME, or undefined. */
export function findProgram(name, ...folders) {
  for (const folder of [...folders, ...process.env.PATH.split(":")]) {
    try {
      execFileSync("test", ["-x", join(folder, name)], { stdio: "ignore" });
      return join(folder, name);
    } catch {
      // look in the next folder
    }
  }
  return undefined;
}

/** Ports that the kernel does not give to outgoing connections, so that nobody takes them while a server is away. */
export async function freePort() {
  const [low] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split(/\s+/).map(Number);
  const from = low > 12000 ? 10000 : 1024;
  for (;;) {
    const port = from + Math.floor(Math.random() * (low - from));
    const free = await new Promise((done) => {
      const probe = createServer()
        .on("error", () => done(false))
        .listen(port, "127.0.0.1", () => probe.close(() => done(true)));
    });
    if (free) return port;
  }
}

// Folders outlive a process that is killed. This one does not end with its parent but by it: it reads names until nobody can write any more.
const JANITOR = `
trap "" HUP INT TERM
set --
while read -r name; do set -- "$@" "$name"; done
for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf --one-file-system -- "$@" 2>/dev/null && exit; sleep 0.3; done`;
let janitor;
function cleanedUp(dir) {
  if (!janitor) {
    janitor = spawn("sh", ["-c", JANITOR], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    janitor.unref();
    janitor.stdin.unref();
  }
  janitor.stdin.write(`${dir}\n`);
  return dir;
}

/** A fresh folder of USER ({uid, gid}) that is removed at the latest when this process ends, however it ends. */
export function temporaryFolder(name, user) {
  const dir = cleanedUp(mkdtempSync(join(tmpdir(), `hubd-test-${name}-`)));
  if (user) chownSync(dir, user.uid, user.gid);
  return dir;
}

/** PID and every process below it. */
function family(pid) {
  let children = "";
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) children += readFileSync(`/proc/${pid}/task/${task}/children`, "utf8") + " ";
  } catch {
    // it has ended
  }
  return [pid, ...children.split(/\s+/).filter(Boolean).map(Number).flatMap(family)];
}

function signalAll(pids, signal) {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // it has ended
    }
  }
}

/** Set UID and GID of a command line to those of USER, and end what it starts when this process ends. */
export function asUser(user, command, args) {
  const other = user ? ["--reuid", `${user.uid}`, "--regid", `${user.gid}`, "--clear-groups"] : [];
  return ["setpriv", [...other, "--pdeathsig", "KILL", command, ...args]];
}

/** One server. A subclass says its name, its command() as [program, args, env], how to probe() it, and its cleanSignal. */
export class Server {
  cleanSignal = "SIGTERM";

  constructor(name, user) {
    this.name = name;
    this.user = user;
    this.dir = temporaryFolder(name, user);
    this.log = join(this.dir, "server.log");
  }

  logged() {
    try {
      return readFileSync(this.log, "utf8").slice(-4000);
    } catch {
      return "";
    }
  }

  /** Starts it, on the port it had before if it had one, and waits until it answers. */
  async start() {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#startOnce();
      } catch (error) {
        // Another process may have taken a port just found free; what a killed server left behind may take a moment to go.
        if (tries >= 20 || !/in use|Address already|BindException|shared memory block|lock file/i.test(this.logged())) throw error;
        if (!this.everReady) await this.choosePorts();
        await pause(100);
      }
    }
  }

  async #startOnce() {
    const [program, args, env] = this.command();
    const out = openSync(this.log, this.everReady ? "a" : "w");
    this.child = spawn(...asUser(this.user, program, args), { stdio: ["ignore", out, out], env: { ...process.env, ...env }, cwd: this.dir });
    closeSync(out);
    let ended;
    this.exit = new Promise((done) => {
      this.child.on("error", (error) => done((ended = error.message)));
      this.child.on("exit", (code, signal) => done((ended = `ended with ${code ?? signal}`)));
    });
    for (const late = Date.now() + START_MS; ; ) {
      if (ended) throw new Error(`${this.name} ${ended} before it answered:\n${this.logged()}`);
      if (await this.probe().catch(() => false)) break;
      if (Date.now() > late) {
        await this.kill();
        throw new Error(`${this.name} did not answer within ${START_MS} ms:\n${this.logged()}`);
      }
      await pause(PROBE_EVERY_MS);
    }
    this.everReady = true;
    return this;
  }

  get running() {
    return this.child && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** A clean stop, as an administrator does it. */
  async stop() {
    if (!this.running) return;
    this.resume();
    this.child.kill(this.cleanSignal);
    const late = Symbol("late");
    let timer;
    const first = await Promise.race([this.exit, new Promise((done) => (timer = setTimeout(done, STOP_MS, late)))]);
    clearTimeout(timer);
    if (first === late) {
      await this.kill();
      throw new Error(`${this.name} did not stop within ${STOP_MS} ms:\n${this.logged()}`);
    }
  }

  /** The end without warning, of all its processes. */
  async kill() {
    if (!this.running) return;
    signalAll(family(this.child.pid), "SIGKILL");
    await this.exit;
  }

  /** Stands still: connections stay, nobody answers. */
  pause() {
    this.paused = true;
    signalAll(family(this.child.pid), "SIGSTOP");
  }

  resume() {
    if (this.paused) signalAll(family(this.child.pid), "SIGCONT");
    this.paused = false;
  }

  /** Ends it for good, with its data. */
  async remove() {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
