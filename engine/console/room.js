// What stands beside the messages: members, permissions, who is typing, the room's state, raw events.
import { $, button, el, json, update } from "./dom.js";

const RAW_MAX = 300;
const RIGHTS = ["canRead", "canSend", "moderated", "canModerate", "canDeleteAny", "canManageRoom"];
const doing = new Map(); // user id -> {name, what}

export function showPermissions({ hubRole, permissions, silenced }) {
  const rows = [
    ["role", hubRole ?? "none"],
    ...RIGHTS.map((name) => [name, permissions[name] ? "yes" : "no"]),
    ["message types", permissions.allowedMessageTypes?.length ? permissions.allowedMessageTypes.join(", ") : "all"],
    ["silenced", silenced ? "yes" : "no"],
  ];
  $("permissions").replaceChildren(...rows.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]));
}

/** PICK(userId) puts a user into the form for restrictions; undefined when there is none. */
export function showMembers(members, pick) {
  const shown = new Map([...$("members").children].map((item) => [item.dataset.id, item]));
  const items = [...members.values()].map(({ userId, name, hubRole, presence, lastReadSeq, lastDeliveredSeq }) => {
    const notes = [hubRole, presence, lastDeliveredSeq && `got #${lastDeliveredSeq}`, lastReadSeq && `read #${lastReadSeq}`];
    const item = shown.get(userId) ?? el("li", { "data-id": userId });
    const parts = [el("b", { text: name ?? userId }), el("span", { class: "soft", text: ` ${notes.filter(Boolean).join(" · ")} ` })];
    if (pick) parts.push(button("Restrict…", () => pick(userId), { "aria-label": `Restrict ${userId}` }));
    update(item, parts);
    return item;
  });
  update($("members"), items);
  $("count").textContent = members.size;
}

export function setDoing(userId, name, what) {
  if (what) doing.set(userId, { name, what });
  else doing.delete(userId);
  showDoing();
}

export function clearDoing() {
  doing.clear();
  showDoing();
}

function showDoing() {
  $("typing").textContent = [...doing.values()].map(({ name, what }) => `${name} is ${what}…`).join(" ");
}

export function showState(state) {
  $("state").textContent = state === undefined ? "none" : JSON.stringify(state, null, 2);
}

/** The room's record; undefined while nobody asked for it. */
export function showRecord(record) {
  $("record").textContent = record === undefined ? "" : JSON.stringify(record, null, 2);
}

const arrows = { in: "←", out: "→", ack: "↩" };

/** One event that passed: direction in, out, or ack (the answer to an event that went out). */
export function showRaw(direction, name, payload) {
  const list = $("events");
  const following = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  list.append(
    el(
      "li",
      {},
      el("span", { class: "soft", text: `${new Date().toLocaleTimeString()} ${arrows[direction]} ` }),
      el("b", { text: name }),
      el("br"),
      el("code", { text: json(payload) ?? "" }),
    ),
  );
  while (list.children.length > RAW_MAX) list.firstElementChild.remove();
  if (following) list.scrollTop = list.scrollHeight;
}
