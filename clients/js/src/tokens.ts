// The token of a connection: asked for when it is needed, kept while it is good, renewed before it ends.

/** A token, or what gives one. */
export type TokenSource =
  string | null | undefined | (() => string | null | undefined | Promise<string | null | undefined>);

const MARGIN_MS = 10000;
const LEAST_MS = 1000; // between two renewals, whatever the clock says
const LONGEST_MS = 2 ** 31 - 1; // of a timer

/** How long a JSON Web Token may be used from now on: till its end less 10 s, or less a tenth of its life where that is
 * more. Undefined for any other token. */
export function renewalIn(token: string): number | undefined {
  const now = Date.now() / 1000;
  try {
    const { exp, iat = now } = JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/")));
    const ms = (exp - now) * 1000 - Math.max(MARGIN_MS, (exp - iat) * 100);
    return exp > 0 ? Math.min(Math.max(ms, LEAST_MS), LONGEST_MS) : undefined;
  } catch {
    return undefined;
  }
}

export class Tokens {
  private _asked?: Promise<string | undefined>;
  private _timer?: ReturnType<typeof setTimeout>;

  /** RENEW is called when it is time for another token. */
  constructor(
    private _source: TokenSource,
    private _renew: () => void,
  ) {}

  /** The token at hand, or a new one. */
  get(): Promise<string | undefined> {
    return (this._asked ??= this._ask());
  }

  private _ask(): Promise<string | undefined> {
    const source = this._source;
    const asked = (async () => (typeof source === "function" ? await source() : source) ?? undefined)();
    asked.then(
      (token) => this._asked === asked && typeof source === "function" && token && this._watch(token),
      () => this._asked === asked && this._forget(),
    );
    return asked;
  }

  private _watch(token: string): void {
    const ms = renewalIn(token);
    if (ms) this._renewAfter(ms);
  }

  /** Asks for a renewal in MS, once. */
  _renewAfter(ms: number): void {
    clearTimeout(this._timer);
    this._timer = setTimeout(this._renew, ms);
  }

  /** The token is of no use any more. */
  _forget(): void {
    this._asked = undefined;
    clearTimeout(this._timer);
  }

  set(source: TokenSource): void {
    this._forget();
    if (typeof this._source !== "function" || typeof source === "function") this._source = source;
    else this._asked = Promise.resolve(source ?? undefined).then((token) => (token && this._watch(token), token));
  }
}
