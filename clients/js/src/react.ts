// React's view of rooms and records: three hooks.
import { useEffect, useState, useSyncExternalStore } from "react";
import type { HubClient } from "./client.js";
import type { HubError } from "./errors.js";
import type { Member } from "./members.js";
import type { HubRecord, RecordOptions } from "./records.js";
import type { JoinOptions, Permissions, Room, RoomStatus } from "./room.js";
import type { Store } from "./store.js";
import type { AnyHub, HubTypes, Lookup, MessageOf } from "./types.js";

const NONE: readonly any[] = Object.freeze([]);
const nowhere = (): (() => void) => () => {};

function useStore<T>(store: Store<T> | undefined, otherwise: T): T {
  const [subscribe] = useStable(store, () => (store ? (changed: () => void) => store.subscribe(changed) : nowhere));
  const value = () => (store ? store.value : otherwise);
  return useSyncExternalStore(subscribe, value, value);
}

/** What MAKE gives, made anew when OF changes. */
function useStable<T>(of: unknown, make: () => T): [T] {
  const [kept, keep] = useState(() => ({ of, made: make() }));
  if (kept.of === of) return [kept.made];
  const next = { of, made: make() };
  keep(next);
  return [next.made];
}

/** A room while a component shows it. */
export interface RoomView<H extends HubTypes> {
  /** Undefined until it is joined. */
  room: Room<H> | undefined;
  messages: readonly MessageOf<H>[];
  status: RoomStatus;
  permissions: Permissions | undefined;
  /** Why it could not be joined. */
  error: HubError | undefined;
}

/** Joins a room while the component is there; null: none. */
export function useRoom<H extends HubTypes = AnyHub>(
  hub: HubClient<H>,
  roomId: string | null,
  options?: JoinOptions,
): RoomView<H> {
  const [joined, set] = useState<{ id: string | null; room?: Room<H>; error?: HubError }>({ id: null });
  useEffect(() => {
    if (roomId === null) return;
    let shown = true;
    const joining = hub.join(roomId, options);
    joining.then(
      (room) => shown && set({ id: roomId, room }),
      (error) => shown && set({ id: roomId, error }),
    );
    return () => {
      shown = false;
      joining.then((room) => room.leave()).catch(() => {});
    };
  }, [hub, roomId]);
  const { room, error } = joined.id === roomId ? joined : { room: undefined, error: undefined };
  return {
    room,
    error,
    messages: useStore<readonly MessageOf<H>[]>(room?.messages, NONE),
    status: useStore<RoomStatus>(room?.status, error ? "refused" : "joining"),
    permissions: useStore<Permissions | undefined>(room?.permissions, undefined),
  };
}

/** A record while a component shows it. */
export interface RecordView<T> {
  /** Undefined until it is known, null where there is none. */
  value: T | null | undefined;
  version: number | undefined;
  error: HubError | undefined;
  /** To write it. */
  record: HubRecord<T>;
}

/** Follows a record while the component is there. */
export function useRecord<H extends HubTypes = AnyHub, N extends string = string>(
  hub: HubClient<H>,
  recordId: N,
  options?: RecordOptions,
): RecordView<Lookup<H["records"], N, "value">> {
  type View = RecordView<Lookup<H["records"], N, "value">>;
  const record = hub.record(recordId) as View["record"];
  const [shown, show] = useState<Omit<View, "record"> & { of?: unknown }>({
    value: undefined,
    version: undefined,
    error: undefined,
  });
  useEffect(() => {
    let there = true;
    const failed = (error: HubError) => there && show({ of: record, value: undefined, version: undefined, error });
    const following = record.subscribe(
      (value, { version }) => there && show({ of: record, value, version, error: undefined }),
      { onEnd: failed, ...options },
    );
    following.catch(failed);
    return () => {
      there = false;
      following.then((off) => off()).catch(() => {});
    };
  }, [record]);
  const { value, version, error } =
    shown.of === record ? shown : { value: undefined, version: undefined, error: undefined };
  return { value, version, error, record };
}

/** Who is in a room, with presence. */
export const usePresence = (room: Room<any> | undefined): readonly Member[] =>
  useStore<readonly Member[]>(room?.members, NONE);
