// What channels, records and collections have in common: one subscription on the wire for all who follow,
// made again by
// every connection, until nobody follows any more or the server ends it.
import type { Connection } from "./connection.js";
import { isTemporary, type HubError } from "./errors.js";
import { callSafely, type Off } from "./store.js";

export interface FollowOptions {
  /** Called when the server ends the subscription: the right to it is gone. */
  onEnd?: (error: HubError) => void;
}

/** Somebody who follows. */
export interface Reader<A extends unknown[]> {
  fn: (...args: A) => void;
  onEnd?: (error: HubError) => void;
  /** It has not been given anything yet. */
  _fresh: boolean;
  _settle?: (error?: HubError) => void;
}

const AGAIN_MS = 1000;

/** SUBSCRIBES and UNSUBSCRIBES are its events; KEY is the argument that names what is followed. */
export abstract class Subscription<A extends unknown[], R extends Reader<A>> {
  protected _readers = new Set<R>();
  /** Whether what comes live is what follows the last answer. */
  protected _following = false;
  private _asks = 0;
  private _asking = false;
  private _again?: ReturnType<typeof setTimeout>;

  constructor(
    readonly id: string,
    protected _connection: Connection,
    private _subscribes: string,
    private _unsubscribes: string,
    private _key: string,
  ) {}

  /** What is asked beside the id. */
  protected abstract _question(): object;
  /** Takes the answer, or what the event tells. */
  protected abstract _answered(answer: any): void;
  /** @internal */
  abstract _take(event: string, payload: any): void;
  /** Nobody follows any more. */
  protected abstract _forget(): void;

  /**
   * Those who are to be told now: all when something has CHANGED, else those who have not been told
   * anything yet.
   */
  protected _due(changed: unknown): R[] {
    const due = [...this._readers].filter(({ _fresh }) => _fresh || changed);
    for (const reader of due) reader._fresh = false;
    return due;
  }

  /** Those who have been given something. */
  protected get _settled(): R[] {
    return [...this._readers].filter(({ _fresh }) => !_fresh);
  }

  /** Tells reader after reader. */
  protected _tell(readers: Iterable<R>, ...args: A): void {
    for (const reader of [...readers]) if (this._readers.has(reader)) callSafely(reader.fn, ...args);
  }

  protected _follow(reader: R): Promise<Off> {
    this._readers.add(reader);
    const settled = new Promise<Off>((done, failed) => {
      reader._settle = (error) => (error ? failed(error) : done(() => this._drop(reader)));
    });
    this._ask();
    return settled;
  }

  private _drop(reader: R): void {
    if (!this._readers.delete(reader) || this._readers.size) return;
    this._connection._tell(this._unsubscribes, { [this._key]: this.id });
    this._stop();
  }

  private _stop(): void {
    clearTimeout(this._again);
    this._asks++;
    this._asking = this._following = false;
    this._forget();
  }

  /**
   * Subscribes, or subscribes again from where it stands. A connection calls it when it is there. @internal
   */
  _ask(): void {
    clearTimeout(this._again);
    if (this._asking || !this._readers.size) return;
    if (!this._connection._live && !this._connection._ended) return;
    this._asking = true;
    const ask = ++this._asks;
    this._connection._request(this._subscribes, { [this._key]: this.id, ...this._question() }, (error, answer) => {
      if (ask !== this._asks) return;
      this._asking = false;
      error ? this._refused(error) : this._begin(answer);
    });
  }

  private _begin(answer: any): void {
    this._following = true;
    this._answered(answer);
    for (const reader of [...this._readers]) if (!reader._fresh) reader._settle?.();
    if ([...this._readers].some(({ _fresh }) => _fresh)) this._ask();
  }

  private _refused(error: HubError): void {
    if (error.code === "disconnected") return;
    if (!isTemporary(error)) return this._end(error);
    this._again = setTimeout(() => this._ask(), error.retryAfterMs ?? AGAIN_MS);
  }

  /** What was missed has to be asked for. */
  protected _gap(): void {
    this._following = false;
    this._ask();
  }

  /** The connection is gone. @internal */
  _lost(): void {
    this._asks++;
    this._asking = this._following = false;
  }

  /** Who still waits for a first answer need not. @internal */
  _refuse(error: HubError): void {
    for (const reader of [...this._readers]) if (reader._fresh && this._readers.delete(reader)) reader._settle?.(error);
    if (!this._readers.size) this._stop();
  }

  /** The subscription is over. @internal */
  _end(error: HubError): void {
    this._refuse(error);
    const readers = [...this._readers];
    this._readers.clear();
    this._stop();
    for (const { onEnd } of readers) if (onEnd) callSafely(onEnd, error);
  }
}
