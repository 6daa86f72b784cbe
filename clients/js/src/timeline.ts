// The messages of a room in order, out of history, replay and what comes live: each once, as it is now, with
// no number missing.
import { Cell, frozen } from "./store.js";

/** What every message has, whatever its hub declares. */
export interface AnyMessage {
  id: string;
  roomId: string;
  senderId: string | null;
  messageType: string;
  content: any;
  timestamp: string;
  status: "approved" | "pending" | "rejected";
  seq: number | null;
  changeSeq: number | null;
  clientMessageId?: string;
  editedAt?: string;
  provisional?: boolean;
  reaction?: Reaction[];
  [key: string]: any;
}

export interface Reaction {
  emoji: string;
  userId: string;
  timestamp: string;
}

/** `hub:history`, as it comes with a join. */
export interface HistoryEvent {
  messages: AnyMessage[];
  changes?: { messageId: string; seq: number; message?: AnyMessage; deleted?: true }[];
  hasMore: boolean;
  recovered: boolean | null;
}

interface Entry {
  at: number; // where it stands: its number; what has none stands where it came, and what still gets one at the end
  message: AnyMessage;
}

const changeOf = (message: AnyMessage): number => message.changeSeq ?? message.seq ?? 0;

/** The reactions of a message after one came or went; of many the event brings the change alone. */
function reacted(message: AnyMessage, { reaction, emoji, userId, removed }: any): Reaction[] {
  if (reaction) return reaction;
  const others = (message.reaction ?? []).filter((r) => r.emoji !== emoji || r.userId !== userId);
  return removed ? others : [...others, { emoji, userId, timestamp: new Date().toISOString() }];
}

/** A store of messages; what is stored of them. */
export class Timeline<T = AnyMessage> extends Cell<readonly T[]> {
  /** The last number up to which nothing is missing. */
  last = 0;
  /** Whether there are older messages than these. */
  hasMore = false;
  /**
   * How often something has become of a message that is not here: a page that was on its way may show it as
   * it was.
   */
  _passed = 0;
  /** Whether there is something to show that was not shown yet. */
  protected _changed = false;
  private _entries: Entry[] = [];
  private _ids = new Map<string, Entry>();

  /** Keeps at most LIMIT messages, and as many more as were asked for by pages. */
  constructor(private _limit: number) {
    super(frozen());
  }

  protected get _stored(): AnyMessage[] {
    return this._entries.map(({ message }) => message);
  }

  /** The number of the oldest message; paging goes on there. */
  get _first(): number {
    return this._entries.find(({ message }) => message.seq !== null)?.message.seq ?? this.last + 1;
  }

  /** What a join has brought; SEQ is the room's counter then. */
  _joined(history: HistoryEvent, seq: number): void {
    if (!history.recovered) this._clear();
    // Those that were told before they were stored are in the replay if they were.
    else for (const { message } of [...this._entries]) if (message.provisional) this._remove(message.id);
    for (const message of history.messages) this._put(message);
    for (const { messageId, seq: number, message, deleted } of history.changes ?? []) {
      if (deleted) this._remove(messageId);
      else if (message && this._ids.has(messageId)) this._put({ ...message, changeSeq: number });
    }
    if (!history.recovered) this.hasMore = history.hasMore;
    this.last = seq;
    this._trim();
  }

  private _clear(): void {
    this._entries = [];
    this._ids.clear();
  }

  /** Takes a live event. False: numbers before it are missing, and it was not taken. */
  _take(event: string, payload: any): boolean {
    const { message } = payload;
    const numbers: number[] = event === "hub:skipped" ? payload.seqs : [payload.seq ?? message?.seq ?? this.last];
    for (const n of numbers) {
      if (n > this.last + 1) return false;
      this.last = Math.max(this.last, n);
    }
    this._apply(event, payload);
    this._trim();
    return true;
  }

  private _apply(event: string, payload: any): void {
    const { message, messageId, seq } = payload;
    const known = this._ids.get(messageId ?? message?.id)?.message;
    if (event === "hub:messageArrived") this._put(message);
    else if (!known && event !== "hub:skipped") this._passed++;
    if (!known) return;
    if (event === "hub:messageEdited") this._put({ ...message, changeSeq: seq });
    if (event === "hub:messagePending") this._put(message);
    if (event === "hub:messageDeleted" || event === "hub:messageFailed" || event === "hub:messageRejected") {
      this._remove(messageId);
    } else if (event === "hub:messageStored") {
      const { provisional, ...stored } = known;
      this._put({ ...stored, seq, changeSeq: seq } as AnyMessage);
    } else if (event === "hub:reaction") this._put({ ...known, reaction: reacted(known, payload), changeSeq: seq });
  }

  /**
   * What a send was answered with. A message whose number has passed is here, or was taken away meanwhile.
   */
  _sent(message: AnyMessage): void {
    if (message.seq === null || message.seq > this.last || this._ids.has(message.id)) this._put(message);
  }

  /** Puts a message in its place, unless a newer version of it is there. */
  private _put(message: AnyMessage): void {
    const known = this._ids.get(message.id);
    if (known && known.message.seq !== null && changeOf(known.message) >= changeOf(message)) return;
    const unnumbered = message.provisional || message.status === "pending" ? Infinity : this.last + 0.5;
    const entry = { at: message.seq ?? unnumbered, message };
    this._changed = true;
    if (known?.at === entry.at) return void (known.message = message);
    if (known) this._remove(message.id);
    let i = this._entries.length;
    while (i && this._entries[i - 1]!.at > entry.at) i--;
    this._entries.splice(i, 0, entry);
    this._ids.set(message.id, entry);
  }

  private _remove(id: string): void {
    const entry = this._ids.get(id);
    if (!entry) return;
    this._changed = true;
    this._ids.delete(id);
    this._entries.splice(this._entries.indexOf(entry), 1);
  }

  private _trim(): void {
    const over = this._entries.length - this._limit;
    if (over <= 0) return;
    for (const { message } of this._entries.splice(0, over)) this._ids.delete(message.id);
    this.hasMore = true;
  }

  /** Puts a page of the past in front. */
  _page(page: { messages: AnyMessage[]; hasMore: boolean }): void {
    for (const message of page.messages) if (!this._ids.has(message.id)) (this._limit++, this._put(message));
    this.hasMore = page.hasMore;
  }
}
