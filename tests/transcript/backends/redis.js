// A Redis of its own, with enough databases that every service can have one. The default user needs no password unless the options
// say so; "alice" has "secret".
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { certificate } from "./certificate.js";
import { findProgram, freePort, Missing, Server } from "./server.js";

const DATABASES = 4096;
const COMMAND_MS = 5000;
const SEVERAL_WORDS = ["user", "replicaof"]; // options whose value is several arguments

export class Redis extends Server {
  /**
   * OPTIONS are more settings, {"notify-keyspace-events": "KEA", requirepass: "…"}. What is in it survives a clean stop, not a kill.
   * With TLS it also serves that, on tlsPort, with a certificate that only ca signs.
   */
  static async start(options = {}, { tls = false } = {}) {
    const program = findProgram("redis-server");
    if (!program) throw new Missing("Redis is not installed (Debian: apt-get install redis-server)");
    const server = new Redis("redis");
    server.program = program;
    server.options = { save: "3600 1", appendonly: "no", databases: `${DATABASES}`, user: "alice on >secret ~* &* +@all", ...options };
    server.databases = Number(server.options.databases);
    await server.choosePorts();
    if (tls) await server.#offerTls();
    return server.start();
  }

  async choosePorts() {
    this.port = await freePort();
  }

  async #offerTls() {
    const { cert, key } = certificate(this.dir);
    [this.tlsPort, this.ca] = [await freePort(), cert];
    Object.assign(this.options, { "tls-port": `${this.tlsPort}`, "tls-cert-file": cert, "tls-key-file": key, "tls-auth-clients": "no" });
  }

  command() {
    const options = Object.entries({ bind: "127.0.0.1", port: `${this.port}`, dir: this.dir, ...this.options });
    return [this.program, options.flatMap(([name, value]) => [`--${name}`, ...(SEVERAL_WORDS.includes(name) ? value.split(" ") : [value])])];
  }

  async probe() {
    const answer = await this.call("PING").catch((error) => error.message);
    return answer === "PONG" || /^(NOAUTH|NOPERM)/.test(answer);
  }

  url(database = 0, { user = "", password } = {}) {
    return `redis://${password ? `${user}:${password}@` : ""}127.0.0.1:${this.port}/${database}`;
  }

  /** The answer to one command on database 0; see redis(). */
  call(...command) {
    return this.callOn(0, ...command);
  }

  callOn(database, ...command) {
    return redis(this.url(database, { password: this.options.requirepass }), ...command);
  }
}

/** A sentinel that watches the master NAME, on which so many as QUORUM have to agree that it is gone. */
export class Sentinel extends Server {
  static async start(name, master, { quorum = 2, downMs = 2000, more = [] } = {}) {
    const program = findProgram("redis-server");
    if (!program) throw new Missing("Redis is not installed (Debian: apt-get install redis-server)");
    const server = new Sentinel("sentinel");
    server.program = program;
    server.config = [
      `sentinel monitor ${name} 127.0.0.1 ${master.port} ${quorum}`,
      `sentinel down-after-milliseconds ${name} ${downMs}`,
      `sentinel failover-timeout ${name} 5000`,
      ...more,
    ];
    await server.choosePorts();
    return server.start();
  }

  async choosePorts() {
    this.port = await freePort();
    this.file = join(this.dir, "sentinel.conf");
    writeFileSync(this.file, ["bind 127.0.0.1", `port ${this.port}`, `dir ${this.dir}`, ...this.config, ""].join("\n"));
  }

  command() {
    return [this.program, [this.file, "--sentinel"]];
  }

  async probe() {
    const answer = await this.call("PING").catch((error) => error.message);
    return answer === "PONG" || /^NOAUTH/.test(answer);
  }

  call(...command) {
    return redis(`redis://127.0.0.1:${this.port}`, ...command);
  }
}

/** Sends one COMMAND to the server and database of URL; resolves with the answer: strings, numbers, null, arrays. */
export function redis(url, ...command) {
  const { hostname, port, username, password, pathname } = new URL(url);
  const auth = password ? [username ? ["AUTH", username, password] : ["AUTH", password]] : [];
  const database = pathname.slice(1) ? [["SELECT", pathname.slice(1)]] : []; // sentinels know no SELECT
  const commands = [...auth, ...database, command];
  return new Promise((done, failed) => {
    let text = Buffer.alloc(0);
    const socket = connect(Number(port), hostname);
    socket.setTimeout(COMMAND_MS, () => socket.destroy(new Error("Redis does not answer")));
    socket.on("error", failed);
    socket.on("close", () => failed(new Error("Redis closed the connection")));
    socket.write(commands.map((words) => `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(`${word}`)}\r\n${word}\r\n`).join("")}`).join(""));
    socket.on("data", (data) => {
      text = Buffer.concat([text, data]);
      const reader = { text, at: 0 };
      try {
        const answers = commands.map(() => answer(reader));
        const refused = answers.find((value) => value instanceof Error);
        if (refused) failed(refused);
        else done(answers.at(-1));
        socket.destroy();
      } catch (error) {
        if (error !== INCOMPLETE) socket.destroy(error);
      }
    });
  });
}

const INCOMPLETE = new Error("the answer is not complete yet");

/** One value of the Redis protocol. */
function answer(reader) {
  const end = reader.text.indexOf("\r\n", reader.at);
  if (end < 0) throw INCOMPLETE;
  const [kind, rest] = [String.fromCharCode(reader.text[reader.at]), reader.text.toString("utf8", reader.at + 1, end)];
  reader.at = end + 2;
  if (kind === "+") return rest;
  if (kind === "-") return new Error(rest);
  if (kind === ":") return Number(rest);
  if (rest === "-1") return null;
  if (kind === "*") return Array.from({ length: Number(rest) }, () => answer(reader));
  const from = reader.at;
  reader.at += Number(rest) + 2;
  if (reader.at > reader.text.length) throw INCOMPLETE;
  return reader.text.toString("utf8", from, reader.at - 2);
}
