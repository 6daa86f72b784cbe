// A client of a hub whose types are known: what compiles, and what does not.
import { createClient, type HubError, type Room } from "@hubd/client";
import { openInbox } from "@hubd/client/inbox";
import { usePresence, useRecord, useRoom } from "@hubd/client/react";
import type { Chat, ChatMessage } from "./chat.js";

export async function typed(): Promise<void> {
  const hub = createClient<Chat>({
    url: "http://localhost",
    hub: "chat",
    token: async () => "t",
    queueLimit: 1,
    socket: { transports: ["websocket"] },
  });
  const room: Room<Chat> = await hub.join("lobby");
  const sent: ChatMessage = await room.send("text", { body: "hi" }, { replyTo: "m1" });
  await room.send("bid", { amount: 1, currency: "EUR" });
  // @ts-expect-error: a bid has an amount
  await room.send("bid", { currency: "EUR" });
  // @ts-expect-error: there is no such type
  await room.send("video", {});
  room.messages.subscribe((list) => {
    for (const message of list) {
      if (message.status === "sending" || message.status === "failed") message.clientMessageId satisfies string;
      else if (message.messageType === "bid") message.content.count satisfies number;
    }
  });
  room.on("notice", ({ roomId, data }) => [roomId satisfies string, data]);
  room.on("reaction", ({ counts }) => counts satisfies { [emoji: string]: number });
  room.on("ended", ({ status, error }) => [status, error satisfies HubError]);
  const { messages, hasMore } = await room.call("hub:history", { before: 3 });
  [messages satisfies ChatMessage[], hasMore satisfies boolean];
  await room.call("hub:approve", { messageId: sent.id }); // not of this hub, which the compiler need not know
  const { value } = await hub.command("rollDice", { sides: 6 });
  value satisfies number;
  // @ts-expect-error: a die has sides
  await hub.command("rollDice", {});
  await hub.channel("score:42").subscribe(({ home }) => home satisfies number);
  await hub.channel("news").publish("text");
  // @ts-expect-error: news are texts
  await hub.channel("news").publish(3);
  await hub
    .record("cart:ann")
    .subscribe((cart, { version }) => [cart?.items satisfies string[] | undefined, version satisfies number]);
  await hub.record("board:1").write({ title: "Plan" });
  // @ts-expect-error: a cart has items
  await hub.record("cart:ann").write({});
  await hub.transaction([
    { op: "write", recordId: "cart:ann", value: 1 },
    { op: "check", recordId: "board:1", ifVersion: 3 },
  ]);
  const inbox = await openInbox(hub);
  inbox.value[0]?.lastMessage?.messageType satisfies string | undefined;
  const view = useRoom(hub, "lobby");
  usePresence(view.room)[0]?.presence satisfies string | undefined;
  useRecord(hub, "cart:ann").value?.items satisfies string[] | undefined;
}

export async function untyped(): Promise<void> {
  const hub = createClient({ hub: "chat" });
  const room = await hub.join("lobby");
  await room.send("anything", { of: "any form" });
  await hub.command("any", [1]);
  await hub.record("r").write({ a: 1 });
}
