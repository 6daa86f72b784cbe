// A page that chats and counts, with the hooks: what browser.test.js looks at. StrictMode mounts everything
// twice, as in development.
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { createClient } from "@hubd/client";
import { usePresence, useRecord, useRoom } from "@hubd/client/react";

const query = new URLSearchParams(location.search);
const hub = createClient({
  hub: "chat",
  token: `dev:${query.get("user")}`,
  socket: { reconnectionDelay: 20, reconnectionDelayMax: 100 },
});

function Room({ id }) {
  const { room, messages, status, error } = useRoom(hub, id);
  const members = usePresence(room);
  const { value, record } = useRecord(hub, `count:${id}`, { mode: "patch" });
  if (error) return <p role="alert">{error.code}</p>;
  return (
    <section aria-label={id} title={status}>
      <ul aria-label="messages">
        {messages.map(({ id: key, clientMessageId, content, status: how }) => (
          <li key={clientMessageId ?? key}>{`${content.body} ${how}`}</li>
        ))}
      </ul>
      <ul aria-label="members">
        {members.map(({ userId }) => (
          <li key={userId}>{userId}</li>
        ))}
      </ul>
      <output>{value === undefined ? "…" : (value?.n ?? "none")}</output>
      <button onClick={() => room.send("text", { body: `hello from ${query.get("user")}` })}>Send</button>
      <button onClick={() => record.write({ n: (value?.n ?? 0) + 1 })}>Count</button>
    </section>
  );
}

function App() {
  const [state, setState] = useState(hub.state);
  const [id, setId] = useState(query.get("room"));
  useEffect(() => hub.on("state", setState), []);
  return (
    <>
      <p role="status">{state}</p>
      <button onClick={() => setId((was) => (was ? null : query.get("room")))}>Toggle</button>
      {id && <Room id={id} />}
    </>
  );
}

createRoot(document.getElementById("app")).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
