// The stock client with the types of services/features. What stands behind "@ts-expect-error" must not compile.
import type { Socket } from "socket.io-client";
import type { Chat, ChatClientToServer, ChatContent, ChatInput, ChatMessage, ChatRole, ChatServerToClient } from "./chat.js";
import type { Tools } from "./chat.js";

declare const socket: Socket<ChatServerToClient, ChatClientToServer>;
declare const tools: Socket<Tools["serverToClient"], Tools["clientToServer"]>;

const role: ChatRole = "mod";
// @ts-expect-error: there is no such role
const other: ChatRole = "admin";

socket.emit("hub:join", { roomId: "r1", since: 3 }, (answer) => {
  if (!answer.ok) return answer.error.code === "room_full";
  answer.permissions.allowedMessageTypes satisfies ("text" | "image" | "bid" | "free" | "class")[];
  // @ts-expect-error: a role may be null
  answer.hubRole.length;
  // @ts-expect-error: joining brings no message
  answer.message;
});
socket.emit("hub:send", { roomId: "r1", messageType: "text", content: { body: "hi" } });
socket.emit("hub:send", { roomId: "r1", messageType: "bid", content: { amount: 1, currency: "EUR", lines: [{ sku: "a" }] } }, (answer) => {
  if (answer.ok && answer.message.messageType === "bid") answer.message.content.count satisfies number;
});
// @ts-expect-error: a bid has a currency
socket.emit("hub:send", { roomId: "r1", messageType: "bid", content: { amount: 1 } });
// @ts-expect-error: no such currency
socket.emit("hub:send", { roomId: "r1", messageType: "bid", content: { amount: 1, currency: "GBP" } });
// @ts-expect-error: the content of another type
socket.emit("hub:send", { roomId: "r1", messageType: "image", content: { body: "hi" } });
// @ts-expect-error: no such type
socket.emit("hub:send", { roomId: "r1", messageType: "video", content: {} });
// @ts-expect-error: forwarding is switched off
socket.emit("hub:send", { roomId: "r1", messageType: "text", content: { body: "hi" }, forwarded: true });
// @ts-expect-error: no such request
socket.emit("hub:sent", { roomId: "r1" });
socket.emit("hub:event", { roomId: "r1", event: "wave", data: [1] });
// @ts-expect-error: recording is switched off
socket.emit("hub:event", { roomId: "r1", event: "recording" });
// @ts-expect-error: the server's event
socket.emit("hub:event", { roomId: "r1", event: "notice" });
socket.emit("wave", { roomId: "r1" });
socket.emit("messageRead", { roomId: "r1", lastReadSeq: 3 });
// @ts-expect-error: delivery receipts are switched off
socket.emit("messageDelivered", { roomId: "r1", seq: 3 });
socket.emit("rollDice", { sides: 6 }, (answer) => answer.ok && (answer.result.value satisfies number));
// @ts-expect-error: a die has sides
socket.emit("rollDice", {});
socket.emit("hub:command", { command: "rollDice", payload: { sides: 6 } });
// @ts-expect-error: sides are a number
socket.emit("hub:command", { command: "rollDice", payload: { sides: "6" } });
// @ts-expect-error: it is called in a room
socket.emit("tell", {});

socket.on("hub:messageArrived", ({ message, sender }) => {
  if (message.messageType === "text") message.content.body satisfies string;
  // @ts-expect-error: only some types have one
  message.content.body;
  // @ts-expect-error: system messages have none
  sender.name;
});
socket.on("notice", ({ roomId, data }) => [roomId satisfies string, data]);
socket.on("hub:reaction", ({ counts }) => counts["+1"] satisfies number | undefined);
socket.on("hub:invoke", (question, acknowledge) => {
  if (question.type === "confirm") question.data.title satisfies string;
  acknowledge({ ok: true, result: { ok: true } });
});
// @ts-expect-error: recording is switched off
socket.on("hub:recording", () => {});
// @ts-expect-error: receipts of delivery are switched off
socket.on("hub:messageDelivered", () => {});

const content: ChatContent["class"] = { default: "x", delete: 1 };
const input: ChatInput["bid"] = { amount: 1, currency: "USD" };
// @ts-expect-error: as received it has a count
const received: ChatContent["bid"] = { amount: 1, currency: "USD" };
const score: Chat["channels"]["score:{game}"]["data"] = { home: 1 };
const cart: Chat["records"]["cart:{userId}"]["value"] = { items: ["a"] };
const row: Chat["records"]["row:{id}"]["value"] = { id: "1", title: "t", note: null };
const dice: Chat["commands"]["rollDice"] = { payload: { sides: 6 }, result: { value: 3 } };
declare const message: ChatMessage;
message.status satisfies "approved" | "pending" | "rejected";

tools.emit("add", { a: 1 }, (answer) => answer.ok && (answer.result.sum satisfies number));
tools.emit("ping", "anything", () => {});
// @ts-expect-error: a plain namespace has no rooms
tools.emit("hub:join", { roomId: "r1" });
export const used = [role, other, content, input, received, score, cart, row, dice];
