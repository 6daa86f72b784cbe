// The notification page: watches the user's inbox, a collection, and answers what the server asks. After a lost connection it watches again with the
// version at hand: nothing is missed, and nothing sent that is here already.
const $ = (id) => document.getElementById(id);

let socket = null;
let who = null; // {user, role}; null when we left
let inbox = new Map(); // id -> notification, in the order of the collection
let version; // of the collection that we have; undefined: none

// One id for each tab. A tab that is duplicated has it, too: then the newer one goes on, and the older is told hub:superseded.
const clientId = (sessionStorage.clientId ??= crypto.randomUUID());

function open() {
  $("status").textContent = "connecting…";
  socket = io("/notify", {
    path: new URL("socket.io/", document.baseURI).pathname,
    auth: { token: `dev:${who.user}:${who.role}`, clientId },
    forceNew: true,
  });
  socket.on("connect", watch);
  socket.on("connect_error", (error) => (socket.active ? lost() : fail(error.data?.reason ?? error.message)));
  socket.on("disconnect", (reason) => {
    if (!who) return;
    lost();
    if (reason === "io server disconnect") setTimeout(() => who && socket.connect(), 1000); // the client leaves this to us
  });
  socket.on("hub:collectionChanged", change);
  socket.on("hub:invoke", onInvoke);
  socket.on("hub:superseded", () => fail("You go on in another tab."));
  socket.on("hub:unsubscribed", ({ reason }) => fail(`Your inbox is closed (${reason}).`));
  socket.on("hub:error", ({ error }) => notice(error));
}

// Answers are taken in a callback, not behind an await: it runs before the event that comes next, so that no change is applied too early.
function call(event, payload, done) {
  socket.timeout(10000).emit(event, payload, (late, answer) => {
    if (late) answer = { ok: false, error: { code: "closed", message: "no answer from the server" } };
    if (done) done(answer);
    else notice(answer.ok ? "" : answer.error.message);
  });
}

function watch() {
  call("hub:subscribeCollection", { collectionId: `inbox:${who.user}`, version }, (answer) => {
    if (!who) return;
    if (!answer.ok) return socket.connected ? fail(`${answer.error.message} (${answer.error.code})`) : lost();
    if (answer.records) fill(answer.ids, answer.records);
    version = answer.version;
    $("status").textContent = "connected";
    $("entry").hidden = true;
    $("desk").hidden = false;
    $("send").hidden = who.role !== "staff";
    show();
  });
}

function fill(ids, records) {
  const all = new Map(records.map((record) => [record.id, record]));
  inbox = new Map(ids.map((id) => [id, all.get(id)]));
}

function change({ version: now, added = [], changed = [], removed = [], order, reset, ids, records }) {
  if (reset) fill(ids, records);
  for (const record of [...changed, ...added]) inbox.set(record.id, record);
  for (const id of removed) inbox.delete(id);
  if (order) fill(order, [...inbox.values()]);
  version = now;
  show();
}

// The server asks one client after the other, and takes the first answer. A dialog that is open when the answer is not wanted any more does no harm.
function onInvoke({ type, data }, answer) {
  if (type !== "confirm" || $("ask").open) return answer({ ok: false, error: { code: "busy", message: "the user cannot be asked now" } });
  $("ask-title").textContent = data.title;
  $("ask-body").textContent = data.body ?? "";
  $("ask").returnValue = "";
  $("ask").onclose = () =>
    $("ask").returnValue === ""
      ? answer({ ok: false, error: { code: "dismissed", message: "the user has closed the question" } })
      : answer({ ok: true, result: { yes: $("ask").returnValue === "yes" } });
  $("ask").showModal();
}

function fail(text) {
  who = null;
  socket.close();
  $("desk").hidden = true;
  $("entry").hidden = false;
  $("status").textContent = text;
}

function lost() {
  $("status").textContent = "connection lost, trying again…";
}

function notice(text) {
  $("notice").textContent = text;
}

function show() {
  $("inbox").replaceChildren(...[...inbox.values()].map(line));
  const unread = [...inbox.values()].filter(({ state }) => state === "unread").length;
  $("unread").textContent = unread ? `(${unread})` : "";
}

function line({ id, title, body, sentBy, at, state }) {
  const item = document.createElement("li");
  item.className = state;
  const part = (className, text) => {
    const span = document.createElement("span");
    span.className = className;
    span.textContent = text;
    return span;
  };
  const text = part("text", "");
  text.append(part("title", title), body ? ` ${body}` : "");
  item.append(text, part("from", `${sentBy === who.user ? "" : `${sentBy}, `}${new Date(at).toLocaleString()}`), part("state", state));
  if (state === "unread") item.append(button("Read", () => call("read", { id })));
  item.append(button("Dismiss", () => call("dismiss", { id })));
  return item;
}

function button(text, action) {
  const control = document.createElement("button");
  control.type = "button";
  control.textContent = text;
  control.addEventListener("click", action);
  return control;
}

const onSubmit = (form, act) =>
  $(form).addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });

onSubmit("entry", () => {
  who = { user: $("user").value, role: $("role").value };
  inbox = new Map();
  version = undefined;
  notice("");
  if (globalThis.io) open();
  else $("status").textContent = "this hubd was built without the Socket.IO client: make console, then make build";
});
onSubmit("remind", () => call("remind", { title: $("what").value, inSeconds: $("when").valueAsNumber }));
onSubmit("send", () =>
  call("send", {
    to: $("to").value,
    title: $("subject").value,
    body: $("body").value || null,
    question: $("question").checked,
    key: crypto.randomUUID(), // what the client sends again after a lost connection is told once
  }),
);
$("leave").addEventListener("click", () => fail("not connected"));
