// @hubd/client with the types of services/features.
import { createClient, type Room } from "@hubd/client";
import type { Chat, ChatMessage } from "./chat.js";

export async function typed(): Promise<void> {
  const hub = createClient<Chat>({ url: "http://localhost", hub: "chat" });
  const room: Room<Chat> = await hub.join("lobby");
  const sent: ChatMessage = await room.send("text", { body: "hi" });
  await room.send("bid", { amount: 1, currency: "EUR" });
  // @ts-expect-error: a bid has an amount
  await room.send("bid", { currency: "EUR" });
  // @ts-expect-error: there is no such type
  await room.send("video", {});
  room.messages.subscribe((list) => {
    for (const message of list)
      if (message.status !== "sending" && message.status !== "failed" && message.messageType === "bid")
        message.content.count satisfies number;
  });
  room.on("notice", ({ roomId }) => roomId satisfies string);
  room.on("reaction", ({ counts }) => counts satisfies { [emoji: string]: number });
  const { messages } = await room.call("hub:history", { before: 3 });
  messages satisfies ChatMessage[];
  await room.call("hub:approve", { messageId: sent.id });
  const { value } = await hub.command("rollDice", { sides: 6 });
  value satisfies number;
  // @ts-expect-error: a die has sides
  await hub.command("rollDice", {});
  await hub.channel("score:42").subscribe(({ home }) => home satisfies number);
  // @ts-expect-error: a score has a home side
  await hub.channel("score:42").publish({});
  await hub.record("cart:ann").subscribe((cart) => cart?.items satisfies string[] | undefined);
  // @ts-expect-error: a cart has items
  await hub.record("cart:ann").write({});
}
