// Types of the service features, made by hubctl types. Changes are lost.

/** Any JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type ErrorCode = "auth_required" | "invalid_token" | "token_expired" | "bad_request" | "unknown_event" | "room_not_found" | "room_not_eligible" | "role_required" | "check_failed" | "not_authorized" | "blocked" | "room_full" | "too_many_rooms" | "not_in_room" | "cannot_read" | "cannot_send" | "silenced" | "type_not_allowed" | "unknown_type" | "invalid_content" | "too_large" | "rate_limited" | "too_many" | "version_conflict" | "request_timeout" | "client_disconnected" | "unknown_command" | "client_not_found" | "client_failed" | "client_conflict" | "feature_disabled" | "not_found" | "not_allowed" | "rejected" | "handler_failed" | "script_timeout" | "store_unavailable" | "overloaded" | "shutting_down" | "internal" | "node_not_found";

export interface Failure {
  ok: false;
  error: { code: ErrorCode; message: string; retryAfterMs?: number; outcome?: "unknown"; data?: Json };
}
/** An acknowledgement: T is what it adds to `ok: true`. */
export type Ack<T> = (answer: ({ ok: true } & T) | Failure) => void;

/** Roles that the hub gives. */
export type ChatRole = "mod" | "member";

/** Contents as received, by the type of the message. */
export interface ChatContent {
  /** Plain text message. */
  text: { body: string };
  /** Image with optional thumbnail and caption. */
  image: { mediaUrl: string; thumbnail?: string; caption?: string; width?: number; height?: number };
  bid: { amount: number; currency: "EUR" | "USD"; note?: string; count: number; at?: string; ref?: string; extra?: Json; final?: boolean; lines?: { sku: string }[] };
  free: { [key: string]: Json };
  class: { default?: string; delete?: number };
}

/** Contents as sent: what has a default may be left out. */
export interface ChatInput {
  /** Plain text message. */
  text: { body: string };
  /** Image with optional thumbnail and caption. */
  image: { mediaUrl: string; thumbnail?: string; caption?: string; width?: number; height?: number };
  bid: { amount: number; currency: "EUR" | "USD"; note?: string; count?: number; at?: string; ref?: string; extra?: Json; final?: boolean; lines?: { sku: string }[] };
  free: { [key: string]: Json };
  class: { default?: string; delete?: number };
}

/** A reaction to a message. */
export interface ChatReaction {
  /** An emoji, or a name. */
  emoji: string;
  /** Whose it is. */
  userId: string;
  /** When it came. */
  timestamp: string;
}

/** What all messages have, beside messageType and content. */
export interface ChatCommon {
  /** The message's id. */
  id: string;
  /** The room. */
  roomId: string;
  /** Who sent it; null: the server. */
  senderId: string | null;
  /** From the sender's session. */
  senderName?: string | null;
  /** From the sender's session. */
  senderAvatar?: string | null;
  /** When it was sent. */
  timestamp: string;
  /** Whether everybody sees it. */
  status: "approved" | "pending" | "rejected";
  /** Its number; null while it is pending. */
  seq: number | null;
  /** The number of its last change. */
  changeSeq: number | null;
  /** What it answers. */
  replyTo?: { id: string; preview: Json };
  /** Reactions to it. */
  reaction?: ChatReaction[];
  /** The sender's idempotency key. */
  clientMessageId?: string;
  /** When its content changed last. */
  editedAt?: string;
  /** It is not stored yet. */
  provisional?: true;
}

/** A message. */
export type ChatMessage = (ChatCommon & { messageType: "text"; content: ChatContent["text"] }) | (ChatCommon & { messageType: "image"; content: ChatContent["image"] }) | (ChatCommon & { messageType: "bid"; content: ChatContent["bid"] }) | (ChatCommon & { messageType: "free"; content: ChatContent["free"] }) | (ChatCommon & { messageType: "class"; content: ChatContent["class"] });

/** Commands: what they are called with, and answer. */
export interface ChatCommands {
  /** Throws a die */
  rollDice: { payload: { sides: number }; result: { value: number } };
  anything: { payload: Json; result: Json };
  tell: { payload: Json; result: Json };
}

/** What is published, by the pattern of the channel. */
export interface ChatChannels {
  "score:{game}": { data: { home: number } };
  news: { data: Json };
}

/** Values, by the pattern of the record. */
export interface ChatRecords {
  "cart:{userId}": { value: { items: string[] } };
  "row:{id}": { value: { id: string; title: string; note?: string | null; count?: number | null } };
}

/** What somebody may do in a room. */
export interface ChatPermissions {
  /** May receive messages and events of the room. */
  canRead: boolean;
  /** May send messages. */
  canSend: boolean;
  /** Messages wait for a moderator's approval. */
  moderated: boolean;
  /** May approve and reject pending messages, and block and silence users. */
  canModerate: boolean;
  /** May delete any message of the room. */
  canDeleteAny: boolean;
  /** May change the room record and kick users. */
  canManageRoom: boolean;
  /** Types that may be sent; empty: all. */
  allowedMessageTypes: ("text" | "image" | "bid" | "free" | "class")[];
}

/** Somebody who is in a room. */
export interface ChatMember {
  /** Who it is. */
  userId: string;
  /** The same. */
  id: string;
  /** From the session. */
  name: string | null;
  /** From the session. */
  avatar: string | null;
  /** Null, a role of the hub, or `system`. */
  hubRole: ChatRole | "system" | null;
  /** Away is who has said so on all connections. */
  presence: "online" | "away";
  /** How many the user has in the room. */
  connections: number;
  /** Whether the user is typing. */
  typing: boolean;
  /** Whether the user is recording. */
  recording: boolean;
  /** What the user says of himself. */
  state?: { mood?: string };
  /** Up to when he has read. */
  lastReadTimestamp?: string;
  /** Up to which number he has read. */
  lastReadSeq?: number;
}

/** How a room was entered. */
export interface ChatJoined {
  /** The room. */
  roomId: string;
  /** Null, a role of the hub, or `system`. */
  hubRole: ChatRole | "system" | null;
  /** What the member may do. */
  permissions: ChatPermissions;
  /** Whether the member is silenced. */
  silenced: boolean;
  /** The room's counter: history ends there, the first live number is the next one. */
  seq: number;
  /** The epoch (generation) of that counter; with another one numbers have started again. */
  epoch: string;
  /** Users in the room. */
  memberCount: number;
  /** Whether `since` was caught up from; null when it was not given. */
  recovered: boolean | null;
  /** With `members`, and canRead: everybody who is there. */
  members?: ChatMember[];
}

/** Who it is. */
export interface ChatUser {
  /** The user's id. */
  id: string;
  /** From the session. */
  name: string | null;
}

/** A message of a channel's history. */
export interface ChatChannelMessage {
  /** Its number; null of what came from outside by Redis. */
  offset: number | null;
  /** When it was published. */
  at: string;
  /** What was published. */
  data: Json;
  /** Absent when the server published it. */
  publisher?: ChatUser;
}

/** A room of the user's, without joining it. */
export interface ChatInboxRoom {
  /** The room. */
  roomId: string;
  /** Its record. */
  room: { [key: string]: Json };
  /** Null, a role of the hub, or `system`. */
  hubRole: ChatRole | "system" | null;
  /** The last one that is meant for the user, or null. */
  lastMessage: ChatMessage | null;
  /** How many behind what the user has read, or sent, are meant for him. */
  unread: number;
  /** The room's counter. */
  seq: number;
  /** Up to which number the user has read. */
  lastReadSeq: number;
}

/** A part of a room's past. */
export interface ChatHistory {
  /** The room. */
  roomId: string;
  /** In ascending `seq`. */
  messages: ChatMessage[];
  /** Catching up: what became of older messages. */
  changes?: ({ messageId: string; seq: number; message: ChatMessage } | { messageId: string; seq: number; deleted: true })[];
  /** Whether there are older ones. */
  hasMore: boolean;
  /** As in `hub:joined`. */
  recovered: boolean | null;
}

/** Who sent a message. */
export interface ChatSender {
  /** The user's id. */
  id: string;
  /** From the session. */
  name: string | null;
  /** From the session. */
  avatar: string | null;
}

/** What clients may send, and what an answer adds to `ok: true`. */
export interface ChatClientToServer {
  /** Joins a room. */
  "hub:join": (p: { roomId: string; since?: number; epoch?: string; historyLimit?: number; members?: boolean }, ack?: Ack<ChatJoined>) => void;
  /** Leaves the room. */
  "hub:leave": (p: { roomId: string }, ack?: Ack<{}>) => void;
  /** Who is in the room, with presence. */
  "hub:members": (p: { roomId: string }, ack?: Ack<{ members: ChatMember[] }>) => void;
  /** Sends a message. */
  "hub:send": (p: { roomId: string; replyTo?: { id: string }; clientMessageId?: string; messageType: "text"; content: ChatInput["text"] } | { roomId: string; replyTo?: { id: string }; clientMessageId?: string; messageType: "image"; content: ChatInput["image"] } | { roomId: string; replyTo?: { id: string }; clientMessageId?: string; messageType: "bid"; content: ChatInput["bid"] } | { roomId: string; replyTo?: { id: string }; clientMessageId?: string; messageType: "free"; content: ChatInput["free"] } | { roomId: string; replyTo?: { id: string }; clientMessageId?: string; messageType: "class"; content: ChatInput["class"] }, ack?: Ack<{ message: ChatMessage }>) => void;
  /** Changes the content of one's own message. */
  "hub:edit": (p: { roomId: string; messageId: string; content: ChatInput["text"] | ChatInput["image"] | ChatInput["bid"] | ChatInput["free"] | ChatInput["class"] }, ack?: Ack<{ message: ChatMessage }>) => void;
  /** Deletes one's own message, or with canDeleteAny any. */
  "hub:delete": (p: { roomId: string; messageId: string }, ack?: Ack<{}>) => void;
  /** Adds a reaction to a message, or with `remove` takes it back. */
  "hub:react": (p: { roomId: string; messageId: string; emoji: string; remove?: boolean }, ack?: Ack<{ reaction: ChatReaction[] }>) => void;
  /** Messages of the room's past. */
  "hub:history": (p: { roomId: string; before?: number; after?: number; messageType?: string; senderId?: string; include?: "events"; limit?: number }, ack?: Ack<{ messages: ChatMessage[]; hasMore: boolean; events?: { [key: string]: Json }[]; totalRowCount?: number }>) => void;
  /** Messages that wait for a moderator. */
  "hub:pending": (p: { roomId: string; afterId?: string; limit?: number }, ack?: Ack<{ messages: ChatMessage[]; hasMore: boolean }>) => void;
  /** Lets a message that waits appear. */
  "hub:approve": (p: { roomId: string; messageId: string; reason?: string }, ack?: Ack<{ message: ChatMessage }>) => void;
  /** Refuses a message that waits. */
  "hub:reject": (p: { roomId: string; messageId: string; reason?: string }, ack?: Ack<{ message: ChatMessage }>) => void;
  /** Who is blocked, silenced, or waits to speak. */
  "hub:restrictions": (p: { roomId: string }, ack?: Ack<{ restrictions: { blocked: { [key: string]: Json }[]; silenced: { [key: string]: Json }[]; waiting: { [key: string]: Json }[]; hasMore: boolean } }>) => void;
  /** Puts a user out of the room, and keeps him out. */
  "hub:block": (p: { roomId: string; userId: string; seconds?: number; reason?: string; deleteMessages?: boolean }, ack?: Ack<{ deleted?: number }>) => void;
  /** Ends that. */
  "hub:unblock": (p: { roomId: string; userId: string; seconds?: number; reason?: string; deleteMessages?: boolean }, ack?: Ack<{}>) => void;
  /** Keeps a user from sending. */
  "hub:silence": (p: { roomId: string; userId: string; seconds?: number; reason?: string }, ack?: Ack<{}>) => void;
  /** Ends that. */
  "hub:unsilence": (p: { roomId: string; userId: string; seconds?: number; reason?: string; deleteMessages?: boolean }, ack?: Ack<{}>) => void;
  /** Asks the moderators to be allowed to speak. */
  "hub:requestSpeak": (p: { roomId: string }, ack?: Ack<{}>) => void;
  /** Lets a user speak. */
  "hub:grantSpeak": (p: { roomId: string; userId: string }, ack?: Ack<{}>) => void;
  /** Refuses a request to speak, or revokes the permission. */
  "hub:denySpeak": (p: { roomId: string; userId: string }, ack?: Ack<{}>) => void;
  /** Tells the room of a standard or a custom event. */
  "hub:event": (p: { roomId: string; event: "typing" | "stopTyping" | "messageRead" | "online" | "away" | "wave"; data?: Json; lastReadTimestamp?: string; lastReadSeq?: number; messageId?: string }, ack?: Ack<{}>) => void;
  /** Says what the user is doing in the room; the last of his connections to say so decides. */
  "hub:presenceState": (p: { roomId: string; state?: { mood?: string } | null; expireAfterMs?: number; silent?: boolean }, ack?: Ack<{}>) => void;
  /** Asks for the room's state anew. */
  "hub:requestState": (p: { roomId: string }, ack?: Ack<{ state: Json }>) => void;
  /** Puts a user out of the room; he may join again. */
  "hub:kick": (p: { roomId: string; userId: string; reason?: string }, ack?: Ack<{}>) => void;
  /** Changes the room's record. */
  "hub:updateRoom": (p: { roomId: string; changes: { [key: string]: Json } }, ack?: Ack<{ room: { [key: string]: Json } }>) => void;
  /** Replaces the connection's token before it expires. */
  "hub:refreshToken": (p: { token: string }, ack?: Ack<{}>) => void;
  /** Calls a command of the hub or namespace; so does an event of the command's own name, with the payload. */
  "hub:command": (p: { roomId?: string; requestId?: string; traceparent?: Json; command: "rollDice"; payload: { sides: number } } | { roomId?: string; requestId?: string; traceparent?: Json; command: "anything"; payload?: Json } | { roomId?: string; requestId?: string; traceparent?: Json; command: "tell"; payload?: Json }, ack?: Ack<{ result: Json }>) => void;
  /** Changes the connection's own metadata, of which `clientWritable` names what clients may. */
  "hub:setMetadata": (p: { metadata: { [key: string]: Json }; strategy?: "replace" | "merge" | "deepMerge" }, ack?: Ack<{ metadata: { [key: string]: Json } }>) => void;
  /** Metadata of the connection itself, or of another one in a room of its own. */
  "hub:getMetadata": (p?: { connectionId?: string }, ack?: Ack<{ metadata: { [key: string]: Json } }>) => void;
  /** The room's metadata. */
  "hub:roomMetadata": (p: { roomId: string }, ack?: Ack<{ metadata: { [key: string]: Json }; version: number }>) => void;
  /** Changes the room's metadata, of which `canWrite` says what clients may. */
  "hub:setRoomMetadata": (p: { roomId: string; metadata: { [key: string]: Json }; strategy?: "replace" | "merge" | "deepMerge" }, ack?: Ack<{ metadata: { [key: string]: Json }; version: number }>) => void;
  /** Changes a key of the room's state, of which `canWrite` says what clients may. */
  "hub:setRoomState": (p: { roomId: string; key: string; value?: Json; deleted?: boolean }, ack?: Ack<{ version: number; changed: boolean }>) => void;
  /** Follows a record from its present version on, through its deletion too. */
  "hub:subscribeRecord": (p: { recordId: string; mode?: "full" | "patch"; version?: number }, ack?: Ack<{ recordId: string; version: number; record?: Json }>) => void;
  /** Follows it no longer. */
  "hub:unsubscribeRecord": (p: { recordId: string }, ack?: Ack<{}>) => void;
  /** A record as it is now. */
  "hub:readRecord": (p: { recordId: string }, ack?: Ack<{ record: Json; recordId: string; version: number }>) => void;
  /** Writes a record. */
  "hub:writeRecord": (p: { recordId: string; value: Json; strategy?: "replace" | "merge" | "deepMerge"; ifVersion?: number }, ack?: Ack<{ version: number; changed: boolean }>) => void;
  /** Changes a record by a patch. */
  "hub:patchRecord": (p: { recordId: string; patch: { [key: string]: Json }[]; ifVersion?: number }, ack?: Ack<{ version: number; changed: boolean }>) => void;
  /** Deletes a record; its versions go on. */
  "hub:deleteRecord": (p: { recordId: string; ifVersion?: number }, ack?: Ack<{ version: number; changed: boolean }>) => void;
  /** Changes several records, all or none. */
  "hub:transaction": (p: { operations: { op: "write" | "patch" | "delete" | "check"; recordId: string; value?: Json; patch?: { [key: string]: Json }[]; strategy?: "replace" | "merge" | "deepMerge"; ifVersion?: number }[] }, ack?: Ack<{ results: { version: number; changed: boolean }[] }>) => void;
  /** Watches a collection from its present version on. */
  "hub:subscribeCollection": (p: { collectionId: string; version?: number }, ack?: Ack<{ records?: { [key: string]: Json }[]; collectionId: string; ids?: string[]; version: number }>) => void;
  /** Watches it no longer. */
  "hub:unsubscribeCollection": (p: { collectionId: string }, ack?: Ack<{}>) => void;
  /** Subscribes to a channel. What the answer does not hold comes live, once, in order. */
  "hub:subscribe": (p: { channel: string; historyLimit?: number; since?: number; epoch?: string }, ack?: Ack<{ history: ChatChannelMessage[]; channel: string; offset: number; epoch: string; recovered: boolean | null }>) => void;
  /** Ends a subscription. */
  "hub:unsubscribe": (p: { channel: string }, ack?: Ack<{}>) => void;
  /** Publishes to a channel. */
  "hub:publish": (p: { channel: string; data?: Json }, ack?: Ack<{ offset: number }>) => void;
  /** Messages of a channel that are kept. */
  "hub:channelHistory": (p: { channel: string; before?: number; limit?: number }, ack?: Ack<{ history: ChatChannelMessage[]; hasMore: boolean }>) => void;
  /** The caller's rooms, without joining them, with what is unread in each. */
  "hub:rooms": (p?: { before?: string; limit?: number }, ack?: Ack<{ rooms: ChatInboxRoom[]; before: string | null; hasMore: boolean }>) => void;
  /** From now on the connection hears of changes in all rooms of its user, by `hub:roomActivity`. */
  "hub:watchInbox": (p?: {}, ack?: Ack<{}>) => void;
  messageRead: (p: { roomId: string; lastReadTimestamp?: string; lastReadSeq?: number; messageId?: string }, ack?: Ack<{}>) => void;
  "hub:messageRead": (p: { roomId: string; lastReadTimestamp?: string; lastReadSeq?: number; messageId?: string }, ack?: Ack<{}>) => void;
  /** Somebody waves */
  wave: (p: { roomId: string; data?: Json }, ack?: Ack<{}>) => void;
  /** Throws a die */
  rollDice: (p: { sides: number; requestId?: string }, ack?: Ack<{ result: { value: number } }>) => void;
  anything: (p?: Json, ack?: Ack<{ result: Json }>) => void;
  tell: (p: { roomId: string; requestId?: string }, ack?: Ack<{ result: Json }>) => void;
}

/** What clients are told. */
export interface ChatServerToClient {
  /** it has joined */
  "hub:joined": (p: ChatJoined) => void;
  /** right after `hub:joined` */
  "hub:history": (p: ChatHistory) => void;
  /** the room's record changed, by whomever */
  "hub:roomUpdated": (p: { roomId: string; record: { [key: string]: Json }; changes?: { [key: string]: Json } }) => void;
  /** the room is gone or no longer eligible: they are out */
  "hub:roomClosed": (p: { roomId: string; record: { [key: string]: Json }; changes?: { [key: string]: Json } }) => void;
  /** it left by `hub:leave` */
  "hub:left": (p: { roomId: string; reason?: string }) => void;
  /** he was put out, or his rights have ended */
  "hub:kicked": (p: { roomId: string; reason?: string }) => void;
  /** its rights or its silence have changed while it is in the room */
  "hub:permissions": (p: { roomId: string; hubRole: ChatRole | "system" | null; permissions: ChatPermissions; silenced: boolean }) => void;
  /** a message was committed, or with `provisional` is about to be */
  "hub:messageArrived": (p: { roomId: string; message: ChatMessage; sender?: ChatSender; provisional?: boolean }) => void;
  /** a message that came as provisional was committed */
  "hub:messageStored": (p: { roomId: string; messageId: string; seq: number }) => void;
  /** a message that came as provisional was not stored: it does not exist */
  "hub:messageFailed": (p: { roomId: string; messageId: string; code: ErrorCode }) => void;
  /** its content changed */
  "hub:messageEdited": (p: { roomId: string; message: ChatMessage; seq: number }) => void;
  /** it was deleted */
  "hub:messageDeleted": (p: { roomId: string; messageId: string; seq: number | null }) => void;
  /** a reaction came or went */
  "hub:reaction": (p: { roomId: string; messageId: string; emoji: string; userId: string; removed: boolean; counts: { [key: string]: number }; reaction?: ChatReaction[]; seq: number }) => void;
  /** before the next numbered event, or within 250 ms */
  "hub:skipped": (p: { roomId: string; seqs: number[] }) => void;
  /** a message waits, or one that waits was edited */
  "hub:messagePending": (p: { roomId: string; message: ChatMessage }) => void;
  /** a moderator refused it */
  "hub:messageRejected": (p: { roomId: string; messageId: string; reason?: string }) => void;
  /** a moderator blocked him: he is out */
  "hub:blocked": (p: { roomId: string; reason?: string }) => void;
  /** a moderator silenced somebody */
  "hub:silenced": (p: { roomId: string; userId: string }) => void;
  /** that has ended */
  "hub:unsilenced": (p: { roomId: string; userId: string }) => void;
  /** somebody asks to speak */
  "hub:speakRequested": (p: { roomId: string; userId: string }) => void;
  /** a moderator let somebody speak */
  "hub:speakGranted": (p: { roomId: string; userId: string }) => void;
  /** a moderator refused it, or took it back */
  "hub:speakDenied": (p: { roomId: string; userId: string }) => void;
  /** Somebody waves */
  wave: (p: { roomId: string; userId?: string; data: Json }) => void;
  notice: (p: { roomId: string; userId?: string; data: Json }) => void;
  /** somebody's reading position moved */
  "hub:messageRead": (p: { roomId: string; userId: string; lastReadTimestamp: string; lastReadSeq: number }) => void;
  /** somebody began to type */
  "hub:typing": (p: { roomId: string; userId: string; user: ChatUser }) => void;
  /** he stopped, sent a message, left, or said nothing for 6 s */
  "hub:stopTyping": (p: { roomId: string; userId: string; user: ChatUser }) => void;
  /** the user's first connection came, or he is back */
  "hub:online": (p: { roomId: string; event: "online" | "away" | "offline"; user: ChatUser }) => void;
  /** all of his connections have said so */
  "hub:away": (p: { roomId: string; event: "online" | "away" | "offline"; user: ChatUser }) => void;
  /** his last connection left 5 s ago */
  "hub:offline": (p: { roomId: string; event: "online" | "away" | "offline"; user: ChatUser }) => void;
  /** each of these, once more */
  "hub:presence": (p: { roomId: string; event: "online" | "away" | "offline"; user: ChatUser } | { roomId: string; event: "state"; user: ChatUser; state: { mood?: string } | null }) => void;
  /** it joined, after the history, or asked for it */
  "hub:state": (p: { roomId: string; state: Json }) => void;
  /** a row of an authSource's object makes somebody a member */
  "hub:memberJoined": (p: { roomId: string; record: { [key: string]: Json } }) => void;
  /** that row is gone, or does so no more */
  "hub:memberLeft": (p: { roomId: string; record: { [key: string]: Json } }) => void;
  /** a command without an acknowledgement failed, or the session ended */
  "hub:error": (p: { error: string; code: ErrorCode; event: string; roomId?: string; retryAfterMs?: number }) => void;
  /** the process is about to stop */
  "hub:draining": (p: { retryAfterMs: number }) => void;
  /** it has joined, after `hub:history`; those with canRead: it was read anew */
  "hub:roomState": (p: { roomId: string; entries: { [key: string]: Json }; version: number }) => void;
  /** the state of the room has changed */
  "hub:roomStateChanged": (p: { roomId: string; key?: string; value?: Json; deleted?: boolean; cleared?: boolean; version: number }) => void;
  /** a record has changed */
  "hub:recordUpdated": (p: { recordId: string; version: number; full?: Json; patch?: { [key: string]: Json }[] }) => void;
  /** a record was deleted; the subscription stays */
  "hub:recordDeleted": (p: { recordId: string; version: number }) => void;
  /** a subscription has ended: its guard, which was asked again, has refused */
  "hub:unsubscribed": (p: { recordId: string; reason: string } | { collectionId: string; reason: string } | { channel: string; reason: string }) => void;
  /** a collection has changed */
  "hub:collectionChanged": (p: { collectionId: string; version: number; added: { [key: string]: Json }[]; changed: { [key: string]: Json }[]; removed: string[]; order?: string[]; reset?: boolean }) => void;
  /** a message was published to a channel */
  "hub:channelMessage": (p: { channel: string; offset: number | null; at: string; data: Json; publisher?: ChatUser }) => void;
  /** something has changed for the user in one of his rooms, also by reading elsewhere; at most one per room and second */
  "hub:roomActivity": (p: { roomId: string; seq: number; lastMessage: ChatMessage | null; unread: number }) => void;
  /** another connection of the same user has taken its client's id, and it ends */
  "hub:superseded": (p: { clientId: string }) => void;
  /** a script asks it; the acknowledgement is `{ok: true, result}` or `{ok: false, error}` */
  "hub:invoke": (p: { type: "confirm"; data: { title: string } }, ack: (answer: { ok: true; result?: Json } | { ok: false; error: Json }) => void) => void;
}

export interface Chat {
  serverToClient: ChatServerToClient;
  clientToServer: ChatClientToServer;
  content: ChatContent;
  input: ChatInput;
  message: ChatMessage;
  role: ChatRole;
  commands: ChatCommands;
  channels: ChatChannels;
  records: ChatRecords;
}

/** Roles that the hub gives. */
export type PlainRole = never;

/** Contents as received, by the type of the message. */
export interface PlainContent {
  /** Plain text message. */
  text: { body: string };
}

/** Contents as sent: what has a default may be left out. */
export interface PlainInput {
  /** Plain text message. */
  text: { body: string };
}

/** What all messages have, beside messageType and content. */
export interface PlainCommon {
  /** The message's id. */
  id: string;
  /** The room. */
  roomId: string;
  /** Who sent it; null: the server. */
  senderId: string | null;
  /** From the sender's session. */
  senderName?: string | null;
  /** From the sender's session. */
  senderAvatar?: string | null;
  /** When it was sent. */
  timestamp: string;
  /** Whether everybody sees it. */
  status: "approved" | "pending" | "rejected";
  /** Its number; null while it is pending. */
  seq: number | null;
  /** The number of its last change. */
  changeSeq: number | null;
  /** The sender's idempotency key. */
  clientMessageId?: string;
  /** When its content changed last. */
  editedAt?: string;
}

/** A message. */
export type PlainMessage = (PlainCommon & { messageType: "text"; content: PlainContent["text"] });

/** Commands: what they are called with, and answer. */
export interface PlainCommands {
}

/** What is published, by the pattern of the channel. */
export interface PlainChannels {
}

/** Values, by the pattern of the record. */
export interface PlainRecords {
}

/** What somebody may do in a room. */
export interface PlainPermissions {
  /** May receive messages and events of the room. */
  canRead: boolean;
  /** May send messages. */
  canSend: boolean;
  /** Messages wait for a moderator's approval. */
  moderated: boolean;
  /** May approve and reject pending messages, and block and silence users. */
  canModerate: boolean;
  /** May delete any message of the room. */
  canDeleteAny: boolean;
  /** May change the room record and kick users. */
  canManageRoom: boolean;
  /** Types that may be sent; empty: all. */
  allowedMessageTypes: ("text")[];
}

/** Somebody who is in a room. */
export interface PlainMember {
  /** Who it is. */
  userId: string;
  /** The same. */
  id: string;
  /** From the session. */
  name: string | null;
  /** From the session. */
  avatar: string | null;
  /** Null, a role of the hub, or `system`. */
  hubRole: PlainRole | "system" | null;
  /** Away is who has said so on all connections. */
  presence: "online" | "away";
  /** How many the user has in the room. */
  connections: number;
  /** Whether the user is typing. */
  typing: boolean;
  /** Whether the user is recording. */
  recording: boolean;
}

/** How a room was entered. */
export interface PlainJoined {
  /** The room. */
  roomId: string;
  /** Null, a role of the hub, or `system`. */
  hubRole: PlainRole | "system" | null;
  /** What the member may do. */
  permissions: PlainPermissions;
  /** Whether the member is silenced. */
  silenced: boolean;
  /** The room's counter: history ends there, the first live number is the next one. */
  seq: number;
  /** The epoch (generation) of that counter; with another one numbers have started again. */
  epoch: string;
  /** Users in the room. */
  memberCount: number;
  /** Whether `since` was caught up from; null when it was not given. */
  recovered: boolean | null;
  /** With `members`, and canRead: everybody who is there. */
  members?: PlainMember[];
}

/** A part of a room's past. */
export interface PlainHistory {
  /** The room. */
  roomId: string;
  /** In ascending `seq`. */
  messages: PlainMessage[];
  /** Catching up: what became of older messages. */
  changes?: ({ messageId: string; seq: number; message: PlainMessage } | { messageId: string; seq: number; deleted: true })[];
  /** Whether there are older ones. */
  hasMore: boolean;
  /** As in `hub:joined`. */
  recovered: boolean | null;
}

/** Who sent a message. */
export interface PlainSender {
  /** The user's id. */
  id: string;
  /** From the session. */
  name: string | null;
  /** From the session. */
  avatar: string | null;
}

/** What clients may send, and what an answer adds to `ok: true`. */
export interface PlainClientToServer {
  /** Joins a room. */
  "hub:join": (p: { roomId: string; since?: number; epoch?: string; historyLimit?: number; members?: boolean }, ack?: Ack<PlainJoined>) => void;
  /** Leaves the room. */
  "hub:leave": (p: { roomId: string }, ack?: Ack<{}>) => void;
  /** Who is in the room, with presence. */
  "hub:members": (p: { roomId: string }, ack?: Ack<{ members: PlainMember[] }>) => void;
  /** Sends a message. */
  "hub:send": (p: { roomId: string; clientMessageId?: string; messageType: "text"; content: PlainInput["text"] }, ack?: Ack<{ message: PlainMessage }>) => void;
  /** Changes the content of one's own message. */
  "hub:edit": (p: { roomId: string; messageId: string; content: PlainInput["text"] }, ack?: Ack<{ message: PlainMessage }>) => void;
  /** Deletes one's own message, or with canDeleteAny any. */
  "hub:delete": (p: { roomId: string; messageId: string }, ack?: Ack<{}>) => void;
  /** Messages of the room's past. */
  "hub:history": (p: { roomId: string; before?: number; after?: number; messageType?: string; senderId?: string; include?: "events"; limit?: number }, ack?: Ack<{ messages: PlainMessage[]; hasMore: boolean; events?: { [key: string]: Json }[]; totalRowCount?: number }>) => void;
  /** Messages that wait for a moderator. */
  "hub:pending": (p: { roomId: string; afterId?: string; limit?: number }, ack?: Ack<{ messages: PlainMessage[]; hasMore: boolean }>) => void;
  /** Lets a message that waits appear. */
  "hub:approve": (p: { roomId: string; messageId: string; reason?: string }, ack?: Ack<{ message: PlainMessage }>) => void;
  /** Refuses a message that waits. */
  "hub:reject": (p: { roomId: string; messageId: string; reason?: string }, ack?: Ack<{ message: PlainMessage }>) => void;
  /** Who is blocked, silenced, or waits to speak. */
  "hub:restrictions": (p: { roomId: string }, ack?: Ack<{ restrictions: { blocked: { [key: string]: Json }[]; silenced: { [key: string]: Json }[]; waiting: { [key: string]: Json }[]; hasMore: boolean } }>) => void;
  /** Puts a user out of the room, and keeps him out. */
  "hub:block": (p: { roomId: string; userId: string; seconds?: number; reason?: string; deleteMessages?: boolean }, ack?: Ack<{ deleted?: number }>) => void;
  /** Ends that. */
  "hub:unblock": (p: { roomId: string; userId: string; seconds?: number; reason?: string; deleteMessages?: boolean }, ack?: Ack<{}>) => void;
  /** Keeps a user from sending. */
  "hub:silence": (p: { roomId: string; userId: string; seconds?: number; reason?: string }, ack?: Ack<{}>) => void;
  /** Ends that. */
  "hub:unsilence": (p: { roomId: string; userId: string; seconds?: number; reason?: string; deleteMessages?: boolean }, ack?: Ack<{}>) => void;
  /** Asks the moderators to be allowed to speak. */
  "hub:requestSpeak": (p: { roomId: string }, ack?: Ack<{}>) => void;
  /** Lets a user speak. */
  "hub:grantSpeak": (p: { roomId: string; userId: string }, ack?: Ack<{}>) => void;
  /** Refuses a request to speak, or revokes the permission. */
  "hub:denySpeak": (p: { roomId: string; userId: string }, ack?: Ack<{}>) => void;
  /** Tells the room of a standard or a custom event. */
  "hub:event": (p: { roomId: string; event: never; data?: Json }, ack?: Ack<{}>) => void;
  /** Puts a user out of the room; he may join again. */
  "hub:kick": (p: { roomId: string; userId: string; reason?: string }, ack?: Ack<{}>) => void;
  /** Changes the room's record. */
  "hub:updateRoom": (p: { roomId: string; changes: { [key: string]: Json } }, ack?: Ack<{ room: { [key: string]: Json } }>) => void;
  /** Replaces the connection's token before it expires. */
  "hub:refreshToken": (p: { token: string }, ack?: Ack<{}>) => void;
}

/** What clients are told. */
export interface PlainServerToClient {
  /** it has joined */
  "hub:joined": (p: PlainJoined) => void;
  /** right after `hub:joined` */
  "hub:history": (p: PlainHistory) => void;
  /** the room's record changed, by whomever */
  "hub:roomUpdated": (p: { roomId: string; record: { [key: string]: Json }; changes?: { [key: string]: Json } }) => void;
  /** the room is gone or no longer eligible: they are out */
  "hub:roomClosed": (p: { roomId: string; record: { [key: string]: Json }; changes?: { [key: string]: Json } }) => void;
  /** it left by `hub:leave` */
  "hub:left": (p: { roomId: string; reason?: string }) => void;
  /** he was put out, or his rights have ended */
  "hub:kicked": (p: { roomId: string; reason?: string }) => void;
  /** its rights or its silence have changed while it is in the room */
  "hub:permissions": (p: { roomId: string; hubRole: PlainRole | "system" | null; permissions: PlainPermissions; silenced: boolean }) => void;
  /** a message was committed, or with `provisional` is about to be */
  "hub:messageArrived": (p: { roomId: string; message: PlainMessage; sender?: PlainSender }) => void;
  /** its content changed */
  "hub:messageEdited": (p: { roomId: string; message: PlainMessage; seq: number }) => void;
  /** it was deleted */
  "hub:messageDeleted": (p: { roomId: string; messageId: string; seq: number | null }) => void;
  /** before the next numbered event, or within 250 ms */
  "hub:skipped": (p: { roomId: string; seqs: number[] }) => void;
  /** a message waits, or one that waits was edited */
  "hub:messagePending": (p: { roomId: string; message: PlainMessage }) => void;
  /** a moderator refused it */
  "hub:messageRejected": (p: { roomId: string; messageId: string; reason?: string }) => void;
  /** a moderator blocked him: he is out */
  "hub:blocked": (p: { roomId: string; reason?: string }) => void;
  /** a moderator silenced somebody */
  "hub:silenced": (p: { roomId: string; userId: string }) => void;
  /** that has ended */
  "hub:unsilenced": (p: { roomId: string; userId: string }) => void;
  /** somebody asks to speak */
  "hub:speakRequested": (p: { roomId: string; userId: string }) => void;
  /** a moderator let somebody speak */
  "hub:speakGranted": (p: { roomId: string; userId: string }) => void;
  /** a moderator refused it, or took it back */
  "hub:speakDenied": (p: { roomId: string; userId: string }) => void;
  /** a row of an authSource's object makes somebody a member */
  "hub:memberJoined": (p: { roomId: string; record: { [key: string]: Json } }) => void;
  /** that row is gone, or does so no more */
  "hub:memberLeft": (p: { roomId: string; record: { [key: string]: Json } }) => void;
  /** a command without an acknowledgement failed, or the session ended */
  "hub:error": (p: { error: string; code: ErrorCode; event: string; roomId?: string; retryAfterMs?: number }) => void;
  /** the process is about to stop */
  "hub:draining": (p: { retryAfterMs: number }) => void;
  /** another connection of the same user has taken its client's id, and it ends */
  "hub:superseded": (p: { clientId: string }) => void;
  /** a script asks it; the acknowledgement is `{ok: true, result}` or `{ok: false, error}` */
  "hub:invoke": (p: { type: "confirm"; data: { title: string } }, ack: (answer: { ok: true; result?: Json } | { ok: false; error: Json }) => void) => void;
}

export interface Plain {
  serverToClient: PlainServerToClient;
  clientToServer: PlainClientToServer;
  content: PlainContent;
  input: PlainInput;
  message: PlainMessage;
  role: PlainRole;
  commands: PlainCommands;
  channels: PlainChannels;
  records: PlainRecords;
}

/** Roles that the hub gives. */
export type ToolsRole = never;

/** Contents as received, by the type of the message. */
export interface ToolsContent {
}

/** Contents as sent: what has a default may be left out. */
export interface ToolsInput {
}

/** A message. */
export type ToolsMessage = never;

/** Commands: what they are called with, and answer. */
export interface ToolsCommands {
  add: { payload: { a: number }; result: { sum: number } };
}

/** What is published, by the pattern of the channel. */
export interface ToolsChannels {
}

/** Values, by the pattern of the record. */
export interface ToolsRecords {
}

/** What clients may send, and what an answer adds to `ok: true`. */
export interface ToolsClientToServer {
  /** Calls a command of the hub or namespace; so does an event of the command's own name, with the payload. */
  "hub:command": (p: { roomId?: string; requestId?: string; traceparent?: Json; command: "add"; payload: { a: number } }, ack?: Ack<{ result: Json }>) => void;
  add: (p: { a: number; requestId?: string }, ack?: Ack<{ result: { sum: number } }>) => void;
  ping: (...args: any[]) => void;
}

/** What clients are told. */
export interface ToolsServerToClient {
}

export interface Tools {
  serverToClient: ToolsServerToClient;
  clientToServer: ToolsClientToServer;
  content: ToolsContent;
  input: ToolsInput;
  message: ToolsMessage;
  role: ToolsRole;
  commands: ToolsCommands;
  channels: ToolsChannels;
  records: ToolsRecords;
}
