// A client of clients/c in a process of its own (test/driver.c), spoken to by lines of JSON.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { eventually, within } from "../../../../tests/transcript/harness.js";

const PROGRAM = process.env.HUBD_CLIENT_DRIVER;
const END_MS = 60000;
const REPORT = /ERROR: \w+Sanitizer|LeakSanitizer|runtime error:|ERROR SUMMARY: [1-9]/;

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

export class Native {
  /** MORE: words for the driver, such as "uv" or "timeoutMs=1000". ENV is added to its environment. */
  constructor(url, token, more = [], hub = "chat", env = {}) {
    this.messages = []; // of all rooms, as they came
    this.events = [];
    this.states = [];
    this.values = [];
    this.wanted = 0;
    this.errors = "";
    this.asked = new Map();
    this.answered = new Map(); // how often, by id
    this.next = 1;
    const [program, ...before] = [...(process.env.HUBD_CLIENT_WRAPPER?.split(" ") ?? []), PROGRAM];
    this.child = spawn("setpriv", ["--pdeathsig", "KILL", program, ...before, url, hub, token, ...more], { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, no_proxy: "127.0.0.1", ...env } });
    running.add(this.child);
    this.child.stdin.on("error", () => {});
    this.child.stderr.setEncoding("utf8").on("data", (text) => (this.errors += text));
    createInterface(this.child.stdout).on("line", (line) => this.#take(JSON.parse(line)));
    this.exit = new Promise((done) => this.child.on("close", (code, signal) => (running.delete(this.child), done({ code, signal }))));
    this.exit.then(({ code, signal }) => {
      if (code || signal) console.error(`the native client ended with ${code ?? signal}: ${this.errors}`);
      for (const { failed } of this.asked.values()) failed(new Error(`the native client has ended: ${this.errors}`));
    });
  }

  #take(line) {
    if (line.message) this.messages.push(line.message);
    else if (line.event) this.events.push(line);
    else if (line.state) this.states.push(line.state);
    else if (line.of) this.values.push(line);
    else if (line.wanted) this.onWanted?.(++this.wanted);
    else if (line.id) {
      this.answered.set(line.id, (this.answered.get(line.id) ?? 0) + 1);
      const { done, failed } = this.asked.get(line.id);
      line.error ? failed(Object.assign(new Error(line.error.message), line.error)) : done(line.answer);
    }
  }

  get state() {
    return this.states.at(-1);
  }

  tell(what, more = {}) {
    this.child.stdin.write(`${JSON.stringify({ do: what, ...more })}\n`);
  }

  /** The same with an answer. */
  ask(what, more = {}) {
    const id = this.next++;
    const answer = new Promise((done, failed) => this.asked.set(id, { done, failed }));
    answer.catch(() => {});
    this.tell(what, { ...more, id });
    return answer;
  }

  join(room) {
    return this.ask("join", { room });
  }

  send(room, body) {
    return this.ask("send", { room, type: "text", content: { body } });
  }

  emit(event, data, more) {
    return this.ask("emit", { event, data, ...more });
  }

  connected() {
    return eventually("the native client is connected", () => this.state === "connected");
  }

  /** Ends it: every question has had one answer, and the sanitizers have nothing to say. */
  async end() {
    this.child.stdin.end();
    const { code, signal } = await within(END_MS, this.exit, "the native client ends", () => this.errors);
    assert.ok(!REPORT.test(this.errors), this.errors);
    assert.deepEqual([code, signal], [0, null], this.errors);
    for (const id of this.asked.keys()) assert.equal(this.answered.get(id), 1, `question ${id} has one answer`);
  }
}
