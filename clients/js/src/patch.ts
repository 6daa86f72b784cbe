// RFC 6902, as records need it: a new value that shares with the old one whatever has not changed.

/** An operation of RFC 6902. */
export type PatchOperation =
  | { op: "add" | "replace" | "test"; path: string; value: any }
  | { op: "remove"; path: string }
  | { op: "move" | "copy"; from: string; path: string };
export type Patch = readonly PatchOperation[];

/** A value with a member set, put in or taken out. */
type Change = "add" | "replace" | "remove";

function misfit(): never {
  throw new Error();
}

function keysOf(pointer: string): string[] {
  const [before, ...keys] = typeof pointer === "string" ? pointer.split("/") : misfit();
  return before ? misfit() : keys.map((key) => key.replace(/~1/g, "/").replace(/~0/g, "~"));
}

/** KEY as a member of AT, which has to be there; as an index, behind the last one where MORE is 1. */
function member(at: any, key: string, more = 0): string | number {
  if (!Array.isArray(at)) return at && typeof at === "object" && (more || Object.hasOwn(at, key)) ? key : misfit();
  if (more && key === "-") return at.length;
  return /^(0|[1-9]\d*)$/.test(key) && +key < at.length + more ? +key : misfit();
}

const find = (value: any, keys: string[]): any => keys.reduce((at, key) => at[member(at, key)], value);

function changed(at: any, [key, ...rest]: string[], how: Change, value?: unknown): any {
  if (key === undefined) return how === "remove" ? null : value;
  const place = member(at, key, rest.length || how !== "add" ? 0 : 1);
  const next = rest.length ? changed(at[place], rest, how, value) : value;
  const removed = how === "remove" && !rest.length;
  if (Array.isArray(at)) {
    const copy = at.slice();
    copy.splice(place as number, how === "add" && !rest.length ? 0 : 1, ...(removed ? [] : [next]));
    return copy;
  }
  const copy = { ...at };
  delete copy[place];
  return removed ? copy : { ...at, [place]: next }; // in which __proto__ is a name like any other
}

function equal(a: any, b: any): boolean {
  if (!a || !b || typeof a !== "object" || typeof b !== "object") return a === b;
  const keys = Object.keys(a);
  return (
    Array.isArray(a) === Array.isArray(b) &&
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]))
  );
}

function step(was: unknown, { op, path, from, value }: any): unknown {
  const keys = keysOf(path);
  switch (op) {
    case "add":
    case "replace":
      return changed(was, keys, op, value === undefined ? misfit() : value);
    case "remove":
      return changed(was, keys, op);
    case "test":
      return equal(find(was, keys), value) ? was : misfit();
    case "move":
      if (path.startsWith(from + "/")) misfit();
      return changed(changed(was, keysOf(from), "remove"), keys, "add", find(was, keysOf(from)));
    case "copy":
      return changed(was, keys, "add", find(was, keysOf(from)));
    default:
      return misfit();
  }
}

/** VALUE after PATCH; VALUE itself is not changed. Throws when an operation does not fit. */
export const applyPatch = (value: unknown, patch: Patch): unknown => patch.reduce(step, value);
