// The messages of a room as a store, with one's own that are on their way.
import type { Connection } from "./connection.js";
import { HubError } from "./errors.js";
import { newId } from "./ids.js";
import { waiting, type Outbox, type Waiting } from "./outbox.js";
import { frozen, type Store } from "./store.js";
import { Timeline, type AnyMessage, type HistoryEvent } from "./timeline.js";
import type { HubTypes, MessageOf, Unsent } from "./types.js";

export interface SendOptions {
  replyTo?: string | { id: string };
  forwarded?: boolean;
  /** One's own key against repeats; else a random one. */
  clientMessageId?: string;
}

/** The messages of a room in their order; one's own that are not stored yet are at the end. */
export interface Messages<H extends HubTypes> extends Store<readonly MessageOf<H>[]> {
  /** Whether there are older ones. */
  readonly hasMore: boolean;
  /** Fetches N older ones (50) in front; says whether there are still more. */
  loadOlder(n?: number): Promise<boolean>;
}

/** One's own message that is on its way, as it is shown. */
interface Own extends Waiting {
  _entry: Unsent<any>;
}

const PAGE = 50;

export class MessageList<H extends HubTypes> extends Timeline<MessageOf<H>> implements Messages<H> {
  private _own = new Map<string, Own>(); // by clientMessageId, in the order of sending

  constructor(
    private _roomId: string,
    private _connection: Connection,
    private _outbox: Outbox,
    historySize: number,
  ) {
    super(historySize);
  }

  override _joined(history: HistoryEvent, seq: number): void {
    super._joined(history, seq);
    history.messages.forEach((message) => this._arrived(message));
    this._publish();
  }

  override _take(event: string, payload: any): boolean {
    if (!super._take(event, payload)) return false;
    if (event === "hub:messageArrived" && payload.message.seq !== null) this._arrived(payload.message);
    if (this._changed) this._publish();
    return true;
  }

  /** A message of one's own that is seen in the room was sent, whatever became of the answer. */
  private _arrived(message: AnyMessage): void {
    const own = this._own.get(message.clientMessageId!);
    if (own && this._outbox._take(own)) own._settle(undefined, { message });
  }

  async loadOlder(n = PAGE): Promise<boolean> {
    for (let tries = 3; ; tries--) {
      const { _passed } = this;
      const payload = { roomId: this._roomId, before: this._first, limit: n };
      const page = await this._connection.call("hub:history", payload);
      if (_passed !== this._passed && tries) continue; // it may show what has changed meanwhile
      this._page(page);
      this._publish();
      return this.hasMore;
    }
  }

  // ---- one's own ----

  send(messageType: string, content: unknown, options: SendOptions = {}): Promise<any> {
    const { clientMessageId = newId(), forwarded, replyTo } = options;
    try {
      content = JSON.parse(JSON.stringify(content)); // as it is now, however late it is sent
    } catch (error) {
      return Promise.reject(new HubError("invalid_content", "hub:send", `${error}`));
    }
    const same = { roomId: this._roomId, messageType, content, clientMessageId };
    const payload = { ...same, forwarded, replyTo: typeof replyTo === "string" ? { id: replyTo } : replyTo };
    const entry: Unsent<any> = {
      ...same,
      id: clientMessageId,
      senderId: null,
      timestamp: new Date().toISOString(),
      seq: null,
      changeSeq: null,
      status: "sending",
    };
    return this._dispatch(payload, entry);
  }

  private _dispatch(payload: object, entry: Unsent<any>): Promise<any> {
    const { clientMessageId } = entry;
    const before = this._own.get(clientMessageId);
    if (before?._entry.status === "sending") return before._settled;
    const own: Own = Object.assign(
      waiting("hub:send", payload, (error, answer) => {
        if (error) own._entry = { ...entry, status: "failed", error };
        else {
          this._own.delete(clientMessageId);
          this._sent(answer.message);
        }
        this._publish();
        return answer?.message;
      }),
      { _entry: entry },
    );
    this._own.set(clientMessageId, own);
    if (!this._outbox.add(own)) {
      this._own.delete(clientMessageId);
      return Promise.reject(new HubError("queue_full", "hub:send"));
    }
    this._publish();
    return own._settled;
  }

  retry(clientMessageId: string): Promise<any> {
    const own = this._own.get(clientMessageId);
    if (!own) return Promise.reject(new HubError("not_found", "hub:send"));
    if (own._entry.status === "sending") return own._settled;
    this._own.delete(clientMessageId);
    const { error, ...entry } = own._entry;
    return this._dispatch(own.payload, { ...entry, status: "sending" });
  }

  /** Takes away one that failed. One that is being sent stays. */
  discard(clientMessageId: string): void {
    if (this._own.get(clientMessageId)?._entry.status !== "failed") return;
    this._own.delete(clientMessageId);
    this._publish();
  }

  private _publish(): void {
    const messages: any[] = this._stored;
    this._changed = false;
    const shown = this._own.size ? new Set(messages.map((message) => message.clientMessageId)) : undefined;
    for (const [id, { _entry }] of this._own) if (!shown!.has(id)) messages.push(_entry);
    this._set(frozen(messages));
  }
}
