// Types of the service notify, made by hubctl types. Changes are lost.

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
export type NotifyRole = never;

/** Contents as received, by the type of the message. */
export interface NotifyContent {
}

/** Contents as sent: what has a default may be left out. */
export interface NotifyInput {
}

/** A message. */
export type NotifyMessage = never;

/** Commands: what they are called with, and answer. */
export interface NotifyCommands {
  /** Tells another user something, or asks for a yes or a no; for role staff */
  send: { payload: { to: string; title: string; body?: string; question?: boolean; key?: string }; result: { id: string } };
  /** Tells oneself something later */
  remind: { payload: { title: string; inSeconds: number }; result: { id: string } };
  /** One's own notification has been seen */
  read: { payload: { id: string }; result: Json };
  /** One's own notification, or reminder, goes */
  dismiss: { payload: { id: string }; result: Json };
}

/** What is published, by the pattern of the channel. */
export interface NotifyChannels {
}

/** Values, by the pattern of the record. */
export interface NotifyRecords {
}

/** What clients may send, and what an answer adds to `ok: true`. */
export interface NotifyClientToServer {
  /** Calls a command of the hub or namespace; so does an event of the command's own name, with the payload. */
  "hub:command": (p: { roomId?: string; requestId?: string; traceparent?: Json; command: "send"; payload: { to: string; title: string; body?: string; question?: boolean; key?: string } } | { roomId?: string; requestId?: string; traceparent?: Json; command: "remind"; payload: { title: string; inSeconds: number } } | { roomId?: string; requestId?: string; traceparent?: Json; command: "read"; payload: { id: string } } | { roomId?: string; requestId?: string; traceparent?: Json; command: "dismiss"; payload: { id: string } }, ack?: Ack<{ result: Json }>) => void;
  /** Watches a collection from its present version on. */
  "hub:subscribeCollection": (p: { collectionId: string; version?: number }, ack?: Ack<{ records?: { [key: string]: Json }[]; collectionId: string; ids?: string[]; version: number }>) => void;
  /** Watches it no longer. */
  "hub:unsubscribeCollection": (p: { collectionId: string }, ack?: Ack<{}>) => void;
  /** Tells another user something, or asks for a yes or a no; for role staff */
  send: (p: { to: string; title: string; body?: string; question?: boolean; key?: string; requestId?: string }, ack?: Ack<{ result: { id: string } }>) => void;
  /** Tells oneself something later */
  remind: (p: { title: string; inSeconds: number; requestId?: string }, ack?: Ack<{ result: { id: string } }>) => void;
  /** One's own notification has been seen */
  read: (p: { id: string; requestId?: string }, ack?: Ack<{ result: Json }>) => void;
  /** One's own notification, or reminder, goes */
  dismiss: (p: { id: string; requestId?: string }, ack?: Ack<{ result: Json }>) => void;
}

/** What clients are told. */
export interface NotifyServerToClient {
  /** a collection has changed */
  "hub:collectionChanged": (p: { collectionId: string; version: number; added: { [key: string]: Json }[]; changed: { [key: string]: Json }[]; removed: string[]; order?: string[]; reset?: boolean }) => void;
  /** a subscription has ended: its guard, which was asked again, has refused */
  "hub:unsubscribed": (p: { collectionId: string; reason: string }) => void;
}

export interface Notify {
  serverToClient: NotifyServerToClient;
  clientToServer: NotifyClientToServer;
  content: NotifyContent;
  input: NotifyInput;
  message: NotifyMessage;
  role: NotifyRole;
  commands: NotifyCommands;
  channels: NotifyChannels;
  records: NotifyRecords;
}
