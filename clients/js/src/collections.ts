// Collections: lists of records that the server keeps up to date.
import type { Connection } from "./connection.js";
import { Subscription, type FollowOptions, type Reader } from "./subscription.js";
import { frozen, type Off } from "./store.js";

type Changing<T> = { value: readonly T[] };
type Watcher = Reader<[list: readonly any[]]>;

/** A collection; `hub.collection()` gives it. */
export class Collection<T extends { id: string } = any> extends Subscription<[readonly any[]], Watcher> {
  /** The records in their order, a new frozen array for each change. */
  readonly value: readonly T[] = frozen();
  private _version?: number;

  /** @internal */
  constructor(id: string, connection: Connection) {
    super(id, connection, "hub:subscribeCollection", "hub:unsubscribeCollection", "collectionId");
  }

  /** Calls FN with the list and with each later one; resolves when the first is there. */
  subscribe(fn: (list: readonly T[]) => void, { onEnd }: FollowOptions = {}): Promise<Off> {
    return this._follow({ fn, onEnd, _fresh: true });
  }

  protected _question(): object {
    return { version: this._version };
  }

  protected _answered({ records, version }: any): void {
    this._version = version;
    if (records) (this as Changing<T>).value = frozen(records) as readonly T[];
    this._tell(this._due(records), this.value);
  }

  /** @internal */
  _take(event: string, payload: any): void {
    const { version, reset, records } = payload;
    if (!this._following || version <= this._version!) return;
    if (!reset && version !== this._version! + 1) {
      this._version = undefined;
      return this._gap();
    }
    this._version = version;
    (this as Changing<T>).value = frozen(reset ? records : this._changed(payload));
    this._tell(this._settled, this.value);
  }

  private _changed({ added = [], changed = [], removed = [], order }: any): T[] {
    const byId = new Map(this.value.map((record) => [record.id, record]));
    for (const id of removed) byId.delete(id);
    for (const record of [...changed, ...added]) byId.set(record.id, record);
    return order ? order.map((id: string) => byId.get(id)!).filter(Boolean) : [...byId.values()];
  }

  protected _forget(): void {
    (this as Changing<T>).value = frozen();
    this._version = undefined;
  }
}
