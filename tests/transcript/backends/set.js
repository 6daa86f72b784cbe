// One set of servers for a whole run of tests, and in it for every service a place of its own: a fresh database, a Redis database, a project
// name for its topics. The set answers over HTTP on a port of 127.0.0.1, so that every test process can ask for places:
//   POST /place          a new place: {id, project, store, cache, bus} with URLs; bus is missing where Kafka is
//   POST /place/ID/empty takes the tables out of its database
//   DELETE /place/ID     it is not needed any more
//   GET /                what there is: {missing, pids, dirs, …}
//   POST /stop           ends the servers; the answer comes when they have ended
import { createServer } from "node:http";
import { Kafka } from "./kafka.js";
import { Postgres } from "./postgres.js";
import { Redis } from "./redis.js";
import { Missing } from "./server.js";

const PATIENT_MS = 10000;
const KINDS = { postgres: Postgres, redis: Redis, kafka: Kafka };

class BackendSet {
  missing = {}; // name of a server that cannot be had: why
  #places = new Map(); // id of a place: its Redis database
  #counter = 0; // never repeated: Kafka remembers how far the consumers of a project have read

  async start() {
    const started = await Promise.allSettled(Object.entries(KINDS).map(async ([name, kind]) => (this[name] = await this.#tryStart(name, kind))));
    const failed = started.find(({ status }) => status === "rejected");
    if (!failed) return this;
    await this.stop();
    throw failed.reason;
  }

  async #tryStart(name, kind) {
    try {
      return await kind.start();
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      this.missing[name] = error.message;
    }
  }

  get servers() {
    return Object.keys(KINDS)
      .map((name) => this[name])
      .filter(Boolean);
  }

  async place() {
    const id = `${++this.#counter}`;
    const project = `test${id}`;
    const taken = new Set(this.#places.values());
    const database = Array.from({ length: this.redis.databases }, (_, i) => i).find((i) => i > 0 && !taken.has(i));
    if (!database) throw new Error("every Redis database is taken");
    this.#places.set(id, database);
    await this.postgres.sql(`create database ${project}`);
    // A Redis that has to wait for its turn on a busy host is not away.
    const cache = `${this.redis.url(database)}?timeoutMs=${PATIENT_MS}`;
    return { id, project, store: this.postgres.url(project), cache, bus: this.kafka?.url() };
  }

  #known(id) {
    if (!this.#places.has(id)) throw new Error(`there is no place ${id}`);
  }

  async empty(id) {
    this.#known(id);
    await this.postgres.sql(`drop database test${id} with (force)`);
    await this.postgres.sql(`create database test${id}`);
  }

  async release(id) {
    this.#known(id);
    await this.postgres.sql(`drop database test${id} with (force)`);
    await this.redis.callOn(this.#places.get(id), "FLUSHDB");
    await this.kafka?.deleteTopics((topic) => topic.startsWith(`test${id}-`));
    this.#places.delete(id);
  }

  async stop() {
    await Promise.all(this.servers.map((server) => server.remove()));
  }

  /** What other processes need to know. */
  describe() {
    const { postgres, redis, kafka } = this;
    return {
      missing: this.missing,
      pids: this.servers.map(({ child }) => child.pid),
      dirs: this.servers.map(({ dir }) => dir),
      postgres: postgres && { url: postgres.url(), certificate: postgres.certificate },
      redis: redis && { url: redis.url() },
      kafka: kafka && {
        url: kafka.url(),
        sasl: `127.0.0.1:${kafka.saslPort}`,
        tls: `127.0.0.1:${kafka.tlsPort}`,
        saslTls: `127.0.0.1:${kafka.saslTlsPort}`,
        certificate: kafka.certificate,
      },
    };
  }
}

/** Starts a set and serves it. Returns its description with the URL as control, and stop(). STOPPED is called after a POST /stop. */
export async function serveSet(stopped = () => {}) {
  const set = await new BackendSet().start();
  const routes = {
    "GET /": () => set.describe(),
    "POST /place": (id) => (id ? set.empty(id) : set.place()),
    "DELETE /place": (id) => set.release(id),
    "POST /stop": () => set.stop(),
  };
  const server = createServer(async (request, response) => {
    const [, name, id] = request.url.split("/");
    const route = routes[`${request.method} /${name}`];
    try {
      if (!route) throw new Error(`there is no ${request.method} ${request.url}`);
      response.end(JSON.stringify((await route(id)) ?? {}));
    } catch (error) {
      response.writeHead(500).end(error.stack);
    }
    if (name === "stop") response.on("close", stopped);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    control: `http://127.0.0.1:${server.address().port}`,
    ...set.describe(),
    async stop() {
      server.closeAllConnections();
      server.close();
      await set.stop();
    },
  };
}

/** Asks the set at CONTROL. */
export async function askSet(control, method, path) {
  const response = await fetch(`${control}${path}`, { method });
  const text = await response.text();
  if (!response.ok) throw new Error(`the servers of the tests: ${method} ${path}: ${text}`);
  return JSON.parse(text);
}
