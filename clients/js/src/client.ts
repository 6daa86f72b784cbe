// A client of one hub: its rooms and all that its extensions offer, over one connection.
import { Channel } from "./channels.js";
import { Collection } from "./collections.js";
import { Connection, type ConnectionOptions, type ConnectionState } from "./connection.js";
import { HubError } from "./errors.js";
import type { Budget } from "./outbox.js";
import { HubRecord, type Operation, type Written } from "./records.js";
import { Room, type JoinOptions } from "./room.js";
import { Emitter, type Off } from "./store.js";
import type { Subscription } from "./subscription.js";
import type { TokenSource } from "./tokens.js";
import type {
  Answer,
  AnyHub,
  CommandPayload,
  CommandResult,
  HubTypes,
  Lookup,
  Request,
  RequestPayload,
  Told,
} from "./types.js";
import type { OpenWire } from "./wire.js";

export interface ClientOptions extends ConnectionOptions {
  /**
   * Where hubd is, such as `https://example.com`; in a page its own origin unless given. Hubs of one url
   * share a connection.
   */
  url?: string;
  /** The hub's name. */
  hub: string;
  /** The token, or what gives one: it is asked again when that one ends. */
  token?: TokenSource;
  /** A stable id of this client, where the service has `clients`. */
  clientId?: string;
  /** Of Socket.IO's HTTP requests; `/socket.io`. */
  path?: string;
  /** How many messages may wait for a connection, over all rooms; 100. */
  queueLimit?: number;
  /** How long an answer may take; 10000. */
  timeoutMs?: number;
  /** How many messages a room keeps, besides those fetched by `loadOlder`; 500. */
  historySize?: number;
  /** Options of the stock client: transports, reconnectionDelay, auth, …. */
  socket?: ConnectionOptions["socket"];
}

export interface CommandOptions {
  roomId?: string;
  /** A repeat with the same one within 60 s gets the first answer and runs nothing. */
  requestId?: string;
  traceparent?: string;
  timeoutMs?: number;
}

const QUEUE = 100;
const HISTORY = 500;
/** The arguments that say which channel, record or collection an event is about. */
const KEYS = ["channel", "recordId", "collectionId"];

/** A client of one hub; `createClient()` makes it. */
export class HubClient<H extends HubTypes = AnyHub> {
  private _connection: Connection;
  private _rooms = new Map<string, Room<H>>();
  private _followed = new Map<string, Subscription<any, any>>(); // by argument and id
  private _events = new Emitter();
  private _invoked = new Map<string, (data: any) => unknown>();
  private _budget: Budget;

  /** @internal */
  constructor(
    private _options: ClientOptions,
    open?: OpenWire,
  ) {
    this._budget = { _waiting: 0, limit: _options.queueLimit ?? QUEUE };
    this._connection = new Connection(_options, this, open);
  }

  /** How the connection is. */
  get state(): ConnectionState {
    return this._connection.state;
  }

  // ---- rooms ----

  /**
   * Joins a room: resolves when its history is there. One object for each id; it is left when everybody has
   * who has joined.
   */
  join(roomId: string, options: JoinOptions = {}): Promise<Room<H>> {
    if (this._connection._ended) return Promise.reject(this._connection._ending("hub:join"));
    let room = this._rooms.get(roomId);
    if (!room) {
      const context = {
        _connection: this._connection,
        _budget: this._budget,
        historySize: this._options.historySize ?? HISTORY,
      };
      const made: Room<H> = new Room<H>(
        roomId,
        context,
        options,
        () => this._rooms.get(roomId) === made && this._rooms.delete(roomId),
      );
      this._rooms.set(roomId, (room = made));
    }
    room._users++;
    return room._ready;
  }

  // ---- extensions ----

  /** Calls a command; it is never repeated. */
  async command<N extends (keyof H["commands"] & string) | (string & {})>(
    name: N,
    payload?: CommandPayload<H, N>,
    { timeoutMs, ...options }: CommandOptions = {},
  ): Promise<CommandResult<H, N>> {
    return (await this._connection.call("hub:command", { command: name, payload, ...options }, timeoutMs)).result;
  }

  /** A channel by its name; one object for each, as long as the client lives. So it is with records and collections. */
  channel<N extends string>(name: N): Channel<Lookup<H["channels"], N, "data">> {
    return this._follow("channel", name, () => new Channel(name, this._connection));
  }

  /** A record by its id. */
  record<N extends string>(recordId: N): HubRecord<Lookup<H["records"], N, "value">> {
    return this._follow("recordId", recordId, () => new HubRecord(recordId, this._connection));
  }

  /** A collection by its id. */
  collection<T extends { id: string } = any>(collectionId: string): Collection<T> {
    return this._follow("collectionId", collectionId, () => new Collection<T>(collectionId, this._connection));
  }

  private _follow<S extends Subscription<any, any>>(key: string, id: string, make: () => S): S {
    const name = `${key} ${id}`;
    let one = this._followed.get(name);
    if (!one) this._followed.set(name, (one = make()));
    return one as S;
  }

  /** Changes several records, all or none. */
  async transaction(operations: Operation[]): Promise<Written[]> {
    return (await this._connection.call("hub:transaction", { operations })).results;
  }

  /** Answers what scripts ask of this client (`clients.invoke`); what FN throws is answered as an error. */
  onInvoke(type: string, fn: (data: any) => unknown): Off {
    this._invoked.set(type, fn);
    return () => void (this._invoked.get(type) === fn && this._invoked.delete(type));
  }

  private async _answer({ type, data }: any, answer?: (answer: object) => void): Promise<void> {
    try {
      const fn = this._invoked.get(type);
      if (!fn) throw new HubError("not_found", "", `${type} is unknown here`);
      const result = await fn(data);
      answer?.({ ok: true, result: result ?? null });
    } catch (error: any) {
      answer?.({ ok: false, error: { code: error?.code ?? "failed", message: String(error?.message ?? error) } });
    }
  }

  // ---- the rest ----

  /**
   * Listens to `state`, to `error` (a connection that is refused, or not there yet), or to any event of the server, whatever room it
   * is about.
   */
  on(event: "state", fn: (state: ConnectionState) => void): Off;
  on(event: "error", fn: (error: HubError) => void): Off;
  on<E extends (keyof H["serverToClient"] & string) | (string & {})>(
    event: E,
    fn: (payload: Told<H, E>, answer?: (answer: object) => void) => void,
  ): Off;
  on(event: string, fn: (payload: any, answer?: any) => void): Off {
    return this._events.on(event, fn);
  }

  /** Asks for anything of the wire. */
  call<E extends Request<H>>(event: E, payload?: RequestPayload<H, E>): Promise<Answer<H, E>>;
  call(event: string, payload?: object): Promise<any>;
  call(event: string, payload: object = {}): Promise<any> {
    return this._connection.call(event, payload);
  }

  /** Another token, from now on: shown on the open connection, or tried where the old one was refused. */
  setToken(token: TokenSource): void {
    this._connection.setToken(token);
  }

  /** Ends everything: what is open is rejected with `closed`. Twice is fine. */
  close(): void {
    this._endAll(new HubError("closed"));
    this._connection.close();
  }

  private _endAll(error: HubError): void {
    for (const room of [...this._rooms.values()]) room._end("left", error);
    for (const one of this._followed.values()) one._end(error);
  }

  // ---- what the connection says ----

  /** @internal */
  _up(): void {
    for (const room of [...this._rooms.values()]) room._join();
    for (const one of [...this._followed.values()]) one._ask();
  }

  /** @internal */
  _down(): void {
    for (const room of this._rooms.values()) room._lost();
    for (const one of this._followed.values()) one._lost();
  }

  /** @internal */
  _refused(error: HubError): void {
    if (error.code === "closed") return this._endAll(error);
    for (const room of [...this._rooms.values()]) if (room.status.value === "joining") room._end("refused", error);
    for (const one of this._followed.values()) one._refuse(error);
    this._events.emit("error", error);
  }

  /** @internal */
  _became(state: ConnectionState): void {
    this._events.emit("state", state);
  }

  /** @internal */
  _told(event: string, payload: any, answer?: (answer: object) => void): void {
    if (event === "hub:invoke") void this._answer(payload, answer);
    else if (payload?.roomId) this._rooms.get(payload.roomId)?._take(event, payload);
    else for (const key of KEYS) if (payload?.[key]) this._tell(`${key} ${payload[key]}`, event, payload);
    this._events.emit(event, payload, answer);
  }

  private _tell(name: string, event: string, payload: any): void {
    const one = this._followed.get(name);
    if (event !== "hub:unsubscribed") one?._take(event, payload);
    else one?._end(new HubError({ code: payload.reason, data: payload }, event));
  }
}

/** Connects to a hub. `createClient<Chat>()` knows the hub's types, as `hubctl types` writes them. */
export function createClient<H extends HubTypes = AnyHub>(options: ClientOptions): HubClient<H> {
  return new HubClient<H>(options);
}
