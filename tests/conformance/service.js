// The service of the conformance suites: the echo that the protocol's own test suites ask of a server, written as plain namespaces.
const echo = {
  auth: false,
  onConnect: { lua: 'socket:emit("auth", socket.auth)' },
  events: [
    { name: "message", script: { lua: 'socket:emit("message-back", ...)' } },
    { name: "message-with-ack", script: { lua: "return ..." } },
  ],
};

export const PING_INTERVAL = 300;
export const PING_TIMEOUT = 200;

export function conformance(def) {
  Object.assign(def.service.listen, { pingInterval: PING_INTERVAL, pingTimeout: PING_TIMEOUT, connectTimeout: 1000 });
  def.service.namespaces = [
    { path: "/", ...echo },
    { path: "/custom", ...echo },
  ];
}
