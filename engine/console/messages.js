// The list of messages: one item each, in the order of the room's sequence, those that wait for a moderator last.
import { $, button, el, json, update } from "./dom.js";
import { makeForm } from "./form.js";

const EMOJI = ["👍", "❤️", "😂", "🎉"];
const kept = new Map(); // message id -> {message, item}
let room; // {me(), hub, permissions, act(event, payload), reply(message), readers(message)}

export function setRoom(value) {
  room = value;
  kept.clear();
  $("messages").replaceChildren();
}

export function setPermissions(permissions) {
  room.permissions = permissions;
  refresh();
}

export const messageOf = (id) => kept.get(id)?.message;
export const firstSeq = () => Math.min(...[...kept.values()].map(({ message }) => message.seq ?? Infinity));
export const lastSeq = () => Math.max(0, ...[...kept.values()].map(({ message }) => message.seq ?? 0));

const place = (message) => message.seq ?? Infinity;

/** Shows MESSAGE, or shows it anew. */
export function put(message) {
  const log = $("messages");
  const following = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  const old = kept.get(message.id);
  const item = old?.item ?? el("li", { "data-id": message.id });
  if (!old || place(old.message) !== place(message)) {
    const next = [...log.children].find((other) => place(kept.get(other.dataset.id).message) > place(message));
    kept.set(message.id, { message, item });
    log.insertBefore(item, next ?? null);
  } else kept.set(message.id, { message, item });
  fill(item, message);
  if (following) log.scrollTop = log.scrollHeight;
}

export function remove(id) {
  const item = kept.get(id)?.item;
  kept.delete(id);
  if (item?.contains(document.activeElement)) $("messages").focus();
  item?.remove();
}

/** A change of some fields of a message that may not be here. */
export function change(id, fields) {
  const message = messageOf(id);
  if (message) put({ ...message, ...fields });
}

/** Permissions or receipts are others now. */
export function refresh() {
  for (const { message, item } of kept.values()) fill(item, message);
}

// Keeps the keyboard's place: the button with the same text has the focus afterwards.
function fill(item, message) {
  if (item.querySelector("form")) return; // it is being edited
  const focused = item.contains(document.activeElement) ? document.activeElement.textContent : undefined;
  item.className = message.status === "pending" ? "pending" : "";
  update(
    item,
    [head(message), quote(message), content(message), reactions(message), actions(message), readers(message)].filter(Boolean),
  );
  if (focused !== undefined && !item.contains(document.activeElement)) ([...item.querySelectorAll("button")].find((b) => b.textContent === focused) ?? $("messages")).focus();
}

function head({ senderId, senderName, messageType, timestamp, seq, status, editedAt, forwarded }) {
  const time = el("time", { datetime: timestamp, class: "soft", text: new Date(timestamp).toLocaleTimeString() });
  const notes = [
    messageType,
    seq == null ? null : `#${seq}`,
    status === "pending" && "waits for a moderator",
    editedAt && "edited",
    forwarded && "forwarded",
  ];
  return el(
    "div",
    { class: "head" },
    el("b", { text: senderName ?? senderId ?? "system" }),
    time,
    el("span", { class: "soft", text: notes.filter(Boolean).join(" · ") }),
  );
}

const quote = ({ replyTo }) =>
  replyTo &&
  el("p", { class: "quote soft", text: typeof replyTo.preview === "string" ? replyTo.preview : json(replyTo.preview ?? replyTo) });

function content({ messageType, content }) {
  if (messageType === "text") return el("div", { class: "content", text: content?.body });
  const pairs = Object.entries(content ?? {}).flatMap(([name, value]) => [
    el("dt", { text: name }),
    el("dd", { text: typeof value === "string" ? value : json(value) }),
  ]);
  return el("dl", { class: "content" }, ...pairs);
}

const mine = (reaction) => reaction.userId === room.me();

function reactions({ id, reaction }) {
  const counts = new Map();
  for (const r of reaction ?? []) counts.set(r.emoji, [...(counts.get(r.emoji) ?? []), r]);
  const buttons = [...counts].map(([emoji, all]) => {
    const toggle = () => room.act("hub:react", { messageId: id, emoji, ...(all.some(mine) && { remove: true }) });
    return button(`${emoji} ${all.length}`, toggle, { "aria-pressed": String(all.some(mine)), title: all.map((r) => r.userId).join(", ") });
  });
  return buttons.length ? el("div", { class: "actions" }, ...buttons) : null;
}

/** A button stays when the message changes: what it is about is looked up when it is pressed. */
function actions(message) {
  const { id, status, senderId, seq } = message;
  const { permissions, hub } = room;
  const own = senderId != null && senderId === room.me();
  const waits = status === "pending";
  const all = [
    !waits && hub.features.replyTo && permissions.canSend && button("Reply", () => room.reply(messageOf(id))),
    ...(!waits && hub.features.reaction && seq != null
      ? EMOJI.map((emoji) =>
          button(`${emoji} +`, () => room.act("hub:react", { messageId: id, emoji }), { "aria-label": `React ${emoji}` }),
        )
      : []),
    own && permissions.canSend && button("Edit", () => edit(messageOf(id))),
    (own || permissions.canDeleteAny) && button("Delete", () => room.act("hub:delete", { messageId: id })),
    waits && permissions.canModerate && button("Approve", () => room.act("hub:approve", { messageId: id })),
    waits && permissions.canModerate && button("Reject", () => room.act("hub:reject", { messageId: id })),
  ].filter(Boolean);
  return all.length ? el("div", { class: "actions" }, ...all) : null;
}

function readers(message) {
  const text = room.readers(message);
  return text ? el("p", { class: "soft receipts", text }) : null;
}

function edit(message) {
  const { item } = kept.get(message.id);
  const fields = el("div", { class: "fields" });
  const type = room.hub.messageTypes.find(({ name }) => name === message.messageType);
  const read = makeForm(fields, type ?? { fields: [] }, message.content);
  const close = () => {
    form.remove();
    fill(item, messageOf(message.id) ?? message);
    [...item.querySelectorAll("button")].find((b) => b.textContent === "Edit")?.focus();
  };
  const submit = async (event) => {
    event.preventDefault();
    if (await room.act("hub:edit", { messageId: message.id, content: read })) close();
  };
  const form = el(
    "form",
    { "aria-label": "Edit the message", submit, keydown: (event) => event.key === "Escape" && close() },
    fields,
    el("div", { class: "actions" }, el("button", { text: "Save" }), button("Cancel", close)),
  );
  item.append(form);
  form.querySelector("input, select, textarea").focus();
}
