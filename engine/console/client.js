// The connection to one hub: stock socket.io-client, with every event that passes told to a listener.
import { io } from "socket.io-client";

// The page is served at <base path>/console/.
const base = new URL("../", document.baseURI);
let enginePath = "socket.io";

/** What the server answers to a GET, or an Error in its words. */
async function get(path, token) {
  const response = await fetch(new URL(path, base), { headers: token ? { authorization: `Bearer ${token}` } : {} });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.message ?? `the server answered ${response.status}`);
  return body;
}

/** The hub's description. */
export const describeHub = async (hub, token) => (await get(encodeURIComponent(hub), token)).hub;

/** A room's record, as the token's user may see it. */
export const readRoom = async (hub, room, token) => (await get(`${encodeURIComponent(hub)}/rooms/${encodeURIComponent(room)}`, token)).room;

export async function listHubs() {
  const response = await fetch("hubs.json");
  if (!response.ok) throw new Error(await response.text());
  const listed = await response.json();
  enginePath = listed.path.slice(1);
  return listed;
}

/** Connects to HUB. on: {connect(), disconnect(reason), refuse(error), event(name, payload), passed(direction, name, payload)} */
export function openHub(hub, token, on) {
  const socket = io(new URL(`/hub/${hub}`, base).href, {
    path: new URL(`${enginePath}/`, base).pathname,
    auth: token ? { token } : {},
    forceNew: true,
  });
  socket.on("connect", on.connect);
  socket.on("disconnect", on.disconnect);
  socket.on("connect_error", on.refuse);
  socket.onAny((name, payload) => {
    on.passed("in", name, payload);
    on.event(name, payload);
  });
  return {
    /** Emits NAME; resolves with {ok: true, …} or {ok: false, error}. */
    async call(name, payload) {
      on.passed("out", name, payload);
      const answer = await socket
        .timeout(10000)
        .emitWithAck(name, payload)
        .catch(() => ({ ok: false, error: { code: "closed", message: "no answer from the server" } }));
      on.passed("ack", name, answer);
      return answer;
    },
    close: () => socket.close(),
  };
}
