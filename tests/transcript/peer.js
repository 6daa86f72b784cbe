// A stock socket.io-client that remembers everything it was sent, in order, and lets a test wait for what it expects.
import assert from "node:assert/strict";
import { io } from "socket.io-client";

/** How long what must happen is waited for. It costs time only where a test fails, and a host that does much else at once stands still for seconds. */
export const PATIENCE_MS = 45000;

export class Peer {
  /** Connects to URL (which carries the namespace). OPTIONS are those of socket.io-client. */
  constructor(url, options = {}) {
    this.log = []; // every event as [name, ...args], in order
    this.inbox = []; // those no next() has taken yet
    this.waiting = new Set();
    this.socket = io(url, { forceNew: true, reconnection: false, transports: ["websocket"], ...options });
    this.socket.onAny((name, ...args) => {
      this.log.push([name, ...args]);
      this.inbox.push([name, ...args]);
      this.#wake();
    });
    for (const name of ["connect", "connect_error", "disconnect"]) {
      this.socket.on(name, (detail, more) => {
        this[name] = { detail, more };
        this.#wake();
      });
    }
    // What is no event wakes too: acknowledgements, and the move to another transport. The client has dealt with a packet when its turn ends.
    const soon = () => setImmediate(() => this.#wake());
    this.socket.io.on("open", () => this.socket.io.engine.on("packet", soon).on("upgrade", soon));
  }

  #wake() {
    for (const look of [...this.waiting]) look();
  }

  /** Resolves with what LOOK() returns as soon as that is not undefined; it is asked after every packet and change of transport. */
  until(look, what) {
    return new Promise((done, failed) => {
      const timer = setTimeout(() => {
        this.waiting.delete(again);
        failed(new Error(`${what}: not within ${PATIENCE_MS} ms; so far: ${JSON.stringify(this.log).slice(-3000)}`));
      }, PATIENCE_MS);
      timer.unref(); // a wait that lost a race keeps nobody up
      const settle = (finish, value) => {
        clearTimeout(timer);
        this.waiting.delete(again);
        finish(value);
      };
      const again = () => {
        try {
          const found = look();
          if (found !== undefined) settle(done, found);
        } catch (error) {
          settle(failed, error);
        }
      };
      this.waiting.add(again);
      again();
    });
  }

  connected() {
    return this.until(() => {
      if (this.connect_error) throw this.connect_error.detail;
      return this.connect && true;
    }, "connect");
  }

  /** The refusal of the connection: an Error with message and data. */
  refusal() {
    return this.until(() => {
      if (this.connect) throw new Error("the connection was accepted");
      return this.connect_error?.detail;
    }, "connect_error");
  }

  /** The reason the client gives for the end of the connection. */
  async disconnected() {
    const { detail } = await this.until(() => this.disconnect, "disconnect");
    return detail;
  }

  /** Takes the first event NAME (that PREDICATE accepts) out of the inbox, waiting for it if need be; returns its payload. */
  next(name, predicate = () => true) {
    return this.until(() => {
      const at = this.inbox.findIndex(([n, payload]) => n === name && predicate(payload));
      return at < 0 ? undefined : this.inbox.splice(at, 1)[0][1];
    }, name);
  }

  /** Emits with an acknowledgement callback; resolves with its argument. */
  call(name, ...args) {
    return this.socket.timeout(PATIENCE_MS).emitWithAck(name, ...args);
  }

  async ok(name, payload) {
    const answer = await this.call(name, payload);
    assert.equal(answer.ok, true, `${name} ${JSON.stringify(payload)?.slice(0, 200)}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Calls and expects the refusal CODE; returns the error. */
  async refused(code, name, payload) {
    const answer = await this.call(name, payload);
    assert.equal(answer.ok, false, `${name} ${JSON.stringify(payload)?.slice(0, 200)} was accepted: ${JSON.stringify(answer)?.slice(0, 500)}`);
    assert.equal(answer.error.code, code, JSON.stringify(answer.error));
    assert.equal(typeof answer.error.message, "string");
    assert.notEqual(answer.error.message, "");
    return answer.error;
  }

  /** Sends a text and returns the message as acknowledged. */
  async say(roomId, body, more = {}) {
    return (await this.ok("hub:send", { roomId, messageType: "text", content: { body }, ...more })).message;
  }

  emit(name, ...args) {
    this.socket.emit(name, ...args);
  }

  /** Everything the server decided before now for this connection has arrived afterwards: a connection is served in order. */
  async settled() {
    await this.call("hub:leave", { roomId: "no-such-room" });
  }

  /** Events of this name that nobody has taken yet, after everything under way has arrived. */
  async unread(name) {
    await this.settled();
    return this.inbox.filter(([n]) => n === name).map(([, payload]) => payload);
  }

  async nothing(...names) {
    await this.settled();
    assert.deepEqual(
      this.inbox.filter(([n]) => names.includes(n)),
      [],
    );
  }

  close() {
    this.socket.disconnect();
  }
}
