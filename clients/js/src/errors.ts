// What goes wrong, as one class: the codes of the wire, and four of the client's own.

/** Codes that the client makes itself, beside those of the wire. */
export type ClientErrorCode = "timeout" | "queue_full" | "closed" | "disconnected";

/** What hubd answers beside `ok: false`. */
export interface Refusal {
  code: string;
  message?: string;
  retryAfterMs?: number;
  data?: unknown;
  outcome?: "unknown";
  cause?: unknown;
}

/** Every rejection of this package. */
export class HubError extends Error {
  /**
   * A code of the wire (`rate_limited`, `not_allowed`, …), or `timeout`, `queue_full`, `closed`,
   * `disconnected`.
   */
  declare readonly code: string;
  /** The event that was asked, such as `hub:send`; empty where there is none. */
  declare readonly event: string;
  /** When it makes sense to try again. */
  declare readonly retryAfterMs?: number;
  /** What the answer has as `data`. */
  declare readonly data?: unknown;
  /** `unknown`: it may have been done. */
  declare readonly outcome?: "unknown";

  constructor(refusal: Refusal | string, event = "", text?: string) {
    const more: Refusal = typeof refusal === "string" ? { code: refusal } : refusal;
    const message = text || more.message || more.code;
    super(message);
    Object.assign(this, more, { name: "HubError", event, message });
  }
}

/** Whether what was refused may be granted a little later. */
export const isTemporary = ({ code }: HubError): boolean =>
  /^(timeout|rate_|overloaded|store_|shutting_|internal|script_|handler_)/.test(code);

/** Whether ERROR leaves open what became of the request, so that it has to be asked again. */
export const isLost = ({ code, outcome }: HubError): boolean =>
  code === "disconnected" || code === "timeout" || outcome === "unknown";
