// The inbox: one's rooms with what is unread in them, without joining them.
/**
 * `@hubd/client/inbox`: one's rooms, the one with the newest message first.
 *
 * @packageDocumentation
 */
import type { HubClient } from "./client.js";
import { HubError } from "./errors.js";
import { Cell, type Off, type Store } from "./store.js";
import type { AnyMessage } from "./timeline.js";
import type { AnyHub, HubTypes } from "./types.js";

/** A room of the inbox. */
export interface InboxRoom<M = AnyMessage> {
  roomId: string;
  room: any;
  hubRole: string | null;
  lastMessage: M | null;
  seq: number;
  lastReadSeq: number;
  unread: number;
}

/** One's rooms. Each change gives a new frozen array. */
export interface Inbox<M = AnyMessage> extends Store<readonly InboxRoom<M>[]> {
  /** Whether there are older ones. */
  readonly hasMore: boolean;
  /** Fetches LIMIT older rooms; says whether there are still more. */
  loadOlder(limit?: number): Promise<boolean>;
  /** Nothing is followed any more. */
  close(): void;
}

const AGAIN_MS = 1000;
const OF_THE_CONNECTION = ["disconnected", "closed"];

class Watch extends Cell<readonly InboxRoom[]> {
  hasMore = false;
  private _before: unknown;
  private _loads = 0; // so far: the answer to an older one is of no interest
  private _loading = false;
  private _early: any[] = []; // what was told while the list was on its way
  private _again?: ReturnType<typeof setTimeout>;
  private _offs: Off[];

  constructor(
    private _hub: HubClient<any>,
    private _limit: number | undefined,
    private _ready: (error?: HubError) => void,
  ) {
    super(Object.freeze([]));
    this._offs = [
      _hub.on("hub:roomActivity", (activity: any) => this._told(activity)),
      _hub.on("state", (state) => {
        if (state === "connected") void this._load();
        else if (state === "closed" || state === "superseded") {
          this.close();
          _ready(new HubError("closed", "hub:rooms"));
        }
      }),
      _hub.on("error", (error) => {
        if (!OF_THE_CONNECTION.includes(error.code)) _ready(error); // no connection will come of itself
      }),
    ];
    if (_hub.state === "connected") void this._load();
  }

  close(): void {
    clearTimeout(this._again);
    this._loads++;
    this._offs.forEach((off) => off());
  }

  /** Watches, then asks for the list: so nothing is missed between the two. */
  private async _load(): Promise<void> {
    const load = ++this._loads;
    this._loading = true;
    clearTimeout(this._again);
    try {
      await this._hub.call("hub:watchInbox", {});
      const page = await this._hub.call("hub:rooms", this._limit ? { limit: this._limit } : {});
      if (load !== this._loads) return;
      this._loading = false;
      this._begin(page);
      this._ready();
    } catch (error) {
      if (load === this._loads) this._failed(error as HubError);
    }
  }

  private _failed(error: HubError): void {
    this._loading = false;
    if (OF_THE_CONNECTION.includes(error.code)) return;
    this._ready(error);
    this._again = setTimeout(() => this._load(), error.retryAfterMs ?? AGAIN_MS);
  }

  /** The newest rooms, and behind them the older ones that were here. */
  private _begin({ rooms, before, hasMore }: any): void {
    if (this._before === undefined) {
      this._before = before;
      this.hasMore = hasMore;
    }
    let list = merged(rooms, this.value);
    for (const activity of this._early.splice(0)) list = after(list, activity) ?? list;
    this._set(list);
  }

  async loadOlder(limit?: number): Promise<boolean> {
    const page = await this._hub.call("hub:rooms", { before: this._before, ...(limit && { limit }) });
    this._before = page.before;
    this.hasMore = page.hasMore;
    this._set(merged(this.value, page.rooms));
    return this.hasMore;
  }

  private _told(activity: any): void {
    if (this._loading) return void this._early.push(activity);
    const list = after(this.value, activity);
    if (list) this._set(list);
    else void this._load(); // a room that is new here
  }
}

function merged(first: readonly InboxRoom[], then: readonly InboxRoom[]): readonly InboxRoom[] {
  const known = new Set(first.map(({ roomId }) => roomId));
  return Object.freeze([...first, ...then.filter(({ roomId }) => !known.has(roomId))]);
}

/** ROOMS after something has happened in one of them; undefined: it is not there. */
function after(
  rooms: readonly InboxRoom[],
  { roomId, seq, lastMessage, unread }: any,
): readonly InboxRoom[] | undefined {
  const room = rooms.find((one) => one.roomId === roomId);
  if (!room) return undefined;
  if (seq < room.seq) return rooms;
  const next = { ...room, seq, lastMessage, unread };
  const isNews = (lastMessage?.seq ?? 0) > (room.lastMessage?.seq ?? 0);
  if (isNews) return Object.freeze([next, ...rooms.filter((one) => one !== room)]);
  return Object.freeze(rooms.map((one) => (one === room ? next : one)));
}

/** Opens the inbox; resolves when the first LIMIT rooms are there. */
export function openInbox<H extends HubTypes = AnyHub>(
  hub: HubClient<H>,
  { limit }: { limit?: number } = {},
): Promise<Inbox<H["message"]>> {
  if (/^(unauthorized|superseded|closed)$/.test(hub.state))
    return Promise.reject(new HubError("closed", "hub:rooms", `the connection is ${hub.state}`));
  return new Promise((done, failed) => {
    let opened = false;
    const watch: Watch = new Watch(hub, limit, (error) => {
      if (opened) return;
      opened = true;
      if (!error) return done(watch as unknown as Inbox<H["message"]>);
      watch.close();
      failed(error);
    });
  });
}
