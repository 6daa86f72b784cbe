// A hub that answers when the test says so, in the place of the stock client.
import assert from "node:assert/strict";
import { afterEach } from "node:test";
import { HubClient, type ClientOptions } from "../../src/client.js";
import type { AnyHub, HubTypes } from "../../src/types.js";
import type { OpenWire, WireSocket } from "../../src/wire.js";

/** What a client has asked, and how to answer it. */
export interface Asked {
  event: string;
  payload: any;
  answer: (answer: object) => void;
}

export class FakeSocket implements WireSocket {
  active = false;
  connected = false;
  auth: any;
  /** What was asked and not taken by next() yet. */
  asked: Asked[] = [];
  /** How often it has tried to connect. */
  attempts = 0;
  cuts = 0;
  released = false;
  heard: () => void = () => {};
  private handlers = new Map<string, (...args: any[]) => void>();
  private any: (event: string, ...args: any[]) => void = () => {};

  on(event: string, fn: (...args: any[]) => void): void {
    this.handlers.set(event, fn);
  }
  onAny(fn: (event: string, ...args: any[]) => void): void {
    this.any = fn;
  }
  connect(): void {
    this.active = true;
    this.attempts++;
  }
  disconnect(): void {
    this.active = false;
    if (!this.connected) return;
    this.connected = false;
    this.handlers.get("disconnect")!("io client disconnect");
  }
  emit(event: string, payload: any, answer: (answer: object) => void): void {
    assert.ok(this.connected, `${event} was emitted without a connection: the stock client would keep it`);
    this.asked.push({
      event,
      payload: JSON.parse(JSON.stringify(payload)),
      answer: (what) => (this.heard(), answer(what)),
    });
  }

  // ---- the side of the hub ----

  /** Asks who it is, as a connection does that has opened. */
  greeting(): Promise<any> {
    return new Promise((done) => this.auth(done));
  }
  accept(): void {
    this.connected = true;
    this.handlers.get("connect")!();
  }
  refuse(code: string, message = code): void {
    this.active = false;
    this.handlers.get("connect_error")!(Object.assign(new Error(message), { data: code ? { code } : undefined }));
  }
  unreachable(): void {
    this.handlers.get("connect_error")!(new Error("websocket error"));
  }
  drop(): void {
    this.connected = false;
    this.handlers.get("disconnect")!("transport close");
  }
  tell(event: string, payload: any, answer?: (answer: object) => void): void {
    this.heard();
    this.any(event, payload, ...(answer ? [answer] : []));
  }

  /** The next request of EVENT, which must be there. */
  next(event: string): Asked {
    const at = this.asked.findIndex((one) => one.event === event);
    assert.notEqual(
      at,
      -1,
      `${event} was not asked; ${JSON.stringify(this.asked.map((one) => [one.event, one.payload]))}`,
    );
    return this.asked.splice(at, 1)[0]!;
  }
}

export const RIGHTS = {
  canRead: true,
  canSend: true,
  moderated: false,
  canModerate: false,
  canDeleteAny: false,
  canManageRoom: false,
  allowedMessageTypes: [],
};

/** A message of room r1. */
export const message = (seq: number | null, more: object = {}): any => ({
  id: `m${seq}`,
  roomId: "r1",
  senderId: "bob",
  messageType: "text",
  content: { body: `message ${seq}` },
  timestamp: "2026-01-01T00:00:00.000Z",
  status: "approved",
  seq,
  changeSeq: seq,
  ...more,
});

const clients = new Set<HubClient<any>>();
afterEach(() => {
  for (const client of clients) client.close();
  clients.clear();
});

/** A client on a fake socket; it is closed behind the test. */
export function fake<H extends HubTypes = AnyHub>(
  options: Partial<ClientOptions> = {},
): { hub: HubClient<H>; socket: FakeSocket } {
  const socket = new FakeSocket();
  const open: OpenWire = (_, heard) => {
    socket.heard = heard;
    return {
      socket,
      _cut: () => (socket.cuts++, socket.connected && socket.drop()),
      _release: () => void (socket.released = true),
    };
  };
  const hub = new HubClient<H>({ hub: "chat", ...options }, open);
  clients.add(hub);
  return { hub, socket };
}

/** The same, connected. */
export function connected<H extends HubTypes = AnyHub>(
  options?: Partial<ClientOptions>,
): { hub: HubClient<H>; socket: FakeSocket } {
  const one = fake<H>(options);
  one.socket.accept();
  return one;
}

/** Answers a join, with a history where there is one. */
export function admit(socket: FakeSocket, { seq = 0, epoch = "e1", history, answer = {}, ...more }: any = {}): Asked {
  const join = socket.next("hub:join");
  const { roomId } = join.payload;
  const recovered = history?.recovered ?? (join.payload.since === undefined ? null : true);
  const joined = {
    roomId,
    hubRole: "member",
    permissions: RIGHTS,
    silenced: false,
    seq,
    epoch,
    memberCount: 1,
    recovered,
    ...answer,
  };
  join.answer({ ok: true, ...joined });
  socket.tell("hub:joined", joined);
  if (history !== null)
    socket.tell("hub:history", { roomId, messages: [], hasMore: false, recovered, ...history, ...more });
  const behind = socket.asked.find(({ event }) => event === "hub:leave");
  if (behind)
    socket.next("hub:leave").answer({ ok: false, error: { code: "bad_request", message: "roomId is missing" } });
  return join;
}

/** A client that has joined room r1. */
export async function joined<H extends HubTypes = AnyHub>(options?: Partial<ClientOptions>, how?: any) {
  const one = connected<H>(options);
  const joining = one.hub.join("r1");
  admit(one.socket, how);
  return { ...one, room: await joining };
}

/** A clock that the test turns, until its end: for timers, and for Date.now(). */
export function turned(t: { after(fn: () => void): void }, now = 1e12): { tick(ms: number): void } {
  const { setTimeout, clearTimeout } = globalThis;
  const real = Date.now;
  const timers = new Map<number, { at: number; fn: () => void }>();
  let made = 0;
  Object.assign(globalThis, {
    setTimeout: (fn: () => void, ms = 0) => (timers.set(++made, { at: now + ms, fn }), made),
    clearTimeout: (timer: any) => (typeof timer === "number" ? timers.delete(timer) : clearTimeout(timer)),
  });
  Date.now = () => now;
  t.after(() => {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    Date.now = real;
  });
  return {
    tick(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = [...timers].filter(([, { at }]) => at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b);
        if (!next) break;
        timers.delete(next[0]);
        now = Math.max(now, next[1].at);
        next[1].fn();
      }
      now = end;
    },
  };
}

/** Lets what is due after promises happen. */
export const turn = (): Promise<void> => new Promise((done) => setImmediate(done));
