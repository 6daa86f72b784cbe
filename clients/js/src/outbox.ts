// What waits to be sent: over all rooms a bounded number, in each room in its order, each until it has an
// answer.
import type { Connection } from "./connection.js";
import { HubError, isLost } from "./errors.js";

/** Something that is repeated until it is answered. */
export interface Waiting<P = object> {
  event: string;
  payload: P;
  _settled: Promise<any>;
  /** Called once, with the error or the answer. */
  _settle(error: HubError | undefined, answer?: any): void;
}

/** Makes one, which settles with what THEN makes of the answer. */
export function waiting<P>(
  event: string,
  payload: P,
  then: (error: HubError | undefined, answer: any) => unknown,
): Waiting<P> {
  const item = { event, payload } as Waiting<P>;
  item._settled = new Promise((done, failed) => {
    item._settle = (error, answer) => {
      const result = then(error, answer);
      error ? failed(error) : done(result);
    };
  });
  item._settled.catch(() => {}); // nobody need look
  return item;
}

/** Refusals that tell of the connection, not of what was sent. */
const NOT_NOW = /^(shutting_down|not_in_room|closed)$/;
const AGAIN_MS = 1000; // after an answer that leaves open what became of it

/** How many wait, over all rooms of a client. */
export interface Budget {
  _waiting: number;
  limit: number;
}

/** The outbox of one room. */
export class Outbox {
  private _waiting = new Set<Waiting>();
  private _again?: ReturnType<typeof setTimeout>;

  /**
   * OPEN() says whether the room takes something now; LOST() is called when it turns out that it does not.
   */
  constructor(
    private _connection: Connection,
    private _budget: Budget,
    private _open: () => boolean,
    private _lost: () => void,
  ) {}

  /** Sends it now, or as soon as that is possible. False: too many wait already. */
  add(item: Waiting): boolean {
    if (!this._open() && this._budget._waiting >= this._budget.limit) return false;
    this._waiting.add(item);
    this._budget._waiting++;
    if (this._open()) this._transmit(item);
    return true;
  }

  /** It has been answered, or is not wanted any more. */
  _take(item: Waiting): boolean {
    if (!this._waiting.delete(item)) return false;
    this._budget._waiting--;
    return true;
  }

  /** Sends all that waits, if the room is there. */
  _flush(): void {
    clearTimeout(this._again);
    this._again = undefined;
    if (!this._open()) return;
    for (const item of [...this._waiting]) this._transmit(item);
  }

  private _transmit(item: Waiting): void {
    if (!this._waiting.has(item)) return;
    this._connection._request(item.event, item.payload, (error, answer) => {
      if (error && (isLost(error) || NOT_NOW.test(error.code))) this._repeat(item, error);
      else if (this._take(item)) item._settle(error, answer);
    });
  }

  /** A join that comes sends all that waits; what else was not answered is asked once more. */
  private _repeat(item: Waiting, error: HubError): void {
    if (error.code === "not_in_room") this._lost();
    if (error.code === "timeout" && this._open()) this._transmit(item);
    if (error.outcome) this._again ??= setTimeout(() => this._flush(), AGAIN_MS);
  }

  /** Nothing is sent any more. */
  end(error: HubError): void {
    clearTimeout(this._again);
    for (const item of [...this._waiting]) if (this._take(item)) item._settle(error);
  }
}
