/**
 * Clients of hubd: rooms, channels, records and the rest, over lost connections.
 *
 * @packageDocumentation
 */
export { createClient } from "./client.js";
export { HubError } from "./errors.js";
export type { Channel, ChannelMeta, ChannelOptions } from "./channels.js";
export type { ClientOptions, CommandOptions, HubClient } from "./client.js";
export type { Collection } from "./collections.js";
export type { ConnectionState } from "./connection.js";
export type { ClientErrorCode } from "./errors.js";
export type { Member } from "./members.js";
export type { Messages, SendOptions } from "./messages.js";
export type { Patch, PatchOperation } from "./patch.js";
export type { HubRecord, Operation, RecordMeta, RecordOptions, WriteOptions, Written } from "./records.js";
export type { JoinOptions, Permissions, Room, RoomStatus } from "./room.js";
export type { Off, Store } from "./store.js";
export type { FollowOptions } from "./subscription.js";
export type { AnyMessage, Reaction } from "./timeline.js";
export type { TokenSource } from "./tokens.js";
export type * from "./types.js";
