// Types of the service townhall, made by hubctl types. Changes are lost.

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
export type TownhallRole = "host" | "moderator" | "attendee";

/** Contents as received, by the type of the message. */
export interface TownhallContent {
  /** Plain text message. */
  text: { body: string };
  /** Auto-generated message: member joined, room renamed. */
  system: { systemAction: string; systemData?: Json };
  /** A question to the panel */
  question: { body: string; to?: string };
}

/** Contents as sent: what has a default may be left out. */
export interface TownhallInput {
  /** Plain text message. */
  text: { body: string };
  /** Auto-generated message: member joined, room renamed. */
  system: { systemAction: string; systemData?: Json };
  /** A question to the panel */
  question: { body: string; to?: string };
}

/** A reaction to a message. */
export interface TownhallReaction {
  /** An emoji, or a name. */
  emoji: string;
  /** Whose it is. */
  userId: string;
  /** When it came. */
  timestamp: string;
}

/** What all messages have, beside messageType and content. */
export interface TownhallCommon {
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
  /** Reactions to it. */
  reaction?: TownhallReaction[];
  /** The sender's idempotency key. */
  clientMessageId?: string;
  /** When its content changed last. */
  editedAt?: string;
}

/** A message. */
export type TownhallMessage = (TownhallCommon & { messageType: "text"; content: TownhallContent["text"] }) | (TownhallCommon & { messageType: "system"; content: TownhallContent["system"] }) | (TownhallCommon & { messageType: "question"; content: TownhallContent["question"] });

/** Commands: what they are called with, and answer. */
export interface TownhallCommands {
}

/** What is published, by the pattern of the channel. */
export interface TownhallChannels {
}

/** Values, by the pattern of the record. */
export interface TownhallRecords {
}

/** What somebody may do in a room. */
export interface TownhallPermissions {
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
  allowedMessageTypes: ("text" | "system" | "question")[];
}

/** Somebody who is in a room. */
export interface TownhallMember {
  /** Who it is. */
  userId: string;
  /** The same. */
  id: string;
  /** From the session. */
  name: string | null;
  /** From the session. */
  avatar: string | null;
  /** Null, a role of the hub, or `system`. */
  hubRole: TownhallRole | "system" | null;
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
export interface TownhallJoined {
  /** The room. */
  roomId: string;
  /** Null, a role of the hub, or `system`. */
  hubRole: TownhallRole | "system" | null;
  /** What the member may do. */
  permissions: TownhallPermissions;
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
  members?: TownhallMember[];
}

/** A part of a room's past. */
export interface TownhallHistory {
  /** The room. */
  roomId: string;
  /** In ascending `seq`. */
  messages: TownhallMessage[];
  /** Catching up: what became of older messages. */
  changes?: ({ messageId: string; seq: number; message: TownhallMessage } | { messageId: string; seq: number; deleted: true })[];
  /** Whether there are older ones. */
  hasMore: boolean;
  /** As in `hub:joined`. */
  recovered: boolean | null;
}

/** Who sent a message. */
export interface TownhallSender {
  /** The user's id. */
  id: string;
  /** From the session. */
  name: string | null;
  /** From the session. */
  avatar: string | null;
}

/** Who it is. */
export interface TownhallUser {
  /** The user's id. */
  id: string;
  /** From the session. */
  name: string | null;
}

/** What clients may send, and what an answer adds to `ok: true`. */
export interface TownhallClientToServer {
  /** Joins a room. */
  "hub:join": (p: { roomId: string; since?: number; epoch?: string; historyLimit?: number; members?: boolean }, ack?: Ack<TownhallJoined>) => void;
  /** Leaves the room. */
  "hub:leave": (p: { roomId: string }, ack?: Ack<{}>) => void;
  /** Who is in the room, with presence. */
  "hub:members": (p: { roomId: string }, ack?: Ack<{ members: TownhallMember[] }>) => void;
  /** Sends a message. */
  "hub:send": (p: { roomId: string; clientMessageId?: string; messageType: "text"; content: TownhallInput["text"] } | { roomId: string; clientMessageId?: string; messageType: "system"; content: TownhallInput["system"] } | { roomId: string; clientMessageId?: string; messageType: "question"; content: TownhallInput["question"] }, ack?: Ack<{ message: TownhallMessage }>) => void;
  /** Changes the content of one's own message. */
  "hub:edit": (p: { roomId: string; messageId: string; content: TownhallInput["text"] | TownhallInput["system"] | TownhallInput["question"] }, ack?: Ack<{ message: TownhallMessage }>) => void;
  /** Deletes one's own message, or with canDeleteAny any. */
  "hub:delete": (p: { roomId: string; messageId: string }, ack?: Ack<{}>) => void;
  /** Adds a reaction to a message, or with `remove` takes it back. */
  "hub:react": (p: { roomId: string; messageId: string; emoji: string; remove?: boolean }, ack?: Ack<{ reaction: TownhallReaction[] }>) => void;
  /** Messages of the room's past. */
  "hub:history": (p: { roomId: string; before?: number; after?: number; messageType?: string; senderId?: string; include?: "events"; limit?: number }, ack?: Ack<{ messages: TownhallMessage[]; hasMore: boolean; events?: { [key: string]: Json }[]; totalRowCount?: number }>) => void;
  /** Messages that wait for a moderator. */
  "hub:pending": (p: { roomId: string; afterId?: string; limit?: number }, ack?: Ack<{ messages: TownhallMessage[]; hasMore: boolean }>) => void;
  /** Lets a message that waits appear. */
  "hub:approve": (p: { roomId: string; messageId: string; reason?: string }, ack?: Ack<{ message: TownhallMessage }>) => void;
  /** Refuses a message that waits. */
  "hub:reject": (p: { roomId: string; messageId: string; reason?: string }, ack?: Ack<{ message: TownhallMessage }>) => void;
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
  "hub:event": (p: { roomId: string; event: "online" | "away" | "applause"; data?: Json }, ack?: Ack<{}>) => void;
  /** Asks for the room's state anew. */
  "hub:requestState": (p: { roomId: string }, ack?: Ack<{ state: Json }>) => void;
  /** Puts a user out of the room; he may join again. */
  "hub:kick": (p: { roomId: string; userId: string; reason?: string }, ack?: Ack<{}>) => void;
  /** Changes the room's record. */
  "hub:updateRoom": (p: { roomId: string; changes: { [key: string]: Json } }, ack?: Ack<{ room: { [key: string]: Json } }>) => void;
  /** Replaces the connection's token before it expires. */
  "hub:refreshToken": (p: { token: string }, ack?: Ack<{}>) => void;
  /** What an audience may always do */
  applause: (p: { roomId: string; data?: Json }, ack?: Ack<{}>) => void;
}

/** What clients are told. */
export interface TownhallServerToClient {
  /** it has joined */
  "hub:joined": (p: TownhallJoined) => void;
  /** right after `hub:joined` */
  "hub:history": (p: TownhallHistory) => void;
  /** the room's record changed, by whomever */
  "hub:roomUpdated": (p: { roomId: string; record: { [key: string]: Json }; changes?: { [key: string]: Json } }) => void;
  /** the room is gone or no longer eligible: they are out */
  "hub:roomClosed": (p: { roomId: string; record: { [key: string]: Json }; changes?: { [key: string]: Json } }) => void;
  /** it left by `hub:leave` */
  "hub:left": (p: { roomId: string; reason?: string }) => void;
  /** he was put out, or his rights have ended */
  "hub:kicked": (p: { roomId: string; reason?: string }) => void;
  /** its rights or its silence have changed while it is in the room */
  "hub:permissions": (p: { roomId: string; hubRole: TownhallRole | "system" | null; permissions: TownhallPermissions; silenced: boolean }) => void;
  /** a message was committed, or with `provisional` is about to be */
  "hub:messageArrived": (p: { roomId: string; message: TownhallMessage; sender?: TownhallSender }) => void;
  /** its content changed */
  "hub:messageEdited": (p: { roomId: string; message: TownhallMessage; seq: number }) => void;
  /** it was deleted */
  "hub:messageDeleted": (p: { roomId: string; messageId: string; seq: number | null }) => void;
  /** a reaction came or went */
  "hub:reaction": (p: { roomId: string; messageId: string; emoji: string; userId: string; removed: boolean; counts: { [key: string]: number }; reaction?: TownhallReaction[]; seq: number }) => void;
  /** before the next numbered event, or within 250 ms */
  "hub:skipped": (p: { roomId: string; seqs: number[] }) => void;
  /** a message waits, or one that waits was edited */
  "hub:messagePending": (p: { roomId: string; message: TownhallMessage }) => void;
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
  /** What an audience may always do */
  applause: (p: { roomId: string; userId?: string; data: Json }) => void;
  /** the user's first connection came, or he is back */
  "hub:online": (p: { roomId: string; event: "online" | "away" | "offline"; user: TownhallUser }) => void;
  /** all of his connections have said so */
  "hub:away": (p: { roomId: string; event: "online" | "away" | "offline"; user: TownhallUser }) => void;
  /** his last connection left 5 s ago */
  "hub:offline": (p: { roomId: string; event: "online" | "away" | "offline"; user: TownhallUser }) => void;
  /** each of these, once more */
  "hub:presence": (p: { roomId: string; event: "online" | "away" | "offline"; user: TownhallUser }) => void;
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
}

export interface Townhall {
  serverToClient: TownhallServerToClient;
  clientToServer: TownhallClientToServer;
  content: TownhallContent;
  input: TownhallInput;
  message: TownhallMessage;
  role: TownhallRole;
  commands: TownhallCommands;
  channels: TownhallChannels;
  records: TownhallRecords;
}
