// The console: joins a room of a hub as anybody the service admits, and shows and does what the wire offers there.
import { describeHub, listHubs, openHub, readRoom } from "./client.js";
import { $, el, json } from "./dom.js";
import { makeForm } from "./form.js";
import * as messages from "./messages.js";
import { clearDoing, setDoing, showMembers, showPermissions, showRaw, showRecord, showState } from "./room.js";

const TYPING_EVERY = 3000; // ms; the hub lets typing end after 6 s without a repeat
const RECEIPT_AFTER = 200; // ms in which several messages share one receipt
const ADMISSIONS = { dev: "as a dev user", token: "with a token", anonymous: "anonymously" };

const members = new Map(); // user id -> as hub:members has it
let service;
let client;
let hub; // description
let roomId;
let bearer; // the token that was signed in with
let me; // user id; undefined until known
let rights; // of hub:joined or hub:permissions
let position = {}; // of the last numbered event seen: seq, epoch
let readContent;
let replyTo;
let sending; // the draft that waits for its answer
let attempt = {}; // the draft sent last without success, its room and its clientMessageId
let lastTyping = 0;
let receiptTimer;
let announced = 0; // the seq of the last receipt sent

// ---- entry ----

async function start() {
  service = await listHubs();
  document.title = `${service.service} console`;
  $("hub").replaceChildren(...service.hubs.map((name) => el("option", { value: name, text: name })));
  const ways = Object.keys(ADMISSIONS).filter((way) => service[way]);
  $("way").replaceChildren(...ways.map((way) => el("option", { value: way, text: ADMISSIONS[way] })));
  chooseWay();
  $("hub").focus();
}

function chooseWay() {
  for (const label of document.querySelectorAll("[data-way]")) {
    label.hidden = label.dataset.way !== $("way").value;
    label.querySelector("input").disabled = label.hidden;
  }
}

function token() {
  const way = $("way").value;
  if (way === "anonymous") return undefined;
  if (way === "token") return $("token").value.trim();
  const role = $("role").value.trim();
  return `dev:${$("user").value.trim()}${role ? `:${role}` : ""}`;
}

/** The user id that a token names, where the page can read it. */
function userOf(text) {
  if (!text) return undefined;
  if (text.startsWith("dev:")) return text.split(":")[1];
  try {
    const claims = JSON.parse(atob(text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return claims.userId ?? claims.sub;
  } catch {
    return undefined;
  }
}

async function enter(event) {
  event.preventDefault();
  leave();
  notice("");
  bearer = token();
  try {
    hub = await describeHub($("hub").value, bearer);
  } catch (error) {
    notice(error.message);
    return;
  }
  me = userOf(bearer);
  roomId = $("room").value.trim();
  position = {};
  rights = undefined;
  const opened = openHub(hub.name, bearer, {
    connect: () => join(opened),
    disconnect: (reason) => client === opened && ended(reason),
    refuse: (error) => (error.data ? refuse(error.message) : status(`cannot connect: ${error.message}`)),
    event: (name, payload) => client === opened && (payload?.roomId ?? roomId) === roomId && heard(name, payload),
    passed: showRaw,
  });
  client = opened;
  status("connecting");
}

// Also after a lost connection: what was missed comes with hub:history.
async function join(opened) {
  const answer = await opened.call("hub:join", { roomId, ...(position.epoch && { since: position.seq, epoch: position.epoch }) });
  if (client !== opened) return;
  if (!answer.ok) refuse(answer.error.message ?? answer.error.code);
  else status("connected");
}

// The client comes back by itself after a lost connection, not when the server ended the session: hub:error has said why.
function ended(reason) {
  if (reason === "io server disconnect") refuse($("notice").textContent || "The server ended the connection");
  else status("connection lost");
}

function refuse(text) {
  leave();
  notice(text);
}

function leave() {
  client?.close();
  client = undefined;
  waitFor(undefined);
  clearTimeout(receiptTimer);
  $("joined").hidden = true;
  $("entry").hidden = false;
  status("not connected");
}

function status(text) {
  $("status").textContent = text;
}

function notice(text) {
  $("notice").textContent = text;
}

async function act(event, payload = {}) {
  try {
    const content = typeof payload.content === "function" ? { content: payload.content() } : {};
    const called = client;
    const answer = await called.call(event, { roomId, ...payload, ...content });
    if (client !== called) return false; // why the room was left has been said
    notice(answer.ok ? "" : `${answer.error.message ?? ""} (${answer.error.code})`);
    return answer.ok && answer;
  } catch (error) {
    notice(error.message);
    return false;
  }
}

// ---- what the server says ----

const does =
  (what) =>
  ({ userId, user }) =>
    userId !== me && setDoing(userId, user?.name ?? userId, what);

const on = {
  "hub:joined": (joined) => {
    if (joined.recovered !== true) begin();
    Object.assign(position, { seq: joined.seq, epoch: joined.epoch });
    apply(joined);
    refreshMembers();
    if (position.fresh) composerFirst();
    position.fresh = false;
  },
  "hub:permissions": apply,
  "hub:history": ({ messages: list, changes, hasMore, recovered }) => {
    list.forEach(messages.put);
    changes?.forEach((change) => (change.deleted ? messages.remove(change.messageId) : messages.put(change.message)));
    if (recovered !== true) $("older").hidden = !hasMore;
    sendReceipt();
  },
  "hub:state": ({ state }) => showState(state),
  "hub:messageArrived": ({ message }) => {
    note(message.seq);
    setDoing(message.senderId);
    messages.put(message);
    sendReceipt();
  },
  "hub:messageStored": ({ messageId, seq }) => {
    note(seq);
    messages.change(messageId, { seq, changeSeq: seq, provisional: undefined });
  },
  "hub:messageFailed": ({ messageId }) => messages.remove(messageId),
  "hub:messagePending": ({ message }) => messages.put(message),
  "hub:messageEdited": ({ message, seq }) => {
    note(seq);
    messages.put(message);
  },
  "hub:messageDeleted": ({ messageId, seq }) => {
    note(seq);
    messages.remove(messageId);
  },
  "hub:messageRejected": ({ messageId, reason }) => {
    if (messages.messageOf(messageId)?.senderId === me) notice(`A moderator rejected your message${reason ? `: ${reason}` : ""}`);
    messages.remove(messageId);
  },
  "hub:reaction": ({ messageId, seq, reaction, emoji, userId, removed }) => {
    note(seq);
    const others = (messages.messageOf(messageId)?.reaction ?? []).filter((r) => r.emoji !== emoji || r.userId !== userId);
    // A long list is not sent along.
    messages.change(messageId, { reaction: reaction ?? (removed ? others : [...others, { emoji, userId }]) });
  },
  "hub:typing": does("typing"),
  "hub:recording": does("recording"),
  "hub:stopTyping": does(undefined),
  "hub:stopRecording": does(undefined),
  "hub:presence": ({ event, user }) => {
    if (event === "offline") members.delete(user.id);
    else if (members.has(user.id)) members.get(user.id).presence = event;
    else refreshMembers();
    drawMembers();
  },
  "hub:messageRead": ({ userId, lastReadSeq }) => receipt(userId, { lastReadSeq }),
  "hub:messageDelivered": ({ userId, seq }) => receipt(userId, { lastDeliveredSeq: seq }),
  "hub:speakRequested": ({ userId }) => {
    notice(`${userId} asks to speak`);
    restrict(userId, "grantSpeak");
  },
  "hub:speakDenied": ({ userId }) => userId === me && notice("You may not speak."),
  "hub:kicked": ({ reason }) => refuse(`You were removed from the room${reason ? `: ${reason}` : ""}`),
  "hub:blocked": ({ reason }) => refuse(`You are blocked in this room${reason ? `: ${reason}` : ""}`),
  "hub:roomUpdated": ({ record }) => showRecord(record),
  "hub:roomClosed": () => refuse("The room was closed"),
  "hub:error": ({ error }) => notice(error),
};

function heard(name, payload) {
  on[name]?.(payload);
}

function note(seq) {
  if (seq > (position.seq ?? 0)) position.seq = seq;
}

// ---- the room ----

function begin() {
  messages.setRoom({ me: () => me, hub, permissions: {}, act, reply, readers });
  members.clear();
  clearDoing();
  reply(undefined);
  showState();
  showRecord();
  openRecord();
  announced = 0;
  $("where").textContent = `${hub.name} / ${roomId}`;
  $("older").hidden = true;
  $("type").replaceChildren();
  $("recording").hidden = !hub.events.recording;
  $("forward").hidden = !hub.features.forwarded;
  fillEvents();
  $("entry").hidden = true;
  $("joined").hidden = false;
  for (const id of ["people", "rights"]) $(id).open = matchMedia("(min-width: 52rem)").matches;
  position.fresh = true;
}

function apply(next) {
  const before = rights?.permissions;
  rights = next;
  const { permissions, silenced } = next;
  messages.setPermissions(permissions);
  showPermissions(next);
  $("speak").hidden = !silenced;
  $("pending-part").hidden = !permissions.canModerate && !permissions.canManageRoom;
  $("change").hidden = !permissions.canManageRoom;
  fillTypes();
  drawMembers();
  if (permissions.canModerate && !before?.canModerate) loadPending();
}

function fillTypes() {
  const allowed = rights.permissions.allowedMessageTypes;
  const chosen = $("type").value;
  const options = hub.messageTypes.map(({ name, builtin }) => {
    const open = !allowed?.length || allowed.includes(name);
    return el("option", { value: name, text: open ? name : `${name} (not for you)`, disabled: !open, "data-builtin": builtin });
  });
  $("type").replaceChildren(...options);
  const keep = options.find((option) => option.value === chosen && !option.disabled) ?? options.find((option) => !option.disabled);
  if (keep) keep.selected = true;
  if (!chosen || keep?.value !== chosen) chooseType();
  else enableComposer();
}

function enableComposer() {
  const may = rights.permissions.canSend && !rights.silenced;
  for (const control of $("composer").elements)
    if (control !== $("speak") && !(control instanceof HTMLOptionElement)) control.disabled = !may;
}

function chooseType() {
  const type = hub.messageTypes.find(({ name }) => name === $("type").value);
  if (!type) return;
  $("about").textContent = type.description;
  readContent = makeForm($("fields"), type);
  enableComposer(); // also when an answer comes to somebody who has been silenced meanwhile
}

function composerFirst() {
  const first = $("fields").querySelector("input:enabled, select:enabled, textarea:enabled");
  (first ?? $("messages")).focus();
}

function reply(message) {
  replyTo = message && { id: message.id };
  $("reply").hidden = !message;
  if (!message) return;
  $("reply").querySelector("span").textContent = `Reply to ${message.senderName ?? message.senderId ?? "system"} #${message.seq}`;
  composerFirst();
}

/** What the composer holds, as a text that is another one as soon as the user changed something. */
const draft = () => json([replyTo?.id, ...[...$("composer").elements].map(({ value, checked }) => checked ?? value)]);

function waitFor(sent) {
  sending = sent;
  $("composer").setAttribute("aria-busy", String(Boolean(sent)));
}

// The draft stays until its answer has come. Who went on writing, or is elsewhere by then, is not disturbed. A draft that is sent again
// because no answer came has the same clientMessageId, so it is not there twice.
async function send(event) {
  event.preventDefault();
  if (sending) return;
  const sent = draft();
  if (attempt.draft !== sent || attempt.room !== roomId) attempt = { draft: sent, room: roomId, id: crypto.randomUUID?.() };
  lastTyping = 0;
  const mine = attempt;
  waitFor(mine);
  const answer = await act("hub:send", {
    messageType: $("type").value,
    content: readContent,
    clientMessageId: attempt.id,
    ...(replyTo && { replyTo }),
    ...($("forward").querySelector("input").checked && { forwarded: true }),
  });
  if (sending !== mine) return; // the room was left
  waitFor(undefined);
  if (!answer) return;
  if (!me && answer.message?.senderId) {
    me = answer.message.senderId; // a token that says no user id
    messages.refresh();
  }
  attempt = {};
  if (draft() !== sent) return;
  const at = document.activeElement;
  const here = at === document.body || at === $("send") || $("fields").contains(at);
  reply(undefined);
  $("forward").querySelector("input").checked = false;
  chooseType();
  if (here) composerFirst();
}

function typing() {
  if (!hub.events.typing || Date.now() - lastTyping < TYPING_EVERY) return;
  lastTyping = Date.now();
  client.call("hub:event", { roomId, event: "typing" });
}

async function record() {
  const goesOn = $("recording").getAttribute("aria-pressed") !== "true";
  if (await act("hub:event", { event: goesOn ? "recording" : "stopRecording" }))
    $("recording").setAttribute("aria-pressed", String(goesOn));
}

async function older() {
  const answer = await act("hub:history", { before: messages.firstSeq() });
  if (!answer) return;
  answer.messages.forEach(messages.put);
  $("older").hidden = !answer.hasMore;
}

async function loadPending() {
  let answer = { hasMore: true, messages: [] };
  while (answer.hasMore) {
    const afterId = answer.messages.at(-1)?.id;
    answer = await client.call("hub:pending", { roomId, ...(afterId && { afterId }) });
    if (!answer.ok) return;
    answer.messages.forEach(messages.put);
  }
}

// ---- members and receipts ----

async function refreshMembers() {
  if (!rights?.permissions.canRead) return;
  const answer = await client?.call("hub:members", { roomId });
  if (!answer?.ok) return;
  members.clear();
  for (const member of answer.members) members.set(member.userId, member);
  drawMembers();
  messages.refresh();
}

function drawMembers() {
  const may = rights?.permissions.canModerate || rights?.permissions.canManageRoom;
  showMembers(members, may ? (userId) => restrict(userId, "silence") : undefined);
}

function receipt(userId, fields) {
  const member = members.get(userId);
  if (!member) return;
  Object.assign(member, fields);
  drawMembers();
  messages.refresh();
}

/** "read by …" below the last message that somebody read. */
function readers({ seq, senderId }) {
  if (seq == null) return "";
  const at = (field) =>
    [...members.values()].filter((m) => m.userId !== me && m.userId !== senderId && m[field] === seq).map((m) => m.name ?? m.userId);
  const [read, got] = [at("lastReadSeq"), at("lastDeliveredSeq")];
  const only = got.filter((name) => !read.includes(name));
  return [read.length && `read by ${read.join(", ")}`, only.length && `delivered to ${only.join(", ")}`].filter(Boolean).join(" · ");
}

function sendReceipt() {
  if (receiptTimer || !$("receipts").checked) return;
  receiptTimer = setTimeout(() => {
    receiptTimer = undefined;
    const seq = messages.lastSeq();
    if (!client || seq <= announced) return;
    if (hub.events.deliveryReceipts) client.call("hub:event", { roomId, event: "messageDelivered", data: { seq } });
    if (document.hidden) return;
    announced = seq;
    if (hub.events.readReceipts) client.call("hub:event", { roomId, event: "messageRead", data: { lastReadSeq: seq } });
  }, RECEIPT_AFTER);
}

// ---- moderation and events ----

function restrict(userId, action) {
  $("pending-part").open = true;
  const form = $("restrict");
  form.elements.user.value = userId;
  form.elements.action.value = action;
  form.elements.action.focus();
}

async function applyRestriction(event) {
  event.preventDefault();
  const { user, action, seconds, reason } = event.target.elements;
  const payload = {
    userId: user.value.trim(),
    ...(seconds.value && { seconds: Number(seconds.value) }),
    ...(reason.value && { reason: reason.value }),
  };
  if (await act(`hub:${action.value}`, payload)) event.target.reset();
}

function fillEvents() {
  const custom = hub.events.custom.filter(({ direction }) => direction === "clientToRoom").map(({ name }) => name);
  const builtin = ["typing", "stopTyping", "recording", "stopRecording"].filter(
    (name) => hub.events[name.startsWith("stop") ? name.slice(4).toLowerCase() : name],
  );
  const presence = hub.events.presence ? ["online", "away"] : [];
  const all = [...custom, ...builtin, ...presence];
  $("custom").hidden = !all.length;
  $("event").elements.name.replaceChildren(...all.map((name) => el("option", { value: name, text: name })));
}

/** The JSON of a text area, undefined when it is empty; throws an Error that names it. */
function jsonOf({ name, value }) {
  try {
    return value.trim() ? JSON.parse(value) : undefined;
  } catch (error) {
    throw new Error(`${name}: expected JSON (${error.message})`);
  }
}

async function emit(event) {
  event.preventDefault();
  const { name, data } = event.target.elements;
  try {
    const value = jsonOf(data);
    await act("hub:event", { event: name.value, ...(value !== undefined && { data: value }) });
  } catch (error) {
    notice(error.message);
  }
}

async function openRecord() {
  if (!$("room-part").open || $("record").textContent) return;
  try {
    showRecord(await readRoom(hub.name, roomId, bearer));
  } catch (error) {
    notice(error.message);
  }
}

async function changeRoom(event) {
  event.preventDefault();
  const form = event.target;
  try {
    const answer = await act("hub:updateRoom", { changes: jsonOf(form.elements.changes) });
    if (!answer) return;
    showRecord(answer.room);
    form.reset();
  } catch (error) {
    notice(error.message);
  }
}

// ---- wiring ----

$("entry").addEventListener("submit", enter);
$("way").addEventListener("change", chooseWay);
$("composer").addEventListener("submit", send);
$("type").addEventListener("change", chooseType);
$("fields").addEventListener("input", typing);
// In a text area Enter is a new line, as everywhere; with Ctrl it sends.
$("fields").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("composer").requestSubmit();
});
$("reply")
  .querySelector("button")
  .addEventListener("click", () => reply(undefined));
$("recording").addEventListener("click", record);
$("speak").addEventListener("click", () => act("hub:requestSpeak"));
$("older").addEventListener("click", older);
$("restrict").addEventListener("submit", applyRestriction);
$("event").addEventListener("submit", emit);
$("room-part").addEventListener("toggle", openRecord);
$("change").addEventListener("submit", changeRoom);
$("ask-state").addEventListener("click", async () => showState((await act("hub:requestState")).state));
$("raw").addEventListener("toggle", () => ($("events").scrollTop = $("events").scrollHeight)); // the newest first seen
$("clear").addEventListener("click", () => $("events").replaceChildren());
$("leave").addEventListener("click", () => {
  leave();
  $("hub").focus();
});
document.addEventListener("visibilitychange", () => {
  if (!client || !rights) return;
  if (hub.events.presence) client.call("hub:event", { roomId, event: document.hidden ? "away" : "online" });
  if (!document.hidden) sendReceipt();
});

start().catch((error) => notice(error.message));
