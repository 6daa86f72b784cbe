// A room: joined, and joined again after every lost connection, with everything that happened meanwhile.
import type { Connection } from "./connection.js";
import { HubError, isTemporary } from "./errors.js";
import { membersAfter, type Member } from "./members.js";
import { MessageList, type Messages, type SendOptions } from "./messages.js";
import { Outbox, waiting, type Budget, type Waiting } from "./outbox.js";
import { Cell, Emitter, frozen, type Off } from "./store.js";
import type { HistoryEvent } from "./timeline.js";
import type { Answer, AnyHub, HubTypes, Request, RequestPayload, Told } from "./types.js";

/** How it stands with a room. After the last five it is over; `hub.join()` makes a new object. */
export type RoomStatus = "joining" | "joined" | "recovering" | "left" | "kicked" | "blocked" | "closed" | "refused";

/** What one may do in a room. */
export interface Permissions {
  canRead: boolean;
  canSend: boolean;
  moderated: boolean;
  canModerate: boolean;
  canDeleteAny: boolean;
  canManageRoom: boolean;
  /** Empty: all. */
  allowedMessageTypes: readonly string[];
  hubRole: string | null;
  silenced: boolean;
}

export interface JoinOptions {
  /** Messages of history, instead of the hub's number. */
  historyLimit?: number;
  /** False: `room.members` stays empty. For rooms of thousands. */
  members?: boolean;
}

/** What rooms of a client share. */
export interface RoomContext {
  _connection: Connection;
  _budget: Budget;
  historySize: number;
}

type Reading = Waiting<{ roomId: string; event: string; lastReadSeq: number }>;

/** Events about messages: all but those about how far somebody has read. */
const MESSAGE_EVENT = /^hub:(message(?!Read|Delivered)|reaction|skipped)/;
const ENDS: { [event: string]: RoomStatus } = {
  "hub:kicked": "kicked",
  "hub:blocked": "blocked",
  "hub:roomClosed": "closed",
};
const TYPING_MS = 3000; // it is over after 6 s without a repeat
const AGAIN_MS = 1000;

/** A room that was joined. `hub.join()` gives it, the same object for the same id. */
export class Room<H extends HubTypes = AnyHub> {
  private _events = new Emitter();
  private _outbox: Outbox;
  private _list: MessageList<H>;
  /**
   * The messages: history, then live; edits, deletions and reactions applied; each change gives a new
   * frozen array.
   */
  readonly messages: Messages<H>;
  /** Who is there, with presence and what they are typing. */
  readonly members = new Cell<readonly Member[]>(frozen());
  /**
   * The room's shared state (`hub:roomState`) as an object by key; else what the hub's state script gives.
   */
  readonly state = new Cell<any>(undefined);
  /** What one may do here. */
  readonly permissions = new Cell({} as Permissions);
  /** How it stands with the room. */
  readonly status = new Cell<RoomStatus>("joining");
  private _epoch?: string; // of the numbers in the list
  private _nextEpoch?: string; // of those that come with the history
  private _joins = 0; // attempts so far: the answer to an older one is of no interest
  private _seq?: number; // the room's counter as the join was answered, until its history has come
  private _live = false; // joined, and the history has come
  private _over = false;
  private _synced = false; // the state comes by hub:roomState
  private _reading?: Reading; // what is told to be read
  private _typed = 0;
  private _again?: ReturnType<typeof setTimeout>;
  private _settle!: (error?: HubError) => void;
  private _connection: Connection;
  /** Settles when the first join has. @internal */
  readonly _ready: Promise<this>;
  /** How many have joined and not left. @internal */
  _users = 0;

  /** GONE is called when the room is over. @internal */
  constructor(
    readonly id: string,
    { _connection: connection, _budget: budget, historySize }: RoomContext,
    private _options: JoinOptions,
    private _gone: () => void,
  ) {
    this._connection = connection;
    this._outbox = new Outbox(
      connection,
      budget,
      () => this._live,
      () => this._join(),
    );
    this.messages = this._list = new MessageList(id, connection, this._outbox, historySize);
    this._ready = new Promise((done, failed) => (this._settle = (error) => (error ? failed(error) : done(this))));
    this._ready.catch(() => {});
    this._join();
  }

  // ---- being there ----

  /** Joins, or joins again from the last number. @internal */
  _join(): void {
    clearTimeout(this._again);
    if (!this._connection._live || this._over) return;
    this._live = false;
    this._seq = undefined;
    const { historyLimit, members = true } = this._options;
    const epoch = this._epoch;
    const since = epoch && this._list.last;
    const join = ++this._joins;
    const payload = { roomId: this.id, members, historyLimit, since, epoch };
    this._connection._request("hub:join", payload, (error, answer) => {
      if (join !== this._joins || this._over) return;
      error ? this._refused(error) : this._joined(answer, epoch !== undefined);
    });
    if (epoch === undefined) this._askBehind(join);
  }

  /**
   * Whether a first join brings a history depends on the hub. What is asked behind it is answered behind
   * it, too.
   */
  private _askBehind(join: number): void {
    this._connection._request("hub:leave", {}, (error) => {
      if (join !== this._joins || this._seq === undefined || error?.code === "disconnected") return;
      error?.code === "timeout" ? this._join() : this._begin(this._seq);
    });
  }

  private _refused(error: HubError): void {
    if (error.code === "disconnected" || error.code === "shutting_down") return; // the next connection joins
    if (error.code === "timeout") this._connection._tell("hub:leave", { roomId: this.id });
    if (this.status.value === "joining" || !isTemporary(error)) return this._end("refused", error);
    this._again = setTimeout(() => this._join(), error.retryAfterMs ?? AGAIN_MS);
  }

  private _joined(answer: any, rejoined: boolean): void {
    this._seq = answer.seq;
    this._nextEpoch = answer.epoch;
    this._takeRights(answer);
    if (answer.members) this.members._set(frozen(answer.members));
    if (rejoined && !answer.permissions.canRead) this._begin(answer.seq); // no history comes
  }

  /** All that there was has come. */
  private _begin(seq: number, history: HistoryEvent = { messages: [], hasMore: false, recovered: true }): void {
    this._seq = undefined;
    this._epoch = this._nextEpoch;
    this._list._joined(history, seq);
    if (this._over) return; // a listener has left
    this._live = true;
    this._become("joined");
    if (this._over) return;
    this._settle();
    this._outbox._flush();
  }

  /** The connection is gone. @internal */
  _lost(): void {
    this._live = false;
    clearTimeout(this._again);
    if (this.status.value === "joined") this._become("recovering");
  }

  private _become(status: RoomStatus): void {
    if (status !== this.status.value) this.status._set(status);
  }

  /** The room is over; it is not joined again. @internal */
  _end(status: RoomStatus, error: HubError): void {
    if (this._over) return;
    this._over = true;
    this._lost();
    this.status._set(status);
    this._gone();
    this._settle(error);
    this._outbox.end(error);
    this._events.emit("ended", { status, error });
  }

  /** Leaves, when everybody has who has joined. Twice is fine. */
  async leave(): Promise<void> {
    if (this._over || --this._users > 0) return;
    const told = this._connection.call("hub:leave", { roomId: this.id });
    this._end("left", new HubError("closed"));
    await told.catch(() => {}); // there is nothing to leave where there is no connection
  }

  // ---- what is told ----

  /** Takes an event of this room. @internal */
  _take(event: string, payload: any): void {
    if (event === "hub:history" && this._seq !== undefined) this._begin(this._seq, payload);
    else if (MESSAGE_EVENT.test(event) && this._live && !this._list._take(event, payload)) this._join();
    if (event === "hub:permissions") this._takeRights(payload);
    this._takeState(event, payload);
    const members = membersAfter(this.members.value, event, payload);
    if (members !== this.members.value) this.members._set(members);
    this._events.emit(event, payload);
    if (event.startsWith("hub:")) this._events.emit(event.slice(4), payload);
    const end = ENDS[event];
    if (end) this._end(end, new HubError({ code: "not_in_room", message: payload.reason ?? end, data: payload }));
  }

  private _takeRights({ permissions, hubRole, silenced }: any): void {
    const could = this.permissions.value.canRead;
    this.permissions._set(Object.freeze({ ...permissions, hubRole, silenced }));
    if (!this._live || could || !permissions.canRead) return;
    this._epoch = undefined; // what there was to read
    this._join();
  }

  private _takeState(event: string, payload: any): void {
    if (event === "hub:roomState") {
      this._synced = true;
      this.state._set(Object.freeze(payload.entries));
    } else if (event === "hub:roomStateChanged") {
      const { [payload.key]: was, ...others } = payload.cleared ? {} : (this.state.value ?? {});
      this.state._set(
        Object.freeze(payload.cleared || payload.deleted ? others : { ...others, [payload.key]: payload.value }),
      );
    } else if (event === "hub:state" && !this._synced) this.state._set(payload.state);
  }

  /**
   * Listens to an event of this room, with `hub:` in front or without; `ended` says that it is over, and
   * why.
   */
  on<E extends (keyof H["serverToClient"] & string) | "ended" | (string & {})>(
    event: E,
    fn: (payload: E extends "ended" ? { status: RoomStatus; error: HubError } : Told<H, E>) => void,
  ): Off {
    return this._events.on(event, fn);
  }

  // ---- doing something ----

  /** Sends a message: at once, or when there is a connection; once, however often it has to be tried. */
  send<T extends keyof H["input"] & string>(
    type: T,
    content: H["input"][T],
    options?: SendOptions,
  ): Promise<H["message"]> {
    if (this._over) return Promise.reject(new HubError("closed", "hub:send", `the room is over: ${this.status.value}`));
    return this._list.send(type, content, options);
  }

  /** Sends a message again that has failed. */
  retry(clientMessageId: string): Promise<H["message"]> {
    return this._list.retry(clientMessageId);
  }

  /** Takes a message away that has failed. */
  discard(clientMessageId: string): void {
    this._list.discard(clientMessageId);
  }

  /** Fetches N older messages (50); says whether there are still more. */
  loadOlder(n?: number): Promise<boolean> {
    return this._list.loadOlder(n);
  }

  /** Asks for anything of the wire; `roomId` is filled in. */
  call<E extends Request<H>>(event: E, payload?: RequestPayload<H, E, "roomId">): Promise<Answer<H, E>>;
  call(event: string, payload?: object): Promise<any>;
  call(event: string, payload?: object): Promise<any> {
    return this._connection.call(event, { ...payload, roomId: this.id });
  }

  /** Changes the content of one's own message. */
  edit<T extends keyof H["input"] & string>(messageId: string, content: H["input"][T]): Promise<H["message"]> {
    return this.call("hub:edit", { messageId, content }).then(({ message }: any) => message);
  }

  /** Deletes a message. */
  delete(messageId: string): Promise<unknown> {
    return this.call("hub:delete", { messageId });
  }

  /** Adds a reaction, or with `remove` takes it back. */
  react(messageId: string, emoji: string, { remove = false } = {}): Promise<unknown> {
    return this.call("hub:react", { messageId, emoji, remove });
  }

  /** Says that the user types (call it at each key: it is told seldom), or that he stopped. */
  typing(on = true): void {
    const now = Date.now();
    if (!this._live || (on && now - this._typed < TYPING_MS)) return;
    this._typed = on ? now : 0;
    this._connection._tell("hub:event", { roomId: this.id, event: on ? "typing" : "stopTyping" });
  }

  /**
   * Says what is read: up to SEQ, else everything that is here. Waits for a connection like a message; only
   * the newest counts.
   */
  markRead(seq = this._list.last): Promise<void> {
    const before = this._reading;
    if (before && !this._live) {
      before.payload.lastReadSeq = Math.max(seq, before.payload.lastReadSeq);
      return before._settled;
    }
    const item: Reading = waiting("hub:event", { roomId: this.id, event: "messageRead", lastReadSeq: seq }, () => {
      if (this._reading === item) this._reading = undefined;
    });
    this._reading = item;
    if (this._over || !this._outbox.add(item))
      item._settle(new HubError(this._over ? "closed" : "queue_full", "hub:event"));
    return item._settled;
  }
}
