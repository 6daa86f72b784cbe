// Serves one of the examples below hubs/ as it is, on a copy: with a fresh database and on a free port.
import { cpSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before } from "node:test";
import { temporaryFolder } from "./backends/server.js";
import { Hubd, removeService, ROOT } from "./harness.js";
import { Peer } from "./peer.js";

const bearer = (user, role) => `dev:${user}${role ? `:${role}` : ""}`;

/** hubs/NAME during the enclosing suite. PREPARE(dir) may add files to the copy; ARGS go to hubd, and so does ENV, which may be filled by PREPARE. */
export function example(name, { prepare, args = [], env = {} } = {}) {
  const at = { peers: [] };
  before(async () => {
    at.dir = temporaryFolder(name);
    cpSync(join(ROOT, "hubs", name), at.dir, { recursive: true, filter: (source) => !source.includes("/data") });
    await prepare?.(at.dir);
    at.start = async () => (at.hubd = await Hubd.start(at.dir, { args: ["--set", `listen.port=${at.hubd?.port ?? 0}`, ...args], env }));
    await at.start();
  });
  afterEach(() => at.peers.splice(0).forEach((peer) => peer.close()));
  after(async () => {
    await at.hubd.stop();
    removeService(at.dir);
  });

  /** A peer of USER that asked to join ROOM; peer.welcome is the answer, whatever it is. */
  at.member = async (user, roomId, role, hub = name) => {
    const peer = new Peer(`${at.hubd.url}/hub/${hub}`, { auth: { token: bearer(user, role) } });
    at.peers.push(peer);
    await peer.connected();
    peer.welcome = await peer.call("hub:join", { roomId });
    return peer;
  };

  /** A request as USER with ROLE; the answer as {status, body}. */
  at.rest = async (user, role, method, path, body) => {
    const response = await fetch(at.hubd.url + path, {
      method,
      headers: { authorization: `Bearer ${bearer(user, role)}`, ...(body && { "content-type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : undefined };
  };
  return at;
}
