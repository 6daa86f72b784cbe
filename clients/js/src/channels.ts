// Channels: what is published, each message once and in order, over lost connections.
import type { Connection } from "./connection.js";
import { Subscription, type FollowOptions, type Reader } from "./subscription.js";
import type { Off } from "./store.js";

/** What comes with a message of a channel. */
export interface ChannelMeta {
  /** Its number; null for what came from outside, by Redis. */
  offset: number | null;
  at: string;
  publisher?: { id: string; name: string | null };
  /** Messages before this one were missed and are not kept any more. */
  reset: boolean;
}

export interface ChannelOptions extends FollowOptions {
  /** Begin with the last so many messages (at most 1,000). */
  history?: number;
}

interface ChannelReader extends Reader<[data: any, meta: ChannelMeta]> {
  history: number;
}

const MOST = 1000;

/** A channel; `hub.channel()` gives it. */
export class Channel<T = any> extends Subscription<[any, ChannelMeta], ChannelReader> {
  private _offset = 0;
  private _epoch?: string;

  /** @internal */
  constructor(name: string, connection: Connection) {
    super(name, connection, "hub:subscribe", "hub:unsubscribe", "channel");
  }

  /**
   * Calls FN for each message from now on, and for some of the history before; resolves when that has
   * begun.
   */
  subscribe(fn: (data: T, meta: ChannelMeta) => void, options: ChannelOptions = {}): Promise<Off> {
    const { history = 0, onEnd } = options;
    return this._follow({ fn, onEnd, history, _fresh: true });
  }

  /** Publishes; resolves with the number of the message. */
  publish(data: T): Promise<{ offset: number | null }> {
    return this._connection.call("hub:publish", { channel: this.id, data });
  }

  /** Older messages, before an offset. */
  history(
    options: { before?: number; limit?: number } = {},
  ): Promise<{ history: ({ data: T } & ChannelMeta)[]; hasMore: boolean }> {
    return this._connection.call("hub:channelHistory", { channel: this.id, ...options });
  }

  /** Those who were there are shown what they missed; those who are new what they want. */
  private get _resumes(): boolean {
    return !this._following && this._epoch !== undefined;
  }

  protected _question(): object {
    if (this._resumes) return { since: this._offset, epoch: this._epoch, historyLimit: MOST };
    const most = Math.max(...[...this._readers].map(({ _fresh, history }) => (_fresh ? history : 0)));
    return { historyLimit: Math.min(most, MOST) || undefined };
  }

  protected _answered({ history, offset, epoch, recovered }: any): void {
    if (recovered != null) this._resume(history, epoch, recovered);
    else {
      for (const reader of this._readers) {
        if (!reader._fresh) continue;
        reader._fresh = false;
        if (reader.history) for (const message of history.slice(-reader.history)) this._show([reader], message);
      }
    }
    this._offset = offset;
    this._epoch = epoch;
  }

  private _resume(history: any[], epoch: string, recovered: boolean): void {
    let reset = !recovered;
    for (const message of history) {
      if (epoch === this._epoch && message.offset <= this._offset) continue;
      this._show(this._settled, message, reset);
      reset = false;
    }
  }

  private _show(readers: Iterable<ChannelReader>, { data, offset, at, publisher }: any, reset = false): void {
    this._tell(readers, data, { offset, at, publisher, reset });
  }

  /** @internal */
  _take(event: string, message: any): void {
    if (!this._following) return;
    const { offset } = message;
    if (offset !== null) {
      if (offset <= this._offset) return;
      if (offset > this._offset + 1) return this._gap();
      this._offset = offset;
    }
    this._show(this._settled, message);
  }

  protected _forget(): void {
    this._offset = 0;
    this._epoch = undefined;
  }
}
