// The shapes of a hub as `hubctl types` writes them, and what is read out of them.
import type { HubError } from "./errors.js";
import type { AnyMessage, Reaction } from "./timeline.js";

/** Any JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What `createClient<Chat>` takes: an interface that `hubctl types --lang ts` writes has this form. */
export interface HubTypes {
  serverToClient: object;
  clientToServer: object;
  content: object;
  input: object;
  message: object;
  role: string;
  commands: object;
  channels: object;
  records: object;
}

/** A hub of which nothing is known: everything goes. */
export interface AnyHub {
  serverToClient: { [event: string]: (payload: any) => void };
  clientToServer: { [event: string]: (payload: any, ack?: any) => void };
  content: { [type: string]: any };
  input: { [type: string]: any };
  message: AnyMessage;
  role: string;
  commands: { [name: string]: { payload: any; result: any } };
  channels: { [pattern: string]: any };
  records: { [pattern: string]: any };
}

/** A message of the list: one of the hub's, or one's own that is not stored yet. */
export type MessageOf<H extends HubTypes> = H["message"] | Unsent<H>;

/** One's own message before it is stored. */
export interface Unsent<H extends HubTypes = AnyHub> {
  id: string;
  roomId: string;
  senderId: null;
  messageType: keyof H["input"] & string;
  content: any;
  timestamp: string;
  seq: null;
  changeSeq: null;
  /** `failed`: it was refused; `room.retry()` sends it again, `room.discard()` takes it away. */
  status: "sending" | "failed";
  clientMessageId: string;
  /** Why it failed. */
  error?: HubError;
  /** Only those that are stored have these. */
  reaction?: Reaction[];
  replyTo?: any;
  editedAt?: string;
}

type Payload<F> = F extends (payload: infer P, ...rest: any[]) => unknown ? P : never;
type Without<P, K extends string> = P extends unknown ? Omit<P, K> : never;
type AnswerOf<F> = F extends (payload: any, ack?: infer A) => unknown
  ? NonNullable<A> extends (answer: infer R) => void
    ? Extract<R, { ok: true }>
    : any
  : any;

/** Events that clients may send. */
export type Request<H extends HubTypes> = keyof H["clientToServer"] & string;
/** The payload of one; with K left out, which is filled in. */
export type RequestPayload<H extends HubTypes, E extends Request<H>, K extends string = never> = Without<
  Payload<H["clientToServer"][E]>,
  K
>;
/** What it is answered. */
export type Answer<H extends HubTypes, E extends Request<H>> = AnswerOf<H["clientToServer"][E]>;
/** The payload of an event that the server tells. */
export type Told<H extends HubTypes, E> = E extends keyof H["serverToClient"]
  ? Payload<H["serverToClient"][E]>
  : `hub:${E & string}` extends keyof H["serverToClient"]
    ? Payload<H["serverToClient"][`hub:${E & string}`]>
    : any;

/** Names that a pattern such as `cart:{userId}` fits. */
export type Fitting<P extends string> = P extends `${infer Before}{${string}}${infer After}`
  ? `${Before}${string}${Fitting<After>}`
  : P;

type Only<T, K extends string> = T extends { [key in K]: infer V } ? (Exclude<keyof T, K> extends never ? V : T) : T;
type Matching<T, N extends string, K extends string> = {
  [P in keyof T & string]: N extends Fitting<P> ? Only<T[P], K> : never;
}[keyof T & string];

/**
 * What stands in T for the name N: by its pattern, bare or as `{data: …}`, `{value: …}`; any where nothing is
 * said.
 */
export type Lookup<T, N extends string, K extends string> = [Matching<T, N, K>] extends [never]
  ? any
  : Matching<T, N, K>;

/** The payload and the result of a command. */
export type CommandPayload<H extends HubTypes, N> = N extends keyof H["commands"]
  ? H["commands"][N] extends { payload: infer P }
    ? P
    : any
  : any;
export type CommandResult<H extends HubTypes, N> = N extends keyof H["commands"]
  ? H["commands"][N] extends { result: infer R }
    ? R
    : any
  : any;
