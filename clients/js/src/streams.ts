// Streams of bytes as the web has them: a readable and a writable side, and slow readers slow writers down.
/**
 * `@hubd/client/streams`: bytes to and from commands and other clients.
 *
 * @packageDocumentation
 */
import type { HubClient } from "./client.js";
import { HubError } from "./errors.js";
import { newId } from "./ids.js";
import type { Off } from "./store.js";

const CREDIT = 262144; // bytes of a direction that may be unacknowledged
const PIECE = 65536;
const PIECES = 4096; // the same, however small
const EVENTS = ["Open", "Data", "Ack", "Finish", "Destroy"].map((what) => `hub:stream${what}`);

/** What a stream is opened to. */
export type StreamTarget = { command: string; payload?: unknown } | { clientId: string };

/** Both directions of a stream. */
export class HubStream {
  /** What comes from the other side. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What goes there; closing it finishes this direction, aborting it ends the stream. */
  readonly writable: WritableStream<Uint8Array>;
  private _input!: ReadableStreamDefaultController<Uint8Array>;
  private _output!: WritableStreamDefaultController;
  private _chunks: Uint8Array[] = [];
  private _wanted?: () => void; // the reader waits for bytes
  private _credited?: () => void; // the writer waits for credit
  private _sent = 0;
  private _pieces: number[] = []; // where each ends that was sent and not acknowledged
  private _acknowledged = 0; // of what was sent
  private _taken = 0; // of what came
  private _open = 2; // directions
  private _finished = false; // no more comes
  private _error?: HubError;

  /** KEY is what names the stream on the wire. @internal */
  constructor(
    private _hub: HubClient<any>,
    private _key: { streamId: string; from?: string },
    private _gone: () => void,
  ) {
    this.readable = new ReadableStream(
      {
        start: (input) => void (this._input = input),
        pull: () => this._pull(),
        cancel: (why) => this.destroy(why),
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream({
      start: (output) => void (this._output = output),
      write: (bytes) => this._write(bytes),
      close: () => this._finish(),
      abort: (why) => this.destroy(why),
    });
  }

  /** Ends the stream at once, in both directions. */
  destroy(reason?: unknown): void {
    if (this._error || !this._open) return;
    const error = reason instanceof Error ? reason.message : reason === undefined ? undefined : String(reason);
    this._say("hub:streamDestroy", error === undefined ? {} : { error });
    this._fail(new HubError({ code: "closed", message: error ?? "the stream was destroyed" }));
  }

  private _say(event: string, more: object): void {
    this._hub.call(event, { ...this._key, ...more }).catch((error: HubError) => {
      if (event === "hub:streamData" && error.code !== "timeout") this._fail(error);
    });
  }

  /** The stream has failed. @internal */
  _fail(error: HubError): void {
    if (this._error) return;
    this._error = error;
    this._chunks = [];
    // A side that is over already does not mind.
    for (const side of [this._input, this._output]) {
      try {
        side.error(error);
      } catch {}
    }
    this._wanted?.();
    this._credited?.();
    this._gone();
  }

  private _closeOne(): void {
    if (!--this._open) this._gone();
  }

  // ---- out ----

  private async _write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE) {
      const data = bytes.slice(at, at + PIECE);
      while (
        (this._sent - this._acknowledged + data.length > CREDIT || this._pieces.length >= PIECES) &&
        !this._error
      ) {
        await new Promise<void>((go) => (this._credited = go));
      }
      if (this._error) throw this._error;
      this._say("hub:streamData", { offset: this._sent, data });
      this._sent += data.length;
      this._pieces.push(this._sent);
    }
  }

  private _finish(): void {
    if (this._error) throw this._error;
    this._say("hub:streamFinish", {});
    this._closeOne();
  }

  // ---- in ----

  /** Takes an event of this stream. @internal */
  _take(event: string, { offset, data, error }: any): void {
    if (event === "hub:streamAck") {
      this._acknowledged = Math.max(this._acknowledged, offset);
      while (this._pieces[0]! <= this._acknowledged) this._pieces.shift();
      this._credited?.();
    } else if (event === "hub:streamDestroy") {
      this._fail(new HubError({ code: error?.code ?? error ?? "closed", message: error?.message }, event));
    } else if (event === "hub:streamFinish") this._finished = true;
    else this._chunks.push(data instanceof Uint8Array ? data : new Uint8Array(data));
    this._wanted?.();
  }

  /** Gives the reader the next bytes, which are acknowledged with that. */
  private async _pull(): Promise<void> {
    while (!this._chunks.length && !this._finished && !this._error) {
      await new Promise<void>((go) => (this._wanted = go));
    }
    if (this._error) return;
    const bytes = this._chunks.shift();
    if (bytes) {
      this._taken += bytes.length;
      this._input.enqueue(bytes);
      this._say("hub:streamAck", { offset: this._taken });
    } else {
      this._input.close();
      this._closeOne();
    }
  }
}

/** Decides about a stream that another client opens; what throws refuses it. */
export type StreamHandler = (stream: HubStream, meta: any) => unknown;

/** The streams of a client. */
class Streams {
  handler?: StreamHandler;
  private _all = new Map<string, HubStream>();

  constructor(private _hub: HubClient<any>) {
    for (const event of EVENTS) {
      _hub.on(event, (payload: any, answer?: (answer: object) => void) =>
        event === "hub:streamOpen" ? void this._opened(payload, answer) : this._find(payload)?._take(event, payload),
      );
    }
    _hub.on("state", (state) => {
      if (state === "connected" || state === "draining") return;
      for (const stream of [...this._all.values()]) stream._fail(new HubError("disconnected"));
    });
  }

  private _make(streamId: string, from?: string): HubStream {
    const name = nameOf(streamId, from);
    const stream = new HubStream(this._hub, { streamId, ...(from && { from }) }, () => void this._all.delete(name));
    this._all.set(name, stream);
    return stream;
  }

  /**
   * Ids are the opener's: those of others are told apart by who they are, and one's own are like no other.
   */
  private _find({ streamId, from }: any): HubStream | undefined {
    return this._all.get(nameOf(streamId, from)) ?? this._all.get(nameOf(streamId));
  }

  async open(target: StreamTarget, meta?: unknown): Promise<HubStream> {
    const streamId = newId();
    const stream = this._make(streamId);
    try {
      await this._hub.call("hub:streamOpen", { streamId, target, ...(meta !== undefined && { meta }) });
      return stream;
    } catch (error) {
      stream._fail(error as HubError);
      throw error;
    }
  }

  private async _opened({ streamId, from, meta }: any, answer?: (answer: object) => void): Promise<void> {
    const stream = this._make(streamId, from);
    try {
      if (!this.handler) throw new HubError("feature_disabled", "", "no streams are taken here");
      await this.handler(stream, meta);
      answer?.({ ok: true });
    } catch (error: any) {
      answer?.({
        ok: false,
        error: { code: error?.code ?? "rejected", message: String(error?.message ?? error) },
      });
      stream._fail(new HubError("rejected"));
    }
  }
}

const nameOf = (streamId: string, from = ""): string => `${from} ${streamId}`;
const known = new WeakMap<HubClient<any>, Streams>();

function streamsOf(hub: HubClient<any>): Streams {
  let streams = known.get(hub);
  if (!streams) known.set(hub, (streams = new Streams(hub)));
  return streams;
}

/** Opens a stream to a command or another client; resolves when that has accepted. */
export function openStream(hub: HubClient<any>, target: StreamTarget, meta?: unknown): Promise<HubStream> {
  return streamsOf(hub).open(target, meta);
}

/** Takes the streams that other clients open to this one. */
export function onStream(hub: HubClient<any>, handler: StreamHandler): Off {
  const streams = streamsOf(hub);
  streams.handler = handler;
  return () => void (streams.handler === handler && (streams.handler = undefined));
}
