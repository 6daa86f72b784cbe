// Values that are watched, and events that are listened to.

/** Ends a subscription; calling it twice is fine. */
export type Off = () => void;

/** A list that is only ever replaced. */
export const frozen = <T>(list: T[] = []): readonly T[] => Object.freeze(list);

/** A value that changes. */
export interface Store<T> {
  /** What it is now. */
  readonly value: T;
  /** Calls FN at once, then after every change. */
  subscribe(fn: (value: T) => void): Off;
}

/** A listener that throws must not keep others from being called, nor break the state behind the event. */
export function callSafely<A extends unknown[]>(fn: (...args: A) => unknown, ...args: A): void {
  try {
    fn(...args);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/**
 * A set of functions to be called. One that is added or removed meanwhile is called, or not, from the next
 * time on.
 */
export class Listeners<A extends unknown[]> {
  private _all = new Set<(...args: A) => void>();

  add(fn: (...args: A) => unknown): Off {
    const entry = (...args: A) => callSafely(fn, ...args); // the same function may be added twice
    this._all.add(entry);
    return () => void this._all.delete(entry);
  }

  call(...args: A): void {
    for (const entry of [...this._all]) if (this._all.has(entry)) entry(...args);
  }
}

/** Listeners by name. */
export class Emitter {
  private _names = new Map<string, Listeners<any[]>>();

  on(name: string, fn: (...args: any[]) => void): Off {
    let listeners = this._names.get(name);
    if (!listeners) this._names.set(name, (listeners = new Listeners()));
    return listeners.add(fn);
  }

  emit(name: string, ...args: unknown[]): void {
    this._names.get(name)?.call(...args);
  }
}

/** A store; its owner sets it. */
export class Cell<T> implements Store<T> {
  private _listeners = new Listeners<[T]>();

  /** @internal */
  constructor(readonly value: T) {}

  /** @internal */
  _set(value: T): void {
    (this as { value: T }).value = value;
    this._listeners.call(value);
  }

  subscribe(fn: (value: T) => void): Off {
    // One that sets it anew has told everybody else already.
    const off = this._listeners.add((now) => now === this.value && fn(now));
    callSafely(fn, this.value);
    return off;
  }
}
