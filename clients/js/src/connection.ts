// A connection to a hub over all its transports: it comes back by itself, asks, and says how it is.
import { HubError, isTemporary, type Refusal } from "./errors.js";
import { Tokens, type TokenSource } from "./tokens.js";
import { openWire, type OpenWire, type Wire, type WireOptions } from "./wire.js";

/** How a connection is. */
export type ConnectionState =
  "connecting" | "connected" | "recovering" | "draining" | "unauthorized" | "superseded" | "closed";

export interface ConnectionOptions extends WireOptions {
  token?: TokenSource;
  timeoutMs?: number;
}

/**
 * Called once, with the error or the answer: where it stands among the events, before those that came behind
 * it.
 */
export type Done = (error?: HubError, answer?: any) => unknown;

type Settle = (error?: Refusal | string, answer?: any) => void;

const TIMEOUT_MS = 10000;
const REFUSED_FOR_GOOD = /^(auth_|invalid_token|token_|rejected)/;
const ENDED = /^(unauthorized|superseded|closed)$/;

/** Whom a connection tells how it goes. */
export interface ConnectionOwner {
  /** It is there; requests can be made. */
  _up(): void;
  /** It is gone; what was asked has failed. */
  _down(): void;
  /** It was refused, for good or not: who waits for it need not. */
  _refused(error: HubError): void;
  _became(state: ConnectionState): void;
  /** What the server tells, and for a question the function that answers. */
  _told(event: string, payload: any, answer?: any): void;
}

export class Connection {
  state: ConnectionState = "connecting";
  /** Whether requests can be made. */
  _live = false;
  readonly timeoutMs: number;
  private _wire: Wire;
  private _tokens: Tokens;
  private _asked = new Set<Settle>();
  private _retry?: ReturnType<typeof setTimeout>; // of an attempt that is due, or of one that must not take for ever
  private _attempts = 0;
  private _refusals = 0; // of tokens, in a row
  private _heard = 0; // how often something has arrived
  private _waitMs = 0; // at least, before the next one: what hub:draining has said
  private _greeting = 0; // odd while the server is asked to let us in

  constructor(
    private _options: ConnectionOptions,
    private _owner: ConnectionOwner,
    open: OpenWire = openWire,
  ) {
    this.timeoutMs = _options.timeoutMs ?? TIMEOUT_MS;
    this._tokens = new Tokens(_options.token, () => this._renew());
    this._wire = open(_options, () => this._heard++);
    const { socket } = this._wire;
    socket.auth = (give) => this._greet(give);
    socket.on("connect", () => this._onConnect());
    socket.on("connect_error", (error) => this._onRefused(error));
    socket.on("disconnect", () => this._onLost());
    socket.onAny((event, payload, answer) => this._onEvent(event, payload, answer));
    this._attempt();
  }

  // ---- coming and going ----

  private _attempt(): void {
    clearTimeout(this._retry);
    this._retry = setTimeout(() => {
      this._tokens._forget(); // what gives it may hang
      this._trouble("timeout");
      this._giveUp();
    }, this.timeoutMs * 2);
    if (!(this._greeting & 1)) this._wire.socket.connect();
  }

  /** The attempt has led to nothing. */
  private _giveUp(): void {
    this._wire.socket.disconnect();
    this._onLost();
  }

  private async _greet(give: (auth: object) => void): Promise<void> {
    const greeting = (this._greeting |= 1);
    const { auth } = this._options.socket ?? {};
    try {
      const more = await new Promise<object>((done) => (typeof auth === "function" ? auth(done) : done(auth ?? {})));
      const token = await this._tokens.get();
      if (greeting === this._greeting) give({ ...more, token, clientId: this._options.clientId });
    } catch (error) {
      if (greeting !== this._greeting) return;
      this._trouble(error);
      this._giveUp(); // and the token is asked for again
    }
  }

  /** Says why there is no connection yet; another is tried. */
  private _trouble(cause: any): void {
    this._owner._told("error", new HubError({ code: "disconnected", message: `${cause}`, cause }));
  }

  private _endGreeting(): void {
    this._greeting = (this._greeting | 1) + 1;
    clearTimeout(this._retry);
  }

  private _onConnect(): void {
    this._endGreeting();
    this._refusals = this._attempts = this._waitMs = 0;
    this._live = true;
    this._become("connected");
    this._owner._up();
  }

  private _onLost(): void {
    const was = this._live;
    this._endGreeting();
    this._live = false;
    this._failAll(this._ended ? this._ending() : new HubError("disconnected"));
    if (was) this._owner._down();
    if (this._ended) return;
    if (this.state !== "connecting") this._become("recovering");
    this._retry = setTimeout(() => this._attempt(), Math.max(this._pace(), this._waitMs * (1 + Math.random() / 2)));
  }

  /** How long until another attempt: longer each time, and not the same for everybody. */
  private _pace(): number {
    const {
      reconnectionDelay = 1000,
      reconnectionDelayMax = 5000,
      randomizationFactor = 0.5,
    } = this._options.socket ?? {};
    const ms = Math.min(reconnectionDelay * 2 ** this._attempts++, reconnectionDelayMax);
    return ms * (1 + randomizationFactor * (Math.random() * 2 - 1));
  }

  private _onRefused(error: Error & { data?: Refusal }): void {
    if (this._wire.socket.active) {
      this._trouble(error);
      return this._onLost();
    }
    const code = error.data?.code ?? (error.message === "Invalid namespace" ? "not_found" : "rejected");
    const refusal = new HubError({ ...error.data, code, message: error.message }, "connect");
    if (REFUSED_FOR_GOOD.test(code)) this._tokenRefused(refusal);
    else if (isTemporary(refusal)) this._trouble(refusal);
    else this._owner._refused(refusal);
    this._onLost();
  }

  /** Twice in a row is enough: it waits for setToken() then. */
  private _tokenRefused(error: HubError): void {
    this._tokens._forget();
    if (++this._refusals < 2) return;
    this._end("unauthorized", error);
  }

  /** No attempt is made any more. ERROR is what everybody who waits is told. */
  private _end(state: ConnectionState, error: HubError): void {
    this._become(state);
    this._tokens._forget();
    clearTimeout(this._retry);
    this._failAll(error);
    this._owner._refused(error);
    this._wire.socket.disconnect();
  }

  close(): void {
    if (this.state === "closed") return;
    this._end("closed", new HubError("closed"));
    this._wire._release();
  }

  private _become(state: ConnectionState): void {
    if (this.state === state || this.state === "closed") return;
    this.state = state;
    this._owner._became(state);
  }

  /** Why nothing can be asked. */
  _ending(event?: string): HubError {
    return new HubError("closed", event, `the connection is ${this.state}`);
  }

  // ---- tokens ----

  /** Whether there will be no connection unless somebody does something. */
  get _ended(): boolean {
    return ENDED.test(this.state);
  }

  setToken(source: TokenSource): void {
    this._tokens.set(source);
    if (this.state === "unauthorized") {
      this._refusals = 0;
      this._become("recovering");
      this._attempt();
    } else if (this._live) this._renew(false);
  }

  /** Shows a new token on the open connection; without one the next connection will. */
  private async _renew(another = true): Promise<void> {
    if (another) this._tokens._forget();
    try {
      const token = await this._tokens.get();
      if (token) this._request("hub:refreshToken", { token }, (error) => error && this._onRenewalRefused(error));
    } catch (error) {
      this._trouble(error);
      if (this._live) this._tokens._renewAfter(this._pace());
    }
  }

  private _onRenewalRefused(error: HubError): void {
    if (!this._live) return;
    // A token of somebody else is no renewal: it takes a connection of its own.
    if (error.code === "not_allowed" || REFUSED_FOR_GOOD.test(error.code)) this._giveUp();
    else this._tokens._renewAfter(this._pace());
  }

  // ---- asking and hearing ----

  private _onEvent(event: string, payload: any, answer: any): void {
    if (event === "hub:draining") {
      this._waitMs = payload?.retryAfterMs ?? 0;
      this._become("draining");
    }
    if (event === "hub:error" && payload?.code === "token_expired") this._tokens._forget();
    if (event === "hub:superseded") this._end("superseded", new HubError("closed", "", "superseded"));
    this._owner._told(event, payload, answer);
  }

  /** Asks for EVENT. DONE is called exactly once, at once when there is no connection. */
  _request(event: string, payload: unknown, done: Done, timeoutMs?: number): void {
    if (!this._live || this._ended)
      return void done(this._ended ? this._ending() : new HubError("disconnected", event));
    const heard = this._heard;
    const settle: Settle = (error, answer) => {
      if (!this._asked.delete(settle)) return;
      clearTimeout(timer);
      done(error ? new HubError(error, event) : undefined, answer);
    };
    const timer = setTimeout(() => {
      settle("timeout");
      if (!timeoutMs && heard === this._heard) this._probe();
    }, timeoutMs ?? this.timeoutMs);
    this._asked.add(settle);
    try {
      this._wire.socket.emit(event, payload, (answer: any) =>
        answer?.ok ? settle(undefined, answer) : settle(answer?.error ?? "internal"),
      );
    } catch (error) {
      settle({ code: "invalid_content", message: `${error}` }); // no JSON can say it
    }
  }

  /** Nothing has come for long: asks for what is answered at once, and cuts the line when it is not. */
  private _probe(): void {
    const heard = this._heard;
    const done: Done = (error) => error?.code === "timeout" && heard === this._heard && this._wire._cut();
    this._request("hub:leave", {}, done, this.timeoutMs / 2);
  }

  /** The same as a promise. For what follows from the answer among events: request(). */
  call(event: string, payload: unknown, timeoutMs?: number): Promise<any> {
    return new Promise((done, failed) =>
      this._request(event, payload, (error, answer) => (error ? failed(error) : done(answer)), timeoutMs),
    );
  }

  /** Says something of which the answer does not matter, and which means nothing later. */
  _tell(event: string, payload: unknown): void {
    this._request(event, payload, () => {});
  }

  private _failAll(error: HubError): void {
    for (const settle of [...this._asked]) settle(error);
  }
}
