// Below the client library: Engine.IO over fetch and over bare WebSockets, and bytes over bare TCP.
import { connect as connectTcp } from "node:net";
import WebSocket from "ws";
import { within } from "./harness.js";
import { PATIENCE_MS } from "./peer.js";

/** One HTTP exchange on the Engine.IO path; QUERY as {EIO, transport, sid}. Resolves with {status, text, headers}. */
export async function engine(base, query, init) {
  const response = await fetch(`${base}/socket.io/?${new URLSearchParams(query)}`, init);
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** Engine.IO over long-polling, packet by packet. */
export class Polling {
  static async open(base) {
    const session = new Polling();
    session.base = base;
    const { text } = await engine(base, { EIO: "4", transport: "polling" });
    Object.assign(session, JSON.parse(text.slice(1)));
    return session;
  }

  get query() {
    return { EIO: "4", transport: "polling", sid: this.sid };
  }

  poll(init) {
    return engine(this.base, this.query, init);
  }

  push(body, headers = { "content-type": "text/plain;charset=UTF-8" }) {
    return engine(this.base, this.query, { method: "POST", body, headers });
  }
}

/** A WebSocket that keeps what it was sent and hands it out one by one. */
export class Ws {
  constructor(base, query = { EIO: "4", transport: "websocket" }, options) {
    this.socket = new WebSocket(`${base.replace("http", "ws")}/socket.io/?${new URLSearchParams(query)}`, options);
    this.inbox = [];
    this.takers = [];
    this.socket.on("message", (data, isBinary) => {
      const value = isBinary ? data : data.toString();
      if (this.takers.length) this.takers.shift()(value);
      else this.inbox.push(value);
    });
    this.socket.on("error", (error) => (this.error = error));
    this.opened = new Promise((done) => this.socket.on("open", done));
    this.closed = new Promise((done) => this.socket.on("close", (code, reason) => done({ code, reason: reason.toString() })));
  }

  /** A session with its open packet taken; {sid, …} is in .open. */
  static async open(base, options) {
    const ws = new Ws(base, undefined, options);
    ws.open = JSON.parse((await ws.next()).slice(1));
    return ws;
  }

  /** A session connected to NAMESPACE. */
  static async namespace(base, namespace, auth) {
    const ws = await Ws.open(base);
    ws.send(`40${namespace === "/" ? "" : `${namespace},`}${auth ? JSON.stringify(auth) : ""}`);
    ws.connected = await ws.next();
    return ws;
  }

  send(data) {
    this.socket.send(data);
  }

  /** The next message: a string, or a Buffer. */
  next() {
    if (this.inbox.length) return Promise.resolve(this.inbox.shift());
    return within(PATIENCE_MS, new Promise((done) => this.takers.push(done)), "a WebSocket message");
  }

  /** The next message that is no ping. */
  async nextPacket() {
    for (;;) {
      const data = await this.next();
      if (data !== "2") return data;
      this.send("3");
    }
  }

  /** {code, reason} of the end. */
  end() {
    return within(PATIENCE_MS, this.closed, "the WebSocket closes");
  }

  close() {
    this.socket.terminate();
  }
}

/** A TCP connection that collects what comes back. */
export class Tcp {
  static async open(port) {
    const tcp = new Tcp();
    tcp.text = "";
    tcp.looks = new Set();
    tcp.socket = connectTcp(port, "127.0.0.1");
    tcp.socket.setEncoding("latin1");
    tcp.socket.on("data", (data) => {
      tcp.text += data;
      for (const look of [...tcp.looks]) look();
    });
    tcp.socket.on("error", (error) => (tcp.error = error));
    tcp.closed = new Promise((done) => tcp.socket.on("close", done));
    await new Promise((done, failed) => {
      tcp.socket.once("connect", done);
      tcp.socket.once("error", failed);
    });
    return tcp;
  }

  write(data) {
    this.socket.write(data);
    return this;
  }

  /** Resolves with the match once PATTERN has arrived. */
  until(pattern) {
    const found = new Promise((done) => {
      const look = () => {
        const match = pattern.exec(this.text);
        if (!match) return;
        this.looks.delete(look);
        done(match);
      };
      this.looks.add(look);
      look();
    });
    return within(PATIENCE_MS, found, `${pattern}`, () => `; so far: ${JSON.stringify(this.text.slice(-500))}`);
  }

  end() {
    return within(PATIENCE_MS, this.closed, "the connection closes", () => `; so far: ${JSON.stringify(this.text.slice(-500))}`);
  }

  close() {
    this.socket.destroy();
  }
}

/** One masked client frame. */
export function frame(opcode, payload, { fin = true, rsv = 0, masked = true, length } = {}) {
  const data = Buffer.from(payload);
  const n = length ?? data.length;
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const bit = masked ? 0x80 : 0;
  if (n < 126) head.push(bit | n);
  else if (n < 65536) head.push(bit | 126, n >> 8, n & 255);
  else {
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64BE(BigInt(n));
    head.push(bit | 127, ...wide);
  }
  const mask = masked ? Buffer.from([1, 2, 3, 4]) : Buffer.alloc(0);
  const body = masked ? data.map((byte, i) => byte ^ mask[i & 3]) : data;
  return Buffer.concat([Buffer.from(head), mask, body]);
}

export const upgradeRequest = (path) =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/** A TCP connection upgraded to WebSocket by hand, with the open packet received: for frames no library would send. */
export async function rawWebSocket(port) {
  const tcp = await Tcp.open(port);
  tcp.write(upgradeRequest("/socket.io/?EIO=4&transport=websocket"));
  await tcp.until(/^HTTP\/1\.1 101 [^]*\r\n\r\n[^]*0\{[^]*\}/);
  return tcp;
}
