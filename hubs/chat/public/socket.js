// A Socket.IO 5 client as far as this page needs one: WebSocket only, one namespace, JSON events, acknowledgements from the server.
// Programs use the stock socket.io-client; the page speaks the protocol itself so that it needs no build step.

/** Opens a connection to NAMESPACE. Handlers: {connect(), refuse(error), event(name, payload), close()}; close comes last and once. */
export function connect(namespace, auth, handlers) {
  const url = new URL("socket.io/?EIO=4&transport=websocket", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  const ws = new WebSocket(url);
  const prefix = `${namespace},`;
  const waiting = new Map(); // acknowledgement id -> resolve
  let nextId = 0;
  let patience = 20000; // ms without a packet after which the peer counts as gone
  let deadline;

  const send = (type, id, value) => ws.send(`4${type}${prefix}${id}${value === undefined ? "" : JSON.stringify(value)}`);

  function expectPacket() {
    clearTimeout(deadline);
    deadline = setTimeout(() => ws.close(), patience);
  }

  function onMessage(text) {
    const type = text[0];
    if (!text.startsWith(prefix, 1)) return;
    const [, id, json] = /^(\d*)(.*)$/s.exec(text.slice(1 + prefix.length));
    const value = json ? JSON.parse(json) : undefined;
    if (type === "0") handlers.connect();
    else if (type === "1") ws.close();
    else if (type === "2") handlers.event(value[0], value[1]);
    else if (type === "3") settle(Number(id), value[0]);
    else if (type === "4") {
      handlers.refuse(value);
      ws.close();
    }
  }

  function settle(id, answer) {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  }

  ws.addEventListener("message", ({ data }) => {
    expectPacket();
    if (data[0] === "0") {
      const { pingInterval, pingTimeout } = JSON.parse(data.slice(1));
      patience = pingInterval + pingTimeout;
      send(0, "", auth);
    } else if (data[0] === "2") ws.send("3");
    else if (data[0] === "4") onMessage(data.slice(1));
  });
  ws.addEventListener("close", () => {
    clearTimeout(deadline);
    for (const id of [...waiting.keys()]) settle(id, { ok: false, error: { code: "closed", message: "The connection was closed" } });
    handlers.close();
  });

  return {
    /** Emits an event; resolves with the acknowledgement, {ok: true, …} or {ok: false, error}. */
    call(event, payload) {
      return new Promise((resolve) => {
        if (ws.readyState !== WebSocket.OPEN) {
          resolve({ ok: false, error: { code: "closed", message: "Not connected" } });
          return;
        }
        waiting.set(nextId, resolve);
        send(2, nextId++, [event, payload]);
      });
    },
    close: () => ws.close(),
  };
}
