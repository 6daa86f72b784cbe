// The chat page: joins one room, shows its history and what happens in it, sends text, dice and greetings. After a lost
// connection it joins again with the last number it saw, so nothing is missed and nothing shown twice.
// The stock client comes from hubd itself: index.html loads socket.io/socket.io.js, which sets io.
const $ = (id) => document.getElementById(id);
const TYPING_EVERY = 3000; // ms; the server ends "typing" by itself after 6 s

let socket = null;
let who = null; // {user, role, room}: what the form said; null when we left
let seen = {}; // {seq, epoch}: how far the log on the page goes
let permissions = null;
const members = new Map(); // user id -> {name, state}
const typing = new Map(); // user id -> name
let lastTyping = 0;

// io takes a namespace of the page's own host; the path is relative to the page, for a proxy with a base path.
function open() {
  $("status").textContent = "connecting…";
  socket = io("/hub/chat", {
    path: new URL("socket.io/", document.baseURI).pathname,
    auth: { token: `dev:${who.user}:${who.role}` },
    forceNew: true,
  });
  socket.on("connect", join);
  socket.on("connect_error", (error) => (socket.active ? lost() : fail(error.message)));
  socket.on("disconnect", (reason) => who && onDisconnect(reason));
  socket.onAny((name, payload) => listeners[name]?.(payload));
}

/** Emits an event; resolves with the acknowledgement, {ok: true, …} or {ok: false, error}. */
async function call(event, payload) {
  try {
    return await socket.timeout(10000).emitWithAck(event, payload);
  } catch {
    return { ok: false, error: { code: "closed", message: "no answer from the server" } };
  }
}

async function join() {
  const answer = await call("hub:join", { roomId: who.room, since: seen.seq, epoch: seen.epoch });
  if (!who) return;
  if (!answer.ok) return socket.connected ? fail(`${answer.error.message} (${answer.error.code})`) : lost();
  $("status").textContent = "connected";
  show(true);
  await refreshMembers();
}

// A refusal is final until the form is sent again; a lost connection is tried again by the client.
function fail(text) {
  who = null;
  socket.close();
  show(false);
  $("status").textContent = text;
}

function lost() {
  $("status").textContent = "connection lost, trying again…";
}

function onDisconnect(reason) {
  lost();
  if (reason === "io server disconnect") setTimeout(() => who && socket.connect(), 1000); // the client leaves this to us
}

const listeners = {
  "hub:joined": ({ roomId, hubRole, permissions: granted, epoch, recovered }) => {
    if (recovered !== true) $("messages").replaceChildren();
    seen.epoch = epoch;
    $("title").textContent = roomId;
    $("me").textContent = who.user;
    apply(hubRole, granted);
  },
  "hub:permissions": ({ hubRole, permissions: granted }) => apply(hubRole, granted),
  "hub:history": ({ messages, changes }) => {
    messages.forEach(showMessage);
    changes?.forEach((change) => (change.deleted ? removeMessage(change.messageId) : showMessage(change.message)));
    changes?.forEach((change) => note(change.seq));
  },
  "hub:state": ({ state }) => {
    $("title").textContent = state.title;
    $("topic").textContent = state.topic;
  },
  "hub:messageArrived": ({ message }) => {
    stopTyping({ userId: message.senderId });
    showMessage(message);
  },
  "hub:messagePending": ({ message }) => showMessage(message),
  "hub:messageEdited": ({ message, seq }) => {
    showMessage(message);
    note(seq);
  },
  "hub:messageDeleted": ({ messageId, seq }) => {
    removeMessage(messageId);
    note(seq);
  },
  "hub:messageRejected": ({ messageId, reason }) => {
    removeMessage(messageId);
    notice(`A moderator did not let your message through${reason ? `: ${reason}` : ""}.`);
  },
  "hub:reaction": ({ seq }) => note(seq),
  "hub:typing": ({ userId, user }) => {
    if (userId === who.user) return;
    typing.set(userId, user.name ?? userId);
    showTyping();
  },
  "hub:stopTyping": stopTyping,
  "hub:presence": ({ event, user }) => {
    if (event === "offline") members.delete(user.id);
    else members.set(user.id, { name: user.name ?? user.id, state: event });
    showMembers();
  },
  "hub:kicked": ({ reason }) => fail(`You were removed from the room${reason ? `: ${reason}` : ""}.`),
  "hub:blocked": ({ reason }) => fail(`You are blocked in this room${reason ? `: ${reason}` : ""}.`),
  "hub:roomClosed": () => fail("The room was closed."),
  "hub:error": ({ error }) => notice(error),
  wave: ({ userId }) => addLine(`wave-${Date.now()}`, "system", `${userId} waves`),
  announcement: ({ data }) => addLine(`word-${Date.now()}`, "system", `${data.text}`),
};

function apply(hubRole, granted) {
  permissions = granted;
  $("my-role").textContent = hubRole ?? "no particular role";
  for (const control of $("composer").elements) control.disabled = !permissions.canSend;
  $("text").placeholder = permissions.canSend ? "Message" : "You may only read here";
}

function note(seq) {
  if (seq != null && !(seq <= seen.seq)) seen.seq = seq;
}

function showMessage(message) {
  note(message.seq);
  const item = addLine(message.id, message.status === "pending" ? "pending" : message.senderId == null ? "system" : "", describe(message));
  if (message.senderId != null) {
    const from = document.createElement("span");
    from.className = "from";
    from.textContent = message.senderName ?? message.senderId;
    item.prepend(from, ": ");
  }
  const time = document.createElement("time");
  time.dateTime = message.timestamp;
  time.textContent = ` ${new Date(message.timestamp).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`;
  item.append(time, message.status === "pending" ? " waits for a moderator" : "");
}

function describe({ messageType, content }) {
  if (messageType === "text") return content.body;
  if (messageType === "diceRoll") return `rolls ${content.count}${content.sides}: ${content.results?.join(", ")}`;
  if (messageType === "system") return `${content.systemAction}`;
  return `[${messageType}]`;
}

// One line of the log; a line with the same id is written anew.
function addLine(id, className, text) {
  const log = $("messages");
  const following = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  let item = [...log.children].find((line) => line.dataset.id === id);
  if (!item) {
    item = document.createElement("li");
    item.dataset.id = id;
    log.append(item);
  }
  item.className = className;
  item.textContent = text;
  if (following) log.scrollTop = log.scrollHeight;
  return item;
}

function removeMessage(id) {
  [...$("messages").children].find((line) => line.dataset.id === id)?.remove();
}

function stopTyping({ userId }) {
  typing.delete(userId);
  showTyping();
}

function showTyping() {
  const names = [...typing.values()];
  $("typing").textContent = names.length === 0 ? "" : `${names.join(", ")} ${names.length === 1 ? "is" : "are"} typing…`;
}

async function refreshMembers() {
  const answer = await call("hub:members", { roomId: who.room });
  if (!answer.ok) return;
  members.clear();
  for (const member of answer.members) {
    const id = member.userId ?? member.id ?? member.user?.id;
    members.set(id, { name: member.name ?? member.user?.name ?? id, state: member.presence ?? "online" });
  }
  showMembers();
}

function showMembers() {
  const lines = [...members.values()].map(({ name, state }) => {
    const item = document.createElement("li");
    item.textContent = state === "away" ? `${name} (away)` : name;
    return item;
  });
  $("members").replaceChildren(...lines);
}

async function act(event, payload) {
  const answer = await call(event, { roomId: who.room, ...payload });
  notice(answer.ok ? "" : answer.error.message);
  return answer.ok;
}

function notice(text) {
  $("notice").textContent = text;
}

function show(joined) {
  $("entry").hidden = joined;
  $("chat").hidden = !joined;
  (joined ? $("text") : $("user")).focus();
}

$("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  who = { user: $("user").value, role: $("role").value, room: $("room").value };
  seen = {};
  typing.clear();
  showTyping();
  notice("");
  if (globalThis.io) open();
  else $("status").textContent = "this hubd was built without the Socket.IO client: make console, then make build";
});

$("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = $("text").value.trim();
  if (!body) return;
  lastTyping = 0;
  // The id makes a repeat after a lost connection harmless.
  if (await act("hub:send", { messageType: "text", content: { body }, clientMessageId: crypto.randomUUID() })) $("text").value = "";
});

$("text").addEventListener("input", () => {
  if (Date.now() - lastTyping < TYPING_EVERY) return;
  lastTyping = Date.now();
  act("hub:event", { event: "typing" });
});

$("dice").addEventListener("click", () => act("hub:send", { messageType: "diceRoll", content: { sides: "d6", count: 2 } }));
$("wave").addEventListener("click", () => act("hub:event", { event: "wave" }));
$("leave").addEventListener("click", () => {
  who = null;
  socket.close();
  show(false);
  $("status").textContent = "not connected";
});

document.addEventListener("visibilitychange", () => {
  if (who && permissions) call("hub:event", { roomId: who.room, event: document.hidden ? "away" : "online" });
});
