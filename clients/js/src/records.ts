// Records: the present value, and each change of it, as a whole or by patches.
import type { Connection } from "./connection.js";
import { applyPatch, type Patch } from "./patch.js";
import { Subscription, type FollowOptions, type Reader } from "./subscription.js";
import type { Off } from "./store.js";

/** What comes with a value of a record. */
export interface RecordMeta {
  /** The version that has this value. */
  version: number;
  /** It is not the next version after the one before: the first, or one behind a gap. */
  reset: boolean;
}

export interface RecordOptions extends FollowOptions {
  /** How changes come over the wire: whole (default), or as patches. The first who follows decides. */
  mode?: "full" | "patch";
}

export interface WriteOptions {
  strategy?: "replace" | "merge" | "deepMerge";
  /** The version that it must have; 0: none ever. Else `version_conflict`. */
  ifVersion?: number;
}

export interface Written {
  version: number;
  changed: boolean;
}

/** One step of `hub.transaction()`. */
export type Operation = { recordId: string; ifVersion?: number } & (
  | { op: "write"; value: any; strategy?: WriteOptions["strategy"] }
  | { op: "patch"; patch: Patch }
  | { op: "delete" | "check" }
);

type Changing<T> = { value: T | null | undefined; version: number | undefined };
type Followed = Reader<[value: any, meta: RecordMeta]>;

/** A record; `hub.record()` gives it. */
export class HubRecord<T = any> extends Subscription<[any, RecordMeta], Followed> {
  /** The value, null where there is none; undefined before it is known. Never changed in place. */
  readonly value: T | null | undefined;
  /** Its version. */
  readonly version: number | undefined;
  private _mode: "full" | "patch" = "full";

  /** @internal */
  constructor(id: string, connection: Connection) {
    super(id, connection, "hub:subscribeRecord", "hub:unsubscribeRecord", "recordId");
  }

  /**
   * Calls FN with the value and with each later one, null when it is deleted; resolves when the first is
   * there.
   */
  subscribe(
    fn: (value: T | null, meta: RecordMeta) => void,
    { mode = "full", onEnd }: RecordOptions = {},
  ): Promise<Off> {
    if (!this._readers.size) this._mode = mode;
    return this._follow({ fn, onEnd, _fresh: true });
  }

  /** Reads it once. */
  read(): Promise<{ record: T | null; version: number }> {
    return this._connection.call("hub:readRecord", { recordId: this.id });
  }

  write(value: T, options: WriteOptions = {}): Promise<Written> {
    return this._connection.call("hub:writeRecord", { recordId: this.id, value, ...options });
  }

  /** Changes it by RFC 6902. */
  patch(patch: Patch, options: { ifVersion?: number } = {}): Promise<Written> {
    return this._connection.call("hub:patchRecord", { recordId: this.id, patch, ...options });
  }

  delete(options: { ifVersion?: number } = {}): Promise<Written> {
    return this._connection.call("hub:deleteRecord", { recordId: this.id, ...options });
  }

  protected _question(): object {
    return { mode: this._mode, version: this.version };
  }

  protected _answered(answer: any): void {
    const changed = "record" in answer;
    if (changed) {
      (this as Changing<T>).value = answer.record;
      (this as Changing<T>).version = answer.version;
    }
    this._show(this._due(changed), true);
  }

  private _show(readers: Iterable<Followed>, reset: boolean): void {
    this._tell(readers, this.value, { version: this.version!, reset });
  }

  /** @internal */
  _take(event: string, { version, full, patch }: any): void {
    if (!this._following || version <= this.version!) return;
    const reset = version !== this.version! + 1;
    if (event === "hub:recordDeleted") (this as Changing<T>).value = null;
    else if (full !== undefined) (this as Changing<T>).value = full;
    else {
      try {
        if (reset) throw new Error();
        (this as Changing<T>).value = applyPatch(this.value, patch) as T;
      } catch {
        (this as Changing<T>).version = undefined; // the whole value, please
        return this._gap();
      }
    }
    (this as Changing<T>).version = version;
    this._show(this._settled, reset);
  }

  protected _forget(): void {
    (this as Changing<T>).value = (this as Changing<T>).version = undefined;
  }
}
