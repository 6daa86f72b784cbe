// The board page. The room says who is here and where his cursor is; the notes are a record, followed in patch mode: after the first answer only
// what changed comes. Members of different notes are patched one by one, so two who work at once do not overwrite each other.
const $ = (id) => document.getElementById(id);
const CURSOR_EVERY = 100; // ms
const CURSOR_FOR = 10000; // ms until a cursor that does not move goes

let socket = null;
let who = null; // {user, room}; null when we left
let notes = {}; // the record's notes by id
let version; // of the record that we have; undefined: none
let canEdit = false;
let dragged = null; // id of the note under the pointer: what others do to it shows when it is let go
let lastCursor = 0;
const people = new Set();
const cursors = new Map(); // user id -> {x, y, note}

function open() {
  $("status").textContent = "connecting…";
  socket = io("/hub/board", {
    path: new URL("socket.io/", document.baseURI).pathname,
    auth: { token: `dev:${who.user}` },
    forceNew: true,
  });
  socket.on("connect", join);
  socket.on("connect_error", (error) => (socket.active ? lost() : fail(error.message)));
  socket.on("disconnect", (reason) => {
    if (!who) return;
    lost();
    if (reason === "io server disconnect") setTimeout(() => who && socket.connect(), 1000); // the client leaves this to us
  });
  socket.onAny((name, payload) => listeners[name]?.(payload));
}

// Answers are taken in a callback, not behind an await: it runs before the event that comes next, so that no patch is applied too early.
function call(event, payload, done) {
  socket.timeout(10000).emit(event, payload, (late, answer) => {
    if (late) answer = { ok: false, error: { code: "closed", message: "no answer from the server" } };
    if (done) done(answer);
    else notice(answer.ok ? "" : answer.error.message);
  });
}

function join() {
  call("hub:join", { roomId: who.room, members: true }, (answer) => {
    if (!who) return;
    if (!answer.ok) return refuse(answer.error);
    people.clear();
    cursors.clear();
    for (const { userId, state } of answer.members) meet(userId, state);
    allow(answer.hubRole);
    follow();
  });
}

// After a lost connection the version at hand goes along: when nothing has happened, nothing is sent.
function follow() {
  call("hub:subscribeRecord", { recordId: recordId(), mode: "patch", version }, (answer) => {
    if (!who) return;
    if (!answer.ok) return refuse(answer.error);
    if (answer.record !== undefined) notes = answer.record?.notes ?? {};
    version = answer.version;
    $("status").textContent = "connected";
    $("entry").hidden = true;
    $("desk").hidden = false;
    show();
  });
}

const listeners = {
  "hub:state": ({ state }) => ($("title").textContent = state.title),
  "hub:recordUpdated": (change) => {
    if (change.recordId !== recordId()) return;
    notes = (change.full ?? change.patch.reduce(apply, { notes })).notes;
    version = change.version;
    show();
  },
  "hub:recordDeleted": (change) => {
    notes = {};
    version = change.version;
    show();
  },
  "hub:presence": ({ event, user, state }) => {
    if (event === "offline") people.delete(user.id), cursors.delete(user.id);
    else meet(user.id, event === "state" ? state : cursors.get(user.id));
    showPeople();
  },
  "hub:permissions": ({ hubRole }) => {
    allow(hubRole);
    show();
  },
  "hub:unsubscribed": ({ reason }) => fail(`You may not see this board any more (${reason}).`),
  "hub:kicked": () => fail("You were removed from the board."),
  "hub:roomClosed": () => fail("The board was closed."),
  "hub:error": ({ error }) => notice(error),
};

const recordId = () => `notes:${who.room}`;

function meet(userId, state) {
  if (userId === who.user) return;
  people.add(userId);
  if (state) cursors.set(userId, state);
  else cursors.delete(userId);
}

function allow(hubRole) {
  canEdit = hubRole === "editor";
  $("add").disabled = !canEdit;
}

function refuse({ message, code }) {
  if (socket.connected) fail(`${message} (${code})`);
  else lost();
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

/** VALUE after one operation of RFC 6902, of the kinds that hubd sends: add, replace and remove. VALUE itself stays as it is. */
function apply(value, { op, path, value: to }) {
  if (path === "") return to;
  const [, first, ...rest] = path.split("/");
  const key = first.replaceAll("~1", "/").replaceAll("~0", "~");
  const copy = Array.isArray(value) ? [...value] : { ...value };
  if (rest.length > 0) copy[key] = apply(value[key], { op, path: `/${rest.join("/")}`, value: to });
  else if (op === "remove") Array.isArray(copy) ? copy.splice(key, 1) : delete copy[key];
  else if (op === "add" && Array.isArray(copy)) copy.splice(key === "-" ? copy.length : key, 0, to);
  else copy[key] = to;
  return copy;
}

const patch = (operations) => call("hub:patchRecord", { recordId: recordId(), patch: operations });

// Merging makes the record where it is not there yet. What one adds is only one's own note, so nobody else's is touched.
function add() {
  const view = $("board").parentElement;
  const note = { text: "", x: view.scrollLeft + 40, y: view.scrollTop + 40, colour: $("colour").value, by: who.user };
  call("hub:writeRecord", { recordId: recordId(), value: { notes: { [crypto.randomUUID()]: note } }, strategy: "deepMerge" });
}

function move(id, x, y) {
  const within = (n, max) => Math.round(Math.min(Math.max(n, 0), max));
  patch([
    { op: "replace", path: `/notes/${id}/x`, value: within(x, 1420) },
    { op: "replace", path: `/notes/${id}/y`, value: within(y, 780) },
  ]);
}

function show() {
  for (const item of [...$("board").querySelectorAll(".note")]) if (!notes[item.dataset.id]) item.remove();
  for (const [id, note] of Object.entries(notes)) showNote(id, note);
  showPeople();
}

function showNote(id, note) {
  const item = [...$("board").children].find((other) => other.dataset.id === id) ?? makeNote(id);
  item.dataset.colour = note.colour;
  item.querySelector(".by").textContent = note.by;
  const text = item.querySelector("textarea");
  text.readOnly = !canEdit;
  if (document.activeElement !== text) text.value = note.text; // who writes is not interrupted
  item.querySelector("button").hidden = !canEdit;
  if (dragged !== id) place(item, note);
}

function place(item, { x, y }) {
  item.style.left = `${x}px`;
  item.style.top = `${y}px`;
}

function makeNote(id) {
  const item = document.createElement("article");
  item.className = "note";
  item.dataset.id = id;
  item.innerHTML = `<div class="bar" tabindex="0"><span class="by"></span><button type="button" aria-label="Remove the note">×</button></div>
    <textarea maxlength="500" aria-label="Note"></textarea>`; // fixed text; what users write goes in as textContent and value
  const [bar, text] = [item.querySelector(".bar"), item.querySelector("textarea")];
  item.querySelector("button").addEventListener("click", () => patch([{ op: "remove", path: `/notes/${id}` }]));
  text.addEventListener("change", () => patch([{ op: "replace", path: `/notes/${id}/text`, value: text.value }]));
  text.addEventListener("blur", () => notes[id] && (text.value = notes[id].text));
  bar.addEventListener("pointerdown", (event) => canEdit && event.target.tagName !== "BUTTON" && drag(item, bar, event));
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, -10], ArrowDown: [0, 10] }[event.key];
    if (!step || !canEdit) return;
    event.preventDefault();
    move(id, notes[id].x + step[0], notes[id].y + step[1]);
  });
  $("board").append(item);
  return item;
}

function drag(item, bar, start) {
  const id = item.dataset.id;
  const { x, y } = notes[id];
  const at = (event) => ({ x: x + event.clientX - start.clientX, y: y + event.clientY - start.clientY });
  const onMove = (event) => place(item, at(event));
  const end = (event) => {
    dragged = null;
    bar.removeEventListener("pointermove", onMove);
    if (!notes[id]) return;
    if (event.type === "pointerup") move(id, at(event).x, at(event).y);
    else place(item, notes[id]);
  };
  dragged = id;
  bar.setPointerCapture(start.pointerId);
  bar.addEventListener("pointermove", onMove);
  for (const name of ["pointerup", "pointercancel"]) bar.addEventListener(name, end, { once: true });
}

function showPeople() {
  $("people").textContent = [...people].sort().join(", ") || "only you";
  for (const item of [...$("board").querySelectorAll(".cursor")]) item.remove();
  for (const [user, { x, y, note }] of cursors) {
    const item = document.createElement("span");
    item.className = "cursor";
    item.textContent = note ? `${user} ✎` : user;
    place(item, { x, y });
    $("board").append(item);
  }
}

// A cursor means nothing later, so it is volatile: nothing of it is kept while the connection is away.
function tellCursor({ clientX, clientY }) {
  if (!socket?.connected || Date.now() - lastCursor < CURSOR_EVERY) return;
  lastCursor = Date.now();
  const box = $("board").getBoundingClientRect();
  const state = { x: Math.round(clientX - box.left), y: Math.round(clientY - box.top) };
  const note = dragged ?? document.activeElement.closest(".note")?.dataset.id;
  if (note) state.note = note;
  socket.volatile.emit("hub:presenceState", { roomId: who.room, state, expireAfterMs: CURSOR_FOR });
}

$("board").addEventListener("pointermove", tellCursor);
$("add").addEventListener("click", add);
$("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  who = { user: $("user").value, room: $("room").value };
  notes = {};
  version = undefined;
  notice("");
  if (globalThis.io) open();
  else $("status").textContent = "this hubd was built without the Socket.IO client: make console, then make build";
});
$("leave").addEventListener("click", () => fail("not connected"));
