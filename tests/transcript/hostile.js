// What abuse of events and of endpoints share: wrong values of every kind, and a service in which nothing may come of them.
import { serve } from "./harness.js";

export const NOBODY = "018f0000-0000-7000-8000-000000000000";
export const LONG = "x".repeat(2000);
export const NUL = "a\0b";
export const HOSTILE = ["' OR 1=1 --", "../../etc/passwd", "%s%n", "${7*7}", "\u202e\ufeff", "__proto__"];

/** Values that are no text; no ID either. */
export const NO_TEXT = [undefined, null, 7, true, {}, []];
export const NO_ID = [...NO_TEXT, "", LONG, NUL];
export const NO_NUMBER = ["x", "7", -1, 1.5, true, {}, [], 1e300];
export const NO_OBJECT = [undefined, null, 7, "x", true, []];
export const given = (values) => values.filter((value) => value !== undefined && value !== null);

/** Serves it during the enclosing file. */
export const server = serve((def) => {
  def.hub.roomSettings.authScripts = [
    { name: "owners", script: "user.roleId == 'owner'", hubRole: "owner" },
    { name: "newcomers", script: "user.roleId == 'new'", hubRole: "newcomer" },
    { name: "everybody", script: "true", hubRole: "member" },
  ];
  def.hub.hubRoles = [
    { name: "owner", canModerate: true, canDeleteAny: true, canManageRoom: true },
    { name: "newcomer", moderated: true },
    { name: "member" },
  ];
  def.hub.messageSettings = { messageTypes: ["text", "system"], enableReplyTo: true, enableReaction: true, enableForwarded: true };
  def.hub.eventSettings = {
    enableTypingIndicator: true,
    enableReadReceipts: true,
    enableDeliveryReceipts: true,
    customEvents: [
      { name: "pin", ephemeral: false },
      { name: "score", direction: "serverToRoom" },
    ],
  };
  def.hub.guardrails = { messageRateLimit: 1000000, maxMessageSize: 1000 };
  def.service.listen.maxPayload = 20000;
  const roles = ["owner"];
  def.service.dataObjects.find(({ name }) => name === "membership").api = { read: roles, create: roles, update: roles, delete: roles };
  def.hub.hubLogic = { stateScript: "({ title: room.title })" };
  def.seed.conversation = Array.from({ length: 500 }, (_, i) => ({ id: `r${i + 1}`, title: `Room ${i + 1}` }));
});

/** A room with a message, a pending one, a reaction, a kept event and three members; OLGA may do everything. */
export async function scene() {
  const roomId = server.room();
  const olga = await server.member("olga", roomId, { role: "owner" });
  const ann = await server.member("ann", roomId);
  const bob = await server.member("bob", roomId);
  const neo = await server.member("neo", roomId, { role: "new" });
  const { id: messageId } = await olga.say(roomId, "hello");
  const { id: pendingId } = await neo.say(roomId, "let me in");
  await ann.ok("hub:react", { roomId, messageId, emoji: "+" });
  await bob.ok("hub:event", { roomId, event: "pin", data: 1 });
  return { roomId, olga, ann, bob, messageId, pendingId };
}

/** All that a member can see of the room. */
export async function state({ olga, roomId }) {
  const { messages, events } = await olga.ok("hub:history", { roomId, include: "events" });
  const { messages: pending } = await olga.ok("hub:pending", { roomId });
  const { members } = await olga.ok("hub:members", { roomId });
  const { body } = await server.rest("GET", `/chat/rooms/${roomId}`, { user: "olga", role: "owner" });
  const { roomId: _, ...room } = body;
  return { messages, events, pending, members: members.sort((a, b) => (a.userId < b.userId ? -1 : 1)), room };
}

export const shown = (value) => (value === undefined ? "missing" : JSON.stringify(value).slice(0, 40));
