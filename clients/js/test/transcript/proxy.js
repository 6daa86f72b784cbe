// A TCP proxy that ill-treats connections: cuts them, holds up their bytes, falls silent, and plays what a
// client has sent once more to
// a connection of its own, as if it had come late. What it does and when comes from a seed.
import { connect, createServer } from "node:net";

/** Numbers from 0 to 1 that follow from SEED (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const REPEAT_MOST = 1 << 20; // bytes of a connection that are kept for that
const REPEAT_MS = 2000; // how long such a connection may live

class Line {
  constructor(proxy, client) {
    this.proxy = proxy;
    this.client = client;
    this.server = connect(proxy.port, "127.0.0.1");
    this.sent = []; // what the client has said
    this.bytes = 0;
    this.muted = false;
    this.heldUntil = 0;
    this.#pass(
      client,
      this.server,
      (bytes) => this.bytes + bytes.length < REPEAT_MOST && (this.sent.push(bytes), (this.bytes += bytes.length)),
    );
    this.#pass(this.server, client, () => {});
    for (const side of [client, this.server])
      side
        .setNoDelay(true)
        .on("error", () => {})
        .on("close", () => this.cut());
  }

  /** Bytes keep their order, however long they are held up. */
  #pass(from, to, note) {
    const held = [];
    const release = () => {
      for (const bytes of held.splice(0)) if (!this.muted && to.writable) to.write(bytes);
    };
    from.on("data", (bytes) => {
      note(bytes);
      const wait = this.heldUntil - performance.now();
      if (held.push(bytes) > 1) return; // what is first takes the others along
      if (wait > 0) this.proxy.later(wait, release);
      else release();
    });
  }

  cut() {
    if (!this.proxy.lines.delete(this)) return;
    this.client.destroy();
    this.server.destroy();
  }

  /** What the client has said arrives once more, by another connection, and nobody hears the answers. */
  repeat() {
    const again = connect(this.proxy.port, "127.0.0.1")
      .on("error", () => {})
      .on("data", () => {});
    for (const bytes of this.sent) again.write(bytes);
    this.proxy.repeats.add(again);
    again.on("close", () => this.proxy.repeats.delete(again));
    this.proxy.later(REPEAT_MS, () => again.destroy());
  }
}

/** A proxy in front of PORT; RANDOM decides. */
export class Proxy {
  constructor(port, random) {
    this.port = port;
    this.random = random;
    this.lines = new Set();
    this.repeats = new Set();
    this.timers = new Set();
    this.done = { cut: 0, hold: 0, mute: 0, repeat: 0 };
    this.listener = createServer((client) => this.lines.add(new Line(this, client)));
  }

  async start() {
    await new Promise((done) => this.listener.listen(0, "127.0.0.1", done));
    this.url = `http://127.0.0.1:${this.listener.address().port}`;
    return this;
  }

  later(ms, fn) {
    const timer = setTimeout(() => (this.timers.delete(timer), fn()), ms);
    this.timers.add(timer);
  }

  /** Does something to one of the connections. */
  strike() {
    const lines = [...this.lines].filter((line) => !line.muted);
    const line = lines[Math.floor(this.random() * lines.length)];
    if (!line) return;
    const dice = this.random();
    if (dice < 0.2) {
      line.heldUntil = performance.now() + this.random() * 60;
      this.done.hold++;
    } else if (dice < 0.24) {
      line.muted = true; // until the client has had enough
      this.done.mute++;
    } else {
      if (dice < 0.4) {
        line.repeat();
        this.done.repeat++;
      }
      line.cut();
      this.done.cut++;
    }
  }

  /** Connections that broke, by whatever. */
  get cuts() {
    return this.done.cut + this.done.mute;
  }

  async stop() {
    for (const timer of this.timers) clearTimeout(timer);
    for (const line of [...this.lines]) line.cut();
    for (const again of this.repeats) again.destroy();
    await new Promise((done) => this.listener.close(done));
  }
}
