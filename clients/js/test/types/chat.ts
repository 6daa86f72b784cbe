// What `hubctl types` makes of a hub "chat".
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type ErrorCode =
  | "auth_required" | "invalid_token" | "token_expired" | "bad_request" | "unknown_event" | "room_not_found" | "room_not_eligible" | "role_required"
  | "check_failed" | "not_authorized" | "blocked" | "room_full" | "too_many_rooms" | "not_in_room" | "cannot_read" | "cannot_send" | "silenced"
  | "type_not_allowed" | "unknown_type" | "invalid_content" | "too_large" | "rate_limited" | "feature_disabled" | "not_found" | "not_allowed" | "rejected"
  | "handler_failed" | "unknown_command" | "version_conflict" | "client_not_found" | "client_disconnected" | "client_failed" | "client_conflict" | "request_timeout" | "node_not_found" | "too_many" | "script_timeout" | "store_unavailable" | "overloaded" | "shutting_down" | "internal";
export interface Failure { ok: false; error: { code: ErrorCode; message: string; retryAfterMs?: number } }
export type Ack<T> = (answer: ({ ok: true } & T) | Failure) => void;

export type ChatRole = "mod" | "member";
/** Content as received. */
export interface ChatContent {
  text: { body: string };
  image: { mediaUrl: string; thumbnail?: string; caption?: string; width?: number; height?: number };
  bid: { amount: number; currency: "EUR" | "USD"; note?: string; count: number; at?: string; ref?: string; extra?: Json; final?: boolean };
  free: { [key: string]: Json };
  class: { default?: string; delete?: number };
}
/** Content as sent: what has a default may be left out. */
export interface ChatInput {
  text: ChatContent["text"];
  image: ChatContent["image"];
  bid: { amount: number; currency: "EUR" | "USD"; note?: string; count?: number; at?: string; ref?: string; extra?: Json; final?: boolean };
  free: ChatContent["free"];
  class: ChatContent["class"];
}
interface Common { id: string; roomId: string; senderId: string | null; senderName?: string | null; senderAvatar?: string | null; timestamp: string; status: "approved" | "pending" | "rejected"; seq: number | null; changeSeq: number | null; clientMessageId?: string; editedAt?: string; reaction?: { emoji: string; userId: string; timestamp: string }[] }
export type ChatMessage = { [T in keyof ChatContent]: Common & { messageType: T; content: ChatContent[T] } }[keyof ChatContent];
export interface ChatPermissions { canRead: boolean; canSend: boolean; moderated: boolean; canModerate: boolean; canDeleteAny: boolean; canManageRoom: boolean; allowedMessageTypes: (keyof ChatContent)[] }
export interface ChatJoined { roomId: string; hubRole: ChatRole | "system" | null; permissions: ChatPermissions; silenced: boolean; seq: number; epoch: string; memberCount: number; recovered: boolean | null }
export interface ChatHistory { roomId: string; messages: ChatMessage[]; changes?: ({ messageId: string; seq: number } & ({ message: ChatMessage } | { deleted: true }))[]; hasMore: boolean; recovered: boolean | null }
type Send = { [T in keyof ChatInput]: { roomId: string; messageType: T; content: ChatInput[T]; clientMessageId?: string } }[keyof ChatInput];
type ChatEvent = { roomId: string; data?: Json };
export interface ChatClientToServer {
  "hub:join": (p: { roomId: string; since?: number; epoch?: string; historyLimit?: number }, ack?: Ack<ChatJoined>) => void;
  "hub:leave": (p: { roomId: string }, ack?: Ack<{}>) => void;
  "hub:send": (p: Send, ack?: Ack<{ message: ChatMessage }>) => void;
  "hub:edit": (p: { roomId: string; messageId: string; content: ChatInput[keyof ChatInput] }, ack?: Ack<{ message: ChatMessage }>) => void;
  "hub:delete": (p: { roomId: string; messageId: string }, ack?: Ack<{}>) => void;
  "hub:react": (p: { roomId: string; messageId: string; emoji: string; remove?: boolean }, ack?: Ack<{ reaction: unknown }>) => void;
  "hub:event": (p: { roomId: string; event: "typing" | "stopTyping" | "online" | "away" | "messageRead" | "wave"; data?: Json }, ack?: Ack<{}>) => void;
  "hub:history": (p: { roomId: string; before?: number; after?: number; limit?: number }, ack?: Ack<{ messages: ChatMessage[]; hasMore: boolean }>) => void;
  wave: (p: ChatEvent, ack?: Ack<{}>) => void;
}
export interface ChatServerToClient {
  "hub:joined": (p: ChatJoined) => void;
  "hub:history": (p: ChatHistory) => void;
  "hub:messageArrived": (p: { roomId: string; message: ChatMessage; sender?: { id: string; name: string | null; avatar: string | null } }) => void;
  "hub:messagePending": (p: { roomId: string; message: ChatMessage }) => void;
  "hub:reaction": (p: { roomId: string; messageId: string; emoji: string; userId: string; removed: boolean; counts: { [emoji: string]: number }; seq: number }) => void;
  "hub:error": (p: { error: string; code: ErrorCode; event: string; roomId?: string; retryAfterMs?: number }) => void;
  notice: (p: { roomId: string; userId?: string; data: Json }) => void;
  hint: (p: { roomId: string; data: Json }) => void;
  deploy: (p: { roomId: string; data: Json }) => void;
  wave: (p: { roomId: string; userId?: string; data: Json }) => void;
}
/** All of it, for createClient<Chat>. Commands, channels, records: name or pattern → payload, result, data, value. */
export interface Chat {
  serverToClient: ChatServerToClient; clientToServer: ChatClientToServer; content: ChatContent; input: ChatInput; message: ChatMessage; role: ChatRole;
  commands: { rollDice: { payload: { sides: number }; result: { value: number } } };
  channels: { "score:{game}": { home: number; away: number }; news: { data: string } };
  records: { "cart:{userId}": { items: string[] }; "board:{id}": { value: { title: string } } };
}
